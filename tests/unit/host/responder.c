/* SPDX-License-Identifier: BSD-3-Clause */
/* See responder.h. Sending and receiving of PDUs; what commands do is in responder-cmd.c. */
#include "tests/unit/host/responder-priv.h"

#include <errno.h>
#include <string.h>

uint32_t resp_crc(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *b++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* --- sending ---------------------------------------------------------------------- */

static void push(struct conn *c)
{
	while (!c->dead && c->tx->len) {
		struct iovec iov = { c->tx->data, c->tx->len };
		ssize_t n = net_send(c->stream, &iov, 1, false);

		if (n <= 0)
			return;
		g_byte_array_remove_range(c->tx, 0, (guint)n);
	}
}

static void later_fn(struct timer *timer, struct reactor *r)
{
	struct conn *c = (void *)((char *)timer - offsetof(struct conn, later));

	(void)r;
	g_byte_array_append(c->tx, c->held->data, c->held->len);
	g_byte_array_set_size(c->held, 0);
	push(c);
}

void conn_bytes(struct conn *c, const void *p, size_t len)
{
	g_byte_array_append(c->held, p, (guint)len);
}

/* What was gathered goes out: at once, or cut in two. */
void conn_flush(struct conn *c)
{
	struct reactor *r = core_main(c->resp->core);
	guint n = c->held->len;

	if (c->resp->cut_on && c->qid)
		n = MIN(n, c->resp->cut);
	g_byte_array_append(c->tx, c->held->data, n);
	g_byte_array_remove_range(c->held, 0, n);
	push(c);
	if (c->held->len)
		reactor_timer_set(r, &c->later, r->now + 100000);
}

static void put_hdr(struct conn *c, void *pdu, uint32_t datal)
{
	struct nvme_tcp_hdr *h = pdu;
	uint32_t len = h->hlen + (c->hdgst ? 4 : 0), pad = 0, crc;

	if (datal) {
		uint32_t align = c->hpda;

		pad = (align - len % align) % align;
		h->pdo = (uint8_t)(len + pad);
	}
	h->flags |= (c->hdgst ? NVME_TCP_HDGSTF : 0) | (datal && c->ddgst ? NVME_TCP_DDGSTF : 0);
	h->plen = len + pad + datal + (datal && c->ddgst ? 4 : 0);
	conn_bytes(c, pdu, h->hlen);
	if (c->hdgst) {
		crc = resp_crc(pdu, h->hlen);
		conn_bytes(c, &crc, 4);
	}
	while (pad--)
		conn_bytes(c, "", 1);
}

void conn_resp(struct conn *c, uint16_t cid, uint16_t status, uint64_t value)
{
	struct nvme_tcp_capsule_resp pdu = {
		.hdr = { .type = NVME_TCP_CAPSULE_RESP, .hlen = sizeof(pdu) },
		.cqe = { .value = value, .cid = cid, .status = (uint16_t)(status << 1) },
	};

	put_hdr(c, &pdu, 0);
}

void conn_data(struct conn *c, uint16_t cid, uint32_t off, const void *p, uint32_t len,
	       uint8_t flags)
{
	struct nvme_tcp_data pdu = {
		.hdr = { .type = NVME_TCP_C2H_DATA, .hlen = sizeof(pdu), .flags = flags },
		.cccid = cid,
		.datao = off,
		.datal = len,
	};
	uint32_t crc = resp_crc(p, len);

	put_hdr(c, &pdu, len);
	conn_bytes(c, p, len);
	if (c->ddgst)
		conn_bytes(c, &crc, 4);
}

void conn_r2t(struct conn *c, uint16_t cid, uint16_t ttag, uint32_t off, uint32_t len)
{
	struct nvme_tcp_r2t pdu = {
		.hdr = { .type = NVME_TCP_R2T, .hlen = sizeof(pdu) },
		.cccid = cid,
		.ttag = ttag,
		.r2to = off,
		.r2tl = len,
	};

	c->resp->r2ts++;
	put_hdr(c, &pdu, 0);
}

/* --- receiving ---------------------------------------------------------------------- */

static void conn_end(struct conn *c)
{
	struct conn **at = &c->resp->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	reactor_timer_cancel(core_main(c->resp->core), &c->later);
	c->stream->ops->close(c->stream);
	g_byte_array_unref(c->rx);
	g_byte_array_unref(c->tx);
	g_byte_array_unref(c->held);
	g_queue_clear(&c->aers);
	g_free(c);
}

static void on_icreq(struct conn *c, const struct nvme_tcp_icreq *req)
{
	struct resp *r = c->resp;
	struct nvme_tcp_icresp pdu = {
		.hdr = { .type = NVME_TCP_ICRESP, .hlen = sizeof(pdu), .plen = sizeof(pdu) },
		.pfv = r->pfv,
		.cpda = r->cpda,
		.maxh2cdata = r->maxh2c,
	};

	g_assert_cmpuint(req->hdr.plen, ==, 128);
	g_assert_cmpuint(req->pfv, ==, 0);
	g_assert_cmpuint(req->maxr2t, ==, 0);
	if (r->silent_ic)
		return;
	c->hpda = 4 * (req->hpda + 1u);
	c->cpda = 4 * (r->cpda + 1u);
	pdu.digest = (req->digest & 1 && !r->no_hdgst ? 1 : 0) |
		     (req->digest & 2 && !r->no_ddgst ? 2 : 0);
	pdu.hdr.hlen = r->ic_hlen ? r->ic_hlen : pdu.hdr.hlen;
	pdu.hdr.plen = r->ic_plen ? r->ic_plen : pdu.hdr.plen;
	pdu.hdr.type = r->ic_type ? r->ic_type : pdu.hdr.type;
	conn_bytes(c, &pdu, sizeof(pdu));
	conn_flush(c);
	c->hdgst = pdu.digest & 1;
	c->ddgst = pdu.digest & 2;
	c->ic_done = true;
}

/* Everything that the host must get right about a PDU on the wire. */
static void check_pdu(const struct conn *c, const uint8_t *pdu)
{
	const struct nvme_tcp_hdr *h = (const void *)pdu;
	uint32_t len = h->hlen + (c->hdgst ? 4 : 0), ddgst = 0, crc;

	g_assert_cmpint(!!(h->flags & NVME_TCP_HDGSTF), ==, c->hdgst);
	if (c->hdgst) {
		memcpy(&crc, pdu + h->hlen, 4);
		g_assert_cmpuint(crc, ==, resp_crc(pdu, h->hlen));
	}
	if (h->plen == len) {
		g_assert_cmpuint(h->pdo, ==, 0);
		g_assert_false(h->flags & NVME_TCP_DDGSTF);
		return;
	}
	g_assert_cmpuint(h->pdo, >=, len);
	g_assert_cmpuint(h->pdo - len, <, c->cpda);
	g_assert_cmpuint(h->pdo % c->cpda, ==, 0);
	for (unsigned i = len; i < h->pdo; i++)
		g_assert_cmpuint(pdu[i], ==, 0);
	g_assert_cmpint(!!(h->flags & NVME_TCP_DDGSTF), ==, c->ddgst);
	if (c->ddgst) {
		ddgst = 4;
		memcpy(&crc, pdu + h->plen - 4, 4);
		g_assert_cmpuint(crc, ==, resp_crc(pdu + h->pdo, h->plen - h->pdo - ddgst));
	}
}

static void on_pdu(struct conn *c, const uint8_t *pdu)
{
	const struct nvme_tcp_hdr *h = (const void *)pdu;
	struct resp *r = c->resp;

	if (h->type == NVME_TCP_ICREQ) {
		on_icreq(c, (const void *)pdu);
		return;
	}
	if (h->type == NVME_TCP_H2C_TERM) {
		g_assert_cmpuint(h->hlen, ==, 24);
		r->terms++;
		r->last_fes = ((const struct nvme_tcp_term *)h)->fes;
		return;
	}
	check_pdu(c, pdu);
	if (h->type == NVME_TCP_CAPSULE_CMD) {
		const struct nvme_cmd *cmd = &((const struct nvme_tcp_capsule_cmd *)h)->sqe;
		const uint8_t *data = h->pdo ? pdu + h->pdo : NULL;
		uint32_t len = h->pdo ? h->plen - h->pdo - (c->ddgst ? 4 : 0) : 0;

		r->commands++;
		g_assert_cmpuint(h->hlen, ==, 72);
		g_assert_cmpuint(cmd->flags, ==, NVME_CMD_PSDT_SGL);
		if (!r->hook || !r->hook(r, c, cmd, r->arg))
			conn_serve(c, cmd, data, len);
		conn_flush(c);
	} else {
		g_assert_cmpuint(h->type, ==, NVME_TCP_H2C_DATA);
		r->h2c_pdus++;
		conn_h2c_data(c, (const void *)h, pdu + h->pdo);
		conn_flush(c);
	}
}

static void readable(struct net_stream *stream, void *user)
{
	struct conn *c = user;
	uint8_t buf[8192];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(stream, &iov, 1);

	if (n == -EAGAIN)
		return;
	if (n == 0 && c->resp->ignore_eof) {
		stream->ops->pause(stream, true);
		return;
	}
	if (n <= 0) {
		c->resp->ends++;
		conn_end(c);
		return;
	}
	g_byte_array_append(c->rx, buf, (guint)n);
	while (c->rx->len >= 8) {
		uint32_t plen = ((struct nvme_tcp_hdr *)c->rx->data)->plen;
		g_autofree uint8_t *pdu = NULL;

		if (c->rx->len < plen)
			return;
		pdu = g_memdup2(c->rx->data, plen);
		g_byte_array_remove_range(c->rx, 0, plen);
		on_pdu(c, pdu);
	}
}

static void writable(struct net_stream *stream, void *user)
{
	(void)stream;
	push(user);
}

static const struct net_stream_cb stream_cb = { .readable = readable, .writable = writable };

static void accepted(struct net_listener *listener, struct net_stream *stream, void *user)
{
	struct resp *r = user;
	struct conn *c = g_new0(struct conn, 1);

	(void)listener;
	r->accepts++;
	c->resp = r;
	c->stream = stream;
	c->rx = g_byte_array_new();
	c->tx = g_byte_array_new();
	c->held = g_byte_array_new();
	g_queue_init(&c->aers);
	timer_init(&c->later, later_fn);
	c->next = r->conns;
	r->conns = c;
	g_assert_cmpint(stream->ops->attach(stream, core_main(r->core)->net, &stream_cb, c), ==, 0);
}

static const struct net_listener_cb listener_cb = { .accepted = accepted };

void resp_listen(struct resp *r)
{
	struct hw_net *net = r->core->hw->net;

	g_assert_cmpint(net->ops->listen(core_main(r->core)->net, &r->addr, NULL, &listener_cb, r,
					 &r->listener),
			==, 0);
}

void resp_start(struct resp *r, struct core *core, const char *host)
{
	*r = (struct resp){ .core = core,
			    .capsule = 4096,
			    .maxh2c = 131072,
			    .r2t_max = 65536,
			    .data_max = 65536,
			    .success_flag = true,
			    .mqes = 127,
			    .queues = 8,
			    .mdts = 5,
			    .genctr = 7 };
	g_assert_true(net_addr_parse(&r->addr, host, "4420", NULL));
	resp_listen(r);
}

void resp_crash(struct resp *r)
{
	if (r->listener)
		r->core->hw->net->ops->listener_close(r->listener);
	r->listener = NULL;
	while (r->conns)
		conn_end(r->conns);
}

void resp_stop(struct resp *r)
{
	resp_crash(r);
	for (unsigned i = 0; i < RESP_NS_MAX; i++)
		g_free(r->ns[i].data);
}
