/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identify: lists of controllers (base 2.0, 5.17.2.12 and 5.17.2.13; CNS 12h and
 * 13h). The main reactor has the registry; the request may travel there, since
 * its queue, and so the controller, waits for it.
 */
#include "target/nvmf/admin.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/tgt.h"

struct listing {
	struct nvmf_request *req;
	uint32_t nsid; /* 0: all controllers of the subsystem */
	uint16_t from; /* CNTID */
	struct nvme_ctrlr_list *list;
};

/* At the owner again. */
static void made(struct reactor *r, void *arg)
{
	g_autofree struct listing *l = arg;

	(void)r;
	nvmf_request_reply_data(l->req, l->list, sizeof(*l->list));
}

/* A namespace that is no longer there is attached to nobody. */
static bool attached(const struct nvmf_ctrlr *c, const struct nvmf_ns *ns)
{
	return ns != NULL && !ns->removing && !ns->priv->adding &&
	       nvmf_ctrlr_sees(c, ns->nsid, ns->no_auto_visible);
}

static void make(struct reactor *r, void *arg)
{
	struct listing *l = arg;
	const struct nvmf_ctrlr *asking = l->req->qpair->ctrlr;
	const struct nvmf_subsystem *s = asking->subsystem;
	const struct nvmf_ns *ns = l->nsid != 0 ? s->nss[l->nsid - 1] : NULL;
	bool hidden = l->nsid != 0 && !attached(asking, ns);

	(void)r;
	if (hidden) {
		core_call(asking->owner, made, l);
		return;
	}
	for (unsigned i = 0; i < s->priv->ctrlrs->len && l->list->n < NVME_CTRLR_LIST_MAX; i++) {
		const struct nvmf_ctrlr *c = g_ptr_array_index(s->priv->ctrlrs, i);

		if (c->cntlid >= l->from && (l->nsid == 0 || attached(c, ns)))
			l->list->ids[l->list->n++] = c->cntlid;
	}
	core_call(asking->owner, made, l);
}

void nvmf_identify_ctrlrs(struct nvmf_request *req)
{
	const struct nvmf_ctrlr *c = req->qpair->ctrlr;
	bool of_ns = (req->cmd.cdw10 & 0xff) == NVME_CNS_NS_CTRLRS;
	uint32_t nsid = of_ns ? req->cmd.nsid : 0;
	struct listing *l;

	if (of_ns && nsid == NVME_NSID_ALL) {
		nvmf_request_fail(req, NVME_SC_INVALID_FIELD | NVME_DNR, NVME_PEL(nsid));
		return;
	}
	if (of_ns && (nsid == 0 || nsid > c->subsystem->max_namespaces)) {
		nvmf_request_fail(req, NVME_SC_INVALID_NS | NVME_DNR, NVME_PEL(nsid));
		return;
	}
	l = g_new0(struct listing, 1);
	l->req = req;
	l->nsid = nsid;
	l->from = (uint16_t)(req->cmd.cdw10 >> 16);
	l->list = g_new0(struct nvme_ctrlr_list, 1);
	core_call(core_main(c->tgt->core), make, l);
}
