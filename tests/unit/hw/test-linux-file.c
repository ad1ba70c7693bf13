/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files on Linux, by io_uring and by threads: what a model cannot show. A file
 * system that is full, one that is frozen (its I/O hangs) beside one that is not,
 * files cut off under I/O, descriptors that run out; threads that hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <linux/fs.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hw/file.h"
#include "hw/linux/jobs.h"
#include "hw/linux/linux.h"
#include "target/core/core.h"

#define LEN 65536u
#define TOO_LONG (60 * G_USEC_PER_SEC)

struct bed {
	struct linux_hw *lhw;
	const struct hw *hw;
	struct core *core;
	char *dir;
	bool missing; /* the engine */
};

struct test_file {
	struct bed *b;
	struct file *file;
	struct file_queue *queue;
	char *path;
	int err, opened, closed;
};

struct test_io {
	struct file_io io;
	struct test_file *f;
	struct iovec iov;
	int done;
};

/* --- running -------------------------------------------------------------------------- */

static gboolean tick(gpointer data)
{
	(void)data;
	return G_SOURCE_CONTINUE;
}

static void wait_for(int *flag)
{
	gint64 end = g_get_monotonic_time() + TOO_LONG;
	guint id = g_timeout_add(2, tick, NULL);

	while (g_atomic_int_get(flag) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_main_context_iteration(NULL, TRUE);
	}
	g_source_remove(id);
}

struct call {
	void (*fn)(void *arg);
	void *arg;
	int done;
};

static void call_run(struct reactor *r, void *arg)
{
	struct call *call = arg;

	(void)r;
	call->fn(call->arg);
	g_atomic_int_set(&call->done, 1);
}

static void on_reactor(struct bed *b, void (*fn)(void *arg), void *arg)
{
	struct call call = { fn, arg, 0 };

	core_call(core_main(b->core), call_run, &call);
	wait_for(&call.done);
}

static void up(struct bed *b, gconstpointer engine)
{
	const struct linux_hw_options options = { .net_engine = LINUX_NET_EPOLL,
						  .file_engine = GPOINTER_TO_UINT(engine) };
	const struct core_options core_options = { .nreactors = 1, .log_level = LOG_ERROR };
	GError *error = NULL;

	*b = (struct bed){ 0 };
	b->lhw = linux_hw_new(&options, &error);
	if (b->lhw == NULL) {
		g_test_skip(error->message);
		g_error_free(error);
		b->missing = true;
		return;
	}
	b->hw = linux_hw_get(b->lhw);
	b->core = core_new(b->hw, &core_options, &error);
	g_assert_no_error(error);
	g_assert_true(core_start(b->core, NULL));
	b->dir = g_dir_make_tmp("weft-file-XXXXXX", NULL);
}

static void down(struct bed *b)
{
	if (b->missing)
		return;
	core_stop(b->core);
	core_free(b->core);
	linux_hw_free(b->lhw);
	g_assert_cmpint(g_rmdir(b->dir), ==, 0);
	g_free(b->dir);
}

/* --- files ------------------------------------------------------------------------------ */

static void on_opened(struct file *file, int err, void *user)
{
	struct test_file *f = user;

	(void)file;
	f->err = err;
	g_atomic_int_set(&f->opened, 1);
}

static void on_changed(struct file *file, int err, uint64_t size, void *user)
{
	(void)file;
	(void)err;
	(void)size;
	(void)user;
}

static void on_closed(void *user)
{
	g_atomic_int_set(&((struct test_file *)user)->closed, 1);
}

static const struct file_cb callbacks = { on_opened, on_changed };

static void do_open(void *arg)
{
	struct test_file *f = arg;

	g_assert_cmpint(f->b->hw->file->ops->open(f->b->hw->file, core_main(f->b->core), f->path, 0,
						  &callbacks, f, &f->file),
			==, 0);
}

static void do_queue(void *arg)
{
	struct test_file *f = arg;

	g_assert_cmpint(f->b->hw->file->ops->queue_open(f->file, core_main(f->b->core), &f->queue),
			==, 0);
}

