/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, what works: queues are connected, commands with their data in every form
 * that there is go through, on devices rich and poor.
 */
#include <string.h>

#include "tests/unit/rdma/fixture.h"

#define PIECE 131072u

/* Writes blocks with that SGL form, reads them back, compares. */
static void write_and_read(struct rx_queue *q, uint64_t lba, uint32_t blocks, unsigned what)
{
	struct rx *rx = q->rx;
	struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_WRITE, 1, lba, blocks, 0);

	rx_fill(rx->area, blocks * 512, what);
	memset(rx->area + PIECE, 0xee, blocks * 512);
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	cmd = rx_rw(rx, NVME_CMD_READ, 1, lba, blocks, PIECE);
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	g_assert_cmpmem(rx->area + PIECE, blocks * 512, rx->area, blocks * 512);
}

static void test_read_write(void)
{
	static const uint32_t blocks[] = { 1, 2, 3, 8, 9, 64, 255, 256 };
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 128);
	for (unsigned i = 0; i < G_N_ELEMENTS(blocks); i++)
		write_and_read(q, i * 300, blocks[i], i);
	g_assert_cmpint(q->send_error, ==, 0);
	rx_free(rx);
}

static struct nvme_cmd in_capsule(struct rx *rx, uint64_t lba, uint32_t offset, uint32_t len)
{
	struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_WRITE, 1, lba, MAX(len / 512, 1u), 0);

	memset(&cmd.sgl, 0, sizeof(cmd.sgl));
	cmd.sgl.type = NVME_SGL_OFFSET;
	cmd.sgl.address = offset;
	cmd.sgl.length = len;
	return cmd;
}

static void test_in_capsule(void)
{
	struct rx *rx = rx_new(NULL);
	uint8_t data[4096];
	struct rx_queue *q;
	struct nvme_cmd cmd;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	rx_fill(data, sizeof(data), 3);
	cmd = in_capsule(rx, 5, 0, 4096);
	g_assert_cmphex(rx_exec(q, &cmd, data, 4096), ==, NVME_SUCCESS);
	cmd = in_capsule(rx, 5, 1536, 512);
	g_assert_cmphex(rx_exec(q, &cmd, data, 2048), ==, NVME_SUCCESS);
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 5, 8, 0);
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	g_assert_cmpmem(rx->area, 512, data + 1536, 512);
	g_assert_cmpmem(rx->area + 512, 4096 - 512, data + 512, 4096 - 512);
	rx_free(rx);
}

/* n descriptors in the capsule, in reverse order in memory and of different lengths. */
static void with_list(struct rx_queue *q, uint8_t opcode, unsigned n, uint32_t total, uint32_t at)
{
	struct nvme_cmd cmd = rx_rw(q->rx, opcode, 1, 100, total / 512, 0);
	struct nvme_sgl list[16];
	uint32_t left = total, to = at + total;

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = i == n - 1 ? left : MIN(left, 512u + i * 16);

		to -= len;
		list[i] = rx_keyed(q->rx, to, len);
		left -= len;
	}
	memset(&cmd.sgl, 0, sizeof(cmd.sgl));
	cmd.sgl.type = NVME_SGL_LAST_SEGMENT | NVME_SGL_OFFSET;
	cmd.sgl.length = n * (uint32_t)sizeof(list[0]);
	g_assert_cmphex(rx_exec(q, &cmd, list, cmd.sgl.length), ==, NVME_SUCCESS);
}

static void test_lists(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	for (unsigned n = 1; n <= 16; n++) {
		rx_fill(rx->area, 32768, n);
		memset(rx->area + PIECE, 0, 32768);
		with_list(q, NVME_CMD_WRITE, n, 32768, 0);
		with_list(q, NVME_CMD_READ, n, 32768, PIECE);
		g_assert_cmpmem(rx->area + PIECE, 32768, rx->area, 32768);
	}
	rx_free(rx);
}

