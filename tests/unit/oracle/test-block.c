/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle B: each kind of violation is caught and called by its name; random small
 * histories are judged exactly as a search through all orders judges them.
 */
#include "sim/oracle/block.h"

#include <glib.h>
#include <string.h>

#define BS 512

static const uint8_t uuid_a[16] = { 1, 2, 3 }, uuid_b[16] = { 9 };

struct bed {
	struct oracle_block *o;
	struct oracle_block_ns *ns;
	uint8_t data[8][BS]; /* what write n left, for the tests to read again */
};

static void bed_init(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	b->o = oracle_block_new();
	b->ns = oracle_block_ns_new(b->o, uuid_a, BS, 64, true);
}

/* Begins a write of block lba; its data is kept as number n. */
static struct oracle_write *begin(struct bed *b, unsigned n, uint64_t path, uint64_t lba)
{
	struct oracle_write *w = oracle_block_write_begin(b->ns, path, ORACLE_WRITE, lba, 1);

	oracle_block_stamp(w, b->data[n]);
	return w;
}

static void written(struct bed *b, unsigned n, uint64_t path, uint64_t lba)
{
	oracle_block_write_ack(begin(b, n, path, lba));
}

/* A read of lba that finds data; rule NULL: that is right. */
static void expect(struct bed *b, uint64_t lba, const void *data, const char *rule)
{
	g_autofree char *text = oracle_block_read_check(
		b->ns, oracle_block_read_begin(b->ns, lba, 1), lba, 1, data);

	if (rule == NULL)
		g_assert_cmpstr(text, ==, NULL);
	else if (text == NULL || !g_str_has_prefix(text, rule))
		g_error("%s instead of %s", text ? text : "nothing", rule);
}

static void test_kinds(void)
{
	static const uint8_t zero[BS], garbage[BS] = { 0x55 };
	struct oracle_stamp stamp;
	struct bed b;
	char *text;

	bed_init(&b);
	expect(&b, 3, zero, NULL);
	written(&b, 0, 1, 3);
	expect(&b, 3, b.data[0], NULL);
	expect(&b, 3, zero, "B.lost");
	expect(&b, 4, b.data[0], "B.misdirected");
	written(&b, 1, 1, 3);
	expect(&b, 3, b.data[0], "B.stale");
	expect(&b, 3, garbage, "B.garbage");
	memcpy(b.data[2], b.data[0], BS);
	memcpy(b.data[2] + BS / 2, b.data[1] + BS / 2, BS / 2);
	expect(&b, 3, b.data[2], "B.torn");
	/* Of another namespace, and of a write that nobody began. */
	g_assert_cmpint(oracle_stamp_read(b.data[1], BS, &stamp), ==, ORACLE_STAMP_GOOD);
	memcpy(stamp.uuid, uuid_b, 16);
	oracle_stamp_fill(b.data[3], BS, &stamp);
	expect(&b, 3, b.data[3], "B.misdirected");
	memcpy(stamp.uuid, uuid_a, 16);
	stamp.id = 1000;
	oracle_stamp_fill(b.data[3], BS, &stamp);
	expect(&b, 3, b.data[3], "B.stale");
	/* Refused, and yet there. */
	text = oracle_block_write_failed(begin(&b, 4, 1, 3));
	g_assert_null(text);
	expect(&b, 3, b.data[4], "B.stale");
	{
		struct oracle_write *w = begin(&b, 5, 1, 3);

		expect(&b, 3, b.data[5], NULL);
		text = oracle_block_write_failed(w);
		g_assert_nonnull(text);
		g_assert_true(g_str_has_prefix(text, "B.failed"));
		g_free(text);
	}
	oracle_block_free(b.o);
}

