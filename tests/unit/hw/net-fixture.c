/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See net-fixture.h.
 */
#include "tests/unit/hw/net-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

char blob[BLOB_LEN];

void end_receive(struct end *e)
{
	static char buf[sizeof(blob)];
	struct iovec iov[2] = { { buf, e->chunk / 2 }, { buf + e->chunk / 2, 0 } };
	ssize_t n;

	iov[1].iov_len = e->chunk - iov[0].iov_len;
	n = net_recv(e->s, iov[0].iov_len != 0 ? iov : iov + 1, iov[0].iov_len != 0 ? 2 : 1);
	for (ssize_t i = 0; i < n; i++)
		g_assert_cmpuint((uint8_t)buf[i], ==, e->next_got++);
	if (n > 0)
		e->got += (size_t)n;
	else if (n == 0)
		e->eof = true;
	else if (n != -EAGAIN)
		e->recv_err = (int)n;
}

void end_send(struct end *e)
{
	while (e->want_send > 0) {
		size_t len = MIN(e->want_send, sizeof(blob) - 256);
		struct iovec iov[2] = { { blob + e->next_sent, len / 2 },
					{ blob + (uint8_t)(e->next_sent + len / 2),
					  len - len / 2 } };
		ssize_t n = net_send(e->s, iov, 2, false);

		if (n == -EAGAIN)
			return;
		g_assert_cmpint(n, >, 0);
		e->next_sent = (uint8_t)(e->next_sent + n);
		e->want_send -= (size_t)n;
		if ((size_t)n < len)
			return;
	}
}

static void on_connected(struct net_stream *s, int err, void *user)
{
	struct end *e = user;

	g_assert_true(s == e->s);
	e->connects++;
	e->err = err;
}

static void on_readable(struct net_stream *s, void *user)
{
	struct end *e = user;

	g_assert_true(s == e->s);
	e->readables++;
	if (e->on_readable != NULL)
		e->on_readable(e);
	else if (e->chunk != 0)
		end_receive(e);
}

static void on_writable(struct net_stream *s, void *user)
{
	struct end *e = user;

	g_assert_true(s == e->s);
	e->writables++;
	end_send(e);
}

const struct net_stream_cb end_cb = {
	.connected = on_connected,
	.readable = on_readable,
	.writable = on_writable,
};

static void on_accepted(struct net_listener *l, struct net_stream *s, void *user)
{
	struct server *sv = user;
	struct end *e;

	g_assert_true(l == sv->l);
	g_assert_cmpuint(sv->accepted, <, sv->nends);
	e = &sv->ends[sv->accepted++];
	e->s = s;
	e->fx = sv->fx;
	g_assert_cmpint(s->ops->attach(s, sv->fx->ctx, &end_cb, e), ==, 0);
}

static void on_failed(struct net_listener *l, int err, void *user)
{
	struct server *sv = user;

	g_assert_true(l == sv->l);
	sv->failures++;
	sv->err = err;
}

const struct net_listener_cb server_cb = { .accepted = on_accepted, .failed = on_failed };

void net_setup(struct fixture *fx, gconstpointer data)
{
	const struct setting *setting = data;
	struct linux_hw_options options = { .net_engine = setting->engine };
	struct core_options core_options = { .spin_ns = setting->spin_ns };
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (char)i;
	alarm(50); /* whoever waits in vain is not to wait for ever */
	fx->context = g_main_context_new();
	options.main_context = fx->context;
	fx->lhw = linux_hw_new(&options, &error);
	g_assert_no_error(error);
	fx->core = core_new(linux_hw_get(fx->lhw), &core_options, &error);
	g_assert_no_error(error);
	g_assert_true(core_start(fx->core, &error));
	fx->ctx = core_main(fx->core)->net;
	fx->net = linux_hw_get(fx->lhw)->net->ops;
	fx->dir = g_dir_make_tmp("weft-net-XXXXXX", &error);
	g_assert_no_error(error);
}

void net_teardown(struct fixture *fx, gconstpointer data)
{
	(void)data;
	core_stop(fx->core);
	core_free(fx->core);
	linux_hw_free(fx->lhw);
	g_main_context_unref(fx->context);
	g_assert_cmpint(g_rmdir(fx->dir), ==, 0);
	g_free(fx->dir);
	alarm(0);
}

/* So many passes, whether there is work or not. */
void run_passes(struct fixture *fx, unsigned n)
{
	struct reactor *r = core_main(fx->core);
	uint64_t end = r->stats.passes + n;

	while (r->stats.passes < end) {
		linux_hw_get(fx->lhw)->env->ops->runner_wake(r->runner);
		g_main_context_iteration(fx->context, TRUE);
	}
}

void server_open_at(struct server *sv, struct fixture *fx, const struct net_addr *addr,
		    unsigned nends)
{
	*sv = (struct server){ .fx = fx, .nends = nends, .ends = g_new0(struct end, nends) };
	g_assert_cmpint(fx->net->listen(fx->ctx, addr, NULL, &server_cb, sv, &sv->l), ==, 0);
	fx->net->listener_local(sv->l, &sv->addr);
	g_assert_true(addr->family == NET_UNIX || sv->addr.port != 0);
}

void server_open(struct server *sv, struct fixture *fx, unsigned nends)
{
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "0", NULL));
	server_open_at(sv, fx, &addr, nends);
}

void server_close(struct server *sv)
{
	for (unsigned i = 0; i < sv->accepted; i++)
		if (sv->ends[i].s != NULL)
			sv->ends[i].s->ops->close(sv->ends[i].s);
	if (sv->l != NULL)
		sv->fx->net->listener_close(sv->l);
	g_free(sv->ends);
}

/* A blocking socket connected to the server. */
int raw_connect(const struct server *sv)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(sv->addr.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&in, sizeof(in)), ==, 0);
	return fd;
}

int raw_pair(struct server *sv)
{
	unsigned n = sv->accepted;
	int fd = raw_connect(sv);

	RUN_UNTIL(sv->fx, sv->accepted == n + 1);
	return fd;
}

void raw_reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

void end_connect(struct end *e, struct fixture *fx, const struct net_addr *addr)
{
	e->fx = fx;
	g_assert_cmpint(fx->net->connect(fx->ctx, addr, NULL, &end_cb, e, &e->s), ==, 0);
	g_assert_cmpint(e->connects, ==, 0);
	RUN_UNTIL(fx, e->connects == 1);
}
