/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffer pool of one reactor. Chunks of device memory are cut into buffers of
 * one class (a slab). At the limit, a slab with no buffer in use is cut anew for
 * the class that lacks one, and a larger buffer serves where there is one free;
 * and where the limit allows, each class is kept room for one slab, so that no
 * class can starve another for ever.
 *
 * Waiters get their buffers from a task, never from inside buf_put().
 */
#include <glib.h>
#include <string.h>

#include "hw/env.h"
#include "target/core/buf.h"
#include "target/core/reactor.h"

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#endif
#ifdef WEFT_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef WEFT_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

#define SLAB_SIZE ((size_t)2 << 20)
#define GIVE_MAX 256	  /* waiters served a turn */
#define RETRY_NS 10000000 /* after the HAL had no memory */

struct slab_buf {
	struct buf buf;
	struct slab *slab;
};

struct slab {
	struct slab *next;
	struct mem_chunk *chunk;
	unsigned class, count, in_use;
	struct slab_buf *bufs;
};

/* Users that wait for a class, the next to be served first. */
struct ring {
	struct buf_user *head, **tail;
};

struct buf_pool {
	struct reactor *reactor;
	struct slab *slabs;
	struct buf *free[BUF_CLASSES];
	struct ring waiting[BUF_CLASSES];
	unsigned nwaiting;
	size_t used;	      /* bytes held */
	struct buf_user anon; /* who asks for nobody */
	unsigned idle_slabs;  /* with nothing in use */
	unsigned slabs_of[BUF_CLASSES];
	bool no_memory; /* the HAL refused, not the limit */
	struct task give;
	struct timer retry;
	struct buf_pool_stats stats;
};

/* The task has no room for its owner: it is found from the task's place in it. */
#define POOL_OF(ptr, member) ((struct buf_pool *)((char *)(ptr)-offsetof(struct buf_pool, member)))

static void poison(void *data, size_t len)
{
#ifdef WEFT_HAVE_VALGRIND
	(void)VALGRIND_MAKE_MEM_NOACCESS(data, len);
#endif
#ifdef WEFT_ASAN
	__asan_poison_memory_region(data, len);
#endif
	(void)data;
	(void)len;
}

static void unpoison(void *data, size_t len)
{
#ifdef WEFT_ASAN
	__asan_unpoison_memory_region(data, len);
#endif
#ifdef WEFT_HAVE_VALGRIND
	(void)VALGRIND_MAKE_MEM_UNDEFINED(data, len);
#endif
	(void)data;
	(void)len;
}

static unsigned class_of(uint32_t size)
{
	unsigned class = 0;

	g_assert(size > 0 && size <= BUF_MAX_SIZE);
	while (buf_class_sizes[class] < size)
		class ++;
	return class;
}

/* --- slabs ------------------------------------------------------------------------ */

static void slab_cut(struct buf_pool *pool, struct slab *slab, unsigned class)
{
	uint32_t size = buf_class_sizes[class];

	slab->class = class;
	slab->count = (unsigned)(slab->chunk->len / size);
	slab->bufs = g_renew(struct slab_buf, slab->bufs, slab->count);
	memset(slab->bufs, 0, slab->count * sizeof(slab->bufs[0]));
	pool->slabs_of[class]++;
	/* Backwards, so that the lowest address is handed out first. */
	for (unsigned i = slab->count; i-- > 0;) {
		struct slab_buf *sb = &slab->bufs[i];

		sb->slab = slab;
		sb->buf = (struct buf){
			.data = (char *)slab->chunk->base + (size_t)i * size,
			.size = size,
			.class = (uint8_t) class,
			.chunk = slab->chunk,
			.pool = pool,
			.next = pool->free[class],
		};
		pool->free[class] = &sb->buf;
	}
}

