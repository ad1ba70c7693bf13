/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that runs one seed after the other, as its parent tells it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weft-sim/sim.h"

/* 1 seed in so many is run twice. */
#define TWICE 20

static void print_result(FILE *f, const struct run_result *r, uint64_t seed, bool twice)
{
	uint64_t n;

	fprintf(f,
		"result %" PRIu64 " %016" PRIx64 " %d %s %" PRIu64 " %" PRIu64 " %" PRIu64
		" %" PRIu64 " %d\n",
		seed, r->hash, (int)r->outcome, *r->oracle ? r->oracle : "-", r->ios, r->records,
		r->pdus, r->bytes, twice);
	for (unsigned i = 0; i < counts_len(r->counts); i++) {
		const char *name = counts_at(r->counts, i, &n);

		fprintf(f, "count %" PRIu64 " %s\n", n, name);
	}
	if (r->text != NULL) {
		g_autofree char *line = g_strdup(r->text);

		fprintf(f, "text %s\n", g_strdelimit(line, "\n", ';'));
	}
	fprintf(f, "end\n");
	fflush(f);
}

static void run_one(const struct scenario *s, const struct run_options *ro, struct run_result *r,
		    const struct swarm *o, const char *command)
{
	struct run *run = run_start(s, ro, r);

	failure_arm(run, s, o->out, command);
	run_go(run);
	failure_arm(NULL, NULL, NULL, NULL);
}

/* Oracle D: the first difference, by name. */
static void differs(const struct scenario *s, struct run_result *r)
{
	const struct run_options keep = { .keep_records = true };
	struct run_result a, b;

	run_scenario(s, &keep, &a);
	run_scenario(s, &keep, &b);
	r->outcome = RUN_SAFETY;
	g_strlcpy(r->oracle, "D", sizeof(r->oracle));
	r->text = a.world != NULL && b.world != NULL ? world_diff(a.world, b.world) : NULL;
	if (r->text == NULL)
		r->text = g_strdup("two runs differed, two more did not");
}

static bool one_seed(uint64_t seed, const struct swarm *o, FILE *f)
{
	g_autofree char *command =
		g_strdup_printf("weft-sim replay %" PRIu64 " --profile %s", seed, o->profile);
	struct scenario *s = scenario_draw(seed, o->profile);
	const struct run_options ro = { 0 };
	bool twice = seed % TWICE == 0, good;
	struct run_result r, again;

	run_one(s, &ro, &r, o, command);
	if (twice && r.outcome == RUN_OK) {
		run_one(s, &ro, &again, o, command);
		if (again.hash != r.hash)
			differs(s, &r);
		run_result_clear(&again);
	}
	good = r.outcome == RUN_OK;
	if (!good)
		failure_report(s, &r, o->out, command, stderr);
	print_result(f, &r, seed, twice);
	if (good) {
		run_result_clear(&r);
		scenario_free(s);
	}
	return good;
}

/* After a failure its world cannot be trusted, nor be taken down: the process ends. */
void worker(int in, int out, const struct swarm *o)
{
	FILE *f = fdopen(out, "w");
	uint64_t seed;

	while (read(in, &seed, sizeof(seed)) == sizeof(seed)) {
		if (!one_seed(seed, o, f))
			break;
	}
	fflush(f);
	_exit(0);
}
