/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The administrator: each call is a program of its own on the target's node, which
 * opens the RPC socket, sends its request, and reads the reply. Some are ill-behaved.
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/rpc/framing.h"
#include "target/rpc/json.h"

#define CALL_LIMIT (60 * WORLD_SEC)

struct admin_call {
	struct run *run;
	struct run_target *target;
	const struct scn_call *s;
	bool setup;
	uint64_t left; /* times to come after this one */
	struct core *core; /* the program runs there */
	struct net_stream *stream;
	GString *out, *in;
	size_t sent;
	struct rpc_framer framer;
	size_t scanned;
	bool leaves, changes_ns;
	uint64_t genctr;    /* before */
	uint64_t open;
	struct timer limit; /* on the administrator's reactor */
};

static void call_begin(struct reactor *r, void *arg);

static bool changes_namespaces(const char *method)
{
	return strstr(method, "_ns") != NULL || strstr(method, "delete") != NULL ||
	       strstr(method, "resize") != NULL || strstr(method, "create") != NULL;
}

/* Who may see one, and in which ANA group it is, does not change what it is. */
static bool maps_namespaces(const char *method)
{
	return (strstr(method, "_ns") != NULL && !g_str_has_suffix(method, "_host") &&
		!g_str_has_suffix(method, "_ana_group")) ||
	       strstr(method, "delete") != NULL;
}

static bool changes_paths(const char *method)
{
	return changes_namespaces(method) || strstr(method, "ana") != NULL ||
	       strstr(method, "listener") != NULL;
}

static struct admin_call *call_new(struct run *run, const struct scn_call *s, bool setup)
{
	struct admin_call *c = g_new0(struct admin_call, 1);

	c->run = run;
	c->s = s;
	c->setup = setup;
	c->target = s->target != NULL ? run_target_find(run, s->target) : run->targets->pdata[0];
	c->left = s->times - 1;
	return c;
}

/* --- its end ------------------------------------------------------------------------------ */

static void call_again(void *arg)
{
	struct admin_call *c = arg;

	c->core = c->target->admin;
	if (c->core != NULL)
		core_call(core_main(c->core), call_begin, c);
	else /* without power: later */
		world_at(c->run->world, world_now(c->run->world) + 100 * WORLD_MS, call_again, c);
}

static void call_free(struct admin_call *c)
{
	g_string_free(c->out, TRUE);
	g_string_free(c->in, TRUE);
	c->out = c->in = NULL;
	c->run->calls--;
	run_config_call(c->target, c->s, false);
	if (c->changes_ns) {
		c->target->ns_changes++;
		c->target->ns_maps += maps_namespaces(c->s->method);
		c->target->ns_calls--;
		c->target->ns_changed_at = world_now(c->run->world);
	}
	if (changes_paths(c->s->method)) {
		c->target->path_changes++;
		c->target->path_calls--;
		if (c->s->client != SCN_CLIENT_GOOD)
			c->target->path_unsure_at = world_now(c->run->world);
		run_paths_look(c->run);
	}
	if (!c->setup && c->left > 0 && c->run->phase == RUN_SAFETY_PHASE) {
		c->left--;
		world_at(c->run->world, world_now(c->run->world) + c->s->every, call_again, c);
		return;
	}
	if (c->setup)
		run_setup_next(c->run);
	g_free(c);
}

static void call_close(struct admin_call *c)
{
	reactor_timer_cancel(core_main(c->core), &c->limit);
	if (c->stream != NULL)
		c->stream->ops->close(c->stream);
	c->stream = NULL;
}

/* The text of the error, or NULL: it was a result. */
static char *reply_error(const char *text, size_t len, bool *is_reply)
{
	struct jv_doc *doc = jv_parse(text, len, 0, NULL);
	const struct jv *error, *message;
	char *result = NULL;

	*is_reply = false;
	if (doc == NULL)
		return NULL;
	error = jv_member(jv_root(doc), "error");
	message = jv_member(error, "message");
	*is_reply = error != NULL || jv_member(jv_root(doc), "result") != NULL;
	if (error != NULL)
		result = g_strdup(message != NULL && message->str != NULL ? message->str
									  : "no message");
	jv_doc_unref(doc);
	return result;
}

