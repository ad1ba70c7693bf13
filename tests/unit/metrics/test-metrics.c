/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is counted, in the world: the figures are those of the I/O that a host did,
 * they outlive its controller, and the page is served whatever its clients do.
 * With --page it prints the page of a target that has done I/O, for test-page.py.
 */
#include <stdlib.h>
#include <string.h>

#include "target/metrics/http.h"
#include "tests/unit/rpc/rig-host.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"
#define HOST "nqn.2014-08.org.nvmexpress:uuid:1a1f6276-e700-4618-9a55-6724b0a344fa"
#define BS 512u
#define GET "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
#define NS "{nqn=\"" NQN "\",nsid=\"1\","

struct env {
	struct rig *rig;
	struct host_ctrlr *ctrlr;
	struct host_io io;
	struct iovec iov;
	uint8_t data[8 * BS];
	bool io_done;
};

static void io_done(struct host_io *io)
{
	((struct env *)((char *)io - offsetof(struct env, io)))->io_done = true;
}

/* One after the other. Returns the status of the last. */
static uint16_t do_io(struct env *e, bool write, uint64_t lba, unsigned n)
{
	struct host_qpair *q = host_ctrlr_qpair(e->ctrlr, 0);

	e->iov = (struct iovec){ e->data, sizeof(e->data) };
	for (unsigned i = 0; i < n; i++) {
		e->io_done = false;
		e->io = (struct host_io){ .done = io_done,
					  .iov = &e->iov,
					  .niov = 1,
					  .nsid = 1,
					  .lba = lba,
					  .blocks = 8 };
		g_assert_cmpint(write ? host_write(q, &e->io) : host_read(q, &e->io), ==, 0);
		world_run_for(e->rig->world, 10 * WORLD_MS);
		g_assert_true(e->io_done);
	}
	return e->io.status;
}

/* A namespace whose reads take a millisecond; a host; the endpoint. */
static void env_init(struct env *e, uint64_t seed, unsigned reactors)
{
	static const char *const calls[][2] = {
		{ "nvmf_create_transport", "{\"trtype\":\"TCP\"}" },
		{ "bdev_malloc_create", "{\"name\":\"m\",\"num_blocks\":1024,\"block_size\":512}" },
		{ "bdev_delay_create",
		  "{\"base_bdev_name\":\"m\",\"name\":\"d\",\"avg_read_latency\":1000,"
		  "\"p99_read_latency\":1000,\"avg_write_latency\":0,\"p99_write_latency\":0}" },
		{ "bdev_enable_histogram", "{\"name\":\"d\",\"enable\":true}" },
		{ "nvmf_create_subsystem",
		  "{\"nqn\":\"" NQN "\",\"allow_any_host\":true,\"ana_reporting\":true}" },
		{ "nvmf_subsystem_add_ns",
		  "{\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"d\"}}" },
		{ "nvmf_subsystem_add_listener",
		  "{\"nqn\":\"" NQN "\",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\","
		  "\"traddr\":\"127.0.0.1\",\"trsvcid\":\"4420\"}}" },
		{ "metrics_start", "{}" },
	};

	*e = (struct env){ .rig = rig_new(seed, reactors) };
	for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++)
		rig_expect(e->rig, calls[i][0], calls[i][1], "\"result\"");
}

static struct client *open_http(struct env *e)
{
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, METRICS_ADDRESS, METRICS_PORT, NULL));
	return client_open_at(e->rig, &addr);
}

/* The chunks' content; *c is what follows them. */
static char *unchunk(const char *chunks)
{
	GString *out = g_string_new(NULL);
	char *end;

	for (;;) {
		gsize n = strtoul(chunks, &end, 16);

		g_assert_true(g_str_has_prefix(end, "\r\n"));
		if (n == 0)
			break;
		g_string_append_len(out, end + 2, (gssize)n);
		chunks = end + 2 + n;
		g_assert_true(g_str_has_prefix(chunks, "\r\n"));
		chunks += 2;
	}
	return g_string_free(out, FALSE);
}

