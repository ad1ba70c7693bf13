/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle G, no ghost writes: when the call that closes a path has been answered,
 * no command that came by a closed path is with a backend any more. Looked at in
 * the target, when the answer has come, unless another call was under way or an
 * earlier one gave up its wait (or nobody heard its answer).
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/tgt.h"

/* A call whose client left may take effect, and wait, until then. */
#define UNSURE (200 * WORLD_MS)

struct look {
	struct run *run;
	const char *method;
	unsigned ghosts;
};

static void look_at(struct nvmf_request *req, void *arg)
{
	const struct nvmf_qpair *q = req->qpair;
	struct look *look = arg;
	uint32_t i = req->cmd.nsid - 1;
	uint16_t status;

	if (req->ns == NULL || i >= q->sgroup->max_namespaces ||
	    q->sgroup->ns[i].state != NVMF_NS_ACTIVE ||
	    nvmf_qpair_ns(q, req->cmd.nsid, &status) != NULL || look->ghosts++ > 0)
		return;
	run_fail(look->run, RUN_SAFETY, "G",
		 "%s has been answered, and command %04x (opcode %02x) of controller %u, queue %u, "
		 "whose path to namespace %u is closed, is with the backend still",
		 look->method, req->cmd.cid, req->cmd.opcode, q->ctrlr->cntlid, q->qid,
		 req->cmd.nsid);
}

bool run_fence_closes(const char *method)
{
	return strstr(method, "set_ana_state") != NULL || strstr(method, "set_ns_ana") != NULL ||
	       !strcmp(method, "nvmf_ns_remove_host");
}

void run_fence_look(struct run *run, struct run_target *t, const char *method)
{
	struct look look = { .run = run, .method = method };

	if (t->down || t->unfenced || t->path_calls > 1 ||
	    (t->path_unsure_at != 0 && t->path_unsure_at + UNSURE > world_now(run->world)))
		return;
	counts_add(run->counts, "fence.looked", 1);
	for (unsigned i = 0; i < t->target->core->nreactors; i++) {
		for (struct nvmf_qpair *q = t->target->nvmf->groups[i]->qpairs; q; q = q->next) {
			if (q->sgroup != NULL && q->qid != 0 && q->state != NVMF_QPAIR_GONE)
				q->ops->qpair_each(q, look_at, &look);
		}
	}
}
