/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions of the real host and the real target in one world, for the oracles to
 * watch: verified I/O, a namespace that comes, grows and goes, discovery. All else
 * is drawn from the seed.
 */
#pragma once

#include "sim/oracle/wire.h"
#include "tests/integration/world/workload.h"

struct session_params {
	uint64_t seed;
	bool draw; /* links, digests, alignment, flow control from the seed; else as here */
	bool hdgst, ddgst, no_flow_control;
	uint8_t hpda;
	unsigned ios; /* of each host */
	unsigned hosts;
	/* Called when the world is there, and before it goes. */
	void (*begin)(struct world *w, void *arg);
	void (*end)(struct world *w, void *arg);
	void *arg;
};

/* Aborts the test when I/O fails. */
void session_run(const struct session_params *p);

/* A session's streams as PDUs, in the order in which they were complete. */
struct record_pdu {
	uint64_t conn;
	enum oracle_side side;
	uint8_t *data;
	uint32_t len;
	uint16_t qid; /* of its connection; 0xffff before Connect */
	bool open;    /* no PDU: the connection begins */
};

GArray *record_session(const struct session_params *p);
void record_free(GArray *pdus);
GArray *record_copy(const GArray *pdus);
/* Shows the oracle all of it, in pieces of at most `piece` bytes (0: PDUs). */
void record_replay(struct oracle_wire *o, const GArray *pdus, uint32_t piece);
/* The same; connection `corrupted` is told to have had bits flipped (0: none). */
void record_replay_corrupted(struct oracle_wire *o, const GArray *pdus, uint32_t piece,
			     uint64_t corrupted);
