/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software RNIC without I/O: packets and time go in, packets and completions
 * come out. It knows no clock, no socket, no thread; what carries its packets is
 * a binding (UDP sockets of Linux, links of a world).
 *
 * A device is one RNIC with one port. It is cut into shards, one a reactor:
 * queue pairs, completion queues and SRQs live on one shard and are touched by its
 * reactor only. A queue pair's number tells its shard (roce_qpn_shard), so that a
 * binding can steer a packet before anybody has looked into it; QPN 1 (the CM) is
 * shard 0's. PDs and MRs are the device's: made and destroyed on the main reactor,
 * looked up by every shard without a lock.
 *
 * Layers, each in its own files, downwards only:
 *   ops.c     hw/rnic.h's operations
 *   cm*.c     connection management over QPN 1
 *   roce.h    this: queue pairs, memory, completion queues
 *   wire.h, icrc.h, cm-wire.h   bytes
 *
 * Nothing calls back from inside a call: completions go to CQs, events are told
 * from roce_shard_run().
 */
#pragma once

#include "hw/rnic.h"
#include "hw/roce/icrc.h"
#include "hw/roce/wire.h"

struct roce_device;
struct roce_shard;
struct roce_pd;
struct roce_mr;
struct roce_mw;
struct roce_cq;
struct roce_srq;
struct roce_qp;

#define ROCE_MAX_SHARDS 64
#define ROCE_TX_IOV 20 /* head, payload in up to 18 pieces, tail */

/* --- the binding --------------------------------------------------------------------- */

/*
 * One packet to be sent: iov holds all of the UDP payload, ICRC included. Headers
 * and tail are the shard's and are overwritten by the next one: the binding copies
 * them. The payload lies in registered memory and stays as it is until flush
 * returned; it is not copied where the medium can gather.
 */
struct roce_tx {
	const struct net_addr *from, *to; /* to->port is ROCE_UDP_PORT; from->port: entropy */
	uint8_t tos;			  /* DSCP and ECN: ECT(0) when congestion control is on */
	uint8_t niov;
	uint16_t len; /* bytes of all of iov */
	struct iovec iov[ROCE_TX_IOV];
};

struct roce_binding;

struct roce_binding_ops {
	/*
	 * Takes one packet. False: there is no room now; it was not taken, and the
	 * shard asks again in a later run (the binding makes its reactor runnable when
	 * there is room).
	 */
	bool (*send)(struct roce_binding *binding, unsigned shard, const struct roce_tx *tx);
	/* The end of a run: all that was taken leaves now. */
	void (*flush)(struct roce_binding *binding, unsigned shard);
	/* A CQ that was armed has got a completion, or an event waits: the reactor must run. */
	void (*wake)(struct roce_binding *binding, unsigned shard);
	/* Of one that is not sent, since there is no link; NULL: nobody wants to know. */
	void (*lost)(struct roce_binding *binding, unsigned shard, const struct roce_tx *tx);
};

struct roce_binding {
	const struct roce_binding_ops *ops;
};

/* --- device ---------------------------------------------------------------------------- */

struct roce_params {
	const char *name; /* "soft0" */
	enum rnic_kind kind;
	unsigned nshards;	     /* 1..ROCE_MAX_SHARDS */
	unsigned mtu;		     /* largest path MTU: 256, 512, 1024, 2048, 4096 */
	struct ibv_device_attr attr; /* limits; max_qp 0: all as roce_attr_default() has them */
	uint32_t max_inline;	     /* bytes */
	uint8_t mac[6];		     /* GUIDs are made of it */
	bool dcqcn;		     /* congestion control: ECN marks, CNPs, rate limiter */
	uint64_t seed;		     /* QPNs, PSNs, key variants, CM ids are drawn from it */
	const struct hw *hw;	     /* fault points and marks; no clock */
	/*
	 * What a model is not able to. IBV_TRANSPORT_IWARP: the verbs are those of iWARP, whatever
	 * is on the wire: no immediates, READs into one SGE whose region others may write, and, as
	 * without IBV_DEVICE_RC_RNR_NAK_GEN, a message that finds no receive ends the queue pair.
	 */
	enum ibv_transport_type transport; /* IBV_TRANSPORT_IB: 0 */
	bool no_send_inv;		   /* IBV_WR_SEND_WITH_INV is not taken */
	unsigned numa; /* the NUMA node that a model is at, plus one; 0: not known */
	/*
	 * NULL, or asked before bytes of memory are registered (0 or a negative errno), and told
	 * (less than 0) when they are not any more. On the thread that registers.
	 */
	int (*pin)(void *user, int64_t bytes);
	void *pin_user;
};

