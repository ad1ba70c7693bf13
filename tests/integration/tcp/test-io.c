/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every I/O command beside Read and Write, field by field: what it does to the
 * blocks, its limits to the block, each error. On a bdev whose memory is shown
 * (namespace 1) and on one that is read into buffers (2); blocks of 512 bytes.
 * Fused pairs in every order of arrival, and on two reactors at once.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"

#define LIMIT (5 * WORLD_SEC)
#define BLOCKS 131072u
#define BS 512u
#define DNR 0x4000
#define FUSE_FAILED 0x009
#define FUSE_MISSING 0x00a

struct env {
	struct fx *fx;
	struct core *core;
	struct raw *admin, *r;
	uint16_t cntlid, cid;
	uint64_t dw01;
	unsigned connections;
	uint8_t *memory[3]; /* by nsid */
};

static struct env *env_new(void)
{
	static const char *const names[] = { "Malloc0", "Malloc1" };
	struct env *e = g_new0(struct env, 1);
	const struct nvmf_ns_options ns = { .bdev_name = "Malloc1", .nsid = 2 };

	e->fx = fx_new(7, 2);
	fx_config_default(e->fx, BLOCKS);
	g_assert_nonnull(
		bdev_malloc_create(e->fx->target->bdevs, "Malloc1", BLOCKS, BS, NULL, NULL));
	for (unsigned i = 0; i < 2; i++)
		e->memory[i + 1] = raw_memory(e->fx, names[i]);
	bdev_find(e->fx->target->bdevs, "Malloc1")->can_place = false;
	fx_begin(e->fx);
	nvmf_subsystem_add_ns(nvmf_subsystem_find(e->fx->target->nvmf, FX_NQN), &ns, NULL, fx_done,
			      e->fx);
	fx_wait(e->fx, LIMIT);
	e->core = fx_host_new(e->fx, 1)->core;
	e->admin = raw_admin(e->fx, e->core, false, false, 0, &e->cntlid);
	e->r = raw_io(e->fx, e->core, false, false, e->cntlid, 1, 31);
	return e;
}

