/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of sim/ share and nobody else sees.
 */
#pragma once

#include <glib.h>

#include "hw/file.h"
#include "sim/world.h"

struct conn;
struct conn_end;
struct link;
struct packet;
struct packet_rule;
struct tcp;
struct tcp_conn;

/* enum tcp_state of tcp.h */
#define TCP_STATES 10
#define PACKET_CLASSES 4

struct heap_item {
	uint64_t time, seq;
	struct world_event *ev;
};

struct node_rnic;
struct roce_names;
struct world_roce_tap;

struct world {
	uint64_t seed;
	uint64_t now;
	uint64_t hash;
	uint64_t nrecords;

	struct heap_item *heap;
	uint32_t nheap, heap_size;
	uint64_t seq;
	unsigned foreground; /* events set that are not background */

	GPtrArray *nodes;   /* struct world_node, by index */
	GPtrArray *runners; /* struct hw_runner, in order of start */
	GPtrArray *ready;   /* struct hw_runner that may pass now */
	uint32_t next_runner;
	struct world_rng sched;
	struct world_costs costs;
	uint64_t hot_busy, hot_idle; /* limits */
	uint64_t storm;		     /* events since the clock last moved */
	bool in_run;

	bool failed;
	void (*on_failure)(void *arg, const char *text);
	void *on_failure_arg;
	void (*on_record)(void *arg, const struct world_record *rec);
	void *on_record_arg;
	FILE *trace_file;
	FILE *log_file;
	GArray *kept; /* struct world_record, or NULL */
	struct world_at *ats;

	struct conn *conns; /* all, newest first */
	unsigned nconns;
	uint64_t next_conn;
	uint64_t connect_timeout;
	struct world_link_params link_default;
	bool link_default_set;
	struct world_tap *taps;

	/* packets */
	uint64_t route_gen; /* moves when addresses do */
	struct packet *free_packets[PACKET_CLASSES];
	struct packet *packets; /* all that are not free */
	GPtrArray *rules;	/* struct packet_rule */
	struct world_pcap *pcaps;
	struct world_link_stats net_stats;
	struct roce_names *roce_names; /* NULL: no RoCE packet yet */
	struct world_roce_tap *roce_taps;

	/* TCP */
	struct world_tcp_params tcp_params;
	struct world_tcp_stats tcp_stats;
	uint64_t tcp_edges[TCP_STATES][TCP_STATES];
	struct tcp **tcp_table; /* by addresses and ports */
	unsigned tcp_table_size, tcp_table_used;
	struct tcp_conn *tcp_conns;

	GPtrArray *corpses; /* struct world_node that crashed */
	struct world_sched_params sched_params;
};

/* One of hw/env.h, hw/mem.h, hw/net.h, and whose it is. */
struct node_env {
	struct hw_env env;
	struct world_node *node;
};

struct node_mem {
	struct hw_mem mem;
	struct world_node *node;
	struct sim_chunk *chunks;
	struct mem_watcher *watchers, **watchers_tail;
	uint64_t next_iova;
	size_t bytes;
	unsigned nchunks, nwatchers;
};

struct unix_file {
	struct unix_file *next;
	struct net_listener *listener; /* NULL: stale */
	char path[108];
};

struct node_addr {
	struct net_addr addr; /* port 0 */
	struct world_port *port;
};

struct node_net {
	struct hw_net net;
	struct world_node *node;
	struct world_rng rng;
	struct world_rng tcp_rng;
	GArray *addrs; /* struct node_addr */
	uint16_t ip_id;
	struct tcp *tcps;
	struct net_listener *listeners;
	struct unix_file *files;
	uint16_t next_port;
	unsigned nctxs, nlisteners, nstreams;
};

struct node_faults {
	struct hw_faults faults;
	struct world_node *node;
	GHashTable *by_name; /* name -> struct fault_point */
	GPtrArray *points;   /* the same in order of meeting */
};

struct node_files {
	struct hw_file hw;
	struct world_node *node;
	struct world_rng rng;
	struct world_file *disks; /* the machine's, newest first */
	struct file *files;	  /* open, opening or closing */
	struct sim_texts *texts;  /* small files, the machine's; NULL: none yet */
	struct file_ctx *ctxs;
	unsigned ndisks, nfiles;
};

struct log_entry {
	uint64_t time;
	char *line;
};

#define NODE_LOG_LINES 256

struct world_node {
	struct world *world;
	char *name;
	uint16_t index;
	struct hw hw;
	struct node_env env;
	struct node_mem mem;
	struct node_net net;
	struct node_faults faults;
	struct node_files files;
	struct node_rnic *rnic; /* NULL: it has none */
	struct world_rng rng; /* hw_env.random */
	struct world_limits limits;
	unsigned numa_cpus;
	uint64_t paused_until;
	struct world_port *ports; /* in order of number */
	unsigned nports;
	bool down;	      /* crashed, not booted yet */
	bool crashed;	      /* it is what is left of the dead one */
	unsigned incarnation; /* from 0 */
	void (*on_boot)(void *arg, struct world_node *node);
	void *on_boot_arg;
	int32_t drift_ppm;
	uint64_t drift_world, drift_node; /* clocks when the drift was set */
	uint64_t activity; /* moves with every byte sent or received: nobody here runs hot */
	int64_t wall_offset;
	GPtrArray *links; /* struct link, by index of the node it leads to */
	struct log_entry log[NODE_LOG_LINES];
	uint64_t nlog;
};

#define NO_NODE 0xffff

/* 2026-01-01 00:00:00 UTC, when the clock of a world shows 0. */
#define SIM_WALL_EPOCH (UINT64_C(1767225600) * WORLD_SEC)

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void world_trace(struct world *w, enum world_kind kind, uint16_t node, uint64_t a, uint64_t b);
void world_failure(struct world *w, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* node.c */
uint64_t sim_node_clock(const struct world_node *node);
/* The world's time when the node's clock will show t (or later). */
uint64_t sim_node_when(const struct world_node *node, uint64_t t);

/* event.c */
struct world_event *world_event_first(const struct world *w);
struct world_event *world_event_pop(struct world *w);

/* env.c */
extern const struct hw_env_ops sim_env_ops;
struct world_node *sim_env_node(struct hw_env *env);
/* Passes one of the ready runners. */
void sim_runner_pass_one(struct world *w);
/* Somebody outside may have given a sleeping runner work: asks all of them again. */
void sim_runners_look_again(struct world *w);
void sim_runners_paused(struct world_node *node);
/* The node's runner that is passing just now, or else its first, does nothing more until then. */
void sim_runner_keep(struct world_node *node, uint64_t until);
void sim_runner_count(struct world_node *node, struct world_live *live);

/* mem.c */
extern const struct hw_mem_ops sim_mem_ops;
void sim_mem_fini(struct node_mem *m);

/* file.c */
void sim_files_init(struct world_node *node);
void sim_files_fini(struct world_node *node);
/* The power fails; the files are the fresh one's. */
void sim_files_crash(struct world_node *fresh, struct world_node *corpse);

/* fault.c */
void sim_faults_init(struct world_node *node);
void sim_faults_fini(struct world_node *node);
bool sim_fault(struct world_node *node, const char *name);
