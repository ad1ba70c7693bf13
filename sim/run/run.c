/* SPDX-License-Identifier: BSD-3-Clause */
/* The phases of a run, and its result. See run.h. */
#include "sim/run/run-priv.h"

#include <inttypes.h>
#include <string.h>

#include "target/core/trace.h"

#define SETUP_LIMIT (60 * WORLD_SEC)

const char *run_outcome_name(enum run_outcome outcome)
{
	static const char *const names[] = { "ok", "crash", "safety", "liveness" };

	return names[outcome];
}

void run_fail(struct run *run, enum run_outcome outcome, const char *oracle, const char *format,
	      ...)
{
	va_list args;

	if (run->failed)
		return;
	run->failed = true;
	run->result->outcome = outcome;
	g_strlcpy(run->result->oracle, oracle, sizeof(run->result->oracle));
	va_start(args, format);
	run->result->text = g_strdup_vprintf(format, args);
	va_end(args);
}

void run_violation(struct run *run, const char *oracle, char *text)
{
	char name[16] = "rule.";

	g_strlcat(name, oracle, sizeof(name));
	counts_add(run->counts, name, 1);
	if (text != NULL)
		run_fail(run, RUN_SAFETY, oracle, "%s", text);
	g_free(text);
}

uint64_t run_at(const struct run *run, uint64_t at)
{
	return at > HW_NEVER - run->start ? HW_NEVER : run->start + at;
}

/* --- who is called so ------------------------------------------------------------------------ */

struct run_target *run_target_find(struct run *run, const char *name)
{
	for (unsigned i = 0; name != NULL && i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		if (!strcmp(t->s->name, name))
			return t;
	}
	return NULL;
}

struct run_host *run_host_find(struct run *run, const char *name)
{
	for (unsigned i = 0; name != NULL && i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		if (!strcmp(h->s->name, name))
			return h;
	}
	return NULL;
}

struct world_node *run_node_find(struct run *run, const char *name)
{
	const struct run_target *t = run_target_find(run, name);
	const struct run_host *h = run_host_find(run, name);

	if (t != NULL || h != NULL)
		return t != NULL ? t->node : h->node;
	for (unsigned i = 0; name != NULL && i < run->targets->len; i++) {
		const struct run_target *owner = run->targets->pdata[i];

		for (unsigned j = 0; j < owner->s->nics.n; j++) {
			if (!strcmp(world_node_name(owner->nics[j]), name))
				return owner->nics[j];
		}
	}
	for (unsigned i = 0; name != NULL && i < run->raws->len; i++) {
		struct world_node *node = run_raw_node(run, i);

		if (!strcmp(world_node_name(node), name))
			return node;
	}
	return NULL;
}

/* --- running --------------------------------------------------------------------------------- */

struct wait {
	struct run *run;
	bool (*done)(struct run *run);
};

static bool go_on(void *arg)
{
	const struct wait *wait = arg;
	struct run *run = wait->run;
	const struct run_options *o = run->o;

	run_watch(run);
	if (o->until != 0 && world_now(run->world) >= o->until)
		run->stopped = true;
	if (o->break_time != 0 && !run->broke && world_now(run->world) >= o->break_time) {
		run->broke = true;
		o->at_break();
	}
	return !run->failed && !run->stopped && (wait->done == NULL || !wait->done(run));
}

static bool look_until(struct run *run, bool (*done)(struct run *run), uint64_t limit)
{
	struct wait wait = { run, done };

	if (run->failed || run->stopped)
		return false;
	world_run_while(run->world, go_on, &wait, limit);
	return !run->failed && !run->stopped;
}

bool run_to(struct run *run, uint64_t t)
{
	uint64_t now = world_now(run->world);

	if (t > now && look_until(run, NULL, t - now) && world_now(run->world) < t)
		world_run_until(run->world, t);
	return !run->failed && !run->stopped;
}

bool run_until_done(struct run *run, bool (*done)(struct run *run), uint64_t limit)
{
	return look_until(run, done, limit) && done(run);
}

/* --- phases ------------------------------------------------------------------------------------
 */

static bool setup_done(struct run *run)
{
	return run->setup_at == run->s->setup.n && run->calls == 0;
}

static bool phase_setup(struct run *run)
{
	run->start = HW_NEVER;
	run_setup_next(run);
	if (run_until_done(run, setup_done, SETUP_LIMIT))
		return true;
	run_fail(run, RUN_LIVENESS, "L", "the setup is not done");
	return false;
}

static void phase_safety(struct run *run)
{
	run->start = world_now(run->world);
	run->phase = RUN_SAFETY_PHASE;
	run_watch_start(run);
	run_hosts_start(run);
	run_loads_new(run);
	run_timeline(run);
	run_faults_start(run);
	run_raws_start(run);
	run_expect_start(run);
	run_to(run, run_at(run, run->s->heal_at));
}

static void phase_healed(struct run *run)
{
	run->phase = RUN_HEALED;
	run_heal(run);
	/* Rules that end just now still have their event ahead. */
	run_to(run, world_now(run->world) + 1);
	run_loads_stop(run);
	run_check_healed(run);
	if (!run->failed && !run->stopped)
		run_check_images(run);
	if (!run->failed && !run->stopped)
		run_collect(run);
	if (!run->failed && !run->stopped)
		run_expect_end(run);
	if (!run->failed && !run->stopped)
		run_check_resources(run);
}

