/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the two halves of the simulated network: net.c has what hw/net.h
 * promises (contexts, readiness, callbacks, addresses), and pipe.c and link.c
 * how bytes get from one end of a connection to the other. A model that sends
 * real packets replaces the latter two and keeps these functions.
 *
 * Nothing here calls back into target code: ends only tell net.c that they
 * changed (sim_end_changed), which wakes the reactor.
 */
#pragma once

#include "sim/priv.h"

/* ---- link.c: one way from a node to a node ------------------------------------------ */

struct link {
	struct world_node *from, *to;
	struct world_link_params params;
	struct world_rng rng;
	uint64_t free_at;	/* the wire is taken until then */
	uint64_t stalled_until; /* 0: not */
};

struct link *sim_link(struct world_node *from, struct world_node *to);
void sim_links_free(struct world_node *node);
/* Draws the latency of one small packet. */
uint64_t sim_link_delay(struct link *link);
bool sim_link_stalled(const struct link *link);

/* ---- pipe.c: connections ------------------------------------------------------------ */

#define PIPE_SEGMENTS 64

struct segment {
	uint64_t arrives;
	uint64_t end; /* position in the stream after it */
	enum { SEG_DATA, SEG_FIN, SEG_RST } kind;
};

/* One direction: a ring of bytes between four positions, head <= arrived <= sent <= tail. */
struct pipe {
	struct conn *conn;
	unsigned side; /* who sends */
	struct link *link;
	uint8_t *ring;
	size_t size; /* of the ring, power of two; grows */
	uint64_t head, arrived, sent, tail;
	size_t sndbuf, rcvbuf;
	struct segment segments[PIPE_SEGMENTS]; /* under way */
	unsigned first, nsegments;
	struct world_event ev; /* arrival of the first */
	bool fin, fin_sent, fin_arrived;
	bool rst_wanted, rst_sent, rst_arrived;
};

/* What net.c holds of a connection. */
struct conn_end {
	struct conn *conn;
	unsigned side; /* 0: connected, 1: accepted */
	struct world_node *node;
	struct net_addr local, remote;
	struct net_stream *stream;     /* its owner, or ... */
	struct net_listener *listener; /* ... in whose backlog it is */
	struct conn_end *next;	       /* in the backlog */
	bool open;		       /* somebody holds it */
	bool addr_gone;		       /* its local address was taken away */
};

enum conn_state { CONN_SYN, CONN_ANSWER, CONN_UP };

struct conn {
	struct world *world;
	uint64_t id;
	struct conn *next, **prev;
	enum conn_state state;
	int answer;		    /* what is under way to the connecting end */
	struct world_event step;    /* SYN or answer arrives */
	struct world_event timeout; /* of connecting */
	struct conn_end ends[2];
	struct pipe *pipes[2]; /* by sender; NULL until the SYN arrived */
};

/* Starts connecting; sim_end_connected() tells the rest. Never fails. */
struct conn_end *sim_conn_open(struct world_node *node, const struct net_addr *local,
			       const struct net_addr *remote);
/* As the stream ops. recv: -EAGAIN, 0, -ECONNRESET; *more: there is more to receive now. */
ssize_t sim_end_recv(struct conn_end *e, const struct iovec *iov, int n, bool *more, bool *all);
ssize_t sim_end_send(struct conn_end *e, const struct iovec *iov, int n);
/* Bytes that send would take; the size of the whole buffer. */
size_t sim_end_room(const struct conn_end *e, size_t *buffer);
bool sim_end_reset(const struct conn_end *e);
/* There are bytes, end of file or a reset to receive. */
bool sim_end_readable(const struct conn_end *e);
void sim_end_shutdown(struct conn_end *e);
/* The end must not be used after these two. */
void sim_end_close(struct conn_end *e);
void sim_end_abort(struct conn_end *e);
void sim_conns_free(struct world *w);
/* The stall of the link changed. */
void sim_pipes_kick(struct link *link);
/* An address came or went. */
void sim_addrs_changed(struct world *w);

/* ---- net.c, called by pipe.c -------------------------------------------------------- */

void sim_net_init(struct world_node *node);
void sim_net_fini(struct node_net *net);
/* The node that has this address, seen from node; NULL: nobody. */
struct world_node *sim_net_route(struct world_node *node, const struct net_addr *addr);
bool sim_net_has_addr(const struct world_node *node, const struct net_addr *addr);
/* Who would take a connection to addr: NULL and *err -ECONNREFUSED, -ENOENT, -EAGAIN (full). */
struct net_listener *sim_net_lookup(struct world_node *node, const struct net_addr *addr, int *err);
/* An end for its backlog. */
void sim_net_incoming(struct net_listener *l, struct conn_end *e);
void sim_end_connected(struct conn_end *e, int err);
void sim_end_changed(struct conn_end *e);
