/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of a run share. */
#pragma once

#include "sim/oracle/block.h"
#include "sim/oracle/exact.h"
#include "sim/oracle/paths.h"
#include "sim/oracle/view.h"
#include "sim/oracle/wire.h"
#include "sim/run/run.h"
#include "sim/run/trigger.h"
#include "target/host/host.h"
#include "target/target.h"

#define RUN_RPC_PATH "/run/weft.sock"
/* A host knows of a change this long after it can hear of it. */
#define RUN_VIEW_BOUND (2 * WORLD_SEC)

/* Namespaces that are looked at. */
#define RUN_NSIDS 32

/* Nodes are told apart up to so many, where that is good enough. */
#define RUN_NODES 1024

enum run_phase { RUN_SETUP, RUN_SAFETY_PHASE, RUN_HEALED, RUN_ENDING };

struct run_load;
struct run_raw;

struct run_target {
	struct run *run;
	const struct scn_target *s;
	struct world_node *node;
	struct world_node *nics[SCN_NICS_MAX]; /* the nodes of its other RNICs */
	struct target *target;
	struct core *admin;  /* of the administrator's programs, on the same node */
	uint32_t *seen;	     /* records of each reactor's trace that were looked at */
	uint64_t ns_changes; /* calls that change namespaces: begins and ends */
	uint64_t ns_maps;    /* of them, those that put another one under an id */
	uint64_t had_data;   /* ids, a bit each, under which there were data */
	unsigned ns_calls;   /* of them, under way */
	uint32_t ns_block[RUN_NSIDS + 1]; /* by id: size of a block, 0: none yet */
	unsigned removals;   /* of hosts, under way, or nobody waits for the answer */
	uint64_t ns_changed_at;
	uint64_t path_changes; /* calls that may change paths: begins and ends */
	unsigned path_calls;   /* of them, under way */
	uint64_t path_unsure_at; /* one ended, and may not have taken effect; 0: none */
	bool unfenced; /* one that closes a path gave up its wait */
	bool down;
	/* keep.c */
	char *kept; /* what it had when the power failed, all calls answered; NULL: who knows */
	unsigned boots;
	bool loading, keep_trouble;
};

struct run_host {
	struct run *run;
	const struct scn_host *s;
	unsigned index;
	struct world_node *node;
	struct core *core;
	struct run_target *target; /* it connects to */
	struct run_view *view;
	struct host_ctrlr *ctrlr; /* NULL: connecting, or not connected and not trying */
	struct host_ctrlr *trying;
	char *hostnqn;
	bool wanted;  /* it should be connected */
	bool live;    /* and it is */
	bool leaving; /* a disconnect is under way */
	bool ever;    /* was connected */
	bool gone;    /* vanished */
	uint64_t gone_at;
	uint64_t live_at;
	uint64_t incarnation;
	unsigned events[8]; /* by enum host_event */
	uint64_t ios, errors;
	uint64_t last_done, gap; /* of I/O while loads are under way */
	char *why;		 /* of the last connect that failed */
	uint64_t sees_since;
	struct run_paths *paths; /* paths.c; NULL: never connected */
	struct run_probe *probe; /* probe.c; NULL: never connected */
};

/* Oracle N for one subsystem. */
struct run_view {
	struct run_target *target;
	const char *subnqn;
	struct oracle_view *oracle;
};

