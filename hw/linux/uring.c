/* SPDX-License-Identifier: BSD-3-Clause */
/* See uring.h. */
#include "hw/linux/uring.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int uring_init(struct io_uring *ring, unsigned sq_entries, unsigned cq_entries, const char **what)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
			 IORING_SETUP_CLAMP,
		.cq_entries = cq_entries,
	};
	int rc;

	*what = "io_uring_setup";
	rc = io_uring_queue_init_params(sq_entries, ring, &params);
	if (rc == -EINVAL) {
		/* Before 6.1: task work interrupts the thread, but the queue is all the same. */
		params = (struct io_uring_params){
			.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
			.cq_entries = cq_entries,
		};
		rc = io_uring_queue_init_params(sq_entries, ring, &params);
	}
	if (rc != 0)
		return rc;
	*what = "io_uring features";
	/* A full queue must not lose completions; multishot poll came with RSRC_TAGS' 5.13. */
	if (!(params.features & IORING_FEAT_NODROP) || !(params.features & IORING_FEAT_RSRC_TAGS)) {
		io_uring_queue_exit(ring);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* liburing 2.3 declares io_uring_enable_rings() and does not export it. */
int uring_enable(struct io_uring *ring)
{
	long rc = syscall(__NR_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
			  0);

	return rc < 0 ? -errno : 0;
}

int uring_probe(const char **what)
{
	struct io_uring ring;
	int rc = uring_init(&ring, 8, 16, what);

	if (rc != 0)
		return rc;
	/* Setting up may be permitted and entering forbidden. */
	*what = "io_uring_enter";
	rc = uring_enable(&ring);
	if (rc == 0)
		rc = io_uring_get_events(&ring);
	io_uring_queue_exit(&ring);
	return rc < 0 ? rc : 0;
}
