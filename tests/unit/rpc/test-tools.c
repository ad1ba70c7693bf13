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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/weftd/cpus", test_cpus);
	g_test_add_func("/weftd/spin", test_spin);
	return g_test_run();
}
