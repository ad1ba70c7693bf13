/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weftctl top without a terminal: rates between two samples, percentiles, order, what is
 * left out where there is little room, names of any bytes, keys. And the sentences of
 * weftctl watch and what weftctl doctor reads of the kernel.
 */
#include <math.h>
#include <string.h>

#include "tools/weftctl/doctor.h"
#include "tools/weftctl/top.h"
#include "tools/weftctl/watch.h"

static struct top_sample *sample_of(enum top_view_id view, const char *json)
{
	struct jv_doc *doc = jv_parse(json, strlen(json), 0, NULL);
	struct top_sample *s;

	g_assert_nonnull(doc);
	s = top_sample_new(view, jv_root(doc));
	g_assert_nonnull(s);
	jv_doc_unref(doc);
	return s;
}

/* A namespace element of nqn n: so many reads of 1000 bytes, buckets. */
#define NS(n, reads, errors, buckets)                                                              \
	"{\"nqn\":\"" n "\",\"nsid\":1,\"bdev\":\"b" n "\",\"uuid\":\"u\",\"outstanding\":3,"      \
	"\"block_size\":512,\"blocks\":4,\"read\":{\"ops\":" #reads ",\"bytes\":" #reads           \
	"000,\"latency\":{\"sum_ns\":" #reads "00,\"buckets\":[" buckets                           \
	"]}},\"write\":{\"ops\":0,\"bytes\":0},\"errors\":{\"media\":" #errors ",\"path\":1}}"
#define SAMPLE(time, up, elements)                                                                 \
	"{\"time_ns\":" #time ",\"uptime_ns\":" #up                                                \
	",\"reactors\":[{\"reactor\":0,\"busy_ns\":" #time ",\"idle_ns\":" #time                   \
	"}],\"namespaces\":[" elements "]}"

static const struct top_row *find_row(GPtrArray *rows, const char *text)
{
	for (guint i = 0; i < rows->len; i++) {
		const struct top_row *row = rows->pdata[i];

		if (strcmp(row->item->text[0], text) == 0)
			return row;
	}
	g_error("no row %s", text);
}

static double value(const struct top_row *row, enum top_view_id view, const char *title)
{
	return top_value(row, &top_views[view].columns[top_find_column(view, title)]);
}

static const char before_json[] =
	SAMPLE(1000000000, 1000,
	       NS("a", 100, 0, "[4096,100]") "," NS("b", 50, 2, "") "," NS("c", 9, 0, "[5120,9]"));
static const char now_json[] =
	SAMPLE(3000000000, 2000,
	       NS("a", 300, 5, "[4096,280],[8192,18],[null,2]") "," NS("b", 40, 2, "") "," NS(
		       "c", 9, 0, "[5120,9]") "," NS("d", 8, 0, "[10240,8]"));

static void test_rates(void)
{
	struct top_sample *before = sample_of(TOP_NAMESPACES, before_json);
	struct top_sample *now = sample_of(TOP_NAMESPACES, now_json);
	struct top_scope scope = { 0 };
	GPtrArray *rows = top_rows(before, now, &scope, top_views[TOP_NAMESPACES].sort, false);
	const struct top_row *a = find_row(rows, "a"), *b = find_row(rows, "b");
	const struct top_row *c = find_row(rows, "c"), *d = find_row(rows, "d");

	g_assert_cmpuint(rows->len, ==, 4);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "IOPS"), ==, 100);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "READ MB/s"), ==, 0.1);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "WRITE MB/s"), ==, 0);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "ERRORS"), ==, 6);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "DEPTH"), ==, 3);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "SIZE"), ==, 2048);
	/* 200 more commands: 180, 18, 2 */
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "P50"), ==, 4096);
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "P99"), ==, 8192);
	g_assert_true(isinf(value(a, TOP_NAMESPACES, "P99.9")));
	g_assert_cmpfloat(value(a, TOP_NAMESPACES, "AVG"), ==, 100);
	/* it became less: nothing is known of the time between */
	g_assert_true(isnan(value(b, TOP_NAMESPACES, "IOPS")));
	g_assert_cmpfloat(value(b, TOP_NAMESPACES, "ERRORS"), ==, 3);
	/* nothing happened */
	g_assert_cmpfloat(value(c, TOP_NAMESPACES, "IOPS"), ==, 0);
	g_assert_true(isnan(value(c, TOP_NAMESPACES, "P50")));
	g_assert_true(isnan(value(c, TOP_NAMESPACES, "AVG")));
	/* it is new: all of it is since then */
	g_assert_cmpfloat(value(d, TOP_NAMESPACES, "IOPS"), ==, 4);
	g_assert_cmpfloat(value(d, TOP_NAMESPACES, "P50"), ==, 10240);
	g_ptr_array_unref(rows);
	rows = top_rows(NULL, now, &scope, 0, false);
	g_assert_true(isnan(value(rows->pdata[0], TOP_NAMESPACES, "IOPS")));
	g_ptr_array_unref(rows);
	top_sample_free(before);
	top_sample_free(now);
}

