/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bdevs on top of others: delay, error and passthru; and the removal of any bdev,
 * which is answered also when something below it never ends.
 */
#include <errno.h>

#include "target/nvme/nvme.h"
#include "target/rpc/methods.h"

#define US UINT64_C(1000)
/* --- removal --------------------------------------------------------------------------- */

char *rpc_bdev_waits(void *arg)
{
	const struct bdev *bdev = arg;
	g_autofree char *owners = bdev_owners(bdev);

	return g_strdup_printf("\"%s\" serves nobody any more, but %s still waits for its I/O",
			       bdev->name, *owners ? owners : "somebody");
}

void rpc_bdev_delete(struct rpc_request *req, struct bdev *bdev)
{
	bdev_unregister(bdev, rpc_patience_removed, rpc_patience_new(req, rpc_bdev_waits, bdev));
}

struct bdev *rpc_bdev_find(struct rpc_request *req, const char *name,
			   bool (*is)(const struct bdev *bdev), const char *kind)
{
	struct bdev *bdev = bdev_find(req->server->bdevs, name);

	if (bdev && (!is || is(bdev)))
		return bdev;
	if (bdev)
		rpc_fail_with(req, -ENODEV, NULL, "\"%s\" is a %s, not a %s", name,
			      bdev->ops->product_name, kind);
	else
		rpc_fail_with(req, -ENODEV, NULL,
			      "there is no bdev with the name or UUID \"%s\"; bdev_get_bdevs "
			      "lists them",
			      name);
	return NULL;
}

/* --- making ------------------------------------------------------------------------------ */

struct create {
	const char *name, *base;
	uint64_t latency[BDEV_LATENCY_COUNT]; /* us */
	struct rpc_bytes uuid;
};

static const struct rpc_param passthru_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct create, name, .min = 1, .max = 255),
	RPC_PARAM("base_bdev_name", RPC_STR, RPC_REQUIRED, struct create, base),
	RPC_PARAM("uuid", RPC_UUID, 0, struct create, uuid),
	{ 0 },
};

static const struct rpc_param error_params[] = {
	RPC_PARAM("base_name", RPC_STR, RPC_REQUIRED, struct create, base),
	RPC_PARAM("uuid", RPC_UUID, 0, struct create, uuid),
	{ 0 },
};

#define LATENCY(name_, which_)                                                                     \
	RPC_PARAM(name_, RPC_U64, RPC_REQUIRED, struct create, latency[which_],                    \
		  .max = BDEV_LATENCY_MAX / US)

static const struct rpc_param delay_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct create, name, .min = 1, .max = 255),
	RPC_PARAM("base_bdev_name", RPC_STR, RPC_REQUIRED, struct create, base),
	LATENCY("avg_read_latency", BDEV_AVG_READ),
	LATENCY("p99_read_latency", BDEV_P99_READ),
	LATENCY("avg_write_latency", BDEV_AVG_WRITE),
	LATENCY("p99_write_latency", BDEV_P99_WRITE),
	RPC_PARAM("uuid", RPC_UUID, 0, struct create, uuid),
	{ 0 },
};

static void create(struct rpc_request *req, enum bdev_stack_kind kind, const char *name)
{
	const struct create *p = req->params;
	struct bdev_deferred d = {
		.kind = kind,
		.name = name,
		.base = p->base,
		.uuid = p->uuid.given ? p->uuid.v : NULL,
	};
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++)
		d.latency[i] = p->latency[i] * US;
	if (p->uuid.given && rpc_is_zero(p->uuid.v, sizeof(p->uuid.v)))
		rpc_fail_with(req, -EINVAL, NULL, "a UUID of zeros means none; leave uuid out");
	else if (bdev_stack_create(req->server->bdevs, &d, &error))
		rpc_reply_string(req, name);
	else
		rpc_fail(req, error);
}

static void bdev_passthru_create_method(struct rpc_request *req)
{
	create(req, BDEV_STACK_PASSTHRU, ((const struct create *)req->params)->name);
}

static void bdev_error_create_method(struct rpc_request *req)
{
	const struct create *p = req->params;
	g_autofree char *name = g_strdup_printf("EE_%s", p->base);

	create(req, BDEV_STACK_ERROR, name);
}

static void bdev_delay_create_method(struct rpc_request *req)
{
	create(req, BDEV_STACK_DELAY, ((const struct create *)req->params)->name);
}

/* --- deleting -------------------------------------------------------------------------------- */

struct by_name {
	const char *name;
};

static const struct rpc_param name_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct by_name, name),
	{ 0 },
};

static void delete_kind(struct rpc_request *req, enum bdev_stack_kind kind,
			bool (*is)(const struct bdev *bdev), const char *what)
{
	const struct by_name *p = req->params;
	struct bdev *bdev;

	if (bdev_deferred_drop(req->server->bdevs, p->name, kind)) {
		rpc_reply_true(req);
		return;
	}
	bdev = rpc_bdev_find(req, p->name, is, what);
	if (bdev)
		rpc_bdev_delete(req, bdev);
}

