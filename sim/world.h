/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world: everything outside of the target, simulated in virtual time from one
 * seed. It implements hw/env.h, hw/mem.h and hw/net.h for any number of nodes
 * (targets, hosts) in one process and one thread.
 *
 *	struct world *w = world_new(seed);
 *	struct world_node *target = world_node_new(w, "target");
 *	struct world_node *host = world_node_new(w, "host");
 *	world_node_add_addr(target, "192.0.2.1");
 *	world_node_add_addr(host, "192.0.2.2");
 *	struct core *tc = core_new(world_node_hw(target), &options, &error);
 *	core_start(tc, &error);
 *	...
 *	if (!world_run_while(w, still_connecting, &test, 5 * WORLD_SEC)) ... it hangs
 *	...
 *	core_stop(tc); core_free(tc);
 *	g_assert_null(world_leaks(w));
 *	printf("%016" PRIx64 "\n", world_hash(w));
 *	world_free(w);
 *
 * How it runs. Runners (reactors) are passed one at a time, in an order drawn
 * from the seed. The clock stands still during a pass; a pass then keeps its
 * runner busy for a constant virtual time (struct world_costs) while others may
 * run. A runner is runnable when it was woken, when its deadline is due, while
 * its last pass did work and while arm() refuses. When nobody is runnable, time
 * jumps to the next event. Events that are due go before runners; equal times
 * go in the order of scheduling.
 *
 * Determinism. One seed gives one world_hash(), whatever compiler, flags, or
 * machine: the hash runs over virtual times, event kinds, random draws, log
 * lines and every byte sent. No pointer, real clock or hash-table order gets in.
 * Two worlds share nothing and may be run in turns.
 *
 * Calling target code from a test: everything a reactor does belongs into its
 * pass (core_call(), reactor_post(), callbacks). Between world_run_*() calls and
 * in world_at() functions the caller counts as the main thread of every node:
 * what may be called on "the main reactor, outside of a pass" may be called
 * there; sleeping runners are looked at again afterwards.
 *
 * Not thread-safe: a world and all its nodes belong to one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hw/env.h"
#include "hw/mem.h"
#include "hw/net.h"

struct world;
struct world_node;

#define WORLD_US UINT64_C(1000)
#define WORLD_MS UINT64_C(1000000)
#define WORLD_SEC UINT64_C(1000000000)

/* The clock of a new world: not 0, so that a forgotten deadline shows. */
#define WORLD_START WORLD_SEC

/* ---- the world ---------------------------------------------------------------------- */

struct world *world_new(uint64_t seed);
/*
 * Frees the world, its nodes and links. The cores and everything else built on
 * the nodes must be gone; what they left behind is reported by world_leaks().
 */
void world_free(struct world *w);
uint64_t world_seed(const struct world *w);
/* Nanoseconds of virtual time, the clock of every node. */
uint64_t world_now(const struct world *w);

/* Virtual time that a pass keeps its runner busy; at least 1 each. */
struct world_costs {
	uint64_t idle_pass_ns; /* found nothing; default 500 */
	uint64_t busy_pass_ns; /* did something; default 1000 */
};
void world_set_costs(struct world *w, const struct world_costs *costs);

/* Runs all that happens up to and including time t (absolute); the clock is then t. */
void world_run_until(struct world *w, uint64_t t);
/* The same, relative. */
void world_run_for(struct world *w, uint64_t ns);
/*
 * Runs while cond(arg) is true, looking after every pass and event. Returns true
 * when it became false; false when limit_ns of virtual time went by, or nothing
 * can ever happen any more.
 */
bool world_run_while(struct world *w, bool (*cond)(void *arg), void *arg, uint64_t limit_ns);
/*
 * Runs until nothing is under way: every runner sleeps and nothing but their
 * deadlines (timers) is ahead. False when that was not so within limit_ns.
 */
bool world_run_idle(struct world *w, uint64_t limit_ns);

/*
 * Called when the world finds a fault that makes going on senseless: a context
 * runs hot (very many passes while nothing else happens), or events storm
 * without time going on. Without a handler the world prints the text, seed and
 * last log lines, and aborts. With one, the current world_run_*() returns.
 */
void world_on_failure(struct world *w, void (*fn)(void *arg, const char *text), void *arg);
/*
 * Passes of a runner in a row, without sleep and without a byte sent or received
 * on its node, that are "hot": busy ones (default 1,000,000), and idle ones
 * whose arm() refuses to sleep (default 10,000).
 */
void world_set_hot_limits(struct world *w, uint64_t busy, uint64_t idle);

