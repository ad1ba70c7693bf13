/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fused Compare and Write (base 2.0, 3.4.2; NVM command set 1.0, 2.1.4).
 *
 * Which commands are a pair is known by the order in which they come
 * (nvmf_fuse_arrived); they have their data, and are executed, in any order. The
 * one that is first waits (fuse_held). Both together: the blocks are locked
 * against writes of others, compared, written, unlocked.
 *
 * If one half fails before that, for whatever reason, so does the other: that is
 * seen where it completes (nvmf_fuse_failed). A half that waits is executing, so
 * its queue cannot go without ending it (nvmf_fuse_kill).
 */
#include "target/nvmf/io.h"

static unsigned half(const struct nvmf_request *req)
{
	return req->cmd.flags & NVME_CMD_FUSE_MASK;
}

/* --- pairs ------------------------------------------------------------------------------ */

static void hold(struct nvmf_request *req)
{
	req->fuse_held = true;
	req->next = req->qpair->fused;
	req->qpair->fused = req;
}

static void unhold(struct nvmf_request *req)
{
	struct nvmf_request **p = &req->qpair->fused;

	if (!req->fuse_held)
		return;
	while (*p != req)
		p = &(*p)->next;
	*p = req->next;
	req->next = NULL;
	req->fuse_held = false;
}

static void part(struct nvmf_request *req)
{
	if (req->peer != NULL)
		req->peer->peer = NULL;
	req->peer = NULL;
}

/* The command behind it is not its second half. */
static void second_missing(struct nvmf_request *first)
{
	first->fuse_missing = true;
	if (!first->fuse_held)
		return;
	unhold(first);
	nvmf_request_fail(first, NVME_SC_FUSED_MISSING, NVME_PEL_NONE);
}

void nvmf_fuse_arrived(struct nvmf_request *req)
{
	struct nvmf_qpair *q = req->qpair;
	struct nvmf_request *first = g_steal_pointer(&q->fuse_first);
	bool first_failed = q->fuse_first_failed;

	q->fuse_first_failed = false;
	if (first != NULL && half(req) != NVME_FUSE_SECOND)
		second_missing(first);
	if (half(req) == 0 || q->qid == 0)
		return;
	req->peer = NULL;
	req->fuse_held = req->fuse_missing = req->fuse_failed = false;
	if (half(req) == NVME_FUSE_FIRST) {
		q->fuse_first = req;
	} else if (half(req) == NVME_FUSE_SECOND) {
		req->fuse_failed = first == NULL && first_failed;
		req->fuse_missing = first == NULL && !first_failed;
		req->peer = first;
		if (first != NULL)
			first->peer = req;
	}
}

void nvmf_fuse_failed(struct nvmf_request *req)
{
	struct nvmf_qpair *q = req->qpair;
	struct nvmf_request *peer = req->peer;

	if (q->qid == 0)
		return;
	if (q->fuse_first == req) {
		q->fuse_first = NULL;
		q->fuse_first_failed = true;
	}
	unhold(req);
	if (peer == NULL)
		return;
	part(req);
	peer->fuse_failed = true;
	if (!peer->fuse_held)
		return; /* still to be executed */
	unhold(peer);
	nvmf_request_complete(peer, NVME_SC_FUSED_FAILED);
}

void nvmf_fuse_kill(struct nvmf_qpair *q)
{
	q->fuse_first = NULL;
	while (q->fused != NULL) {
		struct nvmf_request *req = q->fused;

		/* What the transport dropped does not complete. */
		part(req);
		unhold(req);
		nvmf_request_complete(req, NVME_SC_ABORTED_SQ_DELETED);
	}
}

/* --- both ---------------------------------------------------------------------------------- */

static void unlocked(void *user)
{
	nvmf_io_leave(user);
}

static void complete(struct nvmf_request *req, struct nvmf_ns_group *ng, uint16_t status)
{
	if (status == NVME_SC_FUSED_FAILED) {
		nvmf_request_complete(req, status);
	} else if (status == NVME_SUCCESS && req->cmd.opcode == NVME_CMD_WRITE) {
		req->qpair->commands.bytes[NVMF_KIND_WRITE] += req->data_len;
		nvmf_count(req, ng, NVMF_KIND_WRITE);
		nvmf_count_time(req, ng, NVMF_KIND_WRITE, nvmf_io_age(req));
		nvmf_request_complete(req, status);
	} else {
		nvmf_io_answer(req, ng, status);
	}
}

static void finish(struct nvmf_request *first, uint16_t compared, uint16_t written)
{
	struct nvmf_request *second = first->peer;
	struct nvmf_ns_group *ng = g_steal_pointer(&first->ns);
	struct bdev_range_lock *lock = g_steal_pointer(&first->lock);

	part(first);
	second->ns = NULL;
	if (first->scratch != NULL)
		buf_put(g_steal_pointer(&first->scratch));
	if (lock != NULL)
		bdev_range_unlock(lock, unlocked, ng);
	complete(first, ng, compared);
	complete(second, ng, written);
	if (lock == NULL)
		nvmf_io_leave(ng);
}

