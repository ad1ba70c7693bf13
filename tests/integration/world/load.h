/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O that may fail: reads and writes of all sizes on all queues of a host,
 * again and again, whatever becomes of them. Each must end exactly once.
 */
#pragma once

#include "tests/integration/world/fixture.h"

struct load;

/* Starts I/Os on namespace nsid: depth on each queue, of at most max_blocks. */
struct load *load_start(struct fx_host *h, uint32_t nsid, unsigned depth, unsigned max_blocks);
/* No more are started. */
void load_stop(struct load *load);
unsigned load_outstanding(const struct load *load);
unsigned load_good(const struct load *load);   /* ended well */
unsigned load_failed(const struct load *load); /* ended with a status */
/* None may be outstanding. */
void load_free(struct load *load);
