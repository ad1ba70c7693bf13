/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets of the Linux backend, with both engines: what the kernel does beside
 * what the seam's own suite (tests/seam) checks. The peer is a raw socket where
 * its exact behavior matters.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "tests/unit/hw/net-fixture.h"

static void bulk(struct fixture *fx, const struct net_addr *addr)
{
	struct end c = { .chunk = 100000 };
	struct net_addr local, remote;
	struct server sv;

	server_open_at(&sv, fx, addr, 1);
	end_connect(&c, fx, &sv.addr);
	g_assert_cmpint(c.err, ==, 0);
	RUN_UNTIL(fx, sv.accepted == 1);
	c.s->ops->remote(c.s, &remote);
	g_assert_true(net_addr_equal(&remote, &sv.addr));
	c.s->ops->local(c.s, &local);
	sv.ends[0].s->ops->remote(sv.ends[0].s, &remote);
	g_assert_true(net_addr_equal(&remote, &local));
	/* Both ways at once, and far more than the buffers of the kernel hold. */
	c.want_send = sv.ends[0].want_send = 32 << 20;
	end_send(&c);
	end_send(&sv.ends[0]);
	g_assert_cmpuint(c.want_send, >, 0);
	run_passes(fx, 10);
	g_assert_cmpuint(sv.ends[0].got, ==, 0);
	sv.ends[0].chunk = 3001;
	end_receive(&sv.ends[0]);
	RUN_UNTIL(fx, c.got == 32 << 20 && sv.ends[0].got == 32 << 20);
	g_assert_cmpint(c.writables, >, 0);
	c.s->ops->shutdown(c.s);
	RUN_UNTIL(fx, sv.ends[0].eof);
	/* Half-closed: the other direction goes on. */
	sv.ends[0].want_send = 5;
	end_send(&sv.ends[0]);
	RUN_UNTIL(fx, c.got == (32 << 20) + 5);
	c.want_send = 0;
	c.s->ops->close(c.s);
	server_close(&sv);
}

static void test_bulk(struct fixture *fx, gconstpointer data)
{
	g_autofree char *path = g_build_filename(fx->dir, "sock", NULL);
	struct net_addr addr;

	(void)data;
	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "0", NULL));
	bulk(fx, &addr);
	net_addr_unix(&addr, path);
	bulk(fx, &addr);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	if (net_addr_parse(&addr, "::1", "0", NULL) &&
	    g_file_test("/proc/net/if_inet6", G_FILE_TEST_EXISTS))
		bulk(fx, &addr);
}

/* Data and end arrive as one event; the owner takes a byte at a time. */
static void test_end_with_data(struct fixture *fx, gconstpointer data)
{
	struct server sv;
	int fd;

	(void)data;
	server_open(&sv, fx, 1);
	fd = raw_pair(&sv);
	run_passes(fx, 5);
	g_assert_cmpint(send(fd, blob, 100, 0), ==, 100);
	close(fd);
	sv.ends[0].chunk = 1;
	RUN_UNTIL(fx, sv.ends[0].eof);
	g_assert_cmpuint(sv.ends[0].got, ==, 100);
	/* The end is told once. */
	sv.ends[0].readables = 0;
	run_passes(fx, 20);
	g_assert_cmpint(sv.ends[0].readables, ==, 0);
	server_close(&sv);
}

