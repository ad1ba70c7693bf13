/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP, target side: taking the byte stream apart. See tcp.h.
 *
 * Everything here comes from the peer: what breaks the transport's rules ends
 * the connection with a C2HTermReq that names the field; what is wrong with a
 * command alone gives that command a status.
 */
#include <errno.h>
#include <string.h>

#include "target/core/trace.h"
#include "target/nvmf/tcp.h"
#include "target/nvmf/tgt.h"

#define FIELD(type, name) ((uint32_t)offsetof(struct type, name))
#define HDR_FIELD(name) FIELD(nvme_tcp_hdr, name)
/* While H2CData is expected, read no more than headers into the staging buffer. */
#define H2C_HEADER_READ 2048
/* Behind data in use, go on in the same staging buffer while this much is free. */
#define RX_MIN_SPACE 1024

static inline uint32_t pending(const struct tcp_conn *c)
{
	return c->rx_len - c->rx_off;
}

static inline uint8_t *rx_at(const struct tcp_conn *c)
{
	return (uint8_t *)c->rx->data + c->rx_off;
}

static inline uint32_t hdgst_len(const struct tcp_conn *c)
{
	return c->hdgst ? NVME_TCP_DIGEST_LEN : 0;
}

static inline uint32_t ddgst_len(const struct tcp_conn *c)
{
	return c->ddgst ? NVME_TCP_DIGEST_LEN : 0;
}

static bool broken(struct tcp_conn *c, uint16_t fes, uint32_t fei)
{
	const uint8_t *pdu = rx_at(c);
	/* At least the common header, whatever length the host claims for it. */
	uint32_t len = MAX(pdu[HDR_FIELD(hlen)], (uint32_t)sizeof(struct nvme_tcp_hdr));

	tcp_terminate(c, fes, fei, pdu, MIN(pending(c), len));
	return false;
}

void tcp_rx_unblock(struct tcp_conn *c)
{
	if (!c->rx_blocked)
		return;
	c->rx_blocked = false;
	reactor_run_soon(c->q.reactor, &c->resume_task);
}

static void block(struct tcp_conn *c)
{
	c->rx_blocked = true;
}

/* --- data ---------------------------------------------------------------------------------- */

/* The PDU's data (and digest) is skipped; its command has got its status. */
static void skip_data(struct tcp_conn *c, uint32_t len)
{
	c->rx_req = NULL;
	c->rx_dst = NULL;
	c->rx_left = len + ddgst_len(c);
	c->rx_phase = c->rx_left > 0 ? RX_DATA : RX_HEADER;
}

static void execute(struct tcp_conn *c, struct tcp_req *r)
{
	r->state = TCP_REQ_EXEC;
	if (G_UNLIKELY(r->failed_digest))
		nvmf_request_reject(&r->req, r->aborted ? NVME_SC_ABORT_REQUESTED
							: NVME_SC_TRANSIENT_TRANSPORT);
	else
		nvmf_request_exec(&r->req);
	if (c->q.state == NVMF_QPAIR_CONNECTING)
		block(c);
}

/* All bytes of a PDU's data, and its digest, have come. */
static void data_complete(struct tcp_conn *c, bool digest_ok)
{
	struct tcp_req *r = c->rx_req;

	c->rx_phase = RX_HEADER;
	c->rx_req = NULL;
	if (r == NULL)
		return;
	if (!digest_ok)
		r->failed_digest = true;
	c->progress = c->q.reactor->now;
	if (r->state == TCP_REQ_R2T) {
		r->received += (uint32_t)(c->rx_dst - c->rx_start);
		if (r->received < r->req.data_len)
			return;
		c->r2ts--;
	} else {
		/* In-capsule data, from where the SGL says. */
		r->req.buf_iov.iov_base = (uint8_t *)r->req.buf->data + r->req.cmd.sgl.address;
		r->req.buf_iov.iov_len = r->req.data_len;
	}
	execute(c, r);
}

