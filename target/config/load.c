/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a configuration; see load.h. */
#include "target/config/load.h"

#include <errno.h>

#include "target/rpc/server.h"

struct loader {
	struct rpc_server *server;
	struct config *config; /* NULL: it could not be read */
	bool startup;	       /* entries for STARTUP run; else the others */
	guint next;
	GPtrArray *problems; /* of config_try(): go on; else NULL */
	GError *error;
	struct task task; /* the beginning */
	void (*done)(void *arg, const GError *error);
	void (*tried)(void *arg);
	void *arg;
};

static void finish(struct loader *l)
{
	if (!l->error)
		rpc_server_loaded(l->server);
	if (l->tried)
		l->tried(l->arg);
	else
		l->done(l->arg, l->error);
	g_clear_error(&l->error);
	config_free(l->config);
	g_free(l);
}

static void run_next(struct loader *l);

static const struct config_entry *entry_at(const struct loader *l, guint i)
{
	return &g_array_index(l->config->entries, struct config_entry, i);
}

/* The entry before the next one has failed. */
static void entry_failed(const struct loader *l, const GError *cause, GError **error)
{
	const struct config_entry *e = entry_at(l, l->next - 1);
	g_autofree char *message = weft_error_message(cause);
	g_autofree char *what = config_entry_text(e);
	const char *detail = weft_error_detail(cause);
	g_autoptr(GError) full = NULL;

	config_bad(l->config, &full, e->line, "%s: %s%s%s", what, message, detail ? ": " : "",
		   detail ? detail : "");
	weft_error_set(error, cause->code, message, "%s", weft_error_detail(full));
}

static void entry_done(struct rpc_request *req, JsonNode *result, const GError *error)
{
	struct loader *l = req->owner;
	g_autoptr(GError) failed = NULL;

	(void)result;
	if (error)
		entry_failed(l, error, &failed);
	if (failed && !l->problems) {
		l->error = g_steal_pointer(&failed);
		finish(l);
		return;
	}
	if (failed)
		g_ptr_array_add(l->problems, g_strdup(weft_error_detail(failed)));
	run_next(l);
}

static void started(void *arg, const GError *error)
{
	struct loader *l = arg;

	if (error) {
		l->error = g_error_copy(error);
		finish(l);
		return;
	}
	l->startup = false;
	l->next = 0;
	run_next(l);
}

static bool for_startup(const struct config_entry *e)
{
	return (rpc_method_find(e->method)->states & RPC_STARTUP) != 0;
}

static void run_next(struct loader *l)
{
	const struct config_entry *e;

	while (l->next < l->config->entries->len && for_startup(entry_at(l, l->next)) != l->startup)
		l->next++;
	if (l->next < l->config->entries->len) {
		e = entry_at(l, l->next++);
		rpc_call_part(l->server, e->doc, e->method, e->params, entry_done, l);
	} else if (l->startup) {
		rpc_server_start_init(l->server, started, l);
	} else {
		finish(l);
	}
}

static void begin(struct task *task)
{
	struct loader *l = (struct loader *)((char *)task - offsetof(struct loader, task));
	struct log *log = l->server->core->log;

	if (l->error || !l->config) {
		finish(l);
		return;
	}
	for (guint i = 0; i < l->config->notes->len; i++)
		log_warn(log, "config", "without effect", "file=%s note=%s", l->config->name,
			 (char *)l->config->notes->pdata[i]);
	rpc_server_loading(l->server);
	l->startup = true;
	run_next(l);
}

static struct loader *loader_new(struct rpc_server *server, const char *name, const char *text,
				 size_t len, GPtrArray *problems)
{
	struct loader *l = g_new0(struct loader, 1);

	l->server = server;
	l->config = config_parse(name, text, len, &l->error);
	if (l->config)
		config_check(l->config, problems);
	else
		g_ptr_array_add(problems, g_strdup(weft_error_detail(l->error)));
	l->task.fn = begin;
	/* Who asks whether the server has begun hears of it at the end of this. */
	server->loading = true;
	reactor_run_soon(server->reactor, &l->task);
	return l;
}

void config_load(struct rpc_server *server, const char *name, const char *text, size_t len,
		 void (*done)(void *arg, const GError *error), void *arg)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	struct loader *l = loader_new(server, name, text, len, problems);

	l->done = done;
	l->arg = arg;
	if (problems->len > 0 && !l->error)
		config_complain(problems, &l->error);
}

void config_try(struct rpc_server *server, const char *name, const char *text, size_t len,
		GPtrArray *problems, void (*done)(void *arg), void *arg)
{
	struct loader *l = loader_new(server, name, text, len, problems);

	l->tried = done;
	l->arg = arg;
	l->problems = problems;
	/* Calls that are wrong in themselves would be found once more. */
	if (problems->len > 0 && l->config) {
		config_free(l->config);
		l->config = NULL;
	}
}
