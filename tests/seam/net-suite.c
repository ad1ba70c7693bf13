/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conformance of hw/net.h: data. Errors and life cycles are in net-errors.c.
 */
#include <errno.h>
#include <string.h>

#include "tests/seam/net-suite.h"

bool peer_open(void *arg)
{
	struct peer *p = arg;

	return g_atomic_int_get(&p->gone) == 0 && g_atomic_int_get(&p->failed) == 0;
}

static void connect_now(struct reactor *r, void *arg)
{
	struct dial *d = arg;

	d->ret = peer_connect(d->peer, r, d->to, d->from);
}

int dial(struct rig *rig, struct peer *p, const struct net_addr *to, const struct net_addr *from)
{
	struct dial d = { p, to, from, 0 };

	p->rig = rig;
	rig_on(rig, 0, connect_now, &d);
	return d.ret;
}

void loopback(struct net_addr *addr)
{
	g_assert_true(net_addr_parse(addr, "127.0.0.1", "0", NULL));
}

void serve(struct server *s, struct rig *rig)
{
	struct net_addr addr;

	loopback(&addr);
	g_assert_cmpint(server_listen(s, rig, &addr, NULL), ==, 0);
	g_assert_cmpuint(s->addr.port, !=, 0);
}

/* A client that sends total bytes to an echo and waits for the end. */
static void echo_once(struct rig *rig, struct server *s, uint64_t total)
{
	struct peer client = {
		.total = total,
		.seed_out = 7,
		.seed_in = 7,
		.finish = true,
		.close_on_eof = true,
	};

	g_assert_cmpint(dial(rig, &client, &s->addr, NULL), ==, 0);
	rig_wait(rig, peer_open, &client);
	g_assert_cmpint(client.failed, ==, 0);
	g_assert_cmpint(client.connect_error, ==, 0);
	g_assert_cmpint(client.recv_error, ==, 0);
	g_assert_cmpuint(client.received, ==, total);
	g_assert_cmpint(client.eof, ==, 1);
	g_assert_cmpuint(client.connects, ==, 1);
}

static void echo_sizes(const struct net_addr *addr, const struct net_listen_opts *opts)
{
	static const uint64_t sizes[] = { 0, 1, 2, 4095, 4096, 65536, 1u << 20, 6u << 20 };
	struct server s = {
		.proto = { .echo = true, .close_on_eof = true, .seed_out = 7, .seed_in = 7 }
	};
	struct rig rig;

	rig_up(&rig);
	g_assert_cmpint(server_listen(&s, &rig, addr, opts), ==, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
		echo_once(&rig, &s, sizes[i]);
	server_close(&s);
	rig_down(&rig);
}

static void test_echo(void)
{
	struct net_addr addr;

	loopback(&addr);
	echo_sizes(&addr, NULL);
}

static void test_echo_inet6(void)
{
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, "::1", "0", NULL));
	echo_sizes(&addr, NULL);
}

/* Options are wishes: a backend without them takes them, and nothing is lost either way. */
static void test_listen_options(void)
{
	static const struct net_listen_opts opts = { .backlog = 3, .priority = 5, .rcvbuf = 4096 };
	struct net_addr addr;

	loopback(&addr);
	echo_sizes(&addr, &opts);
}

/* ---- addresses ---------------------------------------------------------------------- */

struct names {
	struct peer *client, *served;
	struct net_addr c_local, c_remote, s_local, s_remote;
};

static void get_names(struct reactor *r, void *arg)
{
	struct names *n = arg;

	(void)r;
	cover("slot", "local");
	cover("slot", "remote");
	n->client->stream->ops->local(n->client->stream, &n->c_local);
	n->client->stream->ops->remote(n->client->stream, &n->c_remote);
	n->served->stream->ops->local(n->served->stream, &n->s_local);
	n->served->stream->ops->remote(n->served->stream, &n->s_remote);
}

static void close_peer(struct reactor *r, void *arg)
{
	(void)r;
	peer_close(arg);
}

static bool nobody_accepted(void *arg)
{
	return g_atomic_int_get(&((struct server *)arg)->accepted) == 0;
}

static bool not_connected(void *arg)
{
	return ((struct peer *)arg)->connects == 0;
}

static void test_addresses(void)
{
	struct server s = { .proto = { .close_on_eof = true } };
	struct peer client = { 0 };
	struct names n;
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, nobody_accepted, &s);
	rig_wait(&rig, not_connected, &client);
	n.client = &client;
	n.served = g_ptr_array_index(s.peers, 0);
	rig_on(&rig, 0, get_names, &n);
	g_assert_true(net_addr_equal(&n.c_remote, &s.addr));
	g_assert_true(net_addr_equal(&n.s_local, &s.addr));
	g_assert_true(net_addr_equal(&n.c_local, &n.s_remote));
	g_assert_cmpuint(n.c_local.port, !=, 0);
	rig_on(&rig, 0, close_peer, &client);
	server_close(&s);
	rig_down(&rig);
}

/* ---- flow --------------------------------------------------------------------------- */

struct flow {
	struct peer *client, *served;
	uint64_t seen;
};

