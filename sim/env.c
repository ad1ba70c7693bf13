/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hw/env.h in virtual time: clocks, randomness, log, and runners.
 *
 * A runner is asleep (armed; perhaps with an event at its deadline), waiting
 * (an event makes it ready when its last pass is over), ready (in the world's
 * list, to be picked by the seed) or passing.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sim/priv.h"

enum runner_state { RUNNER_ASLEEP, RUNNER_WAITING, RUNNER_READY, RUNNER_PASSING };

struct hw_runner {
	struct world_node *node;
	struct hw_runner_params params;
	char name[16];
	uint32_t id;
	enum runner_state state;
	struct world_event ev; /* asleep: its deadline; waiting: when it is ready */
	bool woken;	       /* while passing */
	bool armed;
	uint64_t busy_until;
	uint64_t starved_until;
	uint64_t activity;		 /* of its node when it was last looked at */
	uint64_t quiet_busy, quiet_idle; /* passes since it slept or bytes moved */
};

struct world_node *sim_env_node(struct hw_env *env)
{
	return container(env, struct node_env, env)->node;
}

static uint64_t env_now(struct hw_env *env)
{
	return sim_node_clock(sim_env_node(env));
}

static uint64_t env_wall(struct hw_env *env)
{
	struct world_node *node = sim_env_node(env);

	return SIM_WALL_EPOCH + sim_node_clock(node) + (uint64_t)node->wall_offset;
}

static void env_random(struct hw_env *env, void *buf, size_t len)
{
	world_rng_fill(&sim_env_node(env)->rng, buf, len);
}

static uint64_t env_cpu_time(struct hw_env *env)
{
	(void)env;
	return 0;
}

static void env_log_line(struct hw_env *env, const char *line, size_t len)
{
	struct world_node *node = sim_env_node(env);
	struct world *w = node->world;
	struct log_entry *e = &node->log[node->nlog++ % NODE_LOG_LINES];

	g_free(e->line);
	e->line = g_strndup(line, len);
	e->time = w->now;
	world_trace(w, WORLD_LOG, node->index, len, world_hash_bytes(0, line, len));
	if (w->log_file) {
		fprintf(w->log_file, "%" PRIu64 ".%09" PRIu64 " %s: %s\n", w->now / WORLD_SEC,
			w->now % WORLD_SEC, node->name, e->line);
	}
}

static int env_cpu_node(struct hw_env *env, int cpu)
{
	unsigned cpus = sim_env_node(env)->numa_cpus;

	if (cpus == 0 || cpu < 0 || (unsigned)cpu / cpus >= WORLD_NUMA_NODES)
		return -1;
	return cpu / (int)cpus;
}

static void make_ready(struct hw_runner *r)
{
	struct world *w = r->node->world;
	uint64_t when = MAX(MAX(r->busy_until, r->starved_until), r->node->paused_until);

	world_event_cancel(w, &r->ev);
	if (when <= w->now) {
		r->state = RUNNER_READY;
		g_ptr_array_add(w->ready, r);
		return;
	}
	r->state = RUNNER_WAITING;
	r->ev.background = false;
	if (when != HW_NEVER)
		world_event_set(w, &r->ev, when);
}

static void runner_event(struct world_event *ev)
{
	struct hw_runner *r = container(ev, struct hw_runner, ev);

	make_ready(r);
}

static void go_to_sleep(struct hw_runner *r)
{
	struct world *w = r->node->world;
	uint64_t deadline = r->params.deadline ? r->params.deadline(r->params.arg) : HW_NEVER;

	r->state = RUNNER_ASLEEP;
	r->quiet_busy = r->quiet_idle = 0;
	world_event_cancel(w, &r->ev);
	if (deadline == HW_NEVER)
		return;
	r->ev.background = true;
	world_event_set(w, &r->ev, MAX(sim_node_when(r->node, deadline), r->busy_until));
}

static bool arm(struct hw_runner *r)
{
	r->armed = true;
	return !r->params.arm || r->params.arm(r->params.arg);
}

/* After an arm() that refused too: some of its engines may be armed. */
static void disarm(struct hw_runner *r)
{
	if (r->armed && r->params.disarm)
		r->params.disarm(r->params.arg);
	r->armed = false;
}

static void check_hot(struct hw_runner *r, unsigned work)
{
	struct world *w = r->node->world;

	if (r->activity != r->node->activity) {
		r->activity = r->node->activity;
		r->quiet_busy = r->quiet_idle = 0;
	}
	if (work ? ++r->quiet_busy > w->hot_busy : ++r->quiet_idle > w->hot_idle)
		world_failure(w, "runner %s of %s runs hot: passes with %s, nothing happens",
			      r->name, r->node->name, work ? "work" : "no work and no sleep");
}

