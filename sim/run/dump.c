/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run has to tell: its counts, and the last events of each node. */
#include <inttypes.h>
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/core/trace.h"

#define LAST 12 /* lines of each kind and node */

/* --- counts ------------------------------------------------------------------------------------
 */

static void count_point(void *arg, const char *name, const struct world_fault_stats *st)
{
	struct run *run = arg;
	g_autofree char *point = g_strdup_printf("fault.point.%s", name);
	g_autofree char *mark = g_strdup_printf("mark.%s", name);

	if (st->taken > 0)
		counts_add(run->counts, point, st->taken);
	if (st->marks > 0)
		counts_add(run->counts, mark, st->marks);
}

void run_collect(struct run *run)
{
	uint64_t n;

	for (unsigned i = 0; i < run->targets->len; i++)
		world_fault_each(((struct run_target *)run->targets->pdata[i])->node, count_point,
				 run);
	for (unsigned i = 0; i < run->hosts->len; i++)
		world_fault_each(((struct run_host *)run->hosts->pdata[i])->node, count_point, run);
	for (unsigned i = 0; oracle_wire_rule(run->wire, i, &n, NULL) != NULL; i++) {
		g_autofree char *name =
			g_strdup_printf("rule.%s", oracle_wire_rule(run->wire, i, NULL, NULL));

		counts_add(run->counts, name, n);
	}
}

/* --- the last events ---------------------------------------------------------------------------
 */

struct tail {
	char *lines[LAST];
	unsigned n;
};

static void tail_add(struct tail *tail, char *line)
{
	g_free(tail->lines[tail->n % LAST]);
	tail->lines[tail->n++ % LAST] = line;
}

static void tail_print(struct tail *tail, GString *out, const char *node, const char *what)
{
	unsigned first = tail->n > LAST ? tail->n - LAST : 0;

	if (tail->n > 0)
		g_string_append_printf(out, "last of %s, %s:\n", node, what);
	for (unsigned i = first; i < tail->n; i++)
		g_string_append_printf(out, "  %s\n", tail->lines[i % LAST]);
	for (unsigned i = 0; i < LAST; i++)
		g_free(tail->lines[i]);
	*tail = (struct tail){ 0 };
}

static void add_log(void *arg, uint64_t time, const char *line)
{
	tail_add(arg, g_strdup_printf("%" PRIu64 ".%09" PRIu64 " %s", time / WORLD_SEC,
				      time % WORLD_SEC, line));
}

static void add_trace(void *arg, const struct trace_record *rec)
{
	char line[256];

	trace_format(rec, line, sizeof(line));
	tail_add(arg, g_strdup(line));
}

static void dump_core(GString *out, const char *node, const struct core *core)
{
	struct tail tail = { 0 };

	for (unsigned i = 0; i < core->nreactors; i++) {
		g_autofree char *what = g_strdup_printf("trace of reactor %u", i);

		trace_dump(core->reactors[i]->trace, add_trace, &tail);
		tail_print(&tail, out, node, what);
	}
}

char *run_dump(struct run *run)
{
	GString *out = g_string_new(NULL);
	struct tail tail = { 0 };

	if (run == NULL || run->world == NULL)
		return g_string_free(out, FALSE);
	g_string_append_printf(out, "virtual time %" PRIu64 ".%09" PRIu64 ", %" PRIu64 " events\n",
			       world_now(run->world) / WORLD_SEC, world_now(run->world) % WORLD_SEC,
			       world_records(run->world));
	for (unsigned i = 0; i < run->targets->len; i++) {
		const struct run_target *t = run->targets->pdata[i];

		if (t->target != NULL)
			dump_core(out, t->s->name, t->target->core);
		world_node_log(t->node, add_log, &tail);
		tail_print(&tail, out, t->s->name, "log");
	}
	for (unsigned i = 0; i < run->hosts->len; i++) {
		const struct run_host *h = run->hosts->pdata[i];

		if (h->core != NULL)
			dump_core(out, h->s->name, h->core);
		world_node_log(h->node, add_log, &tail);
		tail_print(&tail, out, h->s->name, "log");
	}
	return g_string_free(out, FALSE);
}
