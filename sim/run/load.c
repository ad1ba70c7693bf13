/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What hosts do all day: reads, stamped writes and flushes on all queues, each
 * told to oracles B and X. Where the namespace has no memory (null), there is
 * nothing for B. I/O that cannot be submitted waits for the next connection.
 */
#include <errno.h>
#include <string.h>

#include "sim/run/run-priv.h"

#define RETRY (200 * WORLD_US)
/* On a path that has gone. */
#define RETRY_PATH (20 * WORLD_MS)

struct slot {
	struct host_io io;
	struct run_load *load;
	unsigned index;
	struct iovec iov[3];
	uint8_t *data;
	size_t size;
	uint64_t queue, id; /* as oracle X knows it */
	uint64_t begun;	    /* of a read, for B */
	uint64_t ns_changes, ns_maps;
	struct oracle_block_ns *ns; /* NULL: not checked */
	struct oracle_write *write;
	struct oracle_block_ns *flushed; /* by a flush, begun at `begun` */
	struct run_range range;
	struct run_more more;
	uint64_t since;		   /* it was submitted */
	struct run_path_io path;
	uint32_t block_size;	   /* of the namespace, when it was submitted */
	bool reads;		   /* it is a read */
	bool probe;		   /* it goes beyond the end */
	bool only_read;		   /* there were data under this id, and may be again any time */
	bool busy, parked, queued; /* queued: a start is on its way */
};

struct run_load {
	struct run *run;
	struct run_host *h;
	const struct scn_load *s;
	struct world_rng rng;
	struct slot *slots;
	unsigned nslots;
	uint64_t started, finished;
	bool begun, stopped;
};

static void start_slot(struct slot *slot);

/* --- the end of an I/O ----------------------------------------------------------------------- */

/* It is for another path, or for later. */
static bool by_path(uint16_t status)
{
	uint16_t sc = status & 0x7ff;

	return sc == NVME_SC_ANA_PERSISTENT_LOSS || sc == NVME_SC_ANA_INACCESSIBLE ||
	       sc == NVME_SC_ANA_TRANSITION;
}

/* The command was refused for certain: nothing has changed. */
static bool refused(uint16_t status)
{
	uint16_t sc = status & 0x7ff;

	return sc == NVME_SC_INVALID_NS || sc == NVME_SC_LBA_RANGE || by_path(status);
}

static void end_write(struct slot *slot)
{
	struct run *run = slot->load->run;

	/* Under the namespace's id there may be another by now. */
	if (slot->io.status == NVME_SUCCESS && slot->ns_maps == slot->load->h->target->ns_maps)
		oracle_block_write_ack(slot->write);
	else if (slot->io.status == NVME_SUCCESS)
		oracle_block_write_in_doubt(slot->write);
	else if (refused(slot->io.status))
		run_violation(run, "B", oracle_block_write_failed(slot->write));
	else
		oracle_block_write_in_doubt(slot->write);
	slot->write = NULL;
	if (slot->io.status != NVME_SUCCESS && !refused(slot->io.status))
		run_range_keep(run->ranges, &slot->range, slot->load->h);
}

/* Where there never was memory, all is zero. */
static void read_nothing(struct slot *slot)
{
	struct run *run = slot->load->run;
	size_t len = slot->size;

	if (!slot->reads || slot->io.status != NVME_SUCCESS || run->s->corrupts ||
	    slot->load->s->nsid >= 64 || slot->load->h->target->had_data >> slot->load->s->nsid & 1)
		return;
	len = MIN(len, (size_t)slot->io.blocks * slot->block_size);
	counts_add(run->counts, "rule.B.zero", 1);
	for (size_t i = 0; i < len; i++) {
		if (slot->data[i] == 0)
			continue;
		run_fail(run, RUN_SAFETY, "B",
			 "host %s: a read of %u blocks at %" G_GUINT64_FORMAT
			 " of namespace %u, which keeps no data, gave %02xh at byte %zu",
			 slot->load->h->s->name, slot->io.blocks, slot->io.lba, slot->io.nsid,
			 slot->data[i], i);
		return;
	}
}