static void bdev_passthru_delete(struct rpc_request *req)
{
	delete_kind(req, BDEV_STACK_PASSTHRU, bdev_is_passthru, "passthru bdev");
}

static void bdev_error_delete(struct rpc_request *req)
{
	delete_kind(req, BDEV_STACK_ERROR, bdev_is_error, "Error Injection Disk");
}

static void bdev_delay_delete(struct rpc_request *req)
{
	delete_kind(req, BDEV_STACK_DELAY, bdev_is_delay, "delay bdev");
}

/* --- delay: change --------------------------------------------------------------------------- */

struct update {
	const char *name;
	unsigned which;
	uint64_t us;
};

static const char *const latency_types[] = { "avg_read", "p99_read", "avg_write", "p99_write",
					     NULL };

static const struct rpc_param update_params[] = {
	RPC_PARAM("delay_bdev_name", RPC_STR, RPC_REQUIRED, struct update, name),
	RPC_PARAM("latency_type", RPC_ENUM, RPC_REQUIRED, struct update, which,
		  .values = latency_types),
	RPC_PARAM("latency_us", RPC_U64, RPC_REQUIRED, struct update, us,
		  .max = BDEV_LATENCY_MAX / US),
	{ 0 },
};

static void bdev_delay_update_latency(struct rpc_request *req)
{
	const struct update *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, bdev_is_delay, "delay bdev");
	g_autoptr(GError) error = NULL;

	if (!bdev)
		return;
	if (bdev_delay_set_latency(bdev, (enum bdev_latency)p->which, p->us * US, &error))
		rpc_reply_true(req);
	else
		rpc_fail(req, error);
}

/* --- error: inject ---------------------------------------------------------------------------- */

struct inject {
	const char *name;
	unsigned io_type, error_type;
	uint32_t sct, sc, num;
	uint64_t queue_depth, offset;
	uint8_t value;
};

enum { IO_CLEAR, IO_READ, IO_WRITE, IO_UNMAP, IO_FLUSH, IO_ALL };
static const char *const io_types[] = { "clear", "read", "write", "unmap", "flush", "all", NULL };
/* As enum bdev_error_type, from BDEV_ERROR_FAILURE. */
static const char *const error_types[] = { "failure", "pending",      "corrupt_data",
					   "nomem",   "nvme_failure", NULL };

static const struct rpc_param inject_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct inject, name),
	RPC_PARAM("io_type", RPC_ENUM, RPC_REQUIRED, struct inject, io_type, .values = io_types),
	RPC_PARAM("error_type", RPC_ENUM, RPC_REQUIRED, struct inject, error_type,
		  .values = error_types),
	RPC_PARAM("nvme_sct", RPC_U32, 0, struct inject, sct, .max = 7),
	RPC_PARAM("nvme_sc", RPC_U32, 0, struct inject, sc, .max = 255),
	RPC_PARAM("num", RPC_U32, 0, struct inject, num, .def = 1),
	RPC_PARAM("queue_depth", RPC_U64, 0, struct inject, queue_depth),
	RPC_PARAM("corrupt_offset", RPC_U64, 0, struct inject, offset),
	RPC_PARAM("corrupt_value", RPC_U8, 0, struct inject, value),
	{ 0 },
};

static uint32_t ops_of(unsigned io_type)
{
	static const uint32_t ops[] = {
		[IO_READ] = 1u << BDEV_READ,
		[IO_WRITE] = 1u << BDEV_WRITE,
		[IO_UNMAP] = 1u << BDEV_UNMAP,
		[IO_FLUSH] = 1u << BDEV_FLUSH,
	};

	return io_type == IO_ALL || io_type == IO_CLEAR ? (1u << BDEV_OP_COUNT) - 1 : ops[io_type];
}

static void bdev_error_inject_error(struct rpc_request *req)
{
	const struct inject *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, bdev_is_error, "Error Injection Disk");
	const struct bdev_injection in = {
		.type = p->io_type == IO_CLEAR
				? BDEV_ERROR_NONE
				: (enum bdev_error_type)(BDEV_ERROR_FAILURE + p->error_type),
		.ops = ops_of(p->io_type),
		.num = p->num,
		.queue_depth = p->queue_depth,
		.status = (uint16_t)(p->sct << 8 | p->sc),
		.offset = p->offset,
		.value = p->value,
	};
	g_autoptr(GError) error = NULL;

	if (!bdev)
		return;
	if (bdev_error_inject(bdev, &in, &error))
		rpc_reply_true(req);
	else
		rpc_fail(req, error);
}

static void resumed(void *arg)
{
	rpc_reply_true(arg);
}

static void bdev_error_resume_pending(struct rpc_request *req)
{
	const struct by_name *p = req->params;
	struct bdev *bdev = rpc_bdev_find(req, p->name, bdev_is_error, "Error Injection Disk");

	if (bdev)
		bdev_error_resume(bdev, resumed, req);
}

