/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers, and the machine of CC and CSTS. */
#include "tests/unit/nvmf/fixture.h"

#define SHST_PROGRESS 0x4u

static void expect_get(struct fx *fx, uint32_t offset, uint8_t attrib, uint64_t value)
{
	struct fx_req *r = fx_property_get(fx, offset, attrib);

	assert_status(r, NVME_SUCCESS);
	g_assert_cmphex(r->value, ==, value);
}

static void test_values(void)
{
	struct fx *fx = fx_new(1);

	fx->transport->options.max_queue_depth = 1024;
	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	/* MQES 1023, CQR, TO 30, CSS NVM, 4 KiB pages only, CRWMS */
	expect_get(fx, NVME_REG_CAP, 1, 0x080000201e0103ffull);
	expect_get(fx, NVME_REG_VS, 0, 0x00020000);
	expect_get(fx, NVME_REG_CC, 0, 0);
	expect_get(fx, NVME_REG_CSTS, 0, 0);
	expect_get(fx, NVME_REG_NSSR, 0, 0);
	expect_get(fx, NVME_REG_CRTO, 0, 30);
	/* the upper bits of the attributes are reserved */
	expect_get(fx, NVME_REG_VS, 0xf8, 0x00020000);
	fx_free(fx);
}

static void test_refused(void)
{
	static const uint32_t reads[][2] = {
		{ NVME_REG_CAP, 0 },  { NVME_REG_VS, 1 },  { NVME_REG_CC, 1 }, { NVME_REG_CSTS, 1 },
		{ NVME_REG_CSTS, 2 }, { NVME_REG_CAP, 7 }, { 0x04, 0 },	       { 0x0c, 0 },
		{ 0x24, 0 },	      { 0x1000, 0 },	   { UINT32_MAX, 1 },
	};
	static const uint32_t writes[][2] = {
		{ NVME_REG_CC, 1 },   { NVME_REG_CC, 2 },   { NVME_REG_CAP, 1 }, { NVME_REG_VS, 0 },
		{ NVME_REG_CSTS, 0 }, { NVME_REG_NSSR, 0 }, { 0x15, 0 },	 { UINT32_MAX, 0 },
	};
	struct fx *fx = fx_new(1);

	fx_connect_admin(fx, FX_NQN, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(reads); i++) {
		struct fx_req *r = fx_property_get(fx, reads[i][0], (uint8_t)reads[i][1]);

		assert_status(r, INVALID_FIELD);
		g_assert_cmphex(r->value, ==, 0);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(writes); i++)
		assert_status(fx_property_set(fx, writes[i][0], (uint8_t)writes[i][1], FX_CC_EN),
			      INVALID_FIELD);
	g_assert_cmphex(fx_csts(fx), ==, 0);
	fx_free(fx);
}

