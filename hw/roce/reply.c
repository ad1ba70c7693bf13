/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the responder sends: READ responses, in the order of the requests, and one
 * acknowledgement or NAK for all that came after them. A READ response acknowledges
 * what was before it; a NAK leaves before the requester's packets, an ACK behind them.
 */
#include "hw/roce/qp.h"

static struct roce_read *read_at(struct roce_responder *rsp, unsigned n)
{
	return &rsp->reads[(rsp->first_read + n) % rsp->max_reads];
}

/* The oldest that is not answered to its end. */
static struct roce_read *next_read(struct roce_responder *rsp)
{
	for (unsigned n = 0; n < rsp->nreads; n++) {
		struct roce_read *r = read_at(rsp, n);

		if (r->at < r->npsn)
			return r;
	}
	return NULL;
}

bool roce_reply_wants(const struct roce_qp *qp)
{
	return qp->cc.owe_cnp || qp->rsp.owed != ROCE_OWED_NOTHING ||
	       next_read((struct roce_responder *)&qp->rsp);
}

void roce_owe_ack(struct roce_qp *qp, uint32_t psn)
{
	if (qp->rsp.owed != ROCE_OWED_ACK)
		qp->rsp.put_off = false;
	qp->rsp.owed = ROCE_OWED_ACK;
	qp->rsp.owed_psn = psn;
	roce_qp_ready(qp);
}

void roce_owe_nak(struct roce_qp *qp, uint32_t psn, uint8_t syndrome)
{
	qp->rsp.owed = ROCE_OWED_NAK;
	qp->rsp.owed_psn = psn;
	qp->rsp.syndrome = syndrome;
	roce_qp_ready(qp);
}

static uint8_t ack_syndrome(const struct roce_qp *qp)
{
	uint8_t value = qp->rsp.credits ? roce_credits_value(roce_recv_count(&qp->rsp.ring))
					: ROCE_CREDITS_NONE;

	return roce_aeth_syndrome(ROCE_AETH_ACK, value);
}

/* --- READ responses ---------------------------------------------------------------------- */

static uint8_t response_opcode(const struct roce_read *r)
{
	bool first = r->at == r->start, last = r->at + 1 == r->npsn;

	if (first)
		return last ? ROCE_READ_RESPONSE_ONLY : ROCE_READ_RESPONSE_FIRST;
	return last ? ROCE_READ_RESPONSE_LAST : ROCE_READ_RESPONSE_MIDDLE;
}

static bool send_response(struct roce_qp *qp, struct roce_read *r)
{
	uint32_t at = r->at << qp->mtu_shift;
	uint32_t len = MIN(r->len - at, qp->mtu);
	struct roce_region *region = len > 0 ? roce_region_find(qp->shard->dev, r->rkey) : NULL;
	void *data = region ? roce_region_at(region, qp->pd, qp->qpn, r->va + at, len,
					     IBV_ACCESS_REMOTE_READ)
			    : NULL;
	struct iovec payload = { .iov_base = data, .iov_len = len };
	struct roce_packet p = {
		.opcode = response_opcode(r),
		.psn = roce_psn_add(r->psn, r->at),
		.syndrome = ack_syndrome(qp),
		.msn = r->msn,
	};

	if (len > 0 && !data) {
		roce_count(&qp->shard->stats.bad_key, 1);
		/* A late copy of a request: who has had the answer may take the key back. */
		if (r->answered) {
			r->at = r->npsn;
			return true;
		}
		roce_responder_fail(qp, p.psn, ROCE_NAK_REMOTE_ACCESS, IBV_EVENT_QP_ACCESS_ERR);
		return true;
	}
	if (!roce_qp_send(qp, &p, &payload, len > 0, len))
		return false;
	r->at++;
	r->answered |= r->at == r->npsn;
	return true;
}

/* --- acknowledgements ----------------------------------------------------------------------- */

static bool send_owed(struct roce_qp *qp)
{
	struct roce_responder *rsp = &qp->rsp;
	bool ack = rsp->owed == ROCE_OWED_ACK;
	struct roce_stats *stats = &qp->shard->stats;
	struct roce_packet p = {
		.opcode = ROCE_ACKNOWLEDGE,
		.psn = rsp->owed_psn,
		.syndrome = ack ? ack_syndrome(qp) : rsp->syndrome,
		.msn = rsp->msn,
	};

	if (!roce_qp_send(qp, &p, NULL, 0, 0))
		return false;
	rsp->owed = ROCE_OWED_NOTHING;
	if (ack)
		roce_count(&stats->acks_sent, 1);
	else if (roce_aeth_kind(p.syndrome) == ROCE_AETH_RNR)
		roce_count(&stats->rnr_sent, 1);
	else
		roce_count(&stats->naks_sent, 1);
	return true;
}

static bool send_cnp(struct roce_qp *qp)
{
	struct roce_packet p = { .opcode = ROCE_CNP, .becn = true };

	if (!roce_qp_send(qp, &p, NULL, 0, 0))
		return false;
	qp->cc.owe_cnp = false;
	roce_count(&qp->shard->stats.cnps_sent, 1);
	return true;
}

unsigned roce_reply_run(struct roce_qp *qp, unsigned budget)
{
	struct roce_responder *rsp = &qp->rsp;
	unsigned n = 0;

	if (qp->cc.owe_cnp && budget > 0 && !send_cnp(qp))
		return 0;
	while (n < budget) {
		struct roce_read *r = next_read(rsp);

		if (r && rsp->owed == ROCE_OWED_ACK && roce_psn_cmp(rsp->owed_psn, r->psn) < 0)
			rsp->owed = ROCE_OWED_NOTHING;
		if (!r && rsp->owed != ROCE_OWED_NAK)
			break;
		if (!(r ? send_response(qp, r) : send_owed(qp)))
			break;
		n++;
	}
	return n;
}

unsigned roce_reply_ack(struct roce_qp *qp, bool sent)
{
	struct roce_responder *rsp = &qp->rsp;

	if (rsp->owed != ROCE_OWED_ACK || next_read(rsp))
		return 0;
	if (!sent && !rsp->put_off) {
		rsp->put_off = true;
		return 0;
	}
	return send_owed(qp);
}
