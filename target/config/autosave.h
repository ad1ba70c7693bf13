/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps a file in step with the configuration: loaded at start, written anew
 * whenever a call has made state.
 *
 * A call that made state is answered when a save that holds it is durable: who
 * has the answer finds the state after any crash. One save is under way at a time;
 * the next one holds all that has happened since, so many calls share a save. The
 * file is replaced as a whole (see struct file_step): after a crash it is the one
 * of some save, never a mixture.
 *
 * The text of a save is made in portions, between which the reactor does what else
 * there is to do. Calls that make state wait until it is complete, so that it is of one
 * state.
 *
 * A save that fails, or takes longer than five seconds, keeps nobody waiting: it
 * is logged and shown, calls are answered without it from then on, and it is tried
 * again every second until it is good.
 */
#pragma once

#include "hw/file.h"
#include "target/rpc/rpc.h"

#define AUTOSAVE_PATIENCE_NS UINT64_C(5000000000)
#define AUTOSAVE_RETRY_NS UINT64_C(1000000000)

struct autosave;

struct autosave_options {
	const char *path;
	/* What is wrong with saving, a sentence; NULL: nothing any more. May be NULL. */
	void (*trouble)(void *arg, const char *problem);
	void *arg;
};

struct autosave *autosave_new(struct rpc_server *server, const struct autosave_options *options);
/*
 * Loads the file; if there is none, the configuration seed instead (NULL: none),
 * whose name is for messages. done as config_load(): without error, calls that make
 * state are saved from now on.
 */
void autosave_start(struct autosave *a, const char *seed_name, const char *seed, size_t len,
		    void (*done)(void *arg, const GError *error), void *arg);
/* All calls have ended: done when the last save has, too. Nothing is saved any more. */
void autosave_stop(struct autosave *a, void (*done)(void *arg), void *arg);
/* Stopped, or never started. NULL allowed. */
void autosave_free(struct autosave *a);