/* Room that other classes without a slab are still to have, where the limit allows that. */
static size_t reserved_for_others(const struct buf_pool *pool, unsigned class)
{
	size_t bytes = 0;

	if (pool->stats.limit < BUF_CLASSES * SLAB_SIZE)
		return 0;
	for (unsigned i = 0; i < BUF_CLASSES; i++) {
		if (i != class && pool->slabs_of[i] == 0)
			bytes += SLAB_SIZE;
	}
	return bytes;
}

static bool grow(struct buf_pool *pool, unsigned class)
{
	struct hw_mem *mem = pool->reactor->hw->mem;
	uint32_t size = buf_class_sizes[class];
	size_t room = pool->stats.limit - pool->stats.allocated;
	size_t reserved = reserved_for_others(pool, class);
	size_t len = SLAB_SIZE;
	struct mem_chunk *chunk = NULL;

	if (room < reserved + size)
		return false;
	room -= reserved;
	if (len > room)
		len = room / size * size;
	if (mem->ops->alloc_on(mem, len, pool->reactor->node, &chunk) < 0) {
		pool->no_memory = true;
		return false;
	}

	struct slab *slab = g_new0(struct slab, 1);

	slab->chunk = chunk;
	slab->next = pool->slabs;
	pool->slabs = slab;
	pool->idle_slabs++;
	pool->stats.class_grown[class]++;
	pool->stats.allocated += len;
	slab_cut(pool, slab, class);
	poison(chunk->base, chunk->len);
	return true;
}

static void forget_free_bufs(struct buf_pool *pool, const struct slab *slab)
{
	struct buf **p = &pool->free[slab->class];

	while (*p != NULL) {
		if ((*p)->chunk == slab->chunk)
			*p = (*p)->next;
		else
			p = &(*p)->next;
	}
}

/* Cuts an idle slab of another class for this one. */
static bool recut(struct buf_pool *pool, unsigned class)
{
	if (pool->idle_slabs == 0)
		return false;
	for (struct slab *slab = pool->slabs; slab != NULL; slab = slab->next) {
		if (slab->in_use > 0 || slab->class == class ||
		    slab->chunk->len < buf_class_sizes[class])
			continue;
		/* The last one of a class that others wait for stays with it. */
		if (pool->waiting[slab->class].head != NULL && pool->slabs_of[slab->class] == 1)
			continue;
		forget_free_bufs(pool, slab);
		pool->slabs_of[slab->class]--;
		slab_cut(pool, slab, class);
		return true;
	}
	return false;
}

/* --- get and put -------------------------------------------------------------------- */

static struct buf *take_free(struct buf_pool *pool, unsigned class)
{
	struct buf *buf = pool->free[class];
	struct slab *slab = ((struct slab_buf *)buf)->slab;

	pool->free[class] = buf->next;
	if (slab->in_use++ == 0)
		pool->idle_slabs--;
	pool->stats.in_use[class]++;
	pool->used += buf->size;
	buf->next = NULL;
	buf->user = NULL;
	buf->refs = 1;
	unpoison(buf->data, buf->size);
	return buf;
}

static struct buf *take_larger(struct buf_pool *pool, unsigned class)
{
	for (unsigned i = class + 1; i < BUF_CLASSES; i++) {
		if (pool->free[i] != NULL && pool->waiting[i].head == NULL)
			return take_free(pool, i);
	}
	return NULL;
}

static struct buf *take(struct buf_pool *pool, unsigned class)
{
	struct buf *buf;

	if (pool->free[class] != NULL || grow(pool, class) || recut(pool, class))
		buf = take_free(pool, class);
	else
		buf = take_larger(pool, class);
	pool->stats.class_gets[class] += buf != NULL;
	return buf;
}

/* --- users ------------------------------------------------------------------------- */

/* What is kept for classes without a slab is nobody's share. */
static bool in_share(const struct buf_pool *pool, const struct buf_user *user, uint32_t size)
{
	size_t all = pool->stats.limit;

	if (user == &pool->anon || user->held == 0)
		return true;
	if (all >= BUF_CLASSES * SLAB_SIZE)
		all -= (BUF_CLASSES - 1) * SLAB_SIZE;
	return pool->used < all && user->held + size <= (all - pool->used) / 4;
}

