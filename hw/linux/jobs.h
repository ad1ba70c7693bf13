/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads for what blocks. A pool makes threads while jobs wait and no thread is
 * idle, up to its limit; an idle one ends after some seconds. A job that hangs
 * keeps one thread.
 */
#pragma once

#include <stdbool.h>

struct job_pool;

/* Intrusive; the pool does not touch it any more once run is called. */
struct job {
	struct job *next;
	void (*run)(struct job *job); /* on a thread of the pool */
};

/* name: of its threads, at most 15 bytes. NULL: no memory. */
struct job_pool *job_pool_new(const char *name, unsigned max_threads);
/* Any thread, also one of the pool. 0, or -EAGAIN: there is no thread and none can be made. */
int job_pool_push(struct job_pool *pool, struct job *job);
/*
 * Waiting jobs are done first. Waits until the threads have ended, at most
 * wait_ms; what hangs then frees the pool when it ends. False: something does.
 */
bool job_pool_free(struct job_pool *pool, unsigned wait_ms);
