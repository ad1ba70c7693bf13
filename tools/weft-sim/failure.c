/* SPDX-License-Identifier: BSD-3-Clause */
/* What a failed run leaves behind, also one that crashed. */
#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/weft-sim/sim.h"

/* Of the run under way, for the handler. */
static struct {
	struct run *run;
	const struct scenario *s;
	const char *out, *command;
} armed;

static char *write_scenario(const struct scenario *s, const char *out)
{
	g_autofree char *text = scenario_print(s);
	g_autofree char *name = g_strdup_printf("%s-%" PRIu64 ".json", s->name, s->seed);
	char *path;

	if (g_mkdir_with_parents(out, 0777) != 0)
		fprintf(stderr, "weft-sim: %s: %s\n", out, g_strerror(errno));
	path = g_build_filename(out, name, NULL);
	if (!g_file_set_contents(path, text, -1, NULL))
		fprintf(stderr, "weft-sim: cannot write %s\n", path);
	return path;
}

static void print_options(const struct scenario *s, FILE *f)
{
	fprintf(f, "seed      %" PRIu64 "\n", s->seed);
	fprintf(f, "options   %u targets, %u hosts, %u raw hosts, %u calls, %u faults, %u loads\n",
		s->targets.n, s->hosts.n, s->raws.n, s->timeline.n, s->faults.n, s->loads.n);
	for (unsigned i = 0; i < s->faults.n; i++) {
		const struct scn_fault *fault = (const struct scn_fault *)s->faults.items + i;
		char a[32], b[32];

		fprintf(f, "rule      %s at %s for %s%s%s%s%s, %" PRIu64 " times\n",
			scn_fault_names[fault->kind], codec_time_text(fault->at, a, sizeof(a)),
			codec_time_text(fault->during, b, sizeof(b)), fault->host ? ", host " : "",
			fault->host ? fault->host : "", fault->name ? ", " : "",
			fault->name ? fault->name : "", fault->times);
	}
}

void failure_report(const struct scenario *s, const struct run_result *r, const char *out,
		    const char *command, FILE *f)
{
	g_autofree char *path = write_scenario(s, out);

	fprintf(f, "FAILED    %s, oracle %s: %s\n", run_outcome_name(r->outcome),
		*r->oracle ? r->oracle : "-", r->text ? r->text : "");
	print_options(s, f);
	if (r->dump != NULL)
		fputs(r->dump, f);
	fprintf(f, "scenario  %s\nagain     weft-sim run %s\n", path, path);
	if (command != NULL)
		fprintf(f, "or        %s\n", command);
	fflush(f);
}

/* Not what a handler may do; but the process is lost anyway, and this helps. */
static void on_crash(int signo)
{
	struct run_result r = { .outcome = RUN_CRASH };
	g_autofree char *text = g_strdup_printf("signal %d (%s)", signo, strsignal(signo));

	signal(signo, SIG_DFL);
	alarm(20);
	r.text = text;
	r.dump = run_dump(armed.run);
	failure_report(armed.s, &r, armed.out, armed.command, stderr);
	raise(signo);
}

void failure_arm(struct run *run, const struct scenario *s, const char *out, const char *command)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

	armed.run = run;
	armed.s = s;
	armed.out = out;
	armed.command = command;
	for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++)
		signal(signals[i], run != NULL ? on_crash : SIG_DFL);
}
