/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle B: what a read of a block may return, whatever came in between.
 *
 * Every written block carries a stamp (namespace uuid, LBA, write id, checksum).
 * A block is a register: each write and each read takes effect at one moment
 * between its begin and its end. A history is right exactly if such moments
 * exist. Writes have unique ids, so this can be decided as things happen:
 *
 *   A read is wrong exactly if nobody began to write its value, or if the value
 *   would have to be there both before and after another one that was there for
 *   certain (acknowledged, or read). These are Gibbons and Korach's zones (1997).
 *
 * A write in doubt (its path broke before the answer) has no end: it may take
 * effect late, once, or never. Fencing its path gives it an end. A write that
 * failed for certain must never be seen.
 *
 * Time is the order of calls. Blocks are independent: nothing is said of a write
 * of several blocks being atomic.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle_block;
struct oracle_block_ns;
struct oracle_write;

#define ORACLE_BLOCK_MIN 512

struct oracle_block *oracle_block_new(void);
void oracle_block_free(struct oracle_block *o);

/*
 * A namespace, by uuid. zeroed: its blocks read as zeros before anything is
 * written; else as anything, but then always as that. block_size: at least 512.
 */
struct oracle_block_ns *oracle_block_ns_new(struct oracle_block *o, const uint8_t uuid[16],
					    uint32_t block_size, uint64_t blocks, bool zeroed);
struct oracle_block_ns *oracle_block_ns_find(struct oracle_block *o, const uint8_t uuid[16]);
/*
 * Its medium has a volatile write cache: a loss of power may bring back what was
 * there before, unless a write was done with FUA or a flush came after it.
 */
void oracle_block_ns_volatile(struct oracle_block_ns *ns);
/* What was acknowledged before the flush began, at `begun`, is safe. */
uint64_t oracle_block_flush_begin(struct oracle_block_ns *ns);
void oracle_block_flush_ack(struct oracle_block_ns *ns, uint64_t begun);
/* The power failed: writes under way have ended, each block is one of what it may be. */
void oracle_block_power_cut(struct oracle_block_ns *ns);
/* What is cut off may read as anything when it comes back. */
void oracle_block_resize(struct oracle_block_ns *ns, uint64_t blocks);

/* --- writes ------------------------------------------------------------------------ */

enum oracle_write_kind {
	ORACLE_WRITE,  /* stamped data */
	ORACLE_ZEROES, /* reads as zeros after it */
	ORACLE_TRIM,   /* reads as zeros, or as before */
	ORACLE_COPY,   /* reads as its source: oracle_block_copy_begin() */
};

/*
 * Begins a write on a path (any number that the caller gives to a controller and
 * its incarnation). It is the oracle's, and gone after ack and failed; also after
 * in_doubt, when its path is fenced.
 */
struct oracle_write *oracle_block_write_begin(struct oracle_block_ns *ns, uint64_t path,
					      enum oracle_write_kind kind, uint64_t lba,
					      uint32_t blocks);
/*
 * The same blocks from another place. Nobody else writes to the source until it ends.
 * NULL: what is there now cannot be told.
 */
struct oracle_write *oracle_block_copy_begin(struct oracle_block_ns *ns, uint64_t path,
					     uint64_t from, uint64_t lba, uint32_t blocks);
uint64_t oracle_block_write_id(const struct oracle_write *w);
/* Fills data, which is all of the write's blocks. */
void oracle_block_stamp(const struct oracle_write *w, void *data);
/* It will be safe when acknowledged. */
void oracle_block_write_fua(struct oracle_write *w);
void oracle_block_write_ack(struct oracle_write *w);
/* It was refused, and has not changed anything. A text when it was seen: free it. */
char *oracle_block_write_failed(struct oracle_write *w);
void oracle_block_write_in_doubt(struct oracle_write *w);
/* From now on nothing that was begun on the path takes effect. */
void oracle_block_fence(struct oracle_block *o, uint64_t path);

/* --- reads --------------------------------------------------------------------------- */

/*
 * The moment before the read is submitted, for read_check. Each begin is followed
 * by one read_check or read_failed, of the same blocks.
 */
uint64_t oracle_block_read_begin(struct oracle_block_ns *ns, uint64_t lba, uint32_t blocks);
void oracle_block_read_failed(struct oracle_block_ns *ns, uint64_t lba, uint32_t blocks);
/* NULL when the data may be what was read, else a text that says why not: free it. */
char *oracle_block_read_check(struct oracle_block_ns *ns, uint64_t begun, uint64_t lba,
			      uint32_t blocks, const void *data);

/* --- comparing: a read, of which only is known whether it equals data ---------------------- */

/* Fills data with what the blocks may be. */
void oracle_block_guess(struct oracle_block_ns *ns, uint64_t lba, uint32_t blocks, void *data);
/* Instead of read_check, when the blocks were not equal. A text when they must have been. */
char *oracle_block_differs(struct oracle_block_ns *ns, uint64_t begun, uint64_t lba,
			   uint32_t blocks, const void *data);
/*
 * Compare and Write has succeeded: the write's blocks were data, and nothing came
 * between. For the read that began with it, and instead of write_ack.
 */
char *oracle_block_swap_ack(struct oracle_write *w, uint64_t begun, const void *data);

/*
 * Reads all of the namespace by fn (into a block's buffer; false: it failed) and
 * checks it. The first text found, or NULL.
 */
char *oracle_block_compare(struct oracle_block_ns *ns,
			   bool (*fn)(void *arg, uint64_t lba, void *block), void *arg);

struct oracle_block_stats {
	uint64_t writes, acked, failed, in_doubt, fenced;
	uint64_t blocks_read, blocks_compared;
};
void oracle_block_stats(const struct oracle_block *o, struct oracle_block_stats *stats);

/* --- stamps ---------------------------------------------------------------------------- */

struct oracle_stamp {
	uint8_t uuid[16];
	uint64_t lba, id;
};

enum oracle_stamp_kind {
	ORACLE_STAMP_GOOD,
	ORACLE_STAMP_ZERO, /* all zeros */
	ORACLE_STAMP_TORN, /* begins like a stamp, but the rest does not belong to it */
	ORACLE_STAMP_NONE,
};

void oracle_stamp_fill(void *block, uint32_t size, const struct oracle_stamp *stamp);
enum oracle_stamp_kind oracle_stamp_read(const void *block, uint32_t size,
					 struct oracle_stamp *stamp);
