/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe's two io_uring engines. The ring is DEFER_TASKRUN with the
 * TASKRUN flag, so that a pass without work costs one load and no system call.
 */
#include "tools/bench/bench.h"
#include "tools/bench/probe-server.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>

enum { TAG_POLL, TAG_RECV, TAG_SEND };

static void ring_open(struct io_uring *ring)
{
	int r = io_uring_queue_init(8, ring,
				    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
					    IORING_SETUP_TASKRUN_FLAG);

	if (r)
		bench_die("io_uring: %s", strerror(-r));
}

static bool ring_ready(const struct io_uring *ring)
{
	return __atomic_load_n(ring->sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN;
}

static void poll_arm(struct io_uring *ring, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, TAG_POLL);
	io_uring_submit(ring);
}

static void serve_poll(struct probe_server *s, struct probe_server_stats *stats)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	bool readable = true, open = true;
	size_t n;

	ring_open(&ring);
	poll_arm(&ring, s->fd);
	while (open) {
		if (ring_ready(&ring))
			io_uring_get_events(&ring);
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			bool more = cqe->flags & IORING_CQE_F_MORE;

			readable = true;
			io_uring_cqe_seen(&ring, cqe);
			if (!more)
				poll_arm(&ring, s->fd);
		}
		if (readable) {
			open = probe_recv(s, stats, &n);
			/* A short receive has emptied the socket: the next event will tell. */
			readable = n == s->recv_len;
		}
		if (probe_owed(s))
			probe_send(s, stats);
	}
	io_uring_queue_exit(&ring);
}

/* Queues the operations that are not in flight; returns how many. */
static unsigned ops_queue(struct probe_server *s, struct io_uring *ring, struct msghdr *msg,
			  bool *receiving, bool *sending)
{
	struct io_uring_sqe *sqe;
	unsigned n = 0;

	if (!*receiving) {
		sqe = io_uring_get_sqe(ring);
		io_uring_prep_recv(sqe, s->fd, s->in, s->recv_len, 0);
		io_uring_sqe_set_data64(sqe, TAG_RECV);
		*receiving = true;
		n++;
	}
	if (!*sending && probe_owed(s)) {
		*msg = (struct msghdr){ .msg_iov = s->iov, .msg_iovlen = probe_gather(s) };
		sqe = io_uring_get_sqe(ring);
		io_uring_prep_sendmsg(sqe, s->fd, msg, MSG_NOSIGNAL);
		io_uring_sqe_set_data64(sqe, TAG_SEND);
		*sending = true;
		n++;
	}
	return n;
}

static void serve_ops(struct probe_server *s, struct probe_server_stats *stats)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	struct msghdr msg;
	bool receiving = false, sending = false, open = true;

	ring_open(&ring);
	while (open) {
		if (ops_queue(s, &ring, &msg, &receiving, &sending))
			io_uring_submit_and_get_events(&ring);
		else if (ring_ready(&ring))
			io_uring_get_events(&ring);
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			if (io_uring_cqe_get_data64(cqe) == TAG_RECV) {
				receiving = false;
				stats->recvs++;
				open = cqe->res > 0;
				s->rx += cqe->res > 0 ? (uint64_t)cqe->res : 0;
			} else {
				sending = false;
				stats->sends++;
				open = open && cqe->res > 0;
				s->tx += cqe->res > 0 ? (uint64_t)cqe->res : 0;
			}
			io_uring_cqe_seen(&ring, cqe);
		}
	}
	io_uring_queue_exit(&ring);
}

void probe_serve_uring(struct probe_server *s, struct probe_server_stats *stats)
{
	if (s->engine == PROBE_URING_POLL)
		serve_poll(s, stats);
	else
		serve_ops(s, stats);
}