static void end_read(struct slot *slot)
{
	struct run *run = slot->load->run;
	struct run_target *t = slot->load->h->target;

	if (slot->ns == NULL) {
		read_nothing(slot);
		return;
	}
	/* While namespaces come and go under one id, nobody can say whose block it was. */
	if (slot->io.status == NVME_SUCCESS && !run->s->corrupts &&
	    slot->ns_changes == t->ns_changes)
		run_violation(run, "B",
			      oracle_block_read_check(slot->ns, slot->begun, slot->io.lba,
						      slot->io.blocks, slot->data));
	else
		oracle_block_read_failed(slot->ns, slot->io.lba, slot->io.blocks);
}

static void end_flush(struct slot *slot)
{
	if (slot->io.status == NVME_SUCCESS)
		oracle_block_flush_ack(slot->flushed, slot->begun);
	slot->flushed = NULL;
}

static void end_more(struct slot *slot)
{
	const struct run_target *t = slot->load->h->target;
	struct run *run = slot->load->run;

	run_more_end(&slot->more, slot->ns_changes == t->ns_changes && !run->s->corrupts,
		     slot->ns_maps == t->ns_maps);
	if (slot->more.in_doubt)
		run_range_keep(run->ranges, &slot->range, slot->load->h);
	if ((slot->io.status & 0x7ff) == NVME_SC_COMPARE_FAILURE)
		slot->io.status = NVME_SUCCESS; /* it is an answer as good as any */
	if (slot->write == NULL) /* there is nothing else to end */
		slot->ns = NULL;
	slot->reads = false;
}

/* Oracle A: whether it was refused agrees with the size, where that is certain. */
static void check_size(struct slot *slot)
{
	struct run *run = slot->load->run;
	const struct run_host *h = slot->load->h;
	bool good = slot->io.status == NVME_SUCCESS;
	uint64_t end = slot->io.lba + slot->io.blocks;
	struct bdev *b;

	if (slot->io.blocks == 0 || (!good && (slot->io.status & 0x7ff) != NVME_SC_LBA_RANGE) ||
	    slot->ns_changes != h->target->ns_changes ||
	    !run_config_settled(run, h->target, slot->since) ||
	    !run_target_ns(h->target, h->s->subnqn, slot->io.nsid, &b))
		return;
	if (good != (end <= b->num_blocks))
		run_fail(run, RUN_SAFETY, "A",
			 "host %s: I/O up to block %" G_GUINT64_FORMAT
			 " of namespace %u, which has %" G_GUINT64_FORMAT ", %s",
			 h->s->name, end, slot->io.nsid, b->num_blocks,
			 good ? "was done" : "was refused");
}

/* Something else than its path may take long: a slow network, a bdev that waits. */
static bool held_up(const struct slot *slot)
{
	const struct scn_link *l = slot->load->run->s->network;
	const struct run_host *h = slot->load->h;
	struct world_link_params usual;
	struct bdev *b;

	world_link_default(&usual);
	if (l != NULL && (l->sndbuf < usual.sndbuf || l->rcvbuf < usual.rcvbuf ||
			  l->seg_max < usual.seg_max))
		return true;
	return !run_target_ns(h->target, h->s->subnqn, slot->io.nsid, &b) ||
	       bdev_base(b) != NULL || b->qos != NULL || run_is_file(b);
}

static void count(struct run_load *load, const struct host_io *io)
{
	struct run_host *h = load->h;
	uint64_t now = world_now(load->run->world);

	if (by_path(io->status)) { /* it will be tried again */
		load->started--;
		counts_add(load->run->counts, "host.path_errors", 1);
	} else {
		load->finished++;
	}
	h->ios++;
	load->run->result->ios++;
	if (((const struct slot *)io)->probe)
		return;
	if (io->status != NVME_SUCCESS) {
		h->errors++;
		counts_add(load->run->counts, "host.errors", 1);
		return;
	}
	if (h->last_done != 0)
		h->gap = MAX(h->gap, now - h->last_done);
	h->last_done = now;
}

