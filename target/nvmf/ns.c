/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Namespaces: added, resized and removed while others do I/O.
 *
 * A change is a message to every reactor, which replaces that reactor's copy;
 * when all have done so the connected hosts are told. Removal stops admission on
 * every reactor, waits for that namespace's own I/O there, and for nothing else.
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/core/trace.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

struct ns_op {
	struct nvmf_subsystem *s;
	struct nvmf_ns *ns; /* NULL: it may be gone */
	struct nvmf_ns_info *info;
	uint32_t nsid;
	bool restricted; /* of the namespace */
	unsigned left; /* reactors that have not answered */
	bool failed[CORE_MAX_REACTORS];
	uint32_t *nsid_out;
	nvmf_done done;
	void *arg;
	GError *error;
};

static struct nvmf_sgroup *sgroup_of(struct nvmf_subsystem *s, struct reactor *r)
{
	return g_ptr_array_index(nvmf_group_of(s->tgt, r)->sgroups, s->index);
}

static struct nvmf_ns_group *ns_group(struct nvmf_subsystem *s, struct reactor *r, uint32_t nsid)
{
	return &sgroup_of(s, r)->ns[nsid - 1];
}

static void set_state(struct reactor *r, struct nvmf_ns_group *ng, uint32_t nsid,
		      enum nvmf_ns_state state)
{
	trace_write(r->trace, TRACE_NS_STATE, nsid, (uint64_t)ng->state << 8 | state);
	ng->state = (uint8_t)state;
	nvmf_ns_look_again(ng);
}

struct nvmf_ns_info *nvmf_ns_make_info(const struct nvmf_ns *ns, uint64_t blocks)
{
	const struct bdev *b = bdev_desc_bdev(ns->desc);
	struct nvmf_ns_info *info = g_new0(struct nvmf_ns_info, 1);

	info->refs = 1;
	info->nsid = ns->nsid;
	info->blocks = blocks;
	info->block_size = b->block_size;
	info->physical_block_size = b->physical_block_size;
	info->preferred = b->preferred;
	info->optimal_io_boundary = b->optimal_io_boundary;
	info->anagrpid = ns->anagrpid;
	info->supported = b->supported;
	info->write_cache = b->write_cache;
	info->read_only = ns->read_only || ns->priv->write_protected ||
			  (b->supported & 1u << BDEV_WRITE) == 0;
	info->restricted = ns->no_auto_visible;
	memcpy(info->uuid, ns->uuid, sizeof(info->uuid));
	memcpy(info->nguid, ns->nguid, sizeof(info->nguid));
	memcpy(info->eui64, ns->eui64, sizeof(info->eui64));
	return info;
}

bool nvmf_ns_write_protected(const struct nvmf_ns *ns)
{
	return ns->priv->write_protected;
}

/* Every controller on this reactor that sees the namespace hears of the change. */
static void notify(struct reactor *r, void *arg)
{
	struct ns_op *op = arg;
	struct nvmf_group *g = nvmf_group_of(op->s->tgt, r);

	for (unsigned i = 0; i < g->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(g->ctrlrs, i);

		if (c->subsystem == op->s && c->state == NVMF_CTRLR_LIVE &&
		    nvmf_ctrlr_sees(c, op->nsid, op->restricted))
			nvmf_ctrlr_ns_changed(c, op->nsid);
	}
}

static struct ns_op *new_op(struct nvmf_ns *ns, nvmf_done done, void *arg)
{
	struct ns_op *op = g_new0(struct ns_op, 1);

	op->s = ns->subsystem;
	op->nsid = ns->nsid;
	op->restricted = ns->no_auto_visible;
	op->done = done;
	op->arg = arg;
	op->s->priv->pending++;
	return op;
}

static void finish(struct ns_op *op)
{
	struct nvmf_subsystem *s = op->s;

	s->priv->pending--;
	if (op->info != NULL)
		nvmf_ns_info_unref(op->info);
	if (op->done != NULL)
		op->done(op->arg, op->error);
	g_clear_error(&op->error);
	g_free(op);
	nvmf_subsystem_step(s);
}

