/* SPDX-License-Identifier: BSD-3-Clause */
/* The discovery log: who sees what, how it is read, and that changes are told. */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "tests/unit/nvmf/fixture.h"

#define NQN_A "nqn.2024-01.org.example:aaa"
#define NQN_Z "nqn.2024-01.org.example:zzz"
#define OTHER_HOST "nqn.2024-01.org.example:other-host"

static struct nvmf_subsystem *subsystem(struct fx *fx, const char *nqn, bool any_host)
{
	const struct nvmf_subsystem_options options = { .nqn = nqn, .allow_any_host = any_host };
	GError *error = NULL;
	struct nvmf_subsystem *s = nvmf_subsystem_create(fx->tgt, &options, &error);

	g_assert_no_error(error);
	fx_run(fx);
	return s;
}

static struct fx *new_discovery(unsigned nreactors)
{
	struct fx *fx = fx_new(nreactors);

	g_assert_cmphex(fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0), ==, NVME_SUCCESS);
	fx_set_cc(fx, FX_CC_EN);
	return fx;
}

/* Reads it whole, by command; the entries are copied. */
static unsigned read_log(struct fx *fx, struct nvme_discovery_entry *entries, unsigned max)
{
	const struct nvme_discovery_log *header;
	unsigned n;

	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 1024 + max * 1024),
		      NVME_SUCCESS);
	header = (const void *)fx->last->data;
	g_assert_cmpuint(header->genctr, ==, fx->tgt->genctr);
	g_assert_cmpuint(header->recfmt, ==, 0);
	n = (unsigned)header->numrec;
	g_assert_cmpuint(n, <=, max);
	memcpy(entries, fx->last->data + 1024, max * 1024);
	for (unsigned i = n; i < max; i++)
		g_assert_cmpuint(entries[i].trtype, ==, 0);
	return n;
}

static void expect_padded(const char *field, size_t len, const char *text)
{
	g_autofree char *want = g_malloc(len);

	nvme_pad(want, text, (unsigned)len);
	g_assert_cmpmem(field, len, want, len);
}

static void expect_entry(const struct nvme_discovery_entry *e, const char *nqn, const char *traddr,
			 const char *trsvcid, uint8_t subtype)
{
	g_assert_cmpstr(e->subnqn, ==, nqn);
	expect_padded(e->traddr, sizeof(e->traddr), traddr);
	expect_padded(e->trsvcid, sizeof(e->trsvcid), trsvcid);
	g_assert_cmpuint(e->subtype, ==, subtype);
	g_assert_cmpuint(e->trtype, ==, NVME_TRTYPE_TCP);
	g_assert_cmpuint(e->adrfam, ==, strchr(traddr, ':') ? NVME_ADRFAM_IPV6 : NVME_ADRFAM_IPV4);
	g_assert_cmphex(e->treq, ==, 4);
	g_assert_cmphex(e->cntlid, ==, 0xffff);
	g_assert_cmpuint(e->asqsz, ==, 128);
}

static void test_entries(void)
{
	struct fx *fx = new_discovery(2);
	struct nvme_discovery_entry e[8];
	uint16_t portid;

	g_assert_cmpuint(read_log(fx, e, 8), ==, 1);
	expect_entry(&e[0], FX_NQN, "127.0.0.1", "4420", NVME_SUBTYPE_NVM);
	portid = e[0].portid;
	fx_listen(subsystem(fx, NQN_Z, true), "127.0.0.1", "4420");
	fx_listen(subsystem(fx, NQN_A, true), "192.0.2.1", "4421");
	fx_listen(fx->subsystem, "2001:db8::1", "4420");
	g_assert_cmpuint(read_log(fx, e, 8), ==, 4);
	expect_entry(&e[0], NQN_A, "192.0.2.1", "4421", NVME_SUBTYPE_NVM);
	expect_entry(&e[1], FX_NQN, "127.0.0.1", "4420", NVME_SUBTYPE_NVM);
	expect_entry(&e[2], FX_NQN, "2001:db8::1", "4420", NVME_SUBTYPE_NVM);
	expect_entry(&e[3], NQN_Z, "127.0.0.1", "4420", NVME_SUBTYPE_NVM);
	g_assert_cmpuint(e[1].portid, ==, portid);
	g_assert_cmpuint(e[3].portid, ==, portid);
	g_assert_cmpuint(e[0].portid, !=, portid);
	g_assert_cmphex(e[0].eflags, ==, 0);
	fx_free(fx);
}

