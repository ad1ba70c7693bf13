/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hardware abstraction layer: everything outside the process reaches the
 * target through the interfaces gathered here. A real target gets the Linux
 * backends (hw/linux), a simulated one the models of a world (sim/).
 *
 * Invariant: target/ calls no clock, file descriptor, thread or random source
 * of its own. Interfaces not there yet (pcie, rbd) get a pointer each beside
 * these.
 */
#pragma once

struct hw_env;
struct hw_mem;
struct hw_net;
struct hw_file;
struct hw_rnic;
struct hw_faults;

struct hw {
	struct hw_env *env;
	struct hw_mem *mem;
	struct hw_net *net;
	struct hw_file *file;
	/* NULL: no RDMA. */
	struct hw_rnic *rnic;
	/* NULL in production; see hw_fault() in hw/env.h. */
	struct hw_faults *faults;
};