/* ---- events ------------------------------------------------------------------------- */

/* Intrusive: embed it, world_event_init() it, set and cancel as you like. */
struct world_event {
	void (*fn)(struct world_event *ev);
	uint64_t time; /* while set */
	uint64_t seq;
	uint32_t slot;	 /* place in the queue plus one, 0: not set */
	bool background; /* world_run_idle() does not wait for it */
};

void world_event_init(struct world_event *ev, void (*fn)(struct world_event *ev));
/* Runs fn once at time (absolute; the past means now). One that is set is moved. */
void world_event_set(struct world *w, struct world_event *ev, uint64_t time);
void world_event_cancel(struct world *w, struct world_event *ev);

/* For tests: calls fn(arg) at time. The handle is good until it ran. */
struct world_at;
struct world_at *world_at(struct world *w, uint64_t time, void (*fn)(void *arg), void *arg);
void world_at_cancel(struct world *w, struct world_at *at);

/* As records have names of points and marks. */
uint64_t world_hash_str(const char *s);

/* ---- randomness --------------------------------------------------------------------- */

/*
 * One stream a component, derived from (seed, name): a draw added to one leaves
 * the others as they were. Every draw goes into the trace hash. xoshiro256**.
 */
struct world_rng {
	struct world *world;
	uint64_t s[4];
	uint64_t id; /* hash of the name */
};

void world_rng_init(struct world *w, struct world_rng *rng, const char *name);
uint64_t world_rng_u64(struct world_rng *rng);
/* 0..n-1; 0 when n is 0 or 1 (then nothing is drawn). */
uint64_t world_rng_below(struct world_rng *rng, uint64_t n);
/* lo..hi, both included. */
uint64_t world_rng_range(struct world_rng *rng, uint64_t lo, uint64_t hi);
/* True with ppm parts in a million; nothing is drawn for 0 and for a million. */
bool world_rng_chance(struct world_rng *rng, uint32_t ppm);
void world_rng_fill(struct world_rng *rng, void *buf, size_t len);

/* ---- trace -------------------------------------------------------------------------- */

/* X(NAME, "name", meaning of a, meaning of b) */
#define WORLD_KINDS(X)                                                                             \
	X(NONE, "none", "", "")                                                                    \
	X(DRAW, "draw", "stream", "value")                                                         \
	X(AT, "at", "seq", "")                                                                     \
	X(PASS, "pass", "runner", "work")                                                          \
	X(SLEEP, "sleep", "runner", "deadline")                                                    \
	X(WAKE, "wake", "runner", "")                                                              \
	X(STOP, "stop", "runner", "")                                                              \
	X(LOG, "log", "len", "hash")                                                               \
	X(NOTE, "note", "name", "value")                                                           \
	X(FAULT, "fault", "name", "n")                                                             \
	X(MARK, "mark", "name", "n")                                                               \
	X(MEM_ALLOC, "mem.alloc", "iova", "len")                                                   \
	X(MEM_FREE, "mem.free", "iova", "len")                                                     \
	X(LISTEN, "net.listen", "port", "hash")                                                    \
	X(SYN, "net.syn", "conn", "port")                                                          \
	X(ACCEPT, "net.accept", "conn", "")                                                        \
	X(CONNECTED, "net.connected", "conn", "error")                                             \
	X(SEND, "net.send", "conn_side", "bytes_hash")                                             \
	X(SEGMENT, "net.segment", "conn_side", "len")                                              \
	X(PACKET, "net.packet", "conn_side", "header_hash")                                        \
	X(DROP, "net.drop", "conn_side", "why")                                                    \
	X(RULE, "net.rule", "rule", "conn_side")                                                   \
	X(TCP, "tcp.state", "conn_side", "from_to")                                                \
	X(PORT, "net.port", "port", "down_or_until")                                               \
	X(RECV, "net.recv", "conn_side", "len")                                                    \
	X(FIN, "net.fin", "conn_side", "")                                                         \
	X(RST, "net.rst", "conn_side", "")                                                         \
	X(CORRUPT, "net.corrupt", "conn_side", "bit")                                              \
	X(STALL, "net.stall", "from_to", "until")                                                  \
	X(PAUSE, "node.pause", "", "until")                                                        \
	X(CRASH, "node.crash", "incarnation", "")                                                  \
	X(BOOT, "node.boot", "incarnation", "")                                                    \
	X(STARVE, "runner.starve", "runner", "until")                                              \
	X(FILE_SUBMIT, "file.submit", "file_offset", "op_data_hash")                               \
	X(FILE_DONE, "file.done", "file_op", "error")                                              \
	X(FILE_SIZE, "file.size", "file", "bytes")                                                 \
	X(FILE_HANG, "file.hang", "file", "until")                                                 \
	X(FILE_CUT, "file.power-cut", "file", "blocks_lost")                                       \
	X(FILE_STEP, "file.step", "op_path_hash", "result")                                        \
	X(ROCE, "net.roce", "qp", "bytes_hash")

