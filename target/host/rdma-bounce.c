/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bounce buffer of a queue: pages, given out in one piece, found by looking from
 * behind the last one on. It holds the largest command at least: when nobody else
 * uses it, there is room for anyone.
 */
#include <string.h>

#include "target/host/rdma.h"

void rdma_bounce_init(struct rdma_bounce *b, uint8_t *base, size_t len)
{
	*b = (struct rdma_bounce){ .base = base, .npages = (uint16_t)(len / RDMA_PAGE) };
	b->used = g_malloc0(b->npages);
}

void rdma_bounce_clear(struct rdma_bounce *b)
{
	g_free(b->used);
	*b = (struct rdma_bounce){ 0 };
}

void rdma_bounce_reset(struct rdma_bounce *b)
{
	memset(b->used, 0, b->npages);
	b->next = 0;
}

static unsigned pages(uint32_t len)
{
	return (len + RDMA_PAGE - 1) / RDMA_PAGE;
}

/* Where n free pages are between from and to; to: nowhere. */
static unsigned find(const struct rdma_bounce *b, unsigned from, unsigned to, unsigned n)
{
	unsigned run = 0;

	for (unsigned i = from; i < to; i++) {
		run = b->used[i] ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return to;
}

uint8_t *rdma_bounce_get(struct rdma_bounce *b, uint32_t len)
{
	unsigned n = pages(len), at = find(b, b->next, b->npages, n);

	if (at == b->npages)
		at = find(b, 0, b->npages, n);
	if (at == b->npages)
		return NULL;
	memset(b->used + at, 1, n);
	b->next = (uint16_t)(at + n);
	return b->base + (size_t)at * RDMA_PAGE;
}

void rdma_bounce_put(struct rdma_bounce *b, uint8_t *p, uint32_t len)
{
	memset(b->used + (size_t)(p - b->base) / RDMA_PAGE, 0, pages(len));
}
