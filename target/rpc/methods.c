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
	rpc_methods_config,
	rpc_methods_bdev,
	rpc_methods_bdev_file,
	rpc_methods_bdev_layers,
	rpc_methods_bdev_options,
	rpc_methods_bdev_stat,
	rpc_methods_bdev_histogram,
	rpc_methods_nvmf,
	rpc_methods_nvmf_target,
	rpc_methods_nvmf_show,
	rpc_methods_nvmf_access,
	rpc_methods_nvmf_discovery,
	rpc_methods_trace,
	rpc_methods_metrics,
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
