/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hw/mem.h: chunks with I/O virtual addresses in the order of allocation. Each
 * lies between pages without access, and is unmapped when freed: whoever runs
 * over its end, or uses it later, crashes on the spot.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/priv.h"

#define SIM_PAGE 4096u

struct sim_chunk {
	struct mem_chunk chunk;
	struct sim_chunk *next, **prev;
	void *map;
	size_t map_len;
};

static struct node_mem *self(struct hw_mem *mem)
{
	return container(mem, struct node_mem, mem);
}

static size_t round_up(size_t v, size_t to)
{
	return (v + to - 1) / to * to;
}

/* Tells the watchers in order; on an error those told already are told otherwise. */
static int attach_all(struct node_mem *m, const struct mem_chunk *chunk)
{
	for (struct mem_watcher *w = m->watchers; w; w = w->next) {
		int ret = w->attach(w, chunk);

		if (ret == 0)
			continue;
		for (struct mem_watcher *u = m->watchers; u != w; u = u->next)
			u->detach(u, chunk);
		return ret;
	}
	return 0;
}

static int sim_mem_alloc(struct hw_mem *mem, size_t len, struct mem_chunk **out)
{
	struct node_mem *m = self(mem);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sim_chunk *c;
	int ret;

	if (len == 0)
		return -EINVAL;
	if (len > SIZE_MAX / 2 || sim_fault(m->node, "mem.alloc"))
		return -ENOMEM;
	c = g_new0(struct sim_chunk, 1);
	c->chunk.len = round_up(len, SIM_PAGE);
	c->map_len = round_up(c->chunk.len, page) + 2 * page;
	c->map = mmap(NULL, c->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		      0);
	if (c->map == MAP_FAILED) {
		g_free(c);
		return -ENOMEM;
	}
	c->chunk.base = (char *)c->map + page;
	if (mprotect(c->chunk.base, c->map_len - 2 * page, PROT_READ | PROT_WRITE) < 0) {
		ret = -ENOMEM;
		goto unmap;
	}
	c->chunk.iova = m->next_iova;
	ret = attach_all(m, &c->chunk);
	if (ret < 0)
		goto unmap;
	m->next_iova += c->chunk.len + SIM_PAGE;
	c->next = m->chunks;
	c->prev = &m->chunks;
	if (c->next)
		c->next->prev = &c->next;
	m->chunks = c;
	m->nchunks++;
	m->bytes += c->chunk.len;
	world_trace(m->node->world, WORLD_MEM_ALLOC, m->node->index, c->chunk.iova, c->chunk.len);
	*out = &c->chunk;
	return 0;
unmap:
	munmap(c->map, c->map_len);
	g_free(c);
	return ret;
}

static int sim_mem_alloc_on(struct hw_mem *mem, size_t len, int node, struct mem_chunk **out)
{
	(void)node; /* all is equally near here */
	return sim_mem_alloc(mem, len, out);
}

static void chunk_free(struct node_mem *m, struct sim_chunk *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	m->nchunks--;
	m->bytes -= c->chunk.len;
	munmap(c->map, c->map_len);
	g_free(c);
}

static void sim_mem_free(struct hw_mem *mem, struct mem_chunk *chunk)
{
	struct node_mem *m = self(mem);

	if (!chunk)
		return;
	world_trace(m->node->world, WORLD_MEM_FREE, m->node->index, chunk->iova, chunk->len);
	for (struct mem_watcher *w = m->watchers; w; w = w->next)
		w->detach(w, chunk);
	chunk_free(m, container(chunk, struct sim_chunk, chunk));
}

static int sim_mem_watch(struct hw_mem *mem, struct mem_watcher *w)
{
	struct node_mem *m = self(mem);

	for (struct sim_chunk *c = m->chunks; c; c = c->next) {
		int ret = w->attach(w, &c->chunk);

		if (ret == 0)
			continue;
		for (struct sim_chunk *u = m->chunks; u != c; u = u->next)
			w->detach(w, &u->chunk);
		return ret;
	}
	w->next = NULL;
	*m->watchers_tail = w;
	m->watchers_tail = &w->next;
	m->nwatchers++;
	return 0;
}

static void sim_mem_unwatch(struct hw_mem *mem, struct mem_watcher *w)
{
	struct node_mem *m = self(mem);
	struct mem_watcher **p = &m->watchers;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	if (m->watchers_tail == &w->next)
		m->watchers_tail = p;
	m->nwatchers--;
	for (struct sim_chunk *c = m->chunks; c; c = c->next)
		w->detach(w, &c->chunk);
}

static size_t sim_mem_in_use(struct hw_mem *mem)
{
	return self(mem)->bytes;
}

void sim_mem_fini(struct node_mem *m)
{
	while (m->chunks)
		chunk_free(m, m->chunks);
}

const struct hw_mem_ops sim_mem_ops = {
	.alloc = sim_mem_alloc,
	.free = sim_mem_free,
	.watch = sim_mem_watch,
	.unwatch = sim_mem_unwatch,
	.in_use = sim_mem_in_use,
	.alloc_on = sim_mem_alloc_on,
};
