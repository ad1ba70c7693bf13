/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O commands of one I/O: Read, Write, Flush, Write Zeroes, Write Uncorrectable
 * (NVM command set 1.0, 3.2.4, 3.2.6, 3.2.7, 3.2.8; base 2.0, 7.1), and which
 * commands there are. The hot path of the target: no allocation, nothing that
 * waits. Limited retry, protection information and hints (PRINFO, STC, DSM of
 * Read and Write) mean nothing without metadata and are not looked at.
 */
#include "target/nvmf/io.h"

_Static_assert((int)NVMF_KIND_READ == BDEV_READ && (int)NVMF_KIND_WRITE == BDEV_WRITE, "the same");

/* --- errors ------------------------------------------------------------------------------ */

/* The field of the command that a status is about. */
static uint16_t where(const struct nvme_cmd *cmd, uint16_t status)
{
	switch (status & ~(NVME_DNR | NVME_MORE)) {
	case NVME_SC_INVALID_OPCODE:
		return NVME_PEL(opcode);
	case NVME_SC_INVALID_NS:
	case NVME_SC_NS_WRITE_PROTECTED:
		return NVME_PEL(nsid);
	case NVME_SC_LBA_RANGE:
		return cmd->opcode == NVME_CMD_DSM ? NVME_PEL_NONE : NVME_PEL(cdw10);
	case NVME_SC_INVALID_FIELD:
	case NVME_SC_COMMAND_SIZE_LIMIT:
		return NVME_PEL(cdw12);
	case NVME_SC_SGL_LENGTH_INVALID:
		return NVME_PEL(sgl) + offsetof(struct nvme_sgl, length);
	default:
		return NVME_PEL_NONE;
	}
}

void nvmf_io_fail(struct nvmf_request *req, uint16_t status)
{
	nvmf_request_fail(req, status, where(&req->cmd, status));
}

/* --- one I/O ---------------------------------------------------------------------------- */

static inline void end(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	struct nvmf_qpair *q = req->qpair;
	struct bdev_io *io = &req->io;
	uint32_t op = io->op, len = req->data_len;

	if (io->flags & BDEV_IO_PLACED) {
		req->iov = io->place;
		req->niov = io->nplace;
		req->placed = true;
	}
	req->ns = NULL;
	ng->inflight--;
	if (G_LIKELY(io->status == NVME_SUCCESS)) {
		if (G_LIKELY(op <= BDEV_WRITE)) {
			ng->counts.ops[op]++;
			ng->counts.bytes[op] += len;
			q->commands.ops[op]++;
			q->commands.bytes[op] += len;
		} else {
			nvmf_count(req, ng, NVMF_KIND_OTHER);
		}
		nvmf_request_complete(req, NVME_SUCCESS);
	} else {
		nvmf_ns_count(ng, io);
		nvmf_io_fail(req, io->status);
	}
	if (ng->inflight == 0 && ng->state == NVMF_NS_DRAINING)
		ng->drained(ng);
}

static __attribute__((noinline)) void end_after(struct nvmf_request *req, uint64_t ns)
{
	struct nvmf_ns_group *ng = req->ns;
	enum nvmf_kind kind =
		req->io.op <= BDEV_WRITE ? (enum nvmf_kind)req->io.op : NVMF_KIND_OTHER;

	if (req->io.status == NVME_SUCCESS)
		nvmf_count_time(req, ng, kind, ns);
	end(req, ng);
}

/* One that took no time, as the fastest do, is in no bucket: counting it costs nothing more. */
static void io_done(struct bdev_io *io)
{
	struct nvmf_request *req = nvmf_io_request(io);
	uint64_t now = req->qpair->reactor->now;

	if (now == io->begun)
		end(req, req->ns);
	else
		end_after(req, now - io->begun);
}

static void late_io_done(struct bdev_io *io)
{
	struct nvmf_request *req = nvmf_io_request(io);

	end_after(req, nvmf_io_age(req));
}

