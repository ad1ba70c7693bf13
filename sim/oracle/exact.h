/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle X for whoever submits I/O: each accepted command is completed exactly
 * once, none that was not submitted, none after its queue's end was acknowledged.
 * (That data comes before the completion is seen on the wire: wire.h.)
 *
 * A queue is any number: a new one for each incarnation. Texts are the caller's.
 */
#pragma once

#include <stdint.h>

struct oracle_exact;

struct oracle_exact *oracle_exact_new(void);
void oracle_exact_free(struct oracle_exact *o);
/* id: any number that is not in use on the queue. */
char *oracle_exact_submitted(struct oracle_exact *o, uint64_t queue, uint64_t id);
char *oracle_exact_completed(struct oracle_exact *o, uint64_t queue, uint64_t id);
/* The end of the queue was acknowledged: everything must have been completed. */
char *oracle_exact_queue_gone(struct oracle_exact *o, uint64_t queue);
/* At the end, or when all must have been done: NULL, or what was never completed. */
char *oracle_exact_all_done(struct oracle_exact *o);
