/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Completion queues. Those of a context and a device share one completion channel; a
 * notification wakes the reactor and says no more than that.
 */
#include <errno.h>
#include <string.h>

#include "hw/linux/verbs/internal.h"

/* Acknowledging takes a lock: many at a time, and all before the CQ is destroyed. */
#define ACK_BATCH 64
#define VENDOR_RXE 0xffffff

/* --- channels -------------------------------------------------------------------------- */

static void channel_ready(struct verbs_source *source)
{
	struct verbs_channel *ch = (struct verbs_channel *)source;
	struct ibv_cq *ibv;
	struct rnic_cq *cq;
	void *arg;

	if (ibv_get_cq_event(ch->channel, &ibv, &arg) != 0) {
		/* Readable for ever, of a device that was torn out: nothing comes any more. */
		if (errno != EAGAIN && errno != EINTR)
			verbs_source_remove(ch->ctx, source);
		return;
	}
	cq = (struct rnic_cq *)((char *)arg - offsetof(struct rnic_cq, object));
	cq->armed = false;
	if (++cq->unacked == ACK_BATCH) {
		ibv_ack_cq_events(ibv, cq->unacked);
		cq->unacked = 0;
	}
}

static void channel_put(struct verbs_channel *ch)
{
	struct verbs_channel **at = &ch->ctx->channels;

	if (--ch->users > 0)
		return;
	while (*at != ch)
		at = &(*at)->next;
	*at = ch->next;
	verbs_source_remove(ch->ctx, &ch->source);
	ibv_destroy_comp_channel(ch->channel);
	g_free(ch);
}

static int channel_get(struct rnic_ctx *ctx, struct rnic_device *dev, struct verbs_channel **out)
{
	struct ibv_comp_channel *ibv;
	struct verbs_channel *ch;

	for (ch = ctx->channels; ch; ch = ch->next) {
		if (ch->dev == dev) {
			ch->users++;
			*out = ch;
			return 0;
		}
	}
	ibv = ibv_create_comp_channel(dev->context);
	if (!ibv)
		return verbs_errno();
	ch = g_new0(struct verbs_channel, 1);
	ch->ctx = ctx;
	ch->dev = dev;
	ch->channel = ibv;
	ch->users = 1;
	ch->source = (struct verbs_source){ channel_ready, ibv->fd };
	ch->next = ctx->channels;
	ctx->channels = ch;
	*out = ch;
	if (verbs_source_add(ctx, &ch->source) == 0)
		return 0;
	channel_put(ch);
	return -ENOMEM;
}

/* --- queues ------------------------------------------------------------------------------ */

static void cq_event(struct verbs_object *object, enum ibv_event_type type)
{
	struct rnic_cq *cq = (struct rnic_cq *)object;

	/* A provider may say so for each completion that is lost. */
	if (type != IBV_EVENT_CQ_ERR || cq->overflowed)
		return;
	cq->overflowed = true;
	if (cq->cb && cq->cb->error)
		cq->cb->error(cq, cq->user);
}

int verbs_cq_create(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
		    const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out)
{
	struct rnic_cq *cq;
	int rc;

	if (atomic_load(&dev->gone))
		return -ENODEV;
	if (cqe == 0 || cqe > (unsigned)dev->info.attr.max_cqe)
		return -EINVAL;
	cq = g_new0(struct rnic_cq, 1);
	cq->cb = cb;
	cq->user = user;
	cq->object.event = cq_event;
	rc = channel_get(ctx, dev, &cq->channel);
	if (rc < 0) {
		g_free(cq);
		return rc;
	}
	verbs_object_add(ctx, &cq->object);
	/* Interrupts of reactors on different processors, where the device has several. */
	cq->cq =
		ibv_create_cq(dev->context, (int)cqe, &cq->object, cq->channel->channel,
			      (int)(ctx->index % (unsigned)MAX(dev->context->num_comp_vectors, 1)));
	if (!cq->cq) {
		rc = verbs_no_memory(ctx->verbs, verbs_errno(), "a completion queue");
		verbs_object_remove(&cq->object);
		channel_put(cq->channel);
		g_free(cq);
		return rc;
	}
	*out = cq;
	return 0;
}

int verbs_cq_destroy(struct rnic_cq *cq)
{
	int rc;

	if (cq->unacked > 0)
		ibv_ack_cq_events(cq->cq, cq->unacked);
	cq->unacked = 0;
	rc = verbs_rc(ibv_destroy_cq(cq->cq));
	if (rc < 0 && !(cq->channel->dev->gone && rc != -EBUSY))
		return rc;
	verbs_object_remove(&cq->object);
	channel_put(cq->channel);
	if (cq->kept)
		g_array_unref(cq->kept);
	g_free(cq);
	return 0;
}

/*
 * rdma_rxe gives programs the flag of an invalidation as the kernel's own users have it,
 * which is another's here, one that means nothing to reliable connections.
 */
static void right_flags(struct ibv_wc *wc, int n)
{
	for (int i = 0; i < n; i++)
		if (wc[i].status == IBV_WC_SUCCESS && wc[i].opcode == IBV_WC_RECV &&
		    wc[i].wc_flags & IBV_WC_IP_CSUM_OK)
			wc[i].wc_flags ^= IBV_WC_IP_CSUM_OK | IBV_WC_WITH_INV;
}

static int poll_device(struct rnic_cq *cq, int n, struct ibv_wc *wc)
{
	int got = ibv_poll_cq(cq->cq, n, wc);

	if (got > 0 && cq->channel->dev->info.attr.vendor_id == VENDOR_RXE)
		right_flags(wc, got);
	return MAX(got, 0);
}

/* Providers (mlx5) take those of a queue pair that is destroyed out of its CQs, unseen. */
void verbs_cq_keep(struct rnic_cq *cq)
{
	struct ibv_wc wc;

	for (int left = cq->cq->cqe; left > 0 && poll_device(cq, 1, &wc) == 1; left--) {
		if (!cq->kept)
			cq->kept = g_array_new(FALSE, FALSE, sizeof(wc));
		g_array_append_val(cq->kept, wc);
	}
}

static int poll_kept(struct rnic_cq *cq, int n, struct ibv_wc *wc)
{
	unsigned got = MIN((unsigned)n, cq->kept->len - cq->kept_at);

	memcpy(wc, &g_array_index(cq->kept, struct ibv_wc, cq->kept_at), got * sizeof(*wc));
	cq->kept_at += got;
	if (cq->kept_at == cq->kept->len) {
		g_clear_pointer(&cq->kept, g_array_unref);
		cq->kept_at = 0;
	}
	return (int)got;
}

int verbs_cq_poll(struct rnic_cq *cq, int n, struct ibv_wc *wc)
{
	int got = G_UNLIKELY(cq->kept != NULL) ? poll_kept(cq, n, wc) : 0;

	return got == n ? got : got + poll_device(cq, n - got, wc + got);
}

/* One that has been armed and has not told yet still is: that is no system call, no doorbell. */
int verbs_cq_arm(struct rnic_cq *cq)
{
	if (cq->armed)
		return 0;
	if (ibv_req_notify_cq(cq->cq, 0) != 0)
		return -ENODEV;
	cq->armed = true;
	return 0;
}
