/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Get Log Page (base 2.0, 5.16). A page is made whole and the part asked for is
 * sent; bytes beyond its end are zero, an offset beyond its end is refused.
 *
 * The discovery log is made on the main reactor, which knows the subsystems. The
 * request may travel there, since its queue, and so the controller, waits for it.
 */
#include <string.h>

#include "target/nvmf/admin.h"
#include "target/nvmf/io.h"
#include "target/nvmf/ana.h"

#define INVALID_FIELD (NVME_SC_INVALID_FIELD | NVME_DNR)
#define LOG_SUPPORTED 0x00
#define CSI_NVM 0
#define LOG_FEATURES 0x12
#define LOG_MI_COMMANDS 0x13
#define CDW10_RAE (1u << 15)
#define CDW10_RGO (1u << 8) /* LSP of log 0Ch: groups only */
#define CDW14_INDEX_OFFSET (1u << 23)
/* In the effects of commands and of features alike */
#define SUPPORTED (1u << 0)
#define BLOCKS_CHANGE (1u << 1)
#define SCOPE_NS (1u << 20)
#define SCOPE_CTRLR (1u << 21)

struct firmware_log {
	uint8_t active, reserved1[7];
	char revision[7][8];
	uint8_t reserved64[448];
};
_Static_assert(sizeof(struct firmware_log) == 512, "firmware slot log");

/* --- the pages -------------------------------------------------------------------------- */

static void fill_nothing(const struct nvmf_ctrlr *c, void *page)
{
	(void)c;
	(void)page;
}

static void fill_errors(const struct nvmf_ctrlr *c, void *page)
{
	nvmf_error_log_fill(c, page);
}

static void fill_firmware(const struct nvmf_ctrlr *c, void *page)
{
	struct firmware_log *log = page;

	(void)c;
	log->active = 1;
	nvme_pad(log->revision[0], NVMF_FIRMWARE_REVISION, sizeof(log->revision[0]));
}

static void fill_changed(const struct nvmf_ctrlr *c, void *page)
{
	nvmf_changed_ns_fill(c, page);
}

/*
 * I/O commands have no scope in it: Linux warns of any bit but the first two as
 * an unusual effect.
 */
static void fill_effects(const struct nvmf_ctrlr *c, void *page)
{
	struct nvme_effects_log *log = page;

	for (unsigned i = 0; i < nvmf_admin_opcodes_len; i++)
		log->admin[nvmf_admin_opcodes[i]] = SUPPORTED | SCOPE_CTRLR;
	for (unsigned i = 0; i < nvmf_io_opcodes_len; i++)
		log->io[nvmf_io_opcodes[i]] = SUPPORTED;
	log->io[NVME_CMD_WRITE] |= BLOCKS_CHANGE;
	log->io[NVME_CMD_WRITE_ZEROES] |= BLOCKS_CHANGE;
	log->io[NVME_CMD_DSM] |= BLOCKS_CHANGE;
	log->io[NVME_CMD_COPY] |= BLOCKS_CHANGE;
	for (unsigned i = 0; i < nvmf_io_opcodes_len; i++)
		if (nvmf_transport_masks(c->transport, nvmf_io_opcodes[i]))
			log->io[nvmf_io_opcodes[i]] = 0;
	if (nvmf_io_has_write_uncorrectable(c->sgroup))
		log->io[NVME_CMD_WRITE_UNCORRECTABLE] = SUPPORTED | BLOCKS_CHANGE;
}

static void fill_features(const struct nvmf_ctrlr *c, void *page)
{
	uint32_t *effects = page;
	bool ns, changeable;

	for (unsigned fid = 0; fid < 256; fid++) {
		if (nvmf_feature_known(c, (uint8_t)fid, &ns, &changeable))
			effects[fid] = SUPPORTED | (ns ? SCOPE_NS : SCOPE_CTRLR);
	}
}

static void fill_supported(const struct nvmf_ctrlr *c, void *page);

