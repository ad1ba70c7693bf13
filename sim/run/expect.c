/* SPDX-License-Identifier: BSD-3-Clause */
/* What a scenario expects: at moments of the run, and at its end. */
#include <stdio.h>
#include <string.h>

#include "sim/roce.h"
#include "sim/run/run-priv.h"

struct moment {
	struct run *run;
	const struct scn_expect *x;
};

static bool host_sees(struct run *run, const struct scn_expect *x, uint64_t *bytes)
{
	const struct run_host *h = run_host_find(run, x->host);
	const struct host_ns *ns;

	*bytes = 0;
	if (h == NULL || !h->live)
		return false;
	ns = host_ctrlr_ns(h->ctrlr, (uint32_t)x->nsid);
	if (ns != NULL)
		*bytes = ns->blocks * ns->block_size;
	return *bytes == x->value;
}

static const char *nqn_of(struct run *run, const char *name)
{
	const struct run_host *h = run_host_find(run, name);

	return h != NULL ? h->hostnqn : run_raw_nqn(run, name);
}

static void at_moment(void *arg)
{
	struct moment *m = arg;
	const struct scn_expect *x = m->x;
	struct run *run = m->run;
	uint64_t bytes;

	switch (x->that) {
	case SCN_X_HOST_SEES:
		if (!host_sees(run, x, &bytes))
			run_fail(run, RUN_LIVENESS, "E",
				 "host %s sees namespace %" G_GUINT64_FORMAT
				 " with %" G_GUINT64_FORMAT " bytes, not %" G_GUINT64_FORMAT,
				 x->host, x->nsid, bytes, x->value);
		break;
	case SCN_X_GONE_BY:
		if (run_ctrlrs_of(run, nqn_of(run, x->host)) > 0)
			run_fail(run, RUN_LIVENESS, "E", "the controller of %s is still there",
				 x->host);
		break;
	default:
		if (run_ctrlrs_of(run, nqn_of(run, x->host)) == 0)
			run_fail(run, RUN_SAFETY, "E", "the controller of %s is not there",
				 x->host);
	}
	g_free(m);
}

void run_expect_start(struct run *run)
{
	const struct scn_expect *x = run->s->expect.items;

	for (unsigned i = 0; i < run->s->expect.n; i++) {
		struct moment *m;

		if (x[i].that != SCN_X_HOST_SEES && x[i].that != SCN_X_GONE_BY &&
		    x[i].that != SCN_X_KEPT_TILL)
			continue;
		m = g_new(struct moment, 1);
		*m = (struct moment){ run, &x[i] };
		world_at(run->world, run_at(run, x[i].at), at_moment, m);
	}
}

/* --- the end -------------------------------------------------------------------------------- */

static void at_least(struct run *run, const char *what, const char *of, uint64_t n, uint64_t value)
{
	if (n < MAX(value, 1))
		run_fail(run, RUN_SAFETY, "E",
			 "%s of %s: %" G_GUINT64_FORMAT ", expected at least %" G_GUINT64_FORMAT,
			 what, of, n, MAX(value, 1));
}

static uint64_t fault_count(struct run *run, const struct scn_expect *x)
{
	g_autofree char *name = g_strdup_printf("fault.%s", x->name);
	g_autofree char *point = g_strdup_printf("fault.point.%s", x->name);
	g_autofree char *mark = g_strdup_printf("mark.%s", x->name);

	return counts_get(run->counts, name) + counts_get(run->counts, point) +
	       counts_get(run->counts, mark);
}

static uint64_t pdus(struct run *run, const char *type)
{
	static const char *const names[] = { "ICReq",	   "ICResp",	 "H2CTermReq",
					     "C2HTermReq", "CapsuleCmd", "CapsuleResp",
					     "H2CData",	   "C2HData",	 "",
					     "R2T" };
	struct oracle_wire_stats st;
	unsigned fes, fei;
	uint64_t n = 0;

	oracle_wire_stats(run->wire, &st);
	if (sscanf(type, "C2HTermReq:%u:%u", &fes, &fei) == 2)
		return st.terms[fes % ORACLE_FES][fei % ORACLE_FEI];
	if (sscanf(type, "C2HTermReq:%u", &fes) == 1) {
		for (fei = 0; fei < ORACLE_FEI; fei++)
			n += st.terms[fes % ORACLE_FES][fei];
		return n;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		if (!strcmp(type, names[i]))
			return st.pdus[ORACLE_TARGET][i];
	}
	run_fail(run, RUN_SAFETY, "E", "there are no PDUs called %s", type);
	return 0;
}

