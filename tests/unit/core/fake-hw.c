/* SPDX-License-Identifier: BSD-3-Clause */
/* See fake-hw.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/core/fake-hw.h"

#define FAKE_OF(ptr, member) ((struct fake_hw *)((char *)(ptr)-offsetof(struct fake_hw, member)))

uint64_t fake_rand(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

uint64_t fake_seed(uint64_t otherwise)
{
	const char *text = getenv("WEFT_TEST_SEED");
	uint64_t seed = text != NULL ? g_ascii_strtoull(text, NULL, 0) : otherwise;

	g_test_message("seed %" G_GUINT64_FORMAT, seed);
	return seed != 0 ? seed : 1;
}

/* --- env ------------------------------------------------------------------------------ */

static uint64_t fake_now(struct hw_env *env)
{
	return __atomic_load_n(&FAKE_OF(env, env)->now, __ATOMIC_RELAXED);
}

static uint64_t fake_wall(struct hw_env *env)
{
	return FAKE_OF(env, env)->wall;
}

static void fake_random(struct hw_env *env, void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)(fake_rand(&FAKE_OF(env, env)->random) >> 32);
}

static int fake_runner_start(struct hw_env *env, const struct hw_runner_params *params,
			     struct hw_runner **out)
{
	struct fake_hw *fake = FAKE_OF(env, env);
	struct fake_runner *runner;

	if (fake->runner_error < 0) {
		int error = fake->runner_error;

		fake->runner_error = 0;
		return error;
	}
	g_assert_cmpuint(fake->nrunners, <, FAKE_RUNNERS_MAX);
	runner = &fake->runners[fake->nrunners++];
	runner->fake = fake;
	runner->params = *params;
	g_strlcpy(runner->name, params->name, sizeof(runner->name));
	runner->running = true;
	*out = (struct hw_runner *)runner;
	return 0;
}

static void fake_runner_stop(struct hw_runner *r)
{
	struct fake_runner *runner = (struct fake_runner *)r;

	g_assert_true(runner->running);
	runner->running = false;
}

static void fake_runner_wake(struct hw_runner *r)
{
	struct fake_runner *runner = (struct fake_runner *)r;

	g_assert_true(runner->running);
	atomic_fetch_add(&runner->wakes, 1);
}

static uint64_t fake_cpu_time(struct hw_env *env)
{
	(void)env;
	return 0;
}

static void fake_log_line(struct hw_env *env, const char *line, size_t len)
{
	g_assert_cmpuint(strlen(line), ==, len);
	g_ptr_array_add(FAKE_OF(env, env)->lines, g_strdup(line));
}

static int fake_cpu_node(struct hw_env *env, int cpu)
{
	const struct fake_hw *fake = FAKE_OF(env, env);

	return fake->cpus_per_node > 0 && cpu >= 0 ? cpu / (int)fake->cpus_per_node : -1;
}

static const struct hw_env_ops fake_env_ops = {
	.now = fake_now,
	.wall = fake_wall,
	.random = fake_random,
	.runner_start = fake_runner_start,
	.runner_stop = fake_runner_stop,
	.runner_wake = fake_runner_wake,
	.cpu_time = fake_cpu_time,
	.log_line = fake_log_line,
	.cpu_node = fake_cpu_node,
};

/* --- memory --------------------------------------------------------------------------- */

static int fake_alloc(struct hw_mem *mem, size_t len, struct mem_chunk **out)
{
	struct fake_hw *fake = FAKE_OF(mem, mem);
	struct mem_chunk *chunk;
	void *base;

	if (len == 0)
		return -EINVAL;
	len = (len + 4095) & ~(size_t)4095;
	if (fake->mem_in_use > fake->mem_limit || len > fake->mem_limit - fake->mem_in_use)
		return -ENOMEM;
	base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (base == MAP_FAILED)
		return -ENOMEM;
	chunk = g_new0(struct mem_chunk, 1);
	chunk->base = base;
	chunk->len = len;
	chunk->iova = fake->next_iova;
	for (struct mem_watcher *w = fake->watchers; w != NULL; w = w->next) {
		int rc = w->attach(w, chunk);

		if (rc == 0)
			continue;
		for (struct mem_watcher *u = fake->watchers; u != w; u = u->next)
			u->detach(u, chunk);
		munmap(base, len);
		g_free(chunk);
		return rc;
	}
	g_ptr_array_add(fake->chunk_list, chunk);
	fake->next_iova += len;
	fake->mem_in_use += len;
	fake->chunks++;
	*out = chunk;
	return 0;
}

static int fake_alloc_on(struct hw_mem *mem, size_t len, int node, struct mem_chunk **out)
{
	struct fake_hw *fake = FAKE_OF(mem, mem);

	fake->mem_node = node;
	return fake_alloc(mem, len, out);
}

