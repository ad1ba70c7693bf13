/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What users of older releases send: names of 2018 to 2021, the shapes of that time,
 * methods that are several of today's; and the two states of the server.
 */
#include <string.h>

#include "tests/unit/rpc/rig.h"
#include "target/rpc/json.h"
#include "target/rpc/rpc.h"

#define NQN "nqn.2016-06.io.spdk:cnode2"
#define ADDRESS(type, port)                                                                        \
	"{\"" type "\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"0.0.0.0\",\"trsvcid\":\"" port "\"}"
#define TOO_EARLY                                                                                  \
	"\"code\":-1,\"message\":\"Method may only be called after framework is initialized "      \
	"using framework_start_init RPC.\""
#define TOO_LATE                                                                                   \
	"\"code\":-1,\"message\":\"Method may only be called before framework is initialized. "    \
	"Use --wait-for-rpc command line parameter and then issue this RPC before the "            \
	"framework_start_init RPC.\""

static void expect_not(struct rig *rig, const char *method, const char *params, const char *part)
{
	g_autofree char *answer = rig_call(rig, method, params);

	if (strstr(answer, part))
		g_error("%s %s: %s has %s", method, params, answer, part);
}

#define OK "\"result\":"
#define TRUE_RESULT "\"result\":true"

static void add_bdevs(struct rig *rig)
{
	rig_expect(rig, "construct_null_bdev",
		   "{\"name\":\"N\",\"block_size\":512,\"num_blocks\":64}", "\"result\":\"N\"");
	rig_expect(rig, "construct_malloc_bdev", "{\"block_size\":512,\"num_blocks\":64}",
		   "\"result\":\"Malloc0\"");
}

/* --- names ---------------------------------------------------------------------------------- */

/* Rows of the published table, of which each stands for a kind. */
static void test_rows(void)
{
	static const char *const rows[][2] = {
		{ "get_bdevs", "bdev_get_bdevs" },
		{ "get_rpc_methods", "rpc_get_methods" },
		{ "get_spdk_version", "spdk_get_version" },
		{ "start_subsystem_init", "framework_start_init" },
		{ "wait_subsystem_init", "framework_wait_init" },
		{ "get_subsystem_config", "framework_get_config" },
		{ "set_log_level", "log_set_level" },
		{ "get_notification_types", "notify_get_types" },
		{ "construct_aio_bdev", "bdev_aio_create" },
		{ "delete_null_bdev", "bdev_null_delete" },
		{ "set_bdev_qos_limit", "bdev_set_qos_limit" },
		{ "delete_nvmf_subsystem", "nvmf_delete_subsystem" },
		{ "nvmf_subsystem_create", "nvmf_create_subsystem" },
		{ "get_trace_flags", "log_get_flags" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct rpc_method *now = rpc_method_find(rows[i][1]);

		g_assert_nonnull(now);
		g_assert_true(rpc_method_find(rows[i][0]) == now);
	}
	g_assert_null(rpc_method_find("get_target_nodes"));
	g_assert_null(rpc_method_find("construct_rbd_bdev"));
}

static bool listed(const char *answer, const char *name)
{
	g_autofree char *quoted = g_strdup_printf("\"%s\"", name);

	return strstr(answer, quoted) != NULL;
}

/* Exactly those that work are listed, and only when they are asked for. */
static void test_listed(void)
{
	struct rig *rig = rig_new(1, 1);
	g_autofree char *plain = rig_call(rig, "rpc_get_methods", "{}");
	g_autofree char *all = rig_call(rig, "rpc_get_methods", "{\"include_aliases\":true}");
	unsigned known = 0;

	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++) {
		bool there = listed(plain, alias->now);

		g_assert_false(listed(plain, alias->name));
		g_assert_true(listed(all, alias->name) == there);
		if (!there)
			rig_expect(rig, alias->name, "{}", "\"code\":-32601");
		known += there;
	}
	g_assert_cmpuint(known, >, 20);
	g_assert_true(listed(all, "construct_nvmf_subsystem"));
	g_assert_false(listed(plain, "construct_nvmf_subsystem"));
	rig_free(rig);
}

