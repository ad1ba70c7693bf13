/* SPDX-License-Identifier: BSD-3-Clause */
/* Command lines to params: what rpc.py takes, today and in older releases. */
#include <string.h>

#include "tools/weftctl/weftctl.h"

struct line {
	const char *args; /* as in a shell; first the method */
	const char *params;
};

static char *parse(const char *args, bool *help, GError **error)
{
	g_auto(GStrv) argv = batch_split(args, error);
	struct command c;

	if (!argv)
		return NULL;
	if (!command_find(argv[0], &c))
		g_error("there is no %s", argv[0]);
	return command_parse(&c, argv + 1, NULL, help, error);
}

static void check_args(const struct line *lines, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_autoptr(GError) error = NULL;
		bool help;
		g_autofree char *params = parse(lines[i].args, &help, &error);

		if (error)
			g_error("%s: %s", lines[i].args, error->message);
		g_assert_cmpstr(params, ==, lines[i].params);
	}
}

static void test_args(void)
{
	static const struct line lines[] = {
		{ "spdk_get_version", "" },
		{ "nvmf_create_transport -t RDMA -m 64",
		  "{\"trtype\": \"RDMA\", \"max_io_qpairs_per_ctrlr\": 64}" },
		{ "nvmf_create_transport -ttcp -o --max_queue_depth=32",
		  "{\"trtype\": \"tcp\", \"max_queue_depth\": 32, \"c2h_success\": false}" },
		{ "nvmf_create_transport --trtype tcp --zc -zr",
		  "{\"trtype\": \"tcp\", \"zcopy\": true, \"no_srq\": true}" },
		{ "nvmf_create_subsystem nqn.x:y -a -s SN -i 1 -I 32760",
		  "{\"nqn\": \"nqn.x:y\", \"serial_number\": \"SN\", \"allow_any_host\": true, "
		  "\"min_cntlid\": 1, \"max_cntlid\": 32760}" },
		{ "nvmf_create_subsystem -a nqn.x:y",
		  "{\"nqn\": \"nqn.x:y\", \"allow_any_host\": true}" },
		{ "nvmf_subsystem_add_listener nqn -t tcp -a 192.0.2.1 -s 4420",
		  "{\"nqn\": \"nqn\", \"listen_address\": {\"trtype\": \"tcp\", \"traddr\": "
		  "\"192.0.2.1\", \"trsvcid\": \"4420\"}}" },
		{ "nvmf_subsystem_add_listener nqn -t tcp -a 192.0.2.1 -s 4420 -p tgt -k",
		  "{\"nqn\": \"nqn\", \"listen_address\": {\"trtype\": \"tcp\", \"traddr\": "
		  "\"192.0.2.1\", \"trsvcid\": \"4420\"}, \"tgt_name\": \"tgt\", "
		  "\"secure_channel\": true}" },
		{ "nvmf_subsystem_add_ns nqn Malloc0 -n 3 -t x",
		  "{\"nqn\": \"nqn\", \"namespace\": {\"bdev_name\": \"Malloc0\", \"nsid\": 3}, "
		  "\"tgt_name\": \"x\"}" },
		{ "nvmf_subsystem_remove_ns nqn 0x10", "{\"nqn\": \"nqn\", \"nsid\": 16}" },
		{ "nvmf_subsystem_allow_any_host nqn -e",
		  "{\"nqn\": \"nqn\", \"allow_any_host\": true}" },
		{ "nvmf_subsystem_allow_any_host nqn --disable",
		  "{\"nqn\": \"nqn\", \"allow_any_host\": false}" },
		{ "bdev_malloc_create 64 512 -b M", "{\"num_blocks\": 131072, \"block_size\": 512, "
						    "\"name\": \"M\"}" },
		{ "bdev_malloc_create 0.5 4096", "{\"num_blocks\": 128, \"block_size\": 4096}" },
		{ "bdev_null_create N 1024 512",
		  "{\"name\": \"N\", \"num_blocks\": 2097152, \"block_size\": 512}" },
		{ "bdev_null_resize N 2048", "{\"name\": \"N\", \"new_size\": 2048}" },
		{ "bdev_get_bdevs -b N -t 100", "{\"name\": \"N\", \"timeout\": 100}" },
		{ "nvmf_get_subsystems", "" },
		{ "nvmf_get_subsystems nqn", "{\"nqn\": \"nqn\"}" },
		{ "log_set_level debug", "{\"level\": \"DEBUG\"}" },
		{ "bdev_malloc_delete -- -x", "{\"name\": \"-x\"}" },
	};

	check_args(lines, G_N_ELEMENTS(lines));
}

