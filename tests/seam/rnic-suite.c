/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conformance of hw/rnic.h: devices, memory, work. Connections are in rnic-cm.c.
 */
#include <errno.h>
#include <string.h>

#include "tests/seam/rnic-peer.h"

static void fill(uint8_t *mem, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		mem[i] = (uint8_t)(i * 7 + i / 251 + seed);
}

/* --- devices -------------------------------------------------------------------------- */

static void test_device(void)
{
	struct rnic_info info;
	struct rnic_port port;
	struct pair p;
	bool found = false;

	pair_up(&p);
	CALL(&p.target, device_info, p.target.dev, &info);
	g_assert_cmpint(info.transport, ==, IBV_TRANSPORT_IB);
	g_assert_cmpuint(strlen(info.name), >, 0);
	g_assert_cmpint(info.attr.phys_port_cnt, >=, 1);
	g_assert_cmpint(info.attr.max_qp_wr, >, 0);
	g_assert_cmpint(info.attr.max_sge, >, 0);
	g_assert_false(CALL(&p.target, device_port, p.target.dev, 0, &port));
	g_assert_false(
		CALL(&p.target, device_port, p.target.dev, info.attr.phys_port_cnt + 1u, &port));
	g_assert_true(CALL(&p.target, device_port, p.target.dev, 1, &port));
	g_assert_cmpint(port.attr.state, ==, IBV_PORT_ACTIVE);
	g_assert_cmpint(port.attr.active_mtu, >=, IBV_MTU_256);
	g_assert_cmpint(port.attr.link_layer, ==, IBV_LINK_LAYER_ETHERNET);
	for (unsigned i = 0; i < port.naddrs; i++)
		found |= net_addr_equal(&port.addrs[i], &p.target.addr);
	g_assert_true(found);
	pair_down(&p);
}

static bool no_async_event(void *arg)
{
	struct side *s = arg;

	return s->async->len == 0;
}

static void expect_async(struct side *s, enum ibv_event_type type)
{
	rig_wait(&s->pair->rig, no_async_event, s);
	g_assert_cmpstr(async_name(g_array_index(s->async, enum ibv_event_type, 0)), ==,
			async_name(type));
	g_array_set_size(s->async, 0);
}

/* What watchers are told of port and addresses; traffic stops and goes on. */
static void test_port(void)
{
	struct net_addr extra;
	struct rnic_port port;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	end_recv(&c.target, 1, 0, 64);
	rnic_backend_port(p.host.rnic, false);
	expect_async(&p.host, IBV_EVENT_PORT_ERR);
	g_assert_true(CALL(&p.host, device_port, p.host.dev, 1, &port));
	g_assert_cmpint(port.attr.state, ==, IBV_PORT_DOWN);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 2, 0, 64, 0, 0), ==, 0);
	backend_run_for(p.rig.b, 20000000);
	side_quiet(&p.target);
	rnic_backend_port(p.host.rnic, true);
	expect_async(&p.host, IBV_EVENT_PORT_ACTIVE);
	side_expect(&p.target, 1, IBV_WC_SUCCESS);
	side_expect(&p.host, 2, IBV_WC_SUCCESS);
	g_assert_true(net_addr_parse(&extra, rnic_backend_foreign(), NULL, NULL));
	rnic_backend_address(p.host.rnic, &extra, true);
	expect_async(&p.host, IBV_EVENT_GID_CHANGE);
	rnic_backend_address(p.host.rnic, &extra, false);
	expect_async(&p.host, IBV_EVENT_GID_CHANGE);
	conn_down(&c);
}

/* --- limits and errors of objects ------------------------------------------------------------ */

