/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue pair, whatever its transport: slots, timeouts, Connect, failure, and
 * the messages between it and the owner (see priv.h).
 *
 * Invariants: a slot with an io is either pending (has bytes to send), sent, or
 * held (queue not live); its io is completed once, by host_qpair_complete().
 * A queue that failed completes its I/O from the done list, never from inside
 * the call in which it failed.
 */
#include <errno.h>
#include <string.h>

#include "target/host/priv.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void host_slots_remove(struct host_slots *l, struct host_slot *s)
{
	struct host_slot **at = &l->head;

	while (*at && *at != s)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = s->next;
	if (l->tail == &s->next)
		l->tail = at;
}

/* --- slots ---------------------------------------------------------------------- */

static void slot_rewind(struct host_slot *s)
{
	s->tx_end = HOST_UNSENT;
	s->moved = 0;
	s->r2t_left = 0;
	s->iov_off = 0;
	s->iov_pos = 0;
	s->status = 0;
	s->r2t = false;
	s->late = false;
}

void host_qpair_complete(struct host_qpair *q, struct host_slot *s, uint16_t status)
{
	struct host_io *io = s->io;

	if (status == NVME_SUCCESS)
		status = s->status;
	if (status == NVME_SUCCESS && s->moved != s->len)
		status = NVME_SC_DATA_TRANSFER_ERROR;
	io->status = status;
	io->moved = s->moved;
	s->io = NULL;
	if (io != &q->connect_io)
		q->free[q->nfree++] = (uint16_t)(s - q->slots);
	io->done(io);
}

uint32_t host_iov_len(const struct host_io *io)
{
	uint64_t len = 0;

	if (io->niov == 1)
		len = io->iov[0].iov_len;
	else
		for (unsigned i = 0; i < io->niov; i++)
			len += io->iov[i].iov_len;
	return len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
}

int host_qpair_submit(struct host_qpair *q, struct host_io *io, uint64_t timeout_ns)
{
	uint32_t len = host_iov_len(io);
	struct host_slot *s;

	if (io->niov > HOST_IOV_MAX || len > q->conn.max_io)
		return -EINVAL;
	if (q->nfree == 0)
		return -EAGAIN;
	/* The second half of a pair comes where the first is already. */
	if ((io->cmd.flags & NVME_FUSE_SECOND) == 0 && hw_fault(q->reactor->hw, "host.queue_full"))
		return -EAGAIN;
	s = &q->slots[q->free[--q->nfree]];
	s->io = io;
	slot_rewind(s);
	s->len = len;
	s->xfer = (uint8_t)nvme_cmd_xfer(&io->cmd);
	io->cmd.cid = (uint16_t)(s - q->slots);
	io->cpl = (struct nvme_cpl){ 0 };
	s->deadline = timeout_ns == HW_NEVER ? HW_NEVER : q->reactor->now + timeout_ns;
	host_slots_push(&q->pending, s);
	if (q->state == HOST_QPAIR_LIVE || q->state == HOST_QPAIR_CONNECT) {
		if (s->deadline < q->timeout.deadline)
			reactor_timer_set(q->reactor, &q->timeout, s->deadline);
		reactor_run_at_flush(q->reactor, &q->kick);
	}
	return 0;
}

static void kick_fn(struct task *task)
{
	struct host_qpair *q = container(task, struct host_qpair, kick);

	if (q->state == HOST_QPAIR_LIVE || q->state == HOST_QPAIR_CONNECT)
		q->ops->kick(q);
}

/* --- timeouts ------------------------------------------------------------------- */

static void timeout_fn(struct timer *timer, struct reactor *r)
{
	struct host_qpair *q = container(timer, struct host_qpair, timeout);
	uint64_t next = HW_NEVER;

	for (unsigned i = 0; i + 1 < q->size; i++)
		if (q->slots[i].io && q->slots[i].deadline < next)
			next = q->slots[i].deadline;
	if (next == HW_NEVER)
		return;
	if (next <= r->now)
		host_qpair_fail(q, -ETIMEDOUT, "a command was not answered in time");
	else
		reactor_timer_set(r, timer, next);
}

static void setup_fn(struct timer *timer, struct reactor *r)
{
	struct host_qpair *q = container(timer, struct host_qpair, setup);

	(void)r;
	host_qpair_fail(q, -ETIMEDOUT, "the target did not answer in time");
}

/* --- failure --------------------------------------------------------------------- */

/* Starts over, in order of slots, on the next connection. */
static void hold_slots(struct host_qpair *q)
{
	host_slots_init(&q->pending);
	q->slots[q->size - 1].io = NULL; /* Connect's */
	for (unsigned i = 0; i + 1 < q->size; i++) {
		struct host_slot *s = &q->slots[i];

		if (!s->io)
			continue;
		slot_rewind(s);
		host_slots_push(&q->pending, s);
	}
}

