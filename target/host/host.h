/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NVMe host (initiator): controllers of NVMe-oF targets, their queues and
 * namespaces, and I/O to them. TCP and RDMA.
 *
 * Threads: a controller belongs to the reactor it was connected on (its owner):
 * all host_ctrlr_* calls are made there, all its callbacks come there. Each I/O
 * queue belongs to a reactor of its own (host_qpair_reactor()); I/O is submitted
 * and completes there. Callbacks never run inside the call that asked for them.
 *
 * I/O: every accepted host_io is completed exactly once. Statuses made here and
 * not by the target, all without DNR:
 *   NVME_SC_TRANSIENT_TRANSPORT   the connection broke (or a data digest was
 *                                 wrong): the command may or may not have run;
 *   NVME_SC_INTERNAL_PATH_ERROR   never sent, or given up while waiting for a
 *                                 new connection;
 *   NVME_SC_ABORTED_SQ_DELETED    the caller disconnected the controller;
 *   NVME_SC_DATA_TRANSFER_ERROR   the target reported success, but moved less
 *                                 data than the command asked for.
 *
 * Everything a target sends is checked; what breaks the protocol ends the
 * connection (with a TermReq where the transport has one), never the process.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hw/net.h"
#include "target/core/core.h"
#include "target/nvme/nvme.h"

struct host_ctrlr;
struct host_qpair;

/* --- I/O ---------------------------------------------------------------------- */

#define HOST_IOV_MAX 256 /* elements of an I/O at most */

/*
 * One command. Embedded in the caller's structure; it, the iovec array and the
 * data stay untouched and alive from a successful submit until done.
 */
struct host_io {
	/* Set by the caller. */
	void (*done)(struct host_io *io);
	const struct iovec *iov;
	uint16_t niov;
	/* Result: NVMe status as in nvme.h (type, code, DNR), 0 good. */
	uint16_t status;
	uint32_t nsid;
	uint64_t lba;	     /* read, write */
	uint32_t blocks;     /* read, write; 1..65536; times the block size: what iov holds */
	uint32_t timeout_ms; /* 0: the controller's */
	bool fua;	     /* write */
	/* Result: bytes of data moved. */
	uint32_t moved;
	/* The command; filled in by host_read() and the like, by the caller of host_submit(). */
	struct nvme_cmd cmd;
	/* Result: the completion as the target sent it (zero when it did not). */
	struct nvme_cpl cpl;
};

/*
 * Submit on the queue's reactor. Return 0, and io->done comes later; or, io not
 * taken: -EAGAIN (queue full: try again after a completion), -ENOTCONN (not
 * connected; see host_params.queue_io), -EINVAL (more than HOST_IOV_MAX
 * elements, more data than host_ctrlr_max_io(), blocks 0 or more than 65536).
 */
int host_read(struct host_qpair *q, struct host_io *io);
int host_write(struct host_qpair *q, struct host_io *io);
int host_flush(struct host_qpair *q, struct host_io *io);
/* What io->iov holds is what the blocks hold: else NVME_SC_COMPARE_FAILURE. */
int host_compare(struct host_qpair *q, struct host_io *io);
/* No data. deallocate: the blocks may be given back. */
int host_write_zeroes(struct host_qpair *q, struct host_io *io, bool deallocate);
int host_verify(struct host_qpair *q, struct host_io *io);
/*
 * The two as one: compare's data is compared, and if it is the same write's is
 * written, with nothing between. The same nsid, lba and blocks in both. Each is
 * completed; neither is taken unless both are.
 */
int host_compare_and_write(struct host_qpair *q, struct host_io *compare, struct host_io *write);
/* Any command in io->cmd; cid, flags and the SGL are filled in here. Direction as its opcode says.
 */
int host_submit(struct host_qpair *q, struct host_io *io);
/* The same to the admin queue, on the owner. */
int host_admin(struct host_ctrlr *c, struct host_io *io);

/* --- controllers ---------------------------------------------------------------- */

struct host_ns {
	uint32_t nsid;
	uint32_t block_size; /* bytes, power of two, 512..65536 */
	uint64_t blocks;     /* NSZE */
	uint64_t capacity;   /* NCAP */
	uint64_t used;	     /* NUSE */
	uint32_t anagrpid;
	uint8_t uuid[16], nguid[16], eui64[8]; /* zero: none */
};

enum host_event {
	HOST_EVENT_NS_ADDED,   /* ns */
	HOST_EVENT_NS_REMOVED, /* ns as it was; gone when the callback returns */
	HOST_EVENT_NS_RESIZED, /* ns, new size */
	HOST_EVENT_LOST,       /* the connection broke; reconnecting, if that was asked for */
	HOST_EVENT_LIVE,       /* connected again */
	HOST_EVENT_DEAD,       /* lost for good: only host_ctrlr_disconnect() may follow */
	HOST_EVENT_ANA,	       /* what the ANA log page says may have changed: who cares reads it */
	HOST_EVENT_DISCOVERY,  /* a discovery controller: its log changed */
};

enum host_trtype { HOST_TCP, HOST_RDMA };

const char *host_event_name(enum host_event event);

