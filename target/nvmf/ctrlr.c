/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a controller: made and registered on the main reactor, living on
 * its owner's, taken off the registry again on the main one.
 */
#include "target/nvmf/ctrlr.h"

#include <string.h>

#include "target/core/trace.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

const char *const nvmf_ctrlr_state_names[NVMF_CTRLR_STATES] = {
	[NVMF_CTRLR_NEW] = "new",
	[NVMF_CTRLR_LIVE] = "live",
	[NVMF_CTRLR_DELETING] = "deleting",
	[NVMF_CTRLR_GONE] = "gone",
};

static const uint8_t edges[NVMF_CTRLR_STATES] = {
	[NVMF_CTRLR_NEW] = 1 << NVMF_CTRLR_LIVE | 1 << NVMF_CTRLR_DELETING,
	[NVMF_CTRLR_LIVE] = 1 << NVMF_CTRLR_DELETING,
	[NVMF_CTRLR_DELETING] = 1 << NVMF_CTRLR_GONE,
};

void nvmf_ctrlr_set_state(struct nvmf_ctrlr *c, enum nvmf_ctrlr_state state)
{
	g_assert(edges[c->state] & 1 << state);
	trace_write(c->owner->trace, TRACE_CTRLR_STATE, c->cntlid, (uint64_t)c->state << 8 | state);
	c->state = state;
}

/* --- main reactor ---------------------------------------------------------------------- */

/* The next free controller id of the subsystem's range; 0: none. *place: where it sorts. */
static uint16_t new_cntlid(struct nvmf_subsystem *s, unsigned *place)
{
	GPtrArray *ctrlrs = s->priv->ctrlrs;
	unsigned range = s->max_cntlid - s->min_cntlid + 1u;
	uint16_t id = s->priv->next_cntlid;
	unsigned i = 0;

	if (ctrlrs->len >= range)
		return 0;
	if (id < s->min_cntlid || id > s->max_cntlid)
		id = s->min_cntlid;
	while (i < ctrlrs->len && ((struct nvmf_ctrlr *)g_ptr_array_index(ctrlrs, i))->cntlid < id)
		i++;
	while (i < ctrlrs->len && ((struct nvmf_ctrlr *)g_ptr_array_index(ctrlrs, i))->cntlid == id) {
		i++;
		if (id++ == s->max_cntlid) {
			id = s->min_cntlid;
			i = 0;
		}
	}
	*place = i;
	s->priv->next_cntlid = (uint16_t)(id + 1);
	return id;
}

/* The address as the host asked for it, also where the listener is a wildcard. */
static void set_listen(struct nvmf_trid *trid, const struct nvmf_transport *t,
		       const struct net_addr *local)
{
	g_strlcpy(trid->trtype, t->ops->name, sizeof(trid->trtype));
	g_strlcpy(trid->adrfam, local->family == NET_INET6 ? "IPv6" : "IPv4", sizeof(trid->adrfam));
	net_addr_host(local, trid->traddr);
	g_snprintf(trid->trsvcid, sizeof(trid->trsvcid), "%u", local->port);
	trid->addr = *local;
}

struct nvmf_ctrlr *nvmf_ctrlr_new(struct nvmf_subsystem *s, struct nvmf_qpair *q,
				  const struct nvme_connect_data *data, const struct net_addr *local)
{
	struct nvmf_ctrlr *c;
	unsigned place = 0;
	uint16_t cntlid = new_cntlid(s, &place);

	if (cntlid == 0)
		return NULL;
	c = g_new0(struct nvmf_ctrlr, 1);
	c->tgt = s->tgt;
	c->subsystem = s;
	c->transport = q->transport;
	c->portid = q->portid;
	set_listen(&c->listen, q->transport, local);
	c->owner = q->transport->ops->pinned ? q->reactor : nvmf_tgt_home(s->tgt, cntlid);
	c->discovery = s->subtype == NVMF_SUBTYPE_DISCOVERY;
	c->cntlid = cntlid;
	c->max_qid = c->discovery ? 0 : q->transport->options.max_io_qpairs_per_ctrlr;
	g_strlcpy(c->hostnqn, data->hostnqn, sizeof(c->hostnqn));
	memcpy(c->hostid, data->hostid, sizeof(c->hostid));
	c->queues = g_new0(struct nvmf_qpair *, c->max_qid + 1u);
	if (!c->discovery) {
		c->ana = nvmf_ana_ref(nvmf_listener_of(s, c->portid)->ana);
		nvmf_ctrlr_show_all(c);
	}
	c->nssro = s->priv->was_reset;
	c->state = NVMF_CTRLR_NEW;
	g_ptr_array_insert(s->priv->ctrlrs, (int)place, c);
	nvmf_event(s, NVMF_EVENT_CTRLR_CONNECT, "cntlid=%u host=%s", cntlid, c->hostnqn);
	return c;
}

