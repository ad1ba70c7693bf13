/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, host side: the connection. Main reactor, resolving, main reactor,
 * queue pair, the CM's handshake; and the way back.
 *
 * host_qpair_fail() leads to disconnect in here: whoever calls it touches the queue
 * pair and the CQ no more (failed).
 */
#include <errno.h>
#include <string.h>

#include "target/host/rdma.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define RESOLVE_MS 5000
#define LOOK_NS (1 * UINT64_C(1000000000))

static void leave(struct rdma_qpair *t);

/* --- to the main reactor and back ------------------------------------------------------------- */

static void there_fn(struct msg *msg, struct reactor *r)
{
	struct rdma_qpair *t = container(msg, struct rdma_qpair, there);

	(void)r;
	t->rc = t->there_fn(t);
	reactor_post(t->q.reactor, &t->back);
}

static void back_fn(struct msg *msg, struct reactor *r)
{
	struct rdma_qpair *t = container(msg, struct rdma_qpair, back);

	(void)r;
	if (t->leaving)
		leave(t);
	else
		t->back_fn(t, t->rc);
}

static void ask_main(struct rdma_qpair *t, enum rdma_phase phase, int (*there)(struct rdma_qpair *),
		     void (*back)(struct rdma_qpair *t, int rc))
{
	t->phase = (uint8_t)phase;
	t->there_fn = there;
	t->back_fn = back;
	reactor_post(core_main(t->q.reactor->core), &t->there);
}

/* --- letting go ----------------------------------------------------------------------------------
 */

static void released(struct rdma_qpair *t, int rc)
{
	(void)rc;
	t->phase = RDMA_IDLE;
	host_qpair_down(&t->q);
}

static void drop_id(struct rdma_qpair *t)
{
	struct rnic_id *id = t->id;

	t->id = NULL;
	if (id)
		host_rdma_ops(t)->id_destroy(id);
}

/* What is the queue's own, then the main reactor's part. */
static void leave(struct rdma_qpair *t)
{
	struct reactor *r = t->q.reactor;

	t->leaving = false;
	reactor_timer_cancel(r, &t->linger);
	reactor_timer_cancel(r, &t->look);
	drop_id(t);
	if (t->cq) {
		reactor_remove_engine(r, &t->engine);
		host_rdma_ops(t)->cq_destroy(t->cq);
		t->cq = NULL;
	}
	if (t->ctx)
		reactor_rnic_put(r);
	t->ctx = NULL;
	g_clear_pointer(&t->signals, g_free);
	ask_main(t, RDMA_RELEASE, host_rdma_release, released);
}

static void leave_task_fn(struct task *task)
{
	leave(container(task, struct rdma_qpair, leave_task));
}

static void linger_fn(struct timer *timer, struct reactor *r)
{
	struct rdma_qpair *t = container(timer, struct rdma_qpair, linger);

	(void)r;
	if (t->phase == RDMA_LINGER)
		leave(t);
	else if (!t->failed)
		host_qpair_fail(&t->q, -ECONNRESET, "the connection broke");
}

static void let_go(struct host_qpair *q)
{
	struct rdma_qpair *t = rdma_of(q);
	bool connected = t->phase == RDMA_UP;

	t->failed = true;
	if (t->qp) {
		if (connected)
			host_rdma_ops(t)->disconnect(t->id);
		host_rdma_ops(t)->qp_destroy(t->qp);
		t->qp = NULL;
		host_rdma_free_windows(t);
	}
	if (t->phase == RDMA_HOLD || t->phase == RDMA_OPEN) {
		t->leaving = true;
	} else if (connected) {
		t->phase = RDMA_LINGER;
		reactor_timer_set(q->reactor, &t->linger, q->reactor->now + HOST_LINGER_NS);
	} else {
		/* We may be inside of a callback of what is to be destroyed. */
		reactor_run_soon(q->reactor, &t->leave_task);
	}
}

/* The connection is over, and nobody needs to be told. */
static void gone(struct rdma_qpair *t, int err, const char *text)
{
	if (t->phase == RDMA_LINGER) {
		reactor_timer_cancel(t->q.reactor, &t->linger);
		reactor_run_soon(t->q.reactor, &t->leave_task);
		return;
	}
	if (t->phase == RDMA_UP)
		t->phase = RDMA_CONNECTING; /* no goodbye is awaited */
	host_qpair_fail(&t->q, err, text);
}

/* --- the handshake
 * --------------------------------------------------------------------------------- */

static void qp_event(struct rnic_qp *qp, enum ibv_event_type type, void *user)
{
	struct rdma_qpair *t = user;

	(void)qp;
	if (t->failed)
		return;
	if (type == IBV_EVENT_QP_ACCESS_ERR)
		host_qpair_fail(&t->q, -EPROTO,
				"the target reached for memory that it was not given");
	else if (type == IBV_EVENT_QP_FATAL || type == IBV_EVENT_QP_REQ_ERR)
		host_qpair_fail(&t->q, -EPROTO, "the RNIC ended the connection with an error");
}

