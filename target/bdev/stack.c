/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stackable bdevs have in common: one base, claimed; a channel of it below
 * each of their own; its size and its removal are theirs. And the passthru bdev,
 * which has nothing else.
 *
 * Invariants: base stays open until the upper bdev is destroyed, by which time
 * its channels, and so those of base it held, are put.
 */
#include <errno.h>
#include <string.h>

#include "target/bdev/bdev-priv.h"
#include "target/core/error.h"

/* --- base changes ------------------------------------------------------------------------ */

struct new_size {
	struct bdev *base;
	uint64_t blocks;
};

static void size_of_base(struct bdev *bdev, struct reactor *r, void *arg)
{
	const struct new_size *size = arg;

	/* The upper bdev's channel holds the one of base, or nobody does. */
	if (bdev->channels[r->index] != NULL && size->base->channels[r->index] != NULL)
		bdev_channel_set_blocks(size->base->channels[r->index], size->blocks);
}

/* Base's channels first, so that what the hosts are told of can be used. */
static void base_resized(struct bdev_desc *desc, uint64_t blocks, void *user)
{
	struct bdev_stack *s = user;
	struct new_size *size;

	if (s->bdev.removing)
		return;
	size = g_new(struct new_size, 1);
	*size = (struct new_size){ .base = bdev_desc_bdev(desc), .blocks = blocks };
	bdev_broadcast(&s->bdev, size_of_base, g_free, size);
	bdev_size_changed(&s->bdev, blocks);
}

static void base_removed(struct bdev_desc *desc, void *user)
{
	struct bdev_stack *s = user;

	(void)desc;
	bdev_unregister(&s->bdev, NULL, NULL);
}

static const struct bdev_events base_events = { .resized = base_resized, .removed = base_removed };

/* --- making and ending ----------------------------------------------------------------- */

static bool open_base(struct bdev_layer *layer, struct bdev_stack *s, const char *base,
		      GError **error)
{
	const struct bdev *b;

	s->desc = bdev_open(layer, base, true, &base_events, s, error);
	if (s->desc == NULL)
		return false;
	b = bdev_desc_bdev(s->desc);
	if (b->level < BDEV_STACK_MAX)
		return true;
	return weft_error_set(error, -EINVAL, NULL,
			      "%s is on top of %u bdevs already; no more than that", base,
			      b->level);
}

static void destroy_new(struct bdev_stack *s)
{
	if (s->desc != NULL)
		bdev_close(s->desc);
	bdev_fini_common(&s->bdev);
	g_free(s);
}

bool bdev_stack_init(struct bdev_layer *layer, struct bdev_stack *s,
		     const struct bdev_stack_setup *setup, GError **error)
{
	g_autofree char *owner = NULL;
	const struct bdev *base;

	if (hw_fault(bdev_layer_hw(layer), "bdev.stack")) {
		weft_error_set(error, -ENOMEM, NULL, "no memory for bdev %s", setup->name);
		goto fail;
	}
	if (!open_base(layer, s, setup->base, error))
		goto fail;
	base = bdev_desc_bdev(s->desc);
	bdev_init_common(layer, &s->bdev, setup->ops, setup->name, NULL, setup->uuid);
	s->bdev.block_size = base->block_size;
	s->bdev.physical_block_size = base->physical_block_size;
	s->bdev.preferred = base->preferred;
	s->bdev.optimal_io_boundary = base->optimal_io_boundary;
	s->bdev.num_blocks = base->num_blocks;
	s->bdev.supported = base->supported;
	s->bdev.can_place = base->can_place && !setup->fill_in;
	s->bdev.write_cache = base->write_cache;
	s->bdev.unmap_zeroes = base->unmap_zeroes;
	s->bdev.level = (uint8_t)(base->level + 1);
	if (!bdev_register(layer, &s->bdev, error))
		goto fail;
	owner = g_strdup_printf("bdev %s", s->bdev.name);
	bdev_desc_set_owner(s->desc, owner);
	return true;
fail:
	destroy_new(s);
	return false;
}

void bdev_stack_destroy(struct bdev *bdev)
{
	destroy_new((struct bdev_stack *)bdev);
}

int bdev_stack_channel_open(struct bdev *bdev, struct bdev_channel *channel, void *ctx)
{
	struct bdev_stack *s = (struct bdev_stack *)bdev;
	struct bdev_stack_channel *c = ctx;

	c->below = bdev_channel_get(bdev_desc_bdev(s->desc), channel->reactor);
	if (c->below == NULL) {
		g_free(c);
		return -ENOMEM;
	}
	channel->ctx = c;
	return 0;
}

void bdev_stack_channel_close(struct bdev_channel *channel)
{
	bdev_channel_put(bdev_stack_below(channel));
	g_free(channel->ctx);
}

/* --- passthru -------------------------------------------------------------------------- */

static int passthru_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	return bdev_stack_channel_open(bdev, channel, g_new0(struct bdev_stack_channel, 1));
}

static void passed(struct bdev_io *io)
{
	bdev_io_pass_up(io);
	bdev_io_complete(io, io->status);
}

static void passthru_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	bdev_io_pass_down(io, bdev_stack_below(channel), passed, 0);
}

static void passthru_hurry(struct bdev_channel *channel)
{
	bdev_channel_hurry(bdev_stack_below(channel));
}

static const struct bdev_ops passthru_ops = {
	.product_name = "passthru",
	.destroy = bdev_stack_destroy,
	.channel_open = passthru_channel_open,
	.channel_close = bdev_stack_channel_close,
	.submit = passthru_submit,
	.hurry = passthru_hurry,
};

bool bdev_is_passthru(const struct bdev *bdev)
{
	return bdev->ops == &passthru_ops;
}

struct bdev *bdev_passthru_create(struct bdev_layer *layer, const char *name, const char *base,
				  const uint8_t *uuid, GError **error)
{
	struct bdev_stack *s = g_new0(struct bdev_stack, 1);
	const struct bdev_stack_setup setup = {
		.ops = &passthru_ops, .name = name, .base = base, .uuid = uuid
	};

	return bdev_stack_init(layer, s, &setup, error) ? &s->bdev : NULL;
}

struct bdev *bdev_base(const struct bdev *bdev)
{
	if (bdev->level == 0)
		return NULL;
	return bdev_desc_bdev(((const struct bdev_stack *)bdev)->desc);
}
