/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structured, rate-limited log. A line is
 *
 *     2026-01-02T03:04:05.678901Z WARN nvmf.tcp "digest error" peer=192.0.2.1:4420 qid=3
 *
 * A message is a constant string (the event) and key=value fields as one
 * printf format; values that may hold spaces or come from a peer are passed
 * through log_quote(). Each (component, event) may write log_burst lines at
 * once and log_rate a second after; what was held back is counted in the next
 * line (suppressed=N). Any thread.
 *
 * There is one place that lines go to. Two levels guard it, as users of SPDK know
 * them: what is logged and what is printed; a line that either lets through is
 * written. A component may have a level of its own, which then counts for it instead.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/hw.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* X(name): all there are. What a component is called in the code, is its name here. */
#define LOG_COMPONENTS(X) \
	X("bdev")         \
	X("bdev.file")    \
	X("config")       \
	X("host")         \
	X("metrics")      \
	X("nvmf")         \
	X("nvmf.rdma")    \
	X("nvmf.tcp")     \
	X("rpc")          \
	X("weftd")

#define LOG_GENERAL (-1) /* a component has no level of its own */

struct log;

struct log *log_new(const struct hw *hw, enum log_level level);
void log_free(struct log *log);
void log_set_level(struct log *log, enum log_level level);
enum log_level log_get_level(const struct log *log);
void log_set_print_level(struct log *log, enum log_level level);
enum log_level log_get_print_level(const struct log *log);

/* Names of the components by number, NULL-terminated. */
extern const char *const log_components[];
/* The number of one, or -1. '_' is taken for '.', as flags of SPDK have it. */
int log_component_find(const char *name);
/* level: an enum log_level, or LOG_GENERAL. */
void log_set_component_level(struct log *log, unsigned component, int level);
int log_get_component_level(const struct log *log, unsigned component);

/* Lines begin with the time (the default), or with the level. */
void log_set_timestamps(struct log *log, bool on);

/* "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"; as the JSON-RPC interface has them. */
const char *log_level_name(enum log_level level);
bool log_level_parse(const char *name, enum log_level *level);

/* Field format may be "" (no fields). */
void log_write(struct log *log, enum log_level level, const char *component, const char *event,
	       const char *fields, ...) G_GNUC_PRINTF(5, 6);

/* Quotes and escapes s for a field value into buf (truncates). Returns buf. */
const char *log_quote(const char *s, char *buf, size_t len);

#define log_error(log, comp, event, ...) log_write(log, LOG_ERROR, comp, event, __VA_ARGS__)
#define log_warn(log, comp, event, ...) log_write(log, LOG_WARN, comp, event, __VA_ARGS__)
#define log_notice(log, comp, event, ...) log_write(log, LOG_NOTICE, comp, event, __VA_ARGS__)
#define log_info(log, comp, event, ...) log_write(log, LOG_INFO, comp, event, __VA_ARGS__)
#define log_debug(log, comp, event, ...) log_write(log, LOG_DEBUG, comp, event, __VA_ARGS__)
