/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integration/tcp/raw.h"

#include <errno.h>
#include <string.h>

#include "target/core/buf.h"
#include "target/nvmf/tgt.h"

#define LIMIT (5 * WORLD_SEC)

uint64_t raw_get(const uint8_t *p, unsigned offset, unsigned len)
{
	uint64_t v = 0;

	for (unsigned i = len; i-- > 0;)
		v = v << 8 | p[offset + i];
	return v;
}

void raw_put(uint8_t *p, unsigned offset, unsigned len, uint64_t value)
{
	for (unsigned i = 0; i < len; i++)
		p[offset + i] = (uint8_t)(value >> 8 * i);
}

uint32_t raw_crc(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = UINT32_MAX;

	while (len-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

/* --- the stream ----------------------------------------------------------------------- */

static void ended(struct raw *r)
{
	if (r->stream != NULL)
		r->stream->ops->close(r->stream);
	r->stream = NULL;
	r->closed = true;
	r->closed_at = world_now(r->fx->world);
}

static void flush(struct raw *r)
{
	while (r->connected && r->stream != NULL && r->out->len > 0) {
		struct iovec iov = { r->out->data, r->out->len };
		ssize_t n = net_send(r->stream, &iov, 1, false);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			r->connected = false; /* what came before may still be read */
			return;
		}
		g_byte_array_remove_range(r->out, 0, (guint)n);
	}
}

static void split(struct raw *r)
{
	uint64_t plen;

	while (r->in->len >= 8 && r->in->len >= (plen = raw_get(r->in->data, 4, 4))) {
		g_assert_cmpuint(plen, >=, 8);
		g_ptr_array_add(r->pdus, g_bytes_new(r->in->data, plen));
		g_byte_array_remove_range(r->in, 0, (guint)plen);
	}
}

static void on_connected(struct net_stream *s, int err, void *user)
{
	struct raw *r = user;

	(void)s;
	if (err < 0) {
		ended(r);
		return;
	}
	r->connected = true;
	flush(r);
}

static void on_readable(struct net_stream *s, void *user)
{
	struct raw *r = user;
	uint8_t bin[65536];
	struct iovec iov = { bin, sizeof(bin) };
	ssize_t n;

	if (r->deaf) {
		s->ops->pause(s, true);
		return;
	}
	n = net_recv(s, &iov, 1);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		ended(r);
		return;
	}
	g_byte_array_append(r->in, bin, (guint)n);
	split(r);
}

static void on_writable(struct net_stream *s, void *user)
{
	(void)s;
	flush(user);
}

static const struct net_stream_cb stream_cb = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
};

struct raw *raw_open(struct fx *fx, struct core *core)
{
	struct raw *r = g_new0(struct raw, 1);
	struct net_addr addr;

	r->fx = fx;
	r->core = core;
	r->out = g_byte_array_new();
	r->in = g_byte_array_new();
	r->pdus = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	g_assert_true(net_addr_parse(&addr, FX_ADDR, "4420", NULL));
	if (core->hw->net->ops->connect(core_main(core)->net, &addr, NULL, &stream_cb, r,
					&r->stream) < 0) {
		r->stream = NULL;
		r->closed = true;
	}
	return r;
}

void raw_close(struct raw *r)
{
	if (r->stream != NULL)
		r->stream->ops->close(r->stream);
	r->stream = NULL;
}

void raw_abort(struct raw *r)
{
	if (r->stream != NULL)
		r->stream->ops->abort(r->stream);
	r->stream = NULL;
}

void raw_free(struct raw *r)
{
	if (r == NULL)
		return;
	raw_close(r);
	g_byte_array_unref(r->out);
	g_byte_array_unref(r->in);
	g_ptr_array_unref(r->pdus);
	g_free(r);
}

void raw_send(struct raw *r, const void *data, size_t len)
{
	g_byte_array_append(r->out, data, (guint)len);
	flush(r);
}

