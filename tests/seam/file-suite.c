/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conformance of hw/file.h. What a power cut leaves is for the world alone:
 * tests/unit/sim/test-file.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/file.h"
#include "tests/seam/file-steps.h"

#define MIB (1u << 20)
#define BLOCK 4096u

struct test {
	struct rig rig;
	struct file *file;
	struct file_queue *queue[2];
	struct file_info info;
	char path[256];
	unsigned flags;
	int open_rc, err, change_err;
	int opened, changed, closed; /* how often; read by the main thread */
	uint64_t size;
	bool close_when_opened;
};

static const struct hw_file_ops *ops(const struct test *t)
{
	return t->rig.hw->file->ops;
}

/* --- opening --------------------------------------------------------------------------- */

static void on_closed(void *user)
{
	struct test *t = user;

	cover("callback", "closed");
	g_atomic_int_inc(&t->closed);
}

static void on_opened(struct file *file, int err, void *user)
{
	struct test *t = user;

	cover("callback", "opened");
	g_assert_true(file == t->file);
	t->err = err;
	if (err == 0) {
		cover("slot", "info");
		ops(t)->info(file, &t->info);
	}
	if (t->close_when_opened)
		ops(t)->close(file, on_closed, t);
	g_atomic_int_inc(&t->opened);
}

static void on_changed(struct file *file, int err, uint64_t size, void *user)
{
	struct test *t = user;

	cover("callback", "changed");
	g_assert_true(file == t->file);
	t->change_err = err;
	t->size = size;
	g_atomic_int_inc(&t->changed);
}

static const struct file_cb callbacks = { .opened = on_opened, .changed = on_changed };

static void open_on(struct reactor *r, void *arg)
{
	struct test *t = arg;
	int before = g_atomic_int_get(&t->opened);

	cover("slot", "open");
	t->open_rc = ops(t)->open(t->rig.hw->file, r, t->path, t->flags, &callbacks, t, &t->file);
	g_assert_cmpint(g_atomic_int_get(&t->opened), ==, before);
}

static void queue_on(struct reactor *r, void *arg)
{
	struct test *t = arg;

	cover("slot", "queue_open");
	g_assert_cmpint(ops(t)->queue_open(t->file, r, &t->queue[r->index]), ==, 0);
}

static void unqueue_on(struct reactor *r, void *arg)
{
	struct test *t = arg;

	cover("slot", "queue_close");
	ops(t)->queue_close(t->queue[r->index]);
}

static void close_on(struct reactor *r, void *arg)
{
	struct test *t = arg;

	(void)r;
	cover("slot", "close");
	ops(t)->close(t->file, on_closed, t);
	g_assert_cmpint(g_atomic_int_get(&t->closed), ==, 0);
}

/* Opens t->path on reactor 0 and waits. */
static int open_path(struct test *t)
{
	t->opened = 0;
	rig_on(&t->rig, 0, open_on, t);
	if (t->open_rc != 0)
		return t->open_rc;
	rig_wait_flag(&t->rig, &t->opened);
	return t->err;
}

static void close_path(struct test *t)
{
	t->closed = 0;
	rig_on(&t->rig, 0, close_on, t);
	rig_wait_flag(&t->rig, &t->closed);
}

static void up(struct test *t, uint64_t size, unsigned flags)
{
	*t = (struct test){ .flags = flags };
	rig_up(&t->rig);
	backend_file_path(t->rig.b, "disk", t->path);
	backend_file_set_size(t->rig.b, t->path, size);
	g_assert_cmpint(open_path(t), ==, 0);
	for (unsigned i = 0; i < 2; i++)
		rig_on(&t->rig, i, queue_on, t);
}

static void down(struct test *t)
{
	for (unsigned i = 0; i < 2; i++)
		rig_on(&t->rig, i, unqueue_on, t);
	close_path(t);
	backend_file_remove(t->rig.b, t->path);
	rig_down(&t->rig);
}

/* --- I/O -------------------------------------------------------------------------------- */

struct one {
	struct file_io io;
	struct test *t;
	struct iovec iov[4];
	struct reactor *reactor;
	int done;
	bool in_submit;
};

