/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP, sending: command capsules and H2CData of all slots that have
 * something to send, gathered into as few calls as the stream takes.
 *
 * An R2T is answered one H2CData PDU at a time, then the next slot has its turn.
 */
#include <errno.h>
#include <string.h>

#include "target/host/tcp.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void tcp_tx_reset(struct tcp_qpair *t)
{
	t->tx_queued = t->tx_sent = 0;
	t->hdrs_used = 0;
	t->seg_first = t->nsegs = 0;
	t->seg_open = false;
	t->tx_blocked = false;
	host_slots_init(&t->late);
}

/* len bytes of hdrs from here on are part of the stream. */
static void seg_hdr(struct tcp_qpair *t, uint32_t len)
{
	if (t->seg_open) {
		t->segs[t->nsegs - 1].iov_len += len;
	} else {
		t->segs[t->nsegs++] = (struct iovec){ t->hdrs + t->hdrs_used, len };
		t->seg_open = true;
	}
	t->hdrs_used += len;
	t->tx_queued += len;
}

/* Where the next header goes: on an aligned place, in a segment of its own if need be. */
static void *next_hdr(struct tcp_qpair *t)
{
	if (t->hdrs_used % 8) {
		t->hdrs_used += 8 - t->hdrs_used % 8;
		t->seg_open = false;
	}
	return t->hdrs + t->hdrs_used;
}

static void seg_data(struct tcp_qpair *t, void *base, size_t len)
{
	t->segs[t->nsegs++] = (struct iovec){ base, len };
	t->seg_open = false;
	t->tx_queued += len;
}

/*
 * Ends a header of hlen bytes at the end of hdrs: digest, padding before datal
 * bytes of data, the fields of the common header that follow from that.
 */
static void finish_hdr(struct tcp_qpair *t, struct nvme_tcp_hdr *hdr, uint32_t datal)
{
	uint32_t digest = t->hdgst ? NVME_TCP_DIGEST_LEN : 0;
	uint32_t len = hdr->hlen + digest;

	hdr->pdo = 0;
	if (datal) {
		uint32_t pdo = (len + t->cpda - 1) / t->cpda * t->cpda;

		memset((uint8_t *)hdr + len, 0, pdo - len);
		len = pdo;
		hdr->pdo = (uint8_t)pdo;
	}
	hdr->flags |= t->hdgst ? NVME_TCP_HDGSTF : 0;
	hdr->flags |= datal && t->ddgst ? NVME_TCP_DDGSTF : 0;
	hdr->plen = len + datal + (datal && t->ddgst ? NVME_TCP_DIGEST_LEN : 0);
	if (t->hdgst) {
		uint32_t crc = nvme_tcp_digest(0, hdr, hdr->hlen);

		memcpy((uint8_t *)hdr + hdr->hlen, &crc, sizeof(crc));
	}
	seg_hdr(t, len);
}

/* len bytes of the slot's data from its cursor on, and their digest. */
static void put_data(struct tcp_qpair *t, struct host_slot *s, uint32_t len)
{
	uint32_t crc = 0;

	while (len) {
		const struct iovec *iov = &s->io->iov[s->iov_pos];
		size_t n = MIN((size_t)len, iov->iov_len - s->iov_off);
		uint8_t *base = (uint8_t *)iov->iov_base + s->iov_off;

		if (n) {
			seg_data(t, base, n);
			if (t->ddgst)
				crc = nvme_tcp_digest(crc, base, n);
		}
		len -= n;
		s->iov_off += n;
		if (s->iov_off == iov->iov_len) {
			s->iov_off = 0;
			s->iov_pos++;
		}
	}
	if (t->ddgst) {
		memcpy(t->hdrs + t->hdrs_used, &crc, sizeof(crc));
		seg_hdr(t, sizeof(crc));
	}
}

static uint32_t capsule_data(const struct tcp_qpair *t, const struct host_slot *s)
{
	bool admin = t->q.id == 0 || s->io->cmd.opcode == NVME_OP_FABRICS;
	uint32_t max = admin ? HOST_ADMIN_CAPSULE : t->q.conn.capsule_data;

	return s->xfer == NVME_XFER_H2C && s->len <= max ? s->len : 0;
}

static void put_capsule(struct tcp_qpair *t, struct host_slot *s)
{
	struct nvme_tcp_capsule_cmd *pdu = next_hdr(t);
	uint32_t inside = capsule_data(t, s);

	pdu->hdr = (struct nvme_tcp_hdr){ .type = NVME_TCP_CAPSULE_CMD, .hlen = sizeof(*pdu) };
	pdu->sqe = s->io->cmd;
	pdu->sqe.flags = NVME_CMD_PSDT_SGL | (pdu->sqe.flags & NVME_CMD_FUSE_MASK);
	pdu->sqe.sgl = (struct nvme_sgl){
		.length = s->len,
		.type = inside ? NVME_SGL_OFFSET : NVME_SGL_TRANSPORT,
	};
	finish_hdr(t, &pdu->hdr, inside);
	if (inside) {
		put_data(t, s, inside);
		s->moved = inside;
	}
	s->tx_end = t->tx_queued;
}

