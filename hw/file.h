/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Regular files and block devices as the medium of a bdev: opened once, used
 * from any reactor through a queue of that reactor, watched for changes of size.
 *
 * Threads: a file belongs to the reactor it was opened on; open, info, check and
 * close are called there, and its callbacks are made there. A queue belongs to
 * the reactor it was opened on: queue_open, submit, queue_close and the ends of
 * its I/O are there.
 *
 * Nothing here blocks: what may take long (opening, closing, asking for the
 * size, discarding) is done elsewhere. A medium that hangs keeps its own I/O,
 * its own opening and closing, and nothing else; an I/O has no time limit of
 * its own. Callbacks come from the reactor's pass, never from inside a call.
 *
 * Durability is that of a disk with a volatile write cache: a write that ended
 * is seen by every later read; it survives a loss of power once a FILE_FLUSH
 * that was submitted after its end has ended, or if it had FILE_IO_FUA. Else any
 * part of it may be lost, each block of info.block_size as a whole. I/Os under
 * way at once have no order.
 *
 * Errors are negative errno values. A backend produces at least:
 *   open      -ENOENT, -EACCES, -EPERM, -EROFS, -EISDIR, -EINVAL (neither regular
 *             file nor block device), -EMFILE, -ENOMEM, -EIO, -ENODEV
 *   read      -EIO, -ENODATA (beyond the end: the file was truncated)
 *   write     -EIO, -ENOSPC (or -EDQUOT, -EFBIG)
 *   all I/O   -EBADF (opened read-only), -ENODEV (the device has gone), -ENOMEM,
 *             -EAGAIN (no thread): the last two may succeed when tried again
 *   zero, discard  -EOPNOTSUPP: the medium cannot; nothing has changed
 * What a failed write, zero or discard has changed is undefined within its range.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "hw/hw.h"

struct reactor;
struct file;
struct file_queue;

#define FILE_PATH_MAX 4096 /* bytes, with the zero */

/* flags of open */
enum {
	FILE_READ_ONLY = 1 << 0,
	FILE_BUFFERED = 1 << 1, /* through the page cache, even where direct I/O is possible */
};

struct file_info {
	uint64_t size;		      /* bytes, as last seen */
	uint32_t block_size;	      /* bytes, a power of two: direct I/O is in units of it */
	uint32_t physical_block_size; /* bytes; at least block_size */
	bool device;
	bool direct; /* where offset, length and memory are aligned to block_size */
	/*
	 * What it is, not how it is called: equal on each opening of the same
	 * object, also after a restart and, where the medium is shared, on another
	 * machine; different for any two objects.
	 */
	char identity[256];
};

struct file_cb {
	/* err 0: I/O may begin. Else the owner must close it. Once, unless closed before. */
	void (*opened)(struct file *file, int err, void *user);
	/*
	 * Its size was found to be another (it is looked at about once a second),
	 * or check was asked for. err: -ENODEV, it has gone for good.
	 */
	void (*changed)(struct file *file, int err, uint64_t size, void *user);
};

enum file_op {
	FILE_READ,
	FILE_WRITE,
	FILE_FLUSH,   /* offset, len, iov are not used */
	FILE_ZERO,    /* the range reads as zeros afterwards */
	FILE_DISCARD, /* the same, giving the space back; -EOPNOTSUPP: it was left as it is */
	FILE_OP_COUNT
};

/* file_io flags */
enum {
	FILE_IO_FUA = 1 << 0, /* write, zero: durable when it ends */
};

#define FILE_IOV_MAX 1024

/* The submitter's until submit, and again from done on; so are iov and the data. */
struct file_io {
	void (*done)(struct file_io *io);
	void *user;
	uint64_t offset, len;	 /* bytes */
	const struct iovec *iov; /* read, write: of len bytes together */
	uint32_t niov;		 /* at most FILE_IOV_MAX */
	uint8_t op;
	uint8_t flags;
	int result; /* 0: all of it; or a negative errno */
	uint64_t backend[10];
};

/*
 * Work on small files as a whole, such as a saved configuration: one step each,
 * done elsewhere, ended once on the reactor that asked. A file is replaced so that
 * a loss of power leaves the old or the new one by WRITE of another name beside it,
 * SYNC, RENAME and SYNC_DIR, each after the end of the one before: without SYNC the
 * new name may have any part of the bytes, without SYNC_DIR it may still be the old.
 *
 * Errors: those of open, read and write above, and -EFBIG (READ: more than len bytes).
 */
enum file_step_op {
	FILE_STEP_READ,	    /* path: at most len bytes; bytes and len are what it holds */
	FILE_STEP_WRITE,    /* path is made anew, mode 0600, of len bytes; not durable */
	FILE_STEP_SYNC,	    /* what this step's WRITE wrote is durable; must follow a good one */
	FILE_STEP_RENAME,   /* path is called to, in place of what was called so; not durable */
	FILE_STEP_SYNC_DIR, /* the names in the folder of path are durable */
	FILE_STEP_COUNT
};

/* The asker's until step, and again from done on. */
struct file_step {
	void (*done)(struct file_step *step);
	void *user;
	const char *path, *to;
	char *bytes; /* of READ, zero-terminated: free() */
	size_t len;
	uint8_t op;
	int result;
	uint64_t backend[8];
};

struct hw_file_ops {
	/*
	 * Begins to open path. Returns 0 and *out (cb->opened follows), or -ENOMEM,
	 * -EAGAIN (no thread), -ENAMETOOLONG, -EINVAL (empty). cb must outlive the
	 * file.
	 */
	int (*open)(struct hw_file *hw, struct reactor *reactor, const char *path, unsigned flags,
		    const struct file_cb *cb, void *user, struct file **out);
	/* After it was opened. */
	void (*info)(struct file *file, struct file_info *info);
	/* Looks at the size now: cb->changed follows, also when nothing has changed. */
	void (*check)(struct file *file);
	/*
	 * Its queues are closed; an opening under way is given up. No callback of
	 * the file comes any more but closed, from which on the medium may be used
	 * exclusively by others. closed NULL: nobody is told; that is allowed after
	 * the reactor has been stopped, too.
	 */
	void (*close)(struct file *file, void (*closed)(void *user), void *user);
	/* After it was opened. Returns 0 or -ENOMEM, -EMFILE, -EAGAIN. */
	int (*queue_open)(struct file *file, struct reactor *reactor, struct file_queue **out);
	/* Its I/O has ended. */
	void (*queue_close)(struct file_queue *queue);
	/* io->done is called once. Any number may be under way. */
	void (*submit)(struct file_queue *queue, struct file_io *io);
	/* Returns 0 (done follows), or -ENOMEM, -EMFILE, -EAGAIN, also for SYNC: ask again. */
	int (*step)(struct hw_file *hw, struct reactor *reactor, struct file_step *step);
};

struct hw_file {
	const struct hw_file_ops *ops;
};
