/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world's loop and life cycle: due events first, then one ready runner at a
 * time, then the clock jumps to the next event.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/roce-priv.h"

/* Events in a row without the clock moving that no model needs. */
#define STORM_LIMIT 10000000

struct world_at {
	struct world_event ev;
	struct world *world;
	struct world_at *next, **prev;
	void (*fn)(void *arg);
	void *arg;
};

struct world *world_new(uint64_t seed)
{
	struct world *w = g_new0(struct world, 1);

	w->seed = seed;
	w->now = WORLD_START;
	w->hash = world_mix(UINT64_C(0x776f726c64), seed);
	w->nodes = g_ptr_array_new();
	w->runners = g_ptr_array_new();
	w->ready = g_ptr_array_new();
	w->costs = (struct world_costs){ .idle_pass_ns = 500, .busy_pass_ns = 1000 };
	w->hot_busy = 1000000;
	w->hot_idle = 10000;
	w->connect_timeout = 20 * WORLD_SEC;
	w->rules = g_ptr_array_new();
	w->corpses = g_ptr_array_new();
	w->tcp_params = (struct world_tcp_params){
		.rto_init = WORLD_SEC,
		.rto_min = 200 * WORLD_MS,
		.rto_max = 60 * WORLD_SEC,
		.retries = 8,
		.syn_retries = 5,
		.time_wait = WORLD_SEC,
		.fin_wait = 60 * WORLD_SEC,
		.ack_delay = 10 * WORLD_US,
	};
	world_link_default(&w->link_default);
	world_rng_init(w, &w->sched, "sched");
	return w;
}

static void at_free(struct world_at *at)
{
	world_event_cancel(at->world, &at->ev);
	*at->prev = at->next;
	if (at->next)
		at->next->prev = at->prev;
	g_free(at);
}

static void node_free(struct world_node *node)
{
	sim_rnic_free(node);
	sim_net_fini(&node->net);
	sim_mem_fini(&node->mem);
	sim_files_fini(node);
	sim_faults_fini(node);
	sim_links_free(node);
	sim_ports_free(node);
	for (unsigned i = 0; i < NODE_LOG_LINES; i++)
		g_free(node->log[i].line);
	g_free(node->name);
	g_free(node);
}

void world_free(struct world *w)
{
	if (!w)
		return;
	sim_conns_free(w);
	while (w->ats)
		at_free(w->ats);
	for (guint i = 0; i < w->runners->len; i++)
		g_free(g_ptr_array_index(w->runners, i));
	for (guint i = 0; i < w->nodes->len; i++)
		node_free(g_ptr_array_index(w->nodes, i));
	for (guint i = 0; i < w->corpses->len; i++)
		node_free(g_ptr_array_index(w->corpses, i));
	sim_packets_free(w);
	sim_pcaps_free(w);
	sim_roce_names_free(w);
	world_packet_rules_clear(w);
	g_ptr_array_free(w->rules, TRUE);
	g_ptr_array_free(w->corpses, TRUE);
	g_ptr_array_free(w->nodes, TRUE);
	g_ptr_array_free(w->runners, TRUE);
	g_ptr_array_free(w->ready, TRUE);
	if (w->kept)
		g_array_free(w->kept, TRUE);
	g_free(w->heap);
	g_free(w);
}

uint64_t world_seed(const struct world *w)
{
	return w->seed;
}

uint64_t world_now(const struct world *w)
{
	return w->now;
}

void world_set_costs(struct world *w, const struct world_costs *costs)
{
	w->costs.idle_pass_ns = MAX(costs->idle_pass_ns, 1);
	w->costs.busy_pass_ns = MAX(costs->busy_pass_ns, 1);
}

void world_net_connect_timeout(struct world *w, uint64_t ns)
{
	w->connect_timeout = ns;
}

void world_set_hot_limits(struct world *w, uint64_t busy, uint64_t idle)
{
	w->hot_busy = busy;
	w->hot_idle = idle;
}

void world_on_failure(struct world *w, void (*fn)(void *arg, const char *text), void *arg)
{
	w->on_failure = fn;
	w->on_failure_arg = arg;
}

