/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe-oF targets as a whole: made, and shut down. Main reactor.
 *
 * The first target of a process owns the others, so that whoever made it need not
 * know of them. One that is being deleted leaves the list when it is gone.
 */
#include "target/nvmf/tgt.h"

#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/subsystem.h"

/* Bytes a reactor that admin commands have in any case; taken from the HAL when first needed. */
#define NVMF_ADMIN_BUFS ((size_t)4 << 20)

struct nvmf_tgt *nvmf_tgt_new(struct core *core, struct bdev_layer *bdevs,
			      const struct nvmf_tgt_options *options)
{
	struct nvmf_tgt *tgt = g_new0(struct nvmf_tgt, 1);
	const struct nvmf_subsystem_options discovery = {
		.nqn = NVME_DISCOVERY_NQN,
		.allow_any_host = true,
		.max_namespaces = 1,
	};

	tgt->core = core;
	tgt->first = tgt;
	tgt->others = g_ptr_array_new();
	tgt->bdevs = bdevs;
	tgt->started = hw_now(core->hw);
	tgt->name = g_strdup(options && options->name ? options->name : "nvmf_tgt");
	tgt->max_subsystems = options && options->max_subsystems ? options->max_subsystems : 1024;
	if (options) {
		tgt->discovery_filters = options->discovery_filters;
		tgt->dup_host_policy = options->dup_host_policy;
	}
	tgt->transports = g_ptr_array_new();
	tgt->subsystems = g_ptr_array_new();
	tgt->by_nqn = g_hash_table_new(g_str_hash, g_str_equal);
	tgt->identities = nvmf_identity_table();
	tgt->referrals = g_ptr_array_new_with_free_func(g_free);
	for (unsigned i = 0; i < core->nreactors; i++) {
		struct nvmf_group *g = g_new0(struct nvmf_group, 1);

		g->reactor = core->reactors[i];
		g->tgt = tgt;
		g->sgroups = g_ptr_array_new();
		g->ctrlrs = g_ptr_array_new();
		g->reserve = buf_pool_new(g->reactor, NVMF_ADMIN_BUFS);
		g->scratch = buf_pool_new(g->reactor, NVMF_SCRATCH_SIZE);
		tgt->groups[i] = g;
		tgt->homes[i] = g->reactor;
	}
	tgt->nhomes = core->nreactors;
	nvmf_subsystem_make(tgt, NVMF_SUBTYPE_DISCOVERY, &discovery);
	return tgt;
}

const char *nvmf_tgt_name(const struct nvmf_tgt *tgt)
{
	return tgt->name;
}

/* --- settings ------------------------------------------------------------------------------ */

void nvmf_tgt_set_max_subsystems(struct nvmf_tgt *tgt, uint32_t max)
{
	tgt->max_subsystems = max;
}

uint32_t nvmf_tgt_max_subsystems(const struct nvmf_tgt *tgt)
{
	return tgt->max_subsystems;
}

void nvmf_tgt_set_crdt(struct nvmf_tgt *tgt, const uint16_t crdt[3])
{
	memcpy(tgt->crdt, crdt, sizeof(tgt->crdt));
}

const uint16_t *nvmf_tgt_crdt(const struct nvmf_tgt *tgt)
{
	return tgt->crdt;
}

void nvmf_tgt_set_dup_host_policy(struct nvmf_tgt *tgt, enum nvmf_dup_host_policy policy)
{
	tgt->dup_host_policy = policy;
}

enum nvmf_dup_host_policy nvmf_tgt_dup_host_policy(const struct nvmf_tgt *tgt)
{
	return tgt->dup_host_policy;
}

bool nvmf_tgt_set_homes(struct nvmf_tgt *tgt, const bool takes[CORE_MAX_REACTORS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < tgt->core->nreactors; i++)
		n += takes[i];
	if (n == 0)
		return false;
	tgt->nhomes = 0;
	for (unsigned i = 0; i < tgt->core->nreactors; i++) {
		if (takes[i])
			tgt->homes[tgt->nhomes++] = tgt->core->reactors[i];
	}
	return true;
}

