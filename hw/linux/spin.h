/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a runner passes again, naps or sleeps: a pure state machine, without a
 * clock or a thread of its own. The runner tells it how each pass went and does
 * what it answers.
 *
 * Adaptive (HW_SPIN_ADAPTIVE), it answers three questions:
 *
 * Does work come soon after it ran out? Then spinning pays: a peer at queue
 * depth 1 is answered without a wake-up. Gaps between work are counted, asleep
 * or not; spinning starts after a row of short ones and ends when it is in vain
 * too often, each time harder to start again.
 *
 * Is the processor busy with little? Then several requests may as well be
 * gathered: a nap of some tens of microseconds instead of spinning or of a
 * wake-up for each. A trial shows who sets the pace. The progress made (bytes
 * moved) stays the same with an open loop; it falls with a closed one, whose
 * peer waits for us. Then napping is not tried again for a while, twice as long
 * each time. A trial is the best of three pairs of windows, without and with
 * naps side by side: on a busy machine one alone would measure the scheduler.
 *
 * Where less than two requests would come during a nap, an open loop is served by
 * plain sleep: a nap costs a sleep too.
 *
 * Is there work in every pass? Then neither.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hw/env.h"

enum spin_action {
	SPIN_PASS,  /* pass again at once */
	SPIN_NAP,   /* sleep for nap_ns, by timer only, then pass */
	SPIN_SLEEP, /* arm, sleep until something happens */
};

enum spin_mode {
	SPIN_STEADY, /* no naps */
	SPIN_TRIAL,  /* windows with and without naps in turn, to see whether progress falls */
	SPIN_GATHER, /* naps, since it did not */
};

/* What happened since start. */
struct spin_window {
	uint64_t start;
	uint64_t awake_ns;    /* in passes, with or without work */
	uint64_t idle_ns;     /* of these, without */
	uint64_t amount;      /* value of the progress counter at start */
	unsigned busy;	      /* passes with work */
	unsigned naps, empty; /* naps, and those after which there was nothing */
};

struct spin {
	uint64_t spin_ns;    /* as in struct hw_runner_params */
	uint64_t last;	     /* clock at the last call */
	uint64_t amount;     /* progress counter at the last call */
	uint64_t idle_since; /* HW_NEVER: the last pass had work */

	bool spinning;
	bool slept;	    /* the last answer was to sleep */
	bool napped;	    /* the last answer was to nap */
	bool rested;	    /* slept or napped since work ran out */
	uint64_t rested_at; /* end of the last rest */
	unsigned near;	    /* short gaps in a row while not spinning */
	unsigned need;	    /* so many start spinning */
	unsigned miss;	    /* how often spinning was in vain, weighed */
	unsigned hits;	    /* in a row */

	enum spin_mode mode;
	struct spin_window win;
	bool trial_naps;     /* this window of the trial is with naps */
	unsigned open;	     /* trial windows in which progress did not fall */
	unsigned closed;     /* and in which it did */
	uint64_t ref_rate;   /* progress a millisecond to compare with */
	unsigned windows;    /* of this mode */
	unsigned low;	     /* windows of napping in a row with little progress */
	unsigned empty_naps; /* in a row */
	bool sparse;	     /* gathering: too little comes for a nap, sleep until it does */
	uint64_t retry_at;   /* no trial before */
	uint64_t backoff_ns;
};

#define SPIN_BUDGET_NS UINT64_C(100000)
#define SPIN_NAP_NS UINT64_C(70000)
#define SPIN_WINDOW_NS UINT64_C(2000000)

void spin_init(struct spin *s, uint64_t spin_ns, uint64_t now);
/*
 * A pass has ended at now that did work units; amount is a counter of bytes
 * moved that only grows. For SPIN_NAP, SPIN_NAP_NS is the time to nap.
 */
enum spin_action spin_step(struct spin *s, uint64_t now, unsigned work, uint64_t amount);
/* A nap or sleep that began right after the last spin_step() is over. */
void spin_rested(struct spin *s, uint64_t now);
