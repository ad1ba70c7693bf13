/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the file seam share: disk.c has the medium (what it holds,
 * what a power cut leaves of it), file.c the seam (hw/file.h), step.c the small
 * files that are worked on as a whole.
 */
#pragma once

#include "hw/file.h"
#include "sim/priv.h"
#include "target/core/engine.h"

/* Something due on a reactor. */
struct file_due {
	struct file_due *next;
	void (*run)(struct file_due *due);
};

/* The files of one reactor. */
struct file_ctx {
	struct engine engine;
	struct world_node *node;
	struct reactor *reactor;
	struct file_ctx *next;
	struct file_due *head, **tail;
	unsigned refs;
	bool polling;
};

struct file {
	struct world_node *node;
	struct world_file *disk; /* NULL: none yet, or the machine has crashed */
	struct file *next;	 /* of the node */
	struct file_ctx *ctx;
	const struct file_cb *cb;
	void *user;
	char *path;
	unsigned flags, queues;
	int err;
	bool is_open, closing;
	struct file_info info;
	struct world_event ev; /* opens, is looked at, or closes */
	struct file_due due;
	bool due_queued;
	bool gone_told;
	void (*closed)(void *user);
	void *closed_user;
};

struct file_queue {
	struct file *file;
	struct file_ctx *ctx;
};

/* struct file_io's backend part. */
struct sim_io {
	struct world_event ev;
	struct file_due due;
	struct file_queue *queue;
	struct file_io *next; /* under way at the disk */
	uint64_t seq;	      /* of the disk when it was submitted */
};

_Static_assert(sizeof(struct sim_io) <= sizeof(((struct file_io *)0)->backend),
	       "an I/O has room for the backend's part");

static inline struct sim_io *sim_io_of(struct file_io *io)
{
	return (struct sim_io *)io->backend;
}

static inline struct file_io *file_io_of(struct sim_io *s)
{
	return container(s, struct file_io, backend);
}

struct disk_rule {
	struct world_file_rule rule;
	uint64_t matched, taken;
	bool removed;
};

struct world_file {
	struct world_file *next;
	struct world_node *node;
	char *path;
	uint64_t size;
	uint32_t block;	  /* bytes: written as a whole or not at all */
	unsigned index;	  /* in the trace */
	uint8_t *view;	  /* what is read */
	uint8_t *durable; /* what a power cut leaves for certain */
	uint64_t *dirty;  /* by block: since which write; 0: durable */
	uint64_t seq;	  /* writes that took effect */
	uint64_t hang_until;
	bool gone;
	struct world_rng rng;
	struct world_file_params params;
	GArray *rules; /* struct disk_rule */
	struct file_io *under_way;
	struct world_file_stats stats;
};

/* Starts it: it will end by sim_file_io_ended(). */
void sim_disk_submit(struct world_file *disk, struct file_io *io);
void sim_disk_free(struct world_file *disk);
/* The power fails: I/O under way ends with -EIO, what was not durable may be lost. */
void sim_disk_power_cut(struct world_file *disk);

/* file.c */
struct file_ctx *sim_file_ctx_get(struct world_node *node, struct reactor *reactor);
void sim_file_ctx_put(struct file_ctx *ctx);
/* due->run is called in a pass of the context's reactor. */
void sim_file_due(struct file_ctx *ctx, struct file_due *due);
void sim_file_io_ended(struct file_io *io, int result);
/* The size is another, or it has gone: those who have it open find out. */
void sim_file_changed(struct world_file *disk);

/* step.c */
int sim_step(struct hw_file *hw, struct reactor *reactor, struct file_step *step);
/* The power fails; the small files are the fresh node's. */
void sim_texts_crash(struct world_node *fresh, struct world_node *corpse);
void sim_texts_free(struct world_node *node);
