/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The decoder with a table of every type. The tables of all methods are tried over
 * the wire: tests/integration/rpc/test-params.c.
 */
#include <string.h>

#include "target/core/error.h"
#include "target/rpc/rpc.h"

struct inner {
	const char *text;
	bool flag;
};

struct all {
	const char *s;
	bool b;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	int32_t i32;
	unsigned e;
	struct rpc_bytes uuid, hex;
	struct inner inner;
};

static const char *const colors[] = { "red", "green", NULL };

static const struct rpc_param inner_params[] = {
	RPC_PARAM("text", RPC_STR, RPC_REQUIRED, struct inner, text),
	RPC_PARAM("flag", RPC_BOOL, 0, struct inner, flag, .def = true),
	{ 0 },
};

static const struct rpc_param all_params[] = {
	RPC_PARAM("s", RPC_STR, RPC_REQUIRED, struct all, s, .min = 1, .max = 5),
	RPC_PARAM("b", RPC_BOOL, 0, struct all, b),
	RPC_PARAM("u8", RPC_U8, 0, struct all, u8),
	RPC_PARAM("u16", RPC_U16, 0, struct all, u16, .def = 7, .min = 2, .max = 1000),
	RPC_PARAM("u32", RPC_U32, 0, struct all, u32),
	RPC_PARAM("u64", RPC_U64, 0, struct all, u64, .def = UINT64_MAX),
	RPC_PARAM("i32", RPC_I32, 0, struct all, i32),
	RPC_PARAM("color", RPC_ENUM, 0, struct all, e, .values = colors),
	RPC_PARAM("uuid", RPC_UUID, 0, struct all, uuid),
	RPC_PARAM("hex", RPC_HEX, 0, struct all, hex, .max = 2),
	RPC_PARAM("inner", RPC_OBJECT, 0, struct all, inner, .sub = inner_params),
	RPC_CHECKED("never", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("old", RPC_U32, RPC_IGNORED),
	{ 0 },
};

static bool decode(const char *text, bool relaxed, struct all *all, struct jv_doc **doc,
		   GError **error)
{
	*doc = jv_parse(text, strlen(text), 0, error);
	g_assert_nonnull(*doc);
	memset(all, 0, sizeof(*all));
	return rpc_decode("paint", all_params, relaxed, jv_root(*doc), all, error);
}

static void test_values(void)
{
	static const char text[] =
		"{\"inner\":{\"text\":\"t\"},\"s\":\"abcde\",\"b\":true,\"u8\":255,\"u16\":1e3,"
		"\"u32\":4294967295,\"i32\":-2147483648,\"color\":\"green\",\"never\":false,"
		"\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\",\"hex\":\"aBcD\",\"old\":3}";
	struct jv_doc *doc;
	struct all all;
	g_autoptr(GError) error = NULL;

	g_assert_true(decode(text, false, &all, &doc, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(all.s, ==, "abcde");
	g_assert_true(all.b);
	g_assert_cmpuint(all.u8, ==, 255);
	g_assert_cmpuint(all.u16, ==, 1000);
	g_assert_cmpuint(all.u32, ==, UINT32_MAX);
	g_assert_cmpuint(all.u64, ==, UINT64_MAX);
	g_assert_cmpint(all.i32, ==, INT32_MIN);
	g_assert_cmpuint(all.e, ==, 1);
	g_assert_true(all.uuid.given && all.uuid.v[0] == 0xd5 && all.uuid.v[15] == 0xf1);
	g_assert_true(all.hex.given && all.hex.v[0] == 0xab && all.hex.v[1] == 0xcd);
	g_assert_cmpstr(all.inner.text, ==, "t");
	g_assert_true(all.inner.flag);
	jv_doc_unref(doc);

	g_assert_true(decode("{\"s\":\"a\",\"x\":1,\"x\":2}", true, &all, &doc, &error));
	g_assert_cmpuint(all.u16, ==, 7);
	g_assert_null(all.inner.text);
	g_assert_false(all.uuid.given);
	jv_doc_unref(doc);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *detail;
	} cases[] = {
		{ "{}", "\"s\" is missing; paint needs it (string)" },
		{ "[]", "params is an array" },
		{ "[\"a\"]", "params is an array" },
		{ "{\"s\":null}", "\"s\" is null" },
		{ "{\"s\":1}", "\"s\" is 1; paint takes a value of this kind there: string" },
		{ "{\"s\":\"\"}", "needs 1 at least" },
		{ "{\"s\":\"abcdef\"}", "\"s\" has 6 bytes; it may have 5 at most" },
		{ "{\"s\":\"a\\u0000\"}", "zero character" },
		{ "{\"s\":\"a\",\"s\":\"b\"}", "\"s\" is given twice" },
		{ "{\"s\":\"a\",\"u33\":1}", "Did you mean \"u32\"?" },
		{ "{\"s\":\"a\",\"bogus\":1}", "\"bogus\" is not a parameter of paint" },
		{ "{\"s\":\"a\",\"s\\u0000\":1}", "is not a parameter" },
		{ "{\"s\":\"a\",\"b\":1}", "\"b\" is 1" },
		{ "{\"s\":\"a\",\"b\":\"true\"}", "\"b\" is \"true\" (a string)" },
		{ "{\"s\":\"a\",\"u8\":256}", "\"u8\" is 256" },
		{ "{\"s\":\"a\",\"u8\":-1}", "whole number from 0 to 255" },
		{ "{\"s\":\"a\",\"u16\":1}", "whole number from 2 to 1000" },
		{ "{\"s\":\"a\",\"u16\":1001}", "whole number from 2 to 1000" },
		{ "{\"s\":\"a\",\"u16\":\"7\"}", "\"u16\" is \"7\" (a string)" },
		{ "{\"s\":\"a\",\"u16\":7.5}", "\"u16\" is 7.5" },
		{ "{\"s\":\"a\",\"u32\":4294967296}", "4294967295" },
		{ "{\"s\":\"a\",\"u64\":18446744073709551616}", "18446744073709551615" },
		{ "{\"s\":\"a\",\"i32\":2147483648}", "\"i32\" is 2147483648" },
		{ "{\"s\":\"a\",\"i32\":-2147483649}", "\"i32\" is -2147483649" },
		{ "{\"s\":\"a\",\"color\":\"Green\"}", "Did you mean \"green\"?" },
		{ "{\"s\":\"a\",\"color\":\"violet\"}", "one of red, green" },
		{ "{\"s\":\"a\",\"color\":0}", "one of red, green" },
		{ "{\"s\":\"a\",\"uuid\":\"d5ea\"}", "UUID such as" },
		{ "{\"s\":\"a\",\"hex\":\"abc\"}", "4 hexadecimal digits" },
		{ "{\"s\":\"a\",\"hex\":\"abcg\"}", "4 hexadecimal digits" },
		{ "{\"s\":\"a\",\"inner\":1}", "\"inner\" is 1" },
		{ "{\"s\":\"a\",\"inner\":{}}", "\"inner.text\" is missing" },
		{ "{\"s\":\"a\",\"inner\":{\"text\":\"\",\"flg\":1}}", "mean \"inner.flag\"" },
		{ "{\"s\":\"a\",\"never\":true}", "weft has only false there" },
		{ "{\"s\":\"a\",\"old\":\"3\"}", "\"old\" is" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		struct jv_doc *doc;
		struct all all;

		g_assert_false(decode(cases[i].text, false, &all, &doc, &error));
		g_assert_error(error, WEFT_ERROR, RPC_INVALID_PARAMS);
		g_assert_true(g_str_has_prefix(error->message, "Invalid parameters\n"));
		if (!strstr(error->message, cases[i].detail))
			g_error("%s: \"%s\" has no \"%s\"", cases[i].text, error->message,
				cases[i].detail);
		jv_doc_unref(doc);
	}
}

static void test_methods(void)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	for (const struct rpc_method *const *table = rpc_method_tables; *table; table++) {
		for (const struct rpc_method *m = *table; m->name; m++) {
			unsigned n = 0;

			g_assert_true(g_hash_table_add(names, (char *)m->name));
			g_assert_true(rpc_method_find(m->name) == m);
			g_assert_nonnull(m->call);
			for (const struct rpc_param *p = m->params; p && p->name; p++)
				n++;
			g_assert_cmpuint(n, <, RPC_MAX_PARAMS);
		}
	}
}

static void test_nearest(void)
{
	static const char *const names[] = { "nqn", "tgt_name", "allow_any_host", NULL };

	g_assert_cmpstr(rpc_nearest("nqm", names), ==, "nqn");
	g_assert_cmpstr(rpc_nearest("allow_all_hosts", names), ==, "allow_any_host");
	g_assert_null(rpc_nearest("serial", names));
	g_assert_null(rpc_nearest("", names));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/decode/values", test_values);
	g_test_add_func("/rpc/decode/refused", test_refused);
	g_test_add_func("/rpc/decode/methods", test_methods);
	g_test_add_func("/rpc/decode/nearest", test_nearest);
	return g_test_run();
}
