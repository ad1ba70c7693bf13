/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scenario is data: who there is, how they are connected, what the
 * administrators do, what breaks, what the hosts do, and what must then hold. It
 * is read from JSON, or drawn from a seed (swarm.h); printed and read again it is
 * the same, and so is its trace hash.
 *
 * Time runs from the start: the moment at which all setup calls have succeeded.
 * Up to heal_at is the safety phase (everything may break, nothing may be
 * wrong); then the faults end, and within `bound` everything must be done and
 * everybody connected: the liveness phase.
 */
#pragma once

#include "sim/run/codec.h"

/* --- links ------------------------------------------------------------------------------ */

/* As struct world_link_params, which has the meanings. */
struct scn_link {
	const char *from, *to; /* nodes, both ways; NULL: any */
	bool one_way;
	uint64_t latency, jitter, stall;
	uint64_t bytes_per_sec, seg_min, seg_max, sndbuf, rcvbuf;
	uint64_t short_send_ppm, short_recv_ppm, corrupt_ppm, stall_ppm, refuse_ppm;
	uint64_t loss_ppm, dup_ppm, reorder_ppm, reorder, flip_ppm, queue_bytes, mtu;
	uint64_t ecn_ppm, ecn_bytes;
	bool unreachable, mtu_silent, down;
};

/* --- nodes ------------------------------------------------------------------------------ */

/* A virtual file of a target's machine, as struct world_file_params has it. */
struct scn_file {
	const char *path;
	uint64_t size, block_size;
	uint64_t latency_min, latency_max;
	uint64_t evict_ppm;
};

/* As struct world_rnic_params and struct ibv_device_attr, which have the meanings. */
struct scn_rnic {
	uint64_t model; /* index in world_rnic_models: what is not said otherwise is as there */
	uint64_t mtu, rx_ring, max_inline;
	uint64_t max_qp, max_qp_wr, max_sge, max_sge_rd, max_cq, max_cqe, max_pd, max_mr, max_mw;
	uint64_t max_srq, max_srq_wr, max_srq_sge, max_qp_rd_atom;
	uint64_t max_mr_bytes, mr_fail_at, mr_fail_count, mr_time, mr_page_time;
	uint64_t numa_node; /* UINT64_MAX: not known */
	bool no_windows, dcqcn, iwarp, no_send_inv, no_rnr;
};

/* One more RNIC of a target's machine, with addresses of its own. */
struct scn_nic {
	const char *name;
	struct codec_list addresses; /* const char * */
	struct scn_rnic *rnic;
};

#define SCN_NICS_MAX 3

struct scn_target {
	const char *name;
	struct codec_list addresses; /* const char * */
	uint64_t reactors;
	uint64_t buf_limit; /* bytes of buffers a reactor; 0: the default */
	uint64_t max_fds;   /* 0: no limit */
	uint64_t numa_cpus; /* as world_node_set_numa() */
	struct codec_list files; /* struct scn_file */
	struct scn_rnic *rnic;	 /* NULL: its machine has none */
	struct codec_list nics; /* struct scn_nic: more RNICs */
	bool keep_config;        /* it comes back with what it had, and is not set up again */
};

struct scn_host {
	const char *name;
	const char *address;
	const char *traddr, *trsvcid; /* whereto */
	uint64_t trtype;	      /* enum host_trtype */
	const char *subnqn, *hostnqn; /* hostnqn NULL: made from the name */
	uint64_t reactors;
	struct scn_rnic *rnic; /* NULL: its machine has none */
	uint64_t connect_at;
	uint64_t io_queues, queue_size, hpda;
	uint64_t kato; /* ns, whole milliseconds */
	uint64_t io_timeout, connect_timeout, reconnect_delay, loss_timeout;
	bool hdgst, ddgst, no_sq_flow_control, queue_io;
	bool never; /* it is right that it never gets in */
};

