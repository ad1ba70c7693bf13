/* SPDX-License-Identifier: BSD-3-Clause */
/* The server in a world: framing over the wire, answers, limits, clients that misbehave. */
#include <errno.h>
#include <string.h>

#include "target/rpc/rpc.h"
#include "tests/unit/rpc/rig.h"

#define LEVEL(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"log_get_level\"}"
#define NOTICE(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":\"ERROR\"}"

static void expect(struct client *c, const char *expected)
{
	g_autofree char *answer = client_answer(c);

	g_assert_cmpstr(answer, ==, expected);
}

static void expect_part(struct client *c, const char *part)
{
	g_autofree char *answer = client_answer(c);

	g_assert_nonnull(answer);
	if (!strstr(answer, part))
		g_error("%s has no %s", answer, part);
}

static void test_ids(void)
{
	static const char *const ids[] = { "1",
					   "-1",
					   "1.50",
					   "1e400",
					   "123456789012345678901234567890",
					   "null",
					   "\"\"",
					   "\"\\u00e9\\\"x\"" };
	struct rig *rig = rig_new(1, 1);
	struct client *c = client_open(rig);
	g_autofree char *long_id = g_strnfill(128, 'x');

	for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
		g_autofree char *request = g_strdup_printf(LEVEL("%s"), ids[i]);
		g_autofree char *answer = g_strdup_printf(NOTICE("%s"), ids[i]);

		client_send(c, request);
		expect(c, answer);
	}

	g_autofree char *request = g_strdup_printf(LEVEL("\"%s\""), long_id);
	g_autofree char *answer = g_strdup_printf(NOTICE("\"%s\""), long_id);
	g_autofree char *longer = g_strdup_printf(LEVEL("\"%sx\""), long_id);
	client_send(c, request);
	expect(c, answer);
	client_send(c, longer);
	expect_part(c, "\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid request\"");
	client_free(c);
	rig_free(rig);
}

/* What is wrong with a request, and what is not. */
static void test_requests(void)
{
	static const struct {
		const char *request, *part;
	} cases[] = {
		{ "{\"id\":1,\"method\":\"log_get_level\"}", "\"result\":\"ERROR\"" },
		{ "{\"method\":\"log_get_level\",\"params\":{},\"id\":1}", "\"result\":\"ERROR\"" },
		{ "{\"id\":1,\"method\":\"nope\"}",
		  "\"code\":-32601,\"message\":\"Method not found\"" },
		{ "{\"id\":1,\"method\":\"log_get_levle\"}", "Did you mean log_get_level?" },
		{ "{\"id\":1}", "\"id\":1,\"error\":{\"code\":-32600" },
		{ "{\"id\":1,\"method\":7}", "-32600" },
		{ "{\"id\":[],\"method\":\"log_get_level\"}",
		  "\"id\":null,\"error\":{\"code\":-32600" },
		{ "{\"id\":1,\"method\":\"log_get_level\",\"x\":1}", "-32600" },
		{ "{\"id\":1,\"id\":2,\"method\":\"log_get_level\"}", "given twice" },
		{ "{\"id\":1,\"jsonrpc\":\"1.0\",\"method\":\"log_get_level\"}", "-32600" },
		{ "{\"id\":1,\"jsonrpc\":2.0,\"method\":\"log_get_level\"}", "-32600" },
		{ "{\"id\":1,\"method\":\"log_get_level\",\"params\":3}", "-32600" },
		{ "{\"id\":1,\"method\":\"log_get_level\",\"params\":[1]}", "-32602" },
		{ "{\"id\":1,\"method\":\"nvmf_get_targets\",\"params\":{\"a\":1}}",
		  "\"code\":-32602,\"message\":\"Invalid parameters\"" },
		{ "{\"id\":1,\"method\":\"framework_start_init\"}",
		  "\"code\":-1,\"message\":\"Method may only be called before framework is "
		  "initialized. Use --wait-for-rpc command line parameter" },
		{ "{\"id\":1,\"method\":\"framework_wait_init\"}", "\"result\":true" },
		{ "[]", "\"id\":null,\"error\":{\"code\":-32600" },
	};
	struct rig *rig = rig_new(2, 1);
	struct client *c = client_open(rig);

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		client_send(c, cases[i].request);
		expect_part(c, cases[i].part);
	}
	client_free(c);
	rig_free(rig);
}

