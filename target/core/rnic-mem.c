/* SPDX-License-Identifier: BSD-3-Clause */
/* See rnic-mem.h. */
#include "target/core/rnic-mem.h"

#include <string.h>

struct rnic_map {
	struct rnic_map *retired;
	unsigned n;
	struct rnic_region regions[];
};

static struct rnic_mem *mem_of(struct mem_watcher *w)
{
	return (struct rnic_mem *)((char *)w - offsetof(struct rnic_mem, watcher));
}

static struct rnic_map *new_map(unsigned n)
{
	struct rnic_map *map =
		g_malloc0(sizeof(struct rnic_map) + n * sizeof(struct rnic_region));

	map->n = n;
	return map;
}

static bool is_held(struct rnic_mem *mem, const struct rnic_map *map)
{
	for (unsigned i = 0; i < CORE_MAX_REACTORS; i++) {
		if (atomic_load(&mem->held[i]) == map)
			return true;
	}
	return false;
}

static void replace_map(struct rnic_mem *mem, struct rnic_map *map)
{
	struct rnic_map *old = atomic_exchange(&mem->map, map), **p = &mem->retired;

	old->retired = mem->retired;
	mem->retired = old;
	while (*p != NULL) {
		struct rnic_map *m = *p;

		if (is_held(mem, m)) {
			p = &m->retired;
			continue;
		}
		*p = m->retired;
		g_free(m);
	}
}

static int attach(struct mem_watcher *w, const struct mem_chunk *chunk)
{
	struct rnic_mem *mem = mem_of(w);
	const struct rnic_map *old = atomic_load(&mem->map);
	const struct hw_rnic_ops *ops = mem->hw->rnic->ops;
	struct rnic_region region = { .base = chunk->base,
				      .len = chunk->len,
				      .iova = chunk->iova };
	struct rnic_map *map;
	unsigned at = 0;
	int rc = ops->mr_reg(mem->pd, chunk->base, chunk->len, chunk->iova, mem->access,
			     &region.mr);

	if (rc < 0)
		return rc;
	region.lkey = ops->mr_lkey(region.mr);
	region.rkey = ops->mr_rkey(region.mr);
	while (at < old->n && old->regions[at].base < region.base)
		at++;
	map = new_map(old->n + 1);
	memcpy(map->regions, old->regions, at * sizeof(region));
	map->regions[at] = region;
	memcpy(map->regions + at + 1, old->regions + at, (old->n - at) * sizeof(region));
	replace_map(mem, map);
	atomic_store(&mem->regions, map->n);
	atomic_fetch_add(&mem->bytes, region.len);
	return 0;
}

static void detach(struct mem_watcher *w, const struct mem_chunk *chunk)
{
	struct rnic_mem *mem = mem_of(w);
	const struct rnic_map *old = atomic_load(&mem->map);
	struct rnic_map *map;
	struct rnic_mr *mr;
	unsigned at = 0;

	while (at < old->n && old->regions[at].base != chunk->base)
		at++;
	g_assert(at < old->n);
	mr = old->regions[at].mr;
	map = new_map(old->n - 1);
	memcpy(map->regions, old->regions, at * sizeof(map->regions[0]));
	memcpy(map->regions + at, old->regions + at + 1, (map->n - at) * sizeof(map->regions[0]));
	replace_map(mem, map);
	atomic_store(&mem->regions, map->n);
	atomic_fetch_sub(&mem->bytes, chunk->len);
	mem->hw->rnic->ops->mr_dereg(mr);
}

static void free_maps(struct rnic_mem *mem)
{
	replace_map(mem, NULL);
	while (mem->retired != NULL) {
		struct rnic_map *map = mem->retired;

		mem->retired = map->retired;
		g_free(map);
	}
}

int rnic_mem_open(struct rnic_mem *mem, const struct hw *hw, struct rnic_pd *pd, int access)
{
	int rc;

	*mem = (struct rnic_mem){ .watcher = { .attach = attach, .detach = detach },
				  .hw = hw,
				  .pd = pd,
				  .access = access };
	atomic_init(&mem->map, new_map(0));
	rc = hw->mem->ops->watch(hw->mem, &mem->watcher);
	if (rc < 0)
		free_maps(mem); /* nothing stays attached */
	return rc;
}

void rnic_mem_close(struct rnic_mem *mem)
{
	mem->hw->mem->ops->unwatch(mem->hw->mem, &mem->watcher);
	free_maps(mem);
}

/* The map as it is now, held by this reactor. */
static const struct rnic_map *hold(struct rnic_mem *mem, unsigned index)
{
	struct rnic_map *map = atomic_load(&mem->map);

	while (atomic_load_explicit(&mem->held[index], memory_order_relaxed) != map) {
		atomic_store(&mem->held[index], map);
		map = atomic_load(&mem->map);
	}
	return map;
}

const struct rnic_region *rnic_mem_find(struct rnic_mem *mem, unsigned index, const void *ptr,
					size_t len)
{
	const struct rnic_map *map = hold(mem, index);
	const uint8_t *p = ptr;
	unsigned low = 0, high = map->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;
		const struct rnic_region *r = &map->regions[mid];

		if (p < r->base)
			high = mid;
		else if ((size_t)(p - r->base) >= r->len)
			low = mid + 1;
		else
			return len <= r->len - (size_t)(p - r->base) ? r : NULL;
	}
	return NULL;
}
