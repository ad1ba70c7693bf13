/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The files of a target's machine, their faults, and its power. When the power
 * fails, the target is gone at once; what is left of it is taken apart beside the
 * run. When it comes back, the administrator's setup calls are made again, as a
 * configuration file would; or it has kept its configuration itself (keep.c).
 */
#include <errno.h>
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/bdev/file.h"

/* A change of size is found out within this time. */
#define LOOK (1200 * WORLD_MS)

/* A target without power. */
struct run_wreck {
	struct target *target;
	struct core *admin;
	bool gone;
};

bool run_is_file(const struct bdev *bdev)
{
	return bdev_is_file(bdev, BDEV_FILE_AIO) || bdev_is_file(bdev, BDEV_FILE_URING);
}

void run_files_new(struct run_target *t)
{
	const struct scn_file *f = t->s->files.items;

	for (unsigned i = 0; i < t->s->files.n; i++) {
		struct world_file *file =
			world_file_new(t->node, f[i].path, f[i].size, (uint32_t)f[i].block_size);
		struct world_file_params params;

		world_file_params_default(&params);
		params.latency_min_ns = f[i].latency_min;
		params.latency_max_ns = f[i].latency_max;
		params.evict_ppm = (uint32_t)f[i].evict_ppm;
		world_file_set_params(file, &params);
	}
}

static struct run_target *target_of(struct run *run, const char *node)
{
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		if (strcmp(t->s->name, node) == 0)
			return t;
	}
	return NULL;
}

/* What oracle B knows of the bdevs of t on that file (NULL: of all). */
static void each_model(struct run_target *t, const char *path,
		       void (*fn)(struct oracle_block_ns *model, const struct bdev *b,
				  uint64_t arg),
		       uint64_t arg)
{
	GPtrArray *list = bdev_layer_list(t->target->bdevs);

	for (unsigned i = 0; i < list->len; i++) {
		const struct bdev *b = list->pdata[i];
		struct oracle_block_ns *model;

		if (!run_is_file(b) || (path && strcmp(bdev_file_opts(b).filename, path) != 0))
			continue;
		model = oracle_block_ns_find(t->run->block, b->uuid);
		if (model != NULL)
			fn(model, b, arg);
	}
}

/* --- faults of files ----------------------------------------------------------------------- */

static void resized(struct oracle_block_ns *model, const struct bdev *b, uint64_t bytes)
{
	oracle_block_resize(model, MAX(bytes / b->block_size, 1));
}

static void size_known(void *arg)
{
	struct run_target *t = arg;

	t->ns_changes++;
	t->ns_calls--;
	t->ns_changed_at = world_now(t->run->world);
}

static void change_size(struct run_target *t, struct world_file *file, const struct scn_fault *f)
{
	t->ns_changes++;
	t->ns_calls++;
	world_at(t->run->world, world_now(t->run->world) + LOOK, size_known, t);
	if (f->kind == SCN_F_FILE_GONE) {
		world_file_remove(file);
		return;
	}
	world_file_resize(file, f->bytes);
	if (!t->down)
		each_model(t, f->name, resized, f->bytes);
}

static unsigned add_rule(struct world_file *file, const struct scn_file_rule *r)
{
	static const int errors[] = { -EIO, -ENOSPC, -EAGAIN, -ENODEV };
	struct world_file_rule rule = { .first = r->first,
					.last = r->last,
					.nth = r->nth,
					.times = r->count,
					.ppm = (uint32_t)r->ppm,
					.err = errors[r->error] };

	for (unsigned i = 0; i < r->ops.n; i++)
		rule.ops |= 1u << world_file_op_parse(((const char **)r->ops.items)[i]);
	return world_file_rule_add(file, &rule);
}

unsigned run_file_fault(struct run *run, const struct scn_fault *f, uint64_t until)
{
	struct run_target *t = target_of(run, f->node);
	struct world_file *file = world_file_find(t->node, f->name);

	if (file == NULL)
		return 0;
	if (f->kind == SCN_F_FILE)
		return add_rule(file, f->file);
	if (f->kind == SCN_F_FILE_HANG)
		world_file_hang(file, until);
	else
		change_size(t, file, f);
	return 0;
}

void run_file_heal(struct run *run, const struct scn_fault *f, unsigned rule)
{
	struct world_file *file = world_file_find(target_of(run, f->node)->node, f->name);

	if (file != NULL && f->kind == SCN_F_FILE)
		world_file_rule_remove(file, rule);
}

/* --- power ----------------------------------------------------------------------------------- */

static void wreck_gone(void *arg)
{
	((struct run_wreck *)arg)->gone = true;
}

static void cut(struct oracle_block_ns *model, const struct bdev *b, uint64_t arg)
{
	(void)b;
	(void)arg;
	oracle_block_power_cut(model);
}

void run_power_cut(struct run *run, struct run_target *t)
{
	struct run_wreck *wreck;

	if (t->down)
		return;
	run_keep_cut(t);
	wreck = g_new0(struct run_wreck, 1);
	each_model(t, NULL, cut, 0);
	t->down = true;
	t->ns_changes++;
	t->ns_calls++;
	t->node = world_node_crash(t->node);
	for (unsigned i = 0; i < t->s->nics.n; i++)
		t->nics[i] = world_node_crash(t->nics[i]);
	wreck->target = t->target;
	wreck->admin = t->admin;
	t->target = NULL;
	t->admin = NULL;
	g_ptr_array_add(run->wrecks, wreck);
	target_shutdown(wreck->target, wreck_gone, wreck);
}

void run_power_back(struct run *run, struct run_target *t)
{
	if (!t->down)
		return;
	world_node_boot(t->node);
	for (unsigned i = 0; i < t->s->nics.n; i++)
		world_node_boot(t->nics[i]);
	if (!run_target_boot(t))
		return;
	t->down = false;
	if (t->s->keep_config) {
		run_keep_load(t, true);
		return;
	}
	t->ns_changes++;
	t->ns_calls--;
	t->ns_changed_at = world_now(run->world);
	run->setup_of = t;
	run->setup_at = 0;
	run_setup_next(run);
}

bool run_wrecks_gone(struct run *run)
{
	for (unsigned i = 0; i < run->wrecks->len; i++) {
		if (!((struct run_wreck *)run->wrecks->pdata[i])->gone)
			return false;
	}
	return true;
}

void run_wrecks_free(struct run *run)
{
	for (unsigned i = 0; i < run->wrecks->len; i++) {
		struct run_wreck *wreck = run->wrecks->pdata[i];

		target_free(wreck->target);
		core_free(wreck->admin);
		g_free(wreck);
	}
	g_ptr_array_unref(run->wrecks);
}
