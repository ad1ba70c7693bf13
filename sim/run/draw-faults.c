/* SPDX-License-Identifier: BSD-3-Clause */
/* What breaks, what administrators do, and who misbehaves in the scenario of a seed. */
#include "sim/run/draw-priv.h"

#include <inttypes.h>

static uint64_t moment(struct draw *d)
{
	return world_rng_below(&d->fault, d->s->heal_at);
}

static const char *some_host(struct draw *d)
{
	return scenario_printf(d->s, "host%" PRIu64, world_rng_below(&d->fault, d->hosts));
}

static const char *some_node(struct draw *d)
{
	return draw_chance(&d->fault, 50) ? "target" : some_host(d);
}

static struct scn_fault *add(struct draw *d, enum scn_fault_kind kind)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = kind;
	f->at = moment(d);
	return f;
}

static uint64_t while_(struct draw *d, uint64_t lo_ms, uint64_t hi_ms)
{
	return draw_log(&d->fault, lo_ms, hi_ms) * WORLD_MS;
}

static void between(struct draw *d, struct scn_fault *f)
{
	const char *host = some_host(d);
	bool out = draw_chance(&d->fault, 50);

	f->from = out ? "target" : host;
	f->to = out ? host : "target";
}

static void repeat(struct draw *d, struct scn_fault *f)
{
	if (!draw_chance(&d->fault, 50))
		return;
	f->times = draw_log(&d->fault, 1, 8);
	f->every = while_(d, 5, 500);
}

/* --- one of each kind
 * -------------------------------------------------------------------------------- */

static void fault_stall(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_STALL);

	between(d, f);
	f->during = while_(d, 1, 1000);
	repeat(d, f);
}

static void fault_partition(struct draw *d)
{
	struct scn_fault *f = add(d, draw_chance(&d->fault, 50) ? SCN_F_PARTITION : SCN_F_ONE_WAY);

	between(d, f);
	f->during = while_(d, 1, 3000);
}

static void fault_link(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_LINK);
	struct world_rng *rng = &d->fault;
	struct scn_link *l = scenario_link_new(d->s);

	between(d, f);
	f->during = while_(d, 10, 2000);
	f->link = l;
	*l = *d->s->network;
	if (draw_chance(rng, 40))
		l->loss_ppm = draw_log(rng, 100, 100000);
	if (draw_chance(rng, 30))
		l->dup_ppm = draw_log(rng, 100, 100000);
	if (draw_chance(rng, 30)) {
		l->reorder_ppm = draw_log(rng, 100, 300000);
		l->reorder = draw_log(rng, 10, 5000) * WORLD_US;
	}
	if (draw_chance(rng, 20))
		l->flip_ppm = draw_log(rng, 100, 50000);
	if (draw_chance(rng, 20))
		l->bytes_per_sec = draw_log(rng, 100000, 100000000);
	if (draw_chance(rng, 20))
		l->queue_bytes = draw_log(rng, 3000, 100000);
	if (draw_chance(rng, 20))
		l->refuse_ppm = 300000;
	if (d->corrupt)
		l->corrupt_ppm = draw_log(rng, 100, 20000);
}

static void fault_packet(struct draw *d)
{
	static const char *const kinds[] = { "syn", "synack", "data", "ack", "fin", "rst" };
	struct scn_fault *f = add(d, SCN_F_PACKET);
	struct world_rng *rng = &d->fault;

	f->packet = scenario_packet_new(d->s);
	f->during = while_(d, 10, 3000);
	f->packet->action = world_rng_below(rng, WORLD_ACTION_CORRUPT); /* all before it */
	if (draw_chance(rng, 70))
		*(const char **)codec_list_add(d->s->arena, &f->packet->kinds, sizeof(char *)) =
			kinds[world_rng_below(rng, G_N_ELEMENTS(kinds))];
	f->packet->nth = draw_log(rng, 1, 100);
	f->packet->count = draw_log(rng, 1, 20);
	f->packet->by = draw_log(rng, 1, 100) * WORLD_MS;
}

static void fault_reset(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_RESET);

	between(d, f);
	repeat(d, f);
}

static void fault_host_reset(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_HOST_RESET);

	f->host = some_host(d);
	repeat(d, f);
}

static void fault_silent(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_SILENT);

	f->host = some_host(d);
	f->during = while_(d, 1, 3000);
}

static void fault_port(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_PORT);

	f->node = some_node(d);
	f->during = while_(d, 1, 2000);
	repeat(d, f);
}

static void fault_pause(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_PAUSE);

	f->node = some_node(d);
	f->during = while_(d, 1, 2000);
	repeat(d, f);
}

