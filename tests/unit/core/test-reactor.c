/* SPDX-License-Identifier: BSD-3-Clause */
/* One pass of a reactor: what runs in which order, how much of it, and what is left over. */
#include <errno.h>

#include "tests/unit/core/fake-hw.h"

struct fixture {
	struct fake_hw *fake;
	struct reactor *r;
	GString *order; /* one letter an event */
};

static void set_up(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->fake = fake_hw_new();
	f->r = reactor_new(NULL, &f->fake->hw, 0);
	f->order = g_string_new("");
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	reactor_free(f->r);
	fake_hw_free(f->fake);
	g_string_free(f->order, true);
}

/* A task that notes its letter, and may queue itself or others again. */
struct letter {
	struct task task;
	struct fixture *f;
	char c;
	unsigned again_done, again_flush; /* how many more times */
	struct letter *then_done, *then_flush, *cancel;
};

static void letter_fn(struct task *task)
{
	struct letter *l = (struct letter *)task;
	struct reactor *r = l->f->r;

	g_string_append_c(l->f->order, l->c);
	if (l->again_done > 0) {
		l->again_done--;
		reactor_run_soon(r, task);
	}
	if (l->again_flush > 0) {
		l->again_flush--;
		reactor_run_at_flush(r, task);
	}
	if (l->then_done != NULL)
		reactor_run_soon(r, &l->then_done->task);
	if (l->then_flush != NULL)
		reactor_run_at_flush(r, &l->then_flush->task);
	if (l->cancel != NULL)
		reactor_cancel_task(r, &l->cancel->task);
}

#define LETTER(f, ch)                                                                              \
	{                                                                                          \
		.task.fn = letter_fn, .f = (f), .c = (ch)                                          \
	}

static void expect(struct fixture *f, unsigned units, const char *order)
{
	g_string_truncate(f->order, 0);
	unsigned n = reactor_pass(f->r);

	g_assert_cmpstr(f->order->str, ==, order);
	g_assert_cmpuint(n, ==, units);
}

/* --- engines, messages, timers, lists in one pass --------------------------------------- */

struct test_engine {
	struct engine engine;
	struct fixture *f;
	char c;
	unsigned work, polls, budget;
	bool armed, late_work;
	unsigned arms, disarms;
	struct engine *remove;
};

static unsigned test_poll(struct engine *e, unsigned budget)
{
	struct test_engine *t = (struct test_engine *)e;
	unsigned n = MIN(t->work, budget);

	g_assert_false(t->armed);
	g_string_append_c(t->f->order, t->c);
	t->polls++;
	t->budget = budget;
	t->work -= n;
	if (t->remove != NULL) {
		reactor_remove_engine(t->f->r, t->remove);
		t->remove = NULL;
	}
	return n;
}

static bool test_arm(struct engine *e)
{
	struct test_engine *t = (struct test_engine *)e;

	g_assert_false(t->armed);
	t->armed = true;
	t->arms++;
	return !t->late_work;
}

static void test_disarm(struct engine *e)
{
	struct test_engine *t = (struct test_engine *)e;

	g_assert_true(t->armed);
	t->armed = false;
	t->disarms++;
}

static const struct engine_ops test_engine_ops = {
	.name = "test",
	.poll = test_poll,
	.arm = test_arm,
	.disarm = test_disarm,
};

static const struct engine_ops plain_engine_ops = { .name = "plain", .poll = test_poll };

#define ENGINE(fix, ch)                                                                            \
	{                                                                                          \
		.engine = { .ops = &test_engine_ops, .fd = -1 }, .f = (fix), .c = (ch)             \
	}

struct test_msg {
	struct msg msg;
	struct fixture *f;
};

static void msg_fn(struct msg *msg, struct reactor *r)
{
	struct test_msg *m = (struct test_msg *)msg;

	g_assert_true(r == m->f->r);
	g_assert_true(reactor_is_current(r));
	g_string_append_c(m->f->order, 'm');
}

struct test_timer {
	struct timer timer;
	struct fixture *f;
};

