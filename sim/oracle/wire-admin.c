/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What properties, features and events mean (base 2.0, 3.1.3, 5.2, 5.27, 6), as
 * far as one answer must agree with what went before.
 */
#include "sim/oracle/wire-priv.h"

#include <string.h>

#define FC_PROPERTY_SET 0x00
#define FC_CONNECT 0x01
#define FC_PROPERTY_GET 0x04
#define OP_GET_LOG 0x02
#define OP_IDENTIFY 0x06
#define OP_SET_FEATURES 0x09
#define OP_GET_FEATURES 0x0a
#define OP_AER 0x0c
#define LOG_CHANGED_NS 0x04
#define FID_QUEUES 0x07
#define FID_AEC 0x0b
#define REG_CAP 0x00
#define REG_VS 0x08
#define REG_CC 0x14
#define REG_CSTS 0x1c
#define CC_EN 1u
#define CC_SHN(cc) ((cc) >> 14 & 3)
#define CSTS_RDY 1u
#define CSTS_CFS 2u
#define CSTS_SHST(csts) ((csts) >> 2 & 3)
#define DATA_KEPT (1024 * 1024)

/* Events: type, information, log page, bit of the configuration that enables it */
static const struct {
	uint8_t type, info, log, bit;
} notices[] = {
	{ 2, 0x00, LOG_CHANGED_NS, 8 }, /* namespace attributes */
	{ 2, 0x03, 0x0c, 11 },		/* ANA */
	{ 2, 0xf0, 0x70, 31 },		/* discovery log */
	{ 1, 0x00, 0x02, 2 },		/* SMART: reliability */
	{ 1, 0x01, 0x02, 1 },		/* SMART: temperature */
	{ 1, 0x02, 0x02, 0 },		/* SMART: spare */
};

static bool fabrics(const struct wire_cmd *cmd, uint8_t fctype)
{
	return cmd->opcode == OP_FABRICS && cmd->fctype == fctype;
}

static bool admin(const struct wire_cmd *cmd, uint8_t opcode)
{
	return cmd->opcode == opcode;
}

uint32_t wire_admin_want(const struct wire_cmd *cmd)
{
	uint64_t dwords = ((uint64_t)le16(cmd->sqe + 44) << 16 | le16(cmd->sqe + 42)) + 1;

	if (fabrics(cmd, FC_CONNECT))
		return 1024;
	if (cmd->opcode == OP_FABRICS)
		return UNKNOWN;
	switch (cmd->opcode) {
	case OP_IDENTIFY:
		return 4096;
	case OP_GET_LOG:
		return (uint32_t)MIN(dwords * 4, UNKNOWN);
	case OP_SET_FEATURES:
		return cmd->sqe[40] == 0x16 ? 512 : UNKNOWN;
	default:
		return UNKNOWN;
	}
}

/* --- properties --------------------------------------------------------------------------- */

static void cc_written(struct wire_ctrl *ctrl, uint32_t cc)
{
	uint32_t old = ctrl->cc;

	/* While enabled only EN and SHN can be changed. */
	if (old & cc & CC_EN)
		cc = (old & ~0xc000u) | (cc & 0xc000);
	ctrl->cc = cc;
	if (CC_SHN(cc) != 0)
		ctrl->was_shn = true;
	if ((old ^ cc) & CC_EN) {
		ctrl->was_ready = ctrl->was_shut = false;
		ctrl->was_shn = CC_SHN(cc) != 0;
	}
	if (cc & CC_EN) {
		ctrl->was_enabled = true;
	} else if (old & CC_EN) {
		ctrl->aec_now = 0;
		ctrl->aec_may = 0;
	}
}

static void got_csts(struct wire_conn *c, uint32_t csts, bool settled)
{
	struct wire_ctrl *ctrl = c->ctrl;
	unsigned shst = CSTS_SHST(csts);
	bool rdy = csts & CSTS_RDY;

	if (!wire_check(c, ORACLE_TARGET, R_PROP_VALUE, (csts & ~0x7fu) == 0 && shst != 3,
			"CSTS %08x", csts) ||
	    !settled)
		return;
	if (!wire_check(c, ORACLE_TARGET, R_PROP_CSTS,
			(!rdy || ctrl->was_enabled) &&
				(rdy || (csts & CSTS_CFS) || !ctrl->was_ready) &&
				(shst == 0 || ctrl->was_shn) && (shst == 2 || !ctrl->was_shut),
			"CSTS %08x, CC %08x, %s", csts, ctrl->cc,
			ctrl->was_ready ? "it was ready" : "it was not ready"))
		return;
	if (ctrl->cc & CC_EN)
		ctrl->was_ready = ctrl->was_ready || rdy;
	ctrl->was_shut = ctrl->was_shut || (shst == 2 && (ctrl->cc & CC_EN));
}

