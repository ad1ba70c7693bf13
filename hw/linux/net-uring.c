/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Edges from io_uring: one multishot poll a descriptor.
 */
#include <errno.h>

#include "hw/linux/net-internal.h"

int uring_probe(const char **what)
{
	*what = "io_uring_setup";
	return -ENOSYS;
}

const struct poller_ops uring_poller = {
	.name = "io_uring",
};
