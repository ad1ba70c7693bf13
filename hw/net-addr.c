/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses of hw/net.h as text. Numeric only: names are resolved by whoever
 * types them, never here, so nothing in this file can block.
 */
#include "hw/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "target/core/error.h"

static bool parse_port(uint16_t *port, const char *text, GError **error)
{
	unsigned value = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return weft_error_set(error, -EINVAL, NULL,
				      "\"%.32s\" is not a port: a decimal number up to 65535",
				      text);
	for (; *text != '\0'; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > UINT16_MAX)
		return weft_error_set(error, -EINVAL, NULL, "port %u is above 65535", value);
	*port = (uint16_t)value;
	return true;
}

/* The scope is an interface's name or its index. */
static bool parse_scope(uint32_t *scope, const char *text, GError **error)
{
	size_t len = strlen(text);
	uint64_t value = 0;

	if (len > 0 && len <= 10 && strspn(text, "0123456789") == len) {
		for (const char *p = text; *p != '\0'; p++)
			value = value * 10 + (unsigned)(*p - '0');
		if (value > 0 && value <= UINT32_MAX) {
			*scope = (uint32_t)value;
			return true;
		}
	} else if (len > 0 && len < IF_NAMESIZE) {
		*scope = if_nametoindex(text);
		if (*scope != 0)
			return true;
	}
	return weft_error_set(error, -EINVAL, NULL, "there is no network interface \"%.32s\"",
			      text);
}

bool net_addr_parse(struct net_addr *addr, const char *host, const char *port, GError **error)
{
	const char *percent = strchr(host, '%');
	size_t len = percent != NULL ? (size_t)(percent - host) : strlen(host);
	char ip[INET6_ADDRSTRLEN];

	memset(addr, 0, sizeof(*addr));
	if (len >= sizeof(ip))
		return weft_error_set(error, -EINVAL, NULL, "\"%.64s\" is not a numeric IP address",
				      host);
	memcpy(ip, host, len);
	ip[len] = '\0';
	if (percent == NULL && inet_pton(AF_INET, ip, addr->ip) == 1) {
		addr->family = NET_INET;
	} else if (inet_pton(AF_INET6, ip, addr->ip) == 1) {
		addr->family = NET_INET6;
		if (percent != NULL && !parse_scope(&addr->scope, percent + 1, error))
			return false;
	} else {
		return weft_error_set(error, -EINVAL, NULL, "\"%.64s\" is not a numeric IP address",
				      host);
	}
	return port == NULL || parse_port(&addr->port, port, error);
}

void net_addr_unix(struct net_addr *addr, const char *path)
{
	size_t len = strnlen(path, sizeof(addr->path) - 1);

	memset(addr, 0, sizeof(*addr));
	addr->family = NET_UNIX;
	memcpy(addr->path, path, len);
}

char *net_addr_host(const struct net_addr *addr, char buf[NET_ADDR_STRLEN])
{
	char ip[INET6_ADDRSTRLEN], name[IF_NAMESIZE];

	if (addr->family == NET_UNIX) {
		g_snprintf(buf, NET_ADDR_STRLEN, "%s", addr->path);
		return buf;
	}
	if (addr->family == NET_INET) {
		inet_ntop(AF_INET, addr->ip, buf, NET_ADDR_STRLEN);
		return buf;
	}
	inet_ntop(AF_INET6, addr->ip, ip, sizeof(ip));
	if (addr->scope == 0)
		g_snprintf(buf, NET_ADDR_STRLEN, "%s", ip);
	else if (if_indextoname(addr->scope, name) != NULL)
		g_snprintf(buf, NET_ADDR_STRLEN, "%s%%%s", ip, name);
	else
		g_snprintf(buf, NET_ADDR_STRLEN, "%s%%%u", ip, addr->scope);
	return buf;
}

char *net_addr_format(const struct net_addr *addr, char buf[NET_ADDR_STRLEN])
{
	char host[NET_ADDR_STRLEN];

	net_addr_host(addr, host);
	if (addr->family == NET_UNIX)
		return memcpy(buf, host, sizeof(host));
	/* An address is far shorter than host[]: the precision is for the compiler. */
	g_snprintf(buf, NET_ADDR_STRLEN, addr->family == NET_INET6 ? "[%.100s]:%u" : "%.100s:%u",
		   host, addr->port);
	return buf;
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == NET_UNIX)
		return strncmp(a->path, b->path, sizeof(a->path)) == 0;
	if (a->port != b->port)
		return false;
	if (a->family == NET_INET)
		return memcmp(a->ip, b->ip, 4) == 0;
	return a->scope == b->scope && memcmp(a->ip, b->ip, 16) == 0;
}

bool net_addr_is_any(const struct net_addr *addr)
{
	static const uint8_t zero[16];

	if (addr->family == NET_UNIX)
		return false;
	return memcmp(addr->ip, zero, addr->family == NET_INET ? 4 : 16) == 0;
}
