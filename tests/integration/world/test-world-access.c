/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ANA states, ANA groups and the visibility of a namespace change under I/O of
 * two hosts, each on a listener of its own; and a discovery log changes while it
 * is read.
 *
 * Each status must be one that was due at some time while the command was under
 * way, by a record of the changes kept here: a state and a visibility count from
 * the call that sets them on, the group of a namespace between the call and its
 * end is the old or the new one. Each seed is run twice and must give the same
 * trace hash.
 */
#include <errno.h>
#include <string.h>

#include "target/nvmf/tgt.h"
#include "tests/integration/world/fixture.h"

#define BLOCKS 4096
#define GROUPS 4
#define NSS 2 /* 1: seen by all; 2: restricted */
#define DEPTH 4
#define IOS 200
#define STEPS 40
#define SEEDS 60

enum { GOOD, HIDDEN, INACCESSIBLE, LOSS, CHANGE, OUTCOMES };

struct span {
	uint64_t from, to;
	uint32_t value;
};

struct access {
	struct fx *fx;
	struct world_rng rng;
	unsigned steps;
	GArray *states[2][GROUPS + 1]; /* struct span, of each listener */
	GArray *groups[NSS + 1];
	GArray *visible[2]; /* of namespace 2, by host */
	unsigned *outcomes;
};

struct io {
	struct host_io io;
	struct access *a;
	struct host_qpair *q;
	unsigned host, left;
	struct iovec iov;
	uint64_t begun;
};

static const char *const ports[2] = { "4420", "4421" };

/* --- the record ------------------------------------------------------------------------------- */

static void set(struct access *a, GArray *spans, uint32_t value)
{
	struct span s = { world_now(a->fx->world), UINT64_MAX, value };

	if (spans->len > 0)
		g_array_index(spans, struct span, spans->len - 1).to = s.from;
	g_array_append_val(spans, s);
}

static bool overlaps(const struct span *s, uint64_t from, uint64_t to)
{
	return s->from <= to && s->to >= from;
}

static unsigned outcome_of(uint32_t state)
{
	switch (state) {
	case NVME_ANA_INACCESSIBLE:
		return INACCESSIBLE;
	case NVME_ANA_PERSISTENT_LOSS:
		return LOSS;
	case NVME_ANA_CHANGE:
		return CHANGE;
	default:
		return GOOD;
	}
}

/* 1 << outcome, of all that are due. */
static unsigned due_in_group(struct access *a, unsigned host, uint32_t group, uint64_t from,
			     uint64_t to)
{
	GArray *spans = a->states[host][group];
	unsigned due = 0;

	for (unsigned i = 0; i < spans->len; i++) {
		const struct span *s = &g_array_index(spans, struct span, i);

		if (overlaps(s, from, to))
			due |= 1u << outcome_of(s->value);
	}
	return due;
}

static unsigned due(struct access *a, unsigned host, uint32_t nsid, uint64_t from, uint64_t to)
{
	unsigned seen = nsid == 1 ? 1u << GOOD : 0, result = 0;

	for (unsigned i = 0; nsid == 2 && i < a->visible[host]->len; i++) {
		const struct span *s = &g_array_index(a->visible[host], struct span, i);

		if (overlaps(s, from, to))
			seen |= 1u << (s->value ? GOOD : HIDDEN);
	}
	result = seen & 1u << HIDDEN;
	for (unsigned i = 0; (seen & 1u << GOOD) && i < a->groups[nsid]->len; i++) {
		const struct span *s = &g_array_index(a->groups[nsid], struct span, i);

		if (overlaps(s, from, to))
			result |= due_in_group(a, host, s->value, from, to);
	}
	return result;
}

/* --- I/O -----------------------------------------------------------------------------------------
 */

static void submit(struct io *io);

static void io_done(struct host_io *hio)
{
	static const uint16_t statuses[OUTCOMES] = {
		[GOOD] = NVME_SUCCESS,
		[HIDDEN] = NVME_SC_INVALID_NS | NVME_DNR,
		[INACCESSIBLE] = NVME_SC_ANA_INACCESSIBLE,
		[LOSS] = NVME_SC_ANA_PERSISTENT_LOSS,
		[CHANGE] = NVME_SC_ANA_TRANSITION,
	};
	struct io *io = (struct io *)hio;
	struct access *a = io->a;
	unsigned allowed = due(a, io->host, hio->nsid, io->begun, world_now(a->fx->world));
	unsigned outcome = 0;

	while (outcome < OUTCOMES && statuses[outcome] != hio->status)
		outcome++;
	if (outcome == OUTCOMES || !(allowed & 1u << outcome))
		g_error("host %u nsid %u: status 0x%x, outcomes due 0x%x", io->host, hio->nsid,
			hio->status, allowed);
	a->outcomes[outcome]++;
	if (--io->left > 0)
		submit(io);
	else
		fx_done(a->fx, NULL);
}

