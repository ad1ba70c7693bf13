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
	X(RECV, "net.recv", "conn_side", "len")                                                    \
	X(FIN, "net.fin", "conn_side", "")                                                         \
	X(RST, "net.rst", "conn_side", "")                                                         \
	X(CORRUPT, "net.corrupt", "conn_side", "bit")                                              \
	X(STALL, "net.stall", "from_to", "until")                                                  \
	X(PAUSE, "node.pause", "", "until")

enum world_kind {
#define X(name, str, a, b) WORLD_##name,
	WORLD_KINDS(X)
#undef X
		WORLD_KIND_COUNT
};

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

/* No runner of the node passes before `until`: a stopped virtual machine. */
void world_node_pause(struct world_node *node, uint64_t until);
/* Moves the wall clock (hw_env.wall) by ns; the monotonic clock is not touched. */
void world_node_step_wall(struct world_node *node, int64_t ns);

struct world_limits {
	unsigned max_fds;  /* streams and listeners; more give -EMFILE; 0: no limit */
	bool unprivileged; /* ports below 1024 give -EACCES */
};
void world_node_set_limits(struct world_node *node, const struct world_limits *limits);

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
	unsigned net_ctxs, listeners, streams;
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

/* ---- network ------------------------------------------------------------------------ */

/*
 * The way from one node to another (also from a node to itself: loopback and
 * UNIX sockets), one direction. Nodes reach each other by their addresses; there
 * is one link each way between each two nodes.
 */
struct world_link_params {
	uint64_t latency_ns;	 /* one way; default 20 us, 2 us within a node */
	uint64_t jitter_ns;	 /* 0..this is added to each segment, order is kept; default 2 us */
	uint64_t bytes_per_sec;	 /* shared by all streams; 0: unlimited; default 1.25 G */
	uint32_t seg_min;	 /* bytes in a segment, drawn; default 1 */
	uint32_t seg_max;	 /* default 32768; at least seg_min */
	uint32_t sndbuf;	 /* sender's buffer, for new streams; default 256 KiB */
	uint32_t rcvbuf;	 /* receiver's window, for new streams; default 256 KiB */
	uint32_t short_send_ppm; /* sends cut short although there is room; default 10,000 */
	uint32_t short_recv_ppm; /* receives cut short although there are bytes; default 10,000 */
	uint32_t corrupt_ppm;	 /* segments with one bit flipped; default 0 */
	uint32_t stall_ppm;	 /* segments that are stall_ns late (and what follows them) */
	uint64_t stall_ns;
	uint32_t refuse_ppm; /* connects refused although somebody listens */
	bool unreachable;    /* connects fail with -EHOSTUNREACH */
};

void world_link_default(struct world_link_params *params);
void world_link_get(struct world_node *from, struct world_node *to, struct world_link_params *out);
void world_link_set(struct world_node *from, struct world_node *to,
		    const struct world_link_params *params);
/* Both directions of every two nodes that exist (loopback included), and of later ones. */
void world_link_set_all(struct world *w, const struct world_link_params *params);
/*
 * Nothing arrives on the link until that time (HW_NEVER: until it is set again;
 * now or earlier: heals). Nothing is lost: what was under way arrives then, and
 * connects that do not get through end with -ETIMEDOUT.
 */
void world_link_stall(struct world_node *from, struct world_node *to, uint64_t until);
/* How long a connect goes on before -ETIMEDOUT. Default 20 s. */
void world_net_connect_timeout(struct world *w, uint64_t ns);

/* Resets connections (both ends see -ECONNRESET at once). Returns how many. NULL: any node. */
unsigned world_net_reset(struct world *w, struct world_node *a, struct world_node *b);
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
