/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes: a name, the three seams, addresses, and the last log lines.
 */
#include <inttypes.h>
#include <string.h>

#include "sim/roce-priv.h"
#include "sim/tcp.h"

/* Each node has its own range of I/O virtual addresses: one of another is a bug that shows. */
#define NODE_IOVA_SPAN (UINT64_C(1) << 44)

static struct world_node *node_make(struct world *w, const char *name, uint16_t index,
				    unsigned incarnation)
{
	struct world_node *node = g_new0(struct world_node, 1);
	g_autofree char *stream = g_strdup_printf("node.%s#%u", name, incarnation);

	node->world = w;
	node->name = g_strdup(name);
	node->index = index;
	node->incarnation = incarnation;
	node->links = g_ptr_array_new();
	world_rng_init(w, &node->rng, stream);

	node->env.env.ops = &sim_env_ops;
	node->env.node = node;
	node->mem.mem.ops = &sim_mem_ops;
	node->mem.node = node;
	node->mem.watchers_tail = &node->mem.watchers;
	node->mem.next_iova = NODE_IOVA_SPAN * (node->index + 1u);
	sim_faults_init(node);
	sim_net_init(node);
	sim_files_init(node);
	sim_ports_init(node);
	node->hw = (struct hw){
		.env = &node->env.env,
		.mem = &node->mem.mem,
		.net = &node->net.net,
		.file = &node->files.hw,
		.faults = &node->faults.faults,
	};
	return node;
}

struct world_node *world_node_new(struct world *w, const char *name)
{
	struct world_node *node;

	g_assert(w->nodes->len < NO_NODE);
	for (guint i = 0; i < w->nodes->len; i++)
		g_assert_cmpstr(world_node_name(g_ptr_array_index(w->nodes, i)), !=, name);
	node = node_make(w, name, (uint16_t)w->nodes->len, 0);
	g_ptr_array_add(w->nodes, node);
	return node;
}

const char *world_node_name(const struct world_node *node)
{
	return node->name;
}

const struct hw *world_node_hw(struct world_node *node)
{
	return &node->hw;
}

struct world *world_node_world(struct world_node *node)
{
	return node->world;
}

void world_node_pause(struct world_node *node, uint64_t until)
{
	world_trace(node->world, WORLD_PAUSE, node->index, 0, until);
	node->paused_until = until;
	sim_runners_paused(node);
	if (until <= node->world->now)
		sim_tcp_resumed(node);
	for (struct world_port *port = node->ports; port; port = port->next)
		sim_parking_set(&port->stopped, until);
}

/* ---- clocks ------------------------------------------------------------------------- */

uint64_t sim_node_clock(const struct world_node *node)
{
	uint64_t gone = node->world->now - node->drift_world;

	if (node->drift_ppm == 0)
		return node->drift_node + gone;
	return node->drift_node + (uint64_t)((unsigned __int128)gone *
					     (unsigned)(1000000 + node->drift_ppm) / 1000000);
}

uint64_t sim_node_when(const struct world_node *node, uint64_t t)
{
	unsigned rate = (unsigned)(1000000 + node->drift_ppm);
	unsigned __int128 when;

	if (t <= node->drift_node)
		return node->drift_world;
	when = (unsigned __int128)(t - node->drift_node) * 1000000 + rate - 1;
	when = when / rate + node->drift_world;
	return when > UINT64_MAX - 1 ? UINT64_MAX - 1 : (uint64_t)when;
}

uint64_t world_node_now(const struct world_node *node)
{
	return sim_node_clock(node);
}

void world_node_set_drift(struct world_node *node, int32_t ppm)
{
	node->drift_node = sim_node_clock(node);
	node->drift_world = node->world->now;
	node->drift_ppm = MAX(ppm, -500000);
	world_note(node->world, "drift", (uint64_t)(int64_t)ppm);
}

void world_node_step_wall(struct world_node *node, int64_t ns)
{
	node->wall_offset += ns;
}

void world_node_set_limits(struct world_node *node, const struct world_limits *limits)
{
	node->limits = *limits;
}

void world_node_set_numa(struct world_node *node, unsigned cpus)
{
	node->numa_cpus = cpus;
}

void world_node_log(struct world_node *node, void (*fn)(void *arg, uint64_t time, const char *line),
		    void *arg)
{
	uint64_t first = node->nlog > NODE_LOG_LINES ? node->nlog - NODE_LOG_LINES : 0;

	for (uint64_t i = first; i < node->nlog; i++) {
		const struct log_entry *e = &node->log[i % NODE_LOG_LINES];

		fn(arg, e->time, e->line);
	}
}

