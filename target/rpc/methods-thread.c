/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reactors, as the lightweight threads that users of SPDK know: one each, with the
 * number of the reactor plus one. A poller is an engine of a reactor, an I/O channel
 * that of a bdev.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/env.h"
#include "target/rpc/methods.h"
#include "target/rpc/walk.h"

/* --- what reactors know of themselves ------------------------------------------------------ */

#define MAX_POLLERS HW_RUNNER_FDS_MAX

/* An engine: what a reactor polls. */
struct poller {
	const char *name;
	uint64_t busy;
};

struct reactor_figures {
	struct reactor_stats stats;
	uint64_t cpu_ns;
	struct poller pollers[MAX_POLLERS]; /* by name: their order in the reactor changes */
	unsigned npollers;
};

struct reactors_call {
	struct rpc_request *req;
	void (*reply)(struct rpc_request *req, const struct reactor_figures *figures);
	struct reactor_figures figures[CORE_MAX_REACTORS]; /* each written by its reactor */
};

static void take_engine(void *arg, const struct engine *e)
{
	struct reactor_figures *f = arg;

	if (f->npollers < MAX_POLLERS)
		f->pollers[f->npollers++] = (struct poller){ e->ops->name, e->busy };
}

static int by_name(const void *a, const void *b)
{
	const struct poller *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void take_figures(struct reactor *r, void *arg)
{
	struct reactors_call *call = arg;
	struct reactor_figures *f = &call->figures[r->index];
	struct hw_env *env = r->hw->env;

	f->stats = r->stats;
	f->cpu_ns = env->ops->cpu_time(env);
	reactor_engines(r, take_engine, f);
	qsort(f->pollers, f->npollers, sizeof(f->pollers[0]), by_name);
}

static void figures_taken(void *arg)
{
	g_autofree struct reactors_call *call = arg;

	call->reply(call->req, call->figures);
}

static void collect(struct rpc_request *req,
		    void (*reply)(struct rpc_request *req, const struct reactor_figures *figures))
{
	struct reactors_call *call = g_new0(struct reactors_call, 1);

	call->req = req;
	call->reply = reply;
	core_broadcast(req->server->core, take_figures, figures_taken, call);
}

static int cpu_of(const struct core *core, unsigned i)
{
	return core->options.cpus && core->options.cpus[i] >= 0 ? core->options.cpus[i] : -1;
}

/* Hexadecimal without "0x"; of a reactor that is not pinned: as if on processor i. */
static char *cpumask(const struct core *core, unsigned i)
{
	int cpu = cpu_of(core, i);
	unsigned bit = cpu >= 0 ? (unsigned)cpu : i;
	GString *s = g_string_new(NULL);

	g_string_append_printf(s, "%x", 1u << bit % 4);
	for (unsigned digit = 0; digit < bit / 4; digit++)
		g_string_append_c(s, '0');
	return g_string_free(s, FALSE);
}

static JsonObject *thread_json(const struct core *core, unsigned i)
{
	g_autofree char *name = g_strdup_printf(RPC_THREAD_NAME, i);
	g_autofree char *mask = cpumask(core, i);
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "name", name);
	json_object_set_int_member(o, "id", i + 1);
	json_object_set_string_member(o, "cpumask", mask);
	return o;
}

/* --- reactors -------------------------------------------------------------------------- */

static JsonObject *reactor_json(const struct rpc_server *server, unsigned i,
				const struct reactor_figures *f)
{
	const struct core *core = server->core;
	JsonObject *o = json_object_new(), *thread = thread_json(core, i);
	JsonArray *threads = json_array_new();
	int cpu = cpu_of(core, i);

	json_object_set_int_member(o, "lcore", cpu >= 0 ? cpu : (int)i);
	json_object_set_int_member(o, "numa_id", core->reactors[i]->node);
	/* The HAL numbers no threads: known of the main one only. */
	json_object_set_int_member(o, "tid", i == 0 ? server->pid : 0);
	json_object_set_int_member(o, "busy", (gint64)f->stats.busy_ns);
	json_object_set_int_member(o, "idle", (gint64)f->stats.idle_ns);
	json_object_set_boolean_member(o, "in_interrupt", core->options.spin_ns != HW_NEVER);
	/* In hundredths of a second, like /proc/stat; only the sum is known. */
	json_object_set_int_member(o, "irq", 0);
	json_object_set_int_member(o, "sys", 0);
	json_object_set_int_member(o, "usr", (gint64)(f->cpu_ns / 10000000));
	json_object_set_int_member(thread, "elapsed",
				   (gint64)(f->stats.busy_ns + f->stats.idle_ns));
	json_array_add_object_element(threads, thread);
	json_object_set_array_member(o, "lw_threads", threads);
	return o;
}

