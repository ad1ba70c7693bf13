/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a hostile peer at a live queue pair, among work of its own user. Whatever
 * comes: nothing outside of the memory that the peer may touch changes, every posted
 * request ends once and in order, an error leaves nothing behind.
 *
 * Input: operations, a byte each with its parameters: packets made of a few fields
 * (PSNs near what is expected, keys and ranges near what is allowed), posts, time.
 */
#include <string.h>

#include "fuzz/input.h"
#include "hw/env.h"
#include "hw/roce/roce.h"

#define MTU 256
#define AREA 4096
#define OPEN_AT 1024 /* what the peer may reach of AREA */
#define OPEN_LEN 2048
#define IOVA 0x100000
#define DEPTH 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct ledger {
	uint64_t posted, ended; /* wr_ids count up: so do completions */
};

struct fuzz {
	struct roce_binding binding;
	struct fuzz_input in;
	struct roce_device *dev;
	struct roce_shard *shard;
	struct roce_pd *pd;
	struct roce_mr *own, *open;
	struct roce_mw *mw;
	struct roce_cq *send_cq, *recv_cq;
	struct roce_qp *qp;
	struct net_addr local, remote;
	struct ledger send, recv;
	uint64_t now;
	uint32_t peer_psn, our_psn; /* first ones */
	uint32_t sent;		    /* packets */
	uint8_t memory[AREA];
};

static bool fuzz_send(struct roce_binding *binding, unsigned shard, const struct roce_tx *tx)
{
	struct fuzz *f = (struct fuzz *)binding;
	uint8_t packet[ROCE_PACKET_MAX + ROCE_TX_IOV];
	struct roce_packet p;
	size_t len = 0;

	(void)shard;
	for (unsigned i = 0; i < tx->niov; i++) {
		memcpy(packet + len, tx->iov[i].iov_base, tx->iov[i].iov_len);
		len += tx->iov[i].iov_len;
	}
	g_assert_cmpuint(len, ==, tx->len);
	g_assert_cmpint(roce_packet_parse(&p, packet, len), ==, ROCE_OK);
	return ++f->sent % 7 != 0; /* no room, now and then */
}

static void fuzz_nothing(struct roce_binding *binding, unsigned shard)
{
	(void)binding;
	(void)shard;
}

static const struct roce_binding_ops ops = { .send = fuzz_send,
					     .flush = fuzz_nothing,
					     .wake = fuzz_nothing };

/* --- the device ------------------------------------------------------------------------- */

static void connect_qp(struct fuzz *f)
{
	struct roce_rtr rtr = { .local = f->local,
				.remote = f->remote,
				.dest_qpn = 77,
				.rq_psn = roce_qp_first_psn(f->qp),
				.mtu = MTU,
				.max_dest_rd_atomic = 2,
				.min_rnr_timer = 1,
				.flow_control = true };
	struct roce_rts rts = { .sq_psn = 0xfffff0,
				.timeout = 4,
				.retry_count = 3,
				.rnr_retry = 3,
				.max_rd_atomic = 2 };

	f->peer_psn = rtr.rq_psn;
	f->our_psn = rts.sq_psn;
	g_assert_cmpint(roce_qp_rtr(f->qp, &rtr), ==, 0);
	g_assert_cmpint(roce_qp_rts(f->qp, &rts), ==, 0);
}

