/* SPDX-License-Identifier: BSD-3-Clause */
/* NVMe/RDMA: the transport as a whole. See rdma.h. */
#include "target/nvmf/rdma.h"

#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/tgt.h"

/* An address that has gone is asked for again so often. */
#define RETRY_NS (1 * UINT64_C(1000000000))

struct rdma_listener {
	struct rdma_listener *next;
	struct rdma_transport *rt;
	struct nvmf_port *port;
	struct rnic_id *id; /* NULL: nobody has the address now */
	struct timer retry;
};

/* --- listeners: main reactor --------------------------------------------------------------- */

static const struct rnic_id_cb listener_cb;

static int start(struct rdma_listener *l)
{
	struct reactor *r = core_main(l->rt->t.tgt->core);

	return l->rt->rnic->ops->id_listen(r->rnic, &l->port->trid.addr,
					   l->rt->t.options.acceptor_backlog, &listener_cb, l,
					   &l->id);
}

static void try_again(struct rdma_listener *l)
{
	struct reactor *r = core_main(l->rt->t.tgt->core);
	char text[NET_ADDR_STRLEN];

	if (l->id != NULL)
		return;
	if (start(l) < 0) {
		l->id = NULL;
		reactor_timer_set(r, &l->retry, r->now + RETRY_NS);
		return;
	}
	reactor_timer_cancel(r, &l->retry);
	hw_mark(r->hw, "rdma.listening_again");
	log_notice(r->core->log, "nvmf.rdma", "listening again", "address=%s",
		   net_addr_format(&l->port->trid.addr, text));
}

static void retry_timer(struct timer *t, struct reactor *r)
{
	(void)r;
	try_again((struct rdma_listener *)((char *)t - offsetof(struct rdma_listener, retry)));
}

void rdma_listeners_retry(struct rdma_transport *rt)
{
	for (struct rdma_listener *l = rt->listeners; l != NULL; l = l->next)
		try_again(l);
}

static void lost(struct rdma_listener *l, const char *why, uint64_t after)
{
	struct reactor *r = core_main(l->rt->t.tgt->core);
	char text[NET_ADDR_STRLEN];

	log_warn(r->core->log, "nvmf.rdma", "listener lost, tried again until it is back",
		 "address=%s reason=\"%s\"", net_addr_format(&l->port->trid.addr, text), why);
	l->rt->rnic->ops->id_destroy(l->id);
	l->id = NULL;
	reactor_timer_set(r, &l->retry, r->now + after);
}

static void listener_event(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct rdma_listener *l = user;

	(void)id;
	switch (event->type) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		rdma_connect_request(l->port, event);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		/* Of its interface, a bond that failed over: what it listens on is still there. */
		lost(l, "address changed", 0);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		lost(l, "device removed", RETRY_NS);
		break;
	default:
		break;
	}
}

static const struct rnic_id_cb listener_cb = { .event = listener_event };

static bool listen_error(const struct nvmf_port *port, int rc, GError **error)
{
	char text[NET_ADDR_STRLEN];

	net_addr_format(&port->trid.addr, text);
	if (rc == -EADDRINUSE)
		return weft_error_set(
			error, RPC_INVALID_PARAMS, NULL,
			"cannot listen on %s: the address is in use by another program "
			"(rdma resource show cm_id shows which)",
			text);
	if (rc == -EADDRNOTAVAIL || rc == -ENODEV)
		return weft_error_set(
			error, RPC_INVALID_PARAMS, NULL,
			"cannot listen on %s: no RDMA device has this address (rdma link "
			"and ip addr show those that are there)",
			text);
	return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "cannot listen on %s: %s", text,
			      g_strerror(-rc));
}

static bool port_listen(struct nvmf_port *port, GError **error)
{
	struct rdma_transport *rt = rdma_transport_of(port->transport);
	struct rdma_listener *l = g_new0(struct rdma_listener, 1);
	int rc;

	l->rt = rt;
	l->port = port;
	timer_init(&l->retry, retry_timer);
	rc = start(l);
	if (rc < 0) {
		g_free(l);
		return listen_error(port, rc, error);
	}
	rt->rnic->ops->id_local(l->id, &port->trid.addr);
	g_snprintf(port->trid.trsvcid, sizeof(port->trid.trsvcid), "%u", port->trid.addr.port);
	l->next = rt->listeners;
	rt->listeners = l;
	port->listener = l;
	return true;
}

static void port_unlisten(struct nvmf_port *port)
{
	struct rdma_transport *rt = rdma_transport_of(port->transport);
	struct rdma_listener *l = port->listener, **p = &rt->listeners;

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	if (l->id != NULL)
		rt->rnic->ops->id_destroy(l->id);
	reactor_timer_cancel(core_main(rt->t.tgt->core), &l->retry);
	g_free(l);
}

