/* SPDX-License-Identifier: BSD-3-Clause */
/* Range locks over two reactors: who waits for whom, and that all of it ends. */
#include <string.h>

#include "tests/unit/bdev/fixture.h"

#define BS 512u
#define BLOCKS 8192u

struct opened {
	struct bdev *bdev;
	struct bdev_desc *desc;
	struct bdev_channel *ch[2];
};

/* One lock and what came of it. */
struct locker {
	struct bdev_lock_waiter waiter;
	struct bdev_range_lock *lock;
	struct bdev_range ranges[2];
	unsigned nranges;
	bool locked, unlocked;
};

static struct opened open_both(struct fixture *f)
{
	struct opened o;

	o.bdev = bdev_malloc_create(f->layer, "d", BLOCKS, BS, NULL, NULL);
	o.desc = bdev_open(f->layer, "d", true, NULL, NULL, NULL);
	for (unsigned i = 0; i < 2; i++)
		o.ch[i] = bdev_channel_get(o.bdev, f->core->reactors[i]);
	return o;
}

static void close_both(struct fixture *f, struct opened *o)
{
	for (unsigned i = 0; i < 2; i++) {
		if (o->ch[i] != NULL)
			bdev_channel_put(o->ch[i]);
	}
	bdev_close(o->desc);
	bdev_unregister(o->bdev, NULL, NULL);
	fake_core_run(f->core);
}

static void locked(struct bdev_range_lock *lock, void *user)
{
	struct locker *l = user;

	g_assert_true(l->lock == lock && !l->locked);
	g_assert_true(reactor_is_current(lock->channel->reactor));
	l->locked = true;
}

static void ready(struct bdev_lock_waiter *w, struct bdev_range_lock *lock)
{
	struct locker *l = (struct locker *)w;

	g_assert_nonnull(lock);
	l->lock = lock;
	for (unsigned i = 0; i < l->nranges; i++)
		bdev_range_lock_add(lock, l->ranges[i].lba, l->ranges[i].blocks);
	bdev_range_lock(lock, locked, l);
}

static void lock(struct locker *l, struct bdev_channel *ch, uint64_t lba, uint64_t blocks)
{
	*l = (struct locker){ .waiter.ready = ready, .ranges = { { lba, blocks } }, .nranges = 1 };
	bdev_range_lock_get(ch, &l->waiter);
}

static void unlocked(void *user)
{
	struct locker *l = user;

	g_assert_false(l->unlocked);
	l->unlocked = true;
}

static void unlock(struct locker *l)
{
	g_assert_true(l->locked);
	bdev_range_unlock(l->lock, unlocked, l);
}

/* Overlapping writes of both reactors wait; others, reads and the holder's own do not. */
static void test_holds(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f);
	struct test_io t[2][4] = { 0 }, own = { 0 };
	struct locker l;
	char block[4 * BS];

	(void)data;
	memset(block, 1, sizeof(block));
	lock(&l, o.ch[1], 100, 10);
	g_assert_false(l.locked);
	fake_core_run(f->core);
	g_assert_true(l.locked);
	for (unsigned i = 0; i < 2; i++) {
		test_io_submit(&t[i][0], o.ch[i], BDEV_WRITE, 97 + i * 12, 4, 0, block);
		test_io_submit(&t[i][1], o.ch[i], BDEV_WRITE, 96 + i * 14, 4, 0, block);
		test_io_submit(&t[i][2], o.ch[i], BDEV_READ, 100, 4, 0, block);
		test_io_submit(&t[i][3], o.ch[i], i ? BDEV_UNMAP : BDEV_WRITE_ZEROES, 0, BLOCKS, 0,
			       NULL);
	}
	g_assert_cmpuint(test_io_run(f, &own, o.ch[1], BDEV_WRITE, 100, 4, BDEV_IO_LOCKED, block),
			 ==, 0);
	for (unsigned i = 0; i < 2; i++) {
		g_assert_cmpuint(t[i][0].done, ==, 0);
		/* 96..99 overlaps a write that is held: it stays behind. 110..113 does not lie in
		 * it. */
		g_assert_cmpuint(t[i][1].done, ==, 0);
		g_assert_cmpuint(t[i][2].done, ==, 1);
		g_assert_cmpuint(t[i][3].done, ==, 0);
		g_assert_cmpuint(o.ch[i]->inflight, ==, 3);
	}
	unlock(&l);
	fake_core_run(f->core);
	g_assert_true(l.unlocked);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < 4; k++)
			g_assert_cmpuint(t[i][k].done, ==, 1);
		g_assert_cmpuint(o.ch[i]->inflight, ==, 0);
		g_assert_null(o.ch[i]->writes);
	}
	close_both(f, &o);
}

