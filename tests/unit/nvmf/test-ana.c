/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asymmetric namespace access: what Identify and log 0Ch say, what I/O gets, that
 * changes are told once, and that one listener's states are not another's.
 */
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/ana.h"
#include "tests/unit/nvmf/fixture.h"

#define OTHER_HOST "nqn.2024-01.org.example:other-host"
#define NQN_BIG "nqn.2024-01.org.example:big"
#define TOLD 0x000c0302u
#define RGO (1u << 8)

static void expect_done(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

static void expect_error(void *arg, const GError *error)
{
	g_assert_nonnull(error);
	g_assert_cmpint(error->code, ==, RPC_INVALID_PARAMS);
	*(char **)arg = g_strdup(weft_error_detail(error));
}

static void parse(struct nvmf_trid *trid, const char *traddr)
{
	g_assert_true(nvmf_trid_parse(trid, "TCP", NULL, traddr, "4420", NULL));
}

static void set_state(struct fx *fx, const char *traddr, enum nvme_ana_state state, uint32_t group)
{
	struct nvmf_trid trid;
	bool done = false;

	parse(&trid, traddr);
	nvmf_subsystem_set_ana_state(fx->subsystem, &trid, state, group, expect_done, &done);
	fx_run(fx);
	g_assert_true(done);
}

static void set_group(struct fx *fx, uint32_t nsid, uint32_t group)
{
	bool done = false;

	nvmf_subsystem_set_ns_ana_group(fx->subsystem, nsid, group, expect_done, &done);
	fx_run(fx);
	g_assert_true(done);
}

/* Listeners on 127.0.0.1 and 127.0.0.2; namespaces 1, 2, 5. Nobody is connected. */
static struct fx *new_fx(unsigned nreactors)
{
	struct fx *fx = fx_new(nreactors);

	fx->subsystem->ana_reporting = true;
	fx_listen(fx->subsystem, "127.0.0.2", "4420");
	fx_add_ns(fx, 1, 1024, 512);
	fx_add_ns(fx, 2, 1024, 512);
	fx_add_ns(fx, 5, 1024, 512);
	return fx;
}

static struct fx *new_connected(unsigned nreactors)
{
	struct fx *fx = new_fx(nreactors);

	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	return fx;
}

static uint16_t flush(struct fx_queue *q, uint32_t nsid)
{
	struct nvme_cmd cmd = fx_cmd(NVME_CMD_FLUSH, nsid, 0, 0);
	struct fx_req *r = fx_exec_on(q, &cmd, NVME_XFER_NONE, NULL, 0);
	uint16_t status = r->status;

	fx_req_free(r);
	return status;
}

static struct fx_req *read_log_on(struct fx_queue *q, uint32_t lsp, bool keep, uint64_t offset,
				  uint32_t len)
{
	uint32_t numd = len / 4 - 1;
	struct nvme_cmd cmd =
		fx_cmd(NVME_ADMIN_GET_LOG_PAGE, NVME_NSID_ALL,
		       NVME_LOG_ANA | lsp | (keep ? 1u << 15 : 0) | numd << 16, numd >> 16);

	cmd.cdw12 = (uint32_t)offset;
	return fx_exec_on(q, &cmd, NVME_XFER_C2H, NULL, len);
}

/* --- what is reported ---------------------------------------------------------------------- */

static void test_identify(void)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 0, NVME_CNS_CTRLR, 0);
	struct fx *fx = new_connected(1);
	const struct nvme_id_ctrlr *id;

	id = (const void *)fx_exec(fx, &cmd, NULL, 4096)->data;
	g_assert_cmphex(id->cmic, ==, 0x0b);
	g_assert_cmphex(id->oaes & NVME_OAES_ANA, !=, 0);
	g_assert_cmphex(id->anacap, ==, 0x1f);
	g_assert_cmpuint(id->anatt, ==, 10);
	g_assert_cmpuint(id->anagrpmax, ==, FX_MAX_NS);
	g_assert_cmpuint(id->nanagrpid, ==, FX_MAX_NS);
	cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 5, NVME_CNS_NS, 0);
	g_assert_cmpuint(((const struct nvme_id_ns *)fx_exec(fx, &cmd, NULL, 4096)->data)->anagrpid,
			 ==, 5);
	fx_free(fx);

	/* Without ANA there is nothing of it. */
	fx = fx_new_ready(1);
	cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 0, NVME_CNS_CTRLR, 0);
	id = (const void *)fx_exec(fx, &cmd, NULL, 4096)->data;
	g_assert_cmphex(id->cmic, ==, 0x03);
	g_assert_cmphex(id->oaes & NVME_OAES_ANA, ==, 0);
	g_assert_cmpuint(id->anacap | id->anatt | id->anagrpmax | id->nanagrpid, ==, 0);
	assert_status(fx_get_log(fx, NVME_LOG_ANA, false, 0, 16),
		      NVME_SC_INVALID_LOG_PAGE | NVME_DNR);
	fx_free(fx);
}