static void reply_reactors(struct rpc_request *req, const struct reactor_figures *figures)
{
	const struct rpc_server *server = req->server;
	JsonObject *o = json_object_new();
	JsonArray *array = json_array_new();

	json_object_set_int_member(o, "tick_rate", RPC_TICK_RATE);
	json_object_set_int_member(o, "pid", server->pid);
	for (unsigned i = 0; i < server->core->nreactors; i++)
		json_array_add_object_element(array, reactor_json(server, i, &figures[i]));
	json_object_set_array_member(o, "reactors", array);
	rpc_reply_object(req, o);
}

static void framework_get_reactors(struct rpc_request *req)
{
	collect(req, reply_reactors);
}

/* --- threads --------------------------------------------------------------------------- */

/* {tick_rate, threads[]}: threads is *array, to be filled. */
static JsonObject *threads_json(JsonArray **array)
{
	JsonObject *o = json_object_new();

	*array = json_array_new();
	json_object_set_int_member(o, "tick_rate", RPC_TICK_RATE);
	json_object_set_array_member(o, "threads", *array);
	return o;
}

static void reply_threads(struct rpc_request *req, const struct reactor_figures *figures)
{
	const struct core *core = req->server->core;
	JsonArray *array;
	JsonObject *o = threads_json(&array);

	for (unsigned i = 0; i < core->nreactors; i++) {
		JsonObject *thread = thread_json(core, i);

		json_object_set_int_member(thread, "busy", (gint64)figures[i].stats.busy_ns);
		json_object_set_int_member(thread, "idle", (gint64)figures[i].stats.idle_ns);
		json_object_set_int_member(thread, "active_pollers_count", figures[i].npollers);
		/* Timers fire when they are due: nothing polls by the clock. */
		json_object_set_int_member(thread, "timed_pollers_count", 0);
		json_object_set_int_member(thread, "paused_pollers_count", 0);
		json_array_add_object_element(array, thread);
	}
	rpc_reply_object(req, o);
}

static void thread_get_stats(struct rpc_request *req)
{
	collect(req, reply_threads);
}

static JsonObject *named_thread(unsigned i)
{
	g_autofree char *name = g_strdup_printf(RPC_THREAD_NAME, i);
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "name", name);
	json_object_set_int_member(o, "id", i + 1);
	return o;
}

static JsonArray *pollers_json(const struct reactor_figures *f)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < f->npollers; i++) {
		JsonObject *o = json_object_new();

		json_object_set_string_member(o, "name", f->pollers[i].name);
		json_object_set_int_member(o, "id", i + 1);
		json_object_set_string_member(o, "state", "waiting");
		/* Each is polled once a pass. */
		json_object_set_int_member(o, "run_count", (gint64)f->stats.passes);
		json_object_set_int_member(o, "busy_count", (gint64)f->pollers[i].busy);
		json_array_add_object_element(array, o);
	}
	return array;
}

static void reply_pollers(struct rpc_request *req, const struct reactor_figures *figures)
{
	JsonArray *array;
	JsonObject *o = threads_json(&array);

	for (unsigned i = 0; i < req->server->core->nreactors; i++) {
		JsonObject *thread = named_thread(i);

		json_object_set_array_member(thread, "active_pollers", pollers_json(&figures[i]));
		json_object_set_array_member(thread, "timed_pollers", json_array_new());
		json_object_set_array_member(thread, "paused_pollers", json_array_new());
		json_array_add_object_element(array, thread);
	}
	rpc_reply_object(req, o);
}

static void thread_get_pollers(struct rpc_request *req)
{
	collect(req, reply_pollers);
}

/* --- I/O channels ------------------------------------------------------------------------ */

#define LOOK_MAX 32 /* bdevs looked at at a time */

struct channels_of {
	struct channels_call *call;
	char *name;
	uint32_t refs[CORE_MAX_REACTORS]; /* each written by its reactor; 0: no channel */
};

struct channels_call {
	struct rpc_pieces pieces;
	struct rpc_request *req;
	struct rpc_walk walk;
	unsigned left;
	GPtrArray *bdevs;     /* struct channels_of */
	unsigned reactor, at; /* in the answer */
	bool begun, comma;
};

static void free_channels(struct rpc_pieces *pieces)
{
	struct channels_call *call = (struct channels_call *)pieces;

	for (guint i = 0; i < call->bdevs->len; i++) {
		struct channels_of *b = call->bdevs->pdata[i];

		g_free(b->name);
		g_free(b);
	}
	g_ptr_array_unref(call->bdevs);
	rpc_walk_clear(&call->walk);
	g_free(call);
}

/* Its end is still to come. */
static void open_thread(struct channels_call *call, GString *out)
{
	rpc_append_object(out, named_thread(call->reactor), call->reactor > 0);
	g_string_truncate(out, out->len - 1);
	g_string_append(out, ",\"io_channels\":[");
	call->at = 0;
	call->comma = false;
}