static void timer_fn(struct timer *timer, struct reactor *r)
{
	(void)r;
	g_string_append_c(((struct test_timer *)timer)->f->order, 't');
}

static void test_order(struct fixture *f, gconstpointer data)
{
	struct test_engine e = ENGINE(f, 'e');
	struct test_msg m = { .msg.fn = msg_fn, .f = f };
	struct test_timer t = { .f = f };
	struct letter done = LETTER(f, 'd'), flush = LETTER(f, 'f'), late = LETTER(f, 'l');

	(void)data;
	timer_init(&t.timer, timer_fn);
	flush.then_done = &late;
	reactor_run_at_flush(f->r, &flush.task);
	reactor_run_soon(f->r, &done.task);
	reactor_timer_set(f->r, &t.timer, f->fake->now);
	reactor_post(f->r, &m.msg);
	reactor_add_engine(f->r, &e.engine);
	e.work = 7;
	expect(f, 7 + 5, "emtdfl");
	expect(f, 0, "e");
	g_assert_false(reactor_is_current(f->r));
	reactor_remove_engine(f->r, &e.engine);
	expect(f, 0, "");
	g_assert_cmpuint(f->r->stats.messages, ==, 1);
	g_assert_cmpuint(f->r->stats.timers, ==, 1);
}

static void test_lists(struct fixture *f, gconstpointer data)
{
	struct letter a = LETTER(f, 'a'), b = LETTER(f, 'b'), c = LETTER(f, 'c');

	(void)data;
	/* first in first out; queueing what is queued changes nothing, on either list */
	reactor_run_soon(f->r, &a.task);
	reactor_run_soon(f->r, &b.task);
	reactor_run_soon(f->r, &a.task);
	reactor_run_at_flush(f->r, &b.task);
	reactor_run_soon(f->r, &c.task);
	expect(f, 3, "abc");

	/* the done list is drained until empty, the flush list once */
	a.again_done = 2;
	b.again_flush = 2;
	reactor_run_soon(f->r, &a.task);
	reactor_run_at_flush(f->r, &b.task);
	expect(f, 4, "aaab");
	g_assert_false(reactor_arm(f->r));
	g_assert_cmpuint(reactor_deadline(f->r), ==, f->r->now);
	expect(f, 1, "b");
	expect(f, 1, "b");
	expect(f, 0, "");
	g_assert_cmpuint(reactor_deadline(f->r), ==, HW_NEVER);

	/* what a done task flushes runs in this pass; what the flush's done task flushes in the
	 * next */
	a.then_flush = &b;
	b.then_done = &c;
	c.then_flush = &a;
	reactor_run_soon(f->r, &a.task);
	expect(f, 3, "abc");
	a.then_flush = NULL;
	expect(f, 1, "a");
}

static void test_done_bound(struct fixture *f, gconstpointer data)
{
	struct letter a = LETTER(f, 'a'), b = LETTER(f, 'b');

	(void)data;
	a.again_done = 10000;
	reactor_run_soon(f->r, &a.task);
	reactor_run_at_flush(f->r, &b.task);
	g_assert_cmpuint(reactor_pass(f->r), ==, 4096 + 1);
	g_assert_cmpint(f->order->str[4096], ==, 'b');
	g_assert_false(reactor_arm(f->r));
	g_assert_cmpuint(reactor_pass(f->r), ==, 4096);
	g_assert_cmpuint(reactor_pass(f->r), ==, 10001 - 2 * 4096);
	g_assert_cmpuint(reactor_pass(f->r), ==, 0);
	g_assert_true(reactor_arm(f->r));
	reactor_disarm(f->r);
}

