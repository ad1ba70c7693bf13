/* SPDX-License-Identifier: BSD-3-Clause */
/* See trigger.h. */
#include "sim/run/trigger.h"

#include <string.h>

#include "sim/run/run-priv.h"

struct trigger {
	struct run_when when;
	enum { ON_EVENT, ON_MARK, ON_POINT } kind;
	uint64_t hash;
	uint64_t skipped, taken, next;
	void (*fn)(void *arg);
	void *arg;
};

static const char *const prefixes[] = { "qpair.", "ctrlr.", "ns.",	   "mark.",
					"point.", "aer",    "bdev.resize", "tcp.accept" };

bool run_trigger_known(const char *event)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		bool whole = !g_str_has_suffix(prefixes[i], ".");

		if (whole ? !strcmp(event, prefixes[i]) : g_str_has_prefix(event, prefixes[i]))
			return true;
	}
	return false;
}

void run_trigger_add(struct run *run, const struct run_when *when, void (*fn)(void *arg), void *arg)
{
	struct trigger *t = g_new0(struct trigger, 1);

	t->when = *when;
	t->kind = ON_EVENT;
	if (g_str_has_prefix(when->on, "mark."))
		t->kind = ON_MARK;
	else if (g_str_has_prefix(when->on, "point."))
		t->kind = ON_POINT;
	if (t->kind != ON_EVENT)
		t->hash = world_hash_str(strchr(when->on, '.') + 1);
	t->fn = fn;
	t->arg = arg;
	g_ptr_array_add(run->triggers, t);
}

static void met(struct run *run, struct trigger *t)
{
	uint64_t now = world_now(run->world);

	if (run->phase != RUN_SAFETY_PHASE || now < t->when.from || now < t->next ||
	    (t->when.times > 0 && t->taken == t->when.times) || t->skipped++ < t->when.skip)
		return;
	t->taken++;
	t->next = now + t->when.every;
	counts_add(run->counts, "fault.aimed", 1);
	world_at(run->world, now + t->when.after, t->fn, t->arg);
}

void run_trigger(struct run *run, const char *event)
{
	for (unsigned i = 0; i < run->triggers->len; i++) {
		struct trigger *t = run->triggers->pdata[i];

		if (t->kind == ON_EVENT && !strcmp(t->when.on, event))
			met(run, t);
	}
}

void run_trigger_name(struct run *run, bool point, uint64_t hash)
{
	for (unsigned i = 0; i < run->triggers->len; i++) {
		struct trigger *t = run->triggers->pdata[i];

		if (t->kind == (point ? ON_POINT : ON_MARK) && t->hash == hash)
			met(run, t);
	}
}

void run_triggers_free(struct run *run)
{
	for (unsigned i = 0; i < run->triggers->len; i++) {
		struct trigger *t = run->triggers->pdata[i];

		g_free(t->arg);
		g_free(t);
	}
	g_ptr_array_unref(run->triggers);
}
