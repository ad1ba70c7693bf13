/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits of a bdev: reads and writes, I/Os and bytes a second, all reactors
 * together.
 *
 * Time is cut into slices. Each limit is a bucket of tokens, shared by the
 * reactors with atomics (nobody is ever locked out), that is filled once a slice
 * with what the slice is worth; an I/O goes when there is anything in each of its
 * buckets and takes its whole price, so that a large one is paid for afterwards.
 * What is not used is lost, but for slices during which somebody waited and was
 * not run.
 *
 * What may not go waits on its own reactor, first in, first out, reads and writes
 * apart since they have limits of their own. Reactors which wait share: in the
 * first half of a slice none may be further ahead of another than its share of
 * one; what is left in the second half is anybody's. How far one is, is the time
 * that its I/Os used up of the limit that is tightest for them.
 */
#include <stdatomic.h>

#include "target/bdev/bdev-priv.h"

#define SLICE UINT64_C(500000) /* ns */
#define SLICES_A_SEC (UINT64_C(1000000000) / SLICE)
/* So many slices are made up for when a reactor that has I/O waiting comes too late. */
#define CATCH_UP 20

struct bucket {
	_Atomic uint64_t rate; /* I/Os or bytes a second; 0: no limit */
	_Atomic int64_t tokens;
};

struct bdev_qos_reactor {
	struct bdev_qos *qos;
	struct reactor *reactor;
	struct timer timer;
	struct bdev_io_list waiting[2]; /* reads, writes */
	_Atomic uint64_t served;	/* ns */
	_Atomic bool hungry;		/* something waits */
} __attribute__((aligned(64)));

struct bdev_qos {
	struct bucket buckets[BDEV_LIMIT_COUNT];
	_Atomic uint64_t slice; /* that the buckets were filled for */
	_Atomic unsigned hungry;
	unsigned nreactors;
	_Atomic bool on;
	struct bdev_qos_reactor of[];
};

/* What a rate is worth from the beginning of time to this slice; differences count. */
static uint64_t worth(uint64_t rate, uint64_t slice)
{
	return slice / SLICES_A_SEC * rate + slice % SLICES_A_SEC * rate / SLICES_A_SEC;
}

static void fill(struct bucket *b, uint64_t from, uint64_t to, bool hungry)
{
	uint64_t rate = atomic_load_explicit(&b->rate, memory_order_relaxed);
	int64_t most = (int64_t)(worth(rate, to) - worth(rate, to - (hungry ? CATCH_UP : 1)));
	int64_t more = (int64_t)(worth(rate, to) - worth(rate, from));
	int64_t had = atomic_load_explicit(&b->tokens, memory_order_relaxed), now;

	if (rate == 0)
		return;
	do {
		now = (had > 0 && !hungry ? 0 : had) + more;
		now = MIN(now, most);
	} while (!atomic_compare_exchange_weak_explicit(&b->tokens, &had, now, memory_order_relaxed,
							memory_order_relaxed));
}

/* The first to come in a slice fills the buckets. */
static void advance(struct bdev_qos *q, uint64_t now)
{
	uint64_t slice = now / SLICE;
	uint64_t last = atomic_load_explicit(&q->slice, memory_order_relaxed);
	bool hungry;

	if (slice <= last ||
	    !atomic_compare_exchange_strong_explicit(&q->slice, &last, slice, memory_order_relaxed,
						     memory_order_relaxed))
		return;
	hungry = atomic_load_explicit(&q->hungry, memory_order_relaxed) > 0;
	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++)
		fill(&q->buckets[i], last, slice, hungry);
}

/* --- the price of an I/O -------------------------------------------------------------- */

static bool limits(enum bdev_limit limit, const struct bdev_io *io)
{
	if (limit == BDEV_R_MBYTES)
		return io->op == BDEV_READ;
	return limit != BDEV_W_MBYTES || io->op == BDEV_WRITE;
}

static uint64_t price(enum bdev_limit limit, const struct bdev_io *io)
{
	return limit == BDEV_RW_IOS ? 1 : bdev_io_bytes(io);
}

