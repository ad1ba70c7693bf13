/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block device layer's control side: the list of bdevs, descriptors, size
 * changes and removal. All on the main reactor. I/O and channels: bdev-io.c.
 *
 * Invariants: a bdev in the list is not being removed; one that is being
 * removed is in the removing list until its last descriptor is closed, and is
 * destroyed from the main reactor's done list, never from inside bdev_close()
 * or bdev_unregister().
 */
#include <errno.h>
#include <string.h>

#include "hw/env.h"
#include "target/bdev/bdev-priv.h"
#include "target/core/error.h"
#include "target/core/trace.h"

#define NAME_LENGTH_MAX 255

struct bdev_layer {
	struct core *core;
	GPtrArray *bdevs;    /* registered, in order */
	GPtrArray *removing; /* struct removal* */
	GArray *listeners;   /* struct listener */
	GHashTable *by_name, *by_uuid; /* of bdevs; look-up only */
	/* No name of this prefix with a smaller number is free. */
	const char *prefix;
	unsigned next_number;
	struct bdev_examiner examiner;
};

struct listener {
	void (*event)(void *arg, const char *what, const struct bdev *bdev);
	void *arg;
};

struct removal {
	struct task task;
	struct bdev *bdev;
};

struct bdev_desc {
	struct bdev *bdev;
	const struct bdev_events *events;
	void *user;
	bool exclusive;
	bool removed_told;
	char *owner; /* for people */
};

/* FNV-1a */
static guint uuid_hash(const void *key)
{
	const uint8_t *uuid = key;
	guint h = 2166136261u;

	for (unsigned i = 0; i < 16; i++)
		h = (h ^ uuid[i]) * 16777619u;
	return h;
}

static gboolean uuid_equal(const void *a, const void *b)
{
	return memcmp(a, b, 16) == 0;
}

struct bdev_layer *bdev_layer_new(struct core *core)
{
	struct bdev_layer *layer = g_new0(struct bdev_layer, 1);

	layer->core = core;
	layer->bdevs = g_ptr_array_new();
	layer->removing = g_ptr_array_new();
	layer->listeners = g_array_new(false, false, sizeof(struct listener));
	layer->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	layer->by_uuid = g_hash_table_new(uuid_hash, uuid_equal);
	bdev_examiner_init(&layer->examiner);
	return layer;
}

struct core *bdev_layer_core(const struct bdev_layer *layer)
{
	return layer->core;
}

const struct hw *bdev_layer_hw(const struct bdev_layer *layer)
{
	return layer->core->hw;
}

GPtrArray *bdev_layer_list(struct bdev_layer *layer)
{
	return layer->bdevs;
}

void bdev_layer_listen(struct bdev_layer *layer,
		       void (*event)(void *arg, const char *what, const struct bdev *bdev),
		       void *arg)
{
	struct listener l = { .event = event, .arg = arg };

	g_array_append_val(layer->listeners, l);
}

static void tell_listeners(struct bdev_layer *layer, const char *what, const struct bdev *bdev)
{
	for (unsigned i = 0; i < layer->listeners->len; i++) {
		struct listener l = g_array_index(layer->listeners, struct listener, i);

		l.event(l.arg, what, bdev);
	}
}

struct bdev *bdev_find(struct bdev_layer *layer, const char *name_or_uuid)
{
	struct bdev *bdev = g_hash_table_lookup(layer->by_name, name_or_uuid);
	uint8_t uuid[16];

	if (bdev == NULL && bdev_uuid_parse(name_or_uuid, uuid))
		bdev = g_hash_table_lookup(layer->by_uuid, uuid);
	return bdev;
}

struct bdev_examiner *bdev_layer_examiner(struct bdev_layer *layer)
{
	return &layer->examiner;
}

/* --- registration ----------------------------------------------------------------- */

bool bdev_check_size(uint64_t num_blocks, uint32_t block_size, GError **error)
{
	if (block_size < 512 || block_size > 65536 || (block_size & (block_size - 1)) != 0)
		return weft_error_set(error, -EINVAL, NULL,
				      "block size %u: must be a power of two from 512 to 65536",
				      block_size);
	if (num_blocks == 0)
		return weft_error_set(error, -EINVAL, NULL, "a bdev has at least one block");
	if (num_blocks > (uint64_t)INT64_MAX / block_size)
		return weft_error_set(error, -EINVAL, NULL,
				      "%" G_GUINT64_FORMAT " blocks of %u bytes: too large",
				      num_blocks, block_size);
	return true;
}

