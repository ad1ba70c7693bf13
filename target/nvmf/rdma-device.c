/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: devices, and what each reactor has of one (struct rdma_poller): CQs,
 * an SRQ, its connections.
 *
 * A device is left in three steps: every reactor ends its connections on it, gives
 * back its poller when the last has gone, tells the main reactor; which gives back
 * memory and protection domain when all have.
 */
#include <errno.h>
#include <string.h>

#include "target/nvmf/rdma.h"
#include "target/nvmf/tgt.h"

/*
 * A notification that got lost would stop all connections of a reactor until something else
 * happens there: so something does. See docs/architecture.md.
 */
#define LOOK_NS (1 * UINT64_C(1000000000))
/* Resources that did not suffice are asked for again so often. */
#define RETRY_NS (1 * UINT64_C(1000000000))

/* --- devices: main reactor ----------------------------------------------------------------- */

static struct rdma_transport *transport_of(struct rnic_watcher *w)
{
	return (struct rdma_transport *)((char *)w - offsetof(struct rdma_transport, watcher));
}

struct rdma_dev *rdma_dev_find(struct rdma_transport *rt, const struct rnic_device *dev)
{
	struct rdma_dev *d = rt->devs;

	while (d != NULL && d->dev != dev)
		d = d->next;
	return d;
}

static int dev_open(struct rdma_dev *d)
{
	const struct hw_rnic_ops *ops = rdma_ops(d);
	int access = IBV_ACCESS_LOCAL_WRITE;
	int rc = ops->pd_alloc(d->dev, &d->pd);

	if (rc < 0)
		return rc;
	if (d->info.transport == IBV_TRANSPORT_IWARP)
		access |= IBV_ACCESS_REMOTE_WRITE; /* a READ's answer is a write there */
	rc = rnic_mem_open(&d->mem, d->rt->t.tgt->core->hw, d->pd, access);
	if (rc < 0)
		ops->pd_dealloc(d->pd);
	return rc;
}

static void say_used(struct log *log, const struct rdma_dev *d)
{
	const struct rnic_info *i = &d->info;

	log_info(log, "nvmf.rdma", "device is used",
		 "device=%s transport=%s max_qp=%d max_qp_wr=%d max_cqe=%d max_sge=%d "
		 "max_reads=%d max_inline=%u send_with_inv=%d shared_receives=%d",
		 i->name, i->transport == IBV_TRANSPORT_IWARP ? "iWARP" : "RoCE", i->attr.max_qp,
		 i->attr.max_qp_wr, i->attr.max_cqe, i->attr.max_sge, i->attr.max_qp_init_rd_atom,
		 i->max_inline, i->send_with_inv, rdma_dev_waits(d) && i->attr.max_srq > 0);
}

static void append(struct rdma_dev **list, struct rdma_dev *d)
{
	while (*list != NULL)
		list = &(*list)->next;
	*list = d;
	d->next = NULL;
}

static void unlink_closed(struct rdma_dev *d)
{
	struct rdma_dev **at = &d->rt->closed;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
}

static void use(struct rdma_dev *d)
{
	append(&d->rt->devs, d);
	say_used(d->rt->t.tgt->core->log, d);
	rdma_near_find(d);
	rdma_listeners_retry(d->rt);
}

/* Memory may have become free, or ulimit -l higher. */
static void open_again(struct timer *t, struct reactor *r)
{
	struct rdma_dev *d = (struct rdma_dev *)((char *)t - offsetof(struct rdma_dev, retry));

	if (dev_open(d) < 0) {
		reactor_timer_set(r, &d->retry, r->now + RETRY_NS);
		return;
	}
	unlink_closed(d);
	use(d);
}

static struct rdma_dev *find_closed(const struct rdma_transport *rt, const struct rnic_device *dev)
{
	struct rdma_dev *d = rt->closed;

	while (d != NULL && d->dev != dev)
		d = d->next;
	return d;
}