static void submit(struct io *io)
{
	struct access *a = io->a;
	bool write = world_rng_chance(&a->rng, 500000);
	uint32_t blocks = (uint32_t)world_rng_range(&a->rng, 1, 64);
	int err;

	io->begun = world_now(a->fx->world);
	io->iov.iov_len = (size_t)blocks * 512;
	io->io = (struct host_io){
		.done = io_done,
		.iov = &io->iov,
		.niov = 1,
		.nsid = (uint32_t)world_rng_range(&a->rng, 1, NSS),
		.lba = world_rng_below(&a->rng, BLOCKS - 64),
		.blocks = blocks,
	};
	err = write ? host_write(io->q, &io->io) : host_read(io->q, &io->io);
	g_assert_cmpint(err, ==, 0);
}

static struct io *start_io(struct access *a, unsigned host)
{
	struct io *ios = g_new0(struct io, DEPTH);

	for (unsigned i = 0; i < DEPTH; i++) {
		ios[i].a = a;
		ios[i].host = host;
		ios[i].left = IOS / DEPTH;
		ios[i].q = host_ctrlr_qpair(a->fx->hosts[host]->ctrlr, 0);
		ios[i].iov.iov_base = g_malloc0(64 * 512);
		fx_begin(a->fx);
		submit(&ios[i]);
	}
	return ios;
}

static void free_io(struct io *ios)
{
	for (unsigned i = 0; i < DEPTH; i++)
		g_free(ios[i].iov.iov_base);
	g_free(ios);
}

/* --- changes
 * -------------------------------------------------------------------------------------- */

static struct nvmf_subsystem *subsystem(struct fx *fx)
{
	return nvmf_subsystem_find(fx->target->nvmf, FX_NQN);
}

static void change_state(struct access *a)
{
	static const enum nvme_ana_state all[] = {
		NVME_ANA_OPTIMIZED,    NVME_ANA_OPTIMIZED,	 NVME_ANA_NON_OPTIMIZED,
		NVME_ANA_INACCESSIBLE, NVME_ANA_PERSISTENT_LOSS, NVME_ANA_CHANGE,
	};
	enum nvme_ana_state state = all[world_rng_below(&a->rng, G_N_ELEMENTS(all))];
	unsigned listener = (unsigned)world_rng_below(&a->rng, 2);
	uint32_t group = (uint32_t)world_rng_below(&a->rng, GROUPS + 1);
	struct nvmf_trid trid;

	g_assert_true(nvmf_trid_parse(&trid, "TCP", NULL, FX_ADDR, ports[listener], NULL));
	for (uint32_t g = 1; g <= GROUPS; g++) {
		if (group == 0 || g == group)
			set(a, a->states[listener][g], state);
	}
	fx_begin(a->fx);
	nvmf_subsystem_set_ana_state(subsystem(a->fx), &trid, state, group, fx_done, a->fx);
}

struct regroup {
	struct access *a;
	uint32_t nsid;
	unsigned old; /* its span, which lasts until the end of the call */
};

static void regrouped(void *arg, const GError *error)
{
	struct regroup *g = arg;

	g_array_index(g->a->groups[g->nsid], struct span, g->old).to = world_now(g->a->fx->world);
	fx_done(g->a->fx, error);
	g_free(g);
}

static void change_group(struct access *a)
{
	struct regroup *g = g_new0(struct regroup, 1);
	uint32_t group = (uint32_t)world_rng_range(&a->rng, 1, GROUPS);

	g->a = a;
	g->nsid = (uint32_t)world_rng_range(&a->rng, 1, NSS);
	g->old = a->groups[g->nsid]->len - 1;
	set(a, a->groups[g->nsid], group);
	g_array_index(a->groups[g->nsid], struct span, g->old).to = UINT64_MAX;
	fx_begin(a->fx);
	nvmf_subsystem_set_ns_ana_group(subsystem(a->fx), g->nsid, group, regrouped, g);
}

static void change_visibility(struct access *a)
{
	unsigned host = (unsigned)world_rng_below(&a->rng, 2);
	bool visible = world_rng_chance(&a->rng, 600000);

	set(a, a->visible[host], visible);
	fx_begin(a->fx);
	(visible ? nvmf_ns_add_host : nvmf_ns_remove_host)(
		subsystem(a->fx), 2, a->fx->hosts[host]->hostnqn, fx_done, a->fx);
}

static void step_soon(struct access *a);