static void test_enable_checks(void)
{
	static const struct {
		uint32_t cc, csts;
	} cases[] = {
		{ FX_CC_EN, NVME_CSTS_RDY },
		{ 0x00450001, NVME_CSTS_CFS },	      /* IOSQES 5 */
		{ 0x00470001, NVME_CSTS_CFS },	      /* IOSQES 7 */
		{ 0x00360001, NVME_CSTS_CFS },	      /* IOCQES 3 */
		{ 0x00560001, NVME_CSTS_CFS },	      /* IOCQES 5 */
		{ 0x00000001, NVME_CSTS_CFS },	      /* neither */
		{ FX_CC_EN | 1 << 4, NVME_CSTS_CFS }, /* CSS */
		{ FX_CC_EN | 6 << 4, NVME_CSTS_CFS },
		{ FX_CC_EN | 1 << 7, NVME_CSTS_CFS },  /* 8 KiB pages */
		{ FX_CC_EN | 1 << 11, NVME_CSTS_CFS }, /* weighted round robin */
	};
	struct fx *fx = fx_new(1);
	struct nvme_cmd ka = fx_cmd(NVME_ADMIN_KEEP_ALIVE, 0, 0, 0);

	fx_connect_admin(fx, FX_NQN, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		bool good = cases[i].csts == NVME_CSTS_RDY;

		fx_set_cc(fx, cases[i].cc);
		g_assert_cmphex(fx_csts(fx), ==, cases[i].csts);
		expect_get(fx, NVME_REG_CC, 0, cases[i].cc);
		assert_status(fx_exec(fx, &ka, NULL, 0),
			      good ? NVME_SUCCESS : NVME_SC_SEQUENCE_ERROR | NVME_DNR);
		fx_set_cc(fx, 0);
		g_assert_cmphex(fx_csts(fx), ==, 0);
		assert_status(fx_exec(fx, &ka, NULL, 0), NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	}
	fx_free(fx);
}

/* Discovery controllers have no I/O queues, and so no entry sizes. */
static void test_discovery_enable(void)
{
	struct fx *fx = fx_new(1);

	g_assert_cmphex(fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0), ==, NVME_SUCCESS);
	fx_set_cc(fx, NVME_CC_EN);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
	fx_set_cc(fx, 0);
	fx_set_cc(fx, NVME_CC_EN | 1 << 7);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_CFS);
	fx_free(fx);
}

/* While enabled, only EN and SHN can be written. */
static void test_fixed_while_enabled(void)
{
	struct fx *fx = fx_new_ready(1);

	fx_set_cc(fx, 0x00120000 | 3 << 7 | NVME_CC_EN);
	expect_get(fx, NVME_REG_CC, 0, FX_CC_EN);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
	fx_free(fx);
}

/* A Property Set that is not run to its end. */
static struct fx_req *send_cc(struct fx *fx, uint32_t cc)
{
	struct nvme_property_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.fctype = NVME_FCTYPE_PROPERTY_SET,
		.offset = NVME_REG_CC,
		.value = cc,
	};

	return fx_send(fx->admin, (const struct nvme_cmd *)(const void *)&cmd, NVME_XFER_NONE, NULL,
		       0);
}

static void expect_send_cc(struct fx *fx, uint32_t cc, uint16_t status)
{
	struct fx_req *r = send_cc(fx, cc);

	assert_status(r, status);
	fx_req_free(r);
}

static void test_reset(void)
{
	struct fx *fx = fx_new_ready(2);
	struct nvme_cmd set = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC, NVME_OAES_NS_ATTR);
	struct fx_req *aer;

	assert_status(fx_exec(fx, &set, NULL, 0), NVME_SUCCESS);
	set = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_QUEUES, 0x10001);
	assert_status(fx_exec(fx, &set, NULL, 0), NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io(fx, 2), ==, NVME_SUCCESS);
	aer = fx_send_aer(fx, 7);
	/* RDY stays until the I/O queues are gone. */
	expect_send_cc(fx, 0, NVME_SUCCESS);
	g_assert_true(aer->done);
	assert_status(aer, NVME_SC_ABORT_REQUESTED);
	fx_req_free(aer);
	g_assert_cmphex(fx->ctrlr->csts, ==, NVME_CSTS_RDY);
	g_assert_nonnull(fx->io[1]);
	fx_run(fx);
	g_assert_null(fx->io[1]);
	g_assert_null(fx->io[2]);
	g_assert_cmphex(fx_csts(fx), ==, 0);
	fx_set_cc(fx, FX_CC_EN);
	set = fx_cmd(NVME_ADMIN_GET_FEATURES, 0, NVME_FEAT_AEC, 0);
	g_assert_cmphex(fx_exec(fx, &set, NULL, 0)->value, ==, 0);
	set = fx_cmd(NVME_ADMIN_GET_FEATURES, 0, NVME_FEAT_QUEUES, 0);
	g_assert_cmphex(fx_exec(fx, &set, NULL, 0)->value, ==, 126 << 16 | 126);
	g_assert_cmphex(fx_connect_io(fx, 3), ==, NVME_SUCCESS);
	fx_free(fx);
}

