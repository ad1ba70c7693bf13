/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of bdevs: counted on each reactor for itself (bdev-io.c), added up
 * here when asked for. Times are of the reactor's clock, which stands during a
 * pass: an I/O that ends in the pass it began in took no time.
 */
#include <stdatomic.h>
#include <string.h>

#include "target/bdev/bdev-stats.h"
#include "target/bdev/bdev-priv.h"
#include "target/nvme/nvme.h"

struct bdev_stats *bdev_stats_of(struct bdev *bdev, const struct reactor *r)
{
	struct bdev_stats **s = &bdev->stats[r->index];

	if (*s == NULL)
		*s = g_aligned_alloc0(1, sizeof(**s), 64);
	return *s;
}

void bdev_stats_error(struct bdev_channel *ch, uint16_t status)
{
	static const struct {
		uint16_t status;
		enum bdev_error_kind kind;
	} kinds[] = {
		{ NVME_SC_INTERNAL_ERROR, BDEV_E_FAILED },
		{ NVME_SC_ABORT_REQUESTED, BDEV_E_ABORTED },
		{ NVME_SC_COMPARE_FAILURE, BDEV_E_MISCOMPARE },
	};
	enum bdev_error_kind kind = BDEV_E_NVME;

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if ((status & ~NVME_DNR) == kinds[i].status)
			kind = kinds[i].kind;
	}
	ch->stats->errors[kind]++;
}

/* --- queue depth ---------------------------------------------------------------------- */

static void count_inflight(struct bdev *bdev, struct reactor *r, void *arg)
{
	const struct bdev_channel *ch = bdev->channels[r->index];
	struct bdev_sampling *s = arg;

	if (ch != NULL)
		atomic_fetch_add_explicit(&s->sum, ch->inflight, memory_order_relaxed);
}

static void next_sample(struct bdev_sampling *s)
{
	struct reactor *r = core_main(bdev_layer_core(s->bdev->layer));

	/* A look that is under way ends in here. */
	if (s->period == 0 || s->bdev->removing)
		reactor_timer_cancel(r, &s->timer);
	else if (!s->looking)
		reactor_timer_set(r, &s->timer, r->now + s->period * 1000);
}

static void counted(void *arg)
{
	struct bdev_sampling *s = arg;

	s->looking = false;
	s->depth = atomic_load_explicit(&s->sum, memory_order_relaxed);
	if (s->depth > 0)
		s->io_time += s->period;
	s->weighted_io_time += s->period * s->depth;
	next_sample(s);
}

static void sample(struct timer *timer, struct reactor *r)
{
	struct bdev_sampling *s =
		(struct bdev_sampling *)((char *)timer - offsetof(struct bdev_sampling, timer));

	(void)r;
	if (s->bdev->removing)
		return;
	s->looking = true;
	atomic_store_explicit(&s->sum, 0, memory_order_relaxed);
	bdev_broadcast(s->bdev, count_inflight, counted, s);
}

void bdev_sampling_set(struct bdev *bdev, uint64_t period)
{
	struct bdev_sampling *s = bdev->sampling;

	if (s == NULL) {
		s = bdev->sampling = g_new0(struct bdev_sampling, 1);
		s->bdev = bdev;
		timer_init(&s->timer, sample);
	}
	s->period = period;
	s->depth = s->io_time = s->weighted_io_time = 0;
	next_sample(s);
}

void bdev_stats_free(struct bdev *bdev)
{
	if (bdev->sampling != NULL) {
		reactor_timer_cancel(core_main(bdev_layer_core(bdev->layer)),
				     &bdev->sampling->timer);
		g_free(g_steal_pointer(&bdev->sampling));
	}
	for (unsigned i = 0; i < CORE_MAX_REACTORS; i++) {
		if (bdev->stats[i] == NULL)
			continue;
		g_free(bdev->stats[i]->hist);
		g_aligned_free(g_steal_pointer(&bdev->stats[i]));
	}
}

