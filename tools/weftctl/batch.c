/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command lines from standard input, over one connection. A line ends what it is
 * about before the next one begins, but for getters: those change nothing, so
 * several are under way at once. It ends at the first line that fails, unless
 * told to go on.
 */
#include <stdio.h>
#include <string.h>

#include "tools/weftctl/weftctl.h"

#define MAX_UNDER_WAY 32

struct job {
	unsigned line, id;
	char *params;
	char *method; /* what command.method points to, if it is in no table */
	struct command command;
	struct jv_doc *response;
};

struct batch {
	struct ctl *ctl;
	struct job jobs[MAX_UNDER_WAY]; /* getters under way, by line */
	unsigned n;
	int status; /* of the first line that failed */
};

char **batch_split(const char *line, GError **error)
{
	g_autoptr(GError) problem = NULL;
	char **argv = NULL;

	if (!g_utf8_validate(line, -1, NULL)) {
		usage_error(error, "not valid UTF-8");
		return NULL;
	}
	if (g_shell_parse_argv(line, NULL, &argv, &problem))
		return argv;
	if (!g_error_matches(problem, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
		usage_error(error, "%s", problem->message);
	return NULL;
}

static void say_line(unsigned line, const char *what)
{
	g_printerr("weftctl: line %u: %s\n", line, what);
}

static void say_failed(unsigned line, const char *method)
{
	g_printerr("weftctl: line %u (%s) failed\n", line, method);
}

/* Notes how a line ended; false: that ends the batch. */
static bool line_ended(struct batch *b, int status)
{
	if (b->ctl->status_lines)
		g_print("**STATUS=%d\n", status == EXIT_OK ? 0 : 1);
	if (status == EXIT_OK)
		return true;
	if (b->status == EXIT_OK)
		b->status = status;
	return b->ctl->keep_going;
}

/* --- getters under way -------------------------------------------------------------------------
 */

static void clear_job(struct job *job)
{
	jv_doc_unref(job->response);
	g_free(job->params);
	g_free(job->method);
	*job = (struct job){ 0 };
}

static struct job *job_of(struct batch *b, const struct jv_doc *response)
{
	const struct jv *id = jv_member(jv_root(response), "id");
	guint64 n = 0;
	bool negative;

	if (!id || id->type != JV_NUMBER || jv_integer(id, &negative, &n) != JV_INT_OK)
		return NULL;
	for (unsigned i = 0; i < b->n; i++)
		if (b->jobs[i].id == n && !b->jobs[i].response)
			return &b->jobs[i];
	return NULL;
}

/* All responses. False: the connection is of no use any more. */
static bool receive_all(struct batch *b, GError **error)
{
	if (b->n > 0 && !b->ctl->conn)
		return usage_error(error, "the connection has ended");
	for (unsigned got = 0; got < b->n; got++) {
		struct jv_doc *response = conn_receive(b->ctl->conn, b->ctl->timeout, error);
		struct job *job = response ? job_of(b, response) : NULL;

		if (!job) {
			if (response)
				usage_error(error, "the target answered what was not asked");
			jv_doc_unref(response);
			return false;
		}
		job->response = response;
	}
	return true;
}

static bool finish_job(struct batch *b, struct job *job, const GError *error)
{
	int status;

	status = ctl_finish(b->ctl, &job->command, job->id, job->params, job->response, error);
	if (status != EXIT_OK)
		say_failed(job->line, job->command.method);
	return line_ended(b, status);
}

/* Ends the getters under way; false: that ends the batch. */
static bool flush(struct batch *b)
{
	g_autoptr(GError) error = NULL;
	bool go_on = true;

	receive_all(b, &error);
	for (unsigned i = 0; i < b->n; i++) {
		if (go_on)
			go_on = finish_job(b, &b->jobs[i], error);
		clear_job(&b->jobs[i]);
	}
	b->n = 0;
	return go_on;
}

static bool is_getter(const struct ctl *ctl, const struct command *c)
{
	return !ctl->dry_run && !ctl->status_lines && !c->run &&
	       (strstr(c->method, "_get_") || g_str_has_prefix(c->method, "get_"));
}

/* --- lines --------------------------------------------------------------------------------------
 */

static bool begin_getter(struct batch *b, unsigned line, const struct command *c, char *params)
{
	struct job *job = &b->jobs[b->n];
	g_autoptr(GError) error = NULL;

	*job = (struct job){ .line = line, .params = params, .command = *c };
	job->command.method = job->method = g_strdup(c->method);
	job->id = ctl_send(b->ctl, c->method, params, &error);
	if (!job->id) {
		bool go_on = finish_job(b, job, error);

		clear_job(job);
		return flush(b) && go_on;
	}
	b->n++;
	return b->n < MAX_UNDER_WAY || flush(b);
}

static bool run_line(struct batch *b, unsigned line, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *params = NULL;
	struct command c;
	bool help;
	int status = EXIT_OK;

	params = ctl_parse(argv, &c, &help, &error);
	if (params && is_getter(b->ctl, &c))
		return begin_getter(b, line, &c, g_steal_pointer(&params));
	if (!flush(b))
		return false;
	if (error) {
		say_line(line, error->message);
		return line_ended(b, EXIT_USAGE);
	}
	if (help)
		help_command(&c);
	else
		status = ctl_do(b->ctl, &c, params);
	if (status != EXIT_OK)
		say_failed(line, c.method);
	return line_ended(b, status);
}

static bool run_text(struct batch *b, unsigned line, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) argv = batch_split(text, &error);

	if (argv)
		return run_line(b, line, argv);
	if (!error)
		return true;
	if (!flush(b))
		return false;
	say_line(line, error->message);
	return line_ended(b, EXIT_USAGE);
}

int batch_run(struct ctl *ctl)
{
	struct batch b = { .ctl = ctl };
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	bool go_on = true;

	ctl->stdin_is_batch = true;
	for (unsigned line = 1; go_on && (n = getline(&text, &size, stdin)) > 0; line++) {
		if (memchr(text, '\0', (size_t)n)) {
			say_line(line, "a zero byte");
			go_on = line_ended(&b, EXIT_USAGE);
			continue;
		}
		g_strchomp(text);
		go_on = run_text(&b, line, text);
	}
	flush(&b);
	free(text);
	return b.status;
}
