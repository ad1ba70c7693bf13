/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion queues: rings that queue pairs of the same shard fill and its user empties. */
#include <errno.h>

#include "hw/roce/priv.h"

static void tell_error(struct roce_event *event)
{
	struct roce_cq *cq = (struct roce_cq *)((char *)event - offsetof(struct roce_cq, event));

	if (cq->error)
		cq->error(cq, cq->user);
}

int roce_cq_create(struct roce_shard *shard, unsigned cqe, void (*error)(struct roce_cq *, void *),
		   void *user, struct roce_cq **out)
{
	struct roce_device *dev = shard->dev;
	const struct roce_params *params = &dev->params;
	struct roce_cq *cq;
	uint32_t size = 1;

	if (cqe == 0 || cqe > (unsigned)params->attr.max_cqe)
		return -EINVAL;
	if (hw_fault(params->hw, "roce.cq"))
		return -ENOMEM;
	if (!roce_one_more(&dev->ncqs, params->attr.max_cq))
		return -ENOMEM;
	while (size < cqe)
		size *= 2;
	cq = g_new0(struct roce_cq, 1);
	cq->ring = g_try_new0(struct ibv_wc, size);
	if (!cq->ring) {
		atomic_fetch_sub(&dev->ncqs, 1);
		g_free(cq);
		return -ENOMEM;
	}
	cq->shard = shard;
	cq->mask = size - 1;
	cq->cqe = cqe;
	cq->event.tell = tell_error;
	cq->error = error;
	cq->user = user;
	*out = cq;
	return 0;
}

int roce_cq_destroy(struct roce_cq *cq)
{
	if (cq->qps > 0)
		return -EBUSY;
	roce_event_cancel(cq->shard, &cq->event);
	atomic_fetch_sub(&cq->shard->dev->ncqs, 1);
	g_free(cq->ring);
	g_free(cq);
	return 0;
}

static void notify(struct roce_cq *cq)
{
	struct roce_binding *binding = cq->shard->dev->binding;

	if (!cq->armed)
		return;
	cq->armed = false;
	cq->notified = true;
	binding->ops->wake(binding, cq->shard->index);
}

bool roce_cq_push(struct roce_cq *cq, const struct ibv_wc *wc)
{
	if (cq->overflown)
		return false;
	if (cq->tail - cq->head == cq->cqe ||
	    hw_fault(cq->shard->dev->params.hw, "roce.cq.overrun")) {
		cq->overflown = true;
		hw_mark(cq->shard->dev->params.hw, "roce.cq.overflow");
		roce_event_queue(cq->shard, &cq->event);
		return false;
	}
	cq->ring[cq->tail++ & cq->mask] = *wc;
	notify(cq);
	return true;
}

/* As if what is in it came a moment after this poll: an armed one tells of it then. */
static bool comes_later(struct roce_cq *cq)
{
	if (cq->head == cq->tail || cq->shown ||
	    !hw_fault(cq->shard->dev->params.hw, "roce.cq.later"))
		return false;
	notify(cq);
	return true;
}

/* As if what is in it came just after it was armed and looked at, and nobody was told. */
static bool is_missed(struct roce_cq *cq)
{
	if (cq->head == cq->tail || cq->shown) {
		cq->hidden = false;
		return false;
	}
	if (!cq->hidden && !hw_fault(cq->shard->dev->params.hw, "roce.cq.lost"))
		return false;
	cq->hidden = !cq->armed;
	cq->armed = false;
	return true;
}

int roce_cq_poll(struct roce_cq *cq, int n, struct ibv_wc *wc)
{
	int got = 0;

	if (is_missed(cq) || comes_later(cq))
		return 0;
	while (got < n && cq->head != cq->tail)
		wc[got++] = cq->ring[cq->head++ & cq->mask];
	cq->shown &= cq->head != cq->tail;
	return got;
}

void roce_cq_arm(struct roce_cq *cq)
{
	cq->armed = true;
	cq->notified = false;
}

bool roce_cq_notified(const struct roce_cq *cq)
{
	return cq->notified;
}
