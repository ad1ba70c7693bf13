/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of a stream by their position in it: a ring that grows. Its owner keeps
 * the positions; those it holds bytes of must lie within `size` of each other.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ring {
	uint8_t *buf;
	size_t size; /* power of two, or 0 */
};

/* Makes place for the positions head..head+need-1; those of head..tail-1 are kept. */
void ring_reserve(struct ring *r, uint64_t head, uint64_t tail, size_t need);
void ring_write(struct ring *r, uint64_t at, const void *data, size_t len);
void ring_read(const struct ring *r, uint64_t at, void *data, size_t len);
void ring_free(struct ring *r);
