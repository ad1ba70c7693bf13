/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe-oF targets: what is set before the start, several targets in one process,
 * and every key of what makes transports, subsystems and listeners; their answers,
 * their refusals, and that the saved configuration makes the same again.
 */
#include <string.h>

#include "tests/unit/rpc/rig.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"
#define ON(nqn_) "\"nqn\":\"" nqn_ "\""
#define AT(port_)                                                                                  \
	"\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"127.0.0.1\","     \
	"\"trsvcid\":\"" port_ "\"}"

static char *ask(struct rig *rig, const char *method)
{
	g_autofree char *request = g_strdup_printf("{\"id\":1,\"method\":\"%s\"}", method);

	return rig_ask(rig, request);
}

static void start(struct rig *rig)
{
	g_autofree char *answer = ask(rig, "framework_start_init");

	g_assert_nonnull(strstr(answer, "\"result\":true"));
}

/* --- before the start ----------------------------------------------------------------------- */

static void test_settings(void)
{
	struct rig *rig = rig_new_waiting(1, 3);

	rig_good(rig, "nvmf_set_config",
		 "\"discovery_filter\":\"match_any,address\",\"discovery_filters\":[\"svcid\"],"
		 "\"admin_cmd_passthru\":{\"identify_ctrlr\":false},"
		 "\"dhchap_digests\":[\"sha256\",\"sha384\",\"sha512\"],"
		 "\"dhchap_dhgroups\":[\"null\",\"ffdhe2048\",\"ffdhe3072\",\"ffdhe4096\","
		 "\"ffdhe6144\",\"ffdhe8192\"],"
		 "\"poll_groups_mask\":\"0x5\",\"dup_host_policy\":\"restrict_per_listener\"");
	/* What is not given stays. */
	rig_good(rig, "nvmf_set_config", "");
	rig_good(rig, "nvmf_set_max_subsystems", "\"max_subsystems\":2");
	rig_good(rig, "nvmf_set_crdt", "\"crdt1\":10,\"crdt3\":65535");
	start(rig);
	rig_good(rig, "nvmf_create_subsystem", ON(NQN));
	rig_good(rig, "nvmf_create_subsystem", ON(NQN "2"));
	rig_has(rig, "nvmf_create_subsystem", ON(NQN "3"), "nvmf_set_max_subsystems");
	rig_check_saved(
		rig, "{\"method\":\"nvmf_set_config\",\"params\":{\"discovery_filters\":["
		     "\"address\",\"svcid\"],\"poll_groups_mask\":\"0x5\",\"dup_host_policy\":"
		     "\"restrict_per_listener\"}},{\"method\":\"nvmf_set_max_subsystems\","
		     "\"params\":{\"max_subsystems\":2}},{\"method\":\"nvmf_set_crdt\",\"params\":{"
		     "\"crdt1\":10,\"crdt2\":0,\"crdt3\":65535}}");
}

static void test_settings_refused(void)
{
	static const struct rig_refusal cases[] = {
		{ "nvmf_set_config", "\"discovery_filter\":\"transport,port\"",
		  "match_any, or of" },
		{ "nvmf_set_config", "\"discovery_filters\":[\"port\"]", "array of transport" },
		{ "nvmf_set_config", "\"discovery_filters\":\"svcid\"", "array of transport" },
		{ "nvmf_set_config", "\"admin_cmd_passthru\":{\"sanitize\":true}", "only false" },
		{ "nvmf_set_config", "\"dhchap_digests\":[\"sha256\"]", "\\\"dhchap_digests\\\"" },
		{ "nvmf_set_config", "\"dhchap_dhgroups\":[]", "no authentication" },
		{ "nvmf_set_config", "\"dup_host_policy\":\"deny\"", "one of allow, restrict" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"\"", "mask of processors" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"0xg\"", "mask of processors" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"[0,\"", "mask of processors" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"[2-1]\"", "mask of processors" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"[0-9999]\"", "mask of processors" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"0\"", "one processor at least" },
		{ "nvmf_set_config", "\"poll_groups_mask\":\"[0,4]\"", "on processor 4" },
		{ "nvmf_set_max_subsystems", "\"max_subsystems\":0", "from 1 to 65536" },
		{ "nvmf_set_max_subsystems", "", "is missing" },
		{ "nvmf_set_crdt", "\"crdt1\":65536", "from 0 to 65535" },
		{ "nvmf_create_subsystem", ON(NQN), "\"code\":-1," },
	};
	static const struct rig_refusal late[] = {
		{ "nvmf_set_config", "", "Method may only be called before" },
		{ "nvmf_set_max_subsystems", "\"max_subsystems\":9", "\"code\":-1," },
		{ "nvmf_set_crdt", "\"crdt1\":1", "\"code\":-1," },
	};
	struct rig *rig = rig_new_waiting(2, 2);

	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	start(rig);
	rig_refuse_all(rig, late, G_N_ELEMENTS(late));
	rig_free(rig);
}

