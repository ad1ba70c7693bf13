/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole configuration, some of it at a time: what framework_get_config answers,
 * and the text of a saved file. What there is to go through is named at the beginning,
 * in order; what has gone when its turn comes is left out.
 */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

struct rpc_server;

struct rpc_walk {
	struct rpc_server *server;
	unsigned tgt; /* NVMe-oF: which target */
	GStringChunk *strings;
	GPtrArray *names; /* of the rest of it: bdevs, subsystems; NULL: not begun */
	guint at;
	unsigned inside; /* of a subsystem: its namespaces from there on, plus one; 0: its head */
};

void rpc_walk_clear(struct rpc_walk *walk);
/* Begins with no names. */
void rpc_walk_begin(struct rpc_walk *walk);
void rpc_walk_add(struct rpc_walk *walk, const char *name);
/* The name it is at; NULL: all have been. */
const char *rpc_walk_name(const struct rpc_walk *walk);
void rpc_walk_bdevs(struct rpc_walk *walk);

/*
 * Steps: each appends some calls ({method, params}) that make what there is now. False:
 * that was the last.
 */
bool rpc_walk_config_bdev(struct rpc_walk *walk, JsonArray *config);
bool rpc_walk_config_nvmf(struct rpc_walk *walk, JsonArray *config);

/* The text of a saved file, in pieces. */
struct rpc_saved {
	struct rpc_walk walk;
	unsigned part;
	bool inside, comma;
};

void rpc_saved_begin(struct rpc_saved *saved, struct rpc_server *server);
/* Appends a piece. False: that was the last. */
bool rpc_saved_more(struct rpc_saved *saved, GString *out);
void rpc_saved_clear(struct rpc_saved *saved);
