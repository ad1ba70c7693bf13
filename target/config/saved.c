/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What save_config writes, SPDK's and weft's:
 *
 *   {"subsystems": [{"subsystem": "bdev", "config": [{"method", "params"}, ...] | null}]}
 *
 * An entry may be an array of entries (a batch); it is the same as its elements.
 */
#include "target/config/config.h"

#include <string.h>

struct reader {
	struct config *config;
	struct jv_doc *doc;
	const char *part;
	unsigned number; /* of the entry in its part */
	/* Lines are counted along: entries come in the order of the text. */
	const char *at;
	unsigned line;
	GError **error;
};

static unsigned line_of(struct reader *r, const struct jv *v)
{
	for (; r->at < v->raw; r->at++)
		if (*r->at == '\n')
			r->line++;
	return r->line;
}

static const char *text_of(const struct jv *object, const char *key)
{
	const struct jv *v = jv_member(object, key);

	return v && v->type == JV_STRING && v->len == strlen(v->str) ? v->str : NULL;
}

static bool add_entry(struct reader *r, const struct jv *v)
{
	const struct jv *params = jv_member(v, "params");
	const char *method = text_of(v, "method");
	unsigned line = line_of(r, v);
	GArray *entries = r->config->entries;

	if (v->type == JV_ARRAY) {
		for (v = v->first; v; v = v->next)
			if (!add_entry(r, v))
				return false;
		return true;
	}
	r->number++;
	if (!method)
		return config_bad(r->config, r->error, line,
				  "subsystem \"%s\", entry %u: {\"method\": \"...\", \"params\": "
				  "{...}} expected",
				  r->part, r->number);
	config_add_jv(r->config, r->part, r->number, method, params, r->doc);
	g_array_index(entries, struct config_entry, entries->len - 1).line = line;
	return true;
}

static bool add_subsystem(struct reader *r, const struct jv *v, unsigned index)
{
	const struct jv *config = jv_member(v, "config");
	unsigned line = line_of(r, v);

	r->part = text_of(v, "subsystem");
	r->number = 0;
	if (!r->part)
		return config_bad(r->config, r->error, line,
				  "element %u of \"subsystems\" has no name: {\"subsystem\": "
				  "\"...\", \"config\": [...]} expected",
				  index);
	if (!config || config->type == JV_NULL)
		return true;
	if (config->type != JV_ARRAY)
		return config_bad(r->config, r->error, line_of(r, config),
				  "subsystem \"%s\": \"config\" must be an array or null", r->part);
	for (v = config->first; v; v = v->next)
		if (!add_entry(r, v))
			return false;
	return true;
}

bool config_parse_saved(struct config *config, struct jv_doc *doc, GError **error)
{
	const struct jv *subsystems = jv_member(jv_root(doc), "subsystems");
	struct reader r = {
		.config = config, .doc = doc, .at = jv_text(doc), .line = 1, .error = error
	};
	unsigned index = 0;

	if (!subsystems || subsystems->type != JV_ARRAY)
		return config_bad(config, error, 0,
				  "{\"subsystems\": [...]} expected, as save_config writes it");
	for (const struct jv *v = subsystems->first; v; v = v->next)
		if (!add_subsystem(&r, v, ++index))
			return false;
	return true;
}
