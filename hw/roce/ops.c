/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hw/rnic.h's operations: the engine's objects under the names they have there. Only
 * queue pairs are more than the engine's: they know their id.
 */
#include <errno.h>
#include <stdatomic.h>

#include "hw/roce/cm.h"

/* --- protection domains, memory ----------------------------------------------------------- */

static int pd_alloc(struct rnic_device *dev, struct rnic_pd **out)
{
	struct soft *soft = (struct soft *)dev;

	return soft->gone ? -ENODEV : roce_pd_alloc(soft->dev, (struct roce_pd **)out);
}

static int pd_dealloc(struct rnic_pd *pd)
{
	return roce_pd_dealloc((struct roce_pd *)pd);
}

static int mr_reg(struct rnic_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		  struct rnic_mr **out)
{
	return roce_mr_reg((struct roce_pd *)pd, addr, len, iova, access, (struct roce_mr **)out);
}

static int mr_dereg(struct rnic_mr *mr)
{
	return roce_mr_dereg((struct roce_mr *)mr);
}

static uint32_t mr_lkey(const struct rnic_mr *mr)
{
	return roce_mr_lkey((const struct roce_mr *)mr);
}

static uint32_t mr_rkey(const struct rnic_mr *mr)
{
	return roce_mr_rkey((const struct roce_mr *)mr);
}

static int mw_alloc(struct rnic_pd *pd, struct rnic_mw **out)
{
	return roce_mw_alloc((struct roce_pd *)pd, (struct roce_mw **)out);
}

static void mw_dealloc(struct rnic_mw *mw)
{
	roce_mw_dealloc((struct roce_mw *)mw);
}

static uint32_t mw_rkey(const struct rnic_mw *mw)
{
	return roce_mw_rkey((const struct roce_mw *)mw);
}

/* --- counters -------------------------------------------------------------------------------- */

#define COUNTED(member) offsetof(struct roce_stats, member)

static const struct {
	const char *name;
	size_t offset;
} counted[] = {
	{ "sent_pkts", COUNTED(sent) },
	{ "rcvd_pkts", COUNTED(received) },
	{ "sent_bytes", COUNTED(sent_bytes) },
	{ "rcvd_bytes", COUNTED(received_bytes) },
	{ "sent_acks", COUNTED(acks_sent) },
	{ "sent_naks", COUNTED(naks_sent) },
	{ "send_rnr_err", COUNTED(rnr_sent) },
	{ "rcvd_naks", COUNTED(naks_received) },
	{ "rcvd_rnr_err", COUNTED(rnr_received) },
	{ "retransmitted_pkts", COUNTED(retransmissions) },
	{ "local_ack_timeout_err", COUNTED(timeouts) },
	{ "retry_exceeded_err", COUNTED(retry_exceeded) },
	{ "retry_rnr_exceeded_err", COUNTED(rnr_retry_exceeded) },
	{ "duplicate_pkts", COUNTED(duplicates) },
	{ "out_of_seq_pkts", COUNTED(out_of_sequence) },
	{ "rx_icrc_encapsulated", COUNTED(bad_icrc) },
	{ "malformed_pkts", COUNTED(bad_packets) },
	{ "unknown_qp_pkts", COUNTED(no_qp) },
	{ "wrong_state_pkts", COUNTED(wrong_state) },
	{ "key_violations", COUNTED(bad_key) },
	{ "np_ecn_marked_roce_packets", COUNTED(ecn_marked) },
	{ "np_cnp_sent", COUNTED(cnps_sent) },
	{ "rp_cnp_handled", COUNTED(cnps_received) },
};

G_STATIC_ASSERT(G_N_ELEMENTS(counted) <= RNIC_COUNTERS);

static unsigned device_counters(struct rnic_device *rnic_dev,
				struct rnic_counter out[RNIC_COUNTERS])
{
	struct roce_device *dev = ((struct soft *)rnic_dev)->dev;
	unsigned n = roce_device_params(dev)->nshards;

