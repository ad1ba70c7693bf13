/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the suites: coverage lists, and a core of two reactors on a backend.
 */
#pragma once

#include <glib.h>

#include "target/core/core.h"
#include "tests/seam/backend.h"

/* Says that an item ("slot", "callback", "error") of the lists given to seam_main was met. */
void cover(const char *kind, const char *name);
/* Why an item cannot be met with this backend. */
void cover_skip(const char *kind, const char *name, const char *why);
void cover_error(int err);

struct cover_list {
	const char *kind;
	const char *const *names; /* ends with NULL */
};

/*
 * Runs the tests and prints the coverage. An item neither met nor skipped with a
 * reason is a failure.
 */
int seam_main(int argc, char **argv, void (*add_tests)(void), const struct cover_list *lists,
	      unsigned nlists);

struct rig {
	struct backend *b;
	const struct hw *hw;
	struct core *core;
};

void rig_up(struct rig *rig);
void rig_down(struct rig *rig);
/* Runs until *flag is not 0 (set with g_atomic_int_set). Fails the test when it takes too long. */
void rig_wait_flag(struct rig *rig, int *flag);
void rig_wait(struct rig *rig, bool (*cond)(void *arg), void *arg);
/* Runs fn(r, arg) inside a pass of that reactor and waits for it. */
void rig_on(struct rig *rig, unsigned reactor, void (*fn)(struct reactor *r, void *arg), void *arg);
