/* SPDX-License-Identifier: BSD-3-Clause */
/* Block devices: malloc and null ones, bdev_get_bdevs, their saved configuration. */
#include <errno.h>
#include <string.h>

#include "target/rpc/methods.h"
#include "target/rpc/walk.h"

#define MIB ((uint64_t)1 << 20)

/* --- bdev_get_bdevs ------------------------------------------------------------------- */

static JsonObject *io_types(const struct bdev *bdev)
{
	/* In the order users know; weft's own operation, or -1: it has none. */
	static const struct {
		const char *name;
		int op;
	} types[] = {
		{ "read", BDEV_READ },
		{ "write", BDEV_WRITE },
		{ "unmap", BDEV_UNMAP },
		{ "flush", BDEV_FLUSH },
		{ "reset", -1 },
		{ "nvme_admin", -1 },
		{ "nvme_io", -1 },
		{ "nvme_io_md", -1 },
		{ "write_zeroes", BDEV_WRITE_ZEROES },
		{ "zcopy", -1 },
		{ "get_zone_info", -1 },
		{ "zone_management", -1 },
		{ "zone_append", -1 },
		{ "compare", -1 },
		{ "compare_and_write", -1 },
		{ "abort", -1 },
		{ "seek_hole", -1 },
		{ "seek_data", -1 },
		{ "copy", -1 },
		{ "nvme_iov_md", -1 },
		{ "nvme_nssr", -1 },
		{ "write_uncorrectable", -1 },
	};
	JsonObject *o = json_object_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
		json_object_set_boolean_member(o, types[i].name,
					       types[i].op >= 0 &&
						       (bdev->supported & 1u << types[i].op));
	return o;
}

static void add_preferred(JsonObject *o, const struct bdev_preferred *p)
{
	json_object_set_int_member(o, "preferred_write_alignment", p->write_alignment);
	json_object_set_int_member(o, "preferred_write_granularity", p->write_granularity);
	json_object_set_int_member(o, "optimal_write_size", p->write_size);
	json_object_set_int_member(o, "preferred_unmap_alignment", p->unmap_alignment);
	json_object_set_int_member(o, "preferred_unmap_granularity", p->unmap_granularity);
}

static JsonObject *bdev_json(const struct bdev *bdev)
{
	JsonObject *o = json_object_new();
	JsonArray *aliases = json_array_new();
	JsonObject *specific = json_object_new();
	bool claimed = bdev_is_claimed(bdev);
	char uuid[37];

	bdev_uuid_format(bdev->uuid, uuid);
	json_object_set_string_member(o, "name", bdev->name);
	json_array_add_string_element(aliases, uuid);
	json_object_set_array_member(o, "aliases", aliases);
	json_object_set_string_member(o, "product_name", bdev->ops->product_name);
	json_object_set_int_member(o, "block_size", bdev->block_size);
	json_object_set_int_member(o, "num_blocks", (gint64)bdev->num_blocks);
	add_preferred(o, &bdev->preferred);
	json_object_set_string_member(o, "uuid", uuid);
	if (bdev_is_malloc(bdev)) /* it has memory */
		json_object_set_int_member(o, "numa_id", bdev->numa_id);
	json_object_set_object_member(o, "assigned_rate_limits", rpc_bdev_limits(bdev));
	json_object_set_boolean_member(o, "claimed", claimed);
	if (claimed)
		json_object_set_string_member(o, "claim_type", "exclusive_write");
	json_object_set_boolean_member(o, "zoned", FALSE);
	json_object_set_object_member(o, "supported_io_types", io_types(bdev));
	rpc_bdev_file_specific(bdev, specific);
	rpc_bdev_layer_specific(bdev, specific);
	json_object_set_object_member(o, "driver_specific", specific);
	return o;
}

struct get_bdevs {
	const char *name;
	uint64_t timeout; /* ms */
};

static const struct rpc_param get_bdevs_params[] = {
	RPC_PARAM("name", RPC_STR, 0, struct get_bdevs, name),
	RPC_PARAM("timeout", RPC_U64, 0, struct get_bdevs, timeout, .max = 86400000),
	{ 0 },
};

