/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connection management against a stranger that says what it likes: what it says twice,
 * what comes for an id that has moved to another reactor or is gone, which numbers ids
 * get, and what there is no service for. What two well-behaved ends do is in
 * tests/seam/rnic-cm.c.
 */
#include <errno.h>
#include <string.h>

#include "hw/roce/cm.h"
#include "target/core/rnic.h"
#include "tests/unit/core/fake-hw.h"
#include "tests/unit/roce/wire.h"

#define PORT 4420
#define TID UINT64_C(0x1122334455667788)

struct lab {
	struct fake_hw *hw, *far_hw;
	struct wire *wire;
	struct hw_rnic *rnic, *far;
	struct core *core, *far_core;
	struct rnic_ctx *ctx[2]; /* of both reactors */
	struct rnic_ctx *far_ctx;
	struct rnic_id *listener;
	GPtrArray *requests; /* struct rnic_id*, as they came */
	unsigned events;     /* other ones: bit a kind */
	uint8_t class;	     /* of traffic, that the stranger asks for */
	uint8_t mtu;	     /* and path MTU; 0: the device's */
	uint8_t tos;	     /* of the last packet to its queue pair */
	struct roce_cm said; /* the last that the stranger was told; private data is gone */
	uint8_t rej_info;    /* ... the first byte of a reason's additional information */
	uint32_t local_id;   /* ... and the id of whoever said it */
	unsigned times;	     /* ... since it was last asked */
};

static void event(struct rnic_id *id, const struct rnic_cm_event *e, void *user)
{
	struct lab *lab = user;

	(void)id;
	if (e->type == RDMA_CM_EVENT_CONNECT_REQUEST)
		g_ptr_array_add(lab->requests, e->id);
	else
		lab->events |= 1u << e->type;
}

static const struct rnic_id_cb id_cb = { .event = event };

static void heard(void *user, const struct net_addr *from, const struct net_addr *to,
		  const uint8_t *mad, uint64_t now)
{
	struct lab *lab = user;

	(void)from;
	(void)to;
	(void)now;
	g_assert_cmpint(roce_cm_decode(&lab->said, mad, ROCE_MAD_LEN), ==, ROCE_CM_OK);
	lab->local_id = roce_cm_local_id(mad);
	lab->rej_info = lab->said.info_len > 0 ? lab->said.info[0] : 0;
	lab->times++;
}

static void run(struct lab *lab)
{
	for (unsigned i = 0; i < 4; i++) {
		fake_core_run(lab->far_core);
		fake_core_run(lab->core);
	}
}

static struct lab *lab_new(void)
{
	struct lab *lab = g_new0(struct lab, 1);
	struct net_addr addr;

	lab->hw = fake_hw_new();
	lab->far_hw = fake_hw_new();
	lab->wire = wire_new("192.0.2.1", 2, "192.0.2.2", 1);
	lab->rnic = lab->hw->hw.rnic = wire_rnic_new(&lab->wire->ends[0], &lab->hw->hw, NULL, 0);
	lab->far = lab->far_hw->hw.rnic =
		wire_rnic_new(&lab->wire->ends[1], &lab->far_hw->hw, NULL, 0);
	/* Instead of its own connection management. */
	roce_gsi_listen(roce_soft_device(lab->far), heard, lab);
	lab->core = fake_core_new(lab->hw, 2, 0);
	lab->far_core = fake_core_new(lab->far_hw, 1, 0);
	for (unsigned i = 0; i < 2; i++)
		g_assert_cmpint(reactor_rnic_get(lab->core->reactors[i], &lab->ctx[i]), ==, 0);
	g_assert_cmpint(reactor_rnic_get(core_main(lab->far_core), &lab->far_ctx), ==, 0);
	lab->requests = g_ptr_array_new();
	addr = lab->wire->ends[0].addr;
	addr.port = PORT;
	g_assert_cmpint(
		lab->rnic->ops->id_listen(lab->ctx[0], &addr, 16, &id_cb, lab, &lab->listener), ==,
		0);
	return lab;
}