void rdma_devs_forget(struct rdma_transport *rt)
{
	while (rt->closed != NULL) {
		struct rdma_dev *d = rt->closed;

		rt->closed = d->next;
		reactor_timer_cancel(core_main(rt->t.tgt->core), &d->retry);
		g_free(d);
	}
}

static void added(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct rdma_transport *rt = transport_of(w);
	struct reactor *r = core_main(rt->t.tgt->core);
	struct rdma_dev *d;
	int rc;

	if (rt->stopped != NULL || rdma_dev_find(rt, dev) != NULL || find_closed(rt, dev) != NULL)
		return;
	d = g_new0(struct rdma_dev, 1);
	d->rt = rt;
	d->dev = dev;
	timer_init(&d->retry, open_again);
	rt->rnic->ops->device_info(dev, &d->info);
	rc = dev_open(d);
	if (rc == 0) {
		use(d);
		return;
	}
	log_error(r->core->log, "nvmf.rdma",
		  "device is not used, its resources do not suffice: tried again until they do",
		  "device=%s error=\"%s\"", d->info.name, g_strerror(-rc));
	append(&rt->closed, d);
	reactor_timer_set(r, &d->retry, r->now + RETRY_NS);
}

static void removing(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct rdma_transport *rt = transport_of(w);
	struct rdma_dev *d = find_closed(rt, dev);

	if (d != NULL) {
		unlink_closed(d);
		reactor_timer_cancel(core_main(rt->t.tgt->core), &d->retry);
		g_free(d);
	}
	d = rdma_dev_find(rt, dev);
	if (d == NULL) {
		rt->rnic->ops->device_done(dev);
		return;
	}
	log_warn(rt->t.tgt->core->log, "nvmf.rdma", "device goes away: its connections end",
		 "device=%s", d->info.name);
	rdma_dev_leave(d, true);
}

static void device_event(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
			 unsigned port)
{
	struct rdma_transport *rt = transport_of(w);
	const struct rdma_dev *d = rdma_dev_find(rt, dev);

	log_notice(rt->t.tgt->core->log, "nvmf.rdma", "device event", "device=%s event=%d port=%u",
		   d != NULL ? d->info.name : "?", (int)type, port);
	if (type == IBV_EVENT_GID_CHANGE || type == IBV_EVENT_PORT_ACTIVE)
		rdma_listeners_retry(rt);
}

const struct rnic_watcher rdma_watcher = { .added = added,
					   .removing = removing,
					   .event = device_event };

static void dev_left(struct reactor *r, void *arg)
{
	struct rdma_dev *d = arg, **p = &d->rt->devs;
	struct rdma_transport *rt = d->rt;

	(void)r;
	if (--d->pending > 0)
		return;
	rnic_mem_close(&d->mem);
	rdma_ops(d)->pd_dealloc(d->pd);
	if (d->removed)
		rdma_ops(d)->device_done(d->dev);
	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	g_free(d);
	if (rt->devs == NULL && rt->stopped != NULL)
		rdma_devices_gone(rt);
}

static void end_connections(struct rdma_poller *p)
{
	for (struct rdma_conn *c = p->conns, *next; c != NULL; c = next) {
		next = c->next;
		nvmf_qpair_kill(&c->q);
	}
}

static void leave_on(struct reactor *r, void *arg)
{
	struct rdma_dev *d = arg;
	struct rdma_poller *p = d->pollers[r->index];

	if (p == NULL) {
		core_call(core_main(r->core), dev_left, d);
		return;
	}
	p->leaving = true;
	end_connections(p);
	reactor_run_soon(r, &p->leave_task);
}

void rdma_dev_leave(struct rdma_dev *d, bool removed)
{
	struct core *core = d->rt->t.tgt->core;

	d->removed |= removed;
	if (atomic_exchange(&d->leaving, true))
		return;
	d->pending = core->nreactors;
	for (unsigned i = 0; i < core->nreactors; i++)
		core_call(core->reactors[i], leave_on, d);
}

