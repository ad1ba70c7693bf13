/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle P: reads every byte that hosts and targets of a world send each other as
 * NVMe/TCP, and checks it against the specifications (NVMe/TCP transport 1.0,
 * NVMe base 2.0 with its fabrics chapters, NVM command set 1.0). Of oracle X it
 * has the part that shows on the wire: one completion for each command, none for
 * an idle identifier.
 *
 * It shares no code with target/: constants and decoders are its own.
 *
 * What it knows is the order in which bytes were handed to the network, not when
 * they arrived. So an effect is always seen after its cause, and what it calls a
 * violation is one whatever the network did. A peer that acts on something it
 * cannot have received yet is not found.
 *
 * A connection is judged until the first violation on it, since what follows is
 * often only a consequence. Each violation is charged to the side that sent the
 * PDU. A side that is tolerated (a host that misbehaves on purpose) gives no
 * violations. What it does decides what is due to it:
 *
 *   a rule of the transport is broken: nothing from there on may be taken, and
 *     the TermReq, if one comes, names the status, the field and the PDU;
 *   a command is wrong, or its data digest: it ends with a status that says so;
 *   reserved bits, padding: nothing, but a TermReq would be right;
 *   all else: the target's PDUs are only checked on their own (lengths, digests,
 *     reserved fields), because the specification does not say what it does then.
 *
 * Not checked: what read data holds (oracle B), times (T), and the arithmetic of
 * log pages that are read in pieces, beyond each piece.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/world.h"

struct oracle_wire;

enum oracle_side { ORACLE_HOST, ORACLE_TARGET };

struct oracle_violation {
	const char *rule; /* "P.r2t.range" */
	uint64_t conn;	  /* as in struct world_tap_info */
	enum oracle_side side;
	uint64_t offset; /* of the PDU in its stream */
	uint64_t time;	 /* virtual */
	uint8_t pdu;	 /* its type */
	char *text;	 /* all of it, as a sentence */
};

/* w NULL: it sees only what oracle_wire_feed() gives it. Free it before the world. */
struct oracle_wire *oracle_wire_new(struct world *w);
void oracle_wire_free(struct oracle_wire *o);

/* TCP connections to this port are followed. Without a call: those to 4420 and 8009. */
void oracle_wire_follow(struct oracle_wire *o, uint16_t port);
/* Violations of that side are not reported, only counted. */
void oracle_wire_tolerate(struct oracle_wire *o, enum oracle_side side);
/* The same of the connections of one node. */
void oracle_wire_tolerate_node(struct oracle_wire *o, const void *node);
/*
 * A namespace may be replaced by one of another block size, which no host knows
 * before it asks: then a command may move less data than its host believed, but
 * still whole blocks of some size. Without a call that is a violation.
 */
void oracle_wire_block_sizes_change(struct oracle_wire *o, uint32_t nsid);
/*
 * Bits were flipped under way on that connection (WORLD_CORRUPT): the receiver
 * has seen something else than what was sent. From now on each PDU of it is only
 * checked on its own.
 */
void oracle_wire_corrupted(struct oracle_wire *o, uint64_t conn);

/* In the order in which they were found; good until the oracle sees more or is freed. */
unsigned oracle_wire_violations(const struct oracle_wire *o,
				const struct oracle_violation **violations);

#define ORACLE_FES 8
#define ORACLE_FEI 32
struct oracle_wire_stats {
	uint64_t conns, bytes[2];
	uint64_t pdus[2][10]; /* by side and type */
	/* TermReqs of the target, by status and field (where there is one, below 32). */
	uint64_t terms[ORACLE_FES][ORACLE_FEI];
	uint64_t commands, completions;
	uint64_t tolerated; /* violations of a tolerated side */
	uint64_t evaluated; /* rules, in all */
};
void oracle_wire_stats(const struct oracle_wire *o, struct oracle_wire_stats *stats);
/* How often each rule was evaluated: i from 0 on until it returns NULL. */
const char *oracle_wire_rule(const struct oracle_wire *o, unsigned i, uint64_t *evaluated,
			     const char **meaning);

/* The same as the world's tap gives, from elsewhere (a recording). */
void oracle_wire_open(struct oracle_wire *o, uint64_t conn, uint64_t time);
void oracle_wire_feed(struct oracle_wire *o, uint64_t conn, enum oracle_side side, uint64_t time,
		      const void *data, size_t len);
void oracle_wire_close(struct oracle_wire *o, uint64_t conn, enum oracle_side side, bool reset);
