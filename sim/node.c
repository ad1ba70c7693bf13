/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes: a name, the three seams, addresses, and the last log lines.
 */
#include <inttypes.h>
#include <string.h>

#include "sim/net.h"
#include "sim/priv.h"

/* Each node has its own range of I/O virtual addresses: one of another is a bug that shows. */
#define NODE_IOVA_SPAN (UINT64_C(1) << 44)

struct world_node *world_node_new(struct world *w, const char *name)
{
	struct world_node *node = g_new0(struct world_node, 1);
	g_autofree char *stream = g_strdup_printf("node.%s", name);

	g_assert(w->nodes->len < NO_NODE);
	for (guint i = 0; i < w->nodes->len; i++)
		g_assert_cmpstr(world_node_name(g_ptr_array_index(w->nodes, i)), !=, name);
	node->world = w;
	node->name = g_strdup(name);
	node->index = (uint16_t)w->nodes->len;
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
	node->hw = (struct hw){
		.env = &node->env.env,
		.mem = &node->mem.mem,
		.net = &node->net.net,
		.faults = &node->faults.faults,
	};
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
}

void world_node_step_wall(struct world_node *node, int64_t ns)
{
	node->wall_offset += ns;
}

void world_node_set_limits(struct world_node *node, const struct world_limits *limits)
{
	node->limits = *limits;
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
	};
	sim_runner_count(node, live);
}

char *world_leaks(struct world *w)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < w->nodes->len; i++) {
		struct world_node *node = g_ptr_array_index(w->nodes, i);
		struct world_live l;

		world_node_live(node, &l);
		if (l.mem_bytes || l.mem_chunks || l.mem_watchers || l.runners || l.net_ctxs ||
		    l.listeners || l.streams) {
			g_string_append_printf(s,
					       "%s: %zu bytes in %u chunks, %u watchers, "
					       "%u runners, %u net contexts, %u listeners, "
					       "%u streams\n",
					       node->name, l.mem_bytes, l.mem_chunks,
					       l.mem_watchers, l.runners, l.net_ctxs, l.listeners,
					       l.streams);
		}
	}
	if (s->len == 0) {
		g_string_free(s, TRUE);
		return NULL;
	}
	return g_string_free(s, FALSE);
}
