/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/weftctl/print.h"

#include <string.h>

void append_quoted(GString *out, const char *s, size_t len)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *end = s + len;

	g_string_append_c(out, '"');
	while (s < end) {
		gunichar c = g_utf8_get_char(s);
		const char *found = NULL;

		for (unsigned i = 0; i < sizeof(plain) - 1; i++)
			if (c == (gunichar)plain[i])
				found = &letter[i];
		if (found)
			g_string_append_printf(out, "\\%c", *found);
		else if (c >= 0x10000)
			g_string_append_printf(out, "\\u%04x\\u%04x",
					       0xd800 + ((c - 0x10000) >> 10),
					       0xdc00 + ((c - 0x10000) & 0x3ff));
		else if (c < 0x20 || c > 0x7e)
			g_string_append_printf(out, "\\u%04x", c);
		else
			g_string_append_c(out, (char)c);
		s = g_utf8_next_char(s);
	}
	g_string_append_c(out, '"');
}

/* The line break between elements; on one line: a blank, after a comma only. */
static void separate(GString *out, int step, unsigned indent, bool after_comma)
{
	if (step >= 0)
		g_string_append_printf(out, "\n%*s", (int)indent, "");
	else if (after_comma)
		g_string_append_c(out, ' ');
}

static void print_container(GString *out, const struct jv *v, int step, unsigned indent)
{
	bool object = v->type == JV_OBJECT;
	unsigned inner = indent + (unsigned)MAX(step, 0);

	if (v->count == 0) {
		g_string_append(out, object ? "{}" : "[]");
		return;
	}
	g_string_append_c(out, object ? '{' : '[');
	for (const struct jv *m = v->first; m; m = m->next) {
		separate(out, step, inner, m != v->first);
		if (object) {
			append_quoted(out, m->key, m->key_len);
			g_string_append(out, ": ");
		}
		print_json(out, m, step, inner);
		if (m->next)
			g_string_append_c(out, ',');
	}
	separate(out, step, indent, false);
	g_string_append_c(out, object ? '}' : ']');
}

void print_json(GString *out, const struct jv *v, int step, unsigned indent)
{
	if (v->type == JV_OBJECT || v->type == JV_ARRAY)
		print_container(out, v, step, indent);
	else if (v->type == JV_STRING)
		append_quoted(out, v->str, v->len);
	else
		g_string_append_len(out, v->raw, (gssize)v->raw_len);
}

void print_indented(const char *json, int step)
{
	struct jv_doc *doc = jv_parse(json, strlen(json), 0, NULL);
	g_autoptr(GString) text = g_string_new(NULL);

	if (doc)
		print_json(text, jv_root(doc), step, 0);
	g_print("%s\n", doc ? text->str : json); /* nested too deep for this side */
	jv_doc_unref(doc);
}
