/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the reader of INI files of 2018. Properties: each call that a file becomes is
 * one that its method takes; the same file with the ends of its lines as in DOS is the
 * same.
 */
#include <stdint.h>
#include <string.h>

#include "fuzz/config-fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where a line ends that is not ended so already. */
static char *with_dos_lines(const char *text, size_t len, size_t *new_len)
{
	GString *s = g_string_sized_new(len);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			g_string_append_c(s, '\r');
		g_string_append_c(s, text[i]);
	}
	*new_len = s->len;
	return g_string_free(s, FALSE);
}

static void check_same(const struct config *a, const struct config *b)
{
	g_assert_cmpuint(a->entries->len, ==, b->entries->len);
	for (guint i = 0; i < a->entries->len; i++) {
		const struct config_entry *x = &g_array_index(a->entries, struct config_entry, i);
		const struct config_entry *y = &g_array_index(b->entries, struct config_entry, i);

		g_assert_cmpuint(x->line, ==, y->line);
		g_assert_cmpstr(x->method, ==, y->method);
		g_assert_cmpmem(x->params->raw, x->params->raw_len, y->params->raw,
				y->params->raw_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct config *config, *dos;
	g_autofree char *other = NULL;
	size_t len, at = 0;

	while (at < size && g_ascii_isspace(text[at]))
		at++;
	if (at < size && text[at] == '{')
		return 0; /* JSON: the others' */
	config = config_fuzz_parse(text, size, true);
	other = with_dos_lines(text, size, &len);
	dos = config_fuzz_parse(other, len, true);
	g_assert_true(!config == !dos);
	if (config)
		check_same(config, dos);
	config_free(dos);
	config_free(config);
	return 0;
}
