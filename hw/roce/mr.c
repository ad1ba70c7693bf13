/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protection domains, memory regions, memory windows: the table of keys.
 *
 * The table is written by the main reactor (and by the thread that allocates
 * memory: the caller of mr_reg sees to it that there is one at a time), read by all
 * shards without a lock. A window's own reactor may take it out. Who takes something out waits until no shard is inside the
 * engine any more with what it had found before (roce_quiesce).
 */
#include <errno.h>
#include <sched.h>

#include "hw/roce/priv.h"

/* --- protection domains ------------------------------------------------------------------ */

int roce_pd_alloc(struct roce_device *dev, struct roce_pd **out)
{
	struct roce_pd *pd;

	if (atomic_load(&dev->npds) >= (unsigned)dev->params.attr.max_pd ||
	    hw_fault(dev->params.hw, "roce.pd"))
		return -ENOMEM;
	pd = g_new0(struct roce_pd, 1);
	pd->dev = dev;
	atomic_fetch_add(&dev->npds, 1);
	*out = pd;
	return 0;
}

int roce_pd_dealloc(struct roce_pd *pd)
{
	if (atomic_load(&pd->users) > 0)
		return -EBUSY;
	atomic_fetch_sub(&pd->dev->npds, 1);
	g_free(pd);
	return 0;
}

/* --- the table of keys --------------------------------------------------------------------- */

void roce_quiesce(struct roce_device *dev)
{
	for (unsigned i = 0; i < dev->params.nshards; i++) {
		struct roce_shard *shard = &dev->shards[i];
		uint32_t seen = atomic_load(&shard->inside);

		while (seen % 2 == 1 && atomic_load(&shard->inside) == seen)
			sched_yield();
	}
}

/* A free place after the last one given out, so that a key comes back as late as possible. */
static int take_place(struct roce_device *dev, struct roce_region *region)
{
	for (uint32_t n = 1; n < dev->nregions; n++) {
		uint32_t place = 1 + (dev->last_region + n - 1) % (dev->nregions - 1);

		if (atomic_load_explicit(&dev->regions[place], memory_order_acquire))
			continue;
		dev->last_region = place;
		region->key = place << 8 | ++dev->variants[place];
		atomic_store_explicit(&dev->regions[place], region, memory_order_release);
		return 0;
	}
	return -ENOMEM;
}

static int take_counted(struct roce_device *dev, struct roce_region *region, _Atomic unsigned *n,
			int most)
{
	int rc;

	if (!roce_one_more(n, most))
		return -ENOMEM;
	rc = take_place(dev, region);
	if (rc < 0)
		atomic_fetch_sub(n, 1);
	return rc;
}

static void unpin(struct roce_device *dev, size_t len)
{
	if (dev->params.pin)
		dev->params.pin(dev->params.pin_user, -(int64_t)len);
}

static void leave_place(struct roce_device *dev, struct roce_region *region)
{
	uint32_t place = region->key >> 8;

	dev->variants[place] = (uint8_t)region->key;
	atomic_store(&dev->regions[place], NULL);
	roce_quiesce(dev);
}

struct roce_region *roce_region_find(struct roce_device *dev, uint32_t key)
{
	uint32_t place = key >> 8;
	struct roce_region *region;

	if (place >= dev->nregions)
		return NULL;
	region = atomic_load_explicit(&dev->regions[place], memory_order_acquire);
	return region && atomic_load_explicit(&region->key, memory_order_relaxed) == key ? region
											 : NULL;
}

void *roce_region_at(struct roce_region *region, const struct roce_pd *pd, uint32_t qpn,
		     uint64_t iova, uint64_t len, int access)
{
	if (region->pd != pd || (region->access & access) != access)
		return NULL;
	if (region->window && (!region->bound || region->qpn != qpn))
		return NULL;
	if (iova < region->iova || len > region->len || iova - region->iova > region->len - len)
		return NULL;
	return region->base + (iova - region->iova);
}

/* --- regions --------------------------------------------------------------------------------- */