static void test_reset(struct fixture *fx, gconstpointer data)
{
	struct iovec iov = { blob, 10 };
	struct server sv;
	char byte;
	int fd;

	(void)data;
	server_open(&sv, fx, 3);
	/* By the peer. */
	fd = raw_pair(&sv);
	sv.ends[0].chunk = 10;
	raw_reset(fd);
	RUN_UNTIL(fx, sv.ends[0].recv_err != 0);
	g_assert_cmpint(sv.ends[0].recv_err, ==, -ECONNRESET);
	g_assert_cmpint(net_recv(sv.ends[0].s, &iov, 1), ==, -ECONNRESET);
	g_assert_cmpint(net_send(sv.ends[0].s, &iov, 1, false), ==, -ECONNRESET);
	sv.ends[0].readables = 0;
	run_passes(fx, 20);
	g_assert_cmpint(sv.ends[0].readables, ==, 0);
	/* Noticed by a send first. */
	fd = raw_pair(&sv);
	run_passes(fx, 3);
	raw_reset(fd);
	g_assert_cmpint(net_send(sv.ends[1].s, &iov, 1, false), ==, -ECONNRESET);
	g_assert_cmpint(net_recv(sv.ends[1].s, &iov, 1), ==, -ECONNRESET);
	/* By us. */
	fd = raw_pair(&sv);
	sv.ends[2].s->ops->abort(sv.ends[2].s);
	sv.ends[2].s = NULL;
	g_assert_cmpint(recv(fd, &byte, 1, 0), ==, -1);
	g_assert_cmpint(errno, ==, ECONNRESET);
	close(fd);
	server_close(&sv);
}

/* What was sent is delivered, then the end, and at once, whatever was not read. */
static void test_close(struct fixture *fx, gconstpointer data)
{
	struct iovec iov = { blob, 1000 };
	struct server sv;
	char buf[2000];

	(void)data;
	server_open(&sv, fx, 2);
	for (int i = 0; i < 2; i++) {
		int fd = raw_pair(&sv);

		g_assert_cmpint(send(fd, blob, 500, 0), ==, 500);
		sv.ends[i].chunk = 10;
		RUN_UNTIL(fx, sv.ends[i].got >= 10);
		g_assert_cmpint(net_send(sv.ends[i].s, &iov, 1, false), ==, 1000);
		if (i == 1)
			sv.ends[i].s->ops->detach(sv.ends[i].s);
		sv.ends[i].s->ops->close(sv.ends[i].s);
		sv.ends[i].s = NULL;
		g_assert_cmpint(recv(fd, buf, sizeof(buf), MSG_WAITALL), ==, 1000);
		g_assert_cmpint(recv(fd, buf, sizeof(buf), 0), ==, 0);
		close(fd);
	}
	server_close(&sv);
}

static void test_detach(struct fixture *fx, gconstpointer data)
{
	struct server sv;
	struct end *e;
	int fd;

	(void)data;
	server_open(&sv, fx, 1);
	fd = raw_pair(&sv);
	e = &sv.ends[0];
	e->chunk = 10;
	g_assert_cmpint(send(fd, blob, 30, 0), ==, 30);
	RUN_UNTIL(fx, e->got > 0);
	for (int i = 0; i < 50; i++) {
		size_t got = e->got;

		e->s->ops->detach(e->s);
		g_assert_cmpint(send(fd, blob + 30 + i, 1, 0), ==, 1);
		run_passes(fx, 3);
		g_assert_cmpuint(e->got, ==, got);
		g_assert_cmpint(e->s->ops->attach(e->s, fx->ctx, &end_cb, e), ==, 0);
		g_assert_cmpint(e->s->ops->attach(e->s, fx->ctx, &end_cb, e), ==, -EINVAL);
		if (i % 2 == 0)
			RUN_UNTIL(fx, e->got == 31 + (size_t)i);
	}
	RUN_UNTIL(fx, e->got == 80);
	close(fd);
	RUN_UNTIL(fx, e->eof);
	server_close(&sv);
}

static void test_pause(struct fixture *fx, gconstpointer data)
{
	struct server sv;
	struct end *e;
	int fd;

	(void)data;
	server_open(&sv, fx, 1);
	fd = raw_pair(&sv);
	e = &sv.ends[0];
	run_passes(fx, 3);
	e->chunk = 10;
	e->s->ops->pause(e->s, true);
	e->readables = 0;
	g_assert_cmpint(send(fd, blob, 100, 0), ==, 100);
	run_passes(fx, 20);
	g_assert_cmpint(e->readables, ==, 0);
	e->s->ops->pause(e->s, false);
	RUN_UNTIL(fx, e->got == 100);
	/* The end, too, waits. */
	e->s->ops->pause(e->s, true);
	close(fd);
	run_passes(fx, 20);
	g_assert_false(e->eof);
	e->s->ops->pause(e->s, false);
	RUN_UNTIL(fx, e->eof);
	server_close(&sv);
}

