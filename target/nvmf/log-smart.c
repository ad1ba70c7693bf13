/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SMART / Health Information log (base 2.0, 5.16.1.3), of the subsystem or of
 * one namespace: what hosts have read and written since the target started.
 *
 * The counts are each reactor's own. They are collected by the main reactor; the
 * request may travel, since its queue, and so the controller and its subsystem,
 * waits for it. There is no media that wears and no sensor.
 */
#include <string.h>

#include "target/nvmf/admin.h"
#include "target/nvmf/fence.h"
#include "target/nvmf/tgt.h"

#define SPARE 100	  /* percent */
#define DATA_UNIT 512000u /* bytes */
#define NS_PER_HOUR (3600 * UINT64_C(1000000000))
#define WARNING_TEMPERATURE 0x02

struct smart {
	struct nvmf_request *req;
	struct nvmf_log_range range;
	uint32_t nsid; /* 0: all */
	struct nvmf_ns_counts counts[CORE_MAX_REACTORS];
};

/* A host's data units are also what was read to compare or verify. */
static void add(struct nvmf_ns_counts *sum, const struct nvmf_ns_group *ng)
{
	nvmf_ns_counts_add(sum, &ng->counts);
	sum->ops[BDEV_READ] += ng->scans.ops;
	sum->bytes[BDEV_READ] += ng->scans.bytes;
}

/* Fields of 16 bytes; the upper half stays zero. */
static void put(uint8_t field[16], uint64_t value)
{
	memcpy(field, &value, sizeof(value));
}

static void fill(const struct nvmf_ctrlr *c, const struct nvmf_ns_counts *sum,
		 struct nvme_smart_log *log)
{
	uint16_t kelvin = NVMF_TEMPERATURE;

	log->critical_warning = nvmf_temperature_exceeded(c) ? WARNING_TEMPERATURE : 0;
	memcpy(log->temperature, &kelvin, sizeof(kelvin));
	log->spare = SPARE;
	put(log->units_read, (sum->bytes[BDEV_READ] + DATA_UNIT - 1) / DATA_UNIT);
	put(log->units_written, (sum->bytes[BDEV_WRITE] + DATA_UNIT - 1) / DATA_UNIT);
	put(log->reads, sum->ops[BDEV_READ]);
	put(log->writes, sum->ops[BDEV_WRITE]);
	put(log->power_cycles, 1);
	put(log->power_on_hours, (c->owner->now - c->tgt->started) / NS_PER_HOUR);
	put(log->media_errors, sum->media_errors);
	put(log->error_entries, c->nerrors);
}

/* At the owner again. */
static void answer(struct reactor *r, void *arg)
{
	g_autofree struct smart *s = arg;
	struct nvmf_ctrlr *c = s->req->qpair->ctrlr;
	struct nvme_smart_log *log = g_new0(struct nvme_smart_log, 1);

	(void)r;
	for (unsigned i = 1; i < c->tgt->core->nreactors; i++)
		nvmf_ns_counts_add(&s->counts[0], &s->counts[i]);
	fill(c, &s->counts[0], log);
	if (nvmf_log_reply(s->req, log, sizeof(*log), &s->range) && !s->range.keep)
		nvmf_ctrlr_notice_read(c, NVMF_NOTICE_TEMPERATURE);
}

static void collected(void *arg)
{
	struct smart *s = arg;

	core_call(s->req->qpair->ctrlr->owner, answer, s);
}

static void collect(struct reactor *r, void *arg)
{
	struct smart *s = arg;
	const struct nvmf_ctrlr *c = s->req->qpair->ctrlr;
	struct nvmf_group *g = nvmf_group_of(c->tgt, r);
	const struct nvmf_sgroup *sg = g_ptr_array_index(g->sgroups, c->subsystem->index);

	for (uint32_t i = 0; i < sg->max_namespaces; i++) {
		if (s->nsid == 0 || s->nsid == i + 1)
			add(&s->counts[r->index], &sg->ns[i]);
	}
	for (const struct nvmf_fence_part *p = sg->parts; p != NULL; p = p->next) {
		if (s->nsid == 0 || p->root == &sg->ns[s->nsid - 1])
			add(&s->counts[r->index], &p->ng);
	}
}

static void on_main(struct reactor *r, void *arg)
{
	core_broadcast(r->core, collect, collected, arg);
}

void nvmf_smart_log(struct nvmf_request *req, const struct nvmf_log_range *range)
{
	struct smart *s = g_new0(struct smart, 1);

	s->req = req;
	s->range = *range;
	s->nsid = req->cmd.nsid == NVME_NSID_ALL ? 0 : req->cmd.nsid;
	core_call(core_main(req->qpair->reactor->core), on_main, s);
}
