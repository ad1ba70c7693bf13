/* SPDX-License-Identifier: BSD-3-Clause */
/* The buffer pool: classes, the limit, waiting, poisoning, faults, no class starved. */
#include <string.h>

#include "target/core/buf.h"
#include "tests/unit/core/fake-hw.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define MIB ((size_t)1 << 20)

struct fixture {
	struct fake_hw *fake;
	struct reactor *r;
	struct buf_pool *pool;
	unsigned arrivals;
};

static void set_up(struct fixture *f, gconstpointer limit)
{
	f->fake = fake_hw_new();
	f->r = reactor_new(NULL, &f->fake->hw, 0);
	f->pool = buf_pool_new(f->r, GPOINTER_TO_SIZE(limit));
}

static void tear_down(struct fixture *f, gconstpointer limit)
{
	(void)limit;
	buf_pool_free(f->pool);
	reactor_free(f->r);
	fake_hw_free(f->fake);
}

struct waiter {
	struct buf_waiter w;
	struct fixture *f;
	struct buf *buf;
	unsigned arrival; /* counts from 1 */
	bool put_at_once;
	unsigned again; /* then waits again so often */
};

static void ready(struct buf_waiter *w, struct buf *buf)
{
	struct waiter *me = (struct waiter *)w;

	me->arrival = ++me->f->arrivals;
	g_assert_cmpuint(buf->size, >=, w->size);
	g_assert_cmpuint(buf->refs, ==, 1);
	memset(buf->data, 0x5a, buf->size);
	if (!me->put_at_once) {
		me->buf = buf;
		return;
	}
	buf_put(buf);
	if (me->again > 0) {
		me->again--;
		buf_wait(me->f->pool, w, w->size);
	}
}

static void waiter_init(struct waiter *w, struct fixture *f)
{
	*w = (struct waiter){ .w.ready = ready, .f = f };
}

static struct buf *must_get(struct fixture *f, uint32_t size)
{
	struct buf *buf = buf_get(f->pool, size);

	g_assert_nonnull(buf);
	g_assert_cmpuint(buf->size, >=, size);
	g_assert_cmpuint((uintptr_t)buf->data % 4096, ==, 0);
	g_assert_cmpuint((uintptr_t)buf->data - (uintptr_t)buf->chunk->base + buf->size, <=,
			 buf->chunk->len);
	return buf;
}

static void run(struct fixture *f)
{
	while (reactor_pass(f->r) > 0)
		;
}

static void test_classes(struct fixture *f, gconstpointer limit)
{
	static const uint32_t sizes[] = {
		1, 4096, 4097, 16384, 16385, 65536, 65537, 131072, 131073
	};
	static const unsigned classes[] = { 0, 0, 1, 1, 2, 2, 3, 3, 4 };

	(void)limit;
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct buf *buf = must_get(f, sizes[i]);

		g_assert_cmpuint(buf->class, ==, classes[i]);
		g_assert_cmpuint(buf->size, ==, buf_class_sizes[classes[i]]);
		g_assert_cmpuint(buf_pool_stats(f->pool)->in_use[classes[i]], ==, 1);
		memset(buf->data, 1, buf->size);
		g_assert_true(buf_ref(buf) == buf);
		buf_put(buf);
		g_assert_cmpuint(buf_pool_stats(f->pool)->in_use[classes[i]], ==, 1);
		buf_put(buf);
		g_assert_cmpuint(buf_pool_stats(f->pool)->in_use[classes[i]], ==, 0);
	}
	g_assert_cmpuint(buf_pool_stats(f->pool)->allocated, ==, 10 * MIB);
	g_assert_cmpuint(buf_pool_stats(f->pool)->gets, ==, 9);
	/* the last class is met once, the others twice; each grew the pool the first time */
	for (unsigned i = 0; i < BUF_CLASSES; i++) {
		g_assert_cmpuint(buf_pool_stats(f->pool)->class_gets[i], ==, i < 4 ? 2 : 1);
		g_assert_cmpuint(buf_pool_stats(f->pool)->class_grown[i], ==, 1);
		g_assert_cmpuint(buf_pool_stats(f->pool)->class_waits[i], ==, 0);
	}
	g_assert_cmpuint(buf_pool_stats(f->pool)->puts, ==, 9);
	g_assert_cmpuint(buf_pool_stats(f->pool)->misses, ==, 0);
	g_assert_cmpuint(f->fake->mem_in_use, ==, 10 * MIB);
}

