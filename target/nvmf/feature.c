/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Set and Get Features (base 2.0, 5.15 and 5.27). Nothing is saved, so "saved"
 * values are the defaults. What has no meaning here is kept and given back;
 * what would promise something that does not happen is refused.
 */
#include <string.h>

#include "target/nvmf/admin.h"
#include "target/nvmf/ana.h"

#define INVALID_FIELD (NVME_SC_INVALID_FIELD | NVME_DNR)
#define CAP_CHANGEABLE 0x4u
#define CAP_NS 0x2u
#define SEL_CURRENT 0
#define SEL_CAPABILITIES 3
#define SET_SAVE (1u << 31)
#define AEC_SMART 0xffu

#define TEMP_SELECT(cdw11) ((cdw11) >> 16 & 0xf)
#define TEMP_TYPE(cdw11) ((cdw11) >> 20 & 3)
#define TEMP_OVER 0
#define TEMP_UNDER 1
#define TEMP_DEFAULT 0x0000ffffu /* features[]: over in the low half, under in the high one */
#define QUEUES_NONE 0xffff

#define HOST_BEHAVIOR_LEN 512
#define HOST_ID_LEN 16

static const struct feature {
	uint8_t fid;
	bool changeable;
	bool ns;	/* of a namespace */
	bool discovery; /* discovery controllers have it too */
} features[] = {
	{ NVME_FEAT_ARBITRATION, true, false, false },
	{ NVME_FEAT_POWER, true, false, false },
	{ NVME_FEAT_TEMPERATURE, true, false, false },
	{ NVME_FEAT_ERROR_RECOVERY, false, true, false },
	{ NVME_FEAT_VWC, false, false, false },
	{ NVME_FEAT_QUEUES, true, false, false },
	{ NVME_FEAT_WRITE_ATOMICITY, true, false, false },
	{ NVME_FEAT_AEC, true, false, true },
	{ NVME_FEAT_KATO, true, false, true },
	{ NVME_FEAT_HOST_BEHAVIOR, true, false, false },
	{ NVME_FEAT_HOST_ID, false, false, true },
	{ NVME_FEAT_WRITE_PROTECT, true, true, false },
};

static const struct feature *find(const struct nvmf_ctrlr *c, uint8_t fid)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
		if (features[i].fid == fid)
			return c->discovery && !features[i].discovery ? NULL : &features[i];
	}
	return NULL;
}

bool nvmf_feature_known(const struct nvmf_ctrlr *c, uint8_t fid, bool *ns, bool *changeable)
{
	const struct feature *f = find(c, fid);

	if (f == NULL)
		return false;
	*ns = f->ns;
	*changeable = f->changeable;
	return true;
}

void nvmf_features_reset(struct nvmf_ctrlr *c)
{
	memset(c->features, 0, sizeof(c->features));
	c->features[NVME_FEAT_TEMPERATURE] = TEMP_DEFAULT;
	c->features[NVME_FEAT_VWC] = 1;
	c->aec = 0;
	c->queues_granted = 0;
	c->host_behavior_acre = false;
}

/* --- get ---------------------------------------------------------------------------------- */

static uint32_t both_halves(uint16_t queues)
{
	return (queues - 1u) * 0x10001u;
}

static uint32_t current_value(const struct nvmf_ctrlr *c, uint8_t fid)
{
	switch (fid) {
	case NVME_FEAT_QUEUES:
		return both_halves(c->queues_granted != 0 ? c->queues_granted : c->max_qid);
	case NVME_FEAT_AEC:
		return c->aec;
	case NVME_FEAT_KATO:
		return c->kato_ms;
	case NVME_FEAT_WRITE_PROTECT:
		return 0; /* each namespace's */
	default:
		return c->features[fid];
	}
}

static uint32_t default_value(const struct nvmf_ctrlr *c, uint8_t fid)
{
	switch (fid) {
	case NVME_FEAT_QUEUES:
		return both_halves(c->max_qid);
	case NVME_FEAT_TEMPERATURE:
		return TEMP_DEFAULT;
	case NVME_FEAT_VWC:
		return 1;
	default:
		return 0;
	}
}

static void get_host_behavior(struct nvmf_request *req, bool current)
{
	uint8_t *data = g_malloc0(HOST_BEHAVIOR_LEN);

	data[0] = current && req->qpair->ctrlr->host_behavior_acre;
	nvmf_request_reply_data(req, data, HOST_BEHAVIOR_LEN);
}

/* Fabrics has 128-bit host identifiers only (EXHID 1). */
static void get_host_id(struct nvmf_request *req, bool current)
{
	static const uint8_t none[HOST_ID_LEN];

	if (!(req->cmd.cdw11 & 1)) {
		nvmf_request_fail(req, INVALID_FIELD, NVME_PEL(cdw11));
		return;
	}
	nvmf_request_reply_data(req,
				g_memdup2(current ? req->qpair->ctrlr->hostid : none, HOST_ID_LEN),
				HOST_ID_LEN);
}