static void count_warnings(void *arg, uint64_t time, const char *line)
{
	(void)time;
	*(unsigned *)arg += strstr(line, "older name of a method") != NULL;
}

static void test_warned_once(void)
{
	struct rig *rig = rig_new(2, 1);
	unsigned warnings = 0;

	rig_expect(rig, "set_log_level", "{\"level\":\"WARNING\"}", TRUE_RESULT);
	for (unsigned i = 0; i < 5; i++)
		rig_expect(rig, "get_bdevs", "{}", OK);
	rig_expect(rig, "get_log_level", "{}", OK);
	world_node_log(rig->node, count_warnings, &warnings);
	g_assert_cmpuint(warnings, ==, 2);
	rig_free(rig);
}

/* --- shapes ------------------------------------------------------------------------------------
 */

static void test_shapes(void)
{
	static const char *const old_keys[] = { "\"max_qpairs_per_ctrlr\":8", "\"io_unit_size\":",
						"\"num_shared_buffers\":", "\"buf_cache_size\":" };
	struct rig *rig = rig_new(3, 1);

	rig_expect(rig, "nvmf_create_transport", "{\"trtype\":\"TCP\",\"max_qpairs_per_ctrlr\":8}",
		   TRUE_RESULT);
	rig_expect(rig, "nvmf_get_transports", "{}", "\"max_io_qpairs_per_ctrlr\":7,");
	for (unsigned i = 0; i < G_N_ELEMENTS(old_keys); i++) {
		rig_expect(rig, "get_nvmf_transports", "{}", old_keys[i]);
		expect_not(rig, "nvmf_get_transports", "{}", old_keys[i]);
	}
	rig_expect(rig, "nvmf_subsystem_create", "{\"nqn\":\"" NQN "\"}", TRUE_RESULT);
	rig_expect(rig, "nvmf_subsystem_add_listener",
		   "{\"nqn\":\"" NQN "\",\"listen_address\":" ADDRESS("transport", "4420") "}",
		   TRUE_RESULT);
	rig_expect(rig, "get_nvmf_subsystems", "{}", "\"transport\":\"TCP\"");
	rig_expect(rig, "get_nvmf_subsystems", "{}", "\"trtype\":\"TCP\"");
	rig_expect(rig, "get_nvmf_subsystems", "{}", "\"subtype\":\"Discovery\"");
	expect_not(rig, "nvmf_get_subsystems", "{}", "\"transport\"");
	rig_expect(rig, "nvmf_subsystem_remove_listener",
		   "{\"nqn\":\"" NQN
		   "\",\"listen_address\":{\"trtype\":\"TCP\",\"transport\":\"TCP\","
		   "\"traddr\":\"0.0.0.0\",\"trsvcid\":\"4420\"}}",
		   "given twice");
	rig_expect(rig, "nvmf_subsystem_remove_listener",
		   "{\"nqn\":\"" NQN "\",\"listen_address\":" ADDRESS("transport", "4420") "}",
		   TRUE_RESULT);
	rig_free(rig);
}

static void test_qpairs(void)
{
	struct rig *rig = rig_new(4, 1);

	rig_expect(rig, "nvmf_create_transport",
		   "{\"trtype\":\"TCP\",\"max_qpairs_per_ctrlr\":5,\"max_io_qpairs_per_ctrlr\":7}",
		   "\"data\":\"\\\"max_io_qpairs_per_ctrlr\\\" is 7");
	rig_expect(rig, "nvmf_create_transport", "{\"trtype\":\"TCP\",\"max_qpairs_per_ctrlr\":1}",
		   "-32602");
	rig_expect(rig, "nvmf_create_transport",
		   "{\"trtype\":\"TCP\",\"max_qpairs_per_ctrlr\":8,\"max_io_qpairs_per_ctrlr\":7}",
		   TRUE_RESULT);
	rig_expect(rig, "nvmf_get_transports", "{}", "\"max_io_qpairs_per_ctrlr\":7,");
	rig_free(rig);
}

