/* SPDX-License-Identifier: BSD-3-Clause */
/* Registry, descriptors, claims, resize and removal, seen from watchers. */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "tests/unit/bdev/fixture.h"

#define EXPECT_ERROR(expr, wanted)                                                                 \
	do {                                                                                       \
		g_autoptr(GError) error = NULL;                                                    \
		g_assert_false((expr) != 0);                                                       \
		g_assert_error(error, WEFT_ERROR, (wanted));                                       \
		g_assert_nonnull(weft_error_detail(error));                                        \
	} while (0)

static struct bdev *null_new(struct fixture *f, const char *name)
{
	g_autoptr(GError) error = NULL;
	struct bdev *bdev = bdev_null_create(f->layer, name, 1000, 512, NULL, &error);

	g_assert_no_error(error);
	return bdev;
}

static void remove_now(struct fixture *f, struct bdev *bdev)
{
	bool removed = false;

	bdev_unregister(bdev, fixture_removed, &removed);
	g_assert_false(removed);
	fake_core_run(f->core);
	g_assert_true(removed);
}

static void test_names(struct fixture *f, gconstpointer data)
{
	struct bdev *a = null_new(f, "a"), *m[3];
	char uuid[37], other[37];

	(void)data;
	for (unsigned i = 0; i < 3; i++)
		m[i] = bdev_malloc_create(f->layer, i == 1 ? "Malloc1" : NULL, 8, 512, NULL, NULL);
	g_assert_cmpstr(m[0]->name, ==, "Malloc0");
	g_assert_cmpstr(m[2]->name, ==, "Malloc2");
	g_assert_true(bdev_is_malloc(m[0]) && !bdev_is_null(m[0]));
	g_assert_true(bdev_is_null(a) && !bdev_is_malloc(a));
	bdev_uuid_format(a->uuid, uuid);
	bdev_uuid_format(m[0]->uuid, other);
	g_assert_cmpstr(uuid, !=, other);
	g_assert_cmpint(uuid[14], ==, '4');
	g_assert_nonnull(strchr("89ab", uuid[19]));
	g_assert_true(bdev_find(f->layer, "a") == a);
	g_assert_true(bdev_find(f->layer, uuid) == a);
	g_assert_null(bdev_find(f->layer, "b"));
	g_assert_cmpuint(bdev_layer_list(f->layer)->len, ==, 4);
	g_assert_true(bdev_layer_list(f->layer)->pdata[0] == a);
	g_assert_true(bdev_layer_list(f->layer)->pdata[3] == m[2]);
	g_assert_cmpstr(f->events->str, ==,
			"bdev_register(a) bdev_register(Malloc0) bdev_register(Malloc1) "
			"bdev_register(Malloc2) ");
	remove_now(f, a);
	g_assert_null(bdev_find(f->layer, "a"));
	a = bdev_null_create(f->layer, "a", 8, 512, m[0]->uuid, NULL);
	g_assert_null(a);
	for (unsigned i = 0; i < 3; i++)
		remove_now(f, m[i]);
}

static void test_refused(struct fixture *f, gconstpointer data)
{
	static const uint8_t zero[16];
	g_autofree char *longest = g_strnfill(255, 'n'), *too_long = g_strnfill(256, 'n');
	struct bdev *a = null_new(f, "a"), *b, *c;

	(void)data;
	EXPECT_ERROR(bdev_null_create(f->layer, "a", 8, 512, NULL, &error), -EEXIST);
	EXPECT_ERROR(bdev_malloc_create(f->layer, "a", 8, 512, NULL, &error), -EEXIST);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 512, a->uuid, &error), -EEXIST);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 512, zero, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "", 8, 512, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, too_long, 8, 512, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "\xff", 8, 512, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "x\ny", 8, 512, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 0, 512, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 256, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 0, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 1000, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 131072, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_malloc_create(f->layer, "b", UINT64_MAX / 512 + 2, 512, NULL, &error),
		     -EINVAL);
	EXPECT_ERROR(bdev_malloc_create(f->layer, "b", UINT64_MAX, 65536, NULL, &error), -EINVAL);
	f->fake->mem_limit = 4 << 20;
	EXPECT_ERROR(bdev_malloc_create(f->layer, "b", 8193, 512, NULL, &error), -ENOMEM);
	f->fake->mem_limit = 0;
	EXPECT_ERROR(bdev_malloc_create(f->layer, "b", 8, 512, NULL, &error), -ENOMEM);
	/* Null bdevs share their zeros. */
	c = bdev_null_create(f->layer, "c", 8, 512, NULL, NULL);
	g_assert_nonnull(c);
	remove_now(f, c);
	f->fake->mem_limit = SIZE_MAX;
	g_assert_cmpuint(bdev_layer_list(f->layer)->len, ==, 1);

	b = bdev_null_create(f->layer, longest, (uint64_t)INT64_MAX / 512, 512, NULL, NULL);
	g_assert_nonnull(b);
	remove_now(f, a);
	remove_now(f, b);
	f->fake->mem_limit = 0;
	EXPECT_ERROR(bdev_null_create(f->layer, "b", 8, 512, NULL, &error), -ENOMEM);
	f->fake->mem_limit = SIZE_MAX;
	EXPECT_ERROR(bdev_open(f->layer, "a", false, NULL, NULL, &error), -ENODEV);
}

