/* SPDX-License-Identifier: BSD-3-Clause */
/* NVMe/RDMA: what refusals and failed work requests mean, and what to look at. */
#include <errno.h>
#include <string.h>

#include "target/host/rdma.h"

/* By enum nvme_rdma_status. */
static const char *const statuses[] = {
	[NVME_RDMA_INVALID_LENGTH] =
		"the target refused the connection: it expects private data of another length "
		"(status 1)",
	[NVME_RDMA_INVALID_RECFMT] =
		"the target refused the connection: it does not know this format of private data "
		"(status 2)",
	[NVME_RDMA_INVALID_QID] =
		"the target refused the connection: it has no queue of that number (status 3); "
		"ask for fewer I/O queues",
	[NVME_RDMA_INVALID_HSQSIZE] =
		"the target refused the connection: it does not take a queue of that size "
		"(status 4, HSQSIZE); ask for a smaller one",
	[NVME_RDMA_INVALID_HRQSIZE] =
		"the target refused the connection: it does not take that number of receives "
		"(status 5, HRQSIZE); ask for a smaller queue",
	[NVME_RDMA_NO_RESOURCES] =
		"the target refused the connection: it has no resources for one more queue "
		"(status 6); its log says of what",
	[NVME_RDMA_INVALID_IRD] =
		"the target refused the connection: this RNIC answers too few READs at a time for "
		"it (status 7, IRD)",
	[NVME_RDMA_INVALID_ORD] =
		"the target refused the connection: it does not take the number of READs that "
		"this host makes at a time (status 8, ORD)",
	[NVME_RDMA_INVALID_CNTLID] =
		"the target refused the connection: it has no controller of that number for this "
		"queue (status 9)",
};

static int consumer(const struct rdma_conn_param *param, const char **text)
{
	struct nvme_rdma_reject rej;

	*text = "the target refused the connection and did not say why";
	if (!param->private_data || param->private_data_len < sizeof(rej))
		return -EACCES;
	memcpy(&rej, param->private_data, sizeof(rej));
	if (rej.recfmt != 0)
		return -EACCES;
	if (rej.sts < G_N_ELEMENTS(statuses) && statuses[rej.sts])
		*text = statuses[rej.sts];
	else
		*text = "the target refused the connection with a status that NVMe/RDMA does not "
			"define";
	return -EACCES;
}

int host_rdma_rejected(const struct rnic_cm_event *event, const char **text)
{
	switch (event->status) {
	case RNIC_REJ_CONSUMER:
		return consumer(&event->param, text);
	case RNIC_REJ_INVALID_SERVICE_ID:
		*text = "nothing listens on this port";
		return -ECONNREFUSED;
	case RNIC_REJ_NO_QP:
		*text = "the target's RNIC has no queue pair left";
		return -EACCES;
	case RNIC_REJ_TIMEOUT:
		*text = "the target's RNIC gave up waiting for an answer";
		return -ETIMEDOUT;
	case RNIC_REJ_STALE_CONN:
		*text = "the target's RNIC still has an old connection of this queue pair; the "
			"next attempt uses another";
		return -EACCES;
	case RNIC_REJ_INVALID_MTU:
		*text = "the path MTU of this machine's RNIC is above that of the target's: give "
			"both ports the same MTU";
		return -EACCES;
	default:
		*text = "the target's RNIC refused the connection";
		return -EACCES;
	}
}

const char *host_rdma_wc_text(enum ibv_wc_status status)
{
	switch (status) {
	case IBV_WC_RETRY_EXC_ERR:
		return "the target's RNIC does not answer any more";
	case IBV_WC_RNR_RETRY_EXC_ERR:
		return "the target has no receive for a command";
	case IBV_WC_REM_ACCESS_ERR:
	case IBV_WC_REM_INV_REQ_ERR:
	case IBV_WC_REM_OP_ERR:
		return "the target's RNIC refused a command";
	case IBV_WC_LOC_LEN_ERR:
		return "the target sent a response of a wrong length";
	case IBV_WC_MW_BIND_ERR:
		return "the RNIC did not bind a memory window";
	default:
		return "the RNIC failed a work request";
	}
}
