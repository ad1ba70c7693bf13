/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams: receiving and sending are direct system calls on non-blocking
 * sockets; edges (net-internal.h) only tell when to try.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"

/* Bytes of unread input thrown away by a close, so that it does not become a reset. */
#define CLOSE_DRAIN_MAX (1 << 20)

static const struct net_stream_ops stream_ops;

static struct linux_stream *from_watch(struct watch *w)
{
	return (struct linux_stream *)((char *)w - offsetof(struct linux_stream, watch));
}

/* On the ready list exactly while there is something to call back for. */
static void update(struct linux_stream *s)
{
	bool due = s->state == STREAM_CONNECTED ||
		   (s->state == STREAM_OPEN &&
		    ((s->readable && !s->paused) || (s->writable && s->want_write)));

	if (s->ctx == NULL)
		return;
	if (due)
		watch_queue(s->ctx, &s->watch);
	else
		watch_unqueue(&s->watch);
}

void linux_stream_try(struct linux_stream *s)
{
	if (s->state != STREAM_OPEN || s->eof || s->recv_err != 0)
		return;
	s->readable = true;
	update(s);
}

static void stream_event(struct watch *w, uint32_t events)
{
	struct linux_stream *s = from_watch(w);

	if (s->state == STREAM_CONNECTING) {
		socklen_t len = sizeof(s->connect_err);

		if (!(events & NET_EDGE_OUT))
			return;
		if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &s->connect_err, &len) != 0)
			s->connect_err = errno;
		s->connect_err = -s->connect_err;
		s->state = STREAM_CONNECTED;
	}
	if (events & NET_EDGE_END)
		s->ended = true;
	/* After the end only an error is news. */
	if ((events & NET_EDGE_IN) && (!s->eof || (events & EPOLLERR)) && s->recv_err == 0)
		s->readable = true;
	if ((events & NET_EDGE_OUT) && s->want_write)
		s->writable = true;
	update(s);
}

static void stream_run(struct watch *w)
{
	struct linux_stream *s = from_watch(w);
	struct net_ctx *ctx = s->ctx;

	if (s->state == STREAM_CONNECTED) {
		s->state = STREAM_OPEN;
		s->readable = s->connect_err == 0;
		s->recv_err = s->connect_err;
		s->send_err = s->connect_err;
		update(s);
		ctx->work++;
		s->stream.cb->connected(&s->stream, s->connect_err, s->stream.user);
		if (ctx->running != w)
			return;
	}
	if (s->writable && s->want_write) {
		s->writable = false;
		s->want_write = false;
		update(s);
		ctx->work++;
		s->stream.cb->writable(&s->stream, s->stream.user);
		if (ctx->running != w)
			return;
	}
	if (s->readable && !s->paused)
		s->stream.cb->readable(&s->stream, s->stream.user);
}

static size_t total(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

static ssize_t do_recv(int fd, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };
	ssize_t got;

	do {
		if (n == 1)
			got = recv(fd, iov->iov_base, iov->iov_len, 0);
		else
			got = recvmsg(fd, &msg, 0);
	} while (got < 0 && errno == EINTR);
	return got >= 0 ? got : -errno;
}

/* The end of what can be received: end of file (0) or an error. */
static ssize_t recv_end(struct linux_stream *s, ssize_t rc)
{
	/* The error of a reset is told once; when send got it, recv sees a plain end. */
	if (rc == 0 && s->send_err != 0 && s->send_err != -EPIPE)
		rc = s->send_err;
	if (rc == 0) {
		s->eof = true;
	} else {
		s->recv_err = (int)rc;
		if (s->send_err == 0)
			s->send_err = (int)rc;
	}
	s->readable = false;
	update(s);
	if (s->ctx != NULL)
		s->ctx->work++;
	return rc;
}

static ssize_t stream_recv(struct net_stream *stream, const struct iovec *iov, int n)
{
	struct linux_stream *s = (struct linux_stream *)stream;
	ssize_t got;

	if (s->recv_err != 0 || (s->eof && !s->readable))
		return s->recv_err;
	if (s->state != STREAM_OPEN)
		return -EAGAIN;
	if (n <= 0 || total(iov, n) == 0)
		return -EINVAL;
	got = do_recv(s->watch.fd, iov, n);
	if (got > 0) {
		linux_net_bytes += (size_t)got;
		if ((size_t)got < total(iov, n) && !s->ended) {
			s->readable = false;
			update(s);
		}
		if (s->ctx != NULL) {
			s->ctx->work++;
			net_ctx_hot(s->ctx, s);
		}
		return got;
	}
	if (got == -EAGAIN) {
		s->readable = false;
		update(s);
		return got;
	}
	return recv_end(s, got);
}

static ssize_t stream_send(struct net_stream *stream, const struct iovec *iov, int n, bool more)
{
	struct linux_stream *s = (struct linux_stream *)stream;
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };
	int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
	ssize_t sent;

	if (s->send_err != 0)
		return s->send_err;
	if (s->state != STREAM_OPEN)
		return -EAGAIN;
	if (n <= 0 || n > NET_IOV_MAX)
		return -EINVAL;
	do {
		if (n == 1)
			sent = send(s->watch.fd, iov->iov_base, iov->iov_len, flags);
		else
			sent = sendmsg(s->watch.fd, &msg, flags);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0) {
		linux_net_bytes += (size_t)sent;
		if ((size_t)sent < total(iov, n))
			s->want_write = true;
		return sent;
	}
	if (errno == EAGAIN || errno == ENOBUFS) {
		s->want_write = true;
		/* The kernel is short of memory: unlike after EAGAIN no edge follows. */
		s->writable = errno == ENOBUFS;
		update(s);
		return -EAGAIN;
	}
	s->send_err = -errno;
	return s->send_err;
}

