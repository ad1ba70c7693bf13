/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stackable bdevs: their I/O, held-back I/O that is aborted, hurried or removed,
 * base's size and removal, and what cannot be made.
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "tests/unit/bdev/fixture.h"

#define BS 512u
#define MS UINT64_C(1000000)

struct rig {
	struct fixture *f;
	struct bdev *base, *upper;
	struct bdev_desc *desc;
	struct bdev_channel *ch[2];
	bool upper_gone, base_gone;
	uint64_t resized;
	bool hurry; /* when removed, as a namespace does */
};

static const uint64_t no_latency[BDEV_LATENCY_COUNT];

static void put_channel(struct reactor *r, void *arg)
{
	struct rig *rig = arg;

	bdev_channel_put(g_steal_pointer(&rig->ch[r->index]));
}

static void all_put(void *arg)
{
	struct rig *rig = arg;

	bdev_close(g_steal_pointer(&rig->desc));
}

static void hurry_channel(struct reactor *r, void *arg)
{
	struct rig *rig = arg;

	if (rig->hurry)
		bdev_channel_hurry(rig->ch[r->index]);
}

static void hurried(void *arg)
{
	struct rig *rig = arg;

	core_broadcast(rig->f->core, put_channel, all_put, rig);
}

static void on_removed(struct bdev_desc *desc, void *user)
{
	struct rig *rig = user;

	(void)desc;
	core_broadcast(rig->f->core, hurry_channel, hurried, rig);
}

static void limit_channel(struct reactor *r, void *arg)
{
	struct rig *rig = arg;

	if (rig->ch[r->index] != NULL)
		bdev_channel_set_blocks(rig->ch[r->index], rig->resized);
}

static void on_resized(struct bdev_desc *desc, uint64_t blocks, void *user)
{
	struct rig *rig = user;

	(void)desc;
	rig->resized = blocks;
	core_broadcast(rig->f->core, limit_channel, NULL, rig);
}

static const struct bdev_events rig_events = { .resized = on_resized, .removed = on_removed };

static void rig_open(struct rig *rig, struct fixture *f, struct bdev *upper)
{
	rig->f = f;
	rig->upper = upper;
	rig->hurry = true;
	g_assert_nonnull(upper);
	rig->desc = bdev_open(f->layer, upper->name, true, &rig_events, rig, NULL);
	for (unsigned i = 0; i < 2; i++)
		rig->ch[i] = bdev_channel_get(upper, f->core->reactors[i]);
}

static void rig_close(struct rig *rig)
{
	bdev_unregister(rig->upper, fixture_removed, &rig->upper_gone);
	fake_core_run(rig->f->core);
	g_assert_true(rig->upper_gone);
	g_assert_false(bdev_is_claimed(rig->base));
	bdev_unregister(rig->base, fixture_removed, &rig->base_gone);
	fake_core_run(rig->f->core);
	g_assert_true(rig->base_gone);
}

static struct bdev *base_new(struct fixture *f, bool null)
{
	return null ? bdev_null_create(f->layer, "base", 100, BS, NULL, NULL)
		    : bdev_malloc_create(f->layer, "base", 100, BS, NULL, NULL);
}

static struct bdev *upper_new(struct fixture *f, const char *kind)
{
	if (strcmp(kind, "passthru") == 0)
		return bdev_passthru_create(f->layer, "upper", "base", NULL, NULL);
	if (strcmp(kind, "delay") == 0)
		return bdev_delay_create(f->layer, "upper", "base", no_latency, NULL, NULL);
	return bdev_error_create(f->layer, "base", NULL, NULL);
}

