/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, what hosts may do wrong: connect requests, SGLs, capsules, keys. Each gets
 * its own answer, others are not disturbed, nothing is left.
 */
#include <string.h>

#include "target/nvmf/rdma.h"
#include "tests/unit/rdma/fixture.h"

/* --- connect requests ------------------------------------------------------------------- */

struct bad_request {
	struct nvme_rdma_request req;
	uint8_t len;	/* of the private data; 0: all of it */
	uint8_t no_ird; /* the host answers no READs */
	uint16_t status;
};

#define GOOD_SIZES .hrqsize = 32, .hsqsize = 31

static const struct bad_request bad_requests[] = {
	{ { GOOD_SIZES, .recfmt = 1 }, .status = NVME_RDMA_INVALID_RECFMT },
	{ { GOOD_SIZES, .qid = 128 }, .status = NVME_RDMA_INVALID_QID },
	{ { GOOD_SIZES, .qid = 0xffff }, .status = NVME_RDMA_INVALID_QID },
	{ { .hrqsize = 32, .hsqsize = 0 }, .status = NVME_RDMA_INVALID_HSQSIZE },
	{ { .hrqsize = 0, .hsqsize = 31 }, .status = NVME_RDMA_INVALID_HRQSIZE },
	{ { .hrqsize = 1, .hsqsize = 31 }, .status = NVME_RDMA_INVALID_HRQSIZE },
	{ { GOOD_SIZES }, .no_ird = 1, .status = NVME_RDMA_INVALID_IRD },
	{ { GOOD_SIZES, .qid = 1, .cntlid = 999 }, .status = NVME_RDMA_INVALID_CNTLID },
};

static void test_requests(void)
{
	struct rx *rx = rx_new(NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(bad_requests); i++) {
		const struct bad_request *b = &bad_requests[i];
		struct rx_queue *q =
			rx_connect_raw(rx, &b->req, sizeof(b->req), b->no_ird ? 0 : 16);

		g_test_message("request %u", i);
		g_assert_false(q->established);
		g_assert_cmpuint(rx_reject_status(q), ==, b->status);
		rx_queue_free(q);
	}
	g_assert_cmpuint(rx_connections(rx), ==, 0);
	/* Nobody minds: the next one is served. */
	rx_open(rx, 0, 32);
	rx_free(rx);
}

/* The length is the CM's business on the wire (always full): asked directly. */
static void test_private_length(void)
{
	const struct nvme_rdma_request req = { GOOD_SIZES };
	struct rdma_conn_param param = { .private_data = &req, .initiator_depth = 1 };
	struct nvmf_transport_options options;
	struct rdma_ask ask;

	nvmf_transport_options_default(&options);
	for (uint8_t len = 0; len < sizeof(req); len++) {
		param.private_data_len = len;
		g_assert_cmpuint(rdma_private_check(&param, &options, &ask), ==,
				 NVME_RDMA_INVALID_LENGTH);
	}
	param.private_data_len = sizeof(req);
	g_assert_cmpuint(rdma_private_check(&param, &options, &ask), ==, 0);
	g_assert_cmpuint(ask.depth, ==, 32);
	param.private_data = NULL;
	g_assert_cmpuint(rdma_private_check(&param, &options, &ask), ==, NVME_RDMA_INVALID_LENGTH);
}

/* More than we have is not an error: the host is told what it may use. */
static void test_crqsize(void)
{
	const struct nvme_rdma_request req = { .hrqsize = 60000, .hsqsize = 59999 };
	const struct nvme_rdma_request few = { .hrqsize = 20, .hsqsize = 127 };
	struct rx *rx = rx_new(NULL);
	struct nvme_rdma_accept rep;
	struct rx_queue *q = rx_connect_raw(rx, &req, sizeof(req), 16);

	g_assert_true(q->established);
	memcpy(&rep, q->private_data, sizeof(rep));
	g_assert_cmpuint(rep.recfmt, ==, 0);
	g_assert_cmpuint(rep.crqsize, ==, 128);
	q = rx_connect_raw(rx, &few, sizeof(few), 16);
	g_assert_true(q->established);
	memcpy(&rep, q->private_data, sizeof(rep));
	g_assert_cmpuint(rep.crqsize, ==, 20);
	/* Connect is held to it. */
	g_assert_cmphex(rx_nvme_connect(q, 0, 21), ==, NVME_SC_CONNECT_INVALID_PARAM | NVME_DNR);
	g_assert_cmphex(rx_nvme_connect(q, 0, 20), ==, NVME_SUCCESS);
	rx_free(rx);
}