/* A write whose path broke may come late, once, and not after the fence. */
static void test_doubt(void)
{
	struct bed b;

	bed_init(&b);
	written(&b, 0, 1, 0);
	oracle_block_write_in_doubt(begin(&b, 1, 1, 0));
	expect(&b, 0, b.data[0], NULL);
	expect(&b, 0, b.data[1], NULL);
	expect(&b, 0, b.data[0], "B.stale"); /* pinned: it has taken effect */

	written(&b, 2, 2, 1);
	oracle_block_write_in_doubt(begin(&b, 3, 1, 1));
	oracle_block_fence(b.o, 1);
	expect(&b, 1, b.data[2], NULL);
	expect(&b, 1, b.data[3], "B.stale"); /* a ghost: it was not there after the fence */

	/* Fenced before anything was read: may be there, unless something was written since. */
	oracle_block_write_in_doubt(begin(&b, 4, 3, 2));
	oracle_block_fence(b.o, 3);
	expect(&b, 2, b.data[4], NULL);
	oracle_block_write_in_doubt(begin(&b, 5, 4, 3));
	oracle_block_fence(b.o, 4);
	written(&b, 6, 5, 3);
	expect(&b, 3, b.data[5], "B.stale"); /* the hazard of a write behind a retry */

	/* Not fenced, it overwrites whatever was written meanwhile. */
	oracle_block_write_in_doubt(begin(&b, 5, 4, 4));
	written(&b, 6, 5, 4);
	expect(&b, 4, b.data[6], NULL);
	expect(&b, 4, b.data[5], NULL);
	oracle_block_free(b.o);
}

static void test_zeroes_and_sizes(void)
{
	static const uint8_t zero[BS], other[BS] = { 0x55 }, another[BS] = { 0x66 };
	struct bed b;

	bed_init(&b);
	written(&b, 0, 1, 0);
	oracle_block_write_ack(oracle_block_write_begin(b.ns, 1, ORACLE_ZEROES, 0, 2));
	expect(&b, 0, b.data[0], "B.stale");
	expect(&b, 0, zero, NULL);
	written(&b, 0, 1, 1);
	oracle_block_write_ack(oracle_block_write_begin(b.ns, 1, ORACLE_TRIM, 1, 1));
	expect(&b, 1, b.data[0], NULL);
	expect(&b, 1, zero, "B.lost"); /* it was seen not to have been trimmed */
	written(&b, 2, 1, 2);
	oracle_block_write_ack(oracle_block_write_begin(b.ns, 1, ORACLE_TRIM, 2, 1));
	expect(&b, 2, zero, NULL);
	expect(&b, 2, b.data[2], "B.stale");

	/* What was cut off may be anything, but always the same. */
	written(&b, 3, 1, 40);
	oracle_block_resize(b.ns, 32);
	oracle_block_resize(b.ns, 64);
	expect(&b, 40, other, NULL);
	expect(&b, 40, another, "B.garbage");
	written(&b, 4, 1, 40);
	expect(&b, 40, other, "B.garbage");
	expect(&b, 40, b.data[4], NULL);
	expect(&b, 31, other, "B.garbage");
	{
		struct oracle_write *w = begin(&b, 5, 1, 41);

		oracle_block_resize(b.ns, 32);
		oracle_block_resize(b.ns, 64);
		oracle_block_write_ack(w);
		expect(&b, 41, other, NULL);
	}
	oracle_block_free(b.o);
}

static bool read_image(void *image, uint64_t lba, void *block)
{
	memcpy(block, (uint8_t *)image + lba * BS, BS);
	return true;
}

static void test_compare(void)
{
	g_autofree uint8_t *image = g_malloc0(64 * BS);
	struct oracle_block_stats st;
	struct bed b;
	char *text;

	bed_init(&b);
	for (uint64_t lba = 10; lba < 20; lba++) {
		struct oracle_write *w = oracle_block_write_begin(b.ns, 1, ORACLE_WRITE, lba, 1);

		oracle_block_stamp(w, image + lba * BS);
		oracle_block_write_ack(w);
	}
	text = oracle_block_compare(b.ns, read_image, image);
	g_assert_cmpstr(text, ==, NULL);
	oracle_block_stats(b.o, &st);
	g_assert_cmpuint(st.blocks_compared, ==, 64);
	memset(image + 15 * BS, 0, BS);
	text = oracle_block_compare(b.ns, read_image, image);
	g_assert_true(g_str_has_prefix(text, "B.lost: LBA 15"));
	g_free(text);
	g_assert_true(oracle_block_ns_find(b.o, uuid_a) == b.ns);
	g_assert_null(oracle_block_ns_find(b.o, uuid_b));
	oracle_block_free(b.o);
}

/* --- against a search ------------------------------------------------------------------- */

#define OPS 9
#define OPEN UINT64_MAX

struct op {
	uint64_t begin, end;
	int value; /* number of the write; -1: as it was in the beginning */
	bool write;
	bool required; /* has taken effect */
	bool never;    /* has not */
	/* for the one that plays */
	bool done, fenced;
	uint64_t path, token;
	struct oracle_write *w;
};

struct history {
	struct op ops[OPS];
	unsigned n;
	uint64_t now;
	bool dead[1 << OPS][OPS + 1]; /* searched without success */
};

