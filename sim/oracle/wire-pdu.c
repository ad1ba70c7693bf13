/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cuts a stream into PDUs (NVMe/TCP 1.0, 3.6) as bytes come, and checks what can
 * be said of one PDU. A header counts from its last byte on, since a receiver may
 * act on it then; the end of the PDU is told separately.
 */
#include "sim/oracle/wire-priv.h"

#include <string.h>

#include "sim/oracle/crc.h"

#define CH_LEN 8

static const struct form {
	uint8_t hlen;
	uint8_t side;
	uint8_t flags;	    /* beside digests */
	bool digests, data; /* may have */
	struct {
		uint8_t from, to;
	} reserved[2]; /* of the header, [from, to) */
} forms[T_COUNT] = {
	[T_ICREQ] = { 128, ORACLE_HOST, 0, false, false, { { 16, 128 } } },
	[T_ICRESP] = { 128, ORACLE_TARGET, 0, false, false, { { 16, 128 } } },
	[T_H2C_TERM] = { 24, ORACLE_HOST, 0, false, false, { { 14, 24 } } },
	[T_C2H_TERM] = { 24, ORACLE_TARGET, 0, false, false, { { 14, 24 } } },
	[T_CMD] = { 72, ORACLE_HOST, 0, true, true, { { 0, 0 } } },
	[T_RESP] = { 24, ORACLE_TARGET, 0, true, false, { { 0, 0 } } },
	[T_H2C_DATA] = { 24, ORACLE_HOST, F_LAST, true, true, { { 20, 24 } } },
	[T_C2H_DATA] = { 24,
			 ORACLE_TARGET,
			 F_LAST | F_SUCCESS,
			 true,
			 true,
			 { { 10, 12 }, { 20, 24 } } },
	[T_R2T] = { 24, ORACLE_TARGET, 0, true, false, { { 20, 24 } } },
};

uint8_t wire_hlen(uint8_t type, enum oracle_side side)
{
	return type < T_COUNT && forms[type].side == side ? forms[type].hlen : 0;
}

static bool is_term(uint8_t type)
{
	return type == T_H2C_TERM || type == T_C2H_TERM;
}

/* --- the common header ----------------------------------------------------------------- */

static bool check_place(struct wire_conn *c, enum oracle_side side, uint8_t type)
{
	struct wire_stream *s = &c->streams[side];
	bool ic = type == T_ICREQ || type == T_ICRESP;

	if (!wire_check(c, side, R_PDU_TYPE,
			type < T_COUNT && forms[type].hlen != 0 && forms[type].side == side,
			"type %02xh", type))
		return false;
	if (!wire_check(c, side, R_PDU_AFTER_TERM, !s->term_seen, "type %02xh", type))
		return false;
	/* The host waits for the ICResp; a target that refuses an ICReq says so by TermReq. */
	if (side == ORACLE_TARGET && type == T_C2H_TERM && !s->ic_seen)
		return true;
	return wire_check(c, side, R_PDU_PHASE,
			  ic != s->ic_seen &&
				  (side == ORACLE_HOST || c->streams[ORACLE_HOST].ic_seen),
			  "type %02xh %s", type, s->ic_seen ? "once more" : "too early") &&
	       wire_soft(c, side, R_PDU_PHASE,
			 side == ORACLE_TARGET || ic || c->streams[ORACLE_TARGET].ic_seen ||
				 is_term(type),
			 "type %02xh before the ICResp", type);
}

