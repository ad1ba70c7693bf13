/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process as a whole: version, reactors, saved configuration, log
 * levels, notifications.
 */
#include <errno.h>
#include <string.h>

#include "hw/env.h"
#include "target/rpc/methods.h"

/* The SPDK release whose methods and shapes these are, and weft's own version. */
#define COMPAT_MAJOR 26
#define COMPAT_MINOR 5
#define VERSION_SUFFIX "-weft" WEFT_VERSION

/* --- version -------------------------------------------------------------------- */

static void spdk_get_version(struct rpc_request *req)
{
	g_autofree char *version =
		g_strdup_printf("SPDK v%02d.%02d%s", COMPAT_MAJOR, COMPAT_MINOR, VERSION_SUFFIX);
	JsonObject *o = json_object_new(), *fields = json_object_new();

	json_object_set_string_member(o, "version", version);
	json_object_set_int_member(fields, "major", COMPAT_MAJOR);
	json_object_set_int_member(fields, "minor", COMPAT_MINOR);
	json_object_set_int_member(fields, "patch", 0);
	json_object_set_string_member(fields, "suffix", VERSION_SUFFIX);
	json_object_set_object_member(o, "fields", fields);
	rpc_reply_object(req, o);
}

/* --- reactors --------------------------------------------------------------------------------- */

struct reactor_figures {
	struct reactor_stats stats;
	uint64_t cpu_ns;
};

struct reactors_call {
	struct rpc_request *req;
	void (*reply)(struct rpc_request *req, const struct reactor_figures *figures);
	struct reactor_figures figures[CORE_MAX_REACTORS]; /* each written by its reactor */
};

