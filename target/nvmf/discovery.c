/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The discovery log (base 2.0, 5.16.1.23) and who may see what. Main reactor.
 *
 * A record for each listener of each subsystem that the asking host may use, in
 * order of NQN, then as added. A wildcard listener is shown as the address that
 * was asked, since that one reaches it; where the family differs there is no
 * address to show. The discovery subsystem itself is listed only where somebody
 * gave it a listener of its own, as SPDK does. Then the referrals follow.
 *
 * A reader in pieces sees by the generation counter that the log has changed
 * meanwhile, and begins again; a filter hides listeners that differ from the one
 * asked.
 */
#include <string.h>

#include "target/nvme/nvme-rdma.h"
#include "target/nvmf/admin.h"
#include "target/nvmf/tgt.h"

#define EFLAGS_DUPLICATE 0x1  /* every address gives the same log */
#define EFLAGS_PERSISTENT 0x2 /* persistent controllers are possible */
#define SECTYPE_TLS13 2       /* in TSAS of TCP */

bool nvmf_subsystem_host_allowed(const struct nvmf_subsystem *s, const char *hostnqn)
{
	if (s->allow_any_host)
		return true;
	if (hostnqn == NULL)
		return false;
	for (unsigned i = 0; i < s->hosts->len; i++) {
		if (!strcmp(g_ptr_array_index(s->hosts, i), hostnqn))
			return true;
	}
	return false;
}

static bool same_place(const struct nvmf_listener *l, const char *traddr,
		       const struct nvmf_trid *listen)
{
	return l->trid.addr.family == listen->addr.family && !strcmp(traddr, listen->traddr) &&
	       !strcmp(l->trid.trsvcid, listen->trsvcid);
}

/* The address to show, or NULL: there is none for this asker. */
static const char *address_of(const struct nvmf_listener *l, const struct nvmf_trid *listen)
{
	if (!net_addr_is_any(&l->trid.addr))
		return l->trid.traddr;
	if (l->trid.addr.family != listen->addr.family || net_addr_is_any(&listen->addr))
		return NULL;
	return listen->traddr;
}

static bool filtered(const struct nvmf_listener *l, const char *traddr,
		     const struct nvmf_trid *listen, unsigned filters)
{
	if ((filters & NVMF_FILTER_TRANSPORT) && strcmp(l->trid.trtype, listen->trtype))
		return true;
	if ((filters & NVMF_FILTER_ADDRESS) && strcmp(traddr, listen->traddr))
		return true;
	return (filters & NVMF_FILTER_SVCID) && strcmp(l->trid.trsvcid, listen->trsvcid);
}

/* What a host must know of an RDMA port; its partition is the default one (key 0). */
static void fill_tsas(struct nvme_discovery_entry *e)
{
	if (e->trtype != NVME_TRTYPE_RDMA)
		return;
	e->tsas[0] = NVME_RDMA_QPTYPE_CONNECTED;
	e->tsas[1] = NVME_RDMA_PRTYPE_NOT_SPECIFIED;
	e->tsas[2] = NVME_RDMA_CMS_RDMA_CM;
}

static void add_entry(GArray *log, const struct nvmf_listener *l, const struct nvmf_trid *listen)
{
	const struct nvmf_subsystem *s = l->subsystem;
	const char *traddr = address_of(l, listen);
	struct nvme_discovery_entry e;

	if (traddr == NULL || filtered(l, traddr, listen, s->tgt->discovery_filters))
		return;
	memset(&e, 0, sizeof(e));
	e.trtype = l->transport->ops->trtype;
	e.adrfam = l->trid.addr.family == NET_INET6 ? NVME_ADRFAM_IPV6 : NVME_ADRFAM_IPV4;
	e.subtype = NVME_SUBTYPE_NVM;
	if (s->subtype == NVMF_SUBTYPE_DISCOVERY) {
		bool here = same_place(l, traddr, listen);

		e.subtype = here ? NVME_SUBTYPE_CURRENT_DISCOVERY : NVME_SUBTYPE_REFERRAL;
		e.eflags = EFLAGS_DUPLICATE | EFLAGS_PERSISTENT;
	}
	e.treq = NVME_TREQ_NOT_SPECIFIED | NVME_TREQ_NO_SQ_FLOW_CONTROL;
	e.portid = l->portid;
	e.cntlid = NVME_CNTLID_DYNAMIC;
	e.asqsz = (uint16_t)l->transport->options.max_aq_depth;
	fill_tsas(&e);
	nvme_pad(e.trsvcid, l->trid.trsvcid, sizeof(e.trsvcid));
	nvme_pad(e.traddr, traddr, sizeof(e.traddr));
	g_strlcpy(e.subnqn, s->nqn, sizeof(e.subnqn));
	g_array_append_val(log, e);
}