	for (unsigned i = 0; i < G_N_ELEMENTS(counted); i++)
		out[i] = (struct rnic_counter){ .name = counted[i].name };
	for (unsigned shard = 0; shard < n; shard++) {
		const uint8_t *stats =
			(const uint8_t *)roce_shard_stats(roce_device_shard(dev, shard));

		for (unsigned i = 0; i < G_N_ELEMENTS(counted); i++)
			out[i].value += atomic_load_explicit(
				(const _Atomic uint64_t *)(stats + counted[i].offset),
				memory_order_relaxed);
	}
	return G_N_ELEMENTS(counted);
}

/* --- completion queues, SRQs ------------------------------------------------------------------ */

/* A CQ, or an SRQ, with whom its callbacks go to. */
struct rnic_cq {
	struct roce_cq *cq;
	const struct rnic_cq_cb *cb;
	void *user;
};

struct rnic_srq {
	struct roce_srq *srq;
	const struct rnic_srq_cb *cb;
	void *user;
};

static void cq_error(struct roce_cq *roce, void *user)
{
	struct rnic_cq *cq = user;

	(void)roce;
	if (cq->cb && cq->cb->error)
		cq->cb->error(cq, cq->user);
}

static int cq_create(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
		     const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out)
{
	struct rnic_cq *cq = g_new0(struct rnic_cq, 1);
	int rc = ((struct soft *)dev)->gone
			 ? -ENODEV
			 : roce_cq_create(ctx->shard, cqe, cq_error, cq, &cq->cq);

	if (rc < 0) {
		g_free(cq);
		return rc;
	}
	cq->cb = cb;
	cq->user = user;
	*out = cq;
	return 0;
}

static int cq_destroy(struct rnic_cq *cq)
{
	int rc = roce_cq_destroy(cq->cq);

	if (rc == 0)
		g_free(cq);
	return rc;
}

static int cq_poll(struct rnic_cq *cq, int n, struct ibv_wc *wc)
{
	return roce_cq_poll(cq->cq, n, wc);
}

static int cq_arm(struct rnic_cq *cq)
{
	roce_cq_arm(cq->cq);
	return 0;
}

static void srq_event(struct roce_srq *roce, enum ibv_event_type type, void *user)
{
	struct rnic_srq *srq = user;

	(void)roce;
	if (srq->cb && srq->cb->event)
		srq->cb->event(srq, type, srq->user);
}

static int srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		      const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	struct rnic_srq *srq = g_new0(struct rnic_srq, 1);
	int rc = roce_srq_create(ctx->shard, (struct roce_pd *)pd, attr, srq_event, srq, &srq->srq);

	if (rc < 0) {
		g_free(srq);
		return rc;
	}
	srq->cb = cb;
	srq->user = user;
	*out = srq;
	return 0;
}

static int srq_destroy(struct rnic_srq *srq)
{
	int rc = roce_srq_destroy(srq->srq);

	if (rc == 0)
		g_free(srq);
	return rc;
}

static int srq_arm(struct rnic_srq *srq, uint32_t limit)
{
	return roce_srq_arm(srq->srq, limit);
}

static int srq_post_recv(struct rnic_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	return roce_srq_post_recv(srq->srq, wr, bad);
}

/* --- queue pairs ---------------------------------------------------------------------------------
 */

static void qp_event(struct roce_qp *roce, enum ibv_event_type type, void *user)
{
	struct rnic_qp *qp = user;

	(void)roce;
	/*
	 * Known already to who asked for the connection, or when the RTU came first. Others
	 * (fault point) leave it to the RTU alone, which may have to be repeated.
	 */
	if (type == IBV_EVENT_COMM_EST &&
	    (hw_fault(roce_device_params(qp->id->ctx->soft->dev)->hw, "roce.comm_est") ||
	     !cm_established(qp->id)))
		return;
	if (qp->cb && qp->cb->event)
		qp->cb->event(qp, type, qp->user);
}

static int qp_create(struct rnic_id *id, struct rnic_pd *pd, struct rnic_qp_init *init,
		     struct rnic_qp **out)
{
	struct rnic_qp *qp;
	struct roce_qp_init roce = { .cap = init->cap,
				     .sq_sig_all = init->sq_sig_all,
				     .event = qp_event };
	int rc;

