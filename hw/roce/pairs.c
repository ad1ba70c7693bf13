/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue pairs of a shard by number, by timer, and in the order of their turns.
 *
 * A number is shard + nshards * (place + nslots * generation), above 1: a place is
 * used again as late as possible, and with another generation, so that packets of a
 * queue pair that has gone find nobody.
 */
#include <errno.h>
#include <string.h>

#include "hw/roce/shard.h"

/* --- numbers -------------------------------------------------------------------------- */

static uint32_t place_of(const struct roce_shard *shard, uint32_t qpn)
{
	return qpn / shard->dev->params.nshards % shard->qps->nslots;
}

static uint32_t number_for(struct roce_shard *shard, uint32_t place)
{
	struct roce_shard_qps *q = shard->qps;
	uint64_t n = shard->dev->params.nshards;
	uint64_t cycle = (ROCE_QPN_MASK + UINT64_C(1)) / (n * q->nslots);
	uint32_t qpn;

	do
		qpn = (uint32_t)(shard->index +
				 n * (place + (uint64_t)q->nslots * (q->generation++ % cycle)));
	while (qpn <= 16);
	return qpn;
}

struct roce_qp *roce_qp_find(const struct roce_shard *shard, uint32_t qpn)
{
	struct roce_qp *qp = shard->qps->slots[place_of(shard, qpn)];

	return qp && qp->qpn == qpn ? qp : NULL;
}

/* SplitMix64: one number of the device's seed, whoever asks. */
static uint64_t mixed(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

int roce_qp_register(struct roce_qp *qp)
{
	struct roce_shard *shard = qp->shard;
	struct roce_shard_qps *q = shard->qps;

	for (uint32_t n = 1; n <= q->nslots; n++) {
		uint32_t place = (q->last_slot + n) % q->nslots;

		if (q->slots[place])
			continue;
		q->last_slot = place;
		q->slots[place] = qp;
		q->used++;
		qp->slot = place;
		qp->qpn = number_for(shard, place);
		qp->first_psn = (uint32_t)mixed(shard->dev->params.seed ^ qp->qpn) & ROCE_PSN_MASK;
		if (hw_fault(shard->dev->params.hw, "roce.psn")) /* they soon begin anew */
			qp->first_psn |= ROCE_PSN_MASK & ~UINT32_C(0x7f);
		return 0;
	}
	return -ENOMEM;
}

/* --- turns ------------------------------------------------------------------------------ */

void roce_qp_ready(struct roce_qp *qp)
{
	struct roce_shard_qps *q = qp->shard->qps;

	if (qp->ready)
		return;
	/* The first may have come from outside of a pass. */
	if (!q->ready)
		qp->shard->dev->binding->ops->wake(qp->shard->dev->binding, qp->shard->index);
	qp->ready = true;
	qp->ready_next = NULL;
	*q->ready_last = qp;
	q->ready_last = &qp->ready_next;
}

struct roce_qp *roce_next_ready(struct roce_shard *shard)
{
	struct roce_shard_qps *q = shard->qps;
	struct roce_qp *qp = q->ready;

	if (!qp)
		return NULL;
	q->ready = qp->ready_next;
	if (!q->ready)
		q->ready_last = &q->ready;
	qp->ready = false;
	return qp;
}

static void leave_turns(struct roce_qp *qp)
{
	struct roce_shard_qps *q = qp->shard->qps;
	struct roce_qp **at = &q->ready;

	if (!qp->ready)
		return;
	while (*at != qp)
		at = &(*at)->ready_next;
	*at = qp->ready_next;
	if (!*at)
		q->ready_last = at;
}

/* --- timers: a binary heap ------------------------------------------------------------------ */

static void put(struct roce_shard_qps *q, uint32_t at, struct roce_qp *qp)
{
	q->heap[at] = qp;
	qp->heap = at + 1;
}

static void sift_up(struct roce_shard_qps *q, uint32_t at, struct roce_qp *qp)
{
	while (at > 0 && q->heap[(at - 1) / 2]->timer > qp->timer) {
		put(q, at, q->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(q, at, qp);
}

static void sift_down(struct roce_shard_qps *q, uint32_t at, struct roce_qp *qp)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= q->nheap)
			break;
		if (child + 1 < q->nheap && q->heap[child + 1]->timer < q->heap[child]->timer)
			child++;
		if (q->heap[child]->timer >= qp->timer)
			break;
		put(q, at, q->heap[child]);
		at = child;
	}
	put(q, at, qp);
}

static void leave_heap(struct roce_qp *qp)
{
	struct roce_shard_qps *q = qp->shard->qps;
	uint32_t at = qp->heap - 1;
	struct roce_qp *last;

	if (qp->heap == 0)
		return;
	qp->heap = 0;
	last = q->heap[--q->nheap];
	if (last == qp)
		return;
	put(q, at, last);
	if (at > 0 && q->heap[(at - 1) / 2]->timer > last->timer)
		sift_up(q, at, last);
	else
		sift_down(q, at, last);
}

static void enter_heap(struct roce_qp *qp)
{
	struct roce_shard_qps *q = qp->shard->qps;

	if (q->nheap == q->heap_room) {
		q->heap_room = MAX(16, 2 * q->heap_room);
		q->heap = g_renew(struct roce_qp *, q->heap, q->heap_room);
	}
	sift_up(q, q->nheap++, qp);
}

uint64_t roce_qp_deadline(const struct roce_qp *qp)
{
	return MIN(roce_requester_deadline(qp), roce_dcqcn_deadline(qp));
}

void roce_qp_retime(struct roce_qp *qp)
{
	leave_heap(qp);
	qp->timer = roce_qp_deadline(qp);
	if (qp->timer != HW_NEVER)
		enter_heap(qp);
}

/*
 * The heap may say earlier than it is, never later: an ACK timeout that moves on with
 * every packet costs nothing until it would have come.
 */
void roce_qp_timer(struct roce_qp *qp)
{
	if (roce_qp_deadline(qp) < qp->timer)
		roce_qp_retime(qp);
}

struct roce_qp *roce_first_timer(const struct roce_shard *shard)
{
	return shard->qps->nheap > 0 ? shard->qps->heap[0] : NULL;
}

void roce_qp_unregister(struct roce_qp *qp)
{
	struct roce_shard_qps *q = qp->shard->qps;

	leave_turns(qp);
	leave_heap(qp);
	q->slots[qp->slot] = NULL;
	q->used--;
}