static void test_cancel(struct fixture *f, gconstpointer data)
{
	struct letter a = LETTER(f, 'a'), b = LETTER(f, 'b'), c = LETTER(f, 'c');
	struct letter *all[] = { &a, &b, &c };

	(void)data;
	/* each place in a list, and the list goes on working */
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned j = 0; j < 3; j++)
			reactor_run_soon(f->r, &all[j]->task);
		reactor_cancel_task(f->r, &all[i]->task);
		g_assert_false(all[i]->task.queued);
		reactor_cancel_task(f->r, &all[i]->task);
		reactor_run_soon(f->r, &all[i]->task);
		expect(f, 3, (const char *[]){ "bca", "acb", "abc" }[i]);
	}
	/* the only one, of the flush list too */
	reactor_run_at_flush(f->r, &a.task);
	reactor_cancel_task(f->r, &a.task);
	reactor_run_at_flush(f->r, &b.task);
	expect(f, 1, "b");
	/* while the flush list is being run */
	a.cancel = &c;
	reactor_run_at_flush(f->r, &a.task);
	reactor_run_at_flush(f->r, &c.task);
	reactor_run_at_flush(f->r, &b.task);
	expect(f, 2, "ab");
	reactor_run_at_flush(f->r, &a.task);
	reactor_run_at_flush(f->r, &c.task);
	expect(f, 1, "a");
}

static void test_engine_fairness(struct fixture *f, gconstpointer data)
{
	struct test_engine e[3] = { ENGINE(f, 'a'), ENGINE(f, 'b'), ENGINE(f, 'c') };

	(void)data;
	for (unsigned i = 0; i < 3; i++) {
		reactor_add_engine(f->r, &e[i].engine);
		e[i].work = 1000;
	}
	expect(f, 192, "abc");
	expect(f, 192, "bca");
	expect(f, 192, "cab");
	expect(f, 192, "abc");
	g_assert_cmpuint(e[0].budget, ==, 64);

	/* one takes itself out, one its neighbour that is next, one the one before */
	e[1].remove = &e[1].engine;
	expect(f, 192, "bca");
	e[0].remove = &e[2].engine;
	expect(f, 64, "a");
	g_assert_null(e[2].engine.next);
	reactor_add_engine(f->r, &e[2].engine);
	e[2].remove = &e[0].engine;
	expect(f, 128, "ac");
	reactor_remove_engine(f->r, &e[2].engine);
	expect(f, 0, "");
}

static void test_arming(struct fixture *f, gconstpointer data)
{
	struct test_engine e[2] = { ENGINE(f, 'a'), ENGINE(f, 'b') };
	struct test_engine plain = {
		.engine.ops = &plain_engine_ops, .engine.fd = 5, .f = f, .c = 'p'
	};
	struct test_msg m = { .msg.fn = msg_fn, .f = f };
	struct letter done = LETTER(f, 'd');

	(void)data;
	reactor_add_engine(f->r, &e[0].engine);
	reactor_add_engine(f->r, &plain.engine);
	reactor_add_engine(f->r, &e[1].engine);
	g_assert_true(reactor_arm(f->r));
	g_assert_true(e[0].armed && e[1].armed);
	reactor_disarm(f->r);
	reactor_disarm(f->r);
	g_assert_cmpuint(e[0].disarms, ==, 1);

	/* work came while arming: all are disarmed again */
	e[0].late_work = true;
	g_assert_false(reactor_arm(f->r));
	g_assert_false(e[0].armed || e[1].armed);
	e[0].late_work = false;
	reactor_post(f->r, &m.msg);
	g_assert_false(reactor_arm(f->r));
	g_assert_false(e[0].armed || e[1].armed);
	g_assert_cmpuint(reactor_deadline(f->r), ==, f->r->now);
	reactor_pass(f->r);
	reactor_run_at_flush(f->r, &done.task);
	g_assert_false(reactor_arm(f->r));
	reactor_pass(f->r);
	g_assert_true(reactor_arm(f->r));
	reactor_disarm(f->r);
}

