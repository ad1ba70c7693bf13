/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identify (base 2.0, 5.17; NVM command set 1.0, 4.1.5). Each data structure is
 * made on demand from what the owner's reactor knows of the subsystem, always
 * 4096 bytes.
 *
 * Namespaces are active where this controller's host may see them; the others are
 * none of its business, so that no more than those are allocated either. Lists of
 * controllers are in identify-ctrlrs.c.
 */
#include <string.h>

#include "target/nvmf/admin.h"
#include "target/nvmf/io.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/rdma.h"
#include "target/nvmf/tgt.h"

#define PAGE 4096
#define INVALID_NS (NVME_SC_INVALID_NS | NVME_DNR)
#define INVALID_FIELD (NVME_SC_INVALID_FIELD | NVME_DNR)
#define CSI_NVM 0

#define CMIC_MULTI_PORT 0x01
#define CMIC_MULTI_CTRLR 0x02
#define CMIC_ANA 0x08
#define ANACAP_ALL_STATES 0x1f /* and a namespace may change its group */
#define ANATT_SECONDS 10
#define FRMW_SLOT1_READ_ONLY 0x01
#define FRMW_ONE_SLOT 0x02
#define LPA_SMART_PER_NS 0x01
#define LPA_EFFECTS 0x02
#define LPA_EXTENDED 0x04
#define LPA_SUPPORTED_PAGES 0x20 /* and scopes in 05h, and 12h and 13h */
#define ONCS_SAVE_SELECT 0x0010
#define NWPC_BASIC 0x01 /* write protected or not, no more */
#define SGLS_SUPPORTED 0x1u	   /* any alignment */
#define SGLS_TRANSPORT (1u << 21) /* transport SGL data block */
#define NSFEAT_OPTPERF 0x10
#define NMIC_SHARED 0x01
#define NSATTR_WRITE_PROTECTED 0x01
#define NSTAT_READY 0x01
#define INDEP_VWC_NOT_PRESENT 0x20
#define CNTRLTYPE_IO 1
#define CNTRLTYPE_DISCOVERY 2
#define DCTYPE_DIRECT 1

/* CNS 08h */
struct id_ns_independent {
	uint8_t nsfeat, nmic, rescap, fpi;
	uint32_t anagrpid;
	uint8_t nsattr, reserved9;
	uint16_t nvmsetid, endgid;
	uint8_t nstat, reserved15[4081];
};
_Static_assert(sizeof(struct id_ns_independent) == PAGE, "I/O command set independent namespace");

/* --- controller ------------------------------------------------------------------------ */

static uint32_t sgls_of(const struct nvmf_ctrlr *c)
{
	uint32_t sgls = SGLS_SUPPORTED;

	if (c->transport->options.in_capsule_data_size > 0)
		sgls |= NVME_SGLS_OFFSET;
	return sgls |
	       (c->transport->ops->trtype == NVME_TRTYPE_RDMA ? NVME_SGLS_KEYED : SGLS_TRANSPORT);
}

/* Descriptors in one SGL: of RDMA in a list, which lies in the data of the capsule. */
static uint8_t msdbd_of(const struct nvmf_ctrlr *c)
{
	uint32_t room = c->transport->options.in_capsule_data_size / sizeof(struct nvme_sgl);

	if (c->transport->ops->trtype != NVME_TRTYPE_RDMA || c->discovery)
		return 1;
	return (uint8_t)CLAMP(room, 1, RDMA_MAX_BLOCKS);
}

/* What discovery controllers have too. */
static void fill_ctrlr_common(const struct nvmf_ctrlr *c, struct nvme_id_ctrlr *id)
{
	const struct nvmf_transport_options *o = &c->transport->options;

	nvme_pad(id->sn, c->subsystem->serial, sizeof(id->sn));
	nvme_pad(id->mn, c->subsystem->model, sizeof(id->mn));
	nvme_pad(id->fr, NVMF_FIRMWARE_REVISION, sizeof(id->fr));
	id->mdts = (uint8_t)__builtin_ctz(o->max_io_size / PAGE);
	id->cntlid = c->cntlid;
	id->ver = NVMF_VERSION;
	id->oaes = nvmf_ctrlr_oaes(c);
	id->ctratt = NVME_CTRATT_HOSTID128 | NVME_CTRATT_TBKAS;
	id->cntrltype = c->discovery ? CNTRLTYPE_DISCOVERY : CNTRLTYPE_IO;
	id->acl = NVMF_ABORT_MAX - 1;
	id->aerl = NVMF_AER_MAX - 1;
	id->lpa = LPA_EXTENDED;
	id->crdt1 = c->tgt->crdt[0];
	id->crdt2 = c->tgt->crdt[1];
	id->crdt3 = c->tgt->crdt[2];
	id->kas = o->kas;
	id->maxcmd = o->max_queue_depth;
	id->sgls = sgls_of(c);
	g_strlcpy(id->subnqn, c->subsystem->nqn, sizeof(id->subnqn));
	id->iorcsz = sizeof(struct nvme_cpl) / 16;
	id->msdbd = msdbd_of(c);
}

