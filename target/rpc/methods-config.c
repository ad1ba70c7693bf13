/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What weft adds around saved configurations: looking at one without running it,
 * and how the file stands that is kept in step with what there is.
 */
#include "target/config/load.h"
#include "target/rpc/methods.h"

#define MAX_SUBSYSTEMS 4096

/* --- config_check -------------------------------------------------------------------- */

struct check {
	const struct jv *subsystems;
};

static const struct rpc_param config_params[] = {
	RPC_PARAM("subsystems", RPC_ARRAY, RPC_REQUIRED, struct check, subsystems,
		  .max = MAX_SUBSYSTEMS),
	{ 0 },
};

static const struct rpc_param check_params[] = {
	{ .name = "config", .type = RPC_OBJECT, .flags = RPC_REQUIRED, .sub = config_params },
	{ 0 },
};

static struct config *parse(const struct check *p, GError **error)
{
	g_autofree char *text = g_strdup_printf("{\"subsystems\": %.*s}",
						(int)p->subsystems->raw_len, p->subsystems->raw);
	struct config *config = config_parse("config", text, strlen(text), error);

	/* It has none that the caller would know of. */
	for (guint i = 0; config && i < config->entries->len; i++)
		g_array_index(config->entries, struct config_entry, i).line = 0;
	return config;
}

static void reply_checked(struct rpc_request *req, const struct config *config)
{
	JsonObject *o = json_object_new();
	JsonArray *notes = json_array_new();

	json_object_set_int_member(o, "calls", config->entries->len);
	for (guint i = 0; i < config->notes->len; i++)
		json_array_add_string_element(notes, config->notes->pdata[i]);
	json_object_set_array_member(o, "notes", notes);
	rpc_reply_object(req, o);
}

static void config_check_method(struct rpc_request *req)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	struct config *config = parse(req->params, &error);

	if (config)
		config_check(config, problems);
	if (problems->len > 0) {
		g_ptr_array_add(problems, NULL);

		g_autofree char *all = g_strjoinv("\n", (char **)problems->pdata);
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL, "%s", all);
	} else if (error) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL, "%s", weft_error_detail(error));
	} else {
		reply_checked(req, config);
	}
	config_free(config);
}

/* --- config_get_status --------------------------------------------------------------- */

static void config_get_status(struct rpc_request *req)
{
	struct rpc_keeper *keeper = req->server->keeper;
	JsonObject *o = json_object_new();

	if (keeper)
		keeper->show(keeper, o);
	else
		json_object_set_string_member(o, "state", "off");
	rpc_reply_object(req, o);
}

const struct rpc_method rpc_methods_config[] = {
	{ .name = "config_check",
	  .call = config_check_method,
	  .params = check_params,
	  .params_size = sizeof(struct check),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "config_get_status",
	  .call = config_get_status,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
