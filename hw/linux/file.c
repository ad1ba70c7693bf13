/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files: opening, closing, and looking at their size.
 *
 * All three are done by threads. One round a second looks at all files, one
 * after the other; a file that hangs holds up the thread that looks at it, the
 * next round is another thread's and leaves that file out.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hw/linux/file-internal.h"
#include "hw/linux/uring.h"
#include "target/core/error.h"

#define CONTROL_THREADS 1024
#define FILE_THREADS 16
/* How long the end waits for threads that hang. */
#define PATIENCE_MS 2000
#define FILE_PATIENCE_MS 1000

/* --- the end of a file ----------------------------------------------------------------- */

/* Locked. True: that was the last one, free it. */
static bool unref(struct file *file)
{
	return --file->refs == 0;
}

static void drop(struct file *file)
{
	struct linux_files *files = file->files;
	bool last;

	pthread_mutex_lock(&files->lock);
	last = unref(file);
	pthread_mutex_unlock(&files->lock);
	if (last) {
		free(file->path);
		free(file);
	}
}

/* On a thread: nobody uses it any more. */
static void finish(struct file *file)
{
	struct linux_files *files = file->files;
	struct file_ctx *ctx;

	if (file->direct_fd >= 0)
		close(file->direct_fd);
	if (file->buffered_fd >= 0)
		close(file->buffered_fd);
	job_pool_free(file->pool, FILE_PATIENCE_MS);
	pthread_mutex_lock(&files->lock);
	ctx = file->closed != NULL ? file->ctx : NULL;
	pthread_mutex_unlock(&files->lock);
	if (ctx != NULL)
		file_ctx_notify(ctx, &file->closed_notice);
	else
		drop(file);
}

static void run_finish(struct job *job)
{
	finish((struct file *)((char *)job - offsetof(struct file, job)));
}

static void deliver_closed(struct notice *notice)
{
	struct file *file = (struct file *)((char *)notice - offsetof(struct file, closed_notice));
	void (*closed)(void *user) = file->closed;
	void *user = file->closed_user;

	file_ctx_put(file->ctx);
	drop(file);
	closed(user);
}

static void file_close(struct file *file, void (*closed)(void *user), void *user)
{
	struct linux_files *files = file->files;
	struct file_ctx *ctx = NULL;
	bool idle;

	pthread_mutex_lock(&files->lock);
	file->closing = true;
	file->closed = closed;
	file->closed_user = user;
	if (file->prev != NULL) {
		*file->prev = file->next;
		if (file->next != NULL)
			file->next->prev = file->prev;
		file->prev = NULL;
	}
	idle = !file->opening && !file->looking;
	if (closed == NULL) {
		ctx = file->ctx;
		file->ctx = NULL;
	}
	pthread_mutex_unlock(&files->lock);
	/* Who opens it or looks at it finishes it afterwards. */
	if (idle) {
		file->job.run = run_finish;
		if (job_pool_push(files->control, &file->job) != 0)
			finish(file);
	}
	if (ctx != NULL)
		file_ctx_put(ctx);
}

/* --- opening --------------------------------------------------------------------------- */

