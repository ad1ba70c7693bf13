/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client of both tools: keeps up to qd requests of one length on a
 * connection, spinning, and counts the bytes that come back. It places nothing:
 * the kernel discards what is received (MSG_TRUNC), and a request is complete
 * when its share of bytes has been counted. The probe and the NVMe/TCP load
 * generator run this same loop, so that the two differ in nothing but the
 * other end.
 *
 * Requests live in a ring of qd slots laid out as on the wire, so what is to be
 * sent is one or two pieces whatever the kernel took last time. Slot k % qd is
 * filled again only when at least k + 1 requests are complete, and those were
 * sent in order: it has left the ring by then even if answers are reordered.
 */
#pragma once

#include "tools/bench/bench.h"

struct drive {
	int fd; /* non-blocking */
	unsigned qd;
	unsigned refill;	  /* send when this many slots are free; 1: at once */
	size_t req_len, resp_len; /* bytes on the wire, constant */
	size_t recv_len;	  /* asked of the kernel at once */
	bool quickack;
	uint64_t interval; /* ns between requests (open loop); 0: as fast as they are answered */
	uint64_t limit;	   /* drive_run() ends when done has reached it */
	/* Writes request k into its slot. */
	void (*fill)(struct drive *d, uint64_t k, uint8_t *slot);
	void *arg;

	uint8_t *ring;
	uint64_t *stamp; /* of each slot: when it was due (open loop) or given to the socket */
	uint64_t issued, done; /* requests */
	uint64_t sent, rcvd;   /* bytes */
	uint64_t due;	       /* of the next request, open loop */
	uint64_t sends, recvs, empty, late;
	struct bench_hist hist;
	const char *error; /* why a call returned false */
};

/* Allocates ring and stamps; everything above them must be set. */
void drive_init(struct drive *d);
void drive_fini(struct drive *d);
/* Runs the load until a time or the limit, leaving requests outstanding. */
bool drive_run(struct drive *d, uint64_t until);
/* Issues no more, and waits for what is outstanding. */
bool drive_drain(struct drive *d);
/* Issues n requests (at most qd, none outstanding) and leaves their answers to the caller. */
bool drive_issue(struct drive *d, unsigned n);
/* Counts n requests as answered outside, by drive_issue()'s caller. */
void drive_skip(struct drive *d, unsigned n);
/* Forgets figures, not the state of the connection. */
void drive_reset_figures(struct drive *d);
