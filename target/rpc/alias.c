/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Older names of methods (17.10 to 21.10), each of one of today that takes the same
 * parameters. All of them stand here; those whose method weft does not have do not
 * exist for anybody.
 */
#include <string.h>

#include "target/rpc/methods.h"

const struct rpc_alias rpc_aliases[] = {
	{ "add_initiator_group", "iscsi_create_initiator_group" },
	{ "add_initiators_to_initiator_group", "iscsi_initiator_group_add_initiators" },
	{ "add_iscsi_auth_group", "iscsi_create_auth_group" },
	{ "add_pg_ig_maps", "iscsi_target_node_add_pg_ig_maps" },
	{ "add_portal_group", "iscsi_create_portal_group" },
	{ "add_secret_to_iscsi_auth_group", "iscsi_auth_group_add_secret" },
	{ "apply_nvme_firmware", "bdev_nvme_apply_firmware" },
	{ "bdev_inject_error", "bdev_error_inject_error" },
	{ "clear_log_flag", "log_clear_flag" },
	{ "clear_trace_flag", "log_clear_flag" },
	{ "construct_aio_bdev", "bdev_aio_create" },
	{ "construct_error_bdev", "bdev_error_create" },
	{ "construct_iscsi_bdev", "bdev_iscsi_create" },
	{ "construct_malloc_bdev", "bdev_malloc_create" },
	{ "construct_null_bdev", "bdev_null_create" },
	{ "construct_nvme_bdev", "bdev_nvme_attach_controller" },
	{ "construct_passthru_bdev", "bdev_passthru_create" },
	{ "construct_rbd_bdev", "bdev_rbd_create" },
	{ "construct_split_vbdev", "bdev_split_create" },
	{ "construct_target_node", "iscsi_create_target_node" },
	{ "context_switch_monitor", "framework_monitor_context_switch" },
	{ "delete_aio_bdev", "bdev_aio_delete" },
	{ "delete_error_bdev", "bdev_error_delete" },
	{ "delete_initiator_group", "iscsi_delete_initiator_group" },
	{ "delete_initiators_from_initiator_group", "iscsi_initiator_group_remove_initiators" },
	{ "delete_iscsi_auth_group", "iscsi_delete_auth_group" },
	{ "delete_iscsi_bdev", "bdev_iscsi_delete" },
	{ "delete_malloc_bdev", "bdev_malloc_delete" },
	{ "delete_null_bdev", "bdev_null_delete" },
	{ "delete_nvme_controller", "bdev_nvme_detach_controller" },
	{ "delete_nvmf_subsystem", "nvmf_delete_subsystem" },
	{ "delete_passthru_bdev", "bdev_passthru_delete" },
	{ "delete_pg_ig_maps", "iscsi_target_node_remove_pg_ig_maps" },
	{ "delete_portal_group", "iscsi_delete_portal_group" },
	{ "delete_rbd_bdev", "bdev_rbd_delete" },
	{ "delete_secret_from_iscsi_auth_group", "iscsi_auth_group_remove_secret" },
	{ "delete_target_node", "iscsi_delete_target_node" },
	{ "destruct_split_vbdev", "bdev_split_delete" },
	{ "disable_tpoint_group", "trace_disable_tpoint_group" },
	{ "enable_bdev_histogram", "bdev_enable_histogram" },
	{ "enable_tpoint_group", "trace_enable_tpoint_group" },
	{ "get_bdev_histogram", "bdev_get_histogram" },
	{ "get_bdevs", "bdev_get_bdevs" },
	{ "get_bdevs_config", "bdev_get_bdevs" },
	{ "get_bdevs_iostat", "bdev_get_iostat" },
	{ "get_initiator_groups", "iscsi_get_initiator_groups" },
	{ "get_iscsi_auth_groups", "iscsi_get_auth_groups" },
	{ "get_iscsi_connections", "iscsi_get_connections" },
	{ "get_iscsi_global_params", "iscsi_get_options" },
	{ "get_log_flags", "log_get_flags" },
	{ "get_log_level", "log_get_level" },
	{ "get_log_print_level", "log_get_print_level" },
	{ "get_luns", "scsi_get_devices" },
	{ "get_notification_types", "notify_get_types" },
	{ "get_notifications", "notify_get_notifications" },
	{ "get_nvme_controllers", "bdev_nvme_get_controllers" },
	{ "get_nvmf_subsystems", "nvmf_get_subsystems" },
	{ "get_nvmf_transports", "nvmf_get_transports" },
	{ "get_portal_groups", "iscsi_get_portal_groups" },
	{ "get_rpc_methods", "rpc_get_methods" },
	{ "get_scsi_devices", "scsi_get_devices" },
	{ "get_spdk_version", "spdk_get_version" },
	{ "get_subsystem_config", "framework_get_config" },
	{ "get_subsystems", "framework_get_subsystems" },
	{ "get_target_nodes", "iscsi_get_target_nodes" },
	{ "get_tpoint_group_mask", "trace_get_tpoint_group_mask" },
	{ "get_trace_flags", "log_get_flags" },
	{ "kill_instance", "spdk_kill_instance" },
	{ "nvmf_subsystem_create", "nvmf_create_subsystem" },
	{ "resize_rbd_bdev", "bdev_rbd_resize" },
	{ "send_nvme_cmd", "bdev_nvme_send_cmd" },
	{ "set_bdev_nvme_hotplug", "bdev_nvme_set_hotplug" },
	{ "set_bdev_nvme_options", "bdev_nvme_set_options" },
	{ "set_bdev_options", "bdev_set_options" },
	{ "set_bdev_qd_sampling_period", "bdev_set_qd_sampling_period" },
	{ "set_bdev_qos_limit", "bdev_set_qos_limit" },
	{ "set_iscsi_discovery_auth", "iscsi_set_discovery_auth" },
	{ "set_iscsi_options", "iscsi_set_options" },
	{ "set_iscsi_target_node_auth", "iscsi_target_node_set_auth" },
	{ "set_log_flag", "log_set_flag" },
	{ "set_log_level", "log_set_level" },
	{ "set_log_print_level", "log_set_print_level" },
	{ "set_nvmf_target_max_subsystems", "nvmf_set_max_subsystems" },
	{ "set_trace_flag", "log_set_flag" },
	{ "start_subsystem_init", "framework_start_init" },
	{ "target_node_add_lun", "iscsi_target_node_add_lun" },
	{ "wait_subsystem_init", "framework_wait_init" },
	{ 0 },
};

const struct rpc_method *const rpc_old_method_tables[] = {
	rpc_methods_old,
	NULL,
};

static const struct rpc_method *find(const struct rpc_method *const *table, const char *name)
{
	for (; *table; table++)
		for (const struct rpc_method *m = *table; m->name; m++)
			if (strcmp(m->name, name) == 0)
				return m;
	return NULL;
}

const struct rpc_method *rpc_method_find_as(const char *name, const char **old)
{
	const struct rpc_method *m = find(rpc_method_tables, name);

	*old = NULL;
	if (m)
		return m;
	m = find(rpc_old_method_tables, name);
	if (m) {
		*old = m->name;
		return m;
	}
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++) {
		if (strcmp(alias->name, name) == 0) {
			*old = alias->name;
			return find(rpc_method_tables, alias->now);
		}
	}
	return NULL;
}

const struct rpc_method *rpc_method_find(const char *name)
{
	const char *old;

	return rpc_method_find_as(name, &old);
}