/* host_params_default() first. Strings are copied. */
struct host_params {
	enum host_trtype transport; /* HOST_TCP */
	struct net_addr addr;
	/* Ours; RDMA: it chooses the device. Not given: what leads to addr. */
	struct net_addr src;
	bool src_given;
	const char *subnqn;  /* default: the discovery NQN */
	const char *hostnqn; /* required */
	uint8_t hostid[16];
	unsigned io_queues;	 /* 1; the target may grant fewer. 0 for a discovery controller */
	uint16_t queue_size;	 /* 129 entries of an I/O queue: one more than can be outstanding */
	uint32_t kato_ms;	 /* 10000; keep-alives are sent at half of it; 0: none */
	bool hdgst, ddgst;	 /* TCP: digests; the target must have them */
	bool no_sq_flow_control; /* asks the target to do without */
	uint8_t hpda;		 /* TCP: alignment of data in C2HData: 4 * (hpda + 1) bytes, 0..31 */
	/* Reactors of the I/O queues: queue i on reactors[i % nreactors]. None: the owner. */
	struct reactor *const *reactors;
	unsigned nreactors;
	uint32_t io_timeout_ms;	     /* 30000; of a command; then the controller is reset */
	uint32_t connect_timeout_ms; /* 10000; of each queue */
	/*
	 * After a loss (not of the first connect): tries again at this interval, 0
	 * never, until loss_timeout_ms (0: for ever) have passed.
	 */
	uint32_t reconnect_delay_ms;
	uint32_t loss_timeout_ms;
	/*
	 * True: I/O that was outstanding when the connection broke, and what is
	 * submitted meanwhile, waits and is sent (again) on the new one. False: it
	 * fails at once, and submit returns -ENOTCONN.
	 */
	bool queue_io;
	/* May be NULL. ns is NULL where the event has none. */
	void (*event)(struct host_ctrlr *c, enum host_event event, const struct host_ns *ns,
		      void *arg);
	void *event_arg;
};

void host_params_default(struct host_params *p);

/*
 * error NULL: live, the namespaces known, all I/O queues connected. Otherwise the
 * controller is gone when this returns. The error stays the caller's of done.
 */
typedef void (*host_connect_done)(struct host_ctrlr *c, const GError *error, void *arg);

/*
 * Connects. Call on r, which becomes the owner. NULL and error: a parameter is
 * wrong (done is not called).
 */
struct host_ctrlr *host_ctrlr_connect(struct reactor *r, const struct host_params *params,
				      host_connect_done done, void *arg, GError **error);

/*
 * Ends it cleanly: shutdown notification (where connected), queues closed, I/O
 * outstanding aborted. done is called on the owner, then c is freed. Allowed at
 * any time until then, once; a connect under way ends with -ECANCELED first.
 */
void host_ctrlr_disconnect(struct host_ctrlr *c, void (*done)(void *arg), void *arg);

/* Drops the connection as if it had broken, and reconnects where that was asked for. */
void host_ctrlr_reset(struct host_ctrlr *c);

/* What the target granted. Stable while live. */
unsigned host_ctrlr_qpairs(const struct host_ctrlr *c);
/* i below host_ctrlr_qpairs(). Stays valid until disconnect, also across reconnects. */
struct host_qpair *host_ctrlr_qpair(struct host_ctrlr *c, unsigned i);
struct reactor *host_qpair_reactor(const struct host_qpair *q);
uint16_t host_qpair_id(const struct host_qpair *q);
/* How many I/Os can be outstanding. */
unsigned host_qpair_depth(const struct host_qpair *q);
unsigned host_qpair_outstanding(const struct host_qpair *q);

/* Bytes of data that a command can carry. */
uint32_t host_ctrlr_max_io(const struct host_ctrlr *c);
const struct nvme_id_ctrlr *host_ctrlr_identify(const struct host_ctrlr *c);
uint32_t host_ctrlr_version(const struct host_ctrlr *c); /* VS */
uint64_t host_ctrlr_cap(const struct host_ctrlr *c);
uint16_t host_ctrlr_cntlid(const struct host_ctrlr *c);
const char *host_ctrlr_subnqn(const struct host_ctrlr *c);
/* "LIVE", ...; constant. */
const char *host_ctrlr_state_name(const struct host_ctrlr *c);

/* Sorted by nsid; valid until the next event or callback. */
unsigned host_ctrlr_namespaces(const struct host_ctrlr *c);
const struct host_ns *host_ctrlr_ns_at(const struct host_ctrlr *c, unsigned i);
/* NULL: none such. */
const struct host_ns *host_ctrlr_ns(const struct host_ctrlr *c, uint32_t nsid);

/* --- discovery ---------------------------------------------------------------------- */

#define HOST_DISCOVERY_MAX 4096 /* entries; a longer log is refused */

/* entries are freed after done returns. error NULL: good. */
typedef void (*host_discover_done)(const struct nvme_discovery_entry *entries, unsigned n,
				   uint64_t genctr, const GError *error, void *arg);

/* Connects to the discovery controller at params->addr, reads the log, disconnects. */
bool host_discover(struct reactor *r, const struct host_params *params, host_discover_done done,
		   void *arg, GError **error);
/* Copies an ASCII field (space or zero padded) into a string. Control characters become '?'. */
void host_ascii(char *out, size_t outlen, const char *field, size_t len);
