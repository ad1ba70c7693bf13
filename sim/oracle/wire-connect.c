/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connect (base 2.0, 6.3): what its data must be, whom it may let in, and which
 * field a refusal may name. Which subsystems and hosts there are is not known
 * here; which controllers there are, and what they were told, is.
 */
#include "sim/oracle/wire-priv.h"

#include <string.h>

#define CNTLID_STATIC 0xfffe
#define SUBNQN 256u
#define HOSTNQN 512u
#define CC_EN 1u
/* Offsets of fields: in the command, and (from IN_DATA on) in the data. */
#define IN_DATA 0x10000u
#define RECFMT 40u
#define QID 42u
#define SQSIZE 44u

/* --- the data of the host ------------------------------------------------------------------ */

static bool nqn_ends(const uint8_t *nqn)
{
	const uint8_t *end = memchr(nqn, 0, 256);

	return end != NULL && end > nqn;
}

static bool nqn_padded(const uint8_t *nqn)
{
	const uint8_t *end = memchr(nqn, 0, 256);

	return end == NULL || wire_all_zero(end, (size_t)(nqn + 256 - end));
}

void wire_connect_data(struct wire_conn *c, struct wire_cmd *cmd)
{
	const uint8_t *d = cmd->data;
	uint16_t qid = le16(cmd->sqe + QID), cntlid = le16(d + 16);
	bool holds = nqn_ends(d + SUBNQN) && nqn_ends(d + HOSTNQN) &&
		     (qid != 0 || cntlid >= CNTLID_STATIC);

	c->now = cmd;
	holds = wire_check(c, ORACLE_HOST, R_CONNECT_DATA, holds, "queue %u, controller id %04xh",
			   qid, cntlid) &&
		wire_soft(c, ORACLE_HOST, R_CONNECT_DATA,
			  wire_all_zero(d + 18, 238) && wire_all_zero(d + 768, 256) &&
				  nqn_padded(d + SUBNQN) && nqn_padded(d + HOSTNQN),
			  "reserved bytes");
	c->now = NULL;
	if (!holds || qid == 0 || !nqn_ends(d + SUBNQN))
		return;
	/* It may be on its way out: the host's end of it may arrive later than this. */
	wire_ctrl_unref(c->o, c->asked);
	c->asked = wire_ctrl_find(c, (const char *)d + SUBNQN, cntlid);
	if (c->asked == NULL)
		return;
	c->asked->refs++;
	cmd->epoch = c->asked->cc_epoch;
}

/* --- whether a field is wrong, as far as that can be known ----------------------------------- */

enum { RIGHT, WRONG, UNSURE };

static int judge_sqsize(const struct wire_ctrl *ctrl, uint16_t sqsize)
{
	if (sqsize == 0)
		return WRONG;
	if (ctrl == NULL || !ctrl->have_cap)
		return UNSURE;
	return sqsize > (ctrl->cap & 0xffff) ? WRONG : RIGHT;
}

static int judge_qid(const struct wire_ctrl *ctrl, uint16_t qid, uint64_t epoch)
{
	if (qid == 0)
		return RIGHT;
	if (ctrl == NULL)
		return UNSURE;
	if (ctrl->discovery)
		return WRONG;
	if (!ctrl->queues_set || ctrl->lost || ctrl->cc_epoch != epoch)
		return UNSURE;
	return qid > ctrl->queues ? WRONG : RIGHT;
}

static int judge_hostnqn(const struct wire_ctrl *ctrl, const uint8_t *nqn, uint16_t qid)
{
	if (!nqn_ends(nqn))
		return WRONG;
	if (qid == 0)
		return strncmp((const char *)nqn, "nqn.", 4) ? UNSURE : RIGHT;
	if (ctrl == NULL)
		return UNSURE;
	return strcmp(ctrl->hostnqn, (const char *)nqn) ? WRONG : RIGHT;
}

