/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hw/rnic.h around another one: objects of the users stand for objects of the RNIC, each
 * call is handed over, and what counts is entered in the books (rdma-ledger.c).
 */
#include "sim/oracle/rdma-ledger-priv.h"

struct shim_ctx {
	struct oracle_rdma *o;
	struct rnic_ctx *in;
};

struct shim_dev {
	struct oracle_rdma *o;
	struct rnic_device *in;
};

struct shim_pd {
	struct oracle_rdma *o;
	struct rnic_pd *in;
};

struct shim_mr {
	struct oracle_rdma *o;
	struct rnic_mr *in;
};

struct shim_mw {
	struct oracle_rdma *o;
	struct rnic_mw *in;
};

struct shim_cq {
	struct oracle_rdma *o;
	struct rnic_cq *in;
	const struct rnic_cq_cb *cb;
	void *user;
};

struct shim_srq {
	struct oracle_rdma *o;
	struct rnic_srq *in;
	const struct rnic_srq_cb *cb;
	void *user;
	struct ledger_queue *queue;
};

struct shim_qp {
	struct oracle_rdma *o;
	struct rnic_qp *in;
	const struct rnic_qp_cb *cb;
	void *user;
	struct ledger_queues *queues;
};

struct shim_id {
	struct oracle_rdma *o;
	struct rnic_id *in;
	const struct rnic_id_cb *cb;
	void *user;
};

struct shim_watcher {
	struct rnic_watcher in; /* first */
	struct rnic_watcher *out;
	struct oracle_rdma *o;
};

#define IN(type, obj) (((struct shim_##type *)(obj))->in)
#define OPS(obj) ((obj)->o->inner->ops)

/* ---- devices ------------------------------------------------------------------------------ */

static int ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out)
{
	struct oracle_rdma *o = (struct oracle_rdma *)rnic;
	struct rnic_ctx *in;
	struct shim_ctx *ctx;
	int rc = o->inner->ops->ctx_open(o->inner, reactor, &in);

	if (rc < 0)
		return rc;
	ctx = g_new(struct shim_ctx, 1);
	*ctx = (struct shim_ctx){ o, in };
	*out = (struct rnic_ctx *)ctx;
	return 0;
}

static void ctx_close(struct rnic_ctx *rctx)
{
	struct shim_ctx *ctx = (struct shim_ctx *)rctx;

	OPS(ctx)->ctx_close(ctx->in);
	g_free(ctx);
}

static struct rnic_device *dev_out(struct oracle_rdma *o, struct rnic_device *in)
{
	struct shim_dev *dev = in ? g_hash_table_lookup(o->devs, in) : NULL;

	if (in && !dev) {
		dev = g_new(struct shim_dev, 1);
		*dev = (struct shim_dev){ o, in };
		g_hash_table_insert(o->devs, in, dev);
	}
	return (struct rnic_device *)dev;
}

static void added(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct shim_watcher *s = (struct shim_watcher *)w;

	s->o->torn = false;
	s->out->added(s->out, dev_out(s->o, dev));
}

static void removing(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct shim_watcher *s = (struct shim_watcher *)w;

	s->out->removing(s->out, dev_out(s->o, dev));
}

static void device_event(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
			 unsigned port)
{
	struct shim_watcher *s = (struct shim_watcher *)w;

	if (type == IBV_EVENT_DEVICE_FATAL && !s->o->torn)
		ledger_device_failed(s->o);
	s->out->event(s->out, dev_out(s->o, dev), type, port);
}

static void watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	struct oracle_rdma *o = (struct oracle_rdma *)rnic;
	struct shim_watcher *s = g_new0(struct shim_watcher, 1);

	s->in.added = added;
	s->in.removing = removing;
	s->in.event = device_event;
	s->out = w;
	s->o = o;
	g_ptr_array_add(o->watchers, s);
	o->inner->ops->watch(o->inner, IN(ctx, ctx), &s->in);
}

static void unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	struct oracle_rdma *o = (struct oracle_rdma *)rnic;

	for (guint i = 0; i < o->watchers->len; i++) {
		struct shim_watcher *s = o->watchers->pdata[i];

		if (s->out != w)
			continue;
		o->inner->ops->unwatch(o->inner, &s->in);
		g_ptr_array_remove_index(o->watchers, i);
		return;
	}
}

static void device_info(struct rnic_device *rdev, struct rnic_info *info)
{
	struct shim_dev *dev = (struct shim_dev *)rdev;

	OPS(dev)->device_info(dev->in, info);
}

