/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP in the world: bytes arrive as they were sent whatever the network does, and
 * ends are told when they do not.
 */
#include <string.h>

#include "tests/unit/sim/rig.h"

/* ---- anything at random ------------------------------------------------------------- */

static uint32_t some(GRand *rand, uint32_t max)
{
	return g_rand_int_range(rand, 0, 2) ? (uint32_t)g_rand_int_range(rand, 0, (gint32)max) : 0;
}

static void draw(GRand *rand, struct world_link_params *p)
{
	world_link_default(p);
	p->loss_ppm = some(rand, 100000);
	p->dup_ppm = some(rand, 200000);
	p->reorder_ppm = some(rand, 300000);
	p->reorder_ns = 1 + some(rand, 2000000);
	p->flip_ppm = some(rand, 50000);
	p->jitter_ns = some(rand, 300000);
	p->mtu = 576 + some(rand, 9000);
	p->sndbuf = 1000 + some(rand, 300000);
	p->rcvbuf = 1000 + some(rand, 300000);
	p->seg_max = g_rand_int_range(rand, 0, 4) ? 65535 : 100 + some(rand, 3000);
	p->bytes_per_sec = some(rand, 2) ? 0 : 5000000 + some(rand, 100000000);
	p->queue_bytes = some(rand, 2) ? 0 : 20000 + some(rand, 100000);
}

static uint64_t random_run(uint64_t seed, struct world_tcp_stats *sum)
{
	GRand *rand = g_rand_new_with_seed((guint32)seed * 7919);
	struct world_link_params to, back;
	struct world_tcp_stats st;
	struct rig r = { 0 };

	(seed % 3 ? rig_up : rig_up6)(&r, seed);
	draw(rand, &to);
	draw(rand, &back);
	back.mtu = to.mtu;
	world_link_set(r.a.node, r.b.node, &to);
	world_link_set(r.b.node, r.a.node, &back);
	r.client.total = some(rand, 300000);
	r.server.total = some(rand, 300000);
	world_net_connect_timeout(r.world, 600 * WORLD_SEC);
	rig_dial(&r);
	if (!rig_wait(&r, 10000 * WORLD_SEC))
		g_error("seed %" G_GUINT64_FORMAT " hangs", seed);
	rig_check(&r);
	world_tcp_stats(r.world, &st);
	sum->repeated += st.repeated;
	sum->timeouts += st.timeouts;
	sum->fast += st.fast;
	sum->probes += st.probes;
	sum->out_of_order += st.out_of_order;
	g_rand_free(rand);
	return rig_down(&r);
}

static void test_random(void)
{
	struct world_tcp_stats sum = { 0 };

	for (uint64_t seed = 1; seed <= 150; seed++) {
		uint64_t hash = random_run(seed, &sum);

		if (seed % 10 == 0)
			g_assert_cmpuint(random_run(seed, &sum), ==, hash);
	}
	g_test_message("%" G_GUINT64_FORMAT " repeated, %" G_GUINT64_FORMAT
		       " timeouts, %" G_GUINT64_FORMAT " fast, %" G_GUINT64_FORMAT
		       " probes, %" G_GUINT64_FORMAT " out of order",
		       sum.repeated, sum.timeouts, sum.fast, sum.probes, sum.out_of_order);
	g_assert_cmpuint(sum.timeouts, >, 100);
	g_assert_cmpuint(sum.fast, >, 100);
	g_assert_cmpuint(sum.probes, >, 0);
	g_assert_cmpuint(sum.out_of_order, >, 1000);
}

/* ---- connecting --------------------------------------------------------------------- */