/* --- watchers ---------------------------------------------------------------------------- */

struct watcher {
	struct fixture *f;
	const char *name;
	struct bdev_desc *desc, *close_too;
	bool close_in_removed, close_in_resized;
};

static void note(struct watcher *w, const char *what, uint64_t n)
{
	g_string_append_printf(w->f->events, "%s:%s(%" G_GUINT64_FORMAT ") ", w->name, what, n);
}

static void close_both(struct watcher *w)
{
	bdev_close(g_steal_pointer(&w->desc));
	if (w->close_too != NULL)
		bdev_close(w->close_too);
}

static void on_resized(struct bdev_desc *desc, uint64_t blocks, void *user)
{
	struct watcher *w = user;

	g_assert_true(desc == w->desc);
	note(w, "resized", blocks);
	if (w->close_in_resized)
		close_both(w);
}

static void on_removed(struct bdev_desc *desc, void *user)
{
	struct watcher *w = user;

	g_assert_true(desc == w->desc);
	g_assert_true(bdev_desc_bdev(desc)->removing);
	note(w, "removed", 0);
	if (w->close_in_removed)
		close_both(w);
}

static const struct bdev_events watcher_events = { .resized = on_resized, .removed = on_removed };

static void watch(struct fixture *f, struct watcher *w, const char *name, bool exclusive)
{
	g_autoptr(GError) error = NULL;

	w->f = f;
	w->name = name;
	w->desc = bdev_open(f->layer, "a", exclusive, &watcher_events, w, &error);
	g_assert_no_error(error);
}

#define EXPECT_EVENTS(f, text)                                                                     \
	do {                                                                                       \
		g_assert_cmpstr((f)->events->str, ==, (text));                                     \
		g_string_truncate((f)->events, 0);                                                 \
	} while (0)

static void test_claim(struct fixture *f, gconstpointer data)
{
	struct bdev *a = null_new(f, "a");
	struct watcher w1 = { 0 }, w2 = { 0 };

	(void)data;
	watch(f, &w1, "1", false);
	g_assert_false(bdev_is_claimed(a));
	watch(f, &w2, "2", true);
	g_assert_true(bdev_is_claimed(a));
	EXPECT_ERROR(bdev_open(f->layer, "a", true, NULL, NULL, &error), -EPERM);
	bdev_close(w2.desc);
	g_assert_false(bdev_is_claimed(a));
	watch(f, &w2, "2", true);
	bdev_close(w1.desc);
	bdev_close(w2.desc);
	remove_now(f, a);
}

