/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conformance of hw/mem.h.
 */
#include <errno.h>
#include <string.h>

#include "tests/seam/seam.h"

#define PAGE 4096u

static const struct hw_mem_ops *ops(const struct hw *hw)
{
	return hw->mem->ops;
}

static struct mem_chunk *alloc(const struct hw *hw, size_t len)
{
	struct mem_chunk *chunk = NULL;

	cover("slot", "alloc");
	g_assert_cmpint(ops(hw)->alloc(hw->mem, len, &chunk), ==, 0);
	g_assert_nonnull(chunk);
	return chunk;
}

static void release(const struct hw *hw, struct mem_chunk *chunk)
{
	cover("slot", "free");
	ops(hw)->free(hw->mem, chunk);
}

static size_t in_use(const struct hw *hw)
{
	cover("slot", "in_use");
	return ops(hw)->in_use(hw->mem);
}

static void test_alloc(void)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 65536, 1u << 20, (8u << 20) + 1 };
	struct mem_chunk *chunks[G_N_ELEMENTS(sizes)];
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	size_t before = in_use(hw), sum = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct mem_chunk *c = chunks[i] = alloc(hw, sizes[i]);
		const char *p = c->base;

		g_assert_cmpuint((uintptr_t)c->base % PAGE, ==, 0);
		g_assert_cmpuint(c->len, >=, sizes[i]);
		g_assert_cmpuint(c->len % PAGE, ==, 0);
		g_assert_cmpuint(c->iova % PAGE, ==, 0);
		g_assert_cmpuint(c->iova, !=, 0);
		for (size_t at = 0; at < c->len; at++)
			g_assert_cmpint(p[at], ==, 0);
		memset(c->base, 0xa5, c->len);
		for (unsigned j = 0; j < i; j++) {
			g_assert_true(c->iova + c->len <= chunks[j]->iova ||
				      chunks[j]->iova + chunks[j]->len <= c->iova);
		}
		sum += c->len;
		g_assert_cmpuint(in_use(hw), ==, before + sum);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++)
		release(hw, chunks[i]);
	release(hw, NULL);
	g_assert_cmpuint(in_use(hw), ==, before);
	backend_free(b);
}

/* A chunk given back and taken again is zeroed, and IOVAs of live ones stay apart. */
static void test_reuse(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	struct mem_chunk *kept = alloc(hw, 65536);

	for (unsigned i = 0; i < 50; i++) {
		struct mem_chunk *c = alloc(hw, 65536);
		const uint64_t *p = c->base;

		for (size_t at = 0; at < c->len / 8; at++)
			g_assert_cmpuint(p[at], ==, 0);
		memset(c->base, 0xff, c->len);
		g_assert_true(c->iova >= kept->iova + kept->len || c->iova + c->len <= kept->iova);
		release(hw, c);
	}
	release(hw, kept);
	backend_free(b);
}

static void test_errors(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	struct mem_chunk *chunk = NULL;
	const char *why;
	int ret;

	ret = ops(hw)->alloc(hw->mem, 0, &chunk);
	g_assert_cmpint(ret, ==, -EINVAL);
	cover_error(ret);
	ret = ops(hw)->alloc(hw->mem, SIZE_MAX - 4096, &chunk);
	g_assert_cmpint(ret, ==, -ENOMEM);
	cover_error(ret);
	ret = ops(hw)->alloc(hw->mem, SIZE_MAX, &chunk);
	g_assert_cmpint(ret, ==, -ENOMEM);
	g_assert_cmpuint(in_use(hw), ==, 0);

	why = backend_trouble(b, TROUBLE_NO_MEMORY, true);
	if (!why) {
		g_assert_cmpint(ops(hw)->alloc(hw->mem, 4096, &chunk), ==, -ENOMEM);
		backend_trouble(b, TROUBLE_NO_MEMORY, false);
		release(hw, alloc(hw, 4096));
	}
	backend_free(b);
}

struct watcher {
	struct mem_watcher w;
	unsigned attached, detached;
	size_t bytes;
	unsigned fail_at; /* the n-th attach fails; 0: none */
	unsigned calls;
};

static int on_attach(struct mem_watcher *mw, const struct mem_chunk *chunk)
{
	struct watcher *w = (struct watcher *)mw;

	cover("callback", "attach");
	if (++w->calls == w->fail_at)
		return -EFAULT;
	w->attached++;
	w->bytes += chunk->len;
	return 0;
}

static void on_detach(struct mem_watcher *mw, const struct mem_chunk *chunk)
{
	struct watcher *w = (struct watcher *)mw;

	cover("callback", "detach");
	w->detached++;
	w->bytes -= chunk->len;
}

static void watcher_init(struct watcher *w, unsigned fail_at)
{
	*w = (struct watcher){ .w = { .attach = on_attach, .detach = on_detach },
			       .fail_at = fail_at };
}

