/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets: the structures shared by net.c (contexts), stream.c, listener.c and
 * the two pollers, net-epoll.c and net-uring.c.
 *
 * A poller tells of edges ("something changed on this descriptor"); it never
 * calls out, it only reports by net_watch_event(). net.c turns edges into the
 * levels of hw/net.h: what may have something to do is on the context's ready
 * list, and stays there until its owner has taken everything. Callbacks are
 * made from that list alone, after all edges were fetched; so nothing fetched
 * can refer to a stream that a callback has freed.
 */
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>

#include "hw/linux/internal.h"
#include "target/core/engine.h"
#include "target/core/reactor.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Moves all of from to the front of to. */
static inline void list_splice(struct list *from, struct list *to)
{
	if (list_empty(from))
		return;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	from->next->prev = to;
	list_init(from);
}

/* The events of epoll, which are those of poll(2). */
#define NET_EDGE_IN (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define NET_EDGE_OUT (EPOLLOUT | EPOLLHUP | EPOLLERR)
#define NET_EDGE_END (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

/* A descriptor that is polled. Part of a stream or a listener. */
struct watch {
	struct list link; /* on the ready list, or alone */
	/* An edge came. */
	void (*event)(struct watch *w, uint32_t events);
	/* Its turn on the ready list: makes the callbacks. */
	void (*run)(struct watch *w);
	int fd;
	bool listens;  /* a listening socket: nobody but its process may hold it open */
	bool added;    /* to the poller */
	uint32_t slot; /* the poller's */
};

struct poller_ops {
	const char *name;
	/* Sets ctx->poller and ctx->engine.fd. 0 or a negative errno. */
	int (*open)(struct net_ctx *ctx);
	void (*close)(struct net_ctx *ctx);
	/* Edges of in, out and end from now on; one comes at once if there is any already. */
	int (*add)(struct net_ctx *ctx, struct watch *w);
	/* No event of w comes any more. Its descriptor is still open. */
	void (*remove)(struct net_ctx *ctx, struct watch *w);
	/* Fetches edges. */
	void (*fetch)(struct net_ctx *ctx);
	/* From now on edges make engine.fd readable; a fetch follows. NULL: they always do. */
	void (*arm)(struct net_ctx *ctx);
	void (*disarm)(struct net_ctx *ctx);
};

extern const struct poller_ops epoll_poller;
extern const struct poller_ops uring_poller;

#define NET_HOT 2

struct linux_net {
	struct hw_net net;
	const struct poller_ops *poller;
	bool fall_back; /* a context may use epoll when a ring cannot be made */
};

struct net_ctx {
	struct engine engine;
	struct linux_net *net;
	struct reactor *reactor;
	const struct poller_ops *poller;
	void *poller_data;
	struct list ready;
	struct watch *running; /* whose callback is running; NULL when it has been freed */
	unsigned work;	       /* done by this poll */
	bool unsettled;	       /* the poller has more to do: no sleep yet */
	unsigned skipped;      /* polls since edges were fetched */
	/* Streams that are tried without waiting for an edge; see net_ctx_hot(). */
	struct linux_stream *hot[NET_HOT];
	uint64_t crowded_until;
	unsigned users; /* listeners and streams */
};

static inline void watch_queue(struct net_ctx *ctx, struct watch *w)
{
	if (list_empty(&w->link))
		list_append(&ctx->ready, &w->link);
}

static inline void watch_unqueue(struct watch *w)
{
	list_remove(&w->link);
}

/* Adds w to the poller. */
int net_ctx_add(struct net_ctx *ctx, struct watch *w);
/* w leaves the context for good, also from inside its own callback. */
void net_ctx_remove(struct net_ctx *ctx, struct watch *w);
/* The stream has received bytes. */
void net_ctx_hot(struct net_ctx *ctx, struct linux_stream *s);
void net_ctx_cool(struct net_ctx *ctx, struct linux_stream *s);

enum stream_state {
	STREAM_CONNECTING,
	STREAM_CONNECTED, /* or failed to; the owner has not been told yet */
	STREAM_OPEN,
};

struct linux_stream {
	struct net_stream stream;
	struct watch watch;
	struct net_ctx *ctx; /* NULL: detached */
	enum stream_state state;
	int connect_err;
	int recv_err; /* final; 0: none */
	int send_err;
	bool readable; /* recv may return something */
	bool ended;    /* the peer has ended or reset: receive until 0 or an error */
	bool eof;
	bool paused;
	bool want_write; /* a send was cut short */
	bool writable;	 /* there is room since */
	bool tcp;
	bool hot;
	uint64_t last_recv; /* reactor clock */
	struct net_addr remote;
};

/* Takes over fd, which is non-blocking. NULL: no memory (fd is closed). */
struct linux_stream *linux_stream_new(int fd, const struct net_addr *remote,
				      enum stream_state state);
int linux_stream_connect(struct net_ctx *ctx, const struct net_addr *remote,
			 const struct net_addr *local, const struct net_stream_cb *cb, void *user,
			 struct net_stream **out);
/* Tries it on the next turn, edge or not. */
void linux_stream_try(struct linux_stream *s);

int linux_listen(struct net_ctx *ctx, const struct net_addr *addr,
		 const struct net_listen_opts *opts, const struct net_listener_cb *cb, void *user,
		 struct net_listener **out);
void linux_listener_close(struct net_listener *listener);
void linux_listener_local(struct net_listener *listener, struct net_addr *addr);

/* Returns 0, or -EINVAL (path empty or too long, unknown family). */
int sockaddr_from_net(const struct net_addr *addr, struct sockaddr_storage *ss, socklen_t *len);
void sockaddr_to_net(const struct sockaddr_storage *ss, socklen_t len, struct net_addr *addr);
/* A non-blocking socket of addr's family. Returns it or a negative errno. */
int socket_open(const struct net_addr *addr);
