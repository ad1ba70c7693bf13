/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods about the process: log, trace points, threads, scheduler, sockets, I/O
 * buffers, notifications, signals. Each with what is right and what is wrong.
 */
#include <string.h>

#include "target/core/trace.h"
#include "target/rpc/json.h"
#include "target/rpc/rpc.h"
#include "tests/unit/rpc/rig.h"

#define CALL(method) "{\"id\":1,\"method\":\"" method "\"}"
#define WITH(method, params) "{\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"
#define OK "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}"

struct ask {
	const char *request;
	const char *part; /* of the answer */
};

static void ask_all(struct rig *rig, const struct ask *asks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *answer = rig_ask(rig, asks[i].request);

		if (!answer || !strstr(answer, asks[i].part))
			g_error("%s: %s", asks[i].request, answer);
	}
}

/* --- log ---------------------------------------------------------------------------- */

static void test_log(void)
{
	static const struct ask asks[] = {
		{ CALL("log_get_level"), "\"ERROR\"" },
		{ CALL("log_get_print_level"), "\"ERROR\"" },
		{ WITH("log_set_level", "\"level\":\"INFO\""), OK },
		{ CALL("log_get_level"), "\"INFO\"" },
		{ CALL("log_get_print_level"), "\"ERROR\"" },
		{ WITH("log_set_print_level", "\"level\":\"WARNING\""), OK },
		{ CALL("log_get_print_level"), "\"WARNING\"" },
		{ WITH("log_set_level", "\"level\":\"info\""), "one of" },
		{ WITH("log_set_level", "\"level\":\"DEFAULT\""), "-32602" },
		{ WITH("log_set_print_level", "\"level\":1"), "-32602" },
		{ CALL("log_set_level"), "\\\"level\\\"" },
		{ WITH("log_set_component_level", "\"component\":\"nvmf.tcp\",\"level\":\"INFO\""),
		  OK },
		{ CALL("log_get_component_levels"), "\"nvmf.tcp\":\"INFO\",\"rpc\":\"DEFAULT\"" },
		{ CALL("log_get_flags"), "\"nvmf_tcp\":false" },
		{ WITH("log_set_flag", "\"flag\":\"nvmf_tcp\""), OK },
		{ CALL("log_get_flags"), "\"nvmf_tcp\":true,\"rpc\":false" },
		{ CALL("log_get_component_levels"), "\"nvmf.tcp\":\"DEBUG\"" },
		{ WITH("log_clear_flag", "\"flag\":\"nvmf.tcp\""), OK },
		{ CALL("log_get_component_levels"), "\"nvmf.tcp\":\"DEFAULT\"" },
		{ WITH("log_set_component_level", "\"component\":\"rpc\",\"level\":\"ERROR\""),
		  OK },
		{ WITH("log_set_component_level", "\"component\":\"rpc\",\"level\":\"DEFAULT\""),
		  OK },
		{ CALL("log_get_component_levels"), "\"rpc\":\"DEFAULT\"" },
		{ WITH("log_set_flag", "\"flag\":\"all\""), OK },
		{ CALL("log_get_flags"), "\"host\":true" },
		{ WITH("log_clear_flag", "\"flag\":\"all\""), OK },
		{ CALL("log_get_flags"), "\"host\":false" },
		{ WITH("log_set_flag", "\"flag\":\"nvmf.tpc\""), "Did you mean nvmf.tcp?" },
		{ WITH("log_set_flag", "\"flag\":\"blobfs_cache_of_rocksdb\""),
		  "log_get_component_levels lists them" },
		{ WITH("log_clear_flag", "\"flag\":\"\""), "-32602" },
		{ WITH("log_set_component_level", "\"component\":\"x\",\"level\":\"INFO\""),
		  "-32602" },
		{ WITH("log_enable_timestamps", "\"enabled\":false"), OK },
		{ WITH("log_enable_timestamps", "\"enabled\":true"), OK },
		{ WITH("log_enable_timestamps", "\"enabled\":1"), "-32602" },
		{ CALL("log_enable_timestamps"), "-32602" },
	};
	struct rig *rig = rig_new(1, 1);

	ask_all(rig, asks, G_N_ELEMENTS(asks));
	rig_free(rig);
}

