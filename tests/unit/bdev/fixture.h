/* SPDX-License-Identifier: BSD-3-Clause */
/* A core of two reactors and a bdev layer for tests; one I/O at a time, or many. */
#pragma once

#include "target/bdev/bdev.h"
#include "target/nvme/nvme.h"
#include "tests/unit/core/fake-hw.h"

struct fixture {
	struct fake_hw *fake;
	struct core *core;
	struct bdev_layer *layer;
	GString *events; /* what listeners and watchers were told */
};

void fixture_set_up(struct fixture *f, gconstpointer data);
void fixture_tear_down(struct fixture *f, gconstpointer data);

/* An I/O that counts how often it was done. */
struct test_io {
	struct bdev_io io;
	struct iovec iov[8];
	unsigned done;
	void (*then)(struct test_io *t);
	void *user;
};

void test_io_submit(struct test_io *t, struct bdev_channel *ch, enum bdev_op op, uint64_t lba,
		    uint32_t blocks, unsigned flags, void *data);
/* The same, run until done. Returns its status. */
uint16_t test_io_run(struct fixture *f, struct test_io *t, struct bdev_channel *ch, enum bdev_op op,
		     uint64_t lba, uint32_t blocks, unsigned flags, void *data);
/* bdev_unregister() callback: sets a bool. */
void fixture_removed(void *arg);
