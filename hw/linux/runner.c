/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives one reactor from a GMainContext by one GSource, whose dispatch passes
 * again and again as long as spin.h says so.
 *
 * Sleeping is done by GLib's poll on an eventfd (wake), a timerfd (deadline:
 * poll's timeout is rounded to milliseconds) and the engines' descriptors.
 *
 * The race between going to sleep and being woken is settled by state alone:
 * the runner goes RUNNING -> SLEEPING before it arms and looks; a waker
 * exchanges KICKED in after it has queued its message. Either the waker finds
 * SLEEPING and writes the eventfd, or the runner finds KICKED or the message.
 */
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "hw/linux/internal.h"
#include "hw/linux/spin.h"

/* Longest dispatch: on a shared context other sources wait meanwhile. */
#define SHARED_DISPATCH_NS UINT64_C(1000000)
#define PRIVATE_DISPATCH_NS UINT64_C(50000000)
/*
 * Passes without work in a row, then the processor is offered to others: the
 * peer, or the softirq thread that has our packets, may be waiting for this very
 * one. Costs a fraction of a microsecond where nobody is.
 */
#define YIELD_PASSES 32u

enum { RUNNING, KICKED, SLEEPING };

struct runner_source {
	GSource source;
	struct hw_runner *runner;
};

struct hw_runner {
	struct hw_runner_params params;
	char name[16];
	GMainContext *context;
	GSource *source;
	GThread *thread;
	struct spin spin;
	atomic_int state;
	atomic_bool stop;
	bool want_sleep; /* the policy's last word */
	bool armed;
	bool dispatching;
	bool slack_set;
	uint64_t timer_at; /* what the timerfd is set to; HW_NEVER: nothing */
	int wake_fd;
	int timer_fd;
	gpointer wake_tag;
	gpointer timer_tag;
	unsigned nfds;
	int fds[HW_RUNNER_FDS_MAX];
	gpointer tags[HW_RUNNER_FDS_MAX];
	/* Start of the thread. */
	sem_t started;
	int start_rc;
};

static void drain(int fd)
{
	uint64_t value;

	/* Nothing to read is as good: both descriptors are non-blocking. */
	while (read(fd, &value, sizeof(value)) < 0 && errno == EINTR)
		;
}

static void set_timer(struct hw_runner *r, uint64_t deadline)
{
	struct itimerspec its = { 0 };

	if (deadline == r->timer_at)
		return;
	if (deadline != HW_NEVER) {
		its.it_value.tv_sec = (time_t)(deadline / 1000000000);
		its.it_value.tv_nsec = (long)(deadline % 1000000000);
		/* Zero would disarm it. */
		if (deadline == 0)
			its.it_value.tv_nsec = 1;
	}
	timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
	r->timer_at = deadline;
}

static bool among(int fd, const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] == fd)
			return true;
	return false;
}

/*
 * The engines' descriptors hardly ever change, only their order does, by turns. GLib allocates
 * and wakes itself for each that it is to watch, or no longer.
 */
static void watch_fds(struct hw_runner *r)
{
	int fds[HW_RUNNER_FDS_MAX];
	unsigned n = 0, kept = 0;

	if (r->params.fds != NULL)
		n = r->params.fds(r->params.arg, fds, HW_RUNNER_FDS_MAX);
	for (unsigned i = 0; i < r->nfds; i++) {
		if (!among(r->fds[i], fds, n)) {
			g_source_remove_unix_fd(r->source, r->tags[i]);
			continue;
		}
		r->fds[kept] = r->fds[i];
		r->tags[kept++] = r->tags[i];
	}
	r->nfds = kept;
	for (unsigned i = 0; i < n; i++) {
		if (among(fds[i], r->fds, kept))
			continue;
		r->fds[r->nfds] = fds[i];
		r->tags[r->nfds++] = g_source_add_unix_fd(r->source, fds[i], G_IO_IN);
	}
}

static void awake(struct hw_runner *r)
{
	if (!r->armed)
		return;
	r->armed = false;
	atomic_store(&r->state, RUNNING);
	r->params.disarm(r->params.arg);
}

