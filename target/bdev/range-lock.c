/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks of block ranges against writes of all reactors: see bdev.h.
 *
 * The main reactor is the arbiter. It grants a lock when no range of it overlaps
 * one of a lock that came before, so that granted locks never overlap and a lock
 * is taken as a whole: nobody holds one while waiting for another, and nothing
 * can deadlock. Granting is a message to each reactor, whose channel from then on
 * holds overlapping writes back, and answers when those under way are done. The
 * last answer goes to the owner. Unlocking is the same way back.
 *
 * Writes are listed only on channels of bdevs that were ever locked (BDEV_SLOW_RANGES);
 * what was under way when that began is only counted, and waited for as a whole.
 */
#include "target/bdev/bdev-priv.h"

/* A lock on one reactor. */
struct range_part {
	struct msg msg;
	struct bdev_range_lock *lock;
	struct range_part *next; /* on that reactor */
	bool waits;		 /* for writes under way */
};

/* A lock and its parts; they belong to a channel and are used again and again. */
struct range_slot {
	struct bdev_range_lock lock;
	struct range_part parts[];
};

static bool overlap(const struct bdev_range_lock *lock, uint64_t lba, uint64_t blocks)
{
	for (unsigned i = 0; i < lock->nranges; i++) {
		const struct bdev_range *r = &lock->ranges[i];

		if (lba < r->lba + r->blocks && r->lba < lba + blocks)
			return true;
	}
	return false;
}

static bool conflict(const struct bdev_range_lock *a, const struct bdev_range_lock *b)
{
	for (unsigned i = 0; i < b->nranges; i++) {
		if (overlap(a, b->ranges[i].lba, b->ranges[i].blocks))
			return true;
	}
	return false;
}

static struct range_part *part_of(struct bdev_range_lock *lock, unsigned reactor)
{
	return &((struct range_slot *)lock)->parts[reactor];
}

/* Sends fn to all reactors; the last to answer() is known by lock->left. */
static void tell_all(struct bdev_range_lock *lock, void (*fn)(struct msg *msg, struct reactor *r))
{
	struct core *core = lock->core;

	atomic_store_explicit(&lock->left, core->nreactors, memory_order_relaxed);
	for (unsigned i = 0; i < core->nreactors; i++) {
		struct range_part *part = part_of(lock, i);

		part->msg.fn = fn;
		reactor_post(core->reactors[i], &part->msg);
	}
}

static bool is_last(struct bdev_range_lock *lock)
{
	return atomic_fetch_sub_explicit(&lock->left, 1, memory_order_acq_rel) == 1;
}

static void post(struct bdev_range_lock *lock, struct reactor *to,
		 void (*fn)(struct msg *msg, struct reactor *r))
{
	lock->msg.fn = fn;
	reactor_post(to, &lock->msg);
}

/* --- on each reactor ---------------------------------------------------------------------- */

/* The owner's: it has it. */
static void granted(struct msg *msg, struct reactor *r)
{
	struct bdev_range_lock *lock = (struct bdev_range_lock *)msg;

	(void)r;
	lock->locked(lock, lock->user);
}

static void answer(struct bdev_range_lock *lock)
{
	if (is_last(lock))
		post(lock, lock->channel->reactor, granted);
}

static bool is_write(const struct bdev_io *io)
{
	return io->op != BDEV_READ && io->op != BDEV_FLUSH;
}

static bool busy(const struct bdev_channel *ch, const struct bdev_range_lock *lock)
{
	if (ch->unlisted > 0)
		return true;
	for (const struct bdev_io *io = ch->writes; io != NULL; io = io->next) {
		if ((io->flags & BDEV_IO_LOCKED) == 0 && overlap(lock, io->lba, io->blocks))
			return true;
	}
	return false;
}

/* A channel of a bdev that was ever locked. */
void bdev_range_channel_opened(struct bdev_channel *ch)
{
	ch->held_tail = &ch->held;
	bdev_channel_slow(ch, BDEV_SLOW_RANGES, ch->bdev->range_locked[ch->reactor->index]);
}

static void lock_here(struct msg *msg, struct reactor *r)
{
	struct range_part *part = (struct range_part *)msg;
	struct bdev_range_lock *lock = part->lock;
	struct bdev *bdev = lock->bdev;
	struct bdev_channel *ch = bdev->channels[r->index];

	part->next = bdev->range_parts[r->index];
	bdev->range_parts[r->index] = part;
	bdev->range_locked[r->index] = true;
	if (ch != NULL && (ch->slow & BDEV_SLOW_RANGES) == 0) {
		bdev_channel_slow(ch, BDEV_SLOW_RANGES, true);
		ch->unlisted = ch->inflight;
	}
	part->waits = ch != NULL && busy(ch, lock);
	if (!part->waits)
		answer(lock);
}

