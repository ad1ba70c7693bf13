/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors of the control path. */
#include <string.h>

#include "target/core/error.h"

/* Not G_DEFINE_QUARK: that keeps the number in a static variable. */
GQuark weft_error_quark(void)
{
	return g_quark_from_static_string("weft-error-quark");
}

static const char *default_message(int code)
{
	switch (code) {
	case RPC_PARSE_ERROR:
		return "Parse error";
	case RPC_INVALID_REQUEST:
		return "Invalid request";
	case RPC_METHOD_NOT_FOUND:
		return "Method not found";
	case RPC_INVALID_PARAMS:
		return "Invalid parameters";
	case RPC_INTERNAL_ERROR:
		return "Internal error";
	default:
		return g_strerror(code < 0 ? -code : code);
	}
}

bool weft_error_set(GError **error, int code, const char *message, const char *detail, ...)
{
	if (error == NULL)
		return false;
	if (message == NULL)
		message = default_message(code);
	if (detail == NULL) {
		g_set_error_literal(error, WEFT_ERROR, code, message);
		return false;
	}

	va_list args;

	va_start(args, detail);
	g_autofree char *text = g_strdup_vprintf(detail, args);
	va_end(args);
	g_set_error(error, WEFT_ERROR, code, "%s\n%s", message, text);
	return false;
}

char *weft_error_message(const GError *error)
{
	return g_strndup(error->message, strcspn(error->message, "\n"));
}

const char *weft_error_detail(const GError *error)
{
	const char *newline = strchr(error->message, '\n');

	return newline != NULL ? newline + 1 : NULL;
}
