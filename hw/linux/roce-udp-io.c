/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets in and out, in batches. Buffers and message headers are made once, when
 * the reactor joins.
 *
 * Out: headers and tail are copied into the packet's buffer, the payload is gathered
 * from where it lies. What the kernel has no room for is copied whole, and leaves
 * before anything else does.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "hw/linux/roce-udp-internal.h"
#include "target/core/reactor.h"

/* Polls in a row that try the last socket only. */
#define SKIP_MAX 8
/* A payload up to this size is cheaper to copy than to gather. */
#define COPY_MAX 256

/* --- in ------------------------------------------------------------------------------ */

static void rearm(struct udp_rx *rx, unsigned i)
{
	struct msghdr *h = &rx->msgs[i].msg_hdr;

	h->msg_namelen = sizeof(rx->names[i]);
	h->msg_controllen = UDP_CONTROL;
}

/* Where it was sent to, and its TOS. False: the kernel does not say. */
static bool read_control(struct msghdr *h, struct in6_addr *dst, uint32_t *scope, uint8_t *tos)
{
	bool found = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(dst, &((const struct in_pktinfo *)data)->ipi_addr, 4);
			found = true;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			*dst = ((const struct in6_pktinfo *)data)->ipi6_addr;
			*scope = ((const struct in6_pktinfo *)data)->ipi6_ifindex;
			found = true;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			*tos = *(const uint8_t *)data;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			*tos = (uint8_t) * (const int *)data;
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

static void take(struct udp_shard *s, unsigned i)
{
	struct udp_rx *rx = s->rx;
	struct msghdr *h = &rx->msgs[i].msg_hdr;
	struct udp_flow *flow = &rx->flow;
	size_t len = rx->msgs[i].msg_len;
	struct in6_addr dst = { 0 };
	uint32_t scope = 0;
	uint8_t tos = 0;
	bool good;

	if (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !read_control(h, &dst, &scope, &tos))
		return;
	if (memcmp(&flow->name, &rx->names[i], h->msg_namelen) != 0 ||
	    memcmp(&flow->dst, &dst, sizeof(dst)) != 0)
		set_flow(flow, &rx->names[i], &dst, scope);
	good = flow->to.family == NET_INET6
		       ? roce_icrc_good(&flow->icrc, rx->data[i], len)
		       : roce_icrc_good_any_id(s->udp->ids, &flow->icrc, rx->data[i], len);
	if (good)
		roce_shard_receive(s->shard, &flow->from, &flow->to, tos, rx->data[i], len,
				   s->reactor->now);
	else
		roce_shard_bad_icrc(s->shard);
}

static unsigned receive(struct udp_shard *s, struct udp_socket *sock, unsigned budget)
{
	unsigned total = 0;

	while (total < budget) {
		unsigned want = MIN(budget - total, UDP_BATCH);
		int n = recvmmsg(sock->fd, s->rx->msgs, want, MSG_DONTWAIT, NULL);

		if (n <= 0)
			break;
		for (unsigned i = 0; i < (unsigned)n; i++) {
			take(s, i);
			rearm(s->rx, i);
		}
		total += (unsigned)n;
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

/* --- out ------------------------------------------------------------------------------- */

/* The socket of that address, or of all of its family. */
static struct udp_socket *socket_for(struct udp_shard *s, const struct net_addr *from)
{
	for (unsigned i = 0; i < s->nsockets; i++) {
		struct udp_socket *sock = &s->sockets[i];

		if (sock->any ? sock->addr.family == from->family
			      : net_addr_same_host(&sock->addr, from))
			return sock;
	}
	return NULL;
}

static void *add_control(struct msghdr *h, int level, int type, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)h->msg_control + h->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	h->msg_controllen += CMSG_SPACE(len);
	memset(CMSG_DATA(c), 0, len);
	return CMSG_DATA(c);
}

static void fill_control(struct msghdr *h, const struct udp_socket *sock, const struct roce_tx *t)
{
	bool v6 = t->from->family == NET_INET6;

	h->msg_controllen = 0;
	if (sock->any && v6) {
		struct in6_pktinfo *info =
			add_control(h, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(*info));

		memcpy(&info->ipi6_addr, t->from->ip, 16);
		info->ipi6_ifindex = t->from->scope;
	} else if (sock->any) {
		struct in_pktinfo *info = add_control(h, IPPROTO_IP, IP_PKTINFO, sizeof(*info));

		memcpy(&info->ipi_spec_dst, t->from->ip, 4);
	}
	if (t->tos > 0)
		*(int *)add_control(h, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
				    sizeof(int)) = t->tos;
}

static void fill_name(struct msghdr *h, union udp_name *name, const struct net_addr *to)
{
	memset(name, 0, sizeof(*name));
	if (to->family == NET_INET6) {
		name->in6.sin6_family = AF_INET6;
		name->in6.sin6_port = htons(to->port);
		name->in6.sin6_scope_id = to->scope;
		memcpy(&name->in6.sin6_addr, to->ip, 16);
		h->msg_namelen = sizeof(name->in6);
	} else {
		name->in.sin_family = AF_INET;
		name->in.sin_port = htons(to->port);
		memcpy(&name->in.sin_addr, to->ip, 4);
		h->msg_namelen = sizeof(name->in);
	}
}

static size_t copy(uint8_t *data, const struct iovec *iov, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		memcpy(data + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

static void fill_data(struct udp_tx *tx, unsigned i, const struct roce_tx *t)
{
	const struct iovec *head = &t->iov[0], *tail = &t->iov[t->niov - 1];
	struct iovec *iov = tx->iovs[i];
	struct msghdr *h = &tx->msgs[i].msg_hdr;

	if (t->len <= head->iov_len + tail->iov_len + COPY_MAX) {
		iov[0].iov_len = copy(tx->data[i], t->iov, t->niov);
		h->msg_iovlen = 1;
		return;
	}
	iov[0].iov_len = copy(tx->data[i], head, 1);
	memcpy(&iov[1], &t->iov[1], (t->niov - 2u) * sizeof(*iov));
	iov[t->niov - 1] = (struct iovec){ tx->data[i] + head->iov_len, tail->iov_len };
	memcpy(tx->data[i] + head->iov_len, tail->iov_base, tail->iov_len);
	h->msg_iovlen = t->niov;
}

/* There is no room in the kernel: what is left no longer lies where others may change it. */
static void hold_back(struct udp_tx *tx)
{
	uint8_t whole[UDP_PACKET];

	for (unsigned i = tx->first; i < tx->n; i++) {
		struct msghdr *h = &tx->msgs[i].msg_hdr;

		if (h->msg_iovlen == 1)
			continue;
		tx->iovs[i][0].iov_len = copy(whole, tx->iovs[i], h->msg_iovlen);
		tx->iovs[i][0].iov_base = tx->data[i];
		memcpy(tx->data[i], whole, tx->iovs[i][0].iov_len);
		h->msg_iovlen = 1;
	}
	tx->full = true;
}

static bool no_room(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM;
}

/* Sends what there is. False: some is held back. */
static bool push(struct udp_shard *s)
{
	const struct hw *hw = s->udp->hw;
	struct udp_tx *tx = s->tx;

	while (tx->first < tx->n) {
		const struct udp_socket *sock = tx->sockets[tx->first];
		unsigned k = 1;
		int sent;

		while (tx->first + k < tx->n && tx->sockets[tx->first + k] == sock)
			k++;
		errno = EAGAIN;
		sent = hw_fault(hw, "roce-udp.full")
			       ? -1
			       : sendmmsg(sock->fd, &tx->msgs[tx->first], k, MSG_DONTWAIT);
		if (sent > 0) {
			tx->first += (unsigned)sent;
		} else if (errno != EINTR && no_room(errno)) {
			hold_back(tx);
			return false;
		} else if (errno != EINTR) {
			tx->first++; /* no route, too long, forbidden: as lost on the way */
		}
	}
	tx->first = tx->n = 0;
	tx->full = false;
	return true;
}

bool udp_send(struct roce_binding *binding, unsigned index, const struct roce_tx *t)
{
	struct udp_shard *s = &((struct udp *)binding)->shards[index];
	struct udp_tx *tx = s->tx;
	struct udp_socket *sock;
	struct msghdr *h;

	if (tx->full || (tx->n == UDP_BATCH && !push(s)))
		return false;
	sock = socket_for(s, t->from);
	if (!sock)
		return true; /* the address has gone: as lost on the way */
	h = &tx->msgs[tx->n].msg_hdr;
	tx->sockets[tx->n] = sock;
	fill_name(h, &tx->names[tx->n], t->to);
	fill_control(h, sock, t);
	fill_data(tx, tx->n, t);
	tx->n++;
	return true;
}

void udp_flush(struct roce_binding *binding, unsigned index)
{
	push(&((struct udp *)binding)->shards[index]);
}

/* --- made ------------------------------------------------------------------------------------- */

void udp_io_open(struct udp_shard *s)
{
	s->rx = g_new0(struct udp_rx, 1);
	s->tx = g_new0(struct udp_tx, 1);
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		s->rx->iovs[i] = (struct iovec){ s->rx->data[i], UDP_PACKET };
		s->rx->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &s->rx->names[i],
			.msg_iov = &s->rx->iovs[i],
			.msg_iovlen = 1,
			.msg_control = s->rx->control[i],
		};
		rearm(s->rx, i);
		s->tx->iovs[i][0].iov_base = s->tx->data[i];
		s->tx->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &s->tx->names[i],
			.msg_iov = s->tx->iovs[i],
			.msg_control = s->tx->control[i],
		};
	}
}

void udp_io_close(struct udp_shard *s)
{
	push(s);
	g_clear_pointer(&s->rx, g_free);
	g_clear_pointer(&s->tx, g_free);
	s->hot = NULL;
}
