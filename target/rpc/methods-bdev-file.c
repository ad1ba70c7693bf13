/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bdevs on files and block devices, under two names: bdev_aio_* and bdev_uring_*.
 *
 * Each call waits for the file, which may be for ever; a server that stops gives
 * them up.
 */
#include <errno.h>
#include <string.h>

#include "target/bdev/file.h"
#include "target/rpc/methods.h"

/* --- make --------------------------------------------------------------------------------- */

struct create {
	const char *name, *filename;
	uint32_t block_size;
	bool readonly, fallocate;
	struct rpc_bytes uuid;
};

#define FILE_COMMON                                                                                \
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct create, name, .min = 1, .max = 255),       \
		RPC_PARAM("filename", RPC_STR, RPC_REQUIRED, struct create, filename, .min = 1,    \
			  .max = 4095),                                                            \
		RPC_PARAM("block_size", RPC_U32, 0, struct create, block_size),                    \
		RPC_PARAM("uuid", RPC_UUID, 0, struct create, uuid),                               \
		RPC_PARAM("readonly", RPC_BOOL, 0, struct create, readonly)

static const struct rpc_param aio_params[] = {
	FILE_COMMON,
	RPC_PARAM("fallocate", RPC_BOOL, 0, struct create, fallocate),
	RPC_CHECKED("nowait", RPC_BOOL, RPC_IGNORED),
	{ 0 },
};

static const struct rpc_param uring_params[] = {
	FILE_COMMON,
	{ 0 },
};

static void created(void *arg, struct bdev *bdev, const GError *error)
{
	struct rpc_request *req = arg;

	rpc_wait_cancel(req);
	if (error)
		rpc_fail(req, error);
	else
		rpc_reply_string(req, bdev->name);
}

static bool opening(struct rpc_request *req, bool stop)
{
	if (stop) {
		bdev_file_cancel(req->scratch);
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	}
	return stop;
}

/* What the file lies on does not answer: it is given up. */
static void open_hangs(struct timer *timer, struct reactor *r)
{
	struct rpc_request *req =
		(struct rpc_request *)((char *)timer - offsetof(struct rpc_request, timer));
	const struct create *p = req->params;

	(void)r;
	rpc_wait_cancel(req);
	bdev_file_cancel(req->scratch);
	rpc_fail_with(req, -ETIMEDOUT, NULL,
		      "%s has not opened after %u s, so that there is no bdev %s; what the file "
		      "lies on does not answer",
		      p->filename, (unsigned)(RPC_PATIENCE / 1000000000), p->name);
}

/* What can be said without the file. */
static bool check(struct rpc_request *req, const struct create *p)
{
	if (p->block_size && (p->block_size < 512 || p->block_size > 65536 ||
			      (p->block_size & (p->block_size - 1)) != 0)) {
		rpc_fail_with(req, -EINVAL, NULL,
			      "block_size is %u; it must be a power of two from 512 to 65536, or "
			      "left out: then it is that of the file",
			      p->block_size);
		return false;
	}
	if (p->uuid.given && rpc_is_zero(p->uuid.v, sizeof(p->uuid.v))) {
		rpc_fail_with(req, -EINVAL, NULL, "a UUID of zeros means none; leave uuid out");
		return false;
	}
	if (bdev_find(req->server->bdevs, p->name)) {
		rpc_fail_with(req, -EEXIST, NULL, "there is a bdev %s already", p->name);
		return false;
	}
	return true;
}

static void create(struct rpc_request *req, enum bdev_file_kind kind)
{
	const struct create *p = req->params;
	const struct bdev_file_opts opts = {
		.kind = kind,
		.name = p->name,
		.filename = p->filename,
		.block_size = p->block_size,
		.uuid = p->uuid.given ? p->uuid.v : NULL,
		.read_only = p->readonly,
		.fallocate = p->fallocate,
	};

	if (!check(req, p))
		return;
	req->scratch = bdev_file_create(req->server->bdevs, &opts, created, req);
	rpc_wait(req, opening);
	req->timer.fn = open_hangs;
	reactor_timer_set(req->server->reactor, &req->timer,
			  req->server->reactor->now + RPC_PATIENCE);
}

static void bdev_aio_create(struct rpc_request *req)
{
	create(req, BDEV_FILE_AIO);
}

static void bdev_uring_create(struct rpc_request *req)
{
	create(req, BDEV_FILE_URING);
}

/* --- rescan, delete ------------------------------------------------------------------------- */

struct by_name {
	const char *name;
};

static const struct rpc_param name_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct by_name, name),
	{ 0 },
};

static struct bdev *find(struct rpc_request *req, enum bdev_file_kind kind)
{
	const struct by_name *p = req->params;
	struct bdev *bdev = bdev_find(req->server->bdevs, p->name);

