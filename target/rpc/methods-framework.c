/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process as a whole: version, signals, saved configuration, and the scheduler,
 * of which weft has only the one that leaves everything where it is.
 */
#include <errno.h>
#include <string.h>

#include "target/rpc/methods.h"
#include "target/rpc/walk.h"
#include "target/rpc/settings.h"

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

/* --- spdk_kill_instance ------------------------------------------------------------------ */

/* So that the answer is on its way before. */
#define KILL_DELAY_NS 10000000

static const char *const signal_names[] = {
	"SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", NULL,
};

struct kill_params {
	unsigned signal;
};

static const struct rpc_param kill_params[] = {
	RPC_PARAM("sig_name", RPC_ENUM, RPC_REQUIRED, struct kill_params, signal,
		  .values = signal_names),
	{ 0 },
};

static void do_kill(struct timer *timer, struct reactor *reactor)
{
	struct rpc_server *server =
		(struct rpc_server *)((char *)timer - offsetof(struct rpc_server, kill_timer));

	(void)reactor;
	server->hooks.kill(server->hooks.arg, server->kill_signal);
}

static void spdk_kill_instance(struct rpc_request *req)
{
	const struct kill_params *p = req->params;
	struct rpc_server *server = req->server;

	if (!server->hooks.kill) {
		rpc_fail_with(req, -EOPNOTSUPP, NULL,
			      "this target does not run as a process of its own: there is nothing "
			      "that %s could be sent to",
			      signal_names[p->signal]);
		return;
	}
	server->kill_signal = signal_names[p->signal];
	reactor_timer_cancel(server->reactor, &server->kill_timer);
	timer_init(&server->kill_timer, do_kill);
	reactor_timer_set(server->reactor, &server->kill_timer,
			  server->reactor->now + KILL_DELAY_NS);
	rpc_reply_true(req);
}

/* --- scheduler ------------------------------------------------------------------------ */

static const char *const scheduler_names[] = { "static", "dynamic", "gscheduler", NULL };

struct set_scheduler {
	uint64_t period;
};

/* Limits are of the dynamic one, and mean nothing to the static one in SPDK either. */
static const struct rpc_param set_scheduler_params[] = {
	RPC_CHECKED("name", RPC_ENUM, RPC_REQUIRED | RPC_FIXED, .values = scheduler_names),
	RPC_PARAM("period", RPC_U64, 0, struct set_scheduler, period),
	RPC_CHECKED("load_limit", RPC_U8, RPC_IGNORED),
	RPC_CHECKED("core_limit", RPC_U8, RPC_IGNORED),
	RPC_CHECKED("core_busy", RPC_U8, RPC_IGNORED),
	RPC_CHECKED("mappings", RPC_STR, RPC_IGNORED),
	{ 0 },
};

static void framework_set_scheduler(struct rpc_request *req)
{
	const struct set_scheduler *p = req->params;
	struct rpc_scheduler *s = &req->server->settings->scheduler;

	s->set = true;
	s->period = p->period;
	rpc_reply_true(req);
}

static void framework_get_scheduler(struct rpc_request *req)
{
	const struct rpc_scheduler *s = &req->server->settings->scheduler;
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "scheduler_name", scheduler_names[0]);
	json_object_set_int_member(o, "scheduler_period", (gint64)s->period);
	json_object_set_string_member(o, "governor_name", "none");
	json_object_set_int_member(o, "scheduling_core", s->scheduling_core);
	if (s->isolated_core_mask)
		json_object_set_string_member(o, "isolated_core_mask", s->isolated_core_mask);
	rpc_reply_object(req, o);
}

/* Processors change their frequency as the kernel's governor wants. */
static void framework_get_governor(struct rpc_request *req)
{
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "governor_name", "none");
	json_object_set_object_member(o, "module_specific", json_object_new());
	json_object_set_array_member(o, "cores", json_array_new());
	rpc_reply_object(req, o);
}

struct scheduler_options {
	uint32_t scheduling_core;
	const char *isolated_core_mask;
};

static const struct rpc_param scheduler_options_params[] = {
	RPC_PARAM("scheduling_core", RPC_U32, 0, struct scheduler_options, scheduling_core),
	RPC_PARAM("isolated_core_mask", RPC_STR, 0, struct scheduler_options, isolated_core_mask),
	{ 0 },
};