static void test_runner(struct fixture *f, gconstpointer data)
{
	struct fake_runner *runner = &f->fake->runners[0];
	struct test_engine e = ENGINE(f, 'a');
	struct test_msg m[2] = { { .msg.fn = msg_fn, .f = f }, { .msg.fn = msg_fn, .f = f } };
	int fds[4];

	(void)data;
	f->fake->runner_error = -EAGAIN;
	g_assert_cmpint(f->r->node, ==, -1);
	g_assert_cmpint(reactor_start(f->r, "x", 3, 500), ==, -EAGAIN);
	g_assert_null(f->r->runner);
	g_assert_cmpint(f->r->node, ==, -1);
	f->fake->cpus_per_node = 2;
	g_assert_cmpint(reactor_start(f->r, "x", 3, 500), ==, 0);
	g_assert_cmpint(runner->params.cpu, ==, 3);
	g_assert_cmpint(f->r->node, ==, 1);
	g_assert_cmpuint(runner->params.spin_ns, ==, 500);
	g_assert_false(runner->params.own_thread);
	atomic_store(&runner->wakes, 0);

	/* a runner that sleeps must learn of a new engine, and of the first message only */
	e.engine.fd = 9;
	reactor_add_engine(f->r, &e.engine);
	g_assert_cmpuint(atomic_load(&runner->wakes), ==, 1);
	g_assert_cmpuint(runner->params.fds(f->r, fds, 4), ==, 1);
	g_assert_cmpint(fds[0], ==, 9);
	g_assert_cmpuint(runner->params.fds(f->r, fds, 0), ==, 0);
	reactor_post(f->r, &m[0].msg);
	reactor_post(f->r, &m[1].msg);
	g_assert_cmpuint(atomic_load(&runner->wakes), ==, 2);
	g_assert_false(runner->params.arm(f->r));
	g_assert_cmpuint(runner->params.pass(f->r), ==, 2);
	g_assert_true(runner->params.arm(f->r));
	runner->params.disarm(f->r);
	g_assert_cmpuint(runner->params.deadline(f->r), ==, HW_NEVER);
	reactor_stop(f->r);
	reactor_stop(f->r);
	reactor_post(f->r, &m[0].msg);
	g_assert_cmpuint(atomic_load(&runner->wakes), ==, 2);
	/* The message is not to outlive this function. */
	g_assert_cmpuint(reactor_pass(f->r), ==, 1);
}

static void test_message_bound(struct fixture *f, gconstpointer data)
{
	struct test_msg *m = g_new0(struct test_msg, 1000);

	(void)data;
	for (unsigned i = 0; i < 1000; i++) {
		m[i].msg.fn = msg_fn;
		m[i].f = f;
		reactor_post(f->r, &m[i].msg);
	}
	for (unsigned left = 1000; left > 0;) {
		unsigned n = reactor_pass(f->r);

		g_assert_cmpuint(n, ==, MIN(left, 256));
		left -= n;
		g_assert_true(reactor_arm(f->r) == (left == 0));
	}
	reactor_disarm(f->r);
	g_free(m);
}

static void test_stats(struct fixture *f, gconstpointer data)
{
	struct letter a = LETTER(f, 'a');

	(void)data;
	reactor_run_soon(f->r, &a.task);
	reactor_pass(f->r); /* busy, until 100 later */
	f->fake->now += 100;
	reactor_pass(f->r); /* idle, until 40 later */
	f->fake->now += 40;
	reactor_pass(f->r);
	g_assert_cmpuint(f->r->now, ==, f->fake->now);
	g_assert_cmpuint(f->r->stats.passes, ==, 3);
	g_assert_cmpuint(f->r->stats.busy_passes, ==, 1);
	g_assert_cmpuint(f->r->stats.busy_ns, ==, 100);
	g_assert_cmpuint(f->r->stats.idle_ns, ==, 40);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(struct fixture *f, gconstpointer data);
	} tests[] = {
		{ "/reactor/order", test_order },
		{ "/reactor/lists", test_lists },
		{ "/reactor/done-bound", test_done_bound },
		{ "/reactor/cancel", test_cancel },
		{ "/reactor/engine-fairness", test_engine_fairness },
		{ "/reactor/arm", test_arming },
		{ "/reactor/runner", test_runner },
		{ "/reactor/message-bound", test_message_bound },
		{ "/reactor/stats", test_stats },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].fn, tear_down);
	return g_test_run();
}
