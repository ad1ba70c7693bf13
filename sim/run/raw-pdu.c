/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run/raw-pdu.h"

#include <string.h>

#define SQE 64

uint64_t raw_le(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	while (len-- > 0)
		v = v << 8 | p[len];
	return v;
}

static void put(uint8_t *p, unsigned offset, unsigned len, uint64_t v)
{
	for (unsigned i = 0; i < len; i++)
		p[offset + i] = (uint8_t)(v >> 8 * i);
}

static void header(uint8_t *p, uint8_t type, uint8_t flags, uint8_t hlen, uint8_t pdo,
		   uint32_t plen)
{
	p[0] = type;
	p[1] = flags;
	p[2] = hlen;
	p[3] = pdo;
	put(p, 4, 4, plen);
}

void raw_icreq(GByteArray *out)
{
	uint8_t p[128] = { 0 };

	header(p, RAW_ICREQ, 0, 128, 0, 128);
	g_byte_array_append(out, p, sizeof(p));
}

/* sgl: 0 none, 1 in the capsule, 5 transport. */
static void sqe_init(uint8_t *sqe, uint8_t opcode, uint16_t cid, unsigned sgl, uint32_t len)
{
	memset(sqe, 0, SQE);
	sqe[0] = opcode;
	sqe[1] = 0x40; /* SGLs */
	put(sqe, 2, 2, cid);
	put(sqe, 32, 4, len);
	sqe[39] = sgl == 1 ? 0x01 : 0x5a;
}

static void capsule(GByteArray *out, const uint8_t *sqe, const void *data, uint32_t len)
{
	uint8_t p[8];

	header(p, RAW_CMD, 0, 72, len > 0 ? 72 : 0, 72 + len);
	g_byte_array_append(out, p, sizeof(p));
	g_byte_array_append(out, sqe, SQE);
	if (len > 0)
		g_byte_array_append(out, data, len);
}

void raw_connect_pdu(GByteArray *out, uint16_t cid, const struct raw_connect *c)
{
	uint8_t sqe[SQE], data[1024] = { 0 };

	sqe_init(sqe, 0x7f, cid, 1, sizeof(data));
	sqe[4] = 0x01;
	put(sqe, 42, 2, c->qid);
	put(sqe, 44, 2, c->sqsize);
	put(sqe, 48, 4, c->kato_ms);
	memset(data, c->hostid, 16);
	put(data, 16, 2, c->cntlid);
	g_strlcpy((char *)data + 256, c->subnqn, 256);
	g_strlcpy((char *)data + 512, c->hostnqn, 256);
	capsule(out, sqe, data, sizeof(data));
}

void raw_property(GByteArray *out, uint16_t cid, bool set, uint32_t offset, unsigned size,
		  uint64_t value)
{
	uint8_t sqe[SQE];

	sqe_init(sqe, 0x7f, cid, 5, 0);
	sqe[4] = set ? 0x00 : 0x04;
	sqe[40] = size == 8;
	put(sqe, 44, 4, offset);
	if (set)
		put(sqe, 48, 8, value);
	capsule(out, sqe, NULL, 0);
}

void raw_command(GByteArray *out, uint16_t cid, uint8_t opcode, uint32_t nsid,
		 const uint32_t cdw10[3], uint32_t len)
{
	uint8_t sqe[SQE];

	sqe_init(sqe, opcode, cid, 5, len);
	put(sqe, 4, 4, nsid);
	for (unsigned i = 0; i < 3; i++)
		put(sqe, 40 + 4 * i, 4, cdw10[i]);
	capsule(out, sqe, NULL, 0);
}

void raw_h2c(GByteArray *out, uint16_t cid, uint16_t ttag, uint32_t offset, uint32_t len, bool last)
{
	g_autofree uint8_t *p = g_malloc0(24 + len);

	header(p, RAW_H2CDATA, last ? 4 : 0, 24, 24, 24 + len);
	put(p, 8, 2, cid);
	put(p, 10, 2, ttag);
	put(p, 12, 4, offset);
	put(p, 16, 4, len);
	memset(p + 24, 0xee, len); /* must never be read from a namespace */
	g_byte_array_append(out, p, 24 + len);
}
