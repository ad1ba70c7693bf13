/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O commands that take several I/Os, one after the other: Compare and Verify
 * (NVM command set 1.0, 3.2.1, 3.2.5), Dataset Management (3.2.3), Flush of all
 * namespaces (base 2.0, 7.1). What Compare and Verify read goes where the backend
 * has it, or into a buffer that is there for it: req->scratch.
 *
 * No step begins once the command was aborted, or its queue is ending: a backend
 * could keep it for ever, and a write after its host has been told that the queue
 * is gone could undo what the host wrote elsewhere.
 */
#include <string.h>

#include "target/nvmf/io.h"

#define PLACE_BYTES (1024u * 1024) /* of one placed read */

static void join(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	req->ns = ng;
	ng->inflight++;
}

void nvmf_io_begin(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	req->stop = false;
	if (!req->late)
		req->begun = req->qpair->reactor->now;
	join(req, ng);
}

uint64_t nvmf_io_age(struct nvmf_request *req)
{
	req->late = false;
	return req->qpair->reactor->now - req->begun;
}

void nvmf_io_answer(struct nvmf_request *req, struct nvmf_ns_group *ng, uint16_t status)
{
	if (status != NVME_SUCCESS) {
		nvmf_io_fail(req, status);
		return;
	}
	nvmf_count(req, ng, NVMF_KIND_OTHER);
	nvmf_count_time(req, ng, NVMF_KIND_OTHER, nvmf_io_age(req));
	nvmf_request_complete(req, NVME_SUCCESS);
}

void nvmf_io_end(struct nvmf_request *req, uint16_t status)
{
	struct nvmf_ns_group *ng = req->ns;

	req->ns = NULL;
	if (req->scratch != NULL)
		buf_put(g_steal_pointer(&req->scratch));
	nvmf_io_answer(req, ng, status);
	nvmf_io_leave(ng);
}

static void step_done(struct bdev_io *io)
{
	struct nvmf_request *req = nvmf_io_request(io);

	if (G_UNLIKELY((io->status & NVME_SCT_MASK) == NVME_SCT_MEDIA))
		req->ns->counts.media_errors++;
	req->step(req, io->status);
}

/* What a command gets instead of its next step; 0: it goes on. */
static uint16_t ended(const struct nvmf_request *req)
{
	if (req->qpair->state >= NVMF_QPAIR_DEACTIVATING)
		return NVME_SC_ABORTED_SQ_DELETED;
	return req->stop ? NVME_SC_ABORT_REQUESTED : NVME_SUCCESS;
}

static void submit_step(struct nvmf_request *req, enum bdev_op op, uint64_t lba, uint32_t blocks,
			unsigned flags, void (*next)(struct nvmf_request *req, uint16_t status))
{
	struct bdev_io *io = &req->io;

	req->step = next;
	io->channel = req->ns->channel;
	io->done = step_done;
	io->lba = lba;
	io->blocks = blocks;
	io->op = (uint8_t)op;
	io->flags = (uint8_t)flags;
	io->status = ended(req);
	if (io->status == NVME_SUCCESS)
		bdev_submit(io);
	else
		next(req, io->status);
}

/*
 * Whether it ends now, or with the step under way, which nobody can get back. The
 * second of a pair waits for the I/O of the first; the first does not end the
 * second's, since its own part is done by then.
 */
bool nvmf_io_abort(struct nvmf_request *req)
{
	struct nvmf_request *peer = req->peer;

	req->stop = true;
	if (peer != NULL)
		peer->stop = true;
	if (bdev_io_abort(&req->io))
		return true;
	return peer != NULL && (req->cmd.flags & NVME_CMD_FUSE_MASK) == NVME_FUSE_SECOND &&
	       bdev_io_abort(&peer->io);
}

void nvmf_io_step(struct nvmf_request *req, enum bdev_op op, uint64_t lba, uint32_t blocks,
		  unsigned flags, void (*next)(struct nvmf_request *req, uint16_t status))
{
	req->io.iov = NULL;
	req->io.niov = 0;
	submit_step(req, op, lba, blocks, flags, next);
}

void nvmf_io_step_data(struct nvmf_request *req, enum bdev_op op, uint64_t lba, uint32_t blocks,
		       unsigned flags, void (*next)(struct nvmf_request *req, uint16_t status))
{
	bool own = req->step_iov.iov_len == 0;

	req->io.iov = own ? req->iov : &req->step_iov;
	req->io.niov = own ? req->niov : 1;
	submit_step(req, op, lba, blocks, flags, next);
}

