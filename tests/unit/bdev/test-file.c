/* SPDX-License-Identifier: BSD-3-Clause */
/* The file bdev on a virtual file: status of errors, many I/Os, aborts, loss of power, uuids. */
#include <errno.h>
#include <string.h>

#include "hw/file.h"
#include "sim/world.h"
#include "target/bdev/file.h"
#include "target/nvme/nvme.h"

#define BLOCKS 2048u
#define BS 512u
#define MANY 700u

struct bed {
	struct world *world;
	struct world_node *node;
	struct world_file *disk;
	struct core *core;
	struct bdev_layer *layer;
	struct bdev *bdev;
	struct bdev_desc *desc;
	struct bdev_channel *ch;
	char *error;
	int opened, removed;
};

struct test_io {
	struct bdev_io io;
	struct iovec iov;
	int done;
};

static bool unset(void *flag)
{
	return *(int *)flag == 0;
}

static void wait_for(struct bed *b, int *flag)
{
	g_assert_true(world_run_while(b->world, unset, flag, 60 * WORLD_SEC));
}

/* --- up and down --------------------------------------------------------------------- */

static void created(void *arg, struct bdev *bdev, const GError *error)
{
	struct bed *b = arg;

	b->bdev = bdev;
	b->error = error ? g_strdup(error->message) : NULL;
	b->opened++;
}

static void put(struct bed *b)
{
	if (b->ch)
		bdev_channel_put(b->ch);
	if (b->desc)
		bdev_close(b->desc);
	b->ch = NULL;
	b->desc = NULL;
}

static void on_removed(struct bdev_desc *desc, void *user)
{
	struct bed *b = user;

	(void)desc;
	put(b);
	b->bdev = NULL;
	b->removed++;
}

static const struct bdev_events events = { .removed = on_removed };

static void get(struct reactor *r, void *arg)
{
	struct bed *b = arg;

	b->desc = bdev_open(b->layer, b->bdev->name, false, &events, b, NULL);
	g_assert_nonnull(b->desc);
	b->ch = bdev_channel_get(b->bdev, r);
	g_assert_nonnull(b->ch);
	b->opened++;
}

static void create(struct bed *b, bool read_only)
{
	const struct bdev_file_opts opts = {
		.kind = BDEV_FILE_URING, .name = "F", .filename = "/srv/f", .read_only = read_only
	};

	b->opened = 0;
	bdev_file_create(b->layer, &opts, created, b);
	wait_for(b, &b->opened);
	g_assert_cmpstr(b->error, ==, NULL);
	b->opened = 0;
	core_call(core_main(b->core), get, b);
	wait_for(b, &b->opened);
}

static void boot(struct bed *b)
{
	static const struct core_options options = { .nreactors = 1, .log_level = LOG_ERROR };

	b->core = core_new(world_node_hw(b->node), &options, NULL);
	g_assert_true(core_start(b->core, NULL));
	b->layer = bdev_layer_new(b->core);
}

static void bed_up(struct bed *b, uint64_t seed, bool read_only)
{
	*b = (struct bed){ .world = world_new(seed) };
	b->node = world_node_new(b->world, "n");
	b->disk = world_file_new(b->node, "/srv/f", BLOCKS * BS, BS);
	boot(b);
	create(b, read_only);
	g_assert_true(b->bdev->unmap_zeroes); /* a file; DLFEAT */
}

static void end(struct reactor *r, void *arg)
{
	struct bed *b = arg;

	(void)r;
	if (b->bdev) {
		bdev_unregister(b->bdev, NULL, NULL);
		g_assert_null(b->bdev);
	}
	b->opened++;
}

static void take_down(struct bed *b)
{
	b->opened = 0;
	core_call(core_main(b->core), end, b);
	wait_for(b, &b->opened);
	world_run_for(b->world, WORLD_SEC);
	core_stop(b->core);
	bdev_layer_free(b->layer);
	core_free(b->core);
}

static void bed_down(struct bed *b)
{
	g_autofree char *leaks = NULL;

	take_down(b);
	leaks = world_leaks(b->world);
	g_assert_cmpstr(leaks, ==, NULL);
	world_free(b->world);
}

