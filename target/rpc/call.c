/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call of a method: look-up, state, parameters, the method, its end. The end
 * is always delivered from the done list, so that neither methods nor those who
 * call them have to mind recursion.
 */
#include <errno.h>
#include <string.h>

#include "target/rpc/nearest.h"
#include "target/rpc/server.h"

#define TOO_LATE                                                                                   \
	"Method may only be called before framework is initialized. Use --wait-for-rpc command "   \
	"line parameter and then issue this RPC before the framework_start_init RPC."
#define TOO_EARLY                                                                                  \
	"Method may only be called after framework is initialized using framework_start_init RPC."

bool rpc_method_is_current(const struct rpc_server *server, const struct rpc_method *method)
{
	return (method->states & server->state) != 0;
}

/* --- end -------------------------------------------------------------------------- */

static void deliver(struct task *task)
{
	struct rpc_request *req =
		(struct rpc_request *)((char *)task - offsetof(struct rpc_request, task));
	struct rpc_server *server = req->server;

	req->done(req, req->result, req->error);
	if (req->result)
		json_node_unref(req->result);
	g_clear_error(&req->error);
	rpc_text_clear(&req->text);
	jv_doc_unref(req->doc);
	g_free(req->params);
	g_free(req);
	rpc_server_call_ends(server);
}

static void end(struct rpc_request *req)
{
	g_assert(!req->ended);
	req->ended = true;
	if (req->error)
		log_info(req->server->core->log, "rpc", "call failed", "method=%s code=%d",
			 req->method ? req->method->name : "?", req->error->code);
	reactor_timer_cancel(req->server->reactor, &req->timer);
	if (req->method && req->method->makes && req->server->keeper)
		req->server->keeper->ended(req->server->keeper, req);
	else
		rpc_deliver(req);
}

void rpc_deliver(struct rpc_request *req)
{
	reactor_run_soon(req->server->reactor, &req->task);
}

void rpc_reply(struct rpc_request *req, JsonNode *result)
{
	req->result = result;
	end(req);
}

void rpc_reply_text(struct rpc_request *req)
{
	end(req);
}

void rpc_reply_true(struct rpc_request *req)
{
	rpc_reply(req, json_node_init_boolean(json_node_alloc(), TRUE));
}

void rpc_reply_string(struct rpc_request *req, const char *s)
{
	rpc_reply(req, json_node_init_string(json_node_alloc(), s));
}

void rpc_reply_array(struct rpc_request *req, JsonArray *array)
{
	JsonNode *node = json_node_new(JSON_NODE_ARRAY);

	json_node_take_array(node, array);
	rpc_reply(req, node);
}

void rpc_reply_object(struct rpc_request *req, JsonObject *object)
{
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);

	json_node_take_object(node, object);
	rpc_reply(req, node);
}

void rpc_fail(struct rpc_request *req, const GError *error)
{
	req->error = g_error_copy(error);
	end(req);
}

void rpc_fail_with(struct rpc_request *req, int code, const char *message, const char *detail, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	if (detail) {
		va_start(args, detail);
		text = g_strdup_vprintf(detail, args);
		va_end(args);
	}
	if (text)
		weft_error_set(&req->error, code, message, "%s", text);
	else
		weft_error_set(&req->error, code, message, NULL);
	end(req);
}

void rpc_done(void *arg, const GError *error)
{
	if (error)
		rpc_fail(arg, error);
	else
		rpc_reply_true(arg);
}

/* --- start ------------------------------------------------------------------------- */

const char *rpc_method_near(const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (const struct rpc_method *const *table = rpc_method_tables; *table; table++)
		for (const struct rpc_method *m = *table; m->name; m++)
			g_ptr_array_add(names, (char *)m->name);
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++)
		if (rpc_method_find(alias->name))
			g_ptr_array_add(names, (char *)alias->name);
	g_ptr_array_add(names, NULL);
	return rpc_nearest(name, (const char *const *)names->pdata);
}

