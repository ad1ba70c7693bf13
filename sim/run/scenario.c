/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of a scenario's structures, and what tables cannot say. */
#include "sim/run/scenario.h"

#include <string.h>

#include "sim/roce.h"
#include "target/core/error.h"

#define PPM 1000000

const char *const scn_raw_names[] = { "garbage",     "mutate",	   "truncate",	  "connects",
				      "r2t_ttag",    "r2t_offset", "r2t_overlap", "r2t_length",
				      "aers",	     "aborts",	   "resets",	  "properties",
				      "bad_connect", "eager",	   "silent",	  "keep_alive",
				      "queues",	     "hdgst",	   "ddgst",	  "r2t_after",
				      "any",	     "rdma_private", "rdma_storm",
				      "rdma_capsules", "rdma_io", NULL };
G_STATIC_ASSERT(G_N_ELEMENTS(scn_raw_names) == SCN_RAW_KINDS + 1);
static const char *const trtypes[] = { "tcp", "rdma", NULL }; /* as enum host_trtype */
static const char *const replies[] = { "ok", "error", "any", NULL };
static const char *const clients[] = { "good", "leaves", "twice", "cut", "garbage", NULL };
const char *const scn_fault_names[] = { "stall",      "partition",     "one_way",    "link",
					"reset",      "pause",	       "wall",	     "point",
					"silent",     "vanish",	       "disconnect", "connect",
					"host_reset", "del_addr",      "packet",     "port",
					"drift",      "starve",	       "hold",	     "file",
					"file_hang",  "file_size",     "file_gone",  "power",
					"rnic_gone",  "rnic_torn",  "rnic_failover", NULL };
G_STATIC_ASSERT(G_N_ELEMENTS(scn_fault_names) == SCN_F_KINDS + 1);
static const char *const expects[] = {
	"no_host_error", "gap_below",	 "host_sees", "fault_taken", "ios",
	"lost",		 "lost_at_most", "gone_by",   "kept_till",   "pdus",
	"log",		 "reconnected",	 "rnic",      "rnic_at_most", "counted",
	"counted_at_most", NULL
};

#define X(name, str) str,
static const char *const actions[] = { WORLD_ACTIONS(X) NULL };
#undef X

#define NUM(struct_, member_, ...)                                                                 \
	{                                                                                          \
		.key = #member_, .type = CODEC_NUM, CODEC_AT(struct_, member_), ##__VA_ARGS__      \
	}
#define TIME(struct_, member_, ...)                                                                \
	{                                                                                          \
		.key = #member_, .type = CODEC_TIME, CODEC_AT(struct_, member_), ##__VA_ARGS__     \
	}
#define BOOL(struct_, member_, ...)                                                                \
	{                                                                                          \
		.key = #member_, .type = CODEC_BOOL, CODEC_AT(struct_, member_), ##__VA_ARGS__     \
	}
#define TEXT(struct_, member_, ...)                                                                \
	{                                                                                          \
		.key = #member_, .type = CODEC_TEXT, CODEC_AT(struct_, member_), ##__VA_ARGS__     \
	}
#define ENUM(struct_, member_, key_, values_, ...)                                                 \
	{                                                                                          \
		.key = key_, .type = CODEC_ENUM, CODEC_AT(struct_, member_), .values = values_,    \
		##__VA_ARGS__                                                                      \
	}
#define LIST(struct_, member_, shape_, ...)                                                        \
	{                                                                                          \
		.key = #member_, .type = CODEC_LIST, CODEC_AT(struct_, member_), .shape = shape_,  \
		##__VA_ARGS__                                                                      \
	}

static void link_init(void *obj)
{
	struct scn_link *l = obj;
	struct world_link_params p;

	world_link_default(&p);
	l->latency = p.latency_ns;
	l->jitter = p.jitter_ns;
	l->stall = p.stall_ns;
	l->bytes_per_sec = p.bytes_per_sec;
	l->seg_min = p.seg_min;
	l->seg_max = p.seg_max;
	l->sndbuf = p.sndbuf;
	l->rcvbuf = p.rcvbuf;
	l->short_send_ppm = p.short_send_ppm;
	l->short_recv_ppm = p.short_recv_ppm;
	l->corrupt_ppm = p.corrupt_ppm;
	l->stall_ppm = p.stall_ppm;
	l->refuse_ppm = p.refuse_ppm;
	l->unreachable = p.unreachable;
	l->loss_ppm = p.loss_ppm;
	l->dup_ppm = p.dup_ppm;
	l->reorder_ppm = p.reorder_ppm;
	l->reorder = p.reorder_ns;
	l->flip_ppm = p.flip_ppm;
	l->queue_bytes = p.queue_bytes;
	l->mtu = p.mtu;
}