static void test_batch(void)
{
	struct rig *rig = rig_new(3, 1);
	struct client *c = client_open(rig);

	client_send(c, "[" LEVEL("1") ",{\"method\":\"log_get_level\"},7," LEVEL("\"b\"") "]");
	expect(c, "[" NOTICE("1") ",{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
				  "\"message\":\"Invalid request\",\"data\":\"a request is an "
				  "object\"}}," NOTICE("\"b\"") "]");
	/* In order: what is made by one is there for the next. */
	client_send(c, "[{\"id\":1,\"method\":\"bdev_null_create\",\"params\":{\"name\":\"N\","
		       "\"block_size\":512,\"num_blocks\":8}},{\"id\":2,\"method\":"
		       "\"bdev_null_delete\",\"params\":{\"name\":\"N\"}},{\"id\":3,\"method\":"
		       "\"bdev_null_create\",\"params\":{\"name\":\"N\",\"block_size\":512,"
		       "\"num_blocks\":8}}]");
	expect(c, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"N\"},{\"jsonrpc\":\"2.0\",\"id\":2,"
		  "\"result\":true},{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":\"N\"}]");
	/* Notifications only: nothing comes before the next answer. */
	client_send(c, "[{\"method\":\"log_get_level\"}]{\"method\":\"log_set_level\",\"params\":"
		       "{\"level\":\"INFO\"}}");
	client_send(c, "{\"method\":\"nope\"}" LEVEL("9"));
	expect(c, "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":\"INFO\"}");
	client_free(c);
	rig_free(rig);
}

/* A long batch leaves others their turn; the end may come in the midst of it. */
static void test_long_batch(void)
{
	struct rig *rig = rig_new(31, 1);
	struct client *c = client_open(rig), *other = client_open(rig);
	GString *text = g_string_new("[" LEVEL("0"));

	for (unsigned i = 0; i < 1500; i++)
		g_string_append(text, "," LEVEL("1"));
	g_string_append_c(text, ']');
	client_send(c, text->str);
	client_send(other, LEVEL("2"));
	expect(other, NOTICE("2"));
	g_assert_cmpuint(c->in->len, ==, 0);
	expect_part(c, "[" NOTICE("0") "," NOTICE("1") ",");

	client_send(c, text->str);
	client_send(other, LEVEL("3"));
	expect(other, NOTICE("3"));
	rig_shutdown(rig);
	g_assert_true(client_closed(c));
	g_assert_cmpuint(c->in->len, ==, 0);
	g_string_free(text, TRUE);
	client_free(c);
	client_free(other);
	rig_free(rig);
}

/* Many requests, in one piece and byte by byte: every one is answered once. */
static void pipelined(uint64_t seed, uint32_t seg_max)
{
	struct rig *rig = rig_new(seed, 2);
	struct client *c;
	bool seen[300] = { false };

	rig_segments(rig, 1, seg_max);
	c = client_open(rig);
	for (unsigned i = 0; i < G_N_ELEMENTS(seen); i++) {
		g_autofree char *request = g_strdup_printf(
			" {\"id\":%u,\"method\":\"%s\"}%s", i,
			i % 3 ? "notify_get_types" : "thread_get_stats", i % 5 ? "" : "\n");

		client_send(c, request);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(seen); i++) {
		g_autofree char *answer = client_answer(c);
		struct jv_doc *doc;
		unsigned id;

		g_assert_nonnull(answer);
		doc = jv_parse(answer, strlen(answer), 0, NULL);
		g_assert_nonnull(doc);
		g_assert_nonnull(jv_member(jv_root(doc), "result"));
		id = (unsigned)g_ascii_strtoull(jv_member(jv_root(doc), "id")->raw, NULL, 10);
		g_assert_cmpuint(id, <, G_N_ELEMENTS(seen));
		g_assert_false(seen[id]);
		seen[id] = true;
		jv_doc_unref(doc);
	}
	client_free(c);
	rig_free(rig);
}

