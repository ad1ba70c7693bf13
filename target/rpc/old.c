/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods of 2018 that are more than another name of one of today: each is made of
 * those (steps.h).
 */
#include "target/rpc/methods.h"
#include "target/rpc/steps.h"

#include <errno.h>
#include <string.h>

/* As releases of that time: one call holds at most so many of each. */
#define MAX_ELEMENTS 1024

/* --- set_nvmf_target_options, set_nvmf_target_config ---------------------------------------- */

/*
 * These set what transports are made with, before there is one; a subsystem with a
 * listener made them. The options are kept as members of an object until then.
 */
struct target_options {
	uint16_t max_queue_depth, max_qpairs_per_ctrlr;
	uint32_t in_capsule_data_size, max_io_size, io_unit_size, max_subsystems;
	uint32_t acceptor_poll_rate;
};

#define OPTION(name_, type_, ...)                                                                  \
	RPC_PARAM(#name_, type_, 0, struct target_options, name_, ##__VA_ARGS__)

static const struct rpc_param target_options_params[] = {
	OPTION(max_queue_depth, RPC_U16, .min = 1),
	OPTION(max_qpairs_per_ctrlr, RPC_U16, .min = 2),
	OPTION(in_capsule_data_size, RPC_U32, .min = 1),
	OPTION(max_io_size, RPC_U32, .min = 1),
	OPTION(max_subsystems, RPC_U32, .min = 1),
	OPTION(io_unit_size, RPC_U32, .min = 1),
	{ 0 },
};

static const struct rpc_param target_config_params[] = {
	OPTION(acceptor_poll_rate, RPC_U32, .min = 1),
	RPC_CHECKED("conn_sched", RPC_STR, RPC_IGNORED, .max = 64),
	{ 0 },
};

static void keep(struct rpc_server *server, const struct target_options *p)
{
	const struct {
		const char *name;
		uint32_t value;
	} options[] = {
		{ "max_queue_depth", p->max_queue_depth },
		{ "max_qpairs_per_ctrlr", p->max_qpairs_per_ctrlr },
		{ "in_capsule_data_size", p->in_capsule_data_size },
		{ "max_io_size", p->max_io_size },
		{ "io_unit_size", p->io_unit_size },
		{ "acceptor_poll_rate", p->acceptor_poll_rate },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(options); i++)
		if (options[i].value > 0)
			json_object_set_int_member(server->old_options, options[i].name,
						   options[i].value);
}

static void set_nvmf_target_options(struct rpc_request *req)
{
	const struct target_options *p = req->params;
	struct rpc_steps *steps = rpc_steps_new(req);

	keep(req->server, p);
	if (p->max_subsystems > 0)
		rpc_steps_add(steps, "nvmf_set_max_subsystems",
			      g_strdup_printf("{\"max_subsystems\":%u}", p->max_subsystems));
	rpc_steps_run(steps);
}

static void set_nvmf_target_config(struct rpc_request *req)
{
	keep(req->server, req->params);
	rpc_reply_true(req);
}

/* --- construct_nvmf_subsystem ---------------------------------------------------------------- */

struct construct {
	const char *nqn, *serial_number;
	const struct jv *listen_addresses, *hosts, *namespaces;
	bool allow_any_host;
	uint32_t max_namespaces;
};

static const struct rpc_param construct_params[] = {
	RPC_PARAM("nqn", RPC_STR, RPC_REQUIRED, struct construct, nqn, .min = 1,
		  .max = RPC_NQN_MAX),
	RPC_PARAM("listen_addresses", RPC_ARRAY, 0, struct construct, listen_addresses,
		  .max = MAX_ELEMENTS),
	RPC_PARAM("hosts", RPC_STRS, 0, struct construct, hosts, .max = MAX_ELEMENTS),
	RPC_PARAM("allow_any_host", RPC_BOOL, 0, struct construct, allow_any_host),
	RPC_PARAM("serial_number", RPC_STR, 0, struct construct, serial_number, .max = 20),
	RPC_PARAM("namespaces", RPC_ARRAY, 0, struct construct, namespaces, .max = MAX_ELEMENTS),
	RPC_PARAM("max_namespaces", RPC_U32, 0, struct construct, max_namespaces,
		  .max = NVMF_MAX_NSID),
	/* Where it ran, and whether it was a real controller: no choice any more. */
	RPC_CHECKED("core", RPC_I32, RPC_IGNORED),
	RPC_CHECKED("mode", RPC_STR, RPC_IGNORED, .max = 32),
	{ 0 },
};

static char *create_params(const struct construct *p, const char *nqn)
{
	GString *s = g_string_new(NULL);

	g_string_printf(s, "{\"nqn\":%s,\"allow_any_host\":%s", nqn,
			p->allow_any_host ? "true" : "false");
	if (p->serial_number) {
		g_autofree char *serial = rpc_quote(p->serial_number);

		g_string_append_printf(s, ",\"serial_number\":%s", serial);
	}
	if (p->max_namespaces > 0)
		g_string_append_printf(s, ",\"max_namespaces\":%u", p->max_namespaces);
	g_string_append_c(s, '}');
	return g_string_free(s, FALSE);
}

/* An object, or, in the oldest shape, only the name of the bdev. */
static char *ns_params(const struct jv *ns, const char *nqn)
{
	bool name = ns->type == JV_STRING;

	return g_strdup_printf("{\"nqn\":%s,\"namespace\":%s%.*s%s}", nqn,
			       name ? "{\"bdev_name\":" : "", (int)ns->raw_len, ns->raw,
			       name ? "}" : "");
}

/* Makes the transport that an address needs, unless there is one or will be. */
static void add_transport(struct rpc_steps *steps, const struct rpc_server *server,
			  const struct jv *address, GHashTable *made)
{
	const struct jv *type = jv_member(address, "trtype");
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

	if (!type)
		type = jv_member(address, "transport");
	if (!type || type->type != JV_STRING || nvmf_transport_find(server->nvmf, type->str) ||
	    !g_hash_table_add(made, g_ascii_strup(type->str, -1)))
		return;
	json_object_set_string_member(server->old_options, "trtype", type->str);
	json_node_set_object(node, server->old_options);
	rpc_steps_add(steps, "nvmf_create_transport", json_to_string(node, FALSE));
}

static void add_listeners(struct rpc_steps *steps, const struct rpc_server *server,
			  const struct construct *p, const char *nqn)
{
	g_autoptr(GHashTable) made = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct jv *v;

	for (v = p->listen_addresses ? p->listen_addresses->first : NULL; v; v = v->next) {
		add_transport(steps, server, v, made);
		rpc_steps_add(steps, "nvmf_subsystem_add_listener",
			      g_strdup_printf("{\"nqn\":%s,\"listen_address\":%.*s}", nqn,
					      (int)v->raw_len, v->raw));
	}
}

/* Listeners come last: nobody connects to what is half made. */
static void construct_nvmf_subsystem(struct rpc_request *req)
{
	const struct construct *p = req->params;
	struct rpc_steps *steps = rpc_steps_new(req);
	g_autofree char *nqn = rpc_quote(p->nqn);
	const struct jv *v;

	rpc_steps_add(steps, "nvmf_create_subsystem", create_params(p, nqn));
	rpc_steps_undo(steps, "nvmf_delete_subsystem", g_strdup_printf("{\"nqn\":%s}", nqn));
	for (v = p->hosts ? p->hosts->first : NULL; v; v = v->next)
		rpc_steps_add(steps, "nvmf_subsystem_add_host",
			      g_strdup_printf("{\"nqn\":%s,\"host\":%.*s}", nqn, (int)v->raw_len,
					      v->raw));
	for (v = p->namespaces ? p->namespaces->first : NULL; v; v = v->next)
		rpc_steps_add(steps, "nvmf_subsystem_add_ns", ns_params(v, nqn));
	add_listeners(steps, req->server, p, nqn);
	rpc_steps_run(steps);
}

/* --- bdevs -------------------------------------------------------------------------------------
 */

struct on_bdev {
	const char *name;
	uint64_t ios_per_sec;
};

static const struct rpc_param delete_bdev_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct on_bdev, name, .min = 1),
	{ 0 },
};