static void test_poison(struct fixture *f, gconstpointer limit)
{
	struct buf *a, *b;

	(void)limit;
	a = must_get(f, 4096);
	b = must_get(f, 4096);
	g_assert_true(a->data != b->data);
#ifdef WITH_ASAN
	char *data = a->data;

	g_assert_null(__asan_region_is_poisoned(data, 4096));
	/* the last byte of one that is free is poisoned, its neighbour in use is not */
	buf_put(a);
	g_assert_true(__asan_address_is_poisoned(data));
	g_assert_true(__asan_address_is_poisoned(data + 4095));
	g_assert_null(__asan_region_is_poisoned(b->data, 4096));
	/* one never got */
	g_assert_true(__asan_address_is_poisoned((char *)b->data + 4096));
#else
	buf_put(a);
#endif
	buf_put(b);
}

/* Takes all there are of a size; returns them as a list. */
static struct buf *take_all(struct fixture *f, uint32_t size, unsigned *count)
{
	struct buf *list = NULL, *buf;

	*count = 0;
	while ((buf = buf_get(f->pool, size)) != NULL) {
		buf->next = list;
		list = buf;
		++*count;
	}
	return list;
}

static void put_all(struct buf *list)
{
	while (list != NULL) {
		struct buf *next = list->next;

		buf_put(list);
		list = next;
	}
}

static void test_waiters(struct fixture *f, gconstpointer limit)
{
	struct waiter w[4];
	struct buf *all;
	unsigned n;

	(void)limit; /* 1 MiB */
	all = take_all(f, 131072, &n);
	g_assert_cmpuint(n, ==, 8);
	g_assert_cmpuint(buf_pool_stats(f->pool)->misses, ==, 1);
	for (unsigned i = 0; i < 4; i++) {
		waiter_init(&w[i], f);
		buf_wait(f->pool, &w[i].w, 131072);
	}
	run(f);
	g_assert_cmpuint(f->arrivals, ==, 0);

	buf_wait_cancel(f->pool, &w[1].w);
	buf_wait_cancel(f->pool, &w[1].w);
	for (unsigned i = 0; i < 2; i++) {
		struct buf *next = all->next;

		buf_put(all);
		all = next;
	}
	/* not from inside put, and nobody overtakes */
	g_assert_cmpuint(f->arrivals, ==, 0);
	g_assert_null(buf_get(f->pool, 131072));
	run(f);
	g_assert_cmpuint(w[0].arrival, ==, 1);
	g_assert_cmpuint(w[2].arrival, ==, 2);
	g_assert_cmpuint(w[1].arrival + w[3].arrival, ==, 0);
	/* the last in the queue leaves, and the queue still works */
	buf_wait_cancel(f->pool, &w[3].w);
	buf_wait(f->pool, &w[1].w, 131072);
	buf_put(w[0].buf);
	run(f);
	g_assert_cmpuint(w[1].arrival, ==, 3);
	put_all(all);
	buf_put(w[1].buf);
	buf_put(w[2].buf);
	g_assert_cmpuint(buf_pool_stats(f->pool)->waits, ==, 5);
	g_assert_cmpuint(buf_pool_stats(f->pool)->class_waits[3], ==, 5);
	g_assert_cmpuint(buf_pool_stats(f->pool)->class_gets[3], ==, n + 3);
}

