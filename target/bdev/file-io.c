/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels of the file bdev: a queue of the file for each reactor, and a fixed
 * number of operations that may be under way on it; more wait their turn. The
 * data goes straight between the file and the buffers of the I/O. But what a host
 * sends along with its command lies in memory as it came, and direct I/O wants it
 * aligned: it is moved then, which costs less than the page cache would.
 */
#include <errno.h>

#include <string.h>

#include "target/bdev/file-priv.h"
#include "target/core/buf.h"
#include "target/nvme/nvme.h"

#define OPS 128		/* some 20 KiB a channel: there may be a thousand of them */
#define MOVE_MAX 131072 /* bytes; larger data is received into buffers of its own */

struct file_slot {
	struct file_io fio;
	struct bdev_io *io;
	struct file_channel *fc;
	struct buf *moved; /* the data; NULL: it is where it was */
	struct iovec moved_iov;
	struct file_slot *next; /* free */
};

struct file_channel {
	struct bdev_channel *channel;
	const struct hw_file_ops *ops;
	struct file_queue *queue;
	bool device;
	uint32_t direct_unit;
	struct file_slot *free;
	struct bdev_io_list waiting;
	struct file_slot all[OPS];
};

int bdev_file_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	struct bdev_file *bf = bdev_file_of(bdev);
	struct file_channel *fc = g_new0(struct file_channel, 1);
	int rc = bf->ops->queue_open(bf->file, channel->reactor, &fc->queue);

	if (rc != 0) {
		g_free(fc);
		return rc;
	}
	fc->channel = channel;
	fc->ops = bf->ops;
	fc->device = bf->device;
	fc->direct_unit = bf->direct_unit;
	for (unsigned i = OPS; i-- > 0;) {
		fc->all[i].fc = fc;
		fc->all[i].next = fc->free;
		fc->free = &fc->all[i];
	}
	channel->ctx = fc;
	return 0;
}

void bdev_file_channel_close(struct bdev_channel *channel)
{
	struct file_channel *fc = channel->ctx;

	fc->ops->queue_close(fc->queue);
	g_free(fc);
}

/* The NVMe status that tells a host what to do about it. */
static uint16_t status_of(const struct bdev_io *io, int err)
{
	bool reads = io->op == BDEV_READ;

	switch (err) {
	case 0:
		return NVME_SUCCESS;
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
		return NVME_SC_CAPACITY_EXCEEDED | NVME_DNR;
	case -ENODATA: /* it has shrunk, and that is not known everywhere yet */
		return NVME_SC_LBA_RANGE | NVME_DNR;
	case -EBADF:
	case -EROFS:
	case -EPERM:
		return NVME_SC_NS_WRITE_PROTECTED | NVME_DNR;
	case -EOPNOTSUPP:
		return NVME_SC_INVALID_OPCODE | NVME_DNR;
	case -ENOMEM:
	case -EAGAIN:
		return NVME_SC_INTERNAL_ERROR;
	case -ENODEV:
	case -ENXIO:
	case -ESTALE:
		return (reads ? NVME_SC_READ_ERROR : NVME_SC_WRITE_FAULT) | NVME_DNR;
	default:
		return reads ? NVME_SC_READ_ERROR : NVME_SC_WRITE_FAULT;
	}
}

static void begin(struct file_channel *fc, struct file_slot *op);

static void op_done(struct file_io *fio)
{
	struct file_slot *op = (struct file_slot *)fio;
	struct file_channel *fc = op->fc;
	struct bdev_io *io = op->io;
	int err = fio->result;

	if (err == -EOPNOTSUPP && fio->op == FILE_DISCARD) {
		/* A file must read as zeros; a device may keep what it has: that is advice. */
		if (io->op == BDEV_WRITE_ZEROES || !fc->device) {
			fio->op = FILE_ZERO;
			fc->ops->submit(fc->queue, fio);
			return;
		}
		err = 0;
	}
	op->io = NULL;
	if (op->moved != NULL)
		buf_put(op->moved);
	op->moved = NULL;
	bdev_io_complete(io, status_of(io, err));
	io = bdev_io_list_pop(&fc->waiting);
	if (io != NULL) {
		op->io = io;
		begin(fc, op);
		return;
	}
	op->next = fc->free;
	fc->free = op;
}

static uint8_t kind_of(const struct bdev_io *io)
{
	switch (io->op) {
	case BDEV_READ:
		return FILE_READ;
	case BDEV_WRITE:
		return FILE_WRITE;
	case BDEV_WRITE_ZEROES:
		return (io->flags & BDEV_IO_DEALLOCATE) != 0 ? FILE_DISCARD : FILE_ZERO;
	case BDEV_UNMAP:
		return FILE_DISCARD;
	default:
		return FILE_FLUSH;
	}
}

static bool is_aligned(const struct file_channel *fc, const struct bdev_io *io)
{
	uintptr_t bits = 0;

	for (unsigned i = 0; i < io->niov; i++)
		bits |= (uintptr_t)io->iov[i].iov_base | io->iov[i].iov_len;
	return (bits & (fc->direct_unit - 1)) == 0;
}

/* Where there is no buffer the file takes it as it is, by the page cache. */
static void move_data(struct file_channel *fc, struct file_slot *op)
{
	const struct bdev_io *io = op->io;
	uint64_t len = bdev_io_bytes(io);
	char *to;

	if (len > MOVE_MAX)
		return;
	op->moved = buf_get(fc->channel->reactor->bufs, (uint32_t)len);
	if (op->moved == NULL)
		return;
	to = op->moved->data;
	for (unsigned i = 0; i < io->niov; i++) {
		memcpy(to, io->iov[i].iov_base, io->iov[i].iov_len);
		to += io->iov[i].iov_len;
	}
	op->moved_iov = (struct iovec){ op->moved->data, len };
	op->fio.iov = &op->moved_iov;
	op->fio.niov = 1;
}

static void begin(struct file_channel *fc, struct file_slot *op)
{
	const struct bdev_io *io = op->io;

	op->fio.done = op_done;
	op->fio.offset = io->lba << fc->channel->block_shift;
	op->fio.len = bdev_io_bytes(io);
	op->fio.iov = io->iov;
	op->fio.niov = io->op == BDEV_READ || io->op == BDEV_WRITE ? io->niov : 0;
	op->fio.op = kind_of(io);
	op->fio.flags = io->op != BDEV_READ && (io->flags & BDEV_IO_FUA) != 0 ? FILE_IO_FUA : 0;
	if (io->op == BDEV_WRITE && fc->direct_unit != 0 && !is_aligned(fc, io))
		move_data(fc, op);
	fc->ops->submit(fc->queue, &op->fio);
}

void bdev_file_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	struct file_channel *fc = channel->ctx;
	struct file_slot *op = fc->free;

	if (op == NULL) {
		bdev_io_list_push(&fc->waiting, io);
		return;
	}
	fc->free = op->next;
	op->io = io;
	begin(fc, op);
}

/* What has not begun yet can still be taken back. */
bool bdev_file_abort(struct bdev_channel *channel, struct bdev_io *io)
{
	struct file_channel *fc = channel->ctx;

	if (!bdev_io_list_remove(&fc->waiting, io))
		return false;
	bdev_io_complete(io, NVME_SC_ABORT_REQUESTED);
	return true;
}
