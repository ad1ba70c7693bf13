/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two machines in a world and streams between them: each end sends a pattern of
 * its own, checks the other's byte by byte, half-closes, and closes at the end.
 */
#pragma once

#include <errno.h>
#include <glib.h>

#include "sim/world.h"
#include "target/core/core.h"

#define PORT_NAME "4420"

struct rig;

struct end {
	struct rig *rig;
	struct net_stream *stream;
	uint64_t sent, total; /* to send */
	uint64_t got, wrong, first_wrong;
	uint8_t salt_out, salt_in;
	int error; /* connect or receive */
	bool connected, eof, done;
	bool keep;    /* do not close at the end of file */
	bool mute;    /* do not half-close when all is sent */
	uint8_t diff; /* bits of the first wrong byte */
};

struct machine {
	struct world_node *node;
	struct core *core;
	const char *addr;
	bool listens;
};

struct rig {
	struct world *world;
	struct machine a, b; /* a connects, b listens */
	struct net_listener *listener;
	struct end client, server;
	bool accepted;
};

void rig_up(struct rig *r, uint64_t seed);
void rig_up6(struct rig *r, uint64_t seed);
/* What a boot does: a core on the node, and b's listener. */
void machine_up(struct rig *r, struct machine *m);
void machine_down(struct rig *r, struct machine *m);
void rig_dial(struct rig *r);
/* Until both ends are done; false: they are not within the limit. */
bool rig_wait(struct rig *r, uint64_t limit);
void rig_pause(struct rig *r, struct end *e, bool paused);
void rig_close(struct rig *r, struct end *e, bool abort);
/* Sends as much as goes in. */
void rig_send(struct rig *r, struct end *e);
/* Checks that nothing is left, frees the world, returns its hash. */
uint64_t rig_down(struct rig *r);
/* Edges of TCP's state machine that no world of this process took, as text. */
char *rig_edges_missing(void);
/* Both got all of the other's bytes as they were sent. */
void rig_check(const struct rig *r);