/* --- several targets -------------------------------------------------------------------------- */

static void make_second(struct rig *rig)
{
	rig_has(rig, "nvmf_create_target",
		"\"name\":\"two\",\"max_subsystems\":1,\"discovery_filter\":[\"address\"],"
		"\"dup_host_policy\":\"restrict_per_listener\"",
		"\"result\":\"two\"");
	rig_good(rig, "nvmf_create_transport", "\"trtype\":\"tcp\",\"tgt_name\":\"two\"");
	rig_good(rig, "nvmf_create_subsystem", ON(NQN) ",\"tgt_name\":\"two\"");
	rig_has(rig, "bdev_null_create", "\"name\":\"N\",\"num_blocks\":8,\"block_size\":512",
		"\"N\"");
	rig_has(rig, "nvmf_subsystem_add_ns",
		ON(NQN) ",\"tgt_name\":\"two\",\"namespace\":{\"bdev_name\":\"N\"}",
		"\"result\":1");
	rig_good(rig, "nvmf_subsystem_add_listener", ON(NQN) ",\"tgt_name\":\"two\"," AT("4421"));
	rig_good(rig, "nvmf_subsystem_add_host",
		 ON(NQN) ",\"tgt_name\":\"two\",\"host\":\"nqn.2014-08.org.example:h\"");
	rig_good(rig, "nvmf_discovery_add_referral",
		 "\"tgt_name\":\"two\",\"address\":{\"trtype\":\"TCP\",\"traddr\":\"192.0.2.7\","
		 "\"trsvcid\":\"8009\"}");
}

static void test_targets(void)
{
	static const struct rig_refusal cases[] = {
		{ "nvmf_create_target", "\"name\":\"two\"",
		  "\"code\":-17,\"message\":\"File exis" },
		{ "nvmf_create_target", "\"name\":\"nvmf_tgt\"", "\"code\":-17" },
		{ "nvmf_create_target", "\"name\":\"\"", "needs 1 at least" },
		{ "nvmf_create_subsystem", ON(NQN "2") ",\"tgt_name\":\"two\"",
		  "as many subsystems as it may" },
		{ "nvmf_create_subsystem", ON(NQN "2"),
		  "\"code\":-32603,\"message\":\"No default NVMf target found; specify "
		  "tgt_name\"" },
		{ "nvmf_get_subsystems", "", "No default NVMf target found" },
		{ "nvmf_get_subsystems", "\"tgt_name\":\"three\"",
		  "\"code\":-32602,\"message\":\"NVMf target 'three' not found\"" },
		{ "nvmf_subsystem_get_listeners", ON(NQN) ",\"tgt_name\":\"nvmf_tgt\"",
		  "Subsystem with NQN '" NQN "' not found" },
		{ "nvmf_subsystem_add_listener",
		  ON("discovery") ",\"tgt_name\":\"nvmf_tgt\"," AT("4421"),
		  "nvmf_create_transport makes it" },
		{ "nvmf_delete_target", "\"name\":\"three\"", "NVMf target 'three' not found" },
		{ "nvmf_delete_target", "\"name\":\"nvmf_tgt\"",
		  "\"code\":-16,\"message\":\"Device or resource busy\"" },
		{ "nvmf_get_stats", "", "specify tgt_name" },
	};
	struct rig *rig = rig_new(3, 2);
	g_autofree char *names = NULL, *one = NULL;

	make_second(rig);
	names = ask(rig, "nvmf_get_targets");
	g_assert_nonnull(strstr(names, "[\"nvmf_tgt\",\"two\"]"));
	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_has(rig, "nvmf_get_subsystems", "\"tgt_name\":\"two\"", "\"trsvcid\":\"4421\"");
	rig_has(rig, "nvmf_get_transports", "\"tgt_name\":\"two\"", "\"trtype\":\"TCP\"");
	rig_has(rig, "nvmf_get_transports", "\"tgt_name\":\"nvmf_tgt\"", "\"result\":[]");
	rig_has(rig, "nvmf_get_stats", "\"tgt_name\":\"two\"", "\"trtype\":\"TCP\"");
	rig_good(rig, "nvmf_delete_target", "\"name\":\"two\"");
	one = ask(rig, "nvmf_get_targets");
	g_assert_nonnull(strstr(one, "[\"nvmf_tgt\"]"));
	/* nothing of it holds the bdev, or the name */
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"N\"", "\"claimed\":false");
	rig_good(rig, "bdev_null_delete", "\"name\":\"N\"");
	make_second(rig);
	rig_free(rig);
}

