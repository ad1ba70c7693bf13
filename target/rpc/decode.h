/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parameters of a method as data: a table of keys says names, types, ranges and
 * defaults; rpc_decode() fills a C structure from the params object or says in a
 * sentence what is wrong (-32602). The tables are also what help texts and tests
 * are made from.
 *
 * Strings point into the document: they live as long as the request.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/rpc/json.h"
#include "target/rpc/nearest.h"

/* The type of the member in the C structure is given after each. */
enum rpc_type {
	RPC_STR,    /* const char *; absent: NULL */
	RPC_BOOL,   /* bool */
	RPC_U8,	    /* uint8_t */
	RPC_U16,    /* uint16_t */
	RPC_U32,    /* uint32_t */
	RPC_U64,    /* uint64_t */
	RPC_I32,    /* int32_t */
	RPC_ENUM,   /* unsigned: index in values */
	RPC_FLAGS,  /* unsigned: 1 << index in values, of each element of an array */
	RPC_UUID,   /* struct rpc_bytes */
	RPC_HEX,    /* struct rpc_bytes: exactly max bytes as hexadecimal digits */
	RPC_OBJECT, /* struct described by sub, embedded */
	RPC_STRS,   /* const struct jv *: an array of at most max strings; absent: NULL */
	RPC_ARRAY,  /* the same of anything: the method looks into it */
};

struct rpc_bytes {
	bool given;
	uint8_t v[16];
};

enum {
	RPC_REQUIRED = 1 << 0,
	/* Of a feature that weft does not have: only the default is accepted. */
	RPC_FIXED = 1 << 1,
	/* Accepted (type and range are checked) and without effect. */
	RPC_IGNORED = 1 << 2,
};

struct rpc_param {
	const char *name; /* NULL ends a table */
	const char *old;  /* what it was called in older releases: accepted as well */
	enum rpc_type type;
	unsigned flags;
	size_t offset;
	uint64_t def;		   /* numbers, RPC_BOOL, RPC_ENUM */
	uint64_t min, max;	   /* numbers: max 0 is the type's; RPC_STR: bytes, max 0 is 1024 */
	const char *const *values; /* RPC_ENUM, RPC_FLAGS: NULL-terminated */
	const struct rpc_param *sub;
};

/* Table elements: a key kept in a member of a structure; one that is only checked. */
#define RPC_PARAM(name_, type_, flags_, struct_, member_, ...)                                     \
	{                                                                                          \
		.name = name_, .type = type_, .flags = flags_,                                     \
		.offset = offsetof(struct_, member_), ##__VA_ARGS__                                \
	}
#define RPC_CHECKED(name_, type_, flags_, ...)                                                     \
	{                                                                                          \
		.name = name_, .type = type_, .flags = flags_, ##__VA_ARGS__                       \
	}

#define RPC_MAX_PARAMS 64

/* "string", "whole number from 0 to 65535", "one of a, b". Caller frees. */
char *rpc_param_type_text(const struct rpc_param *p);

/*
 * Fills base from params (NULL: none given). base is zeroed or holds the caller's
 * defaults; defaults of the table are written only where def is not 0. relaxed:
 * unknown keys are ignored.
 */
bool rpc_decode(const char *method, const struct rpc_param *table, bool relaxed,
		const struct jv *params, void *base, GError **error);
