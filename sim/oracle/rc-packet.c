/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames by the books: InfiniBand volume 1, chapter 9, and annex A17 (RoCEv2). */
#include "sim/oracle/rc-packet.h"

#include <string.h>
#include <zlib.h>

#define ETH 14
#define UDP 8
#define BTH 12
#define RETH 16
#define AETH 4
#define PORT 4791

/* What an opcode of a reliable connection is. */
static const struct {
	uint8_t opcode;
	enum rc_what what;
	enum rc_message message;
	enum rc_part part;
	uint8_t ext; /* bytes between BTH and payload */
} opcodes[] = {
	{ 0x00, RC_REQUEST, RC_SEND, RC_FIRST, 0 },
	{ 0x01, RC_REQUEST, RC_SEND, RC_MIDDLE, 0 },
	{ 0x02, RC_REQUEST, RC_SEND, RC_LAST, 0 },
	{ 0x03, RC_REQUEST, RC_SEND, RC_LAST, 4 },
	{ 0x04, RC_REQUEST, RC_SEND, RC_ONLY, 0 },
	{ 0x05, RC_REQUEST, RC_SEND, RC_ONLY, 4 },
	{ 0x06, RC_REQUEST, RC_WRITE, RC_FIRST, RETH },
	{ 0x07, RC_REQUEST, RC_WRITE, RC_MIDDLE, 0 },
	{ 0x08, RC_REQUEST, RC_WRITE, RC_LAST, 0 },
	{ 0x09, RC_REQUEST, RC_WRITE, RC_LAST, 4 },
	{ 0x0a, RC_REQUEST, RC_WRITE, RC_ONLY, RETH },
	{ 0x0b, RC_REQUEST, RC_WRITE, RC_ONLY, RETH + 4 },
	{ 0x0c, RC_REQUEST, RC_READ, RC_ONLY, RETH },
	{ 0x0d, RC_RESPONSE, RC_READ, RC_FIRST, AETH },
	{ 0x0e, RC_RESPONSE, RC_READ, RC_MIDDLE, 0 },
	{ 0x0f, RC_RESPONSE, RC_READ, RC_LAST, AETH },
	{ 0x10, RC_RESPONSE, RC_READ, RC_ONLY, AETH },
	{ 0x11, RC_ACK, RC_SEND, RC_ONLY, AETH },
	{ 0x16, RC_REQUEST, RC_SEND, RC_LAST, 4 },
	{ 0x17, RC_REQUEST, RC_SEND, RC_ONLY, 4 },
	{ 0x64, RC_CM, RC_SEND, RC_ONLY, 8 },
	{ 0x81, RC_OTHER, RC_SEND, RC_ONLY, 16 },
};

#define NOPCODES (sizeof(opcodes) / sizeof(opcodes[0]))

static uint32_t be(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* ---- the invariant CRC ------------------------------------------------------------------- */

/* Whether byte i from the IP header on may change under way. */
static bool is_variant(bool v6, uint32_t head, uint32_t i)
{
	if (v6 ? i == 0 || (i >= 1 && i <= 3) || i == 7 : i == 1 || i == 8 || i == 10 || i == 11)
		return true;
	return i == head + 6 || i == head + 7 || i == head + UDP + 4;
}

/* Over the longest of headers, byte by byte; what follows them is all invariant. */
static uint32_t icrc(const uint8_t *ip, bool v6, uint32_t head, uint32_t len)
{
	static const uint8_t lrh[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t masked[60 + UDP + BTH];
	uint32_t n = head + UDP + BTH;

	for (uint32_t i = 0; i < n; i++)
		masked[i] = is_variant(v6, head, i) ? 0xff : ip[i];
	/* Of an IPv6 header's first byte only the version stays. */
	if (v6)
		masked[0] = ip[0] | 0x0f;
	return (uint32_t)crc32(crc32(crc32(0, lrh, sizeof(lrh)), masked, n), ip + n, len - n);
}

/* ---- frames ------------------------------------------------------------------------------- */

static const char *read_bth(struct rc_packet *p, const uint8_t *bth, uint32_t len)
{
	const uint8_t *ext = bth + BTH;
	uint32_t pad = bth[1] >> 4 & 3;
	unsigned i = 0;

	while (i < NOPCODES && opcodes[i].opcode != bth[0])
		i++;
	if (i == NOPCODES)
		return "an opcode that there is not";
	if ((bth[1] & 0x0f) != 0)
		return "a transport header version other than 0";
	if (len < BTH + opcodes[i].ext + pad)
		return "shorter than its headers";
	if (len % 4 != 0)
		return "not padded to four bytes";
	p->opcode = bth[0];
	p->what = opcodes[i].what;
	p->message = opcodes[i].message;
	p->part = opcodes[i].part;
	p->dest = be(bth + 5, 3);
	p->psn = be(bth + 9, 3);
	p->payload = len - BTH - opcodes[i].ext - pad;
	p->bth = bth;
	p->len = len;
	if (p->what == RC_REQUEST && opcodes[i].ext >= RETH) {
		p->va = (uint64_t)be(ext, 4) << 32 | be(ext + 4, 4);
		p->rkey = be(ext + 8, 4);
		p->dma_len = be(ext + 12, 4);
	}
	if (opcodes[i].ext == AETH && (p->what == RC_ACK || p->what == RC_RESPONSE)) {
		p->syndrome = ext[0];
		p->msn = be(ext + 1, 3);
	}
	if ((p->what == RC_ACK || p->message == RC_READ) && p->what != RC_RESPONSE &&
	    p->payload > 0)
		return "a payload where there is none";
	return NULL;
}

static const char *read_cm(struct rc_packet *p)
{
	const uint8_t *mad = p->bth + BTH + 8;

	if (p->dest != 1)
		return "a datagram that is not for queue pair 1";
	if (p->payload != 256)
		return "a management datagram of not 256 bytes";
	if (mad[0] != 1 || mad[1] != 7 || be(mad + 16, 2) > 0xff) {
		p->what = RC_OTHER;
		return NULL;
	}
	p->opcode = mad[17];
	p->cm = mad + 24;
	return NULL;
}

const char *rc_packet_read(struct rc_packet *p, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + ETH;
	bool v6 = be(frame + 12, 2) == 0x86dd;
	uint32_t head = v6 ? 40 : 20, at = ETH + head + UDP;
	const char *wrong;

	memset(p, 0, sizeof(*p));
	if (len < at + BTH + 4)
		return "too short";
	if (ip[v6 ? 6 : 9] != 17 || be(ip + head + 2, 2) != PORT)
		return "not UDP port 4791";
	if (be(ip + head + 4, 2) != len - ETH - head ||
	    be(ip + (v6 ? 4 : 2), 2) != len - ETH - (v6 ? head : 0))
		return "lengths that are not the frame's";
	memcpy(p->src, ip + (v6 ? 8 : 12), v6 ? 16 : 4);
	memcpy(p->dst, ip + (v6 ? 24 : 16), v6 ? 16 : 4);
	len -= 4;
	if (icrc(ip, v6, head, len - ETH) !=
	    ((uint32_t)frame[len] | (uint32_t)frame[len + 1] << 8 | (uint32_t)frame[len + 2] << 16 |
	     (uint32_t)frame[len + 3] << 24))
		return "a wrong ICRC";
	wrong = read_bth(p, frame + at, len - at);
	return wrong == NULL && p->what == RC_CM ? read_cm(p) : wrong;
}
