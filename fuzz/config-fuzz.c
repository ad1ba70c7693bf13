/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/config-fuzz.h"

#include <string.h>

#include "target/config/load.h"

static void check_error(const GError *error)
{
	const char *detail;

	g_assert_nonnull(error);
	detail = weft_error_detail(error);
	g_assert_nonnull(detail);
	g_assert_true(g_str_has_prefix(detail, "F: "));
	g_assert_true(g_utf8_validate(detail, -1, NULL));
}

static void check_entries(const struct config *config)
{
	for (guint i = 0; i < config->entries->len; i++) {
		const struct config_entry *e =
			&g_array_index(config->entries, struct config_entry, i);

		g_assert_true(g_utf8_validate(e->part, -1, NULL));
		g_assert_true(g_utf8_validate(e->method, -1, NULL));
		if (e->params) {
			struct jv_doc *again =
				jv_parse(e->params->raw, e->params->raw_len, 0, NULL);

			g_assert_nonnull(again);
			jv_doc_unref(again);
		}
	}
	for (guint i = 0; i < config->notes->len; i++)
		g_assert_true(g_utf8_validate(config->notes->pdata[i], -1, NULL));
}

struct config *config_fuzz_parse(const char *text, size_t len, bool sound)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	struct config *config = config_parse("F", text, len, &error);

	if (!config) {
		check_error(error);
		return NULL;
	}
	g_assert_no_error(error);
	check_entries(config);
	config_check(config, problems);
	if (sound && problems->len > 0)
		g_error("%s", (char *)problems->pdata[0]);
	return config;
}