/* The least that another reactor which waits was served; false: none waits. */
static bool least_served(const struct bdev_qos_reactor *me, uint64_t *least)
{
	const struct bdev_qos *q = me->qos;
	bool any = false;

	for (unsigned i = 0; i < q->nreactors; i++) {
		const struct bdev_qos_reactor *o = &q->of[i];
		uint64_t served;

		if (o == me || !atomic_load_explicit(&o->hungry, memory_order_relaxed))
			continue;
		served = atomic_load_explicit(&o->served, memory_order_relaxed);
		*least = any ? MIN(*least, served) : served;
		any = true;
	}
	return any;
}

/* Who asked for nothing so far has saved nothing up. */
static void catch_up(struct bdev_qos_reactor *me, uint64_t least)
{
	if (atomic_load_explicit(&me->served, memory_order_relaxed) < least)
		atomic_store_explicit(&me->served, least, memory_order_relaxed);
}

static bool is_my_turn(struct bdev_qos_reactor *me)
{
	struct bdev_qos *q = me->qos;
	bool hungry = atomic_load_explicit(&me->hungry, memory_order_relaxed);
	unsigned all = atomic_load_explicit(&q->hungry, memory_order_relaxed);
	uint64_t served, least = 0;

	if (all == (hungry ? 1 : 0) || !least_served(me, &least))
		return true;
	if (!hungry)
		catch_up(me, least);
	if (me->reactor->now % SLICE >= SLICE / 2)
		return true;
	served = atomic_load_explicit(&me->served, memory_order_relaxed);
	return served <= least + SLICE / (all + !hungry);
}

static bool take(struct bdev_qos_reactor *me, const struct bdev_io *io)
{
	struct bdev_qos *q = me->qos;
	uint64_t used = 0;

	advance(q, me->reactor->now);
	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++) {
		struct bucket *b = &q->buckets[i];

		if (limits((enum bdev_limit)i, io) &&
		    atomic_load_explicit(&b->rate, memory_order_relaxed) != 0 &&
		    atomic_load_explicit(&b->tokens, memory_order_relaxed) <= 0)
			return false;
	}
	if (!is_my_turn(me))
		return false;
	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++) {
		struct bucket *b = &q->buckets[i];
		uint64_t rate = atomic_load_explicit(&b->rate, memory_order_relaxed);
		uint64_t cost = price((enum bdev_limit)i, io);

		if (rate == 0 || !limits((enum bdev_limit)i, io))
			continue;
		atomic_fetch_sub_explicit(&b->tokens, (int64_t)cost, memory_order_relaxed);
		used = MAX(used, (cost >> 32) > 0 ? HW_NEVER >> 8 : cost * 1000000000 / rate);
	}
	used += atomic_load_explicit(&me->served, memory_order_relaxed);
	atomic_store_explicit(&me->served, used, memory_order_relaxed);
	return true;
}

/* --- waiting ------------------------------------------------------------------------------ */

static void set_hungry(struct bdev_qos_reactor *me, bool hungry)
{
	uint64_t least;

	if (atomic_load_explicit(&me->hungry, memory_order_relaxed) != hungry) {
		if (hungry && least_served(me, &least))
			catch_up(me, least);
		atomic_store_explicit(&me->hungry, hungry, memory_order_relaxed);
		atomic_fetch_add_explicit(&me->qos->hungry, hungry ? 1 : -1u, memory_order_relaxed);
	}
	if (hungry)
		reactor_timer_set(me->reactor, &me->timer,
				  (me->reactor->now / (SLICE / 2) + 1) * (SLICE / 2));
	else
		reactor_timer_cancel(me->reactor, &me->timer);
}

static bool anything_waits(const struct bdev_qos_reactor *me)
{
	return me->waiting[0].head != NULL || me->waiting[1].head != NULL;
}

/* Reads and writes take turns as long as both may go. */
static void pump(struct timer *timer, struct reactor *r)
{
	struct bdev_qos_reactor *me =
		(struct bdev_qos_reactor *)((char *)timer -
					    offsetof(struct bdev_qos_reactor, timer));
	bool went = true;

	(void)r;
	while (went) {
		went = false;
		for (unsigned i = 0; i < 2; i++) {
			if (me->waiting[i].head == NULL || !take(me, me->waiting[i].head))
				continue;
			bdev_io_go(bdev_io_list_pop(&me->waiting[i]));
			went = true;
		}
	}
	set_hungry(me, anything_waits(me));
}

