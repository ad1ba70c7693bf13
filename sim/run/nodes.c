/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the nodes of a scenario, with their targets, hosts and links, and ends them in order. */
#include <string.h>

#include "sim/run/run-priv.h"

bool run_target_boot(struct run_target *t)
{
	const struct scn_target *s = t->s;
	int cpus[CORE_MAX_REACTORS];
	const struct target_options options = {
		.core = { .nreactors = (unsigned)s->reactors,
			  .cpus = s->numa_cpus > 0 ? cpus : NULL,
			  .buf_limit = s->buf_limit },
		.rpc_path = RUN_RPC_PATH,
		.state_path = run_keep_path(t),
		.state_trouble = run_keep_trouble,
		.state_arg = t,
	};
	const struct core_options admin = { .nreactors = 1, .trace_records = 64 };
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < CORE_MAX_REACTORS; i++)
		cpus[i] = i;
	run_rnics_boot(t);
	t->target = target_new(world_node_hw(t->node), &options, &error);
	t->admin = error == NULL ? core_new(world_node_hw(t->node), &admin, &error) : NULL;
	if (error != NULL || !core_start(t->admin, &error)) {
		run_fail(t->run, RUN_SAFETY, "E", "target %s: %s", s->name, error->message);
		return false;
	}
	g_free(t->seen);
	t->seen = g_new0(uint32_t, s->reactors);
	return true;
}

static void add_addresses(struct run *run, struct world_node *node, const struct codec_list *list)
{
	for (unsigned i = 0; i < list->n; i++) {
		const char *addr = ((const char **)list->items)[i];

		if (!world_node_add_addr(node, addr))
			run_fail(run, RUN_SAFETY, "E", "address %s is in use already", addr);
	}
}

/* An RNIC beside the first is in a box of its own, which that machine's software uses. */
static void make_nics(struct run_target *t)
{
	const struct scn_nic *nics = t->s->nics.items;

	for (unsigned i = 0; i < t->s->nics.n; i++) {
		t->nics[i] = world_node_new(t->run->world, nics[i].name);
		add_addresses(t->run, t->nics[i], &nics[i].addresses);
		run_rnic_put(t->run, t->nics[i], nics[i].rnic, i + 1, t->s->reactors);
	}
}

static struct run_target *make_target(struct run *run, const struct scn_target *s)
{
	struct run_target *t = g_new0(struct run_target, 1);
	const struct world_limits limits = { .max_fds = (unsigned)s->max_fds };

	t->run = run;
	t->s = s;
	t->node = world_node_new(run->world, s->name);
	g_ptr_array_add(run->targets, t);
	add_addresses(run, t->node, &s->addresses);
	run_files_new(t);
	run_rnic_put(run, t->node, s->rnic, 0, s->reactors);
	make_nics(t);
	world_node_set_numa(t->node, (unsigned)s->numa_cpus);
	if (run->failed || !run_target_boot(t))
		return t;
	world_node_set_limits(t->node, &limits);
	if (s->keep_config)
		run_keep_load(t, false);
	return t;
}

static bool is_in(const struct codec_list *addresses, const char *traddr)
{
	for (unsigned i = 0; i < addresses->n; i++) {
		if (!strcmp(((const char **)addresses->items)[i], traddr))
			return true;
	}
	return false;
}

static struct run_target *whose(struct run *run, const char *traddr)
{
	for (unsigned i = 0; traddr != NULL && i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];
		const struct scn_nic *nics = t->s->nics.items;

		if (is_in(&t->s->addresses, traddr))
			return t;
		for (unsigned j = 0; j < t->s->nics.n; j++) {
			if (is_in(&nics[j].addresses, traddr))
				return t;
		}
	}
	return run->targets->pdata[0];
}

static void make_host(struct run *run, const struct scn_host *s)
{
	struct run_host *h = g_new0(struct run_host, 1);
	const struct core_options options = { .nreactors = (unsigned)s->reactors };
	g_autoptr(GError) error = NULL;

	h->run = run;
	h->s = s;
	h->index = run->hosts->len;
	h->target = whose(run, s->traddr);
	h->node = world_node_new(run->world, s->name);
	g_ptr_array_add(run->hosts, h);
	h->hostnqn = s->hostnqn != NULL
			     ? g_strdup(s->hostnqn)
			     : g_strdup_printf("nqn.2014-08.org.nvmexpress:uuid:00000000-"
					       "0000-4000-8000-%012x",
					       h->index);
	if (!world_node_add_addr(h->node, s->address))
		run_fail(run, RUN_SAFETY, "E", "address %s is in use already", s->address);
	run_rnic_put(run, h->node, s->rnic, 0, s->reactors);
	run_rnic_boot(run, h->node, &s->address, 1, false);
	h->core = core_new(world_node_hw(h->node), &options, &error);
	if (error != NULL || !core_start(h->core, &error))
		run_fail(run, RUN_SAFETY, "E", "host %s: %s", s->name, error->message);
}