enum world_kind {
#define X(name, str, a, b) WORLD_##name,
	WORLD_KINDS(X)
#undef X
		WORLD_KIND_COUNT
};

/* Set in what is otherwise conn_side: the rest is the number of a queue pair (0: none). */
#define WORLD_OF_QP (UINT64_C(1) << 63)

/* What the hash runs over, one after the other. */
struct world_record {
	uint64_t time;
	uint64_t a, b;
	uint64_t hash; /* after this one */
	uint16_t kind; /* enum world_kind */
	uint16_t node; /* index, 0xffff: none */
	uint32_t zero;
};

/* The running hash so far. */
uint64_t world_hash(const struct world *w);
/* How many records it runs over. */
uint64_t world_records(const struct world *w);
/* Adds something of the caller's (workload, oracle) to the trace. */
void world_note(struct world *w, const char *name, uint64_t value);
/* Gives every record from now on to fn (NULL: stop). */
void world_on_record(struct world *w, void (*fn)(void *arg, const struct world_record *rec),
		     void *arg);
/* One record as a line of text without newline. Returns the length as snprintf. */
int world_record_format(const struct world *w, const struct world_record *rec, char *buf,
			size_t len);
/* Writes every record from now on to f as text (NULL: stop). */
void world_trace_to(struct world *w, FILE *f);
/*
 * Keeps all records in memory (call before anything else happens); with two
 * worlds that did so, world_diff() names the first record that differs, or
 * returns NULL. Caller frees.
 */
void world_keep_records(struct world *w);
char *world_diff(const struct world *a, const struct world *b);

/* The hash functions, for those who add to a trace. Equal on every machine. */
uint64_t world_mix(uint64_t h, uint64_t v);
uint64_t world_hash_bytes(uint64_t h, const void *data, size_t len);

/* ---- nodes -------------------------------------------------------------------------- */

/* A machine. Its name is also the name of its random streams: unique in its world. */
struct world_node *world_node_new(struct world *w, const char *name);
const char *world_node_name(const struct world_node *node);
/* What its target or host gets. faults is never NULL here. */
const struct hw *world_node_hw(struct world_node *node);
struct world *world_node_world(struct world_node *node);

/* 127.0.0.1 and ::1 are there from the start. False: not an address, or in use by a node. */
bool world_node_add_addr(struct world_node *node, const char *host);
/* Connections on it go silent (like a stalled link); listeners on it hear nothing. */
void world_node_del_addr(struct world_node *node, const char *host);

/*
 * A stopped virtual machine: no runner of the node passes before `until`, its TCP
 * does nothing, and packets wait in its NIC (at most WORLD_NIC_RING; more are lost).
 */
void world_node_pause(struct world_node *node, uint64_t until);
#define WORLD_NIC_RING 512
/* Moves the wall clock (hw_env.wall) by ns; the monotonic clock is not touched. */
void world_node_step_wall(struct world_node *node, int64_t ns);
/*
 * From now on the clocks of the node (hw_env.now, and wall with it) run fast by
 * ppm parts in a million (negative: slow; at least -500000). They do not step.
 */
void world_node_set_drift(struct world_node *node, int32_t ppm);
/* What hw_env.now of the node says now. */
uint64_t world_node_now(const struct world_node *node);

/*
 * The machine dies: its connections vanish without a packet, its addresses do not
 * answer; peers find out by TCP. Returns the same machine (name, addresses, ports,
 * links) without anything on it, still down; `node` is from now on only what was
 * built on the dead one needs to be taken down: its seams work, cut off from the
 * world (streams give -ECONNRESET, connects fail). What is left on it counts in
 * world_leaks() as before.
 */
struct world_node *world_node_crash(struct world_node *node);
/* Powers it on again, then calls its boot hook. */
void world_node_boot(struct world_node *node);
bool world_node_is_up(const struct world_node *node);
/* What starts the node's software. Kept over crashes. */
void world_node_on_boot(struct world_node *node, void (*fn)(void *arg, struct world_node *node),
			void *arg);

/*
 * Scheduling faults, drawn from the seed: after a pass a runner is kept away for
 * 1..starve_ns; a stream that becomes ready goes before those that wait already.
 */
