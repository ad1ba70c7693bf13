/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O commands: Read, Write, Flush, Write Zeroes (NVM command set 1.0, chapter
 * 3). The hot path of the target: no allocation, nothing that waits.
 *
 * A command is counted in its namespace (ns->inflight) from bdev_submit to the
 * bdev's completion; that is what a drain waits for.
 */
#include "target/nvmf/ctrlr.h"

static inline struct nvmf_request *io_to_request(struct bdev_io *io)
{
	return (struct nvmf_request *)((char *)io - offsetof(struct nvmf_request, io));
}

static void io_done(struct bdev_io *io)
{
	struct nvmf_request *req = io_to_request(io);
	struct nvmf_ns_group *ng = req->ns;

	if (io->flags & BDEV_IO_PLACED) {
		req->iov = io->place;
		req->niov = io->nplace;
		req->placed = true;
	}
	req->ns = NULL;
	ng->inflight--;
	nvmf_request_complete(req, io->status);
	if (ng->inflight == 0 && ng->state == NVMF_NS_DRAINING)
		ng->drained(ng);
}

static inline void submit(struct nvmf_request *req, struct nvmf_ns_group *ng, enum bdev_op op,
			  uint64_t lba, uint32_t blocks, uint8_t flags)
{
	struct bdev_io *io = &req->io;

	io->channel = ng->channel;
	io->done = io_done;
	io->lba = lba;
	io->blocks = blocks;
	io->op = (uint8_t)op;
	io->flags = flags;
	io->iov = req->iov;
	io->niov = req->niov;
	req->ns = ng;
	ng->inflight++;
	bdev_submit(io);
}

static inline uint8_t fua_of(const struct nvme_cmd *cmd)
{
	return cmd->cdw12 & NVME_RW_FUA ? BDEV_IO_FUA : 0;
}

/*
 * Checks range and length of a command with data. Returns a status; on success
 * req->data_len is the exact number of bytes.
 */
static inline uint16_t check_rw(struct nvmf_request *req, const struct nvmf_ns_group *ng)
{
	const struct bdev_channel *ch = ng->channel;
	uint64_t lba = nvme_cmd_slba(&req->cmd);
	uint32_t blocks = nvme_cmd_nlb(&req->cmd);
	uint64_t len = (uint64_t)blocks << ch->block_shift;

	if (len > req->qpair->transport->options.max_io_size)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	if (lba >= ch->num_blocks || blocks > ch->num_blocks - lba)
		return NVME_SC_LBA_RANGE | NVME_DNR;
	if (req->data_len < len)
		return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	req->data_len = (uint32_t)len;
	return NVME_SUCCESS;
}

/* The namespace may have gone or shrunk while the request waited for its buffer: look again. */
static void read_buffer_ready(struct nvmf_request *req)
{
	struct nvmf_ns_group *ng = nvmf_sgroup_ns(req->qpair->sgroup, req->cmd.nsid);
	uint16_t status = ng != NULL ? check_rw(req, ng) : NVME_SC_INVALID_NS | NVME_DNR;

	if (status != NVME_SUCCESS) {
		hw_mark(req->qpair->reactor->hw, "io.gone_while_waiting");
		nvmf_request_complete(req, status);
		return;
	}
	req->buf_iov.iov_len = req->data_len;
	submit(req, ng, BDEV_READ, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       fua_of(&req->cmd));
}

static inline void exec_read(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint16_t status = check_rw(req, ng);

	if (status != NVME_SUCCESS) {
		nvmf_request_complete(req, status);
		return;
	}
	if (!ng->channel->bdev->can_place || !req->qpair->can_place) {
		nvmf_request_get_buffer(req, req->data_len, read_buffer_ready);
		return;
	}
	submit(req, ng, BDEV_READ, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       (uint8_t)(fua_of(&req->cmd) | BDEV_IO_PLACE));
}

static inline void exec_write(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint32_t came = req->data_len;
	uint16_t status = check_rw(req, ng);

	if (status == NVME_SUCCESS && came != req->data_len)
		status = NVME_SC_SGL_LENGTH_INVALID | NVME_DNR; /* SGLS: no longer than the data */
	if (status != NVME_SUCCESS) {
		nvmf_request_complete(req, status);
		return;
	}
	submit(req, ng, BDEV_WRITE, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       fua_of(&req->cmd));
}

static void exec_write_zeroes(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	submit(req, ng, BDEV_WRITE_ZEROES, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       fua_of(&req->cmd));
}

static void exec_flush(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	submit(req, ng, BDEV_FLUSH, 0, 0, 0);
}

void nvmf_io_exec(struct nvmf_request *req)
{
	const struct nvme_cmd *cmd = &req->cmd;
	struct nvmf_ns_group *ng = nvmf_sgroup_ns(req->qpair->sgroup, cmd->nsid);

	if (cmd->flags & NVME_CMD_FUSE_MASK) {
		nvmf_request_complete(req, NVME_SC_INVALID_FIELD | NVME_DNR);
		return;
	}
	if (ng == NULL && cmd->opcode <= NVME_CMD_WRITE_ZEROES) {
		nvmf_request_complete(req, NVME_SC_INVALID_NS | NVME_DNR);
		return;
	}
	switch (cmd->opcode) {
	case NVME_CMD_READ:
		exec_read(req, ng);
		break;
	case NVME_CMD_WRITE:
		exec_write(req, ng);
		break;
	case NVME_CMD_FLUSH:
		exec_flush(req, ng);
		break;
	case NVME_CMD_WRITE_ZEROES:
		exec_write_zeroes(req, ng);
		break;
	default:
		nvmf_request_complete(req, NVME_SC_INVALID_OPCODE | NVME_DNR);
	}
}