static const struct codec_field link_fields[] = {
	TEXT(struct scn_link, from, .about = "a node; none: every"),
	TEXT(struct scn_link, to),
	BOOL(struct scn_link, one_way, .about = "only from -> to"),
	TIME(struct scn_link, latency, .max = 100 * WORLD_SEC),
	TIME(struct scn_link, jitter, .max = 100 * WORLD_SEC),
	NUM(struct scn_link, bytes_per_sec, .about = "0: unlimited"),
	NUM(struct scn_link, seg_min, .min = 1, .max = UINT32_MAX,
	    .about = "bytes that arrive together"),
	NUM(struct scn_link, seg_max, .min = 1, .max = UINT32_MAX),
	NUM(struct scn_link, sndbuf, .min = 1, .max = UINT32_MAX),
	NUM(struct scn_link, rcvbuf, .min = 1, .max = UINT32_MAX),
	NUM(struct scn_link, short_send_ppm, .max = PPM),
	NUM(struct scn_link, short_recv_ppm, .max = PPM),
	NUM(struct scn_link, corrupt_ppm, .max = PPM, .about = "segments with one bit flipped"),
	NUM(struct scn_link, stall_ppm, .max = PPM, .about = "segments that are `stall` late"),
	TIME(struct scn_link, stall, .max = 3600 * WORLD_SEC),
	NUM(struct scn_link, refuse_ppm, .max = PPM, .about = "connects refused"),
	BOOL(struct scn_link, unreachable),
	NUM(struct scn_link, loss_ppm, .max = PPM, .about = "packets"),
	NUM(struct scn_link, dup_ppm, .max = PPM),
	NUM(struct scn_link, reorder_ppm, .max = PPM,
	    .about = "packets that come up to `reorder` late"),
	TIME(struct scn_link, reorder, .max = 100 * WORLD_SEC),
	NUM(struct scn_link, flip_ppm, .max = PPM, .about = "damaged packets, found by a checksum"),
	NUM(struct scn_link, queue_bytes, .max = UINT32_MAX, .about = "0: no limit"),
	NUM(struct scn_link, ecn_ppm, .max = PPM,
	    .about = "packets marked as by a switch in congestion, of RNICs with dcqcn"),
	NUM(struct scn_link, ecn_bytes, .max = UINT32_MAX,
	    .about = "all are when so many wait for the wire; 0: none"),
	NUM(struct scn_link, mtu, .max = 65535, .about = "576 at least; 0: the default"),
	BOOL(struct scn_link, mtu_silent),
	BOOL(struct scn_link, down, .about = "nothing gets through"),
	{ 0 },
};
static const struct codec_shape link_shape = { "link", sizeof(struct scn_link), link_fields,
					       link_init };

static void file_init(void *obj)
{
	struct world_file_params p;
	struct scn_file *f = obj;

	world_file_params_default(&p);
	f->block_size = 512;
	f->latency_min = p.latency_min_ns;
	f->latency_max = p.latency_max_ns;
	f->evict_ppm = p.evict_ppm;
}

static const struct codec_field file_fields[] = {
	TEXT(struct scn_file, path, .required = true),
	NUM(struct scn_file, size, .required = true, .min = 1, .max = 1u << 28,
	    .about = "bytes; zeros"),
	NUM(struct scn_file, block_size, .min = 512, .max = 4096, .about = "never torn"),
	TIME(struct scn_file, latency_min, .max = 100 * WORLD_SEC),
	TIME(struct scn_file, latency_max, .max = 100 * WORLD_SEC),
	NUM(struct scn_file, evict_ppm, .max = PPM,
	    .about = "blocks in the write cache that become durable by themselves"),
	{ 0 },
};
static const struct codec_shape file_shape = { "file", sizeof(struct scn_file), file_fields,
					       file_init };