static const struct rnic_qp_cb qp_cb = { .event = qp_event };

static void cq_error(struct rnic_cq *cq, void *user)
{
	struct rdma_qpair *t = user;

	(void)cq;
	if (!t->failed)
		host_qpair_fail(&t->q, -EIO, "the completion queue failed");
}

static const struct rnic_cq_cb cq_cb = { .error = cq_error };

/* The pass that calls this has looked at all engines. */
static void look(struct timer *timer, struct reactor *r)
{
	reactor_timer_set(r, timer, r->now + LOOK_NS);
}

/* As many receives and sends as the device has, at most what the queue can use. */
static int make_queues(struct rdma_qpair *t)
{
	const struct ibv_device_attr *attr = &t->device->info.attr;
	unsigned most = (unsigned)MIN(MAX(attr->max_qp_wr, 0), UINT16_MAX);
	/* What both hold has to fit into the CQ. */
	unsigned depth = MIN(MIN(t->q.size, most), (unsigned)MAX(attr->max_cqe, 0) / 2);
	unsigned sq = MIN(3u * depth, most);
	struct rnic_qp_init init = { .cb = &qp_cb, .user = t };
	int rc;

	/* A command takes two: its window is bound, it is sent. */
	if (depth < 2 || attr->max_sge < 1)
		return -ENOSPC;
	sq = MIN(sq, (unsigned)attr->max_cqe - depth);
	t->max_sge = (uint16_t)MIN(attr->max_sge, RDMA_SGES);
	init.cap = (struct ibv_qp_cap){
		.max_send_wr = sq,
		.max_recv_wr = depth,
		.max_send_sge = t->max_sge,
		.max_recv_sge = 1,
		.max_inline_data = MIN(t->device->info.max_inline, sizeof(struct nvme_cmd)),
	};
	rc = host_rdma_ops(t)->cq_create(t->ctx, t->found, depth + sq, &cq_cb, t, &t->cq);
	if (rc < 0) {
		t->cq = NULL;
		return rc;
	}
	t->engine = (struct engine){ .ops = &host_rdma_engine, .fd = -1 };
	reactor_add_engine(t->q.reactor, &t->engine);
	look(&t->look, t->q.reactor);
	init.send_cq = init.recv_cq = t->cq;
	rc = host_rdma_ops(t)->qp_create(t->id, t->device->pd, &init, &t->qp);
	if (rc < 0) {
		t->qp = NULL;
		return rc;
	}
	t->depth = (uint16_t)depth;
	t->sq_size = (uint16_t)sq;
	t->inlined = init.cap.max_inline_data >= sizeof(struct nvme_cmd);
	t->signals = g_new0(struct rdma_signal, sq);
	log_debug(t->q.reactor->core->log, "host", "queue pair made",
		  "qid=%u sends=%u receives=%u sges=%u inline=%d", t->q.id, sq, depth, t->max_sge,
		  t->inlined);
	return host_rdma_post_receives(t);
}

static int send_request(struct rdma_qpair *t)
{
	struct nvme_rdma_request req = {
		.qid = t->q.id,
		.hrqsize = t->depth,
		.hsqsize = t->depth - 1,
		.cntlid = t->q.id ? t->q.conn.cntlid : 0,
	};
	struct rdma_conn_param param = {
		.private_data = &req,
		.private_data_len = sizeof(req),
		.responder_resources =
			(uint8_t)MIN(MAX(t->device->info.attr.max_qp_rd_atom, 0), 255),
		.flow_control = 0, /* every command has its receive */
		.retry_count = 7,
		.rnr_retry_count = 7,
	};

	t->phase = RDMA_CONNECTING;
	return host_rdma_ops(t)->connect(t->id, &param);
}

static void opened(struct rdma_qpair *t, int rc)
{
	const char *text = "no memory could be registered with the RNIC";

	if (rc == -EXDEV)
		text = "the way to the target leads over another RNIC than the admin queue's";
	else if (rc == -ENODEV)
		text = "the RNIC was removed";
	if (rc == 0) {
		text = "the RNIC made no queue pair";
		rc = make_queues(t);
	}
	if (rc == 0) {
		text = "the RNIC sent no connect request";
		rc = send_request(t);
	}
	if (rc < 0) {
		t->phase = RDMA_CONNECTING;
		host_qpair_fail(&t->q, rc, text);
	}
}

/* MSDBD 0: the target has no limit. */
static uint16_t most_pieces(const struct rdma_qpair *t)
{
	uint8_t msdbd = t->q.ctrlr->id->msdbd;
	unsigned n = MIN(msdbd ? msdbd : RDMA_PIECES, RDMA_PIECES);

	n = MIN(n, t->capsule_data / (unsigned)sizeof(struct nvme_sgl));
	/* A window for each, and the SEND, while half of the send queue is left to others. */
	return (uint16_t)MIN(n, t->sq_size / 2u - 1);
}

