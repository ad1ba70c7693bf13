/* SPDX-License-Identifier: BSD-3-Clause */
/* Set and Get Features, and keep-alive, which is one of them. */
#include <string.h>

#include "tests/unit/nvmf/fixture.h"

#define SV (1u << 31)
#define NOT_SAVEABLE (NVME_SC_FEATURE_NOT_SAVEABLE | NVME_DNR)
#define NOT_CHANGEABLE (NVME_SC_FEATURE_NOT_CHANGEABLE | NVME_DNR)
#define MS UINT64_C(1000000)

static struct fx_req *set_ns(struct fx *fx, uint32_t nsid, uint32_t fid, uint32_t cdw11)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_SET_FEATURES, nsid, fid, cdw11);

	return fx_exec(fx, &cmd, NULL, 0);
}

static struct fx_req *set(struct fx *fx, uint32_t fid, uint32_t cdw11)
{
	return set_ns(fx, 0, fid, cdw11);
}

static struct fx_req *get(struct fx *fx, uint32_t fid, unsigned sel, uint32_t cdw11, uint32_t len)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_FEATURES, NVME_NSID_ALL, fid | sel << 8, cdw11);

	return fx_exec(fx, &cmd, NULL, len);
}

static uint64_t value(struct fx *fx, uint32_t fid)
{
	struct fx_req *r = get(fx, fid, 0, 0, 0);

	assert_status(r, NVME_SUCCESS);
	return r->value;
}

static void test_unknown(void)
{
	static const uint8_t known[] = { 1, 2, 4, 5, 6, 7, 0x0a, 0x0b, 0x0f, 0x16, 0x81, 0x84 };
	static const uint8_t discovery[] = { 0x0b, 0x0f, 0x81 };
	struct fx *fx = fx_new_ready(1);

	for (unsigned fid = 0; fid < 256; fid++) {
		if (memchr(known, (int)fid, sizeof(known)))
			continue;
		assert_status(set(fx, fid, 0), INVALID_FIELD);
		assert_status(set(fx, fid | SV, 0), INVALID_FIELD);
		assert_status(get(fx, fid, 0, 0, 0), INVALID_FIELD);
		assert_status(get(fx, fid, 3, 0, 0), INVALID_FIELD);
	}
	fx_drop(fx->admin);
	fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0);
	fx_set_cc(fx, FX_CC_EN);
	for (unsigned fid = 0; fid < 256; fid++) {
		bool good = memchr(discovery, (int)fid, sizeof(discovery)) != NULL;

		assert_status(get(fx, fid, 3, 0, 0), good ? NVME_SUCCESS : INVALID_FIELD);
		if (!good)
			assert_status(set(fx, fid, 0), INVALID_FIELD);
	}
	assert_status(set(fx, NVME_FEAT_AEC, NVME_OAES_DISCOVERY), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_AEC, NVME_OAES_NS_ATTR), INVALID_FIELD);
	fx_free(fx);
}

static void test_select(void)
{
	static const struct {
		uint8_t fid;
		uint32_t deflt, capabilities;
	} cases[] = {
		{ NVME_FEAT_ARBITRATION, 0, 4 },
		{ NVME_FEAT_POWER, 0, 4 },
		{ NVME_FEAT_TEMPERATURE, 0xffff, 4 },
		{ NVME_FEAT_ERROR_RECOVERY, 0, 2 },
		{ NVME_FEAT_VWC, 1, 0 },
		{ NVME_FEAT_QUEUES, 126 << 16 | 126, 4 },
		{ NVME_FEAT_WRITE_ATOMICITY, 0, 4 },
		{ NVME_FEAT_AEC, 0, 4 },
		{ NVME_FEAT_KATO, 0, 4 },
	};
	struct fx *fx = fx_new_ready(1);

	assert_status(set(fx, NVME_FEAT_KATO, 60000), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_AEC, 0x100), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_QUEUES, 0), NVME_SUCCESS);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_cmphex(get(fx, cases[i].fid, 1, 0, 0)->value, ==, cases[i].deflt);
		g_assert_cmphex(get(fx, cases[i].fid, 2, 0, 0)->value, ==, cases[i].deflt);
		g_assert_cmphex(get(fx, cases[i].fid, 3, 0, 0)->value, ==, cases[i].capabilities);
		for (unsigned sel = 4; sel < 8; sel++)
			assert_status(get(fx, cases[i].fid, sel, 0, 0), INVALID_FIELD);
		assert_status(set(fx, cases[i].fid | SV, 0), NOT_SAVEABLE);
	}
	g_assert_cmphex(value(fx, NVME_FEAT_KATO), ==, 60000);
	g_assert_cmphex(value(fx, NVME_FEAT_AEC), ==, 0x100);
	g_assert_cmphex(value(fx, NVME_FEAT_QUEUES), ==, 0);
	fx_free(fx);
}

