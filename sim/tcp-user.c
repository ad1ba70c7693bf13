/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: what the user of a connection does (struct end_ops), and the table of
 * connections by their addresses.
 */
#include <errno.h>
#include <string.h>

#include "sim/tcp.h"

/* ---- table -------------------------------------------------------------------------- */

static uint64_t table_hash(const struct world_node *node, const struct net_addr *local,
			   const struct net_addr *remote)
{
	uint64_t h = world_mix(node->index, (uint64_t)local->port << 16 | remote->port);
	size_t len = local->family == NET_INET6 ? 16 : 4;

	return world_hash_bytes(world_hash_bytes(h, local->ip, len), remote->ip, len);
}

static bool same_place(const struct net_addr *a, const struct net_addr *b)
{
	size_t len = a->family == NET_INET6 ? 16 : 4;

	return a->port == b->port && a->family == b->family && memcmp(a->ip, b->ip, len) == 0;
}

static struct tcp **table_slot(struct world *w, const struct tcp *t)
{
	uint64_t h = table_hash(t->end.node, &t->end.local, &t->end.remote);

	return &w->tcp_table[h & (w->tcp_table_size - 1)];
}

static void table_grow(struct world *w)
{
	unsigned old_size = w->tcp_table_size;
	struct tcp **old = w->tcp_table;

	w->tcp_table_size = old_size ? old_size * 2 : 64;
	w->tcp_table = g_new0(struct tcp *, w->tcp_table_size);
	for (unsigned i = 0; i < old_size; i++) {
		while (old[i]) {
			struct tcp *t = old[i], **slot = table_slot(w, t);

			old[i] = t->hash_next;
			t->hash_next = *slot;
			*slot = t;
		}
	}
	g_free(old);
}

void tcp_table_add(struct tcp *t)
{
	struct world *w = t->world;
	struct tcp **slot;

	if (w->tcp_table_used >= w->tcp_table_size)
		table_grow(w);
	slot = table_slot(w, t);
	t->hash_next = *slot;
	*slot = t;
	t->hashed = true;
	w->tcp_table_used++;
}

void tcp_table_remove(struct tcp *t)
{
	struct tcp **p;

	if (!t->hashed)
		return;
	p = table_slot(t->world, t);
	while (*p != t)
		p = &(*p)->hash_next;
	*p = t->hash_next;
	t->hashed = false;
	t->world->tcp_table_used--;
}

struct tcp *tcp_table_find(struct world_node *node, const struct net_addr *local,
			   const struct net_addr *remote)
{
	struct world *w = node->world;
	struct tcp *t;

	if (w->tcp_table_size == 0)
		return NULL;
	t = w->tcp_table[table_hash(node, local, remote) & (w->tcp_table_size - 1)];
	while (t && !(t->end.node == node && same_place(&t->end.local, local) &&
		      same_place(&t->end.remote, remote)))
		t = t->hash_next;
	return t;
}

/* ---- ends --------------------------------------------------------------------------- */

static struct tcp *tcp_of(const struct conn_end *e)
{
	return (struct tcp *)(uintptr_t)e;
}

static bool tcp_end_readable(const struct conn_end *e)
{
	const struct tcp *t = tcp_of(e);

	return t->rcv > t->head || t->fin_in || t->error;
}

static int tcp_end_error(const struct conn_end *e)
{
	return tcp_of(e)->error;
}

static size_t scatter(struct tcp *t, const struct iovec *iov, int n, size_t len)
{
	size_t done = 0;

	for (int i = 0; i < n && done < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - done);

		ring_read(&t->in, t->head, iov[i].iov_base, part);
		t->head += part;
		done += part;
	}
	return done;
}

/* Tells the peer when there is much more room than it knows of. */
static void window_update(struct tcp *t)
{
	uint64_t edge = t->head + t->rcvbuf, mss = tcp_mss(t);
	uint64_t known = t->advertised > t->rcv ? t->advertised - t->rcv : 0;
	uint64_t worth = known < mss ? MIN(t->rcvbuf / 2, mss) : t->rcvbuf / 4;

	if (t->fin_in || t->state < TCP_ESTABLISHED)
		return;
	if (edge >= t->advertised + MAX(worth, 1))
		tcp_send_ack(t);
}