static void fault_clock(struct draw *d)
{
	struct scn_fault *f = add(d, draw_chance(&d->fault, 50) ? SCN_F_WALL : SCN_F_DRIFT);

	f->node = some_node(d);
	f->by = draw_log(&d->fault, 1, 1000000) * WORLD_MS;
	f->ppm = f->kind == SCN_F_DRIFT ? draw_log(&d->fault, 10, 50000) : 0;
	f->back = draw_chance(&d->fault, 50);
}

static void fault_starve(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_STARVE);

	f->ppm = draw_log(&d->fault, 10, 100000);
	f->by = draw_log(&d->fault, 10, 20000) * WORLD_US;
	f->during = while_(d, 10, 1000);
}

static void fault_point(struct draw *d)
{
	static const char *const target_points[] = { "buf.get",		  "mem.alloc",
						     "tcp.accept",	  "tcp.requests",
						     "net.accept.enomem", "net.accept.emfile",
						     "net.attach.enomem" };
	static const char *const host_points[] = { "buf.get", "mem.alloc", "host.queue_full",
						   "net.connect.enomem" };
	struct scn_fault *f = add(d, SCN_F_POINT);
	struct world_rng *rng = &d->fault;

	f->node = some_node(d);
	f->name = *f->node == 't' ? target_points[world_rng_below(rng, G_N_ELEMENTS(target_points))]
				  : host_points[world_rng_below(rng, G_N_ELEMENTS(host_points))];
	f->nth = draw_log(rng, 1, 200);
	f->count = draw_log(rng, 1, 50);
	f->ppm = draw_chance(rng, 50) ? 0 : draw_log(rng, 1000, 500000);
}

/* Decided at the start: at most all but one of the hosts go for good. */
static void fault_vanish(struct draw *d)
{
	struct scn_fault *f;

	if (d->hosts < 2)
		return;
	f = add(d, SCN_F_VANISH);
	f->host = scenario_printf(d->s, "host%u", d->hosts - 1);
	d->hosts--; /* the other rules leave it alone */
}

static void fault_leave(struct draw *d)
{
	struct scn_fault *f = add(d, SCN_F_DISCONNECT), *g;
	const char *host = some_host(d);
	uint64_t at = f->at;

	f->host = host;
	g = add(d, SCN_F_CONNECT);
	g->host = host;
	g->at = MIN(at + while_(d, 1, 200), d->s->heal_at);
}

void draw_faults(struct draw *d)
{
	static const struct {
		void (*fn)(struct draw *d);
		bool network;
	} kinds[] = {
		{ fault_vanish, false }, { fault_stall, true },	 { fault_partition, true },
		{ fault_link, true },	 { fault_packet, true }, { fault_reset, true },
		{ fault_silent, true },	 { fault_port, true },	 { fault_host_reset, false },
		{ fault_pause, false },	 { fault_clock, false }, { fault_starve, false },
		{ fault_point, false },	 { fault_leave, false },
	};
	unsigned hosts = d->hosts;

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		bool on = kinds[i].network ? d->faulty_network : d->faulty_nodes;
		/* Each kind is off in most seeds; where it is on, it comes once or often. */
		unsigned n = draw_chance(&d->fault, 25) ? (unsigned)draw_log(&d->fault, 1, 8) : 0;

		for (unsigned j = 0; on && j < n; j++)
			kinds[i].fn(d);
	}
	d->hosts = hosts;
}

/* --- administrators
 * ---------------------------------------------------------------------------------- */

static struct scn_call *call(struct draw *d, uint64_t at, const char *method, const char *params)
{
	struct scn_call *c = scenario_add_call(d->s, false);

	c->at = at;
	c->method = method;
	c->params = params;
	return c;
}

/* Somebody uses it while it is there. */
static void admin_load(struct draw *d, unsigned nsid)
{
	struct world_rng *rng = &d->call;
	struct scn_load *l = scenario_add_load(d->s);

	l->host = scenario_printf(d->s, "host%" PRIu64, world_rng_below(rng, d->hosts));
	l->nsid = nsid;
	l->depth = draw_log(rng, 1, 16);
	l->max_blocks = draw_log(rng, 1, 16);
	l->think = draw_log(rng, 100, 20000) * WORLD_US;
	l->probe_ppm = 200000;
	l->ios = 0;
}

