/* SPDX-License-Identifier: BSD-3-Clause */
/* RoCEv2 frames as the monitor reads them. Shares nothing with hw/roce. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum rc_what {
	RC_REQUEST,  /* SEND, WRITE, READ request */
	RC_RESPONSE, /* to a READ */
	RC_ACK,	     /* or NAK */
	RC_CM,
	RC_OTHER, /* CNP, management of other classes */
};

enum rc_message { RC_SEND, RC_WRITE, RC_READ };
enum rc_part { RC_FIRST, RC_MIDDLE, RC_LAST, RC_ONLY };

struct rc_packet {
	uint8_t src[16], dst[16]; /* IPv4: the rest is zero */
	enum rc_what what;
	enum rc_message message;
	enum rc_part part;
	uint8_t opcode, syndrome;
	uint32_t dest, psn, msn;
	uint64_t va;
	uint32_t rkey, dma_len;
	uint32_t payload;   /* bytes, without pad */
	const uint8_t *bth; /* to the end of the pad */
	uint32_t len;
	const uint8_t *cm; /* a message's own fields; its kind is opcode */
};

/* NULL, or what is wrong with a frame that an RNIC has sent. */
const char *rc_packet_read(struct rc_packet *p, const uint8_t *frame, uint32_t len);
