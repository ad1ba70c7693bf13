/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults and calls that are aimed at a moment (trigger.h) rather than at a time:
 * connections that come and go, namespaces and sizes that change, buffers that are
 * waited for. Each is drawn wide: which moment, which of them, how long behind it.
 */
#include <inttypes.h>

#include "sim/run/draw-priv.h"

static const char *const connecting[] = { "tcp.accept",
					  "qpair.uninitialized-connecting",
					  "qpair.connecting-enabled",
					  "qpair.connecting-uninitialized",
					  "ctrlr.new-live",
					  "mark.connect.moved",
					  "mark.connect.admitted",
					  "ctrlr.live-deleting",
					  "ctrlr.new-deleting" };
static const char *const changing[] = { "ns.none-active", "ns.active-draining", "ns.draining-none",
					"bdev.resize", "aer" };
static const char *const leaving[] = { "qpair.enabled-deactivating",
				       "qpair.deactivating-error",
				       "ctrlr.live-deleting",
				       "ctrlr.deleting-gone",
				       "point.buf.get",
				       "point.buf.give" };

#define PICK(rng, array) (array)[world_rng_below(rng, G_N_ELEMENTS(array))]

static const char *some_moment(struct world_rng *rng)
{
	switch (world_rng_below(rng, 4)) {
	case 0:
	case 1:
		return PICK(rng, connecting);
	case 2:
		return PICK(rng, changing);
	default:
		return PICK(rng, leaving);
	}
}

static const char *some_host(struct draw *d, struct world_rng *rng)
{
	return scenario_printf(d->s, "host%" PRIu64, world_rng_below(rng, d->hosts));
}

static uint64_t soon_after(struct world_rng *rng)
{
	return draw_chance(rng, 50) ? 0 : draw_log(rng, 1, 1000) * WORLD_US;
}

static void aim(struct draw *d, struct scn_fault *f, const char *on)
{
	struct world_rng *rng = &d->aim;

	f->on = on;
	f->at = draw_chance(rng, 50) ? 0 : world_rng_below(rng, d->s->heal_at);
	f->skip = draw_log(rng, 1, 16) - 1;
	f->after = soon_after(rng);
	f->times = draw_log(rng, 1, 8);
	f->every = draw_log(rng, 1, 50) * WORLD_MS;
}

static struct scn_fault *aimed(struct draw *d, enum scn_fault_kind kind, const char *on)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = kind;
	aim(d, f, on);
	return f;
}

/* --- faults ------------------------------------------------------------------------------- */

static void aim_hold(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault *f = aimed(d, SCN_F_HOLD, some_moment(rng));

	f->node = draw_chance(rng, 80) ? "target" : some_host(d, rng);
	f->reactor = world_rng_below(rng, 4);
	f->during = draw_log(rng, 10, 50000) * WORLD_US;
}

static void aim_reset(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault *f = aimed(d, SCN_F_RESET, some_moment(rng));

	f->from = some_host(d, rng);
	f->to = "target";
	f->count = draw_chance(rng, 50) ? draw_log(rng, 1, 8) : 0;
}

static void aim_host_reset(struct draw *d)
{
	struct scn_fault *f = aimed(d, SCN_F_HOST_RESET, some_moment(&d->aim));

	f->host = some_host(d, &d->aim);
}

static void aim_pause(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault *f = aimed(d, SCN_F_PAUSE, some_moment(rng));

	f->node = draw_chance(rng, 50) ? "target" : some_host(d, rng);
	f->during = draw_log(rng, 1, 100) * WORLD_MS;
}

static void aim_stall(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault *f = aimed(d, SCN_F_STALL, some_moment(rng));
	const char *host = some_host(d, rng);
	bool out = draw_chance(rng, 50);

	f->from = out ? "target" : host;
	f->to = out ? host : "target";
	f->during = draw_log(rng, 1, 500) * WORLD_MS;
}

/* The main reactor tells the others of a change, and then is kept away for a while. */
static void aim_change(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault *f = aimed(d, SCN_F_HOLD, PICK(rng, changing));

	f->node = "target";
	f->reactor = draw_chance(rng, 60) ? 0 : world_rng_below(rng, 4);
	f->during = draw_log(rng, 500, 50000) * WORLD_US;
	f->skip = 0;
	f->after = draw_chance(rng, 70) ? 0 : f->after;
	f->times = draw_log(rng, 1, 32);
}

static void hunger_point(struct draw *d, const struct scn_fault *like, const char *name)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = SCN_F_POINT;
	f->node = "target";
	f->name = name;
	f->at = like->at;
	f->during = like->during;
	f->ppm = world_rng_range(&d->aim, 300000, 1000000);
}