static void data_received(struct tcp_conn *c)
{
	if (c->rx_req != NULL && c->ddgst)
		c->rx_phase = RX_DDGST;
	else
		data_complete(c, true);
}

static bool take_data(struct tcp_conn *c)
{
	uint32_t n = MIN(pending(c), c->rx_left);

	if (n == 0 && c->rx_left > 0)
		return false;
	if (c->rx_dst != NULL) {
		memcpy(c->rx_dst, rx_at(c), n);
		c->rx_dst += n;
	}
	c->rx_off += n;
	c->rx_left -= n;
	if (c->rx_left > 0)
		return false;
	data_received(c);
	return true;
}

static bool take_ddgst(struct tcp_conn *c)
{
	uint32_t crc;

	if (pending(c) < sizeof(crc))
		return false;
	memcpy(&crc, rx_at(c), sizeof(crc));
	c->rx_off += sizeof(crc);
	data_complete(c, crc == nvme_tcp_digest(0, c->rx_start, (size_t)(c->rx_dst - c->rx_start)));
	return true;
}

static void receive_into(struct tcp_conn *c, struct tcp_req *r, uint8_t *dst, uint32_t len)
{
	c->rx_req = r;
	c->rx_start = c->rx_dst = dst;
	c->rx_left = len;
	c->rx_phase = RX_DATA;
}

/* --- CapsuleCmd --------------------------------------------------------------------------- */

static void capsule_buffer_ready(struct nvmf_request *req)
{
	struct tcp_conn *c = tcp_conn_of(req->qpair);
	struct tcp_req *r = tcp_req_of(req);

	r->state = TCP_REQ_DATA;
	receive_into(c, r, req->buf->data, c->rx_left);
	tcp_rx_unblock(c);
}

/* In-capsule data of capsule_len bytes follows; the command wants some of it. */
static void capsule_data(struct tcp_conn *c, struct tcp_req *r, uint32_t capsule_len)
{
	const uint8_t *data = rx_at(c);
	uint32_t crc;

	if (pending(c) < capsule_len + ddgst_len(c)) {
		r->state = TCP_REQ_WAIT_BUFFER;
		c->rx_left = capsule_len;
		block(c);
		nvmf_request_get_buffer(&r->req, capsule_len, capsule_buffer_ready);
		return;
	}
	r->rx = buf_ref(c->rx);
	r->rx_iov = (struct iovec){ (uint8_t *)data + r->req.cmd.sgl.address, r->req.data_len };
	r->req.iov = &r->rx_iov;
	r->req.niov = 1;
	if (c->ddgst) {
		memcpy(&crc, data + capsule_len, sizeof(crc));
		r->failed_digest = crc != nvme_tcp_digest(0, data, capsule_len);
	}
	c->rx_off += capsule_len + ddgst_len(c);
	execute(c, r);
}

static void r2t_buffer_ready(struct nvmf_request *req)
{
	struct tcp_conn *c = tcp_conn_of(req->qpair);
	struct tcp_req *r = tcp_req_of(req);

	r->state = TCP_REQ_R2T;
	if (c->r2ts++ == 0)
		c->progress = c->q.reactor->now;
	tcp_send_r2t(c, r);
	tcp_watch(c);
	if (c->rx_wait_req)
		broken(c, NVME_TCP_FES_SEQUENCE, 0);
}