	if (bdev && bdev_is_file(bdev, kind))
		return bdev;
	if (bdev)
		rpc_fail_with(req, -ENODEV, NULL, "\"%s\" is a %s, not a %s", p->name,
			      bdev->ops->product_name,
			      kind == BDEV_FILE_AIO ? "AIO disk" : "URING bdev");
	else
		rpc_fail_with(req, -ENODEV, NULL,
			      "there is no bdev with the name or UUID \"%s\"; bdev_get_bdevs "
			      "lists them",
			      p->name);
	return NULL;
}

static void rescanned(void *patience, bool gone)
{
	g_autoptr(GError) error = NULL;

	if (gone)
		weft_error_set(&error, -ENODEV, NULL, "the file or device has gone");
	rpc_patience_done(patience, error);
}

/* req, and its parameters, are there as long as it waits. */
static char *rescan_waits(void *req)
{
	const struct by_name *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("the file of %s has not told its size", p->name);
}

static void rescan(struct rpc_request *req, enum bdev_file_kind kind)
{
	struct bdev *bdev = find(req, kind);

	if (bdev)
		bdev_file_rescan(bdev, rescanned, rpc_patience_new(req, rescan_waits, req));
}

static void bdev_aio_rescan(struct rpc_request *req)
{
	rescan(req, BDEV_FILE_AIO);
}

static void bdev_uring_rescan(struct rpc_request *req)
{
	rescan(req, BDEV_FILE_URING);
}

static void delete (struct rpc_request *req, enum bdev_file_kind kind)
{
	struct bdev *bdev = find(req, kind);

	if (bdev)
		bdev_file_delete(bdev, rpc_patience_removed,
				 rpc_patience_new(req, rpc_bdev_waits, bdev));
}

static void bdev_aio_delete(struct rpc_request *req)
{
	delete (req, BDEV_FILE_AIO);
}

static void bdev_uring_delete(struct rpc_request *req)
{
	delete (req, BDEV_FILE_URING);
}

/* --- shown and saved ------------------------------------------------------------------------ */

void rpc_bdev_file_specific(const struct bdev *bdev, JsonObject *specific)
{
	bool aio = bdev_is_file(bdev, BDEV_FILE_AIO);
	struct bdev_file_opts o;
	JsonObject *about;

	if (!aio && !bdev_is_file(bdev, BDEV_FILE_URING))
		return;
	o = bdev_file_opts(bdev);
	about = json_object_new();
	json_object_set_string_member(about, "filename", o.filename);
	if (aio) {
		json_object_set_boolean_member(about, "block_size_override", o.block_size != 0);
		json_object_set_boolean_member(about, "readonly", o.read_only);
		json_object_set_boolean_member(about, "fallocate", o.fallocate);
	}
	json_object_set_object_member(specific, aio ? "aio" : "uring", about);
}

bool rpc_config_bdev_file(const struct bdev *bdev, JsonArray *config)
{
	bool aio = bdev_is_file(bdev, BDEV_FILE_AIO);
	struct bdev_file_opts o;
	JsonObject *params;
	char uuid[37];

	if (!aio && !bdev_is_file(bdev, BDEV_FILE_URING))
		return false;
	o = bdev_file_opts(bdev);
	params = json_object_new();
	bdev_uuid_format(bdev->uuid, uuid);
	json_object_set_string_member(params, "name", bdev->name);
	json_object_set_string_member(params, "filename", o.filename);
	/* Also where it was left out: another medium's could be another. */
	json_object_set_int_member(params, "block_size", bdev->block_size);
	if (o.read_only || aio)
		json_object_set_boolean_member(params, "readonly", o.read_only);
	if (aio)
		json_object_set_boolean_member(params, "fallocate", o.fallocate);
	json_object_set_string_member(params, "uuid", uuid);
	rpc_config_add(config, aio ? "bdev_aio_create" : "bdev_uring_create", params);
	return true;
}

const struct rpc_method rpc_methods_bdev_file[] = {
	{ .name = "bdev_aio_create",
	  .makes = true,
	  .call = bdev_aio_create,
	  .params = aio_params,
	  .params_size = sizeof(struct create),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_aio_rescan",
	  .call = bdev_aio_rescan,
	  .params = name_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_aio_delete",
	  .makes = true,
	  .call = bdev_aio_delete,
	  .params = name_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_uring_create",
	  .makes = true,
	  .call = bdev_uring_create,
	  .params = uring_params,
	  .params_size = sizeof(struct create),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_uring_rescan",
	  .call = bdev_uring_rescan,
	  .params = name_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_uring_delete",
	  .makes = true,
	  .call = bdev_uring_delete,
	  .params = name_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ 0 },
};
