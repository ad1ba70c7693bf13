/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places where packets wait in order while something is held up: a stalled link,
 * a paused port, a stopped machine.
 */
#include "sim/ip.h"

static void release(struct parking *k)
{
	struct packet *list = k->first, *p;

	k->first = NULL;
	k->last = &k->first;
	k->n = 0;
	while ((p = list)) {
		list = p->next;
		p->next = NULL;
		k->again(p);
	}
}

static void over(struct world_event *ev)
{
	struct parking *k = container(ev, struct parking, ev);

	k->until = 0;
	release(k);
}

void sim_parking_init(struct parking *k, struct world *w, void (*again)(struct packet *p))
{
	*k = (struct parking){ .again = again, .world = w };
	k->last = &k->first;
	world_event_init(&k->ev, over);
}

bool sim_parking_closed(const struct parking *k)
{
	return k->until > k->world->now;
}

void sim_parking_set(struct parking *k, uint64_t until)
{
	k->until = until;
	world_event_cancel(k->world, &k->ev);
	if (!sim_parking_closed(k))
		release(k);
	else if (until != HW_NEVER && k->n > 0)
		world_event_set(k->world, &k->ev, until);
}

void sim_park(struct parking *k, struct packet *p)
{
	p->next = NULL;
	*k->last = p;
	k->last = &p->next;
	if (k->n++ == 0 && k->until != HW_NEVER)
		world_event_set(k->world, &k->ev, k->until);
}

void sim_parking_free(struct parking *k)
{
	world_event_cancel(k->world, &k->ev);
	while (k->first) {
		struct packet *p = k->first;

		k->first = p->next;
		packet_free(p);
	}
	k->last = &k->first;
	k->n = 0;
}
