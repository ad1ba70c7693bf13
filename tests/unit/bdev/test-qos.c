/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Limits: exact over all reactors and never more than a timeslice at once, fair,
 * and what waits is done when the limit is lifted, its host leaves or the bdev
 * goes. And the statistics, which see the waiting.
 */
#include <string.h>

#include "target/bdev/bdev-stats.h"
#include "tests/unit/bdev/fixture.h"

#define BS 4096u
#define MS UINT64_C(1000000)
#define DEPTH 64u

struct rig;

struct slot {
	struct test_io t;
	struct rig *rig;
	unsigned reactor;
	enum bdev_op op;
	uint32_t blocks;
	bool stopped;
};

struct rig {
	struct fixture *f;
	struct bdev *bdev;
	struct bdev_desc *desc;
	struct bdev_channel *ch[2];
	struct slot slots[2][DEPTH];
	uint64_t ios[2], bytes[2][2];	   /* by reactor; and read, written */
	uint64_t window, window_ios, most; /* I/Os that went within a millisecond */
	bool stop, answered, gone;
	char *data;
};

static void answered(void *arg)
{
	((struct rig *)arg)->answered = true;
}

static void rig_new(struct rig *rig, struct fixture *f)
{
	rig->f = f;
	rig->bdev = bdev_null_create(f->layer, "n", 1 << 20, BS, NULL, NULL);
	rig->desc = bdev_open(f->layer, "n", true, NULL, NULL, NULL);
	rig->data = g_malloc0(1 << 20);
	for (unsigned i = 0; i < 2; i++)
		rig->ch[i] = bdev_channel_get(rig->bdev, f->core->reactors[i]);
	/* anywhere in a slice */
	f->fake->now = 1000 * MS + 123456;
	fake_core_run(f->core);
}

static void rig_free(struct rig *rig)
{
	for (unsigned i = 0; i < 2; i++)
		bdev_channel_put(rig->ch[i]);
	bdev_close(rig->desc);
	bdev_unregister(rig->bdev, fixture_removed, &rig->gone);
	fake_core_run(rig->f->core);
	g_assert_true(rig->gone);
	g_free(rig->data);
}

static void limit(struct rig *rig, uint64_t rw_ios, uint64_t rw_mb, uint64_t r_mb, uint64_t w_mb)
{
	rig->answered = false;
	bdev_set_limits(rig->bdev, (uint64_t[]){ rw_ios, rw_mb, r_mb, w_mb }, answered, rig);
	fake_core_run(rig->f->core);
	g_assert_true(rig->answered);
}

static void submit(struct slot *s);

static void slot_done(struct test_io *t)
{
	struct slot *s = t->user;
	struct rig *rig = s->rig;
	uint64_t now = rig->f->fake->now;

	g_assert_cmpuint(t->io.status, ==, 0);
	rig->ios[s->reactor]++;
	rig->bytes[s->reactor][s->op == BDEV_WRITE] += (uint64_t)s->blocks * BS;
	if (now >= rig->window + MS) {
		rig->window = now;
		rig->window_ios = 0;
	}
	rig->window_ios++;
	rig->most = MAX(rig->most, rig->window_ios);
	if (rig->stop)
		s->stopped = true;
	else
		submit(s);
}

static void submit(struct slot *s)
{
	s->t.then = slot_done;
	s->t.user = s;
	test_io_submit(&s->t, s->rig->ch[s->reactor], s->op, 0, s->blocks, 0, s->rig->data);
}

static void begin(struct rig *rig, unsigned reactor, unsigned depth, enum bdev_op op,
		  uint32_t blocks)
{
	for (unsigned i = 0; i < depth; i++) {
		struct slot *s = &rig->slots[reactor][op == BDEV_WRITE ? DEPTH - 1 - i : i];

		s->rig = rig;
		s->reactor = reactor;
		s->op = op;
		s->blocks = blocks;
		submit(s);
	}
}

static void run_for(struct rig *rig, uint64_t ns)
{
	uint64_t end = rig->f->fake->now + ns;

	fake_core_run(rig->f->core);
	while (rig->f->fake->now < end)
		g_assert_true(fake_core_step(rig->f->core));
}

static void end(struct rig *rig)
{
	rig->stop = true;
	limit(rig, 0, 0, 0, 0);
	fake_core_run(rig->f->core);
	for (unsigned i = 0; i < 2; i++) {
		g_assert_cmpuint(rig->ch[i]->inflight, ==, 0);
		for (unsigned j = 0; j < DEPTH; j++)
			g_assert_true(rig->slots[i][j].rig == NULL || rig->slots[i][j].stopped);
	}
	g_assert_false(fake_core_step(rig->f->core)); /* no timer is left */
	rig_free(rig);
}

static void assert_near(uint64_t got, uint64_t want, unsigned permille)
{
	g_assert_cmpuint(got, >=, want - want * permille / 1000);
	g_assert_cmpuint(got, <=, want + want * permille / 1000);
}

