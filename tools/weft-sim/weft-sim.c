/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-sim: runs scenarios in a simulated world, and swarms of seeds that draw
 * their own. docs/simulator.md has examples.
 */
#include <string.h>

#include "tools/weft-sim/sim.h"

static const char usage_text[] =
	"usage: weft-sim run SCENARIO.json [option...]\n"
	"       weft-sim replay SEED [option...]\n"
	"       weft-sim swarm --seeds A-B | --for TIME [option...]\n"
	"       weft-sim schema\n"
	"\n"
	"  run     runs a scenario and judges it\n"
	"  replay  runs the scenario that a seed draws; SEED: a number or a commit hash\n"
	"  swarm   runs many seeds in several processes\n"
	"  schema  prints the JSON schema of scenarios\n"
	"\n"
	"Exit status: 0 all held, 2 usage, 10 crash, 11 safety (something was wrong), 12 liveness\n"
	"(something did not happen). COMMAND --help has the options.\n";

int exit_of(enum run_outcome outcome)
{
	static const int codes[] = { EXIT_OK, EXIT_CRASH, EXIT_SAFETY, EXIT_LIVENESS };

	return codes[outcome];
}

bool parse_seed(const char *text, uint64_t *seed)
{
	char *end;

	if (strlen(text) == 40 && strspn(text, "0123456789abcdefABCDEF") == 40) {
		g_autofree char *lower = g_ascii_strdown(text, 40);

		*seed = world_hash_bytes(0, lower, 40);
		return true;
	}
	if (!g_ascii_isdigit(*text))
		return false;
	*seed = g_ascii_strtoull(text, &end, 10);
	return *end == '\0';
}

static bool parse(int *argc, char ***argv, const char *what, const char *summary,
		  const GOptionEntry *entries)
{
	g_autoptr(GOptionContext) context = g_option_context_new(what);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(context, summary);
	g_option_context_add_main_entries(context, entries, NULL);
	if (g_option_context_parse(context, argc, argv, &error))
		return true;
	fprintf(stderr, "weft-sim: %s\n", error->message);
	return false;
}

/* What parse() has put into the options. */
static int free_strings(const GOptionEntry *e, int code)
{
	for (; e->long_name != NULL; e++) {
		if (e->arg == G_OPTION_ARG_STRING || e->arg == G_OPTION_ARG_FILENAME)
			g_free(*(char **)e->arg_data);
	}
	return code;
}

static int main_single(int argc, char **argv, bool replay)
{
	struct single o = { 0 };
	const GOptionEntry entries[] = {
		{ "seed", 0, 0, G_OPTION_ARG_STRING, &o.seed, "instead of the scenario's", "N" },
		{ "pcap", 0, 0, G_OPTION_ARG_FILENAME, &o.pcap,
		  "writes all packets to DIR/all.pcapng", "DIR" },
		{ "trace", 0, 0, G_OPTION_ARG_FILENAME, &o.trace,
		  "writes every event to FILE (-: standard output)", "FILE" },
		{ "log", 0, 0, G_OPTION_ARG_NONE, &o.log, "prints all log lines", NULL },
		{ "until", 0, 0, G_OPTION_ARG_STRING, &o.until, "stops at that virtual time",
		  "TIME" },
		{ "break-at", 0, 0, G_OPTION_ARG_STRING, &o.break_at,
		  "raises SIGTRAP at event number N or virtual time TIME", "N|TIME" },
		{ "print", 0, 0, G_OPTION_ARG_NONE, &o.print,
		  "prints the scenario and does not run it", NULL },
		{ "rules", 0, 0, G_OPTION_ARG_FILENAME, &o.rules,
		  "takes faults and timeline from this scenario", "FILE" },
		{ "profile", 0, 0, G_OPTION_ARG_STRING, &o.profile,
		  "what the seed draws from (replay)", "P" },
		{ "out", 0, 0, G_OPTION_ARG_FILENAME, &o.out,
		  "where a failed run leaves its scenario; default weft-sim-failed", "DIR" },
		{ 0 },
	};

	if (!parse(&argc, &argv, replay ? "SEED" : "SCENARIO.json",
		   "Runs one scenario in a world of its own.", entries))
		return EXIT_USAGE;
	if (argc != 2) {
		fprintf(stderr, "weft-sim: one %s is needed\n", replay ? "seed" : "scenario");
		return free_strings(entries, EXIT_USAGE);
	}
	return free_strings(entries, replay ? single_replay(argv[1], &o) : single_run(argv[1], &o));
}

static int main_swarm(int argc, char **argv)
{
	struct swarm o = { .jobs = 1 };
	const GOptionEntry entries[] = {
		{ "profile", 0, 0, G_OPTION_ARG_STRING, &o.profile,
		  "what seeds draw from: default, calm, network, admin, hostile, two-hosts, "
		  "file, rdma",
		  "P" },
		{ "seeds", 0, 0, G_OPTION_ARG_STRING, &o.seeds,
		  "these; A+N: N from A, which may be a commit hash", "A-B" },
		{ "for", 0, 0, G_OPTION_ARG_STRING, &o.duration,
		  "seeds from 1 (or A) on for that time", "TIME" },
		{ "jobs", 0, 0, G_OPTION_ARG_INT, &o.jobs, "processes; default 1", "N" },
		{ "hashes", 0, 0, G_OPTION_ARG_NONE, &o.hashes,
		  "one line a seed: seed and trace hash", NULL },
		{ "quiet", 0, 0, G_OPTION_ARG_NONE, &o.quiet, "no table at the end", NULL },
		{ "out", 0, 0, G_OPTION_ARG_FILENAME, &o.out,
		  "where failed seeds leave their scenarios; default weft-sim-failed", "DIR" },
		{ 0 },
	};

	if (!parse(&argc, &argv, "", "Runs many seeds and counts what they met.", entries))
		return EXIT_USAGE;
	if (argc != 1) {
		fprintf(stderr, "weft-sim: swarm takes no %s\n", argv[1]);
		return free_strings(entries, EXIT_USAGE);
	}
	return free_strings(entries, swarm(&o));
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "--help") || !strcmp(command, "-h")) {
		fputs(usage_text, stdout);
		return EXIT_OK;
	}
	if (!strcmp(command, "run") || !strcmp(command, "replay"))
		return main_single(argc - 1, argv + 1, !strcmp(command, "replay"));
	if (!strcmp(command, "swarm"))
		return main_swarm(argc - 1, argv + 1);
	if (!strcmp(command, "schema")) {
		g_autofree char *schema = scenario_schema();

		fputs(schema, stdout);
		return EXIT_OK;
	}
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}