static void charge(struct buf_pool *pool, struct buf_user *user, struct buf *buf)
{
	if (user == &pool->anon)
		return;
	user->held += buf->size;
	buf->user = user;
}

static void discharge(struct buf_pool *pool, struct buf *buf)
{
	struct buf_user *user = buf->user;

	pool->used -= buf->size;
	if (user != NULL)
		user->held -= buf->size;
}

struct buf *buf_get_for(struct buf_pool *pool, struct buf_user *user, uint32_t size)
{
	unsigned class = class_of(size);
	struct buf *buf;

	if (!in_share(pool, user, buf_class_sizes[class])) {
		pool->stats.gets++;
		pool->stats.misses++;
		return NULL;
	}
	buf = buf_get(pool, size);
	if (buf != NULL)
		charge(pool, user, buf);
	return buf;
}

struct buf *buf_get_spare(struct buf_pool *pool, uint32_t size)
{
	if (pool->used + size + pool->stats.limit / 8 > pool->stats.limit)
		return NULL;
	return buf_get(pool, size);
}

struct buf *buf_get(struct buf_pool *pool, uint32_t size)
{
	unsigned class = class_of(size);
	struct buf *buf = NULL;

	pool->stats.gets++;
	if (pool->waiting[class].head == NULL && !hw_fault(pool->reactor->hw, "buf.get"))
		buf = take(pool, class);
	if (buf == NULL)
		pool->stats.misses++;
	return buf;
}

void buf_put(struct buf *buf)
{
	struct buf_pool *pool = buf->pool;
	struct slab *slab = ((struct slab_buf *)buf)->slab;

	g_assert(buf->refs > 0);
	if (--buf->refs > 0)
		return;
	poison(buf->data, buf->size);
	pool->stats.puts++;
	pool->stats.in_use[buf->class]--;
	discharge(pool, buf);
	if (--slab->in_use == 0)
		pool->idle_slabs++;
	buf->next = pool->free[buf->class];
	pool->free[buf->class] = buf;
	if (pool->nwaiting > 0)
		reactor_run_soon(pool->reactor, &pool->give);
}

/* --- waiting ------------------------------------------------------------------------ */

static void ring_add(struct ring *ring, unsigned class, struct buf_user *user)
{
	struct buf_turn *turn = &user->turn[class];

	turn->next = NULL;
	turn->prev = ring->tail;
	*ring->tail = user;
	ring->tail = &turn->next;
}

static void ring_remove(struct ring *ring, unsigned class, struct buf_user *user)
{
	struct buf_turn *turn = &user->turn[class];

	*turn->prev = turn->next;
	if (turn->next != NULL)
		turn->next->turn[class].prev = turn->prev;
	else
		ring->tail = turn->prev;
}

static void unlink_waiter(struct buf_pool *pool, struct buf_waiter *w)
{
	unsigned class = class_of(w->size);
	struct buf_user *user = w->user;
	struct buf_turn *turn = &user->turn[class];

	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	else
		turn->tail = w->prev;
	w->next = NULL;
	w->prev = NULL;
	if (turn->head == NULL)
		ring_remove(&pool->waiting[class], class, user);
	pool->nwaiting--;
	user->nwaiting--;
}

void buf_wait_for(struct buf_pool *pool, struct buf_user *user, struct buf_waiter *w, uint32_t size)
{
	unsigned class = class_of(size);
	struct buf_turn *turn = &user->turn[class];

	if (turn->head == NULL) {
		turn->tail = &turn->head;
		ring_add(&pool->waiting[class], class, user);
	}
	w->user = user;
	w->size = size;
	w->next = NULL;
	w->prev = turn->tail;
	*turn->tail = w;
	turn->tail = &w->next;
	user->nwaiting++;
	pool->nwaiting++;
	pool->stats.waits++;
	pool->stats.class_waits[class]++;
	/* There may be one by now, or there was and a fault hid it: nobody would put. */
	reactor_run_soon(pool->reactor, &pool->give);
}

