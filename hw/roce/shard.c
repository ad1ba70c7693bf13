/* SPDX-License-Identifier: BSD-3-Clause */
/* What a reactor calls: packets in, timers, turns, events. */
#include "hw/roce/shard.h"

#include <string.h>

void roce_shard_init(struct roce_shard *shard, struct roce_device *dev, unsigned index)
{
	struct roce_shard_qps *q = g_new0(struct roce_shard_qps, 1);

	shard->dev = dev;
	shard->index = index;
	shard->events_last = &shard->events;
	shard->qps = q;
	q->nslots = MAX(1, (uint32_t)dev->params.attr.max_qp / dev->params.nshards);
	q->slots = g_new0(struct roce_qp *, q->nslots);
	q->generation = (uint32_t)(dev->params.seed >> 32 & 0xff);
	q->ready_last = &q->ready;
}

void roce_shard_clear(struct roce_shard *shard)
{
	g_assert(shard->qps->used == 0);
	g_free(shard->qps->slots);
	g_free(shard->qps->heap);
	g_free(shard->qps);
}

const struct roce_stats *roce_shard_stats(const struct roce_shard *shard)
{
	return &shard->stats;
}

/* --- events -------------------------------------------------------------------------------- */

void roce_event_queue(struct roce_shard *shard, struct roce_event *event)
{
	struct roce_binding *binding = shard->dev->binding;

	if (event->queued)
		return;
	event->queued = true;
	event->next = NULL;
	*shard->events_last = event;
	shard->events_last = &event->next;
	binding->ops->wake(binding, shard->index);
}

void roce_event_cancel(struct roce_shard *shard, struct roce_event *event)
{
	struct roce_event **at = &shard->events;

	if (!event->queued)
		return;
	event->queued = false;
	while (*at != event)
		at = &(*at)->next;
	*at = event->next;
	if (!*at)
		shard->events_last = at;
}

/* Those that are there now: what they cause comes in the next run. */
static unsigned tell_events(struct roce_shard *shard)
{
	unsigned n = 0;

	for (const struct roce_event *e = shard->events; e; e = e->next)
		n++;
	for (unsigned i = 0; i < n && shard->events; i++) {
		struct roce_event *event = shard->events;

		roce_event_cancel(shard, event);
		event->tell(event);
	}
	return n;
}

/* --- sending -------------------------------------------------------------------------------- */

static bool hand_over(struct roce_shard *shard, struct roce_tx *tx)
{
	struct roce_binding *binding = shard->dev->binding;

	/* Without a link it is as lost on the wire. */
	if (!atomic_load_explicit(&shard->dev->active, memory_order_relaxed)) {
		if (binding->ops->lost)
			binding->ops->lost(binding, shard->index, tx);
		return true;
	}
	if (!binding->ops->send(binding, shard->index, tx))
		return false;
	roce_count(&shard->stats.sent, 1);
	roce_count(&shard->stats.sent_bytes, tx->len);
	return true;
}

static bool send_frame(struct roce_shard *shard, struct roce_tx *tx,
		       const struct roce_icrc_flow *flow, const struct roce_packet *packet,
		       const struct iovec *payload, int n, uint32_t len)
{
	struct roce_frame frame;
	enum roce_error rc = roce_frame_build(&frame, packet, len);

	g_assert(rc == ROCE_OK);
	roce_frame_seal(&frame, flow, payload, n);
	tx->iov[0] = (struct iovec){ .iov_base = frame.head, .iov_len = frame.head_len };
	for (int i = 0; i < n; i++)
		tx->iov[1 + i] = payload[i];
	tx->iov[1 + n] = (struct iovec){ .iov_base = frame.tail, .iov_len = frame.tail_len };
	tx->niov = (uint8_t)(n + 2);
	tx->len = (uint16_t)(frame.head_len + len + frame.tail_len);
	return hand_over(shard, tx);
}

bool roce_qp_send(struct roce_qp *qp, struct roce_packet *packet, struct iovec *payload, int n,
		  uint32_t len)
{
	struct roce_tx tx = {
		.from = &qp->local,
		.to = &qp->remote,
		.tos = qp->tos,
	};

	packet->pkey = ROCE_PKEY_DEFAULT;
	packet->migrated = true; /* as who has no alternate path */
	packet->dest_qp = qp->dest_qpn;
	return send_frame(qp->shard, &tx, &qp->flow, packet, payload, n, len);
}

