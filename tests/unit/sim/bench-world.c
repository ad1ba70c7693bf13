/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast the world is: wall time of the event core alone, and of streams. Not
 * a test; figures depend on the machine. Build it with -O2.
 */
#include <stdio.h>

#include "tests/unit/sim/rig.h"

struct ticker {
	struct world_event ev;
	struct world *world;
	uint64_t *left;
	uint64_t period;
};

static void tick(struct world_event *ev)
{
	struct ticker *t = (struct ticker *)ev;

	if (*t->left == 0)
		return;
	--*t->left;
	world_event_set(t->world, ev, ev->time + t->period);
}

static void events(unsigned timers)
{
	uint64_t n = 5000000, left = n;
	struct world *w = world_new(1);
	g_autofree struct ticker *t = g_new0(struct ticker, timers);
	gint64 begin;

	for (unsigned i = 0; i < timers; i++) {
		world_event_init(&t[i].ev, tick);
		t[i].world = w;
		t[i].left = &left;
		t[i].period = 1000 + i * 7919 % 5000;
		world_event_set(w, &t[i].ev, WORLD_START + i);
	}
	begin = g_get_monotonic_time();
	world_run_until(w, UINT64_MAX / 2);
	printf("events, %u set: %.0f a second\n", timers,
	       (double)n * 1e6 / (double)(g_get_monotonic_time() - begin));
	for (unsigned i = 0; i < timers; i++)
		world_event_cancel(w, &t[i].ev);
	world_free(w);
}

static void streams(uint32_t seg)
{
	struct rig r = { .client.total = 100000000, .server.total = 100000000 };
	struct world_link_params p;
	struct world_link_stats st;
	gint64 begin;
	double s;

	rig_up(&r, 1);
	world_link_default(&p);
	p.seg_max = seg;
	world_link_set_all(r.world, &p);
	begin = g_get_monotonic_time();
	rig_dial(&r);
	g_assert_true(rig_wait(&r, 1000 * WORLD_SEC));
	s = (double)(g_get_monotonic_time() - begin) / 1e6;
	world_net_stats(r.world, &st);
	printf("streams, segments up to %u: %.0f packets, %.0f MB, %.0f records a second\n", seg,
	       (double)st.packets / s, 200 / s, (double)world_records(r.world) / s);
	rig_down(&r);
}

int main(void)
{
	events(16);
	events(1000);
	events(100000);
	streams(1448);
	streams(32768);
	return 0;
}