static void open_device(struct fuzz *f)
{
	static const struct hw hw;
	struct roce_params params = { .name = "fuzz",
				      .nshards = 1,
				      .mtu = MTU,
				      .attr = { .max_qp = 16 },
				      .max_inline = 64,
				      .dcqcn = true,
				      .seed = 1,
				      .hw = &hw };
	struct roce_qp_init init = { .cap = { .max_send_wr = DEPTH,
					      .max_recv_wr = DEPTH,
					      .max_send_sge = 2,
					      .max_recv_sge = 2,
					      .max_inline_data = 64 } };

	roce_attr_default(&params.attr);
	params.attr.max_qp = 16;
	params.attr.max_mr = params.attr.max_mw = 16;
	f->binding.ops = &ops;
	g_assert_true(net_addr_parse(&f->local, "192.0.2.1", "4791", NULL));
	g_assert_true(net_addr_parse(&f->remote, "192.0.2.2", "4791", NULL));
	f->dev = roce_device_new(&params, &f->binding, NULL);
	f->shard = roce_device_shard(f->dev, 0);
	g_assert_cmpint(roce_pd_alloc(f->dev, &f->pd), ==, 0);
	g_assert_cmpint(roce_mr_reg(f->pd, f->memory, AREA, IOVA,
				    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND, &f->own),
			==, 0);
	g_assert_cmpint(roce_mr_reg(f->pd, f->memory + OPEN_AT, OPEN_LEN, IOVA + OPEN_AT,
				    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
					    IBV_ACCESS_REMOTE_WRITE,
				    &f->open),
			==, 0);
	g_assert_cmpint(roce_mw_alloc(f->pd, &f->mw), ==, 0);
	g_assert_cmpint(roce_cq_create(f->shard, 2 * DEPTH, NULL, NULL, &f->send_cq), ==, 0);
	g_assert_cmpint(roce_cq_create(f->shard, 2 * DEPTH, NULL, NULL, &f->recv_cq), ==, 0);
	init.send_cq = f->send_cq;
	init.recv_cq = f->recv_cq;
	g_assert_cmpint(roce_qp_create(f->shard, f->pd, &init, &f->qp), ==, 0);
	connect_qp(f);
}

/* --- completions ------------------------------------------------------------------------------ */

static void reap(struct roce_cq *cq, struct ledger *ledger)
{
	struct ibv_wc wc;

	while (roce_cq_poll(cq, 1, &wc) == 1) {
		g_assert_cmpuint(wc.wr_id, ==, ledger->ended++);
		g_assert_cmpuint(ledger->ended, <=, ledger->posted);
	}
}

static void run(struct fuzz *f)
{
	for (unsigned i = 0; i < 8 && roce_shard_run(f->shard, f->now, 32) > 0; i++)
		;
	reap(f->send_cq, &f->send);
	reap(f->recv_cq, &f->recv);
}

/* --- what happens -------------------------------------------------------------------------------
 */

static uint64_t some_va(struct fuzz *f)
{
	uint8_t b = fuzz_byte(&f->in);

	return IOVA + OPEN_AT - 64 + (uint64_t)b * 16;
}

static uint32_t some_key(struct fuzz *f)
{
	uint8_t b = fuzz_byte(&f->in);

	switch (b & 3) {
	case 0:
	case 1:
		return roce_mr_rkey(f->open);
	case 2:
		return roce_mw_rkey(f->mw);
	default:
		return roce_mr_rkey(f->own) + (b >> 2);
	}
}

static void packet(struct fuzz *f)
{
	uint8_t payload[1024], bytes[ROCE_PACKET_MAX];
	uint8_t flags = fuzz_byte(&f->in);
	struct roce_packet p = { .opcode = fuzz_byte(&f->in),
				 .pkey = ROCE_PKEY_DEFAULT,
				 .dest_qp = roce_qp_num(f->qp),
				 .ack_request = flags & 1,
				 .becn = flags & 2,
				 .solicited = flags & 4 };
	struct iovec iov = { .iov_base = payload };
	size_t len;

	/* Requests count from the one, answers from the other. */
	p.psn = roce_psn_add(flags & 8 ? f->our_psn : f->peer_psn, fuzz_byte(&f->in) - 16u);
	p.va = some_va(f);
	p.rkey = some_key(f);
	p.dma_len = fuzz_byte(&f->in) * 8u;
	p.msn = fuzz_byte(&f->in);
	p.syndrome = fuzz_byte(&f->in);
	iov.iov_len = flags & 16 ? MTU : fuzz_byte(&f->in) * 4u + (flags >> 5 & 3);
	memset(payload, flags | 0x80, sizeof(payload));
	if (roce_packet_build(&p, &iov, 1, bytes, sizeof(bytes), &len) != ROCE_OK)
		return;
	roce_shard_receive(f->shard, &f->remote, &f->local, flags >> 6, bytes, len, f->now);
}

