/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: what comes in. The steps are those of RFC 9293, 3.10.7, in their order.
 */
#include <errno.h>
#include <string.h>

#include "sim/tcp.h"

/* Connections that wait for the end of the handshake on one node; a flood is dropped. */
#define HALF_OPEN_MAX 1024

/* ---- nobody there ------------------------------------------------------------------- */

static void refuse(struct world_node *node, const struct segment_in *seg, const struct packet *p)
{
	uint32_t used = seg->len + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);
	bool ack = seg->flags & TCP_ACK;
	struct tcp_header h = {
		.src = &seg->dst,
		.dst = &seg->src,
		.seq = ack ? seg->ack : 0,
		.ack = ack ? 0 : seg->seq + used,
		.flags = ack ? TCP_RST : TCP_RST | TCP_ACK,
	};
	struct route route;
	struct packet *rst;

	if (seg->flags & TCP_RST)
		return;
	sim_route(node, &seg->dst, &seg->src, &route);
	rst = packet_tcp(node, &h, 0);
	rst->conn = p->conn;
	rst->side = !p->side;
	node->world->tcp_stats.resets_sent++;
	world_trace(node->world, WORLD_RST, node->index, packet_conn_side(rst), 2);
	fabric_send(node->world, &route, rst);
}

static unsigned half_open(const struct world_node *node)
{
	unsigned n = 0;

	for (const struct tcp *t = node->net.tcps; t; t = t->next)
		n += t->state == TCP_SYN_RCVD;
	return n;
}

static void syn_in(struct world_node *node, const struct segment_in *seg, const struct packet *p)
{
	struct net_listener *l;
	struct tcp *t;
	int err = 0;

	l = sim_net_lookup(node, &seg->dst, &err);
	if (l && p->link && world_rng_chance(&p->link->rng, p->link->params.refuse_ppm))
		l = NULL;
	else if (err == -EAGAIN || half_open(node) >= HALF_OPEN_MAX)
		return; /* full: it will be sent again */
	if (!l) {
		refuse(node, seg, p);
		return;
	}
	t = tcp_accept(node, seg, p->conn);
	t->edge = seg->window;
	tcp_send_syn(t);
	tcp_set_timer(t);
}

/* ---- handshake ---------------------------------------------------------------------- */

static void tell_opened(struct tcp *t)
{
	t->conn->opened = true;
	tcp_tap(t, WORLD_TAP_OPEN, NULL, 0);
}

static void established(struct tcp *t)
{
	world_event_cancel(t->world, &t->rtx);
	world_event_cancel(t->world, &t->wait);
	t->tries = 0;
	t->una = 1;
	t->rto = t->srtt ? t->rto : t->world->tcp_params.rto_init;
	tcp_set_state(t, TCP_ESTABLISHED);
}

static void sample(struct tcp *t, uint64_t ackpos)
{
	if (!t->timing || ackpos < t->timed_pos)
		return;
	t->timing = false;
	tcp_rtt_sample(t, t->world->now - t->timed_at);
}

static void syn_sent_in(struct tcp *t, const struct segment_in *seg, struct world_node *node,
			const struct packet *p)
{
	bool ours = (seg->flags & TCP_ACK) && seg->ack == t->iss + 1;

	if ((seg->flags & TCP_ACK) && !ours) {
		refuse(node, seg, p);
		return;
	}
	if (seg->flags & TCP_RST) {
		if (ours) {
			t->world->tcp_stats.resets_seen++;
			tcp_over(t, -ECONNREFUSED);
		}
		return;
	}
	if (!ours || !(seg->flags & TCP_SYN))
		return;
	tcp_learn(t, seg);
	t->edge = 1 + (uint64_t)seg->window;
	sample(t, 1);
	established(t);
	tell_opened(t);
	world_trace(t->world, WORLD_CONNECTED, node->index, t->conn->id, 0);
	tcp_send_ack(t);
	if (t->fin) {
		tcp_tap(t, WORLD_TAP_FIN, NULL, 0);
		tcp_set_state(t, TCP_FIN_WAIT_1);
		tcp_output(t);
	}
	sim_end_connected(&t->end, 0);
}

