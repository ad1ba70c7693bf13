/* SPDX-License-Identifier: BSD-3-Clause */
/* Queue pairs: made, connected, posted to, flushed, destroyed. */
#include "hw/roce/qp.h"

#include <errno.h>
#include <string.h>

/* Receives of an SRQ are copied when taken; this much room is made for each queue pair. */
static struct roce_recv *recv_room(uint32_t max_sge)
{
	return g_malloc0(sizeof(struct roce_recv) + max_sge * sizeof(struct ibv_sge));
}

/* --- events ------------------------------------------------------------------------------- */

static void tell_events(struct roce_event *event)
{
	struct roce_qp *qp = (struct roce_qp *)((char *)event - offsetof(struct roce_qp, event));
	unsigned type = (unsigned)__builtin_ctz(qp->events);

	qp->events &= qp->events - 1;
	if (qp->events)
		roce_event_queue(qp->shard, event);
	if (qp->tell)
		qp->tell(qp, (enum ibv_event_type)type, qp->user);
}

void roce_qp_tell(struct roce_qp *qp, enum ibv_event_type type)
{
	qp->events |= 1u << type;
	roce_event_queue(qp->shard, &qp->event);
}

/* --- made ----------------------------------------------------------------------------------- */

static int check_init(const struct roce_shard *shard, const struct roce_qp_init *init)
{
	const struct ibv_device_attr *attr = &shard->dev->params.attr;
	const struct ibv_qp_cap *cap = &init->cap;

	if (!init->send_cq || !init->recv_cq || init->send_cq->shard != shard ||
	    init->recv_cq->shard != shard || (init->srq && init->srq->shard != shard))
		return -EINVAL;
	if (cap->max_send_wr > (uint32_t)attr->max_qp_wr ||
	    cap->max_send_sge > (uint32_t)attr->max_sge ||
	    cap->max_inline_data > shard->dev->params.max_inline)
		return -EINVAL;
	if (!init->srq && (cap->max_recv_wr > (uint32_t)attr->max_qp_wr ||
			   cap->max_recv_sge > (uint32_t)attr->max_sge))
		return -EINVAL;
	return 0;
}

static int make_send_queue(struct roce_qp *qp, const struct ibv_qp_cap *cap)
{
	struct roce_requester *req = &qp->req;
	size_t room = MAX(cap->max_send_sge * sizeof(struct ibv_sge), cap->max_inline_data);
	uint32_t size = 1;

	while (size < cap->max_send_wr)
		size *= 2;
	req->size = MAX(cap->max_send_wr, 1);
	req->mask = size - 1;
	req->stride = (uint32_t)((sizeof(struct roce_wqe) + room + 15) & ~(size_t)15);
	req->max_sge = cap->max_send_sge;
	req->max_inline = cap->max_inline_data;
	req->timeout_at = HW_NEVER;
	req->wqes = g_try_malloc0_n(size, req->stride);
	return req->wqes ? 0 : -ENOMEM;
}

static int make_receive_queue(struct roce_qp *qp, const struct ibv_qp_cap *cap)
{
	uint32_t max_sge = qp->srq ? qp->srq->ring.max_sge : MAX(cap->max_recv_sge, 1);

	qp->rsp.doing = 0xff;
	qp->rsp.recv = recv_room(max_sge);
	return qp->srq ? 0 : roce_recv_ring_init(&qp->rsp.ring, MAX(cap->max_recv_wr, 1), max_sge);
}

static void release(struct roce_qp *qp)
{
	g_free(qp->req.wqes);
	g_free(qp->rsp.recv);
	g_free(qp->rsp.reads);
	roce_recv_ring_clear(&qp->rsp.ring);
	g_free(qp);
}

int roce_qp_create(struct roce_shard *shard, struct roce_pd *pd, struct roce_qp_init *init,
		   struct roce_qp **out)
{
	int rc = check_init(shard, init);
	struct roce_qp *qp;

