/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of weftd. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/linux/linux.h"
#include "target/core/core.h"

#define WEFTD_DEFAULT_SOCKET "/run/weft.sock"

struct weftd_options {
	char *config; /* file, NULL: none */
	char *state;  /* file that is kept in step, NULL: none */
	char *check;  /* file to be checked only, NULL: none */
	char *rpc_path;
	bool rpc_path_given;
	bool rpc_has_group;
	uint32_t rpc_group;
	char *rpc_listen; /* NULL: no TCP */
	gboolean wait_for_rpc;
	int *cpus; /* NULL: one reactor, not pinned */
	unsigned ncpus;
	uint64_t spin_ns;
	enum linux_net_engine net_engine;
	enum linux_file_engine file_engine;
	enum log_level log_level;
};

/* False: *status is what to exit with (help and version: 0), the text has been printed. */
bool weftd_options_parse(struct weftd_options *options, int argc, char **argv, int *status);
void weftd_options_clear(struct weftd_options *options);

/*
 * Processors of "0x3", "3" (hexadecimal), "[0,2-3]", ascending, each once. NULL
 * and error. Caller frees.
 */
int *weftd_parse_cpus(const char *text, unsigned *n, GError **error);
/* "adaptive", "always", nanoseconds. */
bool weftd_parse_spin(const char *text, uint64_t *spin_ns);

/*
 * Says everything that is wrong with the configuration in file, trying it in a
 * target that reaches nothing outside of the process. What to exit with.
 */
int weftd_check_config(const char *file);

/* Tells the service manager ($NOTIFY_SOCKET), if there is one: "READY=1", ... */
void weftd_notify(const char *state);

/* On SIGSEGV, SIGBUS and SIGABRT the trace rings of core go to stderr first. */
void weftd_crash_init(const struct core *core);
/* core is about to go. */
void weftd_crash_done(void);
