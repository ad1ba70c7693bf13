/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, host side: what a controller has of its device, on the main reactor.
 * Devices, protection domains, memory and windows are made there; each queue asks
 * for its part by message (rdma.c) and gives it back so.
 *
 * The device is found by the admin queue; the others must find the same.
 */
#include <errno.h>

#include "target/host/rdma.h"

/* --- the device comes and goes --------------------------------------------------------------- */

static struct rdma_device *device_of(struct rnic_watcher *w)
{
	return (struct rdma_device *)((char *)w - offsetof(struct rdma_device, watcher));
}

static void added(struct rnic_watcher *w, struct rnic_device *dev)
{
	g_ptr_array_remove(device_of(w)->gone, dev);
}

/* The queues are told by their CM ids; ours is let go when the last one has. */
static void removing(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct rdma_device *d = device_of(w);

	if (d->dev == dev) {
		d->removed = true;
		return;
	}
	/* A queue may have found it, and its question may be on its way. */
	g_ptr_array_add(d->gone, dev);
	d->hw->rnic->ops->device_done(dev);
}

static void event(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
		  unsigned port)
{
	(void)w;
	(void)dev;
	(void)type; /* what it means for a connection, the connection sees */
	(void)port;
}

/* --- hold ------------------------------------------------------------------------------------- */

static int new_device(struct host_ctrlr *c)
{
	struct reactor *r = core_main(c->reactor->core);
	struct rdma_device *d = g_new0(struct rdma_device, 1);
	int rc = reactor_rnic_get(r, &d->ctx);

	if (rc < 0) {
		g_free(d);
		return rc;
	}
	d->ctrlr = c;
	d->hw = r->hw;
	d->gone = g_ptr_array_new();
	d->watcher = (struct rnic_watcher){ .added = added, .removing = removing, .event = event };
	d->hw->rnic->ops->watch(d->hw->rnic, d->ctx, &d->watcher);
	c->rdma = d;
	return 0;
}

int host_rdma_hold(struct rdma_qpair *t)
{
	struct host_ctrlr *c = t->q.ctrlr;
	int rc = c->rdma ? 0 : new_device(c);

	if (rc < 0)
		return rc;
	t->device = c->rdma;
	t->device->users++;
	return 0;
}

/* --- open ---------------------------------------------------------------------------------------
 */

/* One for each command that there may be; devices are known that have the kind, but none of it. */
static bool has_windows(const struct rdma_device *d)
{
	const struct host_params *p = &d->ctrlr->params;
	unsigned n = d->ctrlr->admin->size + p->io_queues * p->queue_size;

	return d->info.attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW_TYPE_2B &&
	       (unsigned)MAX(d->info.attr.max_mw, 0) >= n;
}

static int open_device(struct rdma_device *d, struct rnic_device *dev)
{
	const struct hw_rnic_ops *ops = d->hw->rnic->ops;
	int access = IBV_ACCESS_LOCAL_WRITE, rc;

	ops->device_info(dev, &d->info);
	d->windows = has_windows(d);
	access |=
		d->windows ? IBV_ACCESS_MW_BIND : IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;
	rc = ops->pd_alloc(dev, &d->pd);
	if (rc < 0)
		return rc;
	rc = rnic_mem_open(&d->mem, d->hw, d->pd, access);
	if (rc < 0) {
		ops->pd_dealloc(d->pd);
		return rc;
	}
	d->dev = dev;
	log_info(core_main(d->ctrlr->reactor->core)->core->log, "host", "device is used",
		 "device=%s transport=%s max_qp_wr=%d max_cqe=%d max_sge=%d max_inline=%u keys=%s",
		 d->info.name, d->info.transport == IBV_TRANSPORT_IWARP ? "iWARP" : "RoCE",
		 d->info.attr.max_qp_wr, d->info.attr.max_cqe, d->info.attr.max_sge,
		 d->info.max_inline, d->windows ? "windows" : "regions");
	return 0;
}

static size_t round_up(size_t n)
{
	return (n + RDMA_PAGE - 1) & ~(size_t)(RDMA_PAGE - 1);
}