/* Another run of the target, another view, the same moment: no rates. */
static void test_comparable(void)
{
	struct top_sample *a = sample_of(TOP_NAMESPACES, SAMPLE(10, 500, ""));
	struct top_sample *later = sample_of(TOP_NAMESPACES, SAMPLE(20, 510, ""));
	struct top_sample *restarted = sample_of(TOP_NAMESPACES, SAMPLE(20, 5, ""));
	struct top_sample *other = sample_of(TOP_BDEVS, SAMPLE(20, 510, ""));

	g_assert_true(top_comparable(a, later));
	g_assert_false(top_comparable(later, a));
	g_assert_false(top_comparable(a, a));
	g_assert_false(top_comparable(a, restarted));
	g_assert_false(top_comparable(a, other));
	g_assert_false(top_comparable(NULL, later));
	top_sample_free(a);
	top_sample_free(later);
	top_sample_free(restarted);
	top_sample_free(other);
}

static char *order_of(const struct top_sample *before, const struct top_sample *now,
		      const char *title, bool reverse, const char *filter)
{
	struct top_scope scope = { .filter = (char *)filter };
	GPtrArray *rows = top_rows(before, now, &scope,
				   (unsigned)top_find_column(TOP_NAMESPACES, title), reverse);
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < rows->len; i++)
		g_string_append(s, ((const struct top_row *)rows->pdata[i])->item->text[0]);
	g_ptr_array_unref(rows);
	return g_string_free(s, FALSE);
}

static void test_order(void)
{
	static const struct {
		const char *title;
		bool reverse;
		const char *filter, *expected;
	} cases[] = {
		{ "IOPS", false, NULL, "adcb" }, /* what is not known is last */
		{ "IOPS", true, NULL, "cdab" },	 /* in either direction */
		{ "p99", false, NULL, "dabc" },	 /* equal ones by name */
		{ "ERRORS", false, NULL, "abcd" },
		{ "SUBSYSTEM", false, NULL, "abcd" },
		{ "SUBSYSTEM", true, NULL, "dcba" },
		{ "BDEV", false, "BC", "c" }, /* bdev bc, in any case */
		{ "BDEV", false, "", "abcd" },
		{ "BDEV", false, "nothing", "" },
	};
	struct top_sample *before = sample_of(TOP_NAMESPACES, before_json);
	struct top_sample *now = sample_of(TOP_NAMESPACES, now_json);

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *order =
			order_of(before, now, cases[i].title, cases[i].reverse, cases[i].filter);

		g_assert_cmpstr(order, ==, cases[i].expected);
	}
	g_assert_cmpint(top_find_column(TOP_NAMESPACES, "BUSY %"), ==, -1);
	top_sample_free(before);
	top_sample_free(now);
}

/* A subsystem has its own counts of commands, and bytes and times of its namespaces. */
static void test_subsystem(void)
{
	static const char json[] =
		"{\"time_ns\":5,\"uptime_ns\":5,\"reactors\":[],\"subsystems\":[{\"nqn\":\"a\","
		"\"namespaces\":2,\"controllers\":7,\"commands\":9000,\"errors\":11}],"
		"\"namespaces\":[" NS("a", 3, 1, "[4096,3]") "," NS("a", 4, 1, "[8192,4]") "," NS(
			"gone", 4, 1, "") "]}";
	struct top_sample *s = sample_of(TOP_SUBSYSTEMS, json);
	const struct top_item *item = s->items->pdata[0];

	g_assert_cmpuint(s->items->len, ==, 1);
	g_assert_cmpuint(item->count[TOP_OPS], ==, 9000);
	g_assert_cmpuint(item->count[TOP_ERRORS], ==, 11);
	g_assert_cmpuint(item->count[TOP_READ_BYTES], ==, 7000);
	g_assert_cmpuint(item->gauge[3], ==, 6);
	g_assert_cmpfloat(top_quantile(item->latency, 1), ==, 4096);
	g_assert_cmpfloat(top_quantile(item->latency, 500), ==, 8192);
	top_sample_free(s);
}

