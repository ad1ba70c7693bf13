/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of the block device layer, and which bdevs are examined when they come. */
#include <errno.h>

#include "target/rpc/methods.h"

struct set_options {
	struct bdev_options o;
};

#define OPTION(key_, type_, member_, ...)                                                          \
	RPC_PARAM(key_, type_, 0, struct set_options, o.member_, ##__VA_ARGS__)

static const struct rpc_param set_options_params[] = {
	OPTION("bdev_io_pool_size", RPC_U32, io_pool_size),
	OPTION("bdev_io_cache_size", RPC_U32, io_cache_size),
	OPTION("bdev_auto_examine", RPC_BOOL, auto_examine),
	OPTION("iobuf_small_cache_size", RPC_U32, iobuf_small_cache_size),
	OPTION("iobuf_large_cache_size", RPC_U32, iobuf_large_cache_size),
	{ 0 },
};

/* What is not given stays: RPC_BOOL and numbers are then this. */
#define NOT_GIVEN UINT32_MAX

static void set_options_defaults(void *params)
{
	((struct set_options *)params)->o = (struct bdev_options){
		.io_pool_size = NOT_GIVEN,
		.io_cache_size = NOT_GIVEN,
		.auto_examine = true,
		.iobuf_small_cache_size = NOT_GIVEN,
		.iobuf_large_cache_size = NOT_GIVEN,
	};
}

static void take(uint32_t *to, uint32_t given)
{
	if (given != NOT_GIVEN)
		*to = given;
}

static void bdev_set_options(struct rpc_request *req)
{
	const struct set_options *p = req->params;
	struct bdev_options *options = bdev_layer_options(req->server->bdevs), o = *options;
	uint64_t least;

	take(&o.io_pool_size, p->o.io_pool_size);
	take(&o.io_cache_size, p->o.io_cache_size);
	take(&o.iobuf_small_cache_size, p->o.iobuf_small_cache_size);
	take(&o.iobuf_large_cache_size, p->o.iobuf_large_cache_size);
	o.auto_examine = p->o.auto_examine;
	least = (uint64_t)o.io_cache_size * (req->server->core->nreactors + 1);
	if (o.io_pool_size < least) {
		rpc_fail_with(req, -EINVAL, NULL,
			      "bdev_io_pool_size is %u; with a bdev_io_cache_size of %u it must be "
			      "at least %" G_GUINT64_FORMAT " (one cache a reactor, and one)",
			      o.io_pool_size, o.io_cache_size, least);
		return;
	}
	*options = o;
	rpc_reply_true(req);
}

struct by_name {
	const char *name;
};

static const struct rpc_param name_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct by_name, name, .min = 1, .max = 255),
	{ 0 },
};

static void bdev_examine_method(struct rpc_request *req)
{
	const struct by_name *p = req->params;
	g_autoptr(GError) error = NULL;

	if (bdev_examine(req->server->bdevs, p->name, &error))
		rpc_reply_true(req);
	else
		rpc_fail(req, error);
}

/* What an examination makes, it makes in the pass that the bdev came in. */
static void bdev_wait_for_examine(struct rpc_request *req)
{
	rpc_reply_true(req);
}

void rpc_config_bdev_options(struct rpc_server *server, JsonArray *config)
{
	const struct bdev_options *o = bdev_layer_options(server->bdevs);
	GPtrArray *named = bdev_examined(server->bdevs);
	JsonObject *params = json_object_new();

	json_object_set_int_member(params, "bdev_io_pool_size", o->io_pool_size);
	json_object_set_int_member(params, "bdev_io_cache_size", o->io_cache_size);
	json_object_set_boolean_member(params, "bdev_auto_examine", o->auto_examine);
	json_object_set_int_member(params, "iobuf_small_cache_size", o->iobuf_small_cache_size);
	json_object_set_int_member(params, "iobuf_large_cache_size", o->iobuf_large_cache_size);
	rpc_config_add(config, "bdev_set_options", params);
	for (guint i = 0; i < named->len; i++) {
		params = json_object_new();
		json_object_set_string_member(params, "name", named->pdata[i]);
		rpc_config_add(config, "bdev_examine", params);
	}
}

const struct rpc_method rpc_methods_bdev_options[] = {
	{ .name = "bdev_set_options",
	  .call = bdev_set_options,
	  .params = set_options_params,
	  .params_size = sizeof(struct set_options),
	  .defaults = set_options_defaults,
	  .states = RPC_STARTUP,
	  .makes = true },
	{ .name = "bdev_examine",
	  .call = bdev_examine_method,
	  .params = name_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME,
	  .makes = true },
	{ .name = "bdev_wait_for_examine", .call = bdev_wait_for_examine, .states = RPC_RUNTIME },
	{ 0 },
};
