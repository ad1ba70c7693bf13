/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stamps: magic, uuid, LBA, id, then words that depend on all of these and their
 * place, and a checksum at the end; so a block that is mixed of two is neither.
 */
#include "sim/oracle/block.h"

#include <string.h>

#include "sim/oracle/crc.h"

#define MAGIC UINT64_C(0x706d617473746677)
#define HEADER 40

static uint64_t seed_of(const struct oracle_stamp *stamp)
{
	uint64_t half[2];

	memcpy(half, stamp->uuid, sizeof(half));
	return (half[0] ^ half[1] << 1) * UINT64_C(0x9e3779b97f4a7c15) ^ stamp->lba << 20 ^
	       stamp->id;
}

void oracle_stamp_fill(void *block, uint32_t size, const struct oracle_stamp *stamp)
{
	uint8_t *p = block;
	const uint64_t magic = MAGIC;
	uint64_t word = seed_of(stamp);
	uint32_t crc;

	memcpy(p, &magic, 8);
	memcpy(p + 8, stamp->uuid, 16);
	memcpy(p + 24, &stamp->lba, 8);
	memcpy(p + 32, &stamp->id, 8);
	for (uint32_t at = HEADER; at + 8 <= size; at += 8) {
		word = word * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		memcpy(p + at, &word, 8);
	}
	crc = oracle_crc32c(0, p, size - 4);
	memcpy(p + size - 4, &crc, 4);
}

enum oracle_stamp_kind oracle_stamp_read(const void *block, uint32_t size,
					 struct oracle_stamp *stamp)
{
	const uint8_t *p = block;
	uint64_t magic;
	uint32_t crc;

	memcpy(&magic, p, 8);
	memcpy(stamp->uuid, p + 8, 16);
	memcpy(&stamp->lba, p + 24, 8);
	memcpy(&stamp->id, p + 32, 8);
	memcpy(&crc, p + size - 4, 4);
	if (magic == 0 && p[0] == 0 && memcmp(p, p + 1, size - 1) == 0)
		return ORACLE_STAMP_ZERO;
	if (magic != MAGIC)
		return ORACLE_STAMP_NONE;
	return crc == oracle_crc32c(0, p, size - 4) ? ORACLE_STAMP_GOOD : ORACLE_STAMP_TORN;
}
