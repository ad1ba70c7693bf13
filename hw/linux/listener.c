/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners. A UNIX socket is a file besides: it has its final permission bits
 * before anybody can connect, and is removed by whoever made it only.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"

#define BACKLOG 1024
/* Connections accepted in one turn. */
#define BURST 16
#define PAUSE_NS UINT64_C(100000000)

struct net_listener {
	struct watch watch;
	struct net_ctx *ctx;
	const struct net_listener_cb *cb;
	void *user;
	struct timer pause;
	unsigned priority;
	struct net_addr local;
	/* The socket file that was made. */
	bool has_file;
	dev_t dev;
	ino_t ino;
};

static struct net_listener *from_watch(struct watch *w)
{
	return (struct net_listener *)((char *)w - offsetof(struct net_listener, watch));
}

static void listener_event(struct watch *w, uint32_t events)
{
	struct net_listener *l = from_watch(w);

	if ((events & NET_EDGE_IN) && !timer_is_set(&l->pause))
		watch_queue(l->ctx, w);
}

static void pause_over(struct timer *timer, struct reactor *reactor)
{
	struct net_listener *l =
		(struct net_listener *)((char *)timer - offsetof(struct net_listener, pause));

	(void)reactor;
	watch_queue(l->ctx, &l->watch);
}

static void accept_failed(struct net_listener *l, int err)
{
	/* The connection stays in the backlog; asking again at once would spin. */
	watch_unqueue(&l->watch);
	reactor_timer_set(l->ctx->reactor, &l->pause, l->ctx->reactor->now + PAUSE_NS);
	if (l->cb->failed != NULL)
		l->cb->failed(l, err, l->user);
}

/* Errors of the one connection that was to be accepted; the next one may be well. */
static bool passing(int err)
{
	switch (err) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static void accept_one(struct net_listener *l, int fd, const struct sockaddr_storage *ss,
		       socklen_t len)
{
	struct linux_stream *s;
	struct net_addr remote;

	sockaddr_to_net(ss, len, &remote);
	s = linux_stream_new(fd, &remote, STREAM_OPEN);
	if (s == NULL) {
		accept_failed(l, -ENOMEM);
		return;
	}
	if (l->priority != 0)
		setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &l->priority, sizeof(l->priority));
	l->ctx->work++;
	l->cb->accepted(l, &s->stream, l->user);
}

static void listener_run(struct watch *w)
{
	struct net_listener *l = from_watch(w);
	struct net_ctx *ctx = l->ctx;

	for (int i = 0; i < BURST && ctx->running == w && !timer_is_set(&l->pause); i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t len = sizeof(ss);
		int fd = accept4(w->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			accept_one(l, fd, &ss, len);
		} else if (errno == EAGAIN) {
			watch_unqueue(w);
			return;
		} else if (!passing(errno)) {
			ctx->work++;
			accept_failed(l, -errno);
			return;
		}
	}
}

