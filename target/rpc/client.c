/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection: bytes in, texts cut out of them, exchanges run, answers out.
 *
 * An exchange is one text: a request, or a batch, whose requests run one after
 * the other, one a pass of the reactor, which has I/O to do in between. Exchanges of a
 * connection run side by side, CALLS_MAX at most; when there are more, or the peer does not read
 * its answers, no more is read from it. A text that cannot be followed (not JSON, too long) is
 * answered, and then the connection is closed, since nobody knows where the next text begins.
 * Closed means that no more is sent; what still comes in is thrown away for a moment, so that a
 * peer which sends all before it reads gets to read the answer.
 *
 * Invariant: an exchange outlives its client if it has to (client is NULL then);
 * a client never outlives the server.
 */
#include "target/rpc/client.h"

#include <errno.h>
#include <string.h>

#include "target/rpc/framing.h"

#define RECV_BYTES 4096
#define CALLS_MAX 16	       /* exchanges in flight */
#define STARTS_MAX 2	       /* exchanges started in one pass */
#define OUT_HIGH (1024 * 1024) /* unsent bytes from which on nothing more is read */
#define DRAIN_NS UINT64_C(1000000000)
#define SEND_CHUNKS 8 /* of the output, in one pass */

struct rpc_client {
	struct rpc_server *server;
	struct net_stream *stream;
	struct rpc_framer framer;
	GByteArray *in; /* received and not yet cut into texts */
	size_t scanned; /* of it: the framer has seen this much */
	struct rpc_text out;
	size_t sent; /* of its first chunk */
	GPtrArray *exchanges;
	struct timer drained;
	struct task flush, resume;
	bool eof;	/* the peer sends no more */
	bool finishing; /* after the answers: close */
	bool overrun;	/* too much is unsent: close at once */
	bool draining;	/* all is said: only until the peer closes too */
	bool paused, blocked;
};

struct exchange {
	struct rpc_client *client; /* NULL: gone */
	struct rpc_server *server;
	struct jv_doc *doc;
	bool batch;
	const struct jv *next; /* element of a batch to run next */
	struct task step;      /* runs it, in the next pass */
	const struct jv *id;   /* of the running request; NULL: a notification */
	struct rpc_text answer;
};

static void exchange_later(struct exchange *x);

/* --- output ------------------------------------------------------------------------- */

static size_t unsent(const struct rpc_client *c)
{
	return c->out.len - c->sent;
}

static bool is_idle(const struct rpc_client *c)
{
	return c->exchanges->len == 0 && unsent(c) == 0;
}

static void set_paused(struct rpc_client *c)
{
	bool paused = !c->draining && (c->finishing || c->eof || c->exchanges->len >= CALLS_MAX ||
				       unsent(c) >= OUT_HIGH);

	if (paused == c->paused)
		return;
	c->paused = paused;
	c->stream->ops->pause(c->stream, paused);
}

static void client_drain(struct rpc_client *c)
{
	struct reactor *r = c->server->reactor;

	if (c->draining)
		return;
	c->draining = true;
	c->stream->ops->shutdown(c->stream);
	reactor_timer_set(r, &c->drained, r->now + DRAIN_NS);
	set_paused(c);
}

static void drained_timer(struct timer *timer, struct reactor *r)
{
	(void)r;
	rpc_client_close(
		(struct rpc_client *)((char *)timer - offsetof(struct rpc_client, drained)));
}

static void out_sent(struct rpc_client *c, size_t n)
{
	const GString *first;

	c->sent += n;
	while ((first = g_queue_peek_head(&c->out.chunks)) != NULL && c->sent >= first->len) {
		c->sent -= first->len;
		rpc_text_drop_first(&c->out);
	}
}

/* Some of the output; the rest in later passes. False: the connection is broken. */
static bool client_write(struct rpc_client *c)
{
	struct iovec iov[SEND_CHUNKS];
	unsigned chunks = 0;
	size_t all = 0;
	ssize_t n;

	for (GList *l = c->out.chunks.head; l && chunks < SEND_CHUNKS; l = l->next) {
		const GString *chunk = l->data;
		size_t skip = chunks == 0 ? c->sent : 0;

		iov[chunks++] = (struct iovec){ .iov_base = chunk->str + skip,
						.iov_len = chunk->len - skip };
		all += chunk->len - skip;
	}
	n = net_send(c->stream, iov, chunks, false);
	if (n < 0 && n != -EAGAIN)
		return false;
	if (n > 0)
		out_sent(c, (size_t)n);
	c->blocked = n < 0 || (size_t)n < all;
	return true;
}

