/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RDMA: verbs and connection management, in their own words. Work requests,
 * completions, capabilities and attributes are the structures of
 * <infiniband/verbs.h> and <rdma/rdma_cma.h>, with the meaning they have there;
 * the objects are opaque, so that a device may be software (hw/roce) or a model.
 *
 * Backends: hw/linux/rnic-verbs (libibverbs, librdmacm), hw/roce over UDP, hw/roce
 * over the links of a world.
 *
 * Addresses. Every address in an SGE, in a remote address or in a registration is
 * an IOVA (hw/mem.h), never a pointer; with one exception: the SGEs of a send with
 * IBV_SEND_INLINE hold pointers (their lkey is not looked at), the data is copied
 * before post_send returns.
 *
 * Threads. A context belongs to one reactor. CQs, SRQs, QPs and CM ids belong to
 * the context they were made on and are used on its reactor only; a CM id without
 * a QP changes reactor by move. A QP's CQs and SRQ are of its own context. Devices,
 * PDs and MRs are of all reactors: their calls are made on the main reactor, mr_reg
 * and mr_dereg also on the thread that allocates memory. Posting and polling take
 * no lock that another reactor may hold for long.
 *
 * Callbacks come from the pass of the object's reactor, never from inside a call
 * of this interface. An object may be destroyed from inside any callback, its own
 * included; after destroy returned none of its callbacks comes any more, events
 * that were on their way are dropped.
 *
 * Errors are negative errno values. A backend produces at least:
 *   -ENOMEM     no memory, or the device has no more objects of the kind
 *   -EINVAL     beyond a limit of the device, or the wrong state
 *   -EBUSY      others depend on it (a PD with MRs, a CQ with QPs)
 *   -ENODEV     the device has gone, or no device has that address
 *   -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EAFNOSUPPORT   listen, resolve
 *   -EOPNOTSUPP the device cannot (memory windows, SRQ)
 */
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/net.h"

struct reactor;
struct rnic_ctx;
struct rnic_device;
struct rnic_pd;
struct rnic_mr;
struct rnic_mw;
struct rnic_cq;
struct rnic_srq;
struct rnic_qp;
struct rnic_id;

/* --- devices --------------------------------------------------------------------- */

enum rnic_kind {
	RNIC_VERBS, /* of a provider of libibverbs */
	RNIC_SOFT,  /* hw/roce in this process */
	RNIC_MODEL, /* of a world */
};

/*
 * What a device is and can. attr is as ibv_query_device() gives it; the fields
 * that count: fw_ver, node_guid, vendor_id, vendor_part_id, max_mr_size, max_qp,
 * max_qp_wr, device_cap_flags (IBV_DEVICE_MEM_WINDOW_TYPE_2B, IBV_DEVICE_RC_RNR_NAK_GEN,
 * IBV_DEVICE_SRQ_RESIZE, ...), max_sge, max_sge_rd, max_cq, max_cqe, max_mr, max_pd,
 * max_qp_rd_atom, max_qp_init_rd_atom, max_mw, max_srq, max_srq_wr, max_srq_sge,
 * phys_port_cnt. A limit may be tiny (1): users obey.
 */
struct rnic_info {
	char name[64]; /* "mlx5_0", "rxe0", "soft0" */
	enum rnic_kind kind;
	enum ibv_transport_type transport; /* IBV_TRANSPORT_IB (RoCE too), IBV_TRANSPORT_IWARP */
	struct ibv_device_attr attr;
	uint32_t max_inline; /* bytes, a hint: qp_create says what a QP got */
	bool send_with_inv;  /* IBV_WR_SEND_WITH_INV */
	int numa_node;	     /* -1: not known */
};

/* state, active_mtu, max_msg_sz, gid_tbl_len, link_layer, active_speed, active_width count. */
struct rnic_port {
	struct ibv_port_attr attr;
	struct net_addr addrs[16]; /* of its GIDs, without ports: where CM ids of it can listen */
	unsigned naddrs;
};

/* Somebody who wants to know of devices; all on the main reactor. */
struct rnic_watcher {
	/* One is there (also called, from a pass, for each that is there at watch). */
	void (*added)(struct rnic_watcher *w, struct rnic_device *dev);
	/*
	 * It goes away, or has gone: every object on it ends with errors; destroy them
	 * (each reactor its own, each CM id gets RDMA_CM_EVENT_DEVICE_REMOVAL), then
	 * device_done(). No call for this device may be made after that. Work of a device
	 * that was torn out (IBV_EVENT_DEVICE_FATAL may come first) may end without completions: whoever waits for them does so for a
	 * limited time, and then destroys the QP.
	 */
	void (*removing)(struct rnic_watcher *w, struct rnic_device *dev);
	/*
	 * Of the device or of a port: IBV_EVENT_DEVICE_FATAL, PORT_ACTIVE, PORT_ERR,
	 * LID_CHANGE, GID_CHANGE, CLIENT_REREGISTER. port: its number from 1, 0: none.
	 */
	void (*event)(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
		      unsigned port);
	struct rnic_watcher *next; /* the backend's */
};