/* Whatever fails on our side: no resources, and the next one is served. */
static void test_no_resources(void)
{
	static const char *const faults[] = { "rdma.request", "rdma.requests", "roce.cq",
					      "roce.srq" };
	struct rx *rx = rx_new(NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
		const struct nvme_rdma_request req = { GOOD_SIZES };
		struct rx_queue *q;

		fake_hw_fail(rx->target_hw, faults[i], 1);
		q = rx_connect_raw(rx, &req, sizeof(req), 16);
		if (rx->target_hw->fault_hits == 0) /* there was one to be made */
			g_assert_cmpuint(rx_reject_status(q), ==, NVME_RDMA_NO_RESOURCES);
		else
			g_assert_true(i > 1 && q->established);
		rx->target_hw->fault_hits = 0;
		rx_queue_free(q);
		rx_time(rx, 2000000000);
		g_assert_cmpuint(rx_connections(rx), ==, 0);
	}
	rx_free(rx);
}

/* --- SGLs ------------------------------------------------------------------------------------- */

struct bad_sgl {
	uint8_t opcode, type;
	uint64_t address;
	uint32_t length; /* of the descriptor in the command */
	uint32_t data;	 /* bytes behind the command */
	uint8_t element; /* type of those */
	uint16_t status;
};

#define LIST (NVME_SGL_LAST_SEGMENT | NVME_SGL_OFFSET)

static const struct bad_sgl bad_sgls[] = {
	{ NVME_CMD_WRITE, NVME_SGL_DATA_BLOCK, 0, 512, 512, 0, NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_BIT_BUCKET, 0, 512, 512, 0, NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_SEGMENT, 0, 16, 16, NVME_SGL_KEYED, NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_LAST_SEGMENT, 0, 16, 16, NVME_SGL_KEYED,
	  NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_TRANSPORT, 0, 512, 0, 0, NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_READ, NVME_SGL_OFFSET, 0, 512, 512, 0, NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_OFFSET, 513, 512, 512, 0, NVME_SC_SGL_OFFSET_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_OFFSET, UINT64_MAX, 512, 512, 0, NVME_SC_SGL_OFFSET_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_OFFSET, 0, 512, 0, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_OFFSET, 16, 512, 512, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_OFFSET, 0, UINT32_MAX, 512, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, LIST, 0, 0, 16, NVME_SGL_KEYED, NVME_SC_INVALID_SGL_SEGMENT },
	{ NVME_CMD_WRITE, LIST, 0, 24, 32, NVME_SGL_KEYED, NVME_SC_INVALID_SGL_SEGMENT },
	{ NVME_CMD_WRITE, LIST, 0, 17 * 16, 17 * 16, NVME_SGL_KEYED, NVME_SC_INVALID_SGL_COUNT },
	{ NVME_CMD_WRITE, LIST, 0, 32, 16, NVME_SGL_KEYED, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, LIST, 17, 16, 16, NVME_SGL_KEYED, NVME_SC_SGL_OFFSET_INVALID },
	{ NVME_CMD_WRITE, LIST, 0, 32, 32, NVME_SGL_OFFSET, NVME_SC_SGL_TYPE_INVALID },
	{ NVME_CMD_READ, LIST, 0, 32, 32, LIST, NVME_SC_SGL_TYPE_INVALID },
	/* 512 bytes are written, or fewer or more are offered. */
	{ NVME_CMD_WRITE, NVME_SGL_KEYED, RX_IOVA, 511, 0, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_KEYED, RX_IOVA, 513, 0, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_KEYED, RX_IOVA, 131073, 0, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_WRITE, NVME_SGL_KEYED, RX_IOVA, 0, 0, 0, NVME_SC_SGL_LENGTH_INVALID },
	{ NVME_CMD_READ, NVME_SGL_KEYED, RX_IOVA, 511, 0, 0, NVME_SC_SGL_LENGTH_INVALID },
};

