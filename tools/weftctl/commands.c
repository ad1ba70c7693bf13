/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands: the arguments and flags of rpc.py. */
#include <string.h>

#include "tools/weftctl/weftctl.h"

/* clang-format off */
#define POS(name_, key_, type_, help_) \
	{ .name = name_, .key = key_, .type = type_, .positional = true, .required = true, .help = help_ }
#define POS_OPT(name_, key_, type_, help_) \
	{ .name = name_, .key = key_, .type = type_, .positional = true, .help = help_ }
#define OPT(letter_, name_, key_, type_, help_) \
	{ .letter = letter_, .name = name_, .key = key_, .type = type_, .help = help_ }
#define REQ(letter_, name_, key_, type_, help_) \
	{ .letter = letter_, .name = name_, .key = key_, .type = type_, .required = true, .help = help_ }
#define END { .name = NULL }
#define ARGS (const struct arg[])

#define NQN POS("nqn", "nqn", ARG_STR, "NQN of the subsystem")
#define TGT(letter_) OPT(letter_, "tgt-name", "tgt_name", ARG_STR, "target (there is one)")
#define ADDRESS(p_) \
	REQ('t', "trtype", p_ "trtype", ARG_STR, "transport: tcp"), \
	REQ('a', "traddr", p_ "traddr", ARG_STR, "address, such as 192.0.2.1"), \
	OPT('f', "adrfam", p_ "adrfam", ARG_STR, "ipv4 or ipv6"), \
	OPT('s', "trsvcid", p_ "trsvcid", ARG_STR, "port, such as 4420")
#define ANA_STATES "optimized, non_optimized, inaccessible, persistent_loss, change"
#define BDEV_LAYOUT \
	OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), \
	OPT('p', "physical-block-size", "physical_block_size", ARG_INT, "physical block size in bytes"), \
	OPT('m', "md-size", "md_size", ARG_INT, "metadata bytes a block"), \
	OPT('t', "dif-type", "dif_type", ARG_INT, "protection information type"), \
	OPT('d', "dif-is-head-of-md", "dif_is_head_of_md", ARG_TRUE, "protection information comes first in the metadata"), \
	OPT('f', "dif-pi-format", "dif_pi_format", ARG_INT, "protection information format")