static void ignore(void *arg, const GError *error)
{
	(void)arg;
	g_assert_no_error(error);
}

static void test_hosts(void)
{
	struct fx *fx = new_discovery(1);
	struct nvme_discovery_entry e[4];
	struct nvmf_subsystem *s = subsystem(fx, NQN_A, false);
	GError *error = NULL;

	fx_listen(s, "127.0.0.1", "4420");
	g_assert_false(nvmf_subsystem_host_allowed(s, NULL));
	g_assert_false(nvmf_subsystem_host_allowed(s, FX_HOST));
	g_assert_true(nvmf_subsystem_host_allowed(fx->subsystem, NULL));
	g_assert_cmpuint(read_log(fx, e, 4), ==, 1);
	nvmf_subsystem_add_host(s, OTHER_HOST, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(read_log(fx, e, 4), ==, 1);
	nvmf_subsystem_add_host(s, FX_HOST, &error);
	g_assert_no_error(error);
	g_assert_true(nvmf_subsystem_host_allowed(s, FX_HOST));
	g_assert_false(nvmf_subsystem_host_allowed(s, NULL));
	g_assert_cmpuint(read_log(fx, e, 4), ==, 2);
	expect_entry(&e[0], NQN_A, "127.0.0.1", "4420", NVME_SUBTYPE_NVM);
	nvmf_subsystem_remove_host(s, FX_HOST, ignore, NULL);
	fx_run(fx);
	g_assert_cmpuint(read_log(fx, e, 4), ==, 1);
	fx_free(fx);
}

/* Wildcards become the address asked; of the other family there is none to show. */
static void test_wildcard(void)
{
	struct fx *fx = fx_new(1);
	struct nvmf_subsystem *s = subsystem(fx, NQN_A, true);
	struct nvme_discovery_entry e[4];

	fx_listen(s, "0.0.0.0", "4430");
	fx_listen(s, "::", "4431");
	g_assert_true(net_addr_parse(&fx->local, "198.51.100.9", "4420", NULL));
	fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmpuint(read_log(fx, e, 4), ==, 2);
	expect_entry(&e[0], NQN_A, "198.51.100.9", "4430", NVME_SUBTYPE_NVM);
	expect_entry(&e[1], FX_NQN, "127.0.0.1", "4420", NVME_SUBTYPE_NVM);
	fx_drop(fx->admin);
	g_assert_true(net_addr_parse(&fx->local, "2001:db8::9", "4420", NULL));
	fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmpuint(read_log(fx, e, 4), ==, 2);
	expect_entry(&e[0], NQN_A, "2001:db8::9", "4431", NVME_SUBTYPE_NVM);
	fx_free(fx);
}

static void test_own_listener(void)
{
	struct fx *fx = new_discovery(1);
	struct nvmf_subsystem *d = nvmf_subsystem_find(fx->tgt, "discovery");
	struct nvme_discovery_entry e[4];

	fx_listen(d, "127.0.0.1", "4420");
	fx_listen(d, "192.0.2.1", "8009");
	g_assert_cmpuint(read_log(fx, e, 4), ==, 3);
	expect_entry(&e[0], NVME_DISCOVERY_NQN, "127.0.0.1", "4420",
		     NVME_SUBTYPE_CURRENT_DISCOVERY);
	expect_entry(&e[1], NVME_DISCOVERY_NQN, "192.0.2.1", "8009", NVME_SUBTYPE_REFERRAL);
	expect_entry(&e[2], FX_NQN, "127.0.0.1", "4420", NVME_SUBTYPE_NVM);
	g_assert_cmphex(e[0].eflags, ==, 3);
	fx_free(fx);
}

/* Parts, as any log page; its end moves with the number of records. */
static void test_parts(void)
{
	struct fx *fx = new_discovery(2);
	uint8_t whole[4096];

	fx_listen(fx->subsystem, "192.0.2.1", "4420");
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 4096), NVME_SUCCESS);
	memcpy(whole, fx->last->data, sizeof(whole));
	g_assert_cmpuint(whole[8], ==, 2);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 16), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, whole, 16);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 1020, 1032), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, whole + 1020, 1032);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 3072, 1024), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, whole + 3072, 1024);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 3076, 4), INVALID_FIELD);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 2, 4), INVALID_FIELD);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 131076), INVALID_FIELD);
	fx_free(fx);
}

