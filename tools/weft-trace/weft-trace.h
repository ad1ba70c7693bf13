/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dump of trace rings (trace_dump's answer, or what weftd says when it crashes)
 * read into records, and shown. What cannot be understood is counted and left out;
 * nothing in a dump can do worse.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define DUMP_MAX_BYTES ((size_t)64 << 20)
#define RECORD_FIELDS 2
#define NAME_MAX_LEN 47

struct field {
	char key[NAME_MAX_LEN + 1]; /* letters, digits, '_' */
	uint64_t value;
};

struct record {
	uint64_t time; /* ns */
	uint32_t reactor, seq;
	char name[NAME_MAX_LEN + 1]; /* letters, digits, "._-" */
	unsigned nfields;
	struct field fields[RECORD_FIELDS];
	/* Of a request: index of its other end plus one; 0: not in the dump. */
	unsigned other;
};

struct dump {
	GArray *records; /* struct record, by time */
	unsigned skipped; /* lines that are no records */
};

/* One line; anything may stand before the record (the journal's time and name). */
bool record_parse(struct record *rec, const char *line, size_t len);
/* The value of a field, 0 if there is none. */
uint64_t record_field(const struct record *rec, const char *key);

/*
 * JSON: an array of lines, or an object whose "result" is one; else text. NULL and
 * error: it looks like JSON and is none, or there is no record in it.
 */
struct dump *dump_parse(const char *text, size_t len, GError **error);
void dump_free(struct dump *dump);

void dump_text(const struct dump *dump, GString *out);
/* The Trace Event Format that chrome://tracing and Perfetto read. */
void dump_chrome(const struct dump *dump, GString *out);