static void test_objects(void)
{
	struct ibv_srq_attr attr = { .max_wr = 8, .max_sge = 2 };
	struct rnic_info info;
	struct rnic_srq *srq;
	struct rnic_mr *mr;
	struct rnic_cq *cq;
	struct pair p;
	struct side *s = &p.target;
	uint8_t byte;

	pair_up(&p);
	CALL(s, device_info, s->dev, &info);
	expect_error(CALL(s, pd_dealloc, s->pd), -EBUSY);
	expect_error(CALL(s, mr_reg, s->pd, &byte, 0, 0, IBV_ACCESS_LOCAL_WRITE, &mr), -EINVAL);
	expect_error(CALL(s, mr_reg, s->pd, &byte, 1, 0, IBV_ACCESS_REMOTE_WRITE, &mr), -EINVAL);
	expect_error(CALL(s, cq_create, s->ctx[0], s->dev, (unsigned)info.attr.max_cqe + 1, NULL,
			  NULL, &cq),
		     -EINVAL);
	attr.max_wr = (uint32_t)info.attr.max_srq_wr + 1;
	expect_error(CALL(s, srq_create, s->ctx[0], s->pd, &attr, NULL, NULL, &srq), -EINVAL);
	attr.max_wr = 8;
	g_assert_cmpint(CALL(s, srq_create, s->ctx[0], s->pd, &attr, NULL, NULL, &srq), ==, 0);
	g_assert_cmpuint(attr.max_wr, >=, 8);
	expect_error(CALL(s, srq_arm, srq, attr.max_wr + 1), -EINVAL);
	g_assert_cmpint(CALL(s, srq_destroy, srq), ==, 0);
	pair_down(&p);
}

static void test_busy(void)
{
	struct rnic_info info;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	expect_error(CALL(&p.host, cq_destroy, p.host.cq), -EBUSY);
	/* One queue pair an id; and within the limits. */
	g_assert_cmpint(end_qp(&c.host, NULL, 8), ==, -EINVAL);
	end_clear(&c.host);
	end_init(&c.host, &p.host);
	pair_step(&p);
	g_assert_cmpint(CALL(&p.host, id_resolve, p.host.ctx[0], &c.addr, NULL, 1000, &end_cb,
			     &c.host, &c.host.id),
			==, 0);
	end_event(&c.host, RDMA_CM_EVENT_ROUTE_RESOLVED);
	CALL(&p.host, device_info, p.host.dev, &info);
	expect_error(end_qp(&c.host, NULL, (unsigned)info.attr.max_qp_wr + 1), -EINVAL);
	conn_down(&c);
}

/* --- work ----------------------------------------------------------------------------------------
 */

static void check_same(struct pair *p, uint64_t to, uint64_t from, size_t len)
{
	g_assert_cmpmem(p->target.mem + to, len, p->host.mem + from, len);
}

/* Each kind, of lengths around those of packets. */
static void test_opcodes(void)
{
	static const uint32_t lens[] = { 0, 1, 3, 255, 256, 1024, 4095, 4096, 4097, 65536, 262143 };
	struct ibv_wc wc;
	struct conn c;
	struct pair p;
	uint32_t rkey;

	conn_up(&c, &p);
	rkey = CALL(&p.target, mr_rkey, p.target.mr);
	for (unsigned i = 0; i < G_N_ELEMENTS(lens); i++) {
		fill(p.host.mem, lens[i], i);
		end_recv(&c.target, 1, 0, lens[i]);
		g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 2, 0, lens[i], 0, 0), ==, 0);
		wc = side_wc(&p.target);
		g_assert_cmpuint(wc.wr_id, ==, 1);
		g_assert_cmpint(wc.opcode, ==, IBV_WC_RECV);
		g_assert_cmpuint(wc.byte_len, ==, lens[i]);
		g_assert_cmpuint(wc.qp_num, ==, CALL(&p.target, qp_num, c.target.qp));
		check_same(&p, 0, 0, lens[i]);
		wc = side_wc(&p.host);
		g_assert_cmpint(wc.opcode, ==, IBV_WC_SEND);

		g_assert_cmpint(
			end_send(&c.host, IBV_WR_RDMA_WRITE, 3, 0, lens[i], IOVA + 300001, rkey),
			==, 0);
		side_expect(&p.host, 3, IBV_WC_SUCCESS);
		check_same(&p, 300001, 0, lens[i]);

		fill(p.target.mem + 7, lens[i], i + 100);
		g_assert_cmpint(
			end_send(&c.host, IBV_WR_RDMA_READ, 4, 600000, lens[i], IOVA + 7, rkey), ==,
			0);
		wc = side_wc(&p.host);
		g_assert_cmpint(wc.status, ==, IBV_WC_SUCCESS);
		g_assert_cmpint(wc.opcode, ==, IBV_WC_RDMA_READ);
		check_same(&p, 7, 600000, lens[i]);
	}
	conn_down(&c);
}