static void test_fault(struct fixture *f, gconstpointer limit)
{
	struct waiter w;

	(void)limit;
	/* it fails though there are plenty; who waits is served all the same */
	fake_hw_fail(f->fake, "buf.get", 1);
	g_assert_null(buf_get(f->pool, 4096));
	waiter_init(&w, f);
	buf_wait(f->pool, &w.w, 4096);
	g_assert_cmpuint(f->arrivals, ==, 0);
	run(f);
	g_assert_cmpuint(w.arrival, ==, 1);
	buf_put(w.buf);
	buf_put(must_get(f, 4096));
}

/* Memory is asked for at the node that the reactor runs on. */
static void test_near(struct fixture *f, gconstpointer limit)
{
	(void)limit;
	f->fake->mem_node = 99;
	buf_put(must_get(f, 4096));
	g_assert_cmpint(f->fake->mem_node, ==, -1);
	f->r->node = 3;
	buf_put(must_get(f, 65536));
	g_assert_cmpint(f->fake->mem_node, ==, 3);
}

static void test_no_memory(struct fixture *f, gconstpointer limit)
{
	struct waiter w, w2;

	(void)limit;
	f->fake->mem_limit = 0;
	g_assert_null(buf_get(f->pool, 65536));
	waiter_init(&w, f);
	buf_wait(f->pool, &w.w, 65536);
	run(f);
	g_assert_cmpuint(w.arrival, ==, 0);
	/* nobody will put one: it must be tried again, and not all the time */
	g_assert_cmpuint(reactor_deadline(f->r), >, f->fake->now);
	g_assert_cmpuint(reactor_deadline(f->r), !=, HW_NEVER);
	f->fake->now = reactor_deadline(f->r);
	run(f);
	g_assert_cmpuint(w.arrival, ==, 0);
	f->fake->mem_limit = SIZE_MAX;
	f->fake->now = reactor_deadline(f->r);
	run(f);
	g_assert_cmpuint(w.arrival, ==, 1);
	g_assert_cmpuint(reactor_deadline(f->r), ==, HW_NEVER);

	/* cancelled, and the pool freed, while the timer runs */
	f->fake->mem_limit = 0;
	waiter_init(&w2, f);
	buf_wait(f->pool, &w2.w, BUF_MAX_SIZE);
	run(f);
	g_assert_cmpuint(w2.arrival, ==, 0);
	g_assert_cmpuint(reactor_deadline(f->r), !=, HW_NEVER);
	buf_wait_cancel(f->pool, &w2.w);
	run(f);
	buf_put(w.buf);
}

static void test_greedy_waiter(struct fixture *f, gconstpointer limit)
{
	struct waiter w;

	(void)limit;
	/* puts and waits again at once: a pass still ends */
	waiter_init(&w, f);
	w.put_at_once = true;
	w.again = 1000;
	buf_wait(f->pool, &w.w, 4096);
	g_assert_cmpuint(reactor_pass(f->r), >, 0);
	g_assert_cmpuint(f->arrivals, <,
			 1000); /* some hundreds a turn, one turn before the flush */
	run(f);
	g_assert_cmpuint(f->arrivals, ==, 1001);
}

/* With room for it, each class keeps a share however greedy another is. */
static void test_reserve(struct fixture *f, gconstpointer limit)
{
	struct buf *small, *bufs[BUF_CLASSES];
	unsigned n;

	(void)limit; /* 16 MiB */
	small = take_all(f, 4096, &n);
	g_assert_cmpuint(n, ==, 4 * 512); /* 8 MiB are kept for the other four */
	for (unsigned i = 1; i < BUF_CLASSES; i++)
		bufs[i] = must_get(f, buf_class_sizes[i]);
	g_assert_cmpuint(buf_pool_stats(f->pool)->allocated, ==, 16 * MIB);
	for (unsigned i = 1; i < BUF_CLASSES; i++)
		buf_put(bufs[i]);
	put_all(small);
}

