/* SPDX-License-Identifier: BSD-3-Clause */
/* The endpoint that Prometheus scrapes. Main reactor. */
#pragma once

#include "hw/net.h"
#include "target/metrics/snapshot.h"

#define METRICS_CLIENTS 8
#define METRICS_PORT "9604"
#define METRICS_ADDRESS "127.0.0.1"

struct metrics_http;

/* Nothing is listened on yet. */
struct metrics_http *metrics_http_new(struct core *core, struct metrics_source *source);
/*
 * Listens there. asked: by a call, which the saved configuration has; that replaces
 * what was not asked for so (the command line); else -EBUSY when it listens already.
 */
bool metrics_http_listen(struct metrics_http *http, const struct net_addr *addr, bool asked,
			 GError **error);
/* As asked for (port 0: any), or NULL: it does not listen, or nobody asked. */
const struct net_addr *metrics_http_asked(const struct metrics_http *http);
/* Clients are cut off. Not listening: nothing happens. */
void metrics_http_close(struct metrics_http *http);
/* The address it listens on, its port known; NULL: it does not. */
const struct net_addr *metrics_http_local(const struct metrics_http *http);
/* Clients that are being served. */
unsigned metrics_http_clients(const struct metrics_http *http);
/* Closes; NULL allowed. */
void metrics_http_free(struct metrics_http *http);