static void test_syn_loss(void)
{
	static const unsigned kinds[] = { WORLD_PACKET_SYN, WORLD_PACKET_SYNACK, WORLD_PACKET_ACK };

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		struct world_packet_rule rule = { .kinds = kinds[i],
						  .times = 2,
						  .action = WORLD_ACTION_DROP };
		struct rig r = { .client.total = 5000, .server.total = 100 };
		uint64_t begin, matched, taken;
		unsigned n;

		rig_up(&r, 5 + i);
		n = world_packet_rule_add(r.world, &rule);
		begin = world_now(r.world);
		rig_dial(&r);
		g_assert_true(rig_wait(&r, 60 * WORLD_SEC));
		rig_check(&r);
		world_packet_rule_stats(r.world, n, &matched, &taken);
		g_assert_cmpuint(taken, ==, 2);
		if (kinds[i] == WORLD_PACKET_SYN) /* after 1 s, then 2 s more */
			g_assert_cmpuint(world_now(r.world) - begin, >=, 3 * WORLD_SEC);
		g_assert_cmpuint(world_now(r.world) - begin, <, 10 * WORLD_SEC);
		rig_down(&r);
	}
}

static void set_down(struct world_node *from, struct world_node *to, bool down)
{
	struct world_link_params p;

	world_link_get(from, to, &p);
	p.down = down;
	world_link_set(from, to, &p);
}

/* Nobody hears, or nobody is heard: the same for who connects. */
static void test_connect_timeout(void)
{
	for (unsigned way = 0; way < 2; way++) {
		struct rig r = { 0 };
		uint64_t begin;

		rig_up(&r, 9 + way);
		set_down(way ? r.a.node : r.b.node, way ? r.b.node : r.a.node, true);
		begin = world_now(r.world);
		rig_dial(&r);
		g_assert_true(rig_wait(&r, 60 * WORLD_SEC));
		g_assert_cmpint(r.client.error, ==, -ETIMEDOUT);
		g_assert_cmpuint(world_now(r.world) - begin, >=, 20 * WORLD_SEC);
		g_assert_cmpuint(world_now(r.world) - begin, <, 21 * WORLD_SEC);
		g_assert_false(r.accepted);
		/* The accepting side forgets it too. */
		world_run_for(r.world, 200 * WORLD_SEC);
		rig_down(&r);
	}
}

/* ---- ends ---------------------------------------------------------------------------- */

static void test_gives_up(void)
{
	struct rig r = { .client.total = 50000000, .server.keep = true };
	uint64_t begin;

	rig_up(&r, 11);
	rig_dial(&r);
	world_run_for(r.world, 5 * WORLD_MS);
	g_assert_cmpuint(r.server.got, >, 0);
	set_down(r.a.node, r.b.node, true);
	begin = world_now(r.world);
	g_assert_false(rig_wait(&r, 30 * WORLD_SEC));
	world_run_for(r.world, 120 * WORLD_SEC);
	g_assert_cmpint(r.client.error, ==, -ETIMEDOUT);
	g_assert_cmpuint(world_now(r.world) - begin, <, 200 * WORLD_SEC);
	/* The other, who sends nothing, knows nothing. */
	g_assert_cmpint(r.server.error, ==, 0);
	g_assert_nonnull(r.server.stream);
	rig_down(&r);
}

static void test_zero_window(void)
{
	struct world_packet_rule lost = { .kinds = WORLD_PACKET_ACK,
					  .side = 2,
					  .since = WORLD_START + 299 * WORLD_SEC,
					  .times = 1,
					  .action = WORLD_ACTION_DROP };
	struct rig r = { .client.total = 3000000, .server.mute = true };
	struct world_tcp_stats st;
	uint64_t got;

	rig_up(&r, 12);
	rig_dial(&r);
	while (!r.accepted)
		world_run_for(r.world, 20 * WORLD_US);
	rig_pause(&r, &r.server, true);
	got = r.server.got;
	world_run_until(r.world, WORLD_START + 300 * WORLD_SEC);
	g_assert_cmpuint(r.server.got, ==, got);
	g_assert_cmpint(r.client.error, ==, 0);
	world_tcp_stats(r.world, &st);
	g_assert_cmpuint(st.probes, >=, 6);
	g_assert_cmpuint(st.timeouts, ==, 0);
	/* The news of the open window gets lost: a probe finds out. */
	world_packet_rule_add(r.world, &lost);
	rig_pause(&r, &r.server, false);
	world_run_for(r.world, 200 * WORLD_SEC);
	g_assert_cmpuint(r.server.got, ==, 3000000);
	g_assert_cmpuint(r.server.wrong, ==, 0);
	rig_down(&r);
}

