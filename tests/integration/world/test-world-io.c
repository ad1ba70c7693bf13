/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One target on two reactors, two hosts with verified I/O, a namespace that is
 * added, resized and removed meanwhile; everything else drawn from the seed.
 * Each seed is run twice and must give the same trace hash.
 *
 *	test-world-io                  seeds 1..200, as a test
 *	test-world-io --hashes A B     one line "seed hash" for each seed of A..B
 */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/world/workload.h"

#define BLOCKS 4096

struct churn {
	struct fx *fx;
	struct world_rng rng;
	unsigned step;
};

static void churn_soon(struct churn *c);

/* Namespace 2 comes, grows and goes, again and again. On the target's main reactor. */
static void churn_step(void *arg)
{
	struct churn *c = arg;
	struct target *t = c->fx->target;
	struct nvmf_subsystem *s = nvmf_subsystem_find(t->nvmf, FX_NQN);
	const struct nvmf_ns_options ns = { .bdev_name = "Null0", .nsid = 2 };
	struct bdev *b = bdev_find(t->bdevs, "Null0");
	GError *error = NULL;

	switch (c->step++ % 4) {
	case 0:
		if (b == NULL)
			bdev_null_create(t->bdevs, "Null0", 1024, 512, NULL, &error);
		fx_begin(c->fx);
		nvmf_subsystem_add_ns(s, &ns, NULL, fx_done, c->fx);
		break;
	case 1:
		bdev_resize(b, 1024 + world_rng_below(&c->rng, 100000), &error);
		break;
	case 2:
		bdev_resize(b, 512 + world_rng_below(&c->rng, 512), &error);
		break;
	default:
		if (world_rng_chance(&c->rng, 500000)) {
			fx_begin(c->fx);
			nvmf_subsystem_remove_ns(s, 2, fx_done, c->fx);
		} else {
			bdev_unregister(b, NULL, NULL);
		}
	}
	g_assert_no_error(error);
	churn_soon(c);
	fx_done(c->fx, NULL);
}

static void churn_soon(struct churn *c)
{
	if (c->step >= 8)
		return;
	fx_begin(c->fx);
	world_at(c->fx->world,
		 world_now(c->fx->world) + world_rng_range(&c->rng, 100 * WORLD_US, 3 * WORLD_MS),
		 churn_step, c);
}

static void draw_links(struct fx *fx, struct world_rng *rng)
{
	struct world_link_params p;

	world_link_default(&p);
	if (world_rng_chance(rng, 300000)) { /* dribble */
		p.seg_max = (uint32_t)world_rng_range(rng, 1, 200);
		p.bytes_per_sec = 0;
		p.latency_ns = 2000;
	}
	if (world_rng_chance(rng, 300000)) {
		p.stall_ppm = 1000;
		p.stall_ns = 20 * WORLD_MS;
	}
	if (world_rng_chance(rng, 300000))
		p.sndbuf = (uint32_t)world_rng_range(rng, 1, 8192);
	world_link_set_all(fx->world, &p);
}

static void draw_params(struct host_params *p, struct world_rng *rng)
{
	host_params_default(p);
	p->subnqn = FX_NQN;
	p->io_queues = (unsigned)world_rng_range(rng, 1, 4);
	p->queue_size = (uint16_t)world_rng_range(rng, 2, 128);
	p->hdgst = world_rng_chance(rng, 300000);
	p->ddgst = world_rng_chance(rng, 300000);
	p->no_sq_flow_control = world_rng_chance(rng, 500000);
	p->hpda = world_rng_chance(rng, 300000) ? (uint8_t)world_rng_below(rng, 32) : 0;
}

/* The host's view of namespace 2 is the target's, once all notices are through. */
static void check_views(struct fx *fx)
{
	struct nvmf_subsystem *s = nvmf_subsystem_find(fx->target->nvmf, FX_NQN);

	world_run_for(fx->world, 500 * WORLD_MS);
	for (unsigned i = 0; i < fx->nhosts; i++) {
		const struct host_ns *ns = host_ctrlr_ns(fx->hosts[i]->ctrlr, 2);

		g_assert_true((ns != NULL) == (s->nss[1] != NULL));
		if (ns != NULL)
			g_assert_cmpuint(ns->blocks, ==,
					 bdev_desc_bdev(s->nss[1]->desc)->num_blocks);
		g_assert_cmpuint(fx->hosts[i]->events[HOST_EVENT_LOST], ==, 0);
	}
}

static uint64_t run(uint64_t seed)
{
	struct fx *fx = fx_new(seed, 2);
	struct workload *wl[2];
	struct churn churn = { .fx = fx };
	struct world_rng rng;

	world_rng_init(fx->world, &rng, "test");
	world_rng_init(fx->world, &churn.rng, "churn");
	fx_config_default(fx, BLOCKS);
	for (unsigned i = 0; i < 2; i++)
		fx_host_new(fx, (unsigned)world_rng_range(&rng, 1, 2));
	draw_links(fx, &rng);
	for (unsigned i = 0; i < 2; i++) {
		struct host_params params;

		draw_params(&params, &rng);
		if (!fx_connect(fx->hosts[i], &params))
			g_error("seed %" G_GUINT64_FORMAT ": %s", seed, fx->hosts[i]->error);
	}
	churn_soon(&churn);
	for (unsigned i = 0; i < 2; i++) {
		struct workload_params p = {
			.nsid = 1,
			.first_lba = i * BLOCKS / 2,
			.blocks = BLOCKS / 2,
			.ios = 150,
		};

		p.depth = (unsigned)world_rng_range(&rng, 1, 32);
		p.max_blocks = world_rng_chance(&rng, 300000) ? 256 / 8 : 16;
		wl[i] = workload_start(fx->hosts[i], &p);
	}
	fx_wait(fx, 600 * WORLD_SEC);
	check_views(fx);
	for (unsigned i = 0; i < 2; i++)
		workload_free(wl[i]);
	return fx_free(fx);
}

static void test_seeds(void)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint64_t first = run(seed), second = run(seed);

		if (first != second)
			g_error("seed %" G_GUINT64_FORMAT ": two runs differ", seed);
		if (g_test_verbose())
			g_test_message("seed %" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER "x",
				       seed, first);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--hashes")) {
		uint64_t last = strtoull(argv[3], NULL, 10);

		for (uint64_t seed = strtoull(argv[2], NULL, 10); seed <= last; seed++)
			printf("%" G_GUINT64_FORMAT " %016" G_GINT64_MODIFIER "x\n", seed,
			       run(seed));
		return 0;
	}
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/io/seeds", test_seeds);
	return g_test_run();
}
