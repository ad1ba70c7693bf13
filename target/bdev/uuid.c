/* SPDX-License-Identifier: BSD-3-Clause */
/* UUIDs as text and back. */
#include <string.h>

#include "target/bdev/bdev.h"

/* A dash stands before these bytes. */
static bool dash_before(unsigned byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void bdev_uuid_format(const uint8_t uuid[16], char text[37])
{
	static const char hex[] = "0123456789abcdef";
	char *p = text;

	for (unsigned i = 0; i < 16; i++) {
		if (dash_before(i))
			*p++ = '-';
		*p++ = hex[uuid[i] >> 4];
		*p++ = hex[uuid[i] & 15];
	}
	*p = '\0';
}

bool bdev_uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t out[16];
	const char *p = text;

	for (unsigned i = 0; i < 16; i++) {
		if (dash_before(i) && *p++ != '-')
			return false;

		int high = g_ascii_xdigit_value(p[0]);
		int low = high < 0 ? -1 : g_ascii_xdigit_value(p[1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		p += 2;
	}
	if (*p != '\0')
		return false;
	memcpy(uuid, out, sizeof(out));
	return true;
}
