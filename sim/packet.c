/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets: memory (free lists by size), making, reading, checksums.
 */
#include <string.h>

#include "sim/ip.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58
#define ICMP_LEN 8
#define UDP_LEN 8
/* Of the packet that an ICMP message is about: its IP header and the first of TCP. */
#define ICMP_QUOTE 8

static const uint32_t class_size[PACKET_CLASSES] = { 192, 2048, 10240, 65600 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* ---- memory ------------------------------------------------------------------------- */

static struct packet *packet_new(struct world *w, uint32_t len)
{
	struct packet *p;
	unsigned class = 0;

	while (class_size[class] < len)
		class ++;
	p = w->free_packets[class];
	if (p)
		w->free_packets[class] = p->next;
	else
		p = g_malloc(sizeof(*p) + class_size[class]);
	memset(p, 0, sizeof(*p));
	p->world = w;
	p->class = (uint8_t) class;
	p->len = len;
	p->tx = 1;
	p->all_next = w->packets;
	p->all_prev = &w->packets;
	if (p->all_next)
		p->all_next->all_prev = &p->all_next;
	w->packets = p;
	return p;
}

void packet_free(struct packet *p)
{
	struct world *w = p->world;

	world_event_cancel(w, &p->ev);
	*p->all_prev = p->all_next;
	if (p->all_next)
		p->all_next->all_prev = p->all_prev;
	p->next = w->free_packets[p->class];
	w->free_packets[p->class] = p;
}

void sim_packets_free(struct world *w)
{
	while (w->packets)
		packet_free(w->packets);
	for (unsigned i = 0; i < PACKET_CLASSES; i++) {
		while (w->free_packets[i]) {
			struct packet *p = w->free_packets[i];

			w->free_packets[i] = p->next;
			g_free(p);
		}
	}
}

struct packet *packet_copy(const struct packet *p)
{
	struct packet *copy = packet_new(p->world, p->len);

	copy->link = p->link;
	copy->from = p->from;
	copy->to = p->to;
	copy->conn = p->conn;
	copy->number = p->number;
	copy->pos = p->pos;
	copy->data_len = p->data_len;
	copy->data_off = p->data_off;
	memcpy(copy->ports, p->ports, sizeof(p->ports));
	copy->side = p->side;
	copy->kinds = p->kinds;
	copy->roce = p->roce;
	copy->tx = p->tx;
	copy->cm = p->cm;
	copy->qp = p->qp;
	copy->psn = p->psn;
	copy->summed = p->summed;
	copy->damaged = p->damaged;
	memcpy(copy->bytes, p->bytes, p->len);
	return copy;
}

/* ---- making ------------------------------------------------------------------------- */

static bool is_v6(const struct packet *p)
{
	return get16(p->bytes + 12) == ETHERTYPE_IPV6;
}

static uint32_t ip_len(const struct packet *p)
{
	return is_v6(p) ? IPV6_LEN : IPV4_LEN;
}

/* The address belongs to the port; locally administered, so that it is nobody's. */
static void put_mac(uint8_t *mac, const struct world_port *port)
{
	memset(mac, 0, 6);
	mac[0] = 2;
	if (!port)
		return;
	put16(mac + 2, port->node->index + 1u);
	mac[5] = (uint8_t)port->number;
}

void packet_macs(struct packet *p, const struct world_port *from, const struct world_port *to)
{
	put_mac(p->bytes, to);
	put_mac(p->bytes + 6, from);
}

/* Everything but the payload of len bytes; checksums 0. */
static void put_ip(struct packet *p, uint16_t id, const struct net_addr *src,
		   const struct net_addr *dst, uint8_t proto, uint32_t len)
{
	uint8_t *ip = p->bytes + ETH_LEN;

	if (src->family == NET_INET6) {
		put16(p->bytes + 12, ETHERTYPE_IPV6);
		put32(ip, 6u << 28);
		put16(ip + 4, len);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, src->ip, 16);
		memcpy(ip + 24, dst->ip, 16);
		return;
	}
	put16(p->bytes + 12, ETHERTYPE_IPV4);
	put16(ip, 0x4500);
	put16(ip + 2, IPV4_LEN + len);
	put16(ip + 4, id);
	put16(ip + 6, 0x4000); /* do not fragment */
	ip[8] = 64;
	ip[9] = proto;
	put16(ip + 10, 0);
	memcpy(ip + 12, src->ip, 4);
	memcpy(ip + 16, dst->ip, 4);
}

