/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The net suite: errors, closing in odd places, changing reactors, UNIX sockets.
 */
#include <errno.h>
#include <string.h>

#include "tests/seam/net-suite.h"

static bool none_accepted(void *arg)
{
	return g_atomic_int_get(&((struct server *)arg)->accepted) == 0;
}

static void dial_expect(struct rig *rig, const struct net_addr *to, const struct net_addr *from,
			int err, int or_err)
{
	struct peer p = { .on_connected = DO_CLOSE };

	dial(rig, &p, to, from);
	rig_wait(rig, peer_open, &p);
	g_assert_cmpint(p.failed, ==, 0);
	if (p.connect_error != or_err)
		g_assert_cmpint(p.connect_error, ==, err);
}

static void listen_expect(struct rig *rig, const struct net_addr *addr, int err)
{
	struct server s = { 0 };
	int ret = server_listen(&s, rig, addr, NULL);

	g_assert_cmpint(ret, ==, err);
	server_close(&s);
}

static void test_refused(void)
{
	struct server s = { 0 };
	struct net_addr gone;
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	gone = s.addr;
	server_close(&s);
	dial_expect(&rig, &gone, NULL, -ECONNREFUSED, -ECONNREFUSED);
	rig_down(&rig);
}

static void test_addresses_wrong(void)
{
	struct server s = { 0 };
	struct net_addr addr, from;
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	listen_expect(&rig, &s.addr, -EADDRINUSE);
	addr = s.addr;
	memset(addr.ip, 0, sizeof(addr.ip));
	listen_expect(&rig, &addr, -EADDRINUSE);
	g_assert_true(net_addr_parse(&addr, "198.51.100.77", "0", NULL));
	listen_expect(&rig, &addr, -EADDRNOTAVAIL);
	dial_expect(&rig, &s.addr, &addr, -EADDRNOTAVAIL, -EADDRNOTAVAIL);
	loopback(&from);
	dial_expect(&rig, &s.addr, &from, 0, 0);
	server_close(&s);
	/* Free again at once, although connections of it may linger. */
	listen_expect(&rig, &s.addr, 0);
	rig_down(&rig);
}

static void test_wildcard(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true } };
	struct peer p = { .total = 100, .finish = true, .close_on_eof = true };
	struct net_addr addr;
	struct rig rig;

	rig_up(&rig);
	g_assert_true(net_addr_parse(&addr, "0.0.0.0", "0", NULL));
	g_assert_cmpint(server_listen(&s, &rig, &addr, NULL), ==, 0);
	loopback(&addr);
	addr.port = s.addr.port;
	g_assert_cmpint(dial(&rig, &p, &addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &p);
	g_assert_cmpuint(p.received, ==, 100);
	server_close(&s);
	rig_down(&rig);
}

/* ---- reset and misuse --------------------------------------------------------------- */

struct misuse {
	struct peer *peer;
	int send_ret, recv_ret, again, attach_ret;
};

static void try_errors(struct reactor *r, void *arg)
{
	struct misuse *m = arg;
	struct net_stream *s = m->peer->stream;
	struct iovec iov = { (char[8]){ 0 }, 8 };

	m->attach_ret = s->ops->attach(s, r->net, &peer_cb, m->peer);
	cover_error(m->attach_ret);
	m->recv_ret = (int)net_recv(s, &iov, 1);
	m->again = (int)net_recv(s, &iov, 1);
	s->ops->shutdown(s);
	m->send_ret = (int)net_send(s, &iov, 1, false);
	cover_error(m->send_ret);
}

static void abort_peer(struct reactor *r, void *arg)
{
	(void)r;
	peer_abort(arg);
}

static void close_peer(struct reactor *r, void *arg)
{
	(void)r;
	peer_close(arg);
}

static bool no_error_yet(void *arg)
{
	return ((struct peer *)arg)->recv_error == 0;
}

static bool not_connected(void *arg)
{
	return ((struct peer *)arg)->connects == 0;
}

static void test_abort(void)
{
	struct server s = { .proto = { .stay_open = true } };
	struct peer client = { .stay_open = true };
	struct misuse m;
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, none_accepted, &s);
	rig_wait(&rig, not_connected, &client);
	rig_on(&rig, 0, abort_peer, &client);
	m.peer = g_ptr_array_index(s.peers, 0);
	rig_wait(&rig, no_error_yet, m.peer);
	g_assert_cmpint(m.peer->recv_error, ==, -ECONNRESET);
	rig_on(&rig, 0, try_errors, &m);
	g_assert_cmpint(m.recv_ret, ==, -ECONNRESET);
	g_assert_cmpint(m.again, ==, -ECONNRESET);
	g_assert_true(m.send_ret == -EPIPE || m.send_ret == -ECONNRESET);
	server_close(&s);
	rig_down(&rig);
}