/* Held writes that are aborted, of each place in the line, are not done; the others are. */
static void test_abort_held(struct fixture *f, gconstpointer data)
{
	char block[4][BS], have[BS];

	(void)data;
	for (unsigned i = 0; i < 4; i++)
		memset(block[i], 1 + (int)i, BS);
	for (unsigned k = 0; k < 3; k++) {
		struct opened o = open_both(f);
		struct test_io t[4] = { 0 }, read = { 0 };
		struct locker l;

		lock(&l, o.ch[1], 100, 10);
		fake_core_run(f->core);
		for (unsigned i = 0; i < 3; i++)
			test_io_submit(&t[i], o.ch[0], BDEV_WRITE, 100 + i, 1, 0, block[i]);
		fake_core_run(f->core);
		g_assert_true(bdev_io_abort(&t[k].io));
		g_assert_false(bdev_io_abort(&t[k].io));
		test_io_submit(&t[3], o.ch[0], BDEV_WRITE, 103, 1, 0, block[3]);
		fake_core_run(f->core);
		for (unsigned i = 0; i < 4; i++)
			g_assert_cmpuint(t[i].done, ==, i == k);
		g_assert_cmphex(t[k].io.status, ==, NVME_SC_ABORT_REQUESTED);
		unlock(&l);
		fake_core_run(f->core);
		for (unsigned i = 0; i < 4; i++) {
			g_assert_cmpuint(t[i].done, ==, 1);
			g_assert_cmphex(
				test_io_run(f, &read, o.ch[0], BDEV_READ, 100 + i, 1, 0, have), ==,
				0);
			g_assert_cmphex(have[0], ==, i == k ? 0 : block[i][0]);
		}
		g_assert_cmpuint(o.ch[0]->inflight, ==, 0);
		close_both(f, &o);
	}
}

/* A write under way anywhere is waited for: before the first lock ever, and when listed. */
static void test_waits(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f);
	g_autofree char *buf = g_malloc(BLOCKS * BS);

	(void)data;
	memset(buf, 1, BLOCKS * BS);
	for (unsigned i = 0; i < 4; i++) {
		struct test_io fill = { 0 }, zero = { 0 };
		struct locker l, other;

		g_assert_cmpuint(test_io_run(f, &fill, o.ch[0], BDEV_WRITE, 0, BLOCKS, 0, buf), ==,
				 0);
		test_io_submit(&zero, o.ch[i & 1], BDEV_WRITE_ZEROES, 100, BLOCKS - 100, 0, NULL);
		lock(&l, o.ch[0], 200, 1);
		lock(&other, o.ch[0], 0, 100);
		while (zero.done == 0) {
			g_assert_false(l.locked);
			reactor_pass(f->core->reactors[0]);
			if (i >= 2 && other.lock->left == 0)
				g_assert_true(other.locked || zero.done == 0);
			reactor_pass(f->core->reactors[1]);
		}
		fake_core_run(f->core);
		g_assert_true(l.locked && other.locked);
		unlock(&l);
		unlock(&other);
		fake_core_run(f->core);
	}
	close_both(f, &o);
}

/* Locks that overlap follow each other in the order asked; what overlaps none goes at once. */
static void test_order(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f);
	struct locker a, b, c, d;

	(void)data;
	lock(&a, o.ch[0], 0, 10);
	fake_core_run(f->core);
	b = (struct locker){ .waiter.ready = ready,
			     .ranges = { { 50, 10 }, { 9, 1 } },
			     .nranges = 2 };
	bdev_range_lock_get(o.ch[1], &b.waiter);
	fake_core_run(f->core);
	lock(&c, o.ch[0], 55, 1); /* behind b, that waits for a */
	lock(&d, o.ch[1], 10, 40);
	fake_core_run(f->core);
	g_assert_true(a.locked && d.locked);
	g_assert_false(b.locked || c.locked);
	unlock(&a);
	fake_core_run(f->core);
	g_assert_true(b.locked && !c.locked);
	unlock(&b);
	fake_core_run(f->core);
	g_assert_true(c.locked);
	unlock(&c);
	unlock(&d);
	fake_core_run(f->core);
	g_assert_true(a.unlocked && b.unlocked && c.unlocked && d.unlocked);
	close_both(f, &o);
}