/* The end of the handshake on the accepting side. False: t is gone, or must wait. */
static bool syn_rcvd_in(struct tcp *t, const struct segment_in *seg, const struct packet *p)
{
	struct world_node *node = t->end.node;
	struct net_listener *l;
	int err = 0;

	if (seg->ack != t->iss + 1) {
		refuse(node, seg, p);
		return false;
	}
	l = sim_net_lookup(node, &t->end.local, &err);
	if (err == -EAGAIN)
		return false;
	if (!l) {
		tcp_send_rst(t);
		tcp_over(t, 0);
		return false;
	}
	sample(t, 1);
	established(t);
	t->edge = 1 + ((uint64_t)seg->window << t->peer_scale);
	t->end.open = true;
	t->conn->opened = true;
	world_trace(t->world, WORLD_ACCEPT, node->index, t->conn->id, 0);
	sim_net_incoming(l, &t->end);
	return true;
}

/* ---- acknowledgements --------------------------------------------------------------- */

static void fast_retransmit(struct tcp *t)
{
	uint64_t mss = tcp_mss(t);

	t->world->tcp_stats.fast++;
	t->ssthresh = MAX((t->max - t->una) / 2, 2 * mss);
	t->cwnd = t->ssthresh + 3 * mss;
	t->recovering = true;
	t->recover = t->max;
	tcp_repeat(t);
}

static void dup_ack(struct tcp *t)
{
	if (t->recovering) {
		t->cwnd += tcp_mss(t);
		return;
	}
	if (++t->dupacks == 3)
		fast_retransmit(t);
}

/* una moved by n. */
static void grow_window(struct tcp *t, uint64_t n)
{
	uint64_t mss = tcp_mss(t);

	t->dupacks = 0;
	if (t->recovering && t->una >= t->recover) {
		t->recovering = false;
		t->cwnd = t->ssthresh;
	} else if (t->recovering) {
		/* A further hole (NewReno). */
		t->cwnd = t->cwnd > n ? t->cwnd - n + mss : mss;
		tcp_repeat(t);
	} else if (t->cwnd < t->ssthresh) {
		t->cwnd += MIN(n, mss);
	} else {
		t->cwnd += MAX(1, mss * mss / t->cwnd);
	}
	/* More than can ever be sent is of no use. */
	t->cwnd = MIN(t->cwnd, UINT64_C(1) << 40);
}

/* Everything that we sent has come, and so has our FIN. False: t is gone. */
static bool fin_acked(struct tcp *t)
{
	switch (t->state) {
	case TCP_FIN_WAIT_1:
		tcp_set_state(t, TCP_FIN_WAIT_2);
		if (!t->end.open)
			tcp_wait_begin(t, t->world->tcp_params.fin_wait);
		return true;
	case TCP_CLOSING:
		tcp_set_state(t, TCP_TIME_WAIT);
		tcp_wait_begin(t, t->world->tcp_params.time_wait);
		return true;
	case TCP_LAST_ACK:
		tcp_over(t, 0);
		return false;
	default:
		return true;
	}
}

/* False: t is gone. */
static bool ack_in(struct tcp *t, const struct segment_in *seg)
{
	int32_t diff = (int32_t)(seg->ack - (t->iss + (uint32_t)t->una));
	uint64_t ackpos, edge, una = t->una;

	if (diff < 0)
		return true;
	ackpos = t->una + (uint32_t)diff;
	if (ackpos > t->max) {
		tcp_send_ack(t);
		return true;
	}
	/* A receiver never takes back what it offered (but for rounding). */
	edge = ackpos + ((uint64_t)seg->window << t->peer_scale);
	if (ackpos == una && edge <= t->edge) {
		/* A peer that answers probes lives, though it takes nothing. */
		if (t->max == una && t->end.open)
			t->tries = 0;
		if (seg->len == 0 && !(seg->flags & TCP_FIN) && t->max > una)
			dup_ack(t);
		return true;
	}
	t->edge = MAX(t->edge, edge);
	t->tries = 0;
	world_event_cancel(t->world, &t->rtx);
	if (t->srtt)
		tcp_rtt_known(t);
	if (ackpos > una) {
		sample(t, ackpos);
		t->una = ackpos;
		t->nxt = MAX(t->nxt, ackpos);
		grow_window(t, ackpos - una);
	}
	if (t->fin && t->una == tcp_end(t) && !fin_acked(t))
		return false;
	tcp_set_timer(t);
	if (t->end.open)
		sim_end_changed(&t->end);
	return true;
}

