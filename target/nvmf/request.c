/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: from the transport to the code that executes them and back, and
 * their buffers. What a command does is in io.c, admin.c and connect.c.
 */
#include "target/nvmf/request.h"

#include <string.h>

#include "target/core/trace.h"
#include "target/nvmf/ctrlr.h"

static uint64_t trace_id(const struct nvmf_request *req)
{
	const struct nvmf_qpair *q = req->qpair;
	uint64_t cntlid = q->ctrlr != NULL ? q->ctrlr->cntlid : 0;

	return cntlid << 32 | (uint64_t)q->qid << 16 | req->cmd.cid;
}

/*
 * Fabrics commands, and whatever comes on a queue that is not connected. Their type
 * is where others have the NSID.
 */
static void exec_fabrics(struct nvmf_request *req)
{
	struct nvmf_qpair *q = req->qpair;

	if (req->cmd.opcode != NVME_OP_FABRICS) {
		nvmf_request_fail(req, NVME_SC_SEQUENCE_ERROR | NVME_DNR, NVME_PEL_NONE);
		return;
	}
	switch (nvme_cmd_fctype(&req->cmd)) {
	case NVME_FCTYPE_CONNECT:
		if (q->state == NVMF_QPAIR_NEW)
			nvmf_connect(req);
		else
			nvmf_request_fail(req, NVME_SC_SEQUENCE_ERROR | NVME_DNR, NVME_PEL_NONE);
		return;
	case NVME_FCTYPE_PROPERTY_GET:
	case NVME_FCTYPE_PROPERTY_SET:
		if (q->state != NVMF_QPAIR_ENABLED)
			nvmf_request_fail(req, NVME_SC_SEQUENCE_ERROR | NVME_DNR, NVME_PEL_NONE);
		else if (q->qid != 0)
			nvmf_request_fail(req, NVME_SC_INVALID_OPCODE | NVME_DNR, NVME_PEL(nsid));
		else if (nvme_cmd_fctype(&req->cmd) == NVME_FCTYPE_PROPERTY_GET)
			nvmf_property_get(req);
		else
			nvmf_property_set(req);
		return;
	default:
		nvmf_request_fail(req, NVME_SC_INVALID_OPCODE | NVME_DNR, NVME_PEL(nsid));
	}
}