static void put_h2c_data(struct tcp_qpair *t, struct host_slot *s)
{
	struct nvme_tcp_data *pdu = next_hdr(t);
	uint32_t len = MIN(s->r2t_left, t->maxh2c);

	*pdu = (struct nvme_tcp_data){
		.hdr = { .type = NVME_TCP_H2C_DATA,
			 .hlen = sizeof(*pdu),
			 .flags = len == s->r2t_left ? NVME_TCP_LAST_PDU : 0 },
		.cccid = s->io->cmd.cid,
		.ttag = s->ttag,
		.datao = s->moved,
		.datal = len,
	};
	finish_hdr(t, &pdu->hdr, len);
	put_data(t, s, len);
	s->moved += len;
	s->r2t_left -= len;
	s->tx_end = t->tx_queued;
}

/* Capsules and data into the list of segments, as far as there is room. */
static void fill(struct tcp_qpair *t)
{
	struct host_qpair *q = &t->q;
	struct host_slot *s;

	while ((s = q->pending.head) != NULL) {
		if (q->state != HOST_QPAIR_LIVE && s->io != &q->connect_io)
			return;
		if (t->hdrs_size - t->hdrs_used < TCP_HDR_MAX ||
		    TCP_SEGS - t->nsegs < s->io->niov + 3u)
			return;
		host_slots_pop(&q->pending);
		if (s->tx_end == HOST_UNSENT)
			put_capsule(t, s);
		else
			put_h2c_data(t, s);
		if (s->r2t_left)
			host_slots_push(&q->pending, s);
	}
}

static void sent(struct tcp_qpair *t, size_t n)
{
	t->tx_sent += n;
	while (n) {
		struct iovec *seg = &t->segs[t->seg_first];

		if (n < seg->iov_len) {
			seg->iov_base = (uint8_t *)seg->iov_base + n;
			seg->iov_len -= n;
			return;
		}
		n -= seg->iov_len;
		t->seg_first++;
	}
	if (t->seg_first == t->nsegs) {
		t->seg_first = t->nsegs = 0;
		t->hdrs_used = 0;
		t->seg_open = false;
	}
}

/* False: the stream took no more, or failed. */
static bool send_segs(struct tcp_qpair *t)
{
	while (t->seg_first != t->nsegs) {
		unsigned n = MIN(t->nsegs - t->seg_first, (unsigned)NET_IOV_MAX);
		ssize_t ret = net_send(t->stream, t->segs + t->seg_first, (int)n, false);

		if (ret == -EAGAIN) {
			t->tx_blocked = true;
			return false;
		}
		if (ret < 0) {
			host_qpair_fail(&t->q, (int)ret, "sending failed");
			return false;
		}
		sent(t, (size_t)ret);
	}
	return true;
}

static void pump(struct tcp_qpair *t)
{
	while (tcp_live(t) && !t->tx_blocked) {
		fill(t);
		if (t->seg_first == t->nsegs)
			return;
		if (!send_segs(t))
			return;
	}
}

void tcp_kick(struct host_qpair *q)
{
	struct tcp_qpair *t = container(q, struct tcp_qpair, q);

	if (t->phase == TCP_UP && !t->tx_blocked)
		pump(t);
}

static void complete_late(struct tcp_qpair *t)
{
	struct host_slots late = t->late;

	if (!late.head)
		return;
	host_slots_init(&t->late);
	while (late.head && tcp_live(t)) {
		struct host_slot *s = host_slots_pop(&late);

		if (s->tx_end > t->tx_sent)
			host_slots_push(&t->late, s);
		else
			host_qpair_complete(&t->q, s, s->status);
	}
}

void tcp_tx_writable(struct tcp_qpair *t)
{
	t->tx_blocked = false;
	pump(t);
	complete_late(t);
}

void tcp_tx_complete_later(struct tcp_qpair *t, struct host_slot *s)
{
	host_slots_push(&t->late, s);
}

bool tcp_tx_now(struct tcp_qpair *t, const void *pdu, size_t len)
{
	if (t->seg_first != t->nsegs || t->tx_blocked)
		return false;
	/* Nothing else is in hdrs: what does not go at once goes with the rest. */
	memcpy(t->hdrs, pdu, len);
	t->hdrs_used = 0;
	seg_hdr(t, (uint32_t)len);
	t->seg_open = false;
	return send_segs(t) || t->phase == TCP_IC;
}
