/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which hosts see a namespace that was added with no_auto_visible. Main reactor.
 *
 * Each controller has a byte for each namespace, which is stored here at once:
 * commands that come from then on are answered by it. Then the controllers of
 * that host are told that the namespace came or went. Who asked hears of it when
 * all reactors have done so and, where it went, the host's commands that came
 * before have ended (fence.h).
 */
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/fence.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

static bool find_host(const struct nvmf_ns *ns, const char *hostnqn, unsigned *index)
{
	for (unsigned i = 0; i < ns->hosts->len; i++) {
		if (!strcmp(g_ptr_array_index(ns->hosts, i), hostnqn)) {
			*index = i;
			return true;
		}
	}
	return false;
}

void nvmf_ns_show(const struct nvmf_ns *ns, struct nvmf_ctrlr *c)
{
	unsigned i;
	uint8_t sees = !ns->no_auto_visible || find_host(ns, c->hostnqn, &i);

	if (c->visible == NULL)
		return;
	atomic_store_explicit(&c->visible[ns->nsid - 1], sees, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->visible_changes, 1, memory_order_release);
}

void nvmf_ctrlr_show_all(struct nvmf_ctrlr *c)
{
	const struct nvmf_subsystem *s = c->subsystem;

	c->visible = g_malloc0(s->max_namespaces);
	for (uint32_t i = 0; i < s->max_namespaces; i++) {
		if (s->nss[i] != NULL)
			nvmf_ns_show(s->nss[i], c);
	}
}

/* --- the list of a namespace -------------------------------------------------------------------
 */

struct host_op {
	struct nvmf_subsystem *s;
	uint32_t nsid;
	char *hostnqn;
	bool hides;
	nvmf_done done;
	void *arg;
};

static void tell(struct reactor *r, void *arg)
{
	const struct host_op *op = arg;
	struct nvmf_group *g = nvmf_group_of(op->s->tgt, r);

	for (unsigned i = 0; i < g->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(g->ctrlrs, i);

		if (c->subsystem == op->s && c->state == NVMF_CTRLR_LIVE &&
		    !strcmp(c->hostnqn, op->hostnqn))
			nvmf_ctrlr_ns_changed(c, op->nsid);
	}
}

static void nothing(struct reactor *r, void *arg)
{
	(void)r;
	(void)arg;
}

static void finished(void *arg)
{
	struct host_op *op = arg;
	struct nvmf_subsystem *s = op->s;

	op->done(op->arg, NULL);
	g_free(op->hostnqn);
	g_free(op);
	s->priv->pending--;
	nvmf_subsystem_step(s);
}

static void told(void *arg)
{
	struct host_op *op = arg;
	const struct nvmf_fence_key key = { .hostnqn = op->hostnqn, .nsid = op->nsid };

	if (op->hides)
		nvmf_fence(op->s, &key, finished, op);
	else
		finished(op);
}

static void change(struct nvmf_ns *ns, const char *hostnqn, bool hides, bool changed,
		   nvmf_done done, void *arg)
{
	struct nvmf_subsystem *s = ns->subsystem;
	struct host_op *op = g_new0(struct host_op, 1);

	*op = (struct host_op){ s, ns->nsid, g_strdup(hostnqn), hides, done, arg };
	for (unsigned i = 0; i < s->priv->ctrlrs->len && changed; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(s->priv->ctrlrs, i);

		if (!strcmp(c->hostnqn, hostnqn))
			nvmf_ns_show(ns, c);
	}
	s->priv->pending++;
	core_broadcast(s->tgt->core, changed ? tell : nothing, told, op);
}

static struct nvmf_ns *find_ns(struct nvmf_subsystem *s, uint32_t nsid, const char *hostnqn,
			       GError **error)
{
	struct nvmf_ns *ns = nvmf_ns_find(s, nsid, error);
	const char *why = nvme_nqn_check(hostnqn);

	if (ns == NULL)
		return NULL;
	if (why != NULL) {
		weft_error_set(error, RPC_INVALID_PARAMS, NULL, "host: %s", why);
		return NULL;
	}
	if (!ns->no_auto_visible) {
		weft_error_set(error, RPC_INVALID_PARAMS, NULL,
			       "every host sees namespace %u of %s; only one that was added with "
			       "no_auto_visible has a list of hosts",
			       nsid, s->nqn);
		return NULL;
	}
	return ns;
}

static void set_host(struct nvmf_subsystem *s, uint32_t nsid, const char *hostnqn, bool remove,
		     nvmf_done done, void *arg)
{
	GError *error = NULL;
	struct nvmf_ns *ns = find_ns(s, nsid, hostnqn, &error);
	unsigned i;
	bool changed;

	if (ns == NULL) {
		nvmf_fail_later(s->tgt, done, arg, error);
		return;
	}
	changed = find_host(ns, hostnqn, &i) == remove;
	if (changed && remove)
		g_ptr_array_remove_index(ns->hosts, i);
	else if (changed)
		g_ptr_array_add(ns->hosts, g_strdup(hostnqn));
	change(ns, hostnqn, remove, changed, done, arg);
}

void nvmf_ns_add_host(struct nvmf_subsystem *s, uint32_t nsid, const char *hostnqn, nvmf_done done,
		      void *arg)
{
	set_host(s, nsid, hostnqn, false, done, arg);
}

void nvmf_ns_remove_host(struct nvmf_subsystem *s, uint32_t nsid, const char *hostnqn,
			 nvmf_done done, void *arg)
{
	set_host(s, nsid, hostnqn, true, done, arg);
}
