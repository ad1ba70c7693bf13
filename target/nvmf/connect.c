/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fabrics Connect (base 2.0, 6.3): from the reactor that accepted the
 * connection, over the main reactor (which knows subsystems and controllers), to
 * the reactor that the queue belongs on.
 *
 *   admin queue: accepted -> main: make the controller -> owner: attach, answer
 *   I/O queue:   accepted -> main: which reactors? -> home: attach
 *                -> owner: admit -> home: answer
 *
 * A pinned transport's queues are at home already; then a controller's owner is where
 * its admin queue is.
 *
 * While this goes on the queue is CONNECTING and q->moving: it has one request,
 * is not killed, and its transport takes nothing more from the peer.
 */
#include <string.h>

#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

/* A discovery controller without keep-alive ends after so much silence (base 2.0, 3.1.3.4). */
#define DISCOVERY_IDLE_MS 120000

struct connect {
	struct nvmf_qpair *q;
	struct nvmf_request *req;
	struct nvme_connect_cmd cmd;
	struct nvme_connect_data data;
	struct net_addr local;
	struct nvmf_ctrlr *ctrlr; /* made (admin), or admitted to (I/O) */
	struct reactor *home;     /* where the queue goes */
	struct reactor *owner;    /* of the controller */
	uint16_t status;
	uint32_t dw0;
};

static void reject(struct connect *c, uint16_t status, uint32_t dw0)
{
	c->status = status | NVME_DNR;
	c->dw0 = dw0;
}

static void invalid(struct connect *c, uint32_t where)
{
	reject(c, NVME_SC_CONNECT_INVALID_PARAM, where);
}

/*
 * Refused as things are now: configuration, or the target's state, may be another
 * soon (a restart that loads its configuration, a listener that comes back). With
 * DNR, Linux would give the path up for good.
 */
static void not_now(struct connect *c, uint16_t status, uint32_t dw0)
{
	c->status = status;
	c->dw0 = dw0;
}

static bool terminated(const char *nqn)
{
	return memchr(nqn, 0, NVME_NQN_FIELD) != NULL;
}

/* --- the answer, on the queue's reactor ------------------------------------------ */

static void log_outcome(const struct connect *c)
{
	struct log *log = c->q->tgt->core->log;
	char host[NVME_NQN_FIELD * 2], sub[NVME_NQN_FIELD * 2];
	struct net_addr peer;
	char from[NET_ADDR_STRLEN];

	c->q->ops->qpair_peer(c->q, &peer);
	net_addr_format(&peer, from);
	log_quote(terminated(c->data.hostnqn) ? c->data.hostnqn : "?", host, sizeof(host));
	log_quote(terminated(c->data.subnqn) ? c->data.subnqn : "?", sub, sizeof(sub));
	if (c->status == NVME_SUCCESS)
		log_info(log, "nvmf", "queue connected", "subnqn=%s hostnqn=%s cntlid=%u qid=%u peer=%s",
			 sub, host, c->ctrlr->cntlid, c->q->qid, from);
	else
		log_warn(log, "nvmf", "connect refused",
			 "subnqn=%s hostnqn=%s qid=%u peer=%s reason=\"%s\" dw0=0x%x", sub, host,
			 c->cmd.qid, from, nvme_status_name(c->status), c->dw0);
}

static bool enable(struct connect *c)
{
	struct nvmf_qpair *q = c->q;
	struct nvmf_ctrlr *ctrlr = c->ctrlr;
	struct nvmf_group_stats *stats = &q->group->stats;

	q->qid = c->cmd.qid;
	q->sq_size = (uint16_t)(c->cmd.sqsize + 1);
	q->no_sq_flow_control = c->cmd.cattr & NVME_CATTR_NO_SQ_FLOW_CONTROL;
	q->ctrlr = ctrlr;
	q->sgroup = g_ptr_array_index(q->group->sgroups, ctrlr->subsystem->index);
	stats->current_unassociated_qpairs--;
	if (q->qid == 0) {
		stats->current_admin_qpairs++;
		stats->admin_qpairs++;
	} else {
		stats->current_io_qpairs++;
		stats->io_qpairs++;
	}
	return q->ops->qpair_enable(q);
}

