/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: the process, its reactors, buffers and sockets. */
#include "tools/weftctl/args.h"

/* clang-format off */
#define IMPL REQ('i', "impl", "impl_name", ARG_STR, "kind of sockets: posix", .values = "posix uring ssl")
/* A setting with the names it has had. */
#define SWITCH(name_, key_, help_) \
	OPT(0, name_, key_, ARG_SWITCH, help_), \
	OPT(0, "enable-" name_, key_, ARG_TRUE, "--" name_ ", as it was called"), \
	OPT(0, "disable-" name_, key_, ARG_FALSE, "--no-" name_ ", as it was called")

const struct command commands_framework[] = {
	{ "spdk_get_version", "Version of the interface and of weft", OUT_JSON, .args = NULL },
	{ "spdk_kill_instance", "Send weftd a signal", OUT_NONE, .args = ARGS {
		POS("sig_name", "sig_name", ARG_STR, "SIGTERM and others",
			.values = "SIGINT SIGTERM SIGQUIT SIGHUP SIGKILL SIGUSR1"), END } },
	{ "rpc_get_methods", "Names of all methods", OUT_JSON, .args = ARGS {
		OPT('c', "current", "current", ARG_TRUE, "only those that may be called now"),
		OPT('i', "include-aliases", "include_aliases", ARG_TRUE, "older names too"), END } },
	{ "framework_start_init", "Start (after --wait-for-rpc)", OUT_NONE, .args = NULL },
	{ "framework_wait_init", "Wait until the configuration is loaded", OUT_NONE, .args = NULL },
	{ "framework_get_reactors", "Reactors and what they did", OUT_JSON, .args = NULL },
	{ "framework_get_subsystems", "Parts that have a configuration", OUT_JSON, .args = NULL },
	{ "framework_get_config", "Saved form of one part", OUT_JSON, .args = ARGS {
		POS("name", "name", ARG_STR, "bdev, nvmf, ...: see framework_get_subsystems"),
		OPT(0, "with-batches", "with_batches", ARG_TRUE, "keep nested arrays"), END } },
	{ "config_get_status", "How the file stands that weftd --state keeps", OUT_JSON, .args = NULL },
	{ "framework_set_scheduler", "How threads are spread over processors", OUT_NONE, .args = ARGS {
		POS("name", "name", ARG_STR, "static"),
		OPT('p', "period", "period", ARG_INT, "us between two looks"),
		OPT(0, "load-limit", "load_limit", ARG_INT, "percent"),
		OPT(0, "core-limit", "core_limit", ARG_INT, "percent"),
		OPT(0, "core-busy", "core_busy", ARG_INT, "percent"),
		OPT(0, "mappings", "mappings", ARG_STR, "thread:core,..."), END } },
	{ "framework_get_scheduler", "How they are", OUT_JSON, .args = NULL },
	{ "framework_get_governor", "Frequencies of processors", OUT_JSON, .args = NULL },
	{ "scheduler_set_options", "Settings of the scheduler (before framework_start_init)", OUT_NONE, .args = ARGS {
		OPT('i', "isolated-core-mask", "isolated_core_mask", ARG_STR, "processors left alone"),
		OPT('s', "scheduling-core", "scheduling_core", ARG_INT, "where idle threads go"), END } },
	{ "thread_get_stats", "Busy and idle time of the reactors", OUT_JSON, .args = NULL },
	{ "thread_set_cpumask", "Move a thread", OUT_NONE, .args = ARGS {
		REQ('i', "id", "id", ARG_INT, "number of the thread"),
		REQ('m', "cpumask", "cpumask", ARG_STR, "processors"), END } },
	{ "thread_get_pollers", "What the reactors do in each pass, and by time", OUT_JSON, .args = NULL },
	{ "thread_get_io_channels", "Devices in use on each reactor", OUT_JSON, .args = NULL },
	{ "iobuf_set_options", "Sizes of the buffer pools (before framework_start_init)", OUT_NONE, .args = ARGS {
		OPT(0, "small-pool-count", "small_pool_count", ARG_INT, "small buffers"),
		OPT(0, "large-pool-count", "large_pool_count", ARG_INT, "large buffers"),
		OPT(0, "small-bufsize", "small_bufsize", ARG_INT, "bytes of a small one"),
		OPT(0, "large-bufsize", "large_bufsize", ARG_INT, "bytes of a large one"),
		OPT(0, "enable-numa", "enable_numa", ARG_TRUE, "pools for each NUMA node"), END } },
	{ "iobuf_get_stats", "What was taken from the buffer pools", OUT_JSON, .args = NULL },
	{ "buf_get_stats", "Buffer pools of the reactors", OUT_JSON, .args = NULL },
	{ "sock_impl_get_options", "Settings of sockets", OUT_JSON, .args = ARGS { IMPL, END } },
	{ "sock_impl_set_options", "Change those (before framework_start_init)", OUT_NONE, .args = ARGS {
		IMPL,
		OPT('r', "recv-buf-size", "recv_buf_size", ARG_INT, "bytes"),
		OPT('s', "send-buf-size", "send_buf_size", ARG_INT, "bytes"),
		OPT('p', "enable-placement-id", "enable_placement_id", ARG_INT, "0, 1, 2"),
		SWITCH("recv-pipe", "enable_recv_pipe", "read into a buffer in between"),
		SWITCH("quickack", "enable_quickack", "acknowledge at once"),
		SWITCH("zerocopy-send-server", "enable_zerocopy_send_server", "send without copies"),
		SWITCH("zerocopy-send-client", "enable_zerocopy_send_client", "the same as a host"),
		OPT(0, "zerocopy-threshold", "zerocopy_threshold", ARG_INT, "bytes from which on that is done"),
		OPT(0, "tls-version", "tls_version", ARG_INT, "12 or 13"),
		SWITCH("ktls", "enable_ktls", "TLS by the kernel"), END } },
	{ "sock_set_default_impl", "Kind of sockets that is used (before framework_start_init)", OUT_NONE, .args = ARGS { IMPL, END } },
	{ "sock_get_default_impl", "The one in use", OUT_JSON, .args = NULL },
	{ "metrics_get", "What was counted, by what it was counted of", OUT_JSON, .args = ARGS {
		OPT('n', "nqn", "nqn", ARG_STR, "only of this subsystem", .names = NAMES_NQN),
		OPT('s', "sections", "sections", ARG_LIST, "only these members of the result: a,b"),
		OPT(0, "histograms", "histograms", ARG_SWITCH, "with those of latencies (they are there unless --no)"), END } },
	{ "metrics_start", "Serve them for Prometheus", OUT_JSON, .args = ARGS {
		OPT('a', "traddr", "traddr", ARG_STR, "address (127.0.0.1)"),
		OPT('s', "trsvcid", "trsvcid", ARG_STR, "port (9604)"), END } },
	{ "metrics_stop", "Serve them no longer", OUT_NONE, .args = NULL },
	{ 0 },
};
/* clang-format on */