/* --- queue pair 1 ------------------------------------------------------------------------------
 */

void roce_gsi_listen(struct roce_device *dev,
		     void (*received)(void *user, const struct net_addr *from,
				      const struct net_addr *to, const uint8_t *mad, uint64_t now),
		     void *user)
{
	dev->shards[0].qps->received = received;
	dev->shards[0].qps->received_user = user;
}

bool roce_gsi_send(struct roce_shard *shard, const struct net_addr *from, const struct net_addr *to,
		   const uint8_t mad[256])
{
	struct roce_shard_qps *q = shard->qps;
	struct roce_gsi_item *item;

	if (q->gsi_tail - q->gsi_head == ROCE_GSI_QUEUE)
		return false;
	item = &q->gsi[q->gsi_tail++ % ROCE_GSI_QUEUE];
	item->from = *from;
	item->to = *to;
	item->from.port = item->to.port = ROCE_UDP_PORT;
	memcpy(item->mad, mad, sizeof(item->mad));
	shard->dev->binding->ops->wake(shard->dev->binding, shard->index);
	return true;
}

static bool send_mad(struct roce_shard *shard, struct roce_gsi_item *item)
{
	struct roce_packet packet = {
		.opcode = ROCE_UD_SEND_ONLY,
		.migrated = true,
		.pkey = ROCE_PKEY_DEFAULT,
		.dest_qp = ROCE_GSI_QPN,
		.psn = shard->qps->gsi_psn++ & ROCE_PSN_MASK,
		.qkey = ROCE_GSI_QKEY,
		.src_qp = ROCE_GSI_QPN,
	};
	struct iovec payload = { .iov_base = item->mad, .iov_len = sizeof(item->mad) };
	struct roce_tx tx = { .from = &item->from, .to = &item->to };
	struct roce_icrc_flow flow;

	roce_icrc_flow_init(&flow, &item->from, &item->to);
	return send_frame(shard, &tx, &flow, &packet, &payload, 1, sizeof(item->mad));
}

static unsigned send_mads(struct roce_shard *shard)
{
	struct roce_shard_qps *q = shard->qps;
	unsigned n = 0;

	while (q->gsi_head != q->gsi_tail &&
	       send_mad(shard, &q->gsi[q->gsi_head % ROCE_GSI_QUEUE])) {
		q->gsi_head++;
		n++;
	}
	return n;
}

/* --- receiving
 * ------------------------------------------------------------------------------------ */

static void receive_mad(struct roce_shard *shard, const struct net_addr *from,
			const struct net_addr *to, const struct roce_packet *p, uint64_t now)
{
	struct roce_shard_qps *q = shard->qps;

	if (p->info->kind != ROCE_KIND_DATAGRAM || p->qkey != ROCE_GSI_QKEY ||
	    p->payload_len != 256) {
		roce_count(&shard->stats.bad_packets, 1);
		return;
	}
	if (q->received)
		q->received(q->received_user, from, to, p->payload, now);
}

/* NULL: nobody's, or somebody else's packet. */
static struct roce_qp *owner(struct roce_shard *shard, const struct net_addr *from,
			     const struct net_addr *to, const struct roce_packet *p)
{
	struct roce_qp *qp = roce_qp_find(shard, p->dest_qp);

	if (!qp || (p->pkey & 0x7fff) != (ROCE_PKEY_DEFAULT & 0x7fff)) {
		roce_count(&shard->stats.no_qp, 1);
		return NULL;
	}
	if ((qp->state != IBV_QPS_RTR && qp->state != IBV_QPS_RTS) ||
	    !net_addr_same_host(from, &qp->remote) || !net_addr_same_host(to, &qp->local)) {
		roce_count(&shard->stats.wrong_state, 1);
		return NULL;
	}
	return qp;
}