static const struct nvme_ana_group *expect_group(const uint8_t *page, uint32_t *at, uint32_t grpid,
						 enum nvme_ana_state state, uint32_t nnsids)
{
	const struct nvme_ana_group *g = (const void *)(page + *at);

	g_assert_cmpuint(g->grpid, ==, grpid);
	g_assert_cmphex(g->state, ==, state);
	g_assert_cmpuint(g->nnsids, ==, nnsids);
	*at += (uint32_t)sizeof(*g) + nnsids * 4;
	return g;
}

static void test_log(void)
{
	struct fx *fx = new_connected(2);
	const struct nvme_ana_log *log;
	const struct nvme_ana_group *g;
	uint8_t whole[256];
	uint32_t at = 16, size;

	set_group(fx, 5, 2);
	set_state(fx, "127.0.0.1", NVME_ANA_NON_OPTIMIZED, 2);
	set_state(fx, "127.0.0.2", NVME_ANA_INACCESSIBLE, 1);
	set_state(fx, "127.0.0.1", NVME_ANA_CHANGE, 7); /* an empty group */
	assert_status(fx_get_log(fx, NVME_LOG_ANA, false, 0, 256), NVME_SUCCESS);
	memcpy(whole, fx->last->data, 256);
	log = (const void *)whole;
	g_assert_cmpuint(log->ngrps, ==, 2);
	g = expect_group(whole, &at, 1, NVME_ANA_OPTIMIZED, 1);
	g_assert_cmpuint(g->nsids[0], ==, 1);
	g = expect_group(whole, &at, 2, NVME_ANA_NON_OPTIMIZED, 2);
	g_assert_cmpuint(g->nsids[0], ==, 2);
	g_assert_cmpuint(g->nsids[1], ==, 5);
	size = at;
	for (; at < sizeof(whole); at++)
		g_assert_cmphex(whole[at], ==, 0);

	/* Any part of it; behind its end is nothing. */
	for (uint32_t offset = 0; offset <= size; offset += 4) {
		assert_status(fx_get_log(fx, NVME_LOG_ANA, false, offset, 8), NVME_SUCCESS);
		g_assert_cmpmem(fx->last->data, 8, whole + offset, 8);
	}
	assert_status(fx_get_log(fx, NVME_LOG_ANA, false, size + 4, 4), INVALID_FIELD);
	assert_status(fx_get_log(fx, NVME_LOG_ANA, false, 2, 4), INVALID_FIELD);
	fx_free(fx);
}

static void test_groups_only(void)
{
	struct fx *fx = new_connected(1);
	struct fx_req *r = read_log_on(fx->admin, RGO, false, 0, 128);
	uint32_t at = 16;

	assert_status(r, NVME_SUCCESS);
	g_assert_cmpuint(((const struct nvme_ana_log *)r->data)->ngrps, ==, 3);
	expect_group(r->data, &at, 1, NVME_ANA_OPTIMIZED, 0);
	expect_group(r->data, &at, 2, NVME_ANA_OPTIMIZED, 0);
	expect_group(r->data, &at, 5, NVME_ANA_OPTIMIZED, 0);
	fx_req_free(r);
	r = read_log_on(fx->admin, RGO, false, 16 + 3 * 32 + 4, 4);
	assert_status(r, INVALID_FIELD);
	fx_req_free(r);
	fx_free(fx);
}

