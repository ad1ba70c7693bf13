/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Save, load, save: byte by byte the same, whatever made the state. A row is a call
 * on top of others; the saved configuration must show what it did, and come back
 * from itself. Each method that makes state has a row, each of its parameters that
 * does anything stands in one.
 */
#include <string.h>

#include "sim/roce.h"
#include "target/rpc/json.h"
#include "target/rpc/rpc.h"
#include "tests/integration/config/box.h"

#define CALL(method, params) "{\"method\":\"" method "\",\"params\":" params "},"

#define NQN "\"nqn\":\"nqn.2016-06.io.spdk:cnode1\""
#define UUID1 "11111111-2222-4333-8444-000000000001"
#define UUID2 "11111111-2222-4333-8444-000000000002"
#define ADDRESS(ip)                                                                                \
	"{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"" ip "\",\"trsvcid\":\"4420\"}"
#define SIZE "\"num_blocks\":2048,\"block_size\":512"

#define NULL0 CALL("bdev_null_create", "{\"name\":\"N0\"," SIZE ",\"uuid\":\"" UUID1 "\"}")
#define TCP CALL("nvmf_create_transport", "{\"trtype\":\"TCP\"}")
#define SUBSYSTEM CALL("nvmf_create_subsystem", "{" NQN ",\"ana_reporting\":true}")
#define LISTENER                                                                                   \
	CALL("nvmf_subsystem_add_listener", "{" NQN ",\"listen_address\":" ADDRESS("192.0.2.1") "}")
#define NS(more)                                                                                   \
	CALL("nvmf_subsystem_add_ns", "{" NQN ",\"namespace\":{\"bdev_name\":\"N0\"" more "}}")
#define HOST "\"host\":\"nqn.2014-08.org.example:host1\""
#define TARGET CALL("nvmf_create_target", "{\"name\":\"second\"}")

struct row {
	const char *before; /* calls, as CALL() */
	const char *method, *params;
	/* In the saved configuration without white space; "!...": not in it; "~...": it is, and
	 * the values of params are there by other names, or of the moment. */
	const char *want;
};

