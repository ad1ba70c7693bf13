/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latency histograms of bdevs. They are recorded as finely as weft does, 32 buckets
 * an octave up to 2^40 ns; granularity and range are how they are shown. Since a
 * coarser bucket holds whole finer ones, nothing is lost by that.
 *
 * What is shown: from range min_range to max_range, 2^granularity buckets each;
 * range 0 is 0 to 2^granularity ns, range n the octave that ends at
 * 2^(granularity + n).
 */
#include <errno.h>
#include <string.h>

#include "target/bdev/bdev-stats.h"
#include "target/rpc/methods.h"

#define MAX_BORDERS 1024

static const char *const op_names[] = { "read", "write", "flush", "write_zeroes", "unmap", NULL };

struct histogram {
	const char *name;
	bool enable;
	const char *opc;
	uint8_t granularity;
	uint64_t min_nsec, max_nsec;
	const struct jv *borders;
};

static const struct rpc_param enable_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct histogram, name),
	RPC_PARAM("enable", RPC_BOOL, RPC_REQUIRED, struct histogram, enable),
	RPC_PARAM("opc", RPC_STR, 0, struct histogram, opc),
	RPC_PARAM("granularity", RPC_U8, 0, struct histogram, granularity, .def = HIST_SUB_BITS,
		  .min = 1, .max = HIST_SUB_BITS),
	RPC_PARAM("min_nsec", RPC_U64, 0, struct histogram, min_nsec),
	RPC_PARAM("max_nsec", RPC_U64, 0, struct histogram, max_nsec, .def = UINT64_MAX),
	{ 0 },
};

static const struct rpc_param name_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct histogram, name),
	{ 0 },
};

static const struct rpc_param borders_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct histogram, name),
	RPC_PARAM("borders", RPC_ARRAY, RPC_REQUIRED, struct histogram, borders,
		  .max = MAX_BORDERS),
	{ 0 },
};

/* --- bdev_enable_histogram ------------------------------------------------------------------ */

/* 0: the request has been failed. */
static uint32_t ops_of(struct rpc_request *req, const char *opc)
{
	g_autofree char *list = NULL;

	if (!opc)
		return (1u << BDEV_OP_COUNT) - 1;
	for (unsigned i = 0; op_names[i]; i++)
		if (strcmp(op_names[i], opc) == 0)
			return 1u << i;
	list = g_strjoinv(", ", (char **)op_names);
	rpc_fail_with(req, -EINVAL, NULL, "opc is \"%s\"; it is one of %s", opc, list);
	return 0;
}

static void set_true(void *arg)
{
	rpc_reply_true(arg);
}

static void enable_histogram(struct rpc_request *req)
{
	const struct histogram *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, NULL, NULL);
	uint32_t ops = 0;

	if (!bdev)
		return;
	if (p->enable && p->min_nsec > p->max_nsec) {
		rpc_fail_with(req, -EINVAL, NULL,
			      "min_nsec is %" G_GUINT64_FORMAT " and max_nsec is %" G_GUINT64_FORMAT
			      "; the first must not be above the second",
			      p->min_nsec, p->max_nsec);
		return;
	}
	if (p->enable) {
		ops = ops_of(req, p->opc);
		if (ops == 0)
			return;
		bdev->hist_view = (struct bdev_hist_view){ .granularity = p->granularity,
							   .min_ns = p->min_nsec,
							   .max_ns = p->max_nsec };
	}
	bdev_histogram_set(bdev, ops, set_true, req);
}

/* --- bdev_get_histogram, bdev_get_histogram_borders ------------------------------------------ */

/* The histogram of all reactors together. Caller frees; so is all. */
static struct hist *sum_of(struct bdev_stats_all *all)
{
	struct hist *sum = g_new0(struct hist, 1);

	for (unsigned i = 0; i < all->n; i++)
		if (all->of[i].hist)
			hist_merge(sum, all->of[i].hist);
	bdev_stats_all_free(all);
	return sum;
}

static unsigned range_of(uint64_t ns, unsigned granularity)
{
	if (ns >> granularity == 0)
		return 0;
	return MIN(64u - (unsigned)__builtin_clzll(ns), HIST_MAX_BITS) - granularity;
}

/* Of what is shown from range 0 on. */
static unsigned bucket_of(uint64_t ns, unsigned granularity)
{
	unsigned range = range_of(ns, granularity);

	if (range == 0)
		return (unsigned)ns;
	return (range << granularity) +
	       (unsigned)((ns >> (range - 1)) - (UINT64_C(1) << granularity));
}

