/* SPDX-License-Identifier: BSD-3-Clause */
/* Get Log Page: which pages, which parts of them, and what is on them. */
#include <string.h>

#include "tests/unit/nvmf/fixture.h"

#define SGL_LENGTH (NVME_SC_SGL_LENGTH_INVALID | NVME_DNR)
#define NO_LOG (NVME_SC_INVALID_LOG_PAGE | NVME_DNR)

static const struct {
	uint8_t lid;
	uint32_t size;
} pages[] = {
	{ 0x00, 1024 },
	{ NVME_LOG_ERROR, 64 * 64 },
	{ NVME_LOG_SMART, 512 },
	{ NVME_LOG_FIRMWARE, 512 },
	{ NVME_LOG_CHANGED_NS, 4096 },
	{ NVME_LOG_EFFECTS, 4096 },
	{ 0x12, 1024 },
	{ 0x13, 4096 },
};

static bool is_page(uint8_t lid)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
		if (pages[i].lid == lid)
			return true;
	}
	return false;
}

static void test_unknown(void)
{
	struct fx *fx = fx_new_ready(1);

	for (unsigned lid = 0; lid < 256; lid++)
		assert_status(fx_get_log(fx, (uint8_t)lid, false, 0, 4),
			      is_page((uint8_t)lid) ? NVME_SUCCESS : NO_LOG);
	fx_drop(fx->admin);
	fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0);
	fx_set_cc(fx, FX_CC_EN);
	for (unsigned lid = 0; lid < 256; lid++)
		assert_status(fx_get_log(fx, (uint8_t)lid, false, 0, 4),
			      lid == 0 || lid == NVME_LOG_DISCOVERY ? NVME_SUCCESS : NO_LOG);
	fx_free(fx);
}

/* Any part of a page is that part of the whole; beyond it come zeros, and then an error. */
static void test_parts(void)
{
	struct fx *fx = fx_new_ready(1);
	uint64_t seed = fake_seed(20240901);

	nvmf_ctrlr_ns_changed(fx->ctrlr, 1);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 8);
	for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
		uint32_t size = pages[i].size;
		g_autofree uint8_t *whole = g_malloc0(size + 65536);

		assert_status(fx_get_log(fx, pages[i].lid, true, 0, size), NVME_SUCCESS);
		g_assert_cmpuint(fx->last->len, ==, size);
		memcpy(whole, fx->last->data, size);
		for (unsigned n = 0; n < 200; n++) {
			uint32_t offset = (uint32_t)(fake_rand(&seed) % (size / 4 + 1)) * 4;
			uint32_t len = ((uint32_t)(fake_rand(&seed) % 4096) + 1) * 4;
			struct fx_req *r = fx_get_log(fx, pages[i].lid, true, offset, len);

			/* Without an error among them, which would change two of the pages. */
			assert_status(r, NVME_SUCCESS);
			g_assert_cmpmem(r->data, r->len, whole + offset, len);
		}
		assert_status(fx_get_log(fx, pages[i].lid, true, size, 4), NVME_SUCCESS);
		assert_status(fx_get_log(fx, pages[i].lid, true, size + 4, 4), INVALID_FIELD);
		assert_status(fx_get_log(fx, pages[i].lid, true, 1ull << 32, 4), INVALID_FIELD);
		assert_status(fx_get_log(fx, pages[i].lid, true, UINT64_MAX - 3, 4), INVALID_FIELD);
		for (unsigned odd = 1; odd < 4; odd++)
			assert_status(fx_get_log(fx, pages[i].lid, true, odd, 4), INVALID_FIELD);
	}
	fx_free(fx);
}

