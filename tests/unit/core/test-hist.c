/* SPDX-License-Identifier: BSD-3-Clause */
/* Percentiles of the histogram against sorted values: never under, at most 3.2 % over. */
#include <stdlib.h>

#include "target/core/hist.h"
#include "tests/unit/core/fake-hw.h"

#define VALUES 5000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check(const struct hist *h, const uint64_t *sorted, unsigned n)
{
	static const unsigned e5[] = { 1, 1000, 25000, 50000, 90000, 99000, 99900, 99990, 99999 };

	for (unsigned i = 0; i < G_N_ELEMENTS(e5); i++) {
		uint64_t rank = ((uint64_t)n * e5[i] + 99999) / 100000;
		uint64_t truth = sorted[rank - 1], got = hist_percentile_e5(h, e5[i]);

		g_assert_cmpuint(got, >=, truth);
		g_assert_cmpuint(got - truth, <=, truth / 31);
	}
	g_assert_cmpuint(hist_percentile(h, 500), ==, hist_percentile_e5(h, 50000));
	g_assert_cmpuint(hist_percentile(h, 1000), ==, sorted[n - 1]);
	g_assert_cmpuint(h->min, ==, sorted[0]);
	g_assert_cmpuint(h->max, ==, sorted[n - 1]);
	g_assert_cmpuint(h->count, ==, n);
}

static void test_error_bound(void)
{
	uint64_t rand = fake_seed(99), *v = g_new(uint64_t, VALUES);
	struct hist *all = g_new0(struct hist, 1),
		    *half[2] = { g_new0(struct hist, 1), g_new0(struct hist, 1) };

	for (unsigned bits = 1; bits <= HIST_MAX_BITS; bits++) {
		uint64_t sum = 0;

		hist_reset(all);
		hist_reset(half[0]);
		hist_reset(half[1]);
		for (unsigned i = 0; i < VALUES; i++) {
			/* many orders of magnitude in one */
			v[i] = fake_rand(&rand) >> (64 - 1 - fake_rand(&rand) % bits);
			sum += v[i];
			hist_record(all, v[i]);
			hist_record(half[i % 2], v[i]);
		}
		qsort(v, VALUES, sizeof(v[0]), compare);
		check(all, v, VALUES);
		g_assert_cmpuint(all->sum, ==, sum);
		hist_merge(half[0], half[1]);
		check(half[0], v, VALUES);
		g_assert_cmpuint(half[0]->sum, ==, sum);
	}
	g_free(half[0]);
	g_free(half[1]);
	g_free(all);
	g_free(v);
}

static void test_edges(void)
{
	struct hist *h = g_new0(struct hist, 1), *empty = g_new0(struct hist, 1);

	g_assert_cmpuint(hist_percentile(h, 500), ==, 0);
	hist_merge(h, empty);
	g_assert_cmpuint(h->count, ==, 0);
	hist_record(h, 0);
	g_assert_cmpuint(hist_percentile(h, 0), ==, 0);
	hist_record(h, UINT64_MAX);
	g_assert_cmpuint(hist_percentile(h, 500), ==, 0);
	g_assert_cmpuint(hist_percentile(h, 501), ==, UINT64_MAX);
	hist_merge(empty, h);
	g_assert_cmpuint(empty->min, ==, 0);
	g_assert_cmpuint(empty->max, ==, UINT64_MAX);
	/* buckets: in order, without a gap, the last one inside the array */
	for (uint64_t v = 1; v < 100000; v++)
		g_assert_cmpuint(hist_bucket(v) - hist_bucket(v - 1), <=, 1);
	g_assert_cmpuint(hist_bucket(((uint64_t)1 << HIST_MAX_BITS) - 1), ==, HIST_BUCKETS - 1);
	g_assert_cmpuint(hist_bucket(UINT64_MAX), ==, HIST_BUCKETS - 1);
	g_free(h);
	g_free(empty);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/hist/error-bound", test_error_bound);
	g_test_add_func("/hist/edges", test_edges);
	return g_test_run();
}
