/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is looked at while a run goes on: the targets' trace records (edges of
 * state machines, keep-alive), what P has found, and the namespaces that
 * subsystems have and hosts see.
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/core/trace.h"
#include "target/nvmf/tgt.h"

#define TICK (20 * WORLD_MS)
#define KATO_SLACK (500 * WORLD_MS)
/* A target notices at once; after a C2HTermReq it waits for a second. */
#define ENDED_BOUND (5 * WORLD_SEC)

/* --- oracle S -------------------------------------------------------------------------------- */

/* A copy of what the headers of target/nvmf promise, from state to state. */
static const uint8_t qpair_edges[] = { 1 << 1 | 1 << 3, 1 << 0 | 1 << 2 | 1 << 3, 1 << 3, 1 << 4,
				       0 };
static const uint8_t ctrlr_edges[] = { 1 << 1 | 1 << 2, 1 << 2, 1 << 3, 0 };
static const uint8_t ns_edges[] = { 1 << 1, 1 << 0 | 1 << 2, 1 << 0 | 1 << 1 };

static const char *const ns_names[] = { "none", "active", "draining" };

static void edge(struct run *run, const char *machine, const uint8_t *edges, unsigned n,
		 const char *const *names, const struct trace_record *rec)
{
	unsigned from = (unsigned)(rec->b >> 8), to = (unsigned)(rec->b & 0xff);
	g_autofree char *name = NULL;

	if (from >= n || to >= n || !(edges[from] >> to & 1)) {
		run_fail(run, RUN_SAFETY, "S", "%s went from state %u to %u", machine, from, to);
		return;
	}
	name = g_strdup_printf("edge.%s.%s-%s", machine, names[from], names[to]);
	counts_add(run->counts, name, 1);
	run_trigger(run, name + strlen("edge."));
}

static void list_edges(struct counts *counts, const char *machine, const uint8_t *edges, unsigned n,
		       const char *const *names)
{
	for (unsigned from = 0; from < n; from++) {
		for (unsigned to = 0; to < n; to++) {
			g_autofree char *name =
				g_strdup_printf("edge.%s.%s-%s", machine, names[from], names[to]);

			if (edges[from] >> to & 1)
				counts_add(counts, name, 0);
		}
	}
}

/* Marks and fault points of the target's and the host's code, so that those never met show. */
static void list_marks(struct counts *counts)
{
	static const char *const names[] = {
		"mark.connect.moved",	       "mark.connect.admitted",
		"mark.connect.kill_wanted",    "mark.tcp.moved_paused",
		"mark.io.gone_while_waiting",  "mark.keep_alive.expired",
		"fault.point.buf.get",	       "fault.point.buf.give",
		"fault.point.mem.alloc",       "fault.point.reactor.messages",
		"fault.point.tcp.accept",      "fault.point.tcp.requests",
		"fault.point.host.queue_full", "fault.aimed",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		counts_add(counts, names[i], 0);
}

void run_list_all(struct counts *counts)
{
	list_marks(counts);
	for (unsigned i = 0; i < SCN_F_KINDS; i++) {
		g_autofree char *name = g_strdup_printf("fault.%s", scn_fault_names[i]);

		if (i != SCN_F_POINT)
			counts_add(counts, name, 0);
	}
	counts_add(counts, "fault.corrupt", 0);
	list_edges(counts, "qpair", qpair_edges, NVMF_QPAIR_STATES, nvmf_qpair_state_names);
	list_edges(counts, "ctrlr", ctrlr_edges, NVMF_CTRLR_STATES, nvmf_ctrlr_state_names);
	list_edges(counts, "ns", ns_edges, G_N_ELEMENTS(ns_edges), ns_names);
}

/* --- oracle T: keep-alive ----------------------------------------------------------------------
 */

/* Keep-alive time as the target keeps it: a multiple of what Identify says (KAS), no less than its
 * least. */
static uint64_t kato_of(const struct run_host *h)
{
	struct nvmf_transport *t = nvmf_transport_find(h->target->target->nvmf, run_trtype(h->s));
	const struct nvmf_transport_options *o = t != NULL ? nvmf_transport_get_options(t) : NULL;
	uint64_t unit = o != NULL && o->kas > 0 ? o->kas * 100 * WORLD_MS : WORLD_MS;
	uint64_t kato = MAX(h->s->kato, o != NULL ? o->min_kato_ms * WORLD_MS : 0);

	return (kato + unit - 1) / unit * unit;
}

/* An expired controller's host must have been silent; see run_host.gone and raws for the rest. */
static void expired(struct run_target *t, uint16_t cntlid, uint64_t time)
{
	struct run *run = t->run;
	uint64_t calm = run->disturbed > 0 ? UINT64_MAX : run->calm_since;

	counts_add(run->counts, "mark.keep_alive.expired", 1);
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		if (h->target != t || !h->live || h->gone || h->ctrlr == NULL ||
		    host_ctrlr_cntlid(h->ctrlr) != cntlid)
			continue;
		/* Alive, connected and the network good for longer than that: it was heard. */
		if (calm != UINT64_MAX && calm + kato_of(h) + KATO_SLACK < time &&
		    h->live_at + kato_of(h) + KATO_SLACK < time)
			run_fail(run, RUN_SAFETY, "T",
				 "keep-alive ended controller %u of host %s, which is alive",
				 cntlid, h->s->name);
	}
}