bool bdev_check_name(const char *name, GError **error)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_LENGTH_MAX)
		return weft_error_set(error, -EINVAL, NULL,
				      "a bdev name has 1 to %d bytes, this one %zu",
				      NAME_LENGTH_MAX, len);
	if (!g_utf8_validate(name, -1, NULL))
		return weft_error_set(error, -EINVAL, NULL, "the bdev name is not UTF-8");
	for (; *name != '\0'; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return weft_error_set(error, -EINVAL, NULL,
					      "the bdev name has a control character");
	}
	return true;
}

bool bdev_register(struct bdev_layer *layer, struct bdev *bdev, GError **error)
{
	static const uint8_t zero[16];
	char uuid[37];

	if (!bdev_check_name(bdev->name, error) ||
	    !bdev_check_size(bdev->num_blocks, bdev->block_size, error))
		return false;
	if (memcmp(bdev->uuid, zero, sizeof(zero)) == 0)
		return weft_error_set(error, -EINVAL, NULL, "the uuid must not be zero");
	if (bdev_find(layer, bdev->name) != NULL)
		return weft_error_set(error, -EEXIST, NULL, "there is a bdev %s already",
				      bdev->name);
	bdev_uuid_format(bdev->uuid, uuid);
	if (bdev_find(layer, uuid) != NULL)
		return weft_error_set(error, -EEXIST, NULL, "there is a bdev with uuid %s already",
				      uuid);

	if (bdev->physical_block_size == 0)
		bdev->physical_block_size = bdev->block_size;
	bdev->layer = layer;
	bdev->removing = false;
	bdev->descs = g_ptr_array_new();
	g_ptr_array_add(layer->bdevs, bdev);
	g_hash_table_insert(layer->by_name, bdev->name, bdev);
	g_hash_table_insert(layer->by_uuid, bdev->uuid, bdev);
	tell_listeners(layer, "bdev_register", bdev);
	bdev_examine_new(bdev);
	return true;
}

static void make_name(struct bdev_layer *layer, struct bdev *bdev, const char *prefix)
{
	if (layer->prefix == NULL || strcmp(layer->prefix, prefix) != 0)
		layer->next_number = 0;
	layer->prefix = prefix;
	for (;; layer->next_number++) {
		bdev->name = g_strdup_printf("%s%u", prefix, layer->next_number);
		if (bdev_find(layer, bdev->name) == NULL)
			return;
		g_free(bdev->name);
	}
}

void bdev_init_common(struct bdev_layer *layer, struct bdev *bdev, const struct bdev_ops *ops,
		      const char *name, const char *prefix, const uint8_t *uuid)
{
	bdev->ops = ops;
	bdev->supported = (1u << BDEV_WRITE_UNCORRECTABLE) - 1; /* all that come before */
	bdev->can_place = true;
	bdev->numa_id = -1;
	if (name != NULL)
		bdev->name = g_strdup(name);
	else
		make_name(layer, bdev, prefix);
	if (uuid != NULL) {
		memcpy(bdev->uuid, uuid, sizeof(bdev->uuid));
		return;
	}
	hw_random(layer->core->hw, bdev->uuid, sizeof(bdev->uuid));
	bdev->uuid[6] = (bdev->uuid[6] & 0x0f) | 0x40; /* version 4: random */
	bdev->uuid[8] = (bdev->uuid[8] & 0x3f) | 0x80; /* variant of RFC 4122 */
}

void bdev_fini_common(struct bdev *bdev)
{
	g_free(bdev->name);
	bdev->name = NULL;
}

/* --- removal ------------------------------------------------------------------------ */

static void finish_removal(struct removal *removal)
{
	struct bdev *bdev = removal->bdev;
	void (*removed)(void *arg) = bdev->removed;
	void *arg = bdev->removed_arg;

	for (unsigned i = 0; i < CORE_MAX_REACTORS; i++)
		g_assert(bdev->channels[i] == NULL);
	g_ptr_array_remove(bdev->layer->removing, removal);
	g_ptr_array_free(bdev->descs, true);
	bdev->descs = NULL;
	bdev_qos_free(bdev);
	bdev_stats_free(bdev);
	bdev->ops->destroy(bdev);
	g_free(removal);
	if (removed != NULL)
		removed(arg);
}

static void removal_task(struct task *task)
{
	finish_removal((struct removal *)task);
}