static const struct row rows[] = {
	/* --- malloc and null --- */
	{ "", "bdev_malloc_create", "{\"name\":\"M\",\"num_blocks\":64,\"block_size\":4096}",
	  "\"num_blocks\":64,\"block_size\":4096," },
	{ "", "bdev_malloc_create", "{" SIZE "}", "\"name\":\"Malloc0\"" },
	{ "", "bdev_malloc_create", "{\"name\":\"M\"," SIZE ",\"uuid\":\"" UUID1 "\"}", UUID1 },
	{ "", "bdev_malloc_create", "{\"name\":\"M\"," SIZE ",\"physical_block_size\":4096}",
	  "\"physical_block_size\":4096" },
	{ CALL("bdev_malloc_create", "{\"name\":\"Mx\"," SIZE "}"), "bdev_malloc_delete",
	  "{\"name\":\"Mx\"}", "!\"Mx\"" },
	{ "", "bdev_null_create", "{\"name\":\"Nx\"," SIZE "}", "\"name\":\"Nx\"" },
	{ "", "bdev_null_create", "{\"name\":\"N\"," SIZE ",\"uuid\":\"" UUID1 "\"}", UUID1 },
	{ "", "bdev_null_create", "{\"name\":\"N\"," SIZE ",\"physical_block_size\":8192}",
	  "\"physical_block_size\":8192" },
	{ NULL0, "bdev_null_delete", "{\"name\":\"N0\"}", "!\"N0\"" },
	{ NULL0, "bdev_null_resize", "{\"name\":\"N0\",\"new_size\":7}", "~\"num_blocks\":14336" },
	{ NULL0, "delete_bdev", "{\"name\":\"N0\"}", "!\"N0\"" },
	{ "", "bdev_malloc_create",
	  "{\"name\":\"M\"," SIZE ",\"optimal_io_boundary\":16,\"numa_id\":0}",
	  "\"optimal_io_boundary\":16" },
	{ "", "bdev_null_create",
	  "{\"name\":\"N\"," SIZE ",\"preferred_write_granularity\":8,"
	  "\"preferred_write_alignment\":16,\"optimal_write_size\":32,"
	  "\"preferred_unmap_granularity\":64,\"preferred_unmap_alignment\":128}",
	  "\"preferred_unmap_alignment\":128" },
	{ "", "bdev_set_options",
	  "{\"bdev_io_pool_size\":70000,\"bdev_io_cache_size\":512,\"bdev_auto_examine\":false,"
	  "\"iobuf_small_cache_size\":64,\"iobuf_large_cache_size\":8}",
	  "\"bdev_auto_examine\":false" },
	{ CALL("bdev_set_options", "{\"bdev_auto_examine\":false}") NULL0, "bdev_examine",
	  "{\"name\":\"N0\"}", "\"bdev_examine\"" },
	{ NULL0, "bdev_set_qd_sampling_period", "{\"name\":\"N0\",\"period\":5000}",
	  "\"period\":5000" },
	{ NULL0, "bdev_enable_histogram",
	  "{\"name\":\"N0\",\"enable\":true,\"opc\":\"read\",\"granularity\":4,"
	  "\"min_nsec\":1000,\"max_nsec\":1000000}",
	  "\"opc\":\"read\"" },
	/* --- files --- */
	{ "", "bdev_aio_create",
	  "{\"name\":\"A\",\"filename\":\"/disk\",\"block_size\":4096,\"readonly\":true,"
	  "\"uuid\":\"" UUID1 "\"}",
	  "\"readonly\":true" },
	{ "", "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/disk\",\"fallocate\":true}",
	  "\"fallocate\":true" },
	{ CALL("bdev_aio_create", "{\"name\":\"Ax\",\"filename\":\"/disk\"}"), "bdev_aio_delete",
	  "{\"name\":\"Ax\"}", "!\"Ax\"" },
	{ "", "bdev_uring_create",
	  "{\"name\":\"U\",\"filename\":\"/disk\",\"block_size\":4096,\"readonly\":true,"
	  "\"uuid\":\"" UUID1 "\"}",
	  "\"readonly\":true" },
	{ CALL("bdev_uring_create", "{\"name\":\"Ux\",\"filename\":\"/disk\"}"),
	  "bdev_uring_delete", "{\"name\":\"Ux\"}", "!\"Ux\"" },
	/* --- layers --- */
	{ NULL0, "bdev_passthru_create",
	  "{\"name\":\"P\",\"base_bdev_name\":\"N0\",\"uuid\":\"" UUID2 "\"}",
	  "\"base_bdev_name\":\"N0\"" },
	{ NULL0 CALL("bdev_passthru_create", "{\"name\":\"Px\",\"base_bdev_name\":\"N0\"}"),
	  "bdev_passthru_delete", "{\"name\":\"Px\"}", "!\"Px\"" },
	{ NULL0, "bdev_delay_create",
	  "{\"name\":\"D\",\"base_bdev_name\":\"N0\",\"avg_read_latency\":11,"
	  "\"p99_read_latency\":22,\"avg_write_latency\":33,\"p99_write_latency\":44,"
	  "\"uuid\":\"" UUID2 "\"}",
	  "\"avg_read_latency\":11,\"p99_read_latency\":22,\"avg_write_latency\":33,"
	  "\"p99_write_latency\":44" },
#define DELAY                                                                                      \
	NULL0 CALL("bdev_delay_create",                                                            \
		   "{\"name\":\"Dx\",\"base_bdev_name\":\"N0\",\"avg_read_latency\":1,"            \
		   "\"p99_read_latency\":1,\"avg_write_latency\":1,\"p99_write_latency\":1}")
	{ DELAY, "bdev_delay_update_latency",
	  "{\"delay_bdev_name\":\"Dx\",\"latency_type\":\"p99_read\",\"latency_us\":77}",
	  "~\"p99_read_latency\":77" },
	{ DELAY, "bdev_delay_delete", "{\"name\":\"Dx\"}", "!\"Dx\"" },
	{ NULL0, "bdev_error_create", "{\"base_name\":\"N0\",\"uuid\":\"" UUID2 "\"}",
	  "\"base_name\":\"N0\"" },
#define ERROR0 NULL0 CALL("bdev_error_create", "{\"base_name\":\"N0\"}")
	{ ERROR0, "bdev_error_delete", "{\"name\":\"EE_N0\"}", "!EE_N0" },
	/* What is injected is for the moment, as with SPDK: a restart is without it. */
	{ ERROR0, "bdev_error_inject_error",
	  "{\"name\":\"EE_N0\",\"io_type\":\"read\",\"error_type\":\"nvme_failure\","
	  "\"nvme_sct\":2,\"nvme_sc\":129,\"num\":3}",
	  "!inject" },
	{ ERROR0, "bdev_error_inject_error",
	  "{\"name\":\"EE_N0\",\"io_type\":\"write\",\"error_type\":\"corrupt_data\","
	  "\"corrupt_offset\":3,\"corrupt_value\":9,\"queue_depth\":4,\"num\":3}",
	  "!inject" },
	{ ERROR0, "bdev_error_resume_pending", "{\"name\":\"EE_N0\"}", "!inject" },
	{ NULL0, "bdev_set_qos_limit",
	  "{\"name\":\"N0\",\"rw_ios_per_sec\":20000,\"rw_mbytes_per_sec\":40,"
	  "\"r_mbytes_per_sec\":30,\"w_mbytes_per_sec\":10}",
	  "\"rw_ios_per_sec\":20000,\"rw_mbytes_per_sec\":40,\"r_mbytes_per_sec\":30,"
	  "\"w_mbytes_per_sec\":10" },
	{ NULL0, "set_bdev_qos_limit_iops", "{\"name\":\"N0\",\"ios_per_sec\":30000}",
	  "~\"rw_ios_per_sec\":30000" },
	/* --- parts that weft keeps the settings of --- */
	{ "", "framework_set_scheduler", "{\"name\":\"static\",\"period\":1000}",
	  "\"period\":1000" },
	{ "", "scheduler_set_options", "{\"scheduling_core\":1,\"isolated_core_mask\":\"0x2\"}",
	  "\"scheduling_core\":1,\"isolated_core_mask\":\"0x2\"" },
	{ "", "sock_set_default_impl", "{\"impl_name\":\"uring\"}", "\"impl_name\":\"uring\"" },
	{ "", "sock_impl_set_options",
	  "{\"impl_name\":\"posix\",\"recv_buf_size\":100000,\"send_buf_size\":200000,"
	  "\"enable_recv_pipe\":false,\"enable_quickack\":true,\"enable_placement_id\":1,"
	  "\"enable_zerocopy_send_server\":false,\"enable_zerocopy_send_client\":true,"
	  "\"zerocopy_threshold\":5,\"tls_version\":13,\"enable_ktls\":true}",
	  "\"recv_buf_size\":100000" },
	{ "", "iobuf_set_options",
	  "{\"small_pool_count\":9000,\"large_pool_count\":1100,\"small_bufsize\":16384,"
	  "\"large_bufsize\":262144,\"enable_numa\":true}",
	  "\"small_pool_count\":9000" },
	/* --- transport --- */
	{ "", "nvmf_create_transport", "{\"trtype\":\"tcp\"}", "~\"trtype\":\"TCP\"" },
	{ "", "nvmf_create_transport",
	  "{\"trtype\":\"TCP\",\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":7,"
	  "\"in_capsule_data_size\":8192,\"max_io_size\":262144,\"max_aq_depth\":64,"
	  "\"c2h_success\":false,\"sock_priority\":3,\"acceptor_backlog\":50,"
	  "\"abort_timeout_sec\":4,\"control_msg_num\":16,\"ack_timeout\":9,"
	  "\"data_wr_pool_size\":100,\"iobuf_small_cache_size\":5,"
	  "\"iobuf_large_cache_size\":6}",
	  "\"max_queue_depth\":64,\"max_io_qpairs_per_ctrlr\":7,\"in_capsule_data_size\":8192,"
	  "\"max_io_size\":262144,\"max_aq_depth\":64," },
	{ "", "nvmf_create_transport",
	  "{\"trtype\":\"TCP\",\"kas\":20,\"min_kato\":5000,\"zcopy\":false,"
	  "\"dif_insert_or_strip\":false,\"disable_command_passthru\":true,"
	  "\"masked_oncs\":[\"nvmwzsv\"],\"masked_fuses\":[\"fcws\"]}",
	  "\"masked_oncs\":[\"nvmwzsv\"]" },
	{ "", "nvmf_create_transport", "{\"trtype\":\"TCP\",\"max_qpairs_per_ctrlr\":9}",
	  "~\"max_io_qpairs_per_ctrlr\":8" },
	{ "", "nvmf_create_transport",
	  "{\"trtype\":\"RDMA\",\"num_cqe\":2048,\"max_srq_depth\":1000,\"no_srq\":true,"
	  "\"no_wr_batching\":true}",
	  "\"num_cqe\":2048,\"max_srq_depth\":1000,\"no_srq\":true," },
	{ CALL("nvmf_create_transport", "{\"trtype\":\"RDMA\"}") SUBSYSTEM,
	  "nvmf_subsystem_add_listener",
	  "{" NQN ",\"listen_address\":{\"trtype\":\"RDMA\",\"adrfam\":\"IPv4\","
	  "\"traddr\":\"192.0.2.1\",\"trsvcid\":\"4420\"}}",
	  "\"trtype\":\"RDMA\",\"adrfam\":\"IPv4\",\"traddr\":\"192.0.2.1\"" },
	{ TARGET, "nvmf_create_transport", "{\"trtype\":\"TCP\",\"tgt_name\":\"second\"}",
	  "\"tgt_name\":\"second\"" },
	/* --- target --- */
	{ "", "nvmf_set_max_subsystems", "{\"max_subsystems\":77}", "\"max_subsystems\":77" },
	{ "", "nvmf_set_crdt", "{\"crdt1\":5,\"crdt2\":6,\"crdt3\":7}",
	  "\"crdt1\":5,\"crdt2\":6,\"crdt3\":7" },
	{ "", "nvmf_set_config",
	  "{\"admin_cmd_passthru\":{\"identify_ctrlr\":false},\"poll_groups_mask\":\"0x3\","
	  "\"discovery_filters\":[\"transport\",\"svcid\"],"
	  "\"dup_host_policy\":\"restrict_per_listener\"}",
	  "~\"discovery_filters\":[\"transport\",\"svcid\"]" },
	{ "", "nvmf_set_config", "{\"discovery_filter\":\"address\"}",
	  "~\"discovery_filters\":[\"address\"]" },
	{ "", "nvmf_create_target",
	  "{\"name\":\"second\",\"max_subsystems\":5,\"discovery_filter\":[\"address\"],"
	  "\"dup_host_policy\":\"restrict_per_listener\"}",
	  "\"name\":\"second\",\"max_subsystems\":5," },
	{ TARGET, "nvmf_delete_target", "{\"name\":\"second\"}", "!second" },
	{ "", "nvmf_discovery_add_referral",
	  "{\"address\":" ADDRESS("192.0.2.9") ",\"subnqn\":\"nqn.2014-08.org.example:other\","
					       "\"secure_channel\":false}",
	  "\"subnqn\":\"nqn.2014-08.org.example:other\"" },
	{ CALL("nvmf_discovery_add_referral",
	       "{\"address\":" ADDRESS("192.0.2.9") ",\"subnqn\":"
						    "\"nqn.2014-08.org.example:other\"}"),
	  "nvmf_discovery_remove_referral",
	  "{\"address\":" ADDRESS("192.0.2.9") ",\"subnqn\":\"nqn.2014-08.org.example:other\"}",
	  "!192.0.2.9" },
	/* --- subsystem --- */
	{ "", "nvmf_create_subsystem", "{" NQN "}", "cnode1" },
	{ "", "nvmf_create_subsystem",
	  "{" NQN ",\"serial_number\":\"SER1\",\"model_number\":\"Model 1\",\"max_namespaces\":9,"
	  "\"allow_any_host\":true,\"ana_reporting\":true,\"enable_nssr\":true,"
	  "\"min_cntlid\":5,\"max_cntlid\":50,\"admin_label\":\"rack 7\",\"dmrsl\":1024,"
	  "\"wzsl\":5}",
	  "\"allow_any_host\":true,\"serial_number\":\"SER1\",\"model_number\":\"Model1\"," },
	{ TARGET, "nvmf_create_subsystem", "{" NQN ",\"tgt_name\":\"second\"}",
	  "\"tgt_name\":\"second\"" },
	{ SUBSYSTEM, "nvmf_delete_subsystem", "{" NQN "}", "!cnode1" },
	{ TCP SUBSYSTEM, "nvmf_subsystem_add_listener",
	  "{" NQN
	  ",\"listen_address\":" ADDRESS("192.0.2.1") ",\"ana_state\":\"non_optimized\","
						      "\"secure_channel\":false,\"sock_impl\":"
						      "\"posix\",\"numa_id\":-1,\"portid\":7}",
	  "~\"ana_state\":\"non_optimized\"" },
	{ TCP SUBSYSTEM, "nvmf_subsystem_add_listener",
	  "{" NQN ",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv6\","
	  "\"traddr\":\"2001:db8::1\",\"trsvcid\":\"4420\"}}",
	  "\"adrfam\":\"IPv6\",\"traddr\":\"2001:db8::1\"" },
	{ TCP SUBSYSTEM LISTENER, "nvmf_subsystem_remove_listener",
	  "{" NQN ",\"listen_address\":" ADDRESS("192.0.2.1") "}", "!192.0.2.1" },
	{ TCP SUBSYSTEM LISTENER, "nvmf_subsystem_listener_set_ana_state",
	  "{" NQN ",\"listen_address\":" ADDRESS("192.0.2.1") ",\"ana_state\":\"inaccessible\"}",
	  "\"ana_state\":\"inaccessible\"" },
	{ TCP SUBSYSTEM LISTENER, "nvmf_subsystem_listener_set_ana_state",
	  "{" NQN ",\"listen_address\":" ADDRESS("192.0.2.1") ",\"ana_state\":\"non_optimized\","
							      "\"anagrpid\":3}",
	  "\"anagrpid\":3" },
	/* --- hosts --- */
	{ SUBSYSTEM, "nvmf_subsystem_add_host", "{" NQN "," HOST "}", HOST },
	{ SUBSYSTEM CALL("nvmf_subsystem_add_host", "{" NQN "," HOST "}"),
	  "nvmf_subsystem_remove_host", "{" NQN "," HOST ",\"timeout_ms\":1000}", "!" HOST },
	{ SUBSYSTEM, "nvmf_subsystem_allow_any_host", "{" NQN ",\"allow_any_host\":true}",
	  "\"allow_any_host\":true" },
	/* --- namespaces --- */
	{ NULL0 SUBSYSTEM, "nvmf_subsystem_add_ns",
	  "{" NQN ",\"namespace\":{\"bdev_name\":\"N0\",\"nsid\":5,\"anagrpid\":6,"
	  "\"nguid\":\"000102030405060708090A0B0C0D0E0F\",\"eui64\":\"0001020304050607\","
	  "\"uuid\":\"22222222-2222-4333-8444-000000000001\",\"no_auto_visible\":true,"
	  "\"read_only\":true}}",
	  "\"nsid\":5,\"bdev_name\":\"N0\",\"nguid\":\"000102030405060708090A0B0C0D0E0F\"," },
	{ NULL0 SUBSYSTEM, "nvmf_subsystem_add_ns",
	  "{" NQN ",\"namespace\":{\"bdev_name\":\"N0\",\"write_protected\":true}}",
	  "\"write_protected\":true" },
	{ NULL0 SUBSYSTEM NS(""), "nvmf_subsystem_remove_ns", "{" NQN ",\"nsid\":1}",
	  "!\"nsid\":1" },
	{ NULL0 SUBSYSTEM NS(""), "nvmf_subsystem_set_ns_ana_group",
	  "{" NQN ",\"nsid\":1,\"anagrpid\":4}", "\"anagrpid\":4" },
	{ NULL0 SUBSYSTEM NS(",\"no_auto_visible\":true"), "nvmf_ns_add_host",
	  "{" NQN ",\"nsid\":1," HOST "}", HOST },
	{ NULL0 SUBSYSTEM NS(",\"no_auto_visible\":true")
		  CALL("nvmf_ns_add_host", "{" NQN ",\"nsid\":1," HOST "}"),
	  "nvmf_ns_remove_host", "{" NQN ",\"nsid\":1," HOST "}", "!" HOST },
	/* --- metrics --- */
	{ "", "metrics_start", "{\"traddr\":\"192.0.2.1\",\"trsvcid\":\"9605\"}",
	  "\"traddr\":\"192.0.2.1\",\"trsvcid\":\"9605\"" },
	{ CALL("metrics_start", "{\"traddr\":\"192.0.2.1\",\"trsvcid\":\"9605\"}"), "metrics_stop",
	  "{}", "!9605" },
	/* --- of older releases --- */
	{ NULL0 TCP, "construct_nvmf_subsystem",
	  "{" NQN ",\"serial_number\":\"SER2\",\"max_namespaces\":8,\"allow_any_host\":false,"
	  "\"hosts\":[\"nqn.2014-08.org.example:host1\"],"
	  "\"listen_addresses\":[" ADDRESS(
		  "192.0.2.1") "],"
			       "\"namespaces\":[{\"bdev_name\":\"N0\",\"nsid\":3}]}",
	  "~\"nsid\":3" },
	{ "", "set_nvmf_target_options",
	  "{\"max_subsystems\":33,\"max_queue_depth\":64,\"max_qpairs_per_ctrlr\":9,"
	  "\"in_capsule_data_size\":8192,\"max_io_size\":65536,\"io_unit_size\":65536}",
	  "~\"max_subsystems\":33" },
	{ "", "set_nvmf_target_config", "{\"acceptor_poll_rate\":5000}", "~nvmf_set_config" },
};