static int look(const struct file *file, uint64_t *size)
{
	struct stat st;

	if (file->info.device) {
		if (ioctl(file->buffered_fd, BLKGETSIZE64, size) != 0)
			return -errno;
		/* So it is when the disk was taken away. */
		return *size == 0 ? -ENODEV : 0;
	}
	if (fstat(file->buffered_fd, &st) != 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Opening other things may have consequences. */
static int check_kind(mode_t mode)
{
	if (S_ISREG(mode) || S_ISBLK(mode))
		return 0;
	return S_ISDIR(mode) ? -EISDIR : -EINVAL;
}

static int open_both(struct file *file)
{
	int flags =
		O_CLOEXEC | O_NOCTTY | ((file->flags & FILE_READ_ONLY) != 0 ? O_RDONLY : O_RDWR);
	struct stat st, now;
	int rc;

	if (stat(file->path, &st) != 0)
		return -errno;
	rc = check_kind(st.st_mode);
	if (rc != 0)
		return rc;
	file->buffered_fd = open(file->path, flags);
	if (file->buffered_fd < 0)
		return -errno;
	if (fstat(file->buffered_fd, &now) != 0)
		return -errno;
	rc = check_kind(now.st_mode);
	if (rc != 0)
		return rc;
	if ((file->flags & FILE_BUFFERED) == 0) {
		/* By the descriptor: the name may mean something else by now. */
		char self[32];

		g_snprintf(self, sizeof(self), "/proc/self/fd/%d", file->buffered_fd);
		file->direct_fd = open(self, flags | O_DIRECT);
	}
	return 0;
}

static int open_blocking(struct file *file)
{
	int rc = open_both(file);

	if (rc != 0)
		return rc;
	file->info.direct = file->direct_fd >= 0;
	file_identify(file->info.direct ? file->direct_fd : file->buffered_fd, file->path,
		      &file->info);
	if (!file->info.direct && file->direct_fd >= 0) {
		close(file->direct_fd);
		file->direct_fd = -1;
	}
	file->pool = job_pool_new("weft-file", FILE_THREADS);
	if (file->pool == NULL)
		return -ENOMEM;
	return look(file, &file->info.size);
}

static void run_open(struct job *job)
{
	struct file *file = (struct file *)((char *)job - offsetof(struct file, job));
	struct linux_files *files = file->files;
	bool given_up;

	file->err = open_blocking(file);
	file->seen_size = file->info.size;
	pthread_mutex_lock(&files->lock);
	file->opening = false;
	given_up = file->closing;
	if (!given_up) {
		file->refs++;
		if (file->err == 0) {
			file->next = files->files;
			file->prev = &files->files;
			if (file->next != NULL)
				file->next->prev = &file->next;
			files->files = file;
		}
		/* Under the lock: the owner may close it, and with it the context. */
		file_ctx_notify(file->ctx, &file->opened_notice);
	}
	pthread_mutex_unlock(&files->lock);
	if (given_up)
		finish(file);
}

static void deliver_opened(struct notice *notice)
{
	struct file *file = (struct file *)((char *)notice - offsetof(struct file, opened_notice));

	if (!file->closing)
		file->cb->opened(file, file->err, file->user);
	drop(file);
}

static void file_info(struct file *file, struct file_info *info)
{
	*info = file->info;
}

/* --- watching -------------------------------------------------------------------------- */

static void deliver_changed(struct notice *notice)
{
	struct file *file = (struct file *)((char *)notice - offsetof(struct file, changed_notice));
	struct linux_files *files = file->files;
	int err;

	pthread_mutex_lock(&files->lock);
	file->changed_queued = false;
	file->info.size = file->seen_size;
	err = file->seen_err;
	pthread_mutex_unlock(&files->lock);
	if (!file->closing)
		file->cb->changed(file, err, file->info.size, file->user);
	drop(file);
}

/* Locked. */
static void tell_changed(struct file *file)
{
	if (file->changed_queued)
		return;
	file->changed_queued = true;
	file->refs++;
	file_ctx_notify(file->ctx, &file->changed_notice);
}

/* Locked. The next one that was not looked at in this round. */
static struct file *next_file(struct linux_files *files)
{
	struct file *file = files->files;

	while (file != NULL && (file->looking || file->round == files->round))
		file = file->next;
	return file;
}

/* Locked; not meanwhile. Looks at one file. */
static void look_at(struct linux_files *files, struct file *file)
{
	bool asked = file->asked;
	uint64_t size = 0;
	bool closing;
	int err;

	file->looking = true;
	file->asked = false;
	file->round = files->round;
	pthread_mutex_unlock(&files->lock);
	err = look(file, &size) == 0 ? 0 : -ENODEV;
	pthread_mutex_lock(&files->lock);
	file->looking = false;
	closing = file->closing;
	if (!closing && (asked || err != file->seen_err || (err == 0 && size != file->seen_size))) {
		file->seen_err = err;
		if (err == 0)
			file->seen_size = size;
		tell_changed(file);
	}
	/* Asked while we were at it: what we saw may be old. */
	if (file->asked)
		file->round = 0;
	if (closing) {
		pthread_mutex_unlock(&files->lock);
		finish(file);
		pthread_mutex_lock(&files->lock);
	}
}

struct sweep {
	struct job job;
	struct linux_files *files;
};

static void run_sweep(struct job *job)
{
	struct linux_files *files = ((struct sweep *)job)->files;
	struct file *file;

	free(job);
	pthread_mutex_lock(&files->lock);
	while ((file = next_file(files)) != NULL)
		look_at(files, file);
	pthread_mutex_unlock(&files->lock);
}

static int start_sweep(struct linux_files *files)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	int rc;

	if (sweep == NULL)
		return -ENOMEM;
	sweep->job.run = run_sweep;
	sweep->files = files;
	rc = job_pool_push(files->control, &sweep->job);
	if (rc != 0)
		free(sweep);
	return rc;
}

static void file_check(struct file *file)
{
	struct linux_files *files = file->files;

	pthread_mutex_lock(&files->lock);
	file->asked = true;
	file->round = 0;
	pthread_mutex_unlock(&files->lock);
	if (start_sweep(files) == 0)
		return;
	/* No thread: what was seen last. */
	pthread_mutex_lock(&files->lock);
	tell_changed(file);
	pthread_mutex_unlock(&files->lock);
}

static void *watcher_main(void *arg)
{
	struct linux_files *files = arg;
	struct timespec next;

	pthread_setname_np(pthread_self(), "weft-watch");
	pthread_mutex_lock(&files->lock);
	while (!files->stop) {
		bool any;

		/* From now: a process that was stopped for long has nothing to make up for. */
		clock_gettime(CLOCK_MONOTONIC, &next);
		next.tv_sec++;
		while (!files->stop &&
		       pthread_cond_timedwait(&files->tick, &files->lock, &next) != ETIMEDOUT)
			;
		any = files->files != NULL && !files->stop;
		files->round++;
		pthread_mutex_unlock(&files->lock);
		if (any)
			start_sweep(files);
		pthread_mutex_lock(&files->lock);
	}
	pthread_mutex_unlock(&files->lock);
	return NULL;
}

/* From the first file on. Without the thread sizes are looked at when asked for only. */
static void start_watcher(struct linux_files *files)
{
	sigset_t all, old;
	bool start;

	pthread_mutex_lock(&files->lock);
	start = !files->watching;
	files->watching = true;
	pthread_mutex_unlock(&files->lock);
	if (!start)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&files->watcher, NULL, watcher_main, files) != 0)
		files->watching = false;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static int file_open(struct hw_file *hw, struct reactor *reactor, const char *path, unsigned flags,
		     const struct file_cb *cb, void *user, struct file **out)
{
	struct linux_files *files = (struct linux_files *)hw;
	struct file *file;
	int rc;

	if (path[0] == '\0')
		return -EINVAL;
	if (strlen(path) >= FILE_PATH_MAX)
		return -ENAMETOOLONG;
	file = calloc(1, sizeof(*file));
	if (file == NULL)
		return -ENOMEM;
	file->path = strdup(path);
	rc = file->path != NULL ? file_ctx_get(files, reactor, &file->ctx) : -ENOMEM;
	if (rc != 0) {
		free(file->path);
		free(file);
		return rc;
	}
	file->files = files;
	file->cb = cb;
	file->user = user;
	file->flags = flags;
	file->direct_fd = file->buffered_fd = -1;
	file->refs = 1;
	file->opening = true;
	file->opened_notice.deliver = deliver_opened;
	file->changed_notice.deliver = deliver_changed;
	file->closed_notice.deliver = deliver_closed;
	file->job.run = run_open;
	rc = job_pool_push(files->control, &file->job);
	if (rc != 0) {
		file_ctx_put(file->ctx);
		free(file->path);
		free(file);
		return rc;
	}
	start_watcher(files);
	*out = file;
	return 0;
}