static void test_simple(void)
{
	static const struct {
		uint8_t fid;
		uint32_t set;
		uint16_t status;
		uint32_t then;
	} cases[] = {
		{ NVME_FEAT_ARBITRATION, 0x030201ff, NVME_SUCCESS, 0x03020107 },
		{ NVME_FEAT_POWER, 0x20, NVME_SUCCESS, 0x20 },
		{ NVME_FEAT_POWER, 0x01, INVALID_FIELD, 0x20 },
		{ NVME_FEAT_ERROR_RECOVERY, 0, NVME_SUCCESS, 0 },
		{ NVME_FEAT_ERROR_RECOVERY, 1, NOT_CHANGEABLE, 0 },
		{ NVME_FEAT_ERROR_RECOVERY, 1 << 16, NOT_CHANGEABLE, 0 },
		{ NVME_FEAT_VWC, 1, NVME_SUCCESS, 1 },
		{ NVME_FEAT_VWC, 0, NOT_CHANGEABLE, 1 },
		{ NVME_FEAT_WRITE_ATOMICITY, 3, NVME_SUCCESS, 1 },
		{ NVME_FEAT_AEC, 0x1ff, NVME_SUCCESS, 0x1ff },
		{ NVME_FEAT_AEC, 0x200, INVALID_FIELD, 0x1ff },
		{ NVME_FEAT_AEC, 0x800, INVALID_FIELD, 0x1ff },
		{ NVME_FEAT_AEC, 0x80000000u, INVALID_FIELD, 0x1ff },
	};
	struct fx *fx = fx_new_ready(1);

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		assert_status(set_ns(fx, NVME_NSID_ALL, cases[i].fid, cases[i].set),
			      cases[i].status);
		g_assert_cmphex(value(fx, cases[i].fid), ==, cases[i].then);
	}
	fx_free(fx);
}

static void test_temperature(void)
{
	struct fx *fx = fx_new_ready(1);

	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 0x155), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 1 << 20 | 0x100), NVME_SUCCESS);
	g_assert_cmphex(get(fx, NVME_FEAT_TEMPERATURE, 0, 0, 0)->value, ==, 0x155);
	g_assert_cmphex(get(fx, NVME_FEAT_TEMPERATURE, 0, 1 << 20, 0)->value, ==, 0x100);
	g_assert_cmphex(get(fx, NVME_FEAT_TEMPERATURE, 1, 1 << 20, 0)->value, ==, 0);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 0xf << 16 | 0x123), NVME_SUCCESS);
	g_assert_cmphex(get(fx, NVME_FEAT_TEMPERATURE, 0, 0, 0)->value, ==, 0x123);
	for (uint32_t bad = 1; bad < 0xf; bad++) {
		assert_status(set(fx, NVME_FEAT_TEMPERATURE, bad << 16), INVALID_FIELD);
		assert_status(get(fx, NVME_FEAT_TEMPERATURE, 0, bad << 16, 0), INVALID_FIELD);
	}
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 2 << 20), INVALID_FIELD);
	assert_status(get(fx, NVME_FEAT_TEMPERATURE, 0, 3 << 20, 0), INVALID_FIELD);
	fx_free(fx);
}

