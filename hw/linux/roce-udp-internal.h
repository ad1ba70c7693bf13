/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of the binding to UDP: roce-udp.c (device, sockets, routes),
 * roce-udp-machine.c (what addresses there are), roce-udp-watch.c (as they come and go),
 * roce-udp-in.c, roce-udp-out.c (packets).
 */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "hw/linux/roce-udp.h"
#include "target/core/reactor.h"

#define UDP_BATCH 64	/* packets out */
#define UDP_RX_BATCH 16 /* datagrams in, of several packets each */
#define UDP_ADDRS 16
/* A packet whole: headers, payload, pad and ICRC. */
#define UDP_PACKET (ROCE_PACKET_MAX + 4)
/* All that a datagram may hold. */
#define UDP_DATAGRAM 65536
/* Addresses, traffic class, sizes of segments, with room to spare. */
#define UDP_CONTROL 128

union udp_name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct udp_socket {
	int fd;
	struct net_addr addr; /* or a wildcard */
	bool any;
};

/* Between whom the last packet was: mostly the next one, too. */
struct udp_flow {
	union udp_name name;
	struct in6_addr dst; /* first four bytes for IPv4 */
	struct net_addr from, to;
	struct roce_icrc_flow icrc;
};

struct udp_rx {
	struct mmsghdr msgs[UDP_RX_BATCH];
	struct iovec iovs[UDP_RX_BATCH];
	union udp_name names[UDP_RX_BATCH];
	struct udp_flow flow;
	_Alignas(struct cmsghdr) uint8_t control[UDP_RX_BATCH][UDP_CONTROL];
	_Alignas(8) uint8_t data[UDP_RX_BATCH][UDP_DATAGRAM];
};

/* A packet that has been taken and not left yet. */
struct udp_out {
	struct udp_socket *sock;
	struct net_addr from, to;
	uint32_t dest_qpn;
	uint16_t len;
	uint8_t tos;
	uint8_t place;	    /* in its datagram, which its ICRC is for */
	uint8_t *icrc;	    /* within data */
	unsigned iov, niov; /* its pieces among the shard's */
	_Alignas(8) uint8_t data[UDP_PACKET];
};

/* Packets [first, n) are to leave. */
struct udp_tx {
	unsigned first, n, niov;
	unsigned alone; /* those before it go in datagrams of their own */
	bool full;	/* the kernel had no room: they are held back, copied */
	struct udp_out out[UDP_BATCH];
	struct iovec iovs[UDP_BATCH * ROCE_TX_IOV];
	/* Datagrams, made when they are sent. */
	struct mmsghdr msgs[UDP_BATCH];
	unsigned packets[UDP_BATCH];
	union udp_name names[UDP_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][UDP_CONTROL];
};

struct udp;

/* What a reactor has. */
struct udp_shard {
	struct udp *udp;
	unsigned index;
	struct reactor *_Atomic reactor; /* NULL: it has not joined */
	struct roce_shard *shard;
	int epoll; /* readable when one of the sockets is */
	struct udp_socket sockets[UDP_ADDRS];
	unsigned nsockets;
	struct udp_socket *hot; /* that packets came from last; tried without asking */
	uint64_t now;		/* of this pass */
	bool segments;		/* the kernel cuts datagrams for us */
	unsigned skipped;	/* polls since all were asked */
	struct udp_rx *rx;
	struct udp_tx *tx;
};

struct udp {
	struct roce_io io;
	struct hw_rnic *rnic;
	const struct hw *hw;
	struct roce_icrc_ids *ids;
	bool plain; /* every packet a datagram, to the kernel too */
	bool any;   /* all addresses, by wildcards; else those: */
	struct net_addr wanted[UDP_ADDRS];
	unsigned nwanted;
	bool fixed_mtu;		    /* as asked for */
	GMainContext *main_context; /* NULL: the thread's default one */
	GSource *watch;		    /* of addresses; NULL: it is not open */
	int watch_fd;
	struct udp_shard *shards;
	unsigned nshards;
};

/* --- roce-udp-machine.c --- */

struct udp_machine {
	GArray *addrs;	/* struct net_addr */
	unsigned mtu;	/* largest path MTU that fits */
	uint8_t mac[6]; /* of the first interface that has one, else zeroes */
};

/*
 * Those of the asked for that are there, or all there are (naddrs 0). False and error: they
 * cannot be asked for, and there is nothing to clear.
 */
bool udp_machine_get(struct udp_machine *machine, const struct net_addr *addrs, unsigned naddrs,
		     GError **error);
/* The largest path MTU where an IP packet may be that long. */
unsigned udp_path_mtu(unsigned interface);
bool udp_machine_has(const struct udp_machine *machine, const struct net_addr *addr);
void udp_machine_clear(struct udp_machine *machine);

/* --- roce-udp-watch.c: main reactor, which is open --- */

void udp_watch_open(struct udp *udp);
void udp_watch_close(struct udp *udp);
/* The device's addresses become those that are there now. */
void udp_watch_look(struct udp *udp);

/* --- roce-udp-in.c, roce-udp-out.c --- */

static inline uint32_t udp_dest_qpn(const uint8_t *bth)
{
	return (uint32_t)bth[5] << 16 | (uint32_t)bth[6] << 8 | bth[7];
}

void udp_rx_open(struct udp_shard *shard);
void udp_rx_close(struct udp_shard *shard);
unsigned udp_poll(struct roce_io *io, unsigned index, unsigned budget);
void udp_tx_open(struct udp_shard *shard);
void udp_tx_close(struct udp_shard *shard);
bool udp_send(struct roce_binding *binding, unsigned index, const struct roce_tx *tx);
void udp_flush(struct roce_binding *binding, unsigned index);
