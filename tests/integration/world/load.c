/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integration/world/load.h"

#include <errno.h>

struct load_io {
	struct host_io io;
	struct load *load;
	struct host_qpair *q;
	struct iovec iov;
	bool under_way;
};

struct load {
	struct fx_host *h;
	struct world_rng rng;
	uint32_t nsid;
	unsigned max_blocks, n, outstanding, good, failed;
	uint64_t blocks;
	bool stopped;
	struct load_io *ios;
};

static void start(struct load_io *l);

static void done(struct host_io *io)
{
	struct load_io *l = (struct load_io *)io;
	struct load *load = l->load;

	g_assert_true(l->under_way); /* else it ended twice */
	l->under_way = false;
	load->outstanding--;
	if (io->status == NVME_SUCCESS)
		load->good++;
	else
		load->failed++;
	if (io->status == NVME_SUCCESS)
		start(l);
}

static void start(struct load_io *l)
{
	struct load *load = l->load;
	bool write = world_rng_chance(&load->rng, 500000);
	uint32_t blocks = (uint32_t)world_rng_range(&load->rng, 1, load->max_blocks);
	int err;

	if (load->stopped)
		return;
	l->iov.iov_len = (size_t)blocks * 512;
	l->io = (struct host_io){
		.done = done,
		.iov = &l->iov,
		.niov = 1,
		.nsid = load->nsid,
		.lba = world_rng_below(&load->rng, load->blocks - blocks + 1),
		.blocks = blocks,
	};
	err = write ? host_write(l->q, &l->io) : host_read(l->q, &l->io);
	if (err == 0) {
		l->under_way = true;
		load->outstanding++;
	} else {
		g_assert_true(err == -ENOTCONN || err == -EAGAIN);
	}
}

struct load *load_start(struct fx_host *h, uint32_t nsid, unsigned depth, unsigned max_blocks)
{
	struct load *load = g_new0(struct load, 1);
	unsigned nq = host_ctrlr_qpairs(h->ctrlr);
	g_autofree char *name = g_strdup_printf("load%u", h->index);

	load->h = h;
	load->nsid = nsid;
	load->max_blocks = max_blocks;
	load->blocks = host_ctrlr_ns(h->ctrlr, nsid)->blocks;
	load->n = nq * MIN(depth, host_qpair_depth(host_ctrlr_qpair(h->ctrlr, 0)));
	load->ios = g_new0(struct load_io, load->n);
	world_rng_init(h->fx->world, &load->rng, name);
	for (unsigned i = 0; i < load->n; i++) {
		load->ios[i].load = load;
		load->ios[i].q = host_ctrlr_qpair(h->ctrlr, i % nq);
		load->ios[i].iov.iov_base = g_malloc0((size_t)max_blocks * 512);
		start(&load->ios[i]);
	}
	return load;
}

void load_stop(struct load *load)
{
	load->stopped = true;
}

unsigned load_outstanding(const struct load *load)
{
	return load->outstanding;
}

unsigned load_good(const struct load *load)
{
	return load->good;
}

unsigned load_failed(const struct load *load)
{
	return load->failed;
}

void load_free(struct load *load)
{
	if (load == NULL)
		return;
	g_assert_cmpuint(load->outstanding, ==, 0);
	for (unsigned i = 0; i < load->n; i++)
		g_free(load->ios[i].iov.iov_base);
	g_free(load->ios);
	g_free(load);
}
