/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Abort (base 2.0, 5.1): best effort, and says whether it did.
 *
 * What can be aborted is what waits: an Asynchronous Event Request, a command
 * that waits for a buffer or for its data, half of a fused pair that waits for the
 * other, or one held back by its bdev (limits, delay, range locks). What a
 * backend has is finished by it, but no further step of the command begins. The
 * queue named may be on another reactor: the Abort goes there by message and comes back with
 * the answer. Neither the Abort's own queue nor the one it looks at goes
 * meanwhile: the one waits for its requests, the other is freed by a later
 * message of the controller's owner.
 */
#include "target/nvmf/admin.h"
#include "target/nvmf/io.h"

#define NOT_ABORTED 1u

struct search {
	struct nvmf_request *req; /* the Abort */
	struct nvmf_qpair *q;	  /* where to look */
	uint16_t cid;
	bool found;
};

/* The first of a pair waits for what both need, and the second for it. */
static bool first_waits_for_both(const struct nvmf_request *req)
{
	return req->fuse_held && req->peer != NULL && req->peer->executing && req->peer->waiting;
}

/* On q's reactor. Those that are not executing yet are the transport's (data is to come). */
static bool abort_waiting(struct nvmf_qpair *q, uint16_t cid)
{
	struct nvmf_request *req = q->ops->qpair_find != NULL ? q->ops->qpair_find(q, cid) : NULL;

	if (req == NULL)
		return q->ops->qpair_abort != NULL && q->ops->qpair_abort(q, cid);
	if (q->qid != 0 && first_waits_for_both(req))
		req = req->peer;
	if (req->waiting)
		nvmf_request_release(req);
	else if (q->qid == 0 || (req->cmd.flags & NVME_CMD_FUSE_MASK) == 0 || !req->fuse_held)
		return q->qid != 0 && nvmf_io_abort(req);
	nvmf_request_complete(req, NVME_SC_ABORT_REQUESTED);
	return true;
}

static void answer(struct nvmf_request *req, bool found)
{
	req->qpair->ctrlr->naborts--;
	req->rsp.dw0 = found ? 0 : NOT_ABORTED;
	nvmf_request_complete(req, NVME_SUCCESS);
}

static void looked(struct reactor *r, void *arg)
{
	g_autofree struct search *s = arg;

	(void)r;
	answer(s->req, s->found);
}

static void look(struct reactor *r, void *arg)
{
	struct search *s = arg;

	(void)r;
	s->found = abort_waiting(s->q, s->cid);
	core_call(s->req->qpair->reactor, looked, s);
}

static bool abort_admin(struct nvmf_ctrlr *c, uint16_t cid)
{
	struct nvmf_request *aer = nvmf_ctrlr_take_aer(c, cid);

	if (aer == NULL)
		return abort_waiting(c->admin, cid);
	nvmf_request_complete(aer, NVME_SC_ABORT_REQUESTED);
	return true;
}

void nvmf_abort(struct nvmf_request *req)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint16_t sqid = (uint16_t)req->cmd.cdw10;
	uint16_t cid = (uint16_t)(req->cmd.cdw10 >> 16);
	struct nvmf_qpair *q = sqid <= c->max_qid ? c->queues[sqid] : NULL;
	struct search *s;

	if (c->naborts == NVMF_ABORT_MAX) {
		nvmf_request_fail(req, NVME_SC_ABORT_LIMIT, NVME_PEL_NONE);
		return;
	}
	c->naborts++;
	if (sqid == 0) {
		answer(req, abort_admin(c, cid));
	} else if (q == NULL) {
		answer(req, false);
	} else if (q->reactor == c->owner) {
		answer(req, abort_waiting(q, cid));
	} else {
		s = g_new(struct search, 1);
		*s = (struct search){ .req = req, .q = q, .cid = cid };
		core_call(q->reactor, look, s);
	}
}
