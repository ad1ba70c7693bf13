/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connection management of the software RNIC, and the objects of hw/rnic.h that are
 * more than the engine's: contexts, queue pairs, ids.
 *
 * Management datagrams come in on shard 0. One that answers us names our communication
 * id, whose low bits say which context has it; it is handled there, by message if that
 * is another reactor's. A REQ makes a new id on shard 0, which may then move; the table
 * of peers (main reactor) knows where, so that a repeated REQ finds it.
 *
 *   soft.c      devices, watchers, contexts
 *   ops.c       queue pairs, CQs, ..., as hw/rnic.h has them
 *   cm.c        ids: made, moved, connected, destroyed; events; timers
 *   peers.c     who has sent a REQ
 *   cm-in.c     datagrams that come in
 *   cm-out.c    datagrams that go out
 */
#pragma once

#include "hw/roce/cm-wire.h"
#include "hw/roce/soft.h"
#include "target/core/reactor.h"

struct soft;

enum cm_state {
	CM_IDLE,
	CM_LISTEN,
	CM_RESOLVED,
	CM_REQ_SENT,	 /* waits for a REP */
	CM_REQ_RECEIVED, /* the user is to accept or reject */
	CM_REP_SENT,	 /* waits for an RTU */
	CM_ESTABLISHED,
	CM_DREQ_SENT,
	CM_TIMEWAIT,
	CM_OVER, /* rejected, unreachable, timewait left: to be destroyed */
};

/* An event that waits to be told; private data is the last of the id's. */
struct cm_event {
	struct cm_event *next;
	struct rnic_cm_event event;
	uint8_t private_data[256];
};

struct rnic_qp {
	struct roce_qp *qp;
	struct rnic_id *id;
	const struct rnic_qp_cb *cb;
	void *user;
};

struct rnic_id {
	struct rnic_ctx *ctx;
	const struct rnic_id_cb *cb;
	void *user;
	enum cm_state state;
	bool active;	/* we asked */
	bool destroyed; /* from inside a callback: freed when it returns */
	bool telling;
	struct rnic_qp *qp;
	struct net_addr local, remote; /* with the ports of the service */
	int backlog;
	unsigned pending;	  /* listener: requests not answered */
	struct rnic_id *listener; /* of a request that is not answered; NULL: it has gone */

	uint32_t local_id, remote_id, remote_qpn;
	bool flow_control;	/* both want it: ACKs of ours tell of receives */
	struct roce_cm_req req; /* as sent or received */
	struct roce_rtr rtr;	/* active: kept for the REP */
	uint64_t tid;
	uint8_t mad[ROCE_MAD_LEN]; /* the last message, to be sent again */
	bool has_mad;
	uint8_t retries;   /* of it left */
	bool more_time;	   /* the peer has asked for some since it was sent last */
	uint64_t interval; /* ns between them */
	struct timer timer;
	struct cm_event *events, **events_last;
	struct rnic_id *next, **prev; /* of the context's */
	struct rnic_id *telling_next; /* ids with events */
	bool to_tell;
};

struct rnic_ctx {
	struct soft *soft;
	struct reactor *reactor;
	unsigned index;
	struct roce_shard *shard;
	struct engine engine;
	struct timer timer;
	GHashTable *ids; /* by local_id: struct rnic_id* */
	struct rnic_id *all;
	struct rnic_id *tell, **tell_last;
	uint32_t next_id;
};

/* Who sent a REQ: where the id made of it is. Main reactor. */
struct cm_peer {
	struct net_addr addr; /* without port */
	uint32_t remote_id, remote_qpn;
	uint32_t local_id; /* of the id made of it; its context is in there */
};

struct cm_peers {
	GHashTable *by_id;	 /* of the peer, and its address: struct cm_peer*, a set */
	GHashTable *by_qp;	 /* of the peer, and its address: the same */
	GHashTable *by_local_id; /* struct cm_peer* */
};

struct soft {
	struct hw_rnic rnic;
	struct roce_io *io;
	struct roce_device *dev;
	struct rnic_ctx *ctxs[ROCE_MAX_SHARDS]; /* each its reactor's */
	/* Of those that have ever been opened: others may post to them. */
	struct reactor *_Atomic reactors[ROCE_MAX_SHARDS];
	struct rnic_watcher *watchers;
	struct task gid_task; /* tells them of addresses */
	bool gone;
	bool link;	  /* there is one, or would be */
	bool returning;	  /* it comes back when */
	unsigned leavers; /* these watchers have let go of it */
	struct cm_peers peers;
	uint32_t next_id;     /* of ids that came with a REQ */
	GPtrArray *listeners; /* struct rnic_id* */
	/* Of contexts that are closed: an id given once is not given again for long. */
	uint32_t next_ids[ROCE_MAX_SHARDS];
};

/* --- cm.c --- */

struct rnic_id *cm_id_new(struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user);
/* Out of its context; freed, now or when the callback it is in returns. */
void cm_id_free(struct rnic_id *id);
/* An event for its user; private data is copied. about: the new id of a listener's event, else
 * NULL. */
void cm_tell_about(struct rnic_id *id, enum rdma_cm_event_type type, int status,
		   const struct rdma_conn_param *param, struct rnic_id *about);
