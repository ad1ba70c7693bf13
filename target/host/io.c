/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The I/O calls: from host_io to a command in a slot. What a command carries in
 * its SGL is the transport's business.
 */
#include <errno.h>

#include "target/host/priv.h"

int host_submit(struct host_qpair *q, struct host_io *io)
{
	if (q->state != HOST_QPAIR_LIVE && !(q->hold && q->accept))
		return -ENOTCONN;
	return host_qpair_submit(q, io, io->timeout_ms ? HOST_MS(io->timeout_ms) : q->timeout_ns);
}

static int submit_blocks(struct host_qpair *q, struct host_io *io, uint8_t opcode, uint32_t cdw12,
			 uint8_t fuse)
{
	if (io->blocks == 0 || io->blocks > 65536)
		return -EINVAL;
	io->cmd = (struct nvme_cmd){
		.opcode = opcode,
		.flags = fuse,
		.nsid = io->nsid,
		.cdw10 = (uint32_t)io->lba,
		.cdw11 = (uint32_t)(io->lba >> 32),
		.cdw12 = (io->blocks - 1) | cdw12,
	};
	return host_submit(q, io);
}

static int submit_rw(struct host_qpair *q, struct host_io *io, uint8_t opcode, bool fua)
{
	return submit_blocks(q, io, opcode, fua ? NVME_RW_FUA : 0, 0);
}

int host_read(struct host_qpair *q, struct host_io *io)
{
	return submit_rw(q, io, NVME_CMD_READ, false);
}

int host_write(struct host_qpair *q, struct host_io *io)
{
	return submit_rw(q, io, NVME_CMD_WRITE, io->fua);
}

int host_flush(struct host_qpair *q, struct host_io *io)
{
	io->cmd = (struct nvme_cmd){ .opcode = NVME_CMD_FLUSH, .nsid = io->nsid };
	io->niov = 0;
	return host_submit(q, io);
}

int host_compare(struct host_qpair *q, struct host_io *io)
{
	return submit_rw(q, io, NVME_CMD_COMPARE, false);
}

int host_write_zeroes(struct host_qpair *q, struct host_io *io, bool deallocate)
{
	io->niov = 0;
	return submit_blocks(q, io, NVME_CMD_WRITE_ZEROES,
			     (io->fua ? NVME_RW_FUA : 0) | (deallocate ? NVME_WZ_DEAC : 0), 0);
}

int host_verify(struct host_qpair *q, struct host_io *io)
{
	io->niov = 0;
	return submit_blocks(q, io, NVME_CMD_VERIFY, 0, 0);
}

/* Both find a place, or none: what could refuse the second is looked at before. */
int host_compare_and_write(struct host_qpair *q, struct host_io *compare, struct host_io *write)
{
	int err;

	if (compare->nsid != write->nsid || compare->lba != write->lba ||
	    compare->blocks != write->blocks || compare->niov > HOST_IOV_MAX ||
	    write->niov > HOST_IOV_MAX || host_iov_len(write) > q->conn.max_io)
		return -EINVAL;
	if (q->nfree < 2)
		return -EAGAIN;
	err = submit_blocks(q, compare, NVME_CMD_COMPARE, 0, NVME_FUSE_FIRST);
	if (err != 0)
		return err;
	return submit_blocks(q, write, NVME_CMD_WRITE, write->fua ? NVME_RW_FUA : 0,
			     NVME_FUSE_SECOND);
}

int host_admin(struct host_ctrlr *c, struct host_io *io)
{
	/* Event requests, keep-alives and scans must always find a slot. */
	if (c->admin->nfree <= HOST_ADMIN_RESERVED)
		return -EAGAIN;
	if (c->state != HOST_CTRLR_LIVE)
		return -ENOTCONN;
	return host_submit(c->admin, io);
}

struct reactor *host_qpair_reactor(const struct host_qpair *q)
{
	return q->reactor;
}

uint16_t host_qpair_id(const struct host_qpair *q)
{
	return q->id;
}

unsigned host_qpair_depth(const struct host_qpair *q)
{
	return q->size - 1u;
}

unsigned host_qpair_outstanding(const struct host_qpair *q)
{
	return q->size - 1u - q->nfree;
}
