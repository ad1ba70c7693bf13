/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asymmetric namespace access as the administrator changes it. Main reactor.
 *
 * A state is stored at once: commands that come from then on are answered by it.
 * Then the controllers of that listener are told, once a change. Where a path has
 * been closed, what came through it before is waited for (fence.h): who asked
 * hears of it when no write of that path can reach a backend any more. A state
 * that stays as it was is told to nobody, but waited for again.
 */
#include "target/nvmf/ana.h"

#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/fence.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

struct nvmf_ana *nvmf_ana_new(uint32_t ngroups)
{
	struct nvmf_ana *ana = g_malloc0(sizeof(*ana) + ngroups + 1);

	ana->refs = 1;
	ana->ngroups = ngroups;
	for (uint32_t i = 0; i <= ngroups; i++)
		ana->state[i] = NVME_ANA_OPTIMIZED;
	return ana;
}

struct nvmf_ana *nvmf_ana_ref(struct nvmf_ana *ana)
{
	atomic_fetch_add_explicit(&ana->refs, 1, memory_order_relaxed);
	return ana;
}

void nvmf_ana_unref(struct nvmf_ana *ana)
{
	if (ana != NULL && atomic_fetch_sub_explicit(&ana->refs, 1, memory_order_acq_rel) == 1)
		g_free(ana);
}

enum nvme_ana_state nvmf_listener_ana_state(const struct nvmf_listener *l, uint32_t anagrpid)
{
	return nvmf_ana_state(l->ana, anagrpid);
}

struct ana_op {
	struct nvmf_subsystem *s;
	struct nvmf_ana *ana;	   /* of controllers to tell; NULL: all */
	struct nvmf_ns_info *info; /* of a namespace that changes its group, or NULL */
	bool closes;		   /* paths; fence tells which */
	struct nvmf_fence_key fence;
	nvmf_done done;
	void *arg;
};

static void finished(void *arg)
{
	struct ana_op *op = arg;
	struct nvmf_subsystem *s = op->s;

	nvmf_ana_unref(op->ana);
	if (op->info != NULL)
		nvmf_ns_info_unref(op->info);
	op->done(op->arg, NULL);
	g_free(op);
	s->priv->pending--;
	nvmf_subsystem_step(s);
}

/* The new state is known everywhere. */
static void told(void *arg)
{
	struct ana_op *op = arg;

	if (op->closes)
		nvmf_fence(op->s, &op->fence, finished, op);
	else
		finished(op);
}

static struct ana_op *begin(struct nvmf_subsystem *s, nvmf_done done, void *arg)
{
	struct ana_op *op = g_new0(struct ana_op, 1);

	*op = (struct ana_op){ .s = s, .done = done, .arg = arg };
	s->priv->pending++;
	return op;
}

/* Whoever is not live yet looks at everything when it is. */
static void tell(struct reactor *r, void *arg)
{
	const struct ana_op *op = arg;
	struct nvmf_group *g = nvmf_group_of(op->s->tgt, r);

	for (unsigned i = 0; i < g->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(g->ctrlrs, i);

		if (c->subsystem != op->s || c->state != NVMF_CTRLR_LIVE)
			continue;
		if (op->ana != NULL && c->ana != op->ana)
			continue;
		if (op->info == NULL || nvmf_ctrlr_ns(c, c->sgroup, op->info->nsid) != NULL)
			nvmf_ctrlr_notice(c, NVMF_NOTICE_ANA);
	}
}

static bool check_group(const struct nvmf_subsystem *s, uint32_t anagrpid, uint32_t min,
			GError **error)
{
	if (!s->ana_reporting)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "%s reports no ANA; create it with ana_reporting", s->nqn);
	if (anagrpid < min || anagrpid > s->max_namespaces)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "anagrpid is %u; %s has groups 1 to %u (max_namespaces)",
				      anagrpid, s->nqn, s->max_namespaces);
	return true;
}

/* --- the state of a listener's groups ------------------------------------------------------ */

static struct nvmf_listener *find_listener(const struct nvmf_subsystem *s,
					   const struct nvmf_trid *trid, GError **error)
{
	for (unsigned i = 0; i < s->listeners->len; i++) {
		struct nvmf_listener *l = g_ptr_array_index(s->listeners, i);

		if (!strcmp(l->trid.trtype, trid->trtype) &&
		    net_addr_equal(&l->trid.addr, &trid->addr))
			return l;
	}
	weft_error_set(error, RPC_INVALID_PARAMS, NULL, "%s does not listen on %s:%s", s->nqn,
		       trid->traddr, trid->trsvcid);
	return NULL;
}