static bool device_port(struct rnic_device *rdev, unsigned port, struct rnic_port *out)
{
	struct shim_dev *dev = (struct shim_dev *)rdev;

	return OPS(dev)->device_port(dev->in, port, out);
}

static void device_done(struct rnic_device *rdev)
{
	struct shim_dev *dev = (struct shim_dev *)rdev;

	OPS(dev)->device_done(dev->in);
}

static unsigned device_counters(struct rnic_device *rdev, struct rnic_counter out[RNIC_COUNTERS])
{
	struct shim_dev *dev = (struct shim_dev *)rdev;

	return OPS(dev)->device_counters(dev->in, out);
}

/* ---- memory ------------------------------------------------------------------------------- */

static int pd_alloc(struct rnic_device *rdev, struct rnic_pd **out)
{
	struct shim_dev *dev = (struct shim_dev *)rdev;
	struct rnic_pd *in;
	struct shim_pd *pd;
	int rc = OPS(dev)->pd_alloc(dev->in, &in);

	if (rc < 0)
		return rc;
	pd = g_new(struct shim_pd, 1);
	*pd = (struct shim_pd){ dev->o, in };
	*out = (struct rnic_pd *)pd;
	return 0;
}

static int pd_dealloc(struct rnic_pd *rpd)
{
	struct shim_pd *pd = (struct shim_pd *)rpd;
	int rc = OPS(pd)->pd_dealloc(pd->in);

	if (rc == 0)
		g_free(pd);
	return rc;
}

static int mr_reg(struct rnic_pd *rpd, void *addr, size_t len, uint64_t iova, int access,
		  struct rnic_mr **out)
{
	struct shim_pd *pd = (struct shim_pd *)rpd;
	struct rnic_mr *in;
	struct shim_mr *mr;
	int rc = OPS(pd)->mr_reg(pd->in, addr, len, iova, access, &in);

	if (rc < 0)
		return rc;
	mr = g_new(struct shim_mr, 1);
	*mr = (struct shim_mr){ pd->o, in };
	pd->o->counts.regions++;
	ledger_region(pd->o, OPS(pd)->mr_lkey(in), &(struct ledger_region){ addr, iova, len });
	ledger_key(pd->o, OPS(pd)->mr_rkey(in), &(struct ledger_key){ iova, len, access, pd, 0 });
	*out = (struct rnic_mr *)mr;
	return 0;
}

static int mr_dereg(struct rnic_mr *rmr)
{
	struct shim_mr *mr = (struct shim_mr *)rmr;
	uint32_t lkey = OPS(mr)->mr_lkey(mr->in), rkey = OPS(mr)->mr_rkey(mr->in);
	int rc = OPS(mr)->mr_dereg(mr->in);

	if (rc < 0)
		return rc;
	ledger_lkey_gone(mr->o, lkey);
	ledger_key_gone(mr->o, rkey);
	g_free(mr);
	return 0;
}

static uint32_t mr_lkey(const struct rnic_mr *rmr)
{
	const struct shim_mr *mr = (const struct shim_mr *)rmr;

	return OPS(mr)->mr_lkey(mr->in);
}

static uint32_t mr_rkey(const struct rnic_mr *rmr)
{
	const struct shim_mr *mr = (const struct shim_mr *)rmr;

	return OPS(mr)->mr_rkey(mr->in);
}

static int mw_alloc(struct rnic_pd *rpd, struct rnic_mw **out)
{
	struct shim_pd *pd = (struct shim_pd *)rpd;
	struct rnic_mw *in;
	struct shim_mw *mw;
	int rc = OPS(pd)->mw_alloc(pd->in, &in);

	if (rc < 0)
		return rc;
	mw = g_new(struct shim_mw, 1);
	*mw = (struct shim_mw){ pd->o, in };
	pd->o->counts.windows++;
	*out = (struct rnic_mw *)mw;
	return 0;
}

static void mw_dealloc(struct rnic_mw *rmw)
{
	struct shim_mw *mw = (struct shim_mw *)rmw;

	ledger_key_gone(mw->o, OPS(mw)->mw_rkey(mw->in));
	OPS(mw)->mw_dealloc(mw->in);
	g_free(mw);
}

static uint32_t mw_rkey(const struct rnic_mw *rmw)
{
	const struct shim_mw *mw = (const struct shim_mw *)rmw;

	return OPS(mw)->mw_rkey(mw->in);
}

/* ---- completion queues, shared receive queues ----------------------------------------------- */

