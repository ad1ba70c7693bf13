/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON reader: what it takes, what it refuses and where, exact numbers. */
#include <string.h>

#include "target/core/error.h"
#include "target/rpc/json.h"

static void test_good(void)
{
	static const char *const texts[] = {
		"{}",
		" [ ] ",
		"null",
		"-0",
		"1.5e+10",
		"\"\\u00e9\\ud83d\\ude00\\n\\/\"",
		"{\"a\":{\"b\":[1,2,{\"c\":true}]},\"a\":false}",
		"[[[[[[[[]]]]]]]]",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		struct jv_doc *doc = jv_parse(texts[i], strlen(texts[i]), 0, &error);

		g_assert_no_error(error);
		g_assert_nonnull(doc);
		jv_doc_unref(doc);
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text, *detail;
	} cases[] = {
		{ "", "byte 0, line 1: a value must be" },
		{ "{", "a key in double quotes" },
		{ "{\"a\"}", "':' expected" },
		{ "{\"a\":1,}", "a key in double quotes" },
		{ "{a:1}", "a key in double quotes" },
		{ "{'a':1}", "a key in double quotes" },
		{ "[1,]", "a value must be" },
		{ "[1 2]", "byte 3, line 1: ',' or ']'" },
		{ "{\"a\":1 \"b\":2}", "',' or '}'" },
		{ "[1]x", "something follows" },
		{ "[1]]", "something follows" },
		{ "[01]", "starts with a zero" },
		{ "[-]", "a digit is missing" },
		{ "[1.]", "a digit is missing" },
		{ "[1e]", "a digit is missing" },
		{ "[+1]", "a value must be" },
		{ "[.5]", "a value must be" },
		{ "[NaN]", "a value must be" },
		{ "[tru]", "a value must be" },
		{ "\"abc", "does not end" },
		{ "\"\n\"", "control character" },
		{ "\"\\x\"", "unknown escape" },
		{ "\"\\u12g4\"", "four hexadecimal" },
		{ "\"\\u12", "four hexadecimal" },
		{ "\"\\ud800\"", "surrogate" },
		{ "\"\\ud800\\u0041\"", "surrogate" },
		{ "\"\\udc00\"", "surrogate" },
		{ "\"\xff\"", "UTF-8" },
		{ "\"\xc0\x80\"", "UTF-8" },
		{ "// x\n1", "a value must be" },
		{ "\n\n[1,\n?]", "byte 6, line 4" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(jv_parse(cases[i].text, strlen(cases[i].text), 0, &error));
		g_assert_error(error, WEFT_ERROR, RPC_PARSE_ERROR);
		if (!strstr(error->message, cases[i].detail))
			g_error("%s: \"%s\" has no \"%s\"", cases[i].text, error->message,
				cases[i].detail);
	}
}

/* Every text cut short anywhere is refused, and read no further than its end. */
static void test_cut(void)
{
	static const char text[] = "{\"a\\u00e9\":[1.5e3,true,null,\"\\ud83d\\ude00\"],\"b\":{}}";

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		g_autofree char *copy = g_memdup2(text, MAX(len, 1));

		g_assert_null(jv_parse(copy, len, 0, NULL));
	}
}

static void test_limits(void)
{
	g_autoptr(GString) deep = g_string_new(NULL);
	struct jv_doc *doc;

	for (unsigned i = 0; i < JV_MAX_DEPTH; i++)
		g_string_append_c(deep, '[');
	for (unsigned i = 0; i < JV_MAX_DEPTH; i++)
		g_string_append_c(deep, ']');
	doc = jv_parse(deep->str, deep->len, 0, NULL);
	g_assert_nonnull(doc);
	jv_doc_unref(doc);
	g_string_prepend_c(deep, '[');
	g_string_append_c(deep, ']');
	g_assert_null(jv_parse(deep->str, deep->len, 0, NULL));

	g_string_assign(deep, "");
	for (unsigned i = 0; i < 1000000; i++)
		g_string_append_c(deep, '[');
	g_assert_null(jv_parse(deep->str, deep->len, 0, NULL));

	doc = jv_parse("[1,2]", 5, 3, NULL);
	g_assert_nonnull(doc);
	jv_doc_unref(doc);
	g_assert_null(jv_parse("[1,2]", 5, 2, NULL));
}

