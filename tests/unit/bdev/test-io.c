/* SPDX-License-Identifier: BSD-3-Clause */
/* I/O to malloc and null: checks, placing, zeroing in slices, resize and removal with I/O in
 * flight. */
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/bdev/fixture.h"

#define BS 512u
#define RANGE (NVME_SC_LBA_RANGE | NVME_DNR)
#define FIELD (NVME_SC_INVALID_FIELD | NVME_DNR)
#define OPCODE (NVME_SC_INVALID_OPCODE | NVME_DNR)

struct opened {
	struct bdev *bdev;
	struct bdev_desc *desc;
	struct bdev_channel *ch[2];
};

static struct opened open_both(struct fixture *f, bool malloc_kind, uint64_t blocks)
{
	struct opened o;

	o.bdev = malloc_kind ? bdev_malloc_create(f->layer, "d", blocks, BS, NULL, NULL)
			     : bdev_null_create(f->layer, "d", blocks, BS, NULL, NULL);
	g_assert_nonnull(o.bdev);
	o.desc = bdev_open(f->layer, "d", true, NULL, NULL, NULL);
	for (unsigned i = 0; i < 2; i++)
		o.ch[i] = bdev_channel_get(o.bdev, f->core->reactors[i]);
	return o;
}

static void close_both(struct fixture *f, struct opened *o)
{
	bdev_channel_put(o->ch[0]);
	bdev_channel_put(o->ch[1]);
	bdev_close(o->desc);
	bdev_unregister(o->bdev, NULL, NULL);
	fake_core_run(f->core);
}

static void test_checks(struct fixture *f, gconstpointer malloc_kind)
{
	static const struct {
		uint8_t op;
		uint64_t lba;
		uint32_t blocks;
		uint16_t status;
	} cases[] = {
		{ BDEV_READ, 0, 100, 0 },
		{ BDEV_READ, 99, 1, 0 },
		{ BDEV_READ, 100, 1, RANGE },
		{ BDEV_READ, 99, 2, RANGE },
		{ BDEV_READ, 0, 101, RANGE },
		{ BDEV_READ, 0, UINT32_MAX, RANGE },
		{ BDEV_READ, UINT64_MAX, 1, RANGE },
		{ BDEV_READ, UINT64_MAX - 49, 100, RANGE },
		{ BDEV_READ, 0, 0, FIELD },
		{ BDEV_WRITE, 50, 50, 0 },
		{ BDEV_WRITE, UINT64_MAX - 1, 3, RANGE },
		{ BDEV_WRITE, 0, 0, FIELD },
		{ BDEV_WRITE_ZEROES, 100, 1, RANGE },
		{ BDEV_WRITE_ZEROES, 0, 100, 0 },
		{ BDEV_UNMAP, UINT64_MAX, UINT32_MAX, RANGE },
		{ BDEV_UNMAP, 1, 99, 0 },
		{ BDEV_UNMAP, 1, 0, FIELD },
		{ BDEV_FLUSH, 0, 0, 0 },
		{ BDEV_FLUSH, 0, 100, 0 },
		{ BDEV_FLUSH, 0, 101, RANGE },
		{ BDEV_OP_COUNT, 0, 1, OPCODE },
		{ 255, 0, 1, OPCODE },
	};
	struct opened o = open_both(f, malloc_kind != NULL, 100);
	g_autofree char *data = g_malloc0(100 * BS);
	struct test_io t = { 0 };

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint16_t got = test_io_run(f, &t, o.ch[i % 2], (enum bdev_op)cases[i].op,
					   cases[i].lba, cases[i].blocks, 0, data);

		g_assert_cmpuint(got, ==, cases[i].status);
		g_assert_cmpuint(o.ch[0]->inflight + o.ch[1]->inflight, ==, 0);
	}
	close_both(f, &o);
}

