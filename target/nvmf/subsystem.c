/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Subsystems: creation, hosts, and removal in steps (controllers killed,
 * namespaces removed, copies on the reactors dropped, freed). Listeners are in
 * listener.c, namespaces in ns.c.
 */
#include "target/nvmf/subsystem.h"

#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/tgt.h"

struct nvmf_ctrlr_waiter {
	GPtrArray *ctrlrs; /* that have not gone yet */
	nvmf_done done;
	void *arg;
};

/* --- creation ------------------------------------------------------------------------- */

static void add_sgroup(struct reactor *r, void *arg)
{
	struct nvmf_subsystem *s = arg;
	struct nvmf_group *g = nvmf_group_of(s->tgt, r);
	size_t size = sizeof(struct nvmf_sgroup) + s->max_namespaces * sizeof(struct nvmf_ns_group);
	struct nvmf_sgroup *sg = g_aligned_alloc0(1, size, 64);

	sg->group = g;
	sg->subsystem = s;
	sg->max_namespaces = s->max_namespaces;
	if (g->sgroups->len <= s->index)
		g_ptr_array_set_size(g->sgroups, (int)s->index + 1);
	g->sgroups->pdata[s->index] = sg;
}

static void nothing(void *arg)
{
	(void)arg;
}

static uint32_t free_index(struct nvmf_tgt *tgt)
{
	for (unsigned i = 0; i < tgt->subsystems->len; i++) {
		if (g_ptr_array_index(tgt->subsystems, i) == NULL)
			return i;
	}
	g_ptr_array_add(tgt->subsystems, NULL);
	return tgt->subsystems->len - 1;
}

struct nvmf_subsystem *nvmf_subsystem_make(struct nvmf_tgt *tgt, enum nvmf_subtype subtype,
					   const struct nvmf_subsystem_options *options)
{
	struct nvmf_subsystem *s = g_new0(struct nvmf_subsystem, 1);

	s->tgt = tgt;
	s->subtype = subtype;
	g_strlcpy(s->nqn, options->nqn, sizeof(s->nqn));
	g_strlcpy(s->serial, options->serial_number ? options->serial_number : "00000000000000000000",
		  sizeof(s->serial));
	g_strlcpy(s->model, options->model_number ? options->model_number : "weft controller",
		  sizeof(s->model));
	s->index = free_index(tgt);
	s->max_namespaces = options->max_namespaces ? options->max_namespaces : 32;
	s->allow_any_host = options->allow_any_host;
	s->ana_reporting = options->ana_reporting;
	s->enable_nssr = options->enable_nssr;
	s->admin_label = g_strdup(options->admin_label);
	s->dmrsl = options->dmrsl;
	s->wzsl = options->wzsl;
	s->min_cntlid = options->min_cntlid ? options->min_cntlid : NVMF_MIN_CNTLID;
	s->max_cntlid = options->max_cntlid ? options->max_cntlid : NVMF_MAX_CNTLID;
	s->listeners = g_ptr_array_new_with_free_func(nvmf_listener_free);
	s->hosts = g_ptr_array_new_with_free_func(g_free);
	s->nss = g_new0(struct nvmf_ns *, s->max_namespaces);
	s->priv = g_new0(struct nvmf_subsystem_priv, 1);
	s->priv->ctrlrs = g_ptr_array_new();
	s->priv->waiters = g_ptr_array_new();
	tgt->subsystems->pdata[s->index] = s;
	g_hash_table_insert(tgt->by_nqn, s->nqn, s);
	core_broadcast(tgt->core, add_sgroup, nothing, s);
	return s;
}

static bool refuse(GError **error, int code, const char *nqn, const char *detail)
{
	g_autofree char *message = g_strdup_printf("Unable to create subsystem %s", nqn);

	return weft_error_set(error, code, message, "%s", detail);
}

static bool printable(const char *s)
{
	for (; *s; s++) {
		if (*s < 0x20 || *s > 0x7e)
			return false;
	}
	return true;
}

