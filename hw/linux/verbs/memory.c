/* SPDX-License-Identifier: BSD-3-Clause */
/* Protection domains, memory regions and windows. */
#include <errno.h>

#include "hw/linux/verbs/internal.h"

int verbs_pd_alloc(struct rnic_device *dev, struct rnic_pd **out)
{
	struct ibv_pd *ibv = dev->gone ? NULL : ibv_alloc_pd(dev->context);
	struct rnic_pd *pd;

	if (!ibv)
		return dev->gone ? -ENODEV : verbs_errno();
	pd = g_new0(struct rnic_pd, 1);
	pd->dev = dev;
	pd->pd = ibv;
	*out = pd;
	return 0;
}

/* What a device that has gone says does not matter: it has forgotten all. */
static int destroyed(const struct rnic_device *dev, int rc)
{
	rc = verbs_rc(rc);
	if (dev->gone && rc != -EBUSY)
		return 0;
	return rc;
}

int verbs_pd_dealloc(struct rnic_pd *pd)
{
	int rc = destroyed(pd->dev, ibv_dealloc_pd(pd->pd));

	if (rc == 0)
		g_free(pd);
	return rc;
}

/*
 * Reads of the device may pass one another and its writes too, where it can: nobody looks
 * at memory before the completion, which may not pass them.
 */
int verbs_mr_reg(struct rnic_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		 struct rnic_mr **out)
{
	struct rnic_mr *mr;
	struct ibv_mr *ibv;

	if (len == 0 || (access & (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC) &&
			 !(access & IBV_ACCESS_LOCAL_WRITE)))
		return -EINVAL;
	if (pd->dev->gone)
		return -ENODEV;
	ibv = ibv_reg_mr_iova2(pd->pd, addr, len, iova,
			       (unsigned)access | IBV_ACCESS_RELAXED_ORDERING);
	if (!ibv)
		return verbs_no_memory(pd->dev->verbs, verbs_errno(), "memory for data");
	mr = g_new0(struct rnic_mr, 1);
	mr->dev = pd->dev;
	mr->mr = ibv;
	*out = mr;
	return 0;
}

/* With windows bound to it, providers say that they are busy, or that it is not valid. */
int verbs_mr_dereg(struct rnic_mr *mr)
{
	int rc = destroyed(mr->dev, ibv_dereg_mr(mr->mr));

	if (rc == -EINVAL)
		rc = -EBUSY;
	if (rc == 0)
		g_free(mr);
	return rc;
}

uint32_t verbs_mr_lkey(const struct rnic_mr *mr)
{
	return mr->mr->lkey;
}

uint32_t verbs_mr_rkey(const struct rnic_mr *mr)
{
	return mr->mr->rkey;
}

int verbs_mw_alloc(struct rnic_pd *pd, struct rnic_mw **out)
{
	struct rnic_mw *mw;
	struct ibv_mw *ibv;

	if (pd->dev->gone)
		return -ENODEV;
	if (!(pd->dev->info.attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW_TYPE_2B))
		return -EOPNOTSUPP;
	ibv = ibv_alloc_mw(pd->pd, IBV_MW_TYPE_2);
	if (!ibv)
		return verbs_errno();
	mw = g_new0(struct rnic_mw, 1);
	mw->mw = ibv;
	*out = mw;
	return 0;
}

void verbs_mw_dealloc(struct rnic_mw *mw)
{
	ibv_dealloc_mw(mw->mw);
	g_free(mw);
}

uint32_t verbs_mw_rkey(const struct rnic_mw *mw)
{
	return mw->mw->rkey;
}