/*
 * What a device has counted of packets. Names are those of Linux's hw_counters where they
 * mean the same ("sent_pkts", "local_ack_timeout_err"), constant, in an order of the device.
 */
struct rnic_counter {
	const char *name;
	uint64_t value;
};

#define RNIC_COUNTERS 24

/* --- completion queues -------------------------------------------------------------- */

/*
 * The arm/poll discipline of verbs: who has work for a CQ is an engine of its
 * reactor (target/core/engine.h): poll calls cq_poll; arm calls cq_arm and then
 * polls once more. A completion added after cq_arm wakes the reactor, once, until
 * it is armed again; those that were in the CQ before do not. The notification
 * itself (completion channel, its fd, acknowledging) is the context's.
 */
struct rnic_cq_cb {
	/* IBV_EVENT_CQ_ERR: it overflowed; its QPs are in error, nothing more comes out of it. */
	void (*error)(struct rnic_cq *cq, void *user);
};

/* --- shared receive queues ------------------------------------------------------------ */

struct rnic_srq_cb {
	/* IBV_EVENT_SRQ_LIMIT_REACHED (once for each srq_arm), IBV_EVENT_SRQ_ERR. */
	void (*event)(struct rnic_srq *srq, enum ibv_event_type type, void *user);
};

/* --- queue pairs ------------------------------------------------------------------------ */

struct rnic_qp_cb {
	/*
	 * IBV_EVENT_QP_FATAL, QP_REQ_ERR, QP_ACCESS_ERR: it is in error.
	 * IBV_EVENT_QP_LAST_WQE_REACHED (with an SRQ only): after it went into error, no
	 * more of the SRQ's receives will end for it than are in its CQ now.
	 * IBV_EVENT_COMM_EST: something arrived before the connection was established.
	 * IBV_EVENT_SQ_DRAINED, PATH_MIG are not produced.
	 */
	void (*event)(struct rnic_qp *qp, enum ibv_event_type type, void *user);
};

/* Reliable connected. As struct ibv_qp_init_attr; cap is changed to what it got (at least as
 * asked). */
struct rnic_qp_init {
	struct rnic_cq *send_cq, *recv_cq;
	struct rnic_srq *srq; /* NULL: receives are posted to the QP */
	struct ibv_qp_cap cap;
	bool sq_sig_all;
	const struct rnic_qp_cb *cb; /* outlives the QP */
	void *user;
};

/* --- connection management -------------------------------------------------------------- */

/*
 * As struct rdma_cm_event. Valid during the callback. param holds private_data,
 * private_data_len (with whatever padding the CM adds at the end), and for requests
 * and replies responder_resources, initiator_depth, flow_control, retry_count,
 * rnr_retry_count, srq, qp_num. The first two as whoever gets the event may use them:
 * initiator_depth is how many READs the peer answers at a time (its
 * responder_resources), responder_resources how many it makes.
 *
 * On a listener:   CONNECT_REQUEST (id is new; see id_listen).
 * Passive side:    ESTABLISHED (RTU, or the first receive: a capsule may end up in the
 *                  CQ before this event), CONNECT_ERROR, UNREACHABLE (no RTU ever came).
 * Active side:     ROUTE_RESOLVED, ADDR_ERROR, ROUTE_ERROR, ESTABLISHED, REJECTED
 *                  (status: the reason; private data of who rejected), UNREACHABLE
 *                  (status -ETIMEDOUT, -EHOSTUNREACH), CONNECT_ERROR.
 * Both:            DISCONNECTED (the peer has, or disconnect is through; the QP is in
 *                  error: its work is flushed), TIMEWAIT_EXIT (the last event),
 *                  ADDR_CHANGE, DEVICE_REMOVAL (the id must be destroyed).
 */
struct rnic_cm_event {
	enum rdma_cm_event_type type;
	int status;
	struct rnic_id *id;
	struct rdma_conn_param param;
};

struct rnic_id_cb {
	void (*event)(struct rnic_id *id, const struct rnic_cm_event *event, void *user);
};