/* --- removal ------------------------------------------------------------------------------ */

static void free_ns(struct nvmf_ns *ns)
{
	ns->subsystem->nss[ns->nsid - 1] = NULL;
	nvmf_identity_release(ns);
	bdev_close(ns->desc);
	nvmf_ns_info_unref(ns->priv->info);
	g_ptr_array_unref(ns->hosts);
	g_free(ns->priv);
	g_free(ns);
}

static void tell_event(const struct nvmf_ns *ns, enum nvmf_event event)
{
	nvmf_event(ns->subsystem, event, "nsid=%u bdev=%s", ns->nsid,
		   bdev_desc_bdev(ns->desc)->name);
}

static void one_removed(struct reactor *r, void *arg)
{
	struct ns_op *op = arg;

	(void)r;
	if (--op->left > 0)
		return;
	tell_event(op->ns, NVMF_EVENT_NS_REMOVE);
	free_ns(op->ns);
	finish(op);
}

static void drained(struct nvmf_ns_group *ng)
{
	struct ns_op *op = ng->drained_arg;

	set_state(ng->channel->reactor, ng, op->nsid, NVMF_NS_NONE);
	bdev_channel_put(ng->channel);
	ng->channel = NULL;
	ng->drained = NULL;
	core_call(core_main(op->s->tgt->core), one_removed, op);
}