static uint16_t run_iov(struct fixture *f, struct bdev_channel *ch, enum bdev_op op,
			uint32_t blocks, const size_t *lens, unsigned n, unsigned flags)
{
	struct test_io t = { 0 };
	char data[4096] = { 0 };

	test_io_submit(&t, ch, BDEV_FLUSH, 0, 0, 0, NULL);
	fake_core_run(f->core);
	for (unsigned i = 0; i < n; i++) {
		t.iov[i].iov_base = data;
		t.iov[i].iov_len = lens[i];
	}
	t.done = 0;
	t.io.op = (uint8_t)op;
	t.io.blocks = blocks;
	t.io.flags = (uint8_t)flags;
	t.io.niov = (uint16_t)n;
	bdev_submit(&t.io);
	fake_core_run(f->core);
	g_assert_cmpuint(t.done, ==, 1);
	g_assert_cmpint((t.io.flags & BDEV_IO_PLACED) != 0, ==,
			t.io.status == 0 && (flags & BDEV_IO_PLACE) != 0 && op == BDEV_READ);
	bdev_io_release(&t.io);
	bdev_io_release(&t.io);
	return t.io.status;
}

static void test_buffers(struct fixture *f, gconstpointer malloc_kind)
{
	struct opened o = open_both(f, malloc_kind != NULL, 100);
	struct bdev_channel *ch = o.ch[0];

	for (unsigned i = 0; i < 2; i++) {
		enum bdev_op op = i == 0 ? BDEV_READ : BDEV_WRITE;

		g_assert_cmpuint(run_iov(f, ch, op, 2, (size_t[]){ 512, 512 }, 2, 0), ==, 0);
		g_assert_cmpuint(run_iov(f, ch, op, 2, (size_t[]){ 1, 0, 1023 }, 3, 0), ==, 0);
		g_assert_cmpuint(run_iov(f, ch, op, 2, (size_t[]){ 512, 511 }, 2, 0), ==, FIELD);
		g_assert_cmpuint(run_iov(f, ch, op, 2, (size_t[]){ 1025 }, 1, 0), ==, FIELD);
		g_assert_cmpuint(run_iov(f, ch, op, 2, (size_t[]){ 1024, 1 }, 2, 0), ==, FIELD);
		g_assert_cmpuint(run_iov(f, ch, op, 2, (size_t[]){ 1024, SIZE_MAX }, 2, 0), ==,
				 FIELD);
		g_assert_cmpuint(run_iov(f, ch, op, 2, NULL, 0, 0), ==, FIELD);
	}
	g_assert_cmpuint(run_iov(f, ch, BDEV_READ, 2, NULL, 0, BDEV_IO_PLACE), ==, 0);
	g_assert_cmpuint(run_iov(f, ch, BDEV_READ, 2, (size_t[]){ 1024 }, 1, BDEV_IO_PLACE), ==, 0);
	g_assert_cmpuint(run_iov(f, ch, BDEV_READ, 2, (size_t[]){ 3 }, 1, BDEV_IO_PLACE), ==,
			 FIELD);
	g_assert_cmpuint(run_iov(f, ch, BDEV_WRITE, 2, NULL, 0, BDEV_IO_PLACE), ==, FIELD);
	g_assert_cmpuint(run_iov(f, ch, BDEV_FLUSH, 0, NULL, 0, BDEV_IO_PLACE), ==, 0);
	g_assert_cmpuint(ch->placed, ==, 0);
	close_both(f, &o);
}

static void test_null_data(struct fixture *f, gconstpointer data)
{
	const size_t mib = 1 << 20;
	struct opened o = open_both(f, false, 1 << 20);
	g_autofree char *buf = g_malloc(5 * mib), *zeros = g_malloc0(5 * mib);
	struct test_io t = { 0 };

	(void)data;
	memset(buf, 1, 5 * mib);
	g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_WRITE, 0, 16, BDEV_IO_FUA, buf), ==, 0);
	g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_READ, 0, 10240, 0, buf), ==, 0);
	g_assert_cmpmem(buf, 5 * mib, zeros, 5 * mib);
	/* placed: as long as asked, in pieces of one region that stays zero */
	for (uint32_t blocks = 1; blocks <= 8192; blocks = blocks * 2 - blocks / 2) {
		size_t total = 0;

		g_assert_cmpuint(
			test_io_run(f, &t, o.ch[0], BDEV_READ, 7, blocks, BDEV_IO_PLACE, NULL), ==,
			0);
		g_assert_true((t.io.flags & BDEV_IO_PLACED) != 0);
		for (unsigned i = 0; i < t.io.nplace; i++) {
			g_assert_cmpmem(t.io.place[i].iov_base, t.io.place[i].iov_len, zeros,
					t.io.place[i].iov_len);
			total += t.io.place[i].iov_len;
		}
		g_assert_cmpuint(total, ==, (size_t)blocks * BS);
		bdev_io_release(&t.io);
		if (blocks == 1)
			blocks = 2;
	}
	/* too large to place: filled where there are buffers, else refused */
	memset(buf, 1, 5 * mib);
	g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_READ, 0, 10240, BDEV_IO_PLACE, buf), ==,
			 0);
	g_assert_cmpuint(t.io.flags & BDEV_IO_PLACED, ==, 0);
	g_assert_cmpmem(buf, 5 * mib, zeros, 5 * mib);
	g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_READ, 0, 10240, BDEV_IO_PLACE, NULL), ==,
			 FIELD);
	g_assert_cmpuint(t.io.flags & BDEV_IO_PLACED, ==, 0);
	close_both(f, &o);
}

