/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the monitor of reliable connections. */
#pragma once

#include <glib.h>

#include "sim/oracle/rc-packet.h"
#include "sim/oracle/wire-rc-duty.h"
#include "sim/oracle/wire-rc.h"

#define RESTARTS 8

/* A request packet that was sent; of a READ, all of its responses. */
struct asked {
	uint64_t pos, n;
	uint8_t message;
	uint32_t hash;
	uint64_t va;
	uint32_t rkey, len, got;
};

/* One that was taken. */
struct taken {
	uint64_t pos, n;
	uint32_t msn; /* with it */
	bool read;
	bool answered; /* READ: to its end */
	uint32_t len, rkey;
	uint64_t va;
	uint64_t from[RESTARTS]; /* where answers to a READ have been asked to begin */
	unsigned nfrom;
};

struct rc_qp {
	uint8_t host[16];
	uint32_t qpn, comm_id;
	uint32_t first; /* PSN of the first request to it */
	struct rc_qp *peer;
	uint32_t mtu;
	unsigned retries, rnr_retries, reads; /* that it may do */
	bool asks;			      /* for the connection */
	bool over;			      /* it has ended, or has been told so */
	bool has_last_word;		      /* it may still say NAK, of what came before */
	bool dead;			      /* its machine has begun anew */
	const char *why;
	/* asking */
	GArray *asked;
	uint64_t una, next, cursor;
	unsigned backs, rnrs, naks; /* since una moved */
	uint64_t rnr_pos, rnr_until;
	enum rc_message message;
	bool in_message;
	uint64_t message_len, message_got;
	/* answering */
	GArray *taken;
	uint64_t hi; /* all below has come */
	uint64_t acked;
	uint32_t msn, told_msn;
	uint64_t forbidden; /* a WRITE that no key allowed */
	bool has_forbidden;
	struct rc_duty duty;
};

struct oracle_rc {
	void (*told)(void *arg, char *text);
	void *arg;
	GHashTable *by_qpn, *by_comm_id;
	GPtrArray *all;
	struct oracle_rc_counts counts;
	bool (*reachable)(void *arg, const uint8_t host[16], uint32_t qpn, uint32_t rkey,
			  uint64_t va, uint32_t len, bool write);
	void *reachable_arg;
	const struct rc_packet *p; /* under examination */
	uint64_t now, awake;
	bool quiet; /* nobody need answer a message by one */
};

/* --- wire-rc.c --- */
void rc_violation(struct oracle_rc *o, const struct rc_qp *qp, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/* What it owes: text is told, and freed. */
void rc_omission(struct oracle_rc *o, const struct rc_qp *qp, char *text);
/* The position of a PSN near another. */
uint64_t rc_at(uint64_t near, uint32_t first, uint32_t psn);
/* Nothing is to come of it any more. */
void rc_end(struct rc_qp *qp, const char *why);
struct taken *rc_find_taken(struct rc_qp *qp, uint64_t pos);
bool rc_is_allowed(const struct oracle_rc *o, const struct rc_qp *qp, uint32_t rkey, uint64_t va,
		   uint32_t len, bool write);

/* --- wire-rc-answer.c --- */
void rc_ack_sent(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p);
void rc_response_sent(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p);