static void test_layer_args(void)
{
	static const struct line lines[] = {
		{ "bdev_delay_create -b M -d D -r 1 -t 2 -w 3 -n 4",
		  "{\"base_bdev_name\": \"M\", \"name\": \"D\", \"avg_read_latency\": 1, "
		  "\"p99_read_latency\": 2, \"avg_write_latency\": 3, \"p99_write_latency\": 4}" },
		{ "bdev_delay_update_latency D p99_read 70",
		  "{\"delay_bdev_name\": \"D\", \"latency_type\": \"p99_read\", \"latency_us\": "
		  "70}" },
		{ "bdev_passthru_create -b M -p P",
		  "{\"base_bdev_name\": \"M\", \"name\": \"P\"}" },
		{ "bdev_error_create M", "{\"base_name\": \"M\"}" },
		{ "bdev_error_inject_error EE_M write corrupt_data -n 2 -q 8 -o 5 -v 128",
		  "{\"name\": \"EE_M\", \"io_type\": \"write\", \"error_type\": "
		  "\"corrupt_data\", \"num\": 2, \"queue_depth\": 8, \"corrupt_offset\": 5, "
		  "\"corrupt_value\": 128}" },
		{ "bdev_get_iostat -b M -c", "{\"names\": [\"M\"], \"per_channel\": true}" },
		{ "bdev_get_iostat --names M,N --reset-mode all",
		  "{\"names\": [\"M\",\"N\"], \"reset_mode\": \"all\"}" },
		{ "bdev_enable_histogram M -e", "{\"name\": \"M\", \"enable\": true}" },
		{ "bdev_enable_histogram M --disable", "{\"name\": \"M\", \"enable\": false}" },
		{ "bdev_set_qos_limit M --rw_ios_per_sec 5000 --w-mbytes-per-sec 0",
		  "{\"name\": \"M\", \"rw_ios_per_sec\": 5000, \"w_mbytes_per_sec\": 0}" },
	};

	check_args(lines, G_N_ELEMENTS(lines));
}

static void test_access_args(void)
{
	static const struct line lines[] = {
		{ "nvmf_subsystem_listener_set_ana_state nqn -n non-optimized -t tcp -a 192.0.2.1 "
		  "-s 4420 -g 7",
		  "{\"nqn\": \"nqn\", \"listen_address\": {\"trtype\": \"tcp\", \"traddr\": "
		  "\"192.0.2.1\", \"trsvcid\": \"4420\"}, \"ana_state\": \"non_optimized\", "
		  "\"anagrpid\": 7}" },
		{ "nvmf_subsystem_set_ns_ana_group nqn 3 4",
		  "{\"nqn\": \"nqn\", \"nsid\": 3, \"anagrpid\": 4}" },
		{ "nvmf_ns_add_host nqn 1 nqn.h",
		  "{\"nqn\": \"nqn\", \"nsid\": 1, \"host\": \"nqn.h\"}" },
		{ "nvmf_ns_remove_host nqn 1 nqn.h",
		  "{\"nqn\": \"nqn\", \"nsid\": 1, \"host\": \"nqn.h\"}" },
		{ "nvmf_subsystem_add_ns nqn M -i --read-only",
		  "{\"nqn\": \"nqn\", \"namespace\": {\"bdev_name\": \"M\", \"no_auto_visible\": "
		  "true, \"read_only\": true}}" },
		{ "nvmf_discovery_add_referral -t tcp -a 192.0.2.9 -s 8009 -k -n nqn.d",
		  "{\"address\": {\"trtype\": \"tcp\", \"traddr\": \"192.0.2.9\", \"trsvcid\": "
		  "\"8009\"}, \"secure_channel\": true, \"subnqn\": \"nqn.d\"}" },
		{ "nvmf_discovery_remove_referral -t tcp -a 192.0.2.9 -s 8009",
		  "{\"address\": {\"trtype\": \"tcp\", \"traddr\": \"192.0.2.9\", \"trsvcid\": "
		  "\"8009\"}}" },
		{ "nvmf_set_config --discovery-filters transport,svcid -d match_any",
		  "{\"discovery_filter\": \"match_any\", \"discovery_filters\": "
		  "[\"transport\",\"svcid\"]}" },
		{ "nvmf_set_config --discovery-filters=", "{\"discovery_filters\": []}" },
	};

	check_args(lines, G_N_ELEMENTS(lines));
}

