/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bdevs between a namespace and its memory, and limits that change under I/O: a
 * stream of random numbers of their own, so that they leave the rest of a seed as
 * it is. What holds I/O back is lifted before the faults end; only reads are ever
 * failed, since the blocks of a write that failed stay out of use.
 */
#include "sim/run/draw-priv.h"
#include "sim/run/run-priv.h"

#include <inttypes.h>

#define BDEV_NAME "Malloc%u"
/* Calls made while the target was late are answered in any order; these come after all of them. */
#define LAST_CALLS (100 * WORLD_MS)

const char *draw_layers(struct draw *d, unsigned i)
{
	const char *name = scenario_printf(d->s, BDEV_NAME, i);
	struct world_rng *rng = &d->layers;

	d->bdevs[i] = name;
	if (!d->admin)
		return name;
	if (draw_chance(rng, 10)) {
		draw_call(d, 0, "bdev_error_create",
			  scenario_printf(d->s, "{\"base_name\": \"%s\"}", name));
		d->error_bdevs |= 1u << i;
		name = scenario_printf(d->s, "EE_%s", name);
	}
	if (draw_chance(rng, 10)) {
		const char *delay = scenario_printf(d->s, "Delay%u", i);
		uint64_t read = draw_log(rng, 1, 2000), write = draw_log(rng, 1, 2000);

		draw_call(d, 0, "bdev_delay_create",
			  scenario_printf(d->s,
					  "{\"name\": \"%s\", \"base_bdev_name\": \"%s\", "
					  "\"avg_read_latency\": %" PRIu64
					  ", \"p99_read_latency\": %" PRIu64
					  ", \"avg_write_latency\": %" PRIu64
					  ", \"p99_write_latency\": %" PRIu64 "}",
					  delay, name, read, read * 10, write, write * 10));
		name = delay;
	}
	d->limited[i] = draw_chance(rng, 20);
	d->bdevs[i] = name;
	return name;
}

static void draw_limits(struct draw *d, const char *name)
{
	static const char *const keys[] = { "rw_ios_per_sec", "rw_mbytes_per_sec",
					    "r_mbytes_per_sec", "w_mbytes_per_sec" };
	struct world_rng *rng = &d->layers;

	for (unsigned n = (unsigned)world_rng_range(rng, 1, 8); n > 0; n--) {
		unsigned key = (unsigned)world_rng_below(rng, G_N_ELEMENTS(keys));
		uint64_t limit = draw_chance(rng, 20) ? 0 : draw_log(rng, 1, key == 0 ? 50000 : 8);

		draw_call(d, world_rng_range(rng, 1, d->s->heal_at - 1), "bdev_set_qos_limit",
			  scenario_printf(d->s, "{\"name\": \"%s\", \"%s\": %" PRIu64 "}", name,
					  keys[key], limit));
	}
	draw_call(d, d->s->heal_at + LAST_CALLS, "bdev_set_qos_limit",
		  scenario_printf(d->s,
				  "{\"name\": \"%s\", \"rw_ios_per_sec\": 0, "
				  "\"rw_mbytes_per_sec\": 0, \"r_mbytes_per_sec\": 0, "
				  "\"w_mbytes_per_sec\": 0}",
				  name));
}

static void draw_errors(struct draw *d, unsigned i)
{
	static const struct {
		const char *io, *error;
	} kinds[] = {
		{ "read", "failure" },	{ "read", "nvme_failure" }, { "all", "nomem" },
		{ "write", "pending" }, { "read", "pending" },	    { "all", "pending" },
		{ "flush", "nomem" },
	};
	const char *name = scenario_printf(d->s, "{\"name\": \"EE_" BDEV_NAME "\"}", i);
	struct world_rng *rng = &d->layers;

	for (unsigned n = (unsigned)world_rng_range(rng, 1, 5); n > 0; n--) {
		unsigned k = (unsigned)world_rng_below(rng, G_N_ELEMENTS(kinds));
		uint64_t at = world_rng_range(rng, 1, d->s->heal_at - 1);

		draw_call(d, at, "bdev_error_inject_error",
			  scenario_printf(d->s,
					  "{\"name\": \"EE_" BDEV_NAME
					  "\", \"io_type\": \"%s\", \"error_type\": \"%s\", "
					  "\"num\": %" PRIu64
					  ", \"nvme_sct\": 2, \"nvme_sc\": 129}",
					  i, kinds[k].io, kinds[k].error, draw_log(rng, 1, 50)));
		if (draw_chance(rng, 50))
			draw_call(d, MIN(d->s->heal_at, at + draw_log(rng, 1, 200) * WORLD_MS),
				  "bdev_error_resume_pending", name);
	}
	draw_call(d, d->s->heal_at + LAST_CALLS, "bdev_error_inject_error",
		  scenario_printf(d->s,
				  "{\"name\": \"EE_" BDEV_NAME
				  "\", \"io_type\": \"clear\", \"error_type\": \"failure\"}",
				  i));
	draw_call(d, d->s->heal_at + 2 * LAST_CALLS, "bdev_error_resume_pending", name);
}

void draw_layer_calls(struct draw *d)
{
	for (unsigned i = 0; i < d->namespaces; i++) {
		if (d->limited[i])
			draw_limits(d, d->bdevs[i]);
		if (d->error_bdevs & 1u << i)
			draw_errors(d, i);
	}
}

const struct bdev *run_bottom(const struct bdev *bdev)
{
	while (bdev_base(bdev) != NULL)
		bdev = bdev_base(bdev);
	return bdev;
}
