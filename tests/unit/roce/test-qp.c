/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two software RNICs with a wire between them that loses, doubles and delays packets:
 * what was posted arrives, once, in order, whatever the wire does; and what may not be
 * done is refused with the right error.
 */
#include <errno.h>
#include <string.h>

#include "hw/env.h"
#include "hw/roce/qp.h"
#include "tests/unit/roce/wire.h"

#define MTU 1024
#define AREA 65536
#define FLIGHT 4096

struct flight {
	uint64_t at; /* arrives */
	unsigned to; /* which side */
	struct wire_packet *packet;
};

struct side {
	struct roce_binding binding;
	struct link *link;
	unsigned index;
	struct roce_device *dev;
	struct net_addr addr;
	struct roce_pd *pd;
	struct roce_mr *mr;
	struct roce_mw *mw;
	struct roce_cq *cq;
	struct roce_srq *srq;
	struct roce_qp *qp;
	uint8_t *memory;
	uint64_t iova;
	unsigned events; /* bit a kind */
};

struct link {
	struct side sides[2];
	struct flight flight[FLIGHT];
	unsigned nflight;
	uint64_t now;
	GRand *rand;
	unsigned loss, twice, late; /* of 1000 */
	uint32_t drops;		    /* bit n: packet n of all, from 0 */
	uint8_t timeout;	    /* local ACK timeout, exponent */
	enum ibv_transport_type transport;
	int64_t pinned; /* bytes, of both */
	uint64_t sent;
};

/* --- the link ------------------------------------------------------------------------- */

static void launch(struct link *w, unsigned to, const struct roce_tx *tx, uint64_t delay)
{
	g_assert_cmpuint(w->nflight, <, FLIGHT);
	w->flight[w->nflight++] =
		(struct flight){ .at = w->now + delay, .to = to, .packet = wire_packet_new(tx) };
}

static bool chance(struct link *w, unsigned of_1000)
{
	return (unsigned)g_rand_int_range(w->rand, 0, 1000) < of_1000;
}

static bool link_send(struct roce_binding *binding, unsigned shard, const struct roce_tx *tx)
{
	struct side *s = (struct side *)binding;
	struct link *w = s->link;

	(void)shard;
	if (w->sent++ < 32 && w->drops >> (w->sent - 1) & 1)
		return true;
	if (chance(w, w->loss))
		return true;
	launch(w, !s->index, tx, chance(w, w->late) ? 20000 : 1000);
	if (chance(w, w->twice))
		launch(w, !s->index, tx, 5000);
	return true;
}

static const struct roce_binding_ops link_ops = { .send = link_send,
						  .flush = wire_nothing,
						  .wake = wire_nothing };

static void deliver(struct link *w, unsigned i)
{
	struct side *s = &w->sides[w->flight[i].to];
	struct wire_packet *p = w->flight[i].packet;

	memmove(&w->flight[i], &w->flight[i + 1], (--w->nflight - i) * sizeof(w->flight[0]));
	roce_shard_receive(roce_device_shard(s->dev, 0), &p->from, &p->to, 0, p->bytes, p->len,
			   w->now);
	g_free(p);
}

/* One step: what is due arrives, both sides run, time goes on to the next thing. False: nothing is
 * left. */
static bool step(struct link *w)
{
	uint64_t next = HW_NEVER;

	for (unsigned i = 0; i < w->nflight;) {
		if (w->flight[i].at <= w->now)
			deliver(w, i);
		else
			i++;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct roce_shard *shard = roce_device_shard(w->sides[i].dev, 0);

		while (roce_shard_run(shard, w->now, 64) > 0)
			;
	}
	for (unsigned i = 0; i < w->nflight; i++)
		next = MIN(next, w->flight[i].at);
	for (unsigned i = 0; i < 2; i++)
		next = MIN(next, roce_shard_deadline(roce_device_shard(w->sides[i].dev, 0)));
	if (next == HW_NEVER)
		return false;
	w->now = MAX(w->now, next);
	return true;
}

/* Until nothing happens any more. */
static void settle(struct link *w)
{
	unsigned steps = 0;

	while (step(w))
		g_assert_cmpuint(++steps, <, 1000000);
}