static void take_figures(struct reactor *r, void *arg)
{
	struct reactors_call *call = arg;
	struct hw_env *env = r->hw->env;

	call->figures[r->index].stats = r->stats;
	call->figures[r->index].cpu_ns = env->ops->cpu_time(env);
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

static void reply_threads(struct rpc_request *req, const struct reactor_figures *figures)
{
	const struct core *core = req->server->core;
	JsonObject *o = json_object_new();
	JsonArray *array = json_array_new();

	json_object_set_int_member(o, "tick_rate", RPC_TICK_RATE);
	for (unsigned i = 0; i < core->nreactors; i++) {
		JsonObject *thread = thread_json(core, i);

		json_object_set_int_member(thread, "busy", (gint64)figures[i].stats.busy_ns);
		json_object_set_int_member(thread, "idle", (gint64)figures[i].stats.idle_ns);
		/* Reactors have engines and timers, and nothing that polls by the clock. */
		json_object_set_int_member(thread, "active_pollers_count", 0);
		json_object_set_int_member(thread, "timed_pollers_count", 0);
		json_object_set_int_member(thread, "paused_pollers_count", 0);
		json_array_add_object_element(array, thread);
	}
	json_object_set_array_member(o, "threads", array);
	rpc_reply_object(req, o);
}

static void thread_get_stats(struct rpc_request *req)
{
	collect(req, reply_threads);
}

/* --- configuration
 * ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *depends_on;
	JsonArray *(*config)(struct rpc_server *server);
} subsystems[] = {
	{ "bdev", NULL, rpc_config_bdev },
	{ "nvmf", "bdev", rpc_config_nvmf },
};

static void framework_get_subsystems(struct rpc_request *req)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(subsystems); i++) {
		JsonObject *o = json_object_new();
		JsonArray *depends = json_array_new();

		json_object_set_string_member(o, "subsystem", subsystems[i].name);
		if (subsystems[i].depends_on)
			json_array_add_string_element(depends, subsystems[i].depends_on);
		json_object_set_array_member(o, "depends_on", depends);
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(req, array);
}

struct get_config {
	const char *name;
	bool with_batches;
};

static const struct rpc_param get_config_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct get_config, name),
	RPC_PARAM("with_batches", RPC_BOOL, 0, struct get_config, with_batches),
	{ 0 },
};

char *rpc_config_text(struct rpc_server *server)
{
	g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
	JsonObject *all = json_object_new();
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(subsystems); i++) {
		JsonObject *o = json_object_new();

		json_object_set_string_member(o, "subsystem", subsystems[i].name);
		json_object_set_array_member(o, "config", subsystems[i].config(server));
		json_array_add_object_element(array, o);
	}
	json_object_set_array_member(all, "subsystems", array);
	json_node_take_object(root, all);
	return json_to_string(root, TRUE);
}

static void framework_get_config(struct rpc_request *req)
{
	const struct get_config *p = req->params;

	for (unsigned i = 0; i < G_N_ELEMENTS(subsystems); i++) {
		if (strcmp(subsystems[i].name, p->name) == 0) {
			rpc_reply_array(req, subsystems[i].config(req->server));
			return;
		}
	}

	g_autofree char *message = g_strdup_printf("Subsystem '%s' not found", p->name);
	rpc_fail_with(req, RPC_INVALID_PARAMS, message,
		      "framework_get_subsystems lists those there are");
}

/* --- log
 * ---------------------------------------------------------------------------------------------- */

static const char *const level_names[] = { "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG", NULL };

struct set_level {
	unsigned level;
};

static const struct rpc_param set_level_params[] = {
	RPC_PARAM("level", RPC_ENUM, RPC_REQUIRED, struct set_level, level, .values = level_names),
	{ 0 },
};

/* There is one log, so the level that is kept and the one that is printed are the same. */
static void log_set_level_method(struct rpc_request *req)
{
	const struct set_level *p = req->params;
	enum log_level level;
	bool known = log_level_parse(level_names[p->level], &level);

	g_assert(known);
	log_set_level(req->server->core->log, level);
	rpc_reply_true(req);
}

static void log_get_level_method(struct rpc_request *req)
{
	rpc_reply_string(req, log_level_name(log_get_level(req->server->core->log)));
}

/* Components have no flags of their own: an empty object. */
static void log_get_flags(struct rpc_request *req)
{
	rpc_reply_object(req, json_object_new());
}

/* --- notifications
 * --------------------------------------------------------------------------------------- */

static void notify_get_types(struct rpc_request *req)
{
	JsonArray *array = json_array_new();

	json_array_add_string_element(array, "bdev_register");
	json_array_add_string_element(array, "bdev_unregister");
	json_array_add_string_element(array, "bdev_resize");
	rpc_reply_array(req, array);
}

struct get_notifications {
	uint64_t id, max;
};

static const struct rpc_param get_notifications_params[] = {
	RPC_PARAM("id", RPC_U64, 0, struct get_notifications, id),
	RPC_PARAM("max", RPC_U64, 0, struct get_notifications, max, .def = UINT64_MAX),
	{ 0 },
};

static void notify_get_notifications(struct rpc_request *req)
{
	const struct get_notifications *p = req->params;
	const struct rpc_server *server = req->server;
	uint64_t next = server->next_notification;
	uint64_t oldest = next > RPC_NOTIFICATIONS ? next - RPC_NOTIFICATIONS : 0;
	JsonArray *array = json_array_new();
	uint64_t left = p->max;

	for (uint64_t id = MAX(p->id, oldest); id < next && left > 0; id++, left--) {
		const struct rpc_notification *n = &server->notifications[id % RPC_NOTIFICATIONS];
		JsonObject *o = json_object_new();

		json_object_set_string_member(o, "type", n->type);
		json_object_set_string_member(o, "ctx", n->ctx);
		json_object_set_int_member(o, "id", (gint64)n->id);
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(req, array);
}

const struct rpc_method rpc_methods_framework[] = {
	{ .name = "spdk_get_version",
	  .call = spdk_get_version,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_reactors",
	  .call = framework_get_reactors,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_subsystems",
	  .call = framework_get_subsystems,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_config",
	  .call = framework_get_config,
	  .params = get_config_params,
	  .params_size = sizeof(struct get_config),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "thread_get_stats",
	  .call = thread_get_stats,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_set_level",
	  .call = log_set_level_method,
	  .params = set_level_params,
	  .params_size = sizeof(struct set_level),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_level",
	  .call = log_get_level_method,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_set_print_level",
	  .call = log_set_level_method,
	  .params = set_level_params,
	  .params_size = sizeof(struct set_level),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_print_level",
	  .call = log_get_level_method,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "log_get_flags", .call = log_get_flags, .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "notify_get_types",
	  .call = notify_get_types,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "notify_get_notifications",
	  .call = notify_get_notifications,
	  .params = get_notifications_params,
	  .params_size = sizeof(struct get_notifications),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
