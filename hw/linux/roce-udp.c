/* SPDX-License-Identifier: BSD-3-Clause */
/* The binding to UDP: the device, its sockets, who gets which packet, routes. */
#include "hw/linux/roce-udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"
#include "hw/linux/roce-udp-internal.h"
#include "target/core/error.h"

#define BUFFER (64 << 20)

static const int on = 1;

/* --- sockets ------------------------------------------------------------------------- */

/* Privileged first; what the machine allows otherwise. */
static void set_buffers(int fd)
{
	static const int size = BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/*
 * The ICRC needs identification 0 and DF, so what does not fit must not leave in pieces. What
 * ICMP says of the way's MTU is not heeded: packets of a connection cannot become shorter, and
 * whoever knows its addresses could end it by a word.
 */
static int set_options(int fd, enum net_family family, bool plain)
{
	static const int pmtu4 = IP_PMTUDISC_PROBE, pmtu6 = IPV6_PMTUDISC_PROBE;
	int rc;

	set_buffers(fd);
	if (family == NET_INET)
		rc = setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu4, sizeof(pmtu4)) |
		     setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) |
		     setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	else /* rdma_rxe of Linux 6.1 sends without UDP checksums */
		rc = setsockopt(fd, SOL_UDP, UDP_NO_CHECK6_RX, &on, sizeof(on)) |
		     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) |
		     setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &pmtu6, sizeof(pmtu6)) |
		     setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) |
		     setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	if (rc != 0)
		return -errno;
	/* Not every kernel has it. */
	if (!plain)
		setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	return 0;
}

/*
 * Only the first of a group binds alone: so that nobody who has the port, another
 * weftd included, shares his packets with us.
 */
static int bind_socket(int fd, const struct net_addr *addr, bool first, bool group)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int rc = sockaddr_from_net(addr, &ss, &len);

	if (rc < 0)
		return rc;
	if (!first && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&ss, len) != 0)
		return -errno;
	if (first && group && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return -errno;
	return 0;
}

static int open_socket(const struct udp *udp, const struct net_addr *addr, bool first)
{
	int fd = socket(addr->family == NET_INET ? AF_INET : AF_INET6,
			SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_options(fd, addr->family, udp->plain);
	if (rc == 0)
		rc = bind_socket(fd, addr, first, udp->nshards > 1);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* The reactor of the destination queue pair, as roce_qpn_shard() has it: bytes 5 to 7 of the BTH.
 */
static int steer(int fd, unsigned nshards)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ROCE_QPN_MASK),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ROCE_GSI_QPN, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, nshards),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program;

	memset(&program, 0, sizeof(program)); /* what lies between its members goes along */
	program.len = G_N_ELEMENTS(code);
	program.filter = code;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0
		       ? 0
		       : -errno;
}

static int add_socket(struct udp_shard *s, int fd, const struct net_addr *addr)
{
	struct udp_socket *sock = &s->sockets[s->nsockets];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = sock };

	*sock = (struct udp_socket){ .fd = fd, .addr = *addr, .any = net_addr_is_any(addr) };
	s->nsockets++;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

/* The sockets of an address, one a reactor, in their order. */
static int open_group(struct udp *udp, struct net_addr addr)
{
	int rc = 0;

	addr.port = ROCE_UDP_PORT;
	for (unsigned i = 0; i < udp->nshards && rc == 0; i++) {
		int fd = open_socket(udp, &addr, i == 0);

		rc = fd < 0 ? fd : add_socket(&udp->shards[i], fd, &addr);
		if (rc == 0 && i > 0 && i + 1 == udp->nshards)
			rc = steer(fd, udp->nshards);
	}
	return rc;
}

static bool refused(GError **error, int rc, const struct net_addr *addr)
{
	char buf[NET_ADDR_STRLEN];

	net_addr_host(addr, buf);
	if (rc == -EADDRINUSE)
		return weft_error_set(
			error, rc, NULL,
			"RDMA: UDP port %d of %s is in use; the kernel's rdma_rxe has it where it "
			"has a device (rdma link show), or another program does",
			ROCE_UDP_PORT, buf);
	return weft_error_set(error, rc, NULL, "RDMA: UDP port %d of %s cannot be opened: %s",
			      ROCE_UDP_PORT, buf, g_strerror(-rc));
}

