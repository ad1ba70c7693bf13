/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several calls as one: a method of an older release that did what takes several
 * methods of today. They run one after the other through the table of methods, as if
 * a client had sent them; when one fails, what those before it made is undone, last
 * first, and the request fails as that one did.
 */
#pragma once

#include "target/rpc/server.h"

struct rpc_steps;

struct rpc_steps *rpc_steps_new(struct rpc_request *req);
/* params: a JSON object, as text (taken). */
void rpc_steps_add(struct rpc_steps *steps, const char *method, char *params);
/* What undoes the step added last. */
void rpc_steps_undo(struct rpc_steps *steps, const char *method, char *params);
/* Runs them and ends the request: true, or the error. At most once; frees steps. */
void rpc_steps_run(struct rpc_steps *steps);

/* text as a JSON string, with its quotes. Caller frees. */
char *rpc_quote(const char *text);