static uint8_t kinds_of(uint8_t flags, uint32_t len)
{
	uint8_t kinds = len > 0 ? WORLD_PACKET_DATA : 0;

	if (flags & TCP_SYN)
		kinds |= flags & TCP_ACK ? WORLD_PACKET_SYNACK : WORLD_PACKET_SYN;
	if (flags & TCP_FIN)
		kinds |= WORLD_PACKET_FIN;
	if (flags & TCP_RST)
		kinds |= WORLD_PACKET_RST;
	return kinds ? kinds : WORLD_PACKET_ACK;
}

struct packet *packet_tcp(struct world_node *node, const struct tcp_header *h, uint32_t len)
{
	uint32_t head = h->flags & TCP_SYN ? TCP_SYN_LEN : TCP_LEN;
	uint32_t ip = h->src->family == NET_INET6 ? IPV6_LEN : IPV4_LEN;
	struct packet *p = packet_new(node->world, ETH_LEN + ip + head + len);
	uint8_t *tcp = p->bytes + ETH_LEN + ip;

	packet_macs(p, NULL, NULL);
	put_ip(p, node->net.ip_id++, h->src, h->dst, PROTO_TCP, head + len);
	put16(tcp, h->src->port);
	put16(tcp + 2, h->dst->port);
	put32(tcp + 4, h->seq);
	put32(tcp + 8, h->ack);
	tcp[12] = (uint8_t)(head / 4 << 4);
	tcp[13] = h->flags;
	put16(tcp + 14, h->window);
	put32(tcp + 16, 0);
	if (h->flags & TCP_SYN) {
		put16(tcp + 20, 0x0204); /* MSS, 4 bytes */
		put16(tcp + 22, h->mss);
		put32(tcp + 24, 0x01030300u | h->scale); /* nothing; window scale, 3 bytes */
	}
	p->data_off = (uint16_t)(ETH_LEN + ip + head);
	p->data_len = len;
	p->ports[0] = h->src->port;
	p->ports[1] = h->dst->port;
	p->kinds = kinds_of(h->flags, len);
	return p;
}

/* The identification is 0: the ICRC covers it. */
struct packet *packet_udp(struct world_node *node, const struct udp_header *h)
{
	bool v6 = h->src->family == NET_INET6;
	uint32_t ip = v6 ? IPV6_LEN : IPV4_LEN;
	struct packet *p = packet_new(node->world, ETH_LEN + ip + UDP_LEN + h->len);
	uint8_t *udp = p->bytes + ETH_LEN + ip;

	packet_macs(p, NULL, NULL);
	put_ip(p, 0, h->src, h->dst, PROTO_UDP, UDP_LEN + h->len);
	if (v6)
		put32(p->bytes + ETH_LEN, 6u << 28 | (uint32_t)h->tos << 20);
	else
		p->bytes[ETH_LEN + 1] = h->tos;
	put16(udp, h->src->port);
	put16(udp + 2, h->dst->port);
	put16(udp + 4, UDP_LEN + h->len);
	put16(udp + 6, 0);
	p->data_off = (uint16_t)(ETH_LEN + ip + UDP_LEN);
	p->data_len = h->len;
	p->ports[0] = h->src->port;
	p->ports[1] = h->dst->port;
	return p;
}

/* Without what comes after `ip` in it: most are only compared. */
static void get_ip(struct net_addr *a, bool v6, const uint8_t *ip)
{
	a->family = v6 ? NET_INET6 : NET_INET;
	memset(a->ip, 0, sizeof(a->ip));
	memcpy(a->ip, ip, v6 ? 16 : 4);
	a->scope = 0;
	a->path[0] = '\0';
}

static void get_addr(struct net_addr *a, bool v6, const uint8_t *ip)
{
	memset(a, 0, sizeof(*a));
	get_ip(a, v6, ip);
}

struct packet *packet_icmp(const struct packet *about, uint32_t mtu)
{
	bool v6 = is_v6(about);
	const uint8_t *ip = about->bytes + ETH_LEN;
	uint32_t quote = ip_len(about) + ICMP_QUOTE;
	struct net_addr src, dst;
	struct packet *p = packet_new(about->world, ETH_LEN + ip_len(about) + ICMP_LEN + quote);
	uint8_t *icmp = p->bytes + ETH_LEN + ip_len(about);

