/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Edges from io_uring: one multishot poll a descriptor. Whether there are any
 * is seen in shared memory, without a system call: completions in the queue, or
 * the flag by which the kernel says that it holds some back until it is entered
 * (DEFER_TASKRUN).
 *
 * The ring belongs to the thread that first fetches from it: contexts are made
 * before their reactor runs. What is added until then waits in its slot.
 *
 * Asleep, an eventfd tells: polling the ring's own descriptor does not notice
 * held back completions. It is switched off, in shared memory, while awake.
 *
 * user_data is a slot's number and generation: a completion that comes after
 * its watch was removed matches nothing. A poll in flight holds its file open,
 * so that close(2) alone would not end a connection: removal is completed
 * before it returns.
 *
 * Nobody removes the polls of a process that is killed, and the kernel takes its
 * ring down some milliseconds after the process can be waited for. Its ports and
 * UNIX sockets would be taken for so long. So what the ring polls for a listener
 * is an epoll set with the listener alone in it: a set does not hold its members.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"
#include "hw/linux/uring.h"

#define SQ_ENTRIES 128
#define CQ_ENTRIES 1024
#define POLL_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP)
/* user_data of requests nobody waits for. Generations start at 1: no slot has it. */
#define NOBODY UINT64_C(0)

struct slot {
	struct watch *watch; /* NULL: free */
	uint32_t generation;
	uint32_t next_free; /* index plus one; 0: none */
	bool lost;	    /* has no poll in the kernel; to be submitted */
	int set;	    /* the epoll set of a listener, polled in its place; else -1 */
};

struct uring {
	struct io_uring ring;
	int event_fd;
	bool enabled;
	bool any_lost;
	pthread_t owner;
	struct slot *slots;
	uint32_t nslots;
	uint32_t free; /* as next_free */
};

static int uring_open(struct net_ctx *ctx)
{
	struct uring *u = calloc(1, sizeof(*u));
	const char *what;
	int rc;

	if (u == NULL)
		return -ENOMEM;
	u->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->event_fd < 0) {
		rc = -errno;
		goto no_eventfd;
	}
	rc = uring_init(&u->ring, SQ_ENTRIES, CQ_ENTRIES, &what);
	if (rc != 0)
		goto no_ring;
	rc = io_uring_register_eventfd(&u->ring, u->event_fd);
	if (rc != 0) {
		io_uring_queue_exit(&u->ring);
		goto no_ring;
	}
	io_uring_cq_eventfd_toggle(&u->ring, false);
	ctx->poller_data = u;
	ctx->engine.fd = u->event_fd;
	return 0;

no_ring:
	close(u->event_fd);
no_eventfd:
	free(u);
	return rc;
}

static void uring_close(struct net_ctx *ctx)
{
	struct uring *u = ctx->poller_data;

	io_uring_queue_exit(&u->ring);
	close(u->event_fd);
	free(u->slots);
	free(u);
}

static uint64_t slot_id(const struct uring *u, uint32_t index)
{
	return (uint64_t)u->slots[index].generation << 32 | index;
}

static bool on_owner(const struct uring *u)
{
	return u->enabled && pthread_equal(u->owner, pthread_self());
}

/* NULL: the kernel takes nothing for now. */
static struct io_uring_sqe *get_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe == NULL && io_uring_submit(&u->ring) >= 0)
		sqe = io_uring_get_sqe(&u->ring);
	return sqe;
}

static void slot_submit(struct uring *u, uint32_t index)
{
	struct slot *slot = &u->slots[index];
	struct io_uring_sqe *sqe = get_sqe(u);

	slot->lost = sqe == NULL;
	if (sqe == NULL) {
		u->any_lost = true;
		return;
	}
	io_uring_prep_poll_multishot(sqe, slot->set >= 0 ? slot->set : slot->watch->fd,
				     POLL_EVENTS);
	io_uring_sqe_set_data64(sqe, slot_id(u, index));
}

static int slots_grow(struct uring *u)
{
	uint32_t n = u->nslots != 0 ? u->nslots * 2 : 32;
	struct slot *slots = realloc(u->slots, n * sizeof(*slots));

	if (slots == NULL)
		return -ENOMEM;
	u->slots = slots;
	for (uint32_t i = n; i-- > u->nslots;) {
		slots[i] = (struct slot){ .generation = 1, .next_free = u->free, .set = -1 };
		u->free = i + 1;
	}
	u->nslots = n;
	return 0;
}

/* An epoll set of fd. Nothing is ever fetched from it: it is readable while fd is. */
static int set_of(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);

	if (set < 0)
		return -errno;
	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) != 0) {
		int err = errno;

		close(set);
		return -err;
	}
	return set;
}

