/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stackable bdevs whose base is not there yet: they are made when it comes. And
 * which bdevs that is done for ("examined"): all of them, or those that were named.
 * Main reactor.
 */
#include <errno.h>
#include <string.h>

#include "target/bdev/bdev-priv.h"
#include "target/core/error.h"

struct deferral {
	struct bdev_deferred d;
	bool try; /* its base has come since it was last tried */
};

static const struct bdev_options defaults = {
	.io_pool_size = 65535,
	.io_cache_size = 256,
	.auto_examine = true,
	.iobuf_small_cache_size = 128,
	.iobuf_large_cache_size = 16,
};

static struct bdev *make(struct bdev_layer *layer, const struct bdev_deferred *d, GError **error)
{
	switch (d->kind) {
	case BDEV_STACK_DELAY:
		return bdev_delay_create(layer, d->name, d->base, d->latency, d->uuid, error);
	case BDEV_STACK_ERROR:
		return bdev_error_create(layer, d->base, d->uuid, error);
	default:
		return bdev_passthru_create(layer, d->name, d->base, d->uuid, error);
	}
}

static void free_deferral(void *arg)
{
	struct deferral *f = arg;

	g_free((char *)f->d.name);
	g_free((char *)f->d.base);
	g_free((uint8_t *)f->d.uuid);
	g_free(f);
}

void bdev_examiner_init(struct bdev_examiner *e)
{
	e->options = defaults;
	e->deferred = g_ptr_array_new_with_free_func(free_deferral);
	e->named = g_ptr_array_new_with_free_func(g_free);
}

void bdev_examiner_fini(struct bdev_layer *layer)
{
	struct bdev_examiner *e = bdev_layer_examiner(layer);

	reactor_cancel_task(core_main(bdev_layer_core(layer)), &e->task);
	g_ptr_array_unref(e->deferred);
	g_ptr_array_unref(e->named);
}

/* --- what waits -------------------------------------------------------------------------- */

static struct deferral *find(const struct bdev_examiner *e, const char *name)
{
	for (unsigned i = 0; i < e->deferred->len; i++) {
		struct deferral *f = e->deferred->pdata[i];

		if (strcmp(f->d.name, name) == 0)
			return f;
	}
	return NULL;
}

static bool defer(struct bdev_layer *layer, const struct bdev_deferred *d, GError **error)
{
	struct bdev_examiner *e = bdev_layer_examiner(layer);
	struct deferral *f;

	if (!bdev_check_name(d->name, error))
		return false;
	if (bdev_find(layer, d->name) != NULL || find(e, d->name) != NULL)
		return weft_error_set(error, -EEXIST, NULL, "there is a bdev %s already%s", d->name,
				      find(e, d->name) ? ", which waits for its base" : "");
	f = g_new0(struct deferral, 1);
	f->d = *d;
	f->d.name = g_strdup(d->name);
	f->d.base = g_strdup(d->base);
	f->d.uuid = d->uuid != NULL ? g_memdup2(d->uuid, 16) : NULL;
	g_ptr_array_add(e->deferred, f);
	return true;
}

bool bdev_stack_create(struct bdev_layer *layer, const struct bdev_deferred *d, GError **error)
{
	g_autoptr(GError) cause = NULL;

	if (make(layer, d, &cause) != NULL)
		return true;
	if (cause->code == -ENODEV)
		return defer(layer, d, error);
	g_propagate_error(error, g_steal_pointer(&cause));
	return false;
}

const struct bdev_deferred *bdev_deferred_nth(struct bdev_layer *layer, unsigned n)
{
	const struct bdev_examiner *e = bdev_layer_examiner(layer);

	return n < e->deferred->len ? &((const struct deferral *)e->deferred->pdata[n])->d : NULL;
}

bool bdev_deferred_drop(struct bdev_layer *layer, const char *name, enum bdev_stack_kind kind)
{
	struct bdev_examiner *e = bdev_layer_examiner(layer);
	struct deferral *f = find(e, name);

	return f != NULL && f->d.kind == kind && g_ptr_array_remove(e->deferred, f);
}

/* --- what comes ----------------------------------------------------------------------------- */

static bool is_named(const struct bdev_examiner *e, const struct bdev *bdev)
{
	char uuid[37];

	bdev_uuid_format(bdev->uuid, uuid);
	for (unsigned i = 0; i < e->named->len; i++) {
		const char *name = e->named->pdata[i];

		if (strcmp(name, bdev->name) == 0 || strcmp(name, uuid) == 0)
			return true;
	}
	return false;
}

static struct deferral *next(const struct bdev_examiner *e)
{
	for (unsigned i = 0; i < e->deferred->len; i++) {
		struct deferral *f = e->deferred->pdata[i];

		if (f->try)
			return f;
	}
	return NULL;
}

/* A bdev that is made here may be the base of another. */
static void examine(struct task *task)
{
	struct bdev_examiner *e =
		(struct bdev_examiner *)((char *)task - offsetof(struct bdev_examiner, task));
	struct deferral *f;

	while ((f = next(e)) != NULL) {
		g_autoptr(GError) error = NULL;

		f->try = false;
		if (make(e->layer, &f->d, &error) != NULL)
			g_ptr_array_remove(e->deferred, f);
		else
			log_warn(bdev_layer_core(e->layer)->log, "bdev",
				 "base has come, but the bdev on top of it cannot be made",
				 "bdev=%s base=%s reason=\"%s\"", f->d.name, f->d.base,
				 weft_error_detail(error));
	}
}

void bdev_examine_new(struct bdev *bdev)
{
	struct bdev_examiner *e = bdev_layer_examiner(bdev->layer);
	char uuid[37];
	bool any = false;

	if (e->deferred->len == 0 || (!e->options.auto_examine && !is_named(e, bdev)))
		return;
	bdev_uuid_format(bdev->uuid, uuid);
	for (unsigned i = 0; i < e->deferred->len; i++) {
		struct deferral *f = e->deferred->pdata[i];

		f->try |= strcmp(f->d.base, bdev->name) == 0 || strcmp(f->d.base, uuid) == 0;
		any |= f->try;
	}
	if (!any)
		return;
	e->layer = bdev->layer;
	e->task.fn = examine;
	reactor_cancel_task(core_main(bdev_layer_core(e->layer)), &e->task);
	reactor_run_soon(core_main(bdev_layer_core(e->layer)), &e->task);
}

bool bdev_examine(struct bdev_layer *layer, const char *name, GError **error)
{
	struct bdev_examiner *e = bdev_layer_examiner(layer);
	struct bdev *bdev = bdev_find(layer, name);

	if (e->options.auto_examine)
		return weft_error_set(error, -EINVAL, NULL,
				      "every bdev is examined by itself; bdev_set_options with "
				      "bdev_auto_examine false, before the start, leaves it to "
				      "bdev_examine");
	if (!g_ptr_array_find_with_equal_func(e->named, name, g_str_equal, NULL))
		g_ptr_array_add(e->named, g_strdup(name));
	if (bdev != NULL)
		bdev_examine_new(bdev);
	return true;
}

GPtrArray *bdev_examined(struct bdev_layer *layer)
{
	return bdev_layer_examiner(layer)->named;
}

struct bdev_options *bdev_layer_options(struct bdev_layer *layer)
{
	return &bdev_layer_examiner(layer)->options;
}
