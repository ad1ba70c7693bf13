/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log pages (base 2.0, 5.16.1): whatever piece was read. A page's end is known
 * where its size is fixed; beyond it everything must be zero.
 */
#include "sim/oracle/wire-priv.h"

#include <string.h>

struct piece {
	const uint8_t *data;
	uint64_t at;
	uint32_t len;
};

/* Whether [from, to) of the page, as far as it was read, is zero. */
static bool zero(const struct piece *p, uint64_t from, uint64_t to)
{
	uint64_t end = p->at + p->len;

	from = MAX(from, p->at);
	to = MIN(to, end);
	return from >= to || wire_all_zero(p->data + (from - p->at), to - from);
}

/* [from, to) of the page, or NULL: not all of it was read. */
static const uint8_t *part(const struct piece *p, uint64_t from, uint64_t to)
{
	return from >= p->at && to <= p->at + p->len ? p->data + (from - p->at) : NULL;
}

static bool reserved(struct wire_conn *c, const struct piece *p, uint64_t from, uint64_t to)
{
	return wire_check(c, ORACLE_TARGET, R_LOG_RESERVED, zero(p, from, to),
			  "bytes from %" G_GUINT64_FORMAT " on", from);
}

/* --- the pages ------------------------------------------------------------------------- */

/* Newest first; behind the last one there is nothing. The first byte of a field is below 64. */
static void errors(struct wire_conn *c, const struct piece *p)
{
	uint64_t before = UINT64_MAX;

	for (uint64_t at = (p->at + 63) / 64 * 64; at + 64 <= p->at + p->len; at += 64) {
		const uint8_t *e = p->data + (at - p->at);
		uint64_t count = le64(e);
		uint16_t where = le16(e + 14);

		if (!wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
				count < before || (count == 0 && before == 0),
				"entry at %" G_GUINT64_FORMAT " is error %" G_GUINT64_FORMAT
				" behind %" G_GUINT64_FORMAT,
				at, count, before) ||
		    !wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
				count == 0 ? wire_all_zero(e, 64)
					   : le16(e + 12) >> 1 != 0 &&
						     (where == 0xffff || ((where & 0xff) < 64 &&
									  (where & 0xf800) == 0)),
				"entry at %" G_GUINT64_FORMAT ": status %04xh, location %04xh", at,
				le16(e + 12), where) ||
		    !reserved(c, p, at + 30, at + 32) || !reserved(c, p, at + 42, at + 64))
			return;
		before = count;
	}
}

/* What is counted goes up only. Of all namespaces: one by itself counts less. */
static bool counters(struct wire_conn *c, const struct piece *p, bool all)
{
	static const uint8_t fields[] = { 32, 48, 64, 80, 112, 128, 144, 160, 176 };
	uint64_t *last = c->ctrl->smart;

	G_STATIC_ASSERT(G_N_ELEMENTS(fields) == G_N_ELEMENTS(c->ctrl->smart));
	for (unsigned i = 0; all && i < G_N_ELEMENTS(fields); i++) {
		const uint8_t *field = part(p, fields[i], fields[i] + 16u);

		if (field == NULL)
			continue;
		if (!wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
				le64(field) >= last[i] && le64(field + 8) == 0,
				"counter at %u is %" G_GUINT64_FORMAT ", it was %" G_GUINT64_FORMAT,
				fields[i], le64(field), last[i]))
			return false;
		last[i] = le64(field);
	}
	return true;
}

static void smart(struct wire_conn *c, const struct piece *p, bool all)
{
	const uint8_t *head = part(p, 0, 8);

	if (head != NULL && !wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
					(head[0] & 0xc0) == 0 && head[3] <= 100 && head[4] <= 100,
					"critical warning %02xh, spare %u, threshold %u", head[0],
					head[3], head[4]))
		return;
	/* In kelvin: nothing, or where a machine works. */
	if (head != NULL &&
	    !wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
			le16(head + 1) == 0 || (le16(head + 1) >= 233 && le16(head + 1) <= 398),
			"temperature %u", le16(head + 1)))
		return;
	if (counters(c, p, all) && reserved(c, p, 7, 32))
		reserved(c, p, 232, UINT64_MAX);
}

