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
	json_object_set_int_member(o, "numa_id", 0);
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

struct channels_of {
	struct channels_call *call;
	char *name;
	uint32_t refs[CORE_MAX_REACTORS]; /* each written by its reactor; 0: no channel */
};

struct channels_call {
	struct rpc_request *req;
	unsigned left, n;
	struct channels_of *bdevs[];
};

static JsonArray *channels_json(const struct channels_call *call, unsigned reactor)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < call->n; i++) {
		const struct channels_of *b = call->bdevs[i];
		JsonObject *o;

		if (b->refs[reactor] == 0)
			continue;
		o = json_object_new();
		json_object_set_string_member(o, "name", b->name);
		json_object_set_int_member(o, "ref", b->refs[reactor]);
		json_array_add_object_element(array, o);
	}
	return array;
}

static void reply_channels(struct channels_call *call)
{
	JsonArray *array;
	JsonObject *o = threads_json(&array);

	for (unsigned i = 0; i < call->req->server->core->nreactors; i++) {
		JsonObject *thread = named_thread(i);

		json_object_set_array_member(thread, "io_channels", channels_json(call, i));
		json_array_add_object_element(array, thread);
	}
	rpc_reply_object(call->req, o);
	for (unsigned i = 0; i < call->n; i++) {
		g_free(call->bdevs[i]->name);
		g_free(call->bdevs[i]);
	}
	g_free(call);
}

static void look_at_channel(struct bdev *bdev, struct reactor *r, void *arg)
{
	struct channels_of *b = arg;
	const struct bdev_channel *channel = bdev->channels[r->index];

	b->refs[r->index] = channel ? channel->refs : 0;
}

static void looked(void *arg)
{
	struct channels_call *call = ((struct channels_of *)arg)->call;

	if (--call->left == 0)
		reply_channels(call);
}

static void thread_get_io_channels(struct rpc_request *req)
{
	GPtrArray *list = bdev_layer_list(req->server->bdevs);
	struct channels_call *call = g_malloc0(sizeof(*call) + list->len * sizeof(call->bdevs[0]));

	call->req = req;
	call->n = call->left = list->len;
	if (call->n == 0)
		reply_channels(call);
	else
		for (unsigned i = 0, n = call->n; i < n; i++) {
			struct bdev *bdev = list->pdata[i];
			struct channels_of *b = g_new0(struct channels_of, 1);

			b->call = call;
			b->name = g_strdup(bdev->name);
			call->bdevs[i] = b;
			bdev_broadcast(bdev, look_at_channel, looked, b);
		}
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
