/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledgers of work requests and memory find what they are there for. */
#include <string.h>

#include "sim/oracle/rdma-ledger-priv.h"

struct book {
	struct oracle_rdma *o;
	struct ledger_queues *q;
	GString *said;
};

static const int cq, other_cq, domain, other_domain;

static void hear(void *arg, const char *oracle, char *text)
{
	g_string_append_printf(arg, "%s: %s\n", oracle, text);
	g_free(text);
}

static void post_send(struct book *b, uint64_t id, bool signaled)
{
	struct ibv_sge sge = { .length = 100, .lkey = 7 };
	struct ibv_send_wr wr = { .wr_id = id, .sg_list = &sge, .num_sge = 1 };

	wr.send_flags = signaled ? IBV_SEND_SIGNALED : 0;
	ledger_posted_send(b->o, b->q, &wr, NULL);
}

static void post_recv(struct book *b, uint64_t id)
{
	struct ibv_sge sge = { .length = 100, .lkey = 8 };
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = &sge, .num_sge = 1 };

	ledger_posted_recv(b->o, &b->q->recv, &wr, NULL);
}

static void end(struct book *b, uint64_t id, enum ibv_wc_opcode opcode, enum ibv_wc_status status)
{
	struct ibv_wc wc = { .wr_id = id, .opcode = opcode, .status = status, .qp_num = 5 };

	wc.byte_len = 100;
	ledger_ended(b->o, &cq, &wc);
}

/* What users and RNICs may do. */
static void good(struct book *b)
{
	for (uint64_t i = 1; i <= 3; i++)
		post_send(b, i, i != 2);
	post_recv(b, 10);
	post_recv(b, 11);
	end(b, 1, IBV_WC_SEND, IBV_WC_SUCCESS);
	end(b, 10, IBV_WC_RECV, IBV_WC_SUCCESS);
	end(b, 3, IBV_WC_SEND, IBV_WC_SUCCESS);
	post_send(b, 4, false);
	end(b, 4, IBV_WC_SEND, IBV_WC_WR_FLUSH_ERR);
	end(b, 11, IBV_WC_SEND, IBV_WC_WR_FLUSH_ERR); /* opcode: does not count */
	ledger_lkey_gone(b->o, 7);
	ledger_close(b->o, b->q);
}

static void twice(struct book *b)
{
	post_send(b, 1, true);
	end(b, 1, IBV_WC_SEND, IBV_WC_SUCCESS);
	end(b, 1, IBV_WC_SEND, IBV_WC_SUCCESS);
}

static void never_posted(struct book *b)
{
	post_send(b, 1, true);
	end(b, 2, IBV_WC_SEND, IBV_WC_SUCCESS);
}

static void overtakes(struct book *b)
{
	post_send(b, 1, true);
	post_send(b, 2, true);
	end(b, 2, IBV_WC_SEND, IBV_WC_SUCCESS);
}

static void not_wanted(struct book *b)
{
	post_send(b, 1, false);
	end(b, 1, IBV_WC_SEND, IBV_WC_SUCCESS);
}

static void receive_overtakes(struct book *b)
{
	post_recv(b, 1);
	post_recv(b, 2);
	end(b, 2, IBV_WC_RECV, IBV_WC_SUCCESS);
}

static void other_queue(struct book *b)
{
	b->q->send_cq = &other_cq;
	post_send(b, 1, true);
	end(b, 1, IBV_WC_SEND, IBV_WC_SUCCESS);
}

static void too_long(struct book *b)
{
	struct ibv_wc wc = { .wr_id = 1, .opcode = IBV_WC_RECV, .qp_num = 5, .byte_len = 101 };

	post_recv(b, 1);
	ledger_ended(b->o, &cq, &wc);
}

static void nobody(struct book *b)
{
	struct ibv_wc wc = { .wr_id = 1, .qp_num = 6 };

	ledger_ended(b->o, &cq, &wc);
}

static void not_drained(struct book *b)
{
	post_recv(b, 1);
	ledger_close(b->o, b->q);
}