/* --- I/O ------------------------------------------------------------------------------- */

static void io_done(struct bdev_io *io)
{
	((struct test_io *)io)->done++;
}

static void submit(struct reactor *r, void *arg)
{
	(void)r;
	bdev_submit(arg);
}

static void prepare(struct bed *b, struct test_io *t, enum bdev_op op, uint64_t lba,
		    uint32_t blocks, unsigned flags, void *data)
{
	*t = (struct test_io){ .io = { .channel = b->ch,
				       .done = io_done,
				       .op = (uint8_t)op,
				       .lba = lba,
				       .blocks = blocks,
				       .flags = (uint8_t)flags },
			       .iov = { data, (size_t)blocks * BS } };
	if (data) {
		t->io.iov = &t->iov;
		t->io.niov = 1;
	}
}

static uint16_t run(struct bed *b, enum bdev_op op, uint64_t lba, uint32_t blocks, unsigned flags,
		    void *data)
{
	struct test_io t;

	prepare(b, &t, op, lba, blocks, flags, data);
	core_call(core_main(b->core), submit, &t.io);
	wait_for(b, &t.done);
	return t.io.status;
}

static void test_status(void)
{
	static const struct {
		int err;
		uint16_t read, write;
	} cases[] = {
		{ -EIO, NVME_SC_READ_ERROR, NVME_SC_WRITE_FAULT },
		{ -ENOSPC, NVME_SC_CAPACITY_EXCEEDED | NVME_DNR,
		  NVME_SC_CAPACITY_EXCEEDED | NVME_DNR },
		{ -EFBIG, NVME_SC_CAPACITY_EXCEEDED | NVME_DNR,
		  NVME_SC_CAPACITY_EXCEEDED | NVME_DNR },
		{ -ENODATA, NVME_SC_LBA_RANGE | NVME_DNR, NVME_SC_LBA_RANGE | NVME_DNR },
		{ -EAGAIN, NVME_SC_INTERNAL_ERROR, NVME_SC_INTERNAL_ERROR },
		{ -ENOMEM, NVME_SC_INTERNAL_ERROR, NVME_SC_INTERNAL_ERROR },
		{ -ENODEV, NVME_SC_READ_ERROR | NVME_DNR, NVME_SC_WRITE_FAULT | NVME_DNR },
		{ -EROFS, NVME_SC_NS_WRITE_PROTECTED | NVME_DNR,
		  NVME_SC_NS_WRITE_PROTECTED | NVME_DNR },
	};
	uint8_t data[4 * BS] = { 0 };
	struct bed b;

	bed_up(&b, 1, false);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct world_file_rule rule = { .err = cases[i].err };
		unsigned n = world_file_rule_add(b.disk, &rule);

		g_assert_cmphex(run(&b, BDEV_READ, 0, 4, 0, data), ==, cases[i].read);
		g_assert_cmphex(run(&b, BDEV_WRITE, 0, 4, 0, data), ==, cases[i].write);
		g_assert_cmphex(run(&b, BDEV_FLUSH, 0, 0, 0, NULL), ==, cases[i].write);
		world_file_rule_remove(b.disk, n);
	}
	g_assert_cmphex(run(&b, BDEV_WRITE, 0, 4, 0, data), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_READ, BLOCKS - 3, 4, 0, data), ==,
			NVME_SC_LBA_RANGE | NVME_DNR);
	bed_down(&b);
}

/* Where a hole cannot be made in a file, zeros are written: it reads as zeros in any case. */
static void test_zeroes(void)
{
	static const struct world_file_rule no_discard = { .ops = 1 << FILE_DISCARD,
							   .err = -EOPNOTSUPP };
	static const unsigned flags[] = { 0, BDEV_IO_DEALLOCATE, BDEV_IO_FUA };
	uint8_t data[8 * BS];
	struct bed b;

	bed_up(&b, 1, false);
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = i % 2 ? world_file_rule_add(b.disk, &no_discard) : 0;

		memset(data, 0xaa, sizeof(data));
		g_assert_cmphex(run(&b, BDEV_WRITE, 8, 8, 0, data), ==, NVME_SUCCESS);
		g_assert_cmphex(run(&b, i < 6 ? BDEV_WRITE_ZEROES : BDEV_UNMAP, 9, 6,
				    i < 6 ? flags[i / 2] : 0, NULL),
				==, NVME_SUCCESS);
		g_assert_cmphex(run(&b, BDEV_READ, 8, 8, 0, data), ==, NVME_SUCCESS);
		g_assert_cmpint(data[0], ==, 0xaa);
		for (unsigned j = BS; j < 7 * BS; j++)
			g_assert_cmpint(data[j], ==, 0);
		g_assert_cmpint(data[7 * BS], ==, 0xaa);
		world_file_rule_remove(b.disk, n);
	}
	bed_down(&b);
}