static void env_free(struct env *e)
{
	raw_free(e->r);
	raw_free(e->admin);
	raw_settle(e->fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	fx_free(e->fx);
	g_free(e);
}

/* An SQE with dwords 10 and 11 an LBA; data of len bytes to come. */
static void make(struct env *e, uint8_t *sqe, uint8_t opcode, uint32_t nsid, uint64_t lba,
		 uint32_t cdw12, uint32_t len)
{
	raw_sqe(sqe, opcode, ++e->cid, nsid,
		len == 0 ? SGL_NONE : (len <= 4096 ? SGL_INCAPSULE : SGL_TRANSPORT), len);
	raw_put(sqe, 40, 8, lba);
	raw_put(sqe, 48, 4, cdw12);
}

struct answer {
	struct raw *r;
	uint16_t cid;
};

static bool no_r2t(void *arg)
{
	const struct answer *a = arg;

	return raw_last(a->r, R2T) == NULL && raw_response(a->r, a->cid) == NULL && !a->r->closed;
}

/* Gives the data that the R2T asks for. */
static void give(struct env *e, struct raw *r, uint16_t cid, const void *data, uint32_t len)
{
	struct answer a = { r, cid };
	uint16_t ttag;

	g_assert_true(world_run_while(e->fx->world, no_r2t, &a, LIMIT));
	if (raw_last(r, R2T) == NULL)
		return;
	ttag = (uint16_t)raw_get(raw_last(r, R2T), 10, 2);
	g_assert_cmpuint(raw_get(raw_last(r, R2T), 16, 4), ==, len);
	raw_send_bytes(r, raw_h2c(r, cid, ttag, 0, data, len, true));
}

static bool no_response(void *arg)
{
	const struct answer *a = arg;

	return raw_response(a->r, a->cid) == NULL && !a->r->closed;
}

static uint16_t response(struct env *e, struct raw *r, uint16_t cid)
{
	struct answer a = { r, cid };

	g_assert_true(world_run_while(e->fx->world, no_response, &a, LIMIT));
	g_assert_false(r->closed);
	e->dw01 = raw_get(raw_response(r, cid), 8, 8);
	return (uint16_t)(raw_get(raw_response(r, cid), 22, 2) >> 1);
}

static uint16_t run(struct env *e, const uint8_t *sqe, const void *data, uint32_t len)
{
	bool in_capsule = len <= 4096;
	uint16_t status;

	raw_forget(e->r);
	raw_send_bytes(e->r,
		       raw_capsule(e->r, sqe, in_capsule ? data : NULL, in_capsule ? len : 0));
	if (!in_capsule)
		give(e, e->r, e->cid, data, len);
	status = response(e, e->r, e->cid);
	raw_forget(e->r);
	return status;
}

static uint16_t io(struct env *e, uint8_t opcode, uint32_t nsid, uint64_t lba, uint32_t cdw12,
		   const void *data, uint32_t len)
{
	uint8_t sqe[64];

	make(e, sqe, opcode, nsid, lba, cdw12, len);
	return run(e, sqe, data, len);
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
}

/* --- Compare, Verify, Write Uncorrectable ---------------------------------------------------- */

static void test_compare(void)
{
	static const uint32_t counts[] = { 1, 2, 8, 127, 128, 129, 256 };
	g_autofree uint8_t *data = g_malloc(131072 + BS);
	struct env *e = env_new();

	for (uint32_t nsid = 1; nsid <= 2; nsid++) {
		fill(e->memory[nsid], (size_t)BLOCKS * BS, nsid);
		for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
			uint32_t n = counts[i], len = n * BS;
			uint64_t lba = i % 2 ? BLOCKS - n : 5 * i;

			memcpy(data, e->memory[nsid] + lba * BS, len);
			g_assert_cmphex(io(e, 5, nsid, lba, n - 1, data, len), ==, 0);
			for (uint32_t at = 0; at < len; at += MAX(len - 1, 1)) {
				data[at] ^= 0x10;
				g_assert_cmphex(io(e, 5, nsid, lba, n - 1, data, len), ==,
						DNR | 0x285);
				data[at] ^= 0x10;
			}
			/* the data is one block too long, or too short */
			g_assert_cmphex(io(e, 5, nsid, 0, n, data, len), ==,
					n == 256 ? DNR | 0x02 : DNR | 0x0f);
			if (n > 1)
				g_assert_cmphex(io(e, 5, nsid, 0, n - 2, data, len), ==,
						DNR | 0x0f);
			g_assert_cmphex(io(e, 5, nsid, BLOCKS - n + 1, n - 1, data, len), ==,
					DNR | 0x80);
			g_assert_cmphex(io(e, 5, nsid, UINT64_MAX, n - 1, data, len), ==,
					DNR | 0x80);
		}
		g_assert_cmphex(io(e, 5, nsid + 2, 0, 0, data, BS), ==, DNR | 0x0b);
	}
	env_free(e);
}

static void test_verify(void)
{
	static const uint32_t counts[] = { 1, 128, 129, 4097, 65536 };
	struct env *e = env_new();
	uint8_t block[BS] = { 0 };

	for (uint32_t nsid = 1; nsid <= 2; nsid++) {
		for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
			uint32_t n = counts[i];

			g_assert_cmphex(io(e, 0x0c, nsid, BLOCKS - n, n - 1, NULL, 0), ==, 0);
			g_assert_cmphex(io(e, 0x0c, nsid, BLOCKS - n + 1, n - 1, NULL, 0), ==,
					DNR | 0x80);
			/* Lost blocks, the last one looked at among them, until written. */
			g_assert_cmphex(io(e, 0x04, nsid, BLOCKS - 1, 0, NULL, 0), ==, 0);
			g_assert_cmphex(io(e, 0x0c, nsid, BLOCKS - n, n - 1, NULL, 0), ==,
					DNR | 0x281);
			g_assert_cmphex(io(e, 0x05, nsid, BLOCKS - 1, 0, block, BS), ==,
					DNR | 0x281);
			g_assert_cmphex(io(e, 0x01, nsid, BLOCKS - 1, 0, block, BS), ==, 0);
			g_assert_cmphex(io(e, 0x05, nsid, BLOCKS - 1, 0, block, BS), ==, 0);
		}
		g_assert_cmphex(io(e, 0x0c, nsid, UINT64_MAX - 1, 1, NULL, 0), ==, DNR | 0x80);
		g_assert_cmphex(io(e, 0x04, nsid, BLOCKS - 1, 1, NULL, 0), ==, DNR | 0x80);
	}
	env_free(e);
}

