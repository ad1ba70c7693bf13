/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stamped blocks: each says whose it is (namespace, LBA) and which write made it,
 * the rest is a pattern that follows from that; all under a checksum.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct stamp {
	char magic[8];
	uint8_t uuid[16];
	uint64_t lba, write_id;
	uint64_t checksum; /* of the whole block, with this field 0 */
};
_Static_assert(sizeof(struct stamp) == 48, "fits any block");

/* block: size bytes, a multiple of 8, 8-byte aligned. */
void stamp_fill(void *block, uint32_t size, const uint8_t uuid[16], uint64_t lba,
		uint64_t write_id);
/*
 * NULL when block is what stamp_fill would have made; else text that says what is
 * there instead, and the first wrong byte. Caller frees.
 */
char *stamp_check(const void *block, uint32_t size, const uint8_t uuid[16], uint64_t lba,
		  uint64_t write_id);
