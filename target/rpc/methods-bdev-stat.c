/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics and limits of bdevs. Ticks are nanoseconds. */
#include <errno.h>
#include <string.h>

#include "target/bdev/bdev-stats.h"
#include "target/rpc/methods.h"
#include "target/rpc/walk.h"

#define MAX_NAMES 1024
#define COLLECT_MAX 32 /* bdevs asked at a time */

/* --- one bdev's ---------------------------------------------------------------------- */

static void add_counts(JsonObject *o, const struct bdev_stats *s)
{
	static const struct {
		const char *bytes, *ops;
		int op; /* -1: weft has none that is told apart */
	} kinds[] = {
		{ "bytes_read", "num_read_ops", BDEV_READ },
		{ "bytes_written", "num_write_ops", BDEV_WRITE },
		{ "bytes_unmapped", "num_unmap_ops", BDEV_UNMAP },
		{ "bytes_copied", "num_copy_ops", -1 },
	};
	static const char *const names[] = { "read", "write", "unmap", "copy" };
	static const char *const which[] = { "", "max_", "min_" };
	static const struct bdev_op_stats none;

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const struct bdev_op_stats *k = kinds[i].op < 0 ? &none : &s->op[kinds[i].op];

		json_object_set_int_member(o, kinds[i].bytes, (gint64)k->bytes);
		json_object_set_int_member(o, kinds[i].ops, (gint64)k->ops);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const struct bdev_op_stats *k = kinds[i].op < 0 ? &none : &s->op[kinds[i].op];
		const uint64_t values[] = { k->ticks, k->max, k->min == UINT64_MAX ? 0 : k->min };

		for (unsigned j = 0; j < G_N_ELEMENTS(which); j++) {
			g_autofree char *key =
				g_strconcat(which[j], names[i], "_latency_ticks", NULL);

			json_object_set_int_member(o, key, (gint64)values[j]);
		}
	}
}

static void add_errors(JsonObject *o, const struct bdev_stats *s)
{
	static const char *const names[] = { "failed", "aborted", "miscompare", "nvme_error" };
	JsonObject *errors = json_object_new();

	for (unsigned i = 0; i < BDEV_E_COUNT; i++) {
		if (s->errors[i])
			json_object_set_int_member(errors, names[i], (gint64)s->errors[i]);
	}
	json_object_set_object_member(o, "io_error", errors);
}

static JsonObject *bdev_total(const struct bdev_stats_all *all)
{
	JsonObject *o = json_object_new();
	struct bdev_stats sum = { 0 };

	for (unsigned i = 0; i < all->n; i++)
		bdev_stats_add(&sum, &all->of[i]);
	json_object_set_string_member(o, "name", all->name);
	add_counts(o, &sum);
	add_errors(o, &sum);
	return o;
}

static JsonArray *bdev_channels(const struct bdev_stats_all *all)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < all->n; i++) {
		JsonObject *o;

		if (!all->has[i])
			continue;
		o = json_object_new();
		json_object_set_int_member(o, "thread_id", i + 1);
		add_counts(o, &all->of[i]);
		add_errors(o, &all->of[i]);
		json_array_add_object_element(array, o);
	}
	return array;
}

/* --- bdev_get_iostat, bdev_reset_iostat ----------------------------------------------------- */

static const char *const reset_modes[] = { "all", "maxmin", "error", "none", NULL };

struct get_iostat {
	const struct jv *names;
	bool per_channel;
	unsigned mode;
};

static void iostat_defaults(void *params)
{
	((struct get_iostat *)params)->mode = BDEV_RESET_NONE;
}

static const struct rpc_param get_iostat_params[] = {
	RPC_PARAM("names", RPC_STRS, 0, struct get_iostat, names, .max = MAX_NAMES),
	RPC_PARAM("per_channel", RPC_BOOL, 0, struct get_iostat, per_channel),
	RPC_PARAM("reset_mode", RPC_ENUM, 0, struct get_iostat, mode, .values = reset_modes),
	{ 0 },
};

struct iostat {
	struct rpc_pieces pieces;
	struct rpc_request *req;
	struct rpc_walk walk; /* to ask for, some at a time */
	unsigned mode, left;
	bool per_channel, reset_only;
	GPtrArray *results; /* struct bdev_stats_all *, in the order asked for; NULL: shown */
	guint shown;
};

static JsonObject *iostat_head(struct rpc_request *req)
{
	JsonObject *o = json_object_new();

	json_object_set_int_member(o, "tick_rate", RPC_TICK_RATE);
	json_object_set_int_member(o, "ticks", (gint64)req->server->reactor->now);
	return o;
}

static void add_depth(JsonObject *o, const struct bdev_sampling *s)
{
	if (!s || !s->period)
		return;
	json_object_set_int_member(o, "queue_depth_polling_period", (gint64)s->period);
	json_object_set_int_member(o, "queue_depth", (gint64)s->depth);
	json_object_set_int_member(o, "io_time", (gint64)s->io_time);
	json_object_set_int_member(o, "weighted_io_time", (gint64)s->weighted_io_time);
}