/* --- reading in pieces -------------------------------------------------------------------- */

/* The bytes of iov from offset on begin with those of data. */
static bool same(const struct iovec *iov, size_t offset, const uint8_t *data, size_t len)
{
	while (offset >= iov->iov_len)
		offset -= iov++->iov_len;
	while (len > 0) {
		size_t n = MIN(len, iov->iov_len - offset);

		if (memcmp((const uint8_t *)iov->iov_base + offset, data, n) != 0)
			return false;
		data += n;
		len -= n;
		offset = 0;
		iov++;
	}
	return true;
}

/* What was just read equals the host's data at the same place. */
static bool equals(const struct nvmf_request *req)
{
	const struct bdev_io *io = &req->io;
	bool placed = (io->flags & BDEV_IO_PLACED) != 0;
	const struct iovec *got = placed ? io->place : &req->step_iov;
	size_t offset = (size_t)req->at << io->channel->block_shift;

	for (unsigned i = 0; i < (placed ? io->nplace : 1u); i++) {
		if (!same(req->iov, offset, got[i].iov_base, got[i].iov_len))
			return false;
		offset += got[i].iov_len;
	}
	return true;
}

static void scan_read(struct nvmf_request *req);

/*
 * In the SMART log Compare and Verify read data units, as Read does; of the two
 * Compare is a host's read command (NVM command set 1.0), whatever it finds.
 */
static void count_scan(struct nvmf_request *req, bool first)
{
	struct nvmf_ns_group *ng = req->ns;

	ng->scans.ops += first && req->compares;
	ng->scans.bytes += (uint64_t)req->io.blocks << ng->channel->block_shift;
}

static void scan_next(struct nvmf_request *req, uint16_t status)
{
	if (status == NVME_SUCCESS)
		count_scan(req, req->at == 0);
	if (status == NVME_SUCCESS && req->compares && !equals(req))
		status = NVME_SC_COMPARE_FAILURE | NVME_DNR;
	bdev_io_release(&req->io);
	req->at += req->io.blocks;
	if (status != NVME_SUCCESS || req->at == nvme_cmd_nlb(&req->cmd))
		req->scanned(req, status);
	else
		scan_read(req);
}

static void scan_read(struct nvmf_request *req)
{
	const struct nvmf_ns_group *ng = req->ns;
	uint32_t left = nvme_cmd_nlb(&req->cmd) - (uint32_t)req->at;
	uint64_t lba = nvme_cmd_slba(&req->cmd) + req->at;
	uint32_t most;

	if (req->scratch == NULL) {
		most = PLACE_BYTES >> ng->channel->block_shift;
		nvmf_io_step(req, BDEV_READ, lba, MIN(left, most), BDEV_IO_PLACE, scan_next);
		return;
	}
	left = MIN(left, nvmf_io_scratch_blocks(ng));
	req->step_iov =
		(struct iovec){ req->scratch->data, (size_t)left << ng->channel->block_shift };
	nvmf_io_step_data(req, BDEV_READ, lba, left, 0, scan_next);
}

void nvmf_io_scan(struct nvmf_request *req, bool compare,
		  void (*done)(struct nvmf_request *req, uint16_t status))
{
	req->at = 0;
	req->compares = compare;
	req->scanned = done;
	scan_read(req);
}

/* --- Compare, Verify ------------------------------------------------------------------------- */

static uint16_t check_scan(struct nvmf_request *req, const struct nvmf_ns_group *ng)
{
	if (req->cmd.opcode == NVME_CMD_COMPARE)
		return nvmf_io_check_rw(req, ng, true);
	return nvmf_io_check_range(ng, nvme_cmd_slba(&req->cmd), nvme_cmd_nlb(&req->cmd));
}

static void start_scan(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	nvmf_io_begin(req, ng);
	nvmf_io_scan(req, req->cmd.opcode == NVME_CMD_COMPARE, nvmf_io_end);
}

/* The namespace may have gone or shrunk meanwhile. */
static void scratch_ready(struct nvmf_request *req)
{
	uint16_t status;
	struct nvmf_ns_group *ng = nvmf_io_find_ns(req, &status);

	if (ng != NULL)
		status = check_scan(req, ng);
	if (status == NVME_SUCCESS) {
		start_scan(req, ng);
		return;
	}
	buf_put(g_steal_pointer(&req->scratch));
	nvmf_io_fail(req, status);
}

