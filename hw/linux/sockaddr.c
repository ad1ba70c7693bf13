/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct net_addr to and from the kernel's, and making sockets.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"

int sockaddr_from_net(const struct net_addr *addr, struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_un *un = (struct sockaddr_un *)ss;
	size_t path_len;

	memset(ss, 0, sizeof(*ss));
	switch (addr->family) {
	case NET_INET:
		in->sin_family = AF_INET;
		in->sin_port = htons(addr->port);
		memcpy(&in->sin_addr, addr->ip, 4);
		*len = sizeof(*in);
		return 0;
	case NET_INET6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(addr->port);
		in6->sin6_scope_id = addr->scope;
		memcpy(&in6->sin6_addr, addr->ip, 16);
		*len = sizeof(*in6);
		return 0;
	case NET_UNIX:
		/* An empty path would be an autobound abstract address. */
		path_len = strnlen(addr->path, sizeof(addr->path));
		if (path_len == 0 || path_len >= sizeof(un->sun_path))
			return -EINVAL;
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, addr->path, path_len);
		*len = sizeof(*un);
		return 0;
	}
	return -EINVAL;
}

void sockaddr_to_net(const struct sockaddr_storage *ss, socklen_t len, struct net_addr *addr)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_un *un = (const struct sockaddr_un *)ss;

	memset(addr, 0, sizeof(*addr));
	switch (ss->ss_family) {
	case AF_INET:
		addr->family = NET_INET;
		addr->port = ntohs(in->sin_port);
		memcpy(addr->ip, &in->sin_addr, 4);
		break;
	case AF_INET6:
		addr->family = NET_INET6;
		addr->port = ntohs(in6->sin6_port);
		addr->scope = in6->sin6_scope_id;
		memcpy(addr->ip, &in6->sin6_addr, 16);
		break;
	default:
		/* A peer that has not bound its UNIX socket has no path. */
		addr->family = NET_UNIX;
		if (len > offsetof(struct sockaddr_un, sun_path))
			memcpy(addr->path, un->sun_path,
			       MIN(len - offsetof(struct sockaddr_un, sun_path),
				   sizeof(addr->path) - 1));
		break;
	}
}

int socket_open(const struct net_addr *addr)
{
	static const int family[] = {
		[NET_INET] = AF_INET,
		[NET_INET6] = AF_INET6,
		[NET_UNIX] = AF_UNIX,
	};
	static const int on = 1;
	int fd;

	if ((unsigned)addr->family > NET_UNIX)
		return -EINVAL;
	fd = socket(family[addr->family], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (addr->family == NET_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}
