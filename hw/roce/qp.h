/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reliable connection's queue pair, and what the files that make it up do:
 *
 *   qp.c         states, posting, flushing
 *   requester.c  packets of posted work, retransmission, pace
 *   completer.c  ACKs, NAKs and READ responses that come back
 *   responder.c  requests of the peer, ACKs and NAKs for them
 *   reply.c      READ responses and acknowledgements to be sent
 *   sge.c        local memory by lkey
 *   dcqcn.c      congestion control
 *
 * All of it is for the queue pair's shard.
 */
#pragma once

#include "hw/roce/priv.h"

/* Packets on the way without an acknowledgement, and how often one is asked for. */
#define ROCE_WINDOW 512
#define ROCE_ACK_EVERY 32
/*
 * The first timeout, when longer ones were agreed on, which are seconds with Linux: 67 ms.
 * It doubles until it is as long as those; only they are counted as retries.
 */
#define ROCE_EARLY_NS (UINT64_C(4096) << 14)
/* Packets of one queue pair in its turn. */
#define ROCE_TURN 32

enum roce_wqe_state {
	ROCE_WQE_POSTED,  /* nothing of it has been sent */
	ROCE_WQE_SENDING, /* it has PSNs; a part has been sent */
	ROCE_WQE_SENT,	  /* all of it has */
};

/* A posted send request. */
struct roce_wqe {
	uint64_t wr_id;
	uint8_t opcode; /* enum ibv_wr_opcode */
	uint8_t state;	/* enum roce_wqe_state */
	bool signaled, fence, solicited, inlined;
	uint32_t imm; /* network byte order, as in the work request; or the key to invalidate */
	uint32_t rkey;
	uint64_t va;
	uint32_t len;
	uint32_t psn, npsn; /* first one, how many: of a READ those of its responses */
	uint32_t got;	    /* READ: packets of it that have come */
	uint32_t ssn;	    /* number of the message, from 1 */
	struct roce_mw *mw; /* BIND_MW */
	struct roce_mr *mr;
	uint32_t bind_key;
	int access;
	uint32_t nsge;
	struct ibv_sge sge[]; /* or inline data */
};

/* A READ of the peer: answered, being answered, or to be answered. */
struct roce_read {
	uint32_t psn, npsn; /* of all its responses */
	uint32_t start;	    /* where the peer asked to begin, last */
	uint32_t at;	    /* the next response to send, from 0; npsn: done */
	uint64_t va;
	uint32_t rkey, len;
	uint32_t msn;
	bool answered; /* to its end, at least once */
};

enum roce_owed {
	ROCE_OWED_NOTHING,
	ROCE_OWED_ACK,
	ROCE_OWED_NAK, /* syndrome says which, RNR included */
};

struct roce_requester {
	uint8_t *wqes; /* roce_wqe, stride bytes each */
	uint32_t stride, size, mask, max_sge, max_inline;
	uint32_t head; /* oldest that has not completed */
	uint32_t next; /* the one being sent */
	uint32_t tail;
	uint32_t offset;	      /* packets of next that have been sent */
	uint32_t psn;		      /* of the next packet; behind max_psn while sending again */
	uint32_t max_psn;	      /* beyond all that was ever sent */
	uint32_t una;		      /* oldest unacknowledged */
	uint32_t ssn;		      /* of the last message posted */
	uint32_t done_ssn;	      /* messages completed */
	uint32_t credit_ssn;	      /* SENDs up to this one have a receive waiting */
	bool credits;		      /* the peer reports them */
	uint8_t reads;		      /* READs on the way */
	uint8_t retries, rnr_retries; /* left */
	uint8_t early;		      /* early timeouts since una has moved */
	bool gone_back;	     /* a gap is being made up for: until una moves, no more is inferred */
	uint32_t unasked;    /* packets since the last that asked for an ACK */
	uint64_t timeout_at; /* HW_NEVER: nothing is on the way */
	uint64_t rnr_until;  /* 0: not waiting for a receiver */
};