static void restart(void *arg)
{
	struct slot *slot = arg;

	slot->queued = false;
	if (!slot->busy && !slot->parked)
		start_slot(slot);
}

static void start_on_reactor(struct reactor *r, void *arg)
{
	(void)r;
	restart(arg);
}

static void start_later(void *arg)
{
	struct slot *slot = arg;
	struct run_host *h = slot->load->h;
	unsigned i = slot->index % (unsigned)h->s->reactors;

	if (h->ctrlr != NULL && host_ctrlr_qpairs(h->ctrlr) > 0)
		core_call(host_qpair_reactor(host_ctrlr_qpair(
				  h->ctrlr, slot->index % host_ctrlr_qpairs(h->ctrlr))),
			  start_on_reactor, slot);
	else
		core_call(h->core->reactors[i], start_on_reactor, slot);
}

static void soon(struct slot *slot, uint64_t ns)
{
	if (slot->queued)
		return;
	slot->queued = true;
	world_at(slot->load->run->world, world_now(slot->load->run->world) + ns, start_later, slot);
}

static void io_done(struct host_io *io)
{
	struct slot *slot = (struct slot *)io;
	struct run_load *load = slot->load;
	struct run *run = load->run;

	if (run_more_waits(&slot->more))
		return;
	slot->busy = false;
	run_violation(run, "X", oracle_exact_completed(run->exact, slot->queue, slot->id));
	if (slot->more.kind != RUN_MORE_NONE)
		end_more(slot);
	if (slot->write != NULL)
		end_write(slot);
	else if (slot->flushed != NULL)
		end_flush(slot);
	else
		end_read(slot);
	check_size(slot);
	run_path_end(load->h, io->nsid, &slot->path, io->status, held_up(slot));
	run_range_put(run->ranges, &slot->range);
	count(load, io);
	if (by_path(io->status))
		soon(slot, world_rng_range(&load->rng, RETRY_PATH / 4, RETRY_PATH));
	else if (load->s->think > 0)
		soon(slot, world_rng_range(&load->rng, 1, load->s->think));
	else if (io->status != NVME_SUCCESS)
		soon(slot, RETRY);
	else
		start_slot(slot);
}

/* --- its begin ----------------------------------------------------------------------------------
 */

static bool all_started(const struct run_load *load)
{
	return load->stopped || (load->s->ios > 0 && load->started >= load->s->ios);
}

/*
 * What B knows of the namespace. NULL and false: nobody can say now (it is just
 * going), so that nothing may be written. NULL and true: it keeps nothing.
 */
static bool find_model(struct run_load *load, const struct host_ns *ns,
		       struct oracle_block_ns **model)
{
	struct run *run = load->run;
	struct bdev *bdev;

	*model = NULL;
	if (!run_target_ns(load->h->target, load->h->s->subnqn, ns->nsid, &bdev) ||
	    memcmp(bdev->uuid, ns->uuid, sizeof(ns->uuid)) != 0)
		return false;
	*model = oracle_block_ns_find(run->block, ns->uuid);
	if (*model != NULL)
		return true;
	if (bdev_is_malloc(run_bottom(bdev)) || run_is_file(bdev))
		*model =
			oracle_block_ns_new(run->block, ns->uuid, ns->block_size, ns->blocks, true);
	if (run_is_file(bdev))
		oracle_block_ns_volatile(*model);
	return true;
}

/* The data in up to three pieces, cut anywhere. */
static void cut(struct slot *slot, size_t len)
{
	struct world_rng *rng = &slot->load->rng;
	size_t a = world_rng_below(rng, len), b = world_rng_below(rng, len - a);

	slot->iov[0] = (struct iovec){ slot->data, a };
	slot->iov[1] = (struct iovec){ slot->data + a, b };
	slot->iov[2] = (struct iovec){ slot->data + a + b, len - a - b };
}

