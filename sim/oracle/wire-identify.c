/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identify data (base 2.0, 5.17.2; NVM command set 1.0, 4.1.5): reserved ranges,
 * text, values that contradict each other, and lists.
 */
#include "sim/oracle/wire-priv.h"

#include <string.h>

#define PAGE 4096

bool wire_ascii(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	}
	return true;
}

struct range {
	uint16_t from, to;
};

static bool reserved(struct wire_conn *c, const uint8_t *d, const struct range *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!wire_check(c, ORACLE_TARGET, R_ID_RESERVED,
				wire_all_zero(d + r[i].from, (size_t)(r[i].to - r[i].from)),
				"bytes %u to %u", r[i].from, r[i].to - 1u))
			return false;
	}
	return true;
}

/* --- controller ---------------------------------------------------------------------------- */

static bool ctrlr_text(struct wire_conn *c, const uint8_t *d)
{
	static const struct range text[] = { { 4, 24 }, { 24, 64 }, { 64, 72 } };

	for (unsigned i = 0; i < G_N_ELEMENTS(text); i++) {
		unsigned from = text[i].from;

		if (!wire_check(c, ORACLE_TARGET, R_ID_ASCII,
				wire_ascii(d + from, (size_t)(text[i].to - from)), "bytes %u to %u",
				from, text[i].to - 1u))
			return false;
	}
	return true;
}

static bool ctrlr_matches(struct wire_conn *c, const uint8_t *d)
{
	const struct wire_ctrl *ctrl = c->ctrl;
	const uint8_t *end = memchr(d + 768, 0, 256);

	return wire_check(c, ORACLE_TARGET, R_ID_MATCH, le16(d + 78) == ctrl->cntlid,
			  "CNTLID %u, Connect said %u", le16(d + 78), ctrl->cntlid) &&
	       wire_check(c, ORACLE_TARGET, R_ID_MATCH, !ctrl->have_vs || le32(d + 80) == ctrl->vs,
			  "VER %08x, VS is %08x", le32(d + 80), ctrl->vs) &&
	       wire_check(c, ORACLE_TARGET, R_ID_MATCH,
			  end != NULL && !strcmp((const char *)d + 768, ctrl->subnqn) &&
				  wire_all_zero(end, (size_t)(d + 1024 - end)),
			  "SUBNQN") &&
	       wire_check(c, ORACLE_TARGET, R_ID_MATCH, d[111] == (ctrl->discovery ? 2 : 1),
			  "CNTRLTYPE %u", d[111]);
}

static bool ctrlr_values(struct wire_conn *c, const uint8_t *d)
{
	uint32_t oaes = le32(d + 92), sgls = le32(d + 536);
	bool io = !c->ctrl->discovery;

	return wire_check(c, ORACLE_TARGET, R_ID_VALUE, (oaes & 0x77ff80ffu) == 0, "OAES %08x",
			  oaes) &&
	       wire_check(c, ORACLE_TARGET, R_ID_VALUE, (sgls & 3) == 1 && (sgls >> 21 & 1),
			  "SGLS %08x", sgls) &&
	       wire_check(c, ORACLE_TARGET, R_ID_VALUE, le32(d + 1792) >= 4 && le32(d + 1796) >= 1,
			  "IOCCSZ %u, IORCSZ %u", le32(d + 1792), le32(d + 1796)) &&
	       wire_check(c, ORACLE_TARGET, R_ID_VALUE,
			  le16(d + 514) != 0 && d[1803] >= 1 && (d[1802] & ~1) == 0,
			  "MAXCMD %u, MSDBD %u, FCATT %02xh", le16(d + 514), d[1803], d[1802]) &&
	       (!io || (wire_check(c, ORACLE_TARGET, R_ID_VALUE, d[512] == 0x66 && d[513] == 0x44,
				   "SQES %02xh, CQES %02xh", d[512], d[513]) &&
			wire_check(c, ORACLE_TARGET, R_ID_VALUE,
				   le32(d + 516) != 0 && le32(d + 540) <= le32(d + 516),
				   "NN %u, MNAN %u", le32(d + 516), le32(d + 540)))) &&
	       wire_check(c, ORACLE_TARGET, R_ID_VALUE,
			  d[76] & 8 ? d[342] != 0 && (d[343] & 0x1f) != 0 && le32(d + 344) != 0 &&
					      le32(d + 348) != 0 &&
					      le32(d + 348) <= le32(d + 344) && (oaes & 1u << 11)
				    : (oaes & 1u << 11) == 0,
			  "CMIC %02xh, ANATT %u, ANACAP %02xh, ANAGRPMAX %u, NANAGRPID %u, OAES "
			  "%08x",
			  d[76], d[342], d[343], le32(d + 344), le32(d + 348), oaes) &&
	       wire_check(c, ORACLE_TARGET, R_ID_VALUE,
			  le16(d + 128) == 0 && le16(d + 130) == 0 && le16(d + 132) == 0,
			  "retry delays, that no completion refers to");
}

