/* SPDX-License-Identifier: BSD-3-Clause */
/* Command capsules, completions, and what a queue allows (base 2.0, 3.3, 6.3). */
#include "sim/oracle/wire-priv.h"

#include <string.h>

#define FABRICS_ICD 8192 /* in-capsule data of admin and fabrics commands: TCP 1.0, 3.5 */
#define SGL_OFFSET 0x01
#define SGL_TRANSPORT 0x5a

/* --- the command's own fields -------------------------------------------------------- */

/* Where there is data to move; the rest of it receivers need not look at. */
static bool sgl_good(const uint8_t *sqe, uint8_t xfer, uint32_t capsule)
{
	uint64_t address = le64(sqe + 24);
	uint32_t length = le32(sqe + 32);

	if (xfer == 0)
		return capsule == 0;
	if (sqe[39] == SGL_TRANSPORT)
		return xfer != 3 && capsule == 0;
	return sqe[39] == SGL_OFFSET && xfer == 1 && address <= capsule &&
	       length <= capsule - address;
}

static bool check_sgl(struct wire_conn *c, const uint8_t *sqe, uint8_t xfer, uint32_t capsule)
{
	uint64_t address = le64(sqe + 24);
	uint32_t length = le32(sqe + 32);
	uint8_t type = sqe[39];

	return wire_check(c, ORACLE_HOST, R_CMD_SGL, sgl_good(sqe, xfer, capsule),
			  "type %02xh, address %" G_GUINT64_FORMAT ", length %u, %u bytes in the "
			  "capsule, direction %u",
			  type, address, length, capsule, xfer) &&
	       wire_soft(c, ORACLE_HOST, R_CMD_SGL,
			 wire_all_zero(sqe + 36, 3) &&
				 (type == SGL_TRANSPORT ? address == 0
							: type == SGL_OFFSET && length > 0),
			 "type %02xh, address %" G_GUINT64_FORMAT ", length %u", type, address,
			 length);
}

/* [from, to) of fabrics commands: base 2.0, 6 */
static bool check_reserved(struct wire_conn *c, const uint8_t *sqe)
{
	static const struct {
		uint8_t fctype, from, to;
	} reserved[] = {
		{ 0x00, 5, 24 }, { 0x00, 41, 44 }, { 0x00, 56, 64 },
		{ 0x01, 5, 24 }, { 0x01, 47, 48 }, { 0x01, 52, 64 },
		{ 0x04, 5, 24 }, { 0x04, 41, 44 }, { 0x04, 48, 64 },
	};

	if (sqe[0] != OP_FABRICS)
		return true;
	for (unsigned i = 0; i < G_N_ELEMENTS(reserved); i++) {
		unsigned from = reserved[i].from, to = reserved[i].to;

		if (reserved[i].fctype == sqe[4] &&
		    !wire_soft(c, ORACLE_HOST, R_CMD_RESERVED, wire_all_zero(sqe + from, to - from),
			       "bytes %u to %u", from, to - 1))
			return false;
	}
	return true;
}

/* Compare and Write are the only pair (NVM command set 1.0, 2.1.4). */
static bool check_fuse(struct wire_conn *c, const uint8_t *sqe)
{
	uint8_t fuse = sqe[1] & 0x03;
	bool pair = (c->judge != JUDGE_ALL || (c->connected && c->qid != 0)) &&
		    ((fuse == 1 && sqe[0] == 0x05) || (fuse == 2 && sqe[0] == 0x01));

	return wire_check(c, ORACLE_HOST, R_CMD_FUSE, fuse == 0 || pair || sqe[0] == OP_FABRICS,
			  "flags %02xh", sqe[1]);
}

static bool check_alone(struct wire_conn *c, const uint8_t *sqe, uint8_t xfer, uint32_t capsule)
{
	return check_fuse(c, sqe) &&
	       wire_soft(c, ORACLE_HOST, R_CMD_FUSE, (sqe[1] & 0x3c) == 0, "flags %02xh", sqe[1]) &&
	       wire_check(c, ORACLE_HOST, R_CMD_PSDT, sqe[1] >> 6 == 1, "PSDT %u", sqe[1] >> 6) &&
	       check_sgl(c, sqe, xfer, capsule) && check_reserved(c, sqe);
}

/* --- the queue ---------------------------------------------------------------------------- */

static bool is_connect(const struct wire_cmd *cmd)
{
	return cmd->opcode == OP_FABRICS && cmd->fctype == 0x01;
}

bool wire_check_capsule(struct wire_conn *c, uint32_t len)
{
	uint32_t limit = FABRICS_ICD;

	if (c->connected && c->qid != 0)
		limit = c->ctrl->icd_max;
	if (limit == UNKNOWN && len > 0) /* nobody asked for it: it may be too much */
		c->odd = true;
	return wire_check(c, ORACLE_HOST, R_CMD_ICD, len <= limit, "%u bytes, %u allowed", len,
			  limit);
}