/* Where the data is. Sets what follows the header. */
static bool check_data(struct wire_conn *c, enum oracle_side side, const struct form *f,
		       uint32_t fixed)
{
	struct wire_stream *s = &c->streams[side];
	const uint8_t *h = s->hdr;
	uint32_t plen = le32(h + 4), trailer = c->ddgst ? 4 : 0;
	bool data = plen > fixed;

	s->data_len = 0;
	s->data_at = fixed;
	if (f == &forms[T_H2C_DATA] || f == &forms[T_C2H_DATA])
		data = true;
	if (!data)
		return wire_soft(c, side, R_PDU_FLAGS, !(h[1] & F_DDGST),
				 "flags %02xh without data", h[1]) &&
		       wire_soft(c, side, R_PDU_PDO, h[3] == 0, "PDO %u without data", h[3]);
	if (!wire_check(c, side, R_PDU_FLAGS, !!(h[1] & F_DDGST) == c->ddgst,
			"flags %02xh, data digests %s", h[1], c->ddgst ? "on" : "off"))
		return false;
	if (!wire_check(c, side, R_PDU_PDO, h[3] >= fixed && h[3] % c->align[side] == 0,
			"PDO %u, header %u, alignment %u", h[3], fixed, c->align[side]))
		return false;
	if (!wire_check(c, side, R_PDU_PLEN, plen > h[3] + trailer, "PLEN %u, PDO %u", plen, h[3]))
		return false;
	s->data_at = h[3];
	s->data_len = plen - h[3] - trailer;
	return true;
}

static bool check_common(struct wire_conn *c, enum oracle_side side)
{
	struct wire_stream *s = &c->streams[side];
	const uint8_t *h = s->hdr;
	const struct form *f;
	uint32_t plen = le32(h + 4), fixed;

	if (!check_place(c, side, h[0]))
		return false;
	f = &forms[h[0]];
	if (!wire_check(c, side, R_PDU_HLEN, h[2] == f->hlen, "HLEN %u", h[2]))
		return false;
	if (!wire_soft(c, side, R_PDU_FLAGS,
		       (h[1] &
			~(f->flags | (f->digests ? F_HDGST : 0) | (f->data ? F_DDGST : 0))) == 0,
		       "flags %02xh", h[1]) ||
	    !wire_check(c, side, R_PDU_FLAGS, !f->digests || !!(h[1] & F_HDGST) == c->hdgst,
			"flags %02xh, header digests %s", h[1], c->hdgst ? "on" : "off"))
		return false;
	fixed = f->hlen + (f->digests && c->hdgst ? 4 : 0);
	s->hdr_len = fixed;
	if (f->data)
		return wire_check(c, side, R_PDU_PLEN, plen >= fixed, "PLEN %u", plen) &&
		       check_data(c, side, f, fixed) &&
		       (h[0] != T_CMD || wire_check_capsule(c, s->data_len));
	if (!wire_soft(c, side, R_PDU_PDO, h[3] == 0, "PDO %u without data", h[3]))
		return false;
	s->data_at = fixed;
	s->data_len = is_term(h[0]) ? plen - fixed : 0;
	return wire_check(c, side, R_PDU_PLEN,
			  is_term(h[0]) ? plen >= fixed && plen <= fixed + 128 : plen == fixed,
			  "PLEN %u", plen);
}

/* --- headers -------------------------------------------------------------------------------- */

static void icreq(struct wire_conn *c, const uint8_t *h)
{
	if (!wire_check(c, ORACLE_HOST, R_IC_PFV, le16(h + 8) == 0, "PFV %u", le16(h + 8)) ||
	    !wire_check(c, ORACLE_HOST, R_IC_PDA, h[10] <= 31, "HPDA %u", h[10]) ||
	    !wire_check(c, ORACLE_HOST, R_IC_DIGEST, (h[11] & ~3) == 0, "DGST %02xh", h[11]))
		return;
	c->hdgst = h[11] & 1; /* as asked, until the answer */
	c->ddgst = h[11] & 2;
	c->align[ORACLE_TARGET] = (h[10] + 1u) * 4;
	c->maxr2t = le32(h + 12);
	c->streams[ORACLE_HOST].ic_seen = true;
}