void run_link_params(const struct scn_link *l, struct world_link_params *p)
{
	world_link_default(p);
	p->latency_ns = l->latency;
	p->jitter_ns = l->jitter;
	p->bytes_per_sec = l->bytes_per_sec;
	p->seg_min = (uint32_t)l->seg_min;
	p->seg_max = (uint32_t)MAX(l->seg_min, l->seg_max);
	p->sndbuf = (uint32_t)l->sndbuf;
	p->rcvbuf = (uint32_t)l->rcvbuf;
	p->short_send_ppm = (uint32_t)l->short_send_ppm;
	p->short_recv_ppm = (uint32_t)l->short_recv_ppm;
	p->corrupt_ppm = (uint32_t)l->corrupt_ppm;
	p->stall_ppm = (uint32_t)l->stall_ppm;
	p->stall_ns = l->stall;
	p->refuse_ppm = (uint32_t)l->refuse_ppm;
	p->unreachable = l->unreachable;
	p->loss_ppm = (uint32_t)l->loss_ppm;
	p->dup_ppm = (uint32_t)l->dup_ppm;
	p->reorder_ppm = (uint32_t)l->reorder_ppm;
	p->reorder_ns = l->reorder;
	p->flip_ppm = (uint32_t)l->flip_ppm;
	p->queue_bytes = (uint32_t)l->queue_bytes;
	p->ecn_ppm = (uint32_t)l->ecn_ppm;
	p->ecn_bytes = (uint32_t)l->ecn_bytes;
	p->mtu = (uint32_t)l->mtu;
	p->mtu_silent = l->mtu_silent;
	p->down = l->down;
}

static void each_node(struct run *run, struct world_node *only,
		      void (*fn)(struct run *run, struct world_node *node, void *arg), void *arg)
{
	if (only != NULL) {
		fn(run, only, arg);
		return;
	}
	for (unsigned i = 0; i < run->targets->len; i++) {
		const struct run_target *t = run->targets->pdata[i];

		fn(run, t->node, arg);
		for (unsigned j = 0; j < t->s->nics.n; j++)
			fn(run, t->nics[j], arg);
	}
	for (unsigned i = 0; i < run->hosts->len; i++)
		fn(run, ((struct run_host *)run->hosts->pdata[i])->node, arg);
	for (unsigned i = 0; i < run->raws->len; i++)
		fn(run, run_raw_node(run, i), arg);
}

struct set_link {
	struct world_node *from, *to;
	const struct world_link_params *params;
	bool one_way;
};

static void set_to(struct run *run, struct world_node *node, void *arg)
{
	struct set_link *set = arg;

	(void)run;
	if (node == set->from)
		return;
	world_link_set(set->from, node, set->params);
	if (!set->one_way)
		world_link_set(node, set->from, set->params);
}

static void set_from(struct run *run, struct world_node *node, void *arg)
{
	struct set_link *set = arg;

	set->from = node;
	each_node(run, set->to, set_to, set);
}

void run_link_apply(struct run *run, const struct scn_link *l, const char *from, const char *to)
{
	struct world_link_params params;
	struct set_link set = { .to = run_node_find(run, to),
				.params = &params,
				.one_way = l->one_way };

	run_link_params(l, &params);
	each_node(run, run_node_find(run, from), set_from, &set);
}

/* As the scenario has them when nothing is broken. */
void run_links(struct run *run)
{
	const struct scn_link *links = run->s->links.items;
	struct scn_link plain = { 0 };
	struct world_link_params params;

	if (run->s->network != NULL)
		plain = *run->s->network;
	if (run->s->network != NULL)
		run_link_params(&plain, &params);
	else
		world_link_default(&params);
	world_link_set_all(run->world, &params);
	/* Administrators are on the same machine: their way is the default's. */
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct world_node *node = ((struct run_target *)run->targets->pdata[i])->node;

		world_link_default(&params);
		params.latency_ns = 2 * WORLD_US;
		params.bytes_per_sec = 0;
		world_link_set(node, node, &params);
	}
	for (unsigned i = 0; i < run->s->links.n; i++)
		run_link_apply(run, &links[i], links[i].from, links[i].to);
}

bool run_make_nodes(struct run *run)
{
	const struct scn_target *targets = run->s->targets.items;
	const struct scn_host *hosts = run->s->hosts.items;

	for (unsigned i = 0; i < run->s->targets.n && !run->failed; i++)
		make_target(run, &targets[i]);
	for (unsigned i = 0; i < run->s->hosts.n && !run->failed; i++)
		make_host(run, &hosts[i]);
	if (!run->failed) {
		run_raws_new(run);
		run_links(run);
	}
	return !run->failed;
}

/* --- the end ------------------------------------------------------------------------------ */

static void target_down(void *arg)
{
	struct run_target *t = arg;

	t->down = true;
	t->run->pending--;
}

/* pending counts the targets that are not down yet. */
void run_shutdown(struct run *run)
{
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		run->pending++;
		target_shutdown(t->target, target_down, t);
	}
}

void run_free_nodes(struct run *run)
{
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		target_free(t->target);
		core_free(t->admin);
		g_free(t->seen);
		g_free(t->kept);
		g_free(t);
	}
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		core_free(h->core);
		g_free(h->hostnqn);
		g_free(h->why);
		g_free(h->probe);
		run_paths_free(h);
		g_free(h);
	}
	run_raws_free(run);
}
