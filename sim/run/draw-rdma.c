/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The profile "rdma": who has an RNIC and what it can do, and what goes wrong with
 * those and their packets. A stream of random numbers of its own; what other files
 * draw for hosts over TCP stays for those that use it, and is taken from the others.
 */
#include "sim/run/draw-priv.h"

#include <inttypes.h>

#include "target/host/host.h"

#define PICK(rng, array) (array)[world_rng_below(rng, G_N_ELEMENTS(array))]

/* In some seeds data is in files, and the target's machine loses its power now and then. */
void draw_whether_power(struct draw *d)
{
	d->files = draw_chance(&d->verbs, 15);
	if (d->files)
		d->admin = d->faulty_nodes = d->ana = d->second = d->hidden = d->starves = false;
}

/* --- the target ------------------------------------------------------------------------------ */

void draw_rdma_transport(struct draw *d)
{
	static const uint64_t io_sizes[] = { 8192, 16384, 65536, 131072, 1048576 };
	static const uint64_t inline_sizes[] = { 0, 16, 512, 4096, 8192 };
	struct world_rng *rng = &d->verbs;
	uint64_t queues, inlined, srq;
	bool no_srq;

	d->max_io = 131072;
	d->max_depth = 128;
	if (draw_chance(rng, 40)) {
		draw_call(d, 0, "nvmf_create_transport", "{\"trtype\": \"RDMA\"}");
		return;
	}
	d->max_io = draw_one_of(rng, io_sizes, G_N_ELEMENTS(io_sizes));
	d->max_depth = draw_log(rng, 2, 1024);
	inlined = draw_one_of(rng, inline_sizes, G_N_ELEMENTS(inline_sizes));
	queues = draw_log(rng, 1, 64);
	srq = draw_log(rng, 16, 4096);
	no_srq = draw_chance(rng, 30);
	draw_call(d, 0, "nvmf_create_transport",
		  scenario_printf(d->s,
				  "{\"trtype\": \"RDMA\", \"max_queue_depth\": %" PRIu64
				  ", \"max_io_qpairs_per_ctrlr\": %" PRIu64
				  ", \"in_capsule_data_size\": %" PRIu64
				  ", \"max_io_size\": %" PRIu64 ", \"max_srq_depth\": %" PRIu64
				  ", \"no_srq\": %s}",
				  d->max_depth, queues, inlined, d->max_io, srq,
				  no_srq ? "true" : "false"));
}

/* --- RNICs ----------------------------------------------------------------------------------- */

/* most: a path MTU above the target's is refused, there and by Linux. */
static struct scn_rnic *draw_rnic(struct draw *d, uint64_t most)
{
	static const uint64_t mtus[] = { 256, 512, 1024, 2048, 4096 };
	struct scn_rnic *r = scenario_rnic_new(d->s);
	struct world_rng *rng = &d->verbs;

	if (d->devices)
		draw_device(d, r);
	if (draw_chance(rng, 50))
		r->mtu = PICK(rng, mtus);
	r->mtu = MIN(r->mtu, most);
	if (draw_chance(rng, 30))
		r->max_qp_wr = draw_log(rng, 64, 4096);
	if (draw_chance(rng, 30))
		r->max_sge = world_rng_range(rng, 1, 16);
	if (draw_chance(rng, 30))
		r->max_srq = 0;
	if (draw_chance(rng, 30))
		r->max_srq_wr = draw_log(rng, 32, 4096);
	if (draw_chance(rng, 40))
		r->max_qp_rd_atom = draw_log(rng, 1, 64);
	if (draw_chance(rng, 40))
		r->max_inline = draw_chance(rng, 60) ? 0 : world_rng_below(rng, 512);
	if (draw_chance(rng, 20))
		r->rx_ring = draw_log(rng, 64, 4096);
	r->no_windows |= draw_chance(rng, 30);
	r->dcqcn = draw_chance(rng, 20);
	return r;
}

/* A link that carries no full packets would be no way at all. */
static void draw_room(struct draw *d)
{
	const struct scn_host *h = d->s->hosts.items;
	struct scn_link *l = d->s->network;
	uint64_t most = ((struct scn_target *)d->s->targets.items)[0].rnic->mtu;
	const struct scn_fault *f = d->s->faults.items;

	for (unsigned i = 0; i < d->s->hosts.n; i++)
		most = h[i].rnic != NULL ? MAX(most, h[i].rnic->mtu) : most;
	if (l->mtu > 0)
		l->mtu = MAX(l->mtu, most + 100);
	for (unsigned i = 0; i < d->s->faults.n; i++) {
		if (f[i].link != NULL && f[i].link->mtu > 0)
			f[i].link->mtu = l->mtu;
	}
}