static void icresp(struct wire_conn *c, const uint8_t *h)
{
	uint32_t maxh2c = le32(h + 12);

	if (!wire_check(c, ORACLE_TARGET, R_IC_PFV, le16(h + 8) == 0, "PFV %u", le16(h + 8)) ||
	    !wire_check(c, ORACLE_TARGET, R_IC_PDA, h[10] <= 31, "CPDA %u", h[10]) ||
	    !wire_check(c, ORACLE_TARGET, R_IC_DIGEST,
			(h[11] & ~3) == 0 && (!(h[11] & 1) || c->hdgst) &&
				(!(h[11] & 2) || c->ddgst),
			"DGST %02xh, asked for %u%u", h[11], c->ddgst, c->hdgst) ||
	    !wire_check(c, ORACLE_TARGET, R_IC_MAXH2C, maxh2c >= 4096 && maxh2c % 4 == 0,
			"MAXH2CDATA %u", maxh2c))
		return;
	c->hdgst = h[11] & 1;
	c->ddgst = h[11] & 2;
	c->align[ORACLE_HOST] = (h[10] + 1u) * 4;
	c->maxh2c = maxh2c;
	c->streams[ORACLE_TARGET].ic_seen = true;
}

/*
 * An invalid field is named by its offset in the header that follows (the common
 * header has such offsets, too, where nothing follows); a header digest error
 * tells the digest; the others have no information.
 */
static void term(struct wire_conn *c, enum oracle_side side, const uint8_t *h, uint32_t len)
{
	uint16_t fes = le16(h + 8);
	uint32_t fei = le32(h + 10);

	c->streams[side].term_seen = true;
	if (side == ORACLE_TARGET)
		c->o->stats.terms[fes % ORACLE_FES][fei % ORACLE_FEI]++;
	if (!wire_check(c, side, R_TERM_FES, fes >= 1 && fes <= 6, "FES %04xh", fes))
		return;
	if (fes == 1 || fes == 6)
		wire_check(c, side, R_TERM_FEI, fei < MAX(len, CH_LEN),
			   "FEI %u, header of %u bytes", fei, len);
	wire_check(c, side, R_TERM_CAUSE,
		   c->odd || (side == ORACLE_TARGET && wire_blame_justifies(c, fes, fei)),
		   "FES %04xh, FEI %u", fes, fei);
}

