/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The monitor of reliable connections (oracle V): it reads every RoCE frame that an
 * RNIC sends or takes, and knows from those alone what each queue pair may say:
 *
 *   of requests   PSNs without gaps; a repetition is what was sent first, is not of
 *                 what has been acknowledged, leaves nothing out, and comes so often as
 *                 the connection allows; messages have their parts in order and of the
 *                 right lengths; no more READs than agreed; nothing sooner than a
 *                 receiver that was not ready has asked for; nothing after the end
 *   of duties     wire-rc-duty.h
 *   of answers    only what has come without a gap is acknowledged, never less than
 *                 before, and nothing behind a READ that is not answered; MSNs count messages
 *                 that have come; READ responses are parts of what was asked for; no READ
 *                 or WRITE is refused that may be
 *   of memory     nothing is read or written that no key allows (oracle_rc_memory)
 *   of all        headers, lengths, ICRC
 *
 * Queue pairs are learned from connection management on the wire. Shares no code with
 * hw/roce.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct oracle_rc;

#define ORACLE_RC_REASONS 64
#define ORACLE_RC_STATUSES 16

struct oracle_rc_counts {
	uint64_t frames, strangers; /* of no connection that was seen */
	uint64_t requests, repeated, backs;
	uint64_t acks, naks, rnrs, responses, connections;
	uint64_t access_naks, cnps;
	uint64_t rejects[ORACLE_RC_REASONS];  /* sent, by reason, */
	uint64_t refused[ORACLE_RC_STATUSES]; /* by NVMe/RDMA's status in private data */
};

/* told: of each violation, with a text that is its own afterwards (g_free). */
struct oracle_rc *oracle_rc_new(void (*told)(void *arg, char *text), void *arg);
void oracle_rc_free(struct oracle_rc *o);
/* Users whose messages are not answered by messages, as those of NVMe/RDMA are. */
void oracle_rc_quiet(struct oracle_rc *o);
/*
 * Who knows what a queue pair of host (as on the wire; IPv4: the rest is zero) lets its
 * peer reach: what is read or written without that is a violation.
 */
void oracle_rc_memory(struct oracle_rc *o,
		      bool (*reachable)(void *arg, const uint8_t host[16], uint32_t qpn,
					uint32_t rkey, uint64_t va, uint32_t len, bool write),
		      void *arg);
/* No machine has been kept from its work since then. Who was away owes no answers in time. */
void oracle_rc_awake(struct oracle_rc *o, uint64_t since);
/* The machine of that address has begun anew: it knows nothing of queue pairs from before. */
void oracle_rc_booted(struct oracle_rc *o, const uint8_t host[16]);
/* sent: by an RNIC; not: taken by one. frame: from the Ethernet header on, without FCS. */
void oracle_rc_frame(struct oracle_rc *o, bool sent, const uint8_t *frame, uint32_t len,
		     uint64_t now);
void oracle_rc_counts(const struct oracle_rc *o, struct oracle_rc_counts *out);