static void test_targets_saved(void)
{
	struct rig *rig = rig_new(4, 2);

	rig_good(rig, "nvmf_create_transport", "\"trtype\":\"TCP\"");
	rig_good(rig, "nvmf_create_subsystem", ON(NQN));
	make_second(rig);
	rig_check_saved(rig, "{\"method\":\"nvmf_create_target\",\"params\":{\"name\":\"two\","
			     "\"max_subsystems\":1,\"discovery_filter\":[\"address\"],"
			     "\"dup_host_policy\":\"restrict_per_listener\"}}");
}

/* --- every key ----------------------------------------------------------------------------------
 */

static void test_keys(void)
{
	struct rig *rig = rig_new(5, 1);

	rig_good(rig, "nvmf_create_transport",
		 "\"trtype\":\"TCP\",\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":3,"
		 "\"in_capsule_data_size\":8192,\"max_io_size\":65536,\"io_unit_size\":8192,"
		 "\"max_aq_depth\":64,\"num_shared_buffers\":9,\"buf_cache_size\":9,"
		 "\"iobuf_small_cache_size\":7,\"iobuf_large_cache_size\":5,\"zcopy\":true,"
		 "\"num_cqe\":4,\"max_srq_depth\":5,\"no_srq\":true,\"c2h_success\":false,"
		 "\"dif_insert_or_strip\":true,\"sock_priority\":3,\"acceptor_backlog\":17,"
		 "\"abort_timeout_sec\":4,\"no_wr_batching\":true,\"control_msg_num\":33,"
		 "\"disable_mappable_bar0\":true,\"disable_adaptive_irq\":true,"
		 "\"disable_shadow_doorbells\":true,\"acceptor_poll_rate\":6,\"ack_timeout\":2,"
		 "\"data_wr_pool_size\":11,\"disable_command_passthru\":true,\"kas\":20,"
		 "\"min_kato\":2000,\"masked_oncs\":[\"nvmcmps\",\"nvmcpys\"],"
		 "\"masked_fuses\":[\"fcws\"],\"of_tomorrow\":{}");
	rig_has(rig, "nvmf_get_transports", "",
		"[{\"trtype\":\"TCP\",\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":3,"
		"\"in_capsule_data_size\":8192,\"max_io_size\":65536,\"max_aq_depth\":64,"
		"\"iobuf_small_cache_size\":7,\"iobuf_large_cache_size\":5,"
		"\"dif_insert_or_strip\":true,\"zcopy\":true,\"c2h_success\":false,"
		"\"sock_priority\":3,\"abort_timeout_sec\":4,\"ack_timeout\":2,"
		"\"data_wr_pool_size\":11,\"disable_command_passthru\":true,\"kas\":20,"
		"\"min_kato\":2000,\"masked_oncs\":[\"nvmcmps\",\"nvmcpys\"],"
		"\"masked_fuses\":[\"fcws\"]}]");
	rig_good(rig, "nvmf_create_subsystem",
		 ON(NQN) ",\"admin_label\":\"a shelf\",\"dmrsl\":100,\"wzsl\":5,"
			 "\"passthrough\":false,\"enable_nssr\":true,\"min_cntlid\":5,"
			 "\"max_cntlid\":9,\"max_namespaces\":3,\"serial_number\":\"S\","
			 "\"model_number\":\"M\",\"ana_reporting\":true,\"allow_any_host\":true");
	rig_has(rig, "nvmf_get_subsystems", ON(NQN),
		"\"model_number\":\"M\",\"admin_label\":\"a shelf\",\"max_namespaces\":3,"
		"\"passthrough\":false,\"min_cntlid\":5,\"max_cntlid\":9,\"dmrsl\":100,\"wzsl\":5,"
		"\"namespaces\":[]");
	rig_good(rig, "nvmf_subsystem_add_listener",
		 ON(NQN) ",\"secure_channel\":false,\"ana_state\":\"inaccessible\","
			 "\"sock_impl\":\"posix\",\"numa_id\":1,\"of_tomorrow\":1," AT("4420"));
	rig_has(rig, "bdev_null_create", "\"name\":\"N\",\"num_blocks\":8,\"block_size\":512",
		"\"N\"");
	rig_has(rig, "nvmf_subsystem_add_ns",
		ON(NQN) ",\"namespace\":{\"bdev_name\":\"N\",\"nsid\":2,\"nguid\":"
			"\"00112233445566778899aabbccddeeff\",\"eui64\":\"0011223344556677\","
			"\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\",\"anagrpid\":3,"
			"\"no_auto_visible\":true,\"hide_metadata\":true,\"write_protected\":true}",
		"\"result\":2");
	rig_has(rig, "nvmf_get_subsystems", ON(NQN),
		"\"nguid\":\"00112233445566778899AABBCCDDEEFF\",\"eui64\":\"0011223344556677\","
		"\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\",\"anagrpid\":3,"
		"\"no_auto_visible\":true,\"write_protected\":true,\"hosts\":[]");
	rig_good(rig, "nvmf_subsystem_add_host",
		 ON(NQN) ",\"host\":\"nqn.2014-08.org.example:h\",\"of_tomorrow\":1");
	rig_check_saved(rig, "\"acceptor_backlog\":17,\"control_msg_num\":33");
}

