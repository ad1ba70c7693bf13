/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What NVMe/RDMA (transport specification 1.0 and 1.1) puts on a wire beyond
 * commands and completions: the private data of connection management. Little
 * endian, as all of NVMe.
 */
#pragma once

#include <stdint.h>

/* RDMA_CM_REQUEST. */
struct nvme_rdma_request {
	uint16_t recfmt; /* 0 */
	uint16_t qid;
	uint16_t hrqsize; /* receives that the host has for responses */
	uint16_t hsqsize; /* as SQSIZE of Connect: 0's based */
	uint16_t cntlid;  /* 1.1, of I/O queues; 1.0: reserved */
	uint8_t reserved[22];
};
_Static_assert(sizeof(struct nvme_rdma_request) == 32, "RDMA_CM_REQUEST");

/* RDMA_CM_ACCEPT. */
struct nvme_rdma_accept {
	uint16_t recfmt;
	uint16_t crqsize; /* capsules that the controller has receives for */
	uint8_t reserved[28];
};
_Static_assert(sizeof(struct nvme_rdma_accept) == 32, "RDMA_CM_ACCEPT");

/* RDMA_CM_REJECT. */
struct nvme_rdma_reject {
	uint16_t recfmt;
	uint16_t sts; /* enum nvme_rdma_status */
};

enum nvme_rdma_status {
	NVME_RDMA_INVALID_LENGTH = 1, /* of the private data */
	NVME_RDMA_INVALID_RECFMT = 2,
	NVME_RDMA_INVALID_QID = 3,
	NVME_RDMA_INVALID_HSQSIZE = 4,
	NVME_RDMA_INVALID_HRQSIZE = 5,
	NVME_RDMA_NO_RESOURCES = 6,
	NVME_RDMA_INVALID_IRD = 7, /* READs that the host answers at a time */
	NVME_RDMA_INVALID_ORD = 8, /* READs that the host makes at a time */
	NVME_RDMA_INVALID_CNTLID = 9,
};

/* In TSAS of a discovery log entry: bytes 0 to 2, and the partition key at 8. */
#define NVME_RDMA_QPTYPE_CONNECTED 1
#define NVME_RDMA_PRTYPE_NOT_SPECIFIED 1
#define NVME_RDMA_CMS_RDMA_CM 1
