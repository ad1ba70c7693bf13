/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP, receiving: an incremental parser that can be cut at any byte.
 *
 * Nothing of a PDU is believed: its type must be one that a controller sends in
 * this phase, its lengths must be exactly what type, digests and data make of
 * them, its command must be outstanding and sent, its offsets must continue
 * where the last PDU of that command ended.
 *
 * After any callback or violation the queue may have failed: functions that can
 * lead there return false then, and nothing more is touched.
 */
#include <errno.h>
#include <string.h>

#include "target/core/trace.h"
#include "target/host/tcp.h"

#define HDR_FIELD(field) ((uint32_t)offsetof(struct nvme_tcp_hdr, field))

void tcp_rx_reset(struct tcp_qpair *t)
{
	t->rx.state = RX_COMMON;
	t->rx.have = 0;
	t->rx.need = sizeof(struct nvme_tcp_hdr);
	t->rx.slot = NULL;
	t->rx.last_datal = 0;
}

static bool violation(struct tcp_qpair *t, uint16_t fes, uint32_t fei, const char *text)
{
	tcp_violation(t, fes, fei, text);
	return false;
}

static bool next_pdu(struct tcp_qpair *t)
{
	t->rx.state = RX_COMMON;
	t->rx.have = 0;
	t->rx.need = sizeof(struct nvme_tcp_hdr);
	t->rx.slot = NULL;
	return tcp_live(t);
}

/* --- the common header --------------------------------------------------------------- */

static bool bad_header(struct tcp_qpair *t, uint32_t field, const char *text)
{
	return violation(t, NVME_TCP_FES_INVALID_HEADER, field, text);
}

static bool check_data_hdr(struct tcp_qpair *t, uint32_t digest)
{
	const struct nvme_tcp_hdr *h = &t->rx.hdr.ch;
	uint32_t ddgst = t->ddgst ? NVME_TCP_DIGEST_LEN : 0;

	if (h->pdo < h->hlen + digest || h->pdo % t->hpda)
		return bad_header(t, HDR_FIELD(pdo), "C2HData with a bad data offset");
	if (!!(h->flags & NVME_TCP_DDGSTF) != t->ddgst)
		return bad_header(t, HDR_FIELD(flags), "C2HData with a wrong data digest flag");
	if (h->plen <= h->pdo + ddgst)
		return bad_header(t, HDR_FIELD(plen), "C2HData with a bad length");
	t->rx.need = h->pdo;
	return true;
}

static bool check_term_hdr(struct tcp_qpair *t)
{
	const struct nvme_tcp_hdr *h = &t->rx.hdr.ch;

	if (h->hlen != sizeof(struct nvme_tcp_term))
		return bad_header(t, HDR_FIELD(hlen), "C2HTermReq with a bad header length");
	if (h->plen < h->hlen || h->plen > h->hlen + 128u)
		return bad_header(t, HDR_FIELD(plen), "C2HTermReq with a bad length");
	t->rx.need = h->plen;
	return true;
}

static bool check_icresp_hdr(struct tcp_qpair *t)
{
	const struct nvme_tcp_hdr *h = &t->rx.hdr.ch;

	if (h->type != NVME_TCP_ICRESP)
		return violation(t, NVME_TCP_FES_SEQUENCE, HDR_FIELD(type),
				 "another PDU before ICResp");
	if (h->hlen != sizeof(struct nvme_tcp_icresp))
		return bad_header(t, HDR_FIELD(hlen), "ICResp with a bad header length");
	if (h->plen != sizeof(struct nvme_tcp_icresp))
		return bad_header(t, HDR_FIELD(plen), "ICResp with a bad length");
	t->rx.need = h->plen;
	return true;
}

