/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What net.c and addr.c share: the objects behind hw/net.h.
 */
#pragma once

#include "sim/net.h"
#include "target/core/engine.h"

/* A place in the ready queue of a context. */
struct ready {
	struct ready *next;
	enum { READY_STREAM, READY_LISTENER } kind;
	bool queued;
	uint64_t round; /* when it last had its turn */
};

struct net_ctx {
	struct engine engine;
	struct world_node *node;
	struct reactor *reactor;
	struct ready *ready, **ready_tail;
	struct ready *current; /* whose callback runs; NULL once it is gone */
	uint64_t round;
	unsigned users; /* listeners and streams */
};

struct net_listener {
	struct ready ready;
	struct net_listener *next; /* of the node */
	struct world_node *node;
	struct net_ctx *ctx;
	struct net_addr local;
	unsigned backlog, npending;
	struct conn_end *pending, **pending_tail;
	const struct net_listener_cb *cb;
	void *user;
	bool waiting; /* for retry, after a failure */
	struct world_event retry;
};

struct sim_stream {
	struct net_stream base;
	struct ready ready;
	struct world_node *node;
	struct net_ctx *ctx; /* NULL: detached */
	struct conn_end *end;
	int error;	    /* final */
	size_t room_wanted; /* when it is worth a writable callback */
	bool decided, told; /* connect: the result is there, was told */
	bool readable;	    /* to be told, level-triggered */
	bool paused;
	bool want_room, has_room;
	bool shut;
};

/* ---- addr.c ------------------------------------------------------------------------- */

/* Checks that addr may be listened on and fills in a port. 0 or a negative errno. */
int sim_net_bind(struct node_net *n, struct net_addr *addr);
/* The local address of a connection to remote. local may be NULL. 0 or a negative errno. */
int sim_net_source(struct node_net *n, const struct net_addr *remote, const struct net_addr *local,
		   struct net_addr *out);
void sim_unix_claim(struct node_net *n, struct net_listener *l);
void sim_unix_release(struct node_net *n, struct net_listener *l);
