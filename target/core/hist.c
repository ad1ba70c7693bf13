/* SPDX-License-Identifier: BSD-3-Clause */
/* Latency histogram: the part that is not on the I/O path. */
#include <string.h>

#include "target/core/hist.h"

void hist_reset(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (from->count == 0)
		return;
	if (into->count == 0 || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->count += from->count;
	into->sum += from->sum;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

/* The largest value that falls into bucket i. */
static uint64_t upper_edge(unsigned i)
{
	unsigned octave = i >> HIST_SUB_BITS;
	uint64_t step = i & ((1u << HIST_SUB_BITS) - 1);

	if (octave == 0)
		return step;
	return (((step + (1u << HIST_SUB_BITS) + 1)) << (octave - 1)) - 1;
}

uint64_t hist_percentile(const struct hist *h, unsigned permille)
{
	return hist_percentile_e5(h, permille * 100);
}

uint64_t hist_percentile_e5(const struct hist *h, unsigned e5)
{
	const unsigned whole = 100000;
	uint64_t rank, seen = 0;

	if (h->count == 0)
		return 0;
	if (e5 >= whole)
		return h->max;
	/* count * e5 / whole, rounded up, without overflow */
	rank = h->count / whole * e5 + (h->count % whole * e5 + whole - 1) / whole;
	if (rank == 0)
		rank = 1;
	/* The last bucket holds all that is too large: its edge is the maximum. */
	for (unsigned i = 0; i < HIST_BUCKETS - 1; i++) {
		seen += h->buckets[i];
		if (seen >= rank) {
			uint64_t edge = upper_edge(i);

			return edge < h->max ? edge : h->max;
		}
	}
	return h->max;
}