/* Data goes through; placed reads where base has them, but not where they may be damaged. */
static void test_through(struct fixture *f, gconstpointer kind)
{
	struct rig rig = { .base = base_new(f, false) };
	struct test_io t = { 0 };
	char in[BS], out[BS];

	rig_open(&rig, f, upper_new(f, kind));
	g_assert_true(bdev_base(rig.upper) == rig.base);
	g_assert_true(bdev_is_claimed(rig.base));
	memset(in, 0x5a, BS);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_WRITE, 7, 1, 0, in), ==, 0);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[1], BDEV_READ, 7, 1, 0, out), ==, 0);
	g_assert_cmpmem(in, BS, out, BS);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_READ, 100, 1, 0, out), ==,
			 NVME_SC_LBA_RANGE | NVME_DNR);
	g_assert_cmpuint(rig.base->stats[0]->op[BDEV_WRITE].ops, ==, 1);
	g_assert_cmpuint(rig.upper->stats[1]->op[BDEV_READ].bytes, ==, BS);
	if (strcmp(kind, "error") == 0) {
		g_assert_false(rig.upper->can_place);
	} else {
		g_assert_cmpuint(
			test_io_run(f, &t, rig.ch[0], BDEV_READ, 7, 1, BDEV_IO_PLACE, NULL), ==, 0);
		g_assert_cmpuint(t.io.flags & BDEV_IO_PLACED, !=, 0);
		g_assert_cmpmem(t.io.place[0].iov_base, BS, in, BS);
		/* base and upper go; what is shown stays */
		rig_close(&rig);
		g_assert_cmpmem(t.io.place[0].iov_base, BS, in, BS);
		bdev_io_release(&t.io);
		g_assert_cmpuint(f->fake->chunks, ==, 0);
		return;
	}
	rig_close(&rig);
}

static void test_base_removed(struct fixture *f, gconstpointer kind)
{
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t = { 0 };

	rig_open(&rig, f, upper_new(f, kind));
	test_io_submit(&t, rig.ch[1], BDEV_WRITE_ZEROES, 0, 8, 0, NULL);
	bdev_unregister(rig.base, fixture_removed, &rig.base_gone);
	g_assert_cmpuint(bdev_layer_list(f->layer)->len, ==, 0);
	fake_core_run(f->core);
	g_assert_cmpuint(t.done, ==, 1);
	g_assert_null(rig.desc);
	g_assert_true(rig.base_gone);
}

static void test_base_resized(struct fixture *f, gconstpointer kind)
{
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t = { 0 };
	char data[BS];

	rig_open(&rig, f, upper_new(f, kind));
	g_assert_true(bdev_resize(rig.base, 200, NULL));
	fake_core_run(f->core);
	g_assert_cmpuint(rig.resized, ==, 200);
	g_assert_cmpuint(rig.upper->num_blocks, ==, 200);
	for (unsigned i = 0; i < 2; i++)
		g_assert_cmpuint(test_io_run(f, &t, rig.ch[i], BDEV_READ, 199, 1, 0, data), ==, 0);
	g_assert_true(bdev_resize(rig.base, 50, NULL));
	fake_core_run(f->core);
	g_assert_cmpuint(rig.resized, ==, 50);
	for (unsigned i = 0; i < 2; i++)
		g_assert_cmpuint(test_io_run(f, &t, rig.ch[i], BDEV_READ, 50, 1, 0, data), ==,
				 NVME_SC_LBA_RANGE | NVME_DNR);
	g_assert_nonnull(strstr(f->events->str, "bdev_resize(base)"));
	/* resized, and gone before all reactors have heard of it */
	g_assert_true(bdev_resize(rig.base, 60, NULL));
	rig_close(&rig);
}

#define EXPECT_ERROR(expr, wanted)                                                                 \
	do {                                                                                       \
		g_autoptr(GError) error = NULL;                                                    \
		g_assert_false((expr) != 0);                                                       \
		g_assert_error(error, WEFT_ERROR, (wanted));                                       \
		g_assert_nonnull(weft_error_detail(error));                                        \
	} while (0)

