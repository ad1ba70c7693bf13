/* SPDX-License-Identifier: BSD-3-Clause */
/* Buckets of target/core/latency.h, and labels of any bytes. */
#include <glib.h>

#include "target/core/latency.h"
#include "target/metrics/prometheus.h"

/* Each value is in the one bucket whose bound is the first that is not less. */
static void check(uint64_t ns)
{
	unsigned i = latency_bucket(ns);

	g_assert_cmpuint(i, <, LATENCY_BUCKETS);
	g_assert_cmpuint(ns, <=, latency_bound(i));
	if (i > 0)
		g_assert_cmpuint(ns, >, latency_bound(i - 1));
}

static void test_buckets(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);

	for (unsigned i = 0; i + 1 < LATENCY_BUCKETS; i++) {
		check(latency_bound(i) - 1);
		check(latency_bound(i));
		check(latency_bound(i) + 1);
	}
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t value = g_rand_int(rand);

		check(value << (i % 32));
	}
	check(0);
	check(UINT64_MAX);
	g_assert_cmpuint(latency_bound(0), ==, 4096);
	g_assert_cmpuint(latency_bound(LATENCY_BUCKETS - 2), ==, UINT64_C(1) << 33);
}

static void test_sums(void)
{
	struct latency a = { .sum = 5, .n = { 1, 2 } }, b = { .sum = 7, .n = { 0, 3, 4 } };

	latency_add(&a, &b);
	g_assert_cmpuint(a.sum, ==, 12);
	g_assert_cmpuint(a.n[1], ==, 5);
	g_assert_cmpuint(latency_count(&a), ==, 10);
}

static void test_escape(void)
{
	static const char *const cases[][2] = {
		{ "nqn.2014-08.org:a", "nqn.2014-08.org:a" },
		{ "a\"b\\c\nd", "a\\\"b\\\\c\\nd" },
		{ "\x01\x7f", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new(NULL);

		prometheus_escape(out, cases[i][0]);
		g_assert_cmpstr(out->str, ==, cases[i][1]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/metrics/latency/buckets", test_buckets);
	g_test_add_func("/metrics/latency/sums", test_sums);
	g_test_add_func("/metrics/escape", test_escape);
	return g_test_run();
}
