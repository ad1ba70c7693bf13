/* SPDX-License-Identifier: BSD-3-Clause */
/* The books (rdma-ledger.c) and what stands in the way of calls (rdma-shim.c). */
#pragma once

#include <glib.h>

#include "sim/oracle/rdma-ledger.h"

#define LEDGER_SGES 16

struct oracle_rdma {
	struct hw_rnic rnic; /* first: the users have its address */
	struct hw_rnic *inner;
	void (*told)(void *arg, const char *oracle, char *text);
	void *arg;
	bool drains;
	bool torn;	     /* the device has failed, and is not back: nobody waits for its work */
	GHashTable *qps;     /* by number: struct ledger_queues, the last that had it */
	GHashTable *keys;    /* rkey -> struct ledger_key */
	GHashTable *regions; /* lkey -> struct ledger_region */
	GHashTable *ids, *devs; /* of the RNIC -> of the users */
	GPtrArray *books;	/* all struct ledger_queues */
	GPtrArray *pools;	/* all struct ledger_queue of SRQs */
	GPtrArray *watchers;
	GPtrArray *all_ids; /* of the users, destroyed ones too: a request has its listener's */
	struct oracle_rdma_counts counts;
};

struct ledger_wr {
	uint64_t id;
	uint64_t room; /* bytes */
	bool signaled;
	uint32_t invalidates; /* a key that is dead when it has ended; 0: none */
	unsigned nsges;
	struct ibv_sge sges[LEDGER_SGES];
	bool sink;    /* the RNIC writes there */
	bool watched; /* since the device has failed; what was there then is */
	uint32_t was;
};

/* What was posted and has not ended, oldest first. */
struct ledger_queue {
	GArray *wrs;
	guint ended; /* at the front of wrs */
	guint most;  /* that there ever were */
	bool closed; /* its queue pair or SRQ is gone */
};

struct ledger_queues {
	uint32_t qpn;
	const void *pd, *send_cq, *recv_cq;
	struct ledger_queue send, recv;
	struct ledger_queue *srq; /* instead of recv; NULL: none */
	bool sig_all;
	bool lost; /* one of its completion queues has failed: nothing ends any more */
};

struct ledger_key {
	uint64_t va, len;
	int access;
	const void *pd;
	uint32_t qpn; /* of a window: the queue pair that it was bound on; 0: of any */
};

/* Memory of ours, by the key that work requests name it by. */
struct ledger_region {
	const uint8_t *base;
	uint64_t iova, len;
};

void ledger_init(struct oracle_rdma *o);
void ledger_fini(struct oracle_rdma *o);
struct ledger_queues *ledger_open(struct oracle_rdma *o, uint32_t qpn);
void ledger_close(struct oracle_rdma *o, struct ledger_queues *q);
void ledger_cq_failed(struct oracle_rdma *o, const void *cq);
void ledger_posted_send(struct oracle_rdma *o, struct ledger_queues *q,
			const struct ibv_send_wr *wr, const struct ibv_send_wr *end);
/* Of another kind: bind, invalidate. */
void ledger_posted(struct oracle_rdma *o, struct ledger_queues *q, uint64_t wr_id, bool signaled,
		   uint32_t invalidates);
void ledger_posted_recv(struct oracle_rdma *o, struct ledger_queue *q, const struct ibv_recv_wr *wr,
			const struct ibv_recv_wr *end);
void ledger_ended(struct oracle_rdma *o, const void *cq, const struct ibv_wc *wc);
/* A key to remote memory, or one that is no more. */
void ledger_key(struct oracle_rdma *o, uint32_t rkey, const struct ledger_key *key);
void ledger_key_gone(struct oracle_rdma *o, uint32_t rkey);
void ledger_region(struct oracle_rdma *o, uint32_t lkey, const struct ledger_region *region);
/* The device has failed, and may write where it was told to until that work's queue is closed. */
void ledger_device_failed(struct oracle_rdma *o);
/* The queue is about to be closed: until now nobody has used what it may write to. */
void ledger_check_unused(struct oracle_rdma *o, const struct ledger_queue *q);
/* Memory goes. */
void ledger_lkey_gone(struct oracle_rdma *o, uint32_t lkey);

extern const struct hw_rnic_ops ledger_ops;

/* Whose a device, PD, id, ... of the users is: each begins with that. */
static inline struct oracle_rdma *ledger_of(const void *obj)
{
	return *(struct oracle_rdma *const *)obj;
}
