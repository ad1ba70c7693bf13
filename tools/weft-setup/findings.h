/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a look at a machine found, in order: each that is not right says what would put it
 * right. weft-setup and weftctl doctor show them alike.
 */
#pragma once

#include <glib.h>
#include <stdarg.h>
#include <stdbool.h>

enum finding_status { FINDING_OK, FINDING_WARNING, FINDING_WRONG };

struct finding {
	enum finding_status status;
	char *what; /* "open files", "listener" */
	char *text;
	char *fix; /* a command or setting; NULL when all is right */
};

/* Of struct finding. Freed with g_array_unref(). */
GArray *findings_new(void);
/* fix NULL: it is right. */
void findings_say(GArray *findings, enum finding_status status, const char *what, const char *fix,
		  const char *format, ...) G_GNUC_PRINTF(5, 6);
void findings_vsay(GArray *findings, enum finding_status status, const char *what, const char *fix,
		   const char *format, va_list args) G_GNUC_PRINTF(5, 0);
unsigned findings_count(const GArray *findings, enum finding_status status);

/* Lines on standard output; quiet: without those that are right. */
void findings_print(const GArray *findings, bool quiet);
/* Appends members of an object: "wrong": 0, "warnings": 0, "findings": [...] */
void findings_json(const GArray *findings, GString *out);
/* Appends text of whatever origin as a JSON string; NULL: null. */
void findings_json_text(GString *out, const char *text);