struct roce_responder {
	uint32_t epsn, msn;
	bool nak_sent;	 /* for the gap before epsn */
	uint32_t beyond; /* nak_sent: the farthest that was dropped, or not ready for */
	uint8_t doing;	 /* enum roce_kind of the message under way, 0xff: none */
	struct roce_recv_ring ring;
	struct roce_recv *recv; /* taken, for the message under way; room of its own */
	bool has_recv;
	uint32_t got; /* bytes of the message so far */
	uint64_t va;  /* WRITE under way: of its next byte */
	uint32_t rkey, left;
	struct roce_read *reads; /* ring of max_dest_rd_atomic */
	uint8_t nreads, first_read, max_reads;
	uint8_t owed; /* enum roce_owed */
	bool put_off; /* an ACK, to the next turn */
	uint8_t syndrome;
	uint32_t owed_psn;
	uint8_t rnr_timer;
	bool credits; /* are told in ACKs */
};

struct roce_dcqcn {
	uint64_t rate, target; /* bytes a second; 0: the line's */
	uint32_t alpha;	       /* of 65536 */
	uint32_t stage;
	uint64_t alpha_at, raise_at;
	uint64_t cnp_sent_at;
	bool owe_cnp;
	uint64_t busy_until; /* at that rate, with what has been sent */
	uint64_t next_send;  /* nothing new before; 0: now */
};

struct roce_qp {
	struct roce_shard *shard;
	struct roce_pd *pd;
	uint32_t qpn, slot;
	enum ibv_qp_state state;
	struct roce_cq *send_cq, *recv_cq;
	struct roce_srq *srq;
	bool sq_sig_all, last_told, established;

	struct net_addr local, remote;
	struct roce_icrc_flow flow;
	uint8_t tos;
	uint32_t dest_qpn, first_psn;
	uint32_t mtu;
	uint8_t mtu_shift;
	uint8_t max_rd_atomic, retry_count, rnr_retry;
	uint64_t timeout_ns; /* 0: none */

	struct roce_requester req;
	struct roce_responder rsp;
	struct roce_dcqcn cc;

	/* shard.c */
	struct roce_qp *ready_next; /* list of those that may have something to send */
	bool ready;
	uint64_t timer; /* what its place in the heap says: at most its real deadline */
	uint32_t heap;	/* its place, plus one */

	struct roce_event event;
	unsigned events; /* bit a kind: 1 << enum ibv_event_type */
	void (*tell)(struct roce_qp *qp, enum ibv_event_type type, void *user);
	void *user;
};

static inline struct roce_wqe *roce_wqe_at(const struct roce_qp *qp, uint32_t n)
{
	return (struct roce_wqe *)(qp->req.wqes + (size_t)(n & qp->req.mask) * qp->req.stride);
}

/* --- sge.c -------------------------------------------------------------------------------- */

/* Of a device that was torn out: nobody knows what is there now. */
void roce_sge_scribble(struct roce_device *dev, const struct roce_pd *pd, uint32_t qpn,
		       const struct ibv_sge *sge, uint32_t n);

/* --- shard.c ------------------------------------------------------------------------------ */

/* It may have something to send: it gets a turn in the next run. */
void roce_qp_ready(struct roce_qp *qp);
/* Its earliest timer has moved. */
void roce_qp_timer(struct roce_qp *qp);
/* 0 and its number, or -ENOMEM. */
int roce_qp_register(struct roce_qp *qp);
void roce_qp_unregister(struct roce_qp *qp);
/* Builds and hands over one packet of the queue pair. False: the binding has no room. */
bool roce_qp_send(struct roce_qp *qp, struct roce_packet *packet, struct iovec *payload, int n,
		  uint32_t len);

/* --- qp.c ---------------------------------------------------------------------------------- */

