/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA (transport specification 1.0), host side, on hw/rnic.h. A queue is a
 * queue pair of the RNIC.
 *
 *   rdma.c         connecting, and letting go
 *   rdma-device.c  what needs the main reactor: the device, memory registered with it
 *   rdma-tx.c      capsules, and their data if it is in them
 *   rdma-sgl.c     the memory that the target may reach
 *   rdma-rx.c      completions: responses, what was sent
 *   rdma-bounce.c  memory for data that lies where the RNIC does not reach
 *   rdma-text.c    what the target's refusals mean
 *
 * Data. A command names registered memory by a keyed SGL: one piece in the command, or
 * as many as the target takes (MSDBD) in a list behind it, in the capsule. What is in
 * more pieces, or in memory that is not of hw/mem.h, goes through the bounce buffer.
 * Where the device has memory windows (type 2B) for all commands, each has one: it is bound for
 * the length of the command, and the target's SEND with Invalidate (or we ourselves, if
 * it sends without) ends its access before the command is completed. For the pieces of
 * a list but the first the queue has some to spare, which we invalidate. Without windows
 * the target is given the key of the memory region.
 *
 * Receives for all responses are posted before the first command, and each again
 * before the command it belonged to is completed: there is always one for a response.
 *
 * The end: the queue pair is destroyed at once, so that nobody reaches the memory
 * any more; the CM id stays until the peer has said goodbye (or a second has passed).
 */
#pragma once

#include "target/core/rnic-mem.h"
#include "target/core/rnic.h"
#include "target/host/priv.h"
#include "target/nvme/nvme-rdma.h"

#define RDMA_BATCH 32	/* completions, or commands, taken at once */
#define RDMA_SGES 4	/* of a capsule: the command, and its data in pieces */
#define RDMA_PAGE 4096u /* unit of the bounce buffer */
#define RDMA_BOUNCE (2 * HOST_MAX_IO)
#define RDMA_BOUNCE_ADMIN HOST_MAX_IO

#define RDMA_PIECES 16	/* of a list */
#define RDMA_SPARE 32	/* windows of a queue for them */

enum rdma_phase {
	RDMA_IDLE,
	RDMA_HOLD,	 /* the main reactor opens its RNIC context */
	RDMA_RESOLVING,	 /* a device and a way to the target are looked for */
	RDMA_OPEN,	 /* the main reactor registers memory with the device */
	RDMA_CONNECTING, /* the CM's handshake */
	RDMA_UP,
	RDMA_LINGER,  /* let go; the target has not said goodbye yet */
	RDMA_RELEASE, /* the main reactor takes it all back */
};

/* Memory of a queue in pages, given out in one piece each. */
struct rdma_bounce {
	uint8_t *base;
	uint16_t npages, next;
	uint8_t *used; /* one for each page */
};

/* What is known of a command beyond struct host_slot. */
struct rdma_slot {
	struct rnic_mw *mw;	/* or NULL: keys of regions are used */
	struct rdma_slot *next; /* of those that wait for room to be invalidated */
	uint8_t *bounce;
	struct rnic_mw *more[RDMA_PIECES - 1]; /* of the pieces behind the first, valid */
	uint8_t nmore;
	uint32_t key;
	bool bound;	 /* the key is the window's, valid */
	bool in_send;	 /* the SEND under way refers to its capsule in memory */
	bool in_inv;	 /* the window is being invalidated by us */
	bool to_inv;	 /* it is to be, when there is room */
	uint16_t status; /* the response's */
};

/* A signaled work request, in order: it takes the unsignaled ones before it with it. */
struct rdma_signal {
	uint16_t wrs;
	uint16_t slot;
};

/* What a controller has of its device; the main reactor's. */
struct rdma_device {
	struct host_ctrlr *ctrlr;
	const struct hw *hw;
	unsigned users;		 /* queues */
	struct rnic_ctx *ctx;	 /* the main reactor's */
	struct rnic_device *dev; /* NULL: not known yet */
	struct rnic_info info;
	struct rnic_pd *pd;
	struct rnic_mem mem;
	struct rnic_watcher watcher;
	GPtrArray *gone; /* others that have: pointers only */
	bool windows;
	bool removed;
};

