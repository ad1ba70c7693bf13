/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Error Information log (base 2.0, 5.16.1.2): the last errors of a
 * controller, newest first.
 *
 * The entries belong to the controller's owner. A queue on another reactor puts
 * what it has to say into a small ring of its own and posts one message, so
 * that nothing is allocated; the owner takes all there is. An error that finds
 * the ring full is counted and has no entry. The owner hears of a queue's end
 * from the same reactor by a later message, so the ring outlives its message.
 */
#include <string.h>

#include "target/nvmf/ctrlr.h"

/* Commands of the NVM command set that begin at an LBA. */
static bool has_lba(uint8_t opcode)
{
	switch (opcode) {
	case NVME_CMD_WRITE:
	case NVME_CMD_READ:
	case NVME_CMD_WRITE_UNCORRECTABLE:
	case NVME_CMD_COMPARE:
	case NVME_CMD_WRITE_ZEROES:
	case NVME_CMD_VERIFY:
		return true;
	default:
		return false;
	}
}

static void describe(const struct nvmf_request *req, uint16_t status, uint16_t where,
		     struct nvme_error_entry *e)
{
	const struct nvmf_qpair *q = req->qpair;

	memset(e, 0, sizeof(*e));
	e->sqid = q->qid;
	e->cid = req->cmd.cid;
	e->status = (uint16_t)(status << 1);
	e->param_error_location = where;
	e->trtype = q->ops->trtype;
	if (req->cmd.opcode == NVME_OP_FABRICS)
		return;
	e->nsid = req->cmd.nsid;
	if (q->qid != 0 && has_lba(req->cmd.opcode))
		e->lba = nvme_cmd_slba(&req->cmd);
}

static void add(struct nvmf_ctrlr *c, const struct nvme_error_entry *entry)
{
	struct nvme_error_entry *e = &c->errors[c->nerrors % NVMF_ERROR_LOG_ENTRIES];

	*e = *entry;
	e->error_count = ++c->nerrors;
}

static struct nvmf_qpair *msg_to_qpair(struct msg *msg)
{
	return (struct nvmf_qpair *)((char *)msg - offsetof(struct nvmf_qpair, errors.msg));
}

/* At the owner. The ring may be posted again from here on. */
static void take_all(struct msg *msg, struct reactor *r)
{
	struct nvmf_qpair *q = msg_to_qpair(msg);
	struct nvmf_error_ring *ring = &q->errors;
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t head;

	(void)r;
	atomic_exchange(&ring->posted, false);
	head = atomic_load_explicit(&ring->head, memory_order_acquire);
	for (; tail != head; tail++)
		add(q->ctrlr, &ring->entries[tail % NVMF_ERROR_RING]);
	atomic_store_explicit(&ring->tail, tail, memory_order_release);
	q->ctrlr->nerrors += atomic_exchange_explicit(&ring->lost, 0, memory_order_relaxed);
}

static void pass_on(struct nvmf_qpair *q, const struct nvmf_request *req, uint16_t status,
		    uint16_t where)
{
	struct nvmf_error_ring *ring = &q->errors;
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (head - tail < NVMF_ERROR_RING) {
		describe(req, status, where, &ring->entries[head % NVMF_ERROR_RING]);
		atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	} else {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
	}
	if (atomic_exchange(&ring->posted, true))
		return;
	ring->msg.fn = take_all;
	reactor_post(q->ctrlr->owner, &ring->msg);
}

void nvmf_error_log(struct nvmf_request *req, uint16_t status, uint16_t param_error_location)
{
	struct nvmf_qpair *q = req->qpair;
	struct nvme_error_entry entry;

	if (q->ctrlr == NULL || q->state != NVMF_QPAIR_ENABLED)
		return;
	if (q->reactor != q->ctrlr->owner) {
		pass_on(q, req, status, param_error_location);
		return;
	}
	describe(req, status, param_error_location, &entry);
	add(q->ctrlr, &entry);
}

void nvmf_request_fail(struct nvmf_request *req, uint16_t status, uint16_t param_error_location)
{
	nvmf_error_log(req, status, param_error_location);
	nvmf_request_complete(req, status);
}

/* Errors without an entry leave gaps, which hold what was there before: told by its number. */
void nvmf_error_log_fill(const struct nvmf_ctrlr *c, struct nvme_error_entry *page)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MIN(c->nerrors, NVMF_ERROR_LOG_ENTRIES); i++) {
		uint64_t number = c->nerrors - i;
		const struct nvme_error_entry *e =
			&c->errors[(number - 1) % NVMF_ERROR_LOG_ENTRIES];

		if (e->error_count == number)
			page[n++] = *e;
	}
}
