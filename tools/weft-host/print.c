/* SPDX-License-Identifier: BSD-3-Clause */
/* Small things that commands print. */
#include "tools/weft-host/app.h"

char *uuid_text(const uint8_t uuid[16], char out[37])
{
	char *p = out;

	for (unsigned i = 0; i < 16; i++)
		p += g_snprintf(p, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
				uuid[i]);
	return out;
}

char *size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned u = 0;

	while (value >= 1024 && u + 1 < G_N_ELEMENTS(units)) {
		value /= 1024;
		u++;
	}
	g_snprintf(out, 32, "%.*f %s", u ? 2 : 0, value, units[u]);
	return out;
}

/* Takes the builder's tree; frees the builder. */
void json_print(JsonBuilder *b)
{
	g_autoptr(JsonNode) root = json_builder_get_root(b);
	g_autofree char *text = json_to_string(root, TRUE);

	g_print("%s\n", text);
	g_object_unref(b);
}
