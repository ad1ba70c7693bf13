/* SPDX-License-Identifier: BSD-3-Clause */
/* What the block device layer shares with the backends in this folder only. */
#pragma once

#include "target/bdev/bdev.h"

/*
 * Memory that a bdev and its channels hold together: it goes when the last of
 * them lets go, so that placed reads survive the bdev. Any thread.
 */
struct shared_mem;

/* One contiguous, zeroed piece. NULL and error. */
struct shared_mem *shared_mem_new(const struct hw *hw, size_t len, GError **error);
struct shared_mem *shared_mem_ref(struct shared_mem *mem);
void shared_mem_unref(struct shared_mem *mem);
void *shared_mem_base(const struct shared_mem *mem);

const struct hw *bdev_layer_hw(const struct bdev_layer *layer);

/*
 * What every created bdev needs: name (a copy, or the first free <prefix><N>),
 * uuid (given, or random), sizes and defaults. bdev_fini_common undoes it.
 */
void bdev_init_common(struct bdev_layer *layer, struct bdev *bdev, const struct bdev_ops *ops,
		      const char *name, const char *prefix, const uint8_t *uuid);
void bdev_fini_common(struct bdev *bdev);
/* Block size a power of two in 512..65536, at least one block, bytes fit into 63 bits. */
bool bdev_check_size(uint64_t num_blocks, uint32_t block_size, GError **error);

/* --- bdev-io.c, range-lock.c ------------------------------------------------------- */

/* Submits what was held. */
void bdev_io_start(struct bdev_io *io);
void bdev_range_channel_opened(struct bdev_channel *ch);
void bdev_range_channel_closed(struct bdev_channel *ch);
/* On channels that are slow. False: it is held, and submitted by itself when it may go. */
bool bdev_range_submit(struct bdev_channel *ch, struct bdev_io *io);
void bdev_range_done(struct bdev_channel *ch, struct bdev_io *io);

static inline uint64_t bdev_io_bytes(const struct bdev_io *io)
{
	return (uint64_t)io->blocks << io->channel->block_shift;
}