/* --- Write Zeroes, Dataset Management, Flush ----------------------------------------------------
 */

static bool is(const uint8_t *p, uint8_t value, size_t len)
{
	return p[0] == value && memcmp(p, p + 1, len - 1) == 0;
}

static void test_zeroes(void)
{
	struct env *e = env_new();

	for (uint32_t flags = 0; flags < 2; flags++) {
		uint32_t dw = flags ? 1u << 25 | 1u << 30 : 0; /* DEAC, FUA */
		uint8_t *m = e->memory[1];

		memset(m, 9, (size_t)BLOCKS * BS);
		g_assert_cmphex(io(e, 8, 1, 1, dw | 65535, NULL, 0), ==, 0);
		g_assert_true(is(m, 9, BS) && is(m + BS, 0, 65536 * (size_t)BS));
		g_assert_true(is(m + 65537 * (size_t)BS, 9, (BLOCKS - 65537) * (size_t)BS));
		g_assert_cmphex(io(e, 8, 1, BLOCKS - 65536, dw | 65535, NULL, 0), ==, 0);
		g_assert_cmphex(io(e, 8, 1, BLOCKS - 65535, dw | 65535, NULL, 0), ==, DNR | 0x80);
		g_assert_cmphex(io(e, 8, 1, UINT64_MAX - 65534, dw | 65535, NULL, 0), ==,
				DNR | 0x80);
		g_assert_cmphex(io(e, 8, 1, BLOCKS, dw, NULL, 0), ==, DNR | 0x80);
	}
	/* Flush: of one, of all, of none */
	g_assert_cmphex(io(e, 0, 1, 0, 0, NULL, 0), ==, 0);
	g_assert_cmphex(io(e, 0, 0xffffffff, 0, 0, NULL, 0), ==, 0);
	g_assert_cmphex(io(e, 0, 3, 0, 0, NULL, 0), ==, DNR | 0x0b);
	g_assert_cmphex(io(e, 0, 0, 0, 0, NULL, 0), ==, DNR | 0x0b);
	g_assert_cmphex(io(e, 8, 0xffffffff, 0, 0, NULL, 0), ==, DNR | 0x0b);
	/* What nobody knows is that before its namespace is looked at. */
	g_assert_cmphex(io(e, 0x88, 77, 0, 0, NULL, 0), ==, DNR | 0x01);
	g_assert_cmphex(io(e, 0x0d, 1, 0, 0, NULL, 0), ==, DNR | 0x01);
	env_free(e);
}

static uint16_t dsm(struct env *e, const uint8_t *ranges, uint32_t n, uint32_t attributes,
		    uint32_t len)
{
	uint8_t sqe[64];

	make(e, sqe, 9, 1, n - 1, 0, len);
	raw_put(sqe, 44, 4, attributes);
	return run(e, sqe, ranges, len);
}

