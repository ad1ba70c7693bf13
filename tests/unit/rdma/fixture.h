/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real target that listens on NVMe/RDMA, and a host made by hand at the other end of
 * a wire (tests/unit/roce/wire.h), each on a software RNIC. The host posts what the
 * test says, right or wrong, and keeps what comes back. The test moves both clocks.
 */
#pragma once

#include "target/core/rnic.h"
#include "target/nvme/nvme-rdma.h"
#include "target/nvmf/admin.h"
#include "target/nvmf/tgt.h"
#include "tests/unit/core/fake-hw.h"
#include "tests/unit/roce/wire.h"

#define RX_NQN "nqn.2024-01.org.example:rdma"
#define RX_HOST "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"
#define RX_TARGET "192.0.2.1"
#define RX_PORT "4420"
#define RX_AREA (4u << 20) /* the host's memory for data */
#define RX_SLOTS 1024	   /* capsules, and responses, of a queue */
#define RX_CAPSULE 8192	   /* bytes of each */
#define RX_BLOCKS 8192	   /* of the namespaces, 512 bytes each */

struct rx_options {
	unsigned nreactors;
	struct ibv_device_attr attr; /* of the target's RNIC; max_qp 0: as usual */
	uint32_t max_inline;	     /* of the target's RNIC */
	size_t buf_limit;
	struct nvmf_transport_options transport;
};

/* A queue of the host's. */
struct rx_queue {
	struct rx *rx;
	struct rnic_id *id;
	struct rnic_qp *qp;
	uint8_t *memory; /* capsules, then responses */
	uint64_t iova;
	struct rnic_mr *mr;
	unsigned next_capsule;
	bool resolved, established, disconnected, over;
	int reject; /* reason of the rejection; 0: none */
	uint8_t private_data[256];
	unsigned private_len;
	uint16_t cid;
	GArray *responses; /* struct rx_response, as they came */
	unsigned sends, flushed;
	int send_error; /* the first completion with an error, an enum ibv_wc_status */
};

struct rx_response {
	struct nvme_cpl cpl;
	bool invalidated;
	uint32_t key;
};

struct rx {
	struct fake_hw *target_hw, *host_hw;
	struct wire *wire;
	struct hw_rnic *target_rnic, *rnic;
	struct core *core, *host;
	struct bdev_layer *bdevs;
	struct nvmf_tgt *tgt;
	struct nvmf_transport *transport;
	struct nvmf_subsystem *subsystem;
	/* The host's. */
	struct rnic_ctx *ctx;
	struct rnic_watcher watcher;
	struct rnic_device *dev;
	struct rnic_pd *pd;
	struct rnic_cq *cq;
	struct rnic_mr *mr;
	uint8_t *area; /* RX_AREA bytes, at iova 1 << 40 */
	GPtrArray *queues;
	uint16_t cntlid;
	unsigned receives; /* of a queue that is made now */
	bool lenient;	   /* queues may end at any time: what has no answer is RX_NO_ANSWER */
	bool stopped;
};

#define RX_IOVA (UINT64_C(1) << 40)
#define RX_NO_ANSWER 0xffff

void rx_options_default(struct rx_options *o);
/* NSID 1: malloc bdev "Malloc0", NSID 2: null bdev "Null0". NULL options: as default. */
struct rx *rx_new(const struct rx_options *o);
void rx_add_ns(struct rx *rx, uint32_t nsid, const char *bdev);
/* The target shuts down, and must leave nothing. */
void rx_free(struct rx *rx);
/* Both run until neither finds work. */
void rx_run(struct rx *rx);
/* The same, and time goes on by so much, in steps. */
void rx_time(struct rx *rx, uint64_t ns);

/* Asks for a connection with this private data; runs. */
struct rx_queue *rx_connect_raw(struct rx *rx, const void *private_data, uint8_t len,
				uint8_t responder_resources);
/* As a host does. */
struct rx_queue *rx_connect(struct rx *rx, uint16_t qid, uint16_t depth);
void rx_queue_free(struct rx_queue *q);
/* The status the connection was rejected with: it must have been, with private data. */
uint16_t rx_reject_status(const struct rx_queue *q);

struct nvme_cmd rx_cmd(uint8_t opcode, uint32_t nsid);
struct nvme_sgl rx_keyed(const struct rx *rx, uint32_t at, uint32_t len);
/* Posts a capsule: the command with a cid of its own (returned) and data behind it. */
uint16_t rx_post(struct rx_queue *q, struct nvme_cmd *cmd, const void *data, uint32_t len);
/* So many bytes, whatever they are. */
void rx_post_raw(struct rx_queue *q, const void *bytes, uint32_t len);
/* The answer to that cid; NULL: there is none. */
const struct rx_response *rx_response(const struct rx_queue *q, uint16_t cid);
/* Posts, runs, and returns the status, without the phase bit. */
uint16_t rx_exec(struct rx_queue *q, struct nvme_cmd *cmd, const void *data, uint32_t len);
/* NVMe-oF Connect on a connected queue; the status. */
uint16_t rx_nvme_connect(struct rx_queue *q, uint16_t qid, uint16_t depth);
/* Queue pair, Connect and, for the admin queue, CC.EN. */
struct rx_queue *rx_open(struct rx *rx, uint16_t qid, uint16_t depth);
/* Read or write of blocks, with one keyed descriptor at offset at of the area. */
struct nvme_cmd rx_rw(const struct rx *rx, uint8_t opcode, uint32_t nsid, uint64_t lba,
		      uint32_t blocks, uint32_t at);
void rx_fill(uint8_t *to, uint32_t len, unsigned what);
/* Connections that the target has. */
unsigned rx_connections(const struct rx *rx);
