/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clock, randomness, and what drives a reactor (its runner).
 *
 * Backends: hw/linux/env.c (threads, GLib main contexts, CLOCK_MONOTONIC) and
 * sim/env.c (one thread, virtual time). Times are integer nanoseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/hw.h"

struct hw_runner;

#define HW_NEVER UINT64_MAX

/*
 * What a runner drives: one reactor. All three are called on the runner's own
 * thread only.
 */
struct hw_runner_params {
	/* Thread name, at most 15 bytes are kept. */
	const char *name;
	/* Processor to pin the thread to; -1 leaves it to the kernel. */
	int cpu;
	/*
	 * True: the runner has a thread of its own. False: it lives on the main
	 * context of the thread that calls runner_start (the main reactor), and
	 * runs when that context is iterated.
	 */
	bool own_thread;
	/*
	 * How long a runner looks for work before it sleeps, in nanoseconds:
	 * 0 never (sleep at once), HW_NEVER always (never sleep); HW_SPIN_ADAPTIVE
	 * lets the runner find out what pays. The world ignores it (0).
	 */
	uint64_t spin_ns;
	void *arg;
	/* One round over all that may have work. Returns how much was done (0: idle). */
	unsigned (*pass)(void *arg);
	/*
	 * About to sleep: arm every notification, then look once more. Returns
	 * false when there is work already (do not sleep). After true, something
	 * arriving makes the runner runnable again; it calls disarm() before the
	 * next pass.
	 */
	bool (*arm)(void *arg);
	void (*disarm)(void *arg);
	/* Clock value at which the runner must pass again at the latest, or HW_NEVER. */
	uint64_t (*deadline)(void *arg);
	/*
	 * File descriptors that become readable when an armed engine has work (see
	 * target/core/engine.h); asked again before each sleep. Returns how many
	 * were written, at most max. Empty in the world.
	 */
	unsigned (*fds)(void *arg, int *fds, unsigned max);
};

#define HW_RUNNER_FDS_MAX 16

#define HW_SPIN_ADAPTIVE (UINT64_MAX - 1)

struct hw_env_ops {
	/* Monotonic nanoseconds since an arbitrary start. Any thread. Cheap (no system call). */
	uint64_t (*now)(struct hw_env *env);
	/* Wall-clock nanoseconds since 1970-01-01 UTC. May step. For people and logs only. Any thread. */
	uint64_t (*wall)(struct hw_env *env);
	/* Fills buf with len random bytes, good enough for keys and identities. Any thread. Never fails. */
	void (*random)(struct hw_env *env, void *buf, size_t len);
	/*
	 * Starts calling params->pass. Copies *params. Returns 0 and *out, or a
	 * negative errno (-EAGAIN no thread, -EINVAL cpu not there, -ENOMEM).
	 * Called on the main thread.
	 */
	int (*runner_start)(struct hw_env *env, const struct hw_runner_params *params,
			    struct hw_runner **out);
	/*
	 * Ends the runner: after return, pass is not called any more and the
	 * runner is gone. Main thread only, never from inside a pass of the same
	 * runner.
	 */
	void (*runner_stop)(struct hw_runner *runner);
	/* Makes the runner pass soon. Any thread; cheap when it is awake already. */
	void (*runner_wake)(struct hw_runner *runner);
	/* Nanoseconds of processor time that the calling thread has used. 0 in the world. */
	uint64_t (*cpu_time)(struct hw_env *env);
	/* Writes one finished log line (no newline in it). Any thread; must not block for long. */
	void (*log_line)(struct hw_env *env, const char *line, size_t len);
	/*
	 * The NUMA node of a processor; -1: not known, or it is not there. cpu -1 (a thread that is
	 * not pinned): the machine's only node, if it has one. Any thread; may read files.
	 */
	int (*cpu_node)(struct hw_env *env, int cpu);
};

struct hw_env {
	const struct hw_env_ops *ops;
};

static inline uint64_t hw_now(const struct hw *hw)
{
	return hw->env->ops->now(hw->env);
}

static inline void hw_random(const struct hw *hw, void *buf, size_t len)
{
	hw->env->ops->random(hw->env, buf, len);
}

/*
 * Fault points: rare paths that a world may force. The name is a constant
 * string, "component.what". Returns true when the caller is to take the rare
 * path (fail the allocation, shorten the buffer, yield). A null pointer test in
 * production.
 */
struct hw_faults {
	bool (*hit)(struct hw_faults *faults, const char *name);
	/* A rare branch was taken (coverage mark). */
	void (*mark)(struct hw_faults *faults, const char *name);
};

static inline bool hw_fault(const struct hw *hw, const char *name)
{
	return __builtin_expect(hw->faults != NULL, 0) && hw->faults->hit(hw->faults, name);
}

static inline void hw_mark(const struct hw *hw, const char *name)
{
	if (__builtin_expect(hw->faults != NULL, 0))
		hw->faults->mark(hw->faults, name);
}
