/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load_config and load_subsystem_config: all or nothing. The file (any form that
 * weftd -c reads) is checked as a whole before the first call; when a call fails
 * all the same, what those before it made is taken back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "target/config/config.h"
#include "target/core/error.h"
#include "tools/weftctl/undo.h"

#define MAX_UNDER_WAY 32

struct load {
	struct ctl *ctl;
	struct config *config;
	enum { PENDING, DONE, LEFT_OUT } * state; /* by entry */
	struct undo *undo;
};

static struct config_entry *entry_at(const struct load *l, guint i)
{
	return &g_array_index(l->config->entries, struct config_entry, i);
}

/* --- reading ------------------------------------------------------------------------------------
 */

static char *read_stdin(size_t *len, GError **error)
{
	g_autoptr(GByteArray) all = g_byte_array_new();
	guint8 buf[65536];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0 && all->len <= CONFIG_MAX_BYTES)
		g_byte_array_append(all, buf, (guint)n);
	if (ferror(stdin)) {
		weft_error_set(error, -errno, NULL, "standard input: %s", g_strerror(errno));
		return NULL;
	}
	*len = all->len;
	g_byte_array_append(all, (const guint8 *)"", 1);
	return (char *)g_byte_array_free(g_steal_pointer(&all), FALSE);
}

/* part: the text is one element of what a file has. */
static struct config *read_config(const struct ctl *ctl, const struct jv *file, bool part,
				  GError **error)
{
	g_autofree char *text = NULL, *whole = NULL;
	const char *name = file ? file->str : "standard input";
	size_t len = 0;

	if (!file && ctl->stdin_is_batch) {
		weft_error_set(error, -EINVAL, NULL,
			       "standard input has the commands; name the file with -j");
		return NULL;
	}
	if (!file)
		text = read_stdin(&len, error);
	else if (!g_file_get_contents(file->str, &text, &len, error))
		text = NULL;
	if (!text)
		return NULL;
	if (!part)
		return config_parse(name, text, len, error);
	whole = g_strdup_printf("{\"subsystems\": [%.*s]}", (int)MIN(len, CONFIG_MAX_BYTES), text);
	return config_parse(name, whole, strlen(whole), error);
}

/* --- which methods there are ---------------------------------------------------------------------
 */

static struct jv_doc *methods(struct ctl *ctl, bool current)
{
	return ctl_call_part(ctl, "rpc_get_methods",
			     current ? "{\"current\": true, \"include_aliases\": true}"
				     : "{\"include_aliases\": true}");
}

static bool has(const struct jv_doc *list, const char *method)
{
	for (const struct jv *v = ctl_result(list)->first; v; v = v->next)
		if (v->type == JV_STRING && strcmp(v->str, method) == 0)
			return true;
	return false;
}

static GString *place(const struct config *config, const struct config_entry *e)
{
	GString *s = g_string_new(config->name);

	if (e->line)
		g_string_append_printf(s, ": line %u", e->line);
	return s;
}

static char *entry_text(const struct config *config, const struct config_entry *e)
{
	g_autoptr(GString) s = place(config, e);

	g_string_append_printf(s, ": %s", e->part);
	if (e->number)
		g_string_append_printf(s, ", entry %u", e->number);
	g_string_append_printf(s, " (%s)", e->method);
	return g_strdup(s->str);
}

/* Says which methods of the file the target does not have; false if there are any. */
static bool all_known(const struct load *l, const struct jv_doc *list)
{
	bool ok = true;

	for (guint i = 0; i < l->config->entries->len; i++) {
		const struct config_entry *e = entry_at(l, i);

		if (has(list, e->method))
			continue;
		g_autofree char *what = entry_text(l->config, e);
		const char *near = command_nearest(e->method);

		g_printerr("weftctl: %s: the target has no such method%s%s%s\n", what,
			   near ? ". Did you mean " : "", near ? near : "", near ? "?" : "");
		ok = false;
	}
	return ok;
}

/* --- checking -------------------------------------------------------------------------------- */

