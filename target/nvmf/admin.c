/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admin commands: which there are, what they have in common, and the small ones
 * (Abort, Keep Alive). On the owner's reactor; none waits for I/O.
 */
#include "target/nvmf/admin.h"

/* Base 2.0, 5.1. Only AERs stay long enough to be aborted: the rest is answered at once. */
static void abort_command(struct nvmf_request *req)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint16_t sqid = (uint16_t)req->cmd.cdw10;
	uint16_t cid = (uint16_t)(req->cmd.cdw10 >> 16);
	struct nvmf_request *aer = sqid == 0 ? nvmf_ctrlr_take_aer(c, cid) : NULL;

	req->rsp.dw0 = 1; /* not aborted */
	if (aer != NULL) {
		nvmf_request_complete(aer, NVME_SC_ABORT_REQUESTED);
		req->rsp.dw0 = 0;
	}
	nvmf_request_complete(req, NVME_SUCCESS);
}

/* That it came is what counts: keep-alive.c looks at the activity of the queues. */
static void keep_alive(struct nvmf_request *req)
{
	nvmf_request_complete(req, NVME_SUCCESS);
}

static const struct {
	uint8_t opcode;
	uint8_t xfer;
	void (*exec)(struct nvmf_request *req);
} commands[] = {
	{ NVME_ADMIN_GET_LOG_PAGE, NVME_XFER_C2H, nvmf_get_log_page },
	{ NVME_ADMIN_IDENTIFY, NVME_XFER_C2H, nvmf_identify },
	{ NVME_ADMIN_ABORT, NVME_XFER_NONE, abort_command },
	{ NVME_ADMIN_SET_FEATURES, NVME_XFER_H2C, nvmf_set_features },
	{ NVME_ADMIN_GET_FEATURES, NVME_XFER_C2H, nvmf_get_features },
	{ NVME_ADMIN_AER, NVME_XFER_NONE, nvmf_aer },
	{ NVME_ADMIN_KEEP_ALIVE, NVME_XFER_NONE, keep_alive },
};

const uint8_t nvmf_admin_opcodes[] = {
	NVME_ADMIN_GET_LOG_PAGE, NVME_ADMIN_IDENTIFY,	  NVME_ADMIN_ABORT,
	NVME_ADMIN_SET_FEATURES, NVME_ADMIN_GET_FEATURES, NVME_ADMIN_AER,
	NVME_ADMIN_KEEP_ALIVE,
};
const unsigned nvmf_admin_opcodes_len = G_N_ELEMENTS(nvmf_admin_opcodes);
const uint8_t nvmf_io_opcodes[] = {
	NVME_CMD_FLUSH,
	NVME_CMD_WRITE,
	NVME_CMD_READ,
	NVME_CMD_WRITE_ZEROES,
};
const unsigned nvmf_io_opcodes_len = G_N_ELEMENTS(nvmf_io_opcodes);

_Static_assert(G_N_ELEMENTS(nvmf_admin_opcodes) == G_N_ELEMENTS(commands), "the effects log");

/* A command may come without data; data in the other direction is no command of ours. */
static bool well_formed(const struct nvmf_request *req, uint8_t xfer)
{
	if (req->cmd.flags & NVME_CMD_FUSE_MASK)
		return false;
	if ((req->cmd.flags & NVME_CMD_PSDT_MASK) != NVME_CMD_PSDT_SGL)
		return false; /* PRPs are not for fabrics (base 2.0, 3.3.3.1) */
	return req->xfer == NVME_XFER_NONE || req->xfer == xfer;
}

void nvmf_admin_exec(struct nvmf_request *req)
{
	if (!nvmf_ctrlr_ready(req->qpair->ctrlr)) {
		nvmf_request_complete(req, NVME_SC_SEQUENCE_ERROR | NVME_DNR);
		return;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (commands[i].opcode != req->cmd.opcode)
			continue;
		if (well_formed(req, commands[i].xfer))
			commands[i].exec(req);
		else
			nvmf_request_complete(req, NVME_SC_INVALID_FIELD | NVME_DNR);
		return;
	}
	nvmf_request_complete(req, NVME_SC_INVALID_OPCODE | NVME_DNR);
}
