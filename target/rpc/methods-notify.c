/* SPDX-License-Identifier: BSD-3-Clause */
/* What has happened: the last RPC_NOTIFICATIONS events, for those who ask. */
#include <string.h>

#include "target/rpc/methods.h"

#define X(id, name) name,
static const char *const types[] = { "bdev_register", "bdev_unregister", "bdev_resize",
				     NVMF_EVENTS(X) };
#undef X

void rpc_notify(struct rpc_server *server, const char *type, const char *ctx)
{
	struct rpc_notification *n =
		&server->notifications[server->next_notification % RPC_NOTIFICATIONS];

	g_free(n->ctx);
	n->type = type;
	n->ctx = g_strdup(ctx);
	n->id = server->next_notification++;
	if (server->hooks.notified)
		server->hooks.notified(server->hooks.arg, type);
}

/* Hosts protect namespaces: the saved configuration has that. */
void rpc_notify_nvmf(void *arg, const char *type, const char *ctx)
{
	struct rpc_server *server = arg;

	rpc_notify(server, type, ctx);
	if (server->keeper && strcmp(type, "nvmf_ns_write_protect") == 0)
		server->keeper->changed(server->keeper);
}

static void notify_get_types(struct rpc_request *req)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
		json_array_add_string_element(array, types[i]);
	rpc_reply_array(req, array);
}

struct get_notifications {
	uint64_t id, max;
};

static const struct rpc_param get_notifications_params[] = {
	RPC_PARAM("id", RPC_U64, 0, struct get_notifications, id),
	RPC_PARAM("max", RPC_U64, 0, struct get_notifications, max, .def = UINT64_MAX),
	{ 0 },
};

struct notifications {
	struct rpc_pieces pieces;
	const struct rpc_server *server;
	uint64_t id, left;
	bool begun, comma;
};

static bool more_notifications(struct rpc_pieces *pieces, GString *out)
{
	struct notifications *all = (struct notifications *)pieces;
	const struct rpc_server *server = all->server;
	uint64_t next = server->next_notification;
	uint64_t oldest = next > RPC_NOTIFICATIONS ? next - RPC_NOTIFICATIONS : 0;
	const struct rpc_notification *n;
	JsonObject *o;

	if (!all->begun)
		g_string_append_c(out, '[');
	all->begun = true;
	all->id = MAX(all->id, oldest);
	if (all->id >= next || all->left == 0) {
		g_string_append_c(out, ']');
		return false;
	}
	n = &server->notifications[all->id++ % RPC_NOTIFICATIONS];
	o = json_object_new();
	json_object_set_string_member(o, "type", n->type);
	json_object_set_string_member(o, "ctx", n->ctx);
	json_object_set_int_member(o, "id", (gint64)n->id);
	rpc_append_object(out, o, all->comma);
	all->comma = true;
	all->left--;
	return true;
}

static void free_notifications(struct rpc_pieces *pieces)
{
	g_free(pieces);
}

static void notify_get_notifications(struct rpc_request *req)
{
	const struct get_notifications *p = req->params;
	struct notifications *all = g_new0(struct notifications, 1);

	all->pieces = (struct rpc_pieces){ more_notifications, free_notifications };
	all->server = req->server;
	all->id = p->id;
	all->left = MIN(p->max, RPC_NOTIFICATIONS);
	rpc_reply_pieces(req, &all->pieces);
}

const struct rpc_method rpc_methods_notify[] = {
	{ .name = "notify_get_types",
	  .call = notify_get_types,
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ .name = "notify_get_notifications",
	  .call = notify_get_notifications,
	  .params = get_notifications_params,
	  .params_size = sizeof(struct get_notifications),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
