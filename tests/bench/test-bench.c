/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Do the measuring tools measure? The probe runs against itself, and the load
 * generator against a small responder that answers rightly in every way allowed
 * and wrongly in every way the generator is to notice. No figure is judged.
 */
#include "tests/bench/responder.h"
#include "tools/bench/bench.h"
#include "tools/bench/rawgen.h"

#include <glib.h>
#include <json-glib/json-glib.h>
#include <string.h>

/* Runs a program with arguments in one string; returns its exit status. */
static int run(const char *program, const char *args, char **out, char **err)
{
	const char *dir = g_getenv("WEFT_BIN");
	g_autofree char *line = g_strdup_printf("%s/%s %s", dir ? dir : "bin", program, args);
	g_autoptr(GError) error = NULL;
	int status = 0;

	g_assert_true(g_spawn_command_line_sync(line, out, err, &status, &error));
	g_assert_no_error(error);
	return status;
}

/* One positive figure of a program's JSON line. */
static double figure(const char *json, const char *name)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) error = NULL;

	json_parser_load_from_data(parser, json, -1, &error);
	g_assert_no_error(error);
	return json_object_get_double_member(json_node_get_object(json_parser_get_root(parser)),
					     name);
}

static void test_probe(gconstpointer data)
{
	g_autofree char *args = g_strdup_printf(
		"--json --seconds 0.1 --warmup 0.02 --cpus -1,-1 %s", (const char *)data);
	g_autofree char *out = NULL, *err = NULL;

	g_assert_cmpint(run("weft-probe", args, &out, &err), ==, 0);
	g_assert_cmpstr(err, ==, "");
	g_assert_cmpfloat(figure(out, "iops"), >, 0);
	g_assert_cmpfloat(figure(out, "p50_us"), >, 0);
	g_assert_cmpfloat(figure(out, "batch"), >, 0);
}

static void test_options(void)
{
	static const char *const wrong[] = { "--size none", "--nonsense", "extra", "--seconds -1",
					     "--qd 0" };

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL;
		g_autofree char *args = g_strdup_printf("--subnqn x %s", wrong[i]);

		g_assert_cmpint(run("weft-probe", wrong[i], &a, &b), !=, 0);
		g_assert_cmpstr(b, !=, "");
		g_assert_cmpint(run("weft-rawgen", args, &c, &d), !=, 0);
		g_assert_cmpstr(d, !=, "");
	}
}

static int rawgen(enum responder_way way, unsigned from, const char *more, char **out, char **err)
{
	struct responder *r = responder_new(way, from);
	g_autofree char *args = g_strdup_printf("--json --trsvcid %u --subnqn nqn.2014-08.org.test "
						"--cpu -1 --seconds 0.1 --warmup 0.01 --qd 32 "
						"--check-every 100 %s",
						responder_port(r), more);
	int status = run("weft-rawgen", args, out, err);

	responder_free(r);
	return status;
}

struct good_case {
	const char *name;
	enum responder_way way;
	const char *args;
	unsigned wire; /* bytes an answer */
};

static const struct good_case good_cases[] = {
	{ "read", RESPONDER_GOOD, "", 24 + 4096 },
	{ "read-one", RESPONDER_GOOD, "--qd 1", 24 + 4096 },
	{ "read-large", RESPONDER_GOOD, "--size 128k", 24 + 131072 },
	{ "no-success-flag", RESPONDER_NO_SUCCESS_FLAG, "", 24 + 4096 + 24 },
	{ "split", RESPONDER_SPLIT, "", 48 + 4096 },
	{ "reversed", RESPONDER_REVERSED, "", 24 + 4096 },
	{ "write", RESPONDER_GOOD, "--mode write", 24 },
	{ "paced", RESPONDER_GOOD, "--rate 1000", 24 + 4096 },
};

static void test_good(gconstpointer data)
{
	const struct good_case *t = data;
	g_autofree char *out = NULL, *err = NULL;
	int status = rawgen(t->way, 0, t->args, &out, &err);

	g_assert_cmpstr(err, ==, "");
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpfloat(figure(out, "iops"), >, 0);
	g_assert_cmpfloat(figure(out, "checked"), >, 0);
	g_assert_cmpfloat(figure(out, "answer_bytes"), ==, t->wire);
	/* Paced: never more than are due in that time (told in milliseconds), and the one at once. */
	if (strstr(t->args, "--rate")) {
		double seconds = figure(out, "seconds");

		g_assert_cmpfloat(figure(out, "iops") * seconds, <=, 1000 * (seconds + 0.001) + 1);
	}
}

