/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: capsules that come, and the data of their commands. See rdma.h.
 *
 * A capsule waits (is held) while the connection is not established, while Connect
 * is under way, and while all requests are in use by responses whose arrival the
 * RNIC has not told yet.
 */
#include <string.h>

#include "target/core/written.h"
#include "target/nvmf/rdma.h"

/* --- receives ----------------------------------------------------------------------------- */

void rdma_req_drop_recv(struct rdma_conn *c, struct rdma_req *r)
{
	if (r->recv == NULL)
		return;
	/* The queue pair of a closed connection takes no receives; and has none of its own. */
	if (c->rq.chunk == NULL || c->state < RDMA_CLOSING)
		rdma_rq_put(r->recv);
	r->recv = NULL;
	c->nrecvs--;
}

/* It holds more than its part of what others need too. */
static bool is_greedy(const struct rdma_conn *c)
{
	const struct rdma_rq *rq = &c->p->rq;

	return c->rq.chunk == NULL && rq->posted < rq->n / 4 &&
	       c->nrecvs > rq->n / (2 * MAX(c->p->nconns, 1u));
}

/*
 * Capsules that wait, mostly for a host to take responses, keep receives that others
 * need: when these run short, whoever keeps most of them is ended, if that is more than
 * its part.
 */
static void end_hoarder(struct rdma_poller *p)
{
	struct rdma_conn *most = NULL;

	for (struct rdma_conn *c = p->conns; c != NULL; c = c->next) {
		if (c->state < RDMA_CLOSING && (most == NULL || c->nheld > most->nheld))
			most = c;
	}
	if (most == NULL || most->nheld <= p->rq.n / (2 * MAX(p->nconns, 1u)))
		return;
	hw_mark(p->reactor->hw, "rdma.hoarder");
	rdma_conn_broken(most, "it sends commands and takes no responses, and others run short of "
			       "receives");
}

/* --- data ----------------------------------------------------------------------------------- */

static void execute(struct rdma_req *r)
{
	r->state = RDMA_REQ_EXEC;
	if (G_UNLIKELY(r->aborted))
		nvmf_request_reject(&r->req, NVME_SC_ABORT_REQUESTED);
	else
		nvmf_request_exec(&r->req);
}

void rdma_data_read(struct rdma_conn *c, struct rdma_req *r)
{
	(void)c;
	mem_written(r->req.buf->data, r->sgl.len);
	execute(r);
}

static void read_buffer_ready(struct nvmf_request *req)
{
	struct rdma_req *r = rdma_req_of(req);

	r->state = RDMA_REQ_READ;
	rdma_queue_read(rdma_conn_of(req->qpair), r);
}

static void copy_buffer_ready(struct nvmf_request *req)
{
	struct rdma_req *r = rdma_req_of(req);

	memcpy(req->buf->data, r->recv_iov.iov_base, r->recv_iov.iov_len);
	rdma_req_drop_recv(rdma_conn_of(req->qpair), r);
	execute(r);
}

static void capsule_data(struct rdma_conn *c, struct rdma_req *r, struct rdma_recv *recv)
{
	r->recv = recv;
	c->nrecvs++;
	r->recv_iov = (struct iovec){ recv->data + r->sgl.offset, r->sgl.len };
	if (is_greedy(c)) {
		hw_mark(c->q.reactor->hw, "rdma.greedy");
		r->state = RDMA_REQ_WAIT_COPY;
		nvmf_request_get_buffer(&r->req, r->sgl.len, copy_buffer_ready);
		return;
	}
	r->req.iov = &r->recv_iov;
	r->req.niov = 1;
	execute(r);
}

/* --- commands -----------------------------------------------------------------------------------
 */