static bool draw_range(struct slot *slot, const struct host_ns *ns)
{
	struct run_load *load = slot->load;
	uint64_t first = load->s->lba, end = ns->blocks;
	uint64_t most = host_ctrlr_max_io(load->h->ctrlr) / ns->block_size;

	if (load->s->blocks > 0)
		end = MIN(end, first + load->s->blocks);
	if (first >= end)
		return false;
	most = MIN(MIN(most, load->s->max_blocks), end - first);
	slot->io.blocks = (uint32_t)world_rng_range(&load->rng, 1, most);
	slot->io.lba = first + world_rng_below(&load->rng, end - first - slot->io.blocks + 1);
	if (slot->probe)
		slot->io.lba = ns->blocks + 1 - slot->io.blocks;
	if ((size_t)slot->io.blocks * ns->block_size > slot->size) {
		g_free(slot->data);
		slot->size = (size_t)load->s->max_blocks * ns->block_size;
		slot->data = g_malloc(slot->size);
	}
	cut(slot, (size_t)slot->io.blocks * ns->block_size);
	return true;
}

static int submit_write(struct slot *slot, struct host_qpair *q)
{
	struct run_load *load = slot->load;
	int err;

	slot->io.fua = world_rng_chance(&load->rng, (uint32_t)load->s->fua_ppm);
	if (slot->ns == NULL) {
		memset(slot->data, 0, slot->size);
		return host_write(q, &slot->io);
	}
	slot->write = oracle_block_write_begin(
		slot->ns, (uint64_t)load->h->index << 32 | load->h->incarnation, ORACLE_WRITE,
		slot->io.lba, slot->io.blocks);
	oracle_block_stamp(slot->write, slot->data);
	if (slot->io.fua)
		oracle_block_write_fua(slot->write);
	err = host_write(q, &slot->io);
	if (err != 0) {
		run_violation(load->run, "B", oracle_block_write_failed(slot->write));
		slot->write = NULL;
	}
	return err;
}

/* Of up to all blocks that follow: it is long under way. */
static int submit_zeroes(struct slot *slot, struct host_qpair *q)
{
	struct host_io *io = &slot->io;
	enum oracle_write_kind kind =
		run_load_erase(&slot->load->rng, io, slot->iov, slot->data);
	int err;

	if (slot->ns != NULL)
		slot->write = oracle_block_write_begin(
			slot->ns, (uint64_t)slot->load->h->index << 32 | slot->load->h->incarnation,
			kind, io->lba, io->blocks);
	err = host_submit(q, io);
	if (err != 0 && slot->write != NULL) {
		run_violation(slot->load->run, "B", oracle_block_write_failed(slot->write));
		slot->write = NULL;
	}
	return err;
}

/* False: the blocks are taken. */
static bool get_range(struct slot *slot, bool write, uint64_t ns_blocks)
{
	slot->range = (struct run_range){
		.ns = slot->ns, .lba = slot->io.lba, .blocks = slot->io.blocks, .write = write
	};
	if (slot->ns == NULL || slot->load->s->overlap) {
		slot->range.ns = NULL;
		return true;
	}
	if (run_range_get(slot->load->run->ranges, &slot->range, ns_blocks))
		return true;
	slot->range.ns = NULL;
	return false;
}

static int submit_more(struct slot *slot, struct host_qpair *q, uint64_t ns_blocks)
{
	struct run_load *load = slot->load;

	slot->more.h = load->h;
	slot->more.ns = slot->ns;
	slot->more.ns_blocks = ns_blocks;
	slot->more.block_size = slot->block_size;
	slot->more.io = &slot->io;
	slot->reads = false;
	return run_more_submit(&slot->more, &load->rng, q, slot->data, &slot->range, &slot->write);
}