/* What the command says of its data. Returns a status; *in_capsule: it is in the capsule. */
static inline uint16_t parse_sgl(struct tcp_conn *c, struct tcp_req *r, uint32_t capsule_len,
				 bool *in_capsule)
{
	struct nvmf_request *req = &r->req;
	const struct nvme_sgl *sgl = &req->cmd.sgl;

	*in_capsule = false;
	req->xfer = (uint8_t)nvme_cmd_xfer(&req->cmd);
	req->data_len = 0;
	if ((req->cmd.flags & NVME_CMD_PSDT_MASK) != NVME_CMD_PSDT_SGL ||
	    req->xfer == NVME_XFER_BIDIR)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	if (req->xfer == NVME_XFER_NONE)
		return capsule_len > 0 ? NVME_SC_INVALID_FIELD | NVME_DNR : NVME_SUCCESS;
	req->data_len = sgl->length;
	if (sgl->type == NVME_SGL_TRANSPORT) {
		if (capsule_len > 0)
			return NVME_SC_SGL_TYPE_INVALID | NVME_DNR;
		if (req->xfer == NVME_XFER_H2C &&
		    sgl->length > c->q.transport->options.max_io_size)
			return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
		return NVME_SUCCESS;
	}
	if (sgl->type != NVME_SGL_OFFSET || req->xfer != NVME_XFER_H2C)
		return NVME_SC_SGL_TYPE_INVALID | NVME_DNR;
	if (sgl->address > capsule_len)
		return NVME_SC_SGL_OFFSET_INVALID | NVME_DNR;
	if (sgl->length > capsule_len - sgl->address)
		return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	*in_capsule = capsule_len > 0;
	return NVME_SUCCESS;
}

/* The header of plen bytes (with digest and padding) and capsule_len bytes of data. */
static bool take_capsule(struct tcp_conn *c, uint32_t hdr_len, uint32_t capsule_len)
{
	struct tcp_req *r = tcp_req_get(c);
	bool in_capsule;
	uint16_t status;

	if (r == NULL) {
		/*
		 * A request is free again before its host can know that the command is
		 * done: this is one more than the queue holds. Before Connect there is one
		 * request, and what it waits for may only come behind this.
		 */
		if (c->reqs != NULL || c->r2ts > 0)
			return broken(c, NVME_TCP_FES_SEQUENCE, 0);
		c->rx_wait_req = true;
		block(c);
		return false;
	}
	memcpy(&r->req.cmd, rx_at(c) + sizeof(struct nvme_tcp_hdr), sizeof(r->req.cmd));
	if (G_UNLIKELY(r->req.cmd.flags != NVME_CMD_PSDT_SGL || c->q.fuse_first != NULL))
		nvmf_fuse_arrived(&r->req);
	c->rx_off += hdr_len;
	r->failed_digest = false;
	r->aborted = false;
	status = parse_sgl(c, r, capsule_len, &in_capsule);
	if (status != NVME_SUCCESS) {
		r->state = TCP_REQ_EXEC;
		if (capsule_len > 0)
			skip_data(c, capsule_len);
		nvmf_request_reject(&r->req, status);
	} else if (in_capsule) {
		capsule_data(c, r, capsule_len);
	} else if (r->req.xfer == NVME_XFER_H2C && r->req.data_len > 0) {
		r->state = TCP_REQ_WAIT_BUFFER;
		r->received = 0;
		nvmf_request_get_buffer(&r->req, r->req.data_len, r2t_buffer_ready);
	} else {
		execute(c, r);
	}
	return true;
}

/* --- Abort -------------------------------------------------------------------------------- */

/*
 * What the host was asked for it sends, so the request is in use until then. Data
 * in a capsule of an enabled queue is not waited for: capsule_is_short().
 */
bool tcp_abort(struct nvmf_qpair *q, uint16_t cid)
{
	struct tcp_conn *c = tcp_conn_of(q);

	for (unsigned i = 0; i < c->nreqs; i++) {
		struct tcp_req *r = &c->reqs[i];

		if (r->req.cmd.cid != cid)
			continue;
		if (r->state == TCP_REQ_WAIT_BUFFER) {
			nvmf_request_release(&r->req);
			r->state = TCP_REQ_EXEC;
			nvmf_request_reject(&r->req, NVME_SC_ABORT_REQUESTED);
			return true;
		}
		if (r->state == TCP_REQ_R2T) {
			r->failed_digest = r->aborted = true;
			return true;
		}
	}
	return false;
}

/* --- H2CData --------------------------------------------------------------------------------- */