/* What is no answer of metrics_get, or lacks most of it. */
static void test_hostile(void)
{
	static const char *const texts[] = {
		"{\"time_ns\":1,\"namespaces\":{}}",
		"{\"time_ns\":-1,\"uptime_ns\":1e99,\"namespaces\":[1,null,[],{},\"x\"]}",
		"{\"time_ns\":\"x\",\"namespaces\":[{\"nqn\":1,\"read\":[],\"errors\":5}]}",
		"{\"time_ns\":1,\"namespaces\":[{\"read\":{\"latency\":{\"buckets\":[1,[],[1],"
		"[1,-1],[\"x\",\"y\"],[null,1.5],[18446744073709551615,2],[0,1]]}}}]}",
		"{\"time_ns\":1,\"bdevs\":[{\"latency\":null}],\"controllers\":[{}],\"paths\":[{}],"
		"\"subsystems\":[{}],\"reactors\":[{\"pool\":3}]}",
	};
	struct jv_doc *doc = jv_parse("[]", 2, 0, NULL);

	g_assert_null(top_sample_new(TOP_BDEVS, jv_root(doc)));
	jv_doc_unref(doc);
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		for (unsigned view = 0; view < TOP_VIEWS; view++) {
			struct top_sample *s = sample_of(view, texts[i]);
			struct top_scope scope = { .filter = (char *)"x" };
			GPtrArray *rows = top_rows(s, s, &scope, 0, false);

			g_assert_cmpuint(rows->len, <=, s->items->len);
			g_ptr_array_unref(rows);
			top_sample_free(s);
		}
	}
}

/* --- text ------------------------------------------------------------------------------------- */

static void check_text(char *text, const char *expected)
{
	g_assert_cmpstr(text, ==, expected);
	g_free(text);
}

static void test_numbers(void)
{
	check_text(top_format_time(NAN), "-");
	check_text(top_format_time(INFINITY), ">8.6s");
	check_text(top_format_time(0), "0ns");
	check_text(top_format_time(999), "999ns");
	check_text(top_format_time(999.6), "1.00us");
	check_text(top_format_time(4096), "4.10us");
	check_text(top_format_time(99960), "100us");
	check_text(top_format_time(12345678), "12.3ms");
	check_text(top_format_time(8589934592.), "8.59s");
	check_text(top_format_rate(NAN), "-");
	check_text(top_format_rate(0), "0");
	check_text(top_format_rate(0.5), "0.5");
	check_text(top_format_rate(9.96), "10");
	check_text(top_format_rate(99999), "99999");
	check_text(top_format_rate(99999.6), "100k");
	check_text(top_format_rate(1234567), "1.23M");
	check_text(top_format_rate(1e18), "1000000T");
	check_text(top_format_size(0), "0B");
	check_text(top_format_size(1024), "1.0KiB");
	check_text(top_format_size(1023.9), "1.0KiB");
	check_text(top_format_size(64. * 1024 * 1024), "64MiB");
	check_text(top_format_size(18446744073709551615.), "16EiB");
}

static void test_names(void)
{
	check_text(top_fit("nqn.a:cnode1", 12, false), "nqn.a:cnode1");
	check_text(top_fit("nqn.a:cnode1", 8, false), "..cnode1");
	check_text(top_fit("nqn.a:cnode1", 2, false), "..");
	check_text(top_fit("nqn.a:cnode1", 1, false), ".");
	check_text(top_fit("nqn.a:cnode1", 0, false), "");
	check_text(top_fit("", 5, false), "");
	/* nothing moves the cursor, joins, turns the direction or has no width */
	check_text(top_fit("a\033[2J\n\tb\177", 20, false), "a?[2J??b?");
	check_text(top_fit("e\xcc\x81\xe2\x80\xae\xe2\x80\x8b!", 20, false), "e??"
									     "?!");
	check_text(top_fit("\xff\xc3", 20, false), "??");
	/* two columns each */
	check_text(top_fit("\xe6\xbc\xa2\xe5\xad\x97", 4, false), "\xe6\xbc\xa2\xe5\xad\x97");
	check_text(top_fit("\xe6\xbc\xa2\xe5\xad\x97z", 4, false), "..z");
	check_text(top_fit("\xc3\xbcx", 4, true), "?x");
	g_assert_cmpint(top_width("\xe6\xbc\xa2\xc3\xbc\xff"), ==, 4);
}

