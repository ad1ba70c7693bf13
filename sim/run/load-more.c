/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rarer commands of a load: Compare, fused Compare and Write, Verify and Copy.
 * What they compare with is what B says the blocks may be, sometimes changed in
 * one place. Pairs, and writes among them, meet on the first blocks of a namespace
 * without regard for each other: of one pair and another only one may win.
 */
#include <errno.h>
#include <string.h>

#include "sim/run/run-priv.h"

#define MEETING 3 /* blocks where pairs and writes meet */

static uint64_t path_of(const struct run_host *h)
{
	return (uint64_t)h->index << 32 | h->incarnation;
}

static size_t bytes_of(const struct run_more *m)
{
	return (size_t)m->io->blocks * m->block_size;
}

/* --- the end ------------------------------------------------------------------------------ */

static void end_compare(struct run_more *m, bool known)
{
	struct run *run = m->h->run;
	uint16_t status = m->io->status;
	char *text = NULL;

	if (known && status == NVME_SUCCESS)
		text = oracle_block_read_check(m->ns, m->begun, m->io->lba, m->io->blocks,
					       m->expect);
	else if (known && (status & 0x7ff) == NVME_SC_COMPARE_FAILURE)
		text = oracle_block_differs(m->ns, m->begun, m->io->lba, m->io->blocks, m->expect);
	else
		oracle_block_read_failed(m->ns, m->io->lba, m->io->blocks);
	run_violation(run, "B", text);
}

static void end_pair(struct run_more *m, bool known, bool mapped)
{
	struct run *run = m->h->run;
	struct oracle_write *w = g_steal_pointer(&m->write);
	uint16_t status = m->io->status, second = m->other.status;

	m->in_doubt = false;
	if (status == NVME_SUCCESS && second == NVME_SUCCESS && known) {
		run_violation(run, "B", oracle_block_swap_ack(w, m->begun, m->expect));
		return;
	}
	end_compare(m, known);
	if ((second & 0x7ff) == NVME_SC_FUSED_FAILED || (status & 0x7ff) == NVME_SC_FUSED_FAILED) {
		run_violation(run, "B", oracle_block_write_failed(w));
	} else if (status == NVME_SUCCESS && second == NVME_SUCCESS && mapped) {
		oracle_block_write_ack(w);
	} else {
		oracle_block_write_in_doubt(w);
		m->in_doubt = second != NVME_SUCCESS;
	}
	if ((status & 0x7ff) == NVME_SC_COMPARE_FAILURE && second == NVME_SUCCESS)
		run_fail(run, RUN_SAFETY, "B",
			 "host %s: %u blocks at %" G_GUINT64_FORMAT
			 " were written though their Compare failed",
			 m->h->s->name, m->io->blocks, m->io->lba);
	if ((status & 0x7ff) == NVME_SC_FUSED_FAILED)
		m->io->status = second; /* what the pair failed for */
}

static void second_done(struct host_io *io)
{
	struct run_more *m = (struct run_more *)((char *)io - offsetof(struct run_more, other));

	m->left--;
	if (m->left == 0)
		m->io->done(m->io);
}

bool run_more_waits(struct run_more *m)
{
	if (m->kind != RUN_MORE_PAIR || m->left == 0)
		return false;
	return --m->left > 0;
}

void run_more_end(struct run_more *m, bool known, bool mapped)
{
	counts_add(m->h->run->counts, "rule.B.more", 1);
	if (m->kind == RUN_MORE_PAIR)
		end_pair(m, known, mapped);
	else if (m->kind == RUN_MORE_COMPARE)
		end_compare(m, known);
	if (m->kind == RUN_MORE_COPY && m->io->status != NVME_SUCCESS) /* it may still read */
		run_range_keep(m->h->run->ranges, &m->source, m->h);
	else if (m->kind == RUN_MORE_COPY)
		run_range_put(m->h->run->ranges, &m->source);
	m->kind = RUN_MORE_NONE;
}

/* --- the begin ------------------------------------------------------------------------------ */

static bool hold(struct run_more *m, struct run_range *range, bool write, bool meets)
{
	*range = (struct run_range){ .ns = m->ns,
				     .lba = m->io->lba,
				     .blocks = m->io->blocks,
				     .write = write,
				     .meets = meets };
	if (run_range_get(m->h->run->ranges, range, m->ns_blocks))
		return true;
	range->ns = NULL;
	return false;
}

/* What the blocks may be, now and then with one byte of one block changed. */
static void expect(struct run_more *m, struct world_rng *rng)
{
	size_t at;

	m->expect = g_realloc(m->expect, bytes_of(m));
	oracle_block_guess(m->ns, m->io->lba, m->io->blocks, m->expect);
	if (world_rng_chance(rng, 200000)) {
		at = world_rng_below(rng, m->block_size);
		if (world_rng_chance(rng, 500000)) /* the last one, as often as all others */
			at += bytes_of(m) - m->block_size;
		else
			at += world_rng_below(rng, m->io->blocks) * m->block_size;
		m->expect[at] ^= 0x5a;
	}
	m->iov = (struct iovec){ m->expect, bytes_of(m) };
	m->io->iov = &m->iov;
	m->io->niov = 1;
}

