/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The profile "rdma-devices": the profile "rdma" with model devices (sim/rnic-model.c), whose
 * limits are then drawn as there, and what is wrong with those. A stream of random numbers of
 * its own.
 *
 * What a device has too few of for all hosts at the same time, queue pairs, CQs and regions,
 * is not drawn: some host would never get in. That is for scenarios (rdma-model-tiny).
 */
#include "sim/roce.h"
#include "sim/run/draw-priv.h"

#define ENOUGH 256

static unsigned models(void)
{
	unsigned n = 0;

	while (world_rnic_models[n] != NULL)
		n++;
	return n;
}

void draw_device(struct draw *d, struct scn_rnic *r)
{
	struct world_rng *rng = &d->device;
	/* The target's, which is drawn first, suffice for its setup, which must succeed. */
	bool target = ((struct scn_target *)d->s->targets.items)[0].rnic == NULL;

	scenario_rnic_model(r, world_rng_below(rng, models()));
	r->max_qp = MAX(r->max_qp, ENOUGH);
	r->max_cq = MAX(r->max_cq, ENOUGH);
	r->max_mr = MAX(r->max_mr, ENOUGH);
	if (draw_chance(rng, 15))
		r->iwarp = true;
	if (draw_chance(rng, 15))
		r->no_send_inv = true;
	if (draw_chance(rng, 20))
		r->max_cqe = draw_log(rng, 8, 4096);
	if (draw_chance(rng, 20))
		r->max_mw = draw_log(rng, 1, 1024);
	if (draw_chance(rng, 15))
		r->max_srq = draw_log(rng, 1, 2);
	if (draw_chance(rng, 20)) {
		r->mr_fail_at = draw_log(rng, target ? 20 : 1, 80);
		r->mr_fail_count = draw_log(rng, 1, 10);
	}
	if (draw_chance(rng, 25)) {
		r->mr_time = draw_log(rng, 1, 5000) * WORLD_US;
		r->mr_page_time = world_rng_below(rng, 2000);
	}
}

/* Nobody is told of completions that came. */
static void lost_notifications(struct draw *d)
{
	struct world_rng *rng = &d->device;
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = SCN_F_POINT;
	f->at = world_rng_below(rng, d->s->heal_at);
	f->node = "target";
	if (draw_chance(rng, 50))
		f->node = scenario_printf(d->s, "host%u", (unsigned)world_rng_below(rng, d->hosts));
	f->name = "roce.cq.lost";
	f->nth = draw_log(rng, 1, 100);
	f->count = draw_log(rng, 1, 10);
	f->ppm = draw_chance(rng, 50) ? 0 : draw_log(rng, 1000, 100000);
}

/* A host of odd reads and writes, with a subsystem of its own. */
static void odd_io(struct draw *d)
{
	static const char nqn[] = "nqn.2016-06.io.spdk:cnode9";
	struct world_rng *rng = &d->device;
	struct scn_raw *r;

	draw_call(d, 0, "bdev_malloc_create",
		  "{\"name\": \"Odd\", \"num_blocks\": 64, \"block_size\": 512}");
	draw_call(d, 0, "nvmf_create_subsystem",
		  scenario_printf(d->s, "{\"nqn\": \"%s\", \"allow_any_host\": true}", nqn));
	draw_call(d, 0, "nvmf_subsystem_add_ns",
		  scenario_printf(
			  d->s, "{\"nqn\": \"%s\", \"namespace\": {\"bdev_name\": \"Odd\"}}", nqn));
	draw_call(d, 0, "nvmf_subsystem_add_listener", draw_listener(d, nqn, "4420"));
	r = scenario_add_raw(d->s);
	r->name = "odd";
	r->address = "192.0.2.199";
	r->subnqn = nqn;
	r->kind = SCN_RAW_RDMA_IO;
	r->at = world_rng_below(rng, d->s->heal_at);
	r->every = draw_log(rng, 1, 50) * WORLD_MS;
	r->times = draw_log(rng, 1, 20);
	r->rnic = scenario_rnic_new(d->s);
	r->rnic->mtu = MIN(r->rnic->mtu, ((struct scn_target *)d->s->targets.items)[0].rnic->mtu);
}

/* The target's, or that of a host that has one. */
static struct scn_fault *device_fault(struct draw *d, enum scn_fault_kind kind)
{
	struct world_rng *rng = &d->device;
	uint64_t i = world_rng_below(rng, d->hosts + 1);
	const struct scn_host *h = (struct scn_host *)d->s->hosts.items + i;
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = kind;
	f->at = world_rng_below(rng, d->s->heal_at);
	f->node = i < d->hosts && h->rnic != NULL ? h->name : "target";
	f->times = draw_chance(rng, 50) ? draw_log(rng, 2, 10) : 1;
	f->every = draw_log(rng, 1, 1000000) * WORLD_US;
	return f;
}

void draw_device_faults(struct draw *d)
{
	unsigned n = draw_chance(&d->device, 30) ? (unsigned)draw_log(&d->device, 1, 3) : 0;

	for (unsigned i = 0; i < n; i++)
		lost_notifications(d);
	if (draw_chance(&d->device, 25))
		odd_io(d);
	if (draw_chance(&d->device, 25))
		device_fault(d, SCN_F_RNIC_FAILOVER);
	if (draw_chance(&d->device, 20)) {
		struct scn_fault *f = device_fault(d, SCN_F_RNIC_TORN);

		f->times = MIN(f->times, 3);
		f->during = draw_log(&d->device, 1, 3000000) * WORLD_US;
		f->every += f->during;
	}
}
