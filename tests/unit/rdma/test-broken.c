/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, when the target's RNIC fails in the middle of things: connections that it
 * would leave without receives end, their hosts come again and are served.
 *
 * The RNIC is the software one, with operations between it and the target that fail as
 * the test says.
 */
#include <errno.h>
#include <string.h>

#include "target/nvmf/rdma.h"
#include "tests/unit/rdma/fails.h"
#include "tests/unit/rdma/fixture.h"

#define DEPTH 32

static struct broken {
	struct hw_rnic_ops below; /* fails.h */
	bool fail_receives;
	unsigned srqs; /* that there are */
	const struct rnic_srq_cb *srq_cb;
	struct rnic_srq *srq;
	void *srq_user;
	bool generous; /* shared queues hold more than was asked for, as of mlx5 */
	bool as_write; /* the next receive was used up by a WRITE with immediate data */
	struct rdma_transport *leave; /* its device is found to go away, as the next asks for it */
} b;

static int srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		      const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	int rc;

	if (b.generous)
		attr->max_wr = 2 * attr->max_wr - 1;
	rc = b.below.srq_create(ctx, pd, attr, cb, user, out);
	if (rc == 0) {
		b.srqs++;
		b.srq_cb = cb;
		b.srq_user = user;
		b.srq = *out;
	}
	return rc;
}

static int srq_destroy(struct rnic_srq *srq)
{
	b.srqs--;
	return b.below.srq_destroy(srq);
}

static int srq_post_recv(struct rnic_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return b.fail_receives ? -ENOMEM : b.below.srq_post_recv(srq, wr, bad);
}

static int post_recv(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	*bad = wr;
	return b.fail_receives ? -ENOMEM : b.below.post_recv(qp, wr, bad);
}

static int cq_poll(struct rnic_cq *cq, int n, struct ibv_wc *wc)
{
	int got = b.below.cq_poll(cq, n, wc);

	for (int i = 0; i < got && b.as_write; i++) {
		if (wc[i].status != IBV_WC_SUCCESS || wc[i].opcode != IBV_WC_RECV)
			continue;
		wc[i].opcode = IBV_WC_RECV_RDMA_WITH_IMM;
		wc[i].wc_flags |= IBV_WC_WITH_IMM;
		b.as_write = false;
	}
	return got;
}

static struct rnic_device *id_device(const struct rnic_id *id)
{
	struct rdma_transport *rt = g_steal_pointer(&b.leave);

	if (rt != NULL)
		rdma_dev_leave(rt->devs, false);
	return b.below.id_device(id);
}

enum { NO_SRQ = 1, NO_BATCHING = 2, NO_INLINE = 4, WAYS = 8 };

static struct rx *new_rx(unsigned way, unsigned nreactors)
{
	struct rx_options o;
	struct rx *rx;

	rx_options_default(&o);
	o.nreactors = nreactors;
	o.transport.no_wr_batching = way & NO_BATCHING;
	if (way & NO_INLINE)
		o.max_inline = 0;
	o.transport.max_srq_depth = 64;
	o.transport.no_srq = way & NO_SRQ;
	rx = rx_new(&o);
	fails_wrap(rx->target_rnic);
	b = (struct broken){ .below = fails.ops };
	fails.ops.srq_create = srq_create;
	fails.ops.srq_destroy = srq_destroy;
	fails.ops.srq_post_recv = srq_post_recv;
	fails.ops.post_recv = post_recv;
	fails.ops.cq_poll = cq_poll;
	fails.ops.id_device = id_device;
	rx->target_rnic->ops = &fails.ops;
	return rx;
}

static void free_rx(struct rx *rx)
{
	rx_free(rx);
	g_assert_cmpuint(b.srqs, ==, 0);
}

static void use(struct rx_queue *q)
{
	/* More than there are receives: they come back. */
	for (unsigned i = 0; i < 200; i++) {
		struct nvme_cmd cmd =
			rx_rw(q->rx, i % 2 ? NVME_CMD_READ : NVME_CMD_WRITE, 1, i, 8, 0);

		g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	}
}

static void expect_refused(struct rx *rx)
{
	struct rx_queue *q = rx_connect(rx, 0, DEPTH);

	g_assert_cmpuint(rx_reject_status(q), ==, NVME_RDMA_NO_RESOURCES);
	rx_queue_free(q);
}

static void expect_new_life(struct rx *rx)
{
	rx_time(rx, UINT64_C(3000000000));
	g_assert_cmpuint(rx_connections(rx), ==, 0);
	rx_open(rx, 0, DEPTH);
	use(rx_open(rx, 1, DEPTH));
}

static void test_receives(gconstpointer no_srq)
{
	struct rx *rx = new_rx(no_srq != NULL ? NO_SRQ : 0, 1);
	struct rx_queue *admin = rx_open(rx, 0, DEPTH), *io = rx_open(rx, 1, DEPTH);
	struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);

	use(io);
	b.fail_receives = true;
	rx_post(io, &cmd, NULL, 0);
	rx_time(rx, UINT64_C(3000000000));
	g_assert_true(io->disconnected);
	if (no_srq == NULL)
		g_assert_true(admin->disconnected);
	expect_refused(rx);
	b.fail_receives = false;
	rx_queue_free(admin);
	rx_queue_free(io);
	expect_new_life(rx);
	free_rx(rx);
}

