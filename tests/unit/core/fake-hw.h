/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A HAL for unit tests: the test moves the clock and makes the passes; memory
 * is mmapped, so that untouched pages can be told; log lines are kept.
 *
 * It does not model devices: that is sim/'s.
 */
#pragma once

#include <glib.h>
#include <stdatomic.h>

#include "hw/env.h"
#include "hw/mem.h"
#include "target/core/core.h"

#define FAKE_RUNNERS_MAX 64

struct fake_runner {
	struct fake_hw *fake;
	struct hw_runner_params params;
	char name[16];
	atomic_uint wakes;
	bool running;
};

struct fake_hw {
	struct hw hw;
	struct hw_env env;
	struct hw_mem mem;
	struct hw_faults faults; /* not in hw before fake_hw_fail() */

	uint64_t now, wall;
	uint64_t random;
	struct fake_runner runners[FAKE_RUNNERS_MAX];
	unsigned nrunners;
	int runner_error; /* what the next runner_start returns */
	unsigned cpus_per_node; /* of NUMA; 0: not known */
	int mem_node;		/* that the last alloc_on was for */
	GPtrArray *lines;
	bool lines_seen; /* log lines are expected: not an error of the test */

	size_t mem_in_use, mem_limit;
	struct mem_watcher *watchers;
	GPtrArray *chunk_list; /* struct mem_chunk*, in order of allocation */
	uint64_t next_iova;
	unsigned chunks;

	const char *fault;   /* name */
	unsigned fault_hits; /* how many more times it hits */
};

struct fake_hw *fake_hw_new(void);
/* All memory must be back, all runners stopped. */
void fake_hw_free(struct fake_hw *fake);
/* The fault point name hits the next times times. */
void fake_hw_fail(struct fake_hw *fake, const char *name, unsigned times);
/* A core of n reactors on it, not started. */
struct core *fake_core_new(struct fake_hw *fake, unsigned n, size_t buf_limit);
/* Passes all reactors, round robin, until none finds work. */
void fake_core_run(struct core *core);
/* Sets the clock to the next deadline of any reactor and runs; false: no deadline. */
bool fake_core_step(struct core *core);
/* xorshift64*; never use rand() in a test. */
uint64_t fake_rand(uint64_t *state);
/* The seed of this run: printed, WEFT_TEST_SEED overrides it. */
uint64_t fake_seed(uint64_t otherwise);