static void test_lengths(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_LOG_PAGE, 0, NVME_LOG_SMART, 0);

	assert_status(fx_get_log(fx, NVME_LOG_SMART, false, 0, 131072), NVME_SUCCESS);
	g_assert_cmpuint(fx->last->len, ==, 131072);
	assert_status(fx_get_log(fx, NVME_LOG_SMART, false, 0, 131076), INVALID_FIELD);
	/* NUMD of 2^32 */
	cmd.cdw10 |= 0xffff0000u;
	cmd.cdw11 = 0xffff;
	assert_status(fx_exec(fx, &cmd, NULL, 512), INVALID_FIELD);
	/* less room than asked for */
	cmd.cdw10 = NVME_LOG_SMART | 127u << 16;
	cmd.cdw11 = 0;
	assert_status(fx_exec(fx, &cmd, NULL, 511), SGL_LENGTH);
	assert_status(fx_exec(fx, &cmd, NULL, 0), SGL_LENGTH);
	assert_status(fx_exec(fx, &cmd, NULL, 512), NVME_SUCCESS);
	/* offsets by index are for pages that have such: none */
	cmd.cdw14 = 1u << 23;
	assert_status(fx_exec(fx, &cmd, NULL, 512), INVALID_FIELD);
	fx_free(fx);
}

static void test_smart_nsid(void)
{
	static const struct {
		uint32_t nsid;
		uint16_t status;
	} cases[] = {
		{ 0, NVME_SUCCESS },	     { 1, NVME_SUCCESS },
		{ 2, INVALID_NS },	     { FX_MAX_NS + 1, INVALID_NS },
		{ 0xfffffffeu, INVALID_NS }, { 0xffffffffu, NVME_SUCCESS },
	};
	struct fx *fx = fx_new_ready(1);

	fx_add_ns(fx, 1, 64, 512);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_LOG_PAGE, cases[i].nsid,
					     NVME_LOG_SMART | 127u << 16, 0);

		assert_status(fx_exec(fx, &cmd, NULL, 512), cases[i].status);
	}
	fx_free(fx);
}

static void test_contents(void)
{
	struct fx *fx = fx_new_ready(1);
	const struct nvme_effects_log *effects;
	const struct nvme_smart_log *smart;
	const uint32_t *words;

	smart = (const void *)fx_get_log(fx, NVME_LOG_SMART, false, 0, 512)->data;
	g_assert_cmpuint(smart->critical_warning, ==, 0);
	g_assert_cmpuint(smart->spare, ==, 100);
	fx_get_log(fx, NVME_LOG_FIRMWARE, false, 0, 512);
	g_assert_cmpuint(fx->last->data[0], ==, 1);
	g_assert_cmpmem(fx->last->data + 8, 8, "0.1.0   ", 8);
	effects = (const void *)fx_get_log(fx, NVME_LOG_EFFECTS, false, 0, 4096)->data;
	for (unsigned op = 0; op < 256; op++) {
		static const uint8_t admin[] = { 0x02, 0x06, 0x08, 0x09, 0x0a, 0x0c, 0x18 };
		static const uint8_t io_ops[] = { 0x00, 0x01, 0x02, 0x05, 0x08, 0x09, 0x0c, 0x19 };
		bool io = memchr(io_ops, (int)op, sizeof(io_ops)) != NULL;
		bool changes = io && (op == 1 || op == 8 || op == 9 || op == 0x19);

		g_assert_cmphex(effects->admin[op], ==,
				memchr(admin, (int)op, sizeof(admin)) ? 0x00200001 : 0);
		g_assert_cmphex(effects->io[op], ==, io ? (changes ? 3 : 1) : 0);
	}
	words = (const void *)fx_get_log(fx, 0x00, false, 0, 1024)->data;
	for (unsigned lid = 0; lid < 256; lid++)
		g_assert_cmphex(words[lid], ==, is_page((uint8_t)lid));
	words = (const void *)fx_get_log(fx, 0x12, false, 0, 1024)->data;
	g_assert_cmphex(words[NVME_FEAT_QUEUES], ==, 0x00200001);
	g_assert_cmphex(words[NVME_FEAT_ERROR_RECOVERY], ==, 0x00100001);
	g_assert_cmphex(words[0x08], ==, 0);
	fx_free(fx);
}

