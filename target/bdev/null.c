/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The null bdev: reads give zeros, writes go nowhere. Placed reads point into
 * one region of zeros that is never written; larger reads name it several times.
 */
#include <string.h>

#include "target/bdev/bdev-priv.h"
#include "target/nvme/nvme.h"

#define ZERO_REGION ((size_t)1 << 20)

struct bdev_null {
	struct bdev bdev;
	struct shared_mem *zeros;
};

static void null_destroy(struct bdev *bdev)
{
	struct bdev_null *null = (struct bdev_null *)bdev;

	shared_mem_unref(null->zeros);
	bdev_fini_common(bdev);
	g_free(null);
}

static int null_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	channel->ctx = shared_mem_ref(((struct bdev_null *)bdev)->zeros);
	return 0;
}

static void null_channel_close(struct bdev_channel *channel)
{
	shared_mem_unref(channel->ctx);
}

static uint16_t place_zeros(struct bdev_io *io, uint64_t left)
{
	void *zeros = shared_mem_base(io->channel->ctx);
	struct iovec *place = io->place;

	if (left > BDEV_PLACE_MAX * ZERO_REGION)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	for (; left > ZERO_REGION; left -= ZERO_REGION)
		*place++ = (struct iovec){ zeros, ZERO_REGION };
	*place++ = (struct iovec){ zeros, left };
	io->nplace = (uint16_t)(place - io->place);
	io->flags |= BDEV_IO_PLACED;
	return NVME_SUCCESS;
}

static uint16_t null_read(struct bdev_io *io)
{
	uint64_t bytes = bdev_io_bytes(io);

	/* What is too large to be placed is filled in, if there is room for it. */
	if ((io->flags & BDEV_IO_PLACE) != 0 &&
	    (bytes <= BDEV_PLACE_MAX * ZERO_REGION || io->niov == 0))
		return place_zeros(io, bytes);
	for (unsigned i = 0; i < io->niov; i++)
		memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
	return NVME_SUCCESS;
}

static void null_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	(void)channel;
	bdev_io_complete(io, io->op == BDEV_READ ? null_read(io) : NVME_SUCCESS);
}

static bool null_resize(struct bdev *bdev, uint64_t blocks, GError **error)
{
	(void)bdev;
	(void)blocks;
	(void)error;
	return true;
}

static const struct bdev_ops null_ops = {
	.product_name = "Null disk",
	.destroy = null_destroy,
	.channel_open = null_channel_open,
	.channel_close = null_channel_close,
	.submit = null_submit,
	.resize = null_resize,
};

bool bdev_is_null(const struct bdev *bdev)
{
	return bdev->ops == &null_ops;
}

/* All null bdevs of a layer read from the same zeros: they stay in the processor's cache. */
static struct shared_mem *zeros_of(struct bdev_layer *layer, GError **error)
{
	const GPtrArray *all = bdev_layer_list(layer);

	for (unsigned i = 0; i < all->len; i++) {
		struct bdev *b = g_ptr_array_index(all, i);

		if (bdev_is_null(b))
			return shared_mem_ref(((struct bdev_null *)b)->zeros);
	}
	return shared_mem_new(bdev_layer_hw(layer), ZERO_REGION, error);
}

struct bdev *bdev_null_create(struct bdev_layer *layer, const char *name, uint64_t num_blocks,
			      uint32_t block_size, const uint8_t *uuid, GError **error)
{
	struct shared_mem *zeros;
	struct bdev_null *null;

	if (!bdev_check_size(num_blocks, block_size, error))
		return NULL;
	zeros = zeros_of(layer, error);
	if (zeros == NULL)
		return NULL;
	null = g_new0(struct bdev_null, 1);
	null->zeros = zeros;
	null->bdev.block_size = block_size;
	null->bdev.num_blocks = num_blocks;
	bdev_init_common(layer, &null->bdev, &null_ops, name, "Null", uuid);
	null->bdev.unmap_zeroes = true;
	if (!bdev_register(layer, &null->bdev, error)) {
		null_destroy(&null->bdev);
		return NULL;
	}
	return &null->bdev;
}
