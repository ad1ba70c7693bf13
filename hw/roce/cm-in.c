/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connection management: datagrams that come in. Whatever they say is the word of a
 * stranger: who is meant is found by our own id, and must be who it was before.
 */
#include <errno.h>
#include <string.h>

#include "hw/roce/cm.h"

/* --- requests: main reactor ------------------------------------------------------------- */

static struct rnic_id *find_listener(struct soft *soft, const struct net_addr *to, uint16_t port)
{
	struct rnic_id *any = NULL;

	for (guint i = 0; i < soft->listeners->len; i++) {
		struct rnic_id *id = soft->listeners->pdata[i];

		if (id->local.port != port || id->local.family != to->family)
			continue;
		if (net_addr_same_host(&id->local, to))
			return id;
		if (net_addr_is_any(&id->local))
			any = id;
	}
	return any;
}

/* A REQ that has come before: what was answered is said again. */
static void again(struct rnic_ctx *ctx, uint32_t local_id)
{
	struct rnic_id *id = cm_find(ctx, local_id);

	if (!id)
		return;
	if (id->state == CM_REQ_RECEIVED)
		cm_send_mra(id);
	else if (id->state == CM_REP_SENT || id->state == CM_OVER)
		cm_send(id);
}

/* The peer has lost the connection that used its queue pair. */
static void stale(struct rnic_ctx *ctx, uint32_t local_id)
{
	struct rnic_id *id = cm_find(ctx, local_id);

	if (id && id->state != CM_REQ_RECEIVED)
		cm_disconnected(id);
}

static void to_owner(struct soft *soft, uint32_t local_id,
		     void (*fn)(struct rnic_ctx *ctx, uint32_t local_id))
{
	if (CM_ID_INDEX(local_id) == 0)
		fn(soft->ctxs[0], local_id);
	else
		cm_post(soft, CM_ID_INDEX(local_id), local_id, fn);
}

/* What fits all interfaces fits; beyond that the way to the peer is looked at. */
static bool mtu_fits(const struct soft *soft, const struct net_addr *from,
		     const struct net_addr *to, uint8_t code)
{
	unsigned mtu = roce_cm_mtu_bytes(code);

	return mtu > 0 && (mtu <= roce_device_mtu(soft->dev) || mtu <= cm_mtu(soft, to, from));
}

/* What is wrong with the request as such; 0: nothing. */
static enum roce_cm_reason check_req(const struct soft *soft, const struct net_addr *from,
				     const struct net_addr *to, const struct roce_cm *cm,
				     struct roce_cm_ip *ip)
{
	uint8_t protocol;
	uint16_t port;

	if (cm->req.transport != 0 || cm->req.extended_transport != 0)
		return ROCE_REJ_INVALID_TRANSPORT_TYPE;
	if (!roce_cm_service_port(cm->req.service_id, &protocol, &port) ||
	    protocol != ROCE_IP_PROTO_TCP ||
	    !roce_cm_ip_decode(ip, cm->private_data, cm->private_len))
		return ROCE_REJ_INVALID_SERVICE_ID;
	if (!mtu_fits(soft, from, to, cm->req.mtu))
		return ROCE_REJ_INVALID_MTU;
	return 0;
}

static void tell_request(struct rnic_id *listener, struct rnic_id *id, const struct roce_cm *cm)
{
	struct rdma_conn_param param = {
		.private_data = cm->private_data + ROCE_CM_IP_LEN,
		.private_data_len = (uint8_t)(cm->private_len - ROCE_CM_IP_LEN),
		/* As its receiver may have them: what the sender said the other way round. */
		.responder_resources = cm->req.initiator_depth,
		.initiator_depth = cm->req.responder_resources,
		.flow_control = cm->req.flow_control,
		.retry_count = cm->req.retry_count,
		.rnr_retry_count = cm->req.rnr_retry_count,
		.srq = cm->req.srq,
		.qp_num = cm->req.qpn,
	};

	cm_tell_about(listener, RDMA_CM_EVENT_CONNECT_REQUEST, 0, &param, id);
}

static void take_req(struct soft *soft, const struct net_addr *from, const struct net_addr *to,
		     const struct roce_cm *cm)
{
	struct rnic_ctx *ctx = soft->ctxs[0];
	struct cm_peer *peer = cm_peer_find(soft, from, cm->req.local_id);
	struct roce_cm_ip ip;
	enum roce_cm_reason reason = check_req(soft, from, to, cm, &ip);
	struct rnic_id *listener, *id;
	uint8_t protocol;
	uint16_t port = 0;

	if (peer) {
		to_owner(soft, peer->local_id, again);
		return;
	}
	roce_cm_service_port(cm->req.service_id, &protocol, &port);
	listener = reason ? NULL : find_listener(soft, to, port);
	if (!listener) {
		cm_answer_rej(ctx, from, to, cm, ROCE_CM_ABOUT_REQ,
			      reason ? reason : ROCE_REJ_INVALID_SERVICE_ID);
		return;
	}
	peer = cm_peer_of_qp(soft, from, cm->req.qpn);
	if (peer) {
		to_owner(soft, peer->local_id, stale);
		cm_answer_rej(ctx, from, to, cm, ROCE_CM_ABOUT_REQ, ROCE_REJ_STALE_CONNECTION);
		return;
	}
	/* No answer: it comes again. */
	if (listener->pending >= (unsigned)listener->backlog)
		return;
	id = cm_id_of_req(listener, from, to, cm);
	id->remote.port = ip.port;
	tell_request(listener, id, cm);
}

