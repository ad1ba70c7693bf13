/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs by libibverbs and librdmacm: the backend of hw/rnic.h for real devices, of any
 * provider. It is a module (weft-rnic-verbs.so) loaded when it is first asked for, so that
 * a program without RDMA needs neither library; it takes what it uses of target/core and
 * hw/linux from the program that loads it (exports.list).
 *
 * module.c loads nothing: it is the module's entry; load.c is the program's side.
 */
#pragma once

#include <glib.h>

#include "hw/rnic.h"

struct verbs_options {
	const struct hw *hw;
	/* The device of this name only, as if there were no other. NULL: all that there are. */
	const char *device;
	/*
	 * What we ask for waits so long for its acknowledgment, 4.096 us << n, before it is
	 * sent again; 0: what the kernel has, seconds.
	 */
	uint8_t ack_timeout;
};

/* What the module makes. It knows who frees it: its file may be another's by then. */
struct verbs_rnic {
	struct hw_rnic rnic;
	void (*free)(struct verbs_rnic *rnic);
};

/* What the module exports under VERBS_ENTRY. */
struct verbs_entry {
	/*
	 * Version, and what the headers are called that program and module share (build.cmake):
	 * the program's own, or it is not used. First in every version.
	 */
	const char *build;
	struct verbs_rnic *(*make)(const struct verbs_options *options, GError **error);
};

#define VERBS_ENTRY "weft_rnic_verbs"

/*
 * Loads the module and opens the devices. NULL and error: a library is missing, there is
 * no device, it may not be used; each with what mends it.
 */
struct hw_rnic *linux_verbs_new(const struct verbs_options *options, GError **error);
/* All contexts are closed. NULL allowed. */
void linux_verbs_free(struct hw_rnic *rnic);
/* The kernel shows an RDMA device. */
bool linux_verbs_present(void);