/* Sends one call to be looked at; 0 and error. */
static unsigned send_check(const struct load *l, const struct config_entry *e, GError **error)
{
	g_autoptr(GString) params = g_string_new("{\"config\": {\"subsystems\": [{\"subsystem\": ");

	append_quoted(params, e->part, strlen(e->part));
	g_string_append(params, ", \"config\": [{\"method\": ");
	append_quoted(params, e->method, strlen(e->method));
	if (e->params)
		g_string_append_printf(params, ", \"params\": %.*s", (int)e->params->raw_len,
				       e->params->raw);
	g_string_append(params, "}]}]}}");
	return ctl_send(l->ctl, "config_check", params->str, error);
}

static void say_problem(const struct load *l, const struct config_entry *e,
			const struct jv *failure)
{
	const struct jv *data = jv_member(failure, "data");
	const struct jv *message = jv_member(failure, "message");
	g_autofree char *what = entry_text(l->config, e);
	g_autofree char *after = g_strdup_printf("(%s): ", e->method);
	const char *text = data && data->type == JV_STRING	   ? data->str
			   : message && message->type == JV_STRING ? message->str
								   : "refused";
	const char *found = strstr(text, after); /* it says again where that is */

	g_printerr("weftctl: %s: %s\n", what, found ? found + strlen(after) : text);
}

static void say_notes(const struct load *l, const struct config_entry *e, const struct jv *notes)
{
	g_autoptr(GString) where = place(l->config, e);

	for (const struct jv *v = notes ? notes->first : NULL; v; v = v->next)
		if (v->type == JV_STRING)
			g_printerr("weftctl: %s: %s\n", where->str, v->str);
}

/* What the target says of the entry; false: it cannot be called. */
static bool judge(struct load *l, guint i, const struct jv_doc *response)
{
	const struct jv *result = ctl_result(response);
	const struct jv *failure = jv_member(jv_root(response), "error");
	const struct jv *calls = result ? jv_member(result, "calls") : NULL;

	if (!result) {
		say_problem(l, entry_at(l, i), failure ? failure : jv_root(response));
		return false;
	}
	if (calls && calls->raw_len == 1 && *calls->raw == '0')
		l->state[i] = LEFT_OUT;
	say_notes(l, entry_at(l, i), jv_member(result, "notes"));
	return true;
}

/* Entries from first on, of which n are under way. False: one cannot be called. */
static bool receive_checks(struct load *l, guint first, guint n, unsigned first_id, GError **error)
{
	bool ok = true;

	for (guint got = 0; got < n; got++) {
		struct jv_doc *response = conn_receive(l->ctl->conn, l->ctl->timeout, error);
		const struct jv *id = response ? jv_member(jv_root(response), "id") : NULL;
		bool negative;
		guint64 number = 0;

		if (!id || id->type != JV_NUMBER ||
		    jv_integer(id, &negative, &number) != JV_INT_OK || number < first_id ||
		    number - first_id >= n) {
			if (response)
				usage_error(error, "the target answered what was not asked");
			jv_doc_unref(response);
			return false;
		}
		ok = judge(l, first + (guint)(number - first_id), response) && ok;
		jv_doc_unref(response);
	}
	return ok;
}

/* Has the target look at every call; all problems are said. */
static bool checked_by_target(struct load *l)
{
	g_autoptr(GError) error = NULL;
	bool ok = true;

	for (guint i = 0; i < l->config->entries->len && !error; i += MAX_UNDER_WAY) {
		guint n = MIN(l->config->entries->len - i, MAX_UNDER_WAY);
		unsigned first_id = l->ctl->last_id + 1;

		for (guint k = 0; k < n && !error; k++)
			send_check(l, entry_at(l, i + k), &error);
		if (!error)
			ok = receive_checks(l, i, n, first_id, &error) && ok;
	}
	if (error)
		g_printerr("weftctl: %s\n", ctl_reason(error));
	return ok && !error;
}

/* False: a call of the file cannot be made; nothing has been changed. */
static bool check(struct load *l)
{
	struct jv_doc *list = methods(l->ctl, false);
	bool ok = list && (has(list, "config_check") ? checked_by_target(l) : all_known(l, list));

	jv_doc_unref(list);
	if (!ok)
		g_printerr("weftctl: nothing was changed\n");
	return ok;
}

