/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keep-alive with traffic (base 2.0, 3.9.4.2): once a timeout, see whether any
 * queue of the controller got a command since the last look. A host that is
 * silent is found after one to two timeouts.
 */
#include "target/core/trace.h"
#include "target/nvmf/admin.h"

#define NS_PER_MS UINT64_C(1000000)

/* Wraps around; only a difference means something. A queue that has left adds what it had. */
static uint32_t activity_of(const struct nvmf_ctrlr *c)
{
	uint32_t sum = c->activity_gone;
	unsigned left = c->nqueues;

	if (c->admin != NULL)
		sum += atomic_load_explicit(&c->admin->activity, memory_order_relaxed);
	for (unsigned qid = 1; qid <= c->max_qid && left > 0; qid++) {
		if (c->queues[qid] == NULL)
			continue;
		sum += atomic_load_explicit(&c->queues[qid]->activity, memory_order_relaxed);
		left--;
	}
	return sum;
}

/* At least min_kato_ms, and a multiple of the granularity that Identify tells (KAS). */
static uint32_t round_kato(const struct nvmf_ctrlr *c, uint32_t kato_ms)
{
	const struct nvmf_transport_options *o = &c->transport->options;
	uint64_t unit = o->kas != 0 ? o->kas * UINT64_C(100) : 1;
	uint64_t ms = MAX(kato_ms, o->min_kato_ms);

	ms = (ms + unit - 1) / unit * unit;
	return ms <= UINT32_MAX ? (uint32_t)ms : (uint32_t)(UINT32_MAX / unit * unit);
}

static void arm(struct nvmf_ctrlr *c)
{
	c->activity = activity_of(c);
	reactor_timer_set(c->owner, &c->kato_timer, c->owner->now + c->kato_ms * NS_PER_MS);
}

static void check(struct timer *t, struct reactor *r)
{
	struct nvmf_ctrlr *c =
		(struct nvmf_ctrlr *)((char *)t - offsetof(struct nvmf_ctrlr, kato_timer));
	char host[NVME_NQN_FIELD * 2];

	if (activity_of(c) != c->activity) {
		arm(c);
		return;
	}
	log_warn(r->core->log, "nvmf", "keep-alive timeout, controller ended",
		 "subnqn=%s hostnqn=%s cntlid=%u kato_ms=%u", c->subsystem->nqn,
		 log_quote(c->hostnqn, host, sizeof(host)), c->cntlid, c->kato_ms);
	trace_write(r->trace, TRACE_KEEP_ALIVE_EXPIRED, c->cntlid, 0);
	nvmf_ctrlr_kill(c);
}

void nvmf_keep_alive_stop(struct nvmf_ctrlr *c)
{
	reactor_timer_cancel(c->owner, &c->kato_timer);
}

void nvmf_keep_alive_start(struct nvmf_ctrlr *c, uint32_t kato_ms)
{
	nvmf_keep_alive_stop(c);
	c->kato_ms = kato_ms != 0 ? round_kato(c, kato_ms) : 0;
	timer_init(&c->kato_timer, check);
	if (c->kato_ms != 0)
		arm(c);
}