static void test_removal(struct fixture *f, gconstpointer data)
{
	struct bdev *a = null_new(f, "a"), *again;
	struct watcher w[4] = { 0 };
	bool removed = false;

	(void)data;
	for (unsigned i = 0; i < 4; i++)
		watch(f, &w[i], (const char *[]){ "0", "1", "2", "3" }[i], false);
	/* 1 closes itself and 2 (which then must not be told) in its callback */
	w[1].close_in_removed = true;
	w[1].close_too = w[2].desc;
	g_string_truncate(f->events, 0);
	bdev_unregister(a, fixture_removed, &removed);
	EXPECT_EVENTS(f, "bdev_unregister(a) 0:removed(0) 1:removed(0) 3:removed(0) ");
	/* the name is free at once, a second unregister and a resize do nothing */
	bdev_unregister(a, NULL, NULL);
	bdev_unregister(NULL, NULL, NULL);
	EXPECT_ERROR(bdev_resize(a, 5, &error), -ENODEV);
	bdev_size_changed(a, 5);
	again = null_new(f, "a");
	g_assert_true(again != a);
	fake_core_run(f->core);
	g_assert_false(removed);
	bdev_close(w[0].desc);
	fake_core_run(f->core);
	g_assert_false(removed);
	bdev_close(w[3].desc);
	g_assert_false(removed);
	fake_core_run(f->core);
	g_assert_true(removed);
	EXPECT_EVENTS(f, "bdev_register(a) ");
	/* gone without a pass: bdev_layer_free finishes it */
	removed = false;
	bdev_unregister(again, NULL, NULL);
}

static void test_resize(struct fixture *f, gconstpointer data)
{
	struct bdev *a = null_new(f, "a");
	struct bdev *m = bdev_malloc_create(f->layer, "m", 8, 512, NULL, NULL);
	struct watcher w[3] = { 0 };

	(void)data;
	for (unsigned i = 0; i < 3; i++)
		watch(f, &w[i], (const char *[]){ "0", "1", "2" }[i], false);
	g_string_truncate(f->events, 0);
	g_assert_true(bdev_resize(a, 2000, NULL));
	g_assert_cmpuint(a->num_blocks, ==, 2000);
	EXPECT_EVENTS(f, "0:resized(2000) 1:resized(2000) 2:resized(2000) bdev_resize(a) ");
	g_assert_true(bdev_resize(a, 2000, NULL));
	EXPECT_EVENTS(f, "");
	bdev_size_changed(a, 2000);
	EXPECT_EVENTS(f, "");
	/* one closes itself and the next one, which then is not told */
	w[1].close_in_resized = true;
	w[1].close_too = w[2].desc;
	g_assert_true(bdev_resize(a, 1, NULL));
	EXPECT_EVENTS(f, "0:resized(1) 1:resized(1) bdev_resize(a) ");
	bdev_size_changed(a, 77);
	EXPECT_EVENTS(f, "0:resized(77) bdev_resize(a) ");
	EXPECT_ERROR(bdev_resize(a, 0, &error), -EINVAL);
	EXPECT_ERROR(bdev_resize(a, UINT64_MAX, &error), -EINVAL);
	EXPECT_ERROR(bdev_resize(m, 16, &error), -ENOTSUP);
	EXPECT_ERROR(bdev_resize(m, 4, &error), -ENOTSUP);
	g_assert_cmpuint(a->num_blocks, ==, 77);
	bdev_close(w[0].desc);
	remove_now(f, a);
	remove_now(f, m);
}

/* --- a backend that fails ------------------------------------------------------------------ */

struct bad {
	struct bdev bdev;
	bool refuse_channel, destroyed;
	uint64_t size_at_resize;
};

static void bad_destroy(struct bdev *bdev)
{
	((struct bad *)bdev)->destroyed = true;
}

static int bad_channel_open(struct bdev *bdev, struct bdev_channel *channel)
{
	(void)channel;
	return ((struct bad *)bdev)->refuse_channel ? -ENOMEM : 0;
}

static void bad_channel_close(struct bdev_channel *channel)
{
	(void)channel;
}

static void bad_submit(struct bdev_channel *channel, struct bdev_io *io)
{
	(void)channel;
	bdev_io_complete(io, NVME_SC_WRITE_FAULT);
}

static bool bad_resize(struct bdev *bdev, uint64_t blocks, GError **error)
{
	struct bad *bad = (struct bad *)bdev;

	g_string_append(((struct fixture *)bdev->removed_arg)->events, "backend ");
	bad->size_at_resize = blocks;
	return weft_error_set(error, -EIO, NULL, "broken");
}

static const struct bdev_ops bad_ops = {
	.product_name = "Bad disk",
	.destroy = bad_destroy,
	.channel_open = bad_channel_open,
	.channel_close = bad_channel_close,
	.submit = bad_submit,
	.resize = bad_resize,
};