static void iostat_free(struct rpc_pieces *pieces)
{
	struct iostat *io = (struct iostat *)pieces;

	for (guint i = io->shown; i < io->results->len; i++)
		bdev_stats_all_free(io->results->pdata[i]);
	g_ptr_array_free(io->results, TRUE);
	rpc_walk_clear(&io->walk);
	g_free(io);
}

static void reply_channels(struct iostat *io)
{
	JsonObject *o = iostat_head(io->req);
	const struct bdev_stats_all *all = io->results->pdata[0];

	json_object_set_string_member(o, "name", all->name);
	json_object_set_array_member(o, "channels", bdev_channels(all));
	rpc_reply_object(io->req, o);
	iostat_free(&io->pieces);
}

static bool iostat_more(struct rpc_pieces *pieces, GString *out)
{
	struct iostat *io = (struct iostat *)pieces;
	struct bdev_stats_all *all;
	const struct bdev *bdev;
	JsonObject *total;

	if (io->shown == 0) {
		rpc_append_object(out, iostat_head(io->req), false);
		g_string_truncate(out, out->len - 1);
		g_string_append(out, ",\"bdevs\":[");
	}
	if (io->shown == io->results->len) {
		g_string_append(out, "]}");
		return false;
	}
	all = io->results->pdata[io->shown];
	bdev = bdev_find(io->req->server->bdevs, all->name);
	total = bdev_total(all);
	add_depth(total, bdev ? bdev->sampling : NULL);
	rpc_append_object(out, total, io->shown++ > 0);
	bdev_stats_all_free(all);
	return true;
}

static void collect_some(struct iostat *io);

static void one_less(struct iostat *io)
{
	if (--io->left > 0)
		return;
	if (rpc_walk_name(&io->walk)) {
		collect_some(io);
	} else if (io->reset_only) {
		rpc_reply_true(io->req);
		iostat_free(&io->pieces);
	} else if (io->per_channel) {
		reply_channels(io);
	} else {
		io->pieces = (struct rpc_pieces){ iostat_more, iostat_free };
		rpc_reply_pieces(io->req, &io->pieces);
	}
}

/* Answers come in the order of the questions: each passes the same reactors. */
static void collected(struct bdev_stats_all *all)
{
	struct iostat *io = all->arg;

	if (io->reset_only)
		bdev_stats_all_free(all);
	else
		g_ptr_array_add(io->results, all);
	one_less(io);
}

/* The others when those have answered. A bdev that has gone is left out. */
static void collect_some(struct iostat *io)
{
	const char *name;

	io->left = 1;
	while (io->left <= COLLECT_MAX && (name = rpc_walk_name(&io->walk)) != NULL) {
		struct bdev *bdev = bdev_find(io->req->server->bdevs, name);

		io->walk.at++;
		if (!bdev)
			continue;
		io->left++;
		bdev_stats_collect(bdev, (enum bdev_reset)io->mode, false, collected, io);
	}
	one_less(io);
}

/* Of no bdev yet. */
static struct iostat *iostat_new(struct rpc_request *req, unsigned mode)
{
	struct iostat *io = g_new0(struct iostat, 1);

	io->req = req;
	io->mode = mode;
	io->results = g_ptr_array_new();
	io->walk.server = req->server;
	rpc_walk_begin(&io->walk);
	return io;
}

static void bdev_get_iostat(struct rpc_request *req)
{
	const struct get_iostat *p = req->params;
	const struct jv *name = p->names ? p->names->first : NULL;
	struct iostat *io;

	if (p->per_channel && (!name || name->next)) {
		rpc_fail_with(req, -EINVAL, NULL, "per_channel is for one bdev: give one name");
		return;
	}
	for (const struct jv *n = name; n; n = n->next)
		if (!rpc_bdev_find(req, n->str, NULL, NULL))
			return;
	io = iostat_new(req, p->mode);
	io->per_channel = p->per_channel;
	if (!name)
		rpc_walk_bdevs(&io->walk);
	for (; name; name = name->next)
		rpc_walk_add(&io->walk, name->str);
	collect_some(io);
}

struct reset_iostat {
	const char *name;
	unsigned mode;
};

static const struct rpc_param reset_iostat_params[] = {
	RPC_PARAM("name", RPC_STR, 0, struct reset_iostat, name),
	RPC_PARAM("mode", RPC_ENUM, 0, struct reset_iostat, mode, .values = reset_modes),
	{ 0 },
};

static void bdev_reset_iostat(struct rpc_request *req)
{
	const struct reset_iostat *p = req->params;
	struct bdev *bdev = NULL;
	struct iostat *io;

	if (p->name) {
		bdev = rpc_bdev_find(req, p->name, NULL, NULL);
		if (!bdev)
			return;
	}
	io = iostat_new(req, p->mode);
	io->reset_only = true;
	if (bdev)
		rpc_walk_add(&io->walk, bdev->name);
	else
		rpc_walk_bdevs(&io->walk);
	collect_some(io);
}

/* --- queue depth -------------------------------------------------------------------------------
 */

