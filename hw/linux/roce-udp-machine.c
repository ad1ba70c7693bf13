/* SPDX-License-Identifier: BSD-3-Clause */
/* What addresses the machine has, and how large a packet may be on their interfaces. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"
#include "hw/linux/roce-udp-internal.h"
#include "target/core/error.h"

/* IPv6, UDP, BTH, RETH, immediate data, ICRC: what may stand around a payload. */
#define AROUND (40 + 8 + 12 + 16 + 4 + 4)

static unsigned interface_mtu(const char *name)
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return 0;
	g_strlcpy(req.ifr_name, name, sizeof(req.ifr_name));
	rc = ioctl(fd, SIOCGIFMTU, &req);
	close(fd);
	return rc == 0 && req.ifr_mtu > 0 ? (unsigned)req.ifr_mtu : 0;
}

unsigned udp_path_mtu(unsigned interface)
{
	unsigned mtu = ROCE_MTU_MAX;

	while (mtu > ROCE_MTU_MIN && mtu + AROUND > interface)
		mtu /= 2;
	return mtu;
}

static bool has(const struct net_addr *addrs, unsigned n, const struct net_addr *addr)
{
	for (unsigned i = 0; i < n; i++)
		if (net_addr_same_host(&addrs[i], addr))
			return true;
	return false;
}

/* 127.0.0.2 is an address as well, though only its network is listed. */
static bool in_loopback(const struct ifaddrs *ifa, const struct net_addr *addr)
{
	return ifa->ifa_flags & IFF_LOOPBACK && addr->family == NET_INET && addr->ip[0] == 127;
}

static bool serves(const struct ifaddrs *ifa, const struct net_addr *own,
		   const struct net_addr *addrs, unsigned n)
{
	if (n == 0 || has(addrs, n, own))
		return true;
	for (unsigned i = 0; i < n; i++)
		if (in_loopback(ifa, &addrs[i]))
			return true;
	return false;
}

bool udp_machine_has(const struct udp_machine *m, const struct net_addr *addr)
{
	return has((const struct net_addr *)m->addrs->data, m->addrs->len, addr);
}

void udp_machine_clear(struct udp_machine *m)
{
	g_array_unref(m->addrs);
}

static void look_at(struct udp_machine *m, const struct ifaddrs *ifa, const struct net_addr *wanted,
		    unsigned nwanted)
{
	static const uint8_t none[6];
	struct sockaddr_storage ss;
	struct net_addr addr;
	unsigned mtu;

	if (ifa->ifa_addr == NULL || !(ifa->ifa_flags & IFF_UP))
		return;
	if (ifa->ifa_addr->sa_family == AF_PACKET) {
		const struct sockaddr_ll *ll = (const struct sockaddr_ll *)ifa->ifa_addr;

		if (memcmp(m->mac, none, 6) == 0 && ll->sll_halen == 6)
			memcpy(m->mac, ll->sll_addr, 6);
		return;
	}
	if (ifa->ifa_addr->sa_family != AF_INET && ifa->ifa_addr->sa_family != AF_INET6)
		return;
	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, ifa->ifa_addr,
	       ifa->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						   : sizeof(struct sockaddr_in6));
	sockaddr_to_net(&ss, sizeof(ss), &addr);
	if (!serves(ifa, &addr, wanted, nwanted))
		return;
	mtu = interface_mtu(ifa->ifa_name);
	if (mtu > 0)
		m->mtu = MIN(m->mtu, udp_path_mtu(mtu));
	if (nwanted == 0 && !udp_machine_has(m, &addr))
		g_array_append_val(m->addrs, addr);
}

static bool is_here(struct net_addr addr)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd = socket(addr.family == NET_INET ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool here;

	addr.port = 0;
	here = fd >= 0 && sockaddr_from_net(&addr, &ss, &len) == 0 &&
	       bind(fd, (struct sockaddr *)&ss, len) == 0;
	if (fd >= 0)
		close(fd);
	return here;
}

bool roce_udp_check_addrs(const struct net_addr *addrs, unsigned naddrs, GError **error)
{
	char text[NET_ADDR_STRLEN];

	if (naddrs > UDP_ADDRS)
		return weft_error_set(error, -EINVAL, NULL,
				      "%u addresses for an RDMA device: at most %u", naddrs,
				      UDP_ADDRS);
	for (unsigned i = 0; i < naddrs; i++)
		if (!is_here(addrs[i]))
			return weft_error_set(error, -EADDRNOTAVAIL, NULL,
					      "RDMA at %s: this machine does not have that address "
					      "(ip addr show lists those it has)",
					      net_addr_host(&addrs[i], text));
	return true;
}

bool udp_machine_get(struct udp_machine *m, const struct net_addr *addrs, unsigned naddrs,
		     GError **error)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) != 0)
		return weft_error_set(error, -errno, NULL,
				      "the addresses of this machine cannot be listed: %s",
				      g_strerror(errno));
	*m = (struct udp_machine){ .mtu = ROCE_MTU_MAX,
				   .addrs = g_array_new(FALSE, FALSE, sizeof(struct net_addr)) };
	for (unsigned i = 0; i < naddrs; i++)
		if (is_here(addrs[i]))
			g_array_append_val(m->addrs, addrs[i]);
	for (const struct ifaddrs *ifa = all; ifa != NULL; ifa = ifa->ifa_next)
		look_at(m, ifa, addrs, naddrs);
	freeifaddrs(all);
	return true;
}