int roce_mr_reg(struct roce_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		struct roce_mr **out)
{
	struct roce_device *dev = pd->dev;
	struct roce_mr *mr;
	int rc;

	if (len == 0 || len > dev->params.attr.max_mr_size || iova + (len - 1) < iova)
		return -EINVAL;
	/* As verbs have it: what others may write, the device may write. */
	if (access & IBV_ACCESS_REMOTE_WRITE && !(access & IBV_ACCESS_LOCAL_WRITE))
		return -EINVAL;
	if (hw_fault(dev->params.hw, "roce.mr"))
		return -ENOMEM;
	rc = dev->params.pin ? dev->params.pin(dev->params.pin_user, (int64_t)len) : 0;
	if (rc < 0)
		return rc;
	mr = g_new0(struct roce_mr, 1);
	mr->region.pd = pd;
	mr->region.access = access;
	mr->region.base = addr;
	mr->region.iova = iova;
	mr->region.len = len;
	rc = take_counted(dev, &mr->region, &dev->nmrs, dev->params.attr.max_mr);
	if (rc < 0) {
		unpin(dev, len);
		g_free(mr);
		return rc;
	}
	atomic_fetch_add(&pd->users, 1);
	*out = mr;
	return 0;
}

int roce_mr_dereg(struct roce_mr *mr)
{
	struct roce_device *dev = mr->region.pd->dev;

	if (atomic_load(&mr->windows) > 0)
		return -EBUSY;
	leave_place(dev, &mr->region);
	atomic_fetch_sub(&dev->nmrs, 1);
	atomic_fetch_sub(&mr->region.pd->users, 1);
	unpin(dev, mr->region.len);
	g_free(mr);
	return 0;
}

uint32_t roce_mr_lkey(const struct roce_mr *mr)
{
	return mr->region.key;
}

uint32_t roce_mr_rkey(const struct roce_mr *mr)
{
	return mr->region.key;
}

/* --- windows ------------------------------------------------------------------------------------
 */

int roce_mw_alloc(struct roce_pd *pd, struct roce_mw **out)
{
	struct roce_mw *mw;
	int rc;

	if (!(pd->dev->params.attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW_TYPE_2B))
		return -EOPNOTSUPP;
	if (hw_fault(pd->dev->params.hw, "roce.mw"))
		return -ENOMEM;
	mw = g_new0(struct roce_mw, 1);
	mw->region.pd = pd;
	mw->region.window = true;
	rc = take_counted(pd->dev, &mw->region, &pd->dev->nmws, pd->dev->params.attr.max_mw);
	if (rc < 0) {
		g_free(mw);
		return rc;
	}
	atomic_fetch_add(&pd->users, 1);
	*out = mw;
	return 0;
}

static void unbind(struct roce_region *window)
{
	if (!window->bound)
		return;
	window->bound = false;
	atomic_fetch_sub(&window->of->windows, 1);
	window->of = NULL;
}

void roce_mw_dealloc(struct roce_mw *mw)
{
	struct roce_pd *pd = mw->region.pd;

	leave_place(pd->dev, &mw->region);
	atomic_fetch_sub(&pd->dev->nmws, 1);
	unbind(&mw->region);
	atomic_fetch_sub(&pd->users, 1);
	g_free(mw);
}

uint32_t roce_mw_rkey(const struct roce_mw *mw)
{
	return mw->region.key;
}

uint32_t roce_mw_next_key(struct roce_mw *mw)
{
	uint32_t key = mw->region.key;

	/* Posted after an invalidation, or refused at execution: nobody holds the old key. */
	mw->region.key = (key & ~0xffu) | ((key + 1) & 0xff);
	return mw->region.key;
}

int roce_mw_bind(struct roce_mw *mw, uint32_t key, uint32_t qpn, struct roce_mr *mr, uint64_t iova,
		 uint64_t len, int access)
{
	struct roce_region *w = &mw->region;
	void *base;

	if (w->bound || w->key != key || !(mr->region.access & IBV_ACCESS_MW_BIND))
		return -EINVAL;
	if (access & IBV_ACCESS_REMOTE_WRITE && !(mr->region.access & IBV_ACCESS_LOCAL_WRITE))
		return -EINVAL;
	base = roce_region_at(&mr->region, w->pd, qpn, iova, len, 0);
	if (!base)
		return -EINVAL;
	w->base = base;
	w->iova = iova;
	w->len = len;
	w->access = access;
	w->qpn = qpn;
	w->of = mr;
	atomic_fetch_add(&mr->windows, 1);
	w->bound = true;
	return 0;
}

bool roce_key_invalidate(struct roce_device *dev, const struct roce_pd *pd, uint32_t qpn,
			 uint32_t key)
{
	struct roce_region *region = roce_region_find(dev, key);

	if (!region || region->pd != pd || !region->window || !region->bound || region->qpn != qpn)
		return false;
	unbind(region);
	return true;
}