/* --- two sides, connected ----------------------------------------------------------------- */

static void qp_event(struct roce_qp *qp, enum ibv_event_type type, void *user)
{
	struct side *s = user;

	(void)qp;
	s->events |= 1u << type;
}

static const struct hw no_hw;

static int pin(void *user, int64_t bytes)
{
	*(int64_t *)user += bytes;
	return 0;
}

static void side_open(struct link *w, unsigned index, bool srq)
{
	struct side *s = &w->sides[index];
	struct roce_params params = { .name = "soft",
				      .nshards = 1,
				      .mtu = MTU,
				      .max_inline = 256,
				      .seed = index + 1,
				      .hw = &no_hw,
				      .transport = w->transport,
				      .no_send_inv = w->transport == IBV_TRANSPORT_IWARP,
				      .pin = pin,
				      .pin_user = &w->pinned };
	struct roce_qp_init init = { .cap = { .max_send_wr = 64,
					      .max_recv_wr = 64,
					      .max_send_sge = 4,
					      .max_recv_sge = 4,
					      .max_inline_data = 256 },
				     .event = qp_event,
				     .user = s };
	struct ibv_srq_attr attr = { .max_wr = 64, .max_sge = 4 };

	s->binding.ops = &link_ops;
	s->link = w;
	s->index = index;
	s->iova = 0x100000 * (index + 1);
	s->memory = g_malloc0(AREA);
	g_assert_true(net_addr_parse(&s->addr, index ? "192.0.2.2" : "192.0.2.1", "4791", NULL));
	s->dev = roce_device_new(&params, &s->binding, NULL);
	g_assert_cmpint(roce_pd_alloc(s->dev, &s->pd), ==, 0);
	g_assert_cmpint(roce_mr_reg(s->pd, s->memory, AREA, s->iova,
				    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
					    IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_MW_BIND,
				    &s->mr),
			==, 0);
	g_assert_cmpint(roce_mw_alloc(s->pd, &s->mw), ==, 0);
	g_assert_cmpint(roce_cq_create(roce_device_shard(s->dev, 0), 512, NULL, NULL, &s->cq), ==,
			0);
	if (srq)
		g_assert_cmpint(roce_srq_create(roce_device_shard(s->dev, 0), s->pd, &attr, NULL,
						NULL, &s->srq),
				==, 0);
	init.send_cq = init.recv_cq = s->cq;
	init.srq = s->srq;
	g_assert_cmpint(roce_qp_create(roce_device_shard(s->dev, 0), s->pd, &init, &s->qp), ==, 0);
}

static void side_connect(struct side *s, const struct side *peer)
{
	struct roce_rtr rtr = { .local = s->addr,
				.remote = peer->addr,
				.dest_qpn = roce_qp_num(peer->qp),
				.rq_psn = roce_qp_first_psn(s->qp),
				.mtu = MTU,
				.max_dest_rd_atomic = 4,
				.min_rnr_timer = 1,
				.flow_control = true };
	struct roce_rts rts = { .sq_psn = roce_qp_first_psn(peer->qp),
				.timeout = s->link->timeout,
				.retry_count = 7,
				.rnr_retry = 7,
				.max_rd_atomic = 4 };

	g_assert_cmpint(roce_qp_rtr(s->qp, &rtr), ==, 0);
	g_assert_cmpint(roce_qp_rts(s->qp, &rts), ==, 0);
}

static void open_as(struct link *w, uint32_t seed, bool srq, uint8_t timeout,
		    enum ibv_transport_type transport)
{
	*w = (struct link){ .rand = g_rand_new_with_seed(seed),
			    .timeout = timeout,
			    .transport = transport };
	side_open(w, 0, srq);
	side_open(w, 1, srq);
	side_connect(&w->sides[0], &w->sides[1]);
	side_connect(&w->sides[1], &w->sides[0]);
}

static void open_slow(struct link *w, uint32_t seed, bool srq, uint8_t timeout)
{
	open_as(w, seed, srq, timeout, IBV_TRANSPORT_IB);
}

static void open_link(struct link *w, uint32_t seed, bool srq)
{
	open_slow(w, seed, srq, 6);
}

