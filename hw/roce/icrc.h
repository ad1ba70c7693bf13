/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invariant CRC of RoCEv2: CRC-32 (IEEE 802.3) over everything from the IP
 * header to the end of the pad, where whatever may change on the way counts as
 * ones: eight bytes in place of a link header; TOS, TTL and checksum of IPv4, or
 * traffic class, flow label and hop limit of IPv6; the UDP checksum; FECN, BECN
 * and the six reserved bits beside them in the BTH.
 *
 * It covers the identification and flags of IPv4, which a UDP socket does not
 * see in what it receives: such a receiver can check IPv6 packets exactly, and IPv4
 * ones up to that identification (roce_icrc_good_any_id). What such a socket sends
 * has identification 0 and DF when it is not connected and IP_MTU_DISCOVER is
 * IP_PMTUDISC_DO or IP_PMTUDISC_PROBE.
 *
 * Pure functions; numbers in host byte order, addresses in network byte order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hw/net.h"
#include "hw/roce/wire.h"

#define ROCE_ICRC_HEAD_MAX (8 + 40 + 8)
/* The flags and fragment offset of IPv4: don't fragment. */
#define ROCE_IP_DF 0x4000

/* All that the ICRC covers before the BTH, for packets between two sockets. */
struct roce_icrc_flow {
	uint8_t head[ROCE_ICRC_HEAD_MAX];
	uint8_t len;
};

/*
 * From one address and port to another, both NET_INET or both NET_INET6. IPv4
 * packets are taken to have identification 0 and DF.
 */
void roce_icrc_flow_init(struct roce_icrc_flow *flow, const struct net_addr *from,
			 const struct net_addr *to);
/* Another identification and flags (IPv4 only; nothing happens for IPv6). */
void roce_icrc_flow_set_id(struct roce_icrc_flow *flow, uint16_t id, uint16_t flags);

/*
 * The ICRC of a UDP payload without its last four bytes: headers, payload and
 * pad, in n buffers of which the first begins with the whole BTH.
 */
uint32_t roce_icrc(const struct roce_icrc_flow *flow, const struct iovec *iov, int n);
/* Computes the ICRC of a frame around its payload and writes it to the frame's end. */
void roce_frame_seal(struct roce_frame *f, const struct roce_icrc_flow *flow,
		     const struct iovec *payload, int n);
/* The same of a whole packet in one buffer, at least ROCE_PACKET_MIN bytes. */
void roce_packet_seal(void *packet, size_t len, const struct roce_icrc_flow *flow);
/* Whether the last four bytes of a UDP payload are its ICRC; false when it is too short. */
bool roce_icrc_good(const struct roce_icrc_flow *flow, const void *packet, size_t len);

/*
 * The same for one who cannot see the identification and flags of IPv4: good is a packet whose ICRC
 * some identification explains, with DF or without. A CRC is linear: what those four bytes change
 * in it tells what they are, whatever the rest is, so that of 2^32 differences 2^17 are taken. A
 * packet broken on its way is found in all but one of 2^15 cases; the UDP checksum, where the
 * sender makes one, still stands in between.
 */
struct roce_icrc_ids;

/* For UDP payloads up to max_len. */
struct roce_icrc_ids *roce_icrc_ids_new(size_t max_len);
void roce_icrc_ids_free(struct roce_icrc_ids *ids);
/* As roce_icrc_good(); flow is one of IPv4. */
bool roce_icrc_good_any_id(const struct roce_icrc_ids *ids, const struct roce_icrc_flow *flow,
			   const void *packet, size_t len);
/*
 * What another identification, exclusive or the one that was, changes in the ICRC of a UDP
 * payload of that length, IPv4: exclusive or it.
 */
uint32_t roce_icrc_id_change(const struct roce_icrc_ids *ids, uint16_t change, size_t len);

/* What is known of a received IP packet. */
enum roce_ip_error {
	ROCE_IP_OK,
	ROCE_IP_CUT,   /* shorter than its headers say */
	ROCE_IP_OTHER, /* no IPv4 without options, no IPv6 without extension headers */
	ROCE_IP_FRAGMENT,
	ROCE_IP_NOT_UDP,
	ROCE_IP_BAD_LENGTH, /* the UDP length is not the IP length's */
	ROCE_IP_TOO_SHORT,  /* no room for a BTH and an ICRC */
	ROCE_IP_BAD_ICRC,
};

/*
 * Checks a whole IP packet, as a packet socket or a capture has it (link padding
 * behind it is allowed). Where the IP and UDP headers are good, also with a bad
 * ICRC, *at and *udp_len tell where in it the UDP payload is; else they are 0.
 * The UDP port is not looked at.
 */
enum roce_ip_error roce_ip_check(const void *ip, size_t len, size_t *at, size_t *udp_len);
const char *roce_ip_error_str(enum roce_ip_error error);
