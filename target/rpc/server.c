/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server object: its two states, the ring of notifications, requests that wait for something to
 * happen, and the orderly end.
 */
#include "target/rpc/server.h"

#include <errno.h>

#include "target/metrics/snapshot.h"
#include "target/rpc/client.h"
#include "target/rpc/settings.h"

static void bdev_event(void *arg, const char *what, const struct bdev *bdev)
{
	struct rpc_server *server = arg;

	rpc_notify(server, what, bdev->name);
	rpc_wake_waiting(server);
	if (server->keeper)
		server->keeper->changed(server->keeper);
}

static void fill_metrics(void *arg, struct metrics_rpc *rpc)
{
	const struct rpc_server *server = arg;

	rpc->clients = server->clients->len;
	rpc->calls = server->calls;
	rpc->calls_started = server->calls_ever;
	rpc->notifications = server->next_notification;
}

struct rpc_server *rpc_server_new(struct core *core, struct bdev_layer *bdevs,
				  struct nvmf_tgt *nvmf, const struct rpc_options *options)
{
	struct rpc_server *server = g_new0(struct rpc_server, 1);

	server->core = core;
	server->reactor = core_main(core);
	server->bdevs = bdevs;
	server->nvmf = nvmf;
	server->path = g_strdup(options->path);
	server->tcp = g_strdup(options->tcp);
	server->has_group = options->has_group;
	server->group = options->group;
	server->pid = options->pid;
	server->metrics = options->metrics;
	server->metrics_http = options->metrics_http;
	if (server->metrics)
		metrics_source_set_rpc(server->metrics, fill_metrics, server);
	server->wait_for_rpc = options->wait_for_rpc;
	server->state = options->wait_for_rpc ? RPC_STARTUP : RPC_RUNTIME;
	server->old_options = json_object_new();
	server->warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	server->hooks = options->hooks;
	server->settings = rpc_settings_new();
	timer_init(&server->kill_timer, NULL);
	server->clients = g_ptr_array_new();
	server->waiting = g_ptr_array_new();
	timer_init(&server->pieces_timer, NULL);
	bdev_layer_listen(bdevs, bdev_event, server);
	nvmf_tgt_listen(nvmf, rpc_notify_nvmf, server);
	return server;
}

/* --- calls ------------------------------------------------------------------------------ */

static void all_ended(struct task *task)
{
	struct rpc_server *server =
		(struct rpc_server *)((char *)task - offsetof(struct rpc_server, stop_task));

	void (*stopped)(void *arg) = server->stopped;

	server->stopped = NULL;
	stopped(server->stopped_arg);
}

static void look_for_end(struct rpc_server *server)
{
	if (server->stopping && server->calls == 0 && server->stopped)
		reactor_run_soon(server->reactor, &server->stop_task);
}

void rpc_server_call_begins(struct rpc_server *server)
{
	server->calls++;
	server->calls_ever++;
}

void rpc_server_call_ends(struct rpc_server *server)
{
	server->calls--;
	look_for_end(server);
}

static void wake(struct rpc_server *server, bool give_up)
{
	for (guint i = 0; i < server->waiting->len;) {
		struct rpc_request *req = server->waiting->pdata[i];

		if (req->look(req, give_up))
			g_ptr_array_remove_index(server->waiting, i);
		else
			i++;
	}
}

void rpc_wake_waiting(struct rpc_server *server)
{
	wake(server, false);
}

void rpc_wait(struct rpc_request *req, bool (*look)(struct rpc_request *req, bool give_up))
{
	req->look = look;
	g_ptr_array_add(req->server->waiting, req);
}

void rpc_wait_cancel(struct rpc_request *req)
{
	g_ptr_array_remove(req->server->waiting, req);
}

void rpc_server_hold(struct rpc_server *server, bool held)
{
	server->held = held;
	if (!held)
		wake(server, false);
}

/* --- start ------------------------------------------------------------------------------ */

static void init_ends(struct rpc_server *server, const GError *error)
{
	void (*done)(void *arg, const GError *error) = server->init_done;

	server->init_done = NULL;
	if (done)
		done(server->init_arg, error);
}

static void to_runtime(struct rpc_server *server)
{
	server->state = RPC_RUNTIME;
	init_ends(server, NULL);
	wake(server, false);
}

void rpc_server_loading(struct rpc_server *server)
{
	server->loading = true;
	server->state = RPC_STARTUP;
}

void rpc_server_start_init(struct rpc_server *server, void (*done)(void *arg, const GError *error),
			   void *arg)
{
	server->init_done = done;
	server->init_arg = arg;
	if (server->stopping) {
		g_autoptr(GError) error = NULL;

		weft_error_set(&error, -ESHUTDOWN, NULL, "weftd is shutting down");
		init_ends(server, error);
	} else if (!server->wait_for_rpc || server->init_asked) {
		to_runtime(server);
	}
}

void rpc_server_init_asked(struct rpc_server *server)
{
	server->init_asked = true;
	if (!server->loading || server->init_done)
		to_runtime(server);
}

void rpc_server_loaded(struct rpc_server *server)
{
	server->loading = false;
	wake(server, false);
}

void rpc_server_warn_old(struct rpc_server *server, const char *old, const char *now)
{
	if (!g_hash_table_contains(server->warned, old)) {
		g_hash_table_add(server->warned, g_strdup(old));
		log_warn(server->core->log, "rpc", "older name of a method", "name=%s now=%s", old,
			 now);
	}
}

/* --- end --------------------------------------------------------------------------------- */

void rpc_server_stop(struct rpc_server *server, void (*done)(void *arg), void *arg)
{
	server->stopping = true;
	reactor_timer_cancel(server->reactor, &server->kill_timer);
	server->stopped = done;
	server->stopped_arg = arg;
	server->stop_task.fn = all_ended;
	rpc_server_close_listeners(server);
	while (server->clients->len > 0)
		rpc_client_close(server->clients->pdata[server->clients->len - 1]);
	wake(server, true);
	rpc_pieces_stop(server);
	if (server->init_done)
		rpc_server_start_init(server, server->init_done, server->init_arg);
	look_for_end(server);
}

void rpc_server_free(struct rpc_server *server)
{
	if (!server)
		return;
	g_assert(server->calls == 0);
	rpc_server_close_listeners(server);
	g_ptr_array_unref(server->clients);
	g_ptr_array_unref(server->waiting);
	for (unsigned i = 0; i < RPC_NOTIFICATIONS; i++)
		g_free(server->notifications[i].ctx);
	json_object_unref(server->old_options);
	g_hash_table_unref(server->warned);
	rpc_settings_free(server->settings);
	g_free(server->path);
	g_free(server->tcp);
	g_free(server);
}
