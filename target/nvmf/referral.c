/* SPDX-License-Identifier: BSD-3-Clause */
/* Referrals: other discovery services that this one names in its log. Main reactor. */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/tgt.h"

#define MAX_REFERRALS 1024

static bool find(const struct nvmf_tgt *tgt, const struct nvmf_trid *trid, const char *subnqn,
		 unsigned *index)
{
	for (unsigned i = 0; i < tgt->referrals->len; i++) {
		const struct nvmf_referral *r = g_ptr_array_index(tgt->referrals, i);

		if (!strcmp(r->trid.trtype, trid->trtype) && !strcmp(r->subnqn, subnqn) &&
		    net_addr_equal(&r->trid.addr, &trid->addr)) {
			*index = i;
			return true;
		}
	}
	return false;
}

static const char *nqn_or_discovery(const char *subnqn)
{
	return subnqn == NULL || !strcmp(subnqn, "discovery") ? NVME_DISCOVERY_NQN : subnqn;
}

bool nvmf_discovery_add_referral(struct nvmf_tgt *tgt, const struct nvmf_trid *trid,
				 const char *subnqn, bool secure_channel, GError **error)
{
	const char *nqn = nqn_or_discovery(subnqn);
	const char *why = nvme_nqn_check(nqn);
	struct nvmf_referral *r;
	unsigned i;

	if (why != NULL)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "subnqn: %s", why);
	if (net_addr_is_any(&trid->addr))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "traddr is %s; a referral names an address that hosts can "
				      "connect to",
				      trid->traddr);
	if (find(tgt, trid, nqn, &i))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "there is a referral to %s at %s:%s already", nqn,
				      trid->traddr, trid->trsvcid);
	if (tgt->referrals->len == MAX_REFERRALS)
		return weft_error_set(error, -ENOSPC, NULL, "there are %u referrals already",
				      MAX_REFERRALS);
	r = g_new0(struct nvmf_referral, 1);
	r->trid = *trid;
	r->secure_channel = secure_channel;
	g_strlcpy(r->subnqn, nqn, sizeof(r->subnqn));
	g_ptr_array_add(tgt->referrals, r);
	nvmf_discovery_changed(tgt);
	return true;
}

bool nvmf_discovery_remove_referral(struct nvmf_tgt *tgt, const struct nvmf_trid *trid,
				    const char *subnqn, GError **error)
{
	const char *nqn = nqn_or_discovery(subnqn);
	unsigned i;

	if (!find(tgt, trid, nqn, &i))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "there is no referral to %s at %s:%s", nqn, trid->traddr,
				      trid->trsvcid);
	g_ptr_array_remove_index(tgt->referrals, i);
	nvmf_discovery_changed(tgt);
	return true;
}

GPtrArray *nvmf_discovery_referrals(struct nvmf_tgt *tgt)
{
	return tgt->referrals;
}
