/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links: parameters, stalls, and the time a packet needs. One each way between
 * two nodes, made when it is first asked for.
 */
#include "sim/ip.h"

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
		.mtu = 9000,
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
	sim_parking_init(&link->stalled, w, sim_link_again);
	link->flight_last = &link->flight;
	world_event_init(&link->ev, sim_link_event);
	g_ptr_array_index(from->links, to->index) = link;
	return link;
}

void sim_links_free(struct world_node *node)
{
	for (guint i = 0; i < node->links->len; i++) {
		struct link *link = g_ptr_array_index(node->links, i);

		if (!link)
			continue;
		sim_parking_free(&link->stalled);
		world_event_cancel(node->world, &link->ev);
		g_free(link);
	}
	g_ptr_array_free(node->links, TRUE);
}

void sim_links_moved(struct world *w, struct world_node *from, struct world_node *to)
{
	for (guint i = 0; i < w->nodes->len; i++) {
		struct world_node *node = g_ptr_array_index(w->nodes, i);

		for (guint j = 0; j < node->links->len; j++) {
			struct link *link = g_ptr_array_index(node->links, j);

			if (link && link->from == from)
				link->from = to;
			if (link && link->to == from)
				link->to = to;
		}
	}
}

uint64_t sim_link_delay(struct link *link)
{
	return link->params.latency_ns + world_rng_range(&link->rng, 0, link->params.jitter_ns);
}

bool sim_link_stalled(const struct link *link)
{
	return sim_parking_closed(&link->stalled);
}

uint64_t sim_serialize(const struct world *w, uint64_t *free_at, uint64_t bytes_per_sec, size_t len)
{
	uint64_t ns = (uint64_t)((unsigned __int128)len * WORLD_SEC / bytes_per_sec);

	*free_at = MAX(*free_at, w->now) + ns;
	return *free_at;
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
	/* Those that nobody asked for yet begin with the default. */
	for (guint i = 0; i < w->nodes->len; i++) {
		struct world_node *node = g_ptr_array_index(w->nodes, i);

		for (guint j = 0; j < node->links->len; j++) {
			if (g_ptr_array_index(node->links, j))
				set(g_ptr_array_index(node->links, j), params);
		}
	}
}

void world_link_stats(struct world_node *from, struct world_node *to, struct world_link_stats *out)
{
	*out = sim_link(from, to)->stats;
}

void world_link_stall(struct world_node *from, struct world_node *to, uint64_t until)
{
	struct link *link = sim_link(from, to);

	world_trace(from->world, WORLD_STALL, NO_NODE, (uint64_t)from->index << 16 | to->index,
		    until);
	sim_parking_set(&link->stalled, until);
	sim_pipes_kick(link);
}