static void answer(struct connect *c, bool attached)
{
	struct nvmf_qpair *q = c->q;
	struct nvmf_request *req = c->req;
	bool dead = !attached || q->kill_wanted;

	if (q->kill_wanted)
		hw_mark(q->reactor->hw, "connect.kill_wanted");
	q->moving = false;
	q->connect = NULL;
	if (c->ctrlr != NULL && !enable(c))
		dead = true;
	if (!dead || c->ctrlr == NULL)
		log_outcome(c);
	if (c->status == NVME_SUCCESS) {
		reactor_timer_cancel(q->reactor, &q->connect_timer);
		nvmf_qpair_set_state(q, NVMF_QPAIR_ENABLED);
	} else {
		nvmf_qpair_set_state(q, NVMF_QPAIR_NEW);
		if (!timer_is_set(&q->connect_timer)) /* it has changed reactor */
			nvmf_qpair_await_connect(q);
	}
	if (dead)
		nvmf_qpair_kill(q);
	req->rsp.dw0 = c->dw0;
	nvmf_request_complete(req, c->status);
	g_free(c);
}

/* --- admin queue --------------------------------------------------------------------- */

static uint32_t kato_of(const struct connect *c)
{
	return c->cmd.kato == 0 && c->ctrlr->discovery ? DISCOVERY_IDLE_MS : c->cmd.kato;
}

static void admin_arrived(struct nvmf_qpair *q, bool attached)
{
	struct connect *c = q->connect;
	struct nvmf_ctrlr *ctrlr = c->ctrlr;

	ctrlr->group = q->group;
	ctrlr->sgroup = g_ptr_array_index(q->group->sgroups, ctrlr->subsystem->index);
	ctrlr->admin = q;
	g_ptr_array_add(q->group->ctrlrs, ctrlr);
	if (ctrlr->state == NVMF_CTRLR_NEW) {
		nvmf_ctrlr_set_state(ctrlr, NVMF_CTRLR_LIVE);
		nvmf_ctrlr_init(ctrlr, kato_of(c));
	} else {
		attached = false; /* deleted on the way */
	}
	c->dw0 = ctrlr->cntlid;
	answer(c, attached);
}

/* By its ID; zeros say nothing. */
static bool is_same_host(const struct connect *c, const struct nvmf_ctrlr *other)
{
	static const uint8_t none[sizeof(other->hostid)];

	if (memcmp(other->hostid, c->data.hostid, sizeof(other->hostid)))
		return false;
	return memcmp(other->hostid, none, sizeof(none)) ||
	       !strcmp(other->hostnqn, c->data.hostnqn);
}

/*
 * A host that has a controller through this listener already. It may be one that has
 * lost its connection, which keep-alive will find: so it may try again.
 */
static bool is_doubled(const struct connect *c, const struct nvmf_subsystem *s)
{
	if (s->tgt->dup_host_policy == NVMF_DUP_HOST_ALLOW ||
	    s->subtype == NVMF_SUBTYPE_DISCOVERY)
		return false;
	for (unsigned i = 0; i < s->priv->ctrlrs->len; i++) {
		const struct nvmf_ctrlr *other = g_ptr_array_index(s->priv->ctrlrs, i);

		if (other->portid == c->q->portid && is_same_host(c, other))
			return true;
	}
	return false;
}

static bool good_sqsize(const struct nvmf_qpair *q, const struct nvme_connect_cmd *cmd,
			uint32_t most)
{
	if (q->max_sq_size != 0)
		most = MIN(most, q->max_sq_size);
	return cmd->sqsize != 0 && cmd->sqsize < most;
}