static void test_pipelined(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		pipelined(seed, seed % 2 ? 1 : 65536);
}

/* What cannot be followed is answered, like what came before, and the connection ends. */
static void test_not_json(void)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n", "-32700" }, { "12 ", "-32600" },
		{ "{\"a\":tru}", "-32700" },	    { "{]", "-32700" },
		{ "{\"a\":\"\xff\"}", "UTF-8" },    { "{\"a\":\"\\ud800\"}", "surrogate" },
	};
	struct rig *rig = rig_new(4, 1);

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct client *c = client_open(rig);

		client_send(c, LEVEL("1"));
		client_send(c, cases[i].text);
		client_send(c, LEVEL("2"));
		g_assert_true(client_closed(c));
		g_assert_nonnull(strstr(c->in->str, NOTICE("1")));
		g_assert_nonnull(strstr(c->in->str, "\"id\":null,\"error\":{\"code\":-32"));
		g_assert_null(strstr(c->in->str, "\"id\":2"));
		client_free(c);

		c = client_open(rig);
		client_send(c, cases[i].text);
		expect_part(c, cases[i].part);
		client_free(c);
	}
	rig_free(rig);
}

static void test_too_much(void)
{
	struct rig *rig = rig_new(5, 1);
	g_autoptr(GString) text =
		g_string_new("{\"id\":1,\"method\":\"log_get_level\",\"params\":{}");
	struct client *c = client_open(rig);

	/* Exactly the limit. */
	while (text->len < RPC_MAX_REQUEST - 1)
		g_string_append_c(text, ' ');
	g_string_append_c(text, '}');
	client_send(c, text->str);
	expect(c, NOTICE("1"));
	g_string_insert_c(text, 5, ' ');
	client_send(c, text->str);
	expect_part(c, "256 KiB");
	g_assert_true(client_closed(c));
	client_free(c);

	c = client_open(rig);
	g_string_assign(text, "");
	for (unsigned i = 0; i < 100000; i++)
		g_string_append_c(text, '[');
	client_send(c, text->str);
	expect_part(c, "64 levels");
	g_assert_true(client_closed(c));
	client_free(c);

	c = client_open(rig);
	g_string_assign(text, "[1");
	for (unsigned i = 0; i < RPC_MAX_VALUES; i++)
		g_string_append(text, ",1");
	g_string_append_c(text, ']');
	client_send(c, text->str);
	expect_part(c, "too many values");
	g_assert_true(client_closed(c));
	client_free(c);
	rig_free(rig);
}

/* Who goes on after that is not cut off in the midst of it; who does not close is closed. */
static void test_drained(void)
{
	struct rig *rig = rig_new(30, 1);
	struct client *c = client_open(rig);

	client_send(c, "}");
	c->hold = true;
	world_run_for(rig->world, 100 * WORLD_MS);
	/* What follows is taken, as far as it comes soon, and thrown away. */
	for (unsigned i = 0; i < 50000; i++)
		client_send(c, LEVEL("1"));
	world_run_for(rig->world, 500 * WORLD_MS);
	g_assert_cmpuint(c->sent, ==, c->out->len);
	world_run_for(rig->world, 5 * WORLD_SEC);
	client_resume(c);
	g_assert_true(client_closed(c));
	g_assert_nonnull(strstr(c->in->str, "-32700"));
	g_assert_null(strstr(c->in->str, "result"));
	client_free(c);
	rig_free(rig);
}

/* The peer sends all it has, closes its side, and still gets the answers. */
static void test_half_close(void)
{
	struct rig *rig = rig_new(6, 1);
	struct client *c = client_open(rig);

	c->half_close = true;
	client_send(c, LEVEL("1") "{\"id\":2,\"method\":\"framework_get_reactors\"}");
	expect(c, NOTICE("1"));
	expect_part(c, "\"id\":2,\"result\":{\"tick_rate\":1000000000");
	g_assert_true(client_closed(c));
	client_free(c);

	c = client_open(rig);
	c->half_close = true;
	client_send(c, "{\"id\":1,\"method\":");
	expect_part(c, "the request does not end");
	g_assert_true(client_closed(c));
	client_free(c);
	rig_free(rig);
}

