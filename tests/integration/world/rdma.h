/* SPDX-License-Identifier: BSD-3-Clause */
/* A target and hosts that have software RNICs, and nothing but RDMA between them. */
#pragma once

#include "sim/roce.h"
#include "tests/integration/world/fixture.h"

void fx_rnic_params(struct world_rnic_params *params, unsigned reactors);
void fx_rnic_new(struct world_node *node, const struct world_rnic_params *params);
/* Malloc0, 4096 blocks of 512 bytes, as namespace 1 of FX_NQN, listening on FX_ADDR:4420. */
void fx_config_rdma(struct fx *fx);
/* transport: more options of nvmf_create_transport, with a comma before each. */
void fx_config_rdma_with(struct fx *fx, const char *transport);
/* All of it. */
struct fx *fx_rdma_target(uint64_t seed, unsigned reactors);
struct fx_host *fx_rdma_host(struct fx *fx, const struct world_rnic_params *rnic);
void fx_rdma_params(struct fx_host *h, struct host_params *p, unsigned queues);