static uint16_t try_sgl(struct rx_queue *q, const struct bad_sgl *b)
{
	struct nvme_cmd cmd = rx_rw(q->rx, b->opcode, 1, 0, 1, 0);
	struct nvme_sgl list[32] = { 0 };

	for (unsigned i = 0; b->element != 0 && i < b->data / sizeof(list[0]); i++) {
		list[i] = rx_keyed(q->rx, 0, 16);
		list[i].type = b->element;
	}
	if (b->type == NVME_SGL_KEYED) {
		cmd.sgl = rx_keyed(q->rx, 0, b->length);
	} else {
		cmd.sgl = (struct nvme_sgl){ .address = b->address, .length = b->length };
		cmd.sgl.type = b->type;
	}
	return rx_exec(q, &cmd, list, b->data);
}

static void test_sgls(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q;
	struct nvme_cmd cmd;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	for (unsigned i = 0; i < G_N_ELEMENTS(bad_sgls); i++) {
		g_test_message("SGL %u", i);
		g_assert_cmphex(try_sgl(q, &bad_sgls[i]), ==, bad_sgls[i].status | NVME_DNR);
	}
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 1, 0);
	cmd.flags = 0; /* PRPs */
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SC_INVALID_FIELD | NVME_DNR);
	g_assert_cmpint(q->send_error, ==, 0);
	g_assert_false(q->disconnected);
	rx_free(rx);
}

/* --- capsules, keys --------------------------------------------------------------------------- */

static struct rx_queue *one_more(struct rx *rx, uint16_t qid)
{
	struct rx_queue *q = rx_open(rx, qid, 32);

	g_assert_true(q->established);
	return q;
}

/* The queue is over; the other one works. */
static void expect_end(struct rx_queue *q, struct rx_queue *other)
{
	struct nvme_cmd cmd = rx_rw(q->rx, NVME_CMD_READ, 1, 0, 8, 0);

	rx_time(q->rx, 2000000000);
	g_assert_true(q->disconnected || q->send_error != 0);
	g_assert_cmpuint(rx_connections(q->rx), ==, 2);
	g_assert_cmphex(rx_exec(other, &cmd, NULL, 0), ==, NVME_SUCCESS);
	rx_queue_free(q);
}

/* What the target READs never comes. */
static bool no_read_responses(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	return p->bytes[0] < 0x0d || p->bytes[0] > 0x10;
}

static void test_overrun(void)
{
	struct rx *rx = rx_new(NULL);
	struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_WRITE, 1, 0, 8, 0);
	struct rx_queue *other, *q;

	rx_open(rx, 0, 32);
	other = one_more(rx, 1);
	for (unsigned n = 32; n <= 33; n++) {
		q = one_more(rx, 2);
		rx->wire->ends[1].pass = no_read_responses;
		for (unsigned i = 0; i < n; i++)
			rx_post(q, &cmd, NULL, 0);
		rx_run(rx);
		rx->wire->ends[1].pass = NULL;
		if (n == 33) {
			expect_end(q, other);
			break;
		}
		rx_time(rx, 2000000000); /* as many as there are entries: all are served */
		g_assert_cmpuint(q->responses->len, ==, 1 + n);
		rx_queue_free(q);
		rx_time(rx, 2000000000);
	}
	rx_free(rx);
}

static void test_capsules(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *other, *q;
	uint8_t bytes[RX_CAPSULE] = { 0 };

	rx_open(rx, 0, 32);
	other = one_more(rx, 1);
	for (uint32_t len = 0; len < 64; len += 21) { /* shorter than a command */
		q = one_more(rx, 2);
		rx_post_raw(q, bytes, len);
		expect_end(q, other);
	}
	q = one_more(rx, 2); /* longer than a capsule */
	rx_post_raw(q, bytes, 64 + 4096 + 1);
	expect_end(q, other);
	rx_free(rx);
}

static void test_keys(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *other, *q;

	rx_open(rx, 0, 32);
	other = one_more(rx, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct nvme_cmd cmd = rx_rw(rx, i % 2 ? NVME_CMD_READ : NVME_CMD_WRITE, 1, 0, 256,
					    i < 2 ? 0 : RX_AREA - 512);

		if (i < 2)
			cmd.sgl.keyed.key[1] ^= 0x40;
		q = one_more(rx, 2);
		rx_post(q, &cmd, NULL, 0);
		expect_end(q, other);
	}
	rx_free(rx);
}

