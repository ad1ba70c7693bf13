/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/seam/rnic-peer.h"

#include <errno.h>
#include <string.h>

/* --- names ---------------------------------------------------------------------------- */

const char *wc_name(enum ibv_wc_status status)
{
	static const char *const names[] = {
		[IBV_WC_SUCCESS] = "SUCCESS",
		[IBV_WC_LOC_LEN_ERR] = "LOC_LEN_ERR",
		[IBV_WC_LOC_QP_OP_ERR] = "LOC_QP_OP_ERR",
		[IBV_WC_BAD_RESP_ERR] = "BAD_RESP_ERR",
		[IBV_WC_LOC_ACCESS_ERR] = "LOC_ACCESS_ERR",
		[IBV_WC_REM_ABORT_ERR] = "REM_ABORT_ERR",
		[IBV_WC_FATAL_ERR] = "FATAL_ERR",
		[IBV_WC_GENERAL_ERR] = "GENERAL_ERR",
		[IBV_WC_LOC_PROT_ERR] = "LOC_PROT_ERR",
		[IBV_WC_WR_FLUSH_ERR] = "WR_FLUSH_ERR",
		[IBV_WC_MW_BIND_ERR] = "MW_BIND_ERR",
		[IBV_WC_REM_INV_REQ_ERR] = "REM_INV_REQ_ERR",
		[IBV_WC_REM_ACCESS_ERR] = "REM_ACCESS_ERR",
		[IBV_WC_REM_OP_ERR] = "REM_OP_ERR",
		[IBV_WC_RETRY_EXC_ERR] = "RETRY_EXC_ERR",
		[IBV_WC_RNR_RETRY_EXC_ERR] = "RNR_RETRY_EXC_ERR",
	};

	return status < G_N_ELEMENTS(names) && names[status] ? names[status] : "?";
}

const char *cm_name(enum rdma_cm_event_type type)
{
	static const char *const names[] = {
		[RDMA_CM_EVENT_ADDR_ERROR] = "ADDR_ERROR",
		[RDMA_CM_EVENT_ROUTE_RESOLVED] = "ROUTE_RESOLVED",
		[RDMA_CM_EVENT_ROUTE_ERROR] = "ROUTE_ERROR",
		[RDMA_CM_EVENT_CONNECT_REQUEST] = "CONNECT_REQUEST",
		[RDMA_CM_EVENT_CONNECT_ERROR] = "CONNECT_ERROR",
		[RDMA_CM_EVENT_UNREACHABLE] = "UNREACHABLE",
		[RDMA_CM_EVENT_REJECTED] = "REJECTED",
		[RDMA_CM_EVENT_ESTABLISHED] = "ESTABLISHED",
		[RDMA_CM_EVENT_DISCONNECTED] = "DISCONNECTED",
		[RDMA_CM_EVENT_DEVICE_REMOVAL] = "DEVICE_REMOVAL",
		[RDMA_CM_EVENT_TIMEWAIT_EXIT] = "TIMEWAIT_EXIT",
	};

	return type < G_N_ELEMENTS(names) && names[type] ? names[type] : "?";
}

const char *async_name(enum ibv_event_type type)
{
	static const char *const names[] = {
		[IBV_EVENT_CQ_ERR] = "CQ_ERR",
		[IBV_EVENT_QP_FATAL] = "QP_FATAL",
		[IBV_EVENT_QP_REQ_ERR] = "QP_REQ_ERR",
		[IBV_EVENT_QP_ACCESS_ERR] = "QP_ACCESS_ERR",
		[IBV_EVENT_COMM_EST] = "COMM_EST",
		[IBV_EVENT_PORT_ACTIVE] = "PORT_ACTIVE",
		[IBV_EVENT_PORT_ERR] = "PORT_ERR",
		[IBV_EVENT_SRQ_LIMIT_REACHED] = "SRQ_LIMIT_REACHED",
		[IBV_EVENT_QP_LAST_WQE_REACHED] = "QP_LAST_WQE_REACHED",
		[IBV_EVENT_GID_CHANGE] = "GID_CHANGE",
	};

	return type < G_N_ELEMENTS(names) && names[type] ? names[type] : "?";
}

