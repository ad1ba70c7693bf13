/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/config/forms.h"

#include <string.h>

#include "target/config/config.h"

static char *calls_of(const struct config *config)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < config->entries->len; i++) {
		const struct config_entry *e =
			&g_array_index(config->entries, struct config_entry, i);

		g_string_append_printf(s, "%u %s %s %.*s\n", e->line, e->part, e->method,
				       e->params ? (int)e->params->raw_len : 0,
				       e->params ? e->params->raw : "");
	}
	return g_string_free(s, FALSE);
}

static void check_case(const void *data)
{
	const struct form_case *c = data;
	g_autofree char *copy = g_memdup2(c->text, strlen(c->text)); /* ends where it ends */
	g_autoptr(GError) error = NULL;
	struct config *config = config_parse("F", copy, strlen(c->text), &error);

	if (c->wrong) {
		g_assert_null(config);
		g_assert_nonnull(error);
		g_assert_cmpstr(weft_error_detail(error), ==, c->wrong);
		return;
	}
	g_assert_cmpstr(error ? weft_error_detail(error) : NULL, ==, NULL);

	g_autofree char *calls = calls_of(config);
	GString *notes = g_string_new(NULL);

	for (guint i = 0; i < config->notes->len; i++)
		g_string_append_printf(notes, "%s\n", (char *)config->notes->pdata[i]);
	g_assert_cmpstr(calls, ==, c->calls);
	g_assert_cmpstr(notes->str, ==, c->notes ? c->notes : "");
	g_string_free(notes, TRUE);
	config_free(config);
}

void forms_add(const char *prefix, const struct form_case *cases)
{
	for (const struct form_case *c = cases; c->name; c++) {
		g_autofree char *path = g_strdup_printf("%s/%s", prefix, c->name);

		g_test_add_data_func(path, c, check_case);
	}
}
