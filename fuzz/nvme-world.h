/* SPDX-License-Identifier: BSD-3-Clause */
/* What the NVMe harnesses share: a small world, and what must hold after any input. */
#pragma once

#include "fuzz/input.h"
#include "tests/integration/tcp/raw.h"

struct fuzz_world {
	struct fx *fx;
	struct fx_host *good; /* connected, works before and after */
	struct core *core;    /* of the raw host */
	unsigned connections; /* of the good host */
};

void fuzz_world_init(struct fuzz_world *w);
/*
 * All raw connections have been ended by the caller: the target must be rid of
 * them, hold no buffer, serve the other host, and end without a leak.
 */
void fuzz_world_clear(struct fuzz_world *w);