static void test_keys_refused(void)
{
	static const struct rig_refusal cases[] = {
		{ "nvmf_create_transport", "\"trtype\":\"TCP\"",
		  "\"code\":-32603,\"message\":\"Transport type 'TCP' already exists\"" },
		{ "nvmf_create_transport", "\"trtype\":\"FC\"",
		  "\"code\":-32602,\"message\":\"Invalid transport type 'FC'\"" },
		{ "nvmf_create_transport", "\"trtype\":\"TCP\",\"masked_oncs\":[\"x\"]",
		  "array of nvmcmps" },
		{ "nvmf_create_transport", "\"trtype\":\"TCP\",\"masked_fuses\":\"fcws\"",
		  "array of fcws" },
		{ "nvmf_create_transport", "\"trtype\":\"TCP\",\"acceptor_backlog\":0",
		  "at least 1" },
		{ "nvmf_create_transport", "\"trtype\":\"TCP\",\"disable_adaptive_irq\":1",
		  "true or false" },
		{ "nvmf_get_transports", "\"trtype\":\"RDMA\"",
		  "\"code\":-19,\"message\":\"No such device\"" },
		{ "nvmf_create_subsystem", ON(NQN), "Unable to create subsystem " NQN },
		{ "nvmf_create_subsystem", ON(NQN "2") ",\"min_cntlid\":9,\"max_cntlid\":5",
		  "\"code\":-32602,\"message\":\"Invalid cntlid range [9-5]\"" },
		{ "nvmf_create_subsystem", ON(NQN "2") ",\"passthrough\":true", "only false" },
		{ "nvmf_create_subsystem", ON(NQN "2") ",\"admin_label\":\"\\u0001\"",
		  "printable ASCII" },
		{ "nvmf_create_subsystem", ON(NQN "2") ",\"admin_label\":\"\"",
		  "needs 1 at least" },
		{ "nvmf_create_subsystem", ON(NQN "2") ",\"wzsl\":256", "from 0 to 255" },
		{ "nvmf_subsystem_add_listener", ON(NQN) ",\"secure_channel\":true," AT("4420"),
		  "asks for TLS" },
		{ "nvmf_subsystem_add_listener", ON(NQN) ",\"sock_impl\":\"ssl\"," AT("4420"),
		  "\\\"sock_impl\\\" asks for TLS" },
		{ "nvmf_subsystem_add_listener", ON(NQN) ",\"sock_impl\":\"dpdk\"," AT("4420"),
		  "posix or uring" },
		{ "nvmf_subsystem_add_listener",
		  ON(NQN) ",\"ana_state\":\"inaccessible\"," AT("4420"), "reports no ANA" },
		{ "nvmf_subsystem_add_host",
		  ON(NQN) ",\"host\":\"nqn.2014-08.org.example:h\",\"psk\":\"key0\"",
		  "\\\"psk\\\" is \\\"key0\\\"" },
		{ "nvmf_subsystem_add_host",
		  ON(NQN) ",\"host\":\"nqn.2014-08.org.example:h\",\"dhchap_key\":\"k\"",
		  "\\\"dhchap_key\\\" is \\\"k\\\"" },
		{ "nvmf_subsystem_add_host",
		  ON(NQN) ",\"host\":\"nqn.2014-08.org.example:h\",\"dhchap_ctrlr_key\":\"k\"",
		  "\\\"dhchap_ctrlr_key\\\" is" },
		{ "nvmf_subsystem_add_ns",
		  ON(NQN) ",\"namespace\":{\"bdev_name\":\"N\",\"ptpl_file\":\"/x\"}",
		  "persistent reservations" },
		{ "nvmf_subsystem_add_ns", ON(NQN) ",\"namespace\":{\"bdev_name\":\"none\"}",
		  "\"code\":-" },
		{ "nvmf_subsystem_set_keys",
		  ON(NQN) ",\"host\":\"nqn.2014-08.org.example:h\",\"dhchap_key\":\"k\"",
		  "\"code\":-32601,\"message\":\"Method not found\"" },
		{ "nvmf_publish_mdns_prr", "", "\"code\":-32601" },
		{ "nvmf_stop_mdns_prr", "", "\"code\":-32601" },
		{ "nvmf_get_targets", "\"x\":1", "takes none" },
	};
	struct rig *rig = rig_new(6, 1);

	rig_good(rig, "nvmf_create_transport", "\"trtype\":\"TCP\"");
	rig_good(rig, "nvmf_create_subsystem", ON(NQN));
	rig_has(rig, "bdev_null_create", "\"name\":\"N\",\"num_blocks\":8,\"block_size\":512",
		"\"N\"");
	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_free(rig);
}

