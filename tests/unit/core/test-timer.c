/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers against a model, and what callbacks may do to timers. */
#include "tests/unit/core/fake-hw.h"

#define TIMERS 200

struct model {
	struct fake_hw *fake;
	struct reactor *r;
	struct model_timer {
		struct timer timer;
		struct model *model;
		uint64_t deadline; /* HW_NEVER: not set */
		uint64_t order;
	} timers[TIMERS];
	uint64_t order, rand;
	uint64_t limit; /* only what was set before the pass fires in it */
	unsigned fired;
};

/* What must fire next, by looking at all. */
static struct model_timer *model_next(struct model *m)
{
	struct model_timer *best = NULL;

	for (unsigned i = 0; i < TIMERS; i++) {
		struct model_timer *t = &m->timers[i];

		if (t->deadline == HW_NEVER)
			continue;
		if (best == NULL || t->deadline < best->deadline ||
		    (t->deadline == best->deadline && t->order < best->order))
			best = t;
	}
	return best;
}

static void model_set(struct model *m, struct model_timer *t, uint64_t deadline)
{
	reactor_timer_set(m->r, &t->timer, deadline);
	t->deadline = MAX(deadline, m->r->now); /* the past is now */
	t->order = m->order++;
	g_assert_true(timer_is_set(&t->timer));
	g_assert_cmpuint(t->timer.deadline, ==, t->deadline);
}

static void model_cancel(struct model *m, struct model_timer *t)
{
	reactor_timer_cancel(m->r, &t->timer);
	t->deadline = HW_NEVER;
	g_assert_false(timer_is_set(&t->timer));
	g_assert_cmpuint(t->timer.deadline, ==, HW_NEVER);
}

static void model_random_step(struct model *m)
{
	struct model_timer *t = &m->timers[fake_rand(&m->rand) % TIMERS];
	uint64_t choice = fake_rand(&m->rand) % 8;

	if (choice == 0)
		model_cancel(m, t);
	else if (choice == 1) /* in the past */
		model_set(m, t, m->r->now - fake_rand(&m->rand) % 50);
	else
		model_set(m, t, m->r->now + fake_rand(&m->rand) % 200);
}

static void model_fired(struct timer *timer, struct reactor *r)
{
	struct model_timer *t = (struct model_timer *)timer;
	struct model *m = t->model;

	g_assert_true(t == model_next(m));
	g_assert_cmpuint(t->deadline, <=, r->now);
	g_assert_cmpuint(t->order, <, m->limit);
	g_assert_false(timer_is_set(timer));
	t->deadline = HW_NEVER;
	m->fired++;
	/* callbacks set and cancel, themselves and others */
	for (uint64_t n = fake_rand(&m->rand) % 4; n > 0; n--)
		model_random_step(m);
}

static void test_model(void)
{
	struct model *m = g_new0(struct model, 1);

	m->rand = fake_seed(20260102);
	m->fake = fake_hw_new();
	m->r = reactor_new(NULL, &m->fake->hw, 0);
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_init(&m->timers[i].timer, model_fired);
		m->timers[i].model = m;
		m->timers[i].deadline = HW_NEVER;
	}
	for (unsigned i = 0; i < 20000; i++) {
		struct model_timer *next;

		for (uint64_t n = fake_rand(&m->rand) % 8; n > 0; n--)
			model_random_step(m);
		next = model_next(m);
		g_assert_cmpuint(reactor_deadline(m->r), ==, next ? next->deadline : HW_NEVER);
		m->fake->now += fake_rand(&m->rand) % 40;
		m->limit = m->order;
		reactor_pass(m->r);
		/* nothing that was due and set before the pass is left (fewer than the bound are)
		 */
		next = model_next(m);
		g_assert_true(next == NULL || next->deadline > m->r->now ||
			      next->order >= m->limit);
	}
	g_assert_cmpuint(m->fired, >, 10000);
	reactor_free(m->r);
	fake_hw_free(m->fake);
	g_free(m);
}

struct counted {
	struct timer timer;
	unsigned fired;
	struct counted *free_other;
	uint64_t again; /* deadline to set itself to; 0: not */
};

static void counted_fn(struct timer *timer, struct reactor *r)
{
	struct counted *c = (struct counted *)timer;

	c->fired++;
	if (c->free_other != NULL) {
		reactor_timer_cancel(r, &c->free_other->timer);
		g_clear_pointer(&c->free_other, g_free);
	}
	if (c->again != 0)
		reactor_timer_set(r, timer, c->again);
}

static void free_self(struct timer *timer, struct reactor *r)
{
	(void)r;
	g_free(timer);
}

static void test_callbacks(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct reactor *r = reactor_new(NULL, &fake->hw, 0);
	struct counted *victim = g_new0(struct counted, 1), *own = g_new0(struct counted, 1);
	struct counted a = { .free_other = victim }, b = { .again = 1 };

	timer_init(&a.timer, counted_fn);
	timer_init(&b.timer, counted_fn);
	timer_init(&victim->timer, counted_fn);
	timer_init(&own->timer, free_self);
	reactor_timer_set(r, &a.timer, fake->now + 5);
	reactor_timer_set(r, &victim->timer, fake->now + 5);
	reactor_timer_set(r, &own->timer, fake->now + 5);
	reactor_timer_set(r, &b.timer, fake->now + 5);
	g_assert_cmpuint(reactor_pass(r), ==, 0);
	fake->now += 5;
	/* a frees the victim before it fires; b sets itself into the past: once a pass */
	g_assert_cmpuint(reactor_pass(r), ==, 3);
	g_assert_cmpuint(a.fired, ==, 1);
	g_assert_cmpuint(b.fired, ==, 1);
	/* and b does not keep a from firing, however early its deadline */
	reactor_timer_set(r, &a.timer, fake->now);
	g_assert_cmpuint(reactor_pass(r), ==, 2);
	g_assert_cmpuint(a.fired, ==, 2);
	g_assert_cmpuint(b.fired, ==, 2);
	reactor_timer_cancel(r, &b.timer);
	reactor_timer_cancel(r, &b.timer);
	reactor_timer_set(r, &a.timer, HW_NEVER);
	g_assert_false(timer_is_set(&a.timer));
	g_assert_cmpuint(reactor_deadline(r), ==, HW_NEVER);
	reactor_free(r);
	fake_hw_free(fake);
}

static void test_bound(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct reactor *r = reactor_new(NULL, &fake->hw, 0);
	struct counted *many = g_new0(struct counted, 1000);

	for (unsigned i = 0; i < 1000; i++) {
		timer_init(&many[i].timer, counted_fn);
		reactor_timer_set(r, &many[i].timer, fake->now);
	}
	g_assert_cmpuint(reactor_pass(r), ==, 256);
	g_assert_cmpuint(many[255].fired, ==, 1);
	g_assert_cmpuint(many[256].fired, ==, 0);
	g_assert_cmpuint(reactor_deadline(r), ==, fake->now);
	while (reactor_pass(r) > 0)
		;
	for (unsigned i = 0; i < 1000; i++)
		g_assert_cmpuint(many[i].fired, ==, 1);
	g_free(many);
	reactor_free(r);
	fake_hw_free(fake);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/timer/model", test_model);
	g_test_add_func("/timer/callbacks", test_callbacks);
	g_test_add_func("/timer/bound", test_bound);
	return g_test_run();
}
