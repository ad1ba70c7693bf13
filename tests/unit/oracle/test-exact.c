/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracles X and N: what is right passes, each way of being wrong is named. */
#include <glib.h>

#include "sim/oracle/crc.h"
#include "sim/oracle/exact.h"
#include "sim/oracle/view.h"

static void is(char *text, const char *part)
{
	if (part == NULL)
		g_assert_cmpstr(text, ==, NULL);
	else if (text == NULL || strstr(text, part) == NULL)
		g_error("%s instead of %s", text ? text : "nothing", part);
	g_free(text);
}

static void test_exact(void)
{
	struct oracle_exact *o = oracle_exact_new();

	is(oracle_exact_submitted(o, 1, 5), NULL);
	is(oracle_exact_submitted(o, 2, 5), NULL);
	is(oracle_exact_submitted(o, 1, 5), "while it is outstanding");
	is(oracle_exact_completed(o, 1, 5), NULL);
	is(oracle_exact_completed(o, 1, 5), "while it is idle");
	is(oracle_exact_completed(o, 1, 6), "while it is idle");
	is(oracle_exact_submitted(o, 1, 5), NULL);
	is(oracle_exact_all_done(o), "queue 1, command 5 was never completed");
	is(oracle_exact_completed(o, 1, 5), NULL);
	is(oracle_exact_all_done(o), "queue 2, command 5 was never completed");
	is(oracle_exact_queue_gone(o, 2), "never completed");
	is(oracle_exact_completed(o, 2, 5), "after the queue's end");
	is(oracle_exact_submitted(o, 2, 6), "after the queue's end");
	is(oracle_exact_queue_gone(o, 1), NULL);
	oracle_exact_free(o);
}

static void test_view(void)
{
	struct oracle_view *v = oracle_view_new(100);

	oracle_view_target(v, 1, 1000, 10);
	is(oracle_view_check(v, 10000), NULL); /* nobody listens */
	oracle_view_hears(v, 7, true, 10000);
	is(oracle_view_check(v, 10100), NULL);
	is(oracle_view_check(v, 10101), "N.late: host 7 knows namespace 1 with 0");
	is(oracle_view_host(v, 7, 1, 1000, 10102), NULL);
	is(oracle_view_check(v, 20000), NULL);
	oracle_view_target(v, 1, 2000, 20000);
	oracle_view_target(v, 1, 3000, 20050);
	is(oracle_view_host(v, 7, 1, 2000, 20100), NULL); /* it was so for a while */
	is(oracle_view_check(v, 20150), NULL);
	is(oracle_view_check(v, 20151), "N.late");
	is(oracle_view_host(v, 7, 1, 2500, 20152), "N.size");
	oracle_view_hears(v, 7, false, 20160);
	is(oracle_view_check(v, 30000), NULL);
	oracle_view_hears(v, 7, true, 30000);
	is(oracle_view_check(v, 30101), "N.late");
	is(oracle_view_host(v, 7, 1, 3000, 30102), NULL);
	oracle_view_target(v, 1, 0, 40000);
	is(oracle_view_check(v, 40101), "it has 0");
	is(oracle_view_host(v, 7, 1, 0, 40102), NULL);
	is(oracle_view_check(v, 50000), NULL);
	/* One that the host may not see is not there for it. */
	oracle_view_allows(v, 7, 2, false, 50000);
	oracle_view_target(v, 2, 500, 50000);
	is(oracle_view_check(v, 60000), NULL);
	oracle_view_allows(v, 7, 2, true, 60000);
	oracle_view_allows(v, 7, 2, true, 60090);
	is(oracle_view_check(v, 60100), NULL);
	is(oracle_view_check(v, 60101), "host 7 knows namespace 2 with 0");
	is(oracle_view_host(v, 7, 2, 500, 60102), NULL);
	is(oracle_view_check(v, 70000), NULL);
	oracle_view_allows(v, 7, 2, false, 70000);
	is(oracle_view_check(v, 70101), "it has 0");
	oracle_view_free(v);
}

/* RFC 3720, B.4 */
static void test_crc(void)
{
	uint8_t data[32] = { 0 };

	g_assert_cmphex(oracle_crc32c(0, data, 32), ==, 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	g_assert_cmphex(oracle_crc32c(0, data, 32), ==, 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = i;
	g_assert_cmphex(oracle_crc32c(0, data, 32), ==, 0x46dd794e);
	g_assert_cmphex(oracle_crc32c(oracle_crc32c(0, data, 7), data + 7, 25), ==, 0x46dd794e);
	for (size_t from = 0; from < 9; from++) {
		for (size_t len = 0; from + len <= sizeof(data); len++)
			g_assert_cmphex(oracle_crc32c(1, data + from, len), ==,
					oracle_crc32c_plain(1, data + from, len));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/exact", test_exact);
	g_test_add_func("/oracle/view", test_view);
	g_test_add_func("/oracle/crc", test_crc);
	return g_test_run();
}