/* --- several calls as one ------------------------------------------------------------------------
 */

/* With all that it may have; nothing needs to be there before but the bdevs. */
static void test_construct(void)
{
	static const char *const parts[] = {
		"\"nqn\":\"" NQN "\",\"subtype\":\"NVMe\"",
		"\"trsvcid\":\"4420\",\"transport\":\"TCP\"",
		"\"trsvcid\":\"4421\",\"transport\":\"TCP\"",
		"\"allow_any_host\":false,\"hosts\":[{\"nqn\":\"nqn.2016-06.io.spdk:init\"}]",
		"\"serial_number\":\"SPDK00000000000002\"",
		"\"max_namespaces\":20",
		"\"nsid\":1,\"bdev_name\":\"N\",\"name\":\"N\"",
		"\"nsid\":7,\"bdev_name\":\"Malloc0\",\"name\":\"Malloc0\"",
	};
	struct rig *rig = rig_new(5, 1);

	add_bdevs(rig);
	rig_expect(rig, "construct_nvmf_subsystem",
		   "{\"core\":1,\"mode\":\"Virtual\",\"nqn\":\"" NQN
		   "\",\"listen_addresses\":[" ADDRESS("transport", "4420") "," ADDRESS(
			   "trtype",
			   "4421") "],\"hosts\":["
				   "\"nqn.2016-06.io.spdk:init\"],\"serial_number\":"
				   "\"SPDK00000000000002\","
				   "\"namespaces\":[\"N\",{\"bdev_name\":\"Malloc0\",\"nsid\":7}],"
				   "\"max_namespaces\":20}",
		   TRUE_RESULT);
	for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++)
		rig_expect(rig, "get_nvmf_subsystems", "{\"nqn\":\"" NQN "\"}", parts[i]);
	rig_expect(rig, "delete_nvmf_subsystem", "{\"nqn\":\"" NQN "\"}", TRUE_RESULT);
	/* And with as little as possible: nobody may connect. */
	rig_expect(rig, "construct_nvmf_subsystem", "{\"nqn\":\"" NQN "\"}", TRUE_RESULT);
	rig_expect(rig, "nvmf_get_subsystems", "{\"nqn\":\"" NQN "\"}",
		   "\"allow_any_host\":false,\"hosts\":[]");
	rig_free(rig);
}