struct fault_case {
	const char *name;
	enum responder_way way;
	const char *args, *message;
};

static const struct fault_case fault_cases[] = {
	{ "wrong-cid", RESPONDER_WRONG_CID, "", "not outstanding" },
	{ "same-cid", RESPONDER_SAME_CID, "", NULL },
	{ "short", RESPONDER_SHORT, "", NULL },
	{ "no-last", RESPONDER_NO_LAST, "", "last-PDU flag" },
	{ "status", RESPONDER_ERROR_STATUS, "", NULL },
	{ "other-pdu", RESPONDER_OTHER_PDU, "", NULL },
	{ "mixed", RESPONDER_MIXED, "", NULL },
	{ "close", RESPONDER_CLOSE, "", "closed" },
	{ "surplus", RESPONDER_SURPLUS, "", NULL },
	{ "write-cid", RESPONDER_WRONG_CID, "--mode write", "not outstanding" },
	{ "write-status", RESPONDER_ERROR_STATUS, "--mode write", "status 006" },
	{ "write-surplus", RESPONDER_SURPLUS, "--mode write", NULL },
};

/* From the first command, and from one whose answer is only counted. */
static void test_fault(gconstpointer data)
{
	const struct fault_case *t = data;

	for (unsigned from = 0; from <= 80; from += 80) {
		g_autofree char *out = NULL, *err = NULL;
		/* Answers fewer bytes than were counted on would take the 5 s stall to notice. */
		bool stalls = from &&
			      (t->way == RESPONDER_SHORT || t->way == RESPONDER_ERROR_STATUS ||
			       t->way == RESPONDER_OTHER_PDU) &&
			      !*t->args;

		if (stalls)
			continue;
		g_assert_cmpint(rawgen(t->way, from, t->args, &out, &err), !=, 0);
		g_assert_cmpstr(out, ==, "");
		g_assert_true(g_str_has_prefix(err, "weft-rawgen: "));
		if (t->message && !strstr(err, t->message))
			g_error("%s from %u: %s", t->name, from, err);
	}
}

static void test_hold(void)
{
	struct responder *r = responder_new(RESPONDER_GOOD, 0);
	g_autofree char *args =
		g_strdup_printf("--trsvcid %u --subnqn x --hold 7", responder_port(r));
	g_autofree char *out = NULL, *err = NULL;

	g_assert_cmpint(run("weft-rawgen", args, &out, &err), ==, 0);
	/* Seven queues, three granted a controller. */
	g_assert_cmpstr(out, ==, "ready 7 3\n");
	responder_free(r);
}

/* Two reads of 512 bytes as a target sent them: one with the flag, one with a completion. */
static const uint8_t recorded_first[24] = { 7, 0x0c, 24, 24, 0x18, 0x02, 0, 0, 0xff, 0x7f, 0, 0,
					    0, 0,    0,	 0,  0,	   2,	 0, 0, 0,    0,	   0, 0 };
static const uint8_t recorded_second[24] = { 7, 0x04, 24, 24, 0x18, 0x02, 0, 0, 0, 0, 0, 0,
					     0, 0,    0,  0,  0,    2,	  0, 0, 0, 0, 0, 0 };
static const uint8_t recorded_resp[24] = { 5, 0, 24, 0, 24, 0, 0, 0, 0, 0, 0, 0,
					   0, 0, 0,  0, 0,  0, 0, 0, 0, 0, 0, 0 };
#define RECORDED (536 + 536 + 24)

static void recording(uint8_t *buf)
{
	memset(buf, 0x77, RECORDED);
	memcpy(buf, recorded_first, 24);
	memcpy(buf + 536, recorded_second, 24);
	memcpy(buf + 1072, recorded_resp, 24);
}