/* Eight bytes are there: sets how many the whole header has. */
static bool check_common(struct tcp_qpair *t)
{
	const struct nvme_tcp_hdr *h = &t->rx.hdr.ch;
	uint32_t digest = t->hdgst ? NVME_TCP_DIGEST_LEN : 0;

	if (h->type == NVME_TCP_C2H_TERM)
		return check_term_hdr(t);
	if (t->phase == TCP_IC)
		return check_icresp_hdr(t);
	if (h->type == NVME_TCP_ICRESP)
		return violation(t, NVME_TCP_FES_SEQUENCE, HDR_FIELD(type), "a second ICResp");
	if (h->type != NVME_TCP_CAPSULE_RESP && h->type != NVME_TCP_C2H_DATA &&
	    h->type != NVME_TCP_R2T)
		return bad_header(t, HDR_FIELD(type), "a PDU that a controller does not send");
	/* All three are as long. */
	if (h->hlen != sizeof(struct nvme_tcp_data))
		return bad_header(t, HDR_FIELD(hlen), "PDU with a bad header length");
	if (!!(h->flags & NVME_TCP_HDGSTF) != t->hdgst)
		return bad_header(t, HDR_FIELD(flags), "PDU with a wrong header digest flag");
	if (h->type == NVME_TCP_C2H_DATA)
		return check_data_hdr(t, digest);
	if (h->plen != h->hlen + digest)
		return bad_header(t, HDR_FIELD(plen), "PDU with a bad length");
	t->rx.need = h->plen;
	return true;
}

/* --- whole headers ----------------------------------------------------------------------- */

/* The outstanding command of a PDU. */
static struct host_slot *find_slot(struct tcp_qpair *t, uint16_t cid)
{
	struct host_slot *s;

	if (cid >= t->q.size)
		return NULL;
	s = &t->q.slots[cid];
	return s->io && !s->late ? s : NULL;
}

static bool on_term(struct tcp_qpair *t)
{
	static const char *const texts[] = {
		"the target ended the connection",
		"the target ended the connection: it saw an invalid PDU header field",
		"the target ended the connection: it saw a PDU sequence error",
		"the target ended the connection: it saw a header digest error",
		"the target ended the connection: it saw data out of range",
		"the target ended the connection: it saw a data transfer limit exceeded",
		"the target ended the connection: it saw an unsupported parameter",
	};
	uint16_t fes = t->rx.hdr.term.fes;

	host_qpair_fail(&t->q, -ECONNRESET, texts[fes < G_N_ELEMENTS(texts) ? fes : 0]);
	return false;
}

static bool on_resp(struct tcp_qpair *t)
{
	const struct nvme_cpl *cqe = &t->rx.hdr.resp.cqe;
	struct host_slot *s = find_slot(t, cqe->cid);
	uint16_t status = cqe->status >> 1;
	uint32_t fei = offsetof(struct nvme_tcp_capsule_resp, cqe.cid);

	if (!s)
		return bad_header(t, fei, "response to a command that is not outstanding");
	if (s->tx_end > t->tx_sent && !s->r2t)
		return violation(t, NVME_TCP_FES_SEQUENCE, fei,
				 "response to a command that was not sent yet");
	s->io->cpl = *cqe;
	if (s->r2t_left) {
		/* Answered before all data it asked for was queued: the rest is not wanted. */
		host_slots_remove(&t->q.pending, s);
		s->r2t_left = 0;
	}
	if (s->tx_end > t->tx_sent) {
		s->late = true;
		if (status)
			s->status = status;
		tcp_tx_complete_later(t, s);
		return next_pdu(t);
	}
	host_qpair_complete(&t->q, s, status);
	return next_pdu(t);
}

static bool on_r2t(struct tcp_qpair *t)
{
	const struct nvme_tcp_r2t *p = &t->rx.hdr.r2t;
	struct host_slot *s = find_slot(t, p->cccid);
	uint32_t fei = offsetof(struct nvme_tcp_r2t, cccid);

	if (!s || s->xfer != NVME_XFER_H2C)
		return bad_header(t, fei, "R2T for a command that is not an outstanding write");
	if (s->r2t_left)
		return violation(t, NVME_TCP_FES_LIMIT, fei, "more R2Ts than were agreed on");
	if (s->tx_end > t->tx_sent)
		return violation(t, NVME_TCP_FES_SEQUENCE, fei,
				 "R2T for a command or data that was not sent yet");
	if (p->r2to != s->moved || p->r2tl == 0 || p->r2tl > s->len - s->moved)
		return violation(t, NVME_TCP_FES_RANGE, offsetof(struct nvme_tcp_r2t, r2to),
				 "R2T out of range");
	s->r2t = true;
	s->ttag = p->ttag;
	s->r2t_left = p->r2tl;
	host_slots_push(&t->q.pending, s);
	reactor_run_at_flush(t->q.reactor, &t->q.kick);
	return next_pdu(t);
}

