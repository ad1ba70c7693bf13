/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP. A connection has one struct tcp on each of its nodes; they know of each
 * other by packets only. Positions in a stream are 64 bits wide: 0 is the SYN, 1
 * the first byte, the FIN follows the last; the sequence number on the wire is the
 * initial one plus the low 32 bits of it.
 */
#pragma once

#include "sim/ip.h"

/* X(NAME, "name", states it may go to) */
#define TCP_STATE_TABLE(X)                                                                         \
	X(CLOSED, "closed", B(SYN_SENT) | B(SYN_RCVD))                                             \
	X(SYN_SENT, "syn-sent", B(ESTABLISHED) | B(CLOSED))                                        \
	X(SYN_RCVD, "syn-rcvd", B(ESTABLISHED) | B(CLOSED))                                        \
	X(ESTABLISHED, "established", B(FIN_WAIT_1) | B(CLOSE_WAIT) | B(CLOSED))                   \
	X(FIN_WAIT_1, "fin-wait-1", B(FIN_WAIT_2) | B(CLOSING) | B(CLOSED))                        \
	X(FIN_WAIT_2, "fin-wait-2", B(TIME_WAIT) | B(CLOSED))                                      \
	X(CLOSE_WAIT, "close-wait", B(LAST_ACK) | B(CLOSED))                                       \
	X(CLOSING, "closing", B(TIME_WAIT) | B(CLOSED))                                            \
	X(LAST_ACK, "last-ack", B(CLOSED))                                                         \
	X(TIME_WAIT, "time-wait", B(CLOSED))

enum tcp_state {
#define X(name, str, to) TCP_##name,
	TCP_STATE_TABLE(X)
#undef X
		TCP_STATE_COUNT
};

G_STATIC_ASSERT(TCP_STATE_COUNT <= TCP_STATES);

#define TCP_RANGES 32 /* pieces that came out of order; more are dropped */

struct range {
	uint64_t from, to;
};

/* What a connection is called, and by which names its ends go. No state of it. */
struct tcp_conn {
	struct tcp_conn *next, **prev;
	uint64_t id;
	struct world_node *nodes[2];
	struct net_addr addrs[2];
	struct tcp *tcps[2]; /* NULL: not yet, or gone */
	uint64_t packets[2]; /* sent by each side */
	bool opened;	     /* taps know of it */
};

struct tcp {
	struct conn_end end; /* first */
	struct world *world;
	struct tcp_conn *conn;
	struct tcp *next, **prev; /* of the node */
	struct tcp *hash_next;
	bool hashed;
	enum tcp_state state;
	struct route route;
	int error; /* final */
	size_t sndbuf, rcvbuf;

	/* sending: una <= nxt <= max; bytes una..tail-1 are in the ring */
	struct ring out;
	uint32_t iss;
	uint64_t una, nxt, max, tail;
	uint64_t edge; /* the peer lets us send what is before it */
	bool fin;      /* at tail */
	uint32_t mss;
	uint8_t peer_scale, scale;
	uint64_t cwnd, ssthresh, recover;
	unsigned dupacks;
	bool recovering;

	/* time of the way there and back, RFC 6298; 0: not known */
	uint64_t srtt, rttvar, rto;
	bool timing;
	uint64_t timed_pos, timed_at;
	unsigned tries;

	/* receiving: bytes head..rcv-1 wait for the user */
	struct ring in;
	uint32_t irs;
	uint64_t head, rcv;
	uint64_t top;	     /* after the last byte that came, in order or not */
	uint64_t advertised; /* the edge that we told */
	uint64_t fin_pos;    /* 0: not known */
	bool fin_in;	     /* everything came */
	uint64_t ended_at;   /* the end is known since then; HW_NEVER: it is not */
	struct range ranges[TCP_RANGES];
	unsigned nranges;

	struct world_event rtx;	 /* retransmission, or probe of a closed window */
	struct world_event wait; /* connect timeout, FIN_WAIT_2, TIME_WAIT */
	struct world_event ack;	 /* a delayed acknowledgement */
	uint64_t unacked;	 /* bytes that it is about */
};

/* ---- tcp.c: life -------------------------------------------------------------------- */

struct conn_end *sim_tcp_open(struct world_node *node, const struct net_addr *local,
			      const struct net_addr *remote);
void sim_tcp_free(struct world *w);
unsigned sim_tcp_reset(struct world *w, const struct world_node *a, const struct world_node *b,
		       uint64_t id);
unsigned sim_tcp_count(const struct world *w);
void sim_tcp_addrs_changed(struct world *w);
bool sim_tcp_port_used(const struct world_node *node, const struct net_addr *addr);
/* There is a connection between these two already. */
bool sim_tcp_taken(struct world_node *node, const struct net_addr *local,
		   const struct net_addr *remote);
/* The node crashed; `corpse` has what is left of its ends. */
void sim_tcp_crash(struct world_node *corpse, struct world_node *node);

void tcp_set_state(struct tcp *t, enum tcp_state state);
/* A new one that answers a SYN. */
struct tcp *tcp_accept(struct world_node *node, const struct segment_in *seg, uint64_t conn);
/* The connection is over: err 0 or a negative errno. Frees it if nobody holds it. */
void tcp_over(struct tcp *t, int err);
void tcp_destroy(struct tcp *t);
void tcp_wait_begin(struct tcp *t, uint64_t ns);
void tcp_tap(struct tcp *t, enum world_tap_kind kind, const void *data, size_t len);
/* The peer's MSS and scale, or what holds without. */
void tcp_learn(struct tcp *t, const struct segment_in *seg);

/* The node goes on after a pause. */
void sim_tcp_resumed(struct world_node *node);

/* ---- tcp-user.c --------------------------------------------------------------------- */

extern const struct end_ops tcp_end_ops;
void tcp_table_add(struct tcp *t);
void tcp_table_remove(struct tcp *t);
/* NULL: there is none. */
struct tcp *tcp_table_find(struct world_node *node, const struct net_addr *local,
			   const struct net_addr *remote);

static inline uint64_t tcp_conn_side(const struct tcp *t)
{
	return t->conn->id << 1 | t->end.side;
}

/* Position after the last that there is to send. */
static inline uint64_t tcp_end(const struct tcp *t)
{
	return t->tail + t->fin;
}

/* ---- tcp-out.c: sending and timers -------------------------------------------------- */

const struct route *tcp_route(struct tcp *t);
uint32_t tcp_mss(struct tcp *t);
void tcp_output(struct tcp *t);
void tcp_send_syn(struct tcp *t);
void tcp_send_ack(struct tcp *t);
void tcp_send_rst(struct tcp *t);
/* One segment from the first that is not acknowledged. */
void tcp_repeat(struct tcp *t);
void tcp_set_timer(struct tcp *t);
void tcp_timer(struct world_event *ev);
void tcp_ack_timer(struct world_event *ev);
/* Acknowledges n bytes that came in order, soon. */
void tcp_ack_soon(struct tcp *t, uint64_t n);
void tcp_rtt_sample(struct tcp *t, uint64_t rtt);
/* The timeout without what backing off added. */
void tcp_rtt_known(struct tcp *t);

/* ---- tcp-in.c ----------------------------------------------------------------------- */

void tcp_input(struct world_node *node, const struct packet *p);
