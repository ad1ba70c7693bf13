/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/bdev/slow.h"

#include <string.h>

#include "target/nvme/nvme.h"

static void slow_submit(struct bdev_channel *ch, struct bdev_io *io)
{
	struct slow *s = (struct slow *)ch->bdev;

	for (unsigned i = 0; io->op == BDEV_READ && i < io->niov; i++)
		memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
	s->submitted++;
	bdev_io_list_push(&s->held, io);
}

static int slow_open(struct bdev *bdev, struct bdev_channel *ch)
{
	ch->ctx = bdev;
	return 0;
}

static void slow_close(struct bdev_channel *ch)
{
	ch->ctx = NULL;
}

static void slow_destroy(struct bdev *bdev)
{
	bdev_fini_common(bdev);
	g_free(bdev);
}

static const struct bdev_ops slow_ops = {
	.product_name = "Slow disk",
	.destroy = slow_destroy,
	.channel_open = slow_open,
	.channel_close = slow_close,
	.submit = slow_submit,
};

struct slow *slow_new(struct bdev_layer *layer, const char *name, uint32_t block_size,
		      uint64_t blocks)
{
	struct slow *s = g_new0(struct slow, 1);

	s->bdev.block_size = block_size;
	s->bdev.num_blocks = blocks;
	bdev_init_common(layer, &s->bdev, &slow_ops, name, NULL, NULL);
	s->bdev.can_place = false;
	g_assert_true(bdev_register(layer, &s->bdev, NULL));
	return s;
}

void slow_answer(struct reactor *r, void *arg)
{
	struct slow *s = arg;
	struct bdev_io *io;

	(void)r;
	while ((io = bdev_io_list_pop(&s->held)) != NULL)
		bdev_io_complete(io, NVME_SUCCESS);
}
