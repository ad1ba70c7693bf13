/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller. Made on the main reactor by Connect (connect.c), then owned by
 * one reactor (its admin queue's): properties, features, AERs, keep-alive,
 * Identify and teardown run there. I/O queues elsewhere read only the fields
 * that never change.
 *
 * Removal: kill (nvmf_ctrlr_kill: all queues), drain and wait (each queue says
 * good-bye), the main reactor takes it off the registry, free.
 */
#pragma once

#include "target/nvmf/group.h"
#include "target/nvmf/qpair.h"

enum nvmf_ctrlr_state {
	NVMF_CTRLR_NEW,      /* Connect of the admin queue is under way */
	NVMF_CTRLR_LIVE,     /* the admin queue is connected; CC.EN may be 0 or 1 */
	NVMF_CTRLR_DELETING, /* queues are being killed */
	NVMF_CTRLR_GONE,     /* no queue left; the main reactor is told */
	NVMF_CTRLR_STATES
};

#define NVMF_ERROR_LOG_ENTRIES 64
#define NVMF_ABORT_MAX 4 /* ACL */

/* Notices that a host can enable (AEC bits are those of OAES). */
enum nvmf_notice {
	NVMF_NOTICE_NS,
	NVMF_NOTICE_ANA,
	NVMF_NOTICE_DISCOVERY,
	NVMF_NOTICE_TEMPERATURE, /* a critical warning */
	NVMF_NOTICES
};

struct nvmf_ctrlr {
	/* never change */
	struct nvmf_tgt *tgt;
	struct nvmf_subsystem *subsystem;
	struct nvmf_transport *transport;
	uint16_t portid; /* it came in through; the port may be gone by now */
	struct nvmf_trid listen; /* the address it came in through, as asked (not the wildcard) */
	struct reactor *owner;
	bool discovery;
	uint16_t cntlid;
	uint16_t max_qid; /* I/O queues at most */
	char hostnqn[NVME_NQN_FIELD];
	uint8_t hostid[16];
	struct nvmf_ana *ana; /* of the listener it came in through; NULL: discovery */

	/*
	 * By nsid - 1: may the host see it, where the namespace is restricted. Set by
	 * the main reactor, which counts its changes, read by all.
	 */
	_Atomic uint8_t *visible;
	_Atomic uint32_t visible_changes;

	/* the owner's */
	enum nvmf_ctrlr_state state;
	struct nvmf_group *group;
	struct nvmf_sgroup *sgroup;
	struct nvmf_qpair *admin;
	struct nvmf_qpair **queues; /* [max_qid + 1]; connected or connecting I/O queues */
	unsigned nqueues;           /* of them, not counting the admin queue */
	uint32_t cc, csts;
	uint64_t cap;
	uint16_t queues_granted; /* by Set Features 07h; 0: not asked yet (then max_qid) */
	bool disabling; /* CC.EN went to 0 (or shutdown): waiting for the I/O queues */

	struct timer association_timer; /* while it is not enabled, or shut down */
	bool nssro; /* its subsystem was reset before it came, and its host has not cleared that */

	uint32_t kato_ms; /* 0: off */
	struct timer kato_timer;
	uint32_t activity;      /* sum seen at the last check */
	uint32_t activity_gone; /* of queues that have left */

	uint32_t discovery_size; /* bytes of the longest discovery log it was shown */
	uint32_t aec; /* feature 0Bh */
	struct nvmf_request *aers[NVMF_AER_MAX];
	unsigned naers;
	uint8_t pending; /* 1 << enum nvmf_notice: to be told */
	uint8_t masked;  /* 1 << enum nvmf_notice: told, log page not read yet */
	/* Log 04h: sorted, no doubles; changed_all: more than fit. */
	uint32_t changed[NVME_CHANGED_NS_MAX];
	uint32_t nchanged;
	bool changed_all;

	uint32_t features[0x20]; /* values of simple features, by id */
	bool host_behavior_acre;
	unsigned naborts; /* Abort commands under way, at most NVMF_ABORT_MAX */

	uint64_t nerrors; /* ever; the log has the last ones, by number - 1 modulo its size */
	struct nvme_error_entry errors[NVMF_ERROR_LOG_ENTRIES];
};

extern const char *const nvmf_ctrlr_state_names[NVMF_CTRLR_STATES];
void nvmf_ctrlr_set_state(struct nvmf_ctrlr *c, enum nvmf_ctrlr_state state);

/* --- connect.c, ctrlr.c (life) ------------------------------------------------- */

/* The Fabrics Connect command, on a NEW queue. */
void nvmf_connect(struct nvmf_request *req);
/* Ends the controller and all its queues. Owner; any number of times. */
void nvmf_ctrlr_kill(struct nvmf_ctrlr *c);
/* q is gone for good: takes it off the controller. Owner. */
void nvmf_ctrlr_forget_queue(struct nvmf_ctrlr *c, struct nvmf_qpair *q);
/* Kills the I/O queues only (CC.EN 1 -> 0, shutdown); nvmf_ctrlr_io_queues_gone follows. */
void nvmf_ctrlr_kill_io_queues(struct nvmf_ctrlr *c);

/* --- property.c ------------------------------------------------------------------ */

/* Called when the controller has come to its owner: resets registers, features, starts keep-alive. */
void nvmf_ctrlr_init(struct nvmf_ctrlr *c, uint32_t kato_ms);
/* Its timers end. */
void nvmf_ctrlr_fini(struct nvmf_ctrlr *c);
void nvmf_property_get(struct nvmf_request *req);
void nvmf_property_set(struct nvmf_request *req);
/* All I/O queues killed by nvmf_ctrlr_kill_io_queues are gone. */
void nvmf_ctrlr_io_queues_gone(struct nvmf_ctrlr *c);

/* --- admin.c, identify.c, log.c, feature.c, aer.c, keep-alive.c -------------------- */

/* Any admin command except fabrics, on the admin queue of an enabled controller or not. */
void nvmf_admin_exec(struct nvmf_request *req);
void nvmf_identify(struct nvmf_request *req);
void nvmf_get_log_page(struct nvmf_request *req);
void nvmf_get_features(struct nvmf_request *req);
void nvmf_set_features(struct nvmf_request *req);
void nvmf_aer(struct nvmf_request *req);
void nvmf_abort(struct nvmf_request *req);
/* A namespace came, went or changed: remembered, told when enabled and an AER is there. Owner. */
void nvmf_ctrlr_ns_changed(struct nvmf_ctrlr *c, uint32_t nsid);
void nvmf_ctrlr_notice(struct nvmf_ctrlr *c, enum nvmf_notice notice);
/* The log page of a notice was read with RAE 0. */
void nvmf_ctrlr_notice_read(struct nvmf_ctrlr *c, enum nvmf_notice notice);
/* Completes all AERs (reset: Abort Requested) or drops them with their queue. */
void nvmf_ctrlr_abort_aers(struct nvmf_ctrlr *c);
/* Takes one AER by cid, for Abort. NULL: none. */
struct nvmf_request *nvmf_ctrlr_take_aer(struct nvmf_ctrlr *c, uint16_t cid);
void nvmf_keep_alive_start(struct nvmf_ctrlr *c, uint32_t kato_ms);
void nvmf_keep_alive_stop(struct nvmf_ctrlr *c);

/* --- error-log.c --------------------------------------------------------------------- */

/*
 * An entry of the controller's Error Information log. Before the request completes, on its
 * queue's reactor; allocates nothing. Where: byte 7:0 and bit 10:8 of the command
 * (NVME_PEL), or NVME_PEL_NONE.
 */
void nvmf_error_log(struct nvmf_request *req, uint16_t status, uint16_t param_error_location);
/* The same, and completes it. */
void nvmf_request_fail(struct nvmf_request *req, uint16_t status, uint16_t param_error_location);

/* --- discovery.c -------------------------------------------------------------------- */

/*
 * The discovery log for a host (NULL hostnqn: none) that came in through listen:
 * header and entries. g_malloc'd; *len its size. Main reactor.
 */
void *nvmf_discovery_log(struct nvmf_tgt *tgt, const char *hostnqn, const struct nvmf_trid *listen,
			 uint32_t *len);
/* May this host use the subsystem? Main reactor. */
bool nvmf_subsystem_host_allowed(const struct nvmf_subsystem *s, const char *hostnqn);
/* Something a discovery log shows has changed: moves the generation counter. Main reactor. */
void nvmf_discovery_changed(struct nvmf_tgt *tgt);

/* --- io.c ------------------------------------------------------------------------------ */

void nvmf_io_exec(struct nvmf_request *req);
