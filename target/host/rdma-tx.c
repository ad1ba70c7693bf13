/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, host side, sending: commands become capsules, their data becomes memory
 * that the target may reach for (a keyed SGL), or part of the capsule.
 *
 * Few work requests are signaled: one in a quarter of the send queue, and those whose
 * memory is the caller's or the bounce buffer's and must not be given back before
 * they are done. The slots of the others are free again with the next signaled one.
 */
#include <errno.h>
#include <string.h>

#include "target/host/rdma.h"

void host_rdma_tx_reset(struct rdma_qpair *t)
{
	t->sq_used = t->quiet = 0;
	t->sig_head = t->sig_count = 0;
	t->inv = NULL;
	t->inv_last = &t->inv;
}

/* --- the send queue -----------------------------------------------------------------------------
 */

/* A work request is posted: whether it is to be signaled. must: its slot waits for it. */
static bool account(struct rdma_qpair *t, uint16_t slot, bool must)
{
	t->sq_used++;
	t->quiet++;
	if (!must && t->quiet < MAX(t->sq_size / 4, 1) && host_rdma_room(t, 1))
		return false;
	t->signals[(t->sig_head + t->sig_count++) % t->sq_size] =
		(struct rdma_signal){ .wrs = t->quiet, .slot = must ? slot : RDMA_NO_SLOT };
	t->quiet = 0;
	return true;
}

static bool post_failed(struct rdma_qpair *t, int rc)
{
	if (rc == 0)
		return false;
	host_qpair_fail(&t->q, rc, "the RNIC did not take a work request");
	return true;
}

/* --- windows
 * --------------------------------------------------------------------------------------- */

static unsigned to_invalidate(const struct rdma_slot *r)
{
	return r->bound + (unsigned)r->nmore;
}

/* All that are bound; the last one says when. */
static bool post_invalidate(struct rdma_qpair *t, struct rdma_slot *r)
{
	const struct hw_rnic_ops *ops = host_rdma_ops(t);
	unsigned n = to_invalidate(r), more = 0;

	r->to_inv = false;
	r->in_inv = true;
	for (unsigned i = 0; i < n; i++) {
		uint32_t key = i == 0 && r->bound ? r->key : ops->mw_rkey(r->more[more++]);
		bool signaled = account(t, host_rdma_index(t, r), i + 1 == n);

		if (post_failed(t, ops->post_local_inv(t->qp, key, 0,
						       signaled ? IBV_SEND_SIGNALED : 0)))
			return false;
	}
	return true;
}

void host_rdma_invalidate(struct rdma_qpair *t, struct rdma_slot *r)
{
	if (host_rdma_room(t, to_invalidate(r))) {
		post_invalidate(t, r);
		return;
	}
	r->to_inv = true;
	r->next = NULL;
	*t->inv_last = r;
	t->inv_last = &r->next;
}

static bool invalidate_waiting(struct rdma_qpair *t)
{
	while (t->inv && host_rdma_room(t, to_invalidate(t->inv))) {
		struct rdma_slot *r = t->inv;

		t->inv = r->next;
		if (!t->inv)
			t->inv_last = &t->inv;
		if (!post_invalidate(t, r))
			return false;
	}
	return !t->inv;
}

/* --- data
 * ------------------------------------------------------------------------------------------- */

static void copy_in(const struct host_io *io, uint8_t *to)
{
	for (unsigned i = 0; i < io->niov; i++) {
		if (io->iov[i].iov_len)
			memcpy(to, io->iov[i].iov_base, io->iov[i].iov_len);
		to += io->iov[i].iov_len;
	}
}

void host_rdma_copy_out(struct rdma_qpair *t, struct host_slot *s)
{
	const uint8_t *from = t->slots[s - t->q.slots].bounce;

	for (unsigned i = 0; i < s->io->niov; i++) {
		if (s->io->iov[i].iov_len)
			memcpy(s->io->iov[i].iov_base, from, s->io->iov[i].iov_len);
		from += s->io->iov[i].iov_len;
	}
}

bool host_rdma_bounce(struct rdma_qpair *t, struct host_slot *s)
{
	struct rdma_slot *r = &t->slots[s - t->q.slots];

	r->bounce = rdma_bounce_get(&t->bounce, s->len);
	if (!r->bounce)
		return false;
	if (s->xfer != NVME_XFER_C2H)
		copy_in(s->io, r->bounce);
	return true;
}

/* The data of a capsule, from where it is: how many SGEs; 0: it must be copied. */
static int gather(struct rdma_qpair *t, const struct host_io *io, struct ibv_sge *sges)
{
	int n = 0;

	for (unsigned i = 0; i < io->niov; i++) {
		const struct iovec *iov = &io->iov[i];
		const struct rnic_region *region;

		if (iov->iov_len == 0)
			continue;
		region = n + 1 < t->max_sge ? host_rdma_region(t, iov->iov_base, iov->iov_len)
					    : NULL;
		if (!region)
			return 0;
		sges[n++] = (struct ibv_sge){
			.addr = region->iova +
				(uint64_t)((const uint8_t *)iov->iov_base - region->base),
			.length = (uint32_t)iov->iov_len,
			.lkey = region->lkey,
		};
	}
	return n;
}

