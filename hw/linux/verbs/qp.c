/* SPDX-License-Identifier: BSD-3-Clause */
/* Queue pairs: librdmacm makes them, for it takes them through their states. */
#include <errno.h>

#include "hw/linux/verbs/internal.h"

/*
 * A queue pair of an SRQ tells when it takes no more of its receives. Not every provider
 * does (rdma_rxe of Linux 6.1): so long after it went into error none has taken any.
 */
#define LAST_WQE_NS UINT64_C(100000000)

static void tell(struct rnic_qp *qp, enum ibv_event_type type)
{
	if (qp->cb && qp->cb->event)
		qp->cb->event(qp, type, qp->user);
}

static void last_wqe(struct timer *timer, struct reactor *reactor)
{
	struct rnic_qp *qp =
		(struct rnic_qp *)((char *)timer - offsetof(struct rnic_qp, last_timer));

	(void)reactor;
	if (qp->last_wqe)
		return;
	qp->last_wqe = true;
	tell(qp, IBV_EVENT_QP_LAST_WQE_REACHED);
}

static void await_last_wqe(struct rnic_qp *qp)
{
	struct reactor *r = qp->object.ctx->reactor;

	if (qp->srq && !qp->last_wqe && !timer_is_set(&qp->last_timer))
		reactor_timer_set(r, &qp->last_timer, r->now + LAST_WQE_NS);
}

static void qp_event(struct verbs_object *object, enum ibv_event_type type)
{
	struct rnic_qp *qp = (struct rnic_qp *)object;

	switch (type) {
	case IBV_EVENT_QP_LAST_WQE_REACHED:
		if (qp->last_wqe)
			return;
		qp->last_wqe = true;
		break;
	case IBV_EVENT_COMM_EST:
		/* Known already to who asked for the connection, or when the RTU came first. */
		if (qp->id->state != VERBS_ACCEPTED)
			return;
		rdma_notify(qp->id->cm, type);
		break;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
		await_last_wqe(qp);
		break;
	default:
		return;
	}
	tell(qp, type);
}

/* --- made, destroyed ------------------------------------------------------------------------ */

static bool fits(const struct ibv_device_attr *limits, const struct rnic_qp_init *init)
{
	const struct ibv_qp_cap *cap = &init->cap;

	return cap->max_send_wr <= (uint32_t)limits->max_qp_wr &&
	       cap->max_recv_wr <= (uint32_t)limits->max_qp_wr &&
	       cap->max_send_sge <= (uint32_t)limits->max_sge &&
	       cap->max_recv_sge <= (uint32_t)limits->max_sge;
}

/* A device that cannot take so much inline takes none: whoever asked looks at what it got. */
static int create(struct rnic_id *id, struct rnic_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct ibv_qp_init_attr asked = *attr;
	int rc = rdma_create_qp(id->cm, pd->pd, attr) == 0 ? 0 : verbs_errno();

	if ((rc == -EINVAL || rc == -ENOMEM) && asked.cap.max_inline_data > 0) {
		*attr = asked;
		attr->cap.max_inline_data = 0;
		rc = rdma_create_qp(id->cm, pd->pd, attr) == 0 ? 0 : verbs_errno();
	}
	return rc;
}

int verbs_qp_create(struct rnic_id *id, struct rnic_pd *pd, struct rnic_qp_init *init,
		    struct rnic_qp **out)
{
	struct ibv_qp_init_attr attr = { .qp_type = IBV_QPT_RC,
					 .cap = init->cap,
					 .sq_sig_all = init->sq_sig_all };
	struct rnic_qp *qp;
	int rc;

	if (id->qp || (id->state != VERBS_RESOLVED && id->state != VERBS_REQUEST) ||
	    !init->send_cq || !init->recv_cq || !fits(&pd->dev->info.attr, init))
		return -EINVAL;
	if (atomic_load(&pd->dev->gone))
		return -ENODEV;
	qp = g_new0(struct rnic_qp, 1);
	qp->id = id;
	qp->cb = init->cb;
	qp->user = init->user;
	qp->send_cq = init->send_cq;
	qp->recv_cq = init->recv_cq;
	qp->srq = init->srq != NULL;
	qp->object.event = qp_event;
	timer_init(&qp->last_timer, last_wqe);
	verbs_object_add(id->ctx, &qp->object);
	attr.qp_context = &qp->object;
	attr.send_cq = init->send_cq->cq;
	attr.recv_cq = init->recv_cq->cq;
	attr.srq = init->srq ? init->srq->srq : NULL;
	rc = create(id, pd, &attr);
	if (rc < 0) {
		verbs_object_remove(&qp->object);
		g_free(qp);
		return verbs_no_memory(id->ctx->verbs, rc, "a queue pair");
	}
	init->cap = attr.cap;
	qp->qp = id->cm->qp;
	id->qp = qp;
	*out = qp;
	return 0;
}

void verbs_qp_destroy(struct rnic_qp *qp)
{
	verbs_object_remove(&qp->object);
	reactor_timer_cancel(qp->object.ctx->reactor, &qp->last_timer);
	qp->id->qp = NULL;
	verbs_cq_keep(qp->send_cq);
	if (qp->recv_cq != qp->send_cq)
		verbs_cq_keep(qp->recv_cq);
	rdma_destroy_qp(qp->id->cm);
	g_free(qp);
}

uint32_t verbs_qp_num(const struct rnic_qp *qp)
{
	return qp->qp->qp_num;
}

/* One that does not answer is on a device that has gone. */
enum ibv_qp_state verbs_qp_state(const struct rnic_qp *qp)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	if (ibv_query_qp(qp->qp, &attr, IBV_QP_STATE, &init) != 0)
		return IBV_QPS_ERR;
	return attr.qp_state;
}

void verbs_qp_error(struct rnic_qp *qp)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	qp->error = true;
	ibv_modify_qp(qp->qp, &attr, IBV_QP_STATE);
	await_last_wqe(qp);
}

/* --- work -------------------------------------------------------------------------------- */

int verbs_post_send(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	return verbs_rc(ibv_post_send(qp->qp, wr, bad));
}

int verbs_post_recv(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int rc;

	if (qp->srq) {
		*bad = wr;
		return -EINVAL;
	}
	rc = verbs_rc(ibv_post_recv(qp->qp, wr, bad));
	/* rdma_rxe does not see by itself that there is more to flush. */
	if (qp->error)
		verbs_qp_error(qp);
	return rc;
}

int verbs_post_bind(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
		    uint32_t len, int access, uint64_t wr_id, unsigned send_flags)
{
	struct ibv_send_wr *bad,
		wr = { .wr_id = wr_id, .opcode = IBV_WR_BIND_MW, .send_flags = send_flags };
	int rc;

	wr.bind_mw.mw = mw->mw;
	wr.bind_mw.rkey = ibv_inc_rkey(mw->mw->rkey);
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){
		.mr = mr->mr, .addr = iova, .length = len, .mw_access_flags = (unsigned)access
	};
	rc = verbs_rc(ibv_post_send(qp->qp, &wr, &bad));
	if (rc == 0)
		mw->mw->rkey = wr.bind_mw.rkey;
	return rc;
}

int verbs_post_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned send_flags)
{
	struct ibv_send_wr *bad, wr = { .wr_id = wr_id,
					.opcode = IBV_WR_LOCAL_INV,
					.send_flags = send_flags,
					.invalidate_rkey = rkey };

	return verbs_rc(ibv_post_send(qp->qp, &wr, &bad));
}