bool nvmf_tgt_is_home(const struct nvmf_tgt *tgt, unsigned reactor)
{
	for (unsigned i = 0; i < tgt->nhomes; i++) {
		if (tgt->homes[i]->index == reactor)
			return true;
	}
	return false;
}

bool nvmf_tgt_is_first(const struct nvmf_tgt *tgt)
{
	return tgt->first == tgt;
}

/* --- shutdown: subsystems, then the connections that belong to none ------------------------ */

static void finished(struct reactor *r, void *arg)
{
	struct nvmf_tgt *tgt = arg;

	(void)r;
	tgt->shutdown_done(tgt->shutdown_arg);
}

static void stop_next(void *arg)
{
	struct nvmf_tgt *tgt = arg;

	while (tgt->stopped < tgt->transports->len) {
		struct nvmf_transport *t = g_ptr_array_index(tgt->transports, tgt->stopped++);

		if (t->ops->stop != NULL) {
			t->ops->stop(t, stop_next, tgt);
			return;
		}
	}
	core_call(core_main(tgt->core), finished, tgt);
}

static void all_drained(struct nvmf_tgt *tgt)
{
	tgt->drained = NULL;
	stop_next(tgt);
}

static void kill_unassociated(struct reactor *r, void *arg)
{
	struct nvmf_group *g = nvmf_group_of(arg, r);
	struct nvmf_qpair *q = g->qpairs;

	g->closing = true;
	while (q != NULL) {
		struct nvmf_qpair *next = q->next;

		nvmf_qpair_kill(q);
		q = next;
	}
}

static void killed(void *arg)
{
	struct nvmf_tgt *tgt = arg;

	tgt->drained = all_drained;
	if (tgt->connections == 0)
		all_drained(tgt);
}

static void delete_next(void *arg, const GError *error)
{
	struct nvmf_tgt *tgt = arg;

	(void)error;
	for (unsigned i = 0; i < tgt->subsystems->len; i++) {
		struct nvmf_subsystem *s = g_ptr_array_index(tgt->subsystems, i);

		if (s == NULL)
			continue;
		if (s->deleting) {
			tgt->after_delete = true; /* somebody else deletes it: go on then */
			continue;
		}
		tgt->after_delete = false;
		nvmf_subsystem_delete(s, delete_next, tgt);
		return;
	}
	if (tgt->after_delete)
		return;
	core_broadcast(tgt->core, kill_unassociated, killed, tgt);
}

void nvmf_tgt_subsystem_freed(struct nvmf_tgt *tgt)
{
	if (tgt->shutting_down && tgt->after_delete) {
		tgt->after_delete = false;
		delete_next(tgt, NULL);
	}
}

/* The others first; the last of them to go calls back (drop_other). */
void nvmf_tgt_shutdown(struct nvmf_tgt *tgt, void (*done)(void *arg), void *arg)
{
	struct nvmf_tgt *other;

	tgt->shutting_down = true;
	tgt->shutdown_done = done;
	tgt->shutdown_arg = arg;
	while ((other = nvmf_tgt_nth(tgt->first, 1)) != NULL && tgt == tgt->first)
		nvmf_tgt_delete(other, NULL, NULL);
	if (tgt->others->len == 0)
		delete_next(tgt, NULL);
}

static void free_group(struct nvmf_tgt *tgt, unsigned i)
{
	struct nvmf_group *g = g_steal_pointer(&tgt->groups[i]);

	if (g == NULL)
		return;
	g_ptr_array_unref(g->sgroups);
	g_ptr_array_unref(g->ctrlrs);
	buf_pool_free(g->reserve);
	buf_pool_free(g->scratch);
	g_free(g);
}