/* As many as there can be: in a group each, and all in one. */
static void test_large(void)
{
	const struct nvmf_subsystem_options options = { .nqn = NQN_BIG,
							.max_namespaces = NVMF_MAX_NSID,
							.allow_any_host = true,
							.ana_reporting = true };
	struct fx *fx = fx_new(2);
	uint32_t at = 16, size = 16 + NVMF_MAX_NSID * 36;
	struct fx_queue *q = NULL;
	struct fx_req *r;

	fx->subsystem = nvmf_subsystem_create(fx->tgt, &options, NULL);
	fx_listen(fx->subsystem, "127.0.0.1", "4420");
	for (uint32_t nsid = 1; nsid <= NVMF_MAX_NSID; nsid++)
		fx_add_ns(fx, nsid, 64, 512);
	g_assert_cmphex(fx_connect_as(fx, &q, 0, NQN_BIG, FX_HOST), ==, NVME_SUCCESS);
	r = read_log_on(q, 0, false, 0, size);
	assert_status(r, NVME_SUCCESS);
	for (uint32_t nsid = 1; nsid <= NVMF_MAX_NSID; nsid++)
		g_assert_cmpuint(expect_group(r->data, &at, nsid, NVME_ANA_OPTIMIZED, 1)->nsids[0],
				 ==, nsid);
	g_assert_cmpuint(at, ==, size);
	fx_req_free(r);
	for (uint32_t nsid = 1; nsid < NVMF_MAX_NSID; nsid++)
		set_group(fx, nsid, NVMF_MAX_NSID);
	r = read_log_on(q, 0, false, 0, size);
	at = 16;
	expect_group(r->data, &at, NVMF_MAX_NSID, NVME_ANA_OPTIMIZED, NVMF_MAX_NSID);
	fx_req_free(r);
	fx_free(fx);
}

/* A reader in pieces can tell: the change count of the header moves with every change. */
static void test_change_count(void)
{
	struct fx *fx = new_connected(2);
	uint64_t last, now;

	for (unsigned i = 0; i < 7; i++) {
		fx_get_log(fx, NVME_LOG_ANA, true, 0, 16);
		last = ((const struct nvme_ana_log *)fx->last->data)->chgcnt;
		if (i == 0)
			set_state(fx, "127.0.0.1", NVME_ANA_INACCESSIBLE, 1);
		else if (i == 1)
			set_state(fx, "127.0.0.1", NVME_ANA_NON_OPTIMIZED, 0);
		else if (i == 2)
			set_group(fx, 1, 8);
		else if (i == 3)
			fx_add_ns(fx, 3, 1024, 512);
		else if (i == 4)
			fx_remove_ns(fx, 3);
		else if (i == 5)
			set_state(fx, "127.0.0.2", NVME_ANA_INACCESSIBLE, 1);
		else
			set_state(fx, "127.0.0.1", NVME_ANA_NON_OPTIMIZED, 2); /* is so */
		fx_get_log(fx, NVME_LOG_ANA, true, 0, 16);
		now = ((const struct nvme_ana_log *)fx->last->data)->chgcnt;
		if (i < 5)
			g_assert_cmpuint(now, >, last);
		else
			g_assert_cmpuint(now, ==, last);
	}
	fx_free(fx);
}

/* --- what I/O gets --------------------------------------------------------------------------- */

static void test_io(void)
{
	static const struct {
		enum nvme_ana_state state;
		uint16_t status;
	} cases[] = {
		{ NVME_ANA_INACCESSIBLE, NVME_SC_ANA_INACCESSIBLE },
		{ NVME_ANA_PERSISTENT_LOSS, NVME_SC_ANA_PERSISTENT_LOSS },
		{ NVME_ANA_CHANGE, NVME_SC_ANA_TRANSITION },
		{ NVME_ANA_NON_OPTIMIZED, NVME_SUCCESS },
		{ NVME_ANA_OPTIMIZED, NVME_SUCCESS },
	};
	struct fx *fx = new_connected(3);
	struct fx_queue *admin2 = NULL, *io2 = NULL;

	g_assert_cmphex(fx_connect_as(fx, &admin2, 1, FX_NQN, OTHER_HOST), ==, NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io_as(admin2, &io2, 1), ==, NVME_SUCCESS);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		set_state(fx, "127.0.0.1", cases[i].state, 2);
		g_assert_cmphex(flush(fx->io[1], 2), ==, cases[i].status);
		g_assert_cmphex(flush(fx->io[1], 1), ==, NVME_SUCCESS);
		g_assert_cmphex(flush(fx->io[1], 3), ==, INVALID_NS);
		g_assert_cmphex(flush(io2, 2), ==, NVME_SUCCESS);
	}
	/* All groups; then a namespace goes to one that is reached. */
	set_state(fx, "127.0.0.1", NVME_ANA_INACCESSIBLE, 0);
	g_assert_cmphex(flush(fx->io[1], 1), ==, NVME_SC_ANA_INACCESSIBLE);
	g_assert_cmphex(flush(fx->io[1], 5), ==, NVME_SC_ANA_INACCESSIBLE);
	set_state(fx, "127.0.0.1", NVME_ANA_OPTIMIZED, 8);
	set_group(fx, 5, 8);
	g_assert_cmphex(flush(fx->io[1], 5), ==, NVME_SUCCESS);
	g_assert_cmphex(flush(fx->io[1], 1), ==, NVME_SC_ANA_INACCESSIBLE);
	/* One that is added there, and a listener that comes back, begins anew. */
	fx_add_ns(fx, 8, 64, 512);
	g_assert_cmphex(flush(fx->io[1], 8), ==, NVME_SUCCESS);
	fx_unlisten(fx->subsystem, "127.0.0.1", "4420");
	g_assert_null(fx->admin);
	g_assert_cmphex(flush(io2, 1), ==, NVME_SUCCESS);
	fx_listen(fx->subsystem, "127.0.0.1", "4420");
	g_assert_cmpint(nvmf_listener_ana_state(g_ptr_array_index(fx->subsystem->listeners, 1), 1),
			==, NVME_ANA_OPTIMIZED);
	fx_free(fx);
}

