/* SPDX-License-Identifier: BSD-3-Clause */
/* See fails.h. */
#include "tests/unit/rdma/fails.h"

#include <errno.h>
#include <string.h>

struct fails fails;

bool fails_now(const char *what)
{
	if (fails.in == 0 || (fails.only != NULL && strcmp(fails.only, what) != 0) ||
	    --fails.in > 0)
		return false;
	fails.failed = what;
	return true;
}

static int ctx_open(struct hw_rnic *rnic, struct reactor *r, struct rnic_ctx **out)
{
	(void)rnic;
	return fails_now("ctx_open") ? -EMFILE : fails.real_ops->ctx_open(fails.real, r, out);
}

static void watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	(void)rnic;
	fails.real_ops->watch(fails.real, ctx, w);
}

static void unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	(void)rnic;
	fails.real_ops->unwatch(fails.real, w);
}

static int pd_alloc(struct rnic_device *dev, struct rnic_pd **out)
{
	return fails_now("pd_alloc") ? -ENOMEM : fails.real_ops->pd_alloc(dev, out);
}

static int mr_reg(struct rnic_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		  struct rnic_mr **out)
{
	return fails_now("mr_reg") ? -ENOMEM
				   : fails.real_ops->mr_reg(pd, addr, len, iova, access, out);
}

static int mw_alloc(struct rnic_pd *pd, struct rnic_mw **out)
{
	return fails_now("mw_alloc") ? -ENOMEM : fails.real_ops->mw_alloc(pd, out);
}

static int cq_create(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
		     const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out)
{
	return fails_now("cq_create") ? -ENOMEM
				      : fails.real_ops->cq_create(ctx, dev, cqe, cb, user, out);
}

static int srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		      const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	return fails_now("srq_create") ? -ENOMEM
				       : fails.real_ops->srq_create(ctx, pd, attr, cb, user, out);
}

static int srq_post_recv(struct rnic_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return fails_now("srq_post_recv") ? -ENOMEM : fails.real_ops->srq_post_recv(srq, wr, bad);
}

static int qp_create(struct rnic_id *id, struct rnic_pd *pd, struct rnic_qp_init *init,
		     struct rnic_qp **out)
{
	return fails_now("qp_create") ? -ENOMEM : fails.real_ops->qp_create(id, pd, init, out);
}

static int post_recv(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return fails_now("post_recv") ? -ENOMEM : fails.real_ops->post_recv(qp, wr, bad);
}

/* Of a chain the first is taken. */
static int post_send(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	struct ibv_send_wr *next = wr->next;
	int rc;

	if (!fails_now("post_send"))
		return fails.real_ops->post_send(qp, wr, bad);
	*bad = wr;
	if (next == NULL)
		return -ENOMEM;
	wr->next = NULL;
	rc = fails.real_ops->post_send(qp, wr, bad);
	wr->next = next;
	*bad = rc == 0 ? next : wr;
	return -ENOMEM;
}

static int post_bind(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
		     uint32_t len, int access, uint64_t wr_id, unsigned flags)
{
	return fails_now("post_bind")
		       ? -ENOMEM
		       : fails.real_ops->post_bind(qp, mw, mr, iova, len, access, wr_id, flags);
}

static int post_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned flags)
{
	return fails_now("post_local_inv") ? -ENOMEM
					   : fails.real_ops->post_local_inv(qp, rkey, wr_id, flags);
}

static int id_resolve(struct rnic_ctx *ctx, const struct net_addr *dst, const struct net_addr *src,
		      unsigned timeout_ms, const struct rnic_id_cb *cb, void *user,
		      struct rnic_id **out)
{
	return fails_now("id_resolve")
		       ? -ENOMEM
		       : fails.real_ops->id_resolve(ctx, dst, src, timeout_ms, cb, user, out);
}

static int connect_id(struct rnic_id *id, const struct rdma_conn_param *param)
{
	return fails_now("connect") ? -EINVAL : fails.real_ops->connect(id, param);
}

static int accept_id(struct rnic_id *id, const struct rdma_conn_param *param)
{
	return fails_now("accept") ? -EINVAL : fails.real_ops->accept(id, param);
}

void fails_wrap(struct hw_rnic *real)
{
	fails = (struct fails){ .ops = *real->ops, .real = real, .real_ops = real->ops };
	fails.outer.ops = &fails.ops;
	fails.ops.ctx_open = ctx_open;
	fails.ops.watch = watch;
	fails.ops.unwatch = unwatch;
	fails.ops.pd_alloc = pd_alloc;
	fails.ops.mr_reg = mr_reg;
	fails.ops.mw_alloc = mw_alloc;
	fails.ops.cq_create = cq_create;
	fails.ops.srq_create = srq_create;
	fails.ops.srq_post_recv = srq_post_recv;
	fails.ops.qp_create = qp_create;
	fails.ops.post_recv = post_recv;
	fails.ops.post_send = post_send;
	fails.ops.post_bind = post_bind;
	fails.ops.post_local_inv = post_local_inv;
	fails.ops.id_resolve = id_resolve;
	fails.ops.connect = connect_id;
	fails.ops.accept = accept_id;
}