static const struct nvme_error_entry *errors(struct fx *fx)
{
	assert_status(fx_get_log(fx, NVME_LOG_ERROR, false, 0, 64 * 64), NVME_SUCCESS);
	return (const void *)fx->last->data;
}

/* Newest first, with where in the command the error is; more than fit push the oldest out. */
static void test_errors(void)
{
	struct fx *fx = fx_new_ready(2);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, FX_MAX_NS + 1, NVME_CNS_NS, 0);
	const struct nvme_error_entry *e = errors(fx);

	g_assert_cmpuint(e[0].error_count, ==, 0);
	assert_status(fx_exec(fx, &cmd, NULL, 4096), INVALID_NS);
	e = errors(fx);
	g_assert_cmpuint(e[0].error_count, ==, 1);
	g_assert_cmpuint(e[0].sqid, ==, 0);
	g_assert_cmphex(e[0].cid, ==, cmd.cid);
	g_assert_cmphex(e[0].status, ==, INVALID_NS << 1);
	g_assert_cmpuint(e[0].param_error_location, ==, 4);
	g_assert_cmpuint(e[0].nsid, ==, FX_MAX_NS + 1);
	g_assert_cmpuint(e[0].lba, ==, 0);
	g_assert_cmpuint(e[0].trtype, ==, NVME_TRTYPE_TCP);
	g_assert_cmpuint(e[1].error_count, ==, 0);
	for (unsigned i = 0; i < 100; i++) {
		cmd.cid = (uint16_t)i;
		fx_exec(fx, &cmd, NULL, 4096);
	}
	e = errors(fx);
	for (unsigned i = 0; i < 64; i++) {
		g_assert_cmpuint(e[i].error_count, ==, 101 - i);
		g_assert_cmpuint(e[i].cid, ==, 99 - i);
	}
	/* A reset keeps them. */
	fx_set_cc(fx, 0);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmpuint(errors(fx)[0].error_count, ==, 101);
	fx_free(fx);
}

/* Of queues on this reactor and on the other; beyond its ring a queue only counts. */
static void test_io_errors(void)
{
	struct fx *fx = fx_new_ready(2);
	struct nvme_cmd cmd = fx_cmd(NVME_CMD_READ, 1, 5, 1);
	const struct nvme_error_entry *e;
	struct fx_req *r[12];

	for (uint16_t qid = 1; qid <= 2; qid++) {
		unsigned n = 0;

		g_assert_cmphex(fx_connect_io(fx, qid), ==, NVME_SUCCESS);
		for (unsigned i = 0; i < 12; i++) {
			cmd.cid = (uint16_t)(qid << 8 | i);
			r[i] = fx_send(fx->io[qid], &cmd, NVME_XFER_NONE, NULL, 0);
			nvmf_error_log(&r[i]->req, INVALID_NS, NVME_PEL(nsid));
		}
		fx_run(fx);
		e = errors(fx);
		while (n < 64 && e[n].sqid == qid) {
			g_assert_cmpuint(e[n].lba, ==, 0x100000005ull);
			g_assert_cmpuint(e[n].cid >> 8, ==, qid);
			n++;
		}
		g_assert_cmpuint(n, >=, fx->io[qid]->q.reactor == fx->ctrlr->owner ? 12 : 8);
		for (unsigned i = 0; i < 12; i++)
			fx_req_free(r[i]);
	}
	g_assert_cmpuint(fx->ctrlr->nerrors, >=, 24);
	fx_free(fx);
}

static uint64_t number(const uint8_t field[16])
{
	uint64_t value;

	memcpy(&value, field, sizeof(value));
	return value;
}

static const struct nvme_smart_log *smart_of(struct fx *fx, uint32_t nsid)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_LOG_PAGE, nsid, NVME_LOG_SMART | 127u << 16, 0);

	assert_status(fx_exec(fx, &cmd, NULL, 512), NVME_SUCCESS);
	return (const void *)fx->last->data;
}