/* A read that waits for its buffer when the path goes: it has not been done, and is not. */
static void test_waiting_read(void)
{
	struct nvme_cmd cmd = fx_cmd(NVME_CMD_READ, 1, 0, 0);
	struct fx *fx = new_connected(1);
	GPtrArray *held = g_ptr_array_new_with_free_func((GDestroyNotify)buf_put);
	struct buf *buf;
	struct fx_req *r;

	while ((buf = buf_get(fx->ctrlr->owner->bufs, 512)) != NULL)
		g_ptr_array_add(held, buf);
	r = fx_send(fx->io[1], &cmd, NVME_XFER_C2H, NULL, 512);
	fx_run(fx);
	g_assert_false(r->done);
	set_state(fx, "127.0.0.1", NVME_ANA_INACCESSIBLE, 1);
	g_assert_false(r->done);
	g_ptr_array_unref(held);
	fx_run(fx);
	g_assert_true(r->done);
	assert_status(r, NVME_SC_ANA_INACCESSIBLE);
	fx_req_free(r);
	fx_free(fx);
}

/* --- notices -----------------------------------------------------------------------------------
 */

static void enable_notice(struct fx *fx)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC,
				     NVME_OAES_ANA | NVME_OAES_NS_ATTR);

	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
}

static void test_notice(void)
{
	struct fx *fx = new_connected(2);
	struct fx_req *a = fx_send_aer(fx, 1), *b = fx_send_aer(fx, 2);

	enable_notice(fx);
	set_state(fx, "127.0.0.1", NVME_ANA_OPTIMIZED, 0);    /* is so */
	set_state(fx, "127.0.0.2", NVME_ANA_INACCESSIBLE, 0); /* not this path */
	g_assert_false(a->done);
	set_state(fx, "127.0.0.1", NVME_ANA_INACCESSIBLE, 1);
	g_assert_true(a->done);
	g_assert_cmphex(a->value, ==, TOLD);
	set_state(fx, "127.0.0.1", NVME_ANA_CHANGE, 1);
	g_assert_false(b->done); /* masked until it is read */
	assert_status(fx_get_log(fx, NVME_LOG_ANA, true, 0, 64), NVME_SUCCESS);
	g_assert_false(b->done);
	assert_status(fx_get_log(fx, NVME_LOG_ANA, false, 0, 64), NVME_SUCCESS);
	g_assert_false(b->done); /* it showed both */
	set_group(fx, 1, 3);
	g_assert_true(b->done);
	g_assert_cmphex(b->value, ==, TOLD);
	fx_req_free(a);
	fx_req_free(b);
	/* A change since the beginning of the log was read is told after a later piece. */
	a = fx_send_aer(fx, 3);
	assert_status(fx_get_log(fx, NVME_LOG_ANA, true, 0, 16), NVME_SUCCESS);
	set_state(fx, "127.0.0.1", NVME_ANA_PERSISTENT_LOSS, 1);
	g_assert_false(a->done);
	assert_status(fx_get_log(fx, NVME_LOG_ANA, false, 16, 64), NVME_SUCCESS);
	g_assert_true(a->done);
	g_assert_cmphex(a->value, ==, TOLD);
	fx_req_free(a);
	fx_free(fx);
}

/* A change of group is no change of the namespace's attributes. */
static void test_group_notice(void)
{
	struct fx *fx = new_connected(2);
	struct fx_req *a = fx_send_aer(fx, 1), *b = fx_send_aer(fx, 2);

	enable_notice(fx);
	set_group(fx, 2, 2); /* is so */
	g_assert_false(a->done);
	set_group(fx, 2, 1);
	g_assert_true(a->done);
	g_assert_cmphex(a->value, ==, TOLD);
	g_assert_false(b->done);
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 0, 4), NVME_SUCCESS);
	g_assert_cmphex(fx->last->data[0], ==, 0);
	fx_req_free(a);
	fx_drop(fx->admin);
	fx_req_free(b);
	fx_free(fx);
}