/* --- devices -------------------------------------------------------------------------- */

static struct side *side_of(struct rnic_watcher *w)
{
	return (struct side *)((char *)w - offsetof(struct side, watcher));
}

static void added(struct rnic_watcher *w, struct rnic_device *dev)
{
	side_of(w)->dev = dev;
	cover("callback", "added");
}

static void removing(struct rnic_watcher *w, struct rnic_device *dev)
{
	g_assert_true(dev == side_of(w)->dev);
	side_of(w)->removing++;
	cover("callback", "removing");
}

static void device_event(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
			 unsigned port)
{
	struct side *s = side_of(w);

	g_assert_true(dev == s->dev);
	g_assert_cmpuint(port, <=, 1);
	g_array_append_val(s->async, type);
	cover("callback", "event");
	cover("async", async_name(type));
}

static unsigned poll_cq(struct engine *e, unsigned budget)
{
	struct side *s = (struct side *)((char *)e - offsetof(struct side, engine));
	struct ibv_wc wcs[7];
	int n = CALL(s, cq_poll, s->cq, (int)MIN(budget, G_N_ELEMENTS(wcs)), wcs);

	s->polls++;
	g_array_append_vals(s->wcs, wcs, (guint)n);
	return (unsigned)n;
}

static bool arm_cq(struct engine *e)
{
	struct side *s = (struct side *)((char *)e - offsetof(struct side, engine));

	g_assert_cmpint(CALL(s, cq_arm, s->cq), ==, 0);
	return poll_cq(e, 64) == 0;
}

static const struct engine_ops cq_engine = { .name = "cq", .poll = poll_cq, .arm = arm_cq };

static void cq_error(struct rnic_cq *cq, void *user)
{
	struct side *s = user;

	(void)cq;
	s->cq_errors++;
	cover("async", async_name(IBV_EVENT_CQ_ERR));
}

static const struct rnic_cq_cb cq_cb = { cq_error };

static void open_ctx(struct reactor *r, void *arg)
{
	struct side *s = arg;

	g_assert_cmpint(CALL(s, ctx_open, s->rnic, r, &s->ctx[r->index]), ==, 0);
}

static void close_ctx(struct reactor *r, void *arg)
{
	struct side *s = arg;

	CALL(s, ctx_close, s->ctx[r->index]);
}

static bool no_device(void *arg)
{
	return ((struct side *)arg)->dev == NULL;
}

static void side_up(struct side *s, struct pair *p, unsigned which)
{
	*s = (struct side){
		.pair = p,
		.watcher = { .added = added, .removing = removing, .event = device_event },
		.async = g_array_new(false, true, sizeof(enum ibv_event_type)),
		.wcs = g_array_new(false, true, sizeof(struct ibv_wc)),
		.mem = g_aligned_alloc0(1, MEM, 4096),
		.engine = { .ops = &cq_engine, .fd = -1 },
	};
	s->rnic = rnic_backend_new(p->rig.b, which, 2);
	g_assert_true(net_addr_parse(&s->addr, rnic_backend_addr(which), NULL, NULL));
	rig_on(&p->rig, 0, open_ctx, s);
	rig_on(&p->rig, 1, open_ctx, s);
	CALL(s, watch, s->rnic, s->ctx[0], &s->watcher);
	rig_wait(&p->rig, no_device, s);
	g_assert_cmpint(CALL(s, pd_alloc, s->dev, &s->pd), ==, 0);
	g_assert_cmpint(CALL(s, mr_reg, s->pd, s->mem, MEM, IOVA,
			     IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
				     IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_MW_BIND,
			     &s->mr),
			==, 0);
	g_assert_cmpint(CALL(s, cq_create, s->ctx[0], s->dev, 1024, &cq_cb, s, &s->cq), ==, 0);
	reactor_add_engine(core_main(p->rig.core), &s->engine);
}