static void firmware(struct wire_conn *c, const struct piece *p)
{
	const uint8_t *head = part(p, 0, 16);

	if (head != NULL &&
	    !wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
			(head[0] & 0x88) == 0 && (head[0] & 7) != 0 && wire_ascii(head + 8, 8),
			"active slot %02xh", head[0]))
		return;
	if (reserved(c, p, 1, 8))
		reserved(c, p, 64, UINT64_MAX);
}

static void changed(struct wire_conn *c, const struct piece *p, bool told)
{
	uint32_t before = 0;
	bool ended = false;

	for (uint64_t at = p->at; at + 4 <= p->at + p->len; at += 4) {
		uint32_t nsid = le32(p->data + (at - p->at));
		bool all = nsid == 0xffffffff;

		if (!wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
				nsid == 0 || (!ended && nsid > before && (!all || at == 0)),
				"entry at %" G_GUINT64_FORMAT " is %08x behind %08x", at, nsid,
				before))
			return;
		ended = ended || nsid == 0 || all;
		before = nsid;
	}
	if (told && p->at == 0 && p->len >= 4)
		wire_check(c, ORACLE_TARGET, R_AER_LIST, le32(p->data) != 0,
			   "a notice said that namespaces have changed, and the list is empty");
	reserved(c, p, 4096, UINT64_MAX);
}

/* Groups in order, each with a state that there is, and with namespaces of its own. */
static void ana(struct wire_conn *c, const struct piece *p, bool groups_only)
{
	const uint8_t *head = part(p, 0, 16);
	uint64_t at = 16;
	uint32_t before = 0;

	if (head == NULL || !reserved(c, p, 10, 16))
		return;
	for (unsigned i = 0; i < le16(head + 8); i++) {
		const uint8_t *g = part(p, at, at + 32);
		uint32_t n, nsid = 0;

		if (g == NULL)
			return;
		n = le32(g + 4);
		if (!wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
				le32(g) > before && ((g[16] >= 1 && g[16] <= 4) || g[16] == 0xf) &&
					(n == 0) == groups_only && le64(g + 8) <= le64(head),
				"ANA group %u behind %u: state %02xh, %u namespaces", le32(g),
				before, g[16], n) ||
		    !reserved(c, p, at + 17, at + 32))
			return;
		before = le32(g);
		at += 32;
		for (uint32_t j = 0; j < n; j++, at += 4) {
			const uint8_t *e = part(p, at, at + 4);

			if (e == NULL || !wire_check(c, ORACLE_TARGET, R_LOG_VALUE, le32(e) > nsid,
						     "ANA group %u: namespace %u behind %u", before,
						     le32(e), nsid))
				return;
			nsid = le32(e);
		}
	}
	reserved(c, p, at, UINT64_MAX);
}

static void effects(struct wire_conn *c, const struct piece *p)
{
	for (uint64_t at = (p->at + 3) & ~UINT64_C(3); at + 4 <= MIN(p->at + p->len, 2048);
	     at += 4) {
		uint32_t e = le32(p->data + (at - p->at));

		if (!wire_check(c, ORACLE_TARGET, R_LOG_VALUE,
				((e & 1) || e == 0) && (e & 0x000c3fe0) == 0,
				"effects at %" G_GUINT64_FORMAT ": %08x", at, e))
			return;
	}
	reserved(c, p, 2048, UINT64_MAX);
}

/* --- discovery --------------------------------------------------------------------------- */

static bool nqn_field(const uint8_t *p)
{
	const uint8_t *end = memchr(p, 0, 256);

	return end != NULL && end > p && end - p <= 223 &&
	       wire_all_zero(end, (size_t)(p + 256 - end));
}

