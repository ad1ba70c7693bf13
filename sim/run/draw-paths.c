/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: ANA groups and their states by two listeners, a namespace that only some
 * hosts see, hosts with several controllers, subsystems that are opened to all
 * hosts and closed. A stream of random numbers of its own, so that the rest of a
 * seed stays as it is. At the end every path that a host needs is there again.
 */
#include "sim/run/draw-priv.h"

#include <inttypes.h>

#define HIDDEN_NSID 13
#define GROUPS 4

static const char *const ports[] = { "4420", "4421" };

#define LISTENER                                                                                   \
	"\"nqn\": \"" DRAW_NQN "\", \"listen_address\": {\"trtype\": \"%s\", "                     \
	"\"adrfam\": \"IPv4\", \"traddr\": \"192.0.2.1\", \"trsvcid\": \"%s\"}"

/* --- who there is -------------------------------------------------------------------------- */

void draw_whether_ana(struct draw *d)
{
	struct world_rng *rng = &d->paths;

	if (!d->admin)
		return;
	d->ana = draw_chance(rng, 35);
	d->second = d->ana && draw_chance(rng, 70);
	d->hidden = draw_chance(rng, 25);
	if ((!d->ana && !d->hidden) || !draw_chance(rng, 20))
		return;
	/* See draw_starving; others put things right at the end of the faults. */
	d->starves = true;
	d->starve_at = world_rng_below(rng, 500 * WORLD_MS);
	d->starve_for = world_rng_range(rng, 1300, 1700) * WORLD_MS;
	d->s->heal_at = MAX(d->s->heal_at, d->starve_at + d->starve_for + 100 * WORLD_MS);
	/* Only where nothing else holds I/O up can it be judged by its time. */
	if (draw_chance(rng, 60))
		d->faulty_network = d->faulty_nodes = false;
}

const char *draw_ana_group(struct draw *d)
{
	if (!d->ana || draw_chance(&d->paths, 40))
		return "";
	return scenario_printf(d->s, ", \"anagrpid\": %" PRIu64,
			       world_rng_range(&d->paths, 1, GROUPS));
}

void draw_ways(struct draw *d)
{
	if (d->second)
		draw_call(d, 0, "nvmf_subsystem_add_listener",
			  scenario_printf(d->s, "{" LISTENER "}", d->trtype, ports[1]));
	if (!d->hidden)
		return;
	draw_call(d, 0, "bdev_malloc_create",
		  "{\"name\": \"Hidden\", \"num_blocks\": 1024, \"block_size\": 512}");
	draw_call(d, 0, "nvmf_subsystem_add_ns",
		  scenario_printf(d->s,
				  "{\"nqn\": \"" DRAW_NQN
				  "\", \"namespace\": {\"bdev_name\": \"Hidden\", \"nsid\": %u, "
				  "\"no_auto_visible\": true%s}}",
				  HIDDEN_NSID, draw_ana_group(d)));
}

void draw_way(struct draw *d, struct scn_host *h, unsigned i)
{
	struct world_rng *rng = &d->paths;

	if (d->second && draw_chance(rng, 50))
		h->trsvcid = ports[1];
	/* It has a second controller. */
	if (d->hidden && i > 0 && draw_chance(rng, 50))
		h->hostnqn = "nqn.2014-08.org.nvmexpress:uuid:"
			     "00000000-0000-4000-8000-000000000000";
}

/* --- states ---------------------------------------------------------------------------------- */

static void set_state(struct draw *d, uint64_t at, const char *port, const char *state,
		      unsigned group)
{
	draw_call(d, at, "nvmf_subsystem_listener_set_ana_state",
		  group == 0 ? scenario_printf(d->s, "{" LISTENER ", \"ana_state\": \"%s\"}",
					       d->trtype, port, state)
			     : scenario_printf(d->s,
					       "{" LISTENER
					       ", \"ana_state\": \"%s\", \"anagrpid\": %u}",
					       d->trtype, port, state, group));
}

static void flap(struct draw *d, uint64_t at)
{
	static const char *const states[] = { "optimized", "non_optimized", "inaccessible",
					      "persistent_loss", "change" };
	struct world_rng *rng = &d->paths;
	const char *port = ports[d->second && draw_chance(rng, 50)];
	const char *state = states[world_rng_below(rng, G_N_ELEMENTS(states))];

	set_state(d, at, port, state,
		  draw_chance(rng, 50) ? 0 : (unsigned)world_rng_range(rng, 1, GROUPS));
}

static void regroup(struct draw *d, uint64_t at)
{
	struct world_rng *rng = &d->paths;
	unsigned nsid = d->hidden && draw_chance(rng, 25)
				? HIDDEN_NSID
				: 1 + (unsigned)world_rng_below(rng, d->namespaces);

	draw_call(d, at, "nvmf_subsystem_set_ns_ana_group",
		  scenario_printf(d->s,
				  "{\"nqn\": \"" DRAW_NQN "\", \"nsid\": %u, \"anagrpid\": %" PRIu64
				  "}",
				  nsid, world_rng_range(rng, 1, GROUPS)));
}

static uint64_t some_time(struct draw *d)
{
	return world_rng_range(&d->paths, 1, d->s->heal_at - 1);
}

