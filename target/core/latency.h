/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latencies counted on the I/O path for as long as the target runs: four buckets
 * an octave (bounds are at most a quarter apart) from 4.1 us to 8.6 s, one below
 * and one above. Small enough for one a namespace and a queue; a histogram that is
 * three times as fine is in hist.h.
 *
 * A bucket holds what is above the bound of the one before and at most its own:
 * the way that Prometheus counts (le). The number of values is the sum of the
 * buckets; every counter only grows.
 */
#pragma once

#include <stdint.h>

#define LATENCY_SUB_BITS 2
#define LATENCY_MIN_BITS 12 /* the first bound: 2^12 ns */
#define LATENCY_MAX_BITS 33 /* the last one: 2^33 ns */
#define LATENCY_STEPS (1u << LATENCY_SUB_BITS)
#define LATENCY_BUCKETS ((LATENCY_MAX_BITS - LATENCY_MIN_BITS) * LATENCY_STEPS + 2)

struct latency {
	uint64_t sum; /* ns */
	uint64_t n[LATENCY_BUCKETS];
};

static inline unsigned latency_bucket(uint64_t ns)
{
	unsigned shift;

	if (__builtin_expect(ns <= UINT64_C(1) << LATENCY_MIN_BITS, 1))
		return 0;
	if (__builtin_expect(ns > UINT64_C(1) << LATENCY_MAX_BITS, 0))
		return LATENCY_BUCKETS - 1;
	ns--;
	shift = 63 - (unsigned)__builtin_clzll(ns) - LATENCY_SUB_BITS;
	return ((shift - (LATENCY_MIN_BITS - LATENCY_SUB_BITS)) << LATENCY_SUB_BITS) +
	       (unsigned)(ns >> shift) - LATENCY_STEPS + 1;
}

/* The largest value in bucket i, ns; UINT64_MAX for the last. */
static inline uint64_t latency_bound(unsigned i)
{
	if (i == LATENCY_BUCKETS - 1)
		return UINT64_MAX;
	if (i == 0)
		return UINT64_C(1) << LATENCY_MIN_BITS;
	i--;
	return (uint64_t)(i % LATENCY_STEPS + LATENCY_STEPS + 1)
	       << (i / LATENCY_STEPS + LATENCY_MIN_BITS - LATENCY_SUB_BITS);
}

static inline uint64_t latency_count(const struct latency *l)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		count += l->n[i];
	return count;
}

static inline void latency_add(struct latency *into, const struct latency *from)
{
	into->sum += from->sum;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		into->n[i] += from->n[i];
}