static void print_log_line(void *arg, uint64_t time, const char *line)
{
	const char *node = arg;

	fprintf(stderr, "  %" PRIu64 ".%09" PRIu64 " %s: %s\n", time / WORLD_SEC, time % WORLD_SEC,
		node, line);
}

void world_failure(struct world *w, const char *format, ...)
{
	g_autofree char *what = NULL, *text = NULL;
	va_list args;

	if (w->failed)
		return;
	w->failed = true;
	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	text = g_strdup_printf("%s (seed %" PRIu64 ", time %" PRIu64 ".%09" PRIu64 ")", what,
			       w->seed, w->now / WORLD_SEC, w->now % WORLD_SEC);
	if (w->on_failure) {
		w->on_failure(w->on_failure_arg, text);
		return;
	}
	fprintf(stderr, "world: %s\n", text);
	for (guint i = 0; i < w->nodes->len; i++) {
		struct world_node *node = g_ptr_array_index(w->nodes, i);

		world_node_log(node, print_log_line, node->name);
	}
	abort();
}

static void run_event(struct world *w)
{
	struct world_event *ev = world_event_pop(w);

	if (++w->storm > STORM_LIMIT)
		world_failure(w, "events storm without time going on");
	ev->fn(ev);
}

/* One event or pass, at most up to time limit. False: there is none. */
static bool step(struct world *w, uint64_t limit)
{
	struct world_event *ev = world_event_first(w);

	if (w->failed)
		return false;
	if (ev && ev->time <= w->now) {
		run_event(w);
		return true;
	}
	if (w->ready->len > 0) {
		sim_runner_pass_one(w);
		return true;
	}
	if (!ev || ev->time > limit)
		return false;
	w->now = ev->time;
	w->storm = 0;
	run_event(w);
	return true;
}

static uint64_t limit_after(const struct world *w, uint64_t ns)
{
	return ns > UINT64_MAX - w->now ? UINT64_MAX : w->now + ns;
}

static void run_begin(struct world *w)
{
	g_assert(!w->in_run);
	w->in_run = true;
	sim_runners_look_again(w);
}

void world_run_until(struct world *w, uint64_t t)
{
	run_begin(w);
	while (step(w, t))
		;
	if (!w->failed && t > w->now)
		w->now = t;
	w->in_run = false;
}

void world_run_for(struct world *w, uint64_t ns)
{
	world_run_until(w, limit_after(w, ns));
}

bool world_run_while(struct world *w, bool (*cond)(void *arg), void *arg, uint64_t limit_ns)
{
	uint64_t limit = limit_after(w, limit_ns);
	bool wanted;

	run_begin(w);
	while ((wanted = cond(arg)) && w->now <= limit && step(w, limit))
		;
	w->in_run = false;
	return !wanted;
}

bool world_run_idle(struct world *w, uint64_t limit_ns)
{
	uint64_t limit = limit_after(w, limit_ns);
	bool idle;

	run_begin(w);
	while (!(idle = w->ready->len == 0 && w->foreground == 0) && w->now <= limit &&
	       step(w, limit))
		;
	w->in_run = false;
	return idle && !w->failed;
}

static void at_run(struct world_event *ev)
{
	struct world_at *at = container(ev, struct world_at, ev);
	struct world *w = at->world;
	void (*fn)(void *arg) = at->fn;
	void *arg = at->arg;

	world_trace(w, WORLD_AT, NO_NODE, ev->seq, 0);
	at_free(at);
	fn(arg);
	sim_runners_look_again(w);
}

struct world_at *world_at(struct world *w, uint64_t time, void (*fn)(void *arg), void *arg)
{
	struct world_at *at = g_new0(struct world_at, 1);

	world_event_init(&at->ev, at_run);
	at->world = w;
	at->fn = fn;
	at->arg = arg;
	at->next = w->ats;
	at->prev = &w->ats;
	if (at->next)
		at->next->prev = &at->next;
	w->ats = at;
	world_event_set(w, &at->ev, time);
	return at;
}

void world_at_cancel(struct world *w, struct world_at *at)
{
	g_assert(at->world == w);
	at_free(at);
}
