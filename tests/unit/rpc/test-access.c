/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods about who reaches what: ANA, hosts of namespaces, read-only ones,
 * referrals, filters. Their answers, every refusal, and that the saved
 * configuration makes the same again.
 */
#include <string.h>

#include "target/rpc/json.h"
#include "tests/unit/rpc/rig.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"
#define OTHER "nqn.2016-06.io.spdk:other"
#define HOST "nqn.2014-08.org.nvmexpress:uuid:1a1f6276-e700-4618-9a55-6724b0a344fa"
#define ADDRESS(last_)                                                                             \
	"{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"127.0.0." last_                      \
	"\",\"trsvcid\":\"4420\"}"
#define AT(last_) "\"nqn\":\"" NQN "\",\"listen_address\":" ADDRESS(last_)

/* NQN with groups 1 to 4, listening on 127.0.0.1 and .2, namespaces 1 (all) and 2 (restricted). */
static struct rig *new_rig(uint64_t seed)
{
	struct rig *rig = rig_new(seed, 2);

	rig_good(rig, "nvmf_create_transport", "\"trtype\":\"TCP\"");
	rig_is(rig, "bdev_null_create",
	       "\"name\":\"N1\",\"num_blocks\":2048,\"block_size\":512,"
	       "\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"",
	       "\"N1\"");
	rig_is(rig, "bdev_null_create", "\"name\":\"N2\",\"num_blocks\":2048,\"block_size\":512",
	       "\"N2\"");
	rig_good(rig, "nvmf_create_subsystem",
		 "\"nqn\":\"" NQN "\",\"ana_reporting\":true,\"max_namespaces\":4");
	rig_good(rig, "nvmf_create_subsystem", "\"nqn\":\"" OTHER "\",\"max_namespaces\":4");
	rig_good(rig, "nvmf_subsystem_add_listener", AT("1"));
	rig_good(rig, "nvmf_subsystem_add_listener", AT("2") ",\"ana_state\":\"non_optimized\"");
	rig_is(rig, "nvmf_subsystem_add_ns",
	       "\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"N1\"}", "1");
	rig_is(rig, "nvmf_subsystem_add_ns",
	       "\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"N2\",\"no_auto_visible\":true,"
	       "\"read_only\":true}",
	       "2");
	return rig;
}

/* --- answers --------------------------------------------------------------------------------- */

#define STATE(group_, state_) "{\"ana_group\":" group_ ",\"ana_state\":\"" state_ "\"}"

#define LISTENER(last_, a_, b_, c_, d_)                                                            \
	"{\"address\":" ADDRESS(last_) ",\"ana_states\":[" STATE("1", a_) "," STATE(               \
		"2", b_) "," STATE("3", c_) "," STATE("4", d_) "]}"

static void test_ana(void)
{
	struct rig *rig = new_rig(1);

	rig_good(rig, "nvmf_subsystem_listener_set_ana_state",
		 AT("1") ",\"ana_state\":\"inaccessible\",\"anagrpid\":2");
	rig_good(rig, "nvmf_subsystem_listener_set_ana_state",
		 AT("1") ",\"ana_state\":\"persistent_loss\",\"anagrpid\":3");
	rig_good(rig, "nvmf_subsystem_listener_set_ana_state",
		 AT("1") ",\"ana_state\":\"change\",\"anagrpid\":4");
	rig_is(rig, "nvmf_subsystem_get_listeners", "\"nqn\":\"" NQN "\"",
	       "[" LISTENER("1", "optimized", "inaccessible", "persistent_loss",
			    "change") "," LISTENER("2", "non_optimized", "non_optimized",
						   "non_optimized", "non_optimized") "]");
	rig_good(rig, "nvmf_subsystem_listener_set_ana_state",
		 AT("1") ",\"ana_state\":\"optimized\"");
	rig_has(rig, "nvmf_subsystem_get_listeners", "\"nqn\":\"" NQN "\"",
		LISTENER("1", "optimized", "optimized", "optimized", "optimized"));
	rig_good(rig, "nvmf_subsystem_set_ns_ana_group",
		 "\"nqn\":\"" NQN "\",\"nsid\":1,\"anagrpid\":4");
	rig_has(rig, "nvmf_get_subsystems", "\"nqn\":\"" NQN "\"",
		"\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\",\"anagrpid\":4}");
	rig_free(rig);
}