static void test_dsm(void)
{
	struct env *e = env_new();
	uint8_t ranges[256 * 16] = { 0 }, *m = e->memory[1];

	memset(m, 9, (size_t)BLOCKS * BS);
	for (unsigned i = 0; i < 256; i++) {
		raw_put(ranges + i * 16, 0, 4, i * 0x01010101u); /* hints */
		raw_put(ranges + i * 16, 4, 4, i % 3);
		raw_put(ranges + i * 16, 8, 8, i == 255 ? BLOCKS : i * 4);
	}
	g_assert_cmphex(dsm(e, ranges, 256, 3, sizeof(ranges)), ==, 0); /* only hints */
	g_assert_true(is(m, 9, (size_t)BLOCKS * BS));
	/* one is out of range: none is done */
	raw_put(ranges + 255 * 16, 4, 4, 1);
	g_assert_cmphex(dsm(e, ranges, 256, 4, sizeof(ranges)), ==, DNR | 0x80);
	g_assert_true(is(m, 9, (size_t)BLOCKS * BS));
	raw_put(ranges + 255 * 16, 8, 8, BLOCKS - 1);
	g_assert_cmphex(dsm(e, ranges, 256, 4, sizeof(ranges) - 16), ==, DNR | 0x0f);
	g_assert_cmphex(dsm(e, ranges, 256, 4, sizeof(ranges)), ==, 0);
	for (unsigned i = 0; i < 255; i++) {
		uint8_t *p = m + (size_t)i * 4 * BS;

		g_assert_true(i % 3 == 0 || is(p, 0, i % 3 * (size_t)BS));
		g_assert_true(is(p + i % 3 * (size_t)BS, 9, (4 - i % 3) * (size_t)BS));
	}
	g_assert_true(is(m + (BLOCKS - 1) * (size_t)BS, 0, BS));
	/* As Linux does: one range in a page of data. All of the namespace. */
	raw_put(ranges, 4, 4, BLOCKS);
	raw_put(ranges, 8, 8, 0);
	g_assert_cmphex(dsm(e, ranges, 1, 4, sizeof(ranges)), ==, 0);
	g_assert_true(is(m, 0, (size_t)BLOCKS * BS));
	raw_put(ranges, 4, 4, UINT32_MAX);
	g_assert_cmphex(dsm(e, ranges, 1, 4, 16), ==, DNR | 0x80);
	raw_put(ranges, 8, 8, UINT64_MAX);
	g_assert_cmphex(dsm(e, ranges, 1, 4, 16), ==, DNR | 0x80);
	env_free(e);
}

/* --- Copy
 * ------------------------------------------------------------------------------------------ */

static void source(uint8_t *ranges, unsigned i, uint64_t lba, uint32_t blocks)
{
	memset(ranges + i * 32, 0, 32);
	raw_put(ranges + i * 32, 8, 8, lba);
	raw_put(ranges + i * 32, 16, 2, blocks - 1);
}

static uint16_t copy(struct env *e, uint32_t nsid, uint64_t to, uint32_t n, const uint8_t *ranges,
		     uint32_t dw12)
{
	return io(e, 0x19, nsid, to, dw12 | (n - 1), ranges, n * 32);
}