static void test_refused(struct fixture *f, gconstpointer data)
{
	const uint64_t crossed[BDEV_LATENCY_COUNT] = { 2, 1, 0, 0 };
	const uint64_t ages[BDEV_LATENCY_COUNT] = { 0, 0, 0, BDEV_LATENCY_MAX + 1 };
	struct bdev *base = base_new(f, true), *b[BDEV_STACK_MAX];
	const char *below = "base";
	char name[8];

	(void)data;
	EXPECT_ERROR(bdev_passthru_create(f->layer, "p", "none", NULL, &error), -ENODEV);
	EXPECT_ERROR(bdev_delay_create(f->layer, "p", "none", no_latency, NULL, &error), -ENODEV);
	EXPECT_ERROR(bdev_error_create(f->layer, "none", NULL, &error), -ENODEV);
	EXPECT_ERROR(bdev_passthru_create(f->layer, "base", "base", NULL, &error), -EEXIST);
	EXPECT_ERROR(bdev_passthru_create(f->layer, "", "base", NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_passthru_create(f->layer, "p", "base", base->uuid, &error), -EEXIST);
	EXPECT_ERROR(bdev_delay_create(f->layer, "p", "base", crossed, NULL, &error), -EINVAL);
	EXPECT_ERROR(bdev_delay_create(f->layer, "p", "base", ages, NULL, &error), -EINVAL);
	fake_hw_fail(f->fake, "bdev.stack", 3);
	EXPECT_ERROR(bdev_passthru_create(f->layer, "p", "base", NULL, &error), -ENOMEM);
	EXPECT_ERROR(bdev_delay_create(f->layer, "p", "base", no_latency, NULL, &error), -ENOMEM);
	EXPECT_ERROR(bdev_error_create(f->layer, "base", NULL, &error), -ENOMEM);
	/* nothing was left behind: base is free */
	g_assert_false(bdev_is_claimed(base));
	for (unsigned i = 0; i < BDEV_STACK_MAX; i++) {
		g_snprintf(name, sizeof(name), "p%u", i);
		b[i] = bdev_passthru_create(f->layer, name, below, NULL, NULL);
		g_assert_nonnull(b[i]);
		below = b[i]->name;
		EXPECT_ERROR(bdev_passthru_create(f->layer, "q", "base", NULL, &error), -EPERM);
	}
	EXPECT_ERROR(bdev_passthru_create(f->layer, "q", below, NULL, &error), -EINVAL);
	bdev_unregister(base, NULL, NULL);
	fake_core_run(f->core);
	g_assert_cmpuint(bdev_layer_list(f->layer)->len, ==, 0);
}

/* --- delay ------------------------------------------------------------------------------- */

static void test_delay(struct fixture *f, gconstpointer data)
{
	const uint64_t latency[BDEV_LATENCY_COUNT] = { 1 * MS, 9 * MS, 3 * MS, 3 * MS };
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t[200] = { 0 }, w = { 0 };
	uint64_t start = f->fake->now;
	unsigned done = 0;
	char block[BS];

	(void)data;
	rig_open(&rig, f, bdev_delay_create(f->layer, "upper", "base", latency, NULL, NULL));
	fake_core_run(f->core);
	for (unsigned i = 0; i < 200; i++)
		test_io_submit(&t[i], rig.ch[0], BDEV_READ, 0, 1, 0, block);
	test_io_submit(&w, rig.ch[0], BDEV_FLUSH, 0, 0, 0, NULL);
	fake_core_run(f->core);
	g_assert_cmpuint(rig.base->stats[0]->op[BDEV_READ].ops, ==, 200);
	g_assert_cmpuint(t[0].done, ==, 0);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(f->fake->now - start, ==, 1 * MS);
	for (unsigned i = 0; i < 200; i++)
		done += t[i].done;
	g_assert_cmpuint(done, ==, 198);
	g_assert_cmpuint(w.done, ==, 0);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(f->fake->now - start, ==, 3 * MS);
	g_assert_cmpuint(w.done, ==, 1);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(f->fake->now - start, ==, 9 * MS);
	g_assert_cmpuint(t[99].done + t[199].done, ==, 2);
	g_assert_cmpuint(rig.upper->stats[0]->op[BDEV_READ].max, ==, 9 * MS);
	g_assert_cmpuint(rig.upper->stats[0]->op[BDEV_READ].min, ==, 1 * MS);
	g_assert_cmpuint(rig.upper->stats[0]->op[BDEV_READ].ticks, ==, (198 + 18) * MS);

	EXPECT_ERROR(bdev_delay_set_latency(rig.upper, BDEV_AVG_READ, 10 * MS, &error), -EINVAL);
	EXPECT_ERROR(bdev_delay_set_latency(rig.upper, BDEV_P99_WRITE, MS, &error), -EINVAL);
	g_assert_true(bdev_delay_set_latency(rig.upper, BDEV_AVG_READ, 0, NULL));
	g_assert_cmpuint(bdev_delay_latency(rig.upper, BDEV_AVG_READ), ==, 0);
	g_assert_cmpuint(test_io_run(f, &t[0], rig.ch[0], BDEV_READ, 0, 1, 0, block), ==, 0);
	rig_close(&rig);
}

/* What DLFEAT says: what base does is what all above it do. */
static void test_unmap_zeroes(struct fixture *f, gconstpointer data)
{
	(void)data;
	for (unsigned i = 0; i < 3; i++) {
		struct rig rig = { .base = base_new(f, i == 0) };
		struct bdev *upper[3];

		g_assert_true(rig.base->unmap_zeroes);
		rig.base->unmap_zeroes = i < 2;
		upper[0] = bdev_passthru_create(f->layer, "p", "base", NULL, NULL);
		upper[1] = bdev_delay_create(f->layer, "d", "p", no_latency, NULL, NULL);
		upper[2] = bdev_error_create(f->layer, "d", NULL, NULL);
		for (unsigned k = 0; k < 3; k++)
			g_assert_cmpint(upper[k]->unmap_zeroes, ==, i < 2);
		rig_open(&rig, f, upper[2]);
		bdev_unregister(upper[2], fixture_removed, &rig.upper_gone);
		fake_core_run(f->core);
		bdev_unregister(upper[1], NULL, NULL);
		bdev_unregister(upper[0], NULL, NULL);
		fake_core_run(f->core);
		bdev_unregister(rig.base, fixture_removed, &rig.base_gone);
		fake_core_run(f->core);
		g_assert_true(rig.upper_gone && rig.base_gone);
	}
}

/* What is delayed ends when it is aborted, once, and at the latest when the bdev goes. */
static void test_delay_ends(struct fixture *f, gconstpointer data)
{
	const uint64_t latency[BDEV_LATENCY_COUNT] = { 1000 * MS, 1000 * MS, 1000 * MS, 1000 * MS };
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t[4] = { 0 };

	(void)data;
	rig_open(&rig, f, bdev_delay_create(f->layer, "upper", "base", latency, NULL, NULL));
	for (unsigned i = 0; i < 4; i++)
		test_io_submit(&t[i], rig.ch[0], BDEV_FLUSH, 0, 0, 0, NULL);
	/* base is not done yet: it cannot be had */
	g_assert_false(bdev_io_abort(&t[0].io));
	fake_core_run(f->core);
	g_assert_true(bdev_io_abort(&t[2].io));
	g_assert_false(bdev_io_abort(&t[2].io));
	fake_core_run(f->core);
	g_assert_cmpuint(t[2].done, ==, 1);
	g_assert_false(bdev_io_abort(&t[2].io));
	g_assert_cmpuint(t[0].done + t[1].done + t[3].done, ==, 0);
	rig_close(&rig);
	for (unsigned i = 0; i < 4; i++)
		g_assert_cmpuint(t[i].done, ==, 1);
	g_assert_false(fake_core_step(f->core)); /* no timer is left */
}

/* --- error ------------------------------------------------------------------------------- */

static void inject(struct rig *rig, enum bdev_error_type type, uint32_t ops, uint32_t num,
		   uint64_t qd)
{
	const struct bdev_injection in = {
		.type = type,
		.ops = ops,
		.num = num,
		.queue_depth = qd,
		.status = NVME_SC_WRITE_FAULT | NVME_DNR,
		.offset = 5,
		.value = 0x80,
	};

	g_assert_true(bdev_error_inject(rig->upper, &in, NULL));
	fake_core_run(rig->f->core);
}

static void test_error_status(struct fixture *f, gconstpointer data)
{
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t = { 0 }, deep[3] = { 0 };
	char block[BS] = { 0 };

	(void)data;
	rig_open(&rig, f, bdev_error_create(f->layer, "base", NULL, NULL));
	g_assert_cmpstr(rig.upper->name, ==, "EE_base");
	inject(&rig, BDEV_ERROR_FAILURE, 1u << BDEV_READ, 2, 0);
	for (unsigned i = 0; i < 3; i++)
		g_assert_cmpuint(test_io_run(f, &t, rig.ch[i & 1], BDEV_READ, 0, 1, 0, block), ==,
				 i < 2 ? NVME_SC_INTERNAL_ERROR : 0);
	g_assert_cmpuint(rig.upper->stats[0]->errors[BDEV_E_FAILED], ==, 1);
	inject(&rig, BDEV_ERROR_NVME, ~0u, UINT32_MAX, 0);
	for (unsigned i = 0; i < 3; i++)
		g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_FLUSH, 0, 0, 0, NULL), ==,
				 NVME_SC_WRITE_FAULT | NVME_DNR);
	inject(&rig, BDEV_ERROR_NONE, ~0u, 1, 0);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_FLUSH, 0, 0, 0, NULL), ==, 0);
	/* only where at least two are under way */
	inject(&rig, BDEV_ERROR_FAILURE, 1u << BDEV_WRITE, UINT32_MAX, 2);
	for (unsigned i = 0; i < 3; i++)
		test_io_submit(&deep[i], rig.ch[1], BDEV_WRITE, i, 1, 0, block);
	fake_core_run(f->core);
	g_assert_cmpuint(deep[0].io.status, ==, 0);
	g_assert_cmpuint(deep[1].io.status, ==, NVME_SC_INTERNAL_ERROR);
	g_assert_cmpuint(deep[2].io.status, ==, NVME_SC_INTERNAL_ERROR);
	EXPECT_ERROR(bdev_error_inject(rig.upper,
				       &(struct bdev_injection){
					       .type = BDEV_ERROR_CORRUPT, .num = 1, .ops = 1 },
				       &error),
		     -EINVAL);
	EXPECT_ERROR(bdev_error_inject(rig.upper,
				       &(struct bdev_injection){ .type = BDEV_ERROR_CORRUPT,
								 .num = 1,
								 .offset = UINT64_MAX,
								 .value = 1,
								 .ops = 1 },
				       &error),
		     -EINVAL);
	EXPECT_ERROR(bdev_error_inject(
			     rig.upper,
			     &(struct bdev_injection){ .type = BDEV_ERROR_NVME, .ops = 1 }, &error),
		     -EINVAL);
	rig_close(&rig);
}