static void test_ios(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 9001, 0, 0, 0);
	g_assert_cmpuint(rig.bdev->limits[BDEV_RW_IOS], ==, 10000);
	begin(&rig, 0, DEPTH, BDEV_READ, 1);
	begin(&rig, 1, DEPTH, BDEV_WRITE, 1);
	run_for(&rig, 500 * MS);
	assert_near(rig.ios[0] + rig.ios[1], 5000, 4);
	assert_near(rig.ios[0], 2500, 20);
	/* two slices of half a millisecond, and one that was begun */
	g_assert_cmpuint(rig.most, <=, 15);
	/* changed under I/O */
	limit(&rig, 100000, 0, 0, 0);
	rig.ios[0] = rig.ios[1] = 0;
	run_for(&rig, 100 * MS);
	assert_near(rig.ios[0] + rig.ios[1], 10000, 10);
	assert_near(rig.ios[0], 5000, 20);
	/* who waited is seen */
	g_assert_cmpuint(rig.bdev->stats[0]->op[BDEV_READ].max, >=, MS);
	end(&rig);
}

/* Large I/O at a low rate: one pays for many slices, and each reactor gets its turn. */
static void test_bytes(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 0, 8, 0, 0);
	begin(&rig, 0, 8, BDEV_WRITE, 16);
	begin(&rig, 1, 32, BDEV_READ, 16);
	run_for(&rig, 2000 * MS);
	assert_near(rig.bytes[0][1] + rig.bytes[1][0], 16 << 20, 10);
	assert_near(rig.bytes[0][1], 8 << 20, 30);
	end(&rig);
}

/* Reads that wait for their limit do not stop writes, on the same reactor or another. */
static void test_apart(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 50000, 0, 4, 40);
	begin(&rig, 0, 16, BDEV_READ, 1);
	begin(&rig, 0, 16, BDEV_WRITE, 1);
	begin(&rig, 1, 16, BDEV_WRITE, 1);
	run_for(&rig, 1000 * MS);
	assert_near(rig.bytes[0][0], 4 << 20, 10);
	assert_near(rig.bytes[0][1] + rig.bytes[1][1], 40 << 20, 10);
	end(&rig);
}

/* An idle bdev saves nothing up; who comes late is behind nobody. */
static void test_idle(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 10000, 0, 0, 0);
	f->fake->now += 5000 * MS;
	fake_core_run(f->core);
	begin(&rig, 0, DEPTH, BDEV_READ, 1);
	fake_core_run(f->core);
	g_assert_cmpuint(rig.ios[0], <=, 5);
	run_for(&rig, 300 * MS);
	assert_near(rig.ios[0], 3000, 10);
	rig.ios[0] = 0;
	begin(&rig, 1, DEPTH, BDEV_READ, 1);
	run_for(&rig, 300 * MS);
	assert_near(rig.ios[0] + rig.ios[1], 3000, 10);
	assert_near(rig.ios[1], 1500, 30);
	end(&rig);
}

static void test_not_limited(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };
	struct test_io t = { 0 };

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 1000, 1, 1, 1);
	begin(&rig, 0, DEPTH - 4, BDEV_READ, 1);
	begin(&rig, 0, 4, BDEV_WRITE, 1);
	fake_core_run(f->core);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_FLUSH, 0, 0, 0, NULL), ==, 0);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_UNMAP, 0, 1, 0, NULL), ==, 0);
	end(&rig);
}

static void channel_gone(struct reactor *r, void *arg)
{
	struct rig *rig = arg;

	bdev_channel_hurry(rig->ch[r->index]);
}

/* Aborted, shrunk meanwhile, hurried. */
static void test_ends(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };
	struct test_io t[40] = { 0 };
	unsigned waiting = 0;

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 1000, 0, 0, 0);
	for (unsigned i = 0; i < 40; i++)
		test_io_submit(&t[i], rig.ch[0], BDEV_READ, i, 1, 0, rig.data);
	fake_core_run(f->core);
	for (unsigned i = 0; i < 40; i++)
		waiting += t[i].done == 0;
	g_assert_cmpuint(waiting, >=, 39);
	g_assert_true(bdev_io_abort(&t[39].io));
	g_assert_true(bdev_io_abort(&t[20].io));
	fake_core_run(f->core);
	g_assert_cmpuint(t[39].io.status, ==, NVME_SC_ABORT_REQUESTED);
	g_assert_cmpuint(t[20].done, ==, 1);
	g_assert_cmpuint(rig.bdev->stats[0]->errors[BDEV_E_ABORTED], ==, 2);
	bdev_channel_set_blocks(rig.ch[0], 30);
	core_broadcast(f->core, channel_gone, NULL, &rig);
	fake_core_run(f->core);
	for (unsigned i = 0; i < 40; i++) {
		g_assert_cmpuint(t[i].done, ==, 1);
		if (i >= 30 && i != 39)
			g_assert_cmpuint(t[i].io.status, ==, NVME_SC_LBA_RANGE | NVME_DNR);
	}
	/* aborting the last that waits leaves no timer */
	g_assert_false(fake_core_step(f->core));
	rig_free(&rig);
}

/* --- statistics ---------------------------------------------------------------------------- */