/* A host of raw bytes that does what it must not; see raw-priv.h. */
enum scn_raw_kind {
	SCN_RAW_GARBAGE,     /* random bytes */
	SCN_RAW_MUTATE,	     /* a good session with bytes changed */
	SCN_RAW_TRUNCATE,    /* a good session cut off anywhere */
	SCN_RAW_CONNECTS,    /* connections that say nothing */
	SCN_RAW_R2T_TTAG,    /* H2CData with a wrong tag */
	SCN_RAW_R2T_OFFSET,  /* ... that leaves a gap */
	SCN_RAW_R2T_OVERLAP, /* ... that comes again */
	SCN_RAW_R2T_LENGTH,  /* ... that is more than was asked for */
	SCN_RAW_AERS,	     /* AERs without end */
	SCN_RAW_ABORTS,	     /* Aborts of everything */
	SCN_RAW_RESETS,	     /* CC.EN and CC.SHN in odd order */
	SCN_RAW_PROPERTIES,  /* property writes of every value */
	SCN_RAW_BAD_CONNECT, /* Connects with wrong NQN, cntlid, qid, size */
	SCN_RAW_EAGER,	     /* Connects and commands without waiting for any answer */
	SCN_RAW_SILENT,	     /* connects, then sends nothing more: keep-alive must end it */
	SCN_RAW_KEEP_ALIVE,  /* sends `beats` signs of life, one each `beat`; then it is silent */
	SCN_RAW_QUEUES,	   /* another number of queues in each session, and one more than granted */
	SCN_RAW_HDGST,	   /* a command with a wrong header digest */
	SCN_RAW_DDGST,	   /* writes with a wrong data digest */
	SCN_RAW_R2T_AFTER, /* H2CData for a command that has failed */
	SCN_RAW_ANY,	   /* any PDUs, whole or damaged, in any order and state */
	SCN_RAW_RDMA,	   /* from here on they come by RDMA */
	SCN_RAW_RDMA_PRIVATE = SCN_RAW_RDMA, /* private data that is wrong or short */
	SCN_RAW_RDMA_STORM,    /* many connect requests at once, of some who do not wait */
	SCN_RAW_RDMA_CAPSULES, /* capsules with wrong SGLs, keys and lengths */
	SCN_RAW_RDMA_IO,       /* reads and writes of odd shapes, of an I/O queue */
	SCN_RAW_KINDS
};

extern const char *const scn_raw_names[];

struct scn_raw {
	const char *name;
	const char *address, *traddr, *trsvcid, *subnqn;
	uint64_t kind; /* enum scn_raw_kind */
	uint64_t at, every, times;
	uint64_t kato;
	uint64_t beat, beats; /* SCN_RAW_KEEP_ALIVE */
	bool traffic;	      /* the signs of life are other commands */
	bool hdgst, ddgst;
	struct scn_rnic *rnic; /* SCN_RAW_RDMA and those behind */
};

/* --- what happens --------------------------------------------------------------------------- */

enum scn_expect_reply { SCN_OK, SCN_ERROR, SCN_ANY };

/* How the client behaves. */
enum scn_client {
	SCN_CLIENT_GOOD,
	SCN_CLIENT_LEAVES, /* disconnects without waiting for the answer */
	SCN_CLIENT_TWICE,  /* sends the call twice at once; the first reply counts */
	SCN_CLIENT_CUT,	   /* sends half of it and leaves */
	SCN_CLIENT_GARBAGE /* sends something that is not JSON-RPC first, on its own connection */
};

struct scn_call {
	uint64_t at, every, times; /* setup calls: one after the other instead */
	const char *target;	   /* NULL: the first */
	const char *method;
	const char *params; /* JSON; NULL: none */
	uint64_t reply;	    /* enum scn_expect_reply */
	uint64_t client;    /* enum scn_client */
	const char *has;    /* text that the reply must have in it */
	const char *on;	    /* an event instead of a time; see struct scn_fault */
	uint64_t skip, after;
};