static void one_done(struct file_io *io)
{
	struct one *one = (struct one *)io;

	g_assert_false(one->in_submit);
	g_assert_true(reactor_is_current(one->reactor));
	cover_error(io->result);
	g_atomic_int_inc(&one->done);
}

static void submit_on(struct reactor *r, void *arg)
{
	struct one *one = arg;

	cover("slot", "submit");
	one->reactor = r;
	one->in_submit = true;
	ops(one->t)->submit(one->t->queue[r->index], &one->io);
	one->in_submit = false;
}

/* One buffer, in up to three pieces cut at multiples of step. */
static void cut(struct one *one, void *data, size_t len, size_t step)
{
	size_t a = step < len ? step : 0, b = a + step < len ? step : 0;
	char *p = data;

	one->iov[0] = (struct iovec){ p, a };
	one->iov[1] = (struct iovec){ p + a, b };
	one->iov[2] = (struct iovec){ p + a + b, len - a - b };
	one->io.iov = one->iov;
	one->io.niov = 3;
}

static int do_io(struct test *t, unsigned reactor, unsigned op, unsigned flags, uint64_t offset,
		 void *data, size_t len)
{
	struct one one = { .t = t };

	one.io = (struct file_io){ .done = one_done,
				   .op = (uint8_t)op,
				   .flags = (uint8_t)flags,
				   .offset = offset,
				   .len = len };
	if (op == FILE_READ || op == FILE_WRITE)
		cut(&one, data, len, BLOCK);
	rig_on(&t->rig, reactor, submit_on, &one);
	rig_wait_flag(&t->rig, &one.done);
	g_assert_cmpint(g_atomic_int_get(&one.done), ==, 1);
	return one.io.result;
}

static void fill(uint8_t *data, size_t len, unsigned salt)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 9) + salt);
}

static void *aligned(size_t len)
{
	void *p = NULL;

	g_assert_cmpint(posix_memalign(&p, BLOCK, len), ==, 0);
	memset(p, 0, len);
	return p;
}

/* Each length and place, aligned or not: what one reactor writes the other reads. */
static void test_data(gconstpointer flags)
{
	static const struct {
		uint64_t offset;
		size_t len, shift; /* shift: of the memory */
	} cases[] = { { 0, BLOCK, 0 },
		      { BLOCK, 8 * BLOCK, 0 },
		      { 512, 512, 0 },
		      { 64 * BLOCK, MIB / 2, 0 },
		      { 3 * BLOCK, 2 * BLOCK, 8 },
		      { 16 * BLOCK, 4 * BLOCK, 512 },
		      { 5 * BLOCK + 100, 3333, 1 },
		      { MIB - 1, 1, 3 },
		      { MIB - BLOCK, BLOCK, 0 } };
	uint8_t *out = aligned(MIB), *in = aligned(MIB);
	struct test t;

	up(&t, MIB, (unsigned)GPOINTER_TO_UINT(flags));
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		size_t len = cases[i].len;
		uint8_t *from = out + cases[i].shift, *to = in + cases[i].shift;

		fill(from, len, i);
		memset(to, 0xee, len);
		g_assert_cmpint(do_io(&t, i % 2, FILE_WRITE, i % 3 == 0 ? FILE_IO_FUA : 0,
				      cases[i].offset, from, len),
				==, 0);
		g_assert_cmpint(do_io(&t, (i + 1) % 2, FILE_READ, 0, cases[i].offset, to, len), ==,
				0);
		g_assert_cmpmem(from, len, to, len);
	}
	g_assert_cmpint(do_io(&t, 0, FILE_FLUSH, 0, 0, NULL, 0), ==, 0);
	free(out);
	free(in);
	down(&t);
}

static void expect_bytes(struct test *t, uint64_t offset, size_t len, int value)
{
	uint8_t *in = aligned(len);

	memset(in, 0xee, len);
	g_assert_cmpint(do_io(t, 0, FILE_READ, 0, offset, in, len), ==, 0);
	for (size_t i = 0; i < len; i++)
		g_assert_cmpint(in[i], ==, value);
	free(in);
}

