/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of nodes: who has which, what listens where, ports, socket files.
 */
#include <errno.h>
#include <string.h>

#include "sim/net-priv.h"
#include "sim/tcp.h"

static bool same_ip(const struct net_addr *a, const struct net_addr *b)
{
	size_t len = a->family == NET_INET ? 4 : 16;

	return a->family == b->family && memcmp(a->ip, b->ip, len) == 0;
}

static bool is_loopback(const struct net_addr *a)
{
	static const uint8_t v6[16] = { [15] = 1 };

	if (a->family == NET_INET)
		return a->ip[0] == 127;
	return a->family == NET_INET6 && memcmp(a->ip, v6, sizeof(v6)) == 0;
}

bool sim_net_has_addr(const struct world_node *node, const struct net_addr *addr)
{
	if (addr->family == NET_UNIX || is_loopback(addr))
		return true;
	for (guint i = 0; i < node->net.addrs->len; i++) {
		if (same_ip(&g_array_index(node->net.addrs, struct node_addr, i).addr, addr))
			return true;
	}
	return false;
}

struct world_port *sim_net_port(const struct world_node *node, const struct net_addr *addr)
{
	for (guint i = 0; i < node->net.addrs->len; i++) {
		const struct node_addr *a = &g_array_index(node->net.addrs, struct node_addr, i);

		if (same_ip(&a->addr, addr))
			return a->port;
	}
	return NULL;
}

struct world_node *sim_net_route(struct world_node *node, const struct net_addr *addr)
{
	struct world *w = node->world;

	if (addr->family == NET_UNIX || is_loopback(addr) || net_addr_is_any(addr))
		return node;
	for (guint i = 0; i < w->nodes->len; i++) {
		struct world_node *other = g_ptr_array_index(w->nodes, i);

		if (sim_net_has_addr(other, addr))
			return other;
	}
	return NULL;
}

bool world_port_add_addr(struct world_port *port, const char *host)
{
	struct node_addr a = { .port = port };

	if (!net_addr_parse(&a.addr, host, NULL, NULL))
		return false;
	a.addr.scope = 0;
	if (sim_net_route(port->node, &a.addr))
		return false;
	g_array_append_val(port->node->net.addrs, a);
	sim_addrs_changed(port->node->world);
	return true;
}

bool world_node_add_addr(struct world_node *node, const char *host)
{
	return world_port_add_addr(node->ports, host);
}

void world_node_del_addr(struct world_node *node, const char *host)
{
	GArray *addrs = node->net.addrs;
	struct net_addr addr;

	if (!net_addr_parse(&addr, host, NULL, NULL))
		return;
	for (guint i = 0; i < addrs->len; i++) {
		if (same_ip(&g_array_index(addrs, struct node_addr, i).addr, &addr)) {
			g_array_remove_index(addrs, i);
			break;
		}
	}
	sim_addrs_changed(node->world);
}

/* ---- socket files ------------------------------------------------------------------- */