static void test_copy(void)
{
	struct env *e = env_new();
	uint8_t ranges[17 * 32];

	for (uint32_t nsid = 1; nsid <= 2; nsid++) {
		uint8_t *m = e->memory[nsid];

		fill(m, (size_t)BLOCKS * BS, nsid);
		source(ranges, 0, 100, 1);
		source(ranges, 1, 1000, 2048);
		source(ranges, 2, 999, 129);
		source(ranges, 3, 0, 5);
		g_assert_cmphex(copy(e, nsid, 65536, 4, ranges, 1u << 30), ==, 0);
		g_assert_cmpmem(m + 65536 * BS, BS, m + 100 * BS, BS);
		g_assert_cmpmem(m + 65537 * BS, 2048 * BS, m + 1000 * BS, 2048 * BS);
		g_assert_cmpmem(m + 67585 * BS, 129 * BS, m + 999 * BS, 129 * BS);
		g_assert_cmpmem(m + 67714 * BS, 5 * BS, m, 5 * BS);
		/* limits: a range, all of them, their number */
		source(ranges, 1, 1000, 2049);
		g_assert_cmphex(copy(e, nsid, 65536, 4, ranges, 0), ==, DNR | 0x183);
		g_assert_cmpuint(e->dw01, ==, 1);
		for (unsigned i = 0; i < 17; i++)
			source(ranges, i, i * 2048, 2048);
		g_assert_cmphex(copy(e, nsid, BLOCKS - 8192, 4, ranges, 0), ==, 0);
		g_assert_cmphex(copy(e, nsid, BLOCKS - 8191, 4, ranges, 0), ==, DNR | 0x80);
		g_assert_cmphex(copy(e, nsid, 65536, 5, ranges, 0), ==, DNR | 0x183);
		g_assert_cmpuint(e->dw01, ==, 4);
		for (unsigned i = 0; i < 17; i++)
			source(ranges, i, i, 1);
		g_assert_cmphex(copy(e, nsid, 65536, 16, ranges, 0), ==, 0);
		g_assert_cmphex(copy(e, nsid, 65536, 17, ranges, 0), ==, DNR | 0x183);
		g_assert_cmphex(copy(e, nsid, 65536, 1, ranges, 1u << 8), ==, DNR | 0x02);
		source(ranges, 2, BLOCKS - 1, 2);
		g_assert_cmphex(copy(e, nsid, 65536, 3, ranges, 0), ==, DNR | 0x80);
		g_assert_cmpuint(e->dw01, ==, 2);
		/* lost blocks: ranges before that are copied */
		g_assert_cmphex(io(e, 0x04, nsid, 7, 0, NULL, 0), ==, 0);
		source(ranges, 2, 5, 3);
		memset(m + 70000 * BS, 9, 10 * BS);
		g_assert_cmphex(copy(e, nsid, 70000, 3, ranges, 0), ==, DNR | 0x281);
		g_assert_cmpuint(e->dw01, ==, 2);
		g_assert_cmpmem(m + 70000 * BS, 2 * BS, m, 2 * BS);
		g_assert_true(is(m + 70002 * BS, 9, 8 * BS));
		/* short of one descriptor */
		g_assert_cmphex(io(e, 0x19, nsid, 70000, 2, ranges, 64), ==, DNR | 0x0f);
		/* no lock is left: writes to sources and destination go */
		g_assert_cmphex(io(e, 8, nsid, 0, 65535, NULL, 0), ==, 0);
		g_assert_cmphex(io(e, 8, nsid, 65536, 65535, NULL, 0), ==, 0);
	}
	env_free(e);
}

/* --- fused
 * ------------------------------------------------------------------------------------------- */

/* Sends one half, its data in the capsule. */
static uint16_t send_half(struct env *e, struct raw *r, unsigned fuse, uint8_t opcode,
			  uint32_t nsid, uint64_t lba, uint32_t blocks, const void *data)
{
	uint8_t sqe[64];

	make(e, sqe, opcode, nsid, lba, blocks - 1, data != NULL ? blocks * BS : 0);
	sqe[1] |= (uint8_t)fuse;
	raw_send_bytes(r, raw_capsule(r, sqe, data, data != NULL ? blocks * BS : 0));
	return e->cid;
}

static void pair(struct env *e, uint32_t nsid, uint64_t lba, uint32_t blocks, const void *old,
		 const void *new, uint16_t first, uint16_t second)
{
	uint16_t a = send_half(e, e->r, 1, 5, nsid, lba, blocks, old);
	uint16_t b = send_half(e, e->r, 2, 1, nsid, lba, blocks, new);

	g_assert_cmphex(response(e, e->r, a), ==, first);
	g_assert_cmphex(response(e, e->r, b), ==, second);
	raw_forget(e->r);
}

static void test_fused(void)
{
	struct env *e = env_new();
	uint8_t old[8 * BS] = { 0 }, new[8 * BS];

	memset(new, 7, sizeof(new));
	for (uint32_t nsid = 1; nsid <= 2; nsid++) {
		uint8_t *m = e->memory[nsid];

		for (uint32_t n = 1; n <= 8; n += 7) {
			uint64_t lba = BLOCKS - n;

			memset(m + lba * BS, 0, n * BS);
			pair(e, nsid, lba, n, old, new, 0, 0);
			g_assert_true(is(m + lba * BS, 7, n * BS));
			pair(e, nsid, lba, n, old, old, DNR | 0x285, FUSE_FAILED);
			g_assert_true(is(m + lba * BS, 7, n * BS));
			pair(e, nsid, lba, n, new, old, 0, 0);
			pair(e, nsid, lba + 1, n, old, new, FUSE_FAILED, DNR | 0x80);
			pair(e, nsid + 2, lba, n, old, new, FUSE_FAILED, DNR | 0x0b);
		}
		g_assert_cmphex(io(e, 8, nsid, 0, 65535, NULL, 0), ==, 0);
	}
	env_free(e);
}

