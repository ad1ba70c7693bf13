/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files that draw scenarios. */
#pragma once

#include "sim/run/draw.h"
#include "sim/world.h"

#define DRAW_NQN "nqn.2016-06.io.spdk:cnode1"
#define DRAW_NQN2 "nqn.2016-06.io.spdk:cnode2"

struct draw {
	struct scenario *s;
	struct world_rng topology, workload, network, fault, call, layers, aim, paths, verbs,
		device;
	unsigned hosts, namespaces;
	unsigned block_size[2]; /* of the namespaces */
	bool ana, second; /* paths have states; there is a second listener */
	bool hidden;	  /* one namespace is not for all */
	bool starves;	  /* reads wait for buffers that long, and their path goes */
	uint64_t starve_at, starve_for;
	bool closed; /* the subsystem knows its hosts by name */
	uint64_t max_io, max_depth;
	uint64_t bytes; /* that a load may move */
	unsigned error_bdevs;	/* by namespace, from bit 0: has an error bdev */
	const char *bdevs[8];	/* ... the bdev it is made of */
	bool limited[8];	/* ... and its limits change */
	uint64_t ios;	/* that each of two hosts does; 0: drawn, as is their number */
	bool corrupt;	/* bits may flip that no checksum finds: digests are on */
	bool faulty_network, faulty_nodes, admin, hostile, files, rdma, devices;
	const char *trtype; /* of the listeners that administrators know */
};

uint64_t draw_one_of(struct world_rng *rng, const uint64_t *values, unsigned n);
bool draw_chance(struct world_rng *rng, unsigned percent);
uint64_t draw_log(struct world_rng *rng, uint64_t lo, uint64_t hi);

/* Of nvmf_subsystem_add_listener and the like. */
const char *draw_listener(struct draw *d, const char *nqn, const char *port);
/* All faults have ended, and a device that was torn out is back: a listener can be added. */
uint64_t draw_listening_at(const struct draw *d);
/* Of nvmf_subsystem_add_host and the like. */
const char *draw_host_params(struct draw *d, unsigned i);
/*
 * An administrator's call; at 0 one of the setup, later one that may be refused, since
 * what it is about may have gone.
 */
struct scn_call *draw_call(struct draw *d, uint64_t at, const char *method, const char *params);
void draw_faults(struct draw *d);
/* Perhaps puts bdevs on top of Malloc<i>: the name of the upper one. And what is done to them. */
const char *draw_layers(struct draw *d, unsigned i);
void draw_layer_calls(struct draw *d);
/* draw-files.c: the profile "file". */
void draw_file_namespace(struct draw *d, struct scn_target *t, unsigned i);
void draw_file_faults(struct draw *d);
/* draw-paths.c: ANA, namespaces that are hidden, filters. */
void draw_whether_ana(struct draw *d);
/* ", \"anagrpid\": N" of a namespace, or "". */
const char *draw_ana_group(struct draw *d);
void draw_ways(struct draw *d);
void draw_way(struct draw *d, struct scn_host *h, unsigned i);
void draw_path_calls(struct draw *d);
/* draw-rdma.c: the profile "rdma". */
void draw_whether_power(struct draw *d);
void draw_rdma_transport(struct draw *d);
/* Whose RNICs there are, and what they suffer: after all else has been drawn. */
void draw_rdma(struct draw *d);
/* draw-devices.c: the profile "rdma-devices". */
void draw_device(struct draw *d, struct scn_rnic *r);
void draw_device_faults(struct draw *d);
/* draw-edges.c: of it what is rare by itself. */
void draw_rdma_edges(struct draw *d);
void draw_admin(struct draw *d);
void draw_aimed(struct draw *d);
void draw_aimed_calls(struct draw *d);
void draw_raws(struct draw *d);
