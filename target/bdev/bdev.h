/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Block devices: one object each, one channel for each reactor that does I/O
 * to it. Objects are made, opened, resized and removed on the main reactor;
 * I/O is submitted on the reactor of the channel and completes there.
 *
 * Rules of an I/O:
 *  - the submitter owns struct bdev_io (embedded in its request) and the data
 *    buffers until io->done is called; done is never called from inside
 *    bdev_submit, but from the done list of the same or a later pass;
 *  - bdev_submit checks range, alignment and support, so that a backend need
 *    not; the range is checked against the size known to that channel;
 *  - status is an NVMe status (target/nvme/nvme.h: type and code, DNR), 0 good.
 *
 * Removal is kill (watchers told), drain (each closes its channels and its
 * descriptor), wait, free.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "target/core/core.h"

struct bdev;
struct bdev_qos;
struct bdev_qos_reactor;
struct bdev_channel;
struct bdev_desc;
struct bdev_io;
struct bdev_layer;

enum bdev_op {
	BDEV_READ,
	BDEV_WRITE,
	BDEV_FLUSH,
	BDEV_WRITE_ZEROES,
	BDEV_UNMAP,
	BDEV_WRITE_UNCORRECTABLE, /* reads fail until the blocks are written again */
	BDEV_OP_COUNT
};

/* bdev_io flags */
enum {
	BDEV_IO_FUA = 1 << 0,
	/*
	 * Read: instead of filling io->iov, the backend may point io->place at
	 * its own memory. Then BDEV_IO_PLACED is set when done is called, the data
	 * may change under the reader's hands, and the memory stays until
	 * bdev_io_release(io), also beyond the removal of the bdev. Only where
	 * bdev->can_place; io->iov may then be empty.
	 */
	BDEV_IO_PLACE = 1 << 1,
	BDEV_IO_PLACED = 1 << 2,
	BDEV_IO_LOCKED = 1 << 3, /* by the holder of a lock of these blocks: see below */
	BDEV_IO_LISTED = 1 << 4, /* the layer's */
	BDEV_IO_DEALLOCATE = 1 << 5, /* write zeroes: the blocks may be given back, if they read as zeros */
};

#define BDEV_PLACE_MAX 4
/* Bdevs on top of each other, the lowest one not counted. */
#define BDEV_STACK_MAX 4

/* What an I/O goes back to when the bdev below is done with it; bdev_io_pass_down(). */
struct bdev_frame {
	struct bdev_channel *channel;
	void (*done)(struct bdev_io *io);
	uint64_t begun;
	uint64_t arg;
};

struct bdev_io {
	struct task task; /* the layer's, for the done list; next is free for whoever holds the I/O */
	struct bdev_channel *channel;
	void (*done)(struct bdev_io *io);
	uint64_t lba;    /* in blocks */
	uint32_t blocks; /* count; 0 only for flush */
	uint8_t op;
	uint8_t flags;
	uint16_t status; /* of the done I/O */
	uint16_t niov;
	uint16_t nplace;
	const struct iovec *iov; /* data; total length is blocks * block_size */
	struct iovec place[BDEV_PLACE_MAX];
	uint64_t scratch[4]; /* the backend's */
	struct bdev_io *next, **prev; /* the layer's, for range locks */
	/* The rest is the layer's too. */
	uint64_t begun;		     /* submitted, by its reactor's clock */
	struct bdev_channel *placer; /* whose memory a placed read shows */
	uint8_t level;		     /* frames in use */
	bool busy;		     /* submitted, and not done; false in new memory */
	struct bdev_frame frames[BDEV_STACK_MAX];
};

struct bdev_ops {
	const char *product_name; /* "Malloc disk"; as users' scripts know it */
	/* Last descriptor closed after unregister, or never registered. */
	void (*destroy)(struct bdev *bdev);
	/*
	 * Opens / closes the backend's part of a channel (channel->ctx), on its
	 * reactor. close may run after destroy when placed reads are still held:
	 * it uses channel->ctx only.
	 */
	int (*channel_open)(struct bdev *bdev, struct bdev_channel *channel);
	void (*channel_close)(struct bdev_channel *channel);
	/* Starts io; ends in bdev_io_complete(), which may be called at once. */
	void (*submit)(struct bdev_channel *channel, struct bdev_io *io);
	/*
	 * Changes the size to blocks. The layer has told the watchers already
	 * when it shrinks and tells them afterwards when it grows. NULL: cannot.
	 */
	bool (*resize)(struct bdev *bdev, uint64_t blocks, GError **error);
	/*
	 * Ends io, which is somewhere in submit, before its time: true when it is
	 * completed now (with any status). NULL: once begun it takes its time.
	 */
	bool (*abort)(struct bdev_channel *channel, struct bdev_io *io);
	/* Nobody will wait longer than needed: ends or goes on with all I/O held back. May be NULL. */
	void (*hurry)(struct bdev_channel *channel);
};

