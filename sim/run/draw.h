/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scenarios from seeds: topology, limits, workloads, calls and faults, all drawn.
 * Some operations are switched off entirely, the others have very different
 * weights. All that breaks heals at heal_at, and what may be lost for good (hosts
 * that vanish) is decided at the start: a run that gets stuck is always a bug.
 */
#pragma once

#include "sim/run/scenario.h"

/* NULL: no such profile. */
struct scenario *scenario_draw(uint64_t seed, const char *profile);
/* Names, NULL-terminated. */
extern const char *const scenario_profiles[];