void roce_qp_tell(struct roce_qp *qp, enum ibv_event_type type);
/* The oldest send request ends. */
void roce_wqe_done(struct roce_qp *qp, enum ibv_wc_status status);
/* Those at the head that needed nobody's answer end, too. */
void roce_wqes_settle(struct roce_qp *qp);
/* Request n fails with that, those before it are flushed: the queue pair goes into error. */
void roce_qp_fail(struct roce_qp *qp, uint32_t n, enum ibv_wc_status status);
/* A receive ends; wc has all but qp_num. */
void roce_recv_done(struct roce_qp *qp, struct ibv_wc *wc);
/* Takes the next receive into rsp.recv. False: there is none. */
bool roce_recv_take(struct roce_qp *qp);

/* --- requester.c ------------------------------------------------------------------------------ */

/* Sends at most budget packets. */
unsigned roce_requester_run(struct roce_qp *qp, uint64_t now, unsigned budget);
/* It could send something now, but for the budget and the binding. */
bool roce_requester_wants(const struct roce_qp *qp, uint64_t now);
/* Sends again from that PSN on. */
void roce_requester_back(struct roce_qp *qp, uint32_t psn);
/* The ACK timeout or the receiver's time has come. */
void roce_requester_timer(struct roce_qp *qp, uint64_t now);
uint64_t roce_requester_deadline(const struct roce_qp *qp);
/* Something is on the way: the ACK timeout runs anew; nothing is: it stops. */
void roce_requester_clock(struct roce_qp *qp, uint64_t now);

/* --- completer.c --------------------------------------------------------------------------------
 */

void roce_completer_receive(struct roce_qp *qp, const struct roce_packet *p, uint64_t now);

/* --- responder.c, reply.c ------------------------------------------------------------------------
 */

void roce_responder_receive(struct roce_qp *qp, const struct roce_packet *p);
bool roce_reply_wants(const struct roce_qp *qp);
unsigned roce_reply_run(struct roce_qp *qp, unsigned budget);
/*
 * The acknowledgement: last, since it is the shortest packet (a binding may cut one
 * datagram into packets of a size and a shorter one), and so speaks of most. When nothing
 * was sent before it in this turn it waits for the next one, once: what the peer's
 * message leads to may be posted by then.
 */
unsigned roce_reply_ack(struct roce_qp *qp, bool sent);
/* Owes the peer an acknowledgement of all up to psn, or a NAK of psn. */
void roce_owe_ack(struct roce_qp *qp, uint32_t psn);
void roce_owe_nak(struct roce_qp *qp, uint32_t psn, uint8_t syndrome);
/* The peer did what it may not: NAK, then error. */
void roce_responder_fail(struct roce_qp *qp, uint32_t psn, enum roce_nak nak,
			 enum ibv_event_type event);

/* --- sge.c
 * ------------------------------------------------------------------------------------------ */

/*
 * [offset, offset + len) of the memory that n SGEs name, as pieces. Returns how many
 * (at most max), -EINVAL: beyond, not registered, or not allowed.
 */
int roce_sge_pieces(const struct roce_qp *qp, const struct ibv_sge *sge, uint32_t n,
		    uint32_t offset, uint32_t len, int access, struct iovec *out, int max);
/* Writes data there. False: as -EINVAL. */
bool roce_sge_scatter(const struct roce_qp *qp, const struct ibv_sge *sge, uint32_t n, int access,
		      uint32_t offset, const uint8_t *data, uint32_t len);

/* --- dcqcn.c
 * ------------------------------------------------------------------------------------------ */

/* A marked packet of the peer arrived: true: it is to be told (CNP). */
bool roce_dcqcn_marked(struct roce_qp *qp, uint64_t now);
void roce_dcqcn_cnp(struct roce_qp *qp, uint64_t now);
/* len bytes have been sent. */
void roce_dcqcn_sent(struct roce_qp *qp, uint32_t len, uint64_t now);
void roce_dcqcn_timer(struct roce_qp *qp, uint64_t now);
uint64_t roce_dcqcn_deadline(const struct roce_qp *qp);
