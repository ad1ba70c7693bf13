/* SPDX-License-Identifier: BSD-3-Clause */
/* NVMe/TCP, target side: what is sent. See tcp.h. */
#include <errno.h>
#include <string.h>

#include "target/core/trace.h"
#include "target/nvmf/tcp.h"
#include "target/nvmf/tgt.h"

/* Buffers in one gather send. */
#define TX_IOV 256
/*
 * No further response is begun in a send of this many bytes: more than about
 * that under way at once no longer stays in a processor's second-level cache.
 */
#define TX_BYTES (512 * 1024)
/* At most this long the host may take to close after a C2HTermReq. */
#define LINGER_NS (1 * UINT64_C(1000000000))

static const uint8_t zeros[128];

static uint8_t add_hdgst(const struct tcp_conn *c, uint8_t *pdu, uint8_t hlen)
{
	uint32_t crc;

	if (!c->hdgst)
		return hlen;
	crc = nvme_tcp_digest(0, pdu, hlen);
	memcpy(pdu + hlen, &crc, sizeof(crc));
	return hlen + NVME_TCP_DIGEST_LEN;
}

static void queue(struct tcp_conn *c, struct tcp_req *r)
{
	uint32_t data = r->tx_data ? r->req.data_len + (c->ddgst ? NVME_TCP_DIGEST_LEN : 0) : 0;

	r->tx_total = r->tx_left = r->tx_hdr_len + r->tx_pad_len + data + r->tx_resp_len;
	r->tx_next = NULL;
	*c->tx_tail = r;
	c->tx_tail = &r->tx_next;
	if (!c->tx_blocked)
		reactor_run_at_flush(c->q.reactor, &c->flush_task);
}

static uint8_t make_resp(const struct tcp_conn *c, const struct tcp_req *r, uint8_t *pdu)
{
	struct nvme_tcp_capsule_resp *resp = (struct nvme_tcp_capsule_resp *)pdu;

	resp->hdr = (struct nvme_tcp_hdr){
		.type = NVME_TCP_CAPSULE_RESP,
		.flags = c->hdgst ? NVME_TCP_HDGSTF : 0,
		.hlen = sizeof(*resp),
		.plen = sizeof(*resp) + (c->hdgst ? NVME_TCP_DIGEST_LEN : 0),
	};
	resp->cqe = r->req.rsp;
	return add_hdgst(c, pdu, sizeof(*resp));
}

static uint32_t data_crc(const struct nvmf_request *req)
{
	uint32_t crc = 0;

	for (unsigned i = 0; i < req->niov; i++)
		crc = nvme_tcp_digest(crc, req->iov[i].iov_base, req->iov[i].iov_len);
	return crc;
}

/* All of the data in one C2HData PDU; the completion in its flag, or in a CapsuleResp behind it. */
static void make_data(struct tcp_conn *c, struct tcp_req *r)
{
	struct nvme_tcp_data *d = (struct nvme_tcp_data *)r->hdr;
	uint8_t hlen = sizeof(*d) + (c->hdgst ? NVME_TCP_DIGEST_LEN : 0);
	uint8_t pdo = c->pdo;
	uint32_t len = r->req.data_len;

	d->hdr.type = NVME_TCP_C2H_DATA;
	d->hdr.flags = NVME_TCP_LAST_PDU;
	if (c->success_flag && r->req.rsp.dw0 == 0 && r->req.rsp.dw1 == 0)
		d->hdr.flags |= NVME_TCP_DATA_SUCCESS;
	d->hdr.hlen = sizeof(*d);
	d->hdr.pdo = pdo;
	d->hdr.plen = pdo + len;
	d->cccid = r->req.cmd.cid;
	d->ttag = 0;
	d->datao = 0;
	d->datal = len;
	memset(d->reserved20, 0, sizeof(d->reserved20));
	if (c->ddgst) {
		d->hdr.flags |= NVME_TCP_DDGSTF;
		d->hdr.plen += NVME_TCP_DIGEST_LEN;
		r->ddgst = data_crc(&r->req);
	}
	if (c->hdgst)
		d->hdr.flags |= NVME_TCP_HDGSTF;
	r->tx_hdr_len = add_hdgst(c, r->hdr, sizeof(*d));
	r->tx_pad_len = pdo - hlen;
	r->tx_data = true;
	r->tx_resp_len = d->hdr.flags & NVME_TCP_DATA_SUCCESS ? 0 : make_resp(c, r, r->resp);
}

void tcp_complete(struct nvmf_request *req)
{
	struct tcp_req *r = tcp_req_of(req);
	struct tcp_conn *c = tcp_conn_of(req->qpair);

	if (r->rx != NULL) {
		tcp_req_drop_rx(r);
		tcp_rx_idle(c);
	}
	if (c->state != TCP_READY) {
		tcp_req_free(c, r);
		return;
	}
	r->state = TCP_REQ_TX;
	if (req->xfer == NVME_XFER_C2H && req->rsp.status == 0 && req->niov > 0) {
		make_data(c, r);
	} else {
		nvmf_request_release(req);
		r->tx_hdr_len = make_resp(c, r, r->hdr);
		r->tx_pad_len = r->tx_resp_len = 0;
		r->tx_data = false;
	}
	queue(c, r);
	if (r == &c->first)
		tcp_rx_unblock(c);
}

