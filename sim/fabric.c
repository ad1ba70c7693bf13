/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a packet: the sender's port, the link, the receiver's port. Rates
 * and queues are reckoned, not played: a wire knows until when it is taken.
 */
#include <string.h>

#include "sim/roce-priv.h"
#include "sim/tcp.h"

#define MTU_DEFAULT 9000u
#define MTU_LEAST 576u

static const char *const drop_names[] = {
#define X(name, str) [WORLD_DROP_##name] = str,
	WORLD_DROPS(X)
#undef X
};

const char *world_drop_name(enum world_drop why)
{
	return why < WORLD_DROP_COUNT ? drop_names[why] : NULL;
}

uint64_t packet_conn_side(const struct packet *p)
{
	if (p->roce)
		return WORLD_OF_QP | p->qp;
	return p->conn << 1 | p->side;
}

static uint16_t packet_node(const struct packet *p)
{
	return p->from ? p->from->node->index : NO_NODE;
}

void packet_drop(struct packet *p, enum world_drop why)
{
	world_trace(p->world, WORLD_DROP, packet_node(p), packet_conn_side(p), why);
	p->world->net_stats.dropped[why]++;
	if (p->link)
		p->link->stats.dropped[why]++;
	packet_free(p);
}

/* ---- routes ------------------------------------------------------------------------- */

void sim_route(struct world_node *node, const struct net_addr *src, const struct net_addr *dst,
	       struct route *route)
{
	struct world_node *to = sim_net_route(node, dst);

	*route = (struct route){ .gen = node->world->route_gen };
	/* An address that went may still be sent from; the first port does. */
	route->from = sim_net_port(node, src);
	if (!route->from)
		route->from = node->ports;
	if (!to || to == node)
		return;
	route->link = sim_link(node, to);
	route->to = sim_net_port(to, dst);
}

uint32_t sim_route_mtu(const struct route *r)
{
	uint32_t mtu = MTU_DEFAULT;

	if (r->link && r->link->params.mtu)
		mtu = r->link->params.mtu;
	if (r->from->params.mtu)
		mtu = MIN(mtu, r->from->params.mtu);
	return CLAMP(mtu, MTU_LEAST, 65535u);
}

/* ---- arriving ----------------------------------------------------------------------- */

/* Off the wire, into the machine. */
static void into_node(struct packet *p)
{
	struct world_port *port = p->to;
	struct world_node *node = port->node;

	if (node->down || port->params.down) {
		packet_drop(p, WORLD_DROP_PORT_DOWN);
		return;
	}
	if (sim_parking_closed(&port->stopped)) {
		if (port->stopped.n >= WORLD_NIC_RING)
			packet_drop(p, WORLD_DROP_OVERRUN);
		else
			sim_park(&port->stopped, p);
		return;
	}
	sim_pcap_port(port, p, true);
	if (p->damaged && !packet_check(p)) {
		packet_drop(p, WORLD_DROP_CHECKSUM);
		return;
	}
	p->world->net_stats.delivered++;
	if (p->link)
		p->link->stats.delivered++;
	if (packet_is_udp(p)) {
		sim_roce_input(node, p);
		return;
	}
	tcp_input(node, p);
	packet_free(p);
}

static void node_event(struct world_event *ev)
{
	into_node(container(ev, struct packet, ev));
}

/* Over the link, at the switch's way out to the port. */
static void at_port(struct packet *p)
{
	struct world_port *port = p->to;
	const struct world_port_params *pp = &port->params;
	struct world *w = p->world;
	uint64_t busy;

	if (sim_parking_closed(&port->paused)) {
		sim_park(&port->paused, p);
		return;
	}
	if (pp->bytes_per_sec == 0) {
		into_node(p);
		return;
	}
	busy = port->rx_free > w->now ? port->rx_free - w->now : 0;
	if (pp->rx_queue_bytes &&
	    (unsigned __int128)busy * pp->bytes_per_sec / WORLD_SEC + p->len > pp->rx_queue_bytes) {
		packet_drop(p, WORLD_DROP_QUEUE);
		return;
	}
	p->ev.fn = node_event;
	world_event_set(w, &p->ev, sim_serialize(w, &port->rx_free, pp->bytes_per_sec, p->len));
}

void sim_link_again(struct packet *p)
{
	if (p->link && sim_link_stalled(p->link))
		sim_park(&p->link->stalled, p);
	else
		at_port(p);
}

static void packet_event(struct world_event *ev)
{
	sim_link_again(container(ev, struct packet, ev));
}

/* The first of those in order arrives, and all that come with it. */
void sim_link_event(struct world_event *ev)
{
	struct link *link = container(ev, struct link, ev);
	uint64_t now = link->from->world->now;

	while (link->flight && link->flight->arrives <= now) {
		struct packet *p = link->flight;

		link->flight = p->next;
		if (!link->flight)
			link->flight_last = &link->flight;
		p->next = NULL;
		sim_link_again(p);
	}
	if (link->flight)
		world_event_set(link->from->world, ev, link->flight->arrives);
}

