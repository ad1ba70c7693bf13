/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O buffers as SPDK has them, and weft's own pools. Options: see settings.h;
 * weft's pools grow as they are needed, up to a limit of bytes.
 */
#include "target/core/buf.h"
#include "target/rpc/methods.h"
#include "target/rpc/server.h"
#include "target/rpc/settings.h"

/* --- options ------------------------------------------------------------------------- */

#define OPTION(name, type, ...)                                                                    \
	RPC_PARAM(#name, type, 0, struct rpc_iobuf_options, name, ##__VA_ARGS__)

/* As small as SPDK takes them. */
static const struct rpc_param set_params[] = {
	OPTION(small_pool_count, RPC_U64, .min = 64, .max = UINT64_MAX),
	OPTION(large_pool_count, RPC_U64, .min = 8, .max = UINT64_MAX),
	OPTION(small_bufsize, RPC_U32, .min = 4096, .max = UINT32_MAX),
	OPTION(large_bufsize, RPC_U32, .min = 8192, .max = UINT32_MAX),
	OPTION(enable_numa, RPC_BOOL),
	{ 0 },
};

static void iobuf_set_options(struct rpc_request *req)
{
	struct rpc_iobuf_options merged = req->server->settings->iobuf;
	bool ok = rpc_decode(req->method->name, set_params, false, req->given, &merged, NULL);

	g_assert(ok);
	if (merged.small_bufsize > merged.large_bufsize) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "small_bufsize is %u, large_bufsize %u: the small one must not be "
			      "the larger",
			      merged.small_bufsize, merged.large_bufsize);
		return;
	}
	req->server->settings->iobuf = merged;
	rpc_reply_true(req);
}

static bool same_options(const struct rpc_iobuf_options *a, const struct rpc_iobuf_options *b)
{
	return a->small_pool_count == b->small_pool_count &&
	       a->large_pool_count == b->large_pool_count && a->small_bufsize == b->small_bufsize &&
	       a->large_bufsize == b->large_bufsize && a->enable_numa == b->enable_numa;
}

JsonArray *rpc_config_iobuf(struct rpc_server *server)
{
	const struct rpc_iobuf_options *o = &server->settings->iobuf;
	struct rpc_settings *before = rpc_settings_new();
	JsonArray *config = json_array_new();

	if (!same_options(o, &before->iobuf)) {
		JsonObject *params = json_object_new();

		json_object_set_int_member(params, "small_pool_count", (gint64)o->small_pool_count);
		json_object_set_int_member(params, "large_pool_count", (gint64)o->large_pool_count);
		json_object_set_int_member(params, "small_bufsize", o->small_bufsize);
		json_object_set_int_member(params, "large_bufsize", o->large_bufsize);
		json_object_set_boolean_member(params, "enable_numa", o->enable_numa);
		rpc_config_add(config, "iobuf_set_options", params);
	}
	rpc_settings_free(before);
	return config;
}

/* --- statistics ---------------------------------------------------------------------- */

struct stats_call {
	struct rpc_request *req;
	struct buf_pool_stats stats[CORE_MAX_REACTORS]; /* each written by its reactor */
};

static void take_stats(struct reactor *r, void *arg)
{
	struct stats_call *call = arg;

	call->stats[r->index] = *buf_pool_stats(r->bufs);
}

static void collect(struct rpc_request *req, void (*done)(void *arg))
{
	struct stats_call *call = g_new0(struct stats_call, 1);

	call->req = req;
	core_broadcast(req->server->core, take_stats, done, call);
}

/* The small ones are those of the three smaller classes. */
#define SMALL_CLASSES 3

static JsonObject *part_json(const struct buf_pool_stats *st, unsigned first, unsigned end)
{
	JsonObject *o = json_object_new();
	uint64_t gets = 0, grown = 0, retry = 0;

	for (unsigned i = first; i < end; i++) {
		gets += st->class_gets[i];
		grown += st->class_grown[i];
		retry += st->class_waits[i];
	}
	json_object_set_int_member(o, "cache", (gint64)(gets - grown));
	json_object_set_int_member(o, "main", (gint64)grown);
	json_object_set_int_member(o, "retry", (gint64)retry);
	return o;
}

/*
 * Each reactor has a pool of its own: what was got from there is the cache's; what
 * made it grow came from main memory; who had to wait, retried.
 */
static void reply_iobuf(void *arg)
{
	g_autofree struct stats_call *call = arg;
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < call->req->server->core->nreactors; i++) {
		g_autofree char *name = g_strdup_printf(RPC_THREAD_NAME, i);
		JsonObject *o = json_object_new();

		json_object_set_string_member(o, "module", name);
		json_object_set_object_member(o, "small_pool",
					      part_json(&call->stats[i], 0, SMALL_CLASSES));
		json_object_set_object_member(
			o, "large_pool", part_json(&call->stats[i], SMALL_CLASSES, BUF_CLASSES));
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(call->req, array);
}

static void iobuf_get_stats(struct rpc_request *req)
{
	collect(req, reply_iobuf);
}

/* --- buf_get_stats ------------------------------------------------------------------------ */

static JsonObject *pool_json(unsigned reactor, const struct buf_pool_stats *st)
{
	JsonObject *o = json_object_new();
	JsonArray *classes = json_array_new();

	json_object_set_int_member(o, "reactor", reactor);
	json_object_set_int_member(o, "limit", (gint64)st->limit);
	json_object_set_int_member(o, "allocated", (gint64)st->allocated);
	json_object_set_int_member(o, "gets", (gint64)st->gets);
	json_object_set_int_member(o, "puts", (gint64)st->puts);
	json_object_set_int_member(o, "misses", (gint64)st->misses);
	json_object_set_int_member(o, "waits", (gint64)st->waits);
	for (unsigned i = 0; i < BUF_CLASSES; i++) {
		JsonObject *class = json_object_new();

		json_object_set_int_member(class, "size", buf_class_sizes[i]);
		json_object_set_int_member(class, "in_use", st->in_use[i]);
		json_array_add_object_element(classes, class);
	}
	json_object_set_array_member(o, "classes", classes);
	return o;
}

static void reply_bufs(void *arg)
{
	g_autofree struct stats_call *call = arg;
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < call->req->server->core->nreactors; i++)
		json_array_add_object_element(array, pool_json(i, &call->stats[i]));
	rpc_reply_array(call->req, array);
}

static void buf_get_stats(struct rpc_request *req)
{
	collect(req, reply_bufs);
}

const struct rpc_method rpc_methods_iobuf[] = {
	{ .name = "iobuf_set_options",
	  .makes = true,
	  .call = iobuf_set_options,
	  .params = set_params,
	  .params_size = sizeof(struct rpc_iobuf_options),
	  .states = RPC_STARTUP },
	{ .name = "iobuf_get_stats", .call = iobuf_get_stats, .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "buf_get_stats", .call = buf_get_stats, .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
