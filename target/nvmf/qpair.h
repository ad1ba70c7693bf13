/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair: one connection. It is accepted on the main reactor, and moves
 * to the reactor of its queue when Connect has told what it belongs to.
 *
 * Life: NEW -> CONNECTING -> ENABLED -> DEACTIVATING -> GONE. Removal is kill,
 * drain (q->outstanding is 0), wait (its controller's owner has forgotten it),
 * free. Its memory belongs to its reactor; the owner of the controller keeps a
 * pointer to it only to post messages to q->reactor.
 */
#pragma once

#include "target/nvmf/counts.h"
#include "target/nvmf/transport.h"

struct nvmf_ctrlr;
struct nvmf_sgroup;

#define NVMF_ERROR_RING 8

/* Errors on their way to the controller's owner (error-log.c). */
struct nvmf_error_ring {
	struct msg msg;
	_Atomic bool posted;
	_Atomic uint32_t head, tail; /* head: of the queue's reactor; tail: of the owner */
	_Atomic uint32_t lost;	     /* no place in it */
	struct nvme_error_entry entries[NVMF_ERROR_RING];
};

enum nvmf_qpair_state {
	NVMF_QPAIR_NEW,
	NVMF_QPAIR_CONNECTING,
	NVMF_QPAIR_ENABLED,
	NVMF_QPAIR_DEACTIVATING,
	NVMF_QPAIR_GONE,
	NVMF_QPAIR_STATES
};

struct nvmf_qpair {
	const struct nvmf_transport_ops *ops;
	uint16_t portid; /* it came in through; the port may be gone by now */
	struct nvmf_transport *transport;
	struct nvmf_tgt *tgt;
	struct reactor *reactor;   /* where it is, or is moving to */
	struct nvmf_group *group;  /* of that reactor */
	struct nvmf_ctrlr *ctrlr;  /* NULL before Connect has succeeded */
	struct nvmf_sgroup *sgroup; /* its subsystem on this reactor */
	enum nvmf_qpair_state state;
	uint16_t qid;
	uint16_t sq_size; /* entries */
	uint16_t max_sq_size; /* entries that the transport has made it for; 0: any */
	uint16_t sq_head;
	bool no_sq_flow_control;
	bool moving;      /* between two reactors, or Connect is being decided elsewhere */
	bool kill_wanted; /* kill it when it arrives */
	bool can_place;   /* the transport sends from placed memory (no data digest) */
	uint32_t outstanding; /* requests between exec and complete */
	/*
	 * Commands received; written by this reactor, read by the controller's
	 * owner for traffic-based keep-alive (relaxed).
	 */
	_Atomic uint32_t activity;
	struct timer connect_timer; /* no Connect in time: killed */
	struct nvmf_request *waiting; /* requests that wait for a buffer, for kill */
	struct buf_user bufs;	      /* of the reactor's pool */
	struct buf_user reserve;      /* of the group's, for admin commands */
	struct nvmf_request *fuse_first; /* the command before was the first half of a pair */
	bool fuse_first_failed;		 /* and is gone already */
	struct nvmf_request *fused;	 /* halves that wait for the other, for kill */
	struct task gone_task;
	void *connect; /* of connect.c while CONNECTING */
	struct nvmf_qpair *next; /* the group's list, newest first */
	struct nvmf_qpair **prev;
	struct nvmf_error_ring errors;
	uint64_t admin_commands;     /* of queue 0 */
	struct nvmf_counts commands; /* of other queues */
};

extern const char *const nvmf_qpair_state_names[NVMF_QPAIR_STATES];
void nvmf_qpair_set_state(struct nvmf_qpair *q, enum nvmf_qpair_state state);

/* The transport has accepted a connection on reactor r through port. */
void nvmf_qpair_init(struct nvmf_qpair *q, struct nvmf_port *port, struct reactor *r);
/* Ends it, from any state, any number of times; on its reactor. */
void nvmf_qpair_kill(struct nvmf_qpair *q);
/* It is ended unless it connects in time. */
void nvmf_qpair_await_connect(struct nvmf_qpair *q);
/* Sends it there; q->ops->qpair_attach and then arrived are called on r. */
void nvmf_qpair_move(struct nvmf_qpair *q, struct reactor *r,
		     void (*arrived)(struct nvmf_qpair *q, bool attached));
/* It holds buffers, and others wait for some. */
bool nvmf_qpair_starves_others(const struct nvmf_qpair *q);
/* Halves of fused pairs that wait for the other end. io-fused.c */
void nvmf_fuse_kill(struct nvmf_qpair *q);
/* One half failed, so that the other does. */
void nvmf_fuse_failed(struct nvmf_request *req);
/* A request of it ended (from nvmf_request_complete): may be the last. */
void nvmf_qpair_drained(struct nvmf_qpair *q);
/* The owner has forgotten it (or there was none): frees it, soon. On its reactor. */
void nvmf_qpair_release(struct nvmf_qpair *q);