/* --- a row ----------------------------------------------------------------------------- */

static char *stripped(const char *text)
{
	GString *s = g_string_new(NULL);

	for (; *text; text++)
		if (!g_ascii_isspace(*text))
			g_string_append_c(s, *text);
	return g_string_free(s, FALSE);
}

/* What is saved after config has been loaded. */
static char *saved_of(const char *config, const char *what)
{
	struct box *box = box_new(1, false);
	struct world_rnic_params rnic;
	char *text;

	world_rnic_params_default(&rnic);
	rnic.reactors = 2; /* all of a box */
	g_assert_nonnull(world_rnic_new(box->node, &rnic, NULL));
	world_file_new(box->node, "/disk", 1 << 20, 512);
	box_boot(box, config, true);
	if (box->error)
		g_error("%s: %s", what, box->error);
	text = box_text(box);
	box_free(box);
	return text;
}

/* Whatever is saved is made by methods that are marked as making state. */
static void check_marked(const char *text)
{
	struct jv_doc *doc = jv_parse(text, strlen(text), 0, NULL);

	for (const struct jv *part = jv_member(jv_root(doc), "subsystems")->first; part;
	     part = part->next)
		for (const struct jv *e = jv_member(part, "config")->first; e; e = e->next)
			g_assert_true(rpc_method_find(jv_member(e, "method")->str)->makes);
	jv_doc_unref(doc);
}

