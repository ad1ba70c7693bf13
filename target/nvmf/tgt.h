/* SPDX-License-Identifier: BSD-3-Clause */
/* The target's own fields; inside target/nvmf only. Main reactor unless said otherwise. */
#pragma once

#include "target/nvmf/ctrlr.h"

struct nvmf_tgt {
	struct core *core;
	struct bdev_layer *bdevs;
	char *name;
	struct nvmf_tgt *first; /* of the process: itself, or whom it belongs to */
	GPtrArray *others;	/* the first's: struct nvmf_tgt*, in order made */
	uint32_t max_subsystems;
	uint16_t crdt[3];
	enum nvmf_dup_host_policy dup_host_policy;
	/* Reactors that queue pairs go to, and how many. */
	struct reactor *homes[CORE_MAX_REACTORS];
	unsigned nhomes;
	struct nvmf_group *groups[CORE_MAX_REACTORS]; /* set before anything runs */
	GPtrArray *transports;  /* struct nvmf_transport* */
	GPtrArray *subsystems;  /* by index; NULL: free place */
	GHashTable *by_nqn;     /* look-up only, never iterated */
	GHashTable *identities; /* struct nvmf_identity -> struct nvmf_ns; look-up only */
	GPtrArray *referrals;   /* struct nvmf_referral*, in order added */
	unsigned discovery_filters; /* NVMF_FILTER_* */
	uint64_t started;       /* when, ns */
	uint64_t genctr;        /* discovery generation counter */
	uint16_t next_portid;
	void (*event)(void *arg, const char *type, const char *ctx); /* NULL: nobody listens */
	void *event_arg;
	bool shutting_down;
	bool after_delete; /* shutdown waits for a deletion that was under way */
	unsigned connections;   /* queue pairs in existence */
	unsigned stopped;       /* transports, by the shutdown */
	void (*drained)(struct nvmf_tgt *tgt); /* shutdown waits for connections == 0 */
	void (*shutdown_done)(void *arg);
	void *shutdown_arg;
};

/* Where the queue pair with this number goes. */
static inline struct reactor *nvmf_tgt_home(const struct nvmf_tgt *tgt, unsigned n)
{
	return tgt->homes[n % tgt->nhomes];
}

struct nvmf_subsystem_priv {
	GPtrArray *ctrlrs; /* registry: struct nvmf_ctrlr*, sorted by cntlid */
	uint16_t next_cntlid;
	unsigned pending; /* namespace operations under way */
	GPtrArray *waiters; /* struct nvmf_ctrlr_waiter*: told when controllers have gone */
	void *deletion;     /* waits for pending to become 0 */
	bool was_reset;     /* by an NVM Subsystem Reset: new controllers tell it */
};

/* What hosts know a namespace by, as a key. */
struct nvmf_identity {
	uint8_t kind; /* enum in identity.c */
	uint8_t id[16];
};

struct nvmf_ns_priv {
	struct nvmf_ns_info *info; /* the current one */
	struct nvmf_identity identities[3];
	unsigned nidentities; /* of them, in tgt->identities */
	bool adding;
	bool bdev_gone; /* while it was being added */
	bool write_protected; /* by a host (feature 84h) */
};

/* Tells the listener; format may be "". */
void nvmf_event(const struct nvmf_subsystem *s, enum nvmf_event event, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
void nvmf_listener_event(const struct nvmf_listener *l, enum nvmf_event event);