static uint16_t get_temperature(uint32_t limits, uint32_t cdw11, uint32_t *value)
{
	/* The composite temperature is the only one. */
	if (TEMP_SELECT(cdw11) != 0 || TEMP_TYPE(cdw11) > TEMP_UNDER)
		return INVALID_FIELD;
	*value = TEMP_TYPE(cdw11) == TEMP_OVER ? limits & 0xffff : limits >> 16;
	return NVME_SUCCESS;
}

/* 1: write protected, by its configuration or by a host. */
static uint16_t get_write_protection(const struct nvmf_ctrlr *c, uint32_t nsid, uint32_t *value)
{
	const struct nvmf_ns_group *ng = nvmf_ctrlr_ns(c, c->sgroup, nsid);

	if (ng == NULL)
		return NVME_SC_INVALID_NS | NVME_DNR;
	*value = ng->info->read_only;
	return NVME_SUCCESS;
}

static uint16_t check_recovery_nsid(const struct nvmf_ctrlr *c, uint32_t nsid)
{
	bool good = nsid == NVME_NSID_ALL || (nsid != 0 && nsid <= c->subsystem->max_namespaces);

	return good ? NVME_SUCCESS : NVME_SC_INVALID_NS | NVME_DNR;
}

static void get_value(struct nvmf_request *req, uint8_t fid, bool current)
{
	const struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint32_t value = current ? current_value(c, fid) : default_value(c, fid);
	uint16_t status = NVME_SUCCESS, where = NVME_PEL(nsid);

	if (fid == NVME_FEAT_TEMPERATURE) {
		status = get_temperature(value, req->cmd.cdw11, &value);
		where = NVME_PEL(cdw11);
	} else if (fid == NVME_FEAT_ERROR_RECOVERY) {
		status = check_recovery_nsid(c, req->cmd.nsid);
	} else if (fid == NVME_FEAT_WRITE_PROTECT) {
		status = get_write_protection(c, req->cmd.nsid, &value);
		value = current ? value : 0;
	}
	if (status != NVME_SUCCESS) {
		nvmf_request_fail(req, status, where);
		return;
	}
	req->rsp.dw0 = value;
	nvmf_request_complete(req, NVME_SUCCESS);
}

void nvmf_get_features(struct nvmf_request *req)
{
	uint8_t fid = (uint8_t)req->cmd.cdw10;
	unsigned sel = req->cmd.cdw10 >> 8 & 7;
	const struct feature *f = find(req->qpair->ctrlr, fid);

	if (f == NULL) {
		nvmf_request_fail(req, INVALID_FIELD, NVME_PEL(cdw10));
	} else if (sel > SEL_CAPABILITIES) {
		nvmf_request_fail(req, INVALID_FIELD, NVME_PEL(cdw10) + 1);
	} else if (sel == SEL_CAPABILITIES) {
		req->rsp.dw0 = (f->changeable ? CAP_CHANGEABLE : 0) | (f->ns ? CAP_NS : 0);
		nvmf_request_complete(req, NVME_SUCCESS);
	} else if (fid == NVME_FEAT_HOST_BEHAVIOR) {
		get_host_behavior(req, sel == SEL_CURRENT);
	} else if (fid == NVME_FEAT_HOST_ID) {
		get_host_id(req, sel == SEL_CURRENT);
	} else {
		get_value(req, fid, sel == SEL_CURRENT);
	}
}

bool nvmf_temperature_exceeded(const struct nvmf_ctrlr *c)
{
	uint32_t limits = c->features[NVME_FEAT_TEMPERATURE];

	return NVMF_TEMPERATURE >= (limits & 0xffff) || NVMF_TEMPERATURE <= limits >> 16;
}

/* --- set ---------------------------------------------------------------------------------- */

static uint16_t set_temperature(struct nvmf_ctrlr *c, uint32_t cdw11)
{
	uint32_t *value = &c->features[NVME_FEAT_TEMPERATURE];
	unsigned select = TEMP_SELECT(cdw11);
	bool before = nvmf_temperature_exceeded(c);

	if ((select != 0 && select != 0xf) || TEMP_TYPE(cdw11) > TEMP_UNDER)
		return INVALID_FIELD;
	if (TEMP_TYPE(cdw11) == TEMP_OVER)
		*value = (*value & 0xffff0000u) | (cdw11 & 0xffff);
	else
		*value = (*value & 0xffff) | cdw11 << 16;
	if (!before && nvmf_temperature_exceeded(c))
		nvmf_ctrlr_notice(c, NVMF_NOTICE_TEMPERATURE);
	return NVME_SUCCESS;
}

/* Queues come in pairs: what both halves grant can be connected. */
static uint16_t set_queues(struct nvmf_request *req)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint32_t nsq = req->cmd.cdw11 & 0xffff, ncq = req->cmd.cdw11 >> 16;

	if (nsq == QUEUES_NONE || ncq == QUEUES_NONE)
		return INVALID_FIELD;
	if (c->nqueues > 0)
		return NVME_SC_SEQUENCE_ERROR | NVME_DNR;
	nsq = MIN(nsq, c->max_qid - 1u);
	ncq = MIN(ncq, c->max_qid - 1u);
	c->queues_granted = (uint16_t)(MIN(nsq, ncq) + 1);
	req->rsp.dw0 = nsq | ncq << 16;
	return NVME_SUCCESS;
}

