/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Identify says of I/O commands (base 2.0, 5.17.2.1; NVM command set 1.0,
 * 4.1.5.1): beside the code that does them, so that it says what is there.
 */
#include "target/nvmf/io.h"

#define ONCS_COMPARE 0x0001
#define ONCS_WRITE_UNCORRECTABLE 0x0002
#define ONCS_DSM 0x0004
#define ONCS_WRITE_ZEROES 0x0008
#define ONCS_VERIFY 0x0080
#define ONCS_COPY 0x0100
#define FUSES_COMPARE_AND_WRITE 0x0001
#define VWC_PRESENT 0x01
#define VWC_FLUSH_ALL 0x06 /* Flush of NSID FFFFFFFFh flushes all */
#define OCFS_FORMAT_0 0x0001
#define NSFEAT_ATOMIC 0x02 /* NAWUN, NAWUPF, NACWU say something; 0: as the controller's */
#define DLFEAT_ZEROES 0x01
#define DLFEAT_WRITE_ZEROES 0x08 /* Write Zeroes may deallocate */

bool nvmf_io_has_write_uncorrectable(const struct nvmf_sgroup *sg)
{
	bool any = false;

	for (uint32_t i = 0; i < sg->max_namespaces; i++) {
		if (sg->ns[i].state != NVMF_NS_ACTIVE)
			continue;
		any = true;
		if ((sg->ns[i].channel->supported & 1u << BDEV_WRITE_UNCORRECTABLE) == 0)
			return false;
	}
	return any;
}

/* AWUN, AWUPF and ACWU are 0: one block of any namespace. */
void nvmf_io_identify_ctrlr(const struct nvmf_ctrlr *c, struct nvme_id_ctrlr *id)
{
	id->oncs |= ONCS_COMPARE | ONCS_DSM | ONCS_WRITE_ZEROES | ONCS_VERIFY | ONCS_COPY;
	if (nvmf_io_has_write_uncorrectable(c->sgroup))
		id->oncs |= ONCS_WRITE_UNCORRECTABLE;
	id->oncs &= (uint16_t)~c->transport->options.masked_oncs;
	id->fuses = c->transport->no_fused ? 0 : FUSES_COMPARE_AND_WRITE;
	id->vwc = VWC_PRESENT | VWC_FLUSH_ALL;
	id->cdfs = OCFS_FORMAT_0;
}

/* A pair may be as large as any command with data: it is locked as a whole. */
void nvmf_io_identify_ns(const struct nvmf_ctrlr *c, const struct nvmf_ns_info *info,
			 struct nvme_id_ns *id)
{
	const struct nvmf_ns_group *ng = nvmf_sgroup_ns(c->sgroup, info->nsid);
	uint32_t most = c->transport->options.max_io_size / info->block_size;

	id->nsfeat |= NSFEAT_ATOMIC;
	id->nacwu = (uint16_t)(MIN(MAX(most, 1u), 65536u) - 1);
	id->mssrl = (uint16_t)nvmf_io_copy_mssrl(info->block_size);
	id->mcl = nvmf_io_copy_mcl(info->block_size);
	id->msrc = NVMF_COPY_RANGES - 1;
	if (ng != NULL && ng->channel->bdev->unmap_zeroes)
		id->dlfeat = DLFEAT_ZEROES | DLFEAT_WRITE_ZEROES;
}
