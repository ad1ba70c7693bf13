/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin command table, Abort, and Identify field by field. */
#include <string.h>

#include "tests/unit/nvmf/fixture.h"

static struct fx_req *identify(struct fx *fx, uint8_t cns, uint32_t nsid, uint32_t more10,
			       uint8_t csi)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, nsid, cns | more10, (uint32_t)csi << 24);

	return fx_exec(fx, &cmd, NULL, 4096);
}

static const void *page(struct fx *fx, uint8_t cns, uint32_t nsid)
{
	struct fx_req *r = identify(fx, cns, nsid, 0, 0);

	assert_status(r, NVME_SUCCESS);
	g_assert_cmpuint(r->len, ==, 4096);
	return r->data;
}

static bool is_zero(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	return len == 0;
}

static bool padded(const char *field, const char *text, size_t len)
{
	size_t n = strlen(text);

	for (size_t i = n; i < len; i++) {
		if (field[i] != ' ')
			return false;
	}
	return memcmp(field, text, n) == 0;
}

/* --- the table ------------------------------------------------------------------------------ */

static void test_opcodes(void)
{
	static const uint8_t known[] = { 0x02, 0x06, 0x08, 0x09, 0x0a, 0x0c, 0x18 };
	struct fx *fx = fx_new_ready(1);

	for (unsigned op = 0; op < 256; op++) {
		struct nvme_cmd cmd = fx_cmd((uint8_t)op, 0, 0, 0);

		if (op == NVME_OP_FABRICS || memchr(known, (int)op, sizeof(known)))
			continue;
		assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SC_INVALID_OPCODE | NVME_DNR);
	}
	fx_free(fx);
}

static void test_malformed(void)
{
	struct fx *fx = fx_new_ready(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_KEEP_ALIVE, 0, 0, 0);
	struct fx_req *r;
	uint8_t data[4096] = { 0 };

	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	for (unsigned flags = 0; flags < 256; flags++) {
		bool good = (flags & 0xc3) == NVME_CMD_PSDT_SGL;

		cmd.flags = (uint8_t)flags;
		assert_status(fx_exec(fx, &cmd, NULL, 0), good ? NVME_SUCCESS : INVALID_FIELD);
	}
	/* data in the wrong direction, and none at all */
	cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 0, NVME_CNS_CTRLR, 0);
	r = fx_send(fx->admin, &cmd, NVME_XFER_H2C, data, sizeof(data));
	assert_status(r, INVALID_FIELD);
	fx_req_free(r);
	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	assert_status(fx_exec(fx, &cmd, NULL, 4092), NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
	assert_status(fx_exec(fx, &cmd, NULL, 8192), NVME_SUCCESS);
	g_assert_cmpuint(fx->last->len, ==, 4096);
	fx_free(fx);
}

static void test_abort(void)
{
	struct fx *fx = fx_new_ready(1);
	struct fx_req *aers[3];
	struct nvme_cmd cmd;

	for (uint16_t i = 0; i < 3; i++)
		aers[i] = fx_send_aer(fx, (uint16_t)(100 + i));
	cmd = fx_cmd(NVME_ADMIN_ABORT, 0, 101u << 16, 0);
	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	g_assert_cmphex(fx->last->value, ==, 0);
	assert_status(aers[1], NVME_SC_ABORT_REQUESTED);
	g_assert_true(aers[1]->done);
	g_assert_false(aers[0]->done || aers[2]->done);
	/* again; a cid that never was; that cid on another queue */
	assert_status(fx_exec(fx, &cmd, NULL, 0), NVME_SUCCESS);
	g_assert_cmphex(fx->last->value, ==, 1);
	cmd.cdw10 = 99u << 16;
	g_assert_cmphex(fx_exec(fx, &cmd, NULL, 0)->value, ==, 1);
	cmd.cdw10 = 100u << 16 | 1;
	g_assert_cmphex(fx_exec(fx, &cmd, NULL, 0)->value, ==, 1);
	g_assert_false(aers[0]->done);
	fx_set_cc(fx, 0);
	for (unsigned i = 0; i < 3; i++)
		fx_req_free(aers[i]);
	fx_free(fx);
}

/* --- controller ------------------------------------------------------------------------------- */