/* --- pollers ------------------------------------------------------------------------------------
 */

static void cq_error(struct rnic_cq *cq, void *user)
{
	struct rdma_cq *mine = user;

	(void)cq;
	mine->broken = true;
	/* Of the shared receives nobody knows which have ended: all are given up. */
	if (mine->p->rq.srq != NULL) {
		mine->p->rq.broken = true;
		end_connections(mine->p);
	}
	log_error(mine->p->reactor->core->log, "nvmf.rdma",
		  "completion queue overflowed: its connections end", "device=%s",
		  mine->p->dev->info.name);
	for (struct rdma_conn *c = mine->p->conns, *next; c != NULL; c = next) {
		next = c->next;
		if (c->cq == mine)
			nvmf_qpair_kill(&c->q);
	}
}

static const struct rnic_cq_cb cq_cb = { .error = cq_error };

struct rdma_cq *rdma_cq_get(struct rdma_poller *p, unsigned n)
{
	const struct rdma_dev *d = p->dev;
	unsigned most = (unsigned)d->info.attr.max_cqe, cqe;
	struct rdma_cq *cq;

	for (cq = p->cqs; cq != NULL; cq = cq->next) {
		if (cq->room >= n && !cq->broken) {
			cq->room -= n;
			cq->users++;
			return cq;
		}
	}
	/* All of the SRQ's receives may end in any of them. */
	cqe = MIN(MAX(d->rt->t.options.num_cqe, n) + p->rq.n, most);
	if (cqe < n + p->rq.n)
		return NULL;
	cq = g_new0(struct rdma_cq, 1);
	cq->p = p;
	if (rdma_ops(d)->cq_create(p->reactor->rnic, d->dev, cqe, &cq_cb, cq, &cq->cq) < 0) {
		g_free(cq);
		return NULL;
	}
	cq->room = cqe - p->rq.n - n;
	cq->users = 1;
	cq->next = p->cqs;
	p->cqs = cq;
	return cq;
}

void rdma_cq_put(struct rdma_cq *cq, unsigned n)
{
	struct rdma_cq **at = &cq->p->cqs;

	cq->room += n;
	if (--cq->users > 0 || !cq->broken)
		return;
	while (*at != cq)
		at = &(*at)->next;
	*at = cq->next;
	rdma_ops(cq->p->dev)->cq_destroy(cq->cq);
	g_free(cq);
}

static unsigned poll_cq(struct rdma_poller *p, struct rdma_cq *cq, unsigned budget)
{
	struct ibv_wc wcs[RDMA_BATCH];
	unsigned done = 0;

	while (done < budget) {
		int n = rdma_ops(p->dev)->cq_poll(cq->cq, RDMA_BATCH, wcs);

		for (int i = 0; i < n; i++)
			rdma_wc(p, &wcs[i]);
		done += (unsigned)MAX(n, 0);
		if (n < RDMA_BATCH)
			break;
	}
	return done;
}

static struct rdma_poller *poller_of(struct engine *e)
{
	return (struct rdma_poller *)((char *)e - offsetof(struct rdma_poller, engine));
}

/* All that its queue pair will ever complete has been seen. */
static void tell_drained(struct rdma_poller *p)
{
	for (struct rdma_conn *c = p->conns, *next; c != NULL; c = next) {
		next = c->next;
		if (c->last_wqe && !c->drained)
			rdma_conn_drained(c);
	}
	p->ndraining = 0;
}

static unsigned poll_queues(struct engine *e, unsigned budget)
{
	struct rdma_poller *p = poller_of(e);
	unsigned n = p->nearly, draining = p->ndraining;

	p->nearly = 0;
	for (unsigned i = 0; i < n; i++)
		rdma_wc(p, &p->early[i]);
	for (struct rdma_cq *cq = p->cqs; cq != NULL; cq = cq->next) {
		unsigned got = poll_cq(p, cq, budget);

		n += got;
		if (got >= budget)
			draining = 0; /* there may be more */
	}
	if (draining > 0)
		tell_drained(p);
	p->stats.polls++;
	p->stats.idle_polls += n == 0;
	p->stats.completions += n;
	return n;
}

