/* SPDX-License-Identifier: BSD-3-Clause */
/* save_config and save_subsystem_config: several calls each, printed as rpc.py prints them. */
#include <string.h>

#include "tools/weftctl/weftctl.h"

static int indent_of(const struct jv *params)
{
	const struct jv *v = params ? jv_member(params, "indent") : NULL;
	bool negative;
	guint64 n;

	if (!v || jv_integer(v, &negative, &n) != JV_INT_OK)
		return 2;
	return negative ? -1 : (int)MIN(n, 16);
}

/* Appends {"subsystem": name, "config": what weftd says}. */
static bool append_part(struct ctl *ctl, GString *out, const struct jv *name)
{
	g_autoptr(GString) params = g_string_new("{\"name\": ");
	const struct jv *config;
	struct jv_doc *doc;

	append_quoted(params, name->str, name->len);
	g_string_append_c(params, '}');
	doc = ctl_call_part(ctl, "framework_get_config", params->str);
	if (!doc)
		return false;
	config = ctl_result(doc);
	g_string_append(out, "{\"subsystem\":");
	append_quoted(out, name->str, name->len);
	g_string_append(out, ",\"config\":");
	g_string_append_len(out, config->raw, (gssize)config->raw_len);
	g_string_append_c(out, '}');
	jv_doc_unref(doc);
	return true;
}

bool refuse_dry_run(const struct ctl *ctl, const char *what)
{
	if (ctl->dry_run)
		g_printerr("weftctl: %s makes several calls, one on the result of another; there "
			   "is no --dry-run of it\n",
			   what);
	return ctl->dry_run;
}

/* --- which parts --------------------------------------------------------------------------------
 */

static bool lists(const struct jv *list, const char *key, const char *name)
{
	for (const struct jv *v = list ? list->first : NULL; v; v = v->next) {
		const struct jv *text = key ? jv_member(v, key) : v;

		if (text && text->type == JV_STRING && strcmp(text->str, name) == 0)
			return true;
	}
	return false;
}

/* Adds name and what it depends on. */
static void want(GHashTable *wanted, const struct jv *parts, const char *name)
{
	if (!g_hash_table_add(wanted, (gpointer)name))
		return;
	for (const struct jv *part = parts->first; part; part = part->next) {
		const struct jv *this = jv_member(part, "subsystem");
		const struct jv *needs = jv_member(part, "depends_on");

		if (!this || this->type != JV_STRING || strcmp(this->str, name) != 0 || !needs)
			continue;
		for (const struct jv *v = needs->first; v; v = v->next)
			if (v->type == JV_STRING)
				want(wanted, parts, v->str);
	}
}

/* The parts asked for; NULL: one of them is not there. */
static GHashTable *wanted_parts(const struct jv *parts, const struct jv *asked)
{
	GHashTable *wanted = g_hash_table_new(g_str_hash, g_str_equal);

	for (const struct jv *v = asked ? asked->first : parts->first; v; v = v->next) {
		const struct jv *name = asked ? v : jv_member(v, "subsystem");

		if (!name || name->type != JV_STRING)
			continue;
		if (!lists(parts, "subsystem", name->str)) {
			g_printerr("weftctl: there is no part \"%s\"; framework_get_subsystems "
				   "lists them\n",
				   name->str);
			g_hash_table_unref(wanted);
			return NULL;
		}
		want(wanted, parts, name->str);
	}
	return wanted;
}

static bool append_parts(struct ctl *ctl, GString *out, const struct jv *parts,
			 const struct jv *asked)
{
	g_autoptr(GHashTable) wanted = wanted_parts(parts, asked);
	bool first = true;

	for (const struct jv *v = parts->first; wanted && v; v = v->next) {
		const struct jv *name = jv_member(v, "subsystem");

		if (!name || name->type != JV_STRING || !g_hash_table_contains(wanted, name->str))
			continue;
		if (!first)
			g_string_append_c(out, ',');
		first = false;
		if (!append_part(ctl, out, name))
			return false;
	}
	return wanted != NULL;
}

int save_config(struct ctl *ctl, const struct jv *params)
{
	const struct jv *asked = params ? jv_member(params, "subsystems") : NULL;
	g_autoptr(GString) all = g_string_new("{\"subsystems\":[");
	struct jv_doc *doc;
	bool ok;

	if (refuse_dry_run(ctl, "save_config"))
		return EXIT_USAGE;
	doc = ctl_call_part(ctl, "framework_get_subsystems", "");
	if (!doc)
		return EXIT_FAILED;
	ok = append_parts(ctl, all, ctl_result(doc), asked);
	jv_doc_unref(doc);
	if (!ok)
		return EXIT_FAILED;
	g_string_append(all, "]}");
	print_indented(all->str, indent_of(params));
	return EXIT_OK;
}

int save_subsystem_config(struct ctl *ctl, const struct jv *params)
{
	g_autoptr(GString) part = g_string_new(NULL);

	if (refuse_dry_run(ctl, "save_subsystem_config"))
		return EXIT_USAGE;
	if (!append_part(ctl, part, jv_member(params, "name")))
		return EXIT_FAILED;
	print_indented(part->str, indent_of(params));
	return EXIT_OK;
}
