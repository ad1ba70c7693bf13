/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/TCP, target side: the life of a connection, from accept to free. See
 * tcp.h.
 */
#include "target/nvmf/tcp.h"

#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/core/trace.h"
#include "target/nvmf/tgt.h"

static const struct net_stream_cb stream_cb = {
	.readable = tcp_readable,
	.writable = tcp_writable,
};

/* --- requests --------------------------------------------------------------------------------- */

struct tcp_req *tcp_req_get(struct tcp_conn *c)
{
	struct tcp_req *r = c->free;

	if (r != NULL)
		c->free = r->next;
	return r;
}

void tcp_req_drop_rx(struct tcp_req *r)
{
	struct tcp_conn *c = tcp_conn_of(r->req.qpair);

	if (r->rx == NULL)
		return;
	if (r->rx != &c->small) {
		buf_put(r->rx);
	} else if (--c->small.refs == 1 && c->rx_wait_small) {
		c->rx_wait_small = false;
		tcp_rx_unblock(c);
	}
	r->rx = NULL;
}

void tcp_req_free(struct tcp_conn *c, struct tcp_req *r)
{
	if (r->rx != NULL)
		tcp_req_drop_rx(r);
	if (r->state != TCP_REQ_TX || r->tx_data) /* else tcp_complete() has */
		nvmf_request_release(&r->req);
	r->state = TCP_REQ_FREE;
	if (r == &c->first && c->reqs != NULL)
		return; /* its time is over */
	r->next = c->free;
	c->free = r;
	if (c->rx_wait_req) {
		c->rx_wait_req = false;
		tcp_rx_unblock(c);
	}
}

static void init_req(struct tcp_conn *c, struct tcp_req *r, uint16_t ttag)
{
	r->req.qpair = &c->q;
	r->ttag = ttag;
	r->next = c->free;
	c->free = r;
}

/* --- accept ---------------------------------------------------------------------------------------- */

static void accepted(struct net_listener *listener, struct net_stream *stream, void *user)
{
	struct nvmf_port *port = user;
	struct reactor *r = core_main(port->transport->tgt->core);
	struct tcp_conn *c = hw_fault(r->hw, "tcp.accept") ? NULL : g_try_new0(struct tcp_conn, 1);

	(void)listener;
	if (c == NULL || stream->ops->attach(stream, r->net, &stream_cb, c) < 0) {
		log_warn(r->core->log, "nvmf.tcp", "connection refused: out of memory", "%s", "");
		stream->ops->abort(stream);
		g_free(c);
		return;
	}
	c->stream = stream;
	c->pdo = sizeof(struct nvme_tcp_data);
	c->rx_size = TCP_RX_SIZE_ADMIN;
	c->small = (struct buf){ .data = c->small_data, .size = sizeof(c->small_data), .refs = 1 };
	c->tx_tail = &c->tx_head;
	c->flush_task.fn = tcp_flush;
	timer_init(&c->stall_timer, tcp_stalled);
	c->resume_task.fn = tcp_rx_resume;
	nvmf_qpair_init(&c->q, port, r);
	init_req(c, &c->first, 0);
	trace_write(r->trace, TRACE_TCP_ACCEPT, port->portid, 0);
	log_debug(r->core->log, "nvmf.tcp", "connection accepted", "portid=%u", port->portid);
}

static void accept_failed(struct net_listener *listener, int err, void *user)
{
	struct nvmf_port *port = user;

	(void)listener;
	log_warn(port->transport->tgt->core->log, "nvmf.tcp", "cannot accept", "error=\"%s\"",
		 g_strerror(-err));
}

static const struct net_listener_cb listener_cb = {
	.accepted = accepted,
	.failed = accept_failed,
};

