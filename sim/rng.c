/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random streams (xoshiro256**, seeded by splitmix64) and the trace hash.
 * Integers of fixed width only: every machine and compiler gives the same.
 */
#include <string.h>

#include "sim/priv.h"

static uint64_t rotl(uint64_t v, unsigned n)
{
	return (v << n) | (v >> (64 - n));
}

/* A bijection of each argument: two histories that differ once stay different. */
uint64_t world_mix(uint64_t h, uint64_t v)
{
	h ^= v * UINT64_C(0x9e3779b97f4a7c15);
	return rotl(h, 27) * UINT64_C(0xd6e8feb86659fd93) + UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t world_hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t left = len;

	for (; left >= 8; p += 8, left -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		h = world_mix(h, GUINT64_FROM_LE(word));
	}
	if (left > 0) {
		uint64_t word = 0;

		for (size_t i = 0; i < left; i++)
			word |= (uint64_t)p[i] << (8 * i);
		h = world_mix(h, word);
	}
	return world_mix(h, len);
}

uint64_t world_hash_str(const char *s)
{
	return world_hash_bytes(UINT64_C(0x77656674), s, strlen(s));
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void world_rng_init(struct world *w, struct world_rng *rng, const char *name)
{
	uint64_t state;

	rng->world = w;
	rng->id = world_hash_str(name);
	state = world_mix(w->seed, rng->id);
	for (unsigned i = 0; i < 4; i++)
		rng->s[i] = splitmix(&state);
}

uint64_t world_rng_u64(struct world_rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	world_trace(rng->world, WORLD_DRAW, NO_NODE, rng->id, result);
	return result;
}

uint64_t world_rng_below(struct world_rng *rng, uint64_t n)
{
	uint64_t limit, v;

	if (n <= 1)
		return 0;
	/* Values at the top that would favor small results are drawn again. */
	limit = UINT64_MAX - UINT64_MAX % n;
	do {
		v = world_rng_u64(rng);
	} while (v >= limit);
	return v % n;
}

uint64_t world_rng_range(struct world_rng *rng, uint64_t lo, uint64_t hi)
{
	if (hi <= lo)
		return lo;
	if (hi - lo == UINT64_MAX)
		return world_rng_u64(rng);
	return lo + world_rng_below(rng, hi - lo + 1);
}

bool world_rng_chance(struct world_rng *rng, uint32_t ppm)
{
	if (ppm == 0)
		return false;
	if (ppm >= 1000000)
		return true;
	return world_rng_below(rng, 1000000) < ppm;
}

void world_rng_fill(struct world_rng *rng, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		uint64_t v = GUINT64_TO_LE(world_rng_u64(rng));
		size_t n = MIN(len, sizeof(v));

		memcpy(p, &v, n);
		p += n;
		len -= n;
	}
}
