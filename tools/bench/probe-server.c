/* SPDX-License-Identifier: BSD-3-Clause */
/* The probe's server; see probe-server.h. */
#include "tools/bench/probe-server.h"
#include "tools/bench/bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Adds a piece of at most *left bytes; false when no more may follow. */
static bool gather_add(struct probe_server *s, unsigned *n, uint8_t *base, size_t len,
		       uint64_t *left)
{
	if (len > *left)
		len = *left;
	s->iov[*n] = (struct iovec){ base, len };
	++*n;
	*left -= len;
	return *left && *n < PROBE_IOV;
}

unsigned probe_gather(struct probe_server *s)
{
	size_t resp_len = PROBE_HDR + s->data_len;
	size_t off = s->tx % resp_len;
	uint64_t k = s->tx / resp_len;
	uint64_t left = probe_owed(s);
	unsigned n = 0;

	if (left > s->max_batch * resp_len - off)
		left = s->max_batch * resp_len - off;
	if (left > s->piece)
		left = s->piece;
	if (s->flat) {
		size_t size = s->region / s->data_len * resp_len;
		size_t at = s->tx % size;

		if (gather_add(s, &n, s->data + at, size - at, &left))
			gather_add(s, &n, s->data, size, &left);
		return n;
	}
	for (; left; k++, off = 0) {
		uint8_t *hdr = s->hdr + k % 128 * PROBE_HDR;
		size_t in_data = off > PROBE_HDR ? off - PROBE_HDR : 0;

		if (off < PROBE_HDR && !gather_add(s, &n, hdr + off, PROBE_HDR - off, &left))
			break;
		if (s->data_len &&
		    !gather_add(s, &n, s->data + k * s->data_len % s->region + in_data,
				s->data_len - in_data, &left))
			break;
	}
	return n;
}

bool probe_recv(struct probe_server *s, struct probe_server_stats *stats, size_t *n)
{
	int one = 1;
	ssize_t got = recv(s->fd, s->in, s->recv_len, MSG_DONTWAIT);

	stats->recvs++;
	*n = 0;
	if (got > 0) {
		s->rx += (uint64_t)got;
		*n = (size_t)got;
		if (s->quickack)
			setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
		return true;
	}
	stats->empty++;
	if (got == 0 || errno == ECONNRESET)
		return false;
	if (errno != EAGAIN && errno != EINTR)
		bench_die("recv: %s", strerror(errno));
	return true;
}

void probe_send(struct probe_server *s, struct probe_server_stats *stats)
{
	while (probe_owed(s)) {
		struct msghdr msg = { .msg_iov = s->iov, .msg_iovlen = probe_gather(s) };
		ssize_t sent = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != EPIPE &&
			    errno != ECONNRESET)
				bench_die("sendmsg: %s", strerror(errno));
			return;
		}
		stats->sends++;
		s->tx += (uint64_t)sent;
	}
}

static void serve_direct(struct probe_server *s, struct probe_server_stats *stats)
{
	size_t n;

	while (probe_recv(s, stats, &n)) {
		if (probe_owed(s))
			probe_send(s, stats);
	}
}

static void serve_epoll(struct probe_server *s, struct probe_server_stats *stats)
{
	struct epoll_event ev = { .events = EPOLLIN }, out;
	int ep = epoll_create1(EPOLL_CLOEXEC);
	size_t n;

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev))
		bench_die("epoll: %s", strerror(errno));
	for (bool open = true; open;) {
		if (epoll_wait(ep, &out, 1, 0) > 0)
			open = probe_recv(s, stats, &n);
		if (probe_owed(s))
			probe_send(s, stats);
	}
	close(ep);
}

void probe_serve(struct probe_server *s, struct probe_server_stats *stats)
{
	uint64_t start = bench_now();

	s->in = bench_alloc(s->recv_len);
	s->hdr = bench_alloc(128 * PROBE_HDR);
	s->data = bench_alloc(s->region + (s->flat ? s->region / s->data_len * PROBE_HDR : 0));
	/* Pages of their own, with something in them: never the kernel's one page of zeroes. */
	memset(s->data, 0xa5, s->region);
	switch (s->engine) {
	case PROBE_DIRECT:
		serve_direct(s, stats);
		break;
	case PROBE_EPOLL:
		serve_epoll(s, stats);
		break;
	default:
		probe_serve_uring(s, stats);
		break;
	}
	bench_cpu_self(&stats->cpu_user, &stats->cpu_sys);
	stats->wall = bench_now() - start;
}
