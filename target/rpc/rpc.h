/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON-RPC 2.0 interface of a target: methods, calls of them, and the server
 * on a UNIX socket. Everything here belongs to the main reactor.
 *
 * A call runs asynchronously: the method is entered from the reactor's pass, ends
 * the request once (rpc_reply, rpc_fail, ...) at once or later, and whoever
 * started it hears of it from the done list, never from inside the method. A
 * client that has gone does not stop its calls; their answers are dropped.
 */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "target/bdev/bdev.h"
#include "target/core/core.h"
#include "target/core/error.h"
#include "target/nvmf/nvmf.h"
#include "target/rpc/alias.h"
#include "target/rpc/decode.h"
#include "target/rpc/json.h"
#include "target/rpc/pieces.h"

#define RPC_MAX_REQUEST (256u * 1024)
#define RPC_MAX_RESPONSE (32u * 1024 * 1024)
#define RPC_MAX_VALUES 8192
#define RPC_MAX_ID 128
#define RPC_MAX_CLIENTS 64

struct metrics_http;
struct metrics_source;
struct rpc_request;
struct rpc_server;

/* --- methods --------------------------------------------------------------------- */

enum {
	RPC_STARTUP = 1 << 0, /* may be called before framework_start_init */
	RPC_RUNTIME = 1 << 1, /* and after it */
};

struct rpc_method {
	const char *name; /* NULL ends a table */
	void (*call)(struct rpc_request *req);
	const struct rpc_param *params; /* NULL: none */
	size_t params_size;		/* of the structure they are decoded into */
	void (*defaults)(void *params); /* may be NULL */
	bool relaxed;			/* unknown keys are ignored */
	unsigned states;
	bool makes; /* state that the saved configuration has */
};

/* Tables of the domains, NULL-terminated each; ends with NULL. */
extern const struct rpc_method *const rpc_method_tables[];
/*
 * Methods of older releases that are more than another name of one of today: found
 * by name like all, listed only with the aliases.
 */
extern const struct rpc_method *const rpc_old_method_tables[];

/* By its name of today, or an older one. */
const struct rpc_method *rpc_method_find(const char *name);
/* The name there is that is most like name, or NULL. */
const char *rpc_method_near(const char *name);

struct rpc_request {
	struct rpc_server *server;
	const struct rpc_method *method;
	/* The older name it was called by, constant; NULL: by its name of today. */
	const char *called_as;
	void *params; /* decoded */
	const struct jv *given; /* params as they came; NULL: none */
	/* For the method, until the request ends. */
	void *scratch;
	struct timer timer; /* cancelled when the request ends */
	/* The rest is call.c's. */
	bool (*look)(struct rpc_request *req, bool give_up); /* see rpc_wait() */
	struct task task;
	JsonNode *result; /* NULL: text has it */
	GError *error;
	struct rpc_pieces *pieces; /* of the result, while it is made */
	struct rpc_text text;
	struct jv_doc *doc;
	void (*done)(struct rpc_request *req, JsonNode *result, const GError *error);
	void *owner;
	bool part; /* of another call */
	bool ended;
};

/* It was called by an older name: the answer has the shape of that time. */
static inline bool rpc_old_shape(const struct rpc_request *req)
{
	return req->called_as != NULL;
}

/* End of a request; exactly one of these, once. */
void rpc_reply(struct rpc_request *req, JsonNode *result); /* takes result */
void rpc_reply_true(struct rpc_request *req);
void rpc_reply_string(struct rpc_request *req, const char *s);
void rpc_reply_array(struct rpc_request *req, JsonArray *array);    /* takes array */
void rpc_reply_object(struct rpc_request *req, JsonObject *object); /* takes object */
/* What req->text has; for pieces.c, which makes that (rpc_reply_pieces()). */
void rpc_reply_text(struct rpc_request *req);
void rpc_fail(struct rpc_request *req, const GError *error);
/* message and detail as weft_error_set(). */
void rpc_fail_with(struct rpc_request *req, int code, const char *message, const char *detail, ...)
	G_GNUC_PRINTF(4, 5);
