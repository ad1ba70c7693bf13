/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real target over a transport made by hand: queues are connected by a real
 * Connect, commands are put in as a transport would, answers are kept. The test
 * moves the clock (tests/unit/core/fake-hw.h).
 */
#pragma once

#include "target/nvmf/admin.h"
#include "target/nvmf/tgt.h"
#include "tests/unit/core/fake-hw.h"

#define FX_NQN "nqn.2024-01.org.example:one"
#define FX_HOST "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"
#define FX_MAX_NS 8
#define FX_CC_GOOD 0x00460000u /* without EN */
#define FX_CC_EN (FX_CC_GOOD | NVME_CC_EN)

struct fx_queue {
	struct nvmf_qpair q;
	struct fx *fx;
	struct fx_queue **self; /* cleared when it is freed */
	struct fx_req *executing;
	bool killed;
};

/* A command and what became of it. */
struct fx_req {
	struct nvmf_request req;
	struct fx_req *next; /* of the queue's that are executing */
	struct iovec iov;
	bool done;
	uint16_t status;
	uint64_t value;
	uint8_t *data; /* NULL: none */
	uint32_t len;
};

struct fx {
	struct fake_hw *fake;
	struct core *core;
	struct bdev_layer *bdevs;
	struct nvmf_tgt *tgt;
	struct nvmf_transport *transport;
	struct nvmf_subsystem *subsystem;
	struct net_addr local; /* where hosts come in, as they asked */
	struct fx_queue *admin, *io[4];
	struct nvmf_ctrlr *ctrlr;
	struct fx_req *last; /* of fx_exec */
	bool stopped;
};

/* Target with one subsystem (max FX_MAX_NS namespaces) on 127.0.0.1:4420, nobody connected. */
struct fx *fx_new(unsigned nreactors);
void fx_free(struct fx *fx);
void fx_run(struct fx *fx);
void fx_listen(struct nvmf_subsystem *s, const char *traddr, const char *trsvcid);
void fx_unlisten(struct nvmf_subsystem *s, const char *traddr, const char *trsvcid);
/* A namespace on a null bdev of that many 512-byte blocks. */
void fx_add_ns(struct fx *fx, uint32_t nsid, uint64_t blocks, uint32_t physical);
void fx_remove_ns(struct fx *fx, uint32_t nsid);

/* Connects; returns the status. Admin queue: sets fx->admin and fx->ctrlr. */
uint16_t fx_connect_admin(struct fx *fx, const char *subnqn, uint32_t kato_ms);
uint16_t fx_connect_io(struct fx *fx, uint16_t qid);
/*
 * Another controller, enabled, of any host, through the transport's n-th port;
 * *slot becomes its admin queue (NULL: refused), and NULL again when that is freed.
 */
uint16_t fx_connect_as(struct fx *fx, struct fx_queue **slot, unsigned port, const char *subnqn,
		       const char *hostnqn);
/* Its I/O queue. */
uint16_t fx_connect_io_as(struct fx_queue *admin, struct fx_queue **slot, uint16_t qid);
/* A command on any queue, to its end; free it. */
struct fx_req *fx_exec_on(struct fx_queue *q, const struct nvme_cmd *cmd, enum nvme_xfer xfer,
			  const void *data, uint32_t len);
/* fx_new, connect, enable. */
struct fx *fx_new_ready(unsigned nreactors);
/* The peer has gone. */
void fx_drop(struct fx_queue *q);

/* A command without running anything; data goes with it when xfer is H2C. Free with fx_req_free. */
struct fx_req *fx_send(struct fx_queue *q, const struct nvme_cmd *cmd, enum nvme_xfer xfer,
		       const void *data, uint32_t len);
void fx_req_free(struct fx_req *r);
/* An admin command to its end; direction by opcode, room for len bytes. Valid until the next. */
struct fx_req *fx_exec(struct fx *fx, const struct nvme_cmd *cmd, const void *data, uint32_t len);
/* Fills in what all commands have. */
struct nvme_cmd fx_cmd(uint8_t opcode, uint32_t nsid, uint32_t cdw10, uint32_t cdw11);

struct fx_req *fx_get_log(struct fx *fx, uint8_t lid, bool keep, uint64_t offset, uint32_t len);
struct fx_req *fx_property_get(struct fx *fx, uint32_t offset, uint8_t attrib);
struct fx_req *fx_property_set(struct fx *fx, uint32_t offset, uint8_t attrib, uint64_t value);
uint32_t fx_csts(struct fx *fx);
void fx_set_cc(struct fx *fx, uint32_t cc);
struct fx_req *fx_send_aer(struct fx *fx, uint16_t cid);

#define INVALID_FIELD (NVME_SC_INVALID_FIELD | NVME_DNR)
#define INVALID_NS (NVME_SC_INVALID_NS | NVME_DNR)
#define assert_status(r, s) g_assert_cmphex((r)->status, ==, (s))