/* Each size of a screen, each column to sort by: no line is too long, none too many. */
static void check_sizes(struct top *top)
{
	for (int width = 1; width < 240; width += 1 + width / 12) {
		for (int height = 1; height < 16; height++) {
			struct top_page page;

			top_draw(top, width, height, &page);
			g_assert_cmpint((int)page.lines->len, <=, height);
			g_assert_cmpint((int)page.lines->len, >=, 1);
			for (guint i = 0; i < page.lines->len; i++)
				g_assert_cmpint(top_width(page.lines->pdata[i]), <=, width);
			if (height >= 3 && top->rows && top->rows->len && !top->help)
				g_assert_cmpint(page.selected, >=, 0);
			g_ptr_array_unref(page.lines);
		}
	}
}

static struct top_sample *many(guint64 time, guint n)
{
	g_autoptr(GString) json = g_string_new(NULL);

	g_string_printf(json,
			"{\"time_ns\":%" G_GUINT64_FORMAT ",\"uptime_ns\":%" G_GUINT64_FORMAT
			",\"reactors\":[],\"namespaces\":[",
			time, time);
	for (guint i = 0; i < n; i++)
		g_string_append_printf(
			json,
			"%s{\"nqn\":\"nqn.2016-06.io.spdk:%0*u\\u6f22\",\"nsid\":%u,"
			"\"bdev\":\"\\u001b[2J\",\"read\":{\"ops\":%" G_GUINT64_FORMAT "}}",
			i ? "," : "", (int)(i % 200), i, i + 1, time * (i % 7));
	g_string_append(json, "]}");
	return sample_of(TOP_NAMESPACES, json->str);
}

static void test_sizes(void)
{
	struct ctl ctl = { .server = "/run/weft.sock" };
	struct top top;

	top_init(&top, &ctl);
	check_sizes(&top);
	top_go(&top, TOP_NAMESPACES);
	top_take(&top, many(1000000000, 3000));
	top_take(&top, many(2000000000, 3000));
	for (unsigned i = 0; i < top_columns(TOP_NAMESPACES); i++) {
		top_press(&top, '>', 5);
		check_sizes(&top);
	}
	top_press(&top, 'h', 5);
	check_sizes(&top);
	top_press(&top, '/', 5);
	check_sizes(&top);
	top_press(&top, 27, 5);
	top.problem = g_strdup("cannot connect to /run/weft.sock\n: Connection refused");
	check_sizes(&top);
	top_clear(&top);
}

