/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any private data in a connect request of NVMe/RDMA: refused with a status of the
 * specification, or taken within what the transport allows.
 *
 * Input: how many READs the host answers, one byte; the private data.
 */
#include <string.h>

#include "target/nvmf/rdma.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nvmf_transport_options options;
	struct rdma_conn_param param = { 0 };
	g_autofree uint8_t *exact = NULL;
	struct rdma_ask ask;
	uint16_t status;

	if (len == 0)
		return 0;
	nvmf_transport_options_default(&options);
	param.initiator_depth = data[0];
	param.private_data_len = (uint8_t)MIN(len - 1, 255u);
	/* Of its own, so that a read beyond it is seen. */
	exact = g_memdup2(data + 1, param.private_data_len);
	param.private_data = exact;
	status = rdma_private_check(&param, &options, &ask);
	if (param.private_data_len < sizeof(struct nvme_rdma_request))
		g_assert_cmpuint(status, ==, NVME_RDMA_INVALID_LENGTH);
	g_assert_cmpuint(status, <=, NVME_RDMA_INVALID_CNTLID);
	if (status != 0)
		return 0;
	g_assert_cmpuint(ask.qid, <=, options.max_io_qpairs_per_ctrlr);
	g_assert_cmpuint(ask.depth, >=, 2);
	g_assert_cmpuint(ask.depth, <=,
			 ask.qid == 0 ? options.max_aq_depth : options.max_queue_depth);
	g_assert_cmpuint(ask.reads, >, 0);
	g_assert_true(ask.qid != 0 || ask.cntlid == 0);
	return 0;
}
