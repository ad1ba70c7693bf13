/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block device layer's I/O side: channels, checks, completion. Everything
 * runs on the reactor of the channel; nothing here allocates but opening one.
 *
 * A channel goes when its last reference is put, and its memory not before the
 * last placed read is released.
 */
#include "target/bdev/bdev-priv.h"
#include "target/core/hist.h"
#include "target/nvme/nvme.h"

/* --- channels ----------------------------------------------------------------------- */

static struct bdev_channel *channel_open(struct bdev *bdev, struct reactor *reactor)
{
	struct bdev_channel *ch = g_aligned_alloc0(1, sizeof(*ch), 64);

	_Static_assert(offsetof(struct bdev_channel, block_size) < 64, "one cache line");
	ch->bdev = bdev;
	ch->reactor = reactor;
	ch->ops = bdev->ops;
	ch->num_blocks = __atomic_load_n(&bdev->num_blocks, __ATOMIC_ACQUIRE);
	ch->block_size = bdev->block_size;
	ch->block_shift = (uint8_t)__builtin_ctz(bdev->block_size);
	ch->supported = bdev->supported;
	ch->can_place = bdev->can_place;
	ch->stats = bdev_stats_of(bdev, reactor);
	bdev_channel_slow(ch, BDEV_SLOW_HIST, ch->stats->hist != NULL);
	bdev_channel_set_qos(ch, bdev_qos_of(bdev, reactor));
	if (bdev->ops->channel_open(bdev, ch) < 0) {
		g_aligned_free(ch);
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
	g_aligned_free(ch);
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

static __attribute__((noinline)) bool pieces_fit(const struct bdev_io *io, uint64_t want)
{
	uint64_t have = 0;

	for (unsigned i = 0; i < io->niov; i++) {
		if (io->iov[i].iov_len > want - have)
			return false;
		have += io->iov[i].iov_len;
	}
	if (have == want)
		return true;
	return have == 0 && (io->flags & BDEV_IO_PLACE) != 0;
}

/* There are blocks; PLACE is set only where that can be. */
static inline bool data_fits(const struct bdev_channel *ch, const struct bdev_io *io)
{
	uint64_t want = (uint64_t)io->blocks << ch->block_shift;

	if (io->niov == 0)
		return (io->flags & BDEV_IO_PLACE) != 0;
	return (io->niov == 1 && io->iov[0].iov_len == want) || pieces_fit(io, want);
}

static inline uint16_t check(const struct bdev_channel *ch, struct bdev_io *io)
{
	if (io->op >= BDEV_OP_COUNT || (ch->supported & 1u << io->op) == 0)
		return NVME_SC_INVALID_OPCODE | NVME_DNR;
	if (io->op != BDEV_READ || !ch->can_place)
		io->flags &= (uint8_t)~BDEV_IO_PLACE;
	if (io->blocks == 0)
		return io->op == BDEV_FLUSH ? NVME_SUCCESS : NVME_SC_INVALID_FIELD | NVME_DNR;
	if (io->lba >= ch->num_blocks || io->blocks > ch->num_blocks - io->lba)
		return NVME_SC_LBA_RANGE | NVME_DNR;
	if ((io->op == BDEV_READ || io->op == BDEV_WRITE) && !data_fits(ch, io))
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	return NVME_SUCCESS;
}

static inline void go(struct bdev_channel *ch, struct bdev_io *io)
{
	uint16_t status = check(ch, io);

	if (__builtin_expect(status != NVME_SUCCESS, 0))
		bdev_io_complete(io, status);
	else
		ch->ops->submit(ch, io);
}

void bdev_io_go(struct bdev_io *io)
{
	go(io->channel, io);
}

void bdev_io_start(struct bdev_io *io)
{
	if (io->channel->qos != NULL)
		bdev_qos_submit(io->channel->qos, io);
	else
		bdev_io_go(io);
}

static inline void prepare(struct bdev_channel *ch, struct bdev_io *io)
{
	io->task.queued = false;
	io->status = NVME_SUCCESS;
	io->nplace = 0;
	io->placer = NULL;
	io->begun = ch->reactor->now;
	ch->inflight++;
}

static __attribute__((noinline)) void submit_slow(struct bdev_channel *ch, struct bdev_io *io)
{
	if ((ch->slow & BDEV_SLOW_RANGES) == 0 || bdev_range_submit(ch, io))
		bdev_io_start(io);
}

void bdev_submit(struct bdev_io *io)
{
	struct bdev_channel *ch = io->channel;

	io->level = 0;
	io->busy = true;
	io->flags &= (uint8_t) ~(BDEV_IO_PLACED | BDEV_IO_LISTED);
	prepare(ch, io);
	if (__builtin_expect(ch->slow, 0))
		submit_slow(ch, io);
	else
		go(ch, io);
}

static __attribute__((noinline)) void new_extreme(struct bdev_op_stats *s, uint64_t ns)
{
	if (ns > s->max)
		s->max = ns;
	if (ns < s->min || s->ops == 0)
		s->min = ns;
}

static inline void account(struct bdev_channel *ch, const struct bdev_io *io)
{
	uint64_t ns = ch->reactor->now - io->begun;
	struct bdev_op_stats *s;

	if (__builtin_expect(io->status != NVME_SUCCESS, 0)) {
		bdev_stats_error(ch, io->status);
		return;
	}
	s = &ch->stats->op[io->op];
	/* Zero ones, of no I/O yet, are right for a first one that took no time. */
	if (__builtin_expect(ns > s->max || ns < s->min, 0))
		new_extreme(s, ns);
	s->ops++;
	s->bytes += (uint64_t)io->blocks << ch->block_shift;
	s->ticks += ns;
}

static __attribute__((noinline)) void done_slow(struct bdev_channel *ch, struct bdev_io *io)
{
	/* Below another one nobody locks ranges. */
	if ((ch->slow & BDEV_SLOW_RANGES) != 0 && io->level == 0)
		bdev_range_done(ch, io);
	if (ch->stats->hist != NULL && io->status == NVME_SUCCESS &&
	    (ch->stats->hist_ops & 1u << io->op) != 0)
		hist_record(ch->stats->hist, ch->reactor->now - io->begun);
}

static void io_done(struct task *task)
{
	struct bdev_io *io = (struct bdev_io *)task;
	struct bdev_channel *ch = io->channel;

	_Static_assert(offsetof(struct bdev_io, task) == 0, "an I/O begins with its task");
	if (__builtin_expect(ch->slow, 0))
		done_slow(ch, io);
	ch->inflight--;
	account(ch, io);
	io->busy = io->level > 0;
	io->done(io);
}

/* A placed read belongs to the channel that has the memory, whoever is above it. */
static void own_placed(struct bdev_io *io)
{
	if (io->status != NVME_SUCCESS) {
		if (io->placer != NULL)
			bdev_io_release(io);
		io->flags &= (uint8_t)~BDEV_IO_PLACED;
	} else if (io->placer == NULL) {
		io->placer = io->channel;
		io->placer->placed++;
	}
}

void bdev_io_complete(struct bdev_io *io, uint16_t status)
{
	io->status = status;
	if ((io->flags & BDEV_IO_PLACED) != 0)
		own_placed(io);
	g_assert(!io->task.queued);
	io->task.fn = io_done;
	reactor_run_soon(io->channel->reactor, &io->task);
}

void bdev_io_release(struct bdev_io *io)
{
	struct bdev_channel *ch = io->placer;

	if ((io->flags & BDEV_IO_PLACED) == 0)
		return;
	io->flags &= (uint8_t)~BDEV_IO_PLACED;
	io->placer = NULL;
	g_assert(ch->placed > 0);
	ch->placed--;
	free_when_unused(ch);
}

/* --- stacks ----------------------------------------------------------------------------- */

void bdev_io_pass_down(struct bdev_io *io, struct bdev_channel *below,
		       void (*done)(struct bdev_io *io), uint64_t arg)
{
	g_assert(io->level < BDEV_STACK_MAX);
	io->frames[io->level++] = (struct bdev_frame){
		.channel = io->channel, .done = io->done, .begun = io->begun, .arg = arg
	};
	io->channel = below;
	io->done = done;
	io->flags &= (uint8_t)~BDEV_IO_PLACED;
	prepare(below, io);
	bdev_io_start(io);
}

uint64_t bdev_io_pass_up(struct bdev_io *io)
{
	const struct bdev_frame *frame;

	g_assert(io->level > 0);
	frame = &io->frames[--io->level];
	io->channel = frame->channel;
	io->done = frame->done;
	io->begun = frame->begun;
	return frame->arg;
}

/* --- ending before time --------------------------------------------------------------- */

bool bdev_io_list_remove(struct bdev_io_list *list, struct bdev_io *io)
{
	struct bdev_io *before = NULL;

	for (struct bdev_io *i = list->head; i != NULL; i = (struct bdev_io *)i->task.next) {
		if (i != io) {
			before = i;
			continue;
		}
		if (before == NULL)
			list->head = (struct bdev_io *)io->task.next;
		else
			before->task.next = io->task.next;
		if (list->tail == io)
			list->tail = before;
		return true;
	}
	return false;
}

bool bdev_io_abort(struct bdev_io *io)
{
	struct bdev_channel *ch = io->channel;

	if (!io->busy || io->task.queued)
		return false;
	if (((ch->slow & BDEV_SLOW_RANGES) != 0 && bdev_range_remove(ch, io)) ||
	    (ch->qos != NULL && bdev_qos_remove(ch->qos, io))) {
		bdev_io_complete(io, NVME_SC_ABORT_REQUESTED);
		return true;
	}
	return ch->ops->abort != NULL && ch->ops->abort(ch, io);
}

void bdev_channel_hurry(struct bdev_channel *ch)
{
	struct bdev_qos_reactor *qos = ch->qos;

	ch->hurried = true;
	bdev_channel_set_qos(ch, NULL);
	if (qos != NULL)
		bdev_qos_flush(qos);
	if (ch->ops->hurry != NULL)
		ch->ops->hurry(ch);
}
