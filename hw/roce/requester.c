/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requester: turns posted work into packets, and sends them again when it must.
 *
 * Its place is (next, offset): the request being sent and how many packets of it have
 * been. PSNs are given to a request when its first packet is sent, and kept. Going back
 * moves the place, never the PSNs.
 *
 * Invariant: una <= psn <= max_psn (as PSNs go round), psn belongs to the place.
 */
#include "hw/roce/qp.h"

enum what {
	NOTHING, /* to do now */
	LOCAL,	 /* the request needs no packet */
	PACKET,
};

static uint32_t packets_of(const struct roce_qp *qp, uint32_t len)
{
	return len == 0 ? 1 : (len + qp->mtu - 1) >> qp->mtu_shift;
}

static bool is_local(const struct roce_wqe *wqe)
{
	return wqe->opcode == IBV_WR_BIND_MW || wqe->opcode == IBV_WR_LOCAL_INV;
}

/* It takes a receive of the peer. */
static bool takes_receive(const struct roce_wqe *wqe)
{
	return wqe->opcode != IBV_WR_RDMA_WRITE && wqe->opcode != IBV_WR_RDMA_READ;
}

static bool has_credit(const struct roce_requester *req, const struct roce_wqe *wqe)
{
	return !req->credits || !takes_receive(wqe) || is_local(wqe) ||
	       (int32_t)(wqe->ssn - req->credit_ssn) <= 0;
}

/* May the request at the place, of which nothing has been sent yet, begin? */
static bool may_begin(const struct roce_qp *qp, const struct roce_wqe *wqe)
{
	const struct roce_requester *req = &qp->req;

	if (wqe->fence && req->reads > 0)
		return false;
	if (wqe->opcode == IBV_WR_RDMA_READ)
		return req->reads < qp->max_rd_atomic;
	/* Without a credit one is sent to ask for some, when nothing else is on its way. */
	return has_credit(req, wqe) || req->una == req->psn;
}

static enum what next_step(const struct roce_qp *qp, uint64_t now)
{
	const struct roce_requester *req = &qp->req;
	const struct roce_wqe *wqe;

	if (qp->state != IBV_QPS_RTS || req->next == req->tail)
		return NOTHING;
	wqe = roce_wqe_at(qp, req->next);
	if (wqe->state == ROCE_WQE_POSTED && !may_begin(qp, wqe))
		return NOTHING;
	if (is_local(wqe))
		return LOCAL;
	if (now < req->rnr_until || now < qp->cc.next_send ||
	    roce_psn_diff(req->psn, req->una) >= ROCE_WINDOW)
		return NOTHING;
	return PACKET;
}

bool roce_requester_wants(const struct roce_qp *qp, uint64_t now)
{
	return next_step(qp, now) != NOTHING;
}

/* --- requests without packets ------------------------------------------------------------- */

static void move_on(struct roce_requester *req, struct roce_wqe *wqe)
{
	wqe->state = ROCE_WQE_SENT;
	req->next++;
	req->offset = 0;
}

static void run_local(struct roce_qp *qp, struct roce_wqe *wqe)
{
	uint32_t n = qp->req.next;
	bool ok;

	if (wqe->state == ROCE_WQE_SENT) { /* done before it was gone back */
		move_on(&qp->req, wqe);
		return;
	}
	if (wqe->opcode == IBV_WR_BIND_MW)
		ok = roce_mw_bind(wqe->mw, wqe->bind_key, qp->qpn, wqe->mr, wqe->va, wqe->len,
				  wqe->access) == 0;
	else
		ok = roce_key_invalidate(qp->shard->dev, qp->pd, qp->qpn, wqe->rkey);
	if (!ok) {
		roce_qp_fail(qp, n, IBV_WC_MW_BIND_ERR);
		return;
	}
	wqe->npsn = 0;
	wqe->psn = qp->req.psn;
	move_on(&qp->req, wqe);
	roce_wqes_settle(qp);
}

/* --- packets --------------------------------------------------------------------------------- */

static const uint8_t send_opcodes[] = {
	[ROCE_FIRST] = ROCE_SEND_FIRST,
	[ROCE_MIDDLE] = ROCE_SEND_MIDDLE,
	[ROCE_LAST] = ROCE_SEND_LAST,
	[ROCE_ONLY] = ROCE_SEND_ONLY,
};
static const uint8_t write_opcodes[] = {
	[ROCE_FIRST] = ROCE_WRITE_FIRST,
	[ROCE_MIDDLE] = ROCE_WRITE_MIDDLE,
	[ROCE_LAST] = ROCE_WRITE_LAST,
	[ROCE_ONLY] = ROCE_WRITE_ONLY,
};

