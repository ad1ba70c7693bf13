/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fences: when a path or a view of a namespace has been closed, the wait for the
 * commands that had come through it before. Begun by the main reactor after the
 * change can be seen everywhere, so that no more of them come; nobody is stopped.
 *
 * The I/O path does not know of it. On each reactor the commands concerned are
 * taken out of their namespace's count (struct nvmf_ns_group) into one of their
 * own, a part, which drains as a namespace does that is being removed. The part
 * counts as one command where they came from: so what waits for that (a removal,
 * an earlier fence) still waits for them.
 */
#pragma once

#include "target/nvmf/ctrlr.h"

struct nvmf_fence;

/* The commands concerned: those of which all of this is true. */
struct nvmf_fence_key {
	const struct nvmf_ana *ana; /* their controller came in through this listener; NULL: any */
	const char *hostnqn;	    /* it is this host's; NULL: any */
	uint32_t lost_group;	    /* it does not reach this ANA group (any more); 0: any */
	uint32_t nsid;		    /* they are of this namespace; 0: of any */
	uint32_t anagrpid;	    /* which is in this group; 0: in any */
};

struct nvmf_fence_part {
	struct nvmf_ns_group ng;    /* first; what commands point to */
	struct nvmf_ns_group *from; /* where they were counted: the namespace, or another part */
	struct nvmf_ns_group *root; /* the namespace */
	struct nvmf_fence *fence;
	struct nvmf_sgroup *sgroup;
	struct task task;
	struct nvmf_fence_part *next, **prev; /* of the sgroup */
};

/*
 * Calls done, on the main reactor, when all of them have ended. The caller counts
 * as an operation of s, and key's pointers stay, until then.
 */
void nvmf_fence(struct nvmf_subsystem *s, const struct nvmf_fence_key *key, void (*done)(void *arg),
		void *arg);