static void test_corrupt(struct fixture *f, gconstpointer data)
{
	struct rig rig = { .base = base_new(f, false) };
	struct test_io t = { 0 };
	char in[BS], out[BS];

	(void)data;
	rig_open(&rig, f, bdev_error_create(f->layer, "base", NULL, NULL));
	memset(in, 1, BS);
	inject(&rig, BDEV_ERROR_CORRUPT, 1u << BDEV_WRITE, 1, 0);
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_WRITE, 0, 1, 0, in), ==, 0);
	g_assert_cmpint(in[5], ==, 1); /* given back as it was */
	g_assert_cmpuint(test_io_run(f, &t, rig.ch[0], BDEV_READ, 0, 1, 0, out), ==, 0);
	g_assert_cmpint((uint8_t)out[5], ==, 0x81);
	g_assert_cmpint(out[4], ==, 1);
	inject(&rig, BDEV_ERROR_CORRUPT, 1u << BDEV_READ, 1, 0);
	for (unsigned i = 0; i < 2; i++) {
		g_assert_cmpuint(test_io_run(f, &t, rig.ch[1], BDEV_READ, 0, 1, 0, out), ==, 0);
		g_assert_cmpint((uint8_t)out[5], ==, i == 0 ? 1 : 0x81);
	}
	rig_close(&rig);
}