static void rnic_choose(void *obj)
{
	struct world_rnic_params p;
	struct scn_rnic *r = obj;

	world_rnic_model((unsigned)r->model, &p);
	r->iwarp = p.iwarp;
	r->no_send_inv = p.no_send_inv;
	r->no_rnr = p.iwarp || !(p.attr.device_cap_flags & IBV_DEVICE_RC_RNR_NAK_GEN);
	r->no_windows = !(p.attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW_TYPE_2B);
	r->max_sge_rd = (uint64_t)p.attr.max_sge_rd;
	r->max_srq_sge = (uint64_t)p.attr.max_srq_sge;
	r->mr_fail_count = 1;
	r->mtu = p.mtu;
	r->rx_ring = p.rx_ring;
	r->max_inline = p.max_inline;
	r->max_qp = (uint64_t)p.attr.max_qp;
	r->max_qp_wr = (uint64_t)p.attr.max_qp_wr;
	r->max_sge = (uint64_t)p.attr.max_sge;
	r->max_cq = (uint64_t)p.attr.max_cq;
	r->max_cqe = (uint64_t)p.attr.max_cqe;
	r->max_pd = (uint64_t)p.attr.max_pd;
	r->max_mr = (uint64_t)p.attr.max_mr;
	r->max_mw = (uint64_t)p.attr.max_mw;
	r->max_srq = (uint64_t)p.attr.max_srq;
	r->max_srq_wr = (uint64_t)p.attr.max_srq_wr;
	r->max_qp_rd_atom = (uint64_t)p.attr.max_qp_rd_atom;
}

static void rnic_init(void *obj)
{
	scenario_rnic_model(obj, 0);
}

void scenario_rnic_model(struct scn_rnic *r, uint64_t model)
{
	*r = (struct scn_rnic){ .model = model, .numa_node = UINT64_MAX };
	rnic_choose(r);
}

static const struct codec_field rnic_fields[] = {
	ENUM(struct scn_rnic, model, "model", world_rnic_models,
	     .about = "whose limits it has, where they are not given", .choose = rnic_choose),
	NUM(struct scn_rnic, mtu, .min = 256, .max = 4096,
	    .about = "path MTU: 256, 512, 1024, 2048 or 4096"),
	NUM(struct scn_rnic, rx_ring, .min = 1, .max = 1u << 20,
	    .about = "packets that wait for a reactor; more are lost"),
	NUM(struct scn_rnic, max_inline, .max = 4096, .about = "bytes"),
	NUM(struct scn_rnic, max_qp, .min = 1, .max = 65536),
	NUM(struct scn_rnic, max_qp_wr, .min = 1, .max = 65536),
	NUM(struct scn_rnic, max_sge, .min = 1, .max = 16),
	NUM(struct scn_rnic, max_sge_rd, .min = 1, .max = 16, .about = "of a READ"),
	NUM(struct scn_rnic, max_cq, .min = 1, .max = 65536),
	NUM(struct scn_rnic, max_cqe, .min = 1, .max = 1u << 24),
	NUM(struct scn_rnic, max_pd, .min = 1, .max = 65536),
	NUM(struct scn_rnic, max_mr, .min = 1, .max = 65536),
	NUM(struct scn_rnic, max_mw, .max = 65536),
	NUM(struct scn_rnic, max_srq, .max = 65536),
	NUM(struct scn_rnic, max_srq_wr, .max = 65536),
	NUM(struct scn_rnic, max_srq_sge, .max = 16),
	NUM(struct scn_rnic, max_qp_rd_atom, .min = 1, .max = 128,
	    .about = "READs under way of a queue pair, each way"),
	NUM(struct scn_rnic, max_mr_bytes, .about = "registered at a time; 0: no limit"),
	NUM(struct scn_rnic, mr_fail_at, .about = "that registration of memory fails, before heal_at; 0: none"),
	NUM(struct scn_rnic, mr_fail_count, .min = 1, .about = "... and those behind it"),
	TIME(struct scn_rnic, mr_time, .max = WORLD_SEC,
	     .about = "a registration keeps its reactor away so long"),
	TIME(struct scn_rnic, mr_page_time, .max = WORLD_MS, .about = "... for each 4096 bytes"),
	BOOL(struct scn_rnic, iwarp,
	     .about = "a READ goes into one SGE, of memory that others may write; no immediates"),
	BOOL(struct scn_rnic, no_send_inv, .about = "it takes no SEND with Invalidate"),
	BOOL(struct scn_rnic, no_rnr,
	     .about = "a message that finds no receive ends the connection; iWARP: it does"),
	BOOL(struct scn_rnic, no_windows, .about = "it has no memory windows"),
	BOOL(struct scn_rnic, dcqcn, .about = "congestion control"),
	NUM(struct scn_rnic, numa_node, .max = WORLD_NUMA_NODES - 1,
	    .about = "of its machine, that it is at; left out: not known"),
	{ 0 },
};
static const struct codec_shape rnic_shape = { "rnic", sizeof(struct scn_rnic), rnic_fields,
					       rnic_init };

