/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracles N and A of paths: what agrees passes, each way of not agreeing is told. */
#include <glib.h>

#include "sim/oracle/paths.h"

#define MS UINT64_C(1000000)
#define BOUND (2000 * MS)

static void told(char *text, const char *what)
{
	g_assert_nonnull(text);
	g_assert_nonnull(g_strrstr(text, what));
	g_free(text);
}

static char *io(struct oracle_paths *p, uint64_t begun, uint64_t now, uint16_t status, bool exact,
		uint64_t calm_since)
{
	const struct oracle_path_io i = { .host = 0,
					  .nsid = 1,
					  .begun = begun,
					  .status = status,
					  .exact = exact,
					  .calm_since = calm_since };

	return oracle_paths_io(p, &i, now);
}

static void test_late(void)
{
	struct oracle_paths *p = oracle_paths_new(BOUND);
	uint32_t path = ORACLE_PATH(3, ORACLE_PATH_INACCESSIBLE);

	oracle_paths_is(p, 0, 1, path, 10 * MS);
	g_assert_null(oracle_paths_check(p, 9000 * MS)); /* it cannot hear */
	oracle_paths_hears(p, 0, true, 1000 * MS);
	g_assert_null(oracle_paths_check(p, 3000 * MS));
	told(oracle_paths_check(p, 3001 * MS), "N.path");
	oracle_paths_knows(p, 0, 1, ORACLE_PATH(2, ORACLE_PATH_INACCESSIBLE));
	told(oracle_paths_check(p, 3001 * MS), "ANA group 2");
	oracle_paths_knows(p, 0, 1, path);
	g_assert_null(oracle_paths_check(p, 9000 * MS));
	oracle_paths_is(p, 0, 1, 0, 9000 * MS);
	g_assert_null(oracle_paths_check(p, 11000 * MS));
	told(oracle_paths_check(p, 11001 * MS), "N.path");
	oracle_paths_free(p);
}

static void test_exact(void)
{
	static const struct {
		unsigned state;
		uint16_t status;
	} gone[] = { { ORACLE_PATH_INACCESSIBLE, 0x302 },
		     { ORACLE_PATH_LOST, 0x301 },
		     { ORACLE_PATH_CHANGE, 0x303 } };
	struct oracle_paths *p = oracle_paths_new(BOUND);
	uint64_t now = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(gone); i++) {
		now += 10 * MS;
		oracle_paths_is(p, 0, 1, ORACLE_PATH(1, gone[i].state), now);
		for (unsigned j = 0; j < G_N_ELEMENTS(gone); j++) {
			char *text = io(p, now + MS, now + 2 * MS, gone[j].status, true, 0);

			g_assert_cmpint(text == NULL, ==, i == j);
			g_free(text);
		}
		told(io(p, now + MS, now + 2 * MS, 0, true, 0), "A.path");
		g_assert_null(io(p, now + MS, now + 2 * MS, 0, false, 0));    /* who knows */
		g_assert_null(io(p, now + MS, now + 2 * MS, 0x022, true, 0)); /* not an answer */
	}
	now += 10 * MS;
	oracle_paths_is(p, 0, 1, ORACLE_PATH(1, ORACLE_PATH_NON_OPTIMIZED), now);
	g_assert_null(io(p, now + MS, now + 2 * MS, 0, true, 0));
	told(io(p, now + MS, now + 2 * MS, 0x303, true, 0), "A.path");
	/* Whether it is there is known everywhere a little later. */
	g_assert_null(io(p, now + MS, now + 2 * MS, 0x00b, true, 0));
	told(io(p, now + 201 * MS, now + 202 * MS, 0x00b, true, 0), "A.path");
	oracle_paths_free(p);
}

static void test_hidden(void)
{
	struct oracle_paths *p = oracle_paths_new(BOUND);

	oracle_paths_is(p, 0, 1, ORACLE_PATH(0, ORACLE_PATH_OPTIMIZED), MS);
	oracle_paths_is(p, 0, 1, 0, 10 * MS);
	g_assert_null(io(p, 11 * MS, 12 * MS, 0, true, 0));
	g_assert_null(io(p, 300 * MS, 301 * MS, 0x00b, true, 0));
	told(io(p, 300 * MS, 301 * MS, 0, true, 0), "A.path");
	oracle_paths_free(p);
}

/* It was under way when its path went: it may be done, but not for ever. */
static void test_held(void)
{
	struct oracle_paths *p = oracle_paths_new(BOUND);

	oracle_paths_is(p, 0, 1, ORACLE_PATH(1, ORACLE_PATH_OPTIMIZED), MS);
	oracle_paths_is(p, 0, 1, ORACLE_PATH(1, ORACLE_PATH_INACCESSIBLE), 10 * MS);
	g_assert_null(io(p, 5 * MS, 1000 * MS, 0, false, 0));
	told(io(p, 5 * MS, 1011 * MS, 0, false, 0), "after its path had gone");
	g_assert_null(io(p, 5 * MS, 1011 * MS, 0, false, 500 * MS));
	g_assert_null(io(p, 5 * MS, 1011 * MS, 0, false, UINT64_MAX));
	g_assert_null(io(p, 5 * MS, 1011 * MS, 0x302, false, 0));
	oracle_paths_free(p);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/paths/late", test_late);
	g_test_add_func("/oracle/paths/exact", test_exact);
	g_test_add_func("/oracle/paths/hidden", test_hidden);
	g_test_add_func("/oracle/paths/held", test_held);
	return g_test_run();
}