/* Some of the channels of a thread, or its end. */
static bool more_channels(struct rpc_pieces *pieces, GString *out)
{
	struct channels_call *call = (struct channels_call *)pieces;
	guint end = MIN(call->at + LOOK_MAX, call->bdevs->len);

	if (!call->begun) {
		g_string_append_printf(out, "{\"tick_rate\":%u,\"threads\":[", RPC_TICK_RATE);
		open_thread(call, out);
	}
	call->begun = true;
	for (; call->at < end; call->at++) {
		const struct channels_of *b = call->bdevs->pdata[call->at];
		JsonObject *o;

		if (b->refs[call->reactor] == 0)
			continue;
		o = json_object_new();
		json_object_set_string_member(o, "name", b->name);
		json_object_set_int_member(o, "ref", b->refs[call->reactor]);
		rpc_append_object(out, o, call->comma);
		call->comma = true;
	}
	if (call->at < call->bdevs->len)
		return true;
	g_string_append(out, "]}");
	if (++call->reactor < call->req->server->core->nreactors) {
		open_thread(call, out);
		return true;
	}
	g_string_append(out, "]}");
	return false;
}

static void look_at_channel(struct bdev *bdev, struct reactor *r, void *arg)
{
	struct channels_of *b = arg;
	const struct bdev_channel *channel = bdev->channels[r->index];

	b->refs[r->index] = channel ? channel->refs : 0;
}

static void look_at_some(struct channels_call *call);

static void one_looked(struct channels_call *call)
{
	if (--call->left > 0)
		return;
	if (rpc_walk_name(&call->walk))
		look_at_some(call);
	else
		rpc_reply_pieces(call->req, &call->pieces);
}

static void looked(void *arg)
{
	one_looked(((struct channels_of *)arg)->call);
}

static void look_at_some(struct channels_call *call)
{
	const char *name;

	call->left = 1;
	while (call->left <= LOOK_MAX && (name = rpc_walk_name(&call->walk)) != NULL) {
		struct bdev *bdev = bdev_find(call->req->server->bdevs, name);
		struct channels_of *b;

		call->walk.at++;
		if (!bdev)
			continue;
		b = g_new0(struct channels_of, 1);
		b->call = call;
		b->name = g_strdup(name);
		g_ptr_array_add(call->bdevs, b);
		call->left++;
		bdev_broadcast(bdev, look_at_channel, looked, b);
	}
	one_looked(call);
}

static void thread_get_io_channels(struct rpc_request *req)
{
	struct channels_call *call = g_new0(struct channels_call, 1);

	call->pieces = (struct rpc_pieces){ more_channels, free_channels };
	call->req = req;
	call->bdevs = g_ptr_array_new();
	call->walk.server = req->server;
	rpc_walk_bdevs(&call->walk);
	look_at_some(call);
}

/* --- thread_set_cpumask ------------------------------------------------------------------- */

struct set_cpumask {
	uint64_t id;
	const char *cpumask;
};

static const struct rpc_param set_cpumask_params[] = {
	RPC_PARAM("id", RPC_U64, RPC_REQUIRED, struct set_cpumask, id),
	RPC_PARAM("cpumask", RPC_STR, RPC_REQUIRED, struct set_cpumask, cpumask, .min = 1),
	{ 0 },
};

/* A reactor is pinned when it starts, for good: only what it has already can be had. */
static void thread_set_cpumask(struct rpc_request *req)
{
	const struct set_cpumask *p = req->params;
	const struct core *core = req->server->core;
	g_autofree char *now = NULL;
	const char *digits = p->cpumask;

	if (p->id < 1 || p->id > core->nreactors) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "there is no thread %" G_GUINT64_FORMAT "; there are 1 to %u", p->id,
			      core->nreactors);
		return;
	}
	if (g_ascii_strncasecmp(digits, "0x", 2) == 0)
		digits += 2;
	if (!*digits || digits[strspn(digits, "0123456789abcdefABCDEF")]) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"cpumask\" is \"%s\"; hexadecimal digits expected, a bit a "
			      "processor",
			      p->cpumask);
		return;
	}
	now = cpumask(core, (unsigned)p->id - 1);
	digits += strspn(digits, "0");
	if (g_ascii_strcasecmp(digits, now) == 0) {
		rpc_reply_true(req);
		return;
	}
	rpc_fail_with(req, -EOPNOTSUPP, NULL,
		      "thread %" G_GUINT64_FORMAT
		      " has the mask %s from its start on; weftd -m says "
		      "which processors there are reactors for",
		      p->id, now);
}

const struct rpc_method rpc_methods_thread[] = {
	{ .name = "framework_get_reactors",
	  .call = framework_get_reactors,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "thread_get_stats",
	  .call = thread_get_stats,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "thread_get_pollers",
	  .call = thread_get_pollers,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "thread_get_io_channels",
	  .call = thread_get_io_channels,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "thread_set_cpumask",
	  .call = thread_set_cpumask,
	  .params = set_cpumask_params,
	  .params_size = sizeof(struct set_cpumask),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