static bool still_sending(void *arg)
{
	struct flow *f = arg;
	bool moving = f->client->sent != f->seen || f->client->sent == 0;

	f->seen = f->client->sent;
	return moving;
}

static void pause_it(struct reactor *r, void *arg)
{
	(void)r;
	peer_pause(arg, true);
}

static void unpause_it(struct reactor *r, void *arg)
{
	(void)r;
	peer_pause(arg, false);
}

/* A paused receiver stops the sender; unpaused, everything comes. */
static void test_backpressure(void)
{
	const uint64_t total = 24u << 20;
	struct server s = { .proto = { .echo = false, .close_on_eof = true, .seed_in = 3 } };
	struct peer client = {
		.total = total, .seed_out = 3, .finish = true, .close_on_eof = true
	};
	struct flow f = { .client = &client };
	struct rig rig;
	unsigned before;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, nobody_accepted, &s);
	f.served = g_ptr_array_index(s.peers, 0);
	rig_on(&rig, 0, pause_it, f.served);
	before = f.served->readables;
	do {
		backend_run_for(rig.b, 20000000);
	} while (still_sending(&f));
	g_assert_cmpuint(client.sent, <, total);
	g_assert_cmpuint(f.served->readables, ==, before);
	rig_on(&rig, 0, unpause_it, f.served);
	rig_wait(&rig, peer_open, &client);
	g_assert_cmpuint(client.sent, ==, total);
	g_assert_cmpuint(f.served->received, ==, total);
	g_assert_cmpint(f.served->failed, ==, 0);
	g_assert_cmpuint(client.writables, >, 0);
	server_close(&s);
	rig_down(&rig);
}

/* One byte a callback: readable comes again and again without new bytes coming. */
static void test_level_triggered(void)
{
	struct server s = { .proto = { .close_on_eof = true, .recv_chunk = 1, .recv_once = true } };
	struct peer client = { .total = 3000, .finish = true, .close_on_eof = true };
	struct peer *served;
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	served = g_ptr_array_index(s.peers, 0);
	g_assert_cmpint(served->failed, ==, 0);
	g_assert_cmpuint(served->received, ==, 3000);
	g_assert_cmpuint(served->readables, >=, 3000);
	server_close(&s);
	rig_down(&rig);
}

/* Each side half-closes first once; the other way goes on. */
static void test_half_close(void)
{
	struct server s = { .proto = { .total = 300000,
				       .finish = true,
				       .finish_on_eof = true,
				       .stay_open = true,
				       .seed_out = 1,
				       .seed_in = 2 } };
	struct peer client = {
		.total = 1000, .finish = true, .close_on_eof = true, .seed_in = 1, .seed_out = 2
	};
	struct peer slow = { .total = 500000,
			     .finish = true,
			     .finish_on_eof = true,
			     .close_on_eof = true,
			     .seed_in = 1,
			     .seed_out = 2 };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	g_assert_cmpuint(client.received, ==, 300000);
	g_assert_cmpint(client.failed, ==, 0);

	s.proto.finish_on_eof = false;
	s.proto.total = 10;
	g_assert_cmpint(dial(&rig, &slow, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &slow);
	g_assert_cmpuint(slow.received, ==, 10);
	for (guint i = 0; i < s.peers->len; i++) {
		struct peer *p = g_ptr_array_index(s.peers, i);

		g_assert_cmpint(p->failed, ==, 0);
		g_assert_cmpint(p->shut, ==, true);
	}
	server_close(&s);
	rig_down(&rig);
}

/* Closed right after the send: all of it comes, then end of file. */
static void test_eof_after_data(void)
{
	struct server s = { .proto = { .total = 50000, .finish = true } };
	struct peer client = { .close_on_eof = true, .recv_chunk = 999 };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	g_assert_cmpuint(client.received, ==, 50000);
	g_assert_cmpint(client.failed, ==, 0);
	server_close(&s);
	rig_down(&rig);
}

static void test_gather(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true } };
	struct peer client = {
		.total = 3u << 20, .finish = true, .close_on_eof = true, .send_iovs = NET_IOV_MAX
	};
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	g_assert_cmpuint(client.received, ==, 3u << 20);
	/* Fewer bytes than buffers: most of them are empty. */
	client = (struct peer){ .total = 5000,
				.finish = true,
				.close_on_eof = true,
				.send_iovs = NET_IOV_MAX,
				.send_chunk = 100 };
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, peer_open, &client);
	g_assert_cmpuint(client.received, ==, 5000);
	g_assert_cmpint(client.failed, ==, 0);
	server_close(&s);
	rig_down(&rig);
}

static bool many_open(void *arg)
{
	struct peer *clients = arg;

	for (unsigned i = 0; i < MANY; i++) {
		if (peer_open(&clients[i]))
			return true;
	}
	return false;
}