static void got_cap(struct wire_conn *c, uint64_t cap)
{
	struct wire_ctrl *ctrl = c->ctrl;

	if (!wire_check(c, ORACLE_TARGET, R_PROP_VALUE,
			(cap & 0xe000000000f80000u) == 0 && (cap & 0xffff) >= 1 &&
				(cap >> 16 & 1) && (cap >> 32 & 0xf) == 0 &&
				(cap >> 37 & 0xff) != 0 && (cap >> 48 & 0xf) <= (cap >> 52 & 0xf),
			"CAP %016" G_GINT64_MODIFIER "x", cap) ||
	    !wire_check(c, ORACLE_TARGET, R_PROP_CONST, !ctrl->have_cap || ctrl->cap == cap,
			"CAP %016" G_GINT64_MODIFIER "x, it was %016" G_GINT64_MODIFIER "x", cap,
			ctrl->cap))
		return;
	ctrl->have_cap = true;
	ctrl->cap = cap;
}

static void got_vs(struct wire_conn *c, uint32_t vs)
{
	struct wire_ctrl *ctrl = c->ctrl;

	if (!wire_check(c, ORACLE_TARGET, R_PROP_VALUE, vs >= 0x10201 && vs >> 16 <= 2, "VS %08x",
			vs) ||
	    !wire_check(c, ORACLE_TARGET, R_PROP_CONST, !ctrl->have_vs || ctrl->vs == vs,
			"VS %08x, it was %08x", vs, ctrl->vs))
		return;
	ctrl->have_vs = true;
	ctrl->vs = vs;
}

static void got_property(struct wire_conn *c, const struct wire_cmd *cmd, const uint8_t *cqe)
{
	struct wire_ctrl *ctrl = c->ctrl;
	bool settled = ctrl->cc_pending == 0 && ctrl->cc_epoch == cmd->epoch;
	uint32_t value = le32(cqe);

	switch (le32(cmd->sqe + 44)) {
	case REG_CAP:
		got_cap(c, le64(cqe));
		break;
	case REG_VS:
		got_vs(c, value);
		break;
	case REG_CC:
		if (settled)
			wire_check(c, ORACLE_TARGET, R_PROP_CC, value == ctrl->cc,
				   "CC %08x, %08x was written", value, ctrl->cc);
		break;
	case REG_CSTS:
		got_csts(c, value, settled);
		break;
	default:
		break;
	}
}

static bool is_cc_set(const struct wire_cmd *cmd)
{
	return fabrics(cmd, FC_PROPERTY_SET) && le32(cmd->sqe + 44) == REG_CC &&
	       (cmd->sqe[40] & 7) == 0;
}

/* --- events ---------------------------------------------------------------------------------- */

static void event(struct wire_conn *c, uint32_t dw0)
{
	struct wire_ctrl *ctrl = c->ctrl;
	unsigned type = dw0 & 7, info = dw0 >> 8 & 0xff, log = dw0 >> 16 & 0xff, i = 0;

	if (type == 0) {
		wire_check(c, ORACLE_TARGET, R_AER_RESULT, (dw0 & 0xff0000f8) == 0, "%08x", dw0);
		return;
	}
	while (i < G_N_ELEMENTS(notices) && (notices[i].type != type || notices[i].info != info))
		i++;
	if (!wire_check(c, ORACLE_TARGET, R_AER_RESULT,
			(dw0 & 0xff0000f8) == 0 && i < G_N_ELEMENTS(notices) &&
				notices[i].log == log,
			"%08x", dw0) ||
	    !wire_check(c, ORACLE_TARGET, R_AER_ENABLED, ctrl->aec_may >> notices[i].bit & 1,
			"%08x, enabled are %08x", dw0, ctrl->aec_may) ||
	    !wire_check(c, ORACLE_TARGET, R_AER_MASKED, !(ctrl->masked >> i & 1),
			"%08x, log page %02xh was not read since", dw0, log))
		return;
	/* A read that was sent before it came may unmask it only now. */
	if (ctrl->reads[i] == 0)
		ctrl->masked |= (uint8_t)(1 << i);
	/* A read under way may have emptied the list before, or get what is told here. */
	if (log == LOG_CHANGED_NS)
		ctrl->ns_told = ctrl->ns_reads == 0;
}

static void unmask(struct wire_ctrl *ctrl, uint8_t log)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(notices); i++) {
		if (notices[i].log == log)
			ctrl->masked &= (uint8_t) ~(1 << i);
	}
}

static void count_reads(struct wire_ctrl *ctrl, const struct wire_cmd *cmd, int by)
{
	G_STATIC_ASSERT(G_N_ELEMENTS(notices) == G_N_ELEMENTS(ctrl->reads));
	for (unsigned i = 0; i < G_N_ELEMENTS(notices) && !(cmd->sqe[41] & 0x80); i++) {
		if (notices[i].log == cmd->sqe[40])
			ctrl->reads[i] += (unsigned)by;
	}
}

static void log_submitted(struct wire_ctrl *ctrl, struct wire_cmd *cmd)
{
	bool keep = cmd->sqe[41] & 0x80; /* RAE */

	count_reads(ctrl, cmd, 1);
	if (!keep)
		unmask(ctrl, cmd->sqe[40]);
	if (cmd->sqe[40] != LOG_CHANGED_NS)
		return;
	ctrl->ns_reads++;
	cmd->ns_told = ctrl->ns_told;
	if (!keep)
		ctrl->ns_told = false;
}

