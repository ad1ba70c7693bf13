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

#include "target/core/latency.h"

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

struct nvmf_counts {
	struct latency latency[NVMF_KINDS];  /* of commands that succeeded */
	uint64_t bytes[2];		     /* of reads, and of writes, that succeeded */
	uint64_t errors[NVMF_ERROR_CLASSES]; /* commands that failed */
};

void nvmf_counts_add(struct nvmf_counts *into, const struct nvmf_counts *from);