	/* From the address that was not reached: routers have none here. */
	get_addr(&src, v6, ip + (v6 ? 24 : 16));
	get_addr(&dst, v6, ip + (v6 ? 8 : 12));
	packet_macs(p, NULL, about->from);
	put_ip(p, 0, &src, &dst, v6 ? PROTO_ICMP6 : PROTO_ICMP, ICMP_LEN + quote);
	memset(icmp, 0, ICMP_LEN);
	if (v6) {
		icmp[0] = mtu ? 2 : 1; /* too big, or unreachable: address */
		icmp[1] = mtu ? 0 : 3;
		put32(icmp + 4, mtu);
	} else {
		icmp[0] = 3;
		icmp[1] = mtu ? 4 : 1;
		put16(icmp + 6, mtu);
	}
	memcpy(icmp + ICMP_LEN, ip, quote);
	p->kinds = WORLD_PACKET_ICMP;
	p->data_off = (uint16_t)p->len;
	p->conn = about->conn;
	p->side = !about->side;
	return p;
}

/* ---- checksums ---------------------------------------------------------------------- */

/* Sums are in the machine's byte order: the folded result has the bytes as they go out. */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, uint32_t len)
{
	uint32_t word;
	uint16_t half = 0;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
	}
	half = 0;
	if (len > 0) {
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over the payload of the IP packet and, except for ICMPv4, the pseudo header. */
static uint16_t sum_payload(const struct packet *p, uint8_t proto)
{
	const uint8_t *ip = p->bytes + ETH_LEN;
	uint32_t head = ip_len(p), len = p->len - ETH_LEN - head;
	uint8_t pseudo[8] = { 0 };
	uint64_t sum = 0;

	put32(pseudo, len);
	pseudo[7] = proto;
	if (is_v6(p))
		sum = sum_bytes(sum_bytes(sum, ip + 8, 32), pseudo, 8);
	else if (proto != PROTO_ICMP)
		sum = sum_bytes(sum_bytes(sum, ip + 12, 8), pseudo, 8);
	return fold(sum_bytes(sum, ip + head, len));
}

static uint8_t proto_of(const struct packet *p)
{
	return p->bytes[ETH_LEN + (is_v6(p) ? 6 : 9)];
}

bool packet_is_udp(const struct packet *p)
{
	return proto_of(p) == PROTO_UDP;
}

void packet_udp_addrs(const struct packet *p, struct net_addr *src, struct net_addr *dst)
{
	bool v6 = is_v6(p);
	const uint8_t *ip = p->bytes + ETH_LEN, *udp = ip + ip_len(p);

	get_addr(src, v6, ip + (v6 ? 8 : 12));
	get_addr(dst, v6, ip + (v6 ? 24 : 16));
	src->port = get16(udp);
	dst->port = get16(udp + 2);
}

/* Where in its header the checksum of a protocol stands. */
static uint32_t sum_at(uint8_t proto)
{
	return proto == PROTO_TCP ? 16 : proto == PROTO_UDP ? 6 : 2;
}

void packet_sum(struct packet *p)
{
	uint8_t *ip = p->bytes + ETH_LEN, proto = proto_of(p);
	uint8_t *at = ip + ip_len(p) + sum_at(proto);
	uint16_t sum;

	if (p->summed)
		return;
	p->summed = true;
	if (!is_v6(p)) {
		put16(ip + 10, 0);
		sum = fold(sum_bytes(0, ip, IPV4_LEN));
		memcpy(ip + 10, &sum, 2);
	}
	put16(at, 0);
	if (proto == PROTO_UDP && !is_v6(p))
		return; /* none */
	sum = sum_payload(p, proto);
	if (proto == PROTO_UDP && sum == 0)
		sum = 0xffff;
	memcpy(at, &sum, 2);
}

bool packet_check(const struct packet *p)
{
	const uint8_t *ip = p->bytes + ETH_LEN;

	if (!is_v6(p) && fold(sum_bytes(0, ip, IPV4_LEN)) != 0)
		return false;
	/* A length that is not the frame's would be seen before any sum. */
	if (is_v6(p) ? get16(ip + 4) != p->len - ETH_LEN - IPV6_LEN
		     : get16(ip + 2) != p->len - ETH_LEN)
		return false;
	if (proto_of(p) == PROTO_UDP && !is_v6(p) && get16(ip + IPV4_LEN + 6) == 0)
		return true;
	return sum_payload(p, proto_of(p)) == 0;
}

/* The type of service, in which ECN is. */
static unsigned tos_of(const struct packet *p)
{
	const uint8_t *ip = p->bytes + ETH_LEN;

	return is_v6(p) ? (ip[0] & 15u) << 4 | ip[1] >> 4 : ip[1];
}

bool packet_is_ecn_capable(const struct packet *p)
{
	unsigned ecn = tos_of(p) & 3;

	return ecn == 1 || ecn == 2;
}

/* The ICRC does not cover it; an IPv4 header's checksum does. */
void packet_mark(struct packet *p)
{
	uint8_t *ip = p->bytes + ETH_LEN;

	if (is_v6(p))
		ip[1] |= 0x30;
	else
		ip[1] |= 3;
	p->summed = false;
}

void packet_flip(struct packet *p, uint64_t bit)
{
	packet_sum(p);
	p->bytes[ETH_LEN + bit / 8] ^= (uint8_t)(1u << (bit % 8));
	p->damaged = true;
}

void packet_corrupt(struct packet *p, uint64_t bit)
{
	p->bytes[p->data_off + bit / 8] ^= (uint8_t)(1u << (bit % 8));
	p->summed = false;
	packet_sum(p);
}

/* ---- reading ------------------------------------------------------------------------ */

static void read_options(const uint8_t *p, const uint8_t *end, struct segment_in *seg)
{
	while (p < end && *p != 0) {
		if (*p == 1) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || end - p < p[1])
			return;
		if (p[0] == 2 && p[1] == 4)
			seg->mss = get16(p + 2);
		if (p[0] == 3 && p[1] == 3)
			seg->scale = (int8_t)MIN(p[2], 14);
		p += p[1];
	}
}

