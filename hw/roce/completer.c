/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The completer: what comes back for what was sent. Whatever acknowledges a packet
 * acknowledges all before it, but for READs: those end with their data only, so
 * an acknowledgement beyond one whose data has not come says that it was lost.
 */
#include "hw/roce/qp.h"

static void progress(struct roce_qp *qp, uint32_t una, uint64_t now)
{
	struct roce_requester *req = &qp->req;

	if (req->una == una)
		return;
	req->una = una;
	req->retries = qp->retry_count;
	req->rnr_retries = qp->rnr_retry;
	req->early = 0;
	req->gone_back = false;
	/* What had to be sent again has arrived after all. */
	if (roce_psn_cmp(req->psn, una) < 0) {
		while (req->next != req->tail) {
			struct roce_wqe *wqe = roce_wqe_at(qp, req->next);

			if (wqe->state == ROCE_WQE_POSTED ||
			    roce_psn_diff(una, wqe->psn) < (int32_t)wqe->npsn)
				break;
			wqe->state = ROCE_WQE_SENT;
			req->next++;
		}
		req->psn = una;
		req->offset = 0;
		if (req->next != req->tail && roce_wqe_at(qp, req->next)->state != ROCE_WQE_POSTED)
			req->offset = (uint32_t)roce_psn_diff(una, roce_wqe_at(qp, req->next)->psn);
	}
	roce_requester_clock(qp, now);
	roce_qp_ready(qp);
}

/* The data from that PSN on is missing, as what came after it shows. */
static void infer_loss(struct roce_qp *qp, uint32_t psn)
{
	struct roce_requester *req = &qp->req;

	if (req->gone_back)
		return;
	roce_count(&qp->shard->stats.out_of_sequence, 1);
	if (req->retries == 0) {
		roce_count(&qp->shard->stats.retry_exceeded, 1);
		roce_qp_fail(qp, req->head, IBV_WC_RETRY_EXC_ERR);
		return;
	}
	req->retries--;
	roce_requester_back(qp, psn);
}

/*
 * All before psn has arrived. False: a READ before it has not got its data, or the
 * queue pair has failed: nothing more is to be made of the packet.
 */
static bool acknowledged(struct roce_qp *qp, uint32_t psn, uint64_t now)
{
	struct roce_requester *req = &qp->req;

	for (roce_wqes_settle(qp); req->head != req->tail; roce_wqes_settle(qp)) {
		const struct roce_wqe *wqe = roce_wqe_at(qp, req->head);
		uint32_t end = roce_psn_add(wqe->psn, wqe->npsn);

		if (wqe->state == ROCE_WQE_POSTED || roce_psn_cmp(psn, wqe->psn) <= 0)
			break;
		if (wqe->opcode == IBV_WR_RDMA_READ) {
			uint32_t missing = roce_psn_add(wqe->psn, wqe->got);

			progress(qp, missing, now);
			if (roce_psn_cmp(psn, missing) <= 0)
				return true;
			infer_loss(qp, missing);
			return false;
		}
		if (roce_psn_cmp(psn, end) < 0)
			break;
		progress(qp, end, now);
		roce_wqe_done(qp, IBV_WC_SUCCESS);
	}
	if (qp->state != IBV_QPS_RTS) /* the CQ has overflown: no timer runs any more */
		return false;
	if (roce_psn_cmp(psn, req->una) > 0)
		progress(qp, psn, now);
	return true;
}

/* --- ACKs and NAKs -------------------------------------------------------------------------- */

/*
 * The peer has completed msn messages and has receives for so many more. It tells a
 * rounded number: what it promised before stays.
 */
static void take_credits(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_requester *req = &qp->req;
	uint8_t value = roce_aeth_value(p->syndrome);
	uint32_t msn_now = req->done_ssn & 0xffffff;
	int32_t ahead = (int32_t)((p->msn - msn_now) << 8) / 256;
	uint32_t limit;

	if (value == ROCE_CREDITS_NONE) {
		req->credits = false;
		return;
	}
	limit = req->done_ssn + (uint32_t)ahead + roce_credits(value);
	if (!req->credits || (int32_t)(limit - req->credit_ssn) > 0)
		req->credit_ssn = limit;
	req->credits = true;
	roce_qp_ready(qp);
}

static void receiver_not_ready(struct roce_qp *qp, uint32_t psn, uint8_t timer, uint64_t now)
{
	struct roce_requester *req = &qp->req;

	roce_count(&qp->shard->stats.rnr_received, 1);
	if (req->rnr_retries == 0) {
		roce_count(&qp->shard->stats.rnr_retry_exceeded, 1);
		roce_qp_fail(qp, req->head, IBV_WC_RNR_RETRY_EXC_ERR);
		return;
	}
	if (qp->rnr_retry != 7)
		req->rnr_retries--;
	req->rnr_until = now + roce_rnr_timer_ns(timer);
	roce_requester_back(qp, psn);
}