static void test_ctrlr(void)
{
	struct fx *fx = fx_new_ready(1);
	const struct nvme_id_ctrlr *id = page(fx, NVME_CNS_CTRLR, 0);

	g_assert_true(padded(id->sn, "SN 1", 20));
	g_assert_true(padded(id->mn, "a model", 40));
	g_assert_true(padded(id->fr, NVMF_FIRMWARE_REVISION, 8));
	g_assert_cmpuint(id->mdts, ==, 5); /* 128 KiB */
	g_assert_cmpuint(id->cntlid, ==, fx->ctrlr->cntlid);
	g_assert_cmphex(id->ver, ==, 0x00020000);
	g_assert_cmphex(id->oaes, ==, 0x100);
	g_assert_cmphex(id->ctratt, ==, 0x41);
	g_assert_cmphex(id->cmic, ==, 0x3);
	g_assert_cmpuint(id->cntrltype, ==, 1);
	g_assert_cmphex(id->oacs, ==, 0);
	g_assert_cmpuint(id->acl, ==, 3);
	g_assert_cmpuint(id->aerl, ==, 3);
	g_assert_cmphex(id->frmw, ==, 0x3);
	g_assert_cmphex(id->lpa, ==, 0x27);
	g_assert_cmpuint(id->elpe, ==, 63);
	g_assert_cmpuint(id->kas, ==, 10);
	g_assert_cmphex(id->sqes, ==, 0x66);
	g_assert_cmphex(id->cqes, ==, 0x44);
	g_assert_cmpuint(id->maxcmd, ==, 128);
	g_assert_cmpuint(id->nn, ==, FX_MAX_NS);
	g_assert_cmpuint(id->mnan, ==, FX_MAX_NS);
	g_assert_cmphex(id->oncs, ==, 0x19d); /* Write Uncorrectable: see namespaces */
	g_assert_cmphex(id->fuses, ==, 1);
	g_assert_cmphex(id->cdfs, ==, 1);
	g_assert_cmpuint(id->awun + id->awupf + id->acwu, ==, 0);
	g_assert_cmphex(id->vwc, ==, 0x7);
	g_assert_cmphex(id->sgls, ==, 0x300001);
	g_assert_cmpstr(id->subnqn, ==, FX_NQN);
	g_assert_cmpuint(id->ioccsz, ==, (64 + 4096) / 16);
	g_assert_cmpuint(id->iorcsz, ==, 1);
	g_assert_cmpuint(id->icdoff, ==, 0);
	g_assert_cmpuint(id->msdbd, ==, 1);
	g_assert_cmphex(id->anacap, ==, 0);
	g_assert_true(is_zero(id->vs, sizeof(id->vs)));
	fx_free(fx);
}

static void test_ctrlr_options(void)
{
	struct fx *fx = fx_new_ready(1);
	const struct nvme_id_ctrlr *id;

	fx->transport->options.max_io_size = 8192;
	id = page(fx, NVME_CNS_CTRLR, 0);
	g_assert_cmpuint(id->mdts, ==, 1);
	fx->transport->options.max_io_size = 1 << 20;
	fx->transport->options.in_capsule_data_size = 0;
	fx->transport->options.max_queue_depth = 1024;
	fx->transport->options.kas = 10;
	id = page(fx, NVME_CNS_CTRLR, 0);
	g_assert_cmpuint(id->mdts, ==, 8);
	g_assert_cmpuint(id->ioccsz, ==, 4);
	g_assert_cmphex(id->sgls, ==, 0x200001);
	g_assert_cmpuint(id->maxcmd, ==, 1024);
	g_assert_cmpuint(id->kas, ==, 10);
	fx_free(fx);
}

static void test_discovery_ctrlr(void)
{
	struct fx *fx = fx_new(1);
	const struct nvme_id_ctrlr *id;

	fx_connect_admin(fx, NVME_DISCOVERY_NQN, 0);
	fx_set_cc(fx, FX_CC_EN);
	id = page(fx, NVME_CNS_CTRLR, 0);
	g_assert_cmpuint(id->cntrltype, ==, 2);
	g_assert_cmphex(id->oaes, ==, 0x80000000u);
	g_assert_cmpuint(id->nn, ==, 0);
	g_assert_cmphex(id->oncs, ==, 0);
	g_assert_cmphex(id->lpa, ==, 0x4);
	g_assert_cmphex(id->cmic, ==, 0);
	g_assert_cmpuint(id->ioccsz, ==, 4);
	g_assert_cmpuint(id->dctype, ==, 1);
	g_assert_cmpstr(id->subnqn, ==, NVME_DISCOVERY_NQN);
	for (unsigned cns = 0; cns < 256; cns++) {
		if (cns != NVME_CNS_CTRLR)
			assert_status(identify(fx, (uint8_t)cns, 1, 0, 0), INVALID_FIELD);
	}
	fx_free(fx);
}

