/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: what connections share, receives and buffers, stays there for the others
 * whatever one of them does; and what one that breaks leaves behind.
 */
#include <string.h>

#include "target/nvmf/group.h"
#include "target/nvmf/qpair.h"
#include "tests/unit/rdma/fixture.h"

#define SRQ 64
#define DEPTH 32
#define DEAF 8

static struct rx *small(bool no_srq)
{
	struct rx_options o;

	rx_options_default(&o);
	o.transport.max_srq_depth = SRQ;
	o.transport.no_srq = no_srq;
	o.buf_limit = 4u << 20;
	return rx_new(&o);
}

static void post(struct rx_queue *q, uint8_t opcode, uint32_t blocks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct nvme_cmd cmd = rx_rw(q->rx, opcode, 1, 0, blocks, 0);

		rx_post(q, &cmd, NULL, 0);
		if (i % 8 == 7)
			rx_run(q->rx);
	}
	rx_run(q->rx);
}

static void others_go_on(struct rx_queue *good)
{
	for (unsigned i = 0; i < 100; i++) {
		struct nvme_cmd cmd = rx_rw(good->rx, i % 2 ? NVME_CMD_READ : NVME_CMD_WRITE, 1, 0,
					    1 + i % 64, 1 << 20);

		g_assert_cmphex(rx_exec(good, &cmd, NULL, 0), ==, NVME_SUCCESS);
	}
}

/*
 * Hosts without a receive for any response but Connect's send as long as they are let:
 * twice what their queues hold is answered in vain, then their capsules pile up.
 */
static void test_deaf(gconstpointer no_srq)
{
	struct rx *rx = small(no_srq != NULL);
	struct rx_queue *good, *deaf[3];

	rx_open(rx, 0, DEPTH);
	good = rx_open(rx, 1, DEPTH);
	rx->receives = 1;
	for (unsigned i = 0; i < G_N_ELEMENTS(deaf); i++)
		deaf[i] = rx_open(rx, (uint16_t)(2 + i), DEPTH);
	for (unsigned i = 0; i < G_N_ELEMENTS(deaf); i++)
		post(deaf[i], NVME_CMD_READ, 8, 3 * DEPTH - 1);
	others_go_on(good);
	for (unsigned i = 0; i < G_N_ELEMENTS(deaf); i++)
		g_assert_cmpuint(deaf[i]->responses->len, ==, 1);
	rx_time(rx, UINT64_C(2000000000));
	others_go_on(good);
	g_assert_false(good->disconnected);
	rx_free(rx);
}

/* Data of reads goes through buffers of the pool, as that of a file. */
static void use_buffers(struct rx *rx)
{
	struct nvmf_group *g = nvmf_group_of(rx->tgt, core_main(rx->core));

	for (struct nvmf_qpair *q = g->qpairs; q != NULL; q = q->next)
		q->can_place = false;
}

static void read_all(struct rx_queue *q)
{
	struct nvme_cmd cmd = rx_rw(q->rx, NVME_CMD_READ, 1, 0, 256, 1 << 20);

	rx_post(q, &cmd, NULL, 0);
	rx_run(q->rx);
}

/*
 * Each of these has one buffer, of a response that its host does not take: together all.
 * That is nobody's business, until somebody needs one.
 */
static void test_deaf_buffers(void)
{
	struct rx_queue *good, *deaf[DEAF];
	unsigned ended = 0;
	struct rx_options o;
	struct rx *rx;

	rx_options_default(&o);
	o.buf_limit = DEAF << 17;
	rx = rx_new(&o);
	rx_open(rx, 0, DEPTH);
	good = rx_open(rx, 1, DEPTH);
	rx->receives = 1;
	for (unsigned i = 0; i < DEAF; i++)
		deaf[i] = rx_open(rx, (uint16_t)(2 + i), DEPTH);
	use_buffers(rx);
	for (unsigned i = 0; i < DEAF; i++)
		read_all(deaf[i]);
	rx_time(rx, UINT64_C(35000000000));
	g_assert_cmpuint(rx_connections(rx), ==, 2 + DEAF);
	read_all(good);
	g_assert_cmpuint(good->responses->len, ==, 1);
	rx_time(rx, UINT64_C(2000000000));
	g_assert_cmpuint(good->responses->len, ==, 2);
	g_assert_false(good->disconnected);
	for (unsigned i = 0; i < DEAF; i++)
		ended += deaf[i]->disconnected;
	g_assert_cmpuint(ended, >, 0);
	rx_free(rx);
}

/* --- capsules that stop in the middle -------------------------------------------------------- */

static unsigned stopped;