/* --- answers: the reactor of the id ------------------------------------------------------------
 */

static void take_rep(struct rnic_id *id, const struct roce_cm *cm)
{
	const struct roce_cm_rep *rep = &cm->rep;
	struct rdma_conn_param param = {
		.private_data = cm->private_data,
		.private_data_len = (uint8_t)cm->private_len,
		.responder_resources = rep->initiator_depth,
		.initiator_depth = rep->responder_resources,
		.flow_control = rep->flow_control,
		.rnr_retry_count = rep->rnr_retry_count,
		.srq = rep->srq,
		.qp_num = rep->qpn,
	};

	if (id->state == CM_ESTABLISHED && id->active) {
		cm_send(id); /* the RTU was lost */
		return;
	}
	if (id->state != CM_REQ_SENT || !id->qp)
		return;
	cm_stop_timer(id);
	id->remote_id = rep->local_id;
	id->remote_qpn = rep->qpn;
	id->flow_control = id->req.flow_control && rep->flow_control;
	if (cm_qp_connect(id, rep->qpn, rep->psn,
			  MIN(id->req.responder_resources, rep->initiator_depth),
			  MIN(id->req.initiator_depth, rep->responder_resources),
			  rep->rnr_retry_count) < 0) {
		cm_send_rej(id, ROCE_REJ_NO_RESOURCES, NULL, 0);
		id->state = CM_OVER;
		cm_tell(id, RDMA_CM_EVENT_CONNECT_ERROR, -EINVAL, NULL);
		return;
	}
	id->state = CM_ESTABLISHED;
	cm_send_ids(id, ROCE_CM_RTU);
	cm_tell(id, RDMA_CM_EVENT_ESTABLISHED, 0, &param);
}

static void rejected(struct rnic_id *id, uint16_t reason, const struct rdma_conn_param *param)
{
	cm_stop_timer(id);
	if (id->qp)
		roce_qp_error(id->qp->qp);
	id->state = CM_OVER;
	id->has_mad = false;
	cm_tell(id, RDMA_CM_EVENT_REJECTED, reason, param);
}

static void take_rej(struct rnic_id *id, const struct roce_cm *cm)
{
	struct rdma_conn_param param = {
		.private_data = cm->private_data,
		.private_data_len = (uint8_t)cm->private_len,
	};

	if (id->state == CM_REQ_SENT || id->state == CM_REP_SENT)
		rejected(id, cm->rej.reason, &param);
}

/* Who asked has given up before it heard of us, and so does not know our id. */
static void gave_up(struct rnic_ctx *ctx, uint32_t local_id)
{
	struct rnic_id *id = cm_find(ctx, local_id);

	if (id && (id->state == CM_REQ_RECEIVED || id->state == CM_REP_SENT))
		rejected(id, ROCE_REJ_TIMEOUT, NULL);
}

static void take_timeout(struct soft *soft, const struct net_addr *from, const struct roce_cm *cm)
{
	struct cm_peer *peer = cm_peer_find(soft, from, cm->rej.local_id);

	if (peer)
		to_owner(soft, peer->local_id, gave_up);
}

/* Once for each time that it was asked: who needs more time for ever is not waited for. */
static void take_mra(struct rnic_id *id, const struct roce_cm *cm)
{
	if ((id->state != CM_REQ_SENT && id->state != CM_REP_SENT) || id->more_time)
		return;
	id->more_time = true;
	cm_set_timer(id, id->interval + roce_cm_timeout_ns(MIN(cm->mra.service_timeout, 22)));
}

static void take_dreq(struct rnic_id *id, const struct roce_cm *cm)
{
	/* There is nothing to end, whoever says so. */
	if (id->state < CM_REQ_SENT || id->state == CM_REQ_RECEIVED)
		return;
	if (id->qp && cm->ids.remote_qpn != roce_qp_num(id->qp->qp))
		return;
	id->tid = cm->mad.tid;
	if (id->remote_id == 0) /* its REP was lost */
		id->remote_id = cm->ids.local_id;
	cm_send_ids(id, ROCE_CM_DREP);
	cm_disconnected(id);
}

