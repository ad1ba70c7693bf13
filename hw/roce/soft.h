/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software RNIC behind hw/rnic.h: one device on top of whatever carries its
 * packets. hw/linux/roce-udp.c carries them over sockets, sim/roce.c over links of a
 * world.
 */
#pragma once

#include "hw/roce/roce.h"

struct reactor;
struct roce_io;

/* What a binding does for each reactor beyond sending (struct roce_binding_ops). */
struct roce_io_ops {
	/*
	 * The reactor joins: packets for its shard come in from now on. On its own
	 * thread or before it runs. 0 or a negative errno.
	 */
	int (*open)(struct roce_io *io, unsigned index, struct reactor *reactor,
		    struct roce_shard *shard);
	void (*close)(struct roce_io *io, unsigned index);
	/* Hands at most about budget packets to roce_shard_receive(). Returns how many. */
	unsigned (*poll)(struct roce_io *io, unsigned index, unsigned budget);
	/* As engine_ops (target/core/engine.h); fd: -1 when the reactor is woken otherwise. */
	bool (*arm)(struct roce_io *io, unsigned index);
	void (*disarm)(struct roce_io *io, unsigned index);
	int (*fd)(struct roce_io *io, unsigned index);
	/* Our address (no port) for packets to dst. -EHOSTUNREACH, -ENETUNREACH, ... */
	int (*route)(struct roce_io *io, const struct net_addr *dst, struct net_addr *src);
	/*
	 * The largest path MTU for packets from src (ours) to dst, when that may be another
	 * than the device's; 0: it is not known. NULL: it is the device's.
	 */
	unsigned (*mtu)(struct roce_io *io, const struct net_addr *src, const struct net_addr *dst);
	/*
	 * Main reactor: somebody asks for an address that the device does not have; if there
	 * are others now they are made known (roce_soft_address). NULL: they are, always.
	 */
	void (*look)(struct roce_io *io);
};

struct roce_io {
	struct roce_binding binding;
	const struct roce_io_ops *ops;
	/*
	 * The UDP port that all packets leave from, which the ICRC covers; 0: the binding
	 * uses what roce_tx.from says, which differs between connections.
	 */
	uint16_t source_port;
};

/*
 * params->nshards reactors may join, in the order of their indices. NULL and error. io
 * must outlive it.
 */
struct hw_rnic *roce_soft_new(const struct roce_params *params, struct roce_io *io, GError **error);
/* All contexts are closed. NULL allowed. */
void roce_soft_free(struct hw_rnic *rnic);
struct roce_device *roce_soft_device(struct hw_rnic *rnic);
struct roce_io *roce_soft_io(struct hw_rnic *rnic);
/*
 * An address came or went (main reactor): listeners on it go on as they are, its GID is
 * shown or not; watchers hear of IBV_EVENT_GID_CHANGE, from a pass.
 */
void roce_soft_address(struct hw_rnic *rnic, const struct net_addr *addr, bool there);
/* The port: IBV_EVENT_PORT_ACTIVE or PORT_ERR follows. Main reactor. */
void roce_soft_port(struct hw_rnic *rnic, bool active);
/*
 * Its interface is a bond that has failed over to another MAC address (main reactor):
 * ADDR_CHANGE for every id but those that listen on all addresses, as Linux tells them. What
 * they are about goes on.
 */
void roce_soft_failover(struct hw_rnic *rnic);
/* The device goes away (main reactor): removing follows; DEVICE_REMOVAL for every id. */
void roce_soft_remove(struct hw_rnic *rnic);
/*
 * As roce_soft_remove(), of a device that was torn out: IBV_EVENT_DEVICE_FATAL comes first, and
 * no work ends any more.
 */
void roce_soft_tear(struct hw_rnic *rnic);
/* It comes back, once all who watched have let go of what they had of it: they hear of added. */
void roce_soft_return(struct hw_rnic *rnic);
