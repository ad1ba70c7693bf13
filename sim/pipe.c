/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections within a node (loopback, UNIX sockets) as byte pipes: what TCP does
 * for its user, without packets.
 *
 * A sender's bytes go into a ring; segments of drawn sizes leave it as the
 * receiver's window and the link allow, and arrive in order. FIN follows the
 * last byte; RST follows what is under way already and drops what is not. What
 * arrives at a closed end is answered by RST. Acknowledgements and window
 * updates take no time. Between nodes there is TCP (tcp.c).
 */
#include <errno.h>
#include <string.h>

#include "sim/net.h"

/* A SYN that got lost (link stalled, backlog full) is repeated after this. */
#define SYN_RETRY WORLD_SEC

static uint64_t conn_side(const struct pipe *p)
{
	return p->conn->id << 1 | p->side;
}

static uint16_t pipe_node(const struct pipe *p)
{
	return p->conn->ends[p->side].node->index;
}

static void tap(struct pipe *p, enum world_tap_kind kind, const void *data, size_t len)
{
	struct conn *c = p->conn;
	struct world *w = c->world;
	struct world_tap_info info = {
		.conn = c->id,
		.side = p->side,
		.from = c->ends[p->side].node,
		.to = c->ends[!p->side].node,
		.src = &c->ends[p->side].local,
		.dst = &c->ends[p->side].remote,
		.time = w->now,
	};

	sim_tap(w, kind, &info, data, len);
}

/* ---- segments ----------------------------------------------------------------------- */

static void set_arrival(struct pipe *p)
{
	struct world *w = p->conn->world;
	uint64_t when;

	world_event_cancel(w, &p->ev);
	if (p->nsegments == 0)
		return;
	when = MAX(p->segments[p->first].arrives, p->link->stalled.until);
	/* Stalled for ever, or the address is gone: somebody kicks the pipe. */
	if (when == HW_NEVER || p->conn->ends[0].addr_gone || p->conn->ends[1].addr_gone)
		return;
	world_event_set(w, &p->ev, when);
}

/* Puts one segment on the wire. There must be a place for it. */
static void depart(struct pipe *p, int kind, size_t len)
{
	struct link *link = p->link;
	struct world *w = p->conn->world;
	const struct world_link_params *lp = &link->params;
	uint64_t arrives;

	arrives = w->now;
	if (lp->bytes_per_sec > 0)
		arrives = sim_serialize(w, &link->free_at, lp->bytes_per_sec, len);
	arrives += sim_link_delay(link);
	if (world_rng_chance(&link->rng, lp->stall_ppm))
		arrives += lp->stall_ns;
	if (p->nsegments > 0) {
		unsigned last = (p->first + p->nsegments - 1) % PIPE_SEGMENTS;

		arrives = MAX(arrives, p->segments[last].arrives);
	}
	p->sent += len;
	p->segments[(p->first + p->nsegments) % PIPE_SEGMENTS] = (struct segment){
		.arrives = arrives,
		.end = p->sent,
		.kind = kind,
	};
	if (p->nsegments++ == 0)
		set_arrival(p);
}

/* Sends what may be sent now. */
static void pump(struct pipe *p)
{
	const struct world_link_params *lp = &p->link->params;

	if (p->rst_sent)
		return;
	if (p->rst_wanted) {
		p->tail = p->sent;
		if (p->nsegments < PIPE_SEGMENTS) {
			p->rst_sent = true;
			depart(p, SEG_RST, 0);
		}
		return;
	}
	/* One place is kept for what follows the data. */
	while (p->sent < p->tail && p->nsegments < PIPE_SEGMENTS - 1) {
		uint64_t window = p->head + p->rcvbuf - p->sent;
		uint64_t n;

		if (window == 0)
			break;
		n = world_rng_range(&p->link->rng, lp->seg_min, lp->seg_max);
		n = MIN(n, p->tail - p->sent);
		depart(p, SEG_DATA, MIN(n, window));
	}
	if (p->fin && !p->fin_sent && p->sent == p->tail && p->nsegments < PIPE_SEGMENTS) {
		p->fin_sent = true;
		depart(p, SEG_FIN, 0);
	}
}

static void send_rst(struct pipe *p)
{
	if (p->rst_wanted || p->rst_arrived)
		return;
	p->rst_wanted = true;
	world_trace(p->conn->world, WORLD_RST, pipe_node(p), conn_side(p), 0);
	tap(p, WORLD_TAP_RST, NULL, 0);
	pump(p);
}