/* --- errors -------------------------------------------------------------------------------------
 */

static void refused(struct fx *fx, struct nvmf_subsystem *s, const char *traddr, uint32_t group,
		    const char *part)
{
	g_autofree char *detail = NULL;
	struct nvmf_trid trid;

	parse(&trid, traddr);
	nvmf_subsystem_set_ana_state(s, &trid, NVME_ANA_INACCESSIBLE, group, expect_error, &detail);
	fx_run(fx);
	g_assert_nonnull(strstr(detail, part));
}

static void group_refused(struct fx *fx, uint32_t nsid, uint32_t group, const char *part)
{
	g_autofree char *detail = NULL;

	nvmf_subsystem_set_ns_ana_group(fx->subsystem, nsid, group, expect_error, &detail);
	fx_run(fx);
	g_assert_nonnull(strstr(detail, part));
}

static void test_errors(void)
{
	struct nvmf_ns_options o = { .bdev_name = "Null9", .anagrpid = FX_MAX_NS + 1 };
	struct fx *fx = new_fx(1);
	g_autofree char *detail = NULL;

	refused(fx, fx->subsystem, "127.0.0.3", 0, "does not listen on 127.0.0.3:4420");
	refused(fx, fx->subsystem, "127.0.0.1", FX_MAX_NS + 1, "groups 1 to 8");
	group_refused(fx, 1, 0, "groups 1 to 8");
	group_refused(fx, 1, FX_MAX_NS + 1, "groups 1 to 8");
	group_refused(fx, 3, 1, "has no namespace 3");
	group_refused(fx, FX_MAX_NS + 1, 1, "has no namespace 9");
	bdev_null_create(fx->bdevs, "Null9", 64, 512, NULL, NULL);
	nvmf_subsystem_add_ns(fx->subsystem, &o, NULL, expect_error, &detail);
	fx_run(fx);
	g_assert_nonnull(strstr(detail, "groups 1 to 8"));
	g_assert_false(bdev_is_claimed(bdev_find(fx->bdevs, "Null9")));
	fx->subsystem->ana_reporting = false;
	refused(fx, fx->subsystem, "127.0.0.1", 0, "reports no ANA");
	group_refused(fx, 1, 1, "reports no ANA");
	fx_free(fx);
}

static void ignore(void *arg, const GError *error)
{
	(void)error;
	++*(unsigned *)arg;
}

/* Changes under way when listener, namespace and subsystem go: each ends, once. */
static void test_with_removal(void)
{
	for (unsigned passes = 0; passes < 12; passes++) {
		struct fx *fx = new_connected(3);
		struct nvmf_trid trid;
		unsigned ended = 0;

		parse(&trid, "127.0.0.1");
		nvmf_subsystem_set_ns_ana_group(fx->subsystem, 2, 7, ignore, &ended);
		nvmf_subsystem_set_ana_state(fx->subsystem, &trid, NVME_ANA_CHANGE, 0, ignore,
					     &ended);
		for (unsigned i = 0; i < passes; i++)
			reactor_pass(fx->core->reactors[i % 3]);
		nvmf_subsystem_remove_ns(fx->subsystem, 2, ignore, &ended);
		nvmf_subsystem_remove_listener(fx->subsystem, &trid, ignore, &ended);
		nvmf_subsystem_delete(fx->subsystem, ignore, &ended);
		fx_run(fx);
		g_assert_cmpuint(ended, ==, 5);
		fx_free(fx);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/ana/identify", test_identify);
	g_test_add_func("/nvmf/ana/log", test_log);
	g_test_add_func("/nvmf/ana/groups-only", test_groups_only);
	g_test_add_func("/nvmf/ana/large", test_large);
	g_test_add_func("/nvmf/ana/change-count", test_change_count);
	g_test_add_func("/nvmf/ana/io", test_io);
	g_test_add_func("/nvmf/ana/waiting-read", test_waiting_read);
	g_test_add_func("/nvmf/ana/notice", test_notice);
	g_test_add_func("/nvmf/ana/group-notice", test_group_notice);
	g_test_add_func("/nvmf/ana/errors", test_errors);
	g_test_add_func("/nvmf/ana/with-removal", test_with_removal);
	return g_test_run();
}