/* An nvmf_done: true, or the error. */
void rpc_done(void *req, const GError *error);

/* --- calls ---------------------------------------------------------------------------- */

/*
 * Starts method(params). doc (a reference is taken) is what params lies in, NULL
 * with NULL params. done
 * is called once, from the done list; req is gone after it. Methods of the wrong
 * state, unknown ones and bad parameters end there too. result is NULL with an error,
 * and when it was made in pieces: then req->text has it, and may be moved away.
 */
void rpc_call(struct rpc_server *server, struct jv_doc *doc, const char *method,
	      const struct jv *params,
	      void (*done)(struct rpc_request *req, JsonNode *result, const GError *error),
	      void *owner);

/* The same for a part of another call, which alone is kept. */
void rpc_call_part(struct rpc_server *server, struct jv_doc *doc, const char *method,
		   const struct jv *params,
		   void (*done)(struct rpc_request *req, JsonNode *result, const GError *error),
		   void *owner);

/*
 * What keeps the configuration. It hears of calls that made state (or failed to)
 * before their answers go out.
 */
struct rpc_keeper {
	/* rpc_deliver(req) when its answer may go out: from inside, or later. */
	void (*ended)(struct rpc_keeper *keeper, struct rpc_request *req);
	/* State has changed outside of any call. */
	void (*changed)(struct rpc_keeper *keeper);
	/* How it stands, for config_get_status. */
	void (*show)(struct rpc_keeper *keeper, JsonObject *o);
};

void rpc_deliver(struct rpc_request *req);

/* The whole configuration, as save_config has it. Caller frees. */
char *rpc_config_text(struct rpc_server *server);

/* --- server ----------------------------------------------------------------------------- */

struct rpc_notification {
	const char *type; /* constant */
	char *ctx;
	uint64_t id;
};

/* What only the program around the target can do, or wants to know. Members may be NULL. */
struct rpc_hooks {
	/* spdk_kill_instance: sends itself the signal of that name ("SIGTERM"). */
	void (*kill)(void *arg, const char *signal);
	/* There is a new notification. */
	void (*notified)(void *arg, const char *type);
	void *arg;
};

struct rpc_options {
	struct rpc_hooks hooks;
	const char *path; /* socket; NULL: none */
	/* Who may use it besides its owner: this group. */
	bool has_group;
	uint32_t group;
	const char *tcp; /* "127.0.0.1:5260", a loopback address; NULL: none */
	struct metrics_source *metrics;
	struct metrics_http *metrics_http;
	int64_t pid;	  /* of this process, for framework_get_reactors; 0 in a world */
	/* Stay in STARTUP until framework_start_init is called. */
	bool wait_for_rpc;
};

/* Does not listen yet. */
struct rpc_server *rpc_server_new(struct core *core, struct bdev_layer *bdevs,
				  struct nvmf_tgt *nvmf, const struct rpc_options *options);
/* Listens on options.path and options.tcp. Before the reactors run, or on the main one. */
bool rpc_server_listen(struct rpc_server *server, GError **error);
/*
 * Closes the socket and the clients; done when the last call has ended (at once
 * those which only wait for something to happen). No call is started any more.
 */
void rpc_server_stop(struct rpc_server *server, void (*done)(void *arg), void *arg);
/* Stopped, or never served. NULL allowed. */
void rpc_server_free(struct rpc_server *server);

/* --- start ------------------------------------------------------------------------------ */

/*
 * What runs the startup configuration says so three times: before its first entry
 * (the server is in STARTUP then), when those entries have run whose methods may be
 * called there, and at the end.
 */
void rpc_server_loading(struct rpc_server *server);
/*
 * done when the server is in RUNTIME: from inside if nobody wants to wait, else when
 * framework_start_init is called; -ESHUTDOWN if the server is stopped before that.
 */
void rpc_server_start_init(struct rpc_server *server, void (*done)(void *arg, const GError *error),
			   void *arg);
/* All has run: framework_wait_init and framework_start_init answer. */
void rpc_server_loaded(struct rpc_server *server);
/* Whether method may be called as things are. */
bool rpc_method_is_current(const struct rpc_server *server, const struct rpc_method *method);
