/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls, and what is shown of them. Standard output is as rpc.py prints it, but
 * for a table where a person looks (a terminal); failures are on standard error,
 * with the request and the response as rpc.py has them and the sentence that
 * weftd adds for people.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "target/core/error.h"
#include "target/rpc/nearest.h"
#include "tools/weftctl/weftctl.h"

/* --- calls ---------------------------------------------------------------------------------- */

const char *ctl_reason(const GError *error)
{
	const char *detail = error->domain == WEFT_ERROR ? weft_error_detail(error) : NULL;

	return detail ? detail : error->message;
}

static bool ensure_connected(struct ctl *ctl, GError **error)
{
	if (!ctl->conn)
		ctl->conn = conn_open(ctl->server, ctl->port, ctl->retries, error);
	return ctl->conn != NULL;
}

static void show(const char *title, const struct jv *v)
{
	g_autoptr(GString) text = g_string_new(NULL);

	print_json(text, v, 2, 0);
	g_printerr("%s\n%s\n", title, text->str);
}

static void show_text(const char *title, const char *json)
{
	struct jv_doc *doc = jv_parse(json, strlen(json), 0, NULL);

	if (doc)
		show(title, jv_root(doc));
	jv_doc_unref(doc);
}

unsigned ctl_send(struct ctl *ctl, const char *method, const char *params, GError **error)
{
	g_autoptr(GString) request = g_string_new(NULL);

	if (!ensure_connected(ctl, error))
		return 0;
	g_string_printf(request, "{\"jsonrpc\": \"2.0\", \"id\": %u, \"method\": ", ++ctl->last_id);
	append_quoted(request, method, strlen(method));
	if (*params)
		g_string_append_printf(request, ", \"params\": %s", params);
	g_string_append_c(request, '}');
	if (ctl->verbose)
		show_text("request:", request->str);
	return conn_send(ctl->conn, request->str, ctl->timeout, error) ? ctl->last_id : 0;
}

struct jv_doc *ctl_call(struct ctl *ctl, const char *method, const char *params, GError **error)
{
	if (!ctl_send(ctl, method, params, error))
		return NULL;
	return conn_receive(ctl->conn, ctl->timeout, error);
}

const struct jv *ctl_result(const struct jv_doc *response)
{
	return jv_member(jv_root(response), "result");
}

/* --- output --------------------------------------------------------------------------------- */

/* A name, or a list of them on one line. False: it is something else. */
static bool append_names(GString *out, const struct jv *v)
{
	const struct jv *first = v->type == JV_ARRAY ? v->first : v;

	for (const struct jv *m = first; m; m = m->next)
		if (m->type != JV_STRING)
			return false;
	if (v->type != JV_ARRAY)
		first = NULL;
	if (!first)
		g_string_append_printf(out, "%s\n", v->type == JV_STRING ? v->str : "");
	for (const struct jv *m = first; m; m = m->next)
		g_string_append_printf(out, "%s%s", m->str, m->next ? " " : "\n");
	return true;
}

static bool for_people(const struct ctl *ctl)
{
	return !ctl->json && isatty(STDOUT_FILENO);
}

static void print_result(const struct ctl *ctl, const struct command *c, const struct jv *v)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (c->output == OUT_NONE || (v->type == JV_BOOL && v->truth))
		return;
	if ((c->output == OUT_NAME || (for_people(ctl) && v->type == JV_STRING)) &&
	    append_names(out, v)) {
		g_print("%s", out->str);
		return;
	}
	g_string_truncate(out, 0);
	if (!for_people(ctl) || !view_append(out, c->now ? c->now : c->method, v)) {
		print_json(out, v, 2, 0);
		g_string_append_c(out, '\n');
	}
	g_print("%s", out->str);
}

/* rpc.py shows the params, and method and id among them. */
static void show_request(const char *method, const char *params, unsigned id)
{
	g_autoptr(GString) text = g_string_new(*params ? params : "{}");

	g_string_truncate(text, text->len - 1);
	if (text->len > 1)
		g_string_append(text, ", ");
	g_string_append(text, "\"method\": ");
	append_quoted(text, method, strlen(method));
	g_string_append_printf(text, ", \"req_id\": %u}", id);
	show_text("request:", text->str);
}

/* The sentence for people comes first: what reads JSON takes all that follows. */
static void show_failure(const char *method, const char *params, unsigned id,
			 const struct jv *failure)
{
	const struct jv *data = jv_member(failure, "data");

	if (data && data->type == JV_STRING)
		g_printerr("weftctl: %s\n", data->str);
	show_request(method, params, id);
	g_printerr("Got JSON-RPC error response\n");
	show("response:", failure);
}

/* The connection of who kills weftd ends without an answer. */
static bool killed_it(const char *method, const GError *error)
{
	return (strcmp(method, "spdk_kill_instance") == 0 ||
		strcmp(method, "kill_instance") == 0) &&
	       error->code == -ECONNRESET;
}