static void test_hosts(void)
{
	struct rig *rig = new_rig(2);

	rig_good(rig, "nvmf_ns_add_host", "\"nqn\":\"" NQN "\",\"nsid\":2,\"host\":\"" HOST "\"");
	rig_has(rig, "nvmf_get_subsystems", "\"nqn\":\"" NQN "\"",
		"\"no_auto_visible\":true,\"read_only\":true,\"hosts\":[\"" HOST "\"]}");
	rig_good(rig, "nvmf_ns_remove_host",
		 "\"nqn\":\"" NQN "\",\"nsid\":2,\"host\":\"" HOST "\"");
	rig_has(rig, "nvmf_get_subsystems", "\"nqn\":\"" NQN "\"", "\"hosts\":[]}");
	rig_free(rig);
}

#define REFERRAL "\"address\":" ADDRESS("9")

static void test_referrals(void)
{
	struct rig *rig = new_rig(3);

	rig_is(rig, "nvmf_discovery_get_referrals", "", "[]");
	rig_good(rig, "nvmf_discovery_add_referral", REFERRAL);
	rig_good(rig, "nvmf_discovery_add_referral",
		 REFERRAL ",\"secure_channel\":true,\"subnqn\":\"" OTHER "\"");
	rig_is(rig, "nvmf_discovery_get_referrals", "",
	       "[{" REFERRAL ",\"secure_channel\":false,"
	       "\"subnqn\":\"nqn.2014-08.org.nvmexpress.discovery\"},"
	       "{" REFERRAL ",\"secure_channel\":true,\"subnqn\":\"" OTHER "\"}]");
	rig_good(rig, "nvmf_discovery_remove_referral", REFERRAL);
	rig_is(rig, "nvmf_discovery_get_referrals", "",
	       "[{" REFERRAL ",\"secure_channel\":true,\"subnqn\":\"" OTHER "\"}]");
	rig_free(rig);
}

/* --- refusals ----------------------------------------------------------------------------------
 */