/* Whoever is called first closes all the others, whose events are fetched already, and itself. */
static struct server *massacre;

static void close_all(struct end *e)
{
	(void)e;
	for (unsigned i = 0; i < massacre->nends; i++) {
		struct net_stream *s = massacre->ends[i].s;

		massacre->ends[i].s = NULL;
		if (s != NULL && i % 3 == 0)
			s->ops->abort(s);
		else if (s != NULL)
			s->ops->close(s);
	}
	massacre->fx->net->listener_close(massacre->l);
	massacre->l = NULL;
}

static void test_close_in_callback(struct fixture *fx, gconstpointer data)
{
	int fds[40], late;
	struct server sv;

	(void)data;
	/* One more connection is waiting to be accepted. */
	server_open(&sv, fx, G_N_ELEMENTS(fds) + 1);
	massacre = &sv;
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = raw_pair(&sv);
	run_passes(fx, 3);
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
		sv.ends[i].on_readable = close_all;
		g_assert_cmpint(send(fds[i], blob, 10, 0), ==, 10);
	}
	late = raw_connect(&sv);
	RUN_UNTIL(fx, sv.l == NULL);
	run_passes(fx, 20);
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
		char byte;

		g_assert_cmpint(recv(fds[i], &byte, 1, 0), <=, 0);
		close(fds[i]);
	}
	close(late);
	massacre = NULL;
	server_close(&sv);
}

static rlim_t limit_fds(rlim_t limit)
{
	struct rlimit rl;
	rlim_t old;

	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &rl), ==, 0);
	old = rl.rlim_cur;
	rl.rlim_cur = limit;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &rl), ==, 0);
	return old;
}

static rlim_t next_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	close(fd);
	return (rlim_t)fd;
}

static void test_out_of_descriptors(struct fixture *fx, gconstpointer data)
{
	struct net_addr addr;
	struct net_ctx *ctx = NULL;
	struct end c = { 0 };
	struct server sv;
	struct net_listener *l = NULL;
	rlim_t old;
	int fd;

	(void)data;
	server_open(&sv, fx, 2);
	fd = raw_connect(&sv);
	old = limit_fds(next_fd());
	RUN_UNTIL(fx, sv.failures == 1);
	g_assert_cmpint(sv.err, ==, -EMFILE);
	g_assert_cmpuint(sv.accepted, ==, 0);
	/* No storm of failures: it waits. */
	run_passes(fx, 20);
	g_assert_cmpint(sv.failures, <=, 2);
	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "0", NULL));
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &l), ==, -EMFILE);
	g_assert_cmpint(fx->net->connect(fx->ctx, &sv.addr, NULL, &end_cb, &c, &c.s), ==, -EMFILE);
	g_assert_cmpint(fx->net->ctx_open(linux_hw_get(fx->lhw)->net, core_main(fx->core), &ctx),
			==, -EMFILE);
	g_assert_null(c.s);
	limit_fds(old);
	RUN_UNTIL(fx, sv.accepted == 1);
	/* Closed during the pause. */
	close(fd);
	fd = raw_connect(&sv);
	old = limit_fds(next_fd());
	sv.failures = 0;
	RUN_UNTIL(fx, sv.failures == 1);
	limit_fds(old);
	close(fd);
	server_close(&sv);
}