/* Whether the rest can be put in order behind the set `done` of operations. */
static bool search(struct history *h, unsigned done, int value)
{
	bool all = true;

	if (h->dead[done][value + 1])
		return false;
	for (unsigned i = 0; i < h->n; i++)
		all = all && (!h->ops[i].required || done >> i & 1);
	if (all)
		return true;
	for (unsigned i = 0; i < h->n; i++) {
		const struct op *x = &h->ops[i];
		bool can = !(done >> i & 1) && !x->never && (x->write || x->required) &&
			   (x->write || x->value == value);

		for (unsigned j = 0; can && j < h->n; j++)
			can = !(done >> j & 1) || x->end >= h->ops[j].begin;
		if (can && search(h, done | 1u << i, x->write ? (int)i : value))
			return true;
	}
	h->dead[done][value + 1] = true;
	return false;
}

static bool right(struct history *h)
{
	memset(h->dead, 0, sizeof(h->dead));
	return search(h, 0, -1);
}

/* Ends operation i in a random way. Returns whether the oracle found nothing. */
static bool finish(struct bed *b, struct history *h, unsigned i, GRand *rand)
{
	static const uint8_t zero[BS];
	struct op *x = &h->ops[i];
	g_autofree char *text = NULL;
	int what = g_rand_int_range(rand, 0, 10);

	x->done = true;
	h->now++;
	if (!x->write) {
		int from = g_rand_int_range(rand, -1, (int)h->n);

		while (from >= 0 && !h->ops[from].write)
			from--;
		x->value = from;
		x->required = true;
		x->end = h->now;
		text = oracle_block_read_check(b->ns, x->token, 0, 1,
					       from < 0 ? zero : b->data[from]);
	} else if (what < 6 && x->end == OPEN) {
		x->required = true;
		x->end = MIN(x->end, h->now);
		oracle_block_write_ack(x->w);
	} else if (what < 8) {
		x->never = true;
		text = oracle_block_write_failed(x->w);
	} else {
		oracle_block_write_in_doubt(x->w);
	}
	return text == NULL;
}

static void fence(struct bed *b, struct history *h, uint64_t path)
{
	h->now++;
	oracle_block_fence(b->o, path);
	for (unsigned i = 0; i < h->n; i++) {
		struct op *x = &h->ops[i];

		if (x->write && x->path == path && x->end == OPEN)
			x->end = h->now;
	}
}

static void start(struct bed *b, struct history *h, GRand *rand)
{
	struct op *x = &h->ops[h->n];

	*x = (struct op){ .begin = ++h->now, .end = OPEN, .write = g_rand_boolean(rand) };
	x->path = (uint64_t)g_rand_int_range(rand, 0, 3);
	if (x->write)
		x->w = begin(b, h->n, x->path, 0);
	else
		x->token = oracle_block_read_begin(b->ns, 0, 1);
	h->n++;
}

/* Returns whether the history had a violation. */
static bool play(unsigned seed)
{
	g_autofree struct history *h = g_new0(struct history, 1);
	GRand *rand = g_rand_new_with_seed(seed);
	bool good = true;
	struct bed b;

	bed_init(&b);
	for (unsigned step = 0; step < 24 && good; step++) {
		unsigned i = (unsigned)g_rand_int_range(rand, 0, OPS);

		if (g_rand_int_range(rand, 0, 8) == 0)
			fence(&b, h, (uint64_t)g_rand_int_range(rand, 0, 3));
		else if (i < h->n && !h->ops[i].done)
			good = finish(&b, h, i, rand);
		else if (h->n < 8)
			start(&b, h, rand);
		if (right(h) != good)
			g_error("history %u, step %u: the oracle says %s", seed, step,
				good ? "right" : "wrong");
	}
	oracle_block_free(b.o);
	g_rand_free(rand);
	return !good;
}

static void test_search(void)
{
	unsigned bad = 0;

	for (unsigned seed = 0; seed < 20000; seed++)
		bad += play(seed);
	/* Both kinds are there. */
	g_assert_cmpuint(bad, >, 4000);
	g_assert_cmpuint(bad, <, 19000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/block/kinds", test_kinds);
	g_test_add_func("/oracle/block/doubt", test_doubt);
	g_test_add_func("/oracle/block/zeroes-and-sizes", test_zeroes_and_sizes);
	g_test_add_func("/oracle/block/compare", test_compare);
	g_test_add_func("/oracle/block/search", test_search);
	return g_test_run();
}