static void side_down(struct side *s, unsigned which)
{
	struct rig *rig = &s->pair->rig;

	side_quiet(s);
	reactor_remove_engine(core_main(rig->core), &s->engine);
	g_assert_cmpint(CALL(s, cq_destroy, s->cq), ==, 0);
	g_assert_cmpint(CALL(s, mr_dereg, s->mr), ==, 0);
	g_assert_cmpint(CALL(s, pd_dealloc, s->pd), ==, 0);
	CALL(s, unwatch, s->rnic, &s->watcher);
	if (s->removing)
		CALL(s, device_done, s->dev);
	rig_on(rig, 1, close_ctx, s);
	rig_on(rig, 0, close_ctx, s);
	rnic_backend_free(rig->b, which, s->rnic);
	g_array_unref(s->async);
	g_array_unref(s->wcs);
	g_aligned_free(s->mem);
}

void pair_up(struct pair *p)
{
	rig_up(&p->rig);
	side_up(&p->target, p, 0);
	side_up(&p->host, p, 1);
}

void pair_down(struct pair *p)
{
	side_down(&p->host, 1);
	side_down(&p->target, 0);
	rig_down(&p->rig);
}

static void nothing(struct reactor *r, void *arg)
{
	(void)r;
	(void)arg;
}

void pair_step(struct pair *p)
{
	rig_on(&p->rig, 0, nothing, NULL);
}

void expect_error(int rc, int want)
{
	g_assert_cmpint(rc, ==, want);
	cover_error(rc);
	if (rc == -ENODEV)
		cover("error", "ENODEV");
	if (rc == -EBUSY)
		cover("error", "EBUSY");
	if (rc == -EAFNOSUPPORT)
		cover("error", "EAFNOSUPPORT");
}

/* --- completions ------------------------------------------------------------------------- */

static bool no_wc(void *arg)
{
	struct side *s = arg;

	return s->wc_at == s->wcs->len;
}

struct ibv_wc side_wc(struct side *s)
{
	rig_wait(&s->pair->rig, no_wc, s);
	return g_array_index(s->wcs, struct ibv_wc, s->wc_at++);
}

void side_expect(struct side *s, uint64_t wr_id, enum ibv_wc_status status)
{
	struct ibv_wc wc = side_wc(s);

	g_assert_cmpuint(wc.wr_id, ==, wr_id);
	if (rnic_backend_status(status) != status) {
		g_autofree char *why = g_strdup_printf("it is %s with these devices",
						       wc_name(rnic_backend_status(status)));

		cover_skip("status", wc_name(status), why);
	}
	g_assert_cmpstr(wc_name(wc.status), ==, wc_name(rnic_backend_status(status)));
	cover("status", wc_name(wc.status));
}

void side_quiet(struct side *s)
{
	pair_step(s->pair);
	g_assert_cmpuint(s->wc_at, ==, s->wcs->len);
}

struct ibv_sge sge_at(struct side *s, uint64_t offset, uint32_t len)
{
	return (struct ibv_sge){ .addr = IOVA + offset,
				 .length = len,
				 .lkey = CALL(s, mr_lkey, s->mr) };
}

/* --- ends ------------------------------------------------------------------------------------ */

static void on_event(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct end *e = user;
	struct seen seen = { event->type, event->status, event->id, event->param, { 0 } };

	g_assert_true(id == e->id);
	if (event->param.private_data_len > 0)
		memcpy(seen.data, event->param.private_data, event->param.private_data_len);
	g_array_append_val(e->events, seen);
	cover("event", cm_name(event->type));
	if (e->hook)
		e->hook(e, event);
}

const struct rnic_id_cb end_cb = { on_event };

