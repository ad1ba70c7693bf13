/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: what is posted. See rdma.h.
 *
 * Slots. Every work request takes one of the send queue's, until a signaled one at
 * or behind it completes. A response that leaves nothing to be given back (inline,
 * without data) is not signaled unless half of the slots are of that kind already;
 * whatever takes the last slot is: so there is always a completion to come while
 * something waits for slots.
 */
#include <string.h>

#include "target/nvmf/rdma.h"

#define CHAIN 64 /* work requests posted at once */
/* Data of so many bytes goes before its responses: what software RoCE hands over at once. */
#define GROUP_LEN 61440

struct chain {
	struct rdma_conn *c;
	struct ibv_send_wr wrs[CHAIN];
	struct ibv_sge sges[CHAIN];
	struct rdma_req *quiet; /* free again when the chain is posted */
	unsigned n;
};

/* --- the chain ------------------------------------------------------------------------------ */

/* Those from wr on were not taken: their completions do not come. */
static void take_back(struct rdma_conn *c, const struct ibv_send_wr *wr)
{
	for (; wr != NULL; wr = wr->next) {
		if (wr->send_flags & IBV_SEND_SIGNALED)
			c->posted_tail--;
	}
}

static void free_quiet(struct chain *ch)
{
	while (ch->quiet != NULL) {
		struct rdma_req *r = ch->quiet;

		ch->quiet = r->next;
		rdma_req_free(ch->c, r);
	}
}

static bool post_chain(struct chain *ch)
{
	struct rdma_conn *c = ch->c;
	struct ibv_send_wr *bad;
	int rc;

	if (ch->n == 0)
		return true;
	ch->wrs[ch->n - 1].next = NULL;
	rc = rdma_conn_ops(c)->post_send(c->qp, ch->wrs, &bad);
	c->p->stats.total_send_wrs += ch->n;
	c->p->stats.send_doorbell_updates++;
	ch->n = 0;
	free_quiet(ch);
	if (rc == 0)
		return true;
	take_back(c, bad);
	nvmf_qpair_kill(&c->q);
	return false;
}

static bool is_full(const struct chain *ch)
{
	return ch->n == CHAIN || ch->c->sq_used == ch->c->sq_size;
}

static struct ibv_send_wr *new_wr(struct chain *ch, enum ibv_wr_opcode opcode)
{
	struct ibv_send_wr *wr = &ch->wrs[ch->n];

	memset(wr, 0, sizeof(*wr));
	wr->wr_id = RDMA_WR_QUIET;
	wr->opcode = opcode;
	wr->sg_list = &ch->sges[ch->n];
	wr->num_sge = 1;
	wr->next = &ch->wrs[ch->n + 1]; /* of the last: post_chain() */
	ch->n++;
	ch->c->sq_used++;
	ch->c->quiet++;
	return wr;
}

/* done: the request that is through when it completes, or NULL. */
static void make_signaled(struct rdma_conn *c, struct ibv_send_wr *wr, struct rdma_req *done,
			  uint16_t reads)
{
	if (c->posted_head == c->posted_tail)
		c->progress = c->q.reactor->now;
	c->posted[c->posted_tail++ & c->posted_mask] =
		(struct rdma_posted){ done, (uint16_t)c->quiet, reads };
	c->quiet = 0;
	wr->wr_id = RDMA_WR_SIGNALED;
	wr->send_flags |= IBV_SEND_SIGNALED;
}

/* --- data ------------------------------------------------------------------------------------- */

/*
 * The next piece of the data, as one work request: what is left of a block of the
 * host's and of a piece of ours. False: the memory is not the device's.
 */
static bool move_piece(struct chain *ch, struct rdma_req *r, enum ibv_wr_opcode opcode,
		       struct ibv_send_wr **out)
{
	struct rdma_conn *c = ch->c;
	const struct rdma_block *b = &r->sgl.blocks[r->block];
	const struct iovec *iov = &r->req.iov[r->piece];
	uint32_t len = MIN(b->len - r->block_at, (uint32_t)iov->iov_len - r->piece_at);
	struct ibv_send_wr *wr;