/* Somebody who sends and does not read is not read from; others do not notice; nothing is lost. */
static void test_slow_reader(void)
{
	enum { REQUESTS = 4000 };
	struct rig *rig = rig_new(7, 1);
	struct client *slow = client_open(rig);
	g_autofree char *answer = NULL;
	unsigned answers = 0;
	/* Larger than what fits between the two ends. */
	g_autofree char *request =
		g_strdup_printf("{\"id\":1,%400s\"method\":\"rpc_get_methods\"}\n", "");

	slow->hold = true;
	for (unsigned i = 0; i < REQUESTS; i++)
		client_send(slow, request);
	world_run_for(rig->world, WORLD_SEC);
	g_assert_cmpuint(slow->sent, <, slow->out->len);
	answer = rig_ask(rig, LEVEL("1"));
	g_assert_cmpstr(answer, ==, NOTICE("1"));

	client_resume(slow);
	while (answers < REQUESTS) {
		g_autofree char *one = client_answer(slow);

		g_assert_nonnull(one);
		answers++;
	}
	client_free(slow);
	rig_free(rig);
}

/* A call goes on when its client goes; so does the server. */
static void test_client_gone(void)
{
	struct rig *rig = rig_new(8, 1);
	struct client *c = client_open(rig);
	g_autofree char *answer = NULL;

	client_send(c, "{\"id\":1,\"method\":\"bdev_get_bdevs\",\"params\":{\"name\":\"N\","
		       "\"timeout\":5000}}{\"id\":2,\"method\":\"bdev_null_create\",\"params\":{"
		       "\"name\":\"M\",\"block_size\":512,\"num_blocks\":8}}");
	expect_part(c, "\"id\":2,\"result\":\"M\"");
	client_free(c);
	answer = rig_ask(rig,
			 "{\"id\":3,\"method\":\"bdev_get_bdevs\",\"params\":{\"name\":\"M\"}}");
	g_assert_nonnull(strstr(answer, "\"name\":\"M\""));
	/* With the first call still waiting: it must not hold the end up. */
	rig_free(rig);
}

static void test_wait_for_bdev(void)
{
	struct rig *rig = rig_new(9, 1);
	struct client *c = client_open(rig);
	uint64_t begin = world_now(rig->world);

	client_send(c, "{\"id\":1,\"method\":\"bdev_get_bdevs\",\"params\":{\"name\":\"N\","
		       "\"timeout\":100}}");
	expect_part(c, "\"id\":1,\"error\":{\"code\":-19,\"message\":\"No such device\"");
	g_assert_cmpuint(world_now(rig->world) - begin, >=, 100 * WORLD_MS);
	client_send(c, "{\"id\":2,\"method\":\"bdev_get_bdevs\",\"params\":{\"name\":\"N\","
		       "\"timeout\":10000}}{\"id\":3,\"method\":\"bdev_null_create\",\"params\":{"
		       "\"name\":\"N\",\"block_size\":512,\"num_blocks\":8}}");
	begin = world_now(rig->world);
	g_autofree char *a = client_answer(c), *b = client_answer(c);
	g_assert_nonnull(a);
	g_assert_nonnull(b);
	g_assert_nonnull(
		strstr(a[0] && strstr(a, "\"id\":2") ? a : b, "\"result\":[{\"name\":\"N\""));
	g_assert_cmpuint(world_now(rig->world) - begin, <, WORLD_SEC);
	client_free(c);
	rig_free(rig);
}