static void cq_error(struct rnic_cq *in, void *user)
{
	struct shim_cq *cq = user;

	(void)in;
	ledger_cq_failed(cq->o, cq);
	if (cq->cb && cq->cb->error)
		cq->cb->error((struct rnic_cq *)cq, cq->user);
}

static const struct rnic_cq_cb cq_cb = { cq_error };

static int cq_create(struct rnic_ctx *rctx, struct rnic_device *dev, unsigned cqe,
		     const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out)
{
	struct shim_ctx *ctx = (struct shim_ctx *)rctx;
	struct shim_cq *cq = g_new(struct shim_cq, 1);
	int rc;

	*cq = (struct shim_cq){ ctx->o, NULL, cb, user };
	rc = OPS(ctx)->cq_create(ctx->in, IN(dev, dev), cqe, &cq_cb, cq, &cq->in);
	if (rc < 0) {
		g_free(cq);
		return rc;
	}
	*out = (struct rnic_cq *)cq;
	return 0;
}

static int cq_destroy(struct rnic_cq *rcq)
{
	struct shim_cq *cq = (struct shim_cq *)rcq;
	int rc = OPS(cq)->cq_destroy(cq->in);

	if (rc == 0)
		g_free(cq);
	return rc;
}

static int cq_poll(struct rnic_cq *rcq, int n, struct ibv_wc *wc)
{
	struct shim_cq *cq = (struct shim_cq *)rcq;
	int got = OPS(cq)->cq_poll(cq->in, n, wc);

	for (int i = 0; i < got; i++)
		ledger_ended(cq->o, cq, &wc[i]);
	return got;
}

static int cq_arm(struct rnic_cq *rcq)
{
	struct shim_cq *cq = (struct shim_cq *)rcq;

	return OPS(cq)->cq_arm(cq->in);
}

static void srq_event(struct rnic_srq *in, enum ibv_event_type type, void *user)
{
	struct shim_srq *srq = user;

	(void)in;
	if (srq->cb && srq->cb->event)
		srq->cb->event((struct rnic_srq *)srq, type, srq->user);
}

static const struct rnic_srq_cb srq_cb = { srq_event };

static int srq_create(struct rnic_ctx *rctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		      const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	struct shim_ctx *ctx = (struct shim_ctx *)rctx;
	struct shim_srq *srq = g_new0(struct shim_srq, 1);
	int rc;

	*srq = (struct shim_srq){ ctx->o, NULL, cb, user, NULL };
	rc = OPS(ctx)->srq_create(ctx->in, IN(pd, pd), attr, &srq_cb, srq, &srq->in);
	if (rc < 0) {
		g_free(srq);
		return rc;
	}
	srq->queue = g_new0(struct ledger_queue, 1);
	srq->queue->wrs = g_array_new(FALSE, FALSE, sizeof(struct ledger_wr));
	g_ptr_array_add(ctx->o->pools, srq->queue);
	*out = (struct rnic_srq *)srq;
	return 0;
}

static int srq_destroy(struct rnic_srq *rsrq)
{
	struct shim_srq *srq = (struct shim_srq *)rsrq;
	int rc;

	ledger_check_unused(srq->o, srq->queue);
	rc = OPS(srq)->srq_destroy(srq->in);
	if (rc < 0)
		return rc;
	srq->queue->closed = true;
	g_free(srq);
	return 0;
}

static int srq_arm(struct rnic_srq *rsrq, uint32_t limit)
{
	struct shim_srq *srq = (struct shim_srq *)rsrq;

	return OPS(srq)->srq_arm(srq->in, limit);
}

static int srq_post_recv(struct rnic_srq *rsrq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct shim_srq *srq = (struct shim_srq *)rsrq;
	int rc = OPS(srq)->srq_post_recv(srq->in, wr, bad);

	ledger_posted_recv(srq->o, srq->queue, wr, rc < 0 ? *bad : NULL);
	return rc;
}

/* ---- queue pairs --------------------------------------------------------------------------- */

static void qp_event(struct rnic_qp *in, enum ibv_event_type type, void *user)
{
	struct shim_qp *qp = user;

	(void)in;
	if (qp->cb && qp->cb->event)
		qp->cb->event((struct rnic_qp *)qp, type, qp->user);
}

static const struct rnic_qp_cb qp_cb = { qp_event };

static int qp_create(struct rnic_id *rid, struct rnic_pd *pd, struct rnic_qp_init *init,
		     struct rnic_qp **out)
{
	struct shim_id *id = (struct shim_id *)rid;
	struct shim_qp *qp = g_new0(struct shim_qp, 1);
	struct rnic_qp_init in = *init;
	int rc;

