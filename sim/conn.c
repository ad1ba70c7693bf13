/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What pipes and TCP have in common: which of them a connection gets, resets
 * from above, taps, and cutting short.
 */
#include "sim/net.h"
#include "sim/roce-priv.h"
#include "sim/tcp.h"

struct conn_end *sim_conn_open(struct world_node *node, const struct net_addr *local,
			       const struct net_addr *remote)
{
	if (sim_net_route(node, remote) == node)
		return sim_pipe_open(node, local, remote);
	return sim_tcp_open(node, local, remote);
}

void sim_conns_free(struct world *w)
{
	sim_pipes_free(w);
	sim_tcp_free(w);
}

unsigned world_net_reset(struct world *w, struct world_node *a, struct world_node *b)
{
	return sim_pipes_reset(w, a, b, 0) + sim_tcp_reset(w, a, b, 0);
}

bool world_net_reset_conn(struct world *w, uint64_t id)
{
	return sim_pipes_reset(w, NULL, NULL, id) + sim_tcp_reset(w, NULL, NULL, id) > 0;
}

unsigned world_net_conns(struct world *w)
{
	return w->nconns + sim_tcp_count(w);
}

void sim_addrs_changed(struct world *w)
{
	w->route_gen++;
	sim_pipes_addrs_changed(w);
	sim_tcp_addrs_changed(w);
	for (guint i = 0; i < w->nodes->len; i++)
		sim_rnic_changed(g_ptr_array_index(w->nodes, i));
}

size_t sim_iov_total(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

size_t sim_shorten(struct link *link, size_t len, uint32_t ppm)
{
	if (len < 2 || !world_rng_chance(&link->rng, ppm))
		return len;
	return (size_t)world_rng_range(&link->rng, 1, len - 1);
}

void sim_tap(struct world *w, enum world_tap_kind kind, const struct world_tap_info *info,
	     const void *data, size_t len)
{
	for (struct world_tap *t = w->taps; t; t = t->next)
		t->fn(t, kind, info, data, len);
}

void world_tap_add(struct world *w, struct world_tap *t)
{
	struct world_tap **p = &w->taps;

	while (*p)
		p = &(*p)->next;
	t->next = NULL;
	*p = t;
}

void world_tap_remove(struct world *w, struct world_tap *t)
{
	struct world_tap **p = &w->taps;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
}
