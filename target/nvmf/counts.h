/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is counted of I/O commands: of each namespace on each reactor, and of each
 * queue. Counted by the reactor that completes the command, for itself, with no
 * lock; whoever shows it goes there and adds it up (target/metrics).
 *
 * A command's time is from when all of it had come (its data included) to its
 * response being handed to the transport, by the clock of its reactor, which stands
 * during a pass: what ends in the pass that it began in took no time.
 */
#pragma once

#include <stdbool.h>

#include "target/core/latency.h"

struct nvmf_ns_group;
struct nvmf_qpair;
struct nvmf_request;
struct nvmf_sgroup;
struct nvmf_subsystem;
struct nvmf_tgt;
struct reactor;

enum nvmf_kind { NVMF_KIND_READ, NVMF_KIND_WRITE, NVMF_KIND_OTHER, NVMF_KINDS };

/* By status code type. */
enum nvmf_error_class {
	NVMF_ERRORS_GENERIC,
	NVMF_ERRORS_COMMAND,
	NVMF_ERRORS_MEDIA,
	NVMF_ERRORS_PATH,
	NVMF_ERRORS_OTHER,
	NVMF_ERROR_CLASSES
};

/*
 * While it is being counted, the first bucket of a histogram holds nothing: it is
 * the commands that are in no other one (nvmf_counts_read).
 */
struct nvmf_counts {
	uint64_t ops[NVMF_KINDS];	     /* commands that succeeded */
	struct latency latency[NVMF_KINDS];  /* theirs */
	uint64_t bytes[2];		     /* of reads, and of writes, that succeeded */
	uint64_t errors[NVMF_ERROR_CLASSES]; /* commands that failed */
};

/* Adds what is being counted, and puts the fastest into their bucket. */
void nvmf_counts_read(struct nvmf_counts *into, const struct nvmf_counts *from);
/* The same of a namespace: what it has been since it became ACTIVE. */
void nvmf_counts_read_ns(struct nvmf_counts *into, const struct nvmf_sgroup *sg, uint32_t nsid);
/* Both have been read. */
void nvmf_counts_add(struct nvmf_counts *into, const struct nvmf_counts *from);
/* Commands that succeeded. */
uint64_t nvmf_counts_done(const struct nvmf_counts *c);
/* And those that did not. */
uint64_t nvmf_counts_failed(const struct nvmf_counts *c);

/* --- the I/O path's: on the reactor --------------------------------------------------------- */

/* It succeeded on ng, and is counted there (NULL: nowhere) and in its queue; before it completes.
 */
void nvmf_count(struct nvmf_request *req, struct nvmf_ns_group *ng, enum nvmf_kind kind);
/* And that took some time, which may be none. */
void nvmf_count_time(struct nvmf_request *req, struct nvmf_ns_group *ng, enum nvmf_kind kind,
		     uint64_t ns);
/* It failed, on an I/O queue. */
void nvmf_count_error(struct nvmf_request *req, uint16_t status);
/* A namespace becomes ACTIVE: from zero. */
void nvmf_counts_start(struct nvmf_ns_group *ng);
/* q is gone: its subsystem keeps the sums. */
void nvmf_counts_leave(struct nvmf_qpair *q);
void nvmf_counts_free(struct nvmf_sgroup *sg);

/* --- who shows them: on the reactor --------------------------------------------------------- */

/* r's copy of the subsystem at that place of the registry, if it (still) has this NQN; or NULL. */
const struct nvmf_sgroup *nvmf_counts_sgroup(struct nvmf_tgt *tgt, struct reactor *r,
					     uint32_t index, const char *nqn);
/* The subsystem at that place, or NULL; places end at *end. Main reactor. */
struct nvmf_subsystem *nvmf_subsystem_at(struct nvmf_tgt *tgt, uint32_t index, uint32_t *end);
uint64_t nvmf_discovery_generation(const struct nvmf_tgt *tgt);
/*
 * Visits r's connected queues, at most max of them in one call; the first call with
 * again false. False: there are no more. Queues that come meanwhile are left out. One
 * walk at a time.
 */
bool nvmf_walk_queues(struct nvmf_tgt *tgt, struct reactor *r, bool again, unsigned max,
		      void (*each)(const struct nvmf_qpair *q, void *arg), void *arg);