void buf_wait(struct buf_pool *pool, struct buf_waiter *w, uint32_t size)
{
	buf_wait_for(pool, &pool->anon, w, size);
}

void buf_wait_cancel(struct buf_pool *pool, struct buf_waiter *w)
{
	if (w->prev == NULL)
		return;
	unlink_waiter(pool, w);
	/* Others may go now: this class's place in the way of theirs is gone. */
	if (pool->nwaiting > 0)
		reactor_run_soon(pool->reactor, &pool->give);
}

bool buf_others_wait(const struct buf_pool *pool, const struct buf_user *user)
{
	return pool->nwaiting > user->nwaiting;
}

/* Whose turn it is: the first within its share. */
static struct buf_user *next_user(const struct buf_pool *pool, unsigned class)
{
	struct buf_user *user = pool->waiting[class].head;

	while (user != NULL && !in_share(pool, user, buf_class_sizes[class]))
		user = user->turn[class].next;
	return user;
}

static void serve(struct buf_pool *pool, unsigned class, struct buf_user *user, struct buf *buf)
{
	struct buf_waiter *w = user->turn[class].head;

	charge(pool, user, buf);
	unlink_waiter(pool, w);
	if (user->turn[class].head != NULL) { /* the others' turn */
		ring_remove(&pool->waiting[class], class, user);
		ring_add(&pool->waiting[class], class, user);
	}
	w->ready(w, buf);
}

static void give(struct task *task)
{
	struct buf_pool *pool = POOL_OF(task, give);
	struct reactor *r = pool->reactor;
	unsigned given = 0;

	pool->no_memory = hw_fault(r->hw, "buf.give");
	for (unsigned i = 0; i < BUF_CLASSES && !pool->no_memory; i++) {
		struct buf_user *user;
		struct buf *buf;

		while ((user = next_user(pool, i)) != NULL) {
			if (given == GIVE_MAX) {
				/* The rest in the next pass: ready may wait again at once. */
				reactor_cancel_task(r, task);
				reactor_run_at_flush(r, task);
				return;
			}
			buf = take(pool, i);
			if (buf == NULL)
				break;
			given++;
			serve(pool, i, user, buf);
		}
	}
	if (pool->nwaiting > 0 && pool->no_memory && !timer_is_set(&pool->retry))
		reactor_timer_set(r, &pool->retry, r->now + RETRY_NS);
}

static void retry(struct timer *t, struct reactor *r)
{
	reactor_run_soon(r, &POOL_OF(t, retry)->give);
}

/* --- life ---------------------------------------------------------------------------- */

struct buf_pool *buf_pool_new(struct reactor *r, size_t limit)
{
	struct buf_pool *pool = g_new0(struct buf_pool, 1);

	pool->reactor = r;
	pool->stats.limit = limit;
	pool->give.fn = give;
	timer_init(&pool->retry, retry);
	for (unsigned i = 0; i < BUF_CLASSES; i++)
		pool->waiting[i].tail = &pool->waiting[i].head;
	return pool;
}

void buf_pool_free(struct buf_pool *pool)
{
	if (pool == NULL)
		return;

	struct hw_mem *mem = pool->reactor->hw->mem;
	struct slab *slab;

	g_assert(pool->nwaiting == 0);
	reactor_cancel_task(pool->reactor, &pool->give);
	reactor_timer_cancel(pool->reactor, &pool->retry);
	while ((slab = pool->slabs) != NULL) {
		pool->slabs = slab->next;
		g_assert(slab->in_use == 0);
		unpoison(slab->chunk->base, slab->chunk->len);
		mem->ops->free(mem, slab->chunk);
		g_free(slab->bufs);
		g_free(slab);
	}
	g_free(pool);
}

const struct buf_pool_stats *buf_pool_stats(const struct buf_pool *pool)
{
	return &pool->stats;
}
