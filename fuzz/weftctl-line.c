/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes a line of a weftctl batch: quoting, the arguments of every command, the
 * grammars of addresses, namespaces and lists.
 *
 * Properties: what is sent is a JSON object in which no key stands twice, and printing
 * it and reading that again gives the same; what is refused has a reason in UTF-8.
 */
#include <stdint.h>
#include <string.h>

#include "tools/weftctl/weftctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printed(const struct jv *v, int step)
{
	g_autoptr(GString) text = g_string_new(NULL), again = g_string_new(NULL);
	struct jv_doc *doc;

	print_json(text, v, step, 0);
	doc = jv_parse(text->str, text->len, 0, NULL);
	g_assert_nonnull(doc);
	print_json(again, jv_root(doc), step, 0);
	g_assert_cmpstr(text->str, ==, again->str);
	jv_doc_unref(doc);
}

static void check_params(const struct command *c, const char *params, bool raw)
{
	struct jv_doc *doc = jv_parse(params, strlen(params), 0, NULL);

	g_assert_nonnull(doc);
	g_assert_cmpint(jv_root(doc)->type, ==, JV_OBJECT);
	check_printed(jv_root(doc), 2);
	check_printed(jv_root(doc), -1);
	for (const struct jv *a = jv_root(doc)->first; a && !raw; a = a->next)
		for (const struct jv *b = a->next; b; b = b->next)
			if (strcmp(a->key, b->key) == 0)
				g_error("%s: %s twice in %s", c->method, a->key, params);
	jv_doc_unref(doc);
}

static void run_line(char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *params = NULL;
	struct command c;
	bool help;

	params = ctl_parse(argv, &c, &help, &error);
	if (!params) {
		g_assert_true(help != (error != NULL));
		g_assert_true(help || g_utf8_validate(error->message, -1, NULL));
	} else if (*params) {
		check_params(&c, params, argv[1][0] == '{');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *line = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) argv = batch_split(line, &error);

	if (argv)
		run_line(argv);
	else if (error)
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
	return 0;
}