/* A listener needs as many descriptors as it needs, and gives back what it had. */
static void test_listen_lacks_descriptor(struct fixture *fx, gconstpointer data)
{
	struct net_listener *l = NULL;
	struct server sv = { .fx = fx };
	struct net_addr addr;
	rlim_t first = next_fd();
	unsigned failed = 0;

	(void)data;
	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "0", NULL));
	/* What is open above the first free one counts, too: it may take more steps than files. */
	for (unsigned room = 0; l == NULL && room < 1000; room++) {
		rlim_t old = limit_fds(first + room);
		int rc = fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &l);

		limit_fds(old);
		if (rc == 0)
			break;
		g_assert_cmpint(rc, ==, -EMFILE);
		g_assert_null(l);
		g_assert_cmpuint(next_fd(), ==, first);
		failed++;
	}
	g_assert_cmpuint(failed, >=, 1);
	g_assert_nonnull(l);
	fx->net->listener_close(l);
	g_assert_cmpuint(next_fd(), ==, first);
}

static int listener_rcvbuf(struct fixture *fx, unsigned bytes)
{
	struct net_listen_opts opts = { .rcvbuf = bytes };
	int fd = (int)next_fd(), value = 0;
	struct net_listener *l = NULL;
	struct server sv = { .fx = fx };
	socklen_t len = sizeof(value);
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "0", NULL));
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, &opts, &server_cb, &sv, &l), ==, 0);
	g_assert_cmpint(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len), ==, 0);
	fx->net->listener_close(l);
	return value;
}

/* Without CAP_NET_ADMIN, or with it again. */
static void net_admin(bool allowed)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	g_assert_cmpint(syscall(SYS_capget, &head, caps), ==, 0);
	caps[0].effective &= ~(1u << CAP_NET_ADMIN);
	if (allowed)
		caps[0].effective |= caps[0].permitted & 1u << CAP_NET_ADMIN;
	g_assert_cmpint(syscall(SYS_capset, &head, caps), ==, 0);
}

/* The kernel reports twice what it was asked for. */
static void test_rcvbuf(struct fixture *fx, gconstpointer data)
{
	g_autofree char *text = NULL;
	int untouched = listener_rcvbuf(fx, 0);
	unsigned limit;

	(void)data;
	if (!g_file_get_contents("/proc/sys/net/core/rmem_max", &text, NULL, NULL)) {
		g_test_skip("the system does not tell its limit");
		return;
	}
	limit = (unsigned)g_ascii_strtoull(text, NULL, 10);
	g_assert_cmpint(listener_rcvbuf(fx, 30000), ==, 60000);
	/* What would be cut short is left to the kernel. */
	net_admin(false);
	g_assert_cmpint(listener_rcvbuf(fx, 30000), ==, 60000);
	g_assert_cmpint(listener_rcvbuf(fx, limit), ==, (int)(2 * limit));
	g_assert_cmpint(listener_rcvbuf(fx, limit + 1), ==, untouched);
	g_assert_cmpint(listener_rcvbuf(fx, UINT_MAX), ==, untouched);
	net_admin(true);
}

static void test_refused(struct fixture *fx, gconstpointer data)
{
	g_autofree char *path = g_build_filename(fx->dir, "nobody", NULL);
	struct end c = { 0 }, u = { 0 };
	struct net_listener *l = NULL;
	struct net_addr addr;
	struct server sv;

	(void)data;
	server_open(&sv, fx, 1);
	g_assert_cmpint(fx->net->listen(fx->ctx, &sv.addr, NULL, &server_cb, &sv, &l), ==,
			-EADDRINUSE);
	addr = sv.addr;
	server_close(&sv);
	/* Nobody listens there now. */
	end_connect(&c, fx, &addr);
	g_assert_cmpint(c.err, ==, -ECONNREFUSED);
	run_passes(fx, 10);
	g_assert_cmpint(c.readables + c.writables, ==, 0);
	c.s->ops->close(c.s);
	net_addr_unix(&addr, path);
	end_connect(&u, fx, &addr);
	g_assert_cmpint(u.err, ==, -ENOENT);
	u.s->ops->abort(u.s);
	/* An address that is not ours (TEST-NET-1), to listen on and to come from. */
	g_assert_true(net_addr_parse(&addr, "192.0.2.1", "0", NULL));
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &l), ==,
			-EADDRNOTAVAIL);
	g_assert_cmpint(fx->net->connect(fx->ctx, &addr, &addr, &end_cb, &c, &c.s), ==,
			-EADDRNOTAVAIL);
	net_addr_unix(&addr, "");
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &l), ==, -EINVAL);
	g_assert_cmpint(fx->net->connect(fx->ctx, &addr, NULL, &end_cb, &c, &c.s), ==, -EINVAL);
	g_assert_null(l);
}