static void scheduler_set_options(struct rpc_request *req)
{
	const struct scheduler_options *p = req->params;
	struct rpc_scheduler *s = &req->server->settings->scheduler;
	const char *mask = p->isolated_core_mask;

	if (mask && (!g_str_has_prefix(mask, "0x") || !mask[2] ||
		     mask[2 + strspn(mask + 2, "0123456789abcdefABCDEF")])) {
		rpc_fail_with(
			req, RPC_INVALID_PARAMS, NULL,
			"\"isolated_core_mask\" is \"%s\"; 0x and hexadecimal digits expected, "
			"a bit a processor",
			mask);
		return;
	}
	s->options_set = true;
	s->scheduling_core = p->scheduling_core;
	g_free(s->isolated_core_mask);
	s->isolated_core_mask = g_strdup(mask);
	rpc_reply_true(req);
}

static JsonArray *config_scheduler(struct rpc_server *server)
{
	const struct rpc_scheduler *s = &server->settings->scheduler;
	JsonArray *config = json_array_new();
	JsonObject *params;

	if (s->options_set) {
		params = json_object_new();
		json_object_set_int_member(params, "scheduling_core", s->scheduling_core);
		if (s->isolated_core_mask)
			json_object_set_string_member(params, "isolated_core_mask",
						      s->isolated_core_mask);
		rpc_config_add(config, "scheduler_set_options", params);
	}
	if (s->set) {
		params = json_object_new();
		json_object_set_string_member(params, "name", scheduler_names[0]);
		if (s->period)
			json_object_set_int_member(params, "period", (gint64)s->period);
		rpc_config_add(config, "framework_set_scheduler", params);
	}
	return config;
}

/* --- configuration ------------------------------------------------------------------- */

struct subsystem {
	const char *name;
	const char *const *depends_on; /* NULL-terminated */
	JsonArray *(*config)(struct rpc_server *server);
	/* The same in steps, where there can be much; see walk.h. */
	bool (*step)(struct rpc_walk *walk, JsonArray *config);
};

/* In the order in which their configuration is loaded. */
static const struct subsystem subsystems[] = {
	{ "scheduler", (const char *const[]){ NULL }, .config = config_scheduler },
	{ "sock", (const char *const[]){ NULL }, .config = rpc_config_sock },
	{ "iobuf", (const char *const[]){ NULL }, .config = rpc_config_iobuf },
	{ "bdev", (const char *const[]){ "iobuf", NULL }, .step = rpc_walk_config_bdev },
	{ "nvmf", (const char *const[]){ "bdev", "sock", "iobuf", NULL },
	  .step = rpc_walk_config_nvmf },
	{ "metrics", (const char *const[]){ NULL }, .config = rpc_config_metrics },
};