static bool arm(struct engine *e)
{
	struct rdma_poller *p = poller_of(e);

	for (struct rdma_cq *cq = p->cqs; cq != NULL && p->nearly == 0; cq = cq->next) {
		int n;

		if (rdma_ops(p->dev)->cq_arm(cq->cq) < 0)
			continue; /* the device has gone: we hear of it otherwise */
		n = rdma_ops(p->dev)->cq_poll(cq->cq, RDMA_BATCH, p->early);
		p->nearly = (unsigned)MAX(n, 0);
	}
	return p->nearly == 0 && p->ndraining == 0;
}

static const struct engine_ops engine_ops = { .name = "nvmf.rdma",
					      .poll = poll_queues,
					      .arm = arm };

/* A host without a receive for its responses is asked again for ever, if it wants that. */
static bool is_stalled(const struct rdma_conn *c)
{
	return c->state == RDMA_READY && c->posted_head != c->posted_tail &&
	       c->q.reactor->now - c->progress >= RDMA_STALL_NS && nvmf_qpair_starves_others(&c->q);
}

static void end_stalled(struct rdma_poller *p)
{
	for (struct rdma_conn *c = p->conns, *next; c != NULL; c = next) {
		next = c->next;
		if (is_stalled(c))
			rdma_conn_broken(c, "it takes no responses, but holds buffers that others "
					    "need");
	}
}

/* The pass that calls this has looked at all engines. */
static void look(struct timer *t, struct reactor *r)
{
	struct rdma_poller *p = (struct rdma_poller *)((char *)t - offsetof(struct rdma_poller, look));

	end_stalled(p);
	if (p->nconns > 0)
		reactor_timer_set(r, &p->look, r->now + LOOK_NS);
}

static void free_poller(struct rdma_poller *p)
{
	const struct hw_rnic_ops *ops = rdma_ops(p->dev);

	if (p->rq.srq != NULL)
		ops->srq_destroy(p->rq.srq);
	rdma_rq_clear(&p->rq);
	while (p->cqs != NULL) {
		struct rdma_cq *cq = p->cqs;

		p->cqs = cq->next;
		ops->cq_destroy(cq->cq);
		g_free(cq);
	}
	g_free(p);
}

static void leave(struct task *task)
{
	struct rdma_poller *p =
		(struct rdma_poller *)((char *)task - offsetof(struct rdma_poller, leave_task));
	struct reactor *r = p->reactor;
	struct rdma_dev *d = p->dev;
	struct rdma_poller **at = &d->rt->pollers[r->index];
	bool leaving = p->leaving;

	if ((!leaving && !p->rq.broken) || p->nconns > 0)
		return;
	reactor_remove_engine(r, &p->engine);
	reactor_timer_cancel(r, &p->look);
	d->pollers[r->index] = NULL;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free_poller(p);
	if (leaving)
		core_call(core_main(r->core), dev_left, d);
}

static void srq_event(struct rnic_srq *srq, enum ibv_event_type type, void *user)
{
	struct rdma_poller *p = user;

	(void)srq;
	if (type != IBV_EVENT_SRQ_ERR)
		return;
	log_error(p->reactor->core->log, "nvmf.rdma",
		  "shared receive queue failed: its connections end", "device=%s",
		  p->dev->info.name);
	p->rq.broken = true;
	end_connections(p);
}

void rdma_rq_failed(struct rdma_rq *rq, int rc)
{
	struct rdma_poller *p = rq->p;

	if (!p->leaving)
		log_error(p->reactor->core->log, "nvmf.rdma",
			  "the device takes no receives: connections that need them end",
			  "device=%s shared=%d error=\"%s\"", p->dev->info.name, rq == &p->rq,
			  g_strerror(-rc));
	if (rq == &p->rq)
		end_connections(p);
	else
		nvmf_qpair_kill(
			&((struct rdma_conn *)((char *)rq - offsetof(struct rdma_conn, rq)))->q);
}