static void test_refused(void)
{
	static const struct rig_refusal cases[] = {
		{ "nvmf_subsystem_listener_set_ana_state", AT("1") ",\"ana_state\":\"optimised\"",
		  "Did you mean" },
		{ "nvmf_subsystem_listener_set_ana_state", AT("1"),
		  "\\\"ana_state\\\" is missing" },
		{ "nvmf_subsystem_listener_set_ana_state", AT("3") ",\"ana_state\":\"change\"",
		  "does not listen on 127.0.0.3:4420" },
		{ "nvmf_subsystem_listener_set_ana_state",
		  AT("1") ",\"ana_state\":\"change\",\"anagrpid\":5", "groups 1 to 4" },
		{ "nvmf_subsystem_listener_set_ana_state",
		  "\"nqn\":\"" OTHER "\",\"ana_state\":\"change\",\"listen_address\":" ADDRESS("1"),
		  "reports no ANA" },
		{ "nvmf_subsystem_add_listener",
		  "\"nqn\":\"" OTHER "\",\"ana_state\":\"change\",\"listen_address\":" ADDRESS("1"),
		  "reports no ANA" },
		{ "nvmf_subsystem_set_ns_ana_group", "\"nqn\":\"nqn.x\",\"nsid\":1,\"anagrpid\":1",
		  "Subsystem with NQN 'nqn.x' not found" },
		{ "nvmf_subsystem_set_ns_ana_group",
		  "\"nqn\":\"" NQN "\",\"nsid\":3,\"anagrpid\":1", "has no namespace 3" },
		{ "nvmf_subsystem_set_ns_ana_group",
		  "\"nqn\":\"" NQN "\",\"nsid\":1,\"anagrpid\":5", "groups 1 to 4" },
		{ "nvmf_ns_add_host", "\"nqn\":\"" NQN "\",\"nsid\":1,\"host\":\"" HOST "\"",
		  "no_auto_visible" },
		{ "nvmf_ns_add_host", "\"nqn\":\"" NQN "\",\"nsid\":2,\"host\":\"me\"", "host: " },
		{ "nvmf_ns_remove_host", "\"nqn\":\"" NQN "\",\"nsid\":4,\"host\":\"" HOST "\"",
		  "has no namespace 4" },
		{ "nvmf_subsystem_add_ns",
		  "\"nqn\":\"" OTHER "\",\"namespace\":{\"bdev_name\":\"N3\","
		  "\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"}",
		  "uuid d5ea6df9-fc80-4750-a361-ae6b3abf1ef1 is that of namespace 1 of " NQN },
		{ "nvmf_subsystem_add_ns",
		  "\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"N3\",\"anagrpid\":5}",
		  "groups 1 to 4" },
		{ "nvmf_discovery_add_referral",
		  "\"address\":{\"trtype\":\"TCP\",\"traddr\":\"::\",\"trsvcid\":\"8009\"}",
		  "hosts can connect to" },
		{ "nvmf_discovery_add_referral", REFERRAL ",\"subnqn\":\"x\"", "subnqn: " },
		{ "nvmf_discovery_remove_referral", REFERRAL, "there is no referral" },
		{ "nvmf_discovery_remove_referral", REFERRAL ",\"tgt_name\":\"x\"",
		  "NVMf target 'x' not found" },
	};
	struct rig *rig = new_rig(4);

	rig_is(rig, "bdev_null_create", "\"name\":\"N3\",\"num_blocks\":2048,\"block_size\":512",
	       "\"N3\"");
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
		rig_has(rig, cases[i].method, cases[i].params, "\"code\":-32602");
	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_free(rig);
}

/* --- save and load ---------------------------------------------------------------------------- */

static void test_saved(void)
{
	struct rig *one = new_rig(5), *two = rig_new(6, 1);
	g_autofree char *first = NULL, *second = NULL, *error = NULL;

	rig_good(one, "nvmf_discovery_add_referral", REFERRAL ",\"secure_channel\":true");
	rig_good(one, "nvmf_ns_add_host", "\"nqn\":\"" NQN "\",\"nsid\":2,\"host\":\"" HOST "\"");
	rig_good(one, "nvmf_subsystem_set_ns_ana_group",
		 "\"nqn\":\"" NQN "\",\"nsid\":2,\"anagrpid\":1");
	rig_good(one, "nvmf_subsystem_listener_set_ana_state",
		 AT("1") ",\"ana_state\":\"inaccessible\"");
	rig_good(one, "nvmf_subsystem_listener_set_ana_state",
		 AT("2") ",\"ana_state\":\"change\",\"anagrpid\":3");
	first = rig_saved(one);
	/* As few entries as it takes, and none that others do not know. */
	g_assert_nonnull(strstr(first, ADDRESS("1") ",\"ana_state\":\"inaccessible\","));
	g_assert_nonnull(strstr(first, ADDRESS("2") ",\"ana_state\":\"non_optimized\","));
	g_assert_nonnull(strstr(first, ADDRESS("2") ",\"ana_state\":\"change\",\"anagrpid\":3}}"));
	error = rig_load(two, first);
	g_assert_cmpstr(error, ==, NULL);
	second = rig_saved(two);
	g_assert_cmpstr(first, ==, second);
	rig_free(one);
	rig_free(two);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/access/ana", test_ana);
	g_test_add_func("/rpc/access/hosts", test_hosts);
	g_test_add_func("/rpc/access/referrals", test_referrals);
	g_test_add_func("/rpc/access/refused", test_refused);
	g_test_add_func("/rpc/access/saved", test_saved);
	return g_test_run();
}
