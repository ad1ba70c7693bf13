/* SPDX-License-Identifier: BSD-3-Clause */
/* All methods there are, and small helpers of several domains. */
#include "target/rpc/methods.h"

#include <string.h>

const struct rpc_method *const rpc_method_tables[] = {
	rpc_methods_init,
	rpc_methods_framework,
	rpc_methods_thread,
	rpc_methods_log,
	rpc_methods_notify,
	rpc_methods_sock,
	rpc_methods_iobuf,
	rpc_methods_bdev,
	rpc_methods_bdev_file,
	rpc_methods_bdev_layers,
	rpc_methods_bdev_stat,
	rpc_methods_nvmf,
	rpc_methods_nvmf_show,
	rpc_methods_nvmf_access,
	rpc_methods_nvmf_discovery,
	rpc_methods_trace,
	NULL,
};

void rpc_config_add(JsonArray *config, const char *method, JsonObject *params)
{
	JsonObject *entry = json_object_new();

	json_object_set_string_member(entry, "method", method);
	json_object_set_object_member(entry, "params", params);
	json_array_add_object_element(config, entry);
}

char *rpc_hex(const uint8_t *bytes, size_t n)
{
	GString *s = g_string_sized_new(n * 2);

	for (size_t i = 0; i < n; i++)
		g_string_append_printf(s, "%02X", bytes[i]);
	return g_string_free(s, FALSE);
}

bool rpc_is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

bool rpc_check_tgt(struct rpc_request *req, const char *tgt_name)
{
	const char *name = nvmf_tgt_name(req->server->nvmf);

	if (!tgt_name || strcmp(tgt_name, name) == 0)
		return true;

	g_autofree char *message = g_strdup_printf("NVMf target '%s' not found", tgt_name);
	rpc_fail_with(req, RPC_INVALID_PARAMS, message,
		      "the only target is \"%s\"; tgt_name may be left out", name);
	return false;
}

struct nvmf_subsystem *rpc_subsystem(struct rpc_request *req, const char *tgt_name, const char *nqn)
{
	struct nvmf_subsystem *s;

	if (!rpc_check_tgt(req, tgt_name))
		return NULL;
	s = nvmf_subsystem_find(req->server->nvmf, nqn);
	if (s && !s->deleting)
		return s;

	g_autofree char *message = g_strdup_printf("Subsystem with NQN '%s' not found", nqn);
	rpc_fail_with(req, RPC_INVALID_PARAMS, message, "%s",
		      s ? "it is being deleted" : "nvmf_get_subsystems lists those there are");
	return NULL;
}

struct nvmf_subsystem *rpc_subsystem_of(struct rpc_request *req)
{
	const struct rpc_on_subsystem *p = req->params;

	return rpc_subsystem(req, p->tgt_name, p->nqn);
}