static bool tcp_listen(struct nvmf_port *port, GError **error)
{
	struct nvmf_tgt *tgt = port->transport->tgt;
	struct reactor *r = core_main(tgt->core);
	const struct net_listen_opts opts = {
		.backlog = port->transport->options.acceptor_backlog,
		.priority = port->transport->options.sock_priority,
		.rcvbuf = TCP_RCVBUF,
	};
	struct net_listener *listener;
	char text[NET_ADDR_STRLEN];
	int err = r->hw->net->ops->listen(r->net, &port->trid.addr, &opts, &listener_cb, port,
					  &listener);

	if (err < 0) {
		net_addr_format(&port->trid.addr, text);
		if (err == -EADDRINUSE)
			return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
					      "cannot listen on %s: the address is in use by another "
					      "program (ss -ltnp shows which)", text);
		if (err == -EADDRNOTAVAIL)
			return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
					      "cannot listen on %s: no interface has this address "
					      "(ip addr shows those that are there)", text);
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "cannot listen on %s: %s", text,
				      g_strerror(-err));
	}
	r->hw->net->ops->listener_local(listener, &port->trid.addr);
	g_snprintf(port->trid.trsvcid, sizeof(port->trid.trsvcid), "%u", port->trid.addr.port);
	port->listener = listener;
	return true;
}

static void tcp_unlisten(struct nvmf_port *port)
{
	const struct hw *hw = port->transport->tgt->core->hw;

	hw->net->ops->listener_close(port->listener);
}

/* --- moving, enabling ----------------------------------------------------------------------------- */

static void tcp_qpair_detach(struct nvmf_qpair *q)
{
	struct tcp_conn *c = tcp_conn_of(q);
	uint32_t n = c->rx_len - c->rx_off;

	if (n > 0)
		c->moved = g_memdup2((uint8_t *)c->rx->data + c->rx_off, n);
	tcp_req_drop_rx(&c->first); /* the Connect's data has been copied */
	tcp_rx_drop(c);
	if (c->rx_paused)
		hw_mark(q->reactor->hw, "tcp.moved_paused");
	c->rx_len = n;
	reactor_cancel_task(q->reactor, &c->flush_task);
	reactor_timer_cancel(q->reactor, &c->stall_timer);
	if (c->rx_paused) /* a stream stays paused wherever it goes */
		c->stream->ops->pause(c->stream, false);
	c->rx_paused = false;
	c->stream->ops->detach(c->stream);
}

static bool tcp_qpair_attach(struct nvmf_qpair *q)
{
	struct tcp_conn *c = tcp_conn_of(q);
	bool ok = c->stream->ops->attach(c->stream, q->reactor->net, &stream_cb, c) == 0;

	uint32_t n = c->rx_len;

	c->tx_blocked = false; /* who was to tell stayed behind */
	c->rx_len = 0;
	if (ok && c->moved != NULL)
		ok = tcp_rx_restore(c, c->moved, n);
	g_clear_pointer(&c->moved, g_free);
	if (c->ctrl_off < c->ctrl_len)
		reactor_run_at_flush(q->reactor, &c->flush_task);
	return ok;
}