/* May free c. */
static void client_flush(struct rpc_client *c)
{
	if (c->overrun) {
		rpc_client_close(c);
		return;
	}
	if (unsent(c) > 0 && !c->blocked && !client_write(c)) {
		rpc_client_close(c);
		return;
	}
	if (unsent(c) > 0 && !c->blocked)
		reactor_run_at_flush(c->server->reactor, &c->flush);
	if (c->finishing && !c->eof && is_idle(c)) {
		client_drain(c);
		return;
	}
	if (c->eof && is_idle(c)) {
		rpc_client_close(c);
		return;
	}
	if (c->scanned < c->in->len) /* in the next pass, so that this one ends */
		reactor_run_at_flush(c->server->reactor, &c->resume);
	set_paused(c);
}

static void flush_task(struct task *task)
{
	client_flush((struct rpc_client *)((char *)task - offsetof(struct rpc_client, flush)));
}

/* Takes text. */
static void client_send(struct rpc_client *c, struct rpc_text *text)
{
	if (unsent(c) + text->len > RPC_MAX_RESPONSE + OUT_HIGH) {
		log_warn(c->server->core->log, "rpc", "client does not read its answers",
			 "unsent=%zu", unsent(c));
		c->finishing = c->overrun = true;
	} else {
		rpc_text_move(&c->out, text);
	}
	reactor_run_at_flush(c->server->reactor, &c->flush);
}

/* --- answers ------------------------------------------------------------------------- */

static void append_error(GString *out, int code, const char *message, const char *data)
{
	g_autoptr(JsonObject) object = json_object_new();
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

	json_object_set_int_member(object, "code", code);
	json_object_set_string_member(object, "message", message);
	if (data)
		json_object_set_string_member(object, "data", data);
	json_node_set_object(node, object);

	g_autofree char *text = json_to_string(node, FALSE);
	g_string_append_printf(out, "\"error\":%s", text);
}

static void append_gerror(GString *out, const GError *error)
{
	g_autofree char *message = weft_error_message(error);
	int code = error->domain == WEFT_ERROR ? error->code : RPC_INTERNAL_ERROR;

	append_error(out, code, message, weft_error_detail(error));
}

