/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of the Linux sockets share: a context to run, ends of streams
 * that check a running pattern of bytes, a listener, and raw sockets as peers.
 */
#pragma once

#include <glib.h>

#include "hw/linux/linux.h"
#include "hw/net.h"
#include "target/core/core.h"

struct setting {
	const char *name;
	enum linux_net_engine engine;
	uint64_t spin_ns;
};

struct fixture {
	GMainContext *context;
	struct linux_hw *lhw;
	struct core *core;
	struct net_ctx *ctx;
	const struct hw_net_ops *net;
	char *dir;
};

/* One end that is ours. */
struct end {
	struct net_stream *s;
	struct fixture *fx;
	int connects, err, readables, writables;
	size_t chunk;	   /* to receive at a time; 0: not at all */
	size_t want_send;  /* bytes still to send */
	uint8_t next_sent; /* the pattern */
	uint8_t next_got;
	size_t got;
	bool eof;
	int recv_err;
	void (*on_readable)(struct end *e);
};

/* Takes the next stream that comes. */
struct server {
	struct net_listener *l;
	struct fixture *fx;
	struct end *ends;
	unsigned nends, accepted;
	int failures, err;
	struct net_addr addr;
};

#define BLOB_LEN (256 * 1024)

/* The pattern: each byte is one more than the one before. */
extern char blob[BLOB_LEN];
extern const struct net_stream_cb end_cb;
extern const struct net_listener_cb server_cb;

#define RUN_UNTIL(fx, condition)                                                                   \
	while (!(condition))                                                                       \
	g_main_context_iteration((fx)->context, TRUE)

void end_receive(struct end *e);
void end_send(struct end *e);
void net_setup(struct fixture *fx, gconstpointer data);
void net_teardown(struct fixture *fx, gconstpointer data);
/* So many passes, whether there is work or not. */
void run_passes(struct fixture *fx, unsigned n);
void server_open_at(struct server *sv, struct fixture *fx, const struct net_addr *addr,
		    unsigned nends);
void server_open(struct server *sv, struct fixture *fx, unsigned nends);
void server_close(struct server *sv);
/* A blocking socket connected to the server. */
int raw_connect(const struct server *sv);
int raw_pair(struct server *sv);
void raw_reset(int fd);
void end_connect(struct end *e, struct fixture *fx, const struct net_addr *addr);
