/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes what a client of the RPC socket controls: framing, the JSON reader, and
 * the decoder with the table of every method.
 *
 * Properties: the framer finds the same ends when it is fed byte by byte; the
 * text of every value is a JSON text itself, with the same content.
 */
#include <stdint.h>
#include <string.h>

#include "target/rpc/framing.h"
#include "target/rpc/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct jv *a, const struct jv *b)
{
	const struct jv *x = a->first, *y = b->first;

	g_assert_cmpint(a->type, ==, b->type);
	g_assert_cmpuint(a->count, ==, b->count);
	g_assert_true(a->truth == b->truth);
	g_assert_cmpmem(a->raw, a->raw_len, b->raw, b->raw_len);
	if (a->type == JV_STRING)
		g_assert_cmpmem(a->str, a->len, b->str, b->len);
	for (; x && y; x = x->next, y = y->next)
		check_same(x, y);
	g_assert_true(!x && !y);
}

static void check_raw(const struct jv *v)
{
	struct jv_doc *doc = jv_parse(v->raw, v->raw_len, 0, NULL);
	g_autofree char *described = jv_describe(v);
	bool negative;
	uint64_t magnitude;

	g_assert_nonnull(doc);
	g_assert_true(g_utf8_validate(described, -1, NULL));
	check_same(v, jv_root(doc));
	jv_doc_unref(doc);
	if (v->type == JV_NUMBER)
		jv_integer(v, &negative, &magnitude);
}

static void decode_all(const struct rpc_method *const *table, const struct jv *params)
{
	for (; *table; table++) {
		for (const struct rpc_method *m = *table; m->name; m++) {
			g_autofree void *base = g_malloc0(MAX(m->params_size, 1));
			g_autoptr(GError) error = NULL;

			if (!rpc_decode(m->name, m->params, m->relaxed, params, base, &error)) {
				g_assert_nonnull(error);
				g_assert_cmpint(error->code, ==, RPC_INVALID_PARAMS);
				g_assert_true(g_utf8_validate(error->message, -1, NULL));
			}
		}
	}
}

static void one_text(const char *text, size_t len)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = jv_parse(text, len, RPC_MAX_VALUES, &error);
	const struct jv *params;

	if (!doc) {
		g_assert_nonnull(error);
		return;
	}
	check_raw(jv_root(doc));
	for (const struct jv *v = jv_root(doc)->first; v; v = v->next)
		check_raw(v);
	params = jv_member(jv_root(doc), "params");
	if (!params)
		params = jv_root(doc);
	decode_all(rpc_method_tables, params);
	decode_all(rpc_old_method_tables, params);
	jv_doc_unref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct rpc_framer whole = { 0 }, bytes = { 0 };
	size_t begin = 0;

	while (begin < size) {
		enum rpc_frame state, byte_state = RPC_FRAME_MORE;
		size_t used, one, pos = 0;

		state = rpc_frame_scan(&whole, text + begin, size - begin, &used);
		while (pos < used && byte_state == RPC_FRAME_MORE) {
			byte_state = rpc_frame_scan(&bytes, text + begin + pos, 1, &one);
			pos += one;
		}
		g_assert_cmpuint(pos, ==, used);
		g_assert_cmpint(state, ==, byte_state);
		one_text(text + begin, used);
		if (state != RPC_FRAME_TEXT && state != RPC_FRAME_MORE)
			break;
		begin += used;
	}
	return 0;
}
