/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last thing a dying weftd does: write its trace rings to stderr, with
 * async-signal-safe calls only, and then die as it would have.
 */
#include "tools/weftd/weftd.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "target/core/trace.h"

#define ALT_STACK 65536

static const struct core *volatile crash_core;
static char alt_stack[ALT_STACK];

static void put(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, text, len);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void put_record(void *arg, const struct trace_record *rec)
{
	char line[256];
	int len = trace_format(rec, line, sizeof(line) - 1);

	(void)arg;
	if (len < 0)
		return;
	len = MIN(len, (int)sizeof(line) - 2);
	line[len++] = '\n';
	put(line, (size_t)len);
}

static void crashed(int sig)
{
	static const char begin[] = "weftd: crashed; the last events of each reactor:\n";
	static const char end[] = "weftd: end of events\n";
	const struct core *core = crash_core;

	crash_core = NULL;
	if (core) {
		put(begin, sizeof(begin) - 1);
		for (unsigned i = 0; i < core->nreactors; i++)
			trace_dump(core->reactors[i]->trace, put_record, NULL);
		put(end, sizeof(end) - 1);
	}
	/* SA_RESETHAND: this time it is the default. */
	raise(sig);
}

void weftd_crash_init(const struct core *core)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT };
	struct sigaction action = { .sa_handler = crashed,
				    .sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK) };
	stack_t stack = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };

	crash_core = core;
	sigaltstack(&stack, NULL);
	sigemptyset(&action.sa_mask);
	for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++)
		sigaction(signals[i], &action, NULL);
}

void weftd_crash_done(void)
{
	crash_core = NULL;
}