struct search {
	const char *text;
	uint64_t found;
};

static void search_line(void *arg, uint64_t time, const char *line)
{
	struct search *s = arg;

	(void)time;
	s->found += strstr(line, s->text) != NULL;
}

static uint64_t log_lines(struct run *run, const struct scn_expect *x)
{
	struct search s = { x->name, 0 };
	struct run_target *first = run->targets->pdata[0];

	world_node_log(x->node != NULL ? run_node_find(run, x->node) : first->node, search_line,
		       &s);
	return s.found;
}

static void host_expect(struct run *run, const struct scn_expect *x, const struct run_host *h)
{
	switch (x->that) {
	case SCN_X_NO_HOST_ERROR:
		if (h->errors > 0 || h->events[HOST_EVENT_LOST] > 0)
			run_fail(run, RUN_SAFETY, "E",
				 "host %s had %" G_GUINT64_FORMAT
				 " failed I/Os and lost its connection %u times",
				 x->host, h->errors, h->events[HOST_EVENT_LOST]);
		break;
	case SCN_X_GAP_BELOW:
		if (h->gap >= x->limit)
			run_fail(run, RUN_LIVENESS, "E",
				 "host %s had no I/O done for %" G_GUINT64_FORMAT " us", x->host,
				 h->gap / 1000);
		break;
	case SCN_X_IOS:
		at_least(run, "I/Os", x->host, h->ios - h->errors, x->value);
		break;
	case SCN_X_LOST:
		at_least(run, "losses", x->host, h->events[HOST_EVENT_LOST], x->value);
		break;
	case SCN_X_RECONNECTED:
		at_least(run, "new connections", x->host, h->incarnation - 1, x->value);
		break;
	case SCN_X_LOST_AT_MOST:
		if (h->events[HOST_EVENT_LOST] > x->value)
			run_fail(run, RUN_SAFETY, "E", "host %s lost its connection %u times",
				 x->host, h->events[HOST_EVENT_LOST]);
		break;
	default:
		break;
	}
}

static void at_most(struct run *run, const char *of, uint64_t n, uint64_t value)
{
	if (n > value)
		run_fail(run, RUN_SAFETY, "E",
			 "%s: %" G_GUINT64_FORMAT ", expected at most %" G_GUINT64_FORMAT, of, n,
			 value);
}

static void number_expect(struct run *run, const struct scn_expect *x)
{
	struct world_rnic_stats stats;
	uint64_t n = 0;

	if (x->that == SCN_X_RNIC || x->that == SCN_X_RNIC_AT_MOST) {
		world_rnic_stats(run_node_find(run, x->node), &stats);
		world_rnic_stat(&stats, x->name, &n);
	} else {
		n = counts_get(run->counts, x->name);
	}
	if (x->that == SCN_X_RNIC || x->that == SCN_X_COUNTED)
		at_least(run, "number", x->name, n, x->value);
	else
		at_most(run, x->name, n, x->value);
}

void run_expect_end(struct run *run)
{
	const struct scn_expect *x = run->s->expect.items;

	run_rdma_counts(run);
	for (unsigned i = 0; i < run->s->expect.n && !run->failed; i++) {
		if (x[i].that == SCN_X_FAULT_TAKEN)
			at_least(run, "times", x[i].name, fault_count(run, &x[i]), x[i].value);
		else if (x[i].that == SCN_X_PDUS)
			at_least(run, "PDUs", x[i].name, pdus(run, x[i].name), x[i].value);
		else if (x[i].that == SCN_X_LOG)
			at_least(run, "log lines", x[i].name, log_lines(run, &x[i]), x[i].value);
		else if (x[i].host == NULL)
			number_expect(run, &x[i]);
		else if (run_host_find(run, x[i].host) != NULL)
			host_expect(run, &x[i], run_host_find(run, x[i].host));
	}
}
