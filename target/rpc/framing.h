/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds the end of each JSON text in a byte stream that has no delimiters:
 * objects and arrays back to back, with white space between them allowed.
 *
 * It counts brackets outside of strings and checks that they match; whether
 * what is between them is JSON is the reader's business (json.h). It holds no
 * bytes: the caller feeds every byte once, in any portions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rpc_frame {
	RPC_FRAME_MORE,	  /* all consumed, the text goes on (or none has begun) */
	RPC_FRAME_TEXT,	  /* the last byte consumed ends a text */
	RPC_FRAME_SCALAR, /* JSON, perhaps, but neither an object nor an array */
	RPC_FRAME_BAD,	  /* cannot be JSON */
	RPC_FRAME_DEEP,	  /* nested deeper than JV_MAX_DEPTH */
};

struct rpc_framer {
	uint64_t arrays; /* bit per level: it is an array; lowest: the innermost */
	uint8_t depth;
	bool in_string, escaped;
};

/*
 * Scans until a text ends or all is consumed; *used tells how many bytes it took.
 * White space in front of a text is consumed like the text. After SCALAR, BAD and
 * DEEP the stream cannot be followed any more.
 */
enum rpc_frame rpc_frame_scan(struct rpc_framer *f, const char *data, size_t len, size_t *used);

static inline bool rpc_frame_inside(const struct rpc_framer *f)
{
	return f->depth > 0;
}
