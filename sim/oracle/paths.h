/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracles N and A of paths: which ANA group and state each namespace has as seen
 * by each host, and what the host knows of that. The host may be behind by no
 * longer than a bound of virtual time; and an I/O ends as the path says: only an
 * accessible one does it, and each other state has a status of its own.
 *
 * The caller tells what happens, and for which I/Os nothing changed between
 * their begin and their end; those are judged exactly. Of the others only what
 * is done long after the path has gone is wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* ANA states (NVMe base 2.0, 8.1.3) */
enum {
	ORACLE_PATH_OPTIMIZED = 0x1,
	ORACLE_PATH_NON_OPTIMIZED = 0x2,
	ORACLE_PATH_INACCESSIBLE = 0x3,
	ORACLE_PATH_LOST = 0x4,
	ORACLE_PATH_CHANGE = 0xf,
};

/* A path: 31:8 group, 7:0 state; 0: the host does not see the namespace. */
#define ORACLE_PATH(group, state) ((uint32_t)(group) << 8 | (state))

struct oracle_paths;

struct oracle_paths *oracle_paths_new(uint64_t bound_ns);
void oracle_paths_free(struct oracle_paths *p);
/* What it is from now on. Paths begin as 0. */
void oracle_paths_is(struct oracle_paths *p, unsigned host, uint32_t nsid, uint32_t path,
		     uint64_t now);
/* What the host knows. */
void oracle_paths_knows(struct oracle_paths *p, unsigned host, uint32_t nsid, uint32_t path);
/* Whether the host can hear of changes. Hosts begin as not. */
void oracle_paths_hears(struct oracle_paths *p, unsigned host, bool hears, uint64_t now);
/* NULL, or which host should know better by now: free it. */
char *oracle_paths_check(const struct oracle_paths *p, uint64_t now);

struct oracle_path_io {
	unsigned host;
	uint32_t nsid;
	uint64_t begun;	 /* when */
	uint16_t status; /* type and code; 0: done */
	bool exact;	 /* nobody changed anything between its begin and its end */
	/* Since when nothing holds I/O up but the path; UINT64_MAX: something does. */
	uint64_t calm_since;
};
/* NULL, or what is wrong with how it ended: free it. */
char *oracle_paths_io(const struct oracle_paths *p, const struct oracle_path_io *io, uint64_t now);