void raw_send_bytes(struct raw *r, GByteArray *bytes)
{
	raw_send(r, bytes->data, bytes->len);
	g_byte_array_unref(bytes);
}

struct wait {
	struct raw *r;
	unsigned n;
};

static bool waiting(void *arg)
{
	const struct wait *w = arg;

	return w->r->pdus->len < w->n && !w->r->closed;
}

bool raw_wait(struct raw *r, unsigned n, uint64_t ns)
{
	struct wait w = { r, n };

	return world_run_while(r->fx->world, waiting, &w, ns);
}

bool raw_wait_closed(struct raw *r, uint64_t ns)
{
	return raw_wait(r, UINT_MAX, ns);
}

/* --- encoding --------------------------------------------------------------------------- */

static void common(uint8_t *p, uint8_t type, uint8_t flags, uint8_t hlen, uint8_t pdo,
		   uint32_t plen)
{
	p[0] = type;
	p[1] = flags;
	p[2] = hlen;
	p[3] = pdo;
	raw_put(p, 4, 4, plen);
}

GByteArray *raw_icreq(struct raw *r, unsigned hpda, bool hdgst, bool ddgst)
{
	GByteArray *a = g_byte_array_new();

	g_byte_array_set_size(a, 128);
	memset(a->data, 0, 128);
	common(a->data, ICREQ, 0, 128, 0, 128);
	a->data[10] = (uint8_t)hpda;
	a->data[11] = (uint8_t)(hdgst | ddgst << 1);
	r->hdgst = hdgst;
	r->ddgst = ddgst;
	r->hpda = hpda;
	return a;
}

void raw_redigest(const struct raw *r, GByteArray *pdu)
{
	if (r->hdgst)
		raw_put(pdu->data, pdu->data[2], 4, raw_crc(pdu->data, pdu->data[2]));
}

static GByteArray *with_data(const struct raw *r, uint8_t type, uint8_t flags, uint8_t hlen,
			     const void *data, uint32_t len)
{
	GByteArray *a = g_byte_array_new();
	uint8_t pdo = (uint8_t)(hlen + (r->hdgst ? 4 : 0));
	uint32_t ddgst = len > 0 && r->ddgst ? 4 : 0;

	g_byte_array_set_size(a, pdo + len + ddgst);
	memset(a->data, 0, pdo);
	common(a->data, type, (uint8_t)(flags | (r->hdgst ? 1 : 0) | (ddgst ? 2 : 0)), hlen,
	       len > 0 ? pdo : 0, a->len);
	if (len > 0)
		memcpy(a->data + pdo, data, len);
	if (ddgst)
		raw_put(a->data, pdo + len, 4, raw_crc(data, len));
	return a;
}

GByteArray *raw_capsule(const struct raw *r, const uint8_t *sqe, const void *data, uint32_t len)
{
	GByteArray *a = with_data(r, CMD, 0, 72, data, len);

	memcpy(a->data + 8, sqe, 64);
	raw_redigest(r, a);
	return a;
}

GByteArray *raw_h2c(const struct raw *r, uint16_t cid, uint16_t ttag, uint32_t off,
		    const void *data, uint32_t len, bool last)
{
	GByteArray *a = with_data(r, H2CDATA, last ? 4 : 0, 24, data, len);

	raw_put(a->data, 8, 2, cid);
	raw_put(a->data, 10, 2, ttag);
	raw_put(a->data, 12, 4, off);
	raw_put(a->data, 16, 4, len);
	raw_redigest(r, a);
	return a;
}

void raw_sqe(uint8_t *sqe, uint8_t opcode, uint16_t cid, uint32_t nsid, int sgl, uint32_t len)
{
	memset(sqe, 0, 64);
	sqe[0] = opcode;
	sqe[1] = 0x40;
	raw_put(sqe, 2, 2, cid);
	raw_put(sqe, 4, 4, nsid);
	raw_put(sqe, 32, 4, len);
	sqe[39] = sgl == SGL_INCAPSULE ? 0x01 : 0x5a;
}