static void test_many_clients(void)
{
	struct rig *rig = rig_new(10, 1);
	struct client *clients[RPC_MAX_CLIENTS], *late;

	for (unsigned i = 0; i < RPC_MAX_CLIENTS; i++) {
		clients[i] = client_open(rig);
		client_send(clients[i], LEVEL("1"));
		expect(clients[i], NOTICE("1"));
	}
	late = client_open(rig);
	expect_part(late, "64 clients are connected already");
	g_assert_true(client_closed(late));
	client_free(late);
	client_free(clients[0]);
	world_run_for(rig->world, WORLD_SEC);
	clients[0] = client_open(rig);
	client_send(clients[0], LEVEL("2"));
	expect(clients[0], NOTICE("2"));
	/* The end with all of them connected. */
	rig_shutdown(rig);
	for (unsigned i = 0; i < RPC_MAX_CLIENTS; i++) {
		g_assert_true(client_closed(clients[i]));
		client_free(clients[i]);
	}
	rig_free(rig);
}

/* A connection that breaks at any time harms nobody. */
static void test_resets(void)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct rig *rig = rig_new(seed, 1);
		struct client *c = client_open(rig);
		g_autofree char *answer = NULL;

		rig_segments(rig, 1, 100);
		for (unsigned i = 0; i < 40; i++)
			client_send(c, "{\"id\":1,\"method\":\"framework_get_reactors\"}");
		world_run_for(rig->world, seed * 7 * WORLD_US);
		world_net_reset(rig->world, NULL, NULL);
		g_assert_true(client_closed(c));
		client_free(c);
		answer = rig_ask(rig, LEVEL("1"));
		g_assert_cmpstr(answer, ==, NOTICE("1"));
		rig_free(rig);
	}
}

static void attach_fault(struct rig *rig, const char *point)
{
	struct world_fault_rule rule = { .times = 1 };

	world_fault_set(rig->node, point, &rule);
}

/* No memory, no descriptor for a new connection: the next one works. */
static void test_accept_faults(void)
{
	static const char *const points[] = { "net.accept.enomem", "net.accept.emfile" };

	for (unsigned i = 0; i < G_N_ELEMENTS(points); i++) {
		struct rig *rig = rig_new(20 + i, 1);
		g_autofree char *answer = NULL;

		attach_fault(rig, points[i]);
		answer = rig_ask(rig, LEVEL("1"));
		if (!answer) /* that one was the victim */
			answer = rig_ask(rig, LEVEL("1"));
		g_assert_cmpstr(answer, ==, NOTICE("1"));
		rig_free(rig);
	}
}

static void test_socket_path(void)
{
	struct rig *rig = rig_new(30, 1);
	g_autofree char *long_path = g_strnfill(200, 'x');
	struct target_options options = { .rpc_path = RIG_SOCKET };
	g_autoptr(GError) error = NULL;

	g_assert_null(target_new(world_node_hw(rig->node), &options, &error));
	g_assert_error(error, WEFT_ERROR, -EADDRINUSE);
	g_assert_nonnull(strstr(error->message, RIG_SOCKET));
	g_clear_error(&error);
	options.rpc_path = long_path;
	g_assert_null(target_new(world_node_hw(rig->node), &options, &error));
	g_assert_error(error, WEFT_ERROR, -ENAMETOOLONG);
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/server/ids", test_ids);
	g_test_add_func("/rpc/server/requests", test_requests);
	g_test_add_func("/rpc/server/batch", test_batch);
	g_test_add_func("/rpc/server/long-batch", test_long_batch);
	g_test_add_func("/rpc/server/pipelined", test_pipelined);
	g_test_add_func("/rpc/server/not-json", test_not_json);
	g_test_add_func("/rpc/server/too-much", test_too_much);
	g_test_add_func("/rpc/server/drained", test_drained);
	g_test_add_func("/rpc/server/half-close", test_half_close);
	g_test_add_func("/rpc/server/slow-reader", test_slow_reader);
	g_test_add_func("/rpc/server/client-gone", test_client_gone);
	g_test_add_func("/rpc/server/wait-for-bdev", test_wait_for_bdev);
	g_test_add_func("/rpc/server/many-clients", test_many_clients);
	g_test_add_func("/rpc/server/resets", test_resets);
	g_test_add_func("/rpc/server/accept-faults", test_accept_faults);
	g_test_add_func("/rpc/server/socket-path", test_socket_path);
	return g_test_run();
}