	if (rc < 0)
		return rc;
	if (hw_fault(shard->dev->params.hw, "roce.qp"))
		return -ENOMEM;
	qp = g_new0(struct roce_qp, 1);
	qp->shard = shard;
	qp->pd = pd;
	qp->state = IBV_QPS_INIT;
	qp->send_cq = init->send_cq;
	qp->recv_cq = init->recv_cq;
	qp->srq = init->srq;
	qp->sq_sig_all = init->sq_sig_all;
	qp->event.tell = tell_events;
	qp->tell = init->event;
	qp->user = init->user;
	qp->timer = HW_NEVER;
	rc = make_send_queue(qp, &init->cap);
	if (rc == 0)
		rc = make_receive_queue(qp, &init->cap);
	if (rc == 0)
		rc = roce_qp_register(qp);
	if (rc < 0) {
		release(qp);
		return rc;
	}
	qp->send_cq->qps++;
	qp->recv_cq->qps++;
	if (qp->srq)
		qp->srq->qps++;
	atomic_fetch_add(&pd->users, 1);
	*out = qp;
	return 0;
}

/* All that may be written still, is. */
static void scribble(struct roce_qp *qp)
{
	struct roce_device *dev = qp->shard->dev;

	for (uint32_t n = qp->req.head; n != qp->req.tail; n++) {
		const struct roce_wqe *wqe = roce_wqe_at(qp, n);

		if (wqe->opcode == IBV_WR_RDMA_READ)
			roce_sge_scribble(dev, qp->pd, qp->qpn, wqe->sge, wqe->nsge);
	}
	/* Those of an SRQ are the SRQ's. */
	while (!qp->srq && (qp->rsp.has_recv || roce_recv_take(qp))) {
		roce_sge_scribble(dev, qp->pd, qp->qpn, qp->rsp.recv->sge, qp->rsp.recv->nsge);
		qp->rsp.has_recv = false;
	}
}

void roce_qp_destroy(struct roce_qp *qp)
{
	if (atomic_load(&qp->shard->dev->torn))
		scribble(qp);
	roce_qp_unregister(qp);
	roce_event_cancel(qp->shard, &qp->event);
	qp->send_cq->qps--;
	qp->recv_cq->qps--;
	if (qp->srq)
		qp->srq->qps--;
	atomic_fetch_sub(&qp->pd->users, 1);
	release(qp);
}

uint32_t roce_qp_num(const struct roce_qp *qp)
{
	return qp->qpn;
}

uint32_t roce_qp_first_psn(const struct roce_qp *qp)
{
	return qp->first_psn;
}

enum ibv_qp_state roce_qp_state(const struct roce_qp *qp)
{
	return qp->state;
}

/* --- connected -------------------------------------------------------------------------------- */

int roce_qp_rtr(struct roce_qp *qp, const struct roce_rtr *rtr)
{
	const struct roce_params *params = &qp->shard->dev->params;

	if (qp->state != IBV_QPS_INIT || rtr->mtu < ROCE_MTU_MIN || rtr->mtu > ROCE_MTU_MAX ||
	    (rtr->mtu & (rtr->mtu - 1)) || rtr->dest_qpn > ROCE_QPN_MASK ||
	    rtr->max_dest_rd_atomic > params->attr.max_qp_rd_atom)
		return -EINVAL;
	qp->local = rtr->local;
	qp->remote = rtr->remote;
	roce_icrc_flow_init(&qp->flow, &qp->local, &qp->remote);
	qp->tos = (rtr->tos & 0xfc) | (params->dcqcn ? 2 : 0);
	qp->dest_qpn = rtr->dest_qpn;
	qp->mtu = rtr->mtu;
	qp->mtu_shift = (uint8_t)__builtin_ctz(rtr->mtu);
	qp->rsp.epsn = rtr->rq_psn & ROCE_PSN_MASK;
	qp->rsp.max_reads = rtr->max_dest_rd_atomic;
	qp->rsp.reads = g_new0(struct roce_read, MAX(rtr->max_dest_rd_atomic, 1));
	qp->rsp.rnr_timer = rtr->min_rnr_timer;
	qp->rsp.credits = rtr->flow_control && !qp->srq;
	qp->state = IBV_QPS_RTR;
	return 0;
}

