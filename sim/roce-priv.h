/* SPDX-License-Identifier: BSD-3-Clause */
/* RoCE between the files of sim/: the fabric, the RNIC, the names that rules go by. */
#pragma once

#include "sim/ip.h"
#include "sim/roce.h"

/* ---- roce.c ------------------------------------------------------------------------- */

/* A UDP packet has reached the node; it is roce's. */
void sim_roce_input(struct world_node *node, struct packet *p);
/* Its addresses, or a port, are others now. */
void sim_rnic_changed(struct world_node *node);
/* What corpse had in its machine, fresh gets anew. */
void sim_rnic_crash(struct world_node *corpse, struct world_node *fresh);
void sim_rnic_free(struct world_node *node);
unsigned sim_rnic_ctxs(const struct world_node *node);

/* ---- roce-names.c ------------------------------------------------------------------- */

/*
 * Fills in what rules go by: kinds, queue pair, place of the PSN, transmission. It
 * learns queue pairs from the connection management that goes over the wire.
 */
void sim_roce_name(struct world *w, struct packet *p);
void sim_roce_names_free(struct world *w);
