/* SPDX-License-Identifier: BSD-3-Clause */
/* file.c (life) and file-io.c (channels) of the file bdev. */
#pragma once

#include "hw/file.h"
#include "target/bdev/bdev-priv.h"
#include "target/bdev/file.h"

struct bdev_file {
	struct bdev bdev;
	enum bdev_file_kind kind;
	const struct hw_file_ops *ops;
	struct file *file;
	struct bdev_file_opening *opening; /* NULL: done with */
	char *filename;
	uint32_t block_size_given;
	bool fallocate;
	bool device;
	uint32_t direct_unit; /* of direct I/O, in memory too; 0: there is none */
	GArray *rescans;      /* struct file_rescan, not answered yet */
	void (*deleted)(void *arg);
	void *deleted_arg;
};

static inline struct bdev_file *bdev_file_of(const struct bdev *bdev)
{
	return (struct bdev_file *)bdev;
}

int bdev_file_channel_open(struct bdev *bdev, struct bdev_channel *channel);
void bdev_file_channel_close(struct bdev_channel *channel);
void bdev_file_submit(struct bdev_channel *channel, struct bdev_io *io);
bool bdev_file_abort(struct bdev_channel *channel, struct bdev_io *io);