static void test_zero(void)
{
	uint8_t *out = aligned(MIB);
	struct test t;
	int rc;

	up(&t, MIB, 0);
	memset(out, 0x5a, MIB);
	g_assert_cmpint(do_io(&t, 0, FILE_WRITE, 0, 0, out, MIB), ==, 0);
	g_assert_cmpint(do_io(&t, 0, FILE_ZERO, 0, 512, NULL, 1024), ==, 0);
	expect_bytes(&t, 0, 512, 0x5a);
	expect_bytes(&t, 512, 1024, 0);
	expect_bytes(&t, 1536, 2560, 0x5a);
	g_assert_cmpint(do_io(&t, 1, FILE_ZERO, FILE_IO_FUA, 4 * BLOCK, NULL, MIB / 2), ==, 0);
	expect_bytes(&t, 4 * BLOCK, MIB / 2, 0);
	expect_bytes(&t, 4 * BLOCK + MIB / 2, BLOCK, 0x5a);
	rc = do_io(&t, 0, FILE_DISCARD, 0, MIB - 8 * BLOCK, NULL, 4 * BLOCK);
	if (rc == 0)
		expect_bytes(&t, MIB - 8 * BLOCK, 4 * BLOCK, 0);
	else
		g_assert_cmpint(rc, ==, -EOPNOTSUPP);
	expect_bytes(&t, MIB - 4 * BLOCK, 4 * BLOCK, 0x5a);
	free(out);
	down(&t);
}

/* --- many at once ------------------------------------------------------------------------- */

#define MANY 700

struct many {
	struct test *t;
	struct one ones[MANY];
	uint8_t *data;
	unsigned reactor, op;
	int left;
};

static void many_done(struct file_io *io)
{
	struct many *many = io->user;

	g_assert_cmpint(io->result, ==, 0);
	g_atomic_int_add(&many->left, -1);
}

static void many_on(struct reactor *r, void *arg)
{
	struct many *many = arg;

	for (unsigned i = 0; i < MANY; i++) {
		struct one *one = &many->ones[i];
		unsigned at = (many->reactor * MANY + i) * BLOCK;

		one->iov[0] = (struct iovec){ many->data + (size_t)i * BLOCK, BLOCK };
		one->io = (struct file_io){ .done = many_done,
					    .user = many,
					    .op = (uint8_t)many->op,
					    .offset = at,
					    .len = BLOCK,
					    .iov = one->iov,
					    .niov = 1 };
		ops(many->t)->submit(many->t->queue[r->index], &one->io);
	}
}

static bool many_left(void *arg)
{
	struct many *many = arg;

	return g_atomic_int_get(&many[0].left) > 0 || g_atomic_int_get(&many[1].left) > 0;
}

static void all(struct test *t, struct many *many, unsigned op)
{
	for (unsigned i = 0; i < 2; i++) {
		many[i].op = op;
		many[i].left = MANY;
		rig_on(&t->rig, i, many_on, &many[i]);
	}
	rig_wait(&t->rig, many_left, many);
}

static void test_many(void)
{
	struct many *many = g_new0(struct many, 2);
	uint8_t *want = aligned(MANY * BLOCK);
	struct test t;

	up(&t, 2 * MANY * BLOCK, 0);
	for (unsigned i = 0; i < 2; i++) {
		many[i].t = &t;
		many[i].reactor = i;
		many[i].data = aligned(MANY * BLOCK);
		fill(many[i].data, MANY * BLOCK, i);
	}
	all(&t, many, FILE_WRITE);
	for (unsigned i = 0; i < 2; i++)
		memset(many[i].data, 0, MANY * BLOCK);
	all(&t, many, FILE_READ);
	for (unsigned i = 0; i < 2; i++) {
		fill(want, MANY * BLOCK, i);
		g_assert_cmpmem(want, MANY * BLOCK, many[i].data, MANY * BLOCK);
		free(many[i].data);
	}
	g_free(many);
	free(want);
	down(&t);
}

/* --- size --------------------------------------------------------------------------------- */

static void check_on(struct reactor *r, void *arg)
{
	struct test *t = arg;

	(void)r;
	cover("slot", "check");
	ops(t)->check(t->file);
}

static void expect_change(struct test *t, uint64_t size)
{
	rig_wait_flag(&t->rig, &t->changed);
	g_assert_cmpint(t->change_err, ==, 0);
	g_assert_cmpuint(t->size, ==, size);
	g_atomic_int_set(&t->changed, 0);
}

