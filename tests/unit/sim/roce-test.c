/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs in a world: what links, rules, ports and machines do to RDMA. With
 * --capture FILE it writes one capture of everything that a wire may have done.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/sim/talk.h"

#define SEEDS 300

static void lossy(struct talk *t, uint64_t seed)
{
	struct world_link_params p;

	world_link_default(&p);
	p.loss_ppm = (uint32_t)(seed % 5) * 4000;
	p.dup_ppm = (uint32_t)(seed % 3) * 5000;
	p.reorder_ppm = (uint32_t)(seed % 4) * 5000;
	p.reorder_ns = 200 * WORLD_US;
	p.flip_ppm = (uint32_t)(seed % 7) * 1000;
	p.corrupt_ppm = (uint32_t)(seed % 2) * 4000;
	world_link_set_all(t->world, &p);
}

static void ended_well(struct talk *t)
{
	g_assert_true(talk_wait(t, 100 * WORLD_SEC));
	g_assert_cmpint(t->client.trouble, ==, 0);
	g_assert_cmpuint(t->failed, ==, 0);
	g_assert_cmpuint(t->done, ==, t->total);
	g_assert_cmpuint(t->server.got, ==, t->nsends);
}

static void test_talk(gconstpointer v6)
{
	struct world_link_stats stats;
	struct world_rnic_stats rnic;
	struct talk t;

	(v6 ? talk_up6 : talk_up)(&t, 1, NULL);
	talk_start(&t, 200);
	ended_well(&t);
	world_net_stats(t.world, &stats);
	world_rnic_stats(t.client.node, &rnic);
	for (unsigned i = 0; i < WORLD_DROP_COUNT; i++)
		g_assert_cmpuint(stats.dropped[i], ==, 0);
	g_assert_cmpuint(rnic.retransmissions + rnic.timeouts + rnic.duplicates, ==, 0);
	talk_down(&t);
}

static uint64_t faulty(uint64_t seed)
{
	struct talk t;

	(seed % 2 ? talk_up6 : talk_up)(&t, seed, NULL);
	lossy(&t, seed);
	t.busy_server = seed % 11 == 0;
	talk_start(&t, 60);
	ended_well(&t);
	return talk_down(&t);
}

static void test_faults(void)
{
	uint64_t other = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t hash = faulty(seed);

		g_assert_cmpuint(hash, !=, other);
		other = hash;
		if (seed % 10 == 0)
			g_assert_cmpuint(faulty(seed), ==, hash);
	}
}

/* What a bit that flips leaves of a packet is found by the ICRC where no other sum is. */
static void test_damage(gconstpointer v6)
{
	struct world_link_stats stats;
	struct world_rnic_stats client, server;
	struct world_link_params p;
	struct talk t;

	(v6 ? talk_up6 : talk_up)(&t, 3, NULL);
	world_link_default(&p);
	p.flip_ppm = 5000;
	p.corrupt_ppm = 5000;
	world_link_set_all(t.world, &p);
	talk_start(&t, 300);
	ended_well(&t);
	world_net_stats(t.world, &stats);
	world_rnic_stats(t.client.node, &client);
	world_rnic_stats(t.server.node, &server);
	g_assert_cmpuint(stats.corrupted, >, 5);
	g_assert_cmpuint(stats.flipped, >, 5);
	g_assert_cmpuint(stats.dropped[WORLD_DROP_ICRC], >=, stats.corrupted / 2);
	g_assert_cmpuint(stats.dropped[WORLD_DROP_ICRC], ==, client.bad_icrc + server.bad_icrc);
	if (v6)
		g_assert_cmpuint(stats.dropped[WORLD_DROP_CHECKSUM], >, 0);
	talk_down(&t);
}

/* ---- rules ------------------------------------------------------------------------------- */

struct watch {
	struct world_roce_tap tap;
	const struct world_node *node;
	unsigned sent[64]; /* by place of the PSN, requests */
	unsigned requests; /* CM */
	uint32_t first;
	bool any;
};

static void see(struct world_roce_tap *tap, const struct world_node *node, bool sent,
		const uint8_t *frame, uint32_t len, uint64_t now)
{
	struct watch *w = (struct watch *)tap;
	const uint8_t *bth = frame + 14 + 20 + 8;
	uint32_t psn = (uint32_t)bth[9] << 16 | (uint32_t)bth[10] << 8 | bth[11], place;

	(void)now;
	g_assert_cmpuint(len, >=, 14 + 20 + 8 + 16);
	if (!sent || node != w->node)
		return;
	if (bth[0] == 0x64)
		w->requests += bth[20 + 17] == 0x10;
	if (bth[0] > 0x0c)
		return;
	if (!w->any)
		w->first = psn;
	w->any = true;
	place = (psn - w->first) & 0xffffff;
	if (place < G_N_ELEMENTS(w->sent))
		w->sent[place]++;
}