/* The page, as a client of its own gets it. */
static char *page(struct env *e)
{
	struct client *c = open_http(e);
	char *body;

	client_send(c, GET);
	world_run_for(e->rig->world, WORLD_SEC);
	g_assert_true(g_str_has_prefix(c->in->str, "HTTP/1.1 200 OK\r\n"));
	g_assert_nonnull(strstr(c->in->str, "\r\nTransfer-Encoding: chunked\r\n"));
	body = unchunk(strstr(c->in->str, "\r\n\r\n") + 4);
	client_free(c);
	return body;
}

/* The value of a sample, as text. */
static void expect_sample(const char *text, const char *sample, const char *value)
{
	g_autofree char *line = g_strdup_printf("\n%s %s\n", sample, value);

	if (!strstr(text, line))
		g_error("no \"%s %s\" in\n%s", sample, value, text);
}

/* --- figures ------------------------------------------------------------------------------- */

static void check_io(const char *text)
{
	expect_sample(text, "weft_namespace_commands_total" NS "op=\"read\"}", "5");
	expect_sample(text, "weft_namespace_commands_total" NS "op=\"write\"}", "3");
	expect_sample(text, "weft_namespace_bytes_total" NS "op=\"read\"}", "20480");
	expect_sample(text, "weft_namespace_bytes_total" NS "op=\"write\"}", "12288");
	expect_sample(text, "weft_namespace_errors_total" NS "type=\"generic\"}", "2");
	expect_sample(text, "weft_namespace_latency_seconds_count" NS "op=\"read\"}", "5");
	expect_sample(text, "weft_namespace_latency_seconds_count" NS "op=\"write\"}", "3");
	expect_sample(text,
		      "weft_namespace_latency_seconds_bucket" NS "op=\"read\",le=\"0.000524288\"}",
		      "0");
	expect_sample(text,
		      "weft_namespace_latency_seconds_bucket" NS "op=\"read\",le=\"0.002097152\"}",
		      "5");
	expect_sample(text, "weft_namespace_latency_seconds_bucket" NS "op=\"read\",le=\"+Inf\"}",
		      "5");
	expect_sample(text, "weft_subsystem_commands_total{nqn=\"" NQN "\"}", "8");
	expect_sample(text, "weft_subsystem_errors_total{nqn=\"" NQN "\"}", "2");
	expect_sample(text, "weft_bdev_operations_total{bdev=\"d\",op=\"read\"}", "5");
	expect_sample(text, "weft_bdev_latency_seconds_count{bdev=\"d\"}", "8");
}

#define PATH                                                                                       \
	"{nqn=\"" NQN "\",hostnqn=\"" HOST "\",trtype=\"TCP\",traddr=\"127.0.0.1\",trsvcid="       \
	"\"4420\","

static void test_counts(void)
{
	for (unsigned reactors = 1; reactors <= 3; reactors++) {
		g_autofree char *before = NULL, *after = NULL;
		struct env e;

		env_init(&e, 20 + reactors, reactors);
		rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
		g_assert_cmpuint(do_io(&e, false, 0, 5), ==, NVME_SUCCESS);
		g_assert_cmpuint(do_io(&e, true, 0, 3), ==, NVME_SUCCESS);
		g_assert_cmpuint(do_io(&e, true, 1020, 2), ==, NVME_SC_LBA_RANGE | NVME_DNR);
		before = page(&e);
		check_io(before);
		expect_sample(before, "weft_path_commands_total" PATH "op=\"read\"}", "5");
		expect_sample(before, "weft_path_errors_total" PATH "type=\"generic\"}", "2");
		expect_sample(before, "weft_path_info" PATH "ana_state=\"optimized\"}", "1");
		expect_sample(before, "weft_path_latency_seconds_count" PATH "op=\"write\"}", "3");
		expect_sample(before, "weft_subsystem_controllers{nqn=\"" NQN "\"}", "1");
		/* The host goes, and with it its controller and its path; what it did stays. */
		rig_host_disconnect(e.rig, &e.ctrlr);
		after = page(&e);
		check_io(after);
		g_assert_null(strstr(after, "weft_path_commands_total{"));
		expect_sample(after, "weft_subsystem_controllers{nqn=\"" NQN "\"}", "0");
		rig_free(e.rig);
	}
}

