/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP (transport specification 1.0), target side. A connection is a queue
 * pair. tcp.c has its life, tcp-rx.c takes PDUs apart, tcp-tx.c sends.
 *
 * Receiving: bytes go into a staging buffer (rx). Commands are parsed there;
 * data that is in it whole is used in place (the request holds a reference to
 * the buffer), else it gets a buffer of its own, and what is still to come is
 * received straight into that, with the staging buffer behind it. An idle
 * connection has no staging buffer; and where the pool is empty a small one of the
 * connection's own serves, with room for a header and in-capsule data: so that a
 * write that holds a buffer always gets its data, whatever comes before that.
 *
 * A host that holds pool buffers for which others wait (it does not read its
 * responses, or does not send the data asked for) has TCP_STALL_NS without any
 * progress; then its connection is ended.
 *
 * Sending: a response waits in the connection's queue until the end of the
 * pass, when all of them go out with one gather send.
 */
#pragma once

#include "target/nvmf/qpair.h"

struct tcp_conn;

enum tcp_req_state {
	TCP_REQ_FREE,
	TCP_REQ_WAIT_BUFFER, /* of a write: before its R2T, or its in-capsule data */
	TCP_REQ_R2T,         /* R2T queued or sent; data is to come */
	TCP_REQ_DATA,        /* in-capsule data is being received */
	TCP_REQ_EXEC,        /* nvmf has it */
	TCP_REQ_TX,          /* its response is queued */
};

struct tcp_req {
	struct nvmf_request req;
	struct tcp_req *next; /* free list */
	struct tcp_req *tx_next;
	struct buf *rx; /* the staging buffer its data is in, or NULL */
	struct iovec rx_iov;
	uint32_t received; /* of req.data_len, by H2CData */
	uint32_t ddgst;    /* to send */
	uint32_t tx_left;      /* bytes of what is queued, not sent yet */
	uint32_t tx_total;
	uint16_t ttag;
	uint8_t state; /* enum tcp_req_state */
	uint8_t tx_hdr_len;
	uint8_t tx_pad_len;  /* zeros up to the data's alignment */
	uint8_t tx_resp_len; /* of resp[], behind the data; 0: none */
	bool tx_data;        /* req.iov goes out behind the header, with its digest */
	bool failed_digest;  /* its data came with a wrong data digest, or: */
	bool aborted;	     /* it ends when its data is there */
	/* C2HData, R2T or CapsuleResp, with its header digest. */
	_Alignas(8) uint8_t hdr[sizeof(struct nvme_tcp_data) + NVME_TCP_DIGEST_LEN];
	_Alignas(8) uint8_t resp[sizeof(struct nvme_tcp_capsule_resp) + NVME_TCP_DIGEST_LEN];
};

enum tcp_state {
	TCP_WAIT_ICREQ,
	TCP_READY,
	TCP_LINGER, /* C2HTermReq sent: waiting for the host to close */
	TCP_CLOSED,
};

enum tcp_rx_phase {
	RX_HEADER,
	RX_DATA,   /* into rx_dst (or nowhere), rx_left bytes */
	RX_DDGST,  /* the data digest behind it */
};

/* Largest header part: ICReq is 128; the rest 72, plus digest, padded to at most 252 (PDO). */
#define TCP_HDR_SPACE 256
#define TCP_RX_SIZE_ADMIN 16384
#define TCP_RCVBUF (1024 * 1024) /* of the socket: a queue of in-capsule writes, twice over */
#define TCP_RX_SIZE_IO 65536
/* The connection's own staging before Connect: a header, and some data behind it. */
#define TCP_RX_SIZE_SMALL 512
#define TCP_STALL_NS (30 * UINT64_C(1000000000))
/* In-capsule data of the admin queue and of Connect (SGLs, ioccsz do not bound it). */
#define TCP_ADMIN_ICD 8192

struct tcp_conn {
	struct nvmf_qpair q;
	struct net_stream *stream;
	uint8_t state; /* enum tcp_state */
	bool hdgst, ddgst;
	bool plain; /* ready, and without either */
	bool success_flag; /* C2HData may carry the completion */
	uint8_t pdo;       /* of data in PDUs to the host: header and digest, aligned as it asked */