/* ---- data --------------------------------------------------------------------------- */

/* Notes from..to as there. False: too many pieces already. */
static bool add_range(struct tcp *t, uint64_t from, uint64_t to)
{
	unsigned i = 0, j;

	while (i < t->nranges && t->ranges[i].to < from)
		i++;
	for (j = i; j < t->nranges && t->ranges[j].from <= to; j++) {
		from = MIN(from, t->ranges[j].from);
		to = MAX(to, t->ranges[j].to);
	}
	if (i == j && t->nranges == TCP_RANGES)
		return false;
	memmove(&t->ranges[i + 1], &t->ranges[j], (t->nranges - j) * sizeof(t->ranges[0]));
	t->ranges[i] = (struct range){ from, to };
	t->nranges += 1 + i - j;
	return true;
}

static void take_ranges(struct tcp *t)
{
	unsigned n = 0;

	while (n < t->nranges && t->ranges[n].from <= t->rcv) {
		t->rcv = MAX(t->rcv, t->ranges[n].to);
		n++;
	}
	t->nranges -= n;
	memmove(t->ranges, t->ranges + n, t->nranges * sizeof(t->ranges[0]));
}

static void data_in(struct tcp *t, uint64_t pos, const uint8_t *data, uint64_t len)
{
	uint64_t edge = t->head + t->rcvbuf, end = MIN(pos + len, edge);

	if (pos < t->rcv) {
		data += MIN(t->rcv - pos, len);
		pos = t->rcv;
	}
	if (end <= pos)
		return;
	if (pos > t->rcv) {
		t->world->tcp_stats.out_of_order++;
		if (!add_range(t, pos, end))
			return;
	}
	ring_reserve(&t->in, t->head, MAX(t->rcv, t->top), end - t->head);
	ring_write(&t->in, pos, data, end - pos);
	t->top = MAX(t->top, end);
	if (pos == t->rcv) {
		t->rcv = end;
		take_ranges(t);
	}
}