/* One chunk: commands, responses, the bounce buffer. */
static int alloc_memory(struct rdma_qpair *t)
{
	struct hw_mem *mem = t->device->hw->mem;
	size_t cmds = round_up(t->q.size * sizeof(struct nvme_cmd));
	size_t cpls = round_up(t->q.size * sizeof(struct nvme_cpl));
	size_t lists = t->q.id ? round_up(t->q.size * RDMA_PIECES * sizeof(struct nvme_sgl)) : 0;
	size_t bounce = t->q.id ? RDMA_BOUNCE : RDMA_BOUNCE_ADMIN;
	uint8_t *base;
	int rc = mem->ops->alloc_on(mem, cmds + cpls + lists + bounce,
				    host_qpair_reactor(&t->q)->node, &t->chunk);

	if (rc < 0)
		return rc;
	base = t->chunk->base;
	t->cmds = (struct nvme_cmd *)base;
	t->cpls = (struct nvme_cpl *)(base + cmds);
	t->lists = t->q.id ? (struct nvme_sgl *)(base + cmds + cpls) : NULL;
	t->lkey = rnic_mem_find(&t->device->mem, 0, base, 1)->lkey;
	rdma_bounce_init(&t->bounce, base + cmds + cpls + lists, bounce);
	return 0;
}

/* One for each command; too few of them: then keys of regions are no choice, they are not remote.
 */
static int alloc_windows(struct rdma_qpair *t)
{
	const struct hw_rnic_ops *ops = t->device->hw->rnic->ops;

	for (unsigned i = 0; t->device->windows && i < t->q.size; i++) {
		int rc = ops->mw_alloc(t->device->pd, &t->slots[i].mw);

		if (rc < 0) {
			t->slots[i].mw = NULL;
			return rc;
		}
	}
	return 0;
}

/* As many as there are, of a device that has plenty: without them data is copied. */
static void alloc_spare(struct rdma_qpair *t)
{
	int most = MIN(RDMA_SPARE, t->device->info.attr.max_mw / 64);

	t->nwindows = t->nspare = 0;
	if (!t->device->windows || t->q.id == 0)
		return;
	while (t->nwindows < most &&
	       t->device->hw->rnic->ops->mw_alloc(t->device->pd, &t->windows[t->nwindows]) == 0)
		t->spare[t->nspare++] = t->windows[t->nwindows++];
}

void host_rdma_free_windows(struct rdma_qpair *t)
{
	while (t->nwindows > 0)
		host_rdma_ops(t)->mw_dealloc(t->windows[--t->nwindows]);
	t->nspare = 0;
	for (unsigned i = 0; i < t->q.size; i++) {
		if (t->slots[i].mw)
			host_rdma_ops(t)->mw_dealloc(t->slots[i].mw);
		t->slots[i].mw = NULL;
	}
}

int host_rdma_open(struct rdma_qpair *t)
{
	struct rdma_device *d = t->device;
	int rc = 0;

	if (d->removed || !t->found || g_ptr_array_find(d->gone, t->found, NULL))
		return -ENODEV;
	if (!d->dev)
		rc = open_device(d, t->found);
	else if (d->dev != t->found)
		return -EXDEV;
	if (rc == 0)
		rc = alloc_memory(t);
	if (rc == 0)
		rc = alloc_windows(t);
	if (rc == 0)
		alloc_spare(t);
	return rc;
}

/* --- release -------------------------------------------------------------------------------------
 */

static void free_device(struct rdma_device *d)
{
	const struct hw_rnic_ops *ops = d->hw->rnic->ops;

	if (d->dev) {
		rnic_mem_close(&d->mem);
		ops->pd_dealloc(d->pd);
	}
	ops->unwatch(d->hw->rnic, &d->watcher);
	if (d->removed)
		ops->device_done(d->dev);
	d->ctrlr->rdma = NULL;
	reactor_rnic_put(core_main(d->ctrlr->reactor->core));
	g_ptr_array_unref(d->gone);
	g_free(d);
}

int host_rdma_release(struct rdma_qpair *t)
{
	struct rdma_device *d = t->device;

	if (!d)
		return 0;
	host_rdma_free_windows(t);
	if (t->chunk) {
		rdma_bounce_clear(&t->bounce);
		d->hw->mem->ops->free(d->hw->mem, t->chunk);
		t->chunk = NULL;
	}
	t->device = NULL;
	if (--d->users == 0)
		free_device(d);
	return 0;
}