static void draw_hosts(struct draw *d)
{
	struct scn_host *h = d->s->hosts.items;
	uint64_t most = ((struct scn_target *)d->s->targets.items)[0].rnic->mtu;
	bool tcp = draw_chance(&d->verbs, 25), mixed = false;

	for (unsigned i = 0; i < d->s->hosts.n; i++) {
		if (tcp && draw_chance(&d->verbs, 40)) {
			h[i].trsvcid = "4420";
			mixed = true;
			continue;
		}
		h[i].trtype = HOST_RDMA;
		h[i].hdgst = h[i].ddgst = false; /* those are NVMe/TCP's */
		h[i].rnic = draw_rnic(d, most);
	}
	if (!mixed)
		return;
	draw_call(d, 0, "nvmf_create_transport", "{\"trtype\": \"TCP\"}");
	d->trtype = "TCP";
	draw_call(d, 0, "nvmf_subsystem_add_listener", draw_listener(d, DRAW_NQN, "4420"));
	d->trtype = "RDMA";
}

/* --- what goes wrong ---------------------------------------------------------------------------
 */

static struct scn_fault *fault(struct draw *d, enum scn_fault_kind kind)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = kind;
	f->at = world_rng_below(&d->verbs, d->s->heal_at);
	return f;
}

static void choose(struct draw *d, struct codec_list *list, const char *name)
{
	*(const char **)codec_list_add(d->s->arena, list, sizeof(char *)) = name;
}

/* A packet of a place, a kind, a queue pair: in the hundreds, so that some meet one. */
static void rdma_packet(struct draw *d)
{
	static const char *const kinds[] = { "send", "write", "read", "response",
					     "ack",  "nak",   "rnr" };
	static const char *const cms[] = { "connect_request", "message_receipt_ack",
					   "connect_reject",  "connect_reply",
					   "ready_to_use",    "disconnect_request",
					   "disconnect_reply" };
	struct scn_fault *f = fault(d, SCN_F_PACKET);
	struct world_rng *rng = &d->verbs;
	struct scn_packet *p = f->packet = scenario_packet_new(d->s);

	f->at = draw_chance(rng, 50) ? 0 : f->at;
	f->during = draw_log(rng, 10, 3000) * WORLD_MS;
	p->action = world_rng_below(rng, WORLD_ACTION_COUNT);
	p->nth = draw_log(rng, 1, 100);
	p->count = draw_log(rng, 1, 20);
	p->by = draw_log(rng, 10, 100000) * WORLD_US;
	if (draw_chance(rng, 25)) {
		choose(d, &p->cm, PICK(rng, cms));
		p->nth = draw_log(rng, 1, 8);
		return;
	}
	if (draw_chance(rng, 70))
		choose(d, &p->kinds, PICK(rng, kinds));
	if (draw_chance(rng, 50))
		p->qp = draw_log(rng, 1, 32);
	if (draw_chance(rng, 50)) {
		p->psn_first = draw_log(rng, 1, 500);
		p->psn_last = p->psn_first + draw_log(rng, 1, 8) - 1;
	}
	if (draw_chance(rng, 50))
		p->tx = world_rng_range(rng, 1, 4);
}

static void rdma_flip(struct draw *d)
{
	struct scn_fault *f = fault(d, SCN_F_LINK);
	struct world_rng *rng = &d->verbs;
	const struct scn_host *host0 = d->s->hosts.items;
	bool out = draw_chance(rng, 50);
	uint64_t corrupt;

	f->link = scenario_link_new(d->s);
	*f->link = *d->s->network;
	f->from = out ? "target" : "host0";
	f->to = out ? "host0" : "target";
	f->during = draw_log(rng, 10, 2000) * WORLD_MS;
	f->link->flip_ppm = draw_log(rng, 100, 50000);
	corrupt = draw_log(rng, 100, 20000);
	/* Over TCP without digests nobody would notice. */
	f->link->corrupt_ppm = host0->trtype == HOST_RDMA ? corrupt : 0;
}

static void rdma_point(struct draw *d)
{
	static const char *const target_points[] = { "roce.cq",	 "roce.mr",	 "roce.qp",
						     "roce.srq", "rdma.request", "rdma.requests",
						     "buf.get",	 "mem.alloc",	 "roce.comm_est" };
	static const char *const host_points[] = { "roce.cq", "roce.pd", "roce.mr",
						   "roce.mw", "roce.qp", "mem.alloc" };
	struct scn_fault *f = fault(d, SCN_F_POINT);
	struct world_rng *rng = &d->verbs;

	f->node = "target";
	if (draw_chance(rng, 50))
		f->node = scenario_printf(d->s, "host%" PRIu64, world_rng_below(rng, d->hosts));
	f->name = *f->node == 't' ? PICK(rng, target_points) : PICK(rng, host_points);
	f->nth = draw_log(rng, 1, 8);
	f->count = draw_log(rng, 1, 20);
	f->ppm = draw_chance(rng, 50) ? 0 : draw_log(rng, 1000, 500000);
}