static void take(struct rdma_conn *c, struct rdma_recv *recv)
{
	struct rdma_req *r = c->free;
	struct nvmf_request *req = &r->req;
	uint16_t status;

	c->free = r->next;
	c->nactive++;
	req->cmd = *recv->cmd;
	r->begun = c->q.reactor->now;
	r->aborted = false;
	r->at = 0;
	if (G_UNLIKELY(req->cmd.flags != NVME_CMD_PSDT_SGL || c->q.fuse_first != NULL)) {
		nvmf_fuse_arrived(req);
		/* That may have sent a response (no_wr_batching), and ended the connection. */
		if (c->state != RDMA_READY) {
			rdma_rq_put(recv);
			rdma_req_free(c, r);
			return;
		}
	}
	req->xfer = (uint8_t)nvme_cmd_xfer(&req->cmd);
	status = rdma_sgl_parse(&req->cmd, req->xfer, recv->data,
				recv->len - (uint32_t)sizeof(req->cmd),
				c->q.transport->options.max_io_size, &r->sgl);
	req->data_len = r->sgl.len;
	if (status == NVME_SUCCESS && r->sgl.in_capsule && r->sgl.len > 0) {
		capsule_data(c, r, recv);
		return;
	}
	rdma_rq_put(recv);
	if (G_UNLIKELY(status != NVME_SUCCESS)) {
		r->state = RDMA_REQ_EXEC;
		nvmf_request_reject(req, status);
	} else if (req->xfer == NVME_XFER_H2C && r->sgl.len > 0) {
		r->state = RDMA_REQ_WAIT_BUFFER;
		nvmf_request_get_buffer(req, r->sgl.len, read_buffer_ready);
	} else {
		execute(r);
	}
}

/* Nothing is taken now. */
static inline bool is_blocked(const struct rdma_conn *c)
{
	return c->state != RDMA_READY || c->q.moving || c->q.state == NVMF_QPAIR_CONNECTING ||
	       c->free == NULL;
}

void rdma_capsule(struct rdma_conn *c, struct rdma_recv *recv)
{
	if (G_UNLIKELY(recv->len < sizeof(struct nvme_cmd))) {
		rdma_rq_put(recv);
		rdma_conn_broken(c, "capsule shorter than a command");
		return;
	}
	if (G_UNLIKELY(c->nactive + c->nheld >= c->ask.depth)) {
		rdma_rq_put(recv);
		rdma_conn_broken(c, "more commands than the queue has entries");
		return;
	}
	if (G_LIKELY(c->held == NULL && !is_blocked(c))) {
		take(c, recv);
		return;
	}
	if (c->state == RDMA_ACCEPTED)
		hw_mark(c->q.reactor->hw, "rdma.early");
	recv->next = NULL;
	*c->held_last = recv;
	c->held_last = &recv->next;
	c->nheld++;
	if (c->free == NULL)
		c->p->stats.pending_free_request++;
	if (c->rq.chunk == NULL && c->p->rq.posted < c->p->rq.n / 4)
		end_hoarder(c->p);
}

void rdma_resume_soon(struct rdma_conn *c)
{
	reactor_run_soon(c->q.reactor, &c->resume_task);
}

void rdma_resume(struct task *task)
{
	struct rdma_conn *c =
		(struct rdma_conn *)((char *)task - offsetof(struct rdma_conn, resume_task));

	while (c->held != NULL && !is_blocked(c)) {
		struct rdma_recv *recv = c->held;

		c->held = recv->next;
		if (c->held == NULL)
			c->held_last = &c->held;
		c->nheld--;
		take(c, recv);
	}
}

/* --- Abort -------------------------------------------------------------------------------------
 */

bool rdma_abort(struct nvmf_qpair *q, uint16_t cid)
{
	struct rdma_conn *c = rdma_conn_of(q);

	for (unsigned i = 0; i < c->nreqs; i++) {
		struct rdma_req *r = &c->reqs[i];

		if (r->req.cmd.cid != cid)
			continue;
		if (r->state == RDMA_REQ_WAIT_BUFFER || r->state == RDMA_REQ_WAIT_COPY) {
			nvmf_request_release(&r->req);
			r->aborted = true;
			execute(r);
			return true;
		}
		if (r->state == RDMA_REQ_READ) {
			r->aborted = true; /* the host's memory is in use until then */
			return true;
		}
	}
	return false;
}
