/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file bdev's life: opening, size, removal. I/O is in file-io.c.
 *
 * Opening and closing may take for ever (a server that does not answer); nobody
 * waits for that but who asked for it.
 */
#include "target/bdev/file-priv.h"

#include <errno.h>
#include <string.h>

#include "target/core/error.h"

struct bdev_file_opening {
	struct bdev_layer *layer;
	struct bdev_file *bf;
	bool has_uuid;
	struct task task; /* the end, where it is known at once */
	int err;
	void (*done)(void *arg, struct bdev *bdev, const GError *error);
	void *arg;
};

struct file_rescan {
	void (*done)(void *arg, bool gone);
	void *arg;
};

static void bf_free(struct bdev_file *bf)
{
	bdev_fini_common(&bf->bdev);
	g_array_free(bf->rescans, TRUE);
	g_free(bf->filename);
	g_free(bf);
}

/* --- the end ------------------------------------------------------------------------- */

static void answer_rescans(struct bdev_file *bf, bool gone)
{
	g_autoptr(GArray) rescans = bf->rescans;

	bf->rescans = g_array_new(FALSE, FALSE, sizeof(struct file_rescan));
	for (guint i = 0; i < rescans->len; i++) {
		const struct file_rescan *r = &g_array_index(rescans, struct file_rescan, i);

		r->done(r->arg, gone);
	}
}

static void closed(void *user)
{
	struct bdev_file *bf = user;

	bf->deleted(bf->deleted_arg);
	bf_free(bf);
}

static void file_destroy(struct bdev *bdev)
{
	struct bdev_file *bf = bdev_file_of(bdev);

	answer_rescans(bf, true);
	if (bf->deleted != NULL) {
		bf->ops->close(bf->file, closed, bf);
		return;
	}
	/* What the closing waits for is nobody's business. */
	bf->ops->close(bf->file, NULL, NULL);
	bf_free(bf);
}

void bdev_file_delete(struct bdev *bdev, void (*deleted)(void *arg), void *arg)
{
	struct bdev_file *bf = bdev_file_of(bdev);

	bf->deleted = deleted;
	bf->deleted_arg = arg;
	bdev_unregister(bdev, NULL, NULL);
}

/* --- what it is ----------------------------------------------------------------------- */

static const struct bdev_ops aio_ops = {
	.product_name = "AIO disk",
	.destroy = file_destroy,
	.channel_open = bdev_file_channel_open,
	.channel_close = bdev_file_channel_close,
	.submit = bdev_file_submit,
	.abort = bdev_file_abort,
};

static const struct bdev_ops uring_ops = {
	.product_name = "URING bdev",
	.destroy = file_destroy,
	.channel_open = bdev_file_channel_open,
	.channel_close = bdev_file_channel_close,
	.submit = bdev_file_submit,
	.abort = bdev_file_abort,
};

bool bdev_is_file(const struct bdev *bdev, enum bdev_file_kind kind)
{
	return bdev->ops == (kind == BDEV_FILE_AIO ? &aio_ops : &uring_ops);
}

struct bdev_file_opts bdev_file_opts(const struct bdev *bdev)
{
	const struct bdev_file *bf = bdev_file_of(bdev);

	return (struct bdev_file_opts){
		.kind = bf->kind,
		.name = bdev->name,
		.filename = bf->filename,
		.block_size = bf->block_size_given,
		.uuid = bdev->uuid,
		.read_only = (bdev->supported & 1u << BDEV_WRITE) == 0,
		.fallocate = bf->fallocate,
	};
}