static void resumed(void *arg)
{
	*(bool *)arg = true;
}

static void test_pending(struct fixture *f, gconstpointer data)
{
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t[6] = { 0 };
	bool answered = false;
	char block[BS] = { 0 };

	(void)data;
	rig_open(&rig, f, bdev_error_create(f->layer, "base", NULL, NULL));
	inject(&rig, BDEV_ERROR_PENDING, 1u << BDEV_WRITE, 5, 0);
	for (unsigned i = 0; i < 6; i++)
		test_io_submit(&t[i], rig.ch[i / 3], BDEV_WRITE, i, 1, 0, block);
	fake_core_run(f->core);
	for (unsigned i = 0; i < 6; i++)
		g_assert_cmpuint(t[i].done, ==, i == 5);
	g_assert_true(bdev_io_abort(&t[1].io));
	fake_core_run(f->core);
	g_assert_cmpuint(t[1].io.status, ==, NVME_SC_ABORT_REQUESTED);
	bdev_error_resume(rig.upper, resumed, &answered);
	fake_core_run(f->core);
	g_assert_true(answered);
	for (unsigned i = 0; i < 6; i++) {
		g_assert_cmpuint(t[i].done, ==, 1);
		g_assert_cmpuint(t[i].io.status, ==, i == 1 ? NVME_SC_ABORT_REQUESTED : 0);
	}
	/* pending for ever: ends when the bdev goes, as does what comes then */
	inject(&rig, BDEV_ERROR_PENDING, ~0u, UINT32_MAX, 0);
	test_io_submit(&t[0], rig.ch[0], BDEV_WRITE, 0, 1, 0, block);
	test_io_submit(&t[1], rig.ch[1], BDEV_FLUSH, 0, 0, 0, NULL);
	bdev_channel_hurry(rig.ch[1]);
	g_assert_cmpuint(test_io_run(f, &t[2], rig.ch[1], BDEV_FLUSH, 0, 0, 0, NULL), ==,
			 NVME_SC_INTERNAL_ERROR);
	rig_close(&rig);
	g_assert_cmpuint(t[0].io.status, ==, NVME_SC_INTERNAL_ERROR);
	g_assert_cmpuint(t[1].io.status, ==, NVME_SC_INTERNAL_ERROR);
}