static void test_immediate(void)
{
	struct ibv_wc wc;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	end_recv(&c.target, 1, 0, 64);
	end_recv(&c.target, 2, 0, 64);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND_WITH_IMM, 3, 0, 10, 0, 0), ==, 0);
	g_assert_cmpint(end_send(&c.host, IBV_WR_RDMA_WRITE_WITH_IMM, 4, 0, 5000, IOVA + 100,
				 CALL(&p.target, mr_rkey, p.target.mr)),
			==, 0);
	for (uint64_t id = 1; id <= 2; id++) {
		wc = side_wc(&p.target);
		g_assert_cmpuint(wc.wr_id, ==, id);
		g_assert_cmpint(wc.opcode, ==, id == 1 ? IBV_WC_RECV : IBV_WC_RECV_RDMA_WITH_IMM);
		g_assert_cmpuint(wc.wc_flags & IBV_WC_WITH_IMM, !=, 0);
		g_assert_cmphex(be32toh(wc.imm_data), ==, 0x12345678);
		g_assert_cmpuint(wc.byte_len, ==, id == 1 ? 10 : 5000);
	}
	side_expect(&p.host, 3, IBV_WC_SUCCESS);
	side_expect(&p.host, 4, IBV_WC_SUCCESS);
	conn_down(&c);
}

/* UINT64_MAX: it does not count that. */
/* At least so many, if the device counts that. */
static void check_counter(struct side *s, const char *name, uint64_t least)
{
	struct rnic_counter counters[RNIC_COUNTERS];
	unsigned n = CALL(s, device_counters, s->dev, counters);

	g_assert_cmpuint(n, <=, RNIC_COUNTERS);
	for (unsigned i = 0; i < n; i++)
		if (g_str_equal(counters[i].name, name))
			g_assert_cmpuint(counters[i].value, >=, least);
}

static void check_counted(struct pair *p)
{
	check_counter(&p->host, "sent_pkts", 3);
	check_counter(&p->host, "rcvd_pkts", 1);
	check_counter(&p->target, "sent_pkts", 1);
	check_counter(&p->target, "rcvd_pkts", 3);
	check_counter(&p->target, "rcvd_bytes", 9000);
}

/* One chain: unsignaled WRITE of two SGEs, inline SEND; the data is there before the receive. */
static void test_chain(void)
{
	char text[] = "inline";
	struct ibv_sge sges[2], in = { .addr = (uintptr_t)text, .length = sizeof(text) };
	struct ibv_send_wr send = { .wr_id = 6,
				    .sg_list = &in,
				    .num_sge = 1,
				    .opcode = IBV_WR_SEND,
				    .send_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE |
						  IBV_SEND_SOLICITED };
	struct ibv_send_wr write = { .wr_id = 5,
				     .next = &send,
				     .sg_list = sges,
				     .num_sge = 2,
				     .opcode = IBV_WR_RDMA_WRITE },
			   *bad;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	fill(p.host.mem, 9000, 3);
	sges[0] = sge_at(&p.host, 0, 4001);
	sges[1] = sge_at(&p.host, 4001, 4999);
	write.wr.rdma.remote_addr = IOVA + 20000;
	write.wr.rdma.rkey = CALL(&p.target, mr_rkey, p.target.mr);
	end_recv(&c.target, 1, 0, 64);
	g_assert_cmpint(CALL(&p.host, post_send, c.host.qp, &write, &bad), ==, 0);
	memset(text, 'x', sizeof(text)); /* it was copied */
	side_expect(&p.target, 1, IBV_WC_SUCCESS);
	check_same(&p, 20000, 0, 9000);
	g_assert_cmpstr((char *)p.target.mem, ==, "inline");
	side_expect(&p.host, 6, IBV_WC_SUCCESS);
	side_quiet(&p.host);
	check_counted(&p);
	cover("flag", "INLINE");
	cover("flag", "SOLICITED");
	cover("flag", "SIGNALED");
	conn_down(&c);
}

/* A SEND behind READs with a fence does not overtake them. */
static void test_fence(void)
{
	struct ibv_sge sge;
	struct ibv_send_wr send = { .wr_id = 9,
				    .sg_list = &sge,
				    .num_sge = 1,
				    .opcode = IBV_WR_SEND,
				    .send_flags = IBV_SEND_SIGNALED | IBV_SEND_FENCE },
			   *bad;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	fill(p.target.mem + 65536, 65536, 9);
	end_recv(&c.target, 1, 0, 65536);
	for (unsigned i = 0; i < 16; i++)
		g_assert_cmpint(end_send(&c.host, IBV_WR_RDMA_READ, i + 20, 4096 * i, 4096,
					 IOVA + 65536 + 4096 * i,
					 CALL(&p.target, mr_rkey, p.target.mr)),
				==, 0);
	sge = sge_at(&p.host, 0, 65536);
	g_assert_cmpint(CALL(&p.host, post_send, c.host.qp, &send, &bad), ==, 0);
	side_expect(&p.target, 1, IBV_WC_SUCCESS);
	g_assert_cmpmem(p.target.mem, 65536, p.target.mem + 65536, 65536);
	for (unsigned i = 0; i < 16; i++)
		side_expect(&p.host, i + 20, IBV_WC_SUCCESS);
	side_expect(&p.host, 9, IBV_WC_SUCCESS);
	cover("flag", "FENCE");
	conn_down(&c);
}

