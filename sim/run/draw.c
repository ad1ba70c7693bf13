/* SPDX-License-Identifier: BSD-3-Clause */
/* Topology, limits, hosts and workloads of a seed; what the rest is drawn from is in draw-faults.c.
 */
#include "sim/run/draw-priv.h"

#include <inttypes.h>
#include <string.h>

const char *const scenario_profiles[] = { "default", "calm",	  "network", "admin",
					  "hostile", "two-hosts", "file",    "rdma",  "rdma-devices", NULL };

uint64_t draw_one_of(struct world_rng *rng, const uint64_t *values, unsigned n)
{
	return values[world_rng_below(rng, n)];
}

bool draw_chance(struct world_rng *rng, unsigned percent)
{
	return world_rng_chance(rng, percent * 10000);
}

/* Small ones as often as large ones. */
uint64_t draw_log(struct world_rng *rng, uint64_t lo, uint64_t hi)
{
	unsigned bits = 0;
	uint64_t top;

	while (hi >> bits > lo)
		bits++;
	top = MIN(hi, lo << world_rng_below(rng, bits + 1));
	return world_rng_range(rng, lo, MAX(lo, top));
}

/* Who had connections on it lets go of a device a second after it was torn out. */
uint64_t draw_listening_at(const struct draw *d)
{
	return d->s->heal_at + (d->devices ? 2 * WORLD_SEC : 100 * WORLD_MS);
}

const char *draw_listener(struct draw *d, const char *nqn, const char *port)
{
	return scenario_printf(d->s,
			       "{\"nqn\": \"%s\", \"listen_address\": {\"trtype\": \"%s\", "
			       "\"adrfam\": \"IPv4\", \"traddr\": \"192.0.2.1\", "
			       "\"trsvcid\": \"%s\"}}",
			       nqn, d->trtype, port);
}

static struct scn_call *setup(struct draw *d, const char *method, const char *params)
{
	struct scn_call *c = scenario_add_call(d->s, true);

	c->method = method;
	c->params = params;
	return c;
}

struct scn_call *draw_call(struct draw *d, uint64_t at, const char *method, const char *params)
{
	struct scn_call *c = scenario_add_call(d->s, at == 0);

	c->at = at;
	c->method = method;
	c->params = params;
	if (at > 0)
		c->reply = SCN_ANY;
	return c;
}

const char *draw_host_params(struct draw *d, unsigned i)
{
	return scenario_printf(d->s,
			       "{\"nqn\": \"" DRAW_NQN
			       "\", \"host\": \"nqn.2014-08.org.nvmexpress:uuid:"
			       "00000000-0000-4000-8000-%012x\"}",
			       i);
}

/* --- the target ---------------------------------------------------------------------------------
 */

static void draw_transport(struct draw *d)
{
	static const uint64_t io_sizes[] = { 8192, 16384, 65536, 131072, 1048576 };
	static const uint64_t inline_sizes[] = { 0, 16, 512, 4096, 8192 };
	struct world_rng *rng = &d->topology;
	uint64_t queues, inlined;
	bool success;

	if (draw_chance(rng, 40)) {
		setup(d, "nvmf_create_transport", "{\"trtype\": \"TCP\"}");
		d->max_io = 131072;
		d->max_depth = 128;
		return;
	}
	d->max_io = draw_one_of(rng, io_sizes, G_N_ELEMENTS(io_sizes));
	d->max_depth = draw_log(rng, 2, 1024);
	/* Not among the arguments: compilers evaluate those in whatever order. */
	success = draw_chance(rng, 70);
	inlined = draw_one_of(rng, inline_sizes, G_N_ELEMENTS(inline_sizes));
	queues = draw_log(rng, 1, 64);
	setup(d, "nvmf_create_transport",
	      scenario_printf(d->s,
			      "{\"trtype\": \"TCP\", \"max_queue_depth\": %" PRIu64
			      ", \"max_io_qpairs_per_ctrlr\": %" PRIu64
			      ", \"in_capsule_data_size\": %" PRIu64 ", \"max_io_size\": %" PRIu64
			      ", \"c2h_success\": %s}",
			      d->max_depth, queues, inlined, d->max_io,
			      success ? "true" : "false"));
}

static void draw_namespace(struct draw *d, unsigned i)
{
	struct world_rng *rng = &d->topology;
	uint64_t block_size = draw_chance(rng, 70) ? 512 : 4096;
	uint64_t blocks = draw_log(rng, 64, 4096);

	d->block_size[i] = (unsigned)block_size;
	setup(d, "bdev_malloc_create",
	      scenario_printf(d->s,
			      "{\"name\": \"Malloc%u\", \"num_blocks\": %" PRIu64
			      ", \"block_size\": %" PRIu64 "}",
			      i, blocks, block_size));
	setup(d, "nvmf_subsystem_add_ns",
	      scenario_printf(d->s,
			      "{\"nqn\": \"%s\", \"namespace\": {\"bdev_name\": \"%s\", "
			      "\"nsid\": %u%s}}",
			      DRAW_NQN, draw_layers(d, i), i + 1, draw_ana_group(d)));
}

