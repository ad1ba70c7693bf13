/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O commands: what their files share, and what Identify says of them.
 *
 * A command is counted in its namespace (ns->inflight) as long as it has anything
 * to do with the bdev; that is what a drain waits for. What takes one I/O is in
 * io.c; what takes several (Compare, Verify, Copy, Dataset Management, Flush of
 * all namespaces) runs in steps: io-steps.c, io-copy.c; pairs are in io-fused.c.
 */
#pragma once

#include "target/nvmf/ana.h"

/* Copy: blocks of one source range, of all of them; ranges (0's based MSRC). */
#define NVMF_COPY_RANGE_BYTES (1024 * 1024)
#define NVMF_COPY_BYTES (4 * 1024 * 1024)
#define NVMF_COPY_RANGES 16
_Static_assert(NVMF_COPY_RANGES + 1 <= BDEV_LOCK_RANGES, "sources and destination");

/* Adds what is true of I/O commands: oncs, fuses, vwc, awun, awupf, acwu, cdfs. Owner. */
void nvmf_io_identify_ctrlr(const struct nvmf_ctrlr *c, struct nvme_id_ctrlr *id);
/* And of a namespace: nsfeat, dlfeat, nacwu, mssrl, mcl, msrc. */
void nvmf_io_identify_ns(const struct nvmf_ctrlr *c, const struct nvmf_ns_info *info,
			 struct nvme_id_ns *id);
/* Write Uncorrectable: every namespace of the subsystem has it. On sg's reactor. */
bool nvmf_io_has_write_uncorrectable(const struct nvmf_sgroup *sg);

/* --- inside io*.c ------------------------------------------------------------------------ */

static inline struct nvmf_request *nvmf_io_request(struct bdev_io *io)
{
	return (struct nvmf_request *)((char *)io - offsetof(struct nvmf_request, io));
}

/* I/O of ng that no request stands for any more (ends a drain). */
static inline void nvmf_io_leave(struct nvmf_ns_group *ng)
{
	if (--ng->inflight == 0 && ng->state == NVMF_NS_DRAINING)
		ng->drained(ng);
}

static inline uint8_t nvmf_io_fua(const struct nvme_cmd *cmd)
{
	return cmd->cdw12 & NVME_RW_FUA ? BDEV_IO_FUA : 0;
}

/* blocks may be 0: then it may begin at the end. */
static inline uint16_t nvmf_io_check_range(const struct nvmf_ns_group *ng, uint64_t lba,
					   uint64_t blocks)
{
	const struct bdev_channel *ch = ng->channel;

	if (lba > ch->num_blocks || blocks > ch->num_blocks - lba)
		return NVME_SC_LBA_RANGE | NVME_DNR;
	return NVME_SUCCESS;
}

/* Completes it with an error and its entry in the error log, at the field that says most. */
void nvmf_io_fail(struct nvmf_request *req, uint16_t status);
/*
 * Checks length and range of a command with data. Returns a status; on success
 * req->data_len is the exact number of bytes. exact: no more may come (SGLS).
 */
uint16_t nvmf_io_check_rw(struct nvmf_request *req, const struct nvmf_ns_group *ng, bool exact);
/* The command's namespace as it is now, if the command may be done; else *status. */
struct nvmf_ns_group *nvmf_io_find_ns(struct nvmf_request *req, uint16_t *status);

/* --- steps (io-steps.c) -------------------------------------------------------------------- */

/* Counts req in ng, until nvmf_io_end. */
void nvmf_io_begin(struct nvmf_request *req, struct nvmf_ns_group *ng);
/* Of a command in steps, or a late one, that ends: ns since it began. */
uint64_t nvmf_io_age(struct nvmf_request *req);
/* Completes it, which is neither Read nor Write; when good it is counted in ng (NULL: of none). */
void nvmf_io_answer(struct nvmf_request *req, struct nvmf_ns_group *ng, uint16_t status);
/* One I/O of it, flags as of struct bdev_io; next is called with its status. */
void nvmf_io_step(struct nvmf_request *req, enum bdev_op op, uint64_t lba, uint32_t blocks,
		  unsigned flags, void (*next)(struct nvmf_request *req, uint16_t status));
/* The same for one that carries data: req->step_iov, or req->iov where that is empty. */
void nvmf_io_step_data(struct nvmf_request *req, enum bdev_op op, uint64_t lba, uint32_t blocks,
		       unsigned flags, void (*next)(struct nvmf_request *req, uint16_t status));
/*
 * Abort of a command that is being done: true, it ends now. Else it does not begin
 * another step.
 */
bool nvmf_io_abort(struct nvmf_request *req);
/* It ends; status as in nvmf_request_complete. */
void nvmf_io_end(struct nvmf_request *req, uint16_t status);
/*
 * Reads need a buffer (nvmf_request_get_scratch, before nvmf_io_begin) unless the
 * backend shows its memory. Who holds one, and then perhaps a lock, waits for
 * backends only: so it comes back in any case.
 */
static inline uint32_t nvmf_io_scratch_blocks(const struct nvmf_ns_group *ng)
{
	return NVMF_SCRATCH_SIZE >> ng->channel->block_shift;
}

/* Reads can show the backend's memory, so that no buffer is needed. */
static inline bool nvmf_io_places(const struct nvmf_ns_group *ng)
{
	return ng->channel->can_place;
}

/*
 * Reads blocks from lba on, piece by piece, and compares with req->iov if compare;
 * done gets the first error. Of begun requests, with req->scratch unless the
 * namespace places.
 */
void nvmf_io_scan(struct nvmf_request *req, bool compare,
		  void (*done)(struct nvmf_request *req, uint16_t status));

/* Bytes of the host's data; they are there. */
void nvmf_io_take(const struct nvmf_request *req, size_t offset, void *to, size_t len);
/* Copy's limits, in blocks. */
uint32_t nvmf_io_copy_mssrl(uint32_t block_size);
uint32_t nvmf_io_copy_mcl(uint32_t block_size);

void nvmf_io_compare(struct nvmf_request *req, struct nvmf_ns_group *ng);
void nvmf_io_verify(struct nvmf_request *req, struct nvmf_ns_group *ng);
void nvmf_io_dsm(struct nvmf_request *req, struct nvmf_ns_group *ng);
/* Of NSID FFFFFFFFh. */
void nvmf_io_flush_all(struct nvmf_request *req);
void nvmf_io_copy(struct nvmf_request *req, struct nvmf_ns_group *ng);
/* One half of a fused pair, with its data. */
void nvmf_io_fused(struct nvmf_request *req);
