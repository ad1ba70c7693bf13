/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of weftd. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/linux/linux.h"
#include "hw/net.h"
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
	char *metrics_listen; /* NULL: no metrics */
	gboolean wait_for_rpc;
	int *cpus; /* NULL: one reactor, not pinned */
	unsigned ncpus;
	uint64_t spin_ns;
	enum linux_net_engine net_engine;
	enum linux_file_engine file_engine;
	struct linux_rnic_option rnic;
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

/* What it shows of weftd; see status.c. All zero at first, save rpc_path. */
struct weftd_status {
	const char *rpc_path;
	char *problem; /* NULL: none */
	unsigned subsystems, ctrlrs;
	bool serving;
	bool changed; /* since it was shown */
	char *shown;
	guint timeout; /* until it may be shown again; 0: it may now */
};

/* Caller frees. */
char *weftd_status_text(const struct weftd_status *s);
/* READY=1. */
void weftd_status_ready(struct weftd_status *s, int pid);
void weftd_status_changed(struct weftd_status *s);
/* A notification of that type came (NVMF_EVENTS in target/nvmf/nvmf.h). */
void weftd_status_count(struct weftd_status *s, const char *type);
/* NULL: it is over. */
void weftd_status_problem(struct weftd_status *s, const char *problem);
/* STOPPING=1; nothing is shown any more. */
void weftd_status_end(struct weftd_status *s);
void weftd_status_clear(struct weftd_status *s);

/* On SIGSEGV, SIGBUS and SIGABRT the trace rings of core go to stderr first. */
void weftd_crash_init(const struct core *core);
/* core is about to go. */
void weftd_crash_done(void);