/* A namespace that comes in the place of another begins at zero. */
static void test_again(void)
{
	g_autofree char *text = NULL;
	struct env e;

	env_init(&e, 30, 2);
	rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
	do_io(&e, false, 0, 4);
	rig_expect(e.rig, "nvmf_subsystem_remove_ns", "{\"nqn\":\"" NQN "\",\"nsid\":1}", "true");
	rig_expect(e.rig, "nvmf_subsystem_add_ns",
		   "{\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"d\"}}", "1");
	do_io(&e, false, 0, 1);
	text = page(&e);
	expect_sample(text, "weft_namespace_commands_total" NS "op=\"read\"}", "1");
	expect_sample(text, "weft_namespace_latency_seconds_count" NS "op=\"read\"}", "1");
	expect_sample(text, "weft_subsystem_commands_total{nqn=\"" NQN "\"}", "5");
	rig_host_disconnect(e.rig, &e.ctrlr);
	rig_free(e.rig);
}

static void test_json(void)
{
	struct env e;

	env_init(&e, 40, 2);
	rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
	do_io(&e, false, 0, 2);
	rig_expect(e.rig, "metrics_get", "{\"sections\":[\"namespaces\"]}",
		   "\"read\":{\"ops\":2,\"bytes\":8192,\"latency\":{\"sum_ns\":");
	rig_expect(e.rig, "metrics_get", "{\"sections\":[\"paths\"],\"histograms\":false}",
		   "\"read\":{\"ops\":2,\"bytes\":8192},\"write\":{\"ops\":0,\"bytes\":0},"
		   "\"other\":{\"ops\":0}");
	rig_expect(
		e.rig, "metrics_get",
		"{\"sections\":[\"namespaces\"],\"nqn\":\"nqn.2014-08.org.nvmexpress.discovery\"}",
		"\"namespaces\":[]}");
	rig_expect(e.rig, "metrics_get", "{\"sections\":[\"nothing\"]}",
		   "there are discovery, rpc, reactors");
	rig_expect(e.rig, "metrics_get", "{\"nqn\":\"nqn.2016-06.io.spdk:none\"}", "not found");
	rig_host_disconnect(e.rig, &e.ctrlr);
	rig_free(e.rig);
}

/* --- the endpoint ---------------------------------------------------------------------------- */

static void test_saved(void)
{
	struct env e;

	env_init(&e, 50, 1);
	rig_expect(e.rig, "framework_get_config", "{\"name\":\"metrics\"}",
		   "[{\"method\":\"metrics_start\",\"params\":{\"traddr\":\"127.0.0.1\","
		   "\"trsvcid\":\"9604\"}}]");
	rig_expect(e.rig, "metrics_start", "{}", "metrics are served on 127.0.0.1:9604 already");
	rig_expect(e.rig, "metrics_stop", "{}", "true");
	rig_expect(e.rig, "metrics_stop", "{}", "metrics_start begins that");
	rig_expect(e.rig, "framework_get_config", "{\"name\":\"metrics\"}", "\"result\":[]");
	rig_expect(e.rig, "metrics_start", "{\"traddr\":\"nowhere\"}", "nowhere");
	rig_expect(e.rig, "metrics_start", "{\"trsvcid\":\"70000\"}", "70000");
	rig_free(e.rig);
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		n++;
	return n;
}

/* What one connection says, and how often the answers have the part; whether it stays. */
static void converse(struct env *e, const char *say, const char *part, unsigned n, bool stays)
{
	struct client *c = open_http(e);

	client_send(c, say);
	world_run_for(e->rig->world, WORLD_SEC);
	if (count(c->in->str, part) != n)
		g_error("%s: not %u times %s in %s", say, n, part, c->in->str);
	g_assert_true(c->closed == !stays);
	client_free(c);
}

