/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nvmf has on each reactor: its copy of every subsystem's namespaces, with
 * their channels (sgroup), the controllers it owns, the queue pairs on it.
 *
 * The copies are made, replaced and dropped by messages of the main reactor;
 * between two messages they do not change.
 */
#pragma once

#include <stdatomic.h>

#include "target/nvmf/counts.h"
#include "target/nvmf/nvmf.h"

/* What a namespace is: immutable, shared by all reactors, replaced as a whole. */
struct nvmf_ns_info {
	_Atomic unsigned refs;
	uint32_t nsid;
	uint64_t blocks;
	uint32_t block_size;
	uint32_t physical_block_size;
	struct bdev_preferred preferred;
	uint32_t optimal_io_boundary;
	uint32_t anagrpid;
	uint32_t supported; /* 1 << enum bdev_op */
	bool write_cache;
	bool read_only;
	bool restricted; /* only the hosts of its list see it */
	uint8_t uuid[16], nguid[16], eui64[8];
};

struct nvmf_ns_info *nvmf_ns_info_ref(struct nvmf_ns_info *info);
void nvmf_ns_info_unref(struct nvmf_ns_info *info);

enum nvmf_ns_state { NVMF_NS_NONE, NVMF_NS_ACTIVE, NVMF_NS_DRAINING };

/* Reads and writes of hosts on this reactor that ended; of whatever had that NSID. */
struct nvmf_ns_counts {
	uint64_t ops[2], bytes[2]; /* BDEV_READ, BDEV_WRITE: with success */
	uint64_t media_errors;
};

static inline void nvmf_ns_counts_add(struct nvmf_ns_counts *sum, const struct nvmf_ns_counts *c)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(sum->ops); i++) {
		sum->ops[i] += c->ops[i];
		sum->bytes[i] += c->bytes[i];
	}
	sum->media_errors += c->media_errors;
}

struct nvmf_ns_group {
	/* What every I/O touches: the first of two cache lines (struct nvmf_sgroup). */
	struct bdev_channel *channel; /* while not NONE */
	uint32_t inflight;
	uint32_t anagrpid; /* these three while ACTIVE, as in info */
	bool read_only;
	bool restricted;
	uint8_t state;
	bool plain; /* ACTIVE, and neither of those: nvmf_ns_look_again() */
	struct nvmf_ns_counts counts;
	struct nvmf_ns_info *info; /* while ACTIVE */
	void (*drained)(struct nvmf_ns_group *ng); /* while DRAINING: called at inflight 0 */
	void *drained_arg;
	struct nvmf_fence_part *part; /* the newest that was taken out of it, or NULL: fence.h */
	/* Of commands, since it became ACTIVE; not NULL from then on. */
	struct nvmf_counts *commands;
	/* What Compare and Verify read: the SMART log has it with the reads. */
	struct {
		uint64_t ops, bytes;
	} scans;
	uint64_t unused;
};
_Static_assert(offsetof(struct nvmf_ns_group, info) == 64 && sizeof(struct nvmf_ns_group) == 128,
	       "two cache lines");

/* state, read_only or restricted has changed. */
static inline void nvmf_ns_look_again(struct nvmf_ns_group *ng)
{
	ng->plain = ng->state == NVMF_NS_ACTIVE && !ng->read_only && !ng->restricted;
}

struct nvmf_sgroup {
	struct nvmf_group *group;
	struct nvmf_subsystem *subsystem; /* only what never changes (nqn, serial, ...) is read here */
	uint32_t max_namespaces;
	uint32_t ana_changes; /* of what the ANA log lists, beside the states (ana.h) */
	struct nvmf_fence_part *parts; /* of all its namespaces: fence.h */
	uint64_t commands_gone, errors_gone; /* of I/O queues that were here */
	_Alignas(64) struct nvmf_ns_group ns[]; /* nsid - 1 */
};

struct nvmf_group {
	struct reactor *reactor;
	struct nvmf_tgt *tgt;
	GPtrArray *sgroups;        /* struct nvmf_sgroup*, by subsystem index; NULL: none */
	GPtrArray *ctrlrs;         /* struct nvmf_ctrlr* owned here, in order of arrival */
	struct nvmf_qpair *qpairs; /* all queue pairs on this reactor */
	struct nvmf_qpair *walk;   /* nvmf_walk_queues: where it goes on */
	struct buf_pool *reserve;  /* for admin commands, when the reactor's has nothing */
	struct buf_pool *scratch;  /* one buffer, for commands that need one more */
	struct nvmf_group_stats stats;
	bool closing; /* the target shuts down: what still arrives is killed */
};

struct nvmf_group *nvmf_group_of(struct nvmf_tgt *tgt, struct reactor *r);

/* The namespace as this reactor knows it, or NULL (nsid 0, too large, none, going away). */
static inline struct nvmf_ns_group *nvmf_sgroup_ns(struct nvmf_sgroup *sg, uint32_t nsid)
{
	uint32_t i = nsid - 1; /* 0 becomes too large */

	if (i >= sg->max_namespaces || sg->ns[i].state != NVMF_NS_ACTIVE)
		return NULL;
	return &sg->ns[i];
}

/* One more in the counts; channel is still there. */
static inline void nvmf_ns_count(struct nvmf_ns_group *ng, const struct bdev_io *io)
{
	if (io->status != NVME_SUCCESS) {
		ng->counts.media_errors += (io->status & NVME_SCT_MASK) == NVME_SCT_MEDIA;
	} else if (io->op <= BDEV_WRITE) {
		ng->counts.ops[io->op]++;
		ng->counts.bytes[io->op] += (uint64_t)io->blocks << ng->channel->block_shift;
	}
}