static void exec_scan(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint16_t status = check_scan(req, ng);

	if (status != NVME_SUCCESS)
		nvmf_io_fail(req, status);
	else if (nvmf_io_places(ng))
		start_scan(req, ng);
	else
		nvmf_request_get_scratch(req, scratch_ready);
}

void nvmf_io_compare(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	exec_scan(req, ng);
}

/* No data goes to the host, so that its size is not bounded by MDTS (VSL 0). */
void nvmf_io_verify(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	exec_scan(req, ng);
}

/* --- Dataset Management ---------------------------------------------------------------------- */

static unsigned dsm_ranges(const struct nvmf_request *req)
{
	return (req->cmd.cdw10 & 0xff) + 1;
}

void nvmf_io_take(const struct nvmf_request *req, size_t offset, void *to, size_t len)
{
	const struct iovec *iov = req->iov;

	while (offset >= iov->iov_len)
		offset -= iov++->iov_len;
	while (len > 0) {
		size_t n = MIN(len, iov->iov_len - offset);

		memcpy(to, (const uint8_t *)iov->iov_base + offset, n);
		to = (uint8_t *)to + n;
		len -= n;
		offset = 0;
		iov++;
	}
}

static void dsm_next(struct nvmf_request *req, uint16_t status)
{
	struct nvme_dsm_range r = { 0 };

	while (status == NVME_SUCCESS && req->range < dsm_ranges(req) && r.blocks == 0)
		nvmf_io_take(req, req->range++ * sizeof(r), &r, sizeof(r));
	if (r.blocks == 0)
		nvmf_io_end(req, status);
	else
		nvmf_io_step(req, BDEV_UNMAP, r.slba, r.blocks, 0, dsm_next);
}

/* All ranges are good, or nothing is done. What ranges hint at (attributes) is not used. */
static uint16_t check_dsm(const struct nvmf_request *req, const struct nvmf_ns_group *ng)
{
	uint32_t dmrsl = req->qpair->ctrlr->subsystem->dmrsl;
	struct nvme_dsm_range r;

	if (req->data_len < dsm_ranges(req) * sizeof(r))
		return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	for (unsigned i = 0; i < dsm_ranges(req); i++) {
		nvmf_io_take(req, i * sizeof(r), &r, sizeof(r));
		if (nvmf_io_check_range(ng, r.slba, r.blocks) != NVME_SUCCESS)
			return NVME_SC_LBA_RANGE | NVME_DNR;
		if (dmrsl != 0 && r.blocks > dmrsl)
			return NVME_SC_COMMAND_SIZE_LIMIT | NVME_DNR;
	}
	return NVME_SUCCESS;
}

void nvmf_io_dsm(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	uint16_t status = check_dsm(req, ng);

	if (status != NVME_SUCCESS) {
		nvmf_io_fail(req, status);
		return;
	}
	/* It is advice: what cannot be deallocated stays as it is. */
	if ((req->cmd.cdw11 & NVME_DSM_AD) == 0 ||
	    (ng->channel->supported & 1u << BDEV_UNMAP) == 0) {
		req->begun = req->qpair->reactor->now;
		nvmf_io_answer(req, ng, NVME_SUCCESS);
		return;
	}
	req->range = 0;
	nvmf_io_begin(req, ng);
	dsm_next(req, NVME_SUCCESS);
}

/* --- Flush of all ------------------------------------------------------------------------------
 */

static void flush_next(struct nvmf_request *req);

static void flushed(struct nvmf_request *req, uint16_t status)
{
	struct nvmf_ns_group *ng = g_steal_pointer(&req->ns);

	if (status != NVME_SUCCESS)
		nvmf_io_fail(req, status);
	else
		flush_next(req);
	nvmf_io_leave(ng);
}

/* Those that the host may use here and now. */
static void flush_next(struct nvmf_request *req)
{
	const struct nvmf_qpair *q = req->qpair;

	while (req->at < q->sgroup->max_namespaces) {
		uint16_t status;
		struct nvmf_ns_group *ng = nvmf_qpair_ns(q, (uint32_t)++req->at, &status);

		if (ng == NULL)
			continue;
		join(req, ng);
		nvmf_io_step(req, BDEV_FLUSH, 0, 0, 0, flushed);
		return;
	}
	nvmf_io_answer(req, NULL, NVME_SUCCESS);
}

void nvmf_io_flush_all(struct nvmf_request *req)
{
	req->at = 0;
	req->stop = false;
	req->begun = req->qpair->reactor->now;
	flush_next(req);
}