/* Command lines of run books: section 8 of what users script. */
static void test_run_books(void)
{
	static const struct line lines[] = {
		{ "nvmf_create_transport -t TCP -q 128 -m 127 -c 4096 -i 131072 -u 8192 -a 128 -n "
		  "4095 "
		  "-b 32 -z -d 4096 -s 4096 -r -o -f -y 1 -l 100 -x 1 -w -e 32 -g t",
		  "{\"trtype\": \"TCP\", \"tgt_name\": \"t\", \"max_queue_depth\": 128, "
		  "\"max_io_qpairs_per_ctrlr\": 127, \"in_capsule_data_size\": 4096, "
		  "\"max_io_size\": 131072, \"io_unit_size\": 8192, \"max_aq_depth\": 128, "
		  "\"num_shared_buffers\": 4095, \"buf_cache_size\": 32, \"zcopy\": true, "
		  "\"num_cqe\": 4096, \"max_srq_depth\": 4096, \"no_srq\": true, "
		  "\"c2h_success\": false, \"dif_insert_or_strip\": true, \"sock_priority\": 1, "
		  "\"acceptor_backlog\": 100, \"abort_timeout_sec\": 1, \"no_wr_batching\": true, "
		  "\"control_msg_num\": 32}" },
		{ "nvmf_create_transport -t RDMA -p 4",
		  "{\"trtype\": \"RDMA\", \"max_qpairs_per_ctrlr\": 4}" },
		{ "nvmf_create_subsystem nqn -a -s SN -d MN -m 8 -r -i 1 -I 9 -p -n -t tgt",
		  "{\"nqn\": \"nqn\", \"tgt_name\": \"tgt\", \"serial_number\": \"SN\", "
		  "\"model_number\": \"MN\", \"max_namespaces\": 8, \"allow_any_host\": true, "
		  "\"ana_reporting\": true, \"min_cntlid\": 1, \"max_cntlid\": 9, "
		  "\"passthrough\": true, \"enable_nssr\": true}" },
		{ "nvmf_subsystem_add_listener discovery -t tcp -a ::1 -f ipv6 -s 8009 -S posix "
		  "-n non_optimized",
		  "{\"nqn\": \"nqn.2014-08.org.nvmexpress.discovery\", \"listen_address\": "
		  "{\"trtype\": \"tcp\", \"traddr\": \"::1\", \"adrfam\": \"ipv6\", "
		  "\"trsvcid\": \"8009\"}, \"ana_state\": \"non_optimized\", \"sock_impl\": "
		  "\"posix\"}" },
		{ "nvmf_subsystem_remove_listener nqn -t tcp -a 192.0.2.1 -s 4420 -p tgt",
		  "{\"nqn\": \"nqn\", \"listen_address\": {\"trtype\": \"tcp\", \"traddr\": "
		  "\"192.0.2.1\", \"trsvcid\": \"4420\"}, \"tgt_name\": \"tgt\"}" },
		{ "nvmf_subsystem_add_ns nqn B -n 2 -g 00112233445566778899AABBCCDDEEFF -e "
		  "0011223344556677 -u 52f5d7a5-4e8c-47dc-9d1c-0f0c3ab7a001 -p /f -a 3 -i -N",
		  "{\"nqn\": \"nqn\", \"namespace\": {\"bdev_name\": \"B\", \"ptpl_file\": "
		  "\"/f\", \"nsid\": 2, \"nguid\": \"00112233445566778899AABBCCDDEEFF\", "
		  "\"eui64\": \"0011223344556677\", \"uuid\": "
		  "\"52f5d7a5-4e8c-47dc-9d1c-0f0c3ab7a001\", \"anagrpid\": 3, "
		  "\"no_auto_visible\": true, \"hide_metadata\": true}}" },
		{ "nvmf_subsystem_allow_any_host nqn",
		  "{\"nqn\": \"nqn\", \"allow_any_host\": true}" },
		{ "nvmf_set_config -p identify_ctrlr,get_log_page -m 0x3 -d match_any "
		  "--discovery-filters transport --dhchap-digests sha256,sha384 --dhchap-dhgroups "
		  "null "
		  "--dup-host-policy allow",
		  "{\"admin_cmd_passthru\": {\"identify_ctrlr\": true,\"get_log_page\": true}, "
		  "\"discovery_filter\": \"match_any\", \"discovery_filters\": [\"transport\"], "
		  "\"poll_groups_mask\": \"0x3\", \"dhchap_digests\": [\"sha256\",\"sha384\"], "
		  "\"dhchap_dhgroups\": [\"null\"], \"dup_host_policy\": \"allow\"}" },
	};

	check_args(lines, G_N_ELEMENTS(lines));
}