static void test_other_cns(void)
{
	static const uint8_t known[] = { 0, 1, 2, 3, 5, 6, 7, 8, 0x10, 0x11, 0x12, 0x13, 0x1c };
	struct fx *fx = fx_new_ready(1);
	const uint64_t *vectors;

	fx_add_ns(fx, 1, 64, 512);
	for (unsigned cns = 0; cns < 256; cns++) {
		bool good = memchr(known, (int)cns, sizeof(known)) != NULL;

		assert_status(identify(fx, (uint8_t)cns, 1, 0xffff0000u, 0),
			      good ? NVME_SUCCESS : INVALID_FIELD);
		/* Another command set than NVM */
		assert_status(identify(fx, (uint8_t)cns, 1, 0xffff0000u, 2),
			      good && (cns < 5 || cns >= 8) ? NVME_SUCCESS : INVALID_FIELD);
	}
	vectors = (const uint64_t *)(void *)identify(fx, 0x1c, 0, 0xffff0000u, 0)->data;
	g_assert_cmphex(vectors[0], ==, 1);
	g_assert_true(is_zero(vectors + 1, 4088));
	assert_status(identify(fx, 0x1c, 0, (uint32_t)fx->ctrlr->cntlid << 16, 0), NVME_SUCCESS);
	assert_status(identify(fx, 0x1c, 0, (uint32_t)(fx->ctrlr->cntlid + 1) << 16, 0),
		      INVALID_FIELD);
	g_assert_true(is_zero(page(fx, NVME_CNS_CSI_CTRLR, 0), 4096));
	fx_free(fx);
}

/* --- namespaces ----------------------------------------------------------------------------------
 */

static void test_ns(void)
{
	struct fx *fx = fx_new_ready(2);
	const struct nvme_id_ns *id;

	fx_add_ns(fx, 1, 1000, 512);
	fx_add_ns(fx, 3, 2000, 4096);
	id = page(fx, NVME_CNS_NS, 1);
	g_assert_cmpuint(id->nsze, ==, 1000);
	g_assert_cmpuint(id->ncap, ==, 1000);
	g_assert_cmpuint(id->nuse, ==, 1000);
	g_assert_cmphex(id->nsfeat, ==, 0x02);
	g_assert_cmpuint(id->nacwu, ==, 131072 / 512 - 1);
	g_assert_cmpuint(id->mssrl, ==, 2048);
	g_assert_cmpuint(id->mcl, ==, 8192);
	g_assert_cmpuint(id->msrc, ==, 15);
	g_assert_cmphex(id->dlfeat, ==, 0x09);
	g_assert_cmpuint(id->nlbaf, ==, 0);
	g_assert_cmphex(id->flbas, ==, 0);
	g_assert_cmphex(id->nmic, ==, 1);
	g_assert_cmpuint(id->lbaf[0].lbads, ==, 9);
	g_assert_cmpuint(id->lbaf[0].ms, ==, 0);
	g_assert_cmpuint(id->anagrpid, ==, 0);
	g_assert_cmpmem(id->nguid, 16, fx->subsystem->nss[0]->nguid, 16);
	g_assert_false(is_zero(id->nguid, 16));
	id = page(fx, NVME_CNS_NS, 3);
	g_assert_cmpuint(id->nsze, ==, 2000);
	g_assert_cmphex(id->nsfeat, ==, 0x12);
	g_assert_cmpuint(id->npwg, ==, 7);
	g_assert_cmpuint(id->npwa, ==, 7);
	g_assert_cmpuint(id->nows, ==, 7);
	fx_remove_ns(fx, 3);
	g_assert_true(is_zero(page(fx, NVME_CNS_NS, 3), 4096));
	fx_free(fx);
}