static void stream_shutdown(struct net_stream *stream)
{
	struct linux_stream *s = (struct linux_stream *)stream;

	shutdown(s->watch.fd, SHUT_WR);
	s->want_write = false;
	update(s);
	if (s->send_err == 0)
		s->send_err = -EPIPE;
}

static void leave(struct linux_stream *s)
{
	if (s->ctx == NULL)
		return;
	net_ctx_cool(s->ctx, s);
	net_ctx_remove(s->ctx, &s->watch);
	s->ctx = NULL;
}

static void stream_close(struct net_stream *stream)
{
	struct linux_stream *s = (struct linux_stream *)stream;
	size_t drained = 0;
	ssize_t n;
	char buf[16384];

	leave(s);
	if (s->tcp && s->state == STREAM_OPEN && s->recv_err == 0) {
		/* Closing with unread input resets, and a reset may overtake what was sent. */
		shutdown(s->watch.fd, SHUT_WR);
		do {
			n = recv(s->watch.fd, buf, sizeof(buf), MSG_TRUNC);
			drained += n > 0 ? (size_t)n : 0;
		} while (n > 0 && drained < CLOSE_DRAIN_MAX);
	} else if (!s->tcp) {
		/* A ring may hold the file a moment longer; the peer is to see the end now. */
		shutdown(s->watch.fd, SHUT_RDWR);
	}
	close(s->watch.fd);
	free(s);
}

static void stream_abort(struct net_stream *stream)
{
	struct linux_stream *s = (struct linux_stream *)stream;
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	leave(s);
	if (s->tcp)
		setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	else
		shutdown(s->watch.fd, SHUT_RDWR);
	close(s->watch.fd);
	free(s);
}

static void stream_pause(struct net_stream *stream, bool paused)
{
	struct linux_stream *s = (struct linux_stream *)stream;

	s->paused = paused;
	update(s);
}

static void stream_detach(struct net_stream *stream)
{
	struct linux_stream *s = (struct linux_stream *)stream;

	leave(s);
}

static int join(struct linux_stream *s, struct net_ctx *ctx, const struct net_stream_cb *cb,
		void *user)
{
	int rc = net_ctx_add(ctx, &s->watch);

	if (rc != 0)
		return rc;
	ctx->users++;
	s->ctx = ctx;
	s->stream.cb = cb;
	s->stream.user = user;
	return 0;
}

static int stream_attach(struct net_stream *stream, struct net_ctx *ctx,
			 const struct net_stream_cb *cb, void *user)
{
	struct linux_stream *s = (struct linux_stream *)stream;
	int rc;

	if (s->ctx != NULL)
		return -EINVAL;
	rc = join(s, ctx, cb, user);
	if (rc != 0)
		return rc;
	/* What came while it was detached, or before: the owner looks once. */
	s->readable = true;
	update(s);
	return 0;
}

static void stream_local(struct net_stream *stream, struct net_addr *addr)
{
	struct linux_stream *s = (struct linux_stream *)stream;
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	getsockname(s->watch.fd, (struct sockaddr *)&ss, &len);
	sockaddr_to_net(&ss, len, addr);
}

static void stream_remote(struct net_stream *stream, struct net_addr *addr)
{
	*addr = ((struct linux_stream *)stream)->remote;
}

static const struct net_stream_ops stream_ops = {
	.recv = stream_recv,
	.send = stream_send,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.abort = stream_abort,
	.pause = stream_pause,
	.detach = stream_detach,
	.attach = stream_attach,
	.local = stream_local,
	.remote = stream_remote,
};

struct linux_stream *linux_stream_new(int fd, const struct net_addr *remote,
				      enum stream_state state)
{
	static const int on = 1;
	struct linux_stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->stream.ops = &stream_ops;
	s->watch.event = stream_event;
	s->watch.run = stream_run;
	s->watch.fd = fd;
	list_init(&s->watch.link);
	s->state = state;
	s->remote = *remote;
	s->tcp = remote->family != NET_UNIX;
	if (s->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return s;
}

static int bind_local(int fd, const struct net_addr *local)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int rc = sockaddr_from_net(local, &ss, &len);

	if (rc == 0 && bind(fd, (struct sockaddr *)&ss, len) != 0)
		rc = -errno;
	return rc;
}

int linux_stream_connect(struct net_ctx *ctx, const struct net_addr *remote,
			 const struct net_addr *local, const struct net_stream_cb *cb, void *user,
			 struct net_stream **out)
{
	struct linux_stream *s;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, rc;

	rc = sockaddr_from_net(remote, &ss, &len);
	if (rc != 0)
		return rc;
	fd = socket_open(remote);
	if (fd < 0)
		return fd;
	s = linux_stream_new(fd, remote, STREAM_CONNECTED);
	if (s == NULL)
		return -ENOMEM;
	rc = local != NULL ? bind_local(fd, local) : 0;
	if (rc == 0 && connect(fd, (struct sockaddr *)&ss, len) != 0) {
		if (errno == EINPROGRESS)
			s->state = STREAM_CONNECTING;
		else
			s->connect_err = -errno;
	}
	/* Only now: a socket that is not connecting yet looks like one that was hung up on. */
	if (rc == 0)
		rc = join(s, ctx, cb, user);
	if (rc != 0) {
		close(fd);
		free(s);
		return rc;
	}
	update(s);
	*out = &s->stream;
	return 0;
}