static unsigned resident_pages(const void *base, size_t len)
{
	g_autofree unsigned char *vec = g_malloc(len / 4096);
	unsigned n = 0;

	g_assert_cmpint(mincore((void *)base, len, vec), ==, 0);
	for (size_t i = 0; i < len / 4096; i++)
		n += vec[i] & 1;
	return n;
}

/* Bytes of memory this process holds. Mapped zero pages do not count. */
static size_t resident_bytes(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) fields = NULL;

	g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
	fields = g_strsplit(text, " ", 3);
	return g_ascii_strtoull(fields[1], NULL, 10) * 4096;
}

/* A device costs nothing before it is written; discarding all of it neither. */
static void test_untouched(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f, true, 64 << 11 /* 64 MiB */);
	struct test_io t = { 0 };
	char block[BS];
	size_t before;
	char *base;

	(void)data;
	memset(block, 7, sizeof(block));
	g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_READ, 0, 1, BDEV_IO_PLACE, NULL), ==, 0);
	base = t.io.place[0].iov_base;
	bdev_io_release(&t.io);
	g_assert_cmpuint(resident_pages(base, 64 << 20), ==, 0);
	g_assert_cmpuint(test_io_run(f, &t, o.ch[0], BDEV_WRITE, 9, 1, 0, block), ==, 0);
	g_assert_cmpint(base[9 * BS], ==, 7);
	g_assert_cmpint(base[9 * BS - 1], ==, 0);
	before = resident_bytes();
	g_assert_cmpuint(test_io_run(f, &t, o.ch[1], BDEV_UNMAP, 9, 64 * 2048 - 9, 0, NULL), ==, 0);
#ifndef __SANITIZE_THREAD__ /* its shadow memory grows by reading too */
	g_assert_cmpuint(resident_bytes(), <, before + (32 << 20));
#endif
	(void)before;
	g_assert_cmpint(base[9 * BS], ==, 0);
	close_both(f, &o);
}

/* Zeroing a lot takes many passes, others' I/O goes on between, and the order of zeroings stays. */
static void test_slices(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f, true, 16 << 11 /* 16 MiB */);
	g_autofree char *buf = g_malloc(16 << 20);
	struct reactor *r = f->core->reactors[0];
	struct test_io fill = { 0 }, zero[3] = { 0 }, read = { 0 };
	unsigned passes = 0;

	(void)data;
	memset(buf, 9, 16 << 20);
	g_assert_cmpuint(test_io_run(f, &fill, o.ch[0], BDEV_WRITE, 0, 16 << 11, 0, buf), ==, 0);
	test_io_submit(&zero[0], o.ch[0], BDEV_WRITE_ZEROES, 1, (8 << 11) - 1, 0, NULL);
	test_io_submit(&zero[1], o.ch[0], BDEV_UNMAP, 8 << 11, 1, 0, NULL);
	test_io_submit(&zero[2], o.ch[0], BDEV_UNMAP, 12 << 11, 4 << 11, 0, NULL);
	while (zero[2].done == 0) {
		g_assert_cmpuint(passes++, <, 20);
		test_io_submit(&read, o.ch[0], BDEV_READ, 0, 1, 0, buf);
		reactor_pass(r);
		g_assert_cmpuint(read.done, ==, 1);
		g_assert_cmpuint(zero[0].done, >=, zero[1].done);
		g_assert_cmpuint(zero[1].done, >=, zero[2].done);
	}
	g_assert_cmpuint(passes, >=, 12);
	g_assert_cmpuint(test_io_run(f, &read, o.ch[0], BDEV_READ, 0, 16 << 11, 0, buf), ==, 0);
	for (unsigned i = 0; i < 16 << 11; i++) {
		bool zeroed = (i >= 1 && i <= 8 << 11) || i >= 12 << 11;

		g_assert_cmpint(buf[i * BS], ==, zeroed ? 0 : 9);
		g_assert_cmpint(buf[i * BS + BS - 1], ==, zeroed ? 0 : 9);
	}
	close_both(f, &o);
}