/* Each value that was given is in what is saved. */
static void check_values(const struct row *row, const struct jv *object, const char *bare)
{
	for (const struct jv *v = object->first; v; v = v->next) {
		g_autofree char *raw = g_strndup(v->raw, v->raw_len);
		g_autofree char *value = stripped(raw);
		g_autofree char *member = g_strdup_printf("\"%s\":%s", v->key, value);

		if (v->type == JV_OBJECT)
			check_values(row, v, bare);
		else if (!strstr(bare, member))
			g_error("%s: %s is not in %s", row->method, member, bare);
	}
}

static void test_row(const void *data)
{
	const struct row *row = data;
	g_autofree char *config =
		g_strdup_printf("{\"subsystems\":[{\"subsystem\":\"row\",\"config\":[%s"
				"{\"method\":\"%s\",\"params\":%s}]}]}",
				row->before, row->method, row->params);
	g_autofree char *first = saved_of(config, row->method);
	g_autofree char *second = saved_of(first, row->method);
	g_autofree char *bare = stripped(first);
	bool absent = row->want[0] == '!', otherwise = row->want[0] == '~';

	if ((strstr(bare, row->want + (absent || otherwise)) != NULL) == absent)
		g_error("%s %s: \"%s\" expected in %s", row->method, row->params, row->want, first);
	if (!absent && !otherwise) {
		struct jv_doc *doc = jv_parse(row->params, strlen(row->params), 0, NULL);

		check_values(row, jv_root(doc), bare);
		jv_doc_unref(doc);
	}
	check_marked(first);
	g_assert_cmpstr(second, ==, first);
}

