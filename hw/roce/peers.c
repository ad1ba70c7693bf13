/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has sent a REQ, and where the id made of it is: found by whichever of the peer's id,
 * the peer's queue pair and our id a datagram names, without a walk, however many there
 * are. Main reactor. No two peers have the same of any: a REQ with an id that is known is
 * a repetition, one with a queue pair that is known is refused (cm-in.c), ids are ours.
 */
#include "hw/roce/cm.h"

static guint hash_number(const struct net_addr *addr, uint32_t number)
{
	guint h = number;

	for (unsigned i = 0; i < (addr->family == NET_INET ? 4u : 16u); i++)
		h = h * 31 + addr->ip[i];
	return h;
}

static guint hash_id(gconstpointer key)
{
	const struct cm_peer *peer = key;

	return hash_number(&peer->addr, peer->remote_id);
}

static gboolean same_id(gconstpointer a, gconstpointer b)
{
	const struct cm_peer *x = a, *y = b;

	return x->remote_id == y->remote_id && net_addr_same_host(&x->addr, &y->addr);
}

static guint hash_qp(gconstpointer key)
{
	const struct cm_peer *peer = key;

	return hash_number(&peer->addr, peer->remote_qpn);
}

static gboolean same_qp(gconstpointer a, gconstpointer b)
{
	const struct cm_peer *x = a, *y = b;

	return x->remote_qpn == y->remote_qpn && net_addr_same_host(&x->addr, &y->addr);
}

void cm_peers_init(struct cm_peers *peers)
{
	peers->by_id = g_hash_table_new_full(hash_id, same_id, g_free, NULL);
	peers->by_qp = g_hash_table_new(hash_qp, same_qp);
	peers->by_local_id = g_hash_table_new(NULL, NULL);
}

void cm_peers_clear(struct cm_peers *peers)
{
	g_hash_table_unref(peers->by_local_id);
	g_hash_table_unref(peers->by_qp);
	g_hash_table_unref(peers->by_id);
}

struct cm_peer *cm_peer_find(struct soft *soft, const struct net_addr *addr, uint32_t remote_id)
{
	struct cm_peer key = { .addr = *addr, .remote_id = remote_id };

	return g_hash_table_lookup(soft->peers.by_id, &key);
}

struct cm_peer *cm_peer_of_qp(struct soft *soft, const struct net_addr *addr, uint32_t remote_qpn)
{
	struct cm_peer key = { .addr = *addr, .remote_qpn = remote_qpn };

	return g_hash_table_lookup(soft->peers.by_qp, &key);
}

void cm_peer_add(struct rnic_id *id)
{
	struct cm_peers *peers = &id->ctx->soft->peers;
	struct cm_peer *peer = g_new0(struct cm_peer, 1);

	peer->addr = id->remote;
	peer->remote_id = id->remote_id;
	peer->remote_qpn = id->remote_qpn;
	peer->local_id = id->local_id;
	g_hash_table_add(peers->by_id, peer);
	g_hash_table_add(peers->by_qp, peer);
	g_hash_table_insert(peers->by_local_id, GUINT_TO_POINTER(peer->local_id), peer);
}

uint32_t cm_peer_number(struct soft *soft, unsigned index)
{
	uint32_t number;

	do {
		soft->next_id += CM_ID_STEP;
		number = soft->next_id | CM_ID_MAIN | index;
	} while (g_hash_table_contains(soft->peers.by_local_id, GUINT_TO_POINTER(number)));
	return number;
}

void cm_peer_renumber(struct soft *soft, uint32_t from, uint32_t to)
{
	struct cm_peer *peer = g_hash_table_lookup(soft->peers.by_local_id, GUINT_TO_POINTER(from));

	if (!peer)
		return;
	g_hash_table_remove(soft->peers.by_local_id, GUINT_TO_POINTER(from));
	peer->local_id = to;
	g_hash_table_insert(soft->peers.by_local_id, GUINT_TO_POINTER(to), peer);
}

void cm_peer_forget(struct rnic_ctx *ctx, uint32_t local_id)
{
	struct cm_peers *peers = &ctx->soft->peers;
	struct cm_peer *peer = g_hash_table_lookup(peers->by_local_id, GUINT_TO_POINTER(local_id));

	if (!peer)
		return;
	g_hash_table_remove(peers->by_local_id, GUINT_TO_POINTER(local_id));
	g_hash_table_remove(peers->by_qp, peer);
	g_hash_table_remove(peers->by_id, peer);
}
