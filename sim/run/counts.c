/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run/counts.h"

#include <glib.h>
#include <string.h>

struct count {
	char *name;
	uint64_t n;
};

struct counts {
	GPtrArray *list;     /* struct count */
	GHashTable *by_name; /* look-up only */
};

static void count_free(void *p)
{
	struct count *c = p;

	g_free(c->name);
	g_free(c);
}

struct counts *counts_new(void)
{
	struct counts *c = g_new(struct counts, 1);

	c->list = g_ptr_array_new_with_free_func(count_free);
	c->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	return c;
}

void counts_free(struct counts *c)
{
	if (c == NULL)
		return;
	g_hash_table_unref(c->by_name);
	g_ptr_array_unref(c->list);
	g_free(c);
}

void counts_add(struct counts *c, const char *name, uint64_t n)
{
	struct count *e = g_hash_table_lookup(c->by_name, name);

	if (e == NULL) {
		e = g_new0(struct count, 1);
		e->name = g_strdup(name);
		g_ptr_array_add(c->list, e);
		g_hash_table_insert(c->by_name, e->name, e);
	}
	e->n += n;
}

uint64_t counts_get(const struct counts *c, const char *name)
{
	const struct count *e = g_hash_table_lookup(c->by_name, name);

	return e != NULL ? e->n : 0;
}

bool counts_has(const struct counts *c, const char *name)
{
	return g_hash_table_contains(c->by_name, name);
}

unsigned counts_len(const struct counts *c)
{
	return c->list->len;
}

const char *counts_at(const struct counts *c, unsigned i, uint64_t *n)
{
	const struct count *e = c->list->pdata[i];

	if (n != NULL)
		*n = e->n;
	return e->name;
}

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct count *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void counts_sort(struct counts *c)
{
	g_ptr_array_sort(c->list, by_name);
}

uint64_t counts_sum(const struct counts *c, const char *prefix)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->list->len; i++) {
		const struct count *e = c->list->pdata[i];

		if (g_str_has_prefix(e->name, prefix))
			sum += e->n;
	}
	return sum;
}
