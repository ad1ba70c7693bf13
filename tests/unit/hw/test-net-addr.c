/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses as text, both ways.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "hw/net.h"
#include "target/core/error.h"

static void check(const char *host, const char *port, const char *formatted)
{
	g_autoptr(GError) error = NULL;
	char buf[NET_ADDR_STRLEN];
	struct net_addr addr, again;

	g_assert_true(net_addr_parse(&addr, host, port, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(net_addr_format(&addr, buf), ==, formatted);
	g_assert_cmpstr(net_addr_host(&addr, buf), ==, host);
	g_assert_true(net_addr_parse(&again, buf, port, NULL));
	g_assert_true(net_addr_equal(&addr, &again));
}

static void test_good(void)
{
	unsigned lo = if_nametoindex("lo");
	g_autofree char *by_index = g_strdup_printf("fe80::1%%%u", lo);
	struct net_addr addr;

	check("192.0.2.1", "4420", "192.0.2.1:4420");
	check("255.255.255.255", "65535", "255.255.255.255:65535");
	check("0.0.0.0", "0", "0.0.0.0:0");
	check("127.0.0.1", NULL, "127.0.0.1:0");
	check("::1", "4420", "[::1]:4420");
	check("::", NULL, "[::]:0");
	check("2001:db8::ffff:1", "8009", "[2001:db8::ffff:1]:8009");
	check("::ffff:192.0.2.1", "1", "[::ffff:192.0.2.1]:1");
	g_assert_cmpuint(lo, !=, 0);
	check("fe80::1%lo", "4420", "[fe80::1%lo]:4420");
	g_assert_true(net_addr_parse(&addr, by_index, NULL, NULL));
	g_assert_cmpuint(addr.scope, ==, lo);
}

static void test_bad(void)
{
	static const char *const hosts[] = {
		"",
		" ",
		"localhost",
		"1.2.3",
		"1.2.3.4.5",
		"256.1.1.1",
		"1.2.3.4 ",
		"01.2.3.4",
		":::",
		"[::1]",
		"::1%",
		"fe80::1%nosuchif0",
		"fe80::1%99999999999",
		"fe80::1%0",
		"1.2.3.4%lo",
		"1.2.3.4:5",
		"/run/x.sock",
		"%lo",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999",
		"11111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	static const char *const ports[] = { "",
					     " 1",
					     "1 ",
					     "-1",
					     "+1",
					     "0x1",
					     "65536",
					     "99999",
					     "123456",
					     "4420a",
					     "18446744073709551617" };
	struct net_addr addr;

	for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(net_addr_parse(&addr, hosts[i], "1", &error));
		g_assert_error(error, WEFT_ERROR, -EINVAL);
		g_assert_nonnull(weft_error_detail(error));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(ports); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(net_addr_parse(&addr, "::1", ports[i], &error));
		g_assert_error(error, WEFT_ERROR, -EINVAL);
	}
}

static void test_unix(void)
{
	char buf[NET_ADDR_STRLEN], longest[200];
	struct net_addr a, b;

	net_addr_unix(&a, "/run/weft.sock");
	net_addr_unix(&b, "/run/weft.sock");
	g_assert_true(net_addr_equal(&a, &b));
	g_assert_cmpstr(net_addr_format(&a, buf), ==, "/run/weft.sock");
	g_assert_cmpstr(net_addr_host(&a, buf), ==, "/run/weft.sock");
	g_assert_false(net_addr_is_any(&a));
	net_addr_unix(&b, "/run/weft.sockx");
	g_assert_false(net_addr_equal(&a, &b));
	/* Too long is cut, and never runs over. */
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	net_addr_unix(&a, longest);
	g_assert_cmpuint(strlen(a.path), ==, sizeof(a.path) - 1);
}

static void test_compare(void)
{
	struct net_addr a, b;

	net_addr_parse(&a, "0.0.0.0", "1", NULL);
	g_assert_true(net_addr_is_any(&a));
	net_addr_parse(&b, "::", "1", NULL);
	g_assert_true(net_addr_is_any(&b));
	g_assert_false(net_addr_equal(&a, &b));
	net_addr_parse(&b, "0.0.0.0", "2", NULL);
	g_assert_false(net_addr_equal(&a, &b));
	net_addr_parse(&b, "0.0.0.1", "1", NULL);
	g_assert_false(net_addr_is_any(&b));
	g_assert_false(net_addr_equal(&a, &b));
	net_addr_parse(&a, "fe80::1%lo", "1", NULL);
	net_addr_parse(&b, "fe80::1", "1", NULL);
	g_assert_false(net_addr_equal(&a, &b));
	g_assert_false(net_addr_is_any(&b));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/net-addr/good", test_good);
	g_test_add_func("/net-addr/bad", test_bad);
	g_test_add_func("/net-addr/unix", test_unix);
	g_test_add_func("/net-addr/compare", test_compare);
	return g_test_run();
}