static bool open_sockets(struct udp *udp, GError **error)
{
	struct net_addr any[] = { { .family = NET_INET }, { .family = NET_INET6 } };
	const struct net_addr *addrs = udp->any ? any : udp->wanted;
	unsigned n = udp->any ? G_N_ELEMENTS(any) : udp->nwanted;

	for (unsigned i = 0; i < n; i++) {
		int rc = open_group(udp, addrs[i]);

		/* A machine without IPv6 has none of its addresses. */
		if (rc == -EAFNOSUPPORT && udp->any)
			continue;
		if (rc < 0)
			return refused(error, rc, &addrs[i]);
	}
	return true;
}

static void close_sockets(struct udp *udp)
{
	for (unsigned i = 0; i < udp->nshards; i++) {
		struct udp_shard *s = &udp->shards[i];

		for (unsigned k = 0; k < s->nsockets; k++)
			close(s->sockets[k].fd);
		if (s->epoll >= 0)
			close(s->epoll);
	}
}

/* --- reactors ------------------------------------------------------------------------------- */

static int udp_open(struct roce_io *io, unsigned index, struct reactor *reactor,
		    struct roce_shard *shard)
{
	struct udp_shard *s = &((struct udp *)io)->shards[index];

	s->shard = shard;
	s->reactor = reactor;
	udp_rx_open(s);
	udp_tx_open(s);
	if (index == 0)
		udp_watch_open((struct udp *)io);
	return 0;
}

static void udp_close(struct roce_io *io, unsigned index)
{
	struct udp_shard *s = &((struct udp *)io)->shards[index];

	if (index == 0)
		udp_watch_close((struct udp *)io);
	udp_tx_close(s);
	udp_rx_close(s);
	s->reactor = NULL;
	s->shard = NULL;
}

/* Readiness is of level: what has come meanwhile keeps the descriptor readable. */
static bool udp_arm(struct roce_io *io, unsigned index)
{
	const struct udp_shard *s = &((struct udp *)io)->shards[index];

	return s->tx->n == s->tx->first;
}

static void udp_disarm(struct roce_io *io, unsigned index)
{
	(void)io;
	(void)index;
}

static int udp_fd(struct roce_io *io, unsigned index)
{
	return ((struct udp *)io)->shards[index].epoll;
}

/* In a pass the reactor looks again anyway. */
static void udp_wake(struct roce_binding *binding, unsigned index)
{
	const struct udp_shard *s = &((struct udp *)binding)->shards[index];

	if (s->reactor && s->reactor->runner && !reactor_is_current(s->reactor))
		s->udp->hw->env->ops->runner_wake(s->reactor->runner);
}

/* --- routes ------------------------------------------------------------------------------------
 */

/* A socket that the kernel has found a way for; from NULL: any address of ours. */
static int socket_to(const struct net_addr *dst, const struct net_addr *from)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = socket(dst->family == NET_INET ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : 0;

	if (rc == 0 && from && sockaddr_from_net(from, &ss, &len) == 0 &&
	    bind(fd, (struct sockaddr *)&ss, len) != 0)
		rc = -errno;
	if (rc == 0 && (rc = sockaddr_from_net(dst, &ss, &len)) == 0 &&
	    connect(fd, (struct sockaddr *)&ss, len) != 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int source_to(const struct net_addr *dst, const struct net_addr *from, struct net_addr *src)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = socket_to(dst, from), rc = 0;

	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		rc = -errno;
	if (rc == 0) {
		sockaddr_to_net(&ss, len, src);
		src->port = 0;
	}
	close(fd);
	return rc;
}

/* Of the interface, or less, where the kernel knows the way to be narrower. */
static unsigned udp_mtu(struct roce_io *io, const struct net_addr *src, const struct net_addr *dst)
{
	bool v6 = dst->family == NET_INET6;
	struct net_addr from = *src, to = *dst;
	int fd, mtu = 0;
	socklen_t len = sizeof(mtu);

	if (((struct udp *)io)->fixed_mtu)
		return 0;
	from.port = 0;
	to.port = ROCE_UDP_PORT;
	fd = socket_to(&to, &from);
	if (fd < 0)
		return 0;
	if (getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) != 0)
		mtu = 0;
	close(fd);
	return mtu > 0 ? udp_path_mtu((unsigned)mtu) : 0;
}