/* --- commands
 * ---------------------------------------------------------------------------------------- */

struct batch {
	struct ibv_send_wr wrs[RDMA_BATCH];
	struct ibv_sge sges[RDMA_BATCH][RDMA_SGES];
	unsigned n;
};

static bool in_capsule(const struct rdma_qpair *t, const struct host_slot *s)
{
	return s->xfer == NVME_XFER_H2C && s->len > 0 && s->len <= t->capsule_data;
}

/* False: no room in the bounce buffer now. */
static bool put_inside(struct rdma_qpair *t, struct host_slot *s, struct nvme_cmd *cmd,
		       struct ibv_sge *sges, int *nsge)
{
	struct rdma_slot *r = &t->slots[s - t->q.slots];
	int n = gather(t, s->io, sges + 1);

	if (n == 0) {
		if (!host_rdma_bounce(t, s))
			return false;
		sges[1] = (struct ibv_sge){
			.addr = t->chunk->iova + (uint64_t)(r->bounce - (uint8_t *)t->chunk->base),
			.length = s->len,
			.lkey = t->lkey,
		};
		n = 1;
	}
	cmd->sgl = (struct nvme_sgl){ .length = s->len, .type = NVME_SGL_OFFSET };
	*nsge = 1 + n;
	return true;
}

/* Behind the command: its list, if it has one. False: as host_rdma_put_keyed(). */
static bool put_outside(struct rdma_qpair *t, struct host_slot *s, struct nvme_cmd *cmd,
			struct ibv_sge *sges, int *nsge, int *rc)
{
	const struct nvme_sgl *list;
	uint32_t len;

	if (!host_rdma_put_keyed(t, s, cmd, &len, rc))
		return false;
	if (len == 0)
		return true;
	list = t->lists + (s - t->q.slots) * RDMA_PIECES;
	sges[1] = (struct ibv_sge){
		.addr = t->chunk->iova + (uint64_t)((uint8_t *)list - (uint8_t *)t->chunk->base),
		.length = len,
		.lkey = t->lkey,
	};
	*nsge = 2;
	return true;
}

/* False: it has to wait, or (rc) could not be. */
static bool put_command(struct rdma_qpair *t, struct host_slot *s, struct batch *b, int *rc)
{
	uint16_t index = (uint16_t)(s - t->q.slots);
	struct rdma_slot *r = &t->slots[index];
	struct ibv_send_wr *wr = &b->wrs[b->n];
	struct ibv_sge *sges = b->sges[b->n];
	struct nvme_cmd *cmd = &t->cmds[index];
	bool inside = in_capsule(t, s);
	int nsge = 1;

	r->bounce = NULL;
	r->bound = r->in_send = r->in_inv = r->to_inv = false;
	r->nmore = 0;
	*cmd = s->io->cmd;
	cmd->flags = NVME_CMD_PSDT_SGL | (cmd->flags & NVME_CMD_FUSE_MASK);
	*rc = 0;
	if (!(inside ? put_inside(t, s, cmd, sges, &nsge)
		     : put_outside(t, s, cmd, sges, &nsge, rc)) ||
	    *rc)
		return false;
	sges[0] = (struct ibv_sge){
		.addr = t->chunk->iova + (uint64_t)((uint8_t *)cmd - (uint8_t *)t->chunk->base),
		.length = sizeof(*cmd),
		.lkey = t->lkey,
	};
	*wr = (struct ibv_send_wr){ .sg_list = sges, .num_sge = nsge, .opcode = IBV_WR_SEND };
	if (t->inlined && nsge == 1) {
		wr->send_flags |= IBV_SEND_INLINE;
		sges[0].addr = (uintptr_t)cmd;
	} else {
		r->in_send = true; /* the RNIC may have to read the capsule again */
	}
	if (account(t, index, r->in_send))
		wr->send_flags |= IBV_SEND_SIGNALED;
	if (b->n > 0)
		b->wrs[b->n - 1].next = wr;
	b->n++;
	return true;
}

/* What there is room for, as one chain. True: there may be more. */
static bool send_batch(struct rdma_qpair *t)
{
	struct host_qpair *q = &t->q;
	struct ibv_send_wr *bad;
	struct batch b;
	int rc = 0;

	b.n = 0;
	while (b.n < RDMA_BATCH && q->pending.head && t->outstanding < t->limit &&
	       host_rdma_room(t, 2)) {
		struct host_slot *s = q->pending.head;

		if (q->state != HOST_QPAIR_LIVE && s->io != &q->connect_io)
			break;
		if (!put_command(t, s, &b, &rc))
			break;
		host_slots_pop(&q->pending);
		s->tx_end = 0;
		t->outstanding++;
	}
	if (rc == 0 && b.n > 0)
		rc = host_rdma_ops(t)->post_send(t->qp, b.wrs, &bad);
	return !post_failed(t, rc) && b.n == RDMA_BATCH;
}

void host_rdma_kick(struct host_qpair *q)
{
	struct rdma_qpair *t = rdma_of(q);

	if (t->phase != RDMA_UP || t->failed || !invalidate_waiting(t))
		return;
	while (send_batch(t))
		;
}
