/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets out, in batches. Headers and tail are copied into the packet's buffer, the
 * payload is gathered from where it lies. What the kernel has no room for is copied
 * whole, and leaves before anything else does.
 *
 * Packets of a queue pair that follow each other and have one size are handed over as
 * one datagram that the kernel, or the interface, cuts (UDP_SEGMENT). It counts the
 * identification up from 0 then, so that their ICRCs are changed accordingly.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "hw/linux/roce-udp-internal.h"
#include "hw/roce/bytes.h"

/* A payload up to this size is cheaper to copy than to gather. */
#define COPY_MAX 256
/* In one datagram: packets (the kernel's limit is 64), bytes, pieces (1024). */
#define SEGMENTS 60
#define SEGMENTED_LEN 65000
#define SEGMENTED_IOV 1000

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

static void fill_control(struct msghdr *h, const struct udp_out *o)
{
	bool v6 = o->from.family == NET_INET6;

	h->msg_controllen = 0;
	if (o->sock->any && v6) {
		struct in6_pktinfo *info =
			add_control(h, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(*info));

		memcpy(&info->ipi6_addr, o->from.ip, 16);
		info->ipi6_ifindex = o->from.scope;
	} else if (o->sock->any) {
		struct in_pktinfo *info = add_control(h, IPPROTO_IP, IP_PKTINFO, sizeof(*info));

		memcpy(&info->ipi_spec_dst, o->from.ip, 4);
	}
	if (o->tos > 0)
		*(int *)add_control(h, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
				    sizeof(int)) = o->tos;
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

/* The ICRC is over the identification that the kernel is to give: its place in a datagram. */
static void set_place(struct udp_shard *s, struct udp_out *o, uint8_t place)
{
	if (o->place == place)
		return;
	if (o->from.family == NET_INET)
		roce_put32le(o->icrc,
			     roce_get32le(o->icrc) ^
				     roce_icrc_id_change(s->udp->ids, o->place ^ place, o->len));
	o->place = place;
}

static void fill_data(struct udp_tx *tx, struct udp_out *o, const struct roce_tx *t)
{
	const struct iovec *head = &t->iov[0], *tail = &t->iov[t->niov - 1];
	struct iovec *iov = &tx->iovs[tx->niov];

	o->iov = tx->niov;
	o->place = 0;
	o->len = t->len;
	iov[0].iov_base = o->data;
	if (t->len <= head->iov_len + tail->iov_len + COPY_MAX) {
		iov[0].iov_len = copy(o->data, t->iov, t->niov);
		o->niov = 1;
		o->icrc = o->data + t->len - ROCE_ICRC_LEN;
	} else {
		iov[0].iov_len = copy(o->data, head, 1);
		memcpy(&iov[1], &t->iov[1], (t->niov - 2u) * sizeof(*iov));
		iov[t->niov - 1] = (struct iovec){ o->data + head->iov_len, tail->iov_len };
		memcpy(o->data + head->iov_len, tail->iov_base, tail->iov_len);
		o->niov = t->niov;
		o->icrc = o->data + head->iov_len + tail->iov_len - ROCE_ICRC_LEN;
	}
	tx->niov += o->niov;
}

/* There is no room in the kernel: what is left no longer lies where others may change it. */
static void hold_back(struct udp_tx *tx)
{
	uint8_t whole[UDP_PACKET];

	for (unsigned i = tx->first; i < tx->n; i++) {
		struct udp_out *o = &tx->out[i];
		struct iovec *iov = &tx->iovs[o->iov];

		if (o->niov == 1)
			continue;
		iov[0].iov_len = copy(whole, iov, o->niov);
		memcpy(o->data, whole, iov[0].iov_len);
		/* The others are empty: pieces of a datagram follow each other. */
		for (unsigned k = 1; k < o->niov; k++)
			iov[k].iov_len = 0;
		o->icrc = o->data + o->len - ROCE_ICRC_LEN;
	}
	tx->full = true;
}

/* --- datagrams --------------------------------------------------------------------------- */

/* May o follow in the datagram that begins with first? */
static bool goes_with(const struct udp_out *first, const struct udp_out *o)
{
	return o->sock == first->sock && o->tos == first->tos && o->dest_qpn == first->dest_qpn &&
	       o->len <= first->len && net_addr_same_host(&o->to, &first->to) &&
	       net_addr_same_host(&o->from, &first->from);
}

/* How many packets, from i on, one datagram takes. */
static unsigned datagram_at(const struct udp_shard *s, unsigned i)
{
	const struct udp_tx *tx = s->tx;
	const struct udp_out *first = &tx->out[i];
	unsigned k = 1, niov = first->niov;
	size_t len = first->len;

	if (!s->segments || i < tx->alone)
		return 1;
	while (i + k < tx->n && k < SEGMENTS) {
		const struct udp_out *o = &tx->out[i + k];

		len += o->len;
		niov += o->niov;
		/* One that is shorter is the last. */
		if (!goes_with(first, o) || len > SEGMENTED_LEN || niov > SEGMENTED_IOV ||
		    tx->out[i + k - 1].len < first->len)
			break;
		k++;
	}
	return k;
}

static void make_datagram(struct udp_shard *s, unsigned m, unsigned i, unsigned k)
{
	struct udp_tx *tx = s->tx;
	const struct udp_out *first = &tx->out[i], *last = &tx->out[i + k - 1];
	struct msghdr *h = &tx->msgs[m].msg_hdr;

	for (unsigned n = 0; n < k; n++)
		set_place(s, &tx->out[i + n], (uint8_t)n);
	tx->packets[m] = k;
	fill_name(h, &tx->names[m], &first->to);
	fill_control(h, first);
	if (k > 1)
		*(uint16_t *)add_control(h, SOL_UDP, UDP_SEGMENT, sizeof(uint16_t)) = first->len;
	h->msg_iov = &tx->iovs[first->iov];
	h->msg_iovlen = last->iov + last->niov - first->iov;
}

/* Datagrams of what is left, as far as one socket's go. Returns how many. */
static unsigned make_datagrams(struct udp_shard *s)
{
	struct udp_tx *tx = s->tx;
	const struct udp_socket *sock = tx->out[tx->first].sock;
	unsigned m = 0;

	for (unsigned i = tx->first; i < tx->n && tx->out[i].sock == sock; m++) {
		unsigned k = datagram_at(s, i);

		make_datagram(s, m, i, k);
		i += k;
	}
	return m;
}

static bool no_room(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM;
}

/* The first datagram was refused for good. */
static void refused(struct udp_shard *s, int err)
{
	struct udp_tx *tx = s->tx;

	if (tx->packets[0] == 1) {
		tx->first++; /* no route, too long, forbidden: as lost on the way */
		return;
	}
	/* Perhaps only together: this kernel or interface does not cut. */
	tx->alone = tx->first + tx->packets[0];
	if (err == EIO || err == EOPNOTSUPP)
		s->segments = false;
}

/* Sends what there is. False: some is held back. */
static bool push(struct udp_shard *s)
{
	const struct hw *hw = s->udp->hw;
	struct udp_tx *tx = s->tx;

	while (tx->first < tx->n) {
		unsigned m = make_datagrams(s);
		int sent = -1;

		errno = EAGAIN;
		if (tx->packets[0] > 1 && hw_fault(hw, "roce-udp.uncut"))
			errno = EIO;
		else if (!hw_fault(hw, "roce-udp.full"))
			sent = sendmmsg(tx->out[tx->first].sock->fd, tx->msgs, m, MSG_DONTWAIT);
		for (int i = 0; i < sent; i++)
			tx->first += tx->packets[i];
		if (sent > 0 || errno == EINTR)
			continue;
		if (no_room(errno)) {
			hold_back(tx);
			return false;
		}
		refused(s, errno);
	}
	tx->first = tx->n = tx->niov = tx->alone = 0;
	tx->full = false;
	return true;
}

bool udp_send(struct roce_binding *binding, unsigned index, const struct roce_tx *t)
{
	struct udp_shard *s = &((struct udp *)binding)->shards[index];
	struct udp_tx *tx = s->tx;
	struct udp_socket *sock;
	struct udp_out *o;

	if (tx->full || (tx->n == UDP_BATCH && !push(s)))
		return false;
	sock = socket_for(s, t->from);
	if (!sock)
		return true; /* the address has gone: as lost on the way */
	o = &tx->out[tx->n++];
	o->sock = sock;
	o->from = *t->from;
	o->to = *t->to;
	o->tos = t->tos;
	o->dest_qpn = udp_dest_qpn(t->iov[0].iov_base);
	fill_data(tx, o, t);
	return true;
}

void udp_flush(struct roce_binding *binding, unsigned index)
{
	push(&((struct udp *)binding)->shards[index]);
}

/* --- made ---------------------------------------------------------------------------- */

void udp_tx_open(struct udp_shard *s)
{
	s->tx = g_new0(struct udp_tx, 1);
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		s->tx->msgs[i].msg_hdr.msg_name = &s->tx->names[i];
		s->tx->msgs[i].msg_hdr.msg_control = s->tx->control[i];
	}
}

void udp_tx_close(struct udp_shard *s)
{
	push(s);
	g_clear_pointer(&s->tx, g_free);
}
