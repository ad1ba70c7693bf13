/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files: what file.c (opening, closing, watching), file-ctx.c (reactors),
 * file-ring.c (io_uring), file-io.c (blocking I/O), file-id.c and file-step.c share.
 *
 * Reads, writes and flushes go to the reactor's ring, where there is one. What
 * the ring cannot do, or does by halves, is done or completed by a thread of the
 * file's own pool: a file that hangs uses up its own threads and nobody else's.
 */
#pragma once

#include <pthread.h>

#include "hw/file.h"
#include "hw/linux/internal.h"
#include "hw/linux/jobs.h"
#include "target/core/engine.h"
#include "target/core/reactor.h"

struct file_ctx;
struct file_ring;

/* Something to be done on the reactor of a context. Intrusive; once at a time. */
struct notice {
	struct notice *next;
	void (*deliver)(struct notice *n);
};

struct linux_files {
	struct hw_file hw;
	bool use_rings;
	bool fall_back;		  /* a context without a ring is as well */
	struct job_pool *control; /* opens, closes, looks at sizes */
	pthread_mutex_t lock;	  /* what follows, and what struct file says */
	struct file_ctx *ctxs;
	struct file *files; /* that are open */
	uint64_t round;	    /* of looking at their sizes */
	pthread_cond_t tick;
	pthread_t watcher;
	bool watching, stop;
};

struct file {
	struct linux_files *files;
	const struct file_cb *cb;
	void *user;
	char *path;
	unsigned flags;
	int err;	       /* of opening */
	int direct_fd;	       /* -1: direct I/O was refused, or not wanted */
	int buffered_fd;       /* -1: not open */
	struct file_info info; /* the owner's */
	struct job_pool *pool;
	struct job job;
	void (*closed)(void *user);
	void *closed_user;
	struct notice opened_notice, changed_notice, closed_notice;
	/* Under files->lock. */
	struct file_ctx *ctx;	   /* the owner's; NULL: it must not hear any more */
	struct file *next, **prev; /* prev NULL: not in the list */
	unsigned refs;		   /* the owner's, and one for each notice under way */
	bool opening, closing;
	bool looking; /* a thread looks at its size */
	bool asked;   /* the owner wants to hear of it in any case */
	bool changed_queued;
	uint64_t round; /* it was looked at in */
	uint64_t seen_size;
	int seen_err;
};

struct file_ctx {
	struct engine engine; /* fd: the eventfd */
	struct linux_files *files;
	struct file_ctx *next;
	struct reactor *reactor;
	unsigned refs;		/* under files->lock */
	bool polling;		/* from inside of it nothing is freed */
	struct file_ring *ring; /* NULL: threads */
	/* Under lock, but any. */
	pthread_mutex_t lock;
	struct notice *head, **tail;
	bool armed;
	bool any; /* there may be notices; atomic */
};

struct file_queue {
	struct file *file;
	struct file_ctx *ctx;
	unsigned inflight;
};

/* struct file_io's backend part. */
struct linux_io {
	struct job job;
	struct notice notice;
	struct file_queue *queue;
	struct linux_io *next_waiting;
	uint64_t progress; /* bytes done */
};

_Static_assert(sizeof(struct linux_io) <= sizeof(((struct file_io *)0)->backend),
	       "an I/O has room for the backend's part");

static inline struct linux_io *linux_io_of(struct file_io *io)
{
	return (struct linux_io *)io->backend;
}

static inline struct file_io *file_io_of(struct linux_io *lio)
{
	return (struct file_io *)((char *)lio - offsetof(struct file_io, backend));
}

/* --- file-ctx.c ------------------------------------------------------------------------ */

/* On its reactor, or before it runs. One more reference. 0 or a negative errno. */
int file_ctx_get(struct linux_files *files, struct reactor *reactor, struct file_ctx **out);
void file_ctx_put(struct file_ctx *ctx);
/* Any thread; the context is there until the notice has been delivered. */
void file_ctx_notify(struct file_ctx *ctx, struct notice *notice);
/* On the context's reactor: the I/O has ended, io->result is set. done is called from here. */
void file_io_ended(struct file_io *io);
/* The same, but later. */
void file_io_ends_soon(struct file_io *io, int result);
/* The rest of it, after progress, is for a thread. */
void file_io_to_thread(struct file_io *io);

int file_queue_open(struct file *file, struct reactor *reactor, struct file_queue **out);
void file_queue_close(struct file_queue *queue);
void file_submit(struct file_queue *queue, struct file_io *io);

/* --- file-ring.c ------------------------------------------------------------------------ */

/* event_fd is signalled while it is armed. 0 or a negative errno. */
int file_ring_new(struct reactor *reactor, int event_fd, struct file_ring **out);
void file_ring_free(struct file_ring *ring);
/* Reads, writes and flushes only. */
void file_ring_submit(struct file_ring *ring, struct file_io *io);
/* Ends what has ended. How many. */
unsigned file_ring_poll(struct file_ring *ring, unsigned budget);
/* False: there is something to do already. */
bool file_ring_arm(struct file_ring *ring);
void file_ring_disarm(struct file_ring *ring);

/* --- file-io.c -------------------------------------------------------------------------- */

/* Offset, length and memory are as direct I/O wants them. */
bool file_io_direct(const struct file *file, const struct file_io *io);
/* Does io from byte `progress` on; blocks. 0 or a negative errno. */
int file_io_block(struct file *file, const struct file_io *io, uint64_t progress);

/* --- file-id.c -------------------------------------------------------------------------- */

/* Fills info from open descriptors, but size. May block. */
void file_identify(int fd, const char *path, struct file_info *info);

/* --- file-step.c ------------------------------------------------------------------------- */

int file_step_start(struct hw_file *hw, struct reactor *reactor, struct file_step *step);
