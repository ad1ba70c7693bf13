/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world itself: events, random streams, hashes, runners, faults, links.
 */
#include <errno.h>
#include <string.h>

#include "sim/world.h"
#include "target/core/core.h"

struct order {
	struct world_event ev;
	struct world *world;
	GArray *seen;
	unsigned number;
};

static void order_run(struct world_event *ev)
{
	struct order *o = (struct order *)ev;

	g_assert_cmpuint(o->ev.time, ==, world_now(o->world));
	g_array_append_val(o->seen, o->number);
}

/* Many events set, moved and canceled at random come in order of time, then of setting. */
static void test_events(void)
{
	struct world *w = world_new(1);
	g_autofree struct order *o = g_new0(struct order, 500);
	GArray *seen = g_array_new(FALSE, FALSE, sizeof(unsigned));
	GRand *rand = g_rand_new_with_seed(4);
	unsigned set = 0;

	for (unsigned i = 0; i < 500; i++) {
		world_event_init(&o[i].ev, order_run);
		o[i].world = w;
		o[i].seen = seen;
		o[i].number = i;
	}
	for (unsigned i = 0; i < 5000; i++) {
		struct order *one = &o[g_rand_int_range(rand, 0, 500)];

		if (g_rand_int_range(rand, 0, 4) == 0)
			world_event_cancel(w, &one->ev);
		else
			world_event_set(w, &one->ev,
					WORLD_START + (uint64_t)g_rand_int_range(rand, 0, 50));
	}
	for (unsigned i = 0; i < 500; i++)
		set += o[i].ev.slot != 0;
	world_run_until(w, WORLD_START + 100);
	g_assert_cmpuint(seen->len, ==, set);
	for (guint i = 1; i < seen->len; i++) {
		const struct order *a = &o[g_array_index(seen, unsigned, i - 1)];
		const struct order *b = &o[g_array_index(seen, unsigned, i)];

		g_assert_true(a->ev.time < b->ev.time ||
			      (a->ev.time == b->ev.time && a->ev.seq < b->ev.seq));
	}
	g_assert_cmpuint(world_now(w), ==, WORLD_START + 100);
	g_array_free(seen, TRUE);
	g_rand_free(rand);
	world_free(w);
}

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void test_at(void)
{
	struct world *w = world_new(1);
	unsigned n = 0;
	struct world_at *late;

	world_at(w, WORLD_START + 10, count, &n);
	late = world_at(w, WORLD_START + 20, count, &n);
	world_at(w, 0, count, &n);
	world_run_for(w, 15);
	g_assert_cmpuint(n, ==, 2);
	world_at_cancel(w, late);
	world_at(w, WORLD_START + WORLD_SEC, count, &n); /* freed with the world */
	world_run_for(w, 15);
	g_assert_cmpuint(n, ==, 2);
	world_free(w);
}

/* Streams are independent of each other, and even. */
static void test_rng(void)
{
	struct world *w = world_new(7), *v = world_new(7), *u = world_new(8);
	struct world_rng a, b, c, d;
	unsigned buckets[10] = { 0 };

	world_rng_init(w, &a, "a");
	world_rng_init(v, &b, "b");
	world_rng_init(v, &c, "a");
	world_rng_init(u, &d, "a");
	for (unsigned i = 0; i < 100; i++) {
		uint64_t x = world_rng_u64(&a), other = world_rng_u64(&b);

		g_assert_cmpuint(x, !=, other);
		g_assert_cmpuint(x, ==, world_rng_u64(&c));
		g_assert_cmpuint(x, !=, world_rng_u64(&d));
	}
	for (unsigned i = 0; i < 100000; i++)
		buckets[world_rng_below(&a, 10)]++;
	for (unsigned i = 0; i < 10; i++)
		g_assert_true(buckets[i] > 9500 && buckets[i] < 10500);
	g_assert_cmpuint(world_rng_below(&a, 1), ==, 0);
	g_assert_cmpuint(world_rng_range(&a, 5, 5), ==, 5);
	g_assert_false(world_rng_chance(&a, 0));
	g_assert_true(world_rng_chance(&a, 1000000));
	g_assert_cmpuint(world_hash(w), !=, world_hash(v));
	world_free(w);
	world_free(v);
	world_free(u);
}

/* ---- worlds with cores -------------------------------------------------------------- */

#define NCORES 2