static struct removal *find_removal(const struct bdev *bdev)
{
	for (unsigned i = 0; i < bdev->layer->removing->len; i++) {
		struct removal *removal = bdev->layer->removing->pdata[i];

		if (removal->bdev == bdev)
			return removal;
	}
	return NULL;
}

static void remove_when_closed(struct bdev *bdev)
{
	struct removal *removal = find_removal(bdev);

	if (removal != NULL && bdev->descs->len == 0)
		reactor_run_soon(core_main(bdev->layer->core), &removal->task);
}

/* A descriptor that has not been told, or NULL. Watchers may close any in their callback. */
static struct bdev_desc *next_untold(const struct bdev *bdev)
{
	for (unsigned i = 0; i < bdev->descs->len; i++) {
		struct bdev_desc *desc = bdev->descs->pdata[i];

		if (!desc->removed_told)
			return desc;
	}
	return NULL;
}

void bdev_unregister(struct bdev *bdev, void (*removed)(void *arg), void *arg)
{
	struct removal *removal;
	struct bdev_desc *desc;

	if (bdev == NULL || bdev->removing)
		return;
	bdev->removing = true;
	bdev->removed = removed;
	bdev->removed_arg = arg;
	g_ptr_array_remove(bdev->layer->bdevs, bdev);
	g_hash_table_remove(bdev->layer->by_name, bdev->name);
	g_hash_table_remove(bdev->layer->by_uuid, bdev->uuid);
	bdev->layer->next_number = 0;
	removal = g_new0(struct removal, 1);
	removal->task.fn = removal_task;
	removal->bdev = bdev;
	g_ptr_array_add(bdev->layer->removing, removal);

	tell_listeners(bdev->layer, "bdev_unregister", bdev);
	while ((desc = next_untold(bdev)) != NULL) {
		desc->removed_told = true;
		if (desc->events != NULL && desc->events->removed != NULL)
			desc->events->removed(desc, desc->user);
	}
	remove_when_closed(bdev);
}

void bdev_layer_free(struct bdev_layer *layer)
{
	if (layer == NULL)
		return;
	/* What only waits for a pass that will not come any more is finished here. */
	while (layer->removing->len > 0) {
		struct removal *removal = layer->removing->pdata[0];

		g_assert(removal->bdev->descs->len == 0);
		reactor_cancel_task(core_main(layer->core), &removal->task);
		finish_removal(removal);
	}
	g_assert(layer->bdevs->len == 0);
	bdev_examiner_fini(layer);
	g_hash_table_unref(layer->by_name);
	g_hash_table_unref(layer->by_uuid);
	g_ptr_array_free(layer->bdevs, true);
	g_ptr_array_free(layer->removing, true);
	g_array_free(layer->listeners, true);
	g_free(layer);
}

/* --- descriptors -------------------------------------------------------------------- */

bool bdev_is_claimed(const struct bdev *bdev)
{
	for (unsigned i = 0; i < bdev->descs->len; i++) {
		const struct bdev_desc *desc = bdev->descs->pdata[i];

		if (desc->exclusive)
			return true;
	}
	return false;
}

static struct bdev_desc *open_desc(struct bdev *bdev, bool exclusive,
				   const struct bdev_events *events, void *user)
{
	struct bdev_desc *desc = g_new0(struct bdev_desc, 1);

	desc->bdev = bdev;
	desc->events = events;
	desc->user = user;
	desc->exclusive = exclusive;
	g_ptr_array_add(bdev->descs, desc);
	return desc;
}

struct bdev_desc *bdev_open(struct bdev_layer *layer, const char *name, bool exclusive,
			    const struct bdev_events *events, void *user, GError **error)
{
	struct bdev *bdev = bdev_find(layer, name);

	if (bdev == NULL) {
		weft_error_set(error, -ENODEV, NULL, "there is no bdev %s", name);
		return NULL;
	}
	if (exclusive && bdev_is_claimed(bdev)) {
		weft_error_set(error, -EPERM, NULL, "bdev %s is in use by another", name);
		return NULL;
	}
	return open_desc(bdev, exclusive, events, user);
}

void bdev_close(struct bdev_desc *desc)
{
	struct bdev *bdev = desc->bdev;

	if (!g_ptr_array_remove(bdev->descs, desc))
		g_assert_not_reached();
	g_free(desc->owner);
	g_free(desc);
	remove_when_closed(bdev);
}