/* A window over the area is gone when the response is there. */
static void test_invalidate(void)
{
	struct rx *rx = rx_new(NULL);
	struct nvme_cmd cmd;
	struct rx_queue *q;
	struct rnic_mw *mw;
	uint32_t key;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	g_assert_cmpint(rx->rnic->ops->mw_alloc(rx->pd, &mw), ==, 0);
	g_assert_cmpint(rx->rnic->ops->post_bind(q->qp, mw, rx->mr, RX_IOVA, 4096,
						 IBV_ACCESS_REMOTE_WRITE, 77, IBV_SEND_SIGNALED),
			==, 0);
	rx_run(rx);
	key = rx->rnic->ops->mw_rkey(mw);
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);
	memcpy(cmd.sgl.keyed.key, &key, sizeof(key));
	cmd.sgl.type = NVME_SGL_KEYED_INVALIDATE;
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	g_assert_true(rx_response(q, cmd.cid)->invalidated);
	g_assert_cmphex(rx_response(q, cmd.cid)->key, ==, key);
	/* Without the wish for it nothing is invalidated. */
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	g_assert_false(rx_response(q, cmd.cid)->invalidated);
	rx->rnic->ops->mw_dealloc(mw);
	rx_free(rx);
}

/* A full queue of everything at once, again and again. */
static void load(struct rx_queue *q, unsigned depth, unsigned rounds)
{
	struct rx *rx = q->rx;

	rx_fill(rx->area, 65536, 9);
	for (unsigned round = 0; round < rounds; round++) {
		g_array_set_size(q->responses, 0);
		for (unsigned i = 0; i < depth; i++) {
			uint8_t opcode = i % 3 == 0 ? NVME_CMD_WRITE : NVME_CMD_READ;
			struct nvme_cmd cmd =
				rx_rw(rx, opcode, 1 + i % 2, i * 8, 8,
				      opcode == NVME_CMD_WRITE ? 0 : PIECE + i * 4096);

			if (i % 7 == 0)
				cmd = rx_cmd(NVME_CMD_FLUSH, 1);
			rx_post(q, &cmd, NULL, 0);
		}
		rx_run(rx);
		rx_time(rx, 5000000);
		g_assert_cmpuint(q->responses->len, ==, depth);
		for (unsigned i = 0; i < depth; i++)
			g_assert_cmphex(
				g_array_index(q->responses, struct rx_response, i).cpl.status, ==,
				0);
	}
}

static void test_deep(void)
{
	struct rx *rx = rx_new(NULL);

	rx_open(rx, 0, 32);
	load(rx_open(rx, 1, 128), 127, 8);
	rx_free(rx);
}

enum poor { POOR_SRQ, POOR_INLINE, POOR_SLOTS, POOR_SGE, POOR_READS, POOR_CQE, POOR_ALL, POORS };

/* Devices that lack something: it only takes longer. */
static void test_poor(gconstpointer arg)
{
	enum poor kind = GPOINTER_TO_INT(arg);
	struct rx_options o;
	struct rx *rx;

	rx_options_default(&o);
	roce_attr_default(&o.attr);
	if (kind == POOR_SRQ || kind == POOR_ALL)
		o.attr.max_srq = 0;
	if (kind == POOR_INLINE || kind == POOR_ALL)
		o.max_inline = 0;
	if (kind == POOR_SLOTS || kind == POOR_ALL)
		o.attr.max_qp_wr = 40;
	if (kind == POOR_SGE || kind == POOR_ALL)
		o.attr.max_sge = o.attr.max_srq_sge = 1;
	if (kind == POOR_READS || kind == POOR_ALL)
		o.attr.max_qp_init_rd_atom = 1;
	if (kind == POOR_CQE || kind == POOR_ALL)
		o.attr.max_cqe = 400;
	rx = rx_new(&o);
	rx_open(rx, 0, 32);
	load(rx_open(rx, 1, 32), 31, 4);
	write_and_read(rx_open(rx, 2, 32), 0, 256, 1);
	rx_free(rx);
}

