/* SPDX-License-Identifier: BSD-3-Clause */
/* See wire-rc-duty.h. */
#include "sim/oracle/wire-rc-duty.h"

#include <glib.h>

/* Clocks may be slow, and a pass may take its time; but no ACK timeout (67 ms) is a part of it. */
#define LATE UINT64_C(25000000)
/* What comes sooner than that after another may have come with it. */
#define APART UINT64_C(20000000)
#define OFTEN 3
/* A gap is told in the same turn, but for answers to READs that come before. */
#define SOON UINT64_C(3000000)
/* An NVMe/RDMA target answers Connect in that time if it answers it at all. */
#define FIRST UINT64_C(1500000000)

/* --- asking ------------------------------------------------------------------------------- */

void rc_duty_not_ready(struct rc_duty *d, uint64_t pos, uint64_t wait, uint64_t now)
{
	d->must_back = true;
	d->back_pos = pos;
	d->back_told = now;
	d->back_late = now + 2 * wait + LATE;
}

void rc_duty_progress(struct rc_duty *d, uint64_t una)
{
	d->must_back &= d->back_pos >= una;
}

char *rc_duty_request(struct rc_duty *d, uint64_t pos, uint64_t now, uint64_t awake)
{
	if (!d->must_back)
		return NULL;
	d->must_back = false;
	if (pos > d->back_pos)
		return g_strdup("it goes on behind what its receiver was not ready for");
	if (now > d->back_late && awake < d->back_told)
		return g_strdup_printf("%" G_GUINT64_FORMAT
				       " ns after an RNR NAK, which is %" G_GUINT64_FORMAT
				       " ns too late",
				       now - d->back_told, now - d->back_late);
	return NULL;
}

/* --- answering ------------------------------------------------------------------------------- */

char *rc_duty_taken(struct rc_duty *d, uint64_t pos, uint64_t hi, uint64_t now, uint64_t awake)
{
	if (pos == hi) {
		d->told = d->gap = false;
		return NULL;
	}
	if (pos < hi || (d->told && d->told_pos == hi))
		return NULL;
	if (!d->gap || d->gap_pos != hi || awake >= d->gap_since) {
		d->gap = true;
		d->gap_pos = hi;
		d->gap_since = now;
		return NULL;
	}
	if (now < d->gap_since + SOON)
		return NULL;
	d->gap_since = now;
	return g_strdup("a gap before it has not been told");
}

char *rc_duty_again(struct rc_duty *d, uint64_t pos, uint64_t now, uint64_t awake)
{
	if (d->again == 0 || d->again_pos != pos || awake >= d->again_last) {
		d->again = 0;
		d->again_pos = pos;
	} else if (now < d->again_last + APART) {
		return NULL;
	}
	d->again_last = now;
	if (++d->again < OFTEN)
		return NULL;
	d->again = 0;
	return g_strdup_printf("it has come %u times without an answer", OFTEN);
}

void rc_duty_answered(struct rc_duty *d)
{
	d->again = 0;
}

char *rc_duty_nak(struct rc_duty *d, uint64_t pos, bool gap)
{
	bool twice = gap && d->told && d->told_pos == pos;

	d->told = true;
	d->told_pos = pos;
	return twice ? g_strdup("it tells the same gap once more") : NULL;
}

void rc_duty_first(struct rc_duty *d, bool back, uint64_t now)
{
	if (!d->replied) {
		d->asked = !back;
		d->waits_since = now;
	}
}

void rc_duty_ready(struct rc_duty *d, uint64_t now)
{
	if (!d->ready)
		d->waits_since = now;
	d->ready = true;
}

/* --- ending ------------------------------------------------------------------------------------
 */

char *rc_duty_left(struct rc_duty *d, uint64_t now, uint64_t awake)
{
	if (!d->asked || !d->ready || d->replied || awake >= d->waits_since ||
	    now < d->waits_since + FIRST)
		return NULL;
	return g_strdup_printf(
		"the first message to its peer has had no answer for %" G_GUINT64_FORMAT " ms",
		(now - d->waits_since) / 1000000);
}

char *rc_duty_dreq(struct rc_duty *d, uint64_t now, uint64_t awake)
{
	if (d->dreqs > 0 && awake >= d->dreq_last)
		d->dreqs = 0;
	if (d->dreqs > 0 && now < d->dreq_last + APART)
		return NULL;
	d->dreq_last = now;
	if (++d->dreqs < 2)
		return NULL;
	d->dreqs = 0;
	return g_strdup("a disconnect request comes again, since the one before was not answered");
}

void rc_duty_drep(struct rc_duty *d)
{
	d->dreqs = 0;
}