static const struct rpc_param limit_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct on_bdev, name, .min = 1),
	RPC_PARAM("ios_per_sec", RPC_U64, RPC_REQUIRED, struct on_bdev, ios_per_sec),
	{ 0 },
};

/* By the name of the product, which is what users see of a module. */
static const struct {
	const char *product, *method;
} deleters[] = {
	{ "Malloc disk", "bdev_malloc_delete" },
	{ "Null disk", "bdev_null_delete" },
	{ "AIO disk", "bdev_aio_delete" },
	{ "URING bdev", "bdev_uring_delete" },
	{ "passthru", "bdev_passthru_delete" },
	{ "delay", "bdev_delay_delete" },
	{ "Error Injection Disk", "bdev_error_delete" },
};

static void one_step(struct rpc_request *req, const char *method, char *params)
{
	struct rpc_steps *steps = rpc_steps_new(req);

	rpc_steps_add(steps, method, params);
	rpc_steps_run(steps);
}

static void delete_bdev(struct rpc_request *req)
{
	const struct on_bdev *p = req->params;
	const struct bdev *bdev = rpc_bdev_find(req, p->name, NULL, NULL);
	g_autofree char *name = rpc_quote(p->name);

	if (!bdev)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(deleters); i++) {
		if (strcmp(deleters[i].product, bdev->ops->product_name) == 0) {
			one_step(req, deleters[i].method, g_strdup_printf("{\"name\":%s}", name));
			return;
		}
	}
	rpc_fail_with(req, -EINVAL, NULL,
		      "%s is a \"%s\"; the delete method of its module removes it", p->name,
		      bdev->ops->product_name);
}

static void set_bdev_qos_limit_iops(struct rpc_request *req)
{
	const struct on_bdev *p = req->params;
	g_autofree char *name = rpc_quote(p->name);

	one_step(req, "bdev_set_qos_limit",
		 g_strdup_printf("{\"name\":%s,\"rw_ios_per_sec\":%" G_GUINT64_FORMAT "}", name,
				 p->ios_per_sec));
}

#define METHOD(name_, params_, struct_, states_)                                                   \
	{                                                                                          \
		.name = #name_, .call = name_, .params = params_, .params_size = sizeof(struct_),  \
		.states = states_, .makes = true                                                                  \
	}

const struct rpc_method rpc_methods_old[] = {
	METHOD(construct_nvmf_subsystem, construct_params, struct construct, RPC_RUNTIME),
	METHOD(set_nvmf_target_options, target_options_params, struct target_options, RPC_STARTUP),
	METHOD(set_nvmf_target_config, target_config_params, struct target_options, RPC_STARTUP),
	METHOD(delete_bdev, delete_bdev_params, struct on_bdev, RPC_RUNTIME),
	METHOD(set_bdev_qos_limit_iops, limit_params, struct on_bdev, RPC_RUNTIME),
	{ 0 },
};