/* --- the trace rings
 * ------------------------------------------------------------------------------ */

/* It may go and come back before anybody looks at what there is: hosts see both. */
static void touched(struct run_target *t, uint32_t nsid)
{
	for (unsigned i = 0; i < t->run->views->len; i++) {
		struct run_view *v = t->run->views->pdata[i];

		if (v->target == t)
			oracle_view_touched(v->oracle, nsid, world_now(t->run->world));
	}
}

static void look(struct run_target *t, unsigned index, const struct trace_record *rec)
{
	struct run *run = t->run;

	switch (rec->event) {
	case TRACE_QPAIR_STATE:
		edge(run, "qpair", qpair_edges, NVMF_QPAIR_STATES, nvmf_qpair_state_names, rec);
		break;
	case TRACE_CTRLR_STATE:
		edge(run, "ctrlr", ctrlr_edges, NVMF_CTRLR_STATES, nvmf_ctrlr_state_names, rec);
		break;
	case TRACE_NS_STATE:
		edge(run, "ns", ns_edges, G_N_ELEMENTS(ns_edges), ns_names, rec);
		touched(t, (uint32_t)rec->a);
		run_watch_view(run);
		break;
	case TRACE_BDEV_RESIZE:
		run_watch_view(run);
		run_trigger(run, "bdev.resize");
		break;
	case TRACE_AER:
		run_trigger(run, "aer");
		break;
	case TRACE_TCP_ACCEPT:
		run_trigger(run, "tcp.accept");
		break;
	case TRACE_RDMA_ACCEPT:
		run_rdma_accepted(t, index, (uint32_t)rec->a);
		break;
	case TRACE_KEEP_ALIVE_EXPIRED:
		expired(t, (uint16_t)rec->a, rec->time);
		break;
	default:
		break;
	}
}

static void drain_trace(struct run_target *t)
{
	for (unsigned i = 0; i < t->s->reactors; i++) {
		const struct trace *tr = t->target->core->reactors[i]->trace;

		if (tr->next - t->seen[i] > tr->mask)
			t->seen[i] = tr->next - tr->mask - 1;
		while (t->seen[i] != tr->next)
			look(t, i, &tr->ring[t->seen[i]++ & tr->mask]);
	}
}

void run_watch(struct run *run)
{
	const struct oracle_violation *v;

	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		if (!t->down)
			drain_trace(t);
	}
	if (oracle_wire_violations(run->wire, &v) > run->violations)
		run_fail(run, RUN_SAFETY, "P", "%s", v[run->violations++].text);
}

/* What P knows of a host comes from all of its connections: one that was damaged spoils the others.
 */
static void taint(struct run *run, uint16_t node)
{
	for (unsigned conn = 0; conn < run->connectors->len; conn++) {
		if (g_array_index(run->connectors, uint16_t, conn) == node)
			oracle_wire_corrupted(run->wire, conn);
	}
}

static uint16_t *connector(struct run *run, uint64_t conn)
{
	const uint16_t none = 0xffff;

	while (run->connectors->len <= conn)
		g_array_append_val(run->connectors, none);
	return &g_array_index(run->connectors, uint16_t, conn);
}