struct run {
	const struct scenario *s;
	const struct run_options *o;
	struct run_result *result;
	struct world *world;
	struct world_rng rng;
	enum run_phase phase;
	uint64_t start;				   /* time of the scenario's 0; UINT64_MAX before */
	GPtrArray *targets, *hosts, *raws, *loads; /* struct run_target *, ... */
	GPtrArray *wrecks;			   /* struct run_wreck * */
	unsigned calls;				   /* under way */
	unsigned setup_at;			   /* next setup call */
	struct run_target *setup_of;		   /* for this one again; NULL: for all */
	unsigned pending;			   /* of the phase: ends when 0 */
	struct oracle_wire *wire;
	struct run_rdma *rdma; /* NULL: no machine has an RNIC */
	struct oracle_block *block;
	struct oracle_exact *exact;
	struct oracle_paths *paths;
	struct run_ranges *ranges;
	GPtrArray *views;   /* struct run_view */
	GPtrArray *triggers;
	unsigned disturbed; /* network and node faults under way: nobody is judged by time */
	uint64_t disturbed_since;
	uint64_t calm_since;	 /* and TCP has repeated what was lost */
	uint64_t ticked;	 /* records when watch.c last looked around */
	GArray *connectors;	 /* by connection: index of the node that connected */
	bool tainted[RUN_NODES]; /* by node: one of its connections was damaged */
	unsigned violations;	 /* of P, handled so far */
	bool failed, stopped, broke;
	struct counts *counts;
};

/* The first failure counts; the world stops. */
void run_fail(struct run *run, enum run_outcome outcome, const char *oracle, const char *format,
	      ...) G_GNUC_PRINTF(4, 5);
/* The same with a text of an oracle, which is freed; NULL: nothing. */
void run_violation(struct run *run, const char *oracle, char *text);
/* Runs up to t (since the world began). False: failed. */
bool run_to(struct run *run, uint64_t t);
/* Runs until done(run), at most limit ns. False: not done, or failed. */
bool run_until_done(struct run *run, bool (*done)(struct run *run), uint64_t limit);
/* So long after the start. */
uint64_t run_at(const struct run *run, uint64_t at);
struct run_host *run_host_find(struct run *run, const char *name);
struct run_target *run_target_find(struct run *run, const char *name);
struct world_node *run_node_find(struct run *run, const char *name);

/* keep.c: NULL: it keeps nothing. */
const char *run_keep_path(const struct run_target *t);
void run_keep_trouble(void *target, const char *problem);
/* A target that keeps its configuration loads it; back: after a loss of power. */
void run_keep_load(struct run_target *t, bool back);
/* Its power fails now. */
void run_keep_cut(struct run_target *t);

/*
 * rdma.c: s NULL: no RNIC. number: of its machine's. What a machine has gets its ledgers at each
 * boot.
 */
void run_rnic_put(struct run *run, struct world_node *node, const struct scn_rnic *s,
		  unsigned number, uint64_t reactors);
/* drains: its software destroys no queue pair before its requests have ended. */
void run_rnic_boot(struct run *run, struct world_node *node, const char *const *addrs,
		   unsigned naddrs, bool drains);
/* A target's software gets all that its machine has; it does drain. */
void run_rnics_boot(struct run_target *t);
/* Reactor index of t has accepted that queue pair: near its RNIC, or not? */
void run_rdma_accepted(struct run_target *t, unsigned index, uint32_t qpn);
void run_rdma_counts(struct run *run);
/* Nobody is connected any more: oracle W. */
void run_rdma_idle(struct run *run);
/* Some machine, or a reactor, does nothing until then. */
void run_rdma_away(struct run *run, uint64_t until);
void run_rdma_free(struct run *run);
/* What the monitor counts on the wire, as in struct oracle_rc_counts. */
#define RUN_RDMA_COUNTS(X)                                                                         \
	X(frames) X(connections) X(requests) X(repeated) X(naks) X(access_naks) X(rnrs) X(cnps)

/* nodes.c */
bool run_make_nodes(struct run *run);
void run_link_params(const struct scn_link *l, struct world_link_params *p);
void run_link_apply(struct run *run, const struct scn_link *l, const char *from, const char *to);
void run_links(struct run *run);
void run_free_nodes(struct run *run);
void run_shutdown(struct run *run);

/* admin.c */
void run_setup_next(struct run *run);
void run_timeline(struct run *run);

/* config.c */
/*
 * Before a namespace is added: P is told when the blocks of its id may get another size.
 */