/* --- made ------------------------------------------------------------------------------------
 */

struct opened {
	struct rdma_transport *rt;
	struct reactor *reactor;
	struct rnic_ctx *ctx;
	int rc;
};

static void finish_stop(struct rdma_transport *rt);

static void ctx_opened(struct reactor *r, void *arg)
{
	struct opened *o = arg;
	struct rdma_transport *rt = o->rt;

	if (o->rc == 0)
		rt->ctxs[o->reactor->index] = o->ctx;
	else
		log_warn(r->core->log, "nvmf.rdma", "this reactor serves no RDMA connections",
			 "reactor=%u error=\"%s\"", o->reactor->index, g_strerror(-o->rc));
	g_free(o);
	rt->opening--;
	if (rt->stopped == NULL)
		rdma_near_find_all(rt);
	else if (rt->opening == 0)
		finish_stop(rt);
}

static void open_ctx(struct reactor *r, void *arg)
{
	struct opened *o = arg;

	o->rc = reactor_rnic_get(r, &o->ctx);
	core_call(core_main(r->core), ctx_opened, o);
}

static struct nvmf_transport *rdma_create(struct nvmf_tgt *tgt,
					  struct nvmf_transport_options *options, GError **error)
{
	struct core *core = tgt->core;
	struct rdma_transport *rt;
	struct rnic_ctx *ctx;
	int rc = reactor_rnic_get(core_main(core), &ctx);

	if (rc == -EOPNOTSUPP) {
		weft_error_set(error, RPC_INVALID_PARAMS, NULL,
			       "there is no RDMA here: neither an RNIC nor a software one "
			       "(weftd --rnic says which is used)");
		return NULL;
	}
	if (rc < 0) {
		weft_error_set(error, RPC_INTERNAL_ERROR, NULL, "the RNIC cannot be opened: %s%s",
			       g_strerror(-rc),
			       rc == -EADDRINUSE
				       ? "; software RoCE needs UDP port 4791 for itself, which "
					 "the kernel's rdma_rxe (rdma link show) or another "
					 "program has"
				       : "; the log says more");
		return NULL;
	}
	if (options->data_wr_pool_size == 0)
		options->data_wr_pool_size = 4095;
	rt = g_new0(struct rdma_transport, 1);
	rt->rnic = core->hw->rnic;
	rt->ctxs[0] = ctx;
	rt->watcher = rdma_watcher;
	rt->t.tgt = tgt;
	for (unsigned i = 1; i < core->nreactors; i++) {
		struct opened *o = g_new0(struct opened, 1);

		o->rt = rt;
		o->reactor = core->reactors[i];
		rt->opening++;
		core_call(o->reactor, open_ctx, o);
	}
	rt->rnic->ops->watch(rt->rnic, ctx, &rt->watcher);
	return &rt->t;
}

/* --- the end: connections and listeners have gone ------------------------------------------------
 */

static void put_ctx(struct reactor *r, void *arg)
{
	if (((struct rdma_transport *)arg)->ctxs[r->index] != NULL)
		reactor_rnic_put(r);
}

static void all_put(void *arg)
{
	struct rdma_transport *rt = arg;

	rt->stopped(rt->stopped_arg);
}

void rdma_devices_gone(struct rdma_transport *rt)
{
	core_broadcast(rt->t.tgt->core, put_ctx, all_put, rt);
}

static void finish_stop(struct rdma_transport *rt)
{
	if (rt->devs == NULL)
		rdma_devices_gone(rt);
	for (struct rdma_dev *d = rt->devs; d != NULL; d = d->next)
		rdma_dev_leave(d, false);
}

static void rdma_stop(struct nvmf_transport *t, void (*done)(void *arg), void *arg)
{
	struct rdma_transport *rt = rdma_transport_of(t);

	rt->stopped = done;
	rt->stopped_arg = arg;
	rt->rnic->ops->unwatch(rt->rnic, &rt->watcher);
	rdma_devs_forget(rt);
	if (rt->opening == 0)
		finish_stop(rt);
}

/* --- statistics ------------------------------------------------------------------------------- */

G_STATIC_ASSERT(NVMF_RNIC_COUNTERS >= RNIC_COUNTERS);