/* It may be taken once the queue is connected (a Connect: once another was refused), or refused. */
static bool too_early(const struct wire_conn *c)
{
	return c->tolerated && !c->connected && g_hash_table_size(c->cmds) > 0;
}

static bool check_queue(struct wire_conn *c, struct wire_cmd *cmd)
{
	unsigned outstanding = g_hash_table_size(c->cmds);

	if (too_early(c))
		c->now = NULL;
	if (!wire_check(c, ORACLE_HOST, R_CMD_FIRST,
			c->connected ? !is_connect(cmd) : is_connect(cmd) && outstanding == 0,
			"opcode %02xh, type %02xh, %u outstanding", cmd->opcode, cmd->fctype,
			outstanding))
		return false;
	if (!wire_check(c, ORACLE_HOST, R_CMD_CID,
			!g_hash_table_contains(c->cmds, GUINT_TO_POINTER(cmd->cid)), "CID %04xh",
			cmd->cid))
		return false;
	return !c->connected ||
	       wire_check(c, ORACLE_HOST, R_CMD_DEPTH, outstanding + 1 < c->qsize,
			  "%u outstanding in a queue of %u", outstanding + 1, c->qsize);
}

/* What success takes of an I/O command: of ranges, or of blocks where Identify has told their size. */
static uint32_t io_want(const struct wire_conn *c, const struct wire_cmd *cmd)
{
	uint32_t blocks = le16(cmd->sqe + 48) + 1u;
	unsigned shift;

	if (cmd->opcode == 0x09 || cmd->opcode == 0x19) /* Dataset Management, Copy */
		return ((cmd->opcode == 0x09 ? cmd->sqe[40] : cmd->sqe[48]) + 1u) *
		       (cmd->opcode == 0x09 ? 16 : 32);
	if (cmd->opcode != 0x01 && cmd->opcode != 0x02 && cmd->opcode != 0x05)
		return cmd->xfer == 0 ? 0 : UNKNOWN;
	shift = GPOINTER_TO_UINT(
		g_hash_table_lookup(c->ctrl->ns_shift, GUINT_TO_POINTER(le32(cmd->sqe + 4))));
	if (shift == 0 ||
	    g_hash_table_contains(c->o->loose_blocks, GUINT_TO_POINTER(le32(cmd->sqe + 4))))
		return UNKNOWN;
	return (uint32_t)MIN((uint64_t)blocks << shift, UNKNOWN);
}

void wire_command(struct wire_conn *c, struct wire_stream *s)
{
	const uint8_t *sqe = s->hdr + 8;
	uint8_t fctype = sqe[0] == OP_FABRICS ? sqe[4] : 0;
	uint8_t xfer = (sqe[0] == OP_FABRICS ? fctype : sqe[0]) & 3;
	struct wire_cmd *cmd;
	bool good;

	c->o->stats.commands++;
	cmd = g_new0(struct wire_cmd, 1);
	memcpy(cmd->sqe, sqe, SQE_LEN);
	cmd->opcode = sqe[0];
	cmd->fctype = fctype;
	cmd->xfer = xfer;
	cmd->cid = le16(sqe + 2);
	cmd->sgl_len = le32(sqe + 32);
	cmd->in_capsule = s->data_len > 0;
	c->now = cmd;
	good = check_alone(c, sqe, xfer, s->data_len) && c->judge == JUDGE_ALL &&
	       check_queue(c, cmd);
	c->now = NULL;
	if (!good) {
		wire_cmd_free(cmd);
		return;
	}
	g_hash_table_insert(c->cmds, GUINT_TO_POINTER(cmd->cid), cmd);
	c->submitted++;
	s->cmd = cmd;
	s->skip = cmd->in_capsule ? le32(sqe + 24) : 0;
	s->cmd_at = 0;
	if (c->qid == 0 || cmd->opcode == OP_FABRICS) {
		cmd->want = wire_admin_want(cmd);
		wire_admin_submitted(c, cmd);
	} else {
		cmd->want = io_want(c, cmd);
		cmd->epoch = c->ctrl->cc_epoch;
	}
}

/* --- completions ----------------------------------------------------------------------------- */

/*
 * With every command that has come and not more than that taken by the target,
 * the head lies between the number of completions and the number of commands, and
 * never goes back. More than a queue's size cannot lie between these two.
 */
