/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the host: controller, queue pair, and the table a transport fills.
 *
 * Owner and queue talk by messages only. To a queue: connect, close. From it:
 * connected or failed, then closed (each at most once between a connect and its
 * closed, so that the messages can be part of the queue; closed comes last).
 * Fields of a queue that the owner fills in (conn_next, close_*) are written before the
 * connect message, those the owner reads (cntlid, err...) before the answer.
 *
 * A slot is a command identifier with what is known of its command. Slots are
 * made with the queue: no allocation after that.
 */
#pragma once

#include "target/host/host.h"

#define HOST_ADMIN_SIZE 32	/* entries of the admin queue */
#define HOST_AERS 4		/* asynchronous event requests kept at the target */
#define HOST_ADMIN_RESERVED 8	/* admin slots kept for the host's own use */
#define HOST_ADMIN_CAPSULE 8192 /* data in capsules of fabrics and admin commands (TCP 3.3.2) */
#define HOST_MAX_NS 4096
#define HOST_MAX_IO (1024u * 1024) /* bytes of a command, whatever the target allows */
#define HOST_LINGER_NS (1000 * 1000000ull)
#define HOST_POLL_NS (10 * 1000000ull)
#define HOST_MS(ms) ((uint64_t)(ms)*1000000)
#define HOST_UNSENT UINT64_MAX

#define HOST_CTRLR_STATES(X)                                                                       \
	X(NEW)                                                                                     \
	X(ADMIN)                                                                                   \
	X(ENABLE)                                                                                  \
	X(IDENTIFY)                                                                                \
	X(SCAN)                                                                                    \
	X(QUEUES)                                                                                  \
	X(LIVE)                                                                                    \
	X(RESETTING)                                                                               \
	X(WAITING)                                                                                 \
	X(SHUTDOWN)                                                                                \
	X(DEAD)                                                                                    \
	X(CLOSED)

enum host_ctrlr_state {
#define X(name) HOST_CTRLR_##name,
	HOST_CTRLR_STATES(X)
#undef X
		HOST_CTRLR_STATE_COUNT
};

#define HOST_QPAIR_STATES(X)                                                                       \
	X(CLOSED)                                                                                  \
	X(TRANSPORT)                                                                               \
	X(CONNECT)                                                                                 \
	X(LIVE)                                                                                    \
	X(FAILED)

enum host_qpair_state {
#define X(name) HOST_QPAIR_##name,
	HOST_QPAIR_STATES(X)
#undef X
		HOST_QPAIR_STATE_COUNT
};

/* Where a command stands; the transport's, except io, next and deadline. */
struct host_slot {
	struct host_io *io; /* NULL: free */
	struct host_slot *next;
	uint64_t deadline;
	uint64_t tx_end;   /* stream offset behind its last queued byte; HOST_UNSENT */
	uint32_t len;	   /* bytes of data */
	uint32_t moved;	   /* of them received, or requested by the target and queued */
	uint32_t r2t_left; /* requested and not queued yet */
	uint32_t iov_off;  /* cursor: in element iov_pos */
	uint16_t iov_pos;
	uint16_t ttag;
	uint16_t status; /* host-made status to complete with, 0: none */
	uint8_t xfer;	 /* enum nvme_xfer */
	bool r2t;	 /* the target has asked for data: the capsule was received */
	bool late;	 /* answered, waits until its data has left */
};

struct host_slots {
	struct host_slot *head, **tail;
};

struct host_transport;

/* What a queue needs to know to connect; the owner's copy. */
struct host_conn {
	uint32_t capsule_data; /* bytes of data in an I/O capsule at most */
	uint32_t max_io;
	uint16_t cntlid;
};

