/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle A: what the administrator was told has been done has been done, and what
 * is connected is what the configuration allows.
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"
#include "target/rpc/json.h"

/* A change reaches all reactors, and hosts that were told of it, in this time. */
#define SETTLED (200 * WORLD_MS)

/* What takes a host's controllers away before it is answered. */
#define REMOVES "nvmf_subsystem_remove_host"

/* Calls of which each that succeeds changes the discovery log. */
static bool moves_genctr(const char *method)
{
	static const char *const methods[] = { "nvmf_create_subsystem", "nvmf_delete_subsystem",
					       "nvmf_subsystem_add_listener",
					       "nvmf_subsystem_remove_listener" };

	for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++) {
		if (!strcmp(method, methods[i]))
			return true;
	}
	return false;
}

static const struct nvmf_listener *listener_of(const struct nvmf_subsystem *s, uint16_t portid)
{
	for (unsigned i = 0; i < s->listeners->len; i++) {
		const struct nvmf_listener *l = s->listeners->pdata[i];

		if (l->portid == portid)
			return l;
	}
	return NULL;
}

/* Controllers that nobody may have, of one subsystem. */
static void check_ctrlrs(struct run *run, const struct nvmf_subsystem *s, bool listeners)
{
	for (unsigned i = 0; i < s->priv->ctrlrs->len && !run->failed; i++) {
		const struct nvmf_ctrlr *c = s->priv->ctrlrs->pdata[i];

		if (!nvmf_subsystem_host_allowed(s, c->hostnqn))
			run_fail(run, RUN_SAFETY, "A",
				 "%s has controller %u of %s, which may not use it", s->nqn,
				 c->cntlid, c->hostnqn);
		else if (listeners && listener_of(s, c->portid) == NULL)
			run_fail(run, RUN_SAFETY, "A",
				 "%s has controller %u of %s, by a listener that has gone", s->nqn,
				 c->cntlid, c->hostnqn);
	}
}

static void check_subsystems(struct run *run, struct run_target *t, bool listeners)
{
	g_autoptr(GPtrArray) list = nvmf_subsystems(t->target->nvmf);

	for (unsigned i = 0; i < list->len; i++) {
		const struct nvmf_subsystem *s = list->pdata[i];

		if (s->subtype == NVMF_SUBTYPE_NVM)
			check_ctrlrs(run, s, listeners);
	}
}

void run_config_call(struct run_target *t, const struct scn_call *call, bool begins)
{
	if (strcmp(call->method, REMOVES) != 0)
		return;
	if (begins)
		t->removals++;
	else if (call->client == SCN_CLIENT_GOOD)
		t->removals--;
}

static void adds(struct run_target *t, const struct jv *ns)
{
	const struct jv *id = jv_member(ns, "nsid"), *name = jv_member(ns, "bdev_name");
	const struct bdev *b = NULL;
	bool negative;
	uint64_t nsid;

	if (id == NULL || id->type != JV_NUMBER || name == NULL || name->str == NULL ||
	    jv_integer(id, &negative, &nsid) != JV_INT_OK || negative || nsid > RUN_NSIDS)
		return;
	if (!t->down)
		b = bdev_find(t->target->bdevs, name->str);
	/* It may be made just now. */
	if (b == NULL || (t->ns_block[nsid] != 0 && t->ns_block[nsid] != b->block_size))
		oracle_wire_block_sizes_change(t->run->wire, (uint32_t)nsid);
	else
		t->ns_block[nsid] = b->block_size;
}

void run_config_adds(struct run_target *t, const struct scn_call *call)
{
	struct jv_doc *doc;

	if (strcmp(call->method, "nvmf_subsystem_add_ns") != 0 || call->params == NULL)
		return;
	doc = jv_parse(call->params, strlen(call->params), 0, NULL);
	if (doc == NULL)
		return;
	adds(t, jv_member(jv_root(doc), "namespace"));
	jv_doc_unref(doc);
}

uint64_t run_config_genctr(const struct run_target *t)
{
	return t->down ? 0 : t->target->nvmf->genctr;
}

uint64_t run_config_open(const struct run_target *t)
{
	g_autoptr(GPtrArray) list = t->down ? g_ptr_array_new() : nvmf_subsystems(t->target->nvmf);
	uint32_t open = 0;

	for (unsigned i = 0; i < list->len; i++) {
		const struct nvmf_subsystem *s = list->pdata[i];

		if (s->allow_any_host)
			open ^= g_str_hash(s->nqn);
	}
	return (uint64_t)list->len << 32 | open;
}

void run_config_done(struct run *run, struct run_target *t, const char *method, uint64_t genctr,
		     uint64_t open)
{
	uint64_t now = run_config_open(t);

	if (t->down)
		return;
	/* One that is being deleted goes after its records have. */
	if ((moves_genctr(method) || (open != now && open >> 32 == now >> 32)) && t->target->nvmf->genctr <= genctr)
		run_fail(run, RUN_SAFETY, "A",
			 "%s succeeded, and the generation counter of the discovery log stands at "
			 "%" G_GUINT64_FORMAT,
			 method, genctr);
	if (!strcmp(method, REMOVES) && t->removals == 1)
		check_subsystems(run, t, false);
}

static bool sees(const struct run_host *h, uint32_t nsid)
{
	const struct nvmf_subsystem *s =
		nvmf_subsystem_find(h->target->target->nvmf, h->s->subnqn);

	return s->nss[nsid - 1] != NULL && run_ns_allowed(s->nss[nsid - 1], h->hostnqn);
}

/* What a host knows of a namespace is what it is. */
static void check_known(struct run *run, const struct run_host *h, uint32_t nsid)
{
	const struct host_ns *ns = host_ctrlr_ns(h->ctrlr, nsid);
	struct bdev *b = NULL;

	counts_add(run->counts, "rule.A.identity", 1);
	if (!run_target_ns(h->target, h->s->subnqn, nsid, &b) || !sees(h, nsid))
		b = NULL;
	if (b == NULL || ns == NULL) {
		if ((b != NULL) != (ns != NULL))
			run_fail(run, RUN_SAFETY, "A", "host %s %s namespace %u, which is%s there",
				 h->s->name, ns != NULL ? "knows of" : "does not know of", nsid,
				 b != NULL ? "" : " not, or hidden");
		return;
	}
	if (memcmp(ns->uuid, b->uuid, sizeof(ns->uuid)) != 0 || ns->blocks != b->num_blocks ||
	    ns->block_size != b->block_size)
		run_fail(run, RUN_SAFETY, "A",
			 "host %s knows namespace %u with %" G_GUINT64_FORMAT
			 " blocks of %u bytes; it is %s with %" G_GUINT64_FORMAT " of %u%s",
			 h->s->name, nsid, ns->blocks, ns->block_size, b->name, b->num_blocks,
			 b->block_size,
			 memcmp(ns->uuid, b->uuid, sizeof(ns->uuid)) != 0 ? ", of another UUID"
									  : "");
}

void run_config_check(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		const struct run_host *h = run->hosts->pdata[i];

		for (uint32_t nsid = 1; h->live && !h->gone && nsid <= RUN_NSIDS; nsid++)
			check_known(run, h, nsid);
	}
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		if (!t->down)
			check_subsystems(run, t, true);
	}
}

bool run_config_settled(const struct run *run, const struct run_target *t, uint64_t since)
{
	return run->disturbed == 0 && t->ns_calls == 0 && since > run->calm_since + SETTLED &&
	       since > t->ns_changed_at + SETTLED;
}