static void fin_in(struct tcp *t)
{
	t->fin_in = true;
	t->ended_at = MIN(t->ended_at, t->world->now);
	switch (t->state) {
	case TCP_ESTABLISHED:
		tcp_set_state(t, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT_1:
		tcp_set_state(t, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT_2:
		tcp_set_state(t, TCP_TIME_WAIT);
		tcp_wait_begin(t, t->world->tcp_params.time_wait);
		break;
	default:
		break;
	}
}

/* Answers with data if there is some to send, else without. */
static void answer(struct tcp *t, uint64_t in_order)
{
	uint64_t sent = t->world->tcp_stats.segments;

	tcp_output(t);
	if (t->world->tcp_stats.segments != sent)
		return;
	/* Holes, what fills them, and the end are not kept waiting. */
	if (in_order > 0 && t->nranges == 0 && !t->fin_in)
		tcp_ack_soon(t, in_order);
	else
		tcp_send_ack(t);
}

/* False: t is gone. */
static bool text_in(struct tcp *t, const struct segment_in *seg, uint64_t pos)
{
	uint64_t end = pos + seg->len, before = t->rcv;
	bool had_holes = t->nranges > 0;

	/* Nobody will ever read it. */
	if (!t->end.open && seg->len > 0 && end > t->rcv) {
		tcp_send_rst(t);
		tcp_over(t, 0);
		return false;
	}
	if (t->fin_in) {
		if (t->state == TCP_TIME_WAIT)
			tcp_wait_begin(t, t->world->tcp_params.time_wait);
		tcp_send_ack(t);
		return true;
	}
	if (seg->len > 0)
		data_in(t, pos, seg->data, seg->len);
	if (seg->flags & TCP_FIN)
		t->fin_pos = end;
	if (t->fin_pos && t->rcv == t->fin_pos)
		fin_in(t);
	answer(t, had_holes ? 0 : t->rcv - before);
	if (t->end.open && (t->rcv > before || t->fin_in))
		sim_end_changed(&t->end);
	return true;
}

/* ---- all of it ---------------------------------------------------------------------- */

static void rst_in(struct tcp *t, int64_t off)
{
	int64_t room = (int64_t)(t->head + t->rcvbuf - t->rcv);

	/* Within the window only: an old one must not end a new connection. */
	if (off < 0 || off > MAX(room, 1))
		return;
	t->world->tcp_stats.resets_seen++;
	if (t->state == TCP_TIME_WAIT)
		return;
	tcp_over(t, -ECONNRESET);
}

static void segment_in(struct tcp *t, const struct segment_in *seg, const struct packet *p)
{
	int64_t off = (int32_t)(seg->seq - (t->irs + (uint32_t)t->rcv));
	uint64_t pos = t->rcv + (uint64_t)off;

	if (seg->flags & TCP_RST) {
		rst_in(t, off);
		return;
	}
	if (seg->flags & TCP_SYN) {
		if (t->state == TCP_SYN_RCVD && seg->seq == t->irs)
			tcp_send_syn(t);
		else
			tcp_send_ack(t); /* who has restarted answers with RST */
		return;
	}
	if (!(seg->flags & TCP_ACK) || (off < 0 && (uint64_t)-off > t->rcv))
		return;
	if (t->state == TCP_SYN_RCVD && !syn_rcvd_in(t, seg, p))
		return;
	if (off > 0 && pos > t->head + t->rcvbuf) {
		tcp_send_ack(t);
		return;
	}
	if (!ack_in(t, seg))
		return;
	if (seg->len > 0 || (seg->flags & TCP_FIN))
		text_in(t, seg, pos);
	else if (off < 0)
		tcp_send_ack(t); /* a probe */
	else
		tcp_output(t);
}

static void icmp_in(struct world_node *node, const struct icmp_in *icmp)
{
	struct tcp *t = tcp_table_find(node, &icmp->src, &icmp->dst);
	uint32_t headers = TCP_LEN + (icmp->src.family == NET_INET6 ? IPV6_LEN : IPV4_LEN);
	uint32_t off;

	if (!t)
		return;
	off = icmp->seq - (t->iss + (uint32_t)t->una);
	if (off > t->max - t->una)
		return;
	if (!icmp->too_big) {
		if (t->state == TCP_SYN_SENT)
			tcp_over(t, -EHOSTUNREACH);
		return;
	}
	if (icmp->mtu < 512 || icmp->mtu - headers >= tcp_mss(t) || t->mss == 0)
		return;
	/* What is under way is too big as well. */
	t->mss = icmp->mtu - headers;
	t->nxt = t->una;
	t->timing = false;
	tcp_output(t);
}

/* An old connection makes place for a new one with the same addresses. */
static bool makes_place(struct tcp *t, const struct segment_in *seg)
{
	if (t->state != TCP_TIME_WAIT || !(seg->flags & TCP_SYN) || (seg->flags & TCP_ACK))
		return false;
	tcp_over(t, 0);
	return true;
}

void tcp_input(struct world_node *node, const struct packet *p)
{
	struct segment_in seg;
	struct icmp_in icmp;
	struct tcp *t;

	switch (packet_parse(p, &seg, &icmp)) {
	case PACKET_BAD:
		return;
	case PACKET_IS_ICMP:
		icmp_in(node, &icmp);
		return;
	case PACKET_IS_TCP:
		break;
	}
	t = tcp_table_find(node, &seg.dst, &seg.src);
	if (t && makes_place(t, &seg))
		t = NULL;
	if (t ? t->end.addr_gone : !sim_net_has_addr(node, &seg.dst)) {
		world_trace(node->world, WORLD_DROP, node->index, packet_conn_side(p),
			    WORLD_DROP_NO_ADDR);
		node->world->net_stats.dropped[WORLD_DROP_NO_ADDR]++;
		return;
	}
	if (t && t->state == TCP_SYN_SENT)
		syn_sent_in(t, &seg, node, p);
	else if (t)
		segment_in(t, &seg, p);
	else if ((seg.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		syn_in(node, &seg, p);
	else
		refuse(node, &seg, p);
}