static bool on_data(struct tcp_qpair *t)
{
	const struct nvme_tcp_data *p = &t->rx.hdr.data;
	struct host_slot *s = find_slot(t, p->cccid);
	uint32_t ddgst = t->ddgst ? NVME_TCP_DIGEST_LEN : 0;
	uint32_t fei = offsetof(struct nvme_tcp_data, cccid);

	if (!s || s->xfer != NVME_XFER_C2H)
		return bad_header(t, fei, "C2HData for a command that is not an outstanding read");
	if (s->tx_end > t->tx_sent)
		return violation(t, NVME_TCP_FES_SEQUENCE, fei,
				 "C2HData for a command that was not sent yet");
	if ((uint64_t)p->hdr.pdo + p->datal + ddgst != p->hdr.plen)
		return bad_header(t, HDR_FIELD(plen), "C2HData whose lengths disagree");
	if (p->datao != s->moved || p->datal > s->len - s->moved)
		return violation(t, NVME_TCP_FES_RANGE, offsetof(struct nvme_tcp_data, datao),
				 "C2HData out of range");
	if ((p->hdr.flags & NVME_TCP_DATA_SUCCESS) && !(p->hdr.flags & NVME_TCP_LAST_PDU))
		return bad_header(t, HDR_FIELD(flags), "C2HData with success before the last");
	t->rx.slot = s;
	t->rx.left = t->rx.last_datal = p->datal;
	t->rx.crc = 0;
	t->rx.state = RX_DATA;
	return true;
}

static bool on_header(struct tcp_qpair *t)
{
	const struct nvme_tcp_hdr *h = &t->rx.hdr.ch;
	uint32_t got;

	trace_write(t->q.reactor->trace, TRACE_TCP_PDU_RX, t->q.id, h->type);
	if (h->type == NVME_TCP_C2H_TERM)
		return on_term(t);
	if (h->type == NVME_TCP_ICRESP) {
		tcp_icresp(t, &t->rx.hdr.icresp);
		return next_pdu(t);
	}
	if (t->hdgst) {
		memcpy(&got, t->rx.hdr.bytes + h->hlen, sizeof(got));
		if (got != nvme_tcp_digest(0, t->rx.hdr.bytes, h->hlen))
			return violation(t, NVME_TCP_FES_HDGST, got, "header digest error");
	}
	if (h->type == NVME_TCP_CAPSULE_RESP)
		return on_resp(t);
	if (h->type == NVME_TCP_R2T)
		return on_r2t(t);
	return on_data(t);
}

/* --- data ------------------------------------------------------------------------------------ */

static bool data_end(struct tcp_qpair *t)
{
	struct host_slot *s = t->rx.slot;

	if (t->rx.hdr.ch.flags & NVME_TCP_DATA_SUCCESS)
		host_qpair_complete(&t->q, s, NVME_SUCCESS);
	return next_pdu(t);
}

/* n bytes of data are where they belong. */
static bool data_landed(struct tcp_qpair *t, size_t n)
{
	struct host_slot *s = t->rx.slot;

	t->rx.left -= (uint32_t)n;
	s->moved += (uint32_t)n;
	while (n) {
		const struct iovec *iov = &s->io->iov[s->iov_pos];
		size_t m = MIN(n, iov->iov_len - s->iov_off);

		if (t->ddgst)
			t->rx.crc = nvme_tcp_digest(t->rx.crc,
						    (uint8_t *)iov->iov_base + s->iov_off, m);
		n -= m;
		s->iov_off += (uint32_t)m;
		if (s->iov_off == iov->iov_len) {
			s->iov_off = 0;
			s->iov_pos++;
		}
	}
	if (t->rx.left)
		return true;
	if (!t->ddgst)
		return data_end(t);
	t->rx.state = RX_DIGEST;
	t->rx.have = 0;
	return true;
}