#define RNIC(struct_)                                                                              \
	{                                                                                          \
		.key = "rnic", .type = CODEC_ONE, CODEC_AT(struct_, rnic), .shape = &rnic_shape,   \
		.about = "of its machine; none: no RDMA"                                           \
	}

static const struct codec_field nic_fields[] = {
	TEXT(struct scn_nic, name, .required = true,
	     .about = "of the node that it is for faults, links and expectations"),
	{ .key = "addresses", .type = CODEC_TEXTS, CODEC_AT(struct scn_nic, addresses) },
	RNIC(struct scn_nic),
	{ 0 },
};
static const struct codec_shape nic_shape = { "nic", sizeof(struct scn_nic), nic_fields, NULL };

static void target_init(void *obj)
{
	((struct scn_target *)obj)->reactors = 1;
}

static const struct codec_field target_fields[] = {
	TEXT(struct scn_target, name, .required = true),
	{ .key = "addresses", .type = CODEC_TEXTS, CODEC_AT(struct scn_target, addresses) },
	NUM(struct scn_target, reactors, .min = 1, .max = 64),
	NUM(struct scn_target, buf_limit, .about = "bytes of buffers a reactor; 0: the default"),
	NUM(struct scn_target, max_fds, .max = UINT32_MAX, .about = "0: no limit"),
	NUM(struct scn_target, numa_cpus, .max = 64,
	    .about = "its machine has 8 NUMA nodes of so many processors, and reactor n runs on "
		     "processor n; 0: not known, and not pinned"),
	LIST(struct scn_target, files, &file_shape, .about = "of its machine; kept without power"),
	RNIC(struct scn_target),
	LIST(struct scn_target, nics, &nic_shape, .about = "more RNICs of its machine; at most 3"),
	BOOL(struct scn_target, keep_config,
	     .about = "in a file: after a loss of power it loads that, and is not set up again"),
	{ 0 },
};
static const struct codec_shape target_shape = { "target", sizeof(struct scn_target), target_fields,
						 target_init };

static void host_init(void *obj)
{
	struct scn_host *h = obj;

	h->trsvcid = "4420";
	h->reactors = 1;
	h->io_queues = 1;
	h->queue_size = 129;
	h->kato = 10 * WORLD_SEC;
	h->io_timeout = 30 * WORLD_SEC;
	h->connect_timeout = 10 * WORLD_SEC;
	h->reconnect_delay = 500 * WORLD_MS;
}