static void lab_free(struct lab *lab)
{
	for (guint i = 0; i < lab->requests->len; i++)
		if (lab->requests->pdata[i])
			lab->rnic->ops->id_destroy(lab->requests->pdata[i]);
	lab->rnic->ops->id_destroy(lab->listener);
	run(lab);
	for (unsigned i = 0; i < 2; i++)
		reactor_rnic_put(lab->core->reactors[i]);
	reactor_rnic_put(core_main(lab->far_core));
	core_free(lab->core);
	core_free(lab->far_core);
	roce_soft_free(lab->rnic);
	roce_soft_free(lab->far);
	wire_free(lab->wire);
	fake_hw_free(lab->hw);
	fake_hw_free(lab->far_hw);
	g_ptr_array_unref(lab->requests);
	g_free(lab);
}

static struct rnic_id *request(struct lab *lab, unsigned n)
{
	g_assert_cmpuint(n, <, lab->requests->len);
	return lab->requests->pdata[n];
}

static void destroy(struct lab *lab, unsigned n)
{
	lab->rnic->ops->id_destroy(request(lab, n));
	lab->requests->pdata[n] = NULL;
	run(lab);
}

/* --- what the stranger says ------------------------------------------------------------- */

static void say(struct lab *lab, const struct roce_cm *cm)
{
	uint8_t mad[ROCE_MAD_LEN];

	lab->times = 0;
	g_assert_cmpint(roce_cm_encode(cm, mad), ==, ROCE_CM_OK);
	g_assert_true(roce_gsi_send(roce_device_shard(roce_soft_device(lab->far), 0),
				    &lab->wire->ends[1].addr, &lab->wire->ends[0].addr, mad));
	run(lab);
}

static void say_req(struct lab *lab, uint32_t local_id, uint32_t qpn)
{
	uint8_t data[ROCE_CM_IP_LEN];
	struct roce_cm_ip ip = { .version = 4, .port = 50000 };
	struct roce_cm cm = { 0 };

	memcpy(ip.from, lab->wire->ends[1].addr.ip, 4);
	memcpy(ip.to, lab->wire->ends[0].addr.ip, 4);
	roce_cm_ip_encode(&ip, data);
	roce_cm_head(&cm, ROCE_CM_REQ, TID);
	cm.req = (struct roce_cm_req){ .local_id = local_id,
				       .service_id = roce_cm_service_id(ROCE_IP_PROTO_TCP, PORT),
				       .qpn = qpn,
				       .mtu = lab->mtu ? lab->mtu : 3,
				       .pkey = ROCE_PKEY_DEFAULT,
				       .primary = { .traffic_class = lab->class } };
	cm.private_data = data;
	cm.private_len = sizeof(data);
	say(lab, &cm);
}

