/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints the trace hash of a fixed scenario for some seeds: two nodes with two
 * reactors each, streams with random sizes over a link that stalls, cuts short,
 * corrupts, loses, doubles and reorders, resets, log lines, memory. With --check it compares them with
 * the ones below, which every compiler, optimization and sanitizer must give.
 *
 * When the model is changed on purpose the values change: run it and put the
 * new ones here.
 */
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/world.h"
#include "target/core/core.h"

#define NSTREAMS 4
#define TOTAL 200000u

static const uint64_t expected[] = {
	UINT64_C(0x75bfca34c3a026d1),
	UINT64_C(0xb922d78f4d8d6b63),
	UINT64_C(0xf8a10b43a3ddc0a6),
};

struct side;

struct flow {
	struct side *side;
	struct net_stream *stream;
	uint64_t sent;
};

struct side {
	struct world_node *node;
	struct core *core;
	struct net_listener *listener;
	struct net_addr addr;
	struct flow flows[NSTREAMS];
	unsigned n;
};

static void flow_send(struct flow *f)
{
	uint8_t buf[3000];

	while (f->sent < TOTAL) {
		struct iovec iov = { buf, sizeof(buf) };
		ssize_t n;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)((f->sent + i) * 31 >> 3);
		n = net_send(f->stream, &iov, 1, false);
		if (n <= 0)
			return;
		f->sent += (uint64_t)n;
	}
	f->stream->ops->shutdown(f->stream);
}

static void flow_close(struct flow *f)
{
	f->stream->ops->close(f->stream);
	f->stream = NULL;
}

static void on_connected(struct net_stream *stream, int err, void *user)
{
	struct flow *f = user;

	(void)stream;
	if (err < 0)
		flow_close(f);
	else
		flow_send(f);
}

static void on_readable(struct net_stream *stream, void *user)
{
	struct flow *f = user;
	uint8_t buf[4096];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(stream, &iov, 1);

	if (n == -EAGAIN)
		return;
	if (n <= 0)
		flow_close(f);
}

static void on_writable(struct net_stream *stream, void *user)
{
	(void)stream;
	flow_send(user);
}

static const struct net_stream_cb stream_cb = { on_connected, on_readable, on_writable };

static void on_accepted(struct net_listener *l, struct net_stream *stream, void *user)
{
	struct side *s = user;
	struct flow *f = &s->flows[s->n++];

	(void)l;
	f->side = s;
	f->stream = stream;
	g_assert_cmpint(stream->ops->attach(stream, core_main(s->core)->net, &stream_cb, f), ==, 0);
}

static const struct net_listener_cb listener_cb = { .accepted = on_accepted };

static void start_server(struct reactor *r, void *arg)
{
	struct side *s = arg;

	g_assert_true(net_addr_parse(&s->addr, "192.0.2.1", "4420", NULL));
	g_assert_cmpint(
		r->hw->net->ops->listen(r->net, &s->addr, NULL, &listener_cb, s, &s->listener), ==,
		0);
}

static void start_client(struct reactor *r, void *arg)
{
	struct side *s = arg;
	struct flow *f = &s->flows[s->n++];

	f->side = s;
	g_assert_cmpint(r->hw->net->ops->connect(r->net, &s->addr, NULL, &stream_cb, f, &f->stream),
			==, 0);
}

static void side_up(struct side *s, struct world *w, const char *name, const char *addr)
{
	static const struct core_options options = { .nreactors = 2, .log_level = LOG_DEBUG };
	GError *error = NULL;

	s->node = world_node_new(w, name);
	g_assert_true(world_node_add_addr(s->node, addr));
	s->core = core_new(world_node_hw(s->node), &options, &error);
	g_assert_no_error(error);
	core_start(s->core, &error);
	g_assert_no_error(error);
}

static void side_down(struct side *s)
{
	for (unsigned i = 0; i < NSTREAMS; i++) {
		if (s->flows[i].stream)
			flow_close(&s->flows[i]);
	}
	if (s->listener)
		world_node_hw(s->node)->net->ops->listener_close(s->listener);
	core_stop(s->core);
	core_free(s->core);
}

static uint64_t run(uint64_t seed)
{
	struct world *w = world_new(seed);
	struct side server = { 0 }, client = { 0 };
	struct world_link_params params;
	uint64_t hash;

	world_link_default(&params);
	params.seg_max = 5000;
	params.corrupt_ppm = 20000;
	params.stall_ppm = 5000;
	params.stall_ns = WORLD_MS;
	params.sndbuf = 20000;
	params.loss_ppm = params.dup_ppm = params.flip_ppm = 5000;
	params.reorder_ppm = 20000;
	params.reorder_ns = WORLD_MS;
	world_link_set_all(w, &params);
	side_up(&server, w, "server", "192.0.2.1");
	side_up(&client, w, "client", "192.0.2.2");
	core_call(core_main(server.core), start_server, &server);
	world_run_for(w, WORLD_MS);
	client.addr = server.addr;
	for (unsigned i = 0; i < NSTREAMS; i++)
		core_call(client.core->reactors[0], start_client, &client);
	world_run_for(w, WORLD_MS);
	world_link_stall(client.node, server.node, world_now(w) + WORLD_MS);
	world_run_for(w, WORLD_MS);
	world_net_reset_conn(w, 2);
	log_info(client.core->log, "test", "a line", "seed=%" PRIu64, seed);
	world_run_idle(w, 10 * WORLD_SEC);
	hash = world_hash(w);
	side_down(&client);
	side_down(&server);
	g_assert_null(world_leaks(w));
	world_free(w);
	return hash;
}

int main(int argc, char **argv)
{
	bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	int ret = 0;

	for (uint64_t seed = 0; seed < G_N_ELEMENTS(expected); seed++) {
		uint64_t hash = run(seed);

		printf("%" PRIu64 " %016" PRIx64 "\n", seed, hash);
		if (hash != run(seed)) {
			printf("a second run differs\n");
			ret = 1;
		}
		if (check && hash != expected[seed]) {
			printf("expected %016" PRIx64 "\n", expected[seed]);
			ret = 1;
		}
	}
	return ret;
}