static void corrupt(struct pipe *p, uint64_t from, uint64_t to)
{
	uint64_t bit = world_rng_below(&p->link->rng, (to - from) * 8);

	p->ring.buf[(from + bit / 8) & (p->ring.size - 1)] ^= (uint8_t)(1u << (bit % 8));
	world_trace(p->conn->world, WORLD_CORRUPT, pipe_node(p), conn_side(p), from * 8 + bit);
}

/* Takes the first segment in. False: the connection was reset by it. */
static bool arrive(struct pipe *p)
{
	struct segment seg = p->segments[p->first];
	struct conn *c = p->conn;

	p->first = (p->first + 1) % PIPE_SEGMENTS;
	p->nsegments--;
	world_trace(c->world, WORLD_SEGMENT, pipe_node(p), conn_side(p),
		    (uint64_t)seg.kind << 32 | (seg.end - p->arrived));
	switch (seg.kind) {
	case SEG_DATA:
		if (world_rng_chance(&p->link->rng, p->link->params.corrupt_ppm))
			corrupt(p, p->arrived, seg.end);
		p->arrived = seg.end;
		if (!c->ends[!p->side].open)
			send_rst(c->pipes[!p->side]);
		break;
	case SEG_FIN:
		p->fin_arrived = true;
		break;
	case SEG_RST:
		p->rst_arrived = true;
		return false;
	}
	return true;
}

static void pipe_event(struct world_event *ev)
{
	struct pipe *p = container(ev, struct pipe, ev);
	struct conn *c = p->conn;
	uint64_t now = c->world->now;

	if (sim_link_stalled(p->link)) {
		set_arrival(p);
		return;
	}
	while (p->nsegments > 0 && p->segments[p->first].arrives <= now) {
		if (!arrive(p))
			break;
	}
	pump(p);
	set_arrival(p);
	/* A reset ends the other direction too: the peer is not there any more. */
	if (c->ends[!p->side].open)
		sim_end_changed(&c->ends[!p->side]);
	if (c->ends[p->side].open)
		sim_end_changed(&c->ends[p->side]);
}

static struct pipe *pipe_new(struct conn *c, unsigned side)
{
	struct pipe *p = g_new0(struct pipe, 1);

	p->conn = c;
	p->side = side;
	p->link = sim_link(c->ends[side].node, c->ends[!side].node);
	p->sndbuf = p->link->params.sndbuf;
	p->rcvbuf = p->link->params.rcvbuf;
	world_event_init(&p->ev, pipe_event);
	return p;
}

/* ---- life of a connection ----------------------------------------------------------- */

static void conn_free(struct conn *c)
{
	world_event_cancel(c->world, &c->step);
	world_event_cancel(c->world, &c->timeout);
	for (unsigned i = 0; i < 2; i++) {
		if (!c->pipes[i])
			continue;
		world_event_cancel(c->world, &c->pipes[i]->ev);
		ring_free(&c->pipes[i]->ring);
		g_free(c->pipes[i]);
	}
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->world->nconns--;
	g_free(c);
}

static void connect_over(struct conn *c, int err)
{
	world_event_cancel(c->world, &c->step);
	world_event_cancel(c->world, &c->timeout);
	c->state = CONN_UP;
	world_trace(c->world, WORLD_CONNECTED, c->ends[0].node->index, c->id, (uint64_t)-err);
	if (c->ends[0].open)
		sim_end_connected(&c->ends[0], err);
}

/* The SYN is there: who takes it? Returns false when nobody heard it. */
static bool syn_arrives(struct conn *c)
{
	struct conn_end *from = &c->ends[0], *to = &c->ends[1];
	struct world_node *node = sim_net_route(from->node, &from->remote);
	struct net_listener *l;
	struct link *link;
	int err = 0;

	if (!node)
		return false;
	link = sim_link(from->node, node);
	if (sim_link_stalled(link))
		return false;
	to->node = node;
	if (link->params.unreachable) {
		c->answer = -EHOSTUNREACH;
		return true;
	}
	l = sim_net_lookup(node, &from->remote, &err);
	if (l && world_rng_chance(&link->rng, link->params.refuse_ppm)) {
		l = NULL;
		err = -ECONNREFUSED;
	}
	if (err == -EAGAIN)
		return false;
	c->answer = err;
	if (!l)
		return true;
	to->local = from->remote;
	to->remote = from->local;
	to->open = true;
	to->addr_gone = false;
	c->pipes[0] = pipe_new(c, 0);
	c->pipes[1] = pipe_new(c, 1);
	world_trace(c->world, WORLD_ACCEPT, node->index, c->id, 0);
	tap(c->pipes[0], WORLD_TAP_OPEN, NULL, 0);
	sim_net_incoming(l, to);
	return true;
}