struct town {
	struct world *world;
	struct world_node *nodes[NCORES];
	struct core *cores[NCORES];
	struct timer timer;
	unsigned fired;
};

static void town_up(struct town *t, uint64_t seed)
{
	static const char *const names[] = { "one", "two" };
	static const struct core_options options = { .nreactors = 2, .log_level = LOG_ERROR };

	t->world = world_new(seed);
	world_keep_records(t->world);
	for (unsigned i = 0; i < NCORES; i++) {
		GError *error = NULL;

		t->nodes[i] = world_node_new(t->world, names[i]);
		t->cores[i] = core_new(world_node_hw(t->nodes[i]), &options, &error);
		g_assert_no_error(error);
		core_start(t->cores[i], &error);
		g_assert_no_error(error);
	}
}

static void town_stop(struct town *t)
{
	for (unsigned i = 0; i < NCORES; i++) {
		core_stop(t->cores[i]);
		core_free(t->cores[i]);
	}
	g_assert_null(world_leaks(t->world));
}

static void town_timer(struct timer *timer, struct reactor *r)
{
	struct town *t = (struct town *)((char *)timer - offsetof(struct town, timer));
	uint8_t bytes[16];

	hw_random(r->hw, bytes, sizeof(bytes));
	world_note(t->world, "town", bytes[0]);
	if (++t->fired < 50)
		reactor_timer_set(r, timer, r->now + 1000 + bytes[1]);
}

static void town_begin(struct reactor *r, void *arg)
{
	struct town *t = arg;

	timer_init(&t->timer, town_timer);
	reactor_timer_set(r, &t->timer, r->now + 500);
}

static void town_slice(struct town *t)
{
	world_run_for(t->world, 7 * WORLD_US);
}

static void town_start_work(struct town *t)
{
	core_call(t->cores[1]->reactors[1], town_begin, t);
}

/* Run alone or in turns with another world: the same; another seed: not. */
static void test_two_worlds(void)
{
	struct town alone = { 0 }, turn = { 0 }, other = { 0 };
	char *diff;

	town_up(&alone, 5);
	town_start_work(&alone);
	for (unsigned i = 0; i < 20; i++)
		town_slice(&alone);
	town_up(&turn, 5);
	town_up(&other, 6);
	town_start_work(&other);
	town_start_work(&turn);
	for (unsigned i = 0; i < 20; i++) {
		town_slice(&turn);
		town_slice(&other);
	}
	town_stop(&alone);
	town_stop(&turn);
	town_stop(&other);
	g_assert_cmpuint(alone.fired, ==, 50);
	diff = world_diff(alone.world, turn.world);
	g_assert_cmpstr(diff, ==, NULL);
	g_assert_cmpuint(world_hash(alone.world), ==, world_hash(turn.world));
	g_assert_cmpuint(world_hash(alone.world), !=, world_hash(other.world));
	diff = world_diff(alone.world, other.world);
	g_assert_nonnull(strstr(diff, "differs; after"));
	g_free(diff);
	world_free(alone.world);
	world_free(turn.world);
	world_free(other.world);
}

/* A paused node misses its timers and makes up for them. */
static void test_pause(void)
{
	struct town t = { 0 };

	town_up(&t, 1);
	town_start_work(&t);
	world_run_for(t.world, 10 * WORLD_US);
	g_assert_cmpuint(t.fired, >, 0);
	g_assert_cmpuint(t.fired, <, 50);
	unsigned fired = t.fired;

	world_node_pause(t.nodes[1], world_now(t.world) + WORLD_SEC);
	world_run_for(t.world, WORLD_SEC - 1);
	g_assert_cmpuint(t.fired, ==, fired);
	world_run_for(t.world, WORLD_MS);
	g_assert_cmpuint(t.fired, ==, 50);
	g_assert_true(world_run_idle(t.world, WORLD_MS));
	town_stop(&t);
	world_free(t.world);
}

static unsigned hot_pass(void *arg)
{
	return *(unsigned *)arg;
}

static bool hot_arm(void *arg)
{
	(void)arg;
	return false;
}

static void note_failure(void *arg, const char *text)
{
	g_assert_nonnull(strstr(text, "runs hot"));
	++*(unsigned *)arg;
}