void run_watch_record(struct run *run, const struct world_record *rec)
{
	uint16_t node;

	switch (rec->kind) {
	case WORLD_SYN:
		*connector(run, rec->a) = rec->node;
		break;
	case WORLD_CONNECTED:
	case WORLD_ACCEPT:
		if (run->tainted[*connector(run, rec->a) % RUN_NODES])
			oracle_wire_corrupted(run->wire, rec->a);
		break;
	case WORLD_CORRUPT:
		if (rec->b >> 32 != 0 || rec->a & WORLD_OF_QP) /* a checksum will find it */
			break;
		node = *connector(run, rec->a >> 1);
		run->tainted[node % RUN_NODES] = true;
		taint(run, node);
		counts_add(run->counts, "fault.corrupt", 1);
		break;
	case WORLD_MARK:
	case WORLD_FAULT:
		run_trigger_name(run, rec->kind == WORLD_FAULT, rec->a);
		break;
	default:
		break;
	}
}

/* --- oracle N
 * ---------------------------------------------------------------------------------------- */

bool run_target_ns(struct run_target *t, const char *subnqn, uint32_t nsid, struct bdev **bdev)
{
	struct nvmf_subsystem *s = t->down ? NULL : nvmf_subsystem_find(t->target->nvmf, subnqn);
	const struct nvmf_ns *ns;

	if (s == NULL || nsid == 0 || nsid > s->max_namespaces)
		return false;
	ns = s->nss[nsid - 1];
	if (ns == NULL || ns->desc == NULL || ns->removing)
		return false;
	*bdev = bdev_desc_bdev(ns->desc);
	return true;
}

static void view_target(struct run_view *v, uint64_t now)
{
	for (uint32_t nsid = 1; nsid <= RUN_NSIDS; nsid++) {
		struct bdev *b = NULL;

		if (run_target_ns(v->target, v->subnqn, nsid, &b))
			oracle_view_target(v->oracle, nsid, b->num_blocks, now);
		else
			oracle_view_target(v->oracle, nsid, 0, now);
	}
}

/* Namespaces that were added with no_auto_visible are for the hosts of their list. */
static void view_allowed(struct run_host *h, uint64_t now)
{
	struct run_view *v = h->view;
	struct nvmf_subsystem *s =
		v->target->down ? NULL : nvmf_subsystem_find(v->target->target->nvmf, v->subnqn);

	for (uint32_t nsid = 1; s != NULL && nsid <= MIN(RUN_NSIDS, s->max_namespaces); nsid++) {
		const struct nvmf_ns *ns = s->nss[nsid - 1];
		bool allowed = ns == NULL || run_ns_allowed(ns, h->hostnqn);

		oracle_view_allows(v->oracle, h->index, nsid, allowed, now);
	}
}

void run_watch_view(struct run *run)
{
	uint64_t now = world_now(run->world);

	for (unsigned i = 0; i < run->views->len; i++)
		view_target(run->views->pdata[i], now);
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		if (!h->live || h->ctrlr == NULL || h->view == NULL)
			continue;
		view_allowed(h, now);
		for (uint32_t nsid = 1; nsid <= RUN_NSIDS; nsid++) {
			const struct host_ns *ns = host_ctrlr_ns(h->ctrlr, nsid);

			run_violation(run, "N",
				      oracle_view_host(h->view->oracle, h->index, nsid,
						       ns != NULL ? ns->blocks : 0, now));
		}
	}
	run_paths_look(run);
	run_watch_hears(run);
}

void run_watch_hears(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		bool hears = h->live && !h->gone && !run_host_is_left(h) && run_is_calm(run);

		if (h->view != NULL)
			oracle_view_hears(h->view->oracle, h->index, hears, world_now(run->world));
		oracle_paths_hears(run->paths, h->index, hears, world_now(run->world));
	}
}

/* A queue pair waits a second for the goodbye of its host. */
static uint64_t close_of(const struct run_host *h)
{
	return h->s->trtype == HOST_RDMA ? WORLD_SEC : 0;
}

