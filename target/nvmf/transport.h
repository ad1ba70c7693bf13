/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a transport (tcp, rdma) provides to nvmf, and the addresses it
 * listens on.
 *
 * A transport accepts connections, makes a struct nvmf_qpair of each
 * (nvmf_qpair_init), turns its PDUs into requests, sends responses. It knows
 * nothing of subsystems and controllers.
 */
#pragma once

#include "target/nvmf/nvmf.h"
#include "target/nvmf/request.h"

struct nvmf_group;
struct nvmf_qpair;

/* An address listened on; shared by the listeners of several subsystems. Main reactor. */
struct nvmf_port {
	struct nvmf_transport *transport;
	struct nvmf_trid trid;
	uint16_t portid;
	unsigned refs;
	void *listener; /* the transport's */
};

struct nvmf_transport_ops {
	const char *name; /* "TCP" */
	uint8_t trtype;   /* NVME_TRTYPE_* */
	/*
	 * A queue pair's reactor is chosen before it is accepted and never changes:
	 * nvmf_qpair_move() is not called after that, its controller (admin queue) goes there.
	 */
	bool pinned;
	/* Memory for the transport, with what it needs. NULL and error. NULL: plain. Main reactor. */
	struct nvmf_transport *(*create)(struct nvmf_tgt *tgt, struct nvmf_transport_options *options,
					 GError **error);
	/* The target shuts down, ports and queue pairs have gone; done is called later. Or NULL. */
	void (*stop)(struct nvmf_transport *t, void (*done)(void *arg), void *arg);
	/* Adds a reactor's statistics, on it. Or NULL. */
	void (*stats)(struct nvmf_transport *t, struct reactor *r, struct nvmf_group_stats *out);
	/* As nvmf_get_rnic_memory(). NULL: it has no RNICs. */
	unsigned (*rnic_memory)(struct nvmf_transport *t, struct nvmf_rnic_memory *out, unsigned n);
	/* Starts / stops accepting. Main reactor. */
	bool (*listen)(struct nvmf_port *port, GError **error);
	void (*unlisten)(struct nvmf_port *port);

	/* The rest: on the queue pair's reactor. */

	/* The request's response is ready (rsp, and iov for C2H data). Also of a killed queue: then recycle. */
	void (*complete)(struct nvmf_request *req);
	/*
	 * The queue is to move. It has no request but the Connect. detach: leave
	 * the reactor, with nothing left of its pools; attach: arrive. False: could
	 * not (the queue is killed next).
	 */
	void (*qpair_detach)(struct nvmf_qpair *q);
	bool (*qpair_attach)(struct nvmf_qpair *q);
	/* Connect has succeeded; q->sq_size is known: make the requests. False: no memory. */
	bool (*qpair_enable)(struct nvmf_qpair *q);
	/*
	 * Ends it: no new request from now on, what the transport itself holds is
	 * dropped, the peer disconnected (after what is queued for sending when
	 * graceful). Once. The memory stays until qpair_free.
	 */
	void (*qpair_kill)(struct nvmf_qpair *q);
	void (*qpair_free)(struct nvmf_qpair *q);
	/* The request of that command, between exec and complete. NULL (also the function): none. */
	struct nvmf_request *(*qpair_find)(struct nvmf_qpair *q, uint16_t cid);
	/*
	 * A command that is not handed over yet is to end with Abort Requested, now or
	 * when its data, which its host has been asked for, is there. NULL: cannot.
	 */
	bool (*qpair_abort)(struct nvmf_qpair *q, uint16_t cid);
	/* Calls fn for every request between exec and complete. */
	void (*qpair_each)(struct nvmf_qpair *q, void (*fn)(struct nvmf_request *req, void *arg),
			   void *arg);
	/* The peer's address, and ours as the peer knows it. */
	void (*qpair_peer)(struct nvmf_qpair *q, struct net_addr *peer);
	void (*qpair_local)(struct nvmf_qpair *q, struct net_addr *local);
};

struct nvmf_transport {
	const struct nvmf_transport_ops *ops;
	struct nvmf_tgt *tgt;
	struct nvmf_transport_options options;
	uint32_t masked_opcodes; /* 1 << opcode of I/O commands that hosts do not have */
	bool no_fused;		 /* nor pairs */
	GPtrArray *ports; /* struct nvmf_port* */
};

extern const struct nvmf_transport_ops nvmf_tcp_ops;
extern const struct nvmf_transport_ops nvmf_rdma_ops;

/* An I/O command that is masked there. */
static inline bool nvmf_transport_masks(const struct nvmf_transport *t, uint8_t opcode)
{
	return opcode < 32 && (t->masked_opcodes & 1u << opcode) != 0;
}

/*
 * One more user of the address (starts listening for the first). portid: the number that
 * it must have, or NVMF_PORTID_ANY. NULL and error. Main reactor.
 */
struct nvmf_port *nvmf_port_get(struct nvmf_transport *t, const struct nvmf_trid *trid, int portid,
				GError **error);
void nvmf_port_put(struct nvmf_port *port);
