/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server end of the probe: counts request bytes, owes an answer for each
 * whole request, and sends what it owes. Answers are a position in an endless
 * stream, so that a short send needs no bookkeeping.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum probe_engine {
	PROBE_DIRECT,	  /* recv and sendmsg, non-blocking, again and again */
	PROBE_EPOLL,	  /* epoll_wait(0) between them */
	PROBE_URING_POLL, /* io_uring multishot poll tells when; recv and sendmsg are called
			     directly */
	PROBE_URING_OPS,  /* io_uring RECV and SENDMSG operations */
};

#define PROBE_HDR 24   /* of an answer: as C2HData or CapsuleResp */
#define PROBE_IOV 1024 /* the kernel's limit for one sendmsg */

struct probe_server {
	int fd; /* non-blocking */
	enum probe_engine engine;
	size_t req_len;
	size_t data_len; /* behind the header of an answer; 0 when the data is in the requests */
	size_t region;	 /* bytes that the data of answers is taken from, a multiple of data_len */
	bool flat;	 /* headers and data lie together in memory: no gathering */
	unsigned max_batch; /* answers a send */
	size_t piece;	    /* bytes a send */
	size_t recv_len;
	bool quickack;

	uint8_t *in, *hdr, *data;
	uint64_t rx, tx;
	struct iovec iov[PROBE_IOV];
};

struct probe_server_stats { /* shared with the parent process */
	uint64_t sends, recvs, empty;
	uint64_t cpu_user, cpu_sys, wall;
};

/* Serves until the peer closes; exits on an error. */
void probe_serve(struct probe_server *s, struct probe_server_stats *stats);

/* Bytes owed for the whole requests received. */
static inline uint64_t probe_owed(const struct probe_server *s)
{
	return s->rx / s->req_len * (PROBE_HDR + s->data_len) - s->tx;
}

/* Lays the next owed bytes, within the limits, out in s->iov; returns the number of pieces. */
unsigned probe_gather(struct probe_server *s);

/* probe-uring.c */
void probe_serve_uring(struct probe_server *s, struct probe_server_stats *stats);
/* One non-blocking receive; false when the peer has closed. n: what came. */
bool probe_recv(struct probe_server *s, struct probe_server_stats *stats, size_t *n);
/* Sends what is owed, as far as the socket takes it. */
void probe_send(struct probe_server *s, struct probe_server_stats *stats);