struct world_sched_params {
	uint32_t starve_ppm;
	uint64_t starve_ns;
	uint32_t shuffle_ppm;
};
void world_sched_set(struct world *w, const struct world_sched_params *params);
/* Keeps one runner (by order of start on the node) away until then. False: there is none. */
bool world_runner_starve(struct world_node *node, unsigned runner, uint64_t until);
/* The same, that very one. */
void world_runner_hold(struct hw_runner *runner, uint64_t until);

struct world_limits {
	unsigned max_fds;  /* streams and listeners; more give -EMFILE; 0: no limit */
	bool unprivileged; /* ports below 1024 give -EACCES */
};
void world_node_set_limits(struct world_node *node, const struct world_limits *limits);

#define WORLD_NUMA_NODES 8
/*
 * Its machine has WORLD_NUMA_NODES NUMA nodes of so many processors, numbered through; 0 (as
 * at first): nothing is known of them. Before its software starts.
 */
void world_node_set_numa(struct world_node *node, unsigned cpus);

/* The last log lines (at most 256), oldest first. */
void world_node_log(struct world_node *node, void (*fn)(void *arg, uint64_t time, const char *line),
		    void *arg);
/* Prints every log line of all nodes to f as it is written, with time and node. NULL: not. */
void world_log_to(struct world *w, FILE *f);

/* What of the node is alive. */
struct world_live {
	size_t mem_bytes;
	unsigned mem_chunks, mem_watchers;
	unsigned runners, deadlines; /* runners, and how many of them sleep with a timer set */
	unsigned net_ctxs, listeners, streams, files;
	unsigned rnic_ctxs;
};
void world_node_live(struct world_node *node, struct world_live *live);
/* NULL when nothing is alive on any node, else a text that says what. Caller frees. */
char *world_leaks(struct world *w);

/* ---- faults ------------------------------------------------------------------------- */

/*
 * A rule for a fault point: hw_fault(hw, "component.what") of the target, or one
 * of the world's own:
 *
 *	mem.alloc            hw_mem.alloc gives -ENOMEM
 *	net.ctx_open.enomem  net.listen.enomem   net.listen.emfile
 *	net.connect.enomem   net.connect.emfile  net.attach.enomem
 *	net.accept.enomem    net.accept.emfile   (listener's failed callback)
 *	file.open.enomem     file.open.eio       file.queue.enomem
 *	file.submit.eagain   (an I/O ends with it)
 *
 * A hit is taken when it is number `nth` or later (1: the first; counted since
 * the rule was set), the clock is within [from, until), the chance says so, and
 * fewer than `times` were taken.
 */
struct world_fault_rule {
	uint64_t nth;	      /* 0 as 1 */
	uint64_t times;	      /* 0: always */
	uint32_t ppm;	      /* 0: surely */
	uint64_t from, until; /* virtual time; until 0: for ever */
};
/* One rule a point; a new one replaces the old. rule NULL: none. */
void world_fault_set(struct world_node *node, const char *name,
		     const struct world_fault_rule *rule);
void world_fault_clear_all(struct world_node *node);

struct world_fault_stats {
	uint64_t asked, taken; /* hw_fault() calls, those that gave true */
	uint64_t marks;	       /* hw_mark() calls */
};
void world_fault_stats(struct world_node *node, const char *name, struct world_fault_stats *out);
/* Every point and mark ever met, in the order of the first meeting. */
void world_fault_each(struct world_node *node,
		      void (*fn)(void *arg, const char *name, const struct world_fault_stats *st),
		      void *arg);

/* ---- files -------------------------------------------------------------------------- */

/*
 * Virtual files, hw/file.h of a node: disks with a volatile write cache. They are
 * the machine's and stay through a crash, which is a loss of power: of what was
 * neither flushed nor written with FUA, each block is as before or as written,
 * drawn from the seed; so are the blocks of I/O under way.
 */
struct world_file;

struct world_file_params {
	uint64_t latency_min_ns, latency_max_ns; /* of each I/O, drawn; default 10..200 us */
	uint32_t evict_ppm;   /* a block in the cache becomes durable when overwritten; 100,000 */
	int open_err;	      /* opening gives it; 0: it works */
	const char *identity; /* see hw/file.h; NULL: made from node and path. Not copied */
};
void world_file_params_default(struct world_file_params *params);

/* Zeros, all durable. block_size: bytes that are never torn, a power of two. */
struct world_file *world_file_new(struct world_node *node, const char *path, uint64_t size,
				  uint32_t block_size);