#define CHAIN 300 /* more than a queue pair for 64 has got room for */

/* What does not fit is named, what was before it is done. A device may have room for more. */
static void test_queue_full(void)
{
	struct ibv_sge sge;
	struct ibv_recv_wr recvs[CHAIN], *bad_recv;
	struct ibv_send_wr sends[CHAIN], *bad;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	sge = sge_at(&p.host, 0, 8);
	for (unsigned i = 0; i < CHAIN; i++) {
		recvs[i] = (struct ibv_recv_wr){ .wr_id = i,
						 .next = i + 1 < CHAIN ? &recvs[i + 1] : NULL };
		sends[i] = (struct ibv_send_wr){ .wr_id = CHAIN + i,
						 .next = i + 1 < CHAIN ? &sends[i + 1] : NULL,
						 .sg_list = &sge,
						 .opcode = IBV_WR_SEND,
						 .send_flags = IBV_SEND_SIGNALED };
	}
	expect_error(CALL(&p.target, post_recv, c.target.qp, recvs, &bad_recv), -ENOMEM);
	g_assert_cmpint(bad_recv - recvs, >=, 64);
	expect_error(CALL(&p.host, post_send, c.host.qp, sends, &bad), -ENOMEM);
	g_assert_cmpint(bad - sends, >=, 64);
	g_assert_cmpint(bad - sends, <=, bad_recv - recvs);
	for (unsigned i = 0; &sends[i] < bad; i++) {
		side_expect(&p.target, i, IBV_WC_SUCCESS);
		side_expect(&p.host, CHAIN + i, IBV_WC_SUCCESS);
	}
	sends[0].num_sge = 5;
	expect_error(CALL(&p.host, post_send, c.host.qp, sends, &bad), -EINVAL);
	g_assert_true(bad == &sends[0]);
	conn_down(&c);
}

/* --- windows
 * --------------------------------------------------------------------------------------- */

static void expect_dead(struct conn *c)
{
	end_async(&c->target, IBV_EVENT_QP_ACCESS_ERR);
	g_assert_cmpint(CALL(c->host.side, qp_state, c->host.qp), ==, IBV_QPS_ERR);
	g_assert_cmpint(CALL(c->target.side, qp_state, c->target.qp), ==, IBV_QPS_ERR);
}