/* A namespace without memory comes, changes its size and goes, beside those with data. */
static void admin_namespace(struct draw *d)
{
	struct world_rng *rng = &d->call;
	unsigned nsid = 5 + (unsigned)world_rng_below(rng, 3);
	uint64_t at = world_rng_below(rng, d->s->heal_at), step = draw_log(rng, 1, 100) * WORLD_MS;
	const char *name = scenario_printf(d->s, "Null%u", nsid);

	call(d, at, "bdev_null_create",
	     scenario_printf(d->s, "{\"name\": \"%s\", \"num_blocks\": 8192, \"block_size\": 512}",
			     name))
		->reply = SCN_ANY;
	call(d, at + step, "nvmf_subsystem_add_ns",
	     scenario_printf(d->s,
			     "{\"nqn\": \"" DRAW_NQN
			     "\", \"namespace\": {\"bdev_name\": \"%s\", \"nsid\": %u}}",
			     name, nsid))
		->reply = SCN_ANY;
	for (unsigned i = 0; i < 3; i++) {
		call(d, at + (2 + i) * step, "bdev_null_resize",
		     scenario_printf(d->s, "{\"name\": \"%s\", \"new_size\": %" PRIu64 "}", name,
				     world_rng_range(rng, 1, 100)))
			->reply = SCN_ANY;
	}
	if (draw_chance(rng, 60))
		admin_load(d, nsid);
	if (draw_chance(rng, 30))
		return; /* it stays, for all to see its last size */
	if (draw_chance(rng, 50))
		at += draw_log(rng, 100, 1000) * WORLD_MS; /* its last size is there for a while */
	if (draw_chance(rng, 50))
		call(d, at + 5 * step, "nvmf_subsystem_remove_ns",
		     scenario_printf(d->s, "{\"nqn\": \"" DRAW_NQN "\", \"nsid\": %u}", nsid))
			->reply = SCN_ANY;
	else
		call(d, at + 5 * step, "bdev_null_delete",
		     scenario_printf(d->s, "{\"name\": \"%s\"}", name))
			->reply = SCN_ANY;
}

/* I/O as fast as it goes, while something happens. */
static void admin_burst(struct draw *d, unsigned nsid, uint64_t at)
{
	struct world_rng *rng = &d->call;
	struct scn_load *l;

	if (draw_chance(rng, 30))
		return;
	l = scenario_add_load(d->s);
	l->host = scenario_printf(d->s, "host%" PRIu64, world_rng_below(rng, d->hosts));
	l->nsid = nsid;
	l->at = at;
	l->depth = draw_log(rng, 4, 64);
	l->max_blocks = draw_log(rng, 1, 16);
	l->ios = draw_log(rng, 50, 800);
	l->ios = MAX(5, MIN(l->ios, d->bytes / (l->max_blocks * 512)));
	l->zeroes = draw_chance(rng, 50);
}

static void remap_add(struct draw *d, uint64_t at, unsigned ns)
{
	call(d, at, "nvmf_subsystem_add_ns",
	     scenario_printf(d->s,
			     "{\"nqn\": \"" DRAW_NQN
			     "\", \"namespace\": {\"bdev_name\": \"%s\", \"nsid\": %u}}",
			     d->bdevs[ns], ns + 1))
		->reply = SCN_ANY;
}

static void remap_remove(struct draw *d, uint64_t at, unsigned nsid)
{
	call(d, at, "nvmf_subsystem_remove_ns",
	     scenario_printf(d->s, "{\"nqn\": \"" DRAW_NQN "\", \"nsid\": %u}", nsid))
		->reply = SCN_ANY;
}

/* The namespace with data goes and comes back, under I/O. */
static void admin_remap(struct draw *d)
{
	struct world_rng *rng = &d->call;
	unsigned ns = (unsigned)world_rng_below(rng, d->namespaces);
	uint64_t at = world_rng_below(rng, d->s->heal_at);

	admin_burst(d, ns + 1, at);
	remap_remove(d, at, ns + 1);
	for (unsigned i = 0; i < 2; i++) /* the second may find it there */
		remap_add(d, at + (1 + i) * draw_log(rng, 1, 50) * WORLD_MS, ns);
	/* Last, when nobody takes it away any more. */
	remap_add(d, d->s->heal_at + 100 * WORLD_MS, ns);
}

static void admin_listener(struct draw *d)
{
	struct world_rng *rng = &d->call;
	const char *port = draw_chance(rng, 50) ? "4420" : "4421";
	const char *params = draw_listener(d, DRAW_NQN, port);
	uint64_t at = world_rng_below(rng, d->s->heal_at);

	call(d, at, "nvmf_subsystem_remove_listener", params)->reply = SCN_ANY;
	call(d, at + draw_log(rng, 1, 300) * WORLD_MS, "nvmf_subsystem_add_listener", params)
		->reply = SCN_ANY;
	call(d, draw_listening_at(d), "nvmf_subsystem_add_listener", params)->reply = SCN_ANY;
}

static void admin_subsystem(struct draw *d)
{
	struct world_rng *rng = &d->call;
	uint64_t at = world_rng_below(rng, d->s->heal_at);

	call(d, at, "nvmf_create_subsystem",
	     "{\"nqn\": \"" DRAW_NQN2 "\", \"allow_any_host\": true}")
		->reply = SCN_ANY;
	call(d, at + draw_log(rng, 1, 100) * WORLD_MS, "nvmf_subsystem_add_listener",
	     draw_listener(d, DRAW_NQN2, "4420"))
		->reply = SCN_ANY;
	call(d, at + draw_log(rng, 1, 300) * WORLD_MS, "nvmf_delete_subsystem",
	     "{\"nqn\": \"" DRAW_NQN2 "\"}")
		->reply = SCN_ANY;
}

