/* SPDX-License-Identifier: BSD-3-Clause */
/* weftd's options. */
#include <string.h>

#include "hw/env.h"
#include "tools/weftd/weftd.h"

static void test_cpus(void)
{
	static const struct {
		const char *text, *cpus; /* NULL: refused */
	} cases[] = {
		{ "0x3", "0 1 " },
		{ "5", "0 2 " },
		{ "0X80", "7 " },
		{ "[0,1]", "0 1 " },
		{ "[1-3,0]", "0 1 2 3 " },
		{ "[2]", "2 " },
		{ "0", NULL },
		{ "", NULL },
		{ "0x", NULL },
		{ "[", NULL },
		{ "[]", NULL },
		{ "[1", NULL },
		{ "[1,]", NULL },
		{ "[3-1]", NULL },
		{ "[1]x", NULL },
		{ "[9999]", NULL },
		{ "0xg", NULL },
		{ "[0-200]", NULL },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) s = g_string_new(NULL);
		unsigned n;
		g_autofree int *cpus = weftd_parse_cpus(cases[i].text, &n, &error);

		if (!cases[i].cpus) {
			g_assert_null(cpus);
			g_assert_nonnull(error);
			continue;
		}
		for (unsigned k = 0; cpus && k < n; k++)
			g_string_append_printf(s, "%d ", cpus[k]);
		g_assert_cmpstr(s->str, ==, cases[i].cpus);
	}
}

static void test_spin(void)
{
	uint64_t ns;

	g_assert_true(weftd_parse_spin("adaptive", &ns) && ns == HW_SPIN_ADAPTIVE);
	g_assert_true(weftd_parse_spin("always", &ns) && ns == HW_NEVER);
	g_assert_true(weftd_parse_spin("0", &ns) && ns == 0);
	g_assert_true(weftd_parse_spin("20000", &ns) && ns == 20000);
	g_assert_false(weftd_parse_spin("-1", &ns));
	g_assert_false(weftd_parse_spin("1ms", &ns));
	g_assert_false(weftd_parse_spin("", &ns));
}

static void test_rnic(void)
{
	static const struct {
		const char *text;
		enum linux_rnic rnic;
		unsigned naddrs;
		const char *why; /* NULL: taken */
	} cases[] = {
		{ "none", LINUX_RNIC_NONE, 0, NULL },
		{ "auto", LINUX_RNIC_AUTO, 0, NULL },
		{ "verbs", LINUX_RNIC_VERBS, 0, NULL },
		{ "soft", LINUX_RNIC_SOFT, 0, NULL },
		{ "soft:192.0.2.1", LINUX_RNIC_SOFT, 1, NULL },
		{ "soft:192.0.2.1,2001:db8::1,fe80::1", LINUX_RNIC_SOFT, 3, NULL },
		{ "", 0, 0, "auto, verbs, soft, soft:ADDRESS,... or none expected" },
		{ "soft,192.0.2.1", 0, 0, "auto, verbs, soft, soft:ADDRESS,... or none expected" },
		{ "soft:", 0, 0, "(nothing): the address of an interface" },
		{ "soft:192.0.2.1,", 0, 0, "(nothing): the address of an interface" },
		{ "soft:eth0", 0, 0, "eth0: the address of an interface" },
		{ "soft:192.0.2.1:4791", 0, 0, "192.0.2.1:4791: the address of an interface" },
		{ "soft:0.0.0.0", 0, 0, "--rnic soft alone is for all" },
		{ "soft:::", 0, 0, "--rnic soft alone is for all" },
		{ "soft:::1,192.0.2.1,::1", 0, 0, "::1: it is named twice" },
		{ "soft:::1,::2,::3,::4,::5,::6,::7,::8,::9,::a,::b,::c,::d,::e,::f,::10,::11", 0,
		  0, "::11: at most 16 addresses" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		struct linux_rnic_option o = { .naddrs = 7 };
		bool taken = linux_rnic_option_parse(&o, cases[i].text, &error);

		if (cases[i].why) {
			g_assert_false(taken);
			g_assert_nonnull(strstr(error->message, cases[i].why));
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpint(o.which, ==, cases[i].rnic);
		g_assert_cmpuint(o.naddrs, ==, cases[i].naddrs);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/weftd/cpus", test_cpus);
	g_test_add_func("/weftd/spin", test_spin);
	g_test_add_func("/weftd/rnic", test_rnic);
	return g_test_run();
}
