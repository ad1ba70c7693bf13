/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of target/rpc share among themselves. */
#pragma once

#include "hw/net.h"
#include "target/rpc/rpc.h"

#define RPC_NOTIFICATIONS 1024 /* kept, power of two */

struct rpc_server {
	struct core *core;
	struct reactor *reactor; /* the main one */
	struct bdev_layer *bdevs;
	struct nvmf_tgt *nvmf;
	char *path, *tcp;
	bool has_group;
	uint32_t group;
	int64_t pid;
	unsigned state; /* RPC_STARTUP or RPC_RUNTIME */
	bool wait_for_rpc;
	bool loading;	 /* a configuration: framework_wait_init waits */
	bool init_asked; /* framework_start_init has been called */
	/* The loader, after its entries for STARTUP; see rpc_server_start_init(). */
	void (*init_done)(void *arg, const GError *error);
	void *init_arg;
	/* What set_nvmf_target_options and set_nvmf_target_config gave; see old.c. */
	JsonObject *old_options;
	GHashTable *warned; /* older names that have been used */
	struct net_listener *listeners[2]; /* of path and tcp; NULL: none */
	GPtrArray *clients; /* struct rpc_client* */
	unsigned calls;	    /* not ended yet */
	uint64_t calls_ever;
	struct metrics_source *metrics;
	struct metrics_http *metrics_http;
	bool held; /* calls that make state wait; see rpc_server_hold() */
	unsigned parts;	    /* calls of several parts under way: what is there is half made */
	struct rpc_keeper *keeper; /* NULL: nobody keeps the configuration */
	/* Requests that wait for something to happen, in order; see rpc_wait(). */
	GPtrArray *waiting;
	GQueue pieces; /* requests whose answers are being made; see pieces.h */
	struct timer pieces_timer;
	struct rpc_notification notifications[RPC_NOTIFICATIONS]; /* ring */
	uint64_t next_notification;
	struct rpc_settings *settings;
	struct rpc_hooks hooks;
	struct timer kill_timer;
	const char *kill_signal; /* constant */
	bool stopping;
	struct task stop_task;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

/* framework_start_init: RUNTIME as soon as the loader, if there is one, agrees. */
void rpc_server_init_asked(struct rpc_server *server);
/* A method was called by an older name: said once in the log. */
void rpc_server_warn_old(struct rpc_server *server, const char *old, const char *now);

/* The same as rpc_method_find(), and which older name it is (else NULL). */
const struct rpc_method *rpc_method_find_as(const char *name, const char **old);

void rpc_server_close_listeners(struct rpc_server *server);

/* Something happened that users may ask for. type is constant. */
void rpc_notify(struct rpc_server *server, const char *type, const char *ctx);
/* The same as a listener of nvmf_tgt_listen(). */
void rpc_notify_nvmf(void *server, const char *type, const char *ctx);

/* Calls that make state wait from now on, until they are let go. */
void rpc_server_hold(struct rpc_server *server, bool held);

/* A call began or ended (server.c counts them for stop). */
void rpc_server_call_begins(struct rpc_server *server);
void rpc_server_call_ends(struct rpc_server *server);

/* How long a request waits for what may hang before it says so instead. */
#define RPC_PATIENCE (UINT64_C(20) * 1000000000)

/*
 * req stays until something happens: look is called on every event (with
 * give_up false) and must return true when it ended the request; when the server
 * stops it is called with give_up and must end it.
 */
void rpc_wait(struct rpc_request *req, bool (*look)(struct rpc_request *req, bool give_up));
/* req ended by itself (its timer): it does not wait any more. */
void rpc_wait_cancel(struct rpc_request *req);
/* Something happened that waiting requests may look for. */
void rpc_wake_waiting(struct rpc_server *server);
