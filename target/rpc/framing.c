/* SPDX-License-Identifier: BSD-3-Clause */
/* The bracket counter; see framing.h. */
#include "target/rpc/framing.h"

#include <glib.h>

#include "target/rpc/json.h"

G_STATIC_ASSERT(JV_MAX_DEPTH <= 64);

static enum rpc_frame open_bracket(struct rpc_framer *f, bool array)
{
	if (f->depth == JV_MAX_DEPTH)
		return RPC_FRAME_DEEP;
	f->depth++;
	f->arrays = f->arrays << 1 | array;
	return RPC_FRAME_MORE;
}

static enum rpc_frame close_bracket(struct rpc_framer *f, bool array)
{
	if (f->depth == 0 || (f->arrays & 1) != array)
		return RPC_FRAME_BAD;
	f->arrays >>= 1;
	return --f->depth == 0 ? RPC_FRAME_TEXT : RPC_FRAME_MORE;
}

static void in_string(struct rpc_framer *f, char c)
{
	if (f->escaped)
		f->escaped = false;
	else if (c == '\\')
		f->escaped = true;
	else if (c == '"')
		f->in_string = false;
}

static enum rpc_frame outside(const struct rpc_framer *f, char c)
{
	if (f->depth > 0 || c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return RPC_FRAME_MORE;
	if (c == '-' || c == 't' || c == 'f' || c == 'n' || g_ascii_isdigit(c))
		return RPC_FRAME_SCALAR;
	return RPC_FRAME_BAD;
}

static enum rpc_frame scan_byte(struct rpc_framer *f, char c)
{
	if (f->in_string) {
		in_string(f, c);
		return RPC_FRAME_MORE;
	}
	switch (c) {
	case '{':
		return open_bracket(f, false);
	case '[':
		return open_bracket(f, true);
	case '}':
		return close_bracket(f, false);
	case ']':
		return close_bracket(f, true);
	case '"':
		if (f->depth == 0)
			return RPC_FRAME_SCALAR;
		f->in_string = true;
		return RPC_FRAME_MORE;
	default:
		return outside(f, c);
	}
}

enum rpc_frame rpc_frame_scan(struct rpc_framer *f, const char *data, size_t len, size_t *used)
{
	for (size_t i = 0; i < len; i++) {
		enum rpc_frame state = scan_byte(f, data[i]);

		if (state != RPC_FRAME_MORE) {
			*used = i + 1;
			return state;
		}
	}
	*used = len;
	return RPC_FRAME_MORE;
}