static void test_unix_file(struct fixture *fx, gconstpointer data)
{
	g_autofree char *path = g_build_filename(fx->dir, "sock", NULL);
	struct net_listen_opts opts = { .mode = 0660 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct net_listener *l = NULL, *second = NULL;
	struct net_addr addr;
	struct server sv = { .fx = fx };
	struct stat st;
	mode_t mask = umask(077);
	int fd;

	(void)data;
	net_addr_unix(&addr, path);
	/* Left over by somebody who is gone. */
	g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
	close(fd);
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, &opts, &server_cb, &sv, &l), ==, 0);
	umask(mask);
	g_assert_cmpint(lstat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0660);
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &second), ==,
			-EADDRINUSE);
	g_assert_null(second);
	/* The probe of the second one must not have harmed the first one's file. */
	g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
	fx->net->listener_close(l);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	/* Private if not said otherwise. */
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &l), ==, 0);
	g_assert_cmpint(lstat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	/* Replaced by something else: not ours to remove. */
	g_unlink(path);
	g_assert_true(g_file_set_contents(path, "x", 1, NULL));
	fx->net->listener_close(l);
	g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
	g_assert_cmpint(fx->net->listen(fx->ctx, &addr, NULL, &server_cb, &sv, &l), ==,
			-EADDRINUSE);
	g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
	g_unlink(path);
}

/* More events at once than any queue of the backend holds. */
static void test_crowd(struct fixture *fx, gconstpointer data)
{
	enum { N = 1500 };
	g_autofree int *fds = g_new(int, N);
	struct server sv;
	struct rlimit rl;
	rlim_t old;

	(void)data;
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &rl), ==, 0);
	if (rl.rlim_max < 2 * N + 100) {
		g_test_skip("too few file descriptors permitted");
		return;
	}
	old = limit_fds(2 * N + 100);
	server_open(&sv, fx, N);
	for (unsigned i = 0; i < N; i++)
		fds[i] = raw_pair(&sv);
	for (unsigned i = 0; i < N; i++)
		sv.ends[i].chunk = 100;
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N; i++)
			g_assert_cmpint(send(fds[i], blob + 5 * round, 5, 0), ==, 5);
		for (unsigned i = 0; i < N; i++)
			RUN_UNTIL(fx, sv.ends[i].got == 5 * (size_t)(round + 1));
	}
	for (unsigned i = 0; i < N; i++)
		close(fds[i]);
	for (unsigned i = 0; i < N; i++)
		RUN_UNTIL(fx, sv.ends[i].eof);
	server_close(&sv);
	limit_fds(old);
}

/* Two reactors with threads; a stream moves; what is left is closed when they do not run any more.
 */
struct move {
	struct fixture *fx;
	struct end end;
	gint arrived;
};

static void moved(struct reactor *r, void *arg)
{
	struct move *m = arg;

	g_assert_cmpint(m->end.s->ops->attach(m->end.s, r->net, &end_cb, &m->end), ==, 0);
}

static void move_accepted(struct net_listener *l, struct net_stream *s, void *user)
{
	struct move *m = user;

	(void)l;
	m->end.s = s;
	core_call(m->fx->core->reactors[1], moved, m);
}

static void answer(struct end *e)
{
	char buf[100];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(e->s, &iov, 1);

	if (n <= 0)
		return;
	iov.iov_len = (size_t)n;
	g_assert_cmpint(net_send(e->s, &iov, 1, false), ==, n);
}

