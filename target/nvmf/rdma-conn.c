/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA: a connection, from the connect request to its end. See rdma.h.
 *
 *   NEW -> ACCEPTED -> READY -> CLOSING -> CLOSED
 *
 * In CLOSING the queue pair is in error and its work comes back, in whatever order;
 * the RNIC's objects are destroyed when all has, and the host has been told, or when
 * CLOSE_NS are over. From then on nothing touches the buffers of its requests.
 */
#include <errno.h>
#include <string.h>

#include "target/core/trace.h"
#include "target/nvmf/rdma.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

#define CLOSE_NS (1 * UINT64_C(1000000000))
/* Slots of the send queue beyond two for each command: one SGL in pieces. */
#define EXTRA_SLOTS (RDMA_MAX_BLOCKS + BDEV_PLACE_MAX)
/* Receives of a queue pair without an SRQ, beyond its commands: what comes while responses
 * are on their way back to us. */
#define EXTRA_RECVS 8

/* --- connect requests: main reactor ----------------------------------------------------------- */

static void reject(const struct hw_rnic_ops *ops, struct rnic_id *id, uint16_t status)
{
	const struct nvme_rdma_reject rej = { .sts = status };

	ops->reject(id, &rej, sizeof(rej));
}

/* lack: which resources there are not; or NULL. */
static void log_rejected(struct reactor *r, const struct net_addr *peer, uint16_t qid,
			 uint16_t status, const char *lack)
{
	static const char *const names[] = {
		[NVME_RDMA_INVALID_LENGTH] = "invalid private data length",
		[NVME_RDMA_INVALID_RECFMT] = "invalid RECFMT",
		[NVME_RDMA_INVALID_QID] = "invalid QID",
		[NVME_RDMA_INVALID_HSQSIZE] = "invalid HSQSIZE",
		[NVME_RDMA_INVALID_HRQSIZE] = "invalid HRQSIZE",
		[NVME_RDMA_NO_RESOURCES] = "no resources",
		[NVME_RDMA_INVALID_IRD] = "invalid IRD: READs cannot be made",
		[NVME_RDMA_INVALID_ORD] = "invalid ORD",
		[NVME_RDMA_INVALID_CNTLID] = "invalid CNTLID: no such controller",
	};
	char from[NET_ADDR_STRLEN];

	trace_write(r->trace, TRACE_RDMA_REJECT, qid, status);
	log_warn(r->core->log, "nvmf.rdma", "connection rejected",
		 "peer=%s qid=%u reason=\"%s%s%s\"", net_addr_format(peer, from), qid,
		 names[status], lack != NULL ? ": " : "", lack != NULL ? lack : "");
}

static bool cntlid_exists(const struct nvmf_tgt *tgt, uint16_t cntlid)
{
	for (unsigned i = 0; i < tgt->subsystems->len; i++) {
		const struct nvmf_subsystem *s = g_ptr_array_index(tgt->subsystems, i);

		for (unsigned k = 0; s != NULL && k < s->priv->ctrlrs->len; k++) {
			const struct nvmf_ctrlr *c = g_ptr_array_index(s->priv->ctrlrs, k);

			if (c->cntlid == cntlid)
				return true;
		}
	}
	return false;
}

static void arrived(struct nvmf_qpair *q, bool attached);
static const struct rnic_id_cb id_cb;
static void check(struct task *task);

static void close_timeout(struct timer *t, struct reactor *r)
{
	struct rdma_conn *c =
		(struct rdma_conn *)((char *)t - offsetof(struct rdma_conn, close_timer));

	(void)r;
	hw_mark(r->hw, "rdma.close_timeout");
	c->timed_out = true;
	rdma_conn_check_soon(c);
}

static struct rdma_conn *new_conn(struct rdma_dev *d, struct rnic_id *id,
				  const struct rdma_ask *ask)
{
	struct rdma_conn *c = g_try_new0(struct rdma_conn, 1);

	if (c == NULL)
		return NULL;
	c->dev = d;
	c->id = id;
	c->ask = *ask;
	c->held_last = &c->held;
	c->tx_last = &c->tx_head;
	c->read_last = &c->read_head;
	c->resume_task.fn = rdma_resume;
	c->post_task.fn = rdma_post;
	c->check_task.fn = check;
	timer_init(&c->close_timer, close_timeout);
	rdma_ops(d)->id_local(id, &c->local);
	rdma_ops(d)->id_remote(id, &c->remote);
	return c;
}

