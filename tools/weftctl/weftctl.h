/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of weftctl. Tables (commands-*.c) say what the methods are, what
 * arguments and flags they take and what becomes of them; the parser, the help
 * texts, the manual page and the completion of shells are made from them.
 *
 * A command is either a method of weftd, called as its arguments say, or a local
 * one (commands-local.c) that has a function of its own.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "target/rpc/json.h"
#include "tools/weftctl/print.h"

/* Exit statuses. */
enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/* --- tables ------------------------------------------------------------------------- */

enum arg_type {
	ARG_STR,
	ARG_INT,	/* a JSON number; 0x... is hexadecimal */
	ARG_HEX,	/* the same, hexadecimal with or without 0x */
	ARG_TRUE,	/* flag: key = true */
	ARG_FALSE,	/* flag: key = false */
	ARG_SWITCH,	/* flag: --name is true, --no-name is false */
	ARG_MIB,	/* size in MiB (fractions allowed), becomes num_blocks of block_size */
	ARG_LEVEL,	/* as ARG_STR, in upper case */
	ARG_STATE,	/* as ARG_STR, '-' becomes '_' */
	ARG_NQN,	/* as ARG_STR; "discovery" is short for the NQN of discovery */
	ARG_LIST,	/* a,b: an array of strings */
	ARG_WORDS,	/* "a b": the same; nothing when empty */
	ARG_INTS,	/* 1,2: an array of numbers */
	ARG_SET,	/* a,b: an object in which a and b are true; all: each of values */
	ARG_MAP,	/* k=v, may be repeated: an object of strings */
	ARG_ADDRESSES,	/* "trtype:TCP traddr:192.0.2.1 trsvcid:4420, ...": array of objects */
	ARG_NAMESPACES, /* "bdev[:nsid] ...": array of objects */
};

/* What a shell may complete a value with. */
enum arg_names {
	NAMES_NONE,
	NAMES_BDEV,
	NAMES_NQN,
	NAMES_FILE,
	NAMES_METHOD,
};

struct arg {
	char letter;	  /* 0: only the long form, or positional */
	const char *name; /* long form without "--", or the name of a positional */
	const char *key;  /* in params; "listen_address.trtype" is in an object there */
	enum arg_type type;
	bool positional, required;
	const char *help;
	const char *also;     /* another spelling, such as "-t1"; or NULL */
	const char *def;      /* JSON that is sent when no argument of this key is given */
	const char *values;   /* "a b c": what there is to choose from; or NULL */
	enum arg_names names; /* what it names */
};

enum output {
	OUT_JSON, /* the result, indented */
	OUT_NAME, /* names: without quotes */
	OUT_NONE, /* nothing */
};

struct ctl;

struct command {
	const char *method; /* NULL ends the table */
	const char *summary;
	enum output output;
	const struct arg *args; /* positionals first; ends with name NULL; may be NULL */
	/* Of a local command: params is an object, or NULL. Returns the exit status. */
	int (*run)(struct ctl *ctl, const struct jv *params);
	const char *now; /* of an older name: the name of today */
};

extern const struct command commands_framework[], commands_log[], commands_bdev[],
	commands_bdev_stat[], commands_nvmf[], commands_nvmf_access[], commands_old[],
	commands_local[];
/* All of those; ends with NULL. */
extern const struct command *const command_tables[];
/* The options of weftctl itself, before the method. */
extern const struct command command_self;

/* False: there is none. An older name gives the command of today under that name. */
bool command_find(const char *method, struct command *found);
/* The name most like it, or NULL. */
const char *command_nearest(const char *method);
/* Calls each for all commands, then for the older names. */
void command_each(void (*each)(void *arg, const struct command *c), void *arg);

/* The arguments, also of a command that has none. */
const struct arg *command_args(const struct command *c);
bool arg_is_flag(const struct arg *a);
/* How it is written: "-t, --trtype TRTYPE", "nqn". Caller frees. */
char *arg_spelling(const struct arg *a);

/* --- parsing ---------------------------------------------------------------------------- */

/*
 * The params object made from the arguments, as JSON text; "" when there are none.
 * NULL and error: the usage is wrong. *help: it was asked for (then NULL, no error).
 * rest: parsing ends at the first argument that is no option, and *rest is there.
 */
