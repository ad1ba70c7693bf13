/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers and servers of the net suite. Everything runs on the reactor that the
 * stream is attached to.
 */
#include <errno.h>
#include <string.h>

#include "tests/seam/net-peer.h"

#define CHUNK 65536u

static uint8_t pattern(uint32_t seed, uint64_t at)
{
	uint64_t v = (at + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(v >> 56);
}

static size_t draw(struct peer *p, size_t max)
{
	if (!p->random)
		return max;
	return (size_t)g_rand_int_range(p->random, 1, (gint32)max + 1);
}

static void check_callback(struct peer *p, struct net_stream *stream)
{
	/* After close or detach none may come, nor in a pass of another reactor. */
	if (g_atomic_int_get(&p->gone) || stream != p->stream)
		g_atomic_int_set(&p->failed, 1);
}

void peer_close(struct peer *p)
{
	if (!p->stream)
		return;
	cover("slot", "close");
	p->stream->ops->close(p->stream);
	p->stream = NULL;
	g_atomic_int_set(&p->gone, 1);
}

void peer_abort(struct peer *p)
{
	cover("slot", "abort");
	p->stream->ops->abort(p->stream);
	p->stream = NULL;
	g_atomic_int_set(&p->gone, 1);
}

void peer_detach(struct peer *p)
{
	cover("slot", "detach");
	p->stream->ops->detach(p->stream);
	p->reactor = NULL;
	g_atomic_int_set(&p->gone, 1);
}

static bool act(struct peer *p, enum peer_action action)
{
	if (action == DO_CLOSE)
		peer_close(p);
	else if (action == DO_ABORT)
		peer_abort(p);
	else if (action == DO_DETACH)
		peer_detach(p);
	return action != DO_NOTHING;
}

void peer_pause(struct peer *p, bool paused)
{
	cover("slot", "pause");
	p->paused = paused;
	p->stream->ops->pause(p->stream, paused);
}

static void shutdown_once(struct peer *p)
{
	if (p->shut)
		return;
	cover("slot", "shutdown");
	p->shut = true;
	p->stream->ops->shutdown(p->stream);
}

static int split(struct peer *p, struct iovec *iov, uint8_t *buf, size_t len)
{
	size_t n = p->send_iovs ? (size_t)p->send_iovs : 1;

	if (p->random)
		n = draw(p, 16);
	for (size_t i = 0; i < n; i++) {
		size_t from = len * i / n, to = len * (i + 1) / n;

		iov[i] = (struct iovec){ buf + from, to - from };
	}
	return (int)n;
}

void peer_send(struct peer *p)
{
	static const size_t max = CHUNK;
	g_autofree uint8_t *buf = g_malloc(max);
	struct iovec iov[NET_IOV_MAX];

	while (p->sent < p->total) {
		size_t len = draw(p, p->send_chunk ? p->send_chunk : max);
		ssize_t n;
		int niov;

		len = MIN(len, p->total - p->sent);
		for (size_t i = 0; i < len; i++)
			buf[i] = pattern(p->seed_out, p->sent + i);
		niov = split(p, iov, buf, len);
		cover("slot", "send");
		n = net_send(p->stream, iov, niov, p->sent + len < p->total);
		if (n < 0) {
			cover_error((int)n);
			if (n == -EAGAIN)
				return;
			p->send_error = (int)n;
			if (!p->stay_open)
				peer_close(p);
			return;
		}
		p->sent += (uint64_t)n;
		if ((size_t)n > len)
			g_atomic_int_set(&p->failed, 1);
		if ((size_t)n < len)
			return;
	}
	if (p->finish && (!p->finish_on_eof || g_atomic_int_get(&p->eof)))
		shutdown_once(p);
	if (p->close_on_eof && g_atomic_int_get(&p->eof))
		peer_close(p);
}

static void check_received(struct peer *p, const uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (buf[i] != pattern(p->seed_in, p->received + i)) {
			g_atomic_int_set(&p->failed, 1);
			break;
		}
	}
	p->received += n;
	if (p->echo)
		p->total += n;
}

static void end_of_file(struct peer *p)
{
	g_atomic_int_set(&p->eof, 1);
	if (p->sent == p->total && p->finish)
		shutdown_once(p);
	if (p->close_on_eof && p->sent == p->total)
		peer_close(p);
}

void peer_receive(struct peer *p)
{
	size_t max = p->recv_chunk ? p->recv_chunk : CHUNK;
	g_autofree uint8_t *buf = g_malloc(max);

	for (;;) {
		size_t want = draw(p, max);
		struct iovec iov[2] = { { buf, want / 2 }, { buf + want / 2, want - want / 2 } };
		ssize_t n;

		cover("slot", "recv");
		n = net_recv(p->stream, iov, 2);
		if (n > 0) {
			check_received(p, buf, (size_t)n);
			if ((size_t)n < want || p->recv_once)
				return;
			continue;
		}
		if (n == 0) {
			end_of_file(p);
			return;
		}
		cover_error((int)n);
		if (n == -EAGAIN)
			return;
		p->recv_error = (int)n;
		if (!p->stay_open)
			peer_close(p);
		return;
	}
}

