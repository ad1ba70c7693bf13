/* SPDX-License-Identifier: BSD-3-Clause */
/* Asynchronous events and the changed namespace list, by example and against a model. */
#include <string.h>

#include "tests/unit/nvmf/fixture.h"

#define TOLD_NS 0x00040002u /* notice, namespace attribute, log 04h */

static void enable_notices(struct fx *fx, uint32_t aec)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC, aec);

	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
}

static void expect_changed(struct fx *fx, bool keep, unsigned n, const uint32_t *nsids)
{
	uint32_t want[1024] = { 0 };

	memcpy(want, nsids, n * sizeof(want[0]));
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, keep, 0, 4096), NVME_SUCCESS);
	g_assert_cmpmem(fx->last->data, fx->last->len, want, sizeof(want));
}

/* One told: frees it. */
static void expect_told(struct fx_req *aer)
{
	g_assert_true(aer->done);
	assert_status(aer, NVME_SUCCESS);
	g_assert_cmphex(aer->value, ==, TOLD_NS);
	fx_req_free(aer);
}

static void test_limit(void)
{
	struct fx *fx = fx_new_ready(1);
	struct fx_req *aers[NVMF_AER_MAX + 2];

	for (uint16_t i = 0; i < G_N_ELEMENTS(aers); i++) {
		aers[i] = fx_send_aer(fx, i);
		g_assert_cmpint(aers[i]->done, ==, i >= NVMF_AER_MAX);
	}
	assert_status(aers[NVMF_AER_MAX], NVME_SC_AER_LIMIT | NVME_DNR);
	fx_drop(fx->admin); /* with AERs outstanding */
	for (unsigned i = 0; i < G_N_ELEMENTS(aers); i++)
		fx_req_free(aers[i]);
	fx_free(fx);
}

/* What the configuration does reaches the host: namespace added, removed, resized. */
static void test_configuration(void)
{
	struct fx *fx = fx_new_ready(2);
	struct fx_req *aer = fx_send_aer(fx, 1);
	GError *error = NULL;

	enable_notices(fx, NVME_OAES_NS_ATTR);
	fx_add_ns(fx, 3, 64, 512);
	expect_told(aer);
	aer = fx_send_aer(fx, 2);
	fx_add_ns(fx, 1, 64, 512);
	g_assert_false(aer->done);
	expect_changed(fx, false, 2, (const uint32_t[]){ 1, 3 });
	g_assert_false(aer->done); /* the page has shown both */
	bdev_resize(bdev_find(fx->bdevs, "Null1"), 128, &error);
	g_assert_no_error(error);
	fx_run(fx);
	expect_told(aer);
	aer = fx_send_aer(fx, 3);
	expect_changed(fx, false, 1, (const uint32_t[]){ 1 });
	fx_remove_ns(fx, 3);
	expect_told(aer);
	expect_changed(fx, false, 1, (const uint32_t[]){ 3 });
	expect_changed(fx, false, 0, (const uint32_t[]){ 0 });
	fx_free(fx);
}

static void test_masking(void)
{
	struct fx *fx = fx_new_ready(1);
	struct fx_req *a = fx_send_aer(fx, 1), *b = fx_send_aer(fx, 2);

	nvmf_ctrlr_ns_changed(fx->ctrlr, 5);
	g_assert_false(a->done); /* not enabled yet */
	enable_notices(fx, NVME_OAES_NS_ATTR);
	expect_told(a);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 5);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 2);
	g_assert_false(b->done);
	expect_changed(fx, true, 2, (const uint32_t[]){ 2, 5 });
	g_assert_false(b->done); /* RAE 1: still masked, nothing cleared */
	expect_changed(fx, false, 2, (const uint32_t[]){ 2, 5 });
	g_assert_false(b->done);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 2);
	expect_told(b);
	/* No AER: kept until one comes, unless the page is read before. */
	expect_changed(fx, false, 1, (const uint32_t[]){ 2 });
	nvmf_ctrlr_ns_changed(fx->ctrlr, 7);
	a = fx_send_aer(fx, 3);
	expect_told(a);
	expect_changed(fx, false, 1, (const uint32_t[]){ 7 });
	nvmf_ctrlr_ns_changed(fx->ctrlr, 8);
	expect_changed(fx, false, 1, (const uint32_t[]){ 8 });
	a = fx_send_aer(fx, 4);
	g_assert_false(a->done);
	fx_drop(fx->admin);
	fx_req_free(a);
	fx_free(fx);
}

