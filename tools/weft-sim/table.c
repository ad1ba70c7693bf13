/* SPDX-License-Identifier: BSD-3-Clause */
/* What a swarm has met, at its end. */
#include <inttypes.h>
#include <string.h>

#include "tools/weft-sim/sim.h"

static void section(struct counts *c, const char *prefix, const char *title, FILE *f)
{
	unsigned column = 0;
	uint64_t n;

	if (counts_sum(c, prefix) == 0)
		return;
	fprintf(f, "\n%s\n", title);
	for (unsigned i = 0; i < counts_len(c); i++) {
		const char *name = counts_at(c, i, &n);

		if (!g_str_has_prefix(name, prefix))
			continue;
		fprintf(f, "  %-34s %12" PRIu64, name + strlen(prefix), n);
		if (++column % 2 == 0)
			fputc('\n', f);
	}
	if (column % 2 != 0)
		fputc('\n', f);
}

static void never(struct counts *c, const char *prefix, FILE *f)
{
	bool any = false;
	uint64_t n;

	for (unsigned i = 0; i < counts_len(c); i++) {
		const char *name = counts_at(c, i, &n);

		if (!g_str_has_prefix(name, prefix) || n > 0)
			continue;
		fprintf(f, "%s%s", any ? ", " : "  never: ", name + strlen(prefix));
		any = true;
	}
	if (any)
		fputc('\n', f);
}

void table_print(const struct totals *t, double seconds, FILE *f)
{
	struct counts *c = t->counts;

	run_list_all(c);
	counts_sort(c);
	section(c, "fault.", "faults injected", f);
	never(c, "fault.", f);
	section(c, "rule.", "oracles evaluated", f);
	never(c, "rule.", f);
	section(c, "mark.", "coverage marks hit", f);
	never(c, "mark.", f);
	section(c, "edge.", "edges taken", f);
	never(c, "edge.", f);
	fprintf(f,
		"\n%" PRIu64 " seeds in %.1f s: %" PRIu64 " ok, %" PRIu64 " crash, %" PRIu64
		" safety, %" PRIu64 " liveness; %" PRIu64 " run twice\n",
		t->seeds, seconds, t->outcomes[RUN_OK], t->outcomes[RUN_CRASH],
		t->outcomes[RUN_SAFETY], t->outcomes[RUN_LIVENESS], t->checked_twice);
	fprintf(f,
		"%.0f seeds/min, %.0f events/s, %" PRIu64 " I/Os, %" PRIu64 " PDUs, %" PRIu64
		" bytes of NVMe/TCP\n",
		(double)t->seeds * 60 / seconds, (double)t->records / seconds, t->ios, t->pdus,
		t->bytes);
}