/* 0: the path is free now. -EADDRINUSE: somebody serves it, or it is no socket. */
static int remove_stale(const struct net_addr *addr, const struct sockaddr_storage *ss,
			socklen_t len)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = socket_open(addr);
	if (fd < 0)
		return fd;
	rc = connect(fd, (const struct sockaddr *)ss, len) == 0 ? 0 : errno;
	close(fd);
	if (rc != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(addr->path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int bind_unix(struct net_listener *l, const struct net_addr *addr,
		     const struct net_listen_opts *opts, const struct sockaddr_storage *ss,
		     socklen_t len)
{
	unsigned mode = opts->mode != 0 ? opts->mode & 0777 : 0600;
	struct stat st;

	/* The file is made with the socket's own mode, less the umask: never wider than asked. */
	if (fchmod(l->watch.fd, mode) != 0)
		return -errno;
	if (bind(l->watch.fd, (const struct sockaddr *)ss, len) != 0) {
		int rc = errno == EADDRINUSE ? remove_stale(addr, ss, len) : -errno;

		if (rc != 0)
			return rc;
		if (bind(l->watch.fd, (const struct sockaddr *)ss, len) != 0)
			return -errno;
	}
	/* Nobody can connect before listen(). */
	if (lstat(addr->path, &st) != 0)
		return -errno;
	l->has_file = true;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	/* The group first: the mode may be meant for nobody else. */
	if (opts->has_group && st.st_gid != opts->group &&
	    lchown(addr->path, (uid_t)-1, opts->group) != 0)
		return -errno;
	if ((st.st_mode & 07777) != mode && chmod(addr->path, mode) != 0)
		return -errno;
	return 0;
}

static void remove_file(const struct net_listener *l)
{
	struct stat st;

	if (l->has_file && lstat(l->local.path, &st) == 0 && st.st_dev == l->dev &&
	    st.st_ino == l->ino)
		unlink(l->local.path);
}

/*
 * A fixed receive buffer keeps what is under way in the cache, where the kernel's
 * autotuning lets a fast sender get far ahead. Setting one that the system's limit
 * would cut short is worse than none: autotuning ends with it.
 */
static void set_rcvbuf(int fd, unsigned bytes)
{
	int size = (int)MIN(bytes, (unsigned)INT_MAX);
	char text[32];
	ssize_t n;
	int limit;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0)
		return;
	limit = open("/proc/sys/net/core/rmem_max", O_RDONLY | O_CLOEXEC);
	if (limit < 0)
		return;
	n = read(limit, text, sizeof(text) - 1);
	close(limit);
	if (n <= 0)
		return;
	text[n] = 0;
	if (strtol(text, NULL, 10) >= size)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int open_socket(struct net_listener *l, const struct net_addr *addr,
		       const struct net_listen_opts *opts)
{
	static const int on = 1;
	struct sockaddr_storage ss;
	socklen_t len;
	int rc = sockaddr_from_net(addr, &ss, &len);

	if (rc != 0)
		return rc;
	l->watch.fd = socket_open(addr);
	if (l->watch.fd < 0)
		return l->watch.fd;
	if (addr->family == NET_UNIX) {
		rc = bind_unix(l, addr, opts, &ss, len);
		if (rc != 0)
			return rc;
	} else {
		setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (opts->rcvbuf != 0)
			set_rcvbuf(l->watch.fd, opts->rcvbuf);
		if (bind(l->watch.fd, (struct sockaddr *)&ss, len) != 0)
			return -errno;
	}
	if (listen(l->watch.fd, opts->backlog > 0 ? opts->backlog : BACKLOG) != 0)
		return -errno;
	len = sizeof(ss);
	if (addr->family != NET_UNIX) {
		if (getsockname(l->watch.fd, (struct sockaddr *)&ss, &len) != 0)
			return -errno;
		sockaddr_to_net(&ss, len, &l->local);
	}
	return 0;
}

int linux_listen(struct net_ctx *ctx, const struct net_addr *addr,
		 const struct net_listen_opts *opts, const struct net_listener_cb *cb, void *user,
		 struct net_listener **out)
{
	static const struct net_listen_opts defaults;
	struct net_listener *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return -ENOMEM;
	if (opts == NULL)
		opts = &defaults;
	list_init(&l->watch.link);
	l->watch.event = listener_event;
	l->watch.run = listener_run;
	l->watch.fd = -1;
	l->watch.listens = true;
	l->ctx = ctx;
	l->cb = cb;
	l->user = user;
	l->priority = opts->priority;
	l->local = *addr;
	timer_init(&l->pause, pause_over);
	rc = open_socket(l, addr, opts);
	if (rc == 0)
		rc = net_ctx_add(ctx, &l->watch);
	if (rc != 0) {
		remove_file(l);
		if (l->watch.fd >= 0)
			close(l->watch.fd);
		free(l);
		return rc;
	}
	ctx->users++;
	*out = l;
	return 0;
}

void linux_listener_close(struct net_listener *l)
{
	reactor_timer_cancel(l->ctx->reactor, &l->pause);
	net_ctx_remove(l->ctx, &l->watch);
	remove_file(l);
	close(l->watch.fd);
	free(l);
}

void linux_listener_local(struct net_listener *l, struct net_addr *addr)
{
	*addr = l->local;
}
