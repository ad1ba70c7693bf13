/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of weft-sim share. */
#pragma once

#include "sim/run/draw.h"
#include "sim/run/run.h"

/* Exit statuses; part of the interface. */
enum { EXIT_OK = 0, EXIT_USAGE = 2, EXIT_CRASH = 10, EXIT_SAFETY = 11, EXIT_LIVENESS = 12 };

int exit_of(enum run_outcome outcome);
/* A number, or a commit hash of 40 hexadecimal digits. */
bool parse_seed(const char *text, uint64_t *seed);

/* single.c: one scenario; how it is called again is in command. */
struct single {
	char *seed, *pcap, *trace, *until, *break_at, *rules, *profile, *out;
	gboolean print, log;
};
int single_run(const char *file, const struct single *options);
int single_replay(const char *seed, const struct single *options);

/* failure.c */
/* From now on a crash of this process tells of this run (NULL: of none). */
void failure_arm(struct run *run, const struct scenario *s, const char *out, const char *command);
/* Writes OUT/NAME.json (the scenario) and prints all there is to say on f. */
void failure_report(const struct scenario *s, const struct run_result *r, const char *out,
		    const char *command, FILE *f);

/* swarm.c */
struct swarm {
	char *profile, *seeds, *duration, *out;
	int jobs;
	gboolean hashes, quiet;
};
int swarm(const struct swarm *options);

/* worker.c: in a process of its own. Reads seeds from `in`, writes results to `out`. */
void worker(int in, int out, const struct swarm *options);

/* table.c */
struct totals {
	uint64_t seeds, ios, records, commands, pdus, bytes, checked_twice;
	uint64_t outcomes[4];
	struct counts *counts;
};
void table_print(const struct totals *t, double seconds, FILE *f);
