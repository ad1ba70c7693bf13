/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard's queue pairs: which number is whose, whose timers come first, who wants to
 * send. shard.c has what a reactor calls; pairs.c keeps the tables.
 */
#pragma once

#include "hw/roce/qp.h"

#define ROCE_GSI_QUEUE 64 /* management datagrams that wait to be sent, power of two */

struct roce_gsi_item {
	struct net_addr from, to;
	uint8_t mad[256];
};

struct roce_shard_qps {
	struct roce_qp **slots; /* by the number's place, see pairs.c */
	uint32_t nslots, last_slot, generation, used;
	struct roce_qp **heap; /* by timer; earliest first */
	uint32_t nheap, heap_room;
	struct roce_qp *ready, **ready_last;
	/* Management datagrams. */
	struct roce_gsi_item gsi[ROCE_GSI_QUEUE];
	uint32_t gsi_head, gsi_tail, gsi_psn;
	void (*received)(void *user, const struct net_addr *from, const struct net_addr *to,
			 const uint8_t *mad, uint64_t now);
	void *received_user;
};

void roce_shard_init(struct roce_shard *shard, struct roce_device *dev, unsigned index);
void roce_shard_clear(struct roce_shard *shard);

/* --- pairs.c --- */

struct roce_qp *roce_qp_find(const struct roce_shard *shard, uint32_t qpn);
/* The one whose timer is earliest; NULL: none has one. */
struct roce_qp *roce_first_timer(const struct roce_shard *shard);
/* When the queue pair has something to do by itself. */
uint64_t roce_qp_deadline(const struct roce_qp *qp);
/* Its timer as it is now, whichever way it moved. */
void roce_qp_retime(struct roce_qp *qp);
/* Takes the first of those that may have something to send; NULL: none. */
struct roce_qp *roce_next_ready(struct roce_shard *shard);