void run_config_adds(struct run_target *t, const struct scn_call *call);
/*
 * A call begins or ends: while another removal of a host is under way, that host
 * is off the list already and its controllers are still on their way out.
 */
void run_config_call(struct run_target *t, const struct scn_call *call, bool begins);
uint64_t run_config_genctr(const struct run_target *t);
/* How many subsystems there are, and below that which of them any host may use. */
uint64_t run_config_open(const struct run_target *t);
/* A call has succeeded; genctr, open: as they were before. */
void run_config_done(struct run *run, struct run_target *t, const char *method, uint64_t genctr,
		     uint64_t open);
/* When all is quiet. */
void run_config_check(struct run *run);
/* Nothing has disturbed or changed what a host sees since then, nor shortly before. */
bool run_config_settled(const struct run *run, const struct run_target *t, uint64_t since);

/* hosts.c */
void run_host_connect(struct run_host *h);
void run_host_disconnect(struct run_host *h);
void run_host_vanish(struct run_host *h);
/* It drops its connections and makes new ones. */
void run_host_reset(struct run_host *h);
void run_hosts_start(struct run *run);
bool run_hosts_settled(struct run *run);
bool run_hosts_closed(struct run *run);

/* probe.c: admin commands for a while, from when the host has connected. */
void run_probe_live(struct run_host *h);

/* fence.c: a method that closes paths, or may. */
bool run_fence_closes(const char *method);
/* It has been answered with success. */
void run_fence_look(struct run *run, struct run_target *t, const char *method);

/* paths.c */
struct nvmf_ns;
bool run_ns_allowed(const struct nvmf_ns *ns, const char *hostnqn);
/* As the target calls it. */
const char *run_trtype(const struct scn_host *h);
/* An I/O by it is done, not refused. */
bool run_path_usable(const struct run_host *h, uint32_t nsid);
void run_paths_look(struct run *run);
/* The host reads what its paths are. */
void run_paths_ask(struct run_host *h);
void run_paths_live(struct run_host *h);
void run_paths_free(struct run_host *h);
struct run_path_io {
	uint64_t since, changes, incarnation;
	bool certain;
};
/* An I/O begins, and ends; held: by something else than its path. */
void run_path_begin(struct run_host *h, uint32_t nsid, struct run_path_io *io);
void run_path_end(struct run_host *h, uint32_t nsid, const struct run_path_io *begun,
		  uint16_t status, bool held);

/* load.c */
void run_loads_new(struct run *run);
/* The host is connected, or its namespaces have changed: what waits goes on. */
void run_loads_kick(struct run_host *h);
void run_loads_stop(struct run *run);
bool run_loads_done(struct run *run);
void run_loads_free(struct run *run);
char *run_loads_text(struct run *run);
/* load-erase.c: makes io, whose nsid, lba and blocks are set, one that erases; data: 128 bytes. */
enum oracle_write_kind run_load_erase(struct world_rng *rng, struct host_io *io, struct iovec *iov,
				      void *data);

/*
 * range.c: who is at which blocks. A read that a write of the same block overtakes
 * may see both (a malloc bdev sends reads from its own memory), and hosts that care
 * do not do that; so loads do not, unless the scenario says "overlap".
 */
struct run_ranges;
struct run_range {
	struct oracle_block_ns *ns; /* NULL: not held */
	uint64_t lba;
	uint32_t blocks;
	bool write;
	bool meets; /* a write that others of the kind may meet */
};
struct run_ranges *run_ranges_new(void);
void run_ranges_free(struct run_ranges *r);
/* False: somebody is there. */
bool run_range_get(struct run_ranges *r, const struct run_range *range, uint64_t ns_blocks);
void run_range_put(struct run_ranges *r, struct run_range *range);
/* It stays until the path is fenced: nobody knows when the write takes effect. */
void run_range_keep(struct run_ranges *r, struct run_range *range, struct run_host *h);
/* No controller of that host but the one it has is left at the target. */
void run_ranges_fenced(struct run *run, struct run_host *h);

