/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of ids. An event is copied and acknowledged before anybody is told of it: the id,
 * or any other, may be destroyed from the callback.
 */
#include <errno.h>
#include <string.h>

#include "hw/linux/verbs/internal.h"

/* --- ours ------------------------------------------------------------------------------- */

void verbs_id_tell_later(struct rnic_id *id, enum rdma_cm_event_type type, int status)
{
	struct rnic_ctx *ctx = id->ctx;

	id->tell_type = type;
	id->tell_status = status;
	if (id->to_tell)
		return;
	id->to_tell = true;
	id->tell_next = NULL;
	*ctx->tell_last = id;
	ctx->tell_last = &id->tell_next;
}

void verbs_id_forget(struct rnic_id *id)
{
	struct rnic_ctx *ctx = id->ctx;

	if (!id->to_tell)
		return;
	id->to_tell = false;
	for (struct rnic_id **at = &ctx->tell; *at; at = &(*at)->tell_next) {
		if (*at != id)
			continue;
		*at = id->tell_next;
		if (!*at)
			ctx->tell_last = at;
		break;
	}
}

static void tell(struct rnic_id *id, const struct rnic_cm_event *event)
{
	id->cb->event(id, event, id->user);
}

static void failed(struct rnic_id *id, enum rdma_cm_event_type type, int status)
{
	const struct rnic_cm_event event = { .type = type, .status = status, .id = id };

	id->state = VERBS_OVER;
	if (type == RDMA_CM_EVENT_DEVICE_REMOVAL) {
		if (id->removed)
			return;
		id->removed = true;
		if (id->qp)
			verbs_qp_error(id->qp);
	}
	tell(id, &event);
}

unsigned verbs_tell_ids(struct rnic_ctx *ctx)
{
	unsigned n = 0;

	for (; ctx->tell && n < 64; n++) {
		struct rnic_id *id = ctx->tell;

		verbs_id_forget(id);
		failed(id, id->tell_type, id->tell_status);
	}
	return n;
}

void verbs_ids_removed(struct rnic_ctx *ctx, void *context, gint64 unused)
{
	(void)unused;
	for (struct rnic_id *id = ctx->ids; id; id = id->next)
		if (id->cm->verbs == context && !id->removed)
			verbs_id_tell_later(id, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
}

/* --- the kernel's ------------------------------------------------------------------------ */

/* An event on its way from the channel to its id, with its private data. */
struct copy {
	struct rnic_cm_event event;
	struct rdma_cm_id *cm, *listener;
	uint8_t private_data[256];
};

static bool has_param(enum rdma_cm_event_type type)
{
	return type == RDMA_CM_EVENT_CONNECT_REQUEST || type == RDMA_CM_EVENT_CONNECT_RESPONSE ||
	       type == RDMA_CM_EVENT_ESTABLISHED || type == RDMA_CM_EVENT_REJECTED;
}

static void copy_event(const struct rdma_cm_event *from, struct copy *to)
{
	to->cm = from->id;
	to->listener = from->listen_id;
	to->event = (struct rnic_cm_event){ .type = from->event, .status = from->status };
	if (!has_param(from->event))
		return;
	to->event.param = from->param.conn;
	to->event.param.private_data = to->private_data;
	if (from->param.conn.private_data_len > 0 && from->param.conn.private_data)
		memcpy(to->private_data, from->param.conn.private_data,
		       from->param.conn.private_data_len);
}

static void request(struct copy *c)
{
	struct rnic_id *listener = c->listener->context, *id;

	/* A wildcard listens on devices that are not for us, too. */
	if (!verbs_device_of(listener->ctx->verbs, c->cm->verbs)) {
		rdma_destroy_id(c->cm);
		return;
	}
	id = verbs_id_new(listener->ctx, listener->cb, listener->user, VERBS_REQUEST);
	id->cm = c->cm;
	id->cm->context = id;
	id->may_answer = c->event.param.responder_resources;
	id->may_ask = c->event.param.initiator_depth;
	c->event.id = id;
	tell(listener, &c->event);
}

static void resolved(struct rnic_id *id)
{
	if (!verbs_device_of(id->ctx->verbs, id->cm->verbs))
		failed(id, RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
	else if (rdma_resolve_route(id->cm, (int)id->timeout_ms) != 0)
		failed(id, RDMA_CM_EVENT_ROUTE_ERROR, verbs_errno());
}

/* iWARP has no reasons: the peer's program, or its kernel. */
static int reject_status(const struct rnic_id *id, const struct rnic_cm_event *event)
{
	if (id->cm->verbs->device->transport_type != IBV_TRANSPORT_IWARP)
		return event->status;
	return event->param.private_data_len > 0 ? RNIC_REJ_CONSUMER : RNIC_REJ_INVALID_SERVICE_ID;
}

/* False: it is not for the user. */
static bool heed(struct rnic_id *id, struct rnic_cm_event *event)
{
	switch (event->type) {
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		id->state = VERBS_RESOLVED;
		return true;
	case RDMA_CM_EVENT_ESTABLISHED:
		id->state = VERBS_ESTABLISHED;
		return true;
	case RDMA_CM_EVENT_REJECTED:
		event->status = reject_status(id, event);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		/* The kernel leaves it to us to answer a DREQ. */
		rdma_disconnect(id->cm);
		break;
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_CONNECT_ERROR:
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
		id->state = VERBS_OVER;
		return true;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
	case RDMA_CM_EVENT_ADDR_CHANGE:
		return true;
	default:
		return false;
	}
	id->state = VERBS_OVER;
	if (id->qp)
		verbs_qp_error(id->qp);
	return true;
}

static void dispatch(struct copy *c)
{
	struct rnic_id *id = c->cm->context;

	if (c->event.type == RDMA_CM_EVENT_CONNECT_REQUEST) {
		request(c);
		return;
	}
	c->event.id = id;
	if (c->event.type == RDMA_CM_EVENT_ADDR_RESOLVED)
		resolved(id);
	else if (c->event.type == RDMA_CM_EVENT_DEVICE_REMOVAL)
		failed(id, c->event.type, 0);
	else if (heed(id, &c->event))
		tell(id, &c->event);
}

void verbs_cm_ready(struct verbs_source *source)
{
	struct rnic_ctx *ctx =
		(struct rnic_ctx *)((char *)source - offsetof(struct rnic_ctx, cm_source));
	struct rdma_cm_event *event;
	struct copy c;

	if (rdma_get_cm_event(ctx->cm, &event) != 0)
		return;
	copy_event(event, &c);
	rdma_ack_cm_event(event);
	dispatch(&c);
}