/* NULL: there is none, or it was removed. */
struct world_file *world_file_find(struct world_node *node, const char *path);
void world_file_set_params(struct world_file *f, const struct world_file_params *params);
/* As truncate; those who have it open notice within a second. */
void world_file_resize(struct world_file *f, uint64_t size);
/* The device goes away: I/O gives -ENODEV. */
void world_file_remove(struct world_file *f);
/* No I/O ends before that time (HW_NEVER: until it is set again; now: it goes on). */
void world_file_hang(struct world_file *f, uint64_t until);

/* Which I/O fails: as the rule of a fault point. What it has changed by then is drawn. */
struct world_file_rule {
	unsigned ops;	      /* 1 << enum file_op; 0: all */
	uint64_t first, last; /* bytes it touches; last 0: anywhere */
	uint64_t nth, times;
	uint32_t ppm;
	int err; /* negative errno */
};
/* "read", "write", "flush", "zero", "discard": its enum file_op, or -1. */
int world_file_op_parse(const char *name);
/* Returns its number, from 1. */
unsigned world_file_rule_add(struct world_file *f, const struct world_file_rule *rule);
void world_file_rule_remove(struct world_file *f, unsigned rule);
void world_file_rules_clear(struct world_file *f);

#define WORLD_FILE_OPS 5
struct world_file_stats {
	uint64_t ios[WORLD_FILE_OPS]; /* good ones, by enum file_op */
	uint64_t errors;
	uint64_t lost; /* blocks that a power cut has put back */
	uint64_t torn; /* blocks that I/O cut short or failed has left out */
};
void world_file_stats(const struct world_file *f, struct world_file_stats *stats);
uint64_t world_file_size(const struct world_file *f);
/* What a read gives now. */
const uint8_t *world_file_data(const struct world_file *f);

/*
 * Small files that are worked on as a whole (steps of hw/file.h), on a journaling
 * file system of their own: a loss of power keeps the first so many changes of
 * names, drawn; of bytes that were not synced it leaves all, the first few, zeros,
 * or an empty file, drawn. A step under way has then been done, or not, or a part.
 *
 * Fault points: "step.enomem", "step.OP.eio", "step.write.enospc", "step.write.erofs"
 * with OP one of read, write, sync, rename, sync-dir.
 */
/* NULL: there is none. */
const char *world_text_get(struct world_node *node, const char *path, size_t *len);
/* Durable at once; text NULL: it is removed. */
void world_text_put(struct world_node *node, const char *path, const char *text);
/*
 * How far the node's work is: the beginnings and ends of all its steps so far. A
 * crash whenever it moves is a crash at every step.
 */
uint64_t world_text_progress(const struct world_node *node);
/* No step ends before that time. */
void world_text_hang(struct world_node *node, uint64_t until);

/* ---- network ------------------------------------------------------------------------ */

/*
 * A packet's way: the port (NIC) of its source address, the link from node to
 * node, the port of its destination address. The ports hang on one switch; the
 * link is what lies between two of them, one direction. Within a node (loopback,
 * UNIX sockets) there are no packets, only the link of the node to itself.
 *
 * Streams between nodes are TCP (sim/tcp.c) over IP packets with the real bytes.
 */
struct world_link_params {
	uint64_t latency_ns;	 /* one way; default 20 us, 2 us within a node */
	uint64_t jitter_ns;	 /* 0..this is added to each packet, order is kept; default 2 us */
	uint64_t bytes_per_sec;	 /* shared by all streams; 0: unlimited; default 1.25 G */
	uint32_t seg_min;	 /* bytes in a segment, drawn; default 1 */
	uint32_t seg_max;	 /* default 32768; at least seg_min; the MTU limits it too */
	uint32_t sndbuf;	 /* sender's buffer, for new streams; default 256 KiB */
	uint32_t rcvbuf;	 /* receiver's window, for new streams; default 256 KiB */
	uint32_t short_send_ppm; /* sends cut short although there is room; default 10,000 */
	uint32_t short_recv_ppm; /* receives cut short although there are bytes; default 10,000 */
	uint32_t corrupt_ppm;	 /* segments with one bit of data flipped, which reach the stream */
	uint32_t stall_ppm;	 /* segments that are stall_ns late (and what follows them) */
	uint64_t stall_ns;
	uint32_t refuse_ppm; /* connects refused although somebody listens */
	bool unreachable;    /* connects fail with -EHOSTUNREACH (ICMP) */
	/* What follows is for packets: links between different nodes. */
	uint32_t loss_ppm;
	uint32_t dup_ppm;     /* come a second time, a little later */
	uint32_t reorder_ppm; /* come up to reorder_ns later, others overtake them */
	uint64_t reorder_ns;
	uint32_t flip_ppm;    /* one bit flipped anywhere: a checksum finds it */
	uint32_t ecn_ppm;     /* ECN-capable packets that get the mark of congestion */
	uint32_t ecn_bytes;   /* with so many waiting for the wire all of them get it; 0: none */
	uint32_t queue_bytes; /* that wait for the wire; more are lost (tail drop); 0: no limit */
	uint32_t mtu;	      /* of IP packets, 576..65535; default 9000; 0: default */
	bool mtu_silent;      /* what is too big vanishes, without ICMP */
	bool down;	      /* nothing gets through: a partition, one way */
};

