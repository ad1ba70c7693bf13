/* SPDX-License-Identifier: BSD-3-Clause */
/* The per-reactor side of the target: groups, and the information they share. */
#include "target/nvmf/group.h"

#include "target/nvmf/tgt.h"

struct nvmf_group *nvmf_group_of(struct nvmf_tgt *tgt, struct reactor *r)
{
	return tgt->groups[r->index];
}

struct nvmf_ns_info *nvmf_ns_info_ref(struct nvmf_ns_info *info)
{
	atomic_fetch_add_explicit(&info->refs, 1, memory_order_relaxed);
	return info;
}

void nvmf_ns_info_unref(struct nvmf_ns_info *info)
{
	if (atomic_fetch_sub_explicit(&info->refs, 1, memory_order_acq_rel) == 1)
		g_free(info);
}