static struct tcp_req *by_ttag(struct tcp_conn *c, uint16_t ttag)
{
	if (c->reqs == NULL)
		return ttag == 0 ? &c->first : NULL;
	return ttag < c->nreqs ? &c->reqs[ttag] : NULL;
}

static bool take_h2c(struct tcp_conn *c, uint32_t hdr_len, uint32_t data_len)
{
	struct nvme_tcp_data d;
	struct tcp_req *r;

	memcpy(&d, rx_at(c), sizeof(d));
	r = by_ttag(c, d.ttag);
	if (r == NULL || r->state != TCP_REQ_R2T || r->tx_left > 0)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, FIELD(nvme_tcp_data, ttag));
	if (r->req.cmd.cid != d.cccid)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, FIELD(nvme_tcp_data, cccid));
	if (d.datal != data_len || d.datal == 0)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, FIELD(nvme_tcp_data, datal));
	if (d.datao != r->received)
		return broken(c, NVME_TCP_FES_RANGE, FIELD(nvme_tcp_data, datao));
	if (d.datal > r->req.data_len - r->received)
		return broken(c, NVME_TCP_FES_RANGE, FIELD(nvme_tcp_data, datal));
	if (d.datal > c->q.transport->options.max_io_size)
		return broken(c, NVME_TCP_FES_LIMIT, FIELD(nvme_tcp_data, datal));
	if (!!(d.hdr.flags & NVME_TCP_LAST_PDU) != (d.datal == r->req.data_len - r->received))
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(flags));
	c->rx_off += hdr_len;
	receive_into(c, r, (uint8_t *)r->req.buf->data + r->received, d.datal);
	return true;
}

/* --- other PDUs ---------------------------------------------------------------------------------- */

static uint8_t data_offset(const struct tcp_conn *c, unsigned align)
{
	unsigned len = sizeof(struct nvme_tcp_data) + hdgst_len(c);

	return (uint8_t)((len + align - 1) / align * align);
}

static bool take_icreq(struct tcp_conn *c)
{
	struct nvme_tcp_icreq ic;

	memcpy(&ic, rx_at(c), sizeof(ic));
	if (ic.pfv != 0)
		return broken(c, NVME_TCP_FES_UNSUPPORTED, FIELD(nvme_tcp_icreq, pfv));
	if (ic.hpda > 31)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, FIELD(nvme_tcp_icreq, hpda));
	if (ic.digest & ~3)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, FIELD(nvme_tcp_icreq, digest));
	c->rx_off += sizeof(ic);
	c->hdgst = ic.digest & 1;
	c->ddgst = ic.digest & 2;
	c->plain = !c->hdgst && !c->ddgst;
	c->pdo = data_offset(c, (ic.hpda + 1u) * 4);
	c->q.can_place = !c->ddgst;
	c->state = TCP_READY;
	tcp_send_icresp(c, c->q.transport->options.max_io_size);
	return true;
}

static bool take_term(struct tcp_conn *c)
{
	struct nvme_tcp_term term;

	memcpy(&term, rx_at(c), sizeof(term));
	log_notice(c->q.tgt->core->log, "nvmf.tcp", "host terminated the connection",
		   "qid=%u fes=0x%02x", c->q.qid, term.fes);
	nvmf_qpair_kill(&c->q);
	return false;
}

/* --- headers --------------------------------------------------------------------------------------- */

static uint8_t header_size(uint8_t type)
{
	switch (type) {
	case NVME_TCP_ICREQ:
		return sizeof(struct nvme_tcp_icreq);
	case NVME_TCP_H2C_TERM:
		return sizeof(struct nvme_tcp_term);
	case NVME_TCP_CAPSULE_CMD:
		return sizeof(struct nvme_tcp_capsule_cmd);
	case NVME_TCP_H2C_DATA:
		return sizeof(struct nvme_tcp_data);
	default:
		return 0;
	}
}