/* A read that is refused clears nothing. */
static void test_failed_read(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd =
		fx_cmd(NVME_ADMIN_GET_LOG_PAGE, 0, NVME_LOG_CHANGED_NS | 1023u << 16, 0);
	struct fx_req *a = fx_send_aer(fx, 1), *b = fx_send_aer(fx, 2);

	enable_notices(fx, NVME_OAES_NS_ATTR);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 4);
	expect_told(a);
	assert_status(fx_exec(fx, &cmd, NULL, 4095), NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 4100, 4), INVALID_FIELD);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 6);
	g_assert_false(b->done);
	expect_changed(fx, false, 2, (const uint32_t[]){ 4, 6 });
	fx_drop(fx->admin);
	fx_req_free(b);
	fx_free(fx);
}

/* Read in two pieces while it changes: nothing is lost, the host is told again. */
static void test_pieces(void)
{
	struct fx *fx = fx_new_ready(1);
	struct fx_req *a = fx_send_aer(fx, 1), *b = fx_send_aer(fx, 2);

	enable_notices(fx, NVME_OAES_NS_ATTR);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 4);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 6);
	expect_told(a);
	/* short read with RAE 0: its rest stays, and is told */
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 0, 4), NVME_SUCCESS);
	expect_told(b);
	a = fx_send_aer(fx, 3);
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, true, 0, 4), NVME_SUCCESS);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 1); /* moves the others along */
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 4, 4092), NVME_SUCCESS);
	expect_told(a);
	expect_changed(fx, false, 3, (const uint32_t[]){ 1, 4, 6 });
	/* undisturbed pieces clear it */
	nvmf_ctrlr_ns_changed(fx->ctrlr, 1);
	a = fx_send_aer(fx, 4);
	expect_told(a);
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, true, 0, 2048), NVME_SUCCESS);
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, false, 2048, 2048), NVME_SUCCESS);
	expect_changed(fx, false, 0, (const uint32_t[]){ 0 });
	fx_free(fx);
}

static void test_overflow(void)
{
	struct fx *fx = fx_new_ready(1);

	for (uint32_t nsid = 1024; nsid >= 1; nsid--)
		nvmf_ctrlr_ns_changed(fx->ctrlr, nsid);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 512);
	assert_status(fx_get_log(fx, NVME_LOG_CHANGED_NS, true, 0, 4096), NVME_SUCCESS);
	for (uint32_t i = 0; i < 1024; i++)
		g_assert_cmpuint(((const uint32_t *)(const void *)fx->last->data)[i], ==, i + 1);
	nvmf_ctrlr_ns_changed(fx->ctrlr, 1025);
	expect_changed(fx, true, 1, (const uint32_t[]){ NVME_NSID_ALL });
	nvmf_ctrlr_ns_changed(fx->ctrlr, 3);
	expect_changed(fx, false, 1, (const uint32_t[]){ NVME_NSID_ALL });
	nvmf_ctrlr_ns_changed(fx->ctrlr, 3);
	expect_changed(fx, false, 1, (const uint32_t[]){ 3 });
	fx_free(fx);
}

/* --- the model ------------------------------------------------------------------------------ */

/*
 * unseen: changes not shown by a page since they happened. The rules: a page shows
 * at least these; a notice is told only when something is unseen and the last one
 * was read (RAE 0); when all of that holds and there is an AER, it has been told.
 */
struct model {
	struct fx *fx;
	uint64_t seed;
	bool ready, enabled, told_unread;
	bool unseen[FX_MAX_NS + 1];
	unsigned naers;
	struct fx_req *aers[NVMF_AER_MAX];
	unsigned told, reads, resets;
};

static uint32_t draw(struct model *m, uint32_t n)
{
	return (uint32_t)(fake_rand(&m->seed) >> 33) % n;
}

static bool any_unseen(const struct model *m)
{
	return memchr(m->unseen, true, sizeof(m->unseen)) != NULL;
}

static void check(struct model *m)
{
	bool due = m->ready && m->enabled && !m->told_unread && any_unseen(m) && m->naers > 0;

	for (unsigned i = 0; i < m->naers; i++)
		g_assert_cmpint(m->aers[i]->done, ==, due && i == 0);
	if (!due)
		return;
	expect_told(m->aers[0]);
	memmove(m->aers, m->aers + 1, --m->naers * sizeof(m->aers[0]));
	m->told_unread = true;
	m->told++;
}

