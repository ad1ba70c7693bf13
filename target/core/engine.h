/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine is a source of work of one reactor: its sockets, the completion
 * queues of an RNIC, NVMe queue pairs, rbd completions. Backends of the HAL
 * embed a struct engine in their per-reactor context and add it to the reactor.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct engine;

struct engine_ops {
	const char *name;
	/*
	 * Does at most about budget units of work. Returns how many were done; 0
	 * when there was nothing. Called once in each pass.
	 */
	unsigned (*poll)(struct engine *e, unsigned budget);
	/*
	 * Arms the notification (engine.fd becomes readable, or the runner is
	 * woken, when work arrives), then looks once more: false when there is
	 * work already. NULL: nothing to arm, never any work of its own accord.
	 */
	bool (*arm)(struct engine *e);
	/* Undoes arm, before the next poll. May be NULL. */
	void (*disarm)(struct engine *e);
};

struct engine {
	const struct engine_ops *ops;
	int fd; /* see arm; -1: none. Owned by the engine. */
	struct engine *next; /* the reactor's */
	uint64_t busy;	     /* the reactor's: polls that found work */
};
