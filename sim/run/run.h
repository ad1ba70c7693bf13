/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs one scenario in a world of its own and judges it by all oracles:
 *
 *	P  every NVMe/TCP byte (sim/oracle/wire.h)
 *	B  what each block may hold (block.h), at the end through a fresh host and
 *	   through the backend
 *	X  each I/O ends exactly once (exact.h)
 *	G  no command is with a backend by a path whose closing has been answered
 *	N  hosts hear of namespaces in time (view.h), A their view is the target's
 *	S  state machines take listed edges only
 *	T  keep-alive ends the dead and nobody else
 *	L  all is done within the bound after the faults have ended; nobody runs hot
 *	R  nothing is left
 *	C  what the administrator was answered, and E what the scenario expects
 *
 * A run that failed leaves its world as it is (for a debugger, and because what is
 * stuck cannot be taken apart): the process should end soon after.
 */
#pragma once

#include <stdio.h>

#include "sim/run/counts.h"
#include "sim/run/scenario.h"
#include "sim/world.h"

enum run_outcome { RUN_OK, RUN_CRASH, RUN_SAFETY, RUN_LIVENESS };
const char *run_outcome_name(enum run_outcome outcome);

struct run_options {
	FILE *trace;	/* every record as text */
	FILE *log;	/* every log line */
	uint64_t until; /* virtual time since the world's beginning at which it stops; 0: the end */
	uint64_t break_record; /* calls at_break when so many records have been made; 0: never */
	uint64_t break_time;
	void (*at_break)(void);
	/* The world is there, nothing has happened: a capture may be started. NULL allowed. */
	void (*begin)(void *arg, struct world *w);
	void (*end)(void *arg, struct world *w);
	void *arg;
	bool keep_records; /* run_result.world stays, for world_diff() */
};

struct run_result {
	enum run_outcome outcome;
	char oracle[8]; /* "P" */
	char *text;	/* why */
	char *dump;	/* of a failed run: the last events of each node */
	uint64_t hash, records, time;
	uint64_t ios, commands, pdus, bytes;
	uint64_t packets; /* of RoCE */
	struct counts *counts; /* "fault.*", "rule.*", "mark.*", "edge.*" */
	struct world *world;   /* kept */
};

void run_scenario(const struct scenario *s, const struct run_options *options,
		  struct run_result *result);
void run_result_clear(struct run_result *result);
/*
 * What is going on in this process, for a handler of SIGSEGV and the like: the
 * dump of the run under way, or NULL. Not safe against anything; better than nothing.
 */
struct run;
struct run *run_start(const struct scenario *s, const struct run_options *options,
		      struct run_result *result);
void run_go(struct run *run);
char *run_dump(struct run *run);
/* Everything that a run may count, with 0: what was never met shows. */
void run_list_all(struct counts *counts);
/* A run may count something that is called so. */
bool run_count_known(const char *name);
