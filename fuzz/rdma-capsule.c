/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a capsule of NVMe/RDMA: its SGL is refused with a status of the
 * specification, or what it names lies in the capsule, is no longer than it says, and
 * is all there.
 *
 * Input: the capsule.
 */
#include <string.h>

#include "target/nvmf/rdma.h"

#define MAX_LEN 131072

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void is_whole(const struct rdma_sgl *sgl, uint32_t data_len)
{
	uint64_t total = 0;

	g_assert_cmpuint(sgl->nblocks, <=, RDMA_MAX_BLOCKS);
	for (unsigned i = 0; i < sgl->nblocks; i++) {
		g_assert_cmpuint(sgl->blocks[i].len, >, 0);
		total += sgl->blocks[i].len;
	}
	if (sgl->in_capsule) {
		g_assert_cmpuint(sgl->nblocks, ==, 0);
		g_assert_cmpuint((uint64_t)sgl->offset + sgl->len, <=, data_len);
	} else {
		g_assert_cmpuint(total, ==, sgl->len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	g_autofree uint8_t *behind = NULL;
	struct rdma_sgl sgl;
	struct nvme_cmd cmd;
	enum nvme_xfer xfer;
	uint16_t status;

	if (len < sizeof(cmd) || len > UINT16_MAX)
		return 0;
	memcpy(&cmd, data, sizeof(cmd));
	len -= sizeof(cmd);
	behind = g_memdup2(data + sizeof(cmd), len);
	xfer = nvme_cmd_xfer(&cmd);
	status = rdma_sgl_parse(&cmd, xfer, behind, (uint32_t)len, MAX_LEN, &sgl);
	switch (status) {
	case NVME_SUCCESS:
		is_whole(&sgl, (uint32_t)len);
		g_assert_true(xfer != NVME_XFER_H2C || sgl.len <= MAX_LEN);
		g_assert_true(xfer != NVME_XFER_NONE || sgl.len == 0);
		break;
	case NVME_SC_INVALID_FIELD | NVME_DNR:
	case NVME_SC_SGL_TYPE_INVALID | NVME_DNR:
	case NVME_SC_SGL_OFFSET_INVALID | NVME_DNR:
	case NVME_SC_SGL_LENGTH_INVALID | NVME_DNR:
	case NVME_SC_INVALID_SGL_SEGMENT | NVME_DNR:
	case NVME_SC_INVALID_SGL_COUNT | NVME_DNR:
		break;
	default:
		g_assert_not_reached();
	}
	return 0;
}