static void do_close(void *arg)
{
	struct test_file *f = arg;

	if (f->queue != NULL)
		f->b->hw->file->ops->queue_close(f->queue);
	f->b->hw->file->ops->close(f->file, on_closed, f);
}

static int open_file(struct bed *b, struct test_file *f, const char *dir, const char *name,
		     uint64_t size)
{
	int fd;

	*f = (struct test_file){ .b = b, .path = g_build_filename(dir, name, NULL) };
	fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
	close(fd);
	on_reactor(b, do_open, f);
	wait_for(&f->opened);
	if (f->err == 0)
		on_reactor(b, do_queue, f);
	return f->err;
}

static void close_file(struct test_file *f)
{
	on_reactor(f->b, do_close, f);
	wait_for(&f->closed);
	g_assert_cmpint(g_unlink(f->path), ==, 0);
	g_free(f->path);
}

static void io_done(struct file_io *io)
{
	g_atomic_int_set(&((struct test_io *)io)->done, 1);
}

static void do_submit(void *arg)
{
	struct test_io *t = arg;

	t->f->b->hw->file->ops->submit(t->f->queue, &t->io);
}

static void begin(struct test_file *f, struct test_io *t, unsigned op, uint64_t offset, void *data,
		  size_t len)
{
	*t = (struct test_io){ .f = f, .iov = { data, len } };
	t->io = (struct file_io){ .done = io_done,
				  .op = (uint8_t)op,
				  .offset = offset,
				  .len = len,
				  .iov = &t->iov,
				  .niov = data != NULL };
	on_reactor(f->b, do_submit, t);
}

static int run(struct test_file *f, unsigned op, uint64_t offset, void *data, size_t len)
{
	struct test_io t;

	begin(f, &t, op, offset, data, len);
	wait_for(&t.done);
	return t.io.result;
}

static void *buffer(void)
{
	void *p = NULL;

	g_assert_cmpint(posix_memalign(&p, 4096, LEN), ==, 0);
	memset(p, 0x77, LEN);
	return p;
}

/* --- tests ------------------------------------------------------------------------------- */

static void test_full(gconstpointer engine)
{
	g_autofree char *mnt = NULL;
	void *data = buffer();
	struct test_file f;
	struct bed b;
	int rc = 0;

	up(&b, engine);
	if (b.missing)
		goto out;
	mnt = g_build_filename(b.dir, "mnt", NULL);
	g_mkdir(mnt, 0700);
	if (mount("tmpfs", mnt, "tmpfs", 0, "size=1m") != 0) {
		g_test_skip("no tmpfs can be mounted");
		g_rmdir(mnt);
		goto out;
	}
	g_assert_cmpint(open_file(&b, &f, mnt, "f", 4 << 20), ==, 0);
	for (unsigned i = 0; i < 64 && rc == 0; i++)
		rc = run(&f, FILE_WRITE, i * LEN, data, LEN);
	g_assert_cmpint(rc, ==, -ENOSPC);
	g_assert_cmpint(run(&f, FILE_READ, 0, data, LEN), ==, 0);
	/* What is given back can be used again. */
	g_assert_cmpint(run(&f, FILE_DISCARD, 0, NULL, 8 * LEN), ==, 0);
	g_assert_cmpint(run(&f, FILE_WRITE, 32 * LEN, data, LEN), ==, 0);
	g_assert_cmpint(run(&f, FILE_FLUSH, 0, NULL, 0), ==, 0);
	close_file(&f);
	g_assert_cmpint(umount(mnt), ==, 0);
	g_rmdir(mnt);
out:
	free(data);
	down(&b);
}

static bool make_fs(const char *dir, char **image, char **mnt)
{
	g_autofree char *command = NULL;

	*image = g_build_filename(dir, "image", NULL);
	*mnt = g_build_filename(dir, "mnt", NULL);
	g_mkdir(*mnt, 0700);
	command = g_strdup_printf("truncate -s 16M %s && mkfs.ext4 -q %s >/dev/null 2>&1 && "
				  "mount -o loop %s %s 2>/dev/null",
				  *image, *image, *image, *mnt);
	return geteuid() == 0 && system(command) == 0;
}