static uint16_t set_aec(struct nvmf_ctrlr *c, uint32_t cdw11)
{
	if (cdw11 & ~(nvmf_ctrlr_oaes(c) | AEC_SMART))
		return INVALID_FIELD;
	c->aec = cdw11;
	nvmf_notices_deliver(c);
	return NVME_SUCCESS;
}

static void copy_in(const struct nvmf_request *req, uint8_t *to, size_t left)
{
	for (unsigned i = 0; i < req->niov && left > 0; i++) {
		size_t n = MIN(left, req->iov[i].iov_len);

		memcpy(to, req->iov[i].iov_base, n);
		to += n;
		left -= n;
	}
}

/* ACRE, ETDAS, LBAFEE: switches of one byte; ACRE alone would mean something here. */
static uint16_t set_host_behavior(struct nvmf_request *req)
{
	uint8_t data[HOST_BEHAVIOR_LEN] = { 0 };

	if (req->data_len < sizeof(data))
		return NVME_SC_SGL_LENGTH_INVALID | NVME_DNR;
	copy_in(req, data, sizeof(data));
	if (data[0] > 1 || data[1] > 1 || data[2] > 1)
		return INVALID_FIELD;
	req->qpair->ctrlr->host_behavior_acre = data[0];
	return NVME_SUCCESS;
}

static uint16_t keep(struct nvmf_ctrlr *c, uint8_t fid, uint32_t value)
{
	c->features[fid] = value;
	return NVME_SUCCESS;
}

/* A value that cannot be changed may be set to what it is. */
static uint16_t unchanged(bool same)
{
	return same ? NVME_SUCCESS : NVME_SC_FEATURE_NOT_CHANGEABLE | NVME_DNR;
}

static uint16_t set_feature(struct nvmf_request *req, uint8_t fid)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint32_t cdw11 = req->cmd.cdw11;

	switch (fid) {
	case NVME_FEAT_ARBITRATION:
		return keep(c, fid, cdw11 & 0xffffff07u);
	case NVME_FEAT_POWER:
		return cdw11 & 0x1f ? INVALID_FIELD : keep(c, fid, cdw11 & 0xff);
	case NVME_FEAT_TEMPERATURE:
		return set_temperature(c, cdw11);
	case NVME_FEAT_ERROR_RECOVERY:
		return unchanged((cdw11 & 0x1ffff) == 0);
	case NVME_FEAT_VWC:
		return unchanged(cdw11 & 1);
	case NVME_FEAT_QUEUES:
		return set_queues(req);
	case NVME_FEAT_WRITE_ATOMICITY:
		return keep(c, fid, cdw11 & 1);
	case NVME_FEAT_AEC:
		return set_aec(c, cdw11);
	case NVME_FEAT_KATO:
		nvmf_keep_alive_start(c, cdw11);
		return NVME_SUCCESS;
	case NVME_FEAT_HOST_BEHAVIOR:
		return set_host_behavior(req);
	default:
		/* The host identifier: Connect has settled it. */
		return NVME_SC_SEQUENCE_ERROR | NVME_DNR;
	}
}

/* A feature of the controller is set with NSID 0 or FFFFFFFFh. */
static uint16_t check_nsid(const struct nvmf_ctrlr *c, const struct feature *f, uint32_t nsid)
{
	if (nsid == NVME_NSID_ALL || (nsid == 0 && !f->ns))
		return NVME_SUCCESS;
	if (nsid == 0 || nsid > c->subsystem->max_namespaces)
		return NVME_SC_INVALID_NS | NVME_DNR;
	return f->ns ? NVME_SUCCESS : NVME_SC_FEATURE_NOT_NS | NVME_DNR;
}

void nvmf_set_features(struct nvmf_request *req)
{
	uint8_t fid = (uint8_t)req->cmd.cdw10;
	const struct feature *f = find(req->qpair->ctrlr, fid);
	uint16_t status, where = NVME_PEL(cdw10);

	if (f == NULL) {
		status = INVALID_FIELD;
	} else if (req->cmd.cdw10 & SET_SAVE) {
		status = NVME_SC_FEATURE_NOT_SAVEABLE | NVME_DNR;
		where = NVME_PEL_BIT(cdw10, 31);
	} else {
		status = check_nsid(req->qpair->ctrlr, f, req->cmd.nsid);
		where = NVME_PEL(nsid);
	}
	if (status == NVME_SUCCESS && fid == NVME_FEAT_WRITE_PROTECT) {
		nvmf_set_write_protection(req);
		return;
	}
	if (status == NVME_SUCCESS) {
		status = set_feature(req, fid);
		where = NVME_PEL(cdw11);
	}
	if (status == NVME_SUCCESS)
		nvmf_request_complete(req, status);
	else
		nvmf_request_fail(req, status, where);
}
