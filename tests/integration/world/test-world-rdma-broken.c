/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs that fail at one call, whichever it is, of the host or of the target: what they
 * were asked for is tried again, all I/O is done, nothing is left.
 */
#include <errno.h>
#include <string.h>

#include "tests/integration/world/rdma.h"
#include "tests/integration/world/workload.h"

#define BLOCKS 4096
#define LIMIT (200 * WORLD_SEC)

/* --- an RNIC in between -------------------------------------------------------------------------
 */

static struct broken {
	struct hw_rnic rnic;
	struct hw_rnic_ops ops;
	struct hw_rnic *real;
	unsigned fail_in; /* that many calls; 0: none */
	const char *failed;
} b;

static bool fails_now(const char *what)
{
	if (b.fail_in == 0 || --b.fail_in > 0)
		return false;
	b.failed = what;
	return true;
}

#define REAL (b.real->ops)

static int ctx_open(struct hw_rnic *rnic, struct reactor *r, struct rnic_ctx **out)
{
	(void)rnic;
	return fails_now("ctx_open") ? -EMFILE : REAL->ctx_open(b.real, r, out);
}

static void watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	(void)rnic;
	REAL->watch(b.real, ctx, w);
}

static void unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	(void)rnic;
	REAL->unwatch(b.real, w);
}

static int pd_alloc(struct rnic_device *dev, struct rnic_pd **out)
{
	return fails_now("pd_alloc") ? -ENOMEM : REAL->pd_alloc(dev, out);
}

static int mr_reg(struct rnic_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		  struct rnic_mr **out)
{
	return fails_now("mr_reg") ? -ENOMEM : REAL->mr_reg(pd, addr, len, iova, access, out);
}

static int mw_alloc(struct rnic_pd *pd, struct rnic_mw **out)
{
	return fails_now("mw_alloc") ? -ENOMEM : REAL->mw_alloc(pd, out);
}

static int cq_create(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
		     const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out)
{
	return fails_now("cq_create") ? -ENOMEM : REAL->cq_create(ctx, dev, cqe, cb, user, out);
}

static int srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		      const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	return fails_now("srq_create") ? -ENOMEM : REAL->srq_create(ctx, pd, attr, cb, user, out);
}

static int srq_post_recv(struct rnic_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return fails_now("srq_post_recv") ? -ENOMEM : REAL->srq_post_recv(srq, wr, bad);
}

static int qp_create(struct rnic_id *id, struct rnic_pd *pd, struct rnic_qp_init *init,
		     struct rnic_qp **out)
{
	return fails_now("qp_create") ? -ENOMEM : REAL->qp_create(id, pd, init, out);
}

static int post_recv(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return fails_now("post_recv") ? -ENOMEM : REAL->post_recv(qp, wr, bad);
}

/* Of a chain the first is taken. */
static int post_send(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	struct ibv_send_wr *next = wr->next;
	int rc;

	if (!fails_now("post_send"))
		return REAL->post_send(qp, wr, bad);
	*bad = wr;
	if (next == NULL)
		return -ENOMEM;
	wr->next = NULL;
	rc = REAL->post_send(qp, wr, bad);
	wr->next = next;
	*bad = rc == 0 ? next : wr;
	return -ENOMEM;
}

static int post_bind(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
		     uint32_t len, int access, uint64_t wr_id, unsigned flags)
{
	return fails_now("post_bind")
		       ? -ENOMEM
		       : REAL->post_bind(qp, mw, mr, iova, len, access, wr_id, flags);
}

static int post_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned flags)
{
	return fails_now("post_local_inv") ? -ENOMEM : REAL->post_local_inv(qp, rkey, wr_id, flags);
}

static int id_resolve(struct rnic_ctx *ctx, const struct net_addr *dst, const struct net_addr *src,
		      unsigned timeout_ms, const struct rnic_id_cb *cb, void *user,
		      struct rnic_id **out)
{
	return fails_now("id_resolve") ? -ENOMEM
				       : REAL->id_resolve(ctx, dst, src, timeout_ms, cb, user, out);
}

static int connect_id(struct rnic_id *id, const struct rdma_conn_param *param)
{
	return fails_now("connect") ? -EINVAL : REAL->connect(id, param);
}

static int accept_id(struct rnic_id *id, const struct rdma_conn_param *param)
{
	return fails_now("accept") ? -EINVAL : REAL->accept(id, param);
}

static void wrap(struct world_node *node, unsigned nth)
{
	struct hw_rnic *real = world_node_hw(node)->rnic;

	b = (struct broken){ .ops = *real->ops, .real = real, .fail_in = nth };
	b.rnic.ops = &b.ops;
	b.ops.ctx_open = ctx_open;
	b.ops.watch = watch;
	b.ops.unwatch = unwatch;
	b.ops.pd_alloc = pd_alloc;
	b.ops.mr_reg = mr_reg;
	b.ops.mw_alloc = mw_alloc;
	b.ops.cq_create = cq_create;
	b.ops.srq_create = srq_create;
	b.ops.srq_post_recv = srq_post_recv;
	b.ops.qp_create = qp_create;
	b.ops.post_recv = post_recv;
	b.ops.post_send = post_send;
	b.ops.post_bind = post_bind;
	b.ops.post_local_inv = post_local_inv;
	b.ops.id_resolve = id_resolve;
	b.ops.connect = connect_id;
	b.ops.accept = accept_id;
	world_rnic_wrap(node, &b.rnic);
}

/* --- each call once
 * ------------------------------------------------------------------------------- */

struct kind {
	const char *name, *transport; /* more options of it */
	bool at_target;
	bool no_send_inv; /* the host invalidates by itself */
};

static const struct kind kinds[] = {
	{ "host", "", false, false },
	{ "host-invalidates", "", false, true },
	{ "target", "", true, false },
	{ "target-no-srq", ",\"no_srq\":true", true, false },
};

/* False: nothing has failed. */
static bool one(const struct kind *kind, unsigned nth)
{
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 24, .depth = 8 };
	struct fx *fx = fx_new(29, 2);
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;
	unsigned tries = 0;

	wp.max_blocks = 256;
	fx_rnic_params(&rnic, 2);
	rnic.no_send_inv = kind->no_send_inv;
	fx_rnic_new(fx->node, &rnic);
	if (kind->at_target)
		wrap(fx->node, 0);
	fx_config_rdma_with(fx, kind->transport);
	fx_rnic_params(&rnic, 1);
	h = fx_rdma_host(fx, &rnic);
	if (!kind->at_target)
		wrap(h->node, 0);
	b.fail_in = nth;
	fx_rdma_params(h, &p, 2);
	p.queue_io = true;
	p.reconnect_delay_ms = 100;
	while (!fx_connect(h, &p)) {
		g_test_message("call %u, %s: %s", nth, b.failed, h->error);
		g_assert_cmpuint(++tries, ==, 1);
		g_assert_nonnull(b.failed);
	}
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], <=, b.failed != NULL);
	fx_free(fx);
	return b.failed != NULL;
}

static void test_each(const void *arg)
{
	const struct kind *kind = arg;
	unsigned n = 0;

	while (one(kind, ++n))
		g_test_message("call %u: %s", n, b.failed);
	g_assert_cmpuint(n, >, 20);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma-broken/%s", kinds[i].name);

		g_test_add_data_func(path, &kinds[i], test_each);
	}
	return g_test_run();
}