	struct buf *rx;   /* of the pool, or &small, or NULL */
	struct buf small; /* never in the pool; its first reference is the connection's */
	uint8_t *small_mem;
	uint32_t rx_off, rx_len;
	uint32_t rx_size;
	uint32_t rx_need; /* bytes more, for a capsule that is taken as a whole */
	bool rx_blocked; /* no request, no buffer for data, or Connect under way: do not parse */
	bool rx_paused;   /* the stream is told so */
	bool rx_wait_req; /* blocked until a request is free */
	bool rx_wait_small; /* blocked until nobody uses what is in small */
	uint8_t rx_phase;
	struct tcp_req *rx_req; /* whose data is being received; NULL in RX_DATA: skipped */
	uint8_t *rx_dst;   /* next byte of data goes here; NULL: skipped */
	uint8_t *rx_start; /* where this PDU's data began, for its digest */
	uint32_t rx_left;  /* of this PDU's data */
	struct task resume_task;
	uint8_t *moved; /* what was in the staging buffer, while between reactors; rx_len bytes */
	unsigned r2ts;  /* requests in TCP_REQ_R2T: small reads of headers then */

	struct tcp_req *free;
	struct tcp_req *reqs;
	unsigned nreqs;
	struct tcp_req first; /* before the queue is enabled */

	struct tcp_req *tx_head, **tx_tail;
	bool tx_blocked; /* the socket is full: wait for writable */
	struct task flush_task;
	/* ICResp, C2HTermReq or both, sent before everything else that has not begun. */
	_Alignas(8) uint8_t ctrl[sizeof(struct nvme_tcp_icresp) + sizeof(struct nvme_tcp_term) + 128];
	uint32_t ctrl_len, ctrl_off;
	struct timer linger_timer;
	uint64_t progress; /* when something went to or came from the host for a command of its */
	struct timer stall_timer;
	uint8_t small_data[TCP_RX_SIZE_SMALL];
};

static inline struct tcp_conn *tcp_conn_of(struct nvmf_qpair *q)
{
	return (struct tcp_conn *)q;
}

static inline struct tcp_req *tcp_req_of(struct nvmf_request *req)
{
	return (struct tcp_req *)req;
}

/* tcp.c */
struct tcp_req *tcp_req_get(struct tcp_conn *c);
/* Back to the free list, with all it holds; parsing goes on if it waited for one. */
void tcp_req_free(struct tcp_conn *c, struct tcp_req *r);
/* Staging bytes of a request are not needed any more. */
void tcp_req_drop_rx(struct tcp_req *r);
/* A buffer is held for the host from now on: see above. */
static inline void tcp_watch(struct tcp_conn *c)
{
	if (!timer_is_set(&c->stall_timer))
		reactor_timer_set(c->q.reactor, &c->stall_timer, c->q.reactor->now + TCP_STALL_NS);
}
void tcp_stalled(struct timer *t, struct reactor *r);
/* The C2HTermReq has been sent and the host has closed (or took too long). */
void tcp_linger_end(struct tcp_conn *c);

/* tcp-rx.c */
void tcp_readable(struct net_stream *s, void *user);
/* Lifts rx_blocked; parsing goes on in this pass. */
void tcp_rx_unblock(struct tcp_conn *c);
void tcp_rx_resume(struct task *task);
/* The staging buffer is given back. */
void tcp_rx_drop(struct tcp_conn *c);
/* The same if there is nothing in it and no more data to come. */
void tcp_rx_idle(struct tcp_conn *c);
/* The connection's own staging, for capsules up to the limit. False: no memory. */
bool tcp_rx_reserve(struct tcp_conn *c);
/* qpair_abort of struct nvmf_transport_ops. */
bool tcp_abort(struct nvmf_qpair *q, uint16_t cid);
/* Staging for what was received on another reactor. False: no memory. */
bool tcp_rx_restore(struct tcp_conn *c, const uint8_t *data, uint32_t len);

/* tcp-tx.c */
void tcp_writable(struct net_stream *s, void *user);
void tcp_complete(struct nvmf_request *req);
void tcp_send_r2t(struct tcp_conn *c, struct tcp_req *r);
void tcp_send_icresp(struct tcp_conn *c, uint32_t maxh2c);
/*
 * A fatal error of the host: C2HTermReq with fes, fei and a copy of the header
 * (hlen bytes), then the queue pair is killed.
 */
void tcp_terminate(struct tcp_conn *c, uint16_t fes, uint32_t fei, const void *hdr, uint32_t hlen);
void tcp_flush(struct task *task);
/* Drops what is queued; all: also a response that has gone out in part. */
void tcp_tx_drop(struct tcp_conn *c, bool all);