static const struct rnic_srq_cb srq_cb = { .event = srq_event };

/* False: it has an SRQ, but there are no resources for its receives. */
static bool open_srq(struct rdma_poller *p)
{
	const struct rdma_dev *d = p->dev;
	const struct nvmf_transport_options *o = &d->rt->t.options;
	struct ibv_srq_attr attr = {
		.max_wr = MIN(o->max_srq_depth, (uint32_t)d->info.attr.max_srq_wr),
		.max_sge = MIN(2u, (uint32_t)d->info.attr.max_srq_sge),
	};
	struct rnic_srq *srq;
	unsigned n;
	int rc;

	attr.max_wr = MIN(attr.max_wr, (uint32_t)d->info.attr.max_cqe / 2);
	n = attr.max_wr; /* it may get more: twice as many of mlx5 */
	if (o->no_srq || !rdma_dev_waits(d) || d->info.attr.max_srq == 0 || attr.max_wr == 0)
		return true;
	rc = rdma_ops(d)->srq_create(p->reactor->rnic, d->pd, &attr, &srq_cb, p, &srq);
	if (rc < 0) {
		/* There may be fewer of them than reactors. */
		log_warn(p->reactor->core->log, "nvmf.rdma",
			 "no shared receive queue: each queue pair gets receives of its own",
			 "device=%s reactor=%u error=\"%s\"", d->info.name, p->reactor->index,
			 g_strerror(-rc));
		return true;
	}
	p->rq.srq = srq;
	if (rdma_rq_init(&p->rq, p, n, o->in_capsule_data_size, attr.max_sge) < 0) {
		p->rq.srq = srq; /* for free_poller() */
		return false;
	}
	return rdma_rq_fill(&p->rq) == 0;
}

struct rdma_poller *rdma_poller_get(struct rdma_dev *d, struct reactor *r)
{
	struct rdma_poller *p = d->pollers[r->index];

	if (atomic_load(&d->leaving) || (p != NULL && p->rq.broken))
		return NULL;
	if (p != NULL) {
		p->nconns++;
		if (!timer_is_set(&p->look))
			look(&p->look, r);
		return p;
	}
	p = g_new0(struct rdma_poller, 1);
	p->dev = d;
	p->reactor = r;
	p->leave_task.fn = leave;
	timer_init(&p->look, look);
	if (!open_srq(p)) {
		free_poller(p);
		return NULL;
	}
	p->engine = (struct engine){ .ops = &engine_ops, .fd = -1 };
	d->pollers[r->index] = p;
	p->next = d->rt->pollers[r->index];
	d->rt->pollers[r->index] = p;
	reactor_add_engine(r, &p->engine);
	log_info(r->core->log, "nvmf.rdma", "reactor uses a device",
		 "device=%s reactor=%u receives=%s n=%u", d->info.name, r->index,
		 p->rq.srq != NULL ? "shared" : "of each queue pair", p->rq.n);
	p->nconns = 1;
	look(&p->look, r);
	return p;
}

void rdma_poller_add(struct rdma_poller *p, struct rdma_conn *c)
{
	struct rdma_conn **slot = &p->hash[c->qpn % RDMA_HASH];

	c->hash_next = *slot;
	*slot = c;
	c->next = p->conns;
	c->prev = &p->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	p->conns = c;
}

void rdma_poller_remove(struct rdma_poller *p, struct rdma_conn *c)
{
	struct rdma_conn **slot = &p->hash[c->qpn % RDMA_HASH];

	while (*slot != c)
		slot = &(*slot)->hash_next;
	*slot = c->hash_next;
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
}

void rdma_poller_put(struct rdma_poller *p)
{
	p->nconns--;
	if (p->leaving || p->rq.broken)
		reactor_run_soon(p->reactor, &p->leave_task);
}