static void test_read_only(void)
{
	uint8_t data[BS] = { 0 };
	struct bed b;

	bed_up(&b, 1, true);
	g_assert_cmphex(run(&b, BDEV_READ, 0, 1, 0, data), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_FLUSH, 0, 0, 0, NULL), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_WRITE, 0, 1, 0, data), !=, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_UNMAP, 0, 1, 0, NULL), !=, NVME_SUCCESS);
	bed_down(&b);
}

/* --- many ------------------------------------------------------------------------------- */

struct many {
	struct bed *b;
	struct test_io ios[MANY];
	uint8_t *data;
	enum bdev_op op;
	int done;
};

static void many_go(struct reactor *r, void *arg)
{
	struct many *m = arg;

	(void)r;
	for (unsigned i = 0; i < MANY; i++) {
		prepare(m->b, &m->ios[i], m->op, i * 2, 2, 0, m->data + (size_t)i * 2 * BS);
		bdev_submit(&m->ios[i].io);
	}
}

static bool many_left(void *arg)
{
	const struct many *m = arg;

	for (unsigned i = 0; i < MANY; i++) {
		if (!m->ios[i].done)
			return true;
	}
	return false;
}

static void many_run(struct many *m, enum bdev_op op)
{
	m->op = op;
	for (unsigned i = 0; i < MANY; i++)
		m->ios[i].done = 0;
	core_call(core_main(m->b->core), many_go, m);
	g_assert_true(world_run_while(m->b->world, many_left, m, 60 * WORLD_SEC));
	for (unsigned i = 0; i < MANY; i++) {
		g_assert_cmpint(m->ios[i].done, ==, 1);
		g_assert_cmphex(m->ios[i].io.status, ==, NVME_SUCCESS);
	}
}

/* More than may be under way on a channel: they wait, and each is done once. */
static void test_many(void)
{
	struct many *m = g_new0(struct many, 1);
	uint8_t *want = g_malloc(MANY * 2 * BS);
	struct bed b;

	bed_up(&b, 1, false);
	m->b = &b;
	m->data = g_malloc(MANY * 2 * BS);
	for (unsigned i = 0; i < MANY * 2 * BS; i++)
		want[i] = m->data[i] = (uint8_t)(i * 31 + i / BS);
	many_run(m, BDEV_WRITE);
	memset(m->data, 0, MANY * 2 * BS);
	many_run(m, BDEV_READ);
	g_assert_cmpmem(m->data, MANY * 2 * BS, want, MANY * 2 * BS);
	g_free(m->data);
	g_free(m);
	g_free(want);
	bed_down(&b);
}

static void abort_last(struct reactor *r, void *arg)
{
	struct many *m = arg;

	many_go(r, m);
	/* The first are with the file, the last still wait. */
	g_assert_false(m->b->ch->ops->abort(m->b->ch, &m->ios[0].io));
	g_assert_true(m->b->ch->ops->abort(m->b->ch, &m->ios[MANY - 1].io));
}

static void test_abort(void)
{
	struct many *m = g_new0(struct many, 1);
	struct bed b;

	bed_up(&b, 1, false);
	m->b = &b;
	m->data = g_malloc0(MANY * 2 * BS);
	m->op = BDEV_WRITE;
	world_file_hang(b.disk, world_now(b.world) + 10 * WORLD_SEC);
	core_call(core_main(b.core), abort_last, m);
	wait_for(&b, &m->ios[MANY - 1].done);
	g_assert_cmphex(m->ios[MANY - 1].io.status, ==, NVME_SC_ABORT_REQUESTED);
	g_assert_cmpint(m->ios[0].done, ==, 0);
	g_assert_true(world_run_while(b.world, many_left, m, 60 * WORLD_SEC));
	g_assert_cmphex(m->ios[MANY - 2].io.status, ==, NVME_SUCCESS);
	g_free(m->data);
	g_free(m);
	bed_down(&b);
}