/* Whatever fails, it is as if nothing had been called, and can be called again. */
static void test_undone(void)
{
	static const struct {
		const char *members, *says;
	} cases[] = {
		{ "\"serial_number\":\"\\u0001\"", "nvmf_create_subsystem: " },
		{ "\"hosts\":[\"nqn.2016-06.io.spdk:a\",\"b\"]", "nvmf_subsystem_add_host: " },
		{ "\"namespaces\":[\"N\",\"No\"]", "nvmf_subsystem_add_ns: " },
		{ "\"namespaces\":[\"N\",7]", "nvmf_subsystem_add_ns: " },
		{ "\"namespaces\":[{\"bdev_name\":\"N\",\"nsid\":99}]", "nvmf_subsystem_add_ns: " },
		{ "\"namespaces\":[\"N\"],\"listen_addresses\":[" ADDRESS("trtype", "4420") ",{}]",
		  "nvmf_subsystem_add_listener: " },
		{ "\"listen_addresses\":[{\"trtype\":\"TCP\",\"traddr\":\"nowhere\","
		  "\"trsvcid\":\"1\"}]",
		  "nvmf_subsystem_add_listener: " },
		{ "\"listen_addresses\":[{\"trtype\":\"NONE\",\"traddr\":\"0.0.0.0\"}]",
		  "nvmf_create_transport: " },
	};
	struct rig *rig = rig_new(6, 1);
	g_autofree char *before = NULL;

	add_bdevs(rig);
	rig_expect(rig, "nvmf_create_transport", "{\"trtype\":\"TCP\"}", TRUE_RESULT);
	before = rig_saved(rig);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *params =
			g_strdup_printf("{\"nqn\":\"" NQN "\",%s}", cases[i].members);
		g_autofree char *after = NULL;

		rig_expect(rig, "construct_nvmf_subsystem", params, cases[i].says);
		after = rig_saved(rig);
		g_assert_cmpstr(after, ==, before);
	}
	rig_expect(rig, "construct_nvmf_subsystem",
		   "{\"nqn\":\"" NQN "\",\"namespaces\":[\"N\"],\"listen_addresses\":[" ADDRESS(
			   "trtype", "4420") "]}",
		   TRUE_RESULT);
	/* One that is there already is not taken away by a second call. */
	rig_expect(rig, "construct_nvmf_subsystem", "{\"nqn\":\"" NQN "\"}", "\"error\"");
	rig_expect(rig, "nvmf_get_subsystems", "{\"nqn\":\"" NQN "\"}", "\"bdev_name\":\"N\"");
	rig_free(rig);
}

/* Two of them under way, of which one leaves: each takes effect as a whole or not at all. */
static void conflict(uint64_t seed)
{
	static const char *const requests[] = {
		"{\"id\":1,\"method\":\"construct_nvmf_subsystem\",\"params\":{\"nqn\":\"" NQN "\","
		"\"namespaces\":[\"N\"],\"serial_number\":\"A\",\"listen_addresses\":[" ADDRESS(
			"trtype", "4420") "]}}",
		"{\"id\":1,\"method\":\"construct_nvmf_subsystem\",\"params\":{\"nqn\":\"" NQN "\","
		"\"namespaces\":[\"Malloc0\"],\"serial_number\":\"B\",\"listen_addresses\":"
		"[" ADDRESS("trtype", "4421") "]}}",
	};
	static const char *const whole[] = {
		"\"trsvcid\":\"4420\"}],\"allow_any_host\":false,\"hosts\":[],"
		"\"serial_number\":\"A\"",
		"\"trsvcid\":\"4421\"}],\"allow_any_host\":false,\"hosts\":[],"
		"\"serial_number\":\"B\"",
	};
	struct rig *rig = rig_new(seed, 2);
	struct client *leaves = client_open(rig), *stays = client_open(rig);
	g_autofree char *answer = NULL, *shown = NULL;
	unsigned winner;

	rig_segments(rig, 1, 64);
	add_bdevs(rig);
	for (unsigned i = 0; i < 2; i++) {
		bool first = (seed + i) % 2 == 0;

		client_send(first ? stays : leaves, requests[first ? 0 : 1]);
	}
	world_run_for(rig->world, seed * 3 * WORLD_US);
	client_free(leaves);
	answer = client_answer(stays);
	g_assert_nonnull(answer);
	shown = rig_call(rig, "nvmf_get_subsystems", "{\"nqn\":\"" NQN "\"}");
	winner = strstr(shown, whole[0]) ? 0 : 1;
	g_assert_nonnull(strstr(shown, whole[winner]));
	g_assert_nonnull(
		strstr(shown, winner == 0 ? "\"bdev_name\":\"N\"" : "\"bdev_name\":\"Malloc0\""));
	/* stays sent the first of the two requests; it is told the truth about it. */
	g_assert_true((strstr(answer, TRUE_RESULT) != NULL) == (winner == 0));
	client_free(stays);
	rig_free(rig);
}

static void test_conflict(void)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		conflict(seed);
}