void rdma_connect_request(struct nvmf_port *port, const struct rnic_cm_event *event)
{
	struct rdma_transport *rt = rdma_transport_of(port->transport);
	struct reactor *r = core_main(rt->t.tgt->core);
	const struct hw_rnic_ops *ops = rt->rnic->ops;
	struct rdma_dev *d = rdma_dev_find(rt, ops->id_device(event->id));
	struct rdma_ask ask = { 0 };
	struct rdma_conn *c = NULL;
	const char *lack = "memory";
	struct reactor *home;
	uint16_t status = rdma_private_check(&event->param, &rt->t.options, &ask);

	if (status == 0 && ask.cntlid != 0 && !cntlid_exists(rt->t.tgt, ask.cntlid))
		status = NVME_RDMA_INVALID_CNTLID;
	/* What goes away now may be gone before the connection's reactor hears of either. */
	if (d == NULL || atomic_load(&d->leaving))
		lack = "its device is going away, or could not be opened so far";
	else if (status == 0 && !hw_fault(r->hw, "rdma.request"))
		c = new_conn(d, event->id, &ask);
	if (status == 0 && c == NULL)
		status = NVME_RDMA_NO_RESOURCES;
	if (status != 0) {
		struct net_addr peer;

		ops->id_remote(event->id, &peer);
		log_rejected(r, &peer, ask.qid, status,
			     status == NVME_RDMA_NO_RESOURCES ? lack : NULL);
		reject(ops, event->id, status);
		ops->id_destroy(event->id);
		return;
	}
	home = rdma_near_choose(d, &ask);
	nvmf_qpair_init(&c->q, port, r);
	c->q.can_place = true;
	c->q.moving = true;
	ops->id_move(c->id, rt->ctxs[home->index], &id_cb, c);
	nvmf_qpair_move(&c->q, home, arrived);
}

/* --- accepted: the connection's reactor, as all that follows ---------------------------------- */

static void qp_event(struct rnic_qp *qp, enum ibv_event_type type, void *user)
{
	struct rdma_conn *c = user;

	(void)qp;
	switch (type) {
	case IBV_EVENT_QP_LAST_WQE_REACHED:
		if (!c->last_wqe)
			c->p->ndraining++;
		c->last_wqe = true;
		break;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
		nvmf_qpair_kill(&c->q);
		break;
	default:
		break;
	}
}

static const struct rnic_qp_cb qp_cb = { .event = qp_event };

static void established(struct rdma_conn *c)
{
	if (c->state != RDMA_ACCEPTED)
		return;
	c->state = RDMA_READY;
	if (c->held != NULL)
		rdma_resume_soon(c);
}

static void id_event(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct rdma_conn *c = user;

	(void)id;
	switch (event->type) {
	case RDMA_CM_EVENT_ESTABLISHED:
		established(c);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_REJECTED:
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		c->disconnected = true;
		nvmf_qpair_kill(&c->q);
		if (c->state == RDMA_CLOSING)
			rdma_conn_check_soon(c);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		nvmf_qpair_kill(&c->q);
		break;
	default:
		break; /* TIMEWAIT_EXIT */
	}
}

static const struct rnic_id_cb id_cb = { .event = id_event };

static unsigned most_receives(const struct rdma_poller *p)
{
	const struct ibv_device_attr *attr = &p->dev->info.attr;

	return p->rq.srq != NULL ? p->rq.n : (unsigned)MIN(attr->max_qp_wr, attr->max_cqe / 2);
}

/* Sizes of the queue pair, as the device can. */
static void size_qp(const struct rdma_conn *c, struct ibv_qp_cap *cap)
{
	const struct rnic_info *info = &c->dev->info;
	uint32_t most = (uint32_t)info->attr.max_qp_wr, cqe = (uint32_t)info->attr.max_cqe;
	uint32_t recvs = MIN(c->ask.depth + EXTRA_RECVS, most_receives(c->p));

	if (c->p->rq.srq != NULL)
		recvs = 0;
	/* What the queues hold has to fit into the CQ: those of the SRQ are in it, too. */
	cqe -= MIN(recvs + c->p->rq.n, cqe);
	*cap = (struct ibv_qp_cap){
		.max_send_wr = MIN(MIN(2u * c->ask.depth + EXTRA_SLOTS, most), cqe),
		.max_recv_wr = recvs,
		.max_send_sge = 1,
		.max_recv_sge = MIN(2u, (uint32_t)info->attr.max_sge),
		.max_inline_data =
			info->max_inline >= sizeof(struct nvme_cpl) ? sizeof(struct nvme_cpl) : 0,
	};
}