static void expect(const struct lab *lab, enum roce_cm_kind kind)
{
	g_assert_cmpuint(lab->times, ==, 1);
	g_assert_cmphex(lab->said.mad.attribute, ==, kind);
	g_assert_cmphex(lab->said.mad.tid, ==, TID);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void test_sidr(void)
{
	struct lab *lab = lab_new();
	struct roce_cm cm = { 0 };

	roce_cm_head(&cm, ROCE_CM_SIDR_REQ, TID);
	cm.sidr_req.request_id = 0xcafe;
	cm.sidr_req.pkey = ROCE_PKEY_DEFAULT;
	/* Also for a port that somebody listens on, for connections. */
	cm.sidr_req.service_id = roce_cm_service_id(17, PORT);
	say(lab, &cm);
	expect(lab, ROCE_CM_SIDR_REP);
	g_assert_cmphex(lab->said.sidr_rep.request_id, ==, 0xcafe);
	g_assert_cmpint(lab->said.sidr_rep.status, ==, ROCE_SIDR_NO_SERVICE);
	g_assert_cmphex(lab->said.sidr_rep.service_id, ==, cm.sidr_req.service_id);
	g_assert_cmphex(lab->said.sidr_rep.qpn, ==, 0);
	g_assert_cmpuint(lab->requests->len, ==, 0);
	/* An answer to a question that we have not asked is none of ours. */
	cm = (struct roce_cm){ 0 };
	roce_cm_head(&cm, ROCE_CM_SIDR_REP, TID);
	say(lab, &cm);
	g_assert_cmpuint(lab->times, ==, 0);
	lab_free(lab);
}

/* A request that moves gets another number, by which the stranger hears of it from then on. */
static void test_moved(void)
{
	struct lab *lab = lab_new();
	struct roce_cm dreq = { 0 };
	uint32_t first, second;

	say_req(lab, 7, 0x100);
	g_assert_cmpuint(lab->times, ==, 0);
	say_req(lab, 7, 0x100);
	expect(lab, ROCE_CM_MRA);
	g_assert_cmpuint(lab->requests->len, ==, 1);
	first = lab->local_id;
	g_assert_cmpuint(CM_ID_INDEX(first), ==, 0);

	lab->rnic->ops->id_move(request(lab, 0), lab->ctx[1], &id_cb, lab);
	say_req(lab, 7, 0x100);
	expect(lab, ROCE_CM_MRA);
	second = lab->local_id;
	g_assert_cmpuint(CM_ID_INDEX(second), ==, 1);
	g_assert_cmphex(second, !=, first);

	/* The number before is nobody's: as of a connection that has gone. */
	roce_cm_head(&dreq, ROCE_CM_DREQ, TID);
	dreq.ids = (struct roce_cm_ids){ .local_id = 7, .remote_id = first };
	say(lab, &dreq);
	expect(lab, ROCE_CM_DREP);
	g_assert_cmphex(lab->said.ids.local_id, ==, first);
	g_assert_cmpuint(lab->said.ids.remote_id, ==, 7);
	say_req(lab, 7, 0x100);
	expect(lab, ROCE_CM_MRA);

	lab->times = 0;
	destroy(lab, 0);
	expect(lab, ROCE_CM_REJ);
	g_assert_cmpuint(lab->said.rej.remote_id, ==, 7);
	/* Forgotten, so the same is a new request; but no number comes twice. */
	say_req(lab, 7, 0x100);
	g_assert_cmpuint(lab->requests->len, ==, 2);
	say_req(lab, 7, 0x100);
	expect(lab, ROCE_CM_MRA);
	g_assert_cmphex(lab->local_id, !=, first);
	g_assert_cmphex(lab->local_id, !=, second);
	lab_free(lab);
}

/* A queue pair that another connection has tells that the stranger has lost that one. */
static void test_stale(void)
{
	struct lab *lab = lab_new();

	say_req(lab, 1, 0x100);
	say_req(lab, 2, 0x101);
	g_assert_cmpuint(lab->requests->len, ==, 2);
	say_req(lab, 3, 0x100);
	expect(lab, ROCE_CM_REJ);
	g_assert_cmpint(lab->said.rej.reason, ==, ROCE_REJ_STALE_CONNECTION);
	g_assert_cmpuint(lab->said.rej.remote_id, ==, 3);
	g_assert_cmpuint(lab->requests->len, ==, 2);
	lab->rnic->ops->id_move(request(lab, 0), lab->ctx[1], &id_cb, lab);
	run(lab);
	destroy(lab, 0);
	say_req(lab, 3, 0x100);
	g_assert_cmpuint(lab->requests->len, ==, 3);
	/* The other was not touched by it. */
	say_req(lab, 2, 0x101);
	expect(lab, ROCE_CM_MRA);
	lab_free(lab);
}

/* Numbers that have gone round leave out what is still in use. */
static void test_round(void)
{
	struct lab *lab = lab_new();
	struct soft *soft = (struct soft *)lab->rnic;
	uint32_t before = soft->next_id, first;

	say_req(lab, 1, 0x100);
	say_req(lab, 1, 0x100);
	first = lab->local_id;
	soft->next_id = before;
	say_req(lab, 2, 0x101);
	say_req(lab, 2, 0x101);
	expect(lab, ROCE_CM_MRA);
	g_assert_cmphex(lab->local_id, !=, first);
	destroy(lab, 0);
	say_req(lab, 2, 0x101);
	expect(lab, ROCE_CM_MRA);
	g_assert_cmpuint(lab->requests->len, ==, 2);
	lab_free(lab);
}

/* Nor does a reactor that left and came back begin with the same. */
static void test_reopened(void)
{
	struct lab *lab = lab_new();
	struct reactor *r = lab->core->reactors[1];
	struct net_addr to = lab->wire->ends[1].addr;
	uint32_t numbers[2];
	struct rnic_id *id;

	to.port = PORT;
	for (unsigned i = 0; i < 2; i++) {
		g_assert_cmpint(
			lab->rnic->ops->id_resolve(lab->ctx[1], &to, NULL, 1000, &id_cb, lab, &id),
			==, 0);
		numbers[i] = id->local_id;
		g_assert_cmpuint(CM_ID_INDEX(numbers[i]), ==, 1);
		lab->rnic->ops->id_destroy(id);
		reactor_rnic_put(r);
		g_assert_cmpint(reactor_rnic_get(r, &lab->ctx[1]), ==, 0);
	}
	g_assert_cmphex(numbers[0], !=, numbers[1]);
	lab_free(lab);
}

/* A request that has not been answered cannot be disconnected, nor a listener. */
static void test_disconnected_early(void)
{
	struct lab *lab = lab_new();
	struct roce_cm dreq = { 0 };

	say_req(lab, 7, 0x100);
	roce_cm_head(&dreq, ROCE_CM_DREQ, TID);
	dreq.ids = (struct roce_cm_ids){ .local_id = 7, .remote_id = request(lab, 0)->local_id };
	say(lab, &dreq);
	g_assert_cmpuint(lab->times, ==, 0);
	g_assert_cmphex(lab->events, ==, 0);
	say_req(lab, 7, 0x100);
	expect(lab, ROCE_CM_MRA);
	lab_free(lab);
}

/* What a connection has of its own, as a user makes it. */
struct queues {
	struct rnic_pd *pd;
	struct rnic_cq *cq;
	struct rnic_qp *qp;
};

static void queues_make(struct lab *lab, struct rnic_id *id, struct queues *q)
{
	const struct hw_rnic_ops *ops = lab->rnic->ops;
	struct rnic_device *dev = ops->id_device(id);
	struct rnic_qp_init init = {
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 }
	};

	g_assert_cmpint(ops->pd_alloc(dev, &q->pd), ==, 0);
	g_assert_cmpint(ops->cq_create(lab->ctx[0], dev, 16, NULL, NULL, &q->cq), ==, 0);
	init.send_cq = init.recv_cq = q->cq;
	g_assert_cmpint(ops->qp_create(id, q->pd, &init, &q->qp), ==, 0);
}

