/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what metrics_get says (docs/metrics.md) to items. What is missing or of another
 * type counts as 0 or "": the target may be of another release.
 */
#include <string.h>

#include "tools/weftctl/top.h"

static const char *const sections[TOP_VIEWS] = { "subsystems", "namespaces", "controllers",
						 "paths",      "bdevs",	     "reactors" };

char *top_params(enum top_view_id view, const char *nqn)
{
	g_autoptr(GString) s = g_string_new("{\"sections\": [\"reactors\"");

	if (view != TOP_REACTORS)
		g_string_append_printf(s, ", \"%s\"", sections[view]);
	if (view == TOP_SUBSYSTEMS)
		g_string_append(s, ", \"namespaces\"");
	g_string_append_c(s, ']');
	if (nqn) {
		g_string_append(s, ", \"nqn\": ");
		append_quoted(s, nqn, strlen(nqn));
	}
	if (view == TOP_REACTORS)
		g_string_append(s, ", \"histograms\": false");
	g_string_append_c(s, '}');
	return g_strdup(s->str);
}

/* --- counts ---------------------------------------------------------------------------------- */

/* Bounds are those of target/core/latency.h; others count to the next one up. */
static void add_latency(struct top_item *item, const struct jv *latency)
{
	const struct jv *buckets = latency ? jv_member(latency, "buckets") : NULL;

	item->count[TOP_TIME] += live_number(latency, "sum_ns");
	for (const struct jv *b = buckets ? buckets->first : NULL; b; b = b->next) {
		const struct jv *bound = b->type == JV_ARRAY ? b->first : NULL;
		const struct jv *count = bound ? bound->next : NULL;
		unsigned i = LATENCY_BUCKETS - 1;
		guint64 ns, n;
		bool negative;

		if (!count || count->type != JV_NUMBER ||
		    jv_integer(count, &negative, &n) != JV_INT_OK || negative)
			continue;
		if (bound->type == JV_NUMBER && jv_integer(bound, &negative, &ns) == JV_INT_OK)
			i = latency_bucket(ns);
		if (!item->latency)
			item->latency = g_new0(struct latency, 1);
		item->latency->n[i] += n;
		item->count[TOP_TIMED] += n;
	}
}

static void add_members(guint64 *sum, const struct jv *object)
{
	for (const struct jv *v = object && object->type == JV_OBJECT ? object->first : NULL; v;
	     v = v->next)
		*sum += live_number(object, v->key);
}

/* read, write, other and errors, as namespaces, controllers and paths have them. */
static void add_counts(struct top_item *item, const struct jv *v)
{
	static const char *const kinds[] = { "read", "write", "other" };

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const struct jv *kind = jv_member(v, kinds[i]);
		guint64 bytes = live_number(kind, "bytes");

		item->count[TOP_OPS] += live_number(kind, "ops");
		if (i < 2)
			item->count[i == 0 ? TOP_READ_BYTES : TOP_WRITE_BYTES] += bytes;
		add_latency(item, kind ? jv_member(kind, "latency") : NULL);
	}
	add_members(&item->count[TOP_ERRORS], jv_member(v, "errors"));
}

/* --- items of each view -------------------------------------------------------------------------
 */

static char *address(const struct jv *v)
{
	const struct jv *a = jv_member(v, "listen_address");
	const char *host = live_text(a, "traddr");
	bool brackets = strchr(host, ':') != NULL;

	return g_strdup_printf("%s%s%s:%s", brackets ? "[" : "", host, brackets ? "]" : "",
			       live_text(a, "trsvcid"));
}

static void fill_subsystem(struct top_item *item, const struct jv *v)
{
	item->text[0] = g_strdup(live_text(v, "nqn"));
	item->gauge[0] = live_number(v, "namespaces");
	item->gauge[1] = live_number(v, "controllers");
	item->gauge[2] = live_number(v, "listeners");
	item->count[TOP_OPS] = live_number(v, "commands");
	item->count[TOP_ERRORS] = live_number(v, "errors");
	item->key = g_strdup(item->text[0]);
}

static void fill_namespace(struct top_item *item, const struct jv *v)
{
	item->text[0] = g_strdup(live_text(v, "nqn"));
	item->text[1] = g_strdup(live_text(v, "bdev"));
	item->gauge[0] = live_number(v, "nsid");
	item->gauge[1] = live_number(v, "outstanding");
	item->gauge[2] = live_number(v, "blocks") * live_number(v, "block_size");
	item->key = g_strdup_printf("%s\n%s\n%" G_GUINT64_FORMAT, item->text[0],
				    live_text(v, "uuid"), item->gauge[0]);
	add_counts(item, v);
}

static void fill_controller(struct top_item *item, const struct jv *v)
{
	item->text[0] = g_strdup(live_text(v, "hostnqn"));
	item->text[1] = g_strdup(live_text(v, "nqn"));
	item->text[2] = g_strdup(live_text(v, "peer"));
	item->text[3] = address(v);
	item->gauge[0] = live_number(v, "cntlid");
	item->gauge[1] = live_number(v, "outstanding");
	item->gauge[2] = live_number(v, "io_queues");
	item->gauge[3] = live_number(v, "reactor");
	item->key = g_strdup_printf("%s\n%s\n%s\n%" G_GUINT64_FORMAT, item->text[1], item->text[0],
				    item->text[2], item->gauge[0]);
	add_counts(item, v);
}

