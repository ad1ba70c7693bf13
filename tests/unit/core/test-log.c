/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines: format, levels, rate limit, and text from a peer that tries to forge one. */
#include <string.h>

#include "tests/unit/core/fake-hw.h"

#define STAMP "2026-01-02T03:04:05.678901Z "

static const char *last(struct fake_hw *fake)
{
	return fake->lines->len > 0 ? fake->lines->pdata[fake->lines->len - 1] : "";
}

static void test_format(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_INFO);

	log_warn(log, "nvmf.tcp", "digest error", "peer=%s qid=%d", "192.0.2.1:4420", 3);
	g_assert_cmpstr(last(fake), ==,
			STAMP "WARN nvmf.tcp \"digest error\" peer=192.0.2.1:4420 qid=3");
	log_error(log, "a", "b", "%s", "");
	g_assert_cmpstr(last(fake), ==, STAMP "ERROR a \"b\" ");
	log_info(log, "core", "started", "n=%d", 1);
	g_assert_cmpstr(last(fake), ==, STAMP "INFO core \"started\" n=1");
	log_notice(log, "a", "x", "v=%s", "one\ntwo\033[2J");
	g_assert_cmpstr(last(fake), ==, STAMP "NOTICE a \"x\" v=one?two?[2J");
	fake->wall = 951827696000001000; /* a leap day */
	log_write(log, LOG_ERROR, "a", "c", "%s", "d");
	g_assert_cmpstr(last(fake), ==, "2000-02-29T12:34:56.000001Z ERROR a \"c\" d");
	log_free(log);
	log_free(NULL);
	fake_hw_free(fake);
}

static void test_levels(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_WARN);
	enum log_level level;

	log_notice(log, "a", "b", "x=%d", 1);
	g_assert_cmpuint(fake->lines->len, ==, 0);
	log_set_level(log, LOG_DEBUG);
	g_assert_cmpint(log_get_level(log), ==, LOG_DEBUG);
	log_debug(log, "a", "b", "x=%d", 1);
	g_assert_cmpuint(fake->lines->len, ==, 1);
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		g_assert_true(log_level_parse(log_level_name((enum log_level)i), &level));
		g_assert_cmpint(level, ==, i);
	}
	g_assert_true(log_level_parse("warning", &level));
	g_assert_false(log_level_parse("", &level));
	g_assert_false(log_level_parse("LOUD", &level));
	g_assert_cmpstr(log_level_name((enum log_level)17), ==, "UNKNOWN");
	log_free(log);
	fake_hw_free(fake);
}

/* Either general level lets a line through; a component's own counts instead of both. */
static void test_two_levels(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_WARN);

	g_assert_cmpint(log_get_print_level(log), ==, LOG_WARN);
	log_set_print_level(log, LOG_INFO);
	g_assert_cmpint(log_get_print_level(log), ==, LOG_INFO);
	g_assert_cmpint(log_get_level(log), ==, LOG_WARN);
	log_info(log, "rpc", "printed", "%s", "");
	log_debug(log, "rpc", "neither", "%s", "");
	g_assert_cmpuint(fake->lines->len, ==, 1);
	log_set_level(log, LOG_DEBUG);
	log_set_print_level(log, LOG_ERROR);
	log_debug(log, "rpc", "logged", "%s", "");
	g_assert_cmpuint(fake->lines->len, ==, 2);
	log_set_level(log, LOG_ERROR);
	log_warn(log, "rpc", "neither", "%s", "");
	g_assert_cmpuint(fake->lines->len, ==, 2);
	log_free(log);
	fake_hw_free(fake);
}

static void test_components(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_NOTICE);
	int tcp = log_component_find("nvmf.tcp");

	for (unsigned i = 0; log_components[i]; i++) {
		g_assert_cmpint(log_component_find(log_components[i]), ==, i);
		g_assert_cmpint(log_get_component_level(log, i), ==, LOG_GENERAL);
	}
	g_assert_cmpint(tcp, >=, 0);
	g_assert_cmpint(log_component_find("nvmf_tcp"), ==, tcp);
	g_assert_cmpint(log_component_find("nvmf.tc"), ==, -1);
	g_assert_cmpint(log_component_find("nvmf-tcp"), ==, -1);
	g_assert_cmpint(log_component_find(""), ==, -1);

	log_set_component_level(log, (unsigned)tcp, LOG_DEBUG);
	log_debug(log, "nvmf.tcp", "a", "%s", "");
	log_debug(log, "nvmf", "a", "%s", "");
	log_debug(log, "of a test", "a", "%s", "");
	g_assert_cmpstr(last(fake), ==, STAMP "DEBUG nvmf.tcp \"a\" ");
	g_assert_cmpuint(fake->lines->len, ==, 1);
	log_set_component_level(log, (unsigned)tcp, LOG_ERROR);
	log_warn(log, "nvmf.tcp", "b", "%s", "");
	g_assert_cmpuint(fake->lines->len, ==, 1);
	log_set_component_level(log, (unsigned)tcp, LOG_GENERAL);
	log_warn(log, "nvmf.tcp", "b", "%s", "");
	log_info(log, "nvmf.tcp", "b", "%s", "");
	g_assert_cmpuint(fake->lines->len, ==, 2);
	log_free(log);
	fake_hw_free(fake);
}

static void test_timestamps(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_NOTICE);

	log_set_timestamps(log, false);
	log_warn(log, "a", "b", "x=%d", 1);
	g_assert_cmpstr(last(fake), ==, "WARN a \"b\" x=1");
	log_set_timestamps(log, true);
	log_warn(log, "a", "b", "x=%d", 1);
	g_assert_cmpstr(last(fake), ==, STAMP "WARN a \"b\" x=1");
	log_free(log);
	fake_hw_free(fake);
}

