/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conformance of hw/env.h: clocks, randomness, runners; and of the reactor on it
 * (timers, messages). Nothing here asserts how long something takes, only that
 * nothing comes too early or never.
 */
#include <errno.h>
#include <string.h>

#include "tests/seam/seam.h"

#define MS UINT64_C(1000000)

static const struct hw_env_ops *ops(const struct hw *hw)
{
	return hw->env->ops;
}

static void test_clocks(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	uint64_t t = hw_now(hw), wall = ops(hw)->wall(hw->env), cpu = ops(hw)->cpu_time(hw->env);

	cover("slot", "now");
	cover("slot", "wall");
	cover("slot", "cpu_time");
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t next = hw_now(hw);

		g_assert_cmpuint(next, >=, t);
		t = next;
	}
	/* After 2020 and before 2200. */
	g_assert_cmpuint(wall, >, UINT64_C(1577836800) * 1000 * MS);
	g_assert_cmpuint(wall, <, UINT64_C(7258118400) * 1000 * MS);
	t = hw_now(hw);
	backend_run_for(b, 3 * MS);
	g_assert_cmpuint(hw_now(hw), >=, t + 3 * MS);
	g_assert_cmpuint(ops(hw)->cpu_time(hw->env), >=, cpu);
	backend_free(b);
}

static void test_cpu_node(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	int node = ops(hw)->cpu_node(hw->env, 0);

	cover("slot", "cpu_node");
	g_assert_cmpint(node, >=, -1);
	g_assert_cmpint(ops(hw)->cpu_node(hw->env, 0), ==, node);
	/* That of all, or not known. */
	node = ops(hw)->cpu_node(hw->env, -1);
	g_assert_true(node == -1 || node == ops(hw)->cpu_node(hw->env, 0));
	g_assert_cmpint(ops(hw)->cpu_node(hw->env, 1 << 20), ==, -1);
	backend_free(b);
}

static void test_random(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	uint8_t one[64] = { 0 }, two[64] = { 0 };
	unsigned bits = 0;

	cover("slot", "random");
	hw_random(hw, one, sizeof(one));
	hw_random(hw, two, sizeof(two));
	g_assert_cmpint(memcmp(one, two, sizeof(one)), !=, 0);
	for (unsigned i = 0; i < 256; i++) {
		hw_random(hw, one, sizeof(one));
		for (unsigned j = 0; j < sizeof(one); j++)
			bits += (unsigned)__builtin_popcount(one[j]);
	}
	/* 131072 bits, standard deviation 181. */
	g_assert_cmpuint(bits, >, 65536 - 2000);
	g_assert_cmpuint(bits, <, 65536 + 2000);
	/* Exactly the length asked for. */
	memset(two, 0x5a, sizeof(two));
	hw_random(hw, two, 5);
	for (unsigned i = 5; i < sizeof(two); i++)
		g_assert_cmpuint(two[i], ==, 0x5a);
	hw_random(hw, two, 0);
	backend_free(b);
}

static void test_log_line(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	static const char line[] = "# a line of the log without its end";

	cover("slot", "log_line");
	ops(hw)->log_line(hw->env, line, sizeof(line) - 1);
	ops(hw)->log_line(hw->env, "", 0);
	backend_free(b);
}

/* ---- a runner of our own, without a reactor ----------------------------------------- */

struct run {
	const struct hw *hw;
	struct hw_runner *runner;
	int work; /* passes that shall find work */
	int passes;
	int sleeping;	     /* between arm() true and disarm() */
	int arms, arms_seen; /* arms_seen: of them when the test last looked */
	int disarms, refuse;
	int deadline_set, deadline_met, early;
	uint64_t deadline;
};

static unsigned run_pass(void *arg)
{
	struct run *r = arg;

	cover("callback", "pass");
	g_assert_cmpint(g_atomic_int_get(&r->sleeping), ==, 0);
	g_atomic_int_inc(&r->passes);
	if (g_atomic_int_get(&r->deadline_set) && !g_atomic_int_get(&r->deadline_met)) {
		if (hw_now(r->hw) >= r->deadline)
			g_atomic_int_set(&r->deadline_met, 1);
	}
	if (g_atomic_int_get(&r->work) > 0) {
		g_atomic_int_add(&r->work, -1);
		return 1;
	}
	return 0;
}

static bool run_arm(void *arg)
{
	struct run *r = arg;

	cover("callback", "arm");
	if (g_atomic_int_get(&r->work) > 0)
		return false;
	if (r->refuse > 0) {
		r->refuse--;
		return false;
	}
	g_atomic_int_inc(&r->arms);
	g_atomic_int_set(&r->sleeping, 1);
	return true;
}

static void run_disarm(void *arg)
{
	struct run *r = arg;

	cover("callback", "disarm");
	r->disarms++;
	g_atomic_int_set(&r->sleeping, 0);
}