/* The RNIC of the last host goes, and then that host: without it there is no way back. */
static void rdma_gone(struct draw *d)
{
	const struct scn_host *h = (struct scn_host *)d->s->hosts.items + d->hosts - 1;
	uint64_t more = draw_log(&d->verbs, 1, 500) * WORLD_MS;
	struct scn_fault *f;
	uint64_t at;

	if (d->hosts < 2 || h->rnic == NULL)
		return;
	f = fault(d, SCN_F_RNIC_GONE);
	f->node = h->name;
	at = f->at;
	f = fault(d, SCN_F_VANISH);
	f->host = h->name;
	f->at = MIN(at + more, d->s->heal_at);
}

/* It goes and comes back. */
static void rdma_return(struct draw *d)
{
	struct scn_fault *f;
	uint64_t i = world_rng_below(&d->verbs, d->hosts + 1);
	const struct scn_host *h = (struct scn_host *)d->s->hosts.items + i;

	if (i < d->hosts && h->rnic == NULL)
		return;
	f = fault(d, SCN_F_RNIC_GONE);
	f->node = i < d->hosts ? h->name : "target";
	f->during = draw_log(&d->verbs, 1, 2000000) * WORLD_US;
	f->times = draw_chance(&d->verbs, 30) ? world_rng_range(&d->verbs, 2, 4) : 1;
	f->every = f->during + draw_log(&d->verbs, 1, 500000) * WORLD_US;
}

/* Completions that come late or notify for nothing; a queue of them that runs over. */
static void rdma_completions(struct draw *d)
{
	struct world_rng *rng = &d->verbs;
	struct scn_fault *f = fault(d, SCN_F_POINT);
	bool overrun = draw_chance(rng, 30);

	f->node = "target";
	if (draw_chance(rng, 50))
		f->node = scenario_printf(d->s, "host%" PRIu64, world_rng_below(rng, d->hosts));
	f->name = overrun ? "roce.cq.overrun" : "roce.cq.later";
	f->nth = draw_log(rng, 1, 200);
	f->count = overrun ? 1 : 0;
	f->ppm = overrun ? 0 : draw_log(rng, 1000, 500000);
}

static void rdma_ecn(struct draw *d)
{
	struct scn_fault *f = fault(d, SCN_F_LINK);
	struct world_rng *rng = &d->verbs;

	f->link = scenario_link_new(d->s);
	*f->link = *d->s->network;
	f->during = draw_log(rng, 10, 2000) * WORLD_MS;
	f->link->ecn_ppm = draw_log(rng, 1000, 1000000);
}

static void rdma_raw(struct draw *d)
{
	struct scn_raw *r = scenario_add_raw(d->s);
	struct world_rng *rng = &d->verbs;
	unsigned i = d->s->raws.n - 1;

	r->name = scenario_printf(d->s, "raw%u", i);
	r->address = scenario_printf(d->s, "192.0.2.%u", 200 + i);
	r->subnqn = DRAW_NQN;
	r->kind = world_rng_range(rng, SCN_RAW_RDMA, SCN_RAW_RDMA_CAPSULES);
	r->at = world_rng_below(rng, d->s->heal_at);
	r->every = draw_log(rng, 1, 50) * WORLD_MS;
	r->times = draw_log(rng, 1, 20);
	r->rnic = scenario_rnic_new(d->s);
	r->rnic->mtu = MIN(r->rnic->mtu, ((struct scn_target *)d->s->targets.items)[0].rnic->mtu);
}

void draw_rdma(struct draw *d)
{
	static const struct {
		void (*fn)(struct draw *d);
		unsigned percent, most;
	} kinds[] = { { rdma_packet, 60, 16 }, { rdma_flip, 15, 3 },   { rdma_point, 40, 8 },
		      { rdma_gone, 8, 1 },     { rdma_return, 15, 3 }, { rdma_completions, 20, 3 },
		      { rdma_ecn, 15, 2 },     { rdma_raw, 15, 3 } };
	struct scn_target *t = d->s->targets.items;

	t->rnic = draw_rnic(d, 4096);
	draw_hosts(d);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		unsigned n = draw_chance(&d->verbs, kinds[i].percent)
				     ? (unsigned)draw_log(&d->verbs, 1, kinds[i].most)
				     : 0;

		for (unsigned j = 0; j < n; j++)
			kinds[i].fn(d);
	}
	draw_room(d);
}
