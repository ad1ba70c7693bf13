/* SPDX-License-Identifier: BSD-3-Clause */
/* Communication ids: their life, their events, their timers. */
#include "hw/roce/cm.h"

#include <errno.h>
#include <string.h>

#define ACK_TIMEOUT 14 /* exponent, 67 ms: of our queue pairs, for the peer's as it says */
#define RNR_TIMER 12   /* 0.64 ms */
#define MAX_TIMEWAIT_NS UINT64_C(1000000000)

/* --- messages ------------------------------------------------------------------------- */

struct cm_msg {
	struct msg msg;
	struct soft *soft;
	unsigned index; /* of the context, which may have been closed when it arrives */
	uint32_t local_id;
	void (*fn)(struct rnic_ctx *ctx, uint32_t local_id);
};

static void run_msg(struct msg *msg, struct reactor *reactor)
{
	struct cm_msg *m = (struct cm_msg *)msg;
	struct rnic_ctx *ctx = m->soft->ctxs[m->index];

	(void)reactor;
	if (ctx)
		m->fn(ctx, m->local_id);
	g_free(m);
}

void cm_post(struct soft *soft, unsigned index, uint32_t local_id,
	     void (*fn)(struct rnic_ctx *ctx, uint32_t local_id))
{
	struct reactor *reactor = atomic_load(&soft->reactors[index]);
	struct cm_msg *m;

	if (!reactor)
		return;
	m = g_new0(struct cm_msg, 1);
	m->msg.fn = run_msg;
	m->soft = soft;
	m->index = index;
	m->local_id = local_id;
	m->fn = fn;
	reactor_post(reactor, &m->msg);
}

/* --- life ----------------------------------------------------------------------------------- */

static void join(struct rnic_ctx *ctx, struct rnic_id *id)
{
	id->next = ctx->all;
	id->prev = &ctx->all;
	if (id->next)
		id->next->prev = &id->next;
	ctx->all = id;
	g_hash_table_insert(ctx->ids, GUINT_TO_POINTER(id->local_id), id);
}

static void leave(struct rnic_id *id)
{
	struct rnic_ctx *ctx = id->ctx;

	*id->prev = id->next;
	if (id->next)
		id->next->prev = id->prev;
	g_hash_table_remove(ctx->ids, GUINT_TO_POINTER(id->local_id));
	if (!id->to_tell)
		return;
	id->to_tell = false;
	for (struct rnic_id **at = &ctx->tell; *at; at = &(*at)->telling_next) {
		if (*at != id)
			continue;
		*at = id->telling_next;
		if (!*at)
			ctx->tell_last = at;
		break;
	}
}

struct rnic_id *cm_find(struct rnic_ctx *ctx, uint32_t local_id)
{
	return g_hash_table_lookup(ctx->ids, GUINT_TO_POINTER(local_id));
}

static void timer_fired(struct timer *timer, struct reactor *reactor);

static struct rnic_id *new_id(struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user)
{
	struct rnic_id *id = g_new0(struct rnic_id, 1);

	id->ctx = ctx;
	id->cb = cb;
	id->user = user;
	id->events_last = &id->events;
	timer_init(&id->timer, timer_fired);
	return id;
}

struct rnic_id *cm_id_new(struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user)
{
	struct rnic_id *id = new_id(ctx, cb, user);

	do {
		ctx->next_id += CM_ID_STEP;
		id->local_id = ctx->next_id | ctx->index;
	} while (cm_find(ctx, id->local_id));
	join(ctx, id);
	return id;
}

struct rnic_id *cm_id_of_req(struct rnic_id *listener, const struct net_addr *from,
			     const struct net_addr *to, const struct roce_cm *cm)
{
	struct rnic_ctx *ctx = listener->ctx;
	struct rnic_id *id = new_id(ctx, listener->cb, listener->user);

	id->local_id = cm_peer_number(ctx->soft, ctx->index);
	id->state = CM_REQ_RECEIVED;
	id->local = *to;
	id->local.port = listener->local.port;
	id->remote = *from;
	id->req = cm->req;
	id->remote_id = cm->req.local_id;
	id->remote_qpn = cm->req.qpn;
	id->tid = cm->mad.tid;
	id->listener = listener;
	listener->pending++;
	join(ctx, id);
	cm_peer_add(id);
	return id;
}

static void answered(struct rnic_id *id)
{
	if (id->listener)
		id->listener->pending--;
	id->listener = NULL;
}

static void free_listener(struct rnic_id *id)
{
	g_ptr_array_remove(id->ctx->soft->listeners, id);
	for (struct rnic_id *i = id->ctx->all; i; i = i->next)
		if (i->listener == id)
			i->listener = NULL;
}