/* A packet of a queue pair, its first and its second transmission, and no other. */
static void test_rule_psn(void)
{
	struct world_packet_rule rule = { .qp = 1,
					  .psn_first = 17,
					  .psn_last = 17,
					  .tx = 1,
					  .kinds = WORLD_PACKET_SEND | WORLD_PACKET_WRITE |
						   WORLD_PACKET_READ,
					  .action = WORLD_ACTION_DROP };
	uint64_t matched, taken;
	struct watch watch = { .tap = { see, NULL } };
	struct talk t;
	unsigned first;

	talk_up(&t, 5, NULL);
	watch.node = t.client.node;
	world_roce_tap_add(t.world, &watch.tap);
	first = world_packet_rule_add(t.world, &rule);
	rule.tx = 2;
	world_packet_rule_add(t.world, &rule);
	rule.tx = 0;
	rule.qp = 3;
	world_packet_rule_add(t.world, &rule);
	talk_start(&t, 40);
	ended_well(&t);
	for (unsigned i = 0; i < 2; i++) {
		world_packet_rule_stats(t.world, first + i, &matched, &taken);
		g_assert_cmpuint(matched, ==, 1);
		g_assert_cmpuint(taken, ==, 1);
	}
	world_packet_rule_stats(t.world, first + 2, &matched, &taken);
	g_assert_cmpuint(matched, ==, 0);
	g_assert_cmpuint(watch.sent[16], ==, 3);
	world_roce_tap_remove(t.world, &watch.tap);
	talk_down(&t);
}

/* The first and the second connect request are lost; the third one gets through. */
static void test_rule_cm(void)
{
	struct world_packet_rule rule = { .cms = WORLD_CM_REQUEST,
					  .times = 2,
					  .action = WORLD_ACTION_DROP };
	struct watch watch = { .tap = { see, NULL } };
	uint64_t matched, taken;
	struct talk t;

	talk_up(&t, 6, NULL);
	watch.node = t.client.node;
	world_roce_tap_add(t.world, &watch.tap);
	world_packet_rule_add(t.world, &rule);
	talk_start(&t, 10);
	ended_well(&t);
	world_packet_rule_stats(t.world, 1, &matched, &taken);
	g_assert_cmpuint(matched, ==, 3);
	g_assert_cmpuint(taken, ==, 2);
	g_assert_cmpuint(watch.requests, ==, 3);
	world_roce_tap_remove(t.world, &watch.tap);
	talk_down(&t);
}

/* Each kind of packet is lost, doubled, late or damaged: nobody notices but the counters. */
static void test_rule_kinds(void)
{
	static const unsigned kinds[] = { WORLD_PACKET_SEND, WORLD_PACKET_WRITE,
					  WORLD_PACKET_READ, WORLD_PACKET_RESPONSE,
					  WORLD_PACKET_ACK,  WORLD_PACKET_CM,
					  WORLD_PACKET_NAK,  WORLD_PACKET_RNR };

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		for (unsigned action = 0; action < WORLD_ACTION_COUNT; action++) {
			struct world_packet_rule rule = { .kinds = kinds[i],
							  .nth = 2,
							  .times = 2,
							  .action = (enum world_action)action,
							  .ns = 3 * WORLD_MS };
			const struct world_packet_rule gap = { .kinds = WORLD_PACKET_SEND,
							       .times = 3,
							       .nth = 3,
							       .action = WORLD_ACTION_DROP };
			uint64_t matched, taken;
			struct talk t;

			talk_up(&t, 100 + i, NULL);
			/* There is no gap in what finds no receive. */
			t.busy_server = kinds[i] != WORLD_PACKET_NAK;
			if (kinds[i] & (WORLD_PACKET_NAK | WORLD_PACKET_RNR))
				rule.nth = 1;
			world_packet_rule_add(t.world, &rule);
			if (kinds[i] == WORLD_PACKET_NAK)
				world_packet_rule_add(t.world, &gap);
			talk_start(&t, 60);
			ended_well(&t);
			world_packet_rule_stats(t.world, 1, &matched, &taken);
			g_test_message("kind %u, %s: %" G_GUINT64_FORMAT, kinds[i],
				       world_action_name(rule.action), taken);
			g_assert_cmpuint(taken, >, 0);
			talk_down(&t);
		}
	}
}