/* --- other work requests than SEND ------------------------------------------------------------ */

static void post_other(struct rx_queue *q, enum ibv_wr_opcode opcode, uint32_t len, uint64_t addr,
		       uint32_t key)
{
	struct ibv_sge sge = { .addr = q->iova + RX_CAPSULE,
			       .length = len,
			       .lkey = q->rx->rnic->ops->mr_lkey(q->mr) };
	struct ibv_send_wr wr = { .opcode = opcode,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	if (opcode == IBV_WR_SEND_WITH_INV) {
		wr.invalidate_rkey = key;
	} else if (opcode == IBV_WR_SEND_WITH_IMM) {
		wr.imm_data = key;
	} else {
		wr.wr.rdma.remote_addr = addr;
		wr.wr.rdma.rkey = key;
	}
	g_assert_cmpint(q->rx->rnic->ops->post_send(q->qp, &wr, &bad), ==, 0);
	rx_run(q->rx);
}

static uint32_t key_of(const struct rx *rx, const void *ptr, uint64_t *iova)
{
	struct rdma_dev *d = rdma_transport_of(rx->transport)->devs;
	const struct rnic_region *r = rnic_mem_find(&d->mem, 0, ptr, 1);

	*iova = r->iova;
	return r->rkey;
}

/* A host that knows keys and addresses of the target's memory, and means ill. (READs by it were
 * not agreed to.) */
static void test_others(void)
{
	static const struct {
		enum ibv_wr_opcode opcode;
		uint32_t len;
		bool key; /* the right one */
	} others[] = {
		{ IBV_WR_RDMA_WRITE, 64, true },	 { IBV_WR_RDMA_WRITE_WITH_IMM, 64, true },
		{ IBV_WR_RDMA_WRITE_WITH_IMM, 0, true }, { IBV_WR_RDMA_WRITE_WITH_IMM, 0, false },
		{ IBV_WR_SEND_WITH_INV, 64, true },	 { IBV_WR_SEND_WITH_INV, 64, false },
	};
	struct rx *rx = rx_new(NULL);
	struct rx_queue *other, *q;
	const struct rdma_poller *p;
	struct nvme_cmd cmd;
	uint64_t iova;
	uint32_t key;

	rx_open(rx, 0, 32);
	other = one_more(rx, 1);
	p = rdma_transport_of(rx->transport)->pollers[0];
	key = key_of(rx, p->rq.recvs[0].cmd, &iova);
	for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
		g_test_message("work request %u", i);
		q = one_more(rx, 2);
		post_other(q, others[i].opcode, others[i].len, iova,
			   others[i].key ? key : key ^ 0x100);
		expect_end(q, other);
	}
	/* Immediate data is nobody's business: the capsule is as any. */
	q = one_more(rx, 2);
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);
	cmd.cid = 77;
	memcpy(q->memory + RX_CAPSULE, &cmd, sizeof(cmd));
	post_other(q, IBV_WR_SEND_WITH_IMM, sizeof(cmd), 0, 0x12345678);
	g_assert_nonnull(rx_response(q, 77));
	rx_free(rx);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Connected, but nothing is said: not for ever. */
static void test_silent(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q = rx_connect(rx, 0, 32);

	g_assert_cmpuint(rx_connections(rx), ==, 1);
	rx_time(rx, UINT64_C(20000000000));
	g_assert_cmpuint(rx_connections(rx), ==, 0);
	g_assert_true(q->disconnected);
	rx_free(rx);
}

static bool no_rtu(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	/* MAD attribute, behind BTH and DETH. */
	return !(p->bytes[7] == 1 && p->bytes[12 + 8 + 16] == 0 && p->bytes[12 + 8 + 17] == 0x14);
}

/* The RTU is lost: the first capsule establishes the connection, and is answered. */
static void test_early(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q;

	rx->wire->ends[1].pass = no_rtu;
	q = rx_connect(rx, 0, 32);
	g_assert_true(q->established);
	g_assert_cmphex(rx_nvme_connect(q, 0, 32), ==, NVME_SUCCESS);
	rx->wire->ends[1].pass = NULL;
	rx_free(rx);
}