static void arrive_in_order(struct packet *p, uint64_t arrives)
{
	struct link *link = p->link;

	link->last_arrival = p->arrives = MAX(arrives, link->last_arrival);
	p->next = NULL;
	*link->flight_last = p;
	link->flight_last = &p->next;
	if (link->flight == p)
		world_event_set(p->world, &link->ev, p->arrives);
}

static void arrive_alone(struct packet *p, uint64_t arrives)
{
	p->arrives = arrives;
	world_event_init(&p->ev, packet_event);
	world_event_set(p->world, &p->ev, arrives);
}

/* ---- departing ---------------------------------------------------------------------- */

static bool queue_full(const struct world *w, uint64_t free_at, uint64_t rate, uint32_t limit,
		       uint32_t len)
{
	if (limit == 0 || rate == 0 || free_at <= w->now)
		return false;
	return (unsigned __int128)(free_at - w->now) * rate / WORLD_SEC + len > limit;
}

/* Whether the switch sees congestion; it tells those that want to hear of it. */
static bool is_congested(struct link *link, const struct packet *p)
{
	const struct world_link_params *lp = &link->params;

	if (!packet_is_ecn_capable(p))
		return false;
	return world_rng_chance(&link->rng, lp->ecn_ppm) ||
	       queue_full(p->world, link->free_at, lp->bytes_per_sec, lp->ecn_bytes, p->len);
}

/* An answer from the middle of the network, to who sent p. */
static void answer(struct packet *p, uint32_t mtu)
{
	struct packet *icmp = packet_icmp(p, mtu);

	icmp->to = p->from;
	arrive_alone(icmp, p->world->now + sim_link_delay(p->link));
}

static bool too_big(const struct packet *p, uint32_t *mtu)
{
	*mtu = p->link->params.mtu ? p->link->params.mtu : MTU_DEFAULT;
	if (p->to && p->to->params.mtu)
		*mtu = MIN(*mtu, p->to->params.mtu);
	*mtu = MAX(*mtu, MTU_LEAST);
	return p->len - ETH_LEN > *mtu;
}

/* What the link itself does, and what the rules say. */
static void draw_fate(struct world *w, const struct packet *p, struct fate *f)
{
	struct link *link = p->link;
	const struct world_link_params *lp = &link->params;

	f->keep_order = true;
	if (w->rules->len > 0)
		sim_rules_apply(w, p, f);
	if (world_rng_chance(&link->rng, lp->stall_ppm))
		f->delay += lp->stall_ns;
	if (!f->drop && world_rng_chance(&link->rng, lp->loss_ppm)) {
		f->drop = true;
		f->why = WORLD_DROP_LOSS;
	}
	if (!f->duplicate && world_rng_chance(&link->rng, lp->dup_ppm)) {
		f->duplicate = true;
		f->again = world_rng_range(&link->rng, 1, lp->latency_ns + 1);
	}
	if (world_rng_chance(&link->rng, lp->reorder_ppm)) {
		f->keep_order = false;
		f->late += world_rng_range(&link->rng, 1, MAX(lp->reorder_ns, 1));
	}
	f->flip |= world_rng_chance(&link->rng, lp->flip_ppm);
	f->corrupt |= p->data_len > 0 && world_rng_chance(&link->rng, lp->corrupt_ppm);
}

static const char *fate_comment(const struct fate *f)
{
	if (f->drop)
		return drop_names[f->why];
	if (f->flip)
		return "one bit flips";
	if (f->corrupt)
		return "one bit of data flips, checksum made right";
	if (f->duplicate)
		return "comes twice";
	if (!f->keep_order)
		return "others overtake it";
	return f->delay ? "comes late" : NULL;
}

static void damage(struct packet *p, const struct fate *f)
{
	struct link *link = p->link;
	uint64_t bit;

	if (f->corrupt && p->data_len > 0) {
		bit = world_rng_below(&link->rng, (uint64_t)p->data_len * 8);
		packet_corrupt(p, bit);
		world_trace(p->world, WORLD_CORRUPT, packet_node(p), packet_conn_side(p), bit);
		link->stats.corrupted++;
		p->world->net_stats.corrupted++;
	}
	if (f->flip) {
		bit = world_rng_below(&link->rng, (uint64_t)(p->len - ETH_LEN) * 8);
		packet_flip(p, bit);
		world_trace(p->world, WORLD_CORRUPT, packet_node(p), packet_conn_side(p),
			    UINT64_C(1) << 32 | bit);
		link->stats.flipped++;
		p->world->net_stats.flipped++;
	}
}

static void count_fate(struct world_link_stats *s, const struct fate *f)
{
	s->duplicated += f->duplicate;
	s->delayed += f->delay > 0;
	s->reordered += !f->keep_order;
}