static void end_slots(struct host_qpair *q)
{
	host_slots_init(&q->pending);
	q->slots[q->size - 1].io = NULL; /* Connect's */
	for (unsigned i = 0; i + 1 < q->size; i++) {
		struct host_slot *s = &q->slots[i];

		if (!s->io)
			continue;
		if (q->closing && q->aborted)
			host_qpair_complete(q, s, NVME_SC_ABORTED_SQ_DELETED);
		else if (s->tx_end == HOST_UNSENT)
			host_qpair_complete(q, s, NVME_SC_INTERNAL_PATH_ERROR);
		else
			host_qpair_complete(q, s, NVME_SC_TRANSIENT_TRANSPORT);
	}
}

static void closed(struct host_qpair *q)
{
	if (q->final) {
		q->accept = false;
		end_slots(q);
	}
	reactor_cancel_task(q->reactor, &q->kick);
	reactor_timer_cancel(q->reactor, &q->timeout);
	reactor_timer_cancel(q->reactor, &q->setup);
	if (q->state != HOST_QPAIR_CLOSED)
		host_qpair_set_state(q, HOST_QPAIR_CLOSED);
	q->closing = false;
	reactor_post(q->ctrlr->reactor, &q->closed_msg);
}

static void drain_fn(struct task *task)
{
	struct host_qpair *q = container(task, struct host_qpair, drain);

	if (q->hold && q->accept)
		hold_slots(q);
	else
		end_slots(q);
	if (q->closing && q->down)
		closed(q);
}

void host_qpair_down(struct host_qpair *q)
{
	q->down = true;
	if (q->closing && !q->drain.queued)
		closed(q);
}

static void unplug(struct host_qpair *q)
{
	reactor_timer_cancel(q->reactor, &q->timeout);
	reactor_timer_cancel(q->reactor, &q->setup);
	reactor_run_soon(q->reactor, &q->drain);
	q->ops->disconnect(q);
}

void host_qpair_fail(struct host_qpair *q, int err, const char *text)
{
	if (q->state == HOST_QPAIR_FAILED || q->state == HOST_QPAIR_CLOSED)
		return;
	q->err = err;
	q->err_text = text;
	q->err_is_connect = q->state == HOST_QPAIR_TRANSPORT;
	host_qpair_set_state(q, HOST_QPAIR_FAILED);
	reactor_post(q->ctrlr->reactor, &q->failed_msg);
	unplug(q);
}

/* --- connecting ------------------------------------------------------------------- */

static void connect_done(struct host_io *io)
{
	struct host_qpair *q = container(io, struct host_qpair, connect_io);

	if (q->state != HOST_QPAIR_CONNECT)
		return;
	if (io->status) {
		q->err_status = io->status;
		q->err_dw0 = io->cpl.dw0;
		host_qpair_fail(q, -EACCES, "Connect was refused");
		return;
	}
	q->cntlid = io->cpl.dw0 & 0xffff;
	if (q->id != 0 && q->cntlid != q->conn.cntlid) {
		host_qpair_fail(q, -EPROTO, "Connect answered with another controller id");
		return;
	}
	reactor_timer_cancel(q->reactor, &q->setup);
	host_qpair_set_state(q, HOST_QPAIR_LIVE);
	q->accept = true;
	reactor_post(q->ctrlr->reactor, &q->connected_msg);
	/* What was held goes out now, each with its time anew. */
	for (struct host_slot *s = q->pending.head; s; s = s->next)
		if (s->deadline != HW_NEVER)
			s->deadline = q->reactor->now + q->timeout_ns;
	if (q->pending.head) {
		reactor_timer_set(q->reactor, &q->timeout, q->reactor->now + q->timeout_ns);
		reactor_run_at_flush(q->reactor, &q->kick);
	}
}