/* Both close at about the same time, a little earlier or later each time. */
static void test_simultaneous_close(void)
{
	for (unsigned i = 0; i < 60; i++) {
		struct rig r = { .client.mute = true, .server.mute = true };

		rig_up(&r, 100 + i);
		rig_dial(&r);
		world_run_for(r.world, WORLD_MS);
		r.client.mute = r.server.mute = false;
		rig_send(&r, &r.client);
		world_run_for(r.world, i * WORLD_US);
		rig_send(&r, &r.server);
		g_assert_true(rig_wait(&r, 10 * WORLD_SEC));
		rig_check(&r);
		/* TIME_WAIT ends. */
		world_run_for(r.world, 5 * WORLD_SEC);
		rig_down(&r);
	}
}

static void test_reset_races(void)
{
	unsigned resets = 0;

	for (unsigned i = 0; i < 120; i++) {
		struct rig r = { .client.total = 200000, .server.total = 200000 };
		struct end *who;

		rig_up(&r, 200 + i);
		rig_dial(&r);
		world_run_for(r.world, (20 + i * 7) * WORLD_US);
		who = i % 2 && r.accepted ? &r.server : &r.client;
		rig_close(&r, who, i % 4 < 2);
		g_assert_true(rig_wait(&r, 100 * WORLD_SEC));
		who = who == &r.client ? &r.server : &r.client;
		g_assert_cmpuint(who->wrong, ==, 0);
		g_assert_true(who->error == -ECONNRESET || who->error == 0);
		resets += who->error == -ECONNRESET;
		rig_down(&r);
	}
	g_assert_cmpuint(resets, >, 20);
}

/* Closed over unread bytes: the sender is told. Data to a closed one too. */
static void test_close_unread(void)
{
	struct rig r = { .client.total = 100000, .client.mute = true, .server.mute = true };

	rig_up(&r, 15);
	rig_dial(&r);
	while (!r.accepted)
		world_run_for(r.world, 20 * WORLD_US);
	rig_pause(&r, &r.server, true);
	world_run_for(r.world, WORLD_SEC);
	rig_close(&r, &r.server, false);
	world_run_for(r.world, WORLD_MS);
	g_assert_cmpint(r.client.error, ==, -ECONNRESET);
	rig_down(&r);

	r = (struct rig){ .client.mute = true, .server.mute = true, .client.keep = true };
	rig_up(&r, 16);
	rig_dial(&r);
	world_run_for(r.world, WORLD_MS);
	rig_close(&r, &r.server, false);
	world_run_for(r.world, WORLD_MS);
	g_assert_true(r.client.eof);
	r.client.total = 1000;
	rig_send(&r, &r.client);
	world_run_for(r.world, WORLD_MS);
	g_assert_cmpint(r.client.error, ==, -ECONNRESET);
	rig_down(&r);
}

/* The last: what the others did. */
static void test_edges(void)
{
	g_autofree char *missing = rig_edges_missing();

	g_assert_cmpstr(missing, ==, "");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tcp/random", test_random);
	g_test_add_func("/tcp/syn-loss", test_syn_loss);
	g_test_add_func("/tcp/connect-timeout", test_connect_timeout);
	g_test_add_func("/tcp/gives-up", test_gives_up);
	g_test_add_func("/tcp/zero-window", test_zero_window);
	g_test_add_func("/tcp/simultaneous-close", test_simultaneous_close);
	g_test_add_func("/tcp/reset-races", test_reset_races);
	g_test_add_func("/tcp/close-unread", test_close_unread);
	g_test_add_func("/tcp/edges", test_edges);
	return g_test_run();
}