/* --- statistics and limits --------------------------------------------------------------- */

/* Good I/Os of one kind; times in ns. A cache line: the I/O path touches one. */
struct bdev_op_stats {
	uint64_t ops, bytes, ticks, max, min;
	uint64_t unused[3];
};

enum bdev_error_kind { BDEV_E_FAILED, BDEV_E_ABORTED, BDEV_E_MISCOMPARE, BDEV_E_NVME, BDEV_E_COUNT };

struct hist;

/* Of one bdev on one reactor; kept while its channels come and go. */
struct bdev_stats {
	struct bdev_op_stats op[BDEV_OP_COUNT];
	uint64_t errors[BDEV_E_COUNT];
	struct hist *hist; /* NULL: not asked for */
	uint32_t hist_ops; /* 1 << enum bdev_op that it counts */
	uint64_t throttled; /* I/Os that had to wait for a limit */
};

/* Why I/O of a channel takes the long way. */
enum {
	BDEV_SLOW_RANGES = 1 << 0, /* its bdev was locked once, so that writes are listed */
	BDEV_SLOW_LIMITS = 1 << 1, /* qos */
	BDEV_SLOW_HIST = 1 << 2,   /* stats->hist */
};

/* How a histogram is shown; it is recorded as finely as weft does. */
struct bdev_hist_view {
	uint8_t granularity;	  /* 2^granularity buckets an octave */
	uint64_t min_ns, max_ns; /* what is below or above counts as the least, or the most */
};

/* What bdev_set_qos_limit limits; reads and writes only, all reactors together. */
enum bdev_limit {
	BDEV_RW_IOS,	/* a second */
	BDEV_RW_MBYTES, /* MiB a second */
	BDEV_R_MBYTES,
	BDEV_W_MBYTES,
	BDEV_LIMIT_COUNT
};

/* Blocks that are best written or unmapped together, as users gave them; 0: nothing is known. */
struct bdev_preferred {
	uint32_t write_granularity, write_alignment, write_size;
	uint32_t unmap_granularity, unmap_alignment;
};

struct bdev {
	const struct bdev_ops *ops;
	struct bdev_layer *layer;
	char *name;
	uint8_t uuid[16]; /* RFC 4122 byte order; never zero */
	uint32_t block_size;          /* bytes; 512..65536, power of two */
	uint32_t physical_block_size; /* bytes */
	struct bdev_preferred preferred;
	uint32_t optimal_io_boundary; /* blocks that an I/O should not cross; 0: none */
	int32_t numa_id;	      /* as users asked for; -1: any */
	uint64_t num_blocks;          /* main reactor's; channels have their own copy */
	uint32_t supported;           /* 1 << enum bdev_op */
	bool can_place;
	bool write_cache; /* volatile: flush means something */
	bool unmap_zeroes; /* what was unmapped reads as zeros, always */
	bool removing;
	GPtrArray *descs; /* struct bdev_desc* */
	struct bdev_channel *channels[CORE_MAX_REACTORS]; /* each touched by its reactor only */
	struct bdev_stats *stats[CORE_MAX_REACTORS];	  /* likewise; NULL: never had a channel */
	uint64_t limits[BDEV_LIMIT_COUNT];		  /* main reactor; 0: none */
	struct bdev_qos *qos; /* atomic; of limits; NULL: never had any */
	uint32_t hist_ops;    /* main reactor; of its histogram, 0: none */
	struct bdev_hist_view hist_view; /* main reactor */
	struct bdev_sampling *sampling; /* main reactor; of its queue depth, NULL: none */
	uint8_t level;	      /* bdevs below it, at most BDEV_STACK_MAX */
	void (*removed)(void *arg);
	void *removed_arg;
	/* range-lock.c's: the arbiter's queue (main reactor); by reactor, each its own */
	struct bdev_range_lock *range_queue;
	struct range_part *range_parts[CORE_MAX_REACTORS];
	bool range_locked[CORE_MAX_REACTORS]; /* ever */
};

