/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers in a byte buffer, big-endian but for the ICRC, of any alignment. The
 * caller has made sure that the bytes are there.
 */
#pragma once

#include <stdint.h>

static inline uint16_t roce_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t roce_get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t roce_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | roce_get24(p + 1);
}

static inline uint64_t roce_get64(const uint8_t *p)
{
	return (uint64_t)roce_get32(p) << 32 | roce_get32(p + 4);
}

static inline void roce_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void roce_put24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	roce_put16(p + 1, (uint16_t)v);
}

static inline void roce_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	roce_put24(p + 1, v);
}

static inline void roce_put64(uint8_t *p, uint64_t v)
{
	roce_put32(p, (uint32_t)(v >> 32));
	roce_put32(p + 4, (uint32_t)v);
}

/* A CRC goes out with its lowest byte first, unlike all else. */
static inline uint32_t roce_get32le(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void roce_put32le(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}