static void post_send(struct fuzz *f)
{
	static const enum ibv_wr_opcode opcodes[] = { IBV_WR_SEND, IBV_WR_RDMA_WRITE,
						      IBV_WR_RDMA_READ, IBV_WR_SEND_WITH_INV,
						      IBV_WR_RDMA_WRITE_WITH_IMM };
	uint8_t b = fuzz_byte(&f->in);
	struct ibv_sge sge = { .addr = IOVA + fuzz_byte(&f->in) * 16u,
			       .length = fuzz_byte(&f->in) * 4u,
			       .lkey = roce_mr_lkey(f->own) };
	struct ibv_send_wr wr = { .wr_id = f->send.posted,
				  .opcode = opcodes[b % G_N_ELEMENTS(opcodes)],
				  .sg_list = &sge,
				  .num_sge = 1,
				  .send_flags = IBV_SEND_SIGNALED |
						(b & 0x80 ? (unsigned)IBV_SEND_FENCE : 0) },
			   *bad;

	if (roce_qp_post_send(f->qp, &wr, &bad) == 0)
		f->send.posted++;
}

static void post_recv(struct fuzz *f)
{
	struct ibv_sge sge = { .addr = IOVA,
			       .length = fuzz_byte(&f->in) * 4u,
			       .lkey = roce_mr_lkey(f->own) };
	struct ibv_recv_wr wr = { .wr_id = f->recv.posted, .sg_list = &sge, .num_sge = 1 }, *bad;

	if (roce_qp_post_recv(f->qp, &wr, &bad) == 0)
		f->recv.posted++;
}

static void bind_window(struct fuzz *f)
{
	if (roce_qp_post_bind(f->qp, f->mw, f->own, IOVA + OPEN_AT, OPEN_LEN,
			      IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ, f->send.posted,
			      IBV_SEND_SIGNALED) == 0)
		f->send.posted++;
}

static void act(struct fuzz *f)
{
	switch (fuzz_byte(&f->in) % 8) {
	default:
		packet(f);
		return;
	case 3:
		post_send(f);
		return;
	case 4:
		post_recv(f);
		return;
	case 5:
		f->now += (uint64_t)fuzz_byte(&f->in) * 2000;
		run(f);
		return;
	case 6:
		bind_window(f);
		return;
	case 7:
		run(f);
		return;
	}
}

/* Bytes before the open part: receives go to the first 1,020 of them, nothing to the last. */
static void check_memory(const struct fuzz *f)
{
	for (unsigned i = OPEN_AT + OPEN_LEN; i < AREA; i++)
		if (f->send.posted == 0)
			g_assert_cmpuint(f->memory[i], ==, 0);
	for (unsigned i = 1020; i < OPEN_AT; i++)
		if (f->send.posted == 0)
			g_assert_cmpuint(f->memory[i], ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz *f = g_new0(struct fuzz, 1);

	fuzz_abort_on_trap();
	f->in = (struct fuzz_input){ data, len };
	f->now = 1;
	open_device(f);
	while (f->in.len > 0) {
		act(f);
		/* In error what is posted ends at once: the CQs must not run over. */
		reap(f->send_cq, &f->send);
		reap(f->recv_cq, &f->recv);
	}
	run(f);
	check_memory(f);
	roce_qp_error(f->qp);
	run(f);
	g_assert_cmpuint(f->send.ended, ==, f->send.posted);
	g_assert_cmpuint(f->recv.ended, ==, f->recv.posted);
	roce_qp_destroy(f->qp);
	roce_mw_dealloc(f->mw);
	g_assert_cmpint(roce_mr_dereg(f->open), ==, 0);
	g_assert_cmpint(roce_mr_dereg(f->own), ==, 0);
	g_assert_cmpint(roce_cq_destroy(f->send_cq), ==, 0);
	g_assert_cmpint(roce_cq_destroy(f->recv_cq), ==, 0);
	g_assert_cmpint(roce_pd_dealloc(f->pd), ==, 0);
	roce_device_free(f->dev);
	g_free(f);
	return 0;
}
