/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host over RDMA against the target, on software RNICs of a world: verified I/O
 * on devices that can much or little, over links that lose packets; reconnecting;
 * either side gone at every moment of connecting and of doing I/O.
 */
#include <string.h>

#include "sim/roce.h"
#include "target/core/error.h"
#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/load.h"
#include "tests/integration/world/workload.h"

#define BLOCKS 4096
#define LIMIT (200 * WORLD_SEC)

/* --- the world -------------------------------------------------------------------------------- */

static void put_rnic(struct world_node *node, const struct world_rnic_params *params)
{
	g_autoptr(GError) error = NULL;

	world_rnic_new(node, params, &error);
	g_assert_no_error(error);
}

static void rnic_params(struct world_rnic_params *params, unsigned reactors)
{
	world_rnic_params_default(params);
	params->reactors = reactors;
	params->mtu = 4096;
}

static struct fx *target_up(uint64_t seed, unsigned reactors)
{
	struct fx *fx = fx_new(seed, reactors);
	struct world_rnic_params params;

	rnic_params(&params, reactors);
	put_rnic(fx->node, &params);
	fx_config(fx, "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		      "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
		      "\"num_blocks\":4096,\"block_size\":512}}]},"
		      "{\"subsystem\":\"nvmf\",\"config\":["
		      "{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"RDMA\"}},"
		      "{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"allow_any_host\":true,\"serial_number\":\"WEFT1\"}},"
		      "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"namespace\":{\"bdev_name\":\"Malloc0\"}}},"
		      "{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN
		      "\",\"listen_address\":{\"trtype\":\"RDMA\",\"adrfam\":\"IPv4\","
		      "\"traddr\":\"" FX_ADDR "\",\"trsvcid\":\"4420\"}}}]}]}");
	return fx;
}

static void host_params(struct fx_host *h, struct host_params *p, unsigned queues)
{
	host_params_default(p);
	p->transport = HOST_RDMA;
	p->subnqn = FX_NQN;
	p->io_queues = queues;
	p->reactors = h->core->reactors;
	p->nreactors = h->core->nreactors;
}

static struct fx_host *host_up(struct fx *fx, const struct world_rnic_params *rnic)
{
	struct fx_host *h = fx_host_new(fx, rnic->reactors);

	put_rnic(h->node, rnic);
	return h;
}

static void lossy(struct fx *fx, struct fx_host *h, uint32_t ppm)
{
	struct world_link_params p;

	world_link_get(fx->node, h->node, &p);
	p.loss_ppm = ppm;
	p.mtu = 9000;
	world_link_set(fx->node, h->node, &p);
	world_link_set(h->node, fx->node, &p);
}

/* --- I/O ----------------------------------------------------------------------------------------
 */

static void full(struct world_rnic_params *p)
{
	p->reactors = 2;
	p->max_inline = 256;
}

/* Keys of regions: no windows. */
static void no_windows(struct world_rnic_params *p)
{
	p->attr.device_cap_flags &= ~(unsigned)IBV_DEVICE_MEM_WINDOW_TYPE_2B;
}

static void small(struct world_rnic_params *p)
{
	p->attr.max_qp_wr = 5;
	p->attr.max_sge = 1;
	p->attr.max_cqe = 16;
	p->attr.max_qp_rd_atom = 1;
	p->max_inline = 0;
	p->mtu = 256;
}

static void two_wrs(struct world_rnic_params *p)
{
	p->attr.max_qp_wr = 2;
}

struct kind {
	const char *name;
	void (*change)(struct world_rnic_params *p);
	uint32_t loss_ppm;
};

static const struct kind kinds[] = {
	{ "full", full, 0 },	       { "no-windows", no_windows, 0 },
	{ "small", small, 0 },	       { "two-work-requests", two_wrs, 0 },
	{ "full-lossy", full, 10000 }, { "small-lossy", small, 10000 },
};

static void test_io(const void *arg)
{
	const struct kind *kind = arg;
	struct fx *fx = target_up(5, 2);
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 600, .depth = 12 };
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;

	wp.max_blocks = 256;
	rnic_params(&rnic, 1);
	kind->change(&rnic);
	h = host_up(fx, &rnic);
	lossy(fx, h, kind->loss_ppm);
	host_params(h, &p, 2);
	g_assert_true(fx_connect(h, &p));
	g_assert_cmpuint(host_ctrlr_max_io(h->ctrlr), ==, 128 * 1024);
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], ==, 0);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma/io/%s", kinds[i].name);

		g_test_add_data_func(path, &kinds[i], test_io);
	}
	return g_test_run();
}