static GString *answer_head(const struct rpc_text *before, const struct jv *id)
{
	GString *out = g_string_new(before->len > 0 ? "," : NULL);

	g_string_append(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	if (id)
		g_string_append_len(out, id->raw, (gssize)id->raw_len);
	else
		g_string_append(out, "null");
	g_string_append_c(out, ',');
	return out;
}

static void append_failure(struct rpc_text *answer, const struct jv *id, const GError *error)
{
	GString *out = answer_head(answer, id);

	append_gerror(out, error);
	g_string_append_c(out, '}');
	rpc_text_take(answer, out);
}

/* answer: with those before it, in a batch. text: of the result, taken. */
static void append_result(struct rpc_text *answer, const struct jv *id, struct rpc_text *text)
{
	GString *out = answer_head(answer, id);

	if (answer->len + out->len + text->len > RPC_MAX_RESPONSE) {
		append_error(out, RPC_INTERNAL_ERROR, "Internal error",
			     "the answer, with those before it in a batch, is longer than 32 MiB; "
			     "ask for less at a time");
		rpc_text_clear(text);
	} else {
		g_string_append(out, "\"result\":");
	}
	rpc_text_take(answer, out);
	rpc_text_move(answer, text);
	rpc_text_append(answer, "}", 1);
}

static void append_node(struct rpc_text *answer, const struct jv *id, JsonNode *result)
{
	g_autofree char *s = json_to_string(result, FALSE);
	struct rpc_text text = { 0 };

	rpc_text_append(&text, s, strlen(s));
	append_result(answer, id, &text);
}

/* --- exchanges -------------------------------------------------------------------------- */

static void exchange_finish(struct exchange *x)
{
	struct rpc_client *c = x->client;

	if (c) {
		if (x->batch && x->answer.len > 0) {
			g_string_prepend_c(g_queue_peek_head(&x->answer.chunks), '[');
			x->answer.len++;
			rpc_text_append(&x->answer, "]", 1);
		}
		g_ptr_array_remove(c->exchanges, x);
		client_send(c, &x->answer);
	}
	rpc_text_clear(&x->answer);
	jv_doc_unref(x->doc);
	rpc_server_call_ends(x->server);
	g_free(x);
}

static void request_done(struct rpc_request *req, JsonNode *result, const GError *error)
{
	struct exchange *x = req->owner;

	if (x->id && x->client) {
		if (error)
			append_failure(&x->answer, x->id, error);
		else if (result)
			append_node(&x->answer, x->id, result);
		else
			append_result(&x->answer, x->id, &req->text);
	}
	exchange_later(x);
}

static bool invalid(GError **error, const char *what)
{
	return weft_error_set(error, RPC_INVALID_REQUEST, NULL, "%s", what);
}

static bool check_id(const struct jv *id, GError **error)
{
	if (!id)
		return true;
	if (id->type != JV_STRING && id->type != JV_NUMBER && id->type != JV_NULL)
		return invalid(error, "\"id\" must be a string or a number");
	if (id->raw_len > RPC_MAX_ID + (id->type == JV_STRING ? 2 : 0))
		return invalid(error, "\"id\" may have 128 characters at most");
	return true;
}

static bool check_keys(const struct jv *request, GError **error)
{
	static const char *const known[] = { "jsonrpc", "id", "method", "params", NULL };
	bool seen[4] = { false };

	for (const struct jv *m = request->first; m; m = m->next) {
		unsigned i = 0;

		while (known[i] && (m->key_len != strlen(known[i]) || strcmp(m->key, known[i])))
			i++;
		if (!known[i])
			return invalid(error, "a request has the keys jsonrpc, id, method and "
					      "params, and no others");
		if (seen[i])
			return invalid(error, "a key of the request is given twice");
		seen[i] = true;
	}
	return true;
}

static bool check_request(const struct jv *request, GError **error)
{
	const struct jv *version = jv_member(request, "jsonrpc");
	const struct jv *method = jv_member(request, "method");
	const struct jv *params = jv_member(request, "params");

	if (request->type != JV_OBJECT)
		return invalid(error, "a request is an object");
	if (!check_id(jv_member(request, "id"), error) || !check_keys(request, error))
		return false;
	if (version && (version->type != JV_STRING || strcmp(version->str, "2.0") != 0))
		return invalid(error, "\"jsonrpc\" must be \"2.0\"");
	if (!method)
		return invalid(error, "\"method\" is missing");
	if (method->type != JV_STRING || method->len != strlen(method->str))
		return invalid(error, "\"method\" must be a string");
	if (params && params->type != JV_OBJECT && params->type != JV_ARRAY)
		return invalid(error, "\"params\" must be an object");
	return true;
}

/* True: it runs, request_done follows. False: answered already. */
static bool run_request(struct exchange *x, const struct jv *request)
{
	g_autoptr(GError) error = NULL;
	const struct jv *id = jv_member(request, "id");

	if (!check_request(request, &error)) {
		append_failure(&x->answer, check_id(id, NULL) ? id : NULL, error);
		return false;
	}
	x->id = id;
	rpc_call(x->server, x->doc, jv_member(request, "method")->str, jv_member(request, "params"),
		 request_done, x);
	return true;
}

/* The next request, if there is one: now the first, the others each in a pass of its own. */
static void exchange_step(struct exchange *x)
{
	const struct jv *request = x->next;

	if (!request || (!x->client && x->server->stopping)) {
		exchange_finish(x);
		return;
	}
	x->next = x->batch ? request->next : NULL;
	if (!run_request(x, request))
		exchange_later(x);
}

static void step_task(struct task *task)
{
	exchange_step((struct exchange *)((char *)task - offsetof(struct exchange, step)));
}

static void exchange_later(struct exchange *x)
{
	if (x->next)
		reactor_run_at_flush(x->server->reactor, &x->step);
	else
		exchange_finish(x);
}

static void exchange_start(struct rpc_client *c, struct jv_doc *doc)
{
	struct exchange *x = g_new0(struct exchange, 1);
	const struct jv *root = jv_root(doc);

	x->client = c;
	x->server = c->server;
	x->doc = doc;
	x->batch = root->type == JV_ARRAY && root->count > 0;
	x->next = x->batch ? root->first : root;
	x->step.fn = step_task;
	g_ptr_array_add(c->exchanges, x);
	rpc_server_call_begins(c->server);
	exchange_step(x);
}

/* --- input -------------------------------------------------------------------------------- */

/* Answers with an error without an id, and ends the connection. */
static void client_give_up(struct rpc_client *c, const GError *error)
{
	struct rpc_text text = { 0 };

	append_failure(&text, NULL, error);
	c->finishing = true;
	g_byte_array_set_size(c->in, 0);
	c->scanned = 0;
	client_send(c, &text);
	rpc_text_clear(&text);
}

static void client_refuse(struct rpc_client *c, int code, const char *what)
{
	g_autoptr(GError) error = NULL;

	weft_error_set(&error, code, NULL, "%s", what);
	client_give_up(c, error);
}

static void frame_failed(struct rpc_client *c, enum rpc_frame state)
{
	if (state == RPC_FRAME_SCALAR)
		client_refuse(c, RPC_INVALID_REQUEST, "a request is an object or an array of them");
	else if (state == RPC_FRAME_DEEP)
		client_refuse(c, RPC_PARSE_ERROR, "nested more than 64 levels deep");
	else
		client_refuse(c, RPC_PARSE_ERROR,
			      "not JSON: a request is an object, { ... }, with "
			      "brackets that match");
}

/* One text from the input. False: there is none yet, or no more. */
static bool next_text(struct rpc_client *c)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc;
	size_t used;
	enum rpc_frame state;

	if (c->scanned == c->in->len)
		return false;
	state = rpc_frame_scan(&c->framer, (char *)c->in->data + c->scanned,
			       c->in->len - c->scanned, &used);
	c->scanned += used;
	if (c->scanned > RPC_MAX_REQUEST) {
		client_refuse(c, RPC_INVALID_REQUEST, "a request may have 256 KiB at most");
		return false;
	}
	if (state == RPC_FRAME_MORE) {
		if (!rpc_frame_inside(&c->framer)) { /* nothing but white space */
			g_byte_array_set_size(c->in, 0);
			c->scanned = 0;
		}
		return false;
	}
	if (state != RPC_FRAME_TEXT) {
		frame_failed(c, state);
		return false;
	}
	doc = jv_parse((char *)c->in->data, c->scanned, RPC_MAX_VALUES, &error);
	if (!doc) {
		client_give_up(c, error);
		return false;
	}
	g_byte_array_remove_range(c->in, 0, (guint)c->scanned);
	c->scanned = 0;
	exchange_start(c, doc);
	return true;
}