char *command_parse(const struct command *c, char **argv, char ***rest, bool *help, GError **error);
/* Appends the JSON of a value; *given false: there is none. */
bool value_append(GString *out, const struct arg *a, const char *value, bool *given,
		  GError **error);
/* Sets error to a sentence about the usage; false. */
bool usage_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* --- what is made from the tables ----------------------------------------------------------- */

void help_all(void);
void help_command(const struct command *c);
/* The sections of the manual page about methods. */
void manual_print(void);
/* shell: bash, zsh, fish. False: another. */
bool completion_print(const char *shell);

/* --- printing ------------------------------------------------------------------------------- */

/* A result for people, as a table. False: there is none for this method. */
bool view_append(GString *out, const char *method, const struct jv *result);

/* --- connection ------------------------------------------------------------------------------ */

struct conn;

/*
 * server: path of a UNIX socket, or host (with port). Tries again retries times, five
 * times a second. NULL and error: what is wrong and what would put it right.
 */
struct conn *conn_open(const char *server, unsigned port, unsigned retries, GError **error);
void conn_close(struct conn *conn); /* NULL allowed */
bool conn_send(struct conn *conn, const char *text, double timeout_s, GError **error);
/* The next JSON text. NULL and error. */
struct jv_doc *conn_receive(struct conn *conn, double timeout_s, GError **error);
/* To wait for with others. */
int conn_fd(const struct conn *conn);

/* --- calls ----------------------------------------------------------------------------------- */

struct ctl {
	const char *server;
	unsigned port, retries;
	double timeout; /* seconds */
	bool verbose, dry_run, json, keep_going, batch, status_lines;
	bool stdin_is_batch; /* a command cannot read it */
	struct conn *conn;   /* NULL: not opened yet */
	unsigned last_id;
	struct jv_doc *self; /* what the strings above are in */
};

/* The sentence of an error. */
const char *ctl_reason(const GError *error);
/* Sends a request; 0 and error: it could not be sent. */
unsigned ctl_send(struct ctl *ctl, const char *method, const char *params, GError **error);
/* One call: the response, with a "result" or an "error". NULL and error: there is none. */
struct jv_doc *ctl_call(struct ctl *ctl, const char *method, const char *params, GError **error);
/* The result in a response, or NULL: it is an error. */
const struct jv *ctl_result(const struct jv_doc *response);
/* Prints response (NULL: error) as rpc.py does; the exit status. */
int ctl_finish(struct ctl *ctl, const struct command *c, unsigned id, const char *params,
	       const struct jv_doc *response, const GError *error);
/* The two together, for a call that is part of a command: the response, or NULL (it was said). */
struct jv_doc *ctl_call_part(struct ctl *ctl, const char *method, const char *params);
/*
 * A command line, argv[0] is the method: the command and its params. NULL: its help was
 * asked for, or error. The command may point into argv.
 */
char *ctl_parse(char **argv, struct command *c, bool *help, GError **error);
/* Does what one says; and parses it before that. The exit status. */
int ctl_do(struct ctl *ctl, const struct command *c, const char *params);
int ctl_run(struct ctl *ctl, char **argv);
/* Shows the request instead of sending it. */
int ctl_dry_run(const struct command *c, const char *params);
/* The commands on standard input. */
int batch_run(struct ctl *ctl);
/* A line of those: NULL and no error when there is nothing on it. Free with g_strfreev. */
char **batch_split(const char *line, GError **error);
/* Prints the names of one kind that the target has, for the shells: bdev or nqn. */
int names_print(struct ctl *ctl, const char *kind);

/* --- local commands ----------------------------------------------------------------------------
 */

int save_config(struct ctl *ctl, const struct jv *params);
int save_subsystem_config(struct ctl *ctl, const struct jv *params);
int load_config(struct ctl *ctl, const struct jv *params);
int load_subsystem_config(struct ctl *ctl, const struct jv *params);
int check_config(struct ctl *ctl, const struct jv *params);
int run_top(struct ctl *ctl, const struct jv *params);
int run_watch(struct ctl *ctl, const struct jv *params);
int run_doctor(struct ctl *ctl, const struct jv *params);
/* Says, if a request is only to be shown, that what makes several cannot do that; true then. */
bool refuse_dry_run(const struct ctl *ctl, const char *what);