static int watch(const struct hw *hw, struct watcher *w)
{
	cover("slot", "watch");
	return ops(hw)->watch(hw->mem, &w->w);
}

static void unwatch(const struct hw *hw, struct watcher *w)
{
	cover("slot", "unwatch");
	ops(hw)->unwatch(hw->mem, &w->w);
}

static void test_watch(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	struct mem_chunk *one = alloc(hw, 4096), *two = alloc(hw, 8192), *three;
	struct watcher first, second;

	watcher_init(&first, 0);
	watcher_init(&second, 0);
	g_assert_cmpint(watch(hw, &first), ==, 0);
	g_assert_cmpuint(first.attached, ==, 2);
	g_assert_cmpuint(first.bytes, ==, 12288);
	g_assert_cmpint(watch(hw, &second), ==, 0);
	three = alloc(hw, 4096);
	g_assert_cmpuint(first.attached, ==, 3);
	g_assert_cmpuint(second.attached, ==, 3);
	release(hw, two);
	g_assert_cmpuint(first.detached, ==, 1);
	g_assert_cmpuint(second.bytes, ==, 8192);
	unwatch(hw, &second);
	g_assert_cmpuint(second.bytes, ==, 0);
	g_assert_cmpuint(second.detached, ==, 3);
	release(hw, one);
	g_assert_cmpuint(second.detached, ==, 3);
	unwatch(hw, &first);
	g_assert_cmpuint(first.bytes, ==, 0);
	/* One more after the last of the list was taken out. */
	g_assert_cmpint(watch(hw, &second), ==, 0);
	g_assert_cmpuint(second.bytes, ==, 4096);
	unwatch(hw, &second);
	release(hw, three);
	backend_free(b);
}

static void test_watch_fails(void)
{
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);
	struct mem_chunk *one = alloc(hw, 4096), *two = alloc(hw, 4096), *chunk = NULL;
	struct watcher good, bad;
	size_t before = in_use(hw);

	watcher_init(&good, 0);
	watcher_init(&bad, 2);
	g_assert_cmpint(watch(hw, &bad), ==, -EFAULT);
	g_assert_cmpuint(bad.bytes, ==, 0);
	g_assert_cmpuint(bad.attached, ==, bad.detached);

	g_assert_cmpint(watch(hw, &good), ==, 0);
	watcher_init(&bad, 3);
	g_assert_cmpint(watch(hw, &bad), ==, 0);
	g_assert_cmpint(ops(hw)->alloc(hw->mem, 4096, &chunk), ==, -EFAULT);
	g_assert_cmpuint(good.bytes, ==, before);
	g_assert_cmpuint(bad.bytes, ==, before);
	g_assert_cmpuint(in_use(hw), ==, before);
	unwatch(hw, &good);
	unwatch(hw, &bad);
	release(hw, one);
	release(hw, two);
	backend_free(b);
}

/* Which node is nearer does not show; that the memory is as any other does. */
static void test_alloc_on(void)
{
	static const int nodes[] = { -1, 0, 7, 1 << 20 };
	struct backend *b = backend_new();
	const struct hw *hw = backend_hw(b);

	for (unsigned i = 0; i < G_N_ELEMENTS(nodes); i++) {
		struct mem_chunk *c = NULL;
		size_t before = in_use(hw);

		cover("slot", "alloc_on");
		g_assert_cmpint(ops(hw)->alloc_on(hw->mem, 5000, nodes[i], &c), ==, 0);
		g_assert_cmpuint(c->len, ==, 2 * PAGE);
		g_assert_cmpuint(in_use(hw), ==, before + c->len);
		for (size_t at = 0; at < c->len; at++)
			g_assert_cmpint(((const char *)c->base)[at], ==, 0);
		memset(c->base, 0xa5, c->len);
		release(hw, c);
		g_assert_cmpint(ops(hw)->alloc_on(hw->mem, 0, nodes[i], &c), ==, -EINVAL);
	}
	backend_free(b);
}

static void add_tests(void)
{
	g_test_add_func("/mem/alloc", test_alloc);
	g_test_add_func("/mem/alloc-on", test_alloc_on);
	g_test_add_func("/mem/reuse", test_reuse);
	g_test_add_func("/mem/errors", test_errors);
	g_test_add_func("/mem/watch", test_watch);
	g_test_add_func("/mem/watch-fails", test_watch_fails);
}

int main(int argc, char **argv)
{
	static const char *const slots[] = { "alloc",	"free",	    "watch", "unwatch",
					     "in_use", "alloc_on", NULL };
	static const char *const callbacks[] = { "attach", "detach", NULL };
	static const char *const errors[] = { "ENOMEM", "EINVAL", NULL };
	static const struct cover_list lists[] = { { "slot", slots },
						   { "callback", callbacks },
						   { "error", errors } };

	return seam_main(argc, argv, add_tests, lists, G_N_ELEMENTS(lists));
}
