/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts of I/O commands: what is not on the path of good ones, and the way to see them. */
#include <string.h>

#include "target/nvmf/fence.h"
#include "target/nvmf/io.h"
#include "target/nvmf/tgt.h"

/* --- adding up ------------------------------------------------------------------------------ */

void nvmf_counts_add(struct nvmf_counts *into, const struct nvmf_counts *from)
{
	for (unsigned i = 0; i < NVMF_KINDS; i++) {
		into->ops[i] += from->ops[i];
		latency_add(&into->latency[i], &from->latency[i]);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(into->bytes); i++)
		into->bytes[i] += from->bytes[i];
	for (unsigned i = 0; i < NVMF_ERROR_CLASSES; i++)
		into->errors[i] += from->errors[i];
}

void nvmf_counts_read(struct nvmf_counts *into, const struct nvmf_counts *from)
{
	nvmf_counts_add(into, from);
	for (unsigned i = 0; i < NVMF_KINDS; i++)
		into->latency[i].n[0] += from->ops[i] - latency_count(&from->latency[i]);
}

/* Good reads and writes are counted for the SMART log, and apart in what a fence waits for. */
void nvmf_counts_read_ns(struct nvmf_counts *into, const struct nvmf_sgroup *sg, uint32_t nsid)
{
	const struct nvmf_ns_group *ng = &sg->ns[nsid - 1];
	struct nvmf_ns_counts data = ng->counts;
	struct nvmf_counts c;

	if (ng->state == NVMF_NS_NONE)
		return;
	c = *ng->commands;
	for (const struct nvmf_fence_part *p = sg->parts; p != NULL; p = p->next) {
		if (p->root == ng)
			nvmf_ns_counts_add(&data, &p->ng.counts);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(c.bytes); i++) {
		c.ops[i] += data.ops[i];
		c.bytes[i] += data.bytes[i];
	}
	nvmf_counts_read(into, &c);
}

uint64_t nvmf_counts_done(const struct nvmf_counts *c)
{
	return c->ops[NVMF_KIND_READ] + c->ops[NVMF_KIND_WRITE] + c->ops[NVMF_KIND_OTHER];
}

uint64_t nvmf_counts_failed(const struct nvmf_counts *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < NVMF_ERROR_CLASSES; i++)
		sum += c->errors[i];
	return sum;
}

/* --- counting ------------------------------------------------------------------------------- */

static enum nvmf_error_class class_of(uint16_t status)
{
	switch (status & NVME_SCT_MASK) {
	case 0:
		return NVMF_ERRORS_GENERIC;
	case NVME_SCT_COMMAND:
		return NVMF_ERRORS_COMMAND;
	case NVME_SCT_MEDIA:
		return NVMF_ERRORS_MEDIA;
	case NVME_SCT_PATH:
		return NVMF_ERRORS_PATH;
	default:
		return NVMF_ERRORS_OTHER;
	}
}

/* A namespace that the command had nothing to do with, or that its host may not see, does not count
 * it. */
void nvmf_count_error(struct nvmf_request *req, uint16_t status)
{
	struct nvmf_qpair *q = req->qpair;
	enum nvmf_error_class class = class_of(status);
	uint32_t i = req->cmd.nsid - 1; /* 0 becomes too large */
	struct nvmf_ns_group *ng;

	q->commands.errors[class]++;
	if (q->sgroup == NULL || i >= q->sgroup->max_namespaces ||
	    req->cmd.opcode == NVME_OP_FABRICS || (status & ~NVME_DNR) == NVME_SC_INVALID_NS)
		return;
	ng = &q->sgroup->ns[i];
	if (ng->state != NVMF_NS_NONE)
		ng->commands->errors[class]++;
}

void nvmf_count(struct nvmf_request *req, struct nvmf_ns_group *ng, enum nvmf_kind kind)
{
	req->qpair->commands.ops[kind]++;
	if (ng != NULL && kind == NVMF_KIND_OTHER)
		ng->commands->ops[kind]++;
}

static void count_in(struct latency *l, unsigned bucket, uint64_t ns)
{
	if (bucket != 0)
		l->n[bucket]++;
	l->sum += ns;
}

void nvmf_count_time(struct nvmf_request *req, struct nvmf_ns_group *ng, enum nvmf_kind kind,
		     uint64_t ns)
{
	unsigned bucket = latency_bucket(ns);

	count_in(&req->qpair->commands.latency[kind], bucket, ns);
	if (ng != NULL)
		count_in(&ng->commands->latency[kind], bucket, ns);
}

/* What was there before is taken off when it is read. */
void nvmf_counts_start(struct nvmf_ns_group *ng)
{
	if (ng->commands == NULL)
		ng->commands = g_new(struct nvmf_counts, 1);
	memset(ng->commands, 0, sizeof(*ng->commands));
	for (unsigned i = 0; i < G_N_ELEMENTS(ng->commands->bytes); i++) {
		ng->commands->ops[i] = -ng->counts.ops[i];
		ng->commands->bytes[i] = -ng->counts.bytes[i];
	}
}

void nvmf_counts_leave(struct nvmf_qpair *q)
{
	if (q->sgroup == NULL)
		return;
	q->sgroup->commands_gone += nvmf_counts_done(&q->commands);
	q->sgroup->errors_gone += nvmf_counts_failed(&q->commands);
}

void nvmf_counts_free(struct nvmf_sgroup *sg)
{
	for (uint32_t i = 0; i < sg->max_namespaces; i++)
		g_free(sg->ns[i].commands);
}

/* --- looking -------------------------------------------------------------------------------- */

const struct nvmf_sgroup *nvmf_counts_sgroup(struct nvmf_tgt *tgt, struct reactor *r,
					     uint32_t index, const char *nqn)
{
	const GPtrArray *all = nvmf_group_of(tgt, r)->sgroups;
	const struct nvmf_sgroup *sg = index < all->len ? all->pdata[index] : NULL;

	return sg != NULL && strcmp(sg->subsystem->nqn, nqn) == 0 ? sg : NULL;
}

struct nvmf_subsystem *nvmf_subsystem_at(struct nvmf_tgt *tgt, uint32_t index, uint32_t *end)
{
	struct nvmf_subsystem *s =
		index < tgt->subsystems->len ? tgt->subsystems->pdata[index] : NULL;

	*end = tgt->subsystems->len;
	return s != NULL && !s->deleting ? s : NULL;
}

uint64_t nvmf_discovery_generation(const struct nvmf_tgt *tgt)
{
	return tgt->genctr;
}

/* Of one that is GONE the controller may be gone too, and its counts are with the subsystem. */
static bool is_connected(const struct nvmf_qpair *q)
{
	return q->sgroup != NULL && q->ctrlr != NULL &&
	       (q->state == NVMF_QPAIR_ENABLED || q->state == NVMF_QPAIR_DEACTIVATING);
}

bool nvmf_walk_queues(struct nvmf_tgt *tgt, struct reactor *r, bool again, unsigned max,
		      void (*each)(const struct nvmf_qpair *q, void *arg), void *arg)
{
	struct nvmf_group *g = nvmf_group_of(tgt, r);

	if (!again)
		g->walk = g->qpairs;
	for (unsigned n = 0; n < max && g->walk != NULL; n++) {
		const struct nvmf_qpair *q = g->walk;

		g->walk = q->next;
		if (is_connected(q))
			each(q, arg);
	}
	return g->walk != NULL;
}