/* Writes to the frozen one hang, many of them; the other, opening and closing do not notice. */
static void hang(struct bed *b, const char *mnt)
{
	enum { STUCK = 64 };
	struct test_io *stuck = g_new0(struct test_io, STUCK);
	void *data = buffer();
	struct test_file frozen, other, third;
	int fd = open(mnt, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int nothing = 0; /* valgrind wants an argument that can be read */

	g_assert_cmpint(open_file(b, &frozen, mnt, "f", STUCK * LEN), ==, 0);
	g_assert_cmpint(open_file(b, &other, b->dir, "other", 1 << 20), ==, 0);
	g_assert_cmpint(ioctl(fd, FIFREEZE, &nothing), ==, 0);
	for (unsigned i = 0; i < STUCK; i++)
		begin(&frozen, &stuck[i], i % 8 == 7 ? FILE_ZERO : FILE_WRITE, i * LEN,
		      i % 8 == 7 ? NULL : data, LEN);
	for (unsigned i = 0; i < 16; i++) {
		g_assert_cmpint(run(&other, FILE_WRITE, i * LEN, data, LEN), ==, 0);
		g_assert_cmpint(run(&other, FILE_READ, i * LEN, data, LEN), ==, 0);
		g_assert_cmpint(run(&other, FILE_FLUSH, 0, NULL, 0), ==, 0);
		g_assert_cmpint(run(&other, FILE_ZERO, 0, NULL, LEN), ==, 0);
	}
	g_assert_cmpint(open_file(b, &third, b->dir, "third", 1 << 20), ==, 0);
	close_file(&third);
	for (unsigned i = 0; i < STUCK; i++)
		g_assert_cmpint(g_atomic_int_get(&stuck[i].done), ==, 0);
	g_assert_cmpint(ioctl(fd, FITHAW, &nothing), ==, 0);
	for (unsigned i = 0; i < STUCK; i++) {
		wait_for(&stuck[i].done);
		g_assert_cmpint(stuck[i].io.result, ==, 0);
	}
	close(fd);
	close_file(&frozen);
	close_file(&other);
	free(data);
	g_free(stuck);
}

static void test_hang(gconstpointer engine)
{
	g_autofree char *image = NULL, *mnt = NULL;
	struct bed b;

	up(&b, engine);
	if (b.missing)
		return;
	if (make_fs(b.dir, &image, &mnt)) {
		hang(&b, mnt);
		g_assert_cmpint(umount(mnt), ==, 0);
	} else {
		g_test_skip("no file system can be made and mounted");
	}
	g_unlink(image);
	g_rmdir(mnt);
	down(&b);
}

/* Reads while the file is cut off and grows again: all of it, or the end was met. */
static void test_cut_off(gconstpointer engine)
{
	enum { N = 400 };
	struct test_io *ios;
	struct test_file f;
	void *data = buffer();
	struct bed b;
	unsigned good = 0;

	up(&b, engine);
	if (b.missing) {
		free(data);
		return;
	}
	ios = g_new0(struct test_io, N);
	g_assert_cmpint(open_file(&b, &f, b.dir, "f", 1 << 20), ==, 0);
	for (unsigned i = 0; i < N; i++) {
		begin(&f, &ios[i], FILE_READ, i % 2 * (1 << 19), data, LEN);
		if (i % 10 == 5)
			g_assert_cmpint(truncate(f.path, i % 20 == 5 ? 1 << 19 : 1 << 20), ==, 0);
	}
	for (unsigned i = 0; i < N; i++) {
		wait_for(&ios[i].done);
		g_assert_true(ios[i].io.result == 0 ||
			      (i % 2 == 1 && ios[i].io.result == -ENODATA));
		good += ios[i].io.result == 0;
	}
	g_assert_cmpuint(good, >=, N / 2);
	g_free(ios);
	close_file(&f);
	free(data);
	down(&b);
}

static void test_no_descriptors(gconstpointer engine)
{
	struct rlimit old, none;
	struct test_file first, f;
	struct bed b;
	int next;

	up(&b, engine);
	if (b.missing)
		return;
	/* With it come the descriptors that files share. */
	g_assert_cmpint(open_file(&b, &first, b.dir, "first", LEN), ==, 0);
	f = (struct test_file){ .b = &b, .path = g_strdup(first.path) };
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	none = old;
	next = dup(0);
	close(next);
	none.rlim_cur = (rlim_t)next;
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
	on_reactor(&b, do_open, &f);
	wait_for(&f.opened);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
	g_assert_cmpint(f.err, ==, -EMFILE);
	on_reactor(&b, do_close, &f);
	wait_for(&f.closed);
	g_free(f.path);
	close_file(&first);
	down(&b);
}

/* --- threads -------------------------------------------------------------------------------- */

struct test_job {
	struct job job;
	sem_t *wait;
	int *count;
};

static void job_run(struct job *job)
{
	struct test_job *t = (struct test_job *)job;

	if (t->wait != NULL)
		while (sem_wait(t->wait) != 0)
			;
	g_atomic_int_inc(t->count);
}

/* Seven that hang leave the eighth thread to the others; a pool that is left frees itself. */
static void test_jobs(void)
{
	struct job_pool *pool = job_pool_new("test", 8);
	struct test_job stuck[7], jobs[100];
	int done = 0, freed = 0;
	gint64 end = g_get_monotonic_time() + TOO_LONG;
	sem_t sem;

	sem_init(&sem, 0, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(stuck); i++) {
		stuck[i] = (struct test_job){ { .run = job_run }, &sem, &freed };
		g_assert_cmpint(job_pool_push(pool, &stuck[i].job), ==, 0);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++) {
		jobs[i] = (struct test_job){ { .run = job_run }, NULL, &done };
		g_assert_cmpint(job_pool_push(pool, &jobs[i].job), ==, 0);
	}
	while (g_atomic_int_get(&done) < (int)G_N_ELEMENTS(jobs) && g_get_monotonic_time() < end)
		g_thread_yield();
	g_assert_cmpint(g_atomic_int_get(&done), ==, G_N_ELEMENTS(jobs));
	g_assert_cmpint(g_atomic_int_get(&freed), ==, 0);
	g_assert_false(job_pool_free(pool, 1));
	for (unsigned i = 0; i < G_N_ELEMENTS(stuck); i++)
		sem_post(&sem);
	while (g_atomic_int_get(&freed) < (int)G_N_ELEMENTS(stuck) && g_get_monotonic_time() < end)
		g_thread_yield();
	g_assert_cmpint(g_atomic_int_get(&freed), ==, G_N_ELEMENTS(stuck));
	sem_destroy(&sem);
}

static void test_jobs_in_order(void)
{
	struct job_pool *pool = job_pool_new("test", 1);
	struct test_job jobs[50];
	int done = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++) {
		jobs[i] = (struct test_job){ { .run = job_run }, NULL, &done };
		g_assert_cmpint(job_pool_push(pool, &jobs[i].job), ==, 0);
	}
	/* What waits is done first. */
	g_assert_true(job_pool_free(pool, 60000));
	g_assert_cmpint(done, ==, G_N_ELEMENTS(jobs));
}

static void add(const char *name, GTestDataFunc fn)
{
	g_autofree char *ring = g_strdup_printf("/linux-file/%s/io_uring", name);
	g_autofree char *threads = g_strdup_printf("/linux-file/%s/threads", name);

	g_test_add_data_func(ring, GUINT_TO_POINTER(LINUX_FILE_IO_URING), fn);
	g_test_add_data_func(threads, GUINT_TO_POINTER(LINUX_FILE_THREADS), fn);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/linux-file/jobs", test_jobs);
	g_test_add_func("/linux-file/jobs-in-order", test_jobs_in_order);
	add("full", test_full);
	add("hang", test_hang);
	add("cut-off", test_cut_off);
	add("no-descriptors", test_no_descriptors);
	return g_test_run();
}
