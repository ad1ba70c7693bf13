/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole target: the one object that owns everything. A process may hold
 * several (a world does).
 */
#pragma once

#include <glib.h>

#include "hw/hw.h"
#include "target/bdev/bdev.h"
#include "target/core/core.h"
#include "target/nvmf/nvmf.h"
#include "target/rpc/rpc.h"

struct autosave;

struct target_options {
	struct rpc_hooks hooks;
	struct core_options core;
	const char *rpc_path; /* UNIX socket; NULL: no RPC socket */
	bool rpc_has_group;   /* that may use it */
	uint32_t rpc_group;
	const char *rpc_tcp;  /* loopback address and port for RPC as well; NULL: none */
	const char *metrics_listen; /* "127.0.0.1:9604": address and port of the metrics; NULL: none */
	int64_t pid;          /* of this process, as RPC users see it; 0 in a world */
	bool wait_for_rpc;    /* start with framework_start_init */
	/* What is kept in step with the configuration; see target/config/autosave.h. */
	const char *state_path; /* NULL: nothing */
	void (*state_trouble)(void *arg, const char *problem);
	void *state_arg;
};

struct target {
	struct core *core;
	struct bdev_layer *bdevs;
	struct nvmf_tgt *nvmf;
	struct metrics_source *metrics;
	struct metrics_http *metrics_http;
	struct rpc_server *rpc;
	struct autosave *autosave; /* NULL: none */
	struct target_options options;
};

/* Everything made, reactors running (in real time the main one runs with its main context). */
struct target *target_new(const struct hw *hw, const struct target_options *options, GError **error);
/*
 * Loads a configuration; see config_load() in target/config/load.h. With a state
 * file: that, and text only if there is none yet (NULL: nothing then). Once, before
 * anything else calls methods.
 */
void target_load_config(struct target *t, const char *name, const char *text, size_t len,
			void (*done)(void *arg, const GError *error), void *arg);
/*
 * Stops serving: closes the RPC socket and listeners, ends controllers, waits for
 * I/O, removes bdevs. done is called on the main reactor; then target_free().
 */
void target_shutdown(struct target *t, void (*done)(void *arg), void *arg);
/* After shutdown's done (not from inside it), or straight after target_new failed half-way. NULL allowed. */
void target_free(struct target *t);