/* What nobody waits for: it says nothing when it ends, and uses no memory. */
static void quiet_send(struct book *b)
{
	struct ibv_send_wr wr = { .wr_id = 1, .send_flags = IBV_SEND_INLINE };

	ledger_posted_send(b->o, b->q, &wr, NULL);
	ledger_close(b->o, b->q);
}

static void send_of_memory(struct book *b)
{
	post_send(b, 1, false);
	ledger_close(b->o, b->q);
}

static void other_cq_failed(struct book *b)
{
	post_recv(b, 1);
	ledger_cq_failed(b->o, b);
	ledger_close(b->o, b->q);
}

static void cq_failed(struct book *b)
{
	post_recv(b, 1);
	ledger_cq_failed(b->o, &cq);
	ledger_close(b->o, b->q);
}

static void memory_goes(struct book *b)
{
	post_recv(b, 1);
	ledger_lkey_gone(b->o, 8);
}

/* A receive and a READ into memory of a device that fails; a SEND out of it. */
static void torn(struct book *b, size_t used)
{
	uint8_t memory[400] = { 0 };
	struct ibv_sge sge = { .addr = 1100, .length = 100, .lkey = 8 };
	struct ibv_send_wr read = { .wr_id = 2, .opcode = IBV_WR_RDMA_READ, .num_sge = 1 };
	struct ibv_send_wr send = { .wr_id = 3, .opcode = IBV_WR_SEND, .num_sge = 1 };
	struct ibv_recv_wr recv = { .wr_id = 1, .sg_list = &sge, .num_sge = 1 };

	ledger_region(b->o, 8, &(struct ledger_region){ memory, 1000, sizeof(memory) });
	ledger_posted_recv(b->o, &b->q->recv, &recv, NULL);
	sge.addr += 100;
	read.sg_list = send.sg_list = &sge;
	ledger_posted_send(b->o, b->q, &read, NULL);
	sge.addr += 100;
	ledger_posted_send(b->o, b->q, &send, NULL);
	ledger_device_failed(b->o);
	memory[used] = 1;
	ledger_close(b->o, b->q);
}

static void torn_not_used(struct book *b)
{
	torn(b, 0);
}

static void torn_send_used(struct book *b)
{
	torn(b, 300);
}

static void torn_receive_used(struct book *b)
{
	torn(b, 199);
}

static void torn_read_used(struct book *b)
{
	torn(b, 200);
}

static const struct {
	const char *name;
	void (*act)(struct book *b);
	const char *says;
} cases[] = {
	{ "good", good, NULL },
	{ "twice", twice, "W: queue pair 5: a completion" },
	{ "never-posted", never_posted, "W: queue pair 5: a completion" },
	{ "overtakes", overtakes, "W: queue pair 5: a completion" },
	{ "not-wanted", not_wanted, "W: queue pair 5: a completion" },
	{ "receive-overtakes", receive_overtakes, "W: queue pair 5: a completion" },
	{ "other-queue", other_queue, "W: queue pair 5: a completion" },
	{ "too-long", too_long, "W: a receive of 101 bytes" },
	{ "nobody", nobody, "W: a completion of queue pair 6" },
	{ "not-drained", not_drained, "W: queue pair 5 is destroyed with 0 sends and 1 receives" },
	{ "quiet-send", quiet_send, NULL },
	{ "send-of-memory", send_of_memory,
	  "W: queue pair 5 is destroyed with 1 sends and 0 receives" },
	{ "cq-failed", cq_failed, NULL },
	{ "other-cq-failed", other_cq_failed,
	  "W: queue pair 5 is destroyed with 0 sends and 1 receives" },
	{ "memory-goes", memory_goes, "M: memory goes that 1 work requests" },
	{ "torn-not-used", torn_not_used, NULL },
	{ "torn-send-used", torn_send_used, NULL },
	{ "torn-receive-used", torn_receive_used, "M: memory of 1 READs or receives was used" },
	{ "torn-read-used", torn_read_used, "M: memory of 1 READs or receives was used" },
};

