/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: the SGL of a command, taken apart (base 2.0, 4.1.2; transport
 * specification, 4). The host's memory is named by keyed descriptors: one in the
 * command, or a list of them in the capsule. Everything in it is the word of a
 * stranger.
 */
#include "target/nvmf/rdma.h"

#include <string.h>

static uint32_t length3(const uint8_t *b)
{
	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
}

static uint16_t take_block(struct rdma_sgl *sgl, const struct nvme_sgl *d)
{
	uint32_t len = length3(d->keyed.length3), key;

	if (d->type != NVME_SGL_KEYED && d->type != NVME_SGL_KEYED_INVALIDATE)
		return NVME_SC_SGL_TYPE_INVALID | NVME_DNR;
	memcpy(&key, d->keyed.key, sizeof(key));
	/* One response invalidates one key: the first that asks. */
	if (d->type == NVME_SGL_KEYED_INVALIDATE && !sgl->invalidate) {
		sgl->invalidate = true;
		sgl->invalidate_key = key;
	}
	if (len > 0)
		sgl->blocks[sgl->nblocks++] = (struct rdma_block){ d->address, len, key };
	sgl->len += len;
	return NVME_SUCCESS;
}

/* [address, address + length) of the capsule's data. */
static uint16_t in_data(const struct nvme_sgl *d, uint32_t data_len)
{
	if (d->address > data_len)
		return NVME_SC_SGL_OFFSET_INVALID | NVME_DNR;
	if (d->length > data_len - d->address)
		return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	return NVME_SUCCESS;
}

static uint16_t take_list(struct rdma_sgl *sgl, const struct nvme_sgl *last, const uint8_t *data,
			  uint32_t data_len)
{
	uint32_t n = last->length / (uint32_t)sizeof(struct nvme_sgl);
	uint16_t status = in_data(last, data_len);

	if (status != NVME_SUCCESS)
		return status;
	if (n == 0 || last->length % sizeof(struct nvme_sgl) != 0)
		return NVME_SC_INVALID_SGL_SEGMENT | NVME_DNR;
	if (n > RDMA_MAX_BLOCKS)
		return NVME_SC_INVALID_SGL_COUNT | NVME_DNR;
	for (uint32_t i = 0; i < n && status == NVME_SUCCESS; i++) {
		struct nvme_sgl d;

		memcpy(&d, data + last->address + i * sizeof(d), sizeof(d));
		status = take_block(sgl, &d);
	}
	return status;
}

static uint16_t take(struct rdma_sgl *sgl, const struct nvme_sgl *first, enum nvme_xfer xfer,
		     const uint8_t *data, uint32_t data_len)
{
	switch (first->type) {
	case NVME_SGL_KEYED:
	case NVME_SGL_KEYED_INVALIDATE:
		return take_block(sgl, first);
	case NVME_SGL_OFFSET:
		if (xfer != NVME_XFER_H2C)
			return NVME_SC_SGL_TYPE_INVALID | NVME_DNR;
		sgl->in_capsule = true;
		sgl->len = first->length;
		sgl->offset = (uint32_t)first->address;
		return in_data(first, data_len);
	case NVME_SGL_LAST_SEGMENT | NVME_SGL_OFFSET:
		return take_list(sgl, first, data, data_len);
	default:
		return NVME_SC_SGL_TYPE_INVALID | NVME_DNR;
	}
}

uint16_t rdma_sgl_parse(const struct nvme_cmd *cmd, enum nvme_xfer xfer, const uint8_t *data,
			uint32_t data_len, uint32_t max_len, struct rdma_sgl *sgl)
{
	uint16_t status;

	sgl->len = 0;
	sgl->nblocks = 0;
	sgl->invalidate = sgl->in_capsule = false;
	if ((cmd->flags & NVME_CMD_PSDT_MASK) != NVME_CMD_PSDT_SGL || xfer == NVME_XFER_BIDIR)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	if (xfer == NVME_XFER_NONE)
		return NVME_SUCCESS;
	status = take(sgl, &cmd->sgl, xfer, data, data_len);
	if (status == NVME_SUCCESS && xfer == NVME_XFER_H2C && sgl->len > max_len)
		status = NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	return status;
}
