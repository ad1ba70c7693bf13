/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the reader of saved configurations, and the check of their calls. Property: the
 * entries, written as such a file again, are the same ones.
 */
#include <stdint.h>
#include <string.h>

#include "fuzz/config-fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *write_again(const struct config *config)
{
	GString *s = g_string_new("{\"subsystems\":[{\"subsystem\":\"x\",\"config\":[");

	for (guint i = 0; i < config->entries->len; i++) {
		const struct config_entry *e =
			&g_array_index(config->entries, struct config_entry, i);

		g_string_append_printf(s, "%s{\"params\":%.*s,\"method\":\"%s\"}", i > 0 ? "," : "",
				       e->params ? (int)e->params->raw_len : 4,
				       e->params ? e->params->raw : "null", e->method);
	}
	g_string_append(s, "]}]}");
	return g_string_free(s, FALSE);
}

/* Of names that need no escapes, which is what methods' are. */
static bool is_plain(const struct config *config)
{
	for (guint i = 0; i < config->entries->len; i++) {
		const char *c = g_array_index(config->entries, struct config_entry, i).method;

		for (; *c; c++)
			if (!g_ascii_isalnum(*c) && *c != '_')
				return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_fuzz_parse((const char *)data, size, false), *again;
	g_autofree char *text = NULL;

	if (config && is_plain(config)) {
		text = write_again(config);
		again = config_fuzz_parse(text, strlen(text), false);
		g_assert_nonnull(again);
		g_assert_cmpuint(again->entries->len, ==, config->entries->len);
		for (guint i = 0; i < again->entries->len; i++)
			g_assert_cmpstr(
				g_array_index(again->entries, struct config_entry, i).method, ==,
				g_array_index(config->entries, struct config_entry, i).method);
		config_free(again);
	}
	config_free(config);
	return 0;
}