static uint64_t run_deadline(void *arg)
{
	struct run *r = arg;

	cover("callback", "deadline");
	if (g_atomic_int_get(&r->deadline_set) && !g_atomic_int_get(&r->deadline_met))
		return r->deadline;
	return HW_NEVER;
}

static unsigned run_fds(void *arg, int *fds, unsigned max)
{
	(void)arg;
	(void)fds;
	(void)max;
	cover("callback", "fds");
	return 0;
}

/* Did not go to sleep since the test last looked. */
static bool not_slept(void *arg)
{
	struct run *r = arg;

	return g_atomic_int_get(&r->arms) == r->arms_seen;
}

static bool has_work(void *arg)
{
	return g_atomic_int_get(&((struct run *)arg)->work) > 0;
}

static bool deadline_open(void *arg)
{
	return g_atomic_int_get(&((struct run *)arg)->deadline_met) == 0;
}

static void run_start(struct backend *b, struct run *r, bool own_thread)
{
	struct hw_runner_params params = {
		.name = "a-name-longer-than-kept",
		.cpu = -1,
		.own_thread = own_thread,
		.arg = r,
		.pass = run_pass,
		.arm = run_arm,
		.disarm = run_disarm,
		.deadline = run_deadline,
		.fds = run_fds,
	};

	cover("slot", "runner_start");
	r->hw = backend_hw(b);
	g_assert_cmpint(ops(r->hw)->runner_start(r->hw->env, &params, &r->runner), ==, 0);
	/* It copied them. */
	memset(&params, 0xff, sizeof(params));
}

static void runner_life(bool own_thread)
{
	struct backend *b = backend_new();
	struct run r = { .work = 5, .refuse = 2 };
	int passes;

	run_start(b, &r, own_thread);
	g_assert_true(backend_run(b, has_work, &r));
	g_assert_true(backend_run(b, not_slept, &r));
	for (int i = 0; i < 100; i++) {
		g_atomic_int_set(&r.work, 3);
		cover("slot", "runner_wake");
		ops(r.hw)->runner_wake(r.runner);
		ops(r.hw)->runner_wake(r.runner);
		g_assert_true(backend_run(b, has_work, &r));
	}
	cover("slot", "runner_stop");
	ops(r.hw)->runner_stop(r.runner);
	passes = g_atomic_int_get(&r.passes);
	backend_run_for(b, 2 * MS);
	g_assert_cmpint(g_atomic_int_get(&r.passes), ==, passes);
	g_assert_cmpint(passes, >=, 305);
	g_assert_cmpint(r.arms, >, 0);
	g_assert_cmpint(r.disarms, >, 0);
	g_assert_cmpint(r.refuse, ==, 0);
	backend_free(b);
}

static void test_runner_main(void)
{
	runner_life(false);
}

static void test_runner_thread(void)
{
	runner_life(true);
}

static void runner_deadline(bool own_thread)
{
	struct backend *b = backend_new();
	struct run r = { 0 };

	r.deadline = hw_now(backend_hw(b)) + 3 * MS;
	r.deadline_set = 1;
	run_start(b, &r, own_thread);
	g_assert_true(backend_run(b, deadline_open, &r));
	g_assert_cmpuint(hw_now(r.hw), >=, r.deadline);
	ops(r.hw)->runner_stop(r.runner);
	backend_free(b);
}

static void test_runner_deadline(void)
{
	runner_deadline(false);
	runner_deadline(true);
}

/* Stopping one that is busy, one that is asleep, and one that never passed. */
static void test_runner_stop(void)
{
	struct backend *b = backend_new();
	struct run busy = { .work = G_MAXINT }, asleep = { 0 }, fresh = { 0 };

	run_start(b, &busy, true);
	run_start(b, &asleep, true);
	g_assert_true(backend_run(b, not_slept, &asleep));
	run_start(b, &fresh, false);
	ops(busy.hw)->runner_stop(fresh.runner);
	ops(busy.hw)->runner_stop(busy.runner);
	ops(busy.hw)->runner_stop(asleep.runner);
	backend_run_for(b, MS);
	g_assert_cmpint(fresh.passes, ==, 0);
	backend_free(b);
}

static gpointer wake_from_thread(gpointer data)
{
	struct run *r = data;

	g_atomic_int_set(&r->work, 1);
	ops(r->hw)->runner_wake(r->runner);
	return NULL;
}

static void test_wake_from_thread(void)
{
	struct backend *b;
	struct run r = { 0 };

	if (!backend_has_threads()) {
		g_test_skip("one thread only");
		return;
	}
	b = backend_new();
	run_start(b, &r, false);
	for (unsigned i = 0; i < 100; i++) {
		GThread *t;

		g_assert_true(backend_run(b, not_slept, &r));
		r.arms_seen = g_atomic_int_get(&r.arms);
		t = g_thread_new("waker", wake_from_thread, &r);
		g_assert_true(backend_run(b, has_work, &r));
		g_thread_join(t);
		g_assert_true(backend_run(b, has_work, &r));
	}
	ops(r.hw)->runner_stop(r.runner);
	backend_free(b);
}