int ctl_finish(struct ctl *ctl, const struct command *c, unsigned id, const char *params,
	       const struct jv_doc *response, const GError *error)
{
	const struct jv *failure;

	if (!response) {
		if (killed_it(c->method, error))
			return EXIT_OK;
		g_printerr("weftctl: %s\n", ctl_reason(error));
		conn_close(g_steal_pointer(&ctl->conn));
		return EXIT_FAILED;
	}
	if (ctl->verbose)
		show("response:", jv_root(response));
	if (ctl_result(response)) {
		print_result(ctl, c, ctl_result(response));
		return EXIT_OK;
	}
	failure = jv_member(jv_root(response), "error");
	show_failure(c->method, params, id, failure ? failure : jv_root(response));
	return EXIT_FAILED;
}

struct jv_doc *ctl_call_part(struct ctl *ctl, const char *method, const char *params)
{
	struct command c = { .method = method, .output = OUT_NONE };
	g_autoptr(GError) error = NULL;
	struct jv_doc *response = ctl_call(ctl, method, params, &error);

	if (ctl_finish(ctl, &c, ctl->last_id, params, response, error) == EXIT_OK && response)
		return response;
	jv_doc_unref(response);
	return NULL;
}

/* --- command lines -----------------------------------------------------------------------------
 */

int ctl_dry_run(const struct command *c, const char *params)
{
	g_autoptr(GString) text = g_string_new("{\"method\": ");

	append_quoted(text, c->method, strlen(c->method));
	g_string_append_printf(text, ", \"params\": %s}", *params ? params : "{}");
	g_print("Request:\n");
	print_indented(text->str, 2);
	return EXIT_OK;
}

static int run_local(struct ctl *ctl, const struct command *c, const char *params)
{
	struct jv_doc *doc = *params ? jv_parse(params, strlen(params), 0, NULL) : NULL;
	int status = c->run(ctl, doc ? jv_root(doc) : NULL);

	jv_doc_unref(doc);
	return status;
}

int ctl_do(struct ctl *ctl, const struct command *c, const char *params)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *response;
	int status;

	if (c->run)
		return run_local(ctl, c, params);
	if (ctl->dry_run)
		return ctl_dry_run(c, params);
	response = ctl_call(ctl, c->method, params, &error);
	status = ctl_finish(ctl, c, ctl->last_id, params, response, error);
	jv_doc_unref(response);
	return status;
}

/* METHOD '{...}': as it stands, also for methods that the table does not have. */
static bool check_raw(const char *params, GError **error)
{
	struct jv_doc *doc = NULL;

	if (g_utf8_validate(params, -1, NULL))
		doc = jv_parse(params, strlen(params), 0, error);
	else
		usage_error(error, "not valid UTF-8");
	jv_doc_unref(doc);
	return doc != NULL;
}

static bool unknown(const char *method, GError **error)
{
	const char *part = rpc_absent_part(method), *near = command_nearest(method);

	if (part)
		return usage_error(error,
				   "there is no command %s: weft does not have %s. weftctl --help "
				   "lists the commands",
				   method, part);
	return usage_error(error,
			   "there is no command %s%s%s%s weftctl --help lists them; a method that "
			   "only weftd knows takes its params as '{...}'",
			   method, near ? ". Did you mean " : "", near ? near : "",
			   near ? "?" : ".");
}

char *ctl_parse(char **argv, struct command *c, bool *help, GError **error)
{
	const char *method = argv[0];
	bool known = command_find(method, c);
	g_autoptr(GError) problem = NULL;

	*help = false;
	if (!known)
		*c = (struct command){ .method = method, .output = OUT_JSON };
	if (!g_utf8_validate(method, -1, NULL)) {
		usage_error(error, "the method is not valid UTF-8");
		return NULL;
	}
	if (argv[1] && argv[1][0] == '{' && !argv[2]) {
		c->run = NULL; /* it is what weftd is sent */
		if (check_raw(argv[1], &problem))
			return g_strdup(argv[1]);
		usage_error(error, "%s: params: %s", method, ctl_reason(problem));
		return NULL;
	}
	if (!known) {
		unknown(method, error);
		return NULL;
	}
	char *params = command_parse(c, argv + 1, NULL, help, &problem);

	if (problem)
		usage_error(error, "%s: %s. weftctl %s --help shows its arguments", method,
			    problem->message, method);
	return params;
}

int ctl_run(struct ctl *ctl, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *params = NULL;
	struct command c;
	bool help;

	params = ctl_parse(argv, &c, &help, &error);
	if (params)
		return ctl_do(ctl, &c, params);
	if (help) {
		help_command(&c);
		return EXIT_OK;
	}
	g_printerr("weftctl: %s\n", error->message);
	return EXIT_USAGE;
}

int names_print(struct ctl *ctl, const char *kind)
{
	bool bdev = strcmp(kind, "bdev") == 0;
	g_autoptr(GError) error = NULL;
	struct jv_doc *response;

	if (!bdev && strcmp(kind, "nqn") != 0) {
		g_printerr("weftctl: --names %s: bdev or nqn\n", kind);
		return EXIT_USAGE;
	}
	response = ctl_call(ctl, bdev ? "bdev_get_bdevs" : "nvmf_get_subsystems", "", &error);
	for (const struct jv *v = response && ctl_result(response) ? ctl_result(response)->first
								   : NULL;
	     v; v = v->next) {
		const struct jv *name = jv_member(v, bdev ? "name" : "nqn");

		if (name && name->type == JV_STRING)
			g_print("%s\n", name->str);
	}
	jv_doc_unref(response);
	return response ? EXIT_OK : EXIT_FAILED; /* a shell that completes shows no reasons */
}
