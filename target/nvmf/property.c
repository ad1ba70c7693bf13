/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Property Get and Set (base 2.0, 6.5 and 6.6): the registers of a controller,
 * and the machine behind CC and CSTS (3.1.3.5, 3.1.3.6, 3.6, 3.7).
 *
 * The version is 2.0, so CAP.CRMS.CRWMS is set and CRTO is there: Linux reads it
 * then instead of CAP.TO. CAP.CSS has the NVM command set only and no "I/O
 * command sets" bit, so that hosts keep to CC.CSS 000b; Identify answers the
 * command set values (CNS 05h to 08h, 1Ch) none the less, because Linux asks
 * for 06h and 08h from a 2.0 controller whatever CSS says.
 *
 * Reset and shutdown end when the I/O queues are gone: until then RDY stays 1
 * (SHST stays "in progress").
 *
 * A controller that is not enabled, or shut down, keeps its admin queue; but not
 * for ever (the association timeout), whatever its keep-alive timeout says.
 *
 * An NVM Subsystem Reset (3.7.1; only where the subsystem has it) resets all
 * controllers of the subsystem. The connections of their admin queues stay: the
 * host that asked goes on with them (Linux does), the others find that they are
 * disabled. All tell of it (CSTS.NSSRO), also those that come after it, until
 * their host clears that.
 */
#include "target/nvmf/admin.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

#define CC_SHN_MASK 0xc000u
#define CSTS_SHST_PROGRESS 0x4u
#define CSTS_NSSRO 0x10u
#define NSSR_RESET 0x4e564d65u /* "NVMe" */
#define ASSOCIATION_TIMEOUT_NS (120 * UINT64_C(1000000000))
#define CAP_CQR (1ull << 16)
#define CAP_TO_SHIFT 24
#define CAP_NSSRS (1ull << 36)
#define CAP_CSS_NVM (1ull << 37)
#define CAP_CRWMS (1ull << 59)
#define PEL_OFFSET ((uint16_t)offsetof(struct nvme_property_cmd, offset))
#define IOSQES 6 /* 64 bytes */
#define IOCQES 4 /* 16 bytes */
#define SIZE_4 0
#define SIZE_8 1

static uint64_t make_cap(const struct nvmf_ctrlr *c)
{
	return (uint64_t)(c->transport->options.max_queue_depth - 1) | CAP_CQR |
	       (uint64_t)NVMF_READY_TIMEOUT << CAP_TO_SHIFT | CAP_CSS_NVM | CAP_CRWMS |
	       (c->subsystem->enable_nssr ? CAP_NSSRS : 0);
}

/* --- the association timeout ---------------------------------------------------------- */

static void host_stays_away(struct timer *t, struct reactor *r)
{
	struct nvmf_ctrlr *c =
		(struct nvmf_ctrlr *)((char *)t - offsetof(struct nvmf_ctrlr, association_timer));
	char host[NVME_NQN_FIELD * 2];

	log_warn(r->core->log, "nvmf", "controller not enabled for too long, ended",
		 "subnqn=%s hostnqn=%s cntlid=%u", c->subsystem->nqn,
		 log_quote(c->hostnqn, host, sizeof(host)), c->cntlid);
	nvmf_ctrlr_kill(c);
}

static void await_enable(struct nvmf_ctrlr *c)
{
	if (c->state == NVMF_CTRLR_LIVE)
		reactor_timer_set(c->owner, &c->association_timer,
				  c->owner->now + ASSOCIATION_TIMEOUT_NS);
}

/* --- life --------------------------------------------------------------------------------- */

void nvmf_ctrlr_init(struct nvmf_ctrlr *c, uint32_t kato_ms)
{
	c->cap = make_cap(c);
	c->cc = 0;
	c->csts = 0;
	c->disabling = false;
	nvmf_features_reset(c);
	nvmf_notices_reset(c);
	nvmf_keep_alive_start(c, kato_ms);
	timer_init(&c->association_timer, host_stays_away);
	await_enable(c);
}

void nvmf_ctrlr_fini(struct nvmf_ctrlr *c)
{
	reactor_timer_cancel(c->owner, &c->association_timer);
	nvmf_keep_alive_stop(c);
}

/* --- get ---------------------------------------------------------------------------- */

static bool read_property(const struct nvmf_ctrlr *c, uint32_t offset, unsigned size,
			  uint64_t *value)
{
	if (offset == NVME_REG_CAP && size == SIZE_8) {
		*value = c->cap;
		return true;
	}
	if (size != SIZE_4)
		return false;
	switch (offset) {
	case NVME_REG_VS:
		*value = NVMF_VERSION;
		return true;
	case NVME_REG_CC:
		*value = c->cc;
		return true;
	case NVME_REG_CSTS:
		*value = c->csts | (c->nssro ? CSTS_NSSRO : 0);
		return true;
	case NVME_REG_NSSR:
		*value = 0;
		return true;
	case NVME_REG_CRTO:
		*value = NVMF_READY_TIMEOUT;
		return true;
	default:
		return false;
	}
}

void nvmf_property_get(struct nvmf_request *req)
{
	const struct nvme_property_cmd *cmd = (const struct nvme_property_cmd *)&req->cmd;
	uint64_t value;

	if (!read_property(req->qpair->ctrlr, cmd->offset, cmd->attrib & 7, &value)) {
		nvmf_request_fail(req, NVME_SC_INVALID_FIELD | NVME_DNR, PEL_OFFSET);
		return;
	}
	req->rsp.value = value;
	nvmf_request_complete(req, NVME_SUCCESS);
}