static void test_no_memory(struct fixture *f, gconstpointer data)
{
	struct rig rig = { .base = base_new(f, true) };
	struct test_io t[3] = { 0 };
	char block[BS] = { 0 };

	(void)data;
	rig_open(&rig, f, bdev_error_create(f->layer, "base", NULL, NULL));
	inject(&rig, BDEV_ERROR_NOMEM, 1u << BDEV_READ, 2, 0);
	test_io_submit(&t[0], rig.ch[0], BDEV_READ, 0, 1, 0, block);
	fake_core_run(f->core);
	g_assert_cmpuint(t[0].done, ==, 0);
	g_assert_true(fake_core_step(f->core)); /* once more in vain */
	g_assert_cmpuint(t[0].done, ==, 0);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(t[0].done, ==, 1);
	g_assert_cmpuint(t[0].io.status, ==, 0);
	inject(&rig, BDEV_ERROR_NOMEM, 1u << BDEV_READ, 3, 0);
	for (unsigned i = 0; i < 3; i++)
		test_io_submit(&t[i], rig.ch[0], BDEV_READ, 0, 1, 0, block);
	g_assert_true(bdev_io_abort(&t[2].io));
	rig_close(&rig);
	g_assert_cmpuint(t[0].io.status, ==, 0);
	g_assert_cmpuint(t[2].io.status, ==, NVME_SC_ABORT_REQUESTED);
}

