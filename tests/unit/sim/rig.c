/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rig.h.
 */
#include <string.h>

#include "tests/unit/sim/rig.h"

#define CHUNK 20000

static uint8_t pattern(uint8_t salt, uint64_t pos)
{
	return (uint8_t)((pos * 0x9e3779b1u >> 13) + salt);
}

static void end_close(struct end *e)
{
	if (e->stream)
		e->stream->ops->close(e->stream);
	e->stream = NULL;
	e->done = true;
}

static void end_send(struct end *e)
{
	uint8_t buf[CHUNK];

	while (e->stream && e->sent < e->total) {
		size_t len = MIN(e->total - e->sent, CHUNK);
		struct iovec iov = { buf, len };
		ssize_t n;

		for (size_t i = 0; i < len; i++)
			buf[i] = pattern(e->salt_out, e->sent + i);
		n = net_send(e->stream, &iov, 1, false);
		if (n <= 0)
			return;
		e->sent += (uint64_t)n;
	}
	if (e->stream && !e->mute)
		e->stream->ops->shutdown(e->stream);
}

static void on_connected(struct net_stream *s, int err, void *user)
{
	struct end *e = user;

	(void)s;
	e->connected = true;
	e->error = err;
	if (err < 0)
		end_close(e);
	else
		end_send(e);
}

static void check(struct end *e, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t diff = buf[i] ^ pattern(e->salt_in, e->got + i);

		if (diff && e->wrong++ == 0) {
			e->first_wrong = e->got + i;
			e->diff = diff;
		}
	}
	e->got += len;
}

static void on_readable(struct net_stream *s, void *user)
{
	struct end *e = user;
	uint8_t buf[CHUNK];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(s, &iov, 1);

	if (n == -EAGAIN)
		return;
	if (n > 0) {
		check(e, buf, (size_t)n);
		return;
	}
	e->eof = n == 0;
	e->error = (int)n;
	if (n < 0 || (!e->keep && e->sent == e->total))
		end_close(e);
}

static void on_writable(struct net_stream *s, void *user)
{
	struct end *e = user;

	(void)s;
	end_send(e);
	if (e->eof && e->sent == e->total && !e->keep)
		end_close(e);
}

static const struct net_stream_cb stream_cb = { on_connected, on_readable, on_writable };

static void on_accepted(struct net_listener *l, struct net_stream *s, void *user)
{
	struct rig *r = user;
	struct end *e = &r->server;

	(void)l;
	if (e->stream || e->done) {
		s->ops->abort(s);
		return;
	}
	r->accepted = true;
	e->stream = s;
	g_assert_cmpint(s->ops->attach(s, core_main(r->b.core)->net, &stream_cb, e), ==, 0);
	end_send(e);
}

static const struct net_listener_cb listener_cb = { .accepted = on_accepted };

static void listen_now(struct reactor *reactor, void *arg)
{
	struct rig *r = arg;
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, r->b.addr, PORT_NAME, NULL));
	g_assert_cmpint(reactor->hw->net->ops->listen(reactor->net, &addr, NULL, &listener_cb, r,
						      &r->listener),
			==, 0);
}

void machine_up(struct rig *r, struct machine *m)
{
	static const struct core_options options = { .nreactors = 1, .log_level = LOG_ERROR };
	GError *error = NULL;

	m->core = core_new(world_node_hw(m->node), &options, &error);
	g_assert_no_error(error);
	core_start(m->core, &error);
	g_assert_no_error(error);
	if (m->listens)
		core_call(core_main(m->core), listen_now, r);
}

void machine_down(struct rig *r, struct machine *m)
{
	struct end *e = m->listens ? &r->server : &r->client;

	end_close(e);
	if (m->listens && r->listener)
		world_node_hw(m->node)->net->ops->listener_close(g_steal_pointer(&r->listener));
	core_stop(m->core);
	core_free(m->core);
}

static void up(struct rig *r, uint64_t seed, const char *a, const char *b)
{
	r->world = world_new(seed);
	r->a.node = world_node_new(r->world, "a");
	r->b.node = world_node_new(r->world, "b");
	r->a.addr = a;
	r->b.addr = b;
	r->b.listens = true;
	g_assert_true(world_node_add_addr(r->a.node, a));
	g_assert_true(world_node_add_addr(r->b.node, b));
	r->client.rig = r->server.rig = r;
	r->client.salt_out = r->server.salt_in = 3;
	r->client.salt_in = r->server.salt_out = 77;
	machine_up(r, &r->a);
	machine_up(r, &r->b);
	world_run_for(r->world, WORLD_MS);
}