void world_link_default(struct world_link_params *params);
void world_link_get(struct world_node *from, struct world_node *to, struct world_link_params *out);
void world_link_set(struct world_node *from, struct world_node *to,
		    const struct world_link_params *params);
/* Both directions of every two nodes that exist (loopback included), and of later ones. */
void world_link_set_all(struct world *w, const struct world_link_params *params);
/*
 * Nothing arrives on the link until that time (HW_NEVER: until it is set again;
 * now or earlier: heals). Nothing is lost: what was under way arrives then. TCP
 * notices by its timers: it repeats itself, and gives up after some time; connects
 * that do not get through end with -ETIMEDOUT.
 */
void world_link_stall(struct world_node *from, struct world_node *to, uint64_t until);
/* How long a connect goes on before -ETIMEDOUT. Default 20 s. */
void world_net_connect_timeout(struct world *w, uint64_t ns);

/* Why packets got lost. X(NAME, "name") */
#define WORLD_DROPS(X)                                                                             \
	X(RULE, "rule")		  /* a packet rule */                                              \
	X(LOSS, "loss")		  /* loss_ppm */                                                   \
	X(QUEUE, "queue")	  /* queue of a link or port was full */                           \
	X(PORT_DOWN, "port down") /* port or node */                                               \
	X(LINK_DOWN, "link down")                                                                  \
	X(MTU, "mtu")                                                                              \
	X(UNREACHABLE, "unreachable")                                                              \
	X(NO_ROUTE, "no route")	  /* nobody has the address */                                     \
	X(CHECKSUM, "checksum")	  /* found wrong by the receiver */                                \
	X(NO_ADDR, "no address")  /* the receiver has the address no more */                       \
	X(OVERRUN, "overrun")	  /* the NIC of a paused node, or the ring of an RNIC, was full */ \
	X(ICRC, "icrc")		  /* of a RoCE packet, found wrong by the receiver */              \
	X(NO_RNIC, "no rnic")	  /* nobody uses one there */

enum world_drop {
#define X(name, str) WORLD_DROP_##name,
	WORLD_DROPS(X)
#undef X
		WORLD_DROP_COUNT
};
const char *world_drop_name(enum world_drop why);

struct world_link_stats {
	uint64_t packets, bytes; /* given to the link's sender */
	uint64_t delivered;
	uint64_t dropped[WORLD_DROP_COUNT];
	uint64_t duplicated, delayed, reordered, flipped, corrupted, marked;
};
void world_link_stats(struct world_node *from, struct world_node *to, struct world_link_stats *out);
/* Of all links together. */
void world_net_stats(struct world *w, struct world_link_stats *out);

/* ---- ports -------------------------------------------------------------------------- */

/* A NIC. Each node has one, number 0, which world_node_add_addr() gives addresses to. */
struct world_port;

struct world_port_params {
	uint64_t bytes_per_sec;	 /* each direction; 0: unlimited, the default */
	uint32_t tx_queue_bytes; /* of the NIC; more are lost; 0: no limit */
	uint32_t rx_queue_bytes; /* of the switch, towards the NIC (incast) */
	uint32_t mtu;		 /* smaller than the link's; 0: the link's */
	bool down;		 /* cable pulled: what is under way is lost too */
};

struct world_port *world_port_new(struct world_node *node, const char *name);
struct world_port *world_node_port(struct world_node *node, unsigned n);
const char *world_port_name(const struct world_port *port);
/* False: not an address, or in use by a node. */
bool world_port_add_addr(struct world_port *port, const char *host);
void world_port_get(const struct world_port *port, struct world_port_params *out);
void world_port_set(struct world_port *port, const struct world_port_params *params);
/* Flow control: nothing arrives on the port until then, nothing is lost. As world_link_stall. */
void world_port_pause(struct world_port *port, uint64_t until);

