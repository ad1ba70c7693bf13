/* SPDX-License-Identifier: BSD-3-Clause */
/* Setting up rings, for sockets and files alike. */
#pragma once

#include <liburing.h>

/*
 * A ring that is not enabled yet; it will belong to the thread that enables it.
 * 0, or a negative errno and *what, the step that failed (constant string).
 */
int uring_init(struct io_uring *ring, unsigned sq_entries, unsigned cq_entries, const char **what);
int uring_enable(struct io_uring *ring);

/* 0, or a negative errno and *what: rings cannot be had, or not be entered. */
int uring_probe(const char **what);
