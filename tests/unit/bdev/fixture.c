/* SPDX-License-Identifier: BSD-3-Clause */
/* See fixture.h. */
#include <string.h>

#include "tests/unit/bdev/fixture.h"

static void listener(void *arg, const char *what, const struct bdev *bdev)
{
	g_string_append_printf(((struct fixture *)arg)->events, "%s(%s) ", what, bdev->name);
}

void fixture_set_up(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->fake = fake_hw_new();
	f->core = fake_core_new(f->fake, 2, 0);
	f->layer = bdev_layer_new(f->core);
	f->events = g_string_new("");
	bdev_layer_listen(f->layer, listener, f);
}

void fixture_tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	fake_core_run(f->core);
	bdev_layer_free(f->layer);
	core_free(f->core);
	fake_hw_free(f->fake);
	g_string_free(f->events, true);
}

static void io_done(struct bdev_io *io)
{
	struct test_io *t = (struct test_io *)io;

	g_assert_true(reactor_is_current(io->channel->reactor));
	t->done++;
	if (t->then != NULL)
		t->then(t);
}

void test_io_submit(struct test_io *t, struct bdev_channel *ch, enum bdev_op op, uint64_t lba,
		    uint32_t blocks, unsigned flags, void *data)
{
	void (*then)(struct test_io * t) = t->then;
	void *user = t->user;

	/* Whatever the memory held before: the layer sets its own fields. */
	memset(t, 0xee, sizeof(*t));
	t->done = 0;
	t->then = then;
	t->user = user;
	t->iov[0].iov_base = data;
	t->iov[0].iov_len = (size_t)blocks * ch->block_size;
	t->io.channel = ch;
	t->io.done = io_done;
	t->io.op = (uint8_t)op;
	t->io.lba = lba;
	t->io.blocks = blocks;
	t->io.flags = (uint8_t)flags;
	t->io.iov = t->iov;
	t->io.niov = data != NULL;
	bdev_submit(&t->io);
	g_assert_cmpuint(t->done, ==, 0); /* never from inside */
}

uint16_t test_io_run(struct fixture *f, struct test_io *t, struct bdev_channel *ch, enum bdev_op op,
		     uint64_t lba, uint32_t blocks, unsigned flags, void *data)
{
	test_io_submit(t, ch, op, lba, blocks, flags, data);
	fake_core_run(f->core);
	g_assert_cmpuint(t->done, ==, 1);
	return t->io.status;
}

void fixture_removed(void *arg)
{
	g_assert_false(*(bool *)arg);
	*(bool *)arg = true;
}