static ssize_t tcp_end_recv(struct conn_end *e, const struct iovec *iov, int n, bool *more,
			    bool *all)
{
	struct tcp *t = tcp_of(e);
	size_t want = sim_iov_total(iov, n), len = MIN(want, t->rcv - t->head);

	*more = *all = false;
	if (len > 0) {
		struct world_node *from = t->conn->nodes[!e->side];
		struct link *in = from ? sim_link(from, e->node) : NULL;

		if (in)
			len = sim_shorten(in, len, in->params.short_recv_ppm);
		scatter(t, iov, n, len);
		*more = tcp_end_readable(e);
		*all = len == want;
		e->node->activity++;
		world_trace(t->world, WORLD_RECV, e->node->index, tcp_conn_side(t), len);
		if (t->state != TCP_CLOSED)
			window_update(t);
		return (ssize_t)len;
	}
	if (t->error)
		return t->error;
	return t->fin_in ? 0 : -EAGAIN;
}

static size_t tcp_end_room(const struct conn_end *e, size_t *buffer)
{
	const struct tcp *t = tcp_of(e);
	uint64_t used = t->tail - MAX(t->una, 1);

	*buffer = t->sndbuf;
	if (t->state != TCP_ESTABLISHED && t->state != TCP_CLOSE_WAIT)
		return 0;
	return used < t->sndbuf ? t->sndbuf - used : 0;
}

static ssize_t tcp_end_send(struct conn_end *e, const struct iovec *iov, int n)
{
	struct tcp *t = tcp_of(e);
	size_t len = sim_iov_total(iov, n), buffer, room = tcp_end_room(e, &buffer);
	const struct route *route = tcp_route(t);
	uint64_t from = t->tail, h = 0, una = MAX(t->una, 1);

	len = MIN(len, room);
	if (len == 0)
		return -EAGAIN;
	if (route->link)
		len = sim_shorten(route->link, len, route->link->params.short_send_ppm);
	ring_reserve(&t->out, una, t->tail, t->tail - una + len);
	for (int i = 0; i < n && t->tail - from < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - (t->tail - from));

		h = world_hash_bytes(h, iov[i].iov_base, part);
		if (t->world->taps)
			tcp_tap(t, WORLD_TAP_DATA, iov[i].iov_base, part);
		ring_write(&t->out, t->tail, iov[i].iov_base, part);
		t->tail += part;
	}
	e->node->activity++;
	world_trace(t->world, WORLD_SEND, e->node->index, tcp_conn_side(t), h);
	tcp_output(t);
	return (ssize_t)len;
}

static void tcp_end_shutdown(struct conn_end *e)
{
	struct tcp *t = tcp_of(e);

	if (t->fin || t->state == TCP_CLOSED)
		return;
	t->fin = true;
	world_trace(t->world, WORLD_FIN, e->node->index, tcp_conn_side(t), 0);
	if (t->state == TCP_SYN_SENT)
		return;
	tcp_tap(t, WORLD_TAP_FIN, NULL, 0);
	tcp_set_state(t, t->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1);
	tcp_output(t);
}

static void let_go(struct conn_end *e)
{
	e->open = false;
	e->stream = NULL;
	e->listener = NULL;
}

static void tcp_end_close(struct conn_end *e)
{
	struct tcp *t = tcp_of(e);

	let_go(e);
	if (t->state == TCP_CLOSED || t->state == TCP_SYN_SENT) {
		tcp_over(t, 0);
		return;
	}
	/* As in Linux: closing over unread bytes is an abort, as the sender must know. */
	if (t->rcv > t->head && t->state != TCP_TIME_WAIT) {
		tcp_send_rst(t);
		tcp_over(t, 0);
		return;
	}
	tcp_end_shutdown(e);
	/* The peer's FIN may never come. */
	if (t->state == TCP_FIN_WAIT_2)
		tcp_wait_begin(t, t->world->tcp_params.fin_wait);
}

static void tcp_end_abort(struct conn_end *e)
{
	struct tcp *t = tcp_of(e);

	let_go(e);
	if (t->state != TCP_CLOSED && t->state != TCP_SYN_SENT && t->state != TCP_TIME_WAIT)
		tcp_send_rst(t);
	tcp_over(t, 0);
}

const struct end_ops tcp_end_ops = {
	.recv = tcp_end_recv,
	.send = tcp_end_send,
	.room = tcp_end_room,
	.error = tcp_end_error,
	.readable = tcp_end_readable,
	.shutdown = tcp_end_shutdown,
	.close = tcp_end_close,
	.abort = tcp_end_abort,
};