/* The host binds a window; the target writes through it and ends it with its answer. */
static void test_window(void)
{
	struct rnic_mw *mw;
	struct ibv_wc wc;
	struct conn c;
	struct pair p;
	uint32_t old;
	int rc;

	conn_up(&c, &p);
	rc = CALL(&p.host, mw_alloc, p.host.pd, &mw);
	g_assert_cmpint(rc, ==, 0);
	old = CALL(&p.host, mw_rkey, mw);
	g_assert_cmpint(CALL(&p.host, post_bind, c.host.qp, mw, p.host.mr, IOVA + 4096, 8192,
			     IBV_ACCESS_REMOTE_WRITE, 1, IBV_SEND_SIGNALED),
			==, 0);
	cover("opcode", "BIND_MW");
	g_assert_cmphex(CALL(&p.host, mw_rkey, mw), !=, old);
	wc = side_wc(&p.host);
	g_assert_cmpint(wc.status, ==, IBV_WC_SUCCESS);
	g_assert_cmpint(wc.opcode, ==, IBV_WC_BIND_MW);
	expect_error(CALL(&p.host, mr_dereg, p.host.mr), -EBUSY);
	old = CALL(&p.host, mw_rkey, mw);
	fill(p.target.mem, 8192, 1);
	end_recv(&c.host, 2, 0, 64);
	g_assert_cmpint(end_send(&c.target, IBV_WR_RDMA_WRITE, 3, 0, 8192, IOVA + 4096, old), ==,
			0);
	g_assert_cmpint(end_send(&c.target, IBV_WR_SEND_WITH_INV, 4, 0, 16, 0, old), ==, 0);
	wc = side_wc(&p.host);
	g_assert_cmpstr(wc_name(wc.status), ==, "SUCCESS");
	g_assert_cmpuint(wc.wc_flags & IBV_WC_WITH_INV, !=, 0);
	g_assert_cmphex(wc.invalidated_rkey, ==, old);
	check_same(&p, 0, 4096, 8192);
	side_expect(&p.target, 3, IBV_WC_SUCCESS);
	side_expect(&p.target, 4, IBV_WC_SUCCESS);
	/* Bound anew, and ended by its owner. */
	g_assert_cmpint(CALL(&p.host, post_bind, c.host.qp, mw, p.host.mr, IOVA, 64,
			     IBV_ACCESS_REMOTE_WRITE, 5, IBV_SEND_SIGNALED),
			==, 0);
	g_assert_cmpint(CALL(&p.host, post_local_inv, c.host.qp, CALL(&p.host, mw_rkey, mw), 6,
			     IBV_SEND_SIGNALED),
			==, 0);
	cover("opcode", "LOCAL_INV");
	side_expect(&p.host, 5, IBV_WC_SUCCESS);
	side_expect(&p.host, 6, IBV_WC_SUCCESS);
	/* The key that was is nobody's now. */
	g_assert_cmpint(end_send(&c.target, IBV_WR_RDMA_WRITE, 7, 0, 8, IOVA + 4096, old), ==, 0);
	side_expect(&p.target, 7, IBV_WC_REM_ACCESS_ERR);
	end_async(&c.host, IBV_EVENT_QP_ACCESS_ERR);
	CALL(&p.host, mw_dealloc, mw);
	conn_down(&c);
}

/* An invalidation of nothing fails at home. */
static void test_bind_error(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	g_assert_cmpint(CALL(&p.host, post_local_inv, c.host.qp, 0xffffff00, 6, IBV_SEND_SIGNALED),
			==, 0);
	side_expect(&p.host, 6, IBV_WC_MW_BIND_ERR);
	end_async(&c.host, IBV_EVENT_QP_FATAL);
	conn_down(&c);
}

/* --- errors of work
 * ----------------------------------------------------------------------------------- */

/* A key that is none, a range beyond the end, an operation not allowed. */
static void test_remote_access(void)
{
	struct rnic_mr *mr;
	struct conn c;
	struct pair p;

	for (unsigned i = 0; i < 3; i++) {
		conn_up(&c, &p);
		g_assert_cmpint(CALL(&p.target, mr_reg, p.target.pd, p.target.mem, 4096, 0x1000,
				     IBV_ACCESS_REMOTE_READ, &mr),
				==, 0);
		g_assert_cmpint(end_send(&c.host, i < 2 ? IBV_WR_RDMA_READ : IBV_WR_RDMA_WRITE, 1,
					 0, 4096, i == 1 ? 0x1001 : 0x1000,
					 i == 0 ? 0x123456 : CALL(&p.target, mr_rkey, mr)),
				==, 0);
		g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 2, 0, 8, 0, 0), ==, 0);
		side_expect(&p.host, 1, IBV_WC_REM_ACCESS_ERR);
		side_expect(&p.host, 2, IBV_WC_WR_FLUSH_ERR);
		expect_dead(&c);
		g_assert_cmpint(CALL(&p.target, mr_dereg, mr), ==, 0);
		conn_down(&c);
	}
}

/* A receive that is too small: both sides hear of it. */
static void test_too_long(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	end_recv(&c.target, 1, 0, 100);
	end_recv(&c.target, 2, 0, 100);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 3, 0, 101, 0, 0), ==, 0);
	side_expect(&p.target, 1, IBV_WC_LOC_LEN_ERR);
	side_expect(&p.target, 2, IBV_WC_WR_FLUSH_ERR);
	side_expect(&p.host, 3, IBV_WC_REM_INV_REQ_ERR);
	end_async(&c.target, IBV_EVENT_QP_REQ_ERR);
	conn_down(&c);
}

