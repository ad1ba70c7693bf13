/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making a snapshot. What there is is listed on the main reactor, then one message
 * goes through the reactors in turn and adds up what each has counted, then the
 * bdevs are asked. The snapshot belongs to whoever has the message: no lock, no
 * copy. No step looks at more than METRICS_PORTION things.
 *
 * What goes away meanwhile stays in the snapshot with what was seen of it; what
 * comes meanwhile may be missing.
 */
#include <string.h>

#include "target/bdev/bdev-stats.h"
#include "target/metrics/collect.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/group.h"

static void step_subsystems(struct metrics_source *source, struct reactor *r);
static void step_namespaces(struct metrics_source *source, struct reactor *r);
static void step_bdevs(struct metrics_source *source, struct reactor *r);

static void run(struct msg *msg, struct reactor *r)
{
	struct metrics_source *source = (struct metrics_source *)msg;

	source->step(source, r);
}

static void run_task(struct task *task)
{
	struct metrics_source *source =
		(struct metrics_source *)((char *)task - offsetof(struct metrics_source, task));

	source->step(source, source->core->reactors[source->on]);
}

void metrics_go_on(struct metrics_source *source, unsigned reactor,
		   void (*step)(struct metrics_source *source, struct reactor *r))
{
	bool here = source->on == reactor;

	source->step = step;
	source->on = reactor;
	/* A message to itself would be run in this pass. */
	if (here)
		reactor_run_at_flush(source->core->reactors[reactor], &source->task);
	else
		reactor_post(source->core->reactors[reactor], &source->msg);
}

/* --- what there is ------------------------------------------------------------------------- */

static unsigned ana_index(enum nvme_ana_state state)
{
	return state == NVME_ANA_CHANGE ? 4 : state - NVME_ANA_OPTIMIZED;
}

static void add_listener(struct metrics_source *source, uint32_t subsystem,
			 const struct nvmf_listener *l)
{
	const struct nvmf_subsystem *s = l->subsystem;
	struct metrics_listener out = {
		.subsystem = subsystem,
		.address = metrics_address(source->store, &l->trid),
		.portid = l->portid,
		.ana_state = "",
	};

	for (uint32_t i = 0; s->ana_reporting && i < s->max_namespaces; i++) {
		unsigned state;

		if (!s->nss[i])
			continue;
		state = ana_index(nvmf_listener_ana_state(l, s->nss[i]->anagrpid));
		out.ana[state]++;
		if (out.ana_state[0] == '\0')
			out.ana_state = metrics_ana_names[state];
		else if (out.ana_state != metrics_ana_names[state])
			out.ana_state = "mixed";
	}
	g_array_append_val(source->store->listeners, out);
}

static void add_ns(struct metrics_source *source, uint32_t subsystem, const struct nvmf_ns *ns)
{
	GStringChunk *strings = source->store->strings;
	const struct bdev *bdev = bdev_desc_bdev(ns->desc);
	char uuid[37];
	struct metrics_ns out = {
		.subsystem = subsystem,
		.nsid = ns->nsid,
		.anagrpid = ns->anagrpid,
		.block_size = bdev->block_size,
		.blocks = bdev->num_blocks,
		.bdev = g_string_chunk_insert(strings, bdev->name),
	};

	bdev_uuid_format(ns->uuid, uuid);
	out.uuid = g_string_chunk_insert(strings, uuid);
	g_array_append_val(source->store->namespaces, out);
}

static void add_subsystem(struct metrics_source *source, const struct nvmf_subsystem *s)
{
	struct metrics_store *store = source->store;
	uint32_t at = store->subsystems->len;
	struct metrics_subsystem out = {
		.nqn = g_string_chunk_insert(store->strings, s->nqn),
		.discovery = s->subtype == NVMF_SUBTYPE_DISCOVERY,
		.hosts = s->hosts->len,
		.listeners = s->listeners->len,
		.index = s->index,
	};

	out.first_listener = store->listeners->len;
	for (guint i = 0; i < s->listeners->len; i++)
		add_listener(source, at, s->listeners->pdata[i]);
	for (uint32_t i = 0; i < s->max_namespaces; i++) {
		if (s->nss[i] && !s->nss[i]->removing && s->nss[i]->desc) {
			add_ns(source, at, s->nss[i]);
			out.namespaces++;
		}
	}
	g_array_append_val(store->subsystems, out);
}

/* A few of the largest are a portion, or many small ones. */
static void step_subsystems(struct metrics_source *source, struct reactor *r)
{
	unsigned work = 0;
	uint32_t end;

	do {
		const struct nvmf_subsystem *s =
			nvmf_subsystem_at(source->nvmf, source->at++, &end);

		if (!s)
			continue;
		add_subsystem(source, s);
		work += 8 + s->max_namespaces / 8;
	} while (source->at < end && work < 8 * METRICS_PORTION);
	if (source->at < end) {
		metrics_go_on(source, r->index, step_subsystems);
		return;
	}
	source->at = 0;
	metrics_go_on(source, 0, step_namespaces);
}

/* --- what each reactor has counted ---------------------------------------------------------- */