/* --- what rows there must be ------------------------------------------------------------- */

/* Keys go in as METHOD.KEY, those within an object as METHOD.KEY.KEY. */
static void add_keys(GHashTable *keys, const char *prefix, const struct jv *object)
{
	for (const struct jv *v = object->first; v; v = v->next) {
		char *path = g_strdup_printf("%s.%s", prefix, v->key);

		if (v->type == JV_OBJECT)
			add_keys(keys, path, v);
		g_hash_table_add(keys, path);
	}
}

static GHashTable *row_keys(void)
{
	GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct jv_doc *doc = jv_parse(rows[i].params, strlen(rows[i].params), 0, NULL);

		if (!doc)
			g_error("row of %s: %s", rows[i].method, rows[i].params);
		g_hash_table_add(keys, g_strdup(rows[i].method));
		add_keys(keys, rows[i].method, jv_root(doc));
		jv_doc_unref(doc);
	}
	return keys;
}

/* Of a keyring, which weft does not have yet: given, they are refused. */
static bool refused(const char *key)
{
	return strcmp(key, "psk") == 0 || g_str_has_prefix(key, "dhchap_") ||
	       strcmp(key, "ptpl_file") == 0;
}

static unsigned missing_params(GHashTable *keys, const char *prefix, const struct rpc_param *table)
{
	unsigned missing = 0;

	for (const struct rpc_param *p = table; p && p->name; p++) {
		g_autofree char *path = g_strdup_printf("%s.%s", prefix, p->name);

		/* Which target: rows of their own have it. */
		if ((p->flags & (RPC_FIXED | RPC_IGNORED)) != 0 || refused(p->name) ||
		    strcmp(p->name, "tgt_name") == 0)
			continue;
		if (!g_hash_table_contains(keys, path)) {
			g_test_message("no row has %s", path);
			missing++;
		}
		if (p->type == RPC_OBJECT)
			missing += missing_params(keys, path, p->sub);
	}
	return missing;
}

static unsigned missing_methods(GHashTable *keys, const struct rpc_method *const *tables)
{
	unsigned missing = 0;

	for (; *tables; tables++) {
		for (const struct rpc_method *m = *tables; m->name; m++) {
			if (!m->makes)
				continue;
			if (!g_hash_table_contains(keys, m->name)) {
				g_test_message("no row has %s", m->name);
				missing++;
			}
			missing += missing_params(keys, m->name, m->params);
		}
	}
	return missing;
}

static void test_complete(void)
{
	GHashTable *keys = row_keys();
	unsigned missing = missing_methods(keys, rpc_method_tables);

	missing += missing_methods(keys, rpc_old_method_tables);
	g_assert_cmpuint(missing, ==, 0);
	g_hash_table_unref(keys);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roundtrip/complete", test_complete);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/roundtrip/%02u-%s", i, rows[i].method);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	return g_test_run();
}
