/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets: Ethernet, IPv4 or IPv6, TCP or ICMP, with the bytes they would have on
 * a wire. What is beside the bytes (struct packet) names them for rules, traces
 * and captures; receivers go by the bytes alone.
 *
 * Checksums are filled in when the first one looks (a capture, a bit that flips),
 * as a NIC would, and checked by receivers of packets that were damaged.
 */
#pragma once

#include "sim/net.h"

#define ETH_LEN 14
#define IPV4_LEN 20
#define IPV6_LEN 40
#define TCP_LEN 20
#define TCP_SYN_LEN 28 /* with the options of a SYN */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct world_port {
	struct world_port *next;
	struct world_node *node;
	char *name;
	unsigned number;
	struct world_port_params params;
	uint64_t tx_free, rx_free; /* the wire is taken until then */
	struct parking paused;
	struct parking stopped; /* the node is */
};

struct packet {
	struct world_event ev;
	struct packet *next; /* in order behind it on the link, parked, or free */
	uint64_t arrives;
	struct packet *all_next, **all_prev; /* of all in use */
	struct world *world;
	struct link *link;
	struct world_port *from, *to;
	uint64_t conn;	   /* 0: none */
	uint64_t number;   /* in its flow, from 1; 0: none */
	uint64_t pos;	   /* of its first byte of data, from 0 */
	uint32_t data_len; /* bytes of data */
	uint16_t data_off; /* where they begin */
	uint16_t ports[2]; /* for rules */
	uint8_t side;	   /* of the connection */
	uint16_t kinds;	   /* enum world_packet_kind */
	uint8_t class;	   /* size */
	bool roce;
	uint16_t tx;  /* which transmission of these bytes, from 1 */
	uint8_t cm;   /* enum world_cm_kind */
	uint64_t qp;  /* RoCE: number of who sends */
	uint32_t psn; /* its place, from 1 */
	bool summed, damaged;
	uint32_t len;
	uint8_t bytes[];
};

struct tcp_header {
	const struct net_addr *src, *dst;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint16_t mss; /* with TCP_SYN */
	uint8_t scale;
};

/* What a receiver reads out of a packet. */
struct segment_in {
	struct net_addr src, dst;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint16_t mss; /* 0: not there */
	int8_t scale; /* -1: not there */
	const uint8_t *data;
	uint32_t len;
};

struct icmp_in {
	struct net_addr src, dst; /* of the packet that it is about */
	uint32_t seq;
	bool too_big;
	uint32_t mtu;
};

enum packet_what { PACKET_BAD, PACKET_IS_TCP, PACKET_IS_ICMP };

/* ---- packet.c ----------------------------------------------------------------------- */

/* len bytes of data are left for the caller to fill in, at bytes + data_off. */
struct packet *packet_tcp(struct world_node *node, const struct tcp_header *h, uint32_t len);
struct udp_header {
	const struct net_addr *src, *dst;
	uint8_t tos;
	uint16_t len; /* of the data */
};
/* As packet_tcp(). Over IPv4 without a checksum, as RNICs send. */
struct packet *packet_udp(struct world_node *node, const struct udp_header *h);
bool packet_is_udp(const struct packet *p);
/* Its sender listens to marks of congestion (ECN); it gets one. */
bool packet_is_ecn_capable(const struct packet *p);
void packet_mark(struct packet *p);
void packet_udp_addrs(const struct packet *p, struct net_addr *src, struct net_addr *dst);
/* The answer of a router to p: it is unreachable (mtu 0), or larger than mtu. */
struct packet *packet_icmp(const struct packet *p, uint32_t mtu);
struct packet *packet_copy(const struct packet *p);
void packet_free(struct packet *p);
void sim_packets_free(struct world *w);
void packet_sum(struct packet *p);
/* False: a checksum is wrong. */
bool packet_check(const struct packet *p);
/* Flips a bit; bit counts from the IP header. */
void packet_flip(struct packet *p, uint64_t bit);
/* Flips a bit of the data and makes the checksum right. */
void packet_corrupt(struct packet *p, uint64_t bit);
enum packet_what packet_parse(const struct packet *p, struct segment_in *seg, struct icmp_in *icmp);
void packet_macs(struct packet *p, const struct world_port *from, const struct world_port *to);

/* ---- fabric.c ----------------------------------------------------------------------- */

struct route {
	uint64_t gen;
	struct link *link; /* NULL: nobody has the address */
	struct world_port *from, *to;
};

/* From node's src (which may have gone from it) to dst. */
void sim_route(struct world_node *node, const struct net_addr *src, const struct net_addr *dst,
	       struct route *route);
/* Largest IP packet on it. */
uint32_t sim_route_mtu(const struct route *route);
void packet_drop(struct packet *p, enum world_drop why);
void fabric_send(struct world *w, const struct route *route, struct packet *p);
/* What waited on a stalled link goes on. */
void sim_link_again(struct packet *p);
void sim_link_event(struct world_event *ev);
void sim_ports_init(struct world_node *node);
void sim_ports_free(struct world_node *node);
struct world_port *sim_net_port(const struct world_node *node, const struct net_addr *addr);
uint64_t packet_conn_side(const struct packet *p);

/* ---- rule.c ------------------------------------------------------------------------- */

/* What happens to a packet on its way. */
struct fate {
	bool drop, duplicate, keep_order;
	enum world_drop why;
	bool flip, corrupt;
	uint64_t delay, late, again; /* with those behind it; without; of the second one */
};

void sim_rules_apply(struct world *w, const struct packet *p, struct fate *fate);

/* ---- pcap.c ------------------------------------------------------------------------- */

void sim_pcap_link(struct world *w, struct packet *p, const char *comment);
void sim_pcap_port(struct world_port *port, struct packet *p, bool inbound);
void sim_pcaps_free(struct world *w);
