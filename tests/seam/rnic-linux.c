/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pairs of devices for the suite: software RoCE over UDP, each on a loopback address
 * of its own, so that both have port 4791. Where the machine allows it the program has
 * a network namespace of its own, for whoever else uses that port.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hw/linux/roce-udp.h"
#include "tests/seam/rnic-linux.h"

bool rnic_linux_plain;
struct hw_faults *rnic_linux_faults;

/* Before there are threads. What cannot be done is left: then the machine's port will do. */
__attribute__((constructor)) static void own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
		g_error("the loopback of a new network namespace cannot be used: %s",
			g_strerror(errno));
	close(fd);
}

/* As the backend has it, but for the faults. */
static struct hw machines[2];

struct hw_rnic *rnic_backend_new(struct backend *b, unsigned which, unsigned nreactors)
{
	g_autoptr(GError) error = NULL;
	struct net_addr addrs[2];
	struct roce_udp_options options = { .hw = &machines[which],
					    .nshards = nreactors,
					    .addrs = addrs,
					    .naddrs = 1,
					    .dcqcn = true,
					    .plain = rnic_linux_plain };
	struct hw_rnic *rnic;

	machines[which] = *backend_hw(b);
	machines[which].faults = rnic_linux_faults;
	g_assert_true(net_addr_parse(&addrs[0], rnic_backend_addr(which), NULL, NULL));
	if (which == 0 && rnic_backend_addr6()) {
		g_assert_true(net_addr_parse(&addrs[1], rnic_backend_addr6(), NULL, NULL));
		options.naddrs++;
	}
	rnic = roce_udp_new(&options, &error);
	g_assert_no_error(error);
	return rnic;
}

void rnic_backend_free(struct backend *b, unsigned which, struct hw_rnic *rnic)
{
	(void)b;
	(void)which;
	roce_udp_free(rnic);
}

const char *rnic_backend_addr(unsigned which)
{
	return which == 0 ? "127.0.0.21" : "127.0.0.22";
}

const char *rnic_backend_addr6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool there = fd >= 0 && bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;

	if (fd >= 0)
		close(fd);
	return there ? "::1" : NULL;
}

const char *rnic_backend_foreign(void)
{
	return "192.0.2.77";
}

void rnic_backend_remove(struct hw_rnic *rnic)
{
	roce_soft_remove(rnic);
}

void rnic_backend_port(struct hw_rnic *rnic, bool active)
{
	roce_soft_port(rnic, active);
}

void rnic_backend_address(struct hw_rnic *rnic, const struct net_addr *addr, bool there)
{
	roce_soft_address(rnic, addr, there);
}

bool rnic_backend_lose_rtu(struct backend *b)
{
	(void)b;
	return false;
}

bool rnic_backend_virtual(void)
{
	return false;
}

const char *rnic_backend_lacks(enum ibv_event_type type)
{
	(void)type;
	return NULL;
}

enum ibv_wc_status rnic_backend_status(enum ibv_wc_status status)
{
	return status;
}