/* Connect needs a slot of its own, and must go before what is held: see tcp-tx.c. */
void host_qpair_transport_up(struct host_qpair *q)
{
	const struct host_ctrlr *c = q->ctrlr;
	struct nvme_connect_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.fctype = NVME_FCTYPE_CONNECT,
		.qid = q->id,
		.sqsize = q->sqsize,
		.kato = q->id == 0 ? c->params.kato_ms : 0,
		.cattr = c->params.no_sq_flow_control ? NVME_CATTR_NO_SQ_FLOW_CONTROL : 0,
	};
	struct host_slots held = q->pending;
	struct host_slot *s;

	host_qpair_set_state(q, HOST_QPAIR_CONNECT);
	memset(&q->connect_data, 0, sizeof(q->connect_data));
	memcpy(q->connect_data.hostid, c->params.hostid, 16);
	q->connect_data.cntlid = q->id == 0 ? NVME_CNTLID_DYNAMIC : q->conn.cntlid;
	g_strlcpy(q->connect_data.subnqn, c->subnqn, sizeof(q->connect_data.subnqn));
	g_strlcpy(q->connect_data.hostnqn, c->hostnqn, sizeof(q->connect_data.hostnqn));
	q->connect_iov = (struct iovec){ &q->connect_data, sizeof(q->connect_data) };
	q->connect_io.done = connect_done;
	q->connect_io.iov = &q->connect_iov;
	q->connect_io.niov = 1;
	memcpy(&q->connect_io.cmd, &cmd, sizeof(cmd));

	/* The last slot is never handed out: it is Connect's. */
	s = &q->slots[q->size - 1];
	s->io = &q->connect_io;
	slot_rewind(s);
	s->deadline = HW_NEVER; /* the setup timer's business */
	s->len = sizeof(q->connect_data);
	s->xfer = NVME_XFER_H2C;
	s->io->cmd.cid = q->size - 1;
	s->next = held.head;
	q->pending.head = s;
	if (!held.head)
		q->pending.tail = &s->next;
	reactor_run_at_flush(q->reactor, &q->kick);
}

/* --- messages ---------------------------------------------------------------------- */

static void connect_msg_fn(struct msg *msg, struct reactor *r)
{
	struct host_qpair *q = container(msg, struct host_qpair, connect_msg);

	q->down = q->closing = q->final = false;
	q->err_status = 0;
	q->conn = q->conn_next;
	q->sqsize = q->size - 1;
	host_qpair_set_state(q, HOST_QPAIR_TRANSPORT);
	reactor_timer_set(r, &q->setup, r->now + HOST_MS(q->ctrlr->params.connect_timeout_ms));
	q->ops->connect(q);
}

static void close_msg_fn(struct msg *msg, struct reactor *r)
{
	struct host_qpair *q = container(msg, struct host_qpair, close_msg);

	(void)r;
	q->closing = true;
	q->final = q->close_final;
	q->aborted = q->close_aborted;
	if (q->state == HOST_QPAIR_CLOSED)
		closed(q);
	else if (q->state != HOST_QPAIR_FAILED) {
		host_qpair_set_state(q, HOST_QPAIR_FAILED);
		unplug(q);
	} else if (q->down && !q->drain.queued)
		closed(q);
}

static void connected_msg_fn(struct msg *msg, struct reactor *r)
{
	(void)r;
	host_ctrlr_queue_connected(container(msg, struct host_qpair, connected_msg));
}

static void failed_msg_fn(struct msg *msg, struct reactor *r)
{
	(void)r;
	host_ctrlr_queue_failed(container(msg, struct host_qpair, failed_msg));
}

static void closed_msg_fn(struct msg *msg, struct reactor *r)
{
	(void)r;
	host_ctrlr_queue_closed(container(msg, struct host_qpair, closed_msg));
}

void host_qpair_start(struct host_qpair *q)
{
	q->open = true;
	q->ready = false;
	reactor_post(q->reactor, &q->connect_msg);
}

void host_qpair_stop(struct host_qpair *q, bool final)
{
	q->close_final = final;
	q->close_aborted = q->ctrlr->stopping;
	q->open = true;
	q->close_posted = true;
	reactor_post(q->reactor, &q->close_msg);
}

/* --- making ---------------------------------------------------------------------------- */

struct host_qpair *host_qpair_new(struct host_ctrlr *c, uint16_t id, uint16_t size,
				  struct reactor *r)
{
	struct host_qpair *q = c->ops->create(c, size);

	q->ctrlr = c;
	q->reactor = r;
	q->ops = c->ops;
	q->id = id;
	q->size = size;
	q->hold = id != 0 && c->params.queue_io;
	q->timeout_ns = HOST_MS(c->params.io_timeout_ms);
	q->slots = g_new0(struct host_slot, size);
	q->free = g_new(uint16_t, size);
	for (unsigned i = size - 1; i > 0; i--)
		q->free[q->nfree++] = (uint16_t)(i - 1);
	host_slots_init(&q->pending);
	q->kick.fn = kick_fn;
	q->drain.fn = drain_fn;
	timer_init(&q->timeout, timeout_fn);
	timer_init(&q->setup, setup_fn);
	q->connect_msg.fn = connect_msg_fn;
	q->close_msg.fn = close_msg_fn;
	q->connected_msg.fn = connected_msg_fn;
	q->failed_msg.fn = failed_msg_fn;
	q->closed_msg.fn = closed_msg_fn;
	return q;
}

void host_qpair_free(struct host_qpair *q)
{
	if (!q)
		return;
	g_free(q->slots);
	g_free(q->free);
	q->ops->destroy(q);
}
