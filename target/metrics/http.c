/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One page over HTTP/1, to a bounded number of clients with bounded memory: each has
 * one buffer for what it says and one for what it is told, and the page is made as
 * it is read. A client that is slow only waits for itself, and not for ever.
 *
 * The answer to HTTP/1.1 comes in chunks, since nobody knows its length before; to
 * 1.0 until the end of the connection.
 */
#include "target/metrics/http.h"

#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/metrics/http-parse.h"
#include "target/metrics/prometheus.h"

#define REQUEST_TIMEOUT (10 * UINT64_C(1000000000)) /* for all of a head */
#define STALL_TIMEOUT (30 * UINT64_C(1000000000))   /* nothing is read */
#define PORTION 8192 /* of text made in one go; as long again is left to others */
#define CHUNK_HEAD 8 /* room for the length, "%06x\r\n" */

enum state { READING, COLLECTING, SENDING, LAST };

struct client {
	struct metrics_http *http;
	struct net_stream *stream;
	struct timer timer; /* what it waits for takes too long */
	struct timer next;  /* more text, in a pass of its own */
	struct metrics_waiter waiter;
	enum state state;
	char in[HTTP_HEAD_MAX];
	size_t len;
	struct http_request request;
	bool chunked;
	GString *out;
	size_t sent;
	struct metrics *metrics;
	struct prometheus text;
	uint64_t rest; /* ns until the next portion */
	bool blocked, eof;
};

struct metrics_http {
	struct core *core;
	struct reactor *reactor;
	struct metrics_source *source;
	struct net_listener *listener;
	struct net_addr local, wanted;
	bool asked;
	GPtrArray *clients; /* struct client* */
};

static void client_go_on(struct client *c);

/* --- life ------------------------------------------------------------------------------------ */

static void client_close(struct client *c)
{
	struct reactor *r = c->http->reactor;

	g_ptr_array_remove(c->http->clients, c);
	metrics_collect_cancel(c->http->source, &c->waiter);
	reactor_timer_cancel(r, &c->timer);
	reactor_timer_cancel(r, &c->next);
	c->stream->ops->close(c->stream);
	metrics_unref(c->metrics);
	g_string_free(c->out, TRUE);
	g_free(c);
}

static void timed_out(struct timer *timer, struct reactor *r)
{
	(void)r;
	client_close((struct client *)((char *)timer - offsetof(struct client, timer)));
}

static void patience(struct client *c, uint64_t ns)
{
	reactor_timer_set(c->http->reactor, &c->timer, c->http->reactor->now + ns);
}

/* --- answers ------------------------------------------------------------------------------------
 */

static const char *reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

static const char *explain(unsigned status)
{
	switch (status) {
	case 200:
		return "weft: the metrics are at /metrics\n";
	case 404:
		return "there is /metrics, and nothing else\n";
	case 405:
		return "only GET and HEAD\n";
	case 431:
		return "a request has 4 KiB at most\n";
	case 501:
		return "requests have no body\n";
	case 503:
		return "8 clients are being served already, or weftd is ending\n";
	case 505:
		return "HTTP/1.0 or 1.1\n";
	default:
		return "this is no HTTP/1 request without a body\n";
	}
}

static void short_answer(GString *out, unsigned status, bool head, bool keep)
{
	const char *text = explain(status);

	g_string_append_printf(out,
			       "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
			       "Content-Length: %zu\r\n%s%s\r\n%s",
			       status, reason(status), strlen(text),
			       status == 405 ? "Allow: GET, HEAD\r\n" : "",
			       keep ? "" : "Connection: close\r\n", head ? "" : text);
}

/* The whole answer is in out. */
static void answer_shortly(struct client *c, unsigned status)
{
	short_answer(c->out, status, c->request.head, c->request.keep);
	c->state = LAST;
}

static void page_head(struct client *c)
{
	g_string_append_printf(c->out,
			       "HTTP/1.1 200 OK\r\nContent-Type: " PROMETHEUS_TYPE "\r\n"
			       "Cache-Control: no-store\r\n%s%s\r\n",
			       c->chunked ? "Transfer-Encoding: chunked\r\n" : "",
			       c->request.keep ? "" : "Connection: close\r\n");
}