struct bdev_channel {
	/* What every I/O touches: the first cache line. */
	struct reactor *reactor;
	const struct bdev_ops *ops;
	void *ctx;           /* the backend's */
	struct bdev_stats *stats;
	uint64_t num_blocks; /* limit for new I/O on this reactor */
	uint32_t supported;
	uint32_t inflight; /* submitted, done not yet called */
	uint32_t placed;   /* placed reads not yet released */
	uint32_t refs;
	uint8_t block_shift;
	uint8_t slow;	/* BDEV_SLOW_... */
	bool can_place; /* the bdev's */
	bool hurried;	/* bdev_channel_hurry(): nothing is held back any more */
	uint32_t block_size;
	struct bdev *bdev;	      /* NULL once put for the last time */
	struct bdev_qos_reactor *qos; /* NULL: no limits */
	/* range-lock.c's */
	uint32_t unlisted; /* I/Os from before BDEV_SLOW_RANGES */
	uint32_t nslots;
	struct bdev_io *writes, *held, **held_tail;
	struct bdev_range_lock *free_locks;
	struct bdev_lock_waiter *lock_waiters;
};

struct bdev_options {
	uint32_t io_pool_size, io_cache_size; /* kept; weft allocates none of them beforehand */
	bool auto_examine;
	uint32_t iobuf_small_cache_size, iobuf_large_cache_size; /* likewise */
};

/* Main reactor. */
struct bdev_layer *bdev_layer_new(struct core *core);
void bdev_layer_free(struct bdev_layer *layer); /* all bdevs gone */
struct bdev_options *bdev_layer_options(struct bdev_layer *layer);
/* In order of registration. Do not keep. */
GPtrArray *bdev_layer_list(struct bdev_layer *layer);
/* By name or by uuid text. NULL: none. */
struct bdev *bdev_find(struct bdev_layer *layer, const char *name_or_uuid);

/*
 * What happens in the layer, for notify_get_notifications and the like.
 * what: "bdev_register", "bdev_unregister", "bdev_resize". Several may listen.
 */
void bdev_layer_listen(struct bdev_layer *layer,
		       void (*event)(void *arg, const char *what, const struct bdev *bdev),
		       void *arg);

/*
 * Backends: fill in bdev (embedded in their own structure) and register it.
 * name, uuid, block_size, num_blocks, ops, supported are set; the layer copies
 * nothing. False: name or uuid is in use (-EEXIST), or bad sizes (-EINVAL).
 */
bool bdev_register(struct bdev_layer *layer, struct bdev *bdev, GError **error);
/*
 * Tells the watchers and takes the name away at once; removed(arg) is called
 * when the last descriptor is closed and the bdev destroyed. NULL allowed.
 */
void bdev_unregister(struct bdev *bdev, void (*removed)(void *arg), void *arg);
/*
 * Changes the size and tells the watchers. Refused with -ENOTSUP or the
 * backend's error.
 */
bool bdev_resize(struct bdev *bdev, uint64_t blocks, GError **error);
/* A backend found that its size has changed. Acts only on a difference. */
void bdev_size_changed(struct bdev *bdev, uint64_t blocks);

struct bdev_events {
	/* num_blocks is about to become blocks (smaller), or has become so (larger). */
	void (*resized)(struct bdev_desc *desc, uint64_t blocks, void *user);
	/* Stop using it: put all channels, then close desc. Called once. */
	void (*removed)(struct bdev_desc *desc, void *user);
};

/* Main reactor. exclusive: claims it (-EPERM when claimed by another). */
struct bdev_desc *bdev_open(struct bdev_layer *layer, const char *name, bool exclusive,
			    const struct bdev_events *events, void *user, GError **error);
/* All channels got on its behalf are put. */
void bdev_close(struct bdev_desc *desc);
struct bdev *bdev_desc_bdev(const struct bdev_desc *desc);
bool bdev_is_claimed(const struct bdev *bdev);

/*
 * The channel of this reactor (one more reference); on that reactor. NULL: the
 * backend could not (out of memory, ...). The caller's side holds an open
 * descriptor, and keeps it open until its channels are put.
 */
struct bdev_channel *bdev_channel_get(struct bdev *bdev, struct reactor *reactor);
/* Its I/O must be done; placed reads may still be held. */
void bdev_channel_put(struct bdev_channel *channel);
/* New limit for I/O on this channel (the watcher's part of a resize, on its reactor). */
void bdev_channel_set_blocks(struct bdev_channel *channel, uint64_t blocks);