static struct fx_req *send_read(struct fx *fx)
{
	struct nvme_cmd cmd =
		fx_cmd(NVME_ADMIN_GET_LOG_PAGE, 0, NVME_LOG_DISCOVERY | 255u << 16, 0);

	return fx_send(fx->admin, &cmd, NVME_XFER_C2H, NULL, 1024);
}

/* All buffers of the controller's reactor. */
static GPtrArray *hold_buffers(struct fx *fx)
{
	GPtrArray *held = g_ptr_array_new_with_free_func((GDestroyNotify)buf_put);
	struct buf *buf;

	while ((buf = buf_get(fx->ctrlr->owner->bufs, 1024)) != NULL)
		g_ptr_array_add(held, buf);
	return held;
}

/* The queue dies while its log is being made; there being no buffer does not hold it up. */
static void test_dies(void)
{
	for (unsigned passes = 0; passes < 5; passes++) {
		struct fx *fx = new_discovery(2);
		GPtrArray *held = hold_buffers(fx);
		struct fx_req *r = send_read(fx);

		for (unsigned i = 0; i < passes; i++)
			reactor_pass(fx->core->reactors[i % 2]);
		nvmf_qpair_kill(&fx->admin->q);
		fx_run(fx);
		g_assert_true(r->done);
		g_assert_null(fx->admin);
		g_ptr_array_unref(held);
		fx_req_free(r);
		fx_free(fx);
	}
}

/* A log that becomes shorter while it is read: zeros behind its end, and another generation. */
static void test_shorter(void)
{
	struct fx *fx = new_discovery(2);
	uint64_t genctr;

	fx_listen(fx->subsystem, "192.0.2.1", "4420");
	fx_listen(fx->subsystem, "192.0.2.2", "4420");
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 16), NVME_SUCCESS);
	memcpy(&genctr, fx->last->data, 8);
	fx_unlisten(fx->subsystem, "192.0.2.1", "4420");
	fx_unlisten(fx->subsystem, "192.0.2.2", "4420");
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 3072, 1024), NVME_SUCCESS);
	for (unsigned i = 0; i < 1024; i++)
		g_assert_cmphex(fx->last->data[i], ==, 0);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 4100, 4), INVALID_FIELD);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 16), NVME_SUCCESS);
	g_assert_cmpint(memcmp(fx->last->data, &genctr, 8), !=, 0);
	g_assert_cmpuint(fx->last->data[8], ==, 1);
	fx_free(fx);
}

/* --- referrals ------------------------------------------------------------------------------ */

static void parse(struct nvmf_trid *trid, const char *traddr)
{
	g_assert_true(nvmf_trid_parse(trid, "TCP", NULL, traddr, "8009", NULL));
}