static uint8_t opcode_of(const struct roce_wqe *wqe, enum roce_place place)
{
	bool last = place == ROCE_LAST;

	if (place == ROCE_FIRST || place == ROCE_MIDDLE)
		return wqe->opcode == IBV_WR_RDMA_WRITE || wqe->opcode == IBV_WR_RDMA_WRITE_WITH_IMM
			       ? write_opcodes[place]
			       : send_opcodes[place];
	switch (wqe->opcode) {
	case IBV_WR_RDMA_WRITE:
		return write_opcodes[place];
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		return last ? ROCE_WRITE_LAST_IMM : ROCE_WRITE_ONLY_IMM;
	case IBV_WR_SEND_WITH_IMM:
		return last ? ROCE_SEND_LAST_IMM : ROCE_SEND_ONLY_IMM;
	case IBV_WR_SEND_WITH_INV:
		return last ? ROCE_SEND_LAST_INV : ROCE_SEND_ONLY_INV;
	default:
		return send_opcodes[place];
	}
}

static enum roce_place place_in(const struct roce_wqe *wqe, uint32_t offset)
{
	if (wqe->npsn == 1)
		return ROCE_ONLY;
	if (offset == 0)
		return ROCE_FIRST;
	return offset + 1 == wqe->npsn ? ROCE_LAST : ROCE_MIDDLE;
}

/* Does a packet of the next request follow the last one of this? */
static bool goes_on(const struct roce_qp *qp)
{
	const struct roce_wqe *wqe = roce_wqe_at(qp, qp->req.next + 1);

	return qp->req.next + 1 != qp->req.tail && !is_local(wqe) &&
	       (wqe->state != ROCE_WQE_POSTED ||
		(may_begin(qp, wqe) && has_credit(&qp->req, wqe)));
}

/* An acknowledgement is asked for by the last packet that there is to send, and now and then. */
static bool asks_for_ack(const struct roce_qp *qp, bool end)
{
	return (end && !goes_on(qp)) || qp->req.unasked + 1 >= ROCE_ACK_EVERY;
}

static int pieces_of(struct roce_qp *qp, struct roce_wqe *wqe, uint32_t offset, uint32_t len,
		     struct iovec *out)
{
	if (!wqe->inlined)
		return roce_sge_pieces(qp, wqe->sge, wqe->nsge, offset, len, 0, out,
				       ROCE_TX_IOV - 2);
	out[0] = (struct iovec){ .iov_base = (uint8_t *)wqe->sge + offset, .iov_len = len };
	return len > 0;
}

static bool send_message(struct roce_qp *qp, struct roce_wqe *wqe)
{
	struct roce_requester *req = &qp->req;
	enum roce_place place = place_in(wqe, req->offset);
	uint32_t at = req->offset << qp->mtu_shift;
	uint32_t len = MIN(wqe->len - at, qp->mtu);
	struct iovec payload[ROCE_TX_IOV];
	int n = pieces_of(qp, wqe, at, len, payload);
	bool end = place == ROCE_LAST || place == ROCE_ONLY;
	struct roce_packet p = {
		.opcode = opcode_of(wqe, place),
		.psn = req->psn,
		.solicited = end && wqe->solicited,
		.ack_request = asks_for_ack(qp, end),
		.va = wqe->va,
		.rkey = wqe->opcode == IBV_WR_SEND_WITH_INV ? wqe->imm : wqe->rkey,
		.dma_len = wqe->len,
		.imm = wqe->imm,
	};

	if (n < 0) {
		roce_qp_fail(qp, req->next, IBV_WC_LOC_PROT_ERR);
		return false;
	}
	if (!roce_qp_send(qp, &p, payload, n, len))
		return false;
	req->unasked = p.ack_request ? 0 : req->unasked + 1;
	req->psn = roce_psn_add(req->psn, 1);
	if (end)
		move_on(req, wqe);
	else
		req->offset++;
	return true;
}

/* Asks for what has not come of a READ: all of it, at first. */
static bool send_read(struct roce_qp *qp, struct roce_wqe *wqe)
{
	struct roce_requester *req = &qp->req;
	uint32_t at = wqe->got << qp->mtu_shift;
	struct roce_packet p = {
		.opcode = ROCE_READ_REQUEST,
		.psn = roce_psn_add(wqe->psn, wqe->got),
		.ack_request = true,
		.va = wqe->va + at,
		.rkey = wqe->rkey,
		.dma_len = wqe->len - at,
	};

	if (!roce_qp_send(qp, &p, NULL, 0, 0))
		return false;
	req->unasked = 0;
	req->psn = roce_psn_add(wqe->psn, wqe->npsn);
	move_on(req, wqe);
	return true;
}