static void test_delete_bdev(void)
{
	static const char *const makers[][3] = {
		{ "bdev_null_create", "{\"name\":\"N\",\"block_size\":512,\"num_blocks\":64}",
		  "N" },
		{ "bdev_malloc_create", "{\"name\":\"M\",\"block_size\":512,\"num_blocks\":64}",
		  "M" },
		{ "bdev_passthru_create", "{\"name\":\"P\",\"base_bdev_name\":\"Base\"}", "P" },
		{ "bdev_delay_create",
		  "{\"name\":\"D\",\"base_bdev_name\":\"Base\",\"avg_read_latency\":1,"
		  "\"p99_read_latency\":1,\"avg_write_latency\":1,\"p99_write_latency\":1}",
		  "D" },
		{ "bdev_error_create", "{\"base_name\":\"Base\"}", "EE_Base" },
	};
	struct rig *rig = rig_new(7, 1);
	g_autofree char *before = NULL, *after = NULL;

	rig_expect(rig, "bdev_malloc_create",
		   "{\"name\":\"Base\",\"block_size\":512,\"num_blocks\":64,"
		   "\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"}",
		   OK);
	before = rig_saved(rig);
	for (unsigned i = 0; i < G_N_ELEMENTS(makers); i++) {
		g_autofree char *params = g_strdup_printf("{\"name\":\"%s\"}", makers[i][2]);

		rig_expect(rig, makers[i][0], makers[i][1], OK);
		rig_expect(rig, "bdev_get_bdevs", params, OK);
		rig_expect(rig, "delete_bdev", params, TRUE_RESULT);
		rig_expect(rig, "delete_bdev", params, "\"code\":-19");
	}
	after = rig_saved(rig);
	g_assert_cmpstr(after, ==, before);
	rig_free(rig);
}

static void test_limit(void)
{
	struct rig *rig = rig_new(8, 1);

	add_bdevs(rig);
	rig_expect(rig, "set_bdev_qos_limit_iops", "{\"name\":\"N\",\"ios_per_sec\":20000}",
		   TRUE_RESULT);
	rig_expect(rig, "get_bdevs_config", "{\"name\":\"N\"}", "\"rw_ios_per_sec\":20000");
	rig_expect(rig, "set_bdev_qos_limit_iops", "{\"name\":\"No\",\"ios_per_sec\":20000}",
		   "\"code\":-19");
	rig_free(rig);
}

/* --- states
 * ---------------------------------------------------------------------------------------- */

static void test_states(void)
{
	struct rig *rig = rig_new_waiting(9, 1);
	struct client *waits = client_open(rig);
	g_autofree char *now = rig_call(rig, "rpc_get_methods", "{\"current\":true}");
	g_autofree char *later = NULL, *answer = NULL;

	client_send(waits, "{\"id\":7,\"method\":\"framework_wait_init\"}");
	g_assert_true(listed(now, "framework_start_init"));
	g_assert_false(listed(now, "bdev_get_bdevs"));
	rig_expect(rig, "bdev_get_bdevs", "{}", TOO_EARLY);
	rig_expect(rig, "get_bdevs", "{}", TOO_EARLY);
	rig_expect(rig, "spdk_get_version", "{}", OK);
	g_assert_cmpuint(waits->in->len, ==, 0);
	rig_expect(rig, "framework_start_init", "{}", TRUE_RESULT);
	answer = client_answer(waits);
	g_assert_cmpstr(answer, ==, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":true}");
	rig_expect(rig, "framework_start_init", "{}", TOO_LATE);
	rig_expect(rig, "bdev_get_bdevs", "{}", "\"result\":[]");
	later = rig_call(rig, "rpc_get_methods", "{\"current\":true}");
	g_assert_false(listed(later, "framework_start_init"));
	g_assert_true(listed(later, "bdev_get_bdevs"));
	client_free(waits);
	rig_free(rig);
}

