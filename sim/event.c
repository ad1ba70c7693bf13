/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event queue: a 4-ary heap of (time, order of scheduling). The keys are in
 * the heap itself, so that sifting touches the events only to note their place.
 */
#include "sim/priv.h"

static bool before(const struct heap_item *a, const struct heap_item *b)
{
	return a->time != b->time ? a->time < b->time : a->seq < b->seq;
}

static void put(struct world *w, uint32_t i, struct heap_item item)
{
	w->heap[i] = item;
	item.ev->slot = i + 1;
}

static void sift_up(struct world *w, uint32_t i, struct heap_item item)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 4;

		if (!before(&item, &w->heap[parent]))
			break;
		put(w, i, w->heap[parent]);
		i = parent;
	}
	put(w, i, item);
}

static void sift_down(struct world *w, uint32_t i, struct heap_item item)
{
	for (;;) {
		uint32_t first = i * 4 + 1, best = first;

		if (first >= w->nheap)
			break;
		for (uint32_t c = first + 1; c < first + 4 && c < w->nheap; c++) {
			if (before(&w->heap[c], &w->heap[best]))
				best = c;
		}
		if (!before(&w->heap[best], &item))
			break;
		put(w, i, w->heap[best]);
		i = best;
	}
	put(w, i, item);
}

static void take_out(struct world *w, uint32_t i)
{
	struct heap_item last = w->heap[--w->nheap];

	if (i == w->nheap)
		return;
	if (i > 0 && before(&last, &w->heap[(i - 1) / 4]))
		sift_up(w, i, last);
	else
		sift_down(w, i, last);
}

void world_event_init(struct world_event *ev, void (*fn)(struct world_event *ev))
{
	*ev = (struct world_event){ .fn = fn };
}

void world_event_cancel(struct world *w, struct world_event *ev)
{
	if (ev->slot == 0)
		return;
	take_out(w, ev->slot - 1);
	ev->slot = 0;
	if (!ev->background)
		w->foreground--;
}

void world_event_set(struct world *w, struct world_event *ev, uint64_t time)
{
	world_event_cancel(w, ev);
	ev->time = MAX(time, w->now);
	ev->seq = w->seq++;
	if (w->nheap == w->heap_size) {
		w->heap_size = MAX(64, w->heap_size * 2);
		w->heap = g_renew(struct heap_item, w->heap, w->heap_size);
	}
	if (!ev->background)
		w->foreground++;
	sift_up(w, w->nheap++, (struct heap_item){ ev->time, ev->seq, ev });
}

struct world_event *world_event_first(const struct world *w)
{
	return w->nheap > 0 ? w->heap[0].ev : NULL;
}

struct world_event *world_event_pop(struct world *w)
{
	struct world_event *ev = w->heap[0].ev;

	world_event_cancel(w, ev);
	return ev;
}