static const struct codec_field host_fields[] = {
	TEXT(struct scn_host, name, .required = true),
	TEXT(struct scn_host, address, .required = true),
	TEXT(struct scn_host, traddr,
	     .about = "of the target; none: the first of the first target"),
	TEXT(struct scn_host, trsvcid),
	ENUM(struct scn_host, trtype, "trtype", trtypes),
	TEXT(struct scn_host, subnqn, .required = true),
	TEXT(struct scn_host, hostnqn, .about = "none: made from the host's place in the list"),
	NUM(struct scn_host, reactors, .min = 1, .max = 64),
	RNIC(struct scn_host),
	TIME(struct scn_host, connect_at, .about = "never: only a fault rule makes it connect"),
	NUM(struct scn_host, io_queues, .max = 1024),
	NUM(struct scn_host, queue_size, .min = 2, .max = 65535),
	NUM(struct scn_host, hpda, .max = 31),
	TIME(struct scn_host, kato, .max = 1000000 * WORLD_SEC, .about = "whole milliseconds"),
	TIME(struct scn_host, io_timeout, .min = WORLD_MS, .max = 1000000 * WORLD_SEC),
	TIME(struct scn_host, connect_timeout, .min = WORLD_MS, .max = 1000000 * WORLD_SEC),
	TIME(struct scn_host, reconnect_delay, .max = 1000000 * WORLD_SEC, .about = "0s: never"),
	TIME(struct scn_host, loss_timeout, .max = 1000000 * WORLD_SEC, .about = "0s: for ever"),
	BOOL(struct scn_host, hdgst),
	BOOL(struct scn_host, ddgst),
	BOOL(struct scn_host, no_sq_flow_control),
	BOOL(struct scn_host, queue_io, .about = "I/O waits for a new connection"),
	BOOL(struct scn_host, never, .about = "it must never get in"),
	{ 0 },
};
static const struct codec_shape host_shape = { "host", sizeof(struct scn_host), host_fields,
					       host_init };

static void raw_init(void *obj)
{
	struct scn_raw *r = obj;

	r->trsvcid = "4420";
	r->times = 1;
	r->every = 10 * WORLD_MS;
	r->kato = 10 * WORLD_SEC;
	r->beat = WORLD_SEC;
}

static const struct codec_field raw_fields[] = {
	TEXT(struct scn_raw, name, .required = true),
	TEXT(struct scn_raw, address, .required = true),
	TEXT(struct scn_raw, traddr),
	TEXT(struct scn_raw, trsvcid),
	TEXT(struct scn_raw, subnqn, .required = true),
	ENUM(struct scn_raw, kind, "does", scn_raw_names, .required = true),
	TIME(struct scn_raw, at),
	TIME(struct scn_raw, every, .min = 1),
	NUM(struct scn_raw, times, .min = 1, .max = 100000, .about = "sessions"),
	TIME(struct scn_raw, kato, .max = 1000000 * WORLD_SEC),
	TIME(struct scn_raw, beat, .min = 1, .max = 1000 * WORLD_SEC,
	     .about = "keep_alive: between signs of life"),
	NUM(struct scn_raw, beats, .max = 1000000, .about = "keep_alive: how many"),
	BOOL(struct scn_raw, traffic, .about = "keep_alive: by other commands than Keep Alive"),
	BOOL(struct scn_raw, hdgst, .about = "with header digests"),
	BOOL(struct scn_raw, ddgst, .about = "with data digests"),
	RNIC(struct scn_raw),
	{ 0 },
};
static const struct codec_shape raw_shape = { "raw", sizeof(struct scn_raw), raw_fields, raw_init };

static void call_init(void *obj)
{
	((struct scn_call *)obj)->times = 1;
}

static const struct codec_field call_fields[] = {
	TIME(struct scn_call, at, .about = "not for setup: those come one after the other"),
	TIME(struct scn_call, every),
	NUM(struct scn_call, times, .min = 1, .max = 1000000),
	TEXT(struct scn_call, target, .about = "none: the first"),
	TEXT(struct scn_call, method, .required = true),
	{ .key = "params", .type = CODEC_JSON, CODEC_AT(struct scn_call, params) },
	ENUM(struct scn_call, reply, "reply", replies),
	ENUM(struct scn_call, client, "client", clients),
	TEXT(struct scn_call, has, .about = "the reply's text must have this in it"),
	TEXT(struct scn_call, on, .about = "an event: the call comes after each of them"),
	NUM(struct scn_call, skip, .max = 1000000),
	TIME(struct scn_call, after, .max = 3600 * WORLD_SEC),
	{ 0 },
};
static const struct codec_shape call_shape = { "call", sizeof(struct scn_call), call_fields,
					       call_init };

static void packet_init(void *obj)
{
	struct scn_packet *p = obj;

	p->nth = 1;
}