/* Enabling again before the reset is over is out of order, and changes nothing. */
static void test_enable_too_soon(void)
{
	struct fx *fx = fx_new_ready(2);
	struct nvme_cmd ka = fx_cmd(NVME_ADMIN_KEEP_ALIVE, 0, 0, 0);
	struct fx_req *r;

	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	expect_send_cc(fx, 0, NVME_SUCCESS);
	expect_send_cc(fx, FX_CC_EN, NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	g_assert_cmphex(fx->ctrlr->cc, ==, 0);
	g_assert_cmphex(fx->ctrlr->csts, ==, NVME_CSTS_RDY);
	r = fx_send(fx->admin, &ka, NVME_XFER_NONE, NULL, 0);
	assert_status(r, NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	fx_req_free(r);
	fx_run(fx);
	g_assert_cmphex(fx_csts(fx), ==, 0);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
	fx_free(fx);
}

static void test_shutdown(void)
{
	for (uint32_t shn = 1; shn <= 2; shn++) {
		struct fx *fx = fx_new_ready(2);

		g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
		expect_send_cc(fx, FX_CC_EN | shn << 14, NVME_SUCCESS);
		g_assert_cmphex(fx->ctrlr->csts, ==, NVME_CSTS_RDY | SHST_PROGRESS);
		fx_run(fx);
		g_assert_null(fx->io[1]);
		g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY | NVME_CSTS_SHST_COMPLETE);
		/* said again: stays complete */
		fx_set_cc(fx, FX_CC_EN | shn << 14);
		g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY | NVME_CSTS_SHST_COMPLETE);
		/* a reset brings it back */
		fx_set_cc(fx, FX_CC_GOOD | shn << 14);
		g_assert_cmphex(fx_csts(fx), ==, 0);
		fx_set_cc(fx, FX_CC_EN);
		g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
		fx_free(fx);
	}
}

/* Reset during a shutdown: the reset wins. And a shutdown of a controller never enabled. */
static void test_shutdown_mixed(void)
{
	struct fx *fx = fx_new_ready(2);

	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	expect_send_cc(fx, FX_CC_EN | 1 << 14, NVME_SUCCESS);
	expect_send_cc(fx, FX_CC_GOOD | 1 << 14, NVME_SUCCESS);
	fx_run(fx);
	g_assert_cmphex(fx_csts(fx), ==, 0);
	fx_set_cc(fx, 0);
	fx_set_cc(fx, 1 << 14);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_SHST_COMPLETE);
	fx_free(fx);
}

/* --- subsystem reset, association timeout ------------------------------------------------- */

#define NSSR_VALUE 0x4e564d65u
#define NSSRO 0x10u
#define SECOND UINT64_C(1000000000)

static void test_nssr_off(void)
{
	struct fx *fx = fx_new_ready(1);

	assert_status(fx_property_set(fx, NVME_REG_NSSR, 0, NSSR_VALUE), INVALID_FIELD);
	assert_status(fx_property_set(fx, NVME_REG_CSTS, 0, NSSRO), INVALID_FIELD);
	g_assert_nonnull(fx->admin);
	fx_free(fx);
}