static int submit(struct slot *slot, struct host_qpair *q, uint64_t ns_blocks)
{
	struct run_load *load = slot->load;
	const struct scn_load *s = load->s;
	uint64_t data = s->reads + s->writes + s->zeroes;
	uint64_t kind = world_rng_below(&load->rng, data + s->flushes);
	int err;

	slot->reads = slot->probe || slot->only_read || kind < s->reads;
	if (slot->probe || slot->only_read)
		return host_read(q, &slot->io);
	if (slot->ns != NULL && s->more_ppm > 0 && world_rng_chance(&load->rng, (uint32_t)s->more_ppm))
		return submit_more(slot, q, ns_blocks);
	if (kind >= s->reads + s->writes && kind < data)
		slot->io.blocks = (uint32_t)world_rng_range(&load->rng, slot->io.blocks,
							    MIN(65536, ns_blocks - slot->io.lba));
	if (kind < data && !get_range(slot, kind >= s->reads, ns_blocks))
		return -EBUSY;
	if (kind < s->reads) {
		if (slot->ns != NULL)
			slot->begun =
				oracle_block_read_begin(slot->ns, slot->io.lba, slot->io.blocks);
		err = host_read(q, &slot->io);
		if (err != 0 && slot->ns != NULL)
			oracle_block_read_failed(slot->ns, slot->io.lba, slot->io.blocks);
		return err;
	}
	if (kind >= data) {
		slot->flushed = slot->ns;
		slot->ns = NULL;
		if (slot->flushed != NULL)
			slot->begun = oracle_block_flush_begin(slot->flushed);
		slot->io.niov = 0;
		slot->io.iov = NULL;
		slot->io.lba = slot->io.blocks = 0;
		return host_flush(q, &slot->io);
	}
	return kind < s->reads + s->writes ? submit_write(slot, q) : submit_zeroes(slot, q);
}

static void start_slot(struct slot *slot)
{
	struct run_load *load = slot->load;
	struct run_host *h = load->h;
	const struct host_ns *ns =
		h->live ? host_ctrlr_ns(h->ctrlr, (uint32_t)load->s->nsid) : NULL;
	struct host_qpair *q;
	int err;

	if (all_started(load))
		return;
	slot->io = (struct host_io){
		.done = io_done, .iov = slot->iov, .niov = 3, .nsid = (uint32_t)load->s->nsid
	};
	slot->probe = load->s->probe_ppm > 0 &&
		      world_rng_chance(&load->rng, (uint32_t)load->s->probe_ppm);
	if (ns == NULL || host_ctrlr_qpairs(h->ctrlr) == 0 || !draw_range(slot, ns)) {
		slot->parked = true;
		return;
	}
	q = host_ctrlr_qpair(h->ctrlr, slot->index % host_ctrlr_qpairs(h->ctrlr));
	if (slot->index >= host_ctrlr_qpairs(h->ctrlr) * host_qpair_depth(q)) {
		slot->parked = true; /* more slots than the target granted entries */
		return;
	}
	if (host_qpair_outstanding(q) >= host_qpair_depth(q)) {
		soon(slot, RETRY);
		return;
	}
	if (!reactor_is_current(host_qpair_reactor(q))) {
		soon(slot, 0);
		return;
	}
	slot->ns = slot->flushed = NULL;
	if (!slot->probe && !find_model(load, ns, &slot->ns)) {
		soon(slot, RETRY);
		return;
	}
	slot->only_read = false;
	slot->block_size = ns->block_size;
	if (!slot->probe && load->s->nsid < 64) {
		if (slot->ns != NULL)
			h->target->had_data |= UINT64_C(1) << load->s->nsid;
		slot->only_read = slot->ns == NULL && h->target->had_data >> load->s->nsid & 1;
	}
	slot->since = world_now(load->run->world);
	slot->ns_changes = h->target->ns_changes;
	slot->ns_maps = h->target->ns_maps;
	slot->queue = (uint64_t)h->index << 32 | host_qpair_id(q);
	slot->id = load->run->result->commands++;
	run_path_begin(h, slot->io.nsid, &slot->path);
	err = submit(slot, q, ns->blocks);
	if (err != 0 && err != -EBUSY)
		run_range_put(load->run->ranges, &slot->range);
	if (err == 0) {
		load->started++;
		slot->busy = true;
		run_violation(load->run, "X",
			      oracle_exact_submitted(load->run->exact, slot->queue, slot->id));
	} else if (err == -EAGAIN || err == -EBUSY) {
		soon(slot, RETRY);
	} else if (err == -ENOTCONN) {
		slot->parked = true;
	} else {
		run_fail(load->run, RUN_SAFETY, "E", "host %s: I/O not taken: %s", h->s->name,
			 g_strerror(-err));
	}
}