static const struct codec_field packet_fields[] = {
	ENUM(struct scn_packet, action, "action", actions, .required = true),
	NUM(struct scn_packet, port, .max = 65535, .about = "TCP or UDP port of either end; 0: any"),
	NUM(struct scn_packet, side, .max = 2, .about = "1: sent by who connected; 2: accepted"),
	NUM(struct scn_packet, conn, .about = "number of the connection"),
	{ .key = "kinds",
	  .type = CODEC_TEXTS,
	  CODEC_AT(struct scn_packet, kinds),
	  .about = "syn, synack, data, ack, fin, rst, icmp; RoCE: send, write, read, response, ack, "
		   "nak, rnr, cnp, cm; none: all" },
	{ .key = "cm",
	  .type = CODEC_TEXTS,
	  CODEC_AT(struct scn_packet, cm),
	  .about = "connect_request, message_receipt_ack, connect_reject, connect_reply, "
		   "ready_to_use, disconnect_request, disconnect_reply; none: all" },
	NUM(struct scn_packet, qp,
	    .about = "number of the queue pair that sends, by its first connect_request or "
		     "connect_reply"),
	NUM(struct scn_packet, psn_first, .max = 1u << 24,
	    .about = "place of the PSN in its queue pair, from 1"),
	NUM(struct scn_packet, psn_last, .max = 1u << 24),
	NUM(struct scn_packet, first, .about = "numbers of packets in their flow"),
	NUM(struct scn_packet, last),
	NUM(struct scn_packet, pos_first, .about = "carries a byte of the stream from here ..."),
	NUM(struct scn_packet, pos_last, .about = "... to here"),
	NUM(struct scn_packet, tx, .max = 1000, .about = "1: the first transmission, 2: the next; RoCE: 3, 4, ... too"),
	NUM(struct scn_packet, nth, .min = 1),
	NUM(struct scn_packet, count, .about = "0: always"),
	NUM(struct scn_packet, ppm, .max = PPM, .about = "0: surely"),
	TIME(struct scn_packet, by, .max = 100 * WORLD_SEC, .about = "how late"),
	{ 0 },
};
static const struct codec_shape packet_shape = { "packet", sizeof(struct scn_packet), packet_fields,
						 packet_init };

static void file_rule_init(void *obj)
{
	((struct scn_file_rule *)obj)->nth = 1;
}

static const char *const file_errors[] = { "io", "no_space", "again", "gone", NULL };

static const struct codec_field file_rule_fields[] = {
	{ .key = "ops",
	  .type = CODEC_TEXTS,
	  CODEC_AT(struct scn_file_rule, ops),
	  .about = "read, write, flush, zero, discard; none: all" },
	ENUM(struct scn_file_rule, error, "error", file_errors, .required = true),
	NUM(struct scn_file_rule, first, .about = "touches a byte from here ..."),
	NUM(struct scn_file_rule, last, .about = "... to here; 0: anywhere"),
	NUM(struct scn_file_rule, nth, .min = 1),
	NUM(struct scn_file_rule, count, .about = "0: always"),
	NUM(struct scn_file_rule, ppm, .max = PPM, .about = "0: surely"),
	{ 0 },
};
static const struct codec_shape file_rule_shape = { "file_rule", sizeof(struct scn_file_rule),
						    file_rule_fields, file_rule_init };

static void fault_init(void *obj)
{
	struct scn_fault *f = obj;

	f->times = 1;
	f->nth = 1;
}

