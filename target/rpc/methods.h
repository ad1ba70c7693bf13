/* SPDX-License-Identifier: BSD-3-Clause */
/* The method tables of the domains, and what several of them need. */
#pragma once

#include "target/rpc/server.h"

extern const struct rpc_method rpc_methods_framework[];
extern const struct rpc_method rpc_methods_bdev[];
extern const struct rpc_method rpc_methods_nvmf[];
extern const struct rpc_method rpc_methods_nvmf_show[];
extern const struct rpc_method rpc_methods_trace[];

/* Ticks of all figures that SPDK counts in ticks: nanoseconds here. */
#define RPC_TICK_RATE 1000000000

/* A reactor as users' scripts know it. */
#define RPC_THREAD_NAME "nvmf_tgt_poll_group_%03u"

/* [{method, params}] that make what there is now: framework_get_config. */
JsonArray *rpc_config_bdev(struct rpc_server *server);
JsonArray *rpc_config_nvmf(struct rpc_server *server);
/* Appends {method, params}; takes params. */
void rpc_config_add(JsonArray *config, const char *method, JsonObject *params);

/* Upper-case hexadecimal digits. Caller frees. */
char *rpc_hex(const uint8_t *bytes, size_t n);
bool rpc_is_zero(const uint8_t *bytes, size_t n);

/* False: the request has been failed. tgt_name NULL: the one target. */
bool rpc_check_tgt(struct rpc_request *req, const char *tgt_name);
/* NULL: the request has been failed. */
struct nvmf_subsystem *rpc_subsystem(struct rpc_request *req, const char *tgt_name,
				     const char *nqn);

/* NQNs have at most 223 bytes. */
#define RPC_NQN_MAX 223