/* io->channel, op, lba, blocks, iov, niov, flags, done are set. */
void bdev_submit(struct bdev_io *io);
/* Backends: io ends. Any place on the channel's reactor; done is called from the done list. */
void bdev_io_complete(struct bdev_io *io, uint16_t status);
/* After done, for an I/O with BDEV_IO_PLACED: the memory is not read any more. */
void bdev_io_release(struct bdev_io *io);

/*
 * --- locks of block ranges ---
 *
 * While a lock is held, writes of others (any op but read and flush) that overlap
 * it wait, on all reactors, and those under way before are done; reads go on. The
 * holder's own I/O has BDEV_IO_LOCKED. All of it on the channel's reactor; the
 * holder keeps the channel until unlocked(). Locks are taken as a whole and in the
 * order asked for, so that no two holders can wait for each other.
 */
#define BDEV_LOCKS 8 /* of a channel at a time; more wait */
#define BDEV_LOCK_RANGES 17

struct bdev_range {
	uint64_t lba, blocks;
};

struct bdev_range_lock {
	struct msg msg;
	struct core *core;
	struct bdev *bdev;
	struct bdev_channel *channel;
	struct bdev_range_lock *next; /* the arbiter's queue, or the channel's free ones */
	void (*locked)(struct bdev_range_lock *lock, void *user);
	void (*unlocked)(void *user);
	void *user;
	_Atomic unsigned left; /* reactors that have not answered */
	bool granted;
	unsigned nranges;
	struct bdev_range ranges[BDEV_LOCK_RANGES];
};

struct bdev_lock_waiter {
	struct bdev_lock_waiter *next;
	/* Its turn; may be called at once. NULL: no memory. */
	void (*ready)(struct bdev_lock_waiter *w, struct bdev_range_lock *lock);
};

/* One of the channel's locks, when there is one: empty, not locked. */
void bdev_range_lock_get(struct bdev_channel *ch, struct bdev_lock_waiter *w);
void bdev_range_lock_add(struct bdev_range_lock *lock, uint64_t lba, uint64_t blocks);
/* locked is called, later, when nobody else writes to the ranges added. */
void bdev_range_lock(struct bdev_range_lock *lock,
		     void (*locked)(struct bdev_range_lock *lock, void *user), void *user);
/* unlocked is called, later; the lock is the channel's again. */
void bdev_range_unlock(struct bdev_range_lock *lock, void (*unlocked)(void *user), void *user);
/* Instead of locking it. */
void bdev_range_lock_put(struct bdev_range_lock *lock);

/*
 * The submitter of io (any that was zeroed once) will not wait for it. True: it
 * will be done in this or the next pass, with whatever status. False: it is
 * where nobody can get it back, or nearly done, or was not submitted at all.
 */
bool bdev_io_abort(struct bdev_io *io);
/* Nobody submits to it any more and its I/O is waited for: what is held back goes on or ends. */
void bdev_channel_hurry(struct bdev_channel *channel);

/*
 * Main reactor: each(bdev, its channel there or NULL, arg) on every reactor, then
 * done on the main one (may be NULL). The bdev stays until then.
 */
void bdev_broadcast(struct bdev *bdev,
		    void (*each)(struct bdev *bdev, struct reactor *r, void *arg),
		    void (*done)(void *arg), void *arg);

/*
 * Sets all limits (0: none; I/Os are rounded up to thousands); done on the main
 * reactor when they hold everywhere. I/O that waits under limits which are lifted
 * goes on.
 */
void bdev_set_limits(struct bdev *bdev, const uint64_t limits[BDEV_LIMIT_COUNT],
		     void (*done)(void *arg), void *arg);

/* Names the holder of desc for people ("namespace 1 of nqn..."); a copy is kept. */
void bdev_desc_set_owner(struct bdev_desc *desc, const char *owner);
/* "namespace 1 of nqn..., bdev EE_x": whom the removal of bdev waits for. Caller frees. */
char *bdev_owners(const struct bdev *bdev);

/* uuid text as users see it ("d5ea6df9-fc80-..."). */
void bdev_uuid_format(const uint8_t uuid[16], char text[37]);
bool bdev_uuid_parse(const char *text, uint8_t uuid[16]);

/* --- backends ------------------------------------------------------------ */

