/* SPDX-License-Identifier: BSD-3-Clause */
/* A bdev that answers when it is told. Reads are of zeroes. */
#pragma once

#include "target/bdev/bdev-priv.h"

struct slow {
	struct bdev bdev;
	struct bdev_io_list held; /* in the order in which they came */
	unsigned submitted;
};

/* Registered; the layer's as any other. */
struct slow *slow_new(struct bdev_layer *layer, const char *name, uint32_t block_size,
		      uint64_t blocks);
/* Ends all that is held. A call for core_call(), on the reactor of the channel; arg: struct slow.
 */
void slow_answer(struct reactor *r, void *arg);
