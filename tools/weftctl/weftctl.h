/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of weftctl. One table (commands.c) says what the methods are, what
 * arguments and flags they take and what becomes of them; the parser and the
 * help texts are made from it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "target/rpc/json.h"

enum arg_type {
	ARG_STR,
	ARG_INT,   /* a JSON number */
	ARG_TRUE,  /* flag: key = true */
	ARG_FALSE, /* flag: key = false */
	ARG_MIB,   /* size in MiB (fractions allowed), becomes num_blocks of block_size */
	ARG_LEVEL, /* as ARG_STR, in upper case */
	ARG_STATE, /* as ARG_STR, '-' becomes '_' */
	ARG_LIST,  /* names with commas between them: an array */
};

struct arg {
	char letter;	  /* 0: only the long form, or positional */
	const char *name; /* long form without "--", or the name of a positional */
	const char *key;  /* in params; "listen_address.trtype" is in an object there */
	enum arg_type type;
	bool positional, required;
	const char *help;
};

enum output {
	OUT_JSON, /* the result, indented */
	OUT_NAME, /* names: without quotes */
	OUT_NONE, /* nothing */
};

struct command {
	const char *method; /* NULL ends the table */
	const char *summary;
	enum output output;
	const struct arg *args; /* positionals first; ends with name NULL; may be NULL */
};

extern const struct command commands[];
const struct command *command_find(const char *method);
/* Those that weftctl makes of several methods (saved.c). */
extern const struct command saved_commands[];
/* Runs one of them. call: makes one call, NULL when it failed and has said why. */
typedef struct jv_doc *saved_call(void *arg, const char *method, const char *params);
bool saved_run(const struct command *c, const char *params, saved_call *call, void *arg);

/* Help of all commands, and of one. */
void help_all(void);
void help_command(const struct command *c);

/*
 * The params object made from the arguments, as JSON text; "" when there are none.
 * NULL and error: the usage is wrong. *help: it was asked for (then NULL, no error).
 */
char *command_parse(const struct command *c, char **argv, bool *help, GError **error);

/* JSON as Python's json.dumps(v, indent=2) prints it. */
void print_json(GString *out, const struct jv *v, unsigned indent);
/* A string as JSON. */
void append_quoted(GString *out, const char *s, size_t len);

/*
 * Sends request and reads one JSON text. Takes timeout_s at most. NULL and error.
 */
struct jv_doc *rpc_exchange(const char *socket_path, const char *request, double timeout_s,
			    GError **error);