static void test_many(void)
{
	struct server s = { .proto = { .echo = true, .close_on_eof = true } };
	g_autofree struct peer *clients = g_new0(struct peer, MANY);
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	for (unsigned i = 0; i < MANY; i++) {
		clients[i] = (struct peer){ .total = 20000, .finish = true, .close_on_eof = true };
		g_assert_cmpint(dial(&rig, &clients[i], &s.addr, NULL), ==, 0);
	}
	rig_wait(&rig, many_open, clients);
	for (unsigned i = 0; i < MANY; i++) {
		g_assert_cmpint(clients[i].failed, ==, 0);
		g_assert_cmpint(clients[i].connect_error, ==, 0);
		g_assert_cmpuint(clients[i].received, ==, 20000);
	}
	server_close(&s);
	rig_down(&rig);
}

/* ---- random operations -------------------------------------------------------------- */

struct fidget {
	struct peer *client, *served;
	GRand *random;
};

/* Pauses and unpauses at random, and calls recv and send out of turn. */
static void fidget(struct reactor *r, void *arg)
{
	struct fidget *f = arg;

	(void)r;
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = i ? f->served : f->client;

		/* Sending is not allowed before the client is connected. */
		if (!p->stream || (p == f->client && p->connects == 0))
			continue;
		switch (g_rand_int_range(f->random, 0, 6)) {
		case 0:
			peer_pause(p, true);
			break;
		case 1:
			peer_send(p);
			break;
		default:
			peer_pause(p, false);
			break;
		}
	}
}

static void random_ops(guint32 seed)
{
	struct fidget f = { .random = g_rand_new_with_seed(seed) };
	GRand *sizes = g_rand_new_with_seed(seed ^ 0x5eed);
	struct server s = { .proto = { .total = 400000,
				       .finish = true,
				       .close_on_eof = true,
				       .random = sizes,
				       .seed_in = seed,
				       .seed_out = seed + 1,
				       .send_chunk = 5000,
				       .recv_chunk = 7000 } };
	struct peer client = { .total = 600000,
			       .finish = true,
			       .close_on_eof = true,
			       .random = sizes,
			       .seed_out = seed,
			       .seed_in = seed + 1,
			       .send_chunk = 9000,
			       .recv_chunk = 3000 };
	struct rig rig;

	rig_up(&rig);
	serve(&s, &rig);
	f.client = &client;
	g_assert_cmpint(dial(&rig, &client, &s.addr, NULL), ==, 0);
	rig_wait(&rig, nobody_accepted, &s);
	f.served = g_ptr_array_index(s.peers, 0);
	for (unsigned i = 0; i < 300; i++) {
		rig_on(&rig, 0, fidget, &f);
		if (i % 10 == 0)
			backend_run_for(rig.b, 100000);
	}
	if (client.stream)
		rig_on(&rig, 0, unpause_it, &client);
	if (f.served->stream)
		rig_on(&rig, 0, unpause_it, f.served);
	rig_wait(&rig, peer_open, &client);
	rig_wait(&rig, peer_open, f.served);
	g_assert_cmpint(client.failed, ==, 0);
	g_assert_cmpint(f.served->failed, ==, 0);
	g_assert_cmpuint(client.received, ==, 400000);
	g_assert_cmpuint(f.served->received, ==, 600000);
	server_close(&s);
	rig_down(&rig);
	g_rand_free(f.random);
	g_rand_free(sizes);
}

static void test_random(void)
{
	for (guint32 seed = 1; seed <= 8; seed++)
		random_ops(seed);
}

static void add_tests(void)
{
	cover("slot", "ctx_open");
	cover("slot", "ctx_close");
	g_test_add_func("/net/echo", test_echo);
	g_test_add_func("/net/echo-inet6", test_echo_inet6);
	g_test_add_func("/net/listen-options", test_listen_options);
	g_test_add_func("/net/addresses", test_addresses);
	g_test_add_func("/net/backpressure", test_backpressure);
	g_test_add_func("/net/level-triggered", test_level_triggered);
	g_test_add_func("/net/half-close", test_half_close);
	g_test_add_func("/net/eof-after-data", test_eof_after_data);
	g_test_add_func("/net/gather", test_gather);
	g_test_add_func("/net/many", test_many);
	g_test_add_func("/net/random", test_random);
	net_errors_add();
}

int main(int argc, char **argv)
{
	static const char *const slots[] = {
		"ctx_open", "ctx_close", "listen", "listener_close", "listener_local",
		"connect",  "recv",	 "send",   "shutdown",	     "close",
		"abort",    "pause",	 "detach", "attach",	     "local",
		"remote",   NULL,
	};
	static const char *const callbacks[] = { "accepted", "failed",	 "connected",
						 "readable", "writable", NULL };
	static const char *const errors[] = {
		"EAGAIN",    "ECONNRESET", "ECONNREFUSED",  "EPIPE",
		"ETIMEDOUT", "EADDRINUSE", "EADDRNOTAVAIL", "EHOSTUNREACH or ENETUNREACH",
		"EACCES",    "EMFILE",	   "ENOMEM",	    "EINVAL",
		NULL,
	};
	static const struct cover_list lists[] = { { "slot", slots },
						   { "callback", callbacks },
						   { "error", errors } };

	return seam_main(argc, argv, add_tests, lists, G_N_ELEMENTS(lists));
}
