/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors of the control path: code, short message, sentence. */
#include <errno.h>

#include "target/core/error.h"

static void expect(int code, const char *message, const char *want_message, const char *want_detail)
{
	g_autoptr(GError) error = NULL;

	if (want_detail != NULL)
		g_assert_false(weft_error_set(&error, code, message, "%s %d", "detail", 7));
	else
		g_assert_false(weft_error_set(&error, code, message, NULL));
	g_assert_error(error, WEFT_ERROR, code);
	g_autofree char *got = weft_error_message(error);
	g_assert_cmpstr(got, ==, want_message);
	g_assert_cmpstr(weft_error_detail(error), ==, want_detail);
}

static void test_parts(void)
{
	expect(-EINVAL, NULL, "Invalid argument", "detail 7");
	expect(-EEXIST, NULL, "File exists", NULL);
	expect(RPC_INVALID_PARAMS, NULL, "Invalid parameters", "detail 7");
	expect(RPC_METHOD_NOT_FOUND, NULL, "Method not found", NULL);
	expect(RPC_PARSE_ERROR, NULL, "Parse error", NULL);
	expect(RPC_INVALID_REQUEST, NULL, "Invalid request", NULL);
	expect(RPC_INTERNAL_ERROR, NULL, "Internal error", NULL);
	/* a message is no format */
	expect(RPC_INVALID_PARAMS, "100%s of it", "100%s of it", "detail 7");
	expect(RPC_INVALID_PARAMS, "100%s of it", "100%s of it", NULL);
	g_assert_false(weft_error_set(NULL, -EINVAL, NULL, "nobody asks"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/error/parts", test_parts);
	return g_test_run();
}