static inline void submit(struct nvmf_request *req, struct nvmf_ns_group *ng, enum bdev_op op,
			  uint64_t lba, uint32_t blocks, uint8_t flags,
			  void (*done)(struct bdev_io *io))
{
	struct bdev_io *io = &req->io;

	io->channel = ng->channel;
	io->done = done;
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

uint16_t nvmf_io_check_rw(struct nvmf_request *req, const struct nvmf_ns_group *ng, bool exact)
{
	uint32_t came = req->data_len;
	uint16_t status = check_rw(req, ng);

	if (status == NVME_SUCCESS && exact && came != req->data_len)
		status = NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	return status;
}

/* The namespace may have gone or shrunk while the request waited for its buffer: look again. */
static void read_buffer_ready(struct nvmf_request *req)
{
	uint16_t status;
	struct nvmf_ns_group *ng = nvmf_qpair_ns(req->qpair, req->cmd.nsid, &status);

	if (ng != NULL)
		status = check_rw(req, ng);
	if (status != NVME_SUCCESS) {
		hw_mark(req->qpair->reactor->hw, "io.gone_while_waiting");
		nvmf_io_fail(req, status);
		return;
	}
	req->buf_iov.iov_len = req->data_len;
	submit(req, ng, BDEV_READ, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       nvmf_io_fua(&req->cmd), req->late ? late_io_done : io_done);
}

static inline void exec_read(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint16_t status = check_rw(req, ng);

	if (status != NVME_SUCCESS) {
		nvmf_io_fail(req, status);
		return;
	}
	if (!ng->channel->can_place || !req->qpair->can_place) {
		nvmf_request_get_buffer(req, req->data_len, read_buffer_ready);
		return;
	}
	submit(req, ng, BDEV_READ, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       (uint8_t)(nvmf_io_fua(&req->cmd) | BDEV_IO_PLACE), io_done);
}

static inline void exec_write(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint32_t came = req->data_len;
	uint16_t status = check_rw(req, ng);

	if (status == NVME_SUCCESS && came != req->data_len)
		status = NVME_SC_SGL_LENGTH_INVALID | NVME_DNR; /* SGLS: no longer than the data */
	if (status != NVME_SUCCESS) {
		nvmf_io_fail(req, status);
		return;
	}
	submit(req, ng, BDEV_WRITE, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd),
	       nvmf_io_fua(&req->cmd), io_done);
}

/* No data comes, so that MDTS does not bound it (WZSL, WUSL 0). */
static void exec_blocks(struct nvmf_request *req, struct nvmf_ns_group *ng, enum bdev_op op)
{
	uint8_t flags = nvmf_io_fua(&req->cmd);

	if (op == BDEV_WRITE_ZEROES && (req->cmd.cdw12 & NVME_WZ_DEAC) != 0)
		flags |= BDEV_IO_DEALLOCATE;
	submit(req, ng, op, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd), flags, io_done);
}

/* WZSL is in units of 4 KiB (CAP.MPSMIN), as a power of two. */
static void exec_zeroes(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint8_t wzsl = req->qpair->ctrlr->subsystem->wzsl;
	uint64_t len = (uint64_t)nvme_cmd_nlb(&req->cmd) << ng->channel->block_shift;

	if (wzsl != 0 && len > UINT64_C(4096) << MIN(wzsl, 32))
		nvmf_io_fail(req, NVME_SC_INVALID_FIELD | NVME_DNR);
	else
		exec_blocks(req, ng, BDEV_WRITE_ZEROES);
}

/* --- which command ------------------------------------------------------------------------ */

static bool is_known(const struct nvmf_request *req)
{
	if (nvmf_transport_masks(req->qpair->transport, req->cmd.opcode))
		return false;
	switch (req->cmd.opcode) {
	case NVME_CMD_FLUSH:
	case NVME_CMD_WRITE:
	case NVME_CMD_READ:
	case NVME_CMD_WRITE_UNCORRECTABLE:
	case NVME_CMD_COMPARE:
	case NVME_CMD_WRITE_ZEROES:
	case NVME_CMD_DSM:
	case NVME_CMD_VERIFY:
	case NVME_CMD_COPY:
		return true;
	default:
		return false;
	}
}