static void was_written(struct nvmf_request *second, uint16_t status)
{
	if (status == NVME_SUCCESS) /* a step's error is counted already */
		nvmf_ns_count(second->ns, &second->io);
	finish(second->peer, NVME_SUCCESS, status);
}

static void was_compared(struct nvmf_request *first, uint16_t status)
{
	struct nvmf_request *second = first->peer;

	if (status != NVME_SUCCESS) {
		finish(first, status, NVME_SC_FUSED_FAILED);
		return;
	}
	second->step_iov.iov_len = 0;
	nvmf_io_step_data(second, BDEV_WRITE, nvme_cmd_slba(&second->cmd),
			  nvme_cmd_nlb(&second->cmd), BDEV_IO_LOCKED | nvmf_io_fua(&second->cmd),
			  was_written);
}

static void locked(struct bdev_range_lock *lock, void *user)
{
	struct nvmf_request *first = user;

	first->lock = lock;
	nvmf_io_scan(first, true, was_compared);
}

static void lock_ready(struct bdev_lock_waiter *w, struct bdev_range_lock *lock)
{
	struct nvmf_request *first =
		(struct nvmf_request *)((char *)w - offsetof(struct nvmf_request, lock_waiter));

	if (lock == NULL) {
		finish(first, NVME_SC_COMMAND_INTERRUPTED, NVME_SC_FUSED_FAILED);
		return;
	}
	bdev_range_lock_add(lock, nvme_cmd_slba(&first->cmd), nvme_cmd_nlb(&first->cmd));
	bdev_range_lock(lock, locked, first);
}

/*
 * False: one of them has failed, and so has the other. The status belongs to the
 * half that is wrong, where that can be told.
 */
static bool check_pair(struct nvmf_request *first, struct nvmf_request *second,
		       struct nvmf_ns_group **ng)
{
	const struct nvme_cmd *a = &first->cmd, *b = &second->cmd;
	uint16_t status = NVME_SUCCESS;
	struct nvmf_request *wrong = second;

	if (a->opcode != NVME_CMD_COMPARE || b->opcode != NVME_CMD_WRITE || a->nsid != b->nsid ||
	    nvme_cmd_slba(a) != nvme_cmd_slba(b) || nvme_cmd_nlb(a) != nvme_cmd_nlb(b)) {
		status = NVME_SC_INVALID_FIELD | NVME_DNR;
	} else {
		*ng = nvmf_io_find_ns(second, &status);
		if (*ng != NULL)
			status = nvmf_io_check_rw(second, *ng, true);
		if (*ng != NULL && status == NVME_SUCCESS) {
			wrong = first;
			status = nvmf_io_check_rw(first, *ng, true);
		}
	}
	if (status == NVME_SUCCESS)
		return true;
	if (first->scratch != NULL)
		buf_put(g_steal_pointer(&first->scratch));
	unhold(wrong);
	nvmf_io_fail(wrong, status);
	return false;
}

/* The second is held until here, so that it ends with the first should that be aborted. */
static void ready(struct nvmf_request *first)
{
	struct nvmf_request *second = first->peer;
	struct nvmf_ns_group *ng;

	hold(first);
	if (!check_pair(first, second, &ng))
		return;
	unhold(first);
	unhold(second);
	first->lock = NULL;
	first->lock_waiter.ready = lock_ready;
	nvmf_io_begin(first, ng);
	second->ns = ng;
	second->stop = false;
	second->begun = first->begun;
	bdev_range_lock_get(ng->channel, &first->lock_waiter);
}

static void start(struct nvmf_request *first, struct nvmf_request *second)
{
	struct nvmf_ns_group *ng;

	if (!check_pair(first, second, &ng))
		return;
	unhold(first);
	if (nvmf_io_places(ng))
		ready(first);
	else
		nvmf_request_get_scratch(first, ready);
}

void nvmf_io_fused(struct nvmf_request *req)
{
	if (half(req) == NVME_CMD_FUSE_MASK || req->qpair->transport->no_fused) {
		nvmf_request_fail(req, NVME_SC_INVALID_FIELD | NVME_DNR, NVME_PEL(flags));
	} else if (req->fuse_missing) {
		nvmf_request_fail(req, NVME_SC_FUSED_MISSING, NVME_PEL_NONE);
	} else if (req->fuse_failed) {
		nvmf_request_complete(req, NVME_SC_FUSED_FAILED);
	} else {
		hold(req);
		if (req->peer == NULL || !req->peer->fuse_held)
			return;
		if (half(req) == NVME_FUSE_FIRST)
			start(req, req->peer);
		else
			start(req->peer, req);
	}
}