static void no_such_bdev(struct rpc_request *req, const char *name)
{
	rpc_fail_with(req, -ENODEV, NULL,
		      "there is no bdev with the name or UUID \"%s\"; bdev_get_bdevs lists them",
		      name);
}

static bool reply_bdev(struct rpc_request *req)
{
	const struct get_bdevs *p = req->params;
	struct bdev *bdev = bdev_find(req->server->bdevs, p->name);
	JsonArray *array;

	if (!bdev)
		return false;
	array = json_array_new();
	json_array_add_object_element(array, bdev_json(bdev));
	rpc_reply_array(req, array);
	return true;
}

static bool look_for_bdev(struct rpc_request *req, bool give_up)
{
	if (reply_bdev(req))
		return true;
	if (give_up)
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	return give_up;
}

static void get_bdevs_timeout(struct timer *timer, struct reactor *r)
{
	struct rpc_request *req =
		(struct rpc_request *)((char *)timer - offsetof(struct rpc_request, timer));
	const struct get_bdevs *p = req->params;

	(void)r;
	rpc_wait_cancel(req);
	no_such_bdev(req, p->name);
}

struct all_bdevs {
	struct rpc_pieces pieces;
	struct rpc_walk walk;
	bool comma;
};

static bool more_bdevs(struct rpc_pieces *pieces, GString *out)
{
	struct all_bdevs *all = (struct all_bdevs *)pieces;
	const char *name = rpc_walk_name(&all->walk);
	const struct bdev *bdev;

	if (all->walk.at == 0)
		g_string_append_c(out, '[');
	if (!name) {
		g_string_append_c(out, ']');
		return false;
	}
	bdev = bdev_find(all->walk.server->bdevs, name);
	if (bdev) {
		rpc_append_object(out, bdev_json(bdev), all->comma);
		all->comma = true;
	}
	all->walk.at++;
	return true;
}

static void free_bdevs(struct rpc_pieces *pieces)
{
	rpc_walk_clear(&((struct all_bdevs *)pieces)->walk);
	g_free(pieces);
}

static void reply_bdevs(struct rpc_request *req)
{
	struct all_bdevs *all = g_new0(struct all_bdevs, 1);

	all->pieces = (struct rpc_pieces){ more_bdevs, free_bdevs };
	all->walk.server = req->server;
	rpc_walk_bdevs(&all->walk);
	rpc_reply_pieces(req, &all->pieces);
}

static void bdev_get_bdevs(struct rpc_request *req)
{
	const struct get_bdevs *p = req->params;
	struct reactor *r = req->server->reactor;

	if (p->name) {
		if (reply_bdev(req))
			return;
		if (!p->timeout) {
			no_such_bdev(req, p->name);
			return;
		}
		req->timer.fn = get_bdevs_timeout;
		reactor_timer_set(r, &req->timer, r->now + p->timeout * 1000000);
		rpc_wait(req, look_for_bdev);
		return;
	}
	reply_bdevs(req);
}

/* --- make --------------------------------------------------------------------------------- */

struct create {
	const char *name;
	uint32_t block_size, physical_block_size, optimal_io_boundary;
	uint64_t num_blocks;
	int32_t numa_id;
	struct bdev_preferred preferred;
	struct rpc_bytes uuid;
};

/* clang-format off */
#define CREATE_COMMON                                                                       \
	RPC_PARAM("block_size", RPC_U32, RPC_REQUIRED, struct create, block_size),          \
	RPC_PARAM("num_blocks", RPC_U64, RPC_REQUIRED, struct create, num_blocks,           \
		  .max = INT64_MAX),                                                        \
	RPC_PARAM("uuid", RPC_UUID, 0, struct create, uuid),                                \
	RPC_PARAM("physical_block_size", RPC_U32, 0, struct create, physical_block_size),   \
	RPC_CHECKED("md_size", RPC_U32, RPC_FIXED),                                         \
	RPC_CHECKED("dif_type", RPC_I32, RPC_FIXED),                                        \
	RPC_CHECKED("dif_pi_format", RPC_U32, RPC_FIXED),                                   \
	RPC_CHECKED("dif_is_head_of_md", RPC_BOOL, RPC_FIXED)
/* clang-format on */