/* No capsule either: it never was. */
static void test_never_established(void)
{
	struct rx *rx = rx_new(NULL);

	rx->wire->ends[1].pass = no_rtu;
	rx_connect(rx, 0, 32);
	rx->wire->ends[1].cut = true;
	rx_time(rx, UINT64_C(120000000000));
	g_assert_cmpuint(rx_connections(rx), ==, 0);
	rx_free(rx);
}

/* --- the end, with I/O under way -------------------------------------------------------------- */

static void fill_queue(struct rx_queue *q)
{
	for (unsigned i = 0; i < 31; i++) {
		struct nvme_cmd cmd =
			rx_rw(q->rx, i % 2 ? NVME_CMD_READ : NVME_CMD_WRITE, 1, i * 8, 256, 0);

		rx_post(q, &cmd, NULL, 0);
	}
}

/* Passes of the target, so that it is somewhere in the middle. */
static void some_passes(struct rx *rx, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < rx->core->nreactors; k++)
			reactor_pass(rx->core->reactors[k]);
		reactor_pass(core_main(rx->host));
	}
}

enum ending { END_DISCONNECT, END_DESTROY, END_SILENCE, END_REMOVAL, END_SHUTDOWN, ENDS };

static void end_it(struct rx *rx, struct rx_queue *q, enum ending how)
{
	switch (how) {
	case END_DISCONNECT:
		rx->rnic->ops->disconnect(q->id);
		break;
	case END_DESTROY:
		rx_queue_free(q);
		break;
	case END_SILENCE:
		rx->wire->ends[1].cut = true;
		break;
	case END_REMOVAL:
		roce_soft_remove(rx->target_rnic);
		break;
	default:
		break;
	}
}

static void test_end(gconstpointer arg)
{
	enum ending how = GPOINTER_TO_INT(arg) % ENDS;
	struct rx_options o;

	rx_options_default(&o);
	o.nreactors = 2;
	o.transport.no_srq = GPOINTER_TO_INT(arg) >= ENDS;
	for (unsigned passes = 0; passes < 40; passes++) {
		struct rx *rx = rx_new(&o);
		struct rx_queue *q;

		rx_open(rx, 0, 32);
		q = rx_open(rx, 1, 32);
		fill_queue(q);
		some_passes(rx, passes);
		end_it(rx, q, how);
		if (how != END_SHUTDOWN) {
			rx_time(rx, UINT64_C(5000000000));
			if (how == END_REMOVAL)
				g_assert_cmpuint(rx_connections(rx), ==, 0);
			else if (how != END_SILENCE) /* only keep-alive would notice that */
				g_assert_cmpuint(rx_connections(rx), ==, 1);
		}
		rx_free(rx);
	}
}

int main(int argc, char **argv)
{
	static const char *const names[ENDS] = { "disconnect", "destroy", "silence", "removal",
						 "shutdown" };

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rdma/hostile/requests", test_requests);
	g_test_add_func("/rdma/hostile/private-length", test_private_length);
	g_test_add_func("/rdma/hostile/crqsize", test_crqsize);
	g_test_add_func("/rdma/hostile/no-resources", test_no_resources);
	g_test_add_func("/rdma/hostile/sgls", test_sgls);
	g_test_add_func("/rdma/hostile/capsules", test_capsules);
	g_test_add_func("/rdma/hostile/overrun", test_overrun);
	g_test_add_func("/rdma/hostile/keys", test_keys);
	g_test_add_func("/rdma/hostile/others", test_others);
	g_test_add_func("/rdma/hostile/silent", test_silent);
	g_test_add_func("/rdma/hostile/early", test_early);
	g_test_add_func("/rdma/hostile/never-established", test_never_established);
	for (int i = 0; i < 2 * ENDS; i++) {
		g_autofree char *name = g_strdup_printf("/rdma/hostile/end/%s%s", names[i % ENDS],
							i < ENDS ? "" : "-no-srq");

		g_test_add_data_func(name, GINT_TO_POINTER(i), test_end);
	}
	return g_test_run();
}
