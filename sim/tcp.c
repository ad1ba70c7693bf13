/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: life of a connection, its state machine, and what net.c sees of it.
 *
 * What is left out: urgent data, SACK, timestamps, simultaneous open, keep-alive
 * (the protocols above have theirs). MSS and window scale are the only options.
 */
#include <errno.h>
#include <string.h>

#include "sim/tcp.h"

#define B(state) (1u << TCP_##state)

static const struct {
	const char *name;
	unsigned to;
} states[] = {
#define X(name, str, to) [TCP_##name] = { str, to },
	TCP_STATE_TABLE(X)
#undef X
};

void tcp_set_state(struct tcp *t, enum tcp_state state)
{
	g_assert(states[t->state].to & (1u << state));
	world_trace(t->world, WORLD_TCP, t->end.node->index, tcp_conn_side(t),
		    (uint64_t)t->state << 8 | state);
	t->world->tcp_edges[t->state][state]++;
	t->state = state;
}

void world_tcp_edges(const struct world *w,
		     void (*fn)(void *arg, const char *from, const char *to, uint64_t taken),
		     void *arg)
{
	for (unsigned i = 0; i < TCP_STATE_COUNT; i++) {
		for (unsigned j = 0; j < TCP_STATE_COUNT; j++) {
			if (states[i].to & (1u << j))
				fn(arg, states[i].name, states[j].name, w->tcp_edges[i][j]);
		}
	}
}

void world_tcp_get(const struct world *w, struct world_tcp_params *out)
{
	*out = w->tcp_params;
}

void world_tcp_set(struct world *w, const struct world_tcp_params *params)
{
	w->tcp_params = *params;
	w->tcp_params.rto_min = MAX(w->tcp_params.rto_min, 1);
	w->tcp_params.rto_init = MAX(w->tcp_params.rto_init, 1);
	w->tcp_params.rto_max = MAX(w->tcp_params.rto_max, w->tcp_params.rto_min);
}

void world_tcp_stats(const struct world *w, struct world_tcp_stats *out)
{
	*out = w->tcp_stats;
}

void tcp_tap(struct tcp *t, enum world_tap_kind kind, const void *data, size_t len)
{
	struct tcp_conn *c = t->conn;
	unsigned side = t->end.side;
	struct world_tap_info info = {
		.conn = c->id,
		.side = side,
		.from = c->nodes[side],
		.to = c->nodes[!side],
		.src = &c->addrs[side],
		.dst = &c->addrs[!side],
		.time = t->world->now,
	};

	if (!t->world->taps)
		return;
	/* The opening is always seen first, and from who connected. */
	if (!c->opened && kind == WORLD_TAP_RST)
		return;
	sim_tap(t->world, kind, &info, data, len);
}

/* ---- making and freeing ------------------------------------------------------------- */

static struct tcp_conn *conn_new(struct world *w, struct world_node *from, struct world_node *to,
				 const struct net_addr *src, const struct net_addr *dst)
{
	struct tcp_conn *c = g_new0(struct tcp_conn, 1);

	c->id = ++w->next_conn;
	c->nodes[0] = from;
	c->nodes[1] = to;
	c->addrs[0] = *src;
	c->addrs[1] = *dst;
	c->next = w->tcp_conns;
	c->prev = &w->tcp_conns;
	if (c->next)
		c->next->prev = &c->next;
	w->tcp_conns = c;
	return c;
}

static void conn_unref(struct tcp_conn *c)
{
	if (c->tcps[0] || c->tcps[1])
		return;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	g_free(c);
}

static void tcp_event_wait(struct world_event *ev);

static uint32_t draw_iss(struct world_node *node)
{
	uint32_t iss = (uint32_t)world_rng_u64(&node->net.tcp_rng);

	/* Often near the end, so that the numbers wrap around. */
	return iss & 3 ? iss : UINT32_MAX - (iss >> 12);
}

static struct tcp *tcp_new(struct world_node *node, struct tcp_conn *c, unsigned side)
{
	struct world *w = node->world;
	struct tcp *t = g_new0(struct tcp, 1);
	const struct world_link_params *out = &w->link_default, *in = out;

