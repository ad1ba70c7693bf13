/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespace Write Protection (base 2.0, 5.27.1.25 and 8.12): the states "no write
 * protect" and "write protect", for all hosts of the subsystem alike, until
 * one of them says otherwise: the saved configuration has it. A namespace that the
 * administrator made read-only stays so.
 *
 * Namespaces are changed on the main reactor: the request travels there, and to
 * all reactors, and is answered when none of them takes a write any more and those
 * that came before have ended (fence.h).
 */
#include "target/nvmf/admin.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/fence.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

#define NOT_PROTECTED 0
#define PROTECTED 1

struct protect {
	struct nvmf_request *req;
	struct nvmf_subsystem *s;
	uint32_t nsid;
	bool on;
	uint16_t status;
	struct nvmf_ns_info *info;
};

/* At the owner again. */
static void answer(struct reactor *r, void *arg)
{
	g_autofree struct protect *p = arg;

	(void)r;
	if (p->status == NVME_SUCCESS)
		nvmf_request_complete(p->req, NVME_SUCCESS);
	else
		nvmf_request_fail(p->req, p->status,
				  p->status == (NVME_SC_INVALID_NS | NVME_DNR) ? NVME_PEL(nsid)
									       : NVME_PEL(cdw11));
}

static void finish(struct protect *p)
{
	core_call(p->req->qpair->ctrlr->owner, answer, p);
}

static void apply(struct reactor *r, void *arg)
{
	const struct protect *p = arg;
	struct nvmf_group *g = nvmf_group_of(p->s->tgt, r);
	struct nvmf_sgroup *sg = g_ptr_array_index(g->sgroups, p->s->index);
	struct nvmf_ns_group *ng = nvmf_sgroup_ns(sg, p->nsid);

	if (ng == NULL)
		return;
	nvmf_ns_info_unref(ng->info);
	ng->info = nvmf_ns_info_ref(p->info);
	ng->read_only = p->info->read_only;
	nvmf_ns_look_again(ng);
}

static void tell(struct reactor *r, void *arg)
{
	const struct protect *p = arg;
	struct nvmf_group *g = nvmf_group_of(p->s->tgt, r);

	for (unsigned i = 0; i < g->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(g->ctrlrs, i);

		if (c->subsystem == p->s && c->state == NVMF_CTRLR_LIVE &&
		    nvmf_ctrlr_ns(c, c->sgroup, p->nsid) != NULL)
			nvmf_ctrlr_ns_changed(c, p->nsid);
	}
}

static void told(void *arg)
{
	struct protect *p = arg;
	struct nvmf_subsystem *s = p->s;

	nvmf_event(s, NVMF_EVENT_NS_PROTECT, "nsid=%u on=%u", p->nsid, p->on);
	nvmf_ns_info_unref(p->info);
	finish(p);
	s->priv->pending--;
	nvmf_subsystem_step(s);
}

static void no_more_writes(void *arg)
{
	struct protect *p = arg;

	core_broadcast(p->s->tgt->core, tell, told, p);
}

static void applied(void *arg)
{
	struct protect *p = arg;
	const struct nvmf_fence_key key = { .nsid = p->nsid };

	if (p->info->read_only)
		nvmf_fence(p->s, &key, no_more_writes, p);
	else
		no_more_writes(p);
}

/* True: p->status is the answer already. */
static bool decided(struct protect *p, const struct nvmf_ns *ns)
{
	if (ns == NULL || ns->removing || ns->priv->adding) {
		p->status = NVME_SC_INVALID_NS | NVME_DNR;
		return true;
	}
	if (!p->on && ns->priv->info->read_only && !ns->priv->write_protected)
		p->status = NVME_SC_FEATURE_NOT_CHANGEABLE | NVME_DNR;
	return p->status != NVME_SUCCESS || p->on == ns->priv->info->read_only;
}

static void change(struct reactor *r, void *arg)
{
	struct protect *p = arg;
	struct nvmf_ns *ns = p->s->nss[p->nsid - 1];

	if (decided(p, ns)) {
		finish(p);
		return;
	}
	ns->priv->write_protected = p->on;
	p->info = nvmf_ns_make_info(ns, ns->priv->info->blocks);
	nvmf_ns_info_unref(ns->priv->info);
	ns->priv->info = nvmf_ns_info_ref(p->info);
	p->s->priv->pending++;
	if (p->info->read_only != p->on)
		p->status = NVME_SC_FEATURE_NOT_CHANGEABLE | NVME_DNR;
	core_broadcast(r->core, apply, applied, p);
}

void nvmf_set_write_protection(struct nvmf_request *req)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	unsigned state = req->cmd.cdw11 & 7;
	struct protect *p;

	if (nvmf_ctrlr_ns(c, c->sgroup, req->cmd.nsid) == NULL) {
		nvmf_request_fail(req, NVME_SC_INVALID_NS | NVME_DNR, NVME_PEL(nsid));
		return;
	}
	if (state != NOT_PROTECTED && state != PROTECTED) {
		nvmf_request_fail(req, NVME_SC_INVALID_FIELD | NVME_DNR, NVME_PEL(cdw11));
		return;
	}
	p = g_new0(struct protect, 1);
	p->req = req;
	p->s = c->subsystem;
	p->nsid = req->cmd.nsid;
	p->on = state == PROTECTED;
	core_call(core_main(c->tgt->core), change, p);
}
