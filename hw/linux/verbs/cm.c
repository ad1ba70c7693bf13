/* SPDX-License-Identifier: BSD-3-Clause */
/* Ids: what users ask of them. What they are told is in cm-event.c. */
#include <errno.h>
#include <string.h>

#include "hw/linux/net-internal.h"
#include "hw/linux/verbs/internal.h"

/* --- life -------------------------------------------------------------------------------- */

static void join(struct rnic_ctx *ctx, struct rnic_id *id)
{
	id->next = ctx->ids;
	id->prev = &ctx->ids;
	if (id->next)
		id->next->prev = &id->next;
	ctx->ids = id;
	id->joined = true;
}

static void leave(struct rnic_id *id)
{
	id->joined = false;
	*id->prev = id->next;
	if (id->next)
		id->next->prev = id->prev;
}

struct rnic_id *verbs_id_new(struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user,
			     enum verbs_id_state state)
{
	struct rnic_id *id = g_new0(struct rnic_id, 1);

	id->ctx = ctx;
	id->cb = cb;
	id->user = user;
	id->state = state;
	join(ctx, id);
	return id;
}

/* Its events have been acknowledged, all that were read: it does not wait for us. */
void verbs_id_destroy(struct rnic_id *id)
{
	verbs_id_forget(id);
	rdma_destroy_id(id->cm);
	if (!id->joined) {
		id->dead = true;
		return;
	}
	leave(id);
	g_free(id);
}

/* The id of an address. */
static int make(struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user,
		enum verbs_id_state state, struct rnic_id **out)
{
	struct rnic_id *id = verbs_id_new(ctx, cb, user, state);

	if (rdma_create_id(ctx->cm, &id->cm, id, RDMA_PS_TCP) == 0) {
		*out = id;
		return 0;
	}
	leave(id);
	g_free(id);
	return verbs_errno();
}

/* --- listening, resolving ----------------------------------------------------------------- */

static int bind_to(struct rnic_id *id, const struct net_addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int rc = sockaddr_from_net(addr, &ss, &len), on = 1;

	if (rc < 0)
		return rc;
	/* As with sockets: all addresses of IPv6 are those of IPv6. */
	rdma_set_option(id->cm, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, &on, sizeof(on));
	if (rdma_bind_addr(id->cm, (struct sockaddr *)&ss) != 0)
		return verbs_errno();
	/* Another's, if we are to have one device only. */
	if (id->cm->verbs && !verbs_device_of(id->ctx->verbs, id->cm->verbs))
		return -ENODEV;
	return 0;
}

/*
 * The kernel says of a port that a wildcard has, or that a wildcard asks for, that the address
 * is not there, as it does of one that is not.
 */
static int port_or_address(struct rnic_ctx *ctx, const struct net_addr *addr)
{
	struct net_addr any_port = *addr;
	struct rnic_id *id;
	int rc = make(ctx, NULL, NULL, VERBS_LISTEN, &id);

	if (rc < 0)
		return rc;
	any_port.port = 0;
	rc = bind_to(id, &any_port);
	verbs_id_destroy(id);
	return rc < 0 ? rc : -EADDRINUSE;
}

static bool all_gone(struct verbs *verbs)
{
	bool any = false;

	pthread_mutex_lock(&verbs->lock);
	for (const struct rnic_device *dev = verbs->devices; dev; dev = dev->next)
		any |= !atomic_load(&dev->gone);
	pthread_mutex_unlock(&verbs->lock);
	return !any;
}

int verbs_id_listen(struct rnic_ctx *ctx, const struct net_addr *addr, int backlog,
		    const struct rnic_id_cb *cb, void *user, struct rnic_id **out)
{
	struct rnic_id *id;
	int rc;

	if (addr->family == NET_UNIX)
		return -EAFNOSUPPORT;
	if (all_gone(ctx->verbs))
		return -ENODEV;
	rc = make(ctx, cb, user, VERBS_LISTEN, &id);
	if (rc < 0)
		return rc;
	rc = bind_to(id, addr);
	if (rc == 0 && rdma_listen(id->cm, backlog > 0 ? backlog : 128) != 0)
		rc = verbs_errno();
	if (rc < 0) {
		verbs_id_destroy(id);
		return rc == -EADDRNOTAVAIL ? port_or_address(ctx, addr) : rc;
	}
	*out = id;
	return 0;
}

int verbs_id_resolve(struct rnic_ctx *ctx, const struct net_addr *dst, const struct net_addr *src,
		     unsigned timeout_ms, const struct rnic_id_cb *cb, void *user,
		     struct rnic_id **out)
{
	struct sockaddr_storage ss;
	struct rnic_id *id;
	socklen_t len;
	int rc;

	if (dst->family == NET_UNIX || (src && src->family != dst->family))
		return -EAFNOSUPPORT;
	if (all_gone(ctx->verbs))
		return -ENODEV;
	rc = make(ctx, cb, user, VERBS_RESOLVING, &id);
	if (rc < 0)
		return rc;
	id->timeout_ms = timeout_ms;
	if (ctx->verbs->ack_timeout > 0)
		rdma_set_option(id->cm, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT,
				&ctx->verbs->ack_timeout, sizeof(ctx->verbs->ack_timeout));
	if (src && !net_addr_is_any(src))
		rc = bind_to(id, src);
	if (rc == 0)
		rc = sockaddr_from_net(dst, &ss, &len);
	if (rc < 0) {
		verbs_id_destroy(id);
		return rc;
	}
	/* What the kernel knows at once is told as what it learns. */
	if (rdma_resolve_addr(id->cm, NULL, (struct sockaddr *)&ss, (int)timeout_ms) != 0)
		verbs_id_tell_later(id, RDMA_CM_EVENT_ADDR_ERROR, verbs_errno());
	*out = id;
	return 0;
}