/* Each CNS that has an NSID, at and around the limits. */
static void test_nsid(void)
{
	enum { ZERO, DATA, REFUSED, FIELD };
	static const uint32_t nsids[] = { 0,	       1,	   2, FX_MAX_NS, FX_MAX_NS + 1,
					  0xfffffffeu, 0xffffffffu };
	static const struct {
		uint8_t cns;
		uint8_t expect[7];
	} cases[] = {
		{ NVME_CNS_NS, { REFUSED, DATA, ZERO, ZERO, REFUSED, REFUSED, DATA } },
		{ NVME_CNS_ALLOCATED_NS, { REFUSED, DATA, ZERO, ZERO, REFUSED, REFUSED, REFUSED } },
		{ NVME_CNS_NS_DESC,
		  { REFUSED, DATA, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED } },
		{ NVME_CNS_CSI_NS, { REFUSED, ZERO, ZERO, ZERO, REFUSED, REFUSED, REFUSED } },
		{ NVME_CNS_CSI_INDEPENDENT_NS,
		  { REFUSED, DATA, ZERO, ZERO, REFUSED, REFUSED, REFUSED } },
		{ NVME_CNS_ACTIVE_NS, { DATA, ZERO, ZERO, ZERO, ZERO, REFUSED, REFUSED } },
		{ NVME_CNS_ALLOCATED_NS_LIST, { DATA, ZERO, ZERO, ZERO, ZERO, REFUSED, REFUSED } },
		{ NVME_CNS_NS_CTRLRS, { REFUSED, DATA, ZERO, ZERO, REFUSED, REFUSED, FIELD } },
		{ NVME_CNS_CSI_ACTIVE_NS, { DATA, ZERO, ZERO, ZERO, ZERO, REFUSED, REFUSED } },
	};
	struct fx *fx = fx_new_ready(1);

	fx_add_ns(fx, 1, 64, 512);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		for (unsigned j = 0; j < G_N_ELEMENTS(nsids); j++) {
			struct fx_req *r = identify(fx, cases[i].cns, nsids[j], 0, 0);
			uint8_t expect = cases[i].expect[j];

			assert_status(r, expect == REFUSED ? INVALID_NS
					 : expect == FIELD ? INVALID_FIELD
							   : NVME_SUCCESS);
			if (expect < REFUSED)
				g_assert_cmpint(is_zero(r->data, 4096), ==, expect == ZERO);
		}
	}
	fx_free(fx);
}

static void test_lists(void)
{
	struct fx *fx = fx_new_ready(1);
	const uint32_t *list;
	const uint8_t *d;

	fx_add_ns(fx, 2, 64, 512);
	fx_add_ns(fx, FX_MAX_NS, 64, 512);
	list = page(fx, NVME_CNS_ACTIVE_NS, 0);
	g_assert_cmpuint(list[0], ==, 2);
	g_assert_cmpuint(list[1], ==, FX_MAX_NS);
	g_assert_true(is_zero(list + 2, 4088));
	list = page(fx, NVME_CNS_ACTIVE_NS, 2);
	g_assert_cmpuint(list[0], ==, FX_MAX_NS);
	g_assert_cmpuint(list[1], ==, 0);

	d = page(fx, NVME_CNS_NS_DESC, 2);
	g_assert_cmpuint(d[0], ==, NVME_NIDT_UUID);
	g_assert_cmpuint(d[1], ==, 16);
	g_assert_cmpmem(d + 4, 16, fx->subsystem->nss[1]->uuid, 16);
	g_assert_cmpuint(d[20], ==, NVME_NIDT_NGUID);
	g_assert_cmpmem(d + 24, 16, fx->subsystem->nss[1]->nguid, 16);
	g_assert_cmpuint(d[40], ==, NVME_NIDT_CSI);
	g_assert_cmpuint(d[41], ==, 1);
	g_assert_true(is_zero(d + 44, 4096 - 44));
	fx_free(fx);
}

/* What all namespaces have in common: the size of blocks, where they have. */
static void test_common(void)
{
	struct fx *fx = fx_new_ready(1);
	const struct nvme_id_ns *id = page(fx, NVME_CNS_NS, NVME_NSID_ALL);

	g_assert_cmpuint(id->nmic, ==, 1);
	g_assert_cmpuint(id->lbaf[0].lbads, ==, 0);
	fx_add_ns(fx, 1, 64, 512);
	fx_add_ns(fx, 5, 64, 512);
	id = page(fx, NVME_CNS_NS, NVME_NSID_ALL);
	g_assert_cmpuint(id->nsze, ==, 0);
	g_assert_cmpuint(id->lbaf[0].lbads, ==, 9);
	fx->ctrlr->sgroup->ns[4].info->block_size = 4096;
	id = page(fx, NVME_CNS_NS, NVME_NSID_ALL);
	g_assert_cmpuint(id->lbaf[0].lbads, ==, 0);
	fx_free(fx);
}

