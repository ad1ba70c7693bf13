/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads a saved configuration (save_config's form) through the method table. */
#pragma once

#include "target/rpc/rpc.h"

/*
 * Runs the entries of text, {"subsystems": [{"subsystem": "bdev", "config":
 * [{"method", "params"}, ...] | null}, ...]}, one after the other; name (of the
 * file) is for messages. The form of all of it is checked before anything runs.
 * done is called once, on the main reactor; error says which file, subsystem,
 * entry and method, and the cause; what ran before it stays (the caller ends the
 * target then).
 */
void rpc_load_config(struct rpc_server *server, const char *name, const char *text, size_t len,
		     void (*done)(void *arg, const GError *error), void *arg);
