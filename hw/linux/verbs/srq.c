/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared receive queues. */
#include <errno.h>

#include "hw/linux/verbs/internal.h"

static void srq_event(struct verbs_object *object, enum ibv_event_type type)
{
	struct rnic_srq *srq = (struct rnic_srq *)object;

	if (srq->cb && srq->cb->event)
		srq->cb->event(srq, type, srq->user);
}

int verbs_srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		     const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out)
{
	const struct ibv_device_attr *limits = &pd->dev->info.attr;
	struct rnic_srq *srq;
	struct ibv_srq_init_attr init = { .attr = *attr };

	if (limits->max_srq == 0)
		return -EOPNOTSUPP;
	if (attr->max_wr > (uint32_t)limits->max_srq_wr ||
	    attr->max_sge > (uint32_t)limits->max_srq_sge)
		return -EINVAL;
	if (atomic_load(&pd->dev->gone))
		return -ENODEV;
	srq = g_new0(struct rnic_srq, 1);
	init.srq_context = &srq->object;
	init.attr.srq_limit = 0;
	srq->dev = pd->dev;
	srq->cb = cb;
	srq->user = user;
	srq->object.event = srq_event;
	verbs_object_add(ctx, &srq->object);
	srq->srq = ibv_create_srq(pd->pd, &init);
	if (!srq->srq) {
		int rc = verbs_no_memory(ctx->verbs, verbs_errno(), "a shared receive queue");

		verbs_object_remove(&srq->object);
		g_free(srq);
		return rc == -ENOSYS ? -EOPNOTSUPP : rc;
	}
	srq->max_wr = init.attr.max_wr;
	attr->max_wr = init.attr.max_wr;
	attr->max_sge = init.attr.max_sge;
	*out = srq;
	return 0;
}

int verbs_srq_destroy(struct rnic_srq *srq)
{
	int rc = verbs_rc(ibv_destroy_srq(srq->srq));

	if (rc < 0 && !(atomic_load(&srq->dev->gone) && rc != -EBUSY))
		return rc;
	verbs_object_remove(&srq->object);
	g_free(srq);
	return 0;
}

int verbs_srq_arm(struct rnic_srq *srq, uint32_t limit)
{
	struct ibv_srq_attr attr = { .srq_limit = limit };

	if (limit > srq->max_wr)
		return -EINVAL;
	return verbs_rc(ibv_modify_srq(srq->srq, &attr, IBV_SRQ_LIMIT));
}

int verbs_srq_post_recv(struct rnic_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	return verbs_rc(ibv_post_srq_recv(srq->srq, wr, bad));
}