static void close_link(struct link *w)
{
	settle(w);
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &w->sides[i];

		roce_qp_destroy(s->qp);
		if (s->srq)
			g_assert_cmpint(roce_srq_destroy(s->srq), ==, 0);
		g_assert_cmpint(roce_cq_destroy(s->cq), ==, 0);
		roce_mw_dealloc(s->mw);
		g_assert_cmpint(roce_mr_dereg(s->mr), ==, 0);
		g_assert_cmpint(roce_pd_dealloc(s->pd), ==, 0);
		roce_device_free(s->dev);
		g_free(s->memory);
	}
	g_assert_cmpint(w->pinned, ==, 0);
	g_rand_free(w->rand);
}

/* --- posting -------------------------------------------------------------------------------- */

static void receive(struct side *s, uint64_t wr_id, uint32_t at, uint32_t len)
{
	struct ibv_sge sge = { .addr = s->iova + at, .length = len, .lkey = roce_mr_lkey(s->mr) };
	struct ibv_recv_wr wr = { .wr_id = wr_id, .sg_list = &sge, .num_sge = 1 }, *bad;

	if (s->srq)
		g_assert_cmpint(roce_srq_post_recv(s->srq, &wr, &bad), ==, 0);
	else
		g_assert_cmpint(roce_qp_post_recv(s->qp, &wr, &bad), ==, 0);
}