static bool send_one(struct roce_qp *qp, struct roce_wqe *wqe, uint64_t now)
{
	struct roce_requester *req = &qp->req;
	bool first = wqe->state == ROCE_WQE_POSTED;
	bool again = !first && roce_psn_cmp(req->psn, req->max_psn) < 0;
	bool ok;

	if (first) {
		wqe->psn = req->psn;
		wqe->npsn = packets_of(qp, wqe->len);
		wqe->state = ROCE_WQE_SENDING;
	}
	ok = wqe->opcode == IBV_WR_RDMA_READ ? send_read(qp, wqe) : send_message(qp, wqe);
	if (!ok) {
		if (first)
			wqe->state = ROCE_WQE_POSTED;
		return false;
	}
	if (first && wqe->opcode == IBV_WR_RDMA_READ)
		req->reads++;
	if (again)
		roce_count(&qp->shard->stats.retransmissions, 1);
	if (roce_psn_cmp(req->psn, req->max_psn) > 0)
		req->max_psn = req->psn;
	if (req->timeout_at == HW_NEVER)
		roce_requester_clock(qp, now);
	roce_dcqcn_sent(qp, qp->mtu, now);
	return true;
}

unsigned roce_requester_run(struct roce_qp *qp, uint64_t now, unsigned budget)
{
	unsigned n = 0;

	while (n < budget) {
		enum what what = next_step(qp, now);
		struct roce_wqe *wqe = roce_wqe_at(qp, qp->req.next);

		if (what == NOTHING)
			break;
		if (what == LOCAL)
			run_local(qp, wqe);
		else if (!send_one(qp, wqe, now))
			break;
		n++;
	}
	return n;
}

/* --- again
 * ----------------------------------------------------------------------------------------- */

void roce_requester_back(struct roce_qp *qp, uint32_t psn)
{
	struct roce_requester *req = &qp->req;

	for (uint32_t n = req->head; n != req->tail; n++) {
		const struct roce_wqe *wqe = roce_wqe_at(qp, n);

		if (wqe->state == ROCE_WQE_POSTED)
			break;
		if (wqe->npsn == 0 || roce_psn_diff(psn, wqe->psn) >= (int32_t)wqe->npsn)
			continue;
		req->next = n;
		req->offset = (uint32_t)roce_psn_diff(psn, wqe->psn);
		req->psn = psn;
		req->gone_back = true;
		roce_qp_ready(qp);
		return;
	}
}

/* The next timeout if it is an early one, else 0. */
static uint64_t early_timeout(const struct roce_qp *qp)
{
	uint64_t ns = ROCE_EARLY_NS << qp->req.early;

	return ns < qp->timeout_ns ? ns : 0;
}

void roce_requester_clock(struct roce_qp *qp, uint64_t now)
{
	struct roce_requester *req = &qp->req;
	uint64_t early = early_timeout(qp);
	bool waiting = qp->timeout_ns > 0 && req->una != req->max_psn;
	/*
	 * Between once and four times what was agreed on is allowed: once at first, so that
	 * a loss costs little; longer when that did not help, so that a peer whose
	 * processor was away for a while is not given up.
	 */
	unsigned longer = MIN(qp->retry_count - req->retries, 2u);

	req->timeout_at = waiting ? now + (early > 0 ? early : qp->timeout_ns << longer) : HW_NEVER;
}

static void timed_out(struct roce_qp *qp, uint64_t now)
{
	struct roce_requester *req = &qp->req;

	roce_count(&qp->shard->stats.timeouts, 1);
	if (early_timeout(qp) > 0) {
		req->early++;
	} else if (req->retries > 0) {
		req->retries--;
	} else {
		roce_count(&qp->shard->stats.retry_exceeded, 1);
		roce_qp_fail(qp, req->head, IBV_WC_RETRY_EXC_ERR);
		return;
	}
	roce_requester_back(qp, req->una);
	roce_requester_clock(qp, now);
}

void roce_requester_timer(struct roce_qp *qp, uint64_t now)
{
	struct roce_requester *req = &qp->req;

	if (req->rnr_until > 0 && req->rnr_until <= now) {
		req->rnr_until = 0;
		roce_qp_ready(qp);
		roce_requester_clock(qp, now);
	}
	if (req->rnr_until == 0 && req->timeout_at <= now)
		timed_out(qp, now);
}

uint64_t roce_requester_deadline(const struct roce_qp *qp)
{
	return qp->req.rnr_until > 0 ? qp->req.rnr_until : qp->req.timeout_at;
}
