/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings of receives, and the SRQs that several queue pairs of a shard take them from. */
#include <errno.h>
#include <string.h>

#include "hw/roce/qp.h"

/* --- rings ------------------------------------------------------------------------------- */

int roce_recv_ring_init(struct roce_recv_ring *ring, uint32_t max_wr, uint32_t max_sge)
{
	uint32_t size = 1;

	while (size < max_wr)
		size *= 2;
	*ring = (struct roce_recv_ring){
		.stride = (uint32_t)(sizeof(struct roce_recv) + max_sge * sizeof(struct ibv_sge)),
		.size = max_wr,
		.mask = size - 1,
		.max_sge = max_sge,
	};
	ring->wrs = g_try_malloc0_n(size, ring->stride);
	return ring->wrs ? 0 : -ENOMEM;
}

void roce_recv_ring_clear(struct roce_recv_ring *ring)
{
	g_clear_pointer(&ring->wrs, g_free);
}

static struct roce_recv *recv_at(struct roce_recv_ring *ring, uint32_t n)
{
	return (struct roce_recv *)(ring->wrs + (size_t)(n & ring->mask) * ring->stride);
}

struct roce_recv *roce_recv_peek(struct roce_recv_ring *ring)
{
	return ring->head == ring->tail ? NULL : recv_at(ring, ring->head);
}

/* 0, or why it cannot be posted. */
static int post_one(struct roce_recv_ring *ring, const struct ibv_recv_wr *wr)
{
	struct roce_recv *recv;
	uint64_t len = 0;

	if (wr->num_sge < 0 || (uint32_t)wr->num_sge > ring->max_sge)
		return -EINVAL;
	for (int i = 0; i < wr->num_sge; i++)
		len += wr->sg_list[i].length;
	if (len > UINT32_MAX)
		return -EINVAL;
	if (roce_recv_count(ring) == ring->size)
		return -ENOMEM;
	recv = recv_at(ring, ring->tail++);
	recv->wr_id = wr->wr_id;
	recv->nsge = (uint32_t)wr->num_sge;
	recv->len = (uint32_t)len;
	if (recv->nsge > 0)
		memcpy(recv->sge, wr->sg_list, recv->nsge * sizeof(recv->sge[0]));
	return 0;
}

int roce_recv_post(struct roce_recv_ring *ring, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	for (; wr; wr = wr->next) {
		int rc = post_one(ring, wr);

		if (rc < 0) {
			*bad = wr;
			return rc;
		}
	}
	return 0;
}

/* --- SRQs ---------------------------------------------------------------------------------- */

static void tell_limit(struct roce_event *event)
{
	struct roce_srq *srq =
		(struct roce_srq *)((char *)event - offsetof(struct roce_srq, event));

	if (srq->tell)
		srq->tell(srq, IBV_EVENT_SRQ_LIMIT_REACHED, srq->user);
}

int roce_srq_create(struct roce_shard *shard, struct roce_pd *pd, struct ibv_srq_attr *attr,
		    void (*event)(struct roce_srq *, enum ibv_event_type, void *), void *user,
		    struct roce_srq **out)
{
	const struct roce_params *params = &shard->dev->params;
	struct roce_srq *srq;

	if (params->attr.max_srq == 0)
		return -EOPNOTSUPP;
	if (attr->max_wr == 0 || attr->max_wr > (uint32_t)params->attr.max_srq_wr ||
	    attr->max_sge > (uint32_t)params->attr.max_srq_sge)
		return -EINVAL;
	if (!roce_one_more(&shard->dev->nsrqs, params->attr.max_srq))
		return -ENOMEM;
	srq = g_new0(struct roce_srq, 1);
	attr->max_sge = MAX(attr->max_sge, 1);
	if (hw_fault(params->hw, "roce.srq") ||
	    roce_recv_ring_init(&srq->ring, attr->max_wr, attr->max_sge) < 0) {
		atomic_fetch_sub(&shard->dev->nsrqs, 1);
		g_free(srq);
		return -ENOMEM;
	}
	srq->shard = shard;
	srq->pd = pd;
	srq->event.tell = tell_limit;
	srq->tell = event;
	srq->user = user;
	atomic_fetch_add(&pd->users, 1);
	*out = srq;
	return 0;
}

static void scribble(struct roce_srq *srq)
{
	for (uint32_t n = srq->ring.head; n != srq->ring.tail; n++) {
		const struct roce_recv *recv = recv_at(&srq->ring, n);

		roce_sge_scribble(srq->shard->dev, srq->pd, 0, recv->sge, recv->nsge);
	}
}

int roce_srq_destroy(struct roce_srq *srq)
{
	if (srq->qps > 0)
		return -EBUSY;
	if (atomic_load(&srq->shard->dev->torn))
		scribble(srq);
	roce_event_cancel(srq->shard, &srq->event);
	atomic_fetch_sub(&srq->shard->dev->nsrqs, 1);
	atomic_fetch_sub(&srq->pd->users, 1);
	roce_recv_ring_clear(&srq->ring);
	g_free(srq);
	return 0;
}

static void look_at_limit(struct roce_srq *srq)
{
	if (srq->limit == 0 || roce_recv_count(&srq->ring) >= srq->limit)
		return;
	srq->limit = 0;
	roce_event_queue(srq->shard, &srq->event);
}

int roce_srq_arm(struct roce_srq *srq, uint32_t limit)
{
	if (limit > srq->ring.size)
		return -EINVAL;
	srq->limit = limit;
	look_at_limit(srq);
	return 0;
}

int roce_srq_post_recv(struct roce_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	return roce_recv_post(&srq->ring, wr, bad);
}

bool roce_srq_take(struct roce_srq *srq, struct roce_recv *out)
{
	struct roce_recv *recv = roce_recv_peek(&srq->ring);

	if (!recv)
		return false;
	memcpy(out, recv, sizeof(*recv) + recv->nsge * sizeof(recv->sge[0]));
	srq->ring.head++;
	look_at_limit(srq);
	return true;
}