struct rdma_qpair {
	struct host_qpair q;
	uint8_t phase; /* enum rdma_phase */
	bool leaving;  /* as soon as the main reactor has answered */
	bool failed;   /* nothing is to be taken from the CQ any more */
	struct rdma_device *device;
	struct rnic_ctx *ctx;
	struct rnic_id *id;
	struct rnic_device *found; /* by resolving */
	struct rnic_cq *cq;
	struct rnic_qp *qp;
	/* To the main reactor and back. */
	struct msg there, back;
	int (*there_fn)(struct rdma_qpair *t);
	void (*back_fn)(struct rdma_qpair *t, int rc);
	int rc;
	struct task leave_task;
	struct timer linger;
	struct timer look; /* at the CQ, once in a while: a notification may have got lost */
	/* memory */
	struct mem_chunk *chunk;
	uint32_t lkey; /* of it */
	struct nvme_cmd *cmds;
	struct nvme_cpl *cpls;
	struct nvme_sgl *lists; /* RDMA_PIECES for each command; NULL: the admin queue's */
	struct rdma_bounce bounce;
	struct rnic_mw *windows[RDMA_SPARE]; /* all that are to spare, */
	struct rnic_mw *spare[RDMA_SPARE];   /* and those that no command has */
	uint8_t nwindows, nspare;
	struct rdma_slot *slots;
	/* what was agreed on */
	uint16_t depth; /* receives */
	uint16_t limit; /* commands outstanding at most */
	uint16_t outstanding;
	uint32_t capsule_data;
	uint16_t max_sge;
	uint16_t max_pieces; /* of a list; below 2: the target takes none */
	bool inlined; /* commands without data are sent inline */
	/* send queue */
	uint16_t sq_size, sq_used, quiet; /* quiet: since the last signaled one */
	struct rdma_signal *signals;
	uint16_t sig_head, sig_count;
	struct rdma_slot *inv, **inv_last;
	/* completions */
	struct engine engine;
	struct ibv_wc early[RDMA_BATCH]; /* polled when it was armed */
	unsigned nearly;
};

#define RDMA_NO_SLOT UINT16_MAX

static inline struct rdma_qpair *rdma_of(struct host_qpair *q)
{
	return (struct rdma_qpair *)((char *)q - offsetof(struct rdma_qpair, q));
}

static inline const struct hw_rnic_ops *host_rdma_ops(const struct rdma_qpair *t)
{
	return t->q.reactor->hw->rnic->ops;
}

static inline uint16_t host_rdma_index(const struct rdma_qpair *t, const struct rdma_slot *r)
{
	return (uint16_t)(r - t->slots);
}

/* --- rdma-device.c: on the main reactor; 0 or a negative errno ------------------------------ */

int host_rdma_hold(struct rdma_qpair *t);
int host_rdma_open(struct rdma_qpair *t);
int host_rdma_release(struct rdma_qpair *t);
/* There is no queue pair: memory of commands can be deregistered from now on. Its own reactor too. */
void host_rdma_free_windows(struct rdma_qpair *t);

/* --- rdma-tx.c ------------------------------------------------------------------------------- */

void host_rdma_tx_reset(struct rdma_qpair *t);
/* Sends what is pending, invalidates what is to be: as far as there is room. */
void host_rdma_kick(struct host_qpair *q);
/* The windows of a command that has been answered. */
void host_rdma_invalidate(struct rdma_qpair *t, struct rdma_slot *r);
/* The piece of the data of a command that was read through the bounce buffer. */
void host_rdma_copy_out(struct rdma_qpair *t, struct host_slot *s);

/* False: no room in the bounce buffer now. */
bool host_rdma_bounce(struct rdma_qpair *t, struct host_slot *s);
static inline bool host_rdma_room(const struct rdma_qpair *t, unsigned n)
{
	return t->sq_used + n <= t->sq_size;
}

/* --- rdma-sgl.c ------------------------------------------------------------------------------ */

static inline const struct rnic_region *host_rdma_region(struct rdma_qpair *t, const uint8_t *p,
							 size_t len)
{
	return rnic_mem_find(&t->device->mem, t->q.reactor->index, p, len);
}

/*
 * Names the data of a command in cmd->sgl, and binds windows to it. *list: bytes of the
 * list behind the command, or 0. False: it has to wait for room. *rc: an error of the RNIC.
 */
bool host_rdma_put_keyed(struct rdma_qpair *t, struct host_slot *s, struct nvme_cmd *cmd,
			 uint32_t *list, int *rc);
/* Windows behind the first are not bound any more. */
void host_rdma_give_back(struct rdma_qpair *t, struct rdma_slot *r);

/* --- rdma-rx.c ------------------------------------------------------------------------------- */

extern const struct engine_ops host_rdma_engine;
/* Posts a receive for each response there can be. 0 or a negative errno. */
int host_rdma_post_receives(struct rdma_qpair *t);

/* --- rdma-bounce.c ------------------------------------------------------------------------------
 */

void rdma_bounce_init(struct rdma_bounce *b, uint8_t *base, size_t len);
void rdma_bounce_clear(struct rdma_bounce *b);
/* All of it is free again. */
void rdma_bounce_reset(struct rdma_bounce *b);
/* NULL: no room now. len not 0. */
uint8_t *rdma_bounce_get(struct rdma_bounce *b, uint32_t len);
void rdma_bounce_put(struct rdma_bounce *b, uint8_t *p, uint32_t len);

/* --- rdma-text.c ---------------------------------------------------------------------------------
 */

/* A REJECTED event: an errno, and a sentence. */
int host_rdma_rejected(const struct rnic_cm_event *event, const char **text);
/* Why a completion failed. */
const char *host_rdma_wc_text(enum ibv_wc_status status);