static bool make_qp(struct rdma_conn *c)
{
	struct rnic_qp_init init = { .srq = c->p->rq.srq, .cb = &qp_cb, .user = c };

	size_qp(c, &init.cap);
	c->cq_room = init.cap.max_send_wr + init.cap.max_recv_wr;
	c->cq = rdma_cq_get(c->p, c->cq_room);
	if (c->cq == NULL)
		return false;
	init.send_cq = init.recv_cq = c->cq->cq;
	c->sq_size = init.cap.max_send_wr;
	c->rq.n = init.cap.max_recv_wr;
	if (rdma_conn_ops(c)->qp_create(c->id, c->dev->pd, &init, &c->qp) < 0) {
		c->qp = NULL;
		return false;
	}
	c->inlined = init.cap.max_inline_data >= sizeof(struct nvme_cpl);
	c->qpn = rdma_conn_ops(c)->qp_num(c->qp);
	c->max_reads = MIN((unsigned)c->ask.reads, (unsigned)c->dev->info.attr.max_qp_init_rd_atom);
	rdma_poller_add(c->p, c);
	log_debug(c->q.reactor->core->log, "nvmf.rdma", "queue pair made",
		  "device=%s qpn=%u commands=%u sends=%u receives=%u reads=%u inline=%d",
		  c->dev->info.name, c->qpn, c->ask.depth, c->sq_size, c->rq.n, c->max_reads,
		  c->inlined);
	return true;
}

static bool make_requests(struct rdma_conn *c)
{
	const struct hw *hw = c->q.reactor->hw;
	unsigned n = 2u * c->ask.depth;
	uint32_t ring = 1;

	/* Half of them may wait for their responses to arrive while as many new ones come. */
	while (ring < c->sq_size)
		ring *= 2;
	if (hw_fault(hw, "rdma.requests"))
		return false;
	c->reqs = g_try_new0(struct rdma_req, n);
	c->posted = g_try_new0(struct rdma_posted, ring);
	if (c->reqs == NULL || c->posted == NULL)
		return false;
	c->posted_mask = ring - 1;
	c->nreqs = n;
	for (unsigned i = c->nreqs; i-- > 0;) {
		c->reqs[i].req.qpair = &c->q;
		c->reqs[i].index = (uint16_t)i;
		c->reqs[i].next = c->free;
		c->free = &c->reqs[i];
	}
	return c->inlined ||
	       hw->mem->ops->alloc_on(hw->mem, c->nreqs * sizeof(struct nvme_cpl),
				      c->q.reactor->node, &c->responses) == 0;
}

static bool make_receives(struct rdma_conn *c)
{
	unsigned n = c->rq.n;

	if (c->p->rq.srq != NULL)
		return true;
	if (rdma_rq_init(&c->rq, c->p, n, c->q.transport->options.in_capsule_data_size,
			 (unsigned)c->dev->info.attr.max_sge) < 0)
		return false;
	c->rq.qp = c->qp;
	return rdma_rq_fill(&c->rq) == 0;
}

static int accept_it(struct rdma_conn *c)
{
	const struct nvme_rdma_accept rep = { .crqsize = c->ask.depth };
	const struct rdma_conn_param param = {
		.private_data = &rep,
		.private_data_len = sizeof(rep),
		.initiator_depth = (uint8_t)c->max_reads,
		.retry_count = 7,
		.rnr_retry_count = 7,
		.flow_control = 1,
		.srq = c->p->rq.srq != NULL,
		.qp_num = c->qpn,
	};

	return rdma_conn_ops(c)->accept(c->id, &param);
}

/* NULL, or what there is not enough of. */
static const char *make_all(struct rdma_conn *c)
{
	c->p = rdma_poller_get(c->dev, c->q.reactor);
	if (c->p == NULL)
		return "memory for shared receives (max_srq_depth), or their queue has failed, or "
		       "the device is going away";
	c->ask.depth = (uint16_t)MIN(c->ask.depth, most_receives(c->p));
	if (c->ask.depth < 2)
		return "max_srq_depth, or a limit of the device, is below the 2 commands of the "
		       "smallest queue";
	if (!make_qp(c))
		return c->cq == NULL ? "the device makes no further completion queue of that size"
				     : "the device makes no further queue pair of that size";
	if (!make_requests(c))
		return "memory for commands";
	return make_receives(c) ? NULL : "memory for receives, or the device does not take them";
}

