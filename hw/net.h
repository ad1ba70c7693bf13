/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte streams over TCP and UNIX sockets, in readiness style: the owner is told
 * that a stream may have bytes or room, and then receives straight into its own
 * buffers and gather-sends from them, without blocking.
 *
 * Threads: a net_ctx belongs to one reactor; it, its listeners and its streams
 * are used on that reactor only. A stream changes reactor by detach on the old
 * one, hand-over by message, attach on the new one.
 *
 * Callbacks are made from the reactor's pass, never from inside a call of this
 * interface. After close, abort or detach returned, no callback of that stream
 * comes any more; they may be called from inside any callback.
 *
 * Errors are negative errno values. A backend produces at least: -EAGAIN,
 * -ECONNRESET, -ECONNREFUSED, -EPIPE, -ETIMEDOUT, -EADDRINUSE, -EADDRNOTAVAIL,
 * -EHOSTUNREACH or -ENETUNREACH, -EACCES, -EMFILE, -ENOMEM, -EINVAL.
 *
 * A TLS layer will be a net_stream on top of a net_stream: that is why streams
 * carry their own ops.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "hw/hw.h"

struct reactor;
struct net_ctx;
struct net_listener;
struct net_stream;

enum net_family {
	NET_INET,
	NET_INET6,
	NET_UNIX,
};

struct net_addr {
	enum net_family family;
	uint16_t port;   /* host byte order; 0 for UNIX, or "any free one" in listen */
	uint8_t ip[16];  /* network byte order; 4 bytes used for NET_INET */
	uint32_t scope;  /* interface index of a link-local IPv6 address, else 0 */
	char path[108];  /* NET_UNIX: zero-terminated */
};

#define NET_ADDR_STRLEN 128

/*
 * Parses a numeric address ("192.0.2.1", "::1", "fe80::1%eth0") and a decimal
 * port (may be NULL: 0). Returns false and a GError that names what is wrong.
 */
bool net_addr_parse(struct net_addr *addr, const char *host, const char *port, GError **error);
void net_addr_unix(struct net_addr *addr, const char *path);
/* Only the host part, as getnameinfo would print it. Returns buf. */
char *net_addr_host(const struct net_addr *addr, char buf[NET_ADDR_STRLEN]);
/* "192.0.2.1:4420", "[::1]:4420", or the path. Returns buf. */
char *net_addr_format(const struct net_addr *addr, char buf[NET_ADDR_STRLEN]);
bool net_addr_equal(const struct net_addr *a, const struct net_addr *b);
/* The same but for ports and paths. */
static inline bool net_addr_same_host(const struct net_addr *a, const struct net_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == NET_INET ? 4 : 16) == 0;
}
/* 0.0.0.0 or :: */
bool net_addr_is_any(const struct net_addr *addr);

struct net_listener_cb {
	/*
	 * A peer connected. The stream is the callee's, detached: it attaches it
	 * here, or hands it to another reactor, or closes it.
	 */
	void (*accepted)(struct net_listener *listener, struct net_stream *stream, void *user);
	/*
	 * Accepting failed (-EMFILE, -ENOMEM, ...). The listener goes on by itself
	 * after a pause of the backend's choosing. May be NULL.
	 */
	void (*failed)(struct net_listener *listener, int err, void *user);
};

struct net_stream_cb {
	/*
	 * connect is decided: err 0 (bytes may be sent), or negative: the owner
	 * must close the stream. NULL for accepted streams.
	 */
	void (*connected)(struct net_stream *stream, int err, void *user);
	/*
	 * There may be bytes, end of file or an error to receive. Called again on
	 * each pass until recv has returned less than asked for, -EAGAIN, 0 or an
	 * error (level-triggered), unless paused. Always called once after attach.
	 */
	void (*readable)(struct net_stream *stream, void *user);
	/* After a send that took less than it was given: there is room again. Once. */
	void (*writable)(struct net_stream *stream, void *user);
};