static void read_ns(struct metrics_source *source, struct reactor *r, struct metrics_ns *ns)
{
	const struct metrics_subsystem *s =
		&g_array_index(source->store->subsystems, struct metrics_subsystem, ns->subsystem);
	const struct nvmf_sgroup *sg = nvmf_counts_sgroup(source->nvmf, r, s->index, s->nqn);
	struct nvmf_counts counts = { 0 };

	if (!sg || ns->nsid > sg->max_namespaces)
		return;
	ns->inflight += sg->ns[ns->nsid - 1].inflight;
	nvmf_counts_read_ns(&counts, sg, ns->nsid);
	if (nvmf_counts_done(&counts) + nvmf_counts_failed(&counts) == 0)
		return;
	if (!ns->counts)
		ns->counts = metrics_counts_new(source->store);
	nvmf_counts_add(ns->counts, &counts);
}

static void read_reactor(struct metrics_source *source, struct reactor *r)
{
	struct metrics_reactor *out = &source->metrics->reactors[r->index];
	const struct nvmf_group_stats *s = &nvmf_group_of(source->nvmf, r)->stats;

	out->stats = r->stats;
	out->pool = *buf_pool_stats(r->bufs);
	out->admin_queues = s->admin_qpairs;
	out->io_queues = s->io_qpairs;
	out->current_admin_queues = s->current_admin_qpairs;
	out->current_io_queues = s->current_io_qpairs;
	out->unassociated_queues = s->current_unassociated_qpairs;
	out->commands = s->completed_nvme_io;
	out->waiting = (uint32_t)s->pending_bdev_io;
}

static void read_subsystem(struct metrics_source *source, struct reactor *r,
			   struct metrics_subsystem *s)
{
	const struct nvmf_sgroup *sg = nvmf_counts_sgroup(source->nvmf, r, s->index, s->nqn);

	if (!sg)
		return;
	s->commands += sg->commands_gone;
	s->errors += sg->errors_gone;
}

/* Namespaces, and then subsystems, in one count. */
static void step_namespaces(struct metrics_source *source, struct reactor *r)
{
	GArray *nss = source->store->namespaces, *ss = source->store->subsystems;

	for (unsigned n = 0; n < METRICS_PORTION && source->at < nss->len + ss->len; n++) {
		uint32_t at = source->at++;

		if (at < nss->len)
			read_ns(source, r, &g_array_index(nss, struct metrics_ns, at));
		else
			read_subsystem(source, r,
				       &g_array_index(ss, struct metrics_subsystem, at - nss->len));
	}
	if (source->at < nss->len + ss->len) {
		metrics_go_on(source, r->index, step_namespaces);
		return;
	}
	read_reactor(source, r);
	source->again = false;
	metrics_go_on(source, r->index, metrics_step_queues);
}

void metrics_next_reactor(struct metrics_source *source, struct reactor *r)
{
	source->at = 0;
	if (r->index + 1 < source->core->nreactors)
		metrics_go_on(source, r->index + 1, step_namespaces);
	else
		metrics_go_on(source, 0, step_bdevs);
}

/* --- bdevs ----------------------------------------------------------------------------------- */

static void read_hist(struct metrics_source *source, const struct bdev_stats_all *all,
		      struct metrics_bdev *out)
{
	for (unsigned i = 0; i < all->n; i++) {
		if (!all->of[i].hist)
			continue;
		if (!out->hist) {
			out->hist = g_new0(struct hist, 1);
			g_ptr_array_add(source->store->hists, out->hist);
		}
		hist_merge(out->hist, all->of[i].hist);
	}
}

static void bdev_collected(struct bdev_stats_all *all)
{
	struct metrics_source *source = all->arg;
	struct metrics_bdev *out;
	GArray *bdevs = source->store->bdevs;

	/* Answers come in the order of the questions: each passes the same reactors. */
	out = &g_array_index(bdevs, struct metrics_bdev, bdevs->len - source->away);
	for (unsigned i = 0; i < all->n; i++) {
		bdev_stats_add(&out->stats, &all->of[i]);
		out->inflight += all->inflight[i];
	}
	out->throttled = out->stats.throttled;
	read_hist(source, all, out);
	bdev_stats_all_free(all);
	if (--source->away == 0)
		metrics_go_on(source, 0, step_bdevs);
}

static void add_bdev(struct metrics_source *source, struct bdev *bdev)
{
	GStringChunk *strings = source->store->strings;
	char uuid[37];
	struct metrics_bdev out = {
		.name = g_string_chunk_insert(strings, bdev->name),
		.product = g_string_chunk_insert_const(strings, bdev->ops->product_name),
		.block_size = bdev->block_size,
		.blocks = bdev->num_blocks,
		.claimed = bdev_is_claimed(bdev),
	};

	bdev_uuid_format(bdev->uuid, uuid);
	out.uuid = g_string_chunk_insert(strings, uuid);
	memcpy(out.limits, bdev->limits, sizeof(out.limits));
	g_array_append_val(source->store->bdevs, out);
	source->away++;
	bdev_stats_collect(bdev, BDEV_RESET_NONE, true, bdev_collected, source);
}

