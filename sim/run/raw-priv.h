/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts that misbehave: raw.c has their streams and sessions, raw-acts.c what each
 * kind says to which answer, raw-any.c the kind that says anything.
 *
 * A session is some streams: queue 0 for the admin queue, the others for I/O
 * queues. It goes on with each answer (ICResp, Connect's, CC.EN's), then does what
 * it came for, and leaves when the target ends it or after a while.
 */
#pragma once

#include "sim/run/raw-pdu.h"
#include "sim/run/run-priv.h"

#define RAW_QUEUES 6
#define RAW_DEPTH 32
#define RAW_WRITE 16384u
#define RAW_LINGER (50 * WORLD_MS)

struct raw_session;

struct raw_stream {
	struct raw_session *session;
	struct net_stream *stream; /* NULL: closed, or never opened */
	struct raw_out out;
	GByteArray *in;
	unsigned step; /* answers so far, of those that matter */
	uint16_t qid;
	unsigned outstanding;
	bool connected; /* Connect has succeeded */
};

struct raw_session {
	struct run_raw *raw;
	struct raw_stream queues[RAW_QUEUES];
	uint16_t cntlid, cid;
	unsigned nqueues; /* that it has been granted */
	unsigned rounds;  /* to come */
	uint64_t begun;	  /* of rounds that come by the clock */
	struct timer leave, next;
	bool acted; /* said all that it wanted to */
};

struct run_raw {
	struct run *run;
	const struct scn_raw *s;
	struct world_node *node;
	struct core *core;
	struct world_rng rng;
	char *hostnqn;
	uint64_t left; /* sessions to come */
	struct raw_session *now;
	struct raw_rdma *rdma; /* or this one, over RDMA, */
	struct raw_rdma_io *rdma_io; /* or this */
};

/* raw.c */
/* A session has ended: the next one, if there is one to come. */
void raw_again(struct run_raw *raw);
bool raw_stream_open(struct raw_session *s, struct raw_stream *q);
void raw_flush(struct raw_stream *q);
void raw_leave_in(struct raw_session *s, uint64_t ns);
/* raw_round() is called then. */
void raw_next_at(struct raw_session *s, uint64_t at);

/* raw-acts.c: the session begins; an answer came; it is time for the next round. */
void raw_first_bytes(struct raw_session *s);
void raw_answer(struct raw_stream *q, const uint8_t *pdu, uint32_t len);
void raw_round(struct raw_session *s);
void raw_good_connect(struct raw_stream *q);
uint16_t raw_cid(struct raw_stream *q);

/* raw-any.c */
void raw_any_round(struct raw_session *s);
void raw_any_icresp(struct raw_stream *q);
void raw_any_response(struct raw_stream *q, const uint8_t *cqe);
void raw_any_r2t(struct raw_stream *q, const uint8_t *r2t);
void raw_mutate(struct world_rng *rng, GByteArray *pdu);

/* raw-rdma-io.c. False: there is no session. */
bool raw_rdma_io_begin(struct run_raw *raw);
void raw_rdma_io_free(struct raw_rdma_io *s);

/* raw-rdma.c. False: there is no session. */
bool raw_rdma_begin(struct run_raw *raw);
void raw_rdma_free(struct raw_rdma *s);