const struct command commands[] = {
	{ "spdk_get_version", "Version of the interface and of weft", OUT_JSON, NULL },
	{ "rpc_get_methods", "Names of all methods", OUT_JSON, ARGS {
		OPT('c', "current", "current", ARG_TRUE, "only those that may be called now"),
		OPT('i', "include-aliases", "include_aliases", ARG_TRUE, "older names too"), END } },
	{ "framework_start_init", "Start (after --wait-for-rpc)", OUT_NONE, NULL },
	{ "framework_wait_init", "Wait until the configuration is loaded", OUT_NONE, NULL },
	{ "framework_get_reactors", "Reactors and what they did", OUT_JSON, NULL },
	{ "framework_get_subsystems", "Parts that have a configuration", OUT_JSON, NULL },
	{ "framework_get_config", "Saved form of one part", OUT_JSON, ARGS {
		POS("name", "name", ARG_STR, "bdev or nvmf"),
		OPT(0, "with-batches", "with_batches", ARG_TRUE, "keep nested arrays"), END } },
	{ "thread_get_stats", "Busy and idle time of the reactors", OUT_JSON, NULL },
	{ "log_set_level", "Set what is logged", OUT_NONE, ARGS {
		POS("level", "level", ARG_LEVEL, "ERROR, WARNING, NOTICE, INFO, DEBUG"), END } },
	{ "log_get_level", "What is logged", OUT_JSON, NULL },
	{ "log_set_print_level", "The same as log_set_level", OUT_NONE, ARGS {
		POS("level", "level", ARG_LEVEL, "ERROR, WARNING, NOTICE, INFO, DEBUG"), END } },
	{ "log_get_print_level", "The same as log_get_level", OUT_JSON, NULL },
	{ "log_get_flags", "Log flags", OUT_JSON, NULL },
	{ "notify_get_types", "Kinds of notifications", OUT_JSON, NULL },
	{ "notify_get_notifications", "What happened", OUT_JSON, ARGS {
		OPT('i', "id", "id", ARG_INT, "from this one on"),
		OPT('n', "max", "max", ARG_INT, "at most so many"), END } },
	{ "trace_dump", "Last events of the reactors, as text", OUT_JSON, ARGS {
		OPT('n', "max", "max", ARG_INT, "at most so many (1000)"), END } },
	{ "buf_get_stats", "Buffer pools of the reactors", OUT_JSON, NULL },

	{ "bdev_get_bdevs", "Block devices", OUT_JSON, ARGS {
		OPT('b', "name", "name", ARG_STR, "only this one (name or UUID)"),
		OPT('t', "timeout", "timeout", ARG_INT, "wait so many ms for it to appear"), END } },
	{ "bdev_malloc_create", "Make a block device in memory", OUT_NAME, ARGS {
		POS("total_size", "num_blocks", ARG_MIB, "size in MiB"),
		POS("block_size", "block_size", ARG_INT, "block size in bytes"),
		OPT('b', "name", "name", ARG_STR, "name (Malloc<N>)"),
		BDEV_LAYOUT,
		OPT('o', "optimal-io-boundary", "optimal_io_boundary", ARG_INT, "blocks"),
		OPT('i', "md-interleave", "md_interleave", ARG_TRUE, "metadata within the blocks"), END } },
	{ "bdev_malloc_delete", "Remove a block device in memory", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_null_create", "Make a block device that keeps nothing", OUT_NAME, ARGS {
		POS("name", "name", ARG_STR, "name"),
		POS("total_size", "num_blocks", ARG_MIB, "size in MiB"),
		POS("block_size", "block_size", ARG_INT, "block size in bytes"),
		BDEV_LAYOUT, END } },
	{ "bdev_null_delete", "Remove a null block device", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_null_resize", "Make a null block device larger", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"),
		POS("new_size", "new_size", ARG_INT, "new size in MiB"), END } },
	{ "bdev_aio_create", "Make a block device of a file or device", OUT_NAME, ARGS {
		POS("filename", "filename", ARG_STR, "path of the file or device"),
		POS("name", "name", ARG_STR, "name"),
		POS_OPT("block_size", "block_size", ARG_INT, "block size in bytes (that of the file)"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: made from what the file is)"),
		OPT('f', "fallocate", "fallocate", ARG_TRUE, "accepted: space is always given back"),
		OPT(0, "nowait", "nowait", ARG_TRUE, "accepted, without effect"),
		OPT('r', "readonly", "readonly", ARG_TRUE, "nothing can be written"), END } },
	{ "bdev_aio_rescan", "Look at the size of the file now", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_aio_delete", "Remove a block device of a file", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_uring_create", "Make a block device of a file or device", OUT_NAME, ARGS {
		POS("filename", "filename", ARG_STR, "path of the file or device"),
		POS("name", "name", ARG_STR, "name"),
		POS_OPT("block_size", "block_size", ARG_INT, "block size in bytes (that of the file)"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: made from what the file is)"),
		OPT('r', "readonly", "readonly", ARG_TRUE, "nothing can be written"), END } },
	{ "bdev_uring_rescan", "Look at the size of the file now", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_uring_delete", "Remove a block device of a file", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },

	{ "bdev_passthru_create", "Make a block device that is another one", OUT_NAME, ARGS {
		REQ('b', "base-bdev-name", "base_bdev_name", ARG_STR, "the block device below"),
		REQ('p', "name", "name", ARG_STR, "name"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), END } },
	{ "bdev_passthru_delete", "Remove a passthru block device", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_delay_create", "Make a block device that is slower than another one", OUT_NAME, ARGS {
		REQ('b', "base-bdev-name", "base_bdev_name", ARG_STR, "the block device below"),
		REQ('d', "name", "name", ARG_STR, "name"),
		REQ('r', "avg-read-latency", "avg_read_latency", ARG_INT, "us added to a read"),
		REQ('t', "p99-read-latency", "p99_read_latency", ARG_INT, "us added to one read in a hundred"),
		REQ('w', "avg-write-latency", "avg_write_latency", ARG_INT, "us added to a write"),
		REQ('n', "p99-write-latency", "p99_write_latency", ARG_INT, "us added to one write in a hundred"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), END } },
	{ "bdev_delay_delete", "Remove a delay block device", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_delay_update_latency", "Change how slow it is", OUT_NONE, ARGS {
		POS("delay_bdev_name", "delay_bdev_name", ARG_STR, "its name"),
		POS("latency_type", "latency_type", ARG_STR, "avg_read, p99_read, avg_write, p99_write"),
		POS("latency_us", "latency_us", ARG_INT, "us"), END } },
	{ "bdev_error_create", "Make a block device that fails when told, EE_<base>", OUT_NAME, ARGS {
		POS("base_name", "base_name", ARG_STR, "the block device below"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), END } },
	{ "bdev_error_delete", "Remove such a block device", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_error_inject_error", "Tell it how to fail", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"),
		POS("io_type", "io_type", ARG_STR, "read, write, unmap, flush, all; clear: no more errors"),
		POS("error_type", "error_type", ARG_STR, "failure, pending, corrupt_data, nomem, nvme_failure"),
		OPT('n', "num", "num", ARG_INT, "so many commands (1)"),
		OPT('q', "queue-depth", "queue_depth", ARG_INT, "only when so many are under way"),
		OPT('o', "corrupt-offset", "corrupt_offset", ARG_INT, "byte of the data to change"),
		OPT('v', "corrupt-value", "corrupt_value", ARG_INT, "1 to 255: what it is XORed with"),
		OPT(0, "nvme-sct", "nvme_sct", ARG_INT, "NVMe status code type"),
		OPT(0, "nvme-sc", "nvme_sc", ARG_INT, "NVMe status code"), END } },
	{ "bdev_error_resume_pending", "Let go on what is pending", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "its name"), END } },
	{ "bdev_get_iostat", "What was read and written, and how long it took", OUT_JSON, ARGS {
		OPT('b', "name", "names", ARG_LIST, "only this one"),
		OPT(0, "names", "names", ARG_LIST, "only these: a,b"),
		OPT('c', "per-channel", "per_channel", ARG_TRUE, "by reactor, of one"),
		OPT(0, "reset-mode", "reset_mode", ARG_STR, "and begin again: all, maxmin, error (none)"), END } },
	{ "bdev_reset_iostat", "Count from zero", OUT_NONE, ARGS {
		OPT('b', "name", "name", ARG_STR, "only this one"),
		OPT('m', "mode", "mode", ARG_STR, "all, maxmin, error, none (all)"), END } },
	{ "bdev_set_qd_sampling_period", "Look at the queue depth every so often", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "block device"),
		POS("period", "period", ARG_INT, "us; 0: no more"), END } },
	{ "bdev_enable_histogram", "Count latencies", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "block device"),
		OPT('e', "enable", "enable", ARG_TRUE, "from now on"),
		OPT('d', "disable", "enable", ARG_FALSE, "no more"),
		OPT('o', "opc", "opc", ARG_STR, "only read, write, flush, write_zeroes or unmap"),
		OPT(0, "granularity", "granularity", ARG_INT, "accepted, without effect"),
		OPT(0, "min-nsec", "min_nsec", ARG_INT, "accepted, without effect"),
		OPT(0, "max-nsec", "max_nsec", ARG_INT, "accepted, without effect"), END } },
	{ "bdev_get_histogram", "Latencies counted", OUT_JSON, ARGS {
		POS("name", "name", ARG_STR, "block device"), END } },
	{ "bdev_set_qos_limit", "Limit what is read and written; 0 lifts a limit", OUT_NONE, ARGS {
		POS("name", "name", ARG_STR, "block device"),
		OPT(0, "rw-ios-per-sec", "rw_ios_per_sec", ARG_INT, "I/Os a second, in thousands"),
		OPT(0, "rw-mbytes-per-sec", "rw_mbytes_per_sec", ARG_INT, "MiB a second"),
		OPT(0, "r-mbytes-per-sec", "r_mbytes_per_sec", ARG_INT, "MiB read a second"),
		OPT(0, "w-mbytes-per-sec", "w_mbytes_per_sec", ARG_INT, "MiB written a second"), END } },

	{ "nvmf_create_transport", "Enable a transport", OUT_NONE, ARGS {
		REQ('t', "trtype", "trtype", ARG_STR, "transport: TCP"),
		TGT('g'),
		OPT('q', "max-queue-depth", "max_queue_depth", ARG_INT, "entries of an I/O queue"),
		OPT('m', "max-io-qpairs-per-ctrlr", "max_io_qpairs_per_ctrlr", ARG_INT, "I/O queues of a controller"),
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
		OPT(0, "acceptor-poll-rate", "acceptor_poll_rate", ARG_INT, "accepted, without effect"),
		OPT(0, "iobuf-small-cache-size", "iobuf_small_cache_size", ARG_INT, "accepted, without effect"),
		OPT(0, "iobuf-large-cache-size", "iobuf_large_cache_size", ARG_INT, "accepted, without effect"),
		OPT(0, "ack-timeout", "ack_timeout", ARG_INT, "accepted, without effect"),
		OPT(0, "data-wr-pool-size", "data_wr_pool_size", ARG_INT, "RDMA only"),
		OPT(0, "disable-command-passthru", "disable_command_passthru", ARG_TRUE, "accepted, without effect"),
		OPT(0, "kas", "kas", ARG_INT, "granularity of keep alive, x 100 ms"),
		OPT(0, "min-kato", "min_kato", ARG_INT, "least keep-alive timeout, ms"), END } },
	{ "nvmf_get_transports", "Transports", OUT_JSON, ARGS {
		OPT(0, "trtype", "trtype", ARG_STR, "only this one"), TGT(0), END } },
	{ "nvmf_get_targets", "Targets", OUT_JSON, NULL },
	{ "nvmf_get_stats", "Queue pairs and commands of each reactor", OUT_JSON, ARGS {
		TGT('t'), END } },
	{ "nvmf_create_subsystem", "Make a subsystem", OUT_NONE, ARGS {
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
		OPT('n', "enable-nssr", "enable_nssr", ARG_TRUE, "subsystem reset"), END } },
	{ "nvmf_delete_subsystem", "Disconnect its hosts and remove a subsystem", OUT_NONE, ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_get_subsystems", "Subsystems", OUT_JSON, ARGS {
		POS_OPT("nqn", "nqn", ARG_STR, "only this one"), TGT('t'), END } },
	{ "nvmf_subsystem_add_listener", "Offer a subsystem on an address", OUT_NONE, ARGS {
		NQN,
		ADDRESS("listen_address."),
		TGT('p'),
		OPT('k', "secure-channel", "secure_channel", ARG_TRUE, "TLS"),
		OPT('n', "ana-state", "ana_state", ARG_STATE, ANA_STATES),
		OPT('S', "sock-impl", "sock_impl", ARG_STR, "accepted, without effect"), END } },
	{ "nvmf_subsystem_remove_listener", "Offer it there no longer", OUT_NONE, ARGS {
		NQN, ADDRESS("listen_address."), TGT('p'), END } },
	{ "nvmf_subsystem_listener_set_ana_state", "How namespaces are reached through an address", OUT_NONE, ARGS {
		NQN,
		ADDRESS("listen_address."),
		REQ('n', "ana-state", "ana_state", ARG_STATE, ANA_STATES),
		OPT('g', "anagrpid", "anagrpid", ARG_INT, "only those of this ANA group (all)"),
		TGT('p'), END } },
	{ "nvmf_subsystem_get_listeners", "Addresses of a subsystem", OUT_JSON, ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_subsystem_get_controllers", "Who is connected", OUT_JSON, ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_subsystem_get_qpairs", "Queue pairs of those connected", OUT_JSON, ARGS {
		NQN, TGT('t'), END } },
	{ "nvmf_subsystem_add_ns", "Give a subsystem a namespace", OUT_NONE, ARGS {
		NQN,
		POS("bdev_name", "namespace.bdev_name", ARG_STR, "block device behind it"),
		OPT('p', "ptpl-file", "namespace.ptpl_file", ARG_STR, "file of persistent reservations"),
		OPT('n', "nsid", "namespace.nsid", ARG_INT, "namespace id (lowest free)"),
		OPT('g', "nguid", "namespace.nguid", ARG_STR, "32 hexadecimal digits"),
		OPT('e', "eui64", "namespace.eui64", ARG_STR, "16 hexadecimal digits"),
		OPT('u', "uuid", "namespace.uuid", ARG_STR, "UUID (of the block device)"),
		OPT('a', "anagrpid", "namespace.anagrpid", ARG_INT, "ANA group"),
		OPT('i', "no-auto-visible", "namespace.no_auto_visible", ARG_TRUE, "no host sees it yet"),
		OPT(0, "read-only", "namespace.read_only", ARG_TRUE, "hosts may not write to it"),
		TGT('t'), END } },
	{ "nvmf_subsystem_remove_ns", "Take a namespace away", OUT_NONE, ARGS {
		NQN,
		POS("nsid", "nsid", ARG_INT, "namespace id"),
		TGT('t'), END } },
	{ "nvmf_subsystem_set_ns_ana_group", "Put a namespace into another ANA group", OUT_NONE, ARGS {
		NQN,
		POS("nsid", "nsid", ARG_INT, "namespace id"),
		POS("anagrpid", "anagrpid", ARG_INT, "ANA group"),
		TGT('t'), END } },
	{ "nvmf_ns_add_host", "Let a host see a namespace that not all see", OUT_NONE, ARGS {
		NQN,
		POS("nsid", "nsid", ARG_INT, "namespace id"),
		POS("host", "host", ARG_STR, "NQN of the host"),
		TGT('t'), END } },
	{ "nvmf_ns_remove_host", "Hide such a namespace from a host", OUT_NONE, ARGS {
		NQN,
		POS("nsid", "nsid", ARG_INT, "namespace id"),
		POS("host", "host", ARG_STR, "NQN of the host"),
		TGT('t'), END } },
	{ "nvmf_subsystem_add_host", "Let a host connect", OUT_NONE, ARGS {
		NQN,
		POS("host", "host", ARG_STR, "NQN of the host"),
		TGT('t'), END } },
	{ "nvmf_subsystem_remove_host", "Disconnect a host and let it in no longer", OUT_NONE, ARGS {
		NQN,
		POS("host", "host", ARG_STR, "NQN of the host"),
		TGT('t'),
		OPT(0, "timeout-ms", "timeout_ms", ARG_INT, "give up waiting after so many ms"), END } },
	{ "nvmf_subsystem_allow_any_host", "Let every host connect, or not", OUT_NONE, ARGS {
		NQN,
		OPT('e', "enable", "allow_any_host", ARG_TRUE, "every host"),
		OPT('d', "disable", "allow_any_host", ARG_FALSE, "only those added"),
		TGT('t'), END } },
	{ "nvmf_discovery_add_referral", "Name another discovery service in the log", OUT_NONE, ARGS {
		ADDRESS("address."),
		OPT('k', "secure-channel", "secure_channel", ARG_TRUE, "it needs TLS"),
		OPT('n', "subnqn", "subnqn", ARG_STR, "its NQN (that of every discovery service)"),
		TGT('p'), END } },
	{ "nvmf_discovery_remove_referral", "Name it no longer", OUT_NONE, ARGS {
		ADDRESS("address."),
		OPT('n', "subnqn", "subnqn", ARG_STR, "its NQN"),
		TGT('p'), END } },
	{ "nvmf_discovery_get_referrals", "Other discovery services that are named", OUT_JSON, ARGS {
		TGT('t'), END } },
	{ "nvmf_set_config", "Settings of the whole target", OUT_NONE, ARGS {
		OPT('d', "discovery-filter", "discovery_filter", ARG_STR, "match_any, or as below"),
		OPT(0, "discovery-filters", "discovery_filters", ARG_LIST, "of transport,address,svcid: what named listeners have in common with the one asked"),
		OPT('m', "poll-groups-mask", "poll_groups_mask", ARG_STR, "accepted, without effect"),
		OPT(0, "dhchap-digests", "dhchap_digests", ARG_LIST, "accepted, without effect"),
		OPT(0, "dhchap-dhgroups", "dhchap_dhgroups", ARG_LIST, "accepted, without effect"),
		OPT(0, "dup-host-policy", "dup_host_policy", ARG_STR, "allow"), END } },
	{ 0 },
};
/* clang-format on */

const struct command *command_find(const char *method)
{
	for (const struct command *c = commands; c->method; c++)
		if (strcmp(c->method, method) == 0)
			return c;
	for (const struct command *c = saved_commands; c->method; c++)
		if (strcmp(c->method, method) == 0)
			return c;
	return NULL;
}
