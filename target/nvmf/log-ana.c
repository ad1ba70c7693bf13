/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ANA log page (base 2.0, 5.16.1.13): the groups of the namespaces that this
 * host sees, in order of their numbers, each with its state on this path. The
 * controller's owner.
 *
 * The page is made whole for each command, of any size. A reader that fetches it
 * in pieces compares the change count: it is taken before the states are, and
 * changed after them, so a state that a page does not show yet moves the count
 * of the next one.
 */
#include "target/nvmf/ana.h"

#include <string.h>

static uint64_t change_count(const struct nvmf_ctrlr *c)
{
	return (uint64_t)atomic_load_explicit(&c->ana->changes, memory_order_acquire) +
	       c->sgroup->ana_changes +
	       atomic_load_explicit(&c->visible_changes, memory_order_acquire);
}

/* What the page is made of: taken once, since the main reactor may hide one meanwhile. */
struct members {
	uint32_t *group; /* by nsid - 1; 0: not seen */
	uint32_t *count; /* by group */
	uint32_t *at;	 /* by group: where its descriptor is */
};

static void take_members(const struct nvmf_ctrlr *c, struct members *m)
{
	m->group = g_new0(uint32_t, c->sgroup->max_namespaces);
	m->count = g_new0(uint32_t, c->ana->ngroups + 1u);
	m->at = g_new0(uint32_t, c->ana->ngroups + 1u);
	for (uint32_t i = 0; i < c->sgroup->max_namespaces; i++) {
		const struct nvmf_ns_group *ng = nvmf_ctrlr_ns(c, c->sgroup, i + 1);

		if (ng == NULL)
			continue;
		m->group[i] = ng->anagrpid;
		m->count[ng->anagrpid]++;
	}
}

/* The header and the descriptors without their lists; returns the end of the last. */
static uint32_t place_groups(const struct nvmf_ctrlr *c, const struct members *m, uint8_t *page,
			     bool groups_only, uint64_t count)
{
	struct nvme_ana_log *header = (struct nvme_ana_log *)page;
	uint32_t end = sizeof(*header);

	header->chgcnt = count;
	for (uint32_t i = 1; i <= c->ana->ngroups; i++) {
		struct nvme_ana_group *group = (struct nvme_ana_group *)(page + end);

		if (m->count[i] == 0)
			continue;
		m->at[i] = end;
		group->grpid = i;
		group->chgcnt = count;
		group->state = (uint8_t)nvmf_ana_state(c->ana, i);
		end += (uint32_t)sizeof(*group) + (groups_only ? 0 : m->count[i] * 4);
		header->ngrps++;
	}
	return end;
}

void *nvmf_ana_log(const struct nvmf_ctrlr *c, bool groups_only, uint32_t *size)
{
	uint64_t count = change_count(c);
	uint32_t max = c->sgroup->max_namespaces;
	uint8_t *page = g_malloc0(sizeof(struct nvme_ana_log) +
				  c->ana->ngroups * sizeof(struct nvme_ana_group) + max * 4);
	struct members m;

	take_members(c, &m);
	*size = place_groups(c, &m, page, groups_only, count);
	for (uint32_t i = 0; i < max && !groups_only; i++) {
		struct nvme_ana_group *group = (struct nvme_ana_group *)(page + m.at[m.group[i]]);

		if (m.group[i] != 0)
			group->nsids[group->nnsids++] = i + 1;
	}
	g_free(m.group);
	g_free(m.count);
	g_free(m.at);
	return page;
}
