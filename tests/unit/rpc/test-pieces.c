/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Long answers: no pass of the reactor makes more than a portion of one, others are
 * answered meanwhile, and they are whole whatever goes away while they are made.
 */
#include <string.h>

#include "target/rpc/json.h"
#include "target/rpc/server.h"
#include "tests/unit/rpc/rig.h"

#define NQN "nqn.2016-06.io.spdk:cnode%u"
#define BDEVS 400
#define SUBSYSTEMS 8
/* A portion, and the piece that made it complete. */
#define PASS_MAX (8192 + 4096)

static void fill(struct rig *rig)
{
	for (unsigned i = 0; i < SUBSYSTEMS; i++) {
		g_autofree char *params =
			g_strdup_printf("\"nqn\":\"" NQN "\",\"max_namespaces\":64", i);

		rig_good(rig, "nvmf_create_subsystem", params);
	}
	for (unsigned i = 0; i < BDEVS; i++) {
		g_autofree char *bdev = g_strdup_printf(
			"\"name\":\"null%u\",\"num_blocks\":64,\"block_size\":512", i);
		g_autofree char *ns = g_strdup_printf("\"nqn\":\"" NQN
						      "\",\"namespace\":{\"bdev_name\":\"null%u\"}",
						      i % SUBSYSTEMS, i);
		g_autofree char *name = g_strdup_printf("\"null%u\"", i);

		rig_has(rig, "bdev_null_create", bdev, name);
		rig_has(rig, "nvmf_subsystem_add_ns", ns, "\"result\":");
	}
}

static struct rig *full_rig(uint64_t seed)
{
	struct rig *rig = rig_new(seed, 2);

	fill(rig);
	return rig;
}

static void request(struct client *c, const char *method, const char *params)
{
	g_autofree char *text = g_strdup_printf(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);

	client_send(c, text);
}

static struct client *ask(struct rig *rig, const char *method, const char *params)
{
	struct client *c = client_open(rig);

	request(c, method, params);
	return c;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		n++;
	return n;
}

/* It is JSON, and has part so often. */
static void check(const char *answer, const char *part, unsigned times)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = jv_parse(answer, strlen(answer), 0, &error);

	g_assert_no_error(error);
	g_assert_nonnull(jv_member(jv_root(doc), "result"));
	g_assert_cmpuint(count(answer, part), ==, times);
	jv_doc_unref(doc);
}

static const struct {
	const char *method, *params, *part;
	unsigned times;
} cases[] = {
	{ "bdev_get_bdevs", "{}", "\"product_name\":", BDEVS },
	{ "bdev_get_iostat", "{}", "\"num_read_ops\":", BDEVS },
	{ "nvmf_get_subsystems", "{}", "\"nsid\":", BDEVS },
	{ "nvmf_get_subsystems", "{\"nqn\":\"nqn.2016-06.io.spdk:cnode3\"}",
	  "\"nsid\":", BDEVS / SUBSYSTEMS },
	{ "framework_get_config", "{\"name\":\"bdev\"}", "\"bdev_null_create\"", BDEVS },
	{ "framework_get_config", "{\"name\":\"nvmf\"}", "\"nvmf_subsystem_add_ns\"", BDEVS },
	{ "metrics_get", "{\"sections\":[\"bdevs\",\"rpc\"]}", "\"product_name\":", BDEVS },
	{ "metrics_get", "{\"sections\":[\"namespaces\"]}", "\"nsid\":", BDEVS },
	{ "thread_get_io_channels", "{}", "\"ref\":", 2 * BDEVS },
	{ "notify_get_notifications", "{}", "\"ctx\":", 2 * BDEVS + SUBSYSTEMS },
};