static void find_call(void *arg, uint64_t time, const char *line)
{
	(void)time;
	if (strstr(line, "DEBUG rpc \"call\" method=spdk_get_version"))
		++*(unsigned *)arg;
}

static unsigned calls_logged(struct rig *rig)
{
	unsigned n = 0;

	world_node_log(rig->node, find_call, &n);
	return n;
}

/* A level of a component takes effect with the answer, and ends with it. */
static void test_log_takes_effect(void)
{
	static const struct ask version[] = { { CALL("spdk_get_version"), "weft" } };
	static const struct ask on[] = { { WITH("log_set_flag", "\"flag\":\"rpc\""), OK } };
	static const struct ask off[] = {
		{ WITH("log_set_component_level", "\"component\":\"rpc\",\"level\":\"WARNING\""),
		  OK },
		{ WITH("log_set_level", "\"level\":\"DEBUG\""), OK },
	};
	static const struct ask general[] = { { WITH("log_clear_flag", "\"flag\":\"rpc\""), OK } };
	struct rig *rig = rig_new(1, 1);

	ask_all(rig, version, 1);
	g_assert_cmpuint(calls_logged(rig), ==, 0);
	ask_all(rig, on, 1);
	ask_all(rig, version, 1);
	g_assert_cmpuint(calls_logged(rig), ==, 1);
	ask_all(rig, off, 2);
	ask_all(rig, version, 1);
	g_assert_cmpuint(calls_logged(rig), ==, 1);
	ask_all(rig, general, 1);
	ask_all(rig, version, 1);
	g_assert_cmpuint(calls_logged(rig), ==, 2);
	rig_free(rig);
}

/* --- trace points --------------------------------------------------------------------- */

static void test_trace(void)
{
	static const struct ask asks[] = {
		{ CALL("trace_get_info"),
		  "{\"tpoint_shm_path\":\"\",\"tpoint_group_mask\":\"0x1f\","
		  "\"nvmf_tcp\":{\"mask\":\"0x1\",\"tpoint_mask\":\"0xf\"}" },
		{ WITH("trace_disable_tpoint_group", "\"name\":\"all\""), OK },
		{ CALL("trace_get_info"), "\"tpoint_group_mask\":\"0x0\"" },
		{ WITH("trace_set_tpoint_mask", "\"name\":\"nvmf_tcp\",\"tpoint_mask\":6"), OK },
		{ CALL("trace_get_tpoint_group_mask"),
		  "\"tpoint_group_mask\":\"0x1\",\"nvmf_tcp\":{\"enabled\":true,\"mask\":\"0x1\","
		  "\"tpoint_mask\":\"0x6\",\"tpoints\":[{\"name\":\"tcp.accept\",\"id\":1,"
		  "\"enabled\":false},{\"name\":\"tcp.close\",\"id\":2,\"enabled\":true}" },
		{ WITH("trace_clear_tpoint_mask", "\"name\":\"nvmf_tcp\",\"tpoint_mask\":2"), OK },
		{ CALL("trace_get_info"), "\"tpoint_mask\":\"0x4\"" },
		{ WITH("trace_set_tpoint_mask",
		       "\"name\":\"bdev\",\"tpoint_mask\":18446744073709551615"),
		  OK },
		{ CALL("trace_get_info"), "\"bdev\":{\"mask\":\"0x4\",\"tpoint_mask\":\"0x1\"}" },
		{ WITH("trace_enable_tpoint_group", "\"name\":\"nvmf\""), OK },
		{ CALL("trace_get_info"), "\"tpoint_group_mask\":\"0x7\"" },
		{ WITH("trace_enable_tpoint_group", "\"name\":\"nvmf_fc\""),
		  "there are nvmf_tcp, nvmf, bdev, host, nvmf_rdma, and all" },
		{ WITH("trace_set_tpoint_mask", "\"name\":\"x\",\"tpoint_mask\":1"), "-32602" },
		{ WITH("trace_set_tpoint_mask", "\"name\":\"bdev\",\"tpoint_mask\":\"0x1\""),
		  "-32602" },
		{ WITH("trace_set_tpoint_mask", "\"name\":\"bdev\",\"tpoint_mask\":-1"), "-32602" },
		{ WITH("trace_clear_tpoint_mask", "\"name\":\"bdev\""), "tpoint_mask" },
		{ CALL("trace_disable_tpoint_group"), "-32602" },
		{ WITH("trace_clear", "\"x\":1"), "-32602" },
	};
	struct rig *rig = rig_new(1, 3);

	ask_all(rig, asks, G_N_ELEMENTS(asks));
	/* On every reactor the same. */
	for (unsigned i = 0; i < 3; i++)
		g_assert_cmphex(
			rig->target->core->reactors[i]->trace->enabled &
				((1 << TRACE_EVENT_COUNT) - 1),
			==, trace_group_events(1) | 1 << TRACE_TCP_PDU_RX | 1 << TRACE_BDEV_RESIZE);
	rig_free(rig);
}