static uint32_t capsule_limit(const struct tcp_conn *c)
{
	uint32_t icd = c->q.transport->options.in_capsule_data_size;

	return c->q.qid == 0 ? TCP_ADMIN_ICD : icd;
}

/*
 * Checks the common header. On success *hdr_len is header with digest and
 * padding, *data_len the data behind it without its digest.
 */
static inline bool check_header(struct tcp_conn *c, const struct nvme_tcp_hdr *h, uint32_t *hdr_len,
				uint32_t *data_len)
{
	bool ic = h->type == NVME_TCP_ICREQ, term = h->type == NVME_TCP_H2C_TERM;
	uint8_t size = header_size(h->type);
	uint32_t fixed = size + (ic || term ? 0 : hdgst_len(c));
	uint32_t trailer;

	if (size == 0)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(type));
	if (ic != (c->state == TCP_WAIT_ICREQ))
		return broken(c, NVME_TCP_FES_SEQUENCE, HDR_FIELD(type));
	if (h->hlen != size)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(hlen));
	if (h->plen < fixed || (ic && h->plen != fixed) || (term && h->plen > fixed + 128))
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(plen));
	*hdr_len = fixed;
	*data_len = 0;
	if (ic || term)
		return true;
	if (!!(h->flags & NVME_TCP_HDGSTF) != c->hdgst)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(flags));
	if (h->plen == fixed)
		return true;
	trailer = ddgst_len(c);
	if (!!(h->flags & NVME_TCP_DDGSTF) != c->ddgst)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(flags));
	if (h->pdo < fixed || h->pdo % 4 != 0 || h->pdo > h->plen)
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(pdo));
	if (h->plen - h->pdo <= trailer ||
	    (h->type == NVME_TCP_CAPSULE_CMD && h->plen - h->pdo - trailer > capsule_limit(c)))
		return broken(c, NVME_TCP_FES_INVALID_HEADER, HDR_FIELD(plen));
	*hdr_len = h->pdo;
	*data_len = h->plen - h->pdo - trailer;
	return true;
}

static bool check_hdgst(struct tcp_conn *c, uint8_t hlen)
{
	uint32_t crc;

	memcpy(&crc, rx_at(c) + hlen, sizeof(crc));
	if (crc == nvme_tcp_digest(0, rx_at(c), hlen))
		return true;
	return broken(c, NVME_TCP_FES_HDGST, crc);
}

/*
 * A capsule with its data is taken as a whole where the staging buffer can hold
 * it, so that it needs no other: that one might never come, with the H2CData of
 * commands that hold the buffers waiting behind the capsule.
 */
static inline bool capsule_is_short(struct tcp_conn *c, uint32_t hdr_len, uint32_t data_len)
{
	uint32_t len = hdr_len + data_len + ddgst_len(c);

	if (data_len == 0 || pending(c) >= len || len > c->small.size)
		return false;
	c->rx_need = len - pending(c);
	return true;
}

/* check_header() for most commands: without digests, with no data or data right behind it. */
static inline bool is_plain(const struct tcp_conn *c, const struct nvme_tcp_hdr *h,
			    uint32_t *data_len)
{
	static const struct nvme_tcp_hdr plain = { .type = NVME_TCP_CAPSULE_CMD,
						   .hlen = sizeof(struct nvme_tcp_capsule_cmd) };

	if (!c->plain || memcmp(h, &plain, offsetof(struct nvme_tcp_hdr, pdo)) != 0)
		return false;
	*data_len = h->plen - (uint32_t)sizeof(struct nvme_tcp_capsule_cmd);
	return *data_len == 0 ||
	       (h->pdo == sizeof(struct nvme_tcp_capsule_cmd) && *data_len <= capsule_limit(c));
}

