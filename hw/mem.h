/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that devices can reach. Chunks are allocated once, large and seldom;
 * pools (target/core/buf.h) and malloc bdevs cut them up. Every device present
 * or arriving later is told of every chunk, so that it can register it.
 *
 * A chunk has an I/O virtual address: the only address that may go on a wire,
 * into an SGL, a PRP, a trace or a hash. The world hands IOVAs out in a fixed
 * order; the Linux backend too (they need not equal the pointer).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hw/hw.h"

struct mem_chunk {
	void *base;    /* page aligned, zeroed */
	size_t len;    /* bytes, multiple of the page size */
	uint64_t iova; /* of base; page aligned, never 0, ranges never overlap */
};

/* Somebody who registers memory with a device. */
struct mem_watcher {
	/*
	 * A chunk exists (also called for every present chunk by watch). Returns 0,
	 * or a negative errno: then the allocation (or the watch) fails with it.
	 * Called on the thread that allocates; must not allocate or free chunks.
	 */
	int (*attach)(struct mem_watcher *w, const struct mem_chunk *chunk);
	/* The chunk is about to be freed (or the watcher leaves). */
	void (*detach)(struct mem_watcher *w, const struct mem_chunk *chunk);
	struct mem_watcher *next; /* the backend's */
};

struct hw_mem_ops {
	/*
	 * Allocates len bytes (rounded up to the page size). Returns 0 and *out,
	 * -ENOMEM, -EINVAL (len 0), or what a watcher's attach returned. Any thread.
	 */
	int (*alloc)(struct hw_mem *mem, size_t len, struct mem_chunk **out);
	/* Any thread. NULL is allowed. */
	void (*free)(struct hw_mem *mem, struct mem_chunk *chunk);
	/* Returns 0 or the first error of attach (then nothing stays attached). Any thread. */
	int (*watch)(struct hw_mem *mem, struct mem_watcher *w);
	void (*unwatch)(struct hw_mem *mem, struct mem_watcher *w);
	/* Bytes in chunks now. */
	size_t (*in_use)(struct hw_mem *mem);
	/*
	 * As alloc; its pages are of that NUMA node as far as it has some, whichever thread
	 * touches them first. node -1: as alloc, which leaves it to that thread. Where nodes
	 * have been chosen for the whole program (numactl), that stands.
	 */
	int (*alloc_on)(struct hw_mem *mem, size_t len, int node, struct mem_chunk **out);
};

struct hw_mem {
	const struct hw_mem_ops *ops;
};
