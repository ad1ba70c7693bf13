/* SPDX-License-Identifier: BSD-3-Clause */
/* See responder.h. One thread accepts, and one serves each connection, with blocking calls. */
#include "tests/bench/responder.h"
#include "target/nvme/nvme.h"

#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_CAPSULE 8192

struct responder {
	enum responder_way way;
	uint64_t from;
	int fd;
	uint16_t port;
	GThread *thread;
	GPtrArray *connections;
};

struct connection {
	struct responder *r;
	int fd;
	GThread *thread;
	bool io;	/* an I/O queue; else admin */
	uint32_t cc;	/* as set last */
	uint64_t count; /* I/O commands answered */
	GByteArray *in, *out;
};

static void put_data(struct connection *c, uint16_t cid, uint32_t offset, uint32_t len,
		     uint8_t flags)
{
	struct nvme_tcp_data pdu = {
		.hdr = { .type = NVME_TCP_C2H_DATA,
			 .flags = flags,
			 .hlen = sizeof(pdu),
			 .pdo = sizeof(pdu),
			 .plen = (uint32_t)sizeof(pdu) + len },
		.cccid = cid,
		.datao = offset,
		.datal = len,
	};
	guint at = c->out->len;

	g_byte_array_append(c->out, (const guint8 *)&pdu, sizeof(pdu));
	g_byte_array_set_size(c->out, at + (guint)sizeof(pdu) + len);
	memset(c->out->data + at + sizeof(pdu), 0, len);
}

static void put_resp(struct connection *c, uint16_t cid, uint16_t status, uint64_t value)
{
	struct nvme_tcp_capsule_resp pdu = {
		.hdr = { .type = NVME_TCP_CAPSULE_RESP, .hlen = sizeof(pdu), .plen = sizeof(pdu) },
		.cqe = { .value = value, .cid = cid, .status = (uint16_t)(status << 1) },
	};

	g_byte_array_append(c->out, (const guint8 *)&pdu, sizeof(pdu));
}

static void put_identify(struct connection *c, const struct nvme_cmd *sqe)
{
	union {
		struct nvme_id_ctrlr ctrlr;
		struct nvme_id_ns ns;
	} id;

	memset(&id, 0, sizeof(id));
	if (sqe->cdw10 == NVME_CNS_CTRLR) {
		id.ctrlr.ioccsz = (64 + IN_CAPSULE) / 16;
	} else {
		id.ns.nsze = 1000;
		id.ns.lbaf[0].lbads = 12;
	}
	put_data(c, sqe->cid, 0, sizeof(id), NVME_TCP_LAST_PDU);
	memcpy(c->out->data + c->out->len - sizeof(id), &id, sizeof(id));
	put_resp(c, sqe->cid, 0, 0);
}

static void answer_control(struct connection *c, const struct nvme_cmd *sqe)
{
	const struct nvme_connect_cmd *connect = (const void *)sqe;
	const struct nvme_property_cmd *prop = (const void *)sqe;

	if (sqe->opcode == NVME_ADMIN_IDENTIFY) {
		put_identify(c, sqe);
	} else if (sqe->opcode == NVME_ADMIN_SET_FEATURES) {
		put_resp(c, sqe->cid, 0, 2 << 16 | 2); /* three queues */
	} else if (nvme_cmd_fctype(sqe) == NVME_FCTYPE_CONNECT) {
		c->io = connect->qid != 0;
		put_resp(c, sqe->cid, 0, 7);
	} else if (nvme_cmd_fctype(sqe) == NVME_FCTYPE_PROPERTY_SET) {
		c->cc = (uint32_t)prop->value;
		put_resp(c, sqe->cid, 0, 0);
	} else {
		put_resp(c, sqe->cid, 0, prop->offset == NVME_REG_CAP ? 127 : c->cc & NVME_CC_EN);
	}
}

static void answer_read(struct connection *c, uint16_t cid, uint32_t len, enum responder_way way)
{
	const uint8_t end = NVME_TCP_LAST_PDU | NVME_TCP_DATA_SUCCESS;

	switch (way) {
	case RESPONDER_NO_SUCCESS_FLAG:
		put_data(c, cid, 0, len, NVME_TCP_LAST_PDU);
		put_resp(c, cid, 0, 0);
		break;
	case RESPONDER_SPLIT:
		put_data(c, cid, 0, len / 2, 0);
		put_data(c, cid, len / 2, len - len / 2, end);
		break;
	case RESPONDER_SHORT:
		put_data(c, cid, 0, len - 512, end);
		break;
	case RESPONDER_NO_LAST:
		put_data(c, cid, 0, len, 0);
		break;
	default:
		put_data(c, cid, 0, len, end);
		break;
	}
}

