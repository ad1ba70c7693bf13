/* SPDX-License-Identifier: BSD-3-Clause */
/* The framer finds the same ends of texts however the stream is cut. */
#include <string.h>

#include <glib.h>

#include "target/rpc/framing.h"
#include "target/rpc/json.h"

static const char stream[] = "{\"a\":1}[{\"x\":\"}]{[\\\"\"}] \r\n\t{\"b\":[[],{}]}{}[]"
			     "{\"k\\\\\":\"\\\\\\\"{\"}  ";

/* Ends of the texts in stream, as the framer says when fed in portions cut at a and b. */
static GArray *ends(size_t a, size_t b)
{
	GArray *found = g_array_new(FALSE, FALSE, sizeof(size_t));
	size_t cuts[] = { a, b, sizeof(stream) - 1 };
	struct rpc_framer f = { 0 };
	size_t pos = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(cuts); i++) {
		while (pos < cuts[i]) {
			size_t used;
			enum rpc_frame state =
				rpc_frame_scan(&f, stream + pos, cuts[i] - pos, &used);

			g_assert_cmpuint(used, >, 0);
			pos += used;
			if (state == RPC_FRAME_TEXT)
				g_array_append_val(found, pos);
			else
				g_assert_cmpint(state, ==, RPC_FRAME_MORE);
		}
	}
	g_assert_false(rpc_frame_inside(&f));
	return found;
}

static void test_splits(void)
{
	size_t len = sizeof(stream) - 1;
	g_autoptr(GArray) whole = ends(len, len);
	size_t begin = 0;

	g_assert_cmpuint(whole->len, ==, 6);
	for (guint i = 0; i < whole->len; i++) {
		size_t end = g_array_index(whole, size_t, i);
		struct jv_doc *doc = jv_parse(stream + begin, end - begin, 0, NULL);

		g_assert_nonnull(doc);
		jv_doc_unref(doc);
		begin = end;
	}
	for (size_t a = 0; a <= len; a++) {
		for (size_t b = a; b <= len; b++) {
			g_autoptr(GArray) cut = ends(a, b);

			g_assert_cmpmem(cut->data, cut->len * sizeof(size_t), whole->data,
					whole->len * sizeof(size_t));
		}
	}
}

static enum rpc_frame scan(const char *text, size_t *used)
{
	struct rpc_framer f = { 0 };

	return rpc_frame_scan(&f, text, strlen(text), used);
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		enum rpc_frame state;
		size_t used;
	} cases[] = {
		{ "}", RPC_FRAME_BAD, 1 },	   { "]", RPC_FRAME_BAD, 1 },
		{ "[}", RPC_FRAME_BAD, 2 },	   { "{]", RPC_FRAME_BAD, 2 },
		{ "{\"a\":[}", RPC_FRAME_BAD, 7 }, { "GET /", RPC_FRAME_BAD, 1 },
		{ "  12", RPC_FRAME_SCALAR, 3 },   { "\"a\"", RPC_FRAME_SCALAR, 1 },
		{ "true", RPC_FRAME_SCALAR, 1 },   { "-1", RPC_FRAME_SCALAR, 1 },
		{ "\x1e{}", RPC_FRAME_BAD, 1 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		size_t used;

		g_assert_cmpint(scan(cases[i].text, &used), ==, cases[i].state);
		g_assert_cmpuint(used, ==, cases[i].used);
	}
}

static void test_depth(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	size_t used;

	for (unsigned i = 0; i < JV_MAX_DEPTH; i++)
		g_string_append_c(text, i % 2 ? '{' : '[');
	g_assert_cmpint(scan(text->str, &used), ==, RPC_FRAME_MORE);
	g_string_append_c(text, '[');
	g_assert_cmpint(scan(text->str, &used), ==, RPC_FRAME_DEEP);
	g_assert_cmpuint(used, ==, JV_MAX_DEPTH + 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/framing/splits", test_splits);
	g_test_add_func("/rpc/framing/refused", test_refused);
	g_test_add_func("/rpc/framing/depth", test_depth);
	return g_test_run();
}
