/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loader. First the whole file is turned into a flat list of entries, with
 * everything that is wrong with its form found; then they run in order.
 */
#include "target/rpc/config.h"

#include <errno.h>
#include <string.h>

#include "target/rpc/server.h"

struct entry {
	const char *subsystem;
	unsigned number; /* in its subsystem, from 1 */
	const char *method;
	const struct jv *params; /* NULL: none */
};

struct loader {
	struct rpc_server *server;
	char *name;
	struct jv_doc *doc;
	GArray *entries; /* struct entry */
	guint next;
	GError *error;
	struct task task; /* the end, when nothing has run */
	void (*done)(void *arg, const GError *error);
	void *arg;
};

/* --- form --------------------------------------------------------------------------------- */

static bool bad(GError **error, const struct loader *l, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static bool bad(GError **error, const struct loader *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	return weft_error_set(error, -EINVAL, NULL, "%s: %s", l->name, text);
}

static const char *text_of(const struct jv *object, const char *key)
{
	const struct jv *v = jv_member(object, key);

	return v && v->type == JV_STRING && v->len == strlen(v->str) ? v->str : NULL;
}

static bool add_entry(struct loader *l, const char *subsystem, unsigned *number, const struct jv *v,
		      GError **error)
{
	struct entry e = { .subsystem = subsystem };

	if (v->type == JV_ARRAY) { /* a batch: the same as its elements */
		for (v = v->first; v; v = v->next)
			if (!add_entry(l, subsystem, number, v, error))
				return false;
		return true;
	}
	e.number = ++*number;
	e.method = text_of(v, "method");
	e.params = jv_member(v, "params");
	if (!e.method)
		return bad(error, l,
			   "subsystem \"%s\", entry %u: {\"method\": \"...\", \"params\": {...}} "
			   "expected",
			   subsystem, e.number);
	if (!rpc_method_find(e.method))
		return bad(error, l, "subsystem \"%s\", entry %u: weft has no method \"%s\"",
			   subsystem, e.number, e.method);
	g_array_append_val(l->entries, e);
	return true;
}

static bool add_subsystem(struct loader *l, const struct jv *v, unsigned index, GError **error)
{
	const char *name = text_of(v, "subsystem");
	const struct jv *config = jv_member(v, "config");
	unsigned number = 0;

	if (!name)
		return bad(error, l,
			   "element %u of \"subsystems\" has no name: {\"subsystem\": \"...\", "
			   "\"config\": [...]} expected",
			   index);
	if (!config || config->type == JV_NULL)
		return true;
	if (config->type != JV_ARRAY)
		return bad(error, l, "subsystem \"%s\": \"config\" must be an array or null", name);
	for (v = config->first; v; v = v->next)
		if (!add_entry(l, name, &number, v, error))
			return false;
	return true;
}

static bool prepare(struct loader *l, const char *text, size_t len, GError **error)
{
	g_autoptr(GError) parse_error = NULL;
	const struct jv *subsystems;
	unsigned index = 0;

	l->doc = jv_parse(text, len, 0, &parse_error);
	if (!l->doc)
		return bad(error, l, "not JSON: %s", weft_error_detail(parse_error));
	subsystems = jv_member(jv_root(l->doc), "subsystems");
	if (!subsystems || subsystems->type != JV_ARRAY)
		return bad(error, l, "{\"subsystems\": [...]} expected, as save_config writes it");
	for (const struct jv *v = subsystems->first; v; v = v->next)
		if (!add_subsystem(l, v, ++index, error))
			return false;
	return true;
}

/* --- run ------------------------------------------------------------------------------------ */

static void finish(struct loader *l)
{
	if (!l->error)
		rpc_server_loaded(l->server);
	l->done(l->arg, l->error);
	g_clear_error(&l->error);
	g_array_unref(l->entries);
	jv_doc_unref(l->doc);
	g_free(l->name);
	g_free(l);
}

static void run_next(struct loader *l);

static void entry_done(struct rpc_request *req, JsonNode *result, const GError *error)
{
	struct loader *l = req->owner;

	(void)result;
	if (error) {
		const struct entry *e = &g_array_index(l->entries, struct entry, l->next - 1);
		g_autofree char *message = weft_error_message(error);
		const char *detail = weft_error_detail(error);

		weft_error_set(&l->error, error->code, message,
			       "%s: subsystem \"%s\", entry %u (%s): %s%s%s", l->name, e->subsystem,
			       e->number, e->method, message, detail ? ": " : "",
			       detail ? detail : "");
		finish(l);
		return;
	}
	run_next(l);
}

static void run_next(struct loader *l)
{
	const struct entry *e;

	if (l->next == l->entries->len) {
		finish(l);
		return;
	}
	e = &g_array_index(l->entries, struct entry, l->next++);
	rpc_call(l->server, l->doc, e->method, e->params, entry_done, l);
}

static void begin(struct task *task)
{
	struct loader *l = (struct loader *)((char *)task - offsetof(struct loader, task));

	if (l->error)
		finish(l);
	else
		run_next(l);
}

void rpc_load_config(struct rpc_server *server, const char *name, const char *text, size_t len,
		     void (*done)(void *arg, const GError *error), void *arg)
{
	struct loader *l = g_new0(struct loader, 1);

	l->server = server;
	l->name = g_strdup(name);
	l->entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	l->task.fn = begin;
	l->done = done;
	l->arg = arg;
	server->loading = true;
	prepare(l, text, len, &l->error);
	reactor_run_soon(server->reactor, &l->task);
}