/* --- set ---------------------------------------------------------------------------- */

/* Discovery controllers have no I/O queues, so their entry sizes mean nothing. */
static bool cc_valid(const struct nvmf_ctrlr *c, uint32_t cc)
{
	if (!c->discovery && (NVME_CC_IOSQES(cc) != IOSQES || NVME_CC_IOCQES(cc) != IOCQES))
		return false;
	return NVME_CC_MPS(cc) == 0 && NVME_CC_AMS(cc) == 0 && NVME_CC_CSS(cc) == 0;
}

static void enable(struct nvmf_ctrlr *c)
{
	if (!cc_valid(c, c->cc)) {
		log_warn(c->owner->core->log, "nvmf", "controller enabled with settings it has not",
			 "subnqn=%s cntlid=%u cc=0x%x", c->subsystem->nqn, c->cntlid, c->cc);
		c->csts = NVME_CSTS_CFS;
		return;
	}
	c->csts = NVME_CSTS_RDY;
	reactor_timer_cancel(c->owner, &c->association_timer);
	/* A host that needed long until here has its full time again. */
	nvmf_keep_alive_start(c, c->kato_ms);
	nvmf_notices_deliver(c);
}

static void reset(struct nvmf_ctrlr *c)
{
	nvmf_ctrlr_abort_aers(c);
	nvmf_notices_reset(c);
	nvmf_features_reset(c);
	nvmf_ctrlr_kill_io_queues(c);
}

static void shut_down(struct nvmf_ctrlr *c)
{
	c->csts = (c->csts & ~NVME_CSTS_SHST_MASK) | CSTS_SHST_PROGRESS;
	nvmf_ctrlr_kill_io_queues(c);
}

void nvmf_ctrlr_io_queues_gone(struct nvmf_ctrlr *c)
{
	bool stopping = c->csts & CSTS_SHST_PROGRESS;

	if (!(c->cc & NVME_CC_EN))
		c->csts = 0;
	if (stopping)
		c->csts = (c->csts & ~NVME_CSTS_SHST_MASK) | NVME_CSTS_SHST_COMPLETE;
	await_enable(c);
}

/* While enabled only EN and SHN may change; the rest keeps its value. */
static uint16_t set_cc(struct nvmf_ctrlr *c, uint32_t new)
{
	uint32_t old = c->cc;

	if ((old & new &NVME_CC_EN) != 0)
		new = (old & ~CC_SHN_MASK) | (new &CC_SHN_MASK);
	if (!(old & NVME_CC_EN) && (new &NVME_CC_EN) && c->disabling)
		return NVME_SC_SEQUENCE_ERROR | NVME_DNR; /* RDY is still 1 */
	c->cc = new;
	if ((old & NVME_CC_EN) && !(new &NVME_CC_EN)) {
		c->csts &= ~NVME_CSTS_SHST_MASK;
		reset(c);
	} else if (!(old & NVME_CC_EN) && (new &NVME_CC_EN)) {
		enable(c);
	}
	if (NVME_CC_SHN(new) != 0 && NVME_CC_SHN(old) == 0)
		shut_down(c);
	return NVME_SUCCESS;
}

/* --- NVM Subsystem Reset ------------------------------------------------------------------- */

static void reset_one(struct reactor *r, void *arg)
{
	struct nvmf_ctrlr *c = arg;

	(void)r;
	c->nssro = true;
	if (c->state == NVMF_CTRLR_LIVE)
		set_cc(c, 0);
}

/*
 * The controller that asked is on the registry until it ends, and so its subsystem
 * is there. One on the registry is freed by a later message to its owner.
 */
static void reset_subsystem(struct reactor *r, void *arg)
{
	struct nvmf_subsystem *s = arg;

	log_notice(r->core->log, "nvmf", "NVM subsystem reset by a host", "subnqn=%s", s->nqn);
	s->priv->was_reset = true;
	for (unsigned i = 0; i < s->priv->ctrlrs->len; i++) {
		struct nvmf_ctrlr *c = g_ptr_array_index(s->priv->ctrlrs, i);

		core_call(c->owner, reset_one, c);
	}
}

/* CSTS can be written for NSSRO alone; NSSR resets by one value, any other means nothing. */
static uint16_t set_nssr(struct nvmf_ctrlr *c, uint32_t offset, uint32_t value)
{
	if (!c->subsystem->enable_nssr)
		return NVME_SC_INVALID_FIELD | NVME_DNR;
	if (offset == NVME_REG_CSTS)
		c->nssro = c->nssro && !(value & CSTS_NSSRO);
	else if (value == NSSR_RESET)
		core_call(core_main(c->tgt->core), reset_subsystem, c->subsystem);
	return NVME_SUCCESS;
}

void nvmf_property_set(struct nvmf_request *req)
{
	const struct nvme_property_cmd *cmd = (const struct nvme_property_cmd *)&req->cmd;
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint16_t status = NVME_SC_INVALID_FIELD | NVME_DNR;

	if ((cmd->attrib & 7) != SIZE_4) {
		nvmf_request_fail(req, status, offsetof(struct nvme_property_cmd, attrib));
		return;
	}
	if (cmd->offset == NVME_REG_CC)
		status = set_cc(c, (uint32_t)cmd->value);
	else if (cmd->offset == NVME_REG_CSTS || cmd->offset == NVME_REG_NSSR)
		status = set_nssr(c, cmd->offset, (uint32_t)cmd->value);
	if (status == NVME_SUCCESS)
		nvmf_request_complete(req, status);
	else
		nvmf_request_fail(req, status, PEL_OFFSET);
}