	if (c->nodes[!side]) {
		out = &sim_link(node, c->nodes[!side])->params;
		in = &sim_link(c->nodes[!side], node)->params;
	}
	t->world = w;
	t->conn = c;
	c->tcps[side] = t;
	t->end.side = side;
	t->end.node = node;
	t->end.local = c->addrs[side];
	t->end.remote = c->addrs[!side];
	t->sndbuf = out->sndbuf;
	t->rcvbuf = in->rcvbuf;
	while (t->rcvbuf >> t->scale > 65535)
		t->scale++;
	t->iss = draw_iss(node);
	t->tail = t->head = t->rcv = 1;
	t->ended_at = HW_NEVER;
	t->rto = w->tcp_params.rto_init;
	world_event_init(&t->rtx, tcp_timer);
	world_event_init(&t->wait, tcp_event_wait);
	world_event_init(&t->ack, tcp_ack_timer);
	t->next = node->net.tcps;
	t->prev = &node->net.tcps;
	if (t->next)
		t->next->prev = &t->next;
	node->net.tcps = t;
	tcp_table_add(t);
	return t;
}

void tcp_destroy(struct tcp *t)
{
	tcp_table_remove(t);
	world_event_cancel(t->world, &t->rtx);
	world_event_cancel(t->world, &t->wait);
	world_event_cancel(t->world, &t->ack);
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	ring_free(&t->in);
	ring_free(&t->out);
	t->conn->tcps[t->end.side] = NULL;
	conn_unref(t->conn);
	g_free(t);
}

void tcp_over(struct tcp *t, int err)
{
	bool connecting = t->state == TCP_SYN_SENT;

	tcp_table_remove(t);
	world_event_cancel(t->world, &t->rtx);
	world_event_cancel(t->world, &t->wait);
	world_event_cancel(t->world, &t->ack);
	if (t->state != TCP_CLOSED)
		tcp_set_state(t, TCP_CLOSED);
	t->error = err;
	t->ended_at = MIN(t->ended_at, t->world->now);
	if (!t->end.open) {
		tcp_destroy(t);
	} else if (connecting) {
		world_trace(t->world, WORLD_CONNECTED, t->end.node->index, t->conn->id,
			    (uint64_t)-err);
		sim_end_connected(&t->end, err);
	} else {
		sim_end_changed(&t->end);
	}
}

void tcp_wait_begin(struct tcp *t, uint64_t ns)
{
	world_event_cancel(t->world, &t->wait);
	t->wait.background = t->state != TCP_SYN_SENT;
	world_event_set(t->world, &t->wait, t->world->now + ns);
}

static void tcp_event_wait(struct world_event *ev)
{
	struct tcp *t = container(ev, struct tcp, wait);

	tcp_over(t, t->state == TCP_SYN_SENT ? -ETIMEDOUT : 0);
}

void tcp_learn(struct tcp *t, const struct segment_in *seg)
{
	t->irs = seg->seq;
	t->mss = seg->mss ? MAX(seg->mss, 64) : 536;
	t->peer_scale = seg->scale >= 0 ? (uint8_t)seg->scale : 0;
	if (seg->scale < 0)
		t->scale = 0;
}

struct tcp *tcp_accept(struct world_node *node, const struct segment_in *seg, uint64_t conn)
{
	struct world *w = node->world;
	struct tcp_conn *c = w->tcp_conns;
	struct tcp *t;

	while (c && c->id != conn)
		c = c->next;
	/* A SYN that comes again after all is over is a connection of its own. */
	if (!c || c->tcps[1])
		c = conn_new(w, sim_net_route(node, &seg->src), node, &seg->src, &seg->dst);
	c->nodes[1] = node;
	t = tcp_new(node, c, 1);
	t->end.ops = &tcp_end_ops;
	tcp_learn(t, seg);
	tcp_set_state(t, TCP_SYN_RCVD);
	return t;
}

struct conn_end *sim_tcp_open(struct world_node *node, const struct net_addr *local,
			      const struct net_addr *remote)
{
	struct world *w = node->world;
	struct tcp_conn *c = conn_new(w, node, sim_net_route(node, remote), local, remote);
	struct tcp *t = tcp_new(node, c, 0);

	t->end.ops = &tcp_end_ops;
	t->end.open = true;
	world_trace(w, WORLD_SYN, node->index, c->id, remote->port);
	tcp_set_state(t, TCP_SYN_SENT);
	tcp_send_syn(t);
	tcp_set_timer(t);
	tcp_wait_begin(t, w->connect_timeout);
	return &t->end;
}

/* ---- all of them -------------------------------------------------------------------- */

