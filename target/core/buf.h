/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data buffers of one reactor, in size classes, cut from chunks of device
 * memory (hw/mem.h) that are allocated as they are first needed, up to a limit.
 *
 * Buffers are aligned to 4 KiB. A free one is poisoned for ASan and marked
 * inaccessible for valgrind; a fresh one has undefined contents: never let them
 * reach a wire. Own reactor only. Nothing here touches the data.
 *
 * Fairness: who gets buffers on behalf of a user (a connection) may hold a quarter
 * of what is free beside them, and one in any case. So the first may have a fifth of
 * the pool, the next a fifth of the rest, and so on: there is always something for a
 * user that holds nothing, however much others hold and never give back. Users
 * that wait are served in turn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/mem.h"

struct buf_pool;
struct buf_user;
struct reactor;

/* Kept outside of the data, so that all of the data can be poisoned. */
struct buf {
	void *data;
	uint32_t size; /* of its class, at least what was asked */
	uint16_t refs; /* 1 when got */
	uint8_t class;
	struct mem_chunk *chunk;
	struct buf_pool *pool;
	struct buf_user *user; /* it was got for; NULL: nobody's */
	struct buf *next;      /* the pool's, or its holder's while held */
};

/* Somebody who waits for a buffer; see buf_wait(). */
struct buf_waiter {
	struct buf_waiter *next, **prev;
	struct buf_user *user;
	uint32_t size;
	void (*ready)(struct buf_waiter *w, struct buf *buf);
};

#define BUF_MAX_SIZE (1024 * 1024)
static const uint32_t buf_class_sizes[] = { 4096, 16384, 65536, 131072, BUF_MAX_SIZE };
#define BUF_CLASSES ((unsigned)(sizeof(buf_class_sizes) / sizeof(buf_class_sizes[0])))

/* All zero at first; gone when it neither holds nor waits. It waits in one pool at a time. */
struct buf_user {
	size_t held; /* bytes, in all pools */
	unsigned nwaiting;
	struct buf_turn {
		struct buf_user *next, **prev; /* users that wait for this class */
		struct buf_waiter *head, **tail;
	} turn[BUF_CLASSES];
};

struct buf_pool_stats {
	size_t limit, allocated;            /* bytes */
	uint64_t gets, puts, misses, waits; /* calls; misses: buf_get gave NULL */
	unsigned in_use[BUF_CLASSES];       /* buffers held */
	/* By the class asked for: buffers got; of these, after the pool had grown; waits. */
	uint64_t class_gets[BUF_CLASSES], class_grown[BUF_CLASSES], class_waits[BUF_CLASSES];
};

struct buf_pool *buf_pool_new(struct reactor *r, size_t limit);
/* All buffers must be back. */
void buf_pool_free(struct buf_pool *pool);
/*
 * A buffer of at least size bytes (1..BUF_MAX_SIZE), or NULL: limit reached, no
 * memory, or others are waiting already for that class (they go first).
 */
struct buf *buf_get(struct buf_pool *pool, uint32_t size);
/* The same on behalf of user, within its share; NULL also when it has no right to more now. */
struct buf *buf_get_for(struct buf_pool *pool, struct buf_user *user, uint32_t size);
/* Only as long as an eighth of the pool stays free: the caller can do without. */
struct buf *buf_get_spare(struct buf_pool *pool, uint32_t size);
static inline struct buf *buf_ref(struct buf *buf)
{
	buf->refs++;
	return buf;
}
/* Drops one reference; the last gives the buffer to the first waiter or back to the pool. */
void buf_put(struct buf *buf);
/*
 * After buf_get gave NULL: w->ready is called (from the done list of a pass) with
 * a buffer that is then the callee's. FIFO for each class and user.
 */
void buf_wait(struct buf_pool *pool, struct buf_waiter *w, uint32_t size);
void buf_wait_for(struct buf_pool *pool, struct buf_user *user, struct buf_waiter *w,
		  uint32_t size);
/* Not waiting: nothing happens. */
void buf_wait_cancel(struct buf_pool *pool, struct buf_waiter *w);
/* Others than user wait for buffers of this pool. */
bool buf_others_wait(const struct buf_pool *pool, const struct buf_user *user);
const struct buf_pool_stats *buf_pool_stats(const struct buf_pool *pool);
