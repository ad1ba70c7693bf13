/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy (NVM command set 1.0, 3.2.2), descriptor format 0: the ranges are read and
 * written in order, piece by piece through one buffer, with sources and
 * destination locked against writes of others. Where the destination overlaps a
 * source, what is read there later is what was written before.
 */
#include "target/nvmf/io.h"

static unsigned nranges(const struct nvmf_request *req)
{
	return (req->cmd.cdw12 & 0xff) + 1;
}

static struct nvme_copy_range range_of(const struct nvmf_request *req, unsigned i)
{
	struct nvme_copy_range r;

	nvmf_io_take(req, i * sizeof(r), &r, sizeof(r));
	return r;
}

static uint32_t blocks_of(const struct nvme_copy_range *r)
{
	return r->nlb + 1u;
}

uint32_t nvmf_io_copy_mssrl(uint32_t block_size)
{
	return MIN(NVMF_COPY_RANGE_BYTES / block_size, UINT16_MAX);
}

uint32_t nvmf_io_copy_mcl(uint32_t block_size)
{
	return NVMF_COPY_BYTES / block_size;
}

/* Dword 0 of a copy that failed: the first range that is not done. */
static void fail(struct nvmf_request *req, uint16_t status, unsigned range)
{
	req->rsp.dw0 = range;
	nvmf_io_fail(req, status);
}

/* *range: the one that is wrong. */
static uint16_t check(const struct nvmf_request *req, const struct nvmf_ns_group *ng,
		      unsigned *range)
{
	uint32_t block_size = ng->channel->block_size;
	uint64_t total = 0;

	*range = 0;
	if (NVME_COPY_FORMAT(req->cmd.cdw12) != 0)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	if (nranges(req) > NVMF_COPY_RANGES)
		return NVME_SC_COMMAND_SIZE_LIMIT | NVME_DNR;
	if (req->data_len < nranges(req) * sizeof(struct nvme_copy_range))
		return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	for (unsigned i = 0; i < nranges(req); i++) {
		struct nvme_copy_range r = range_of(req, i);

		*range = i;
		total += blocks_of(&r);
		if (blocks_of(&r) > nvmf_io_copy_mssrl(block_size) ||
		    total > nvmf_io_copy_mcl(block_size))
			return NVME_SC_COMMAND_SIZE_LIMIT | NVME_DNR;
		if (nvmf_io_check_range(ng, r.slba, blocks_of(&r)) != NVME_SUCCESS)
			return NVME_SC_LBA_RANGE | NVME_DNR;
	}
	*range = 0;
	return nvmf_io_check_range(ng, nvme_cmd_slba(&req->cmd), total);
}

/* --- what is done -------------------------------------------------------------------------- */

static void unlocked(void *user)
{
	nvmf_io_leave(user);
}

static void end(struct nvmf_request *req, uint16_t status)
{
	struct nvmf_ns_group *ng = g_steal_pointer(&req->ns);
	struct bdev_range_lock *lock = g_steal_pointer(&req->lock);

	buf_put(g_steal_pointer(&req->scratch));
	/* Its namespace stays until the lock has gone everywhere. */
	if (lock != NULL)
		bdev_range_unlock(lock, unlocked, ng);
	if (status != NVME_SUCCESS)
		fail(req, status, req->range);
	else
		nvmf_io_answer(req, ng, NVME_SUCCESS);
	if (lock == NULL)
		nvmf_io_leave(ng);
}

static void copy_next(struct nvmf_request *req);

/* Its position in the destination, in blocks. */
static uint64_t done_before(const struct nvmf_request *req)
{
	uint64_t blocks = req->at;

	for (unsigned i = 0; i < req->range; i++) {
		struct nvme_copy_range r = range_of(req, i);

		blocks += blocks_of(&r);
	}
	return blocks;
}

static void written(struct nvmf_request *req, uint16_t status)
{
	if (status != NVME_SUCCESS) {
		end(req, status);
		return;
	}
	req->at += req->io.blocks;
	copy_next(req);
}

static void was_read(struct nvmf_request *req, uint16_t status)
{
	uint64_t to = nvme_cmd_slba(&req->cmd) + done_before(req);

	if (status != NVME_SUCCESS)
		end(req, status);
	else
		nvmf_io_step_data(req, BDEV_WRITE, to, req->io.blocks,
				  BDEV_IO_LOCKED | nvmf_io_fua(&req->cmd), written);
}

static void copy_next(struct nvmf_request *req)
{
	struct nvme_copy_range r = range_of(req, req->range);
	uint32_t n;

	if (req->at == blocks_of(&r)) {
		if (++req->range == nranges(req)) {
			end(req, NVME_SUCCESS);
			return;
		}
		req->at = 0;
		r = range_of(req, req->range);
	}
	n = (uint32_t)MIN(blocks_of(&r) - req->at, nvmf_io_scratch_blocks(req->ns));
	req->step_iov.iov_base = req->scratch->data;
	req->step_iov.iov_len = (size_t)n << req->ns->channel->block_shift;
	nvmf_io_step_data(req, BDEV_READ, r.slba + req->at, n, 0, was_read);
}

/* --- before -------------------------------------------------------------------------------- */

static void locked(struct bdev_range_lock *lock, void *user)
{
	struct nvmf_request *req = user;

	req->lock = lock;
	copy_next(req);
}

static void lock_ready(struct bdev_lock_waiter *w, struct bdev_range_lock *lock)
{
	struct nvmf_request *req =
		(struct nvmf_request *)((char *)w - offsetof(struct nvmf_request, lock_waiter));
	uint64_t total = 0;

	if (lock == NULL) {
		end(req, NVME_SC_COMMAND_INTERRUPTED);
		return;
	}
	for (unsigned i = 0; i < nranges(req); i++) {
		struct nvme_copy_range r = range_of(req, i);

		bdev_range_lock_add(lock, r.slba, blocks_of(&r));
		total += blocks_of(&r);
	}
	bdev_range_lock_add(lock, nvme_cmd_slba(&req->cmd), total);
	bdev_range_lock(lock, locked, req);
}

static void scratch_ready(struct nvmf_request *req)
{
	uint16_t status;
	struct nvmf_ns_group *ng = nvmf_io_find_ns(req, &status);
	unsigned range = 0;

	if (ng != NULL)
		status = check(req, ng, &range);
	if (status != NVME_SUCCESS) {
		buf_put(g_steal_pointer(&req->scratch));
		fail(req, status, range);
		return;
	}
	req->range = 0;
	req->at = 0;
	req->lock = NULL;
	req->lock_waiter.ready = lock_ready;
	nvmf_io_begin(req, ng);
	bdev_range_lock_get(ng->channel, &req->lock_waiter);
}

void nvmf_io_copy(struct nvmf_request *req, struct nvmf_ns_group *ng)
{
	unsigned range;
	uint16_t status = check(req, ng, &range);

	if (status != NVME_SUCCESS)
		fail(req, status, range);
	else
		nvmf_request_get_scratch(req, scratch_ready);
}