int roce_qp_rts(struct roce_qp *qp, const struct roce_rts *rts)
{
	struct roce_requester *req = &qp->req;

	if (qp->state != IBV_QPS_RTR || rts->timeout > 31 || rts->retry_count > 7 ||
	    rts->rnr_retry > 7 ||
	    rts->max_rd_atomic > qp->shard->dev->params.attr.max_qp_init_rd_atom)
		return -EINVAL;
	req->psn = req->max_psn = req->una = rts->sq_psn & ROCE_PSN_MASK;
	qp->timeout_ns = rts->timeout ? UINT64_C(4096) << rts->timeout : 0;
	qp->retry_count = req->retries = rts->retry_count;
	qp->rnr_retry = req->rnr_retries = rts->rnr_retry;
	qp->max_rd_atomic = rts->max_rd_atomic;
	qp->state = IBV_QPS_RTS;
	roce_qp_ready(qp);
	return 0;
}

/* --- ends of work -------------------------------------------------------------------------------
 */

static const enum ibv_wc_opcode wc_opcodes[] = {
	[IBV_WR_RDMA_WRITE] = IBV_WC_RDMA_WRITE,
	[IBV_WR_RDMA_WRITE_WITH_IMM] = IBV_WC_RDMA_WRITE,
	[IBV_WR_SEND] = IBV_WC_SEND,
	[IBV_WR_SEND_WITH_IMM] = IBV_WC_SEND,
	[IBV_WR_RDMA_READ] = IBV_WC_RDMA_READ,
	[IBV_WR_LOCAL_INV] = IBV_WC_LOCAL_INV,
	[IBV_WR_BIND_MW] = IBV_WC_BIND_MW,
	[IBV_WR_SEND_WITH_INV] = IBV_WC_SEND,
};

void roce_wqe_done(struct roce_qp *qp, enum ibv_wc_status status)
{
	struct roce_wqe *wqe = roce_wqe_at(qp, qp->req.head++);
	struct ibv_wc wc = {
		.wr_id = wqe->wr_id,
		.status = status,
		.opcode = wc_opcodes[wqe->opcode],
		.byte_len = wqe->len,
		.qp_num = qp->qpn,
	};

	qp->req.done_ssn = wqe->ssn;
	if (!wqe->signaled && status == IBV_WC_SUCCESS)
		return;
	if (!roce_cq_push(qp->send_cq, &wc))
		roce_qp_error(qp);
}

void roce_wqes_settle(struct roce_qp *qp)
{
	struct roce_requester *req = &qp->req;

	while (req->head != req->next) {
		const struct roce_wqe *wqe = roce_wqe_at(qp, req->head);

		if (wqe->state != ROCE_WQE_SENT || wqe->npsn > 0)
			return;
		roce_wqe_done(qp, IBV_WC_SUCCESS);
	}
}

void roce_recv_done(struct roce_qp *qp, struct ibv_wc *wc)
{
	wc->qp_num = qp->qpn;
	qp->rsp.has_recv = false;
	if (!roce_cq_push(qp->recv_cq, wc))
		roce_qp_error(qp);
}

bool roce_recv_take(struct roce_qp *qp)
{
	struct roce_responder *rsp = &qp->rsp;
	const struct roce_recv *recv;

	if (qp->srq) {
		rsp->has_recv = roce_srq_take(qp->srq, rsp->recv);
		return rsp->has_recv;
	}
	recv = roce_recv_peek(&rsp->ring);
	if (!recv)
		return false;
	memcpy(rsp->recv, recv, sizeof(*recv) + recv->nsge * sizeof(recv->sge[0]));
	rsp->ring.head++;
	rsp->has_recv = true;
	return true;
}