/* Text as a chunk whose length is written in front when it is known. */
static void next_portion(struct client *c)
{
	size_t begin;
	char head[CHUNK_HEAD + 1];
	bool more;

	g_string_truncate(c->out, 0);
	c->sent = 0;
	if (c->chunked)
		g_string_append(c->out, "000000\r\n");
	begin = c->out->len;
	more = prometheus_next(&c->text, c->out, PORTION);
	if (c->chunked) {
		g_snprintf(head, sizeof(head), "%06zx\r\n", c->out->len - begin);
		memcpy(c->out->str, head, CHUNK_HEAD);
		if (c->out->len == begin)
			g_string_truncate(c->out, 0);
		else
			g_string_append(c->out, "\r\n");
		if (!more)
			g_string_append(c->out, "0\r\n\r\n");
	}
	if (!more) {
		metrics_unref(g_steal_pointer(&c->metrics));
		c->state = LAST;
	}
}

static void collected(struct metrics_waiter *w, struct metrics *metrics)
{
	struct client *c = (struct client *)((char *)w - offsetof(struct client, waiter));

	c->metrics = metrics;
	if (!metrics) {
		c->request.keep = false;
		answer_shortly(c, 503);
	} else {
		prometheus_begin(&c->text, metrics);
		page_head(c);
		c->state = SENDING;
		if (c->request.head) {
			metrics_unref(g_steal_pointer(&c->metrics));
			c->state = LAST;
		}
	}
	patience(c, STALL_TIMEOUT);
	client_go_on(c);
}

/* --- requests -----------------------------------------------------------------------------------
 */

/* False: there is no whole request yet. */
static bool take_request(struct client *c)
{
	size_t used = http_parse(c->in, c->len, &c->request);

	if (used == 0 && c->request.status == 0)
		return false;
	c->chunked = c->request.keep; /* 1.0 has no chunks, and no more than one request */
	memmove(c->in, c->in + used, c->len - used);
	c->len -= used;
	g_string_truncate(c->out, 0);
	c->sent = 0;
	patience(c, STALL_TIMEOUT);
	if (c->request.status != 0 || c->request.index) {
		answer_shortly(c, c->request.status != 0 ? c->request.status : 200);
		return true;
	}
	c->state = COLLECTING;
	c->waiter.done = collected;
	metrics_collect(c->http->source, &c->waiter);
	return true;
}

/* The answer is out. False: the client is gone. */
static bool answered(struct client *c)
{
	if (!c->request.keep || c->eof) {
		client_close(c);
		return false;
	}
	c->state = READING;
	patience(c, REQUEST_TIMEOUT);
	c->stream->ops->pause(c->stream, false);
	return true;
}

/* False: the client is gone. */
static bool flush(struct client *c)
{
	while (c->sent < c->out->len && !c->blocked) {
		struct iovec iov = { .iov_base = c->out->str + c->sent,
				     .iov_len = c->out->len - c->sent };
		ssize_t n = net_send(c->stream, &iov, 1, false);

		if (n < 0 && n != -EAGAIN) {
			client_close(c);
			return false;
		}
		if (n > 0) {
			c->sent += (size_t)n;
			patience(c, STALL_TIMEOUT);
		}
		c->blocked = c->sent < c->out->len;
	}
	return true;
}

/* One request after the other; text is made once a pass. */
static void client_go_on(struct client *c)
{
	struct reactor *r = c->http->reactor;

	if (c->state == READING && !take_request(c)) {
		if (c->eof)
			client_close(c);
		return;
	}
	if (c->state != READING)
		c->stream->ops->pause(c->stream, true);
	if (c->state == COLLECTING || !flush(c) || c->blocked)
		return;
	if (c->state == LAST && !answered(c))
		return;
	if (c->state == SENDING)
		reactor_timer_set(r, &c->next, hw_now(r->hw) + c->rest);
	else if (c->len > 0)
		reactor_timer_set(r, &c->next, r->now);
}

static void next_turn(struct timer *timer, struct reactor *r)
{
	struct client *c = (struct client *)((char *)timer - offsetof(struct client, next));

	if (c->state == SENDING && !c->blocked && c->sent == c->out->len) {
		uint64_t begun = hw_now(r->hw);

		next_portion(c);
		c->rest = hw_now(r->hw) - begun;
	}
	client_go_on(c);
}