static void get_counters(const struct rdma_transport *rt, struct nvmf_group_stats *out)
{
	for (const struct rdma_dev *d = rt->devs; d != NULL; d = d->next) {
		struct nvmf_rnic_stats *rnic = &out->rnics[out->nrnics];
		struct rnic_counter counters[RNIC_COUNTERS];

		if (out->nrnics == NVMF_STATS_DEVICES)
			break;
		out->nrnics++;
		g_strlcpy(rnic->name, d->info.name, sizeof(rnic->name));
		rnic->memory_regions = atomic_load(&d->mem.regions);
		rnic->registered_bytes = atomic_load(&d->mem.bytes);
		rnic->numa_node = d->info.numa_node;
		rnic->nnear = d->nnear;
		for (unsigned i = 0; i < d->nnear; i++)
			rnic->near[i] = (uint8_t)d->near[i]->index;
		rnic->ncounters = rt->rnic->ops->device_counters(d->dev, counters);
		for (unsigned i = 0; i < rnic->ncounters; i++) {
			rnic->counters[i].name = counters[i].name;
			rnic->counters[i].value = counters[i].value;
		}
	}
}

static unsigned rdma_get_memory(struct nvmf_transport *t, struct nvmf_rnic_memory *out, unsigned n)
{
	unsigned i = 0;

	for (const struct rdma_dev *d = rdma_transport_of(t)->devs; d && i < n; d = d->next, i++) {
		g_strlcpy(out[i].name, d->info.name, sizeof(out[i].name));
		out[i].regions = atomic_load(&d->mem.regions);
		out[i].bytes = atomic_load(&d->mem.bytes);
	}
	return i;
}

static void rdma_get_stats(struct nvmf_transport *t, struct reactor *r,
			   struct nvmf_group_stats *out)
{
	const struct rdma_poller *p = rdma_transport_of(t)->pollers[r->index];

	if (r->index == 0)
		get_counters(rdma_transport_of(t), out);
	for (; p != NULL && out->ndevices < NVMF_STATS_DEVICES; p = p->next) {
		struct nvmf_device_stats *d = &out->devices[out->ndevices++];

		*d = p->stats;
		g_strlcpy(d->name, p->dev->info.name, sizeof(d->name));
	}
}

/* --- what needs no connection's code
 * --------------------------------------------------------------
 */

static void rdma_qpair_detach(struct nvmf_qpair *q)
{
	(void)q; /* on its way to where it is accepted: there is nothing yet */
}

static bool rdma_qpair_attach(struct nvmf_qpair *q)
{
	(void)q;
	return true;
}

/* What the host said with the connect request binds it. */
static bool rdma_qpair_enable(struct nvmf_qpair *q)
{
	const struct rdma_conn *c = rdma_conn_of(q);

	if (q->qid == c->ask.qid)
		return true;
	log_warn(q->reactor->core->log, "nvmf.rdma",
		 "Connect asks for another queue than the connection was made for: ended",
		 "qid=%u accepted_qid=%u", q->qid, c->ask.qid);
	return false;
}

static struct nvmf_request *rdma_qpair_find(struct nvmf_qpair *q, uint16_t cid)
{
	struct rdma_conn *c = rdma_conn_of(q);

	for (unsigned i = 0; i < c->nreqs; i++) {
		if (c->reqs[i].state == RDMA_REQ_EXEC && c->reqs[i].req.cmd.cid == cid)
			return &c->reqs[i].req;
	}
	return NULL;
}

static void rdma_qpair_each(struct nvmf_qpair *q, void (*fn)(struct nvmf_request *req, void *arg),
			    void *arg)
{
	struct rdma_conn *c = rdma_conn_of(q);

	for (unsigned i = 0; i < c->nreqs; i++) {
		if (c->reqs[i].state == RDMA_REQ_EXEC)
			fn(&c->reqs[i].req, arg);
	}
}

static void rdma_qpair_peer(struct nvmf_qpair *q, struct net_addr *peer)
{
	*peer = rdma_conn_of(q)->remote;
}

static void rdma_qpair_local(struct nvmf_qpair *q, struct net_addr *local)
{
	*local = rdma_conn_of(q)->local;
}

const struct nvmf_transport_ops nvmf_rdma_ops = {
	.name = "RDMA",
	.trtype = NVME_TRTYPE_RDMA,
	.pinned = true,
	.create = rdma_create,
	.stop = rdma_stop,
	.stats = rdma_get_stats,
	.rnic_memory = rdma_get_memory,
	.listen = port_listen,
	.unlisten = port_unlisten,
	.complete = rdma_complete,
	.qpair_detach = rdma_qpair_detach,
	.qpair_attach = rdma_qpair_attach,
	.qpair_enable = rdma_qpair_enable,
	.qpair_kill = rdma_qpair_kill,
	.qpair_free = rdma_qpair_free,
	.qpair_find = rdma_qpair_find,
	.qpair_abort = rdma_abort,
	.qpair_each = rdma_qpair_each,
	.qpair_peer = rdma_qpair_peer,
	.qpair_local = rdma_qpair_local,
};