/* name NULL: Malloc<N>. uuid NULL: random. Memory is zero, not touched before it is written. */
struct bdev *bdev_malloc_create(struct bdev_layer *layer, const char *name, uint64_t num_blocks,
				uint32_t block_size, const uint8_t *uuid, GError **error);
bool bdev_is_malloc(const struct bdev *bdev);
/* Reads give zeros, writes go nowhere. */
struct bdev *bdev_null_create(struct bdev_layer *layer, const char *name, uint64_t num_blocks,
			      uint32_t block_size, const uint8_t *uuid, GError **error);
bool bdev_is_null(const struct bdev *bdev);

/* --- stackable bdevs ------------------------------------------------------------- */

/* The bdev below, or NULL: it is no stackable one. */
struct bdev *bdev_base(const struct bdev *bdev);

/* Everything goes to base as it is. */
struct bdev *bdev_passthru_create(struct bdev_layer *layer, const char *name, const char *base,
				  const uint8_t *uuid, GError **error);
bool bdev_is_passthru(const struct bdev *bdev);

enum bdev_latency {
	BDEV_AVG_READ,
	BDEV_P99_READ, /* of every hundredth */
	BDEV_AVG_WRITE,
	BDEV_P99_WRITE,
	BDEV_LATENCY_COUNT
};
#define BDEV_LATENCY_MAX UINT64_C(3600000000000) /* ns */
/* Completions come so many ns after those of base. */
struct bdev *bdev_delay_create(struct bdev_layer *layer, const char *name, const char *base,
			       const uint64_t latency[BDEV_LATENCY_COUNT], const uint8_t *uuid,
			       GError **error);
bool bdev_is_delay(const struct bdev *bdev);
uint64_t bdev_delay_latency(const struct bdev *bdev, enum bdev_latency which);
bool bdev_delay_set_latency(struct bdev *bdev, enum bdev_latency which, uint64_t ns,
			    GError **error);

enum bdev_stack_kind { BDEV_STACK_PASSTHRU, BDEV_STACK_DELAY, BDEV_STACK_ERROR };

struct bdev_deferred {
	enum bdev_stack_kind kind;
	const char *name, *base;
	const uint8_t *uuid; /* NULL: random */
	uint64_t latency[BDEV_LATENCY_COUNT];
};

/*
 * Makes one of them now or, if there is no such base, when that comes. The same is
 * not done for one whose base has gone. An error bdev's name is EE_<base>.
 */
bool bdev_stack_create(struct bdev_layer *layer, const struct bdev_deferred *d, GError **error);
/* Those that wait for their base, in order; NULL: no more. */
const struct bdev_deferred *bdev_deferred_nth(struct bdev_layer *layer, unsigned n);
/* Waits no longer. False: it does not. */
bool bdev_deferred_drop(struct bdev_layer *layer, const char *name, enum bdev_stack_kind kind);
/* Without auto_examine: what waits for this bdev is made, now or when it comes. */
bool bdev_examine(struct bdev_layer *layer, const char *name, GError **error);
GPtrArray *bdev_examined(struct bdev_layer *layer); /* char *; do not keep */

enum bdev_error_type {
	BDEV_ERROR_NONE,
	BDEV_ERROR_FAILURE,
	BDEV_ERROR_PENDING, /* not answered until resumed */
	BDEV_ERROR_CORRUPT, /* one byte of the data is changed */
	BDEV_ERROR_NOMEM,   /* begun again a little later */
	BDEV_ERROR_NVME,    /* the status that is given */
};
struct bdev_injection {
	enum bdev_error_type type;
	uint32_t ops;	      /* 1 << enum bdev_op */
	uint32_t num;	      /* so many I/Os of each kind, UINT32_MAX: all */
	uint64_t queue_depth; /* only when at least so many are under way */
	uint16_t status;
	uint64_t offset; /* byte of the data */
	uint8_t value;	 /* it is XORed with */
};
/* "EE_<base>". */
struct bdev *bdev_error_create(struct bdev_layer *layer, const char *base, const uint8_t *uuid,
			       GError **error);
bool bdev_is_error(const struct bdev *bdev);
/* Replaces what was injected for these ops. */
bool bdev_error_inject(struct bdev *bdev, const struct bdev_injection *injection, GError **error);
/* What is pending goes to base; done on the main reactor. */
void bdev_error_resume(struct bdev *bdev, void (*done)(void *arg), void *arg);
