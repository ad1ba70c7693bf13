/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What keeps a port from losing packets: priority flow control (asked of the kernel by
 * netlink, as dcb does), pause frames (ioctl, as ethtool does), and ECN, for which there is
 * no common interface: mlx5 has files, those of NVIDIA's drivers or of debugfs.
 */
#include <errno.h>
#include <linux/dcbnl.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/weft-setup/rdma.h"

/* --- PFC -------------------------------------------------------------------------------- */

/* The attribute of that type in a list of them; NULL: none, or the list is broken. */
static const struct rtattr *attribute(const void *list, size_t len, unsigned type)
{
	const uint8_t *at = list;

	while (len >= sizeof(struct rtattr)) {
		const struct rtattr *a = (const struct rtattr *)at;
		size_t step = RTA_ALIGN((size_t)a->rta_len);

		if (a->rta_len < sizeof(*a) || a->rta_len > len)
			return NULL;
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
		if (step >= len)
			return NULL;
		at += step;
		len -= step;
	}
	return NULL;
}

bool rdma_parse_pfc(const void *answer, size_t len, uint8_t *priorities, int *err)
{
	const size_t head = NLMSG_ALIGN(sizeof(struct nlmsghdr) + sizeof(struct dcbmsg));
	const struct nlmsghdr *h = answer;
	const struct rtattr *all, *pfc;
	struct ieee_pfc value;

	*err = 0;
	if (len < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
		return false;
	if (h->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = NLMSG_DATA(h);

		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
			return false;
		*err = -e->error;
		return *err > 0;
	}
	if (h->nlmsg_type != RTM_GETDCB || h->nlmsg_len < head)
		return false;
	all = attribute((const uint8_t *)answer + head, h->nlmsg_len - head, DCB_ATTR_IEEE);
	if (!all)
		return false;
	pfc = attribute(RTA_DATA(all), RTA_PAYLOAD(all), DCB_ATTR_IEEE_PFC);
	if (!pfc || RTA_PAYLOAD(pfc) < sizeof(value)) {
		*err = EOPNOTSUPP; /* a driver that knows of other parts of DCB only */
		return true;
	}
	memcpy(&value, RTA_DATA(pfc), sizeof(value));
	*priorities = value.pfc_en;
	return true;
}

struct question {
	struct nlmsghdr h;
	struct dcbmsg dcb;
	struct rtattr name;
	char text[IFNAMSIZ];
};

/* 0, or an errno. */
static int ask_pfc(const char *netdev, uint8_t *priorities)
{
	const struct timeval patience = { .tv_sec = 2 };
	struct question q = { .h = { .nlmsg_type = RTM_GETDCB, .nlmsg_flags = NLM_F_REQUEST },
			      .dcb = { .dcb_family = AF_UNSPEC, .cmd = DCB_CMD_IEEE_GET },
			      .name = { .rta_type = DCB_ATTR_IFNAME } };
	_Alignas(struct nlmsghdr) char answer[16384];
	int fd, err = EIO;
	ssize_t n = -1;

	if (strlen(netdev) >= sizeof(q.text))
		return ENODEV;
	g_strlcpy(q.text, netdev, sizeof(q.text));
	q.name.rta_len = (unsigned short)RTA_LENGTH(strlen(netdev) + 1);
	q.h.nlmsg_len = (uint32_t)(offsetof(struct question, name) + RTA_ALIGN(q.name.rta_len));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, &q, q.h.nlmsg_len, 0) >= 0)
		n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		err = errno;
	else if (!rdma_parse_pfc(answer, (size_t)n, priorities, &err) && err == 0)
		err = EPROTO;
	close(fd);
	return err;
}

static void read_pfc(struct rdma_port *port)
{
	int err = ask_pfc(port->netdev, &port->flow.priorities);

	if (err == 0)
		port->flow.pfc = RDMA_KNOWN;
	else if (err == EOPNOTSUPP)
		port->flow.pfc = RDMA_UNSUPPORTED;
	else
		port->flow.why = g_strerror(err);
}

/* --- pause ------------------------------------------------------------------------------ */

static void read_pause(struct rdma_port *port)
{
	struct ethtool_pauseparam pause = { .cmd = ETHTOOL_GPAUSEPARAM };
	struct ifreq ifr = { .ifr_data = (char *)&pause };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	g_strlcpy(ifr.ifr_name, port->netdev, sizeof(ifr.ifr_name));
	if (ioctl(fd, SIOCETHTOOL, &ifr) == 0) {
		port->flow.pause = RDMA_KNOWN;
		port->flow.pause_rx = pause.rx_pause;
		port->flow.pause_tx = pause.tx_pause;
	} else if (errno == EOPNOTSUPP) {
		port->flow.pause = RDMA_UNSUPPORTED;
	}
	close(fd);
}

/* --- ECN -------------------------------------------------------------------------------- */

/* "np 3,4": the priorities for which that side of DCQCN is on. NULL: no such files. */
static char *read_side(const struct rdma_look *look, const struct rdma_port *port, const char *side,
		       bool *on)
{
	g_autoptr(GString) s = g_string_new(NULL);
	bool any = false;

	for (unsigned n = 0; n < 8; n++) {
		g_autofree char *text = tree_read(look, "sys/class/net/%s/ecn/roce_%s/enable/%u",
						  port->netdev, side, n);

		any |= text != NULL;
		if (text && strcmp(text, "1") == 0)
			g_string_append_printf(s, "%s%u", s->len ? "," : "", n);
	}
	*on = s->len > 0;
	if (!any)
		return NULL;
	return g_strdup_printf("%s %s", side, s->len ? s->str : "off");
}

static void read_ecn(const struct rdma_look *look, const struct rdma_device *dev,
		     struct rdma_port *port)
{
	bool np_on, rp_on;
	g_autofree char *np = read_side(look, port, "np", &np_on);
	g_autofree char *rp = read_side(look, port, "rp", &rp_on);

	if (np && rp) {
		port->flow.ecn = g_strdup_printf("%s, %s", np, rp);
		port->flow.ecn_on = np_on && rp_on;
	} else if (dev->pci && tree_exists(look, "sys/kernel/debug/mlx5/%s/cc_params", dev->pci)) {
		/* There for ports that have it; its switch is the firmware's. */
		port->flow.ecn = g_strdup_printf("offered (parameters in /sys/kernel/debug/mlx5/%s/"
						 "cc_params)",
						 dev->pci);
		port->flow.ecn_on = true;
	}
}

void rdma_flow(const struct rdma_look *look, const struct rdma_device *dev, struct rdma_port *port)
{
	if (!port->netdev) {
		port->flow.why = "no interface";
		return;
	}
	read_ecn(look, dev, port);
	if (look->copy) {
		port->flow.why = "a copy of files";
		return;
	}
	read_pfc(port);
	read_pause(port);
}
