/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: sending and its timers.
 *
 * Segments are as long as the link's parameters say (drawn), at most the MSS.
 * Nothing waits for more bytes to come (no Nagle). What comes in
 * order is acknowledged after a few microseconds (as network cards gather packets
 * before they interrupt), by data if some is sent meanwhile, or at two full
 * segments; everything else at once. Congestion window as in
 * RFC 5681 with NewReno's partial acknowledgements; after a timeout, what is not
 * acknowledged is sent again from the beginning. Timers as in RFC 6298.
 */
#include <errno.h>
#include <string.h>

#include "sim/tcp.h"

#define CWND_SEGMENTS 10

const struct route *tcp_route(struct tcp *t)
{
	if (t->route.gen != t->world->route_gen)
		sim_route(t->end.node, &t->end.local, &t->end.remote, &t->route);
	return &t->route;
}

static uint32_t headers(const struct tcp *t)
{
	return TCP_LEN + (t->end.local.family == NET_INET6 ? IPV6_LEN : IPV4_LEN);
}

uint32_t tcp_mss(struct tcp *t)
{
	uint32_t own = sim_route_mtu(tcp_route(t)) - headers(t);

	return t->mss ? MIN(t->mss, own) : own;
}

/* What the peer may send: told in units of 1 << scale, so cut down. */
static uint16_t window(struct tcp *t, bool syn)
{
	uint64_t edge = t->head + t->rcvbuf, open = edge - t->rcv, step;
	unsigned scale = syn ? 0 : t->scale;

	/* Not in tiny pieces (RFC 9293, 3.8.6.2.2). */
	step = MAX(1, MIN(t->rcvbuf / 2, tcp_mss(t)));
	if (edge < t->advertised + step)
		open = t->advertised > t->rcv ? MIN(t->advertised - t->rcv, open) : 0;
	open = MIN(open >> scale, 65535);
	t->advertised = MAX(t->advertised, t->rcv + (open << scale));
	return (uint16_t)open;
}

static void transmit(struct tcp *t, uint8_t flags, uint64_t pos, uint32_t len)
{
	struct world *w = t->world;
	const struct route *route = tcp_route(t);
	struct tcp_header h = {
		.src = &t->end.local,
		.dst = &t->end.remote,
		.seq = t->iss + (uint32_t)pos,
		.ack = flags & TCP_ACK ? t->irs + (uint32_t)(t->rcv + t->fin_in) : 0,
		.window = flags & TCP_RST ? 0 : window(t, flags & TCP_SYN),
		.flags = flags,
	};
	struct packet *p;

	if (t->ack.slot && (flags & TCP_ACK))
		world_event_cancel(w, &t->ack);
	t->unacked = 0;
	if (flags & TCP_SYN) {
		h.mss = (uint16_t)MIN(sim_route_mtu(route) - headers(t), 65535);
		h.scale = t->scale;
	}
	p = packet_tcp(t->end.node, &h, len);
	if (len > 0)
		ring_read(&t->out, pos, p->bytes + p->data_off, len);
	p->conn = t->conn->id;
	p->side = (uint8_t)t->end.side;
	p->number = ++t->conn->packets[t->end.side];
	p->pos = len > 0 ? pos - 1 : 0;
	p->tx = pos < t->max && (len > 0 || (flags & (TCP_SYN | TCP_FIN))) ? 2 : 1;
	w->tcp_stats.segments++;
	w->tcp_stats.repeated += p->tx > 1;
	world_trace(w, WORLD_PACKET, t->end.node->index, tcp_conn_side(t),
		    world_mix((uint64_t)h.seq << 32 | h.ack,
			      (uint64_t)len << 32 | (uint32_t)h.window << 8 | flags));
	fabric_send(w, route, p);
}

void tcp_send_syn(struct tcp *t)
{
	t->timing = t->max == 0;
	t->timed_pos = 1;
	t->timed_at = t->world->now;
	transmit(t, t->state == TCP_SYN_RCVD ? TCP_SYN | TCP_ACK : TCP_SYN, 0, 0);
	t->nxt = t->max = 1;
}

void tcp_send_ack(struct tcp *t)
{
	transmit(t, TCP_ACK, t->max, 0);
}

void tcp_ack_timer(struct world_event *ev)
{
	tcp_send_ack(container(ev, struct tcp, ack));
}

void tcp_ack_soon(struct tcp *t, uint64_t n)
{
	struct world *w = t->world;

	t->unacked += n;
	if (w->tcp_params.ack_delay == 0 || t->unacked >= 2 * (uint64_t)tcp_mss(t))
		tcp_send_ack(t);
	else if (!t->ack.slot)
		world_event_set(w, &t->ack, w->now + w->tcp_params.ack_delay);
}

void tcp_send_rst(struct tcp *t)
{
	world_trace(t->world, WORLD_RST, t->end.node->index, tcp_conn_side(t), 0);
	tcp_tap(t, WORLD_TAP_RST, NULL, 0);
	t->world->tcp_stats.resets_sent++;
	transmit(t, TCP_RST | TCP_ACK, t->max, 0);
}

/* ---- data --------------------------------------------------------------------------- */

/* Bytes of the next segment at pos, if at most len are there. */
static uint32_t draw_len(struct tcp *t, uint64_t len)
{
	const struct route *route = tcp_route(t);
	uint64_t n = tcp_mss(t);

	if (route->link) {
		const struct world_link_params *lp = &route->link->params;

		uint64_t drawn = world_rng_range(&route->link->rng, lp->seg_min, lp->seg_max);

		n = MIN(n, drawn);
	}
	return (uint32_t)MIN(n, len);
}

