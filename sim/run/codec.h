/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plain structures from JSON and back, by tables: a shape is a structure, a field
 * one key of it. Reading is strict (unknown and repeated keys, types, ranges) and
 * says line, key and what would be right; printing leaves out what has its
 * default, so that a printed text read again gives the same structure. The JSON
 * schema is made from the same tables.
 *
 * Everything read lives in an arena and goes with it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec_arena;

struct codec_arena *codec_arena_new(void);
void codec_arena_free(struct codec_arena *arena);
/* Zeroed. */
void *codec_alloc(struct codec_arena *arena, size_t size);
const char *codec_strdup(struct codec_arena *arena, const char *s);

/* Elements lie one after the other; items is NULL while n is 0. */
struct codec_list {
	void *items;
	unsigned n;
};

/* Grows the list by one zeroed element (the others may move). */
void *codec_list_add(struct codec_arena *arena, struct codec_list *list, size_t size);

enum codec_type {
	CODEC_NUM,   /* uint64_t */
	CODEC_BOOL,  /* bool */
	CODEC_TEXT,  /* const char *; NULL: not given */
	CODEC_TIME,  /* uint64_t ns; "10ms", "2s"; "never" is UINT64_MAX */
	CODEC_ENUM,  /* uint64_t: index in values */
	CODEC_TEXTS, /* struct codec_list of const char * */
	CODEC_JSON,  /* const char *: the text of an object or array as it stood there */
	CODEC_ONE,   /* pointer to a structure of shape; NULL: not given */
	CODEC_LIST,  /* struct codec_list of structures of shape */
};

struct codec_shape;

struct codec_field {
	const char *key; /* NULL ends a table */
	enum codec_type type;
	bool required;
	size_t offset;
	uint64_t min, max;	   /* CODEC_NUM, CODEC_TIME; max 0: no limit */
	const char *const *values; /* CODEC_ENUM, NULL-terminated */
	const struct codec_shape *shape;
	const char *about; /* for the schema */
	/* Of the first field, if it is a CODEC_ENUM: makes other defaults by its value. */
	void (*choose)(void *obj);
};

struct codec_shape {
	const char *name;
	size_t size;
	const struct codec_field *fields;
	void (*init)(void *obj); /* defaults, on zeroed memory; NULL: zero */
};

#define CODEC_AT(struct_, member_) .offset = offsetof(struct_, member_)

/* name is for messages: "NAME:LINE: KEY: what". obj has the shape's size. */
bool codec_read(struct codec_arena *arena, const struct codec_shape *shape, const char *name,
		const char *text, void *obj, GError **error);
/*
 * The line on which element i of a list of the text begins, or the value of its key
 * (""; the element itself); 0: there is no such thing.
 */
unsigned codec_line(const char *text, const char *list, unsigned i, const char *key);
/* Indented text with a newline at its end. */
char *codec_print(const struct codec_shape *shape, const void *obj);
/* A JSON schema (draft 2020-12) of texts that codec_read() takes. */
char *codec_schema(const struct codec_shape *shape, const char *title);

/* "1500us": the largest unit that loses nothing. buf at least 32 bytes. */
const char *codec_time_text(uint64_t ns, char *buf, size_t len);
/* False: not a time. */
bool codec_time_parse(const char *text, uint64_t *ns);