static void make_ctrlr(struct connect *c, struct nvmf_subsystem *s)
{
	const struct nvmf_transport_options *opts = &c->q->transport->options;

	if (c->data.cntlid != NVME_CNTLID_DYNAMIC) {
		invalid(c, NVME_CONNECT_IPO_DATA(cntlid));
		return;
	}
	if (!good_sqsize(c->q, &c->cmd, opts->max_aq_depth)) {
		invalid(c, NVME_CONNECT_IPO_CMD(sqsize));
		return;
	}
	if (is_doubled(c, s)) {
		c->status = NVME_SC_CONNECT_BUSY;
		return;
	}
	c->ctrlr = nvmf_ctrlr_new(s, c->q, &c->data, &c->local);
	if (c->ctrlr == NULL) {
		c->status = NVME_SC_CONNECT_BUSY; /* no controller id free: may be tried again */
		return;
	}
	c->home = c->owner = c->ctrlr->owner;
}

/* --- I/O queue -------------------------------------------------------------------------- */

static void io_answer(struct reactor *r, void *arg)
{
	(void)r;
	answer(arg, true);
}

static struct nvmf_ctrlr *find_owned(struct nvmf_group *g, const struct connect *c)
{
	for (unsigned i = 0; i < g->ctrlrs->len; i++) {
		struct nvmf_ctrlr *ctrlr = g_ptr_array_index(g->ctrlrs, i);

		if (ctrlr->cntlid == c->data.cntlid && !strcmp(ctrlr->subsystem->nqn, c->data.subnqn))
			return ctrlr;
	}
	return NULL;
}

/* On the owner: is the controller (still) there and ready for this queue? */
static void admit(struct connect *c, struct nvmf_ctrlr *ctrlr)
{
	const struct nvme_connect_cmd *cmd = &c->cmd;

	if (ctrlr == NULL || ctrlr->state != NVMF_CTRLR_LIVE)
		invalid(c, NVME_CONNECT_IPO_DATA(cntlid));
	else if (strcmp(ctrlr->hostnqn, c->data.hostnqn))
		invalid(c, NVME_CONNECT_IPO_DATA(hostnqn));
	else if (memcmp(ctrlr->hostid, c->data.hostid, 16))
		invalid(c, NVME_CONNECT_IPO_DATA(hostid));
	else if (ctrlr->discovery || cmd->qid > ctrlr->max_qid ||
		 (ctrlr->queues_granted != 0 && cmd->qid > ctrlr->queues_granted))
		invalid(c, NVME_CONNECT_IPO_CMD(qid));
	else if (!good_sqsize(c->q, cmd, ctrlr->transport->options.max_queue_depth))
		invalid(c, NVME_CONNECT_IPO_CMD(sqsize));
	else if (!(ctrlr->csts & NVME_CSTS_RDY) || NVME_CC_SHN(ctrlr->cc) != 0 || ctrlr->disabling)
		reject(c, NVME_SC_SEQUENCE_ERROR, 0);
	else if (ctrlr->queues[cmd->qid] != NULL)
		c->status = NVME_SC_CONNECT_BUSY; /* the old one may be on its way out */
	if (c->status != NVME_SUCCESS)
		return;
	ctrlr->queues[cmd->qid] = c->q;
	ctrlr->nqueues++;
	c->ctrlr = ctrlr;
	c->dw0 = ctrlr->cntlid;
}

static void io_admit(struct reactor *r, void *arg)
{
	struct connect *c = arg;

	admit(c, find_owned(nvmf_group_of(c->q->tgt, r), c));
	hw_mark(r->hw, "connect.admitted");
	if (c->home == r)
		answer(c, true);
	else
		core_call(c->home, io_answer, c);
}

static void io_arrived(struct nvmf_qpair *q, bool attached)
{
	struct connect *c = q->connect;

	hw_mark(q->reactor->hw, "connect.moved");
	if (!attached) {
		not_now(c, NVME_SC_INTERNAL_ERROR, 0);
		answer(c, false);
		return;
	}
	if (c->owner == q->reactor)
		io_admit(q->reactor, c);
	else
		core_call(c->owner, io_admit, c);
}

/* --- main reactor ------------------------------------------------------------------------- */

