/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integration/world/workload.h"

#include <string.h>

struct slot {
	struct host_io io;
	struct workload *wl;
	struct host_qpair *q;
	struct iovec iov[3];
	uint8_t *data;
	uint64_t block; /* relative */
	uint32_t version;
	bool write;
};

struct workload {
	struct fx_host *h;
	struct workload_params p;
	struct world_rng rng;
	uint32_t block_size;
	uint32_t *versions; /* of each block; 0: never written, reads zero */
	bool *busy;
	uint32_t next_version;
	unsigned started, finished;
	unsigned nslots;
	struct slot *slots;
};

static void start_one(struct slot *s);

/* A block is filled with words made from (host, block, version, position). */
static uint64_t word(const struct workload *wl, uint64_t block, uint32_t version, unsigned i)
{
	uint64_t x = (uint64_t)(wl->h->index + 1) << 56 ^ block << 32 ^ version;

	return (x + i) * UINT64_C(0x9e3779b97f4a7c15) ^ x >> 7;
}

static void fill(struct slot *s)
{
	struct workload *wl = s->wl;
	uint64_t *w = (uint64_t *)s->data;

	for (uint32_t b = 0; b < s->io.blocks; b++) {
		for (unsigned i = 0; i < wl->block_size / 8; i++)
			*w++ = word(wl, s->block + b, s->version, i);
	}
}

static void check(struct slot *s)
{
	struct workload *wl = s->wl;
	const uint64_t *w = (const uint64_t *)s->data;

	for (uint32_t b = 0; b < s->io.blocks; b++) {
		uint32_t version = wl->versions[s->block + b];

		for (unsigned i = 0; i < wl->block_size / 8; i++, w++) {
			uint64_t want = version ? word(wl, s->block + b, version, i) : 0;

			if (*w != want)
				g_error("seed %" G_GUINT64_FORMAT
					": host %u block %" G_GUINT64_FORMAT
					" word %u: %016" G_GINT64_MODIFIER
					"x instead of %016" G_GINT64_MODIFIER "x (write %u)",
					world_seed(wl->h->fx->world), wl->h->index,
					wl->p.first_lba + s->block + b, i, *w, want, version);
		}
	}
}

static void io_done(struct host_io *io)
{
	struct slot *s = (struct slot *)io;
	struct workload *wl = s->wl;

	if (io->status != NVME_SUCCESS)
		g_error("seed %" G_GUINT64_FORMAT ": host %u: %s failed: %s",
			world_seed(wl->h->fx->world), wl->h->index, s->write ? "write" : "read",
			nvme_status_name(io->status));
	if (!s->write)
		check(s);
	for (uint32_t b = 0; b < io->blocks; b++) {
		wl->busy[s->block + b] = false;
		if (s->write)
			wl->versions[s->block + b] = s->version;
	}
	wl->finished++;
	if (wl->finished == wl->p.ios)
		wl->h->fx->waiting--;
	else
		start_one(s);
}

static bool free_range(const struct workload *wl, uint64_t block, uint32_t blocks)
{
	for (uint32_t b = 0; b < blocks; b++) {
		if (wl->busy[block + b])
			return false;
	}
	return true;
}

/* The data in up to three pieces, cut anywhere. */
static void cut(struct slot *s, size_t len)
{
	size_t a = world_rng_below(&s->wl->rng, len), b = world_rng_below(&s->wl->rng, len - a);

	s->iov[0] = (struct iovec){ s->data, a };
	s->iov[1] = (struct iovec){ s->data + a, b };
	s->iov[2] = (struct iovec){ s->data + a + b, len - a - b };
}

static void start_one(struct slot *s)
{
	struct workload *wl = s->wl;
	uint32_t blocks;

	if (wl->started == wl->p.ios)
		return;
	wl->started++;
	do {
		blocks = (uint32_t)world_rng_range(&wl->rng, 1, wl->p.max_blocks);
		s->block = world_rng_below(&wl->rng, wl->p.blocks - blocks + 1);
	} while (!free_range(wl, s->block, blocks));
	for (uint32_t b = 0; b < blocks; b++)
		wl->busy[s->block + b] = true;
	s->write = world_rng_chance(&wl->rng, 500000);
	s->io = (struct host_io){
		.done = io_done,
		.iov = s->iov,
		.niov = 3,
		.nsid = wl->p.nsid,
		.lba = wl->p.first_lba + s->block,
		.blocks = blocks,
		.fua = s->write && world_rng_chance(&wl->rng, 100000),
	};
	cut(s, (size_t)blocks * wl->block_size);
	if (s->write) {
		s->version = ++wl->next_version;
		fill(s);
		g_assert_cmpint(host_write(s->q, &s->io), ==, 0);
	} else {
		g_assert_cmpint(host_read(s->q, &s->io), ==, 0);
	}
}

struct workload *workload_start(struct fx_host *h, const struct workload_params *params)
{
	struct workload *wl = g_new0(struct workload, 1);
	const struct host_ns *ns = host_ctrlr_ns(h->ctrlr, params->nsid);
	g_autofree char *name = g_strdup_printf("workload%u", h->index);
	unsigned nq = host_ctrlr_qpairs(h->ctrlr);

	g_assert_nonnull(ns);
	wl->h = h;
	wl->p = *params;
	wl->block_size = ns->block_size;
	wl->versions = g_new0(uint32_t, params->blocks);
	wl->busy = g_new0(bool, params->blocks);
	wl->nslots = MIN(params->depth, nq * (host_qpair_depth(host_ctrlr_qpair(h->ctrlr, 0))));
	wl->slots = g_new0(struct slot, wl->nslots);
	world_rng_init(h->fx->world, &wl->rng, name);
	fx_begin(h->fx);
	for (unsigned i = 0; i < wl->nslots; i++) {
		wl->slots[i].wl = wl;
		wl->slots[i].q = host_ctrlr_qpair(h->ctrlr, i % nq);
		wl->slots[i].data = g_malloc((size_t)params->max_blocks * wl->block_size);
	}
	for (unsigned i = 0; i < wl->nslots; i++)
		start_one(&wl->slots[i]);
	return wl;
}

unsigned workload_finished(const struct workload *wl)
{
	return wl->finished;
}

void workload_free(struct workload *wl)
{
	g_assert_cmpuint(wl->finished, ==, wl->p.ios);
	for (unsigned i = 0; i < wl->nslots; i++)
		g_free(wl->slots[i].data);
	g_free(wl->slots);
	g_free(wl->versions);
	g_free(wl->busy);
	g_free(wl);
}