static void fill_ana(const struct nvmf_ctrlr *c, struct nvme_id_ctrlr *id)
{
	id->cmic |= CMIC_ANA;
	id->anatt = ANATT_SECONDS;
	id->anacap = ANACAP_ALL_STATES;
	id->anagrpmax = c->subsystem->max_namespaces;
	id->nanagrpid = c->subsystem->max_namespaces;
}

static void fill_ctrlr_io(const struct nvmf_ctrlr *c, struct nvme_id_ctrlr *id)
{
	const struct nvmf_transport_options *o = &c->transport->options;

	id->cmic = CMIC_MULTI_PORT | CMIC_MULTI_CTRLR;
	if (c->subsystem->ana_reporting)
		fill_ana(c, id);
	id->frmw = FRMW_SLOT1_READ_ONLY | FRMW_ONE_SLOT;
	id->lpa |= LPA_SMART_PER_NS | LPA_EFFECTS | LPA_SUPPORTED_PAGES;
	id->elpe = NVMF_ERROR_LOG_ENTRIES - 1;
	id->sqes = 0x66; /* 64 bytes, least and most */
	id->cqes = 0x44; /* 16 bytes */
	id->nn = c->subsystem->max_namespaces;
	id->mnan = c->subsystem->max_namespaces;
	id->oncs = ONCS_SAVE_SELECT;
	nvmf_io_identify_ctrlr(c, id);
	id->nwpc = NWPC_BASIC;
	id->ioccsz = (uint32_t)(sizeof(struct nvme_cmd) + o->in_capsule_data_size) / 16;
}

static uint16_t fill_ctrlr(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page)
{
	struct nvme_id_ctrlr *id = page;

	(void)cmd;
	fill_ctrlr_common(c, id);
	if (c->discovery) {
		id->ioccsz = sizeof(struct nvme_cmd) / 16;
		id->dctype = DCTYPE_DIRECT;
	} else {
		fill_ctrlr_io(c, id);
	}
	return NVME_SUCCESS;
}

/* CNS 06h: limits beside MDTS, where the administrator has set them. */
static uint16_t fill_csi_ctrlr(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page)
{
	struct nvme_id_ctrlr_nvm *id = page;

	(void)cmd;
	id->wzsl = c->subsystem->wzsl;
	id->dmrsl = c->subsystem->dmrsl;
	return NVME_SUCCESS;
}

/* CNS 1Ch: one combination, of the NVM command set alone; for this controller only. */
static uint16_t fill_command_sets(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd,
				  void *page)
{
	uint16_t cntlid = (uint16_t)(cmd->cdw10 >> 16);
	uint64_t *vectors = page;

	if (cntlid != 0xffff && cntlid != c->cntlid)
		return INVALID_FIELD;
	vectors[0] = 1u << CSI_NVM;
	return NVME_SUCCESS;
}

/* --- namespaces -------------------------------------------------------------------------- */

/*
 * NVME_SUCCESS and *info, which is NULL for an inactive namespace (the page stays
 * zero); an NSID that cannot be one is refused.
 */
static uint16_t find_ns(const struct nvmf_ctrlr *c, uint32_t nsid, const struct nvmf_ns_info **info)
{
	const struct nvmf_ns_group *ng = nvmf_ctrlr_ns(c, c->sgroup, nsid);

	*info = ng != NULL ? ng->info : NULL;
	return nsid == 0 || nsid > c->sgroup->max_namespaces ? INVALID_NS : NVME_SUCCESS;
}

/*
 * Preferred sizes are 0's based, in blocks. Said only where they tell anything. Where
 * the administrator has not, a physical block is what is best written as a whole.
 */