/* RDMA_CM_EVENT_REJECTED, status (InfiniBand 12.6.7.2, the ones that users see). */
enum {
	RNIC_REJ_NO_QP = 1,
	RNIC_REJ_TIMEOUT = 4,
	RNIC_REJ_INVALID_SERVICE_ID = 8, /* nobody listens there */
	RNIC_REJ_STALE_CONN = 10,
	RNIC_REJ_INVALID_MTU = 26, /* the peer's port has a smaller one */
	RNIC_REJ_CONSUMER = 28, /* the peer's program: it says why in private data */
};

#define RNIC_CM_REQ_PRIVATE 56 /* bytes of private data a user may give with connect */
#define RNIC_CM_REP_PRIVATE 196
#define RNIC_CM_REJ_PRIVATE 148

/* --- operations ---------------------------------------------------------------------------- */

struct hw_rnic_ops {
	/*
	 * Joins a reactor: adds an engine to it. One a reactor; the main one's is opened first
	 * (what the device needs of the machine is opened with it) and closed last.
	 */
	int (*ctx_open)(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out);
	/* All of its objects must be gone. */
	void (*ctx_close)(struct rnic_ctx *ctx);

	/* Main reactor. */
	void (*watch)(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w);
	void (*unwatch)(struct hw_rnic *rnic, struct rnic_watcher *w);
	void (*device_info)(struct rnic_device *dev, struct rnic_info *info);
	/* port from 1. False: there is none. */
	bool (*device_port)(struct rnic_device *dev, unsigned port, struct rnic_port *out);
	/* After removing: nobody uses it any more. */
	void (*device_done)(struct rnic_device *dev);
	/* What it has counted since it was made. Returns how many (0: it does not count). */
	unsigned (*device_counters)(struct rnic_device *dev,
				    struct rnic_counter out[RNIC_COUNTERS]);

	/* --- protection domains and memory --- */
	int (*pd_alloc)(struct rnic_device *dev, struct rnic_pd **out);
	int (*pd_dealloc)(struct rnic_pd *pd);
	/*
	 * [addr, addr + len) becomes reachable as [iova, iova + len); both begin at the
	 * same place in a page of 4096 bytes. access:
	 * IBV_ACCESS_LOCAL_WRITE, REMOTE_READ, REMOTE_WRITE, MW_BIND. The memory stays
	 * the caller's, which keeps it until mr_dereg.
	 */
	int (*mr_reg)(struct rnic_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		      struct rnic_mr **out);
	/* From its return on the device does not touch the memory. -EBUSY: windows are bound to it.
	 */
	int (*mr_dereg)(struct rnic_mr *mr);
	uint32_t (*mr_lkey)(const struct rnic_mr *mr);
	uint32_t (*mr_rkey)(const struct rnic_mr *mr);
	/* Type 2B, for the context whose QPs bind it. -EOPNOTSUPP: use MRs. */
	int (*mw_alloc)(struct rnic_pd *pd, struct rnic_mw **out);
	/* Bound or not. Also on that context's reactor. */
	void (*mw_dealloc)(struct rnic_mw *mw);
	uint32_t (*mw_rkey)(const struct rnic_mw *mw); /* as last bound */

	/* --- completion queues --- */
	/* At least cqe entries. A QP whose completions find no room is an error of the user. */
	int (*cq_create)(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
			 const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out);
	int (*cq_destroy)(struct rnic_cq *cq); /* -EBUSY: it has QPs */
	/*
	 * Up to n completions, oldest first; returns how many. As ibv_poll_cq: of a failed
	 * one (status other than IBV_WC_SUCCESS) only wr_id, status, qp_num, vendor_err
	 * count. opcode, byte_len, imm_data, invalidated_rkey, wc_flags as there.
	 */
	int (*cq_poll)(struct rnic_cq *cq, int n, struct ibv_wc *wc);
	/* As ibv_req_notify_cq for all completions. Returns 0 or -ENODEV. */
	int (*cq_arm)(struct rnic_cq *cq);

	/* --- shared receive queues --- */
	/* attr: max_wr, max_sge; changed to what it got. */
	int (*srq_create)(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
			  const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out);
	int (*srq_destroy)(struct rnic_srq *srq); /* -EBUSY: it has QPs */
	/* The next time fewer than limit receives are left, the event comes. */
	int (*srq_arm)(struct rnic_srq *srq, uint32_t limit);
	/* Of a chain. 0, or an error and *bad: the first that was not taken. */
	int (*srq_post_recv)(struct rnic_srq *srq, struct ibv_recv_wr *wr,
			     struct ibv_recv_wr **bad);