static void readable(struct net_stream *stream, void *user)
{
	struct client *c = user;
	struct iovec iov = { .iov_base = c->in + c->len, .iov_len = sizeof(c->in) - c->len };
	ssize_t n;

	if (c->state != READING || iov.iov_len == 0)
		return;
	n = net_recv(stream, &iov, 1);
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		client_close(c);
		return;
	}
	c->len += (size_t)n;
	c->eof = n == 0;
	client_go_on(c);
}

static void writable(struct net_stream *stream, void *user)
{
	struct client *c = user;

	(void)stream;
	c->blocked = false;
	client_go_on(c);
}

static const struct net_stream_cb client_cb = { .readable = readable, .writable = writable };

/* --- listening
 * ------------------------------------------------------------------------------------ */

/* As much as goes at once: it must not take a place. */
static void refuse(struct net_stream *stream)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct iovec iov;

	short_answer(out, 503, false, false);
	iov = (struct iovec){ .iov_base = out->str, .iov_len = out->len };
	net_send(stream, &iov, 1, false);
	stream->ops->close(stream);
}

static void accepted(struct net_listener *listener, struct net_stream *stream, void *user)
{
	struct metrics_http *http = user;
	struct client *c = g_new0(struct client, 1);

	(void)listener;
	if (stream->ops->attach(stream, http->reactor->net, &client_cb, c) < 0) {
		stream->ops->close(stream);
		g_free(c);
		return;
	}
	if (http->clients->len >= METRICS_CLIENTS) {
		refuse(stream);
		g_free(c);
		return;
	}
	c->http = http;
	c->stream = stream;
	c->out = g_string_new(NULL);
	timer_init(&c->timer, timed_out);
	timer_init(&c->next, next_turn);
	g_ptr_array_add(http->clients, c);
	patience(c, REQUEST_TIMEOUT);
}

static const struct net_listener_cb listener_cb = { .accepted = accepted };

struct metrics_http *metrics_http_new(struct core *core, struct metrics_source *source)
{
	struct metrics_http *http = g_new0(struct metrics_http, 1);

	http->core = core;
	http->reactor = core_main(core);
	http->source = source;
	http->clients = g_ptr_array_new();
	return http;
}

bool metrics_http_listen(struct metrics_http *http, const struct net_addr *addr, bool asked,
			 GError **error)
{
	const struct net_listen_opts opts = { .backlog = 16 };
	const struct hw_net_ops *net = http->core->hw->net->ops;
	char text[NET_ADDR_STRLEN];
	int rc;

	if (http->listener && (http->asked || !asked))
		return weft_error_set(error, -EBUSY, NULL,
				      "metrics are served on %s already; metrics_stop ends that",
				      net_addr_format(&http->local, text));
	metrics_http_close(http);
	rc = net->listen(http->reactor->net, addr, &opts, &listener_cb, http, &http->listener);
	if (rc < 0) {
		http->listener = NULL;
		return weft_error_set(error, rc, NULL, "metrics on %s: %s",
				      net_addr_format(addr, text), g_strerror(-rc));
	}
	http->asked = asked;
	http->wanted = *addr;
	net->listener_local(http->listener, &http->local);
	log_notice(http->core->log, "metrics", "served", "on=%s",
		   net_addr_format(&http->local, text));
	return true;
}

const struct net_addr *metrics_http_asked(const struct metrics_http *http)
{
	return http->listener && http->asked ? &http->wanted : NULL;
}

void metrics_http_close(struct metrics_http *http)
{
	while (http->clients->len > 0)
		client_close(http->clients->pdata[http->clients->len - 1]);
	if (http->listener)
		http->core->hw->net->ops->listener_close(g_steal_pointer(&http->listener));
}

const struct net_addr *metrics_http_local(const struct metrics_http *http)
{
	return http->listener ? &http->local : NULL;
}

unsigned metrics_http_clients(const struct metrics_http *http)
{
	return http->clients->len;
}

void metrics_http_free(struct metrics_http *http)
{
	if (!http)
		return;
	metrics_http_close(http);
	g_ptr_array_unref(http->clients);
	g_free(http);
}
