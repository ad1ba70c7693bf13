/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the reactors remember and hold: their trace rings as text, and their
 * buffer pools. Both are weft's own methods.
 */
#include "target/core/buf.h"
#include "target/core/trace.h"
#include "target/rpc/methods.h"

/* --- trace_dump ------------------------------------------------------------------------- */

struct dump_params {
	uint32_t max;
};

static const struct rpc_param dump_params[] = {
	RPC_PARAM("max", RPC_U32, 0, struct dump_params, max, .def = 1000, .min = 1, .max = 65536),
	{ 0 },
};

struct dump {
	struct rpc_request *req;
	GArray *records[CORE_MAX_REACTORS]; /* each filled by its reactor */
};

static void keep_record(void *arg, const struct trace_record *rec)
{
	g_array_append_vals(arg, rec, 1);
}

static void dump_reactor(struct reactor *r, void *arg)
{
	struct dump *dump = arg;

	trace_dump(r->trace, keep_record, dump->records[r->index]);
}

static int by_time(gconstpointer a, gconstpointer b)
{
	const struct trace_record *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->reactor != y->reactor)
		return x->reactor < y->reactor ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void dump_done(void *arg)
{
	g_autofree struct dump *dump = arg;
	const struct dump_params *p = dump->req->params;
	unsigned n = dump->req->server->core->nreactors;
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct trace_record));
	JsonArray *lines = json_array_new();
	char line[256];

	for (unsigned i = 0; i < n; i++) {
		g_array_append_vals(all, dump->records[i]->data, dump->records[i]->len);
		g_array_unref(dump->records[i]);
	}
	g_array_sort(all, by_time);
	for (guint i = all->len > p->max ? all->len - p->max : 0; i < all->len; i++) {
		trace_format(&g_array_index(all, struct trace_record, i), line, sizeof(line));
		json_array_add_string_element(lines, line);
	}
	rpc_reply_array(dump->req, lines);
}

/* The last `max` records of all reactors in the order of time, oldest first. */
static void trace_dump_method(struct rpc_request *req)
{
	struct core *core = req->server->core;
	struct dump *dump = g_new0(struct dump, 1);

	dump->req = req;
	for (unsigned i = 0; i < core->nreactors; i++)
		dump->records[i] = g_array_new(FALSE, FALSE, sizeof(struct trace_record));
	core_broadcast(core, dump_reactor, dump_done, dump);
}

/* --- buf_get_stats ------------------------------------------------------------------------ */

struct buf_call {
	struct rpc_request *req;
	struct buf_pool_stats stats[CORE_MAX_REACTORS]; /* each written by its reactor */
};

static void take_stats(struct reactor *r, void *arg)
{
	struct buf_call *call = arg;

	call->stats[r->index] = *buf_pool_stats(r->bufs);
}

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

static void stats_taken(void *arg)
{
	g_autofree struct buf_call *call = arg;
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < call->req->server->core->nreactors; i++)
		json_array_add_object_element(array, pool_json(i, &call->stats[i]));
	rpc_reply_array(call->req, array);
}

static void buf_get_stats(struct rpc_request *req)
{
	struct buf_call *call = g_new0(struct buf_call, 1);

	call->req = req;
	core_broadcast(req->server->core, take_stats, stats_taken, call);
}

const struct rpc_method rpc_methods_trace[] = {
	{ .name = "trace_dump",
	  .call = trace_dump_method,
	  .params = dump_params,
	  .params_size = sizeof(struct dump_params),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "buf_get_stats", .call = buf_get_stats, .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
