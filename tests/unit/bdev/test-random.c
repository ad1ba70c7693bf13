/* SPDX-License-Identifier: BSD-3-Clause */
/* Random operations on a malloc bdev from two reactors, against an array of bytes. */
#include <string.h>

#include "tests/unit/bdev/fixture.h"

#define BLOCKS 6000u
#define SLOTS 16
#define MAX_BLOCKS 4000u

struct slot {
	struct test_io t; /* first: the I/O's done finds the slot */
	char *data, *expected;
	uint64_t lba;
	uint32_t blocks;
	enum bdev_op op;
	bool busy;
};

struct run {
	struct fixture *f;
	struct bdev_channel *ch[2];
	struct slot slots[SLOTS];
	char *model;
	uint32_t bs;
	uint64_t rand;
	unsigned ops[BDEV_OP_COUNT];
};

static void verify(struct slot *s, uint32_t bs)
{
	size_t len = (size_t)s->blocks * bs;
	struct bdev_io *io = &s->t.io;

	g_assert_cmpuint(io->status, ==, 0);
	if (s->op != BDEV_READ)
		return;
	if (io->flags & BDEV_IO_PLACED) {
		g_assert_cmpuint(io->nplace, ==, 1);
		g_assert_cmpmem(io->place[0].iov_base, io->place[0].iov_len, s->expected, len);
		bdev_io_release(io);
	} else {
		g_assert_cmpmem(s->data, len, s->expected, len);
	}
}

/* Overlapping I/O has no order; the model only knows one that has. */
static bool overlaps(struct run *run, uint64_t lba, uint32_t blocks)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &run->slots[i];

		if (s->busy && lba < s->lba + s->blocks && s->lba < lba + blocks)
			return true;
	}
	return false;
}

/* Splits the data into pieces of any length. */
static void scatter(struct run *run, struct slot *s)
{
	size_t left = (size_t)s->blocks * run->bs, offset = 0;
	unsigned n = 0;

	while (n < 7 && left > 0) {
		size_t len = fake_rand(&run->rand) % (left + 1);

		s->t.iov[n++] = (struct iovec){ s->data + offset, len };
		offset += len;
		left -= len;
	}
	s->t.iov[n++] = (struct iovec){ s->data + offset, left };
	s->t.io.niov = (uint16_t)n;
}

static void apply(struct run *run, struct slot *s)
{
	char *at = run->model + s->lba * run->bs;
	size_t len = (size_t)s->blocks * run->bs;

	switch (s->op) {
	case BDEV_READ:
		memcpy(s->expected, at, len);
		memset(s->data, 0x77, len);
		break;
	case BDEV_WRITE:
		for (size_t i = 0; i < len; i += 8) {
			uint64_t v = fake_rand(&run->rand);

			memcpy(s->data + i, &v, 8);
		}
		memcpy(at, s->data, len);
		break;
	case BDEV_WRITE_ZEROES:
	case BDEV_UNMAP:
		memset(at, 0, len);
		break;
	default:
		break;
	}
}

static void done(struct bdev_io *io)
{
	((struct test_io *)io)->done++;
}

static void start(struct run *run, struct slot *s)
{
	struct bdev_io *io = &s->t.io;

	s->lba = fake_rand(&run->rand) % BLOCKS;
	s->blocks = 1 + (uint32_t)(fake_rand(&run->rand) %
				   (fake_rand(&run->rand) % 8 ? 16 : MAX_BLOCKS));
	s->blocks = (uint32_t)MIN(s->blocks, BLOCKS - s->lba);
	s->op = (enum bdev_op)(fake_rand(&run->rand) % BDEV_WRITE_UNCORRECTABLE);
	if (overlaps(run, s->lba, s->blocks))
		return;
	run->ops[s->op]++;
	apply(run, s);
	s->busy = true;
	s->t.done = 0;
	io->channel = run->ch[fake_rand(&run->rand) % 2];
	io->op = (uint8_t)s->op;
	io->lba = s->lba;
	io->blocks = s->blocks;
	io->flags = fake_rand(&run->rand) % 2 ? BDEV_IO_PLACE : 0;
	io->iov = s->t.iov;
	io->done = done;
	scatter(run, s);
	bdev_submit(io);
}

static void collect(struct run *run)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &run->slots[i];

		if (s->busy && s->t.done > 0) {
			g_assert_cmpuint(s->t.done, ==, 1);
			verify(s, run->bs);
			s->busy = false;
		}
	}
}

static void test_random(struct fixture *f, gconstpointer data)
{
	struct run *run = g_new0(struct run, 1);
	struct bdev *bdev;

	run->f = f;
	run->bs = GPOINTER_TO_UINT(data);
	run->rand = fake_seed(run->bs);
	run->model = g_malloc0((size_t)BLOCKS * run->bs);
	bdev = bdev_malloc_create(f->layer, NULL, BLOCKS, run->bs, NULL, NULL);
	for (unsigned i = 0; i < 2; i++)
		run->ch[i] = bdev_channel_get(bdev, f->core->reactors[i]);
	for (unsigned i = 0; i < SLOTS; i++) {
		run->slots[i].data = g_malloc((size_t)MAX_BLOCKS * run->bs);
		run->slots[i].expected = g_malloc((size_t)MAX_BLOCKS * run->bs);
	}
	for (unsigned step = 0; step < 6000; step++) {
		struct slot *s = &run->slots[fake_rand(&run->rand) % SLOTS];

		if (!s->busy)
			start(run, s);
		reactor_pass(f->core->reactors[fake_rand(&run->rand) % 2]);
		collect(run);
	}
	fake_core_run(f->core);
	collect(run);
	for (unsigned i = 0; i < BDEV_WRITE_UNCORRECTABLE; i++)
		g_assert_cmpuint(run->ops[i], >, 100);
	for (unsigned i = 0; i < SLOTS; i++) {
		g_assert_false(run->slots[i].busy);
		g_free(run->slots[i].data);
		g_free(run->slots[i].expected);
	}
	for (unsigned i = 0; i < 2; i++)
		bdev_channel_put(run->ch[i]);
	bdev_unregister(bdev, NULL, NULL);
	g_free(run->model);
	g_free(run);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/bdev-random/512", struct fixture, GUINT_TO_POINTER(512), fixture_set_up,
		   test_random, fixture_tear_down);
	g_test_add("/bdev-random/4096", struct fixture, GUINT_TO_POINTER(4096), fixture_set_up,
		   test_random, fixture_tear_down);
	return g_test_run();
}