static int judge_field(const struct wire_conn *c, const struct wire_cmd *cmd, uint32_t field)
{
	uint16_t qid = le16(cmd->sqe + QID);
	const struct wire_ctrl *ctrl = qid != 0 ? c->asked : NULL;
	const uint8_t *d = cmd->data;

	switch (field) {
	case RECFMT:
		return le16(cmd->sqe + RECFMT) != 0 ? WRONG : RIGHT;
	case QID:
		return judge_qid(ctrl, qid, cmd->epoch);
	case SQSIZE:
		return judge_sqsize(ctrl, le16(cmd->sqe + SQSIZE));
	case 46:
	case 48:
	case IN_DATA + SUBNQN:
		return UNSURE;
	case IN_DATA:
		if (ctrl == NULL)
			return UNSURE;
		return memcmp(ctrl->hostid, d, 16) ? WRONG : RIGHT;
	case IN_DATA + 16:
		if (qid != 0)
			return UNSURE; /* it may have gone, or be about to */
		return le16(d + 16) < CNTLID_STATIC ? WRONG : UNSURE;
	case IN_DATA + HOSTNQN:
		return judge_hostnqn(ctrl, d + HOSTNQN, qid);
	default:
		return RIGHT; /* there is no such field */
	}
}

/* --- the answer ------------------------------------------------------------------------------ */

void wire_connect_failed(struct wire_conn *c, const struct wire_cmd *cmd, const uint8_t *cqe)
{
	uint16_t status = le16(cqe + 14) >> 1;
	uint32_t dw0 = le32(cqe);

	if ((status & 0x7ff) == 0x182)
		wire_check(c, ORACLE_TARGET, R_CONNECT_IPO, judge_field(c, cmd, dw0) != RIGHT,
			   "dword 0 %08x", dw0);
}

/* Of what it let in nothing may be wrong. */
static bool check_wrong(struct wire_conn *c, const struct wire_cmd *cmd)
{
	static const uint32_t fields[] = { RECFMT,  QID,	  SQSIZE,
					   IN_DATA, IN_DATA + 16, IN_DATA + HOSTNQN };

	for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
		if (!wire_check(c, ORACLE_TARGET, R_CONNECT_WRONG,
				judge_field(c, cmd, fields[i]) != WRONG, "field %05x is wrong",
				fields[i]))
			return false;
	}
	return wire_check(c, ORACLE_TARGET, R_CONNECT_WRONG,
			  c->asked == NULL || le16(cmd->sqe + QID) == 0 || c->asked->lost ||
				  c->asked->cc_pending > 0 || c->asked->cc_epoch != cmd->epoch ||
				  (c->asked->cc & CC_EN),
			  "the controller is not enabled");
}

void wire_connected(struct wire_conn *c, const struct wire_cmd *cmd, const uint8_t *cqe)
{
	uint16_t qid = le16(cmd->sqe + QID), cntlid = le16(cqe), sqhd = le16(cqe + 8);
	bool asked = cmd->sqe[46] & 4;
	const char *subnqn = (const char *)cmd->data + SUBNQN;
	struct wire_ctrl *ctrl = qid == 0 ? wire_ctrl_find(c, subnqn, cntlid) : c->asked;

	if (!check_wrong(c, cmd) ||
	    !wire_check(c, ORACLE_TARGET, R_CONNECT_CNTLID,
			cntlid < 0xfff0 &&
				(qid == 0 ? ctrl == NULL || ctrl->gone
					  : ctrl != NULL && cntlid == le16(cmd->data + 16)),
			"queue %u of controller %u, id %u given, controller %s", qid,
			le16(cmd->data + 16), cntlid, ctrl != NULL ? "is there" : "is not there"))
		return;
	if (qid == 0) {
		ctrl = wire_ctrl_new(c, subnqn, cntlid);
		memcpy(ctrl->hostid, cmd->data, 16);
		g_strlcpy(ctrl->hostnqn, (const char *)cmd->data + HOSTNQN, 256);
	} else {
		ctrl->refs++;
	}
	c->ctrl = ctrl;
	c->connected = true;
	c->qid = qid;
	c->qsize = le16(cmd->sqe + SQSIZE) + 1u;
	c->fc_off = sqhd == 0xffff;
	c->submitted = 1;
	c->completed = c->head = 0;
	/* FFFFh is the target's consent; any other value is a head, and goes on being one. */
	wire_check(c, ORACLE_TARGET, R_CONNECT_SQHD, sqhd == 0xffff ? asked : sqhd == 1 % c->qsize,
		   "SQHD %u, flow control %s", sqhd, asked ? "to be off" : "on");
}
