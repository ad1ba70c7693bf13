/* SPDX-License-Identifier: BSD-3-Clause */
/* The spinning client; see drive.h. */
#include "tools/bench/drive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define STALL (5 * BENCH_NS) /* without a byte: give up */

void drive_init(struct drive *d)
{
	d->ring = bench_alloc(d->qd * d->req_len);
	d->stamp = bench_alloc(d->qd * sizeof(d->stamp[0]));
}

void drive_fini(struct drive *d)
{
	munmap(d->ring, d->qd * d->req_len);
	munmap(d->stamp, d->qd * sizeof(d->stamp[0]));
}

static bool drive_fail(struct drive *d, const char *why)
{
	d->error = why;
	return false;
}

static bool drive_send(struct drive *d)
{
	size_t size = d->qd * d->req_len;
	size_t len = d->issued * d->req_len - d->sent;
	size_t at = d->sent % size;
	struct iovec iov[2] = { { d->ring + at, len }, { d->ring, 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };

	if (!len)
		return true;
	if (len > size - at) {
		iov[0].iov_len = size - at;
		iov[1].iov_len = len - iov[0].iov_len;
		msg.msg_iovlen = 2;
	}
	ssize_t n = sendmsg(d->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? true : drive_fail(d, strerror(errno));
	d->sends++;
	d->sent += (uint64_t)n;
	return true;
}

/* Puts every request that may go now into the ring. */
static void drive_fill(struct drive *d, uint64_t now)
{
	unsigned room = d->qd - (unsigned)(d->issued - d->done);

	if (!d->interval) {
		if (room < d->refill)
			return;
		for (; room; room--, d->issued++) {
			d->fill(d, d->issued, d->ring + d->issued % d->qd * d->req_len);
			d->stamp[d->issued % d->qd] = now;
		}
		return;
	}
	for (; room && d->due <= now; room--, d->issued++, d->due += d->interval) {
		d->fill(d, d->issued, d->ring + d->issued % d->qd * d->req_len);
		d->stamp[d->issued % d->qd] = d->due;
	}
	d->late += !room && d->due <= now;
}

/* Counts what has arrived. The clock is left alone when nothing has. */
static bool drive_recv(struct drive *d, uint64_t *now)
{
	ssize_t n = recv(d->fd, NULL, d->recv_len, MSG_TRUNC | MSG_DONTWAIT);
	int one = 1;

	d->recvs++;
	if (n <= 0) {
		d->empty++;
		if (n == 0)
			return drive_fail(d, "the other end closed the connection");
		return errno == EAGAIN || errno == EINTR ? true : drive_fail(d, strerror(errno));
	}
	if (d->quickack)
		setsockopt(d->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	d->rcvd += (uint64_t)n;
	*now = bench_now();

	uint64_t done = d->rcvd / d->resp_len;

	if (done > d->issued)
		return drive_fail(d, "more bytes came back than the requests account for");
	for (; d->done < done; d->done++)
		bench_hist_add(&d->hist, *now - d->stamp[d->done % d->qd]);
	return true;
}

static bool drive_loop(struct drive *d, uint64_t until, bool fill)
{
	uint64_t now = bench_now(), progress = now, before;
	unsigned spins = 0;

	while (fill ? now < until && d->done < d->limit : d->done < d->issued) {
		if (fill)
			drive_fill(d, now);
		before = d->rcvd;
		if (!drive_send(d) || !drive_recv(d, &now))
			return false;
		if (d->rcvd != before || d->issued == d->done) {
			progress = now;
			spins = 0;
		}
		/* Pacing needs the time in every round; otherwise it is read when it is of use. */
		if (d->interval || ++spins % 64 == 0)
			now = bench_now();
		if (now > progress + STALL)
			return drive_fail(d, "no answer for 5 seconds");
	}
	return true;
}

bool drive_run(struct drive *d, uint64_t until)
{
	d->due = bench_now();
	return drive_loop(d, until, true);
}

bool drive_drain(struct drive *d)
{
	if (!drive_loop(d, 0, false))
		return false;
	if (d->rcvd != d->done * d->resp_len)
		return drive_fail(d, "bytes left over after the last answer");
	return true;
}

bool drive_issue(struct drive *d, unsigned n)
{
	uint64_t start = bench_now();

	for (; n; n--, d->issued++)
		d->fill(d, d->issued, d->ring + d->issued % d->qd * d->req_len);
	while (d->sent < d->issued * d->req_len) {
		if (!drive_send(d))
			return false;
		if (bench_now() > start + STALL)
			return drive_fail(d, "the other end takes no requests");
	}
	return true;
}

void drive_skip(struct drive *d, unsigned n)
{
	d->done += n;
	d->rcvd = d->done * d->resp_len;
}

void drive_reset_figures(struct drive *d)
{
	d->sends = d->recvs = d->empty = d->late = 0;
	memset(&d->hist, 0, sizeof(d->hist));
}