static void drop_events(struct rnic_id *id)
{
	while (id->events) {
		struct cm_event *e = id->events;

		id->events = e->next;
		if (e->event.type == RDMA_CM_EVENT_CONNECT_REQUEST)
			cm_destroy(e->event.id);
		g_free(e);
	}
	id->events_last = &id->events;
}

void cm_id_free(struct rnic_id *id)
{
	if (id->state == CM_LISTEN)
		free_listener(id);
	answered(id);
	cm_stop_timer(id);
	drop_events(id);
	leave(id);
	if (id->local_id & CM_ID_MAIN) {
		if (id->ctx->index == 0)
			cm_peer_forget(id->ctx, id->local_id);
		else
			cm_post(id->ctx->soft, 0, id->local_id, cm_peer_forget);
	}
	id->destroyed = true;
	if (!id->telling)
		g_free(id);
}

/* It has events: its turn comes with the next pass. */
static void to_tell(struct rnic_id *id)
{
	struct rnic_ctx *ctx = id->ctx;
	struct roce_binding *binding = &ctx->soft->io->binding;

	id->to_tell = true;
	id->telling_next = NULL;
	*ctx->tell_last = id;
	ctx->tell_last = &id->telling_next;
	binding->ops->wake(binding, ctx->index);
}

/* --- moving ----------------------------------------------------------------------------------- */

struct move_msg {
	struct msg msg;
	struct rnic_id *id;
};

static void arrive(struct msg *msg, struct reactor *reactor)
{
	struct move_msg *m = (struct move_msg *)msg;

	(void)reactor;
	join(m->id->ctx, m->id);
	if (m->id->events)
		to_tell(m->id);
	g_free(m);
}

void cm_move(struct rnic_id *id, struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user)
{
	struct soft *soft = id->ctx->soft;
	uint32_t before = id->local_id;
	struct move_msg *m;

	id->cb = cb;
	id->user = user;
	answered(id);
	if (ctx == id->ctx)
		return;
	leave(id);
	id->local_id = cm_peer_number(soft, ctx->index);
	cm_peer_renumber(soft, before, id->local_id);
	id->ctx = ctx;
	m = g_new0(struct move_msg, 1);
	m->msg.fn = arrive;
	m->id = id;
	reactor_post(ctx->reactor, &m->msg);
}

/* --- events -------------------------------------------------------------------------------------
 */

void cm_tell_about(struct rnic_id *id, enum rdma_cm_event_type type, int status,
		   const struct rdma_conn_param *param, struct rnic_id *about)
{
	struct cm_event *e = g_new0(struct cm_event, 1);

	e->event.type = type;
	e->event.status = status;
	e->event.id = about ? about : id;
	if (param) {
		e->event.param = *param;
		if (param->private_data_len > 0)
			memcpy(e->private_data, param->private_data, param->private_data_len);
		e->event.param.private_data = e->private_data;
	}
	*id->events_last = e;
	id->events_last = &e->next;
	if (!id->to_tell)
		to_tell(id);
}

void cm_tell(struct rnic_id *id, enum rdma_cm_event_type type, int status,
	     const struct rdma_conn_param *param)
{
	cm_tell_about(id, type, status, param, NULL);
}

/* One event; the id may be gone afterwards. */
static void tell_one(struct rnic_id *id)
{
	struct cm_event *e = id->events;

	id->events = e->next;
	if (id->events)
		to_tell(id);
	else
		id->events_last = &id->events;
	id->telling = true;
	id->cb->event(id, &e->event, id->user);
	id->telling = false;
	g_free(e);
	if (id->destroyed)
		g_free(id);
}

unsigned cm_tell_all(struct rnic_ctx *ctx)
{
	unsigned n = 0;

	for (; ctx->tell && n < 64; n++) {
		struct rnic_id *id = ctx->tell;

		ctx->tell = id->telling_next;
		if (!ctx->tell)
			ctx->tell_last = &ctx->tell;
		id->to_tell = false;
		tell_one(id);
	}
	return n;
}

/* --- timers
 * ---------------------------------------------------------------------------------------- */

void cm_set_timer(struct rnic_id *id, uint64_t ns)
{
	reactor_timer_set(id->ctx->reactor, &id->timer, id->ctx->reactor->now + ns);
}

void cm_stop_timer(struct rnic_id *id)
{
	reactor_timer_cancel(id->ctx->reactor, &id->timer);
}

static void given_up(struct rnic_id *id)
{
	if (id->state == CM_DREQ_SENT) {
		cm_disconnected(id);
		return;
	}
	if (id->qp)
		roce_qp_error(id->qp->qp);
	id->state = CM_OVER;
	id->has_mad = false; /* nobody is told again that it is accepted */
	cm_tell(id, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT, NULL);
}