void world_log_to(struct world *w, FILE *f)
{
	w->log_file = f;
}

void world_node_live(struct world_node *node, struct world_live *live)
{
	*live = (struct world_live){
		.mem_bytes = node->mem.bytes,
		.mem_chunks = node->mem.nchunks,
		.mem_watchers = node->mem.nwatchers,
		.net_ctxs = node->net.nctxs,
		.listeners = node->net.nlisteners,
		.streams = node->net.nstreams,
		.files = node->files.nfiles,
		.rnic_ctxs = sim_rnic_ctxs(node),
	};
	sim_runner_count(node, live);
}

static void leaks_of(GString *s, struct world_node *node)
{
	struct world_live l;

	world_node_live(node, &l);
	if (l.rnic_ctxs)
		g_string_append_printf(s, "%s: %u RNIC contexts\n", node->name, l.rnic_ctxs);
	if (l.mem_bytes || l.mem_chunks || l.mem_watchers || l.runners || l.net_ctxs ||
	    l.listeners || l.streams || l.files) {
		g_string_append_printf(s,
				       "%s: %zu bytes in %u chunks, %u watchers, "
				       "%u runners, %u net contexts, %u listeners, "
				       "%u streams, %u files\n",
				       node->name, l.mem_bytes, l.mem_chunks, l.mem_watchers,
				       l.runners, l.net_ctxs, l.listeners, l.streams, l.files);
	}
}

char *world_leaks(struct world *w)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < w->nodes->len; i++)
		leaks_of(s, g_ptr_array_index(w->nodes, i));
	for (guint i = 0; i < w->corpses->len; i++)
		leaks_of(s, g_ptr_array_index(w->corpses, i));
	if (s->len == 0) {
		g_string_free(s, TRUE);
		return NULL;
	}
	return g_string_free(s, FALSE);
}

/* ---- crash -------------------------------------------------------------------------- */

/* Cables, addresses and links stay with the machine. */
static void take_over(struct world_node *node, struct world_node *corpse)
{
	struct world *w = node->world;
	GArray *addrs = node->net.addrs;
	GPtrArray *links = node->links;
	struct world_port *ports = node->ports;

	node->net.addrs = corpse->net.addrs;
	corpse->net.addrs = addrs;
	node->links = corpse->links;
	corpse->links = links;
	node->ports = corpse->ports;
	corpse->ports = ports;
	node->nports = corpse->nports;
	corpse->nports = 1;
	corpse->ports->node = corpse;
	for (struct world_port *port = node->ports; port; port = port->next) {
		port->node = node;
		/* What lay in its NIC is gone. */
		sim_parking_free(&port->stopped);
		port->stopped.until = 0;
	}
	g_ptr_array_index(w->nodes, node->index) = node;
	sim_links_moved(w, corpse, node);
	node->limits = corpse->limits;
	node->numa_cpus = corpse->numa_cpus;
	node->wall_offset = corpse->wall_offset;
	node->drift_ppm = corpse->drift_ppm;
	node->drift_world = corpse->drift_world;
	node->drift_node = corpse->drift_node;
	node->on_boot = corpse->on_boot;
	node->on_boot_arg = corpse->on_boot_arg;
}

struct world_node *world_node_crash(struct world_node *node)
{
	struct world *w = node->world;
	struct world_node *fresh;

	g_assert(g_ptr_array_index(w->nodes, node->index) == node);
	fresh = node_make(w, node->name, node->index, node->incarnation + 1);
	world_trace(w, WORLD_CRASH, node->index, node->incarnation, 0);
	fresh->down = true;
	take_over(fresh, node);
	g_ptr_array_add(w->corpses, node);
	sim_files_crash(fresh, node);
	sim_rnic_crash(node, fresh);
	sim_tcp_crash(node, fresh);
	sim_pipes_reset(w, node, NULL, 0);
	/* So that it can be taken down. */
	node->paused_until = 0;
	sim_runners_paused(node);
	sim_addrs_changed(w);
	return fresh;
}

void world_node_boot(struct world_node *node)
{
	world_trace(node->world, WORLD_BOOT, node->index, node->incarnation, 0);
	node->down = false;
	if (node->on_boot)
		node->on_boot(node->on_boot_arg, node);
}

bool world_node_is_up(const struct world_node *node)
{
	return !node->down;
}

void world_node_on_boot(struct world_node *node, void (*fn)(void *arg, struct world_node *node),
			void *arg)
{
	node->on_boot = fn;
	node->on_boot_arg = arg;
}
