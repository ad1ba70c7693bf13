/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files that execute admin commands and properties. The controller's owner. */
#pragma once

#include "target/nvmf/ctrlr.h"

/* Base 2.0: what an administrator and a host see of it is in property.c. */
#define NVMF_VERSION 0x00020000u
#define NVMF_FIRMWARE_REVISION "0.1.0" /* at most 8 characters */
#define NVMF_TEMPERATURE 298 /* K: there is no sensor, and no host should worry */
#define NVMF_READY_TIMEOUT 30 /* x 500 ms */

/* Commands that this target has, for the effects log and for ONCS. */
extern const uint8_t nvmf_admin_opcodes[], nvmf_io_opcodes[];
extern const unsigned nvmf_admin_opcodes_len, nvmf_io_opcodes_len;

/* The asynchronous events that a host may enable, as in OAES. */
static inline uint32_t nvmf_ctrlr_oaes(const struct nvmf_ctrlr *c)
{
	if (c->discovery)
		return NVME_OAES_DISCOVERY;
	return NVME_OAES_NS_ATTR | (c->subsystem->ana_reporting ? NVME_OAES_ANA : 0);
}

/* Is c one that takes admin commands (enabled, and not on its way down)? */
static inline bool nvmf_ctrlr_ready(const struct nvmf_ctrlr *c)
{
	return (c->cc & NVME_CC_EN) && (c->csts & NVME_CSTS_RDY);
}

/* Identify with CNS 12h or 13h. */
void nvmf_identify_ctrlrs(struct nvmf_request *req);

/* All features as they are after a reset; the keep-alive timeout stays. */
void nvmf_features_reset(struct nvmf_ctrlr *c);
/* Does Set/Get Features know it, on this kind of controller? *ns: it is one of namespaces. */
bool nvmf_feature_known(const struct nvmf_ctrlr *c, uint8_t fid, bool *ns, bool *changeable);

/* The part of a log page that a command asks for. */
struct nvmf_log_range {
	uint64_t offset;
	uint32_t len;
	bool keep; /* RAE */
};

/* Sends the range of a page of size bytes, which it frees. False: refused, and answered. */
bool nvmf_log_reply(struct nvmf_request *req, void *page, uint64_t size,
		    const struct nvmf_log_range *range);
/* Log 02h, of the subsystem or of one namespace. */
void nvmf_smart_log(struct nvmf_request *req, const struct nvmf_log_range *range);
/* Is the composite temperature out of the limits that the host has set? */
bool nvmf_temperature_exceeded(const struct nvmf_ctrlr *c);
/* Log 01h as it is now; page has room for NVMF_ERROR_LOG_ENTRIES, zeroed. */
void nvmf_error_log_fill(const struct nvmf_ctrlr *c, struct nvme_error_entry *page);

/* Set Features with 84h: takes its time. */
void nvmf_set_write_protection(struct nvmf_request *req);

/* Forgets all notices and the changed list (reset). */
void nvmf_notices_reset(struct nvmf_ctrlr *c);
/* Tells what is pending, as far as there are AERs and the host wants it. */
void nvmf_notices_deliver(struct nvmf_ctrlr *c);
/* Log 04h as it is now; page has room for NVME_CHANGED_NS_MAX entries, zeroed. */
void nvmf_changed_ns_fill(const struct nvmf_ctrlr *c, uint32_t *page);
/* Bytes offset to offset + len of it were read with RAE 0. */
void nvmf_changed_ns_read(struct nvmf_ctrlr *c, uint64_t offset, uint32_t len);