static void draw_target(struct draw *d)
{
	struct world_rng *rng = &d->topology;
	struct scn_target *t = scenario_add_target(d->s);

	t->name = "target";
	*(const char **)codec_list_add(d->s->arena, &t->addresses, sizeof(char *)) = "192.0.2.1";
	t->reactors = world_rng_range(rng, 1, 4);
	if (draw_chance(rng, 30))
		t->buf_limit = draw_log(rng, 1 << 20, 16 << 20);
	if (d->rdma)
		draw_rdma_transport(d);
	else
		draw_transport(d);
	d->closed = draw_chance(rng, 30);
	setup(d, "nvmf_create_subsystem",
	      scenario_printf(d->s,
			      "{\"nqn\": \"" DRAW_NQN
			      "\", \"allow_any_host\": %s, \"serial_number\": \"S1\"%s}",
			      d->closed ? "false" : "true",
			      d->ana ? ", \"ana_reporting\": true" : ""));
	for (unsigned i = 0; d->closed && i < d->hosts; i++)
		setup(d, "nvmf_subsystem_add_host", draw_host_params(d, i));
	d->namespaces = 1 + draw_chance(rng, 40);
	for (unsigned i = 0; i < d->namespaces; i++)
		if (d->files)
			draw_file_namespace(d, t, i);
		else
			draw_namespace(d, i);
	setup(d, "nvmf_subsystem_add_listener", draw_listener(d, DRAW_NQN, "4420"));
	draw_ways(d);
}

/* --- hosts and what they do
 * ------------------------------------------------------------------------ */

static void draw_host(struct draw *d, unsigned i)
{
	struct world_rng *rng = &d->topology;
	struct scn_host *h = scenario_add_host(d->s);

	h->name = scenario_printf(d->s, "host%u", i);
	h->address = scenario_printf(d->s, "192.0.2.%u", 10 + i);
	h->subnqn = DRAW_NQN;
	h->reactors = world_rng_range(rng, 1, 2);
	h->connect_at = draw_chance(rng, 50) ? 0 : world_rng_below(rng, 50 * WORLD_MS);
	h->io_queues = draw_log(rng, 1, 8);
	h->queue_size = draw_log(rng, 2, 256);
	h->hpda = draw_chance(rng, 30) ? world_rng_below(rng, 32) : 0;
	h->kato = draw_log(rng, 1, 30) * WORLD_SEC;
	h->io_timeout = world_rng_range(rng, 5, 30) * WORLD_SEC;
	h->connect_timeout = world_rng_range(rng, 2, 10) * WORLD_SEC;
	h->reconnect_delay = draw_log(rng, 10, 2000) * WORLD_MS;
	h->hdgst = d->corrupt || draw_chance(rng, 30);
	h->ddgst = d->corrupt || draw_chance(rng, 30);
	h->no_sq_flow_control = draw_chance(rng, 30);
	draw_way(d, h, i);
}

static void draw_load(struct draw *d, unsigned i, unsigned nsid)
{
	struct world_rng *rng = &d->workload;
	struct scn_load *l = scenario_add_load(d->s);

	l->host = scenario_printf(d->s, "host%u", i);
	l->nsid = nsid;
	l->depth = draw_log(rng, 1, 128);
	l->max_blocks = draw_log(rng, 1, 256);
	/* Bytes cost real time, and those in tiny segments most. */
	l->ios = draw_log(rng, 50, 800);
	l->ios = MAX(5, MIN(l->ios, d->bytes / (l->max_blocks * 512)));
	if (d->ios > 0) {
		l->ios = d->ios;
		l->max_blocks = CLAMP(d->bytes / (d->ios * 512), 1, l->max_blocks);
	}
	l->reads = world_rng_below(rng, 5);
	l->writes = world_rng_below(rng, 5);
	l->flushes = draw_chance(rng, 20);
	l->zeroes = draw_chance(rng, 25);
	if (l->reads + l->writes == 0)
		l->reads = 1;
	l->more_ppm = draw_chance(rng, 35) ? draw_log(rng, 20000, 600000) : 0;
	l->fua_ppm = draw_chance(rng, 30) ? 100000 : 0;
	l->probe_ppm = draw_chance(rng, 30) ? 20000 : 0;
	l->think = draw_chance(rng, 30) ? draw_log(rng, 10, 5000) * WORLD_US : 0;
	/* Half of them last as long as faults do. */
	if (draw_chance(rng, 50))
		l->think = 2 * d->s->heal_at / l->ios * l->depth;
	/* Perhaps the target grants a single entry: all of them one after the other. */
	l->think = MIN(l->think, d->s->bound / 2 / l->ios);
}