static void histogram_collected(struct bdev_stats_all *all)
{
	struct rpc_request *req = all->arg;
	const struct bdev_hist_view *view = req->scratch;
	unsigned granularity = view->granularity;
	unsigned min = range_of(view->min_ns, granularity);
	unsigned max = range_of(view->max_ns, granularity);
	unsigned n = (max - min + 1) << granularity, first = min << granularity;
	g_autofree guint64 *buckets = g_new0(guint64, n);
	g_autofree struct hist *sum = sum_of(all);
	g_autofree char *text = NULL;
	JsonObject *o = json_object_new();

	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		unsigned at = bucket_of(hist_bucket_low(i), granularity);

		at = CLAMP(at, first, first + n - 1) - first;
		buckets[at] += sum->buckets[i];
	}
	for (unsigned i = 0; i < n; i++)
		buckets[i] = GUINT64_TO_LE(buckets[i]);
	text = g_base64_encode((const guchar *)buckets, n * sizeof(*buckets));
	json_object_set_string_member(o, "histogram", text);
	json_object_set_int_member(o, "granularity", granularity);
	json_object_set_int_member(o, "min_range", min);
	json_object_set_int_member(o, "max_range", max);
	json_object_set_int_member(o, "tsc_rate", RPC_TICK_RATE);
	g_clear_pointer(&req->scratch, g_free);
	rpc_reply_object(req, o);
}

/* NULL: the request has been failed. */
static struct bdev *with_histogram(struct rpc_request *req)
{
	const struct histogram *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, NULL, NULL);

	if (!bdev || bdev->hist_ops != 0)
		return bdev;
	rpc_fail_with(req, -EFAULT, NULL,
		      "\"%s\" has no histogram; bdev_enable_histogram starts one", p->name);
	return NULL;
}

static void get_histogram(struct rpc_request *req)
{
	struct bdev *bdev = with_histogram(req);

	if (!bdev)
		return;
	/* The bdev may be gone when its figures come. */
	req->scratch = g_memdup2(&bdev->hist_view, sizeof(bdev->hist_view));
	bdev_stats_collect(bdev, BDEV_RESET_NONE, true, histogram_collected, req);
}

static uint64_t number(const struct jv *v)
{
	bool negative;
	uint64_t n = 0;

	jv_integer(v, &negative, &n);
	return n;
}

/* One count more than borders: of I/Os below the first, of those from there to the next, ... */
static void borders_collected(struct bdev_stats_all *all)
{
	struct rpc_request *req = all->arg;
	const struct histogram *p = req->params;
	g_autofree struct hist *sum = sum_of(all);
	JsonObject *o = json_object_new();
	JsonArray *counts = json_array_new();
	unsigned i = 0;

	for (const struct jv *border = p->borders->first;; border = border->next) {
		uint64_t count = 0;

		for (; i < HIST_BUCKETS; i++) {
			if (border && hist_bucket_low(i) >= number(border))
				break;
			count += sum->buckets[i];
		}
		json_array_add_int_element(counts, (gint64)count);
		if (!border)
			break;
	}
	json_object_set_array_member(o, "borders_count", counts);
	rpc_reply_object(req, o);
}

static bool check_borders(struct rpc_request *req, const struct jv *borders)
{
	uint64_t n, before = 0;
	unsigned index = 0;
	bool negative;

	if (borders->count == 0) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"borders\" is empty; it needs one number of nanoseconds at least");
		return false;
	}
	for (const struct jv *v = borders->first; v; v = v->next, index++) {
		if (v->type != JV_NUMBER || jv_integer(v, &negative, &n) != JV_INT_OK || negative ||
		    n <= before) {
			g_autofree char *given = jv_describe(v);

			rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
				      "\"borders[%u]\" is %s; borders are whole numbers of "
				      "nanoseconds, each above the one before",
				      index, given);
			return false;
		}
		before = n;
	}
	return true;
}

static void get_histogram_borders(struct rpc_request *req)
{
	const struct histogram *p = req->params;
	struct bdev *bdev = with_histogram(req);

	if (bdev && check_borders(req, p->borders))
		bdev_stats_collect(bdev, BDEV_RESET_NONE, true, borders_collected, req);
}

/* --- configuration -----------------------------------------------------------------------------
 */

void rpc_config_bdev_histogram(const struct bdev *bdev, JsonArray *config)
{
	const struct bdev_hist_view *view = &bdev->hist_view;
	JsonObject *o;

	if (bdev->hist_ops == 0)
		return;
	o = json_object_new();
	json_object_set_string_member(o, "name", bdev->name);
	json_object_set_boolean_member(o, "enable", TRUE);
	for (unsigned i = 0; op_names[i]; i++)
		if (bdev->hist_ops == 1u << i)
			json_object_set_string_member(o, "opc", op_names[i]);
	if (view->granularity != HIST_SUB_BITS)
		json_object_set_int_member(o, "granularity", view->granularity);
	if (view->min_ns != 0)
		json_object_set_int_member(o, "min_nsec", (gint64)view->min_ns);
	if (view->max_ns != UINT64_MAX)
		json_object_set_int_member(o, "max_nsec", (gint64)view->max_ns);
	rpc_config_add(config, "bdev_enable_histogram", o);
}

#define METHOD(name_, call_, params_, ...)                                                         \
	{                                                                                          \
		.name = name_, .call = call_, .params = params_,                                   \
		.params_size = sizeof(struct histogram), .states = RPC_RUNTIME, ##__VA_ARGS__      \
	}

const struct rpc_method rpc_methods_bdev_histogram[] = {
	METHOD("bdev_enable_histogram", enable_histogram, enable_params, .makes = true),
	METHOD("bdev_get_histogram", get_histogram, name_params),
	METHOD("bdev_get_histogram_borders", get_histogram_borders, borders_params),
	{ 0 },
};