static bool check_options(struct nvmf_tgt *tgt, const struct nvmf_subsystem_options *o,
			  GError **error)
{
	const char *why = nvme_subnqn_check(o->nqn);
	g_autofree char *range = NULL;
	uint16_t min = o->min_cntlid ? o->min_cntlid : NVMF_MIN_CNTLID;
	uint16_t max = o->max_cntlid ? o->max_cntlid : NVMF_MAX_CNTLID;

	if (why != NULL)
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn, why);
	if (nvmf_subsystem_find(tgt, o->nqn) != NULL)
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn, "a subsystem of that NQN exists");
	if (g_hash_table_size(tgt->by_nqn) > tgt->max_subsystems)
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn,
			      "the target has as many subsystems as it may (nvmf_set_max_subsystems)");
	if (o->serial_number && (strlen(o->serial_number) > 20 || !printable(o->serial_number)))
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn,
			      "serial_number must be at most 20 printable ASCII characters");
	if (o->model_number && (strlen(o->model_number) > 40 || !printable(o->model_number)))
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn,
			      "model_number must be at most 40 printable ASCII characters");
	if (o->admin_label &&
	    (strlen(o->admin_label) > NVMF_ADMIN_LABEL_MAX || !printable(o->admin_label)))
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn,
			      "admin_label must be at most " G_STRINGIFY(
				      NVMF_ADMIN_LABEL_MAX) " printable ASCII characters");
	if (o->max_namespaces > NVMF_MAX_NSID)
		return refuse(error, RPC_INTERNAL_ERROR, o->nqn,
			      "max_namespaces must be at most " G_STRINGIFY(NVMF_MAX_NSID));
	if (min > max || max > NVMF_MAX_CNTLID) {
		range = g_strdup_printf("Invalid cntlid range [%u-%u]", min, max);
		return weft_error_set(error, RPC_INVALID_PARAMS, range,
				      "min_cntlid to max_cntlid must lie in 1 to 65519, in this order");
	}
	return true;
}

struct nvmf_subsystem *nvmf_subsystem_create(struct nvmf_tgt *tgt,
					     const struct nvmf_subsystem_options *options,
					     GError **error)
{
	struct nvmf_subsystem *s;

	if (tgt->shutting_down) {
		refuse(error, RPC_INTERNAL_ERROR, options->nqn, "the target is shutting down");
		return NULL;
	}
	if (!check_options(tgt, options, error))
		return NULL;
	s = nvmf_subsystem_make(tgt, NVMF_SUBTYPE_NVM, options);
	nvmf_event(s, NVMF_EVENT_SUBSYSTEM_ADD, "%s", "");
	nvmf_discovery_changed(tgt);
	return s;
}

struct nvmf_subsystem *nvmf_subsystem_find(struct nvmf_tgt *tgt, const char *nqn)
{
	return g_hash_table_lookup(tgt->by_nqn, strcmp(nqn, "discovery") ? nqn : NVME_DISCOVERY_NQN);
}

static int by_nqn(const void *a, const void *b)
{
	const struct nvmf_subsystem *const *x = a, *const *y = b;

	return strcmp((*x)->nqn, (*y)->nqn);
}

GPtrArray *nvmf_subsystems(struct nvmf_tgt *tgt)
{
	GPtrArray *list = g_ptr_array_new();

	for (unsigned i = 0; i < tgt->subsystems->len; i++) {
		struct nvmf_subsystem *s = g_ptr_array_index(tgt->subsystems, i);

		if (s != NULL)
			g_ptr_array_add(list, s);
	}
	g_ptr_array_sort(list, by_nqn);
	return list;
}

/* --- controllers leaving --------------------------------------------------------------- */

static void kill_ctrlr(struct reactor *r, void *arg)
{
	(void)r;
	nvmf_ctrlr_kill(arg);
}

static void call_done(struct reactor *r, void *arg)
{
	struct nvmf_ctrlr_waiter *w = arg;

	(void)r;
	w->done(w->arg, NULL);
	g_ptr_array_unref(w->ctrlrs);
	g_free(w);
}

void nvmf_subsystem_kill_ctrlrs(struct nvmf_subsystem *s,
				bool (*match)(const struct nvmf_ctrlr *c, const void *key),
				const void *key, nvmf_done done, void *arg)
{
	struct nvmf_ctrlr_waiter *w = g_new0(struct nvmf_ctrlr_waiter, 1);

	*w = (struct nvmf_ctrlr_waiter){ g_ptr_array_new(), done, arg };
	for (unsigned i = 0; i < s->priv->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(s->priv->ctrlrs, i);

		if (match == NULL || match(c, key)) {
			g_ptr_array_add(w->ctrlrs, c);
			core_call(c->owner, kill_ctrlr, c);
		}
	}
	if (w->ctrlrs->len == 0)
		core_call(core_main(s->tgt->core), call_done, w);
	else
		g_ptr_array_add(s->priv->waiters, w);
}

void nvmf_subsystem_ctrlr_gone(struct nvmf_subsystem *s, struct nvmf_ctrlr *c)
{
	for (unsigned i = 0; i < s->priv->waiters->len;) {
		struct nvmf_ctrlr_waiter *w = g_ptr_array_index(s->priv->waiters, i);

		g_ptr_array_remove(w->ctrlrs, c);
		if (w->ctrlrs->len > 0) {
			i++;
			continue;
		}
		g_ptr_array_remove_index(s->priv->waiters, i);
		core_call(core_main(s->tgt->core), call_done, w);
	}
}

/* --- removal ------------------------------------------------------------------------------ */

struct deletion {
	struct nvmf_subsystem *s;
	nvmf_done done;
	void *arg;
};

