/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs that fail at one call, whichever it is, of the host or of the target: what they
 * were asked for is tried again, all I/O is done, nothing is left.
 */
#include "tests/integration/world/rdma.h"
#include "tests/integration/world/workload.h"
#include "tests/unit/rdma/fails.h"

#define BLOCKS 4096
#define LIMIT (200 * WORLD_SEC)

static void wrap(struct world_node *node)
{
	fails_wrap(world_node_hw(node)->rnic);
	world_rnic_wrap(node, &fails.outer);
}

struct kind {
	const char *name, *transport; /* more options of it */
	bool at_target;
	bool no_send_inv; /* the host invalidates by itself */
};

static const struct kind kinds[] = {
	{ "host", "", false, false },
	{ "host-invalidates", "", false, true },
	{ "target", "", true, false },
	{ "target-no-srq", ",\"no_srq\":true", true, false },
};

/* False: nothing has failed. */
static bool one(const struct kind *kind, unsigned nth)
{
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 12, .depth = 8 };
	struct fx *fx = fx_new(29, 2);
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;
	unsigned tries = 0;

	wp.max_blocks = 256;
	fx_rnic_params(&rnic, 2);
	rnic.no_send_inv = kind->no_send_inv;
	fx_rnic_new(fx->node, &rnic);
	if (kind->at_target)
		wrap(fx->node);
	fx_config_rdma_with(fx, kind->transport);
	fx_rnic_params(&rnic, 1);
	h = fx_rdma_host(fx, &rnic);
	if (!kind->at_target)
		wrap(h->node);
	fails.in = nth;
	fx_rdma_params(h, &p, 2);
	p.queue_io = true;
	p.reconnect_delay_ms = 100;
	while (!fx_connect(h, &p)) {
		g_test_message("call %u, %s: %s", nth, fails.failed, h->error);
		g_assert_cmpuint(++tries, ==, 1);
		g_assert_nonnull(fails.failed);
	}
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], <=, fails.failed != NULL);
	fx_free(fx);
	return fails.failed != NULL;
}

static void test_each(const void *arg)
{
	const struct kind *kind = arg;
	unsigned n = 0;

	while (one(kind, ++n))
		g_test_message("call %u: %s", n, fails.failed);
	g_assert_cmpuint(n, >, 20);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma-broken/%s", kinds[i].name);

		g_test_add_data_func(path, &kinds[i], test_each);
	}
	return g_test_run();
}
