/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rpc/rig.h"

#include <errno.h>
#include <string.h>

#include "sim/roce.h"
#include "target/rpc/framing.h"
#include "target/rpc/json.h"

static struct rig *make_machine(uint64_t seed)
{
	struct rig *rig = g_new0(struct rig, 1);

	rig->world = world_new(seed);
	rig->node = world_node_new(rig->world, "node");
	return rig;
}

static struct rig *make_target(struct rig *rig, const struct target_options *options)
{
	struct core_options client_options = { .nreactors = 1, .trace_records = 64 };
	g_autoptr(GError) error = NULL;

	rig->target = target_new(world_node_hw(rig->node), options, &error);
	g_assert_no_error(error);
	rig->clients = core_new(world_node_hw(rig->node), &client_options, &error);
	g_assert_no_error(error);
	g_assert_true(core_start(rig->clients, &error));
	return rig;
}

static struct rig *make(uint64_t seed, unsigned nreactors, bool wait_for_rpc,
			const struct rpc_hooks *hooks)
{
	struct target_options options = { .core = { .nreactors = nreactors, .trace_records = 64 },
					  .rpc_path = RIG_SOCKET,
					  .wait_for_rpc = wait_for_rpc };

	if (hooks)
		options.hooks = *hooks;
	return make_target(make_machine(seed), &options);
}

struct rig *rig_new_numa(uint64_t seed, unsigned rnic_numa, bool waiting)
{
	static const int cpus[] = { 0, 1, 2, 3 };
	const struct target_options options = {
		.core = { .nreactors = G_N_ELEMENTS(cpus), .cpus = cpus, .trace_records = 64 },
		.rpc_path = RIG_SOCKET,
		.wait_for_rpc = waiting
	};
	struct rig *rig = make_machine(seed);
	struct world_rnic_params rnic;

	world_node_set_numa(rig->node, 2);
	world_rnic_params_default(&rnic);
	rnic.reactors = G_N_ELEMENTS(cpus) + 1; /* the clients' too */
	rnic.numa = rnic_numa;
	g_assert_nonnull(world_rnic_new(rig->node, &rnic, NULL));
	return make_target(rig, &options);
}

struct rig *rig_new(uint64_t seed, unsigned nreactors)
{
	return make(seed, nreactors, false, NULL);
}

struct rig *rig_new_waiting(uint64_t seed, unsigned nreactors)
{
	return make(seed, nreactors, true, NULL);
}

struct rig *rig_new_hooks(uint64_t seed, unsigned nreactors, const struct rpc_hooks *hooks)
{
	return make(seed, nreactors, false, hooks);
}

static void shut(void *arg)
{
	((struct rig *)arg)->shut = true;
}

static bool not_shut(void *arg)
{
	return !((struct rig *)arg)->shut;
}

void rig_shutdown(struct rig *rig)
{
	if (!rig->target)
		return;
	target_shutdown(rig->target, shut, rig);
	g_assert_true(world_run_while(rig->world, not_shut, rig, RIG_LIMIT));
	target_free(rig->target);
	rig->target = NULL;
}

void rig_free(struct rig *rig)
{
	rig_shutdown(rig);
	core_stop(rig->clients);
	core_free(rig->clients);

	g_autofree char *leaks = world_leaks(rig->world);
	g_assert_null(leaks);
	world_free(rig->world);
	g_free(rig);
}

void rig_segments(struct rig *rig, uint32_t min, uint32_t max)
{
	struct world_link_params params;

	world_link_get(rig->node, rig->node, &params);
	params.seg_min = min;
	params.seg_max = max;
	world_link_set(rig->node, rig->node, &params);
}

/* --- client ------------------------------------------------------------------------ */

static void pump(struct client *c)
{
	while (c->stream && c->sent < c->out->len) {
		struct iovec iov = { .iov_base = c->out->str + c->sent,
				     .iov_len = c->out->len - c->sent };
		ssize_t n = net_send(c->stream, &iov, 1, false);

		if (n < 0)
			return;
		c->sent += (size_t)n;
		if (c->sent < c->out->len)
			return;
	}
	if (c->stream && c->half_close) {
		c->half_close = false;
		c->stream->ops->shutdown(c->stream);
	}
}