/* Halves without the other, halves that do not fit, and a normal command between. */
static void test_fused_alone(void)
{
	struct env *e = env_new();
	uint8_t block[2 * BS] = { 0 };
	uint16_t cid[4];

	/* first, then a normal one */
	cid[0] = send_half(e, e->r, 1, 5, 1, 0, 1, block);
	cid[1] = send_half(e, e->r, 0, 1, 1, 0, 1, block);
	g_assert_cmphex(response(e, e->r, cid[0]), ==, FUSE_MISSING);
	g_assert_cmphex(response(e, e->r, cid[1]), ==, 0);
	/* second alone */
	cid[0] = send_half(e, e->r, 2, 1, 1, 0, 1, block);
	g_assert_cmphex(response(e, e->r, cid[0]), ==, FUSE_MISSING);
	/* first, first, second: the latter two are a pair */
	cid[0] = send_half(e, e->r, 1, 5, 1, 0, 1, block);
	cid[1] = send_half(e, e->r, 1, 5, 1, 1, 1, block);
	cid[2] = send_half(e, e->r, 2, 1, 1, 1, 1, block);
	g_assert_cmphex(response(e, e->r, cid[0]), ==, FUSE_MISSING);
	g_assert_cmphex(response(e, e->r, cid[1]), ==, 0);
	g_assert_cmphex(response(e, e->r, cid[2]), ==, 0);
	/* not the same blocks; not these commands; the reserved value */
	raw_forget(e->r);
	for (unsigned i = 0; i < 3; i++) {
		cid[0] = send_half(e, e->r, 1, i == 1 ? 1 : 5, 1, 0, 1, block);
		cid[1] = send_half(e, e->r, 2, 1, 1, i == 0, i == 2 ? 2 : 1, block);
		g_assert_cmphex(response(e, e->r, cid[0]), ==, FUSE_FAILED);
		g_assert_cmphex(response(e, e->r, cid[1]), ==, DNR | 0x02);
	}
	cid[0] = send_half(e, e->r, 3, 5, 1, 0, 1, block);
	g_assert_cmphex(response(e, e->r, cid[0]), ==, DNR | 0x02);
	/* the first half is no good by itself: a read's data in its capsule */
	cid[0] = send_half(e, e->r, 1, 2, 1, 0, 1, block);
	cid[1] = send_half(e, e->r, 2, 1, 1, 0, 1, block);
	g_assert_cmphex(response(e, e->r, cid[0]), ==, DNR | 0x11);
	g_assert_cmphex(response(e, e->r, cid[1]), ==, FUSE_FAILED);
	/* the second is: without any data */
	cid[0] = send_half(e, e->r, 1, 5, 1, 0, 1, block);
	cid[1] = send_half(e, e->r, 2, 1, 1, 0, 1, NULL);
	g_assert_cmphex(response(e, e->r, cid[1]), !=, 0);
	g_assert_cmphex(response(e, e->r, cid[0]), ==, FUSE_FAILED);
	env_free(e);
}