static bool tcp_qpair_enable(struct nvmf_qpair *q)
{
	struct tcp_conn *c = tcp_conn_of(q);

	if (hw_fault(q->reactor->hw, "tcp.requests"))
		return false;
	c->reqs = g_try_new0(struct tcp_req, q->sq_size);
	if (c->reqs == NULL)
		return false;
	c->nreqs = q->sq_size;
	tcp_req_drop_rx(&c->first); /* the Connect's data has been copied */
	if (!tcp_rx_reserve(c))
		return false;
	c->free = NULL;
	for (unsigned i = c->nreqs; i-- > 0;)
		init_req(c, &c->reqs[i], (uint16_t)i);
	c->success_flag = q->no_sq_flow_control && q->transport->options.c2h_success;
	if (q->qid != 0)
		c->rx_size = MIN(MAX(TCP_RX_SIZE_IO, c->small.size), BUF_MAX_SIZE);
	return true;
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void close_stream(struct tcp_conn *c)
{
	c->stream->ops->close(c->stream);
	c->stream = NULL;
	c->state = TCP_CLOSED;
	reactor_cancel_task(c->q.reactor, &c->flush_task);
}

/* Requests that nvmf has not got, or not any more; and nobody waits for the I/O of the others. */
static void drop_held(struct tcp_conn *c, struct tcp_req *r)
{
	if (r->state == TCP_REQ_EXEC && r->req.ns != NULL && r->req.io.channel != NULL)
		bdev_io_abort(&r->req.io);
	if (r->state == TCP_REQ_WAIT_BUFFER || r->state == TCP_REQ_R2T || r->state == TCP_REQ_DATA)
		tcp_req_free(c, r);
}

static void tcp_qpair_kill(struct nvmf_qpair *q)
{
	struct tcp_conn *c = tcp_conn_of(q);

	trace_write(q->reactor->trace, TRACE_TCP_CLOSE, q->qid, c->state);
	log_debug(q->reactor->core->log, "nvmf.tcp", "connection closed", "qid=%u state=%u", q->qid,
		  (unsigned)c->state);
	if (c->state != TCP_LINGER)
		close_stream(c);
	tcp_tx_drop(c, c->state != TCP_LINGER);
	tcp_rx_drop(c);
	reactor_timer_cancel(q->reactor, &c->stall_timer);
	drop_held(c, &c->first);
	for (unsigned i = 0; i < c->nreqs; i++)
		drop_held(c, &c->reqs[i]);
}

void tcp_linger_end(struct tcp_conn *c)
{
	reactor_timer_cancel(c->q.reactor, &c->linger_timer);
	close_stream(c);
	tcp_tx_drop(c, true);
	if (--c->q.outstanding == 0)
		nvmf_qpair_drained(&c->q);
}

static void tcp_qpair_free(struct nvmf_qpair *q)
{
	struct tcp_conn *c = tcp_conn_of(q);

	reactor_cancel_task(q->reactor, &c->flush_task);
	reactor_cancel_task(q->reactor, &c->resume_task);
	g_free(c->small_mem);
	g_free(c->reqs);
	g_free(c);
}

static struct nvmf_request *tcp_qpair_find(struct nvmf_qpair *q, uint16_t cid)
{
	struct tcp_conn *c = tcp_conn_of(q);

	for (unsigned i = 0; i < c->nreqs; i++) {
		if (c->reqs[i].state == TCP_REQ_EXEC && c->reqs[i].req.cmd.cid == cid)
			return &c->reqs[i].req;
	}
	return NULL;
}

static void tcp_qpair_each(struct nvmf_qpair *q, void (*fn)(struct nvmf_request *req, void *arg),
			   void *arg)
{
	struct tcp_conn *c = tcp_conn_of(q);

	for (unsigned i = 0; i < c->nreqs; i++) {
		if (c->reqs[i].state == TCP_REQ_EXEC)
			fn(&c->reqs[i].req, arg);
	}
}

static void tcp_qpair_peer(struct nvmf_qpair *q, struct net_addr *peer)
{
	struct tcp_conn *c = tcp_conn_of(q);

	*peer = (struct net_addr){ 0 };
	if (c->stream != NULL)
		c->stream->ops->remote(c->stream, peer);
}

static void tcp_qpair_local(struct nvmf_qpair *q, struct net_addr *local)
{
	struct tcp_conn *c = tcp_conn_of(q);

	*local = (struct net_addr){ 0 };
	if (c->stream != NULL)
		c->stream->ops->local(c->stream, local);
}

const struct nvmf_transport_ops nvmf_tcp_ops = {
	.name = "TCP",
	.trtype = NVME_TRTYPE_TCP,
	.listen = tcp_listen,
	.unlisten = tcp_unlisten,
	.complete = tcp_complete,
	.qpair_detach = tcp_qpair_detach,
	.qpair_attach = tcp_qpair_attach,
	.qpair_enable = tcp_qpair_enable,
	.qpair_kill = tcp_qpair_kill,
	.qpair_free = tcp_qpair_free,
	.qpair_find = tcp_qpair_find,
	.qpair_abort = tcp_abort,
	.qpair_each = tcp_qpair_each,
	.qpair_peer = tcp_qpair_peer,
	.qpair_local = tcp_qpair_local,
};