static void fake_free(struct hw_mem *mem, struct mem_chunk *chunk)
{
	struct fake_hw *fake = FAKE_OF(mem, mem);

	if (chunk == NULL)
		return;
	for (struct mem_watcher *w = fake->watchers; w != NULL; w = w->next)
		w->detach(w, chunk);
	g_assert_true(g_ptr_array_remove(fake->chunk_list, chunk));
	munmap(chunk->base, chunk->len);
	fake->mem_in_use -= chunk->len;
	fake->chunks--;
	g_free(chunk);
}

static int fake_watch(struct hw_mem *mem, struct mem_watcher *w)
{
	struct fake_hw *fake = FAKE_OF(mem, mem);

	for (unsigned i = 0; i < fake->chunk_list->len; i++) {
		int rc = w->attach(w, g_ptr_array_index(fake->chunk_list, i));

		if (rc == 0)
			continue;
		while (i-- > 0)
			w->detach(w, g_ptr_array_index(fake->chunk_list, i));
		return rc;
	}
	w->next = fake->watchers;
	fake->watchers = w;
	return 0;
}

static void fake_unwatch(struct hw_mem *mem, struct mem_watcher *w)
{
	struct fake_hw *fake = FAKE_OF(mem, mem);
	struct mem_watcher **at = &fake->watchers;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	g_assert_nonnull(*at);
	*at = w->next;
	for (unsigned i = 0; i < fake->chunk_list->len; i++)
		w->detach(w, g_ptr_array_index(fake->chunk_list, i));
}

static size_t fake_in_use(struct hw_mem *mem)
{
	return FAKE_OF(mem, mem)->mem_in_use;
}

static const struct hw_mem_ops fake_mem_ops = {
	.alloc = fake_alloc,
	.free = fake_free,
	.watch = fake_watch,
	.unwatch = fake_unwatch,
	.in_use = fake_in_use,
	.alloc_on = fake_alloc_on,
};

/* --- faults --------------------------------------------------------------------------- */

static bool fake_hit(struct hw_faults *faults, const char *name)
{
	struct fake_hw *fake = FAKE_OF(faults, faults);

	if (fake->fault_hits == 0 || strcmp(fake->fault, name) != 0)
		return false;
	fake->fault_hits--;
	return true;
}

static void fake_mark(struct hw_faults *faults, const char *name)
{
	(void)faults;
	(void)name;
}

void fake_hw_fail(struct fake_hw *fake, const char *name, unsigned times)
{
	fake->faults.hit = fake_hit;
	fake->faults.mark = fake_mark;
	fake->hw.faults = &fake->faults;
	fake->fault = name;
	fake->fault_hits = times;
}

/* --- all ------------------------------------------------------------------------------- */

struct fake_hw *fake_hw_new(void)
{
	struct fake_hw *fake = g_new0(struct fake_hw, 1);

	fake->hw.env = &fake->env;
	fake->hw.mem = &fake->mem;
	fake->env.ops = &fake_env_ops;
	fake->mem.ops = &fake_mem_ops;
	fake->now = 1000000000;
	fake->wall = 1767323045678901234; /* 2026-01-02T03:04:05.678901Z */
	fake->random = 88172645463325252;
	fake->mem_limit = SIZE_MAX;
	fake->next_iova = 1 << 20;
	fake->lines = g_ptr_array_new_with_free_func(g_free);
	fake->chunk_list = g_ptr_array_new();
	return fake;
}

void fake_hw_free(struct fake_hw *fake)
{
	g_assert_cmpuint(fake->mem_in_use, ==, 0);
	g_assert_cmpuint(fake->chunks, ==, 0);
	g_assert_null(fake->watchers);
	g_ptr_array_free(fake->chunk_list, true);
	for (unsigned i = 0; i < fake->nrunners; i++)
		g_assert_false(fake->runners[i].running);
	g_ptr_array_free(fake->lines, true);
	g_free(fake);
}

struct core *fake_core_new(struct fake_hw *fake, unsigned n, size_t buf_limit)
{
	struct core_options options = { .nreactors = n,
					.buf_limit = buf_limit,
					.trace_records = 64 };
	GError *error = NULL;
	struct core *core = core_new(&fake->hw, &options, &error);

	g_assert_no_error(error);
	return core;
}

void fake_core_run(struct core *core)
{
	bool busy;

	do {
		busy = false;
		for (unsigned i = 0; i < core->nreactors; i++)
			busy |= reactor_pass(core->reactors[i]) > 0;
	} while (busy);
}

bool fake_core_step(struct core *core)
{
	struct fake_hw *fake = FAKE_OF(core->hw, hw);
	uint64_t next = HW_NEVER;

	for (unsigned i = 0; i < core->nreactors; i++)
		next = MIN(next, reactor_deadline(core->reactors[i]));
	if (next == HW_NEVER)
		return false;
	fake->now = MAX(fake->now, next);
	fake_core_run(core);
	return true;
}