struct bdev *bdev_desc_bdev(const struct bdev_desc *desc)
{
	return desc->bdev;
}

void bdev_desc_set_owner(struct bdev_desc *desc, const char *owner)
{
	g_free(desc->owner);
	desc->owner = g_strdup(owner);
}

char *bdev_owners(const struct bdev *bdev)
{
	GString *text = g_string_new(NULL);

	/* None any more: it is being destroyed. */
	for (unsigned i = 0; bdev->descs != NULL && i < bdev->descs->len; i++) {
		const struct bdev_desc *desc = bdev->descs->pdata[i];

		if (desc->owner != NULL)
			g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", desc->owner);
	}
	return g_string_free(text, FALSE);
}

/* --- all reactors ------------------------------------------------------------------- */

struct visit {
	struct bdev_desc *desc; /* keeps the bdev */
	void (*each)(struct bdev *bdev, struct reactor *r, void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void visit_reactor(struct reactor *r, void *arg)
{
	struct visit *visit = arg;

	visit->each(visit->desc->bdev, r, visit->arg);
}

static void visited(void *arg)
{
	struct visit *visit = arg;

	bdev_close(visit->desc);
	if (visit->done != NULL)
		visit->done(visit->arg);
	g_free(visit);
}

void bdev_broadcast(struct bdev *bdev, void (*each)(struct bdev *bdev, struct reactor *r, void *arg),
		    void (*done)(void *arg), void *arg)
{
	struct visit *visit = g_new0(struct visit, 1);

	visit->desc = open_desc(bdev, false, NULL, NULL);
	visit->desc->removed_told = true; /* it has nothing to close */
	visit->each = each;
	visit->done = done;
	visit->arg = arg;
	core_broadcast(bdev->layer->core, visit_reactor, visited, visit);
}

/* --- size --------------------------------------------------------------------------- */

/* Watchers may close their own or other descriptors meanwhile: a copy is walked, and checked. */
static void tell_size(struct bdev *bdev, uint64_t blocks)
{
	g_autoptr(GPtrArray) descs = g_ptr_array_copy(bdev->descs, NULL, NULL);

	for (unsigned i = 0; i < descs->len; i++) {
		struct bdev_desc *desc = descs->pdata[i];

		if (!g_ptr_array_find(bdev->descs, desc, NULL))
			continue;
		if (desc->events != NULL && desc->events->resized != NULL)
			desc->events->resized(desc, blocks, desc->user);
	}
}

/* New channels, on other reactors too, start with what is written here. */
static void set_num_blocks(struct bdev *bdev, uint64_t blocks)
{
	trace_write(core_main(bdev->layer->core)->trace, TRACE_BDEV_RESIZE, blocks, 0);
	__atomic_store_n(&bdev->num_blocks, blocks, __ATOMIC_RELEASE);
}

static bool shrink(struct bdev *bdev, uint64_t blocks, GError **error)
{
	uint64_t old = bdev->num_blocks;

	set_num_blocks(bdev, blocks);
	tell_size(bdev, blocks);
	if (bdev->ops->resize(bdev, blocks, error))
		return true;
	/* It is as large as it was. */
	set_num_blocks(bdev, old);
	tell_size(bdev, old);
	return false;
}

bool bdev_resize(struct bdev *bdev, uint64_t blocks, GError **error)
{
	if (bdev->removing)
		return weft_error_set(error, -ENODEV, NULL, "bdev %s is being removed", bdev->name);
	if (bdev->ops->resize == NULL)
		return weft_error_set(error, -ENOTSUP, NULL, "a %s cannot change its size",
				      bdev->ops->product_name);
	if (!bdev_check_size(blocks, bdev->block_size, error))
		return false;
	if (blocks == bdev->num_blocks)
		return true;
	if (blocks < bdev->num_blocks) {
		if (!shrink(bdev, blocks, error))
			return false;
	} else {
		if (!bdev->ops->resize(bdev, blocks, error))
			return false;
		set_num_blocks(bdev, blocks);
		tell_size(bdev, blocks);
	}
	tell_listeners(bdev->layer, "bdev_resize", bdev);
	return true;
}

void bdev_size_changed(struct bdev *bdev, uint64_t blocks)
{
	if (bdev->removing || blocks == bdev->num_blocks)
		return;
	set_num_blocks(bdev, blocks);
	tell_size(bdev, blocks);
	tell_listeners(bdev->layer, "bdev_resize", bdev);
}