static void conn_step(struct world_event *ev)
{
	struct conn *c = container(ev, struct conn, step);
	struct world *w = c->world;
	struct link *back;

	if (c->state == CONN_SYN) {
		if (!syn_arrives(c)) {
			world_event_set(w, ev, w->now + SYN_RETRY);
			return;
		}
		c->state = CONN_ANSWER;
		back = sim_link(c->ends[1].node, c->ends[0].node);
		world_event_set(w, ev, w->now + sim_link_delay(back));
		return;
	}
	back = sim_link(c->ends[1].node, c->ends[0].node);
	if (sim_link_stalled(back))
		world_event_set(w, ev, MIN(back->stalled.until, w->now + SYN_RETRY));
	else
		connect_over(c, c->answer);
}

static void conn_timeout(struct world_event *ev)
{
	struct conn *c = container(ev, struct conn, timeout);

	connect_over(c, -ETIMEDOUT);
	/* Who accepted it already, without its answer getting through, is told. */
	if (c->pipes[0])
		send_rst(c->pipes[0]);
}

void sim_pipes_free(struct world *w)
{
	while (w->conns)
		conn_free(w->conns);
}

static bool involves(const struct conn *c, const struct world_node *node)
{
	return !node || c->ends[0].node == node || c->ends[1].node == node;
}

static void conn_reset(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pipe *p = c->pipes[i];

		world_event_cancel(c->world, &p->ev);
		p->nsegments = 0;
		p->rst_wanted = p->rst_sent = p->rst_arrived = true;
		world_trace(c->world, WORLD_RST, pipe_node(p), conn_side(p), 1);
		tap(p, WORLD_TAP_RST, NULL, 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		if (c->ends[i].open)
			sim_end_changed(&c->ends[i]);
	}
}

unsigned sim_pipes_reset(struct world *w, const struct world_node *a, const struct world_node *b,
			 uint64_t id)
{
	unsigned n = 0;

	for (struct conn *c = w->conns; c; c = c->next) {
		if (!c->pipes[0] || !involves(c, a) || !involves(c, b) || (id && c->id != id))
			continue;
		conn_reset(c);
		n++;
	}
	return n;
}

void sim_pipes_kick(struct link *link)
{
	for (struct conn *c = link->from->world->conns; c; c = c->next) {
		for (unsigned i = 0; i < 2; i++) {
			if (c->pipes[i] && c->pipes[i]->link == link)
				set_arrival(c->pipes[i]);
		}
	}
}

void sim_pipes_addrs_changed(struct world *w)
{
	for (struct conn *c = w->conns; c; c = c->next) {
		for (unsigned i = 0; i < 2; i++) {
			struct conn_end *e = &c->ends[i];

			e->addr_gone = e->node && !sim_net_has_addr(e->node, &e->local);
		}
		for (unsigned i = 0; i < 2; i++) {
			if (c->pipes[i])
				set_arrival(c->pipes[i]);
		}
	}
}

/* ---- ends --------------------------------------------------------------------------- */

static size_t scatter(struct pipe *p, const struct iovec *iov, int n, size_t len)
{
	size_t done = 0;

	for (int i = 0; i < n && done < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - done);

		ring_read(&p->ring, p->head, iov[i].iov_base, part);
		p->head += part;
		done += part;
	}
	return done;
}

static ssize_t pipe_recv(struct conn_end *e, const struct iovec *iov, int n, bool *more, bool *all)
{
	struct pipe *p = e->conn->pipes[!e->side];
	size_t want = sim_iov_total(iov, n), len;

	*more = false;
	*all = false;
	if (!p)
		return -EAGAIN;
	len = MIN(want, p->arrived - p->head);
	if (len > 0) {
		len = sim_shorten(p->link, len, p->link->params.short_recv_ppm);
		scatter(p, iov, n, len);
		*more = p->arrived > p->head || p->fin_arrived || p->rst_arrived;
		*all = len == want;
		e->node->activity++;
		world_trace(e->conn->world, WORLD_RECV, e->node->index, conn_side(p), len);
		pump(p);
		return (ssize_t)len;
	}
	if (p->rst_arrived)
		return -ECONNRESET;
	return p->fin_arrived ? 0 : -EAGAIN;
}

static size_t pipe_room(const struct conn_end *e, size_t *buffer)
{
	struct pipe *p = e->conn->pipes[e->side];
	size_t used;

	*buffer = p ? p->sndbuf : 0;
	if (!p)
		return 0;
	used = p->tail - p->arrived;
	return used < p->sndbuf ? p->sndbuf - used : 0;
}

