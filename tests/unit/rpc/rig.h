/* SPDX-License-Identifier: BSD-3-Clause */
/* A target with an RPC socket in a world, and byte-level clients of it on the same node. */
#pragma once

#include "sim/world.h"
#include "target/target.h"

#define RIG_SOCKET "/run/weft.sock"
#define RIG_LIMIT (60 * WORLD_SEC)

struct rig {
	struct world *world;
	struct world_node *node;
	struct target *target; /* NULL after rig_shutdown() */
	struct core *clients;  /* the clients' own reactor */
	bool shut;
};

struct client {
	struct rig *rig;
	struct net_addr addr;
	struct net_stream *stream;
	GString *out, *in;
	size_t sent;
	int connect_error;
	bool decided;	 /* connected, or not */
	bool hold;	 /* does not read */
	bool closed;	 /* by the server */
	bool over;	 /* nothing more comes of it */
	bool half_close; /* after out is sent */
};

struct rig *rig_new(uint64_t seed, unsigned nreactors);
/* In STARTUP, until framework_start_init is called. */
struct rig *rig_new_waiting(uint64_t seed, unsigned nreactors);
/* The program around the target has these. */
struct rig *rig_new_hooks(uint64_t seed, unsigned nreactors, const struct rpc_hooks *hooks);
/*
 * Four reactors on processors 0..3, two on each NUMA node, and an RNIC "world0"; its rnic_numa: as
 * in struct world_rnic_params. waiting: in STARTUP.
 */
struct rig *rig_new_numa(uint64_t seed, unsigned rnic_numa, bool waiting);
/* Ends the target with whatever is under way. */
void rig_shutdown(struct rig *rig);
/* Shutdown if need be; nothing may leak. */
void rig_free(struct rig *rig);
/* Segments of min..max bytes between clients and server. */
void rig_segments(struct rig *rig, uint32_t min, uint32_t max);

struct client *client_open(struct rig *rig);
/* Of another service of the target. */
struct client *client_open_at(struct rig *rig, const struct net_addr *addr);
void client_send(struct client *c, const char *text);
void client_send_len(struct client *c, const char *text, size_t len);
/* Reads again. */
void client_resume(struct client *c);
/* The next JSON text, or NULL: the server closed, or nothing comes. Caller frees. */
char *client_answer(struct client *c);
/* The server closes within a while. */
bool client_closed(struct client *c);
void client_free(struct client *c);

/* One request, one answer, on a connection of its own. Caller frees. */
char *rig_ask(struct rig *rig, const char *text);
/* The same of method with params, a JSON object. */
char *rig_call(struct rig *rig, const char *method, const char *params);
/* part stands in the answer. */
void rig_expect(struct rig *rig, const char *method, const char *params, const char *part);
/* The whole configuration as a file has it. Caller frees. */
char *rig_saved(struct rig *rig);
/* Loads one. NULL: good; else what was wrong (caller frees). */
char *rig_load(struct rig *rig, const char *text);

/* --- calls, for tables of them --------------------------------------------------------- */

/* The answer has this part; it is true. members: of params, without the braces. */
void rig_has(struct rig *rig, const char *method, const char *members, const char *part);
void rig_good(struct rig *rig, const char *method, const char *members);
/* Its result (or error) is that text. */
void rig_is(struct rig *rig, const char *method, const char *members, const char *text);

struct rig_refusal {
	const char *method, *params, *part;
};

/* Each is an error with that part, and the configuration is as it was. */
void rig_refuse_all(struct rig *rig, const struct rig_refusal *cases, unsigned n);
/*
 * What rig saves has this part; loaded into a new world and saved there it is the
 * same. Frees rig.
 */
void rig_check_saved(struct rig *rig, const char *part);