static void test_size(void)
{
	uint8_t *data = aligned(MIB);
	struct test t;
	int rc;

	up(&t, MIB, 0);
	g_assert_cmpuint(t.info.size, ==, MIB);
	g_assert_false(t.info.device);
	g_assert_cmpuint(t.info.block_size, >=, 512);
	g_assert_cmpuint(t.info.block_size & (t.info.block_size - 1), ==, 0);
	g_assert_cmpuint(t.info.physical_block_size, >=, t.info.block_size);
	/* Asked for: told in any case. */
	rig_on(&t.rig, 0, check_on, &t);
	expect_change(&t, MIB);
	backend_file_set_size(t.rig.b, t.path, 3 * MIB);
	expect_change(&t, 3 * MIB);
	g_assert_cmpint(do_io(&t, 0, FILE_WRITE, 0, 2 * MIB, data, MIB), ==, 0);
	backend_file_set_size(t.rig.b, t.path, MIB);
	rc = do_io(&t, 0, FILE_READ, 0, 2 * MIB, data, BLOCK);
	g_assert_cmpint(rc, ==, -ENODATA);
	/* Half of it is there. */
	g_assert_cmpint(do_io(&t, 1, FILE_READ, 0, MIB - BLOCK, data, 2 * BLOCK), ==, -ENODATA);
	expect_change(&t, MIB);
	free(data);
	down(&t);
}

/* --- errors ------------------------------------------------------------------------------- */

static void test_open_errors(void)
{
	struct test t = { 0 };

	rig_up(&t.rig);
	backend_file_path(t.rig.b, "nothing", t.path);
	g_assert_cmpint(open_path(&t), ==, -ENOENT);
	cover_error(-ENOENT);
	close_path(&t);
	t.path[0] = '\0';
	g_assert_cmpint(open_path(&t), ==, -EINVAL);
	cover_error(-EINVAL);
	rig_down(&t.rig);
}

/* Closed while it is being opened, and from inside of opened: once each, and nothing after. */
static void test_close_early(void)
{
	struct test t = { 0 };

	rig_up(&t.rig);
	backend_file_path(t.rig.b, "disk", t.path);
	backend_file_set_size(t.rig.b, t.path, MIB);
	for (unsigned i = 0; i < 20; i++) {
		t.opened = 0;
		rig_on(&t.rig, i % 2, open_on, &t);
		if (g_atomic_int_get(&t.opened) == 0 && i % 4 < 2) {
			t.closed = 0;
			rig_on(&t.rig, i % 2, close_on, &t);
		} else {
			rig_wait_flag(&t.rig, &t.opened);
			t.closed = 0;
			rig_on(&t.rig, i % 2, close_on, &t);
		}
		rig_wait_flag(&t.rig, &t.closed);
	}
	t.close_when_opened = true;
	t.closed = 0;
	g_assert_cmpint(open_path(&t), ==, 0);
	rig_wait_flag(&t.rig, &t.closed);
	backend_file_remove(t.rig.b, t.path);
	rig_down(&t.rig);
}

static void test_read_only(void)
{
	uint8_t *data = aligned(BLOCK);
	struct test t;

	up(&t, MIB, FILE_READ_ONLY);
	g_assert_cmpint(do_io(&t, 0, FILE_READ, 0, 0, data, BLOCK), ==, 0);
	g_assert_cmpint(do_io(&t, 0, FILE_WRITE, 0, 0, data, BLOCK), ==, -EBADF);
	g_assert_cmpint(do_io(&t, 1, FILE_WRITE, FILE_IO_FUA, 0, data, BLOCK), ==, -EBADF);
	g_assert_cmpint(do_io(&t, 0, FILE_ZERO, 0, 0, NULL, BLOCK), ==, -EBADF);
	g_assert_cmpint(do_io(&t, 0, FILE_DISCARD, 0, 0, NULL, BLOCK), ==, -EBADF);
	free(data);
	down(&t);
}

