/* SPDX-License-Identifier: BSD-3-Clause */
/* What is connected, collected from all reactors for whoever asks. */
#include <string.h>

#include "target/nvmf/tgt.h"

struct collect {
	struct nvmf_tgt *tgt;
	struct nvmf_subsystem *s;
	GArray *ctrlrs[CORE_MAX_REACTORS];
	GArray *qpairs[CORE_MAX_REACTORS];
	struct nvmf_group_stats *stats;
	void (*done)(void *arg, const struct nvmf_ctrlr_info *ctrlrs, unsigned nctrlrs,
		     const struct nvmf_qpair_info *qpairs, unsigned nqpairs);
	void (*stats_done)(void *arg, const struct nvmf_group_stats *stats, unsigned n);
	void *arg;
};

static void add_ctrlrs(struct collect *col, struct nvmf_group *g, GArray *out)
{
	for (unsigned i = 0; i < g->ctrlrs->len; i++) {
		const struct nvmf_ctrlr *c = g_ptr_array_index(g->ctrlrs, i);
		struct nvmf_ctrlr_info info = { .cntlid = c->cntlid, .discovery = c->discovery };

		if (c->subsystem != col->s)
			continue;
		g_strlcpy(info.hostnqn, c->hostnqn, sizeof(info.hostnqn));
		memcpy(info.hostid, c->hostid, sizeof(info.hostid));
		info.num_io_qpairs = c->nqueues;
		g_array_append_val(out, info);
	}
}

static void add_qpairs(struct collect *col, struct nvmf_group *g, GArray *out)
{
	for (struct nvmf_qpair *q = g->qpairs; q != NULL; q = q->next) {
		struct nvmf_qpair_info info = { .qid = q->qid, .reactor = g->reactor->index };

		/* Of one that is GONE the controller may be freed already. */
		if (q->state == NVMF_QPAIR_GONE || q->ctrlr == NULL ||
		    q->ctrlr->subsystem != col->s)
			continue;
		info.cntlid = q->ctrlr->cntlid;
		info.state = nvmf_qpair_state_names[q->state];
		g_strlcpy(info.hostnqn, q->ctrlr->hostnqn, sizeof(info.hostnqn));
		info.listen = q->ctrlr->listen;
		q->ops->qpair_peer(q, &info.peer);
		g_array_append_val(out, info);
	}
}

static void collect_each(struct reactor *r, void *arg)
{
	struct collect *col = arg;
	struct nvmf_group *g = nvmf_group_of(col->tgt, r);

	if (col->stats != NULL) {
		col->stats[r->index] = g->stats;
		for (unsigned i = 0; i < col->tgt->transports->len; i++) {
			struct nvmf_transport *t = g_ptr_array_index(col->tgt->transports, i);

			if (t->ops->stats != NULL)
				t->ops->stats(t, r, &col->stats[r->index]);
		}
		return;
	}
	add_ctrlrs(col, g, col->ctrlrs[r->index]);
	add_qpairs(col, g, col->qpairs[r->index]);
}

static int by_cntlid(const void *a, const void *b)
{
	const struct nvmf_ctrlr_info *x = a, *y = b;

	return (int)x->cntlid - y->cntlid;
}

static int by_cntlid_qid(const void *a, const void *b)
{
	const struct nvmf_qpair_info *x = a, *y = b;

	return x->cntlid != y->cntlid ? (int)x->cntlid - y->cntlid : (int)x->qid - y->qid;
}

static GArray *merge(GArray **parts, unsigned n)
{
	GArray *all = parts[0];

	for (unsigned i = 1; i < n; i++) {
		g_array_append_vals(all, parts[i]->data, parts[i]->len);
		g_array_unref(parts[i]);
	}
	return all;
}

static void collected(void *arg)
{
	struct collect *col = arg;
	unsigned n = col->tgt->core->nreactors;

	if (col->stats != NULL) {
		col->stats_done(col->arg, col->stats, n);
		g_free(col->stats);
	} else {
		g_autoptr(GArray) ctrlrs = merge(col->ctrlrs, n);
		g_autoptr(GArray) qpairs = merge(col->qpairs, n);

		g_array_sort(ctrlrs, by_cntlid);
		g_array_sort(qpairs, by_cntlid_qid);
		col->done(col->arg, (void *)ctrlrs->data, ctrlrs->len, (void *)qpairs->data,
			  qpairs->len);
	}
	g_free(col);
}

void nvmf_subsystem_get_connected(struct nvmf_subsystem *s,
				  void (*done)(void *arg, const struct nvmf_ctrlr_info *ctrlrs,
					       unsigned nctrlrs,
					       const struct nvmf_qpair_info *qpairs,
					       unsigned nqpairs),
				  void *arg)
{
	struct collect *col = g_new0(struct collect, 1);

	col->tgt = s->tgt;
	col->s = s;
	col->done = done;
	col->arg = arg;
	for (unsigned i = 0; i < s->tgt->core->nreactors; i++) {
		col->ctrlrs[i] = g_array_new(FALSE, FALSE, sizeof(struct nvmf_ctrlr_info));
		col->qpairs[i] = g_array_new(FALSE, FALSE, sizeof(struct nvmf_qpair_info));
	}
	core_broadcast(s->tgt->core, collect_each, collected, col);
}

void nvmf_get_stats(struct nvmf_tgt *tgt,
		    void (*done)(void *arg, const struct nvmf_group_stats *stats, unsigned n),
		    void *arg)
{
	struct collect *col = g_new0(struct collect, 1);

	col->tgt = tgt;
	col->stats = g_new0(struct nvmf_group_stats, tgt->core->nreactors);
	col->stats_done = done;
	col->arg = arg;
	core_broadcast(tgt->core, collect_each, collected, col);
}

unsigned nvmf_get_rnic_memory(struct nvmf_tgt *tgt, struct nvmf_rnic_memory *out, unsigned n)
{
	GPtrArray *transports = nvmf_transports(tgt);
	unsigned got = 0;

	for (guint i = 0; i < transports->len; i++) {
		struct nvmf_transport *t = transports->pdata[i];

		if (t->ops->rnic_memory != NULL)
			got += t->ops->rnic_memory(t, out + got, n - got);
	}
	return got;
}