/* Takes one header apart. False: more bytes are needed, or parsing stops. */
static inline bool take_header(struct tcp_conn *c)
{
	struct nvme_tcp_hdr h;
	uint32_t hdr_len = sizeof(struct nvme_tcp_capsule_cmd), data_len = 0;

	if (pending(c) < sizeof(h))
		return false;
	memcpy(&h, rx_at(c), sizeof(h));
	if (G_UNLIKELY(!is_plain(c, &h, &data_len)) && !check_header(c, &h, &hdr_len, &data_len))
		return false;
	if (pending(c) < hdr_len)
		return false;
	if (h.type == NVME_TCP_CAPSULE_CMD && capsule_is_short(c, hdr_len, data_len))
		return false;
	if (c->hdgst && h.type != NVME_TCP_ICREQ && h.type != NVME_TCP_H2C_TERM &&
	    !check_hdgst(c, h.hlen))
		return false;
	switch (h.type) {
	case NVME_TCP_CAPSULE_CMD:
		return take_capsule(c, hdr_len, data_len);
	case NVME_TCP_H2C_DATA:
		return take_h2c(c, hdr_len, data_len);
	case NVME_TCP_ICREQ:
		return take_icreq(c);
	default:
		return take_term(c);
	}
}

static void parse(struct tcp_conn *c)
{
	bool more = true;

	while (more && !c->rx_blocked && c->state <= TCP_READY) {
		switch (c->rx_phase) {
		case RX_HEADER:
			more = take_header(c);
			break;
		case RX_DATA:
			more = take_data(c);
			break;
		default:
			more = take_ddgst(c);
		}
	}
}

/* --- receiving ---------------------------------------------------------------------------------------- */

static void put_staging(struct tcp_conn *c)
{
	if (c->rx != NULL && c->rx != &c->small)
		buf_put(c->rx);
	c->rx = NULL;
}

/* What is pending moves there: less than a header, save after a change of reactor. */
static void use_staging(struct tcp_conn *c, struct buf *buf)
{
	uint32_t n = 0;

	if (c->rx != NULL) {
		n = pending(c);
		memmove(buf->data, rx_at(c), n);
		put_staging(c);
	}
	c->rx = buf;
	c->rx_off = 0;
	c->rx_len = n;
}

bool tcp_rx_reserve(struct tcp_conn *c)
{
	uint32_t size = TCP_HDR_SPACE + capsule_limit(c) + NVME_TCP_DIGEST_LEN;

	g_assert(c->small.refs == 1);
	c->small_mem = g_try_malloc(size);
	if (c->small_mem == NULL)
		return false;
	if (c->rx == &c->small)
		memcpy(c->small_mem, c->small.data, c->rx_len);
	c->small.data = c->small_mem;
	c->small.size = size;
	return true;
}

static inline bool has_space(const struct tcp_conn *c)
{
	return c->rx->size - c->rx_off >= TCP_HDR_SPACE &&
	       c->rx->size - c->rx_len >= MAX(RX_MIN_SPACE, c->rx_need);
}

/* Where the pool has nothing. False: what is in it is still in use. */
static bool make_small_space(struct tcp_conn *c)
{
	if (c->small.refs > 1) {
		if (c->rx == &c->small && has_space(c))
			return true;
		c->rx_wait_small = true;
		block(c);
		return false;
	}
	use_staging(c, &c->small);
	return true;
}

/* Makes space for a whole header (and rx_need) in the staging buffer. False: it has to wait. */
static bool make_space(struct tcp_conn *c)
{
	uint32_t n = c->rx != NULL ? pending(c) : 0;
	struct buf *buf = NULL;

	/* Large in-capsule data, longer than pool buffers are. */
	if (c->rx != NULL && n + c->rx_need > c->rx->size)
		return make_small_space(c);
	if (c->rx != NULL && c->rx->refs == 1 && c->rx->size >= c->rx_size) {
		if (n == 0) {
			c->rx_off = c->rx_len = 0;
		} else if (!has_space(c)) {
			memmove(c->rx->data, rx_at(c), n);
			c->rx_off = 0;
			c->rx_len = n;
		}
		return true;
	}
	if (c->rx != NULL && c->rx != &c->small && has_space(c))
		return true;
	if (n + TCP_HDR_SPACE <= BUF_MAX_SIZE)
		buf = buf_get_spare(c->q.reactor->bufs, MAX(c->rx_size, n + TCP_HDR_SPACE));
	if (buf == NULL)
		return make_small_space(c);
	use_staging(c, buf);
	return true;
}