static void nak(struct roce_qp *qp, const struct roce_packet *p, uint64_t now)
{
	struct roce_requester *req = &qp->req;

	roce_count(&qp->shard->stats.naks_received, 1);
	switch (roce_aeth_value(p->syndrome)) {
	case ROCE_NAK_PSN_SEQUENCE:
		if (req->retries == 0) {
			roce_count(&qp->shard->stats.retry_exceeded, 1);
			roce_qp_fail(qp, req->head, IBV_WC_RETRY_EXC_ERR);
			return;
		}
		req->retries--;
		roce_requester_back(qp, p->psn);
		roce_requester_clock(qp, now);
		return;
	case ROCE_NAK_INVALID_REQUEST:
		roce_qp_fail(qp, req->head, IBV_WC_REM_INV_REQ_ERR);
		return;
	case ROCE_NAK_REMOTE_ACCESS:
		roce_qp_fail(qp, req->head, IBV_WC_REM_ACCESS_ERR);
		return;
	case ROCE_NAK_REMOTE_OPERATIONAL:
		roce_qp_fail(qp, req->head, IBV_WC_REM_OP_ERR);
		return;
	default:
		return;
	}
}

static void answer(struct roce_qp *qp, const struct roce_packet *p, uint64_t now)
{
	enum roce_aeth_kind kind = roce_aeth_kind(p->syndrome);
	bool ack = kind == ROCE_AETH_ACK;

	if (kind == ROCE_AETH_RESERVED)
		return;
	/* An ACK speaks of its packet too, the others of those before it. */
	if (!acknowledged(qp, roce_psn_add(p->psn, ack), now))
		return;
	if (ack)
		take_credits(qp, p);
	else if (kind == ROCE_AETH_RNR && qp->req.head != qp->req.tail)
		receiver_not_ready(qp, p->psn, roce_aeth_value(p->syndrome), now);
	else if (kind == ROCE_AETH_NAK && qp->req.head != qp->req.tail)
		nak(qp, p, now);
}

/* --- READ responses ----------------------------------------------------------------------------
 */

/* Does it look like packet "got" of that READ? */
static bool fits(const struct roce_qp *qp, const struct roce_wqe *wqe, const struct roce_packet *p)
{
	bool last = wqe->got + 1 == wqe->npsn;
	uint32_t len = last ? wqe->len - (wqe->got << qp->mtu_shift) : qp->mtu;
	uint8_t place = p->info->place;

	return p->payload_len == len && last == (place == ROCE_LAST || place == ROCE_ONLY);
}

/* Of iWARP a READ's answer is a write by the peer. */
static int sink_access(const struct roce_qp *qp)
{
	return qp->shard->dev->params.transport == IBV_TRANSPORT_IWARP
		       ? IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE
		       : IBV_ACCESS_LOCAL_WRITE;
}

static void read_response(struct roce_qp *qp, const struct roce_packet *p, uint64_t now)
{
	struct roce_requester *req = &qp->req;
	struct roce_wqe *wqe;

	if (!acknowledged(qp, p->psn, now))
		return;
	wqe = roce_wqe_at(qp, req->head);
	if (req->head == req->tail || wqe->state == ROCE_WQE_POSTED ||
	    wqe->opcode != IBV_WR_RDMA_READ || p->psn != roce_psn_add(wqe->psn, wqe->got))
		return; /* has come before, or was never asked for */
	if (!fits(qp, wqe, p)) {
		roce_qp_fail(qp, req->head, IBV_WC_BAD_RESP_ERR);
		return;
	}
	if (!roce_sge_scatter(qp, wqe->sge, wqe->nsge, sink_access(qp), wqe->got << qp->mtu_shift,
			      p->payload, p->payload_len)) {
		roce_qp_fail(qp, req->head, IBV_WC_LOC_PROT_ERR);
		return;
	}
	wqe->got++;
	progress(qp, roce_psn_add(p->psn, 1), now);
	if (wqe->got < wqe->npsn)
		return;
	req->reads--;
	roce_wqe_done(qp, IBV_WC_SUCCESS);
	roce_wqes_settle(qp);
}

void roce_completer_receive(struct roce_qp *qp, const struct roce_packet *p, uint64_t now)
{
	const struct roce_requester *req = &qp->req;

	if (qp->state != IBV_QPS_RTS)
		return;
	if (roce_psn_cmp(p->psn, req->max_psn) >= 0) {
		roce_count(&qp->shard->stats.bad_packets, 1);
		return; /* for what has not been sent */
	}
	if (roce_psn_cmp(p->psn, req->una) < 0) {
		roce_count(&qp->shard->stats.duplicates, 1);
		/* Nothing new but, perhaps, receives. */
		if (p->info->kind == ROCE_KIND_ACK && roce_psn_add(p->psn, 1) == req->una &&
		    roce_aeth_kind(p->syndrome) == ROCE_AETH_ACK)
			take_credits(qp, p);
		return;
	}
	if (p->info->kind == ROCE_KIND_ACK)
		answer(qp, p, now);
	else
		read_response(qp, p, now);
}
