/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, host side, completions: responses, and what was sent.
 *
 * A command is completed when its response is here, the SEND of its data is done and
 * its window is invalid, in whatever order that comes.
 *
 * After host_qpair_fail() the queue has failed: nothing more is taken from the CQ.
 */
#include <errno.h>
#include <string.h>

#include "target/core/trace.h"
#include "target/host/rdma.h"

/* wr_id of a receive: its index above this. Of what was sent: 0. */
#define WR_RECV UINT64_C(0x10000)

/* --- receives -----------------------------------------------------------------------------------
 */

static void fill_recv(struct rdma_qpair *t, unsigned index, struct ibv_recv_wr *wr,
		      struct ibv_sge *sge)
{
	*sge = (struct ibv_sge){
		.addr = t->chunk->iova +
			(uint64_t)((uint8_t *)&t->cpls[index] - (uint8_t *)t->chunk->base),
		.length = sizeof(struct nvme_cpl),
		.lkey = t->lkey,
	};
	*wr = (struct ibv_recv_wr){ .wr_id = WR_RECV | index, .sg_list = sge, .num_sge = 1 };
}

int host_rdma_post_receives(struct rdma_qpair *t)
{
	for (unsigned i = 0; i < t->depth; i++) {
		struct ibv_recv_wr wr, *bad;
		struct ibv_sge sge;
		int rc;

		fill_recv(t, i, &wr, &sge);
		rc = host_rdma_ops(t)->post_recv(t->qp, &wr, &bad);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* --- the end of a command
 * ------------------------------------------------------------------------- */

static void finish(struct rdma_qpair *t, struct host_slot *s)
{
	struct rdma_slot *r = &t->slots[s - t->q.slots];

	if (!s->late || r->in_send || r->in_inv || r->to_inv)
		return;
	if (r->status == NVME_SUCCESS)
		s->moved = s->len;
	if (r->bounce) {
		if (s->xfer != NVME_XFER_H2C && r->status == NVME_SUCCESS)
			host_rdma_copy_out(t, s);
		rdma_bounce_put(&t->bounce, r->bounce, s->len);
		r->bounce = NULL;
	}
	host_qpair_complete(&t->q, s, r->status);
}

static void violation(struct rdma_qpair *t, const char *text)
{
	host_qpair_fail(&t->q, -EPROTO, text);
}

static void on_response(struct rdma_qpair *t, const struct nvme_cpl *cpl, const struct ibv_wc *wc)
{
	struct host_slot *s = cpl->cid < t->q.size ? &t->q.slots[cpl->cid] : NULL;
	struct rdma_slot *r;

	if (wc->opcode != IBV_WC_RECV || wc->byte_len != sizeof(*cpl)) {
		violation(t, "the target sent a response of a wrong length");
		return;
	}
	if (!s || !s->io || s->late || s->tx_end == HOST_UNSENT) {
		violation(t, "the target answered a command that is not outstanding");
		return;
	}
	r = &t->slots[s - t->q.slots];
	if (wc->wc_flags & IBV_WC_WITH_INV) {
		if (!r->bound || wc->invalidated_rkey != r->key) {
			violation(t, "the target invalidated a key that is not the command's");
			return;
		}
		r->bound = false;
	}
	s->io->cpl = *cpl;
	s->late = true;
	r->status = cpl->status >> 1;
	t->outstanding--;
	if (r->bound || r->nmore > 0)
		host_rdma_invalidate(t, r);
	if (!t->failed)
		finish(t, s);
}

static void on_sent(struct rdma_qpair *t)
{
	struct rdma_signal sig = t->signals[t->sig_head];
	struct rdma_slot *r;

	t->sig_head = (uint16_t)((t->sig_head + 1) % t->sq_size);
	t->sig_count--;
	t->sq_used -= sig.wrs;
	if (sig.slot == RDMA_NO_SLOT)
		return;
	r = &t->slots[sig.slot];
	if (r->in_send) { /* posted first */
		r->in_send = false;
	} else {
		r->in_inv = r->bound = false;
		host_rdma_give_back(t, r);
	}
	finish(t, &t->q.slots[sig.slot]);
}

/* --- the completion queue
 * --------------------------------------------------------------------------- */

static int errno_of(enum ibv_wc_status status)
{
	switch (status) {
	case IBV_WC_RETRY_EXC_ERR:
		return -ETIMEDOUT;
	case IBV_WC_LOC_LEN_ERR:
		return -EPROTO;
	default:
		return -EIO;
	}
}

/* The responses among wcs, copied, and their receives posted again. */
static bool take_receives(struct rdma_qpair *t, const struct ibv_wc *wcs, unsigned n,
			  struct nvme_cpl *cpls)
{
	struct ibv_recv_wr wrs[RDMA_BATCH], *bad;
	struct ibv_sge sges[RDMA_BATCH];
	unsigned nrecv = 0;
	int rc;

	for (unsigned i = 0; i < n; i++) {
		unsigned index = (unsigned)(wcs[i].wr_id & (WR_RECV - 1));

		if (wcs[i].status != IBV_WC_SUCCESS || !(wcs[i].wr_id & WR_RECV))
			continue;
		cpls[i] = t->cpls[index];
		fill_recv(t, index, &wrs[nrecv], &sges[nrecv]);
		if (nrecv > 0)
			wrs[nrecv - 1].next = &wrs[nrecv];
		nrecv++;
	}
	rc = nrecv ? host_rdma_ops(t)->post_recv(t->qp, wrs, &bad) : 0;
	if (rc < 0)
		host_qpair_fail(&t->q, rc, "the RNIC did not take a receive");
	return rc == 0;
}

/*
 * Work that was flushed is not the cause: that is in another completion, or in an
 * event that is on its way.
 */
static void failed_wc(struct rdma_qpair *t, enum ibv_wc_status status)
{
	if (status != IBV_WC_WR_FLUSH_ERR)
		host_qpair_fail(&t->q, errno_of(status), host_rdma_wc_text(status));
	else if (!timer_is_set(&t->linger))
		reactor_timer_set(t->q.reactor, &t->linger, t->q.reactor->now + HOST_MS(100));
}

static void handle(struct rdma_qpair *t, const struct ibv_wc *wcs, unsigned n)
{
	struct nvme_cpl cpls[RDMA_BATCH];

	if (t->failed || !take_receives(t, wcs, n, cpls))
		return;
	for (unsigned i = 0; i < n && !t->failed; i++) {
		if (wcs[i].status != IBV_WC_SUCCESS)
			failed_wc(t, wcs[i].status);
		else if (wcs[i].wr_id & WR_RECV)
			on_response(t, &cpls[i], &wcs[i]);
		else
			on_sent(t);
	}
	if (!t->failed && (t->q.pending.head || t->inv))
		reactor_run_at_flush(t->q.reactor, &t->q.kick);
}

static struct rdma_qpair *queue_of(struct engine *e)
{
	return (struct rdma_qpair *)((char *)e - offsetof(struct rdma_qpair, engine));
}

static unsigned poll_cq(struct engine *e, unsigned budget)
{
	struct rdma_qpair *t = queue_of(e);
	struct ibv_wc wcs[RDMA_BATCH];
	unsigned total = t->nearly;

	t->nearly = 0;
	if (total)
		handle(t, t->early, total);
	while (!t->failed && total < budget) {
		int n = host_rdma_ops(t)->cq_poll(t->cq, RDMA_BATCH, wcs);

		if (n <= 0)
			break;
		handle(t, wcs, (unsigned)n);
		total += (unsigned)n;
		if (n < RDMA_BATCH)
			break;
	}
	return total;
}

static bool arm_cq(struct engine *e)
{
	struct rdma_qpair *t = queue_of(e);
	int n;

	if (t->failed || t->nearly)
		return !t->nearly;
	host_rdma_ops(t)->cq_arm(t->cq);
	n = host_rdma_ops(t)->cq_poll(t->cq, RDMA_BATCH, t->early);
	t->nearly = n > 0 ? (unsigned)n : 0;
	return n <= 0;
}

const struct engine_ops host_rdma_engine = { .name = "host-rdma", .poll = poll_cq, .arm = arm_cq };
