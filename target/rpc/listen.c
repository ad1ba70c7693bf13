/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where clients come in: a UNIX socket, which the file system says who may use, and, if
 * asked for, a TCP port of a loopback address, which every user of the machine may.
 */
#include <errno.h>
#include <string.h>

#include "target/rpc/client.h"
#include "target/rpc/server.h"

static void refuse_client(struct rpc_server *server, struct net_stream *stream)
{
	static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-16,"
				   "\"message\":\"Device or resource busy\",\"data\":"
				   "\"64 clients are connected already\"}}";
	struct rpc_client *c = rpc_client_new(server, stream);
	struct iovec iov = { .iov_base = (char *)text, .iov_len = sizeof(text) - 1 };

	log_warn(server->core->log, "rpc", "too many clients", "limit=%u", RPC_MAX_CLIENTS);
	if (!c)
		return;
	/* As much as goes at once: it must not take a place. */
	net_send(stream, &iov, 1, false);
	rpc_client_close(c);
}

static void accepted(struct net_listener *listener, struct net_stream *stream, void *user)
{
	struct rpc_server *server = user;
	struct rpc_client *c;

	(void)listener;
	if (server->clients->len >= RPC_MAX_CLIENTS) {
		refuse_client(server, stream);
		return;
	}
	c = rpc_client_new(server, stream);
	if (c)
		g_ptr_array_add(server->clients, c);
}

static void accept_failed(struct net_listener *listener, int err, void *user)
{
	struct rpc_server *server = user;

	(void)listener;
	log_warn(server->core->log, "rpc", "accept failed", "error=%s", g_strerror(-err));
}

static bool listen_on(struct rpc_server *server, const struct net_addr *addr, unsigned index,
		      GError **error)
{
	static const struct net_listener_cb cb = { .accepted = accepted, .failed = accept_failed };
	const struct hw_net_ops *ops = server->core->hw->net->ops;
	struct net_listen_opts opts = { .mode = server->has_group ? 0660 : 0600,
					.has_group = server->has_group,
					.group = server->group };
	char text[NET_ADDR_STRLEN];
	int rc = ops->listen(server->reactor->net, addr, &opts, &cb, server,
			     &server->listeners[index]);

	if (rc == 0)
		return true;
	server->listeners[index] = NULL;
	return weft_error_set(error, rc, NULL, "cannot listen on RPC socket %s: %s",
			      net_addr_format(addr, text), g_strerror(-rc));
}

static bool listen_unix(struct rpc_server *server, GError **error)
{
	struct net_addr addr;

	if (strlen(server->path) >= sizeof(addr.path))
		return weft_error_set(error, -ENAMETOOLONG, NULL,
				      "RPC socket %s: a socket path has at most %zu bytes",
				      server->path, sizeof(addr.path) - 1);
	net_addr_unix(&addr, server->path);
	return listen_on(server, &addr, 0, error);
}

static bool is_loopback(const struct net_addr *addr)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (addr->family == NET_INET)
		return addr->ip[0] == 127;
	return memcmp(addr->ip, one, sizeof(one)) == 0;
}

/* "127.0.0.1:5260", "[::1]:5260". */
static bool parse_tcp(const char *text, struct net_addr *addr, GError **error)
{
	g_autofree char *host = g_strdup(text);
	g_autoptr(GError) why = NULL;
	char *port = strrchr(host, ':'), *begin = host;

	if (port)
		*port++ = '\0';
	if (begin[0] == '[' && g_str_has_suffix(begin, "]")) {
		begin++;
		begin[strlen(begin) - 1] = '\0';
	}
	if (!port || !net_addr_parse(addr, begin, port, &why))
		return weft_error_set(error, -EINVAL, NULL,
				      "RPC on %s: ADDRESS:PORT expected, such as 127.0.0.1:5260 or "
				      "[::1]:5260%s%s",
				      text, why ? "; " : "", why ? why->message : "");
	if (!is_loopback(addr))
		return weft_error_set(error, -EINVAL, NULL,
				      "RPC on %s: whoever connects there may do anything, so that "
				      "only a loopback address will do, such as 127.0.0.1; from "
				      "elsewhere, ssh -L forwards to it",
				      text);
	return true;
}

static bool listen_tcp(struct rpc_server *server, GError **error)
{
	struct net_addr addr;

	return parse_tcp(server->tcp, &addr, error) && listen_on(server, &addr, 1, error);
}

bool rpc_server_listen(struct rpc_server *server, GError **error)
{
	if (server->path && !listen_unix(server, error))
		return false;
	return !server->tcp || listen_tcp(server, error);
}

void rpc_server_close_listeners(struct rpc_server *server)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(server->listeners); i++) {
		if (server->listeners[i])
			server->core->hw->net->ops->listener_close(server->listeners[i]);
		server->listeners[i] = NULL;
	}
}