static void established(struct rdma_qpair *t, const struct rdma_conn_param *param)
{
	struct nvme_rdma_accept acc = { .recfmt = UINT16_MAX };
	const struct host_ctrlr *c = t->q.ctrlr;

	t->phase = RDMA_UP;
	if (param->private_data && param->private_data_len >= 4)
		memcpy(&acc, param->private_data, 4);
	if (acc.recfmt != 0) {
		host_qpair_fail(&t->q, -EPROTO,
				"the target accepted without the private data of NVMe/RDMA");
		return;
	}
	if (acc.crqsize < 2) {
		host_qpair_fail(&t->q, -EPROTO,
				"the target accepted with a queue that takes no command (CRQSIZE)");
		return;
	}
	t->q.sqsize = MIN(t->depth, acc.crqsize) - 1;
	t->limit = t->q.sqsize;
	/* An admin queue's capsule is the command alone. */
	t->capsule_data = t->max_pieces = 0;
	if (t->q.id != 0 && t->max_sge > 1 && c->id->sgls & NVME_SGLS_OFFSET)
		t->capsule_data = t->q.conn.capsule_data;
	if (t->capsule_data > 0 && c->id->sgls & NVME_SGLS_KEYED)
		t->max_pieces = most_pieces(t);
	host_qpair_transport_up(&t->q);
}

static void resolved(struct rdma_qpair *t)
{
	t->found = host_rdma_ops(t)->id_device(t->id);
	ask_main(t, RDMA_OPEN, host_rdma_open, opened);
}

static void rejected(struct rdma_qpair *t, const struct rnic_cm_event *e)
{
	const char *text;
	int err = host_rdma_rejected(e, &text);

	gone(t, err, text);
}

/* In a phase in which nobody waits for anything, what is said last does not matter. */
static void id_event(struct rnic_id *id, const struct rnic_cm_event *e, void *user)
{
	struct rdma_qpair *t = user;

	(void)id;
	switch (e->type) {
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		if (!t->failed)
			resolved(t);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
		gone(t, e->status ? e->status : -EHOSTUNREACH, "no RDMA device leads there");
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		if (!t->failed)
			established(t, &e->param);
		break;
	case RDMA_CM_EVENT_REJECTED:
		rejected(t, e);
		break;
	case RDMA_CM_EVENT_UNREACHABLE:
		gone(t, e->status ? e->status : -ETIMEDOUT, "the target's RNIC does not answer");
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
		gone(t, -EIO, "the connection could not be made");
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		gone(t, -ECONNRESET, "the target closed the connection");
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		host_qpair_fail(&t->q, -ECONNRESET, "the address of the RNIC changed");
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		gone(t, -ENODEV, "the RNIC was removed");
		break;
	default:
		break;
	}
}

static const struct rnic_id_cb id_cb = { .event = id_event };

static void held(struct rdma_qpair *t, int rc)
{
	const struct host_params *p = &t->q.ctrlr->params;

	t->phase = RDMA_RESOLVING;
	if (rc == 0)
		rc = reactor_rnic_get(t->q.reactor, &t->ctx);
	if (rc < 0) {
		t->ctx = NULL;
		host_qpair_fail(&t->q, rc, "no RDMA device could be opened");
		return;
	}
	rc = host_rdma_ops(t)->id_resolve(t->ctx, &p->addr, p->src_given ? &p->src : NULL,
					  RESOLVE_MS, &id_cb, t, &t->id);
	if (rc < 0) {
		t->id = NULL;
		host_qpair_fail(&t->q, rc,
				p->src_given ? "no RDMA device has the address given for this host"
					     : "no RDMA device leads there");
	}
}

static void begin(struct host_qpair *q)
{
	struct rdma_qpair *t = rdma_of(q);

	t->failed = t->leaving = false;
	t->found = NULL;
	t->outstanding = 0;
	t->nearly = 0;
	host_rdma_tx_reset(t);
	ask_main(t, RDMA_HOLD, host_rdma_hold, held);
}

/* --- made
 * -------------------------------------------------------------------------------------------- */

static struct host_qpair *create(struct host_ctrlr *c, uint16_t size)
{
	struct rdma_qpair *t = g_new0(struct rdma_qpair, 1);

	(void)c;
	t->slots = g_new0(struct rdma_slot, size);
	t->there.fn = there_fn;
	t->back.fn = back_fn;
	t->leave_task.fn = leave_task_fn;
	timer_init(&t->linger, linger_fn);
	timer_init(&t->look, look);
	return &t->q;
}

static void destroy(struct host_qpair *q)
{
	struct rdma_qpair *t = rdma_of(q);

	g_free(t->slots);
	g_free(t);
}

const struct host_transport host_rdma = {
	.name = "NVMe/RDMA",
	.create = create,
	.destroy = destroy,
	.connect = begin,
	.kick = host_rdma_kick,
	.disconnect = let_go,
};