static void drop_sgroup(struct reactor *r, void *arg)
{
	struct deletion *d = arg;
	struct nvmf_group *g = nvmf_group_of(d->s->tgt, r);
	struct nvmf_sgroup *sg = g_ptr_array_index(g->sgroups, d->s->index);

	nvmf_counts_free(sg);
	g_aligned_free(sg);
	g->sgroups->pdata[d->s->index] = NULL;
}

void nvmf_subsystem_free(struct nvmf_subsystem *s)
{
	g_ptr_array_unref(s->listeners);
	g_ptr_array_unref(s->hosts);
	g_ptr_array_unref(s->priv->ctrlrs);
	g_ptr_array_unref(s->priv->waiters);
	g_free(s->admin_label);
	g_free(s->priv);
	g_free(s->nss);
	g_free(s);
}

static void dropped(void *arg)
{
	struct deletion *d = arg;
	struct nvmf_tgt *tgt = d->s->tgt;

	tgt->subsystems->pdata[d->s->index] = NULL;
	if (d->s->subtype == NVMF_SUBTYPE_NVM)
		nvmf_event(d->s, NVMF_EVENT_SUBSYSTEM_REMOVE, "%s", "");
	nvmf_subsystem_free(d->s);
	d->done(d->arg, NULL);
	g_free(d);
	nvmf_tgt_subsystem_freed(tgt);
}

static void remove_namespaces(void *arg, const GError *error);

/* One at a time; an operation on one that is under way already is waited for. */
static void remove_next(struct deletion *d)
{
	struct nvmf_subsystem *s = d->s;

	for (uint32_t i = 0; i < s->max_namespaces; i++) {
		if (s->nss[i] != NULL && !s->nss[i]->removing && !s->nss[i]->priv->adding) {
			nvmf_subsystem_remove_ns(s, i + 1, remove_namespaces, d);
			return;
		}
	}
	if (s->priv->pending > 0) {
		s->priv->deletion = d;
		return;
	}
	core_broadcast(s->tgt->core, drop_sgroup, dropped, d);
}

static void remove_namespaces(void *arg, const GError *error)
{
	(void)error;
	remove_next(arg);
}

void nvmf_subsystem_step(struct nvmf_subsystem *s)
{
	struct deletion *d = g_steal_pointer(&s->priv->deletion);

	if (d != NULL)
		remove_next(d);
}

void nvmf_subsystem_delete(struct nvmf_subsystem *s, nvmf_done done, void *arg)
{
	struct deletion *d = g_new0(struct deletion, 1);

	*d = (struct deletion){ s, done, arg };
	s->deleting = true;
	g_hash_table_remove(s->tgt->by_nqn, s->nqn);
	while (s->listeners->len > 0)
		nvmf_listener_drop(s, s->listeners->len - 1);
	nvmf_discovery_changed(s->tgt);
	nvmf_subsystem_kill_ctrlrs(s, NULL, NULL, remove_namespaces, d);
}

/* --- hosts ------------------------------------------------------------------------------------ */

static bool find_host(const struct nvmf_subsystem *s, const char *hostnqn, unsigned *index)
{
	for (unsigned i = 0; i < s->hosts->len; i++) {
		if (!strcmp(g_ptr_array_index(s->hosts, i), hostnqn)) {
			*index = i;
			return true;
		}
	}
	return false;
}

bool nvmf_subsystem_add_host(struct nvmf_subsystem *s, const char *hostnqn, GError **error)
{
	const char *why = nvme_nqn_check(hostnqn);
	unsigned i;

	if (why != NULL)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "host: %s", why);
	if (!find_host(s, hostnqn, &i)) {
		g_ptr_array_add(s->hosts, g_strdup(hostnqn));
		nvmf_event(s, NVMF_EVENT_HOST_ADD, "host=%s", hostnqn);
		nvmf_discovery_changed(s->tgt);
	}
	return true;
}

static bool of_host(const struct nvmf_ctrlr *c, const void *key)
{
	return !strcmp(c->hostnqn, key);
}

void nvmf_subsystem_remove_host(struct nvmf_subsystem *s, const char *hostnqn, nvmf_done done,
				void *arg)
{
	unsigned i;

	if (find_host(s, hostnqn, &i)) {
		g_ptr_array_remove_index(s->hosts, i);
		nvmf_event(s, NVMF_EVENT_HOST_REMOVE, "host=%s", hostnqn);
		nvmf_discovery_changed(s->tgt);
	}
	nvmf_subsystem_kill_ctrlrs(s, of_host, hostnqn, done, arg);
}

bool nvmf_subsystem_allow_any_host(struct nvmf_subsystem *s, bool allow, GError **error)
{
	(void)error;
	if (s->allow_any_host != allow) {
		s->allow_any_host = allow;
		nvmf_event(s, allow ? NVMF_EVENT_HOST_ADD : NVMF_EVENT_HOST_REMOVE, "host=*");
		nvmf_discovery_changed(s->tgt);
	}
	return true;
}
