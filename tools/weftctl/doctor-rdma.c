/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What RDMA needs of a machine. Software RoCE: UDP port 4791 of the addresses that are
 * listened on, and socket buffers that hold what comes while weftd is at other work. RNICs:
 * what weft-setup looks at, and that the addresses are theirs.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/weft-setup/rdma.h"
#include "tools/weftctl/doctor.h"

#define ROCE_PORT 4791
#define ENOUGH_BUFFER (16u * 1024 * 1024)
#define CAP_NET_ADMIN 12

int doctor_rdma_bind(const struct sockaddr *addr, socklen_t len, bool port)
{
	struct sockaddr_storage ss = { 0 };
	int fd = socket(addr->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, rc = 0;

	if (fd < 0)
		return errno;
	memcpy(&ss, addr, len);
	/* The port is at the same place in both. */
	((struct sockaddr_in *)&ss)->sin_port = htons(port ? ROCE_PORT : 0);
	if (addr->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) != 0)
		rc = errno;
	close(fd);
	return rc;
}

/* Who may have more than the settings allow. */
static bool may_force(const struct doctor *d)
{
	g_autofree char *path = d->pid ? g_strdup_printf("/proc/%d/status", (int)d->pid)
				       : g_strdup("/proc/self/status");
	g_autofree char *status = doctor_read(path);
	const char *line = status ? strstr(status, "CapEff:") : NULL;

	return line && g_ascii_strtoull(line + strlen("CapEff:\t"), NULL, 16) >> CAP_NET_ADMIN & 1;
}

void doctor_rdma_buffers(struct doctor *d)
{
	g_autofree char *text = doctor_read("/proc/sys/net/core/rmem_max");
	guint64 most = text ? g_ascii_strtoull(text, NULL, 10) : G_MAXUINT64;

	if (d->rdma_buffers)
		return;
	d->rdma_buffers = true;
	if (most >= ENOUGH_BUFFER || may_force(d))
		doctor_say(d, FINDING_OK, "rdma buffers", NULL,
			   "sockets of software RoCE may have large buffers");
	else
		doctor_say(
			d, FINDING_WARNING, "rdma buffers",
			"sysctl -w net.core.rmem_max=67108864 net.core.wmem_max=67108864, before "
			"the transport is made",
			"net.core.rmem_max allows software RoCE %" G_GUINT64_FORMAT
			" KiB for what comes while weftd is busy; what does not fit is lost and "
			"sent again, which takes time",
			most / 1024);
}

/* --- RNICs --------------------------------------------------------------------------- */

void doctor_rdma_devices(struct doctor *d)
{
	if (d->look)
		return;
	d->look = rdma_look_new(NULL, d->pid);
	rdma_judge(d->look, true, d->findings);
}

/* GIDs are made of addresses with RoCE alone. */
static bool all_roce(const struct rdma_look *look)
{
	for (guint i = 0; i < look->devices->len; i++)
		if (((const struct rdma_device *)look->devices->pdata[i])->kind != RDMA_ROCE)
			return false;
	return true;
}

static bool is_any(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return ((const struct sockaddr_in *)addr)->sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

void doctor_rdma_address(struct doctor *d, const char *where, const char *port,
			 const struct sockaddr *addr, socklen_t len)
{
	const struct rdma_device *dev;
	char host[NI_MAXHOST];

	doctor_rdma_devices(d);
	if (getnameinfo(addr, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		return;
	dev = rdma_device_at(d->look, host);
	if (dev)
		doctor_say(d, FINDING_OK, "listener", NULL, "%s port %s (RDMA): of %s", host, port,
			   dev->name);
	else if (is_any(addr) || !all_roce(d->look))
		doctor_say(d, FINDING_OK, "listener", NULL,
			   "%s port %s (RDMA): the address is there", host, port);
	else
		doctor_say(
			d, FINDING_WRONG, "listener",
			"an address of an RNIC (weft-setup rdma lists them); weftd --rnic soft can "
			"have any",
			"%s: %s is not an address of any RNIC", where, host);
}