/* Buffers are long waited for; who waits loses its connection, or its namespace. */
static void aim_hunger(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault when = { .at = world_rng_below(rng, d->s->heal_at) };
	struct scn_fault *f;

	when.during = draw_log(rng, 10, 1000) * WORLD_MS;
	hunger_point(d, &when, "buf.get");
	hunger_point(d, &when, "buf.give");
	f = aimed(d, draw_chance(rng, 50) ? SCN_F_RESET : SCN_F_HOST_RESET, "point.buf.give");
	f->at = when.at;
	f->from = f->host = some_host(d, rng);
	f->to = "target";
	if (f->kind == SCN_F_RESET) {
		f->host = NULL;
		f->count = draw_chance(rng, 50) ? draw_log(rng, 1, 8) : 0;
	} else {
		f->from = f->to = NULL;
	}
}

/* Messages are left for the next pass, and what is polled there comes before them. */
static void aim_messages(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = SCN_F_POINT;
	f->node = draw_chance(rng, 80) ? "target" : some_host(d, rng);
	f->name = "reactor.messages";
	f->at = draw_chance(rng, 50) ? 0 : world_rng_below(rng, d->s->heal_at);
	f->ppm = draw_log(rng, 10000, 1000000);
}

/*
 * A reactor stands still over the end of a silent host's keep-alive time, and one
 * of its connections ends meanwhile: then all is due in one pass.
 */
static void aim_pile_up(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	unsigned victim = (unsigned)world_rng_below(rng, d->hosts);
	struct scn_host *h = (struct scn_host *)d->s->hosts.items + victim;
	uint64_t kato = WORLD_SEC, begin = world_rng_below(rng, 500 * WORLD_MS);
	struct scn_fault *f;

	h->kato = kato;
	d->s->heal_at = MAX(d->s->heal_at, begin + 4 * kato);
	f = scenario_add_fault(d->s);
	f->kind = SCN_F_SILENT;
	f->host = h->name;
	f->at = begin;
	f->during = 4 * kato;
	for (unsigned i = 0; i < 4; i++) { /* all of its reactors, or some */
		if (draw_chance(rng, 20))
			continue;
		f = scenario_add_fault(d->s);
		f->kind = SCN_F_HOLD;
		f->node = "target";
		f->reactor = i;
		f->at = begin + kato / 2 + world_rng_below(rng, kato);
		f->during = world_rng_range(rng, kato / 4, kato);
	}
	for (unsigned i = draw_log(rng, 1, 6); i > 0; i--) {
		f = scenario_add_fault(d->s);
		f->kind = SCN_F_RESET;
		f->from = h->name;
		f->to = "target";
		f->count = draw_log(rng, 1, 8);
		f->at = begin + kato / 2 + world_rng_below(rng, 3 * kato / 2);
	}
}

void draw_aimed(struct draw *d)
{
	static const struct {
		void (*fn)(struct draw *d);
		unsigned percent;
	} kinds[] = { { aim_hold, 15 },	  { aim_reset, 15 },   { aim_host_reset, 10 },
		      { aim_pause, 5 },	  { aim_stall, 5 },    { aim_change, 8 },
		      { aim_hunger, 10 }, { aim_pile_up, 10 }, { aim_messages, 20 } };

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		unsigned n = draw_chance(&d->aim, kinds[i].percent)
				     ? (unsigned)draw_log(&d->aim, 1, 4)
				     : 0;

		if (kinds[i].fn == aim_pile_up)
			n = MIN(n, 1);
		for (unsigned j = 0; d->faulty_nodes && j < n; j++)
			kinds[i].fn(d);
	}
}

/* --- calls ---------------------------------------------------------------------------------- */

static struct scn_call *call(struct draw *d, uint64_t at, const char *method, const char *params)
{
	struct scn_call *c = scenario_add_call(d->s, false);

	c->at = at;
	c->method = method;
	c->params = params;
	c->reply = SCN_ANY;
	return c;
}

static void remove_ns(struct draw *d, uint64_t at, unsigned nsid)
{
	call(d, at, "nvmf_subsystem_remove_ns",
	     scenario_printf(d->s, "{\"nqn\": \"" DRAW_NQN "\", \"nsid\": %u}", nsid));
}

static void add_ns(struct draw *d, uint64_t at, unsigned nsid, const char *bdev)
{
	call(d, at, "nvmf_subsystem_add_ns",
	     scenario_printf(d->s,
			     "{\"nqn\": \"" DRAW_NQN
			     "\", \"namespace\": {\"bdev_name\": \"%s\", \"nsid\": %u}}",
			     bdev, nsid));
}