/* The send queue has one place: everything goes through it, one by one. */
static void test_one_slot(void)
{
	struct rx_options o;
	struct rx *rx;

	rx_options_default(&o);
	roce_attr_default(&o.attr);
	o.attr.max_qp_wr = 1;
	rx = rx_new(&o);
	rx_open(rx, 0, 32);
	load(rx_open(rx, 1, 32), 31, 4);
	with_list(rx->queues->pdata[1], NVME_CMD_READ, 16, 32768, PIECE);
	rx_free(rx);
}

static void test_reactors(gconstpointer cntlid)
{
	struct rx_options o;
	struct rx_queue *q[6];
	bool used[3] = { false };
	struct rx *rx;

	rx_options_default(&o);
	o.nreactors = 3;
	rx = rx_new(&o);
	rx_open(rx, 0, 32);
	for (unsigned i = 0; i < 6; i++) {
		struct nvme_rdma_request req = { .qid = (uint16_t)(i + 1),
						 .hrqsize = 32,
						 .hsqsize = 31,
						 .cntlid = cntlid ? rx->cntlid : 0 };

		q[i] = rx_connect_raw(rx, &req, sizeof(req), 16);
		g_assert_true(q[i]->established);
		g_assert_cmphex(rx_nvme_connect(q[i], (uint16_t)(i + 1), 32), ==, NVME_SUCCESS);
		load(q[i], 31, 2);
	}
	for (unsigned i = 0; i < 3; i++)
		used[i] = rx->tgt->groups[i]->qpairs != NULL;
	g_assert_true(used[0] && used[1] && used[2]);
	for (unsigned i = 0; i < 6; i++)
		rx_queue_free(q[i]);
	rx_time(rx, 10000000);
	g_assert_cmpuint(rx_connections(rx), ==, 1);
	rx_free(rx);
}

/*
 * One packet in 13 is lost, not one each 13: a multiple of that may be what is sent again.
 * Nothing of it is seen.
 */
static bool lossy(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)p;
	(void)user;
	return (uint32_t)end->sent * UINT32_C(2654435769) % 13 != 0;
}

static void test_loss(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	rx->wire->ends[0].pass = rx->wire->ends[1].pass = lossy;
	for (unsigned i = 0; i < 8; i++) {
		struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_WRITE, 1, i * 64, 64, 0);

		rx_fill(rx->area, 32768, i);
		rx_post(q, &cmd, NULL, 0);
		rx_time(rx, UINT64_C(2000000000));
		g_assert_nonnull(rx_response(q, cmd.cid));
		cmd = rx_rw(rx, NVME_CMD_READ, 1, i * 64, 64, PIECE);
		rx_post(q, &cmd, NULL, 0);
		rx_time(rx, UINT64_C(2000000000));
		g_assert_nonnull(rx_response(q, cmd.cid));
		g_assert_cmpmem(rx->area + PIECE, 32768, rx->area, 32768);
	}
	rx->wire->ends[0].pass = rx->wire->ends[1].pass = NULL;
	rx_free(rx);
}

int main(int argc, char **argv)
{
	static const char *const names[POORS] = { "no-srq",   "no-inline", "few-slots", "one-sge",
						  "one-read", "few-cqe",   "all" };

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rdma/io/read-write", test_read_write);
	g_test_add_func("/rdma/io/in-capsule", test_in_capsule);
	g_test_add_func("/rdma/io/lists", test_lists);
	g_test_add_func("/rdma/io/invalidate", test_invalidate);
	g_test_add_func("/rdma/io/deep", test_deep);
	for (int i = 0; i < POORS; i++) {
		g_autofree char *name = g_strdup_printf("/rdma/io/poor/%s", names[i]);

		g_test_add_data_func(name, GINT_TO_POINTER(i), test_poor);
	}
	g_test_add_func("/rdma/io/poor/one-slot", test_one_slot);
	g_test_add_data_func("/rdma/io/reactors/in-turn", GINT_TO_POINTER(0), test_reactors);
	g_test_add_data_func("/rdma/io/reactors/by-cntlid", GINT_TO_POINTER(1), test_reactors);
	g_test_add_func("/rdma/io/loss", test_loss);
	return g_test_run();
}
