/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The responder: requests of the peer, each executed once, in the order of their PSNs.
 * Whatever the peer may send is checked here: order of opcodes, lengths, keys, ranges.
 */
#include <string.h>

#include "hw/roce/qp.h"

#define DOING_NOTHING 0xff

void roce_responder_fail(struct roce_qp *qp, uint32_t psn, enum roce_nak nak,
			 enum ibv_event_type event)
{
	roce_owe_nak(qp, psn, roce_aeth_syndrome(ROCE_AETH_NAK, nak));
	roce_qp_error(qp);
	roce_qp_tell(qp, event);
}

static void refuse(struct roce_qp *qp, const struct roce_packet *p)
{
	roce_responder_fail(qp, p->psn, ROCE_NAK_INVALID_REQUEST, IBV_EVENT_QP_REQ_ERR);
}

static void refuse_access(struct roce_qp *qp, const struct roce_packet *p)
{
	roce_count(&qp->shard->stats.bad_key, 1);
	roce_responder_fail(qp, p->psn, ROCE_NAK_REMOTE_ACCESS, IBV_EVENT_QP_ACCESS_ERR);
}

/* --- what came before ----------------------------------------------------------------------- */

/* A READ that is asked for again, from somewhere in it on to its end. */
static bool read_again(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;

	for (unsigned n = 0; n < rsp->nreads; n++) {
		struct roce_read *r = &rsp->reads[(rsp->first_read + n) % rsp->max_reads];
		int32_t from = roce_psn_diff(p->psn, r->psn);
		uint32_t skipped;

		if (from < 0 || from >= (int32_t)r->npsn)
			continue;
		skipped = (uint32_t)from << qp->mtu_shift;
		if (p->va != r->va + skipped || p->rkey != r->rkey ||
		    p->dma_len != r->len - skipped)
			return false;
		r->start = r->at = (uint32_t)from;
		return true;
	}
	return false;
}

static void duplicate(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;

	roce_count(&qp->shard->stats.duplicates, 1);
	if (p->info->kind == ROCE_KIND_READ_REQUEST) {
		if (read_again(qp, p))
			roce_qp_ready(qp);
		return;
	}
	/* A NAK that waits to be sent says as much, and more. */
	if (rsp->owed == ROCE_OWED_NOTHING && p->info->kind != ROCE_KIND_ATOMIC)
		roce_owe_ack(qp, roce_psn_add(rsp->epsn, ROCE_PSN_MASK));
}

/* --- receives -----------------------------------------------------------------------------------
 */

static void not_ready(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;
	const struct roce_params *params = &qp->shard->dev->params;

	if (params->transport == IBV_TRANSPORT_IWARP ||
	    !(params->attr.device_cap_flags & IBV_DEVICE_RC_RNR_NAK_GEN)) {
		roce_responder_fail(qp, p->psn, ROCE_NAK_REMOTE_OPERATIONAL, IBV_EVENT_QP_FATAL);
		return;
	}
	rsp->nak_sent = true; /* what follows is known to come too early */
	rsp->beyond = p->psn;
	roce_owe_nak(qp, p->psn, roce_aeth_syndrome(ROCE_AETH_RNR, rsp->rnr_timer));
}

static void fail_receive(struct roce_qp *qp, enum ibv_wc_status status)
{
	struct ibv_wc wc = { .wr_id = qp->rsp.recv->wr_id,
			     .status = status,
			     .opcode = IBV_WC_RECV };

	roce_recv_done(qp, &wc);
}

static void end_receive(struct roce_qp *qp, const struct roce_packet *p, enum ibv_wc_opcode opcode,
			uint32_t len)
{
	struct ibv_wc wc = {
		.wr_id = qp->rsp.recv->wr_id,
		.status = IBV_WC_SUCCESS,
		.opcode = opcode,
		.byte_len = len,
		.src_qp = qp->dest_qpn,
	};

	if (p->info->ext & ROCE_EXT_IMM) {
		wc.wc_flags |= IBV_WC_WITH_IMM;
		wc.imm_data = htobe32(p->imm);
	}
	if (p->info->ext & ROCE_EXT_IETH) {
		wc.wc_flags |= IBV_WC_WITH_INV;
		wc.invalidated_rkey = p->rkey;
	}
	roce_recv_done(qp, &wc);
}

/* --- requests: true when done, false when refused or put off (all is said then) ----------------
 */