	len = MIN(len, r->req.data_len - r->at);
	if (!rdma_sge(&c->dev->mem, c->q.reactor->index,
		      (const uint8_t *)iov->iov_base + r->piece_at, len, &ch->sges[ch->n]))
		return false;
	wr = new_wr(ch, opcode);
	wr->wr.rdma.remote_addr = b->addr + r->block_at;
	wr->wr.rdma.rkey = b->key;
	r->at += len;
	r->block_at += len;
	r->piece_at += len;
	if (r->block_at == b->len) {
		r->block++;
		r->block_at = 0;
	}
	if (r->piece_at == iov->iov_len) {
		r->piece++;
		r->piece_at = 0;
	}
	*out = wr;
	return true;
}

static void rewind(struct rdma_req *r)
{
	r->at = r->block_at = r->piece_at = 0;
	r->block = 0;
	r->piece = 0;
}

void rdma_queue_read(struct rdma_conn *c, struct rdma_req *r)
{
	rewind(r);
	r->next = NULL;
	*c->read_last = r;
	c->read_last = &r->next;
	reactor_run_at_flush(c->q.reactor, &c->post_task);
}

static void no_memory(struct rdma_conn *c)
{
	log_error(c->q.reactor->core->log, "nvmf.rdma",
		  "data lies in memory that the device cannot reach: disconnected",
		  "device=%s qid=%u", c->dev->info.name, c->q.qid);
	nvmf_qpair_kill(&c->q);
}

/* READs of queued requests, as many as may be under way. False: as move_piece(). */
static bool add_reads(struct chain *ch)
{
	struct rdma_conn *c = ch->c;
	struct rdma_req *r;

	while ((r = c->read_head) != NULL && c->reads < c->max_reads && !is_full(ch)) {
		struct ibv_send_wr *wr;
		bool last;

		if (!move_piece(ch, r, IBV_WR_RDMA_READ, &wr))
			return false;
		last = r->at == r->req.data_len;
		c->reads++;
		make_signaled(c, wr, last ? r : NULL, 1);
		if (!last)
			continue;
		c->read_head = r->next;
		if (c->read_head == NULL)
			c->read_last = &c->read_head;
	}
	return true;
}

/* --- responses ---------------------------------------------------------------------------------
 */

static void point_at_response(struct rdma_conn *c, const struct rdma_req *r, struct ibv_send_wr *wr)
{
	struct nvme_cpl *copy;

	if (c->inlined) {
		wr->send_flags = IBV_SEND_INLINE;
		*wr->sg_list = (struct ibv_sge){ .addr = (uintptr_t)&r->req.rsp,
						 .length = sizeof(r->req.rsp) };
		return;
	}
	copy = (struct nvme_cpl *)c->responses->base + r->index;
	*copy = r->req.rsp;
	rdma_sge(&c->dev->mem, c->q.reactor->index, copy, sizeof(*copy), wr->sg_list);
}

static void add_response(struct chain *ch, struct rdma_req *r)
{
	struct rdma_conn *c = ch->c;
	bool invalidate = r->sgl.invalidate && c->dev->info.send_with_inv;
	struct ibv_send_wr *wr = new_wr(ch, invalidate ? IBV_WR_SEND_WITH_INV : IBV_WR_SEND);

	if (invalidate)
		wr->invalidate_rkey = r->sgl.invalidate_key;
	point_at_response(c, r, wr);
	c->p->stats.request_latency += c->q.reactor->now - r->begun;
	if (c->inlined && !r->send_data && c->quiet < c->sq_size / 2 && c->sq_used < c->sq_size) {
		r->next = ch->quiet;
		ch->quiet = r;
		return;
	}
	make_signaled(c, wr, r, 0);
}

/* What there is room for of the request's data. False: as move_piece(). */
static bool add_data(struct chain *ch, struct rdma_req *r)
{
	struct rdma_conn *c = ch->c;
	struct ibv_send_wr *wr;

	while (r->send_data && r->at < r->req.data_len && !is_full(ch)) {
		if (!move_piece(ch, r, IBV_WR_RDMA_WRITE, &wr))
			return false;
		if (c->sq_used == c->sq_size)
			make_signaled(c, wr, NULL, 0);
	}
	return true;
}

/*
 * Data and responses, those of small requests in groups: packets of one size that
 * follow each other cost least. False: as move_piece().
 */