/* Memory of one's own that is not registered. */
static void test_local_protection(void)
{
	struct ibv_sge sge = { .addr = IOVA, .length = 8, .lkey = 0x777700 };
	struct ibv_send_wr wr = { .wr_id = 1,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;
	struct ibv_recv_wr recv = { .wr_id = 2, .sg_list = &sge, .num_sge = 1 }, *bad_recv;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	g_assert_cmpint(CALL(&p.host, post_send, c.host.qp, &wr, &bad), ==, 0);
	side_expect(&p.host, 1, IBV_WC_LOC_PROT_ERR);
	conn_down(&c);
	conn_up(&c, &p);
	g_assert_cmpint(CALL(&p.target, post_recv, c.target.qp, &recv, &bad_recv), ==, 0);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 3, 0, 8, 0, 0), ==, 0);
	side_expect(&p.target, 2, IBV_WC_LOC_PROT_ERR);
	side_expect(&p.host, 3, IBV_WC_REM_OP_ERR);
	conn_down(&c);
}

/* All that is outstanding, in order; and what is posted afterwards. */
static void test_flush(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	for (unsigned i = 0; i < 5; i++)
		end_recv(&c.host, i, 0, 64);
	rnic_backend_port(p.host.rnic, false);
	for (unsigned i = 5; i < 10; i++)
		g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, i, 0, 8, 0, 0), ==, 0);
	CALL(&p.host, qp_error, c.host.qp);
	CALL(&p.host, qp_error, c.host.qp);
	/* Each queue's in order; between the two there is none. */
	for (unsigned recv = 0, send = 5; recv < 5 || send < 10;) {
		struct ibv_wc wc = side_wc(&p.host);

		g_assert_cmpstr(wc_name(wc.status), ==, "WR_FLUSH_ERR");
		g_assert_cmpuint(wc.wr_id, ==, wc.wr_id < 5 ? recv : send);
		recv += wc.wr_id < 5;
		send += wc.wr_id >= 5;
	}
	end_recv(&c.host, 11, 0, 64);
	side_expect(&p.host, 11, IBV_WC_WR_FLUSH_ERR);
	g_assert_cmpint(end_send(&c.host, IBV_WR_RDMA_READ, 12, 0, 8, 0, 0), ==, 0);
	side_expect(&p.host, 12, IBV_WC_WR_FLUSH_ERR);
	conn_down(&c);
}

/* The peer's queue pair has gone without a word: retries are used up. */
static void test_retries(void)
{
	struct net_addr addr;
	struct conn c;
	struct pair p;

	pair_up(&p);
	addr = p.target.addr;
	conn_listen(&c, &p, &addr);
	c.retry = 3;
	conn_open(&c, NULL);
	rnic_backend_port(p.target.rnic, false);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 1, 0, 8, 0, 0), ==, 0);
	side_expect(&p.host, 1, IBV_WC_RETRY_EXC_ERR);
	end_async(&c.host, IBV_EVENT_QP_FATAL);
	conn_down(&c);
}

/* No receive yet: the sender waits; it is posted: all goes on. */
static void test_receiver_not_ready(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 1, 0, 8, 0, 0), ==, 0);
	backend_run_for(p.rig.b, 5000000);
	side_quiet(&p.host);
	end_recv(&c.target, 2, 0, 64);
	side_expect(&p.target, 2, IBV_WC_SUCCESS);
	side_expect(&p.host, 1, IBV_WC_SUCCESS);
	conn_down(&c);
}

/* It waits so often and no more. */
static void test_receiver_never_ready(void)
{
	struct net_addr addr;
	struct conn c;
	struct pair p;

	pair_up(&p);
	addr = p.target.addr;
	conn_listen(&c, &p, &addr);
	c.rnr_retry = 2;
	conn_open(&c, NULL);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 1, 0, 8, 0, 0), ==, 0);
	side_expect(&p.host, 1, IBV_WC_RNR_RETRY_EXC_ERR);
	conn_down(&c);
}

/* --- shared receives
 * -------------------------------------------------------------------------------- */

struct limits {
	int reached;
};

static void srq_event(struct rnic_srq *srq, enum ibv_event_type type, void *user)
{
	struct limits *l = user;

	(void)srq;
	l->reached += type == IBV_EVENT_SRQ_LIMIT_REACHED;
	cover("async", async_name(type));
}

static const struct rnic_srq_cb srq_cb = { srq_event };

static bool no_limit(void *arg)
{
	return ((struct limits *)arg)->reached == 0;
}

