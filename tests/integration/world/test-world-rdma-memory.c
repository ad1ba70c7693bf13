/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the host over RDMA: data in any number of pieces, that the RNIC reaches or not;
 * named by one descriptor, by lists as long as the target takes them, or copied; and nothing
 * of it is left to the target when a command is done.
 */
#include <string.h>

#include "hw/mem.h"
#include "target/core/error.h"
#include "tests/integration/world/rdma.h"

#define LIMIT (200 * WORLD_SEC)
#define PIECES 18
#define HALF 300000

/* --- what is seen of it --------------------------------------------------------------------- */

/* Between a host and its RNIC and world. */
static struct spy {
	struct hw_rnic rnic;
	struct hw_rnic_ops ops;
	struct hw_rnic *real;
	unsigned lists, binds, invalidated;
	bool scarce; /* of windows */
} spy;

static int spy_ctx_open(struct hw_rnic *rnic, struct reactor *r, struct rnic_ctx **out)
{
	(void)rnic;
	return spy.real->ops->ctx_open(spy.real, r, out);
}

static void spy_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	(void)rnic;
	spy.real->ops->watch(spy.real, ctx, w);
}

static void spy_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	(void)rnic;
	spy.real->ops->unwatch(spy.real, w);
}

static int spy_bind(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
		    uint32_t len, int access, uint64_t wr_id, unsigned send_flags)
{
	spy.binds++;
	return spy.real->ops->post_bind(qp, mw, mr, iova, len, access, wr_id, send_flags);
}

static int spy_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned flags)
{
	spy.invalidated++;
	return spy.real->ops->post_local_inv(qp, rkey, wr_id, flags);
}

static void spy_info(struct rnic_device *dev, struct rnic_info *info)
{
	spy.real->ops->device_info(dev, info);
	if (spy.scarce)
		info->attr.max_mw = 64 * 5; /* five of a queue are to spare */
}

/* Behind a command alone come its data, of a block at least, or a list of it. */
static int spy_send(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	for (const struct ibv_send_wr *w = wr; w != NULL; w = w->next)
		spy.lists += w->num_sge == 2 && w->sg_list[1].length <= 256;
	return spy.real->ops->post_send(qp, wr, bad);
}

static void spy_up(struct world_node *node, bool scarce)
{
	struct hw_rnic *real = world_node_hw(node)->rnic;

	spy = (struct spy){ .real = real, .ops = *real->ops, .scarce = scarce };
	spy.rnic.ops = &spy.ops;
	spy.ops.ctx_open = spy_ctx_open;
	spy.ops.watch = spy_watch;
	spy.ops.unwatch = spy_unwatch;
	spy.ops.post_bind = spy_bind;
	spy.ops.post_send = spy_send;
	spy.ops.post_local_inv = spy_local_inv;
	spy.ops.device_info = spy_info;
	world_rnic_wrap(node, &spy.rnic);
}

/* --- I/O ------------------------------------------------------------------------------------ */

struct tio {
	struct host_io io;
	struct iovec iov[PIECES];
	struct fx *fx;
};

static void tio_done(struct host_io *io)
{
	((struct tio *)io)->fx->waiting--;
}

/* len bytes at base, cut into n pieces; apart: they do not follow each other. */
static void tio_init(struct tio *t, struct fx *fx, uint8_t *base, uint32_t len, unsigned n,
		     bool apart)
{
	uint32_t piece = len / n;

	*t = (struct tio){ .fx = fx };
	for (unsigned i = 0; i < n; i++) {
		uint32_t this = i + 1 < n ? piece : len - piece * (n - 1);

		t->iov[i] = (struct iovec){ base + piece * i + (apart ? 4096 * i : 0), this };
	}
	t->io = (struct host_io){
		.done = tio_done, .iov = t->iov, .niov = (uint16_t)n, .nsid = 1, .blocks = len / 512
	};
}

static void tio_run(struct fx_host *h, struct tio *t, bool write)
{
	struct host_qpair *q = host_ctrlr_qpair(h->ctrlr, 0);

	fx_begin(t->fx);
	g_assert_cmpint(write ? host_write(q, &t->io) : host_read(q, &t->io), ==, 0);
	fx_wait(t->fx, LIMIT);
	g_assert_cmphex(t->io.status, ==, NVME_SUCCESS);
	g_assert_cmpuint(t->io.moved, ==, t->io.blocks * 512);
}

static uint8_t pattern(uint32_t i, uint32_t seed)
{
	return (uint8_t)(i * 7 + (i >> 8) + seed);
}

/* Writes from one place, reads to the other, as pieces of the same cut. */
static void write_read(struct fx_host *h, uint8_t *from, uint8_t *to, uint32_t len, unsigned n,
		       bool apart)
{
	struct tio w, r;
	uint32_t at = 0;

	tio_init(&w, h->fx, from, len, n, apart);
	tio_init(&r, h->fx, to, len, n, apart);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *p = w.iov[i].iov_base;

		for (size_t j = 0; j < w.iov[i].iov_len; j++)
			p[j] = pattern(at++, len + n);
	}
	tio_run(h, &w, true);
	tio_run(h, &r, false);
	at = 0;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = r.iov[i].iov_base;

		for (size_t j = 0; j < r.iov[i].iov_len; j++)
			g_assert_cmphex(p[j], ==, pattern(at++, len + n));
	}
}

struct kind {
	const char *name;
	const char *transport; /* options of the target's */
	bool windows, scarce;
	unsigned most;	  /* pieces that go in a list */
	uint32_t capsule; /* bytes of data in one */
};