static void test_nsid(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_FEATURES, 0, NVME_FEAT_ERROR_RECOVERY, 0);

	assert_status(set_ns(fx, 1, NVME_FEAT_ARBITRATION, 0), NVME_SC_FEATURE_NOT_NS | NVME_DNR);
	assert_status(set_ns(fx, FX_MAX_NS, NVME_FEAT_KATO, 0), NVME_SC_FEATURE_NOT_NS | NVME_DNR);
	assert_status(set_ns(fx, FX_MAX_NS + 1, NVME_FEAT_KATO, 0), INVALID_NS);
	assert_status(set_ns(fx, 0, NVME_FEAT_ERROR_RECOVERY, 0), INVALID_NS);
	assert_status(set_ns(fx, 1, NVME_FEAT_ERROR_RECOVERY, 0), NVME_SUCCESS);
	assert_status(set_ns(fx, FX_MAX_NS + 1, NVME_FEAT_ERROR_RECOVERY, 0), INVALID_NS);
	assert_status(fx_exec(fx, &cmd, NULL, 0), INVALID_NS);
	cmd.nsid = FX_MAX_NS;
	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	cmd.nsid = FX_MAX_NS + 1;
	assert_status(fx_exec(fx, &cmd, NULL, 0), INVALID_NS);
	fx_free(fx);
}

static uint32_t protection(struct fx *fx, uint32_t nsid)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_FEATURES, nsid, NVME_FEAT_WRITE_PROTECT, 0);

	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	return (uint32_t)fx->last->value;
}

static uint16_t write_block(struct fx *fx, uint16_t qid, uint32_t nsid)
{
	static const uint8_t zeros[512];
	struct nvme_cmd cmd = fx_cmd(NVME_CMD_WRITE, nsid, 0, 0);
	struct fx_req *r = fx_send(fx->io[qid], &cmd, NVME_XFER_H2C, zeros, sizeof(zeros));
	uint16_t status;

	fx_run(fx);
	g_assert_true(r->done);
	status = r->status;
	fx_req_free(r);
	return status;
}

/* Protected on every reactor once it is answered, told to hosts, and seen in Identify. */
static void test_write_protection(void)
{
	struct fx *fx = fx_new_ready(3);
	struct nvme_cmd id = fx_cmd(NVME_ADMIN_IDENTIFY, 1, NVME_CNS_NS, 0);
	struct fx_req *aer;

	fx_add_ns(fx, 1, 64, 512);
	fx_add_ns(fx, 2, 64, 512);
	for (uint16_t qid = 1; qid <= 3; qid++)
		g_assert_cmphex(fx_connect_io(fx, qid), ==, NVME_SUCCESS);
	fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 0, 4096);
	assert_status(set(fx, NVME_FEAT_AEC, NVME_OAES_NS_ATTR), NVME_SUCCESS);
	aer = fx_send_aer(fx, 7);
	g_assert_cmpuint(protection(fx, 1), ==, 0);
	assert_status(set_ns(fx, 1, NVME_FEAT_WRITE_PROTECT, 1), NVME_SUCCESS);
	g_assert_true(aer->done);
	fx_req_free(aer);
	fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 0, 4096);
	g_assert_cmpuint(fx->last->data[0], ==, 1);
	g_assert_cmpuint(protection(fx, 1), ==, 1);
	g_assert_cmpuint(protection(fx, 2), ==, 0);
	fx_exec(fx, &id, NULL, 4096);
	g_assert_cmphex(((const struct nvme_id_ns *)(const void *)fx->last->data)->nsattr, ==, 1);
	for (uint16_t qid = 1; qid <= 3; qid++) {
		g_assert_cmphex(write_block(fx, qid, 1), ==, NVME_SC_NS_WRITE_PROTECTED | NVME_DNR);
		g_assert_cmphex(write_block(fx, qid, 2), ==, NVME_SUCCESS);
	}
	assert_status(set_ns(fx, 1, NVME_FEAT_WRITE_PROTECT, 1), NVME_SUCCESS);
	assert_status(set_ns(fx, 1, NVME_FEAT_WRITE_PROTECT, 0), NVME_SUCCESS);
	for (uint16_t qid = 1; qid <= 3; qid++)
		g_assert_cmphex(write_block(fx, qid, 1), ==, NVME_SUCCESS);
	for (uint32_t state = 2; state < 8; state++)
		assert_status(set_ns(fx, 1, NVME_FEAT_WRITE_PROTECT, state), INVALID_FIELD);
	assert_status(set_ns(fx, 3, NVME_FEAT_WRITE_PROTECT, 1), INVALID_NS);
	assert_status(set_ns(fx, NVME_NSID_ALL, NVME_FEAT_WRITE_PROTECT, 1), INVALID_NS);
	assert_status(set_ns(fx, 0, NVME_FEAT_WRITE_PROTECT, 1), INVALID_NS);
	fx_free(fx);
}

