/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes what weft-trace reads: a dump in any of its forms.
 *
 * Properties: as text there is a line a record; what trace viewers get is JSON, in
 * which every begin of a request has its end.
 */
#include <stdint.h>
#include <string.h>

#include "target/rpc/json.h"
#include "tools/weft-trace/weft-trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct dump *dump)
{
	g_autoptr(GString) out = g_string_new(NULL);
	guint lines = 0;

	dump_text(dump, out);
	for (gsize i = 0; i < out->len; i++)
		lines += out->str[i] == '\n';
	g_assert_cmpuint(lines, ==, dump->records->len);
}

static void check_chrome(const struct dump *dump)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int open = 0;
	struct jv_doc *doc;

	dump_chrome(dump, out);
	doc = jv_parse(out->str, out->len, 0, NULL);
	g_assert_nonnull(doc);
	for (const struct jv *v = jv_member(jv_root(doc), "traceEvents")->first; v; v = v->next) {
		const char *phase = jv_member(v, "ph")->str;

		open += strcmp(phase, "b") == 0;
		open -= strcmp(phase, "e") == 0;
		g_assert_cmpint(open, >=, 0);
	}
	g_assert_cmpint(open, ==, 0);
	jv_doc_unref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	struct dump *dump = dump_parse((const char *)data, size, &error);

	g_assert_true((dump == NULL) == (error != NULL));
	if (!dump)
		return 0;
	check_text(dump);
	check_chrome(dump);
	dump_free(dump);
	return 0;
}