static void stop_admitting(struct reactor *r, void *arg)
{
	struct ns_op *op = arg;
	struct nvmf_ns_group *ng = ns_group(op->s, r, op->nsid);

	set_state(r, ng, op->nsid, NVMF_NS_DRAINING);
	sgroup_of(op->s, r)->ana_changes++;
	nvmf_ns_info_unref(g_steal_pointer(&ng->info));
	ng->drained = drained;
	ng->drained_arg = op;
	notify(r, op);
	if (ng->inflight == 0)
		drained(ng);
	else
		bdev_channel_hurry(ng->channel);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void remove_ns(struct nvmf_ns *ns, nvmf_done done, void *arg)
{
	struct ns_op *op = new_op(ns, done, arg);

	op->ns = ns;
	op->left = op->s->tgt->core->nreactors;
	ns->removing = true;
	core_broadcast(op->s->tgt->core, stop_admitting, nothing, op);
}

struct nvmf_ns *nvmf_ns_find(struct nvmf_subsystem *s, uint32_t nsid, GError **error)
{
	struct nvmf_ns *ns = nsid - 1 < s->max_namespaces ? s->nss[nsid - 1] : NULL;

	if (ns != NULL && !ns->removing && !ns->priv->adding)
		return ns;
	if (ns == NULL || ns->removing)
		weft_error_set(error, RPC_INVALID_PARAMS, NULL, "%s has no namespace %u%s", s->nqn, nsid,
			       ns ? " any more: it is being removed" : "");
	else
		weft_error_set(error, -EBUSY, NULL, "namespace %u is still being added", nsid);
	return NULL;
}

void nvmf_subsystem_remove_ns(struct nvmf_subsystem *s, uint32_t nsid, nvmf_done done, void *arg)
{
	GError *error = NULL;
	struct nvmf_ns *ns = nvmf_ns_find(s, nsid, &error);

	if (ns != NULL)
		remove_ns(ns, done, arg);
	else
		nvmf_fail_later(s->tgt, done, arg, error);
}

/* --- size and removal of the bdev ----------------------------------------------------------- */

static void apply_size(struct reactor *r, void *arg)
{
	struct ns_op *op = arg;
	struct nvmf_ns_group *ng = ns_group(op->s, r, op->nsid);

	if (ng->state != NVMF_NS_ACTIVE)
		return;
	bdev_channel_set_blocks(ng->channel, op->info->blocks);
	nvmf_ns_info_unref(ng->info);
	ng->info = nvmf_ns_info_ref(op->info);
}

static void op_notified(void *arg)
{
	finish(arg);
}

static void size_applied(void *arg)
{
	struct ns_op *op = arg;

	core_broadcast(op->s->tgt->core, notify, op_notified, op);
}

static void bdev_resized(struct bdev_desc *desc, uint64_t blocks, void *user)
{
	struct nvmf_ns *ns = user;
	struct ns_op *op;

	(void)desc;
	if (ns->removing)
		return;
	nvmf_ns_info_unref(ns->priv->info);
	ns->priv->info = nvmf_ns_make_info(ns, blocks);
	op = new_op(ns, NULL, NULL);
	op->info = nvmf_ns_info_ref(ns->priv->info);
	core_broadcast(op->s->tgt->core, apply_size, size_applied, op);
}

static void bdev_removed(struct bdev_desc *desc, void *user)
{
	struct nvmf_ns *ns = user;

	(void)desc;
	log_notice(ns->subsystem->tgt->core->log, "nvmf", "bdev removed, namespace goes",
		   "subnqn=%s nsid=%u", ns->subsystem->nqn, ns->nsid);
	if (ns->priv->adding)
		ns->priv->bdev_gone = true;
	else if (!ns->removing)
		remove_ns(ns, NULL, NULL);
}

static const struct bdev_events ns_events = { .resized = bdev_resized, .removed = bdev_removed };

/* --- adding ---------------------------------------------------------------------------------- */

static void activate(struct reactor *r, void *arg)
{
	struct ns_op *op = arg;
	struct nvmf_ns_group *ng = ns_group(op->s, r, op->nsid);

	ng->channel = bdev_channel_get(bdev_desc_bdev(op->ns->desc), r);
	if (ng->channel == NULL) {
		op->failed[r->index] = true;
		return;
	}
	nvmf_counts_start(ng);
	ng->info = nvmf_ns_info_ref(op->info);
	ng->anagrpid = op->info->anagrpid;
	ng->read_only = op->info->read_only;
	ng->restricted = op->info->restricted;
	sgroup_of(op->s, r)->ana_changes++;
	set_state(r, ng, op->nsid, NVMF_NS_ACTIVE);
}

static void undo(struct reactor *r, void *arg)
{
	struct ns_op *op = arg;
	struct nvmf_ns_group *ng = ns_group(op->s, r, op->nsid);

	if (op->failed[r->index])
		return;
	set_state(r, ng, op->nsid, NVMF_NS_NONE);
	nvmf_ns_info_unref(g_steal_pointer(&ng->info));
	bdev_channel_put(g_steal_pointer(&ng->channel));
}

static void undone(void *arg)
{
	struct ns_op *op = arg;

	weft_error_set(&op->error, -ENOMEM, NULL,
		       "no I/O channel to bdev %s on every reactor: out of memory",
		       bdev_desc_bdev(op->ns->desc)->name);
	free_ns(op->ns);
	finish(op);
}

static void added(void *arg)
{
	struct ns_op *op = arg;
	struct nvmf_ns *ns = op->ns;

	ns->priv->adding = false;
	tell_event(ns, NVMF_EVENT_NS_ADD);
	if (op->nsid_out != NULL)
		*op->nsid_out = op->nsid;
	if (ns->priv->bdev_gone)
		remove_ns(ns, NULL, NULL);
	finish(op);
}

static void activated(void *arg)
{
	struct ns_op *op = arg;
	struct core *core = op->s->tgt->core;

	for (unsigned i = 0; i < core->nreactors; i++) {
		if (op->failed[i]) {
			core_broadcast(core, undo, undone, op);
			return;
		}
	}
	core_broadcast(core, notify, added, op);
}

static bool choose_nsid(struct nvmf_subsystem *s, uint32_t *nsid, GError **error)
{
	if (*nsid > s->max_namespaces)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "nsid is %u; %s has room for 1 to %u (max_namespaces)", *nsid,
				      s->nqn, s->max_namespaces);
	if (*nsid != 0 && s->nss[*nsid - 1] != NULL)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "nsid %u is in use in %s", *nsid,
				      s->nqn);
	if (*nsid != 0)
		return true;
	for (uint32_t i = 0; i < s->max_namespaces; i++) {
		if (s->nss[i] == NULL) {
			*nsid = i + 1;
			return true;
		}
	}
	return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
			      "%s is full: it has %u namespaces (max_namespaces)", s->nqn,
			      s->max_namespaces);
}