/* --- life ------------------------------------------------------------------------------- */

static const struct hw_file_ops file_ops = {
	.open = file_open,
	.info = file_info,
	.check = file_check,
	.close = file_close,
	.queue_open = file_queue_open,
	.queue_close = file_queue_close,
	.submit = file_submit,
	.step = file_step_start,
};

/* A write beyond RLIMIT_FSIZE is an error like others, and no reason to die. */
static void ignore_sigxfsz(void)
{
	struct sigaction sa;

	if (sigaction(SIGXFSZ, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
		signal(SIGXFSZ, SIG_IGN);
}

struct hw_file *linux_files_new(enum linux_file_engine engine, char **reason, GError **error)
{
	struct linux_files *files;
	pthread_condattr_t attr;
	const char *what = NULL;
	int rc = engine != LINUX_FILE_THREADS ? uring_probe(&what) : 0;

	*reason = NULL;
	if (rc != 0 && engine == LINUX_FILE_IO_URING) {
		weft_error_set(error, rc, NULL, "io_uring cannot be used: %s: %s", what,
			       g_strerror(-rc));
		return NULL;
	}
	if (rc != 0)
		*reason = g_strdup_printf("%s: %s", what, g_strerror(-rc));
	files = g_new0(struct linux_files, 1);
	files->hw.ops = &file_ops;
	files->use_rings = rc == 0 && engine != LINUX_FILE_THREADS;
	files->fall_back = engine == LINUX_FILE_AUTO;
	files->round = 1;
	files->control = job_pool_new("weft-files", CONTROL_THREADS);
	pthread_mutex_init(&files->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&files->tick, &attr);
	pthread_condattr_destroy(&attr);
	ignore_sigxfsz();
	return &files->hw;
}

const char *linux_files_name(const struct hw_file *hw)
{
	return ((const struct linux_files *)hw)->use_rings ? "io_uring" : "threads";
}

void linux_files_free(struct hw_file *hw)
{
	struct linux_files *files = (struct linux_files *)hw;

	if (files->watching) {
		pthread_mutex_lock(&files->lock);
		files->stop = true;
		pthread_cond_signal(&files->tick);
		pthread_mutex_unlock(&files->lock);
		pthread_join(files->watcher, NULL);
	}
	/* A thread that hangs in a file still needs what there is. */
	if (!job_pool_free(files->control, PATIENCE_MS))
		return;
	g_assert(files->ctxs == NULL && files->files == NULL);
	pthread_cond_destroy(&files->tick);
	pthread_mutex_destroy(&files->lock);
	g_free(files);
}