struct collected {
	struct bdev_stats sum;
	uint64_t hist, reactors;
	bool done;
};

static void collect_done(struct bdev_stats_all *all)
{
	struct collected *c = all->arg;

	*c = (struct collected){ .done = true };
	for (unsigned i = 0; i < all->n; i++) {
		if (!all->has[i])
			continue;
		c->reactors++;
		bdev_stats_add(&c->sum, &all->of[i]);
		c->hist += all->of[i].hist != NULL ? all->of[i].hist->count : 0;
	}
	bdev_stats_all_free(all);
}

static struct collected collect(struct rig *rig, enum bdev_reset mode)
{
	struct collected c = { 0 };

	bdev_stats_collect(rig->bdev, mode, true, collect_done, &c);
	fake_core_run(rig->f->core);
	g_assert_true(c.done);
	return c;
}

static void test_stats(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };
	struct test_io t = { 0 };
	struct collected c;

	(void)data;
	rig_new(&rig, f);
	bdev_histogram_set(rig.bdev, 1u << BDEV_WRITE, answered, &rig);
	fake_core_run(f->core);
	g_assert_true(rig.answered);
	for (unsigned i = 0; i < 10; i++)
		test_io_run(f, &t, rig.ch[i & 1], i < 6 ? BDEV_READ : BDEV_WRITE, 0, 2, 0,
			    rig.data);
	test_io_run(f, &t, rig.ch[0], BDEV_READ, 1 << 20, 1, 0, rig.data);
	c = collect(&rig, BDEV_RESET_NONE);
	g_assert_cmpuint(c.reactors, ==, 2);
	g_assert_cmpuint(c.sum.op[BDEV_READ].ops, ==, 6);
	g_assert_cmpuint(c.sum.op[BDEV_READ].bytes, ==, 6 * 2 * BS);
	g_assert_cmpuint(c.sum.op[BDEV_WRITE].ops, ==, 4);
	g_assert_cmpuint(c.sum.errors[BDEV_E_NVME], ==, 1);
	g_assert_cmpuint(c.hist, ==, 4);
	collect(&rig, BDEV_RESET_ERROR);
	c = collect(&rig, BDEV_RESET_MAXMIN);
	g_assert_cmpuint(c.sum.errors[BDEV_E_NVME], ==, 0);
	g_assert_cmpuint(c.sum.op[BDEV_READ].ops, ==, 6);
	/* they stay when the channels go, and begin again when told */
	for (unsigned i = 0; i < 2; i++) {
		bdev_channel_put(rig.ch[i]);
		rig.ch[i] = bdev_channel_get(rig.bdev, f->core->reactors[i]);
	}
	c = collect(&rig, BDEV_RESET_ALL);
	g_assert_cmpuint(c.sum.op[BDEV_READ].ops, ==, 6);
	bdev_histogram_set(rig.bdev, 0, answered, &rig);
	test_io_run(f, &t, rig.ch[0], BDEV_WRITE, 0, 2, 0, rig.data);
	c = collect(&rig, BDEV_RESET_ALL);
	g_assert_cmpuint(c.sum.op[BDEV_READ].ops, ==, 0);
	g_assert_cmpuint(c.sum.op[BDEV_WRITE].ops, ==, 1);
	g_assert_cmpuint(c.hist, ==, 0);
	rig_free(&rig);
}

static void test_sampling(struct fixture *f, gconstpointer data)
{
	struct rig rig = { 0 };
	struct test_io t[3] = { 0 };

	(void)data;
	rig_new(&rig, f);
	limit(&rig, 1000, 0, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		test_io_submit(&t[i], rig.ch[i & 1], BDEV_READ, 0, 1, 0, rig.data);
	fake_core_run(f->core);
	bdev_sampling_set(rig.bdev, 100);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(rig.bdev->sampling->depth, >=, 2); /* one has gone */
	g_assert_cmpuint(rig.bdev->sampling->io_time, ==, 100);
	g_assert_cmpuint(rig.bdev->sampling->weighted_io_time, ==, 100 * rig.bdev->sampling->depth);
	limit(&rig, 0, 0, 0, 0);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(rig.bdev->sampling->depth, ==, 0);
	g_assert_cmpuint(rig.bdev->sampling->io_time, ==, 100);
	bdev_sampling_set(rig.bdev, 0);
	g_assert_false(fake_core_step(f->core));
	bdev_sampling_set(rig.bdev, 100); /* goes with the bdev */
	rig_free(&rig);
	g_assert_false(fake_core_step(f->core));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(struct fixture *f, gconstpointer data);
	} tests[] = {
		{ "/bdev-qos/ios", test_ios },
		{ "/bdev-qos/bytes", test_bytes },
		{ "/bdev-qos/apart", test_apart },
		{ "/bdev-qos/idle", test_idle },
		{ "/bdev-qos/not-limited", test_not_limited },
		{ "/bdev-qos/ends", test_ends },
		{ "/bdev-stats/collected", test_stats },
		{ "/bdev-stats/sampling", test_sampling },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, NULL, fixture_set_up, tests[i].fn,
			   fixture_tear_down);
	return g_test_run();
}