static void test_misuse(void)
{
	struct server s = { .proto = { .close_on_eof = true } };
	struct peer client = { 0 };
	struct misuse m = { .peer = &client };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, not_connected, &client);
	rig_on(&rig, 0, try_errors, &m);
	g_assert_cmpint(m.attach_ret, ==, -EINVAL);
	g_assert_cmpint(m.recv_ret, ==, -EAGAIN);
	g_assert_cmpint(m.send_ret, ==, -EPIPE);
	rig_on(&rig, 0, close_peer, &client);
	server_close(&s);
	rig_down(&rig);
}

/* ---- closing inside callbacks ------------------------------------------------------- */

static void close_in(enum peer_action action, unsigned where)
{
	struct server s = { .proto = { .close_on_eof = true, .total = 100 } };
	struct peer client = { .total = 16u << 20 };
	struct rig rig;

	g_test_message("%s in callback %u", action == DO_CLOSE ? "close" : "abort", where);
	if (where == 0)
		client.on_connected = action;
	else if (where == 1)
		client.on_readable = action;
	else if (where == 2)
		client.on_writable = action;
	else if (where == 3)
		s.proto.on_readable = action;
	else
		s.on_accepted = action;
	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	g_assert_cmpint(client.failed, ==, 0);
	backend_run_for(rig.b, 1000000);
	server_close(&s);
	rig_down(&rig);
}

static void test_close_inside(void)
{
	for (unsigned where = 0; where < 5; where++) {
		close_in(DO_CLOSE, where);
		close_in(DO_ABORT, where);
	}
}

/* Closing before the answer is there: no callback comes. */
static void test_close_connecting(void)
{
	struct server s = { .proto = { .close_on_eof = true } };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	for (unsigned i = 0; i < 20; i++) {
		struct peer p = { 0 };

		g_assert_cmpint(dial(&rig, &p, &s.addr, NULL), ==, 0);
		if (p.stream)
			rig_on(&rig, 0, i % 2 ? close_peer : abort_peer, &p);
		g_assert_cmpint(p.failed, ==, 0);
	}
	backend_run_for(rig.b, 5000000);
	server_close(&s);
	rig_down(&rig);
}

/* ---- listeners ---------------------------------------------------------------------- */

static void test_listener_close_inside(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true },
			    .close_listener = true };
	struct peer p = { .total = 70000, .finish = true, .close_on_eof = true };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &p, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &p);
	g_assert_cmpuint(p.received, ==, 70000);
	server_close(&s);
	rig_down(&rig);
}

static void dial_and_stop(struct reactor *r, void *arg)
{
	struct server *s = arg;

	(void)r;
	server_stop_listening(s);
}

/* Connects that nobody accepted when the listener closes end, one way or another. */
static void test_listener_close_pending(void)
{
	struct server s = { .proto = { .close_on_eof = true } };
	struct peer p[5] = { 0 };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	for (unsigned i = 0; i < G_N_ELEMENTS(p); i++) {
		p[i].close_on_eof = p[i].finish = true;
		dial(&rig, &p[i], &s.addr, NULL);
	}
	rig_on(&rig, 0, dial_and_stop, &s);
	for (unsigned i = 0; i < G_N_ELEMENTS(p); i++)
		rig_wait(&rig, peer_open, &p[i]);
	server_close(&s);
	rig_down(&rig);
}

/* ---- troubles ----------------------------------------------------------------------- */

static bool no_failure(void *arg)
{
	return g_atomic_int_get(&((struct server *)arg)->failures) == 0;
}

struct starve {
	struct rig *rig;
	struct server *server;
	struct peer *peer;
	const char *why;
};

/* In one pass: the connection is on its way, nobody accepted it, descriptors run out. */
static void connect_and_starve(struct reactor *r, void *arg)
{
	struct starve *st = arg;

	g_assert_cmpint(peer_connect(st->peer, r, &st->server->addr, NULL), ==, 0);
	st->why = backend_trouble(st->rig->b, TROUBLE_NO_FDS, true);
}