/* More than a channel has: they wait for one, and all get theirs. */
static void test_many(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f);
	struct locker l[2][3 * BDEV_LOCKS];
	unsigned done = 0;

	(void)data;
	for (unsigned i = 0; i < G_N_ELEMENTS(l[0]); i++) {
		lock(&l[0][i], o.ch[0], 5, 5);
		lock(&l[1][i], o.ch[1], 7, 5);
	}
	while (done < 2 * G_N_ELEMENTS(l[0])) {
		struct locker *holder = NULL;

		fake_core_run(f->core);
		for (unsigned i = 0; i < G_N_ELEMENTS(l[0]); i++) {
			for (unsigned k = 0; k < 2; k++) {
				if (!l[k][i].locked || l[k][i].unlocked)
					continue;
				g_assert_null(holder);
				holder = &l[k][i];
			}
		}
		g_assert_nonnull(holder);
		unlock(holder);
		done++;
	}
	fake_core_run(f->core);
	close_both(f, &o);
}

/* A channel that comes while a lock is held knows of it; one may go meanwhile. */
static void test_channels(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f);
	struct test_io t = { 0 };
	struct locker l;

	(void)data;
	bdev_channel_put(o.ch[0]);
	lock(&l, o.ch[1], 100, 10);
	fake_core_run(f->core);
	g_assert_true(l.locked);
	o.ch[0] = bdev_channel_get(o.bdev, f->core->reactors[0]);
	test_io_submit(&t, o.ch[0], BDEV_UNMAP, 105, 1, 0, NULL);
	fake_core_run(f->core);
	g_assert_cmpuint(t.done, ==, 0);
	/* Smaller meanwhile: what was held is checked when it goes. */
	bdev_channel_set_blocks(o.ch[0], 105);
	unlock(&l);
	fake_core_run(f->core);
	g_assert_cmpuint(t.done, ==, 1);
	g_assert_cmpuint(t.io.status, ==, NVME_SC_LBA_RANGE | NVME_DNR);
	lock(&l, o.ch[1], 100, 10);
	fake_core_run(f->core);
	bdev_channel_put(o.ch[0]);
	o.ch[0] = NULL;
	unlock(&l);
	fake_core_run(f->core);
	g_assert_true(l.unlocked);
	close_both(f, &o);
}

/* Write Uncorrectable: reads fail until written, zeroed or unmapped, block by block. */
static void test_uncorrectable(struct fixture *f, gconstpointer data)
{
	static const enum bdev_op cures[] = { BDEV_WRITE, BDEV_WRITE_ZEROES, BDEV_UNMAP };
	struct opened o = open_both(f);
	g_autofree char *buf = g_malloc0(200 * BS);
	struct test_io t = { 0 };
	uint16_t lost = NVME_SC_READ_ERROR | NVME_DNR;

	(void)data;
	for (unsigned i = 0; i < 3; i++) {
		g_assert_cmpuint(
			test_io_run(f, &t, o.ch[0], BDEV_WRITE_UNCORRECTABLE, 60, 70, 0, NULL), ==,
			0);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_READ, 0, 60, 0, buf), ==, 0);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_READ, 130, 60, 0, buf), ==, 0);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_READ, 59, 2, 0, buf), ==, lost);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_READ, 129, 64, 0, buf), ==, lost);
		g_assert_cmpuint(
			test_io_run(f, &t, o.ch[0], BDEV_READ, 0, 200, BDEV_IO_PLACE, NULL), ==,
			lost);
		g_assert_cmpuint(t.io.flags & BDEV_IO_PLACED, ==, 0);
		g_assert_cmpuint(
			test_io_run(f, &t, o.ch[0], cures[i], 0, 129, 0, i == 0 ? buf : NULL), ==,
			0);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_READ, 0, 129, 0, buf), ==, 0);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_READ, 129, 1, 0, buf), ==, lost);
		g_assert_cmpuint(
			test_io_run(f, &t, o.ch[1], cures[i], 129, 1, 0, i == 0 ? buf : NULL), ==,
			0);
		g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_READ, 0, 200, 0, buf), ==, 0);
	}
	close_both(f, &o);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, fn)                                                                              \
	g_test_add("/bdev/range-lock/" name, struct fixture, NULL, fixture_set_up, fn,             \
		   fixture_tear_down)
	ADD("holds", test_holds);
	ADD("abort-held", test_abort_held);
	ADD("waits", test_waits);
	ADD("order", test_order);
	ADD("many", test_many);
	ADD("channels", test_channels);
	ADD("uncorrectable", test_uncorrectable);
	return g_test_run();
}
