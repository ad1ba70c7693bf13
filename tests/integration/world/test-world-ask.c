/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who asks what is connected, at every moment of connections' end, one reactor being
 * late: queues that have ended are not listed, and their controllers, which may be
 * freed by then, are not looked at (the sanitizer would tell).
 */
#include <string.h>

#include "target/nvmf/nvmf.h"
#include "tests/integration/world/fixture.h"

#define REACTORS 3
#define QUEUES 4 /* and the admin queue */
#define SPAN (60 * WORLD_US)

struct asked {
	struct fx *fx;
	unsigned queues;
};

static void answer(void *arg, const struct nvmf_ctrlr_info *ctrlrs, unsigned nctrlrs,
		   const struct nvmf_qpair_info *qpairs, unsigned nqpairs)
{
	struct asked *asked = arg;

	(void)ctrlrs;
	g_assert_cmpuint(nctrlrs, <=, 1);
	for (unsigned i = 0; i < nqpairs; i++)
		g_assert_cmpstr(qpairs[i].state, !=, "error");
	asked->queues = nqpairs;
	fx_done(asked->fx, NULL);
}

static void ask(struct asked *asked)
{
	fx_begin(asked->fx);
	nvmf_subsystem_get_connected(nvmf_subsystem_find(asked->fx->target->nvmf, FX_NQN), answer,
				     asked);
}

/* Returns how many queues were seen. */
static unsigned run(uint64_t when, unsigned late)
{
	struct fx *fx = fx_new(when * REACTORS + late, REACTORS);
	struct fx_host *h = fx_host_new(fx, 1);
	struct asked asked = { .fx = fx };
	struct host_params params;
	uint64_t start;

	fx_config_default(fx, 64);
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = QUEUES;
	g_assert_true(fx_connect(h, &params));
	ask(&asked);
	fx_wait(fx, WORLD_SEC);
	g_assert_cmpuint(asked.queues, ==, QUEUES + 1);

	world_net_reset(fx->world, fx->node, NULL);
	start = world_now(fx->world);
	world_run_until(fx->world, start + when);
	g_assert_true(world_runner_starve(fx->node, late, start + 5 * WORLD_MS));
	ask(&asked);
	fx_wait(fx, WORLD_SEC);
	fx_disconnect(h);
	fx_free(fx);
	return asked.queues;
}

static void test_late(void)
{
	unsigned fewest = QUEUES + 1, most = 0;

	for (uint64_t when = 0; when < SPAN; when += 500)
		for (unsigned late = 0; late < REACTORS; late++) {
			unsigned n = run(when, late);

			fewest = MIN(fewest, n);
			most = MAX(most, n);
		}
	/* From before the end to after it. */
	g_assert_cmpuint(fewest, ==, 0);
	g_assert_cmpuint(most, ==, QUEUES + 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/ask/late", test_late);
	return g_test_run();
}
