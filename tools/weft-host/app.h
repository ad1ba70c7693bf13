/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-host: what its commands share. One struct app is one run: the options,
 * the reactors, the connection, the exit status.
 */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/linux/linux.h"
#include "hw/mem.h"
#include "target/host/host.h"

#define APP_CPUS_MAX CORE_MAX_REACTORS
#define APP_MAX_DEPTH 4095

struct app;

struct command {
	const char *name, *summary;
	/* On the main reactor, connected (app->ctrlr), unless discovery. */
	void (*start)(struct app *app);
	/* Ctrl-C: ends by app_finish(), with the result so far. */
	void (*stop)(struct app *app);
	bool discovery;
	bool load; /* has the options of a load */
};

extern const struct command command_discover, command_identify, command_perf, command_verify;

struct options {
	const struct command *command;
	enum host_trtype transport;
	struct net_addr addr, src;
	bool src_given;
	struct linux_rnic_option rnic;
	char *subnqn, *hostnqn;
	uint8_t hostid[16];
	bool json, hdgst, ddgst, no_sqflow;
	uint32_t kato_ms, timeout_ms;
	uint32_t nsid; /* 0: not given */
	/* load */
	unsigned depth, queues;
	uint32_t io_size;
	bool random;
	unsigned read_percent;
	double seconds;
	uint64_t rate; /* I/Os a second in all; 0: as fast as can be */
	uint64_t size; /* bytes of the namespace to use; 0: all */
	uint64_t seed; /* 0: random */
	unsigned ncpus;
	int cpus[APP_CPUS_MAX];
	uint64_t spin_ns;
};

struct app {
	struct options o;
	GMainLoop *loop;
	struct linux_hw *lhw;
	const struct hw *hw;
	struct core *core;
	struct host_ctrlr *ctrlr;
	int signal_fd;
	bool interrupted;
	bool finishing;
	int status;	    /* exit status */
	void *work;	    /* the command's */
	GPtrArray *garbage; /* freed when no reactor runs any more: messages may point to it */
};

/* options.c. False: error. help: the text was asked for (*help is set, caller frees). */
bool options_parse(struct options *o, int argc, char **argv, char **help, GError **error);
void options_clear(struct options *o);
char *options_usage(void);
/* "4096", "4k", "1M"; binary. */
bool options_size(const char *text, uint64_t *bytes);

/* app.c */
int app_run(struct app *app);
/* Disconnects and ends the program with this status. On the main reactor. */
void app_finish(struct app *app, int status);
/* Says what went wrong on standard error: message, then detail. */
void app_error(const GError *error);
void app_host_params(const struct app *app, struct host_params *p);
/* Data of n I/Os of len bytes each, app_stride(len) apart, where RNICs reach it. */
struct mem_chunk *app_memory(struct app *app, unsigned n, uint32_t len);
static inline size_t app_stride(uint32_t len)
{
	return (len + 4095) & ~(size_t)4095;
}
/* The namespace asked for; NULL: an error was printed (and what there is). */
const struct host_ns *app_namespace(struct app *app);

/* print.c */
char *uuid_text(const uint8_t uuid[16], char out[37]);
/* "16.00 MiB" */
char *size_text(uint64_t bytes, char out[32]);
void json_print(JsonBuilder *b);
/* perf-report.c, discover.c and identify.c: text as it is printed */
char *discover_text(const struct nvme_discovery_entry *e, unsigned n, uint64_t genctr);
