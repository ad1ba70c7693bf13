/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may be counted, by name: a scenario that expects at most so many of something that
 * does not exist would hold for ever. Of points and marks, which are where code has them,
 * only the form is known.
 */
#include <stdio.h>
#include <string.h>

#include "sim/oracle/wire-rc.h"
#include "sim/run/run-priv.h"

static const char *const single[] = {
#define X(name) "rdma." #name,
	RUN_RDMA_COUNTS(X)
#undef X
		"rdma.work",
	"rdma.flushed",
	"rdma.near",
	"rdma.far",
	"rdma.unfinished",
	"call.ok",
	"call.error",
	"host.events",
	"host.errors",
	"host.path_errors",
	"host.ana_logs",
	"host.blind",
	"host.probes",
	"fence.looked",
	"raw.read_back",
	"raw.refused",
	"raw.ended"
};

/* NAME.NUMBER, with a number below n. */
static bool numbered(const char *name, const char *prefix, unsigned n)
{
	unsigned number;
	char end;

	return g_str_has_prefix(name, prefix) &&
	       sscanf(name + strlen(prefix), "%u%c", &number, &end) == 1 && number < n;
}

static bool listed(const char *name)
{
	struct counts *all = counts_new();
	bool has;

	run_list_all(all);
	has = counts_has(all, name);
	counts_free(all);
	return has;
}

static bool of_kind(const char *name)
{
	for (unsigned i = 0; i < SCN_RAW_KINDS; i++) {
		g_autofree char *raw = g_strdup_printf("fault.raw.%s", scn_raw_names[i]);

		if (strcmp(name, raw) == 0)
			return true;
	}
	for (unsigned i = 0; i < WORLD_ACTION_COUNT; i++) {
		g_autofree char *packet =
			g_strdup_printf("fault.packet.%s", world_action_name((enum world_action)i));

		if (strcmp(name, packet) == 0)
			return true;
	}
	return false;
}

bool run_count_known(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(single); i++) {
		if (strcmp(name, single[i]) == 0)
			return true;
	}
	return numbered(name, "rdma.reject.", ORACLE_RC_REASONS) ||
	       numbered(name, "rdma.refused.", ORACLE_RC_STATUSES) ||
	       numbered(name, "rdma.reactor.", CORE_MAX_REACTORS) || listed(name) ||
	       of_kind(name) || g_str_has_prefix(name, "fault.point.") ||
	       g_str_has_prefix(name, "mark.") || g_str_has_prefix(name, "rule.");
}