static void test_referrals(void)
{
	struct fx *fx = new_discovery(2);
	uint64_t genctr = fx->tgt->genctr;
	struct nvme_discovery_entry e[4];
	struct nvmf_trid a, b;

	parse(&a, "192.0.2.9");
	parse(&b, "2001:db8::9");
	g_assert_true(nvmf_discovery_add_referral(fx->tgt, &a, NULL, false, NULL));
	g_assert_cmpuint(fx->tgt->genctr, ==, genctr + 1);
	g_assert_true(nvmf_discovery_add_referral(fx->tgt, &b, NQN_A, true, NULL));
	g_assert_cmpuint(read_log(fx, e, 4), ==, 3);
	g_assert_cmpuint(e[1].subtype, ==, NVME_SUBTYPE_REFERRAL);
	g_assert_cmpuint(e[1].trtype, ==, NVME_TRTYPE_TCP);
	g_assert_cmpuint(e[1].adrfam, ==, NVME_ADRFAM_IPV4);
	g_assert_cmpstr(e[1].subnqn, ==, NVME_DISCOVERY_NQN);
	expect_padded(e[1].traddr, sizeof(e[1].traddr), "192.0.2.9");
	expect_padded(e[1].trsvcid, sizeof(e[1].trsvcid), "8009");
	g_assert_cmphex(e[1].treq, ==, 0);
	g_assert_cmphex(e[1].cntlid, ==, 0xffff);
	g_assert_cmpuint(e[1].asqsz, ==, 32);
	g_assert_cmpuint(e[2].adrfam, ==, NVME_ADRFAM_IPV6);
	g_assert_cmpstr(e[2].subnqn, ==, NQN_A);
	g_assert_cmphex(e[2].treq, ==, NVME_TREQ_REQUIRED);
	g_assert_cmphex(e[2].tsas[0], ==, 2);
	g_assert_true(nvmf_discovery_remove_referral(fx->tgt, &a, "discovery", NULL));
	g_assert_cmpuint(read_log(fx, e, 4), ==, 2);
	g_assert_cmpstr(e[1].subnqn, ==, NQN_A);
	g_assert_cmpuint(fx->tgt->genctr, ==, genctr + 3);
	fx_free(fx);
}

static void test_referral_errors(void)
{
	struct fx *fx = fx_new(1);
	uint64_t genctr = fx->tgt->genctr;
	struct nvmf_trid a, any;
	GError *error = NULL;

	parse(&a, "192.0.2.9");
	parse(&any, "0.0.0.0");
	g_assert_false(nvmf_discovery_add_referral(fx->tgt, &any, NULL, false, &error));
	g_assert_error(error, WEFT_ERROR, RPC_INVALID_PARAMS);
	g_clear_error(&error);
	g_assert_false(nvmf_discovery_add_referral(fx->tgt, &a, "no-nqn", false, &error));
	g_assert_error(error, WEFT_ERROR, RPC_INVALID_PARAMS);
	g_clear_error(&error);
	g_assert_false(nvmf_discovery_remove_referral(fx->tgt, &a, NULL, &error));
	g_assert_error(error, WEFT_ERROR, RPC_INVALID_PARAMS);
	g_clear_error(&error);
	g_assert_cmpuint(fx->tgt->genctr, ==, genctr);
	g_assert_true(nvmf_discovery_add_referral(fx->tgt, &a, NULL, false, NULL));
	g_assert_false(nvmf_discovery_add_referral(fx->tgt, &a, NULL, true, &error));
	g_assert_nonnull(strstr(weft_error_detail(error), "192.0.2.9:8009 already"));
	g_clear_error(&error);
	/* As many as there may be. */
	for (unsigned i = 1; i < 1024; i++) {
		g_autofree char *nqn = g_strdup_printf("nqn.2024-01.org.example:%u", i);

		g_assert_true(nvmf_discovery_add_referral(fx->tgt, &a, nqn, false, NULL));
	}
	g_assert_false(nvmf_discovery_add_referral(fx->tgt, &a, NQN_A, false, &error));
	g_assert_error(error, WEFT_ERROR, -ENOSPC);
	g_clear_error(&error);
	fx_free(fx);
}

