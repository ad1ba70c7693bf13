/* SPDX-License-Identifier: BSD-3-Clause */
/* Helpers of the measuring tools; see bench.h. */
#include "tools/bench/bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * BENCH_NS + (uint64_t)ts.tv_nsec;
}

static uint64_t tv_ns(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * BENCH_NS + (uint64_t)tv.tv_usec * 1000;
}

uint64_t bench_cpu_self(uint64_t *user, uint64_t *sys)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	if (user)
		*user = tv_ns(ru.ru_utime);
	if (sys)
		*sys = tv_ns(ru.ru_stime);
	return tv_ns(ru.ru_utime) + tv_ns(ru.ru_stime);
}

uint64_t bench_cpu_of(int pid)
{
	char path[64], text[1024];
	unsigned long user = 0, sys = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[n] = 0;
	/* The name is in brackets and may hold anything: count fields behind it. */
	const char *p = strrchr(text, ')');

	if (!p ||
	    sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
		return 0;
	return (user + sys) * (BENCH_NS / (uint64_t)sysconf(_SC_CLK_TCK));
}

void bench_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void bench_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

uint64_t bench_size(const char *opt, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (*end == 'k' || *end == 'K')
		v <<= 10, end++;
	else if (*end == 'm' || *end == 'M')
		v <<= 20, end++;
	if (errno || *end || end == text || *text == '-' || v < min || v > max)
		bench_die(
			"--%s takes a number from %llu to %llu (k and M are understood), not '%s'",
			opt, (unsigned long long)min, (unsigned long long)max, text);
	return v;
}

uint64_t bench_seconds(const char *opt, const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || end == text || !(v >= 0 && v <= 86400))
		bench_die("--%s takes seconds, from 0 to 86400, not '%s'", opt, text);
	return (uint64_t)(v * (double)BENCH_NS);
}

void *bench_alloc(size_t len)
{
	void *p = mmap(NULL, len ? len : 1, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		bench_die("no memory for %zu bytes", len);
	return p;
}

void bench_tune(int fd, int sndbuf, int rcvbuf)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
	    (sndbuf && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf))) ||
	    (rcvbuf && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf))))
		bench_die("cannot set up the socket: %s", strerror(errno));
}

uint64_t bench_hist_quantile(const struct bench_hist *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->count), seen = 0;

	for (unsigned i = 0; i < BENCH_HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (!h->bucket[i] || seen <= want)
			continue;
		if (i < BENCH_HIST_SUB)
			return i;
		return (uint64_t)(i % BENCH_HIST_SUB + BENCH_HIST_SUB) << (i / BENCH_HIST_SUB - 1);
	}
	return 0;
}