bool tcp_rx_restore(struct tcp_conn *c, const uint8_t *data, uint32_t len)
{
	struct buf *buf = buf_get(c->q.reactor->bufs, MAX(c->rx_size, len));

	if (buf == NULL && len <= c->small.size && c->small.refs == 1)
		buf = &c->small;
	if (buf == NULL)
		return false;
	memcpy(buf->data, data, len);
	c->rx = buf;
	c->rx_off = 0;
	c->rx_len = len;
	return true;
}

void tcp_rx_idle(struct tcp_conn *c)
{
	if (c->rx == NULL || pending(c) > 0 || c->rx_phase != RX_HEADER || c->rx->refs > 1)
		return;
	put_staging(c);
	c->rx_off = c->rx_len = 0;
}

static ssize_t receive(struct tcp_conn *c)
{
	struct iovec iov[2];
	uint32_t direct = 0;
	ssize_t n;
	int k = 0;

	if (c->rx_phase == RX_DATA && c->rx_dst != NULL) {
		direct = c->rx_left;
		iov[k++] = (struct iovec){ c->rx_dst, direct };
	}
	iov[k].iov_base = (uint8_t *)c->rx->data + c->rx_len;
	iov[k].iov_len = c->rx->size - c->rx_len;
	if (c->r2ts > 0)
		iov[k].iov_len = MIN(iov[k].iov_len, (size_t)MAX(H2C_HEADER_READ, c->rx_need));
	c->rx_need = 0;
	n = net_recv(c->stream, iov, k + 1);
	if (n <= 0)
		return n;
	direct = MIN(direct, (uint32_t)n);
	if (direct > 0) {
		c->rx_dst += direct;
		c->rx_left -= direct;
	}
	c->rx_len += (uint32_t)n - direct;
	if (direct > 0 && c->rx_left == 0)
		data_received(c);
	return n;
}

/* After a C2HTermReq: nothing is read any more but the end. */
static void discard(struct tcp_conn *c)
{
	uint8_t bin[4096];
	struct iovec iov = { bin, sizeof(bin) };
	ssize_t n = net_recv(c->stream, &iov, 1);

	if (n == 0 || (n < 0 && n != -EAGAIN))
		tcp_linger_end(c);
}

void tcp_readable(struct net_stream *s, void *user)
{
	struct tcp_conn *c = user;
	ssize_t n;

	if (c->state == TCP_LINGER) {
		discard(c);
		return;
	}
	if (c->rx_blocked) {
		s->ops->pause(s, true);
		c->rx_paused = true;
		return;
	}
	if (c->resume_task.queued)
		return; /* what is there already comes first */
	if (!make_space(c))
		return;
	n = receive(c);
	if (n <= 0)
		tcp_rx_idle(c);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		nvmf_qpair_kill(&c->q);
		return;
	}
	parse(c);
	tcp_rx_idle(c);
}

void tcp_rx_resume(struct task *task)
{
	struct tcp_conn *c =
		(struct tcp_conn *)((char *)task - offsetof(struct tcp_conn, resume_task));

	if (c->state > TCP_READY || c->rx_blocked || c->q.moving)
		return;
	if (c->rx_paused) {
		c->rx_paused = false;
		c->stream->ops->pause(c->stream, false);
	}
	if (c->rx != NULL)
		parse(c);
	tcp_rx_idle(c);
}

void tcp_rx_drop(struct tcp_conn *c)
{
	reactor_cancel_task(c->q.reactor, &c->resume_task);
	put_staging(c);
	c->rx_req = NULL;
	c->rx_off = c->rx_len = 0;
}
