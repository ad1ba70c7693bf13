/* SPDX-License-Identifier: BSD-3-Clause */
/* The monitor of reliable connections: answers that are sent. See wire-rc.h. */
#include "sim/oracle/wire-rc-priv.h"

enum { NAK_SEQUENCE, NAK_INVALID, NAK_ACCESS };

/* It said that it has not taken that one, nor what came after it. */
static void refused(struct rc_qp *qp, uint64_t pos)
{
	while (qp->taken->len > 0 &&
	       g_array_index(qp->taken, struct taken, qp->taken->len - 1).pos >= pos)
		g_array_set_size(qp->taken, qp->taken->len - 1);
	qp->hi = pos;
	qp->has_forbidden &= qp->forbidden < pos;
	qp->msn = qp->taken->len > 0
			  ? g_array_index(qp->taken, struct taken, qp->taken->len - 1).msn
			  : 0;
}

static void check_msn(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	if (((qp->msn - p->msn) & 0xffffff) >= 0x800000)
		rc_violation(o, qp, "MSN %u, but only %u messages have come", p->msn, qp->msn);
	/* An answer to a READ may tell the MSN that it had when it was asked. */
	if (p->what != RC_ACK)
		return;
	if (((p->msn - qp->told_msn) & 0xffffff) >= 0x800000)
		rc_violation(o, qp, "MSN %u after %u", p->msn, qp->told_msn);
	qp->told_msn = p->msn;
}

/* An answer to what came after a READ says that the READ has been answered. */
static void check_reads_before(struct oracle_rc *o, struct rc_qp *qp, uint64_t pos)
{
	for (guint i = qp->taken->len; i-- > 0;) {
		const struct taken *t = &g_array_index(qp->taken, struct taken, i);

		if (t->pos + t->n <= qp->acked)
			return;
		if (t->read && !t->answered && t->pos < pos) {
			rc_violation(o, qp, "it answers what came after a READ before the READ");
			return;
		}
	}
}

/* A NAK that ends the connection: of a READ or a WRITE that was as it should be? */
static void check_refusal(struct oracle_rc *o, struct rc_qp *qp, unsigned code, uint64_t pos)
{
	const struct taken *t = rc_find_taken(qp, pos);
	unsigned open = 0;

	if (t == NULL || t->len == 0)
		return;
	for (guint i = 0; i < qp->taken->len; i++) {
		const struct taken *other = &g_array_index(qp->taken, struct taken, i);

		open += other->read && !other->answered && other->pos < pos;
	}
	if (code == NAK_INVALID && t->read && t->pos == pos && open < qp->peer->reads)
		rc_violation(o, qp, "it refuses a READ, where %u of %u are under way", open,
			     qp->peer->reads);
	if (code == NAK_ACCESS && rc_is_allowed(o, qp, t->rkey, t->va, t->len, !t->read))
		rc_violation(o, qp, "it refuses a %s that a key allows",
			     t->read ? "READ" : "WRITE");
}

void rc_ack_sent(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	uint64_t pos = rc_at(qp->hi, qp->first, p->psn);
	unsigned kind = p->syndrome >> 5;

	rc_duty_answered(&qp->duty);
	check_msn(o, qp, p);
	if ((p->syndrome & 0x7f) <= 0x60)
		check_reads_before(o, qp, pos + (kind == 0));
	if (kind == 0) {
		o->counts.acks++;
		if ((int64_t)pos >= (int64_t)qp->hi)
			rc_violation(o, qp, "it acknowledges what has not come");
		else if ((int64_t)(pos + 1) < (int64_t)qp->acked)
			rc_violation(o, qp, "it acknowledges less than before");
		else
			qp->acked = pos + 1;
		if (qp->has_forbidden && pos >= qp->forbidden)
			rc_violation(o, qp,
				     "it has taken a WRITE that no key of its memory allows");
		return;
	}
	if ((int64_t)pos > (int64_t)qp->hi)
		rc_violation(o, qp, "a NAK of what has not come, behind a gap");
	else if ((int64_t)pos < (int64_t)qp->acked)
		rc_violation(o, qp,
			     "a NAK (syndrome 0x%02x) of %" G_GUINT64_FORMAT
			     ", where it has acknowledged all below %" G_GUINT64_FORMAT,
			     p->syndrome, pos, qp->acked);
	if (kind == 1) {
		o->counts.rnrs++;
		rc_omission(o, qp, rc_duty_nak(&qp->duty, pos, false));
		refused(qp, pos);
		if (qp->msn == 0)
			rc_duty_first(&qp->duty, true, o->now);
	} else if (kind == 3) {
		o->counts.naks++;
		o->counts.access_naks += (p->syndrome & 31) == NAK_ACCESS;
		rc_omission(o, qp, rc_duty_nak(&qp->duty, pos, (p->syndrome & 31) == NAK_SEQUENCE));
		check_refusal(o, qp, p->syndrome & 31, pos);
		refused(qp, pos);
		if ((p->syndrome & 31) != 0)
			rc_end(qp, "its own NAK that ends the connection");
	} else {
		rc_violation(o, qp, "a reserved syndrome");
	}
}

static bool part_fits(const struct rc_packet *p, const struct taken *t, uint64_t pos)
{
	bool last = pos == t->pos + t->n - 1;

	for (unsigned i = 0; i < MIN(t->nfrom, RESTARTS); i++) {
		bool first = pos == t->from[i];
		enum rc_part part = first  ? (last ? RC_ONLY : RC_FIRST)
				    : last ? RC_LAST
					   : RC_MIDDLE;

		if (pos >= t->from[i] && p->part == part)
			return true;
	}
	return false;
}

void rc_response_sent(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	uint64_t pos = rc_at(qp->hi, qp->first, p->psn), k;
	struct taken *t = rc_find_taken(qp, pos);
	uint32_t len;

	o->counts.responses++;
	rc_duty_answered(&qp->duty);
	if (p->part != RC_MIDDLE)
		check_msn(o, qp, p);
	if (t == NULL || !t->read) {
		rc_violation(o, qp, "nobody has asked for it");
		return;
	}
	k = pos - t->pos;
	len = k + 1 < t->n ? qp->mtu : t->len - (uint32_t)(k * qp->mtu);
	if (p->payload != len)
		rc_violation(o, qp, "%u bytes of a READ where %u are due", p->payload, len);
	if (len > 0 && !rc_is_allowed(o, qp, t->rkey, t->va + k * qp->mtu, len, false))
		rc_violation(o, qp, "it lets memory be read that no key allows");
	if (!part_fits(p, t, pos))
		rc_violation(o, qp, "it is another part of the answer");
	qp->acked = MAX(qp->acked, t->pos);
	t->answered |= k + 1 == t->n;
}
