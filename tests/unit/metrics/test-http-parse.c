/* SPDX-License-Identifier: BSD-3-Clause */
/* The request parser: what is good, what is not, and how it says so. */
#include <glib.h>
#include <string.h>

#include "target/metrics/http-parse.h"

struct expected {
	const char *text;
	unsigned status;
	bool keep, head;
};

static const struct expected cases[] = {
	{ "GET /metrics HTTP/1.1\r\n\r\n", 0, true, false },
	{ "GET /metrics HTTP/1.1\n\n", 0, true, false },
	{ "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", 0, true, false },
	{ "HEAD /metrics HTTP/1.1\r\n\r\n", 0, true, true },
	{ "GET / HTTP/1.1\r\n\r\n", 0, true, false },
	{ "GET /metrics HTTP/1.0\r\n\r\n", 0, false, false },
	{ "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n", 0, false, false },
	{ "GET /metrics HTTP/1.1\r\nconnection: x , CLOSE\r\n\r\n", 0, false, false },
	{ "GET /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 0, true, false },
	{ "GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 400, false, false },
	{ "GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501, false, false },
	{ "GET /other HTTP/1.1\r\n\r\n", 404, true, false },
	{ "GET /metrics/ HTTP/1.1\r\n\r\n", 404, true, false },
	{ "GET http://a/metrics HTTP/1.1\r\n\r\n", 404, true, false },
	{ "POST /metrics HTTP/1.1\r\n\r\n", 405, true, false },
	{ "get /metrics HTTP/1.1\r\n\r\n", 405, true, false },
	{ "GET /metrics HTTP/2.0\r\n\r\n", 505, false, false },
	{ "GET /metrics\r\n\r\n", 400, false, false },
	{ "GET  /metrics HTTP/1.1\r\n\r\n", 400, false, false },
	{ "GET /metrics HTTP/1.1 \r\n\r\n", 400, false, false },
	{ "GET /metrics HTTP/1.10\r\n\r\n", 400, false, false },
	{ "\r\n", 400, false, false },
	{ "GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n", 400, false, false },
	{ "GET /metrics HTTP/1.1\r\n folded\r\n\r\n", 400, false, false },
	{ "GET /metrics HTTP/1.1\r\nnothing\r\n\r\n", 400, false, false },
	{ "GET /metrics HTTP/1.1\r\nA: b\rc\r\n\r\n", 400, false, false },
};

static void test_cases(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct expected *c = &cases[i];
		struct http_request r;
		size_t used = http_parse(c->text, strlen(c->text), &r);

		g_test_message("%s", c->text);
		g_assert_cmpuint(r.status, ==, c->status);
		g_assert_true(r.keep == c->keep);
		g_assert_true(r.head == c->head);
		g_assert_cmpuint(used, ==,
				 strlen(c->text) - (strchr(c->text, 'x') && c->status == 400 &&
						    g_str_has_suffix(c->text, "\nx")));
	}
}

/* Every beginning is none yet; what follows is left. */
static void test_pieces(void)
{
	static const char text[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /";
	size_t whole = sizeof(text) - 1 - strlen("GET /");
	struct http_request r;

	for (size_t n = 0; n < whole; n++) {
		g_assert_cmpuint(http_parse(text, n, &r), ==, 0);
		g_assert_cmpuint(r.status, ==, 0);
	}
	g_assert_cmpuint(http_parse(text, sizeof(text) - 1, &r), ==, whole);
	g_assert_cmpuint(r.status, ==, 0);
}

static void test_too_long(void)
{
	g_autofree char *text = g_malloc(HTTP_HEAD_MAX);
	struct http_request r;

	memset(text, 'a', HTTP_HEAD_MAX);
	g_assert_cmpuint(http_parse(text, HTTP_HEAD_MAX - 1, &r), ==, 0);
	g_assert_cmpuint(r.status, ==, 0);
	g_assert_cmpuint(http_parse(text, HTTP_HEAD_MAX, &r), ==, 0);
	g_assert_cmpuint(r.status, ==, 431);
}

static void test_zero(void)
{
	static const char in_name[] = "GET /metrics HTTP/1.1\r\nA\0: b\r\n\r\n";
	static const char in_line[] = "GET /metrics\0 HTTP/1.1\r\n\r\n";
	struct http_request r;

	http_parse(in_name, sizeof(in_name) - 1, &r);
	g_assert_cmpuint(r.status, ==, 400);
	http_parse(in_line, sizeof(in_line) - 1, &r);
	g_assert_cmpuint(r.status, ==, 400);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/metrics/http-parse/cases", test_cases);
	g_test_add_func("/metrics/http-parse/pieces", test_pieces);
	g_test_add_func("/metrics/http-parse/too-long", test_too_long);
	g_test_add_func("/metrics/http-parse/zero", test_zero);
	return g_test_run();
}
