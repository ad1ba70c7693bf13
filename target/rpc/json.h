/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads JSON strictly (RFC 8259) into a tree that keeps what a JSON-RPC server
 * has to know and json-glib's reader drops: duplicate keys, the text of a number
 * (an id is echoed exactly, u64 is exact), zero characters in strings. Results
 * are made with json-glib; this is for input only.
 *
 * A document is immutable and owns everything in it. All limits are the
 * caller's; depth is never beyond JV_MAX_DEPTH.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JV_MAX_DEPTH 64

enum jv_type { JV_NULL, JV_BOOL, JV_NUMBER, JV_STRING, JV_ARRAY, JV_OBJECT };

struct jv {
	enum jv_type type;
	bool truth;	 /* JV_BOOL */
	uint32_t count;	 /* elements or members */
	const char *key; /* of a member: unescaped, zero-terminated */
	size_t key_len;	 /* may be more than strlen(key) */
	const char *str; /* JV_STRING: unescaped, zero-terminated */
	size_t len;	 /* may be more than strlen(str) */
	const char *raw; /* the text of the value, not terminated */
	size_t raw_len;
	struct jv *first; /* element or member */
	struct jv *next;  /* sibling */
};

struct jv_doc;

/*
 * Parses the one JSON text in text (white space around it allowed). max_values
 * 0: no limit. NULL: error is RPC_PARSE_ERROR, its detail says where and what.
 */
struct jv_doc *jv_parse(const char *text, size_t len, unsigned max_values, GError **error);
struct jv_doc *jv_doc_ref(struct jv_doc *doc);
void jv_doc_unref(struct jv_doc *doc);
const struct jv *jv_root(const struct jv_doc *doc);
/* The whole text, zero-terminated; every raw lies in it. */
const char *jv_text(const struct jv_doc *doc);

/* First member of that name; NULL: none, or not an object. */
const struct jv *jv_member(const struct jv *object, const char *key);

enum jv_int { JV_INT_OK, JV_INT_FRACTION, JV_INT_TOO_BIG };
/* A number's value, if integral (1e3 and 2.0 are): sign and magnitude. */
enum jv_int jv_integer(const struct jv *number, bool *negative, uint64_t *magnitude);

/* What a value is, for people: `"32" (a string)`, `null`, `an object`. Caller frees. */
char *jv_describe(const struct jv *v);
