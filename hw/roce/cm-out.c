/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection management: datagrams that go out. */
#include <string.h>

#include "hw/roce/cm.h"

#define RESPONSE_TIMEOUT 18 /* exponent, 1.07 s: how long an answer may take */
#define MAX_RETRIES 7
#define ACK_TIMEOUT 14
#define OUI_GUID(mac)                                                                              \
	((uint64_t)((mac)[0] ^ 2) << 56 | (uint64_t)(mac)[1] << 48 | (uint64_t)(mac)[2] << 40 |    \
	 UINT64_C(0xfffe) << 24 | (uint64_t)(mac)[3] << 16 | (uint64_t)(mac)[4] << 8 | (mac)[5])

static uint64_t guid(const struct rnic_id *id)
{
	return OUI_GUID(roce_device_params(id->ctx->soft->dev)->mac);
}

void cm_send(struct rnic_id *id)
{
	/* Not taken is as lost: it is sent again. */
	if (id->has_mad)
		roce_gsi_send(id->ctx->shard, &id->local, &id->remote, id->mad);
}

static void encode(struct rnic_id *id, struct roce_cm *cm)
{
	enum roce_cm_error rc = roce_cm_encode(cm, id->mad);

	g_assert(rc == ROCE_CM_OK);
	id->has_mad = true;
	cm_send(id);
}

/* It is repeated until an answer comes. */
static void repeat(struct rnic_id *id, uint64_t interval, uint8_t retries)
{
	id->interval = interval;
	id->retries = retries;
	id->more_time = false;
	cm_set_timer(id, interval);
}