/* What the peer says its id is must be what it was. REP is the first to say it. */
static bool is_peer(const struct rnic_id *id, const struct net_addr *from, const struct roce_cm *cm,
		    const uint8_t *mad)
{
	if (!net_addr_same_host(from, &id->remote))
		return false;
	return cm->mad.attribute == ROCE_CM_REJ || id->remote_id == 0 ||
	       roce_cm_local_id(mad) == id->remote_id;
}

static void unknown(struct rnic_ctx *ctx, const struct net_addr *from, const struct net_addr *to,
		    const struct roce_cm *cm)
{
	if (cm->mad.attribute == ROCE_CM_DREQ)
		cm_answer_drep(ctx, from, to, cm);
	else if (cm->mad.attribute == ROCE_CM_REP)
		cm_answer_rej(ctx, from, to, cm, ROCE_CM_ABOUT_REP, ROCE_REJ_INVALID_COMM_ID);
}

static void take(struct rnic_ctx *ctx, uint32_t local_id, const struct net_addr *from,
		 const struct net_addr *to, const struct roce_cm *cm, const uint8_t *mad)
{
	struct rnic_id *id = cm_find(ctx, local_id);

	if (!id || !is_peer(id, from, cm, mad)) {
		unknown(ctx, from, to, cm);
		return;
	}
	switch (cm->mad.attribute) {
	case ROCE_CM_REP:
		take_rep(id, cm);
		break;
	case ROCE_CM_RTU:
		cm_established(id);
		break;
	case ROCE_CM_MRA:
		take_mra(id, cm);
		break;
	case ROCE_CM_REJ:
		take_rej(id, cm);
		break;
	case ROCE_CM_DREQ:
		take_dreq(id, cm);
		break;
	case ROCE_CM_DREP:
		if (id->state == CM_DREQ_SENT)
			cm_disconnected(id);
		break;
	default:
		break;
	}
}

/* --- to the reactor whose it is
 * -------------------------------------------------------------------- */

struct mad_msg {
	struct msg msg;
	struct soft *soft;
	uint32_t local_id;
	struct net_addr from, to;
	uint8_t mad[ROCE_MAD_LEN];
};

static void forwarded(struct msg *msg, struct reactor *reactor)
{
	struct mad_msg *m = (struct mad_msg *)msg;
	struct rnic_ctx *ctx = m->soft->ctxs[CM_ID_INDEX(m->local_id)];
	struct roce_cm cm;

	(void)reactor;
	if (ctx && roce_cm_decode(&cm, m->mad, sizeof(m->mad)) == ROCE_CM_OK)
		take(ctx, m->local_id, &m->from, &m->to, &cm, m->mad);
	g_free(m);
}

/* False: nobody is there, so the id has gone. */
static bool forward(struct soft *soft, uint32_t local_id, const struct net_addr *from,
		    const struct net_addr *to, const uint8_t *mad)
{
	struct reactor *reactor = atomic_load(&soft->reactors[CM_ID_INDEX(local_id)]);
	struct mad_msg *m;

	if (!reactor)
		return false;
	m = g_new0(struct mad_msg, 1);
	m->msg.fn = forwarded;
	m->soft = soft;
	m->local_id = local_id;
	m->from = *from;
	m->to = *to;
	memcpy(m->mad, mad, sizeof(m->mad));
	reactor_post(reactor, &m->msg);
	return true;
}

/* Our id in a message that answers one of ours. */
static uint32_t our_id(const struct roce_cm *cm)
{
	switch (cm->mad.attribute) {
	case ROCE_CM_REP:
		return cm->rep.remote_id;
	case ROCE_CM_MRA:
		return cm->mra.remote_id;
	case ROCE_CM_REJ:
		return cm->rej.remote_id;
	default:
		return cm->ids.remote_id;
	}
}

void cm_received(void *user, const struct net_addr *from, const struct net_addr *to,
		 const uint8_t *mad, uint64_t now)
{
	struct soft *soft = user;
	struct roce_cm cm;

	(void)now;
	if (!soft->ctxs[0] || soft->gone || roce_cm_decode(&cm, mad, ROCE_MAD_LEN) != ROCE_CM_OK)
		return;
	switch (cm.mad.attribute) {
	case ROCE_CM_REQ:
		take_req(soft, from, to, &cm);
		return;
	case ROCE_CM_SIDR_REQ:
		cm_answer_sidr(soft->ctxs[0], from, to, &cm);
		return;
	case ROCE_CM_REJ:
		if (cm.rej.remote_id != 0 || cm.rej.reason != ROCE_REJ_TIMEOUT)
			break;
		take_timeout(soft, from, &cm);
		return;
	case ROCE_CM_REP:
	case ROCE_CM_RTU:
	case ROCE_CM_MRA:
	case ROCE_CM_DREQ:
	case ROCE_CM_DREP:
		break;
	default: /* no alternate paths */
		return;
	}
	if (CM_ID_INDEX(our_id(&cm)) == 0 || !forward(soft, our_id(&cm), from, to, mad))
		take(soft->ctxs[0], our_id(&cm), from, to, &cm, mad);
}
