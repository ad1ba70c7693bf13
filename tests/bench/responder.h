/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Something that answers NVMe/TCP just well enough for weft-rawgen, and wrongly
 * on demand, so that the test can see that the generator notices. It keeps no
 * data and checks nothing: it is no target.
 */
#pragma once

#include <stdint.h>

enum responder_way {
	RESPONDER_GOOD,
	RESPONDER_NO_SUCCESS_FLAG, /* a CapsuleResp after the data: right, but longer */
	RESPONDER_SPLIT,	   /* data in two PDUs: right, but longer */
	RESPONDER_REVERSED,	   /* the answers to what one receive brought, backwards: right */
	RESPONDER_WRONG_CID,
	RESPONDER_SAME_CID,
	RESPONDER_SHORT,
	RESPONDER_NO_LAST,
	RESPONDER_ERROR_STATUS,
	RESPONDER_OTHER_PDU,
	RESPONDER_MIXED, /* every other answer has the success flag */
	RESPONDER_CLOSE,
	RESPONDER_SURPLUS, /* an answer too many */
};

struct responder;

/* Listens on a free port of 127.0.0.1; I/O command number from and all after it go the way. */
struct responder *responder_new(enum responder_way way, uint64_t from);
uint16_t responder_port(const struct responder *r);
void responder_free(struct responder *r);