/* Changes what is in the namespace. */
static bool writes(uint8_t opcode)
{
	switch (opcode) {
	case NVME_CMD_WRITE:
	case NVME_CMD_WRITE_UNCORRECTABLE:
	case NVME_CMD_WRITE_ZEROES:
	case NVME_CMD_DSM:
	case NVME_CMD_COPY:
		return true;
	default:
		return false;
	}
}

struct nvmf_ns_group *nvmf_io_find_ns(struct nvmf_request *req, uint16_t *status)
{
	struct nvmf_ns_group *ng = nvmf_qpair_ns(req->qpair, req->cmd.nsid, status);

	if (G_UNLIKELY(ng != NULL && ng->read_only) && writes(req->cmd.opcode)) {
		*status = NVME_SC_NS_WRITE_PROTECTED | NVME_DNR;
		return NULL;
	}
	return ng;
}

/* No namespace that it could be done on. */
static void exec_elsewhere(struct nvmf_request *req, uint16_t status)
{
	if (!is_known(req))
		nvmf_io_fail(req, NVME_SC_INVALID_OPCODE | NVME_DNR);
	else if (req->cmd.opcode == NVME_CMD_FLUSH && req->cmd.nsid == NVME_NSID_ALL)
		nvmf_io_flush_all(req);
	else
		nvmf_io_fail(req, status);
}

static void exec_other(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	if (nvmf_transport_masks(req->qpair->transport, req->cmd.opcode)) {
		nvmf_io_fail(req, NVME_SC_INVALID_OPCODE | NVME_DNR);
		return;
	}
	switch (req->cmd.opcode) {
	case NVME_CMD_WRITE_ZEROES:
		exec_zeroes(req, ng);
		break;
	case NVME_CMD_WRITE_UNCORRECTABLE:
		exec_blocks(req, ng, BDEV_WRITE_UNCORRECTABLE);
		break;
	case NVME_CMD_COMPARE:
		nvmf_io_compare(req, ng);
		break;
	case NVME_CMD_DSM:
		nvmf_io_dsm(req, ng);
		break;
	case NVME_CMD_VERIFY:
		nvmf_io_verify(req, ng);
		break;
	case NVME_CMD_COPY:
		nvmf_io_copy(req, ng);
		break;
	default:
		nvmf_io_fail(req, NVME_SC_INVALID_OPCODE | NVME_DNR);
	}
}

/* Something has to be looked at. NULL: the command has been answered. */
static __attribute__((noinline)) struct nvmf_ns_group *look(struct nvmf_request *req)
{
	uint16_t status;
	struct nvmf_ns_group *ng = nvmf_io_find_ns(req, &status);

	if (ng == NULL)
		exec_elsewhere(req, status);
	return ng;
}

void nvmf_io_exec(struct nvmf_request *req)
{
	struct nvmf_ns_group *ng = nvmf_qpair_plain_ns(req->qpair, req->cmd.nsid);

	if (G_UNLIKELY((req->cmd.flags & NVME_CMD_FUSE_MASK) != 0)) {
		nvmf_io_fused(req);
		return;
	}
	if (G_UNLIKELY(ng == NULL)) {
		ng = look(req);
		if (ng == NULL)
			return;
	}
	switch (req->cmd.opcode) {
	case NVME_CMD_READ:
		exec_read(req, ng);
		break;
	case NVME_CMD_WRITE:
		exec_write(req, ng);
		break;
	case NVME_CMD_FLUSH:
		submit(req, ng, BDEV_FLUSH, 0, 0, 0, io_done);
		break;
	default:
		exec_other(req, ng);
	}
}