static void test_move(struct fixture *fx, gconstpointer data)
{
	static const struct net_listener_cb cb = { .accepted = move_accepted };
	const struct setting *setting = data;
	struct core_options options = { .nreactors = 2, .spin_ns = setting->spin_ns };
	struct core *first = fx->core;
	struct move m = { .fx = fx, .end.on_readable = answer };
	struct server sv = { .fx = fx };
	struct net_addr addr;
	char buf[10];
	int fd;

	fx->core = core_new(linux_hw_get(fx->lhw), &options, NULL);
	g_assert_true(core_start(fx->core, NULL));
	g_assert_true(net_addr_parse(&addr, "127.0.0.1", "0", NULL));
	g_assert_cmpint(fx->net->listen(core_main(fx->core)->net, &addr, NULL, &cb, &m, &sv.l), ==,
			0);
	fx->net->listener_local(sv.l, &sv.addr);
	fd = raw_connect(&sv);
	RUN_UNTIL(fx, m.end.s != NULL);
	for (int i = 0; i < 500; i++) {
		g_assert_cmpint(send(fd, "question", 8, 0), ==, 8);
		g_assert_cmpint(recv(fd, buf, 8, MSG_WAITALL), ==, 8);
		g_assert_cmpint(memcmp(buf, "question", 8), ==, 0);
	}
	core_stop(fx->core);
	fx->net->listener_close(sv.l);
	/* The port is free at once. */
	g_assert_cmpint(fx->net->listen(first->reactors[0]->net, &sv.addr, NULL, &cb, &m, &sv.l),
			==, 0);
	fx->net->listener_close(sv.l);
	m.end.s->ops->close(m.end.s);
	g_assert_cmpint(recv(fd, buf, 8, 0), ==, 0);
	close(fd);
	core_free(fx->core);
	fx->core = first;
}

static bool have_io_uring(void)
{
	struct linux_hw_options options = { .net_engine = LINUX_NET_IO_URING };
	struct linux_hw *lhw = linux_hw_new(&options, NULL);

	linux_hw_free(lhw);
	return lhw != NULL;
}

static void skipped(void)
{
	g_test_skip("this machine has no io_uring");
}

int main(int argc, char **argv)
{
	static const struct setting settings[] = {
		{ "epoll", LINUX_NET_EPOLL, 0 },
		{ "epoll-spin", LINUX_NET_EPOLL, HW_SPIN_ADAPTIVE },
		{ "io_uring", LINUX_NET_IO_URING, 0 },
		{ "io_uring-spin", LINUX_NET_IO_URING, HW_SPIN_ADAPTIVE },
	};
	static const struct {
		const char *name;
		void (*fn)(struct fixture *fx, gconstpointer data);
	} tests[] = {
		{ "bulk", test_bulk },
		{ "end-with-data", test_end_with_data },
		{ "reset", test_reset },
		{ "close", test_close },
		{ "detach", test_detach },
		{ "pause", test_pause },
		{ "close-in-callback", test_close_in_callback },
		{ "out-of-descriptors", test_out_of_descriptors },
		{ "listen-lacks-descriptor", test_listen_lacks_descriptor },
		{ "rcvbuf", test_rcvbuf },
		{ "refused", test_refused },
		{ "unix-file", test_unix_file },
		{ "crowd", test_crowd },
		{ "move", test_move },
	};
	bool uring = have_io_uring();

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(settings); i++) {
		for (unsigned t = 0; t < G_N_ELEMENTS(tests); t++) {
			g_autofree char *path =
				g_strdup_printf("/net/%s/%s", settings[i].name, tests[t].name);

			if (settings[i].engine == LINUX_NET_IO_URING && !uring)
				g_test_add_func(path, skipped);
			else
				g_test_add(path, struct fixture, &settings[i], net_setup,
					   tests[t].fn, net_teardown);
		}
	}
	return g_test_run();
}
