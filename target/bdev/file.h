/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bdevs on regular files and block devices (hw/file.h), under the two names that
 * users know, aio and uring: the same thing but for the name. Main reactor.
 *
 * The size is followed: what is truncated, extended or grown changes the bdev. A
 * device that goes away takes its bdev along. A uuid that is not given is derived
 * from the object, so that it stays the same after a restart and on another
 * gateway to the same medium.
 */
#pragma once

#include "target/bdev/bdev.h"

enum bdev_file_kind { BDEV_FILE_AIO, BDEV_FILE_URING };

struct bdev_file_opts {
	enum bdev_file_kind kind;
	const char *name, *filename;
	uint32_t block_size; /* 0: the medium's */
	const uint8_t *uuid; /* NULL: derived */
	bool read_only;
	bool fallocate; /* kept for those who ask; freeing space is always tried */
};

struct bdev_file_opening;

/*
 * Opens the file and registers the bdev. done is called once, later, with the
 * bdev or an error, unless the opening is cancelled before.
 */
struct bdev_file_opening *
bdev_file_create(struct bdev_layer *layer, const struct bdev_file_opts *opts,
		 void (*done)(void *arg, struct bdev *bdev, const GError *error), void *arg);
void bdev_file_cancel(struct bdev_file_opening *opening);

bool bdev_is_file(const struct bdev *bdev, enum bdev_file_kind kind);
/* As it was created; strings are the bdev's. block_size 0: it is the medium's. */
struct bdev_file_opts bdev_file_opts(const struct bdev *bdev);
/* Looks at the size now; done when a change has been told. gone: it is being removed. */
void bdev_file_rescan(struct bdev *bdev, void (*done)(void *arg, bool gone), void *arg);
/* As bdev_unregister(); deleted: when the file is closed, too. */
void bdev_file_delete(struct bdev *bdev, void (*deleted)(void *arg), void *arg);