/* Returns how far it got. */
static uint64_t send_from(struct tcp *t, uint64_t pos, uint64_t len)
{
	uint8_t flags = TCP_ACK;
	uint32_t n = len > 0 ? draw_len(t, len) : 0;
	uint64_t end = pos + n;

	if (end == t->tail) {
		flags |= n > 0 ? TCP_PSH : 0;
		if (t->fin) {
			flags |= TCP_FIN;
			end++;
		}
	}
	if (pos < t->max) {
		/* Whose acknowledgement it will be is not known (Karn). */
		t->timing = false;
	} else if (!t->timing) {
		t->timing = true;
		t->timed_pos = end;
		t->timed_at = t->world->now;
	}
	transmit(t, flags, pos, n);
	t->max = MAX(t->max, end);
	return end;
}

static bool may_send(const struct tcp *t)
{
	switch (t->state) {
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT_1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	default:
		return false;
	}
}

void tcp_output(struct tcp *t)
{
	uint64_t limit;

	if (!may_send(t))
		return;
	if (t->cwnd == 0) {
		t->cwnd = (uint64_t)CWND_SEGMENTS * tcp_mss(t);
		t->ssthresh = UINT64_MAX;
	}
	limit = MIN(t->edge, t->una + t->cwnd);
	while (t->nxt < t->tail && t->nxt < limit)
		t->nxt = send_from(t, t->nxt, MIN(t->tail, limit) - t->nxt);
	if (t->fin && t->nxt == t->tail)
		t->nxt = send_from(t, t->nxt, 0);
	tcp_set_timer(t);
}

void tcp_repeat(struct tcp *t)
{
	uint64_t end = send_from(t, t->una, MIN(t->tail, MAX(t->edge, t->una)) - t->una);

	t->nxt = MAX(t->nxt, end);
}

/* ---- timers ------------------------------------------------------------------------- */

void tcp_rtt_known(struct tcp *t)
{
	const struct world_tcp_params *params = &t->world->tcp_params;

	t->rto = t->srtt + MAX(4 * t->rttvar, WORLD_MS);
	t->rto = CLAMP(t->rto, params->rto_min, params->rto_max);
}

void tcp_rtt_sample(struct tcp *t, uint64_t rtt)
{
	if (t->srtt == 0) {
		t->srtt = MAX(rtt, 1);
		t->rttvar = rtt / 2;
	} else {
		uint64_t off = rtt > t->srtt ? rtt - t->srtt : t->srtt - rtt;

		t->rttvar = (3 * t->rttvar + off) / 4;
		t->srtt = (7 * t->srtt + rtt) / 8;
	}
	tcp_rtt_known(t);
}

/* There is data, nothing under way, and the peer's window is shut. */
static bool must_probe(const struct tcp *t)
{
	return may_send(t) && t->nxt == t->una && t->nxt < t->tail && t->nxt >= t->edge;
}

void tcp_set_timer(struct tcp *t)
{
	bool waiting = t->nxt > t->una;

	if (!waiting && !must_probe(t)) {
		world_event_cancel(t->world, &t->rtx);
		return;
	}
	if (t->rtx.slot)
		return;
	/* A peer that takes nothing may do so for ever: nobody waits for that. */
	t->rtx.background = !waiting;
	world_event_set(t->world, &t->rtx, t->world->now + t->rto);
}

static void back_off(struct tcp *t)
{
	t->rto = MIN(t->rto * 2, t->world->tcp_params.rto_max);
}

static void probe(struct tcp *t)
{
	t->world->tcp_stats.probes++;
	back_off(t);
	/* A byte that it has already: it answers with its window. */
	transmit(t, TCP_ACK, t->una - 1, 0);
	tcp_set_timer(t);
}

static void timed_out(struct tcp *t)
{
	uint64_t mss = tcp_mss(t);

	t->world->tcp_stats.timeouts++;
	back_off(t);
	t->timing = false;
	if (t->state == TCP_SYN_SENT || t->state == TCP_SYN_RCVD) {
		tcp_send_syn(t);
		tcp_set_timer(t);
		return;
	}
	t->ssthresh = MAX((t->max - t->una) / 2, 2 * mss);
	t->cwnd = mss;
	t->recovering = false;
	t->dupacks = 0;
	t->nxt = t->una;
	tcp_output(t);
}

static bool out_of_tries(const struct tcp *t)
{
	const struct world_tcp_params *params = &t->world->tcp_params;

	switch (t->state) {
	case TCP_SYN_SENT: /* has the timeout of connecting */
		return false;
	case TCP_SYN_RCVD:
		return t->tries > params->syn_retries;
	default:
		return t->tries > params->retries;
	}
}

void tcp_timer(struct world_event *ev)
{
	struct tcp *t = container(ev, struct tcp, rtx);
	struct world_node *node = t->end.node;

	if (node->paused_until > t->world->now) {
		if (node->paused_until != HW_NEVER)
			world_event_set(t->world, ev, node->paused_until);
		return;
	}
	t->tries++;
	if (out_of_tries(t)) {
		t->world->tcp_stats.given_up++;
		tcp_over(t, -ETIMEDOUT);
		return;
	}
	if (must_probe(t))
		probe(t);
	else
		timed_out(t);
}