/* On the target's main reactor. */
static void step(void *arg)
{
	struct access *a = arg;

	switch (world_rng_below(&a->rng, 4)) {
	case 0:
		change_group(a);
		break;
	case 1:
		change_visibility(a);
		break;
	default:
		change_state(a);
	}
	step_soon(a);
	fx_done(a->fx, NULL);
}

static void step_soon(struct access *a)
{
	if (a->steps++ == STEPS)
		return;
	fx_begin(a->fx);
	world_at(a->fx->world,
		 world_now(a->fx->world) + world_rng_range(&a->rng, 10 * WORLD_US, 500 * WORLD_US),
		 step, a);
}

/* --- a run
 * ------------------------------------------------------------------------------------------ */

static void configure(struct fx *fx)
{
#define LISTENER(port_)                                                                            \
	"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN                \
	"\",\"listen_address\":{\"trtype\":\"TCP\",\"traddr\":\"" FX_ADDR                          \
	"\",\"trsvcid\":\"" port_ "\"}}}"
	fx_config(fx, "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		      "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"M1\","
		      "\"num_blocks\":4096,\"block_size\":512}},"
		      "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"M2\","
		      "\"num_blocks\":4096,\"block_size\":512}}]},"
		      "{\"subsystem\":\"nvmf\",\"config\":["
		      "{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"}},"
		      "{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"allow_any_host\":true,\"ana_reporting\":true,\"max_namespaces\":4}},"
		      "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"namespace\":{\"bdev_name\":\"M1\"}}},"
		      "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"namespace\":{\"bdev_name\":\"M2\",\"no_auto_visible\":true}}}," LISTENER(
			      "4420") "," LISTENER("4421") "]}]}");
}

static void make_record(struct access *a)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned g = 1; g <= GROUPS; g++) {
			a->states[i][g] = g_array_new(FALSE, FALSE, sizeof(struct span));
			set(a, a->states[i][g], NVME_ANA_OPTIMIZED);
		}
		a->visible[i] = g_array_new(FALSE, FALSE, sizeof(struct span));
		set(a, a->visible[i], false);
	}
	for (uint32_t nsid = 1; nsid <= NSS; nsid++) {
		a->groups[nsid] = g_array_new(FALSE, FALSE, sizeof(struct span));
		set(a, a->groups[nsid], nsid);
	}
}

static void free_record(struct access *a)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned g = 1; g <= GROUPS; g++)
			g_array_unref(a->states[i][g]);
		g_array_unref(a->visible[i]);
	}
	for (uint32_t nsid = 1; nsid <= NSS; nsid++)
		g_array_unref(a->groups[nsid]);
}

/* When all notices are through, each host knows the namespaces that it may see. */
static void check_views(struct access *a)
{
	world_run_for(a->fx->world, 500 * WORLD_MS);
	for (unsigned i = 0; i < 2; i++) {
		struct fx_host *h = a->fx->hosts[i];
		const struct span *last =
			&g_array_index(a->visible[i], struct span, a->visible[i]->len - 1);

		g_assert_nonnull(host_ctrlr_ns(h->ctrlr, 1));
		g_assert_true((host_ctrlr_ns(h->ctrlr, 2) != NULL) == (last->value != 0));
		g_assert_cmpuint(h->events[HOST_EVENT_LOST], ==, 0);
	}
}

static uint64_t run(uint64_t seed, unsigned *outcomes)
{
	struct fx *fx = fx_new(seed, 1 + (unsigned)(seed % 3));
	struct access a = { .fx = fx, .outcomes = outcomes };
	struct io *ios[2];

	world_rng_init(fx->world, &a.rng, "access");
	configure(fx);
	make_record(&a);
	for (unsigned i = 0; i < 2; i++) {
		struct fx_host *h = fx_host_new(fx, 1);
		struct host_params params;

		host_params_default(&params);
		params.subnqn = FX_NQN;
		g_assert_true(net_addr_parse(&params.addr, FX_ADDR, ports[i], NULL));
		g_assert_true(fx_connect(h, &params));
	}
	step_soon(&a);
	for (unsigned i = 0; i < 2; i++)
		ios[i] = start_io(&a, i);
	fx_wait(fx, 600 * WORLD_SEC);
	check_views(&a);
	for (unsigned i = 0; i < 2; i++)
		free_io(ios[i]);
	free_record(&a);
	return fx_free(fx);
}

static void test_io(void)
{
	unsigned outcomes[OUTCOMES] = { 0 };

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t first = run(seed, outcomes), second = run(seed, outcomes);

		if (first != second)
			g_error("seed %" G_GUINT64_FORMAT ": two runs differ", seed);
	}
	for (unsigned i = 0; i < OUTCOMES; i++)
		g_assert_cmpuint(outcomes[i], >, 100);
}

