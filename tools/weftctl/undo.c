/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a load has done, and taking it back: a table has the method that undoes each
 * one that makes something. What only sets something is gone with the thing if that
 * was made by the same load; otherwise it stays, and is named.
 */
#include "tools/weftctl/undo.h"

#include <string.h>

#include "target/rpc/alias.h"

#define MAX_KEYS 4

struct inverse {
	const char *method, *undo;
	const char *keys[MAX_KEYS]; /* of the params: needed for undo */
	const char *result;	    /* key that the result is, for undo */
	const char *made;	    /* key of the params that names what was made; "": the result */
};

#define INVERSE_BDEV(kind_)                                                                        \
	{                                                                                          \
		"bdev_" kind_ "_create", "bdev_" kind_ "_delete", { NULL }, "name", ""             \
	}

static const struct inverse inverses[] = {
	INVERSE_BDEV("malloc"),
	INVERSE_BDEV("null"),
	INVERSE_BDEV("aio"),
	INVERSE_BDEV("uring"),
	INVERSE_BDEV("passthru"),
	INVERSE_BDEV("delay"),
	INVERSE_BDEV("error"),
	{ "nvmf_create_target", "nvmf_delete_target", { NULL }, "name", "" },
	{ "nvmf_create_subsystem", "nvmf_delete_subsystem", { "nqn", "tgt_name" }, NULL, "nqn" },
	{ "construct_nvmf_subsystem", "nvmf_delete_subsystem", { "nqn" }, NULL, "nqn" },
	{ "nvmf_subsystem_add_listener",
	  "nvmf_subsystem_remove_listener",
	  { "nqn", "listen_address", "tgt_name" },
	  NULL,
	  NULL },
	{ "nvmf_subsystem_add_host",
	  "nvmf_subsystem_remove_host",
	  { "nqn", "host", "tgt_name" },
	  NULL,
	  NULL },
	{ "nvmf_subsystem_add_ns",
	  "nvmf_subsystem_remove_ns",
	  { "nqn", "tgt_name" },
	  "nsid",
	  NULL },
	{ "nvmf_ns_add_host",
	  "nvmf_ns_remove_host",
	  { "nqn", "nsid", "host", "tgt_name" },
	  NULL,
	  NULL },
	{ "metrics_start", "metrics_stop", { NULL }, NULL, NULL },
	{ "nvmf_discovery_add_referral",
	  "nvmf_discovery_remove_referral",
	  { "address", "subnqn", "tgt_name" },
	  NULL,
	  NULL },
};

struct undo_step {
	const struct config_entry *entry;
	struct jv_doc *response;
	const struct inverse *inverse; /* NULL: there is none */
};

struct undo {
	GArray *steps;
	GHashTable *made; /* names of what was made */
};

static void clear_step(gpointer step)
{
	jv_doc_unref(((struct undo_step *)step)->response);
}

struct undo *undo_new(void)
{
	struct undo *undo = g_new0(struct undo, 1);

	undo->steps = g_array_new(FALSE, FALSE, sizeof(struct undo_step));
	g_array_set_clear_func(undo->steps, clear_step);
	undo->made = g_hash_table_new(g_str_hash, g_str_equal);
	return undo;
}

void undo_free(struct undo *undo)
{
	g_hash_table_unref(undo->made);
	g_array_unref(undo->steps);
	g_free(undo);
}

static const struct inverse *find_inverse(const char *method)
{
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++)
		if (strcmp(alias->name, method) == 0)
			method = alias->now;
	for (unsigned i = 0; i < G_N_ELEMENTS(inverses); i++)
		if (strcmp(inverses[i].method, method) == 0)
			return &inverses[i];
	return NULL;
}

const char *undo_method(const char *method)
{
	const struct inverse *inverse = find_inverse(method);

	return inverse ? inverse->undo : NULL;
}

void undo_add(struct undo *undo, const struct config_entry *entry, struct jv_doc *response)
{
	struct undo_step step = { .entry = entry, .response = response };
	const struct jv *name = NULL;

	step.inverse = find_inverse(entry->method);
	if (step.inverse && step.inverse->made)
		name = *step.inverse->made ? jv_member(entry->params, step.inverse->made)
					   : ctl_result(response);
	if (name && name->type == JV_STRING)
		g_hash_table_add(undo->made, (gpointer)name->str);
	g_array_append_val(undo->steps, step);
}

static void append_key(GString *out, const char *key, const struct jv *value)
{
	if (!value)
		return;
	if (out->len > 1)
		g_string_append(out, ", ");
	append_quoted(out, key, strlen(key));
	g_string_append_printf(out, ": %.*s", (int)value->raw_len, value->raw);
}

static bool take_back(const struct undo_step *step, struct ctl *ctl)
{
	const struct inverse *inverse = step->inverse;
	g_autoptr(GString) params = g_string_new("{");
	struct jv_doc *response;

	for (unsigned i = 0; i < MAX_KEYS && inverse->keys[i]; i++)
		append_key(params, inverse->keys[i],
			   jv_member(step->entry->params, inverse->keys[i]));
	if (inverse->result)
		append_key(params, inverse->result, ctl_result(step->response));
	g_string_append_c(params, '}');
	response = ctl_call_part(ctl, inverse->undo, params->len > 2 ? params->str : "");
	jv_doc_unref(response);
	return response != NULL;
}

/* It is about something that goes, too. */
static bool goes_along(const struct undo *undo, const struct undo_step *step)
{
	static const char *const keys[] = { "nqn", "name", "delay_bdev_name" };

	for (unsigned i = 0; step->entry->params && i < G_N_ELEMENTS(keys); i++) {
		const struct jv *v = jv_member(step->entry->params, keys[i]);

		if (v && v->type == JV_STRING && g_hash_table_contains(undo->made, v->str))
			return true;
	}
	return false;
}

void undo_run(struct undo *undo, struct ctl *ctl)
{
	g_autoptr(GString) stays = g_string_new(NULL);

	for (guint i = undo->steps->len; i-- > 0;) {
		const struct undo_step *step = &g_array_index(undo->steps, struct undo_step, i);
		bool gone = step->inverse ? take_back(step, ctl) : goes_along(undo, step);

		if (!gone)
			g_string_append_printf(stays, "%s%s", stays->len ? ", " : "",
					       step->entry->method);
	}
	if (undo->steps->len == 0)
		g_printerr("weftctl: nothing was changed\n");
	else if (stays->len == 0)
		g_printerr("weftctl: what the file had made until then was removed again\n");
	else
		g_printerr("weftctl: what the file had made until then was removed again, but for "
			   "what has no way back: %s\n",
			   stays->str);
}
