/* SPDX-License-Identifier: BSD-3-Clause */
/* The NVMe-oF target as a whole: made, and shut down. Main reactor. */
#include "target/nvmf/tgt.h"

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
	tgt->bdevs = bdevs;
	tgt->started = hw_now(core->hw);
	tgt->name = g_strdup(options && options->name ? options->name : "nvmf_tgt");
	tgt->max_subsystems = options && options->max_subsystems ? options->max_subsystems : 1024;
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
	}
	nvmf_subsystem_make(tgt, NVMF_SUBTYPE_DISCOVERY, &discovery);
	return tgt;
}

const char *nvmf_tgt_name(const struct nvmf_tgt *tgt)
{
	return tgt->name;
}

/* --- shutdown: subsystems, then the connections that belong to none ------------------------ */

static void finished(struct reactor *r, void *arg)
{
	struct nvmf_tgt *tgt = arg;

	(void)r;
	tgt->shutdown_done(tgt->shutdown_arg);
}

static void all_drained(struct nvmf_tgt *tgt)
{
	tgt->drained = NULL;
	core_call(core_main(tgt->core), finished, tgt);
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

void nvmf_tgt_shutdown(struct nvmf_tgt *tgt, void (*done)(void *arg), void *arg)
{
	tgt->shutting_down = true;
	tgt->shutdown_done = done;
	tgt->shutdown_arg = arg;
	delete_next(tgt, NULL);
}

void nvmf_tgt_free(struct nvmf_tgt *tgt)
{
	if (tgt == NULL)
		return;
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
	for (unsigned i = 0; i < tgt->core->nreactors; i++) {
		g_ptr_array_unref(tgt->groups[i]->sgroups);
		g_ptr_array_unref(tgt->groups[i]->ctrlrs);
		buf_pool_free(tgt->groups[i]->reserve);
		buf_pool_free(tgt->groups[i]->scratch);
		g_free(tgt->groups[i]);
	}
	g_ptr_array_unref(tgt->transports);
	g_ptr_array_unref(tgt->subsystems);
	g_hash_table_unref(tgt->by_nqn);
	g_hash_table_unref(tgt->identities);
	g_ptr_array_unref(tgt->referrals);
	g_free(tgt->name);
	g_free(tgt);
}
