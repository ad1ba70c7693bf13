/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NVMe-oF target, as configuration sees it: transports, subsystems,
 * namespaces, listeners, hosts. All of it is for the main reactor.
 *
 * Calls that have to reach every reactor, or wait for I/O or controllers, take
 * a done callback: called exactly once, later, on the main reactor; error NULL
 * means done (the error stays the caller's of done: do not free).
 * GError codes are what JSON-RPC users see (target/core/error.h).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/net.h"
#include "target/bdev/bdev.h"
#include "target/core/core.h"
#include "target/nvme/nvme.h"

struct nvmf_ana;
struct nvmf_ctrlr;
struct nvmf_listener;
struct nvmf_ns;
struct nvmf_subsystem;
struct nvmf_tgt;
struct nvmf_transport;

typedef void (*nvmf_done)(void *arg, const GError *error);

/* --- limits ----------------------------------------------------------------- */

#define NVMF_MAX_NSID 1024            /* namespaces a subsystem at most */
#define NVMF_MAX_SUBSYSTEMS 65536     /* of a target at most */
#define NVMF_MAX_QUEUE_DEPTH 1024     /* entries of an I/O queue at most */
#define NVMF_MIN_CNTLID 1
#define NVMF_MAX_CNTLID 0xffef
#define NVMF_MIN_IO_SIZE 8192 /* bytes; MDTS cannot say less */
#define NVMF_MAX_IO_SIZE (1024 * 1024) /* bytes; one pool buffer holds it */
#define NVMF_AER_MAX 4                /* outstanding asynchronous event requests */

/* --- target ----------------------------------------------------------------- */

/* What becomes of a host that connects a second time through the same listener. */
enum nvmf_dup_host_policy {
	NVMF_DUP_HOST_ALLOW,
	NVMF_DUP_HOST_RESTRICT_PER_LISTENER, /* refused while the first is there */
};

struct nvmf_tgt_options {
	const char *name;        /* "nvmf_tgt" */
	uint32_t max_subsystems; /* 0: 1024 */
	unsigned discovery_filters; /* NVMF_FILTER_* */
	enum nvmf_dup_host_policy dup_host_policy;
};

struct nvmf_tgt *nvmf_tgt_new(struct core *core, struct bdev_layer *bdevs,
			      const struct nvmf_tgt_options *options);
/*
 * Closes listeners, disconnects all, waits for I/O, closes namespaces. Works with
 * I/O outstanding. After done only nvmf_tgt_free may follow.
 */
void nvmf_tgt_shutdown(struct nvmf_tgt *tgt, void (*done)(void *arg), void *arg);
/* After shutdown, or when the core was never started. */
void nvmf_tgt_free(struct nvmf_tgt *tgt);
const char *nvmf_tgt_name(const struct nvmf_tgt *tgt);

/*
 * Further targets of the process, which belong to the first: they are shut down and
 * freed with it, or before by nvmf_tgt_delete(), which does what nvmf_tgt_shutdown()
 * does. The first cannot be deleted (-EBUSY).
 */
struct nvmf_tgt *nvmf_tgt_add(struct nvmf_tgt *first, const struct nvmf_tgt_options *options,
			      GError **error);
void nvmf_tgt_delete(struct nvmf_tgt *tgt, nvmf_done done, void *arg);
/* In the order made, the first included, without those that are being deleted; NULL: no more. */
struct nvmf_tgt *nvmf_tgt_nth(struct nvmf_tgt *first, unsigned n);

bool nvmf_tgt_is_first(const struct nvmf_tgt *tgt);

/* The discovery subsystem is not counted. */
void nvmf_tgt_set_max_subsystems(struct nvmf_tgt *tgt, uint32_t max);
uint32_t nvmf_tgt_max_subsystems(const struct nvmf_tgt *tgt);
/* Identify Controller: command retry delays 1 to 3, x 100 ms. Before anybody connects. */
void nvmf_tgt_set_crdt(struct nvmf_tgt *tgt, const uint16_t crdt[3]);
const uint16_t *nvmf_tgt_crdt(const struct nvmf_tgt *tgt);
void nvmf_tgt_set_dup_host_policy(struct nvmf_tgt *tgt, enum nvmf_dup_host_policy policy);
enum nvmf_dup_host_policy nvmf_tgt_dup_host_policy(const struct nvmf_tgt *tgt);
/*
 * Which reactors (by index) get queue pairs; all of them at first. False: none of
 * them, nothing has changed. Those that are connected stay where they are.
 */
bool nvmf_tgt_set_homes(struct nvmf_tgt *tgt, const bool takes[CORE_MAX_REACTORS]);
bool nvmf_tgt_is_home(const struct nvmf_tgt *tgt, unsigned reactor);

/* --- transports --------------------------------------------------------------- */

/* As the RPC nvmf_create_transport has them; units in the names or bytes. */
struct nvmf_transport_options {
	uint16_t max_queue_depth;          /* 128; 2..NVMF_MAX_QUEUE_DEPTH */
	uint16_t max_io_qpairs_per_ctrlr;  /* 127; 1..1024 */
	uint32_t in_capsule_data_size;     /* 4096; 0..max_io_size, multiple of 16 */
	uint32_t max_io_size;              /* 131072; power of two, NVMF_MIN_IO_SIZE..NVMF_MAX_IO_SIZE */
	uint32_t max_aq_depth;             /* 128; 32..4096 */
	bool c2h_success;                  /* true */
	uint32_t sock_priority;            /* 0 */
	int acceptor_backlog;              /* 100 */
	uint32_t abort_timeout_sec;        /* 1 */
	uint16_t kas;                      /* 10: granularity of keep alive, x 100 ms */
	uint32_t min_kato_ms;              /* 1000 */
	unsigned masked_oncs;              /* 0; NVMF_ONCS_*: hosts do not have these commands */
	unsigned masked_fuses;             /* 0; NVMF_FUSES_* */
	/* RDMA only. */
	uint32_t num_cqe;       /* 4096: completions that queue pairs sharing a CQ may have */
	uint32_t max_srq_depth; /* 4096: receives that connections of a reactor share */
	bool no_srq;            /* false: each connection has its own */
	bool no_wr_batching;    /* false: what a pass produces is posted at its end */
	/* Kept for get_transports; they have no effect here. */
	uint32_t iobuf_small_cache_size, iobuf_large_cache_size, ack_timeout, data_wr_pool_size;
	uint16_t control_msg_num;
	bool dif_insert_or_strip, zcopy, disable_command_passthru;
};

/* By their bits in ONCS and FUSES of Identify Controller. */
enum {
	NVMF_ONCS_COMPARE = 1 << 0,
	NVMF_ONCS_DSM = 1 << 2,
	NVMF_ONCS_WRITE_ZEROES = 1 << 3,
	NVMF_ONCS_RESERVATIONS = 1 << 5,
	NVMF_ONCS_COPY = 1 << 8,
	NVMF_FUSES_COMPARE_AND_WRITE = 1 << 0,
};

void nvmf_transport_options_default(struct nvmf_transport_options *opts);
/* trtype "TCP" or "RDMA", any case. Errors: as in spdk-json-rpc (exists, invalid type), bad option named. */
struct nvmf_transport *nvmf_transport_create(struct nvmf_tgt *tgt, const char *trtype,
					     const struct nvmf_transport_options *opts, GError **error);
struct nvmf_transport *nvmf_transport_find(struct nvmf_tgt *tgt, const char *trtype);
GPtrArray *nvmf_transports(struct nvmf_tgt *tgt); /* do not keep */
const char *nvmf_transport_name(const struct nvmf_transport *t); /* "TCP", "RDMA" */
const struct nvmf_transport_options *nvmf_transport_get_options(const struct nvmf_transport *t);

/* A listen address, or a referral. */
struct nvmf_trid {
	char trtype[16];   /* "TCP" */
	char adrfam[16];   /* "IPv4", "IPv6" */
	char traddr[128];
	char trsvcid[32];
	struct net_addr addr; /* parsed */
};

/*
 * Fills trid from text as users give it (case of trtype and adrfam ignored,
 * adrfam NULL: ipv4 unless traddr is an IPv6 address). False: GError names the
 * field (-32602).
 */
bool nvmf_trid_parse(struct nvmf_trid *trid, const char *trtype, const char *adrfam,
		     const char *traddr, const char *trsvcid, GError **error);

/* --- subsystems ----------------------------------------------------------------- */

enum nvmf_subtype { NVMF_SUBTYPE_DISCOVERY, NVMF_SUBTYPE_NVM };

struct nvmf_subsystem_options {
	const char *nqn;
	const char *serial_number; /* NULL: 20 zeros */
	const char *model_number;  /* NULL: "weft controller" */
	uint32_t max_namespaces;   /* 0: 32 */
	bool allow_any_host;
	bool ana_reporting;
	uint16_t min_cntlid, max_cntlid; /* 0: 1, 65519 */
	bool enable_nssr; /* hosts may do an NVM Subsystem Reset */
	const char *admin_label; /* NULL: none; for administrators only */
	uint32_t dmrsl; /* blocks of a range of Dataset Management at most; 0: no limit */
	uint8_t wzsl; /* Write Zeroes of 2^wzsl x 4 KiB at most; 0: no limit */
};

#define NVMF_ADMIN_LABEL_MAX 255

/* Readable by configuration code; changed by the functions below only. */
struct nvmf_subsystem {
	struct nvmf_tgt *tgt;
	enum nvmf_subtype subtype;
	char nqn[NVME_NQN_FIELD];
	char serial[21], model[41]; /* zero-terminated, not padded */
	uint32_t index;             /* stable while it exists; small, reused */
	uint32_t max_namespaces;
	bool allow_any_host, ana_reporting;
	uint16_t min_cntlid, max_cntlid;
	bool enable_nssr;
	char *admin_label; /* NULL: none */
	uint32_t dmrsl;
	uint8_t wzsl;
	GPtrArray *listeners;  /* struct nvmf_listener*, in order added */
	GPtrArray *hosts;      /* char*, in order added */
	struct nvmf_ns **nss;  /* [max_namespaces], nsid - 1; NULL: none */
	bool deleting;
	struct nvmf_subsystem_priv *priv;
};

struct nvmf_listener {
	struct nvmf_trid trid;
	struct nvmf_subsystem *subsystem;
	struct nvmf_transport *transport;
	uint16_t portid; /* the same for the same address in all subsystems */
	struct nvmf_ana *ana;
	/* As they were given, for the saved configuration. */
	char *sock_impl; /* NULL: not */
	int32_t numa_id; /* -1: not */
};

struct nvmf_ns {
	struct nvmf_subsystem *subsystem;
	uint32_t nsid;
	struct bdev_desc *desc;
	uint8_t uuid[16], nguid[16], eui64[8]; /* zero: none (uuid and nguid never) */
	uint32_t anagrpid;
	bool read_only;
	bool no_auto_visible; /* only hosts below see it */
	GPtrArray *hosts;     /* char*, in order added */
	bool removing;
	struct nvmf_ns_priv *priv;
};

/* The discovery subsystem exists from the start. */
struct nvmf_subsystem *nvmf_subsystem_create(struct nvmf_tgt *tgt,
					     const struct nvmf_subsystem_options *options,
					     GError **error);
/* "discovery" is short for the discovery NQN. NULL: none. */
struct nvmf_subsystem *nvmf_subsystem_find(struct nvmf_tgt *tgt, const char *nqn);
/* Sorted by NQN. Caller frees the array (g_ptr_array_unref). */
GPtrArray *nvmf_subsystems(struct nvmf_tgt *tgt);
/* Disconnects its controllers, removes its namespaces and listeners, then frees it. */
void nvmf_subsystem_delete(struct nvmf_subsystem *s, nvmf_done done, void *arg);

bool nvmf_subsystem_add_host(struct nvmf_subsystem *s, const char *hostnqn, GError **error);
/* Its controllers are disconnected. */
void nvmf_subsystem_remove_host(struct nvmf_subsystem *s, const char *hostnqn, nvmf_done done,
				void *arg);
bool nvmf_subsystem_allow_any_host(struct nvmf_subsystem *s, bool allow, GError **error);

/* The transport must have been created. Several subsystems share an address. */
bool nvmf_subsystem_add_listener(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				 GError **error);
/*
 * The same; the port id of the address, which hosts see in the discovery log, is given.
 * It must be free, or what the address has already.
 */
#define NVMF_PORTID_ANY (-1)
bool nvmf_subsystem_add_listener_as(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				    int portid, GError **error);
/* The one on this address, or NULL. */
struct nvmf_listener *nvmf_subsystem_listener(struct nvmf_subsystem *s,
					      const struct nvmf_trid *trid);
/* Controllers of s that came in through it are disconnected. */
void nvmf_subsystem_remove_listener(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				    nvmf_done done, void *arg);

struct nvmf_ns_options {
	const char *bdev_name;
	uint32_t nsid; /* 0: lowest free */
	const uint8_t *uuid, *nguid, *eui64; /* NULL or zero: derived from the bdev */
	uint32_t anagrpid;                   /* 0: the nsid; at most max_namespaces */
	bool read_only;
	bool no_auto_visible; /* nobody sees it before nvmf_ns_add_host */
	bool write_protected; /* as a host left it (feature 84h), and as hosts may change it */
};

/* On success *nsid (if given) is set when done is called; must stay valid until then. */
void nvmf_subsystem_add_ns(struct nvmf_subsystem *s, const struct nvmf_ns_options *options,
			   uint32_t *nsid, nvmf_done done, void *arg);
void nvmf_subsystem_remove_ns(struct nvmf_subsystem *s, uint32_t nsid, nvmf_done done, void *arg);
/* By a host, as it is now. */
bool nvmf_ns_write_protected(const struct nvmf_ns *ns);

/*
 * One host more, or less, sees a namespace that was added with no_auto_visible.
 * Adding one that is there, and removing one that is not, change nothing. A host
 * that may not see it gets Invalid Namespace; its commands under way are finished,
 * and a removal is done when they are.
 */
void nvmf_ns_add_host(struct nvmf_subsystem *s, uint32_t nsid, const char *hostnqn, nvmf_done done,
		      void *arg);
void nvmf_ns_remove_host(struct nvmf_subsystem *s, uint32_t nsid, const char *hostnqn,
			 nvmf_done done, void *arg);

/* --- asymmetric namespace access -------------------------------------------------------- */

/* Groups are numbered 1 to max_namespaces. Both need ana_reporting. */
/*
 * How the namespaces of a group (0: of all) are reached through a listener. Where
 * that, or the group of a namespace, closes a path, commands that came through it
 * before are finished, and the call is done when they are; others do not wait.
 */
void nvmf_subsystem_set_ana_state(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				  enum nvme_ana_state state, uint32_t anagrpid, nvmf_done done,
				  void *arg);
enum nvme_ana_state nvmf_listener_ana_state(const struct nvmf_listener *l, uint32_t anagrpid);
void nvmf_subsystem_set_ns_ana_group(struct nvmf_subsystem *s, uint32_t nsid, uint32_t anagrpid,
				     nvmf_done done, void *arg);

/* --- discovery ---------------------------------------------------------------------------- */

/* Another discovery service (or subsystem) that the log names. */
struct nvmf_referral {
	struct nvmf_trid trid;
	bool secure_channel;
	char subnqn[NVME_NQN_FIELD];
};

/* subnqn NULL: the discovery NQN. One that is there already (address and NQN) is refused. */
bool nvmf_discovery_add_referral(struct nvmf_tgt *tgt, const struct nvmf_trid *trid,
				 const char *subnqn, bool secure_channel, GError **error);
bool nvmf_discovery_remove_referral(struct nvmf_tgt *tgt, const struct nvmf_trid *trid,
				    const char *subnqn, GError **error);
GPtrArray *nvmf_discovery_referrals(struct nvmf_tgt *tgt); /* do not keep */

/* Only listeners that have it in common with the one that was asked are named. */
enum {
	NVMF_FILTER_TRANSPORT = 1 << 0,
	NVMF_FILTER_ADDRESS = 1 << 1,
	NVMF_FILTER_SVCID = 1 << 2,
};

void nvmf_discovery_set_filters(struct nvmf_tgt *tgt, unsigned filters);
unsigned nvmf_discovery_filters(const struct nvmf_tgt *tgt);

/* --- what is connected --------------------------------------------------------------- */

struct nvmf_ctrlr_info {
	uint16_t cntlid;
	bool discovery;
	char hostnqn[NVME_NQN_FIELD];
	uint8_t hostid[16];
	unsigned num_io_qpairs;
};

struct nvmf_qpair_info {
	uint16_t cntlid, qid;
	const char *state;  /* constant */
	unsigned reactor;
	char hostnqn[NVME_NQN_FIELD];
	struct nvmf_trid listen;
	struct net_addr peer;
};

/*
 * Collect from all reactors, sorted by cntlid (and qid); done gets the arrays,
 * which are freed after it returns.
 */
void nvmf_subsystem_get_connected(struct nvmf_subsystem *s,
				  void (*done)(void *arg, const struct nvmf_ctrlr_info *ctrlrs,
					       unsigned nctrlrs, const struct nvmf_qpair_info *qpairs,
					       unsigned nqpairs),
				  void *arg);

#define NVMF_STATS_DEVICES 8
#define NVMF_RNIC_COUNTERS 24

/* A reactor's part of an RDMA device. */
struct nvmf_device_stats {
	char name[64];
	uint64_t polls, idle_polls, completions;
	uint64_t requests;	       /* capsules that came */
	uint64_t request_latency;      /* ns, of all that were answered: from capsule to response */
	uint64_t pending_free_request; /* times that a capsule had to wait for a request, */
	uint64_t pending_rdma_read;    /* a READ for those before it or for a place in its queue, */
	uint64_t pending_rdma_write;   /* data for a place in the send queue, */
	uint64_t pending_rdma_send;    /* a response for one */
	uint64_t total_send_wrs, send_doorbell_updates;
	uint64_t total_recv_wrs, recv_doorbell_updates;
};

/* An RNIC's own counters, of all reactors; names as hw/rnic.h has them. */
struct nvmf_rnic_stats {
	char name[64];
	struct {
		const char *name;
		uint64_t value;
	} counters[NVMF_RNIC_COUNTERS];
	unsigned ncounters;
	unsigned memory_regions;   /* that are registered with it */
	uint64_t registered_bytes; /* of all of them */
	int numa_node;	 /* that it is at; -1: not known */
	unsigned nnear;	 /* reactors that serve it since they are there, too; 0: all do */
	uint8_t near[CORE_MAX_REACTORS];
};

struct nvmf_group_stats {
	uint64_t admin_qpairs, io_qpairs;                 /* ever */
	uint32_t current_admin_qpairs, current_io_qpairs; /* now */
	uint32_t current_unassociated_qpairs;
	uint64_t completed_nvme_io;
	uint64_t pending_bdev_io; /* commands waiting for a buffer */
	struct nvmf_device_stats devices[NVMF_STATS_DEVICES]; /* of RDMA, filled in when asked */
	unsigned ndevices;
	struct nvmf_rnic_stats rnics[NVMF_STATS_DEVICES]; /* the first reactor's only */
	unsigned nrnics;
};

/* One element a reactor. */
void nvmf_get_stats(struct nvmf_tgt *tgt,
		    void (*done)(void *arg, const struct nvmf_group_stats *stats, unsigned n),
		    void *arg);

/* What is registered with an RNIC. */
struct nvmf_rnic_memory {
	char name[64];
	uint32_t regions;
	uint64_t bytes;
};

/* Of those in use: how many there are, n at most. Main reactor; at once, asks no device. */
unsigned nvmf_get_rnic_memory(struct nvmf_tgt *tgt, struct nvmf_rnic_memory *out, unsigned n);

/* --- what happens --------------------------------------------------------------------- */

/* X(id, name of its notification) */
#define NVMF_EVENTS(X)                                          \
	X(NVMF_EVENT_SUBSYSTEM_ADD, "nvmf_subsystem_add")       \
	X(NVMF_EVENT_SUBSYSTEM_REMOVE, "nvmf_subsystem_remove") \
	X(NVMF_EVENT_NS_ADD, "nvmf_ns_add")                     \
	X(NVMF_EVENT_NS_REMOVE, "nvmf_ns_remove")               \
	X(NVMF_EVENT_NS_PROTECT, "nvmf_ns_write_protect")       \
	X(NVMF_EVENT_LISTENER_ADD, "nvmf_listener_add")         \
	X(NVMF_EVENT_LISTENER_REMOVE, "nvmf_listener_remove")   \
	X(NVMF_EVENT_HOST_ADD, "nvmf_host_add")                 \
	X(NVMF_EVENT_HOST_REMOVE, "nvmf_host_remove")           \
	X(NVMF_EVENT_ANA_CHANGE, "nvmf_ana_change")             \
	X(NVMF_EVENT_CTRLR_CONNECT, "nvmf_ctrlr_connect")       \
	X(NVMF_EVENT_CTRLR_DISCONNECT, "nvmf_ctrlr_disconnect")

enum nvmf_event {
#define X(id, name) id,
	NVMF_EVENTS(X)
#undef X
};

/*
 * event is called for each: type is the name above (constant), ctx the NQN of the
 * subsystem and, after a blank each, key=value of what it is about; tgt=NAME comes
 * first where the subsystem is of another target than the first. One listener.
 */
void nvmf_tgt_listen(struct nvmf_tgt *tgt,
		     void (*event)(void *arg, const char *type, const char *ctx), void *arg);