static void step_bdevs(struct metrics_source *source, struct reactor *r)
{
	GPtrArray *list = bdev_layer_list(source->bdevs);
	uint32_t end = MIN(source->at + METRICS_PORTION, list->len);

	(void)r;
	if (source->at >= list->len) {
		source->at = 0;
		metrics_go_on(source, 0, metrics_step_paths);
		return;
	}
	while (source->at < end)
		add_bdev(source, list->pdata[source->at++]);
}

/* --- life -------------------------------------------------------------------------------- */

static void begin(struct metrics_source *source)
{
	struct reactor *r = core_main(source->core);

	source->waiters = g_steal_pointer(&source->next_waiters);
	source->metrics = metrics_new(&source->store);
	source->metrics->time = hw_now(r->hw);
	source->metrics->uptime_ns = source->metrics->time - source->started;
	source->metrics->nreactors = source->core->nreactors;
	source->metrics->reactors = g_new0(struct metrics_reactor, source->core->nreactors);
	source->seen = g_hash_table_new(g_direct_hash, g_direct_equal);
	source->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	source->at = 0;
	metrics_go_on(source, 0, step_subsystems);
}

static void stop_now(struct metrics_source *source)
{
	void (*stopped)(void *arg) = g_steal_pointer(&source->stopped);

	if (stopped)
		stopped(source->stopped_arg);
}

/* First in, first told. */
static void tell(struct metrics_waiter *list, struct metrics *metrics)
{
	struct metrics_waiter *first = NULL;

	while (list) {
		struct metrics_waiter *next = list->next;

		list->next = first;
		first = list;
		list = next;
	}
	while (first) {
		struct metrics_waiter *w = first;

		first = w->next;
		w->next = NULL;
		w->done(w, metrics ? metrics_ref(metrics) : NULL);
	}
}

static void add_rnics(struct metrics_source *source, struct metrics *m)
{
	struct nvmf_rnic_memory memory[NVMF_STATS_DEVICES];

	m->nrnics = nvmf_get_rnic_memory(source->nvmf, memory, G_N_ELEMENTS(memory));
	m->rnics = g_new0(struct metrics_rnic, m->nrnics);
	for (unsigned i = 0; i < m->nrnics; i++)
		m->rnics[i] = (struct metrics_rnic){
			.device = g_string_chunk_insert(source->store->strings, memory[i].name),
			.regions = memory[i].regions,
			.registered = memory[i].bytes,
		};
}

void metrics_finish(struct metrics_source *source)
{
	struct metrics *m = g_steal_pointer(&source->metrics);

	g_hash_table_unref(g_steal_pointer(&source->seen));
	g_hash_table_unref(g_steal_pointer(&source->paths));
	m->referrals = nvmf_discovery_referrals(source->nvmf)->len;
	m->discovery_generation = nvmf_discovery_generation(source->nvmf);
	add_rnics(source, m);
	if (source->fill_rpc)
		source->fill_rpc(source->rpc_arg, &m->rpc);
	metrics_seal(m);
	m->took_ns = hw_now(source->core->hw) - m->time;
	tell(g_steal_pointer(&source->waiters), source->stopping ? NULL : m);
	metrics_unref(m);
	if (source->stopping)
		stop_now(source);
	else if (source->next_waiters)
		begin(source);
}

static void stopped_call(struct reactor *r, void *arg)
{
	(void)r;
	stop_now(arg);
}

void metrics_collect(struct metrics_source *source, struct metrics_waiter *w)
{
	w->next = source->next_waiters;
	source->next_waiters = w;
	if (source->stopping)
		tell(g_steal_pointer(&source->next_waiters), NULL);
	else if (!source->metrics)
		begin(source);
}

static void drop(struct metrics_waiter **list, const struct metrics_waiter *w)
{
	while (*list && *list != w)
		list = &(*list)->next;
	if (*list)
		*list = w->next;
}

void metrics_collect_cancel(struct metrics_source *source, struct metrics_waiter *w)
{
	drop(&source->waiters, w);
	drop(&source->next_waiters, w);
}

struct metrics_source *metrics_source_new(struct core *core, struct bdev_layer *bdevs,
					  struct nvmf_tgt *nvmf)
{
	struct metrics_source *source = g_new0(struct metrics_source, 1);

	source->msg.fn = run;
	source->task.fn = run_task;
	source->core = core;
	source->bdevs = bdevs;
	source->nvmf = nvmf;
	source->started = hw_now(core->hw);
	return source;
}

void metrics_source_set_rpc(struct metrics_source *source,
			    void (*fill)(void *arg, struct metrics_rpc *rpc), void *arg)
{
	source->fill_rpc = fill;
	source->rpc_arg = arg;
}

void metrics_source_stop(struct metrics_source *source, void (*done)(void *arg), void *arg)
{
	source->stopping = true;
	source->stopped = done;
	source->stopped_arg = arg;
	tell(g_steal_pointer(&source->next_waiters), NULL);
	if (!source->metrics)
		core_call(core_main(source->core), stopped_call, source);
}

void metrics_source_free(struct metrics_source *source)
{
	g_free(source);
}