/* ---- packet rules ------------------------------------------------------------------- */

/* X(NAME, bit, "name"): what a packet is. One may be several of them. */
#define WORLD_PACKETS(X)                                                                           \
	X(SYN, 1u, "syn")	/* the first of a connection */                                    \
	X(SYNACK, 2u, "synack") /* its answer */                                                   \
	X(DATA, 4u, "data")                                                                        \
	X(ACK, 8u, "ack") /* nothing but an acknowledgement or window */                           \
	X(FIN, 16u, "fin")                                                                         \
	X(RST, 32u, "rst")                                                                         \
	X(ICMP, 64u, "icmp")                                                                       \
	X(SEND, 128u, "send") /* RoCE from here on; DATA and ACK are of both */                    \
	X(WRITE, 256u, "write")                                                                    \
	X(READ, 512u, "read")	      /* request */                                                \
	X(RESPONSE, 1024u, "response") /* to a READ */                                             \
	X(NAK, 2048u, "nak")                                                                       \
	X(RNR, 4096u, "rnr") /* RNR NAK */                                                         \
	X(CNP, 8192u, "cnp")                                                                       \
	X(CM, 16384u, "cm") /* connection management */

enum world_packet_kind {
#define X(name, bit, str) WORLD_PACKET_##name = bit,
	WORLD_PACKETS(X)
#undef X
};

#define WORLD_ACTIONS(X)                                                                           \
	X(DROP, "drop")                                                                            \
	X(DUPLICATE, "duplicate") /* the second one ns later */                                    \
	X(DELAY, "delay")	  /* by ns, and what follows it */                                 \
	X(REORDER, "reorder")	  /* by ns, others overtake it */                                  \
	X(FLIP, "flip")		  /* one bit, found by a checksum */                               \
	X(CORRUPT, "corrupt")	  /* one bit of its data, with a right checksum: reaches the stream */

enum world_action {
#define X(name, str) WORLD_ACTION_##name,
	WORLD_ACTIONS(X)
#undef X
		WORLD_ACTION_COUNT
};
/* NULL: no such. For scenarios: name to number, -1: no such. */
const char *world_action_name(enum world_action action);
int world_action_parse(const char *name);
int world_packet_kind_parse(const char *name);

/* Messages of RDMA connection management: X(NAME, bit, "name"). */
#define WORLD_CMS(X)                                                                               \
	X(REQUEST, 1u, "connect_request")                                                          \
	X(MRA, 2u, "message_receipt_ack")                                                          \
	X(REJECT, 4u, "connect_reject")                                                            \
	X(REPLY, 8u, "connect_reply")                                                              \
	X(READY, 16u, "ready_to_use")                                                              \
	X(DISCONNECT, 32u, "disconnect_request")                                                   \
	X(GONE, 64u, "disconnect_reply")

enum world_cm_kind {
#define X(name, bit, str) WORLD_CM_##name = bit,
	WORLD_CMS(X)
#undef X
};
/* Its bit, -1: no such. */
int world_cm_kind_parse(const char *name);

/*
 * Selector, budget, action; what is 0 or NULL selects all. Numbers count from 1.
 *
 * RoCE: queue pairs are numbered in the order in which their first message of
 * connection management (request or reply) is sent. Packets are their sender's. A PSN
 * counts from the first one of the queue pair whose requests it numbers: the sender's,
 * or that of its peer for what answers a request (acknowledgements, READ responses).
 */
struct world_packet_rule {
	const char *from, *to;	 /* names of nodes */
	uint16_t port;		 /* TCP or UDP port of either end */
	uint64_t conn;		 /* number of the connection, as in struct world_tap_info */
	unsigned side;		 /* 1: sent by who connected, 2: by who accepted */
	unsigned kinds;		 /* any of enum world_packet_kind */
	uint64_t first, last;	 /* numbers of packets in their flow (connection and side) */
	uint64_t pos_first;	 /* carries any byte of the stream from this ... */
	uint64_t pos_last;	 /* ... to this one */
	unsigned tx;		 /* 1: sent for the first time, 2: repeated; RoCE: which time */
	uint64_t qp;		 /* number of the queue pair that sends */
	uint64_t psn_first, psn_last; /* places of PSNs */
	unsigned cms;		      /* any of enum world_cm_kind */
	uint64_t since, until;	 /* virtual time; until 0: for ever */
	uint64_t nth;		 /* of those that match so far, this one and later ones */
	uint64_t times;		 /* how often it acts; 0: always */
	uint32_t ppm;		 /* chance; 0: surely */
	enum world_action action;
	uint64_t ns;
};

