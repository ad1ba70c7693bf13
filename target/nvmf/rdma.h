/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA (transport specification 1.0), target side, on hw/rnic.h. A connection
 * is a queue pair.
 *
 *   rdma.c         the transport: options, listeners, its end, statistics
 *   rdma-device.c  devices as they come and go, and what each reactor has of one
 *   rdma-near.c    which reactors serve a device
 *   rdma-rq.c      receives
 *   rdma-private.c, rdma-sgl.c   what hosts say, checked: no state
 *   rdma-conn.c    connections: asked for, accepted, killed, drained, freed
 *   rdma-rx.c      capsules, and the data that is read from the host
 *   rdma-tx.c      what is posted: READs, data and responses
 *
 * Reactors. Listening and connect requests are the main reactor's. A connection's
 * reactor is chosen there, before it is accepted, and never changes: where the RNIC
 * puts its work cannot be moved later (nvmf_transport_ops.pinned).
 *
 * Receiving: a reactor has one SRQ for each device (RoCE; of iWARP, where a message that
 * finds no receive ends its connection, each queue pair has all that it may need). A receive goes back as soon as
 * its command is copied, unless in-capsule data is used in place; of a connection
 * that holds more than its part while receives run short, data moves to a pool
 * buffer; one whose commands wait, since it takes no responses, is ended then; so is
 * one that has taken none for RDMA_STALL_NS while others wait for its buffers. A host
 * may have as many commands outstanding as crqsize says; one more ends its connection.
 *
 * Sending: what a pass produces for a connection is posted at its end as one chain:
 * data and response together, responses inline where they fit. Few of them are
 * signaled: the slots of the others are free again with the next signaled one
 * (struct rdma_posted). What finds no slot, or would be one READ too many, waits.
 *
 * The end: kill (the queue pair goes into error), drain (all that was posted has
 * come back, or the time is up), then the RNIC's objects are destroyed, and the
 * queue pair is free once its I/O has ended.
 */
#pragma once

#include <stdatomic.h>

#include "target/core/rnic-mem.h"
#include "target/core/rnic.h"
#include "target/nvme/nvme-rdma.h"
#include "target/nvmf/qpair.h"

#define RDMA_MAX_BLOCKS 16 /* of a command's SGL: MSDBD */
#define RDMA_ALIGN 4096u   /* of in-capsule data */
#define RDMA_STALL_NS (30 * UINT64_C(1000000000))

struct rdma_conn;
struct rdma_dev;
struct rdma_poller;

/* --- what hosts say (rdma-private.c, rdma-sgl.c) ------------------------------------------ */

struct rdma_ask {
	uint16_t qid;
	uint16_t cntlid; /* 0: not said */
	uint16_t depth;	 /* commands it may have outstanding */
	uint8_t reads;	 /* READs that it answers at a time */
};

/* Of a connect request. Returns what is wrong (enum nvme_rdma_status), or 0 and *ask. */
uint16_t rdma_private_check(const struct rdma_conn_param *param,
			    const struct nvmf_transport_options *options, struct rdma_ask *ask);

/* A piece of the host's memory. */
struct rdma_block {
	uint64_t addr;
	uint32_t len;
	uint32_t key;
};

struct rdma_sgl {
	struct rdma_block blocks[RDMA_MAX_BLOCKS];
	uint32_t len;	 /* bytes of all of it */
	uint32_t offset; /* in_capsule: where in the data of the capsule */
	uint32_t invalidate_key;
	uint8_t nblocks; /* with bytes in them */
	bool invalidate;
	bool in_capsule;
};

/*
 * Takes apart the SGL of a command of that direction. data: what the capsule holds
 * behind the command. Returns an NVMe status.
 */
uint16_t rdma_sgl_parse(const struct nvme_cmd *cmd, enum nvme_xfer xfer, const uint8_t *data,
			uint32_t data_len, uint32_t max_len, struct rdma_sgl *sgl);

/* --- memory: target/core/rnic-mem.h ------------------------------------------------------- */

/* Reactor index's SGE for [ptr, ptr + len). False: the device does not have that memory. */
static inline bool rdma_sge(struct rnic_mem *mem, unsigned index, const void *ptr, uint32_t len,
			    struct ibv_sge *sge)
{
	const struct rnic_region *r = rnic_mem_find(mem, index, ptr, len);

