/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP queue pair: one stream, a sending half (tcp-tx.c) and a receiving
 * half (tcp-rx.c), both incremental.
 *
 * Sending: PDU headers are built one after the other in hdrs, what is to be sent
 * is a list of segments: pieces of hdrs and of the callers' data. Both start
 * over when all is sent. A slot knows the stream offset behind its last byte
 * (tx_end): its data must not be given back before that has been sent.
 *
 * Receiving: into [the rest of the data of the PDU under way..., stage]. When
 * PDUs are large, stage gets only the next header, so that data is never
 * copied; when they are small, many arrive with one call, and copying their
 * data (from the cache) costs less than a call each would.
 */
#pragma once

#include "target/host/priv.h"

#define TCP_SEGS 1024
#define TCP_HDR_MAX 256 /* of one PDU to send: header, digest, padding, data digest */
#define TCP_STAGE (64 * 1024)
#define TCP_STAGE_ADMIN 4096
#define TCP_STAGE_HEADERS 64 /* a response and the header behind it, with digests */
#define TCP_DIRECT_MIN 16384 /* data of a PDU that is worth a call of its own */
#define TCP_RX_HDR_MAX 256   /* PDO is one byte */
#define TCP_RX_IOVS 64
#define TCP_RX_ROUNDS 16 /* calls in one pass at most */

enum tcp_rx_state { RX_COMMON, RX_HEADER, RX_DATA, RX_DIGEST };

enum tcp_phase {
	TCP_IDLE,
	TCP_CONNECTING,
	TCP_IC, /* ICReq sent, ICResp awaited */
	TCP_UP,
	TCP_LINGER, /* TermReq sent, end of file awaited */
};

struct tcp_rx {
	uint8_t state;
	uint32_t have, need; /* of header, or digest */
	uint32_t left;	     /* data of this PDU */
	uint32_t crc;
	uint32_t last_datal;	/* of the PDU before: what to expect */
	struct host_slot *slot; /* data goes to */
	union {
		struct nvme_tcp_hdr ch;
		struct nvme_tcp_icresp icresp;
		struct nvme_tcp_term term;
		struct nvme_tcp_capsule_resp resp;
		struct nvme_tcp_data data;
		struct nvme_tcp_r2t r2t;
		uint8_t bytes[TCP_RX_HDR_MAX];
	} hdr;
	uint8_t digest[4];
};

struct tcp_qpair {
	struct host_qpair q;
	struct net_stream *stream;
	enum tcp_phase phase;
	bool hdgst, ddgst;
	bool tx_blocked; /* writable is awaited */
	uint32_t cpda;	 /* alignment of data sent, bytes */
	uint32_t hpda;	 /* of data received */
	uint32_t maxh2c;
	struct timer linger;
	/* tx */
	uint64_t tx_queued, tx_sent; /* bytes of this connection */
	uint8_t *hdrs;
	uint32_t hdrs_used, hdrs_size;
	unsigned seg_first, nsegs;
	bool seg_open; /* the last segment may grow: it ends at hdrs_used */
	struct iovec segs[TCP_SEGS];
	struct host_slots late; /* answered, but data of theirs is still being sent */
	/* rx */
	struct tcp_rx rx;
	uint8_t *stage;
	uint32_t stage_size;
};

static inline bool tcp_live(const struct tcp_qpair *t)
{
	return t->phase == TCP_IC || t->phase == TCP_UP;
}

/* tcp-tx.c */
void tcp_tx_reset(struct tcp_qpair *t);
void tcp_kick(struct host_qpair *q);
void tcp_tx_writable(struct tcp_qpair *t);
/* A PDU of its own (ICReq, TermReq); false: not possible now (part of a PDU is still to go). */
bool tcp_tx_now(struct tcp_qpair *t, const void *pdu, size_t len);
/* Response to a write whose data is still under way. */
void tcp_tx_complete_later(struct tcp_qpair *t, struct host_slot *s);

/* tcp-rx.c */
void tcp_rx_reset(struct tcp_qpair *t);
void tcp_rx_readable(struct tcp_qpair *t);

/* tcp.c */
/* The target broke the protocol: TermReq, then the end. fei: field offset or digest. */
void tcp_violation(struct tcp_qpair *t, uint16_t fes, uint32_t fei, const char *text);
void tcp_icresp(struct tcp_qpair *t, const struct nvme_tcp_icresp *pdu);