static void queues_free(struct lab *lab, struct rnic_id *id, const struct queues *q)
{
	lab->rnic->ops->qp_destroy(q->qp);
	lab->rnic->ops->id_destroy(id);
	run(lab);
	g_assert_cmpint(lab->rnic->ops->cq_destroy(q->cq), ==, 0);
	g_assert_cmpint(lab->rnic->ops->pd_dealloc(q->pd), ==, 0);
}

/* The first request is accepted; the other end is told what it asked for. */
static void accept_first(struct lab *lab, struct queues *q)
{
	struct rdma_conn_param param = { .responder_resources = 4, .initiator_depth = 4 };

	say_req(lab, 7, 0x100);
	queues_make(lab, request(lab, 0), q);
	g_assert_cmpint(lab->rnic->ops->accept(request(lab, 0), &param), ==, 0);
	run(lab);
	expect(lab, ROCE_CM_REP);
}

static void free_first(struct lab *lab, const struct queues *q)
{
	queues_free(lab, request(lab, 0), q);
	lab->requests->pdata[0] = NULL;
	lab_free(lab);
}

/*
 * The answer to our request was lost, so we know the peer's id only by the goodbye: that is
 * whom the answer is for, or it would be said again and again.
 */
static void test_disconnected_unanswered(void)
{
	struct lab *lab = lab_new();
	struct rdma_conn_param param = { .retry_count = 7 };
	struct net_addr to = lab->wire->ends[1].addr;
	struct roce_cm dreq = { 0 };
	struct rnic_id *id;
	struct queues q;

	to.port = PORT;
	g_assert_cmpint(lab->rnic->ops->id_resolve(lab->ctx[0], &to, NULL, 1000, &id_cb, lab, &id),
			==, 0);
	run(lab);
	queues_make(lab, id, &q);
	g_assert_cmpint(lab->rnic->ops->connect(id, &param), ==, 0);
	run(lab);
	g_assert_cmphex(lab->said.mad.attribute, ==, ROCE_CM_REQ);
	roce_cm_head(&dreq, ROCE_CM_DREQ, TID);
	dreq.ids = (struct roce_cm_ids){ .local_id = 7,
					 .remote_id = id->local_id,
					 .remote_qpn = lab->rnic->ops->qp_num(q.qp) };
	say(lab, &dreq);
	expect(lab, ROCE_CM_DREP);
	g_assert_cmphex(lab->said.ids.local_id, ==, id->local_id);
	g_assert_cmphex(lab->said.ids.remote_id, ==, 7);
	g_assert_true(lab->events & 1u << RDMA_CM_EVENT_DISCONNECTED);
	queues_free(lab, id, &q);
	lab_free(lab);
}

