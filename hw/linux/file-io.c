/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O that may block, for threads: all of it, or what a ring has left undone.
 *
 * fallocate(2) on a block device is what BLKDISCARD and BLKZEROOUT are on it,
 * but never leaves the page cache behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hw/linux/file-internal.h"

#define SLICE_IOV 64
#define ZEROS_LEN 65536

static const char zeros[ZEROS_LEN] __attribute__((aligned(4096)));

bool file_io_direct(const struct file *file, const struct file_io *io)
{
	uint64_t bits = io->offset | io->len;

	if (file->direct_fd < 0)
		return false;
	for (uint32_t i = 0; i < io->niov; i++)
		bits |= (uintptr_t)io->iov[i].iov_base | io->iov[i].iov_len;
	return (bits & (file->info.block_size - 1)) == 0;
}

/* What of io lies at byte skip and after, in at most SLICE_IOV pieces. */
static int slice(const struct file_io *io, uint64_t skip, struct iovec *out)
{
	int n = 0;

	for (uint32_t i = 0; i < io->niov && n < SLICE_IOV; i++) {
		const struct iovec *v = &io->iov[i];

		if (skip >= v->iov_len) {
			skip -= v->iov_len;
			continue;
		}
		out[n].iov_base = (char *)v->iov_base + skip;
		out[n++].iov_len = v->iov_len - skip;
		skip = 0;
	}
	return n;
}

static ssize_t transfer(int fd, const struct file_io *io, uint64_t progress)
{
	int flags = (io->flags & FILE_IO_FUA) != 0 ? RWF_DSYNC : 0;
	off_t at = (off_t)(io->offset + progress);
	struct iovec iov[SLICE_IOV];
	int n = slice(io, progress, iov);

	if (io->op == FILE_READ)
		return preadv2(fd, iov, n, at, 0);
	return pwritev2(fd, iov, n, at, flags);
}

static int read_or_write(struct file *file, const struct file_io *io, uint64_t progress)
{
	bool direct = progress == 0 && file_io_direct(file, io);

	while (progress < io->len) {
		ssize_t n = transfer(direct ? file->direct_fd : file->buffered_fd, io, progress);

		if (n > 0) {
			progress += (uint64_t)n;
			/* Whatever the end of the first part was, a page cache takes the rest. */
			direct = false;
		} else if (n == 0) {
			return io->op == FILE_READ ? -ENODATA : -ENOSPC;
		} else if (direct && errno == EINVAL) {
			direct = false;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int flush(const struct file *file)
{
	return fdatasync(file->buffered_fd) == 0 ? 0 : -errno;
}

static int allocate(const struct file *file, const struct file_io *io, int mode)
{
	int rc;

	do {
		rc = fallocate(file->buffered_fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)io->offset,
			       (off_t)io->len);
	} while (rc != 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	return errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

static int write_zeros(const struct file *file, const struct file_io *io)
{
	uint64_t done = 0;

	while (done < io->len) {
		size_t n = io->len - done < ZEROS_LEN ? (size_t)(io->len - done) : ZEROS_LEN;
		ssize_t rc = pwrite(file->buffered_fd, zeros, n, (off_t)(io->offset + done));

		if (rc == 0)
			return -ENOSPC;
		if (rc > 0)
			done += (uint64_t)rc;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int zero(const struct file *file, const struct file_io *io)
{
	int rc = allocate(file, io, FALLOC_FL_ZERO_RANGE);

	if (rc == -EOPNOTSUPP)
		rc = allocate(file, io, FALLOC_FL_PUNCH_HOLE);
	if (rc == -EOPNOTSUPP)
		rc = write_zeros(file, io);
	if (rc == 0 && (io->flags & FILE_IO_FUA) != 0)
		rc = flush(file);
	return rc;
}

int file_io_block(struct file *file, const struct file_io *io, uint64_t progress)
{
	switch (io->op) {
	case FILE_READ:
	case FILE_WRITE:
		return read_or_write(file, io, progress);
	case FILE_FLUSH:
		return flush(file);
	case FILE_ZERO:
		return zero(file, io);
	case FILE_DISCARD:
		return allocate(file, io, FALLOC_FL_PUNCH_HOLE);
	default:
		return -EINVAL;
	}
}
