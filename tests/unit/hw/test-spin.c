/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The spin policy against synthetic loads, in virtual time. The model charges
 * for passes, wake-ups and naps about what a small virtual machine does; the
 * bounds asserted leave room, since it is the shape that matters.
 */
#include <glib.h>

#include "hw/linux/spin.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

#define PASS_NS 300
#define REQUEST_NS 3000
#define BYTES 4192
#define WAKE_LATE (15 * US) /* from event to first pass */
#define WAKE_CPU (5 * US)
#define NAP_LATE (8 * US)
#define NAP_CPU (2 * US)
#define QUEUE 4096

struct load {
	struct spin spin;
	uint64_t now;
	uint64_t amount;
	/* Closed loop: depth requests, each comes think ns after its answer. Open: one each period.
	 */
	unsigned depth;
	uint64_t think;
	uint64_t period;
	uint64_t stall_every, stall_for; /* open: the peer is off the processor */
	uint64_t arrivals[QUEUE];	 /* to come, in order */
	unsigned head, tail;
	uint64_t next_open;
	/* Results since load_reset(). */
	uint64_t since, cpu, done, late, passes, naps, sleeps;
};

static void load_init(struct load *l, uint64_t spin_ns)
{
	*l = (struct load){ .now = SEC, .since = SEC };
	spin_init(&l->spin, spin_ns, l->now);
}

static void load_reset(struct load *l)
{
	l->since = l->now;
	l->cpu = l->done = l->late = l->passes = l->naps = l->sleeps = 0;
}

static void push(struct load *l, uint64_t at)
{
	g_assert_cmpuint(l->tail - l->head, <, QUEUE);
	l->arrivals[l->tail++ % QUEUE] = at;
}

static void set_closed(struct load *l, unsigned depth, uint64_t think)
{
	l->head = l->tail;
	l->period = 0;
	l->depth = depth;
	l->think = think;
	for (unsigned i = 0; i < depth; i++)
		push(l, l->now);
}

static void set_open(struct load *l, uint64_t period)
{
	l->head = l->tail;
	l->depth = 0;
	l->period = period;
	l->next_open = l->now;
}

static void make_open(struct load *l)
{
	while (l->period != 0 && l->next_open <= l->now && l->tail - l->head < QUEUE) {
		uint64_t at = l->next_open;

		/* What would have come during a stall comes at its end. */
		if (l->stall_every != 0 && at % l->stall_every < l->stall_for)
			at += l->stall_for - at % l->stall_every;
		if (at > l->now)
			break;
		push(l, at);
		l->next_open += l->period;
	}
}

static uint64_t next_arrival(const struct load *l)
{
	if (l->head != l->tail)
		return l->arrivals[l->head % QUEUE];
	if (l->period == 0)
		return HW_NEVER;
	if (l->stall_every != 0 && l->next_open % l->stall_every < l->stall_for)
		return l->next_open + l->stall_for - l->next_open % l->stall_every;
	return l->next_open;
}

static unsigned pass(struct load *l)
{
	uint64_t start = l->now, spent;
	unsigned n = 0, last;

	make_open(l);
	for (last = l->tail; l->head != last && l->arrivals[l->head % QUEUE] <= start; n++) {
		l->late += start - l->arrivals[l->head % QUEUE];
		l->head++;
	}
	/* Requests gathered in one pass share its cost of receiving and sending. */
	spent = PASS_NS + (n > 0 ? REQUEST_NS / 2 + n * (REQUEST_NS / 2) : 0);
	l->now += spent;
	l->cpu += spent;
	l->done += n;
	l->passes++;
	l->amount += (uint64_t)n * BYTES;
	for (unsigned i = 0; i < n && l->depth != 0; i++)
		push(l, l->now + l->think);
	return n;
}

static void rest_until(struct load *l, uint64_t end, uint64_t cpu)
{
	l->now = end;
	l->cpu += cpu;
	spin_rested(&l->spin, l->now);
}