	if (id->qp || (id->state != CM_RESOLVED && id->state != CM_REQ_RECEIVED) ||
	    !init->send_cq || !init->recv_cq)
		return -EINVAL;
	if (id->ctx->soft->gone)
		return -ENODEV;
	qp = g_new0(struct rnic_qp, 1);
	roce.send_cq = init->send_cq->cq;
	roce.recv_cq = init->recv_cq->cq;
	roce.srq = init->srq ? init->srq->srq : NULL;
	roce.user = qp;
	rc = roce_qp_create(id->ctx->shard, (struct roce_pd *)pd, &roce, &qp->qp);
	if (rc < 0) {
		g_free(qp);
		return rc;
	}
	init->cap = roce.cap;
	qp->id = id;
	qp->cb = init->cb;
	qp->user = init->user;
	id->qp = qp;
	*out = qp;
	return 0;
}

static void qp_destroy(struct rnic_qp *qp)
{
	qp->id->qp = NULL;
	roce_qp_destroy(qp->qp);
	g_free(qp);
}

static uint32_t qp_num(const struct rnic_qp *qp)
{
	return roce_qp_num(qp->qp);
}

static enum ibv_qp_state qp_state(const struct rnic_qp *qp)
{
	return roce_qp_state(qp->qp);
}

static void qp_error(struct rnic_qp *qp)
{
	roce_qp_error(qp->qp);
}

static int post_send(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	return roce_qp_post_send(qp->qp, wr, bad);
}

static int post_recv(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	return roce_qp_post_recv(qp->qp, wr, bad);
}

static int post_bind(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
		     uint32_t len, int access, uint64_t wr_id, unsigned send_flags)
{
	return roce_qp_post_bind(qp->qp, (struct roce_mw *)mw, (struct roce_mr *)mr, iova, len,
				 access, wr_id, send_flags);
}

static int post_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned send_flags)
{
	return roce_qp_post_local_inv(qp->qp, rkey, wr_id, send_flags);
}

/* --- ids
 * ---------------------------------------------------------------------------------------------- */

static struct rnic_device *id_device(const struct rnic_id *id)
{
	return id->state == CM_LISTEN && net_addr_is_any(&id->local)
		       ? NULL
		       : (struct rnic_device *)id->ctx->soft;
}

static void id_local(const struct rnic_id *id, struct net_addr *addr)
{
	*addr = id->local;
}

static void id_remote(const struct rnic_id *id, struct net_addr *addr)
{
	*addr = id->remote;
}

const struct hw_rnic_ops soft_ops = {
	.ctx_open = soft_ctx_open,
	.ctx_close = soft_ctx_close,
	.watch = soft_watch,
	.unwatch = soft_unwatch,
	.device_info = soft_device_info,
	.device_port = soft_device_port,
	.device_done = soft_device_done,
	.device_counters = device_counters,
	.pd_alloc = pd_alloc,
	.pd_dealloc = pd_dealloc,
	.mr_reg = mr_reg,
	.mr_dereg = mr_dereg,
	.mr_lkey = mr_lkey,
	.mr_rkey = mr_rkey,
	.mw_alloc = mw_alloc,
	.mw_dealloc = mw_dealloc,
	.mw_rkey = mw_rkey,
	.cq_create = cq_create,
	.cq_destroy = cq_destroy,
	.cq_poll = cq_poll,
	.cq_arm = cq_arm,
	.srq_create = srq_create,
	.srq_destroy = srq_destroy,
	.srq_arm = srq_arm,
	.srq_post_recv = srq_post_recv,
	.qp_create = qp_create,
	.qp_destroy = qp_destroy,
	.qp_num = qp_num,
	.qp_state = qp_state,
	.qp_error = qp_error,
	.post_send = post_send,
	.post_recv = post_recv,
	.post_bind = post_bind,
	.post_local_inv = post_local_inv,
	.id_listen = cm_listen,
	.id_resolve = cm_resolve,
	.id_move = cm_move,
	.id_device = id_device,
	.id_local = id_local,
	.id_remote = id_remote,
	.connect = cm_connect,
	.accept = cm_accept,
	.reject = cm_reject,
	.disconnect = cm_disconnect,
	.id_destroy = cm_destroy,
};
