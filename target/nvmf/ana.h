/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asymmetric namespace access (base 2.0, 8.1.3): the states of all groups of a
 * subsystem as seen through one listener. Changed by the main reactor, read by
 * all: a single byte a group, so there is nothing to copy and nothing to lock.
 *
 * The listener and each controller that came in through it hold a reference.
 */
#pragma once

#include "target/nvmf/ctrlr.h"

struct nvmf_ana {
	_Atomic unsigned refs;
	uint32_t ngroups;
	_Atomic uint32_t changes; /* counted after the states have changed */
	_Atomic uint32_t closed;  /* groups in states in which I/O is refused: mostly none */
	_Atomic uint8_t state[];  /* enum nvme_ana_state by group; [0] is nobody's */
};

struct nvmf_ana *nvmf_ana_new(uint32_t ngroups);
struct nvmf_ana *nvmf_ana_ref(struct nvmf_ana *ana);
void nvmf_ana_unref(struct nvmf_ana *ana);

static inline enum nvme_ana_state nvmf_ana_state(const struct nvmf_ana *ana, uint32_t anagrpid)
{
	return atomic_load_explicit(&ana->state[anagrpid], memory_order_relaxed);
}

/* What an I/O command gets in this state; 0: it is executed. */
static inline uint16_t nvmf_ana_status(enum nvme_ana_state state)
{
	switch (state) {
	case NVME_ANA_INACCESSIBLE:
		return NVME_SC_ANA_INACCESSIBLE;
	case NVME_ANA_PERSISTENT_LOSS:
		return NVME_SC_ANA_PERSISTENT_LOSS;
	case NVME_ANA_CHANGE:
		return NVME_SC_ANA_TRANSITION;
	default:
		return NVME_SUCCESS;
	}
}

static inline bool nvmf_ctrlr_sees(const struct nvmf_ctrlr *c, uint32_t nsid, bool restricted)
{
	return !restricted || atomic_load_explicit(&c->visible[nsid - 1], memory_order_relaxed);
}

/* The namespace as this reactor and this controller know it, or NULL. For admin commands. */
static inline struct nvmf_ns_group *nvmf_ctrlr_ns(const struct nvmf_ctrlr *c,
						  struct nvmf_sgroup *sg, uint32_t nsid)
{
	struct nvmf_ns_group *ng = nvmf_sgroup_ns(sg, nsid);

	return ng != NULL && nvmf_ctrlr_sees(c, nsid, ng->restricted) ? ng : NULL;
}

/*
 * The namespace of an I/O command, or NULL and the status it gets: not there, not
 * for this host, or not reached on this path now (then without DNR: the host
 * takes another).
 */
static inline struct nvmf_ns_group *nvmf_qpair_ns(const struct nvmf_qpair *q, uint32_t nsid,
						  uint16_t *status)
{
	struct nvmf_ns_group *ng = nvmf_ctrlr_ns(q->ctrlr, q->sgroup, nsid);

	if (G_UNLIKELY(ng == NULL)) {
		*status = NVME_SC_INVALID_NS | NVME_DNR;
		return NULL;
	}
	*status = nvmf_ana_status(nvmf_ana_state(q->ctrlr->ana, ng->anagrpid));
	return G_LIKELY(*status == NVME_SUCCESS) ? ng : NULL;
}

/* Almost always there is nothing to look at for an I/O command. NULL: nvmf_qpair_ns(). */
static inline struct nvmf_ns_group *nvmf_qpair_plain_ns(const struct nvmf_qpair *q, uint32_t nsid)
{
	struct nvmf_sgroup *sg = q->sgroup;
	uint32_t i = nsid - 1; /* 0 becomes too large */

	if (G_UNLIKELY(i >= sg->max_namespaces || !sg->ns[i].plain) ||
	    G_UNLIKELY(atomic_load_explicit(&q->ctrlr->ana->closed, memory_order_relaxed) != 0))
		return NULL;
	return &sg->ns[i];
}

/* Log page 0Ch, whole; groups_only: without their namespaces (RGO). Caller frees. log-ana.c */
void *nvmf_ana_log(const struct nvmf_ctrlr *c, bool groups_only, uint32_t *size);