void nvmf_tgt_free(struct nvmf_tgt *tgt)
{
	if (tgt == NULL)
		return;
	for (unsigned i = 0; i < tgt->others->len; i++)
		nvmf_tgt_free(g_ptr_array_index(tgt->others, i));
	g_ptr_array_unref(tgt->others);
	for (unsigned i = 0; i < tgt->transports->len; i++) {
		struct nvmf_transport *t = g_ptr_array_index(tgt->transports, i);

		g_ptr_array_unref(t->ports);
		g_free(t);
	}
	/* Only when the core was never started; a shutdown leaves none. */
	for (unsigned i = 0; i < tgt->subsystems->len; i++) {
		if (g_ptr_array_index(tgt->subsystems, i) != NULL)
			nvmf_subsystem_free(g_ptr_array_index(tgt->subsystems, i));
	}
	for (unsigned i = 0; i < tgt->core->nreactors; i++)
		free_group(tgt, i);
	g_ptr_array_unref(tgt->transports);
	g_ptr_array_unref(tgt->subsystems);
	g_hash_table_unref(tgt->by_nqn);
	g_hash_table_unref(tgt->identities);
	g_ptr_array_unref(tgt->referrals);
	g_free(tgt->name);
	g_free(tgt);
}

/* --- further targets ------------------------------------------------------------------------ */

struct nvmf_tgt *nvmf_tgt_nth(struct nvmf_tgt *first, unsigned n)
{
	if (n == 0)
		return first;
	for (unsigned i = 0; i < first->others->len; i++) {
		struct nvmf_tgt *tgt = g_ptr_array_index(first->others, i);

		if (!tgt->shutting_down && --n == 0)
			return tgt;
	}
	return NULL;
}

struct nvmf_tgt *nvmf_tgt_add(struct nvmf_tgt *first, const struct nvmf_tgt_options *options,
			      GError **error)
{
	struct nvmf_tgt *tgt;

	if (first->shutting_down) {
		weft_error_set(error, -ESHUTDOWN, NULL, "the target is shutting down");
		return NULL;
	}
	for (unsigned i = 0; (tgt = nvmf_tgt_nth(first, i)) != NULL; i++) {
		if (strcmp(tgt->name, options->name) != 0)
			continue;
		weft_error_set(error, -EEXIST, NULL,
			       "there is a target \"%s\" already; nvmf_get_targets lists them",
			       options->name);
		return NULL;
	}
	tgt = nvmf_tgt_new(first->core, first->bdevs, options);
	tgt->first = first;
	nvmf_tgt_listen(tgt, first->event, first->event_arg);
	g_ptr_array_add(first->others, tgt);
	return tgt;
}

struct tgt_deletion {
	struct nvmf_tgt *tgt;
	nvmf_done done;
	void *arg;
};

static void drop_group(struct reactor *r, void *arg)
{
	free_group(arg, r->index);
}

static void drop_other(void *arg)
{
	g_autofree struct tgt_deletion *d = ((struct nvmf_tgt *)arg)->shutdown_arg;
	struct nvmf_tgt *first = d->tgt->first;

	g_ptr_array_remove(first->others, d->tgt);
	nvmf_tgt_free(d->tgt);
	if (d->done != NULL)
		d->done(d->arg, NULL);
	if (first->shutting_down && first->others->len == 0)
		delete_next(first, NULL);
}

/* What has been sent to the reactors about it arrives there before this. */
static void other_is_down(void *arg)
{
	struct tgt_deletion *d = arg;

	core_broadcast(d->tgt->core, drop_group, drop_other, d->tgt);
}

void nvmf_tgt_delete(struct nvmf_tgt *tgt, nvmf_done done, void *arg)
{
	struct tgt_deletion *d;
	GError *error = NULL;

	if (tgt == tgt->first) {
		weft_error_set(&error, -EBUSY, NULL,
			       "\"%s\" is the target that the process begins and ends with; its "
			       "subsystems can be deleted, one by one",
			       tgt->name);
		nvmf_fail_later(tgt, done, arg, error);
		return;
	}
	d = g_new0(struct tgt_deletion, 1);
	*d = (struct tgt_deletion){ tgt, done, arg };
	nvmf_tgt_shutdown(tgt, other_is_down, d);
}