static void reset(struct bdev_stats *s, enum bdev_reset mode)
{
	if (mode == BDEV_RESET_ALL)
		memset(s->op, 0, sizeof(s->op));
	if (mode == BDEV_RESET_ALL || mode == BDEV_RESET_ERROR)
		memset(s->errors, 0, sizeof(s->errors));
	if (mode != BDEV_RESET_MAXMIN)
		return;
	for (unsigned i = 0; i < BDEV_OP_COUNT; i++) {
		s->op[i].max = 0;
		s->op[i].min = UINT64_MAX; /* of nothing, until the next one */
	}
}

void bdev_stats_add(struct bdev_stats *into, const struct bdev_stats *from)
{
	for (unsigned i = 0; i < BDEV_OP_COUNT; i++) {
		struct bdev_op_stats *a = &into->op[i];
		const struct bdev_op_stats *b = &from->op[i];

		if (b->ops == 0)
			continue;
		a->max = MAX(a->max, b->max);
		a->min = a->ops == 0 ? b->min : MIN(a->min, b->min);
		a->ops += b->ops;
		a->bytes += b->bytes;
		a->ticks += b->ticks;
	}
	for (unsigned i = 0; i < BDEV_E_COUNT; i++)
		into->errors[i] += from->errors[i];
	into->throttled += from->throttled;
}

/* --- collecting ---------------------------------------------------------------------- */

static void collect(struct bdev *bdev, struct reactor *r, void *arg)
{
	struct bdev_stats_all *all = arg;
	struct bdev_stats *s = bdev->stats[r->index];

	if (s == NULL)
		return;
	all->has[r->index] = true;
	all->of[r->index] = *s;
	if (bdev->channels[r->index] != NULL)
		all->inflight[r->index] = bdev->channels[r->index]->inflight;
	all->of[r->index].hist = NULL;
	if (s->hist != NULL && all->want_hist) {
		all->of[r->index].hist = g_new(struct hist, 1);
		*all->of[r->index].hist = *s->hist;
	}
	reset(s, all->mode);
}

static void collected(void *arg)
{
	struct bdev_stats_all *all = arg;

	all->done(all);
}

void bdev_stats_collect(struct bdev *bdev, enum bdev_reset mode, bool want_hist,
			void (*done)(struct bdev_stats_all *all), void *arg)
{
	unsigned n = bdev_layer_core(bdev->layer)->nreactors;
	struct bdev_stats_all *all = g_malloc0(sizeof(*all) + n * sizeof(all->of[0]));

	all->n = n;
	all->mode = mode;
	all->want_hist = want_hist;
	all->done = done;
	all->arg = arg;
	all->name = g_strdup(bdev->name);
	bdev_broadcast(bdev, collect, collected, all);
}

void bdev_stats_all_free(struct bdev_stats_all *all)
{
	for (unsigned i = 0; i < all->n; i++)
		g_free(all->of[i].hist);
	g_free(all->name);
	g_free(all);
}

/* --- histogram ------------------------------------------------------------------------ */

struct hist_op {
	uint32_t ops;
	void (*done)(void *arg);
	void *arg;
};

static void set_hist(struct bdev *bdev, struct reactor *r, void *arg)
{
	const struct hist_op *op = arg;
	struct bdev_stats *s = bdev_stats_of(bdev, r);
	struct bdev_channel *ch = bdev->channels[r->index];

	g_free(g_steal_pointer(&s->hist));
	if (op->ops != 0)
		s->hist = g_new0(struct hist, 1);
	s->hist_ops = op->ops;
	if (ch != NULL)
		bdev_channel_slow(ch, BDEV_SLOW_HIST, s->hist != NULL);
}

static void hist_set(void *arg)
{
	struct hist_op *op = arg;

	op->done(op->arg);
	g_free(op);
}

void bdev_histogram_set(struct bdev *bdev, uint32_t ops, void (*done)(void *arg), void *arg)
{
	struct hist_op *op = g_new0(struct hist_op, 1);

	op->ops = ops;
	op->done = done;
	op->arg = arg;
	bdev->hist_ops = ops;
	bdev_broadcast(bdev, set_hist, hist_set, op);
}
