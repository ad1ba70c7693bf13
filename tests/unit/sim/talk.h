/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two machines with RNICs in a world, and one connection on which the client sends,
 * writes and reads, many at a time, while both check every byte, and the monitor every
 * packet.
 */
#pragma once

#include <glib.h>
#include <stdio.h>

#include "sim/oracle/rdma-ledger.h"
#include "sim/oracle/wire-rc.h"
#include "sim/roce.h"
#include "target/core/core.h"

#define TALK_DEPTH 8
#define TALK_SLOT 16384u

struct talk;

struct talker {
	struct talk *talk;
	struct world_node *node;
	struct core *core;
	struct oracle_rdma *ledger;
	struct hw_rnic *rnic; /* what its software has got */
	const char *host;
	struct rnic_watcher watcher;
	struct engine engine;
	struct rnic_ctx *ctx;
	struct rnic_device *dev;
	struct rnic_pd *pd;
	struct rnic_mr *mr;
	struct rnic_cq *cq;
	struct rnic_id *listener, *id;
	struct rnic_qp *qp;
	uint8_t *mem;
	unsigned sent, got; /* messages received */
	unsigned port_events, gid_events, added;
	bool established, removed, timewait;
	int trouble; /* of the connection: an event's status, or 1; 0: none */
};

struct talk {
	struct world *world;
	struct talker client, server;
	struct world_roce_tap tap; /* of the monitor, which looks on always */
	struct oracle_rc *monitor;
	bool v6, busy_server; /* it posts its receives late */
	uint32_t max_len;
	unsigned total, posted, done, failed;
	unsigned nsends; /* posted */
	uint8_t what[TALK_DEPTH];
	uint32_t len[TALK_DEPTH];
	unsigned number[TALK_DEPTH];
	bool slot_busy[TALK_DEPTH];
	enum ibv_wc_status first_failure;
	FILE *log; /* what is posted, a line each; NULL: nobody reads it */
	struct world_rng rng;
};

/* Made; nothing runs yet. params NULL: defaults. */
void talk_up(struct talk *t, uint64_t seed, const struct world_rnic_params *params);
void talk_up6(struct talk *t, uint64_t seed, const struct world_rnic_params *params);
/* The server listens, the client connects and does `total` operations. */
void talk_start(struct talk *t, unsigned total);
/* On its reactor: all that it has of its device; and of one that is going away the device. */
void talk_let_go(struct talker *t);
/* Until all is done, or the connection broke; false: neither within the limit. */
bool talk_wait(struct talk *t, uint64_t limit);
/* Disconnects, takes all down, checks that nothing is left; returns the world's hash. */
uint64_t talk_down(struct talk *t);
