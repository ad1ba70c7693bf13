/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps of work on small files (hw/file.h); what a power cut leaves: test-world-autosave. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/seam/file-steps.h"

struct steps {
	struct rig rig;
	struct file_step step;
	char path[256], beside[256];
	int done; /* how often; read by the main thread */
	int before, rc;
};

static void on_done(struct file_step *step)
{
	struct steps *t = step->user;

	g_assert_true(step == &t->step);
	g_atomic_int_inc(&t->done);
}

static void start(struct reactor *r, void *arg)
{
	struct steps *t = arg;

	cover("slot", "step");
	t->before = g_atomic_int_get(&t->done);
	t->rc = t->rig.hw->file->ops->step(t->rig.hw->file, r, &t->step);
	/* It never ends inside of the call. */
	g_assert_cmpint(g_atomic_int_get(&t->done), ==, t->before);
}

static bool not_done(void *arg)
{
	struct steps *t = arg;

	return g_atomic_int_get(&t->done) == t->before;
}

static int run(struct steps *t, enum file_step_op op, const char *path, const char *to)
{
	t->step.op = op;
	t->step.path = path;
	t->step.to = to;
	rig_on(&t->rig, 1, start, t);
	g_assert_cmpint(t->rc, ==, 0);
	rig_wait(&t->rig, not_done, t);
	if (t->step.result != 0)
		cover_error(t->step.result);
	return t->step.result;
}

static int write_text(struct steps *t, const char *path, const char *text)
{
	t->step.bytes = (char *)text;
	t->step.len = strlen(text);
	return run(t, FILE_STEP_WRITE, path, NULL);
}

/* What path holds; NULL: -ENOENT. Caller frees. */
static char *read_text(struct steps *t, const char *path)
{
	int rc;

	t->step.bytes = NULL;
	t->step.len = 1 << 20;
	rc = run(t, FILE_STEP_READ, path, NULL);
	if (rc == -ENOENT)
		return NULL;
	g_assert_cmpint(rc, ==, 0);
	g_assert_cmpuint(strlen(t->step.bytes), ==, t->step.len);
	return t->step.bytes;
}

static void expect(struct steps *t, const char *path, const char *text)
{
	char *is = read_text(t, path);

	g_assert_cmpstr(is, ==, text);
	free(is);
}

static void up(struct steps *t)
{
	*t = (struct steps){ 0 };
	rig_up(&t->rig);
	t->step.user = t;
	t->step.done = on_done;
	backend_file_path(t->rig.b, "small", t->path);
	backend_file_path(t->rig.b, "small.tmp", t->beside);
}

static void down(struct steps *t)
{
	/* In the world they are no files of this machine, and go with it. */
	unlink(t->path);
	unlink(t->beside);
	rig_down(&t->rig);
}

/* A file is made, and replaced, as a whole. */
static void test_replace(void)
{
	static const char *const texts[] = { "one", "", "a longer text than the first" };
	struct steps t;

	up(&t);
	expect(&t, t.path, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_assert_cmpint(write_text(&t, t.beside, texts[i]), ==, 0);
		g_assert_cmpint(run(&t, FILE_STEP_SYNC, t.beside, NULL), ==, 0);
		expect(&t, t.path, i ? texts[i - 1] : NULL);
		g_assert_cmpint(run(&t, FILE_STEP_RENAME, t.beside, t.path), ==, 0);
		g_assert_cmpint(run(&t, FILE_STEP_SYNC_DIR, t.path, NULL), ==, 0);
		expect(&t, t.path, texts[i]);
		expect(&t, t.beside, NULL);
	}
	down(&t);
}

/* One that a crash has left beside is in nobody's way. */
static void test_left_over(void)
{
	struct steps t;

	up(&t);
	g_assert_cmpint(write_text(&t, t.beside, "of a crash, and long"), ==, 0);
	g_assert_cmpint(run(&t, FILE_STEP_SYNC, t.beside, NULL), ==, 0);
	g_assert_cmpint(write_text(&t, t.beside, "new"), ==, 0);
	g_assert_cmpint(run(&t, FILE_STEP_SYNC, t.beside, NULL), ==, 0);
	expect(&t, t.beside, "new");
	down(&t);
}

static void test_errors(void)
{
	struct steps t;

	up(&t);
	g_assert_cmpint(run(&t, FILE_STEP_RENAME, t.beside, t.path), ==, -ENOENT);
	g_assert_cmpint(write_text(&t, t.path, "four"), ==, 0);
	g_assert_cmpint(run(&t, FILE_STEP_SYNC, t.path, NULL), ==, 0);
	t.step.len = 3;
	g_assert_cmpint(run(&t, FILE_STEP_READ, t.path, NULL), ==, -EFBIG);
	down(&t);
}

void file_steps_add_tests(void)
{
	g_test_add_func("/file/steps/replace", test_replace);
	g_test_add_func("/file/steps/left-over", test_left_over);
	g_test_add_func("/file/steps/errors", test_errors);
}