static void ctrlr(struct wire_conn *c, const uint8_t *d)
{
	static const struct range r[] = { { 102, 111 },	  { 134, 253 },	 { 358, 368 },
					  { 384, 512 },	  { 564, 768 },	 { 1024, 1792 },
					  { 1807, 2048 }, { 2080, 3072 } };
	struct wire_ctrl *ctrl = c->ctrl;

	if (!ctrlr_text(c, d) || !ctrlr_matches(c, d) || !ctrlr_values(c, d) ||
	    !reserved(c, d, r, G_N_ELEMENTS(r)))
		return;
	ctrl->identified = true;
	ctrl->ana = d[76] & 8;
	ctrl->icd_max = le32(d + 1792) * 16 - 64;
	ctrl->aerl = d[259];
}

/* --- namespaces ------------------------------------------------------------------------------ */

static void ns(struct wire_conn *c, uint32_t nsid, const uint8_t *d)
{
	static const struct range r[] = { { 81, 92 }, { 96, 99 } };
	uint64_t size = le64(d), capacity = le64(d + 8), used = le64(d + 16);
	unsigned format = (d[26] & 0xf) | (d[26] >> 5 & 3) << 4, formats = d[25] + 1u;
	uint8_t lbads;

	if (wire_all_zero(d, PAGE)) /* inactive */
		return;
	if (!reserved(c, d, r, G_N_ELEMENTS(r)) ||
	    !wire_check(c, ORACLE_TARGET, R_ID_VALUE, capacity <= size && used <= capacity,
			"NSZE %" G_GUINT64_FORMAT ", NCAP %" G_GUINT64_FORMAT
			", NUSE %" G_GUINT64_FORMAT,
			size, capacity, used) ||
	    !wire_check(c, ORACLE_TARGET, R_ID_VALUE, formats <= 64 && format < formats,
			"NLBAF %u, FLBAS %02xh", d[25], d[26]))
		return;
	lbads = d[128 + 4 * format + 2];
	if (c->ctrl->identified &&
	    !wire_check(c, ORACLE_TARGET, R_ID_VALUE,
			nsid == 0xffffffff || (le32(d + 92) != 0) == c->ctrl->ana,
			"ANAGRPID %u of a controller that %s ANA", le32(d + 92),
			c->ctrl->ana ? "reports" : "does not report"))
		return;
	/* What all have in common may be no size of blocks; and they have no size. */
	if (!wire_check(c, ORACLE_TARGET, R_ID_VALUE,
			nsid == 0xffffffff ? size == 0 && (lbads == 0 || lbads >= 9) && lbads <= 16
					   : lbads >= 9 && lbads <= 16,
			"LBADS %u, NSID %08x", lbads, nsid))
		return;
	for (unsigned i = 0; i < 64; i++) {
		const uint8_t *f = d + 128 + 4 * i;

		if (!wire_check(c, ORACLE_TARGET, R_ID_RESERVED,
				i < formats ? (f[3] & 0xfc) == 0 : le32(f) == 0, "LBA format %u",
				i))
			return;
	}
	if (nsid != 0xffffffff)
		g_hash_table_insert(c->ctrl->ns_shift, GUINT_TO_POINTER(nsid),
				    GUINT_TO_POINTER(lbads));
}