/* 0, or what the host is told. */
static uint16_t set_up(struct rdma_conn *c, const char **lack)
{
	*lack = make_all(c);
	if (*lack != NULL)
		return NVME_RDMA_NO_RESOURCES;
	if (c->max_reads == 0)
		return NVME_RDMA_INVALID_IRD;
	if (accept_it(c) < 0) {
		*lack = "it could not be accepted: the host has given up, or the device has failed";
		return NVME_RDMA_NO_RESOURCES;
	}
	c->connected = true;
	c->q.max_sq_size = c->ask.depth;
	c->state = RDMA_ACCEPTED;
	return 0;
}

static void arrived(struct nvmf_qpair *q, bool attached)
{
	struct rdma_conn *c = rdma_conn_of(q);
	const char *lack;
	uint16_t status;

	(void)attached;
	q->moving = false;
	if (!timer_is_set(&q->connect_timer)) /* it has changed reactor */
		nvmf_qpair_await_connect(q);
	if (q->kill_wanted) {
		nvmf_qpair_kill(q);
		return;
	}
	status = set_up(c, &lack);
	if (status == 0) {
		trace_write(q->reactor->trace, TRACE_RDMA_ACCEPT, c->qpn, c->ask.qid);
		return;
	}
	log_rejected(q->reactor, &c->remote, c->ask.qid, status, lack);
	reject(rdma_conn_ops(c), c->id, status);
	nvmf_qpair_kill(q);
}

/* --- completions ------------------------------------------------------------------------------ */

static struct rdma_conn *find_conn(const struct rdma_poller *p, uint32_t qpn)
{
	struct rdma_conn *c = p->hash[qpn % RDMA_HASH];

	while (c != NULL && c->qpn != qpn)
		c = c->hash_next;
	return c;
}

static void received(struct rdma_poller *p, struct rdma_conn *c, const struct ibv_wc *wc)
{
	struct rdma_rq *rq = c != NULL && c->rq.chunk != NULL ? &c->rq : &p->rq;
	struct rdma_recv *recv;

	if (rq->chunk == NULL)
		return; /* of a connection's own, which has gone with it */
	recv = &rq->recvs[wc->wr_id >> 8];
	rq->posted--;
	if (c == NULL || c->state >= RDMA_CLOSING) {
		if (rq == &p->rq)
			rdma_rq_put(recv);
		else if (rq->posted == 0)
			rdma_conn_check_soon(c);
		return;
	}
	if (wc->status != IBV_WC_SUCCESS) {
		rdma_rq_put(recv);
		nvmf_qpair_kill(&c->q);
		return;
	}
	/* A WRITE with immediate data takes a receive, and leaves in it what was there. */
	if (G_UNLIKELY(wc->opcode != IBV_WC_RECV)) {
		rdma_rq_put(recv);
		rdma_conn_broken(c, "it sent no capsule, but wrote to memory");
		return;
	}
	p->stats.requests++;
	recv->len = wc->byte_len;
	rdma_capsule(c, recv);
}

void rdma_wc(struct rdma_poller *p, const struct ibv_wc *wc)
{
	struct rdma_conn *c = find_conn(p, wc->qp_num);

	if ((wc->wr_id & 0xff) == RDMA_WR_RECV)
		received(p, c, wc);
	else if (c != NULL)
		rdma_sent(c, wc);
}

/* --- the end -------------------------------------------------------------------------------------
 */

void rdma_conn_broken(struct rdma_conn *c, const char *why)
{
	char from[NET_ADDR_STRLEN];

	log_warn(c->q.reactor->core->log, "nvmf.rdma", "host broke the protocol: disconnected",
		 "peer=%s qid=%u reason=\"%s\"", net_addr_format(&c->remote, from), c->q.qid, why);
	nvmf_qpair_kill(&c->q);
}

void rdma_req_free(struct rdma_conn *c, struct rdma_req *r)
{
	rdma_req_drop_recv(c, r);
	nvmf_request_release(&r->req);
	r->state = RDMA_REQ_FREE;
	r->next = c->free;
	c->free = r;
	if (c->held != NULL && c->state == RDMA_READY)
		rdma_resume_soon(c);
}

