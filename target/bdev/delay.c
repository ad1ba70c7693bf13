/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The delay bdev: base does the I/O, and its answer is kept for a while.
 *
 * Each channel has a queue for each latency, first in, first out: what is delayed
 * by less since a change of latencies does not overtake. Of reads and of all else
 * every hundredth has the p99 latency.
 */
#include <errno.h>

#include "target/bdev/bdev-priv.h"
#include "target/core/error.h"

struct bdev_delay {
	struct bdev_stack stack;
	_Atomic uint64_t latency[BDEV_LATENCY_COUNT]; /* ns; written by the main reactor */
};

struct delay_channel {
	struct bdev_stack_channel stack;
	struct bdev_delay *delay;
	struct timer timer;
	unsigned n[2];				      /* I/Os: reads, others; modulo 100 */
	struct bdev_io_list held[BDEV_LATENCY_COUNT]; /* scratch[0]: until when */
};

static void set_timer(struct delay_channel *c, struct reactor *r)
{
	uint64_t first = HW_NEVER;

	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++) {
		if (c->held[i].head != NULL)
			first = MIN(first, c->held[i].head->scratch[0]);
	}
	if (first == HW_NEVER)
		reactor_timer_cancel(r, &c->timer);
	else
		reactor_timer_set(r, &c->timer, first);
}

static void let_go(struct delay_channel *c, struct reactor *r, uint64_t until)
{
	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++) {
		while (c->held[i].head != NULL && c->held[i].head->scratch[0] <= until) {
			struct bdev_io *io = bdev_io_list_pop(&c->held[i]);

			bdev_io_complete(io, io->status);
		}
	}
	set_timer(c, r);
}

static void timer_fired(struct timer *timer, struct reactor *r)
{
	let_go((struct delay_channel *)((char *)timer - offsetof(struct delay_channel, timer)), r,
	       r->now);
}

static enum bdev_latency latency_of(struct delay_channel *c, const struct bdev_io *io)
{
	unsigned kind = io->op == BDEV_READ ? 0 : 1;
	bool p99 = ++c->n[kind] == 100;

	if (p99)
		c->n[kind] = 0;
	return (enum bdev_latency)(2 * kind + p99);
}

static void base_done(struct bdev_io *io)
{
	enum bdev_latency which = (enum bdev_latency)bdev_io_pass_up(io);
	struct bdev_channel *channel = io->channel;
	struct delay_channel *c = channel->ctx;
	uint64_t ns = atomic_load_explicit(&c->delay->latency[which], memory_order_relaxed);

	if (channel->hurried || (ns == 0 && c->held[which].head == NULL)) {
		bdev_io_complete(io, io->status);
		return;
	}
	io->scratch[0] = channel->reactor->now + ns;
	bdev_io_list_push(&c->held[which], io);
	if (c->held[which].head == io)
		set_timer(c, channel->reactor);
}

static void delay_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	bdev_io_pass_down(io, bdev_stack_below(channel), base_done, latency_of(channel->ctx, io));
}

static bool delay_abort(struct bdev_channel *channel, struct bdev_io *io)
{
	struct delay_channel *c = channel->ctx;

	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++) {
		if (!bdev_io_list_remove(&c->held[i], io))
			continue;
		set_timer(c, channel->reactor);
		bdev_io_complete(io, io->status);
		return true;
	}
	return false;
}

static void delay_hurry(struct bdev_channel *channel)
{
	bdev_channel_hurry(bdev_stack_below(channel));
	let_go(channel->ctx, channel->reactor, HW_NEVER);
}

static int delay_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	struct delay_channel *c = g_new0(struct delay_channel, 1);

	c->delay = (struct bdev_delay *)bdev;
	timer_init(&c->timer, timer_fired);
	return bdev_stack_channel_open(bdev, channel, c);
}

static void delay_channel_close(struct bdev_channel *channel)
{
	struct delay_channel *c = channel->ctx;

	reactor_timer_cancel(channel->reactor, &c->timer);
	bdev_stack_channel_close(channel);
}

static const struct bdev_ops delay_ops = {
	.product_name = "delay",
	.destroy = bdev_stack_destroy,
	.channel_open = delay_channel_open,
	.channel_close = delay_channel_close,
	.submit = delay_submit,
	.abort = delay_abort,
	.hurry = delay_hurry,
};

bool bdev_is_delay(const struct bdev *bdev)
{
	return bdev->ops == &delay_ops;
}

uint64_t bdev_delay_latency(const struct bdev *bdev, enum bdev_latency which)
{
	struct bdev_delay *d = (struct bdev_delay *)bdev;

	return atomic_load_explicit(&d->latency[which], memory_order_relaxed);
}

static bool check(const uint64_t latency[BDEV_LATENCY_COUNT], GError **error)
{
	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++) {
		if (latency[i] > BDEV_LATENCY_MAX)
			return weft_error_set(error, -EINVAL, NULL,
					      "a latency is one hour at most");
	}
	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i += 2) {
		if (latency[i + 1] < latency[i])
			return weft_error_set(
				error, -EINVAL, NULL,
				"p99_%s_latency is less than avg_%s_latency; it is that of the "
				"slowest, and must be at least the same",
				i == 0 ? "read" : "write", i == 0 ? "read" : "write");
	}
	return true;
}

bool bdev_delay_set_latency(struct bdev *bdev, enum bdev_latency which, uint64_t ns, GError **error)
{
	struct bdev_delay *d = (struct bdev_delay *)bdev;
	uint64_t latency[BDEV_LATENCY_COUNT];

	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++)
		latency[i] = i == which ? ns : bdev_delay_latency(bdev, (enum bdev_latency)i);
	if (!check(latency, error))
		return false;
	atomic_store_explicit(&d->latency[which], ns, memory_order_relaxed);
	return true;
}

struct bdev *bdev_delay_create(struct bdev_layer *layer, const char *name, const char *base,
			       const uint64_t latency[BDEV_LATENCY_COUNT], const uint8_t *uuid,
			       GError **error)
{
	const struct bdev_stack_setup setup = {
		.ops = &delay_ops, .name = name, .base = base, .uuid = uuid
	};
	struct bdev_delay *d;

	if (!check(latency, error))
		return NULL;
	d = g_new0(struct bdev_delay, 1);
	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++)
		atomic_init(&d->latency[i], latency[i]);
	return bdev_stack_init(layer, &d->stack, &setup, error) ? &d->stack.bdev : NULL;
}