static uint32_t is_closed(enum nvme_ana_state state)
{
	return nvmf_ana_status(state) != NVME_SUCCESS;
}

static bool store(struct nvmf_ana *ana, uint32_t anagrpid, enum nvme_ana_state state)
{
	uint32_t first = anagrpid ? anagrpid : 1, last = anagrpid ? anagrpid : ana->ngroups;
	bool changed = false;

	for (uint32_t i = first; i <= last; i++) {
		enum nvme_ana_state before = nvmf_ana_state(ana, i);

		if (before == state)
			continue;
		atomic_store_explicit(&ana->state[i], (uint8_t)state, memory_order_relaxed);
		atomic_fetch_add_explicit(&ana->closed,
					  is_closed(state) - is_closed(before), memory_order_relaxed);
		changed = true;
	}
	if (changed)
		atomic_fetch_add_explicit(&ana->changes, 1, memory_order_release);
	return changed;
}

static const char *state_name(enum nvme_ana_state state)
{
	switch (state) {
	case NVME_ANA_OPTIMIZED:
		return "optimized";
	case NVME_ANA_NON_OPTIMIZED:
		return "non_optimized";
	case NVME_ANA_INACCESSIBLE:
		return "inaccessible";
	default:
		return "change";
	}
}

static void nothing(struct reactor *r, void *arg)
{
	(void)r;
	(void)arg;
}

void nvmf_subsystem_set_ana_state(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				  enum nvme_ana_state state, uint32_t anagrpid, nvmf_done done,
				  void *arg)
{
	struct nvmf_listener *l = NULL;
	GError *error = NULL;
	struct ana_op *op;
	bool changed;

	if (check_group(s, anagrpid, 0, &error))
		l = find_listener(s, trid, &error);
	if (l == NULL) {
		nvmf_fail_later(s->tgt, done, arg, error);
		return;
	}
	op = begin(s, done, arg);
	op->ana = nvmf_ana_ref(l->ana);
	op->closes = nvmf_ana_status(state) != NVME_SUCCESS;
	op->fence = (struct nvmf_fence_key){ .ana = op->ana, .anagrpid = anagrpid };
	changed = store(l->ana, anagrpid, state);
	if (changed)
		nvmf_event(s, NVMF_EVENT_ANA_CHANGE,
			   "traddr=%s trsvcid=%s group=%u state=%s", l->trid.traddr,
			   l->trid.trsvcid, anagrpid, state_name(state));
	core_broadcast(s->tgt->core, changed ? tell : nothing, told, op);
}

/* --- the group of a namespace ---------------------------------------------------------------- */

static void apply_group(struct reactor *r, void *arg)
{
	const struct ana_op *op = arg;
	struct nvmf_group *g = nvmf_group_of(op->s->tgt, r);
	struct nvmf_sgroup *sg = g_ptr_array_index(g->sgroups, op->s->index);
	struct nvmf_ns_group *ng = &sg->ns[op->info->nsid - 1];

	if (ng->state != NVMF_NS_ACTIVE)
		return;
	nvmf_ns_info_unref(ng->info);
	ng->info = nvmf_ns_info_ref(op->info);
	ng->anagrpid = op->info->anagrpid;
	sg->ana_changes++;
}

static void applied(void *arg)
{
	struct ana_op *op = arg;

	core_broadcast(op->s->tgt->core, tell, told, op);
}

void nvmf_subsystem_set_ns_ana_group(struct nvmf_subsystem *s, uint32_t nsid, uint32_t anagrpid,
				     nvmf_done done, void *arg)
{
	struct nvmf_ns *ns = NULL;
	GError *error = NULL;
	struct ana_op *op;

	if (check_group(s, anagrpid, 1, &error))
		ns = nvmf_ns_find(s, nsid, &error);
	if (ns == NULL) {
		nvmf_fail_later(s->tgt, done, arg, error);
		return;
	}
	op = begin(s, done, arg);
	op->closes = true;
	op->fence = (struct nvmf_fence_key){ .lost_group = anagrpid, .nsid = nsid };
	if (ns->anagrpid == anagrpid) {
		core_broadcast(s->tgt->core, nothing, told, op);
		return;
	}
	ns->anagrpid = anagrpid;
	nvmf_event(s, NVMF_EVENT_ANA_CHANGE, "nsid=%u group=%u", nsid, anagrpid);
	op->info = nvmf_ns_make_info(ns, ns->priv->info->blocks);
	nvmf_ns_info_unref(ns->priv->info);
	ns->priv->info = nvmf_ns_info_ref(op->info);
	core_broadcast(s->tgt->core, apply_group, applied, op);
}