static void test_no_fds(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true } };
	struct rig rig;
	struct peer p = { .rig = &rig, .total = 100, .finish = true, .close_on_eof = true };
	struct starve st = { &rig, &s, &p, NULL };

	rig_up(&rig);
	serve(&s, &rig);
	rig_on(&rig, 0, connect_and_starve, &st);
	if (st.why) {
		cover_skip("error", "EMFILE", st.why);
		cover_skip("callback", "failed", st.why);
	} else {
		rig_wait(&rig, no_failure, &s);
		g_assert_cmpint(s.last_failure, ==, -EMFILE);
		dial_expect(&rig, &s.addr, NULL, -EMFILE, -EMFILE);
		listen_expect(&rig, &s.addr, -EMFILE);
		backend_trouble(rig.b, TROUBLE_NO_FDS, false);
	}
	/* The listener goes on by itself. */
	rig_wait(&rig, peer_open, &p);
	g_assert_cmpuint(p.received, ==, 100);
	server_close(&s);
	rig_down(&rig);
}

static void test_troubles(void)
{
	struct server s = { 0 };
	struct net_addr addr, far;
	struct rig rig;
	const char *why;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_true(net_addr_parse(&far, backend_far(), "4420", NULL));
	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "80", NULL));
	why = backend_trouble(rig.b, TROUBLE_NO_MEMORY, true);
	if (why) {
		cover_skip("error", "ENOMEM", why);
	} else {
		dial_expect(&rig, &s.addr, NULL, -ENOMEM, -ENOMEM);
		listen_expect(&rig, &addr, -ENOMEM);
		backend_trouble(rig.b, TROUBLE_NO_MEMORY, false);
	}
	why = backend_trouble(rig.b, TROUBLE_UNPRIVILEGED, true);
	if (why) {
		cover_skip("error", "EACCES", why);
	} else {
		listen_expect(&rig, &addr, -EACCES);
		backend_trouble(rig.b, TROUBLE_UNPRIVILEGED, false);
	}
	why = backend_trouble(rig.b, TROUBLE_SILENT, true);
	if (why) {
		cover_skip("error", "ETIMEDOUT", why);
	} else {
		dial_expect(&rig, &far, NULL, -ETIMEDOUT, -ETIMEDOUT);
		backend_trouble(rig.b, TROUBLE_SILENT, false);
	}
	why = backend_trouble(rig.b, TROUBLE_UNREACHABLE, true);
	if (why) {
		cover_skip("error", "EHOSTUNREACH or ENETUNREACH", why);
	} else {
		dial_expect(&rig, &far, NULL, -EHOSTUNREACH, -ENETUNREACH);
		backend_trouble(rig.b, TROUBLE_UNREACHABLE, false);
	}
	server_close(&s);
	rig_down(&rig);
}

/* ---- UNIX sockets ------------------------------------------------------------------- */

static void test_unix(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true } };
	struct peer p = { .total = 3u << 20, .finish = true, .close_on_eof = true };
	struct net_addr addr;
	char path[108];
	struct rig rig;

	rig_up(&rig);
	backend_socket_path(rig.b, "live", path);
	net_addr_unix(&addr, path);
	dial_expect(&rig, &addr, NULL, -ENOENT, -ENOENT);
	g_assert_cmpint(server_listen(&s, &rig, &addr, NULL), ==, 0);
	g_assert_true(net_addr_equal(&s.addr, &addr));
	g_assert_true(backend_socket_exists(rig.b, path));
	listen_expect(&rig, &addr, -EADDRINUSE);
	g_assert_cmpint(dial(&rig, &p, &addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &p);
	g_assert_cmpuint(p.received, ==, 3u << 20);
	g_assert_cmpint(p.failed, ==, 0);
	server_close(&s);
	g_assert_false(backend_socket_exists(rig.b, path));
	rig_down(&rig);
}

static void test_unix_stale(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true } };
	struct peer p = { .total = 10, .finish = true, .close_on_eof = true };
	struct net_addr addr;
	char path[108];
	struct rig rig;

	rig_up(&rig);
	backend_socket_path(rig.b, "stale", path);
	backend_make_stale_socket(rig.b, path);
	net_addr_unix(&addr, path);
	dial_expect(&rig, &addr, NULL, -ECONNREFUSED, -ECONNREFUSED);
	g_assert_cmpint(server_listen(&s, &rig, &addr, NULL), ==, 0);
	g_assert_cmpint(dial(&rig, &p, &addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &p);
	g_assert_cmpuint(p.received, ==, 10);
	server_close(&s);
	rig_down(&rig);
}

/* ---- changing reactors -------------------------------------------------------------- */

struct mover {
	struct net_stream_cb cb;
	struct rig *rig;
	struct peer *peer; /* counts and checks; not its own callbacks */
	unsigned moves;
	uint64_t next_move;
	int done;
};

