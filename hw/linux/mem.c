/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks are anonymous mappings; pages come into being when they are touched.
 *
 * IOVAs are handed out in the order of allocation and never again, with a gap
 * after each chunk, so that an access beyond its end hits nothing. Watchers are
 * called with the lock held: that is what makes "told of every chunk" true for
 * one that arrives during an allocation, and why they must not allocate.
 */
#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hw/linux/internal.h"

#define IOVA_FIRST UINT64_C(0x100000000)
#define IOVA_ALIGN UINT64_C(0x200000)
#define NODES_MAX 1024
#define BITS ((int)(sizeof(unsigned long) * CHAR_BIT))

struct linux_chunk {
	struct mem_chunk chunk;
	struct linux_chunk *next;
};

struct linux_mem {
	struct hw_mem mem;
	pthread_mutex_t lock; /* not a GMutex, which ThreadSanitizer does not see */
	struct linux_chunk *chunks;
	struct mem_watcher *watchers;
	uint64_t next_iova;
	size_t in_use;
	size_t page;
};

/* On failure those that were told are told of the end again. */
static int attach_all(struct linux_mem *m, const struct mem_chunk *chunk)
{
	for (struct mem_watcher *w = m->watchers; w != NULL; w = w->next) {
		int rc = w->attach(w, chunk);

		if (rc == 0)
			continue;
		for (struct mem_watcher *u = m->watchers; u != w; u = u->next)
			u->detach(u, chunk);
		return rc;
	}
	return 0;
}

/*
 * Devices that come later have their regions made, and so pages touched, by the main thread.
 * What cannot be had is done without.
 */
static void prefer(void *base, size_t len, int node)
{
	unsigned long mask[NODES_MAX / BITS] = { 0 };
	int mode;

	if (node < 0 || node >= NODES_MAX ||
	    syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) != 0 || mode != MPOL_DEFAULT)
		return;
	mask[node / BITS] |= 1ul << node % BITS;
	/* The kernel looks at one bit less than it is told of. */
	syscall(SYS_mbind, base, len, MPOL_PREFERRED, mask, (unsigned long)node + 2, 0);
}

static int mem_alloc_on(struct hw_mem *mem, size_t len, int node, struct mem_chunk **out)
{
	struct linux_mem *m = (struct linux_mem *)mem;
	struct linux_chunk *c;
	int rc;

	if (len == 0)
		return -EINVAL;
	if (len > SIZE_MAX / 2)
		return -ENOMEM;
	len = (len + m->page - 1) & ~(m->page - 1);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->chunk.len = len;
	c->chunk.base = mmap(NULL, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->chunk.base == MAP_FAILED) {
		free(c);
		return -ENOMEM;
	}
	prefer(c->chunk.base, len, node);
	pthread_mutex_lock(&m->lock);
	c->chunk.iova = m->next_iova;
	m->next_iova += ((len + IOVA_ALIGN - 1) & ~(IOVA_ALIGN - 1)) + IOVA_ALIGN;
	rc = attach_all(m, &c->chunk);
	if (rc == 0) {
		c->next = m->chunks;
		m->chunks = c;
		m->in_use += len;
		*out = &c->chunk;
	}
	pthread_mutex_unlock(&m->lock);
	if (rc != 0) {
		munmap(c->chunk.base, len);
		free(c);
	}
	return rc;
}

static int mem_alloc(struct hw_mem *mem, size_t len, struct mem_chunk **out)
{
	return mem_alloc_on(mem, len, -1, out);
}

static void mem_free(struct hw_mem *mem, struct mem_chunk *chunk)
{
	struct linux_mem *m = (struct linux_mem *)mem;
	struct linux_chunk **link;

	if (chunk == NULL)
		return;
	pthread_mutex_lock(&m->lock);
	for (link = &m->chunks; *link != NULL && &(*link)->chunk != chunk; link = &(*link)->next)
		;
	g_assert(*link != NULL);
	*link = (*link)->next;
	for (struct mem_watcher *w = m->watchers; w != NULL; w = w->next)
		w->detach(w, chunk);
	m->in_use -= chunk->len;
	pthread_mutex_unlock(&m->lock);
	munmap(chunk->base, chunk->len);
	free((struct linux_chunk *)chunk);
}

static int mem_watch(struct hw_mem *mem, struct mem_watcher *w)
{
	struct linux_mem *m = (struct linux_mem *)mem;
	struct linux_chunk *c;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	for (c = m->chunks; c != NULL && rc == 0; c = c->next) {
		rc = w->attach(w, &c->chunk);
		if (rc == 0)
			continue;
		for (struct linux_chunk *u = m->chunks; u != c; u = u->next)
			w->detach(w, &u->chunk);
	}
	if (rc == 0) {
		struct mem_watcher **tail = &m->watchers;

		while (*tail != NULL)
			tail = &(*tail)->next;
		w->next = NULL;
		*tail = w;
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static void mem_unwatch(struct hw_mem *mem, struct mem_watcher *w)
{
	struct linux_mem *m = (struct linux_mem *)mem;
	struct mem_watcher **link;

	pthread_mutex_lock(&m->lock);
	for (link = &m->watchers; *link != NULL && *link != w; link = &(*link)->next)
		;
	if (*link != NULL) {
		*link = w->next;
		for (struct linux_chunk *c = m->chunks; c != NULL; c = c->next)
			w->detach(w, &c->chunk);
	}
	pthread_mutex_unlock(&m->lock);
}

static size_t mem_in_use(struct hw_mem *mem)
{
	struct linux_mem *m = (struct linux_mem *)mem;
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = m->in_use;
	pthread_mutex_unlock(&m->lock);
	return n;
}

static const struct hw_mem_ops mem_ops = {
	.alloc = mem_alloc,
	.free = mem_free,
	.watch = mem_watch,
	.unwatch = mem_unwatch,
	.in_use = mem_in_use,
	.alloc_on = mem_alloc_on,
};

struct hw_mem *linux_mem_new(void)
{
	struct linux_mem *m = g_new0(struct linux_mem, 1);

	m->mem.ops = &mem_ops;
	pthread_mutex_init(&m->lock, NULL);
	m->next_iova = IOVA_FIRST;
	m->page = (size_t)sysconf(_SC_PAGESIZE);
	return &m->mem;
}

void linux_mem_free(struct hw_mem *mem)
{
	struct linux_mem *m = (struct linux_mem *)mem;

	g_assert(m->chunks == NULL && m->watchers == NULL);
	pthread_mutex_destroy(&m->lock);
	g_free(m);
}