static const struct rpc_param malloc_params[] = {
	RPC_PARAM("name", RPC_STR, 0, struct create, name, .min = 1, .max = 255),
	CREATE_COMMON,
	RPC_PARAM("optimal_io_boundary", RPC_U32, 0, struct create, optimal_io_boundary),
	RPC_CHECKED("md_interleave", RPC_BOOL, RPC_FIXED),
	RPC_PARAM("numa_id", RPC_I32, 0, struct create, numa_id),
	{ 0 },
};

static const struct rpc_param null_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct create, name, .min = 1, .max = 255),
	CREATE_COMMON,
	RPC_PARAM("preferred_write_granularity", RPC_U32, 0, struct create,
		  preferred.write_granularity),
	RPC_PARAM("preferred_write_alignment", RPC_U32, 0, struct create,
		  preferred.write_alignment),
	RPC_PARAM("optimal_write_size", RPC_U32, 0, struct create, preferred.write_size),
	RPC_PARAM("preferred_unmap_granularity", RPC_U32, 0, struct create,
		  preferred.unmap_granularity),
	RPC_PARAM("preferred_unmap_alignment", RPC_U32, 0, struct create,
		  preferred.unmap_alignment),
	{ 0 },
};

static void create_defaults(void *params)
{
	((struct create *)params)->numa_id = -1;
}

typedef struct bdev *create_fn(struct bdev_layer *layer, const char *name, uint64_t num_blocks,
			       uint32_t block_size, const uint8_t *uuid, GError **error);

static bool check_create(struct rpc_request *req, const struct create *p)
{
	uint32_t phys = p->physical_block_size;

	if (phys && (phys < p->block_size || (phys & (phys - 1)) != 0)) {
		rpc_fail_with(req, -EINVAL, NULL,
			      "physical_block_size is %u; it must be a power of two and at least "
			      "block_size (%u)",
			      phys, p->block_size);
		return false;
	}
	if (p->uuid.given && rpc_is_zero(p->uuid.v, sizeof(p->uuid.v))) {
		rpc_fail_with(req, -EINVAL, NULL, "a UUID of zeros means none; leave uuid out");
		return false;
	}
	return true;
}

static void create(struct rpc_request *req, create_fn *fn)
{
	const struct create *p = req->params;
	g_autoptr(GError) error = NULL;
	struct bdev *bdev;

	if (!check_create(req, p))
		return;
	bdev = fn(req->server->bdevs, p->name, p->num_blocks, p->block_size,
		  p->uuid.given ? p->uuid.v : NULL, &error);
	if (!bdev) {
		rpc_fail(req, error);
		return;
	}
	if (p->physical_block_size) /* nobody has opened it yet */
		bdev->physical_block_size = p->physical_block_size;
	bdev->preferred = p->preferred;
	bdev->optimal_io_boundary = p->optimal_io_boundary;
	bdev->numa_id = MAX(p->numa_id, -1);
	rpc_reply_string(req, bdev->name);
}

static void bdev_malloc_create_method(struct rpc_request *req)
{
	create(req, bdev_malloc_create);
}

static void bdev_null_create_method(struct rpc_request *req)
{
	create(req, bdev_null_create);
}

/* --- delete, resize ------------------------------------------------------------------------- */

struct by_name {
	const char *name;
	uint64_t new_size; /* MiB */
};

static const struct rpc_param delete_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct by_name, name),
	{ 0 },
};

static const struct rpc_param resize_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct by_name, name),
	RPC_PARAM("new_size", RPC_U64, RPC_REQUIRED, struct by_name, new_size,
		  .max = INT64_MAX / MIB),
	{ 0 },
};

/* NULL: the request has been failed. */
static struct bdev *find(struct rpc_request *req, bool (*is)(const struct bdev *bdev),
			 const char *kind)
{
	return rpc_bdev_find(req, ((const struct by_name *)req->params)->name, is, kind);
}

static void bdev_malloc_delete(struct rpc_request *req)
{
	struct bdev *bdev = find(req, bdev_is_malloc, "Malloc disk");

	if (bdev)
		rpc_bdev_delete(req, bdev);
}

static void bdev_null_delete(struct rpc_request *req)
{
	struct bdev *bdev = find(req, bdev_is_null, "Null disk");

	if (bdev)
		rpc_bdev_delete(req, bdev);
}