/* What the device does not work on goes at once; and nobody waits for the I/O of the others. */
static void drop_requests(struct rdma_conn *c)
{
	for (unsigned i = 0; i < c->nreqs; i++) {
		struct rdma_req *r = &c->reqs[i];

		if (r->state == RDMA_REQ_WAIT_BUFFER || r->state == RDMA_REQ_WAIT_COPY ||
		    ((r->state == RDMA_REQ_READ || r->state == RDMA_REQ_TX) && r->at == 0 &&
		     c->posted_head == c->posted_tail))
			rdma_req_free(c, r);
		else if (r->state == RDMA_REQ_EXEC && r->req.ns != NULL &&
			 r->req.io.channel != NULL)
			bdev_io_abort(&r->req.io);
	}
	c->tx_head = c->read_head = NULL;
	c->tx_last = &c->tx_head;
	c->read_last = &c->read_head;
}

static void close_conn(struct rdma_conn *c);

static void drop_held(struct rdma_conn *c)
{
	while (c->held != NULL) {
		struct rdma_recv *recv = c->held;

		c->held = recv->next;
		if (c->rq.chunk == NULL)
			rdma_rq_put(recv);
	}
	c->held_last = &c->held;
	c->nheld = 0;
}

void rdma_qpair_kill(struct nvmf_qpair *q)
{
	struct rdma_conn *c = rdma_conn_of(q);

	trace_write(q->reactor->trace, TRACE_RDMA_CLOSE, c->qpn, c->state);
	c->state = RDMA_CLOSING;
	q->outstanding++; /* until close_conn() */
	reactor_cancel_task(q->reactor, &c->post_task);
	reactor_cancel_task(q->reactor, &c->resume_task);
	drop_requests(c);
	drop_held(c);
	if (c->connected) {
		rdma_conn_ops(c)->disconnect(c->id);
		reactor_timer_set(q->reactor, &c->close_timer, q->reactor->now + CLOSE_NS);
	}
	/* What has no poller does not keep its device: of that nothing is touched later. */
	if (c->p == NULL)
		close_conn(c);
	else
		rdma_conn_check_soon(c);
}

void rdma_conn_check_soon(struct rdma_conn *c)
{
	reactor_run_soon(c->q.reactor, &c->check_task);
}

void rdma_conn_drained(struct rdma_conn *c)
{
	c->drained = true;
	if (c->state == RDMA_CLOSING)
		rdma_conn_check_soon(c);
}

/* Nothing of it is with the device any more. */
static bool is_quiet(const struct rdma_conn *c)
{
	if (!c->connected || c->timed_out)
		return true;
	return c->disconnected && c->posted_head == c->posted_tail &&
	       (c->rq.chunk != NULL ? c->rq.posted == 0 : c->drained);
}

static void close_conn(struct rdma_conn *c)
{
	const struct hw_rnic_ops *ops = rdma_conn_ops(c);

	reactor_timer_cancel(c->q.reactor, &c->close_timer);
	if (c->rq.chunk != NULL)
		reactor_cancel_task(c->q.reactor, &c->rq.task);
	if (c->qp != NULL) {
		ops->qp_destroy(c->qp);
		rdma_poller_remove(c->p, c);
	}
	if (c->cq != NULL)
		rdma_cq_put(c->cq, c->cq_room);
	ops->id_destroy(c->id);
	c->state = RDMA_CLOSED;
	for (unsigned i = 0; i < c->nreqs; i++) {
		struct rdma_req *r = &c->reqs[i];

		if (r->state == RDMA_REQ_READ || r->state == RDMA_REQ_TX)
			rdma_req_free(c, r);
	}
	if (--c->q.outstanding == 0)
		nvmf_qpair_drained(&c->q);
}

static void check(struct task *task)
{
	struct rdma_conn *c =
		(struct rdma_conn *)((char *)task - offsetof(struct rdma_conn, check_task));

	if (c->state == RDMA_CLOSING && is_quiet(c))
		close_conn(c);
}

void rdma_qpair_free(struct nvmf_qpair *q)
{
	struct rdma_conn *c = rdma_conn_of(q);
	const struct hw *hw = q->reactor->hw;

	reactor_cancel_task(q->reactor, &c->check_task);
	rdma_rq_clear(&c->rq);
	if (c->p != NULL)
		rdma_poller_put(c->p);
	hw->mem->ops->free(hw->mem, c->responses);
	g_free(c->posted);
	g_free(c->reqs);
	g_free(c);
}