/* The administrator's word is the last. */
static void test_read_only(void)
{
	struct nvmf_ns_options o = { .bdev_name = "Null1", .nsid = 1, .read_only = true };
	struct fx *fx = fx_new_ready(1);

	fx_add_ns(fx, 1, 64, 512);
	fx_remove_ns(fx, 1);
	nvmf_subsystem_add_ns(fx->subsystem, &o, NULL, NULL, NULL);
	fx_run(fx);
	g_assert_cmpuint(protection(fx, 1), ==, 1);
	assert_status(set_ns(fx, 1, NVME_FEAT_WRITE_PROTECT, 1), NVME_SUCCESS);
	assert_status(set_ns(fx, 1, NVME_FEAT_WRITE_PROTECT, 0), NOT_CHANGEABLE);
	g_assert_cmpuint(protection(fx, 1), ==, 1);
	fx_free(fx);
}

/* A limit below the temperature, or above it, is a warning, told once. */
static void test_temperature_warning(void)
{
	struct fx *fx = fx_new_ready(1);
	struct fx_req *aer = fx_send_aer(fx, 5);

	assert_status(set(fx, NVME_FEAT_AEC, 0x02), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, NVMF_TEMPERATURE + 1), NVME_SUCCESS);
	g_assert_false(aer->done);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, NVMF_TEMPERATURE), NVME_SUCCESS);
	g_assert_true(aer->done);
	g_assert_cmphex(aer->value, ==, 0x00020101);
	fx_req_free(aer);
	aer = fx_send_aer(fx, 6);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 1 << 20 | NVMF_TEMPERATURE), NVME_SUCCESS);
	g_assert_cmphex(fx_get_log(fx, NVME_LOG_SMART, true, 0, 512)->data[0], ==, 0x02);
	g_assert_false(aer->done); /* it stands since before */
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 0xffff), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 1 << 20), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 1 << 20 | NVMF_TEMPERATURE), NVME_SUCCESS);
	g_assert_false(aer->done); /* masked: not read yet */
	fx_get_log(fx, NVME_LOG_SMART, false, 0, 512);
	g_assert_true(aer->done);
	fx_req_free(aer);
	assert_status(set(fx, NVME_FEAT_TEMPERATURE, 1 << 20), NVME_SUCCESS);
	g_assert_cmphex(fx_get_log(fx, NVME_LOG_SMART, false, 0, 512)->data[0], ==, 0);
	fx_free(fx);
}

static void test_queues(void)
{
	static const struct {
		uint32_t ask, grant;
	} cases[] = {
		{ 0, 0 },
		{ 3 << 16 | 3, 3 << 16 | 3 },
		{ 126 << 16 | 126, 126 << 16 | 126 },
		{ 127 << 16 | 127, 126 << 16 | 126 },
		{ 0xfffeu << 16 | 0xfffe, 126 << 16 | 126 },
		{ 5 << 16 | 2, 5 << 16 | 2 },
	};
	struct fx *fx = fx_new_ready(1);

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		assert_status(set(fx, NVME_FEAT_QUEUES, cases[i].ask), NVME_SUCCESS);
		g_assert_cmphex(fx->last->value, ==, cases[i].grant);
	}
	g_assert_cmphex(value(fx, NVME_FEAT_QUEUES), ==, 2 << 16 | 2);
	assert_status(set(fx, NVME_FEAT_QUEUES, 0xffff), INVALID_FIELD);
	assert_status(set(fx, NVME_FEAT_QUEUES, 0xffffu << 16), INVALID_FIELD);
	assert_status(set(fx, NVME_FEAT_QUEUES, 1 << 16 | 1), NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io(fx, 3), !=, NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io(fx, 2), ==, NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_QUEUES, 0), NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	g_assert_cmphex(value(fx, NVME_FEAT_QUEUES), ==, 1 << 16 | 1);
	fx_free(fx);
}