static void test_srq(void)
{
	struct ibv_srq_attr attr = { .max_wr = 16, .max_sge = 1 };
	struct ibv_sge sge;
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;
	struct limits limits = { 0 };
	struct net_addr addr;
	struct rnic_srq *srq;
	struct conn c;
	struct pair p;

	pair_up(&p);
	g_assert_cmpint(CALL(&p.target, srq_create, p.target.ctx[0], p.target.pd, &attr, &srq_cb,
			     &limits, &srq),
			==, 0);
	addr = p.target.addr;
	conn_listen(&c, &p, &addr);
	conn_open(&c, srq);
	expect_error(CALL(&p.target, srq_destroy, srq), -EBUSY);
	expect_error(CALL(&p.target, post_recv, c.target.qp, &wr, &bad), -EINVAL);
	sge = sge_at(&p.target, 0, 64);
	for (wr.wr_id = 0; wr.wr_id < 4; wr.wr_id++)
		g_assert_cmpint(CALL(&p.target, srq_post_recv, srq, &wr, &bad), ==, 0);
	g_assert_cmpint(CALL(&p.target, srq_arm, srq, 3), ==, 0);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 10, 0, 8, 0, 0), ==, 0);
	side_expect(&p.target, 0, IBV_WC_SUCCESS);
	side_expect(&p.host, 10, IBV_WC_SUCCESS);
	pair_step(&p);
	g_assert_cmpint(limits.reached, ==, 0);
	for (unsigned i = 1; i < 3; i++) {
		g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 10 + i, 0, 8, 0, 0), ==, 0);
		side_expect(&p.target, i, IBV_WC_SUCCESS);
		side_expect(&p.host, 10 + i, IBV_WC_SUCCESS);
	}
	rig_wait(&p.rig, no_limit, &limits);
	g_assert_cmpint(limits.reached, ==, 1);
	CALL(&p.target, qp_error, c.target.qp);
	end_async(&c.target, IBV_EVENT_QP_LAST_WQE_REACHED);
	end_clear(&c.target);
	end_init(&c.target, &p.target);
	g_assert_cmpint(CALL(&p.target, srq_destroy, srq), ==, 0);
	conn_down(&c);
}

/* --- completion queues
 * --------------------------------------------------------------------------------- */

/* One that was armed wakes its reactor; nobody looks at it while nothing is there. */
static void test_arm(void)
{
	unsigned polls;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	end_recv(&c.target, 1, 0, 64);
	backend_run_for(p.rig.b, 300000000);
	polls = p.target.polls;
	backend_run_for(p.rig.b, 50000000);
	/* Asleep: not one poll after another. */
	g_assert_cmpuint(p.target.polls - polls, <, 1000);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 2, 0, 8, 0, 0), ==, 0);
	side_expect(&p.target, 1, IBV_WC_SUCCESS);
	side_expect(&p.host, 2, IBV_WC_SUCCESS);
	conn_down(&c);
}

static bool no_cq_error(void *arg)
{
	return ((struct side *)arg)->cq_errors == 0;
}

/* A queue that is full is flushed by and by. */
static void post_or_wait(struct end *e)
{
	struct ibv_recv_wr wr = { 0 }, *bad;

	if (CALL(e->side, post_recv, e->qp, &wr, &bad) == -ENOMEM)
		backend_run_for(e->side->pair->rig.b, 1000000);
}

/* Too small, and nobody polls: its queue pairs die, and it is said. */
static void test_overflow(void)
{
	struct net_addr addr;
	struct side *s;
	struct conn c;
	struct pair p;

	pair_up(&p);
	s = &p.host;
	reactor_remove_engine(core_main(p.rig.core), &s->engine);
	addr = p.target.addr;
	conn_listen(&c, &p, &addr);
	conn_open(&c, NULL);
	for (unsigned i = 0; i < 60; i++)
		end_recv(&c.host, i, 0, 8);
	/* 1024 places, or more: filled by flushing what is posted to a dead queue pair. */
	CALL(s, qp_error, c.host.qp);
	for (unsigned i = 0; i < 5000 && no_cq_error(s); i++)
		post_or_wait(&c.host);
	rig_wait(&p.rig, no_cq_error, s);
	g_assert_cmpuint(s->cq_errors, ==, 1);
	end_clear(&c.host);
	end_init(&c.host, s);
	g_assert_cmpint(CALL(s, cq_destroy, s->cq), ==, 0);
	g_assert_cmpint(CALL(s, cq_create, s->ctx[0], s->dev, 16, NULL, NULL, &s->cq), ==, 0);
	reactor_add_engine(core_main(p.rig.core), &s->engine);
	conn_down(&c);
}

