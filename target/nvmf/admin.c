/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admin commands: which there are and what they have in common. On the owner's
 * reactor; none waits for I/O.
 *
 * What is not here gets Invalid Opcode: namespace management and attachment,
 * firmware, format, sanitize, security, directives, virtualization, doorbell
 * buffers, device self-test. OACS advertises none of them.
 */
#include "target/nvmf/admin.h"

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
	{ NVME_ADMIN_ABORT, NVME_XFER_NONE, nvmf_abort },
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
	NVME_CMD_COMPARE,
	NVME_CMD_WRITE_ZEROES,
	NVME_CMD_DSM,
	NVME_CMD_VERIFY,
	NVME_CMD_COPY,
};
const unsigned nvmf_io_opcodes_len = G_N_ELEMENTS(nvmf_io_opcodes);

_Static_assert(G_N_ELEMENTS(nvmf_admin_opcodes) == G_N_ELEMENTS(commands), "the effects log");

/*
 * A command may come without data; data in the other direction is no command of
 * ours. PRPs are not for fabrics (base 2.0, 3.3.3.1).
 */
static uint16_t malformed(const struct nvmf_request *req, uint8_t xfer, uint16_t *where)
{
	*where = NVME_PEL(flags);
	if ((req->cmd.flags & NVME_CMD_FUSE_MASK) ||
	    (req->cmd.flags & NVME_CMD_PSDT_MASK) != NVME_CMD_PSDT_SGL)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	*where = NVME_PEL(sgl);
	return req->xfer == NVME_XFER_NONE || req->xfer == xfer ? NVME_SUCCESS
								: NVME_SC_INVALID_FIELD | NVME_DNR;
}

void nvmf_admin_exec(struct nvmf_request *req)
{
	uint16_t status = NVME_SC_INVALID_OPCODE | NVME_DNR, where = NVME_PEL(opcode);
	unsigned i = 0;

	if (!nvmf_ctrlr_ready(req->qpair->ctrlr)) {
		nvmf_request_fail(req, NVME_SC_SEQUENCE_ERROR | NVME_DNR, NVME_PEL_NONE);
		return;
	}
	while (i < G_N_ELEMENTS(commands) && commands[i].opcode != req->cmd.opcode)
		i++;
	if (i < G_N_ELEMENTS(commands))
		status = malformed(req, commands[i].xfer, &where);
	if (status == NVME_SUCCESS)
		commands[i].exec(req);
	else
		nvmf_request_fail(req, status, where);
}