void tcp_send_r2t(struct tcp_conn *c, struct tcp_req *r)
{
	struct nvme_tcp_r2t *pdu = (struct nvme_tcp_r2t *)r->hdr;

	*pdu = (struct nvme_tcp_r2t){
		.hdr = { .type = NVME_TCP_R2T,
			 .flags = c->hdgst ? NVME_TCP_HDGSTF : 0,
			 .hlen = sizeof(*pdu),
			 .plen = sizeof(*pdu) + (c->hdgst ? NVME_TCP_DIGEST_LEN : 0) },
		.cccid = r->req.cmd.cid,
		.ttag = r->ttag,
		.r2tl = r->req.data_len,
	};
	r->tx_hdr_len = add_hdgst(c, r->hdr, sizeof(*pdu));
	r->tx_pad_len = r->tx_resp_len = 0;
	r->tx_data = false;
	queue(c, r);
}

void tcp_send_icresp(struct tcp_conn *c, uint32_t maxh2c)
{
	struct nvme_tcp_icresp *pdu = (struct nvme_tcp_icresp *)c->ctrl;

	*pdu = (struct nvme_tcp_icresp){
		.hdr = { .type = NVME_TCP_ICRESP, .hlen = sizeof(*pdu), .plen = sizeof(*pdu) },
		.digest = (uint8_t)(c->hdgst | c->ddgst << 1),
		.maxh2cdata = maxh2c,
	};
	c->ctrl_len = sizeof(*pdu);
	c->ctrl_off = 0;
	reactor_run_at_flush(c->q.reactor, &c->flush_task);
}

/* --- sending ------------------------------------------------------------------------------ */

static int push(struct iovec *iov, int n, const void *base, size_t len, uint32_t *skip)
{
	if (*skip >= len) {
		*skip -= (uint32_t)len;
		return n;
	}
	iov[n].iov_base = (uint8_t *)base + *skip;
	iov[n].iov_len = len - *skip;
	*skip = 0;
	return n + 1;
}

/* What is left of one queued response. At most req.niov + 4 buffers. */
static int push_req(const struct tcp_conn *c, const struct tcp_req *r, struct iovec *iov, int n)
{
	uint32_t skip = r->tx_total - r->tx_left;

	n = push(iov, n, r->hdr, r->tx_hdr_len, &skip);
	if (r->tx_data) {
		if (r->tx_pad_len > 0)
			n = push(iov, n, zeros, r->tx_pad_len, &skip);
		for (unsigned i = 0; i < r->req.niov; i++)
			n = push(iov, n, r->req.iov[i].iov_base, r->req.iov[i].iov_len, &skip);
		if (c->ddgst)
			n = push(iov, n, &r->ddgst, sizeof(r->ddgst), &skip);
	}
	if (r->tx_resp_len > 0)
		n = push(iov, n, r->resp, r->tx_resp_len, &skip);
	return n;
}

static bool begun(const struct tcp_req *r)
{
	return r != NULL && r->tx_left < r->tx_total;
}

static int gather(struct tcp_conn *c, struct iovec *iov, size_t *bytes)
{
	struct tcp_req *r = c->tx_head;
	uint32_t none = 0;
	int n = 0;

	*bytes = 0;
	if (c->ctrl_len > c->ctrl_off) {
		if (begun(r)) {
			n = push_req(c, r, iov, n);
			*bytes += r->tx_left;
			r = r->tx_next;
		}
		n = push(iov, n, c->ctrl + c->ctrl_off, c->ctrl_len - c->ctrl_off, &none);
		*bytes += c->ctrl_len - c->ctrl_off;
	}
	for (; r != NULL && n + r->req.niov + 4 <= TX_IOV && *bytes < TX_BYTES; r = r->tx_next) {
		n = push_req(c, r, iov, n);
		*bytes += r->tx_left;
	}
	return n;
}

static void sent(struct tcp_conn *c, struct tcp_req *r)
{
	if (r->state == TCP_REQ_TX)
		tcp_req_free(c, r);
}

/* n bytes have gone. */
static void advance(struct tcp_conn *c, size_t n)
{
	bool ctrl_first = c->ctrl_len > c->ctrl_off && !begun(c->tx_head);

	for (;;) {
		struct tcp_req *r = c->tx_head;
		size_t part;

		if (ctrl_first) {
			part = MIN(n, (size_t)(c->ctrl_len - c->ctrl_off));
			c->ctrl_off += (uint32_t)part;
			n -= part;
			ctrl_first = false;
		}
		if (r == NULL || n == 0)
			return;
		part = MIN(n, (size_t)r->tx_left);
		r->tx_left -= (uint32_t)part;
		n -= part;
		if (r->tx_left > 0)
			return;
		c->tx_head = r->tx_next;
		if (c->tx_head == NULL)
			c->tx_tail = &c->tx_head;
		sent(c, r);
		ctrl_first = c->ctrl_len > c->ctrl_off;
	}
}