static void on_async(struct rnic_qp *qp, enum ibv_event_type type, void *user)
{
	struct end *e = user;

	g_assert_true(qp == e->qp);
	e->async |= 1u << type;
	cover("async", async_name(type));
}

const struct rnic_qp_cb end_qp_cb = { on_async };

void end_init(struct end *e, struct side *s)
{
	*e = (struct end){ .side = s, .events = g_array_new(false, true, sizeof(struct seen)) };
}

void end_clear(struct end *e)
{
	if (e->qp)
		CALL(e->side, qp_destroy, e->qp);
	if (e->id)
		CALL(e->side, id_destroy, e->id);
	g_clear_pointer(&e->events, g_array_unref);
	e->qp = NULL;
	e->id = NULL;
}

static bool no_event(void *arg)
{
	struct end *e = arg;

	return e->at == e->events->len;
}

enum rdma_cm_event_type end_peek(struct end *e)
{
	rig_wait(&e->side->pair->rig, no_event, e);
	return g_array_index(e->events, struct seen, e->at).type;
}

struct seen *end_event(struct end *e, enum rdma_cm_event_type type)
{
	struct seen *seen;

	rig_wait(&e->side->pair->rig, no_event, e);
	seen = &g_array_index(e->events, struct seen, e->at++);
	g_assert_cmpstr(cm_name(seen->type), ==, cm_name(type));
	return seen;
}

struct async_wait {
	struct end *e;
	unsigned bit;
};

static bool no_async(void *arg)
{
	struct async_wait *w = arg;

	return !(w->e->async & w->bit);
}

void end_async(struct end *e, enum ibv_event_type type)
{
	const char *lacks = rnic_backend_lacks(type);

	if (lacks) {
		cover_skip("async", async_name(type), lacks);
		return;
	}
	rig_wait(&e->side->pair->rig, no_async, &(struct async_wait){ e, 1u << type });
}

int end_qp(struct end *e, struct rnic_srq *srq, unsigned wrs)
{
	struct rnic_qp_init init = {
		.send_cq = e->side->cq,
		.recv_cq = e->side->cq,
		.srq = srq,
		.cap = { .max_send_wr = wrs,
			 .max_recv_wr = srq ? 0 : wrs,
			 .max_send_sge = 4,
			 .max_recv_sge = srq ? 0 : 4,
			 .max_inline_data = 64 },
		.cb = &end_qp_cb,
		.user = e,
	};
	int rc = CALL(e->side, qp_create, e->id, e->side->pd, &init, &e->qp);

	if (rc == 0) {
		g_assert_cmpuint(init.cap.max_send_wr, >=, wrs);
		g_assert_cmpuint(init.cap.max_inline_data, >=, 64);
		g_assert_cmpint(CALL(e->side, qp_state, e->qp), ==, IBV_QPS_INIT);
	}
	return rc;
}

void end_recv(struct end *e, uint64_t wr_id, uint64_t offset, uint32_t len)
{
	struct ibv_sge sge = sge_at(e->side, offset, len);
	struct ibv_recv_wr wr = { .wr_id = wr_id, .sg_list = &sge, .num_sge = 1 }, *bad;

	g_assert_cmpint(CALL(e->side, post_recv, e->qp, &wr, &bad), ==, 0);
}

static const char *const opcode_names[] = {
	[IBV_WR_RDMA_WRITE] = "RDMA_WRITE",
	[IBV_WR_RDMA_WRITE_WITH_IMM] = "RDMA_WRITE_WITH_IMM",
	[IBV_WR_SEND] = "SEND",
	[IBV_WR_SEND_WITH_IMM] = "SEND_WITH_IMM",
	[IBV_WR_RDMA_READ] = "RDMA_READ",
	[IBV_WR_SEND_WITH_INV] = "SEND_WITH_INV",
};

