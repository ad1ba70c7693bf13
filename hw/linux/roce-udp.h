/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software RNIC (hw/roce) over UDP port 4791: RoCEv2 on a machine without an
 * RNIC, without privilege.
 *
 * Sockets: one a reactor and an address, or one a reactor and a family for all
 * addresses. Those of a kind form a reuseport group in the order of the reactors; a
 * small filter in the kernel reads the destination queue pair's number and gives the
 * packet to the reactor whose it is. The port must be free: the kernel's rdma_rxe
 * holds it in every network namespace that it has a device in.
 *
 * Integrity. What is sent has a right ICRC: the sockets are not connected and do not
 * fragment, so that the kernel gives IPv4 packets identification 0 and DF. What comes
 * in over IPv6 is checked exactly. The identification of an IPv4 packet, which the ICRC
 * covers, is not told to a UDP socket; such a packet is taken when some identification
 * makes its ICRC right (roce_icrc_good_any_id). Of packets broken on the way, beyond
 * what the link's own CRC let through, one in 2^15 passes rather than one in 2^32;
 * unless the sender makes UDP checksums (rdma_rxe does not, this here always).
 * Who needs more uses IPv6, or NVMe/TCP with digests.
 *
 * Offload. Packets of a queue pair that follow each other leave as one datagram that is
 * cut behind us (UDP_SEGMENT), by the kernel or an interface that can, which counts the
 * identification up from 0; their ICRCs are made for that. A capture on this machine
 * shows such a datagram whole, unless nothing may be that large there
 * (ip link set IFACE gso_max_segs 1). Should an interface not count,
 * ethtool -K IFACE tx-udp-segmentation off leaves the cutting to the kernel.
 *
 * Buffers: a receiver that is late loses packets, which costs a retransmission. The
 * sockets ask for large buffers; without CAP_NET_ADMIN they get what the sysctl
 * net.core.rmem_max allows.
 */
#pragma once

#include <glib.h>

#include "hw/roce/soft.h"

struct roce_udp_options {
	const struct hw *hw; /* randomness, faults */
	unsigned nshards;    /* reactors: 1..ROCE_MAX_SHARDS */
	/*
	 * Addresses of the device, without ports; none: all that the machine has, 16 at most.
	 * It has them as long as the machine does.
	 */
	const struct net_addr *addrs;
	unsigned naddrs;
	/* Where the main reactor's runner lives; NULL: the default of the thread that opens it. */
	GMainContext *main_context;
	unsigned mtu;		     /* path MTU; 0: what fits all interfaces of the addresses */
	struct ibv_device_attr attr; /* limits; max_qp 0: the usual ones */
	bool plain;		     /* without UDP_SEGMENT and UDP_GRO */
	bool dcqcn;		     /* mark packets as ECN-capable and heed what comes of it */
};

/* At most 16, each an address that this machine has now; or error. */
bool roce_udp_check_addrs(const struct net_addr *addrs, unsigned naddrs, GError **error);
/*
 * NULL and error: no such address, or the port is in use. Sockets are open from now
 * on: nobody else can have the port.
 */
struct hw_rnic *roce_udp_new(const struct roce_udp_options *options, GError **error);
/* All contexts are closed. NULL allowed. */
void roce_udp_free(struct hw_rnic *rnic);
