/* SPDX-License-Identifier: BSD-3-Clause */
/* Draws file bdevs, what goes wrong with their media, and losses of power. */
#include <inttypes.h>

#include "sim/run/draw-priv.h"

static const char *path_of(struct draw *d, unsigned i)
{
	return scenario_printf(d->s, "/srv/disk%u", i);
}

void draw_file_namespace(struct draw *d, struct scn_target *t, unsigned i)
{
	struct world_rng *rng = &d->topology;
	struct scn_file *f = codec_list_add(d->s->arena, &t->files, sizeof(*f));
	struct scn_call *c;
	uint64_t blocks = draw_log(rng, 64, 2048);
	bool aio = draw_chance(rng, 50);

	f->path = path_of(d, i);
	f->block_size = draw_chance(rng, 60) ? 512 : 4096;
	f->size = blocks * f->block_size;
	f->latency_min = draw_log(rng, 1, 100) * WORLD_US;
	f->latency_max = f->latency_min * draw_log(rng, 1, 50);
	f->evict_ppm = draw_log(rng, 1, 1000000);
	c = scenario_add_call(d->s, true);
	c->method = aio ? "bdev_aio_create" : "bdev_uring_create";
	c->params =
		scenario_printf(d->s, "{\"name\": \"File%u\", \"filename\": \"%s\"}", i, f->path);
	c = scenario_add_call(d->s, true);
	c->method = "nvmf_subsystem_add_ns";
	c->params = scenario_printf(d->s,
				    "{\"nqn\": \"" DRAW_NQN
				    "\", \"namespace\": {\"bdev_name\": \"File%u\", \"nsid\": %u}}",
				    i, i + 1);
}

static struct scn_fault *fault(struct draw *d, enum scn_fault_kind kind, unsigned i)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = kind;
	f->node = "target";
	f->at = world_rng_below(&d->fault, d->s->heal_at);
	if (kind != SCN_F_POWER)
		f->name = path_of(d, i);
	return f;
}

static void draw_errors(struct draw *d, unsigned i)
{
	static const char *const ops[] = { "read", "write", "flush", "zero" };
	struct world_rng *rng = &d->fault;
	struct scn_fault *f = fault(d, SCN_F_FILE, i);

	f->during = draw_log(rng, 1, 1000) * WORLD_MS;
	f->file = codec_alloc(d->s->arena, sizeof(*f->file));
	f->file->nth = 1;
	f->file->ppm = draw_log(rng, 1000, 200000);
	f->file->error = world_rng_below(rng, 3);
	if (draw_chance(rng, 60))
		*(const char **)codec_list_add(d->s->arena, &f->file->ops, sizeof(char *)) =
			ops[world_rng_below(rng, G_N_ELEMENTS(ops))];
}

/* Blocks are erased all the time, written and read, and some of that fails. */
static void draw_erasing(struct draw *d, unsigned i)
{
	struct world_rng *rng = &d->fault;
	struct scn_load *l = scenario_add_load(d->s);
	struct scn_fault *f = fault(d, SCN_F_FILE, i);

	l->host = scenario_printf(d->s, "host%" PRIu64, world_rng_below(rng, d->hosts));
	l->nsid = i + 1;
	l->depth = draw_log(rng, 1, 8);
	l->max_blocks = draw_log(rng, 1, 8);
	l->zeroes = 2;
	l->ios = 0;
	l->think = d->s->heal_at / 100 * l->depth + 10 * WORLD_US;
	f->at = 0;
	f->during = d->s->heal_at;
	f->file = codec_alloc(d->s->arena, sizeof(*f->file));
	f->file->nth = 1;
	f->file->ppm = draw_log(rng, 10000, 200000);
	*(const char **)codec_list_add(d->s->arena, &f->file->ops, sizeof(char *)) =
		draw_chance(rng, 70) ? "zero" : "discard";
}

/* The power fails amid calls that make state: what was answered is there again. */
static void draw_kept(struct draw *d, const struct scn_fault *power)
{
	struct world_rng *rng = &d->call;
	unsigned n = (unsigned)draw_log(rng, 4, 40);

	((struct scn_target *)d->s->targets.items)[0].keep_config = true;
	for (unsigned i = 0; i < n; i++) {
		uint64_t before = draw_log(rng, 1, 30000) * WORLD_US;
		bool deletes = draw_chance(rng, 30);
		uint64_t which = world_rng_below(rng, deletes ? n : i + 1);

		if (before >= power->at)
			continue;
		draw_call(d, power->at - before, deletes ? "bdev_null_delete" : "bdev_null_create",
			  deletes ? scenario_printf(d->s, "{\"name\": \"Kept%" PRIu64 "\"}", which)
				  : scenario_printf(d->s,
						    "{\"name\": \"Kept%" PRIu64
						    "\", \"num_blocks\": 8, \"block_size\": 512}",
						    which));
	}
}

void draw_file_faults(struct draw *d)
{
	struct world_rng *rng = &d->fault;
	struct scn_fault *f;

	for (unsigned i = 0; i < d->namespaces; i++) {
		unsigned n = draw_chance(rng, 40) ? (unsigned)draw_log(rng, 1, 4) : 0;

		for (unsigned j = 0; j < n; j++)
			draw_errors(d, i);
		if (draw_chance(rng, 20)) {
			f = fault(d, SCN_F_FILE_HANG, i);
			f->during = draw_log(rng, 1, 2000) * WORLD_MS;
		}
		if (draw_chance(rng, 20))
			draw_erasing(d, i);
	}
	if (!draw_chance(rng, 60))
		return;
	f = fault(d, SCN_F_POWER, 0);
	f->during = draw_log(rng, 1, 500) * WORLD_MS;
	/* The setup has been made again by then. */
	f->every = 3 * WORLD_SEC;
	f->times = draw_chance(rng, 30) ? 2 : 1;
	if (draw_chance(&d->call, 50))
		draw_kept(d, f);
}
