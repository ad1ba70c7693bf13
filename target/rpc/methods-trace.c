/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the reactors remember: their trace rings as text, and which events go there.
 * Masks of a group count its events from bit 0, in the order of TRACE_EVENTS.
 */
#include <string.h>

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

/* --- masks ----------------------------------------------------------------------------- */

/* As it is on the main reactor; the others follow before a change is answered. */
static uint64_t enabled(const struct rpc_request *req)
{
	return core_main(req->server->core)->trace->enabled;
}

struct change {
	struct rpc_request *req;
	uint64_t on, off; /* bits of trace.enabled */
	bool clear;	  /* forget all records */
};

static void change_reactor(struct reactor *r, void *arg)
{
	const struct change *c = arg;

	r->trace->enabled = (r->trace->enabled | c->on) & ~c->off;
	if (c->clear)
		trace_clear(r->trace);
}

static void changed(void *arg)
{
	g_autofree struct change *c = arg;

	rpc_reply_true(c->req);
}

static void change(struct rpc_request *req, uint64_t on, uint64_t off, bool clear)
{
	struct change *c = g_new(struct change, 1);

	*c = (struct change){ req, on, off, clear };
	core_broadcast(req->server->core, change_reactor, changed, c);
}

static unsigned count_groups(void)
{
	unsigned n = 0;

	while (trace_groups[n])
		n++;
	return n;
}

/* Events of a group ("all": of all); 0: the request has been failed. */
static uint64_t find_group(struct rpc_request *req, const char *name)
{
	g_autofree char *names = NULL;

	for (unsigned i = 0; trace_groups[i]; i++) {
		if (strcmp(trace_groups[i], name) == 0)
			return trace_group_events(i);
	}
	if (strcmp(name, "all") == 0)
		return TRACE_ALL;
	names = g_strjoinv(", ", (char **)trace_groups);
	rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
		      "there is no group \"%s\" of trace points; there are %s, and all", name,
		      names);
	return 0;
}

struct on_group {
	const char *name;
	uint64_t mask;
};

static const struct rpc_param group_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct on_group, name),
	{ 0 },
};

static const struct rpc_param mask_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct on_group, name),
	RPC_PARAM("tpoint_mask", RPC_U64, RPC_REQUIRED, struct on_group, mask),
	{ 0 },
};

static void enable_group(struct rpc_request *req)
{
	const struct on_group *p = req->params;
	uint64_t bits = find_group(req, p->name);

	if (bits)
		change(req, bits, 0, false);
}

static void disable_group(struct rpc_request *req)
{
	const struct on_group *p = req->params;
	uint64_t bits = find_group(req, p->name);

	if (bits)
		change(req, 0, bits, false);
}

/* A mask of the events in group, spread to their places: the n-th bit to the n-th of them. */
static uint64_t spread(uint64_t group, uint64_t mask)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++) {
		if (!(group >> i & 1))
			continue;
		bits |= (mask & 1) << i;
		mask >>= 1;
	}
	return bits;
}

static uint64_t gather(uint64_t group, uint64_t bits)
{
	uint64_t mask = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++)
		if (group >> i & 1)
			mask |= (bits >> i & 1) << n++;
	return mask;
}

/* Bits beyond the last event are nobody's: a mask of all ones means all. */
static uint64_t find_masked(struct rpc_request *req, bool *found)
{
	const struct on_group *p = req->params;
	uint64_t group = find_group(req, p->name);

	*found = group != 0;
	if (group == TRACE_ALL)
		group &= (UINT64_C(1) << TRACE_EVENT_COUNT) - 2;
	return spread(group, p->mask);
}

static void set_mask(struct rpc_request *req)
{
	bool found;
	uint64_t bits = find_masked(req, &found);

	if (found)
		change(req, bits, 0, false);
}

static void clear_mask(struct rpc_request *req)
{
	bool found;
	uint64_t bits = find_masked(req, &found);

	if (found)
		change(req, 0, bits, false);
}

static void clear_records(struct rpc_request *req)
{
	change(req, 0, 0, true);
}

/* --- what is on ---------------------------------------------------------------------------- */

static void add_hex(JsonObject *o, const char *key, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", value);

	json_object_set_string_member(o, key, text);
}

static void add_group_mask(JsonObject *o, uint64_t on)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < count_groups(); i++)
		if (trace_group_events(i) & on)
			mask |= UINT64_C(1) << i;
	add_hex(o, "tpoint_group_mask", mask);
}

static JsonArray *tpoints_json(uint64_t group, uint64_t on)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++) {
		JsonObject *o;

		if (!(group >> i & 1))
			continue;
		o = json_object_new();
		json_object_set_string_member(o, "name", trace_event_name((uint16_t)i));
		json_object_set_int_member(o, "id", i);
		json_object_set_boolean_member(o, "enabled", on >> i & 1);
		json_array_add_object_element(array, o);
	}
	return array;
}

static void get_group_mask(struct rpc_request *req)
{
	uint64_t on = enabled(req);
	JsonObject *o = json_object_new();

	add_group_mask(o, on);
	for (unsigned i = 0; trace_groups[i]; i++) {
		uint64_t events = trace_group_events(i);
		JsonObject *group = json_object_new();

		json_object_set_boolean_member(group, "enabled", (events & on) != 0);
		add_hex(group, "mask", UINT64_C(1) << i);
		add_hex(group, "tpoint_mask", gather(events, on));
		json_object_set_array_member(group, "tpoints", tpoints_json(events, on));
		json_object_set_object_member(o, trace_groups[i], group);
	}
	rpc_reply_object(req, o);
}

/* There is no shared memory: trace_dump tells what was recorded. */
static void get_info(struct rpc_request *req)
{
	uint64_t on = enabled(req);
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "tpoint_shm_path", "");
	add_group_mask(o, on);
	for (unsigned i = 0; trace_groups[i]; i++) {
		JsonObject *group = json_object_new();

		add_hex(group, "mask", UINT64_C(1) << i);
		add_hex(group, "tpoint_mask", gather(trace_group_events(i), on));
		json_object_set_object_member(o, trace_groups[i], group);
	}
	rpc_reply_object(req, o);
}

const struct rpc_method rpc_methods_trace[] = {
	{ .name = "trace_dump",
	  .call = trace_dump_method,
	  .params = dump_params,
	  .params_size = sizeof(struct dump_params),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_enable_tpoint_group",
	  .call = enable_group,
	  .params = group_params,
	  .params_size = sizeof(struct on_group),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_disable_tpoint_group",
	  .call = disable_group,
	  .params = group_params,
	  .params_size = sizeof(struct on_group),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_set_tpoint_mask",
	  .call = set_mask,
	  .params = mask_params,
	  .params_size = sizeof(struct on_group),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_clear_tpoint_mask",
	  .call = clear_mask,
	  .params = mask_params,
	  .params_size = sizeof(struct on_group),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_get_tpoint_group_mask",
	  .call = get_group_mask,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_get_info", .call = get_info, .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "trace_clear", .call = clear_records, .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
