/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses that come and go. The kernel says that something has changed (rtnetlink);
 * what there is now is then asked for as it was at first, so that nothing depends on how
 * many of its messages were lost. Sockets stay as they are: those of all addresses serve
 * every new one, those of one address serve it again when it is back. Main reactor.
 */
#include <errno.h>
#include <glib-unix.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "hw/linux/roce-udp-internal.h"
#include "target/core/core.h"

static int open_netlink(void)
{
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
					  .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
						       RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void set_there(struct udp *udp, const struct net_addr *addr, bool there)
{
	char text[NET_ADDR_STRLEN];

	roce_soft_address(udp->rnic, addr, there);
	log_notice(udp->shards[0].reactor->core->log, "rnic",
		   there ? "address is used" : "address has gone", "device=%s address=%s",
		   roce_device_params(roce_soft_device(udp->rnic))->name,
		   net_addr_host(addr, text));
}

/* Connections that are there keep theirs. */
static void set_mtu(struct udp *udp, unsigned mtu)
{
	struct roce_device *dev = roce_soft_device(udp->rnic);

	if (udp->fixed_mtu || mtu == roce_device_mtu(dev))
		return;
	log_notice(udp->shards[0].reactor->core->log, "rnic", "path MTU of new connections",
		   "device=%s before=%u now=%u", roce_device_params(dev)->name,
		   roce_device_mtu(dev), mtu);
	roce_device_set_mtu(dev, mtu);
}

void udp_watch_look(struct udp *udp)
{
	struct roce_device *dev = roce_soft_device(udp->rnic);
	struct net_addr had[UDP_ADDRS];
	unsigned n = roce_device_addrs(dev, had, UDP_ADDRS);
	struct udp_machine machine;

	if (!udp_machine_get(&machine, udp->wanted, udp->nwanted, NULL))
		return;
	for (unsigned i = 0; i < n; i++)
		if (!udp_machine_has(&machine, &had[i]))
			set_there(udp, &had[i], false);
	n = roce_device_addrs(dev, had, UDP_ADDRS);
	for (guint i = 0; i < machine.addrs->len && n < UDP_ADDRS; i++) {
		const struct net_addr *addr = &g_array_index(machine.addrs, struct net_addr, i);
		unsigned k = 0;

		while (k < n && !net_addr_same_host(&had[k], addr))
			k++;
		if (k < n)
			continue;
		set_there(udp, addr, true);
		had[n++] = *addr;
	}
	set_mtu(udp, machine.mtu);
	udp_machine_clear(&machine);
}

static gboolean changed(gint fd, GIOCondition condition, gpointer user)
{
	uint8_t message[8192];
	ssize_t n;

	(void)condition;
	do {
		n = recv(fd, message, sizeof(message), 0);
	} while (n > 0 || (n < 0 && errno != EAGAIN));
	udp_watch_look(user);
	return G_SOURCE_CONTINUE;
}

void udp_watch_open(struct udp *udp)
{
	int fd = open_netlink();

	udp->watch_fd = fd;
	if (fd < 0) {
		log_warn(udp->shards[0].reactor->core->log, "rnic",
			 "addresses that come later are found when they are listened on, those "
			 "that go are not noticed",
			 "reason=\"netlink: %s\"", g_strerror(-fd));
		return;
	}
	udp->watch = g_unix_fd_source_new(fd, G_IO_IN);
	/* Whoever asks for an address after it was added finds it. */
	g_source_set_priority(udp->watch, G_PRIORITY_HIGH);
	g_source_set_callback(udp->watch, G_SOURCE_FUNC(changed), udp, NULL);
	g_source_attach(udp->watch, udp->main_context ? udp->main_context
						      : g_main_context_get_thread_default());
	udp_watch_look(udp); /* what has changed since the sockets were opened */
}

void udp_watch_close(struct udp *udp)
{
	if (!udp->watch)
		return;
	g_source_destroy(udp->watch);
	g_clear_pointer(&udp->watch, g_source_unref);
	close(udp->watch_fd);
}