static void bdev_null_resize(struct rpc_request *req)
{
	const struct by_name *p = req->params;
	struct bdev *bdev = find(req, bdev_is_null, "Null disk");
	g_autoptr(GError) error = NULL;
	uint64_t bytes = p->new_size * MIB;

	if (!bdev)
		return;
	if (bytes / bdev->block_size < bdev->num_blocks || bytes % bdev->block_size != 0) {
		rpc_fail_with(req, -EINVAL, NULL,
			      "new_size is %" G_GUINT64_FORMAT " MiB; \"%s\" has %" G_GUINT64_FORMAT
			      " blocks of %u bytes and can only grow",
			      p->new_size, p->name, bdev->num_blocks, bdev->block_size);
		return;
	}
	if (!bdev_resize(bdev, bytes / bdev->block_size, &error))
		rpc_fail(req, error);
	else
		rpc_reply_true(req);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void config_simple(const struct bdev *bdev, JsonArray *config)
{
	JsonObject *params;
	char uuid[37];

	if (!bdev_is_malloc(bdev) && !bdev_is_null(bdev))
		return;
	params = json_object_new();
	bdev_uuid_format(bdev->uuid, uuid);
	json_object_set_string_member(params, "name", bdev->name);
	json_object_set_int_member(params, "num_blocks", (gint64)bdev->num_blocks);
	json_object_set_int_member(params, "block_size", bdev->block_size);
	json_object_set_int_member(params, "physical_block_size", bdev->physical_block_size);
	if (bdev_is_malloc(bdev)) {
		json_object_set_int_member(params, "optimal_io_boundary",
					   bdev->optimal_io_boundary);
		if (bdev->numa_id >= 0)
			json_object_set_int_member(params, "numa_id", bdev->numa_id);
	} else {
		add_preferred(params, &bdev->preferred);
	}
	json_object_set_string_member(params, "uuid", uuid);
	rpc_config_add(config, bdev_is_malloc(bdev) ? "bdev_malloc_create" : "bdev_null_create",
		       params);
}

static void config_bdev(const struct bdev *bdev, JsonArray *config)
{
	if (!rpc_config_bdev_file(bdev, config) && !rpc_config_bdev_layer(bdev, config))
		config_simple(bdev, config);
	rpc_config_bdev_limits(bdev, config);
	rpc_config_bdev_stat(bdev, config);
}

/* In the order they were made: what is below comes first. */
bool rpc_walk_config_bdev(struct rpc_walk *walk, JsonArray *config)
{
	struct rpc_server *server = walk->server;
	const struct bdev *bdev;
	const char *name;

	if (!walk->names) {
		rpc_config_bdev_options(server, config);
		rpc_config_bdev_deferred(server, true, config);
		rpc_walk_bdevs(walk);
	}
	name = rpc_walk_name(walk);
	if (!name) {
		rpc_config_bdev_deferred(server, false, config);
		return false;
	}
	bdev = bdev_find(server->bdevs, name);
	if (bdev)
		config_bdev(bdev, config);
	walk->at++;
	return true;
}

const struct rpc_method rpc_methods_bdev[] = {
	{ .name = "bdev_get_bdevs",
	  .call = bdev_get_bdevs,
	  .params = get_bdevs_params,
	  .params_size = sizeof(struct get_bdevs),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_malloc_create",
	  .makes = true,
	  .call = bdev_malloc_create_method,
	  .params = malloc_params,
	  .params_size = sizeof(struct create),
	  .defaults = create_defaults,
	  .states = RPC_RUNTIME },
	{ .name = "bdev_malloc_delete",
	  .makes = true,
	  .call = bdev_malloc_delete,
	  .params = delete_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_null_create",
	  .makes = true,
	  .call = bdev_null_create_method,
	  .params = null_params,
	  .params_size = sizeof(struct create),
	  .defaults = create_defaults,
	  .states = RPC_RUNTIME },
	{ .name = "bdev_null_delete",
	  .makes = true,
	  .call = bdev_null_delete,
	  .params = delete_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ .name = "bdev_null_resize",
	  .makes = true,
	  .call = bdev_null_resize,
	  .params = resize_params,
	  .params_size = sizeof(struct by_name),
	  .states = RPC_RUNTIME },
	{ 0 },
};
