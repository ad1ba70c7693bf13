/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracle X. See exact.h. */
#include "sim/oracle/exact.h"

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>

struct queue {
	uint64_t number;
	bool gone;
	GHashTable *ids; /* outstanding; NULL: gone, and none is left */
};

struct oracle_exact {
	GPtrArray *queues; /* struct queue, in order of appearance */
	GHashTable *by_number;
};

static void queue_free(void *p)
{
	struct queue *q = p;

	if (q->ids != NULL)
		g_hash_table_destroy(q->ids);
	g_free(q);
}

static struct queue *queue_get(struct oracle_exact *o, uint64_t number)
{
	struct queue *q = g_hash_table_lookup(o->by_number, &number);

	if (q != NULL)
		return q;
	q = g_new0(struct queue, 1);
	q->number = number;
	q->ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_hash_table_insert(o->by_number, &q->number, q);
	g_ptr_array_add(o->queues, q);
	return q;
}

static char *say(const struct queue *q, uint64_t id, const char *what)
{
	return g_strdup_printf("X: queue %" PRIu64 ", command %" PRIu64 " %s", q->number, id, what);
}

char *oracle_exact_submitted(struct oracle_exact *o, uint64_t queue, uint64_t id)
{
	struct queue *q = queue_get(o, queue);
	uint64_t *key;

	if (q->gone)
		return say(q, id, "was accepted after the queue's end");
	if (g_hash_table_contains(q->ids, &id))
		return say(q, id, "was submitted while it is outstanding");
	key = g_new(uint64_t, 1);
	*key = id;
	g_hash_table_add(q->ids, key);
	return NULL;
}

char *oracle_exact_completed(struct oracle_exact *o, uint64_t queue, uint64_t id)
{
	struct queue *q = queue_get(o, queue);

	if (q->gone)
		return say(q, id, "was completed after the queue's end");
	if (!g_hash_table_remove(q->ids, &id))
		return say(q, id, "was completed while it is idle");
	return NULL;
}

/* The smallest, so that the text does not depend on the order of a table. */
static char *first_open(const struct queue *q)
{
	uint64_t least = UINT64_MAX;
	GHashTableIter it;
	void *key;

	if (q->ids == NULL || g_hash_table_size(q->ids) == 0)
		return NULL;
	g_hash_table_iter_init(&it, q->ids);
	while (g_hash_table_iter_next(&it, &key, NULL))
		least = MIN(least, *(uint64_t *)key);
	return say(q, least, "was never completed");
}

char *oracle_exact_queue_gone(struct oracle_exact *o, uint64_t queue)
{
	struct queue *q = queue_get(o, queue);

	q->gone = true;
	if (q->ids != NULL && g_hash_table_size(q->ids) == 0)
		g_clear_pointer(&q->ids, g_hash_table_destroy);
	return first_open(q);
}

char *oracle_exact_all_done(struct oracle_exact *o)
{
	for (unsigned i = 0; i < o->queues->len; i++) {
		char *text = first_open(g_ptr_array_index(o->queues, i));

		if (text != NULL)
			return text;
	}
	return NULL;
}

struct oracle_exact *oracle_exact_new(void)
{
	struct oracle_exact *o = g_new(struct oracle_exact, 1);

	o->queues = g_ptr_array_new_with_free_func(queue_free);
	o->by_number = g_hash_table_new(g_int64_hash, g_int64_equal);
	return o;
}

void oracle_exact_free(struct oracle_exact *o)
{
	if (o == NULL)
		return;
	g_hash_table_destroy(o->by_number);
	g_ptr_array_free(o->queues, TRUE);
	g_free(o);
}