static void test_hot(void)
{
	for (unsigned work = 0; work < 2; work++) {
		struct world *w = world_new(1);
		struct world_node *node = world_node_new(w, "node");
		const struct hw *hw = world_node_hw(node);
		struct hw_runner_params params = {
			.name = "hot", .arg = &work, .pass = hot_pass, .arm = hot_arm
		};
		struct hw_runner *runner;
		unsigned failures = 0;

		world_on_failure(w, note_failure, &failures);
		world_set_hot_limits(w, 1000, 100);
		g_assert_cmpint(hw->env->ops->runner_start(hw->env, &params, &runner), ==, 0);
		world_run_for(w, WORLD_SEC);
		g_assert_cmpuint(failures, ==, 1);
		g_assert_cmpuint(world_now(w), <, WORLD_START + WORLD_SEC);
		hw->env->ops->runner_stop(runner);
		world_free(w);
	}
}

/* ---- faults ------------------------------------------------------------------------- */

static unsigned hits(const struct hw *hw, const char *name, unsigned n)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += hw_fault(hw, name);
	return taken;
}

static void test_faults(void)
{
	struct world *w = world_new(3);
	struct world_node *node = world_node_new(w, "node");
	const struct hw *hw = world_node_hw(node);
	struct world_fault_rule rule = { .nth = 3, .times = 2 };
	struct world_fault_stats stats;

	g_assert_cmpuint(hits(hw, "a.b", 10), ==, 0);
	world_fault_set(node, "a.b", &rule);
	g_assert_cmpuint(hits(hw, "a.b", 2), ==, 0);
	g_assert_cmpuint(hits(hw, "a.b", 2), ==, 2);
	g_assert_cmpuint(hits(hw, "a.b", 10), ==, 0);
	world_fault_stats(node, "a.b", &stats);
	g_assert_cmpuint(stats.asked, ==, 24);
	g_assert_cmpuint(stats.taken, ==, 2);

	rule = (struct world_fault_rule){ .ppm = 100000 };
	world_fault_set(node, "random", &rule);
	unsigned n = hits(hw, "random", 10000);
	g_assert_true(n > 850 && n < 1150);

	rule = (struct world_fault_rule){ .from = WORLD_START + 10, .until = WORLD_START + 20 };
	world_fault_set(node, "timed", &rule);
	g_assert_cmpuint(hits(hw, "timed", 5), ==, 0);
	world_run_until(w, WORLD_START + 10);
	g_assert_cmpuint(hits(hw, "timed", 5), ==, 5);
	world_run_until(w, WORLD_START + 20);
	g_assert_cmpuint(hits(hw, "timed", 5), ==, 0);
	hw_mark(hw, "rare");
	world_fault_stats(node, "rare", &stats);
	g_assert_cmpuint(stats.marks, ==, 1);
	world_fault_clear_all(node);
	g_assert_cmpuint(hits(hw, "random", 1000), ==, 0);
	world_free(w);
}

static void test_leaks(void)
{
	struct world *w = world_new(3);
	struct world_node *node = world_node_new(w, "node");
	const struct hw *hw = world_node_hw(node);
	struct mem_chunk *chunk;
	char *text;

	g_assert_null(world_leaks(w));
	g_assert_cmpint(hw->mem->ops->alloc(hw->mem, 5000, &chunk), ==, 0);
	text = world_leaks(w);
	g_assert_nonnull(strstr(text, "node: 8192 bytes in 1 chunks"));
	g_free(text);
	world_free(w);
}

static void test_addresses(void)
{
	struct world *w = world_new(3);
	struct world_node *a = world_node_new(w, "a"), *b = world_node_new(w, "b");

	g_assert_true(world_node_add_addr(a, "192.0.2.1"));
	g_assert_false(world_node_add_addr(b, "192.0.2.1"));
	g_assert_false(world_node_add_addr(b, "not an address"));
	g_assert_true(world_node_add_addr(b, "2001:db8::1"));
	world_node_del_addr(a, "192.0.2.1");
	g_assert_true(world_node_add_addr(b, "192.0.2.1"));
	world_free(w);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sim/events", test_events);
	g_test_add_func("/sim/at", test_at);
	g_test_add_func("/sim/rng", test_rng);
	g_test_add_func("/sim/two-worlds", test_two_worlds);
	g_test_add_func("/sim/pause", test_pause);
	g_test_add_func("/sim/hot", test_hot);
	g_test_add_func("/sim/faults", test_faults);
	g_test_add_func("/sim/leaks", test_leaks);
	g_test_add_func("/sim/addresses", test_addresses);
	return g_test_run();
}