/* --- all of them
 * ----------------------------------------------------------------------------------- */

static void begin(void *arg)
{
	struct run_load *load = arg;

	load->begun = true;
	load->h->last_done = 0;
	for (unsigned i = 0; i < load->nslots; i++)
		soon(&load->slots[i], 0);
}

static void load_new(struct run *run, const struct scn_load *s)
{
	struct run_load *load = g_new0(struct run_load, 1);
	g_autofree char *name = g_strdup_printf("load%u", run->loads->len);

	load->run = run;
	load->s = s;
	load->h = run_host_find(run, s->host);
	load->nslots = (unsigned)s->depth;
	load->slots = g_new0(struct slot, load->nslots);
	for (unsigned i = 0; i < load->nslots; i++) {
		load->slots[i].load = load;
		load->slots[i].index = i;
	}
	world_rng_init(run->world, &load->rng, name);
	g_ptr_array_add(run->loads, load);
	world_at(run->world, run_at(run, s->at), begin, load);
}

void run_loads_new(struct run *run)
{
	const struct scn_load *loads = run->s->loads.items;

	for (unsigned i = 0; i < run->s->loads.n; i++)
		load_new(run, &loads[i]);
}

void run_loads_kick(struct run_host *h)
{
	for (unsigned i = 0; i < h->run->loads->len; i++) {
		struct run_load *load = h->run->loads->pdata[i];

		if (load->h != h || !load->begun)
			continue;
		for (unsigned j = 0; j < load->nslots; j++) {
			struct slot *slot = &load->slots[j];

			if (!slot->parked)
				continue;
			slot->parked = false;
			soon(slot, 0);
		}
	}
}

/* What is to go on for ever ends now; what has a number of I/Os to do does them. */
void run_loads_stop(struct run *run)
{
	for (unsigned i = 0; i < run->loads->len; i++) {
		struct run_load *load = run->loads->pdata[i];

		if (load->s->ios == 0 || load->h->gone || !load->h->wanted)
			load->stopped = true;
	}
}

static bool load_done(const struct run_load *load)
{
	if (!load->begun || !all_started(load))
		return false;
	for (unsigned i = 0; i < load->nslots; i++) {
		/* A vanished host's I/O is its own business. */
		if (load->slots[i].busy || load->slots[i].queued)
			return false;
	}
	return true;
}

bool run_loads_done(struct run *run)
{
	for (unsigned i = 0; i < run->loads->len; i++) {
		if (!load_done(run->loads->pdata[i]))
			return false;
	}
	return true;
}

char *run_loads_text(struct run *run)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < run->loads->len; i++) {
		const struct run_load *load = run->loads->pdata[i];
		unsigned busy = 0, parked = 0;

		for (unsigned j = 0; j < load->nslots; j++) {
			busy += load->slots[j].busy;
			parked += load->slots[j].parked;
		}
		g_string_append_printf(text,
				       "load %u of %s: %" G_GUINT64_FORMAT
				       " done, %u under way, %u waiting to be submitted\n",
				       i, load->s->host, load->finished, busy, parked);
	}
	return g_string_free(text, FALSE);
}

void run_loads_free(struct run *run)
{
	for (unsigned i = 0; i < run->loads->len; i++) {
		struct run_load *load = run->loads->pdata[i];

		for (unsigned j = 0; j < load->nslots; j++) {
			g_free(load->slots[j].more.expect);
			g_free(load->slots[j].data);
		}
		g_free(load->slots);
		g_free(load);
	}
}