/* Controllers of the subsystem, from an id on; a namespace that goes is attached to nobody. */
static void test_ctrlr_lists(void)
{
	struct fx *fx = fx_new_ready(4);
	struct fx_queue *first = fx->admin;
	struct nvmf_ctrlr *c = fx->ctrlr;
	const struct nvme_ctrlr_list *list;

	fx_add_ns(fx, 1, 64, 512);
	first->self = &fx->io[3];
	fx->io[3] = first;
	fx->admin = NULL;
	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmpuint(fx->ctrlr->cntlid, ==, c->cntlid + 1);
	list = page(fx, NVME_CNS_CTRLRS, 0);
	g_assert_cmpuint(list->n, ==, 2);
	g_assert_cmpuint(list->ids[0], ==, c->cntlid);
	g_assert_cmpuint(list->ids[1], ==, c->cntlid + 1);
	g_assert_true(is_zero(&list->ids[2], 4096 - 6));
	list = page(fx, NVME_CNS_NS_CTRLRS, 1);
	g_assert_cmpuint(list->n, ==, 2);
	list = (const void *)identify(fx, NVME_CNS_CTRLRS, 0, (c->cntlid + 1u) << 16, 0)->data;
	g_assert_cmpuint(list->n, ==, 1);
	g_assert_cmpuint(list->ids[0], ==, c->cntlid + 1);
	list = (const void *)identify(fx, NVME_CNS_NS_CTRLRS, 1, (c->cntlid + 2u) << 16, 0)->data;
	g_assert_true(is_zero(list, 4096));
	fx_remove_ns(fx, 1);
	g_assert_true(is_zero(page(fx, NVME_CNS_NS_CTRLRS, 1), 4096));
	fx_drop(first);
	list = page(fx, NVME_CNS_CTRLRS, 0);
	g_assert_cmpuint(list->n, ==, 1);
	fx_free(fx);
}

static void test_eui64(void)
{
	static const uint8_t eui[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct fx *fx = fx_new_ready(1);
	const uint8_t *d;

	fx_add_ns(fx, 1, 64, 512);
	memcpy(fx->ctrlr->sgroup->ns[0].info->eui64, eui, sizeof(eui));
	d = page(fx, NVME_CNS_NS_DESC, 1);
	g_assert_cmpuint(d[40], ==, NVME_NIDT_EUI64);
	g_assert_cmpuint(d[41], ==, 8);
	g_assert_cmpmem(d + 44, 8, eui, 8);
	g_assert_cmpuint(d[52], ==, NVME_NIDT_CSI);
	g_assert_cmpmem(((const struct nvme_id_ns *)page(fx, NVME_CNS_NS, 1))->eui64, 8, eui, 8);
	fx_free(fx);
}

/* A namespace that grows while connected shows its new size. */
static void test_resize(void)
{
	struct fx *fx = fx_new_ready(2);
	GError *error = NULL;

	fx_add_ns(fx, 1, 1000, 512);
	bdev_resize(bdev_find(fx->bdevs, "Null1"), 5000, &error);
	g_assert_no_error(error);
	fx_run(fx);
	g_assert_cmpuint(((const struct nvme_id_ns *)page(fx, NVME_CNS_NS, 1))->nsze, ==, 5000);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/admin/opcodes", test_opcodes);
	g_test_add_func("/nvmf/admin/malformed", test_malformed);
	g_test_add_func("/nvmf/admin/abort", test_abort);
	g_test_add_func("/nvmf/identify/ctrlr", test_ctrlr);
	g_test_add_func("/nvmf/identify/ctrlr-options", test_ctrlr_options);
	g_test_add_func("/nvmf/identify/discovery-ctrlr", test_discovery_ctrlr);
	g_test_add_func("/nvmf/identify/other-cns", test_other_cns);
	g_test_add_func("/nvmf/identify/ns", test_ns);
	g_test_add_func("/nvmf/identify/nsid", test_nsid);
	g_test_add_func("/nvmf/identify/lists", test_lists);
	g_test_add_func("/nvmf/identify/common", test_common);
	g_test_add_func("/nvmf/identify/ctrlr-lists", test_ctrlr_lists);
	g_test_add_func("/nvmf/identify/eui64", test_eui64);
	g_test_add_func("/nvmf/identify/resize", test_resize);
	return g_test_run();
}