/* --- shown and saved ------------------------------------------------------------------------- */

static void add_latencies(JsonObject *o, const uint64_t latency[BDEV_LATENCY_COUNT])
{
	static const char *const names[] = { "avg_read_latency", "p99_read_latency",
					     "avg_write_latency", "p99_write_latency" };

	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++)
		json_object_set_int_member(o, names[i], (gint64)(latency[i] / US));
}

static void get_latencies(const struct bdev *bdev, uint64_t latency[BDEV_LATENCY_COUNT])
{
	for (unsigned i = 0; i < BDEV_LATENCY_COUNT; i++)
		latency[i] = bdev_delay_latency(bdev, (enum bdev_latency)i);
}

void rpc_bdev_layer_specific(const struct bdev *bdev, JsonObject *specific)
{
	const struct bdev *base = bdev_base(bdev);
	uint64_t latency[BDEV_LATENCY_COUNT];
	JsonObject *o;

	if (!base)
		return;
	o = json_object_new();
	if (bdev_is_error(bdev)) {
		json_object_set_string_member(o, "base_bdev", base->name);
		json_object_set_object_member(specific, "error_disk", o);
		return;
	}
	json_object_set_string_member(o, "name", bdev->name);
	json_object_set_string_member(o, "base_bdev_name", base->name);
	if (bdev_is_delay(bdev)) {
		get_latencies(bdev, latency);
		add_latencies(o, latency);
	}
	json_object_set_object_member(specific, bdev_is_delay(bdev) ? "delay" : "passthru", o);
}

static void config_layer(const struct bdev_deferred *d, JsonArray *config)
{
	static const char *const methods[] = {
		[BDEV_STACK_PASSTHRU] = "bdev_passthru_create",
		[BDEV_STACK_DELAY] = "bdev_delay_create",
		[BDEV_STACK_ERROR] = "bdev_error_create",
	};
	JsonObject *o = json_object_new();
	char uuid[37];

	if (d->kind == BDEV_STACK_ERROR) {
		json_object_set_string_member(o, "base_name", d->base);
	} else {
		json_object_set_string_member(o, "name", d->name);
		json_object_set_string_member(o, "base_bdev_name", d->base);
	}
	if (d->kind == BDEV_STACK_DELAY)
		add_latencies(o, d->latency);
	if (d->uuid) {
		bdev_uuid_format(d->uuid, uuid);
		json_object_set_string_member(o, "uuid", uuid);
	}
	rpc_config_add(config, methods[d->kind], o);
}

bool rpc_config_bdev_layer(const struct bdev *bdev, JsonArray *config)
{
	const struct bdev *base = bdev_base(bdev);
	struct bdev_deferred d = { .name = bdev->name, .uuid = bdev->uuid };

	if (!base)
		return false;
	d.base = base->name;
	d.kind = bdev_is_error(bdev)   ? BDEV_STACK_ERROR
		 : bdev_is_delay(bdev) ? BDEV_STACK_DELAY
				       : BDEV_STACK_PASSTHRU;
	if (d.kind == BDEV_STACK_DELAY)
		get_latencies(bdev, d.latency);
	config_layer(&d, config);
	return true;
}

void rpc_config_bdev_deferred(struct rpc_server *server, bool before, JsonArray *config)
{
	const struct bdev_deferred *d;

	for (unsigned i = 0; (d = bdev_deferred_nth(server->bdevs, i)) != NULL; i++) {
		const struct bdev *base = bdev_find(server->bdevs, d->base);

		if (before ? base && !bdev_is_claimed(base) : !base)
			config_layer(d, config);
	}
}

#define METHOD(name_, call_, params_, struct_)                                                     \
	{                                                                                          \
		.name = name_, .call = call_, .params = params_, .params_size = sizeof(struct_),   \
		.states = RPC_RUNTIME, .makes = true                                               \
	}

const struct rpc_method rpc_methods_bdev_layers[] = {
	METHOD("bdev_passthru_create", bdev_passthru_create_method, passthru_params, struct create),
	METHOD("bdev_passthru_delete", bdev_passthru_delete, name_params, struct by_name),
	METHOD("bdev_delay_create", bdev_delay_create_method, delay_params, struct create),
	METHOD("bdev_delay_delete", bdev_delay_delete, name_params, struct by_name),
	METHOD("bdev_delay_update_latency", bdev_delay_update_latency, update_params,
	       struct update),
	METHOD("bdev_error_create", bdev_error_create_method, error_params, struct create),
	METHOD("bdev_error_delete", bdev_error_delete, name_params, struct by_name),
	METHOD("bdev_error_inject_error", bdev_error_inject_error, inject_params, struct inject),
	METHOD("bdev_error_resume_pending", bdev_error_resume_pending, name_params, struct by_name),
	{ 0 },
};
