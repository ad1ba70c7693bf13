/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The malloc bdev: one piece of device memory. It is not touched before it is
 * written, and zeroing touches only what is not zero yet, so that a host may
 * discard the whole of an empty device.
 *
 * Zeroing is done in slices, one a pass, so that a large range keeps nobody
 * waiting. Placed reads point into the memory.
 */
#include <stdatomic.h>
#include <string.h>

#include "target/bdev/bdev-priv.h"
#include "target/nvme/nvme.h"

#define ZERO_SLICE ((uint64_t)1 << 20) /* bytes a pass */
#define ZERO_STEP ((uint64_t)4096)     /* looked at, then zeroed */

struct bdev_malloc {
	struct bdev bdev;
	struct shared_mem *mem;
	struct bad_blocks *_Atomic bad;
};

/* I/Os that zero, oldest first; scratch: the next one, and bytes done. */
struct malloc_channel {
	struct task task;
	struct bdev_channel *channel;
	char *base; /* of mem */
	struct shared_mem *mem;
	struct bdev_io *head, *last;
};

#define SCRATCH_NEXT 0
#define SCRATCH_BYTES 1

static struct bdev_io *next_zeroing(const struct bdev_io *io)
{
	return (struct bdev_io *)(uintptr_t)io->scratch[SCRATCH_NEXT];
}

static char *data_of(const struct malloc_channel *mc, const struct bdev_io *io)
{
	return mc->base + (io->lba << io->channel->block_shift);
}

/* --- blocks marked as lost ------------------------------------------------------------ */

/*
 * A bit a block, all reactors'. Made by the first Write Uncorrectable; before that,
 * and as long as no block is marked, it costs I/O one look.
 */
struct bad_blocks {
	_Atomic uint64_t count;
	_Atomic uint64_t bits[];
};

static struct bad_blocks *bad_blocks(const struct bdev_malloc *m)
{
	return atomic_load_explicit(&m->bad, memory_order_acquire);
}

static bool mark(struct bad_blocks *bad, uint64_t lba, bool lost)
{
	uint64_t bit = UINT64_C(1) << lba % 64, old;

	old = lost ? atomic_fetch_or(&bad->bits[lba / 64], bit)
		   : atomic_fetch_and(&bad->bits[lba / 64], ~bit);
	return ((old & bit) != 0) != lost;
}

static void clear_bad(struct bad_blocks *bad, uint64_t lba, uint32_t blocks)
{
	uint64_t n = 0;

	for (uint64_t i = lba; i < lba + blocks; i++) {
		if (atomic_load_explicit(&bad->bits[i / 64], memory_order_relaxed) == 0)
			i |= 63;
		else
			n += mark(bad, i, false);
	}
	atomic_fetch_sub(&bad->count, n);
}

static bool any_bad(const struct bad_blocks *bad, uint64_t lba, uint32_t blocks)
{
	for (uint64_t i = lba; i < lba + blocks; i++) {
		uint64_t bits = atomic_load_explicit(&bad->bits[i / 64], memory_order_relaxed);

		if (bits == 0)
			i |= 63;
		else if ((bits >> i % 64 & 1) != 0)
			return true;
	}
	return false;
}

static struct bad_blocks *make_bad(struct bdev_malloc *m)
{
	size_t words = (size_t)((m->bdev.num_blocks + 63) / 64);
	struct bad_blocks *bad = bad_blocks(m), *none = NULL, *made;

	if (bad != NULL)
		return bad;
	made = g_try_malloc0(sizeof(*made) + words * sizeof(uint64_t));
	if (made == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&m->bad, &none, made))
		return made;
	g_free(made); /* another reactor was quicker */
	return none;
}

static uint16_t write_uncorrectable(struct bdev_io *io)
{
	struct bad_blocks *bad = make_bad((struct bdev_malloc *)io->channel->bdev);

	if (bad == NULL)
		return NVME_SC_INTERNAL_ERROR;
	for (uint64_t i = io->lba; i < io->lba + io->blocks; i++)
		atomic_fetch_add(&bad->count, mark(bad, i, true));
	return NVME_SUCCESS;
}

/* What bad blocks mean for an I/O that begins. */
static uint16_t look_at_bad(struct bad_blocks *bad, const struct bdev_io *io)
{
	if (io->op == BDEV_FLUSH || atomic_load_explicit(&bad->count, memory_order_relaxed) == 0)
		return NVME_SUCCESS;
	if (io->op == BDEV_READ)
		return any_bad(bad, io->lba, io->blocks) ? NVME_SC_READ_ERROR | NVME_DNR
							 : NVME_SUCCESS;
	clear_bad(bad, io->lba, io->blocks);
	return NVME_SUCCESS;
}

/* --- zeroing ------------------------------------------------------------------------- */

static void zero_range(char *p, uint64_t len)
{
	while (len > 0) {
		uint64_t n = ZERO_STEP - ((uintptr_t)p & (ZERO_STEP - 1));

		if (n > len)
			n = len;
		/* Zero if the first byte is, and each equals the one before. */
		if (p[0] != 0 || memcmp(p, p + 1, n - 1) != 0)
			memset(p, 0, n);
		p += n;
		len -= n;
	}
}

