/* SPDX-License-Identifier: BSD-3-Clause */
/* Asynchronous events of a device: read by the main reactor, for whoever they are about. */
#include <errno.h>

#include "hw/linux/verbs/internal.h"

void verbs_tell_watchers(struct rnic_device *dev, enum ibv_event_type type, unsigned port)
{
	for (struct rnic_watcher *w = dev->verbs->watchers, *next; w; w = next) {
		next = w->next;
		w->event(w, dev, type, port);
	}
}

static void tell_object(struct rnic_ctx *ctx, void *type, gint64 serial)
{
	struct verbs_object *object = g_hash_table_lookup(ctx->objects, &serial);

	if (object)
		object->event(object, (enum ibv_event_type)GPOINTER_TO_INT(type));
}

static void about_object(struct rnic_device *dev, struct verbs_object *object,
			 enum ibv_event_type type)
{
	if (object)
		verbs_post(dev->verbs, object->ctx->index, tell_object, GINT_TO_POINTER(type),
			   object->serial);
}

/* Until it is acknowledged, what it is about stays. */
static void dispatch(struct rnic_device *dev, const struct ibv_async_event *event)
{
	switch (event->event_type) {
	case IBV_EVENT_CQ_ERR:
		about_object(dev, event->element.cq->cq_context, event->event_type);
		break;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
	case IBV_EVENT_QP_LAST_WQE_REACHED:
	case IBV_EVENT_COMM_EST:
		about_object(dev, event->element.qp->qp_context, event->event_type);
		break;
	case IBV_EVENT_SRQ_LIMIT_REACHED:
	case IBV_EVENT_SRQ_ERR:
		about_object(dev, event->element.srq->srq_context, event->event_type);
		break;
	default:
		break;
	}
}

static bool of_device(enum ibv_event_type type)
{
	switch (type) {
	case IBV_EVENT_DEVICE_FATAL:
	case IBV_EVENT_PORT_ACTIVE:
	case IBV_EVENT_PORT_ERR:
	case IBV_EVENT_LID_CHANGE:
	case IBV_EVENT_GID_CHANGE:
	case IBV_EVENT_CLIENT_REREGISTER:
		return true;
	default:
		return false;
	}
}

static void async_ready(struct verbs_source *source)
{
	struct rnic_device *dev =
		(struct rnic_device *)((char *)source - offsetof(struct rnic_device, async));
	struct ibv_async_event event;
	enum ibv_event_type type;
	unsigned port;

	if (ibv_get_async_event(dev->context, &event) != 0) {
		/* The descriptor of a device that was torn out is readable for ever. */
		if (errno != EAGAIN && errno != EINTR)
			verbs_device_gone(dev);
		return;
	}
	type = event.event_type;
	port = type == IBV_EVENT_DEVICE_FATAL ? 0 : (unsigned)event.element.port_num;
	dispatch(dev, &event);
	ibv_ack_async_event(&event);
	if (of_device(type))
		verbs_tell_watchers(dev, type, port);
	if (type == IBV_EVENT_DEVICE_FATAL)
		verbs_device_gone(dev);
}

int verbs_async_open(struct rnic_device *dev, struct rnic_ctx *main)
{
	dev->async = (struct verbs_source){ async_ready, dev->context->async_fd };
	return verbs_source_add(main, &dev->async);
}