static void fill_preferred(const struct nvmf_ns_info *info, struct nvme_id_ns *id)
{
	const struct bdev_preferred *p = &info->preferred;
	const uint32_t given[] = { p->write_granularity, p->write_alignment, p->unmap_granularity,
				   p->unmap_alignment, p->write_size };
	uint16_t *const fields[] = { &id->npwg, &id->npwa, &id->npdg, &id->npda, &id->nows };

	for (unsigned i = 0; i < G_N_ELEMENTS(given); i++) {
		uint32_t blocks = given[i] ? given[i] : info->physical_block_size / info->block_size;

		if (blocks <= 1 || blocks > 65536)
			continue;
		id->nsfeat |= NSFEAT_OPTPERF;
		*fields[i] = (uint16_t)(blocks - 1);
	}
	if (info->optimal_io_boundary <= UINT16_MAX)
		id->noiob = (uint16_t)info->optimal_io_boundary;
}

static void fill_one_ns(const struct nvmf_ctrlr *c, const struct nvmf_ns_info *info, void *page)
{
	struct nvme_id_ns *id = page;

	id->nsze = id->ncap = id->nuse = info->blocks;
	id->nmic = NMIC_SHARED;
	id->lbaf[0].lbads = (uint8_t)__builtin_ctz(info->block_size);
	fill_preferred(info, id);
	nvmf_io_identify_ns(c, info, id);
	id->anagrpid = c->subsystem->ana_reporting ? info->anagrpid : 0;
	id->nsattr = info->read_only ? NSATTR_WRITE_PROTECTED : 0;
	memcpy(id->nguid, info->nguid, sizeof(id->nguid));
	memcpy(id->eui64, info->eui64, sizeof(id->eui64));
}

/* What all namespaces have in common; the size of blocks if they have. */
static uint16_t fill_common_ns(const struct nvmf_ctrlr *c, struct nvme_id_ns *id)
{
	uint32_t block_size = 0;

	id->nmic = NMIC_SHARED;
	for (uint32_t nsid = 1; nsid <= c->sgroup->max_namespaces; nsid++) {
		const struct nvmf_ns_group *ng = nvmf_ctrlr_ns(c, c->sgroup, nsid);

		if (ng == NULL)
			continue;
		if (block_size != 0 && block_size != ng->info->block_size)
			return NVME_SUCCESS;
		block_size = ng->info->block_size;
	}
	id->lbaf[0].lbads = block_size != 0 ? (uint8_t)__builtin_ctz(block_size) : 0;
	return NVME_SUCCESS;
}

/* CNS 00h */
static uint16_t fill_ns(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page)
{
	const struct nvmf_ns_info *info;
	uint16_t status;

	if (cmd->nsid == NVME_NSID_ALL)
		return fill_common_ns(c, page);
	status = find_ns(c, cmd->nsid, &info);
	if (status == NVME_SUCCESS && info != NULL)
		fill_one_ns(c, info, page);
	return status;
}

/* CNS 11h */
static uint16_t fill_allocated_ns(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd,
				  void *page)
{
	const struct nvmf_ns_info *info;
	uint16_t status = find_ns(c, cmd->nsid, &info);

	if (status == NVME_SUCCESS && info != NULL)
		fill_one_ns(c, info, page);
	return status;
}

/* CNS 05h: no protection information, nothing else to say. */
static uint16_t fill_csi_ns(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page)
{
	const struct nvmf_ns_info *info;

	(void)page;
	return find_ns(c, cmd->nsid, &info);
}

/* CNS 08h */
static uint16_t fill_independent_ns(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd,
				    void *page)
{
	struct id_ns_independent *id = page;
	const struct nvmf_ns_info *info;
	uint16_t status = find_ns(c, cmd->nsid, &info);

	if (status != NVME_SUCCESS || info == NULL)
		return status;
	id->nsfeat = info->write_cache ? 0 : INDEP_VWC_NOT_PRESENT;
	id->nmic = NMIC_SHARED;
	id->anagrpid = c->subsystem->ana_reporting ? info->anagrpid : 0;
	id->nsattr = info->read_only ? NSATTR_WRITE_PROTECTED : 0;
	id->nstat = NSTAT_READY;
	return NVME_SUCCESS;
}

/* CNS 02h, 07h and 10h: active namespaces with an NSID above the one given. */
static uint16_t fill_active_ns(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page)
{
	uint32_t *list = page;
	unsigned n = 0;

	if (cmd->nsid >= NVME_NSID_ALL - 1)
		return INVALID_NS;
	for (uint32_t i = cmd->nsid; i < c->sgroup->max_namespaces && n < PAGE / 4; i++) {
		if (nvmf_ctrlr_ns(c, c->sgroup, i + 1) != NULL)
			list[n++] = i + 1;
	}
	return NVME_SUCCESS;
}