static void list(struct wire_conn *c, const uint8_t *d, uint32_t after)
{
	bool ended = false;

	for (unsigned i = 0; i < PAGE / 4; i++) {
		uint32_t nsid = le32(d + 4 * i);

		if (!wire_check(c, ORACLE_TARGET, R_ID_LIST,
				nsid == 0 || (!ended && nsid > after && nsid < 0xffffffffu),
				"entry %u is %08x behind %08x", i, nsid, after))
			return;
		if (nsid == 0)
			ended = true;
		else
			after = nsid;
	}
}

/* CNS 12h and 13h: how many, and their ids in order; the one that asks is in its subsystem. */
static void ctrlr_list(struct wire_conn *c, const uint8_t *d, uint16_t from, bool all)
{
	unsigned n = le16(d), before = from;
	bool self = false;

	if (!wire_check(c, ORACLE_TARGET, R_ID_LIST, n <= 2047, "%u controllers", n))
		return;
	for (unsigned i = 0; i < n; i++) {
		uint16_t id = le16(d + 2 + 2 * i);

		if (!wire_check(c, ORACLE_TARGET, R_ID_LIST,
				id < 0xfff0 && (i == 0 ? id >= before : id > before),
				"entry %u is %u behind %u", i, id, before))
			return;
		self = self || id == c->ctrl->cntlid;
		before = id;
	}
	wire_check(c, ORACLE_TARGET, R_ID_LIST,
		   wire_all_zero(d + 2 + (size_t)2 * n, PAGE - 2 - (size_t)2 * n) &&
			   (self || !all || from > c->ctrl->cntlid || n == 2047),
		   "%u controllers from %u on, controller %u asks", n, from, c->ctrl->cntlid);
}

static void descriptors(struct wire_conn *c, const uint8_t *d)
{
	static const uint8_t lengths[] = { 0, 8, 16, 16, 1 };
	unsigned at = 0, seen = 0;

	while (at + 4 < PAGE && d[at] != 0) {
		uint8_t type = d[at], len = d[at + 1];

		if (!wire_check(c, ORACLE_TARGET, R_ID_LIST,
				type < G_N_ELEMENTS(lengths) && len == lengths[type] &&
					le16(d + at + 2) == 0 && !(seen >> type & 1) &&
					at + 4u + len <= PAGE,
				"descriptor at %u: type %u, length %u", at, type, len) ||
		    !wire_check(c, ORACLE_TARGET, R_ID_LIST,
				type == 4 || !wire_all_zero(d + at + 4, len),
				"identifier at %u is zero", at))
			return;
		seen |= 1u << type;
		at += 4u + len;
	}
	wire_check(c, ORACLE_TARGET, R_ID_LIST,
		   (seen & 0x0e) != 0 && wire_all_zero(d + at, PAGE - at), "types %02xh, end at %u",
		   seen, at);
}

void wire_identify(struct wire_conn *c, const struct wire_cmd *cmd)
{
	static const struct range independent[] = { { 9, 10 }, { 15, PAGE } };
	static const struct range csi_ctrlr[] = { { 5, 6 }, { 16, PAGE } };

	switch (cmd->sqe[40]) {
	case 0x00:
		ns(c, le32(cmd->sqe + 4), cmd->data);
		break;
	case 0x01:
		ctrlr(c, cmd->data);
		break;
	case 0x11:
		ns(c, le32(cmd->sqe + 4), cmd->data);
		break;
	case 0x12:
	case 0x13:
		ctrlr_list(c, cmd->data, le16(cmd->sqe + 42), cmd->sqe[40] == 0x13);
		break;
	case 0x02:
	case 0x07:
	case 0x10:
		list(c, cmd->data, le32(cmd->sqe + 4));
		break;
	case 0x03:
		descriptors(c, cmd->data);
		break;
	case 0x06:
		reserved(c, cmd->data, csi_ctrlr, G_N_ELEMENTS(csi_ctrlr));
		break;
	case 0x08:
		reserved(c, cmd->data, independent, G_N_ELEMENTS(independent));
		break;
	default:
		break;
	}
}