static void test_host_id(void)
{
	struct fx *fx = fx_new_ready(1);

	assert_status(get(fx, NVME_FEAT_HOST_ID, 0, 0, 16), INVALID_FIELD);
	assert_status(get(fx, NVME_FEAT_HOST_ID, 0, 1, 15), NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	assert_status(get(fx, NVME_FEAT_HOST_ID, 0, 1, 16), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, "0123456789abcde", 16);
	assert_status(set(fx, NVME_FEAT_HOST_ID, 1), NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	fx_free(fx);
}

static void test_host_behavior(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_HOST_BEHAVIOR, 0);
	uint8_t data[512] = { 1 };

	assert_status(fx_exec(fx, &cmd, data, 511), NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	assert_status(fx_exec(fx, &cmd, data, 512), NVME_SUCCESS);
	assert_status(get(fx, NVME_FEAT_HOST_BEHAVIOR, 0, 0, 512), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, data, 512);
	for (unsigned i = 0; i < 3; i++) {
		data[i] = 2;
		assert_status(fx_exec(fx, &cmd, data, 512), INVALID_FIELD);
		data[i] = 0;
	}
	assert_status(get(fx, NVME_FEAT_HOST_BEHAVIOR, 1, 0, 512), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, data, 512);
	assert_status(get(fx, NVME_FEAT_HOST_BEHAVIOR, 0, 0, 511),
		      NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	fx_free(fx);
}

/* --- keep-alive ----------------------------------------------------------------------------------
 */

static void test_kato_rounding(void)
{
	static const struct {
		uint16_t kas;
		uint32_t min, ask, get;
	} cases[] = {
		{ 100, 1000, 0, 0 },
		{ 100, 1000, 1, 10000 },
		{ 100, 1000, 10000, 10000 },
		{ 100, 1000, 10001, 20000 },
		{ 100, 1000, UINT32_MAX, 4294960000u },
		{ 1, 1000, 1, 1000 },
		{ 1, 1000, 1000, 1000 },
		{ 1, 1000, 1001, 1100 },
		{ 1, 25000, 3, 25000 },
		{ 10, 1500, 1, 2000 },
		{ 65535, 0, 1, 6553500 },
	};
	struct fx *fx = fx_new_ready(1);

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		fx->transport->options.kas = cases[i].kas;
		fx->transport->options.min_kato_ms = cases[i].min;
		assert_status(set(fx, NVME_FEAT_KATO, cases[i].ask), NVME_SUCCESS);
		g_assert_cmpuint(value(fx, NVME_FEAT_KATO), ==, cases[i].get);
	}
	fx_free(fx);
}

static void advance(struct fx *fx, uint64_t ms)
{
	fx->fake->now += ms * MS;
	fx_run(fx);
}

/* A silent host is ended with all its queues, between one and two timeouts after its last word. */
static void test_expiry(void)
{
	struct fx *fx = fx_new(2);

	fx->transport->options.kas = 1;
	fx_connect_admin(fx, FX_NQN, 5000);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmpuint(fx->ctrlr->kato_ms, ==, 5000);
	g_assert_cmphex(fx_connect_io(fx, 1), ==, NVME_SUCCESS);
	advance(fx, 5000); /* the connect was activity */
	g_assert_nonnull(fx->admin);
	advance(fx, 4999);
	g_assert_nonnull(fx->admin);
	g_assert_nonnull(fx->io[1]);
	advance(fx, 1);
	g_assert_null(fx->admin);
	g_assert_null(fx->io[1]);
	fx_free(fx);
}

/* Commands on any queue keep it; none on the admin queue are needed. */
static void test_traffic(void)
{
	struct fx *fx = fx_new(2);
	struct nvme_cmd flush = fx_cmd(NVME_CMD_FLUSH, 1, 0, 0);
	struct nvme_cmd ka = fx_cmd(NVME_ADMIN_KEEP_ALIVE, 0, 0, 0);

	fx_add_ns(fx, 1, 64, 512);
	fx_connect_admin(fx, FX_NQN, 10000);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmphex(fx_connect_io(fx, 2), ==, NVME_SUCCESS);
	for (unsigned i = 0; i < 10; i++) {
		struct fx_req *r = fx_send(fx->io[2], &flush, NVME_XFER_NONE, NULL, 0);

		fx_run(fx);
		assert_status(r, NVME_SUCCESS);
		fx_req_free(r);
		advance(fx, 10000);
		g_assert_nonnull(fx->admin);
	}
	fx_drop(fx->io[2]);
	for (unsigned i = 0; i < 10; i++) {
		assert_status(fx_exec(fx, &ka, NULL, 0), NVME_SUCCESS);
		advance(fx, 10000);
		g_assert_nonnull(fx->admin);
	}
	advance(fx, 10000);
	g_assert_null(fx->admin);
	fx_free(fx);
}

/* KATO 0 never ends it; a later Set Features starts the timer, and 0 stops it again. */
static void test_off_and_on(void)
{
	struct fx *fx = fx_new_ready(1);

	g_assert_false(timer_is_set(&fx->ctrlr->kato_timer));
	advance(fx, 1000000000);
	g_assert_nonnull(fx->admin);
	assert_status(set(fx, NVME_FEAT_KATO, 10000), NVME_SUCCESS);
	assert_status(set(fx, NVME_FEAT_KATO, 0), NVME_SUCCESS);
	advance(fx, 1000000);
	g_assert_nonnull(fx->admin);
	assert_status(set(fx, NVME_FEAT_KATO, 10000), NVME_SUCCESS);
	advance(fx, 10000);
	advance(fx, 10000);
	g_assert_null(fx->admin);
	fx_free(fx);
}

/* A host that never enables its controller, or goes silent after a reset, is found as well. */
static void test_not_enabled(void)
{
	struct fx *fx = fx_new(1);

	fx_connect_admin(fx, FX_NQN, 10000);
	advance(fx, 10000);
	advance(fx, 10000);
	g_assert_null(fx->admin);
	fx_connect_admin(fx, FX_NQN, 10000);
	fx_set_cc(fx, FX_CC_EN);
	fx_set_cc(fx, 0);
	g_assert_cmpuint(fx->ctrlr->kato_ms, ==, 10000);
	advance(fx, 10000);
	advance(fx, 10000);
	advance(fx, 10000);
	g_assert_null(fx->admin);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/feature/unknown", test_unknown);
	g_test_add_func("/nvmf/feature/select", test_select);
	g_test_add_func("/nvmf/feature/simple", test_simple);
	g_test_add_func("/nvmf/feature/temperature", test_temperature);
	g_test_add_func("/nvmf/feature/nsid", test_nsid);
	g_test_add_func("/nvmf/feature/write-protection", test_write_protection);
	g_test_add_func("/nvmf/feature/read-only", test_read_only);
	g_test_add_func("/nvmf/feature/temperature-warning", test_temperature_warning);
	g_test_add_func("/nvmf/feature/queues", test_queues);
	g_test_add_func("/nvmf/feature/host-id", test_host_id);
	g_test_add_func("/nvmf/feature/host-behavior", test_host_behavior);
	g_test_add_func("/nvmf/keep-alive/rounding", test_kato_rounding);
	g_test_add_func("/nvmf/keep-alive/expiry", test_expiry);
	g_test_add_func("/nvmf/keep-alive/traffic", test_traffic);
	g_test_add_func("/nvmf/keep-alive/off-and-on", test_off_and_on);
	g_test_add_func("/nvmf/keep-alive/not-enabled", test_not_enabled);
	return g_test_run();
}