static void test_more_run_books(void)
{
	static const struct line lines[] = {
		{ "bdev_null_create N 64 512 -u 52f5d7a5-4e8c-47dc-9d1c-0f0c3ab7a001 -p 4096 -m 8 "
		  "-t 1 -d",
		  "{\"name\": \"N\", \"num_blocks\": 131072, \"block_size\": 512, \"uuid\": "
		  "\"52f5d7a5-4e8c-47dc-9d1c-0f0c3ab7a001\", \"physical_block_size\": 4096, "
		  "\"md_size\": 8, \"dif_type\": 1, \"dif_is_head_of_md\": true}" },
		{ "bdev_aio_create /f A 4096",
		  "{\"filename\": \"/f\", \"name\": \"A\", \"block_size\": 4096}" },
		{ "bdev_uring_create /f U", "{\"filename\": \"/f\", \"name\": \"U\"}" },
		{ "nvmf_set_crdt -t1 1 -t2 2 --crdt3 3",
		  "{\"crdt1\": 1, \"crdt2\": 2, \"crdt3\": 3}" },
		{ "nvmf_set_max_subsystems -x 9", "{\"max_subsystems\": 9}" },
		{ "trace_set_tpoint_mask bdev 0x3f", "{\"name\": \"bdev\", \"tpoint_mask\": 63}" },
		{ "trace_clear_tpoint_mask bdev 10", "{\"name\": \"bdev\", \"tpoint_mask\": 16}" },
		{ "bdev_set_options -d --auto-examine", "{\"bdev_auto_examine\": true}" },
		{ "metrics_get --no-histograms --sections bdevs",
		  "{\"sections\": [\"bdevs\"], \"histograms\": false}" },
		{ "log_enable_timestamps -d", "{\"enabled\": false}" },
		{ "bdev_set_options -p 65535 -c 256 -d",
		  "{\"bdev_io_pool_size\": 65535, \"bdev_io_cache_size\": 256, "
		  "\"bdev_auto_examine\": false}" },
		{ "bdev_enable_histogram M", "{\"name\": \"M\", \"enable\": true}" },
		{ "bdev_get_histogram_borders M 1000,0x100",
		  "{\"name\": \"M\", \"borders\": [1000,256]}" },
		{ "sock_impl_set_options -i posix --enable-zerocopy-send-server --no-quickack",
		  "{\"impl_name\": \"posix\", \"enable_quickack\": false, "
		  "\"enable_zerocopy_send_server\": true}" },
		{ "thread_set_cpumask -i 1 -m 0x2", "{\"id\": 1, \"cpumask\": \"0x2\"}" },
	};

	check_args(lines, G_N_ELEMENTS(lines));
}

