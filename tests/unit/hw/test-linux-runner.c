/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runners of the Linux backend, with threads and clocks as they are: nothing is
 * asserted about how long something takes, only that it happens, in what order,
 * and how often.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/env.h"
#include "hw/linux/linux.h"

struct fixture {
	struct linux_hw *lhw;
	struct hw_env *env;
	GMainContext *context;
};

/* Times that poll of the context found something. */
static unsigned polls_ready;

/* What a reactor would be: work arrives in inbox. */
struct fake {
	struct hw_env *env;
	struct hw_runner *runner;
	atomic_uint inbox;
	atomic_uint handled;
	atomic_uint passes;
	atomic_uint arms;
	_Atomic uint64_t deadline;
	atomic_bool armed;
	atomic_bool refuse_arm; /* once: work came between arm and look */
	atomic_int fd;		/* -1: none */
	atomic_int second;	/* 0: none; else by turns the first or the second */
	atomic_uint asked;
	_Atomic(GThread *) thread;
	GMutex lock;
	GCond cond;
};

static unsigned fake_pass(void *arg)
{
	struct fake *f = arg;
	unsigned n = atomic_exchange(&f->inbox, 0);
	uint64_t value;

	g_assert_false(atomic_load(&f->armed));
	f->thread = g_thread_self();
	if (f->fd >= 0 && read(f->fd, &value, sizeof(value)) == (ssize_t)sizeof(value))
		n++;
	if (f->second > 0 && read(f->second, &value, sizeof(value)) == (ssize_t)sizeof(value))
		n++;
	if (atomic_load(&f->deadline) <= f->env->ops->now(f->env)) {
		atomic_store(&f->deadline, HW_NEVER);
		n++;
	}
	g_mutex_lock(&f->lock);
	atomic_fetch_add(&f->passes, 1);
	atomic_fetch_add(&f->handled, n);
	g_cond_broadcast(&f->cond);
	g_mutex_unlock(&f->lock);
	return n;
}

static bool fake_arm(void *arg)
{
	struct fake *f = arg;

	atomic_fetch_add(&f->arms, 1);
	if (atomic_exchange(&f->refuse_arm, false)) {
		atomic_fetch_add(&f->inbox, 1);
		return false;
	}
	if (atomic_load(&f->inbox) != 0)
		return false;
	atomic_store(&f->armed, true);
	return true;
}

static void fake_disarm(void *arg)
{
	struct fake *f = arg;

	atomic_store(&f->armed, false);
}

static uint64_t fake_deadline(void *arg)
{
	return atomic_load(&((struct fake *)arg)->deadline);
}

static unsigned fake_fds(void *arg, int *fds, unsigned max)
{
	struct fake *f = arg;

	g_assert_cmpuint(max, ==, HW_RUNNER_FDS_MAX);
	if (f->fd < 0)
		return 0;
	if (f->second == 0) {
		fds[0] = f->fd;
		return 1;
	}
	fds[atomic_fetch_add(&f->asked, 1) % 2] = f->fd;
	fds[f->asked % 2] = f->second;
	return 2;
}

static struct hw_runner_params params_for(struct fake *f, bool own_thread, uint64_t spin_ns)
{
	return (struct hw_runner_params){
		.name = "a name that is too long",
		.cpu = -1,
		.own_thread = own_thread,
		.spin_ns = spin_ns,
		.arg = f,
		.pass = fake_pass,
		.arm = fake_arm,
		.disarm = fake_disarm,
		.deadline = fake_deadline,
		.fds = fake_fds,
	};
}

static void fake_start(struct fake *f, struct hw_env *env, bool own_thread, uint64_t spin_ns)
{
	struct hw_runner_params params = params_for(f, own_thread, spin_ns);

	f->env = env;
	atomic_init(&f->deadline, HW_NEVER);
	f->fd = -1;
	g_mutex_init(&f->lock);
	g_cond_init(&f->cond);
	g_assert_cmpint(env->ops->runner_start(env, &params, &f->runner), ==, 0);
}

static void fake_stop(struct fake *f)
{
	f->env->ops->runner_stop(f->runner);
	g_assert_false(atomic_load(&f->armed));
	g_mutex_clear(&f->lock);
	g_cond_clear(&f->cond);
}