/* All controllers of the subsystem are reset; they tell of it until told not to, as new ones do. */
static void test_nssr(void)
{
	struct fx *fx = fx_new(3);
	struct fx_queue *other;

	fx->subsystem->enable_nssr = true;
	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	g_assert_cmphex(fx_property_get(fx, NVME_REG_CAP, 1)->value >> 36 & 1, ==, 1);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	other = fx->admin;
	other->self = &fx->io[3];
	fx->io[3] = other;
	fx->admin = NULL;
	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	fx_set_cc(fx, FX_CC_EN);
	/* another value, and another size, do nothing */
	assert_status(fx_property_set(fx, NVME_REG_NSSR, 0, NSSR_VALUE + 1), NVME_SUCCESS);
	assert_status(fx_property_set(fx, NVME_REG_NSSR, 1, NSSR_VALUE), INVALID_FIELD);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
	assert_status(fx_property_set(fx, NVME_REG_NSSR, 0, NSSR_VALUE), NVME_SUCCESS);
	g_assert_null(fx->io[1]);
	g_assert_cmphex(fx_csts(fx), ==, NSSRO);
	g_assert_cmphex(other->q.ctrlr->csts | other->q.ctrlr->cc, ==, 0);
	g_assert_true(other->q.ctrlr->nssro);
	fx_drop(fx->admin);
	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	g_assert_cmphex(fx_csts(fx), ==, NSSRO);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmphex(fx_csts(fx), ==, NSSRO | NVME_CSTS_RDY);
	assert_status(fx_property_set(fx, NVME_REG_CSTS, 0, 1), NVME_SUCCESS);
	g_assert_cmphex(fx_csts(fx), ==, NSSRO | NVME_CSTS_RDY);
	assert_status(fx_property_set(fx, NVME_REG_CSTS, 0, NSSRO), NVME_SUCCESS);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
	fx_free(fx);
}

static void wait_for(struct fx *fx, uint64_t ns)
{
	fx->fake->now += ns;
	fx_run(fx);
}

/* Never enabled, reset and not enabled again, shut down: each ends after 120 s; enabled: never. */
static void test_association(void)
{
	struct fx *fx = fx_new(2);

	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	wait_for(fx, 120 * SECOND - 1);
	g_assert_nonnull(fx->admin);
	wait_for(fx, 1);
	g_assert_null(fx->admin);
	for (unsigned i = 0; i < 3; i++) {
		g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
		wait_for(fx, 100 * SECOND);
		fx_set_cc(fx, i == 2 ? FX_CC_EN | 1 << 7 : FX_CC_EN);
		if (i < 2) {
			wait_for(fx, 1000 * SECOND);
			fx_set_cc(fx, i == 0 ? 0 : FX_CC_EN | 1 << 14);
			wait_for(fx, 120 * SECOND - 1);
			g_assert_nonnull(fx->admin);
		}
		wait_for(fx, 20 * SECOND);
		g_assert_null(fx->admin);
	}
	fx_free(fx);
}

/* Properties are of the admin queue. */
static void test_io_queue(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_property_cmd cmd = { .opcode = NVME_OP_FABRICS,
					 .fctype = NVME_FCTYPE_PROPERTY_GET,
					 .offset = NVME_REG_VS };
	struct fx_req *r;

	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	r = fx_send(fx->io[1], (const struct nvme_cmd *)(const void *)&cmd, NVME_XFER_NONE, NULL,
		    0);
	g_assert_true(r->done);
	g_assert_cmphex(r->status, !=, NVME_SUCCESS);
	fx_req_free(r);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/property/values", test_values);
	g_test_add_func("/nvmf/property/refused", test_refused);
	g_test_add_func("/nvmf/property/enable-checks", test_enable_checks);
	g_test_add_func("/nvmf/property/discovery-enable", test_discovery_enable);
	g_test_add_func("/nvmf/property/fixed-while-enabled", test_fixed_while_enabled);
	g_test_add_func("/nvmf/property/reset", test_reset);
	g_test_add_func("/nvmf/property/enable-too-soon", test_enable_too_soon);
	g_test_add_func("/nvmf/property/shutdown", test_shutdown);
	g_test_add_func("/nvmf/property/shutdown-mixed", test_shutdown_mixed);
	g_test_add_func("/nvmf/property/nssr-off", test_nssr_off);
	g_test_add_func("/nvmf/property/nssr", test_nssr);
	g_test_add_func("/nvmf/property/association", test_association);
	g_test_add_func("/nvmf/property/io-queue", test_io_queue);
	return g_test_run();
}
