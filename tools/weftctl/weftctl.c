/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line client: one method a run. Exit status 0: done; 1: weftd said
 * no, or could not be reached; 2: the usage is wrong.
 */
#include <math.h>
#include <string.h>

#include "target/core/error.h"
#include "tools/weftctl/weftctl.h"

#define DEFAULT_SOCKET "/run/weft.sock"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

struct options {
	const char *socket_path;
	double timeout;
	bool verbose;
};

static int usage(const char *what, const char *arg)
{
	g_printerr("weftctl: %s%s\nweftctl --help shows how\n", what, arg);
	return EXIT_USAGE;
}

/* --- output ------------------------------------------------------------------------- */

static void print_value(const struct jv *v, bool to_stderr)
{
	g_autoptr(GString) out = g_string_new(NULL);

	print_json(out, v, 0);
	if (to_stderr)
		g_printerr("%s\n", out->str);
	else
		g_print("%s\n", out->str);
}

/* A name, or a list of them on one line. False: it is something else. */
static bool print_names(const struct jv *v)
{
	if (v->type == JV_STRING) {
		g_print("%s\n", v->str);
		return true;
	}
	if (v->type != JV_ARRAY)
		return false;
	for (const struct jv *m = v->first; m; m = m->next)
		if (m->type != JV_STRING)
			return false;
	for (const struct jv *m = v->first; m; m = m->next)
		g_print("%s%s", m->str, m->next ? " " : "\n");
	return true;
}

static void print_result(const struct jv *v, enum output output)
{
	if (output == OUT_NONE || (v->type == JV_BOOL && v->truth))
		return;
	if (output == OUT_NAME && print_names(v))
		return;
	print_value(v, false);
}

static void print_text(const char *title, const char *text)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = jv_parse(text, strlen(text), 0, &error);

	g_printerr("%s\n", title);
	if (doc)
		print_value(jv_root(doc), true);
	else
		g_printerr("%s\n", text);
	jv_doc_unref(doc);
}

/* --- call ---------------------------------------------------------------------------------- */

static char *make_request(const char *method, const char *params)
{
	g_autoptr(GString) out = g_string_new("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": ");

	append_quoted(out, method, strlen(method));
	if (*params)
		g_string_append_printf(out, ", \"params\": %s", params);
	g_string_append_c(out, '}');
	return g_strdup(out->str);
}

static int finish(const struct options *o, const char *request, const struct jv *answer,
		  enum output output)
{
	const struct jv *result = jv_member(answer, "result");
	const struct jv *failure = jv_member(answer, "error");

	if (o->verbose)
		print_text("request:", request);
	if (result) {
		if (o->verbose) {
			g_printerr("response:\n");
			print_value(answer, true);
		}
		print_result(result, output);
		return EXIT_OK;
	}
	if (!o->verbose)
		print_text("request:", request);
	g_printerr("Got JSON-RPC error response\nresponse:\n");
	print_value(failure ? failure : answer, true);
	return EXIT_FAILED;
}

/* The answer, or NULL: it has been said what went wrong. */
static struct jv_doc *answer_of(const struct options *o, const char *method, const char *params,
				enum output output)
{
	g_autofree char *request = make_request(method, params);
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = rpc_exchange(o->socket_path, request, o->timeout, &error);

	if (!doc) {
		g_printerr("weftctl: %s\n", weft_error_detail(error));
		return NULL;
	}
	if (finish(o, request, jv_root(doc), output) == EXIT_OK)
		return doc;
	jv_doc_unref(doc);
	return NULL;
}

static int call(const struct options *o, const char *method, const char *params, enum output output)
{
	struct jv_doc *doc = answer_of(o, method, params, output);

	jv_doc_unref(doc);
	return doc ? EXIT_OK : EXIT_FAILED;
}

static struct jv_doc *call_part(void *arg, const char *method, const char *params)
{
	return answer_of(arg, method, params, OUT_NONE);
}

static bool is_saved(const struct command *c)
{
	return c && c->method && (c == &saved_commands[0] || c == &saved_commands[1]);
}

static int call_saved(struct options *o, const struct command *c, const char *params)
{
	return saved_run(c, params, call_part, o) ? EXIT_OK : EXIT_FAILED;
}

/* METHOD '{...}': also for methods that the table does not have. */
static int call_raw(const struct options *o, const char *method, const char *params)
{
	const struct command *c = command_find(method);
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = jv_parse(params, strlen(params), 0, &error);

	if (!doc)
		return usage("params: ", weft_error_detail(error));
	jv_doc_unref(doc);
	return call(o, method, params, c ? c->output : OUT_JSON);
}

static int run(struct options *o, char **argv)
{
	const char *method = *argv++;
	const struct command *c = command_find(method);
	g_autoptr(GError) error = NULL;
	g_autofree char *params = NULL;
	bool help = false;

	if (argv[0] && argv[0][0] == '{' && !argv[1])
		return call_raw(o, method, argv[0]);
	if (!c && !argv[0]) /* the server knows its methods */
		return call(o, method, "", OUT_JSON);
	if (!c)
		return usage("give params as '{...}' to the unknown method ", method);
	params = command_parse(c, argv, &help, &error);
	if (help) {
		help_command(c);
		return EXIT_OK;
	}
	if (!params) {
		g_printerr("weftctl %s: %s\nweftctl %s --help shows its arguments\n", method,
			   error->message, method);
		return EXIT_USAGE;
	}
	return is_saved(c) ? call_saved(o, c, params) : call(o, method, params, c->output);
}

/* --- options of weftctl itself ------------------------------------------------------------------
 */

static bool parse_timeout(struct options *o, const char *text)
{
	char *end;

	o->timeout = g_ascii_strtod(text, &end);
	return end != text && !*end && isfinite(o->timeout) && o->timeout > 0 && o->timeout < 1e9;
}

int main(int argc, char **argv)
{
	const char *env = g_getenv("WEFT_SOCK");
	struct options o = { .socket_path = env && *env ? env : DEFAULT_SOCKET, .timeout = 60 };

	(void)argc;
	for (argv++; *argv && **argv == '-'; argv++) {
		const char *s = *argv;

		if (strcmp(s, "-h") == 0 || strcmp(s, "--help") == 0) {
			help_all();
			return EXIT_OK;
		}
		if (strcmp(s, "--version") == 0) {
			g_print("weftctl %s\n", WEFT_VERSION);
			return EXIT_OK;
		}
		if (strcmp(s, "-v") == 0) {
			o.verbose = true;
			continue;
		}
		if (strcmp(s, "-s") != 0 && strcmp(s, "-t") != 0)
			return usage("there is no option ", s);
		if (!*++argv)
			return usage("a value is missing after ", s);
		if (s[1] == 's')
			o.socket_path = *argv;
		else if (!parse_timeout(&o, *argv))
			return usage("-t takes seconds, not ", *argv);
	}
	if (!*argv) {
		help_all();
		return EXIT_USAGE;
	}
	return run(&o, argv);
}