/* The same of 2018 to 2021: older names, in the forms of their time. */
static void test_old_names(void)
{
	static const struct line lines[] = {
		{ "construct_nvmf_subsystem nqn.2016-06.io.spdk:cnode2 "
		  "\"trtype:TCP traddr:10.1.1.54 trsvcid:4421\" \"\" -a -s SPDK00000000000002",
		  "{\"nqn\": \"nqn.2016-06.io.spdk:cnode2\", \"listen_addresses\": "
		  "[{\"trtype\": \"TCP\",\"traddr\": \"10.1.1.54\",\"trsvcid\": \"4421\"}], "
		  "\"allow_any_host\": true, \"serial_number\": \"SPDK00000000000002\"}" },
		{ "construct_nvmf_subsystem nqn 'transport:tcp traddr:::1 trsvcid:1, trtype:TCP "
		  "traddr:192.0.2.1' 'nqn.a nqn.b' -n 'Malloc0:5 Malloc1' -m 8 -c 1 --mode direct",
		  "{\"nqn\": \"nqn\", \"listen_addresses\": [{\"transport\": "
		  "\"tcp\",\"traddr\": \"::1\",\"trsvcid\": \"1\"},{\"trtype\": "
		  "\"TCP\",\"traddr\": \"192.0.2.1\"}], \"hosts\": [\"nqn.a\",\"nqn.b\"], "
		  "\"namespaces\": [{\"bdev_name\": \"Malloc0\", \"nsid\": "
		  "5},{\"bdev_name\": \"Malloc1\"}], \"max_namespaces\": 8, \"core\": 1, "
		  "\"mode\": \"direct\"}" },
		{ "construct_malloc_bdev -b M 64 512",
		  "{\"num_blocks\": 131072, \"block_size\": 512, \"name\": \"M\"}" },
		{ "construct_null_bdev N 64 512",
		  "{\"name\": \"N\", \"num_blocks\": 131072, \"block_size\": 512}" },
		{ "construct_aio_bdev /f A 512",
		  "{\"filename\": \"/f\", \"name\": \"A\", \"block_size\": 512}" },
		{ "get_bdevs", "" },
		{ "get_bdevs -b M", "{\"name\": \"M\"}" },
		{ "get_nvmf_subsystems", "" },
		{ "get_nvmf_transports", "" },
		{ "delete_nvmf_subsystem nqn", "{\"nqn\": \"nqn\"}" },
		{ "delete_malloc_bdev M", "{\"name\": \"M\"}" },
		{ "delete_bdev M", "{\"name\": \"M\"}" },
		{ "nvmf_subsystem_create nqn -s S -a -m 4",
		  "{\"nqn\": \"nqn\", \"serial_number\": \"S\", \"max_namespaces\": 4, "
		  "\"allow_any_host\": true}" },
		{ "set_bdev_qos_limit M --rw_ios_per_sec 20000 --rw_mbytes_per_sec 100",
		  "{\"name\": \"M\", \"rw_ios_per_sec\": 20000, \"rw_mbytes_per_sec\": 100}" },
		{ "set_bdev_qos_limit_iops M 2000", "{\"name\": \"M\", \"ios_per_sec\": 2000}" },
		{ "set_nvmf_target_options -q 64 -p 4 -c 4096 -i 131072 -x 10 -u 8192",
		  "{\"max_queue_depth\": 64, \"max_qpairs_per_ctrlr\": 4, "
		  "\"in_capsule_data_size\": 4096, \"max_io_size\": 131072, \"max_subsystems\": "
		  "10, \"io_unit_size\": 8192}" },
		{ "set_nvmf_target_config -r 10000 -s hostip",
		  "{\"acceptor_poll_rate\": 10000, \"conn_sched\": \"hostip\"}" },
		{ "set_nvmf_target_max_subsystems -x 4", "{\"max_subsystems\": 4}" },
		{ "kill_instance SIGTERM", "{\"sig_name\": \"SIGTERM\"}" },
		{ "set_log_level debug", "{\"level\": \"DEBUG\"}" },
		{ "set_trace_flag nvmf", "{\"flag\": \"nvmf\"}" },
		{ "get_subsystem_config bdev", "{\"name\": \"bdev\"}" },
		{ "enable_bdev_histogram M -d", "{\"name\": \"M\", \"enable\": false}" },
		{ "enable_tpoint_group bdev", "{\"name\": \"bdev\"}" },
		{ "bdev_inject_error E read failure -n 1",
		  "{\"name\": \"E\", \"io_type\": \"read\", \"error_type\": \"failure\", "
		  "\"num\": 1}" },
	};

	check_args(lines, G_N_ELEMENTS(lines));
}

/* A type that no method has had a use for yet; and how arguments are put together. */
static void test_forms(void)
{
	static const struct arg args[] = {
		{ .name = "first", .key = "first", .type = ARG_INT, .positional = true },
		{ .letter = 'm', .name = "map", .key = "map", .type = ARG_MAP },
		{ .letter = 'v', .name = "value", .key = "value", .type = ARG_STR, .also = "-vv" },
		{ .name = NULL },
	};
	static const struct command c = { .method = "m", .args = args };
	static const struct line lines[] = {
		{ "-m a=1 --map b==x=y", "{\"map\": {\"a\": \"1\",\"b\": \"=x=y\"}}" },
		{ "-v=x", "{\"value\": \"x\"}" },
		{ "-v -5", "{\"value\": \"-5\"}" },
		{ "-vv y", "{\"value\": \"y\"}" },
		{ "-v a -v b", "{\"value\": \"b\"}" },
		{ "-7", "{\"first\": -7}" },
		{ "-- -0x10", "{\"first\": -16}" },
		{ "-m nothing", NULL },
		{ "-m =x", NULL },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_auto(GStrv) argv = batch_split(lines[i].args, NULL);
		g_autoptr(GError) error = NULL;
		bool help;
		g_autofree char *params = command_parse(&c, argv, NULL, &help, &error);

		g_assert_cmpstr(params, ==, lines[i].params);
		if (!params)
			g_assert_true(strstr(error->message, "should be KEY=VALUE") != NULL);
	}
}

