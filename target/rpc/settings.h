/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What users' configurations say about parts that SPDK has and weft does not: its
 * schedulers, socket implementations and I/O buffer pools. It is checked, kept,
 * shown and saved, so that such a configuration loads and comes back as it was;
 * weft works the same whatever it says. Main reactor.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum rpc_sock_impl { RPC_SOCK_POSIX, RPC_SOCK_SSL, RPC_SOCK_URING, RPC_SOCK_IMPLS };

struct rpc_sock_options {
	uint32_t recv_buf_size, send_buf_size;
	bool enable_recv_pipe, enable_quickack;
	uint32_t enable_placement_id;
	bool enable_zerocopy_send_server, enable_zerocopy_send_client;
	uint32_t zerocopy_threshold, tls_version;
	bool enable_ktls;
};

struct rpc_iobuf_options {
	uint64_t small_pool_count, large_pool_count;
	uint32_t small_bufsize, large_bufsize;
	bool enable_numa;
};

struct rpc_scheduler {
	bool set; /* by framework_set_scheduler: saved */
	uint64_t period;
	bool options_set; /* by scheduler_set_options */
	uint32_t scheduling_core;
	char *isolated_core_mask; /* NULL: none */
};

struct rpc_settings {
	unsigned default_impl; /* enum rpc_sock_impl */
	struct rpc_sock_options sock[RPC_SOCK_IMPLS];
	struct rpc_iobuf_options iobuf;
	struct rpc_scheduler scheduler;
};

struct rpc_settings *rpc_settings_new(void);
void rpc_settings_free(struct rpc_settings *settings);