void roce_attr_default(struct ibv_device_attr *attr);
/* NULL and error: a parameter is wrong. The binding outlives it. */
struct roce_device *roce_device_new(const struct roce_params *params, struct roce_binding *binding,
				    GError **error);
void roce_device_free(struct roce_device *dev); /* all of its objects are gone */
const struct roce_params *roce_device_params(const struct roce_device *dev);
struct roce_shard *roce_device_shard(struct roce_device *dev, unsigned index);

/* Addresses of the port (its GIDs). At most 16. -ENOSPC, -EEXIST, -ENOENT. They change on
 * the main reactor, and are asked for on any. */
int roce_device_add_addr(struct roce_device *dev, const struct net_addr *addr);
int roce_device_remove_addr(struct roce_device *dev, const struct net_addr *addr);
unsigned roce_device_addrs(struct roce_device *dev, struct net_addr *out, unsigned max);

/* The path MTU of connections that are made from now on: as params.mtu, which it is at first. */
void roce_device_set_mtu(struct roce_device *dev, unsigned mtu);
unsigned roce_device_mtu(const struct roce_device *dev);

/* The link is there or not: while it is not nothing is sent, timers go on. */
void roce_device_set_port(struct roce_device *dev, bool active);
bool roce_device_port_active(const struct roce_device *dev);
/*
 * It has been torn out: until it is back no work ends, and a queue pair in error flushes none.
 * What it might still write to local memory it writes when the queue pair or SRQ is destroyed:
 * nobody may use that before.
 */
void roce_device_set_torn(struct roce_device *dev, bool torn);

static inline unsigned roce_qpn_shard(uint32_t qpn, unsigned nshards)
{
	return qpn <= ROCE_GSI_QPN ? 0 : qpn % nshards;
}

/* --- shard: what its reactor calls --------------------------------------------------------- */

/*
 * A datagram came to one of the port's addresses, for a QP of this shard: the UDP
 * payload, whose ICRC the binding has checked as far as it can see the IP header.
 * tos as received (ECN marks). data is not kept; answers and events are sent and
 * told in the next run.
 */
void roce_shard_receive(struct roce_shard *shard, const struct net_addr *from,
			const struct net_addr *to, uint8_t tos, const void *data, size_t len,
			uint64_t now);
/* One came whose ICRC was wrong: counted. */
void roce_shard_bad_icrc(struct roce_shard *shard);
/*
 * Timers that are due, packets to send (at most budget of them, the rest next
 * time), events. Then flush. Returns the units of work done.
 */
unsigned roce_shard_run(struct roce_shard *shard, uint64_t now, unsigned budget);
/* When run has something to do at the latest; now (or earlier) when there is work, HW_NEVER: none.
 */
uint64_t roce_shard_deadline(const struct roce_shard *shard);

/* Counters, as rxe's hw_counters and InfiniBand's have them. Read by the main reactor any time. */
struct roce_stats {
	_Atomic uint64_t sent, received, sent_bytes, received_bytes;
	_Atomic uint64_t bad_packets, bad_icrc, no_qp, wrong_state, bad_key;
	_Atomic uint64_t duplicates, out_of_sequence, acks_sent, naks_sent, rnr_sent;
	_Atomic uint64_t retransmissions, timeouts, naks_received, rnr_received;
	_Atomic uint64_t retry_exceeded, rnr_retry_exceeded, cnps_sent, cnps_received, ecn_marked;
};
const struct roce_stats *roce_shard_stats(const struct roce_shard *shard);

/* --- memory -------------------------------------------------------------------------------- */

int roce_pd_alloc(struct roce_device *dev, struct roce_pd **out);
int roce_pd_dealloc(struct roce_pd *pd);
/* As rnic mr_reg. Keys are never 0 and differ in their low byte when an index is used again. */
int roce_mr_reg(struct roce_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		struct roce_mr **out);
int roce_mr_dereg(struct roce_mr *mr);
uint32_t roce_mr_lkey(const struct roce_mr *mr);
uint32_t roce_mr_rkey(const struct roce_mr *mr);
int roce_mw_alloc(struct roce_pd *pd, struct roce_mw **out);
void roce_mw_dealloc(struct roce_mw *mw);
uint32_t roce_mw_rkey(const struct roce_mw *mw);

