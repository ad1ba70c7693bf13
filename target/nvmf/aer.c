/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asynchronous Event Requests and the notices they carry (base 2.0, 5.2), that of
 * a critical warning in the SMART log among them.
 *
 * A notice is pending from the event until it is told. Telling it takes one AER
 * and masks the notice until its log page is read with RAE 0. An event while
 * masked makes it pending again, to be told after that read, unless the read
 * itself showed the event: so no change is lost, and none is told twice without
 * a read between.
 *
 * Before the controller is enabled, and while the host has not enabled the
 * notice, events are remembered and nothing is told. A reset forgets them, since
 * a host looks at everything after it.
 */
#include <string.h>

#include "target/core/trace.h"
#include "target/nvmf/admin.h"

static const struct {
	uint32_t aec;
	uint8_t type, info, log;
} notices[NVMF_NOTICES] = {
	[NVMF_NOTICE_NS] = { NVME_OAES_NS_ATTR, NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_NS_CHANGED,
			     NVME_LOG_CHANGED_NS },
	[NVMF_NOTICE_ANA] = { NVME_OAES_ANA, NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_ANA,
			      NVME_LOG_ANA },
	[NVMF_NOTICE_DISCOVERY] = { NVME_OAES_DISCOVERY, NVME_AEN_TYPE_NOTICE,
				    NVME_AEN_NOTICE_DISCOVERY, NVME_LOG_DISCOVERY },
	[NVMF_NOTICE_TEMPERATURE] = { NVME_AEC_SMART_TEMPERATURE, NVME_AEN_TYPE_SMART,
				      NVME_AEN_SMART_TEMPERATURE, NVME_LOG_SMART },
};

/* --- the requests ---------------------------------------------------------------------- */

static struct nvmf_request *take(struct nvmf_ctrlr *c, unsigned i)
{
	struct nvmf_request *req = c->aers[i];

	c->naers--;
	memmove(&c->aers[i], &c->aers[i + 1], (c->naers - i) * sizeof(c->aers[0]));
	c->aers[c->naers] = NULL;
	return req;
}

struct nvmf_request *nvmf_ctrlr_take_aer(struct nvmf_ctrlr *c, uint16_t cid)
{
	for (unsigned i = 0; i < c->naers; i++) {
		if (c->aers[i]->cmd.cid == cid)
			return take(c, i);
	}
	return NULL;
}

void nvmf_ctrlr_abort_aers(struct nvmf_ctrlr *c)
{
	while (c->naers > 0)
		nvmf_request_complete(take(c, 0), NVME_SC_ABORT_REQUESTED);
}

void nvmf_aer(struct nvmf_request *req)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;

	if (c->naers == NVMF_AER_MAX) {
		nvmf_request_fail(req, NVME_SC_AER_LIMIT | NVME_DNR, NVME_PEL_NONE);
		return;
	}
	c->aers[c->naers++] = req;
	nvmf_notices_deliver(c);
}

/* --- notices --------------------------------------------------------------------------- */

void nvmf_notices_reset(struct nvmf_ctrlr *c)
{
	c->pending = 0;
	c->masked = 0;
	c->nchanged = 0;
	c->changed_all = false;
}

void nvmf_notices_deliver(struct nvmf_ctrlr *c)
{
	if (!nvmf_ctrlr_ready(c))
		return;
	for (unsigned i = 0; i < NVMF_NOTICES && c->naers > 0; i++) {
		uint8_t bit = (uint8_t)(1 << i);
		struct nvmf_request *aer;

		if (!(c->pending & ~c->masked & bit) || !(c->aec & notices[i].aec))
			continue;
		c->pending &= (uint8_t)~bit;
		c->masked |= bit;
		aer = take(c, 0);
		aer->rsp.dw0 = NVME_AEN_RESULT(notices[i].type, notices[i].info, notices[i].log);
		trace_write(c->owner->trace, TRACE_AER, c->cntlid, aer->rsp.dw0);
		nvmf_request_complete(aer, NVME_SUCCESS);
	}
}

void nvmf_ctrlr_notice(struct nvmf_ctrlr *c, enum nvmf_notice notice)
{
	c->pending |= (uint8_t)(1 << notice);
	nvmf_notices_deliver(c);
}

void nvmf_ctrlr_notice_read(struct nvmf_ctrlr *c, enum nvmf_notice notice)
{
	c->masked &= (uint8_t) ~(1 << notice);
	nvmf_notices_deliver(c);
}

/* --- the changed namespace list (base 2.0, 5.16.1.5) --------------------------------------- */

static void remember(struct nvmf_ctrlr *c, uint32_t nsid)
{
	uint32_t at = c->nchanged;

	if (c->changed_all)
		return;
	while (at > 0 && c->changed[at - 1] >= nsid)
		at--;
	if (at < c->nchanged && c->changed[at] == nsid)
		return;
	if (c->nchanged == NVME_CHANGED_NS_MAX) {
		c->changed_all = true;
		return;
	}
	memmove(&c->changed[at + 1], &c->changed[at], (c->nchanged - at) * sizeof(c->changed[0]));
	c->changed[at] = nsid;
	c->nchanged++;
}

void nvmf_ctrlr_ns_changed(struct nvmf_ctrlr *c, uint32_t nsid)
{
	remember(c, nsid);
	nvmf_ctrlr_notice(c, NVMF_NOTICE_NS);
}

void nvmf_changed_ns_fill(const struct nvmf_ctrlr *c, uint32_t *page)
{
	if (c->changed_all)
		page[0] = NVME_NSID_ALL;
	else
		memcpy(page, c->changed, c->nchanged * sizeof(c->changed[0]));
}

/*
 * The list is cleared when the end of it was read. But a page read in pieces may
 * have changed between them: then (pending, and not read from the start) it
 * stays, and is told again.
 */
void nvmf_changed_ns_read(struct nvmf_ctrlr *c, uint64_t offset, uint32_t len)
{
	uint8_t bit = 1 << NVMF_NOTICE_NS;
	uint32_t size = c->changed_all ? 4 : c->nchanged * 4;

	if (offset + len >= size && (offset == 0 || !(c->pending & bit))) {
		c->nchanged = 0;
		c->changed_all = false;
		c->pending &= (uint8_t)~bit;
	}
	nvmf_ctrlr_notice_read(c, NVMF_NOTICE_NS);
}
