/* SPDX-License-Identifier: BSD-3-Clause */
/* What the block device layer shares with the backends in this folder only. */
#pragma once

#include "target/bdev/bdev.h"

/*
 * Memory that a bdev and its channels hold together: it goes when the last of
 * them lets go, so that placed reads survive the bdev. Any thread.
 */
struct shared_mem;

/* One contiguous, zeroed piece. NULL and error. */
struct shared_mem *shared_mem_new(const struct hw *hw, size_t len, GError **error);
struct shared_mem *shared_mem_ref(struct shared_mem *mem);
void shared_mem_unref(struct shared_mem *mem);
void *shared_mem_base(const struct shared_mem *mem);

const struct hw *bdev_layer_hw(const struct bdev_layer *layer);
struct core *bdev_layer_core(const struct bdev_layer *layer);

/*
 * What every created bdev needs: name (a copy, or the first free <prefix><N>),
 * uuid (given, or random), sizes and defaults. bdev_fini_common undoes it.
 */
void bdev_init_common(struct bdev_layer *layer, struct bdev *bdev, const struct bdev_ops *ops,
		      const char *name, const char *prefix, const uint8_t *uuid);
void bdev_fini_common(struct bdev *bdev);
/* Block size a power of two in 512..65536, at least one block, bytes fit into 63 bits. */
bool bdev_check_size(uint64_t num_blocks, uint32_t block_size, GError **error);

bool bdev_check_name(const char *name, GError **error);

/* deferred.c: a part of the layer. */
struct bdev_examiner {
	struct bdev_layer *layer;
	struct bdev_options options;
	GPtrArray *deferred; /* struct deferral*, in order */
	GPtrArray *named;    /* char*: by bdev_examine() */
	struct task task;
};

struct bdev_examiner *bdev_layer_examiner(struct bdev_layer *layer);
void bdev_examiner_init(struct bdev_examiner *e);
void bdev_examiner_fini(struct bdev_layer *layer);
/* bdev has come. */
void bdev_examine_new(struct bdev *bdev);

/* --- bdev-io.c, range-lock.c ------------------------------------------------------- */

/* Submits what was held. */
void bdev_io_start(struct bdev_io *io);
void bdev_range_channel_opened(struct bdev_channel *ch);
void bdev_range_channel_closed(struct bdev_channel *ch);
/* On channels with BDEV_SLOW_RANGES. False: it is held, and submitted by itself when it may go. */
bool bdev_range_submit(struct bdev_channel *ch, struct bdev_io *io);
/* True: it was held back by a lock, and is not any more; its submitter ends it. */
bool bdev_range_remove(struct bdev_channel *ch, struct bdev_io *io);
void bdev_range_done(struct bdev_channel *ch, struct bdev_io *io);

/*
 * An I/O of a stackable bdev goes to a channel below; done is called there and
 * begins with bdev_io_pass_up(), after which io is as it was, with its new status.
 * Returns arg.
 */
void bdev_io_pass_down(struct bdev_io *io, struct bdev_channel *below,
		       void (*done)(struct bdev_io *io), uint64_t arg);
uint64_t bdev_io_pass_up(struct bdev_io *io);

/* The same, whatever the limits. */
void bdev_io_go(struct bdev_io *io);
/* Why its I/O takes the long way (BDEV_SLOW_...), one reason. */
static inline void bdev_channel_slow(struct bdev_channel *ch, uint8_t why, bool yes)
{
	ch->slow = (uint8_t)(yes ? ch->slow | why : ch->slow & ~why);
}
/* NULL: no limits any more. */
static inline void bdev_channel_set_qos(struct bdev_channel *ch, struct bdev_qos_reactor *qos)
{
	ch->qos = qos;
	bdev_channel_slow(ch, BDEV_SLOW_LIMITS, qos != NULL);
}

/* FIFO of I/Os that are held back, linked through their tasks. */
struct bdev_io_list {
	struct bdev_io *head, *tail;
};

static inline void bdev_io_list_push(struct bdev_io_list *list, struct bdev_io *io)
{
	io->task.next = NULL;
	if (list->head == NULL)
		list->head = io;
	else
		list->tail->task.next = &io->task;
	list->tail = io;
}

static inline struct bdev_io *bdev_io_list_pop(struct bdev_io_list *list)
{
	struct bdev_io *io = list->head;

	if (io != NULL)
		list->head = (struct bdev_io *)io->task.next;
	return io;
}

/* False: it is not in the list. Linear. */
bool bdev_io_list_remove(struct bdev_io_list *list, struct bdev_io *io);

/* qos.c. The part of r, or NULL: no limits. */
struct bdev_qos_reactor *bdev_qos_of(struct bdev *bdev, struct reactor *r);
/* Starts io now or when the limits allow it. */
void bdev_qos_submit(struct bdev_qos_reactor *q, struct bdev_io *io);
bool bdev_qos_remove(struct bdev_qos_reactor *q, struct bdev_io *io);
/* All that waits is started. */
void bdev_qos_flush(struct bdev_qos_reactor *q);
void bdev_qos_free(struct bdev *bdev);

/* stats.c */
/* Of bdev on r; made when there is none yet. */
struct bdev_stats *bdev_stats_of(struct bdev *bdev, const struct reactor *r);
void bdev_stats_error(struct bdev_channel *ch, uint16_t status);
void bdev_stats_free(struct bdev *bdev);

/*
 * stack.c: a stackable bdev begins with this. Its channels hold one of base
 * (bdev_stack_below); base's changes of size and removal are followed.
 */
struct bdev_stack {
	struct bdev bdev;
	struct bdev_desc *desc; /* of base */
};
struct bdev_stack_channel {
	struct bdev_channel *below;
};
/* s is zeroed, g_malloc'd; on failure it is freed. */
struct bdev_stack_setup {
	const struct bdev_ops *ops;
	const char *name, *base;
	const uint8_t *uuid;
	bool fill_in; /* reads need a buffer: placed ones cannot be shown */
};
bool bdev_stack_init(struct bdev_layer *layer, struct bdev_stack *s,
		     const struct bdev_stack_setup *setup, GError **error);
/* bdev_ops.destroy of bdevs which have nothing more; those that have call it last. */
void bdev_stack_destroy(struct bdev *bdev);
/* channel->ctx becomes ctx (g_malloc'd, begins with struct bdev_stack_channel; freed on failure). */
int bdev_stack_channel_open(struct bdev *bdev, struct bdev_channel *channel, void *ctx);
void bdev_stack_channel_close(struct bdev_channel *channel);
static inline struct bdev_channel *bdev_stack_below(const struct bdev_channel *channel)
{
	return ((struct bdev_stack_channel *)channel->ctx)->below;
}

static inline uint64_t bdev_io_bytes(const struct bdev_io *io)
{
	return (uint64_t)io->blocks << io->channel->block_shift;
}
