/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The profile "rdma": edges of reliable connections that seldom come by themselves.
 * PSNs that soon begin anew, RTUs that come late, crowds of commands where receives
 * are few.
 */
#include "sim/run/draw-priv.h"

static struct scn_fault *point(struct draw *d, const char *node, const char *name)
{
	struct scn_fault *f = scenario_add_fault(d->s);

	f->kind = SCN_F_POINT;
	f->node = node;
	f->name = name;
	f->nth = 1;
	f->count = 100000;
	return f;
}

/* PSNs begin a little before the last one there is. */
static void draw_psns(struct draw *d)
{
	const struct scn_host *h = d->s->hosts.items;

	point(d, "target", "roce.psn");
	for (unsigned i = 0; i < d->hosts; i++) {
		if (h[i].rnic != NULL)
			point(d, h[i].name, "roce.psn");
	}
}

/* The first capsule does not say that the connection is there, and the RTU comes late. */
static void draw_late_ready(struct draw *d)
{
	struct scn_packet *p = scenario_packet_new(d->s);
	struct scn_fault *f;

	point(d, "target", "roce.comm_est");
	f = scenario_add_fault(d->s); /* the list may move when one is added */
	f->kind = SCN_F_PACKET;
	f->packet = p;
	f->during = draw_log(&d->verbs, 10, 3000) * WORLD_MS;
	*(const char **)codec_list_add(d->s->arena, &p->cm, sizeof(char *)) = "ready_to_use";
	p->action = draw_chance(&d->verbs, 50) ? WORLD_ACTION_DROP : WORLD_ACTION_REORDER;
	p->nth = draw_log(&d->verbs, 1, 8);
	p->count = draw_log(&d->verbs, 1, 8);
	p->by = draw_log(&d->verbs, 1000, 100000) * WORLD_US;
}

/* Many commands at once, and few receives for them, which come back slowly. */
static void draw_few_receives(struct draw *d)
{
	struct scn_target *t = d->s->targets.items;
	struct scn_host *h = d->s->hosts.items;
	struct scn_load *l = d->s->loads.items;

	t->rnic->max_srq_wr = world_rng_range(&d->verbs, 16, 48);
	for (unsigned i = 0; i < d->hosts; i++) {
		h[i].queue_size = MAX(h[i].queue_size, 32);
		h[i].io_queues = MAX(h[i].io_queues, 4);
	}
	for (unsigned i = 0; i < d->s->loads.n; i++) {
		l[i].depth = MAX(l[i].depth, 64);
		l[i].think = 0;
	}
	d->s->busy_pass = draw_log(&d->verbs, 2000, 50000);
}

void draw_rdma_edges(struct draw *d)
{
	if (draw_chance(&d->verbs, 25))
		draw_psns(d);
	if (draw_chance(&d->verbs, 15))
		draw_late_ready(d);
	if (draw_chance(&d->verbs, 20))
		draw_few_receives(d);
}