static void test_tree(void)
{
	static const char text[] =
		"{\"s\":\"a\\u0000b\",\"n\":12.50,\"\\u0061\":[true,null],\"n\":2}";
	struct jv_doc *doc = jv_parse(text, strlen(text), 0, NULL);
	const struct jv *root = jv_root(doc), *v;

	g_assert_cmpint(root->type, ==, JV_OBJECT);
	g_assert_cmpuint(root->count, ==, 4);
	v = jv_member(root, "s");
	g_assert_cmpmem(v->str, v->len + 1, "a\0b", 4);
	v = jv_member(root, "n");
	g_assert_cmpmem(v->raw, v->raw_len, "12.50", 5);
	v = jv_member(root, "a");
	g_assert_cmpint(v->type, ==, JV_ARRAY);
	g_assert_true(v->first->truth);
	g_assert_cmpint(v->first->next->type, ==, JV_NULL);
	g_assert_null(jv_member(root, "x"));
	g_assert_null(jv_member(v, "x"));
	jv_doc_unref(doc);
}

static void test_integer(void)
{
	static const struct {
		const char *text;
		enum jv_int kind;
		bool negative;
		uint64_t magnitude;
	} cases[] = {
		{ "0", JV_INT_OK, false, 0 },
		{ "-0", JV_INT_OK, true, 0 },
		{ "0e999999999", JV_INT_OK, false, 0 },
		{ "0.000", JV_INT_OK, false, 0 },
		{ "12", JV_INT_OK, false, 12 },
		{ "-12", JV_INT_OK, true, 12 },
		{ "1200e-2", JV_INT_OK, false, 12 },
		{ "1.20e1", JV_INT_OK, false, 12 },
		{ "1e3", JV_INT_OK, false, 1000 },
		{ "100.00", JV_INT_OK, false, 100 },
		{ "1000000000000000000000000e-24", JV_INT_OK, false, 1 },
		{ "18446744073709551615", JV_INT_OK, false, UINT64_MAX },
		{ "1844674407370955161.5e1", JV_INT_OK, false, UINT64_MAX },
		{ "18446744073709551616", JV_INT_TOO_BIG, false, 0 },
		{ "1e20", JV_INT_TOO_BIG, false, 0 },
		{ "1e99999999999", JV_INT_TOO_BIG, false, 0 },
		{ "1.5", JV_INT_FRACTION, false, 0 },
		{ "1e-1", JV_INT_FRACTION, false, 0 },
		{ "0.1e0", JV_INT_FRACTION, false, 0 },
		{ "1e-99999999999", JV_INT_FRACTION, false, 0 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct jv_doc *doc = jv_parse(cases[i].text, strlen(cases[i].text), 0, NULL);
		bool negative;
		uint64_t magnitude;
		enum jv_int kind = jv_integer(jv_root(doc), &negative, &magnitude);

		if (kind != cases[i].kind)
			g_error("%s: %d", cases[i].text, kind);
		if (kind == JV_INT_OK) {
			g_assert_cmpuint(magnitude, ==, cases[i].magnitude);
			g_assert_cmpint(negative, ==, cases[i].negative);
		}
		jv_doc_unref(doc);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/json/good", test_good);
	g_test_add_func("/rpc/json/bad", test_bad);
	g_test_add_func("/rpc/json/cut", test_cut);
	g_test_add_func("/rpc/json/limits", test_limits);
	g_test_add_func("/rpc/json/tree", test_tree);
	g_test_add_func("/rpc/json/integer", test_integer);
	return g_test_run();
}