static ssize_t pipe_send(struct conn_end *e, const struct iovec *iov, int n)
{
	struct pipe *p = e->conn->pipes[e->side];
	size_t len = sim_iov_total(iov, n), room, buffer;
	uint64_t from, h = 0;

	room = pipe_room(e, &buffer);
	len = MIN(len, room);
	if (len == 0)
		return -EAGAIN;
	len = sim_shorten(p->link, len, p->link->params.short_send_ppm);
	ring_reserve(&p->ring, p->head, p->tail, p->tail - p->head + len);
	from = p->tail;
	for (int i = 0; i < n && p->tail - from < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - (p->tail - from));

		h = world_hash_bytes(h, iov[i].iov_base, part);
		if (e->conn->world->taps)
			tap(p, WORLD_TAP_DATA, iov[i].iov_base, part);
		ring_write(&p->ring, p->tail, iov[i].iov_base, part);
		p->tail += part;
	}
	e->node->activity++;
	world_trace(e->conn->world, WORLD_SEND, e->node->index, conn_side(p), h);
	pump(p);
	return (ssize_t)len;
}

static int pipe_error(const struct conn_end *e)
{
	struct pipe *p = e->conn->pipes[!e->side];

	return p && p->rst_arrived ? -ECONNRESET : 0;
}

static bool pipe_readable(const struct conn_end *e)
{
	struct pipe *p = e->conn->pipes[!e->side];

	return p && (p->arrived > p->head || p->fin_arrived || p->rst_arrived);
}

static void pipe_shutdown(struct conn_end *e)
{
	struct pipe *p = e->conn->pipes[e->side];

	if (!p || p->fin || p->rst_wanted)
		return;
	p->fin = true;
	world_trace(e->conn->world, WORLD_FIN, e->node->index, conn_side(p), 0);
	tap(p, WORLD_TAP_FIN, NULL, 0);
	pump(p);
}

static void end_gone(struct conn_end *e)
{
	struct conn *c = e->conn;

	e->open = false;
	e->stream = NULL;
	e->listener = NULL;
	if (e->side == 0) {
		world_event_cancel(c->world, &c->timeout);
		/* The answer still under way finds nobody. */
		world_event_cancel(c->world, &c->step);
	}
	if (!c->ends[0].open && !c->ends[1].open)
		conn_free(c);
}

static void pipe_close(struct conn_end *e)
{
	struct pipe *in = e->conn->pipes[!e->side];

	/* As in Linux: closing over unread bytes is an abort, as the sender must know. */
	if (in && in->arrived > in->head && !in->rst_arrived)
		send_rst(e->conn->pipes[e->side]);
	else
		pipe_shutdown(e);
	end_gone(e);
}

static void pipe_abort(struct conn_end *e)
{
	if (e->conn->pipes[0] && !pipe_error(e))
		send_rst(e->conn->pipes[e->side]);
	end_gone(e);
}

static const struct end_ops pipe_end_ops = {
	.recv = pipe_recv,
	.send = pipe_send,
	.room = pipe_room,
	.error = pipe_error,
	.readable = pipe_readable,
	.shutdown = pipe_shutdown,
	.close = pipe_close,
	.abort = pipe_abort,
};

struct conn_end *sim_pipe_open(struct world_node *node, const struct net_addr *local,
			       const struct net_addr *remote)
{
	struct world *w = node->world;
	struct conn *c = g_new0(struct conn, 1);
	struct world_node *to = sim_net_route(node, remote);
	uint64_t delay = SYN_RETRY;

	c->world = w;
	c->id = ++w->next_conn;
	for (unsigned i = 0; i < 2; i++) {
		c->ends[i].ops = &pipe_end_ops;
		c->ends[i].conn = c;
		c->ends[i].side = i;
	}
	c->ends[0].node = node;
	c->ends[0].local = *local;
	c->ends[0].remote = *remote;
	c->ends[0].open = true;
	world_event_init(&c->step, conn_step);
	world_event_init(&c->timeout, conn_timeout);
	c->next = w->conns;
	c->prev = &w->conns;
	if (c->next)
		c->next->prev = &c->next;
	w->conns = c;
	w->nconns++;
	world_trace(w, WORLD_SYN, node->index, c->id, remote->port);
	if (to)
		delay = sim_link_delay(sim_link(node, to));
	world_event_set(w, &c->step, w->now + delay);
	world_event_set(w, &c->timeout, w->now + w->connect_timeout);
	return &c->ends[0];
}
