/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is due to a host that breaks a rule and is tolerated (see wire.h): which
 * fatal error a TermReq may name (NVMe/TCP 1.0, 3.6.2.3), and which status a wrong
 * command ends with.
 */
#include "sim/oracle/wire-priv.h"

#include <string.h>

/* Fatal error status */
enum { FES_HEADER = 1, FES_SEQUENCE, FES_HDGST, FES_RANGE, FES_LIMIT, FES_UNSUPPORTED };

/* --- wrong commands ----------------------------------------------------------------------------
 */

uint8_t wire_wrong(enum wire_rule rule)
{
	switch (rule) {
	case R_CMD_FUSE:
	case R_CMD_PSDT:
		return WRONG_FIELD;
	case R_CMD_SGL:
		return WRONG_SGL;
	case R_CMD_FIRST:
		return WRONG_ORDER;
	case R_PDU_DDGST:
		return WRONG_DIGEST;
	case R_CONNECT_DATA:
		return WRONG_CONNECT;
	default:
		return 0;
	}
}

/* On which kinds of wrong commands; ~0: on any, whatever is wrong. */
static const struct {
	uint16_t code;
	uint8_t on;
} wrong_statuses[] = {
	{ 0x001, WRONG_FIELD | WRONG_SGL },
	{ 0x002, WRONG_FIELD | WRONG_SGL },
	{ 0x004, WRONG_DIGEST },
	{ 0x006, 0xff },
	{ 0x007, 0xff },
	{ 0x008, 0xff },
	{ 0x00c, WRONG_ORDER },
	{ 0x00d, WRONG_SGL },
	{ 0x00e, WRONG_SGL },
	{ 0x00f, 0xff }, /* more than the transport takes, whatever else */
	{ 0x010, WRONG_SGL },
	{ 0x011, WRONG_SGL },
	{ 0x016, WRONG_SGL },
	{ 0x021, 0xff },
	{ 0x022, WRONG_DIGEST },
	{ 0x180, WRONG_CONNECT },
	{ 0x182, WRONG_CONNECT },
	{ 0x184, WRONG_CONNECT },
};

bool wire_wrong_status(struct wire_conn *c, const struct wire_cmd *cmd, uint16_t status)
{
	bool holds = cmd->wrong == 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong_statuses) && !holds; i++)
		holds = wrong_statuses[i].code == (status & 0x7ff) &&
			(wrong_statuses[i].on & cmd->wrong);
	return wire_check(c, ORACLE_TARGET, R_RESP_WRONG, holds,
			  "status %03xh, opcode %02xh, wrong %02xh", status & 0x7ff, cmd->opcode,
			  cmd->wrong);
}

/* --- rules of the transport ----------------------------------------------------------------------
 */

bool wire_blame(struct wire_conn *c, enum wire_rule rule)
{
	struct wire_stream *s = &c->streams[ORACLE_HOST];

	switch (rule) {
	case R_PDU_TYPE:
	case R_PDU_PHASE:
	case R_PDU_HLEN:
	case R_PDU_PLEN:
	case R_PDU_PDO:
	case R_PDU_FLAGS:
	case R_PDU_HDGST:
	case R_PDU_DATAL:
	case R_IC_PFV:
	case R_IC_PDA:
	case R_IC_DIGEST:
	case R_CMD_ICD:
	case R_H2C_TTAG:
	case R_H2C_CID:
	case R_H2C_RANGE:
	case R_H2C_LAST:
	case R_H2C_MAX:
		break;
	default:
		return false;
	}
	c->blame.set = true;
	c->blame.rule = rule;
	c->blame.have = MIN(s->have, sizeof(c->blame.pdu));
	memcpy(c->blame.pdu, s->hdr, c->blame.have);
	s->mute = true;
	return true;
}