/* --- submitted, completed -------------------------------------------------------------------- */

void wire_admin_submitted(struct wire_conn *c, struct wire_cmd *cmd)
{
	struct wire_ctrl *ctrl = c->ctrl;
	bool keep = fabrics(cmd, FC_CONNECT) || admin(cmd, OP_IDENTIFY) || admin(cmd, OP_GET_LOG);

	if (keep) {
		cmd->data_len = MAX(MIN(cmd->sgl_len, DATA_KEPT), 1024);
		cmd->data = g_malloc0(cmd->data_len);
	}
	if (ctrl == NULL || c->qid != 0)
		return;
	if (is_cc_set(cmd)) {
		ctrl->cc_pending++;
		ctrl->cc_epoch++;
		if (!(le32(cmd->sqe + 48) & CC_EN)) {
			ctrl->masked = 0;
			ctrl->ns_told = false;
			ctrl->queues_set = false;
		}
	} else if (admin(cmd, OP_SET_FEATURES) && cmd->sqe[40] == FID_AEC) {
		ctrl->aec_pending++;
		ctrl->aec_may |= le32(cmd->sqe + 44);
	} else if (admin(cmd, OP_SET_FEATURES) && cmd->sqe[40] == FID_QUEUES) {
		ctrl->queues_set = false;
	} else if (admin(cmd, OP_AER)) {
		ctrl->naers++;
	} else if (admin(cmd, OP_GET_LOG)) {
		log_submitted(ctrl, cmd);
	}
	cmd->epoch = ctrl->cc_epoch;
}

static void features_set(struct wire_conn *c, const struct wire_cmd *cmd, const uint8_t *cqe,
			 bool success)
{
	struct wire_ctrl *ctrl = c->ctrl;
	uint32_t cdw11 = le32(cmd->sqe + 44), dw0 = le32(cqe);

	if (cmd->sqe[40] == FID_AEC) {
		if (success)
			ctrl->aec_now = cdw11;
		if (--ctrl->aec_pending == 0)
			ctrl->aec_may = ctrl->aec_now;
	} else if (cmd->sqe[40] == FID_QUEUES && success) {
		wire_check(c, ORACLE_TARGET, R_FEAT_QUEUES,
			   (dw0 & 0xffff) <= (cdw11 & 0xffff) && dw0 >> 16 <= cdw11 >> 16,
			   "%08x granted, %08x asked for (0's based)", dw0, cdw11);
		ctrl->queues_set = true;
		ctrl->cc_epoch++; /* who connects just now may be judged by either */
		ctrl->queues = (uint16_t)(1 + MIN(dw0 & 0xffff, dw0 >> 16));
	}
}

static void aer_completed(struct wire_conn *c, const uint8_t *cqe, uint16_t status)
{
	struct wire_ctrl *ctrl = c->ctrl;

	ctrl->naers--;
	if (status == 0)
		event(c, le32(cqe));
	else if ((status & 0x7ff) == 0x105)
		wire_check(c, ORACLE_TARGET, R_AER_LIMIT, ctrl->naers >= ctrl->aerl + 1u,
			   "%u others outstanding, AERL %u", ctrl->naers, ctrl->aerl);
}

void wire_admin_completed(struct wire_conn *c, struct wire_cmd *cmd, const uint8_t *cqe)
{
	uint16_t status = le16(cqe + 14) >> 1;
	bool success = status == 0;

	if (fabrics(cmd, FC_CONNECT)) {
		if (success && !c->connected)
			wire_connected(c, cmd, cqe);
		else
			wire_connect_failed(c, cmd, cqe);
		return;
	}
	if (c->ctrl == NULL || c->qid != 0)
		return;
	if (admin(cmd, OP_GET_LOG))
		count_reads(c->ctrl, cmd, -1);
	if (admin(cmd, OP_GET_LOG) && cmd->sqe[40] == LOG_CHANGED_NS)
		c->ctrl->ns_reads--;
	if (is_cc_set(cmd)) {
		c->ctrl->cc_pending--;
		c->ctrl->cc_epoch++;
		if (success)
			cc_written(c->ctrl, le32(cmd->sqe + 48));
	} else if (fabrics(cmd, FC_PROPERTY_GET)) {
		if (success)
			got_property(c, cmd, cqe);
	} else if (admin(cmd, OP_SET_FEATURES)) {
		features_set(c, cmd, cqe, success);
	} else if (admin(cmd, OP_AER)) {
		aer_completed(c, cqe, status);
	} else if (admin(cmd, OP_IDENTIFY) && success && cmd->data_len >= 4096) {
		wire_identify(c, cmd);
	} else if (admin(cmd, OP_GET_LOG) && success && cmd->sent <= cmd->data_len) {
		wire_log_page(c, cmd);
	}
}
