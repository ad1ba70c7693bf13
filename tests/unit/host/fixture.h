/* SPDX-License-Identifier: BSD-3-Clause */
/* A world with a host and a responder in it, and waiting for things to happen. */
#pragma once

#include "sim/world.h"
#include "target/host/host.h"
#include "tests/unit/host/responder.h"

#define FIX_SUBNQN "nqn.2024-01.test:sub"
#define FIX_HOSTNQN "nqn.2024-01.test:host"
#define FIX_LIMIT (60 * WORLD_SEC)

struct fix {
	struct world *world;
	struct core *tcore, *hcore;
	struct resp resp;
	struct host_params params;
	struct host_ctrlr *c;
	GError *error;
	bool connected, stopped;
	unsigned events[HOST_EVENT_DISCOVERY + 1];
	uint32_t last_nsid;
	uint64_t last_blocks;
};

/* One I/O of a test. */
struct tio {
	struct host_io io;
	struct host_qpair *q;
	struct iovec iov[HOST_IOV_MAX];
	uint8_t *data;
	int submit; /* what submit returned */
	unsigned done;
	bool write;
	struct fix *f;
};

/* Host reactors: 1 or more. Nothing is connected yet. */
void fix_up(struct fix *f, uint64_t seed, unsigned nreactors);
void fix_down(struct fix *f);
/* Connects and waits; false: f->error says why. */
bool fix_connect(struct fix *f);
void fix_disconnect(struct fix *f);
/* Runs until *counter is at least n; false after a minute of the world's time. */
bool fix_wait(struct fix *f, const unsigned *counter, unsigned n);

struct tio *tio_new(struct fix *f, unsigned queue, uint32_t nsid, uint64_t lba, uint32_t blocks,
		    bool write);
/* Splits the data over n elements of uneven length. */
void tio_scatter(struct tio *t, unsigned n);
void tio_fill(struct tio *t, unsigned seed);
void tio_submit(struct tio *t);
void tio_wait(struct tio *t);
/* Submits, waits, frees; returns the status. */
uint16_t tio_run(struct tio *t);
void tio_free(struct tio *t);
/* Writes, reads back, compares. */
void fix_write_read(struct fix *f, unsigned queue, uint64_t lba, uint32_t blocks,
		    unsigned elements);