enum scn_fault_kind {
	SCN_F_STALL,	  /* nothing arrives from -> to for `during` */
	SCN_F_PARTITION,  /* packets are lost both ways */
	SCN_F_ONE_WAY,	  /* ... from -> to only */
	SCN_F_LINK,	  /* link has other parameters for `during` */
	SCN_F_RESET,	  /* connections between from and to; count: only one, by its place */
	SCN_F_PAUSE,	  /* node stands still for `during` */
	SCN_F_WALL,	  /* wall clock of node steps by `by` (or back, with back) */
	SCN_F_POINT,	  /* fault point `name` of node: nth, count, ppm */
	SCN_F_SILENT,	  /* host stops sending for `during` (the whole of its network) */
	SCN_F_VANISH,	  /* host is gone for good, without a word */
	SCN_F_DISCONNECT, /* host disconnects in order */
	SCN_F_CONNECT,	  /* host connects (again) */
	SCN_F_HOST_RESET, /* host drops its connection and makes a new one */
	SCN_F_DEL_ADDR,	  /* node loses address `name` for `during` */
	SCN_F_PACKET,	  /* packets are dropped, duplicated, delayed, ...: see rule */
	SCN_F_PORT,	  /* the cable of node is pulled for `during` */
	SCN_F_DRIFT,	  /* the clocks of node run fast (slow, with back) by ppm for `during` */
	SCN_F_STARVE,	  /* runners are kept away at random, up to `by`, ppm of their passes */
	SCN_F_HOLD,	  /* reactor number `reactor` of node is kept away for `during` */
	SCN_F_FILE,	  /* I/O to file `name` of node fails: see file */
	SCN_F_FILE_HANG,  /* no I/O to it ends for `during` */
	SCN_F_FILE_SIZE,  /* it gets `bytes` */
	SCN_F_FILE_GONE,  /* the device is taken away */
	SCN_F_POWER,	  /* target has no power for `during`; then it is set up again */
	SCN_F_RNIC_GONE,  /* the RNIC of node is pulled out for `during`; 0: for good */
	SCN_F_RNIC_TORN,  /* ... and none of its work ends */
	SCN_F_RNIC_FAILOVER, /* its interface, a bond, has another MAC address from now on */
	SCN_F_KINDS
};
extern const char *const scn_fault_names[];

/* As struct world_packet_rule, which has the meanings. */
struct scn_packet {
	uint64_t action; /* enum world_action */
	uint64_t port, side, conn;
	struct codec_list kinds; /* "data", "ack", ...; none: all */
	struct codec_list cm;	 /* "connect_request", ...; none: all */
	uint64_t qp, psn_first, psn_last;
	uint64_t first, last, pos_first, pos_last, tx;
	uint64_t nth, count, ppm, by;
};

/* As struct world_file_rule, which has the meanings. */
struct scn_file_rule {
	struct codec_list ops; /* "read", "write", "flush", "zero", "discard"; none: all */
	uint64_t error;	       /* enum scn_file_error */
	uint64_t first, last;  /* bytes */
	uint64_t nth, count, ppm;
};

struct scn_fault {
	uint64_t kind; /* enum scn_fault_kind */
	uint64_t at, during;
	uint64_t every, times; /* again, in all so many times */
	const char *from, *to, *node, *host;
	const char *name;
	uint64_t nth, count, ppm; /* SCN_F_POINT: as struct world_fault_rule */
	uint64_t by, reactor;
	bool back;
	/*
	 * The fault is aimed at a moment: it comes `after` that time behind each event of
	 * that name from `at` on, but for the first `skip`, and no more than `times`; the
	 * next one not before `every`. Names of events: trigger.h.
	 */
	const char *on;
	uint64_t skip, after;
	struct scn_link *link;
	struct scn_packet *packet;
	uint64_t bytes;
	struct scn_file_rule *file;
};

struct scn_load {
	const char *host;
	uint64_t nsid;
	uint64_t at;	      /* or once connected, if that is later */
	uint64_t ios;	      /* to do; 0: until heal_at */
	uint64_t lba, blocks; /* the range; blocks 0: all of the namespace */
	uint64_t depth, max_blocks;
	uint64_t more_ppm; /* instead of any of these: Compare, pairs, Verify, Copy */
	uint64_t reads, writes, zeroes, flushes; /* weights; zeroes: of up to all blocks */
	uint64_t fua_ppm;
	bool overlap;	    /* reads and writes of the same blocks at the same time */
	uint64_t think;	    /* pause of a slot between I/Os, at most */
	uint64_t probe_ppm; /* of reads that end beyond the namespace, and must be refused */
};

