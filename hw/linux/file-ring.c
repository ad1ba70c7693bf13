/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reactor's ring for file I/O. What is submitted in a pass is entered into the
 * kernel at its end, at once. Whether anything has ended is seen in shared
 * memory; asleep, an eventfd tells (see net-uring.c for both).
 *
 * What the kernel cannot do without waiting it gives to threads of its own. They
 * are many, so that one file that hangs does not use them up.
 */
#include "hw/linux/uring.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hw/linux/file-internal.h"

#define SQ_ENTRIES 256
#define CQ_ENTRIES 2048
#define BOUNDED_WORKERS 1024

struct file_ring {
	struct task flush; /* first: its place is the ring's */
	struct io_uring ring;
	struct reactor *reactor;
	int event_fd;
	bool enabled;
	/* What did not fit into the submission queue, oldest first. */
	struct linux_io *waiting, **waiting_tail;
};

static void flush(struct task *task)
{
	struct file_ring *r = (struct file_ring *)task;

	/* What the kernel does not take now stays in the queue; poll tries again. */
	if (r->enabled)
		io_uring_submit(&r->ring);
}

int file_ring_new(struct reactor *reactor, int event_fd, struct file_ring **out)
{
	struct file_ring *r = calloc(1, sizeof(*r));
	const char *what;
	int rc;

	if (r == NULL)
		return -ENOMEM;
	rc = uring_init(&r->ring, SQ_ENTRIES, CQ_ENTRIES, &what);
	if (rc != 0) {
		free(r);
		return rc;
	}
	rc = io_uring_register_eventfd(&r->ring, event_fd);
	if (rc != 0) {
		io_uring_queue_exit(&r->ring);
		free(r);
		return rc;
	}
	io_uring_cq_eventfd_toggle(&r->ring, false);
	r->flush.fn = flush;
	r->reactor = reactor;
	r->event_fd = event_fd;
	r->waiting_tail = &r->waiting;
	*out = r;
	return 0;
}

void file_ring_free(struct file_ring *r)
{
	if (r == NULL)
		return;
	reactor_cancel_task(r->reactor, &r->flush);
	io_uring_queue_exit(&r->ring);
	free(r);
}

/* The thread that first uses a ring owns it. */
static bool enable(struct file_ring *r)
{
	unsigned workers[2] = { BOUNDED_WORKERS, 0 };

	if (uring_enable(&r->ring) != 0)
		return false;
	r->enabled = true;
	io_uring_register_ring_fd(&r->ring);
	io_uring_register_iowq_max_workers(&r->ring, workers);
	return true;
}

static void fill(struct io_uring_sqe *sqe, struct file_io *io)
{
	const struct file *file = linux_io_of(io)->queue->file;
	int fd = file_io_direct(file, io) ? file->direct_fd : file->buffered_fd;

	switch (io->op) {
	case FILE_READ:
		io_uring_prep_readv(sqe, fd, io->iov, io->niov, io->offset);
		break;
	case FILE_WRITE:
		io_uring_prep_writev(sqe, fd, io->iov, io->niov, io->offset);
		if ((io->flags & FILE_IO_FUA) != 0)
			sqe->rw_flags = RWF_DSYNC;
		break;
	default:
		io_uring_prep_fsync(sqe, file->buffered_fd, IORING_FSYNC_DATASYNC);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
}

static bool enter(struct file_ring *r, struct file_io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	if (sqe == NULL && io_uring_submit(&r->ring) >= 0)
		sqe = io_uring_get_sqe(&r->ring);
	if (sqe == NULL)
		return false;
	fill(sqe, io);
	return true;
}

void file_ring_submit(struct file_ring *r, struct file_io *io)
{
	struct linux_io *lio = linux_io_of(io);

	if (!r->enabled && !enable(r)) {
		file_io_to_thread(io);
		return;
	}
	if (r->waiting == NULL && enter(r, io)) {
		reactor_run_at_flush(r->reactor, &r->flush);
		return;
	}
	lio->next_waiting = NULL;
	*r->waiting_tail = lio;
	r->waiting_tail = &lio->next_waiting;
}

static void submit_waiting(struct file_ring *r)
{
	while (r->waiting != NULL) {
		struct linux_io *lio = r->waiting;

		if (!enter(r, file_io_of(lio)))
			return;
		r->waiting = lio->next_waiting;
		if (r->waiting == NULL)
			r->waiting_tail = &r->waiting;
	}
}

static void ended(struct file_io *io, int res)
{
	struct linux_io *lio = linux_io_of(io);

	if (io->op == FILE_FLUSH || (res >= 0 && (uint64_t)res == io->len)) {
		io->result = res < 0 ? res : 0;
		file_io_ended(io);
	} else if (res >= 0 || res == -EINVAL || res == -EAGAIN || res == -EINTR) {
		/* Cut short, or not in this way: a thread finds out why. */
		lio->progress = res > 0 ? (uint64_t)res : 0;
		file_io_to_thread(io);
	} else {
		io->result = res;
		file_io_ended(io);
	}
}

static bool kernel_holds_back(const struct file_ring *r)
{
	return (__atomic_load_n(r->ring.sq.kflags, __ATOMIC_SEQ_CST) &
		(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

unsigned file_ring_poll(struct file_ring *r, unsigned budget)
{
	struct io_uring_cqe *cqe;
	unsigned n = 0;

	if (!r->enabled)
		return 0;
	submit_waiting(r);
	if (io_uring_sq_ready(&r->ring) > 0)
		io_uring_submit_and_get_events(&r->ring);
	else if (kernel_holds_back(r))
		io_uring_get_events(&r->ring);
	while (n < budget && io_uring_peek_cqe(&r->ring, &cqe) == 0) {
		struct file_io *io = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		/* Before anything of the owner's runs: it may close the ring. */
		io_uring_cqe_seen(&r->ring, cqe);
		n++;
		ended(io, res);
	}
	return n;
}

bool file_ring_arm(struct file_ring *r)
{
	if (!r->enabled)
		return true;
	/* Ordered before the look that follows, whose loads are as strong. */
	__atomic_fetch_and(r->ring.cq.kflags, ~IORING_CQ_EVENTFD_DISABLED, __ATOMIC_SEQ_CST);
	return r->waiting == NULL && io_uring_sq_ready(&r->ring) == 0 && !kernel_holds_back(r) &&
	       __atomic_load_n(r->ring.cq.ktail, __ATOMIC_SEQ_CST) == *r->ring.cq.khead;
}

void file_ring_disarm(struct file_ring *r)
{
	io_uring_cq_eventfd_toggle(&r->ring, false);
}
