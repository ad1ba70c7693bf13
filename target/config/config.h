/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A configuration as a list of calls, whatever it was written as: a saved one
 * (save_config's JSON), the INI file of 2018 (ini.c), nvmetcli's JSON of Linux nvmet
 * (nvmetcli.c). Parsing finds everything that is wrong with its form, and calls
 * nothing; running the list is load.h.
 *
 * Hostile input: any bytes; at most CONFIG_MAX_BYTES.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "target/core/error.h"
#include "target/rpc/json.h"

#define CONFIG_MAX_BYTES (64u * 1024 * 1024)
#define CONFIG_MAX_NOTES 64

/* One call. */
struct config_entry {
	const char *part; /* where it stands, for messages: "bdev", "[Subsystem1]" */
	unsigned number;  /* in its part, from 1; 0: not counted */
	unsigned line;	  /* of the file, from 1; 0: not known */
	const char *method;
	const struct jv *params; /* NULL: none */
	struct jv_doc *doc;	 /* what params lies in; kept by the configuration */
};

struct config {
	char *name;	 /* of the file, for messages */
	GArray *entries; /* struct config_entry, in the order in which they run */
	/* What of the file has no effect here, for the log: char*, "line N: ...". */
	GPtrArray *notes;
	/* The rest is config.c's: what entries point into. */
	GPtrArray *docs;
	GStringChunk *strings;
};

/*
 * Recognizes the form by its first bytes ('{' with "subsystems" of objects with
 * "subsystem": saved; '{' otherwise: nvmetcli; else INI). NULL and error: which
 * file, line or entry, what was found, what would be right.
 */
struct config *config_parse(const char *name, const char *text, size_t len, GError **error);
void config_free(struct config *config); /* NULL allowed */

/* --- for the parsers ---------------------------------------------------------------- */

bool config_parse_saved(struct config *config, struct jv_doc *doc, GError **error);
bool config_parse_nvmetcli(struct config *config, struct jv_doc *doc, GError **error);
bool config_parse_ini(struct config *config, const char *text, size_t len, GError **error);

/*
 * Appends a call with params as JSON text ("" or NULL: none), which must be valid;
 * part and method are copied.
 */
void config_add(struct config *config, const char *part, unsigned line, const char *method,
		const char *params);
/* The same with params that lie in doc (a reference is taken). */
void config_add_jv(struct config *config, const char *part, unsigned number, const char *method,
		   const struct jv *params, struct jv_doc *doc);
/* Sets error to "NAME: line N: ..." (line 0: "NAME: ..."); false. */
bool config_bad(const struct config *config, GError **error, unsigned line, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
/* A note; it is no error. At most CONFIG_MAX_NOTES are kept. */
void config_note(struct config *config, unsigned line, const char *format, ...) G_GNUC_PRINTF(3, 4);
