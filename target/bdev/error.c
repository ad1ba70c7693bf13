/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error bdev: I/O to base that fails, is damaged or is never answered, as
 * told. For tests of hosts, and of ourselves.
 *
 * What was injected is an object for each kind of I/O, replaced as a whole by the
 * main reactor; I/O reactors only read the pointer and count down. An old one
 * goes when every reactor has been somewhere else since.
 *
 * What is pending stays with its channel until resumed; it ends with an error
 * when its namespace goes, and is given back when its host aborts it or has gone.
 */
#include <errno.h>

#include "target/bdev/bdev-priv.h"
#include "target/core/error.h"
#include "target/nvme/nvme.h"

#define RETRY_NS UINT64_C(1000000)
/* pass_down's arg: what was done to the data, for the way back. */
#define RESTORE (UINT64_C(1) << 63)
#define CORRUPT_READ (UINT64_C(1) << 62)
#define VALUE_SHIFT 40
#define OFFSET_MASK ((UINT64_C(1) << VALUE_SHIFT) - 1)

struct rule {
	struct bdev_injection what;
	_Atomic uint32_t left;
};

struct bdev_error {
	struct bdev_stack stack;
	struct rule *_Atomic rules[BDEV_OP_COUNT];
};

struct error_channel {
	struct bdev_stack_channel stack;
	struct bdev_error *error;
	struct timer timer; /* what found no memory begins again */
	struct bdev_io_list pending, retry;
};

/* --- one I/O --------------------------------------------------------------------------- */

/* The byte at offset of the data; false: it has fewer. */
static bool flip(const struct bdev_io *io, uint64_t offset, uint8_t value)
{
	for (unsigned i = 0; i < io->niov; i++) {
		if (offset < io->iov[i].iov_len) {
			((uint8_t *)io->iov[i].iov_base)[offset] ^= value;
			return true;
		}
		offset -= io->iov[i].iov_len;
	}
	return false;
}

static void passed(struct bdev_io *io)
{
	uint64_t arg = bdev_io_pass_up(io);
	bool read = (arg & CORRUPT_READ) != 0 && io->status == NVME_SUCCESS;

	if (read || (arg & RESTORE) != 0)
		flip(io, arg & OFFSET_MASK, (uint8_t)(arg >> VALUE_SHIFT));
	bdev_io_complete(io, io->status);
}

static void pass(struct bdev_channel *channel, struct bdev_io *io, uint64_t arg)
{
	bdev_io_pass_down(io, bdev_stack_below(channel), passed, arg);
}

/* The submitter's data is as it was when it gets it back. */
static void corrupt(struct bdev_channel *channel, struct bdev_io *io, const struct rule *rule)
{
	uint64_t arg = (uint64_t)rule->what.value << VALUE_SHIFT | rule->what.offset;

	if (io->op == BDEV_READ)
		pass(channel, io, arg | CORRUPT_READ);
	else if (io->op == BDEV_WRITE && flip(io, rule->what.offset, rule->what.value))
		pass(channel, io, arg | RESTORE);
	else
		pass(channel, io, 0);
}

