/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Socket implementations, by the names that SPDK has for its own. See settings.h:
 * weft's sockets are chosen with weftd's --net.
 */
#include "target/rpc/methods.h"
#include "target/rpc/server.h"
#include "target/rpc/settings.h"

static const char *const impl_names[] = {
	[RPC_SOCK_POSIX] = "posix",
	[RPC_SOCK_SSL] = "ssl",
	[RPC_SOCK_URING] = "uring",
	[RPC_SOCK_IMPLS] = NULL,
};

struct impl_options {
	unsigned impl;
	struct rpc_sock_options o;
};

#define OPTION(name, type) RPC_PARAM(#name, type, 0, struct impl_options, o.name)
#define IMPL_NAME                                                                                  \
	RPC_PARAM("impl_name", RPC_ENUM, RPC_REQUIRED, struct impl_options, impl,                  \
		  .values = impl_names)

static const struct rpc_param set_params[] = {
	IMPL_NAME,
	OPTION(recv_buf_size, RPC_U32),
	OPTION(send_buf_size, RPC_U32),
	OPTION(enable_recv_pipe, RPC_BOOL),
	OPTION(enable_quickack, RPC_BOOL),
	OPTION(enable_placement_id, RPC_U32),
	OPTION(enable_zerocopy_send_server, RPC_BOOL),
	OPTION(enable_zerocopy_send_client, RPC_BOOL),
	OPTION(zerocopy_threshold, RPC_U32),
	OPTION(tls_version, RPC_U32),
	OPTION(enable_ktls, RPC_BOOL),
	{ 0 },
};

static const struct rpc_param impl_params[] = { IMPL_NAME, { 0 } };

static void add_options(JsonObject *json, const struct rpc_sock_options *o)
{
	json_object_set_int_member(json, "recv_buf_size", o->recv_buf_size);
	json_object_set_int_member(json, "send_buf_size", o->send_buf_size);
	json_object_set_boolean_member(json, "enable_recv_pipe", o->enable_recv_pipe);
	json_object_set_boolean_member(json, "enable_quickack", o->enable_quickack);
	json_object_set_int_member(json, "enable_placement_id", o->enable_placement_id);
	json_object_set_boolean_member(json, "enable_zerocopy_send_server",
				       o->enable_zerocopy_send_server);
	json_object_set_boolean_member(json, "enable_zerocopy_send_client",
				       o->enable_zerocopy_send_client);
	json_object_set_int_member(json, "zerocopy_threshold", o->zerocopy_threshold);
	json_object_set_int_member(json, "tls_version", o->tls_version);
	json_object_set_boolean_member(json, "enable_ktls", o->enable_ktls);
}

static void sock_impl_get_options(struct rpc_request *req)
{
	const struct impl_options *p = req->params;
	JsonObject *o = json_object_new();

	add_options(o, &req->server->settings->sock[p->impl]);
	rpc_reply_object(req, o);
}

/* Keys that are not given stay as they are: decoded once more, over what there is. */
static void sock_impl_set_options(struct rpc_request *req)
{
	const struct impl_options *p = req->params;
	struct impl_options merged = { .o = req->server->settings->sock[p->impl] };
	bool ok = rpc_decode(req->method->name, set_params, false, req->given, &merged, NULL);

	g_assert(ok);
	req->server->settings->sock[p->impl] = merged.o;
	rpc_reply_true(req);
}

static void sock_set_default_impl(struct rpc_request *req)
{
	const struct impl_options *p = req->params;

	req->server->settings->default_impl = p->impl;
	rpc_reply_true(req);
}

static void sock_get_default_impl(struct rpc_request *req)
{
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "impl_name",
				      impl_names[req->server->settings->default_impl]);
	rpc_reply_object(req, o);
}

static bool same_options(const struct rpc_sock_options *a, const struct rpc_sock_options *b)
{
	return a->recv_buf_size == b->recv_buf_size && a->send_buf_size == b->send_buf_size &&
	       a->enable_recv_pipe == b->enable_recv_pipe &&
	       a->enable_quickack == b->enable_quickack &&
	       a->enable_placement_id == b->enable_placement_id &&
	       a->enable_zerocopy_send_server == b->enable_zerocopy_send_server &&
	       a->enable_zerocopy_send_client == b->enable_zerocopy_send_client &&
	       a->zerocopy_threshold == b->zerocopy_threshold && a->tls_version == b->tls_version &&
	       a->enable_ktls == b->enable_ktls;
}

JsonArray *rpc_config_sock(struct rpc_server *server)
{
	const struct rpc_settings *now = server->settings;
	struct rpc_settings *before = rpc_settings_new();
	JsonArray *config = json_array_new();

	if (now->default_impl != before->default_impl) {
		JsonObject *params = json_object_new();

		json_object_set_string_member(params, "impl_name", impl_names[now->default_impl]);
		rpc_config_add(config, "sock_set_default_impl", params);
	}
	for (unsigned i = 0; i < RPC_SOCK_IMPLS; i++) {
		JsonObject *params;

		if (same_options(&now->sock[i], &before->sock[i]))
			continue;
		params = json_object_new();
		json_object_set_string_member(params, "impl_name", impl_names[i]);
		add_options(params, &now->sock[i]);
		rpc_config_add(config, "sock_impl_set_options", params);
	}
	rpc_settings_free(before);
	return config;
}

const struct rpc_method rpc_methods_sock[] = {
	{ .name = "sock_impl_get_options",
	  .call = sock_impl_get_options,
	  .params = impl_params,
	  .params_size = sizeof(struct impl_options),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "sock_impl_set_options",
	  .makes = true,
	  .call = sock_impl_set_options,
	  .params = set_params,
	  .params_size = sizeof(struct impl_options),
	  .states = RPC_STARTUP },
	{ .name = "sock_set_default_impl",
	  .makes = true,
	  .call = sock_set_default_impl,
	  .params = impl_params,
	  .params_size = sizeof(struct impl_options),
	  .states = RPC_STARTUP },
	{ .name = "sock_get_default_impl",
	  .call = sock_get_default_impl,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
