/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latency histogram: log-linear, 32 steps an octave (error at most 3.2 %), from
 * 0 to 2^40 ns. Fixed size; recording is a few instructions; mergeable.
 */
#pragma once

#include <stdint.h>

#define HIST_SUB_BITS 5
#define HIST_MAX_BITS 40
#define HIST_BUCKETS ((HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t count, sum, min, max;
	uint32_t buckets[HIST_BUCKETS];
};

void hist_reset(struct hist *h);
void hist_merge(struct hist *into, const struct hist *from);
/* Value at or under which permille/1000 of all values lie (upper edge of its bucket, at most max). */
uint64_t hist_percentile(const struct hist *h, unsigned permille);
/* Hundredths of a permille: 99999 is 99.999 %. */
uint64_t hist_percentile_e5(const struct hist *h, unsigned e5);

/* The least value that falls into bucket i. */
static inline uint64_t hist_bucket_low(unsigned i)
{
	unsigned octave = i >> HIST_SUB_BITS;
	uint64_t step = i & ((1u << HIST_SUB_BITS) - 1);

	return octave == 0 ? step : (step + (1u << HIST_SUB_BITS)) << (octave - 1);
}

static inline unsigned hist_bucket(uint64_t v)
{
	if (v < (1u << HIST_SUB_BITS))
		return (unsigned)v;
	if (v >> HIST_MAX_BITS)
		return HIST_BUCKETS - 1;

	unsigned shift = 63 - (unsigned)__builtin_clzll(v) - HIST_SUB_BITS;
	return ((shift + 1) << HIST_SUB_BITS) + (unsigned)((v >> shift) - (1u << HIST_SUB_BITS));
}

static inline void hist_record(struct hist *h, uint64_t v)
{
	if (h->count++ == 0 || v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
	h->sum += v;
	h->buckets[hist_bucket(v)]++;
}
