/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets in, in batches, into buffers made when the reactor joins. The kernel may hand
 * over several of a sender at once (UDP_GRO): all of one size, but for the last.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>

#include "hw/linux/roce-udp-internal.h"

/* Polls in a row that try the last socket only. */
#define SKIP_MAX 8

static void rearm(struct udp_rx *rx, unsigned i)
{
	struct msghdr *h = &rx->msgs[i].msg_hdr;

	h->msg_namelen = sizeof(rx->names[i]);
	h->msg_controllen = UDP_CONTROL;
}

/* What the kernel says of a datagram beside its sender. */
struct extra {
	struct in6_addr dst; /* first four bytes for IPv4 */
	uint32_t scope;
	uint8_t tos;
	int segment; /* several packets of that size each; 0: one */
};

/* False: the kernel does not say where it was sent to. */
static bool read_control(struct msghdr *h, struct extra *x)
{
	bool found = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&x->dst, &((const struct in_pktinfo *)data)->ipi_addr, 4);
			found = true;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			x->dst = ((const struct in6_pktinfo *)data)->ipi6_addr;
			x->scope = ((const struct in6_pktinfo *)data)->ipi6_ifindex;
			found = true;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			x->tos = *(const uint8_t *)data;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			x->tos = (uint8_t) * (const int *)data;
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			x->segment = *(const int *)data;
		}
	}
	return found;
}

static void set_flow(struct udp_flow *flow, const union udp_name *name, const struct in6_addr *dst,
		     uint32_t scope)
{
	flow->name = *name;
	flow->dst = *dst;
	flow->from = (struct net_addr){ .family = NET_INET };
	flow->to = (struct net_addr){ .family = NET_INET, .port = ROCE_UDP_PORT };
	if (name->any.sa_family == AF_INET6) {
		flow->from.family = flow->to.family = NET_INET6;
		flow->from.port = ntohs(name->in6.sin6_port);
		flow->from.scope = name->in6.sin6_scope_id;
		flow->to.scope = flow->from.scope ? scope : 0;
		memcpy(flow->from.ip, &name->in6.sin6_addr, 16);
		memcpy(flow->to.ip, dst, 16);
	} else {
		flow->from.port = ntohs(name->in.sin_port);
		memcpy(flow->from.ip, &name->in.sin_addr, 4);
		memcpy(flow->to.ip, dst, 4);
	}
	roce_icrc_flow_init(&flow->icrc, &flow->from, &flow->to);
}

/* A packet for another reactor's queue pair. */
struct stray {
	struct msg msg;
	struct udp_shard *to;
	struct net_addr src, dst;
	uint8_t tos;
	size_t len;
	uint8_t data[];
};

static void stray_arrived(struct msg *msg, struct reactor *reactor)
{
	struct stray *stray = (struct stray *)msg;

	if (stray->to->shard)
		roce_shard_receive(stray->to->shard, &stray->src, &stray->dst, stray->tos,
				   stray->data, stray->len, reactor->now);
	g_free(stray);
}

/* The kernel has put it together with one of ours: seldom, so it may cost. */
static void pass_on(struct udp_shard *s, unsigned index, uint8_t tos, const uint8_t *data,
		    size_t len)
{
	struct udp_shard *to = &s->udp->shards[index];
	struct reactor *reactor = atomic_load(&to->reactor);
	struct stray *stray;

	if (!reactor)
		return;
	stray = g_malloc(sizeof(*stray) + len);
	*stray = (struct stray){ .msg.fn = stray_arrived,
				 .to = to,
				 .src = s->rx->flow.from,
				 .dst = s->rx->flow.to,
				 .tos = tos,
				 .len = len };
	memcpy(stray->data, data, len);
	reactor_post(reactor, &stray->msg);
}

