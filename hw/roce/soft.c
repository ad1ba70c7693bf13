/* SPDX-License-Identifier: BSD-3-Clause */
/* The software RNIC as hw/rnic.h sees it: the device, who watches it, its contexts. */
#include "hw/roce/soft.h"

#include <errno.h>
#include <string.h>

#include "hw/roce/cm.h"

#define BUDGET 256 /* packets in a pass, each way */

/* --- contexts ---------------------------------------------------------------------------- */

static struct rnic_ctx *ctx_of(struct engine *e)
{
	return (struct rnic_ctx *)((char *)e - offsetof(struct rnic_ctx, engine));
}

/* The engine's timers fire in a pass: one of the reactor's sees to it that there is one. */
static void set_timer(struct rnic_ctx *ctx)
{
	uint64_t deadline = roce_shard_deadline(ctx->shard);

	if (deadline == HW_NEVER)
		reactor_timer_cancel(ctx->reactor, &ctx->timer);
	else if (deadline > ctx->reactor->now && ctx->timer.deadline != deadline)
		reactor_timer_set(ctx->reactor, &ctx->timer, deadline);
}

static void timer_fired(struct timer *timer, struct reactor *reactor)
{
	(void)timer; /* the next poll looks */
	(void)reactor;
}

static unsigned poll_ctx(struct engine *e, unsigned budget)
{
	struct rnic_ctx *ctx = ctx_of(e);
	struct roce_io *io = ctx->soft->io;
	unsigned n = io->ops->poll(io, ctx->index, MIN(budget, BUDGET));

	n += roce_shard_run(ctx->shard, ctx->reactor->now, BUDGET);
	n += cm_tell_all(ctx);
	set_timer(ctx);
	return n;
}

static bool arm_ctx(struct engine *e)
{
	struct rnic_ctx *ctx = ctx_of(e);
	struct roce_io *io = ctx->soft->io;

	return !ctx->tell && roce_shard_deadline(ctx->shard) > ctx->reactor->now &&
	       io->ops->arm(io, ctx->index);
}

static void disarm_ctx(struct engine *e)
{
	struct rnic_ctx *ctx = ctx_of(e);

	ctx->soft->io->ops->disarm(ctx->soft->io, ctx->index);
}

static const struct engine_ops ctx_engine = {
	.name = "rnic", .poll = poll_ctx, .arm = arm_ctx, .disarm = disarm_ctx
};

int soft_ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out)
{
	struct soft *soft = (struct soft *)rnic;
	struct roce_io *io = soft->io;
	struct rnic_ctx *ctx;
	int rc;

	if (reactor->index >= roce_device_params(soft->dev)->nshards || soft->ctxs[reactor->index])
		return -EINVAL;
	ctx = g_new0(struct rnic_ctx, 1);
	ctx->soft = soft;
	ctx->reactor = reactor;
	ctx->index = reactor->index;
	ctx->shard = roce_device_shard(soft->dev, ctx->index);
	ctx->ids = g_hash_table_new(NULL, NULL);
	ctx->tell_last = &ctx->tell;
	ctx->next_id = soft->next_ids[ctx->index];
	timer_init(&ctx->timer, timer_fired);
	rc = io->ops->open(io, ctx->index, reactor, ctx->shard);
	if (rc < 0) {
		g_hash_table_unref(ctx->ids);
		g_free(ctx);
		return rc;
	}
	ctx->engine.ops = &ctx_engine;
	ctx->engine.fd = io->ops->fd(io, ctx->index);
	reactor_add_engine(reactor, &ctx->engine);
	soft->ctxs[ctx->index] = ctx;
	atomic_store(&soft->reactors[ctx->index], reactor);
	*out = ctx;
	return 0;
}

void soft_ctx_close(struct rnic_ctx *ctx)
{
	struct soft *soft = ctx->soft;

	g_assert(!ctx->all);
	/* What was said last, to leave. */
	roce_shard_run(ctx->shard, ctx->reactor->now, BUDGET);
	reactor_timer_cancel(ctx->reactor, &ctx->timer);
	if (ctx->index == 0)
		reactor_cancel_task(ctx->reactor, &soft->gid_task);
	reactor_remove_engine(ctx->reactor, &ctx->engine);
	soft->io->ops->close(soft->io, ctx->index);
	soft->ctxs[ctx->index] = NULL;
	atomic_store(&soft->reactors[ctx->index], NULL);
	soft->next_ids[ctx->index] = ctx->next_id;
	g_hash_table_unref(ctx->ids);
	g_free(ctx);
}

