/* SPDX-License-Identifier: BSD-3-Clause */
/* One scenario, from a file or from a seed. */
#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/weft-sim/sim.h"

static void at_break(void)
{
	fflush(NULL); /* traces and logs up to here can be read now */
	raise(SIGTRAP);
}

struct capture {
	const char *dir;
	FILE *file;
	struct world_pcap *pcap;
};

static void capture_begin(void *arg, struct world *w)
{
	struct capture *c = arg;

	c->pcap = world_pcap_link(w, NULL, NULL, c->file);
}

static void capture_end(void *arg, struct world *w)
{
	struct capture *c = arg;

	(void)w;
	world_pcap_close(c->pcap);
	c->pcap = NULL;
}

static bool open_capture(struct capture *c, struct run_options *ro)
{
	g_autofree char *path = NULL;

	if (c->dir == NULL)
		return true;
	path = g_build_filename(c->dir, "all.pcapng", NULL);
	if (g_mkdir_with_parents(c->dir, 0777) != 0 || (c->file = g_fopen(path, "wb")) == NULL) {
		fprintf(stderr, "weft-sim: %s: %s\n", path, g_strerror(errno));
		return false;
	}
	ro->begin = capture_begin;
	ro->end = capture_end;
	ro->arg = c;
	return true;
}

static bool parse_times(const struct single *o, struct run_options *ro)
{
	uint64_t t;

	if (o->until != NULL && !codec_time_parse(o->until, &ro->until)) {
		fprintf(stderr, "weft-sim: --until %s: a time such as 250ms expected\n", o->until);
		return false;
	}
	if (o->break_at == NULL)
		return true;
	ro->at_break = at_break;
	if (codec_time_parse(o->break_at, &t))
		ro->break_time = t;
	else if (!parse_seed(o->break_at, &ro->break_record)) {
		fprintf(stderr,
			"weft-sim: --break-at %s: the number of an event or a time expected\n",
			o->break_at);
		return false;
	}
	return true;
}

static void summary(const struct scenario *s, const struct run_result *r)
{
	printf("%s seed %" PRIu64 ": %s, hash %016" PRIx64 ", %" PRIu64 " events, %" PRIu64
	       ".%03" PRIu64 " s, %" PRIu64 " I/Os, %" PRIu64
	       " PDUs, %" PRIu64 " RoCE packets\n",
	       s->name, s->seed, run_outcome_name(r->outcome), r->hash, r->records,
	       r->time / WORLD_SEC, r->time % WORLD_SEC / WORLD_MS, r->ios, r->pdus,
	       r->packets);
	fflush(stdout);
}

static int execute(struct scenario *s, const struct single *o, const char *command)
{
	const char *out = o->out != NULL ? o->out : "weft-sim-failed";
	struct capture capture = { .dir = o->pcap };
	struct run_options ro = { .log = o->log ? stderr : NULL };
	struct run_result r;
	struct run *run;
	int code;

	if (o->print) {
		g_autofree char *text = scenario_print(s);

		fputs(text, stdout);
		return EXIT_OK;
	}
	if (!parse_times(o, &ro) || !open_capture(&capture, &ro))
		return EXIT_USAGE;
	if (o->trace != NULL) {
		ro.trace = strcmp(o->trace, "-") != 0 ? g_fopen(o->trace, "w") : stdout;
		if (ro.trace == NULL) {
			fprintf(stderr, "weft-sim: %s: %s\n", o->trace, g_strerror(errno));
			return EXIT_USAGE;
		}
	}
	run = run_start(s, &ro, &r);
	failure_arm(run, s, out, command);
	run_go(run);
	failure_arm(NULL, NULL, NULL, NULL);
	summary(s, &r);
	if (capture.file != NULL)
		fclose(capture.file);
	if (ro.trace != NULL)
		fflush(ro.trace);
	if (r.outcome != RUN_OK)
		failure_report(s, &r, out, command, stderr);
	code = exit_of(r.outcome);
	if (r.outcome != RUN_OK || ro.until != 0)
		_exit(code); /* its world stays as it is: no tidying, no search for leaks */
	run_result_clear(&r);
	return code;
}

static struct scenario *load(const char *file)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	struct scenario *s = NULL;

	if (g_file_get_contents(file, &text, NULL, &error))
		s = scenario_parse(file, text, &error);
	if (s == NULL)
		fprintf(stderr, "weft-sim: %s\n", error->message);
	return s;
}

int single_run(const char *file, const struct single *o)
{
	struct scenario *s = load(file);
	int code = EXIT_USAGE;

	if (s == NULL)
		return EXIT_USAGE;
	if (o->seed == NULL || parse_seed(o->seed, &s->seed))
		code = execute(s, o, NULL);
	else
		fprintf(stderr, "weft-sim: --seed %s: not a seed\n", o->seed);
	scenario_free(s);
	return code;
}

int single_replay(const char *seed, const struct single *o)
{
	const char *profile = o->profile != NULL ? o->profile : "default";
	g_autofree char *command =
		g_strdup_printf("weft-sim replay %s --profile %s", seed, profile);
	struct scenario *s, *rules = NULL;
	uint64_t n;
	int code;

	if (!parse_seed(seed, &n)) {
		fprintf(stderr, "weft-sim: %s: a number or a commit hash expected\n", seed);
		return EXIT_USAGE;
	}
	s = scenario_draw(n, profile);
	if (s == NULL) {
		fprintf(stderr, "weft-sim: there is no profile %s\n", profile);
		return EXIT_USAGE;
	}
	if (o->rules != NULL) {
		rules = load(o->rules);
		if (rules == NULL) {
			scenario_free(s);
			return EXIT_USAGE;
		}
		s->faults = rules->faults;
		s->timeline = rules->timeline;
	}
	code = execute(s, o, command);
	scenario_free(s);
	scenario_free(rules);
	return code;
}
