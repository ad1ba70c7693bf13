/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole target and hosts, each on a node of one world. */
#pragma once

#include "sim/world.h"
#include "target/host/host.h"
#include "target/target.h"

#define FX_ADDR "192.0.2.1"
#define FX_NQN "nqn.2016-06.io.spdk:cnode1"
#define FX_HOSTS_MAX 8

struct fx {
	struct world *world;
	struct world_node *node;
	struct target *target;
	struct fx_host *hosts[FX_HOSTS_MAX];
	unsigned nhosts;
	bool shut;	  /* down */
	unsigned waiting; /* operations under way: see fx_wait() */
};

struct fx_host {
	struct fx *fx;
	unsigned index;
	struct world_node *node;
	struct core *core;
	struct host_ctrlr *ctrlr;
	char *hostnqn;
	char *error;	    /* of the last connect; NULL: good */
	unsigned events[8]; /* by enum host_event */
	void *user;
	void (*connected)(struct fx_host *h); /* of fx_connect_start() */
};

/* A world with a target of n reactors, not configured. */
struct fx *fx_new(uint64_t seed, unsigned reactors);
struct fx *fx_new_with(uint64_t seed, const struct core_options *core);
/* Executes a configuration file's text; it must succeed. */
void fx_config(struct fx *fx, const char *json);
/* Malloc0 (blocks of 512 bytes) as namespace 1 of FX_NQN, listening on FX_ADDR:4420. */
void fx_config_default(struct fx *fx, unsigned blocks);
struct fx_host *fx_host_new(struct fx *fx, unsigned reactors);
/*
 * Connects; params' hostnqn, hostid and events are filled in, and addr where it
 * has no port. True: connected.
 */
bool fx_connect(struct fx_host *h, struct host_params *params);
/* Only starts to; fx->waiting counts it. connected (may be NULL) is called in the host's pass. */
void fx_connect_start(struct fx_host *h, struct host_params *params,
		      void (*connected)(struct fx_host *h));
void fx_disconnect(struct fx_host *h);
/* Runs the world until fx->waiting is 0. Fails the test after limit. */
void fx_wait(struct fx *fx, uint64_t limit_ns);
/* One more operation under way, and its end (an nvmf_done with arg fx; error must be NULL). */
void fx_begin(struct fx *fx);
void fx_done(void *fx, const GError *error);
/* The target alone ends (fx_free does the rest). */
void fx_shutdown(struct fx *fx);
/* Everything ends in order; nothing may be left. Returns the trace hash. */
uint64_t fx_free(struct fx *fx);