static void answer_io(struct connection *c, const struct nvme_cmd *sqe)
{
	enum responder_way way = c->count++ >= c->r->from ? c->r->way : RESPONDER_GOOD;
	uint16_t cid = sqe->cid;

	if (way == RESPONDER_WRONG_CID)
		cid ^= 0x4000;
	if (way == RESPONDER_SAME_CID)
		cid &= (uint16_t)~1;
	if (way == RESPONDER_MIXED)
		way = c->count % 2 ? RESPONDER_GOOD : RESPONDER_NO_SUCCESS_FLAG;
	if (way == RESPONDER_CLOSE)
		shutdown(c->fd, SHUT_RDWR);
	else if (way == RESPONDER_OTHER_PDU || way == RESPONDER_ERROR_STATUS ||
		 sqe->opcode == NVME_CMD_WRITE)
		put_resp(c, cid, way == RESPONDER_ERROR_STATUS ? NVME_SC_INTERNAL_ERROR : 0, 0);
	else
		answer_read(c, cid, sqe->sgl.length, way);
	if (way == RESPONDER_OTHER_PDU)
		c->out->data[c->out->len - 24] = NVME_TCP_R2T;
	if (way == RESPONDER_SURPLUS && c->count == c->r->from + 1)
		put_resp(c, cid, 0, 0);
}

static void answer(struct connection *c, const uint8_t *pdu)
{
	const struct nvme_tcp_capsule_cmd *cmd = (const void *)pdu;
	struct nvme_tcp_icresp resp = {
		.hdr = { .type = NVME_TCP_ICRESP, .hlen = sizeof(resp), .plen = sizeof(resp) },
		.maxh2cdata = 65536
	};

	if (cmd->hdr.type == NVME_TCP_ICREQ)
		g_byte_array_append(c->out, (const guint8 *)&resp, sizeof(resp));
	else if (c->io)
		answer_io(c, &cmd->sqe);
	else
		answer_control(c, &cmd->sqe);
}

/* Turns the answers round; they are equally long when this is used. */
static void reverse(GByteArray *out, guint n)
{
	guint len = n ? out->len / n : 0;
	g_autofree guint8 *copy = g_memdup2(out->data, out->len);

	for (guint i = 0; i < n; i++)
		memcpy(out->data + i * len, copy + (n - 1 - i) * len, len);
}

static gpointer connection_run(gpointer data)
{
	struct connection *c = data;
	g_autofree uint8_t *buf = g_malloc(65536);
	ssize_t n;

	while ((n = recv(c->fd, buf, 65536, 0)) > 0) {
		struct nvme_tcp_hdr hdr;
		guint at = 0, count = 0;

		g_byte_array_append(c->in, buf, (guint)n);
		for (; c->in->len - at >= sizeof(hdr); at += hdr.plen, count++) {
			memcpy(&hdr, c->in->data + at, sizeof(hdr));
			if (hdr.plen < 72 || hdr.plen > c->in->len - at)
				break;
			g_autofree uint8_t *pdu = g_memdup2(c->in->data + at, hdr.plen);

			answer(c, pdu);
		}
		g_byte_array_remove_range(c->in, 0, at);
		if (c->io && c->r->way == RESPONDER_REVERSED)
			reverse(c->out, count);
		for (guint sent = 0; sent < c->out->len; sent += (guint)n) {
			n = send(c->fd, c->out->data + sent, c->out->len - sent, MSG_NOSIGNAL);
			if (n < 0)
				return NULL;
		}
		g_byte_array_set_size(c->out, 0);
	}
	return NULL;
}

static void connection_free(gpointer data)
{
	struct connection *c = data;

	shutdown(c->fd, SHUT_RDWR);
	g_thread_join(c->thread);
	close(c->fd);
	g_byte_array_unref(c->in);
	g_byte_array_unref(c->out);
	g_free(c);
}

static gpointer responder_run(gpointer data)
{
	struct responder *r = data;
	int fd, one = 1;

	while ((fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = g_new0(struct connection, 1);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c->r = r;
		c->fd = fd;
		c->in = g_byte_array_new();
		c->out = g_byte_array_new();
		g_ptr_array_add(r->connections, c);
		c->thread = g_thread_new("connection", connection_run, c);
	}
	return NULL;
}

struct responder *responder_new(enum responder_way way, uint64_t from)
{
	struct responder *r = g_new0(struct responder, 1);
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);

	r->way = way;
	r->from = from;
	r->connections = g_ptr_array_new_with_free_func(connection_free);
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&sa, len) || listen(r->fd, 16) ||
	    getsockname(r->fd, (struct sockaddr *)&sa, &len))
		g_error("cannot listen");
	r->port = ntohs(sa.sin_port);
	r->thread = g_thread_new("responder", responder_run, r);
	return r;
}

uint16_t responder_port(const struct responder *r)
{
	return r->port;
}

void responder_free(struct responder *r)
{
	shutdown(r->fd, SHUT_RDWR);
	g_thread_join(r->thread);
	close(r->fd);
	g_ptr_array_unref(r->connections);
	g_free(r);
}
