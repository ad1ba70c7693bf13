/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of calls that a configuration is, and which of the forms a file has.
 * The forms themselves are saved.c, ini.c and nvmetcli.c.
 */
#include "target/config/config.h"

#include <errno.h>
#include <string.h>

bool config_bad(const struct config *config, GError **error, unsigned line, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	if (line)
		return weft_error_set(error, -EINVAL, NULL, "%s: line %u: %s", config->name, line,
				      text);
	return weft_error_set(error, -EINVAL, NULL, "%s: %s", config->name, text);
}

void config_note(struct config *config, unsigned line, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	if (config->notes->len == CONFIG_MAX_NOTES)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(config->notes,
			line ? g_strdup_printf("line %u: %s", line, text) : g_steal_pointer(&text));
}

/* --- entries ----------------------------------------------------------------------------- */

static struct config_entry *append(struct config *config, const char *part, const char *method)
{
	struct config_entry e = {
		.part = g_string_chunk_insert_const(config->strings, part),
		.method = g_string_chunk_insert_const(config->strings, method),
	};

	g_array_append_val(config->entries, e);
	return &g_array_index(config->entries, struct config_entry, config->entries->len - 1);
}

void config_add(struct config *config, const char *part, unsigned line, const char *method,
		const char *params)
{
	struct config_entry *e = append(config, part, method);

	e->line = line;
	if (!params || !*params)
		return;
	e->doc = jv_parse(params, strlen(params), 0, NULL);
	g_assert(e->doc);
	e->params = jv_root(e->doc);
	g_ptr_array_add(config->docs, e->doc);
}

void config_add_jv(struct config *config, const char *part, unsigned number, const char *method,
		   const struct jv *params, struct jv_doc *doc)
{
	struct config_entry *e = append(config, part, method);
	GPtrArray *docs = config->docs;

	e->number = number;
	e->params = params;
	e->doc = doc;
	/* Most come from one document: one reference of it is enough. */
	if (docs->len == 0 || docs->pdata[docs->len - 1] != doc)
		g_ptr_array_add(docs, jv_doc_ref(doc));
}

/* --- forms ------------------------------------------------------------------------------- */

/* What only a file of nvmetcli has. */
static bool is_nvmetcli(const struct jv *root)
{
	const struct jv *subsystems = jv_member(root, "subsystems");

	if (jv_member(root, "ports") || jv_member(root, "hosts"))
		return true;
	return subsystems && subsystems->type == JV_ARRAY && subsystems->first &&
	       !jv_member(subsystems->first, "subsystem") && jv_member(subsystems->first, "nqn");
}

static bool parse_json(struct config *config, const char *text, size_t len, GError **error)
{
	g_autoptr(GError) cause = NULL;
	struct jv_doc *doc = jv_parse(text, len, 0, &cause);
	bool ok;

	if (!doc)
		return config_bad(config, error, 0, "not JSON: %s", weft_error_detail(cause));
	if (is_nvmetcli(jv_root(doc)))
		ok = config_parse_nvmetcli(config, doc, error);
	else
		ok = config_parse_saved(config, doc, error);
	jv_doc_unref(doc);
	return ok;
}

static bool parse(struct config *config, const char *text, size_t len, GError **error)
{
	size_t at = 0;

	if (len > CONFIG_MAX_BYTES)
		return config_bad(config, error, 0, "has %zu bytes; a configuration has at most %u",
				  len, CONFIG_MAX_BYTES);
	while (at < len && g_ascii_isspace(text[at]))
		at++;
	if (at == len)
		return config_bad(config, error, 0,
				  "is empty; {\"subsystems\": []} is a configuration of nothing");
	if (text[at] == '{')
		return parse_json(config, text, len, error);
	return config_parse_ini(config, text, len, error);
}

struct config *config_parse(const char *name, const char *text, size_t len, GError **error)
{
	struct config *config = g_new0(struct config, 1);

	config->name = g_strdup(name);
	config->entries = g_array_new(FALSE, FALSE, sizeof(struct config_entry));
	config->docs = g_ptr_array_new_with_free_func((GDestroyNotify)jv_doc_unref);
	config->strings = g_string_chunk_new(4096);
	config->notes = g_ptr_array_new_with_free_func(g_free);
	if (parse(config, text, len, error))
		return config;
	config_free(config);
	return NULL;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	g_array_unref(config->entries);
	g_ptr_array_unref(config->docs);
	g_string_chunk_free(config->strings);
	g_ptr_array_unref(config->notes);
	g_free(config->name);
	g_free(config);
}