/* ---- reactors ----------------------------------------------------------------------- */

#define NTIMERS 40

struct timed {
	struct timer timer;
	struct timers *all;
	uint64_t deadline;
};

struct timers {
	struct timed t[NTIMERS];
	unsigned fired, order_errors, early;
	uint64_t last;
	int done;
};

static void on_timer(struct timer *timer, struct reactor *r)
{
	struct timed *t = (struct timed *)timer;
	struct timers *all = t->all;

	all->early += hw_now(r->hw) < t->deadline;
	all->order_errors += t->deadline < all->last;
	all->last = t->deadline;
	if (++all->fired == NTIMERS - 1)
		g_atomic_int_set(&all->done, 1);
}

static void set_timers(struct reactor *r, void *arg)
{
	struct timers *all = arg;
	uint64_t now = hw_now(r->hw);

	for (unsigned i = 0; i < NTIMERS; i++) {
		struct timed *t = &all->t[i];

		t->all = all;
		t->deadline = now + (i * 7919 % 40) * MS / 10;
		timer_init(&t->timer, on_timer);
		reactor_timer_set(r, &t->timer, t->deadline);
	}
	reactor_timer_cancel(r, &all->t[20].timer);
}

static void test_timers(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct timers *all = g_new0(struct timers, 1);
		struct rig rig;

		rig_up(&rig);
		rig_on(&rig, i, set_timers, all);
		rig_wait_flag(&rig, &all->done);
		backend_run_for(rig.b, 2 * MS);
		g_assert_cmpuint(all->fired, ==, NTIMERS - 1);
		g_assert_cmpuint(all->early, ==, 0);
		g_assert_cmpuint(all->order_errors, ==, 0);
		rig_down(&rig);
		g_free(all);
	}
}

#define NMSGS 500

struct ping {
	struct msg msg;
	struct ping_test *test;
	unsigned number;
};

struct ping_test {
	struct core *core;
	struct ping pings[NMSGS];
	unsigned next_there, next_back;
	unsigned wrong[2]; /* by reactor, of whose thread it is */
	int done;
};

static void ping_back(struct msg *msg, struct reactor *r)
{
	struct ping *p = (struct ping *)msg;

	p->test->wrong[0] += r->index != 0 || p->number != p->test->next_back++;
	if (p->number == NMSGS - 1)
		g_atomic_int_set(&p->test->done, 1);
}

static void ping_there(struct msg *msg, struct reactor *r)
{
	struct ping *p = (struct ping *)msg;

	p->test->wrong[1] += r->index != 1 || p->number != p->test->next_there++;
	p->msg.fn = ping_back;
	reactor_post(core_main(p->test->core), &p->msg);
}

static void test_messages(void)
{
	struct ping_test *t = g_new0(struct ping_test, 1);
	struct rig rig;

	rig_up(&rig);
	t->core = rig.core;
	for (unsigned i = 0; i < NMSGS; i++) {
		t->pings[i] = (struct ping){ .msg.fn = ping_there, .test = t, .number = i };
		reactor_post(rig.core->reactors[1], &t->pings[i].msg);
	}
	rig_wait_flag(&rig, &t->done);
	g_assert_cmpuint(t->wrong[0] + t->wrong[1], ==, 0);
	rig_down(&rig);
	g_free(t);
}

static void add_tests(void)
{
	g_test_add_func("/env/clocks", test_clocks);
	g_test_add_func("/env/cpu-node", test_cpu_node);
	g_test_add_func("/env/random", test_random);
	g_test_add_func("/env/log-line", test_log_line);
	g_test_add_func("/env/runner/main", test_runner_main);
	g_test_add_func("/env/runner/thread", test_runner_thread);
	g_test_add_func("/env/runner/deadline", test_runner_deadline);
	g_test_add_func("/env/runner/stop", test_runner_stop);
	g_test_add_func("/env/runner/wake-from-thread", test_wake_from_thread);
	g_test_add_func("/env/reactor/timers", test_timers);
	g_test_add_func("/env/reactor/messages", test_messages);
	if (!backend_has_threads())
		cover_skip("callback", "fds", "nothing to poll in the world");
}

int main(int argc, char **argv)
{
	static const char *const slots[] = { "now",	     "wall",	    "random",
					     "runner_start", "runner_stop", "runner_wake",
					     "cpu_time",     "log_line",    "cpu_node",
					     NULL };
	static const char *const callbacks[] = { "pass", "arm", "disarm", "deadline", "fds", NULL };
	static const struct cover_list lists[] = { { "slot", slots }, { "callback", callbacks } };

	return seam_main(argc, argv, add_tests, lists, G_N_ELEMENTS(lists));
}
