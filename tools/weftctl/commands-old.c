/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: methods of older releases. */
#include "tools/weftctl/args.h"

/* clang-format off */
/*
 * Only those whose arguments differ from all of today; the rest of the older names
 * are in rpc_aliases.
 */
const struct command commands_old[] = {
	{ "construct_nvmf_subsystem", "Make a subsystem with all that is in it (to 18.10)", OUT_NONE, .args = ARGS {
		POS("nqn", "nqn", ARG_STR, "NQN of the subsystem"),
		POS("listen", "listen_addresses", ARG_ADDRESSES, "'trtype:TCP traddr:192.0.2.1 trsvcid:4420, ...'"),
		POS("hosts", "hosts", ARG_WORDS, "NQNs of hosts that may connect, with blanks between them"),
		OPT('a', "allow-any-host", "allow_any_host", ARG_TRUE, "every host may connect"),
		OPT('s', "serial-number", "serial_number", ARG_STR, "at most 20 characters"),
		OPT('n', "namespaces", "namespaces", ARG_NAMESPACES, "'bdev[:nsid] ...'"),
		OPT('m', "max-namespaces", "max_namespaces", ARG_INT, "namespaces at most"),
		OPT('c', "core", "core", ARG_INT, "accepted, without effect"),
		OPT(0, "mode", "mode", ARG_STR, "accepted, without effect"), END } },
	{ "set_nvmf_target_options", "Settings of the transport (18.07 and 18.10)", OUT_NONE, .args = ARGS {
		OPT('q', "max-queue-depth", "max_queue_depth", ARG_INT, "entries of an I/O queue"),
		OPT('p', "max-qpairs-per-ctrlr", "max_qpairs_per_ctrlr", ARG_INT, "queues of a controller, the admin queue counted"),
		OPT('c', "in-capsule-data-size", "in_capsule_data_size", ARG_INT, "bytes of data in a command capsule"),
		OPT('i', "max-io-size", "max_io_size", ARG_INT, "bytes of the largest I/O"),
		OPT('x', "max-subsystems", "max_subsystems", ARG_INT, "subsystems at most"),
		OPT('u', "io-unit-size", "io_unit_size", ARG_INT, "accepted, without effect"), END } },
	{ "set_nvmf_target_config", "Settings of the whole target (to 21.10)", OUT_NONE, .args = ARGS {
		OPT('r', "acceptor-poll-rate", "acceptor_poll_rate", ARG_INT, "accepted, without effect"),
		OPT('s', "conn-sched", "conn_sched", ARG_STR, "accepted, without effect"), END } },
	{ "delete_bdev", "Remove a block device of any kind (to 19.01)", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "its name"), END } },
	{ "set_bdev_qos_limit_iops", "Limit I/Os (18.x)", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "block device"),
		POS("ios_per_sec", "ios_per_sec", ARG_INT, "I/Os a second; 0 lifts the limit"), END } },
	{ 0 },
};
/* clang-format on */
