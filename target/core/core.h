/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reactors of one target and what they share: the HAL, the log. Lower
 * parts (bdev, nvmf, rpc) are built on a struct core.
 *
 * Reactor 0 is the main reactor: configuration is changed there. With one
 * reactor everything is on it.
 */
#pragma once

#include <glib.h>

#include "hw/hw.h"
#include "target/core/log.h"
#include "target/core/reactor.h"

#define CORE_MAX_REACTORS 64

struct core_options {
	unsigned nreactors;     /* 1..CORE_MAX_REACTORS; 0 means 1 */
	const int *cpus;        /* one for each reactor, -1 not pinned; NULL: none pinned */
	uint64_t spin_ns;       /* hw/env.h */
	size_t buf_limit;       /* bytes of pool memory a reactor may grow to; 0: 128 MiB */
	uint32_t trace_records; /* ring size a reactor, power of two; 0: 8192 */
	enum log_level log_level;
};

struct core {
	const struct hw *hw;
	struct log *log;
	unsigned nreactors;
	struct reactor *reactors[CORE_MAX_REACTORS];
	struct core_options options;
};

/* Makes the reactors with their pools and network contexts; they do not run yet. NULL and error. */
struct core *core_new(const struct hw *hw, const struct core_options *options, GError **error);
/* Starts their runners, the main one last. */
bool core_start(struct core *core, GError **error);
/* Stops all runners. Main thread, outside of a pass. Idempotent. */
void core_stop(struct core *core);
/* Stopped, everything built on it gone. NULL allowed. */
void core_free(struct core *core);

static inline struct reactor *core_main(const struct core *core)
{
	return core->reactors[0];
}

/*
 * Runs each on every reactor (by message, also on the caller's), then done on
 * the main reactor once all have finished. For the control path: allocates.
 * Call on the main reactor.
 */
void core_broadcast(struct core *core, void (*each)(struct reactor *r, void *arg),
		    void (*done)(void *arg), void *arg);

/* Runs fn(arg) on r by message. Any thread; allocates. */
void core_call(struct reactor *r, void (*fn)(struct reactor *r, void *arg), void *arg);
