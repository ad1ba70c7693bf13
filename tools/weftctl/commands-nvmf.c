/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: transports, subsystems and their addresses. */
#include "tools/weftctl/args.h"

/* clang-format off */
const struct command commands_nvmf[] = {
	{ "nvmf_create_target", "Make another target", OUT_NAME, .args = ARGS {
		POS("name", "name", ARG_STR, "its name"),
		OPT('m', "max-subsystems", "max_subsystems", ARG_INT, "subsystems at most"),
		OPT('d', "discovery-filter", "discovery_filter", ARG_LIST, "of transport,address,svcid"),
		OPT(0, "dup-host-policy", "dup_host_policy", ARG_STR, "allow", .values = "allow restrict_per_listener"), END } },
	ONE("nvmf_delete_target", "Remove a target that was made so", "name", "its name"),
	{ "nvmf_set_max_subsystems", "How many subsystems there may be (before framework_start_init)", OUT_NONE, .args = ARGS {
		REQ('x', "max-subsystems", "max_subsystems", ARG_INT, "1024 unless set"), END } },
	{ "nvmf_set_crdt", "Delays that hosts are told to wait (before framework_start_init)", OUT_NONE, .args = ARGS {
		OPT(0, "crdt1", "crdt1", ARG_INT, "x 100 ms", .also = "-t1"),
		OPT(0, "crdt2", "crdt2", ARG_INT, "x 100 ms", .also = "-t2"),
		OPT(0, "crdt3", "crdt3", ARG_INT, "x 100 ms", .also = "-t3"), END } },
	{ "nvmf_create_transport", "Enable a transport", OUT_NONE, .args = ARGS {
		REQ('t', "trtype", "trtype", ARG_STR, "transport", .values = "TCP RDMA"),
		TGT('g'),
		OPT('q', "max-queue-depth", "max_queue_depth", ARG_INT, "entries of an I/O queue"),
		OPT('m', "max-io-qpairs-per-ctrlr", "max_io_qpairs_per_ctrlr", ARG_INT, "I/O queues of a controller"),
		OPT('p', "max-qpairs-per-ctrlr", "max_qpairs_per_ctrlr", ARG_INT, "queues of a controller, the admin queue counted (to 20.07)"),
		OPT('c', "in-capsule-data-size", "in_capsule_data_size", ARG_INT, "bytes of data in a command capsule"),
		OPT('i', "max-io-size", "max_io_size", ARG_INT, "bytes of the largest I/O"),
		OPT('u', "io-unit-size", "io_unit_size", ARG_INT, "accepted, without effect"),
		OPT('a', "max-aq-depth", "max_aq_depth", ARG_INT, "entries of an admin queue"),
		OPT('n', "num-shared-buffers", "num_shared_buffers", ARG_INT, "accepted, without effect"),
		OPT('b', "buf-cache-size", "buf_cache_size", ARG_INT, "accepted, without effect"),
		OPT('z', "zcopy", "zcopy", ARG_TRUE, "accepted, without effect"),
		OPT('d', "num-cqe", "num_cqe", ARG_INT, "RDMA only"),
		OPT('s', "max-srq-depth", "max_srq_depth", ARG_INT, "RDMA only"),
		OPT('r', "no-srq", "no_srq", ARG_TRUE, "RDMA only"),
		OPT('o', "c2h-success", "c2h_success", ARG_FALSE, "switch the C2H success optimization off"),
		OPT('f', "dif-insert-or-strip", "dif_insert_or_strip", ARG_TRUE, "accepted, without effect"),
		OPT('y', "sock-priority", "sock_priority", ARG_INT, "priority of the sockets"),
		OPT('l', "acceptor-backlog", "acceptor_backlog", ARG_INT, "connections waiting to be accepted"),
		OPT('x', "abort-timeout-sec", "abort_timeout_sec", ARG_INT, "seconds an abort waits"),
		OPT('w', "no-wr-batching", "no_wr_batching", ARG_TRUE, "RDMA only"),
		OPT('e', "control-msg-num", "control_msg_num", ARG_INT, "accepted, without effect"),
		OPT('M', "disable-mappable-bar0", "disable_mappable_bar0", ARG_TRUE, "accepted, without effect"),
		OPT('I', "disable-adaptive-irq", "disable_adaptive_irq", ARG_TRUE, "accepted, without effect"),
		OPT('S', "disable-shadow-doorbells", "disable_shadow_doorbells", ARG_TRUE, "accepted, without effect"),
		OPT(0, "acceptor-poll-rate", "acceptor_poll_rate", ARG_INT, "accepted, without effect"),
		OPT(0, "iobuf-small-cache-size", "iobuf_small_cache_size", ARG_INT, "accepted, without effect"),
		OPT(0, "iobuf-large-cache-size", "iobuf_large_cache_size", ARG_INT, "accepted, without effect"),
		OPT(0, "ack-timeout", "ack_timeout", ARG_INT, "accepted, without effect"),
		OPT(0, "data-wr-pool-size", "data_wr_pool_size", ARG_INT, "RDMA only"),
		OPT(0, "disable-command-passthru", "disable_command_passthru", ARG_TRUE, "accepted, without effect"),
		OPT(0, "kas", "kas", ARG_INT, "granularity of keep alive, x 100 ms"),
		OPT(0, "min-kato", "min_kato", ARG_INT, "least keep-alive timeout, ms"),
		OPT(0, "masked-oncs", "masked_oncs", ARG_LIST, "optional commands that hosts are not offered: nvmcmps,nvmdsmsv,nvmwzsv,reservs,nvmcpys"),
		OPT(0, "masked-fuses", "masked_fuses", ARG_LIST, "the same of fused ones: fcws"), END } },
	{ "nvmf_get_transports", "Transports", OUT_JSON, .args = ARGS {
		OPT(0, "trtype", "trtype", ARG_STR, "only this one"), TGT('t'), END } },
	{ "nvmf_get_targets", "Targets", OUT_JSON, .args = NULL },
	{ "nvmf_get_stats", "Queue pairs and commands of each reactor", OUT_JSON, .args = ARGS {
		TGT('t'), END } },
	{ "nvmf_create_subsystem", "Make a subsystem", OUT_NONE, .args = ARGS {
		NQN,
		TGT('t'),
		OPT('s', "serial-number", "serial_number", ARG_STR, "at most 20 characters"),
		OPT('d', "model-number", "model_number", ARG_STR, "at most 40 characters"),
		OPT('m', "max-namespaces", "max_namespaces", ARG_INT, "namespaces at most (32)"),
		OPT('a', "allow-any-host", "allow_any_host", ARG_TRUE, "every host may connect"),
		OPT('r', "ana-reporting", "ana_reporting", ARG_TRUE, "asymmetric access is reported"),
		OPT('i', "min-cntlid", "min_cntlid", ARG_INT, "least controller id (1)"),
		OPT('I', "max-cntlid", "max_cntlid", ARG_INT, "largest controller id (65519)"),
		OPT('p', "passthrough", "passthrough", ARG_TRUE, "commands go to the device as they are"),
		OPT('n', "enable-nssr", "enable_nssr", ARG_TRUE, "subsystem reset"),
		OPT(0, "admin-label", "admin_label", ARG_STR, "a name for administrators"),
		OPT(0, "dmrsl", "dmrsl", ARG_INT, "largest range of a deallocation, in blocks"),
		OPT(0, "wzsl", "wzsl", ARG_INT, "largest write zeroes, as a power of two of pages"), END } },
	{ "nvmf_delete_subsystem", "Disconnect its hosts and remove a subsystem", OUT_NONE, .args = ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_get_subsystems", "Subsystems", OUT_JSON, .args = ARGS {
		POS_OPT("nqn", "nqn", ARG_STR, "only this one", .names = NAMES_NQN), TGT('t'), END } },
	{ "nvmf_subsystem_add_listener", "Offer a subsystem on an address", OUT_NONE, .args = ARGS {
		NQN_OR_DISCOVERY,
		ADDRESS("listen_address."),
		TGT('p'),
		OPT('k', "secure-channel", "secure_channel", ARG_TRUE, "TLS"),
		OPT('n', "ana-state", "ana_state", ARG_STATE, "how namespaces are reached", .values = ANA_STATES),
		OPT('S', "sock-impl", "sock_impl", ARG_STR, "accepted, without effect"),
		OPT(0, "numa-id", "numa_id", ARG_INT, "accepted, without effect"),
		OPT(0, "portid", "portid", ARG_INT, "port id in the discovery log"), END } },
	{ "nvmf_subsystem_remove_listener", "Offer it there no longer", OUT_NONE, .args = ARGS {
		NQN_OR_DISCOVERY, ADDRESS("listen_address."), TGT('p'), END } },
	{ 0 },
};
/* clang-format on */