static void mover_arrive(struct reactor *r, void *arg)
{
	struct mover *m = arg;
	struct net_stream *s = m->peer->stream;

	cover("slot", "attach");
	m->peer->reactor = r;
	if (s->ops->attach(s, r->net, &m->cb, m) != 0)
		g_atomic_int_set(&m->peer->failed, 1);
}

static void mover_progress(struct mover *m)
{
	struct peer *p = m->peer;

	if (p->reactor && !reactor_is_current(p->reactor))
		g_atomic_int_set(&p->failed, 1);
	if (p->stream && p->sent == p->total && g_atomic_int_get(&p->eof)) {
		peer_close(p);
		g_atomic_int_set(&m->done, 1);
		return;
	}
	if (p->received >= m->next_move && m->moves < 12) {
		struct reactor *to = m->rig->core->reactors[++m->moves % 2];

		m->next_move += 50000;
		cover("slot", "detach");
		p->reactor = NULL;
		p->stream->ops->detach(p->stream);
		core_call(to, mover_arrive, m);
	}
}

static void mover_readable(struct net_stream *stream, void *user)
{
	struct mover *m = user;

	(void)stream;
	peer_receive(m->peer);
	peer_send(m->peer);
	mover_progress(m);
}

static void mover_writable(struct net_stream *stream, void *user)
{
	struct mover *m = user;

	(void)stream;
	peer_send(m->peer);
	mover_progress(m);
}

static void mover_accepted(struct net_listener *l, struct net_stream *stream, void *user)
{
	struct mover *m = user;

	(void)l;
	m->peer->stream = stream;
	/* Straight to the other reactor, without ever being attached here. */
	core_call(m->rig->core->reactors[1], mover_arrive, m);
}

static const struct net_listener_cb mover_listener_cb = { .accepted = mover_accepted };

struct mover_listen {
	struct mover *m;
	struct net_listener *l;
	struct net_addr addr;
};

static void mover_listen(struct reactor *r, void *arg)
{
	struct mover_listen *ml = arg;

	loopback(&ml->addr);
	g_assert_cmpint(
		r->hw->net->ops->listen(r->net, &ml->addr, NULL, &mover_listener_cb, ml->m, &ml->l),
		==, 0);
	r->hw->net->ops->listener_local(ml->l, &ml->addr);
}

static void mover_unlisten(struct reactor *r, void *arg)
{
	struct mover_listen *ml = arg;

	r->hw->net->ops->listener_close(ml->l);
}

static void test_move(void)
{
	struct peer served = {
		.echo = true, .recv_chunk = 4000, .recv_once = true, .stay_open = true
	};
	struct peer client = { .total = 2u << 20, .finish = true, .close_on_eof = true };
	struct mover m = { .cb = { .readable = mover_readable, .writable = mover_writable },
			   .peer = &served,
			   .next_move = 10000 };
	struct mover_listen ml = { .m = &m };
	struct rig rig;

	rig_up(&rig);
	m.rig = served.rig = &rig;
	rig_on(&rig, 0, mover_listen, &ml);
	g_assert_cmpint(dial(&rig, &client, &ml.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	rig_wait_flag(&rig, &m.done);
	g_assert_cmpint(client.failed, ==, 0);
	g_assert_cmpint(served.failed, ==, 0);
	g_assert_cmpuint(client.received, ==, 2u << 20);
	g_assert_cmpuint(served.received, ==, 2u << 20);
	g_assert_cmpuint(m.moves, ==, 12);
	rig_on(&rig, 0, mover_unlisten, &ml);
	rig_down(&rig);
}

void net_errors_add(void)
{
	g_test_add_func("/net/refused", test_refused);
	g_test_add_func("/net/addresses-wrong", test_addresses_wrong);
	g_test_add_func("/net/wildcard", test_wildcard);
	g_test_add_func("/net/abort", test_abort);
	g_test_add_func("/net/misuse", test_misuse);
	g_test_add_func("/net/close-inside", test_close_inside);
	g_test_add_func("/net/close-connecting", test_close_connecting);
	g_test_add_func("/net/listener-close-inside", test_listener_close_inside);
	g_test_add_func("/net/listener-close-pending", test_listener_close_pending);
	g_test_add_func("/net/no-fds", test_no_fds);
	g_test_add_func("/net/troubles", test_troubles);
	g_test_add_func("/net/unix", test_unix);
	g_test_add_func("/net/unix-stale", test_unix_stale);
	g_test_add_func("/net/move", test_move);
}
