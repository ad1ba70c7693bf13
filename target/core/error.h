/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors of the control path: GError with this domain. The code is what a
 * JSON-RPC client sees: a negative errno (-EINVAL, ...) or a JSON-RPC code
 * (-32602, ...). The message is the short text that clients match; a sentence
 * for people (what is wrong, what would be right) follows after a newline, and
 * becomes error.data.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define WEFT_ERROR (weft_error_quark())
GQuark weft_error_quark(void);

enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
};

/*
 * Sets *error to code and "message\ndetail". message NULL: strerror of a
 * negative errno, or the standard text of a JSON-RPC code. Returns false, so
 * that a caller can return it.
 */
bool weft_error_set(GError **error, int code, const char *message, const char *detail, ...)
	G_GNUC_PRINTF(4, 5);
/* The part before the newline. Caller frees. */
char *weft_error_message(const GError *error);
/* The part after it, or NULL. Not a copy. */
const char *weft_error_detail(const GError *error);
