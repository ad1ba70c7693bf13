/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON for people and for scripts that compare texts, in all programs that print it. */
#pragma once

#include <glib.h>

#include "target/rpc/json.h"

/*
 * JSON as Python's json.dumps(v, indent=step) prints it; a step below 0 is its form on
 * one line. indent is that of the line it begins on.
 */
void print_json(GString *out, const struct jv *v, int step, unsigned indent);
/* Prints a JSON text so, and a line end. */
void print_indented(const char *json, int step);
/* A string as JSON. */
void append_quoted(GString *out, const char *s, size_t len);