static void test_answers(void)
{
	g_autofree char *long_head = g_strnfill(5000, 'a');
	struct env e;

	env_init(&e, 60, 2);
	for (unsigned pieces = 0; pieces < 2; pieces++) {
		if (pieces)
			rig_segments(e.rig, 1, 7);
		converse(&e, GET, "HTTP/1.1 200 OK\r\n", 1, true);
		converse(&e, GET GET GET, "\r\n0\r\n\r\n", 3, true);
		converse(&e, "GET /metrics HTTP/1.0\r\n\r\n", "chunked", 0, false);
		converse(&e, "GET /metrics HTTP/1.0\r\n\r\n", "# HELP weft_build_info", 1, false);
		converse(&e, "HEAD /metrics HTTP/1.1\r\n\r\n", "# HELP", 0, true);
		converse(&e, "GET /x HTTP/1.1\r\n\r\n" GET, "HTTP/1.1 404 Not Found\r\n", 1, true);
		converse(&e, "PUT /metrics HTTP/1.1\r\n\r\n", "\r\nAllow: GET, HEAD\r\n", 1, true);
		converse(&e, "nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", 1, false);
		converse(&e, long_head, "HTTP/1.1 431 ", 1, false);
	}
	rig_free(e.rig);
}

/* Who says nothing, or too slowly, is cut off; who comes when all places are taken is told. */
static void test_many(void)
{
	struct client *idle[METRICS_CLIENTS];
	struct env e;

	env_init(&e, 70, 1);
	for (unsigned i = 0; i < METRICS_CLIENTS; i++)
		idle[i] = open_http(&e);
	converse(&e, "", "HTTP/1.1 503 ", 1, false);
	client_send(idle[0], "GET /met");
	for (unsigned i = 0; i < METRICS_CLIENTS; i++) {
		g_assert_true(client_closed(idle[i]));
		client_free(idle[i]);
	}
	converse(&e, GET, "HTTP/1.1 200 OK\r\n", 1, true);
	rig_free(e.rig);
}

static void add_namespaces(struct env *e, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *bdev = g_strdup_printf(
			"{\"name\":\"n%u\",\"num_blocks\":64,\"block_size\":512}", i);

		rig_expect(e->rig, "bdev_null_create", bdev, "n");
	}
}

/* A client that reads nothing is cut off, one that goes does no harm, and the end comes in any
 * case. */
static void test_slow(void)
{
	for (unsigned how = 0; how < 4; how++) {
		struct client *c;
		struct env e;

		env_init(&e, 80 + how, 2);
		add_namespaces(&e, 200);
		c = open_http(&e);
		c->hold = true;
		for (unsigned i = 0; i < 40; i++)
			client_send(c, GET);
		if (how > 0)
			world_run_for(e.rig->world, how * 50 * WORLD_US);
		if (how == 0) {
			world_run_for(e.rig->world, 40 * WORLD_SEC);
			g_assert_cmpuint(metrics_http_clients(e.rig->target->metrics_http), ==, 0);
		} else if (how == 1) {
			client_free(g_steal_pointer(&c));
			converse(&e, GET, "HTTP/1.1 200 OK\r\n", 1, true);
		} else if (how == 2) {
			rig_expect(e.rig, "metrics_stop", "{}", "true");
		}
		rig_shutdown(e.rig);
		if (c)
			client_free(c);
		rig_free(e.rig);
	}
}

static int print_page(void)
{
	g_autofree char *text = NULL;
	struct env e;

	env_init(&e, 1, 2);
	rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
	do_io(&e, false, 0, 5);
	do_io(&e, true, 0, 3);
	text = page(&e);
	fputs(text, stdout);
	rig_host_disconnect(e.rig, &e.ctrlr);
	rig_free(e.rig);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--page") == 0)
		return print_page();
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/metrics/counts", test_counts);
	g_test_add_func("/metrics/again", test_again);
	g_test_add_func("/metrics/json", test_json);
	g_test_add_func("/metrics/saved", test_saved);
	g_test_add_func("/metrics/answers", test_answers);
	g_test_add_func("/metrics/many", test_many);
	g_test_add_func("/metrics/slow", test_slow);
	return g_test_run();
}