/* False: there is something to do. */
static bool try_sleep(struct hw_runner *r)
{
	int expected = RUNNING;
	uint64_t deadline;

	if (!atomic_compare_exchange_strong(&r->state, &expected, SLEEPING))
		return false;
	r->armed = true;
	if (r->params.arm(r->params.arg)) {
		deadline = r->params.deadline(r->params.arg);
		if (deadline == HW_NEVER || deadline > linux_now()) {
			set_timer(r, deadline);
			watch_fds(r);
			return true;
		}
	}
	awake(r);
	return false;
}

static gboolean runner_prepare(GSource *source, gint *timeout)
{
	struct hw_runner *r = ((struct runner_source *)source)->runner;

	*timeout = -1;
	/* A main loop inside of a pass: the pass is not re-entered. */
	if (r->dispatching)
		return FALSE;
	/* Another source ran since: it may have given the reactor work or a nearer timer. */
	awake(r);
	return !r->want_sleep || !try_sleep(r);
}

static gboolean runner_check(GSource *source)
{
	struct hw_runner *r = ((struct runner_source *)source)->runner;
	bool ready = false;

	if (r->dispatching)
		return FALSE;
	if (g_source_query_unix_fd(source, r->wake_tag) != 0) {
		drain(r->wake_fd);
		ready = true;
	}
	if (g_source_query_unix_fd(source, r->timer_tag) != 0) {
		drain(r->timer_fd);
		r->timer_at = HW_NEVER;
		ready = true;
	}
	for (unsigned i = 0; i < r->nfds; i++)
		ready |= g_source_query_unix_fd(source, r->tags[i]) != 0;
	return ready || atomic_load(&r->state) == KICKED;
}

static void nap(struct hw_runner *r, uint64_t now)
{
	uint64_t end = now + SPIN_NAP_NS;
	uint64_t deadline = r->params.deadline(r->params.arg);
	struct timespec ts;

	if (!r->slack_set) {
		/* The default slack of 50 us would more than double a nap. */
		prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
		r->slack_set = true;
	}
	if (deadline < end)
		end = deadline;
	if (end <= now)
		return;
	ts.tv_sec = (time_t)(end / 1000000000);
	ts.tv_nsec = (long)(end % 1000000000);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	spin_rested(&r->spin, linux_now());
}

/* Passes until the policy wants to sleep or the time is up. */
static void run_passes(struct hw_runner *r)
{
	uint64_t now = linux_now();
	uint64_t end = now + (r->params.own_thread ? PRIVATE_DISPATCH_NS : SHARED_DISPATCH_NS);
	enum spin_action action = SPIN_PASS;
	unsigned idle = 0;

	if (r->want_sleep)
		spin_rested(&r->spin, now);
	r->want_sleep = false;
	while (now < end && !atomic_load_explicit(&r->stop, memory_order_relaxed)) {
		unsigned work;

		if (atomic_load_explicit(&r->state, memory_order_relaxed) == KICKED)
			atomic_exchange(&r->state, RUNNING);
		work = r->params.pass(r->params.arg);
		now = linux_now();
		action = spin_step(&r->spin, now, work, linux_net_bytes);
		if (action == SPIN_SLEEP) {
			r->want_sleep = true;
			return;
		}
		if (action == SPIN_NAP) {
			nap(r, now);
			now = linux_now();
		} else if (work != 0) {
			idle = 0;
		} else if (++idle % YIELD_PASSES == 0) {
			sched_yield();
		}
	}
}

static gboolean runner_dispatch(GSource *source, GSourceFunc callback, gpointer user)
{
	struct hw_runner *r = ((struct runner_source *)source)->runner;

	(void)callback;
	(void)user;
	awake(r);
	r->dispatching = true;
	run_passes(r);
	r->dispatching = false;
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs runner_funcs = {
	.prepare = runner_prepare,
	.check = runner_check,
	.dispatch = runner_dispatch,
};

static int pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -EINVAL;
}