static void add_referral(GArray *log, const struct nvmf_referral *r)
{
	struct nvme_discovery_entry e;

	memset(&e, 0, sizeof(e));
	e.trtype = strcmp(r->trid.trtype, "RDMA") ? NVME_TRTYPE_TCP : NVME_TRTYPE_RDMA;
	e.adrfam = r->trid.addr.family == NET_INET6 ? NVME_ADRFAM_IPV6 : NVME_ADRFAM_IPV4;
	e.subtype = NVME_SUBTYPE_REFERRAL;
	e.treq = r->secure_channel ? NVME_TREQ_REQUIRED : NVME_TREQ_NOT_SPECIFIED;
	if (r->secure_channel && e.trtype == NVME_TRTYPE_TCP)
		e.tsas[0] = SECTYPE_TLS13;
	fill_tsas(&e);
	e.cntlid = NVME_CNTLID_DYNAMIC;
	e.asqsz = NVME_ADMIN_SQ_MIN;
	nvme_pad(e.trsvcid, r->trid.trsvcid, sizeof(e.trsvcid));
	nvme_pad(e.traddr, r->trid.traddr, sizeof(e.traddr));
	g_strlcpy(e.subnqn, r->subnqn, sizeof(e.subnqn));
	g_array_append_val(log, e);
}

void *nvmf_discovery_log(struct nvmf_tgt *tgt, const char *hostnqn, const struct nvmf_trid *listen,
			 uint32_t *len)
{
	g_autoptr(GPtrArray) subsystems = nvmf_subsystems(tgt);
	/* Elements are as large as the header, which is the first. */
	GArray *log = g_array_new(FALSE, TRUE, sizeof(struct nvme_discovery_entry));
	struct nvme_discovery_log *header;

	g_array_set_size(log, 1);
	for (unsigned i = 0; i < subsystems->len; i++) {
		const struct nvmf_subsystem *s = g_ptr_array_index(subsystems, i);

		if (s->deleting || !nvmf_subsystem_host_allowed(s, hostnqn))
			continue;
		for (unsigned j = 0; j < s->listeners->len; j++)
			add_entry(log, g_ptr_array_index(s->listeners, j), listen);
	}
	for (unsigned i = 0; i < tgt->referrals->len; i++)
		add_referral(log, g_ptr_array_index(tgt->referrals, i));
	header = (struct nvme_discovery_log *)log->data;
	header->genctr = tgt->genctr;
	header->numrec = log->len - 1;
	*len = log->len * (uint32_t)sizeof(struct nvme_discovery_entry);
	return g_array_free(log, FALSE);
}

void nvmf_discovery_set_filters(struct nvmf_tgt *tgt, unsigned filters)
{
	if (tgt->discovery_filters == filters)
		return;
	tgt->discovery_filters = filters;
	nvmf_discovery_changed(tgt);
}

unsigned nvmf_discovery_filters(const struct nvmf_tgt *tgt)
{
	return tgt->discovery_filters;
}

static void tell(struct reactor *r, void *arg)
{
	(void)r;
	nvmf_ctrlr_notice(arg, NVMF_NOTICE_DISCOVERY);
}

/*
 * A controller on the registry is freed by a later message to its owner, so
 * this one still finds it.
 */
void nvmf_discovery_changed(struct nvmf_tgt *tgt)
{
	struct nvmf_subsystem *s = nvmf_subsystem_find(tgt, NVME_DISCOVERY_NQN);

	tgt->genctr++;
	for (unsigned i = 0; s != NULL && i < s->priv->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(s->priv->ctrlrs, i);

		core_call(c->owner, tell, c);
	}
}