	if (r == NULL)
		return false;
	sge->addr = r->iova + (uint64_t)((const uint8_t *)ptr - r->base);
	sge->length = len;
	sge->lkey = r->lkey;
	return true;
}

/* --- receives (rdma-rq.c) ------------------------------------------------------------------- */

struct rdma_recv {
	struct rdma_recv *next; /* to be posted again, or held by its connection */
	struct rdma_rq *rq;
	struct nvme_cmd *cmd;
	uint8_t *data; /* behind the command */
	uint32_t len;  /* bytes that came */
};

/* Of an SRQ, or of one queue pair. */
struct rdma_rq {
	struct rdma_poller *p;
	struct rnic_srq *srq;
	struct rnic_qp *qp; /* where srq is NULL */
	struct mem_chunk *chunk;
	struct rdma_recv *recvs;
	struct ibv_sge *sges; /* nsge for each */
	unsigned n, nsge;
	unsigned posted;
	struct rdma_recv *again; /* to be posted */
	struct task task;	 /* posts them */
	bool broken;		 /* it takes none any more: its connections end, and it with them */
};

/* Memory for n receives. max_sge: of the queue. 0 or a negative errno. */
int rdma_rq_init(struct rdma_rq *rq, struct rdma_poller *p, unsigned n, uint32_t data_len,
		 unsigned max_sge);
void rdma_rq_clear(struct rdma_rq *rq);
/* srq or qp is set: posts all. 0, or a negative errno: it does not take them. */
int rdma_rq_fill(struct rdma_rq *rq);
/* It has not taken them: whoever needs them ends. rdma-device.c */
void rdma_rq_failed(struct rdma_rq *rq, int rc);
/* It is to be posted again, at the end of the pass. */
void rdma_rq_put(struct rdma_recv *recv);

/* --- devices (rdma-device.c) --------------------------------------------------------------------
 */

/* Queue pairs share it as long as all that they can have outstanding fits. */
struct rdma_cq {
	struct rnic_cq *cq;
	struct rdma_cq *next;
	struct rdma_poller *p;
	unsigned room, users;
	bool broken; /* nothing comes out of it any more; it goes with its last user */
};

#define RDMA_BATCH 32 /* completions taken at once */
#define RDMA_HASH 256 /* queue pairs by number */

/* What a reactor has of a device; made when its first connection comes. */
struct rdma_poller {
	struct engine engine;
	struct rdma_poller *next; /* of the same reactor, of other devices */
	struct rdma_dev *dev;
	struct reactor *reactor;
	struct rdma_cq *cqs;
	struct rdma_rq rq; /* of the SRQ, if there is one */
	struct rdma_conn *hash[RDMA_HASH];
	struct rdma_conn *conns;	 /* all whose queue pair exists */
	unsigned nconns;		 /* these, and those whose I/O still uses its memory */
	struct timer look;		 /* once in a while the CQs are looked at anyway */
	unsigned ndraining;		 /* of them, that wait for the CQ to be empty */
	struct ibv_wc early[RDMA_BATCH]; /* polled when it was armed */
	unsigned nearly;
	bool leaving;
	struct task leave_task;
	struct nvmf_device_stats stats;
};

struct rdma_dev {
	struct rdma_dev *next;
	struct rdma_transport *rt;
	struct rnic_device *dev;
	struct rnic_info info;
	struct rnic_pd *pd;
	struct rnic_mem mem;
	struct rdma_poller *pollers[CORE_MAX_REACTORS]; /* each its reactor's */
	struct reactor *near[CORE_MAX_REACTORS]; /* on its NUMA node */
	unsigned nnear, next_near;
	bool near_said;		  /* in the log */
	struct timer retry;	  /* of one that could not be opened */
	_Atomic bool leaving;
	bool removed;	  /* by its backend, not by us */
	unsigned pending; /* reactors that have not left it */
};