void raw_rw(uint8_t *sqe, bool write, uint16_t cid, uint32_t nsid, uint64_t slba, uint32_t blocks,
	    int sgl, uint32_t len)
{
	raw_sqe(sqe, write ? 1 : 2, cid, nsid, sgl, len);
	raw_put(sqe, 40, 8, slba);
	raw_put(sqe, 48, 2, blocks - 1);
}

void raw_prop(uint8_t *sqe, bool set, uint16_t cid, uint32_t offset, unsigned size, uint64_t value)
{
	raw_sqe(sqe, 0x7f, cid, set ? 0 : 4, SGL_NONE, 0);
	sqe[40] = size == 8;
	raw_put(sqe, 44, 4, offset);
	raw_put(sqe, 48, 8, value);
}

void raw_connect_sqe(uint8_t *sqe, uint16_t cid, uint16_t qid, uint16_t sqsize, uint32_t kato)
{
	raw_sqe(sqe, 0x7f, cid, 1, SGL_INCAPSULE, 1024);
	raw_put(sqe, 42, 2, qid);
	raw_put(sqe, 44, 2, sqsize);
	raw_put(sqe, 48, 4, kato);
}

void raw_connect_data(uint8_t data[1024], uint16_t cntlid, const char *hostnqn, uint8_t hostid)
{
	memset(data, 0, 1024);
	memset(data, hostid, 16);
	raw_put(data, 16, 2, cntlid);
	memcpy(data + 256, FX_NQN, strlen(FX_NQN));
	memcpy(data + 512, hostnqn, strlen(hostnqn));
}

/* --- exchanges ----------------------------------------------------------------------------- */

struct raw *raw_open_ic(struct fx *fx, struct core *core, bool hdgst, bool ddgst)
{
	struct raw *r = raw_open(fx, core);

	raw_send_bytes(r, raw_icreq(r, 0, hdgst, ddgst));
	g_assert_true(raw_wait(r, 1, LIMIT));
	g_assert_false(r->closed);
	g_assert_cmpuint(raw_pdu(r, 0)[0], ==, ICRESP);
	raw_forget(r);
	return r;
}

const uint8_t *raw_pdu(const struct raw *r, unsigned i)
{
	return g_bytes_get_data(g_ptr_array_index(r->pdus, i), NULL);
}

const uint8_t *raw_last(const struct raw *r, int type)
{
	for (unsigned i = r->pdus->len; i-- > 0;) {
		if (type < 0 || raw_pdu(r, i)[0] == type)
			return raw_pdu(r, i);
	}
	return NULL;
}

void raw_forget(struct raw *r)
{
	g_ptr_array_set_size(r->pdus, 0);
}

const uint8_t *raw_response(const struct raw *r, uint16_t cid)
{
	for (unsigned i = 0; i < r->pdus->len; i++) {
		const uint8_t *p = raw_pdu(r, i);

		if (p[0] == RESP && raw_get(p, 8 + 12, 2) == cid)
			return p;
	}
	return NULL;
}

struct cmd_wait {
	struct raw *r;
	uint16_t cid;
};

static bool unanswered(void *arg)
{
	const struct cmd_wait *w = arg;

	return raw_response(w->r, w->cid) == NULL && !w->r->closed;
}

uint16_t raw_cmd(struct raw *r, const uint8_t *sqe, const void *data, uint32_t len, uint64_t *dw01)
{
	struct cmd_wait w = { r, (uint16_t)raw_get(sqe, 2, 2) };
	const uint8_t *p;
	uint16_t status;

	raw_send_bytes(r, raw_capsule(r, sqe, data, len));
	world_run_while(r->fx->world, unanswered, &w, LIMIT);
	p = raw_response(r, w.cid);
	if (p == NULL)
		return 0xffff;
	if (dw01 != NULL)
		*dw01 = raw_get(p, 8, 8);
	status = (uint16_t)(raw_get(p, 8 + 14, 2) >> 1);
	raw_forget(r);
	return status;
}