/* A vanished host's controllers must have gone after twice its keep-alive time. */
static void check_vanished(struct run *run, uint64_t now)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		const struct run_host *h = run->hosts->pdata[i];

		if (h->gone && h->s->kato > 0 && !h->target->down &&
		    MAX(h->gone_at, run->calm_since) + 2 * kato_of(h) + KATO_SLACK + close_of(h) <
			    now &&
		    run->disturbed == 0 && run_ctrlrs_of_host(h) > 0)
			run_fail(run, RUN_LIVENESS, "T",
				 "host %s has been gone for more than twice its keep-alive time, "
				 "and its controller is still there",
				 h->s->name);
	}
}

/* No target keeps a connection whose end it has been told of. */
static void check_ended(struct run *run, uint64_t now)
{
	for (unsigned i = 0; run->phase == RUN_HEALED && run_is_calm(run) && i < run->targets->len;
	     i++) {
		const struct run_target *t = run->targets->pdata[i];
		uint64_t since = t->down ? HW_NEVER : world_net_ended(t->node);

		counts_add(run->counts, "rule.R.ended", 1);
		if (since != HW_NEVER &&
		    MAX(since, run_at(run, run->s->heal_at)) + ENDED_BOUND < now)
			run_fail(run, RUN_LIVENESS, "R",
				 "%s keeps a connection that its host ended %" G_GUINT64_FORMAT
				 " ms ago",
				 t->s->name, (now - since) / WORLD_MS);
	}
}

static void look_around(struct run *run, uint64_t now)
{
	run_watch_view(run);
	for (unsigned i = 0; i < run->views->len; i++)
		run_violation(
			run, "N",
			oracle_view_check(((struct run_view *)run->views->pdata[i])->oracle, now));
	run_violation(run, "N", oracle_paths_check(run->paths, now));
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];
		unsigned n = run_ctrlrs_of_host(h);

		if (n == 0 || (n == 1 && h->live))
			run_ranges_fenced(run, h);
	}
}

static void tick(void *arg)
{
	struct run *run = arg;
	uint64_t now = world_now(run->world);

	if (run->phase == RUN_ENDING)
		return;
	/* Since the last tick there was but this one: what there is was looked at. */
	if (world_records(run->world) > run->ticked + 1)
		look_around(run, now);
	check_vanished(run, now);
	check_ended(run, now);
	run->ticked = world_records(run->world);
	world_at(run->world, now + TICK, tick, run);
}

void run_watch_start(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		for (unsigned j = 0; j < run->views->len && h->view == NULL; j++) {
			struct run_view *v = run->views->pdata[j];

			if (v->target == h->target && !strcmp(v->subnqn, h->s->subnqn))
				h->view = v;
		}
		if (h->view != NULL)
			continue;
		h->view = g_new0(struct run_view, 1);
		h->view->target = h->target;
		h->view->subnqn = h->s->subnqn;
		h->view->oracle = oracle_view_new(RUN_VIEW_BOUND);
		g_ptr_array_add(run->views, h->view);
	}
	tick(run);
}

void run_watch_free(struct run *run)
{
	for (unsigned i = 0; i < run->views->len; i++) {
		struct run_view *v = run->views->pdata[i];

		oracle_view_free(v->oracle);
		g_free(v);
	}
}

/* hostid NULL: any. */
static unsigned ctrlrs(struct run *run, const char *hostnqn, const uint8_t *hostid)
{
	unsigned n = 0;

	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];
		g_autoptr(GPtrArray) list =
			t->down ? g_ptr_array_new() : nvmf_subsystems(t->target->nvmf);

		for (unsigned j = 0; j < list->len; j++) {
			const struct nvmf_subsystem *s = list->pdata[j];

			for (unsigned k = 0; k < s->priv->ctrlrs->len; k++) {
				const struct nvmf_ctrlr *c = s->priv->ctrlrs->pdata[k];

				n += !strcmp(c->hostnqn, hostnqn) &&
				     (hostid == NULL || memcmp(c->hostid, hostid, 16) == 0);
			}
		}
	}
	return n;
}

unsigned run_ctrlrs_of(struct run *run, const char *hostnqn)
{
	return ctrlrs(run, hostnqn, NULL);
}

unsigned run_ctrlrs_of_host(const struct run_host *h)
{
	uint8_t hostid[16];

	run_host_id(h, hostid);
	return ctrlrs(h->run, h->hostnqn, hostid);
}

bool run_host_is_left(const struct run_host *h)
{
	return h->s->trtype == HOST_RDMA && h->s->kato > 0 && run_ctrlrs_of_host(h) == 0;
}
