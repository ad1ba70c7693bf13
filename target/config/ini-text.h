/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of an INI file of 2018 as lines of words. A line is a section's name in
 * brackets, or a key and its values by white space; `"` groups, `#` at the begin of a
 * word is a comment up to the end of the line, `\` as its last character continues a
 * line that is no comment.
 */
#pragma once

#include "target/config/form.h"

struct ini_text {
	struct form *form; /* for faults */
	const char *pos, *end;
	unsigned line;
};

struct ini_line {
	unsigned line;	  /* its first one */
	char *section;	  /* without brackets; NULL: a key */
	GPtrArray *words; /* char*: key, values */
};

/* False: it is no text at all, and that is a fault. */
bool ini_text_begin(struct ini_text *t, struct form *f, const char *text, size_t len);
/* The next line that holds something; false: the end. Lines that are no lines are faults. */
bool ini_text_next(struct ini_text *t, struct ini_line *line);
void ini_line_clear(struct ini_line *line);