uint16_t raw_connect(struct raw *r, uint16_t qid, uint16_t sqsize, uint32_t kato, uint16_t cntlid,
		     uint64_t *dw01)
{
	uint8_t sqe[64], data[1024];

	raw_connect_sqe(sqe, 1, qid, sqsize, kato);
	raw_connect_data(data, cntlid, RAW_HOSTNQN, 0xaa);
	return raw_cmd(r, sqe, data, sizeof(data), dw01);
}

struct raw *raw_admin(struct fx *fx, struct core *core, bool hdgst, bool ddgst, uint32_t kato,
		      uint16_t *cntlid)
{
	struct raw *r = raw_open_ic(fx, core, hdgst, ddgst);
	uint64_t dw01 = 0;
	uint8_t sqe[64];

	g_assert_cmphex(raw_connect(r, 0, 31, kato, 0xffff, &dw01), ==, 0);
	*cntlid = (uint16_t)dw01;
	raw_prop(sqe, true, 2, 0x14, 4, 0x460001);
	g_assert_cmphex(raw_cmd(r, sqe, NULL, 0, NULL), ==, 0);
	raw_sqe(sqe, 0x09, 3, 0, SGL_NONE, 0);
	raw_put(sqe, 40, 4, 7);
	raw_put(sqe, 44, 4, 0x30003);
	g_assert_cmphex(raw_cmd(r, sqe, NULL, 0, NULL), ==, 0);
	return r;
}

struct raw *raw_io(struct fx *fx, struct core *core, bool hdgst, bool ddgst, uint16_t cntlid,
		   uint16_t qid, uint16_t sqsize)
{
	struct raw *r = raw_open_ic(fx, core, hdgst, ddgst);

	g_assert_cmphex(raw_connect(r, qid, sqsize, 0, cntlid, NULL), ==, 0);
	return r;
}

/* --- the target ------------------------------------------------------------------------------- */

unsigned raw_bufs_in_use(struct fx *fx)
{
	unsigned n = 0;

	for (unsigned i = 0; i < fx->target->core->nreactors; i++) {
		const struct buf_pool_stats *st =
			buf_pool_stats(fx->target->core->reactors[i]->bufs);

		for (unsigned k = 0; k < BUF_CLASSES; k++)
			n += st->in_use[k];
	}
	return n;
}

unsigned raw_connections(struct fx *fx)
{
	return fx->target->nvmf->connections;
}

static void placed(struct bdev_io *io)
{
	((struct fx *)io->scratch[3])->waiting--;
}

uint8_t *raw_memory(struct fx *fx, const char *name)
{
	struct bdev *b = bdev_find(fx->target->bdevs, name);
	struct bdev_channel *ch = bdev_channel_get(b, core_main(fx->target->core));
	struct bdev_io io = { .channel = ch,
			      .done = placed,
			      .op = BDEV_READ,
			      .blocks = 1,
			      .flags = BDEV_IO_PLACE,
			      .scratch = { [3] = (uintptr_t)fx } };
	uint8_t *memory;

	fx_begin(fx);
	bdev_submit(&io);
	fx_wait(fx, LIMIT);
	memory = io.place[0].iov_base;
	bdev_io_release(&io);
	bdev_channel_put(ch);
	return memory;
}

struct settle {
	struct fx *fx;
	unsigned connections;
};

static bool unsettled(void *arg)
{
	const struct settle *s = arg;

	return raw_connections(s->fx) > s->connections;
}

void raw_settle(struct fx *fx, unsigned connections, uint64_t ns)
{
	struct settle s = { fx, connections };

	if (!world_run_while(fx->world, unsettled, &s, ns))
		g_error("seed %" G_GUINT64_FORMAT ": %u connections instead of %u",
			world_seed(fx->world), raw_connections(fx), connections);
}
