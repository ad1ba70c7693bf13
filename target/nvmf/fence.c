/* SPDX-License-Identifier: BSD-3-Clause */
/* The wait for commands of a path that was closed: see fence.h. */
#include "target/nvmf/fence.h"

#include <string.h>

#include "target/nvmf/ana.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

struct nvmf_fence {
	struct nvmf_subsystem *s;
	struct nvmf_fence_key key;
	unsigned left[CORE_MAX_REACTORS]; /* of each reactor: parts, and one for the search */
	unsigned reactors;		  /* that have not answered; the main one's */
	void (*done)(void *arg);
	void *arg;
};

static void reactor_done(struct reactor *r, void *arg)
{
	struct nvmf_fence *f = arg;

	(void)r;
	if (--f->reactors > 0)
		return;
	f->done(f->arg);
	g_free(f);
}

static void one_less(struct nvmf_fence *f, struct reactor *r)
{
	if (--f->left[r->index] == 0)
		core_call(core_main(f->s->tgt->core), reactor_done, f);
}

/* --- parts --------------------------------------------------------------------------------- */

/* Later than the last command, which may still look at the part when it has ended. */
static void part_ends(struct task *task)
{
	struct nvmf_fence_part *p =
		(struct nvmf_fence_part *)((char *)task - offsetof(struct nvmf_fence_part, task));
	struct nvmf_ns_group *from = p->from;

	*p->prev = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	nvmf_ns_counts_add(&p->root->counts, &p->ng.counts);
	p->root->scans.ops += p->ng.scans.ops;
	p->root->scans.bytes += p->ng.scans.bytes;
	if (from->part == p)
		from->part = NULL;
	one_less(p->fence, p->sgroup->group->reactor);
	g_free(p);
	if (--from->inflight == 0 && from->state == NVMF_NS_DRAINING)
		from->drained(from);
}

static void part_drained(struct nvmf_ns_group *ng)
{
	struct nvmf_fence_part *p = (struct nvmf_fence_part *)ng;

	_Static_assert(offsetof(struct nvmf_fence_part, ng) == 0, "a part begins with its count");
	ng->state = NVMF_NS_NONE;
	reactor_run_soon(p->sgroup->group->reactor, &p->task);
}

static struct nvmf_ns_group *root_of(struct nvmf_ns_group *ng)
{
	return ng->drained == part_drained ? ((struct nvmf_fence_part *)ng)->root : ng;
}

static struct nvmf_fence_part *make_part(struct nvmf_fence *f, struct nvmf_sgroup *sg,
					 struct nvmf_ns_group *from)
{
	struct nvmf_fence_part *p = g_new0(struct nvmf_fence_part, 1);

	p->ng.channel = from->channel;
	p->ng.commands = from->commands;
	p->ng.state = NVMF_NS_DRAINING;
	p->ng.drained = part_drained;
	p->from = from;
	p->root = root_of(from);
	p->fence = f;
	p->sgroup = sg;
	p->task.fn = part_ends;
	p->next = sg->parts;
	p->prev = &sg->parts;
	if (p->next != NULL)
		p->next->prev = &p->next;
	sg->parts = p;
	from->part = p;
	from->inflight++;
	f->left[sg->group->reactor->index]++;
	return p;
}

/* --- the search ------------------------------------------------------------------------------- */

struct search {
	struct nvmf_fence *f;
	struct nvmf_sgroup *sg;
};

static void look(struct nvmf_request *req, void *arg)
{
	const struct search *search = arg;
	const struct nvmf_fence_key *key = &search->f->key;
	struct nvmf_ns_group *from = req->ns, *root;
	struct nvmf_fence_part *p;

	/* The second half of a pair is not counted; the first stands for both (io-fused.c). */
	if (from == NULL || (req->cmd.flags & NVME_CMD_FUSE_MASK) == NVME_FUSE_SECOND)
		return;
	root = root_of(from);
	if (key->nsid != 0 && root != &search->sg->ns[key->nsid - 1])
		return;
	if (key->anagrpid != 0 && root->anagrpid != key->anagrpid)
		return;
	p = from->part;
	if (p == NULL || p->fence != search->f)
		p = make_part(search->f, search->sg, from);
	p->ng.inflight++;
	from->inflight--;
	req->ns = &p->ng;
}

static bool concerns(const struct nvmf_fence_key *key, const struct nvmf_ctrlr *c)
{
	if (key->ana != NULL && c->ana != key->ana)
		return false;
	if (key->hostnqn != NULL && strcmp(c->hostnqn, key->hostnqn) != 0)
		return false;
	return key->lost_group == 0 ||
	       nvmf_ana_status(nvmf_ana_state(c->ana, key->lost_group)) != NVME_SUCCESS;
}

/* A queue that is gone has no command left, and perhaps no controller. */
static void search(struct reactor *r, void *arg)
{
	struct nvmf_fence *f = arg;
	struct nvmf_group *g = nvmf_group_of(f->s->tgt, r);
	struct search look_in = { f, g_ptr_array_index(g->sgroups, f->s->index) };

	f->left[r->index] = 1;
	for (struct nvmf_qpair *q = g->qpairs; q != NULL; q = q->next) {
		if (q->sgroup == look_in.sg && q->qid != 0 && q->state != NVMF_QPAIR_GONE &&
		    concerns(&f->key, q->ctrlr))
			q->ops->qpair_each(q, look, &look_in);
	}
	one_less(f, r);
}

static void nothing(void *arg)
{
	(void)arg;
}

void nvmf_fence(struct nvmf_subsystem *s, const struct nvmf_fence_key *key, void (*done)(void *arg),
		void *arg)
{
	struct nvmf_fence *f = g_new0(struct nvmf_fence, 1);

	f->s = s;
	f->key = *key;
	f->reactors = s->tgt->core->nreactors;
	f->done = done;
	f->arg = arg;
	core_broadcast(s->tgt->core, search, nothing, f);
}
