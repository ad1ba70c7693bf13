/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clocks, randomness and the log's way out. Runners are in runner.c.
 */
#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "hw/linux/internal.h"

#define LOG_PATIENCE_MS 10

_Thread_local uint64_t linux_net_bytes;

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t linux_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t env_now(struct hw_env *env)
{
	(void)env;
	return linux_now();
}

static uint64_t env_wall(struct hw_env *env)
{
	(void)env;
	return read_clock(CLOCK_REALTIME);
}

static uint64_t env_cpu_time(struct hw_env *env)
{
	(void)env;
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static void env_random(struct hw_env *env, void *buf, size_t len)
{
	char *p = buf;

	(void)env;
	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EINTR) {
			/* Keys must not be made from anything worse. */
			g_error("getrandom: %s", g_strerror(errno));
		}
	}
}

static void env_log_line(struct hw_env *env, const char *line, size_t len)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)line, .iov_len = len },
		{ .iov_base = (void *)"\n", .iov_len = 1 },
	};
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n;

	(void)env;
	/* Nobody reads the log: better lose a line than stop the reactor. */
	if (poll(&pfd, 1, LOG_PATIENCE_MS) == 0)
		return;
	/* One system call a line, so that lines of several threads do not mix. */
	do {
		n = writev(STDERR_FILENO, iov, 2);
	} while (n < 0 && errno == EINTR);
}

static const struct hw_env_ops env_ops = {
	.now = env_now,
	.wall = env_wall,
	.random = env_random,
	.runner_start = linux_runner_start,
	.runner_stop = linux_runner_stop,
	.runner_wake = linux_runner_wake,
	.cpu_time = env_cpu_time,
	.log_line = env_log_line,
};

void linux_env_init(struct linux_env *env, GMainContext *main_context)
{
	env->env.ops = &env_ops;
	env->main_context = main_context != NULL ? g_main_context_ref(main_context) : NULL;
}

void linux_env_clear(struct linux_env *env)
{
	g_clear_pointer(&env->main_context, g_main_context_unref);
}