static gpointer runner_thread(gpointer arg)
{
	struct hw_runner *r = arg;

	r->start_rc = pin(r->params.cpu);
	if (r->start_rc != 0) {
		sem_post(&r->started);
		return NULL;
	}
	g_main_context_push_thread_default(r->context);
	sem_post(&r->started);
	while (!atomic_load(&r->stop))
		g_main_context_iteration(r->context, TRUE);
	awake(r);
	g_main_context_pop_thread_default(r->context);
	return NULL;
}

static void runner_free(struct hw_runner *r)
{
	if (r->source != NULL) {
		g_source_destroy(r->source);
		g_source_unref(r->source);
	}
	if (r->context != NULL)
		g_main_context_unref(r->context);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	if (r->timer_fd >= 0)
		close(r->timer_fd);
	sem_destroy(&r->started);
	free(r);
}

static int runner_open_fds(struct hw_runner *r)
{
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake_fd < 0)
		return -errno;
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return r->timer_fd < 0 ? -errno : 0;
}

static void runner_make_source(struct hw_runner *r)
{
	r->source = g_source_new(&runner_funcs, sizeof(struct runner_source));
	((struct runner_source *)r->source)->runner = r;
	g_source_set_name(r->source, r->name);
	/* Otherwise GLib takes the descriptors out of its set for each dispatch, by system calls.
	 */
	g_source_set_can_recurse(r->source, TRUE);
	r->wake_tag = g_source_add_unix_fd(r->source, r->wake_fd, G_IO_IN);
	r->timer_tag = g_source_add_unix_fd(r->source, r->timer_fd, G_IO_IN);
	g_source_attach(r->source, r->context);
}

static int runner_launch(struct hw_runner *r, struct linux_env *env)
{
	g_autoptr(GError) error = NULL;

	if (!r->params.own_thread) {
		int rc = pin(r->params.cpu);

		if (rc != 0)
			return rc;
		r->context = env->main_context != NULL ? g_main_context_ref(env->main_context)
						       : g_main_context_ref_thread_default();
		runner_make_source(r);
		return 0;
	}
	r->context = g_main_context_new();
	runner_make_source(r);
	r->thread = g_thread_try_new(r->name, runner_thread, r, &error);
	if (r->thread == NULL)
		return -EAGAIN;
	while (sem_wait(&r->started) != 0)
		;
	if (r->start_rc != 0)
		g_thread_join(r->thread);
	return r->start_rc;
}

int linux_runner_start(struct hw_env *env, const struct hw_runner_params *params,
		       struct hw_runner **out)
{
	struct hw_runner *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->params = *params;
	g_strlcpy(r->name, params->name != NULL ? params->name : "runner", sizeof(r->name));
	r->params.name = r->name;
	r->wake_fd = -1;
	r->timer_fd = -1;
	r->timer_at = HW_NEVER;
	atomic_init(&r->state, RUNNING);
	atomic_init(&r->stop, false);
	sem_init(&r->started, 0, 0);
	spin_init(&r->spin, params->spin_ns, linux_now());
	rc = runner_open_fds(r);
	if (rc == 0) {
		/* The thread may ask for its runner as soon as it runs. */
		*out = r;
		rc = runner_launch(r, (struct linux_env *)env);
	}
	if (rc != 0) {
		*out = NULL;
		runner_free(r);
	}
	return rc;
}

static void kick(struct hw_runner *r)
{
	static const uint64_t one = 1;

	if (atomic_exchange(&r->state, KICKED) != SLEEPING)
		return;
	while (write(r->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void linux_runner_wake(struct hw_runner *r)
{
	/*
	 * A read-modify-write, not a load: either it comes after the runner's
	 * exchange and finds SLEEPING, or that one comes after it and the
	 * runner's look finds what the caller has queued.
	 */
	if (atomic_fetch_add(&r->state, 0) != KICKED)
		kick(r);
}

void linux_runner_stop(struct hw_runner *r)
{
	atomic_store(&r->stop, true);
	if (r->thread != NULL) {
		/* kick() alone would not end a sleep that somebody else is just ending. */
		kick(r);
		g_main_context_wakeup(r->context);
		g_thread_join(r->thread);
	}
	awake(r);
	runner_free(r);
}