/* Version 5 (RFC 4122): the SHA-1 of a name space of ours and what the object is. */
static void derive_uuid(const char *identity, uint8_t uuid[16])
{
	static const uint8_t space[16] = { 0x5c, 0x0d, 0x2a, 0x7e, 0x91, 0x34, 0x4f, 0x6b,
					   0xa2, 0x1f, 0x0c, 0x8d, 0x77, 0x65, 0x66, 0x74 };
	g_autoptr(GChecksum) sha1 = g_checksum_new(G_CHECKSUM_SHA1);
	uint8_t digest[20];
	gsize len = sizeof(digest);

	g_checksum_update(sha1, space, sizeof(space));
	g_checksum_update(sha1, (const guchar *)identity, (gssize)strlen(identity));
	g_checksum_get_digest(sha1, digest, &len);
	memcpy(uuid, digest, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x50;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/* --- size ------------------------------------------------------------------------------ */

static void take_size(struct bdev_file *bf, uint64_t size)
{
	uint64_t blocks = MIN(size, INT64_MAX) / bf->bdev.block_size;
	struct core *core = bdev_layer_core(bf->bdev.layer);
	char name[300];

	if (blocks == bf->bdev.num_blocks || bf->bdev.removing)
		return;
	if (blocks == 0) {
		/* A namespace has at least one block; reading it says that it is not there. */
		log_warn(core->log, "bdev.file", "less than one block is left",
			 "bdev=%s bytes=%" G_GUINT64_FORMAT,
			 log_quote(bf->bdev.name, name, sizeof(name)), size);
		blocks = 1;
	}
	log_notice(core->log, "bdev.file", "size has changed",
		   "bdev=%s blocks=%" G_GUINT64_FORMAT " was=%" G_GUINT64_FORMAT,
		   log_quote(bf->bdev.name, name, sizeof(name)), blocks, bf->bdev.num_blocks);
	bdev_size_changed(&bf->bdev, blocks);
}

static void file_changed(struct file *file, int err, uint64_t size, void *user)
{
	struct bdev_file *bf = user;
	struct core *core;
	char name[300];

	(void)file;
	if (bf->opening != NULL)
		return;
	core = bdev_layer_core(bf->bdev.layer);
	if (err == 0) {
		take_size(bf, size);
		answer_rescans(bf, false);
		return;
	}
	if (!bf->bdev.removing) {
		log_error(core->log, "bdev.file", "the device has gone", "bdev=%s",
			  log_quote(bf->bdev.name, name, sizeof(name)));
		bdev_unregister(&bf->bdev, NULL, NULL);
	}
	answer_rescans(bf, true);
}

void bdev_file_rescan(struct bdev *bdev, void (*done)(void *arg, bool gone), void *arg)
{
	struct bdev_file *bf = bdev_file_of(bdev);
	struct file_rescan rescan = { done, arg };

	g_array_append_val(bf->rescans, rescan);
	bf->ops->check(bf->file);
}

/* --- opening ----------------------------------------------------------------------------- */

static void end_opening(struct bdev_file_opening *o, struct bdev *bdev, const GError *error)
{
	o->done(o->arg, bdev, error);
	g_free(o);
}

/* The file is closed behind the caller's back. */
static void give_up(struct bdev_file *bf)
{
	if (bf->file != NULL)
		bf->ops->close(bf->file, NULL, NULL);
	bf_free(bf);
}

static bool check_info(const struct bdev_file *bf, const struct file_info *info, GError **error)
{
	uint32_t given = bf->block_size_given;

	if (info->device && given != 0 && given < info->block_size)
		return weft_error_set(
			error, -EINVAL, NULL,
			"block_size is %u; the blocks of %s have %u bytes, and cannot "
			"be written by halves",
			given, bf->filename, info->block_size);
	if (info->size < bf->bdev.block_size)
		return weft_error_set(error, -EINVAL, NULL,
				      "%s has %" G_GUINT64_FORMAT
				      " bytes: less than one block of %u",
				      bf->filename, info->size, bf->bdev.block_size);
	return true;
}

static void describe(struct bdev_file *bf, const struct file_info *info)
{
	struct bdev *b = &bf->bdev;

	bf->device = info->device;
	bf->direct_unit = info->direct ? info->block_size : 0;
	b->block_size = bf->block_size_given != 0 ? bf->block_size_given : info->block_size;
	b->physical_block_size = MAX(b->block_size, info->physical_block_size);
	b->num_blocks = MIN(info->size, INT64_MAX) / b->block_size;
	b->unmap_zeroes = !info->device;
	b->write_cache = true;
	b->can_place = false;
}

static bool make_bdev(struct bdev_file_opening *o, GError **error)
{
	struct bdev_file *bf = o->bf;
	struct file_info info;

	bf->ops->info(bf->file, &info);
	describe(bf, &info);
	if (!check_info(bf, &info, error))
		return false;
	if (!o->has_uuid)
		derive_uuid(info.identity, bf->bdev.uuid);
	return bdev_register(o->layer, &bf->bdev, error);
}

static void file_opened(struct file *file, int err, void *user)
{
	struct bdev_file *bf = user;
	struct bdev_file_opening *o = bf->opening;
	g_autoptr(GError) error = NULL;

	(void)file;
	bf->opening = NULL;
	if (err != 0)
		weft_error_set(&error, err, NULL, "%s cannot be opened: %s", bf->filename,
			       err == -EINVAL ? "it is neither a regular file nor a block device"
					      : g_strerror(-err));
	if (err == 0 && make_bdev(o, &error)) {
		end_opening(o, &bf->bdev, NULL);
		return;
	}
	give_up(bf);
	end_opening(o, NULL, error);
}

static const struct file_cb file_callbacks = {
	.opened = file_opened,
	.changed = file_changed,
};

static void failed_at_once(struct task *task)
{
	struct bdev_file_opening *o =
		(struct bdev_file_opening *)((char *)task -
					     offsetof(struct bdev_file_opening, task));

	file_opened(NULL, o->err, o->bf);
}

static struct bdev_file *bf_new(struct bdev_layer *layer, const struct bdev_file_opts *opts)
{
	struct bdev_file *bf = g_new0(struct bdev_file, 1);
	static const uint8_t none[16];

	/* The layer's part, with a uuid that is replaced before anybody sees it. */
	bdev_init_common(layer, &bf->bdev, opts->kind == BDEV_FILE_AIO ? &aio_ops : &uring_ops,
			 opts->name, "File", opts->uuid != NULL ? opts->uuid : none);
	bf->bdev.supported = 1u << BDEV_READ | 1u << BDEV_FLUSH;
	if (!opts->read_only)
		bf->bdev.supported |= 1u << BDEV_WRITE | 1u << BDEV_WRITE_ZEROES | 1u << BDEV_UNMAP;
	bf->kind = opts->kind;
	bf->ops = bdev_layer_hw(layer)->file->ops;
	bf->filename = g_strdup(opts->filename);
	bf->block_size_given = opts->block_size;
	bf->fallocate = opts->fallocate;
	bf->rescans = g_array_new(FALSE, FALSE, sizeof(struct file_rescan));
	return bf;
}

struct bdev_file_opening *
bdev_file_create(struct bdev_layer *layer, const struct bdev_file_opts *opts,
		 void (*done)(void *arg, struct bdev *bdev, const GError *error), void *arg)
{
	struct bdev_file_opening *o = g_new0(struct bdev_file_opening, 1);
	struct reactor *r = core_main(bdev_layer_core(layer));
	struct hw_file *hw = bdev_layer_hw(layer)->file;
	struct bdev_file *bf = bf_new(layer, opts);

	o->layer = layer;
	o->bf = bf;
	o->has_uuid = opts->uuid != NULL;
	o->done = done;
	o->arg = arg;
	bf->opening = o;
	o->err = hw->ops->open(hw, r, opts->filename, opts->read_only ? FILE_READ_ONLY : 0,
			       &file_callbacks, bf, &bf->file);
	if (o->err != 0) {
		bf->file = NULL;
		o->task.fn = failed_at_once;
		reactor_run_soon(r, &o->task);
	}
	return o;
}

void bdev_file_cancel(struct bdev_file_opening *o)
{
	if (o->err != 0)
		reactor_cancel_task(core_main(bdev_layer_core(o->layer)), &o->task);
	give_up(o->bf);
	g_free(o);
}