static void test_bad_backend(struct fixture *f, gconstpointer data)
{
	struct bad bad = { .bdev = { .ops = &bad_ops,
				     .name = (char *)"a",
				     .uuid = { 1 },
				     .block_size = 4096,
				     .num_blocks = 100,
				     .supported = 1 << BDEV_WRITE,
				     .removed_arg = f } };
	struct bdev_channel *ch;
	struct watcher w = { 0 };
	struct test_io t = { 0 };
	char block[4096] = { 0 };

	(void)data;
	g_assert_true(bdev_register(f->layer, &bad.bdev, NULL));
	g_assert_cmpuint(bad.bdev.physical_block_size, ==, 4096);
	watch(f, &w, "w", false);
	g_string_truncate(f->events, 0);
	/* growing: nobody is told of a failure; shrinking: they are told before, and it is taken
	 * back */
	EXPECT_ERROR(bdev_resize(&bad.bdev, 200, &error), -EIO);
	EXPECT_EVENTS(f, "backend ");
	EXPECT_ERROR(bdev_resize(&bad.bdev, 50, &error), -EIO);
	EXPECT_EVENTS(f, "w:resized(50) backend w:resized(100) ");
	g_assert_cmpuint(bad.bdev.num_blocks, ==, 100);

	bad.refuse_channel = true;
	g_assert_null(bdev_channel_get(&bad.bdev, f->core->reactors[1]));
	bad.refuse_channel = false;
	ch = bdev_channel_get(&bad.bdev, f->core->reactors[1]);
	g_assert_nonnull(ch);
	g_assert_cmpuint(test_io_run(f, &t, ch, BDEV_WRITE, 0, 1, 0, block), ==,
			 NVME_SC_WRITE_FAULT);
	g_assert_cmpuint(test_io_run(f, &t, ch, BDEV_READ, 0, 1, 0, block), ==,
			 (NVME_SC_INVALID_OPCODE | NVME_DNR));
	/* it cannot place, so the flag must not reach it, and there must be buffers */
	bad.bdev.supported = 1 << BDEV_READ;
	ch->supported = 1 << BDEV_READ;
	g_assert_cmpuint(test_io_run(f, &t, ch, BDEV_READ, 0, 1, BDEV_IO_PLACE, NULL), ==,
			 (NVME_SC_INVALID_FIELD | NVME_DNR));
	g_assert_cmpuint(t.io.flags, ==, 0);
	bdev_channel_put(ch);
	bdev_close(w.desc);
	bdev_unregister(&bad.bdev, NULL, NULL);
	fake_core_run(f->core);
	g_assert_true(bad.destroyed);
}

static void test_uuid(void)
{
	static const char *const bad[] = {
		"",
		"d5ea6df9",
		"d5ea6df9-fc80-4f0c-8f0a-00112233445",
		"d5ea6df9-fc80-4f0c-8f0a-0011223344556",
		"d5ea6df9xfc80-4f0c-8f0a-001122334455",
		"d5ea6df9-fc80-4f0c-8f0a-00112233445g",
		"d5ea6df9fc804f0c8f0a001122334455",
	};
	uint8_t uuid[16], keep[16];
	char text[37];

	g_assert_true(bdev_uuid_parse("D5ea6df9-fc80-4f0c-8f0a-001122334455", uuid));
	g_assert_cmpuint(uuid[0], ==, 0xd5);
	g_assert_cmpuint(uuid[15], ==, 0x55);
	bdev_uuid_format(uuid, text);
	g_assert_cmpstr(text, ==, "d5ea6df9-fc80-4f0c-8f0a-001122334455");
	memcpy(keep, uuid, 16);
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(bdev_uuid_parse(bad[i], uuid));
	g_assert_cmpmem(uuid, 16, keep, 16);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(struct fixture *f, gconstpointer data);
	} tests[] = {
		{ "/bdev/names", test_names },	 { "/bdev/refused", test_refused },
		{ "/bdev/claim", test_claim },	 { "/bdev/removal", test_removal },
		{ "/bdev/resize", test_resize }, { "/bdev/bad-backend", test_bad_backend },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, NULL, fixture_set_up, tests[i].fn,
			   fixture_tear_down);
	g_test_add_func("/bdev/uuid", test_uuid);
	return g_test_run();
}
