/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a target has counted, at one time: made from all reactors in bounded
 * portions, then immutable. The Prometheus text (prometheus.c) and the RPC
 * metrics_get (target/rpc/methods-metrics.c) are two views of it; docs/metrics.md
 * has both shapes.
 *
 * All counters only grow as long as what they count exists. Figures of one
 * namespace or one queue on one reactor are of one moment; different ones are of
 * moments within the collection (metrics->took_ns).
 *
 * Of a process with several targets (nvmf_create_target) this is the first.
 *
 * Main reactor. Strings and arrays are the snapshot's own: nothing in it refers to
 * the target, which may change under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/bdev/bdev.h"
#include "target/core/buf.h"
#include "target/core/core.h"
#include "target/core/hist.h"
#include "target/nvmf/counts.h"
#include "target/nvmf/nvmf.h"

struct metrics_address {
	const char *trtype, *adrfam, *traddr, *trsvcid;
};

struct metrics_subsystem {
	const char *nqn;
	bool discovery;
	uint32_t namespaces, hosts, listeners, controllers; /* now */
	/* Of all its I/O queues there are and ever were, since it was created. */
	uint64_t commands, errors;
	uint32_t index;		 /* its place, stable while it exists */
	uint32_t first_listener; /* in listeners */
};

struct metrics_ns {
	uint32_t subsystem; /* index in subsystems */
	uint32_t nsid, anagrpid, block_size;
	uint64_t blocks;
	const char *bdev;
	const char *uuid;
	uint32_t inflight;	    /* commands at its bdev, all reactors */
	struct nvmf_counts *counts; /* NULL: no command has been done */
};

#define METRICS_ANA_STATES 5
/* By the index of the arrays below: "optimized", ... */
extern const char *const metrics_ana_names[METRICS_ANA_STATES];

struct metrics_listener {
	uint32_t subsystem;
	struct metrics_address address;
	uint16_t portid;
	/* Namespaces, by the ANA state in which they are reached; all zero without ANA reporting.
	 */
	uint32_t ana[METRICS_ANA_STATES];
	const char *ana_state; /* of all of them; "mixed"; "" without any */
};

struct metrics_ctrlr {
	uint32_t subsystem;
	uint16_t cntlid;
	bool discovery;
	const char *hostnqn, *hostid;
	struct metrics_address listen; /* as its host gave it */
	const char *peer;	       /* of its admin queue: "192.0.2.1:49152" */
	uint16_t portid;
	unsigned reactor; /* its owner */
	unsigned io_queues;
	uint32_t outstanding; /* commands, all its queues */
	uint64_t admin_commands;
	uint32_t keep_alive_ms; /* 0: off */
	/* Since it was last seen that the host is there: less than keep_alive_ms, twice at most. */
	uint64_t keep_alive_age_ns;
	struct nvmf_counts *counts; /* of its I/O queues; NULL: no command has been done */
};

/* The way of a host to a subsystem through one listener: all its controllers there. */
struct metrics_path {
	uint32_t subsystem;
	const char *hostnqn;
	struct metrics_address listen;
	uint16_t portid;
	const char *ana_state; /* as of the listener; "" if that is gone */
	unsigned controllers, io_queues;
	uint32_t outstanding;
	struct nvmf_counts *counts; /* NULL: no command has been done */
};

struct metrics_bdev {
	const char *name, *product, *uuid;
	uint32_t block_size;
	uint64_t blocks;
	bool claimed;
	struct bdev_stats stats;	   /* all reactors; stats.hist is not used */
	uint32_t inflight;		   /* I/Os */
	uint64_t limits[BDEV_LIMIT_COUNT]; /* 0: none */
	uint64_t throttled;		   /* I/Os that had to wait for a limit, ever */
	struct hist *hist;		   /* NULL: bdev_enable_histogram was not called */
};

struct metrics_reactor {
	struct reactor_stats stats;
	uint64_t admin_queues, io_queues; /* ever */
	uint32_t current_admin_queues, current_io_queues, unassociated_queues;
	uint64_t commands; /* I/O commands completed */
	uint32_t waiting;  /* commands that wait for a buffer */
	struct buf_pool_stats pool;
};

struct metrics_rnic {
	const char *device;
	uint32_t regions;
	uint64_t registered; /* bytes */
};

/* Filled in by the RPC side; all zero without one. */
struct metrics_rpc {
	uint32_t clients, calls; /* now */
	uint64_t calls_started;
	uint64_t notifications;
};

struct metrics {
	unsigned refs;
	uint64_t time;	    /* ns, the target's clock, when collecting began */
	uint64_t took_ns;   /* collecting */
	uint64_t uptime_ns; /* since the target was made */
	unsigned nsubsystems, nnamespaces, nlisteners, nctrlrs, npaths, nbdevs, nreactors, nrnics;
	struct metrics_subsystem *subsystems; /* in the order of their places */
	struct metrics_ns *namespaces;	      /* by subsystem, nsid */
	struct metrics_listener *listeners;   /* by subsystem, in the order added */
	struct metrics_ctrlr *ctrlrs;	      /* by subsystem, cntlid */
	struct metrics_path *paths;	      /* by their first controller */
	struct metrics_bdev *bdevs;	      /* in the order made */
	struct metrics_reactor *reactors;
	struct metrics_rnic *rnics; /* in the order found */
	uint64_t discovery_generation;
	uint32_t referrals;
	struct metrics_rpc rpc;
	struct metrics_store *store; /* what holds all of it */
};

struct metrics_source;

/* What a collection does between two looks at other work. */
#define METRICS_PORTION 32

/* How what is counted is found. rpc may be NULL. */
struct metrics_source *metrics_source_new(struct core *core, struct bdev_layer *bdevs,
					  struct nvmf_tgt *nvmf);
void metrics_source_set_rpc(struct metrics_source *source,
			    void (*fill)(void *arg, struct metrics_rpc *rpc), void *arg);
/* No collection is under way, none is begun any more: done on the main reactor. */
void metrics_source_stop(struct metrics_source *source, void (*done)(void *arg), void *arg);
/* Stopped, or never used. NULL allowed. */
void metrics_source_free(struct metrics_source *source);

/*
 * Collects; done gets a reference of its own to the snapshot, later. Who asks while
 * one is being collected for others gets the next one, which all share that ask
 * meanwhile. NULL: the source is being stopped.
 */
struct metrics_waiter {
	struct metrics_waiter *next; /* the source's */
	void (*done)(struct metrics_waiter *waiter, struct metrics *metrics);
};

void metrics_collect(struct metrics_source *source, struct metrics_waiter *waiter);
/* It is not told any more. Not waiting: nothing happens. */
void metrics_collect_cancel(struct metrics_source *source, struct metrics_waiter *waiter);

struct metrics *metrics_ref(struct metrics *metrics);
/* NULL allowed. */
void metrics_unref(struct metrics *metrics);
