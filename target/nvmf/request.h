/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command on its way: transport -> nvmf -> bdev -> back. Requests are
 * preallocated with their queue; the transport embeds them in its own.
 *
 * The transport fills qpair, cmd, xfer, data_len (the length the SGL offers)
 * and, for host-to-controller data, iov/niov with all of the data received;
 * then calls nvmf_request_exec(). The command ends in nvmf_request_complete(),
 * which gives the request back through transport_ops.complete.
 */
#pragma once

#include "target/bdev/bdev.h"
#include "target/core/buf.h"
#include "target/nvme/nvme.h"

struct nvmf_ns_group;
struct nvmf_qpair;

struct nvmf_request {
	struct nvmf_qpair *qpair;
	struct nvmf_request *next; /* whoever holds it */
	struct nvme_cmd cmd;
	struct nvme_cpl rsp;     /* cid, sqhd and status are set by complete */
	const struct iovec *iov; /* the data: to execute (H2C) or to send (C2H) */
	uint16_t niov;
	uint8_t xfer;      /* enum nvme_xfer */
	bool placed;       /* iov points into bdev memory: nvmf_request_release() it */
	uint32_t data_len; /* H2C: bytes that came; C2H: room at the host, then bytes to send */
	uint64_t begun;	   /* by the reactor's clock: of commands in steps, and of late ones */
	struct iovec buf_iov;
	struct buf *buf; /* of nvmf_request_get_buffer, or NULL */
	struct nvmf_ns_group *ns; /* while it is counted there */
	void (*buffer_ready)(struct nvmf_request *req);
	struct buf_waiter waiter;
	bool waiting;     /* for a buffer */
	bool late;	  /* it had to wait for one, from begun on */
	bool executing;   /* between exec and complete */
	void *reply_data; /* of nvmf_request_reply_data while it waits */
	struct bdev_io io;
	/* The rest is of commands that take several I/Os, or come in pairs: io.h. */
	struct buf_pool *wait_pool; /* it waits for a buffer of */
	struct buf *scratch;	    /* of nvmf_request_get_scratch, or NULL */
	void (*step)(struct nvmf_request *req, uint16_t status);
	void (*scanned)(struct nvmf_request *req, uint16_t status);
	uint64_t at; /* how far it is */
	struct iovec step_iov;
	uint32_t range;
	bool compares;
	bool stop; /* aborted: no further step */
	bool fuse_held;	  /* executing, in its queue's list of those that wait for a partner */
	bool fuse_missing; /* it came without a partner */
	bool fuse_failed;  /* its partner failed first */
	struct nvmf_request *peer;
	struct bdev_range_lock *lock;
	struct bdev_lock_waiter lock_waiter;
};

/* Transport, for each command in the order of arrival, before its data: finds fused pairs. */
void nvmf_fuse_arrived(struct nvmf_request *req);
/* Runs the command. The queue is enabled, or the command is Connect. */
void nvmf_request_exec(struct nvmf_request *req);
/* Instead of exec: the transport found an error in the command. */
void nvmf_request_reject(struct nvmf_request *req, uint16_t status);
/* status as in nvme.h (no phase bit). rsp.dw0/dw1 are set by the caller before (0 from exec on). */
void nvmf_request_complete(struct nvmf_request *req, uint16_t status);

/*
 * Gets one pool buffer of len bytes (1..NVMF_MAX_IO_SIZE) as req->iov; contents
 * undefined. ready is called at once if there is one, else when it is (or
 * never, when the queue dies first: then the request has been dropped).
 */
void nvmf_request_get_buffer(struct nvmf_request *req, uint32_t len,
			     void (*ready)(struct nvmf_request *req));
/*
 * The same, of NVMF_SCRATCH_SIZE, as req->scratch: for a while, whatever the
 * request holds already. One a reactor is kept back for this.
 */
#define NVMF_SCRATCH_SIZE 65536u
void nvmf_request_get_scratch(struct nvmf_request *req, void (*ready)(struct nvmf_request *req));
/* Transport, when the response has been sent or dropped: gives back buffer and placed memory. */
void nvmf_request_release(struct nvmf_request *req);

/*
 * For commands that answer with data made on the control path: sends len bytes
 * of data (1..NVMF_MAX_IO_SIZE; copied before it returns or waited for: data
 * must be g_malloc'd and becomes the request's) and completes with success. An
 * SGL that offers less than len gives SGL Length Invalid.
 */
void nvmf_request_reply_data(struct nvmf_request *req, void *data, uint32_t len);