/* load-more.c: Compare, fused pairs, Verify, Copy. */
enum run_more_kind {
	RUN_MORE_NONE,
	RUN_MORE_COMPARE,
	RUN_MORE_PAIR,
	RUN_MORE_VERIFY,
	RUN_MORE_COPY
};
struct run_more {
	enum run_more_kind kind; /* NONE: as any other I/O of the load */
	struct run_host *h;
	struct oracle_block_ns *ns;
	uint64_t ns_blocks;
	uint32_t block_size;
	struct host_io *io; /* the first, or only one: nsid, lba, blocks and done are set */
	struct host_io other;
	struct iovec iov, other_iov;
	struct oracle_write *write; /* of a pair */
	uint64_t begun;
	uint8_t *expect;
	struct nvme_copy_range sources[2];
	struct run_range source;
	unsigned left;
	bool in_doubt; /* at the end: nobody knows whether it has written, or will */
};
/*
 * data: as many bytes as io's blocks. Results as of host_submit(), -EBUSY: others are
 * there. Takes range. *write: of one that ends as others of the load.
 */
int run_more_submit(struct run_more *m, struct world_rng *rng, struct host_qpair *q, void *data,
		    struct run_range *range, struct oracle_write **write);
/* io is done. True: the other half of the pair is not. */
bool run_more_waits(struct run_more *m);
/* known: B can judge it. mapped: under the id is still what was there before. */
void run_more_end(struct run_more *m, bool known, bool mapped);

/* faults.c */
bool run_is_calm(const struct run *run);
void run_faults_start(struct run *run);
void run_heal(struct run *run);

/* power.c: files of targets, and their power. */
void run_files_new(struct run_target *t);
/* draw-layers.c: what is below all the others. */
const struct bdev *run_bottom(const struct bdev *bdev);
bool run_is_file(const struct bdev *bdev);
/* A fault of a file. Returns the number of its rule, or 0. */
unsigned run_file_fault(struct run *run, const struct scn_fault *f, uint64_t until);
void run_file_heal(struct run *run, const struct scn_fault *f, unsigned rule);
void run_power_cut(struct run *run, struct run_target *t);
void run_power_back(struct run *run, struct run_target *t);
/* What went down without power has been taken apart. */
bool run_wrecks_gone(struct run *run);
void run_wrecks_free(struct run *run);

/* nodes.c: what runs on a target's machine. False: failed. */
bool run_target_boot(struct run_target *t);

/* raw.c */
void run_raws_new(struct run *run);
void run_raws_start(struct run *run);
bool run_raws_done(struct run *run);
struct world_node *run_raw_node(const struct run *run, unsigned i);
const char *run_raw_nqn(const struct run *run, const char *name);
void run_raws_free(struct run *run);

/* watch.c: what is looked at after every step. */
void run_watch(struct run *run);
void run_watch_start(struct run *run);
void run_watch_view(struct run *run);
void run_watch_hears(struct run *run);
void run_watch_free(struct run *run);
/* Every record of the world: damaged connections cannot be judged. */
void run_watch_record(struct run *run, const struct world_record *rec);
unsigned run_ctrlrs_of(struct run *run, const char *hostnqn);
/* Of that host alone, though others may have its NQN. */
unsigned run_ctrlrs_of_host(const struct run_host *h);
/*
 * Its connections went with the target's RNIC, whose goodbye did not reach it: it finds out when
 * it says something, at the latest by its keep-alive.
 */
bool run_host_is_left(const struct run_host *h);
void run_host_id(const struct run_host *h, uint8_t hostid[16]);
bool run_target_ns(struct run_target *t, const char *subnqn, uint32_t nsid, struct bdev **bdev);

/* check.c: the end. */
void run_check_healed(struct run *run);
void run_check_images(struct run *run);
void run_check_resources(struct run *run);

/* dump.c */
void run_collect(struct run *run);

/* expect.c */
void run_expect_start(struct run *run);
void run_expect_end(struct run *run);