/* Options of weftctl end where the method begins. */
static void test_rest(void)
{
	g_auto(GStrv) argv = batch_split("-s /s -t5 --json get_bdevs -b x", NULL);
	g_autofree char *params = NULL;
	char **rest = NULL;
	bool help;

	params = command_parse(&command_self, argv, &rest, &help, NULL);
	g_assert_cmpstr(params, ==, "{\"server\": \"/s\", \"timeout\": \"5\", \"json\": true}");
	g_assert_true(rest == argv + 4);
}

static void test_split(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(batch_split("", &error));
	g_assert_null(batch_split("  # only this", &error));
	g_assert_no_error(error);
	g_assert_null(batch_split("a \"b", &error));
	g_assert_nonnull(error);
	g_clear_error(&error);
	g_assert_null(batch_split("a \xff", &error));
	g_assert_nonnull(error);
}

static void test_bad_args(void)
{
	static const struct line lines[] = {
		{ "nvmf_create_transport", "--trtype is missing" },
		{ "nvmf_create_transport -t", "--trtype needs a value" },
		{ "nvmf_create_transport -t tcp -Q 1", "there is no option -Q" },
		{ "nvmf_create_transport -t tcp --quick", "there is no option --quick" },
		{ "nvmf_create_transport -t tcp --max 3", "--max could be" },
		{ "nvmf_create_transport -t tcp --max-io-sise 3", "Did you mean --max-io-size?" },
		{ "bdev_set_options --no-auto-examin=x", "takes no value" },
		{ "log_enable_timestamps", "--timestamps is missing" },
		{ "trace_set_tpoint_mask bdev 3g", "hexadecimal number expected" },
		{ "bdev_get_histogram_borders M 1,x", "a number expected" },
		{ "nvmf_set_config -p get_log_pages", "Did you mean get_log_page?" },
		{ "construct_nvmf_subsystem nqn 'trtype:TCP traddres:1' ''",
		  "there is no \"traddres\" in an address. Did you mean traddr?" },
		{ "construct_nvmf_subsystem nqn tcp ''", "should be KEY:VALUE" },
		{ "construct_nvmf_subsystem nqn '' '' -n a:b", "should be BDEV or BDEV:NSID" },
		{ "nvmf_get_subsystems 'x", "quot" },
		{ "nvmf_create_transport -t tcp --zcopy=1", "--zcopy takes no value" },
		{ "nvmf_create_transport -t tcp -m many", "a number expected" },
		{ "nvmf_create_subsystem", "nqn is missing" },
		{ "nvmf_create_subsystem a b", "unexpected argument: b" },
		{ "spdk_get_version x", "unexpected argument: x" },
		{ "bdev_malloc_create 0 512", "MiB expected" },
		{ "bdev_malloc_create x 512", "MiB expected" },
		{ "bdev_malloc_create nan 512", "MiB expected" },
		{ "bdev_malloc_create 64 0", "block size 0" },
		{ "bdev_malloc_create 64", "block_size is missing" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GError) error = NULL;
		bool help;
		g_autofree char *params = parse(lines[i].args, &help, &error);

		g_assert_null(params);
		g_assert_nonnull(error);
		if (!strstr(error->message, lines[i].params))
			g_error("%s: %s", lines[i].args, error->message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/weftctl/args", test_args);
	g_test_add_func("/weftctl/layer-args", test_layer_args);
	g_test_add_func("/weftctl/access-args", test_access_args);
	g_test_add_func("/weftctl/run-books", test_run_books);
	g_test_add_func("/weftctl/more-run-books", test_more_run_books);
	g_test_add_func("/weftctl/old-names", test_old_names);
	g_test_add_func("/weftctl/forms", test_forms);
	g_test_add_func("/weftctl/rest", test_rest);
	g_test_add_func("/weftctl/split", test_split);
	g_test_add_func("/weftctl/bad-args", test_bad_args);
	return g_test_run();
}