static bool check_sqhd(struct wire_conn *c, uint16_t sqhd)
{
	uint64_t head;

	if (c->fc_off)
		return wire_check(c, ORACLE_TARGET, R_RESP_SQHD, sqhd == 0,
				  "%u without flow control", sqhd);
	head = c->completed - c->completed % c->qsize + sqhd;
	if (head < c->completed)
		head += c->qsize;
	if (!wire_check(c, ORACLE_TARGET, R_RESP_SQHD,
			sqhd < c->qsize && head >= c->head && head <= c->submitted,
			"%u in a queue of %u; %" G_GUINT64_FORMAT " commands, %" G_GUINT64_FORMAT
			" completions, before it was %u",
			sqhd, c->qsize, c->submitted, c->completed, (unsigned)(c->head % c->qsize)))
		return false;
	c->head = head;
	return true;
}

/* Bits of the result that may be other than zero. */
static uint64_t result_mask(const struct wire_conn *c, const struct wire_cmd *cmd, bool success)
{
	if (cmd->opcode == OP_FABRICS) {
		if (cmd->fctype == 0x01)
			return success ? 0xffff : 0x1ffff;
		if (cmd->fctype == 0x04 && success)
			return (cmd->sqe[40] & 7) == 1 ? UINT64_MAX : UINT32_MAX;
		return 0;
	}
	if (c->qid != 0 && cmd->opcode == 0x19 && !success)
		return 0xff; /* Copy: the range that is not done */
	if (c->qid != 0 || !success)
		return 0;
	switch (cmd->opcode) {
	case 0x08: /* Abort */
		return 1;
	case 0x09: /* Set Features: number of queues */
		return cmd->sqe[40] == 0x07 ? UINT32_MAX : 0;
	case 0x0a: /* Get Features */
	case 0x0c: /* AER */
		return UINT32_MAX;
	default:
		return 0;
	}
}

/* Where the state of the controller is known, and was the same all the time. */
static bool disabled(const struct wire_conn *c, const struct wire_cmd *cmd)
{
	const struct wire_ctrl *ctrl = c->ctrl;

	return cmd->opcode != OP_FABRICS && ctrl != NULL && !ctrl->lost && ctrl->cc_pending == 0 &&
	       ctrl->cc_epoch == cmd->epoch && !(ctrl->cc & 1);
}

void wire_complete(struct wire_conn *c, struct wire_cmd *cmd, const uint8_t *cqe)
{
	static const uint8_t zero[CQE_LEN];
	bool in_flag = cqe == NULL;
	uint16_t status;

	if (in_flag)
		cqe = zero;
	status = le16(cqe + 14) >> 1;
	c->o->stats.completions++;
	if (!in_flag && !wire_status_check(c, cmd, status))
		return;
	if (!wire_wrong_status(c, cmd, status) ||
	    !wire_check(c, ORACLE_TARGET, R_RESP_ENABLED, status != 0 || !disabled(c, cmd),
			"opcode %02xh", cmd->opcode))
		return;
	if (!wire_check(c, ORACLE_TARGET, R_RESP_DW,
			(le64(cqe) & ~result_mask(c, cmd, status == 0)) == 0,
			"dword 0 %08x, dword 1 %08x, opcode %02xh, status %03xh", le32(cqe),
			le32(cqe + 4), cmd->opcode, status))
		return;
	if (status == 0 && !wire_data_complete(c, cmd))
		return;
	if (c->qid == 0 || cmd->opcode == OP_FABRICS)
		wire_admin_completed(c, cmd, cqe);
	c->completed++;
	if (c->judge == JUDGE_ALL && c->connected && !in_flag &&
	    !(is_connect(cmd) && le16(cqe + 8) == 0xffff))
		check_sqhd(c, le16(cqe + 8));
	wire_data_forget(c, cmd);
	g_hash_table_remove(c->cmds, GUINT_TO_POINTER(cmd->cid));
}

void wire_response(struct wire_conn *c, const uint8_t *cqe)
{
	uint16_t cid = le16(cqe + 12), status = le16(cqe + 14);
	struct wire_cmd *cmd = g_hash_table_lookup(c->cmds, GUINT_TO_POINTER(cid));

	if (!wire_check(c, ORACLE_TARGET, R_RESP_SQID, le16(cqe + 10) == 0, "SQID %u",
			le16(cqe + 10)) ||
	    !wire_check(c, ORACLE_TARGET, R_RESP_PHASE, (status & 1) == 0, "status %04xh",
			status) ||
	    !wire_check(c, ORACLE_TARGET, R_RESP_CRD, (status & 0x3000) == 0, "status %04xh",
			status))
		return;
	if (c->judge != JUDGE_ALL)
		return;
	if (wire_check(c, ORACLE_TARGET, R_RESP_CID, cmd != NULL, "CID %04xh", cid))
		wire_complete(c, cmd, cqe);
}