enum scn_expect_kind {
	SCN_X_NO_HOST_ERROR, /* all I/O of host good, and it never lost its connection */
	SCN_X_GAP_BELOW,     /* no time longer than `limit` without an I/O done, host */
	SCN_X_HOST_SEES,     /* host shows nsid with `value` bytes (0: not at all), by `at` */
	SCN_X_FAULT_TAKEN,   /* fault point or kind `name`: at least `value` times */
	SCN_X_IOS,	     /* host did at least `value` I/Os */
	SCN_X_LOST,	     /* host lost its connection at least `value` times */
	SCN_X_LOST_AT_MOST,
	SCN_X_GONE_BY,	 /* target has no controller of host (or raw) at `at` */
	SCN_X_KEPT_TILL, /* ... has one at `at` */
	SCN_X_PDUS, /* target has sent at least `value` PDUs of type `name`, as R2T, C2HTermReq,
			C2HTermReq:4 (of that status), C2HTermReq:1:10 (and field) */
	SCN_X_LOG,  /* node has logged a line with `name` in it */
	SCN_X_RECONNECTED, /* host connected again at least `value` times */
	SCN_X_RNIC,	   /* the RNIC of node counted at least `value` of `name` */
	SCN_X_RNIC_AT_MOST,
	SCN_X_COUNTED, /* those who look on counted at least `value` of `name` */
	SCN_X_COUNTED_AT_MOST,
};

struct scn_expect {
	uint64_t that; /* enum scn_expect_kind */
	const char *host, *node, *name;
	uint64_t nsid, value, at, limit;
};

struct scenario {
	struct codec_arena *arena;
	const char *name, *about;
	uint64_t seed;
	uint64_t heal_at, bound;
	uint64_t quiet; /* nobody does anything for so long before the end */
	uint64_t busy_pass, idle_pass;
	bool abrupt;   /* the targets shut down under their hosts */
	bool corrupts; /* digests may be off where bits flip: bad data is not a violation */
	struct scn_link *network;   /* NULL: defaults */
	struct codec_list links;    /* struct scn_link */
	struct codec_list targets;  /* struct scn_target */
	struct codec_list hosts;    /* struct scn_host */
	struct codec_list raws;	    /* struct scn_raw */
	struct codec_list setup;    /* struct scn_call */
	struct codec_list timeline; /* struct scn_call */
	struct codec_list faults;   /* struct scn_fault */
	struct codec_list loads;    /* struct scn_load */
	struct codec_list expect;   /* struct scn_expect */
};

/* With defaults, nobody in it. */
struct scenario *scenario_new(void);
void scenario_free(struct scenario *s);
/* One zeroed element with its defaults, at the list's end. */
struct scn_link *scenario_add_link(struct scenario *s);
struct scn_target *scenario_add_target(struct scenario *s);
struct scn_host *scenario_add_host(struct scenario *s);
struct scn_raw *scenario_add_raw(struct scenario *s);
struct scn_call *scenario_add_call(struct scenario *s, bool setup);
struct scn_fault *scenario_add_fault(struct scenario *s);
struct scn_load *scenario_add_load(struct scenario *s);
struct scn_expect *scenario_add_expect(struct scenario *s);
struct scn_link *scenario_link_new(struct scenario *s);
struct scn_packet *scenario_packet_new(struct scenario *s);
struct scn_rnic *scenario_rnic_new(struct scenario *s);
/* All of it as that model has it. */
void scenario_rnic_model(struct scn_rnic *r, uint64_t model);
const char *scenario_printf(struct scenario *s, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* NULL: error names file, line and key. */
struct scenario *scenario_parse(const char *name, const char *text, GError **error);
/* Names that are used exist, times are in order. name and text are for messages. */
bool scenario_check(const struct scenario *s, const char *name, const char *text, GError **error);
char *scenario_print(const struct scenario *s);
char *scenario_schema(void);
