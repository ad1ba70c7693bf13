/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the two halves of the simulated network: net.c has what hw/net.h
 * promises (contexts, readiness, callbacks, addresses); how bytes get from one
 * end of a connection to the other is in pipe.c within a node, and between nodes
 * in tcp*.c over packets (ip.h). Both fill in struct end_ops.
 *
 * Nothing here calls back into target code: ends only tell net.c that they
 * changed (sim_end_changed), which wakes the reactor.
 */
#pragma once

#include "sim/priv.h"
#include "sim/ring.h"

/* ---- park.c: what waits for something to go on -------------------------------------- */

struct packet;

struct parking {
	void (*again)(struct packet *p); /* what is done with each, in order */
	struct world *world;
	struct packet *first, **last;
	unsigned n;
	uint64_t until; /* 0: nothing is held up */
	struct world_event ev;
};

void sim_parking_init(struct parking *k, struct world *w, void (*again)(struct packet *p));
/* Held up until then: HW_NEVER until it is set again; now or earlier: not any more. */
void sim_parking_set(struct parking *k, uint64_t until);
bool sim_parking_closed(const struct parking *k);
void sim_park(struct parking *k, struct packet *p);
void sim_parking_free(struct parking *k);

/* ---- link.c: one way from a node to a node ------------------------------------------ */

struct link {
	struct world_node *from, *to;
	struct world_link_params params;
	struct world_rng rng;
	uint64_t free_at; /* the wire is taken until then */
	/* Under way in order, by next; what is overtaken has an event of its own. */
	struct packet *flight, **flight_last;
	uint64_t last_arrival;
	struct world_event ev;	/* arrival of the first */
	struct parking stalled; /* packets; pipes look at its time */
	struct world_link_stats stats;
};

struct link *sim_link(struct world_node *from, struct world_node *to);
void sim_links_free(struct world_node *node);
/* What led from and to the one leads from and to the other. */
void sim_links_moved(struct world *w, struct world_node *from, struct world_node *to);
/* Draws the latency of one packet. */
uint64_t sim_link_delay(struct link *link);
bool sim_link_stalled(const struct link *link);
/* When len more bytes are through a wire of that rate that is taken until *free_at. */
uint64_t sim_serialize(const struct world *w, uint64_t *free_at, uint64_t bytes_per_sec,
		       size_t len);

/* ---- ends --------------------------------------------------------------------------- */

struct conn_end;

struct end_ops {
	/* As the stream ops: -EAGAIN, 0, an error; *more: there is more now; *all: as asked for. */
	ssize_t (*recv)(struct conn_end *e, const struct iovec *iov, int n, bool *more, bool *all);
	ssize_t (*send)(struct conn_end *e, const struct iovec *iov, int n);
	/* Bytes that send would take; the size of the whole buffer. */
	size_t (*room)(const struct conn_end *e, size_t *buffer);
	/* Why nothing can be sent any more: -ECONNRESET, -ETIMEDOUT; 0: it can. */
	int (*error)(const struct conn_end *e);
	/* There are bytes, end of file or an error to receive. */
	bool (*readable)(const struct conn_end *e);
	void (*shutdown)(struct conn_end *e);
	/* The end must not be used after these two. */
	void (*close)(struct conn_end *e);
	void (*abort)(struct conn_end *e);
};

/* What net.c holds of a connection. */
struct conn_end {
	const struct end_ops *ops;
	struct conn *conn; /* pipes only */
	unsigned side;	   /* 0: connected, 1: accepted */
	struct world_node *node;
	struct net_addr local, remote;
	struct net_stream *stream;     /* its owner, or ... */
	struct net_listener *listener; /* ... in whose backlog it is */
	struct conn_end *next;	       /* in the backlog */
	bool open;		       /* somebody holds it */
	bool addr_gone;		       /* its local address was taken away */
};

/* conn.c. Starts connecting; sim_end_connected() tells the rest. Never fails. */
struct conn_end *sim_conn_open(struct world_node *node, const struct net_addr *local,
			       const struct net_addr *remote);
void sim_conns_free(struct world *w);
void sim_tap(struct world *w, enum world_tap_kind kind, const struct world_tap_info *info,
	     const void *data, size_t len);
size_t sim_iov_total(const struct iovec *iov, int n);
/* Cuts len down to 1..len at random, sometimes. */
size_t sim_shorten(struct link *link, size_t len, uint32_t ppm);
/* An address came or went. */
void sim_addrs_changed(struct world *w);

/* ---- pipe.c: connections within a node ---------------------------------------------- */

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
	struct ring ring;
	uint64_t head, arrived, sent, tail;
	size_t sndbuf, rcvbuf;
	struct segment segments[PIPE_SEGMENTS]; /* under way */
	unsigned first, nsegments;
	struct world_event ev; /* arrival of the first */
	bool fin, fin_sent, fin_arrived;
	bool rst_wanted, rst_sent, rst_arrived;
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

struct conn_end *sim_pipe_open(struct world_node *node, const struct net_addr *local,
			       const struct net_addr *remote);
void sim_pipes_free(struct world *w);
/* Resets those between a and b (NULL: any) with that number (0: any). Returns how many. */
unsigned sim_pipes_reset(struct world *w, const struct world_node *a, const struct world_node *b,
			 uint64_t id);
/* The stall of the link changed. */
void sim_pipes_kick(struct link *link);
void sim_pipes_addrs_changed(struct world *w);

/* ---- net.c, called from below ------------------------------------------------------- */

void sim_net_init(struct world_node *node);
void sim_net_fini(struct node_net *net);
/* The node that has this address, seen from node; NULL: nobody. */
struct world_node *sim_net_route(struct world_node *node, const struct net_addr *addr);
bool sim_net_has_addr(const struct world_node *node, const struct net_addr *addr);
/* The address that packets to remote come from, without a port. 0 or -ENETUNREACH. */
int sim_net_own_addr(struct node_net *n, const struct net_addr *remote, struct net_addr *out);
/* Who would take a connection to addr: NULL and *err -ECONNREFUSED, -ENOENT, -EAGAIN (full). */
struct net_listener *sim_net_lookup(struct world_node *node, const struct net_addr *addr, int *err);
/* An end for its backlog. */
void sim_net_incoming(struct net_listener *l, struct conn_end *e);
void sim_end_connected(struct conn_end *e, int err);
void sim_end_changed(struct conn_end *e);