static void fill_path(struct top_item *item, const struct jv *v)
{
	item->text[0] = g_strdup(live_text(v, "hostnqn"));
	item->text[1] = g_strdup(live_text(v, "nqn"));
	item->text[2] = address(v);
	item->text[3] = g_strdup(live_text(v, "ana_state"));
	item->gauge[0] = live_number(v, "controllers");
	item->gauge[1] = live_number(v, "outstanding");
	item->gauge[2] = live_number(v, "io_queues");
	item->key = g_strdup_printf("%s\n%s\n%s", item->text[1], item->text[0], item->text[2]);
	add_counts(item, v);
}

static void fill_bdev(struct top_item *item, const struct jv *v)
{
	static const char *const ops[] = { "read",	   "write", "flush",
					   "write_zeroes", "unmap", "write_uncorrectable" };

	item->text[0] = g_strdup(live_text(v, "name"));
	item->text[1] = g_strdup(live_text(v, "product_name"));
	item->gauge[1] = live_number(v, "queue_depth");
	item->gauge[2] = live_number(v, "blocks") * live_number(v, "block_size");
	item->key = g_strdup_printf("%s\n%s", item->text[0], live_text(v, "uuid"));
	add_latency(item, jv_member(v, "latency"));
	/* these are counted whether the histogram is on or not */
	item->count[TOP_TIME] = item->count[TOP_TIMED] = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(ops); i++) {
		const struct jv *op = jv_member(v, ops[i]);

		item->count[TOP_OPS] += live_number(op, "ops");
		item->count[TOP_TIMED] += live_number(op, "ops");
		item->count[TOP_TIME] += live_number(op, "ns");
		if (i < 2)
			item->count[i == 0 ? TOP_READ_BYTES : TOP_WRITE_BYTES] =
				live_number(op, "bytes");
	}
	add_members(&item->count[TOP_ERRORS], jv_member(v, "errors"));
}

static void fill_reactor(struct top_item *item, const struct jv *v)
{
	const struct jv *pool = jv_member(v, "pool");

	item->key = g_strdup_printf("%" G_GUINT64_FORMAT, live_number(v, "reactor"));
	item->text[0] = g_strdup(item->key);
	item->gauge[0] = live_number(v, "io_queues");
	item->gauge[1] = live_number(v, "commands_waiting");
	item->gauge[2] = live_number(pool, "allocated");
	item->gauge[3] = live_number(pool, "limit");
	item->count[TOP_OPS] = live_number(v, "commands");
	item->count[TOP_BUSY] = live_number(v, "busy_ns");
	item->count[TOP_IDLE] = live_number(v, "idle_ns");
	item->count[TOP_PASSES] = live_number(v, "passes");
}

static void (*const fill[TOP_VIEWS])(struct top_item *item, const struct jv *v) = {
	fill_subsystem, fill_namespace, fill_controller, fill_path, fill_bdev, fill_reactor
};

/* --- samples ------------------------------------------------------------------------------------
 */

static void item_free(void *p)
{
	struct top_item *item = p;

	g_free(item->key);
	for (unsigned i = 0; i < TOP_TEXTS; i++)
		g_free(item->text[i]);
	g_free(item->latency);
	g_free(item);
}

/* A namespace's bytes and times are also its subsystem's. */
static void add_to_subsystem(struct top_sample *s, const struct jv *v)
{
	struct top_item *item = g_hash_table_lookup(s->by_key, live_text(v, "nqn"));
	guint64 ops, errors;

	if (!item)
		return;
	ops = item->count[TOP_OPS];
	errors = item->count[TOP_ERRORS];
	add_counts(item, v);
	item->count[TOP_OPS] = ops;
	item->count[TOP_ERRORS] = errors;
	item->gauge[3] += live_number(v, "outstanding");
}

static const struct jv *elements(const struct jv *result, const char *section)
{
	const struct jv *v = jv_member(result, section);

	return v && v->type == JV_ARRAY ? v->first : NULL;
}

struct top_sample *top_sample_new(enum top_view_id view, const struct jv *result)
{
	struct top_sample *s;

	if (result->type != JV_OBJECT || !jv_member(result, "time_ns"))
		return NULL;
	s = g_new0(struct top_sample, 1);
	s->view = view;
	s->time_ns = live_number(result, "time_ns");
	s->uptime_ns = live_number(result, "uptime_ns");
	s->items = g_ptr_array_new_with_free_func(item_free);
	s->by_key = g_hash_table_new(g_str_hash, g_str_equal);
	for (const struct jv *v = elements(result, sections[view]); v; v = v->next) {
		struct top_item *item = g_new0(struct top_item, 1);

		fill[view](item, v);
		g_ptr_array_add(s->items, item);
		g_hash_table_replace(s->by_key, item->key, item);
	}
	if (view == TOP_SUBSYSTEMS)
		for (const struct jv *v = elements(result, "namespaces"); v; v = v->next)
			add_to_subsystem(s, v);
	for (const struct jv *v = elements(result, "reactors"); v; v = v->next) {
		s->busy_ns += live_number(v, "busy_ns");
		s->idle_ns += live_number(v, "idle_ns");
	}
	return s;
}

void top_sample_free(struct top_sample *s)
{
	if (!s)
		return;
	g_hash_table_unref(s->by_key);
	g_ptr_array_unref(s->items);
	g_free(s);
}

bool top_comparable(const struct top_sample *before, const struct top_sample *now)
{
	return before && before->view == now->view && before->time_ns < now->time_ns &&
	       before->uptime_ns <= now->uptime_ns;
}