/* Copied. Rules are asked in the order of adding; every one that fits acts. Returns its number. */
unsigned world_packet_rule_add(struct world *w, const struct world_packet_rule *rule);
/* How often it matched (before its budget) and acted. Numbers stay good until clear. */
void world_packet_rule_stats(struct world *w, unsigned rule, uint64_t *matched, uint64_t *taken);
void world_packet_rule_remove(struct world *w, unsigned rule);
void world_packet_rules_clear(struct world *w);

/* ---- captures ----------------------------------------------------------------------- */

/*
 * Writes packets to f in pcapng form (Wireshark reads it), until closed or the
 * world is freed; f stays the caller's. Captures change nothing of the run.
 */
struct world_pcap;
/* All packets put on the links between a and b (NULL: any), with a comment on each one's fate. */
struct world_pcap *world_pcap_link(struct world *w, struct world_node *a, struct world_node *b,
				   FILE *f);
/* What the port sends and receives, as a capture on that machine would show it. */
struct world_pcap *world_pcap_port(struct world_port *port, FILE *f);
void world_pcap_close(struct world_pcap *pcap);

/* ---- TCP ---------------------------------------------------------------------------- */

struct world_tcp_params {
	uint64_t rto_init;	   /* first retransmission; default 1 s */
	uint64_t rto_min, rto_max; /* default 200 ms, 60 s */
	unsigned retries;	   /* then -ETIMEDOUT; default 8 */
	unsigned syn_retries;	   /* of the accepting side; default 5 */
	uint64_t time_wait;	   /* default 1 s */
	uint64_t fin_wait;	   /* of closed ones, for the peer's FIN; default 60 s */
	uint64_t ack_delay;	   /* of lone segments in order; 0: none; default 10 us */
};
void world_tcp_get(const struct world *w, struct world_tcp_params *out);
/* For all nodes, from now on. */
void world_tcp_set(struct world *w, const struct world_tcp_params *params);

struct world_tcp_stats {
	uint64_t segments, repeated;	   /* sent; of these, not for the first time */
	uint64_t timeouts, fast, probes;   /* retransmissions by timer, by dup ACKs; zero window */
	uint64_t out_of_order, given_up;   /* segments; connections */
	uint64_t resets_sent, resets_seen; /* RST segments, taken as valid when seen */
};
void world_tcp_stats(const struct world *w, struct world_tcp_stats *out);
/* Each edge of the state machine that exists, and how often it was taken. */
void world_tcp_edges(const struct world *w,
		     void (*fn)(void *arg, const char *from, const char *to, uint64_t taken),
		     void *arg);

/* Resets connections (both ends see -ECONNRESET at once). Returns how many. NULL: any node. */
unsigned world_net_reset(struct world *w, struct world_node *a, struct world_node *b);
/* One of them, by its place (modulo how many there are), oldest first. False: there is none. */
bool world_net_reset_one(struct world *w, struct world_node *a, struct world_node *b,
			 unsigned place);
/*
 * The earliest time at which an end of a TCP connection that the node still holds
 * came to know that its peer has ended it; HW_NEVER: there is none such.
 */
uint64_t world_net_ended(const struct world_node *node);
/* The one with this number (see struct world_tap_info). False: there is none. */
bool world_net_reset_conn(struct world *w, uint64_t conn);
/* Connections with at least one end open. */
unsigned world_net_conns(struct world *w);

/* A socket file that nobody accepts on, as a crashed process leaves it. */
void world_node_stale_unix(struct world_node *node, const char *path);
/* Whether a socket file is there. */
bool world_node_has_unix(struct world_node *node, const char *path);

enum world_tap_kind { WORLD_TAP_OPEN, WORLD_TAP_DATA, WORLD_TAP_FIN, WORLD_TAP_RST };

struct world_tap_info {
	uint64_t conn; /* number of the connection, from 1 */
	unsigned side; /* who sends: 0 the one who connected, 1 the one who accepted */
	struct world_node *from, *to;
	const struct net_addr *src, *dst;
	uint64_t time;
};

/*
 * Sees every byte of every stream, in order, as the sender gives it to the
 * network. Must not call into the world. Intrusive; stays until removed.
 */
struct world_tap {
	void (*fn)(struct world_tap *tap, enum world_tap_kind kind,
		   const struct world_tap_info *info, const void *data, size_t len);
	struct world_tap *next;
};
void world_tap_add(struct world *w, struct world_tap *tap);
void world_tap_remove(struct world *w, struct world_tap *tap);
