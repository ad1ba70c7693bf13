/* SPDX-License-Identifier: BSD-3-Clause */
/* See stamp.h. */
#include "tools/weft-host/stamp.h"

#include <glib.h>
#include <string.h>

static const char magic[8] = "weftVFY1";

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static uint64_t checksum(const void *block, uint32_t size)
{
	const uint64_t *words = block;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < size / 8; i++)
		if (i != offsetof(struct stamp, checksum) / 8)
			sum = (sum ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 29);
	return sum;
}

void stamp_fill(void *block, uint32_t size, const uint8_t uuid[16], uint64_t lba, uint64_t write_id)
{
	struct stamp *s = block;
	uint64_t *words = block;
	uint64_t seed = mix(lba) ^ mix(write_id + UINT64_C(0x9e3779b97f4a7c15));

	*s = (struct stamp){ .lba = lba, .write_id = write_id };
	memcpy(s->magic, magic, sizeof(magic));
	memcpy(s->uuid, uuid, 16);
	for (uint32_t i = sizeof(*s) / 8; i < size / 8; i++)
		words[i] = mix(seed + i);
	s->checksum = checksum(block, size);
}

char *stamp_check(const void *block, uint32_t size, const uint8_t uuid[16], uint64_t lba,
		  uint64_t write_id)
{
	g_autofree uint8_t *want = g_malloc(size);
	const struct stamp *s = block;
	const uint8_t *got = block;
	uint32_t at = 0;
	GString *text;

	stamp_fill(want, size, uuid, lba, write_id);
	if (memcmp(want, block, size) == 0)
		return NULL;
	while (want[at] == got[at])
		at++;
	text = g_string_new(NULL);
	if (memcmp(s->magic, magic, sizeof(magic)) != 0)
		g_string_append(text, "data that no verify wrote");
	else if (s->checksum != checksum(block, size))
		g_string_append(text, "a damaged block");
	else if (memcmp(s->uuid, uuid, 16) != 0)
		g_string_append(text, "a block of another namespace");
	else
		g_string_append_printf(text,
				       "the block of LBA %" G_GUINT64_FORMAT
				       " as written by write %" G_GUINT64_FORMAT,
				       (guint64)s->lba, (guint64)s->write_id);
	g_string_append_printf(text, "; first wrong byte at %u: 0x%02x instead of 0x%02x", at,
			       got[at], want[at]);
	return g_string_free(text, FALSE);
}