static void model_change(struct model *m)
{
	uint32_t nsid = draw(m, FX_MAX_NS) + 1;

	m->unseen[nsid] = true;
	nvmf_ctrlr_ns_changed(m->fx->ctrlr, nsid);
}

static void model_aer(struct model *m)
{
	struct fx_req *aer = fx_send_aer(m->fx, 1);

	if (m->ready && m->naers < NVMF_AER_MAX) {
		m->aers[m->naers++] = aer;
		return;
	}
	assert_status(aer, (m->ready ? NVME_SC_AER_LIMIT : NVME_SC_SEQUENCE_ERROR) | NVME_DNR);
	fx_req_free(aer);
}

static void model_read(struct model *m, bool keep)
{
	struct fx_req *r = fx_get_log(m->fx, NVME_LOG_CHANGED_NS, keep, 0, 4096);
	const uint32_t *list = (const void *)r->data;
	uint32_t before = 0;

	if (!m->ready) {
		assert_status(r, NVME_SC_SEQUENCE_ERROR | NVME_DNR);
		return;
	}
	assert_status(r, NVME_SUCCESS);
	for (unsigned i = 0; i < 1024 && list[i] != 0; i++) {
		g_assert_cmpuint(list[i], >, before);
		g_assert_cmpuint(list[i], <=, FX_MAX_NS);
		before = list[i];
		/* Only RAE 0 takes it off: an entry read with RAE 1 shows again. */
		if (!keep)
			m->unseen[list[i]] = false;
	}
	if (keep)
		return;
	g_assert_false(any_unseen(m));
	m->told_unread = false;
	m->reads++;
}

static void model_features(struct model *m, bool on)
{
	struct nvme_cmd cmd =
		fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC, on ? NVME_OAES_NS_ATTR : 0);

	assert_status(fx_exec(m->fx, &cmd, NULL, 0),
		      m->ready ? NVME_SUCCESS : NVME_SC_SEQUENCE_ERROR | NVME_DNR);
	if (m->ready)
		m->enabled = on;
}

/* Off: AERs end, all is forgotten; what happens from then on counts. */
static void model_power(struct model *m)
{
	m->ready = !m->ready;
	fx_set_cc(m->fx, m->ready ? FX_CC_EN : 0);
	if (m->ready)
		return;
	for (unsigned i = 0; i < m->naers; i++) {
		g_assert_true(m->aers[i]->done);
		assert_status(m->aers[i], NVME_SC_ABORT_REQUESTED);
		fx_req_free(m->aers[i]);
	}
	m->naers = 0;
	m->enabled = m->told_unread = false;
	memset(m->unseen, 0, sizeof(m->unseen));
	m->resets++;
}

static void model_step(struct model *m)
{
	uint32_t what = draw(m, 100);

	if (what < 30)
		model_change(m);
	else if (what < 60)
		model_aer(m);
	else if (what < 75)
		model_read(m, false);
	else if (what < 83)
		model_read(m, true);
	else if (what < 95)
		model_features(m, draw(m, 4) != 0);
	else if (!m->ready || draw(m, 3) == 0)
		model_power(m);
	check(m);
}

static void test_model(void)
{
	uint64_t seed = fake_seed(7);
	unsigned told = 0, reads = 0, resets = 0;

	for (unsigned round = 0; round < 60; round++) {
		struct model m = { .fx = fx_new_ready(1),
				   .seed = seed + round * 1000003,
				   .ready = true };

		for (unsigned i = 0; i < 400; i++)
			model_step(&m);
		fx_drop(m.fx->admin);
		for (unsigned i = 0; i < m.naers; i++)
			fx_req_free(m.aers[i]);
		fx_free(m.fx);
		told += m.told;
		reads += m.reads;
		resets += m.resets;
	}
	g_test_message("%u notices, %u reads, %u resets", told, reads, resets);
	g_assert_cmpuint(told, >, 500);
	g_assert_cmpuint(reads, >, 500);
	g_assert_cmpuint(resets, >, 100);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/aer/limit", test_limit);
	g_test_add_func("/nvmf/aer/configuration", test_configuration);
	g_test_add_func("/nvmf/aer/masking", test_masking);
	g_test_add_func("/nvmf/aer/failed-read", test_failed_read);
	g_test_add_func("/nvmf/aer/pieces", test_pieces);
	g_test_add_func("/nvmf/aer/overflow", test_overflow);
	g_test_add_func("/nvmf/aer/model", test_model);
	return g_test_run();
}