static const struct codec_field fault_fields[] = {
	ENUM(struct scn_fault, kind, "do", scn_fault_names, .required = true),
	TIME(struct scn_fault, at),
	{ .key = "for",
	  .type = CODEC_TIME,
	  CODEC_AT(struct scn_fault, during),
	  .about = "0s: until heal_at" },
	TIME(struct scn_fault, every),
	NUM(struct scn_fault, times, .min = 1, .max = 1000000),
	TEXT(struct scn_fault, from),
	TEXT(struct scn_fault, to),
	TEXT(struct scn_fault, node),
	TEXT(struct scn_fault, host),
	TEXT(struct scn_fault, name, .about = "of the fault point; the address"),
	NUM(struct scn_fault, nth, .min = 1, .about = "point: the first hit that is taken"),
	NUM(struct scn_fault, count,
	    .about = "point: how many are taken; 0: all; reset: which connection; 0: all"),
	NUM(struct scn_fault, ppm, .max = PPM, .about = "chance; 0: surely"),
	TIME(struct scn_fault, by, .about = "how far, how long"),
	NUM(struct scn_fault, reactor, .max = 63, .about = "hold: which one"),
	TEXT(struct scn_fault, on,
	     .about = "qpair.uninitialized-connecting, ns.active-draining, bdev.resize, mark.NAME, ...: "
		      "the fault comes with each such event from `at` on"),
	NUM(struct scn_fault, skip, .max = 1000000, .about = "events that are let pass"),
	TIME(struct scn_fault, after, .max = 3600 * WORLD_SEC, .about = "the event"),
	BOOL(struct scn_fault, back),
	{ .key = "link",
	  .type = CODEC_ONE,
	  CODEC_AT(struct scn_fault, link),
	  .shape = &link_shape },
	{ .key = "packet",
	  .type = CODEC_ONE,
	  CODEC_AT(struct scn_fault, packet),
	  .shape = &packet_shape },
	NUM(struct scn_fault, bytes, .about = "file_size"),
	{ .key = "file",
	  .type = CODEC_ONE,
	  CODEC_AT(struct scn_fault, file),
	  .shape = &file_rule_shape },
	{ 0 },
};
static const struct codec_shape fault_shape = { "fault", sizeof(struct scn_fault), fault_fields,
						fault_init };

static void load_init(void *obj)
{
	struct scn_load *l = obj;

	l->nsid = 1;
	l->depth = 8;
	l->max_blocks = 16;
	l->reads = l->writes = 1;
}

static const struct codec_field load_fields[] = {
	TEXT(struct scn_load, host, .required = true),
	NUM(struct scn_load, nsid, .min = 1, .max = UINT32_MAX),
	TIME(struct scn_load, at),
	NUM(struct scn_load, ios, .about = "0: until heal_at"),
	NUM(struct scn_load, lba),
	NUM(struct scn_load, blocks, .about = "0: to the end of the namespace"),
	NUM(struct scn_load, depth, .min = 1, .max = 65536),
	NUM(struct scn_load, max_blocks, .min = 1, .max = 65536),
	NUM(struct scn_load, reads, .max = 1000, .about = "weight"),
	NUM(struct scn_load, writes, .max = 1000),
	NUM(struct scn_load, zeroes, .max = 1000, .about = "Write Zeroes or Dataset Management, of any length"),
	NUM(struct scn_load, flushes, .max = 1000),
	NUM(struct scn_load, more_ppm, .max = PPM, .about = "Compare, Compare and Write, Verify and Copy, instead"),
	NUM(struct scn_load, fua_ppm, .max = PPM),
	BOOL(struct scn_load, overlap, .about = "reads and writes of a block at the same time"),
	TIME(struct scn_load, think, .max = 1000 * WORLD_SEC),
	NUM(struct scn_load, probe_ppm, .max = PPM, .about = "reads beyond the namespace's end"),
	{ 0 },
};
static const struct codec_shape load_shape = { "load", sizeof(struct scn_load), load_fields,
					       load_init };

static const struct codec_field expect_fields[] = {
	ENUM(struct scn_expect, that, "that", expects, .required = true),
	TEXT(struct scn_expect, host),
	TEXT(struct scn_expect, node),
	TEXT(struct scn_expect, name),
	NUM(struct scn_expect, nsid, .max = UINT32_MAX),
	NUM(struct scn_expect, value),
	TIME(struct scn_expect, at),
	TIME(struct scn_expect, limit),
	{ 0 },
};
static const struct codec_shape expect_shape = { "expect", sizeof(struct scn_expect), expect_fields,
						 NULL };

static void scenario_init(void *obj)
{
	struct scenario *s = obj;

	s->seed = 1;
	s->heal_at = WORLD_SEC;
	s->bound = 120 * WORLD_SEC;
	s->idle_pass = 500;
	s->busy_pass = 1000;
}