/* Puts p on the link, on which it is at `start`. */
static void depart(struct packet *p, const struct fate *f, uint64_t start)
{
	struct link *link = p->link;
	struct world *w = p->world;
	uint64_t arrives = start + sim_link_delay(link) + f->delay;

	count_fate(&link->stats, f);
	count_fate(&w->net_stats, f);
	if (f->keep_order)
		arrive_in_order(p, arrives);
	else
		arrive_alone(p, arrives + f->late);
	if (f->duplicate)
		arrive_alone(packet_copy(p), p->arrives + MAX(f->again, 1));
	if (f->flip || f->corrupt)
		damage(p, f);
}

/* Through the link, if it lets it. */
static void onto_link(struct packet *p, uint64_t start)
{
	struct world *w = p->world;
	struct link *link = p->link;
	const struct world_link_params *lp = &link->params;
	struct fate f = { 0 };
	bool told = false;
	uint32_t mtu = 0;

	draw_fate(w, p, &f);
	if (!f.drop && (lp->down || !p->to)) {
		f.drop = true;
		f.why = lp->down ? WORLD_DROP_LINK_DOWN : WORLD_DROP_NO_ADDR;
	} else if (!f.drop && lp->unreachable && (p->kinds & WORLD_PACKET_SYN)) {
		f.drop = told = true;
		f.why = WORLD_DROP_UNREACHABLE;
	} else if (!f.drop && too_big(p, &mtu)) {
		f.drop = true;
		told = !lp->mtu_silent;
		f.why = WORLD_DROP_MTU;
	} else if (!f.drop &&
		   queue_full(w, link->free_at, lp->bytes_per_sec, lp->queue_bytes, p->len)) {
		f.drop = true;
		f.why = WORLD_DROP_QUEUE;
	}
	if (w->pcaps)
		sim_pcap_link(w, p, fate_comment(&f));
	if (f.drop) {
		if (told)
			answer(p, f.why == WORLD_DROP_MTU ? mtu : 0);
		packet_drop(p, f.why);
		return;
	}
	if (is_congested(link, p)) {
		packet_mark(p);
		link->stats.marked++;
		w->net_stats.marked++;
	}
	if (lp->bytes_per_sec > 0) {
		link->free_at = MAX(link->free_at, start);
		start = sim_serialize(w, &link->free_at, lp->bytes_per_sec, p->len);
	}
	depart(p, &f, start);
}

void fabric_send(struct world *w, const struct route *r, struct packet *p)
{
	struct world_port *port = r->from;
	const struct world_port_params *pp = &port->params;
	uint64_t start = w->now;

	p->link = r->link;
	p->from = port;
	p->to = r->to;
	packet_macs(p, port, r->to);
	w->net_stats.packets++;
	w->net_stats.bytes += p->len;
	sim_pcap_port(port, p, false);
	if (port->node->down || pp->down) {
		packet_drop(p, WORLD_DROP_PORT_DOWN);
		return;
	}
	if (!p->link) {
		packet_drop(p, WORLD_DROP_NO_ROUTE);
		return;
	}
	p->link->stats.packets++;
	p->link->stats.bytes += p->len;
	if (queue_full(w, port->tx_free, pp->bytes_per_sec, pp->tx_queue_bytes, p->len)) {
		packet_drop(p, WORLD_DROP_QUEUE);
		return;
	}
	if (pp->bytes_per_sec > 0)
		start = sim_serialize(w, &port->tx_free, pp->bytes_per_sec, p->len);
	onto_link(p, start);
}

/* ---- ports -------------------------------------------------------------------------- */

static struct world_port *port_make(struct world_node *node, const char *name)
{
	struct world_port *port = g_new0(struct world_port, 1), **at = &node->ports;

	while (*at)
		at = &(*at)->next;
	*at = port;
	port->node = node;
	port->name = g_strdup(name);
	port->number = node->nports++;
	sim_parking_init(&port->paused, node->world, at_port);
	sim_parking_init(&port->stopped, node->world, into_node);
	return port;
}

struct world_port *world_port_new(struct world_node *node, const char *name)
{
	return port_make(node, name);
}

void sim_ports_init(struct world_node *node)
{
	port_make(node, "eth0");
}

void sim_ports_free(struct world_node *node)
{
	while (node->ports) {
		struct world_port *port = node->ports;

		node->ports = port->next;
		sim_parking_free(&port->paused);
		sim_parking_free(&port->stopped);
		g_free(port->name);
		g_free(port);
	}
}

struct world_port *world_node_port(struct world_node *node, unsigned n)
{
	struct world_port *port = node->ports;

	while (port && port->number != n)
		port = port->next;
	return port;
}

const char *world_port_name(const struct world_port *port)
{
	return port->name;
}

void world_port_get(const struct world_port *port, struct world_port_params *out)
{
	*out = port->params;
}

void world_port_set(struct world_port *port, const struct world_port_params *params)
{
	world_trace(port->node->world, WORLD_PORT, port->node->index, port->number, params->down);
	port->params = *params;
	sim_rnic_changed(port->node);
}

void world_port_pause(struct world_port *port, uint64_t until)
{
	world_trace(port->node->world, WORLD_PORT, port->node->index, port->number, until);
	sim_parking_set(&port->paused, until);
}

void world_net_stats(struct world *w, struct world_link_stats *out)
{
	*out = w->net_stats;
}
