/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the engine share among themselves. */
#pragma once

#include <stdatomic.h>

#include "hw/env.h"
#include "hw/roce/roce.h"
#include "target/core/error.h"

/* --- events: told from roce_shard_run() --------------------------------------------- */

struct roce_event {
	struct roce_event *next;
	void (*tell)(struct roce_event *event); /* may free what the event is in */
	bool queued;
};

/* --- memory (mr.c) -------------------------------------------------------------------- */

/* A PD is of its device; counted by what lies in it. */
struct roce_pd {
	struct roce_device *dev;
	_Atomic unsigned users;
};

/*
 * What a key stands for: an MR, or a memory window while it is bound. The key's
 * upper 24 bits are its place in the device's table, the lower 8 its variant.
 * A window's fields are touched by the shard of the queue pair it is bound to only.
 */
struct roce_region {
	struct roce_pd *pd;
	_Atomic uint32_t key; /* a window's changes */
	uint32_t qpn;	      /* window: the queue pair it belongs to while bound */
	int access;	      /* IBV_ACCESS_* */
	bool window, bound;
	uint8_t *base; /* of iova */
	uint64_t iova, len;
	struct roce_mr *of; /* window, bound */
};

struct roce_mr {
	struct roce_region region;
	_Atomic unsigned windows; /* bound to it */
};

struct roce_mw {
	struct roce_region region;
};

/* NULL: nothing has that key. Valid as long as the shard is inside a call of the engine. */
struct roce_region *roce_region_find(struct roce_device *dev, uint32_t key);
/*
 * The memory of [iova, iova + len) if pd and access allow it (and, of a window, the
 * queue pair); NULL if not. len 0 is allowed everywhere.
 */
void *roce_region_at(struct roce_region *region, const struct roce_pd *pd, uint32_t qpn,
		     uint64_t iova, uint64_t len, int access);
/* Post of a bind: the window's next key, from now on what mw_rkey() tells. */
uint32_t roce_mw_next_key(struct roce_mw *mw);
/* Execution of it. Negative errno: it may not be bound like that. */
int roce_mw_bind(struct roce_mw *mw, uint32_t key, uint32_t qpn, struct roce_mr *mr, uint64_t iova,
		 uint64_t len, int access);
/* Local or remote invalidation by that queue pair. False: there is no such window to invalidate. */
bool roce_key_invalidate(struct roce_device *dev, const struct roce_pd *pd, uint32_t qpn,
			 uint32_t key);

/* --- completion queues (cq.c) ------------------------------------------------------------- */

struct roce_cq {
	struct roce_shard *shard;
	struct ibv_wc *ring;
	uint32_t mask, head, tail; /* tail - head completions are in it */
	uint32_t cqe;		   /* at most so many */
	unsigned qps;
	bool armed, notified, overflown;
	bool shown;  /* what is in it must be: somebody was told of it */
	bool hidden; /* until it is armed (fault point) */
	struct roce_event event;
	void (*error)(struct roce_cq *cq, void *user);
	void *user;
};

/* False: it has overflown; the queue pair goes into error. */
bool roce_cq_push(struct roce_cq *cq, const struct ibv_wc *wc);

/* --- receives (srq.c; queue pairs without an SRQ have a ring of their own) ---------------- */

struct roce_recv {
	uint64_t wr_id;
	uint32_t nsge;
	uint32_t len; /* bytes of all of sge */
	struct ibv_sge sge[];
};

struct roce_recv_ring {
	uint8_t *wrs; /* roce_recv, stride bytes each */
	uint32_t stride, size, mask, max_sge;
	uint32_t head, tail;
};

/* 0 or -ENOMEM. */
int roce_recv_ring_init(struct roce_recv_ring *ring, uint32_t max_wr, uint32_t max_sge);
void roce_recv_ring_clear(struct roce_recv_ring *ring);
static inline uint32_t roce_recv_count(const struct roce_recv_ring *ring)
{
	return ring->tail - ring->head;
}
/* The oldest; it stays. NULL: none. */
struct roce_recv *roce_recv_peek(struct roce_recv_ring *ring);
/* Of a chain, as ibv_post_recv. */
int roce_recv_post(struct roce_recv_ring *ring, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);

struct roce_srq {
	struct roce_shard *shard;
	struct roce_pd *pd;
	struct roce_recv_ring ring;
	uint32_t limit; /* 0: not armed */
	unsigned qps;
	struct roce_event event;
	void (*tell)(struct roce_srq *srq, enum ibv_event_type type, void *user);
	void *user;
};

/*
 * Takes the oldest receive: copied to *out (room for the SRQ's max_sge), since its
 * place may be posted to again. False: there is none.
 */
bool roce_srq_take(struct roce_srq *srq, struct roce_recv *out);

/* --- shards, device ------------------------------------------------------------------------ */

struct roce_shard {
	struct roce_device *dev;
	unsigned index;
	/* Odd while its reactor is inside the engine; see roce_quiesce(). */
	_Atomic uint32_t inside;
	struct roce_event *events, **events_last;
	struct roce_stats stats;
	struct roce_shard_qps *qps; /* shard.c: queue pairs, timers, who wants to send */
};

struct roce_device {
	struct roce_params params;
	char *name;
	struct roce_binding *binding;
	struct roce_shard *shards; /* [params.nshards] */
	_Atomic bool active, torn;
	_Atomic unsigned mtu;
	GMutex addr_lock; /* seldom taken: nothing on the way of a packet looks at them */
	struct net_addr addrs[16];
	unsigned naddrs;
	/* mr.c */
	struct roce_region *_Atomic *regions; /* [params.attr.max_mr + max_mw + 1], by key >> 8 */
	uint32_t nregions, last_region;
	uint8_t *variants; /* of the last key of each place */
	_Atomic unsigned npds, nmrs, nmws, ncqs, nsrqs;
};

/* One more of them, if there may be. */
static inline bool roce_one_more(_Atomic unsigned *n, int most)
{
	if (atomic_fetch_add(n, 1) < (unsigned)most)
		return true;
	atomic_fetch_sub(n, 1);
	return false;
}

/* Around everything that looks at memory by key. Nests not. */
static inline void roce_enter(struct roce_shard *shard)
{
	atomic_fetch_add(&shard->inside, 1);
}

static inline void roce_leave(struct roce_shard *shard)
{
	atomic_fetch_add_explicit(&shard->inside, 1, memory_order_release);
}

/* Returns when every shard has left what it was inside of, so that it has seen what the caller
 * changed. */
void roce_quiesce(struct roce_device *dev);

void roce_event_queue(struct roce_shard *shard, struct roce_event *event);
void roce_event_cancel(struct roce_shard *shard, struct roce_event *event);

static inline void roce_count(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: its shard. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}