/* --- resize and removal with I/O in flight ------------------------------------------------- */

struct watched {
	struct fixture *f;
	struct opened o;
	struct test_io t[2];
	bool removed;
	unsigned put;
};

static void limit_channel(struct reactor *r, void *arg)
{
	struct watched *w = arg;

	bdev_channel_set_blocks(w->o.ch[r->index], w->o.bdev->num_blocks);
}

static void on_resized(struct bdev_desc *desc, uint64_t blocks, void *user)
{
	struct watched *w = user;

	(void)desc;
	(void)blocks;
	core_broadcast(w->f->core, limit_channel, NULL, w);
}

static void put_channel(struct reactor *r, void *arg)
{
	struct watched *w = arg;

	bdev_channel_put(w->o.ch[r->index]);
}

static void all_put(void *arg)
{
	struct watched *w = arg;

	bdev_close(w->o.desc);
}

/* Each channel is put when its I/O is done, then the descriptor is closed. */
static void on_removed(struct bdev_desc *desc, void *user)
{
	struct watched *w = user;

	(void)desc;
	core_broadcast(w->f->core, put_channel, all_put, w);
}

static const struct bdev_events watched_events = { .resized = on_resized, .removed = on_removed };

static void watched_open(struct watched *w, bool malloc_kind)
{
	w->o = open_both(w->f, malloc_kind, 1000);
	bdev_close(w->o.desc);
	w->o.desc = bdev_open(w->f->layer, "d", true, &watched_events, w, NULL);
}

static void test_resize_in_flight(struct fixture *f, gconstpointer data)
{
	struct watched w = { .f = f };
	struct test_io extra = { 0 };
	char block[BS];

	(void)data;
	watched_open(&w, false);
	for (unsigned i = 0; i < 2; i++)
		test_io_submit(&w.t[i], w.o.ch[i], BDEV_READ, 900, 1, 0, block);
	g_assert_true(bdev_resize(w.o.bdev, 500, NULL));
	/* under way: as submitted. Before the other reactor heard of it: still its old limit. */
	g_assert_cmpuint(w.o.ch[1]->num_blocks, ==, 1000);
	fake_core_run(f->core);
	for (unsigned i = 0; i < 2; i++) {
		g_assert_cmpuint(w.t[i].done, ==, 1);
		g_assert_cmpuint(w.t[i].io.status, ==, 0);
		g_assert_cmpuint(test_io_run(f, &extra, w.o.ch[i], BDEV_READ, 499, 1, 0, block), ==,
				 0);
		g_assert_cmpuint(test_io_run(f, &extra, w.o.ch[i], BDEV_READ, 500, 1, 0, block), ==,
				 RANGE);
	}
	g_assert_true(bdev_resize(w.o.bdev, 2000, NULL));
	fake_core_run(f->core);
	g_assert_cmpuint(test_io_run(f, &extra, w.o.ch[1], BDEV_READ, 1999, 1, 0, block), ==, 0);
	bdev_unregister(w.o.bdev, fixture_removed, &w.removed);
	fake_core_run(f->core);
	g_assert_true(w.removed);
}

