/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Targets that keep their configuration (weftd --state). One that comes back after
 * its power failed has what its own file says; oracle A: that is what was there when
 * the last call before was answered.
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/rpc/server.h"

#define STATE_PATH "/var/lib/weft/state.json"

struct loading {
	struct run_target *target;
	unsigned boot; /* which of its boots this is of */
	bool back;     /* after a loss of power */
};

const char *run_keep_path(const struct run_target *t)
{
	return t->s->keep_config ? STATE_PATH : NULL;
}

void run_keep_trouble(void *arg, const char *problem)
{
	struct run_target *t = arg;

	/* Of a machine without power nobody asks. */
	t->keep_trouble = problem != NULL && !t->down;
}

/* The line of a in which it differs from b. */
static char *other_line(const char *a, const char *b)
{
	const char *begin = a;

	for (; *a && *a == *b; a++, b++)
		if (*a == '\n')
			begin = a + 1;
	return g_strstrip(g_strndup(begin, strcspn(begin, "\n")));
}

static void check(struct run_target *t)
{
	g_autofree char *now = rpc_config_text(t->target->rpc);
	g_autofree char *was = NULL, *is = NULL;

	if (t->kept == NULL)
		return;
	counts_add(t->run->counts, "rule.A.kept", 1);
	if (strcmp(now, t->kept) == 0)
		return;
	was = other_line(t->kept, now);
	is = other_line(now, t->kept);
	run_fail(t->run, RUN_SAFETY, "A",
		 "target %s came back with another configuration than it had when its last call "
		 "was answered: %s where %s was",
		 t->s->name, is, was);
}

static void loaded(void *arg, const GError *error)
{
	struct loading *l = arg;
	struct run_target *t = l->target;
	bool of_today = l->boot == t->boots && !t->down, back = l->back;

	g_free(l);
	if (!of_today)
		return;
	t->loading = false;
	if (error != NULL) {
		run_fail(t->run, RUN_SAFETY, "A", "target %s does not come back: %s", t->s->name,
			 error->message);
		return;
	}
	if (!back)
		return;
	check(t);
	t->ns_changes++;
	t->ns_calls--;
	t->ns_changed_at = world_now(t->run->world);
}

void run_keep_load(struct run_target *t, bool back)
{
	struct loading *l = g_new0(struct loading, 1);

	*l = (struct loading){ .target = t, .boot = ++t->boots, .back = back };
	t->loading = true;
	target_load_config(t->target, NULL, NULL, 0, loaded, l);
}

void run_keep_cut(struct run_target *t)
{
	if (!t->s->keep_config)
		return;
	/* Loading again, it had changed nothing of the file. */
	if (t->loading)
		t->ns_calls -= t->boots > 1;
	else
		g_clear_pointer(&t->kept, g_free);
	if (!t->loading && t->target->rpc->calls == 0 && !t->keep_trouble)
		t->kept = rpc_config_text(t->target->rpc);
	t->loading = false;
	t->keep_trouble = false;
}
