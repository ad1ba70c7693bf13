/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that take data away: Write Zeroes, with and without Deallocate, and
 * Dataset Management with the blocks in one range or in several, in any order,
 * empty ones among them.
 */
#include <string.h>

#include "sim/run/run-priv.h"

#define RANGES 8

static void write_zeroes(struct world_rng *rng, struct host_io *io)
{
	io->niov = 0;
	io->iov = NULL;
	io->cmd = (struct nvme_cmd){ .opcode = NVME_CMD_WRITE_ZEROES,
				     .nsid = io->nsid,
				     .cdw10 = (uint32_t)io->lba,
				     .cdw11 = (uint32_t)(io->lba >> 32),
				     .cdw12 = io->blocks - 1 };
	if (world_rng_below(rng, 2))
		io->cmd.cdw12 |= NVME_WZ_DEAC;
}

static void deallocate(struct world_rng *rng, struct host_io *io, struct iovec *iov, void *data)
{
	struct nvme_dsm_range ranges[RANGES] = { 0 };
	unsigned n = (unsigned)world_rng_range(rng, 1, RANGES);
	unsigned first = (unsigned)world_rng_below(rng, n);
	uint64_t lba = io->lba;
	uint32_t left = io->blocks;

	for (unsigned i = 0; i < n; i++) {
		struct nvme_dsm_range *r = &ranges[(first + i) % n];

		r->attributes = (uint32_t)world_rng_below(rng, UINT32_MAX);
		r->blocks = i + 1 == n ? left : (uint32_t)world_rng_below(rng, left + UINT64_C(1));
		r->slba = lba;
		lba += r->blocks;
		left -= r->blocks;
	}
	memcpy(data, ranges, n * sizeof(ranges[0]));
	*iov = (struct iovec){ data, n * sizeof(ranges[0]) };
	io->iov = iov;
	io->niov = 1;
	io->cmd = (struct nvme_cmd){
		.opcode = NVME_CMD_DSM, .nsid = io->nsid, .cdw10 = n - 1, .cdw11 = NVME_DSM_AD
	};
}

enum oracle_write_kind run_load_erase(struct world_rng *rng, struct host_io *io, struct iovec *iov,
				      void *data)
{
	if (world_rng_below(rng, 2)) {
		deallocate(rng, io, iov, data);
		return ORACLE_TRIM;
	}
	write_zeroes(rng, io);
	return ORACLE_ZEROES;
}
