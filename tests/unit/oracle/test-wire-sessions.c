/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle P over the real target and the real host: both keep to the rules, in 50
 * seeds of links, digests and alignments; and a recorded session says the same
 * in whatever pieces it is shown.
 */
#include "tests/unit/oracle/session.h"

#include <string.h>

#define SEEDS 50

/* Rules whose occasion these sessions do not have: refusals and other failures. */
static const char *const rare[] = { "P.term.fes",     "P.term.fei",  "P.term.cause", "P.term.pdu",
				    "P.connect.ipo",  "P.aer.limit", "P.log.value",  "P.prop.cc",
				    "P.log.reserved", NULL };

static uint64_t total[256];

static void begin(struct world *w, void *arg)
{
	*(struct oracle_wire **)arg = oracle_wire_new(w);
}

static void no_violations(const struct oracle_wire *o, uint64_t seed)
{
	const struct oracle_violation *v;
	unsigned n = oracle_wire_violations(o, &v);

	for (unsigned i = 0; i < n; i++)
		g_test_message("seed %" G_GUINT64_FORMAT ": %s", seed, v[i].text);
	g_assert_cmpuint(n, ==, 0);
}

static void end(struct world *w, void *arg)
{
	struct oracle_wire *o = *(struct oracle_wire **)arg;
	struct oracle_wire_stats st;
	uint64_t evaluated;

	no_violations(o, world_seed(w));
	oracle_wire_stats(o, &st);
	g_assert_cmpuint(st.conns, >=, 5);
	g_assert_cmpuint(st.commands, >=, 60);
	g_assert_cmpuint(st.pdus[ORACLE_HOST][0], ==, st.conns);
	g_assert_cmpuint(st.pdus[ORACLE_TARGET][1], ==, st.conns);
	for (unsigned i = 0; oracle_wire_rule(o, i, &evaluated, NULL) != NULL; i++)
		total[i] += evaluated;
	oracle_wire_free(o);
}

static void test_seeds(void)
{
	struct oracle_wire *o = oracle_wire_new(NULL);
	const char *rule;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct oracle_wire *watch = NULL;
		const struct session_params p = {
			.seed = seed,
			.draw = true,
			.ios = 60,
			.hosts = 2,
			.begin = begin,
			.end = end,
			.arg = &watch,
		};

		session_run(&p);
	}
	for (unsigned i = 0; (rule = oracle_wire_rule(o, i, NULL, NULL)) != NULL; i++) {
		if (total[i] == 0 && !g_strv_contains(rare, rule))
			g_error("rule %s was never evaluated", rule);
	}
	oracle_wire_free(o);
}

static void test_pieces(void)
{
	const struct session_params p = {
		.seed = 7, .hdgst = true, .ddgst = true, .hpda = 3, .ios = 40, .hosts = 1
	};
	static const uint32_t pieces[] = { 0, 1, 7, 8, 24, 1000 };
	GArray *pdus = record_session(&p);
	uint64_t evaluated = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(pieces); i++) {
		struct oracle_wire *o = oracle_wire_new(NULL);
		struct oracle_wire_stats st;

		record_replay(o, pdus, pieces[i]);
		no_violations(o, p.seed);
		oracle_wire_stats(o, &st);
		g_assert_cmpuint(st.commands, >=, 40);
		g_assert_cmpuint(st.completions, >=, 40);
		/* Padding and digests count once a piece: only downwards of nothing. */
		if (i == 0)
			evaluated = st.evaluated;
		g_assert_cmpuint(st.evaluated, >=, evaluated);
		oracle_wire_free(o);
	}
	record_free(pdus);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/wire/pieces", test_pieces);
	g_test_add_func("/oracle/wire/seeds", test_seeds);
	return g_test_run();
}