/* What is off leaves no record; what was recorded is forgotten by trace_clear. */
static void test_trace_records(void)
{
	static const struct ask make[] = {
		{ WITH("bdev_null_create", "\"name\":\"N\",\"num_blocks\":2048,\"block_size\":512"),
		  "\"N\"" },
		{ WITH("bdev_null_resize", "\"name\":\"N\",\"new_size\":2"), OK },
		{ CALL("trace_dump"), "bdev.resize blocks=0x1000" },
		{ CALL("trace_clear"), OK },
		{ CALL("trace_dump"), "\"result\":[]" },
		{ WITH("trace_disable_tpoint_group", "\"name\":\"bdev\""), OK },
		{ WITH("bdev_null_resize", "\"name\":\"N\",\"new_size\":3"), OK },
		{ CALL("trace_dump"), "\"result\":[]" },
	};
	struct rig *rig = rig_new(1, 2);

	ask_all(rig, make, G_N_ELEMENTS(make));
	rig_free(rig);
}

/* --- threads --------------------------------------------------------------------------- */

static void test_threads(void)
{
	static const struct ask asks[] = {
		{ CALL("thread_get_stats"), "\"active_pollers_count\":1" },
		{ CALL("thread_get_pollers"),
		  "\"threads\":[{\"name\":\"nvmf_tgt_poll_group_000\",\"id\":1,\"active_pollers\":["
		  "{\"name\":\"" },
		{ CALL("thread_get_pollers"), "\"timed_pollers\":[],\"paused_pollers\":[]}]}" },
		{ CALL("thread_get_io_channels"), "\"io_channels\":[]" },
		{ WITH("bdev_null_create", "\"name\":\"N\",\"num_blocks\":2048,\"block_size\":512"),
		  "\"N\"" },
		{ CALL("thread_get_io_channels"), "\"io_channels\":[]" },
		{ WITH("nvmf_create_subsystem", "\"nqn\":\"nqn.2016-06.io.spdk:c\""), OK },
		{ WITH("nvmf_subsystem_add_ns",
		       "\"nqn\":\"nqn.2016-06.io.spdk:c\",\"namespace\":{\"bdev_name\":\"N\"}"),
		  "1" },
		{ CALL("thread_get_io_channels"),
		  "\"threads\":[{\"name\":\"nvmf_tgt_poll_group_000\",\"id\":1,\"io_channels\":[{"
		  "\"name\":\"N\",\"ref\":1}]},{\"name\":\"nvmf_tgt_poll_group_001\",\"id\":2,"
		  "\"io_channels\":[{\"name\":\"N\",\"ref\":1}]}]" },
		{ WITH("thread_set_cpumask", "\"id\":2,\"cpumask\":\"0x2\""), OK },
		{ WITH("thread_set_cpumask", "\"id\":2,\"cpumask\":\"02\""), OK },
		{ WITH("thread_set_cpumask", "\"id\":2,\"cpumask\":\"3\""),
		  "\"code\":-95,\"message\":\"Operation not supported\",\"data\":\"thread 2 has "
		  "the "
		  "mask 2" },
		{ WITH("thread_set_cpumask", "\"id\":3,\"cpumask\":\"1\""), "there are 1 to 2" },
		{ WITH("thread_set_cpumask", "\"id\":0,\"cpumask\":\"1\""), "-32602" },
		{ WITH("thread_set_cpumask", "\"id\":1,\"cpumask\":\"0x\""), "hexadecimal" },
		{ WITH("thread_set_cpumask", "\"id\":1,\"cpumask\":\"1g\""), "hexadecimal" },
		{ WITH("thread_set_cpumask", "\"id\":1,\"cpumask\":\"\""), "-32602" },
		{ WITH("thread_set_cpumask", "\"id\":1"), "cpumask" },
	};
	struct rig *rig = rig_new(1, 2);

	ask_all(rig, asks, G_N_ELEMENTS(asks));
	rig_free(rig);
}