static void zero_slice(struct task *task)
{
	struct malloc_channel *mc = (struct malloc_channel *)task;
	uint64_t budget = ZERO_SLICE;
	struct bdev_io *io;

	while (budget > 0 && (io = mc->head) != NULL) {
		uint64_t done = io->scratch[SCRATCH_BYTES];
		uint64_t n = bdev_io_bytes(io) - done;

		if (n > budget)
			n = budget;
		zero_range(data_of(mc, io) + done, n);
		budget -= n;
		io->scratch[SCRATCH_BYTES] += n;
		if (io->scratch[SCRATCH_BYTES] < bdev_io_bytes(io))
			break;
		mc->head = next_zeroing(io);
		bdev_io_complete(io, NVME_SUCCESS);
	}
	if (mc->head != NULL)
		reactor_run_at_flush(mc->channel->reactor, task);
}

static void start_zeroing(struct malloc_channel *mc, struct bdev_io *io)
{
	io->scratch[SCRATCH_NEXT] = 0;
	io->scratch[SCRATCH_BYTES] = 0;
	if (mc->head == NULL)
		mc->head = io;
	else
		mc->last->scratch[SCRATCH_NEXT] = (uintptr_t)io;
	mc->last = io;
	reactor_run_at_flush(mc->channel->reactor, &mc->task);
}

/* --- I/O ------------------------------------------------------------------------------- */

static void malloc_read(struct malloc_channel *mc, struct bdev_io *io)
{
	const char *data = data_of(mc, io);

	if ((io->flags & BDEV_IO_PLACE) != 0) {
		io->place[0].iov_base = (char *)data;
		io->place[0].iov_len = bdev_io_bytes(io);
		io->nplace = 1;
		io->flags |= BDEV_IO_PLACED;
		return;
	}
	for (unsigned i = 0; i < io->niov; i++) {
		memcpy(io->iov[i].iov_base, data, io->iov[i].iov_len);
		data += io->iov[i].iov_len;
	}
}

static void malloc_write(struct malloc_channel *mc, struct bdev_io *io)
{
	char *data = data_of(mc, io);

	for (unsigned i = 0; i < io->niov; i++) {
		memcpy(data, io->iov[i].iov_base, io->iov[i].iov_len);
		data += io->iov[i].iov_len;
	}
}

static inline void go(struct malloc_channel *mc, struct bdev_io *io)
{
	switch (io->op) {
	case BDEV_READ:
		malloc_read(mc, io);
		break;
	case BDEV_WRITE:
		malloc_write(mc, io);
		break;
	case BDEV_WRITE_ZEROES:
	case BDEV_UNMAP:
		start_zeroing(mc, io);
		return;
	default:
		break; /* flush: memory is as safe as it gets */
	}
	bdev_io_complete(io, NVME_SUCCESS);
}

/* Some blocks are, or were, or are to be marked as lost. */
static __attribute__((noinline)) void submit_bad(struct malloc_channel *mc, struct bdev_io *io)
{
	uint16_t status;

	if (io->op == BDEV_WRITE_UNCORRECTABLE) {
		bdev_io_complete(io, write_uncorrectable(io));
		return;
	}
	status = look_at_bad(bad_blocks((struct bdev_malloc *)io->channel->bdev), io);
	if (status == NVME_SUCCESS)
		go(mc, io);
	else
		bdev_io_complete(io, status);
}

static void malloc_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	const struct bdev_malloc *m = (struct bdev_malloc *)channel->bdev;

	if (__builtin_expect(bad_blocks(m) != NULL || io->op == BDEV_WRITE_UNCORRECTABLE, 0))
		submit_bad(channel->ctx, io);
	else
		go(channel->ctx, io);
}

static int malloc_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	struct malloc_channel *mc = g_new0(struct malloc_channel, 1);

	mc->task.fn = zero_slice;
	mc->channel = channel;
	mc->mem = shared_mem_ref(((struct bdev_malloc *)bdev)->mem);
	mc->base = shared_mem_base(mc->mem);
	channel->ctx = mc;
	return 0;
}

static void malloc_channel_close(struct bdev_channel *channel)
{
	struct malloc_channel *mc = channel->ctx;

	reactor_cancel_task(channel->reactor, &mc->task);
	shared_mem_unref(mc->mem);
	g_free(mc);
}

/* --- life ------------------------------------------------------------------------------- */

static void malloc_destroy(struct bdev *bdev)
{
	struct bdev_malloc *m = (struct bdev_malloc *)bdev;

	shared_mem_unref(m->mem);
	g_free(bad_blocks(m));
	bdev_fini_common(bdev);
	g_free(m);
}

static const struct bdev_ops malloc_ops = {
	.product_name = "Malloc disk",
	.destroy = malloc_destroy,
	.channel_open = malloc_channel_open,
	.channel_close = malloc_channel_close,
	.submit = malloc_submit,
};

bool bdev_is_malloc(const struct bdev *bdev)
{
	return bdev->ops == &malloc_ops;
}

struct bdev *bdev_malloc_create(struct bdev_layer *layer, const char *name, uint64_t num_blocks,
				uint32_t block_size, const uint8_t *uuid, GError **error)
{
	struct shared_mem *mem;
	struct bdev_malloc *m;

	if (!bdev_check_size(num_blocks, block_size, error))
		return NULL;
	mem = shared_mem_new(bdev_layer_hw(layer), (size_t)num_blocks * block_size, error);
	if (mem == NULL)
		return NULL;
	m = g_new0(struct bdev_malloc, 1);
	m->mem = mem;
	m->bdev.block_size = block_size;
	m->bdev.num_blocks = num_blocks;
	bdev_init_common(layer, &m->bdev, &malloc_ops, name, "Malloc", uuid);
	m->bdev.supported |= 1u << BDEV_WRITE_UNCORRECTABLE;
	m->bdev.unmap_zeroes = true;
	if (!bdev_register(layer, &m->bdev, error)) {
		malloc_destroy(&m->bdev);
		return NULL;
	}
	return &m->bdev;
}
