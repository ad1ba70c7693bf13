/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block device layer's I/O side: channels, checks, completion. Everything
 * runs on the reactor of the channel; nothing here allocates but opening one.
 *
 * A channel goes when its last reference is put, and its memory not before the
 * last placed read is released.
 */
#include "target/bdev/bdev-priv.h"
#include "target/nvme/nvme.h"

/* --- channels ----------------------------------------------------------------------- */

static struct bdev_channel *channel_open(struct bdev *bdev, struct reactor *reactor)
{
	struct bdev_channel *ch = g_new0(struct bdev_channel, 1);

	ch->bdev = bdev;
	ch->reactor = reactor;
	ch->ops = bdev->ops;
	ch->num_blocks = __atomic_load_n(&bdev->num_blocks, __ATOMIC_ACQUIRE);
	ch->block_size = bdev->block_size;
	ch->block_shift = (uint32_t)__builtin_ctz(bdev->block_size);
	ch->supported = bdev->supported;
	if (bdev->ops->channel_open(bdev, ch) < 0) {
		g_free(ch);
		return NULL;
	}
	bdev->channels[reactor->index] = ch;
	bdev_range_channel_opened(ch);
	return ch;
}

struct bdev_channel *bdev_channel_get(struct bdev *bdev, struct reactor *reactor)
{
	struct bdev_channel *ch = bdev->channels[reactor->index];

	if (ch == NULL)
		ch = channel_open(bdev, reactor);
	if (ch != NULL)
		ch->refs++;
	return ch;
}

static void free_when_unused(struct bdev_channel *ch)
{
	if (ch->refs > 0 || ch->placed > 0)
		return;
	ch->ops->channel_close(ch);
	g_free(ch);
}

void bdev_channel_put(struct bdev_channel *ch)
{
	g_assert(ch->refs > 0);
	if (--ch->refs > 0)
		return;
	g_assert(ch->inflight == 0);
	bdev_range_channel_closed(ch);
	ch->bdev->channels[ch->reactor->index] = NULL;
	ch->bdev = NULL;
	free_when_unused(ch);
}

void bdev_channel_set_blocks(struct bdev_channel *ch, uint64_t blocks)
{
	ch->num_blocks = blocks;
}

/* --- I/O ------------------------------------------------------------------------------ */

static bool data_fits(const struct bdev_channel *ch, const struct bdev_io *io)
{
	uint64_t want = bdev_io_bytes(io), have = 0;

	for (unsigned i = 0; i < io->niov; i++) {
		if (io->iov[i].iov_len > want - have)
			return false;
		have += io->iov[i].iov_len;
	}
	if (have == want)
		return true;
	return have == 0 && (io->flags & BDEV_IO_PLACE) != 0 && ch->bdev->can_place;
}

static uint16_t check(const struct bdev_channel *ch, struct bdev_io *io)
{
	if (io->op >= BDEV_OP_COUNT || (ch->supported & 1u << io->op) == 0)
		return NVME_SC_INVALID_OPCODE | NVME_DNR;
	if (io->op != BDEV_READ || !ch->bdev->can_place)
		io->flags &= (uint8_t)~BDEV_IO_PLACE;
	if (io->blocks == 0)
		return io->op == BDEV_FLUSH ? NVME_SUCCESS : NVME_SC_INVALID_FIELD | NVME_DNR;
	if (io->lba >= ch->num_blocks || io->blocks > ch->num_blocks - io->lba)
		return NVME_SC_LBA_RANGE | NVME_DNR;
	if ((io->op == BDEV_READ || io->op == BDEV_WRITE) && !data_fits(ch, io))
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	return NVME_SUCCESS;
}

static inline void start(struct bdev_channel *ch, struct bdev_io *io)
{
	uint16_t status = check(ch, io);

	if (__builtin_expect(status != NVME_SUCCESS, 0))
		bdev_io_complete(io, status);
	else
		ch->ops->submit(ch, io);
}

void bdev_io_start(struct bdev_io *io)
{
	start(io->channel, io);
}

void bdev_submit(struct bdev_io *io)
{
	struct bdev_channel *ch = io->channel;

	io->task.queued = false;
	io->status = NVME_SUCCESS;
	io->nplace = 0;
	io->flags &= (uint8_t)~(BDEV_IO_PLACED | BDEV_IO_LISTED);
	ch->inflight++;
	if (__builtin_expect(ch->slow, 0) && !bdev_range_submit(ch, io))
		return;
	start(ch, io);
}

static void io_done(struct task *task)
{
	struct bdev_io *io = (struct bdev_io *)task;

	_Static_assert(offsetof(struct bdev_io, task) == 0, "an I/O begins with its task");
	if (__builtin_expect(io->channel->slow, 0))
		bdev_range_done(io->channel, io);
	io->channel->inflight--;
	io->done(io);
}

void bdev_io_complete(struct bdev_io *io, uint16_t status)
{
	g_assert(!io->task.queued);
	io->status = status;
	if (status != NVME_SUCCESS)
		io->flags &= (uint8_t)~BDEV_IO_PLACED;
	if ((io->flags & BDEV_IO_PLACED) != 0)
		io->channel->placed++;
	io->task.fn = io_done;
	reactor_run_soon(io->channel->reactor, &io->task);
}

void bdev_io_release(struct bdev_io *io)
{
	struct bdev_channel *ch = io->channel;

	if ((io->flags & BDEV_IO_PLACED) == 0)
		return;
	io->flags &= (uint8_t)~BDEV_IO_PLACED;
	g_assert(ch->placed > 0);
	ch->placed--;
	free_when_unused(ch);
}
