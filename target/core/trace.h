/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of binary records a reactor, cheap enough to stay on: the last events
 * before a crash, or when somebody asks by RPC. Own reactor only, except
 * trace_dump, which may read a live ring (a record being written may be torn)
 * and is async-signal-safe.
 *
 * Events are in groups, and each may be switched off: that costs a load and a
 * branch that always goes the same way. All are on at first.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* X(name, "component.event", meaning of a, meaning of b). New ones at the end, at most 64. */
#define TRACE_EVENTS(X)                                        \
	X(NONE, "none", "", "")                                \
	X(TCP_ACCEPT, "tcp.accept", "conn", "")                \
	X(TCP_CLOSE, "tcp.close", "conn", "reason")            \
	X(TCP_PDU_RX, "tcp.pdu_rx", "conn", "type")            \
	X(TCP_TERM_TX, "tcp.term_tx", "conn", "fes")           \
	X(REQ_START, "req.start", "cntlid_qid_cid", "opcode")         \
	X(REQ_DONE, "req.done", "cntlid_qid_cid", "status")           \
	X(CTRLR_STATE, "ctrlr.state", "cntlid", "from_to")     \
	X(QPAIR_STATE, "qpair.state", "cntlid_qid", "from_to") \
	X(NS_STATE, "ns.state", "nsid", "from_to")             \
	X(AER, "aer", "cntlid", "result")                      \
	X(BDEV_RESIZE, "bdev.resize", "blocks", "")            \
	X(HOST_STATE, "host.state", "qid", "from_to")          \
	X(KEEP_ALIVE_EXPIRED, "keep_alive.expired", "cntlid", "") \
	X(RDMA_ACCEPT, "rdma.accept", "conn", "qid")           \
	X(RDMA_REJECT, "rdma.reject", "conn", "status")        \
	X(RDMA_CLOSE, "rdma.close", "conn", "reason")

enum trace_event {
#define X(name, str, a, b) TRACE_##name,
	TRACE_EVENTS(X)
#undef X
	TRACE_EVENT_COUNT
};

/* As dumped, little-endian. */
struct trace_record {
	uint64_t time; /* reactor clock, ns */
	uint16_t event;
	uint16_t reactor;
	uint32_t seq;
	uint64_t a, b;
};

#define TRACE_ALL UINT64_MAX

struct trace {
	struct trace_record *ring;
	uint64_t enabled; /* a bit an event */
	uint32_t mask;
	uint32_t next; /* records ever written, modulo 2^32 */
	uint16_t reactor;
	const uint64_t *now;
};

struct trace *trace_new(uint32_t records, uint16_t reactor, const uint64_t *now);
void trace_free(struct trace *trace);

static inline void trace_write(struct trace *t, enum trace_event event, uint64_t a, uint64_t b)
{
	uint32_t seq = t->next;

	if (__builtin_expect(!(t->enabled >> event & 1), 0))
		return;

	struct trace_record *rec = &t->ring[seq & t->mask];

	t->next = seq + 1;
	rec->time = *t->now;
	rec->event = (uint16_t)event;
	rec->reactor = t->reactor;
	rec->seq = seq;
	rec->a = a;
	rec->b = b;
}

const char *trace_event_name(uint16_t event);
/* Forgets all records; numbers go on. */
void trace_clear(struct trace *t);

/* Groups by number, NULL-terminated. Names that SPDK has too mean the same here. */
extern const char *const trace_groups[];
/* The group of an event other than NONE, which is in none. */
unsigned trace_group_of(enum trace_event event);
/* The events of a group as bits of trace.enabled. */
uint64_t trace_group_events(unsigned group);

/* Calls write for each record, oldest first. */
void trace_dump(const struct trace *t, void (*write)(void *arg, const struct trace_record *rec),
		void *arg);
/* One record as text, without newline. Returns the length as snprintf. Async-signal-safe. */
int trace_format(const struct trace_record *rec, char *buf, size_t len);
