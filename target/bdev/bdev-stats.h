/* SPDX-License-Identifier: BSD-3-Clause */
/* Statistics of bdevs for who shows them. Main reactor. */
#pragma once

#include "target/bdev/bdev.h"
#include "target/core/hist.h"

enum bdev_reset { BDEV_RESET_ALL, BDEV_RESET_MAXMIN, BDEV_RESET_ERROR, BDEV_RESET_NONE };

struct bdev_stats_all {
	char *name;
	enum bdev_reset mode;
	bool want_hist;
	void (*done)(struct bdev_stats_all *all);
	void *arg;
	bool has[CORE_MAX_REACTORS];
	uint32_t inflight[CORE_MAX_REACTORS]; /* I/Os under way */
	unsigned n;			      /* reactors */
	struct bdev_stats of[];		      /* by reactor */
};

/* A copy of each reactor's; done frees it. They are reset by mode once copied. */
void bdev_stats_collect(struct bdev *bdev, enum bdev_reset mode, bool want_hist,
			void (*done)(struct bdev_stats_all *all), void *arg);
void bdev_stats_all_free(struct bdev_stats_all *all);
void bdev_stats_add(struct bdev_stats *into, const struct bdev_stats *from);

/* Looks at the queue depth every period (us), and adds up; 0: no more. */
struct bdev_sampling {
	struct bdev *bdev;
	struct timer timer;
	uint64_t period;
	uint64_t depth;		   /* I/Os under way when last looked at, all reactors */
	uint64_t io_time;	   /* us with any */
	uint64_t weighted_io_time; /* us, times the depth */
	_Atomic uint64_t sum;	   /* while looking */
	bool looking;
};
void bdev_sampling_set(struct bdev *bdev, uint64_t period);

/* A new, empty histogram of these ops (1 << enum bdev_op); 0: none any more. */
void bdev_histogram_set(struct bdev *bdev, uint32_t ops, void (*done)(void *arg), void *arg);
