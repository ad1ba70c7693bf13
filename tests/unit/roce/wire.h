/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two software RNICs with a wire between them: what carries the packets of
 * roce_soft_new() in a test. Nothing takes time: a packet is there at the receiver's
 * next pass. The ICRC of each is checked on the way.
 */
#pragma once

#include <glib.h>

#include "hw/roce/soft.h"

struct wire;

/* A packet on its way; a test may look at it, and keep it from arriving. */
struct wire_packet {
	struct net_addr from, to;
	uint8_t tos;
	size_t len;
	uint8_t bytes[ROCE_PACKET_MAX + 64];
};

/* What is sent, as bytes; its length and its ICRC are as they must be. g_free() it. */
struct wire_packet *wire_packet_new(const struct roce_tx *tx);
/* .flush and .wake of a binding whose test runs everybody anyway. */
void wire_nothing(struct roce_binding *binding, unsigned shard);

struct wire_end {
	struct roce_io io; /* what roce_soft_new() gets */
	struct wire *wire;
	struct net_addr addr; /* without port */
	struct roce_shard *shards[ROCE_MAX_SHARDS];
	unsigned nshards;	    /* of its device */
	GQueue in[ROCE_MAX_SHARDS]; /* struct wire_packet* */
	/* Of those sent by this end. False: lost. NULL: all arrive. */
	bool (*pass)(struct wire_end *end, const struct wire_packet *p, void *user);
	void *user;
	const struct hw *user_hw; /* whose clock its reactors go by */
	bool cut;		  /* nothing that it sends arrives */
	unsigned mtu;		  /* path MTU to the other; 0: the device's */
	uint64_t sent;
};

struct wire {
	struct wire_end ends[2];
};

/* Addresses as text; devices of so many shards. */
struct wire *wire_new(const char *a, unsigned nshards_a, const char *b, unsigned nshards_b);
void wire_free(struct wire *w);
/* A device on one end, with its address. */
struct hw_rnic *wire_rnic_new(struct wire_end *end, const struct hw *hw,
			      const struct ibv_device_attr *attr, uint32_t max_inline);