static const struct codec_field scenario_fields[] = {
	TEXT(struct scenario, name, .required = true),
	TEXT(struct scenario, about),
	NUM(struct scenario, seed, .about = "--seed goes before this"),
	TIME(struct scenario, heal_at, .about = "the end of all faults, from the start"),
	TIME(struct scenario, quiet, .about = "of idling at the end"),
	TIME(struct scenario, bound, .about = "everything must be done so long after heal_at"),
	TIME(struct scenario, busy_pass, .min = 1, .max = WORLD_SEC),
	TIME(struct scenario, idle_pass, .min = 1, .max = WORLD_SEC),
	BOOL(struct scenario, abrupt, .about = "the targets shut down under their hosts"),
	BOOL(struct scenario, corrupts,
	     .about = "bits flip where no digest guards them: wrong data is no violation"),
	{ .key = "network",
	  .type = CODEC_ONE,
	  CODEC_AT(struct scenario, network),
	  .shape = &link_shape,
	  .about = "every link" },
	LIST(struct scenario, targets, &target_shape, .required = true),
	LIST(struct scenario, hosts, &host_shape),
	LIST(struct scenario, raws, &raw_shape, .about = "hosts of raw bytes that misbehave"),
	LIST(struct scenario, links, &link_shape, .about = "single links"),
	LIST(struct scenario, setup, &call_shape, .about = "must succeed before anything else"),
	LIST(struct scenario, timeline, &call_shape, .about = "calls of the administrator"),
	LIST(struct scenario, faults, &fault_shape),
	LIST(struct scenario, loads, &load_shape),
	LIST(struct scenario, expect, &expect_shape),
	{ 0 },
};
static const struct codec_shape scenario_shape = { "scenario", sizeof(struct scenario),
						   scenario_fields, scenario_init };

struct scenario *scenario_new(void)
{
	struct scenario *s = g_new0(struct scenario, 1);

	scenario_init(s);
	s->arena = codec_arena_new();
	return s;
}

void scenario_free(struct scenario *s)
{
	if (s == NULL)
		return;
	codec_arena_free(s->arena);
	g_free(s);
}

static void *add(struct scenario *s, struct codec_list *list, const struct codec_shape *shape)
{
	void *obj = codec_list_add(s->arena, list, shape->size);

	if (shape->init != NULL)
		shape->init(obj);
	return obj;
}

struct scn_link *scenario_add_link(struct scenario *s)
{
	return add(s, &s->links, &link_shape);
}

struct scn_target *scenario_add_target(struct scenario *s)
{
	return add(s, &s->targets, &target_shape);
}

struct scn_host *scenario_add_host(struct scenario *s)
{
	return add(s, &s->hosts, &host_shape);
}

struct scn_raw *scenario_add_raw(struct scenario *s)
{
	return add(s, &s->raws, &raw_shape);
}

struct scn_call *scenario_add_call(struct scenario *s, bool setup)
{
	return add(s, setup ? &s->setup : &s->timeline, &call_shape);
}

struct scn_fault *scenario_add_fault(struct scenario *s)
{
	return add(s, &s->faults, &fault_shape);
}

struct scn_load *scenario_add_load(struct scenario *s)
{
	return add(s, &s->loads, &load_shape);
}

struct scn_expect *scenario_add_expect(struct scenario *s)
{
	return add(s, &s->expect, &expect_shape);
}

struct scn_packet *scenario_packet_new(struct scenario *s)
{
	struct scn_packet *p = codec_alloc(s->arena, sizeof(*p));

	packet_init(p);
	return p;
}

struct scn_rnic *scenario_rnic_new(struct scenario *s)
{
	struct scn_rnic *r = codec_alloc(s->arena, sizeof(*r));

	rnic_init(r);
	return r;
}

struct scn_link *scenario_link_new(struct scenario *s)
{
	struct scn_link *l = codec_alloc(s->arena, sizeof(*l));

	link_init(l);
	return l;
}

const char *scenario_printf(struct scenario *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	return codec_strdup(s->arena, text);
}

struct scenario *scenario_parse(const char *name, const char *text, GError **error)
{
	struct scenario *s = scenario_new();
	struct codec_arena *arena = s->arena;

	if (codec_read(arena, &scenario_shape, name, text, s, error)) {
		s->arena = arena;
		if (scenario_check(s, name, text, error))
			return s;
	}
	scenario_free(s);
	return NULL;
}

char *scenario_print(const struct scenario *s)
{
	return codec_print(&scenario_shape, s);
}

char *scenario_schema(void)
{
	return codec_schema(&scenario_shape, "A scenario of weft-sim");
}