static inline void start(struct nvmf_request *req)
{
	struct nvmf_qpair *q = req->qpair;

	req->rsp.value = 0;
	req->executing = true;
	q->outstanding++;
	atomic_store_explicit(&q->activity,
			      atomic_load_explicit(&q->activity, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	trace_write(q->reactor->trace, TRACE_REQ_START, trace_id(req), req->cmd.opcode);
}

/* What the transport finds wrong is the SGL, or the data behind it. */
void nvmf_request_reject(struct nvmf_request *req, uint16_t status)
{
	bool sgl = status != NVME_SC_TRANSIENT_TRANSPORT;

	start(req);
	if (status == NVME_SC_ABORT_REQUESTED)
		nvmf_request_complete(req, status);
	else
		nvmf_request_fail(req, status, sgl ? NVME_PEL(sgl) : NVME_PEL_NONE);
}

void nvmf_request_exec(struct nvmf_request *req)
{
	struct nvmf_qpair *q = req->qpair;

	start(req);
	if (q->state != NVMF_QPAIR_ENABLED || req->cmd.opcode == NVME_OP_FABRICS) {
		exec_fabrics(req);
	} else if (q->qid != 0) {
		nvmf_io_exec(req);
	} else {
		q->admin_commands++;
		nvmf_admin_exec(req);
	}
}

/* FFFFh in Connect's response consents to do without SQ flow control; then the field is reserved. */
static uint16_t no_head(const struct nvmf_request *req)
{
	bool connect = req->cmd.opcode == NVME_OP_FABRICS &&
		       nvme_cmd_fctype(&req->cmd) == NVME_FCTYPE_CONNECT;

	return connect ? 0xffff : 0;
}

static __attribute__((noinline)) void failed(struct nvmf_request *req, uint16_t status)
{
	if ((req->cmd.flags & NVME_CMD_FUSE_MASK) != 0)
		nvmf_fuse_failed(req);
	req->late = false;
	if (req->qpair->qid != 0)
		nvmf_count_error(req, status);
}

/*
 * The SQ head moves when a command completes, not when it is taken: so a host
 * that fills the queue by it never has more commands outstanding than entries.
 */
void nvmf_request_complete(struct nvmf_request *req, uint16_t status)
{
	struct nvmf_qpair *q = req->qpair;

	trace_write(q->reactor->trace, TRACE_REQ_DONE, trace_id(req), status);
	if (G_UNLIKELY(status != NVME_SUCCESS))
		failed(req, status);
	if (q->sq_size != 0 && ++q->sq_head == q->sq_size)
		q->sq_head = 0;
	req->rsp.sqhd = q->no_sq_flow_control ? no_head(req) : q->sq_head;
	req->rsp.sqid = 0;
	req->rsp.cid = req->cmd.cid;
	req->rsp.status = (uint16_t)(status << 1);
	if (q->qid != 0)
		q->group->stats.completed_nvme_io++;
	req->executing = false;
	q->outstanding--;
	q->ops->complete(req);
	if (q->outstanding == 0 && q->state == NVMF_QPAIR_DEACTIVATING)
		nvmf_qpair_drained(q);
}

static void use_buffer(struct nvmf_request *req, struct buf *buf, uint32_t len)
{
	req->buf = buf;
	req->buf_iov = (struct iovec){ buf->data, len };
	req->iov = &req->buf_iov;
	req->niov = 1;
}

static void unlink_waiting(struct nvmf_request *req)
{
	struct nvmf_request **p = &req->qpair->waiting;

	while (*p != req)
		p = &(*p)->next;
	*p = req->next;
	req->next = NULL;
	req->waiting = false;
	req->late = true;
	req->qpair->group->stats.pending_bdev_io--;
}

static struct nvmf_request *waiter_to_request(struct buf_waiter *w)
{
	return (struct nvmf_request *)((char *)w - offsetof(struct nvmf_request, waiter));
}

static void buffer_arrived(struct buf_waiter *w, struct buf *buf)
{
	struct nvmf_request *req = waiter_to_request(w);

	unlink_waiting(req);
	use_buffer(req, buf, w->size);
	req->buffer_ready(req);
}

static void scratch_arrived(struct buf_waiter *w, struct buf *buf)
{
	struct nvmf_request *req = waiter_to_request(w);

	unlink_waiting(req);
	req->scratch = buf;
	req->buffer_ready(req);
}

/* False: the queue is being killed, and the request has been completed. */
static bool wait_for(struct nvmf_request *req, struct buf_pool *pool,
		     void (*ready)(struct nvmf_request *req))
{
	struct nvmf_qpair *q = req->qpair;

	if (q->state >= NVMF_QPAIR_DEACTIVATING) {
		nvmf_request_complete(req, NVME_SC_ABORTED_SQ_DELETED);
		return false;
	}
	req->waiting = true;
	req->begun = q->reactor->now;
	req->next = q->waiting;
	q->waiting = req;
	q->group->stats.pending_bdev_io++;
	req->buffer_ready = ready;
	req->wait_pool = pool;
	return true;
}

/* Admin commands, and Connect, have a pool behind the one that I/O can empty. */
void nvmf_request_get_buffer(struct nvmf_request *req, uint32_t len,
			     void (*ready)(struct nvmf_request *req))
{
	struct nvmf_qpair *q = req->qpair;
	struct buf_pool *pool = q->reactor->bufs;
	struct buf_user *user = &q->bufs;
	struct buf *buf = buf_get_for(pool, user, len);

	if (buf == NULL && q->qid == 0) {
		pool = q->group->reserve;
		user = &q->reserve;
		buf = buf_get_for(pool, user, len);
	}
	if (buf != NULL) {
		use_buffer(req, buf, len);
		ready(req);
		return;
	}
	if (!wait_for(req, pool, ready))
		return;
	req->waiter.ready = buffer_arrived;
	buf_wait_for(pool, user, &req->waiter, len);
}

void nvmf_request_get_scratch(struct nvmf_request *req, void (*ready)(struct nvmf_request *req))
{
	struct nvmf_qpair *q = req->qpair;

	req->scratch = buf_get_spare(q->reactor->bufs, NVMF_SCRATCH_SIZE);
	if (req->scratch == NULL)
		req->scratch = buf_get(q->group->scratch, NVMF_SCRATCH_SIZE);
	if (req->scratch != NULL) {
		ready(req);
		return;
	}
	if (!wait_for(req, q->group->scratch, ready))
		return;
	req->waiter.ready = scratch_arrived;
	buf_wait(q->group->scratch, &req->waiter, NVMF_SCRATCH_SIZE);
}

void nvmf_request_release(struct nvmf_request *req)
{
	if (req->placed) {
		req->placed = false;
		bdev_io_release(&req->io);
	}
	if (req->buf != NULL) {
		buf_put(req->buf);
		req->buf = NULL;
	}
	if (req->waiting) {
		buf_wait_cancel(req->wait_pool, &req->waiter);
		unlink_waiting(req);
	}
	if (req->reply_data != NULL) {
		g_free(req->reply_data);
		req->reply_data = NULL;
	}
	req->iov = NULL;
	req->niov = 0;
}

static void reply_data_ready(struct nvmf_request *req)
{
	memcpy(req->buf->data, req->reply_data, req->data_len);
	g_free(req->reply_data);
	req->reply_data = NULL;
	nvmf_request_complete(req, NVME_SUCCESS);
}

void nvmf_request_reply_data(struct nvmf_request *req, void *data, uint32_t len)
{
	if (req->data_len < len) {
		g_free(data);
		nvmf_request_fail(req, NVME_SC_SGL_LENGTH_INVALID | NVME_DNR,
				  NVME_PEL(sgl) + offsetof(struct nvme_sgl, length));
		return;
	}
	req->data_len = len;
	req->reply_data = data;
	nvmf_request_get_buffer(req, len, reply_data_ready);
}