static void timer_fired(struct timer *timer, struct reactor *reactor)
{
	struct rnic_id *id = (struct rnic_id *)((char *)timer - offsetof(struct rnic_id, timer));

	(void)reactor;
	switch (id->state) {
	case CM_REQ_SENT:
	case CM_REP_SENT:
	case CM_DREQ_SENT:
		if (id->retries == 0) {
			given_up(id);
			return;
		}
		id->retries--;
		id->more_time = false;
		cm_send(id);
		cm_set_timer(id, id->interval);
		return;
	case CM_TIMEWAIT:
		id->state = CM_OVER;
		id->has_mad = false;
		cm_tell(id, RDMA_CM_EVENT_TIMEWAIT_EXIT, 0, NULL);
		return;
	default:
		return;
	}
}

/* --- states
 * ------------------------------------------------------------------------------------------ */

bool cm_established(struct rnic_id *id)
{
	if (id->state != CM_REP_SENT)
		return false;
	cm_stop_timer(id);
	id->state = CM_ESTABLISHED;
	cm_tell(id, RDMA_CM_EVENT_ESTABLISHED, 0, NULL);
	return true;
}

void cm_disconnected(struct rnic_id *id)
{
	uint64_t wait = 2 * roce_cm_timeout_ns(ACK_TIMEOUT);

	if (id->state == CM_TIMEWAIT || id->state == CM_OVER)
		return;
	if (id->qp)
		roce_qp_error(id->qp->qp);
	id->state = CM_TIMEWAIT;
	cm_set_timer(id, MIN(wait, MAX_TIMEWAIT_NS));
	cm_tell(id, RDMA_CM_EVENT_DISCONNECTED, 0, NULL);
}

int cm_qp_connect(struct rnic_id *id, uint32_t dest_qpn, uint32_t peer_psn, uint8_t responder,
		  uint8_t initiator, uint8_t rnr_retry)
{
	struct roce_qp *qp = id->qp->qp;
	struct roce_rtr rtr = {
		.local = id->local,
		.remote = id->remote,
		.dest_qpn = dest_qpn,
		.rq_psn = roce_qp_first_psn(qp),
		.tos = id->req.primary.traffic_class, /* as who made the connection asked for */
		.mtu = roce_cm_mtu_bytes(id->req.mtu),
		.max_dest_rd_atomic = responder,
		.min_rnr_timer = RNR_TIMER,
		.flow_control = id->flow_control,
	};
	struct roce_rts rts = {
		.sq_psn = peer_psn,
		.timeout = id->req.primary.ack_timeout,
		.retry_count = id->req.retry_count,
		.rnr_retry = rnr_retry,
		.max_rd_atomic = initiator,
	};
	int rc;

	/* Equal for the connection, different between connections: switches spread by it. */
	rtr.local.port = id->ctx->soft->io->source_port;
	if (rtr.local.port == 0)
		rtr.local.port = (uint16_t)(0xc000 | (roce_qp_num(qp) & 0x3fff));
	rtr.remote.port = ROCE_UDP_PORT;
	rc = roce_qp_rtr(qp, &rtr);
	return rc < 0 ? rc : roce_qp_rts(qp, &rts);
}

unsigned cm_mtu(const struct soft *soft, const struct net_addr *local,
		const struct net_addr *remote)
{
	const struct roce_io_ops *ops = soft->io->ops;
	unsigned mtu = ops->mtu ? ops->mtu(soft->io, local, remote) : 0;

	return mtu > 0 ? mtu : roce_device_mtu(soft->dev);
}

/* --- what users ask for
 * ---------------------------------------------------------------------------------- */

static bool is_ours(const struct soft *soft, const struct net_addr *addr)
{
	struct net_addr addrs[16];
	unsigned n = roce_device_addrs(soft->dev, addrs, G_N_ELEMENTS(addrs));
	bool ours = false;

	for (unsigned i = 0; i < n; i++)
		ours |= net_addr_same_host(&addrs[i], addr);
	return ours;
}

/* A wildcard and an address of its family are in each other's way, as with sockets. */
static bool in_use(const struct soft *soft, const struct net_addr *addr, uint16_t port)
{
	for (guint i = 0; i < soft->listeners->len; i++) {
		const struct net_addr *other =
			&((const struct rnic_id *)soft->listeners->pdata[i])->local;

		if (other->port == port && other->family == addr->family &&
		    (net_addr_same_host(other, addr) || net_addr_is_any(other) ||
		     net_addr_is_any(addr)))
			return true;
	}
	return false;
}

/* 0: none is free. */
static uint16_t free_port(const struct soft *soft, const struct net_addr *addr, uint32_t first)
{
	for (unsigned i = 0; i < 16384; i++) {
		uint16_t port = (uint16_t)(49152 + (first + i) % 16384);

		if (!in_use(soft, addr, port))
			return port;
	}
	return 0;
}