static void draw_states(struct draw *d)
{
	struct world_rng *rng = &d->paths;
	unsigned flaps = (unsigned)draw_log(rng, 1, 32), groups = (unsigned)draw_log(rng, 1, 16);

	for (unsigned i = 0; i < flaps; i++)
		flap(d, some_time(d));
	for (unsigned i = 0; i < groups; i++)
		regroup(d, some_time(d));
	for (unsigned i = 0; i < 2; i++) {
		if (draw_chance(rng, 50))
			set_state(d, d->s->heal_at + 40 * WORLD_MS, ports[i], "non_optimized",
				  (unsigned)world_rng_range(rng, 1, GROUPS));
		set_state(d, d->s->heal_at + 50 * WORLD_MS, ports[i], "persistent_loss",
			  GROUPS + 1);
	}
	/* Last of all, so that nothing else makes hosts look. */
	if (draw_chance(rng, 50))
		regroup(d, d->s->heal_at + 90 * WORLD_MS);
}

/* --- what is hidden ----------------------------------------------------------------------------
 */

static void show(struct draw *d, uint64_t at, unsigned host, bool shows)
{
	draw_call(d, at, shows ? "nvmf_ns_add_host" : "nvmf_ns_remove_host",
		  scenario_printf(d->s,
				  "{\"nqn\": \"" DRAW_NQN
				  "\", \"nsid\": %u, \"host\": \"nqn.2014-08.org.nvmexpress:uuid:"
				  "00000000-0000-4000-8000-%012x\"}",
				  HIDDEN_NSID, host));
}

static void hidden_load(struct draw *d, unsigned host)
{
	struct world_rng *rng = &d->paths;
	struct scn_load *l = scenario_add_load(d->s);

	l->host = scenario_printf(d->s, "host%u", host);
	l->nsid = HIDDEN_NSID;
	l->depth = draw_log(rng, 1, 8);
	l->max_blocks = draw_log(rng, 1, 16);
	l->think = draw_log(rng, 1000, 50000) * WORLD_US;
	l->ios = 0;
}

static void draw_hidden(struct draw *d)
{
	struct world_rng *rng = &d->paths;
	unsigned n = (unsigned)draw_log(rng, 1, 24);

	for (unsigned i = 0; i < d->hosts; i++) {
		if (draw_chance(rng, 60))
			hidden_load(d, i);
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned host = draw_chance(rng, 50) ? 0 : (unsigned)world_rng_below(rng, d->hosts);
		uint64_t at = some_time(d);

		show(d, at, host, draw_chance(rng, 60));
	}
}

/* --- filters -----------------------------------------------------------------------------------
 */

/* Of a subsystem that nobody uses: who may would have to leave. */
static void draw_filters(struct draw *d)
{
	struct world_rng *rng = &d->paths;
	uint64_t at = some_time(d);
	unsigned n = (unsigned)draw_log(rng, 1, 8);

	draw_call(d, at, "nvmf_create_subsystem", "{\"nqn\": \"" DRAW_NQN2 "\"}");
	for (unsigned i = 0; i < n; i++) {
		at += draw_log(rng, 1, 50) * WORLD_MS;
		draw_call(d, at, "nvmf_subsystem_allow_any_host",
			  draw_chance(rng, 50)
				  ? "{\"nqn\": \"" DRAW_NQN2 "\", \"allow_any_host\": true}"
				  : "{\"nqn\": \"" DRAW_NQN2 "\", \"allow_any_host\": false}");
	}
	draw_call(d, at + WORLD_MS, "nvmf_delete_subsystem", "{\"nqn\": \"" DRAW_NQN2 "\"}");
}

/* --- reads that wait ---------------------------------------------------------------------------
 */

static void hunger(struct draw *d, uint64_t at, uint64_t during, const char *point)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = SCN_F_POINT;
	f->node = "target";
	f->name = point;
	f->at = at;
	f->during = during;
	f->ppm = 1000000;
}

/*
 * There are no buffers for so long that who waits for one has lost its path, or its
 * view of the namespace, meanwhile; and it is not there again before there are.
 */
static void draw_starving(struct draw *d)
{
	struct world_rng *rng = &d->paths;
	uint64_t at = d->starve_at, during = d->starve_for;
	uint64_t gone = at + world_rng_range(rng, 1, 150) * WORLD_MS;
	bool hides = d->hidden && (!d->ana || draw_chance(rng, 40));

	hunger(d, at, during, "buf.get");
	hunger(d, at, during, "buf.give");
	for (unsigned i = 0; i < d->hosts; i++) {
		struct scn_host *h = (struct scn_host *)d->s->hosts.items + i;

		h->ddgst = h->ddgst || draw_chance(rng, 70); /* the others' need no buffers */
		if (hides) {
			hidden_load(d, i);
			show(d, at / 2 + 1, i, true);
			show(d, gone, i, false);
		}
	}
	for (unsigned i = 0; !hides && i < 2; i++)
		set_state(d, gone, ports[i], draw_chance(rng, 50) ? "inaccessible" : "change", 0);
}

void draw_path_calls(struct draw *d)
{
	struct world_rng *rng = &d->paths;

	if (!d->admin)
		return;
	if (d->starves) {
		draw_starving(d);
	} else {
		if (d->ana)
			draw_states(d);
		if (d->hidden)
			draw_hidden(d);
	}
	if (draw_chance(rng, 10))
		draw_filters(d);
	/* A listener that is added later has these states anyway. */
	for (unsigned i = 0; d->ana && i < 2; i++)
		set_state(d, d->s->heal_at + 20 * WORLD_MS, ports[i], "optimized", 0);
}