static struct unix_file *file_find(struct node_net *n, const char *path)
{
	for (struct unix_file *f = n->files; f; f = f->next) {
		if (strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

static struct unix_file *file_get(struct node_net *n, const char *path)
{
	struct unix_file *f = file_find(n, path);

	if (f)
		return f;
	f = g_new0(struct unix_file, 1);
	g_strlcpy(f->path, path, sizeof(f->path));
	f->next = n->files;
	n->files = f;
	return f;
}

void sim_unix_claim(struct node_net *n, struct net_listener *l)
{
	file_get(n, l->local.path)->listener = l;
}

void sim_unix_release(struct node_net *n, struct net_listener *l)
{
	for (struct unix_file **p = &n->files; *p; p = &(*p)->next) {
		struct unix_file *f = *p;

		if (f->listener != l)
			continue;
		*p = f->next;
		g_free(f);
		return;
	}
}

void world_node_stale_unix(struct world_node *node, const char *path)
{
	file_get(&node->net, path);
}

bool world_node_has_unix(struct world_node *node, const char *path)
{
	return file_find(&node->net, path) != NULL;
}

/* ---- listening ---------------------------------------------------------------------- */

static bool port_taken(struct node_net *n, const struct net_addr *addr)
{
	for (struct net_listener *l = n->listeners; l; l = l->next) {
		if (l->local.family != addr->family || l->local.port != addr->port)
			continue;
		if (net_addr_is_any(&l->local) || net_addr_is_any(addr) || same_ip(&l->local, addr))
			return true;
	}
	return false;
}

static bool port_connected(struct node_net *n, const struct net_addr *addr)
{
	for (struct conn *c = n->node->world->conns; c; c = c->next) {
		const struct conn_end *e = &c->ends[0];

		if (e->open && e->node == n->node && e->local.family == addr->family &&
		    e->local.port == addr->port)
			return true;
	}
	return sim_tcp_port_used(n->node, addr);
}

/* 0: all are taken. */
static uint16_t free_port(struct node_net *n, const struct net_addr *addr)
{
	struct net_addr try = *addr;

	for (unsigned i = 0; i < 65536 - 49152; i++) {
		try.port = n->next_port;
		n->next_port = n->next_port == 65535 ? 49152 : n->next_port + 1;
		if (!port_taken(n, &try) && !port_connected(n, &try))
			return try.port;
	}
	return 0;
}

static int bind_unix(struct node_net *n, struct net_addr *addr)
{
	struct unix_file *f;

	if (addr->path[0] == '\0' || !memchr(addr->path, '\0', sizeof(addr->path)))
		return -EINVAL;
	f = file_find(n, addr->path);
	return f && f->listener ? -EADDRINUSE : 0;
}

int sim_net_bind(struct node_net *n, struct net_addr *addr)
{
	if (addr->family == NET_UNIX)
		return bind_unix(n, addr);
	if (addr->family != NET_INET && addr->family != NET_INET6)
		return -EINVAL;
	if (!net_addr_is_any(addr) && !sim_net_has_addr(n->node, addr))
		return -EADDRNOTAVAIL;
	if (addr->port == 0) {
		addr->port = free_port(n, addr);
		return addr->port ? 0 : -EADDRINUSE;
	}
	if (addr->port < 1024 && n->node->limits.unprivileged)
		return -EACCES;
	return port_taken(n, addr) ? -EADDRINUSE : 0;
}

static struct net_listener *lookup_unix(struct node_net *n, const struct net_addr *addr, int *err)
{
	struct unix_file *f = file_find(n, addr->path);

	if (!f)
		*err = -ENOENT;
	else if (!f->listener)
		*err = -ECONNREFUSED;
	return f ? f->listener : NULL;
}

struct net_listener *sim_net_lookup(struct world_node *node, const struct net_addr *addr, int *err)
{
	struct net_listener *found = NULL;

	if (addr->family == NET_UNIX) {
		found = lookup_unix(&node->net, addr, err);
	} else {
		for (struct net_listener *l = node->net.listeners; l && !found; l = l->next) {
			if (l->local.family == addr->family && l->local.port == addr->port &&
			    (net_addr_is_any(&l->local) || same_ip(&l->local, addr)))
				found = l;
		}
		if (!found)
			*err = -ECONNREFUSED;
	}
	if (found && found->npending > found->backlog) {
		*err = -EAGAIN;
		return NULL;
	}
	return found;
}

/* ---- connecting --------------------------------------------------------------------- */

/* The first address of the family, as a routing table would give it. */
static int choose_source(struct node_net *n, const struct net_addr *remote, struct net_addr *out)
{
	if (is_loopback(remote) || sim_net_route(n->node, remote) == n->node) {
		memcpy(out->ip, remote->ip, sizeof(out->ip));
		return 0;
	}
	for (guint i = 0; i < n->addrs->len; i++) {
		const struct net_addr *a = &g_array_index(n->addrs, struct node_addr, i).addr;

		if (a->family == remote->family) {
			memcpy(out->ip, a->ip, sizeof(out->ip));
			return 0;
		}
	}
	return -ENETUNREACH;
}

int sim_net_own_addr(struct node_net *n, const struct net_addr *remote, struct net_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->family = remote->family;
	return choose_source(n, remote, out);
}

int sim_net_source(struct node_net *n, const struct net_addr *remote, const struct net_addr *local,
		   struct net_addr *out)
{
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->family = remote->family;
	if (remote->family == NET_UNIX)
		return remote->path[0] ? 0 : -EINVAL;
	if (remote->family != NET_INET && remote->family != NET_INET6)
		return -EINVAL;
	if (remote->port == 0)
		return -ECONNREFUSED;
	if (!local || net_addr_is_any(local)) {
		ret = choose_source(n, remote, out);
	} else if (local->family != remote->family) {
		ret = -EINVAL;
	} else if (!sim_net_has_addr(n->node, local)) {
		ret = -EADDRNOTAVAIL;
	} else {
		memcpy(out->ip, local->ip, sizeof(out->ip));
	}
	if (ret < 0)
		return ret;
	out->port = local && local->port ? local->port : free_port(n, out);
	if (out->port == 0)
		return -EADDRNOTAVAIL;
	if (local && local->port && (port_taken(n, out) || sim_tcp_taken(n->node, out, remote)))
		return -EADDRINUSE;
	return 0;
}