struct host_qpair {
	struct host_ctrlr *ctrlr;
	struct reactor *reactor;
	const struct host_transport *ops;
	uint16_t id;
	uint16_t size;
	uint16_t sqsize; /* of Connect: size - 1, or what the transport has agreed on */
	uint8_t state;	 /* enum host_qpair_state */
	bool hold;	 /* failed I/O waits for the next connection */
	bool accept;	 /* submitted I/O may wait: connected once, not given up */
	bool down;	 /* the transport has let go */
	bool closing;	 /* the owner wants it closed */
	bool final;	 /* with that: nothing may stay waiting */
	bool aborted;	 /* with that: because the caller disconnects */
	uint16_t nfree;
	uint16_t *free; /* stack of free slots */
	struct host_slot *slots;
	struct host_slots pending; /* have something to send */
	struct task kick;	   /* flush list: send what is pending */
	struct task drain;	   /* done list: end the I/O of a failed queue */
	struct timer timeout;	   /* the next deadline among slots */
	struct timer setup;	   /* connecting, lingering */
	struct host_conn conn;
	struct host_conn conn_next; /* the owner's, taken over when connecting */
	uint64_t timeout_ns;
	struct host_io connect_io;
	struct nvme_connect_data connect_data;
	struct iovec connect_iov;
	/* messages */
	struct msg connect_msg, close_msg;		  /* to the queue */
	struct msg connected_msg, failed_msg, closed_msg; /* to the owner */
	uint16_t cntlid;				  /* answered by Connect */
	int err;	     /* why it failed: negative errno, or -EPROTO and the like */
	uint16_t err_status; /* Connect was refused: status and dword 0 */
	uint32_t err_dw0;
	const char *err_text; /* constant */
	bool err_is_connect;  /* while connecting the transport */
	bool close_posted;    /* owner's: until closed */
	bool close_final;     /* owner's: for the close message */
	bool close_aborted;   /* the same */
	bool open;	      /* owner's: connect or close posted, closed not yet received */
	bool ready;	      /* owner's: connected received */
};

/* A transport embeds struct host_qpair and implements: */
struct host_transport {
	const char *name; /* "NVMe/TCP": for people */
	/* Allocates a queue of q->size entries; the common part is filled in by the caller. */
	struct host_qpair *(*create)(struct host_ctrlr *c, uint16_t size);
	void (*destroy)(struct host_qpair *q);
	/* Starts; ends in host_qpair_transport_up() or host_qpair_fail(). */
	void (*connect)(struct host_qpair *q);
	/* Sends what q->pending holds, as far as there is room. Called at flush. */
	void (*kick)(struct host_qpair *q);
	/*
	 * Lets go of the connection; nothing of a slot is touched after this
	 * returns. Ends, now or later (lingering), in host_qpair_down().
	 */
	void (*disconnect)(struct host_qpair *q);
};

extern const struct host_transport host_tcp, host_rdma;

struct host_ctrlr {
	struct reactor *reactor;
	struct host_params params; /* strings are the controller's */
	char *subnqn, *hostnqn;
	struct reactor **reactors;
	const struct host_transport *ops;
	struct rdma_device *rdma; /* the RDMA transport's, the main reactor's */
	uint8_t state;		  /* enum host_ctrlr_state */
	bool discovery;
	bool was_live;
	bool stopping; /* disconnect called */
	bool final;    /* the queues are being closed for good */
	struct task stop_task, reset_task;
	host_connect_done done;
	void *done_arg;
	void (*stopped)(void *arg);
	void *stopped_arg;
	GError *error; /* the first since the last good state */
	struct host_qpair *admin;
	struct host_qpair **queues;
	unsigned nqueues;
	unsigned nready;
	unsigned granted; /* queues, by Set Features */
	struct host_conn io_conn;

	uint64_t cap;
	uint32_t vs;
	uint16_t cntlid;
	uint32_t max_io;
	struct nvme_id_ctrlr *id;

	/* One command at a time: connecting, shutting down. */
	struct host_io io;
	struct iovec iov;
	void *buf; /* 4096 bytes */
	const char *what;
	void (*next)(struct host_ctrlr *c);
	uint64_t poll_until;
	struct timer poll;

	struct host_io aer[HOST_AERS];
	struct host_io ka;
	struct timer ka_timer;
	bool ka_busy;
	struct timer retry;
	uint64_t lost_at;
	/* The admin queue was full: what is to be submitted again soon. */
	struct timer again;
	bool aer_waits[HOST_AERS], scan_waits;