void tcp_flush(struct task *task)
{
	struct tcp_conn *c =
		(struct tcp_conn *)((char *)task - offsetof(struct tcp_conn, flush_task));
	struct iovec iov[TX_IOV];

	while (!c->tx_blocked && c->state != TCP_CLOSED) {
		size_t bytes;
		int n = gather(c, iov, &bytes);
		ssize_t done;

		if (n == 0)
			break;
		done = net_send(c->stream, iov, n, false);
		if (done < 0 && done != -EAGAIN) {
			if (c->state == TCP_LINGER)
				tcp_linger_end(c);
			else
				nvmf_qpair_kill(&c->q);
			return;
		}
		if (done > 0)
			advance(c, (size_t)done);
		c->tx_blocked = done < (ssize_t)bytes;
		if (c->tx_blocked && c->state == TCP_READY) {
			c->progress = c->q.reactor->now;
			tcp_watch(c);
		}
	}
	if (c->state == TCP_LINGER && !c->tx_blocked)
		c->stream->ops->shutdown(c->stream);
}

void tcp_writable(struct net_stream *s, void *user)
{
	struct tcp_conn *c = user;

	(void)s;
	c->tx_blocked = false;
	reactor_run_at_flush(c->q.reactor, &c->flush_task);
}

void tcp_tx_drop(struct tcp_conn *c, bool all)
{
	struct tcp_req *r = c->tx_head;
	struct tcp_req *keep = !all && begun(r) ? r : NULL;

	if (keep != NULL)
		r = r->tx_next;
	c->tx_head = keep;
	c->tx_tail = keep != NULL ? &keep->tx_next : &c->tx_head;
	if (keep != NULL)
		keep->tx_next = NULL;
	while (r != NULL) {
		struct tcp_req *next = r->tx_next;

		sent(c, r);
		r = next;
	}
}

void tcp_stalled(struct timer *t, struct reactor *r)
{
	struct tcp_conn *c = (struct tcp_conn *)((char *)t - offsetof(struct tcp_conn, stall_timer));
	struct net_addr peer;
	char from[NET_ADDR_STRLEN];

	if (c->state > TCP_READY || (!c->tx_blocked && c->r2ts == 0))
		return;
	if (r->now < c->progress + TCP_STALL_NS) {
		reactor_timer_set(r, t, c->progress + TCP_STALL_NS);
		return;
	}
	if (!nvmf_qpair_starves_others(&c->q)) {
		reactor_timer_set(r, t, r->now + TCP_STALL_NS / 30);
		return;
	}
	c->stream->ops->remote(c->stream, &peer);
	log_warn(r->core->log, "nvmf.tcp",
		 "host neither reads nor sends, but holds buffers that others need: disconnected",
		 "peer=%s qid=%u bytes=%zu", net_addr_format(&peer, from), c->q.qid,
		 c->q.bufs.held + c->q.reserve.held);
	nvmf_qpair_kill(&c->q);
}

/* --- the end -------------------------------------------------------------------------------- */

static void linger_timeout(struct timer *t, struct reactor *r)
{
	(void)r;
	tcp_linger_end((struct tcp_conn *)((char *)t - offsetof(struct tcp_conn, linger_timer)));
}

void tcp_terminate(struct tcp_conn *c, uint16_t fes, uint32_t fei, const void *hdr, uint32_t hlen)
{
	struct nvme_tcp_term *term;
	struct net_addr peer;
	char from[NET_ADDR_STRLEN];

	c->stream->ops->remote(c->stream, &peer);
	log_warn(c->q.tgt->core->log, "nvmf.tcp", "host broke the protocol, connection terminated",
		 "peer=%s qid=%u fes=0x%02x fei=%u pdu_type=0x%02x", net_addr_format(&peer, from),
		 c->q.qid, fes, fei, hlen > 0 ? *(const uint8_t *)hdr : 0xff);
	trace_write(c->q.reactor->trace, TRACE_TCP_TERM_TX, c->q.qid, fes);
	if (c->ctrl_off == c->ctrl_len) /* else behind the ICResp, that has not gone yet */
		c->ctrl_off = c->ctrl_len = 0;
	term = (struct nvme_tcp_term *)(c->ctrl + c->ctrl_len);
	hlen = MIN(hlen, 128u);
	*term = (struct nvme_tcp_term){
		.hdr = { .type = NVME_TCP_C2H_TERM, .hlen = sizeof(*term), .plen = sizeof(*term) + hlen },
		.fes = fes,
	};
	memcpy(term->fei, &fei, sizeof(term->fei));
	memcpy(term + 1, hdr, hlen);
	c->ctrl_len += sizeof(*term) + hlen;
	c->state = TCP_LINGER;
	c->q.outstanding++; /* until tcp_linger_end */
	timer_init(&c->linger_timer, linger_timeout);
	reactor_timer_set(c->q.reactor, &c->linger_timer, c->q.reactor->now + LINGER_NS);
	reactor_run_at_flush(c->q.reactor, &c->flush_task);
	nvmf_qpair_kill(&c->q);
}