	*qp = (struct shim_qp){ id->o, NULL, init->cb, init->user, NULL };
	in.send_cq = init->send_cq ? IN(cq, init->send_cq) : NULL;
	in.recv_cq = init->recv_cq ? IN(cq, init->recv_cq) : NULL;
	in.srq = init->srq ? IN(srq, init->srq) : NULL;
	in.cb = &qp_cb;
	in.user = qp;
	rc = OPS(id)->qp_create(id->in, IN(pd, pd), &in, &qp->in);
	if (rc < 0) {
		g_free(qp);
		return rc;
	}
	init->cap = in.cap;
	qp->queues = ledger_open(id->o, OPS(id)->qp_num(qp->in));
	qp->queues->pd = pd;
	qp->queues->send_cq = init->send_cq;
	qp->queues->recv_cq = init->recv_cq;
	qp->queues->sig_all = init->sq_sig_all;
	qp->queues->srq = init->srq ? ((struct shim_srq *)init->srq)->queue : NULL;
	*out = (struct rnic_qp *)qp;
	return 0;
}

static void qp_destroy(struct rnic_qp *rqp)
{
	struct shim_qp *qp = (struct shim_qp *)rqp;

	ledger_close(qp->o, qp->queues);
	OPS(qp)->qp_destroy(qp->in);
	g_free(qp);
}

static uint32_t qp_num(const struct rnic_qp *rqp)
{
	const struct shim_qp *qp = (const struct shim_qp *)rqp;

	return OPS(qp)->qp_num(qp->in);
}

static enum ibv_qp_state qp_state(const struct rnic_qp *rqp)
{
	const struct shim_qp *qp = (const struct shim_qp *)rqp;

	return OPS(qp)->qp_state(qp->in);
}

static void qp_error(struct rnic_qp *rqp)
{
	struct shim_qp *qp = (struct shim_qp *)rqp;

	OPS(qp)->qp_error(qp->in);
}

static int post_send(struct rnic_qp *rqp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	struct shim_qp *qp = (struct shim_qp *)rqp;
	int rc = OPS(qp)->post_send(qp->in, wr, bad);

	ledger_posted_send(qp->o, qp->queues, wr, rc < 0 ? *bad : NULL);
	return rc;
}

static int post_recv(struct rnic_qp *rqp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct shim_qp *qp = (struct shim_qp *)rqp;
	int rc = OPS(qp)->post_recv(qp->in, wr, bad);

	ledger_posted_recv(qp->o, &qp->queues->recv, wr, rc < 0 ? *bad : NULL);
	return rc;
}

static int post_bind(struct rnic_qp *rqp, struct rnic_mw *rmw, struct rnic_mr *mr, uint64_t iova,
		     uint32_t len, int access, uint64_t wr_id, unsigned send_flags)
{
	struct shim_qp *qp = (struct shim_qp *)rqp;
	struct shim_mw *mw = (struct shim_mw *)rmw;
	uint32_t old = OPS(qp)->mw_rkey(mw->in);
	int rc = OPS(qp)->post_bind(qp->in, mw->in, IN(mr, mr), iova, len, access, wr_id,
				    send_flags);

	if (rc < 0)
		return rc;
	ledger_posted(qp->o, qp->queues, wr_id, send_flags & IBV_SEND_SIGNALED, old);
	ledger_key(qp->o, OPS(qp)->mw_rkey(mw->in),
		   &(struct ledger_key){ iova, len, access, qp->queues->pd, qp->queues->qpn });
	return 0;
}

static int post_local_inv(struct rnic_qp *rqp, uint32_t rkey, uint64_t wr_id, unsigned send_flags)
{
	struct shim_qp *qp = (struct shim_qp *)rqp;
	int rc = OPS(qp)->post_local_inv(qp->in, rkey, wr_id, send_flags);

	if (rc == 0)
		ledger_posted(qp->o, qp->queues, wr_id, send_flags & IBV_SEND_SIGNALED, rkey);
	return rc;
}

/* ---- connection management ------------------------------------------------------------------ */

static struct shim_id *id_new(struct oracle_rdma *o, const struct rnic_id_cb *cb, void *user)
{
	struct shim_id *id = g_new(struct shim_id, 1);

	*id = (struct shim_id){ o, NULL, cb, user };
	g_ptr_array_add(o->all_ids, id);
	return id;
}

static void id_known(struct shim_id *id, struct rnic_id *in)
{
	id->in = in;
	g_hash_table_insert(id->o->ids, in, id);
}

