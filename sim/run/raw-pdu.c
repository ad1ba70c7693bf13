/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run/raw-pdu.h"

#include <string.h>

#include "sim/oracle/crc.h"

#define SQE 64
#define CH 8
#define RAW_BYTE 0xee /* all data: must never be read from a namespace */

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

static void digest(struct raw_out *out, const uint8_t *p, uint32_t len, bool spoil)
{
	uint8_t crc[4];

	put(crc, 0, 4, oracle_crc32c(0, p, len) ^ (spoil ? 0x10000 : 0));
	g_byte_array_append(out->bytes, crc, sizeof(crc));
}

/* The header p of hlen bytes, its common part filled in here, and len bytes of data. */
static void pdu(struct raw_out *out, uint8_t *p, uint8_t type, uint8_t flags, uint8_t hlen,
		const uint8_t *data, uint32_t len)
{
	bool digests = type >= RAW_CMD;
	uint32_t pdo = hlen + (digests && out->hdgst ? 4u : 0);

	p[0] = type;
	p[1] = flags;
	if (digests)
		p[1] |= (out->hdgst ? 1 : 0) | (out->ddgst && len > 0 ? 2 : 0);
	p[2] = hlen;
	p[3] = (uint8_t)(len > 0 ? pdo : 0);
	put(p, 4, 4, pdo + len + (digests && out->ddgst && len > 0 ? 4 : 0));
	g_byte_array_append(out->bytes, p, hlen);
	if (digests && out->hdgst)
		digest(out, p, hlen, out->spoil_hdgst);
	if (len == 0)
		return;
	g_byte_array_append(out->bytes, data, len);
	if (digests && out->ddgst)
		digest(out, data, len, out->spoil_ddgst);
}

void raw_icreq(struct raw_out *out)
{
	uint8_t p[128] = { 0 };

	p[11] = (uint8_t)((out->hdgst ? 1 : 0) | (out->ddgst ? 2 : 0));
	pdu(out, p, RAW_ICREQ, 0, 128, NULL, 0);
}

/* The data of a command is in the capsule, or the transport's business. */
static void sqe_init(uint8_t *sqe, uint8_t opcode, uint16_t cid, bool in_capsule, uint32_t len)
{
	memset(sqe, 0, SQE);
	sqe[0] = opcode;
	sqe[1] = 0x40; /* SGLs */
	put(sqe, 2, 2, cid);
	put(sqe, 32, 4, len);
	sqe[39] = in_capsule ? 0x01 : 0x5a;
}

static void capsule(struct raw_out *out, const uint8_t *sqe, const void *data, uint32_t len)
{
	uint8_t p[CH + SQE] = { 0 };

	memcpy(p + CH, sqe, SQE);
	pdu(out, p, RAW_CMD, 0, sizeof(p), data, len);
}

void raw_connect_pdu(struct raw_out *out, uint16_t cid, const struct raw_connect *c)
{
	uint8_t sqe[SQE], data[1024] = { 0 };

	sqe_init(sqe, 0x7f, cid, true, sizeof(data));
	sqe[4] = 0x01;
	put(sqe, 40, 2, c->recfmt);
	put(sqe, 42, 2, c->qid);
	put(sqe, 44, 2, c->sqsize);
	put(sqe, 48, 4, c->kato_ms);
	memset(data, c->hostid, 16);
	put(data, 16, 2, c->cntlid);
	g_strlcpy((char *)data + 256, c->subnqn, 256);
	if (c->hostnqn != NULL)
		g_strlcpy((char *)data + 512, c->hostnqn, 256);
	else
		memset(data + 512, 'n', 256); /* without an end */
	capsule(out, sqe, data, sizeof(data));
}

void raw_property(struct raw_out *out, uint16_t cid, bool set, uint32_t offset, unsigned size,
		  uint64_t value)
{
	uint8_t sqe[SQE];

	sqe_init(sqe, 0x7f, cid, false, 0);
	sqe[4] = set ? 0x00 : 0x04;
	sqe[40] = size == 8;
	put(sqe, 44, 4, offset);
	if (set)
		put(sqe, 48, 8, value);
	capsule(out, sqe, NULL, 0);
}

void raw_command(struct raw_out *out, const struct raw_cmd *cmd)
{
	g_autofree uint8_t *data = cmd->in_capsule ? g_malloc(cmd->len) : NULL;
	uint8_t sqe[SQE];

	sqe_init(sqe, cmd->opcode, cmd->cid, cmd->in_capsule, cmd->len + cmd->excess);
	put(sqe, 4, 4, cmd->nsid);
	put(sqe, 40, 4, cmd->cdw10);
	put(sqe, 44, 4, cmd->cdw11);
	put(sqe, 48, 4, cmd->cdw12);
	if (data != NULL)
		memset(data, RAW_BYTE, cmd->len);
	capsule(out, sqe, data, cmd->in_capsule ? cmd->len : 0);
}

void raw_h2c(struct raw_out *out, uint16_t cid, uint16_t ttag, uint32_t offset, uint32_t len,
	     bool last)
{
	g_autofree uint8_t *data = g_malloc(len);
	uint8_t p[24] = { 0 };

	put(p, 8, 2, cid);
	put(p, 10, 2, ttag);
	put(p, 12, 4, offset);
	put(p, 16, 4, len);
	memset(data, RAW_BYTE, len);
	pdu(out, p, RAW_H2CDATA, last ? 4 : 0, sizeof(p), data, len);
}

void raw_term(struct raw_out *out, uint16_t fes)
{
	uint8_t p[24] = { 0 };

	put(p, 8, 2, fes);
	pdu(out, p, RAW_H2C_TERM, 0, sizeof(p), NULL, 0);
}
