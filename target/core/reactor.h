/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reactor: one thread on which everything runs to completion, without locks.
 *
 * The unit of work is reactor_pass(): every engine once, messages, due timers,
 * the done list (until empty) and the flush list, each with a bounded batch.
 * Who calls it is the runner's business (hw/env.h): a GLib source in real time,
 * the world in virtual time.
 *
 * All functions are for the reactor's own thread, save those marked "any
 * thread". All list members are intrusive; nothing here allocates.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/env.h"
#include "target/core/engine.h"

struct reactor;
struct core;
struct buf_pool;
struct net_ctx;
struct rnic_ctx;
struct trace;

/* Something to run later in this pass (done list) or at its end (flush list). */
struct task {
	struct task *next;
	void (*fn)(struct task *task);
	bool queued;
};

/* Something to run on another reactor. One that is queued must not be posted again. */
struct msg {
	_Atomic(struct msg *) next;
	void (*fn)(struct msg *msg, struct reactor *reactor);
};

struct timer {
	uint64_t deadline; /* HW_NEVER while not set */
	void (*fn)(struct timer *timer, struct reactor *reactor);
	uint64_t seq;  /* order among equal deadlines: first set, first fired */
	uint32_t slot; /* index in the heap, plus one; 0: not in it */
};

struct task_list {
	struct task *head;
	struct task **tail;
};

struct reactor_stats {
	uint64_t passes;      /* all passes */
	uint64_t busy_passes; /* that found work */
	uint64_t busy_ns;     /* time between the starts of a busy pass and of the next one */
	uint64_t idle_ns;     /* the rest, asleep or spinning */
	uint64_t messages;
	uint64_t timers;
};

struct reactor {
	struct core *core;
	const struct hw *hw;
	unsigned index;       /* 0: the main reactor */
	int node;             /* of NUMA that its processor is of; -1: not known, or not started */
	uint64_t now;         /* clock at the start of this pass, nanoseconds */
	struct net_ctx *net;  /* its sockets; NULL before core_start */
	struct rnic_ctx *rnic; /* of target/core/rnic.h, while rnic_users is not 0 */
	unsigned rnic_users;
	struct buf_pool *bufs;
	struct trace *trace;
	struct hw_runner *runner;
	struct task_list done;
	struct task_list flush;
	struct reactor_stats stats;
	struct reactor_priv *priv; /* heap, mailbox, engines: reactor.c */
};

/* index: its place among its core's reactors. Not running until reactor_start(). Never NULL. */
struct reactor *reactor_new(struct core *core, const struct hw *hw, unsigned index);
/* It must not run any more. Messages still queued are dropped (their owners know). */
void reactor_free(struct reactor *r);
/* Starts its runner. 0 or a negative errno. */
int reactor_start(struct reactor *r, const char *name, int cpu, uint64_t spin_ns);
/* Main thread; the reactor is not passed any more after this. */
void reactor_stop(struct reactor *r);

/* One round. Returns the units of work done (0: idle). Called by the runner only. */
unsigned reactor_pass(struct reactor *r);
/* As in struct hw_runner_params. */
bool reactor_arm(struct reactor *r);
void reactor_disarm(struct reactor *r);
uint64_t reactor_deadline(struct reactor *r);

void reactor_add_engine(struct reactor *r, struct engine *e);
/* Allowed from inside its own poll. */
void reactor_remove_engine(struct reactor *r, struct engine *e);
/* In an order that changes. */
void reactor_engines(const struct reactor *r, void (*each)(void *arg, const struct engine *e),
		     void *arg);

/*
 * Runs task->fn in this pass (or in the next one when called outside of one),
 * after what is running now. FIFO. A task that is queued already stays where
 * it is. fn may queue it again.
 */
static inline void reactor_run_soon(struct reactor *r, struct task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*r->done.tail = task;
	r->done.tail = &task->next;
}

/* The same, at the end of the pass, when the done list is empty: one send, one doorbell. */
static inline void reactor_run_at_flush(struct reactor *r, struct task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*r->flush.tail = task;
	r->flush.tail = &task->next;
}

/* Takes a queued task off its list (linear; not for the I/O path). */
void reactor_cancel_task(struct reactor *r, struct task *task);

/*
 * Any thread. Runs msg->fn on r, in the order posted by each sender. The memory
 * is the receiver's once fn is called. Wakes the reactor.
 */
void reactor_post(struct reactor *r, struct msg *msg);

static inline void timer_init(struct timer *t, void (*fn)(struct timer *, struct reactor *))
{
	*t = (struct timer){ .deadline = HW_NEVER, .fn = fn };
}

/* Fires once at or after deadline (absolute, ns). A timer that is set is moved. */
void reactor_timer_set(struct reactor *r, struct timer *t, uint64_t deadline);
/* A timer that is not set stays so. Allowed in any callback, its own included. */
void reactor_timer_cancel(struct reactor *r, struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
	return t->slot != 0;
}

/* True when called on r's thread, inside a pass (real time: thread identity is the runner's). */
bool reactor_is_current(const struct reactor *r);