/*
 * Who says that it needs more time is waited for once for each time that it was asked; one
 * who says it for ever does not keep a queue pair for ever.
 */
static void test_more_time(void)
{
	struct lab *lab = lab_new();
	struct roce_cm mra = { 0 };
	struct queues q;

	accept_first(lab, &q);
	roce_cm_head(&mra, ROCE_CM_MRA, TID);
	mra.mra = (struct roce_cm_mra){ .local_id = 7,
					.remote_id = request(lab, 0)->local_id,
					.about = ROCE_CM_ABOUT_REP,
					.service_timeout = 20 };
	say(lab, &mra);
	lab->hw->now += roce_cm_timeout_ns(19);
	run(lab);
	g_assert_cmphex(lab->events, ==, 0);
	for (unsigned i = 0; i < 40 && lab->events == 0; i++) {
		lab->hw->now += roce_cm_timeout_ns(18);
		say(lab, &mra);
	}
	g_assert_cmphex(lab->events, ==, 1u << RDMA_CM_EVENT_UNREACHABLE);
	/* What was given up is not offered once more. */
	say_req(lab, 7, 0x100);
	g_assert_cmpuint(lab->times, ==, 0);
	free_first(lab, &q);
}

/* A stranger that gives up before it has heard of us, as Linux does: nothing waits for it. */
static void test_gave_up(void)
{
	struct lab *lab = lab_new();
	struct roce_cm rej = { 0 };
	struct queues q;

	accept_first(lab, &q);
	say_req(lab, 8, 0x101);
	roce_cm_head(&rej, ROCE_CM_REJ, TID);
	rej.rej = (struct roce_cm_rej){ .local_id = 6,
					.about = ROCE_CM_ABOUT_OTHER,
					.reason = ROCE_REJ_TIMEOUT };
	say(lab, &rej); /* somebody else */
	g_assert_cmphex(lab->events, ==, 0);
	rej.rej.local_id = 7;
	say(lab, &rej);
	g_assert_cmphex(lab->events, ==, 1u << RDMA_CM_EVENT_REJECTED);
	g_assert_cmpint(lab->rnic->ops->qp_state(q.qp), ==, IBV_QPS_ERR);
	lab->events = 0;
	/* Nor is it accepted when it has gone. */
	rej.rej.local_id = 8;
	say(lab, &rej);
	g_assert_cmphex(lab->events, ==, 1u << RDMA_CM_EVENT_REJECTED);
	g_assert_cmpint(lab->rnic->ops->reject(request(lab, 1), NULL, 0), ==, -EINVAL);
	free_first(lab, &q);
}