static void route_io(struct connect *c, struct nvmf_subsystem *s)
{
	for (unsigned i = 0; i < s->priv->ctrlrs->len; i++) {
		struct nvmf_ctrlr *ctrlr = g_ptr_array_index(s->priv->ctrlrs, i);

		if (ctrlr->cntlid == c->data.cntlid) {
			c->owner = ctrlr->owner;
			c->home = c->q->ops->pinned
					  ? c->q->reactor
					  : nvmf_tgt_home(s->tgt, (unsigned)c->data.cntlid +
									  c->cmd.qid);
			return;
		}
	}
	not_now(c, NVME_SC_CONNECT_INVALID_PARAM, NVME_CONNECT_IPO_DATA(cntlid));
}

/* The discovery subsystem is reached through every port. */
static bool listens_on(const struct nvmf_subsystem *s, uint16_t portid)
{
	return s->subtype == NVMF_SUBTYPE_DISCOVERY || nvmf_listener_of(s, portid) != NULL;
}

static void decide(struct connect *c, struct nvmf_tgt *tgt)
{
	struct nvmf_subsystem *s;

	if (c->cmd.recfmt != 0) {
		reject(c, NVME_SC_CONNECT_FORMAT, NVME_CONNECT_IPO_CMD(recfmt));
		return;
	}
	if (!terminated(c->data.hostnqn) || c->data.hostnqn[0] == 0) {
		invalid(c, NVME_CONNECT_IPO_DATA(hostnqn));
		return;
	}
	if (!terminated(c->data.subnqn)) {
		invalid(c, NVME_CONNECT_IPO_DATA(subnqn));
		return;
	}
	s = nvmf_subsystem_find(tgt, c->data.subnqn);
	if (s == NULL || s->deleting || tgt->shutting_down) {
		not_now(c, NVME_SC_CONNECT_INVALID_PARAM, NVME_CONNECT_IPO_DATA(subnqn));
		return;
	}
	if (!listens_on(s, c->q->portid) || !nvmf_subsystem_host_allowed(s, c->data.hostnqn)) {
		not_now(c, NVME_SC_CONNECT_INVALID_HOST, 0);
		return;
	}
	if (c->cmd.qid == 0)
		make_ctrlr(c, s);
	else
		route_io(c, s);
}

static void refused(struct reactor *r, void *arg)
{
	(void)r;
	answer(arg, true);
}

static void go_home(struct reactor *r, void *arg)
{
	struct connect *c = arg;

	(void)r;
	nvmf_qpair_move(c->q, c->home, c->cmd.qid == 0 ? admin_arrived : io_arrived);
}

static void on_main(struct reactor *r, void *arg)
{
	struct connect *c = arg;

	(void)r;
	decide(c, c->q->tgt);
	core_call(c->q->reactor, c->status == NVME_SUCCESS ? go_home : refused, c);
}

/* Takes what is needed of the data, so that nothing refers to this reactor's buffers. */
static void copy_data(struct connect *c, const struct nvmf_request *req)
{
	uint8_t *to = (uint8_t *)&c->data;
	size_t left = sizeof(c->data);

	for (unsigned i = 0; i < req->niov && left > 0; i++) {
		size_t n = MIN(left, req->iov[i].iov_len);

		memcpy(to, req->iov[i].iov_base, n);
		to += n;
		left -= n;
	}
}

void nvmf_connect(struct nvmf_request *req)
{
	struct nvmf_qpair *q = req->qpair;
	struct connect *c;

	if (req->data_len < sizeof(struct nvme_connect_data)) {
		nvmf_request_complete(req, NVME_SC_SGL_LENGTH_INVALID | NVME_DNR);
		return;
	}
	c = g_new0(struct connect, 1);
	c->q = q;
	c->req = req;
	memcpy(&c->cmd, &req->cmd, sizeof(c->cmd));
	copy_data(c, req);
	nvmf_request_release(req);
	q->ops->qpair_local(q, &c->local);
	q->connect = c;
	q->moving = true;
	nvmf_qpair_set_state(q, NVMF_QPAIR_CONNECTING);
	core_call(core_main(q->tgt->core), on_main, c);
}