static const struct jv *member_of(struct jv_doc **doc, const char *answer, const char *key)
{
	*doc = jv_parse(answer, strlen(answer), 0, NULL);
	g_assert_nonnull(*doc);
	return jv_member(jv_member(jv_root(*doc), "result"), key);
}

/* The reactor of the RPC socket has found work; it was polled once a pass. */
static void test_poller_counts(void)
{
	struct rig *rig = rig_new(1, 1);
	g_autofree char *answer = rig_ask(rig, CALL("thread_get_pollers"));
	struct jv_doc *doc;
	const struct jv *threads = member_of(&doc, answer, "threads");
	const struct jv *poller = jv_member(threads->first, "active_pollers")->first;
	uint64_t runs, busy;
	bool negative;

	g_assert_cmpint(jv_integer(jv_member(poller, "run_count"), &negative, &runs), ==,
			JV_INT_OK);
	g_assert_cmpint(jv_integer(jv_member(poller, "busy_count"), &negative, &busy), ==,
			JV_INT_OK);
	g_assert_cmpuint(busy, >, 0);
	g_assert_cmpuint(runs, >=, busy);
	jv_doc_unref(doc);
	rig_free(rig);
}

/* --- what is kept for saved configurations ------------------------------------------------ */

#define SETTINGS                                                                                   \
	"{\"subsystems\":[{\"subsystem\":\"scheduler\",\"config\":["                               \
	"{\"method\":\"scheduler_set_options\",\"params\":{\"scheduling_core\":1,"                 \
	"\"isolated_core_mask\":\"0x2\"}},{\"method\":\"framework_set_scheduler\","                \
	"\"params\":{\"name\":\"static\",\"period\":1000000}}]},"                                  \
	"{\"subsystem\":\"sock\",\"config\":["                                                     \
	"{\"method\":\"sock_set_default_impl\",\"params\":{\"impl_name\":\"uring\"}},"             \
	"{\"method\":\"sock_impl_set_options\",\"params\":{\"impl_name\":\"posix\","               \
	"\"recv_buf_size\":65536,\"send_buf_size\":131072,\"enable_recv_pipe\":false,"             \
	"\"enable_quickack\":true,\"enable_placement_id\":1,\"enable_zerocopy_send_server\":"      \
	"false,\"enable_zerocopy_send_client\":true,\"zerocopy_threshold\":4096,"                  \
	"\"tls_version\":13,\"enable_ktls\":true}}]},"                                             \
	"{\"subsystem\":\"iobuf\",\"config\":[{\"method\":\"iobuf_set_options\",\"params\":{"      \
	"\"small_pool_count\":16384,\"large_pool_count\":2048,\"small_bufsize\":4096,"             \
	"\"large_bufsize\":65536,\"enable_numa\":true}}]}"