int end_send(struct end *e, enum ibv_wr_opcode opcode, uint64_t wr_id, uint64_t offset,
	     uint32_t len, uint64_t remote, uint32_t rkey)
{
	struct ibv_sge sge = sge_at(e->side, offset, len);
	struct ibv_send_wr wr = { .wr_id = wr_id,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = opcode,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	wr.imm_data = htobe32(0x12345678);
	wr.wr.rdma.remote_addr = remote;
	wr.wr.rdma.rkey = rkey;
	if (opcode == IBV_WR_SEND_WITH_INV)
		wr.invalidate_rkey = rkey;
	cover("opcode", opcode_names[opcode]);
	return CALL(e->side, post_send, e->qp, &wr, &bad);
}

/* --- connections -------------------------------------------------------------------------------
 */

void conn_listen(struct conn *c, struct pair *p, const struct net_addr *addr)
{
	c->pair = p;
	c->retry = 7;
	c->rnr_retry = 7;
	end_init(&c->listener, &p->target);
	end_init(&c->target, &p->target);
	end_init(&c->host, &p->host);
	g_assert_cmpint(CALL(&p->target, id_listen, p->target.ctx[0], addr, 8, &end_cb,
			     &c->listener, &c->listener.id),
			==, 0);
	CALL(&p->target, id_local, c->listener.id, &c->addr);
	g_assert_cmpuint(c->addr.port, !=, 0);
	if (net_addr_is_any(addr))
		memcpy(c->addr.ip, p->target.addr.ip, sizeof(c->addr.ip));
}

void conn_resolve(struct conn *c)
{
	struct side *s = c->host.side;

	pair_step(c->pair);
	g_assert_cmpint(CALL(s, id_resolve, s->ctx[0], &c->addr, NULL, 1000, &end_cb, &c->host,
			     &c->host.id),
			==, 0);
	end_event(&c->host, RDMA_CM_EVENT_ROUTE_RESOLVED);
	g_assert_true(CALL(s, id_device, c->host.id) == s->dev);
	g_assert_cmpint(end_qp(&c->host, NULL, 64), ==, 0);
}

void conn_ask(struct conn *c, const void *data, unsigned len)
{
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = (uint8_t)len,
		.responder_resources = 16,
		.initiator_depth = 8,
		.retry_count = c->retry,
		.rnr_retry_count = 7,
	};

	conn_resolve(c);
	pair_step(c->pair);
	g_assert_cmpint(CALL(c->host.side, connect, c->host.id, &param), ==, 0);
}

void conn_open(struct conn *c, struct rnic_srq *srq)
{
	struct rdma_conn_param param = { .responder_resources = 16,
					 .initiator_depth = 16,
					 .rnr_retry_count = c->rnr_retry };
	struct side *s = &c->pair->target;

	conn_ask(c, NULL, 0);
	c->target.id = end_event(&c->listener, RDMA_CM_EVENT_CONNECT_REQUEST)->id;
	CALL(s, id_move, c->target.id, s->ctx[0], &end_cb, &c->target);
	g_assert_cmpint(end_qp(&c->target, srq, 64), ==, 0);
	pair_step(c->pair);
	g_assert_cmpint(CALL(s, accept, c->target.id, &param), ==, 0);
	end_event(&c->host, RDMA_CM_EVENT_ESTABLISHED);
	end_event(&c->target, RDMA_CM_EVENT_ESTABLISHED);
	g_assert_cmpint(CALL(s, qp_state, c->target.qp), ==, IBV_QPS_RTS);
}

void conn_up(struct conn *c, struct pair *p)
{
	struct net_addr addr;

	pair_up(p);
	addr = p->target.addr;
	conn_listen(c, p, &addr);
	conn_open(c, NULL);
}

void conn_down(struct conn *c)
{
	struct pair *p = c->pair;

	end_clear(&c->host);
	end_clear(&c->target);
	end_clear(&c->listener);
	pair_down(p);
}