static void judge(struct admin_call *c, size_t len)
{
	bool is_reply;
	g_autofree char *text = g_strndup(c->in->str, len);
	g_autofree char *error = reply_error(text, len, &is_reply);
	bool want_error = c->s->reply == SCN_ERROR;

	if (!is_reply)
		run_fail(c->run, RUN_SAFETY, "C", "%s was answered by something else: %s",
			 c->s->method, text);
	else if (c->s->reply != SCN_ANY && (error != NULL) != want_error)
		run_fail(c->run, RUN_SAFETY, "C", "%s %s was answered with %s: %s", c->s->method,
			 c->s->params != NULL ? c->s->params : "{}",
			 error != NULL ? "an error" : "success, where an error was expected", text);
	else if (c->s->has != NULL && strstr(text, c->s->has) == NULL)
		run_fail(c->run, RUN_SAFETY, "C", "the reply to %s has no \"%s\" in it: %s",
			 c->s->method, c->s->has, text);
	if (is_reply && error == NULL && c->s->client == SCN_CLIENT_GOOD)
		run_config_done(c->run, c->target, c->s->method, c->genctr, c->open);
	if (run_fence_closes(c->s->method)) {
		if (is_reply && error == NULL)
			run_fence_look(c->run, c->target, c->s->method);
		c->target->unfenced |= strstr(text, "this goes on by itself") != NULL;
	}
	counts_add(c->run->counts, error != NULL ? "call.error" : "call.ok", 1);
}

static void call_end(struct admin_call *c, size_t len)
{
	call_close(c);
	if (len > 0)
		judge(c, len);
	else if (c->s->reply != SCN_ANY && c->s->client != SCN_CLIENT_CUT && !c->leaves)
		run_fail(c->run, RUN_SAFETY, "C", "%s: the connection ended without an answer",
			 c->s->method);
	call_free(c);
}

static void call_late(struct timer *timer, struct reactor *r)
{
	struct admin_call *c =
		(struct admin_call *)((char *)timer - offsetof(struct admin_call, limit));

	(void)r;
	run_fail(c->run, RUN_LIVENESS, "L", "%s was not answered within %" G_GUINT64_FORMAT " s",
		 c->s->method, CALL_LIMIT / WORLD_SEC);
}

/* --- its stream ------------------------------------------------------------------------------ */

static void pump(struct admin_call *c)
{
	while (c->sent < c->out->len) {
		struct iovec iov = { c->out->str + c->sent, c->out->len - c->sent };
		ssize_t n = net_send(c->stream, &iov, 1, false);

		if (n <= 0)
			return;
		c->sent += (size_t)n;
	}
	if (c->leaves || c->s->client == SCN_CLIENT_CUT)
		call_end(c, 0);
}

static void on_connected(struct net_stream *stream, int err, void *user)
{
	struct admin_call *c = user;

	(void)stream;
	if (err == 0) {
		pump(c);
		return;
	}
	if (c->s->reply != SCN_ANY)
		run_fail(c->run, RUN_SAFETY, "C", "%s: the RPC socket of %s: %s", c->s->method,
			 c->target->s->name, g_strerror(-err));
	c->leaves = true;
	call_end(c, 0);
}

static void on_readable(struct net_stream *stream, void *user)
{
	struct admin_call *c = user;
	char buf[8192];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(stream, &iov, 1);
	enum rpc_frame frame;
	size_t used;

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		call_end(c, 0);
		return;
	}
	g_string_append_len(c->in, buf, n);
	frame = rpc_frame_scan(&c->framer, c->in->str + c->scanned, c->in->len - c->scanned, &used);
	c->scanned += used;
	if (frame != RPC_FRAME_MORE)
		call_end(c, c->scanned);
}

