/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues become controllers, wherever their reactors are, and controllers become
 * paths. A queue of a subsystem that came after the list was made is
 * left out.
 */
#include <string.h>

#include "target/metrics/collect.h"
#include "target/nvmf/ctrlr.h"

static struct metrics_ctrlr *ctrlr_at(const struct metrics_source *source, uint32_t i)
{
	return &g_array_index(source->store->ctrlrs, struct metrics_ctrlr, i);
}

/* Its place in the list, or UINT32_MAX. */
static uint32_t find_subsystem(const struct metrics_source *source, const struct nvmf_subsystem *s)
{
	const GArray *all = source->store->subsystems;
	uint32_t low = 0, high = all->len;

	while (low < high) {
		uint32_t i = low + (high - low) / 2;
		const struct metrics_subsystem *m =
			&g_array_index(all, struct metrics_subsystem, i);

		if (m->index == s->index)
			return strcmp(m->nqn, s->nqn) == 0 ? i : UINT32_MAX;
		if (m->index < s->index)
			low = i + 1;
		else
			high = i;
	}
	return UINT32_MAX;
}

static uint32_t add_ctrlr(struct metrics_source *source, uint32_t subsystem,
			  const struct nvmf_ctrlr *c)
{
	GStringChunk *strings = source->store->strings;
	char hostid[37];
	struct metrics_ctrlr out = {
		.subsystem = subsystem,
		.cntlid = c->cntlid,
		.discovery = c->discovery,
		.hostnqn = g_string_chunk_insert_const(strings, c->hostnqn),
		.listen = metrics_address(source->store, &c->listen),
		.peer = "",
		.portid = c->portid,
		.reactor = c->owner->index,
	};

	bdev_uuid_format(c->hostid, hostid);
	out.hostid = g_string_chunk_insert_const(strings, hostid);
	g_array_append_val(source->store->ctrlrs, out);
	g_array_index(source->store->subsystems, struct metrics_subsystem, subsystem).controllers++;
	return source->store->ctrlrs->len - 1;
}

/* Its owner is this reactor. */
static void read_admin_queue(struct metrics_source *source, const struct nvmf_qpair *q,
			     struct metrics_ctrlr *out)
{
	const struct nvmf_ctrlr *c = q->ctrlr;
	uint64_t now = q->reactor->now, period = c->kato_ms * UINT64_C(1000000);
	char peer[NET_ADDR_STRLEN];
	struct net_addr addr;

	q->ops->qpair_peer((struct nvmf_qpair *)q, &addr);
	out->peer = g_string_chunk_insert(source->store->strings, net_addr_format(&addr, peer));
	out->admin_commands = q->admin_commands;
	out->keep_alive_ms = c->kato_ms;
	if (timer_is_set(&c->kato_timer) && c->kato_timer.deadline <= now + period)
		out->keep_alive_age_ns = now + period - c->kato_timer.deadline;
}

static void read_queue(const struct nvmf_qpair *q, void *arg)
{
	struct metrics_source *source = arg;
	uint32_t s = find_subsystem(source, q->ctrlr->subsystem);
	struct nvmf_counts counts = { 0 };
	struct metrics_ctrlr *out;
	gpointer key;
	guint i;

	if (s == UINT32_MAX)
		return;
	key = GSIZE_TO_POINTER((gsize)s << 16 | q->ctrlr->cntlid);
	i = GPOINTER_TO_UINT(g_hash_table_lookup(source->seen, key));
	if (i == 0) {
		i = add_ctrlr(source, s, q->ctrlr) + 1;
		g_hash_table_insert(source->seen, key, GUINT_TO_POINTER(i));
	}
	out = ctrlr_at(source, i - 1);
	out->outstanding += q->outstanding;
	if (q->qid == 0) {
		read_admin_queue(source, q, out);
		return;
	}
	out->io_queues++;
	nvmf_counts_read(&counts, &q->commands);
	if (nvmf_counts_done(&counts) + nvmf_counts_failed(&counts) == 0)
		return;
	if (!out->counts)
		out->counts = metrics_counts_new(source->store);
	nvmf_counts_add(out->counts, &counts);
	g_array_index(source->store->subsystems, struct metrics_subsystem, s).commands +=
		nvmf_counts_done(&counts);
	g_array_index(source->store->subsystems, struct metrics_subsystem, s).errors +=
		nvmf_counts_failed(&counts);
}

void metrics_step_queues(struct metrics_source *source, struct reactor *r)
{
	source->again = nvmf_walk_queues(source->nvmf, r, source->again, METRICS_PORTION,
					 read_queue, source);
	if (source->again)
		metrics_go_on(source, r->index, metrics_step_queues);
	else
		metrics_next_reactor(source, r);
}

/* --- paths ------------------------------------------------------------------------------------ */

static const char *ana_of(const struct metrics_store *store, const struct metrics_ctrlr *c)
{
	const struct metrics_subsystem *s =
		&g_array_index(store->subsystems, struct metrics_subsystem, c->subsystem);

	for (uint32_t i = 0; i < s->listeners; i++) {
		const struct metrics_listener *l = &g_array_index(
			store->listeners, struct metrics_listener, s->first_listener + i);

		if (l->portid == c->portid)
			return l->ana_state;
	}
	return "";
}

static void add_to_path(struct metrics_store *store, struct metrics_path *p,
			const struct metrics_ctrlr *c)
{
	p->controllers++;
	p->io_queues += c->io_queues;
	p->outstanding += c->outstanding;
	if (!c->counts)
		return;
	if (!p->counts)
		p->counts = metrics_counts_new(store);
	nvmf_counts_add(p->counts, c->counts);
}

static int by_subsystem(const void *a, const void *b)
{
	const struct metrics_ctrlr *x = a, *y = b;

	if (x->subsystem != y->subsystem)
		return x->subsystem < y->subsystem ? -1 : 1;
	return (int)x->cntlid - (int)y->cntlid;
}

/* By subsystem, host and address as one string; look-up only. */
static guint path_of(struct metrics_store *store, GHashTable *paths, const struct metrics_ctrlr *c)
{
	g_autofree char *key = g_strdup_printf("%u %s %s %s %s", c->subsystem, c->listen.trtype,
					       c->listen.traddr, c->listen.trsvcid, c->hostnqn);
	guint i = GPOINTER_TO_UINT(g_hash_table_lookup(paths, key));
	struct metrics_path p = {
		.subsystem = c->subsystem,
		.hostnqn = c->hostnqn,
		.listen = c->listen,
		.portid = c->portid,
	};

	if (i != 0)
		return i - 1;
	p.ana_state = ana_of(store, c);
	g_array_append_val(store->paths, p);
	g_hash_table_insert(paths, g_steal_pointer(&key), GUINT_TO_POINTER(store->paths->len));
	return store->paths->len - 1;
}

/* A portion of controllers. */
void metrics_step_paths(struct metrics_source *source, struct reactor *r)
{
	struct metrics_store *store = source->store;
	uint32_t end = MIN(source->at + METRICS_PORTION, store->ctrlrs->len);

	if (source->at == 0)
		g_array_sort(store->ctrlrs, by_subsystem);
	for (; source->at < end; source->at++) {
		const struct metrics_ctrlr *c = ctrlr_at(source, source->at);
		guint path;

		if (c->discovery)
			continue;
		path = path_of(store, source->paths, c);
		add_to_path(store, &g_array_index(store->paths, struct metrics_path, path), c);
	}
	if (source->at < store->ctrlrs->len)
		metrics_go_on(source, r->index, metrics_step_paths);
	else
		metrics_finish(source);
}