static void test_no_space(void)
{
	uint8_t *data = aligned(MIB);
	struct test t;
	int rc;

	up(&t, MIB, 0);
	g_assert_null(backend_trouble(t.rig.b, TROUBLE_NO_SPACE, true));
	rc = do_io(&t, 0, FILE_WRITE, 0, MIB / 2, data, MIB / 2);
	g_assert_true(rc == -ENOSPC || rc == -EFBIG || rc == -EDQUOT);
	cover("error", "ENOSPC");
	/* What is there can still be read. */
	g_assert_cmpint(do_io(&t, 0, FILE_READ, 0, 0, data, MIB), ==, 0);
	backend_trouble(t.rig.b, TROUBLE_NO_SPACE, false);
	g_assert_cmpint(do_io(&t, 0, FILE_WRITE, 0, MIB / 2, data, MIB / 2), ==, 0);
	free(data);
	down(&t);
}

static void test_bad_medium(void)
{
	uint8_t *data = aligned(BLOCK);
	const char *why;
	struct test t;

	up(&t, MIB, 0);
	why = backend_trouble(t.rig.b, TROUBLE_BAD_MEDIUM, true);
	if (why) {
		cover_skip("error", "EIO", why);
	} else {
		g_assert_cmpint(do_io(&t, 0, FILE_READ, 0, 0, data, BLOCK), ==, -EIO);
		g_assert_cmpint(do_io(&t, 0, FILE_WRITE, 0, 0, data, BLOCK), ==, -EIO);
		g_assert_cmpint(do_io(&t, 0, FILE_FLUSH, 0, 0, NULL, 0), ==, -EIO);
		backend_trouble(t.rig.b, TROUBLE_BAD_MEDIUM, false);
	}
	free(data);
	down(&t);
}

/* One object has one identity, two have two. */
static void test_identity(void)
{
	struct file_info first;
	char path[256];
	struct test t;

	up(&t, MIB, 0);
	first = t.info;
	down(&t);
	g_assert_cmpstr(first.identity, !=, "");

	t = (struct test){ 0 };
	rig_up(&t.rig);
	backend_file_path(t.rig.b, "one", path);
	backend_file_set_size(t.rig.b, path, MIB);
	backend_file_path(t.rig.b, "two", t.path);
	backend_file_set_size(t.rig.b, t.path, MIB);
	g_assert_cmpint(open_path(&t), ==, 0);
	first = t.info;
	close_path(&t);
	g_assert_cmpint(open_path(&t), ==, 0);
	g_assert_cmpstr(t.info.identity, ==, first.identity);
	close_path(&t);
	backend_file_remove(t.rig.b, t.path);
	g_strlcpy(t.path, path, sizeof(t.path));
	g_assert_cmpint(open_path(&t), ==, 0);
	g_assert_cmpstr(t.info.identity, !=, first.identity);
	close_path(&t);
	backend_file_remove(t.rig.b, path);
	rig_down(&t.rig);
}

static void add_tests(void)
{
	g_test_add_data_func("/file/data", GUINT_TO_POINTER(0), test_data);
	g_test_add_data_func("/file/data-buffered", GUINT_TO_POINTER(FILE_BUFFERED), test_data);
	g_test_add_func("/file/zero", test_zero);
	g_test_add_func("/file/many", test_many);
	g_test_add_func("/file/size", test_size);
	g_test_add_func("/file/open-errors", test_open_errors);
	g_test_add_func("/file/close-early", test_close_early);
	g_test_add_func("/file/read-only", test_read_only);
	g_test_add_func("/file/no-space", test_no_space);
	g_test_add_func("/file/bad-medium", test_bad_medium);
	g_test_add_func("/file/identity", test_identity);
	file_steps_add_tests();
}

int main(int argc, char **argv)
{
	static const char *const slots[] = { "open",	   "info",	  "check",  "close",
					     "queue_open", "queue_close", "submit", "step", NULL };
	static const char *const file_callbacks[] = { "opened", "changed", "closed", NULL };
	static const char *const errors[] = { "ENOENT", "EINVAL", "ENODATA", "EBADF",
					      "ENOSPC", "EIO",	  NULL };
	static const struct cover_list lists[] = { { "slot", slots },
						   { "callback", file_callbacks },
						   { "error", errors } };

	return seam_main(argc, argv, add_tests, lists, G_N_ELEMENTS(lists));
}