void sim_tcp_free(struct world *w)
{
	while (w->tcp_conns) {
		struct tcp_conn *c = w->tcp_conns;
		struct tcp *ends[2] = { c->tcps[0], c->tcps[1] };

		for (unsigned i = 0; i < 2; i++) {
			if (ends[i])
				tcp_destroy(ends[i]);
		}
	}
	g_free(w->tcp_table);
}

static bool involves(const struct tcp_conn *c, const struct world_node *node)
{
	return !node || c->nodes[0] == node || c->nodes[1] == node;
}

static void conn_reset(struct tcp_conn *c)
{
	struct tcp *ends[2] = { c->tcps[0], c->tcps[1] };

	for (unsigned i = 0; i < 2; i++) {
		struct tcp *t = ends[i];

		if (!t || t->state == TCP_CLOSED)
			continue;
		world_trace(t->world, WORLD_RST, t->end.node->index, tcp_conn_side(t), 1);
		tcp_tap(t, WORLD_TAP_RST, NULL, 0);
		tcp_over(t, -ECONNRESET);
	}
}

unsigned sim_tcp_reset(struct world *w, const struct world_node *a, const struct world_node *b,
		       uint64_t id)
{
	struct tcp_conn *next;
	unsigned n = 0;

	for (struct tcp_conn *c = w->tcp_conns; c; c = next) {
		next = c->next;
		if (!c->opened || !involves(c, a) || !involves(c, b) || (id && c->id != id))
			continue;
		conn_reset(c);
		n++;
	}
	return n;
}

static bool picked(const struct tcp_conn *c, const struct world_node *a, const struct world_node *b)
{
	return c->opened && involves(c, a) && involves(c, b) &&
	       ((c->tcps[0] && c->tcps[0]->state != TCP_CLOSED) ||
		(c->tcps[1] && c->tcps[1]->state != TCP_CLOSED));
}

bool world_net_reset_one(struct world *w, struct world_node *a, struct world_node *b,
			 unsigned place)
{
	struct tcp_conn *c;
	unsigned n = 0;

	for (c = w->tcp_conns; c; c = c->next)
		n += picked(c, a, b);
	if (n == 0)
		return false;
	place = n - 1 - place % n; /* the newest is first in the list */
	for (c = w->tcp_conns; !picked(c, a, b) || place-- > 0;)
		c = c->next;
	conn_reset(c);
	return true;
}

uint64_t world_net_ended(const struct world_node *node)
{
	uint64_t first = HW_NEVER;

	for (const struct tcp *t = node->net.tcps; t; t = t->next) {
		if (t->end.open && t->end.stream)
			first = MIN(first, t->ended_at);
	}
	return first;
}

unsigned sim_tcp_count(const struct world *w)
{
	unsigned n = 0;

	for (const struct tcp_conn *c = w->tcp_conns; c; c = c->next) {
		n += (c->tcps[0] && c->tcps[0]->end.open) || (c->tcps[1] && c->tcps[1]->end.open);
	}
	return n;
}

void sim_tcp_addrs_changed(struct world *w)
{
	for (struct tcp_conn *c = w->tcp_conns; c; c = c->next) {
		for (unsigned i = 0; i < 2; i++) {
			struct tcp *t = c->tcps[i];

			if (t)
				t->end.addr_gone = !sim_net_has_addr(t->end.node, &t->end.local);
		}
	}
}

bool sim_tcp_port_used(const struct world_node *node, const struct net_addr *addr)
{
	for (const struct tcp *t = node->net.tcps; t; t = t->next) {
		if (t->end.side == 0 && t->end.local.family == addr->family &&
		    t->end.local.port == addr->port)
			return true;
	}
	return false;
}

bool sim_tcp_taken(struct world_node *node, const struct net_addr *local,
		   const struct net_addr *remote)
{
	return tcp_table_find(node, local, remote) != NULL;
}

void sim_tcp_crash(struct world_node *corpse, struct world_node *node)
{
	struct tcp *next;

	for (struct tcp *t = corpse->net.tcps; t; t = next) {
		next = t->next;
		tcp_over(t, -ECONNRESET);
	}
	for (struct tcp_conn *c = node->world->tcp_conns; c; c = c->next) {
		for (unsigned i = 0; i < 2; i++) {
			if (c->nodes[i] == corpse)
				c->nodes[i] = node;
		}
	}
}

void sim_tcp_resumed(struct world_node *node)
{
	for (struct tcp *t = node->net.tcps; t; t = t->next)
		tcp_set_timer(t);
}
