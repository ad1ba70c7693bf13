/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RNICs behind several ledgers as one hw_rnic, as libibverbs has all devices of a
 * machine: calls that name a device, or something on one, go to the ledger of that; an
 * address is the RNIC's that has it. There are no wildcard listeners.
 */
#include <errno.h>

#include "sim/oracle/rdma-ledger-priv.h"

struct joined {
	struct hw_rnic rnic; /* first: the users have its address */
	struct hw_rnic_ops ops;
	struct oracle_rdma *ledgers[ORACLE_RDMA_JOIN_MAX];
	unsigned n;
};

struct joined_ctx {
	const struct joined *j;
	struct rnic_ctx *in[ORACLE_RDMA_JOIN_MAX];
};

/* That of the ledger which an object is of. */
static struct rnic_ctx *ctx_for(struct rnic_ctx *rctx, const void *obj)
{
	const struct joined_ctx *ctx = (struct joined_ctx *)rctx;
	unsigned i = 0;

	while (i + 1 < ctx->j->n && ctx->j->ledgers[i] != ledger_of(obj))
		i++;
	return ctx->in[i];
}

static int ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out)
{
	const struct joined *j = (struct joined *)rnic;
	struct joined_ctx *ctx = g_new0(struct joined_ctx, 1);

	ctx->j = j;
	for (unsigned i = 0; i < j->n; i++) {
		int rc = ledger_ops.ctx_open(&j->ledgers[i]->rnic, reactor, &ctx->in[i]);

		if (rc == 0)
			continue;
		while (i-- > 0)
			ledger_ops.ctx_close(ctx->in[i]);
		g_free(ctx);
		return rc;
	}
	*out = (struct rnic_ctx *)ctx;
	return 0;
}

static void ctx_close(struct rnic_ctx *rctx)
{
	struct joined_ctx *ctx = (struct joined_ctx *)rctx;

	for (unsigned i = ctx->j->n; i-- > 0;)
		ledger_ops.ctx_close(ctx->in[i]);
	g_free(ctx);
}

static void watch(struct hw_rnic *rnic, struct rnic_ctx *rctx, struct rnic_watcher *w)
{
	const struct joined *j = (struct joined *)rnic;

	for (unsigned i = 0; i < j->n; i++)
		ledger_ops.watch(&j->ledgers[i]->rnic, ((struct joined_ctx *)rctx)->in[i], w);
}

static void unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	const struct joined *j = (struct joined *)rnic;

	for (unsigned i = 0; i < j->n; i++)
		ledger_ops.unwatch(&j->ledgers[i]->rnic, w);
}

static int cq_create(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
		     const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out)
{
	return ledger_ops.cq_create(ctx_for(ctx, dev), dev, cqe, cb, user, out);
}

static int srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		      const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	return ledger_ops.srq_create(ctx_for(ctx, pd), pd, attr, cb, user, out);
}

static int id_listen(struct rnic_ctx *rctx, const struct net_addr *addr, int backlog,
		     const struct rnic_id_cb *cb, void *user, struct rnic_id **out)
{
	const struct joined_ctx *ctx = (struct joined_ctx *)rctx;
	int rc = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < ctx->j->n && rc == -EADDRNOTAVAIL && !net_addr_is_any(addr); i++)
		rc = ledger_ops.id_listen(ctx->in[i], addr, backlog, cb, user, out);
	return rc;
}

static int id_resolve(struct rnic_ctx *rctx, const struct net_addr *dst, const struct net_addr *src,
		      unsigned timeout_ms, const struct rnic_id_cb *cb, void *user,
		      struct rnic_id **out)
{
	const struct joined_ctx *ctx = (struct joined_ctx *)rctx;
	int rc = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < ctx->j->n && rc == -EADDRNOTAVAIL; i++)
		rc = ledger_ops.id_resolve(ctx->in[i], dst, src, timeout_ms, cb, user, out);
	return rc;
}

static void id_move(struct rnic_id *id, struct rnic_ctx *ctx, const struct rnic_id_cb *cb,
		    void *user)
{
	ledger_ops.id_move(id, ctx_for(ctx, id), cb, user);
}

struct hw_rnic *oracle_rdma_join(struct oracle_rdma *const *ledgers, unsigned n)
{
	struct joined *j = g_new0(struct joined, 1);

	g_assert(n > 0 && n <= ORACLE_RDMA_JOIN_MAX);
	j->ops = ledger_ops;
	j->ops.ctx_open = ctx_open;
	j->ops.ctx_close = ctx_close;
	j->ops.watch = watch;
	j->ops.unwatch = unwatch;
	j->ops.cq_create = cq_create;
	j->ops.srq_create = srq_create;
	j->ops.id_listen = id_listen;
	j->ops.id_resolve = id_resolve;
	j->ops.id_move = id_move;
	j->rnic.ops = &j->ops;
	j->n = n;
	for (unsigned i = 0; i < n; i++)
		j->ledgers[i] = ledgers[i];
	return &j->rnic;
}

void oracle_rdma_join_free(struct hw_rnic *rnic)
{
	g_free(rnic);
}
