/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of snapshots. */
#include "target/metrics/collect.h"

#define BLOCK 64 /* of struct nvmf_counts */

const char *const metrics_ana_names[METRICS_ANA_STATES] = {
	"optimized", "non_optimized", "inaccessible", "persistent_loss", "change",
};

struct metrics *metrics_new(struct metrics_store **store)
{
	struct metrics *m = g_new0(struct metrics, 1);
	struct metrics_store *s = g_new0(struct metrics_store, 1);

	m->refs = 1;
	m->store = *store = s;
	s->strings = g_string_chunk_new(4096);
	s->subsystems = g_array_new(FALSE, TRUE, sizeof(struct metrics_subsystem));
	s->namespaces = g_array_new(FALSE, TRUE, sizeof(struct metrics_ns));
	s->listeners = g_array_new(FALSE, TRUE, sizeof(struct metrics_listener));
	s->ctrlrs = g_array_new(FALSE, TRUE, sizeof(struct metrics_ctrlr));
	s->paths = g_array_new(FALSE, TRUE, sizeof(struct metrics_path));
	s->bdevs = g_array_new(FALSE, TRUE, sizeof(struct metrics_bdev));
	s->counts = g_ptr_array_new_with_free_func(g_free);
	s->hists = g_ptr_array_new_with_free_func(g_free);
	return m;
}

void metrics_seal(struct metrics *m)
{
	const struct metrics_store *s = m->store;

	m->subsystems = (void *)s->subsystems->data;
	m->nsubsystems = s->subsystems->len;
	m->namespaces = (void *)s->namespaces->data;
	m->nnamespaces = s->namespaces->len;
	m->listeners = (void *)s->listeners->data;
	m->nlisteners = s->listeners->len;
	m->ctrlrs = (void *)s->ctrlrs->data;
	m->nctrlrs = s->ctrlrs->len;
	m->paths = (void *)s->paths->data;
	m->npaths = s->paths->len;
	m->bdevs = (void *)s->bdevs->data;
	m->nbdevs = s->bdevs->len;
}

struct nvmf_counts *metrics_counts_new(struct metrics_store *s)
{
	struct nvmf_counts *block;

	if (s->counts->len == 0 || s->used == BLOCK) {
		g_ptr_array_add(s->counts, g_new0(struct nvmf_counts, BLOCK));
		s->used = 0;
	}
	block = s->counts->pdata[s->counts->len - 1];
	return &block[s->used++];
}

/* Few are different: an insertion for each would be the larger part of a large snapshot. */
struct metrics_address metrics_address(struct metrics_store *s, const struct nvmf_trid *trid)
{
	return (struct metrics_address){
		.trtype = g_string_chunk_insert_const(s->strings, trid->trtype),
		.adrfam = g_string_chunk_insert_const(s->strings, trid->adrfam),
		.traddr = g_string_chunk_insert_const(s->strings, trid->traddr),
		.trsvcid = g_string_chunk_insert_const(s->strings, trid->trsvcid),
	};
}

struct metrics *metrics_ref(struct metrics *m)
{
	m->refs++;
	return m;
}

void metrics_unref(struct metrics *m)
{
	struct metrics_store *s;

	if (!m || --m->refs > 0)
		return;
	s = m->store;
	g_array_unref(s->subsystems);
	g_array_unref(s->namespaces);
	g_array_unref(s->listeners);
	g_array_unref(s->ctrlrs);
	g_array_unref(s->paths);
	g_array_unref(s->bdevs);
	g_ptr_array_unref(s->counts);
	g_ptr_array_unref(s->hists);
	g_string_chunk_free(s->strings);
	g_free(s);
	g_free(m->reactors);
	g_free(m->rnics);
	g_free(m);
}