void bdev_qos_submit(struct bdev_qos_reactor *me, struct bdev_io *io)
{
	struct bdev_io_list *list = &me->waiting[io->op == BDEV_WRITE];

	if (io->op != BDEV_READ && io->op != BDEV_WRITE) {
		bdev_io_go(io);
		return;
	}
	if (list->head == NULL && take(me, io)) {
		bdev_io_go(io);
		return;
	}
	io->channel->stats->throttled++;
	bdev_io_list_push(list, io);
	if (!timer_is_set(&me->timer))
		set_hungry(me, true);
}

bool bdev_qos_remove(struct bdev_qos_reactor *me, struct bdev_io *io)
{
	if (!bdev_io_list_remove(&me->waiting[io->op == BDEV_WRITE], io))
		return false;
	if (!anything_waits(me))
		set_hungry(me, false);
	return true;
}

void bdev_qos_flush(struct bdev_qos_reactor *me)
{
	struct bdev_io *io;

	for (unsigned i = 0; i < 2; i++) {
		while ((io = bdev_io_list_pop(&me->waiting[i])) != NULL)
			bdev_io_go(io);
	}
	set_hungry(me, false);
}

/* --- limits ---------------------------------------------------------------------------- */

struct bdev_qos_reactor *bdev_qos_of(struct bdev *bdev, struct reactor *r)
{
	struct bdev_qos *q = __atomic_load_n(&bdev->qos, __ATOMIC_ACQUIRE);

	if (q == NULL || !atomic_load_explicit(&q->on, memory_order_relaxed))
		return NULL;
	return &q->of[r->index];
}

static struct bdev_qos *qos_new(const struct core *core)
{
	size_t size = sizeof(struct bdev_qos) + core->nreactors * sizeof(struct bdev_qos_reactor);
	struct bdev_qos *q = g_aligned_alloc0(1, size, 64);

	q->nreactors = core->nreactors;
	for (unsigned i = 0; i < q->nreactors; i++) {
		q->of[i].qos = q;
		q->of[i].reactor = core->reactors[i];
		timer_init(&q->of[i].timer, pump);
	}
	return q;
}

void bdev_qos_free(struct bdev *bdev)
{
	if (bdev->qos != NULL)
		g_aligned_free(g_steal_pointer(&bdev->qos));
}

/* On each reactor: its channel has limits now, or none any more. */
static void apply(struct bdev *bdev, struct reactor *r, void *arg)
{
	struct bdev_channel *ch = bdev->channels[r->index];
	struct bdev_qos_reactor *before;

	(void)arg;
	if (ch == NULL)
		return;
	before = ch->qos;
	bdev_channel_set_qos(ch, ch->hurried ? NULL : bdev_qos_of(bdev, r));
	if (before != NULL && ch->qos == NULL)
		bdev_qos_flush(before);
}

void bdev_set_limits(struct bdev *bdev, const uint64_t limit[BDEV_LIMIT_COUNT],
		     void (*done)(void *arg), void *arg)
{
	struct bdev_qos *q = bdev->qos;
	bool on = false;

	if (q == NULL)
		q = qos_new(bdev_layer_core(bdev->layer));
	for (unsigned i = 0; i < BDEV_LIMIT_COUNT; i++) {
		uint64_t n = limit[i];
		uint64_t rate;

		if (i == BDEV_RW_IOS)
			n += (1000 - n % 1000) % 1000;
		rate = i == BDEV_RW_IOS ? n : n << 20;
		on |= rate != 0;
		bdev->limits[i] = n;
		if (atomic_exchange_explicit(&q->buckets[i].rate, rate, memory_order_relaxed) !=
		    rate)
			atomic_store_explicit(&q->buckets[i].tokens, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&q->on, on, memory_order_relaxed);
	__atomic_store_n(&bdev->qos, q, __ATOMIC_RELEASE);
	bdev_broadcast(bdev, apply, done, arg);
}
