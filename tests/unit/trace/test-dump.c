/* SPDX-License-Identifier: BSD-3-Clause */
/* weft-trace: records in all forms of a dump, hostile lines, and the two ends of requests. */
#include <string.h>

#include "target/core/error.h"
#include "target/core/trace.h"
#include "target/rpc/json.h"
#include "tools/weft-trace/weft-trace.h"

static bool parse(struct record *rec, const char *line)
{
	return record_parse(rec, line, strlen(line));
}

/* Whatever trace_format() writes is understood. */
static void test_of_core(void)
{
	for (unsigned event = 1; event < TRACE_EVENT_COUNT + 2; event++) {
		struct trace_record in = { .time = UINT64_MAX - event,
					   .event = (uint16_t)event,
					   .reactor = UINT16_MAX,
					   .seq = UINT32_MAX,
					   .a = UINT64_MAX,
					   .b = event };
		struct record rec;
		char line[256];

		g_assert_cmpint(trace_format(&in, line, sizeof(line)), <, (int)sizeof(line));
		g_assert_true(parse(&rec, line));
		g_assert_cmpuint(rec.time, ==, in.time);
		g_assert_cmpuint(rec.reactor, ==, UINT16_MAX);
		g_assert_cmpuint(rec.seq, ==, UINT32_MAX);
		g_assert_cmpuint(rec.nfields, ==, 2);
		g_assert_cmpuint(rec.fields[0].value, ==, UINT64_MAX);
		g_assert_cmpuint(rec.fields[1].value, ==, event);
		g_assert_true(g_str_has_prefix(rec.name, event < TRACE_EVENT_COUNT
								 ? trace_event_name((uint16_t)event)
								 : "unknown-"));
	}
}