static void test_case(gconstpointer arg)
{
	unsigned i = GPOINTER_TO_UINT(arg);
	struct book b = { .said = g_string_new(NULL) };

	b.o = oracle_rdma_new(NULL, hear, b.said);
	oracle_rdma_drains(b.o, true);
	b.q = ledger_open(b.o, 5);
	b.q->send_cq = b.q->recv_cq = &cq;
	cases[i].act(&b);
	if (cases[i].says == NULL)
		g_assert_cmpstr(b.said->str, ==, "");
	else
		g_assert_true(g_str_has_prefix(b.said->str, cases[i].says));
	oracle_rdma_free(b.o);
	g_string_free(b.said, TRUE);
}

/* Receives of an SRQ whose connections have gone. */
static void test_idle(void)
{
	struct book b = { .said = g_string_new(NULL) };
	struct ledger_queue *pool = g_new0(struct ledger_queue, 1);
	struct ibv_recv_wr wr = { .wr_id = 1 }, other = { .wr_id = 2 };
	struct ibv_wc wc = { .wr_id = 1, .opcode = IBV_WC_RECV, .qp_num = 5 };
	g_autofree char *lost = NULL;

	b.o = oracle_rdma_new(NULL, hear, b.said);
	pool->wrs = g_array_new(FALSE, FALSE, sizeof(struct ledger_wr));
	g_ptr_array_add(b.o->pools, pool);
	b.q = ledger_open(b.o, 5);
	b.q->send_cq = b.q->recv_cq = &cq;
	b.q->srq = pool;
	g_assert_null(oracle_rdma_idle(b.o));
	ledger_posted_recv(b.o, pool, &wr, NULL);
	ledger_posted_recv(b.o, pool, &other, NULL);
	g_assert_null(oracle_rdma_idle(b.o));
	ledger_ended(b.o, &cq, &wc);
	lost = oracle_rdma_idle(b.o);
	g_assert_cmpstr(lost, ==, "1 of 2 receives of an SRQ have not been posted again");
	ledger_posted_recv(b.o, pool, &wr, NULL);
	g_assert_null(oracle_rdma_idle(b.o));
	g_assert_cmpstr(b.said->str, ==, "");
	oracle_rdma_free(b.o);
	g_string_free(b.said, TRUE);
}

/* Who may reach what: by protection domain, queue pair of a window, bytes, access. */
static void test_keys(void)
{
	struct oracle_rdma *o = oracle_rdma_new(NULL, hear, NULL);

	ledger_open(o, 5)->pd = &domain;
	ledger_open(o, 6)->pd = &domain;
	ledger_open(o, 7)->pd = &other_domain;
	ledger_key(o, 9, &(struct ledger_key){ 1000, 100, IBV_ACCESS_REMOTE_READ, &domain, 0 });
	ledger_key(o, 10, &(struct ledger_key){ 1000, 100, IBV_ACCESS_REMOTE_READ, &domain, 6 });
	g_assert_true(oracle_rdma_reachable(o, 5, 9, 1000, 100, false));
	g_assert_true(oracle_rdma_reachable(o, 6, 9, 1000, 100, false));
	g_assert_true(oracle_rdma_reachable(o, 6, 10, 1000, 100, false));
	g_assert_false(oracle_rdma_reachable(o, 5, 10, 1000, 100, false));
	g_assert_false(oracle_rdma_reachable(o, 7, 9, 1000, 100, false));
	g_assert_false(oracle_rdma_reachable(o, 8, 9, 1000, 100, false));
	g_assert_false(oracle_rdma_reachable(o, 5, 9, 1000, 101, false));
	g_assert_false(oracle_rdma_reachable(o, 5, 9, 999, 1, false));
	g_assert_false(oracle_rdma_reachable(o, 5, 9, 1000, 100, true));
	ledger_key_gone(o, 9);
	g_assert_false(oracle_rdma_reachable(o, 5, 9, 1000, 100, false));
	oracle_rdma_free(o);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/rdma/keys", test_keys);
	g_test_add_func("/oracle/rdma/idle", test_idle);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strdup_printf("/oracle/rdma/%s", cases[i].name);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_case);
	}
	return g_test_run();
}
