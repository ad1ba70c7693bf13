/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle N (and what of A a host sees): the namespaces that a subsystem has, and
 * those that each of its hosts knows. A difference may last no longer than a
 * bound of virtual time, counted from the change or, where that is later, from
 * when the host was last able to hear of it (connected, with an AER outstanding).
 *
 * The caller tells what happens, and asks whenever it likes; who asks only at the
 * end finds only what was never told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct oracle_view;

struct oracle_view *oracle_view_new(uint64_t bound_ns);
void oracle_view_free(struct oracle_view *v);
/* The subsystem's namespace, from now on; blocks 0: none. */
void oracle_view_target(struct oracle_view *v, uint32_t nsid, uint64_t blocks, uint64_t now);
/* Whether the host may see it. To begin with it may. */
void oracle_view_allows(struct oracle_view *v, unsigned host, uint32_t nsid, bool allowed,
			uint64_t now);
/* It changed in a way that may not show: it went and came back. */
void oracle_view_touched(struct oracle_view *v, uint32_t nsid, uint64_t now);
/* The same as the host (any number) knows it. A text when that size never was: free it. */
char *oracle_view_host(struct oracle_view *v, unsigned host, uint32_t nsid, uint64_t blocks,
		       uint64_t now);
/* Whether the host can hear. Hosts begin as not. */
void oracle_view_hears(struct oracle_view *v, unsigned host, bool hears, uint64_t now);
/* NULL, or which host should know better by now: free it. */
char *oracle_view_check(const struct oracle_view *v, uint64_t now);
