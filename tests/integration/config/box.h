/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine with a target on it that keeps its configuration in a file, in a world:
 * calls of its methods, its configuration as text, loss of power, restart.
 */
#pragma once

#include "sim/world.h"
#include "target/target.h"

#define BOX_STATE "/var/lib/weft/state.json"
#define BOX_LIMIT (60 * WORLD_SEC)

struct box {
	struct world *world;
	struct world_node *node;
	struct target *target; /* NULL: off */
	bool keeps;	       /* the file; else nothing is kept */
	char *error;	       /* of loading; NULL: none */
	char *trouble;	       /* of saving; NULL: none */
	unsigned troubles;     /* how often there was some */
	bool done;
};

struct box_call {
	bool done;
	char *error;  /* message and sentence; NULL: it succeeded */
	char *result; /* JSON */
};

/* Off. */
struct box *box_new(uint64_t seed, bool keeps);
void box_free(struct box *box);
/* Starts the target and loads: the kept file, else seed (NULL: none). Waits unless `wait` is false.
 */
void box_boot(struct box *box, const char *seed, bool wait);
bool box_loaded(const struct box *box);
/* Ends the target in order. */
void box_stop(struct box *box);
/* The power fails, whatever is under way; box_boot() may follow. */
void box_crash(struct box *box);

/* The call is under way; params NULL: none. */
void box_begin(struct box *box, struct box_call *call, const char *method, const char *params);
void box_call_clear(struct box_call *call);
/* Waits. NULL: it succeeded; else the error. Caller frees. */
char *box_call(struct box *box, const char *method, const char *params);
/* Waits; it must succeed. The result. Caller frees. */
char *box_must(struct box *box, const char *method, const char *params);
/* The whole configuration, as save_config has it. Caller frees. */
char *box_text(struct box *box);
/* What the kept file holds now; NULL: there is none. Caller frees. */
char *box_kept(struct box *box);