/* Without room for all, what is idle changes its class. */
static void test_recut(struct fixture *f, gconstpointer limit)
{
	struct buf *all, *big;
	struct waiter w;
	unsigned n;

	(void)limit; /* 1 MiB */
	all = take_all(f, 4096, &n);
	g_assert_cmpuint(n, ==, 256);
	g_assert_null(buf_get(f->pool, BUF_MAX_SIZE));
	waiter_init(&w, f);
	buf_wait(f->pool, &w.w, BUF_MAX_SIZE);
	run(f);
	g_assert_cmpuint(w.arrival, ==, 0);
	put_all(all);
	run(f);
	g_assert_cmpuint(w.arrival, ==, 1);
	g_assert_cmpuint(w.buf->size, ==, BUF_MAX_SIZE);
	g_assert_null(buf_get(f->pool, 4096));
	buf_put(w.buf);

	/* a larger one serves where its own class has none */
	all = must_get(f, 131072);
	big = must_get(f, 4096);
	g_assert_cmpuint(big->size, ==, 131072);
	buf_put(all);
	buf_put(big);
	g_assert_cmpuint(f->fake->chunks, ==, 1);
}

/* All that a user can get at once, as a list. */
static struct buf *take_all_for(struct fixture *f, struct buf_user *user, uint32_t size,
				unsigned *n)
{
	struct buf *list = NULL, *buf;

	for (*n = 0; (buf = buf_get_for(f->pool, user, size)) != NULL; (*n)++) {
		buf->next = list;
		list = buf;
	}
	return list;
}

/* However much others hold, one that comes has something. */
static void test_shares(struct fixture *f, gconstpointer limit)
{
	struct buf_user user[8] = { 0 };
	struct buf *held[8], *spare, *all;
	unsigned n[8];

	(void)limit; /* 16 MiB */
	for (unsigned i = 0; i < 8; i++) {
		held[i] = take_all_for(f, &user[i], 65536, &n[i]);
		g_assert_cmpuint(n[i], >=, 1);
		g_assert_cmpuint(user[i].held, ==, n[i] * 65536);
		g_assert_cmpuint(i == 0 || n[i] <= n[i - 1], ==, true);
	}
	g_assert_cmpuint(n[0], ==, 25); /* a fifth of 8 MiB: the rest is for other classes */
	g_assert_cmpuint(n[7], <, 8);
	spare = buf_get_spare(f->pool, 16384);
	g_assert_nonnull(spare);
	buf_put(spare);
	all = take_all(f, 16384, &n[1]);
	for (unsigned i = 0; i < 8; i++)
		g_assert_null(buf_get_for(f->pool, &user[i], 65536));
	put_all(all);
	for (unsigned i = 0; i < 8; i++) {
		put_all(held[i]);
		g_assert_cmpuint(user[i].held, ==, 0);
	}
}

/* A user with many waiters does not go before one with a single one; its share bounds it. */
static void test_turns(struct fixture *f, gconstpointer limit)
{
	struct buf_user hog = { 0 }, good = { 0 };
	struct waiter many[32], one, last;
	struct buf *held, *all;
	unsigned n;

	(void)limit; /* 1 MiB */
	held = take_all_for(f, &hog, 65536, &n);
	g_assert_cmpuint(n, ==, 3);
	for (unsigned i = 0; i < 32; i++) {
		waiter_init(&many[i], f);
		buf_wait_for(f->pool, &hog, &many[i].w, 65536);
	}
	run(f);
	g_assert_cmpuint(many[0].arrival, ==, 0);
	g_assert_false(buf_others_wait(f->pool, &hog));
	waiter_init(&one, f);
	waiter_init(&last, f);
	buf_wait_for(f->pool, &good, &one.w, 65536);
	buf_wait_for(f->pool, &good, &last.w, 65536);
	g_assert_true(buf_others_wait(f->pool, &hog));
	run(f);
	g_assert_cmpuint(one.arrival, ==, 1);
	g_assert_cmpuint(last.arrival, ==, 2);
	all = take_all(f, 4096, &n); /* what is left, with two of 64 KiB served */
	g_assert_null(buf_get_spare(f->pool, 4096));
	put_all(all);
	put_all(held); /* now it is within its share again */
	run(f);
	g_assert_cmpuint(f->arrivals, ==, 5);
	g_assert_cmpuint(hog.held, ==, 3 * 65536);
	buf_put(one.buf);
	buf_put(last.buf);
	run(f);
	g_assert_cmpuint(hog.held, ==, 3 * 65536);
	for (unsigned i = 0; i < 32; i++) {
		buf_wait_cancel(f->pool, &many[i].w);
		if (many[i].buf != NULL)
			buf_put(many[i].buf);
	}
	g_assert_cmpuint(hog.held + good.held + hog.nwaiting + good.nwaiting, ==, 0);
}