/* The kernel's choice, if it is ours; else the first of ours that reaches it. */
static int udp_route(struct roce_io *io, const struct net_addr *dst, struct net_addr *src)
{
	struct udp *udp = (struct udp *)io;
	struct net_addr to = *dst, ours[UDP_ADDRS];
	unsigned n = roce_device_addrs(roce_soft_device(udp->rnic), ours, UDP_ADDRS);
	int rc;

	to.port = ROCE_UDP_PORT;
	rc = source_to(&to, NULL, src);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < n; i++)
		if (net_addr_same_host(&ours[i], src))
			return 0;
	for (unsigned i = 0; i < n; i++)
		if (ours[i].family == dst->family && source_to(&to, &ours[i], src) == 0)
			return 0;
	return -ENODEV;
}

/* --- made ----------------------------------------------------------------------------------------
 */

static const struct roce_binding_ops binding_ops = { .send = udp_send,
						     .flush = udp_flush,
						     .wake = udp_wake };

static void udp_look(struct roce_io *io)
{
	udp_watch_look((struct udp *)io);
}

static const struct roce_io_ops io_ops = {
	.open = udp_open,
	.close = udp_close,
	.poll = udp_poll,
	.arm = udp_arm,
	.disarm = udp_disarm,
	.fd = udp_fd,
	.route = udp_route,
	.mtu = udp_mtu,
	.look = udp_look,
};

static struct udp *new_udp(const struct roce_udp_options *options)
{
	struct udp *udp = g_new0(struct udp, 1);

	udp->io.binding.ops = &binding_ops;
	udp->io.ops = &io_ops;
	udp->io.source_port = ROCE_UDP_PORT;
	udp->hw = options->hw;
	udp->any = options->naddrs == 0;
	udp->nwanted = options->naddrs;
	for (unsigned i = 0; i < options->naddrs; i++)
		udp->wanted[i] = options->addrs[i];
	udp->fixed_mtu = options->mtu != 0;
	udp->main_context = options->main_context;
	udp->plain = options->plain;
	udp->nshards = options->nshards;
	udp->ids = roce_icrc_ids_new(UDP_PACKET);
	udp->shards = g_new0(struct udp_shard, options->nshards);
	for (unsigned i = 0; i < options->nshards; i++) {
		udp->shards[i].udp = udp;
		udp->shards[i].index = i;
		udp->shards[i].segments = !options->plain;
		udp->shards[i].epoll = epoll_create1(EPOLL_CLOEXEC);
	}
	return udp;
}

static void free_udp(struct udp *udp)
{
	roce_soft_free(udp->rnic);
	close_sockets(udp);
	roce_icrc_ids_free(udp->ids);
	g_free(udp->shards);
	g_free(udp);
}

static bool make_device(struct udp *udp, const struct roce_udp_options *options,
			const struct udp_machine *machine, GError **error)
{
	struct roce_params params = {
		.name = "soft0",
		.kind = RNIC_SOFT,
		.nshards = options->nshards,
		.mtu = options->mtu ? options->mtu : machine->mtu,
		.attr = options->attr,
		.max_inline = 512,
		.dcqcn = options->dcqcn,
		.hw = options->hw,
	};

	memcpy(params.mac, machine->mac, sizeof(params.mac));
	hw_random(options->hw, &params.seed, sizeof(params.seed));
	udp->rnic = roce_soft_new(&params, &udp->io, error);
	if (!udp->rnic)
		return false;
	for (guint i = 0; i < MIN(machine->addrs->len, UDP_ADDRS); i++)
		roce_device_add_addr(roce_soft_device(udp->rnic),
				     &g_array_index(machine->addrs, struct net_addr, i));
	return true;
}

struct hw_rnic *roce_udp_new(const struct roce_udp_options *options, GError **error)
{
	struct udp_machine machine;
	struct udp *udp;
	bool made;

	if (options->nshards == 0 || options->nshards > ROCE_MAX_SHARDS) {
		weft_error_set(error, -EINVAL, NULL, "RDMA on %u reactors: 1 to %d are possible",
			       options->nshards, ROCE_MAX_SHARDS);
		return NULL;
	}
	if (!roce_udp_check_addrs(options->addrs, options->naddrs, error) ||
	    !udp_machine_get(&machine, options->addrs, options->naddrs, error))
		return NULL;
	udp = new_udp(options);
	made = make_device(udp, options, &machine, error) && open_sockets(udp, error);
	udp_machine_clear(&machine);
	if (made)
		return udp->rnic;
	free_udp(udp);
	return NULL;
}

void roce_udp_free(struct hw_rnic *rnic)
{
	if (rnic)
		free_udp((struct udp *)roce_soft_io(rnic));
}
