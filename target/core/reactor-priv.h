/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only the files of target/core know about a reactor: its timer heap, its
 * mailbox, its engines.
 */
#pragma once

#include <stdalign.h>

#include "target/core/reactor.h"

/* A binary heap of pointers; a timer knows its place in it (slot). */
struct timer_heap {
	struct timer **heap;
	uint32_t count, capacity;
	uint64_t seq; /* of the next timer set */
};

/*
 * Many senders, one receiver. Senders push onto a stack; the receiver takes the
 * whole stack at once and turns it round into a list of its own, which keeps
 * each sender's order. Nothing is popped from the stack, so there is no ABA.
 */
struct mailbox {
	alignas(64) _Atomic(struct msg *) stack;
	alignas(64) struct msg *head; /* the receiver's: oldest first */
};

struct reactor_priv {
	struct mailbox mailbox;
	/* Senders inside runner_wake: reactor_stop waits for them. */
	atomic_uint wakers;
	/* Whose thread is in a pass; NULL outside. */
	_Atomic(void *) thread;

	struct timer_heap timers;
	struct engine *engines;
	struct engine *next_engine; /* while polling: the one after the current */
	struct engine *polled;	    /* the current, unless it removed itself */
	struct task_list flushing;  /* the flush list being run */
	uint64_t pass_start;	    /* of the previous pass */
	bool passed;		    /* there was a previous pass */
	bool busy;		    /* and it found work */
	bool armed;
};

/* Any thread. True when the mailbox was empty before (the receiver may be asleep). */
bool mailbox_push(struct mailbox *mb, struct msg *msg);
/* The oldest message, or NULL. Takes over what was pushed only when its own list is empty. */
struct msg *mailbox_pop(struct mailbox *mb);
/* Receiver only. */
bool mailbox_is_empty(struct mailbox *mb);

/* Fires what is due at r->now, at most max. Returns how many. */
unsigned timers_run(struct reactor *r, unsigned max);
/* The earliest deadline, or HW_NEVER. */
uint64_t timers_next(const struct reactor *r);
void timers_free(struct reactor *r);

/* core.c: a message nobody will receive any more; frees it when it is one of core's own. */
void core_drop_msg(struct msg *msg);