static void pass(struct hw_runner *r)
{
	struct world *w = r->node->world;
	unsigned work;

	r->state = RUNNER_PASSING;
	disarm(r);
	r->woken = false;
	work = r->params.pass(r->params.arg);
	world_trace(w, WORLD_PASS, r->node->index, r->id, work);
	r->busy_until = w->now + (work ? w->costs.busy_pass_ns : w->costs.idle_pass_ns);
	if (world_rng_chance(&w->sched, w->sched_params.starve_ppm))
		r->busy_until += world_rng_range(&w->sched, 1, MAX(w->sched_params.starve_ns, 1));
	if (work == 0 && !r->woken && arm(r) && !r->woken) {
		go_to_sleep(r);
		world_trace(w, WORLD_SLEEP, r->node->index, r->id, r->ev.slot ? r->ev.time : 0);
		return;
	}
	check_hot(r, work);
	make_ready(r);
}

void sim_runner_pass_one(struct world *w)
{
	guint i = (guint)world_rng_below(&w->sched, w->ready->len);

	pass(g_ptr_array_remove_index(w->ready, i));
}

static void env_runner_wake(struct hw_runner *r)
{
	if (r->state == RUNNER_PASSING) {
		r->woken = true;
	} else if (r->state == RUNNER_ASLEEP) {
		world_trace(r->node->world, WORLD_WAKE, r->node->index, r->id, 0);
		make_ready(r);
	}
}

void sim_runners_look_again(struct world *w)
{
	for (guint i = 0; i < w->runners->len; i++) {
		struct hw_runner *r = g_ptr_array_index(w->runners, i);

		if (r->state != RUNNER_ASLEEP)
			continue;
		disarm(r);
		if (arm(r))
			go_to_sleep(r);
		else
			make_ready(r);
	}
}

static void held_up(struct hw_runner *r)
{
	if (r->state == RUNNER_READY)
		g_ptr_array_remove(r->node->world->ready, r);
	if (r->state == RUNNER_READY || r->state == RUNNER_WAITING)
		make_ready(r);
}

void world_runner_hold(struct hw_runner *r, uint64_t until)
{
	world_trace(r->node->world, WORLD_STARVE, r->node->index, r->id, until);
	r->starved_until = until;
	held_up(r);
}

bool world_runner_starve(struct world_node *node, unsigned runner, uint64_t until)
{
	struct world *w = node->world;

	for (guint i = 0; i < w->runners->len; i++) {
		struct hw_runner *r = g_ptr_array_index(w->runners, i);

		if (r->node != node || runner-- > 0)
			continue;
		world_runner_hold(r, until);
		return true;
	}
	return false;
}

void sim_runner_keep(struct world_node *node, uint64_t until)
{
	struct hw_runner *keep = NULL;

	for (guint i = 0; i < node->world->runners->len; i++) {
		struct hw_runner *r = g_ptr_array_index(node->world->runners, i);

		if (r->node == node && (!keep || r->state == RUNNER_PASSING))
			keep = r;
	}
	if (keep)
		world_runner_hold(keep, until);
}

void world_sched_set(struct world *w, const struct world_sched_params *params)
{
	w->sched_params = *params;
}

void sim_runners_paused(struct world_node *node)
{
	struct world *w = node->world;

	for (guint i = 0; i < w->runners->len; i++) {
		struct hw_runner *r = g_ptr_array_index(w->runners, i);

		if (r->node == node)
			held_up(r);
	}
}

void sim_runner_count(struct world_node *node, struct world_live *live)
{
	struct world *w = node->world;

	for (guint i = 0; i < w->runners->len; i++) {
		struct hw_runner *r = g_ptr_array_index(w->runners, i);

		if (r->node != node)
			continue;
		live->runners++;
		if (r->state == RUNNER_ASLEEP && r->ev.slot)
			live->deadlines++;
	}
}

static int env_runner_start(struct hw_env *env, const struct hw_runner_params *params,
			    struct hw_runner **out)
{
	struct world_node *node = sim_env_node(env);
	struct hw_runner *r;

	if (sim_fault(node, "env.runner_start"))
		return -EAGAIN;
	r = g_new0(struct hw_runner, 1);
	r->node = node;
	r->params = *params;
	g_strlcpy(r->name, params->name ? params->name : "", sizeof(r->name));
	r->params.name = r->name;
	r->id = node->world->next_runner++;
	world_event_init(&r->ev, runner_event);
	g_ptr_array_add(node->world->runners, r);
	*out = r;
	make_ready(r);
	return 0;
}

static void env_runner_stop(struct hw_runner *r)
{
	struct world *w = r->node->world;

	g_assert(r->state != RUNNER_PASSING);
	world_trace(w, WORLD_STOP, r->node->index, r->id, 0);
	disarm(r);
	world_event_cancel(w, &r->ev);
	if (r->state == RUNNER_READY)
		g_ptr_array_remove(w->ready, r);
	g_ptr_array_remove(w->runners, r);
	g_free(r);
}

const struct hw_env_ops sim_env_ops = {
	.now = env_now,
	.wall = env_wall,
	.random = env_random,
	.runner_start = env_runner_start,
	.runner_stop = env_runner_stop,
	.runner_wake = env_runner_wake,
	.cpu_time = env_cpu_time,
	.log_line = env_log_line,
	.cpu_node = env_cpu_node,
};