/* A way that is wider than the narrowest interface is used as wide as it is, and no wider. */
static void test_mtu(void)
{
	struct lab *lab = lab_new();

	lab->mtu = 4;
	say_req(lab, 1, 0x100);
	expect(lab, ROCE_CM_REJ);
	g_assert_cmpint(lab->said.rej.reason, ==, ROCE_REJ_INVALID_MTU);
	lab->wire->ends[0].mtu = 2048;
	say_req(lab, 1, 0x100);
	g_assert_cmpuint(lab->times, ==, 0);
	g_assert_cmpuint(lab->requests->len, ==, 1);
	lab->mtu = 5;
	say_req(lab, 2, 0x101);
	expect(lab, ROCE_CM_REJ);
	g_assert_cmpuint(lab->said.info_len, ==, 1);
	g_assert_cmpuint(lab->rej_info, ==, 4);
	g_assert_cmpuint(lab->requests->len, ==, 1);
	lab_free(lab);
}

static bool look(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	g_assert_true(p->bytes[1] & 0x40); /* no alternate path: migrated, always */
	if (p->bytes[7] != ROCE_GSI_QPN)
		((struct lab *)user)->tos = p->tos;
	return true;
}

/* Packets go in the class of traffic that was asked for; what marks congestion is not part of it.
 */
static void test_class(void)
{
	struct lab *lab = lab_new();
	struct ibv_send_wr wr = { .opcode = IBV_WR_SEND }, *bad;
	struct queues q;

	lab->wire->ends[0].pass = look;
	lab->wire->ends[0].user = lab;
	lab->class = 26 << 2 | 2;
	accept_first(lab, &q);
	g_assert_cmpint(lab->rnic->ops->post_send(q.qp, &wr, &bad), ==, 0);
	run(lab);
	g_assert_cmphex(lab->tos, ==, 26 << 2);
	free_first(lab, &q);
}

/* --- whatever comes --------------------------------------------------------------------------
 */

#define CHAOS_IDS 12

struct chaos {
	struct lab *lab;
	uint64_t rand;
	struct rnic_pd *pd;
	struct rnic_cq *cq[2]; /* of both reactors */
	struct chaos_id {
		struct chaos *chaos;
		struct rnic_id *id; /* NULL: none */
		struct rnic_qp *qp;
		unsigned at; /* which reactor */
	} ids[CHAOS_IDS];
	uint32_t numbers[64]; /* ids that there are or were */
	unsigned nnumbers, told;
};

static unsigned pick(struct chaos *c, unsigned n)
{
	return (unsigned)(fake_rand(&c->rand) % n);
}

static void chaos_destroy(struct chaos_id *i)
{
	const struct hw_rnic_ops *ops = i->chaos->lab->rnic->ops;

	if (i->qp)
		ops->qp_destroy(i->qp);
	if (i->id)
		ops->id_destroy(i->id);
	i->id = NULL;
	i->qp = NULL;
}

static void note_number(struct chaos *c, const struct rnic_id *id)
{
	c->numbers[c->nnumbers++ % G_N_ELEMENTS(c->numbers)] = id->local_id;
}