/* --- filters, addresses, silence ---------------------------------------------------------------
 */

static void test_filters(void)
{
	static const struct {
		unsigned filters, seen;
	} cases[] = {
		{ 0, 4 },
		{ NVMF_FILTER_TRANSPORT, 4 },
		{ NVMF_FILTER_ADDRESS, 3 }, /* the wildcard is this address too */
		{ NVMF_FILTER_SVCID, 2 },
		{ NVMF_FILTER_ADDRESS | NVMF_FILTER_SVCID, 1 },
	};
	struct fx *fx = new_discovery(1);
	struct nvme_discovery_entry e[8];

	fx_listen(fx->subsystem, "127.0.0.1", "4421");
	fx_listen(fx->subsystem, "192.0.2.1", "4420");
	fx_listen(fx->subsystem, "0.0.0.0", "4422");
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		nvmf_discovery_set_filters(fx->tgt, cases[i].filters);
		fx_run(fx);
		g_assert_cmpuint(nvmf_discovery_filters(fx->tgt), ==, cases[i].filters);
		g_assert_cmpuint(read_log(fx, e, 8), ==, cases[i].seen);
	}
	fx_free(fx);
}

static uint64_t genctr_of(struct fx_queue *q)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_LOG_PAGE, 0, NVME_LOG_DISCOVERY | 3u << 16, 0);
	struct fx_req *r = fx_exec_on(q, &cmd, NVME_XFER_C2H, NULL, 16);
	uint64_t genctr;

	assert_status(r, NVME_SUCCESS);
	memcpy(&genctr, r->data, 8);
	fx_req_free(r);
	return genctr;
}

/* Whoever asks, through whatever listener: the same generation. */
static void test_one_generation(void)
{
	struct fx *fx = fx_new(3);
	struct fx_queue *q[3] = { NULL };
	GError *error = NULL;

	fx_listen(nvmf_subsystem_find(fx->tgt, "discovery"), "192.0.2.1", "8009");
	for (unsigned i = 0; i < 3; i++)
		g_assert_cmphex(fx_connect_as(fx, &q[i], i % 2, NVME_DISCOVERY_NQN,
					      i < 2 ? FX_HOST : OTHER_HOST),
				==, NVME_SUCCESS);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t genctr = genctr_of(q[0]);

		g_assert_cmpuint(genctr_of(q[1]), ==, genctr);
		g_assert_cmpuint(genctr_of(q[2]), ==, genctr);
		/* What changes nothing moves nothing. */
		nvmf_subsystem_allow_any_host(fx->subsystem, i % 2 == 0, &error);
		g_assert_cmpuint(genctr_of(q[1]), ==, genctr + (i > 0));
	}
	fx_free(fx);
}

static void advance(struct fx *fx, unsigned seconds)
{
	fx->fake->now += seconds * UINT64_C(1000000000);
	fx_run(fx);
}

/* Without keep-alive it ends after two minutes of silence; a persistent one by its own timeout. */
static void test_silence(void)
{
	struct fx *fx = new_discovery(2);

	advance(fx, 119);
	g_assert_nonnull(fx->admin);
	genctr_of(fx->admin);
	advance(fx, 119);
	g_assert_nonnull(fx->admin);
	advance(fx, 122);
	g_assert_null(fx->admin);
	g_assert_cmphex(fx_connect_admin(fx, NVME_DISCOVERY_NQN, 600000), ==, NVME_SUCCESS);
	fx_set_cc(fx, FX_CC_EN);
	advance(fx, 500);
	g_assert_nonnull(fx->admin);
	fx_free(fx);
}

/* Discovery Information Management is of centralized controllers: this is none. */
static void test_information_management(void)
{
	static const uint8_t data[1024];
	struct nvme_cmd cmd = fx_cmd(0x21, 0, 0, 0);
	struct fx *fx = new_discovery(1);

	assert_status(fx_exec(fx, &cmd, data, sizeof(data)), NVME_SC_INVALID_OPCODE | NVME_DNR);
	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SC_INVALID_OPCODE | NVME_DNR);
	genctr_of(fx->admin);
	fx_free(fx);
}