/* Three on top of each other: each layer has its turn, both ways. */
static void test_tower(struct fixture *f, gconstpointer data)
{
	const uint64_t latency[BDEV_LATENCY_COUNT] = { MS, MS, MS, MS };
	struct rig rig = { .base = base_new(f, false) };
	struct bdev *error_bdev = bdev_error_create(f->layer, "base", NULL, NULL);
	struct test_io t = { 0 };
	char block[BS] = { 0 };

	(void)data;
	g_assert_nonnull(bdev_delay_create(f->layer, "d", "EE_base", latency, NULL, NULL));
	rig_open(&rig, f, bdev_passthru_create(f->layer, "p", "d", NULL, NULL));
	rig.upper = error_bdev;
	inject(&rig, BDEV_ERROR_FAILURE, 1u << BDEV_WRITE, 1, 0);
	test_io_submit(&t, rig.ch[0], BDEV_WRITE, 0, 1, 0, block);
	fake_core_run(f->core);
	g_assert_cmpuint(t.done, ==, 0);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(t.done, ==, 1);
	g_assert_cmpuint(t.io.status, ==, NVME_SC_INTERNAL_ERROR);
	inject(&rig, BDEV_ERROR_PENDING, ~0u, 2, 0);
	test_io_submit(&t, rig.ch[0], BDEV_WRITE, 0, 1, 0, block);
	g_assert_true(bdev_io_abort(&t.io)); /* found where it is */
	fake_core_run(f->core);
	g_assert_true(fake_core_step(f->core));
	g_assert_cmpuint(t.done, ==, 1);
	g_assert_cmpuint(t.io.status, ==, NVME_SC_ABORT_REQUESTED);
	test_io_submit(&t, rig.ch[0], BDEV_WRITE, 0, 1, 0, block);
	rig_close(&rig); /* the middle goes: what is above goes with it */
	g_assert_cmpuint(t.done, ==, 1);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(struct fixture *f, gconstpointer data);
		const void *data;
	} tests[] = {
		{ "/bdev-stack/through/passthru", test_through, "passthru" },
		{ "/bdev-stack/through/delay", test_through, "delay" },
		{ "/bdev-stack/through/error", test_through, "error" },
		{ "/bdev-stack/base-removed/passthru", test_base_removed, "passthru" },
		{ "/bdev-stack/base-removed/delay", test_base_removed, "delay" },
		{ "/bdev-stack/base-removed/error", test_base_removed, "error" },
		{ "/bdev-stack/base-resized/passthru", test_base_resized, "passthru" },
		{ "/bdev-stack/base-resized/delay", test_base_resized, "delay" },
		{ "/bdev-stack/base-resized/error", test_base_resized, "error" },
		{ "/bdev-stack/refused", test_refused, NULL },
		{ "/bdev-stack/unmap-zeroes", test_unmap_zeroes, NULL },
		{ "/bdev-stack/delay", test_delay, NULL },
		{ "/bdev-stack/delay-ends", test_delay_ends, NULL },
		{ "/bdev-stack/error-status", test_error_status, NULL },
		{ "/bdev-stack/corrupt", test_corrupt, NULL },
		{ "/bdev-stack/pending", test_pending, NULL },
		{ "/bdev-stack/no-memory", test_no_memory, NULL },
		{ "/bdev-stack/tower", test_tower, NULL },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct fixture, tests[i].data, fixture_set_up,
			   tests[i].fn, fixture_tear_down);
	return g_test_run();
}
