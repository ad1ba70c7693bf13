/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the Linux backend share with each other and with nobody
 * else.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hw/env.h"
#include "hw/file.h"
#include "hw/linux/linux.h"
#include "hw/mem.h"
#include "hw/net.h"

struct linux_env {
	struct hw_env env;
	GMainContext *main_context; /* NULL: see linux.h */
};

void linux_env_init(struct linux_env *env, GMainContext *main_context);
void linux_env_clear(struct linux_env *env);

uint64_t linux_now(void);
/* As the env's cpu_node; sysfs: where it is mounted. */
int linux_cpu_node(const char *sysfs, int cpu);

int linux_runner_start(struct hw_env *env, const struct hw_runner_params *params,
		       struct hw_runner **out);
void linux_runner_stop(struct hw_runner *runner);
void linux_runner_wake(struct hw_runner *runner);

/* NULL: no memory. */
struct hw_mem *linux_mem_new(void);
void linux_mem_free(struct hw_mem *mem);

/* reason: set to why AUTO chose epoll (caller frees), else NULL. */
struct hw_net *linux_net_new(enum linux_net_engine engine, char **reason, GError **error);
const char *linux_net_name(const struct hw_net *net);
void linux_net_free(struct hw_net *net);

/* reason: set to why AUTO chose threads (caller frees), else NULL. */
struct hw_file *linux_files_new(enum linux_file_engine engine, char **reason, GError **error);
const char *linux_files_name(const struct hw_file *file);
void linux_files_free(struct hw_file *file);

/* *out NULL: none is asked for. hw outlives it; opened with the first context. */
bool linux_rnic_new(const struct linux_hw_options *options, const struct hw *hw,
		    struct hw_rnic **out, GError **error);
void linux_rnic_free(struct hw_rnic *rnic);

/*
 * Bytes that the sockets of this thread have moved. The runner's measure of
 * progress: unlike the units of work of a pass it does not depend on how many
 * requests one pass happened to gather (spin.h).
 */
extern _Thread_local uint64_t linux_net_bytes;