/* --- moving -------------------------------------------------------------------------------- */

/* One that was on its way when the others were told has not heard. */
static void check_device(struct rnic_id *id)
{
	const struct rnic_device *dev = verbs_id_device(id);

	if (id->cm->verbs && !id->removed && (!dev || atomic_load(&dev->gone)))
		verbs_id_tell_later(id, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
}

static void to_net(const struct sockaddr *sa, struct net_addr *addr)
{
	struct sockaddr_storage ss = { 0 };

	memcpy(&ss, sa,
	       sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					 : sizeof(struct sockaddr_in));
	sockaddr_to_net(&ss, sizeof(ss), addr);
}

static void arrive(struct rnic_ctx *ctx, void *id, gint64 unused)
{
	struct rnic_id *moved = id;

	(void)unused;
	if (moved->dead) {
		g_free(moved);
		return;
	}
	join(ctx, moved);
	if (moved->tell_there)
		verbs_id_tell_later(moved, moved->tell_type, moved->tell_status);
	moved->tell_there = false;
	check_device(moved);
}

/*
 * Its events come by the other channel from now on. They may be told before it has
 * arrived in the other's list: that is for what the kernel does not tell.
 */
void verbs_id_move(struct rnic_id *id, struct rnic_ctx *ctx, const struct rnic_id_cb *cb,
		   void *user)
{
	id->cb = cb;
	id->user = user;
	if (ctx == id->ctx)
		return;
	leave(id);
	id->tell_there = id->to_tell;
	verbs_id_forget(id);
	id->ctx = ctx;
	verbs_post(ctx->verbs, ctx->index, arrive, id, 0);
	if (rdma_migrate_id(id->cm, ctx->cm) != 0)
		log_warn(ctx->verbs->log, "rnic",
			 "events of a connection stay with the main reactor", "error=\"%s\"",
			 g_strerror(errno));
}

/* --- what it is ----------------------------------------------------------------------------- */

struct rnic_device *verbs_id_device(const struct rnic_id *id)
{
	return id->cm->verbs ? verbs_device_of(id->ctx->verbs, id->cm->verbs) : NULL;
}

void verbs_id_local(const struct rnic_id *id, struct net_addr *addr)
{
	to_net(rdma_get_local_addr(id->cm), addr);
}

void verbs_id_remote(const struct rnic_id *id, struct net_addr *addr)
{
	to_net(rdma_get_peer_addr(id->cm), addr);
}

/* --- connecting ------------------------------------------------------------------------------ */

static uint8_t at_most(unsigned n, int limit)
{
	return (uint8_t)MIN(n, (unsigned)CLAMP(limit, 0, 255));
}

/* The READs of both ways, as the device can. */
static struct rdma_conn_param limited(const struct rnic_id *id, const struct rdma_conn_param *param)
{
	const struct rnic_device *dev = verbs_id_device(id);
	struct rdma_conn_param p = *param;

	if (dev) {
		p.responder_resources =
			at_most(p.responder_resources, dev->info.attr.max_qp_rd_atom);
		p.initiator_depth = at_most(p.initiator_depth, dev->info.attr.max_qp_init_rd_atom);
	}
	p.retry_count &= 7;
	p.rnr_retry_count &= 7;
	p.flow_control = 1;
	return p;
}

int verbs_connect(struct rnic_id *id, const struct rdma_conn_param *param)
{
	struct rdma_conn_param p;

	if (id->state != VERBS_RESOLVED || !id->qp || param->private_data_len > RNIC_CM_REQ_PRIVATE)
		return -EINVAL;
	p = limited(id, param);
	if (rdma_connect(id->cm, &p) != 0)
		return verbs_errno();
	id->state = VERBS_ASKED;
	return 0;
}

int verbs_accept(struct rnic_id *id, const struct rdma_conn_param *param)
{
	struct rdma_conn_param p;

	if (id->state != VERBS_REQUEST || !id->qp || param->private_data_len > RNIC_CM_REP_PRIVATE)
		return -EINVAL;
	p = limited(id, param);
	p.responder_resources = MIN(p.responder_resources, id->may_answer);
	p.initiator_depth = MIN(p.initiator_depth, id->may_ask);
	if (rdma_accept(id->cm, &p) != 0)
		return verbs_errno();
	id->state = VERBS_ACCEPTED;
	return 0;
}

int verbs_reject(struct rnic_id *id, const void *private_data, uint8_t len)
{
	if (id->state != VERBS_REQUEST || len > RNIC_CM_REJ_PRIVATE)
		return -EINVAL;
	id->state = VERBS_OVER;
	return rdma_reject(id->cm, private_data, len) == 0 ? 0 : verbs_errno();
}

void verbs_disconnect(struct rnic_id *id)
{
	if (id->qp)
		verbs_qp_error(id->qp);
	/* Before the RTU the kernel sends no DREQ: it is asked to take the connection for made. */
	if (id->state == VERBS_ACCEPTED)
		rdma_notify(id->cm, IBV_EVENT_COMM_EST);
	if (id->state == VERBS_ESTABLISHED || id->state == VERBS_ACCEPTED)
		rdma_disconnect(id->cm);
}
