/* SPDX-License-Identifier: BSD-3-Clause */
/* Data of commands: R2T, H2CData, C2HData (NVMe/TCP 1.0, 3.3.2 and 3.6.2.7 on). */
#include "sim/oracle/wire-priv.h"

#include <string.h>

static struct wire_cmd *lookup(const struct wire_conn *c, uint16_t cid)
{
	return g_hash_table_lookup(c->cmds, GUINT_TO_POINTER(cid));
}

/* --- R2T ------------------------------------------------------------------------------- */

static int find_r2t(const struct wire_conn *c, uint16_t ttag, bool stale)
{
	for (unsigned i = 0; i < c->r2ts->len; i++) {
		const struct wire_r2t *r = &g_array_index(c->r2ts, struct wire_r2t, i);

		if (r->ttag == ttag && r->stale == stale)
			return (int)i;
	}
	return -1;
}

int wire_r2t_cid(const struct wire_conn *c, uint16_t ttag)
{
	int i = find_r2t(c, ttag, false);

	return i < 0 ? -1 : g_array_index(c->r2ts, struct wire_r2t, i).cid;
}

void wire_r2t(struct wire_conn *c, const uint8_t *h)
{
	struct wire_r2t r = { .cid = le16(h + 8), .ttag = le16(h + 10), .next = le32(h + 12) };
	uint32_t len = le32(h + 16);
	struct wire_cmd *cmd = lookup(c, r.cid);

	if (!wire_check(c, ORACLE_TARGET, R_R2T_CID,
			cmd != NULL && cmd->xfer == 1 && !cmd->in_capsule && cmd->sgl_len > 0,
			"CID %04xh %s", r.cid,
			cmd == NULL ? "is idle" : "sends no data this way") ||
	    !wire_check(c, ORACLE_TARGET, R_R2T_RANGE,
			r.next == cmd->asked && len > 0 && len <= cmd->sgl_len - cmd->asked,
			"offset %u, length %u; %u of %u asked for before", r.next, len, cmd->asked,
			cmd->sgl_len) ||
	    !wire_check(c, ORACLE_TARGET, R_R2T_TTAG, find_r2t(c, r.ttag, false) < 0, "TTAG %04xh",
			r.ttag) ||
	    !wire_check(c, ORACLE_TARGET, R_R2T_MAX, cmd->r2ts <= c->maxr2t,
			"%u outstanding, MAXR2T %u", cmd->r2ts + 1, c->maxr2t))
		return;
	r.end = r.next + len;
	cmd->asked += len;
	cmd->r2ts++;
	g_array_append_val(c->r2ts, r);
}

/* --- H2CData ------------------------------------------------------------------------------ */

static void h2c_stale(struct wire_conn *c, int i, uint32_t len)
{
	struct wire_r2t *r = &g_array_index(c->r2ts, struct wire_r2t, i);

	r->next += len;
	if (r->next >= r->end)
		g_array_remove_index(c->r2ts, (unsigned)i);
}

void wire_h2c(struct wire_conn *c, struct wire_stream *s)
{
	const uint8_t *h = s->hdr;
	uint16_t cid = le16(h + 8), ttag = le16(h + 10);
	uint32_t at = le32(h + 12), len = s->data_len;
	int i = find_r2t(c, ttag, false), old = find_r2t(c, ttag, true);
	struct wire_r2t *r;

	if (old >= 0 && (i < 0 || g_array_index(c->r2ts, struct wire_r2t, i).cid != cid)) {
		h2c_stale(c, old, len);
		return;
	}
	if (!wire_check(c, ORACLE_HOST, R_H2C_TTAG, i >= 0, "TTAG %04xh", ttag))
		return;
	r = &g_array_index(c->r2ts, struct wire_r2t, i);
	c->blame.at = r->next;
	c->blame.end = r->end;
	if (!wire_check(c, ORACLE_HOST, R_H2C_CID, r->cid == cid, "CID %04xh instead of %04xh", cid,
			r->cid) ||
	    !wire_check(c, ORACLE_HOST, R_H2C_RANGE, at == r->next && len <= r->end - r->next,
			"offset %u, length %u; %u to %u are wanted", at, len, r->next, r->end) ||
	    !wire_check(c, ORACLE_HOST, R_H2C_MAX, len <= c->maxh2c, "%u bytes, MAXH2CDATA %u", len,
			c->maxh2c) ||
	    !wire_check(c, ORACLE_HOST, R_H2C_LAST, !!(h[1] & F_LAST) == (at + len == r->end),
			"%s at %u of %u", h[1] & F_LAST ? "set" : "not set", at + len, r->end))
		return;
	s->cmd = lookup(c, cid);
	s->cmd_at = at;
	r->next += len;
	if (r->next == r->end) {
		s->cmd->r2ts--;
		g_array_remove_index(c->r2ts, (unsigned)i);
	}
}

/* --- C2HData -------------------------------------------------------------------------------- */

