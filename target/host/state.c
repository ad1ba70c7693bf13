/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The states of controllers and queues, as data: what is not an edge here cannot
 * happen. Every step goes into the trace.
 */
#include "target/core/trace.h"
#include "target/host/priv.h"

#define TO(name) (1u << HOST_CTRLR_##name)

static const uint32_t ctrlr_edges[HOST_CTRLR_STATE_COUNT] = {
	[HOST_CTRLR_NEW] = TO(ADMIN),
	[HOST_CTRLR_ADMIN] = TO(ENABLE) | TO(RESETTING),
	[HOST_CTRLR_ENABLE] = TO(IDENTIFY) | TO(RESETTING),
	[HOST_CTRLR_IDENTIFY] = TO(SCAN) | TO(LIVE) | TO(RESETTING),
	[HOST_CTRLR_SCAN] = TO(QUEUES) | TO(RESETTING),
	[HOST_CTRLR_QUEUES] = TO(LIVE) | TO(RESETTING),
	[HOST_CTRLR_LIVE] = TO(RESETTING) | TO(SHUTDOWN),
	[HOST_CTRLR_SHUTDOWN] = TO(RESETTING),
	[HOST_CTRLR_RESETTING] = TO(WAITING) | TO(DEAD) | TO(CLOSED),
	[HOST_CTRLR_WAITING] = TO(ADMIN) | TO(RESETTING),
	[HOST_CTRLR_DEAD] = TO(CLOSED),
};

#undef TO
#define TO(name) (1u << HOST_QPAIR_##name)

static const uint32_t qpair_edges[HOST_QPAIR_STATE_COUNT] = {
	[HOST_QPAIR_CLOSED] = TO(TRANSPORT),
	[HOST_QPAIR_TRANSPORT] = TO(CONNECT) | TO(FAILED) | TO(CLOSED),
	[HOST_QPAIR_CONNECT] = TO(LIVE) | TO(FAILED) | TO(CLOSED),
	[HOST_QPAIR_LIVE] = TO(FAILED) | TO(CLOSED),
	[HOST_QPAIR_FAILED] = TO(CLOSED),
};

#undef TO

static const char *const ctrlr_names[] = {
#define X(name) #name,
	HOST_CTRLR_STATES(X)
#undef X
};

static const char *const qpair_names[] = {
#define X(name) #name,
	HOST_QPAIR_STATES(X)
#undef X
};

bool host_ctrlr_edge(enum host_ctrlr_state from, enum host_ctrlr_state to)
{
	return ctrlr_edges[from] >> to & 1;
}

bool host_qpair_edge(enum host_qpair_state from, enum host_qpair_state to)
{
	return qpair_edges[from] >> to & 1;
}

/* Traced like a queue, with a number that no queue has. */
void host_ctrlr_set_state(struct host_ctrlr *c, enum host_ctrlr_state to)
{
	g_assert(host_ctrlr_edge(c->state, to));
	trace_write(c->reactor->trace, TRACE_HOST_STATE, 0x10000u | c->cntlid,
		    (uint64_t)c->state << 8 | to);
	c->state = to;
}

void host_qpair_set_state(struct host_qpair *q, enum host_qpair_state to)
{
	g_assert(host_qpair_edge(q->state, to));
	trace_write(q->reactor->trace, TRACE_HOST_STATE, q->id, (uint64_t)q->state << 8 | to);
	q->state = to;
}

const char *host_ctrlr_state_name(const struct host_ctrlr *c)
{
	return ctrlr_names[c->state];
}

const char *host_qpair_state_name(enum host_qpair_state s)
{
	return qpair_names[s];
}