	/* --- queue pairs --- */
	/* On the device of id (resolved, or of a connect request). One an id. It is in INIT:
	 * receives may be posted. */
	int (*qp_create)(struct rnic_id *id, struct rnic_pd *pd, struct rnic_qp_init *init,
			 struct rnic_qp **out);
	/*
	 * Any state. What is outstanding ends without completions; those in CQs already
	 * stay there (their qp_num says whose they were). From its return on the device
	 * does not touch memory on behalf of the QP.
	 */
	void (*qp_destroy)(struct rnic_qp *qp);
	uint32_t (*qp_num)(const struct rnic_qp *qp);
	enum ibv_qp_state (*qp_state)(const struct rnic_qp *qp);
	/*
	 * Into IBV_QPS_ERR: every outstanding work request ends with IBV_WC_WR_FLUSH_ERR (in
	 * order within a queue), and so does what is posted later. Idempotent. (Unless the
	 * device has been torn out: see removing.)
	 */
	void (*qp_error)(struct rnic_qp *qp);
	/*
	 * Of a chain; one doorbell. opcodes: IBV_WR_SEND, SEND_WITH_IMM, SEND_WITH_INV,
	 * RDMA_WRITE, RDMA_WRITE_WITH_IMM, RDMA_READ. send_flags: SIGNALED, INLINE, FENCE,
	 * SOLICITED. In RTS or ERR. 0, or -ENOMEM (the queue is full), -EINVAL, and *bad: the
	 * first that was not taken. An unsignaled request's slot is free again when a later
	 * signaled one has completed.
	 */
	int (*post_send)(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
	/* Without an SRQ. In INIT and later. */
	int (*post_recv)(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
	/* IBV_WR_BIND_MW, then mw_rkey() is the new one; and IBV_WR_LOCAL_INV of an rkey. */
	int (*post_bind)(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
			 uint32_t len, int access, uint64_t wr_id, unsigned send_flags);
	int (*post_local_inv)(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id,
			      unsigned send_flags);

	/* --- connection management --- */
	/*
	 * Listens on an address of a device, or on all (wildcard). addr->port 0: any free
	 * one. For each request the callback gets CONNECT_REQUEST with a new id, which is
	 * the callee's from then on, with the listener's user and callbacks until id_move:
	 * it moves it, accepts, rejects or destroys it (that rejects), within some
	 * seconds (the CM sends MRA as needed).
	 */
	int (*id_listen)(struct rnic_ctx *ctx, const struct net_addr *addr, int backlog,
			 const struct rnic_id_cb *cb, void *user, struct rnic_id **out);
	/* Finds device and route to dst. src may be NULL. Then ROUTE_RESOLVED, or ADDR_ERROR,
	 * ROUTE_ERROR. */
	int (*id_resolve)(struct rnic_ctx *ctx, const struct net_addr *dst,
			  const struct net_addr *src, unsigned timeout_ms,
			  const struct rnic_id_cb *cb, void *user, struct rnic_id **out);
	/* Without a QP. It belongs to ctx afterwards; called on its reactor, or before anything
	 * else after the request. */
	void (*id_move)(struct rnic_id *id, struct rnic_ctx *ctx, const struct rnic_id_cb *cb,
			void *user);
	/* Its device; NULL: a wildcard listener, or not resolved. */
	struct rnic_device *(*id_device)(const struct rnic_id *id);
	void (*id_local)(const struct rnic_id *id, struct net_addr *addr);
	void (*id_remote)(const struct rnic_id *id, struct net_addr *addr);
	/*
	 * With a QP. param: private_data (connect: at most RNIC_CM_REQ_PRIVATE bytes; accept:
	 * RNIC_CM_REP_PRIVATE), responder_resources, initiator_depth, retry_count,
	 * rnr_retry_count (7: for ever). The QP goes to RTS; the ESTABLISHED event follows.
	 * accept, and qp_create before it, may fail with -EINVAL when the peer has given up
	 * meanwhile: no event says so then.
	 */
	int (*connect)(struct rnic_id *id, const struct rdma_conn_param *param);
	int (*accept)(struct rnic_id *id, const struct rdma_conn_param *param);
	/* Reason RNIC_REJ_CONSUMER with private data. The id must still be destroyed. */
	int (*reject)(struct rnic_id *id, const void *private_data, uint8_t len);
	/* Sends DREQ (repeats it until DREP comes or the retries are used up); the QP goes into
	 * error at once. */
	void (*disconnect)(struct rnic_id *id);
	/* Any state; its QP must have been destroyed. A peer still connected is told (DREQ). */
	void (*id_destroy)(struct rnic_id *id);
};

struct hw_rnic {
	const struct hw_rnic_ops *ops;
};