/* user: the id's, or its listener's until it moves. */
static void on_id(struct rnic_id *in, const struct rnic_cm_event *event, void *user)
{
	GHashTable *ids = ((struct shim_id *)user)->o->ids;
	struct shim_id *self = g_hash_table_lookup(ids, in);
	struct shim_id *id = g_hash_table_lookup(ids, event->id);
	struct rnic_cm_event out = *event;

	if (!id) { /* a request */
		id = id_new(self->o, self->cb, self->user);
		id_known(id, event->id);
	}
	out.id = (struct rnic_id *)id;
	self->cb->event((struct rnic_id *)self, &out, self->user);
}

static const struct rnic_id_cb id_cb = { on_id };

static int id_listen(struct rnic_ctx *rctx, const struct net_addr *addr, int backlog,
		     const struct rnic_id_cb *cb, void *user, struct rnic_id **out)
{
	struct shim_ctx *ctx = (struct shim_ctx *)rctx;
	struct shim_id *id = id_new(ctx->o, cb, user);
	struct rnic_id *in;
	int rc = OPS(ctx)->id_listen(ctx->in, addr, backlog, &id_cb, id, &in);

	if (rc < 0)
		return rc;
	id_known(id, in);
	*out = (struct rnic_id *)id;
	return 0;
}

static int id_resolve(struct rnic_ctx *rctx, const struct net_addr *dst, const struct net_addr *src,
		      unsigned timeout_ms, const struct rnic_id_cb *cb, void *user,
		      struct rnic_id **out)
{
	struct shim_ctx *ctx = (struct shim_ctx *)rctx;
	struct shim_id *id = id_new(ctx->o, cb, user);
	struct rnic_id *in;
	int rc = OPS(ctx)->id_resolve(ctx->in, dst, src, timeout_ms, &id_cb, id, &in);

	if (rc < 0)
		return rc;
	id_known(id, in);
	*out = (struct rnic_id *)id;
	return 0;
}

static void id_move(struct rnic_id *rid, struct rnic_ctx *ctx, const struct rnic_id_cb *cb,
		    void *user)
{
	struct shim_id *id = (struct shim_id *)rid;

	id->cb = cb;
	id->user = user;
	OPS(id)->id_move(id->in, IN(ctx, ctx), &id_cb, id);
}

static struct rnic_device *id_device(const struct rnic_id *rid)
{
	const struct shim_id *id = (const struct shim_id *)rid;

	return dev_out(id->o, OPS(id)->id_device(id->in));
}

static void id_local(const struct rnic_id *rid, struct net_addr *addr)
{
	const struct shim_id *id = (const struct shim_id *)rid;

	OPS(id)->id_local(id->in, addr);
}

static void id_remote(const struct rnic_id *rid, struct net_addr *addr)
{
	const struct shim_id *id = (const struct shim_id *)rid;

	OPS(id)->id_remote(id->in, addr);
}

static int do_connect(struct rnic_id *rid, const struct rdma_conn_param *param)
{
	struct shim_id *id = (struct shim_id *)rid;

	return OPS(id)->connect(id->in, param);
}

static int do_accept(struct rnic_id *rid, const struct rdma_conn_param *param)
{
	struct shim_id *id = (struct shim_id *)rid;

	return OPS(id)->accept(id->in, param);
}

static int do_reject(struct rnic_id *rid, const void *private_data, uint8_t len)
{
	struct shim_id *id = (struct shim_id *)rid;

	return OPS(id)->reject(id->in, private_data, len);
}

static void do_disconnect(struct rnic_id *rid)
{
	struct shim_id *id = (struct shim_id *)rid;

	OPS(id)->disconnect(id->in);
}

static void id_destroy(struct rnic_id *rid)
{
	struct shim_id *id = (struct shim_id *)rid;

	g_hash_table_remove(id->o->ids, id->in);
	OPS(id)->id_destroy(id->in);
}

const struct hw_rnic_ops ledger_ops = {
	.ctx_open = ctx_open,
	.ctx_close = ctx_close,
	.watch = watch,
	.unwatch = unwatch,
	.device_info = device_info,
	.device_port = device_port,
	.device_done = device_done,
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
	.id_listen = id_listen,
	.id_resolve = id_resolve,
	.id_move = id_move,
	.id_device = id_device,
	.id_local = id_local,
	.id_remote = id_remote,
	.connect = do_connect,
	.accept = do_accept,
	.reject = do_reject,
	.disconnect = do_disconnect,
	.id_destroy = id_destroy,
};
