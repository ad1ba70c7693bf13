/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parts of the NVMe/TCP load generator: the host side of a connection up to the
 * first I/O command, and the check of what I/O commands are answered with. It
 * shares the wire structures with weft and nothing else. A target that does not
 * answer as it should ends the program with a sentence.
 */
#pragma once

#include "target/nvme/nvme.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- rawgen-host.c ----------------------------------------------------------- */

struct rawgen_target {
	const char *traddr, *trsvcid, *subnqn;
	uint32_t nsid;
};

struct rawgen_ctrl {
	int fd; /* admin queue; blocking */
	uint16_t cntlid, mqes;
	uint8_t cpda;	   /* of the connection opened last, 0's based dwords */
	size_t in_capsule; /* bytes of data that an I/O command may carry */
	size_t mdts;	   /* bytes; SIZE_MAX: no limit */
	uint64_t blocks;
	uint32_t block_size;
	unsigned queues; /* granted */
};

/* Connects and enables a controller, asks for I/O queues, looks at the namespace. */
void rawgen_ctrl_open(struct rawgen_ctrl *c, const struct rawgen_target *t, unsigned queues);
/* Connects I/O queue qid of depth entries without SQ flow control; returns the socket. */
int rawgen_queue_open(struct rawgen_ctrl *c, const struct rawgen_target *t, uint16_t qid,
		      unsigned entries);

/* --- rawgen-check.c ---------------------------------------------------------- */

#define RAWGEN_CIDS 0x8000 /* command k has the identifier k % RAWGEN_CIDS */

struct rawgen_slot {
	uint32_t data, wire; /* bytes so far: of data, and on the wire */
	bool done;
};

struct rawgen_check {
	size_t size; /* data bytes of a command */
	bool write;
	uint64_t first; /* command number */
	unsigned n, done;
	unsigned successes; /* completed by the success flag of C2HData */
	struct rawgen_slot *slot;
	char error[160];
};

/* Expects the answers to commands first .. first + n - 1; slot has room for n. */
void rawgen_check_begin(struct rawgen_check *c, uint64_t first, unsigned n);
/* Parses the whole PDUs at buf; returns the bytes consumed, or -1 with c->error. */
ptrdiff_t rawgen_check_feed(struct rawgen_check *c, const uint8_t *buf, size_t len);
/* All answered with the same number of bytes on the wire: that number, or 0 with c->error. */
size_t rawgen_check_end(struct rawgen_check *c);