/* A write of ch is done: locks that waited for it go on. */
static void look_again(struct bdev_channel *ch)
{
	struct range_part *part = ch->bdev->range_parts[ch->reactor->index];

	while (part != NULL) {
		struct range_part *next = part->next;

		if (part->waits && !busy(ch, part->lock)) {
			part->waits = false;
			answer(part->lock);
		}
		part = next;
	}
}

static void hold(struct bdev_channel *ch, struct bdev_io *io)
{
	io->next = NULL;
	*ch->held_tail = io;
	ch->held_tail = &io->next;
}

/* Others held because of it stay until the lock goes. */
bool bdev_range_remove(struct bdev_channel *ch, struct bdev_io *io)
{
	struct bdev_io **p = &ch->held;

	while (*p != NULL && *p != io)
		p = &(*p)->next;
	if (*p == NULL)
		return false;
	*p = io->next;
	if (ch->held_tail == &io->next)
		ch->held_tail = p;
	io->next = NULL;
	io->prev = NULL;
	return true;
}

static bool must_wait(const struct bdev_channel *ch, const struct bdev_io *io)
{
	const struct range_part *part = ch->bdev->range_parts[ch->reactor->index];

	for (; part != NULL; part = part->next) {
		if (overlap(part->lock, io->lba, io->blocks))
			return true;
	}
	return false;
}

/* Held writes keep their order among themselves where they overlap. */
static bool behind_held(const struct bdev_channel *ch, const struct bdev_io *io)
{
	for (const struct bdev_io *h = ch->held; h != NULL; h = h->next) {
		if (h->lba < io->lba + io->blocks && io->lba < h->lba + h->blocks)
			return true;
	}
	return false;
}

bool bdev_range_submit(struct bdev_channel *ch, struct bdev_io *io)
{
	bool in_range = io->lba < ch->num_blocks && io->blocks <= ch->num_blocks - io->lba;

	io->flags |= BDEV_IO_LISTED;
	if (!is_write(io) || !in_range) {
		io->next = NULL;
		io->prev = NULL;
		return true;
	}
	if ((io->flags & BDEV_IO_LOCKED) == 0 && (must_wait(ch, io) || behind_held(ch, io))) {
		hold(ch, io);
		return false;
	}
	io->next = ch->writes;
	io->prev = &ch->writes;
	if (io->next != NULL)
		io->next->prev = &io->next;
	ch->writes = io;
	return true;
}

void bdev_range_done(struct bdev_channel *ch, struct bdev_io *io)
{
	if ((io->flags & BDEV_IO_LISTED) == 0) {
		g_assert(ch->unlisted > 0);
		if (--ch->unlisted == 0)
			look_again(ch);
		return;
	}
	if (io->prev == NULL)
		return;
	*io->prev = io->next;
	if (io->next != NULL)
		io->next->prev = io->prev;
	look_again(ch);
}

/* All of them are submitted once more, in order; some are held again. */
static void release_held(struct bdev_channel *ch)
{
	struct bdev_io *io = ch->held;

	ch->held = NULL;
	ch->held_tail = &ch->held;
	while (io != NULL) {
		struct bdev_io *next = io->next;

		if (bdev_range_submit(ch, io))
			bdev_io_start(io);
		io = next;
	}
}

/* The arbiter's, when all have unlocked. */
static void remove_lock(struct msg *msg, struct reactor *r);

static void unlock_here(struct msg *msg, struct reactor *r)
{
	struct range_part *part = (struct range_part *)msg;
	struct bdev_range_lock *lock = part->lock;
	struct bdev *bdev = lock->bdev;
	struct range_part **p = &bdev->range_parts[r->index];

	while (*p != part)
		p = &(*p)->next;
	*p = part->next;
	if (bdev->channels[r->index] != NULL)
		release_held(bdev->channels[r->index]);
	if (is_last(lock))
		post(lock, core_main(lock->core), remove_lock);
}

/* --- the arbiter ----------------------------------------------------------------------------- */

/* Grants what overlaps nothing before it. */
static void grant(struct bdev *bdev)
{
	for (struct bdev_range_lock *l = bdev->range_queue; l != NULL; l = l->next) {
		const struct bdev_range_lock *before = bdev->range_queue;

		if (l->granted)
			continue;
		while (before != l && !conflict(before, l))
			before = before->next;
		if (before != l)
			continue;
		l->granted = true;
		tell_all(l, lock_here);
	}
}

