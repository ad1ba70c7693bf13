/* SPDX-License-Identifier: BSD-3-Clause */
/* See http-parse.h. Every byte is a peer's: nothing is copied, nothing trusted. */
#include "target/metrics/http-parse.h"

#include <glib.h>
#include <string.h>

/* A piece of the request. */
struct span {
	const char *at;
	size_t len;
};

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool is_nocase(struct span s, const char *text)
{
	return s.len == strlen(text) && g_ascii_strncasecmp(s.at, text, s.len) == 0;
}

/* The line at *rest without its end (CRLF, or LF alone), which is taken off. False: no end. */
static bool next_line(struct span *rest, struct span *line)
{
	const char *lf = memchr(rest->at, '\n', rest->len);

	if (!lf)
		return false;
	*line = (struct span){ rest->at, (size_t)(lf - rest->at) };
	rest->len -= line->len + 1;
	rest->at = lf + 1;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* Up to c, which is taken off too; all of it when there is none. */
static struct span until(struct span *rest, char c)
{
	const char *end = memchr(rest->at, c, rest->len);
	struct span s = { rest->at, end ? (size_t)(end - rest->at) : rest->len };

	rest->at += s.len + (end ? 1 : 0);
	rest->len -= s.len + (end ? 1 : 0);
	return s;
}

static struct span trim(struct span s)
{
	while (s.len > 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!g_ascii_isalnum(s.at[i]) && !strchr("!#$%&'*+-.^_`|~", s.at[i]))
			return false;
	return s.len > 0 && !memchr(s.at, '\0', s.len);
}

static bool is_visible(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] == 0x7f)
			return false;
	return s.len > 0;
}

static unsigned check_target(struct span target, struct http_request *r)
{
	struct span path = until(&target, '?');

	r->index = is(path, "/");
	return r->index || is(path, "/metrics") ? 0 : 404;
}

/* "GET /metrics HTTP/1.1" */
static unsigned request_line(struct span line, struct http_request *r)
{
	struct span method = until(&line, ' ');
	struct span target = until(&line, ' ');
	bool minor;

	if (!is_token(method) || !is_visible(target) || line.len != 8 ||
	    memcmp(line.at, "HTTP/", 5) != 0 || !g_ascii_isdigit(line.at[5]) || line.at[6] != '.' ||
	    !g_ascii_isdigit(line.at[7]))
		return 400;
	if (line.at[5] != '1')
		return 505;
	minor = line.at[7] != '0';
	r->keep = minor;
	r->head = is(method, "HEAD");
	if (!r->head && !is(method, "GET"))
		return 405;
	return check_target(target, r);
}

/* A body would be the next request to who does not read it: the connection ends. */
static unsigned header(struct span line, struct http_request *r)
{
	struct span name = until(&line, ':');
	struct span value = trim(line);

	if (!is_token(name) || name.at + name.len == line.at)
		return 400; /* no colon, or white space before it; folded lines are obsolete */
	if (memchr(value.at, '\0', value.len) || memchr(value.at, '\r', value.len))
		return 400;
	if (is_nocase(name, "transfer-encoding"))
		return 501;
	if (is_nocase(name, "content-length") && !is(value, "0"))
		return 400;
	while (is_nocase(name, "connection") && value.len > 0)
		if (is_nocase(trim(until(&value, ',')), "close"))
			r->keep = false;
	return 0;
}

static unsigned parse_head(struct span head, struct http_request *r)
{
	struct span line;
	unsigned status;

	next_line(&head, &line);
	status = request_line(line, r);
	while (status != 400 && next_line(&head, &line) && line.len > 0) {
		unsigned bad = header(line, r);

		if (bad != 0)
			status = bad;
	}
	return status;
}

/* Length of the head with its empty line; 0: there is none yet. */
static size_t head_length(const char *data, size_t len)
{
	struct span rest = { data, len }, line;

	while (next_line(&rest, &line))
		if (line.len == 0)
			return len - rest.len;
	return 0;
}

size_t http_parse(const char *data, size_t len, struct http_request *r)
{
	size_t head = head_length(data, MIN(len, HTTP_HEAD_MAX));

	*r = (struct http_request){ 0 };
	if (head == 0) {
		r->status = len >= HTTP_HEAD_MAX ? 431 : 0;
		return 0;
	}
	r->status = parse_head((struct span){ data, head }, r);
	/* Who is wrong about one request may be wrong about where the next one begins. */
	if (r->status != 0 && r->status != 404 && r->status != 405)
		r->keep = false;
	return head;
}
