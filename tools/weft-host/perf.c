/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-host perf: the load. Each worker keeps its share of the depth in flight,
 * or (--rate) starts I/Os when they are due and counts their latency from then,
 * late or not.
 */
#include "tools/weft-host/perf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static void io_done(struct host_io *io);

/* xorshift64* */
static uint64_t draw(struct perf_worker *w)
{
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return w->rng * UINT64_C(0x2545f4914f6cdd1d);
}

static void count_down(struct perf_worker *w);

static void submit(struct perf_worker *w, struct perf_io *p, uint64_t start)
{
	const struct options *o = &w->perf->app->o;
	uint64_t place;
	bool read = o->read_percent == 100 || (o->read_percent && draw(w) % 100 < o->read_percent);
	int err;

	if (o->random) {
		/* The high bits: a multiplication instead of a division. */
		place = (uint64_t)((unsigned __int128)draw(w) * w->perf->nios >> 64);
	} else {
		place = w->next_lba;
		w->next_lba = w->next_lba + 1 == w->perf->nios ? 0 : w->next_lba + 1;
	}
	p->io.lba = place * w->perf->blocks;
	p->start = start;
	err = read ? host_read(w->q, &p->io) : host_write(w->q, &p->io);
	if (err) {
		w->errors++;
		w->stopping = true;
		count_down(w);
	}
}

/* --- rate ------------------------------------------------------------------------------ */

static void arm(struct perf_worker *w)
{
	if (w->parked && !w->stopping)
		reactor_timer_set(host_qpair_reactor(w->q), &w->timer, w->due);
}

static void start_due(struct perf_worker *w, uint64_t now)
{
	while (w->parked && w->due <= now && !w->stopping) {
		struct perf_io *p = w->parked;

		w->parked = p->next;
		submit(w, p, w->due);
		w->due += w->interval;
	}
	arm(w);
}

static void timer_fn(struct timer *timer, struct reactor *r)
{
	start_due(container(timer, struct perf_worker, timer), r->now);
}

/* --- completion -------------------------------------------------------------------------- */

static void ended(struct reactor *r, void *arg)
{
	struct perf_worker *w = arg;
	struct perf *p = w->perf;

	(void)r;
	if (++p->ended == p->nworkers)
		perf_report(p);
}

static void count_down(struct perf_worker *w)
{
	if (--w->outstanding == 0)
		core_call(core_main(w->perf->app->core), ended, w);
}

static void io_done(struct host_io *io)
{
	struct perf_io *p = container(io, struct perf_io, io);
	struct perf_worker *w = p->worker;
	uint64_t now = hw_now(w->perf->app->hw);

	if (io->status) {
		if (w->errors++ == 0)
			w->first_status = io->status;
		w->stopping = true;
	} else if (!w->stopping) {
		uint64_t lat = now > p->start ? now - p->start : 0;

		hist_record(&w->hist[io->cmd.opcode == NVME_CMD_WRITE], lat);
		/* Written here only: no locked instruction is needed. */
		atomic_store_explicit(&w->ios_done, w->ios_done + 1, memory_order_relaxed);
		atomic_store_explicit(&w->lat_sum, w->lat_sum + lat, memory_order_relaxed);
	}
	if (w->stopping) {
		count_down(w);
	} else if (w->interval == 0) {
		submit(w, p, now);
	} else {
		p->next = w->parked;
		w->parked = p;
		start_due(w, now);
	}
}

/* --- beginning and end -------------------------------------------------------------------- */

static void worker_start(struct reactor *r, void *arg)
{
	struct perf_worker *w = arg;
	uint64_t now = hw_now(r->hw);

	w->outstanding = w->depth;
	w->due = now;
	for (unsigned i = 0; i < w->depth; i++) {
		if (w->interval) {
			w->ios[i].next = w->parked;
			w->parked = &w->ios[i];
		} else if (w->stopping) {
			count_down(w);
		} else {
			submit(w, &w->ios[i], now);
		}
	}
	if (w->interval)
		start_due(w, now);
}

static void worker_stop(struct reactor *r, void *arg)
{
	struct perf_worker *w = arg;

	if (w->outstanding == 0)
		return;
	w->stopping = true;
	w->stopped_at = hw_now(r->hw);
	reactor_timer_cancel(r, &w->timer);
	while (w->parked) {
		w->parked = w->parked->next;
		count_down(w);
	}
}

static void stop_all(struct perf *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	for (unsigned i = 0; i < p->nworkers; i++)
		core_call(host_qpair_reactor(p->workers[i].q), worker_stop, &p->workers[i]);
}