/* RC SEND Last does not arrive. */
static bool no_last(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	if (p->bytes[0] != 0x02)
		return true;
	stopped++;
	return false;
}

/* The receive that half a capsule has taken comes back, more often than there are receives. */
static void test_half_capsule(void)
{
	static const uint8_t data[4096];
	struct rx *rx = small(false);
	struct rx_queue *good;

	rx_open(rx, 0, DEPTH);
	good = rx_open(rx, 1, DEPTH);
	stopped = 0;
	for (unsigned i = 0; i < SRQ + 10; i++) {
		struct rx_queue *q = rx_open(rx, 2, DEPTH);
		struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_WRITE, 1, 0, 8, 0);

		cmd.sgl = (struct nvme_sgl){ .length = sizeof(data), .type = NVME_SGL_OFFSET };
		rx->wire->ends[1].pass = no_last;
		rx_post(q, &cmd, data, sizeof(data));
		rx_run(rx);
		rx_queue_free(q);
		rx->wire->ends[1].pass = NULL;
		rx_time(rx, UINT64_C(1500000000));
		g_assert_cmpuint(rx_connections(rx), ==, 2);
	}
	g_assert_cmpuint(stopped, >=, SRQ + 10);
	others_go_on(good);
	rx_free(rx);
}

/* --- READs that stop in the middle ---------------------------------------------------------- */

#define BLOCKS 64
#define OTHER (2u << 20) /* in the area: what is read back */

static unsigned answered, least;

/* Of the host's READ responses only the first few arrive. */
static bool few_answers(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	return p->bytes[0] < 0x0d || p->bytes[0] > 0x10 || answered++ < least;
}

/* Blocks that are new, all others being old: none is anything else. */
static unsigned count_new(struct rx_queue *q, uint8_t before, uint8_t after)
{
	struct rx *rx = q->rx;
	struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, BLOCKS, OTHER);
	unsigned n = 0;

	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	for (unsigned i = 0; i < BLOCKS; i++) {
		const uint8_t *block = rx->area + OTHER + i * 512;

		g_assert_true(block[0] == before || block[0] == after);
		g_assert_cmpmem(block, 511, block + 1, 511);
		n += block[0] == after;
	}
	return n;
}

enum ending { END_DISCONNECT, END_DESTROY, END_LOST, ENDS };

/*
 * A write whose data comes in part only leaves what was there, in every block, however
 * its connection ends; another connection's reads and writes go on meanwhile.
 */
static void test_half(gconstpointer arg)
{
	enum ending how = GPOINTER_TO_UINT(arg);
	unsigned whole = 0;

	for (least = 0; least < 40; least += 3) {
		struct rx *rx = small(false);
		struct rx_queue *q, *good;
		struct nvme_cmd cmd;

		rx_open(rx, 0, DEPTH);
		good = rx_open(rx, 1, DEPTH);
		q = rx_open(rx, 2, DEPTH);
		memset(rx->area, 0x11, BLOCKS * 512);
		cmd = rx_rw(rx, NVME_CMD_WRITE, 1, 0, BLOCKS, 0);
		g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
		memset(rx->area, 0x22, BLOCKS * 512);
		answered = 0;
		rx->wire->ends[1].pass = few_answers;
		rx_post(q, &cmd, NULL, 0);
		rx_run(rx);
		if (rx_response(q, cmd.cid) != NULL) {
			g_assert_cmpuint(count_new(good, 0x11, 0x22), ==, BLOCKS);
			whole++;
		} else {
			g_assert_cmpuint(count_new(good, 0x11, 0x22), ==, 0);
			if (how == END_DISCONNECT)
				rx->rnic->ops->disconnect(q->id);
			else if (how == END_DESTROY)
				rx_queue_free(q);
			rx_time(rx, UINT64_C(20000000000));
			g_assert_cmpuint(count_new(good, 0x11, 0x22), ==, 0);
		}
		rx_free(rx);
	}
	g_assert_cmpuint(whole, >, 0);
	g_assert_cmpuint(whole, <, 14);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/rdma/shared/deaf/srq", NULL, test_deaf);
	g_test_add_data_func("/rdma/shared/deaf/no-srq", "", test_deaf);
	g_test_add_func("/rdma/shared/deaf/buffers", test_deaf_buffers);
	g_test_add_func("/rdma/shared/half-capsule", test_half_capsule);
	for (unsigned i = 0; i < ENDS; i++) {
		static const char *const names[ENDS] = { "disconnect", "destroy", "lost" };
		g_autofree char *name = g_strdup_printf("/rdma/shared/half/%s", names[i]);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_half);
	}
	return g_test_run();
}