static const struct kind kinds[] = {
	{ "windows", "", true, false, 16, 4096 },
	{ "regions", "", false, false, 16, 4096 },
	{ "scarce-windows", "", true, true, 6, 4096 },
	{ "short-lists", ",\"in_capsule_data_size\":64", true, false, 4, 64 },
	{ "no-lists", ",\"in_capsule_data_size\":0", true, false, 1, 0 },
};

struct run {
	const struct kind *kind;
	struct fx_host *h;
	struct mem_chunk *chunk;
	uint8_t *heap;
	unsigned lists, behind; /* that there should be, and their pieces but the first */
};

static void expect_list(struct run *r, unsigned n, bool in_capsule)
{
	if (n < 2 || n > r->kind->most || in_capsule)
		return;
	r->lists++;
	r->behind += n - 1;
}

static void run_pieces(struct run *r, uint32_t len, unsigned n)
{
	uint8_t *base = r->chunk->base;

	write_read(r->h, base, base + HALF, len, n, false);
	write_read(r->h, base, base + HALF, len, n, true);
	expect_list(r, n, len <= r->kind->capsule);
	expect_list(r, n, false);
	write_read(r->h, r->heap, r->heap + HALF, len, n, true);
	write_read(r->h, base, r->heap, len, n, true);
	expect_list(r, n, len <= r->kind->capsule);
	g_assert_cmpuint(spy.lists, ==, r->lists);
	g_assert_cmpuint(spy.invalidated, ==, r->kind->windows ? r->behind : 0);
}

static void test_memory(const void *arg)
{
	static const uint32_t lengths[] = { 512, 4096, 4608, 65536, 131072 };
	struct run r = { .kind = arg };
	struct fx *fx = fx_new(9, 1);
	struct world_rnic_params rnic;
	struct host_params p;
	struct hw_mem *mem;

	fx_rnic_params(&rnic, 1);
	fx_rnic_new(fx->node, &rnic);
	fx_config_rdma_with(fx, r.kind->transport);
	if (!r.kind->windows)
		rnic.attr.device_cap_flags &= ~(unsigned)IBV_DEVICE_MEM_WINDOW_TYPE_2B;
	r.h = fx_rdma_host(fx, &rnic);
	spy_up(r.h->node, r.kind->scarce);
	fx_rdma_params(r.h, &p, 1);
	g_assert_true(fx_connect(r.h, &p));
	mem = world_node_hw(r.h->node)->mem;
	g_assert_cmpint(mem->ops->alloc(mem, 2 * HALF, &r.chunk), ==, 0);
	r.heap = g_malloc(2 * HALF);
	for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++)
		for (unsigned n = 1; n <= PIECES; n++)
			run_pieces(&r, lengths[i], n);
	g_assert_cmpuint(spy.binds > 0, ==, r.kind->windows);
	/* No command has its window left: the memory can go while the connection stays. */
	mem->ops->free(mem, r.chunk);
	write_read(r.h, r.heap, r.heap + HALF, 4096, 1, false);
	g_free(r.heap);
	fx_free(fx);
}

/* --- many at once --------------------------------------------------------------------------- */

#define DEPTH 24

/* More pieces than there are windows and slots for at a time: some wait, some are copied. */
static void test_crowd(const void *lossy)
{
	struct fx *fx = fx_rdma_target(10, 1);
	static struct tio ios[DEPTH];
	struct world_rnic_params rnic;
	struct world_link_params link;
	struct mem_chunk *chunk;
	struct host_params p;
	struct fx_host *h;
	struct hw_mem *mem;

	fx_rnic_params(&rnic, 1);
	rnic.attr.max_qp_wr = 40;
	h = fx_rdma_host(fx, &rnic);
	spy_up(h->node, false);
	fx_rdma_params(h, &p, 1);
	g_assert_true(fx_connect(h, &p));
	world_link_get(fx->node, h->node, &link);
	link.mtu = 9000;
	link.loss_ppm = lossy ? 20000 : 0;
	world_link_set(fx->node, h->node, &link);
	world_link_set(h->node, fx->node, &link);
	mem = world_node_hw(h->node)->mem;
	g_assert_cmpint(mem->ops->alloc(mem, DEPTH * 40960, &chunk), ==, 0);
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < DEPTH; i++) {
			uint8_t *base = (uint8_t *)chunk->base + i * 40960;
			struct host_qpair *q = host_ctrlr_qpair(h->ctrlr, 0);

			for (unsigned k = 0; k < 40960 && round % 2 == 0; k++)
				base[k] = pattern(k, i + round);
			tio_init(&ios[i], fx, base, 8192, 2 + (i + round / 2) % 7, true);
			ios[i].io.lba = i * 16;
			fx_begin(fx);
			g_assert_cmpint(round % 2 ? host_read(q, &ios[i].io)
						  : host_write(q, &ios[i].io),
					==, 0);
		}
		fx_wait(fx, LIMIT);
		for (unsigned i = 0; i < DEPTH; i++) {
			const uint8_t *base = (uint8_t *)chunk->base + i * 40960;

			g_assert_cmphex(ios[i].io.status, ==, NVME_SUCCESS);
			for (unsigned k = 0; k < 40960; k++)
				g_assert_cmphex(base[k], ==, pattern(k, i + round / 2 * 2));
		}
	}
	g_assert_cmpuint(spy.lists, >, 20);
	g_assert_cmpuint(spy.lists, <, 6 * DEPTH);
	mem->ops->free(mem, chunk);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma/memory/%s", kinds[i].name);

		g_test_add_data_func(path, &kinds[i], test_memory);
	}
	g_test_add_data_func("/world/rdma/memory/crowd", NULL, test_crowd);
	g_test_add_data_func("/world/rdma/memory/crowd-lossy", "", test_crowd);
	return g_test_run();
}