static void test_long_line(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_INFO);
	g_autofree char *text = g_strnfill(5000, 'x');

	log_info(log, "a", "b", "x=%s", text);
	g_assert_cmpuint(strlen(last(fake)), ==, 1023);
	log_info(log, text, text, "x=%s", text);
	g_assert_cmpuint(strlen(last(fake)), ==, 1023);
	log_free(log);
	fake_hw_free(fake);
}

static void test_rate(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_INFO);
	/* the same content at another address is the same event */
	g_autofree char *copy = g_strdup("flood");

	for (unsigned i = 0; i < 100; i++)
		log_warn(log, "a", i % 2 ? "flood" : copy, "i=%u", i);
	g_assert_cmpuint(fake->lines->len, ==, 20);
	log_warn(log, "a", "other", "x=%d", 1);
	log_warn(log, "b", "flood", "x=%d", 1);
	g_assert_cmpuint(fake->lines->len, ==, 22);
	fake->now += 199999999;
	log_warn(log, "a", "flood", "x=%d", 1);
	g_assert_cmpuint(fake->lines->len, ==, 22);
	fake->now += 1;
	log_warn(log, "a", "flood", "x=%d", 2);
	g_assert_cmpstr(last(fake), ==, STAMP "WARN a \"flood\" suppressed=81 x=2");
	log_warn(log, "a", "flood", "x=%d", 3);
	g_assert_cmpuint(fake->lines->len, ==, 23);
	/* after a long silence: a whole burst, not more */
	fake->now += 3600 * 1000000000ull;
	for (unsigned i = 0; i < 100; i++)
		log_warn(log, "a", "flood", "i=%u", i);
	g_assert_cmpuint(fake->lines->len, ==, 43);
	/* what is held back at the end is reported then */
	log_free(log);
	g_assert_cmpstr(last(fake), ==, STAMP "NOTICE a \"flood\" suppressed=80");
	fake_hw_free(fake);
}

/* More events than the table holds: nothing held back goes unreported. */
static void test_many_events(void)
{
	enum { EVENTS = 2000, LINES = 25 };
	struct fake_hw *fake = fake_hw_new();
	struct log *log = log_new(&fake->hw, LOG_INFO);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	uint64_t written = 0, suppressed = 0;

	for (unsigned e = 0; e < EVENTS; e++) {
		g_ptr_array_add(names, g_strdup_printf("event %u", e));
		for (unsigned i = 0; i < LINES; i++)
			log_info(log, "c", names->pdata[e], "i=%u", i);
	}
	log_free(log);
	for (unsigned i = 0; i < fake->lines->len; i++) {
		const char *s = strstr(fake->lines->pdata[i], " suppressed=");

		if (s != NULL)
			suppressed += g_ascii_strtoull(s + 12, NULL, 10);
		written += strstr(fake->lines->pdata[i], " i=") != NULL;
	}
	g_assert_cmpuint(written, ==, EVENTS * 20);
	g_assert_cmpuint(written + suppressed, ==, EVENTS * LINES);
	fake_hw_free(fake);
}

static void test_quote(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain text", "\"plain text\"" },
		{ "", "\"\"" },
		{ NULL, "\"\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "l1\nl2\r\tx", "\"l1\\nl2\\r\\tx\"" },
		{ "\x01\x7f\033[31m", "\"\\x01\\x7f\\x1b[31m\"" },
		{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
		/* invalid UTF-8: lone continuation, overlong slash, surrogate, cut off */
		{ "\x80", "\"\\x80\"" },
		{ "\xc0\xaf", "\"\\xc0\\xaf\"" },
		{ "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"" },
		{ "ok\xe2\x82", "\"ok\\xe2\\x82\"" },
		/* valid, but a control character, and a change of direction */
		{ "\xc2\x9b", "\"\\xc2\\x9b\"" },
		{ "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"" },
	};
	char buf[128];

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpstr(log_quote(cases[i].in, buf, sizeof(buf)), ==, cases[i].out);
}

/* However short the room: ended, quoted, no escape cut in two, nothing behind it touched. */
static void test_quote_room(void)
{
	const char *in = "a\"\xc3\xbc\x01z";
	char full[64], buf[64];

	log_quote(in, full, sizeof(full));
	for (size_t len = 0; len < sizeof(buf); len++) {
		memset(buf, '#', sizeof(buf));
		g_assert_true(log_quote(in, buf, len) == buf);
		for (size_t i = len; i < sizeof(buf); i++)
			g_assert_cmpint(buf[i], ==, '#');
		if (len == 0)
			continue;
		g_assert_cmpuint(strnlen(buf, len), <, len);
		if (len < 3)
			continue;
		size_t n = strlen(buf);
		g_assert_true(buf[0] == '"' && buf[n - 1] == '"');
		g_assert_true(n == 2 || strncmp(buf, full, n - 1) == 0);
		g_assert_true(g_utf8_validate(buf, -1, NULL));
		g_assert_cmpint(buf[n - 2], !=, '\\');
	}
	g_assert_cmpuint(strlen(full), ==, 2 + 1 + 2 + 2 + 4 + 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/format", test_format);
	g_test_add_func("/log/levels", test_levels);
	g_test_add_func("/log/two-levels", test_two_levels);
	g_test_add_func("/log/components", test_components);
	g_test_add_func("/log/timestamps", test_timestamps);
	g_test_add_func("/log/long-line", test_long_line);
	g_test_add_func("/log/rate", test_rate);
	g_test_add_func("/log/many-events", test_many_events);
	g_test_add_func("/log/quote", test_quote);
	g_test_add_func("/log/quote-room", test_quote_room);
	return g_test_run();
}