/* The column to sort by and the name stay; the room that is left is for names. */
static void test_layout(void)
{
	struct top_sample *before = many(1000000000, 3), *now = many(2000000000, 3);
	struct top_scope scope = { 0 };
	unsigned size = (unsigned)top_find_column(TOP_NAMESPACES, "SIZE");
	GPtrArray *rows = top_rows(before, now, &scope, size, false);
	struct top_layout layout;

	top_lay_out(&layout, TOP_NAMESPACES, size, rows, 0, 3, 40);
	g_autofree char *narrow = top_line(&layout, TOP_NAMESPACES, NULL, size, false, false);

	g_assert_cmpstr(narrow, ==, "SUBSYSTEM                  NSID    SIZEv");
	top_lay_out(&layout, TOP_NAMESPACES, 3, rows, 0, 3, 300);
	g_autofree char *wide = top_line(&layout, TOP_NAMESPACES, NULL, 3, true, false);

	for (unsigned i = 0; i < top_columns(TOP_NAMESPACES); i++)
		g_assert_nonnull(strstr(wide, top_views[TOP_NAMESPACES].columns[i].title));
	g_assert_nonnull(strstr(wide, "IOPS^"));
	g_ptr_array_unref(rows);
	top_sample_free(before);
	top_sample_free(now);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void check_selected(const struct top *top, const char *nqn)
{
	const struct top_row *row = top->rows->pdata[top->at];

	g_assert_cmpstr(row->item->text[0], ==, nqn);
}

static void test_keys(void)
{
	struct ctl ctl = { .server = "s" };
	struct top top;

	top_init(&top, &ctl);
	top_press(&top, '2', 5);
	g_assert_cmpint(top.view, ==, TOP_NAMESPACES);
	g_assert_true(top.again);
	top_press(&top, 'j', 5); /* nothing is there yet */
	top_take(&top, sample_of(TOP_NAMESPACES, before_json));
	top_take(&top, sample_of(TOP_NAMESPACES, now_json));
	check_selected(&top, "a");
	top_press(&top, TOP_KEY_DOWN, 5);
	check_selected(&top, "d");
	/* the selection stays with its row */
	top_press(&top, 'r', 5);
	check_selected(&top, "d");
	g_assert_cmpuint(top.at, ==, 1);
	top_press(&top, 'r', 5);
	top_press(&top, TOP_KEY_PAGE_DOWN, 50);
	check_selected(&top, "b");
	top_press(&top, 'k', 5);
	check_selected(&top, "c");
	top_press(&top, '/', 5);
	for (const char *c = "bX"; *c; c++)
		top_press(&top, (gunichar)*c, 5);
	g_assert_cmpuint(top.rows->len, ==, 0);
	top_press(&top, '\n', 5); /* ends typing */
	top_press(&top, '\n', 5); /* into nothing */
	g_assert_cmpint(top.view, ==, TOP_NAMESPACES);
	top_press(&top, 27, 5);
	g_assert_cmpuint(top.rows->len, ==, 4);
	/* into the namespace: its bdev, and back */
	top_press(&top, TOP_KEY_HOME, 5);
	top_press(&top, '\n', 5);
	g_assert_cmpint(top.view, ==, TOP_BDEVS);
	g_assert_cmpstr(top.scope.bdev, ==, "ba");
	g_assert_cmpstr(top.scope.nqn, ==, "a");
	top_press(&top, 27, 5);
	g_assert_cmpint(top.view, ==, TOP_NAMESPACES);
	g_assert_null(top.scope.bdev);
	g_assert_null(top.scope.nqn);
	g_assert_nonnull(top.selected);
	top_press(&top, 27, 5); /* nowhere to go back to */
	top_press(&top, TOP_KEY_BACKTAB, 5);
	g_assert_cmpint(top.view, ==, TOP_SUBSYSTEMS);
	top_press(&top, TOP_KEY_BACKTAB, 5);
	g_assert_cmpint(top.view, ==, TOP_REACTORS);
	top_press(&top, '\t', 5);
	g_assert_cmpint(top.view, ==, TOP_SUBSYSTEMS);
	g_assert_false(top.quit);
	top_press(&top, 'q', 5);
	g_assert_true(top.quit);
	top_clear(&top);
}

static void type_interval(struct top *top, const char *text)
{
	top_press(top, 'd', 5);
	for (; *text; text++)
		top_press(top, (gunichar)*text, 5);
	top_press(top, '\r', 5);
}

static void test_interval(void)
{
	struct ctl ctl = { .server = "s" };
	struct top top;

	top_init(&top, &ctl);
	type_interval(&top, "2.5");
	g_assert_cmpfloat(top.interval, ==, 2.5);
	type_interval(&top, "q"); /* no number */
	g_assert_cmpfloat(top.interval, ==, 2.5);
	g_assert_false(top.quit);
	type_interval(&top, "0");
	g_assert_cmpfloat(top.interval, ==, 0.1);
	type_interval(&top, "nan");
	g_assert_cmpfloat(top.interval, ==, 0.1);
	type_interval(&top, "1e9");
	g_assert_cmpfloat(top.interval, ==, 3600);
	top_press(&top, 'd', 5);
	top_press(&top, TOP_KEY_BACK, 5); /* of nothing */
	top_press(&top, '7', 5);
	top_press(&top, 27, 5);
	g_assert_cmpfloat(top.interval, ==, 3600);
	top_clear(&top);
}

static void test_params(void)
{
	check_text(top_params(TOP_SUBSYSTEMS, NULL),
		   "{\"sections\": [\"reactors\", \"subsystems\", \"namespaces\"]}");
	check_text(top_params(TOP_HOSTS, "a\"b"),
		   "{\"sections\": [\"reactors\", \"controllers\"], \"nqn\": \"a\\\"b\"}");
	check_text(top_params(TOP_REACTORS, NULL),
		   "{\"sections\": [\"reactors\"], \"histograms\": false}");
}

/* --- watch, doctor ------------------------------------------------------------------------------
 */

static void test_sentences(void)
{
	static const char *const cases[][3] = {
		{ "bdev_register", "a b", "bdev a b was made" },
		{ "nvmf_subsystem_add", "nqn.x", "subsystem nqn.x was made" },
		{ "nvmf_ns_add", "nqn.x nsid=1 bdev=my disk",
		  "namespace 1 (bdev my disk) was added to nqn.x" },
		{ "nvmf_ns_add", "nqn.x tgt=t2 nsid=1 bdev=M host=1",
		  "namespace 1 (bdev M host=1) was added to nqn.x (target t2)" },
		{ "nvmf_listener_remove", "nqn.x trtype=TCP traddr=::1 trsvcid=4420",
		  "nqn.x is no longer offered at TCP ::1 port 4420" },
		{ "nvmf_host_add", "nqn.x host=*", "host with any name may connect to nqn.x" },
		{ "nvmf_ctrlr_connect", "nqn.x cntlid=3 host=a cntlid=9",
		  "host a cntlid=9 connected to nqn.x (controller 3)" },
		{ "nvmf_ns_write_protect", "nqn.x nsid=2 on=1",
		  "the write protection of namespace 2 of nqn.x is now on" },
		{ "nvmf_ns_write_protect", "nqn.x nsid=2 on=0",
		  "the write protection of namespace 2 of nqn.x is now off" },
		{ "nvmf_ana_change", "nqn.x nsid=2 group=3",
		  "namespace 2 of nqn.x is now in ANA group 3" },
		{ "nvmf_ana_change", "nqn.x traddr=h trsvcid=1 group=3 state=optimized",
		  "group 3 of nqn.x is now optimized at h port 1" },
		{ "nvmf_ns_add", "", "namespace ? (bdev ?) was added to " },
		{ "of_tomorrow", "x=1", "of_tomorrow: x=1" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
		check_text(watch_sentence(cases[i][0], cases[i][1]), cases[i][2]);
}

static void test_kernel(void)
{
	static const char mounts[] = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				     "23 22 8:17 / /srv/a\\040b rw - xfs /dev/sdb1 rw\n\nx\n";
	static const char limits[] = "Limit  Soft Limit  Hard Limit  Units\n"
				     "Max open files            1024     524288    files\n"
				     "Max locked memory         unlimited  unlimited  bytes\n";
	guint64 n = 0;

	check_text(doctor_mounted(mounts, 8, 17), "/srv/a\\040b");
	check_text(doctor_mounted(mounts, 8, 1), "/");
	g_assert_null(doctor_mounted(mounts, 8, 2));
	g_assert_null(doctor_mounted("", 8, 1));
	g_assert_true(doctor_limit(limits, "Max open files", &n));
	g_assert_cmpuint(n, ==, 1024);
	g_assert_true(doctor_limit(limits, "Max locked memory", &n));
	g_assert_cmpuint(n, ==, G_MAXUINT64);
	g_assert_false(doctor_limit(limits, "Max nice", &n));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/top/rates", test_rates);
	g_test_add_func("/top/comparable", test_comparable);
	g_test_add_func("/top/order", test_order);
	g_test_add_func("/top/subsystem", test_subsystem);
	g_test_add_func("/top/hostile", test_hostile);
	g_test_add_func("/top/numbers", test_numbers);
	g_test_add_func("/top/names", test_names);
	g_test_add_func("/top/sizes", test_sizes);
	g_test_add_func("/top/layout", test_layout);
	g_test_add_func("/top/keys", test_keys);
	g_test_add_func("/top/interval", test_interval);
	g_test_add_func("/top/params", test_params);
	g_test_add_func("/watch/sentences", test_sentences);
	g_test_add_func("/doctor/kernel", test_kernel);
	return g_test_run();
}
