/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files that make a snapshot. */
#pragma once

#include "target/metrics/snapshot.h"

/*
 * Everything a snapshot consists of while it grows. Its parts are large blocks, so
 * that it is freed in no time however many namespaces there are.
 */
struct metrics_store {
	GStringChunk *strings;
	GArray *subsystems, *namespaces, *listeners, *ctrlrs, *paths, *bdevs;
	GPtrArray *counts; /* blocks of struct nvmf_counts */
	unsigned used;	   /* of the last block */
	GPtrArray *hists;  /* struct hist */
};

/* One collection at a time: a message that goes from reactor to reactor, and belongs to it there.
 */
struct metrics_source {
	struct msg msg;
	struct task task; /* the same on the reactor where it is */
	unsigned on;
	struct core *core;
	struct bdev_layer *bdevs;
	struct nvmf_tgt *nvmf;
	uint64_t started;
	void (*fill_rpc)(void *arg, struct metrics_rpc *rpc);
	void *rpc_arg;

	struct metrics_waiter *waiters, *next_waiters;
	struct metrics *metrics; /* being made; NULL: none is */
	struct metrics_store *store;
	void (*step)(struct metrics_source *source, struct reactor *r);
	uint32_t at;   /* how far the step is */
	bool again;    /* the walk has begun */
	unsigned away; /* bdevs asked for */
	/* Look-up only: (subsystem << 16 | cntlid) -> index in ctrlrs + 1; who and where -> in
	 * paths + 1. */
	GHashTable *seen, *paths;

	bool stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

struct metrics *metrics_new(struct metrics_store **store);
/* The arrays are complete. */
void metrics_seal(struct metrics *metrics);
/* A zeroed one, of the store. */
struct nvmf_counts *metrics_counts_new(struct metrics_store *store);
struct metrics_address metrics_address(struct metrics_store *store, const struct nvmf_trid *trid);

/* Goes on with step, on that reactor, in its next pass. */
void metrics_go_on(struct metrics_source *source, unsigned reactor,
		   void (*step)(struct metrics_source *source, struct reactor *r));
/* queues.c: the queues on this reactor; then metrics_next_reactor(). */
void metrics_step_queues(struct metrics_source *source, struct reactor *r);
void metrics_next_reactor(struct metrics_source *source, struct reactor *r);
/* Paths out of controllers; then metrics_finish(). */
void metrics_step_paths(struct metrics_source *source, struct reactor *r);
void metrics_finish(struct metrics_source *source);
