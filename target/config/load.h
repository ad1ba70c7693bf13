/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks a configuration, and runs it through the method tables. Checking finds
 * everything that is wrong with the calls as such; a file in which anything is
 * wrong changes nothing.
 */
#pragma once

#include "target/config/config.h"
#include "target/rpc/rpc.h"

/*
 * Appends to problems (char*, freed by it) a sentence for each entry that cannot
 * be called: which it is, its method, the key, what would be right. Entries that
 * only set options of what weft does not have are taken out, with a note each.
 */
void config_check(struct config *config, GPtrArray *problems);
/* "subsystem \"bdev\", entry 3 (bdev_malloc_create)", of a saved one; else "[Malloc] (...)". */
char *config_entry_text(const struct config_entry *entry);
/* The first of problems and how many more there are; false. */
bool config_complain(const GPtrArray *problems, GError **error);

/*
 * Reads, checks and runs text. First the entries whose method may be called in
 * STARTUP, then the server starts, then the rest, each when the one before has
 * ended. name (of the file) is for messages. done is called once, on the main
 * reactor; what ran before an error stays (the caller ends the target then).
 */
void config_load(struct rpc_server *server, const char *name, const char *text, size_t len,
		 void (*done)(void *arg, const GError *error), void *arg);
/*
 * The same for a target that is there only to find out: entries that fail are
 * problems, and the others run all the same. done: all has been tried.
 */
void config_try(struct rpc_server *server, const char *name, const char *text, size_t len,
		GPtrArray *problems, void (*done)(void *arg), void *arg);
