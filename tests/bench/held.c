/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long does a reactor work without looking at the clock, which it does in every
 * pass? Preloaded into weftd this measures the processor time of the main thread between
 * two looks: unlike latencies that hardly depends on what else the machine does.
 *
 * WEFT_HELD names a file. As soon as there is one of that name with ".ask" after it, that
 * is removed and the longest time since the last answer is written to the file, in
 * nanoseconds. It is looked for now and then, so weftd has to spin (--spin always).
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int clock_fn(clockid_t id, struct timespec *ts);

static clock_fn *real;
static uint64_t last, longest, looks;

static uint64_t cpu_time(void)
{
	struct timespec ts;

	real(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void answer(void)
{
	const char *path = getenv("WEFT_HELD");
	char ask[4096], beside[4096];
	FILE *f;

	if (!path)
		return;
	snprintf(ask, sizeof(ask), "%s.ask", path);
	if (access(ask, F_OK) != 0)
		return;
	snprintf(beside, sizeof(beside), "%s.new", path);
	f = fopen(beside, "w");
	if (!f)
		return;
	fprintf(f, "%llu\n", (unsigned long long)longest);
	fclose(f);
	unlink(ask);
	rename(beside, path);
	longest = 0;
}

static void look(void)
{
	uint64_t now = cpu_time();

	if (last && now - last > longest)
		longest = now - last;
	if (++looks % 1024 == 0)
		answer();
	last = cpu_time();
}

/* In the place of libc's. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	if (id == CLOCK_MONOTONIC && getpid() == syscall(SYS_gettid))
		look();
	return real(id, ts);
}