#define TOLD 0x0070f002u

static void test_notice(void)
{
	struct fx *fx = new_discovery(2);
	struct nvme_cmd cmd =
		fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC, NVME_OAES_DISCOVERY);
	struct fx_req *a = fx_send_aer(fx, 1), *b = fx_send_aer(fx, 2), *r;

	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	fx_run(fx);
	g_assert_false(a->done);
	fx_listen(fx->subsystem, "192.0.2.1", "4420");
	fx_run(fx);
	g_assert_true(a->done);
	g_assert_cmphex(a->value, ==, TOLD);
	fx_unlisten(fx->subsystem, "192.0.2.1", "4420");
	fx_listen(fx->subsystem, "192.0.2.2", "4420");
	fx_run(fx);
	g_assert_false(b->done); /* masked until read */
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, true, 0, 1024), NVME_SUCCESS);
	g_assert_false(b->done);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 0, 1024), NVME_SUCCESS);
	g_assert_false(b->done); /* it showed all */
	/* A change between the making of the page and its arrival is told. */
	fx_listen(fx->subsystem, "192.0.2.3", "4420");
	fx_run(fx);
	g_assert_true(b->done);
	fx_req_free(a);
	fx_req_free(b);
	a = fx_send_aer(fx, 3);
	r = send_read(fx);
	reactor_pass(core_main(fx->core));
	fx_unlisten(fx->subsystem, "192.0.2.3", "4420");
	g_assert_true(r->done);
	g_assert_cmpuint(r->data[0] | r->data[1] << 8, ==, fx->tgt->genctr - 1);
	g_assert_true(a->done);
	g_assert_cmphex(a->value, ==, TOLD);
	fx_req_free(r);
	fx_req_free(a);
	/* Only a read from the start shows the generation counter. */
	a = fx_send_aer(fx, 4);
	fx_listen(fx->subsystem, "192.0.2.4", "4420");
	fx_run(fx);
	assert_status(fx_get_log(fx, NVME_LOG_DISCOVERY, false, 1024, 1024), NVME_SUCCESS);
	g_assert_true(a->done);
	fx_req_free(a);
	fx_free(fx);
}

/* An I/O controller hears nothing of it. */
static void test_not_for_io(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC, NVME_OAES_NS_ATTR);
	struct fx_req *a = fx_send_aer(fx, 1);

	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	fx_listen(fx->subsystem, "192.0.2.1", "4420");
	fx_run(fx);
	g_assert_false(a->done);
	fx_drop(fx->admin);
	fx_req_free(a);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/discovery/entries", test_entries);
	g_test_add_func("/nvmf/discovery/hosts", test_hosts);
	g_test_add_func("/nvmf/discovery/wildcard", test_wildcard);
	g_test_add_func("/nvmf/discovery/own-listener", test_own_listener);
	g_test_add_func("/nvmf/discovery/parts", test_parts);
	g_test_add_func("/nvmf/discovery/dies", test_dies);
	g_test_add_func("/nvmf/discovery/shorter", test_shorter);
	g_test_add_func("/nvmf/discovery/referrals", test_referrals);
	g_test_add_func("/nvmf/discovery/referral-errors", test_referral_errors);
	g_test_add_func("/nvmf/discovery/filters", test_filters);
	g_test_add_func("/nvmf/discovery/one-generation", test_one_generation);
	g_test_add_func("/nvmf/discovery/silence", test_silence);
	g_test_add_func("/nvmf/discovery/information-management", test_information_management);
	g_test_add_func("/nvmf/discovery/notice", test_notice);
	g_test_add_func("/nvmf/discovery/not-for-io", test_not_for_io);
	return g_test_run();
}
