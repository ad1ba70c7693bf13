/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links: parameters, stalls, and the time a packet needs. One each way between
 * two nodes, made when it is first asked for.
 */
#include "sim/net.h"

void world_link_default(struct world_link_params *p)
{
	*p = (struct world_link_params){
		.latency_ns = 20 * WORLD_US,
		.jitter_ns = 2 * WORLD_US,
		.bytes_per_sec = UINT64_C(1250000000),
		.seg_min = 1,
		.seg_max = 32768,
		.sndbuf = 256 * 1024,
		.rcvbuf = 256 * 1024,
		.short_send_ppm = 10000,
		.short_recv_ppm = 10000,
	};
}

struct link *sim_link(struct world_node *from, struct world_node *to)
{
	g_autofree char *stream = NULL;
	struct world *w = from->world;
	struct link *link;

	if (to->index >= from->links->len)
		g_ptr_array_set_size(from->links, (gint)w->nodes->len);
	link = g_ptr_array_index(from->links, to->index);
	if (link)
		return link;
	link = g_new0(struct link, 1);
	link->from = from;
	link->to = to;
	link->params = w->link_default;
	if (from == to && !w->link_default_set)
		link->params.latency_ns = 2 * WORLD_US;
	stream = g_strdup_printf("link.%s.%s", from->name, to->name);
	world_rng_init(w, &link->rng, stream);
	g_ptr_array_index(from->links, to->index) = link;
	return link;
}

void sim_links_free(struct world_node *node)
{
	for (guint i = 0; i < node->links->len; i++)
		g_free(g_ptr_array_index(node->links, i));
	g_ptr_array_free(node->links, TRUE);
}

uint64_t sim_link_delay(struct link *link)
{
	return link->params.latency_ns + world_rng_range(&link->rng, 0, link->params.jitter_ns);
}

bool sim_link_stalled(const struct link *link)
{
	return link->stalled_until > link->from->world->now;
}

static void set(struct link *link, const struct world_link_params *params)
{
	link->params = *params;
	link->params.seg_min = MAX(1, link->params.seg_min);
	link->params.seg_max = MAX(link->params.seg_min, link->params.seg_max);
	link->params.sndbuf = MAX(1, link->params.sndbuf);
	link->params.rcvbuf = MAX(1, link->params.rcvbuf);
}

void world_link_get(struct world_node *from, struct world_node *to, struct world_link_params *out)
{
	*out = sim_link(from, to)->params;
}

void world_link_set(struct world_node *from, struct world_node *to,
		    const struct world_link_params *params)
{
	set(sim_link(from, to), params);
}

void world_link_set_all(struct world *w, const struct world_link_params *params)
{
	struct link sane;

	set(&sane, params);
	w->link_default = sane.params;
	w->link_default_set = true;
	for (guint i = 0; i < w->nodes->len; i++) {
		for (guint j = 0; j < w->nodes->len; j++) {
			set(sim_link(g_ptr_array_index(w->nodes, i),
				     g_ptr_array_index(w->nodes, j)),
			    params);
		}
	}
}

void world_link_stall(struct world_node *from, struct world_node *to, uint64_t until)
{
	struct link *link = sim_link(from, to);

	world_trace(from->world, WORLD_STALL, NO_NODE, (uint64_t)from->index << 16 | to->index,
		    until);
	link->stalled_until = until;
	sim_pipes_kick(link);
}