static void world_failed(void *arg, const char *text)
{
	run_fail(arg, RUN_LIVENESS, "L", "%s", text);
}

static void on_record(void *arg, const struct world_record *rec)
{
	struct run *run = arg;

	run_watch_record(run, rec);
	if (run->o->break_record != 0 && world_records(run->world) == run->o->break_record)
		run->o->at_break();
}

/* What hosts connect to; and as always, what the standard says. */
static void follow(struct run *run)
{
	const struct scn_host *hosts = run->s->hosts.items;

	oracle_wire_follow(run->wire, 4420);
	oracle_wire_follow(run->wire, 8009);
	for (unsigned i = 0; i < run->s->hosts.n; i++) {
		uint64_t port = g_ascii_strtoull(hosts[i].trsvcid, NULL, 10);

		if (port != 4420 && port != 8009)
			oracle_wire_follow(run->wire, (uint16_t)port);
	}
}

static bool begin(struct run *run)
{
	run->world = world_new(run->s->seed);
	run->wire = oracle_wire_new(run->world);
	follow(run);
	run->block = oracle_block_new();
	run->exact = oracle_exact_new();
	run->paths = oracle_paths_new(RUN_VIEW_BOUND);
	run->ranges = run_ranges_new();
	run->views = g_ptr_array_new();
	run->triggers = g_ptr_array_new();
	run->connectors = g_array_new(FALSE, FALSE, sizeof(uint16_t));
	run->targets = g_ptr_array_new();
	run->hosts = g_ptr_array_new();
	run->raws = g_ptr_array_new();
	run->loads = g_ptr_array_new();
	run->wrecks = g_ptr_array_new();
	world_rng_init(run->world, &run->rng, "run");
	world_on_failure(run->world, world_failed, run);
	world_on_record(run->world, on_record, run);
	world_set_costs(run->world,
			&(const struct world_costs){ .idle_pass_ns = run->s->idle_pass,
						     .busy_pass_ns = run->s->busy_pass });
	world_trace_to(run->world, run->o->trace);
	world_log_to(run->world, run->o->log);
	if (run->o->keep_records)
		world_keep_records(run->world);
	if (run->o->begin != NULL)
		run->o->begin(run->o->arg, run->world);
	return run_make_nodes(run);
}

/* --- the result --------------------------------------------------------------------------------
 */

static void numbers(struct run *run)
{
	struct run_result *r = run->result;
	struct oracle_wire_stats st;

	run_rdma_counts(run);
	r->hash = world_hash(run->world);
	r->records = world_records(run->world);
	r->time = world_now(run->world);
	oracle_wire_stats(run->wire, &st);
	r->bytes = st.bytes[0] + st.bytes[1];
	for (unsigned i = 0; i < 10; i++)
		r->pdus += st.pdus[0][i] + st.pdus[1][i];
}

static void finish(struct run *run)
{
	struct run_result *r = run->result;
	g_autofree char *leaks = NULL;

	run_loads_free(run);
	run_watch_free(run);
	run_wrecks_free(run);
	run_free_nodes(run);
	leaks = world_leaks(run->world);
	if (leaks != NULL)
		run_fail(run, RUN_LIVENESS, "R", "%s", leaks);
	numbers(run);
	if (run->o->end != NULL)
		run->o->end(run->o->arg, run->world);
	run_rdma_free(run);
	oracle_wire_free(run->wire);
	oracle_block_free(run->block);
	oracle_exact_free(run->exact);
	oracle_paths_free(run->paths);
	run_ranges_free(run->ranges);
	g_ptr_array_unref(run->views);
	run_triggers_free(run);
	g_array_unref(run->connectors);
	g_ptr_array_unref(run->targets);
	g_ptr_array_unref(run->hosts);
	g_ptr_array_unref(run->raws);
	g_ptr_array_unref(run->loads);
	if (run->o->keep_records)
		r->world = run->world;
	else
		world_free(run->world);
	g_free(run);
}

struct run *run_start(const struct scenario *s, const struct run_options *options,
		      struct run_result *result)
{
	struct run *run = g_new0(struct run, 1);

	*result = (struct run_result){ .counts = counts_new() };
	run->s = s;
	run->o = options;
	run->result = result;
	run->counts = result->counts;
	return run;
}

void run_go(struct run *run)
{
	if (begin(run) && phase_setup(run)) {
		phase_safety(run);
		if (!run->failed && !run->stopped)
			phase_healed(run);
	}
	if (!run->failed && !run->stopped) {
		finish(run);
		return;
	}
	run_collect(run);
	numbers(run);
	if (run->failed)
		run->result->dump = run_dump(run);
	if (run->o->end != NULL)
		run->o->end(run->o->arg, run->world);
	/* The rest stays as it is: see run.h. */
}

void run_scenario(const struct scenario *s, const struct run_options *options,
		  struct run_result *result)
{
	run_go(run_start(s, options, result));
}

void run_result_clear(struct run_result *result)
{
	g_free(result->text);
	g_free(result->dump);
	counts_free(result->counts);
	if (result->world != NULL)
		world_free(result->world);
	*result = (struct run_result){ 0 };
}