/* Cuts texts out of what is there, a bounded number a pass. */
static void client_process(struct rpc_client *c)
{
	unsigned started = 0;

	while (!c->finishing && c->exchanges->len < CALLS_MAX && unsent(c) < OUT_HIGH) {
		if (started++ == STARTS_MAX) {
			reactor_run_at_flush(c->server->reactor, &c->resume);
			break;
		}
		if (!next_text(c))
			break;
	}
	if (c->eof && !c->finishing && c->scanned == c->in->len) {
		if (rpc_frame_inside(&c->framer))
			client_refuse(c, RPC_PARSE_ERROR, "the request does not end");
		else if (is_idle(c))
			reactor_run_at_flush(c->server->reactor, &c->flush);
	}
	set_paused(c);
}

static void resume_task(struct task *task)
{
	client_process((struct rpc_client *)((char *)task - offsetof(struct rpc_client, resume)));
}

static void readable(struct net_stream *stream, void *user)
{
	struct rpc_client *c = user;
	guint len = c->in->len;
	struct iovec iov;
	ssize_t n;

	if (!c->draining && (c->finishing || c->eof || c->exchanges->len >= CALLS_MAX))
		return;
	g_byte_array_set_size(c->in, len + RECV_BYTES);
	iov = (struct iovec){ .iov_base = c->in->data + len, .iov_len = RECV_BYTES };
	n = net_recv(stream, &iov, 1);
	g_byte_array_set_size(c->in, len + (n > 0 ? (guint)n : 0));
	if (n == -EAGAIN)
		return;
	if (n < 0 || (n == 0 && c->draining)) {
		rpc_client_close(c);
		return;
	}
	if (c->draining) {
		g_byte_array_set_size(c->in, 0);
		return;
	}
	c->eof = n == 0;
	client_process(c);
}

static void writable(struct net_stream *stream, void *user)
{
	struct rpc_client *c = user;

	(void)stream;
	c->blocked = false;
	client_flush(c);
}

/* --- life --------------------------------------------------------------------------------- */

static const struct net_stream_cb client_cb = { .readable = readable, .writable = writable };

struct rpc_client *rpc_client_new(struct rpc_server *server, struct net_stream *stream)
{
	struct rpc_client *c = g_new0(struct rpc_client, 1);

	if (stream->ops->attach(stream, server->reactor->net, &client_cb, c) < 0) {
		stream->ops->close(stream);
		g_free(c);
		return NULL;
	}
	c->server = server;
	c->stream = stream;
	c->in = g_byte_array_new();
	c->exchanges = g_ptr_array_new();
	c->flush.fn = flush_task;
	c->resume.fn = resume_task;
	timer_init(&c->drained, drained_timer);
	return c;
}

void rpc_client_close(struct rpc_client *c)
{
	struct reactor *r = c->server->reactor;

	g_ptr_array_remove(c->server->clients, c);
	c->stream->ops->close(c->stream);
	reactor_cancel_task(r, &c->resume);
	reactor_timer_cancel(r, &c->drained);
	reactor_cancel_task(r, &c->flush);
	for (guint i = 0; i < c->exchanges->len; i++)
		((struct exchange *)c->exchanges->pdata[i])->client = NULL;
	g_ptr_array_unref(c->exchanges);
	g_byte_array_unref(c->in);
	rpc_text_clear(&c->out);
	g_free(c);
}