static void test_lines(void)
{
	static const char *const good[] = {
		"1.000000002 r3 #4 a.b",
		"Nov 21 09:00:00 host weftd[12]: 1.000000002 r3 #4 a.b",
		"1.5 1.000000002 r3 #4 a.b",
	};
	static const char *const bad[] = {
		"",
		" ",
		"weftd: crashed; the last events of each reactor:",
		"1.00000002 r3 #4 a.b",
		"1.0000000002 r3 #4 a.b",
		"1.000000002  r3 #4 a.b",
		"1.000000002 r65536 #4 a.b",
		"1.000000002 r3 #4294967296 a.b",
		"18446744074.000000002 r3 #4 a.b",
		"1.000000002 r3 #4 ",
		"1.000000002 r3 #4 a\"b",
		"1.000000002 r3 #4 a.b x",
		"1.000000002 r3 #4 a.b x=1",
		"1.000000002 r3 #4 a.b x=0x",
		"1.000000002 r3 #4 a.b x=0x10000000000000000",
		"1.000000002 r3 #4 a.b x=0x1 y=0x2 z=0x3",
		"1.000000002 r3 #4 a.b x=0x1 ",
		"1.000000002 r3 #4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct record rec;

	for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
		g_assert_true(parse(&rec, good[i]));
		g_assert_cmpuint(rec.time, ==, 1000000002);
		g_assert_cmpuint(rec.reactor, ==, 3);
		g_assert_cmpuint(rec.seq, ==, 4);
		g_assert_cmpstr(rec.name, ==, "a.b");
		g_assert_cmpuint(rec.nfields, ==, 0);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
		if (parse(&rec, bad[i]))
			g_error("understood: %s", bad[i]);
	g_assert_false(record_parse(&rec, "1.000000002 r3 #4 a\0b", 21));
}

static void check_skipped(const char *text, unsigned records, unsigned skipped)
{
	g_autoptr(GError) error = NULL;
	struct dump *dump = dump_parse(text, strlen(text), &error);

	g_assert_no_error(error);
	g_assert_cmpuint(dump->records->len, ==, records);
	g_assert_cmpuint(dump->skipped, ==, skipped);
	dump_free(dump);
}

static void test_forms(void)
{
	static const char *const bad[] = {
		"",
		"\n\n",
		"hello",
		"[",
		"[1]",
		"[]",
		"{}",
		"{\"result\":3}",
		"{\"result\":[]}",
		"{\"error\":{\"code\":-32601}}",
		"[\"hello\"]",
	};

	check_skipped("1.000000002 r3 #4 a.b", 1, 0);
	check_skipped("first\r\n1.000000002 r3 #4 a.b\r\n\r\n1.000000003 r3 #5 a.b\r\n", 2, 1);
	check_skipped(" [\"1.000000002 r3 #4 a.b\", 7, \"x\"]", 1, 2);
	check_skipped("{\"id\":1,\"result\":[\"1.000000002 r3 #4 a.b\"]}\n", 1, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(dump_parse(bad[i], strlen(bad[i]), &error));
		g_assert_nonnull(error);
		g_assert_nonnull(weft_error_detail(error));
	}
}

/*
 * Two reactors with the same number, one that comes again, one without its start, one
 * without its end; the records of each reactor after the other, as after a crash.
 */
#define REQUESTS                                                                                   \
	"1.000001000 r0 #4294967295 req.start cntlid_qid_cid=0x100010005 opcode=0x2\n"             \
	"1.000001000 r0 #0 tcp.close conn=0x1 reason=0x0\n"                                        \
	"1.000003500 r0 #1 req.done cntlid_qid_cid=0x100010005 status=0x0\n"                       \
	"1.000004000 r0 #2 req.start cntlid_qid_cid=0x100010005 opcode=0x1\n"                      \
	"1.000005000 r0 #3 req.done cntlid_qid_cid=0x100010005 status=0x281\n"                     \
	"1.000006000 r0 #4 req.start cntlid_qid_cid=0x100000001 opcode=0xc\n"                      \
	"1.000000500 r1 #0 req.done cntlid_qid_cid=0x200010009 status=0x0\n"                       \
	"1.000002000 r1 #1 req.start cntlid_qid_cid=0x100010005 opcode=0x6\n"                      \
	"1.000002001 r1 #2 req.done cntlid_qid_cid=0x100010005 status=0x0\n"

static struct dump *requests(void)
{
	g_autoptr(GError) error = NULL;
	struct dump *dump = dump_parse(REQUESTS, strlen(REQUESTS), &error);

	g_assert_no_error(error);
	return dump;
}

static void test_text(void)
{
	struct dump *dump = requests();
	g_autoptr(GString) out = g_string_new(NULL);

	dump_text(dump, out);
	g_assert_cmpstr(
		out->str, ==,
		"1.000000500 r1 req.done cntlid_qid_cid=0x200010009 status=0x0\n"
		"1.000001000 r0 req.start cntlid_qid_cid=0x100010005 opcode=0x2 (read)\n"
		"1.000001000 r0 tcp.close conn=0x1 reason=0x0\n"
		"1.000002000 r1 req.start cntlid_qid_cid=0x100010005 opcode=0x6 (io)\n"
		"1.000002001 r1 req.done cntlid_qid_cid=0x100010005 status=0x0 (io, 0.001 us)\n"
		"1.000003500 r0 req.done cntlid_qid_cid=0x100010005 status=0x0 (read, 2.500 us)\n"
		"1.000004000 r0 req.start cntlid_qid_cid=0x100010005 opcode=0x1 (write)\n"
		"1.000005000 r0 req.done cntlid_qid_cid=0x100010005 status=0x281 (write, 1.000 "
		"us)\n"
		"1.000006000 r0 req.start cntlid_qid_cid=0x100000001 opcode=0xc "
		"(async_event_request)\n");
	dump_free(dump);
}

static const char *text_of(const struct jv *event, const char *key)
{
	const struct jv *v = jv_member(event, key);

	return v ? v->str : NULL;
}

/* Every begin has one end, of the same name and number on the same track; the rest are points. */
static void test_chrome(void)
{
	struct dump *dump = requests();
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GHashTable) open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	unsigned begins = 0, ends = 0, points = 0, names = 0;
	struct jv_doc *doc;

	dump_chrome(dump, out);
	doc = jv_parse(out->str, out->len, 0, NULL);
	g_assert_nonnull(doc);
	for (const struct jv *v = jv_member(jv_root(doc), "traceEvents")->first; v; v = v->next) {
		const char *phase = text_of(v, "ph");
		g_autofree char *key =
			g_strdup_printf("%s %s", text_of(v, "id"), text_of(v, "name"));

		if (strcmp(phase, "b") == 0) {
			begins++;
			g_assert_true(g_hash_table_add(open, g_steal_pointer(&key)));
		} else if (strcmp(phase, "e") == 0) {
			ends++;
			g_assert_true(g_hash_table_remove(open, key));
		} else {
			points += strcmp(phase, "i") == 0;
			names += strcmp(phase, "M") == 0;
		}
	}
	g_assert_cmpuint(g_hash_table_size(open), ==, 0);
	g_assert_cmpuint(begins, ==, 3);
	g_assert_cmpuint(ends, ==, 3);
	g_assert_cmpuint(points, ==, 3);
	g_assert_cmpuint(names, ==, 3);
	g_assert_nonnull(strstr(out->str,
				"{\"name\":\"read\",\"ph\":\"e\",\"pid\":1,\"tid\":0,\"ts\":"
				"1000003.500,\"cat\":\"request\",\"id\":\"0x2\","));
	jv_doc_unref(doc);
	dump_free(dump);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/dump/of-core", test_of_core);
	g_test_add_func("/dump/lines", test_lines);
	g_test_add_func("/dump/forms", test_forms);
	g_test_add_func("/dump/text", test_text);
	g_test_add_func("/dump/chrome", test_chrome);
	return g_test_run();
}