/* Bytes of the same PDU, and perhaps of what follows. */
void wire_blame_more(struct wire_conn *c, const uint8_t *p, size_t len)
{
	struct wire_blame *b = &c->blame;
	uint32_t n = (uint32_t)MIN(len, sizeof(b->pdu) - b->have);

	memcpy(b->pdu + b->have, p, n);
	b->have += n;
}

/* More than one thing may be wrong with a length: each may be named. */
static bool plen_wrong(const struct wire_conn *c)
{
	const uint8_t *h = c->blame.pdu;
	uint8_t hlen = wire_hlen(h[0], ORACLE_HOST);
	uint32_t plen = le32(h + 4), fixed = hlen + (hlen < 128 && c->hdgst ? 4 : 0);

	if (plen < fixed || c->blame.rule == R_CMD_ICD || c->blame.rule == R_PDU_PLEN)
		return true;
	/* How much a capsule may carry is said in Identify, which perhaps nobody asked for. */
	if (h[0] == T_CMD && plen > fixed && (c->ctrl == NULL || c->ctrl->icd_max == UNKNOWN))
		return true;
	return (h[0] == T_CMD || h[0] == T_H2C_DATA) && plen > fixed &&
	       plen <= h[3] + (c->ddgst ? 4u : 0);
}

static bool field_wrong(const struct wire_conn *c, uint32_t field)
{
	const struct wire_blame *b = &c->blame;
	const uint8_t *h = b->pdu;
	bool h2c = h[0] == T_H2C_DATA;
	int cid = h2c ? wire_r2t_cid(c, le16(h + 10)) : -1;

	switch (field) {
	case 0:
		return b->rule == R_PDU_TYPE;
	case 1:
		return b->rule == R_PDU_FLAGS || b->rule == R_H2C_LAST ||
		       !!(h[1] & F_HDGST) != c->hdgst || !!(h[1] & F_DDGST) != c->ddgst;
	case 2:
		return h[2] != wire_hlen(h[0], ORACLE_HOST);
	case 3:
		return b->rule == R_PDU_PDO || h[3] % 4 != 0 || h[3] > le32(h + 4);
	case 4:
		return plen_wrong(c);
	case 8:
		return b->rule == R_H2C_CID || (cid >= 0 && cid != le16(h + 8));
	case 10:
		return h2c ? cid < 0 : b->rule == R_IC_PDA;
	case 11:
		return b->rule == R_IC_DIGEST;
	case 16:
		return b->rule == R_PDU_DATAL;
	default:
		return false;
	}
}

bool wire_blame_justifies(const struct wire_conn *c, uint16_t fes, uint32_t fei)
{
	const struct wire_blame *b = &c->blame;

	if (!b->set)
		return false;
	switch (fes) {
	case FES_HEADER:
		return field_wrong(c, fei);
	case FES_SEQUENCE:
		return b->rule == R_PDU_PHASE || b->rule == R_PDU_TYPE;
	case FES_HDGST:
		return b->rule == R_PDU_HDGST;
	case FES_RANGE:
		return b->rule == R_H2C_RANGE && b->have >= 20 &&
		       (fei == 12 ? le32(b->pdu + 12) != b->at
				  : fei == 16 && le32(b->pdu + 16) > b->end - b->at);
	case FES_LIMIT:
		return b->rule == R_H2C_MAX || b->rule == R_CMD_ICD;
	case FES_UNSUPPORTED:
		return b->rule == R_IC_PFV ? fei == 8
					   : b->rule == R_IC_PDA || b->rule == R_IC_DIGEST;
	default:
		return false;
	}
}

void wire_blame_excerpt(struct wire_conn *c, uint32_t at, const uint8_t *p, uint32_t len)
{
	const struct wire_blame *b = &c->blame;

	if (!b->set || c->odd) /* it may be of what was odd before */
		return;
	if (at < b->have)
		wire_check(c, ORACLE_TARGET, R_TERM_PDU,
			   !memcmp(b->pdu + at, p, MIN(len, b->have - at)), "from byte %u on", at);
}