/* The data of one half, or of both, comes later than the other half. */
static void test_fused_data(void)
{
	struct env *e = env_new();
	uint8_t data[16 * BS] = { 0 }, sqe[64];

	for (unsigned how = 1; how < 4; how++) {
		uint16_t cid[2];

		raw_forget(e->r);
		for (unsigned i = 0; i < 2; i++) {
			bool later = how >> i & 1;

			make(e, sqe, i ? 1 : 5, 1, 50, 7, 8 * BS);
			sqe[1] |= (uint8_t)(i + 1);
			if (later) {
				raw_put(sqe, 24, 8, 0);
				sqe[39] = 0x5a;
			}
			cid[i] = e->cid;
			raw_send_bytes(e->r, raw_capsule(e->r, sqe, later ? NULL : data,
							 later ? 0 : 8 * BS));
		}
		world_run_for(e->fx->world, 10 * WORLD_MS);
		for (unsigned i = 2; i-- > 0;) {
			const uint8_t *r2t = NULL;

			if (!(how >> i & 1))
				continue;
			for (unsigned k = 0; k < e->r->pdus->len; k++) {
				const uint8_t *p = raw_pdu(e->r, k);

				if (p[0] == R2T && raw_get(p, 8, 2) == cid[i])
					r2t = p;
			}
			g_assert_nonnull(r2t);
			g_assert_null(raw_response(e->r, cid[0]));
			raw_send_bytes(e->r, raw_h2c(e->r, cid[i], (uint16_t)raw_get(r2t, 10, 2), 0,
						     data, 8 * BS, true));
			world_run_for(e->fx->world, 10 * WORLD_MS);
		}
		g_assert_cmphex(response(e, e->r, cid[0]), ==, 0);
		g_assert_cmphex(response(e, e->r, cid[1]), ==, 0);
	}
	env_free(e);
}

/*
 * Two queues on two reactors add one to the same block, each by a pair; a third
 * copies it elsewhere. Nothing is lost, and nobody waits for ever.
 */
static void test_fused_race(void)
{
	struct env *e = env_new();
	struct raw *q[2] = { e->r, raw_io(e->fx, e->core, false, false, e->cntlid, 2, 31) };
	uint64_t seen[2] = { 0 }, won = 0;
	uint8_t old[BS] = { 0 }, new[BS] = { 0 }, ranges[32];

	source(ranges, 0, 3, 1);
	for (unsigned round = 0; round < 200; round++) {
		uint16_t cid[2][2];
		uint8_t sqe[64];

		for (unsigned i = 0; i < 2; i++) {
			raw_put(old, 0, 8, seen[i]);
			raw_put(new, 0, 8, seen[i] + 1);
			cid[i][0] = send_half(e, q[i], 1, 5, 2, 3, 1, old);
			cid[i][1] = send_half(e, q[i], 2, 1, 2, 3, 1, new);
		}
		make(e, sqe, 0x19, 2, 3 + round % 2, 0, 32);
		raw_send_bytes(q[round / 2 % 2], raw_capsule(q[0], sqe, ranges, 32));
		g_assert_cmphex(response(e, q[round / 2 % 2], e->cid), ==, 0);
		for (unsigned i = 0; i < 2; i++) {
			uint16_t first = response(e, q[i], cid[i][0]);
			uint16_t second = response(e, q[i], cid[i][1]);

			g_assert_true(first == 0 || first == (DNR | 0x285));
			g_assert_cmphex(second, ==, first == 0 ? 0 : FUSE_FAILED);
			won += first == 0;
		}
		for (unsigned i = 0; i < 2; i++) {
			raw_forget(q[i]);
			seen[i] = raw_get(e->memory[2] + 3 * BS, 0, 8);
		}
		g_assert_cmpuint(won, ==, seen[0]);
	}
	g_assert_cmpuint(won, >=, 200);
	raw_free(q[1]);
	env_free(e);
}

/* --- what goes away meanwhile
 * ---------------------------------------------------------------------- */

static void remove_ns(struct env *e, uint32_t nsid)
{
	fx_begin(e->fx);
	nvmf_subsystem_remove_ns(nvmf_subsystem_find(e->fx->target->nvmf, FX_NQN), nsid, fx_done,
				 e->fx);
}

/*
 * Pairs and copies of two queues, and then the queue, the controller or the
 * namespace goes at any moment of it: the rest goes on, no lock stays.
 */