/* --- discovery
 * ------------------------------------------------------------------------------------ */

#define PORT_BASE 5000
#define PORTS 80

struct discovery {
	struct fx *fx;
	struct world_rng rng;
	struct host_params params;
	unsigned steps, good, again;
	bool listens[PORTS];
	GArray *counts; /* records by generation, from first on */
	uint64_t first;
};

static void record(struct discovery *d)
{
	uint32_t n = 2; /* of configure() */

	for (unsigned i = 0; i < PORTS; i++)
		n += d->listens[i];
	g_assert_cmpuint(d->fx->target->nvmf->genctr, ==, d->first + d->counts->len);
	g_array_append_val(d->counts, n);
}

static void discover_step(void *arg);

static void discover_step_soon(struct discovery *d)
{
	if (d->steps++ == 150)
		return;
	fx_begin(d->fx);
	world_at(d->fx->world,
		 world_now(d->fx->world) + world_rng_range(&d->rng, 20 * WORLD_US, 2 * WORLD_MS),
		 discover_step, d);
}

/* A listener comes or goes; sometimes many at once, so that the log shrinks by whole pieces. */
static void discover_step(void *arg)
{
	struct discovery *d = arg;
	unsigned first = (unsigned)world_rng_below(&d->rng, PORTS);
	unsigned n = world_rng_chance(&d->rng, 200000) ? PORTS - first : 1;
	bool on = world_rng_chance(&d->rng, 600000);

	for (unsigned i = first; i < first + n; i++) {
		g_autofree char *port = g_strdup_printf("%u", PORT_BASE + i);
		struct nvmf_trid trid;

		if (d->listens[i] == on)
			continue;
		d->listens[i] = on;
		g_assert_true(nvmf_trid_parse(&trid, "TCP", NULL, FX_ADDR, port, NULL));
		if (on) {
			g_assert_true(nvmf_subsystem_add_listener(subsystem(d->fx), &trid, NULL));
		} else {
			fx_begin(d->fx);
			nvmf_subsystem_remove_listener(subsystem(d->fx), &trid, fx_done, d->fx);
		}
		record(d);
	}
	discover_step_soon(d);
	fx_done(d->fx, NULL);
}

static void discover(struct reactor *r, void *arg);

static void discovered(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		       const GError *error, void *arg)
{
	struct discovery *d = arg;

	if (error != NULL) {
		/* Only this: it changed each time it was read. */
		g_assert_cmpint(error->code, ==, -EAGAIN);
		d->again++;
	} else {
		g_assert_cmpuint(genctr, >=, d->first);
		g_assert_cmpuint(genctr - d->first, <, d->counts->len);
		g_assert_cmpuint(n, ==, g_array_index(d->counts, uint32_t, genctr - d->first));
		for (unsigned i = 0; i < n; i++) {
			g_assert_cmpstr(entries[i].subnqn, ==, FX_NQN);
			g_assert_cmpuint(entries[i].trtype, ==, NVME_TRTYPE_TCP);
		}
		d->good++;
	}
	if (d->steps <= 150)
		discover(NULL, d);
	fx_done(d->fx, NULL);
}

static void discover(struct reactor *r, void *arg)
{
	struct discovery *d = arg;

	(void)r;
	fx_begin(d->fx);
	g_assert_true(
		host_discover(core_main(d->fx->hosts[0]->core), &d->params, discovered, d, NULL));
}

static void test_discovery(void)
{
	unsigned good = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct fx *fx = fx_new(seed, 2);
		struct discovery d = { .fx = fx,
				       .counts = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
		struct world_link_params lp;

		world_rng_init(fx->world, &d.rng, "discovery");
		configure(fx);
		fx_host_new(fx, 1);
		/* Segments that make a log of some kilobytes take a while. */
		world_link_default(&lp);
		lp.bytes_per_sec = 20000000;
		world_link_set_all(fx->world, &lp);
		d.first = fx->target->nvmf->genctr;
		record(&d);
		host_params_default(&d.params);
		d.params.hostnqn = fx->hosts[0]->hostnqn;
		g_assert_true(net_addr_parse(&d.params.addr, FX_ADDR, "4420", NULL));
		discover_step_soon(&d);
		core_call(core_main(fx->hosts[0]->core), discover, &d);
		fx_begin(fx);
		world_run_for(fx->world, WORLD_MS);
		fx_done(fx, NULL);
		fx_wait(fx, 600 * WORLD_SEC);
		good += d.good;
		g_array_unref(d.counts);
		fx_free(fx);
	}
	g_assert_cmpuint(good, >, 100);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/access/io", test_io);
	g_test_add_func("/world/access/discovery", test_discovery);
	return g_test_run();
}
