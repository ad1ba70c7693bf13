/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clocks, randomness, the log's way out, NUMA nodes. Runners are in runner.c.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
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

/* The number at the end of a name such as "node1"; -1: it is no such name. */
static int numbered(const char *name, const char *prefix)
{
	gint64 n;

	if (!g_str_has_prefix(name, prefix) ||
	    !g_ascii_string_to_signed(name + strlen(prefix), 10, 0, INT_MAX, &n, NULL))
		return -1;
	return (int)n;
}

/* Which node a folder of sysfs has; -1: none, or several. */
static int only_node(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	int node = -1;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		int n = numbered(name, "node");

		if (n >= 0 && node >= 0)
			return -1;
		if (n >= 0)
			node = n;
	}
	return node;
}

int linux_cpu_node(const char *sysfs, int cpu)
{
	g_autofree char *folder =
		cpu >= 0 ? g_strdup_printf("%s/devices/system/cpu/cpu%d", sysfs, cpu)
			 : g_strdup_printf("%s/devices/system/node", sysfs);

	return only_node(folder);
}

static int env_cpu_node(struct hw_env *env, int cpu)
{
	(void)env;
	return linux_cpu_node("/sys", cpu);
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
	.cpu_node = env_cpu_node,
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