/* Text at the left, then spaces to the end. */
static bool padded(const uint8_t *p, size_t len)
{
	size_t n = len;

	while (n > 0 && p[n - 1] == ' ')
		n--;
	return n > 0 && wire_ascii(p, n) && memchr(p, ' ', n) == NULL;
}

static bool record(struct wire_conn *c, uint64_t n, const uint8_t *r)
{
	bool tcp = r[0] == 3;

	return wire_check(c, ORACLE_TARGET, R_DISC_RECORD,
			  (r[0] == 1 || r[0] == 2 || r[0] == 3 || r[0] == 254) &&
				  (r[1] <= 4 || r[1] == 254) && r[2] >= 1 && r[2] <= 3 &&
				  (r[3] & 0xf0) == 0 && (r[3] & 3) != 3,
			  "record %" G_GUINT64_FORMAT ": TRTYPE %u, ADRFAM %u, SUBTYPE %u, TREQ %u",
			  n, r[0], r[1], r[2], r[3]) &&
	       wire_check(c, ORACLE_TARGET, R_DISC_RECORD,
			  le16(r + 8) >= 32 && (le16(r + 10) & ~0xf) == 0 &&
				  (le16(r + 6) < 0xfff0 || le16(r + 6) >= 0xfffe),
			  "record %" G_GUINT64_FORMAT ": ASQSZ %u, EFLAGS %04xh, CNTLID %04xh", n,
			  le16(r + 8), le16(r + 10), le16(r + 6)) &&
	       wire_check(c, ORACLE_TARGET, R_DISC_RECORD,
			  padded(r + 32, 32) && padded(r + 512, 256) && nqn_field(r + 256),
			  "record %" G_GUINT64_FORMAT ": TRSVCID, TRADDR or SUBNQN", n) &&
	       wire_check(c, ORACLE_TARGET, R_DISC_RECORD,
			  wire_all_zero(r + 12, 20) && wire_all_zero(r + 64, 192) &&
				  (!tcp || (r[768] <= 2 && wire_all_zero(r + 769, 255))),
			  "record %" G_GUINT64_FORMAT ": reserved bytes", n);
}

static void discovery(struct wire_conn *c, const struct piece *p)
{
	const uint8_t *head = part(p, 0, 18);
	uint64_t records = UINT64_MAX;

	if (head != NULL) {
		records = le64(head + 8);
		if (!wire_check(c, ORACLE_TARGET, R_LOG_VALUE, le16(head + 16) == 0, "RECFMT %u",
				le16(head + 16)) ||
		    !reserved(c, p, 18, 1024))
			return;
	}
	for (uint64_t n = p->at <= 1024 ? 0 : (p->at - 1) / 1024; n < records; n++) {
		const uint8_t *r;

		if ((n + 1) * 1024 >= p->at + p->len)
			return;
		r = part(p, (n + 1) * 1024, (n + 2) * 1024);
		/* Read without its header, the page may have ended here. */
		if (r == NULL || (head == NULL && wire_all_zero(r, 1024)))
			continue;
		if (!record(c, n, r))
			return;
	}
	if (records < UINT64_MAX / 1024 - 1)
		reserved(c, p, (records + 1) * 1024, UINT64_MAX);
}

void wire_log_page(struct wire_conn *c, const struct wire_cmd *cmd)
{
	const struct piece p = {
		.data = cmd->data,
		.at = le64(cmd->sqe + 48),
		.len = MIN(cmd->sent, cmd->data_len),
	};

	switch (cmd->sqe[40]) {
	case 0x01:
		errors(c, &p);
		break;
	case 0x02:
		smart(c, &p, le32(cmd->sqe + 4) + 1 <= 1);
		break;
	case 0x03:
		firmware(c, &p);
		break;
	case 0x04:
		changed(c, &p, cmd->ns_told);
		break;
	case 0x05:
		effects(c, &p);
		break;
	case 0x0c:
		ana(c, &p, cmd->sqe[41] & 1);
		break;
	case 0x70:
		discovery(c, &p);
		break;
	default:
		break;
	}
}
