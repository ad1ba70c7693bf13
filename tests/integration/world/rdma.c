/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integration/world/rdma.h"

void fx_rnic_new(struct world_node *node, const struct world_rnic_params *params)
{
	g_autoptr(GError) error = NULL;

	world_rnic_new(node, params, &error);
	g_assert_no_error(error);
}

void fx_rnic_params(struct world_rnic_params *params, unsigned reactors)
{
	world_rnic_params_default(params);
	params->reactors = reactors;
	params->mtu = 4096;
}

void fx_config_rdma_with(struct fx *fx, const char *transport)
{
	g_autofree char *text = g_strconcat(
		"{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		"{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
		"\"num_blocks\":4096,\"block_size\":512}}]},"
		"{\"subsystem\":\"nvmf\",\"config\":["
		"{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"RDMA\"",
		transport,
		"}},"
		"{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"allow_any_host\":true,\"serial_number\":\"WEFT1\"}},"
		"{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"namespace\":{\"bdev_name\":\"Malloc0\"}}},"
		"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN
		"\",\"listen_address\":{\"trtype\":\"RDMA\",\"adrfam\":\"IPv4\","
		"\"traddr\":\"" FX_ADDR "\",\"trsvcid\":\"4420\"}}}]}]}",
		NULL);

	fx_config(fx, text);
}

void fx_config_rdma(struct fx *fx)
{
	fx_config_rdma_with(fx, "");
}

struct fx *fx_rdma_target(uint64_t seed, unsigned reactors)
{
	struct fx *fx = fx_new(seed, reactors);
	struct world_rnic_params params;

	fx_rnic_params(&params, reactors);
	fx_rnic_new(fx->node, &params);
	fx_config_rdma(fx);
	return fx;
}

void fx_rdma_params(struct fx_host *h, struct host_params *p, unsigned queues)
{
	host_params_default(p);
	p->transport = HOST_RDMA;
	p->subnqn = FX_NQN;
	p->io_queues = queues;
	p->reactors = h->core->reactors;
	p->nreactors = h->core->nreactors;
}

struct fx_host *fx_rdma_host(struct fx *fx, const struct world_rnic_params *rnic)
{
	struct fx_host *h = fx_host_new(fx, rnic->reactors);

	fx_rnic_new(h->node, rnic);
	return h;
}