static void wait_handled(struct fake *f, unsigned n)
{
	g_mutex_lock(&f->lock);
	while (atomic_load(&f->handled) < n)
		g_cond_wait(&f->cond, &f->lock);
	g_mutex_unlock(&f->lock);
}

/* The runner is in poll, or about to enter it with nothing left to notice. */
static void wait_armed(struct fake *f)
{
	while (!atomic_load(&f->armed))
		sched_yield();
}

static void give(struct fake *f)
{
	atomic_fetch_add(&f->inbox, 1);
	f->env->ops->runner_wake(f->runner);
}

static void setup(struct fixture *fx, gconstpointer data)
{
	struct linux_hw_options options = { .net_engine = LINUX_NET_EPOLL };

	(void)data;
	fx->context = g_main_context_new();
	options.main_context = fx->context;
	fx->lhw = linux_hw_new(&options, NULL);
	fx->env = linux_hw_get(fx->lhw)->env;
}

static void teardown(struct fixture *fx, gconstpointer data)
{
	(void)data;
	linux_hw_free(fx->lhw);
	g_main_context_unref(fx->context);
}

static void test_wake(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 };

	fake_start(&f, fx->env, true, *(const uint64_t *)data);
	for (unsigned i = 1; i <= 2000; i++) {
		/* Now and then from sleep, mostly while it is falling asleep. */
		if (i % 16 == 0 && *(const uint64_t *)data != HW_NEVER)
			wait_armed(&f);
		give(&f);
		wait_handled(&f, i);
	}
	g_assert_true(f.thread != g_thread_self());
	fake_stop(&f);
	g_assert_cmpuint(atomic_load(&f.handled), ==, 2000);
}

static gpointer waker(gpointer arg)
{
	struct fake *f = arg;

	for (int i = 0; i < 20000; i++)
		give(f);
	return NULL;
}

static void test_wake_from_many(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 };
	GThread *threads[3];

	fake_start(&f, fx->env, true, *(const uint64_t *)data);
	for (int i = 0; i < 3; i++)
		threads[i] = g_thread_new("waker", waker, &f);
	for (int i = 0; i < 3; i++)
		g_thread_join(threads[i]);
	wait_handled(&f, 60000);
	fake_stop(&f);
}

/* Asleep it makes no passes: the count stands still although the clock goes on. */
static void test_idle(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 }, clock = { 0 };
	unsigned passes;

	(void)data;
	fake_start(&f, fx->env, true, HW_SPIN_ADAPTIVE);
	fake_start(&clock, fx->env, true, 0);
	give(&f);
	wait_handled(&f, 1);
	wait_armed(&f);
	passes = atomic_load(&f.passes);
	/* Another runner's timer tells that 50 ms have gone by. */
	atomic_store(&clock.deadline, fx->env->ops->now(fx->env) + 50000000);
	fx->env->ops->runner_wake(clock.runner);
	wait_handled(&clock, 1);
	g_assert_cmpuint(atomic_load(&f.passes), ==, passes);
	g_assert_true(atomic_load(&f.armed));
	fake_stop(&clock);
	fake_stop(&f);
}

static void test_deadline(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 };
	uint64_t due;

	fake_start(&f, fx->env, true, *(const uint64_t *)data);
	for (unsigned i = 1; i <= 20; i++) {
		due = fx->env->ops->now(fx->env) + 300000;
		atomic_store(&f.deadline, due);
		fx->env->ops->runner_wake(f.runner);
		wait_handled(&f, i);
		g_assert_cmpuint(fx->env->ops->now(fx->env), >=, due);
	}
	/* Long past. */
	atomic_store(&f.deadline, 0);
	fx->env->ops->runner_wake(f.runner);
	wait_handled(&f, 21);
	fake_stop(&f);
}

static void test_engine_fd(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 };
	uint64_t one = 1;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	(void)data;
	fake_start(&f, fx->env, true, 0);
	/* It is asked again before each sleep. */
	f.fd = fd;
	give(&f);
	wait_handled(&f, 1);
	for (unsigned i = 2; i <= 200; i++) {
		wait_armed(&f);
		g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
		wait_handled(&f, i);
	}
	fake_stop(&f);
	close(fd);
}

static gint count_ready(GPollFD *fds, guint n, gint timeout)
{
	int ready = g_poll(fds, n, timeout);

	polls_ready += ready > 0;
	return ready;
}