static void flush_receives(struct roce_qp *qp)
{
	struct roce_responder *rsp = &qp->rsp;

	if (atomic_load(&qp->shard->dev->torn))
		return;
	if (rsp->has_recv)
		roce_recv_done(qp, &(struct ibv_wc){ .wr_id = rsp->recv->wr_id,
						     .status = IBV_WC_WR_FLUSH_ERR,
						     .opcode = IBV_WC_RECV });
	while (!qp->srq && roce_recv_take(qp))
		roce_recv_done(qp, &(struct ibv_wc){ .wr_id = rsp->recv->wr_id,
						     .status = IBV_WC_WR_FLUSH_ERR,
						     .opcode = IBV_WC_RECV });
	if (qp->srq && !qp->last_told) {
		qp->last_told = true;
		qp->recv_cq->shown = true;
		roce_qp_tell(qp, IBV_EVENT_QP_LAST_WQE_REACHED);
	}
}

static void flush(struct roce_qp *qp)
{
	if (atomic_load(&qp->shard->dev->torn))
		return;
	while (qp->req.head != qp->req.tail)
		roce_wqe_done(qp, IBV_WC_WR_FLUSH_ERR);
	qp->req.next = qp->req.tail;
	flush_receives(qp);
}

/* Nothing more is sent but a NAK that is owed; no timer runs. */
static void stop(struct roce_qp *qp)
{
	qp->state = IBV_QPS_ERR;
	qp->req.timeout_at = HW_NEVER;
	qp->req.rnr_until = 0;
	qp->rsp.nreads = 0;
	if (qp->rsp.owed != ROCE_OWED_NAK)
		qp->rsp.owed = ROCE_OWED_NOTHING;
	roce_qp_timer(qp);
}

void roce_qp_error(struct roce_qp *qp)
{
	if (qp->state == IBV_QPS_ERR)
		return;
	stop(qp);
	flush(qp);
}

void roce_qp_fail(struct roce_qp *qp, uint32_t n, enum ibv_wc_status status)
{
	if (qp->state == IBV_QPS_ERR)
		return;
	stop(qp);
	if (atomic_load(&qp->shard->dev->torn))
		return;
	while (qp->req.head != n)
		roce_wqe_done(qp, IBV_WC_WR_FLUSH_ERR);
	roce_wqe_done(qp, status);
	flush(qp);
	roce_qp_tell(qp, IBV_EVENT_QP_FATAL);
}

/* --- posting
 * -------------------------------------------------------------------------------------- */

/* 0, or why the queue pair takes nothing now. */
static int may_post(const struct roce_qp *qp)
{
	if (qp->state != IBV_QPS_RTS && qp->state != IBV_QPS_ERR)
		return -EINVAL;
	return qp->req.tail - qp->req.head >= qp->req.size ? -ENOMEM : 0;
}

static struct roce_wqe *new_wqe(struct roce_qp *qp, uint64_t wr_id, unsigned opcode, unsigned flags)
{
	struct roce_wqe *wqe = roce_wqe_at(qp, qp->req.tail);

	*wqe = (struct roce_wqe){
		.wr_id = wr_id,
		.opcode = (uint8_t)opcode,
		.signaled = qp->sq_sig_all || flags & IBV_SEND_SIGNALED,
		.fence = flags & IBV_SEND_FENCE,
		.solicited = flags & IBV_SEND_SOLICITED,
		.ssn = qp->req.ssn,
	};
	return wqe;
}

/* The request is complete: it counts from now on. */
static void posted(struct roce_qp *qp)
{
	qp->req.tail++;
	if (qp->state == IBV_QPS_ERR)
		flush(qp);
	else
		roce_qp_ready(qp);
}

static void copy_inline(struct roce_wqe *wqe, const struct ibv_send_wr *wr)
{
	uint8_t *to = (uint8_t *)wqe->sge;

	wqe->inlined = true;
	for (int i = 0; i < wr->num_sge; i++) {
		memcpy(to, (const void *)(uintptr_t)wr->sg_list[i].addr, wr->sg_list[i].length);
		to += wr->sg_list[i].length;
	}
}