/* An IPv4 address as a GID is mapped into IPv6. */
static void gid_of(const struct net_addr *addr, uint8_t gid[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (addr->family == NET_INET6) {
		memcpy(gid, addr->ip, 16);
		return;
	}
	memcpy(gid, mapped, sizeof(mapped));
	memcpy(gid + 12, addr->ip, 4);
}

static void fill_req(struct rnic_id *id, const struct rdma_conn_param *param)
{
	const struct soft *soft = id->ctx->soft;
	/* What the peer's way back takes is not known: the narrowest of all. */
	unsigned mtu = MIN(roce_device_mtu(soft->dev), cm_mtu(soft, &id->local, &id->remote));
	struct roce_cm_req *req = &id->req;

	*req = (struct roce_cm_req){
		.local_id = id->local_id,
		.service_id = roce_cm_service_id(ROCE_IP_PROTO_TCP, id->remote.port),
		.ca_guid = guid(id),
		.qpn = roce_qp_num(id->qp->qp),
		.responder_resources = param->responder_resources,
		.initiator_depth = param->initiator_depth,
		.remote_response_timeout = RESPONSE_TIMEOUT,
		.flow_control = param->flow_control,
		.psn = roce_qp_first_psn(id->qp->qp),
		.local_response_timeout = RESPONSE_TIMEOUT,
		.retry_count = MIN(param->retry_count, 7),
		.pkey = ROCE_PKEY_DEFAULT,
		.mtu = roce_cm_mtu_code(mtu),
		.rnr_retry_count = MIN(param->rnr_retry_count, 7),
		.max_cm_retries = MAX_RETRIES,
		.srq = param->srq,
		.primary = { .local_lid = 0xffff,
			     .remote_lid = 0xffff,
			     .hop_limit = 64,
			     .packet_rate = 3,
			     .subnet_local = false,
			     .ack_timeout = ACK_TIMEOUT },
	};
	gid_of(&id->local, req->primary.local_gid);
	gid_of(&id->remote, req->primary.remote_gid);
}

void cm_send_req(struct rnic_id *id, const struct rdma_conn_param *param)
{
	uint8_t data[ROCE_CM_IP_LEN + RNIC_CM_REQ_PRIVATE] = { 0 };
	struct roce_cm_ip ip = {
		.version = id->local.family == NET_INET ? 4 : 6,
		.port = id->local.port,
	};
	struct roce_cm cm = { 0 };

	fill_req(id, param);
	memcpy(ip.from, id->local.ip, 16);
	memcpy(ip.to, id->remote.ip, 16);
	roce_cm_ip_encode(&ip, data);
	if (param->private_data_len > 0)
		memcpy(data + ROCE_CM_IP_LEN, param->private_data, param->private_data_len);
	id->tid = (uint64_t)id->local_id << 32 | 1;
	roce_cm_head(&cm, ROCE_CM_REQ, id->tid);
	cm.req = id->req;
	cm.private_data = data;
	cm.private_len = sizeof(data);
	encode(id, &cm);
	repeat(id, 2 * roce_cm_timeout_ns(RESPONSE_TIMEOUT), MAX_RETRIES);
}

void cm_send_rep(struct rnic_id *id, const struct rdma_conn_param *param, uint8_t responder,
		 uint8_t initiator)
{
	struct roce_cm cm = { 0 };

	roce_cm_head(&cm, ROCE_CM_REP, id->tid);
	cm.rep = (struct roce_cm_rep){
		.local_id = id->local_id,
		.remote_id = id->remote_id,
		.qpn = roce_qp_num(id->qp->qp),
		.psn = roce_qp_first_psn(id->qp->qp),
		.responder_resources = responder,
		.initiator_depth = initiator,
		.ack_delay = ACK_TIMEOUT,
		.flow_control = param->flow_control,
		.rnr_retry_count = MIN(param->rnr_retry_count, 7),
		.srq = param->srq,
		.ca_guid = guid(id),
	};
	cm.private_data = param->private_data;
	cm.private_len = param->private_data_len;
	encode(id, &cm);
	repeat(id,
	       roce_cm_timeout_ns(MIN(id->req.remote_response_timeout, 20)) +
		       2 * roce_cm_timeout_ns(MIN(id->req.primary.ack_timeout, 18)),
	       MIN(id->req.max_cm_retries, 15));
}

void cm_send_ids(struct rnic_id *id, enum roce_cm_kind kind)
{
	struct roce_cm cm = { 0 };

	roce_cm_head(&cm, kind, kind == ROCE_CM_DREQ ? (uint64_t)id->local_id << 32 | 2 : id->tid);
	cm.ids = (struct roce_cm_ids){
		.local_id = id->local_id,
		.remote_id = id->remote_id,
		.remote_qpn = id->remote_qpn,
	};
	encode(id, &cm);
	if (kind == ROCE_CM_DREQ)
		repeat(id, roce_cm_timeout_ns(RESPONSE_TIMEOUT), MAX_RETRIES);
}

void cm_send_mra(struct rnic_id *id)
{
	uint8_t mad[ROCE_MAD_LEN];
	struct roce_cm cm = { 0 };

	roce_cm_head(&cm, ROCE_CM_MRA, id->tid);
	cm.mra = (struct roce_cm_mra){ .local_id = id->local_id,
				       .remote_id = id->remote_id,
				       .about = ROCE_CM_ABOUT_REQ,
				       .service_timeout = 20 };
	if (roce_cm_encode(&cm, mad) == ROCE_CM_OK)
		roce_gsi_send(id->ctx->shard, &id->local, &id->remote, mad);
}

void cm_send_rej(struct rnic_id *id, enum roce_cm_reason reason, const void *private_data,
		 uint8_t len)
{
	struct roce_cm cm = { 0 };

	roce_cm_head(&cm, ROCE_CM_REJ, id->tid);
	cm.rej = (struct roce_cm_rej){ .local_id = id->active ? id->local_id : 0,
				       .remote_id = id->remote_id,
				       .about = id->active ? ROCE_CM_ABOUT_REP : ROCE_CM_ABOUT_REQ,
				       .reason = (uint16_t)reason };
	cm.private_data = private_data;
	cm.private_len = len;
	encode(id, &cm);
}

/* --- for nobody's datagrams ------------------------------------------------------------------ */

static void answer(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		   const struct roce_cm *cm)
{
	uint8_t mad[ROCE_MAD_LEN];

	/* It goes back where it came from. */
	if (roce_cm_encode(cm, mad) == ROCE_CM_OK)
		roce_gsi_send(ctx->shard, to, from, mad);
}

void cm_answer_rej(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		   const struct roce_cm *cm, enum roce_cm_about about, enum roce_cm_reason reason)
{
	struct roce_cm rej = { 0 };
	uint8_t mtu;

	roce_cm_head(&rej, ROCE_CM_REJ, cm->mad.tid);
	rej.rej = (struct roce_cm_rej){ .remote_id = about == ROCE_CM_ABOUT_REQ ? cm->req.local_id
										: cm->rep.local_id,
					.about = about,
					.reason = (uint16_t)reason };
	if (reason == ROCE_REJ_INVALID_MTU) {
		mtu = roce_cm_mtu_code(cm_mtu(ctx->soft, to, from));
		rej.info = &mtu;
		rej.info_len = 1;
	}
	answer(ctx, from, to, &rej);
}

void cm_answer_drep(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		    const struct roce_cm *cm)
{
	struct roce_cm drep = { 0 };

	roce_cm_head(&drep, ROCE_CM_DREP, cm->mad.tid);
	drep.ids.local_id = cm->ids.remote_id;
	drep.ids.remote_id = cm->ids.local_id;
	answer(ctx, from, to, &drep);
}

void cm_answer_sidr(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		    const struct roce_cm *cm)
{
	struct roce_cm rep = { 0 };

	roce_cm_head(&rep, ROCE_CM_SIDR_REP, cm->mad.tid);
	rep.sidr_rep.request_id = cm->sidr_req.request_id;
	rep.sidr_rep.status = ROCE_SIDR_NO_SERVICE;
	rep.sidr_rep.service_id = cm->sidr_req.service_id;
	answer(ctx, from, to, &rep);
}