void rpc_config_bdev_stat(const struct bdev *bdev, JsonArray *config)
{
	JsonObject *o;

	rpc_config_bdev_histogram(bdev, config);
	if (!bdev->sampling || !bdev->sampling->period)
		return;
	o = json_object_new();
	json_object_set_string_member(o, "name", bdev->name);
	json_object_set_int_member(o, "period", (gint64)bdev->sampling->period);
	rpc_config_add(config, "bdev_set_qd_sampling_period", o);
}

struct sampling {
	const char *name;
	uint64_t period; /* us */
};

static const struct rpc_param sampling_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct sampling, name),
	RPC_PARAM("period", RPC_U64, RPC_REQUIRED, struct sampling, period,
		  .max = UINT64_C(3600000000)),
	{ 0 },
};

static void bdev_set_qd_sampling_period(struct rpc_request *req)
{
	const struct sampling *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, NULL, NULL);

	if (!bdev)
		return;
	bdev_sampling_set(bdev, p->period);
	rpc_reply_true(req);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static const char *const limit_names[BDEV_LIMIT_COUNT] = {
	[BDEV_RW_IOS] = "rw_ios_per_sec",
	[BDEV_RW_MBYTES] = "rw_mbytes_per_sec",
	[BDEV_R_MBYTES] = "r_mbytes_per_sec",
	[BDEV_W_MBYTES] = "w_mbytes_per_sec",
};

#define UNCHANGED UINT64_MAX
/* More than anything could do; so that nothing computed from it overflows. */
#define IOS_MAX UINT64_C(1000000000000)
#define MBYTES_MAX UINT64_C(1000000000)

struct qos {
	const char *name;
	uint64_t limit[BDEV_LIMIT_COUNT];
};

static void qos_defaults(void *params)
{
	struct qos *p = params;

	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++)
		p->limit[i] = UNCHANGED;
}

#define LIMIT(name_, which_, max_)                                                                 \
	RPC_PARAM(name_, RPC_U64, 0, struct qos, limit[which_], .max = max_)

static const struct rpc_param qos_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct qos, name),
	LIMIT("rw_ios_per_sec", BDEV_RW_IOS, IOS_MAX),
	LIMIT("rw_mbytes_per_sec", BDEV_RW_MBYTES, MBYTES_MAX),
	LIMIT("r_mbytes_per_sec", BDEV_R_MBYTES, MBYTES_MAX),
	LIMIT("w_mbytes_per_sec", BDEV_W_MBYTES, MBYTES_MAX),
	{ 0 },
};

static void done_true(void *arg)
{
	rpc_reply_true(arg);
}

static void bdev_set_qos_limit(struct rpc_request *req)
{
	const struct qos *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, NULL, NULL);
	uint64_t limit[BDEV_LIMIT_COUNT];
	bool any = false;

	if (!bdev)
		return;
	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++) {
		any |= p->limit[i] != UNCHANGED;
		limit[i] = p->limit[i] != UNCHANGED ? p->limit[i] : bdev->limits[i];
	}
	if (any)
		bdev_set_limits(bdev, limit, done_true, req);
	else
		rpc_fail_with(req, -EINVAL, "No rate limits specified",
			      "give one or more of rw_ios_per_sec, rw_mbytes_per_sec, "
			      "r_mbytes_per_sec and w_mbytes_per_sec; 0 lifts one");
}

JsonObject *rpc_bdev_limits(const struct bdev *bdev)
{
	JsonObject *o = json_object_new();

	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++)
		json_object_set_int_member(o, limit_names[i], (gint64)bdev->limits[i]);
	return o;
}

void rpc_config_bdev_limits(const struct bdev *bdev, JsonArray *config)
{
	JsonObject *o;
	bool any = false;

	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++)
		any |= bdev->limits[i] != 0;
	if (!any)
		return;
	o = rpc_bdev_limits(bdev);
	json_object_set_string_member(o, "name", bdev->name);
	rpc_config_add(config, "bdev_set_qos_limit", o);
}

const struct rpc_method rpc_methods_bdev_stat[] = {
	{ .name = "bdev_get_iostat",
	  .call = bdev_get_iostat,
	  .params = get_iostat_params,
	  .params_size = sizeof(struct get_iostat),
	  .defaults = iostat_defaults,
	  .states = RPC_RUNTIME },
	{ .name = "bdev_reset_iostat",
	  .call = bdev_reset_iostat,
	  .params = reset_iostat_params,
	  .params_size = sizeof(struct reset_iostat),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_set_qd_sampling_period",
	  .call = bdev_set_qd_sampling_period,
	  .params = sampling_params,
	  .params_size = sizeof(struct sampling),
	  .states = RPC_RUNTIME,
	  .makes = true },
	{ .name = "bdev_set_qos_limit",
	  .makes = true,
	  .call = bdev_set_qos_limit,
	  .params = qos_params,
	  .params_size = sizeof(struct qos),
	  .defaults = qos_defaults,
	  .states = RPC_RUNTIME },
	{ 0 },
};