/* --- watchers --------------------------------------------------------------------------------- */

/* There is one device; a watcher's next is what tells new ones: they are in front. */
struct watch {
	struct task task;
	struct soft *soft;
	struct rnic_watcher *w;
};

static void tell_added(struct task *task)
{
	struct watch *watch = (struct watch *)task;
	struct rnic_watcher *w = watch->soft->watchers;

	while (w && w != watch->w)
		w = w->next;
	if (w && !watch->soft->gone)
		w->added(w, (struct rnic_device *)watch->soft);
	g_free(watch);
}

static void tell_soon(struct soft *soft, struct reactor *r, struct rnic_watcher *w)
{
	struct watch *watching = g_new0(struct watch, 1);

	watching->task.fn = tell_added;
	watching->soft = soft;
	watching->w = w;
	reactor_run_soon(r, &watching->task);
}

void soft_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	struct soft *soft = (struct soft *)rnic;

	w->next = soft->watchers;
	soft->watchers = w;
	tell_soon(soft, ctx->reactor, w);
}

void soft_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	struct soft *soft = (struct soft *)rnic;
	struct rnic_watcher **at = &soft->watchers;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

static void tell_watchers(struct soft *soft, enum ibv_event_type type, unsigned port)
{
	for (struct rnic_watcher *w = soft->watchers, *next; w; w = next) {
		next = w->next;
		w->event(w, (struct rnic_device *)soft, type, port);
	}
}

/* --- what happens to the device --------------------------------------------------------------- */

void roce_soft_port(struct hw_rnic *rnic, bool active)
{
	struct soft *soft = (struct soft *)rnic;

	soft->link = active;
	if (soft->gone)
		return;
	roce_device_set_port(soft->dev, active);
	tell_watchers(soft, active ? IBV_EVENT_PORT_ACTIVE : IBV_EVENT_PORT_ERR, 1);
}

static void tell_ids(struct rnic_ctx *ctx, uint32_t local_id)
{
	(void)local_id;
	for (struct rnic_id *id = ctx->all; id; id = id->next) {
		if (id->qp)
			roce_qp_error(id->qp->qp);
		cm_tell(id, RDMA_CM_EVENT_DEVICE_REMOVAL, 0, NULL);
	}
}

void roce_soft_address(struct hw_rnic *rnic, const struct net_addr *addr, bool there)
{
	struct soft *soft = (struct soft *)rnic;
	int rc = there ? roce_device_add_addr(soft->dev, addr)
		       : roce_device_remove_addr(soft->dev, addr);

	if (rc == 0 && soft->ctxs[0])
		reactor_run_soon(soft->ctxs[0]->reactor, &soft->gid_task);
}

static void tell_changed(struct rnic_ctx *ctx, uint32_t local_id)
{
	(void)local_id;
	for (struct rnic_id *id = ctx->all; id; id = id->next) {
		if (!net_addr_is_any(&id->local))
			cm_tell(id, RDMA_CM_EVENT_ADDR_CHANGE, 0, NULL);
	}
}

void roce_soft_failover(struct hw_rnic *rnic)
{
	struct soft *soft = (struct soft *)rnic;

	if (soft->gone)
		return;
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		cm_post(soft, i, 0, tell_changed);
}

static void tell_gids(struct task *task)
{
	struct soft *soft = (struct soft *)((char *)task - offsetof(struct soft, gid_task));

	if (!soft->gone)
		tell_watchers(soft, IBV_EVENT_GID_CHANGE, 1);
}

static void leave(struct soft *soft)
{
	soft->gone = true;
	roce_device_set_port(soft->dev, false);
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		cm_post(soft, i, 0, tell_ids);
	for (struct rnic_watcher *w = soft->watchers; w; w = w->next)
		soft->leavers++;
	for (struct rnic_watcher *w = soft->watchers, *next; w; w = next) {
		next = w->next;
		w->removing(w, (struct rnic_device *)soft);
	}
}