static bool take_send(struct roce_qp *qp, const struct roce_packet *p, bool first, bool last)
{
	struct roce_responder *rsp = &qp->rsp;

	if (first) {
		rsp->got = 0;
		if (!roce_recv_take(qp)) {
			not_ready(qp, p);
			return false;
		}
	}
	if (rsp->got + p->payload_len > rsp->recv->len) {
		fail_receive(qp, IBV_WC_LOC_LEN_ERR);
		refuse(qp, p);
		return false;
	}
	if (!roce_sge_scatter(qp, rsp->recv->sge, rsp->recv->nsge, IBV_ACCESS_LOCAL_WRITE, rsp->got,
			      p->payload, p->payload_len)) {
		fail_receive(qp, IBV_WC_LOC_PROT_ERR);
		roce_responder_fail(qp, p->psn, ROCE_NAK_REMOTE_OPERATIONAL, IBV_EVENT_QP_REQ_ERR);
		return false;
	}
	rsp->got += p->payload_len;
	if (!last)
		return true;
	if (p->info->ext & ROCE_EXT_IETH &&
	    !roce_key_invalidate(qp->shard->dev, qp->pd, qp->qpn, p->rkey)) {
		fail_receive(qp, IBV_WC_LOC_PROT_ERR);
		refuse_access(qp, p);
		return false;
	}
	end_receive(qp, p, IBV_WC_RECV, rsp->got);
	return true;
}

/* Writes the payload where the WRITE has got to. */
static bool place_write(struct roce_qp *qp, uint64_t va, uint32_t rkey, const uint8_t *data,
			uint32_t len, uint32_t check)
{
	struct roce_region *region;
	void *to;

	if (check == 0)
		return true;
	region = roce_region_find(qp->shard->dev, rkey);
	to = region ? roce_region_at(region, qp->pd, qp->qpn, va, check, IBV_ACCESS_REMOTE_WRITE)
		    : NULL;
	if (to && len > 0)
		memcpy(to, data, len);
	return to;
}

static bool take_write(struct roce_qp *qp, const struct roce_packet *p, bool first, bool last)
{
	struct roce_responder *rsp = &qp->rsp;
	uint64_t va = first ? p->va : rsp->va;
	uint32_t rkey = first ? p->rkey : rsp->rkey;
	uint32_t left = first ? p->dma_len : rsp->left;
	bool imm = p->info->ext & ROCE_EXT_IMM;

	if (last ? left != p->payload_len : left <= p->payload_len) {
		refuse(qp, p);
		return false;
	}
	if (imm && !roce_recv_take(qp)) {
		not_ready(qp, p);
		return false;
	}
	/* The whole range at first, so that nothing of a WRITE out of bounds is written. */
	if (!place_write(qp, va, rkey, p->payload, p->payload_len, left)) {
		refuse_access(qp, p);
		return false;
	}
	rsp->got = first ? p->payload_len : rsp->got + p->payload_len;
	rsp->va = va + p->payload_len;
	rsp->rkey = rkey;
	rsp->left = left - p->payload_len;
	if (imm)
		end_receive(qp, p, IBV_WC_RECV_RDMA_WITH_IMM, rsp->got);
	return true;
}

/*
 * A place among the READs, the oldest's if need be: a peer that asks for another has its
 * data, even if that is being sent once more. NULL: too many at once.
 */
static struct roce_read *new_read(struct roce_responder *rsp)
{
	if (rsp->max_reads == 0)
		return NULL;
	if (rsp->nreads == rsp->max_reads) {
		struct roce_read *oldest = &rsp->reads[rsp->first_read];

		if (!oldest->answered)
			return NULL;
		rsp->first_read = (uint8_t)((rsp->first_read + 1) % rsp->max_reads);
		rsp->nreads--;
	}
	return &rsp->reads[(rsp->first_read + rsp->nreads) % rsp->max_reads];
}

static bool take_read(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;
	struct roce_region *region;
	struct roce_read *r;

	if (p->dma_len > UINT32_C(0x80000000)) {
		refuse(qp, p);
		return false;
	}
	region = p->dma_len > 0 ? roce_region_find(qp->shard->dev, p->rkey) : NULL;
	if (p->dma_len > 0 && (!region || !roce_region_at(region, qp->pd, qp->qpn, p->va,
							  p->dma_len, IBV_ACCESS_REMOTE_READ))) {
		refuse_access(qp, p);
		return false;
	}
	r = new_read(rsp);
	if (!r) {
		refuse(qp, p);
		return false;
	}
	*r = (struct roce_read){
		.psn = p->psn,
		.npsn = p->dma_len == 0 ? 1 : (p->dma_len + qp->mtu - 1) >> qp->mtu_shift,
		.va = p->va,
		.rkey = p->rkey,
		.len = p->dma_len,
		.msn = (rsp->msn + 1) & 0xffffff,
	};
	rsp->nreads++;
	rsp->msn = r->msn;
	rsp->epsn = roce_psn_add(p->psn, r->npsn);
	roce_qp_ready(qp);
	return true;
}

