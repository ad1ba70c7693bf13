/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * save_config and load_config: not methods of weftd but several calls each, as
 * rpc.py has them. The format is that of weftd -c. Loading stops at the first
 * call that fails; what was done until then stays.
 */
#include <string.h>

#include "target/core/error.h"
#include "tools/weftctl/weftctl.h"

const struct command saved_commands[] = {
	{ "save_config", "Print the configuration, as load_config and weftd -c read it", OUT_JSON,
	  NULL },
	{ "load_config", "Call the methods of a saved configuration", OUT_NONE,
	  (const struct arg[]){ { .letter = 'j',
				  .name = "json-config",
				  .key = "file",
				  .type = ARG_STR,
				  .help = "the file (standard input)" },
				{ .name = NULL } } },
	{ 0 },
};

/* --- save ------------------------------------------------------------------------------ */

static bool append_part(GString *out, const struct jv *name, saved_call *call, void *arg)
{
	g_autoptr(GString) params = g_string_new("{\"name\": ");
	const struct jv *config;
	struct jv_doc *doc;

	append_quoted(params, name->str, name->len);
	g_string_append_c(params, '}');
	doc = call(arg, "framework_get_config", params->str);
	if (!doc)
		return false;
	config = jv_member(jv_root(doc), "result");
	if (out->str[out->len - 1] != '[')
		g_string_append_c(out, ',');
	g_string_append(out, "{\"subsystem\":");
	append_quoted(out, name->str, name->len);
	g_string_append(out, ",\"config\":");
	g_string_append_len(out, config->raw, (gssize)config->raw_len);
	g_string_append_c(out, '}');
	jv_doc_unref(doc);
	return true;
}

static bool save(saved_call *call, void *arg)
{
	g_autoptr(GString) all = g_string_new("{\"subsystems\":[");
	g_autoptr(GString) text = g_string_new(NULL);
	struct jv_doc *doc = call(arg, "framework_get_subsystems", "");
	const struct jv *parts;
	bool ok = doc != NULL;

	if (!ok)
		return false;
	parts = jv_member(jv_root(doc), "result");
	for (const struct jv *v = parts->first; v && ok; v = v->next) {
		const struct jv *name = jv_member(v, "subsystem");

		if (name && name->type == JV_STRING)
			ok = append_part(all, name, call, arg);
	}
	jv_doc_unref(doc);
	if (!ok)
		return false;
	g_string_append(all, "]}");
	doc = jv_parse(all->str, all->len, 0, NULL);
	print_json(text, jv_root(doc), 0);
	jv_doc_unref(doc);
	g_print("%s\n", text->str);
	return true;
}

/* --- load ------------------------------------------------------------------------------ */

static bool load_entry(const struct jv *entry, saved_call *call, void *arg)
{
	const struct jv *method = jv_member(entry, "method");
	const struct jv *params = jv_member(entry, "params");
	g_autofree char *text = NULL;
	struct jv_doc *doc;

	if (!method || method->type != JV_STRING) {
		g_printerr("weftctl load_config: an entry without a method\n");
		return false;
	}
	text = params && params->type != JV_NULL ? g_strndup(params->raw, params->raw_len)
						 : g_strdup("");
	doc = call(arg, method->str, text);
	jv_doc_unref(doc);
	return doc != NULL;
}

static bool load_all(const struct jv *root, saved_call *call, void *arg)
{
	const struct jv *parts = jv_member(root, "subsystems");

	if (!parts || parts->type != JV_ARRAY) {
		g_printerr("weftctl load_config: {\"subsystems\": [...]} expected, as save_config "
			   "prints it\n");
		return false;
	}
	for (const struct jv *part = parts->first; part; part = part->next) {
		const struct jv *config = jv_member(part, "config");

		for (const struct jv *v = config ? config->first : NULL; v; v = v->next)
			if (!load_entry(v, call, arg))
				return false;
	}
	return true;
}

static char *read_input(size_t *len, GError **error)
{
	g_autoptr(GIOChannel) in = g_io_channel_unix_new(0);
	char *text = NULL;

	g_io_channel_set_encoding(in, NULL, NULL);
	return g_io_channel_read_to_end(in, &text, len, error) == G_IO_STATUS_NORMAL ? text : NULL;
}

static bool load(const struct jv *file, saved_call *call, void *arg)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct jv_doc *doc;
	size_t len;
	bool ok;

	if (!file)
		text = read_input(&len, &error);
	else if (!g_file_get_contents(file->str, &text, &len, &error))
		text = NULL;
	if (!text) {
		g_printerr("weftctl load_config: %s\n", error->message);
		return false;
	}
	doc = jv_parse(text, len, 0, &error);
	if (!doc) {
		g_printerr("weftctl load_config: not JSON: %s\n", weft_error_detail(error));
		return false;
	}
	ok = load_all(jv_root(doc), call, arg);
	jv_doc_unref(doc);
	return ok;
}

bool saved_run(const struct command *c, const char *params, saved_call *call, void *arg)
{
	struct jv_doc *doc;
	bool ok;

	if (c == saved_commands)
		return save(call, arg);
	if (!*params)
		return load(NULL, call, arg);
	doc = jv_parse(params, strlen(params), 0, NULL);
	ok = load(jv_member(jv_root(doc), "file"), call, arg);
	jv_doc_unref(doc);
	return ok;
}