static void connected(struct net_stream *stream, int err, void *user)
{
	struct client *c = user;

	(void)stream;
	c->decided = true;
	c->connect_error = err;
	if (err) {
		c->closed = true;
		c->stream->ops->close(c->stream);
		c->stream = NULL;
		return;
	}
	pump(c);
}

static void readable(struct net_stream *stream, void *user)
{
	struct client *c = user;
	char buf[4096];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	ssize_t n;

	if (c->hold) {
		stream->ops->pause(stream, true);
		return;
	}
	n = net_recv(stream, &iov, 1);
	if (n == -EAGAIN)
		return;
	if (n > 0) {
		g_string_append_len(c->in, buf, n);
		return;
	}
	c->closed = true;
	c->stream->ops->close(c->stream);
	c->stream = NULL;
}

static void writable(struct net_stream *stream, void *user)
{
	(void)stream;
	pump(user);
}

static const struct net_stream_cb callbacks = { connected, readable, writable };

static void do_connect(struct reactor *r, void *arg)
{
	struct client *c = arg;
	int rc;

	rc = r->hw->net->ops->connect(r->net, &c->addr, NULL, &callbacks, c, &c->stream);
	g_assert_cmpint(rc, ==, 0);
}

static bool undecided(void *arg)
{
	return !((struct client *)arg)->decided;
}

struct client *client_open_at(struct rig *rig, const struct net_addr *addr)
{
	struct client *c = g_new0(struct client, 1);

	c->rig = rig;
	c->addr = *addr;
	c->out = g_string_new(NULL);
	c->in = g_string_new(NULL);
	core_call(core_main(rig->clients), do_connect, c);
	g_assert_true(world_run_while(rig->world, undecided, c, RIG_LIMIT));
	return c;
}

struct client *client_open(struct rig *rig)
{
	struct net_addr addr;

	net_addr_unix(&addr, RIG_SOCKET);
	return client_open_at(rig, &addr);
}

static void do_pump(struct reactor *r, void *arg)
{
	(void)r;
	pump(arg);
}

void client_send_len(struct client *c, const char *text, size_t len)
{
	g_string_append_len(c->out, text, (gssize)len);
	core_call(core_main(c->rig->clients), do_pump, c);
}

void client_send(struct client *c, const char *text)
{
	client_send_len(c, text, strlen(text));
}

static void do_resume(struct reactor *r, void *arg)
{
	struct client *c = arg;

	(void)r;
	c->hold = false;
	if (c->stream)
		c->stream->ops->pause(c->stream, false);
}

void client_resume(struct client *c)
{
	core_call(core_main(c->rig->clients), do_resume, c);
}

/* Length of the first text in what came, 0: none. */
static size_t first_text(const struct client *c)
{
	struct rpc_framer f = { 0 };
	size_t used;

	return rpc_frame_scan(&f, c->in->str, c->in->len, &used) == RPC_FRAME_TEXT ? used : 0;
}

static bool no_text(void *arg)
{
	const struct client *c = arg;

	return !c->closed && first_text(c) == 0;
}

char *client_answer(struct client *c)
{
	size_t len;
	char *text;

	world_run_while(c->rig->world, no_text, c, RIG_LIMIT);
	len = first_text(c);
	if (len == 0)
		return NULL;
	text = g_strndup(c->in->str, len);
	g_string_erase(c->in, 0, (gssize)len);
	return text;
}

static bool open_still(void *arg)
{
	return !((struct client *)arg)->closed;
}

bool client_closed(struct client *c)
{
	return world_run_while(c->rig->world, open_still, c, RIG_LIMIT);
}

static void do_close(struct reactor *r, void *arg)
{
	struct client *c = arg;

	(void)r;
	if (c->stream)
		c->stream->ops->close(c->stream);
	c->stream = NULL;
	c->closed = c->over = true;
}

static bool not_over(void *arg)
{
	return !((struct client *)arg)->over;
}

/* By a message, so that those which were sent before have arrived. */
void client_free(struct client *c)
{
	core_call(core_main(c->rig->clients), do_close, c);
	g_assert_true(world_run_while(c->rig->world, not_over, c, RIG_LIMIT));
	g_string_free(c->in, TRUE);
	g_string_free(c->out, TRUE);
	g_free(c);
}

char *rig_ask(struct rig *rig, const char *text)
{
	struct client *c = client_open(rig);
	char *answer;

	client_send(c, text);
	answer = client_answer(c);
	client_free(c);
	return answer;
}