/* What both namespaces did, on all reactors, in thousands of 512 bytes; hours since the start. */
static void test_smart(void)
{
	static const uint8_t zeros[4096];
	struct fx *fx = fx_new_ready(3);
	const struct nvme_smart_log *log;

	fx_add_ns(fx, 1, 4096, 512);
	fx_add_ns(fx, 2, 4096, 512);
	for (uint16_t qid = 1; qid <= 3; qid++) {
		g_assert_cmphex(fx_connect_io(fx, qid), ==, NVME_SUCCESS);
		for (unsigned i = 0; i < 60; i++) {
			struct nvme_cmd cmd =
				fx_cmd(i % 3 ? NVME_CMD_WRITE : NVME_CMD_READ, i % 2 + 1, i, 0);
			struct fx_req *r;

			cmd.cdw12 = 7;
			r = fx_send(fx->io[qid], &cmd, i % 3 ? NVME_XFER_H2C : NVME_XFER_C2H, zeros,
				    sizeof(zeros));
			fx_run(fx);
			assert_status(r, NVME_SUCCESS);
			fx_req_free(r);
		}
	}
	fx->fake->now += 5 * UINT64_C(3600000000000);
	log = smart_of(fx, NVME_NSID_ALL);
	g_assert_cmpuint(number(log->reads), ==, 60);
	g_assert_cmpuint(number(log->writes), ==, 120);
	g_assert_cmpuint(number(log->units_read), ==, 1);    /* 245,760 bytes */
	g_assert_cmpuint(number(log->units_written), ==, 1); /* 491,520 */
	g_assert_cmpuint(number(log->power_on_hours), ==, 5);
	g_assert_cmpuint(number(log->power_cycles), ==, 1);
	log = smart_of(fx, 1);
	g_assert_cmpuint(number(log->reads), ==, 30);
	g_assert_cmpuint(number(log->writes), ==, 60);
	fx_free(fx);
}

/* Compare and Verify read, equal or not; a difference is no media error. */
static void test_smart_scans(void)
{
	static const uint8_t data[2][4096] = { { 0 }, { 1 } };
	struct fx *fx = fx_new_ready(1);
	const struct nvme_smart_log *log;
	struct nvme_cmd cmd;
	struct fx_req *r;

	fx_add_ns(fx, 1, 4096, 512);
	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	for (unsigned i = 0; i < 2; i++) {
		cmd = fx_cmd(NVME_CMD_COMPARE, 1, 0, 0);
		cmd.cdw12 = 7;
		r = fx_send(fx->io[1], &cmd, NVME_XFER_H2C, data[i], sizeof(data[i]));
		fx_run(fx);
		assert_status(r, i ? NVME_SC_COMPARE_FAILURE | NVME_DNR : NVME_SUCCESS);
		fx_req_free(r);
	}
	cmd = fx_cmd(NVME_CMD_VERIFY, 1, 0, 0);
	cmd.cdw12 = 2999;
	r = fx_send(fx->io[1], &cmd, NVME_XFER_NONE, NULL, 0);
	fx_run(fx);
	assert_status(r, NVME_SUCCESS);
	fx_req_free(r);
	log = smart_of(fx, NVME_NSID_ALL);
	g_assert_cmpuint(number(log->reads), ==, 2);
	g_assert_cmpuint(number(log->units_read), ==, 4); /* 3,016 blocks */
	g_assert_cmpuint(number(log->writes) + number(log->units_written), ==, 0);
	g_assert_cmpuint(number(log->media_errors), ==, 0);
	fx_free(fx);
}

