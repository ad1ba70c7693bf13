/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs of a world's machines: the software RNIC (hw/roce) whose packets go over the
 * world's ports and links. RoCEv2 frames have all of their real bytes, so whatever a
 * link does to packets is done to them: see world.h, and its packet rules for single
 * queue pairs, packet sequence numbers and messages of connection management.
 *
 * A machine's RNIC has all of the machine's addresses, but for the loopback's, and is
 * up while one of its ports is. It stays through a crash, with nothing on it.
 */
#pragma once

#include "hw/rnic.h"
#include "sim/world.h"

struct world_rnic_params {
	unsigned reactors; /* indices of reactors that may use it; 1..64, default 1 */
	unsigned mtu;	   /* path MTU, 256..4096; default 1024 */
	uint32_t max_inline;
	struct ibv_device_attr attr; /* limits, which may be tiny */
	bool dcqcn;
	unsigned rx_ring; /* packets that wait for a reactor; more are lost; default 4096 */
	bool iwarp;	  /* struct roce_params has what that, and what follows, means */
	bool no_send_inv;
	unsigned numa;	 /* the NUMA node that it is at, plus one; 0: not known */
	unsigned number; /* "world0", ... is its name; of several that one machine uses */
	/* Registrations of memory: the fail_at-th and fail_count - 1 more fail; 0: none. */
	uint64_t mr_fail_at, mr_fail_count;
	uint64_t max_mr_bytes; /* registered at a time; 0: no limit */
	/* How long one keeps its reactor away: at least, and for each page of 4096 bytes. */
	uint64_t mr_ns, mr_page_ns;
	/* NULL, or told until when a machine's reactor is kept away. */
	void (*away)(void *arg, uint64_t until);
	void *away_arg;
};

/*
 * RNICs that there are, by their limits as far as they are known (rnic-model.c): "soft"
 * (the first), "mlx5", "qedr-iwarp", ... NULL-terminated.
 */
extern const char *const world_rnic_models[];
void world_rnic_model(unsigned index, struct world_rnic_params *params);

/* The first model. */
void world_rnic_params_default(struct world_rnic_params *params);
/*
 * Puts an RNIC into a machine that has none: its hw->rnic from now on. Before its
 * software starts. NULL and error: a parameter is wrong. The reactors that use it may be
 * another machine's, which has several RNICs then.
 */
struct hw_rnic *world_rnic_new(struct world_node *node, const struct world_rnic_params *params,
			       GError **error);
/*
 * The node's software gets outer instead, which hands over to the RNIC (an oracle that
 * looks on). It stays the caller's. A machine that crashed comes back without.
 */
void world_rnic_wrap(struct world_node *node, struct hw_rnic *outer);
/* From now on no registration of memory fails but by a limit. */
void world_rnic_heal(struct world_node *node);
/* Its interface, a bond, has another MAC address: every id is told (RDMA_CM_EVENT_ADDR_CHANGE). */
void world_rnic_failover(struct world_node *node);
/* Pulls it out. After a crash there is a new one. */
void world_rnic_remove(struct world_node *node);
/* The same, without a flush: none of its work ends any more. */
void world_rnic_tear(struct world_node *node);
/* Puts it back if it has been pulled out: it is there when its users have let go of it. */
void world_rnic_return(struct world_node *node);

struct world_rnic_stats {
	uint64_t sent, received; /* packets */
	uint64_t bad_icrc;
	uint64_t retransmissions, timeouts, duplicates, out_of_sequence;
	uint64_t naks_sent, naks_received, rnr_sent, rnr_received;
	uint64_t retry_exceeded, rnr_retry_exceeded, bad_key;
	uint64_t ecn_marked, cnps_sent, cnps_received;
};
/* Of all of its reactors; zeros: there is none. */
void world_rnic_stats(const struct world_node *node, struct world_rnic_stats *out);
/* One of them by its name. False: there is none that is called so. */
bool world_rnic_stat(const struct world_rnic_stats *stats, const char *name, uint64_t *value);

/*
 * Sees every RoCE packet as a whole Ethernet frame: when an RNIC sends it, and when one
 * takes it (what the fabric has lost or the ICRC condemns is never taken). Must not call
 * into the world. Intrusive; stays until removed.
 */
struct world_roce_tap {
	void (*fn)(struct world_roce_tap *tap, const struct world_node *node, bool sent,
		   const uint8_t *frame, uint32_t len, uint64_t now);
	struct world_roce_tap *next;
};
void world_roce_tap_add(struct world *w, struct world_roce_tap *tap);
void world_roce_tap_remove(struct world *w, struct world_roce_tap *tap);