/* --- order
 * ----------------------------------------------------------------------------------------- */

/* Lengths that the path MTU rules out. */
static bool length_is_right(const struct roce_qp *qp, const struct roce_packet *p)
{
	if (p->info->place == ROCE_FIRST || p->info->place == ROCE_MIDDLE)
		return p->payload_len == qp->mtu;
	return p->payload_len <= qp->mtu && (p->info->place == ROCE_ONLY || p->payload_len > 0);
}

static bool order_is_right(const struct roce_qp *qp, const struct roce_packet *p, bool first)
{
	return first ? qp->rsp.doing == DOING_NOTHING : qp->rsp.doing == p->info->kind;
}

static void execute(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;
	bool first = p->info->place == ROCE_FIRST || p->info->place == ROCE_ONLY;
	bool last = p->info->place == ROCE_LAST || p->info->place == ROCE_ONLY;
	bool ok;

	if (!order_is_right(qp, p, first) || !length_is_right(qp, p) ||
	    p->info->kind == ROCE_KIND_ATOMIC) {
		refuse(qp, p);
		return;
	}
	if (p->info->kind == ROCE_KIND_READ_REQUEST) {
		take_read(qp, p);
		return;
	}
	ok = p->info->kind == ROCE_KIND_SEND ? take_send(qp, p, first, last)
					     : take_write(qp, p, first, last);
	if (!ok || qp->state == IBV_QPS_ERR)
		return;
	rsp->doing = last ? DOING_NOTHING : p->info->kind;
	rsp->epsn = roce_psn_add(p->psn, 1);
	if (last)
		rsp->msn = (rsp->msn + 1) & 0xffffff;
	if (p->ack_request)
		roce_owe_ack(qp, p->psn);
}

/* A packet ahead of the one that is expected: dropped. */
static void too_early(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;

	roce_count(&qp->shard->stats.out_of_sequence, 1);
	if (!rsp->nak_sent) {
		rsp->nak_sent = true;
		rsp->beyond = p->psn;
		roce_owe_nak(qp, rsp->epsn,
			     roce_aeth_syndrome(ROCE_AETH_NAK, ROCE_NAK_PSN_SEQUENCE));
	} else if (roce_psn_cmp(p->psn, rsp->beyond) > 0) {
		rsp->beyond = p->psn;
	}
}

/*
 * The expected one comes while a NAK of it waits to be sent: that would tell nothing new.
 * But what was dropped meanwhile is missing, and an ACK may have given way to the NAK.
 */
static void execute_unsaid(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;

	rsp->owed = ROCE_OWED_NOTHING;
	execute(qp, p);
	if (qp->state == IBV_QPS_ERR || rsp->owed == ROCE_OWED_NAK)
		return;
	if (roce_psn_cmp(rsp->epsn, rsp->beyond) <= 0) {
		rsp->nak_sent = true;
		roce_owe_nak(qp, rsp->epsn,
			     roce_aeth_syndrome(ROCE_AETH_NAK, ROCE_NAK_PSN_SEQUENCE));
	} else if (p->info->kind != ROCE_KIND_READ_REQUEST) {
		roce_owe_ack(qp, p->psn);
	}
}

void roce_responder_receive(struct roce_qp *qp, const struct roce_packet *p)
{
	struct roce_responder *rsp = &qp->rsp;
	int32_t ahead = roce_psn_diff(p->psn, rsp->epsn);

	if (!qp->established) {
		qp->established = true;
		roce_qp_tell(qp, IBV_EVENT_COMM_EST);
	}
	if (ahead < 0) {
		duplicate(qp, p);
		return;
	}
	if (ahead > 0) {
		too_early(qp, p);
		return;
	}
	rsp->nak_sent = false;
	if (rsp->owed == ROCE_OWED_NAK)
		execute_unsaid(qp, p);
	else
		execute(qp, p);
}