/* The host's goodbyes are lost: the target's old connections wait for them. */
static bool no_drep(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	/* MAD attribute, behind BTH and DETH. */
	return !(p->bytes[7] == 1 && p->bytes[12 + 8 + 16] == 0 && p->bytes[12 + 8 + 17] == 0x16);
}

static void test_srq_error(void)
{
	struct rx *rx = new_rx(0, 1);
	struct rx_queue *admin = rx_open(rx, 0, DEPTH), *io = rx_open(rx, 1, DEPTH);

	use(io);
	rx->wire->ends[1].pass = no_drep;
	b.srq_cb->event(b.srq, IBV_EVENT_SRQ_ERR, b.srq_user);
	rx_run(rx);
	expect_refused(rx); /* as long as one of the old ones is there */
	rx->wire->ends[1].pass = NULL;
	rx_time(rx, UINT64_C(3000000000));
	g_assert_true(admin->disconnected);
	g_assert_true(io->disconnected);
	g_assert_cmpuint(b.srqs, ==, 0);
	expect_new_life(rx);
	g_assert_cmpuint(b.srqs, ==, 1);
	free_rx(rx);
}

/* The news of both take any time to get to the reactor that is to serve the connection. */
static void test_asked_of_leaving(void)
{
	const struct nvme_rdma_request req = { .hrqsize = DEPTH, .hsqsize = DEPTH - 1 };

	for (unsigned i = 0; i < 3; i++) {
		struct rx *rx = new_rx(0, 3);
		struct rdma_transport *rt = rdma_transport_of(rx->transport);
		struct rx_queue *q;

		rt->next_reactor = i;
		b.leave = rt;
		fake_hw_fail(rx->target_hw, "reactor.messages", i + 1);
		q = rx_connect_raw(rx, &req, sizeof(req), 16);
		g_assert_cmpuint(rx_reject_status(q), ==, NVME_RDMA_NO_RESOURCES);
		rx_time(rx, UINT64_C(3000000000));
		g_assert_cmpuint(rx_connections(rx), ==, 0);
		g_assert_null(rt->devs);
		rx->target_hw->fault_hits = 0;
		free_rx(rx);
	}
}

/* --- what is said of it ------------------------------------------------------------------------
 */

static bool was_said(const struct rx *rx, const char *text)
{
	for (unsigned i = 0; i < rx->target_hw->lines->len; i++) {
		if (strstr(g_ptr_array_index(rx->target_hw->lines, i), text) != NULL)
			return true;
	}
	return false;
}