/* I/O up to the end of the faults, as much as a load may be. */
static void aim_load(struct draw *d, const char *host, unsigned nsid)
{
	struct world_rng *rng = &d->aim;
	struct scn_load *l = scenario_add_load(d->s);
	uint64_t ios = draw_log(rng, 50, 800);

	l->host = host;
	l->nsid = nsid;
	l->depth = draw_log(rng, 1, 32);
	l->max_blocks = draw_log(rng, 1, 16);
	l->writes = draw_chance(rng, 40);
	l->ios = 0;
	ios = MAX(5, MIN(ios, d->bytes / (l->max_blocks * 512)));
	l->think = 2 * d->s->heal_at / ios * l->depth + 10 * WORLD_US;
}

struct taking {
	const char *take, *give, *params;
};

/* A host is denied, or the listener goes. */
static struct taking some_taking(struct draw *d)
{
	unsigned host = (unsigned)world_rng_below(&d->aim, d->hosts);

	if (d->closed && draw_chance(&d->aim, 50))
		return (struct taking){ "nvmf_subsystem_remove_host", "nvmf_subsystem_add_host",
					draw_host_params(d, host) };
	return (struct taking){ "nvmf_subsystem_remove_listener", "nvmf_subsystem_add_listener",
				draw_listener(d, DRAW_NQN, "4420") };
}

/*
 * What takes away comes with a moment; what puts back a little later, and at the
 * end. Gives back the first of the calls.
 */
static struct scn_call *aim_taking(struct draw *d, const char *on)
{
	struct world_rng *rng = &d->aim;
	struct taking t = some_taking(d);
	uint64_t skip = draw_log(rng, 1, 16) - 1, after = soon_after(rng);
	uint64_t times = draw_log(rng, 1, 6), every = draw_log(rng, 5, 100) * WORLD_MS;
	uint64_t back = after + draw_log(rng, 1, 20000) * WORLD_US;

	for (unsigned i = 0; i < 2; i++) {
		struct scn_call *c = call(d, 0, i == 0 ? t.take : t.give, t.params);

		c->on = on;
		c->skip = skip;
		c->times = times;
		c->every = every;
		c->after = i == 0 ? after : back;
	}
	call(d, draw_listening_at(d), t.give, t.params);
	return (struct scn_call *)d->s->timeline.items + d->s->timeline.n - 3;
}

/* Reads wait for buffers while their namespace goes, comes back as another, shrinks. */
static void aim_starving_reads(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	unsigned rounds = (unsigned)draw_log(rng, 2, 16);
	uint64_t at = world_rng_below(rng, d->s->heal_at / 4);
	uint64_t step = MAX(WORLD_MS, d->s->heal_at / (3 * rounds));
	struct scn_fault when = { .at = at };

	when.during = 2 * rounds * step + WORLD_MS;
	hunger_point(d, &when, "buf.get");
	hunger_point(d, &when, "buf.give");
	call(d, at, "bdev_null_create",
	     "{\"name\": \"Hunger\", \"num_blocks\": 8192, \"block_size\": 512}");
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t mib = world_rng_range(rng, 1, 8);

		add_ns(d, at + 2 * i * step, 11, "Hunger");
		call(d, at + (2 * i + 1) * step, "bdev_null_resize",
		     scenario_printf(d->s, "{\"name\": \"Hunger\", \"new_size\": %" PRIu64 "}",
				     mib));
		if (i + 1 < rounds || draw_chance(rng, 50))
			remove_ns(d, at + (2 * i + 1) * step + step / 2, 11);
	}
	for (unsigned i = 0; i < d->hosts; i++) {
		struct scn_host *h = (struct scn_host *)d->s->hosts.items + i;

		if (draw_chance(rng, 60))
			h->ddgst = true; /* the others' reads need no buffers */
		aim_load(d, h->name, 11);
	}
}

/* A size changes, now and then while the main reactor cannot go on; the last one stays. */
static void aim_resize(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	uint64_t at = world_rng_below(rng, d->s->heal_at);
	unsigned n = (unsigned)draw_log(rng, 1, 12);
	struct scn_fault *f;

	call(d, 0, "bdev_null_create",
	     "{\"name\": \"Size\", \"num_blocks\": 8192, \"block_size\": 512}");
	add_ns(d, 2 * WORLD_MS, 10, "Size");
	for (unsigned i = 0; i < n; i++) {
		uint64_t mib = world_rng_range(rng, 1, 100);

		call(d, at, "bdev_null_resize",
		     scenario_printf(d->s, "{\"name\": \"Size\", \"new_size\": %" PRIu64 "}", mib));
		at += draw_log(rng, 1, 500) * WORLD_MS;
	}
	f = scenario_add_fault(d->s);
	f->kind = SCN_F_HOLD;
	f->node = "target";
	f->on = "bdev.resize";
	f->reactor = draw_chance(rng, 70) ? 0 : world_rng_below(rng, 4);
	f->during = draw_log(rng, 500, 50000) * WORLD_US;
	f->times = 100;
}