static void take_packet(struct udp_shard *s, uint8_t tos, const uint8_t *data, size_t len)
{
	const struct udp_flow *flow = &s->rx->flow;
	bool good = flow->to.family == NET_INET6
			    ? roce_icrc_good(&flow->icrc, data, len)
			    : roce_icrc_good_any_id(s->udp->ids, &flow->icrc, data, len);
	unsigned index;

	if (!good) {
		roce_shard_bad_icrc(s->shard);
		return;
	}
	index = roce_qpn_shard(udp_dest_qpn(data), s->udp->nshards);
	if (index == s->index)
		roce_shard_receive(s->shard, &flow->from, &flow->to, tos, data, len, s->now);
	else
		pass_on(s, index, tos, data, len);
}

/* Returns how many packets it was. */
static unsigned take(struct udp_shard *s, unsigned i)
{
	struct udp_rx *rx = s->rx;
	struct msghdr *h = &rx->msgs[i].msg_hdr;
	struct udp_flow *flow = &rx->flow;
	size_t len = rx->msgs[i].msg_len, size;
	struct extra x = { 0 };
	unsigned n = 0;

	if (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !read_control(h, &x))
		return 1;
	if (memcmp(&flow->name, &rx->names[i], h->msg_namelen) != 0 ||
	    memcmp(&flow->dst, &x.dst, sizeof(x.dst)) != 0)
		set_flow(flow, &rx->names[i], &x.dst, x.scope);
	size = x.segment > 0 ? (size_t)x.segment : len;
	for (size_t at = 0; at < len; at += size, n++)
		take_packet(s, x.tos, rx->data[i] + at, MIN(size, len - at));
	return MAX(n, 1);
}

static unsigned receive(struct udp_shard *s, struct udp_socket *sock, unsigned budget)
{
	unsigned total = 0;

	s->now = s->reactor->now;
	while (total < budget) {
		unsigned want = MIN(budget - total, UDP_RX_BATCH);
		int n = recvmmsg(sock->fd, s->rx->msgs, want, MSG_DONTWAIT, NULL);

		if (n <= 0)
			break;
		for (unsigned i = 0; i < (unsigned)n; i++) {
			total += take(s, i);
			rearm(s->rx, i);
		}
		if ((unsigned)n < want)
			break;
	}
	return total;
}

/* Whatever socket has something; the last one is not asked for again. */
static unsigned receive_all(struct udp_shard *s, unsigned budget)
{
	struct epoll_event events[UDP_ADDRS];
	int ready = epoll_wait(s->epoll, events, UDP_ADDRS, 0);
	unsigned n = 0;

	s->hot = NULL;
	s->skipped = 0;
	for (int i = 0; i < ready && n < budget; i++) {
		unsigned got = receive(s, events[i].data.ptr, budget - n);

		if (got > 0)
			s->hot = events[i].data.ptr;
		n += got;
	}
	return n;
}

unsigned udp_poll(struct roce_io *io, unsigned index, unsigned budget)
{
	struct udp_shard *s = &((struct udp *)io)->shards[index];
	unsigned n;

	if (s->nsockets == 1)
		return receive(s, &s->sockets[0], budget);
	if (!s->hot || ++s->skipped >= SKIP_MAX)
		return receive_all(s, budget);
	n = receive(s, s->hot, budget);
	return n > 0 ? n : receive_all(s, budget);
}

/* --- made ---------------------------------------------------------------------------- */

void udp_rx_open(struct udp_shard *s)
{
	struct udp_rx *rx = g_new0(struct udp_rx, 1);

	for (unsigned i = 0; i < UDP_RX_BATCH; i++) {
		rx->iovs[i] = (struct iovec){ rx->data[i], UDP_DATAGRAM };
		rx->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &rx->names[i],
			.msg_iov = &rx->iovs[i],
			.msg_iovlen = 1,
			.msg_control = rx->control[i],
		};
		rearm(rx, i);
	}
	s->rx = rx;
}

void udp_rx_close(struct udp_shard *s)
{
	g_clear_pointer(&s->rx, g_free);
	s->hot = NULL;
}