/* What the device, not the queue pair, rules out. */
static bool may_be(const struct roce_qp *qp, const struct ibv_send_wr *wr)
{
	const struct roce_params *params = &qp->shard->dev->params;
	bool iwarp = params->transport == IBV_TRANSPORT_IWARP;

	switch (wr->opcode) {
	case IBV_WR_RDMA_READ:
		return wr->num_sge <= (iwarp ? 1 : params->attr.max_sge_rd);
	case IBV_WR_SEND_WITH_INV:
		return !params->no_send_inv;
	case IBV_WR_SEND_WITH_IMM:
	case IBV_WR_RDMA_WRITE_WITH_IMM:
		return !iwarp;
	default:
		return wr->opcode == IBV_WR_SEND || wr->opcode == IBV_WR_RDMA_WRITE;
	}
}

static int post_one(struct roce_qp *qp, const struct ibv_send_wr *wr)
{
	bool rdma = wr->opcode == IBV_WR_RDMA_WRITE || wr->opcode == IBV_WR_RDMA_READ ||
		    wr->opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
	int rc = may_post(qp);
	struct roce_wqe *wqe;
	uint64_t len = 0;

	if (rc < 0)
		return rc;
	if (!may_be(qp, wr) || wr->num_sge < 0 || (uint32_t)wr->num_sge > qp->req.max_sge)
		return -EINVAL;
	for (int i = 0; i < wr->num_sge; i++)
		len += wr->sg_list[i].length;
	if (len > UINT32_C(0x80000000) ||
	    (wr->send_flags & IBV_SEND_INLINE &&
	     (len > qp->req.max_inline || wr->opcode == IBV_WR_RDMA_READ)) ||
	    (wr->opcode == IBV_WR_RDMA_READ && qp->max_rd_atomic == 0))
		return -EINVAL;
	qp->req.ssn++;
	wqe = new_wqe(qp, wr->wr_id, wr->opcode, wr->send_flags);
	wqe->len = (uint32_t)len;
	wqe->imm = wr->opcode == IBV_WR_SEND_WITH_INV ? wr->invalidate_rkey : be32toh(wr->imm_data);
	wqe->rkey = rdma ? wr->wr.rdma.rkey : 0;
	wqe->va = rdma ? wr->wr.rdma.remote_addr : 0;
	wqe->nsge = (uint32_t)wr->num_sge;
	if (wr->send_flags & IBV_SEND_INLINE)
		copy_inline(wqe, wr);
	else if (wqe->nsge > 0)
		memcpy(wqe->sge, wr->sg_list, wqe->nsge * sizeof(wqe->sge[0]));
	posted(qp);
	return 0;
}

int roce_qp_post_send(struct roce_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	for (; wr; wr = wr->next) {
		int rc = post_one(qp, wr);

		if (rc < 0) {
			*bad = wr;
			return rc;
		}
	}
	return 0;
}

int roce_qp_post_recv(struct roce_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int rc;

	if (qp->srq) {
		*bad = wr;
		return -EINVAL;
	}
	rc = roce_recv_post(&qp->rsp.ring, wr, bad);
	if (qp->state == IBV_QPS_ERR)
		flush_receives(qp);
	return rc;
}

int roce_qp_post_bind(struct roce_qp *qp, struct roce_mw *mw, struct roce_mr *mr, uint64_t iova,
		      uint32_t len, int access, uint64_t wr_id, unsigned send_flags)
{
	int rc = may_post(qp);
	struct roce_wqe *wqe;

	if (rc < 0)
		return rc;
	wqe = new_wqe(qp, wr_id, IBV_WR_BIND_MW, send_flags);
	wqe->mw = mw;
	wqe->mr = mr;
	wqe->va = iova;
	wqe->len = len;
	wqe->access = access;
	wqe->bind_key = roce_mw_next_key(mw);
	posted(qp);
	return 0;
}

int roce_qp_post_local_inv(struct roce_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned send_flags)
{
	int rc = may_post(qp);
	struct roce_wqe *wqe;

	if (rc < 0)
		return rc;
	wqe = new_wqe(qp, wr_id, IBV_WR_LOCAL_INV, send_flags);
	wqe->rkey = rkey;
	posted(qp);
	return 0;
}
