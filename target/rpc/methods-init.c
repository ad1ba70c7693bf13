/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two states of the server, as its clients see them: the methods there are, the
 * start (--wait-for-rpc), and waiting for it.
 */
#include <errno.h>

#include "target/rpc/methods.h"

/* --- rpc_get_methods ----------------------------------------------------------------- */

struct get_methods {
	bool current, include_aliases;
};

static const struct rpc_param get_methods_params[] = {
	RPC_PARAM("current", RPC_BOOL, 0, struct get_methods, current),
	RPC_PARAM("include_aliases", RPC_BOOL, 0, struct get_methods, include_aliases),
	{ 0 },
};

static void add_name(const struct rpc_request *req, JsonArray *array, const char *name)
{
	const struct get_methods *p = req->params;
	const struct rpc_method *m = rpc_method_find(name);

	if (m && (!p->current || rpc_method_is_current(req->server, m)))
		json_array_add_string_element(array, name);
}

static void add_names(const struct rpc_request *req, JsonArray *array,
		      const struct rpc_method *const *table)
{
	for (; *table; table++)
		for (const struct rpc_method *m = *table; m->name; m++)
			add_name(req, array, m->name);
}

static void rpc_get_methods(struct rpc_request *req)
{
	const struct get_methods *p = req->params;
	JsonArray *array = json_array_new();

	add_names(req, array, rpc_method_tables);
	if (p->include_aliases) {
		add_names(req, array, rpc_old_method_tables);
		for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++)
			add_name(req, array, alias->name);
	}
	rpc_reply_array(req, array);
}

/* --- start --------------------------------------------------------------------------------- */

static bool look_started(struct rpc_request *req, bool give_up)
{
	bool started = req->server->state == RPC_RUNTIME && !req->server->loading;

	if (!started && !give_up)
		return false;
	if (!started)
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	else
		rpc_reply_true(req);
	return true;
}

static void framework_wait_init(struct rpc_request *req)
{
	if (!look_started(req, false))
		rpc_wait(req, look_started);
}

/* The rest of a startup configuration is part of the start. */
static void framework_start_init(struct rpc_request *req)
{
	rpc_server_init_asked(req->server);
	framework_wait_init(req);
}

const struct rpc_method rpc_methods_init[] = {
	{ .name = "rpc_get_methods",
	  .call = rpc_get_methods,
	  .params = get_methods_params,
	  .params_size = sizeof(struct get_methods),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_start_init", .call = framework_start_init, .states = RPC_STARTUP },
	{ .name = "framework_wait_init",
	  .call = framework_wait_init,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