/* ---- machines ---------------------------------------------------------------------------- */

static void set_port(struct talker *t, bool down)
{
	struct world_port_params p;

	world_port_get(world_node_port(t->node, 0), &p);
	p.down = down;
	world_port_set(world_node_port(t->node, 0), &p);
}

static void test_port(void)
{
	struct talk t;

	talk_up(&t, 7, NULL);
	talk_start(&t, 5000);
	world_run_for(t.world, 2 * WORLD_MS);
	set_port(&t.server, true);
	world_run_for(t.world, 100 * WORLD_MS);
	g_assert_cmpuint(t.server.port_events, ==, 1);
	g_assert_cmpuint(t.done, >, 0);
	g_assert_cmpuint(t.done, <, t.total);
	set_port(&t.server, false);
	ended_well(&t);
	g_assert_cmpuint(t.server.port_events, ==, 2);
	g_assert_true(world_node_add_addr(t.server.node, "192.0.2.9"));
	world_node_del_addr(t.server.node, "192.0.2.9");
	g_assert_true(world_node_add_addr(t.server.node, "192.0.2.10"));
	world_run_for(t.world, WORLD_MS);
	g_assert_cmpuint(t.server.gid_events, ==, 1); /* one came and went unseen */
	talk_down(&t);
}

static void stall(struct talk *t, uint64_t ns)
{
	world_link_stall(t->client.node, t->server.node, world_now(t->world) + ns);
	world_run_for(t->world, ns + WORLD_MS);
	world_node_pause(t->server.node, world_now(t->world) + ns);
	world_run_for(t->world, ns + WORLD_MS);
}

static void test_stall(void)
{
	struct talk t;

	talk_up(&t, 8, NULL);
	talk_start(&t, 5000);
	world_run_for(t.world, 2 * WORLD_MS);
	stall(&t, 150 * WORLD_MS);
	g_assert_cmpuint(t.done, <, t.total);
	ended_well(&t);
	talk_down(&t);
}

/* Nobody answers any more: the retries are used up. */
static void test_partition(void)
{
	struct world_link_params p;
	struct talk t;

	talk_up(&t, 9, NULL);
	talk_start(&t, 5000);
	world_run_for(t.world, 2 * WORLD_MS);
	world_link_get(t.client.node, t.server.node, &p);
	p.down = true;
	world_link_set(t.client.node, t.server.node, &p);
	g_assert_true(talk_wait(&t, 10 * WORLD_SEC));
	g_assert_cmpint(t.first_failure, ==, IBV_WC_RETRY_EXC_ERR);
	world_run_for(t.world, WORLD_MS);
	g_assert_cmpuint(t.failed, ==, t.posted - t.done);
	talk_down(&t);
}

static void test_removal(void)
{
	struct talk t;

	talk_up(&t, 10, NULL);
	talk_start(&t, 5000);
	world_run_for(t.world, 2 * WORLD_MS);
	g_assert_cmpuint(t.done, >, 0);
	world_rnic_remove(t.client.node);
	world_run_for(t.world, 10 * WORLD_MS);
	g_assert_true(t.client.removed);
	g_assert_cmpint(t.client.trouble, !=, 0);
	g_assert_cmpint(t.first_failure, ==, IBV_WC_WR_FLUSH_ERR);
	talk_down(&t);
}

static void no_pd(struct reactor *r, void *arg)
{
	struct talker *t = arg;
	struct rnic_pd *pd;

	(void)r;
	g_assert_cmpint(t->rnic->ops->pd_alloc(t->dev, &pd), ==, -ENODEV);
}

static void let_go(struct reactor *r, void *arg)
{
	struct talker *t = arg;

	(void)r;
	talk_let_go(t);
}

/* Put back, it is there when its users have let go of it; and serves them as before. */
static void test_return(void)
{
	struct talk t;

	talk_up(&t, 12, NULL);
	talk_start(&t, 5000);
	world_run_for(t.world, 2 * WORLD_MS);
	world_rnic_remove(t.client.node);
	world_run_for(t.world, 10 * WORLD_MS);
	g_assert_true(t.client.removed);
	world_rnic_return(t.client.node);
	world_run_for(t.world, 10 * WORLD_MS);
	core_call(core_main(t.client.core), no_pd, &t.client);
	world_run_for(t.world, WORLD_MS);
	g_assert_cmpuint(t.client.added, ==, 1);
	core_call(core_main(t.client.core), let_go, &t.client);
	world_run_for(t.world, 10 * WORLD_MS);
	g_assert_cmpuint(t.client.added, ==, 2);
	g_assert_false(t.client.removed);
	world_rnic_return(t.client.node); /* it has not been pulled out */
	world_run_for(t.world, 10 * WORLD_MS);
	g_assert_cmpuint(t.client.added, ==, 2);
	talk_down(&t);
}

