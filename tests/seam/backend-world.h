/* SPDX-License-Identifier: BSD-3-Clause */
/* The machines of the backend in a world: 0 is the one under test, 1 is the far one. */
#pragma once

#include "sim/world.h"
#include "tests/seam/backend.h"

struct world_node *backend_node(struct backend *b, unsigned which);