	/* namespaces.c */
	GArray *ns;	  /* struct host_ns, sorted */
	GArray *found;	  /* the same, while scanning */
	GArray *nsids;	  /* uint32_t to look at */
	unsigned scan_at; /* index in nsids */
	struct host_io scan_io;
	struct iovec scan_iov;
	void *scan_buf; /* 4096 bytes */
	const char *scan_what;
	void (*scan_next)(struct host_ctrlr *c);
	bool scanning, rescan, scan_log;
};

/* state.c */
void host_ctrlr_set_state(struct host_ctrlr *c, enum host_ctrlr_state to);
void host_qpair_set_state(struct host_qpair *q, enum host_qpair_state to);
bool host_ctrlr_edge(enum host_ctrlr_state from, enum host_ctrlr_state to);
bool host_qpair_edge(enum host_qpair_state from, enum host_qpair_state to);
const char *host_qpair_state_name(enum host_qpair_state s);

/* qpair.c: owner's side */
struct host_qpair *host_qpair_new(struct host_ctrlr *c, uint16_t id, uint16_t size,
				  struct reactor *r);
void host_qpair_free(struct host_qpair *q);
void host_qpair_start(struct host_qpair *q);
/* final: I/O that waits is failed too. */
void host_qpair_stop(struct host_qpair *q, bool final);
/* qpair.c: queue's side, for transports */
void host_qpair_transport_up(struct host_qpair *q);
/* text: constant, what happened. Slots are completed (or held) from the done list. */
void host_qpair_fail(struct host_qpair *q, int err, const char *text);
void host_qpair_down(struct host_qpair *q);
/* Ends the command with this status (0: look at what was moved) and frees the slot. */
void host_qpair_complete(struct host_qpair *q, struct host_slot *s, uint16_t status);
uint32_t host_iov_len(const struct host_io *io);
int host_qpair_submit(struct host_qpair *q, struct host_io *io, uint64_t timeout_ns);

static inline void host_slots_init(struct host_slots *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static inline void host_slots_push(struct host_slots *l, struct host_slot *s)
{
	s->next = NULL;
	*l->tail = s;
	l->tail = &s->next;
}

static inline struct host_slot *host_slots_pop(struct host_slots *l)
{
	struct host_slot *s = l->head;

	l->head = s->next;
	if (!l->head)
		l->tail = &l->head;
	return s;
}

/* Linear: not for the common path. */
void host_slots_remove(struct host_slots *l, struct host_slot *s);

/* ctrlr.c: from queues, on the owner */
void host_ctrlr_queue_connected(struct host_qpair *q);
void host_ctrlr_queue_failed(struct host_qpair *q);
void host_ctrlr_queue_closed(struct host_qpair *q);
/* Something of the controller went wrong; takes error. */
void host_ctrlr_fail(struct host_ctrlr *c, GError *error);
void host_ctrlr_live(struct host_ctrlr *c);
/* Makes (once) and connects the I/O queues. */
void host_ctrlr_connect_queues(struct host_ctrlr *c, unsigned granted);
void host_ctrlr_event(struct host_ctrlr *c, enum host_event event, const struct host_ns *ns);
GError *host_status_error(const char *what, uint16_t status);

void host_ctrlr_init(struct host_ctrlr *c);
/* init.c: the way from a connected admin queue to live, and the shutdown */
void host_ctrlr_begin(struct host_ctrlr *c);
/* The namespaces are known for the first time, or once more. */
void host_ctrlr_scanned(struct host_ctrlr *c);
void host_ctrlr_shutdown(struct host_ctrlr *c);
/* Common to all: submits io on the admin queue for the controller itself. */
bool host_ctrlr_submit(struct host_ctrlr *c, struct host_io *io, uint64_t timeout_ns);
/* What waits for room in the admin queue is submitted soon; no more of it is. */
void host_ctrlr_again(struct host_ctrlr *c);
void host_ctrlr_again_stop(struct host_ctrlr *c);
/* Got live: event requests and keep-alives begin. */
void host_ctrlr_keep_alive_start(struct host_ctrlr *c);
void host_ctrlr_aer_start(struct host_ctrlr *c);

/* namespaces.c */
void host_scan_start(struct host_ctrlr *c, bool with_log);
/* Submits the command again that found the admin queue full. */
void host_scan_again(struct host_ctrlr *c);

/* error.c */
GError *host_queue_error(const struct host_qpair *q);