struct rdma_transport {
	struct nvmf_transport t;
	struct hw_rnic *rnic;
	struct rnic_watcher watcher;
	struct rnic_ctx *ctxs[CORE_MAX_REACTORS]; /* main reactor; NULL: not (yet) there */
	unsigned opening;			  /* reactors that open theirs */
	struct rdma_dev *devs;			  /* main reactor, in order of arrival */
	struct rdma_dev *closed;		  /* there, but without resources so far */
	struct rdma_listener *listeners;
	struct rdma_poller *pollers[CORE_MAX_REACTORS]; /* each its reactor's */
	unsigned next_reactor;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static inline struct rdma_transport *rdma_transport_of(struct nvmf_transport *t)
{
	return (struct rdma_transport *)t;
}

static inline const struct hw_rnic_ops *rdma_ops(const struct rdma_dev *dev)
{
	return dev->rt->rnic->ops;
}

extern const struct rnic_watcher rdma_watcher;

/* A device has come to be used: listeners try again. rdma.c */
void rdma_listeners_retry(struct rdma_transport *rt);
/* All devices have been left. rdma.c */
void rdma_devices_gone(struct rdma_transport *rt);
struct rdma_dev *rdma_dev_find(struct rdma_transport *rt, const struct rnic_device *dev);
/* Nobody tries to open any any more. */
void rdma_devs_forget(struct rdma_transport *rt);
/* A message waits for a receive; else it ends its connection. */
static inline bool rdma_dev_waits(const struct rdma_dev *d)
{
	return d->info.transport != IBV_TRANSPORT_IWARP &&
	       d->info.attr.device_cap_flags & IBV_DEVICE_RC_RNR_NAK_GEN;
}
/* Ends its connections, gives back all of it. Main reactor. */
void rdma_dev_leave(struct rdma_dev *dev, bool removed);
/* NULL: no resources, or not before all that have a broken one are gone. On its reactor, as all
 * that follows. */
struct rdma_poller *rdma_poller_get(struct rdma_dev *dev, struct reactor *r);
void rdma_poller_add(struct rdma_poller *p, struct rdma_conn *c);
void rdma_poller_remove(struct rdma_poller *p, struct rdma_conn *c);
/* One user less; it goes with the last if its device is being left. */
void rdma_poller_put(struct rdma_poller *p);
/* A CQ with room for so many completions more, or NULL. */
struct rdma_cq *rdma_cq_get(struct rdma_poller *p, unsigned n);
/* Its queue pair has gone, and that room is free again. */
void rdma_cq_put(struct rdma_cq *cq, unsigned n);

/* --- who serves a device (rdma-near.c) ---------------------------------------------------------- */

/* Again, after its reactors, or those of all, have changed. */
void rdma_near_find(struct rdma_dev *d);
void rdma_near_find_all(struct rdma_transport *rt);
/* The reactor of a connection that is asked for. */
struct reactor *rdma_near_choose(struct rdma_dev *d, const struct rdma_ask *ask);

/* --- connections (rdma-conn.c) -------------------------------------------------------------------
 */

enum rdma_req_state {
	RDMA_REQ_FREE,
	RDMA_REQ_WAIT_BUFFER, /* for the data to be read into */
	RDMA_REQ_WAIT_COPY,   /* for the in-capsule data to be moved into */
	RDMA_REQ_READ,	      /* its READs are queued or posted */
	RDMA_REQ_EXEC,	      /* nvmf has it */
	RDMA_REQ_TX,	      /* its response is queued or posted */
};

struct rdma_req {
	struct nvmf_request req;
	struct rdma_req *next;	/* of free ones, or of those to be posted */
	struct rdma_recv *recv; /* in-capsule data is in it, or NULL */
	struct iovec recv_iov;
	struct rdma_sgl sgl;
	uint64_t begun;
	uint32_t at; /* bytes read or written so far: posted */
	uint16_t index;
	uint8_t state;	   /* enum rdma_req_state */
	uint8_t block;	   /* at is in that one, */
	uint32_t block_at; /* there */
	uint16_t piece;	   /* of iov, likewise */
	uint32_t piece_at;
	bool send_data;
	bool aborted; /* ends when its data is there */
};

/* A signaled work request, in order; it takes those before it with it. */
struct rdma_posted {
	struct rdma_req *r; /* done with it, or NULL */
	uint16_t slots;
	uint16_t reads;
};

enum rdma_conn_state {
	RDMA_NEW,      /* not accepted yet */
	RDMA_ACCEPTED, /* capsules that come are held */
	RDMA_READY,
	RDMA_CLOSING, /* in error: its work comes back */
	RDMA_CLOSED,
};

struct rdma_conn {
	struct nvmf_qpair q;
	struct rdma_dev *dev;
	struct rdma_poller *p;
	struct rdma_cq *cq;
	unsigned cq_room; /* that it has taken of it */
	struct rnic_id *id;
	struct rnic_qp *qp;
	uint32_t qpn;
	struct rdma_conn *hash_next;
	struct rdma_conn *next, **prev; /* the poller's */
	struct net_addr local, remote;
	struct rdma_ask ask;
	uint8_t state; /* enum rdma_conn_state */
	bool last_wqe; /* it takes no more of the SRQ's receives, */
	bool drained;  /* and all it took have come back */
	bool disconnected;
	bool connected; /* accepted at all */
	bool timed_out;

