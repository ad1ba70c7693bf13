/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line client. Exit status 0: done; 1: weftd said no, or could not be
 * reached; 2: the usage is wrong.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "tools/weftctl/weftctl.h"

#define DEFAULT_SOCKET "/run/weft.sock"
#define DEFAULT_PORT 5260

static int usage(const char *what, const char *arg)
{
	g_printerr("weftctl: %s%s. weftctl --help shows how\n", what, arg);
	return EXIT_USAGE;
}

/* --- options of weftctl itself ---------------------------------------------------------------- */

static const char *text_of(const struct jv *options, const char *key)
{
	const struct jv *v = options ? jv_member(options, key) : NULL;

	return v ? v->str : NULL;
}

static bool flag_of(const struct jv *options, const char *key)
{
	const struct jv *v = options ? jv_member(options, key) : NULL;

	return v && v->truth;
}

/* False: out of range. Unchanged when not given. */
static bool number_of(const struct jv *options, const char *key, unsigned max, unsigned *n)
{
	const struct jv *v = options ? jv_member(options, key) : NULL;
	bool negative;
	guint64 given;

	if (!v)
		return true;
	if (jv_integer(v, &negative, &given) != JV_INT_OK || negative || given > max)
		return false;
	*n = (unsigned)given;
	return true;
}

static bool parse_timeout(const char *text, double *seconds)
{
	char *end;

	*seconds = g_ascii_strtod(text, &end);
	return end != text && !*end && isfinite(*seconds) && *seconds > 0 && *seconds < 1e9;
}

/* EXIT_OK, or the usage is wrong. */
static int set_options(struct ctl *ctl, const struct jv *options)
{
	const char *socket_path = text_of(options, "server"), *env = g_getenv("WEFT_SOCK");
	const char *timeout = text_of(options, "timeout");
	const char *verbosity = text_of(options, "verbosity");

	ctl->server = socket_path ? socket_path : env && *env ? env : DEFAULT_SOCKET;
	ctl->port = DEFAULT_PORT;
	ctl->timeout = 60;
	if (!number_of(options, "port", 65535, &ctl->port))
		return usage("-p takes a port, 0 to 65535", "");
	if (!number_of(options, "retries", 1000000, &ctl->retries))
		return usage("-r takes how often to try again, 0 to 1000000", "");
	if (timeout && !parse_timeout(timeout, &ctl->timeout))
		return usage("-t takes seconds above 0, not ", timeout);
	if (verbosity && strcmp(verbosity, "DEBUG") != 0 && strcmp(verbosity, "INFO") != 0 &&
	    strcmp(verbosity, "ERROR") != 0)
		return usage("--verbose takes DEBUG, INFO or ERROR, not ", verbosity);
	ctl->verbose =
		flag_of(options, "verbose") || (verbosity && strcmp(verbosity, "ERROR") != 0);
	ctl->dry_run = flag_of(options, "dry_run");
	ctl->json = flag_of(options, "json");
	ctl->status_lines = flag_of(options, "status_lines");
	ctl->keep_going = flag_of(options, "keep_going") || ctl->status_lines;
	ctl->batch = flag_of(options, "batch") || ctl->status_lines;
	return EXIT_OK;
}

/* --- what is to be done
 * ---------------------------------------------------------------------------- */

static int run(struct ctl *ctl, const struct jv *options, char **rest)
{
	const char *shell = text_of(options, "completion"), *names = text_of(options, "names");

	if (flag_of(options, "version")) {
		g_print("weftctl %s\n", WEFT_VERSION);
		return EXIT_OK;
	}
	if (flag_of(options, "man")) {
		manual_print();
		return EXIT_OK;
	}
	if (shell)
		return completion_print(shell)
			       ? EXIT_OK
			       : usage("--completion takes bash, zsh or fish, not ", shell);
	if (names)
		return names_print(ctl, names);
	if (*rest && ctl->batch)
		return usage("-b takes its commands from standard input, not from the command "
			     "line: ",
			     *rest);
	if (*rest)
		return ctl_run(ctl, rest);
	if (ctl->batch || !isatty(STDIN_FILENO))
		return batch_run(ctl);
	help_all();
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	char **rest = NULL;
	bool help;
	int status;

	(void)argc;
	text = command_parse(&command_self, argv + 1, &rest, &help, &error);
	if (help) {
		help_all();
		return EXIT_OK;
	}
	if (!text)
		return usage(error->message, "");
	if (*text)
		ctl.self = jv_parse(text, strlen(text), 0, NULL);
	status = set_options(&ctl, ctl.self ? jv_root(ctl.self) : NULL);
	if (status == EXIT_OK)
		status = run(&ctl, ctl.self ? jv_root(ctl.self) : NULL, rest);
	conn_close(ctl.conn);
	jv_doc_unref(ctl.self);
	return status;
}