/* --- power and removal -------------------------------------------------------------------- */

static bool is_all(const uint8_t *data, int value)
{
	for (unsigned i = 0; i < BS; i++) {
		if (data[i] != value)
			return false;
	}
	return true;
}

/*
 * Blocks 0..9 written with FUA, 10..19 written and flushed, 20..29 only written. Each of
 * the last is as before or as written; over many seeds both happen.
 */
static void cut_once(uint64_t seed, unsigned *old, unsigned *new)
{
	uint8_t data[10 * BS], uuid[16];
	struct bed b, dead;

	bed_up(&b, seed, false);
	memcpy(uuid, b.bdev->uuid, sizeof(uuid));
	memset(data, 0x11, sizeof(data));
	for (unsigned i = 0; i < 3; i++)
		g_assert_cmphex(run(&b, BDEV_WRITE, i * 10, 10, 0, data), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_FLUSH, 0, 0, 0, NULL), ==, NVME_SUCCESS);
	memset(data, 0x22, sizeof(data));
	g_assert_cmphex(run(&b, BDEV_WRITE, 0, 10, BDEV_IO_FUA, data), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_WRITE, 10, 10, 0, data), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_FLUSH, 0, 0, 0, NULL), ==, NVME_SUCCESS);
	g_assert_cmphex(run(&b, BDEV_WRITE, 20, 10, 0, data), ==, NVME_SUCCESS);

	dead = b;
	b.node = world_node_crash(b.node);
	/* What was open on the dead machine only gives errors. */
	g_assert_cmphex(run(&dead, BDEV_READ, 0, 1, 0, data), ==, NVME_SC_READ_ERROR);
	dead.desc = NULL;
	dead.ch = NULL;
	b.opened = 0;
	core_call(core_main(b.core), end, &b);
	wait_for(&b, &b.opened);
	world_run_for(b.world, WORLD_SEC);
	core_stop(b.core);
	bdev_layer_free(b.layer);
	core_free(b.core);
	world_node_boot(b.node);
	boot(&b);
	create(&b, false);
	g_assert_cmpmem(b.bdev->uuid, 16, uuid, 16);
	for (unsigned i = 0; i < 30; i++) {
		g_assert_cmphex(run(&b, BDEV_READ, i, 1, 0, data), ==, NVME_SUCCESS);
		if (i < 20)
			g_assert_true(is_all(data, 0x22));
		else if (is_all(data, 0x11))
			++*old;
		else if (is_all(data, 0x22))
			++*new;
		else
			g_error("seed %" G_GUINT64_FORMAT ": block %u is torn", seed, i);
	}
	bed_down(&b);
}

static void test_power(void)
{
	unsigned old = 0, new = 0;

	for (uint64_t seed = 1; seed <= 20; seed++)
		cut_once(seed, &old, &new);
	g_assert_cmpuint(old, >, 0);
	g_assert_cmpuint(new, >, 0);
}

static void test_gone(void)
{
	uint8_t data[BS] = { 0 };
	struct bed b;

	bed_up(&b, 1, false);
	world_file_remove(b.disk);
	g_assert_cmphex(run(&b, BDEV_READ, 0, 1, 0, data), ==, NVME_SC_READ_ERROR | NVME_DNR);
	wait_for(&b, &b.removed);
	g_assert_null(bdev_find(b.layer, "F"));
	bed_down(&b);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bdev-file/status", test_status);
	g_test_add_func("/bdev-file/zeroes", test_zeroes);
	g_test_add_func("/bdev-file/read-only", test_read_only);
	g_test_add_func("/bdev-file/many", test_many);
	g_test_add_func("/bdev-file/abort", test_abort);
	g_test_add_func("/bdev-file/power", test_power);
	g_test_add_func("/bdev-file/gone", test_gone);
	return g_test_run();
}