/* --- completion queues, SRQs ---------------------------------------------------------------- */

int roce_cq_create(struct roce_shard *shard, unsigned cqe, void (*error)(struct roce_cq *, void *),
		   void *user, struct roce_cq **out);
int roce_cq_destroy(struct roce_cq *cq);
int roce_cq_poll(struct roce_cq *cq, int n, struct ibv_wc *wc);
void roce_cq_arm(struct roce_cq *cq);
/* An armed one has got a completion since, and has not been armed again. */
bool roce_cq_notified(const struct roce_cq *cq);

int roce_srq_create(struct roce_shard *shard, struct roce_pd *pd, struct ibv_srq_attr *attr,
		    void (*event)(struct roce_srq *, enum ibv_event_type, void *), void *user,
		    struct roce_srq **out);
int roce_srq_destroy(struct roce_srq *srq);
int roce_srq_arm(struct roce_srq *srq, uint32_t limit);
int roce_srq_post_recv(struct roce_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);

/* --- queue pairs ---------------------------------------------------------------------------- */

struct roce_qp_init {
	struct roce_cq *send_cq, *recv_cq;
	struct roce_srq *srq;
	struct ibv_qp_cap cap;
	bool sq_sig_all;
	void (*event)(struct roce_qp *qp, enum ibv_event_type type, void *user);
	void *user;
};

/* What a connection has agreed on: INIT to RTR. */
struct roce_rtr {
	struct net_addr local,
		remote; /* ports: ours is the entropy, the remote's is ROCE_UDP_PORT */
	uint32_t dest_qpn;
	uint32_t rq_psn;
	uint8_t tos;		    /* of its packets; the lowest two bits (ECN) are the device's */
	unsigned mtu;		    /* bytes */
	uint8_t max_dest_rd_atomic; /* READs that the peer may have outstanding here */
	uint8_t min_rnr_timer;	    /* as in an RNR NAK */
	bool flow_control;	    /* our ACKs tell how many receives there are (no SRQ) */
};

/* RTR to RTS. */
struct roce_rts {
	uint32_t sq_psn;
	uint8_t timeout;       /* local ACK timeout, exponent of 4.096 us; 0: none */
	uint8_t retry_count;   /* 0..7 */
	uint8_t rnr_retry;     /* 0..7; 7: for ever */
	uint8_t max_rd_atomic; /* READs that may be outstanding there */
};

/* In INIT. The PD of all that its work requests name. */
int roce_qp_create(struct roce_shard *shard, struct roce_pd *pd, struct roce_qp_init *init,
		   struct roce_qp **out);
void roce_qp_destroy(struct roce_qp *qp);
int roce_qp_rtr(struct roce_qp *qp, const struct roce_rtr *rtr);
int roce_qp_rts(struct roce_qp *qp, const struct roce_rts *rts);
void roce_qp_error(struct roce_qp *qp);
uint32_t roce_qp_num(const struct roce_qp *qp);
uint32_t roce_qp_first_psn(
	const struct roce_qp *qp); /* drawn at create: what the peer is told to begin with */
enum ibv_qp_state roce_qp_state(const struct roce_qp *qp);
int roce_qp_post_send(struct roce_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
int roce_qp_post_recv(struct roce_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
int roce_qp_post_bind(struct roce_qp *qp, struct roce_mw *mw, struct roce_mr *mr, uint64_t iova,
		      uint32_t len, int access, uint64_t wr_id, unsigned send_flags);
int roce_qp_post_local_inv(struct roce_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned send_flags);

/* --- queue pair 1 ------------------------------------------------------------------------------
 */

/* Who gets management datagrams: the CM. On shard 0's reactor, from receive. mad: 256 bytes. */
void roce_gsi_listen(struct roce_device *dev,
		     void (*received)(void *user, const struct net_addr *from,
				      const struct net_addr *to, const uint8_t *mad, uint64_t now),
		     void *user);
/*
 * Sends one from any shard (it goes out with that shard's next run). Returns false
 * when too many wait already: as lost on the wire, the CM sends again.
 */
bool roce_gsi_send(struct roce_shard *shard, const struct net_addr *from, const struct net_addr *to,
		   const uint8_t mad[256]);