static void dispatch(struct roce_qp *qp, const struct roce_packet *p, uint8_t tos, uint64_t now)
{
	if ((tos & 3) == 3 && qp->shard->dev->params.dcqcn) {
		roce_count(&qp->shard->stats.ecn_marked, 1);
		if (roce_dcqcn_marked(qp, now))
			roce_qp_ready(qp);
	}
	switch (p->info->kind) {
	case ROCE_KIND_ACK:
	case ROCE_KIND_READ_RESPONSE:
		roce_completer_receive(qp, p, now);
		break;
	case ROCE_KIND_SEND:
	case ROCE_KIND_WRITE:
	case ROCE_KIND_READ_REQUEST:
	case ROCE_KIND_ATOMIC:
		roce_responder_receive(qp, p);
		break;
	case ROCE_KIND_CNP:
		roce_count(&qp->shard->stats.cnps_received, 1);
		roce_dcqcn_cnp(qp, now);
		break;
	default:
		roce_count(&qp->shard->stats.bad_packets, 1);
		break;
	}
	roce_qp_timer(qp);
}

void roce_shard_receive(struct roce_shard *shard, const struct net_addr *from,
			const struct net_addr *to, uint8_t tos, const void *data, size_t len,
			uint64_t now)
{
	struct roce_packet p;
	struct roce_qp *qp;

	if (!atomic_load_explicit(&shard->dev->active, memory_order_relaxed))
		return;
	if (roce_packet_parse(&p, data, len) != ROCE_OK) {
		roce_count(&shard->stats.bad_packets, 1);
		return;
	}
	roce_count(&shard->stats.received, 1);
	roce_count(&shard->stats.received_bytes, len);
	if (p.dest_qp == ROCE_GSI_QPN) {
		receive_mad(shard, from, to, &p, now);
		return;
	}
	roce_enter(shard);
	qp = owner(shard, from, to, &p);
	if (qp)
		dispatch(qp, &p, tos, now);
	roce_leave(shard);
}

void roce_shard_bad_icrc(struct roce_shard *shard)
{
	roce_count(&shard->stats.bad_icrc, 1);
}

/* --- run
 * ---------------------------------------------------------------------------------------------- */

static unsigned run_timers(struct roce_shard *shard, uint64_t now)
{
	unsigned n = 0;

	for (;;) {
		struct roce_qp *qp = roce_first_timer(shard);

		if (!qp || qp->timer > now)
			return n;
		if (roce_qp_deadline(qp) <= now) {
			roce_requester_timer(qp, now);
			roce_dcqcn_timer(qp, now);
			n++;
		}
		roce_qp_retime(qp);
	}
}

/* Everybody once, at most. */
static unsigned run_turns(struct roce_shard *shard, uint64_t now, unsigned budget)
{
	struct roce_qp *first_again = NULL;
	unsigned n = 0;

	while (n < budget && shard->qps->ready && shard->qps->ready != first_again) {
		struct roce_qp *qp = roce_next_ready(shard);
		unsigned turn = MIN(ROCE_TURN, budget - n);
		unsigned sent = roce_reply_run(qp, turn);

		sent += roce_requester_run(qp, now, turn - sent);
		sent += roce_reply_ack(qp, sent > 0);
		n += sent;
		roce_qp_timer(qp);
		if (!roce_reply_wants(qp) && !roce_requester_wants(qp, now))
			continue;
		roce_qp_ready(qp);
		if (!first_again)
			first_again = qp;
	}
	return n;
}

unsigned roce_shard_run(struct roce_shard *shard, uint64_t now, unsigned budget)
{
	struct roce_binding *binding = shard->dev->binding;
	unsigned n;

	roce_enter(shard);
	n = send_mads(shard);
	n += run_timers(shard, now);
	n += run_turns(shard, now, budget);
	binding->ops->flush(binding, shard->index);
	roce_leave(shard);
	/* Outside: they may take memory away, which waits for all who are inside. */
	return n + tell_events(shard);
}

uint64_t roce_shard_deadline(const struct roce_shard *shard)
{
	const struct roce_qp *first = roce_first_timer(shard);

	if (shard->events || shard->qps->ready || shard->qps->gsi_head != shard->qps->gsi_tail)
		return 0;
	return first ? first->timer : HW_NEVER;
}