static enum packet_what parse_icmp(const uint8_t *icmp, uint32_t len, bool v6, struct icmp_in *out)
{
	uint32_t head = v6 ? IPV6_LEN : IPV4_LEN;
	const uint8_t *ip = icmp + ICMP_LEN, *tcp = ip + head;

	if (len < ICMP_LEN + head + ICMP_QUOTE)
		return PACKET_BAD;
	out->too_big = v6 ? icmp[0] == 2 : icmp[0] == 3 && icmp[1] == 4;
	out->mtu = v6 ? get32(icmp + 4) : get16(icmp + 6);
	get_addr(&out->src, v6, ip + (v6 ? 8 : 12));
	get_addr(&out->dst, v6, ip + (v6 ? 24 : 16));
	out->src.port = get16(tcp);
	out->dst.port = get16(tcp + 2);
	out->seq = get32(tcp + 4);
	return PACKET_IS_ICMP;
}

enum packet_what packet_parse(const struct packet *p, struct segment_in *seg, struct icmp_in *icmp)
{
	bool v6 = is_v6(p);
	uint8_t proto = proto_of(p);
	const uint8_t *ip = p->bytes + ETH_LEN, *tcp = ip + ip_len(p);
	uint32_t len = p->len - ETH_LEN - ip_len(p), head;

	if (proto == PROTO_ICMP || proto == PROTO_ICMP6)
		return parse_icmp(tcp, len, v6, icmp);
	if (proto != PROTO_TCP || len < TCP_LEN)
		return PACKET_BAD;
	head = (uint32_t)(tcp[12] >> 4) * 4;
	if (head < TCP_LEN || head > len)
		return PACKET_BAD;
	seg->flags = tcp[13] & 0x3f;
	/* Those of a SYN stay, as a connection's. */
	(seg->flags & TCP_SYN ? get_addr : get_ip)(&seg->src, v6, ip + (v6 ? 8 : 12));
	(seg->flags & TCP_SYN ? get_addr : get_ip)(&seg->dst, v6, ip + (v6 ? 24 : 16));
	seg->src.port = get16(tcp);
	seg->dst.port = get16(tcp + 2);
	seg->seq = get32(tcp + 4);
	seg->ack = get32(tcp + 8);
	seg->window = get16(tcp + 14);
	seg->mss = 0;
	seg->scale = -1;
	if (seg->flags & TCP_SYN)
		read_options(tcp + TCP_LEN, tcp + head, seg);
	seg->data = tcp + head;
	seg->len = len - head;
	return PACKET_IS_TCP;
}
