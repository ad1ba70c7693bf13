/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the measuring tools share: clock, pinning, CPU accounting, a latency
 * histogram and option parsing. Nothing here allocates after start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_NS 1000000000ull

/* Monotonic nanoseconds. */
uint64_t bench_now(void);
/* CPU nanoseconds that this process has used, user and system. */
uint64_t bench_cpu_self(uint64_t *user, uint64_t *sys);
/* CPU nanoseconds (10 ms steps) of another process; 0 when it cannot be read. */
uint64_t bench_cpu_of(int pid);
/* Pins the calling process; a negative cpu leaves it alone. Exits on failure. */
void bench_pin(int cpu);
/* Prints "PROGRAM: ..." on stderr and exits with status 1. */
void bench_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* "4096", "4k", "4M"; exits with a sentence when it is none, or is outside min..max. */
uint64_t bench_size(const char *opt, const char *text, uint64_t min, uint64_t max);
/* A number of seconds, as nanoseconds. */
uint64_t bench_seconds(const char *opt, const char *text);
/* Zeroed, page aligned, faulted in; exits when there is no memory. */
void *bench_alloc(size_t len);
/* TCP_NODELAY, and the buffer sizes unless 0 (0 leaves autotuning on). */
void bench_tune(int fd, int sndbuf, int rcvbuf);

/* Logarithmic histogram, 64 steps an octave: an error of at most 1.6 %. */
#define BENCH_HIST_SUB 64
#define BENCH_HIST_BUCKETS (BENCH_HIST_SUB * 40)

struct bench_hist {
	uint64_t count, sum;
	uint64_t bucket[BENCH_HIST_BUCKETS];
};

static inline unsigned bench_hist_index(uint64_t v)
{
	if (v < BENCH_HIST_SUB)
		return (unsigned)v;
	unsigned shift = (unsigned)(63 - __builtin_clzll(v)) - 6;
	unsigned i = (shift + 1) * BENCH_HIST_SUB + (unsigned)(v >> shift) - BENCH_HIST_SUB;

	return i < BENCH_HIST_BUCKETS ? i : BENCH_HIST_BUCKETS - 1;
}

static inline void bench_hist_add(struct bench_hist *h, uint64_t v)
{
	h->count++;
	h->sum += v;
	h->bucket[bench_hist_index(v)]++;
}

/* The value below which a share of q (0..1) of the samples lies; 0 when empty. */
uint64_t bench_hist_quantile(const struct bench_hist *h, double q);