void cm_tell(struct rnic_id *id, enum rdma_cm_event_type type, int status,
	     const struct rdma_conn_param *param);
/* Tells what waits. Returns how many. */
unsigned cm_tell_all(struct rnic_ctx *ctx);
void cm_set_timer(struct rnic_id *id, uint64_t ns);
void cm_stop_timer(struct rnic_id *id);
/* The connection has ended, whoever did it: QP in error, DISCONNECTED, timewait. */
void cm_disconnected(struct rnic_id *id);
/* RTU, or the first packet of the peer. False: it was established before. */
bool cm_established(struct rnic_id *id);
/*
 * QP to RTR and RTS, as both sides have agreed. The PSN that each says in REQ or REP is the
 * first it expects to receive. 0 or a negative errno.
 */
int cm_qp_connect(struct rnic_id *id, uint32_t dest_qpn, uint32_t peer_psn, uint8_t responder,
		  uint8_t initiator, uint8_t rnr_retry);
/* An id of a REQ, on the main reactor's context. */
struct rnic_id *cm_id_of_req(struct rnic_id *listener, const struct net_addr *from,
			     const struct net_addr *to, const struct roce_cm *cm);
struct rnic_id *cm_find(struct rnic_ctx *ctx, uint32_t local_id);
/* The largest path MTU between them. */
unsigned cm_mtu(const struct soft *soft, const struct net_addr *local,
		const struct net_addr *remote);
/* Any reactor: fn(context, local_id) on the context's, unless it is closed by then. */
void cm_post(struct soft *soft, unsigned index, uint32_t local_id,
	     void (*fn)(struct rnic_ctx *ctx, uint32_t local_id));

int cm_listen(struct rnic_ctx *ctx, const struct net_addr *addr, int backlog,
	      const struct rnic_id_cb *cb, void *user, struct rnic_id **out);
int cm_resolve(struct rnic_ctx *ctx, const struct net_addr *dst, const struct net_addr *src,
	       unsigned timeout_ms, const struct rnic_id_cb *cb, void *user, struct rnic_id **out);
void cm_move(struct rnic_id *id, struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user);
int cm_connect(struct rnic_id *id, const struct rdma_conn_param *param);
int cm_accept(struct rnic_id *id, const struct rdma_conn_param *param);
int cm_reject(struct rnic_id *id, const void *private_data, uint8_t len);
void cm_disconnect(struct rnic_id *id);
void cm_destroy(struct rnic_id *id);

/* --- peers.c: main reactor --- */

void cm_peers_init(struct cm_peers *peers);
void cm_peers_clear(struct cm_peers *peers);
struct cm_peer *cm_peer_find(struct soft *soft, const struct net_addr *addr, uint32_t remote_id);
struct cm_peer *cm_peer_of_qp(struct soft *soft, const struct net_addr *addr, uint32_t remote_qpn);
void cm_peer_add(struct rnic_id *id);
/* For an id of that context: one that no other has, however often they have gone round. */
uint32_t cm_peer_number(struct soft *soft, unsigned index);
/* The id made of its REQ has another number; or is gone. Nothing where there is no such peer. */
void cm_peer_renumber(struct soft *soft, uint32_t from, uint32_t to);
void cm_peer_forget(struct rnic_ctx *ctx, uint32_t local_id);

/* --- cm-in.c --- */

void cm_received(void *soft, const struct net_addr *from, const struct net_addr *to,
		 const uint8_t *mad, uint64_t now);

/* --- cm-out.c --- */

/* Sends the id's last message (again). */
void cm_send(struct rnic_id *id);
/* Encodes and sends; what is to be repeated is kept in the id. */
void cm_send_req(struct rnic_id *id, const struct rdma_conn_param *param);
void cm_send_rep(struct rnic_id *id, const struct rdma_conn_param *param, uint8_t responder,
		 uint8_t initiator);
void cm_send_ids(struct rnic_id *id, enum roce_cm_kind kind); /* RTU, DREQ, DREP */
void cm_send_mra(struct rnic_id *id);
void cm_send_rej(struct rnic_id *id, enum roce_cm_reason reason, const void *private_data,
		 uint8_t len);
/* For somebody who has no id here. */
void cm_answer_rej(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		   const struct roce_cm *cm, enum roce_cm_about about, enum roce_cm_reason reason);
void cm_answer_drep(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		    const struct roce_cm *cm);
/* There is no datagram service. */
void cm_answer_sidr(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		    const struct roce_cm *cm);

/* --- soft.c --- */

int soft_ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out);
void soft_ctx_close(struct rnic_ctx *ctx);
void soft_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w);
void soft_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w);
void soft_device_info(struct rnic_device *dev, struct rnic_info *info);
bool soft_device_port(struct rnic_device *dev, unsigned port, struct rnic_port *out);
void soft_device_done(struct rnic_device *dev);

/* --- ops.c --- */

extern const struct hw_rnic_ops soft_ops;

/*
 * A communication id: the context in the lowest 6 bits, then whether the main reactor
 * has given it (to what came with a REQ) or the context.
 */
#define CM_ID_INDEX(id) ((id)&63)
#define CM_ID_MAIN 64u
#define CM_ID_STEP 128u