static int uring_add(struct net_ctx *ctx, struct watch *w)
{
	struct uring *u = ctx->poller_data;
	uint32_t index;
	int set = -1;

	if (u->free == 0 && slots_grow(u) != 0)
		return -ENOMEM;
	if (w->listens) {
		set = set_of(w->fd);
		if (set < 0)
			return set;
	}
	index = u->free - 1;
	u->free = u->slots[index].next_free;
	u->slots[index].set = set;
	u->slots[index].watch = w;
	w->slot = index;
	if (on_owner(u)) {
		slot_submit(u, index);
	} else {
		u->slots[index].lost = true;
		u->any_lost = true;
	}
	return 0;
}

static void cancel(struct uring *u, uint64_t id)
{
	struct io_uring_sqe *sqe = get_sqe(u);

	if (sqe == NULL)
		return;
	/* Not a poll remove: that one gives up (EALREADY) on a poll that has just been woken. */
	io_uring_prep_cancel64(sqe, id, 0);
	io_uring_sqe_set_data64(sqe, NOBODY);
	/* Entering also runs the work by which the poll lets go of the file. */
	io_uring_submit_and_get_events(&u->ring);
}

static void uring_remove(struct net_ctx *ctx, struct watch *w)
{
	struct uring *u = ctx->poller_data;
	struct slot *slot = &u->slots[w->slot];

	/* The polls of a thread that has ended ended with it. */
	if (!slot->lost && on_owner(u))
		cancel(u, slot_id(u, w->slot));
	if (slot->set >= 0)
		close(slot->set);
	slot->set = -1;
	slot->watch = NULL;
	slot->lost = false;
	if (++slot->generation == 0)
		slot->generation = 1;
	slot->next_free = u->free;
	u->free = w->slot + 1;
}

static void enable(struct uring *u)
{
	if (uring_enable(&u->ring) != 0)
		return;
	u->enabled = true;
	u->owner = pthread_self();
	/* Saves looking the descriptor up on each entry; it is as well without. */
	io_uring_register_ring_fd(&u->ring);
}

static void submit_lost(struct uring *u)
{
	u->any_lost = false;
	for (uint32_t i = 0; i < u->nslots; i++)
		if (u->slots[i].lost)
			slot_submit(u, i);
}

static void handle(struct uring *u, const struct io_uring_cqe *cqe)
{
	uint32_t index = (uint32_t)cqe->user_data;
	struct slot *slot;

	if (cqe->user_data == NOBODY || index >= u->nslots || cqe->user_data != slot_id(u, index))
		return;
	slot = &u->slots[index];
	if (slot->watch == NULL)
		return;
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		/* The queue was full, or memory short. Submitting again tells what is ready. */
		slot->lost = true;
		u->any_lost = true;
	}
	if (cqe->res > 0)
		slot->watch->event(slot->watch, (uint32_t)cqe->res);
}

static void fetch_round(struct uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	if (u->any_lost && on_owner(u))
		submit_lost(u);
	if (io_uring_sq_ready(&u->ring) > 0)
		io_uring_submit_and_get_events(&u->ring);
	else if (__atomic_load_n(u->ring.sq.kflags, __ATOMIC_SEQ_CST) &
		 (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
		io_uring_get_events(&u->ring);
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		handle(u, cqe);
		n++;
	}
	io_uring_cq_advance(&u->ring, n);
}

static void uring_fetch(struct net_ctx *ctx)
{
	struct uring *u = ctx->poller_data;

	if (!u->enabled)
		enable(u);
	fetch_round(u);
	/* Submitting may fail for want of memory or room: then again, next time. */
	ctx->unsettled = u->any_lost || io_uring_sq_ready(&u->ring) > 0;
}

static void uring_arm(struct net_ctx *ctx)
{
	struct uring *u = ctx->poller_data;

	/* Ordered before the look that follows, whose loads are as strong. */
	__atomic_fetch_and(u->ring.cq.kflags, ~IORING_CQ_EVENTFD_DISABLED, __ATOMIC_SEQ_CST);
}

static void uring_disarm(struct net_ctx *ctx)
{
	struct uring *u = ctx->poller_data;
	uint64_t value;

	io_uring_cq_eventfd_toggle(&u->ring, false);
	while (read(u->event_fd, &value, sizeof(value)) < 0 && errno == EINTR)
		;
}

const struct poller_ops uring_poller = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.add = uring_add,
	.remove = uring_remove,
	.fetch = uring_fetch,
	.arm = uring_arm,
	.disarm = uring_disarm,
};