static void test_settings(void)
{
	static const struct ask asks[] = {
		{ CALL("framework_get_scheduler"),
		  "{\"scheduler_name\":\"static\",\"scheduler_period\":1000000,\"governor_name\":"
		  "\"none\",\"scheduling_core\":1,\"isolated_core_mask\":\"0x2\"}" },
		{ CALL("framework_get_governor"), "{\"governor_name\":\"none\"" },
		{ CALL("sock_get_default_impl"), "{\"impl_name\":\"uring\"}" },
		{ WITH("sock_impl_get_options", "\"impl_name\":\"posix\""),
		  "{\"recv_buf_size\":65536,\"send_buf_size\":131072,\"enable_recv_pipe\":false," },
		{ WITH("sock_impl_get_options", "\"impl_name\":\"ssl\""),
		  "{\"recv_buf_size\":2097152,\"send_buf_size\":2097152,\"enable_recv_pipe\":true,"
		  "\"enable_quickack\":false,\"enable_placement_id\":0,"
		  "\"enable_zerocopy_send_server\":true,\"enable_zerocopy_send_client\":false,"
		  "\"zerocopy_threshold\":0,\"tls_version\":0,\"enable_ktls\":false}" },
		{ WITH("sock_impl_get_options", "\"impl_name\":\"vpp\""), "posix" },
		{ CALL("sock_impl_get_options"), "impl_name" },
		/* Too late for these. */
		{ WITH("sock_impl_set_options", "\"impl_name\":\"posix\""), "\"code\":-1," },
		{ WITH("sock_set_default_impl", "\"impl_name\":\"posix\""), "\"code\":-1," },
		{ CALL("iobuf_set_options"), "Use --wait-for-rpc" },
		{ CALL("scheduler_set_options"), "\"code\":-1," },
		{ WITH("framework_set_scheduler", "\"name\":\"dynamic\""), "only \\\"static\\\"" },
		{ WITH("framework_set_scheduler", "\"name\":\"best\""), "-32602" },
		{ WITH("framework_set_scheduler", "\"name\":\"static\",\"load_limit\":256"),
		  "-32602" },
		{ WITH("framework_set_scheduler", "\"name\":\"static\",\"load_limit\":20"), OK },
		{ CALL("framework_get_scheduler"), "\"scheduler_period\":0" },
		{ WITH("framework_get_config", "\"name\":\"vmd\""),
		  "\"Subsystem 'vmd' not found\",\"data\":\"there are scheduler, sock, iobuf" },
	};
	struct rig *rig = rig_new(1, 2);
	g_autofree char *error = rig_load(rig, SETTINGS "]}");
	g_autofree char *saved = rig_saved(rig);

	g_assert_cmpstr(error, ==, NULL);
	g_assert_true(g_str_has_prefix(saved, SETTINGS ",{\"subsystem\":\"bdev\","));
	ask_all(rig, asks, G_N_ELEMENTS(asks));
	rig_free(rig);
}

#define ENTRY(method, params)                                                                      \
	"{\"subsystems\":[{\"subsystem\":\"x\",\"config\":[{\"method\":\"" method                  \
	"\",\"params\":{" params "}}]}]}"