void rig_up(struct rig *r, uint64_t seed)
{
	up(r, seed, "192.0.2.1", "192.0.2.2");
}

void rig_up6(struct rig *r, uint64_t seed)
{
	up(r, seed, "2001:db8::1", "2001:db8::2");
}

static void dial_now(struct reactor *reactor, void *arg)
{
	struct rig *r = arg;
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, r->b.addr, PORT_NAME, NULL));
	g_assert_cmpint(reactor->hw->net->ops->connect(reactor->net, &addr, NULL, &stream_cb,
						       &r->client, &r->client.stream),
			==, 0);
}

void rig_dial(struct rig *r)
{
	core_call(core_main(r->a.core), dial_now, r);
}

static bool not_done(void *arg)
{
	const struct rig *r = arg;

	return !r->client.done || (r->accepted && !r->server.done);
}

bool rig_wait(struct rig *r, uint64_t limit)
{
	return world_run_while(r->world, not_done, r, limit);
}

static struct core *core_of(struct rig *r, const struct end *e)
{
	return e == &r->client ? r->a.core : r->b.core;
}

struct order {
	struct end *end;
	bool flag;
};

static void pause_now(struct reactor *reactor, void *arg)
{
	const struct order *o = arg;

	(void)reactor;
	o->end->stream->ops->pause(o->end->stream, o->flag);
}

void rig_pause(struct rig *r, struct end *e, bool paused)
{
	struct order o = { e, paused };

	core_call(core_main(core_of(r, e)), pause_now, &o);
	world_run_for(r->world, 50 * WORLD_US);
}

static void close_now(struct reactor *reactor, void *arg)
{
	const struct order *o = arg;
	struct net_stream *s = g_steal_pointer(&o->end->stream);

	(void)reactor;
	o->end->done = true;
	if (s && o->flag)
		s->ops->abort(s);
	else if (s)
		s->ops->close(s);
}

void rig_close(struct rig *r, struct end *e, bool abort)
{
	struct order o = { e, abort };

	core_call(core_main(core_of(r, e)), close_now, &o);
	world_run_for(r->world, 50 * WORLD_US);
}

static void send_now(struct reactor *reactor, void *arg)
{
	(void)reactor;
	end_send(arg);
}

void rig_send(struct rig *r, struct end *e)
{
	core_call(core_main(core_of(r, e)), send_now, e);
	world_run_for(r->world, 50 * WORLD_US);
}

#define EDGES_MAX 64

static struct {
	const char *from, *to;
	uint64_t taken;
} edges[EDGES_MAX];

static void count_edge(void *arg, const char *from, const char *to, uint64_t taken)
{
	unsigned *n = arg;

	g_assert_cmpuint(*n, <, EDGES_MAX);
	edges[*n].from = from;
	edges[*n].to = to;
	edges[(*n)++].taken += taken;
}

char *rig_edges_missing(void)
{
	GString *s = g_string_new(NULL);

	for (unsigned i = 0; i < EDGES_MAX && edges[i].from; i++) {
		if (edges[i].taken == 0)
			g_string_append_printf(s, "%s>%s ", edges[i].from, edges[i].to);
	}
	return g_string_free(s, FALSE);
}

uint64_t rig_down(struct rig *r)
{
	unsigned nedges = 0;

	g_autofree char *leaks = NULL;
	uint64_t hash;

	machine_down(r, &r->a);
	machine_down(r, &r->b);
	leaks = world_leaks(r->world);
	g_assert_cmpstr(leaks, ==, NULL);
	g_assert_cmpuint(world_net_conns(r->world), ==, 0);
	world_tcp_edges(r->world, count_edge, &nedges);
	hash = world_hash(r->world);
	world_free(r->world);
	return hash;
}

void rig_check(const struct rig *r)
{
	g_assert_cmpint(r->client.error, ==, 0);
	g_assert_cmpint(r->server.error, ==, 0);
	g_assert_cmpuint(r->client.got, ==, r->server.total);
	g_assert_cmpuint(r->server.got, ==, r->client.total);
	g_assert_cmpuint(r->client.wrong, ==, 0);
	g_assert_cmpuint(r->server.wrong, ==, 0);
}
