/* SPDX-License-Identifier: BSD-3-Clause */
/* What weftctl prints: JSON as Python does, and tables. */
#include <string.h>

#include "tools/weftctl/weftctl.h"

static void check_json(const char *text, int step, const char *expected)
{
	struct jv_doc *doc = jv_parse(text, strlen(text), 0, NULL);
	g_autoptr(GString) out = g_string_new(NULL);

	print_json(out, jv_root(doc), step, 0);
	g_assert_cmpstr(out->str, ==, expected);
	jv_doc_unref(doc);
}

static void test_json(void)
{
	static const char text[] =
		"{\"a\":[],\"b\":{},\"c\":[1,\"x\\u00e9\\ud83d\\ude00\\n\\u0001\"],"
		"\"d\":{\"e\":null,\"f\":1.50}}";

	check_json(text, 2,
		   "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n"
		   "    \"x\\u00e9\\ud83d\\ude00\\n\\u0001\"\n  ],\n  \"d\": {\n"
		   "    \"e\": null,\n    \"f\": 1.50\n  }\n}");
	check_json("{\"a\":[1,2],\"b\":{\"c\":1}}", -1, "{\"a\": [1, 2], \"b\": {\"c\": 1}}");
	check_json("{\"a\":[1]}", 0, "{\n\"a\": [\n1\n]\n}");
	check_json("{\"a\":[1]}", 4, "{\n    \"a\": [\n        1\n    ]\n}");
}

static void check_view(const char *method, const char *result, const char *expected)
{
	struct jv_doc *doc = jv_parse(result, strlen(result), 0, NULL);
	g_autoptr(GString) out = g_string_new(NULL);

	g_assert_nonnull(doc);
	g_assert_cmpint(view_append(out, method, jv_root(doc)), ==, expected != NULL);
	if (expected)
		g_assert_cmpstr(out->str, ==, expected);
	jv_doc_unref(doc);
}

static void test_view(void)
{
	check_view("bdev_get_bdevs",
		   "[{\"name\":\"Malloc0\",\"product_name\":\"Malloc disk\",\"block_size\":512,"
		   "\"num_blocks\":131072,\"uuid\":\"u\",\"claimed\":true},"
		   "{\"name\":\"\\u001b[2J\",\"block_size\":4096}]",
		   "NAME     KIND             SIZE  BLOCK  UUID  IN USE\n"
		   "Malloc0  Malloc disk  64.0 MiB    512  u     yes\n"
		   "?[2J     -                   -   4096  -     -\n");
	check_view("nvmf_get_subsystems",
		   "[{\"nqn\":\"n\",\"allow_any_host\":false,\"hosts\":[{\"nqn\":\"h\"}],"
		   "\"listen_addresses\":[{\"traddr\":\"::1\",\"trsvcid\":\"1\"},"
		   "{\"traddr\":\"::2\",\"trsvcid\":\"2\"}],\"namespaces\":[]}]",
		   "NQN  SERIAL  ANY HOST  HOSTS  ADDRESSES     NAMESPACES\n"
		   "n    -       no        h      ::1:1, ::2:2  -\n");
	check_view("thread_get_stats", "{\"threads\":[{\"id\":1,\"name\":\"t\"}]}",
		   "ID  NAME  PROCESSORS  BUSY  IDLE\n 1  t     -              -     -\n");
	check_view("framework_get_subsystems",
		   "[{\"subsystem\":\"nvmf\",\"depends_on\":[\"bdev\",\"sock\"]}]",
		   "PART  NEEDS\nnvmf  bdev, sock\n");
	check_view("framework_get_subsystems",
		   "[{\"subsystem\":\"x\",\"depends_on\":[1,2,3,4,5,6,7,8,9,10]}]",
		   "PART  NEEDS\nx     1, 2, 3, 4, 5, 6, 7, 8, and 2 more\n");
	check_view("rpc_get_methods", "[\"a\",\"b\"]", "METHOD\na\nb\n");
	check_view("rpc_get_methods", "[]", "METHOD\n");
	check_view("bdev_get_bdevs", "{}", NULL);
	check_view("bdev_get_iostat", "{\"channels\":[]}", NULL);
	check_view("log_get_flags", "{}", NULL);
}

static void test_size(void)
{
	check_view("bdev_get_iostat",
		   "{\"bdevs\":[{\"name\":\"a\",\"bytes_read\":18446744073709551615,"
		   "\"bytes_written\":-1}]}",
		   "NAME  READS      READ  WRITES  WRITTEN  UNMAPS\n"
		   "a         -  16.0 EiB       -        -       -\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/weftctl/json", test_json);
	g_test_add_func("/weftctl/view", test_view);
	g_test_add_func("/weftctl/view/size", test_size);
	return g_test_run();
}