static int compare(struct run_more *m, struct world_rng *rng, struct host_qpair *q)
{
	int err;

	expect(m, rng);
	m->begun = oracle_block_read_begin(m->ns, m->io->lba, m->io->blocks);
	err = host_compare(q, m->io);
	if (err != 0)
		oracle_block_read_failed(m->ns, m->io->lba, m->io->blocks);
	return err;
}

static void meet(struct run_more *m, struct world_rng *rng)
{
	uint64_t most = MIN(MEETING, m->ns_blocks), blocks = world_rng_range(rng, 1, most);

	m->io->blocks = (uint32_t)MIN(m->io->blocks, blocks);
	m->io->lba = world_rng_below(rng, most - m->io->blocks + 1);
}

static int pair(struct run_more *m, struct world_rng *rng, struct host_qpair *q, void *data)
{
	int err;

	expect(m, rng);
	m->write = oracle_block_write_begin(m->ns, path_of(m->h), ORACLE_WRITE, m->io->lba,
					    m->io->blocks);
	oracle_block_stamp(m->write, data);
	m->other_iov = (struct iovec){ data, bytes_of(m) };
	m->other = (struct host_io){ .done = second_done,
				     .iov = &m->other_iov,
				     .niov = 1,
				     .nsid = m->io->nsid,
				     .lba = m->io->lba,
				     .blocks = m->io->blocks };
	m->begun = oracle_block_read_begin(m->ns, m->io->lba, m->io->blocks);
	m->left = 2;
	err = host_compare_and_write(q, m->io, &m->other);
	if (err == 0)
		return 0;
	oracle_block_read_failed(m->ns, m->io->lba, m->io->blocks);
	run_violation(m->h->run, "B", oracle_block_write_failed(g_steal_pointer(&m->write)));
	return err;
}

/* From anywhere to the blocks that were drawn, in one range or two. */
static int copy(struct run_more *m, struct world_rng *rng, struct host_qpair *q,
		struct oracle_write **write)
{
	struct host_io *io = m->io;
	uint64_t from = world_rng_below(rng, m->ns_blocks - io->blocks + 1);
	unsigned n = io->blocks > 1 ? (unsigned)world_rng_range(rng, 1, 2) : 1;
	uint32_t first = n == 2 ? (uint32_t)world_rng_range(rng, 1, io->blocks - 1) : io->blocks;
	int err;

	m->source = (struct run_range){ .ns = m->ns, .lba = from, .blocks = io->blocks };
	if (!run_range_get(m->h->run->ranges, &m->source, m->ns_blocks)) {
		m->source.ns = NULL;
		return -EBUSY;
	}
	*write = oracle_block_copy_begin(m->ns, path_of(m->h), from, io->lba, io->blocks);
	if (*write == NULL) {
		run_range_put(m->h->run->ranges, &m->source);
		return -EBUSY;
	}
	memset(m->sources, 0, sizeof(m->sources));
	m->sources[0].slba = from;
	m->sources[0].nlb = (uint16_t)(first - 1);
	m->sources[1].slba = from + first;
	m->sources[1].nlb = (uint16_t)(io->blocks - first - 1);
	m->iov = (struct iovec){ m->sources, n * sizeof(m->sources[0]) };
	io->iov = &m->iov;
	io->niov = 1;
	io->cmd = (struct nvme_cmd){ .opcode = NVME_CMD_COPY,
				     .nsid = io->nsid,
				     .cdw10 = (uint32_t)io->lba,
				     .cdw11 = (uint32_t)(io->lba >> 32),
				     .cdw12 = n - 1 };
	err = host_submit(q, io);
	if (err != 0) {
		run_range_put(m->h->run->ranges, &m->source);
		run_violation(m->h->run, "B", oracle_block_write_failed(g_steal_pointer(write)));
	}
	return err;
}

int run_more_submit(struct run_more *m, struct world_rng *rng, struct host_qpair *q, void *data,
		    struct run_range *range, struct oracle_write **write)
{
	uint64_t kind = world_rng_below(rng, 10);
	bool meets = kind >= 4;
	int err;

	m->write = NULL;
	m->in_doubt = false;
	m->left = 0;
	if (meets)
		meet(m, rng);
	if (!hold(m, range, kind >= 2, meets))
		return -EBUSY;
	if (kind == 0) {
		m->kind = RUN_MORE_COMPARE;
		err = compare(m, rng, q);
	} else if (kind == 1) {
		m->kind = RUN_MORE_VERIFY;
		err = host_verify(q, m->io);
	} else if (kind < 4) {
		m->kind = RUN_MORE_COPY;
		err = copy(m, rng, q, write);
	} else if (kind < 8) {
		m->kind = RUN_MORE_PAIR;
		err = pair(m, rng, q, data);
	} else { /* ends as any write */
		m->kind = RUN_MORE_NONE;
		m->iov = (struct iovec){ data, bytes_of(m) };
		m->io->iov = &m->iov;
		m->io->niov = 1;
		*write = oracle_block_write_begin(m->ns, path_of(m->h), ORACLE_WRITE, m->io->lba,
						  m->io->blocks);
		oracle_block_stamp(*write, data);
		err = host_write(q, m->io);
		if (err != 0)
			run_violation(m->h->run, "B",
				      oracle_block_write_failed(g_steal_pointer(write)));
	}
	if (err != 0) {
		m->kind = RUN_MORE_NONE;
		run_range_put(m->h->run->ranges, range);
	}
	return err;
}