struct net_stream_ops {
	/*
	 * Receives into n buffers. Returns bytes (> 0), 0 at end of file, -EAGAIN,
	 * or an error, which is final and returned again by further calls.
	 */
	ssize_t (*recv)(struct net_stream *stream, const struct iovec *iov, int n);
	/*
	 * Gathers n buffers (n at most NET_IOV_MAX) into the stream. Returns the
	 * bytes taken (the buffers are the caller's again), -EAGAIN when none, or
	 * an error, which is final. more: bytes follow within this pass (may be
	 * ignored).
	 */
	ssize_t (*send)(struct net_stream *stream, const struct iovec *iov, int n, bool more);
	/* Half-close: no more is sent, receiving goes on. */
	void (*shutdown)(struct net_stream *stream);
	/* Frees the stream. Bytes already taken are still delivered where possible. */
	void (*close)(struct net_stream *stream);
	/* Frees the stream and resets the connection (TCP RST); bytes under way may be lost. */
	void (*abort)(struct net_stream *stream);
	/* No readable callback while paused. Cheap. Starts unpaused; a detach does not change it. */
	void (*pause)(struct net_stream *stream, bool paused);
	/* Leaves its context; see the header comment. Nothing received is lost. */
	void (*detach)(struct net_stream *stream);
	/*
	 * Joins ctx (of the same hw_net), with these callbacks. Returns 0 or a
	 * negative errno; then the stream stays detached (the caller closes it).
	 * cb must outlive the stream.
	 */
	int (*attach)(struct net_stream *stream, struct net_ctx *ctx,
		      const struct net_stream_cb *cb, void *user);
	void (*local)(struct net_stream *stream, struct net_addr *addr);
	void (*remote)(struct net_stream *stream, struct net_addr *addr);
};

#define NET_IOV_MAX 1024

struct net_stream {
	const struct net_stream_ops *ops;
	const struct net_stream_cb *cb;
	void *user;
};

struct net_listen_opts {
	int backlog;       /* 0: the backend's default */
	unsigned priority; /* SO_PRIORITY of accepted sockets, 0: none */
	unsigned mode;     /* NET_UNIX: permission bits of the socket file, 0: 0600 */
	bool has_group;    /* NET_UNIX: the file belongs to this group */
	uint32_t group;
	unsigned rcvbuf;   /* bytes a peer may be ahead of recv; 0, or not to be had: the backend's choice */
};

struct hw_net_ops {
	/*
	 * Joins a reactor: adds an engine to it. One ctx a reactor. On the
	 * reactor's thread, or before it runs. Returns 0 or a negative errno.
	 */
	int (*ctx_open)(struct hw_net *net, struct reactor *reactor, struct net_ctx **out);
	/* All listeners and streams of it must be closed. */
	void (*ctx_close)(struct net_ctx *ctx);
	/*
	 * Listens. NET_UNIX: a stale socket file (nobody accepts on it) is replaced,
	 * a live one is -EADDRINUSE. *out->local tells the port chosen.
	 */
	int (*listen)(struct net_ctx *ctx, const struct net_addr *addr,
		      const struct net_listen_opts *opts, const struct net_listener_cb *cb,
		      void *user, struct net_listener **out);
	/* Stops accepting; a UNIX socket file is removed. Accepted streams stay. */
	void (*listener_close)(struct net_listener *listener);
	void (*listener_local)(struct net_listener *listener, struct net_addr *addr);
	/*
	 * Starts connecting; cb->connected tells how it ended (also when it is
	 * known at once). local may be NULL. Returns 0 and an attached stream, or a
	 * negative errno.
	 */
	int (*connect)(struct net_ctx *ctx, const struct net_addr *remote,
		       const struct net_addr *local, const struct net_stream_cb *cb, void *user,
		       struct net_stream **out);
};

struct hw_net {
	const struct hw_net_ops *ops;
};

static inline ssize_t net_recv(struct net_stream *s, const struct iovec *iov, int n)
{
	return s->ops->recv(s, iov, n);
}

static inline ssize_t net_send(struct net_stream *s, const struct iovec *iov, int n, bool more)
{
	return s->ops->send(s, iov, n, more);
}