static void framework_get_subsystems(struct rpc_request *req)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(subsystems); i++) {
		JsonObject *o = json_object_new();
		JsonArray *depends = json_array_new();

		json_object_set_string_member(o, "subsystem", subsystems[i].name);
		for (const char *const *name = subsystems[i].depends_on; *name; name++)
			json_array_add_string_element(depends, *name);
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

/* Some of its calls. False: those were the last. */
static bool config_step(const struct subsystem *s, struct rpc_walk *walk, JsonArray **config)
{
	if (!s->step) {
		*config = s->config(walk->server);
		return false;
	}
	*config = json_array_new();
	return s->step(walk, *config);
}

void rpc_saved_begin(struct rpc_saved *saved, struct rpc_server *server)
{
	*saved = (struct rpc_saved){ .walk.server = server };
}

void rpc_saved_clear(struct rpc_saved *saved)
{
	rpc_walk_clear(&saved->walk);
}

/* As in an array three levels deep. Strings of JSON have no line ends in them. */
static void append_entry(GString *out, JsonNode *node, bool comma)
{
	g_autofree char *text = json_to_string(node, TRUE);

	g_string_append(out, comma ? ",\n        " : "\n        ");
	for (const char *at = text, *end; *at; at = end) {
		end = at + strcspn(at, "\n");
		g_string_append_len(out, at, end - at);
		if (*end++)
			g_string_append(out, "\n        ");
		else
			break;
	}
}

bool rpc_saved_more(struct rpc_saved *saved, GString *out)
{
	const struct subsystem *s = &subsystems[saved->part];
	JsonArray *config;
	bool more;

	if (!saved->inside) {
		g_string_append_printf(out,
				       "%s    {\n      \"subsystem\" : \"%s\",\n"
				       "      \"config\" : [",
				       saved->part == 0 ? "{\n  \"subsystems\" : [\n" : ",\n",
				       s->name);
		saved->inside = true;
		saved->comma = false;
	}
	more = config_step(s, &saved->walk, &config);
	for (guint i = 0; i < json_array_get_length(config); i++, saved->comma = true)
		append_entry(out, json_array_get_element(config, i), saved->comma);
	json_array_unref(config);
	if (more)
		return true;
	g_string_append(out, saved->comma ? "\n      ]\n    }" : "]\n    }");
	rpc_walk_clear(&saved->walk);
	saved->walk.tgt = 0;
	saved->inside = false;
	if (++saved->part < G_N_ELEMENTS(subsystems))
		return true;
	g_string_append(out, "\n  ]\n}\n");
	return false;
}

char *rpc_config_text(struct rpc_server *server)
{
	GString *out = g_string_new(NULL);
	struct rpc_saved saved;

	rpc_saved_begin(&saved, server);
	while (rpc_saved_more(&saved, out))
		;
	rpc_saved_clear(&saved);
	return g_string_free(out, FALSE);
}

static char *subsystem_names(void)
{
	GString *s = g_string_new(subsystems[0].name);

	for (unsigned i = 1; i < G_N_ELEMENTS(subsystems); i++)
		g_string_append_printf(s, ", %s", subsystems[i].name);
	return g_string_free(s, FALSE);
}

struct config_pieces {
	struct rpc_pieces pieces;
	const struct subsystem *subsystem;
	struct rpc_walk walk;
	bool begun, comma;
};

static bool more_config(struct rpc_pieces *pieces, GString *out)
{
	struct config_pieces *c = (struct config_pieces *)pieces;
	JsonArray *config;
	bool more = config_step(c->subsystem, &c->walk, &config);

	if (!c->begun)
		g_string_append_c(out, '[');
	c->begun = true;
	c->comma |= rpc_append_elements(out, config, c->comma);
	if (!more)
		g_string_append_c(out, ']');
	return more;
}

static void free_config(struct rpc_pieces *pieces)
{
	rpc_walk_clear(&((struct config_pieces *)pieces)->walk);
	g_free(pieces);
}

static void reply_config(struct rpc_request *req, const struct subsystem *subsystem)
{
	struct config_pieces *c = g_new0(struct config_pieces, 1);

	c->pieces = (struct rpc_pieces){ more_config, free_config };
	c->subsystem = subsystem;
	c->walk.server = req->server;
	rpc_reply_pieces(req, &c->pieces);
}

static void framework_get_config(struct rpc_request *req)
{
	const struct get_config *p = req->params;

	for (unsigned i = 0; i < G_N_ELEMENTS(subsystems); i++) {
		if (strcmp(subsystems[i].name, p->name) == 0) {
			reply_config(req, &subsystems[i]);
			return;
		}
	}

	g_autofree char *message = g_strdup_printf("Subsystem '%s' not found", p->name);
	g_autofree char *names = subsystem_names();

	rpc_fail_with(req, RPC_INVALID_PARAMS, message, "there are %s", names);
}

const struct rpc_method rpc_methods_framework[] = {
	{ .name = "spdk_get_version",
	  .call = spdk_get_version,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_subsystems",
	  .call = framework_get_subsystems,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_config",
	  .call = framework_get_config,
	  .params = get_config_params,
	  .params_size = sizeof(struct get_config),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_set_scheduler",
	  .makes = true,
	  .call = framework_set_scheduler,
	  .params = set_scheduler_params,
	  .params_size = sizeof(struct set_scheduler),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_scheduler",
	  .call = framework_get_scheduler,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "framework_get_governor",
	  .call = framework_get_governor,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "scheduler_set_options",
	  .makes = true,
	  .call = scheduler_set_options,
	  .params = scheduler_options_params,
	  .params_size = sizeof(struct scheduler_options),
	  .states = RPC_STARTUP },
	{ .name = "spdk_kill_instance",
	  .call = spdk_kill_instance,
	  .params = kill_params,
	  .params_size = sizeof(struct kill_params),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