static void header(struct wire_conn *c, enum oracle_side side)
{
	struct wire_stream *s = &c->streams[side];
	const uint8_t *h = s->hdr;
	const struct form *f = &forms[h[0]];

	for (unsigned i = 0; i < G_N_ELEMENTS(f->reserved); i++) {
		unsigned from = f->reserved[i].from, to = f->reserved[i].to;

		wire_soft(c, side, R_PDU_RESERVED, wire_all_zero(h + from, to - from),
			  "bytes %u to %u", from, to - 1);
		if (c->judge == JUDGE_NONE)
			return;
	}
	if (h[0] == T_H2C_DATA || h[0] == T_C2H_DATA) {
		if (!wire_check(c, side, R_PDU_DATAL, le32(h + 16) == s->data_len,
				"DATAL %u, %u bytes", le32(h + 16), s->data_len))
			return;
	}
	if (h[0] == T_ICREQ)
		icreq(c, h);
	else if (h[0] == T_ICRESP)
		icresp(c, h);
	else if (is_term(h[0]))
		term(c, side, h, s->data_len);
	else if (h[0] == T_CMD)
		wire_command(c, s);
	else if (h[0] == T_RESP)
		wire_response(c, h + CH_LEN);
	else if (c->judge != JUDGE_ALL)
		return;
	else if (h[0] == T_R2T)
		wire_r2t(c, h);
	else if (h[0] == T_H2C_DATA)
		wire_h2c(c, s);
	else
		wire_c2h(c, s);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static uint32_t gather(struct wire_stream *s, uint32_t want, const uint8_t *p, size_t len)
{
	uint32_t n = (uint32_t)MIN(len, (size_t)(want - s->have));

	memcpy(s->hdr + s->have, p, n);
	s->have += n;
	return n;
}

/* To the next step that has bytes; at the end of the PDU, to the beginning of the next. */
static void advance(struct wire_conn *c, enum oracle_side side)
{
	struct wire_stream *s = &c->streams[side];

	if (s->step == STEP_HEADER) {
		s->step = STEP_PAD;
		s->left = s->data_at - s->hdr_len;
	}
	if (s->step == STEP_PAD && s->left == 0) {
		s->step = STEP_DATA;
		s->left = s->data_len;
	}
	if (s->step == STEP_DATA && s->left == 0) {
		s->step = STEP_DDGST;
		s->left = s->data_len > 0 && (s->hdr[1] & F_DDGST) ? 4 : 0;
	}
	if (s->step != STEP_DDGST || s->left > 0)
		return;
	if (c->judge == JUDGE_ALL)
		wire_pdu_end(c, side, s);
	s->step = STEP_COMMON;
	s->have = 0;
	s->cmd = NULL;
}

static uint32_t take_header(struct wire_conn *c, enum oracle_side side, const uint8_t *p,
			    size_t len)
{
	struct wire_stream *s = &c->streams[side];
	uint32_t n = gather(s, s->hdr_len, p, len);
	uint8_t hlen = s->hdr[2];

	if (s->have < s->hdr_len)
		return n;
	if (s->hdr_len > hlen) {
		uint32_t crc = oracle_crc32c(0, s->hdr, hlen);

		s->mute = !wire_check(c, side, R_PDU_HDGST, crc == le32(s->hdr + hlen),
				      "%08x instead of %08x", le32(s->hdr + hlen), crc);
		if (s->mute)
			return n;
	}
	c->o->stats.pdus[side][s->hdr[0]]++;
	header(c, side);
	if (c->judge != JUDGE_NONE)
		advance(c, side);
	return n;
}

static uint32_t take_common(struct wire_conn *c, enum oracle_side side, const uint8_t *p,
			    size_t len)
{
	struct wire_stream *s = &c->streams[side];
	uint32_t n;

	if (s->have == 0) {
		s->start = s->offset;
		s->crc = 0;
		s->skip = 0;
	}
	n = gather(s, CH_LEN, p, len);
	if (s->have < CH_LEN)
		return n;
	if (!check_common(c, side)) {
		s->mute = true;
		/* Without its ICReq or ICResp nothing can be said of the other side, either. */
		if (!s->ic_seen && !c->blame.set)
			c->judge = JUDGE_NONE;
	}
	s->step = STEP_HEADER;
	return n;
}

static uint32_t take_rest(struct wire_conn *c, enum oracle_side side, const uint8_t *p, size_t len)
{
	struct wire_stream *s = &c->streams[side];
	uint32_t n = (uint32_t)MIN(len, (size_t)s->left);

	s->left -= n;
	if (s->step == STEP_PAD) {
		wire_soft(c, side, R_PDU_PAD, wire_all_zero(p, n), "before the data");
	} else if (s->step == STEP_DATA) {
		if (s->hdr[1] & F_DDGST)
			s->crc = oracle_crc32c(s->crc, p, n);
		if (s->cmd != NULL)
			wire_data_byte(s, p, n);
		if (s->hdr[0] == T_C2H_TERM)
			wire_blame_excerpt(c, s->data_len - s->left - n, p, n);
	} else {
		memcpy(s->digest + 4 - s->left - n, p, n);
		c->now = s->cmd;
		if (s->left == 0)
			wire_check(c, side, R_PDU_DDGST, le32(s->digest) == s->crc,
				   "%08x instead of %08x", le32(s->digest), s->crc);
		c->now = NULL;
	}
	if (s->left == 0 && c->judge != JUDGE_NONE)
		advance(c, side);
	return n;
}

void wire_pdu_bytes(struct wire_conn *c, enum oracle_side side, const uint8_t *p, size_t len)
{
	struct wire_stream *s = &c->streams[side];

	while (len > 0 && !s->mute && c->judge != JUDGE_NONE) {
		uint32_t n;

		if (s->step == STEP_COMMON)
			n = take_common(c, side, p, len);
		else if (s->step == STEP_HEADER)
			n = take_header(c, side, p, len);
		else
			n = take_rest(c, side, p, len);
		s->offset += n;
		p += n;
		len -= n;
	}
	if (side == ORACLE_HOST && c->blame.set)
		wire_blame_more(c, p, len);
}
