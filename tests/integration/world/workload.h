/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verified I/O of one host to a range of blocks that is its own: each block
 * carries its number and the number of the write that made it; a read must find
 * the last one. Failures abort the test.
 */
#pragma once

#include "tests/integration/world/fixture.h"

struct workload_params {
	uint32_t nsid;
	uint64_t first_lba, blocks; /* the range */
	unsigned ios;		    /* to do in all */
	unsigned depth;		    /* outstanding */
	unsigned max_blocks;	    /* of one I/O */
};

/* Starts; fx->waiting counts it until all I/Os are done. Free it after that. */
struct workload *workload_start(struct fx_host *h, const struct workload_params *params);
/* I/Os done so far. */
unsigned workload_finished(const struct workload *wl);
void workload_free(struct workload *wl);