char *rig_call(struct rig *rig, const char *method, const char *params)
{
	g_autofree char *request = g_strdup_printf(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);

	return rig_ask(rig, request);
}

void rig_expect(struct rig *rig, const char *method, const char *params, const char *part)
{
	g_autofree char *answer = rig_call(rig, method, params);

	g_assert_nonnull(answer);
	if (!strstr(answer, part))
		g_error("%s %s: %s has no %s", method, params, answer, part);
}

/* --- save and load ------------------------------------------------------------------------ */

/* All parts there are, in their order. */
char *rig_saved(struct rig *rig)
{
	g_autofree char *parts = rig_ask(rig, "{\"id\":1,\"method\":\"framework_get_subsystems\"}");
	struct jv_doc *doc = jv_parse(parts, strlen(parts), 0, NULL);
	GString *text = g_string_new("{\"subsystems\":[");

	for (const struct jv *v = jv_member(jv_root(doc), "result")->first; v; v = v->next) {
		const char *name = jv_member(v, "subsystem")->str;
		g_autofree char *request = g_strdup_printf("{\"id\":1,\"method\":\"framework_get_"
							   "config\",\"params\":{\"name\":\"%s\"}}",
							   name);
		g_autofree char *answer = rig_ask(rig, request);
		struct jv_doc *one = jv_parse(answer, strlen(answer), 0, NULL);
		const struct jv *config = jv_member(jv_root(one), "result");

		g_string_append_printf(text, "{\"subsystem\":\"%s\",\"config\":%.*s}%s", name,
				       (int)config->raw_len, config->raw, v->next ? "," : "");
		jv_doc_unref(one);
	}
	jv_doc_unref(doc);
	return g_string_free(g_string_append(text, "]}"), FALSE);
}

struct loading {
	bool done;
	char *error;
};

static void loaded(void *arg, const GError *error)
{
	struct loading *l = arg;

	l->done = true;
	l->error = error ? g_strdup(error->message) : NULL;
}

static bool loading(void *arg)
{
	return !((struct loading *)arg)->done;
}

char *rig_load(struct rig *rig, const char *text)
{
	struct loading l = { 0 };

	target_load_config(rig->target, "file.json", text, strlen(text), loaded, &l);
	g_assert_true(world_run_while(rig->world, loading, &l, RIG_LIMIT));
	return l.error;
}

/* --- calls, for tables of them --------------------------------------------------------- */

void rig_has(struct rig *rig, const char *method, const char *members, const char *part)
{
	g_autofree char *params = g_strdup_printf("{%s}", members);

	rig_expect(rig, method, params, part);
}

void rig_good(struct rig *rig, const char *method, const char *members)
{
	rig_has(rig, method, members, "\"result\":true");
}

void rig_is(struct rig *rig, const char *method, const char *members, const char *text)
{
	g_autofree char *params = g_strdup_printf("{%s}", members);
	g_autofree char *answer = rig_call(rig, method, params), *have = NULL;
	struct jv_doc *doc = jv_parse(answer, strlen(answer), 0, NULL);
	const struct jv *v = jv_member(jv_root(doc), "result");

	v = v ? v : jv_member(jv_root(doc), "error");
	have = g_strndup(v->raw, v->raw_len);
	jv_doc_unref(doc);
	if (strcmp(have, text) != 0)
		g_error("%s {%s}: %s instead of %s", method, members, have, text);
}

void rig_refuse_all(struct rig *rig, const struct rig_refusal *cases, unsigned n)
{
	g_autofree char *before = rig_saved(rig), *after = NULL;

	for (unsigned i = 0; i < n; i++) {
		rig_has(rig, cases[i].method, cases[i].params, "\"error\"");
		rig_has(rig, cases[i].method, cases[i].params, cases[i].part);
	}
	after = rig_saved(rig);
	g_assert_cmpstr(before, ==, after);
}

void rig_check_saved(struct rig *rig, const char *part)
{
	struct rig *two = rig_new(99, rig->target->core->nreactors);
	g_autofree char *first = rig_saved(rig), *second = NULL, *error = NULL;

	if (!strstr(first, part))
		g_error("%s without %s", first, part);
	error = rig_load(two, first);
	g_assert_cmpstr(error, ==, NULL);
	second = rig_saved(two);
	g_assert_cmpstr(first, ==, second);
	rig_free(rig);
	rig_free(two);
}
