/* SPDX-License-Identifier: BSD-3-Clause */
/* What is logged: the two general levels, and those of single components. */
#include "target/rpc/methods.h"

/* In the order of enum log_level; the last only of a component. */
static const char *const level_names[] = {
	"ERROR", "WARNING", "NOTICE", "INFO", "DEBUG", "DEFAULT", NULL,
};
static const char *const general_names[] = { "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG", NULL };

/* --- general levels ------------------------------------------------------------------ */

struct set_level {
	unsigned level;
};

static const struct rpc_param set_level_params[] = {
	RPC_PARAM("level", RPC_ENUM, RPC_REQUIRED, struct set_level, level,
		  .values = general_names),
	{ 0 },
};

static void set_level(struct rpc_request *req)
{
	const struct set_level *p = req->params;

	log_set_level(req->server->core->log, (enum log_level)p->level);
	rpc_reply_true(req);
}

static void get_level(struct rpc_request *req)
{
	rpc_reply_string(req, log_level_name(log_get_level(req->server->core->log)));
}

static void set_print_level(struct rpc_request *req)
{
	const struct set_level *p = req->params;

	log_set_print_level(req->server->core->log, (enum log_level)p->level);
	rpc_reply_true(req);
}

static void get_print_level(struct rpc_request *req)
{
	rpc_reply_string(req, log_level_name(log_get_print_level(req->server->core->log)));
}

struct timestamps {
	bool enabled;
};

static const struct rpc_param timestamps_params[] = {
	RPC_PARAM("enabled", RPC_BOOL, RPC_REQUIRED, struct timestamps, enabled),
	{ 0 },
};

static void enable_timestamps(struct rpc_request *req)
{
	const struct timestamps *p = req->params;

	log_set_timestamps(req->server->core->log, p->enabled);
	rpc_reply_true(req);
}

/* --- components ------------------------------------------------------------------------ */

/* Its number, or -1: the request has been failed. */
static int find_component(struct rpc_request *req, const char *name)
{
	int i = log_component_find(name);
	const char *near;

	if (i >= 0)
		return i;
	near = rpc_nearest(name, log_components);
	if (near)
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "there is no component \"%s\". Did you mean %s?", name, near);
	else
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "there is no component \"%s\"; log_get_component_levels lists them",
			      name);
	return -1;
}

struct set_component {
	const char *component;
	unsigned level;
};

static const struct rpc_param set_component_params[] = {
	RPC_PARAM("component", RPC_STR, RPC_REQUIRED, struct set_component, component),
	RPC_PARAM("level", RPC_ENUM, RPC_REQUIRED, struct set_component, level,
		  .values = level_names),
	{ 0 },
};

static void set_component_level(struct rpc_request *req)
{
	const struct set_component *p = req->params;
	int i = find_component(req, p->component);

	if (i < 0)
		return;
	log_set_component_level(req->server->core->log, (unsigned)i,
				p->level > LOG_DEBUG ? LOG_GENERAL : (int)p->level);
	rpc_reply_true(req);
}

static void get_component_levels(struct rpc_request *req)
{
	JsonObject *o = json_object_new();

	for (unsigned i = 0; log_components[i]; i++) {
		int level = log_get_component_level(req->server->core->log, i);

		json_object_set_string_member(
			o, log_components[i],
			level == LOG_GENERAL ? "DEFAULT" : log_level_name((enum log_level)level));
	}
	rpc_reply_object(req, o);
}

/* --- flags: the same for those who know them from SPDK ------------------------------------ */

struct set_flag {
	const char *flag;
};

static const struct rpc_param set_flag_params[] = {
	RPC_PARAM("flag", RPC_STR, RPC_REQUIRED, struct set_flag, flag),
	{ 0 },
};

static void change_flag(struct rpc_request *req, int level)
{
	const struct set_flag *p = req->params;
	struct log *log = req->server->core->log;
	int i;

	if (g_str_equal(p->flag, "all")) {
		for (unsigned c = 0; log_components[c]; c++)
			log_set_component_level(log, c, level);
		rpc_reply_true(req);
		return;
	}
	i = find_component(req, p->flag);
	if (i < 0)
		return;
	log_set_component_level(log, (unsigned)i, level);
	rpc_reply_true(req);
}

static void set_flag(struct rpc_request *req)
{
	change_flag(req, LOG_DEBUG);
}

static void clear_flag(struct rpc_request *req)
{
	change_flag(req, LOG_GENERAL);
}

/* "nvmf.tcp" is nvmf_tcp there. */
static void get_flags(struct rpc_request *req)
{
	JsonObject *o = json_object_new();

	for (unsigned i = 0; log_components[i]; i++) {
		g_autofree char *name = g_strdelimit(g_strdup(log_components[i]), ".", '_');

		json_object_set_boolean_member(
			o, name, log_get_component_level(req->server->core->log, i) == LOG_DEBUG);
	}
	rpc_reply_object(req, o);
}

const struct rpc_method rpc_methods_log[] = {
	{ .name = "log_set_level",
	  .call = set_level,
	  .params = set_level_params,
	  .params_size = sizeof(struct set_level),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_level", .call = get_level, .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_set_print_level",
	  .call = set_print_level,
	  .params = set_level_params,
	  .params_size = sizeof(struct set_level),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_print_level",
	  .call = get_print_level,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_set_component_level",
	  .call = set_component_level,
	  .params = set_component_params,
	  .params_size = sizeof(struct set_component),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_component_levels",
	  .call = get_component_levels,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_set_flag",
	  .call = set_flag,
	  .params = set_flag_params,
	  .params_size = sizeof(struct set_flag),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_clear_flag",
	  .call = clear_flag,
	  .params = set_flag_params,
	  .params_size = sizeof(struct set_flag),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_flags", .call = get_flags, .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_enable_timestamps",
	  .call = enable_timestamps,
	  .params = timestamps_params,
	  .params_size = sizeof(struct timestamps),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