	struct rdma_rq rq; /* without an SRQ */
	struct rdma_req *reqs, *free;
	unsigned nreqs;
	unsigned nactive; /* requests that the host cannot know the end of */
	unsigned nrecvs;  /* receives that requests of it use */
	struct rdma_recv *held, **held_last;
	unsigned nheld;
	struct task resume_task;

	unsigned sq_size, sq_used;
	unsigned quiet;		     /* slots since the last signaled request */
	bool inlined;		     /* responses are */
	struct mem_chunk *responses; /* where they lie if not */
	uint64_t progress; /* when something posted was last through, or the first was posted */
	struct rdma_posted *posted;
	uint32_t posted_head, posted_tail, posted_mask;
	unsigned reads, max_reads;
	struct rdma_req *tx_head, **tx_last;
	struct rdma_req *read_head, **read_last;
	struct task post_task;

	struct task check_task;
	struct timer close_timer;
};

static inline struct rdma_conn *rdma_conn_of(struct nvmf_qpair *q)
{
	return (struct rdma_conn *)q;
}

static inline struct rdma_req *rdma_req_of(struct nvmf_request *req)
{
	return (struct rdma_req *)req;
}

static inline const struct hw_rnic_ops *rdma_conn_ops(const struct rdma_conn *c)
{
	return rdma_ops(c->dev);
}

/* Of a listener of port. Main reactor. */
void rdma_connect_request(struct nvmf_port *port, const struct rnic_cm_event *event);
/* In the CQ of p: somebody's, or nobody's any more. */
void rdma_wc(struct rdma_poller *p, const struct ibv_wc *wc);
/* Closing ones look whether they are through. */
void rdma_conn_check_soon(struct rdma_conn *c);
void rdma_conn_drained(struct rdma_conn *c);
/* It broke the rules: said in the log, and killed. */
void rdma_conn_broken(struct rdma_conn *c, const char *why);
void rdma_req_free(struct rdma_conn *c, struct rdma_req *r);
void rdma_qpair_kill(struct nvmf_qpair *q);
void rdma_qpair_free(struct nvmf_qpair *q);

/* --- rdma-rx.c --- */
void rdma_capsule(struct rdma_conn *c, struct rdma_recv *recv);
/* The READs of a request are done. */
void rdma_data_read(struct rdma_conn *c, struct rdma_req *r);
void rdma_resume(struct task *task);
void rdma_resume_soon(struct rdma_conn *c);
/* Its receive is not needed any more. */
void rdma_req_drop_recv(struct rdma_conn *c, struct rdma_req *r);
bool rdma_abort(struct nvmf_qpair *q, uint16_t cid);

/* --- rdma-tx.c --- */
void rdma_complete(struct nvmf_request *req);
void rdma_queue_read(struct rdma_conn *c, struct rdma_req *r);
/* A completion of the send queue. */
void rdma_sent(struct rdma_conn *c, const struct ibv_wc *wc);
void rdma_post(struct task *task);

/* wr_id: what it is in the low byte, a receive's index above that. */
enum { RDMA_WR_RECV, RDMA_WR_SIGNALED, RDMA_WR_QUIET };