static void unknown_method(struct rpc_request *req, const char *method)
{
	const char *part = rpc_absent_part(method), *near = rpc_method_near(method);

	if (part)
		rpc_fail_with(req, RPC_METHOD_NOT_FOUND, NULL,
			      "there is no such method: weft does not have %s", part);
	else if (near)
		rpc_fail_with(req, RPC_METHOD_NOT_FOUND, NULL,
			      "there is no such method. Did you mean %s?", near);
	else
		rpc_fail_with(req, RPC_METHOD_NOT_FOUND, NULL,
			      "there is no such method; rpc_get_methods lists them");
}

/* True: it may not be called now, and that has been said. */
static bool wrong_state(struct rpc_request *req)
{
	const struct rpc_server *server = req->server;
	const char *name = req->method->name;

	if (rpc_method_is_current(server, req->method))
		return false;
	if (server->state == RPC_RUNTIME)
		rpc_fail_with(req, -1, TOO_LATE, "%s configures what is running already", name);
	else
		rpc_fail_with(req, -1, TOO_EARLY,
			      server->wait_for_rpc
				      ? "%s needs what framework_start_init starts"
				      : "%s has to wait until the startup configuration has begun "
					"to run",
			      name);
	return true;
}

static void run_now(struct task *task)
{
	struct rpc_request *req =
		(struct rpc_request *)((char *)task - offsetof(struct rpc_request, task));

	task->fn = deliver;
	req->method->call(req);
}

/*
 * What the startup configuration makes is made before anything that others want; and
 * nothing is made while it is written down what there is.
 */
static bool comes_too_early(const struct rpc_request *req)
{
	const struct rpc_server *server = req->server;

	return req->method->makes && !req->part &&
	       (server->held || (server->loading && server->state == RPC_RUNTIME));
}

static bool look_again(struct rpc_request *req, bool give_up)
{
	if (comes_too_early(req) && !give_up)
		return false;
	if (give_up) {
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	} else {
		/* Not from inside: what it does may wake those who wait, itself among them. */
		req->task.fn = run_now;
		reactor_run_soon(req->server->reactor, &req->task);
	}
	return true;
}

static void start(struct rpc_request *req, const char *method, const struct jv *params)
{
	const struct rpc_method *m = rpc_method_find_as(method, &req->called_as);
	g_autoptr(GError) error = NULL;

	if (!m) {
		unknown_method(req, method);
		return;
	}
	req->method = m;
	log_debug(req->server->core->log, "rpc", "call", "method=%s", m->name);
	if (req->called_as)
		rpc_server_warn_old(req->server, req->called_as,
				    m->name == req->called_as ? "several" : m->name);
	if (wrong_state(req))
		return;
	req->given = params;
	req->params = g_malloc0(MAX(m->params_size, 1));
	if (m->defaults)
		m->defaults(req->params);
	if (!rpc_decode(m->name, m->params, m->relaxed, params, req->params, &error)) {
		rpc_fail(req, error);
		return;
	}
	if (comes_too_early(req))
		rpc_wait(req, look_again);
	else
		m->call(req);
}

static void call(struct rpc_server *server, struct jv_doc *doc, const char *method,
		 const struct jv *params, bool part,
		 void (*done)(struct rpc_request *req, JsonNode *result, const GError *error),
		 void *owner)
{
	struct rpc_request *req = g_new0(struct rpc_request, 1);

	req->server = server;
	req->part = part;
	req->doc = doc ? jv_doc_ref(doc) : NULL;
	req->done = done;
	req->owner = owner;
	req->task.fn = deliver;
	timer_init(&req->timer, NULL);
	rpc_server_call_begins(server);
	if (server->stopping)
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	else
		start(req, method, params);
}

void rpc_call(struct rpc_server *server, struct jv_doc *doc, const char *method,
	      const struct jv *params,
	      void (*done)(struct rpc_request *req, JsonNode *result, const GError *error),
	      void *owner)
{
	call(server, doc, method, params, false, done, owner);
}

void rpc_call_part(struct rpc_server *server, struct jv_doc *doc, const char *method,
		   const struct jv *params,
		   void (*done)(struct rpc_request *req, JsonNode *result, const GError *error),
		   void *owner)
{
	call(server, doc, method, params, true, done, owner);
}
