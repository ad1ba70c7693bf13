/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control as DCQCN has it: a receiver of marked packets tells the sender
 * (CNP), which cuts its rate by a share alpha that follows how often it is told, and
 * raises it again: half-way to the rate it had, five times, then that rate itself by
 * steps. Integers only. A queue pair that was never told has no limit and costs nothing.
 */
#include "hw/roce/qp.h"

#define CNP_EVERY_NS 50000
#define ALPHA_EVERY_NS 55000
#define RAISE_EVERY_NS 55000
#define ALPHA_ONE 65536u
#define ALPHA_SHIFT 8			/* g = 1/256 */
#define LINE_RATE UINT64_C(12500000000) /* bytes a second; from there on there is no limit */
#define MIN_RATE UINT64_C(1250000)
#define STEP_RATE UINT64_C(5000000)
#define RECOVERY_STAGES 5
/* Sent ahead of the rate: a reactor comes by that often at most, and not for each packet. */
#define AHEAD_NS 20000

bool roce_dcqcn_marked(struct roce_qp *qp, uint64_t now)
{
	struct roce_dcqcn *cc = &qp->cc;

	if (cc->cnp_sent_at > 0 && now < cc->cnp_sent_at + CNP_EVERY_NS)
		return false;
	cc->cnp_sent_at = now;
	cc->owe_cnp = true;
	return true;
}

void roce_dcqcn_cnp(struct roce_qp *qp, uint64_t now)
{
	struct roce_dcqcn *cc = &qp->cc;

	if (!qp->shard->dev->params.dcqcn)
		return;
	if (cc->rate == 0) {
		cc->rate = LINE_RATE;
		cc->alpha = ALPHA_ONE;
	}
	cc->target = cc->rate;
	cc->rate -= cc->rate / (2 * (uint64_t)ALPHA_ONE) * cc->alpha;
	cc->rate = MAX(cc->rate, MIN_RATE);
	cc->alpha += (ALPHA_ONE - cc->alpha) >> ALPHA_SHIFT;
	cc->stage = 0;
	cc->alpha_at = now + ALPHA_EVERY_NS;
	cc->raise_at = now + RAISE_EVERY_NS;
}

void roce_dcqcn_sent(struct roce_qp *qp, uint32_t len, uint64_t now)
{
	struct roce_dcqcn *cc = &qp->cc;

	if (cc->rate == 0)
		return;
	cc->busy_until = MAX(cc->busy_until, now) + len * UINT64_C(1000000000) / cc->rate;
	cc->next_send = cc->busy_until > now + AHEAD_NS ? cc->busy_until - AHEAD_NS : 0;
}

static void speed_up(struct roce_qp *qp, uint64_t now)
{
	struct roce_dcqcn *cc = &qp->cc;

	if (cc->stage++ >= RECOVERY_STAGES)
		cc->target += STEP_RATE;
	cc->rate = (cc->rate + cc->target) / 2;
	cc->raise_at = now + RAISE_EVERY_NS;
	if (cc->target < LINE_RATE || cc->rate < LINE_RATE - STEP_RATE)
		return;
	cc->rate = cc->busy_until = cc->next_send = 0;
	roce_qp_ready(qp); /* it may have waited for next_send */
}

void roce_dcqcn_timer(struct roce_qp *qp, uint64_t now)
{
	struct roce_dcqcn *cc = &qp->cc;

	if (cc->rate == 0)
		return;
	if (cc->alpha_at <= now) {
		cc->alpha -= cc->alpha >> ALPHA_SHIFT;
		cc->alpha_at = now + ALPHA_EVERY_NS;
	}
	if (cc->raise_at <= now)
		speed_up(qp, now);
	if (cc->next_send > 0 && cc->next_send <= now) {
		cc->next_send = 0;
		roce_qp_ready(qp);
	}
}

uint64_t roce_dcqcn_deadline(const struct roce_qp *qp)
{
	const struct roce_dcqcn *cc = &qp->cc;
	uint64_t at;

	if (cc->rate == 0 || qp->state != IBV_QPS_RTS)
		return HW_NEVER;
	at = MIN(cc->alpha_at, cc->raise_at);
	return cc->next_send > 0 ? MIN(at, cc->next_send) : at;
}