static bool add_responses(struct chain *ch)
{
	struct rdma_conn *c = ch->c;

	while (c->tx_head != NULL && !is_full(ch)) {
		struct rdma_req *r = c->tx_head;
		uint32_t len = 0;

		for (; r != NULL && len < GROUP_LEN && !is_full(ch); r = r->next) {
			if (!add_data(ch, r))
				return false;
			if (r->send_data && r->at < r->req.data_len)
				break;
			len += r->send_data ? r->req.data_len : 0;
		}
		while (c->tx_head != r && !is_full(ch)) {
			struct rdma_req *next = c->tx_head->next;

			add_response(ch, c->tx_head);
			c->tx_head = next;
			if (next == NULL)
				c->tx_last = &c->tx_head;
		}
	}
	return true;
}

/* What has to wait for what is posted to come back, for its data or its response. */
static void count_waiting(struct rdma_conn *c)
{
	const struct rdma_req *r = c->tx_head;
	struct nvmf_device_stats *stats = &c->p->stats;

	/* Data goes before responses of its group. */
	while (r != NULL && (!r->send_data || r->at == r->req.data_len))
		r = r->next;
	if (r != NULL)
		stats->pending_rdma_write++;
	else if (c->tx_head != NULL)
		stats->pending_rdma_send++;
	if (c->read_head != NULL)
		stats->pending_rdma_read++;
}

void rdma_post(struct task *task)
{
	struct rdma_conn *c =
		(struct rdma_conn *)((char *)task - offsetof(struct rdma_conn, post_task));
	struct chain ch;
	int rc;

	if (c->state != RDMA_READY)
		return;
	/* Whom a response reaches may send a command: what that needs is there before. */
	if (c->rq.again != NULL && (rc = rdma_rq_fill(&c->rq)) < 0) {
		rdma_rq_failed(&c->rq, rc);
		return;
	}
	ch.c = c;
	ch.n = 0;
	ch.quiet = NULL;
	do {
		if (!add_responses(&ch) || !add_reads(&ch)) {
			free_quiet(&ch);
			no_memory(c);
			return;
		}
		if (!post_chain(&ch))
			return;
	} while (c->sq_used < c->sq_size &&
		 (c->tx_head != NULL || (c->read_head != NULL && c->reads < c->max_reads)));
	count_waiting(c);
}

void rdma_complete(struct nvmf_request *req)
{
	struct rdma_req *r = rdma_req_of(req);
	struct rdma_conn *c = rdma_conn_of(req->qpair);

	c->nactive--;
	rdma_req_drop_recv(c, r);
	if (c->state != RDMA_READY) {
		rdma_req_free(c, r);
		return;
	}
	r->state = RDMA_REQ_TX;
	r->send_data = req->xfer == NVME_XFER_C2H && req->rsp.status == 0 && req->niov > 0 &&
		       req->data_len > 0;
	if (r->send_data)
		rewind(r);
	else
		nvmf_request_release(req);
	r->next = NULL;
	*c->tx_last = r;
	c->tx_last = &r->next;
	if (c->held != NULL)
		rdma_resume_soon(c); /* it may have been the Connect */
	if (G_UNLIKELY(c->q.transport->options.no_wr_batching))
		rdma_post(&c->post_task);
	else
		reactor_run_at_flush(c->q.reactor, &c->post_task);
}

/* --- what has been sent --------------------------------------------------------------------------
 */

static void request_done(struct rdma_conn *c, struct rdma_req *r, bool ok)
{
	if (r->state == RDMA_REQ_READ && ok && c->state == RDMA_READY) {
		rdma_data_read(c, r);
		return;
	}
	if (r->state == RDMA_REQ_READ)
		c->nactive--;
	rdma_req_free(c, r);
}

void rdma_sent(struct rdma_conn *c, const struct ibv_wc *wc)
{
	bool ok = wc->status == IBV_WC_SUCCESS;
	struct rdma_posted *done;

	if (G_UNLIKELY(!ok))
		nvmf_qpair_kill(&c->q);
	if ((wc->wr_id & 0xff) != RDMA_WR_SIGNALED || c->posted_head == c->posted_tail)
		return;
	done = &c->posted[c->posted_head++ & c->posted_mask];
	c->progress = c->q.reactor->now;
	c->sq_used -= done->slots;
	c->reads -= done->reads;
	if (done->r != NULL)
		request_done(c, done->r, ok);
	if (c->state != RDMA_READY) {
		if (c->posted_head == c->posted_tail)
			rdma_conn_check_soon(c);
	} else if (c->tx_head != NULL || c->read_head != NULL) {
		reactor_run_at_flush(c->q.reactor, &c->post_task);
	}
}
