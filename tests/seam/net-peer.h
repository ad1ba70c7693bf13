/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of a stream in the net suite. It sends a pattern (a function of seed
 * and position) and checks that what it receives is the pattern of its peer:
 * nothing lost, doubled, or in the wrong place.
 */
#pragma once

#include "tests/seam/seam.h"

enum peer_action { DO_NOTHING, DO_CLOSE, DO_ABORT, DO_DETACH };

struct peer {
	struct rig *rig;
	struct net_stream *stream;
	struct reactor *reactor; /* where it is attached */

	/* What it shall do. */
	uint64_t total; /* bytes to send */
	uint32_t seed_out, seed_in;
	bool echo;	    /* total grows by what comes in */
	bool finish;	    /* shutdown when all is sent */
	bool finish_on_eof; /* ... and end of file came */
	bool close_on_eof;
	bool stay_open;	   /* do not close on an error */
	size_t send_chunk; /* bytes in one send, 0: 65536 */
	int send_iovs;	   /* buffers in one send, 0: 1 */
	size_t recv_chunk; /* bytes asked for by one recv, 0: 65536 */
	bool recv_once;	   /* one recv a callback */
	GRand *random;	   /* random sizes, pauses; may be NULL */
	enum peer_action on_connected, on_readable, on_writable;

	/* What happened. */
	uint64_t sent, received;
	unsigned connects, readables, writables;
	bool paused;
	int connect_error, recv_error, send_error;
	bool shut;
	int eof;    /* atomic, as the next two */
	int gone;   /* closed, aborted or detached */
	int failed; /* a pattern that did not fit, a call that came wrongly */
};

extern const struct net_stream_cb peer_cb;

/* Sends what can be sent. */
void peer_send(struct peer *p);
void peer_receive(struct peer *p);
void peer_pause(struct peer *p, bool paused);
void peer_close(struct peer *p);
void peer_abort(struct peer *p);
void peer_detach(struct peer *p);
int peer_attach(struct peer *p, struct net_stream *stream, struct reactor *r);
int peer_connect(struct peer *p, struct reactor *r, const struct net_addr *to,
		 const struct net_addr *from);

/* A listener that gives each accepted stream to a copy of proto. */
struct server {
	struct rig *rig;
	struct net_listener *listener;
	struct net_addr addr;
	struct peer proto;
	enum peer_action on_accepted;
	bool close_listener; /* in the callback */
	GPtrArray *peers;    /* struct peer, freed with the server */
	int accepted, failures;
	int last_failure;
};

int server_listen(struct server *s, struct rig *rig, const struct net_addr *addr,
		  const struct net_listen_opts *opts);
void server_stop_listening(struct server *s);
/* Closes what is open still. */
void server_close(struct server *s);
