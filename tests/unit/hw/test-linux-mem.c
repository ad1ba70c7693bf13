/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory chunks of the Linux backend: zeroed, apart, announced, and untouched
 * until used.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/linux/linux.h"
#include "hw/mem.h"

struct fixture {
	struct linux_hw *lhw;
	struct hw_mem *mem;
};

struct counter {
	struct mem_watcher w;
	int fail_after; /* attaches to go before one fails; -1: never */
	int attached;
	size_t bytes;
};

static int count_attach(struct mem_watcher *w, const struct mem_chunk *chunk)
{
	struct counter *c = (struct counter *)w;

	if (c->fail_after == 0)
		return -ENOSPC;
	if (c->fail_after > 0)
		c->fail_after--;
	c->attached++;
	c->bytes += chunk->len;
	return 0;
}

static void count_detach(struct mem_watcher *w, const struct mem_chunk *chunk)
{
	struct counter *c = (struct counter *)w;

	c->attached--;
	c->bytes -= chunk->len;
}

#define COUNTER(fail)                                                                              \
	{                                                                                          \
		.w = { .attach = count_attach, .detach = count_detach }, .fail_after = (fail)      \
	}

static void setup(struct fixture *f, gconstpointer data)
{
	(void)data;
	f->lhw = linux_hw_new(NULL, NULL);
	g_assert_nonnull(f->lhw);
	f->mem = linux_hw_get(f->lhw)->mem;
}

static void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmpuint(f->mem->ops->in_use(f->mem), ==, 0);
	linux_hw_free(f->lhw);
}

static void test_chunks(struct fixture *f, gconstpointer data)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct mem_chunk *c[3];
	uint64_t end = 0;

	(void)data;
	for (int i = 0; i < 3; i++) {
		const char *p;

		g_assert_cmpint(f->mem->ops->alloc(f->mem, page * (size_t)(i + 1) - 1, &c[i]), ==,
				0);
		p = c[i]->base;
		g_assert_cmpuint(c[i]->len, ==, page * (size_t)(i + 1));
		g_assert_cmpuint((uintptr_t)c[i]->base % page, ==, 0);
		g_assert_cmpuint(c[i]->iova % page, ==, 0);
		g_assert_cmpuint(c[i]->iova, >, end);
		end = c[i]->iova + c[i]->len;
		for (size_t n = 0; n < c[i]->len; n++)
			g_assert_cmpint(p[n], ==, 0);
		memset(c[i]->base, 0xa5, c[i]->len);
	}
	g_assert_cmpuint(f->mem->ops->in_use(f->mem), ==, 6 * page);
	f->mem->ops->free(f->mem, c[1]);
	f->mem->ops->free(f->mem, NULL);
	g_assert_cmpuint(f->mem->ops->in_use(f->mem), ==, 4 * page);
	/* An IOVA is never handed out again. */
	g_assert_cmpint(f->mem->ops->alloc(f->mem, page, &c[1]), ==, 0);
	g_assert_cmpuint(c[1]->iova, >, end);
	for (int i = 0; i < 3; i++)
		f->mem->ops->free(f->mem, c[i]);
}

static void test_refused(struct fixture *f, gconstpointer data)
{
	struct mem_chunk *c = NULL;

	(void)data;
	g_assert_cmpint(f->mem->ops->alloc(f->mem, 0, &c), ==, -EINVAL);
	g_assert_cmpint(f->mem->ops->alloc(f->mem, SIZE_MAX, &c), ==, -ENOMEM);
	g_assert_cmpint(f->mem->ops->alloc(f->mem, (size_t)1 << 60, &c), ==, -ENOMEM);
	g_assert_null(c);
}

static void test_watchers(struct fixture *f, gconstpointer data)
{
	struct counter a = COUNTER(-1), b = COUNTER(1), late = COUNTER(1);
	struct mem_chunk *c[2], *none = NULL;

	(void)data;
	g_assert_cmpint(f->mem->ops->watch(f->mem, &a.w), ==, 0);
	g_assert_cmpint(f->mem->ops->watch(f->mem, &b.w), ==, 0);
	g_assert_cmpint(f->mem->ops->alloc(f->mem, 4096, &c[0]), ==, 0);
	/* The second watcher refuses: nobody keeps the chunk. */
	g_assert_cmpint(f->mem->ops->alloc(f->mem, 4096, &none), ==, -ENOSPC);
	g_assert_null(none);
	g_assert_cmpint(a.attached, ==, 1);
	g_assert_cmpint(b.attached, ==, 1);
	b.fail_after = -1;
	g_assert_cmpint(f->mem->ops->alloc(f->mem, 8192, &c[1]), ==, 0);
	g_assert_cmpuint(a.bytes, ==, f->mem->ops->in_use(f->mem));
	/* One that comes later is told of all, or stays out. */
	g_assert_cmpint(f->mem->ops->watch(f->mem, &late.w), ==, -ENOSPC);
	g_assert_cmpint(late.attached, ==, 0);
	late.fail_after = -1;
	g_assert_cmpint(f->mem->ops->watch(f->mem, &late.w), ==, 0);
	g_assert_cmpint(late.attached, ==, 2);
	f->mem->ops->unwatch(f->mem, &late.w);
	g_assert_cmpint(late.attached, ==, 0);
	f->mem->ops->free(f->mem, c[0]);
	g_assert_cmpint(a.attached, ==, 1);
	f->mem->ops->unwatch(f->mem, &a.w);
	f->mem->ops->free(f->mem, c[1]);
	g_assert_cmpint(b.attached, ==, 0);
	f->mem->ops->unwatch(f->mem, &b.w);
}

/* Memory that nobody touched costs nothing. */
static void test_untouched(struct fixture *f, gconstpointer data)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = (size_t)64 << 20;
	g_autofree unsigned char *resident = g_malloc0(len / page);
	struct mem_chunk *c;
	size_t n = 0;

	(void)data;
	g_assert_cmpint(f->mem->ops->alloc(f->mem, len, &c), ==, 0);
	((volatile char *)c->base)[0] = 1;
	g_assert_cmpint(mincore(c->base, len, resident), ==, 0);
	for (size_t i = 0; i < len / page; i++)
		n += resident[i] & 1;
	/* At most one huge page where the machine always uses them. */
	g_assert_cmpuint(n, <=, ((size_t)2 << 20) / page);
	f->mem->ops->free(f->mem, c);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/linux-mem/chunks", struct fixture, NULL, setup, test_chunks, teardown);
	g_test_add("/linux-mem/refused", struct fixture, NULL, setup, test_refused, teardown);
	g_test_add("/linux-mem/watchers", struct fixture, NULL, setup, test_watchers, teardown);
	g_test_add("/linux-mem/untouched", struct fixture, NULL, setup, test_untouched, teardown);
	return g_test_run();
}