static void more_qps(struct reactor *r, void *arg)
{
	struct talker *t = arg;
	struct rnic_pd *pd;
	struct rnic_cq *cq;

	(void)r;
	g_assert_cmpint(t->rnic->ops->pd_alloc(t->dev, &pd), ==, -ENOMEM);
	g_assert_cmpint(t->rnic->ops->cq_create(t->ctx, t->dev, 64, NULL, t, &cq), ==, -EINVAL);
}

/* As little as there can be. */
static void test_tiny(void)
{
	struct world_rnic_params params;
	struct talk t;

	world_rnic_params_default(&params);
	params.mtu = 256;
	params.attr.max_qp = params.attr.max_pd = params.attr.max_mr = params.attr.max_sge = 1;
	params.attr.max_qp_rd_atom = params.attr.max_qp_init_rd_atom = 1;
	params.attr.max_qp_wr = TALK_DEPTH;
	params.attr.max_cqe = 4 * TALK_DEPTH;
	talk_up(&t, 11, &params);
	talk_start(&t, 100);
	ended_well(&t);
	core_call(core_main(t.client.core), more_qps, &t.client);
	world_run_for(t.world, WORLD_MS);
	talk_down(&t);
}

/* Its peer hears nothing any more; the machine comes back with an empty RNIC. */
static void test_crash(void)
{
	struct world_node *fresh;
	struct talk t;

	talk_up(&t, 12, NULL);
	talk_start(&t, 5000);
	world_run_for(t.world, 2 * WORLD_MS);
	fresh = world_node_crash(t.server.node);
	world_run_for(t.world, 50 * WORLD_MS);
	world_node_boot(fresh);
	g_assert_nonnull(world_node_hw(fresh)->rnic);
	g_assert_true(talk_wait(&t, 10 * WORLD_SEC));
	g_assert_cmpint(t.first_failure, ==, IBV_WC_RETRY_EXC_ERR);
	talk_down(&t);
}

static void print_counters(const char *who, struct talker *t)
{
	struct rnic_counter counters[RNIC_COUNTERS];
	unsigned n = t->rnic->ops->device_counters(t->dev, counters);

	for (unsigned i = 0; i < n; i++)
		printf("%s %s %" G_GUINT64_FORMAT "\n", who, counters[i].name, counters[i].value);
}

/* All packets go into the file; what was posted, and what the RNICs counted, is printed. */
static int capture(const char *path)
{
	FILE *f = fopen(path, "wb");
	struct talk t;

	if (!f) {
		perror(path);
		return 1;
	}
	talk_up(&t, 1, NULL);
	world_pcap_link(t.world, NULL, NULL, f);
	g_assert_true(world_node_add_addr(t.server.node, "192.0.2.9"));
	lossy(&t, 2 * 3 * 4 * 5 + 3);
	t.busy_server = true;
	t.log = stdout;
	talk_start(&t, 300);
	ended_well(&t);
	world_run_for(t.world, WORLD_SEC);
	print_counters("client", &t.client);
	print_counters("server", &t.server);
	talk_down(&t);
	return fclose(f) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--capture") == 0)
		return capture(argv[2]);
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/sim/roce/talk/v4", NULL, test_talk);
	g_test_add_data_func("/sim/roce/talk/v6", GINT_TO_POINTER(1), test_talk);
	g_test_add_data_func("/sim/roce/damage/v4", NULL, test_damage);
	g_test_add_data_func("/sim/roce/damage/v6", GINT_TO_POINTER(1), test_damage);
	g_test_add_func("/sim/roce/rule/psn", test_rule_psn);
	g_test_add_func("/sim/roce/rule/cm", test_rule_cm);
	g_test_add_func("/sim/roce/rule/kinds", test_rule_kinds);
	g_test_add_func("/sim/roce/port", test_port);
	g_test_add_func("/sim/roce/stall", test_stall);
	g_test_add_func("/sim/roce/partition", test_partition);
	g_test_add_func("/sim/roce/removal", test_removal);
	g_test_add_func("/sim/roce/return", test_return);
	g_test_add_func("/sim/roce/tiny", test_tiny);
	g_test_add_func("/sim/roce/crash", test_crash);
	g_test_add_func("/sim/roce/faults", test_faults);
	return g_test_run();
}