static void chaos_event(struct rnic_id *id, const struct rnic_cm_event *e, void *user)
{
	struct chaos_id *i = user;

	(void)e;
	g_assert_true(i->id == id);
	i->chaos->told++;
	if (pick(i->chaos, 4) == 0)
		chaos_destroy(i);
}

static const struct rnic_id_cb chaos_cb = { .event = chaos_event };

/* A request has come: somebody's now, on one of the reactors, or nobody's. */
static void chaos_request(struct chaos *c, struct rnic_id *id)
{
	const struct hw_rnic_ops *ops = c->lab->rnic->ops;
	struct chaos_id *i = &c->ids[pick(c, CHAOS_IDS)];

	if (i->id) {
		ops->id_destroy(id);
		return;
	}
	i->id = id;
	i->at = pick(c, 2);
	ops->id_move(id, c->lab->ctx[i->at], &chaos_cb, i);
	note_number(c, id);
}

static void chaos_use(struct chaos *c, struct chaos_id *i)
{
	const struct hw_rnic_ops *ops = c->lab->rnic->ops;
	struct rdma_conn_param param = { .responder_resources = (uint8_t)pick(c, 8),
					 .initiator_depth = (uint8_t)pick(c, 8),
					 .retry_count = 7 };
	struct rnic_qp_init init = { .send_cq = c->cq[i->at],
				     .recv_cq = c->cq[i->at],
				     .cap = { 4, 4, 1, 1, 0 } };
	struct net_addr to = c->lab->wire->ends[1].addr;

	to.port = PORT;
	switch (pick(c, 7)) {
	case 0:
		if (i->id)
			break;
		i->at = pick(c, 2);
		g_assert_cmpint(
			ops->id_resolve(c->lab->ctx[i->at], &to, NULL, 1, &chaos_cb, i, &i->id), ==,
			0);
		note_number(c, i->id);
		break;
	case 1:
		chaos_destroy(i);
		break;
	case 2:
		if (i->id)
			ops->disconnect(i->id);
		break;
	case 3:
		if (i->id)
			ops->reject(i->id, NULL, 0);
		break;
	default:
		if (i->id && !i->qp && ops->qp_create(i->id, c->pd, &init, &i->qp) < 0)
			i->qp = NULL;
		if (i->id && ops->accept(i->id, &param) < 0)
			ops->connect(i->id, &param);
		break;
	}
}

static void chaos_say(struct chaos *c)
{
	static const struct roce_cm none;
	struct lab *lab = c->lab;
	const struct chaos_id *i = &c->ids[pick(c, CHAOS_IDS)];
	uint32_t ours = c->numbers[pick(c, G_N_ELEMENTS(c->numbers))];
	uint32_t qpn = i->qp ? lab->rnic->ops->qp_num(i->qp) : 0x100 + pick(c, 4);
	struct roce_cm cm = none;
	uint8_t mad[ROCE_MAD_LEN];

	lab->mtu = (uint8_t)(1 + pick(c, 4));
	if (pick(c, 3) == 0) {
		say_req(lab, pick(c, 6), 0x100 + pick(c, 6));
		return;
	}
	roce_cm_head(&cm, ROCE_CM_REQ + pick(c, 11), TID);
	if (cm.mad.attribute == ROCE_CM_REQ)
		return;
	/* The two ids come first in all of them, and the rest may be anything. */
	cm.ids = (struct roce_cm_ids){ .local_id = pick(c, 6),
				       .remote_id = i->id && pick(c, 4) ? i->id->local_id : ours };
	if (cm.mad.attribute == ROCE_CM_REP) {
		cm.rep.qpn = 0x100 + pick(c, 4);
		cm.rep.responder_resources = (uint8_t)pick(c, 256);
		cm.rep.initiator_depth = (uint8_t)pick(c, 256);
		cm.rep.rnr_retry_count = (uint8_t)pick(c, 8);
	} else if (cm.mad.attribute == ROCE_CM_DREQ) {
		cm.ids.remote_qpn = qpn;
	} else if (cm.mad.attribute == ROCE_CM_MRA) {
		cm.mra.service_timeout = (uint8_t)pick(c, 32);
	} else if (cm.mad.attribute == ROCE_CM_REJ) {
		cm.rej.reason = (uint16_t)pick(c, 40);
		if (pick(c, 4) == 0)
			cm.rej = (struct roce_cm_rej){ .local_id = pick(c, 6), .reason = 4 };
	}
	g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_OK);
	roce_gsi_send(roce_device_shard(roce_soft_device(lab->far), 0), &lab->wire->ends[1].addr,
		      &lab->wire->ends[0].addr, mad);
}

