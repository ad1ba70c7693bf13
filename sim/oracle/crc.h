/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC32C (Castagnoli), as NVMe/TCP digests and block stamps use it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* crc: of what came before, 0 at the start. */
uint32_t oracle_crc32c(uint32_t crc, const void *data, size_t len);
/* The same on every machine, for the test of the other. */
uint32_t oracle_crc32c_plain(uint32_t crc, const void *data, size_t len);
