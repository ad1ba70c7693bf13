/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reactor's RNIC context (hw/rnic.h): there is one, shared by whoever uses RDMA
 * there (the target's transport, the host's).
 */
#pragma once

#include "hw/rnic.h"
#include "target/core/core.h"

/* Opened by the first. On r. 0, -EOPNOTSUPP where there is no RDMA, or the backend's error. */
int reactor_rnic_get(struct reactor *r, struct rnic_ctx **out);
/* Closed by the last, all of whose objects are gone. On r. */
void reactor_rnic_put(struct reactor *r);