/* As many passes as its length takes; meanwhile another client is answered. */
static void test_portions(void)
{
	struct rig *rig = full_rig(1);
	const struct reactor_stats *stats = &core_main(rig->target->core)->stats;

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct client *c = ask(rig, cases[i].method, cases[i].params);
		uint64_t before = stats->busy_passes;
		g_autofree char *other = rig_call(rig, "log_get_level", "{}");
		bool first = c->in->len == 0;
		g_autofree char *answer = client_answer(c);

		g_assert_nonnull(strstr(other, "result"));
		g_assert_nonnull(answer);
		g_test_message("%s: %zu bytes, %u passes", cases[i].method, strlen(answer),
			       (unsigned)(stats->busy_passes - before));
		check(answer, cases[i].part, cases[i].times);
		g_assert_cmpuint(stats->busy_passes - before, >=, strlen(answer) / PASS_MAX);
		g_assert_true(first || strlen(answer) < 8 * PASS_MAX);
		client_free(c);
	}
	rig_free(rig);
}

/* What goes before its turn is not in it; what has been there stays. */
static void test_gone_meanwhile(void)
{
	struct rig *rig = full_rig(2);
	struct client *bdevs = client_open(rig), *subsystems = client_open(rig);
	struct client *other = client_open(rig);
	g_autofree char *list = NULL, *all = NULL;

	request(bdevs, "bdev_get_bdevs", "{}");
	request(subsystems, "nvmf_get_subsystems", "{}");
	request(other, "bdev_null_delete", "{\"name\":\"null399\"}");
	request(other, "nvmf_subsystem_remove_ns",
		"{\"nqn\":\"nqn.2016-06.io.spdk:cnode7\",\"nsid\":1}");
	for (unsigned i = 0; i < 2; i++) {
		g_autofree char *done = client_answer(other);

		g_assert_nonnull(strstr(done, "\"result\":true"));
	}
	list = client_answer(bdevs);
	all = client_answer(subsystems);
	check(list, "\"product_name\":", BDEVS - 1);
	check(list, "\"null399\"", 0);
	check(list, "\"null0\"", 1);
	/* One went with its bdev, one by itself. */
	check(all, "\"nsid\":", BDEVS - 2);
	check(all, "\"bdev_name\":\"null399\"", 0);
	check(all, "\"bdev_name\":\"null7\"", 0);
	client_free(bdevs);
	client_free(subsystems);
	client_free(other);
	rig_free(rig);
}

/* In a batch it has its place among the others. */
static void test_batch(void)
{
	static const char request[] =
		"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"log_get_level\"},"
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"bdev_get_bdevs\"},"
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"log_get_level\"}]";
	struct rig *rig = full_rig(3);
	struct client *c = client_open(rig);
	g_autofree char *answer = NULL;

	client_send(c, request);
	answer = client_answer(c);
	g_assert_true(g_str_has_prefix(answer, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":"));
	g_assert_true(
		g_str_has_suffix(answer, "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"ERROR\"}]"));
	g_assert_cmpuint(count(answer, "\"product_name\":"), ==, BDEVS);
	client_free(c);
	rig_free(rig);
}

/* Clients that go, and the target that ends, while answers are made and wait for it. */
static void test_dropped(void)
{
	for (unsigned shutdown = 0; shutdown < 2; shutdown++) {
		struct rig *rig = full_rig(4 + shutdown);
		struct client *c[G_N_ELEMENTS(cases)];

		for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
			c[i] = ask(rig, cases[i].method, cases[i].params);
		rig_has(rig, "log_get_level", "", "result");
		if (shutdown)
			rig_shutdown(rig);
		for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
			client_free(c[i]);
		if (!shutdown)
			rig_has(rig, "bdev_get_bdevs", "\"name\":\"null7\"", "\"null7\"");
		rig_free(rig);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/pieces/portions", test_portions);
	g_test_add_func("/rpc/pieces/gone-meanwhile", test_gone_meanwhile);
	g_test_add_func("/rpc/pieces/batch", test_batch);
	g_test_add_func("/rpc/pieces/dropped", test_dropped);
	return g_test_run();
}
