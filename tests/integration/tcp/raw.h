/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A raw NVMe/TCP host: bytes over hw_net from a node of a world. It has its own
 * encoder and its own CRC32C and shares nothing with target/ but the reactor, so
 * that it can say anything at all, and is no judge in its own cause.
 */
#pragma once

#include "tests/integration/world/fixture.h"

enum {
	ICREQ = 0,
	ICRESP = 1,
	H2CTERM = 2,
	C2HTERM = 3,
	CMD = 4,
	RESP = 5,
	H2CDATA = 6,
	C2HDATA = 7,
	R2T = 9,
};

struct raw {
	struct fx *fx;
	struct core *core;
	struct net_stream *stream;
	GByteArray *out; /* not sent yet */
	GByteArray *in;	 /* received, not taken */
	GPtrArray *pdus; /* GBytes*, taken apart */
	bool connected;
	bool closed;	   /* by the target, or refused */
	bool deaf;	   /* never reads */
	bool hdgst, ddgst; /* as agreed by raw_icreq() */
	uint64_t closed_at;
	unsigned hpda;
};

/* A host of bytes on a node of fx_host (its core); connects to FX_ADDR:4420. */
struct raw *raw_open(struct fx *fx, struct core *core);
void raw_free(struct raw *r);
void raw_close(struct raw *r); /* the socket; half as hard as raw_abort */
void raw_abort(struct raw *r);
void raw_send(struct raw *r, const void *data, size_t len);
void raw_send_bytes(struct raw *r, GByteArray *bytes); /* takes it */
/* Runs the world until n PDUs have come, or the end; false: neither within ns. */
bool raw_wait(struct raw *r, unsigned n, uint64_t ns);
bool raw_wait_closed(struct raw *r, uint64_t ns);

/* Little-endian fields of a PDU. */
uint64_t raw_get(const uint8_t *p, unsigned offset, unsigned len);
void raw_put(uint8_t *p, unsigned offset, unsigned len, uint64_t value);
uint32_t raw_crc(const void *data, size_t len);

/* --- PDUs: header as given by digests of r; data may be NULL ------------------------------ */

GByteArray *raw_icreq(struct raw *r, unsigned hpda, bool hdgst, bool ddgst);
/* sqe: 64 bytes */
GByteArray *raw_capsule(const struct raw *r, const uint8_t *sqe, const void *data, uint32_t len);
GByteArray *raw_h2c(const struct raw *r, uint16_t cid, uint16_t ttag, uint32_t off,
		    const void *data, uint32_t len, bool last);
/* Makes the header digest good again after a change. */
void raw_redigest(const struct raw *r, GByteArray *pdu);

/* --- SQEs (64 bytes at sqe) ------------------------------------------------------------------ */

enum { SGL_NONE, SGL_INCAPSULE, SGL_TRANSPORT };
void raw_sqe(uint8_t *sqe, uint8_t opcode, uint16_t cid, uint32_t nsid, int sgl, uint32_t len);
void raw_rw(uint8_t *sqe, bool write, uint16_t cid, uint32_t nsid, uint64_t slba, uint32_t blocks,
	    int sgl, uint32_t len);
void raw_prop(uint8_t *sqe, bool set, uint16_t cid, uint32_t offset, unsigned size, uint64_t value);
/* Connect and its data. kato in ms. sqsize is 0's based. */
void raw_connect_sqe(uint8_t *sqe, uint16_t cid, uint16_t qid, uint16_t sqsize, uint32_t kato);
void raw_connect_data(uint8_t data[1024], uint16_t cntlid, const char *hostnqn, uint8_t hostid);

/* --- whole exchanges ----------------------------------------------------------------------------
 */

#define RAW_HOSTNQN "nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-0000000000aa"

/* Opens, ICReq. */
struct raw *raw_open_ic(struct fx *fx, struct core *core, bool hdgst, bool ddgst);
/* Sends a command and waits for its response: status (no phase bit), 0xffff: none came. */
uint16_t raw_cmd(struct raw *r, const uint8_t *sqe, const void *data, uint32_t len, uint64_t *dw01);
uint16_t raw_connect(struct raw *r, uint16_t qid, uint16_t sqsize, uint32_t kato, uint16_t cntlid,
		     uint64_t *dw01);
/* Admin queue, enabled, 4 queues granted; *cntlid. Fails the test when not. */
struct raw *raw_admin(struct fx *fx, struct core *core, bool hdgst, bool ddgst, uint32_t kato,
		      uint16_t *cntlid);
struct raw *raw_io(struct fx *fx, struct core *core, bool hdgst, bool ddgst, uint16_t cntlid,
		   uint16_t qid, uint16_t sqsize);
/* The last PDU received; NULL: none. type: of that type. */
const uint8_t *raw_last(const struct raw *r, int type);
const uint8_t *raw_pdu(const struct raw *r, unsigned i);
/* Takes all PDUs off. */
void raw_forget(struct raw *r);
/* The response (RESP) to cid, or NULL. */
const uint8_t *raw_response(const struct raw *r, uint16_t cid);

/* --- the target's side
 * ------------------------------------------------------------------------------ */

/* Buffers held in the pools of all reactors. */
unsigned raw_bufs_in_use(struct fx *fx);
unsigned raw_connections(struct fx *fx);
/* The memory of a malloc bdev. */
uint8_t *raw_memory(struct fx *fx, const char *bdev);
/* Runs until the target has no more connections than that; fails the test after ns. */
void raw_settle(struct fx *fx, unsigned connections, uint64_t ns);