static const struct log {
	uint8_t lid;
	bool discovery, io; /* on which controllers */
	uint32_t size;
	void (*fill)(const struct nvmf_ctrlr *c, void *page); /* NULL: on its own, below */
} logs[] = {
	{ LOG_SUPPORTED, true, true, 256 * 4, fill_supported },
	{ NVME_LOG_ERROR, false, true, NVMF_ERROR_LOG_ENTRIES * 64, fill_errors },
	{ NVME_LOG_SMART, false, true, sizeof(struct nvme_smart_log), NULL },
	{ NVME_LOG_FIRMWARE, false, true, sizeof(struct firmware_log), fill_firmware },
	{ NVME_LOG_CHANGED_NS, false, true, NVME_CHANGED_NS_MAX * 4, fill_changed },
	{ NVME_LOG_EFFECTS, false, true, sizeof(struct nvme_effects_log), fill_effects },
	{ LOG_FEATURES, false, true, 256 * 4, fill_features },
	{ LOG_MI_COMMANDS, false, true, 4096, fill_nothing },
	{ NVME_LOG_ANA, false, true, 0, NULL },
	{ NVME_LOG_DISCOVERY, true, false, 0, NULL },
};

static bool has(const struct nvmf_ctrlr *c, const struct log *log)
{
	if (log->lid == NVME_LOG_ANA && !c->subsystem->ana_reporting)
		return false;
	return c->discovery ? log->discovery : log->io;
}

static void fill_supported(const struct nvmf_ctrlr *c, void *page)
{
	uint32_t *supported = page;

	for (unsigned i = 0; i < G_N_ELEMENTS(logs); i++) {
		if (has(c, &logs[i]))
			supported[logs[i].lid] = SUPPORTED;
	}
}

/* --- sending a part ----------------------------------------------------------------------- */

bool nvmf_log_reply(struct nvmf_request *req, void *page, uint64_t size,
		    const struct nvmf_log_range *range)
{
	uint8_t *data;

	if (range->offset > size) {
		g_free(page);
		nvmf_request_fail(req, INVALID_FIELD, NVME_PEL(cdw12));
		return false;
	}
	data = g_malloc0(range->len);
	memcpy(data, (uint8_t *)page + range->offset, MIN(range->len, size - range->offset));
	g_free(page);
	nvmf_request_reply_data(req, data, range->len);
	return true;
}

static void read_local(struct nvmf_request *req, const struct log *log,
		       const struct nvmf_log_range *range)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	void *page = g_malloc0(log->size);

	log->fill(c, page);
	if (nvmf_log_reply(req, page, log->size, range) && log->lid == NVME_LOG_CHANGED_NS &&
	    !range->keep)
		nvmf_changed_ns_read(c, range->offset, range->len);
}

/*
 * States are stored before their notice is sent, so one that is here already is
 * of a change that the page shows; whoever reads from the start sees the change
 * count, and needs no notice of it.
 */
static void read_ana(struct nvmf_request *req, const struct nvmf_log_range *range)
{
	struct nvmf_ctrlr *c = req->qpair->ctrlr;
	uint32_t size;
	void *page = nvmf_ana_log(c, req->cmd.cdw10 & CDW10_RGO, &size);

	if (!nvmf_log_reply(req, page, size, range) || range->keep)
		return;
	if (range->offset == 0)
		c->pending &= (uint8_t) ~(1 << NVMF_NOTICE_ANA);
	nvmf_ctrlr_notice_read(c, NVMF_NOTICE_ANA);
}

/* --- discovery ------------------------------------------------------------------------------ */

struct discovery_read {
	struct nvmf_request *req;
	struct nvmf_log_range range;
	void *page;
	uint32_t size;
};

/*
 * A reader in pieces may be behind the end of a log that has become shorter since
 * it began: zeros then, no error. The generation counter tells it.
 */
static void keep_size(struct nvmf_ctrlr *c, struct discovery_read *d)
{
	if (d->size < c->discovery_size) {
		d->page = g_realloc(d->page, c->discovery_size);
		memset((uint8_t *)d->page + d->size, 0, c->discovery_size - d->size);
		d->size = c->discovery_size;
	}
	c->discovery_size = d->size;
}

/*
 * Back at the owner. Messages of the main reactor come in order, so a notice that
 * is here already is of a change that the page shows. Whoever reads from the
 * start sees the generation counter, and needs no notice of it.
 */
static void discovery_made(struct reactor *r, void *arg)
{
	g_autofree struct discovery_read *d = arg;
	struct nvmf_request *req = d->req;
	struct nvmf_ctrlr *c = req->qpair->ctrlr;

	(void)r;
	if (req->qpair->state != NVMF_QPAIR_ENABLED) {
		g_free(d->page);
		nvmf_request_complete(req, NVME_SC_ABORTED_SQ_DELETED);
		return;
	}
	keep_size(c, d);
	if (!nvmf_log_reply(req, d->page, d->size, &d->range) || d->range.keep)
		return;
	if (d->range.offset == 0)
		c->pending &= (uint8_t) ~(1 << NVMF_NOTICE_DISCOVERY);
	nvmf_ctrlr_notice_read(c, NVMF_NOTICE_DISCOVERY);
}