/* Not given, or zero: derived, so that it is the same wherever this data is served. */
static void set_ids(struct nvmf_ns *ns, const struct nvmf_ns_options *o)
{
	static const uint8_t zero[16];
	const uint8_t *uuid = o->uuid && memcmp(o->uuid, zero, sizeof(zero)) ? o->uuid : NULL;
	const uint8_t *nguid = o->nguid && memcmp(o->nguid, zero, sizeof(zero)) ? o->nguid : NULL;

	memcpy(ns->uuid, uuid ? uuid : bdev_desc_bdev(ns->desc)->uuid, sizeof(ns->uuid));
	memcpy(ns->nguid, nguid ? nguid : ns->uuid, sizeof(ns->nguid));
	if (o->eui64 != NULL)
		memcpy(ns->eui64, o->eui64, sizeof(ns->eui64));
}

/* What make_ns made so far. */
static void drop_ns(struct nvmf_ns *ns)
{
	if (ns->desc != NULL)
		bdev_close(ns->desc);
	g_ptr_array_unref(ns->hosts);
	g_free(ns->priv);
	g_free(ns);
}

static bool can_add(struct nvmf_subsystem *s, const struct nvmf_ns_options *o, uint32_t *nsid,
		    GError **error)
{
	*nsid = o->nsid;
	if (s->subtype != NVMF_SUBTYPE_NVM || s->deleting)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "%s cannot have namespaces%s",
				      s->nqn, s->deleting ? ": it is being deleted" : "");
	if (o->anagrpid > s->max_namespaces)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "anagrpid is %u; %s has groups 1 to %u (max_namespaces)",
				      o->anagrpid, s->nqn, s->max_namespaces);
	return choose_nsid(s, nsid, error);
}

static struct nvmf_ns *make_ns(struct nvmf_subsystem *s, const struct nvmf_ns_options *o,
			       GError **error)
{
	g_autofree char *owner = NULL;
	uint32_t nsid;
	struct nvmf_ns *ns;

	if (!can_add(s, o, &nsid, error))
		return NULL;
	ns = g_new0(struct nvmf_ns, 1);
	ns->subsystem = s;
	ns->nsid = nsid;
	ns->anagrpid = o->anagrpid ? o->anagrpid : nsid;
	ns->read_only = o->read_only;
	ns->no_auto_visible = o->no_auto_visible;
	ns->hosts = g_ptr_array_new_with_free_func(g_free);
	ns->priv = g_new0(struct nvmf_ns_priv, 1);
	ns->priv->adding = true;
	ns->priv->write_protected = o->write_protected;
	ns->desc = bdev_open(s->tgt->bdevs, o->bdev_name, true, &ns_events, ns, error);
	if (ns->desc != NULL)
		set_ids(ns, o);
	if (ns->desc == NULL || !nvmf_identity_claim(ns, error)) {
		drop_ns(ns);
		return NULL;
	}
	owner = g_strdup_printf("namespace %u of %s", nsid, s->nqn);
	bdev_desc_set_owner(ns->desc, owner);
	ns->priv->info = nvmf_ns_make_info(ns, bdev_desc_bdev(ns->desc)->num_blocks);
	s->nss[nsid - 1] = ns;
	for (unsigned i = 0; i < s->priv->ctrlrs->len; i++)
		nvmf_ns_show(ns, g_ptr_array_index(s->priv->ctrlrs, i));
	return ns;
}

void nvmf_subsystem_add_ns(struct nvmf_subsystem *s, const struct nvmf_ns_options *options,
			   uint32_t *nsid, nvmf_done done, void *arg)
{
	GError *error = NULL;
	struct nvmf_ns *ns = make_ns(s, options, &error);
	struct ns_op *op;

	if (ns == NULL) {
		nvmf_fail_later(s->tgt, done, arg, error);
		return;
	}
	op = new_op(ns, done, arg);
	op->ns = ns;
	op->info = nvmf_ns_info_ref(ns->priv->info);
	op->nsid_out = nsid;
	core_broadcast(s->tgt->core, activate, activated, op);
}