static void test_bad_settings(void)
{
	static const struct ask cases[] = {
		{ ENTRY("iobuf_set_options", "\"small_pool_count\":63"), "small_pool_count" },
		{ ENTRY("iobuf_set_options", "\"large_pool_count\":7"), "large_pool_count" },
		{ ENTRY("iobuf_set_options", "\"small_bufsize\":4095"), "small_bufsize" },
		{ ENTRY("iobuf_set_options", "\"large_bufsize\":8191"), "large_bufsize" },
		{ ENTRY("iobuf_set_options", "\"small_bufsize\":200000"),
		  "small_bufsize is 200000, large_bufsize 135168" },
		{ ENTRY("sock_impl_set_options", "\"recv_buf_size\":1"), "impl_name" },
		{ ENTRY("sock_impl_set_options", "\"impl_name\":\"posix\",\"enable_ktls\":1"),
		  "enable_ktls" },
		{ ENTRY("sock_set_default_impl", "\"impl_name\":\"rdma\""), "impl_name" },
		{ ENTRY("scheduler_set_options", "\"isolated_core_mask\":\"3\""),
		  "isolated_core_mask" },
		{ ENTRY("scheduler_set_options", "\"isolated_core_mask\":\"0x\""),
		  "isolated_core_mask" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct rig *rig = rig_new(1, 1);
		g_autofree char *error = rig_load(rig, cases[i].request);

		if (!error || !strstr(error, cases[i].part))
			g_error("%s: %s", cases[i].request, error);
		rig_free(rig);
	}
}

/* Keys that are not given keep what was set before; with all as at first nothing is saved. */
static void test_settings_merge(void)
{
	struct rig *rig = rig_new(1, 1);
	g_autofree char *before = rig_saved(rig);
	g_autofree char *error = rig_load(
		rig, "{\"subsystems\":[{\"subsystem\":\"iobuf\",\"config\":["
		     "{\"method\":\"iobuf_set_options\",\"params\":{\"small_pool_count\":100}},"
		     "{\"method\":\"iobuf_set_options\",\"params\":{\"large_pool_count\":9}}]}]}");
	g_autofree char *after = rig_saved(rig);

	g_assert_nonnull(strstr(before, "{\"subsystem\":\"iobuf\",\"config\":[]}"));
	g_assert_cmpstr(error, ==, NULL);
	g_assert_nonnull(strstr(after, "{\"small_pool_count\":100,\"large_pool_count\":9,"
				       "\"small_bufsize\":8192,\"large_bufsize\":135168,"
				       "\"enable_numa\":false}"));
	rig_free(rig);
}

/* One element a reactor; the sums agree with the pools. */
static void test_iobuf_stats(void)
{
	struct rig *rig = rig_new(1, 2);
	g_autofree char *answer = rig_ask(rig, CALL("iobuf_get_stats"));

	g_assert_cmpstr(answer, ==,
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":["
			"{\"module\":\"nvmf_tgt_poll_group_000\",\"small_pool\":{\"cache\":0,"
			"\"main\":0,\"retry\":0},\"large_pool\":{\"cache\":0,\"main\":0,\"retry\":0"
			"}},{\"module\":\"nvmf_tgt_poll_group_001\",\"small_pool\":{\"cache\":0,"
			"\"main\":0,\"retry\":0},\"large_pool\":{\"cache\":0,\"main\":0,\"retry\":0"
			"}}]}");
	rig_free(rig);
}

/* --- notifications -------------------------------------------------------------------------- */

#define NQN "nqn.2016-06.io.spdk:c"
#define ON "\"nqn\":\"" NQN "\""
#define ADDRESS                                                                                    \
	"\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"ipv4\",\"traddr\":\"127.0.0.1\","     \
	"\"trsvcid\":\"4420\"}"

static void check_events(struct rig *rig, const char *const *events)
{
	g_autofree char *answer = rig_ask(rig, CALL("notify_get_notifications"));
	g_autofree char *types = rig_ask(rig, CALL("notify_get_types"));
	struct jv_doc *doc = jv_parse(answer, strlen(answer), 0, NULL);
	const struct jv *v = jv_member(jv_root(doc), "result")->first;

	for (; *events; events++, v = v->next) {
		g_autofree char *quoted = NULL;
		g_autofree char *text = NULL;

		g_assert_nonnull(v);
		text = g_strdup_printf("%s: %s", jv_member(v, "type")->str,
				       jv_member(v, "ctx")->str);
		g_assert_cmpstr(text, ==, *events);
		quoted = g_strdup_printf("\"%s\"", jv_member(v, "type")->str);
		g_assert_nonnull(strstr(types, quoted));
	}
	g_assert_null(v);
	jv_doc_unref(doc);
}

static void test_notifications(void)
{
	static const struct ask asks[] = {
		{ WITH("nvmf_create_transport", "\"trtype\":\"TCP\""), OK },
		{ WITH("bdev_null_create", "\"name\":\"N\",\"num_blocks\":2048,\"block_size\":512"),
		  "\"N\"" },
		{ WITH("nvmf_create_subsystem", ON ",\"ana_reporting\":true"), OK },
		{ WITH("nvmf_subsystem_add_ns", ON ",\"namespace\":{\"bdev_name\":\"N\"}"), "1" },
		{ WITH("nvmf_subsystem_add_listener", ON "," ADDRESS), OK },
		{ WITH("nvmf_subsystem_add_host", ON ",\"host\":\"nqn.2014-08.org:h\""), OK },
		{ WITH("nvmf_subsystem_add_host", ON ",\"host\":\"nqn.2014-08.org:h\""), "" },
		{ WITH("nvmf_subsystem_listener_set_ana_state",
		       ON "," ADDRESS ",\"ana_state\":\"inaccessible\""),
		  OK },
		{ WITH("nvmf_subsystem_listener_set_ana_state",
		       ON "," ADDRESS ",\"ana_state\":\"inaccessible\""),
		  OK },
		{ WITH("nvmf_subsystem_allow_any_host", ON ",\"allow_any_host\":true"), OK },
		{ WITH("nvmf_subsystem_remove_host", ON ",\"host\":\"nqn.2014-08.org:h\""), OK },
		{ WITH("nvmf_subsystem_remove_listener", ON "," ADDRESS), OK },
		{ WITH("nvmf_subsystem_remove_ns", ON ",\"nsid\":1"), OK },
		{ WITH("nvmf_delete_subsystem", ON), OK },
		{ WITH("bdev_null_delete", "\"name\":\"N\""), OK },
		{ WITH("nvmf_create_target", "\"name\":\"two\""), "two" },
		{ WITH("nvmf_create_subsystem", ON ",\"tgt_name\":\"two\""), OK },
		{ WITH("nvmf_delete_target", "\"name\":\"two\""), OK },
	};
	static const char *const events[] = {
		"bdev_register: N",
		"nvmf_subsystem_add: " NQN,
		"nvmf_ns_add: " NQN " nsid=1 bdev=N",
		"nvmf_listener_add: " NQN " trtype=TCP traddr=127.0.0.1 trsvcid=4420",
		"nvmf_host_add: " NQN " host=nqn.2014-08.org:h",
		"nvmf_ana_change: " NQN " traddr=127.0.0.1 trsvcid=4420 group=0 state=inaccessible",
		"nvmf_host_add: " NQN " host=*",
		"nvmf_host_remove: " NQN " host=nqn.2014-08.org:h",
		"nvmf_listener_remove: " NQN " trtype=TCP traddr=127.0.0.1 trsvcid=4420",
		"nvmf_ns_remove: " NQN " nsid=1 bdev=N",
		"nvmf_subsystem_remove: " NQN,
		"bdev_unregister: N",
		"nvmf_subsystem_add: " NQN " tgt=two",
		"nvmf_subsystem_remove: " NQN " tgt=two",
		NULL,
	};
	struct rig *rig = rig_new(1, 2);

	ask_all(rig, asks, G_N_ELEMENTS(asks));
	check_events(rig, events);
	rig_free(rig);
}

/* --- signals ------------------------------------------------------------------------------ */

struct killed {
	GString *signals;
	unsigned notified;
};

static void take_signal(void *arg, const char *signal)
{
	struct killed *k = arg;

	g_string_append_printf(k->signals, "%s ", signal);
}

static void take_notification(void *arg, const char *type)
{
	struct killed *k = arg;

	k->notified += strcmp(type, "bdev_register") == 0;
}

static bool no_signal(void *arg)
{
	return ((struct killed *)arg)->signals->len == 0;
}

static void test_kill(void)
{
	static const struct ask bad[] = {
		{ WITH("spdk_kill_instance", "\"sig_name\":\"SIGSEGV\""), "-32602" },
		{ WITH("spdk_kill_instance", "\"sig_name\":15"), "-32602" },
		{ CALL("spdk_kill_instance"), "sig_name" },
	};
	struct killed k = { .signals = g_string_new(NULL) };
	struct rpc_hooks hooks = { .kill = take_signal, .notified = take_notification, .arg = &k };
	struct rig *rig = rig_new_hooks(1, 1, &hooks), *none = rig_new(2, 1);
	g_autofree char *answer = NULL, *refused = NULL, *made = NULL;

	ask_all(rig, bad, G_N_ELEMENTS(bad));
	answer = rig_ask(rig, WITH("spdk_kill_instance", "\"sig_name\":\"SIGTERM\""));
	g_assert_cmpstr(answer, ==, OK);
	g_assert_true(world_run_while(rig->world, no_signal, &k, RIG_LIMIT));
	g_assert_cmpstr(k.signals->str, ==, "SIGTERM ");
	made = rig_ask(rig, WITH("bdev_null_create",
				 "\"name\":\"N\",\"num_blocks\":2048,\"block_size\":512"));
	g_assert_cmpuint(k.notified, ==, 1);
	rig_free(rig);
	g_string_free(k.signals, TRUE);

	refused = rig_ask(none, WITH("spdk_kill_instance", "\"sig_name\":\"SIGTERM\""));
	g_assert_nonnull(strstr(refused, "\"code\":-95"));
	g_assert_nonnull(strstr(refused, "SIGTERM"));
	rig_free(none);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/framework/log", test_log);
	g_test_add_func("/framework/log-takes-effect", test_log_takes_effect);
	g_test_add_func("/framework/trace", test_trace);
	g_test_add_func("/framework/trace-records", test_trace_records);
	g_test_add_func("/framework/threads", test_threads);
	g_test_add_func("/framework/poller-counts", test_poller_counts);
	g_test_add_func("/framework/settings", test_settings);
	g_test_add_func("/framework/bad-settings", test_bad_settings);
	g_test_add_func("/framework/settings-merge", test_settings_merge);
	g_test_add_func("/framework/iobuf-stats", test_iobuf_stats);
	g_test_add_func("/framework/notifications", test_notifications);
	g_test_add_func("/framework/kill", test_kill);
	return g_test_run();
}