/* --- RNICs at NUMA nodes --------------------------------------------------------------- */

#define GROUP "nvmf_tgt_poll_group_00"

static void test_numa(void)
{
	static const char *const places[] = {
		NULL,
		"\"numa_id\":0,\"near\":[\"" GROUP "0\",\"" GROUP "1\"],",
		"\"numa_id\":1,\"near\":[\"" GROUP "2\",\"" GROUP "3\"],",
		"\"numa_id\":2,\"near\":[],",
	};

	for (unsigned numa = 0; numa < G_N_ELEMENTS(places); numa++) {
		struct rig *rig = rig_new_numa(7, numa, false);
		g_autofree char *stats = NULL;

		rig_good(rig, "nvmf_create_transport", "\"trtype\":\"RDMA\"");
		stats = rig_call(rig, "nvmf_get_stats", "{}");
		g_assert_nonnull(strstr(stats, "\"rdma_devices\":[{\"name\":\"world0\","));
		g_assert_nonnull(strstr(stats, places[numa] ? places[numa] : "world0"));
		g_assert_true(!strstr(stats, "numa_id") == !places[numa]);
		rig_has(rig, "framework_get_reactors", "", "\"lcore\":1,\"numa_id\":0,");
		rig_has(rig, "framework_get_reactors", "", "\"lcore\":2,\"numa_id\":1,");
		rig_free(rig);
	}
}

static void find_line(void *arg, uint64_t time, const char *line)
{
	const char **part = arg;

	(void)time;
	if (*part && strstr(line, *part))
		*part = NULL;
}

/* Reactors that poll_groups_mask leaves out are not near; one that is not pinned is nowhere. */
static void test_numa_homes(void)
{
	static const struct {
		const char *mask, *place, *line;
	} cases[] = {
		{ "0x7", "\"near\":[\"" GROUP "2\"],", "node=1 reactors=\"2\"" },
		{ "0x3", "\"near\":[],", "poll_groups_mask (nvmf_set_config) with reactor 2" },
	};
	struct rig *rig;

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *mask =
			g_strdup_printf("\"poll_groups_mask\":\"%s\"", cases[i].mask);
		const char *line = cases[i].line;

		rig = rig_new_numa(8, 2, true);
		rig_good(rig, "log_set_level", "\"level\":\"NOTICE\"");
		rig_good(rig, "nvmf_set_config", mask);
		rig_good(rig, "framework_start_init", "");
		rig_good(rig, "nvmf_create_transport", "\"trtype\":\"RDMA\"");
		rig_has(rig, "nvmf_get_stats", "", cases[i].place);
		world_node_log(rig->node, find_line, &line);
		g_assert_null(line);
		rig_free(rig);
	}
	rig = rig_new(8, 2);
	rig_has(rig, "framework_get_reactors", "", "\"lcore\":1,\"numa_id\":-1,");
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/targets/settings", test_settings);
	g_test_add_func("/targets/settings-refused", test_settings_refused);
	g_test_add_func("/targets/several", test_targets);
	g_test_add_func("/targets/saved", test_targets_saved);
	g_test_add_func("/targets/numa", test_numa);
	g_test_add_func("/targets/numa-homes", test_numa_homes);
	g_test_add_func("/targets/keys", test_keys);
	g_test_add_func("/targets/keys-refused", test_keys_refused);
	return g_test_run();
}