static void admin_look(struct draw *d)
{
	static const char *const methods[] = { "nvmf_get_subsystems", "bdev_get_bdevs",
					       "nvmf_get_stats",      "framework_get_reactors",
					       "thread_get_stats",    "rpc_get_methods",
					       "buf_get_stats",	      "notify_get_notifications" };
	struct world_rng *rng = &d->call;
	const char *method = methods[world_rng_below(rng, G_N_ELEMENTS(methods))];
	struct scn_call *c = call(d, world_rng_below(rng, d->s->heal_at), method, NULL);

	c->times = draw_log(rng, 1, 10);
	c->every = draw_log(rng, 1, 100) * WORLD_MS;
	c->reply = SCN_ANY;
	c->client = draw_chance(rng, 50) ? world_rng_below(rng, SCN_CLIENT_GARBAGE + 1) : 0;
}

/* Another host is denied and allowed while the others work. */
static void admin_policy(struct draw *d)
{
	struct world_rng *rng = &d->call;
	uint64_t at = world_rng_below(rng, d->s->heal_at);
	const char *params = "{\"nqn\": \"" DRAW_NQN
			     "\", \"host\": \"nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-"
			     "8000-0000000000ff\"}";

	call(d, at, "nvmf_subsystem_add_host", params)->reply = SCN_ANY;
	call(d, at + draw_log(rng, 1, 100) * WORLD_MS, "nvmf_subsystem_remove_host", params)
		->reply = SCN_ANY;
}

/* One of the hosts is denied while it works, and allowed again. */
static void admin_deny(struct draw *d)
{
	struct world_rng *rng = &d->call;
	uint64_t at = world_rng_below(rng, d->s->heal_at);
	const char *params;

	if (!d->closed)
		return;
	params = draw_host_params(d, (unsigned)world_rng_below(rng, d->hosts));
	call(d, at, "nvmf_subsystem_remove_host", params)->reply = SCN_ANY;
	call(d, at + draw_log(rng, 1, 300) * WORLD_MS, "nvmf_subsystem_add_host", params)->reply =
		SCN_ANY;
	call(d, d->s->heal_at + 100 * WORLD_MS, "nvmf_subsystem_add_host", params)->reply = SCN_ANY;
}

void draw_admin(struct draw *d)
{
	static void (*const kinds[])(
		struct draw * d) = { admin_namespace, admin_remap,  admin_listener, admin_subsystem,
				     admin_look,      admin_policy, admin_deny };

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		unsigned n = draw_chance(&d->call, 35) ? (unsigned)draw_log(&d->call, 1, 4) : 0;

		for (unsigned j = 0; d->admin && j < n; j++)
			kinds[i](d);
	}
}

/* --- raw hosts
 * ---------------------------------------------------------------------------------------- */

void draw_raws(struct draw *d)
{
	struct world_rng *rng = &d->call;
	unsigned n = d->hostile ? 1 + (unsigned)world_rng_below(rng, 3)
		     : d->faulty_nodes && draw_chance(rng, 25) ? 1
							       : 0;

	if (d->rdma)
		return; /* they speak NVMe/TCP */
	for (unsigned i = 0; i < n; i++) {
		struct scn_raw *r = scenario_add_raw(d->s);

		r->name = scenario_printf(d->s, "raw%u", i);
		r->address = scenario_printf(d->s, "192.0.2.%u", 200 + i);
		r->subnqn = DRAW_NQN;
		r->kind = draw_chance(rng, 20) ? SCN_RAW_ANY : world_rng_below(rng, SCN_RAW_RDMA);
		if (draw_chance(rng, 15))
			r->kind = SCN_RAW_EAGER;
		r->at = world_rng_below(rng, d->s->heal_at);
		r->times = draw_log(rng, 1, 20);
		r->every = draw_log(rng, 1, 50) * WORLD_MS;
		r->hdgst = draw_chance(rng, 30);
		r->ddgst = draw_chance(rng, 30);
		r->kato = draw_chance(rng, 10) ? 0 : draw_log(rng, 1, 20) * WORLD_SEC;
		r->beat = draw_log(rng, 1, 2000) * WORLD_MS;
		r->beats = draw_log(rng, 1, 20);
		if (r->kind == SCN_RAW_SILENT || r->kind == SCN_RAW_KEEP_ALIVE)
			r->times = r->kato == 0 ? 1 : 1 + r->times % 3; /* they take long */
	}
}
