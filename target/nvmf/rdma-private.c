/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: the private data of a connect request, checked (transport
 * specification, 5.2). Whoever reaches the port may have sent it.
 *
 * Sizes beyond what we have are not an error: the host is told what it may use
 * (CRQSIZE), and Connect holds it to that. Every ORD will do: a host need not make
 * READs.
 */
#include "target/nvmf/rdma.h"

#include <string.h>

uint16_t rdma_private_check(const struct rdma_conn_param *param,
			    const struct nvmf_transport_options *options, struct rdma_ask *ask)
{
	struct nvme_rdma_request req;
	unsigned depth;

	if (param->private_data == NULL || param->private_data_len < sizeof(req))
		return NVME_RDMA_INVALID_LENGTH;
	memcpy(&req, param->private_data, sizeof(req));
	if (req.recfmt != 0)
		return NVME_RDMA_INVALID_RECFMT;
	if (req.qid > options->max_io_qpairs_per_ctrlr)
		return NVME_RDMA_INVALID_QID;
	if (req.hsqsize == 0)
		return NVME_RDMA_INVALID_HSQSIZE; /* a queue has two entries at least */
	if (req.hrqsize < 2)
		return NVME_RDMA_INVALID_HRQSIZE;
	if (param->initiator_depth == 0)
		return NVME_RDMA_INVALID_IRD; /* its data could not be read */
	depth = req.qid == 0 ? options->max_aq_depth : options->max_queue_depth;
	depth = MIN(depth, req.hsqsize + 1u);
	*ask = (struct rdma_ask){
		.qid = req.qid,
		.cntlid = req.qid == 0 ? 0 : req.cntlid,
		.depth = (uint16_t)MIN(depth, req.hrqsize),
		.reads = param->initiator_depth,
	};
	return 0;
}