static void draw_network(struct draw *d)
{
	struct world_rng *rng = &d->network;
	struct scn_link *l = scenario_link_new(d->s);

	d->s->network = l;
	l->latency = draw_log(rng, 1, 200) * WORLD_US;
	l->jitter = draw_log(rng, 1, 200) * WORLD_US;
	if (draw_chance(rng, 25)) { /* dribble */
		l->seg_max = draw_log(rng, 8, 2000);
		l->bytes_per_sec = 0;
		d->bytes = l->seg_max * 2000;
	}
	if (draw_chance(rng, 20))
		l->sndbuf = draw_log(rng, 64, 16384);
	if (draw_chance(rng, 20))
		l->rcvbuf = draw_log(rng, 1024, 65536);
	if (draw_chance(rng, 20))
		l->mtu = world_rng_range(rng, 576, 9000);
	if (draw_chance(rng, 20))
		l->short_send_ppm = l->short_recv_ppm = 200000;
}

/* --- all of it
 * ---------------------------------------------------------------------------------------- */

static void draw_all(struct draw *d)
{
	struct world_rng *rng = &d->topology;

	d->corrupt = d->faulty_network && !d->rdma && draw_chance(rng, 20);
	d->hosts = d->ios > 0 ? 2 : (unsigned)draw_log(rng, 1, 4);
	d->s->heal_at = draw_log(rng, 50, 3000) * WORLD_MS;
	d->s->bound = 300 * WORLD_SEC;
	/* Longer than two keep-alive times of most. */
	d->s->quiet = draw_chance(rng, 15) ? 45 * WORLD_SEC : 0;
	d->s->abrupt = draw_chance(rng, 15);
	if (draw_chance(rng, 20)) {
		d->s->busy_pass = draw_log(rng, 100, 20000);
		d->s->idle_pass = draw_log(rng, 100, 5000);
	}
	d->bytes = 8 << 20;
	draw_whether_ana(d);
	if (d->rdma)
		draw_whether_power(d);
	draw_network(d);
	draw_target(d);
	for (unsigned i = 0; i < d->hosts; i++)
		draw_host(d, i);
	for (unsigned i = 0; i < d->hosts; i++) {
		draw_load(d, i, 1 + (unsigned)world_rng_below(&d->workload, d->namespaces));
		if (d->ios == 0 && draw_chance(&d->workload, 20))
			draw_load(d, i, 1);
	}
	draw_aimed(d); /* may put off the end of the faults */
	draw_faults(d);
	if (d->files)
		draw_file_faults(d);
	draw_admin(d);
	draw_aimed_calls(d);
	draw_raws(d);
	draw_layer_calls(d);
	draw_path_calls(d);
	if (d->rdma) {
		draw_rdma(d);
		draw_rdma_edges(d);
	}
	if (d->devices)
		draw_device_faults(d);
}

struct scenario *scenario_draw(uint64_t seed, const char *profile)
{
	/* Only for its random streams; the run has a world of its own. */
	struct world *w;
	struct draw d = {
		.faulty_network = true, .faulty_nodes = true, .admin = true, .trtype = "TCP"
	};

	if (!strcmp(profile, "calm"))
		d.faulty_network = d.faulty_nodes = d.admin = false;
	else if (!strcmp(profile, "network"))
		d.faulty_nodes = d.admin = false;
	else if (!strcmp(profile, "admin"))
		d.faulty_network = d.faulty_nodes = false;
	else if (!strcmp(profile, "hostile"))
		d.faulty_network = d.faulty_nodes = false, d.hostile = true;
	else if (!strcmp(profile, "file"))
		d.faulty_nodes = d.admin = false, d.files = true;
	else if (!strcmp(profile, "rdma"))
		d.rdma = true, d.trtype = "RDMA";
	else if (!strcmp(profile, "rdma-devices"))
		d.rdma = d.devices = true, d.trtype = "RDMA";
	else if (!strcmp(profile, "two-hosts"))
		d.ios = 1000;
	else if (strcmp(profile, "default") != 0)
		return NULL;
	w = world_new(seed);
	world_rng_init(w, &d.topology, "draw.topology");
	world_rng_init(w, &d.workload, "draw.workload");
	world_rng_init(w, &d.network, "draw.network");
	world_rng_init(w, &d.fault, "draw.fault");
	world_rng_init(w, &d.call, "draw.call");
	world_rng_init(w, &d.layers, "draw.layers");
	world_rng_init(w, &d.aim, "draw.aim");
	world_rng_init(w, &d.paths, "draw.paths");
	world_rng_init(w, &d.verbs, "draw.rdma");
	world_rng_init(w, &d.device, "draw.devices");
	d.s = scenario_new();
	d.s->seed = seed;
	d.s->name = scenario_printf(d.s, "seed-%s", profile);
	draw_all(&d);
	world_free(w);
	return d.s;
}
