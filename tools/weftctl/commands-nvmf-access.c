/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: namespaces, hosts and who sees what. */
#include "tools/weftctl/args.h"

/* clang-format off */
#define NAMESPACE_AND_HOST \
	NQN, \
	POS("nsid", "nsid", ARG_INT, "namespace id"), \
	POS("host", "host", ARG_STR, "NQN of the host"), \
	TGT('t')

const struct command commands_nvmf_access[] = {
	{ "nvmf_subsystem_listener_set_ana_state", "How namespaces are reached through an address", OUT_NONE, .args = ARGS {
		NQN,
		ADDRESS("listen_address."),
		REQ('n', "ana-state", "ana_state", ARG_STATE, "how namespaces are reached", .values = ANA_STATES),
		OPT('g', "anagrpid", "anagrpid", ARG_INT, "only those of this ANA group (all)"),
		TGT('p'), END } },
	{ "nvmf_subsystem_get_listeners", "Addresses of a subsystem", OUT_JSON, .args = ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_subsystem_get_controllers", "Who is connected", OUT_JSON, .args = ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_subsystem_get_qpairs", "Queue pairs of those connected", OUT_JSON, .args = ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_subsystem_add_ns", "Give a subsystem a namespace", OUT_NONE, .args = ARGS {
		NQN,
		BDEV("bdev_name", "namespace.bdev_name", "block device behind it"),
		OPT('p', "ptpl-file", "namespace.ptpl_file", ARG_STR, "file of persistent reservations", .names = NAMES_FILE),
		OPT('n', "nsid", "namespace.nsid", ARG_INT, "namespace id (lowest free)"),
		OPT('g', "nguid", "namespace.nguid", ARG_STR, "32 hexadecimal digits"),
		OPT('e', "eui64", "namespace.eui64", ARG_STR, "16 hexadecimal digits"),
		OPT('u', "uuid", "namespace.uuid", ARG_STR, "UUID (of the block device)"),
		OPT('a', "anagrpid", "namespace.anagrpid", ARG_INT, "ANA group"),
		OPT('i', "no-auto-visible", "namespace.no_auto_visible", ARG_TRUE, "no host sees it yet"),
		OPT('N', "hide-metadata", "namespace.hide_metadata", ARG_TRUE, "accepted, without effect"),
		OPT(0, "write-protected", "namespace.write_protected", ARG_TRUE, "hosts may lift that: it begins write-protected"),
		OPT(0, "read-only", "namespace.read_only", ARG_TRUE, "hosts may not write to it"),
		TGT('t'), END } },
	{ "nvmf_subsystem_remove_ns", "Take a namespace away", OUT_NONE, .args = ARGS {
		NQN,
		POS("nsid", "nsid", ARG_INT, "namespace id"),
		TGT('t'), END } },
	{ "nvmf_subsystem_set_ns_ana_group", "Put a namespace into another ANA group", OUT_NONE, .args = ARGS {
		NQN,
		POS("nsid", "nsid", ARG_INT, "namespace id"),
		POS("anagrpid", "anagrpid", ARG_INT, "ANA group"),
		TGT('t'), END } },
	{ "nvmf_ns_add_host", "Let a host see a namespace that not all see", OUT_NONE, .args = ARGS { NAMESPACE_AND_HOST, END } },
	{ "nvmf_ns_remove_host", "Hide such a namespace from a host", OUT_NONE, .args = ARGS { NAMESPACE_AND_HOST, END } },
	{ "nvmf_subsystem_add_host", "Let a host connect", OUT_NONE, .args = ARGS {
		NQN,
		POS("host", "host", ARG_STR, "NQN of the host"),
		TGT('t'),
		OPT(0, "psk", "psk", ARG_STR, "name of the key for TLS"),
		OPT(0, "dhchap-key", "dhchap_key", ARG_STR, "name of the key the host proves itself with"),
		OPT(0, "dhchap-ctrlr-key", "dhchap_ctrlr_key", ARG_STR, "name of the key weft proves itself with"), END } },
	{ "nvmf_subsystem_remove_host", "Disconnect a host and let it in no longer", OUT_NONE, .args = ARGS {
		NQN,
		POS("host", "host", ARG_STR, "NQN of the host"),
		TGT('t'),
		OPT(0, "timeout-ms", "timeout_ms", ARG_INT, "give up waiting after so many ms"), END } },
	{ "nvmf_subsystem_allow_any_host", "Let every host connect, or not", OUT_NONE, .args = ARGS {
		NQN,
		OPT('e', "enable", "allow_any_host", ARG_TRUE, "every host (that is the default)", .def = "true"),
		OPT('d', "disable", "allow_any_host", ARG_FALSE, "only those added"),
		TGT('t'), END } },
	{ "nvmf_discovery_add_referral", "Name another discovery service in the log", OUT_NONE, .args = ARGS {
		ADDRESS("address."),
		OPT('k', "secure-channel", "secure_channel", ARG_TRUE, "it needs TLS"),
		OPT('n', "subnqn", "subnqn", ARG_NQN, "its NQN (that of every discovery service)"),
		TGT('p'), END } },
	{ "nvmf_discovery_remove_referral", "Name it no longer", OUT_NONE, .args = ARGS {
		ADDRESS("address."),
		OPT('n', "subnqn", "subnqn", ARG_NQN, "its NQN"),
		TGT('p'), END } },
	{ "nvmf_discovery_get_referrals", "Other discovery services that are named", OUT_JSON, .args = ARGS {
		TGT('t'), END } },
	{ "nvmf_set_config", "Settings of the whole target", OUT_NONE, .args = ARGS {
		OPT('p', "passthru-admin-cmds", "admin_cmd_passthru", ARG_SET, "admin commands that go to the device as they are, a,b or all",
			.values = "identify_ctrlr identify_uuid_list get_log_page get_set_features sanitize security_send_recv fw_update nvme_mi vendor_specific"),
		OPT('d', "discovery-filter", "discovery_filter", ARG_STR, "match_any, or as below"),
		OPT(0, "discovery-filters", "discovery_filters", ARG_LIST, "of transport,address,svcid: what named listeners have in common with the one asked"),
		OPT('m', "poll-groups-mask", "poll_groups_mask", ARG_STR, "processors whose reactors take connections: 0x3 or [0,2-3]"),
		OPT(0, "dhchap-digests", "dhchap_digests", ARG_LIST, "all of them: there is no authentication so far"),
		OPT(0, "dhchap-dhgroups", "dhchap_dhgroups", ARG_LIST, "the same"),
		OPT(0, "dup-host-policy", "dup_host_policy", ARG_STR, "a host twice through one listener", .values = "allow restrict_per_listener"), END } },
	{ 0 },
};
/* clang-format on */