/* --- running -------------------------------------------------------------------------------------
 */

static bool run_entry(struct load *l, guint i)
{
	const struct config_entry *e = entry_at(l, i);
	g_autofree char *params =
		e->params ? g_strndup(e->params->raw, e->params->raw_len) : g_strdup("");
	struct jv_doc *response = ctl_call_part(l->ctl, e->method, params);
	g_autofree char *what = NULL;

	if (response) {
		l->state[i] = DONE;
		undo_add(l->undo, e, response);
		return true;
	}
	what = entry_text(l->config, e);
	g_printerr("weftctl: %s failed\n", what);
	undo_run(l->undo, l->ctl);
	return false;
}

/* Runs those that may be called now, and, if that is to come, starts the target. */
static bool run_pass(struct load *l, bool *started)
{
	struct jv_doc *list = methods(l->ctl, true);
	bool ok = list != NULL;

	for (guint i = 0; ok && i < l->config->entries->len; i++) {
		const struct config_entry *e = entry_at(l, i);

		if (l->state[i] == PENDING && has(list, e->method))
			ok = run_entry(l, i);
	}
	*started = ok && has(list, "framework_start_init");
	jv_doc_unref(list);
	if (*started) {
		list = ctl_call_part(l->ctl, "framework_start_init", "");
		ok = list != NULL;
		jv_doc_unref(list);
	}
	return ok;
}

static void say_left_out(const struct load *l)
{
	for (guint i = 0; i < l->config->entries->len; i++) {
		g_autofree char *what = entry_text(l->config, entry_at(l, i));

		if (l->state[i] == PENDING)
			g_printerr("weftctl: %s is left out: it may only be called before "
				   "framework_start_init (weftd --wait-for-rpc)\n",
				   what);
	}
}

static int run(struct load *l)
{
	bool started;

	if (!check(l) || !run_pass(l, &started) || (started && !run_pass(l, &started)))
		return EXIT_FAILED;
	say_left_out(l);
	return EXIT_OK;
}

static int show_calls(const struct config *config)
{
	for (guint i = 0; i < config->entries->len; i++) {
		const struct config_entry *e =
			&g_array_index(config->entries, struct config_entry, i);
		struct command c = { .method = e->method };
		g_autofree char *params =
			e->params ? g_strndup(e->params->raw, e->params->raw_len) : g_strdup("");

		ctl_dry_run(&c, params);
	}
	return EXIT_OK;
}

static int check_only(struct load *l)
{
	return check(l) ? EXIT_OK : EXIT_FAILED;
}

/* Reads the file and does that with it. */
static int with_config(struct ctl *ctl, const struct jv *params, bool part,
		       int (*what)(struct load *l))
{
	struct load l = { .ctl = ctl };
	g_autoptr(GError) error = NULL;
	int status;

	l.config = read_config(ctl, params ? jv_member(params, "file") : NULL, part, &error);
	if (!l.config) {
		g_printerr("weftctl: %s\nweftctl: nothing was changed\n", ctl_reason(error));
		return EXIT_FAILED;
	}
	for (guint i = 0; i < l.config->notes->len; i++)
		g_printerr("weftctl: %s: %s\n", l.config->name, (char *)l.config->notes->pdata[i]);
	l.state = g_malloc0_n(l.config->entries->len + 1, sizeof(*l.state));
	l.undo = undo_new();
	status = ctl->dry_run ? show_calls(l.config) : what(&l);
	undo_free(l.undo);
	g_free(l.state);
	config_free(l.config);
	return status;
}

int load_config(struct ctl *ctl, const struct jv *params)
{
	return with_config(ctl, params, false, run);
}

int load_subsystem_config(struct ctl *ctl, const struct jv *params)
{
	return with_config(ctl, params, true, run);
}

int check_config(struct ctl *ctl, const struct jv *params)
{
	return with_config(ctl, params, false, check_only);
}