/* Until nothing is to be done; after that a poll finds nothing, not the loop's own wakes either. */
static void settle(struct fixture *fx)
{
	while (g_main_context_iteration(fx->context, FALSE))
		;
	polls_ready = 0;
	for (int i = 0; i < 3; i++)
		g_main_context_iteration(fx->context, FALSE);
	g_assert_cmpuint(polls_ready, ==, 0);
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
}

/* Engines take turns, so their descriptors come in any order. */
static void test_engine_fds(struct fixture *fx, gconstpointer data)
{
	int fds[2] = { eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		       eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	struct fake f = { 0 };
	unsigned n = 0;

	(void)data;
	g_main_context_set_poll_func(fx->context, count_ready);
	fake_start(&f, fx->env, false, 0);
	f.fd = fds[0];
	f.second = fds[1];
	give(&f);
	n++;
	for (int i = 0; i < 8; i++) {
		settle(fx);
		g_assert_cmpuint(f.handled, ==, n);
		signal_fd(fds[i / 2 % 2]);
		n++;
	}
	/* One goes: the other is watched still. */
	f.fd = fds[1];
	f.second = 0;
	give(&f);
	n++;
	settle(fx);
	g_assert_cmpuint(f.handled, ==, n);
	signal_fd(fds[0]);
	settle(fx);
	signal_fd(fds[1]);
	g_assert_true(g_main_context_iteration(fx->context, FALSE));
	settle(fx);
	g_assert_cmpuint(f.handled, ==, n + 1);
	fake_stop(&f);
	close(fds[0]);
	close(fds[1]);
}

static void test_arm_refused(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 };

	(void)data;
	fake_start(&f, fx->env, true, 0);
	for (unsigned i = 1; i <= 100; i++) {
		atomic_store(&f.refuse_arm, true);
		give(&f);
		wait_handled(&f, 2 * i);
	}
	fake_stop(&f);
}

static gboolean count_calls(gpointer user)
{
	(*(unsigned *)user)++;
	return G_SOURCE_CONTINUE;
}

/* Without a thread it lives on the given context, and other sources get their turn. */
static void test_shared_context(struct fixture *fx, gconstpointer data)
{
	GSource *source = g_timeout_source_new(0);
	struct fake f = { 0 };
	unsigned calls = 0;

	fake_start(&f, fx->env, false, *(const uint64_t *)data);
	g_assert_cmpuint(atomic_load(&f.passes), ==, 0);
	g_source_set_callback(source, count_calls, &calls, NULL);
	g_source_attach(source, fx->context);
	while (calls < 20) {
		give(&f);
		g_main_context_iteration(fx->context, TRUE);
	}
	g_assert_true(f.thread == g_thread_self());
	g_source_destroy(source);
	g_source_unref(source);
	while (atomic_load(&f.inbox) != 0)
		g_main_context_iteration(fx->context, TRUE);
	fake_stop(&f);
	g_assert_false(g_main_context_pending(fx->context));
}

/* A source that runs while the reactor sleeps may give it a nearer timer. */
static gboolean set_deadline(gpointer user)
{
	struct fake *f = user;

	atomic_store(&f->deadline, f->env->ops->now(f->env) + 1000);
	return G_SOURCE_REMOVE;
}

static void test_shared_deadline(struct fixture *fx, gconstpointer data)
{
	GSource *source = g_timeout_source_new(1);
	struct fake f = { 0 };

	(void)data;
	fake_start(&f, fx->env, false, 0);
	g_source_set_callback(source, set_deadline, &f, NULL);
	g_source_attach(source, fx->context);
	while (atomic_load(&f.handled) == 0)
		g_main_context_iteration(fx->context, TRUE);
	g_source_unref(source);
	fake_stop(&f);
}

static void test_stop_at_once(struct fixture *fx, gconstpointer data)
{
	for (int i = 0; i < 200; i++) {
		struct fake f = { 0 };

		fake_start(&f, fx->env, true, *(const uint64_t *)data);
		if (i % 2 != 0)
			give(&f);
		fake_stop(&f);
	}
}