static bool all_zero(const uint8_t *p, unsigned len)
{
	while (len > 0 && *p == 0) {
		p++;
		len--;
	}
	return len == 0;
}

static uint8_t *add_desc(uint8_t *at, uint8_t type, const void *id, uint8_t len)
{
	struct nvme_ns_desc *desc = (struct nvme_ns_desc *)at;

	desc->nidt = type;
	desc->nidl = len;
	memcpy(desc->nid, id, len);
	return desc->nid + len;
}

/* CNS 03h: of an active namespace only. */
static uint16_t fill_ns_descs(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page)
{
	const struct nvmf_ns_info *info;
	uint16_t status = find_ns(c, cmd->nsid, &info);
	uint8_t csi = CSI_NVM;
	uint8_t *at = page;

	if (status != NVME_SUCCESS)
		return status;
	if (info == NULL)
		return INVALID_NS;
	at = add_desc(at, NVME_NIDT_UUID, info->uuid, sizeof(info->uuid));
	if (!all_zero(info->nguid, sizeof(info->nguid)))
		at = add_desc(at, NVME_NIDT_NGUID, info->nguid, sizeof(info->nguid));
	if (!all_zero(info->eui64, sizeof(info->eui64)))
		at = add_desc(at, NVME_NIDT_EUI64, info->eui64, sizeof(info->eui64));
	add_desc(at, NVME_NIDT_CSI, &csi, sizeof(csi));
	return NVME_SUCCESS;
}

/* --- the command -------------------------------------------------------------------------- */

static const struct cns {
	uint8_t cns;
	bool discovery; /* discovery controllers have it too */
	bool csi;	/* of a command set: of NVM only */
	/* NULL: nvmf_identify_ctrlrs */
	uint16_t (*fill)(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd, void *page);
} all_cns[] = {
	{ NVME_CNS_NS, false, false, fill_ns },
	{ NVME_CNS_CTRLR, true, false, fill_ctrlr },
	{ NVME_CNS_ACTIVE_NS, false, false, fill_active_ns },
	{ NVME_CNS_NS_DESC, false, false, fill_ns_descs },
	{ NVME_CNS_CSI_NS, false, true, fill_csi_ns },
	{ NVME_CNS_CSI_CTRLR, false, true, fill_csi_ctrlr },
	{ NVME_CNS_CSI_ACTIVE_NS, false, true, fill_active_ns },
	{ NVME_CNS_CSI_INDEPENDENT_NS, false, false, fill_independent_ns },
	{ NVME_CNS_ALLOCATED_NS_LIST, false, false, fill_active_ns },
	{ NVME_CNS_ALLOCATED_NS, false, false, fill_allocated_ns },
	{ NVME_CNS_NS_CTRLRS, false, false, NULL },
	{ NVME_CNS_CTRLRS, false, false, NULL },
	{ NVME_CNS_IO_COMMAND_SETS, false, false, fill_command_sets },
};

/* The parts of dword 10 and 11; what else is there (UUID index, CNS specific identifier) is
 * ignored. */
static const struct cns *find_cns(const struct nvmf_ctrlr *c, const struct nvme_cmd *cmd,
				  uint16_t *where)
{
	*where = NVME_PEL(cdw10);
	for (unsigned i = 0; i < G_N_ELEMENTS(all_cns); i++) {
		const struct cns *cns = &all_cns[i];

		if (cns->cns != (cmd->cdw10 & 0xff))
			continue;
		if (c->discovery && !cns->discovery)
			return NULL;
		*where = NVME_PEL(cdw11) + 3; /* CSI */
		return cns->csi && cmd->cdw11 >> 24 != CSI_NVM ? NULL : cns;
	}
	return NULL;
}

void nvmf_identify(struct nvmf_request *req)
{
	const struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint16_t status = INVALID_FIELD, where;
	const struct cns *cns = find_cns(c, &req->cmd, &where);
	g_autofree void *page = NULL;

	if (cns != NULL && cns->fill == NULL) {
		nvmf_identify_ctrlrs(req);
		return;
	}
	if (cns != NULL) {
		page = g_malloc0(PAGE);
		where = cns->fill == fill_command_sets ? NVME_PEL(cdw10) + 2 : NVME_PEL(nsid);
		status = cns->fill(c, &req->cmd, page);
	}
	if (status != NVME_SUCCESS)
		nvmf_request_fail(req, status, where);
	else
		nvmf_request_reply_data(req, g_steal_pointer(&page), PAGE);
}
