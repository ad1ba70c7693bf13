/* SPDX-License-Identifier: BSD-3-Clause */
/* weftctl's arguments and printing, weftd's options. */
#include <string.h>

#include "hw/env.h"
#include "target/rpc/rpc.h"
#include "tools/weftctl/weftctl.h"
#include "tools/weftd/weftd.h"

struct line {
	const char *args; /* separated by blanks; first the method */
	const char *params;
};

static char *parse(const char *args, bool *help, GError **error)
{
	g_auto(GStrv) argv = g_strsplit(args, " ", -1);
	const struct command *c = command_find(argv[0]);

	g_assert_nonnull(c);
	*help = false;
	return command_parse(c, argv + 1, help, error);
}

static void check_args(const struct line *lines, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_autoptr(GError) error = NULL;
		bool help;
		g_autofree char *params = parse(lines[i].args, &help, &error);

		g_assert_no_error(error);
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
		{ "bdev_passthru_create -b M -p P", "{\"base_bdev_name\": \"M\", \"name\": \"P\"}" },
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

static void test_bad_args(void)
{
	static const struct line lines[] = {
		{ "nvmf_create_transport", "--trtype is missing" },
		{ "nvmf_create_transport -t", "--trtype needs a value" },
		{ "nvmf_create_transport -t tcp -Q 1", "there is no option -Q" },
		{ "nvmf_create_transport -t tcp --quick", "there is no option --quick" },
		{ "nvmf_create_transport -t tcp --max 3", "--max could be" },
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

static const struct rpc_param *find_param(const struct rpc_param *table, const char *key)
{
	size_t n = strcspn(key, ".");

	for (; table && table->name; table++)
		if (strlen(table->name) == n && strncmp(table->name, key, n) == 0)
			return key[n] ? find_param(table->sub, key + n + 1) : table;
	return NULL;
}

/* The client's table and the server's know the same methods, and keys of the same types. */
static void test_tables_agree(void)
{
	for (const struct rpc_method *const *t = rpc_method_tables; *t; t++)
		for (const struct rpc_method *m = *t; m->name; m++)
			if (!command_find(m->name))
				g_error("weftctl has no %s", m->name);
	for (const struct command *c = commands; c->method; c++) {
		const struct rpc_method *m = rpc_method_find(c->method);

		g_assert_nonnull(m);
		for (const struct arg *a = c->args; a && a->name; a++) {
			const struct rpc_param *p = find_param(m->params, a->key);
			bool flag = a->type == ARG_TRUE || a->type == ARG_FALSE;

			if (!p || flag != (p->type == RPC_BOOL))
				g_error("%s: %s of weftctl and of weftd differ", c->method, a->key);
		}
	}
}

static void test_print(void)
{
	static const char text[] =
		"{\"a\":[],\"b\":{},\"c\":[1,\"x\\u00e9\\ud83d\\ude00\\n\\u0001\"],"
		"\"d\":{\"e\":null,\"f\":1.50}}";
	static const char expected[] =
		"{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n"
		"    \"x\\u00e9\\ud83d\\ude00\\n\\u0001\"\n  ],\n  \"d\": {\n"
		"    \"e\": null,\n    \"f\": 1.50\n  }\n}";
	struct jv_doc *doc = jv_parse(text, strlen(text), 0, NULL);
	g_autoptr(GString) out = g_string_new(NULL);

	print_json(out, jv_root(doc), 0);
	g_assert_cmpstr(out->str, ==, expected);
	jv_doc_unref(doc);
}

static void test_cpus(void)
{
	static const struct {
		const char *text, *cpus; /* NULL: refused */
	} cases[] = {
		{ "0x3", "0 1 " },
		{ "5", "0 2 " },
		{ "0X80", "7 " },
		{ "[0,1]", "0 1 " },
		{ "[1-3,0]", "0 1 2 3 " },
		{ "[2]", "2 " },
		{ "0", NULL },
		{ "", NULL },
		{ "0x", NULL },
		{ "[", NULL },
		{ "[]", NULL },
		{ "[1", NULL },
		{ "[1,]", NULL },
		{ "[3-1]", NULL },
		{ "[1]x", NULL },
		{ "[9999]", NULL },
		{ "0xg", NULL },
		{ "[0-200]", NULL },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) s = g_string_new(NULL);
		unsigned n;
		g_autofree int *cpus = weftd_parse_cpus(cases[i].text, &n, &error);

		if (!cases[i].cpus) {
			g_assert_null(cpus);
			g_assert_nonnull(error);
			continue;
		}
		for (unsigned k = 0; cpus && k < n; k++)
			g_string_append_printf(s, "%d ", cpus[k]);
		g_assert_cmpstr(s->str, ==, cases[i].cpus);
	}
}

static void test_spin(void)
{
	uint64_t ns;

	g_assert_true(weftd_parse_spin("adaptive", &ns) && ns == HW_SPIN_ADAPTIVE);
	g_assert_true(weftd_parse_spin("always", &ns) && ns == HW_NEVER);
	g_assert_true(weftd_parse_spin("0", &ns) && ns == 0);
	g_assert_true(weftd_parse_spin("20000", &ns) && ns == 20000);
	g_assert_false(weftd_parse_spin("-1", &ns));
	g_assert_false(weftd_parse_spin("1ms", &ns));
	g_assert_false(weftd_parse_spin("", &ns));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/weftctl/args", test_args);
	g_test_add_func("/weftctl/access-args", test_access_args);
	g_test_add_func("/tools/args/layers", test_layer_args);
	g_test_add_func("/weftctl/bad-args", test_bad_args);
	g_test_add_func("/weftctl/tables-agree", test_tables_agree);
	g_test_add_func("/weftctl/print", test_print);
	g_test_add_func("/weftd/cpus", test_cpus);
	g_test_add_func("/weftd/spin", test_spin);
	return g_test_run();
}