static void test_gone(void)
{
	uint8_t block[BS] = { 0 }, ranges[32], prop[64];

	source(ranges, 0, 0, 2048);
	for (unsigned how = 0; how < 3 * 24; how++) {
		struct env *e = env_new();
		struct raw *q = raw_io(e->fx, e->core, false, false, e->cntlid, 2, 31);
		unsigned before = raw_connections(e->fx);

		for (unsigned i = 0; i < 6; i++) {
			uint8_t sqe[64];

			send_half(e, i % 2 ? q : e->r, 1, 5, 2, 5, 1, block);
			send_half(e, i % 2 ? q : e->r, 2, 1, 2, 5, 1, block);
			make(e, sqe, 0x19, 2, 10, 0, 32);
			raw_send_bytes(i % 2 ? q : e->r, raw_capsule(q, sqe, ranges, 32));
		}
		send_half(e, q, 1, 5, 1, 5, 1, block); /* waits for its partner */
		world_run_for(e->fx->world, (how / 3) * (how / 3) * WORLD_US);
		if (how % 3 == 0) {
			raw_abort(q);
		} else if (how % 3 == 1) {
			raw_prop(prop, true, 900, 0x14, 4, 0x460000);
			g_assert_cmphex(raw_cmd(e->admin, prop, NULL, 0, NULL), ==, 0);
		} else {
			remove_ns(e, 2);
		}
		fx_wait(e->fx, LIMIT);
		world_run_for(e->fx->world, WORLD_SEC);
		g_assert_cmpuint(raw_connections(e->fx), ==,
				 how % 3 == 0 ? before - 1 : (how % 3 == 1 ? before - 2 : before));
		if (how % 3 == 0) {
			raw_forget(e->r);
			g_assert_cmphex(io(e, 8, 2, 0, 65535, NULL, 0), ==, 0);
		}
		raw_free(q);
		env_free(e);
	}
}

/* --- the error log
 * ------------------------------------------------------------------------------------ */

static void test_errors(void)
{
	struct env *e = env_new();
	uint8_t sqe[64], block[BS] = { 0 };
	const uint8_t *p;

	g_assert_cmphex(io(e, 1, 1, BLOCKS, 0, block, BS), ==, DNR | 0x80);
	g_assert_cmphex(io(e, 5, 1, 9, 1, block, BS), ==, DNR | 0x0f);
	world_run_for(e->fx->world, 10 * WORLD_MS);
	raw_sqe(sqe, 0x02, 77, 0xffffffff, SGL_TRANSPORT, 4096);
	raw_put(sqe, 40, 4, 1 | 1023u << 16);
	raw_forget(e->admin);
	raw_send_bytes(e->admin, raw_capsule(e->admin, sqe, NULL, 0));
	g_assert_true(raw_wait(e->admin, 2, LIMIT));
	p = raw_last(e->admin, C2HDATA) + 24;
	g_assert_cmpuint(raw_get(p, 0, 8), ==, 2);
	g_assert_cmphex(raw_get(p, 12, 2), ==, (DNR | 0x0f) << 1);
	g_assert_cmphex(raw_get(p, 14, 2), ==, 32); /* the SGL's length */
	g_assert_cmpuint(raw_get(p, 16, 8), ==, 9);
	g_assert_cmpuint(raw_get(p + 64, 0, 8), ==, 1);
	g_assert_cmpuint(raw_get(p + 64, 8, 2), ==, 1);
	g_assert_cmphex(raw_get(p + 64, 12, 2), ==, (DNR | 0x80) << 1);
	g_assert_cmphex(raw_get(p + 64, 14, 2), ==, 40); /* SLBA */
	g_assert_cmpuint(raw_get(p + 64, 16, 8), ==, BLOCKS);
	g_assert_cmpuint(raw_get(p + 64, 24, 4), ==, 1);
	env_free(e);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tcp/io/compare", test_compare);
	g_test_add_func("/tcp/io/verify", test_verify);
	g_test_add_func("/tcp/io/zeroes", test_zeroes);
	g_test_add_func("/tcp/io/dsm", test_dsm);
	g_test_add_func("/tcp/io/copy", test_copy);
	g_test_add_func("/tcp/io/fused", test_fused);
	g_test_add_func("/tcp/io/fused-alone", test_fused_alone);
	g_test_add_func("/tcp/io/fused-data", test_fused_data);
	g_test_add_func("/tcp/io/fused-race", test_fused_race);
	g_test_add_func("/tcp/io/gone", test_gone);
	g_test_add_func("/tcp/io/errors", test_errors);
	return g_test_run();
}
