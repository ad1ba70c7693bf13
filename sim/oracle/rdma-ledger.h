/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledgers between the users of an RNIC and the RNIC (hw/rnic.h), which hand over
 * every call and look at what comes back:
 *
 *   W  every work request that was taken ends in exactly one completion, in the order
 *      of its queue, out of the right completion queue, with no more bytes than there
 *      was place for; none ends that was not posted. Users who promise it
 *      (oracle_rdma_drains) destroy no queue pair before all of its requests have ended
 *      (but on a device that says IBV_EVENT_DEVICE_FATAL, until it is back);
 *      who has no connection left has posted all receives of an SRQ again (oracle_rdma_idle)
 *   M  memory is taken away from the RNIC under no work request that names it; what a
 *      peer may reach by a key, and when; nobody uses memory that an RNIC which was torn
 *      out may still write to
 */
#pragma once

#include "hw/rnic.h"

struct oracle_rdma;

struct oracle_rdma_counts {
	uint64_t posted, ended, flushed; /* work requests; flushed ones have ended, too */
	uint64_t unfinished;		 /* when their queue pair was destroyed */
	uint64_t regions, windows;	 /* ever */
};

/* told: of each violation of oracle ("W", "M"), with a text that is its own (g_free). */
struct oracle_rdma *oracle_rdma_new(struct hw_rnic *inner,
				    void (*told)(void *arg, const char *oracle, char *text),
				    void *arg);
/* All that was made with it is gone. */
void oracle_rdma_free(struct oracle_rdma *o);
/* What the users get. */
struct hw_rnic *oracle_rdma_rnic(struct oracle_rdma *o);
#define ORACLE_RDMA_JOIN_MAX 4
/*
 * Instead, several as one: of a machine with so many RNICs (rdma-join.c). The ledgers are freed
 * after it.
 */
struct hw_rnic *oracle_rdma_join(struct oracle_rdma *const *ledgers, unsigned n);
void oracle_rdma_join_free(struct hw_rnic *rnic);
/* The users wait for all completions before they destroy a queue pair. */
void oracle_rdma_drains(struct oracle_rdma *o, bool drains);
/* The users have no connection, and have done what they do after one: NULL, or what is wrong. */
char *oracle_rdma_idle(const struct oracle_rdma *o);
/*
 * Whether the peer of that queue pair, if it has the key, may reach these bytes now (write: to
 * change them).
 */
bool oracle_rdma_reachable(const struct oracle_rdma *o, uint32_t qpn, uint32_t rkey, uint64_t va,
			   uint32_t len, bool write);
void oracle_rdma_counts(const struct oracle_rdma *o, struct oracle_rdma_counts *out);