/* Random use by many holders with a tiny pool: all get theirs in the end, no two share. */
static void test_random(struct fixture *f, gconstpointer limit)
{
	uint64_t rand = fake_seed(7);
	struct waiter *w = g_new0(struct waiter, 64);
	bool waiting[64] = { false };

	(void)limit; /* 2 MiB */
	for (unsigned i = 0; i < 64; i++)
		waiter_init(&w[i], f);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)(fake_rand(&rand) % 64);
		uint32_t size = buf_class_sizes[fake_rand(&rand) % BUF_CLASSES];

		if (w[i].buf != NULL) {
			g_assert_cmpint(((char *)w[i].buf->data)[0], ==, (char)i);
			g_assert_cmpint(((char *)w[i].buf->data)[w[i].buf->size - 1], ==, (char)i);
			buf_put(g_steal_pointer(&w[i].buf));
		} else if (waiting[i]) {
			if (fake_rand(&rand) % 4 == 0) {
				buf_wait_cancel(f->pool, &w[i].w);
				waiting[i] = false;
			}
		} else {
			w[i].buf = buf_get(f->pool, size);
			if (w[i].buf == NULL) {
				buf_wait(f->pool, &w[i].w, size);
				waiting[i] = true;
			} else {
				memset(w[i].buf->data, (int)i, 1);
				((char *)w[i].buf->data)[w[i].buf->size - 1] = (char)i;
			}
		}
		if (fake_rand(&rand) % 3 == 0)
			reactor_pass(f->r);
		for (unsigned j = 0; j < 64; j++) {
			if (waiting[j] && w[j].buf != NULL) {
				waiting[j] = false;
				((char *)w[j].buf->data)[0] = (char)j;
				((char *)w[j].buf->data)[w[j].buf->size - 1] = (char)j;
			}
		}
		g_assert_cmpuint(buf_pool_stats(f->pool)->allocated, <=, 2 * MIB);
	}
	/* all that is held goes back until nobody waits: nobody is forgotten */
	for (unsigned round = 0; round < 1000; round++) {
		for (unsigned i = 0; i < 64; i++) {
			if (w[i].buf != NULL)
				buf_put(g_steal_pointer(&w[i].buf));
		}
		if (reactor_pass(f->r) == 0)
			break;
	}
	for (unsigned i = 0; i < 64; i++) {
		g_assert_null(w[i].buf);
		g_assert_null(w[i].w.prev);
	}
	g_free(w);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t limit;
		void (*fn)(struct fixture *f, gconstpointer limit);
	} tests[] = {
		{ "/buf/classes", 16 * MIB, test_classes },
		{ "/buf/poison", 16 * MIB, test_poison },
		{ "/buf/waiters", MIB, test_waiters },
		{ "/buf/fault", 16 * MIB, test_fault },
		{ "/buf/no-memory", 16 * MIB, test_no_memory },
		{ "/buf/greedy-waiter", 16 * MIB, test_greedy_waiter },
		{ "/buf/reserve", 16 * MIB, test_reserve },
		{ "/buf/recut", MIB, test_recut },
		{ "/buf/shares", 16 * MIB, test_shares },
		{ "/buf/turns", MIB, test_turns },
		{ "/buf/near", 16 * MIB, test_near },
		{ "/buf/random", 2 * MIB, test_random },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, GSIZE_TO_POINTER(tests[i].limit), set_up,
			   tests[i].fn, tear_down);
	return g_test_run();
}
