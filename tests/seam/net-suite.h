/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the two files of the net suite.
 */
#pragma once

#include "tests/seam/net-peer.h"

#define MANY 200

struct dial {
	struct peer *peer;
	const struct net_addr *to, *from;
	int ret;
};

/* Condition for rig_wait: the peer is neither gone nor failed. */
bool peer_open(void *arg);
/* Connects on the main reactor. */
int dial(struct rig *rig, struct peer *p, const struct net_addr *to, const struct net_addr *from);
/* 127.0.0.1, any port. */
void loopback(struct net_addr *addr);
void serve(struct server *s, struct rig *rig);
void net_errors_add(void);
