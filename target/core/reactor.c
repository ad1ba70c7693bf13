/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reactor's pass and its life. Timers are in timer.c, messages between
 * reactors in mailbox.c; who calls the pass is the runner's business.
 *
 * Invariant: every batch of a pass is bounded, and what a bound leaves over
 * makes the pass return more than zero and reactor_arm() return false, so that
 * it is never slept over.
 */
#include <glib.h>
#include <string.h>

#include "target/core/reactor-priv.h"

#define ENGINE_BUDGET 64
#define MESSAGES_MAX 256
#define TIMERS_MAX 256
#define DONE_MAX 4096

static void task_list_init(struct task_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static struct task *task_list_pop(struct task_list *list)
{
	struct task *task = list->head;

	if (task == NULL)
		return NULL;
	list->head = task->next;
	if (list->head == NULL)
		list->tail = &list->head;
	task->next = NULL;
	task->queued = false;
	return task;
}

static bool task_list_remove(struct task_list *list, struct task *task)
{
	for (struct task **p = &list->head; *p != NULL; p = &(*p)->next) {
		if (*p != task)
			continue;
		*p = task->next;
		if (list->tail == &task->next)
			list->tail = p;
		task->next = NULL;
		task->queued = false;
		return true;
	}
	return false;
}

void reactor_cancel_task(struct reactor *r, struct task *task)
{
	if (!task->queued)
		return;
	if (task_list_remove(&r->done, task) || task_list_remove(&r->flush, task))
		return;
	if (!task_list_remove(&r->priv->flushing, task))
		g_assert_not_reached();
}

struct reactor *reactor_new(struct core *core, const struct hw *hw, unsigned index)
{
	struct reactor *r = g_new0(struct reactor, 1);

	r->core = core;
	r->hw = hw;
	r->index = index;
	r->node = -1;
	r->now = hw_now(hw);
	r->priv = g_aligned_alloc0(1, sizeof(*r->priv), alignof(struct reactor_priv));
	task_list_init(&r->done);
	task_list_init(&r->flush);
	task_list_init(&r->priv->flushing);
	return r;
}

void reactor_free(struct reactor *r)
{
	struct msg *msg;

	if (r == NULL)
		return;
	g_assert(r->runner == NULL);
	while ((msg = mailbox_pop(&r->priv->mailbox)) != NULL)
		core_drop_msg(msg);
	timers_free(r);
	g_aligned_free(r->priv);
	g_free(r);
}

/* --- the runner -------------------------------------------------------------- */

static unsigned runner_pass(void *arg)
{
	return reactor_pass(arg);
}

static bool runner_arm(void *arg)
{
	return reactor_arm(arg);
}

static void runner_disarm(void *arg)
{
	reactor_disarm(arg);
}

static uint64_t runner_deadline(void *arg)
{
	return reactor_deadline(arg);
}

static unsigned runner_fds(void *arg, int *fds, unsigned max)
{
	struct reactor *r = arg;
	unsigned n = 0;

	for (struct engine *e = r->priv->engines; e != NULL && n < max; e = e->next) {
		if (e->fd >= 0)
			fds[n++] = e->fd;
	}
	return n;
}

/*
 * Senders on other threads may be about to wake a runner that is being stopped:
 * they announce themselves first, and reactor_stop waits until they are through.
 */
static void wake(struct reactor *r)
{
	struct hw_runner *runner;

	atomic_fetch_add(&r->priv->wakers, 1);
	runner = __atomic_load_n(&r->runner, __ATOMIC_SEQ_CST);
	if (runner != NULL)
		r->hw->env->ops->runner_wake(runner);
	atomic_fetch_sub(&r->priv->wakers, 1);
}

int reactor_start(struct reactor *r, const char *name, int cpu, uint64_t spin_ns)
{
	struct hw_runner_params params = {
		.name = name,
		.cpu = cpu,
		.own_thread = r->index != 0,
		.spin_ns = spin_ns,
		.arg = r,
		.pass = runner_pass,
		.arm = runner_arm,
		.disarm = runner_disarm,
		.deadline = runner_deadline,
		.fds = runner_fds,
	};
	struct hw_runner *runner = NULL;
	int rc;

	g_assert(r->runner == NULL);
	r->node = r->hw->env->ops->cpu_node(r->hw->env, cpu);
	rc = r->hw->env->ops->runner_start(r->hw->env, &params, &runner);
	if (rc < 0)
		return rc;
	__atomic_store_n(&r->runner, runner, __ATOMIC_SEQ_CST);
	/* Whoever posted before the line above could not wake it. */
	wake(r);
	return 0;
}

void reactor_stop(struct reactor *r)
{
	struct hw_runner *runner = __atomic_exchange_n(&r->runner, NULL, __ATOMIC_SEQ_CST);

	if (runner == NULL)
		return;
	while (atomic_load(&r->priv->wakers) != 0)
		;
	r->hw->env->ops->runner_stop(runner);
}

bool reactor_is_current(const struct reactor *r)
{
	return atomic_load_explicit(&r->priv->thread, memory_order_relaxed) == g_thread_self();
}

/* --- engines ------------------------------------------------------------------- */

void reactor_add_engine(struct reactor *r, struct engine *e)
{
	struct engine **p = &r->priv->engines;

	while (*p != NULL)
		p = &(*p)->next;
	e->next = NULL;
	*p = e;
	/* A runner that is asleep does not know it yet. */
	wake(r);
}

void reactor_remove_engine(struct reactor *r, struct engine *e)
{
	struct engine **p = &r->priv->engines;

	while (*p != NULL && *p != e)
		p = &(*p)->next;
	g_assert(*p == e);
	*p = e->next;
	if (r->priv->next_engine == e)
		r->priv->next_engine = e->next;
	if (r->priv->polled == e)
		r->priv->polled = NULL;
	e->next = NULL;
}

void reactor_engines(const struct reactor *r, void (*each)(void *arg, const struct engine *e),
		     void *arg)
{
	for (const struct engine *e = r->priv->engines; e != NULL; e = e->next)
		each(arg, e);
}

static unsigned poll_engines(struct reactor *r)
{
	struct reactor_priv *p = r->priv;
	struct engine *e, **end;
	unsigned n = 0;

	for (e = p->engines; e != NULL; e = p->next_engine) {
		unsigned done;

		p->polled = e;
		p->next_engine = e->next;
		done = e->ops->poll(e, ENGINE_BUDGET);
		/* It may have removed itself, and be gone. */
		if (done > 0 && p->polled == e)
			e->busy++;
		n += done;
	}
	p->next_engine = NULL;

	/* Another one goes first in the next pass. */
	e = p->engines;
	if (e != NULL && e->next != NULL) {
		p->engines = e->next;
		e->next = NULL;
		for (end = &p->engines; *end != NULL; end = &(*end)->next)
			;
		*end = e;
	}
	return n;
}

/* --- messages ------------------------------------------------------------------- */

void reactor_post(struct reactor *r, struct msg *msg)
{
	if (mailbox_push(&r->priv->mailbox, msg))
		wake(r);
}

static unsigned run_messages(struct reactor *r)
{
	unsigned n = 0;
	struct msg *msg;

	while (n < MESSAGES_MAX && (msg = mailbox_pop(&r->priv->mailbox)) != NULL) {
		n++;
		msg->fn(msg, r);
		if (hw_fault(r->hw, "reactor.messages"))
			break; /* as if there were too many */
	}
	r->stats.messages += n;
	return n;
}

/* --- the pass ------------------------------------------------------------------- */

static unsigned run_done(struct reactor *r, unsigned max)
{
	struct task *task;
	unsigned n = 0;

	while (n < max && (task = task_list_pop(&r->done)) != NULL) {
		n++;
		task->fn(task);
	}
	return n;
}

static unsigned run_flush(struct reactor *r)
{
	struct task_list *list = &r->priv->flushing;
	struct task *task;
	unsigned n = 0;

	if (r->flush.head == NULL)
		return 0;
	*list = r->flush;
	task_list_init(&r->flush);
	while ((task = task_list_pop(list)) != NULL) {
		n++;
		task->fn(task);
	}
	return n;
}

static void account(struct reactor *r)
{
	struct reactor_priv *p = r->priv;
	uint64_t elapsed = r->now - p->pass_start;

	if (p->passed) {
		if (p->busy)
			r->stats.busy_ns += elapsed;
		else
			r->stats.idle_ns += elapsed;
	}
	p->passed = true;
	p->pass_start = r->now;
}

unsigned reactor_pass(struct reactor *r)
{
	struct reactor_priv *p = r->priv;
	unsigned n, done;

	atomic_store_explicit(&p->thread, g_thread_self(), memory_order_relaxed);
	r->now = hw_now(r->hw);
	account(r);

	n = poll_engines(r);
	n += run_messages(r);
	n += timers_run(r, TIMERS_MAX);
	done = run_done(r, DONE_MAX);
	n += run_flush(r);
	done += run_done(r, DONE_MAX - done);
	n += done;

	p->busy = n > 0;
	r->stats.passes++;
	r->stats.busy_passes += p->busy;
	atomic_store_explicit(&p->thread, NULL, memory_order_relaxed);
	return n;
}

static bool has_work(struct reactor *r)
{
	return r->done.head != NULL || r->flush.head != NULL ||
	       !mailbox_is_empty(&r->priv->mailbox);
}

bool reactor_arm(struct reactor *r)
{
	bool idle = true;

	r->priv->armed = true;
	for (struct engine *e = r->priv->engines; e != NULL; e = e->next) {
		if (e->ops->arm != NULL && !e->ops->arm(e))
			idle = false;
	}
	if (idle && !has_work(r))
		return true;
	reactor_disarm(r);
	return false;
}

void reactor_disarm(struct reactor *r)
{
	if (!r->priv->armed)
		return;
	r->priv->armed = false;
	for (struct engine *e = r->priv->engines; e != NULL; e = e->next) {
		if (e->ops->disarm != NULL)
			e->ops->disarm(e);
	}
}

uint64_t reactor_deadline(struct reactor *r)
{
	return has_work(r) ? r->now : timers_next(r);
}
