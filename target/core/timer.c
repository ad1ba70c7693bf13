/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers of a reactor: a binary heap ordered by (deadline, order of setting).
 *
 * A timer is out of the heap before its callback runs, so that the callback may
 * set it again or free what it is in. A deadline in the past counts as now, and
 * what is set while timers fire waits for the next pass: a timer that sets
 * itself without delay keeps nobody else from firing.
 */
#include <glib.h>

#include "target/core/reactor-priv.h"

#define TIMERS_INITIAL 64

static bool timer_before(const struct timer *a, const struct timer *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->seq < b->seq;
}

static void place(struct timer_heap *h, uint32_t i, struct timer *t)
{
	h->heap[i] = t;
	t->slot = i + 1;
}

static void sift_up(struct timer_heap *h, uint32_t i, struct timer *t)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 2;

		if (!timer_before(t, h->heap[parent]))
			break;
		place(h, i, h->heap[parent]);
		i = parent;
	}
	place(h, i, t);
}

static void sift_down(struct timer_heap *h, uint32_t i, struct timer *t)
{
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count && timer_before(h->heap[child + 1], h->heap[child]))
			child++;
		if (!timer_before(h->heap[child], t))
			break;
		place(h, i, h->heap[child]);
		i = child;
	}
	place(h, i, t);
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
	uint32_t i = t->slot - 1;
	struct timer *last = h->heap[--h->count];

	if (last != t) {
		if (i > 0 && timer_before(last, h->heap[(i - 1) / 2]))
			sift_up(h, i, last);
		else
			sift_down(h, i, last);
	}
	t->slot = 0;
	t->deadline = HW_NEVER;
}

void reactor_timer_set(struct reactor *r, struct timer *t, uint64_t deadline)
{
	struct timer_heap *h = &r->priv->timers;

	reactor_timer_cancel(r, t);
	if (deadline == HW_NEVER)
		return;
	if (h->count == h->capacity) {
		/* Grows a few times in a life, never shrinks. */
		h->capacity = h->capacity ? 2 * h->capacity : TIMERS_INITIAL;
		h->heap = g_renew(struct timer *, h->heap, h->capacity);
	}
	t->deadline = deadline < r->now ? r->now : deadline;
	t->seq = h->seq++;
	sift_up(h, h->count++, t);
}

void reactor_timer_cancel(struct reactor *r, struct timer *t)
{
	if (timer_is_set(t))
		heap_remove(&r->priv->timers, t);
}

unsigned timers_run(struct reactor *r, unsigned max)
{
	struct timer_heap *h = &r->priv->timers;
	uint64_t seq_end = h->seq;
	unsigned n = 0;

	while (n < max && h->count > 0) {
		struct timer *t = h->heap[0];

		if (t->deadline > r->now || t->seq >= seq_end)
			break;
		heap_remove(h, t);
		n++;
		t->fn(t, r);
	}
	r->stats.timers += n;
	return n;
}

uint64_t timers_next(const struct reactor *r)
{
	const struct timer_heap *h = &r->priv->timers;

	return h->count > 0 ? h->heap[0]->deadline : HW_NEVER;
}

void timers_free(struct reactor *r)
{
	g_free(r->priv->timers.heap);
}