int cm_listen(struct rnic_ctx *ctx, const struct net_addr *addr, int backlog,
	      const struct rnic_id_cb *cb, void *user, struct rnic_id **out)
{
	struct soft *soft = ctx->soft;
	uint16_t port = addr->port;
	struct rnic_id *id;

	if (ctx->index != 0)
		return -EINVAL;
	if (addr->family == NET_UNIX)
		return -EAFNOSUPPORT;
	if (soft->gone)
		return -ENODEV;
	if (!net_addr_is_any(addr) && !is_ours(soft, addr)) {
		if (soft->io->ops->look)
			soft->io->ops->look(soft->io);
		if (!is_ours(soft, addr))
			return -EADDRNOTAVAIL;
	}
	if (port == 0)
		port = free_port(soft, addr, ctx->next_id / CM_ID_STEP);
	if (port == 0 || in_use(soft, addr, port))
		return -EADDRINUSE;
	id = cm_id_new(ctx, cb, user);
	id->state = CM_LISTEN;
	id->local = *addr;
	id->local.port = port;
	id->backlog = backlog > 0 ? backlog : 128;
	g_ptr_array_add(soft->listeners, id);
	*out = id;
	return 0;
}

int cm_resolve(struct rnic_ctx *ctx, const struct net_addr *dst, const struct net_addr *src,
	       unsigned timeout_ms, const struct rnic_id_cb *cb, void *user, struct rnic_id **out)
{
	struct soft *soft = ctx->soft;
	struct net_addr local = { .family = dst->family };
	struct rnic_id *id;
	int rc;

	(void)timeout_ms; /* a routing table answers at once */
	if (dst->family == NET_UNIX || (src && src->family != dst->family))
		return -EAFNOSUPPORT;
	if (soft->gone)
		return -ENODEV;
	if (src && !net_addr_is_any(src) && !is_ours(soft, src))
		return -EADDRNOTAVAIL;
	if (src && net_addr_is_any(src))
		src = NULL;
	rc = src ? 0 : soft->io->ops->route(soft->io, dst, &local);
	id = cm_id_new(ctx, cb, user);
	id->active = true;
	id->state = CM_RESOLVED;
	id->remote = *dst;
	id->local = src ? *src : local;
	id->local.port = (uint16_t)(49152 + (id->local_id / CM_ID_STEP) % 16384);
	if (rc < 0)
		id->state = CM_OVER;
	cm_tell(id, rc < 0 ? RDMA_CM_EVENT_ADDR_ERROR : RDMA_CM_EVENT_ROUTE_RESOLVED, rc, NULL);
	*out = id;
	return 0;
}

int cm_connect(struct rnic_id *id, const struct rdma_conn_param *param)
{
	if (id->state != CM_RESOLVED || !id->qp || param->private_data_len > RNIC_CM_REQ_PRIVATE)
		return -EINVAL;
	id->state = CM_REQ_SENT;
	cm_send_req(id, param);
	return 0;
}

int cm_accept(struct rnic_id *id, const struct rdma_conn_param *param)
{
	uint8_t responder, initiator;
	int rc;

	if (id->state != CM_REQ_RECEIVED || !id->qp ||
	    param->private_data_len > RNIC_CM_REP_PRIVATE)
		return -EINVAL;
	responder = MIN(param->responder_resources, id->req.initiator_depth);
	initiator = MIN(param->initiator_depth, id->req.responder_resources);
	id->flow_control = id->req.flow_control && param->flow_control;
	rc = cm_qp_connect(id, id->req.qpn, id->req.psn, responder, initiator,
			   id->req.rnr_retry_count);
	if (rc < 0)
		return rc;
	answered(id);
	id->state = CM_REP_SENT;
	cm_send_rep(id, param, responder, initiator);
	return 0;
}

int cm_reject(struct rnic_id *id, const void *private_data, uint8_t len)
{
	if (id->state != CM_REQ_RECEIVED || len > RNIC_CM_REJ_PRIVATE)
		return -EINVAL;
	answered(id);
	id->state = CM_OVER;
	cm_send_rej(id, ROCE_REJ_CONSUMER, private_data, len);
	return 0;
}

void cm_disconnect(struct rnic_id *id)
{
	if (id->qp)
		roce_qp_error(id->qp->qp);
	if (id->state != CM_ESTABLISHED && id->state != CM_REP_SENT)
		return;
	id->state = CM_DREQ_SENT;
	cm_send_ids(id, ROCE_CM_DREQ);
}

void cm_destroy(struct rnic_id *id)
{
	if (id->state == CM_ESTABLISHED || id->state == CM_REP_SENT || id->state == CM_DREQ_SENT)
		cm_send_ids(id, ROCE_CM_DREQ);
	else if (id->state == CM_REQ_RECEIVED)
		cm_send_rej(id, ROCE_REJ_CONSUMER, NULL, 0);
	cm_id_free(id);
}