/* Too little room for what is asked for; commands before the controller is enabled. */
static void test_errors_before(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 0, NVME_CNS_CTRLR, 0);
	const struct nvme_error_entry *e;

	cmd.cid = 77;
	assert_status(fx_exec(fx, &cmd, NULL, 4092), NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	fx_set_cc(fx, 0);
	assert_status(fx_exec(fx, &cmd, NULL, 4096), NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	fx_set_cc(fx, FX_CC_EN);
	e = errors(fx);
	g_assert_cmpuint(e[0].error_count, ==, 2);
	g_assert_cmphex(e[0].status, ==, (NVME_SC_SEQUENCE_ERROR | NVME_DNR) << 1);
	g_assert_cmphex(e[0].param_error_location, ==, NVME_PEL_NONE);
	g_assert_cmphex(e[1].status, ==, (NVME_SC_SGL_LENGTH_INVALID | NVME_DNR) << 1);
	g_assert_cmpuint(e[1].param_error_location, ==, 32);
	g_assert_cmpuint(e[1].cid, ==, 77);
	fx_free(fx);
}

static void take_all(struct buf_pool *pool, GPtrArray *held)
{
	struct buf *buf;

	while ((buf = buf_get(pool, 512)) != NULL)
		g_ptr_array_add(held, buf);
}

/*
 * Admin commands are answered when I/O has all buffers. A read that has to wait for
 * one is answered when there is one, or ends with its queue.
 */
static void test_waits(void)
{
	struct fx *fx = fx_new_ready(1);
	GPtrArray *held = g_ptr_array_new();
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_LOG_PAGE, 0, NVME_LOG_FIRMWARE | 127u << 16, 0);
	struct buf_pool *reserve = fx->admin->q.group->reserve;
	struct fx_req *a, *b;

	take_all(core_main(fx->core)->bufs, held);
	a = fx_send(fx->admin, &cmd, NVME_XFER_C2H, NULL, 512);
	fx_run(fx);
	assert_status(a, NVME_SUCCESS);
	fx_req_free(a);
	take_all(reserve, held);
	a = fx_send(fx->admin, &cmd, NVME_XFER_C2H, NULL, 512);
	b = fx_send(fx->admin, &cmd, NVME_XFER_C2H, NULL, 512);
	fx_run(fx);
	g_assert_false(a->done || b->done);
	buf_put(g_ptr_array_steal_index(held, held->len - 1));
	reactor_pass(core_main(fx->core));
	g_assert_true(a->done);
	assert_status(a, NVME_SUCCESS);
	g_assert_cmpmem(a->data + 8, 8, "0.1.0   ", 8);
	while (held->len > 0)
		buf_put(g_ptr_array_steal_index(held, held->len - 1));
	fx_run(fx);
	assert_status(b, NVME_SUCCESS);
	take_all(core_main(fx->core)->bufs, held);
	take_all(reserve, held);
	fx_req_free(b);
	b = fx_send(fx->admin, &cmd, NVME_XFER_C2H, NULL, 512);
	fx_drop(fx->admin);
	g_assert_true(b->done);
	g_assert_null(fx->admin);
	while (held->len > 0)
		buf_put(g_ptr_array_steal_index(held, held->len - 1));
	g_ptr_array_unref(held);
	fx_req_free(a);
	fx_req_free(b);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/log/unknown", test_unknown);
	g_test_add_func("/nvmf/log/parts", test_parts);
	g_test_add_func("/nvmf/log/lengths", test_lengths);
	g_test_add_func("/nvmf/log/smart-nsid", test_smart_nsid);
	g_test_add_func("/nvmf/log/contents", test_contents);
	g_test_add_func("/nvmf/log/errors", test_errors);
	g_test_add_func("/nvmf/log/io-errors", test_io_errors);
	g_test_add_func("/nvmf/log/smart", test_smart);
	g_test_add_func("/nvmf/log/smart-scans", test_smart_scans);
	g_test_add_func("/nvmf/log/errors-before", test_errors_before);
	g_test_add_func("/nvmf/log/waits", test_waits);
	return g_test_run();
}
