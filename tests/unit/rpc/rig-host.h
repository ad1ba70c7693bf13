/* SPDX-License-Identifier: BSD-3-Clause */
/* A host of a rig's target, on the clients' node, at 127.0.0.1:4420. */
#pragma once

#include "target/host/host.h"
#include "tests/unit/rpc/rig.h"

/* The controller. */
void rig_host_connect(struct rig *rig, const char *nqn, const char *hostnqn,
		      struct host_ctrlr **ctrlr);
/* *ctrlr is NULL then. */
void rig_host_disconnect(struct rig *rig, struct host_ctrlr **ctrlr);