static void test_recorded(void)
{
	uint8_t buf[RECORDED];
	struct rawgen_slot slot[2];
	struct rawgen_check c = { .size = 512, .slot = slot };

	recording(buf);
	/* The identifiers wrap between the two. However much comes at once, it is the same. */
	for (size_t step = 1; step <= sizeof(buf); step++) {
		size_t at = 0;

		rawgen_check_begin(&c, RAWGEN_CIDS - 1, 2);
		for (size_t have = step; at < sizeof(buf); have += step) {
			ptrdiff_t n = rawgen_check_feed(&c, buf + at, MIN(have, sizeof(buf)) - at);

			g_assert_cmpint(n, >=, 0);
			at += (size_t)n;
		}
		g_assert_cmpuint(c.done, ==, 2);
		g_assert_cmpuint(c.successes, ==, 1);
		/* One has the flag and the other has not: good PDUs that cannot be counted. */
		g_assert_cmpuint(rawgen_check_end(&c), ==, 0);
		g_assert_nonnull(strstr(c.error, "cannot be counted"));
	}
}

/* Every byte of every header counts, but for those that a host does not look at. */
static void test_recorded_flips(void)
{
	uint8_t buf[RECORDED];
	struct rawgen_slot slot[2];
	struct rawgen_check c = { .size = 512, .slot = slot };
	static const size_t header[] = { 0, 536, 1072 };

	for (unsigned h = 0; h < 3; h++) {
		for (unsigned bit = 0; bit < 24 * 8; bit++) {
			unsigned byte = bit / 8;
			bool resp = h == 2;
			/* TTAG and reserved; of a completion: PDO, the value, SQHD, SQID. */
			bool unseen = resp ? byte == 3 || (byte >= 8 && byte < 20)
					   : byte == 10 || byte == 11 || byte >= 20;

			recording(buf);
			buf[header[h] + byte] ^= (uint8_t)(1 << bit % 8);
			rawgen_check_begin(&c, RAWGEN_CIDS - 1, 2);
			ptrdiff_t n = rawgen_check_feed(&c, buf, sizeof(buf));
			bool good = n == (ptrdiff_t)sizeof(buf) && c.done == 2;

			if (unseen != good)
				g_error("header %u, bit %u: %s", h, bit, good ? "unseen" : c.error);
		}
	}
}

static void test_hist(void)
{
	g_autofree struct bench_hist *h = g_new0(struct bench_hist, 1);

	g_assert_cmpuint(bench_hist_quantile(h, 0.5), ==, 0);
	for (uint64_t v = 1; v <= 100000; v++)
		bench_hist_add(h, v);
	for (double q = 0.01; q < 1; q += 0.01) {
		double v = (double)bench_hist_quantile(h, q);

		g_assert_cmpfloat(v, <=, q * 100000 + 1);
		g_assert_cmpfloat(v, >=, q * 100000 * (1 - 1.0 / BENCH_HIST_SUB) - 1);
	}
	bench_hist_add(h, UINT64_MAX);
	g_assert_cmpuint(h->count, ==, 100001);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bench/hist", test_hist);
	g_test_add_func("/bench/check/recorded", test_recorded);
	g_test_add_func("/bench/check/flips", test_recorded_flips);
	g_test_add_func("/bench/options", test_options);
	g_test_add_data_func("/bench/probe/read", "--qd 32", test_probe);
	g_test_add_data_func("/bench/probe/flat", "--flat --region 64k --piece 1000", test_probe);
	g_test_add_data_func("/bench/probe/batch", "--max-batch 3 --region 1M --qd 50", test_probe);
	g_test_add_data_func("/bench/probe/write", "--mode write --refill 4 --quickack",
			     test_probe);
	g_test_add_data_func("/bench/probe/large", "--size 128k --sndbuf 1M --rcvbuf 1M",
			     test_probe);
	g_test_add_data_func("/bench/probe/epoll", "--engine epoll --qd 1", test_probe);
	for (unsigned i = 0; i < G_N_ELEMENTS(good_cases); i++) {
		g_autofree char *path = g_strdup_printf("/bench/rawgen/%s", good_cases[i].name);

		g_test_add_data_func(path, &good_cases[i], test_good);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(fault_cases); i++) {
		g_autofree char *path =
			g_strdup_printf("/bench/rawgen/fault/%s", fault_cases[i].name);

		g_test_add_data_func(path, &fault_cases[i], test_fault);
	}
	g_test_add_func("/bench/rawgen/hold", test_hold);
	return g_test_run();
}