static void make_discovery(struct reactor *r, void *arg)
{
	struct discovery_read *d = arg;
	const struct nvmf_ctrlr *c = d->req->qpair->ctrlr;

	(void)r;
	d->page = nvmf_discovery_log(c->tgt, c->hostnqn, &c->listen, &d->size);
	core_call(c->owner, discovery_made, d);
}

static void read_discovery(struct nvmf_request *req, const struct nvmf_log_range *range)
{
	struct discovery_read *d = g_new0(struct discovery_read, 1);

	d->req = req;
	d->range = *range;
	core_call(core_main(req->qpair->reactor->core), make_discovery, d);
}

/* --- the command ------------------------------------------------------------------------------ */

static const struct log *find_log(const struct nvmf_ctrlr *c, uint8_t lid)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(logs); i++) {
		if (logs[i].lid == lid && has(c, &logs[i]))
			return &logs[i];
	}
	return NULL;
}

static uint16_t parse_range(const struct nvmf_request *req, struct nvmf_log_range *range,
			    uint16_t *where)
{
	const struct nvme_cmd *cmd = &req->cmd;
	uint64_t dwords = ((uint64_t)(cmd->cdw11 & 0xffff) << 16 | cmd->cdw10 >> 16) + 1;

	*where = NVME_PEL(cdw10) + 2;
	if (dwords * 4 > req->qpair->transport->options.max_io_size)
		return INVALID_FIELD; /* beyond MDTS */
	range->len = (uint32_t)(dwords * 4);
	range->offset = (uint64_t)cmd->cdw13 << 32 | cmd->cdw12;
	range->keep = cmd->cdw10 & CDW10_RAE;
	*where = NVME_PEL(cdw12);
	if ((range->offset & 3) != 0)
		return INVALID_FIELD;
	*where = NVME_PEL_BIT(cdw14, 23);
	if (cmd->cdw14 & CDW14_INDEX_OFFSET)
		return INVALID_FIELD;
	*where = NVME_PEL(sgl) + offsetof(struct nvme_sgl, length);
	return req->data_len < range->len ? NVME_SC_SGL_LENGTH_INVALID | NVME_DNR : NVME_SUCCESS;
}

/* The SMART log is kept for single namespaces too; the rest has no namespace. */
static uint16_t check_nsid(const struct nvmf_ctrlr *c, const struct log *log, uint32_t nsid)
{
	if (log->lid != NVME_LOG_SMART || nsid == 0 || nsid == NVME_NSID_ALL ||
	    nvmf_ctrlr_ns(c, c->sgroup, nsid) != NULL)
		return NVME_SUCCESS;
	return NVME_SC_INVALID_NS | NVME_DNR;
}

/* The effects are those of one command set, and there is only NVM. */
static uint16_t check(const struct nvmf_request *req, const struct log *log,
		      struct nvmf_log_range *range, uint16_t *where)
{
	uint16_t status;

	*where = NVME_PEL(cdw10);
	if (log == NULL)
		return NVME_SC_INVALID_LOG_PAGE | NVME_DNR;
	status = parse_range(req, range, where);
	if (status != NVME_SUCCESS)
		return status;
	*where = NVME_PEL(cdw14) + 3;
	if (log->lid == NVME_LOG_EFFECTS && req->cmd.cdw14 >> 24 != CSI_NVM)
		return INVALID_FIELD;
	*where = NVME_PEL(nsid);
	return check_nsid(req->qpair->ctrlr, log, req->cmd.nsid);
}

void nvmf_get_log_page(struct nvmf_request *req)
{
	const struct log *log = find_log(req->qpair->ctrlr, (uint8_t)req->cmd.cdw10);
	struct nvmf_log_range range;
	uint16_t where, status = check(req, log, &range, &where);

	if (status != NVME_SUCCESS)
		nvmf_request_fail(req, status, where);
	else if (log->fill != NULL)
		read_local(req, log, &range);
	else if (log->lid == NVME_LOG_SMART)
		nvmf_smart_log(req, &range);
	else if (log->lid == NVME_LOG_ANA)
		read_ana(req, &range);
	else
		read_discovery(req, &range);
}