void roce_soft_remove(struct hw_rnic *rnic)
{
	struct soft *soft = (struct soft *)rnic;

	if (!soft->gone)
		leave(soft);
}

void roce_soft_tear(struct hw_rnic *rnic)
{
	struct soft *soft = (struct soft *)rnic;

	if (soft->gone)
		return;
	tell_watchers(soft, IBV_EVENT_DEVICE_FATAL, 0);
	roce_device_set_torn(soft->dev, true);
	leave(soft);
}

static void come_back(struct soft *soft)
{
	if (!soft->returning || soft->leavers > 0)
		return;
	soft->returning = soft->gone = false;
	roce_device_set_torn(soft->dev, false);
	roce_device_set_port(soft->dev, soft->link);
	/* Later: who lets go of it just now is not through with that. */
	for (struct rnic_watcher *w = soft->watchers; w; w = w->next)
		tell_soon(soft, soft->ctxs[0]->reactor, w);
}

void roce_soft_return(struct hw_rnic *rnic)
{
	struct soft *soft = (struct soft *)rnic;

	soft->returning = soft->gone;
	come_back(soft);
}

void soft_device_info(struct rnic_device *dev, struct rnic_info *info)
{
	const struct roce_params *params = roce_device_params(((struct soft *)dev)->dev);

	*info = (struct rnic_info){
		.kind = params->kind,
		.transport = params->transport,
		.attr = params->attr,
		.max_inline = params->max_inline,
		.send_with_inv = !params->no_send_inv,
		.numa_node = (int)params->numa - 1,
	};
	g_strlcpy(info->name, params->name, sizeof(info->name));
}

bool soft_device_port(struct rnic_device *dev, unsigned port, struct rnic_port *out)
{
	const struct soft *soft = (struct soft *)dev;
	enum ibv_mtu mtu = (enum ibv_mtu)roce_cm_mtu_code(roce_device_mtu(soft->dev));

	if (port != 1)
		return false;
	*out = (struct rnic_port){
		.attr = { .state = soft->gone || !roce_device_port_active(soft->dev)
					   ? IBV_PORT_DOWN
					   : IBV_PORT_ACTIVE,
			  .max_mtu = mtu,
			  .active_mtu = mtu,
			  .gid_tbl_len = 16,
			  .max_msg_sz = UINT32_C(0x80000000),
			  .pkey_tbl_len = 1,
			  .link_layer = IBV_LINK_LAYER_ETHERNET },
	};
	out->naddrs = roce_device_addrs(soft->dev, out->addrs, G_N_ELEMENTS(out->addrs));
	return true;
}

void soft_device_done(struct rnic_device *dev)
{
	struct soft *soft = (struct soft *)dev;

	soft->leavers--;
	come_back(soft);
}

/* --- made
 * -------------------------------------------------------------------------------------------- */

struct hw_rnic *roce_soft_new(const struct roce_params *params, struct roce_io *io, GError **error)
{
	struct roce_device *dev = roce_device_new(params, &io->binding, error);
	struct soft *soft;

	if (!dev)
		return NULL;
	soft = g_new0(struct soft, 1);
	soft->rnic.ops = &soft_ops;
	soft->io = io;
	soft->dev = dev;
	soft->link = true;
	soft->gid_task.fn = tell_gids;
	soft->next_id = (uint32_t)params->seed & ~(CM_ID_STEP - 1);
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		soft->next_ids[i] = (uint32_t)(params->seed >> 32) & ~(CM_ID_STEP - 1);
	cm_peers_init(&soft->peers);
	soft->listeners = g_ptr_array_new();
	roce_gsi_listen(dev, cm_received, soft);
	return &soft->rnic;
}

void roce_soft_free(struct hw_rnic *rnic)
{
	struct soft *soft = (struct soft *)rnic;

	if (!soft)
		return;
	roce_device_free(soft->dev);
	cm_peers_clear(&soft->peers);
	g_ptr_array_unref(soft->listeners);
	g_free(soft);
}

struct roce_device *roce_soft_device(struct hw_rnic *rnic)
{
	return ((struct soft *)rnic)->dev;
}

struct roce_io *roce_soft_io(struct hw_rnic *rnic)
{
	return ((struct soft *)rnic)->io;
}