static void test_remove_in_flight(struct fixture *f, gconstpointer malloc_kind)
{
	struct watched w = { .f = f };
	struct test_io last = { 0 };
	char block[BS];

	watched_open(&w, malloc_kind != NULL);
	memset(block, 3, sizeof(block));
	g_assert_cmpuint(test_io_run(f, &last, w.o.ch[0], BDEV_WRITE, 5, 1, 0, block), ==, 0);
	g_assert_cmpuint(test_io_run(f, &w.t[0], w.o.ch[0], BDEV_READ, 5, 1, BDEV_IO_PLACE, NULL),
			 ==, 0);
	g_assert_cmpuint(test_io_run(f, &w.t[1], w.o.ch[1], BDEV_READ, 5, 1, BDEV_IO_PLACE, NULL),
			 ==, 0);
	bdev_unregister(w.o.bdev, fixture_removed, &w.removed);
	fake_core_run(f->core);
	/* the bdev is gone, the memory that a wire may still read from is not */
	g_assert_true(w.removed);
	g_assert_null(w.t[0].io.channel->bdev);
	for (unsigned i = 0; i < 2; i++) {
		g_assert_cmpint(((char *)w.t[i].io.place[0].iov_base)[BS - 1], ==,
				malloc_kind != NULL ? 3 : 0);
		g_assert_cmpuint(f->fake->chunks, ==, 1);
		bdev_io_release(&w.t[i].io);
	}
	g_assert_cmpuint(f->fake->chunks, ==, 0);
}

/* A channel that is shared, put and got again while placed reads of the first are held. */
static void test_channel_refs(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f, true, 100);
	struct bdev_channel *first = o.ch[0], *second;
	struct test_io t = { 0 };

	(void)data;
	g_assert_true(bdev_channel_get(o.bdev, f->core->reactors[0]) == first);
	g_assert_cmpuint(first->refs, ==, 2);
	bdev_channel_put(first);
	g_assert_cmpuint(test_io_run(f, &t, first, BDEV_READ, 0, 1, BDEV_IO_PLACE, NULL), ==, 0);
	bdev_channel_put(first);
	second = bdev_channel_get(o.bdev, f->core->reactors[0]);
	g_assert_true(second != first);
	bdev_io_release(&t.io);
	o.ch[0] = second;
	g_assert_cmpuint(test_io_run(f, &t, second, BDEV_FLUSH, 0, 0, 0, NULL), ==, 0);
	close_both(f, &o);
}

/* done may free the I/O, submit it again, or put the channel. */
static void resubmit(struct test_io *t)
{
	unsigned *left = t->user;

	if (*left == 0) {
		bdev_channel_put(t->io.channel);
		return;
	}
	--*left;
	test_io_submit(t, t->io.channel, BDEV_FLUSH, 0, 0, 0, NULL);
}

static void test_done_callback(struct fixture *f, gconstpointer data)
{
	struct opened o = open_both(f, true, 100);
	unsigned left = 10000;
	struct test_io t = { .then = resubmit, .user = &left };

	(void)data;
	test_io_submit(&t, o.ch[0], BDEV_FLUSH, 0, 0, 0, NULL);
	/* bounded: others get their turn */
	reactor_pass(f->core->reactors[0]);
	g_assert_cmpuint(left, >, 0);
	fake_core_run(f->core);
	g_assert_cmpuint(left, ==, 0);
	o.ch[0] = bdev_channel_get(o.bdev, f->core->reactors[0]);
	close_both(f, &o);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(struct fixture *f, gconstpointer data);
		void *data;
	} tests[] = {
		{ "/bdev-io/checks/null", test_checks, NULL },
		{ "/bdev-io/checks/malloc", test_checks, "malloc" },
		{ "/bdev-io/buffers/null", test_buffers, NULL },
		{ "/bdev-io/buffers/malloc", test_buffers, "malloc" },
		{ "/bdev-io/null-data", test_null_data, NULL },
		{ "/bdev-io/untouched", test_untouched, NULL },
		{ "/bdev-io/slices", test_slices, NULL },
		{ "/bdev-io/resize-in-flight", test_resize_in_flight, NULL },
		{ "/bdev-io/remove-in-flight/null", test_remove_in_flight, NULL },
		{ "/bdev-io/remove-in-flight/malloc", test_remove_in_flight, "malloc" },
		{ "/bdev-io/channel-refs", test_channel_refs, NULL },
		{ "/bdev-io/done-callback", test_done_callback, NULL },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, tests[i].data, fixture_set_up,
			   tests[i].fn, fixture_tear_down);
	return g_test_run();
}