/* --- all
 * ------------------------------------------------------------------------------------------------
 */

static void add_tests(void)
{
	g_test_add_func("/rnic/device", test_device);
	g_test_add_func("/rnic/port", test_port);
	g_test_add_func("/rnic/objects", test_objects);
	g_test_add_func("/rnic/busy", test_busy);
	g_test_add_func("/rnic/opcodes", test_opcodes);
	g_test_add_func("/rnic/immediate", test_immediate);
	g_test_add_func("/rnic/chain", test_chain);
	g_test_add_func("/rnic/fence", test_fence);
	g_test_add_func("/rnic/queue-full", test_queue_full);
	g_test_add_func("/rnic/window", test_window);
	g_test_add_func("/rnic/bind-error", test_bind_error);
	g_test_add_func("/rnic/remote-access", test_remote_access);
	g_test_add_func("/rnic/too-long", test_too_long);
	g_test_add_func("/rnic/local-protection", test_local_protection);
	g_test_add_func("/rnic/flush", test_flush);
	g_test_add_func("/rnic/retries", test_retries);
	g_test_add_func("/rnic/receiver-not-ready", test_receiver_not_ready);
	g_test_add_func("/rnic/receiver-never-ready", test_receiver_never_ready);
	g_test_add_func("/rnic/srq", test_srq);
	g_test_add_func("/rnic/arm", test_arm);
	g_test_add_func("/rnic/overflow", test_overflow);
	add_cm_tests();
}

static const char *const slots[] = {
	"ctx_open",    "ctx_close",   "watch",		"unwatch",	 "device_info",
	"device_port", "device_done", "pd_alloc",	"pd_dealloc",	 "mr_reg",
	"mr_dereg",    "mr_lkey",     "mr_rkey",	"mw_alloc",	 "mw_dealloc",
	"mw_rkey",     "cq_create",   "cq_destroy",	"cq_poll",	 "cq_arm",
	"srq_create",  "srq_destroy", "srq_arm",	"srq_post_recv", "qp_create",
	"qp_destroy",  "qp_num",      "qp_state",	"qp_error",	 "post_send",
	"post_recv",   "post_bind",   "post_local_inv", "id_listen",	 "id_resolve",
	"id_move",     "id_device",   "id_local",	"id_remote",	 "connect",
	"accept",      "reject",      "disconnect",	"id_destroy",	 "device_counters",
	NULL
};
static const char *const opcodes[] = { "SEND",	     "SEND_WITH_IMM",	    "SEND_WITH_INV",
				       "RDMA_WRITE", "RDMA_WRITE_WITH_IMM", "RDMA_READ",
				       "BIND_MW",    "LOCAL_INV",	    NULL };
static const char *const flags[] = { "SIGNALED", "INLINE", "FENCE", "SOLICITED", NULL };
static const char *const statuses[] = { "SUCCESS",	     "LOC_LEN_ERR", "LOC_PROT_ERR",
					"WR_FLUSH_ERR",	     "MW_BIND_ERR", "REM_INV_REQ_ERR",
					"REM_ACCESS_ERR",    "REM_OP_ERR",  "RETRY_EXC_ERR",
					"RNR_RETRY_EXC_ERR", NULL };
static const char *const events[] = {
	"ADDR_ERROR",  "ROUTE_RESOLVED", "CONNECT_REQUEST", "UNREACHABLE",   "REJECTED",
	"ESTABLISHED", "DISCONNECTED",	 "DEVICE_REMOVAL",  "TIMEWAIT_EXIT", NULL
};
static const char *const asyncs[] = {
	"CQ_ERR",      "QP_FATAL", "QP_REQ_ERR",	"QP_ACCESS_ERR",       "COMM_EST",
	"PORT_ACTIVE", "PORT_ERR", "SRQ_LIMIT_REACHED", "QP_LAST_WQE_REACHED", "GID_CHANGE",
	NULL
};
static const char *const errors[] = { "ENOMEM",	    "EINVAL",	     "EBUSY",	     "ENODEV",
				      "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", NULL };

int main(int argc, char **argv)
{
	static const struct cover_list lists[] = {
		{ "slot", slots },	{ "opcode", opcodes }, { "flag", flags },
		{ "status", statuses }, { "event", events },   { "async", asyncs },
		{ "error", errors },
	};

	return seam_main(argc, argv, add_tests, lists, G_N_ELEMENTS(lists));
}