static void run(struct load *l, uint64_t ns)
{
	uint64_t end = l->now + ns;

	while (l->now < end) {
		unsigned work = pass(l);
		uint64_t next;

		switch (spin_step(&l->spin, l->now, work, l->amount)) {
		case SPIN_PASS:
			break;
		case SPIN_NAP:
			l->naps++;
			rest_until(l, l->now + SPIN_NAP_NS + NAP_LATE, NAP_CPU);
			break;
		case SPIN_SLEEP:
			l->sleeps++;
			next = next_arrival(l);
			if (next > end)
				rest_until(l, end, 0);
			else if (next <= l->now)
				spin_rested(&l->spin, l->now); /* arm found it */
			else
				rest_until(l, next + WAKE_LATE, WAKE_CPU);
			break;
		}
	}
}

/* In thousandths. */
static uint64_t cpu_share(const struct load *l)
{
	return l->cpu * 1000 / (l->now - l->since);
}

static uint64_t per_sec(const struct load *l)
{
	return l->done * 1000 / ((l->now - l->since) / MS);
}

static void test_idle(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	run(&l, SEC);
	g_assert_cmpuint(l.passes, <=, 3);
	/* After every kind of load, too. */
	set_closed(&l, 1, 4 * US);
	run(&l, SEC);
	set_open(&l, 6 * US);
	run(&l, SEC);
	set_closed(&l, 0, 0);
	run(&l, SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_assert_cmpuint(l.passes, <=, 20);
	g_assert_cmpuint(l.naps, ==, 0);
}

static void test_closed_depth_one(void)
{
	struct load l;
	uint64_t best = SEC / (4 * US + REQUEST_NS + PASS_NS + PASS_NS / 2);

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_closed(&l, 1, 4 * US);
	run(&l, 3 * SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_test_message("%" G_GUINT64_FORMAT "/s of %" G_GUINT64_FORMAT, per_sec(&l), best);
	g_assert_cmpuint(per_sec(&l), >, best * 95 / 100);
	g_assert_cmpuint(l.sleeps, <, 100);
}

static void test_open_loop(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_open(&l, 6 * US);
	run(&l, SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_test_message("cpu %" G_GUINT64_FORMAT "/1000, late %" G_GUINT64_FORMAT " ns",
		       cpu_share(&l), l.late / l.done);
	g_assert_cmpuint(cpu_share(&l), <, 360);
	g_assert_cmpuint(l.late / l.done, <, SPIN_NAP_NS);
	g_assert_cmpuint(per_sec(&l), >, 166000);
}

/* The peer loses its processor for 3 of every 25 ms: windows differ for reasons not ours. */
static void test_open_loop_disturbed(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	l.stall_every = 25 * MS;
	l.stall_for = 3 * MS;
	set_open(&l, 6 * US);
	run(&l, SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_test_message("cpu %" G_GUINT64_FORMAT "/1000", cpu_share(&l));
	g_assert_cmpuint(cpu_share(&l), <, 450);
	g_assert_cmpuint(per_sec(&l), >, 166000);
}

/* A request each millisecond: spinning would be in vain. */
static void test_sparse(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_open(&l, MS);
	run(&l, SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_assert_cmpuint(cpu_share(&l), <, 20);
	g_assert_cmpuint(l.naps, ==, 0);
	g_assert_cmpuint(l.late / l.done, <=, WAKE_LATE);
}

/*
 * A request each 90 us: within the budget, so that spinning finds it, but at the
 * price of the whole processor; and too few come in a nap's time to gather.
 */
static void test_thin_open_loop(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_open(&l, 90 * US);
	run(&l, 2 * SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_test_message("cpu %" G_GUINT64_FORMAT "/1000, naps %" G_GUINT64_FORMAT, cpu_share(&l),
		       (uint64_t)l.naps);
	g_assert_cmpuint(cpu_share(&l), <, 250);
}

/* Just beyond the budget: near enough to hope, too far to find. */
static void test_just_too_far(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_open(&l, 250 * US);
	run(&l, SEC);
	load_reset(&l);
	run(&l, 10 * SEC);
	g_assert_cmpuint(cpu_share(&l), <, 60);
}

static void test_full_load(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_closed(&l, 32, US);
	run(&l, 10 * MS);
	load_reset(&l);
	run(&l, SEC);
	g_assert_cmpuint(l.naps + l.sleeps, ==, 0);
}

/* Open, then closed: napping must end fast, since now each nap costs a round trip. */
static void test_change(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_open(&l, 6 * US);
	run(&l, 2 * SEC);
	g_assert_cmpuint(l.naps, >, 0);
	set_closed(&l, 1, 4 * US);
	run(&l, 50 * MS);
	load_reset(&l);
	run(&l, 200 * MS);
	g_assert_cmpuint(per_sec(&l), >, 110000);
	/* And back: the backoff of the closed loop must not last for ever. */
	set_open(&l, 6 * US);
	run(&l, 20 * SEC);
	load_reset(&l);
	run(&l, SEC);
	g_assert_cmpuint(cpu_share(&l), <, 360);
}

static void test_trials_get_rare(void)
{
	struct load l;

	load_init(&l, HW_SPIN_ADAPTIVE);
	set_closed(&l, 1, 4 * US);
	run(&l, 4 * SEC);
	g_assert_cmpuint(l.naps, >, 0);
	load_reset(&l);
	run(&l, 10 * SEC);
	/* At most two trials of two windows. */
	g_assert_cmpuint(l.naps, <=, 4 * (SPIN_WINDOW_NS / SPIN_NAP_NS + 1));
}

static void test_fixed(void)
{
	struct spin s;

	spin_init(&s, 0, 100);
	g_assert_cmpint(spin_step(&s, 200, 1, 0), ==, SPIN_PASS);
	g_assert_cmpint(spin_step(&s, 300, 0, 0), ==, SPIN_SLEEP);
	spin_init(&s, HW_NEVER, 100);
	g_assert_cmpint(spin_step(&s, 300, 0, 0), ==, SPIN_PASS);
	g_assert_cmpint(spin_step(&s, SEC, 0, 0), ==, SPIN_PASS);
	spin_init(&s, 1000, 100);
	g_assert_cmpint(spin_step(&s, 200, 1, 0), ==, SPIN_PASS);
	g_assert_cmpint(spin_step(&s, 300, 0, 0), ==, SPIN_PASS);
	g_assert_cmpint(spin_step(&s, 1200, 0, 0), ==, SPIN_PASS);
	g_assert_cmpint(spin_step(&s, 1300, 0, 0), ==, SPIN_SLEEP);
	spin_rested(&s, 5000);
	g_assert_cmpint(spin_step(&s, 5100, 0, 0), ==, SPIN_SLEEP);
	g_assert_cmpint(spin_step(&s, 5200, 1, 0), ==, SPIN_PASS);
	g_assert_cmpint(spin_step(&s, 5300, 0, 0), ==, SPIN_PASS);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spin/idle", test_idle);
	g_test_add_func("/spin/closed-depth-one", test_closed_depth_one);
	g_test_add_func("/spin/open-loop", test_open_loop);
	g_test_add_func("/spin/open-loop-disturbed", test_open_loop_disturbed);
	g_test_add_func("/spin/sparse", test_sparse);
	g_test_add_func("/spin/thin-open-loop", test_thin_open_loop);
	g_test_add_func("/spin/just-too-far", test_just_too_far);
	g_test_add_func("/spin/full-load", test_full_load);
	g_test_add_func("/spin/change", test_change);
	g_test_add_func("/spin/trials-get-rare", test_trials_get_rare);
	g_test_add_func("/spin/fixed", test_fixed);
	return g_test_run();
}