static bool count_down(struct rule *rule)
{
	uint32_t left = atomic_load_explicit(&rule->left, memory_order_relaxed);

	do {
		if (left == 0)
			return false;
		if (left == UINT32_MAX)
			return true;
	} while (!atomic_compare_exchange_weak_explicit(
		&rule->left, &left, left - 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static void error_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	struct error_channel *c = channel->ctx;
	struct rule *rule = atomic_load_explicit(&c->error->rules[io->op], memory_order_acquire);

	if (rule == NULL || channel->inflight < rule->what.queue_depth || !count_down(rule)) {
		pass(channel, io, 0);
		return;
	}
	switch (rule->what.type) {
	case BDEV_ERROR_PENDING:
		if (channel->hurried)
			bdev_io_complete(io, NVME_SC_INTERNAL_ERROR);
		else
			bdev_io_list_push(&c->pending, io);
		break;
	case BDEV_ERROR_CORRUPT:
		corrupt(channel, io, rule);
		break;
	case BDEV_ERROR_NOMEM:
		if (channel->hurried) {
			pass(channel, io, 0);
			break;
		}
		bdev_io_list_push(&c->retry, io);
		if (!timer_is_set(&c->timer))
			reactor_timer_set(channel->reactor, &c->timer,
					  channel->reactor->now + RETRY_NS);
		break;
	case BDEV_ERROR_NVME:
		bdev_io_complete(io, rule->what.status);
		break;
	default:
		bdev_io_complete(io, NVME_SC_INTERNAL_ERROR);
	}
}

/* --- what is held -------------------------------------------------------------------- */

static void pass_all(struct bdev_io_list *list)
{
	struct bdev_io_list all = *list;
	struct bdev_io *io;

	list->head = NULL;
	while ((io = bdev_io_list_pop(&all)) != NULL)
		pass(io->channel, io, 0);
}

/* Again from the start: it may meet the next error. */
static void retry(struct timer *timer, struct reactor *r)
{
	struct error_channel *c =
		(struct error_channel *)((char *)timer - offsetof(struct error_channel, timer));
	struct bdev_io_list all = c->retry;
	struct bdev_io *io;

	(void)r;
	c->retry.head = NULL;
	while ((io = bdev_io_list_pop(&all)) != NULL)
		bdev_io_go(io);
}

static bool error_abort(struct bdev_channel *channel, struct bdev_io *io)
{
	struct error_channel *c = channel->ctx;

	if (!bdev_io_list_remove(&c->pending, io) && !bdev_io_list_remove(&c->retry, io))
		return false;
	bdev_io_complete(io, NVME_SC_ABORT_REQUESTED);
	return true;
}

static void error_hurry(struct bdev_channel *channel)
{
	struct error_channel *c = channel->ctx;
	struct bdev_io *io;

	bdev_channel_hurry(bdev_stack_below(channel));
	reactor_timer_cancel(channel->reactor, &c->timer);
	pass_all(&c->retry);
	while ((io = bdev_io_list_pop(&c->pending)) != NULL)
		bdev_io_complete(io, NVME_SC_INTERNAL_ERROR);
}

static int error_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	struct error_channel *c = g_new0(struct error_channel, 1);

	c->error = (struct bdev_error *)bdev;
	timer_init(&c->timer, retry);
	return bdev_stack_channel_open(bdev, channel, c);
}

static void error_channel_close(struct bdev_channel *channel)
{
	struct error_channel *c = channel->ctx;

	reactor_timer_cancel(channel->reactor, &c->timer);
	bdev_stack_channel_close(channel);
}

static void error_destroy(struct bdev *bdev)
{
	struct bdev_error *e = (struct bdev_error *)bdev;

	for (unsigned i = 0; i < BDEV_OP_COUNT; i++)
		g_free(atomic_load_explicit(&e->rules[i], memory_order_relaxed));
	bdev_stack_destroy(bdev);
}

static const struct bdev_ops error_ops = {
	.product_name = "Error Injection Disk",
	.destroy = error_destroy,
	.channel_open = error_channel_open,
	.channel_close = error_channel_close,
	.submit = error_submit,
	.abort = error_abort,
	.hurry = error_hurry,
};

/* --- control ---------------------------------------------------------------------------- */

bool bdev_is_error(const struct bdev *bdev)
{
	return bdev->ops == &error_ops;
}

struct bdev *bdev_error_create(struct bdev_layer *layer, const char *base, const uint8_t *uuid,
			       GError **error)
{
	g_autofree char *name = g_strdup_printf("EE_%s", base);
	const struct bdev_stack_setup setup = {
		.ops = &error_ops, .name = name, .base = base, .uuid = uuid, .fill_in = true
	};
	struct bdev_error *e = g_new0(struct bdev_error, 1);

	return bdev_stack_init(layer, &e->stack, &setup, error) ? &e->stack.bdev : NULL;
}

static bool check(const struct bdev_injection *in, GError **error)
{
	if (in->type == BDEV_ERROR_CORRUPT && in->value == 0)
		return weft_error_set(error, -EINVAL, NULL,
				      "corrupt_value is 0, which changes nothing; 1 to 255 does");
	if (in->type == BDEV_ERROR_CORRUPT && in->offset > OFFSET_MASK)
		return weft_error_set(error, -EINVAL, NULL,
				      "corrupt_offset is beyond the data of any I/O");
	if (in->type == BDEV_ERROR_NVME && in->status == NVME_SUCCESS)
		return weft_error_set(
			error, -EINVAL, NULL,
			"nvme_failure needs nvme_sct and nvme_sc that are no success");
	return true;
}

static void nowhere(struct bdev *bdev, struct reactor *r, void *arg)
{
	(void)bdev;
	(void)r;
	(void)arg;
}

bool bdev_error_inject(struct bdev *bdev, const struct bdev_injection *in, GError **error)
{
	struct bdev_error *e = (struct bdev_error *)bdev;

	if (!check(in, error))
		return false;
	for (unsigned i = 0; i < BDEV_OP_COUNT; i++) {
		struct rule *rule = NULL, *old;

		if ((in->ops & 1u << i) == 0)
			continue;
		if (in->type != BDEV_ERROR_NONE && in->num > 0) {
			rule = g_new0(struct rule, 1);
			rule->what = *in;
			atomic_init(&rule->left, in->num);
		}
		old = atomic_exchange_explicit(&e->rules[i], rule, memory_order_acq_rel);
		if (old != NULL)
			bdev_broadcast(bdev, nowhere, g_free, old);
	}
	return true;
}

static void resume(struct bdev *bdev, struct reactor *r, void *arg)
{
	struct bdev_channel *channel = bdev->channels[r->index];

	(void)arg;
	if (channel != NULL)
		pass_all(&((struct error_channel *)channel->ctx)->pending);
}

void bdev_error_resume(struct bdev *bdev, void (*done)(void *arg), void *arg)
{
	bdev_broadcast(bdev, resume, done, arg);
}
