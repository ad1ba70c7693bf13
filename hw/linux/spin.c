/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See spin.h for the ideas. All thresholds are here; integers only.
 */
#include "hw/linux/spin.h"

/* A gap that was slept through counts as short up to here: both ends had to wake up. */
#define NEAR_NS (4 * SPIN_BUDGET_NS)
#define NEED_MIN 8u
#define NEED_MAX 1024u
#define MISS_COST 4u
#define MISS_MAX 16u
#define HITS_FORGIVE 64u

/* A trial wants this much to gain, and enough passes to judge by. */
#define TRIAL_PASSES 10u
#define TRIAL_VOTES 2u
#define BACKOFF_MIN_NS UINT64_C(100000000)
#define BACKOFF_MAX_NS UINT64_C(16000000000)
/* A rest as long as this: what comes then is another load. */
#define FORGET_NS UINT64_C(1000000000)
/* So many windows of napping, then a trial whether it is still right. */
#define RETRIAL_WINDOWS 512u
#define EMPTY_NAPS_MAX 1u
/* Windows with half the progress before napping is doubted. */
#define LOW_WINDOWS 2u
/* What a sleep takes from the processor besides passes: arming, poll, the switches. */
#define SLEEP_COST_NS UINT64_C(5000)

void spin_init(struct spin *s, uint64_t spin_ns, uint64_t now)
{
	*s = (struct spin){
		.spin_ns = spin_ns,
		.last = now,
		.idle_since = HW_NEVER,
		.need = NEED_MIN,
		.win.start = now,
		.backoff_ns = BACKOFF_MIN_NS,
	};
}

static void set_mode(struct spin *s, enum spin_mode mode)
{
	s->mode = mode;
	s->windows = 0;
	s->empty_naps = 0;
	s->sparse = false;
	s->trial_naps = false;
	s->open = 0;
	s->closed = 0;
	s->low = 0;
}

static void window_start(struct spin *s, uint64_t now)
{
	s->win = (struct spin_window){ .start = now, .amount = s->amount };
}

static bool napping(const struct spin *s)
{
	return s->mode == SPIN_GATHER || (s->mode == SPIN_TRIAL && s->trial_naps);
}

/* Work came after nothing for gap ns; s->rested tells whether it was spun for. */
static void note_gap(struct spin *s, uint64_t gap)
{
	if (napping(s))
		return;
	if (!s->spinning) {
		s->near = gap <= NEAR_NS ? s->near + 1 : 0;
		if (s->near >= s->need) {
			s->spinning = true;
			s->miss = 0;
			s->hits = 0;
		}
		return;
	}
	if (!s->rested) {
		if (s->miss > 0)
			s->miss--;
		if (++s->hits >= HITS_FORGIVE)
			s->need = NEED_MIN;
		return;
	}
	s->hits = 0;
	s->miss += MISS_COST;
	if (s->miss >= MISS_MAX) {
		s->spinning = false;
		s->near = 0;
		if (s->need < NEED_MAX)
			s->need *= 2;
	}
}

/* Much processor time for little work, and room to do with less? */
static bool worth_a_trial(const struct spin *s, uint64_t now, uint64_t len, uint64_t rate)
{
	uint64_t busy_ns = s->win.awake_ns - s->win.idle_ns;

	return now >= s->retry_at && rate > 0 && s->win.busy >= TRIAL_PASSES &&
	       s->win.awake_ns >= len / 4 && busy_ns <= len - len / 32;
}

static void trial_window(struct spin *s, uint64_t now, uint64_t rate)
{
	if (!s->trial_naps) {
		s->ref_rate = rate;
		s->trial_naps = true;
		/* Nothing to compare with. */
		if (s->win.busy < TRIAL_PASSES || rate == 0)
			set_mode(s, SPIN_STEADY);
		return;
	}
	s->trial_naps = false;
	if (rate >= s->ref_rate - s->ref_rate / 8)
		s->open++;
	else
		s->closed++;
	if (s->open >= TRIAL_VOTES) {
		set_mode(s, SPIN_GATHER);
		s->backoff_ns = BACKOFF_MIN_NS;
	} else if (s->closed >= TRIAL_VOTES) {
		set_mode(s, SPIN_STEADY);
		s->retry_at = now + s->backoff_ns;
		if (s->backoff_ns < BACKOFF_MAX_NS)
			s->backoff_ns *= 2;
	}
}