static void on_writable(struct net_stream *stream, void *user)
{
	(void)stream;
	pump(user);
}

static const struct net_stream_cb callbacks = { on_connected, on_readable, on_writable };

static void write_request(struct admin_call *c)
{
	const struct scn_call *s = c->s;
	g_autofree char *text = g_strdup_printf(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"%s%s}", s->method,
		s->params != NULL ? ",\"params\":" : "", s->params != NULL ? s->params : "");

	c->out = g_string_new(NULL);
	c->in = g_string_new(NULL);
	if (s->client == SCN_CLIENT_GARBAGE)
		g_string_append(c->out, "{\"method\":[}");
	g_string_append(c->out, text);
	if (s->client == SCN_CLIENT_TWICE)
		g_string_append(c->out, text);
	if (s->client == SCN_CLIENT_CUT)
		g_string_truncate(c->out, c->out->len / 2);
	c->leaves = s->client == SCN_CLIENT_LEAVES;
}

static void call_begin(struct reactor *r, void *arg)
{
	struct admin_call *c = arg;
	struct net_addr addr;
	int err;

	c->run->calls++;
	run_config_call(c->target, c->s, true);
	run_config_adds(c->target, c->s);
	c->sent = c->scanned = 0;
	c->framer = (struct rpc_framer){ 0 };
	c->changes_ns = changes_namespaces(c->s->method);
	if (c->changes_ns) {
		c->target->ns_changes++;
		c->target->ns_maps += maps_namespaces(c->s->method);
		c->target->ns_calls++;
	}
	if (changes_paths(c->s->method)) {
		c->target->path_changes++;
		c->target->path_calls++;
	}
	c->genctr = run_config_genctr(c->target);
	c->open = run_config_open(c->target);
	write_request(c);
	world_note(c->run->world, c->s->method, c->left);
	timer_init(&c->limit, call_late);
	reactor_timer_set(r, &c->limit, r->now + CALL_LIMIT);
	net_addr_unix(&addr, RUN_RPC_PATH);
	err = r->hw->net->ops->connect(r->net, &addr, NULL, &callbacks, c, &c->stream);
	if (err != 0) { /* out of descriptors: this program did not even start */
		c->stream = NULL;
		c->leaves = true;
		call_end(c, 0);
	}
}

/* --- when ------------------------------------------------------------------------------------ */

void run_setup_next(struct run *run)
{
	const struct scn_call *calls = run->s->setup.items;

	while (run->setup_at < run->s->setup.n) {
		struct admin_call *c = call_new(run, &calls[run->setup_at++], true);

		if (run->setup_of == NULL || c->target == run->setup_of) {
			call_again(c);
			return;
		}
		g_free(c);
	}
}

struct aimed {
	struct run *run;
	const struct scn_call *s;
};

static void aimed_call(void *arg)
{
	const struct aimed *a = arg;
	struct admin_call *c;

	if (a->run->phase != RUN_SAFETY_PHASE)
		return;
	c = call_new(a->run, a->s, false);
	c->left = 0;
	call_again(c);
}

/* A call that comes with an event. */
static void aim(struct run *run, const struct scn_call *s)
{
	const struct run_when when = { .on = s->on,
				       .from = run_at(run, s->at),
				       .skip = s->skip,
				       .times = s->times,
				       .every = s->every,
				       .after = s->after };
	struct aimed *a = g_new(struct aimed, 1);

	*a = (struct aimed){ run, s };
	run_trigger_add(run, &when, aimed_call, a);
}

void run_timeline(struct run *run)
{
	const struct scn_call *calls = run->s->timeline.items;

	for (unsigned i = 0; i < run->s->timeline.n; i++) {
		if (calls[i].on != NULL)
			aim(run, &calls[i]);
		else
			world_at(run->world, run_at(run, calls[i].at), call_again,
				 call_new(run, &calls[i], false));
	}
}