/* The log says what there is not enough of. */
static void test_lack(void)
{
	static const struct {
		unsigned way;
		const char *call, *text;
	} lacks[] = {
		{ 0, "cq_create", "no further completion queue" },
		{ 0, "qp_create", "no further queue pair" },
		{ 0, "srq_post_recv", "shared receives (max_srq_depth)" },
		{ NO_SRQ, "post_recv", "memory for receives" },
		{ 0, "accept", "could not be accepted" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(lacks); i++) {
		struct rx *rx = new_rx(lacks[i].way, 1);

		log_set_level(rx->core->log, LOG_WARN);
		fails.only = lacks[i].call;
		fails.in = 1;
		expect_refused(rx);
		g_assert_cmpstr(fails.failed, ==, lacks[i].call);
		g_assert_true(was_said(rx, "reason=\"no resources: "));
		g_assert_true(was_said(rx, lacks[i].text));
		free_rx(rx);
	}
}

/* --- each call once --------------------------------------------------------------------------- */

/* Connections, and commands of all kinds, many at a time, until something has failed. */
static void live(struct rx *rx)
{
	static const uint8_t data[4096];
	struct rx_queue *admin = rx_open(rx, 0, DEPTH), *io = NULL;

	if (admin->established && fails.failed == NULL)
		io = rx_open(rx, 1, DEPTH);
	for (unsigned i = 0; io != NULL && io->established && i < 60 && !io->disconnected; i++) {
		struct nvme_cmd cmd = rx_rw(rx, i % 3 ? NVME_CMD_READ : NVME_CMD_WRITE, 1, i, 8, 0);

		if (i % 6 == 3) {
			cmd.opcode = NVME_CMD_WRITE;
			cmd.sgl = (struct nvme_sgl){ .length = sizeof(data),
						     .type = NVME_SGL_OFFSET };
		}
		if (i % 10 == 5) {
			cmd.opcode = NVME_CMD_COMPARE; /* whose other half does not come */
			cmd.flags |= NVME_FUSE_FIRST;
		}
		rx_post(io, &cmd, data, i % 6 == 3 ? sizeof(data) : 0);
		if (i % 7 == 6)
			rx_run(rx);
	}
	rx_run(rx);
}

static void test_each(gconstpointer arg)
{
	unsigned way = GPOINTER_TO_UINT(arg), n = 0;

	do {
		struct rx *rx = new_rx(way, 1);

		rx->lenient = true;
		fails.in = ++n;
		live(rx);
		g_test_message("call %u: %s", n, fails.failed != NULL ? fails.failed : "none");
		rx->lenient = false;
		fails.in = 0;
		while (rx->queues->len > 0)
			rx_queue_free(rx->queues->pdata[0]);
		expect_new_life(rx);
		free_rx(rx);
	} while (fails.failed != NULL);
	g_assert_cmpuint(n, >, 20);
}

/* A command ends the half of a pair before it, whose response ends the connection: and now? */
static void test_fused(void)
{
	struct rx *rx = new_rx(NO_BATCHING, 1);
	struct rx_queue *io;
	struct nvme_cmd cmd;

	rx_open(rx, 0, DEPTH);
	io = rx_open(rx, 1, DEPTH);
	cmd = rx_rw(rx, NVME_CMD_COMPARE, 1, 0, 8, 0);
	cmd.flags |= NVME_FUSE_FIRST;
	rx_post(io, &cmd, NULL, 0);
	rx_run(rx);
	g_assert_null(rx_response(io, cmd.cid));
	fails.in = 1;
	cmd = rx_rw(rx, NVME_CMD_WRITE, 1, 0, 8, 0);
	fake_hw_fail(rx->target_hw, "buf.get", 100);
	rx_post(io, &cmd, NULL, 0);
	rx_run(rx);
	g_assert_cmpstr(fails.failed, ==, "post_send");
	rx->target_hw->fault_hits = 0;
	rx_time(rx, UINT64_C(3000000000));
	g_assert_true(io->disconnected);
	g_assert_cmpuint(rx_connections(rx), ==, 1);
	use(rx_open(rx, 2, DEPTH));
	free_rx(rx);
}

/*
 * What is in the receive is an old capsule, anybody's. (An iWARP host that was asked for data
 * knows a key for that.)
 */
static void test_write_imm(void)
{
	struct rx *rx = new_rx(0, 1);
	struct rx_queue *io, *other;
	struct nvme_cmd cmd;

	rx_open(rx, 0, DEPTH);
	io = rx_open(rx, 1, DEPTH);
	other = rx_open(rx, 2, DEPTH);
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);
	b.as_write = true;
	rx_post(io, &cmd, NULL, 0);
	rx_time(rx, UINT64_C(3000000000));
	g_assert_false(b.as_write);
	g_assert_null(rx_response(io, cmd.cid));
	g_assert_true(io->disconnected);
	use(other);
	free_rx(rx);
}

/* The ends of receives that a completion queue had no room for are never told: they are lost. */
static void test_overruns(void)
{
	struct rx *rx = new_rx(0, 1);

	for (unsigned i = 0; i < 80; i++) {
		struct rx_queue *admin = rx_open(rx, 0, DEPTH), *io = rx_open(rx, 1, DEPTH);
		struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);

		g_test_message("overrun %u", i);
		fake_hw_fail(rx->target_hw, "roce.cq.overrun", 1);
		rx_post(io, &cmd, NULL, 0);
		rx_time(rx, UINT64_C(3000000000));
		g_assert_cmpuint(rx->target_hw->fault_hits, ==, 0);
		g_assert_true(io->disconnected);
		g_assert_cmpuint(rx_connections(rx), ==, 0);
		rx_queue_free(admin);
		rx_queue_free(io);
	}
	expect_new_life(rx);
	free_rx(rx);
}

/* What it gives beyond is not used: memory for it, and room in completion queues, was not meant. */
static void test_generous(void)
{
	struct rx *rx = new_rx(0, 1);

	b.generous = true;
	rx_open(rx, 0, DEPTH);
	g_assert_cmpuint(rdma_transport_of(rx->transport)->pollers[0]->rq.n, ==, 64);
	use(rx_open(rx, 1, DEPTH));
	free_rx(rx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/rdma/broken/receives/srq", NULL, test_receives);
	g_test_add_data_func("/rdma/broken/receives/no-srq", "", test_receives);
	g_test_add_func("/rdma/broken/srq-error", test_srq_error);
	g_test_add_func("/rdma/broken/asked-of-leaving", test_asked_of_leaving);
	g_test_add_func("/rdma/broken/fused", test_fused);
	g_test_add_func("/rdma/broken/lack", test_lack);
	g_test_add_func("/rdma/broken/write-imm", test_write_imm);
	g_test_add_func("/rdma/broken/overruns", test_overruns);
	g_test_add_func("/rdma/broken/generous", test_generous);
	for (unsigned way = 0; way < WAYS; way++) {
		g_autofree char *name = g_strdup_printf("/rdma/broken/each/%u", way);

		g_test_add_data_func(name, GUINT_TO_POINTER(way), test_each);
	}
	return g_test_run();
}
