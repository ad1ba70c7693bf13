/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-host perf: one worker a queue, on the queue's reactor, and what the main
 * reactor reads of it while it runs (counters only; the rest when it is over).
 */
#pragma once

#include <stdatomic.h>

#include "target/core/hist.h"
#include "tools/weft-host/app.h"

struct perf_worker;

struct perf_io {
	struct host_io io;
	struct iovec iov;
	struct perf_worker *worker;
	uint64_t start;
	struct perf_io *next; /* parked */
};

struct perf_worker {
	struct perf *perf;
	struct host_qpair *q;
	struct perf_io *ios;
	unsigned depth, outstanding;
	struct mem_chunk *data;
	uint64_t rng, next_lba; /* in I/Os, sequential */
	bool stopping;
	/* --rate */
	uint64_t interval, due;
	struct perf_io *parked;
	struct timer timer;
	/* result */
	struct hist hist[2]; /* reads, writes */
	uint64_t errors, stopped_at;
	uint16_t first_status;
	/* read while running */
	_Atomic uint64_t ios_done, lat_sum;
};

struct perf {
	struct app *app;
	struct perf_worker *workers;
	unsigned nworkers, ended;
	uint32_t nsid, blocks, block_size;
	uint64_t nios; /* places in the namespace */
	uint64_t started, ends;
	struct timer tick;
	uint64_t last_ios, last_lat, last_time;
	bool tty, stopping;
};

/* perf-report.c */
void perf_progress(struct perf *p, uint64_t now);
void perf_report(struct perf *p);