static void test_cpu(struct fixture *fx, gconstpointer data)
{
	struct fake f = { 0 };
	struct hw_runner_params params = params_for(&f, true, 0);
	struct hw_runner *runner = NULL;
	cpu_set_t set;

	(void)data;
	f.env = fx->env;
	params.cpu = 100000;
	g_assert_cmpint(fx->env->ops->runner_start(fx->env, &params, &runner), ==, -EINVAL);
	params.cpu = CPU_SETSIZE - 1;
	g_assert_cmpint(fx->env->ops->runner_start(fx->env, &params, &runner), ==, -EINVAL);
	params.own_thread = false;
	g_assert_cmpint(fx->env->ops->runner_start(fx->env, &params, &runner), ==, -EINVAL);
	g_assert_null(runner);
	g_assert_cmpuint(atomic_load(&f.passes), ==, 0);
	/* The first one there is works. */
	g_assert_cmpint(sched_getaffinity(0, sizeof(set), &set), ==, 0);
	for (params.cpu = 0; !CPU_ISSET(params.cpu, &set); params.cpu++)
		;
	params.own_thread = true;
	atomic_init(&f.deadline, HW_NEVER);
	f.fd = -1;
	g_assert_cmpint(fx->env->ops->runner_start(fx->env, &params, &runner), ==, 0);
	fx->env->ops->runner_stop(runner);
}

static void test_clock(struct fixture *fx, gconstpointer data)
{
	struct hw_env *env = fx->env;
	uint8_t a[64] = { 0 }, b[64] = { 0 };
	uint64_t before = env->ops->now(env), cpu = env->ops->cpu_time(env);

	(void)data;
	while (env->ops->cpu_time(env) == cpu)
		;
	g_assert_cmpuint(env->ops->now(env), >, before);
	/* After 2020. */
	g_assert_cmpuint(env->ops->wall(env), >, UINT64_C(1577836800000000000));
	env->ops->random(env, a, sizeof(a));
	env->ops->random(env, b, sizeof(b));
	g_assert_cmpint(memcmp(a, b, sizeof(a)), !=, 0);
}

/* False: it is full. */
static bool fill(int fd)
{
	static const char filler[4096];
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && write(fd, filler, sizeof(filler)) > 0;
}

static void test_log_line(struct fixture *fx, gconstpointer data)
{
	static const char line[] = "one line";
	int fds[2], saved = dup(STDERR_FILENO);
	bool full = false;
	char buf[64];

	(void)data;
	g_assert_cmpint(pipe(fds), ==, 0);
	dup2(fds[1], STDERR_FILENO);
	fx->env->ops->log_line(fx->env, line, sizeof(line) - 1);
	g_assert_cmpint(read(fds[0], buf, sizeof(buf)), ==, sizeof(line));
	g_assert_cmpint(memcmp(buf, "one line\n", sizeof(line)), ==, 0);
	/* A pipe that nobody empties must not stop whoever logs. */
	for (int i = 0; i < 70000 / (int)sizeof(line); i++)
		full = full || !fill(fds[1]);
	g_assert_true(full);
	fx->env->ops->log_line(fx->env, line, sizeof(line) - 1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	static const uint64_t spins[] = { 0, 20000, HW_SPIN_ADAPTIVE, HW_NEVER };
	static const char *const names[] = { "0", "fixed", "adaptive", "always" };

	g_test_init(&argc, &argv, NULL);
#define ADD(name, fn, arg) g_test_add(name, struct fixture, arg, setup, fn, teardown)
	for (unsigned i = 0; i < G_N_ELEMENTS(spins); i++) {
#define ADD_SPIN(name, fn)                                                                         \
	do {                                                                                       \
		g_autofree char *path = g_strdup_printf("/runner/%s/%s", name, names[i]);          \
		ADD(path, fn, &spins[i]);                                                          \
	} while (0)
		ADD_SPIN("wake", test_wake);
		ADD_SPIN("wake-from-many", test_wake_from_many);
		ADD_SPIN("deadline", test_deadline);
		ADD_SPIN("shared-context", test_shared_context);
		ADD_SPIN("stop-at-once", test_stop_at_once);
	}
	ADD("/runner/idle", test_idle, NULL);
	ADD("/runner/engine-fd", test_engine_fd, NULL);
	ADD("/runner/engine-fds", test_engine_fds, NULL);
	ADD("/runner/arm-refused", test_arm_refused, NULL);
	ADD("/runner/shared-deadline", test_shared_deadline, NULL);
	ADD("/runner/cpu", test_cpu, NULL);
	ADD("/env/clock", test_clock, NULL);
	ADD("/env/log-line", test_log_line, NULL);
	return g_test_run();
}