static void tick_fn(struct timer *timer, struct reactor *r)
{
	struct perf *p = container(timer, struct perf, tick);
	uint64_t now = hw_now(r->hw);

	if (now >= p->ends) {
		stop_all(p);
		return;
	}
	if (p->tty)
		perf_progress(p, now);
	reactor_timer_set(r, timer, MIN(p->ends, now + 1000000000));
}

static void worker_setup(struct perf *p, unsigned i)
{
	struct perf_worker *w = &p->workers[i];
	const struct options *o = &p->app->o;
	uint32_t len = p->blocks * p->block_size;

	w->perf = p;
	w->q = host_ctrlr_qpair(p->app->ctrlr, i);
	w->depth = o->depth / p->nworkers + (i < o->depth % p->nworkers);
	w->rng = o->seed ? o->seed + i * 0x9e3779b97f4a7c15u : 0;
	if (!o->seed)
		hw_random(p->app->hw, &w->rng, sizeof(w->rng));
	w->rng |= 1;
	w->next_lba = p->nios / p->nworkers * i;
	if (o->rate)
		w->interval = MAX(1, 1000000000ull * p->nworkers / o->rate);
	timer_init(&w->timer, timer_fn);
	w->ios = g_new0(struct perf_io, w->depth);
	w->data = app_memory(p->app, w->depth, len);
	for (unsigned n = 0; n < w->depth; n++) {
		struct perf_io *io = &w->ios[n];

		io->worker = w;
		io->iov.iov_base = (uint8_t *)w->data->base + n * app_stride(len);
		io->iov.iov_len = len;
		io->io = (struct host_io){ .done = io_done,
					   .iov = &io->iov,
					   .niov = 1,
					   .nsid = p->nsid,
					   .blocks = p->blocks };
		memset(io->iov.iov_base, (int)(n + 1), len);
	}
}

/* Fits the options to the namespace; false: an error was printed. */
static bool fit(struct perf *p, const struct host_ns *ns)
{
	const struct options *o = &p->app->o;
	uint64_t bytes = ns->blocks * ns->block_size;
	unsigned least;

	if (o->size && o->size < bytes)
		bytes = o->size;
	if (o->io_size % ns->block_size || o->io_size > host_ctrlr_max_io(p->app->ctrlr)) {
		g_printerr("weft-host: -o %u: a multiple of the block size %u, at most %u, is "
			   "needed\n",
			   o->io_size, ns->block_size, host_ctrlr_max_io(p->app->ctrlr));
		return false;
	}
	p->nsid = ns->nsid;
	p->block_size = ns->block_size;
	p->blocks = o->io_size / ns->block_size;
	p->nios = bytes / o->io_size;
	p->nworkers = MIN(host_ctrlr_qpairs(p->app->ctrlr), o->depth);
	if (p->nios == 0 || p->nworkers == 0) {
		g_printerr("weft-host: %s\n", p->nworkers ? "the namespace is smaller than an I/O"
							  : "the target granted no I/O queue");
		return false;
	}
	least = host_qpair_depth(host_ctrlr_qpair(p->app->ctrlr, 0)) * p->nworkers;
	if (p->app->o.depth > least) {
		g_printerr("weft-host: -q %u: the target's queue%s %u commands: so many are in "
			   "flight\n",
			   p->app->o.depth, p->nworkers > 1 ? "s together take" : " takes", least);
		p->app->o.depth = least;
	}
	return true;
}

static void start(struct app *app)
{
	const struct host_ns *ns = app_namespace(app);
	struct reactor *r = core_main(app->core);
	struct perf *p;

	if (!ns) {
		app_finish(app, 1);
		return;
	}
	app->work = p = g_new0(struct perf, 1);
	p->app = app;
	if (!fit(p, ns)) {
		g_free(p);
		app->work = NULL;
		app_finish(app, 1);
		return;
	}
	p->tty = isatty(STDERR_FILENO);
	p->workers = aligned_alloc(64, (sizeof(*p->workers) * p->nworkers + 63) & ~63ul);
	memset(p->workers, 0, sizeof(*p->workers) * p->nworkers);
	for (unsigned i = 0; i < p->nworkers; i++)
		worker_setup(p, i);
	timer_init(&p->tick, tick_fn);
	p->started = p->last_time = hw_now(app->hw);
	p->ends = p->started + (uint64_t)(app->o.seconds * 1e9);
	tick_fn(&p->tick, r);
	for (unsigned i = 0; i < p->nworkers; i++)
		core_call(host_qpair_reactor(p->workers[i].q), worker_start, &p->workers[i]);
}

static void stop(struct app *app)
{
	stop_all(app->work);
}

const struct command command_perf = {
	.name = "perf",
	.summary = "measure I/Os a second, bandwidth, latency",
	.start = start,
	.stop = stop,
	.load = true,
};