/* A wrong data digest costs the command, not the connection (TCP transport 3.3.1.1). */
static bool digest_end(struct tcp_qpair *t)
{
	uint32_t got;

	memcpy(&got, t->rx.digest, sizeof(got));
	if (got != t->rx.crc)
		t->rx.slot->status = NVME_SC_TRANSIENT_TRANSPORT;
	return data_end(t);
}

/* The rest of the data of this PDU as buffers: how many, at most max. *len: their bytes. */
static int data_iov(const struct tcp_qpair *t, struct iovec *iov, int max, size_t *len)
{
	const struct host_slot *s = t->rx.slot;
	size_t left = t->rx.left, off = s->iov_off;
	unsigned pos = s->iov_pos;
	int n = 0;

	while (left && n < max) {
		const struct iovec *from = &s->io->iov[pos++];
		size_t m = MIN(left, from->iov_len - off);

		if (m)
			iov[n++] = (struct iovec){ (uint8_t *)from->iov_base + off, m };
		left -= m;
		off = 0;
	}
	*len = t->rx.left - left;
	return n;
}

/* --- the parser ---------------------------------------------------------------------------------
 */

static size_t copy_data(struct tcp_qpair *t, const uint8_t *p, size_t len)
{
	struct iovec iov[TCP_RX_IOVS];
	size_t want, done = 0;
	int n = data_iov(t, iov, TCP_RX_IOVS, &want);

	for (int i = 0; i < n && done < len; i++) {
		size_t m = MIN(len - done, iov[i].iov_len);

		memcpy(iov[i].iov_base, p + done, m);
		done += m;
	}
	return done;
}

static bool parse(struct tcp_qpair *t, const uint8_t *p, size_t len)
{
	struct tcp_rx *rx = &t->rx;
	bool ok = true;
	size_t n;

	while (len && ok) {
		switch (rx->state) {
		case RX_COMMON:
		case RX_HEADER:
			n = MIN(len, rx->need - rx->have);
			memcpy(rx->hdr.bytes + rx->have, p, n);
			rx->have += (uint32_t)n;
			if (rx->have < rx->need)
				return true;
			if (rx->state == RX_COMMON) {
				rx->state = RX_HEADER;
				ok = check_common(t);
			} else {
				ok = on_header(t);
			}
			break;
		case RX_DATA:
			n = copy_data(t, p, len);
			ok = data_landed(t, n);
			break;
		default: /* RX_DIGEST */
			n = MIN(len, sizeof(rx->digest) - rx->have);
			memcpy(rx->digest + rx->have, p, n);
			rx->have += (uint32_t)n;
			if (rx->have == sizeof(rx->digest))
				ok = digest_end(t);
			break;
		}
		p += n;
		len -= n;
	}
	return ok;
}

/* Where the next bytes go. *direct: how many of them into the caller's data. */
static int receive_iov(struct tcp_qpair *t, struct iovec *iov, size_t *direct, size_t *asked)
{
	size_t stage = t->stage_size;
	int n = 0;

	*direct = 0;
	if (t->rx.state == RX_DATA) {
		n = data_iov(t, iov, TCP_RX_IOVS, direct);
		if (*direct != t->rx.left) {
			*asked = *direct;
			return n;
		}
	}
	if (t->rx.last_datal >= TCP_DIRECT_MIN)
		stage = TCP_STAGE_HEADERS;
	iov[n++] = (struct iovec){ t->stage, stage };
	*asked = *direct + stage;
	return n;
}

void tcp_rx_readable(struct tcp_qpair *t)
{
	struct iovec iov[TCP_RX_IOVS + 1];
	size_t direct, asked, got, landed;

	for (unsigned i = 0; i < TCP_RX_ROUNDS; i++) {
		int n = receive_iov(t, iov, &direct, &asked);
		ssize_t ret = net_recv(t->stream, iov, n);

		if (ret == -EAGAIN)
			return;
		if (ret <= 0) {
			host_qpair_fail(&t->q, ret ? (int)ret : -ECONNRESET,
					ret ? "receiving failed"
					    : "the target closed the connection");
			return;
		}
		got = (size_t)ret;
		landed = MIN(got, direct);
		if (landed && !data_landed(t, landed))
			return;
		if (got > landed && !parse(t, t->stage, got - landed))
			return;
		if (got < asked || !tcp_live(t))
			return;
	}
}