/* remote: offset in the peer's memory. */
static int post(struct side *s, enum ibv_wr_opcode opcode, uint64_t wr_id, uint32_t at,
		uint32_t len, uint32_t remote, uint32_t rkey)
{
	const struct side *peer = &s->link->sides[!s->index];
	struct ibv_sge sge = { .addr = s->iova + at, .length = len, .lkey = roce_mr_lkey(s->mr) };
	struct ibv_send_wr wr = { .wr_id = wr_id,
				  .opcode = opcode,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	if (opcode == IBV_WR_SEND_WITH_INV)
		wr.invalidate_rkey = rkey;
	else if (opcode == IBV_WR_SEND_WITH_IMM)
		wr.imm_data = htobe32(rkey);
	wr.wr.rdma.remote_addr = peer->iova + remote;
	wr.wr.rdma.rkey = rkey;
	return roce_qp_post_send(s->qp, &wr, &bad);
}

static uint32_t peer_rkey(const struct side *s)
{
	return roce_mr_rkey(s->link->sides[!s->index].mr);
}

static struct ibv_wc expect(struct side *s, uint64_t wr_id, enum ibv_wc_status status)
{
	struct ibv_wc wc;

	g_assert_cmpint(roce_cq_poll(s->cq, 1, &wc), ==, 1);
	g_assert_cmpuint(wc.wr_id, ==, wr_id);
	g_assert_cmpint(wc.status, ==, status);
	g_assert_cmpuint(wc.qp_num, ==, roce_qp_num(s->qp));
	return wc;
}

static void expect_nothing(struct side *s)
{
	struct ibv_wc wc;

	g_assert_cmpint(roce_cq_poll(s->cq, 1, &wc), ==, 0);
}

static void fill(uint8_t *to, uint32_t len, unsigned what)
{
	for (uint32_t i = 0; i < len; i++)
		to[i] = (uint8_t)(what * 31 + i * 7 + (i >> 8));
}

/* --- tests -------------------------------------------------------------------------------------
 */

/* Every operation at every interesting length, on a wire without faults. */
static void test_operations(gconstpointer srq)
{
	static const uint32_t lens[] = { 0, 1, 3, 4, MTU - 1, MTU, MTU + 1, 2 * MTU, 5 * MTU + 7 };
	struct link w;

	open_link(&w, 1, GPOINTER_TO_INT(srq));
	for (unsigned i = 0; i < G_N_ELEMENTS(lens); i++) {
		struct side *a = &w.sides[0], *b = &w.sides[1];
		uint32_t len = lens[i];
		struct ibv_wc wc;

		fill(a->memory, len, i);
		receive(b, 7, 8192, 8192);
		g_assert_cmpint(post(a, IBV_WR_SEND, 1, 0, len, 0, 0), ==, 0);
		settle(&w);
		expect(a, 1, IBV_WC_SUCCESS);
		wc = expect(b, 7, IBV_WC_SUCCESS);
		g_assert_cmpuint(wc.byte_len, ==, len);
		g_assert_cmpmem(b->memory + 8192, len, a->memory, len);

		g_assert_cmpint(post(a, IBV_WR_RDMA_WRITE, 2, 0, len, 20000, peer_rkey(a)), ==, 0);
		settle(&w);
		expect(a, 2, IBV_WC_SUCCESS);
		g_assert_cmpmem(b->memory + 20000, len, a->memory, len);

		fill(b->memory + 30000, len, i + 100);
		g_assert_cmpint(post(a, IBV_WR_RDMA_READ, 3, 40000, len, 30000, peer_rkey(a)), ==,
				0);
		settle(&w);
		expect(a, 3, IBV_WC_SUCCESS);
		g_assert_cmpmem(a->memory + 40000, len, b->memory + 30000, len);
		expect_nothing(a);
		expect_nothing(b);
	}
	close_link(&w);
}

/* A window can be used until it is invalidated with the answer, and not after. */
static void test_invalidate(void)
{
	struct link w;
	struct side *a = &w.sides[0], *b = &w.sides[1];
	struct ibv_wc wc;
	uint32_t key;

	open_link(&w, 2, false);
	g_assert_cmpint(roce_qp_post_bind(b->qp, b->mw, b->mr, b->iova + 4096, 4096,
					  IBV_ACCESS_REMOTE_WRITE, 1, IBV_SEND_SIGNALED),
			==, 0);
	settle(&w);
	expect(b, 1, IBV_WC_SUCCESS);
	key = roce_mw_rkey(b->mw);
	g_assert_cmpint(roce_mr_dereg(b->mr), ==, -EBUSY);
	receive(b, 2, 0, 64);
	g_assert_cmpint(post(a, IBV_WR_RDMA_WRITE, 3, 0, 4096, 4096, key), ==, 0);
	g_assert_cmpint(post(a, IBV_WR_SEND_WITH_INV, 4, 0, 16, 0, key), ==, 0);
	settle(&w);
	expect(a, 3, IBV_WC_SUCCESS);
	expect(a, 4, IBV_WC_SUCCESS);
	wc = expect(b, 2, IBV_WC_SUCCESS);
	g_assert_true(wc.wc_flags & IBV_WC_WITH_INV);
	g_assert_cmpuint(wc.invalidated_rkey, ==, key);
	g_assert_cmpint(post(a, IBV_WR_RDMA_WRITE, 5, 0, 16, 4096, key), ==, 0);
	settle(&w);
	expect(a, 5, IBV_WC_REM_ACCESS_ERR);
	g_assert_cmpint(roce_qp_state(b->qp), ==, IBV_QPS_ERR);
	g_assert_true(b->events & 1u << IBV_EVENT_QP_ACCESS_ERR);
	close_link(&w);
}

/* What a peer may not touch: nothing of it changes, and it hears of it. */
static void test_access(gconstpointer arg)
{
	unsigned kind = GPOINTER_TO_UINT(arg);
	struct link w;
	struct side *a = &w.sides[0], *b = &w.sides[1];
	g_autofree uint8_t *before = g_malloc(AREA);

	open_link(&w, 3, false);
	fill(a->memory, 8192, 5);
	memcpy(before, b->memory, AREA);
	switch (kind) {
	case 0: /* beyond the end, by one */
		post(a, IBV_WR_RDMA_WRITE, 1, 0, 4096, AREA - 4095, peer_rkey(a));
		break;
	case 1: /* a key that was never given */
		post(a, IBV_WR_RDMA_WRITE, 1, 0, 4096, 0, peer_rkey(a) + 1);
		break;
	case 2:
		post(a, IBV_WR_RDMA_READ, 1, 0, 4096, AREA - 4095, peer_rkey(a));
		break;
	default: /* before the beginning */
		post(a, IBV_WR_RDMA_WRITE, 1, 0, 16, (uint32_t)-8, peer_rkey(a));
		break;
	}
	settle(&w);
	expect(a, 1, IBV_WC_REM_ACCESS_ERR);
	g_assert_cmpmem(b->memory, AREA, before, AREA);
	close_link(&w);
}

/* A receive that is too short, and memory that is not registered. */
static void test_local_errors(void)
{
	struct link w;
	struct side *a = &w.sides[0], *b = &w.sides[1];

	open_link(&w, 4, false);
	receive(b, 9, 0, 100);
	receive(b, 10, 0, 100);
	post(a, IBV_WR_SEND, 1, 0, 101, 0, 0);
	post(a, IBV_WR_SEND, 2, 0, 50, 0, 0);
	settle(&w);
	expect(a, 1, IBV_WC_REM_INV_REQ_ERR);
	expect(a, 2, IBV_WC_WR_FLUSH_ERR);
	expect(b, 9, IBV_WC_LOC_LEN_ERR);
	expect(b, 10, IBV_WC_WR_FLUSH_ERR);
	g_assert_cmpint(post(a, IBV_WR_SEND, 3, 0, 1, 0, 0), ==, 0);
	expect(a, 3, IBV_WC_WR_FLUSH_ERR);
	close_link(&w);

	open_link(&w, 5, false);
	receive(b, 9, AREA - 10, 100);
	post(a, IBV_WR_SEND, 1, 0, 50, 0, 0);
	settle(&w);
	expect(a, 1, IBV_WC_REM_OP_ERR);
	expect(b, 9, IBV_WC_LOC_PROT_ERR);
	close_link(&w);
}

/* A READ into two pieces; 0 or an errno. */
static int read_apart(struct side *s, uint64_t wr_id)
{
	uint32_t lkey = roce_mr_lkey(s->mr);
	struct ibv_sge sges[] = { { s->iova, 100, lkey }, { s->iova + 4096, 100, lkey } };
	struct ibv_send_wr wr = { .wr_id = wr_id,
				  .opcode = IBV_WR_RDMA_READ,
				  .sg_list = sges,
				  .num_sge = 2,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	wr.wr.rdma.remote_addr = s->link->sides[!s->index].iova;
	wr.wr.rdma.rkey = peer_rkey(s);
	return roce_qp_post_send(s->qp, &wr, &bad);
}

/* What iWARP's verbs refuse, and what ends a connection there. */
static void test_iwarp(void)
{
	struct link w;
	struct side *a = &w.sides[0], *b = &w.sides[1];
	struct roce_mr *mr;

	open_link(&w, 7, false);
	g_assert_cmpint(read_apart(a, 1), ==, 0);
	settle(&w);
	expect(a, 1, IBV_WC_SUCCESS);
	close_link(&w);

	open_as(&w, 8, false, 6, IBV_TRANSPORT_IWARP);
	g_assert_cmpint(read_apart(a, 1), ==, -EINVAL);
	g_assert_cmpint(post(a, IBV_WR_SEND_WITH_IMM, 2, 0, 8, 0, 7), ==, -EINVAL);
	g_assert_cmpint(post(a, IBV_WR_SEND_WITH_INV, 3, 0, 8, 0, 7), ==, -EINVAL);
	g_assert_cmpint(post(a, IBV_WR_RDMA_READ, 4, 0, 4096, 0, peer_rkey(a)), ==, 0);
	settle(&w);
	expect(a, 4, IBV_WC_SUCCESS);
	/* Nobody receives: that is the end. */
	post(a, IBV_WR_SEND, 5, 0, 8, 0, 0);
	settle(&w);
	expect(a, 5, IBV_WC_REM_OP_ERR);
	g_assert_cmpint(roce_qp_state(b->qp), ==, IBV_QPS_ERR);
	close_link(&w);

	/* The answer goes where others must not write. */
	open_as(&w, 9, false, 6, IBV_TRANSPORT_IWARP);
	g_assert_cmpint(roce_mr_dereg(a->mr), ==, 0);
	g_assert_cmpint(roce_mr_reg(a->pd, a->memory, AREA, a->iova, IBV_ACCESS_LOCAL_WRITE, &mr),
			==, 0);
	a->mr = mr;
	post(a, IBV_WR_RDMA_READ, 1, 0, 4096, 0, peer_rkey(a));
	settle(&w);
	expect(a, 1, IBV_WC_LOC_PROT_ERR);
	close_link(&w);
}

/* Nobody receives yet: the sender waits and tries again, until somebody does. */
static void test_rnr(void)
{
	struct link w;
	struct side *a = &w.sides[0], *b = &w.sides[1];

	open_link(&w, 6, true);
	fill(a->memory, 3000, 1);
	post(a, IBV_WR_SEND, 1, 0, 3000, 0, 0);
	for (int i = 0; i < 200; i++)
		step(&w);
	expect_nothing(a);
	g_assert_cmpuint(roce_shard_stats(roce_device_shard(b->dev, 0))->rnr_sent, >, 2);
	receive(b, 5, 8192, 4096);
	settle(&w);
	expect(a, 1, IBV_WC_SUCCESS);
	expect(b, 5, IBV_WC_SUCCESS);
	g_assert_cmpmem(b->memory + 8192, 3000, a->memory, 3000);
	close_link(&w);
}

/* A peer that has gone: the retries are used up, then all is flushed. */
static void test_gone(void)
{
	struct link w;
	struct side *a = &w.sides[0];

	open_link(&w, 7, false);
	w.loss = 1000;
	post(a, IBV_WR_SEND, 1, 0, 3000, 0, 0);
	post(a, IBV_WR_SEND, 2, 0, 10, 0, 0);
	settle(&w);
	expect(a, 1, IBV_WC_RETRY_EXC_ERR);
	expect(a, 2, IBV_WC_WR_FLUSH_ERR);
	g_assert_cmpuint(roce_shard_stats(roce_device_shard(a->dev, 0))->timeouts, ==, 8);
	close_link(&w);
}

#define LINUX_TIMEOUT 19 /* 2.1 s, as Linux's CM asks for */

/* What nothing comes behind of is missed early, whatever long time was agreed on. */
static void test_lost_tail(void)
{
	/* Three packets; the last, the ACK of all, then the first and what it is sent again as. */
	static const struct {
		uint32_t drops;
		unsigned timeouts, naks;
	} cases[] = { { 1u << 2, 1, 0 }, { 1u << 3, 1, 0 }, { 1u << 0 | 1u << 4, 1, 1 } };

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct link w;
		struct side *a = &w.sides[0], *b = &w.sides[1];
		const struct roce_stats *stats;
		struct ibv_wc wc;
		uint64_t ended;

		open_slow(&w, 8, false, LINUX_TIMEOUT);
		w.drops = cases[i].drops;
		stats = roce_shard_stats(roce_device_shard(a->dev, 0));
		fill(a->memory, 3000, 1);
		receive(b, 5, 8192, 4096);
		post(a, IBV_WR_SEND, 1, 0, 3000, 0, 0);
		for (ended = 0; roce_cq_poll(a->cq, 1, &wc) == 0;) {
			ended = w.now;
			g_assert_true(step(&w));
		}
		g_assert_cmpint(wc.status, ==, IBV_WC_SUCCESS);
		expect(b, 5, IBV_WC_SUCCESS);
		g_assert_cmpmem(b->memory + 8192, 3000, a->memory, 3000);
		g_assert_cmpuint(stats->timeouts, ==, cases[i].timeouts);
		g_assert_cmpuint(stats->naks_received, ==, cases[i].naks);
		g_assert_cmpuint(ended, <, 100 * UINT64_C(1000000));
		close_link(&w);
	}
}

/* Early timeouts are no retries: a peer that is away is waited for as long as was agreed on. */
static void test_gone_slow(void)
{
	struct link w;
	struct side *a = &w.sides[0];

	open_slow(&w, 9, false, LINUX_TIMEOUT);
	w.loss = 1000;
	post(a, IBV_WR_SEND, 1, 0, 3000, 0, 0);
	settle(&w);
	expect(a, 1, IBV_WC_RETRY_EXC_ERR);
	g_assert_cmpuint(roce_shard_stats(roce_device_shard(a->dev, 0))->timeouts, ==, 5 + 8);
	g_assert_cmpuint(w.now, >, 8 * (UINT64_C(4096) << LINUX_TIMEOUT));
	close_link(&w);
}

/*
 * Both ways at once, everything mixed, on a wire that loses, doubles and overtakes: each
 * request completes once, in order, and both memories are what they would be without.
 */
static void test_faults(gconstpointer arg)
{
	uint32_t seed = GPOINTER_TO_UINT(arg);
	struct link w;

	open_link(&w, seed, seed % 2);
	w.loss = seed % 5 * 20;
	w.twice = seed % 3 * 20;
	w.late = seed % 4 * 15;
	for (unsigned round = 0; round < 60; round++) {
		unsigned n = (unsigned)g_rand_int_range(w.rand, 1, 16);
		uint8_t what[16];
		uint32_t len[16];

		for (unsigned i = 0; i < n; i++) {
			struct side *a = &w.sides[round % 2], *b = &w.sides[!(round % 2)];

			what[i] = (uint8_t)g_rand_int_range(w.rand, 0, 3);
			len[i] = (uint32_t)g_rand_int_range(w.rand, 0, 4097);
			if (what[i] == 1)
				fill(b->memory + 4096 * i, len[i], round * 16 + i);
			else
				fill(a->memory + 4096 * i, len[i], round * 16 + i);
			if (what[i] == 0)
				receive(b, 100 + i, 4096 * i, 4096);
			post(a,
			     what[i] == 0   ? IBV_WR_SEND
			     : what[i] == 1 ? IBV_WR_RDMA_READ
					    : IBV_WR_RDMA_WRITE,
			     i, 4096 * i, len[i], 4096 * i, peer_rkey(a));
		}
		settle(&w);
		for (unsigned i = 0; i < n; i++) {
			struct side *a = &w.sides[round % 2], *b = &w.sides[!(round % 2)];

			expect(a, i, IBV_WC_SUCCESS);
			if (what[i] == 0)
				g_assert_cmpuint(expect(b, 100 + i, IBV_WC_SUCCESS).byte_len, ==,
						 len[i]);
			g_assert_cmpmem(a->memory + 4096 * i, len[i], b->memory + 4096 * i, len[i]);
		}
		expect_nothing(&w.sides[0]);
		expect_nothing(&w.sides[1]);
	}
	close_link(&w);
}

/*
 * The last two packets of three change places and arrive together: what came too early is
 * asked for at once, not after a timeout, although nothing is missing before it by then.
 */
static void test_overtaken(void)
{
	struct link w;
	struct side *a = &w.sides[0], *b = &w.sides[1];
	struct wire_packet *middle;

	open_slow(&w, 10, false, LINUX_TIMEOUT);
	fill(a->memory, 3000, 1);
	receive(b, 5, 8192, 4096);
	post(a, IBV_WR_SEND, 1, 0, 3000, 0, 0);
	roce_shard_run(roce_device_shard(a->dev, 0), w.now, 64);
	g_assert_cmpuint(w.nflight, ==, 3);
	middle = w.flight[1].packet;
	w.flight[1].packet = w.flight[2].packet;
	w.flight[2].packet = middle;
	settle(&w);
	expect(a, 1, IBV_WC_SUCCESS);
	expect(b, 5, IBV_WC_SUCCESS);
	g_assert_cmpmem(b->memory + 8192, 3000, a->memory, 3000);
	g_assert_cmpuint(roce_shard_stats(roce_device_shard(a->dev, 0))->timeouts, ==, 0);
	close_link(&w);
}

static void bind_or_not(struct side *s, bool bind)
{
	int rc = bind ? roce_qp_post_bind(s->qp, s->mw, s->mr, s->iova, 4096,
					  IBV_ACCESS_REMOTE_WRITE, 9, IBV_SEND_SIGNALED)
		      : roce_qp_post_local_inv(s->qp, roce_mw_rkey(s->mw), 9, IBV_SEND_SIGNALED);

	g_assert_cmpint(rc, ==, 0);
}

/*
 * The CQ overflows with a request that needs nobody's answer, while one acknowledgement
 * ends several: the queue pair is in error, and no timer of it runs on.
 */
static void test_overrun(void)
{
	struct link w;
	struct side *a = &w.sides[0];
	const struct roce_stats *stats;

	open_link(&w, 11, false);
	for (unsigned i = 0; i < 511; i++) {
		post(a, IBV_WR_RDMA_WRITE, i, 0, 16, 0, peer_rkey(a));
		settle(&w);
	}
	w.sent = 0;
	w.drops = 1u << 2; /* the last one */
	post(a, IBV_WR_RDMA_WRITE, 511, 0, 16, 0, peer_rkey(a));
	bind_or_not(a, true);
	post(a, IBV_WR_RDMA_WRITE, 512, 0, 16, 0, peer_rkey(a));
	bind_or_not(a, false);
	post(a, IBV_WR_RDMA_WRITE, 513, 0, 16, 0, peer_rkey(a));
	while (roce_qp_state(a->qp) != IBV_QPS_ERR)
		g_assert_true(step(&w));
	stats = roce_shard_stats(roce_device_shard(a->dev, 0));
	roce_shard_run(roce_device_shard(a->dev, 0), w.now + UINT64_C(1000000000), 64);
	g_assert_cmpuint(stats->timeouts, ==, 0);
	close_link(&w);
}

/* The limit of the rate is lifted just before the next packet might have left: it leaves. */
static void test_rate_lifted(void)
{
	struct link w;
	struct side *a = &w.sides[0];
	struct roce_shard *shard;
	struct roce_dcqcn *cc;
	struct roce_dcqcn before;

	open_slow(&w, 12, false, LINUX_TIMEOUT);
	shard = roce_device_shard(a->dev, 0);
	cc = &a->qp->cc;
	a->dev->params.dcqcn = true;
	roce_dcqcn_cnp(a->qp, w.now);
	g_assert_cmpuint(cc->rate, >, 0);
	/* How long that takes, and then once more up to the last step. */
	for (before = *cc; cc->rate > 0;) {
		before = *cc;
		roce_dcqcn_timer(a->qp, MIN(cc->raise_at, cc->alpha_at));
	}
	*cc = before;
	w.now = cc->raise_at - 40;
	for (unsigned i = 0; i < 8; i++)
		post(a, IBV_WR_RDMA_WRITE, i, 0, 32 * MTU, 0, peer_rkey(a));
	while (roce_shard_run(shard, w.now, 64) > 0)
		;
	/* As many as may be ahead of the rate, at once. */
	g_assert_cmpuint(w.nflight, >, 200);
	g_assert_cmpuint(w.nflight, <, 256);
	cc->next_send = cc->raise_at + 40;
	settle(&w);
	g_assert_cmpuint(cc->rate, ==, 0);
	for (unsigned i = 0; i < 8; i++)
		expect(a, i, IBV_WC_SUCCESS);
	g_assert_cmpuint(roce_shard_stats(shard)->timeouts, ==, 0);
	close_link(&w);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roce/qp/overtaken", test_overtaken);
	g_test_add_func("/roce/qp/overrun", test_overrun);
	g_test_add_func("/roce/qp/rate-lifted", test_rate_lifted);
	g_test_add_data_func("/roce/qp/operations", GINT_TO_POINTER(0), test_operations);
	g_test_add_data_func("/roce/qp/operations-srq", GINT_TO_POINTER(1), test_operations);
	g_test_add_func("/roce/qp/invalidate", test_invalidate);
	for (unsigned i = 0; i < 4; i++) {
		g_autofree char *name = g_strdup_printf("/roce/qp/access/%u", i);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_access);
	}
	g_test_add_func("/roce/qp/local-errors", test_local_errors);
	g_test_add_func("/roce/qp/iwarp", test_iwarp);
	g_test_add_func("/roce/qp/rnr", test_rnr);
	g_test_add_func("/roce/qp/gone", test_gone);
	g_test_add_func("/roce/qp/gone-slow", test_gone_slow);
	g_test_add_func("/roce/qp/lost-tail", test_lost_tail);
	for (unsigned i = 1; i <= 60; i++) {
		g_autofree char *name = g_strdup_printf("/roce/qp/faults/%u", i);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_faults);
	}
	return g_test_run();
}