/* What configured the target as a whole in 2018 is what its transports are made with. */
static void test_target_options(void)
{
	struct rig *rig = rig_new_waiting(10, 1);

	rig_expect(rig, "set_nvmf_target_options",
		   "{\"max_queue_depth\":64,\"max_qpairs_per_ctrlr\":5,\"max_io_size\":65536,"
		   "\"in_capsule_data_size\":8192,\"io_unit_size\":8192}",
		   TRUE_RESULT);
	rig_expect(rig, "set_nvmf_target_config",
		   "{\"acceptor_poll_rate\":10000,\"conn_sched\":\"roundrobin\"}", TRUE_RESULT);
	rig_expect(rig, "start_subsystem_init", "{}", TRUE_RESULT);
	rig_expect(rig, "set_nvmf_target_options", "{\"max_queue_depth\":32}", TOO_LATE);
	rig_expect(rig, "construct_nvmf_subsystem",
		   "{\"nqn\":\"" NQN "\",\"listen_addresses\":[" ADDRESS("trtype", "4420") "]}",
		   TRUE_RESULT);
	rig_expect(rig, "nvmf_get_transports", "{}",
		   "\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":4,"
		   "\"in_capsule_data_size\":8192,\"max_io_size\":65536");
	rig_free(rig);
}

static void loaded(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

/* With a configuration: the start waits for it, and the rest of it for the start. */
static void test_configuration(void)
{
	static const char text[] =
		"{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[{\"method\":"
		"\"bdev_null_create\",\"params\":{\"name\":\"N\",\"block_size\":512,"
		"\"num_blocks\":64}},{\"method\":\"log_set_level\",\"params\":{\"level\":"
		"\"INFO\"}}]}]}";
	struct rig *rig = rig_new_waiting(11, 1);
	bool done = false;

	target_load_config(rig->target, "file.json", text, sizeof(text) - 1, loaded, &done);
	world_run_for(rig->world, WORLD_SEC);
	g_assert_false(done);
	/* The one that may come first has run, the other has not. */
	rig_expect(rig, "log_get_level", "{}", "\"result\":\"INFO\"");
	rig_expect(rig, "bdev_get_bdevs", "{}", TOO_EARLY);
	rig_expect(rig, "framework_start_init", "{}", TRUE_RESULT);
	g_assert_true(done);
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"N\"}", OK);
	rig_free(rig);
}

static void ended(void *arg, const GError *error)
{
	g_assert_nonnull(error);
	*(bool *)arg = true;
}

/* The end comes while the start is waited for. */
static void test_end_before_start(void)
{
	static const char text[] = "{\"subsystems\":[]}";
	struct rig *rig = rig_new_waiting(12, 1);
	struct client *c = client_open(rig);
	bool done = false;

	target_load_config(rig->target, "file.json", text, sizeof(text) - 1, ended, &done);
	client_send(c, "{\"id\":1,\"method\":\"framework_wait_init\"}");
	world_run_for(rig->world, WORLD_SEC);
	rig_shutdown(rig);
	g_assert_true(done);
	client_free(c);
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/old/rows", test_rows);
	g_test_add_func("/rpc/old/listed", test_listed);
	g_test_add_func("/rpc/old/warned-once", test_warned_once);
	g_test_add_func("/rpc/old/shapes", test_shapes);
	g_test_add_func("/rpc/old/qpairs", test_qpairs);
	g_test_add_func("/rpc/old/construct", test_construct);
	g_test_add_func("/rpc/old/undone", test_undone);
	g_test_add_func("/rpc/old/conflict", test_conflict);
	g_test_add_func("/rpc/old/delete-bdev", test_delete_bdev);
	g_test_add_func("/rpc/old/limit", test_limit);
	g_test_add_func("/rpc/states", test_states);
	g_test_add_func("/rpc/states/target-options", test_target_options);
	g_test_add_func("/rpc/states/configuration", test_configuration);
	g_test_add_func("/rpc/states/end-before-start", test_end_before_start);
	return g_test_run();
}
