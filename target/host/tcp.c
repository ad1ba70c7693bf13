/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP: the connection. ICReq and ICResp, TermReq, closing.
 *
 * After a violation the queue has failed for the rest of the host at once; the
 * stream lingers here until the target has closed (or a second has passed), so
 * that the TermReq is not lost in a reset.
 */
#include <errno.h>
#include <string.h>

#include "target/core/trace.h"
#include "target/host/tcp.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static struct host_qpair *tcp_create(struct host_ctrlr *c, uint16_t size)
{
	struct tcp_qpair *t = g_new0(struct tcp_qpair, 1);

	(void)c;
	t->hdrs_size =
		MAX(16u * TCP_HDR_MAX, (unsigned)size * sizeof(struct nvme_tcp_capsule_cmd)) +
		TCP_HDR_MAX;
	t->hdrs = g_malloc0(t->hdrs_size);
	return &t->q;
}

static void tcp_destroy(struct host_qpair *q)
{
	struct tcp_qpair *t = container(q, struct tcp_qpair, q);

	g_free(t->hdrs);
	g_free(t->stage);
	g_free(t);
}

static void tcp_close(struct tcp_qpair *t, bool abort)
{
	struct net_stream *stream = t->stream;

	reactor_timer_cancel(t->q.reactor, &t->linger);
	t->phase = TCP_IDLE;
	t->stream = NULL;
	if (stream && abort)
		stream->ops->abort(stream);
	else if (stream)
		stream->ops->close(stream);
	host_qpair_down(&t->q);
}

static void linger_fn(struct timer *timer, struct reactor *r)
{
	(void)r;
	tcp_close(container(timer, struct tcp_qpair, linger), true);
}

static void send_icreq(struct tcp_qpair *t)
{
	const struct host_params *p = &t->q.ctrlr->params;
	struct nvme_tcp_icreq pdu = {
		.hdr = { .type = NVME_TCP_ICREQ, .hlen = sizeof(pdu), .plen = sizeof(pdu) },
		.hpda = p->hpda,
		.digest = (uint8_t)(p->hdgst | p->ddgst << 1),
	};

	t->phase = TCP_IC;
	tcp_tx_now(t, &pdu, sizeof(pdu));
}

static void connected(struct net_stream *stream, int err, void *user)
{
	struct tcp_qpair *t = user;

	(void)stream;
	if (err)
		host_qpair_fail(&t->q, err, "no connection");
	else
		send_icreq(t);
}

/* Input of a connection that is given up: thrown away. */
static void drain_input(struct tcp_qpair *t)
{
	struct iovec iov = { t->stage, t->stage_size };
	ssize_t n;

	for (unsigned i = 0; i < TCP_RX_ROUNDS; i++) {
		n = net_recv(t->stream, &iov, 1);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			tcp_close(t, false);
			return;
		}
	}
}

static void readable(struct net_stream *stream, void *user)
{
	struct tcp_qpair *t = user;

	(void)stream;
	if (t->phase == TCP_LINGER)
		drain_input(t);
	else if (tcp_live(t))
		tcp_rx_readable(t);
}

static void writable(struct net_stream *stream, void *user)
{
	struct tcp_qpair *t = user;

	(void)stream;
	if (tcp_live(t))
		tcp_tx_writable(t);
}

static const struct net_stream_cb stream_cb = {
	.connected = connected,
	.readable = readable,
	.writable = writable,
};

static void tcp_connect(struct host_qpair *q)
{
	struct tcp_qpair *t = container(q, struct tcp_qpair, q);
	const struct host_params *p = &q->ctrlr->params;
	struct hw_net *net = q->reactor->hw->net;
	int err;

	if (!t->stage) {
		timer_init(&t->linger, linger_fn);
		t->stage_size = q->id == 0 ? TCP_STAGE_ADMIN : TCP_STAGE;
		t->stage = g_malloc(t->stage_size);
	}
	tcp_tx_reset(t);
	tcp_rx_reset(t);
	t->hdgst = t->ddgst = false;
	t->cpda = 4;
	t->hpda = 4 * (p->hpda + 1u);
	t->phase = TCP_CONNECTING;
	err = net->ops->connect(q->reactor->net, &p->addr, p->src_given ? &p->src : NULL,
				&stream_cb, t, &t->stream);
	if (err) {
		t->stream = NULL;
		host_qpair_fail(q, err, "no connection");
	}
}

void tcp_icresp(struct tcp_qpair *t, const struct nvme_tcp_icresp *pdu)
{
	const struct host_params *p = &t->q.ctrlr->params;

	if (pdu->pfv != 0) {
		tcp_violation(t, NVME_TCP_FES_UNSUPPORTED, offsetof(struct nvme_tcp_icresp, pfv),
			      "ICResp with an unknown PDU format version");
	} else if (pdu->cpda > 31) {
		tcp_violation(t, NVME_TCP_FES_INVALID_HEADER,
			      offsetof(struct nvme_tcp_icresp, cpda), "ICResp with a bad CPDA");
	} else if (pdu->maxh2cdata < 4096 || pdu->maxh2cdata % 4) {
		tcp_violation(t, NVME_TCP_FES_INVALID_HEADER,
			      offsetof(struct nvme_tcp_icresp, maxh2cdata),
			      "ICResp with a bad MAXH2CDATA");
	} else if ((pdu->digest & 3) != (p->hdgst | p->ddgst << 1)) {
		tcp_violation(t, NVME_TCP_FES_INVALID_HEADER,
			      offsetof(struct nvme_tcp_icresp, digest),
			      "the target's digests are not those asked for");
	} else {
		t->hdgst = p->hdgst;
		t->ddgst = p->ddgst;
		t->cpda = 4 * (pdu->cpda + 1u);
		t->maxh2c = pdu->maxh2cdata;
		t->phase = TCP_UP;
		host_qpair_transport_up(&t->q);
	}
}

static void tcp_disconnect(struct host_qpair *q)
{
	struct tcp_qpair *t = container(q, struct tcp_qpair, q);

	/* Unsent data may be the callers' again now, half of a PDU sent: only a reset is honest. */
	if (t->phase != TCP_LINGER)
		tcp_close(t, t->seg_first != t->nsegs);
}

void tcp_violation(struct tcp_qpair *t, uint16_t fes, uint32_t fei, const char *text)
{
	uint32_t have = t->rx.state <= RX_HEADER ? t->rx.have : 0;
	struct {
		struct nvme_tcp_term term;
		uint8_t header[128];
	} pdu = { .term = { .hdr = { .type = NVME_TCP_H2C_TERM, .hlen = sizeof(pdu.term) },
			    .fes = fes } };

	if (have > sizeof(pdu.header))
		have = sizeof(pdu.header);
	memcpy(pdu.term.fei, &fei, 4);
	memcpy(pdu.header, t->rx.hdr.bytes, have);
	pdu.term.hdr.plen = (uint32_t)sizeof(pdu.term) + have;
	trace_write(t->q.reactor->trace, TRACE_TCP_TERM_TX, t->q.id, fes);
	if (tcp_tx_now(t, &pdu, pdu.term.hdr.plen)) {
		t->phase = TCP_LINGER;
		t->stream->ops->shutdown(t->stream);
		reactor_timer_set(t->q.reactor, &t->linger, t->q.reactor->now + HOST_LINGER_NS);
	}
	host_qpair_fail(&t->q, -EPROTO, text);
}

const struct host_transport host_tcp = {
	.name = "NVMe/TCP",
	.create = tcp_create,
	.destroy = tcp_destroy,
	.connect = tcp_connect,
	.kick = tcp_kick,
	.disconnect = tcp_disconnect,
};
