/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: which reactors serve a device's connections. Those on processors of its
 * NUMA node, if there are any; else all, as is the case where nothing is known of nodes.
 * Main reactor.
 *
 * The table of a device is made when the device comes and again whenever a reactor has
 * opened its context, so that choosing is one look into it.
 */
#include "target/nvmf/rdma.h"
#include "target/nvmf/tgt.h"

/* Processors that a reactor can be pinned to. */
#define CPUS 1024

/* As weftd -m has it: "8-11,24". Caller frees. */
static char *cpus_of(struct hw_env *env, int node)
{
	GString *s = g_string_new(NULL);

	for (int cpu = 0, first = -1; cpu <= CPUS; cpu++) {
		bool is = cpu < CPUS && env->ops->cpu_node(env, cpu) == node;

		if (is && first < 0)
			first = cpu;
		if (is || first < 0)
			continue;
		g_string_append_printf(s, "%s%d", s->len > 0 ? "," : "", first);
		if (cpu - 1 > first)
			g_string_append_printf(s, "-%d", cpu - 1);
		first = -1;
	}
	return g_string_free(s, FALSE);
}

/* What would have the device served from near. Caller frees. */
static char *way_out(const struct core *core, int node)
{
	g_autofree char *cpus = NULL;

	for (unsigned i = 0; i < core->nreactors; i++) {
		if (core->reactors[i]->node == node)
			return g_strdup_printf("poll_groups_mask (nvmf_set_config) with reactor %u",
					       i);
	}
	cpus = cpus_of(core->hw->env, node);
	if (cpus[0] == '\0')
		return g_strdup_printf("node %d has no processor: another slot for the device",
				       node);
	return g_strdup_printf("weftd -m with processors of node %d, which are [%s]", node, cpus);
}

static void say_far(const struct rdma_dev *d)
{
	const struct core *core = d->rt->t.tgt->core;
	g_autofree char *fix = way_out(core, d->info.numa_node);

	log_warn(core->log, "nvmf.rdma", "no reactor is near the device: all serve it, from afar",
		 "device=%s node=%d fix=\"%s\"", d->info.name, d->info.numa_node, fix);
}

static void say_near(const struct rdma_dev *d)
{
	g_autoptr(GString) list = g_string_new(NULL);

	for (unsigned i = 0; i < d->nnear; i++)
		g_string_append_printf(list, "%s%u", i > 0 ? ", " : "", d->near[i]->index);
	log_notice(d->rt->t.tgt->core->log, "nvmf.rdma", "reactors near the device",
		   "device=%s node=%d reactors=\"%s\"", d->info.name, d->info.numa_node, list->str);
}

void rdma_near_find(struct rdma_dev *d)
{
	const struct rdma_transport *rt = d->rt;
	const struct nvmf_tgt *tgt = rt->t.tgt;

	d->nnear = 0;
	for (unsigned i = 0; i < tgt->nhomes && d->info.numa_node >= 0; i++) {
		struct reactor *r = tgt->homes[i];

		if (r->node == d->info.numa_node && rt->ctxs[r->index] != NULL)
			d->near[d->nnear++] = r;
	}
	if (d->info.numa_node < 0 || d->near_said || rt->opening > 0)
		return;
	d->near_said = true;
	(d->nnear > 0 ? say_near : say_far)(d);
}

void rdma_near_find_all(struct rdma_transport *rt)
{
	for (struct rdma_dev *d = rt->devs; d != NULL; d = d->next)
		rdma_near_find(d);
}

/* As Connect would (route_io), if the host says whose queue it is; else in turn. */
struct reactor *rdma_near_choose(struct rdma_dev *d, const struct rdma_ask *ask)
{
	struct rdma_transport *rt = d->rt;
	unsigned *turn = d->nnear > 0 ? &d->next_near : &rt->next_reactor;
	unsigned n = ask->cntlid != 0 ? (unsigned)ask->cntlid + ask->qid : (*turn)++;
	struct reactor *home;

	if (d->nnear > 0)
		return d->near[n % d->nnear];
	home = nvmf_tgt_home(rt->t.tgt, n);
	return rt->ctxs[home->index] != NULL ? home : core_main(rt->t.tgt->core);
}