static void chaos_step(struct chaos *c)
{
	struct lab *lab = c->lab;

	if (pick(c, 2) == 0)
		chaos_say(c);
	else
		chaos_use(c, &c->ids[pick(c, CHAOS_IDS)]);
	if (pick(c, 3) == 0)
		return;
	run(lab);
	while (lab->requests->len > 0)
		chaos_request(c, g_ptr_array_steal_index(lab->requests, 0));
	run(lab);
	if (pick(c, 4) == 0)
		lab->hw->now += UINT64_C(1) << (10 + pick(c, 24));
}

/*
 * A stranger that says anything at any time, with ids and queue pairs that there are, and a
 * user who does anything, inside events too: each id ends when its user lets go of it.
 */
static void test_chaos(gconstpointer arg)
{
	struct chaos c = { .lab = lab_new(), .rand = 77 + GPOINTER_TO_UINT(arg) };
	const struct hw_rnic_ops *ops = c.lab->rnic->ops;
	struct rnic_device *dev = (struct rnic_device *)c.lab->rnic;

	g_assert_cmpint(ops->pd_alloc(dev, &c.pd), ==, 0);
	for (unsigned i = 0; i < 2; i++)
		g_assert_cmpint(ops->cq_create(c.lab->ctx[i], dev, 256, NULL, NULL, &c.cq[i]), ==,
				0);
	for (unsigned i = 0; i < CHAOS_IDS; i++)
		c.ids[i].chaos = &c;
	note_number(&c, c.lab->listener);
	for (unsigned i = 0; i < 3000; i++)
		chaos_step(&c);
	run(c.lab);
	while (c.lab->requests->len > 0)
		ops->id_destroy(g_ptr_array_steal_index(c.lab->requests, 0));
	for (unsigned i = 0; i < CHAOS_IDS; i++)
		chaos_destroy(&c.ids[i]);
	g_assert_cmpuint(c.told, >, 100);
	run(c.lab);
	for (unsigned i = 0; i < 2; i++)
		g_assert_cmpint(ops->cq_destroy(c.cq[i]), ==, 0);
	g_assert_cmpint(ops->pd_dealloc(c.pd), ==, 0);
	lab_free(c.lab);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roce/cm/disconnected-early", test_disconnected_early);
	g_test_add_func("/roce/cm/disconnected-unanswered", test_disconnected_unanswered);
	g_test_add_func("/roce/cm/more-time", test_more_time);
	g_test_add_func("/roce/cm/class", test_class);
	g_test_add_func("/roce/cm/mtu", test_mtu);
	g_test_add_func("/roce/cm/gave-up", test_gave_up);
	for (unsigned i = 0; i < 20; i++) {
		g_autofree char *name = g_strdup_printf("/roce/cm/chaos/%u", i);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_chaos);
	}
	g_test_add_func("/roce/cm/sidr", test_sidr);
	g_test_add_func("/roce/cm/moved", test_moved);
	g_test_add_func("/roce/cm/stale", test_stale);
	g_test_add_func("/roce/cm/round", test_round);
	g_test_add_func("/roce/cm/reopened", test_reopened);
	return g_test_run();
}
