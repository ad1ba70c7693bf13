/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: receives. Where a receive may have two pieces, the commands lie
 * together and the data is aligned, so that a file opened O_DIRECT can take it as
 * it is; else the data follows its command.
 */
#include "target/nvmf/rdma.h"

#include <errno.h>

#define POST_BATCH 32

static void post_again(struct task *task);

int rdma_rq_init(struct rdma_rq *rq, struct rdma_poller *p, unsigned n, uint32_t data_len,
		 unsigned max_sge)
{
	const struct hw *hw = p->reactor->hw;
	bool apart = max_sge >= 2 && data_len > 0;
	size_t cmds = (n * sizeof(struct nvme_cmd) + RDMA_ALIGN - 1) & ~(size_t)(RDMA_ALIGN - 1);
	size_t stride = apart ? data_len : sizeof(struct nvme_cmd) + data_len;
	int rc = hw->mem->ops->alloc_on(hw->mem, (apart ? cmds : 0) + n * stride, p->reactor->node,
					&rq->chunk);

	if (rc < 0)
		return rc;
	rq->p = p;
	rq->n = n;
	rq->nsge = apart ? 2 : 1;
	rq->task.fn = post_again;
	rq->recvs = g_new0(struct rdma_recv, n);
	rq->sges = g_new0(struct ibv_sge, (size_t)n * rq->nsge);
	for (unsigned i = 0; i < n; i++) {
		struct rdma_recv *recv = &rq->recvs[i];
		struct ibv_sge *sge = &rq->sges[i * rq->nsge];
		uint8_t *base = rq->chunk->base;

		recv->rq = rq;
		recv->cmd =
			(struct nvme_cmd *)(base + (apart ? i * sizeof(*recv->cmd) : i * stride));
		recv->data = apart ? base + cmds + i * stride : (uint8_t *)(recv->cmd + 1);
		if (!rdma_sge(&p->dev->mem, p->reactor->index, recv->cmd,
			      (uint32_t)(apart ? sizeof(*recv->cmd) : stride), &sge[0]) ||
		    (apart &&
		     !rdma_sge(&p->dev->mem, p->reactor->index, recv->data, data_len, &sge[1]))) {
			rdma_rq_clear(rq);
			return -ENODEV;
		}
		recv->next = rq->again;
		rq->again = recv;
	}
	return 0;
}

void rdma_rq_clear(struct rdma_rq *rq)
{
	if (rq->chunk == NULL)
		return;
	reactor_cancel_task(rq->p->reactor, &rq->task);
	g_free(rq->recvs);
	g_free(rq->sges);
	rq->p->reactor->hw->mem->ops->free(rq->p->reactor->hw->mem, rq->chunk);
	*rq = (struct rdma_rq){ 0 };
}

static unsigned make_chain(struct rdma_rq *rq, struct ibv_recv_wr *wrs)
{
	unsigned n = 0;

	for (; n < POST_BATCH && rq->again != NULL; n++) {
		struct rdma_recv *recv = rq->again;
		unsigned index = (unsigned)(recv - rq->recvs);

		rq->again = recv->next;
		wrs[n] = (struct ibv_recv_wr){
			.wr_id = (uint64_t)index << 8 | RDMA_WR_RECV,
			.sg_list = &rq->sges[index * rq->nsge],
			.num_sge = (int)rq->nsge,
		};
		if (n > 0)
			wrs[n - 1].next = &wrs[n];
	}
	return n;
}

int rdma_rq_fill(struct rdma_rq *rq)
{
	const struct hw_rnic_ops *ops = rdma_ops(rq->p->dev);

	while (rq->again != NULL && !rq->broken) {
		struct ibv_recv_wr wrs[POST_BATCH], *bad = wrs;
		unsigned n = make_chain(rq, wrs);
		int rc = rq->srq != NULL ? ops->srq_post_recv(rq->srq, wrs, &bad)
					 : ops->post_recv(rq->qp, wrs, &bad);

		if (rc < 0) {
			rq->broken = true;
			for (const struct ibv_recv_wr *wr = wrs; wr != bad && wr != NULL;
			     wr = wr->next)
				rq->posted++;
			return rc;
		}
		rq->posted += n;
		rq->p->stats.total_recv_wrs += n;
		rq->p->stats.recv_doorbell_updates++;
	}
	return rq->broken ? -EIO : 0;
}

static void post_again(struct task *task)
{
	struct rdma_rq *rq = (struct rdma_rq *)((char *)task - offsetof(struct rdma_rq, task));
	int rc = rq->broken ? 0 : rdma_rq_fill(rq);

	if (rc < 0)
		rdma_rq_failed(rq, rc);
}

void rdma_rq_put(struct rdma_recv *recv)
{
	struct rdma_rq *rq = recv->rq;

	recv->next = rq->again;
	rq->again = recv;
	reactor_run_at_flush(rq->p->reactor, &rq->task);
}