void wire_c2h(struct wire_conn *c, struct wire_stream *s)
{
	const uint8_t *h = s->hdr;
	uint16_t cid = le16(h + 8);
	uint32_t at = le32(h + 12), len = s->data_len, limit;
	struct wire_cmd *cmd = lookup(c, cid);
	bool last = h[1] & F_LAST;

	if (!wire_check(c, ORACLE_TARGET, R_C2H_CID,
			cmd != NULL && cmd->xfer == 2 && cmd->sgl_len > 0, "CID %04xh %s", cid,
			cmd == NULL ? "is idle" : "wants no data"))
		return;
	/* The change may have come after the command. */
	if (c->qid != 0 && cmd->opcode == 0x02 &&
	    g_hash_table_contains(c->o->loose_blocks, GUINT_TO_POINTER(le32(cmd->sqe + 4))))
		cmd->want = UNKNOWN;
	limit = MIN(cmd->sgl_len, cmd->want);
	if (!wire_check(c, ORACLE_TARGET, R_C2H_LAST, !cmd->sent_last, "data behind the last") ||
	    !wire_check(c, ORACLE_TARGET, R_C2H_RANGE, at == cmd->sent && len <= limit - cmd->sent,
			"offset %u, length %u; %u of %u sent before", at, len, cmd->sent, limit) ||
	    !wire_check(c, ORACLE_TARGET, R_C2H_LAST,
			cmd->want == UNKNOWN || last == (at + len == limit), "%s at %u of %u",
			last ? "set" : "not set", at + len, limit) ||
	    !wire_check(c, ORACLE_TARGET, R_C2H_SUCCESS, !(h[1] & F_SUCCESS) || (last && c->fc_off),
			"%s", last ? "SQ flow control is on" : "without LAST_PDU"))
		return;
	cmd->sent_last = last;
	s->cmd = cmd;
	s->cmd_at = at;
}

/* --- bytes, and the end --------------------------------------------------------------------- */

void wire_data_byte(struct wire_stream *s, const uint8_t *p, uint32_t len)
{
	struct wire_cmd *cmd = s->cmd;
	uint32_t n = MIN(s->skip, len);

	s->skip -= n;
	p += n;
	len -= n;
	if (cmd->data != NULL && s->cmd_at < cmd->data_len)
		memcpy(cmd->data + s->cmd_at, p, MIN(len, cmd->data_len - s->cmd_at));
	s->cmd_at += len;
}

void wire_pdu_end(struct wire_conn *c, enum oracle_side side, struct wire_stream *s)
{
	struct wire_cmd *cmd = s->cmd;

	(void)side;
	if (cmd == NULL)
		return;
	switch (s->hdr[0]) {
	case T_CMD:
		cmd->capsule_done = true;
		if (cmd->in_capsule)
			cmd->got = cmd->sgl_len;
		break;
	case T_H2C_DATA:
		cmd->got += s->data_len;
		break;
	default:
		cmd->sent += s->data_len;
		if (s->hdr[1] & F_SUCCESS)
			wire_complete(c, cmd, NULL);
		return;
	}
	if (cmd->opcode == OP_FABRICS && cmd->fctype == 0x01 && cmd->got >= 1024)
		wire_connect_data(c, cmd);
}

/* What a read sends, where nobody knows the size of a block: as many as were asked for. */
static bool whole_blocks(const struct wire_conn *c, const struct wire_cmd *cmd)
{
	uint32_t blocks = le16(cmd->sqe + 48) + 1u, size = cmd->sent / blocks;

	if (c->qid == 0 || cmd->opcode != 0x02)
		return true;
	return cmd->sent % blocks == 0 && size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

bool wire_data_complete(struct wire_conn *c, const struct wire_cmd *cmd)
{
	if (!wire_check(c, ORACLE_TARGET, R_RESP_EARLY,
			cmd->capsule_done && cmd->asked == (cmd->in_capsule ? 0 : cmd->got),
			"%u of %u bytes sent", cmd->got, cmd->asked))
		return false;
	if (cmd->xfer == 1)
		return wire_check(c, ORACLE_TARGET, R_RESP_EARLY,
				  cmd->want == UNKNOWN || cmd->got >= cmd->want,
				  "%u bytes were asked for, it takes %u", cmd->got, cmd->want);
	return cmd->xfer != 2 ||
	       wire_check(c, ORACLE_TARGET, R_RESP_DATA,
			  (cmd->sent == 0 || cmd->sent_last) &&
				  (cmd->want == UNKNOWN ? whole_blocks(c, cmd)
							: cmd->sent == cmd->want),
			  "%u bytes sent, it takes %u%s", cmd->sent, cmd->want,
			  cmd->sent_last ? "" : ", none of it the last");
}

void wire_data_forget(struct wire_conn *c, const struct wire_cmd *cmd)
{
	for (unsigned i = 0; i < c->r2ts->len; i++) {
		struct wire_r2t *r = &g_array_index(c->r2ts, struct wire_r2t, i);

		if (r->cid == cmd->cid)
			r->stale = true;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (c->streams[i].cmd == cmd)
			c->streams[i].cmd = NULL;
	}
}
