/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of the process (hw/mem.h) as one RNIC knows it: every chunk there is
 * and will be is registered in a protection domain, and found by address.
 *
 * Chunks come and go on any thread, one at a time; reactors look addresses up
 * without a lock. So the map is replaced as a whole; an old one stays until no
 * reactor says that it is looking at it (held).
 */
#pragma once

#include <stdatomic.h>

#include "hw/mem.h"
#include "hw/rnic.h"
#include "target/core/core.h"

struct rnic_region {
	const uint8_t *base;
	size_t len;
	uint64_t iova;
	uint32_t lkey, rkey;
	struct rnic_mr *mr;
};

/* All regions, by address. Never changed: replaced, and freed when nobody holds it. */
struct rnic_map;

struct rnic_mem {
	struct mem_watcher watcher;
	const struct hw *hw;
	struct rnic_pd *pd;
	int access;
	_Atomic(struct rnic_map *) map;
	struct rnic_map *retired; /* of whoever changes the map: one at a time (hw/mem.h) */
	_Atomic(struct rnic_map *) held[CORE_MAX_REACTORS];
	/* How many regions there are and their bytes, for whoever is curious: any thread. */
	atomic_uint regions;
	atomic_size_t bytes;
};

/* Registers all memory with these rights (IBV_ACCESS_*). 0 or a negative errno. Main reactor. */
int rnic_mem_open(struct rnic_mem *mem, const struct hw *hw, struct rnic_pd *pd, int access);
/* Takes all of it back. Main reactor; nobody looks anything up any more. */
void rnic_mem_close(struct rnic_mem *mem);
/*
 * The region that [ptr, ptr + len) lies in, or NULL. Valid until the reactor looks up
 * the next one. On the reactor of that index.
 */
const struct rnic_region *rnic_mem_find(struct rnic_mem *mem, unsigned index, const void *ptr,
					size_t len);
