/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run/run-priv.h"

struct map {
	struct oracle_block_ns *ns;
	uint64_t blocks;
	uint16_t *readers;
	uint8_t *writers, *meeting; /* of the writers, those that may meet */
};

struct kept {
	struct run_range range;
	struct run_host *h;
	uint64_t incarnation;
};

struct run_ranges {
	GPtrArray *maps; /* struct map */
	GArray *kept;
};

static void map_free(void *p)
{
	struct map *m = p;

	g_free(m->readers);
	g_free(m->writers);
	g_free(m->meeting);
	g_free(m);
}

struct run_ranges *run_ranges_new(void)
{
	struct run_ranges *r = g_new(struct run_ranges, 1);

	r->maps = g_ptr_array_new_with_free_func(map_free);
	r->kept = g_array_new(FALSE, FALSE, sizeof(struct kept));
	return r;
}

void run_ranges_free(struct run_ranges *r)
{
	g_ptr_array_unref(r->maps);
	g_array_unref(r->kept);
	g_free(r);
}

static struct map *map_of(struct run_ranges *r, struct oracle_block_ns *ns)
{
	for (unsigned i = 0; i < r->maps->len; i++) {
		struct map *m = r->maps->pdata[i];

		if (m->ns == ns)
			return m;
	}
	return NULL;
}

bool run_range_get(struct run_ranges *r, const struct run_range *range, uint64_t ns_blocks)
{
	struct map *m = map_of(r, range->ns);

	if (m == NULL) {
		m = g_new0(struct map, 1);
		m->ns = range->ns;
		m->blocks = ns_blocks;
		m->readers = g_new0(uint16_t, ns_blocks);
		m->writers = g_new0(uint8_t, ns_blocks);
		m->meeting = g_new0(uint8_t, ns_blocks);
		g_ptr_array_add(r->maps, m);
	}
	if (range->lba + range->blocks > m->blocks)
		return false;
	for (uint64_t i = range->lba; i < range->lba + range->blocks; i++) {
		if (m->writers[i] > (range->meets ? m->meeting[i] : 0) ||
		    m->writers[i] == UINT8_MAX || (range->write && m->readers[i] > 0))
			return false;
	}
	for (uint64_t i = range->lba; i < range->lba + range->blocks; i++) {
		m->meeting[i] += range->meets;
		if (range->write)
			m->writers[i]++;
		else
			m->readers[i]++;
	}
	return true;
}

void run_range_put(struct run_ranges *r, struct run_range *range)
{
	struct map *m = range->ns != NULL ? map_of(r, range->ns) : NULL;

	if (m == NULL)
		return;
	for (uint64_t i = range->lba; i < range->lba + range->blocks; i++) {
		m->meeting[i] -= range->meets;
		if (range->write)
			m->writers[i]--;
		else
			m->readers[i]--;
	}
	range->ns = NULL;
}

void run_range_keep(struct run_ranges *r, struct run_range *range, struct run_host *h)
{
	const struct kept k = { *range, h, h->incarnation };

	if (range->ns != NULL)
		g_array_append_val(r->kept, k);
	range->ns = NULL;
}

void run_ranges_fenced(struct run *run, struct run_host *h)
{
	struct run_ranges *r = run->ranges;
	uint64_t fenced = h->incarnation - (h->live ? 1 : 0);

	for (unsigned i = 0; i < r->kept->len;) {
		struct kept *k = &g_array_index(r->kept, struct kept, i);

		/* Of an incarnation before: what is of this one may still be under way. */
		if (k->h != h || k->incarnation > fenced) {
			i++;
			continue;
		}
		oracle_block_fence(run->block, (uint64_t)h->index << 32 | k->incarnation);
		run_range_put(r, &k->range);
		g_array_remove_index(r->kept, i);
	}
}