static void window_end(struct spin *s, uint64_t now)
{
	uint64_t len = now - s->win.start;
	uint64_t rate = (s->amount - s->win.amount) * 1000 / (len / 1000);

	s->windows++;
	switch (s->mode) {
	case SPIN_STEADY:
		if (worth_a_trial(s, now, len, rate)) {
			set_mode(s, SPIN_TRIAL);
			trial_window(s, now, rate);
		}
		break;
	case SPIN_TRIAL:
		trial_window(s, now, rate);
		break;
	case SPIN_GATHER:
		s->low = rate < s->ref_rate / 2 ? s->low + 1 : 0;
		if (s->low >= LOW_WINDOWS)
			set_mode(s, SPIN_STEADY); /* another load */
		else if (s->windows >= RETRIAL_WINDOWS)
			set_mode(s, SPIN_TRIAL);
		else if (s->low == 0)
			s->ref_rate = (s->ref_rate * 7 + rate) / 8;
		if (s->sparse)
			s->sparse = s->win.busy * SPIN_NAP_NS < 2 * len;
		else
			s->sparse = s->win.empty * 3 > s->win.naps;
		break;
	}
	window_start(s, now);
}

static void account(struct spin *s, uint64_t now, unsigned work, uint64_t amount)
{
	uint64_t spent = now - s->last;

	s->amount = amount;
	s->win.awake_ns += spent;
	if (s->napped && work == 0)
		s->win.empty++;
	s->napped = false;
	if (work > 0) {
		s->win.busy++;
		if (s->idle_since != HW_NEVER)
			note_gap(s, now - s->idle_since);
		s->idle_since = HW_NEVER;
		s->rested = false;
		s->empty_naps = 0;
	} else {
		s->win.idle_ns += spent;
		if (s->idle_since == HW_NEVER)
			s->idle_since = s->last;
	}
	s->last = now;
	if (now - s->win.start >= SPIN_WINDOW_NS)
		window_end(s, now);
}

static bool naps_now(const struct spin *s)
{
	return napping(s) && !s->sparse;
}

static enum spin_action nap(struct spin *s)
{
	s->slept = false;
	s->napped = true;
	s->win.naps++;
	return SPIN_NAP;
}

enum spin_action spin_step(struct spin *s, uint64_t now, unsigned work, uint64_t amount)
{
	uint64_t budget = s->spin_ns;

	if (budget == HW_NEVER)
		return SPIN_PASS;
	if (budget == HW_SPIN_ADAPTIVE) {
		account(s, now, work, amount);
		/*
		 * What came during one short pass is better gathered too. A long run
		 * of passes goes on until there is nothing: that may be full load.
		 */
		if (work > 0) {
			if (naps_now(s) && now - s->rested_at < SPIN_NAP_NS / 2)
				return nap(s);
			s->slept = false;
			return SPIN_PASS;
		}
		if (naps_now(s) && s->empty_naps < EMPTY_NAPS_MAX) {
			s->empty_naps++;
			return nap(s);
		}
		budget = s->spinning && !napping(s) ? SPIN_BUDGET_NS : 0;
		/* Awake again for nothing: the budget was spent before. */
		if (s->rested)
			budget = 0;
	} else if (work > 0) {
		s->idle_since = HW_NEVER;
		return SPIN_PASS;
	} else if (s->idle_since == HW_NEVER) {
		s->idle_since = now;
	}
	s->slept = now - s->idle_since >= budget;
	return s->slept ? SPIN_SLEEP : SPIN_PASS;
}

void spin_rested(struct spin *s, uint64_t now)
{
	uint64_t rest = now - s->last;

	s->last = now;
	s->rested = true;
	s->rested_at = now;
	if (s->slept)
		s->win.awake_ns += rest < SLEEP_COST_NS ? rest : SLEEP_COST_NS;
	if (rest < SPIN_WINDOW_NS)
		return;
	/* Rates over a window that was mostly silence say nothing. */
	if (rest >= FORGET_NS) {
		s->backoff_ns = BACKOFF_MIN_NS;
		s->retry_at = 0;
	}
	set_mode(s, SPIN_STEADY);
	window_start(s, now);
}
