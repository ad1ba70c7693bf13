/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a queue pair, whatever its transport: see qpair.h. What Connect
 * decides is in connect.c.
 */
#include "target/nvmf/qpair.h"

#include "target/core/trace.h"
#include "target/nvmf/tgt.h"

/* A connection that does not say Connect in this time is ended. */
#define CONNECT_TIMEOUT_NS (15 * UINT64_C(1000000000))

/* As nvmf_subsystem_get_qpairs shows them. */
const char *const nvmf_qpair_state_names[NVMF_QPAIR_STATES] = {
	[NVMF_QPAIR_NEW] = "uninitialized",  [NVMF_QPAIR_CONNECTING] = "connecting",
	[NVMF_QPAIR_ENABLED] = "enabled",    [NVMF_QPAIR_DEACTIVATING] = "deactivating",
	[NVMF_QPAIR_GONE] = "error",
};

static const uint8_t edges[NVMF_QPAIR_STATES] = {
	[NVMF_QPAIR_NEW] = 1 << NVMF_QPAIR_CONNECTING | 1 << NVMF_QPAIR_DEACTIVATING,
	[NVMF_QPAIR_CONNECTING] = 1 << NVMF_QPAIR_NEW | 1 << NVMF_QPAIR_ENABLED |
				  1 << NVMF_QPAIR_DEACTIVATING,
	[NVMF_QPAIR_ENABLED] = 1 << NVMF_QPAIR_DEACTIVATING,
	[NVMF_QPAIR_DEACTIVATING] = 1 << NVMF_QPAIR_GONE,
};

void nvmf_qpair_set_state(struct nvmf_qpair *q, enum nvmf_qpair_state state)
{
	g_assert(edges[q->state] & 1 << state);
	trace_write(q->reactor->trace, TRACE_QPAIR_STATE,
		    (uint64_t)(q->ctrlr ? q->ctrlr->cntlid : 0) << 16 | q->qid,
		    (uint64_t)q->state << 8 | state);
	q->state = state;
}

static void link_group(struct nvmf_qpair *q)
{
	q->group = nvmf_group_of(q->tgt, q->reactor);
	q->next = q->group->qpairs;
	q->prev = &q->group->qpairs;
	if (q->next != NULL)
		q->next->prev = &q->next;
	q->group->qpairs = q;
}

static void unlink_group(struct nvmf_qpair *q)
{
	if (q->group->walk == q)
		q->group->walk = q->next;
	*q->prev = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	q->next = NULL;
	q->prev = NULL;
}

static struct nvmf_qpair *timer_to_qpair(struct timer *t)
{
	return (struct nvmf_qpair *)((char *)t - offsetof(struct nvmf_qpair, connect_timer));
}

static void connect_timeout(struct timer *t, struct reactor *r)
{
	struct nvmf_qpair *q = timer_to_qpair(t);

	log_info(r->core->log, "nvmf", "no Connect in time, connection ended", "%s", "");
	nvmf_qpair_kill(q);
}

static void gone(struct task *task);

void nvmf_qpair_init(struct nvmf_qpair *q, struct nvmf_port *port, struct reactor *r)
{
	q->transport = port->transport;
	q->ops = port->transport->ops;
	q->portid = port->portid;
	q->tgt = port->transport->tgt;
	q->reactor = r;
	q->state = NVMF_QPAIR_NEW;
	q->gone_task.fn = gone;
	q->tgt->connections++;
	link_group(q);
	q->group->stats.current_unassociated_qpairs++;
	timer_init(&q->connect_timer, connect_timeout);
	nvmf_qpair_await_connect(q);
}

void nvmf_qpair_await_connect(struct nvmf_qpair *q)
{
	reactor_timer_set(q->reactor, &q->connect_timer, q->reactor->now + CONNECT_TIMEOUT_NS);
}

void nvmf_qpair_drained(struct nvmf_qpair *q)
{
	reactor_run_soon(q->reactor, &q->gone_task);
}

/*
 * Requests that wait for a buffer end here. All of them are executing: the
 * transport has dropped those that were not handed over yet.
 */
static void end_waiting(struct nvmf_qpair *q)
{
	while (q->waiting != NULL) {
		struct nvmf_request *req = q->waiting;

		nvmf_request_release(req);
		nvmf_request_complete(req, NVME_SC_ABORTED_SQ_DELETED);
	}
}

