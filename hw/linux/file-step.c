/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steps of work on small files: each is a job of the control threads. The file
 * stays open from WRITE to SYNC: an error of writing back is told only to who had
 * it open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/linux/file-internal.h"

/* struct file_step's backend part. */
struct linux_step {
	struct job job;
	struct notice notice;
	struct file_ctx *ctx;
	int fd; /* from WRITE to SYNC */
};

_Static_assert(sizeof(struct linux_step) <= sizeof(((struct file_step *)0)->backend),
	       "a step has room for the backend's part");

static struct file_step *step_of(struct linux_step *s)
{
	return (struct file_step *)((char *)s - offsetof(struct file_step, backend));
}

/* --- blocking ---------------------------------------------------------------------------- */

static int read_all(int fd, char *to, size_t len, size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(fd, to + *got, len - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

static int read_open(struct file_step *step, int fd)
{
	size_t most = step->len;
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)st.st_size > most)
		return -EFBIG;
	step->bytes = malloc((size_t)st.st_size + 1);
	if (step->bytes == NULL)
		return -ENOMEM;
	rc = read_all(fd, step->bytes, (size_t)st.st_size, &step->len);
	if (rc == 0) {
		step->bytes[step->len] = '\0';
		return 0;
	}
	free(step->bytes);
	step->bytes = NULL;
	step->len = most;
	return rc;
}

static int do_read(struct file_step *step)
{
	/* Opening a FIFO would wait for its writer. */
	int fd = open(step->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return -errno;
	rc = read_open(step, fd);
	close(fd);
	return rc;
}

static int write_all(int fd, const char *from, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		from += n;
		len -= (size_t)n;
	}
	return 0;
}

static int do_write(struct file_step *step, struct linux_step *s)
{
	int rc;

	/* One that a crash has left; who could have put a link there is not followed. */
	if (unlink(step->path) != 0 && errno != ENOENT)
		return -errno;
	s->fd = open(step->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return -errno;
	rc = write_all(s->fd, step->bytes, step->len);
	if (rc == 0)
		return 0;
	close(s->fd);
	unlink(step->path);
	return rc;
}

static int do_sync(struct linux_step *s)
{
	int rc = fsync(s->fd) == 0 ? 0 : -errno;

	if (close(s->fd) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int do_sync_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? strdup(".") : strndup(path, (size_t)MAX(slash - path, 1));
	int fd, rc = 0;

	if (dir == NULL)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -errno;
	/* Some file systems cannot, and then need not (EINVAL). */
	if (fsync(fd) != 0 && errno != EINVAL)
		rc = -errno;
	close(fd);
	return rc;
}

static int work(struct file_step *step, struct linux_step *s)
{
	switch (step->op) {
	case FILE_STEP_READ:
		return do_read(step);
	case FILE_STEP_WRITE:
		return do_write(step, s);
	case FILE_STEP_SYNC:
		return do_sync(s);
	case FILE_STEP_RENAME:
		return rename(step->path, step->to) == 0 ? 0 : -errno;
	default:
		return do_sync_dir(step->path);
	}
}

/* --- start and end ----------------------------------------------------------------------- */

static void run_step(struct job *job)
{
	struct linux_step *s =
		(struct linux_step *)((char *)job - offsetof(struct linux_step, job));
	struct file_step *step = step_of(s);

	step->result = work(step, s);
	file_ctx_notify(s->ctx, &s->notice);
}

static void deliver_step(struct notice *n)
{
	struct linux_step *s =
		(struct linux_step *)((char *)n - offsetof(struct linux_step, notice));
	struct file_step *step = step_of(s);

	file_ctx_put(s->ctx);
	step->done(step);
}

int file_step_start(struct hw_file *hw, struct reactor *reactor, struct file_step *step)
{
	struct linux_files *files = (struct linux_files *)hw;
	struct linux_step *s = (struct linux_step *)step->backend;
	int rc = file_ctx_get(files, reactor, &s->ctx);

	if (rc != 0)
		return rc;
	s->job.run = run_step;
	s->notice.deliver = deliver_step;
	rc = job_pool_push(files->control, &s->job);
	if (rc != 0)
		file_ctx_put(s->ctx);
	return rc;
}
