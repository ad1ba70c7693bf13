/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Things that are to happen at a moment of the run instead of at a time: just when
 * a state machine takes an edge, a size changes, a mark or a fault point is met.
 *
 *	qpair.uninitialized-connecting, ...  ctrlr.new-live, ...  ns.active-draining, ...
 *	                    edges of the targets' state machines (those that the swarm
 *	                    counts as edge.*)
 *	bdev.resize, tcp.accept, aer
 *	                    records of the targets' traces
 *	mark.NAME, point.NAME
 *	                    a coverage mark; a fault point whose fault was taken, any node
 *
 * Targets are looked at after each pass, so that what comes 0 s after an event comes
 * between that pass and the next, before any message of the pass has arrived.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct run;

struct run_when {
	const char *on;
	uint64_t from;	/* virtual time: earlier events do not count */
	uint64_t skip;	/* events that are let pass */
	uint64_t times; /* that it happens; 0: always */
	uint64_t every; /* at least so long between two of them */
	uint64_t after; /* so long behind the event */
};

bool run_trigger_known(const char *event);
/* In the safety phase only, calls fn(arg) as `when` says. The arg is freed with the run. */
void run_trigger_add(struct run *run, const struct run_when *when, void (*fn)(void *arg),
		     void *arg);
void run_trigger(struct run *run, const char *event);
/* The same for a mark or point, whose name's hash the world's record has. */
void run_trigger_name(struct run *run, bool point, uint64_t hash);
void run_triggers_free(struct run *run);
