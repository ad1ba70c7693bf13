/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs tables of files of others' forms; see forms.h. */
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

static void add(const char *form, const char *kind, const struct form_case *cases)
{
	for (const struct form_case *c = cases; c->name; c++) {
		g_autofree char *path = g_strdup_printf("/config/%s/%s/%s", form, kind, c->name);

		g_test_add_data_func(path, c, check_case);
	}
}

static void write_seeds(const char *dir, const char *kind, const struct form_case *cases)
{
	for (const struct form_case *c = cases; c->name; c++) {
		g_autofree char *path = g_strdup_printf("%s/%s-%s", dir, kind, c->name);
		g_autoptr(GError) error = NULL;

		if (!g_file_set_contents(path, c->text, -1, &error))
			g_error("%s", error->message);
	}
}

int forms_main(int argc, char *argv[], const char *form, const struct form_case *good,
	       const struct form_case *bad)
{
	if (argc == 3 && !strcmp(argv[1], "--write")) {
		write_seeds(argv[2], "good", good);
		write_seeds(argv[2], "bad", bad);
		return 0;
	}
	g_test_init(&argc, &argv, NULL);
	add(form, "good", good);
	add(form, "bad", bad);
	return g_test_run();
}