bool nvmf_qpair_starves_others(const struct nvmf_qpair *q)
{
	return (q->bufs.held > 0 && buf_others_wait(q->reactor->bufs, &q->bufs)) ||
	       (q->reserve.held > 0 && buf_others_wait(q->group->reserve, &q->reserve));
}

void nvmf_qpair_kill(struct nvmf_qpair *q)
{
	if (q->state >= NVMF_QPAIR_DEACTIVATING)
		return;
	if (q->moving) {
		q->kill_wanted = true;
		return;
	}
	reactor_timer_cancel(q->reactor, &q->connect_timer);
	nvmf_qpair_set_state(q, NVMF_QPAIR_DEACTIVATING);
	/* Keeps the queue from draining half-way through. */
	q->outstanding++;
	q->ops->qpair_kill(q);
	end_waiting(q);
	nvmf_fuse_kill(q);
	if (q->ctrlr != NULL && q->qid == 0) {
		nvmf_ctrlr_abort_aers(q->ctrlr);
		nvmf_ctrlr_kill(q->ctrlr);
	}
	if (--q->outstanding == 0)
		nvmf_qpair_drained(q);
}

static void owner_forgets(struct reactor *r, void *arg);

static void gone(struct task *task)
{
	struct nvmf_qpair *q =
		(struct nvmf_qpair *)((char *)task - offsetof(struct nvmf_qpair, gone_task));

	if (q->state == NVMF_QPAIR_GONE || q->outstanding != 0)
		return;
	nvmf_qpair_set_state(q, NVMF_QPAIR_GONE);
	nvmf_counts_leave(q);
	if (q->ctrlr == NULL)
		nvmf_qpair_release(q);
	else if (q->ctrlr->owner == q->reactor)
		owner_forgets(q->reactor, q);
	else
		core_call(q->ctrlr->owner, owner_forgets, q);
}

static void release_call(struct reactor *r, void *arg)
{
	(void)r;
	nvmf_qpair_release(arg);
}

/* On the owner's reactor. */
static void owner_forgets(struct reactor *r, void *arg)
{
	struct nvmf_qpair *q = arg;
	struct reactor *home = q->reactor;

	nvmf_ctrlr_forget_queue(q->ctrlr, q);
	if (home == r)
		nvmf_qpair_release(q);
	else
		core_call(home, release_call, q);
}

static void connection_ended(struct reactor *r, void *arg)
{
	struct nvmf_tgt *tgt = arg;

	(void)r;
	tgt->connections--;
	if (tgt->connections == 0 && tgt->drained != NULL)
		tgt->drained(tgt);
}

void nvmf_qpair_release(struct nvmf_qpair *q)
{
	struct nvmf_tgt *tgt = q->tgt;
	struct nvmf_group_stats *stats = &q->group->stats;

	if (q->sgroup == NULL)
		stats->current_unassociated_qpairs--;
	else if (q->qid == 0)
		stats->current_admin_qpairs--;
	else
		stats->current_io_qpairs--;
	unlink_group(q);
	q->ops->qpair_free(q);
	core_call(core_main(tgt->core), connection_ended, tgt);
}

struct move {
	struct nvmf_qpair *q;
	void (*arrived)(struct nvmf_qpair *q, bool attached);
};

static void move_arrived(struct reactor *r, void *arg)
{
	struct move *move = arg;
	struct nvmf_qpair *q = move->q;

	(void)r;
	link_group(q);
	q->group->stats.current_unassociated_qpairs++;
	if (q->group->closing)
		q->kill_wanted = true;
	move->arrived(q, q->ops->qpair_attach(q));
	g_free(move);
}

void nvmf_qpair_move(struct nvmf_qpair *q, struct reactor *r,
		     void (*arrived)(struct nvmf_qpair *q, bool attached))
{
	struct move *move;

	if (r == q->reactor) {
		arrived(q, true);
		return;
	}
	move = g_new(struct move, 1);
	*move = (struct move){ q, arrived };
	reactor_timer_cancel(q->reactor, &q->connect_timer);
	q->group->stats.current_unassociated_qpairs--;
	unlink_group(q);
	q->ops->qpair_detach(q);
	q->reactor = r;
	core_call(r, move_arrived, move);
}