static void free_ctrlr(struct reactor *r, void *arg)
{
	struct nvmf_ctrlr *c = arg;

	(void)r;
	nvmf_ana_unref(c->ana);
	g_free((void *)c->visible);
	g_free(c->queues);
	g_free(c);
}

static void unregister(struct reactor *r, void *arg)
{
	struct nvmf_ctrlr *c = arg;

	(void)r;
	g_ptr_array_remove(c->subsystem->priv->ctrlrs, c);
	nvmf_event(c->subsystem, NVMF_EVENT_CTRLR_DISCONNECT, "cntlid=%u host=%s", c->cntlid,
		   c->hostnqn);
	nvmf_subsystem_ctrlr_gone(c->subsystem, c);
	core_call(c->owner, free_ctrlr, c);
}

/* --- owner ------------------------------------------------------------------------------- */

static void kill_queue(struct reactor *r, void *arg)
{
	(void)r;
	nvmf_qpair_kill(arg);
}

static void kill_io_queues(struct nvmf_ctrlr *c)
{
	for (unsigned qid = 1; qid <= c->max_qid && c->nqueues != 0; qid++) {
		struct nvmf_qpair *q = c->queues[qid];

		if (q == NULL)
			continue;
		/* One of this reactor may be freed before a message comes through. */
		if (q->reactor == c->owner)
			nvmf_qpair_kill(q);
		else
			core_call(q->reactor, kill_queue, q);
	}
}

static void check_gone(struct nvmf_ctrlr *c)
{
	if (c->state != NVMF_CTRLR_DELETING || c->nqueues != 0 || c->admin != NULL)
		return;
	nvmf_ctrlr_set_state(c, NVMF_CTRLR_GONE);
	g_ptr_array_remove(c->group->ctrlrs, c);
	core_call(core_main(c->tgt->core), unregister, c);
}

void nvmf_ctrlr_kill(struct nvmf_ctrlr *c)
{
	if (c->state == NVMF_CTRLR_NEW) {
		/* Its admin queue is on the way here, and will find this. */
		nvmf_ctrlr_set_state(c, NVMF_CTRLR_DELETING);
		return;
	}
	if (c->state != NVMF_CTRLR_LIVE)
		return;
	nvmf_ctrlr_set_state(c, NVMF_CTRLR_DELETING);
	nvmf_ctrlr_fini(c);
	kill_io_queues(c);
	if (c->admin != NULL)
		nvmf_qpair_kill(c->admin);
	check_gone(c);
}

void nvmf_ctrlr_kill_io_queues(struct nvmf_ctrlr *c)
{
	c->disabling = true;
	kill_io_queues(c);
	if (c->nqueues == 0) {
		c->disabling = false;
		nvmf_ctrlr_io_queues_gone(c);
	}
}

void nvmf_ctrlr_forget_queue(struct nvmf_ctrlr *c, struct nvmf_qpair *q)
{
	if (q == c->admin) {
		c->admin = NULL;
	} else {
		g_assert(c->queues[q->qid] == q);
		c->queues[q->qid] = NULL;
		c->nqueues--;
		c->activity_gone += atomic_load_explicit(&q->activity, memory_order_relaxed);
		if (c->nqueues == 0 && c->disabling) {
			c->disabling = false;
			nvmf_ctrlr_io_queues_gone(c);
		}
	}
	check_gone(c);
}