static void aim_take(struct draw *d)
{
	aim_taking(d, some_moment(&d->aim));
}

/*
 * The call comes while the main reactor stands still in the middle of something: its
 * messages are not through, and what is polled goes before them.
 */
static void aim_race(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	const char *on = draw_chance(rng, 60) ? connecting[1] : some_moment(rng);
	struct scn_call *c = aim_taking(d, on);
	struct scn_fault *f = scenario_add_fault(d->s);

	c->after = 0;
	(c + 1)->after = draw_log(rng, 500, 20000) * WORLD_US;
	f->kind = SCN_F_HOLD;
	f->node = "target";
	f->on = on;
	f->skip = c->skip;
	f->times = c->times;
	f->every = c->every;
	f->during = draw_log(rng, 50, 2000) * WORLD_US;
	aim_messages(d);
}

/*
 * Under one id there is now this bdev, now another, with another size and identity
 * ("rapid remap"); one of them is left there. The data namespaces get their own back.
 * Often with another size of a block too.
 */
static void aim_swap(struct draw *d)
{
	struct world_rng *rng = &d->aim;
	bool data = draw_chance(rng, 30);
	unsigned nsid = data ? 1 + (unsigned)world_rng_below(rng, d->namespaces)
			     : 8 + (unsigned)world_rng_below(rng, 2);
	uint64_t at = world_rng_below(rng, d->s->heal_at);
	uint64_t step = draw_log(rng, 20, 50000) * WORLD_US;
	unsigned rounds = (unsigned)draw_log(rng, 1, 6);
	const char *names[2];
	unsigned block_size = data ? d->block_size[nsid - 1] : nsid == 8 ? 512 : 4096;
	uint64_t blocks;

	for (unsigned i = 0; i < 2; i++) {
		names[i] = data && i == 0 ? d->bdevs[nsid - 1]
					  : scenario_printf(d->s, "Swap%u%c", nsid, 'a' + i);
		if (data && i == 0)
			continue;
		blocks = world_rng_range(rng, 64, 9000);
		if (draw_chance(rng, 40))
			block_size = draw_chance(rng, 50) ? 512 : 4096;
		call(d, at, "bdev_null_create",
		     scenario_printf(d->s,
				     "{\"name\": \"%s\", \"num_blocks\": %" PRIu64
				     ", \"block_size\": %u}",
				     names[i], blocks, block_size));
	}
	aim_load(d, some_host(d, rng), nsid);
	for (unsigned i = 0; i < rounds; i++) {
		at += step;
		remove_ns(d, at, nsid);
		at += draw_chance(rng, 50) ? step : 0;
		add_ns(d, at, nsid, names[(i + 1) % 2]);
		if (draw_chance(rng, 20))
			at += draw_log(rng, 10, 500) * WORLD_MS;
	}
	if (!data)
		return;
	remove_ns(d, d->s->heal_at + 100 * WORLD_MS, nsid);
	add_ns(d, d->s->heal_at + 200 * WORLD_MS, nsid, names[0]);
	add_ns(d, d->s->heal_at + 400 * WORLD_MS, nsid, names[0]);
}

/* The namespace with data goes at a moment. */
static void aim_remove(struct draw *d)
{
	unsigned ns = (unsigned)world_rng_below(&d->aim, d->namespaces);
	struct scn_call *c;

	remove_ns(d, 0, ns + 1);
	c = (struct scn_call *)d->s->timeline.items + d->s->timeline.n - 1;
	c->on = some_moment(&d->aim);
	c->skip = draw_log(&d->aim, 1, 16) - 1;
	c->after = soon_after(&d->aim);
	add_ns(d, world_rng_below(&d->aim, d->s->heal_at), ns + 1, d->bdevs[ns]);
	add_ns(d, d->s->heal_at + 400 * WORLD_MS, ns + 1, d->bdevs[ns]);
}

void draw_aimed_calls(struct draw *d)
{
	static void (*const kinds[])(struct draw * d) = { aim_take, aim_swap, aim_remove };

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		unsigned n = draw_chance(&d->aim, 12) ? (unsigned)draw_log(&d->aim, 1, 3) : 0;

		for (unsigned j = 0; d->admin && j < n; j++)
			kinds[i](d);
	}
	if (!d->admin || !d->faulty_nodes)
		return;
	if (draw_chance(&d->aim, 15))
		aim_race(d);
	if (draw_chance(&d->aim, 8))
		aim_starving_reads(d);
	if (draw_chance(&d->aim, 8))
		aim_resize(d);
}