static void on_connected(struct net_stream *stream, int err, void *user)
{
	struct peer *p = user;

	cover("callback", "connected");
	check_callback(p, stream);
	p->connects++;
	p->connect_error = err;
	cover_error(err);
	if (act(p, p->on_connected))
		return;
	if (err < 0)
		peer_close(p);
	else
		peer_send(p);
}

static void on_readable(struct net_stream *stream, void *user)
{
	struct peer *p = user;

	cover("callback", "readable");
	check_callback(p, stream);
	p->readables++;
	if (p->paused)
		g_atomic_int_set(&p->failed, 1);
	if (act(p, p->on_readable))
		return;
	if (p->random && g_rand_int_range(p->random, 0, 8) == 0)
		return;
	peer_receive(p);
	if (p->stream && p->echo)
		peer_send(p);
}

static void on_writable(struct net_stream *stream, void *user)
{
	struct peer *p = user;

	cover("callback", "writable");
	check_callback(p, stream);
	p->writables++;
	if (act(p, p->on_writable))
		return;
	peer_send(p);
}

const struct net_stream_cb peer_cb = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
};

int peer_attach(struct peer *p, struct net_stream *stream, struct reactor *r)
{
	p->stream = stream;
	p->reactor = r;
	g_atomic_int_set(&p->gone, 0);
	cover("slot", "attach");
	return stream->ops->attach(stream, r->net, &peer_cb, p);
}

int peer_connect(struct peer *p, struct reactor *r, const struct net_addr *to,
		 const struct net_addr *from)
{
	int ret;

	cover("slot", "connect");
	p->reactor = r;
	ret = p->rig->hw->net->ops->connect(r->net, to, from, &peer_cb, p, &p->stream);
	cover_error(ret);
	if (ret < 0) {
		p->connect_error = ret;
		g_atomic_int_set(&p->gone, 1);
	}
	return ret;
}

/* ---- servers ------------------------------------------------------------------------ */

static void on_accepted(struct net_listener *listener, struct net_stream *stream, void *user)
{
	struct server *s = user;
	struct peer *p = g_new0(struct peer, 1);

	cover("callback", "accepted");
	g_assert_true(listener == s->listener);
	*p = s->proto;
	p->rig = s->rig;
	p->stream = stream;
	g_ptr_array_add(s->peers, p);
	g_atomic_int_inc(&s->accepted);
	if (s->close_listener)
		server_stop_listening(s);
	if (s->on_accepted == DO_DETACH)
		return;
	if (act(p, s->on_accepted))
		return;
	g_assert_cmpint(peer_attach(p, stream, core_main(s->rig->core)), ==, 0);
	if (p->total > 0)
		peer_send(p);
}

static void on_failed(struct net_listener *listener, int err, void *user)
{
	struct server *s = user;

	cover("callback", "failed");
	g_assert_true(listener == s->listener);
	cover_error(err);
	s->last_failure = err;
	g_atomic_int_inc(&s->failures);
}

static const struct net_listener_cb server_cb = { .accepted = on_accepted, .failed = on_failed };

struct listen_call {
	struct server *s;
	const struct net_addr *addr;
	const struct net_listen_opts *opts;
	int ret;
};

static void do_listen(struct reactor *r, void *arg)
{
	struct listen_call *call = arg;
	struct server *s = call->s;
	const struct hw_net_ops *ops = r->hw->net->ops;

	cover("slot", "listen");
	call->ret = ops->listen(r->net, call->addr, call->opts, &server_cb, s, &s->listener);
	cover_error(call->ret);
	if (call->ret < 0)
		return;
	cover("slot", "listener_local");
	ops->listener_local(s->listener, &s->addr);
}

int server_listen(struct server *s, struct rig *rig, const struct net_addr *addr,
		  const struct net_listen_opts *opts)
{
	struct listen_call call = { s, addr, opts, 0 };

	s->rig = rig;
	s->peers = g_ptr_array_new_with_free_func(g_free);
	rig_on(rig, 0, do_listen, &call);
	return call.ret;
}

void server_stop_listening(struct server *s)
{
	if (!s->listener)
		return;
	cover("slot", "listener_close");
	s->rig->hw->net->ops->listener_close(s->listener);
	s->listener = NULL;
}

static void do_close(struct reactor *r, void *arg)
{
	struct server *s = arg;

	(void)r;
	server_stop_listening(s);
	for (guint i = 0; i < s->peers->len; i++) {
		struct peer *p = g_ptr_array_index(s->peers, i);

		g_assert_cmpint(g_atomic_int_get(&p->failed), ==, 0);
		peer_close(p);
	}
}

void server_close(struct server *s)
{
	rig_on(s->rig, 0, do_close, s);
	g_ptr_array_free(s->peers, TRUE);
}