static void ask(struct msg *msg, struct reactor *r)
{
	struct bdev_range_lock *lock = (struct bdev_range_lock *)msg;
	struct bdev_range_lock **p = &lock->bdev->range_queue;

	(void)r;
	while (*p != NULL)
		p = &(*p)->next;
	lock->next = NULL;
	*p = lock;
	grant(lock->bdev);
}

static void give_back(struct msg *msg, struct reactor *r);

static void remove_lock(struct msg *msg, struct reactor *r)
{
	struct bdev_range_lock *lock = (struct bdev_range_lock *)msg;
	struct bdev_range_lock **p = &lock->bdev->range_queue;

	(void)r;
	while (*p != lock)
		p = &(*p)->next;
	*p = lock->next;
	grant(lock->bdev);
	post(lock, lock->channel->reactor, give_back);
}

/* --- the owner ----------------------------------------------------------------------------------
 */

static bool make_slots(struct bdev_channel *ch)
{
	struct core *core = ch->reactor->core;
	size_t size = sizeof(struct range_slot) + core->nreactors * sizeof(struct range_part);

	while (ch->nslots < BDEV_LOCKS) {
		struct range_slot *slot = g_try_malloc0(size);

		if (slot == NULL)
			return ch->nslots > 0;
		for (unsigned i = 0; i < core->nreactors; i++)
			slot->parts[i].lock = &slot->lock;
		slot->lock.core = core;
		slot->lock.channel = ch;
		slot->lock.bdev = ch->bdev;
		slot->lock.next = ch->free_locks;
		ch->free_locks = &slot->lock;
		ch->nslots++;
	}
	return true;
}

void bdev_range_channel_closed(struct bdev_channel *ch)
{
	g_assert(ch->held == NULL && ch->lock_waiters == NULL);
	while (ch->free_locks != NULL) {
		struct bdev_range_lock *lock = ch->free_locks;

		ch->free_locks = lock->next;
		ch->nslots--;
		g_free(lock);
	}
	g_assert(ch->nslots == 0);
}

static void hand_out(struct bdev_channel *ch, struct bdev_lock_waiter *w)
{
	struct bdev_range_lock *lock = ch->free_locks;

	ch->free_locks = lock->next;
	lock->nranges = 0;
	lock->granted = false;
	w->ready(w, lock);
}

void bdev_range_lock_get(struct bdev_channel *ch, struct bdev_lock_waiter *w)
{
	struct bdev_lock_waiter **p = &ch->lock_waiters;

	if (ch->nslots == 0 && !make_slots(ch)) {
		w->ready(w, NULL);
		return;
	}
	if (ch->free_locks != NULL) {
		hand_out(ch, w);
		return;
	}
	while (*p != NULL)
		p = &(*p)->next;
	w->next = NULL;
	*p = w;
}

void bdev_range_lock_add(struct bdev_range_lock *lock, uint64_t lba, uint64_t blocks)
{
	g_assert(lock->nranges < BDEV_LOCK_RANGES);
	lock->ranges[lock->nranges++] = (struct bdev_range){ lba, blocks };
}

void bdev_range_lock(struct bdev_range_lock *lock,
		     void (*locked)(struct bdev_range_lock *lock, void *user), void *user)
{
	lock->locked = locked;
	lock->user = user;
	post(lock, core_main(lock->core), ask);
}

/* The next who waits has it. */
static void free_lock(struct bdev_range_lock *lock)
{
	struct bdev_channel *ch = lock->channel;
	struct bdev_lock_waiter *w = ch->lock_waiters;

	lock->next = ch->free_locks;
	ch->free_locks = lock;
	if (w != NULL) {
		ch->lock_waiters = w->next;
		hand_out(ch, w);
	}
}

static void give_back(struct msg *msg, struct reactor *r)
{
	struct bdev_range_lock *lock = (struct bdev_range_lock *)msg;
	void (*unlocked)(void *user) = lock->unlocked;
	void *user = lock->user;

	(void)r;
	free_lock(lock);
	unlocked(user);
}

void bdev_range_unlock(struct bdev_range_lock *lock, void (*unlocked)(void *user), void *user)
{
	lock->unlocked = unlocked;
	lock->user = user;
	tell_all(lock, unlock_here);
}

void bdev_range_lock_put(struct bdev_range_lock *lock)
{
	free_lock(lock);
}
